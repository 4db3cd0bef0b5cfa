"""Messages judged per second on one core, from raw text to all guesses, against plain scikit-learn, interleaved.

Texts are words of the tests' own messages mixed anew to the mean length of real ones, every twentieth word never seen
before, so that the cache of words does not flatter. The references know only the six topics of those messages: their
matrices are tiny, which flatters them.
"""

import csv
import json
import random
import statistics
from collections.abc import Callable
from pathlib import Path
from time import process_time

import numpy as np
import Stemmer
from sklearn.feature_extraction.text import CountVectorizer, TfidfTransformer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.svm import LinearSVC

from classifier import Judge
from classifier.dataset import STARTER_KINDS

CORPUS = Path(__file__).parents[1] / "classifier" / "own_corpus.csv"
TEXTS, WORDS_A_TEXT, NEW_WORD_EVERY, SINGLE_TEXTS, ROUNDS = 4_096, 36, 20, 200, 3
LETTERS = "абвгдежзиклмнопрстуфхцчшщыэюя"


def run() -> dict[str, dict[str, object]]:
    """Medians of three rounds, each with its own texts; time is processor time."""
    chance = random.Random(2026)
    judge = Judge.load()
    plain, stems, signalen = reference_models()
    speeds: dict[str, list[float]] = {"judge": [], "plain": [], "stems": [], "signalen": [], "single": []}
    for _ in range(ROUNDS):
        texts = mixed_texts(chance)
        speeds["judge"].append(per_second(judge.judge, texts))
        for name, models in (("plain", plain), ("stems", stems), ("signalen", signalen)):
            speeds[name].append(per_second(all_labels(models), texts))
        speeds["single"].append(per_second(lambda few: [judge.judge([text]) for text in few], texts[:SINGLE_TEXTS]))
    medians = {name: statistics.median(values) for name, values in speeds.items()}
    entries = {
        f"judge_texts_per_second{suffix}": {
            "value": round(medians["judge"]),
            "unit": "texts/s",
            "reference": round(medians[name]),
            "ratio": round(medians["judge"] / medians[name], 2),
            "goal": 5000,
        }
        for suffix, name in (("", "stems"), ("_vs_plain_words", "plain"), ("_vs_signalen", "signalen"))
    }
    one = {"value": round(1000 / medians["single"], 2), "unit": "ms", "reference": None, "ratio": None, "goal": 2}
    return {**entries, "judge_one_text_ms": one}


def per_second(judge: Callable[[list[str]], object], texts: list[str]) -> float:
    start = process_time()
    judge(texts)
    return len(texts) / (process_time() - start)


def all_labels(models: list[Pipeline]) -> Callable[[list[str]], object]:
    return lambda texts: [model.predict(texts) for model in models]


def mixed_texts(chance: random.Random) -> list[str]:
    words = [word for row in own_rows() for word in row["text"].split()]
    return [
        " ".join(
            "".join(chance.choices(LETTERS, k=7)) if place % NEW_WORD_EVERY == 7 else chance.choice(words)
            for place in range(WORDS_A_TEXT)
        )
        for _ in range(TEXTS)
    ]


def own_rows() -> list[dict[str, str]]:
    with CORPUS.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def reference_models() -> tuple[list[Pipeline], list[Pipeline], list[Pipeline]]:
    """One pipeline a kind of label: words with LinearSVC, stems with LinearSVC, and the recipe of Signalen."""
    rows = own_rows()
    texts = [row["text"] for row in rows]
    stem = Stemmer.Stemmer("russian").stemWords
    split = CountVectorizer().build_tokenizer()

    def stems(text: str) -> list[str]:
        return stem(split(text.lower()))  # type: ignore[no-any-return]

    recipes: list[Callable[[], Pipeline]] = [
        lambda: make_pipeline(TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True), LinearSVC()),
        lambda: make_pipeline(
            TfidfVectorizer(
                ngram_range=(1, 2), sublinear_tf=True, tokenizer=stems, token_pattern=None, lowercase=False
            ),
            LinearSVC(),
        ),
        lambda: make_pipeline(
            CountVectorizer(),
            TfidfTransformer(use_idf=False),
            OneVsRestClassifier(
                LogisticRegression(C=10, l1_ratio=1, solver="liblinear", max_iter=5000, tol=1e-3, random_state=0)
            ),
        ),
    ]
    fitted = [
        [recipe().fit(texts, np.array([row[kind] for row in rows])) for kind in STARTER_KINDS] for recipe in recipes
    ]
    return fitted[0], fitted[1], fitted[2]


if __name__ == "__main__":
    print(json.dumps(run(), ensure_ascii=False, indent=2))
