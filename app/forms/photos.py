"""Photos of a form: what they are is told by their content, and nothing but the picture is kept.

Every photo is drawn anew as JPEG: where and with what it was taken is left out, and all else that a file can carry.
"""

import asyncio
import hashlib
import io
import os
import tempfile
from collections.abc import Iterable
from pathlib import Path

from PIL import Image, ImageOps

MOST_PHOTOS = 5
MOST_PHOTO_BYTES = 10 * 1024 * 1024
MOST_PIXELS = 24_000_000  # decoded at once; a JPEG is decoded at a fraction of its size when it is larger
LONGEST_SIDE = 2560
QUALITY = 85
FORMATS = ("JPEG", "PNG", "WEBP")
FOLDER = "files"
NOT_A_PHOTO = (OSError, ValueError, SyntaxError, Image.DecompressionBombError)  # what Pillow says of bad files
_one_at_a_time = asyncio.Semaphore(1)  # a decoded photo takes up to 100 MB


class PhotoRefused(Exception):
    """Why a photo cannot be taken, as a Russian sentence."""


async def keep_photos(data_dir: Path, photos: Iterable[bytes]) -> tuple[str, ...]:
    """Store each photo; their content hashes. Raises PhotoRefused, OSError (the disk)."""
    kept = []
    for number, data in enumerate(photos, 1):
        async with _one_at_a_time:
            kept.append(await asyncio.to_thread(_keep, data_dir, data, number))
    return tuple(kept)


def _keep(data_dir: Path, data: bytes, number: int) -> str:
    if len(data) > MOST_PHOTO_BYTES:
        raise PhotoRefused(f"Фото {number} больше 10 МБ")
    return store_file(data_dir / FOLDER, redrawn(data, number))


def redrawn(data: bytes, number: int = 1) -> bytes:
    """The picture alone, upright, at most LONGEST_SIDE wide and high, as JPEG. Raises PhotoRefused."""
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as image:
            image.draft("RGB", _smaller(image.size))
            if image.width * image.height > MOST_PIXELS:
                raise PhotoRefused(f"Фото {number}: слишком много точек, уменьшите его")
            picture = _on_white(ImageOps.exif_transpose(image))
            picture.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
            drawn = io.BytesIO()
            picture.save(drawn, "JPEG", quality=QUALITY)
    except NOT_A_PHOTO as error:
        raise PhotoRefused(f"Файл {number} не похож на фото: подойдут JPEG, PNG и WebP") from error
    return drawn.getvalue()


def _smaller(size: tuple[int, int]) -> tuple[int, int]:
    """The size with its longest side at LONGEST_SIDE."""
    longest = max(*size, 1)
    return max(1, size[0] * LONGEST_SIDE // longest), max(1, size[1] * LONGEST_SIDE // longest)


def _on_white(image: Image.Image) -> Image.Image:
    if not image.has_transparency_data:
        return image.convert("RGB")
    layer = image.convert("RGBA")
    picture = Image.new("RGB", layer.size, "white")
    picture.paste(layer, mask=layer.getchannel("A"))
    return picture


def store_file(folder: Path, data: bytes) -> str:
    """Keep the bytes under their SHA-256, on disk when this returns; the hash. Raises OSError."""
    content_hash = hashlib.sha256(data).hexdigest()
    path = file_path(folder, content_hash)
    if path.exists():
        return content_hash
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    Path(temporary).replace(path)
    return content_hash


def file_path(folder: Path, content_hash: str) -> Path:
    """Where the file of this hash is."""
    return folder / content_hash[:2] / content_hash
