"""Whom a post on a discussion board answers: VK knows no replies there, its pages write a mention before the words.

Typed as `[post91|Анна], …`; delivered as `[id100000002:bp-200000001_91|Анна], …` (person, community, post). A person
may also be named alone, `[id100000002|Анна]`. VK does not document these; what is not of this form names nobody.
"""

import re
from dataclasses import dataclass

_NUMBER = r"[1-9][0-9]{0,17}"
_MENTION = re.compile(
    rf"\s*\[(?:(?P<kind>id|club|public|event)(?P<owner>{_NUMBER})(?::bp-?{_NUMBER}_(?P<of_post>{_NUMBER}))?"
    rf"|post(?P<post>{_NUMBER}))\|"
)


@dataclass(frozen=True, slots=True)
class Mentioned:
    """Who is mentioned first (negative for a community) and by which of his posts, as far as it is said."""

    person: int | None = None
    post: int | None = None


def mentioned_first(text: str) -> Mentioned:
    """The mention at the beginning of a text."""
    found = _MENTION.match(text)
    if found is None:
        return Mentioned()
    owner, post = found["owner"], found["post"] or found["of_post"]
    person = (int(owner) if found["kind"] == "id" else -int(owner)) if owner else None
    return Mentioned(person, int(post) if post else None)
