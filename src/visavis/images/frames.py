"""Files with several pictures: the frame of an animation, or the page of a file, that is shown."""

from contextlib import suppress

from PIL import Image, ImageFile, ImageStat

_MOST = 16  # frames or pages that are looked at
_EMPTY = 4.0  # levels of 255: the deviation of a frame that shows next to nothing
_KIND = 254  # TIFF: what sort of page it is; bit 0 says that it is a smaller version of another
_SIDE = 64
_SAMPLED = 512  # the sides of what is looked at of a larger frame
_MOST_PIXELS = 32_000_000  # of all frames together that are looked at behind the first two


def show(image: ImageFile.ImageFile, max_pixels: int) -> None:
    """Turn to the first picture that shows something and is no thumbnail of another one.

    Of a file whose first pictures are of one colour, as of an animation that fades in, that is the
    one with most in it among the first sixteen, or fewer where they are large; none larger than
    `max_pixels` is decoded.
    """
    if not getattr(image, "is_animated", False):
        return
    if hasattr(image, "tag_v2"):
        _leave_thumbnails(image)
    best, most = image.tell(), _detail(image, max_pixels)
    if most >= _EMPTY:
        return
    left = _MOST_PIXELS
    for number in range(best + 1, best + _MOST):
        with suppress(EOFError):
            image.seek(number)
            left -= image.width * image.height
            if left < 0 and number > best + 1:
                break
            if (detail := _detail(image, max_pixels)) > max(most, _EMPTY):
                best, most = number, detail
            continue
        break
    image.seek(best)


def sizes(image: ImageFile.ImageFile) -> list[int]:
    """Pixels of the frames and pages that `show` may look at, none of which is decoded for this.

    Those of an animation are as large as the first, the pages of a TIFF as they say. The file is
    left at its first.
    """
    first = image.width * image.height
    if not getattr(image, "is_animated", False):
        return [first]
    if not hasattr(image, "tag_v2"):
        return [first] * min(_MOST, max(2, 1 + _MOST_PIXELS // first))
    found = [first]
    with suppress(EOFError):
        for number in range(1, 2 * _MOST):  # thumbnails may come first
            image.seek(number)
            found.append(image.width * image.height)
    image.seek(0)
    return found


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
    if max(image.size) > 2 * _SAMPLED:  # converted as a whole, it takes as long as its decoding
        sides = [min(_SAMPLED, side) for side in image.size]
        image = image.resize((sides[0], sides[1]), Image.Resampling.NEAREST)
    small = image.convert("RGBA").resize((_SIDE, _SIDE), Image.Resampling.BOX)
    return float(max(ImageStat.Stat(small).stddev))
