"""What a file is, told by its bytes alone: neither its name nor what a server says of it counts. Pure.

A short list of what citizens send: pictures, PDF, Word and Excel, MP3, Ogg, MP4. Everything else is refused.
"""

import io
import re
import zipfile
from collections.abc import Callable
from dataclasses import dataclass

from PIL import Image

PICTURES = {"JPEG": "image/jpeg", "PNG": "image/png", "GIF": "image/gif", "WEBP": "image/webp"}
MOST_PIXELS = 50_000_000  # a phone's camera makes up to 50 million; decoded, that is 150 MB
MOST_MEMBERS = 5_000
OFFICE = "application/vnd.openxmlformats-officedocument."
# What Pillow says of a damaged or treacherous picture; SyntaxError comes from its PNG reader.
NOT_A_PICTURE = (
    OSError, ValueError, SyntaxError, EOFError, Image.DecompressionBombError, Image.DecompressionBombWarning,
)  # fmt: skip
_FILM = re.compile(rb"\A....ftyp(isom|iso[2-6]|mp4[12]|avc1|M4V |MSNV|dash)", re.DOTALL)
_SOUND_IN_MP4 = re.compile(rb"\A....ftypM4A ", re.DOTALL)
_MPEG_SOUND = re.compile(rb"\A(ID3[\x02-\x04]|\xff[\xf2\xf3\xfa\xfb])")


class FileRefused(Exception):
    """We do not keep this file. Says why in a Russian sentence; asking again will not help."""


@dataclass(frozen=True, slots=True)
class Examined:
    """What a file is. `width` and `height` are of pictures only."""

    media_type: str
    width: int | None = None
    height: int | None = None

    @property
    def is_picture(self) -> bool:
        """Whether a thumbnail can be made of it."""
        return self.width is not None


def examine(content: bytes) -> Examined:
    """What this is. Raises FileRefused."""
    if not content:
        raise FileRefused("Файл пуст")
    if content.startswith((b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF8")) or content[8:12] == b"WEBP":
        return _picture(content)
    for media_type, fits in _DOCUMENTS.items():
        if fits(content):
            return Examined(media_type)
    raise FileRefused("Такие файлы не принимаются: только фото, PDF, DOCX, XLSX, MP3, OGG и MP4")


def _picture(content: bytes) -> Examined:
    try:
        with Image.open(io.BytesIO(content), formats=list(PICTURES)) as image:
            width, height, kind = image.width, image.height, image.format or ""
    except NOT_A_PICTURE as error:
        raise FileRefused("Картинка повреждена") from error
    if width * height > MOST_PIXELS:
        raise FileRefused(f"В картинке слишком много точек: {width} × {height}")
    return Examined(PICTURES[kind], width, height)


def _member(folder: str) -> Callable[[bytes], bool]:
    """A test for an Office document: a ZIP with a list of content types and this folder; only its table is read."""

    def fits(content: bytes) -> bool:
        if not content.startswith(b"PK\x03\x04"):
            return False
        try:
            with zipfile.ZipFile(io.BytesIO(content)) as archive:
                names = archive.namelist()
        except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError):
            return False
        is_document = "[Content_Types].xml" in names and len(names) <= MOST_MEMBERS
        return is_document and any(name.startswith(folder) for name in names) and not any(map(_is_macro, names))

    return fits


def _is_macro(name: str) -> bool:
    return name.lower().endswith("vbaproject.bin")


_DOCUMENTS: dict[str, Callable[[bytes], bool]] = {
    "application/pdf": lambda content: content.startswith(b"%PDF-"),
    f"{OFFICE}wordprocessingml.document": _member("word/"),
    f"{OFFICE}spreadsheetml.sheet": _member("xl/"),
    "audio/ogg": lambda content: content.startswith(b"OggS"),
    "audio/mpeg": lambda content: _MPEG_SOUND.match(content) is not None,
    "audio/mp4": lambda content: _SOUND_IN_MP4.match(content) is not None,
    "video/mp4": lambda content: _FILM.match(content) is not None,
}
