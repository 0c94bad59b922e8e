"""Small pictures to look at, and pixels back to bytes."""

from io import BytesIO

from PIL import Image

from visavis.errors import UsageError
from visavis.images.pixels import to_array
from visavis.types import RGB


def thumbnail(pixels: RGB, side: int) -> RGB:
    """The picture scaled down to fit side × side pixels, its shape kept; never enlarged.

    Raises UsageError when `side` is below 1.
    """
    if side < 1:
        raise UsageError(f"a thumbnail's side must be at least 1 pixel, not {side}")
    height, width = pixels.shape[:2]
    scale = side / max(width, height)
    if scale >= 1:
        return pixels.copy()
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    # The gap lets Pillow average blocks first; at 3 the result cannot be told from a full Lanczos.
    small = Image.fromarray(pixels).resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)
    return to_array(small)


def encode_jpeg(pixels: RGB, quality: int = 85) -> bytes:
    """The picture as a JPEG file; `quality` is 1…95."""
    return _encode(pixels, "JPEG", quality)


def encode_webp(pixels: RGB, quality: int = 80) -> bytes:
    """The picture as a WebP file; `quality` is 1…100."""
    return _encode(pixels, "WEBP", quality)


def _encode(pixels: RGB, name: str, quality: int) -> bytes:
    out = BytesIO()
    Image.fromarray(pixels).save(out, name, quality=quality)
    return out.getvalue()
