"""Encryption at rest: AES-256-GCM (NIST SP 800-38D) for credentials and raw deliveries.

The key comes from APPEALS_SECRET_KEY or from `secret.key` in the data folder; there is no default.
"""

import base64
import os
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from app.settings import Settings

NONCE_BYTES = 12
KEY_BYTES = 32


class SecretKeyMissing(RuntimeError):
    """No usable key: starting would mean storing secrets in the clear."""


class CannotDecrypt(RuntimeError):
    """The data was encrypted with another key, or damaged."""


class Vault:
    """Seals and opens byte strings. Thread-safe."""

    def __init__(self, key: bytes) -> None:
        if len(key) != KEY_BYTES:
            raise SecretKeyMissing("Ключ шифрования должен быть ровно 32 байта (base64 в APPEALS_SECRET_KEY)")
        self._cipher = AESGCM(key)

    def seal(self, data: bytes) -> bytes:
        """Nonce followed by ciphertext and tag."""
        nonce = os.urandom(NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, data, None)

    def open(self, sealed: bytes) -> bytes:
        """The sealed data. Raises CannotDecrypt."""
        try:
            return self._cipher.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], None)
        except (InvalidTag, ValueError) as error:
            raise CannotDecrypt("Данные зашифрованы другим ключом или повреждены") from error


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
    try:
        return Vault(base64.b64decode(text, validate=True))
    except ValueError as error:
        raise SecretKeyMissing("APPEALS_SECRET_KEY: ожидается base64") from error
