"""Photos of a form: what they are is told by their content, and nothing but the picture is kept.

Every photo is drawn anew as JPEG: where and with what it was taken is left out, and all else that a file can carry.
"""

import asyncio
import io
from collections.abc import Iterable
from datetime import datetime

from PIL import Image, ImageOps

from app.files.content import FileRefused
from app.files.keeping import keep
from app.resources import Resources

MOST_PHOTOS = 5
MOST_PHOTO_BYTES = 10 * 1024 * 1024
MOST_PIXELS = 24_000_000  # decoded at once; a JPEG is decoded at a fraction of its size when it is larger
LONGEST_SIDE = 2560
QUALITY = 85
FORMATS = ("JPEG", "PNG", "WEBP")
NOT_A_PHOTO = (OSError, ValueError, SyntaxError, Image.DecompressionBombError)  # what Pillow says of bad files
_one_at_a_time = asyncio.Semaphore(1)  # a decoded photo takes up to 100 MB


class PhotoRefused(Exception):
    """Why a photo cannot be taken, as a Russian sentence."""


async def keep_photos(resources: Resources, photos: Iterable[bytes], now: datetime) -> tuple[str, ...]:
    """Store each photo among the files; their content hashes. Raises PhotoRefused, OSError (the store)."""
    kept = []
    for number, data in enumerate(photos, 1):
        if len(data) > MOST_PHOTO_BYTES:
            raise PhotoRefused(f"Фото {number} больше 10 МБ")
        async with _one_at_a_time:
            picture = await asyncio.to_thread(redrawn, data, number)
        kept.append(await _keep(resources, picture, number, now))
    return tuple(kept)


async def _keep(resources: Resources, picture: bytes, number: int, now: datetime) -> str:
    try:
        return (await keep(resources, picture, now)).sha256
    except FileRefused as refusal:
        raise PhotoRefused(f"Фото {number}: {refusal}") from refusal


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
