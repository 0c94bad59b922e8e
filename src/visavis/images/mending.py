"""JPEG files without their end: what viewers show of them, where that is nearly all."""

from collections.abc import Callable

import numpy as np
from PIL import Image

END = b"\xff\xd9"
_ZEROS = 512
_CUT_AGAIN = 0.02  # of the file: how much less is read to see how far the picture reaches
_ENOUGH = 0.75  # of the rows have to be there
_SCANS = 5  # of a progressive file have to have begun: then shapes and colours are there
_START_OF_SCAN, _PROGRESSIVE = b"\xff\xda", b"\xff\xc2"


def without_zeros(data: bytes) -> bytes | None:
    """What came before the zeros that a file ends in; None for a file that has its end.

    So it is with a download or a card that broke off after the file had got its size. Cameras may
    write more behind the end, and fill up with zeros.
    """
    if not data.endswith(bytes(_ZEROS)):
        return None
    rest = data.rstrip(b"\0")
    return None if rest.find(END, rest.rfind(_START_OF_SCAN)) >= 0 else rest


def without_end(data: bytes, load: Callable[[bytes], Image.Image]) -> Image.Image | None:
    """The picture of a truncated JPEG file; None where too much of it is missing.

    With an end marker put behind it, the decoder fills what is missing with one colour. Where that
    begins is seen by reading a little less of the file: the pictures differ from there on.
    """
    image = load(data + END)
    if _PROGRESSIVE in data[: data.find(_START_OF_SCAN)]:
        return image if data.count(_START_OF_SCAN) >= _SCANS else None
    shorter = load(data[: len(data) - max(64, int(len(data) * _CUT_AGAIN))] + END)
    differ = (np.asarray(image) != np.asarray(shorter)).reshape(image.height, -1).any(axis=1)
    reach = int(differ.argmax()) if differ.any() else image.height
    return image if reach >= image.height * _ENOUGH else None
