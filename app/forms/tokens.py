"""What a form and its receipt carry through a stranger's hands: sealed, so that nobody can make one up or read it.

Both say which page they belong to. A receipt is its own secret: nothing of it is stored.
"""

import base64
import hashlib
import secrets
from datetime import datetime
from typing import TypeVar

import msgspec

from app.vault import CannotDecrypt, Vault

NONCE_BYTES = 9
NUMBER_LETTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # without I, L, O, U, which are misread
NUMBER_GROUPS, GROUP_LETTERS = 3, 4
LETTER_BITS = 5


class FormToken(msgspec.Struct, tag="form", array_like=True, frozen=True):
    """One opened form; `issued_at` is in Unix seconds."""

    page_id: int
    nonce: str
    issued_at: int

    def number_of(self, content: bytes) -> str:
        """The number of what was sent with this form: «4K7P-92QM-XX7A».

        The same words sent twice have one number, other words from the same form another.
        """
        digest = hashlib.sha256(f"{self.page_id}:{self.nonce}:".encode() + content).digest()
        rest, letters = int.from_bytes(digest), []
        for _ in range(NUMBER_GROUPS * GROUP_LETTERS):
            rest, place = divmod(rest, 2**LETTER_BITS)
            letters.append(NUMBER_LETTERS[place])
        groups = ["".join(letters[start : start + GROUP_LETTERS]) for start in range(0, len(letters), GROUP_LETTERS)]
        return "-".join(groups)


class Receipt(msgspec.Struct, tag="receipt", array_like=True, frozen=True):
    """Leads to the state of one submission."""

    page_id: int
    number: str


Token = TypeVar("Token", FormToken, Receipt)


def new_form(page_id: int, now: datetime) -> FormToken:
    """A form that is being opened now."""
    return FormToken(page_id, secrets.token_urlsafe(NONCE_BYTES), int(now.timestamp()))


def sealed(vault: Vault, token: FormToken | Receipt) -> str:
    """The token as text that fits into an address."""
    return base64.urlsafe_b64encode(vault.seal(msgspec.json.encode(token))).decode().rstrip("=")


def opened(vault: Vault, text: str, kind: type[Token]) -> Token | None:
    """The token behind the text; None if it is not ours or of another kind."""
    try:
        data = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        return msgspec.json.decode(vault.open(data), type=kind)
    except (CannotDecrypt, ValueError):  # MsgspecError and binascii.Error are ValueErrors
        return None
