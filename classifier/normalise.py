"""From a message to its tokens: words in one spelling, personal data replaced by the name of its kind."""

import hashlib
import re
import unicodedata
from collections.abc import Iterator

MAX_CHARACTERS = 10_000
"""Only so much of a message is read: twice the longest message of the corpus, and a bound on the work per message."""

_LETTER = r"A-Za-z\u00c0-\u024f\u0300-\u036f\u0400-\u052f"  # Latin, combining marks, Cyrillic with its national letters
PHONE = r"(?:\+?7|\b8)[\s(-]{0,3}\d{3}[\s)-]{0,3}\d{3}[\s-]?\d{2}[\s-]?\d{2}\b"
_KINDS = {
    "ссылка": r"(?:https?://|www\.|(?:m\.)?vk\.(?:com|ru|cc)/|ok\.ru/|t\.me/|max\.ru/)[^\s\]|]{1,300}",
    "имя": r"\[(?:id|club|public)(?:\d{1,20}|\[телефон\])(?:\|[^\]]{0,100})?\]|\*(?:id|club|public)\d{1,20}|@\w{2,64}",
    "почта": r"[\w.+-]{1,64}+@[\w-]{1,64}\.[\w.-]{2,64}",
    "телефон": PHONE,
    "слово": rf"[{_LETTER}]{{1,40}}",
    "число": r"[0-9]{1,20}",
}
_PIECE = re.compile("|".join(f"(?:{pattern})" for pattern in _KINDS.values()))
_KIND = re.compile("|".join(f"(?P<{kind}>{pattern})" for kind, pattern in _KINDS.items()))
_PLAIN = re.compile("|".join(f"(?:{_KINDS[kind]})" for kind in ("слово", "число")))
_THREE_DIGITS = re.compile("[0-9]{3}")
_LONGEST_PLAIN_NUMBER = 4  # house numbers and years stay; longer numbers may belong to a person


def lowered(text: str) -> str:
    """What is read of a message, in lower case, unless that would move its characters: they keep their places."""
    read = text[:MAX_CHARACTERS]
    lower = read.lower()
    return lower if len(lower) == len(read) else read


def pieces(text: str) -> list[str]:
    """The words, numbers, links, mails, phones and mentions of a message, as written, in order."""
    read = text[:MAX_CHARACTERS]
    return _pattern(read).findall(read)


def spans(text: str) -> Iterator[tuple[int, int]]:
    """Where each of :func:`pieces` stands in the message: start and end in characters."""
    read = text[:MAX_CHARACTERS]
    return (match.span() for match in _pattern(read).finditer(read))


def _pattern(text: str) -> re.Pattern[str]:
    """The quick pattern where no link, mail, phone or mention can stand: both would cut such a text alike."""
    if "@" in text or "/" in text or "[" in text or "*" in text or "www." in text or _THREE_DIGITS.search(text):
        return _PIECE
    return _PLAIN


def token(piece: str) -> str:
    """One spelling of a piece: lower case, ``ё`` as ``е``, no stress marks; personal data become their kind."""
    found = _KIND.fullmatch(piece)
    kind = found.lastgroup if found else None
    if kind == "слово":
        return _plain(piece)
    if kind == "число" and len(piece) <= _LONGEST_PLAIN_NUMBER:
        return piece
    return kind or "число"


def is_word(piece: str) -> bool:
    """Whether a piece is a plain word, neither a number nor a mask put there by whoever prepared the corpus."""
    return token(piece).isalpha() and token(piece) not in _KINDS


def _plain(word: str) -> str:
    lowered = word.lower().replace("ё", "е")
    if lowered.isalpha() and unicodedata.is_normalized("NFC", lowered):  # nearly every word: no marks to take off
        return lowered
    composed = unicodedata.normalize("NFC", word).lower().replace("ё", "е")
    return "".join(letter for letter in composed if not unicodedata.combining(letter))


def fingerprint(text: str, salt: str = "") -> float:
    """A number in [0, 1) that equal messages share whatever their case and punctuation: splits follow it."""
    plain = re.sub(r"\W+", " ", text.lower().replace("ё", "е")).strip()
    digest = hashlib.sha1(f"{salt}{plain}".encode(errors="surrogatepass"), usedforsecurity=False).digest()
    return int.from_bytes(digest[:7], "big") / 2**56
