"""What an answer must not show to everybody: addresses and telephone numbers. And texts without them. Pure."""

import re

_TELEPHONE = re.compile(r"(?<!\d)(?:\+7|8)[\s(-]*\d{3}[\s)-]*\d{3}[\s-]*\d{2}[\s-]*\d{2}(?!\d)")
_STREET = (
    r"(?:ул(?:ица|ице|ицы|\.)|просп(?:ект|екте|екта|\.)|пр-т|пер(?:еулок|еулке|еулка|\.)|бульвар[еа]?|шоссе|наб(?:ережная"
    r"|ережной|\.)|проезд[еа]?|микрорайон[еа]?|мкр\.?)"
)
_NUMBER = r"(?:дом[еа]?|д\.|кв\.|квартир[аеы])\s*№?\s*\d"
_HOUSE = re.compile(rf"\b{_STREET}\s*[«\"]?[А-ЯЁ0-9][^\n.;!?]{{0,40}}?\d|\b{_NUMBER}", re.IGNORECASE)
_MAIL = re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@[\w-]{1,64}\.\w")  # bounded: a long word must not take seconds

_ACCOUNT = re.compile(r"\[(?:id|club|public)\d{1,20}\|[^\]\n]{0,100}\]|(?<![\w.])@\w{2,64}")
_ADDRESS_WHOLE = re.compile(
    rf"\b{_STREET}\s*[«\"]?[А-ЯЁ0-9][^\n.;!?]{{0,40}}?\d[\w/-]*|\b{_NUMBER}[\w/-]*", re.IGNORECASE
)
_MAIL_WHOLE = re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@[\w-]{1,64}(?:\.[\w-]{1,64})+")
_SHORTEST_NAME = 3
_HIDDEN = "…"

ADDRESS, TELEPHONE, MAIL = "адрес виден всем", "телефон виден всем", "почта видна всем"
_WARNINGS = {ADDRESS: _HOUSE, TELEPHONE: _TELEPHONE, MAIL: _MAIL}


def shown_to_all(text: str) -> list[str]:
    """What a public answer would tell everybody. A hint, never a refusal: it may be the office's own."""
    return [warning for warning, pattern in _WARNINGS.items() if pattern.search(text)]


def masked(text: str, author: str) -> str:
    """The text without telephones, mails, accounts, houses and its author's names: it may be shown beside others'.

    A name is met in its cases: «Ирина», «Ирине», «Ириной».
    """
    for pattern in (_MAIL_WHOLE, _ACCOUNT, _TELEPHONE, _ADDRESS_WHOLE):
        text = pattern.sub(_HIDDEN, text)
    for name in re.findall(r"[^\W\d_]+", author):
        if len(name) >= _SHORTEST_NAME:
            stem = re.escape(name[: max(len(name) - 1, _SHORTEST_NAME)])
            text = re.sub(rf"(?<!\w){stem}\w{{0,3}}(?!\w)", _HIDDEN, text, flags=re.IGNORECASE)
    return text
