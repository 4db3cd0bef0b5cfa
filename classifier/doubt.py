"""The honest sentence for the card: why a guess should not be believed without a person."""

from collections.abc import Sequence
from typing import Final

from classifier.judge import Evidence, Guess

NEARLY_EQUAL: Final = 0.8
"""Neither of two labels is the better guess when the second is at least so many times as likely as the first."""
BARELY: Final = 0.25
"""Below this even the best guess is hardly one."""


def doubt(guesses: Sequence[Guess], threshold: float, evidence: Sequence[Evidence] = (), what: str = "метка") -> str:
    """A sentence in Russian; empty where the best guess may be believed.

    ``threshold`` is the model's for this kind of labels, ``evidence`` what spoke for the best guess, ``what`` the word
    for such a label in the sentence.
    """
    if not guesses:
        return "Модель таких меток не знает."
    best = guesses[0]
    if best.probability >= threshold:
        return ""
    if not evidence:
        return "Ни одно слово сообщения ни о чём не говорит модели: догадка — просто самая частая метка."
    equals = [one for one in guesses if one.probability >= NEARLY_EQUAL * best.probability]
    if best.probability < BARELY:
        return f"Модель не знает: даже лучшей догадке — «{best.label}» — она даёт {best.probability:.0%}."
    if len(equals) > 1:
        names = " и ".join(f"«{one.label}»" for one in equals)
        return f"Почти равно вероятны: {names}. Решать человеку."
    return (
        f"{what.capitalize()} «{best.label}» вероятнее других ({best.probability:.0%}), но ниже порога {threshold:.0%}."
    )
