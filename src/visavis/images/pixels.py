"""Any Pillow picture to plain RGB: modes, transparency, deep greys, and which way is up."""

import math

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image

from visavis.types import RGB

_WHITE, _BLACK = (255, 255, 255, 255), (0, 0, 0, 255)
_SAMPLE = 1 << 18  # pixels
_NEARLY_WHITE = 224
_SEEN = 0.02  # of what is visible has to stand out from white
_PHOTOMETRIC, _WHITE_IS_ZERO = 262, 0  # TIFF 6.0: what the values of a grey mean
_LEAST_OF_255 = 16  # a float picture that gets no further has light above its white, or depths
_BITS_IN_USE = (8, 10, 12, 14, 16)
_SIXTEEN_BIT = frozenset(("I;16", "I;16L", "I;16B", "I;16N"))
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

    Greys deeper than eight bits are scaled, not clipped: whole numbers by the bits that are in use
    (8, 10, 12, 14 or 16), float pictures in 0…1 by 255 and those in 0…255 not at all, others from
    their least to their largest value.
    """
    if image.mode in _SIXTEEN_BIT or image.mode in ("I", "F"):
        return _deep_grey(image).convert("RGB")
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


def _deep_grey(image: Image.Image) -> Image.Image:
    values: NDArray[np.float32] = np.asarray(image).astype(np.float32)
    values = np.nan_to_num(values, nan=0.0, posinf=0.0, neginf=0.0)
    low, high = float(values.min()), float(values.max())
    if image.mode in _SIXTEEN_BIT or (image.mode == "I" and low >= 0 and high <= 65535):
        low, high = 0.0, next(most for bits in _BITS_IN_USE if (most := 2.0**bits - 1) >= high)
    elif image.mode == "F" and low >= 0 and high <= 1:
        low, high = 0.0, 1.0
    elif image.mode == "F" and low >= 0 and _LEAST_OF_255 < high <= 255:
        low, high = 0.0, 255.0
    # Halved first: the span of two huge float32 values would overflow.
    share = (values / 2 - low / 2) / (high / 2 - low / 2 or 1.0)
    if getattr(image, "tag_v2", {}).get(_PHOTOMETRIC) == _WHITE_IS_ZERO:
        share = 1 - share  # which Pillow does for eight bits alone
    return Image.fromarray(np.rint(share * 255).clip(0, 255).astype(np.uint8))


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
