"""Small pictures for the card, drawn anew: nothing of what a camera writes beside the points is in them. Pure."""

import io

from PIL import Image, ImageOps

from app.files.content import NOT_A_PICTURE, PICTURES, FileRefused

LONGEST_SIDE = 320
QUALITY = 80
MEDIA_TYPE = "image/webp"


def thumbnail(content: bytes) -> bytes:
    """The picture upright, at most LONGEST_SIDE wide and high, as WebP; of a moving one the first frame.

    Costs up to a second of processor: call it in a thread. Raises FileRefused when the picture cannot be drawn.
    """
    try:
        with Image.open(io.BytesIO(content), formats=list(PICTURES)) as image:
            image.draft("RGB", (2 * LONGEST_SIDE, 2 * LONGEST_SIDE))  # JPEG is decoded small at once
            upright = ImageOps.exif_transpose(image)
            has_alpha = upright.has_transparency_data
            small = upright.convert("RGBA" if has_alpha else "RGB")
            small.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
            return _encode(small)
    except NOT_A_PICTURE as error:
        raise FileRefused("Картинка повреждена") from error


def _encode(small: Image.Image) -> bytes:
    """The points alone: `info` of the original, its EXIF and XMP, stays behind."""
    bare = Image.frombytes(small.mode, small.size, small.tobytes())
    written = io.BytesIO()
    bare.save(written, "WEBP", quality=QUALITY)
    return written.getvalue()
