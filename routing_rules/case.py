"""The facts as rules see them."""

from __future__ import annotations

from routing_rules.model import Facts
from routing_rules.words import tokens_of


class Case:
    """Facts with the labels that are believed: those below their threshold are not there."""

    __slots__ = ("_tokens", "facts", "group", "owner", "topics")

    def __init__(self, facts: Facts, topics: tuple[str, ...], group: str | None) -> None:
        self.facts = facts
        self.topics = topics
        self.group = group
        self.owner = str(facts.page_department) if facts.page_department else None
        self._tokens: list[str] | None = None

    def tokens(self) -> list[str]:
        """Words of the text in normal form, found when first asked for: most cases are decided without them."""
        if self._tokens is None:
            self._tokens = tokens_of(self.facts.text)
        return self._tokens
