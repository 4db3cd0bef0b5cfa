"""The labels of a classifier, read from the file that lists them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TypeGuard


class NoLabels(Exception):
    """The file lists no topics in a form known here."""


@dataclass(frozen=True, slots=True)
class LabelList:
    """Topics and topic groups that a classifier may predict."""

    topics: tuple[str, ...]
    groups: tuple[str, ...]


def read_labels(path: Path) -> LabelList:
    """Labels of a JSON file: a classifier's manifest, `{"labels": {"topic": […], "topic_group": […]}, …}`, or a
    taxonomy, `{group: [topic, …], …}`.

    Raises NoLabels, OSError, and ValueError when the file is not JSON.
    """
    document = json.loads(path.read_text("utf-8"))
    if not isinstance(document, dict) or not document:
        raise NoLabels(f"{path.name}: нужен объект JSON с метками")
    if all(_is_names(topics) for topics in document.values()):
        return LabelList(tuple(topic for topics in document.values() for topic in topics), tuple(document))
    labels = document.get("labels")
    if not isinstance(labels, dict) or not _is_names(labels.get("topic")) or not _is_names(labels.get("topic_group")):
        raise NoLabels(f"{path.name}: нет списков labels.topic и labels.topic_group")
    return LabelList(tuple(labels["topic"]), tuple(labels["topic_group"]))


def _is_names(value: object) -> TypeGuard[list[str]]:
    return isinstance(value, list) and bool(value) and all(isinstance(name, str) for name in value)
