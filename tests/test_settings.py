"""Settings come from APPEALS_* variables, are typed, and keep their secrets to themselves."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from app.platforms import PLATFORMS
from app.settings import Settings, get_settings


def read(**values: object) -> Settings:
    return Settings(_env_file=None, **values)  # type: ignore[arg-type]


def test_the_environment_is_read_with_its_prefix(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("APPEALS_PORT", "8123")
    monkeypatch.setenv("APPEALS_DATA_DIR", "somewhere")
    monkeypatch.setenv("APPEALS_SECRET_KEY", "very secret")
    monkeypatch.setenv("PORT", "1")
    settings = read()
    assert (settings.port, settings.data_dir) == (8123, Path("somewhere"))
    assert "very secret" not in repr(settings)


def test_an_env_file_is_read_and_the_environment_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".env").write_text("APPEALS_PORT=8001\nAPPEALS_CENTER_NAME=ЦУР\nUNKNOWN=1\n")
    monkeypatch.setenv("APPEALS_PORT", "8002")
    monkeypatch.chdir(tmp_path)
    settings = Settings()
    assert (settings.port, settings.center_name) == (8002, "ЦУР")


@pytest.mark.parametrize(
    ("name", "value"),
    [("port", 0), ("port", 70000), ("drain_batch_size", 0), ("payload_retention_days", 1), ("time_zone", "Omsk")],
)
def test_senseless_values_are_refused(name: str, value: object) -> None:
    with pytest.raises(ValidationError):
        read(**{name: value})


def test_links_begin_with_the_public_address() -> None:
    assert read(port=8123).base_url == "http://127.0.0.1:8123"
    assert read(public_url="https://cur.example/").base_url == "https://cur.example"


def test_every_platform_has_an_address_without_a_trailing_slash() -> None:
    settings = read(vk_api_url="http://127.0.0.1:9/")
    assert settings.api_url("vk") == "http://127.0.0.1:9"
    for code in {*PLATFORMS, "ok", "max", "telegram", "viber"}:
        assert settings.api_url(code).startswith("http")


def test_a_process_reads_its_settings_once() -> None:
    assert get_settings() is get_settings()


def test_hosts_of_our_own_network_are_named_one_by_one_and_by_nobody_at_first() -> None:
    assert read().hosts_of_files() == read().hosts_of_channels() == frozenset()
    settings = read(files_internal_hosts="files.local, 10.0.0.7:8080,", channels_internal_hosts="mfc.local")
    assert settings.hosts_of_files() == {"files.local", "10.0.0.7:8080"}
    assert settings.hosts_of_channels() == {"mfc.local"}


def test_only_a_demonstration_takes_files_from_stand_ins_on_this_machine() -> None:
    stand_in = {"vk_api_url": "http://127.0.0.1:8001", "max_api_url": "https://platform-api2.max.ru"}
    assert read(**stand_in).hosts_of_files() == frozenset()
    assert read(**stand_in, is_demo=True).hosts_of_files() == {"127.0.0.1:8001", "127.0.0.1:8000"}
