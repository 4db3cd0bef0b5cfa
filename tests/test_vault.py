"""Secrets at rest: sealed with the installation's own key, which has no default."""

import base64
import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from pydantic import SecretStr

from app.settings import Settings
from app.vault import CannotDecrypt, SecretKeyMissing, Vault, create_key_file, key_file, open_vault

KEY = bytes(range(32))
OLD_KEY, OLDEST_KEY = KEY[::-1], b"o" * 32


def settings_with(folder: Path, secret_key: str = "", old_keys: str = "") -> Settings:
    return Settings(
        _env_file=None, data_dir=folder, secret_key=SecretStr(secret_key), old_secret_keys=SecretStr(old_keys)
    )


def text_of(key: bytes) -> str:
    return base64.b64encode(key).decode()


def test_what_is_sealed_is_opened_and_never_looks_the_same() -> None:
    vault = Vault(KEY)
    first, second = vault.seal("Слово".encode()), vault.seal("Слово".encode())
    assert first != second
    assert "Слово".encode() not in first
    assert vault.open(first) == vault.open(second) == "Слово".encode()
    assert vault.open(vault.seal(b"")) == b""


@pytest.mark.parametrize("length", [0, 1, 8, 9, 20, 21, 22, 36, 37])
def test_what_is_cut_off_is_refused(length: int) -> None:
    with pytest.raises(CannotDecrypt):
        Vault(KEY).open(Vault(KEY).seal(b"secret")[:length])


def test_every_changed_byte_is_noticed() -> None:
    sealed = Vault(KEY).seal(b"secret")
    for place in range(len(sealed)):
        broken = sealed[:place] + bytes([sealed[place] ^ 1]) + sealed[place + 1 :]
        with pytest.raises(CannotDecrypt):
            Vault(KEY).open(broken)


def test_another_key_opens_nothing() -> None:
    with pytest.raises(CannotDecrypt, match="другим ключом"):
        Vault(KEY[::-1]).open(Vault(KEY).seal(b"secret"))


@pytest.mark.parametrize("length", [0, 16, 31, 33])
def test_a_key_is_32_bytes(length: int) -> None:
    with pytest.raises(SecretKeyMissing, match="32"):
        Vault(b"k" * length)


def test_without_a_key_nothing_starts(tmp_path: Path) -> None:
    with pytest.raises(SecretKeyMissing, match="APPEALS_SECRET_KEY"):
        open_vault(settings_with(tmp_path))


@pytest.mark.parametrize("text", ["не base64", "a2V5", "====", base64.b64encode(b"short").decode()])
def test_a_key_that_is_none_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(SecretKeyMissing):
        open_vault(settings_with(tmp_path, text))


def test_a_made_key_is_random_stays_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    settings, other = settings_with(tmp_path / "data"), settings_with(tmp_path / "other")
    for one in (settings, other):
        create_key_file(one)
    made = key_file(settings).read_bytes()
    assert stat.S_IMODE(key_file(settings).stat().st_mode) == 0o600
    assert made != key_file(other).read_bytes()
    create_key_file(settings)
    assert key_file(settings).read_bytes() == made
    assert open_vault(settings).open(open_vault(settings).seal(b"x")) == b"x"


def test_the_environments_key_wins_and_no_file_is_made(tmp_path: Path) -> None:
    settings = settings_with(tmp_path, base64.b64encode(KEY).decode())
    create_key_file(settings)
    assert not key_file(settings).exists()
    assert open_vault(settings).open(Vault(KEY).seal(b"x")) == b"x"


def test_the_newest_key_seals_and_every_key_opens() -> None:
    vault = Vault(KEY, OLD_KEY, OLDEST_KEY)
    for earlier in (Vault(OLD_KEY), Vault(OLDEST_KEY), Vault(KEY)):
        assert vault.open(earlier.seal(b"secret")) == b"secret"
    sealed = vault.seal(b"secret")
    assert Vault(KEY).open(sealed) == b"secret"
    with pytest.raises(CannotDecrypt):
        Vault(OLD_KEY, OLDEST_KEY).open(sealed)


def test_it_is_seen_which_bytes_are_still_under_an_old_key() -> None:
    vault = Vault(KEY, OLD_KEY)
    assert vault.is_sealed_by_newest(vault.seal(b"x"))
    assert not vault.is_sealed_by_newest(Vault(OLD_KEY).seal(b"x"))
    assert vault.mark != Vault(OLD_KEY).mark
    assert KEY[:4] not in vault.mark


@pytest.mark.parametrize("nonce", [b"n" * 12, Vault(KEY).mark + b"123"])
def test_bytes_of_the_first_releases_still_open(nonce: bytes) -> None:
    """They had no mark: nonce, ciphertext, tag."""
    sealed = nonce + AESGCM(KEY).encrypt(nonce, b"secret", None)
    assert Vault(KEY).open(sealed) == b"secret"
    assert Vault(OLD_KEY, KEY).open(sealed) == b"secret"


def test_a_mark_cannot_be_exchanged() -> None:
    vault = Vault(KEY, OLD_KEY)
    sealed = Vault(OLD_KEY).seal(b"secret")
    with pytest.raises(CannotDecrypt):
        vault.open(vault.mark + sealed[len(vault.mark) :])


def test_old_keys_come_from_the_settings(tmp_path: Path) -> None:
    vault = open_vault(settings_with(tmp_path, text_of(KEY), f"{text_of(OLD_KEY)}, {text_of(OLDEST_KEY)},"))
    assert vault.open(Vault(OLD_KEY).seal(b"x")) == vault.open(Vault(OLDEST_KEY).seal(b"x")) == b"x"
    assert Vault(KEY).open(vault.seal(b"x")) == b"x"


@pytest.mark.parametrize(("old", "words"), [("не base64", "APPEALS_OLD_SECRET_KEYS"), ("a2V5", "32")])
def test_an_old_key_that_is_none_is_refused(tmp_path: Path, old: str, words: str) -> None:
    with pytest.raises(SecretKeyMissing, match=words):
        open_vault(settings_with(tmp_path, text_of(KEY), old))
