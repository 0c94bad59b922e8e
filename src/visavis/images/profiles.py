"""Colours as their file means them: ICC profiles, and the gamma of a PNG, to sRGB.

Most pictures are in sRGB, with or without a profile that says so, and cost nothing here: what a
profile does is found out once, and kept.
"""

import functools
from io import BytesIO
from typing import TYPE_CHECKING

from PIL import Image

if TYPE_CHECKING:
    from PIL.ImageCms import ImageCmsTransform

_LARGEST = 4 << 20  # bytes; profiles of presses have about two million
_SAME = 3  # levels of 255: two ways to write sRGB differ by so much
_SCREEN = 2.2  # what sRGB comes to, nearly
_LEAST_GAMMA, _MOST_GAMMA = 0.1, 5.0  # what is beyond was not meant
_NO_CHANGE = 0.05  # as in libpng
_WITH_GAMMA = frozenset(("L", "LA", "P", "RGB", "RGBA"))
_STEPS = (0, 51, 102, 153, 204, 255)


def to_srgb(image: Image.Image) -> Image.Image:
    """A loaded picture with the colours of its profile as RGB(A); without one, as it is.

    A profile that is broken, or made for another kind of picture, is ignored as viewers do. Where a
    PNG has none, the gamma that it states counts, as in browsers.
    """
    profile = image.info.get("icc_profile")
    if not isinstance(profile, bytes) or not 128 < len(profile) <= _LARGEST:
        return _by_gamma(image)
    if image.mode in ("RGB", "L", "CMYK"):
        change = _change(profile, image.mode)
        return image if change is None else change.apply(image)
    if image.mode in ("RGBA", "P", "PA", "LA"):
        return _with_alpha(image, profile)
    return image


def _by_gamma(image: Image.Image) -> Image.Image:
    """The colours of a PNG as its gAMA chunk means them (ISO/IEC 15948, 11.3.3.2)."""
    gamma = image.info.get("gamma")
    if not isinstance(gamma, float) or "srgb" in image.info or image.mode not in _WITH_GAMMA:
        return image
    if not _LEAST_GAMMA <= gamma <= _MOST_GAMMA or abs(gamma * _SCREEN - 1) < _NO_CHANGE:
        return image
    plain = image.convert("RGBA" if image.has_transparency_data else "RGB")
    curve = [round(255 * (level / 255) ** (1 / (gamma * _SCREEN))) for level in range(256)]
    return plain.point(curve * 3 + list(range(256)) * (plain.mode == "RGBA"))


def _with_alpha(image: Image.Image, profile: bytes) -> Image.Image:
    change = _change(profile, "RGB")
    if change is None:
        return image
    if not image.has_transparency_data:
        return change.apply(image.convert("RGB"))
    rgba = image.convert("RGBA")
    changed = change.apply(rgba.convert("RGB"))
    changed.putalpha(rgba.getchannel("A"))
    return changed


@functools.lru_cache(32)
def _change(profile: bytes, mode: str) -> "ImageCmsTransform | None":
    """What turns colours of a profile into sRGB; None where that is no change."""
    from PIL import ImageCms

    try:
        source = ImageCms.ImageCmsProfile(BytesIO(profile))
        change = ImageCms.buildTransform(source, ImageCms.createProfile("sRGB"), mode, "RGB")
        return None if mode != "CMYK" and _is_same(change, mode) else change
    except Exception:  # of lcms: PyCMSError, OSError, ValueError, TypeError …
        return None


def _is_same(change: "ImageCmsTransform", mode: str) -> bool:
    colours = bytes(level for r in _STEPS for g in _STEPS for b in _STEPS for level in (r, g, b))
    plain = Image.frombytes("RGB", (len(_STEPS) ** 3, 1), colours).convert(mode)
    wanted, found = plain.convert("RGB").tobytes(), change.apply(plain).tobytes()
    return max(abs(a - b) for a, b in zip(wanted, found, strict=True)) <= _SAME
