"""Pictures of more than eight bits a channel, as eight bits in which what they show can be seen."""

import sys
from collections.abc import Callable
from contextlib import suppress

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile

SIXTEEN_BIT_GREYS = frozenset(("I;16", "I;16L", "I;16B", "I;16N"))
_BITS, _PHOTOMETRIC, _PLANAR, _SAMPLE_FORMAT = 258, 262, 284, 339  # tags of TIFF 6.0
_WHITE_IS_ZERO, _APART, _UNSIGNED, _SIGNED = 0, 2, 1, 2  # what these may say
_NO_VALUE_TAG = 42113  # GDAL's: the number that stands where nothing was measured
_NO_VALUE = 3.39e38  # and beyond, where the file does not say: the least float is common
_LEAST_OF_255 = 16  # a float picture that gets no further has light above its white, or depths
_BITS_IN_USE = (8, 10, 12, 14, 16)
_DIM = 63  # of 255: what is no brighter has at most 14 of its 16 bits in use

_STEPS = {"L;2": 85, "L;4": 17}  # levels of 255 from one grey to the next of a PNG

_ROWS = 64  # that are scaled at a time

_Floats = NDArray[np.float32]
_Bytes = NDArray[np.uint8]


def loaded(image: ImageFile.ImageFile, again: Callable[[], ImageFile.ImageFile]) -> Image.Image:
    """A picture with its pixels; `again` opens its file once more.

    Of colours in 16 bits Pillow keeps the upper eight. Where the upper bits are not in use, as of
    cameras with 10 or 12 bits, the lower ones are read too and all are scaled. It also misreads
    files without compression that keep the channels apart, and what is transparent in some others.
    """
    if not has_deep_colours(image):
        raw = {_raw_mode(tile) for tile in getattr(image, "tile", ())}
        image.load()
        return _seen_through(image, raw)
    upper = image
    if getattr(image, "tag_v2", {}).get(_PLANAR) == _APART:
        upper = _at_page(again(), image.tell())
        _read_in_order(upper, swapped=False)
    upper.load()
    most, key = max(_largest(upper)), upper.info.pop("transparency", None)
    if most > _DIM and key is None:
        return upper
    lower = _at_page(again(), image.tell())
    _read_in_order(lower, swapped=True)
    lower.load()
    shown = upper if most > _DIM else _brightened(upper, lower, most)
    if key is not None:
        shown.putalpha(_all_but(key, np.asarray(upper.convert("RGB")), np.asarray(lower)))
    return shown


def _seen_through(image: ImageFile.ImageFile, raw: set[str]) -> Image.Image:
    """What is transparent, as its file means it; `raw` is how its bytes were taken.

    The one grey that a PNG calls transparent is in the bits of the file, not in eight. Of a BMP,
    all of which would be transparent, the fourth byte is not in use: so are clipboards saved.
    """
    key = image.info.get("transparency")
    is_bmp = image.format == "BMP" and image.mode == "RGBA"
    if is_bmp and not any(image.getchannel("A").getextrema()):
        return image.convert("RGB")
    if isinstance(key, int) and image.mode in SIXTEEN_BIT_GREYS:
        alpha = np.where(np.asarray(image) == key, 0, 255).astype(np.uint8)
        shown = deep_grey(image)
        shown.info = {name: told for name, told in image.info.items() if name != "transparency"}
        shown.putalpha(Image.fromarray(alpha))
        return shown
    if isinstance(key, int) and (step := _STEPS.get("".join(raw))) is not None:
        image.info["transparency"] = key * step
    return image


def _all_but(key: tuple[int, ...], upper: _Bytes, lower: _Bytes) -> Image.Image:
    """Opaque where a colour in 16 bits is another than the one."""
    same = np.ones(upper.shape[:2], bool)
    for channel, value in enumerate(key):
        same &= upper[..., channel] == value >> 8
        same &= lower[..., channel] == value & 255
    return Image.fromarray(np.where(same, 0, 255).astype(np.uint8))


def _largest(image: Image.Image) -> list[int]:
    """The largest number in each colour, whatever is transparent."""
    bands = np.asarray([image.getchannel(name).getextrema() for name in "RGB"])
    return [int(most) for most in bands[:, 1]]


def has_deep_colours(image: Image.Image) -> bool:
    """Whether an opened file has colours in 16 bits a channel."""
    if image.mode not in ("RGB", "RGBA"):
        return False
    tags = getattr(image, "tag_v2", None)
    if tags is not None:
        return set(tags.get(_BITS, ())) == {16}
    return any(";16" in _raw_mode(tile) for tile in getattr(image, "tile", ()))


def _at_page(image: ImageFile.ImageFile, page: int) -> ImageFile.ImageFile:
    if page:
        image.seek(page)
    return image


def _raw_mode(tile: ImageFile._Tile) -> str:
    """How Pillow is to take the bytes of a part of a file, such as "RGB;16B"."""
    args = tile.args
    return str(args[0] if isinstance(args, tuple) and args else args)


def _read_in_order(image: ImageFile.ImageFile, *, swapped: bool) -> None:
    """Have the upper bytes read, or, `swapped`, the lower ones."""
    prefix = getattr(getattr(image, "tag_v2", None), "prefix", b"MM")
    native = "L" if sys.byteorder == "little" else "B"
    for number, tile in enumerate(image.tile):
        channels, _, order = _raw_mode(tile).partition(";16")
        order = order or ("L" if prefix == b"II" else "B")
        order = native if order == "N" else order
        if swapped:
            order = "B" if order == "L" else "L"
        mode = f"{channels};16{order}"
        args = (mode, *tile.args[1:]) if isinstance(tile.args, tuple) else mode
        image.tile[number] = tile._replace(args=args)


def _brightened(upper: Image.Image, lower: Image.Image, most: int) -> Image.Image:
    """All sixteen bits of a picture, scaled by those that are in use."""
    pixels, low = np.array(upper), np.asarray(lower)
    bits = _most(most * 256 + max(_largest(lower)) * (not most), _BITS_IN_USE)
    for top in range(0, len(pixels), _ROWS):
        part = slice(top, top + _ROWS)
        values = pixels[part, :, :3].astype(np.float32) * 256 + low[part, :, :3]
        pixels[part, :, :3] = np.rint(values * (255 / bits))
    out = Image.fromarray(pixels)
    out.info = upper.info
    return out


def _most(value: float, bits: tuple[int, ...]) -> float:
    """The largest number of the fewest bits that hold a value."""
    return next(most for number in bits if (most := 2.0**number - 1) >= value)


def deep_grey(image: Image.Image) -> Image.Image:
    """A grey of 16 or 32 bits, or of float numbers, in eight.

    Scaled, not clipped: whole numbers by the bits that are in use (8, 10, 12, 14 or 16), float
    pictures in 0…1 by 255 and those in 0…255 not at all, others from their least to their largest
    value. What stands for no value is black, and does not count.
    """
    tags = getattr(image, "tag_v2", {})
    values = _values(image, tags)
    known = _known(values, tags)
    if not known.any():
        return Image.new("L", image.size)
    low, high = _range(image, values if known.all() else values[known], tags)
    values[~known] = low
    # Halved first: the span of two huge float32 values would overflow.
    share = (values / 2 - low / 2) / (high / 2 - low / 2 or 1.0)
    if tags.get(_PHOTOMETRIC) == _WHITE_IS_ZERO:
        share = 1 - share  # which Pillow does for eight bits alone
    share[~known] = 0
    return Image.fromarray(np.rint(share * 255).clip(0, 255).astype(np.uint8))


def _values(image: Image.Image, tags: dict[int, tuple[int, ...]]) -> _Floats:
    values = np.asarray(image)
    if image.mode == "I" and _is_all(tags, 32, _UNSIGNED):
        values = values.view(np.uint32)  # Pillow makes the upper half negative
    return values.astype(np.float32)


def _known(values: _Floats, tags: dict[int, object]) -> NDArray[np.bool_]:
    known: NDArray[np.bool_] = np.isfinite(values)
    known &= (values < _NO_VALUE) & (values > -_NO_VALUE)
    with suppress(ValueError):
        known &= values != np.float32(str(tags.get(_NO_VALUE_TAG, "nan")).strip("\0 "))
    return known


def _range(
    image: Image.Image, known: _Floats, tags: dict[int, tuple[int, ...]]
) -> tuple[float, float]:
    """The values that are to be black and white."""
    low, high = float(known.min()), float(known.max())
    whole = image.mode in SIXTEEN_BIT_GREYS or image.mode == "I"
    if whole and low >= 0 and high <= 65535:
        signed = _is_all(tags, 16, _SIGNED)  # which use 15 bits at most
        return 0.0, _most(high, (*_BITS_IN_USE[:-1], 15) if signed else _BITS_IN_USE)
    if image.mode == "F" and low >= 0 and high <= 1:
        return 0.0, 1.0
    if image.mode == "F" and low >= 0 and _LEAST_OF_255 < high <= 255:
        return 0.0, 255.0
    return low, high


def _is_all(tags: dict[int, tuple[int, ...]], bits: int, kind: int) -> bool:
    """Whether the samples of a TIFF file have so many bits, of a kind."""
    return set(tags.get(_BITS, ())) == {bits} and set(tags.get(_SAMPLE_FORMAT, (1,))) == {kind}
