"""The source of a delivery as an operator may see it: structure and names, people's words and ids hidden. Pure."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from app.platforms.untrusted import NotJson, decode_json

INDENT = "  "
HIDDEN = "●"
MOST_LINES = 200
MOST_HIDDEN = 40
DEEPEST = 12
DELIVERY_ID = "event_id"
SHORT_ID = 12
SHOWN_STRINGS = {
    "type", "v", "join_type", "object_type", "update_type", "chat_type", "webhookType", "event", "status", "entityType",
}  # fmt: skip
PERSONS = {"from", "sender", "user", "chat", "sender_chat", "owner", "via_bot", "contact"}
PERSON_NUMBERS = {
    "from_id", "user_id", "peer_id", "deleter_id", "liker_id", "admin_author_id", "reply_to_user", "member_id",
    "signer_id", "created_by", "owner_id", "to_id", "photo_owner_id", "video_owner_id", "post_owner_id",
    "chat_id", "phone", "lat", "latitude", "long", "longitude",
}  # fmt: skip
FIELD_IN_ERROR = re.compile(r"Поле (?P<path>[\w.]+)")


@dataclass(frozen=True, slots=True)
class SourceLine:
    """One line; `is_problem` marks the field that the error names."""

    text: str
    is_problem: bool = False


def masked_source(payload: bytes, error: str = "") -> list[SourceLine]:
    """The delivery as indented JSON, at most MOST_LINES lines; a field that the error misses is shown as absent."""
    try:
        value = decode_json(payload)
    except NotJson:
        return [SourceLine("(не JSON: показать без личных данных нельзя)", is_problem=True)]
    lines: list[SourceLine] = []
    for line in _lines(value, problem=_problem(error)):
        if len(lines) == MOST_LINES:
            return [*lines, SourceLine("…")]
        lines.append(line)
    return lines


def _problem(error: str) -> tuple[str, ...]:
    found = FIELD_IN_ERROR.search(error)
    return tuple(found["path"].strip(".").split(".")) if found else ()


def _lines(
    value: Any, name: str = "", depth: int = 0, problem: tuple[str, ...] = (), comma: str = "", above: str = ""
) -> Iterator[SourceLine]:
    """`problem` is the path from here to the field in question, () off that path, ("",) at the field itself.

    `above` is the name of the object that holds this field: the `id` of a person is hidden, that of a post is not.
    """
    head = INDENT * depth + (f"{_quoted(name)}: " if name else "")
    is_problem = problem == ("",)
    if isinstance(value, dict) and value and depth < DEEPEST:
        yield SourceLine(head + "{", is_problem)
        yield from _members(value, depth + 1, problem, name)
        yield SourceLine(INDENT * depth + "}" + comma)
    elif isinstance(value, list) and value and depth < DEEPEST:
        yield SourceLine(head + "[", is_problem)
        for number, item in enumerate(value, start=1):
            yield from _lines(item, "", depth + 1, (), "," if number < len(value) else "")
        yield SourceLine(INDENT * depth + "]" + comma)
    else:
        yield SourceLine(head + _scalar(name, value, above) + comma, is_problem)


def _members(value: dict[str, Any], depth: int, problem: tuple[str, ...], above: str) -> Iterator[SourceLine]:
    wanted = problem[0] if problem else ""
    names = list(value)
    if wanted and wanted not in value:
        yield SourceLine(f"{INDENT * depth}{_quoted(wanted)}: (нет),", is_problem=True)
    for name in names:
        below = (problem[1:] or ("",)) if name == wanted else ()
        yield from _lines(value[name], name, depth, below, "," if name != names[-1] else "", above)


def _scalar(name: str, value: Any, above: str) -> str:
    if isinstance(value, str):
        return _quoted(_shown(name, value))
    if isinstance(value, dict | list):
        return "{…}" if isinstance(value, dict) and value else "[…]" if value else json.dumps(value)
    is_number = isinstance(value, int | float) and not isinstance(value, bool) and value > 0
    is_person = is_number and (name in PERSON_NUMBERS or (name == "id" and above in PERSONS))
    return HIDDEN * 3 if is_person else json.dumps(value)


def _shown(name: str, text: str) -> str:
    if name == DELIVERY_ID and len(text) > SHORT_ID:
        return f"{text[:4]}…{text[-3:]}"
    return text if name in SHOWN_STRINGS or name == DELIVERY_ID else _hidden(text)


def _hidden(text: str) -> str:
    """Words as rows of dots: how much was written shows, what was written does not."""
    dots = re.sub(r"\S", HIDDEN, re.sub(r"\s+", " ", text[: MOST_HIDDEN + 1]))
    return dots if len(text) <= MOST_HIDDEN else dots[:MOST_HIDDEN] + "…"


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
