"""Files of models on the disk: written whole or not at all, opened only when they are what the registry says."""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from app.learning.models import ModelVersion
from app.settings import Settings
from classifier import ArtifactRejected, Judge
from classifier.artifact import FILE_NAME, Arrays, Manifest, read_artifact, write_artifact

FOLDER = "models"
NEEDED_KIND = "topic"


def folder_of(settings: Settings, version: str) -> Path:
    """Where the files of a registered model lie."""
    return settings.data_dir / FOLDER / version


def open_model(settings: Settings, row: ModelVersion) -> Judge:
    """The registered model, ready to judge. Raises ArtifactRejected for anything else."""
    return Judge(*read_model(settings, row))


def read_model(settings: Settings, row: ModelVersion | None) -> tuple[Manifest, Arrays]:
    """Manifest and arrays of a registered model, or of the shipped one. Raises ArtifactRejected."""
    if row is None:
        return read_shipped(settings)
    manifest, arrays = read_artifact(folder_of(settings, row.version) / FILE_NAME)
    if (manifest.version, manifest.sha256) != (row.version, row.sha256):
        raise ArtifactRejected(f"В папке модели {row.version} лежит другая модель, {manifest.version}.")
    if NEEDED_KIND not in manifest.labels:
        raise ArtifactRejected(f"Модель {row.version} не знает тем: судить обращения она не может.")
    return manifest, arrays


def read_shipped(settings: Settings) -> tuple[Manifest, Arrays]:
    """The model that judges while there is no champion. Raises ArtifactRejected."""
    from classifier.judge import STARTER

    return read_artifact(settings.model_path or STARTER)


def write_model(folder: Path, manifest: Manifest, arrays: Arrays, card: str) -> None:
    """The three files of a model."""
    write_artifact(folder / FILE_NAME, manifest, arrays)
    (folder / "card.md").write_text(card, encoding="utf-8")


@contextmanager
def new_folder(settings: Settings) -> Iterator[tuple[Path, Callable[[str], None]]]:
    """A folder to write a model into, and what gives it its place under its version; otherwise it is gone at the end.

    The place appears with all files at once: a rename on the same disk.
    """
    home = settings.data_dir / FOLDER
    home.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(prefix=".new-", dir=home))
    fresh.chmod(0o755)  # web and worker may run as another user

    def place(version: str) -> None:
        fresh.rename(home / version)

    try:
        yield fresh, place
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def remove_files(settings: Settings, version: str) -> None:
    """Take the files of a model away; the registry still remembers it."""
    shutil.rmtree(folder_of(settings, version), ignore_errors=True)
