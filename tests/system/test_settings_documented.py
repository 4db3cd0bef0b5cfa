"""Every setting stands in .env.example, with its meaning and its default, and nothing else does."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from app.db import ROOT
from app.settings import Settings

EXAMPLE = ROOT / ".env.example"


def written(default: Any) -> str:
    """A default as it is written in the file. A secret has none."""
    if default is None or isinstance(default, SecretStr):
        return ""
    return str(default).lower() if isinstance(default, bool) else str(default)


def test_every_setting_is_documented_with_its_meaning_and_default() -> None:
    lines = EXAMPLE.read_text().splitlines()
    documented = {line: above for above, line in pairwise(lines) if line.startswith("#APPEALS_")}
    assert documented == {
        f"#APPEALS_{name.upper()}={written(field.get_default())}": f"# {field.description}"
        for name, field in Settings.model_fields.items()
    }


def test_the_example_changes_nothing_and_holds_no_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = EXAMPLE.read_text().splitlines()
    assert all(line.startswith("#") or not line for line in lines)
    for name in Settings.model_fields:
        monkeypatch.delenv(f"APPEALS_{name.upper()}", raising=False)
    copied = tmp_path / ".env"
    copied.write_text("\n".join(line.removeprefix("#") for line in lines if line.startswith("#APPEALS_")))
    assert Settings(_env_file=copied) == Settings(_env_file=None)


def test_every_setting_says_in_russian_what_it_means() -> None:
    for name, field in Settings.model_fields.items():
        assert field.description, name
        assert any("а" <= letter <= "я" for letter in field.description.lower()), name
