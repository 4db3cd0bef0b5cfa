"""Encryption at rest: AES-256-GCM (NIST SP 800-38D) for credentials and raw deliveries.

The key comes from APPEALS_SECRET_KEY or from `secret.key` in the data folder; there is no default. Keys that were used
before stand in APPEALS_OLD_SECRET_KEYS: the newest key seals, all of them open.
"""

import base64
import hashlib
import hmac
import os
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from app.settings import Settings

NONCE_BYTES = 12
KEY_BYTES = 32
FORMAT = b"\x01"
MARK_BYTES = 9


class SecretKeyMissing(RuntimeError):
    """No usable key: starting would mean storing secrets in the clear."""


class CannotDecrypt(RuntimeError):
    """The data was encrypted with another key, or damaged."""


class Vault:
    """Seals with the first key, opens with any. Thread-safe.

    Sealed bytes are a version, the id of the key (the two are `mark`, authenticated with the data), the nonce, the
    ciphertext and its tag. Bytes of the first releases had no mark: they are tried with every key.
    """

    def __init__(self, key: bytes, *old_keys: bytes) -> None:
        if any(len(one) != KEY_BYTES for one in (key, *old_keys)):
            raise SecretKeyMissing("Ключ шифрования должен быть ровно 32 байта (base64 в APPEALS_SECRET_KEY)")
        self._ciphers = {_mark(one): AESGCM(one) for one in (key, *old_keys)}
        self.mark = _mark(key)
        self._hash_keys = [hashlib.sha256(b"appeals hash key" + one).digest() for one in (key, *old_keys)]

    def seal(self, data: bytes) -> bytes:
        """Mark and nonce followed by ciphertext and tag."""
        nonce = os.urandom(NONCE_BYTES)
        return self.mark + nonce + self._ciphers[self.mark].encrypt(nonce, data, self.mark)

    def open(self, sealed: bytes) -> bytes:
        """The sealed data. Raises CannotDecrypt."""
        mark = sealed[:MARK_BYTES]
        cipher = self._ciphers.get(mark)
        opened = _opened(cipher, sealed[MARK_BYTES:], mark) if cipher else None
        if opened is not None:
            return opened
        for cipher in self._ciphers.values():  # without a mark, or with a nonce that happens to look like one
            opened = _opened(cipher, sealed, None)
            if opened is not None:
                return opened
        raise CannotDecrypt("Данные зашифрованы другим ключом или повреждены")

    def fingerprints(self, data: bytes) -> list[str]:
        """Keyed hashes by which data is known again and cannot be guessed without the key, by the newest key first."""
        return [hmac.digest(key, data, "sha256").hex() for key in self._hash_keys]

    def is_sealed_by_newest(self, sealed: bytes) -> bool:
        """Whether these bytes need no re-sealing after a change of keys."""
        return sealed.startswith(self.mark)


def _mark(key: bytes) -> bytes:
    """The version of the format and the id of a key; the id tells nothing about the key."""
    return FORMAT + hashlib.sha256(b"appeals key id" + key).digest()[: MARK_BYTES - len(FORMAT)]


def _opened(cipher: AESGCM, sealed: bytes, mark: bytes | None) -> bytes | None:
    try:
        return cipher.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], mark)
    except (InvalidTag, ValueError):
        return None


def key_file(settings: Settings) -> Path:
    """Where the key lives when the environment gives none."""
    return settings.data_dir / "secret.key"


def create_key_file(settings: Settings) -> None:
    """Make a random key, readable by its owner only. Does nothing when a key exists."""
    path = key_file(settings)
    if settings.secret_key.get_secret_value() or path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(base64.b64encode(os.urandom(KEY_BYTES)))


def open_vault(settings: Settings) -> Vault:
    """The vault of this installation. Raises SecretKeyMissing."""
    text = settings.secret_key.get_secret_value()
    if not text and key_file(settings).exists():
        text = key_file(settings).read_text().strip()
    if not text:
        raise SecretKeyMissing("Задайте APPEALS_SECRET_KEY или запустите `appeals up`, он создаст ключ в папке данных")
    old = settings.old_secret_keys.get_secret_value().split(",")
    return Vault(
        _key_of(text, "APPEALS_SECRET_KEY"),
        *(_key_of(one.strip(), "APPEALS_OLD_SECRET_KEYS") for one in old if one.strip()),
    )


def _key_of(text: str, name: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except ValueError as error:
        raise SecretKeyMissing(f"{name}: ожидается base64") from error
