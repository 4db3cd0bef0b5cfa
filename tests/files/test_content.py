"""What a file is, is told by its bytes; what is treacherous is refused; a thumbnail is the picture and nothing else."""

import io
import struct
import zipfile
import zlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from app.files.content import OFFICE, Examined, FileRefused, examine
from app.files.thumbnails import LONGEST_SIDE, thumbnail
from tests.files.conftest import picture


def archive(*names: str) -> bytes:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as opened:
        for name in names:
            opened.writestr(name, "x")
    return written.getvalue()


def png(width: int, height: int) -> bytes:
    """A PNG that says it is so large and holds next to nothing."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0" * 100)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + data


TYPES = "[Content_Types].xml"


@pytest.mark.parametrize(
    ("content", "media_type"),
    [
        (b"%PDF-1.7\n", "application/pdf"), (b"OggS\0\x02", "audio/ogg"), (b"ID3\x04\0", "audio/mpeg"),
        (b"\xff\xfb\x90\x64", "audio/mpeg"), (b"\0\0\0\x18ftypisom\0\0", "video/mp4"),
        (b"\0\0\0\x18ftypM4A \0", "audio/mp4"),
        (archive(TYPES, "word/document.xml"), f"{OFFICE}wordprocessingml.document"),
        (archive(TYPES, "xl/workbook.xml"), f"{OFFICE}spreadsheetml.sheet"),
    ],
)  # fmt: skip
def test_a_document_is_known_by_its_first_bytes(content: bytes, media_type: str) -> None:
    assert examine(content) == Examined(media_type)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "WEBP"])
def test_a_picture_is_known_with_its_size(kind: str) -> None:
    assert examine(picture(kind)) == Examined(f"image/{kind.lower()}", 640, 480)


@pytest.mark.parametrize(
    "content",
    [
        b"", b"<html><script>alert(1)</script>", b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"MZ\x90\0", b"\x7fELF",
        b"#!/bin/sh", b"GIF8<script>", b"\xff\xd8\xff", b"RIFF\0\0\0\0WEBP", b"\x89PNG\r\n\x1a\n",
        b"\0\0\0\x18ftypheic", b" %PDF-1.7", archive("word/document.xml"), archive(TYPES),
        archive(TYPES, "xl/vbaProject.bin"), archive(TYPES, "ppt/presentation.xml"),
        b"PK\x03\x04 no archive", b"Rar!\x1a\x07",
    ],
)  # fmt: skip
def test_everything_else_is_refused_with_a_sentence(content: bytes) -> None:
    with pytest.raises(FileRefused, match=r"[а-я]"):
        examine(content)


@pytest.mark.parametrize("size", [(20_000, 20_000), (65_000, 65_000), (50_001, 1000)])
def test_a_picture_that_unfolds_into_gigabytes_is_refused_unread(size: tuple[int, int]) -> None:
    bomb = png(*size)
    assert len(bomb) < 1000
    with pytest.raises(FileRefused):
        examine(bomb)


@given(st.binary(max_size=200), st.sampled_from([picture("JPEG"), picture("PNG"), picture("GIF"), picture("WEBP")]))
def test_a_damaged_picture_is_refused_and_breaks_nothing(noise: bytes, whole: bytes) -> None:
    middle = len(whole) // 2
    for content in (whole[:middle] + noise + whole[middle + len(noise) :], whole[:middle], noise):
        try:
            if examine(content).is_picture:
                thumbnail(content)
        except FileRefused:
            continue


def test_a_thumbnail_is_small_webp_with_the_shape_of_the_picture() -> None:
    with Image.open(io.BytesIO(thumbnail(picture(size=(4000, 3000))))) as small:
        assert (small.format, small.size) == ("WEBP", (LONGEST_SIDE, 240))


def test_a_picture_is_never_made_larger() -> None:
    with Image.open(io.BytesIO(thumbnail(picture(size=(20, 10))))) as small:
        assert small.size == (20, 10)


def test_a_thumbnail_stands_upright_and_tells_nothing_of_the_place_and_the_camera() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by a quarter
    exif[0x010F] = "Camera of a citizen"
    exif.get_ifd(0x8825)[2] = (54.0, 59.0, 29.0)
    original = picture(size=(400, 200), exif=exif, comment=b"secret comment", xmp=b"<x:xmpmeta>GPSLatitude</x:xmpmeta>")
    assert b"Camera of a citizen" in original
    small = thumbnail(original)
    with Image.open(io.BytesIO(small)) as image:
        assert image.size == (160, 320)
        assert not image.getexif()
        assert not set(image.info) & {"exif", "xmp", "comment", "icc_profile"}
    for word in (b"Camera", b"GPS", b"secret", b"xmp", b"EXIF"):
        assert word not in small


@pytest.mark.parametrize("options", [{"mode": "RGBA"}, {"mode": "P"}, {"mode": "L"}, {"mode": "1"}, {"mode": "I;16"}])
def test_a_picture_of_any_colours_has_a_thumbnail(options: dict[str, Any]) -> None:
    written = io.BytesIO()
    Image.new(size=(50, 40), **options).save(written, "PNG")
    assert thumbnail(written.getvalue())


def test_of_a_moving_picture_the_first_frame_is_shown() -> None:
    frames = [Image.new("RGB", (50, 40), colour) for colour in ("red", "blue")]
    written = io.BytesIO()
    frames[0].save(written, "GIF", save_all=True, append_images=frames[1:], duration=100)
    with Image.open(io.BytesIO(thumbnail(written.getvalue()))) as small:
        red, _, blue = small.convert("RGB").getpixel((10, 10))  # type: ignore[misc]
        assert red > 200 > blue
