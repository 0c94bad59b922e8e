"""Files with several pictures: the frame of an animation, or the page of a file, that is shown."""

from contextlib import suppress

from PIL import Image, ImageFile, ImageStat

_MOST = 16  # frames or pages that are looked at
_EMPTY = 4.0  # levels of 255: the deviation of a frame that shows next to nothing
_KIND = 254  # TIFF: what sort of page it is; bit 0 says that it is a smaller version of another
_SIDE = 64


def show(image: ImageFile.ImageFile, max_pixels: int) -> None:
    """Turn to the first picture that shows something and is no thumbnail of another one.

    Of a file whose first pictures are of one colour, as of an animation that fades in, that is the
    one with most in it among the first sixteen; none larger than `max_pixels` is decoded.
    """
    if not getattr(image, "is_animated", False):
        return
    if hasattr(image, "tag_v2"):
        _leave_thumbnails(image)
    best, most = image.tell(), _detail(image, max_pixels)
    if most >= _EMPTY:
        return
    for number in range(best + 1, best + _MOST):
        with suppress(EOFError):
            image.seek(number)
            if (detail := _detail(image, max_pixels)) > max(most, _EMPTY):
                best, most = number, detail
            continue
        break
    image.seek(best)


def _leave_thumbnails(image: ImageFile.ImageFile) -> None:
    """Scanners and cameras may put one first, and mark it."""
    for number in range(_MOST):
        try:
            image.seek(number)
        except EOFError:
            break
        if not getattr(image, "tag_v2", {}).get(_KIND, 0) & 1:
            return
    image.seek(0)


def _detail(image: Image.Image, max_pixels: int) -> float:
    if image.width * image.height > max_pixels:
        return 0.0
    small = image.convert("RGBA").resize((_SIDE, _SIDE), Image.Resampling.BOX)
    return float(max(ImageStat.Stat(small).stddev))
