"""The model card: what a model was taught, how well it judges what it had not seen, what it is not good for."""

from typing import Any, Final

from classifier.artifact import Manifest
from classifier.survey import Survey

FIGURES: Final = (
    ("точность", "accuracy"),
    ("взвеш. F1", "weighted_f1"),
    ("макро F1", "macro_f1"),
    ("в первых трёх", "top3"),
    ("ECE", "ece"),
    ("доля при 95 %", "coverage95"),
)
LIMITS: Final = """## Чего модель не может

- Она знает только те метки, которым её учили, и только так, как размечали люди в этом файле.
- Редкие метки почти не угадываются: показывайте первые три догадки.
- Вероятность обращения служит для сортировки, а не для того, чтобы выбрасывать сообщения.
- Оценка верна, пока сообщения похожи на обучающие: новый край, новая площадка и новый год требуют новой проверки.
"""


def card(manifest: Manifest, found: Survey) -> str:
    """Markdown in Russian, for the folder of the model."""
    provenance = manifest.provenance
    sources = "; ".join(f"{one['file']}, {one['rows']} строк" for one in provenance["sources"])
    base = provenance.get("base")
    lines = [
        f"# Модель {manifest.version}",
        "",
        f"Обучена {manifest.created}. Данные: {sources}. " + (f"Основа: модель {base}." if base else "Обучена с нуля."),
        "",
        "## Данные",
        "",
        *[f"- {sentence.strip()}" for sentence in found.sentences()],
        "",
        *_circumstances(manifest),
        *_figures("Пять частей: каждую судит модель, обученная на четырёх других", manifest.metrics["out_of_fold"]),
        *_figures(
            "Те же пять частей по одному тексту: смесь найдена без обстоятельств",
            manifest.metrics.get("out_of_fold_text_alone", {}),
        ),
        *_figures("Отложенная пятая часть", manifest.metrics.get("held_out", {})),
        *_figures("Точный уровень, пять частей", manifest.metrics.get("accurate_out_of_fold", {})),
        "## Пороги",
        "",
        *[
            f"- {kind}: от {threshold:.3f} верны {manifest.targets[kind]:.1%}"
            for kind, threshold in manifest.thresholds.items()
        ],
        "",
        LIMITS,
    ]
    return "\n".join(lines)


def card_of_first_judge(manifest: Manifest, report: list[str]) -> str:
    """Of a model that descriptions alone have made: it says that nobody knows how good it is."""
    source = manifest.provenance["sources"][0]
    return "\n".join([
        f"# Модель {manifest.version}",
        "",
        f"Составлена {manifest.created} по описаниям меток: {source['file']}, {source['rows']} строк. "
        f"Основа: модель {manifest.provenance['base']}.",
        "",
        *[f"- {sentence}" for sentence in report],
        "",
        "## Оценка неизвестна",
        "",
        "Ни одного размеченного сообщения этого края модель не видела, поэтому её точности и вероятностей никто не "
        "мерил. Без человека по ней не решают ничего: порог равен единице. Разметьте первые двести сообщений и "
        "сравните.",
        "",
        LIMITS,
    ])  # fmt: skip


def _circumstances(manifest: Manifest) -> list[str]:
    """What the model heeds besides the text, and how much."""
    if not manifest.circumstances:
        return []
    told = []
    for name, values in manifest.circumstances.items():
        heard = [(kind, manifest.blend[kind].circumstances.get(name, 0.0)) for kind in manifest.kinds]
        told.append(f"- {name}: значений {len(values)}; вес " + ", ".join(f"{kind} {one:.2f}" for kind, one in heard))
    return [
        "## Обстоятельства",
        "",
        "Кроме текста модель слушает то, что известно о сообщении и без него. Сообщение без значения или с незнакомым "
        "значением она судит по тексту.",
        "",
        *told,
        "",
    ]


def _figures(title: str, metrics: dict[str, Any]) -> list[str]:
    kinds = {kind: values for kind, values in metrics.items() if "weighted_f1" in values}
    if not kinds:
        return []
    head = f"| метка | строк | {' | '.join(name for name, _ in FIGURES)} |"
    return [f"## {title}", "", head, "|---" * (len(FIGURES) + 2) + "|", *map(_row, kinds, kinds.values()), ""]


def _row(kind: str, values: dict[str, Any]) -> str:
    deviation = values.get("deviation", {})
    cells = [f"{values[name]:.3f}" + (f" ± {deviation[name]:.3f}" if name in deviation else "") for _, name in FIGURES]
    return f"| {kind} | {values['rows']} | {' | '.join(cells)} |"
