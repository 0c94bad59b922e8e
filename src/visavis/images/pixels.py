"""Any Pillow picture to plain RGB: modes, transparency, deep greys, and which way is up."""

import math

import numpy as np
from PIL import ExifTags, Image

from visavis.images.deep import SIXTEEN_BIT_GREYS, deep_grey
from visavis.types import RGB

_WHITE, _BLACK = (255, 255, 255, 255), (0, 0, 0, 255)
_SAMPLE = 1 << 18  # pixels
_NEARLY_WHITE = 224
_SEEN = 0.02  # of what is visible has to stand out from white
_REDUCIBLE = frozenset(("RGB", "RGBA", "L", "LA", "CMYK", "YCbCr"))
_TURNS = {  # EXIF orientation -> what makes the picture upright (EXIF 2.32, tag 0x0112)
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def to_rgb(image: Image.Image) -> Image.Image:
    """A loaded picture of any mode as mode RGB, on a ground on which its visible part can be seen.

    Greys deeper than eight bits are scaled (see `deep_grey`).
    """
    if image.mode in SIXTEEN_BIT_GREYS or image.mode in ("I", "F"):
        return deep_grey(image).convert("RGB")
    if image.has_transparency_data:
        return _on_ground(image)
    if image.mode == "LAB":
        return _lab_to_rgb(image)
    return image if image.mode == "RGB" else image.convert("RGB")


def _on_ground(image: Image.Image) -> Image.Image:
    rgba = image if image.mode == "RGBA" else image.convert("RGBA")
    if rgba.getchannel("A").getextrema()[0] == 255:
        return rgba.convert("RGB")
    ground = Image.new("RGBA", rgba.size, _BLACK if _is_lost_on_white(rgba) else _WHITE)
    ground.alpha_composite(rgba)
    return ground.convert("RGB")


def _is_lost_on_white(rgba: Image.Image) -> bool:
    """Whether nearly all that is visible is nearly white, as a white logo is."""
    step = max(1, math.isqrt(rgba.width * rgba.height // _SAMPLE))
    sample = np.asarray(rgba)[::step, ::step].reshape(-1, 4)
    if not sample[:, 3].any():
        sample = np.asarray(rgba).reshape(-1, 4)
    seen = sample[:, 3].astype(np.float64)
    plain = seen.sum() - seen[sample[:, :3].min(axis=1) < _NEARLY_WHITE].sum()
    return bool(plain > 0 and plain >= seen.sum() * (1 - _SEEN))


def _lab_to_rgb(image: Image.Image) -> Image.Image:
    from PIL import ImageCms

    lab, srgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
    changed = ImageCms.profileToProfile(image, lab, srgb, outputMode="RGB")
    assert changed is not None  # None only when inPlace
    return changed


def upright(image: Image.Image, turn: int) -> Image.Image:
    """The picture turned as its EXIF orientation (1…8) asks; unknown numbers turn nothing."""
    method = _TURNS.get(turn)
    return image if method is None else image.transpose(method)


def orientation(image: Image.Image) -> int:
    """The EXIF (or XMP) orientation, 1 when there is none.

    Metadata that cannot be read is no reason to refuse a picture that can: it counts as none.
    """
    try:
        turn = image.getexif().get(ExifTags.Base.Orientation, 1)
    except Exception:
        return 1
    return turn if isinstance(turn, int) else 1


def shrink(image: Image.Image, min_side: int | None) -> Image.Image:
    """Average blocks of pixels while the shorter side stays at least twice `min_side`.

    Twice, so that the resize that follows still has detail to weigh; the point is to let go of
    a large picture's memory soon.
    """
    if min_side is None or image.mode not in _REDUCIBLE:
        return image
    factor = min(image.size) // (2 * min_side)
    return image.reduce(factor) if factor >= 2 else image


def to_array(image: Image.Image) -> RGB:
    """The pixels of an RGB picture as a writable array of their own."""
    return np.array(image, dtype=np.uint8)
