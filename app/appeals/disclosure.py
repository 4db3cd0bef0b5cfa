"""What an answer must not show to everybody: addresses and telephone numbers in a text. Pure."""

import re

_TELEPHONE = re.compile(r"(?<!\d)(?:\+7|8)[\s(-]*\d{3}[\s)-]*\d{3}[\s-]*\d{2}[\s-]*\d{2}(?!\d)")
_STREET = (
    r"(?:ул(?:ица|ице|ицы|\.)|просп(?:ект|екте|екта|\.)|пр-т|пер(?:еулок|еулке|еулка|\.)|бульвар[еа]?|шоссе|наб(?:ережная"
    r"|ережной|\.)|проезд[еа]?|микрорайон[еа]?|мкр\.?)"
)
_NUMBER = r"(?:дом[еа]?|д\.|кв\.|квартир[аеы])\s*№?\s*\d"
_HOUSE = re.compile(rf"\b{_STREET}\s*[«\"]?[А-ЯЁ0-9][^\n.;!?]{{0,40}}?\d|\b{_NUMBER}", re.IGNORECASE)
_MAIL = re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@[\w-]{1,64}\.\w")  # bounded: a long word must not take seconds

ADDRESS, TELEPHONE, MAIL = "адрес виден всем", "телефон виден всем", "почта видна всем"
_WARNINGS = {ADDRESS: _HOUSE, TELEPHONE: _TELEPHONE, MAIL: _MAIL}


def shown_to_all(text: str) -> list[str]:
    """What a public answer would tell everybody. A hint, never a refusal: it may be the office's own."""
    return [warning for warning, pattern in _WARNINGS.items() if pattern.search(text)]
