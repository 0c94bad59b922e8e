"""Bytes of an image file to upright RGB pixels, whatever the bytes are.

Everything that can go wrong in here comes out as an `ImageError`: one bad picture costs one line
in a report, never a run.
"""

import functools
import math
import re
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from io import BytesIO
from typing import BinaryIO, NamedTuple, cast

import numpy as np
from PIL import Image, ImageFile

from visavis.errors import (
    ImageError,
    ImageFormatError,
    ImageTooLargeError,
    ImageUnreadableError,
    UsageError,
)
from visavis.images import raw
from visavis.images.deep import loaded
from visavis.images.effort import MEMORY, bytes_for_each_pixel
from visavis.images.frames import show, sizes
from visavis.images.jxl import jxl_size
from visavis.images.mending import (
    with_fewer_chunks,
    with_last_rows,
    without_end,
    without_zeros,
)
from visavis.images.metadata import about, about_boxes
from visavis.images.pixels import orientation, shrink, to_array, to_rgb, upright
from visavis.images.profiles import to_srgb
from visavis.images.sniff import HEAD_BYTES, Format, describe, is_other_picture, sniff, webp_size
from visavis.types import RGB, Box, Fields

MAX_PIXELS = 100_000_000
"""The default pixel cap: 100 megapixels, which is 300 MB of RGB."""

_SCAN = re.compile(rb"\xff\xda\0(?:\x08\x01|\x0a\x02|\x0c\x03|\x0e\x04)")
_MOST_SCANS = 200  # a progressive JPEG has ten; each scan goes over the whole picture again

_SKIMMED = 10
"""So many times more pixels a JPEG may have that is decoded smaller: they take time, not memory."""

_NO_END = "the file lacks its end; what there is was taken"

_LOOKED_AT = 4  # times less than what is shown does a frame take that is only looked at

_OPTIONAL: dict[Format, tuple[str, str]] = {"HEIF": ("HEIC", "heic"), "JXL": ("JPEG XL", "jxl")}
"""Formats whose readers are extras: what people call them, and the extra's name."""

_Opener = Callable[[BytesIO], ImageFile.ImageFile]
_WarningFilter = tuple[str, None, type[Warning], str | None, int]


class Picture(NamedTuple):
    """A decoded picture; `width` and `height` are the full upright size, whatever was decoded."""

    pixels: RGB
    width: int
    height: int
    note: str = ""
    """What has to be said of it, such as that a part is missing."""


def decode(
    data: bytes, uri: str, *, min_side: int | None = None, max_pixels: int = MAX_PIXELS
) -> Picture:
    """Decode the bytes of an image file (JPEG, PNG, WebP, GIF, BMP, TIFF, AVIF, HEIC, JPEG XL).

    The content says the format; of a camera raw file it is the preview. The pixels are sRGB
    and upright, on white where the picture is transparent, or on black where white would hide it;
    of an animation it is the first frame that shows something. With `min_side` a large picture may
    come smaller, but never with a shorter side below `min_side`. A JPEG or PNG that lacks its last
    part is taken, with a note.

    Raises ImageUnreadableError (empty, truncated, no picture), ImageFormatError (a format that
    this installation cannot decode), ImageTooLargeError (more than `max_pixels`, by the
    header; a JPEG that is decoded smaller may have up to ten times as many) and UsageError
    (`min_side` below 1). Safe to call from many threads.
    """
    if min_side is not None and min_side < 1:
        raise UsageError(f"min_side must be at least 1, not {min_side}")
    with _opened(data, uri, max_pixels, min_side) as opened:
        if opened.name != "JPEG":
            show(opened.image, max_pixels)
            _check_size(opened.image.size, uri, max_pixels)
        return _decode_opened(opened, min_side)


def from_pillow(image: Image.Image, uri: str = "the query picture") -> RGB:
    """A picture that Pillow has opened or made, as `decode` gives that of a file.

    Raises ImageUnreadableError for one without pixels, or whose file turns out to be broken.
    """
    try:
        image.load()
        return to_array(upright(to_rgb(to_srgb(image)), orientation(image)))
    except Exception as error:  # of a file that is read only now, anything may come
        raise ImageUnreadableError(uri, str(error) or type(error).__name__) from error


def read_about(file: BinaryIO) -> Fields:
    """What a picture says of itself (see METADATA), read off its header; nothing of no picture."""
    head = file.read(HEAD_BYTES)
    name = sniff(head)
    file.seek(0)
    if name == "PNG" or name == "JXL":  # opening them may decode them
        return about_boxes(file, name)
    if name == "RAW" or (name == "TIFF" and raw.is_raw(head)):
        name, file = "JPEG", BytesIO(raw.preview(file.read()) or b"")
    if name is None:
        return {}
    try:
        with _pillow_kept_quiet(), _opener(name)(cast(BytesIO, file)) as image:
            return about(image)
    except Exception:  # as in `_opened`; indexing says what is wrong with it
        return {}


class Cost(NamedTuple):
    """What decoding a picture takes, by its header."""

    pixels: int
    memory: int
    """Bytes at the peak, with what the reader itself holds."""
    work: int
    """Pixels once more, of which those of a JPEG count a quarter: it is decoded smaller. Further
    frames and pages, which may be looked at, count a quarter as well."""


def cost(data: bytes, uri: str, *, max_pixels: int = MAX_PIXELS) -> Cost:
    """What `decode` would have to pay for a picture; raises what it would raise at its header."""
    if sniff(data[:HEAD_BYTES]) == "JXL":  # whose reader decodes it when it is opened
        pixels = math.prod(_jxl_size(data, uri))
        _check_size((pixels, 1), uri, max_pixels)
        return Cost(pixels, pixels * MEMORY["JXL"], pixels)
    with _opened(data, uri, max_pixels) as (image, name, _, _):
        frames = sizes(image)
        tile = getattr(image, "tag_v2", {})  # a TIFF's tiles may be larger than what they show
        pixels = max(frames[0], int(tile.get(322, 0)) * int(tile.get(323, 0)))
        _check_size((pixels, 1), uri, max_pixels)
        memory = bytes_for_each_pixel(image, name)
        pixels = max(pixels, *(size for size in frames if size <= max_pixels))
        work = pixels // 4 if name == "JPEG" else pixels + sum(frames[1:]) // _LOOKED_AT
        return Cost(pixels, pixels * memory, work)


class _OpenedImage(NamedTuple):
    """A picture whose header was read."""

    image: ImageFile.ImageFile
    name: Format
    data: bytes
    turn: int
    """The orientation by what is around it, in a camera raw file."""


@contextmanager
def _opened(
    data: bytes, uri: str, max_pixels: int, min_side: int | None = None
) -> Iterator[_OpenedImage]:
    """A picture, found small enough; what goes wrong comes out as an ImageError."""
    name, turn = _identify(data, uri), 1
    if name == "RAW" or (name == "TIFF" and raw.is_raw(data)):
        name, turn, data = "JPEG", raw.orientation(data), _previewed(data, uri)
    try:
        with _pillow_kept_quiet():
            if name == "WEBP":
                _check_size(webp_size(data[:HEAD_BYTES]), uri, max_pixels)
            if name == "JXL":
                _check_size(_jxl_size(data, uri), uri, max_pixels)
            if name == "JPEG" and len(_SCAN.findall(data)) > _MOST_SCANS:
                raise ImageUnreadableError(
                    uri, f"the JPEG file has more than {_MOST_SCANS} scans, each to be decoded anew"
                )
            with _open(name, data) as image:
                skimmed = name == "JPEG" and min_side and not image.info.get("progressive")
                factor = _reduction(image.size, min_side or 1) ** 2 if skimmed else 1
                _check_size(image.size, uri, max_pixels * min(factor, _SKIMMED))
                yield _OpenedImage(image, name, data, turn)
    except ImageError:
        raise
    except ModuleNotFoundError as error:
        called, extra = _OPTIONAL[name]
        raise ImageFormatError(
            uri, f"{called} pictures need an optional part: pip install 'visavis[{extra}]'"
        ) from error
    except MemoryError as error:
        raise ImageUnreadableError(uri, "there is not enough memory to decode it") from error
    except Exception as error:
        if (reason := _of_a_kind_not_read(data, error)) is not None:
            raise ImageFormatError(uri, reason) from error
        # Decoders meet hostile bytes with almost any exception: OSError, SyntaxError, ValueError,
        # struct.error, zlib.error, IndexError, KeyError, AttributeError, ZeroDivisionError …
        raise ImageUnreadableError(uri, _what_is_wrong(name, error)) from error


def crop(pixels: RGB, box: Box) -> RGB:
    """The part of a picture inside `box` (fractions of its sides), a copy of at least one pixel.

    Raises UsageError when the box is empty, turned round, not finite or outside 0…1.
    """
    if len(box) != 4 or not all(math.isfinite(edge) for edge in box):
        raise UsageError(f"a box is four numbers (left, top, right, bottom), not {_shown(box)}")
    left, top, right, bottom = box
    if min(box) < 0 or max(box) > 1:
        raise UsageError(f"a box is in fractions of the picture, 0 to 1, not {_shown(box)}")
    if left >= right or top >= bottom:
        raise UsageError(f"the box {_shown(box)} is empty: left < right and top < bottom, please")
    rows, columns = _span(top, bottom, pixels.shape[0]), _span(left, right, pixels.shape[1])
    return np.array(pixels[rows, columns])


def _span(start: float, stop: float, length: int) -> slice:
    """Whole pixels that cover start…stop; rounded first, as 0.7 * 10 is 7.000000000000001."""
    first = min(math.floor(round(start * length, 6)), length - 1)
    return slice(first, max(math.ceil(round(stop * length, 6)), first + 1))


def _shown(box: Box) -> str:
    return ", ".join(f"{edge:g}" for edge in box)


def _identify(data: bytes, uri: str) -> Format:
    head = data[:HEAD_BYTES]
    if not head:
        raise ImageUnreadableError(uri, "the file is empty (zero bytes)")
    name = sniff(head)
    if name is None and is_other_picture(head):
        raise ImageFormatError(
            uri, f"it is {describe(head)}, which visavis cannot decode; convert it to JPEG or PNG"
        )
    if name is None:
        raise ImageUnreadableError(uri, f"it is not a picture: it seems to be {describe(head)}")
    return name


def _check_size(size: tuple[int, int] | None, uri: str, max_pixels: int) -> None:
    if size is not None and size[0] * size[1] > max_pixels:
        raise ImageTooLargeError(uri, *size, max_pixels)


def _jxl_size(data: bytes, uri: str) -> tuple[int, int]:
    """Never unknown: the reader would decode whatever there is."""
    size = jxl_size(data)
    if size is None:
        raise ImageUnreadableError(uri, "the JPEG XL file is damaged (it has no size)")
    return size


def _decode_opened(opened: _OpenedImage, min_side: int | None) -> Picture:
    width, height = opened.image.size
    if opened.name == "JPEG":
        image, note = _jpeg(opened, min_side)
        min_side = None  # it is as small as it gets by now
    else:
        image, note = _pixels(opened)
        width, height = image.size  # only now: loading a TIFF may turn it upright
    # After loading: a PNG may keep its EXIF behind the pixels.
    turn = orientation(image if opened.name == "JPEG" else opened.image)
    if opened.name == "JXL" and not getattr(image, "jpeg", False):
        turn = 1  # its reader has turned it
    turn = opened.turn if turn == 1 else turn
    if 5 <= turn <= 8:
        width, height = height, width
    # Shrunk at once where the mode allows it, to hold less memory, and otherwise as RGB.
    plain = shrink(to_rgb(to_srgb(shrink(image, min_side))), min_side)
    return Picture(to_array(upright(plain, turn)), width, height, note)


def _pixels(opened: _OpenedImage) -> tuple[Image.Image, str]:
    """The pixels of what is no JPEG, and a word on them where the file lacks its end."""
    try:
        return loaded(opened.image, lambda: _open(opened.name, opened.data)), ""
    except (OSError, SyntaxError, ValueError) as error:
        if opened.name != "PNG":
            raise
        cut = isinstance(error, OSError) and "truncated" in str(error)
        mended = with_last_rows(opened.data) if cut else next(with_fewer_chunks(opened.data), b"")
        if not mended:
            raise
        return loaded(_open("PNG", mended), lambda: _open("PNG", mended)), _NO_END if cut else ""


def _jpeg(opened: _OpenedImage, min_side: int | None) -> tuple[Image.Image, str]:
    """A JPEG's pixels, and a word on them where the file lacks its end."""

    def pixels(image: ImageFile.ImageFile) -> Image.Image:
        if min_side is not None:  # decodes at 1/2, 1/4 or 1/8, never below min_side
            image.draft(None, (min_side, min_side))
        image.load()
        return image

    there = without_zeros(opened.data)
    try:
        if there is not None:
            raise OSError("the file is truncated: zeros are all that follows")
        return pixels(opened.image), ""
    except OSError as error:
        if "truncated" not in str(error):
            raise
        data = opened.data if there is None else there
        image = without_end(data, lambda part: pixels(_opener("JPEG")(BytesIO(part))))
        if image is None:
            raise
        return image, _NO_END


def _reduction(size: tuple[int, int], min_side: int) -> int:
    """How many times smaller a JPEG's sides are decoded."""
    return next((scale for scale in (8, 4, 2) if min(size) // min_side >= scale), 1)


def _previewed(data: bytes, uri: str) -> bytes:
    found = raw.preview(data)
    if found is None:
        raise ImageUnreadableError(
            uri, "it is a camera raw file without a preview that can be read; convert it to JPEG"
        )
    return found


def _of_a_kind_not_read(data: bytes, error: Exception) -> str | None:
    """What a file is that is whole, but of a kind that the reader of its format does not know."""
    if data.startswith(b"MM\0+"):
        return "it is a BigTIFF with the high byte first, which visavis cannot read; convert it"
    if isinstance(error, SyntaxError) and "unknown pixel mode" in str(error):
        return "it has pixels that visavis cannot read, such as float colours; convert it"
    return None


def _what_is_wrong(name: Format, error: Exception) -> str:
    if isinstance(error, Image.DecompressionBombError):  # GIF, TIFF and WebP readers have a limit
        return f"the {name} reader takes no picture of that many pixels; convert it to JPEG or PNG"
    message = " ".join(str(error).split())
    if "truncated" in message.lower() or isinstance(error, EOFError):
        return f"the {name} file is truncated; fetch or copy it again"
    return f"the {name} file is damaged ({message[:200] or type(error).__name__})"


def _open(name: Format, data: bytes) -> ImageFile.ImageFile:
    """A file whose header was read; of a PNG, chunks without which it can do may be broken."""
    try:
        return _opener(name)(BytesIO(data))
    except Exception:  # as in `_opened`
        for plainer in with_fewer_chunks(data) if name == "PNG" else ():
            with suppress(Exception):
                return _opener(name)(BytesIO(plainer))
        raise


@functools.cache
def _opener(name: Format) -> _Opener:
    """The class that opens a format.

    Called directly rather than through `Image.open`, which would try other formats too, and warn
    or fail at a pixel count of its own (`Image.MAX_IMAGE_PIXELS`, one for the whole process).
    """
    from importlib import import_module

    if name == "HEIF":
        return cast(_Opener, import_module("pillow_heif").HeifImageFile)
    if name == "JXL":
        return cast(_Opener, import_module("pillow_jxl.JpegXLImagePlugin").JXLImageFile)
    stem = {"JPEG": "Jpeg", "PNG": "Png", "WEBP": "WebP", "GIF": "Gif", "BMP": "Bmp"}
    stem |= {"TIFF": "Tiff", "AVIF": "Avif"}
    plugin = import_module(f"PIL.{stem[name]}ImagePlugin")
    return cast(_Opener, getattr(plugin, f"{stem[name]}ImageFile"))


@functools.cache
def _pillow_filter() -> _WarningFilter:
    return ("ignore", None, Warning, cast(str, re.compile(r"(PIL|pillow_heif|pillow_jxl)\b")), 0)


@contextmanager
def _pillow_kept_quiet() -> Iterator[None]:
    """Keep Pillow's warnings about odd metadata off the caller's screen while one is decoded.

    `warnings.catch_warnings` swaps the whole list and is not safe with threads. Putting one entry
    in and taking one equal entry out is: each is a single operation on the list.
    """
    filters = cast(list[_WarningFilter], warnings.filters)
    entry = _pillow_filter()
    filters.insert(0, entry)
    try:
        yield
    finally:
        with suppress(ValueError):  # gone when someone called warnings.resetwarnings() meanwhile
            filters.remove(entry)
