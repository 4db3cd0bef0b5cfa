"""Names and documents of people, hidden before a message teaches a model.

:mod:`classifier.normalise` already turns links, mails, phones, mentions and numbers of five and more digits into the
name of their kind. What is left is what only looks like words: a person's name with patronymic or initials, a name
after «меня зовут», and numbers of documents written in short groups. They become an ``@``-mention or a long number,
which normalisation then calls «имя» and «число». Judging needs none of this: it keeps nothing.
"""

import re
from typing import Final

from classifier.normalise import MAX_CHARACTERS, PHONE

_NAME: Final = r"[А-ЯЁ][а-яё]{1,30}(?:-[А-ЯЁ][а-яё]{1,30})?"
_PATRONYMIC: Final = (
    r"[А-ЯЁ][а-яё]{1,20}"
    r"(?:[оеё]вич(?:а|у|ем|е)?|[иы]ч(?:а|у|ом|е)?|[оеё]вн(?:а|ы|е|у|ой|ою)|ичн(?:а|ы|е|у|ой)|инична|иничны)"
)
_PEOPLE: Final = re.compile(
    rf"(?:\b{_NAME}\s+)?\b{_NAME}\s+{_PATRONYMIC}\b(?:\s+{_NAME}\b)?"
    rf"|\b{_NAME}\s+[А-ЯЁ]\.\s?(?:[А-ЯЁ]\.)?"
    rf"|\b[А-ЯЁ]\.\s?[А-ЯЁ]\.\s?{_NAME}\b"
    rf"|(?<=зовут\s){_NAME}(?:\s+{_NAME}){{0,2}}"
)
_NUMBER: Final = re.compile(rf"({PHONE})|\b\d{{2,4}}(?:[ \-]\d{{2,6}}){{2,4}}\b|\b\d{{4}} \d{{6}}\b")
"""Phones, which normalisation knows, or numbers in groups: СНИЛС, cards, passports."""
_HIDDEN: Final = "0000000000"


def masked(text: str) -> str:
    """The message without names, documents and numbers of people, as far as they can be told from other words."""
    return _NUMBER.sub(lambda found: found[1] or _HIDDEN, _PEOPLE.sub("@имя", text[:MAX_CHARACTERS]))
