"""Camera raw files: the JPEG preview that every camera puts into them.

CR2, NEF, ARW, DNG, PEF, ORF, RW2, SRW and so on are TIFF files, whose directories say where the
previews lie; CR3 is an ISO container, RAF has a header of its own. In all of them a JPEG begins
with FF D8 FF, so where no directory helps it is looked for.
"""

import struct
from collections.abc import Iterator
from typing import Literal

_FUJI, _CANON = b"FUJIFILMCCD-RAW", b"ftypcrx "
_OWN_HEADS = (b"IIU\0", b"IIRO", b"IIRS", b"MMOR")  # Panasonic; Olympus
_START = b"\xff\xd8\xff"
_FRAMES = frozenset((0xC0, 0xC1, 0xC2))  # of the JPEG that viewers show; raw data is in C3
_MOST_STARTS = 20_000  # by chance they come once in sixteen million bytes
_MOST_MARKERS = 200
_MOST_DIRECTORIES, _MOST_ENTRIES = 32, 1000

_PHOTOMETRIC, _ORIENTATION, _SUB_DIRECTORIES, _DNG = 0x106, 0x112, 0x14A, 0xC612
_SENSOR = frozenset((32803, 34892))  # colour filter array, linear raw


def is_raw(data: bytes) -> bool:
    """Whether a file is a camera's raw file, and not a TIFF that is a picture itself."""
    if data.startswith((_FUJI, *_OWN_HEADS)) or data[4:12] == _CANON or data[8:10] == b"CR":
        return True
    if not data.startswith((b"II*\0", b"MM\0*")):
        return False
    return any(
        tag == _DNG or (tag == _PHOTOMETRIC and value in _SENSOR) for tag, value in _tags(data)
    )


def preview(data: bytes) -> bytes | None:
    """The largest JPEG in a raw file, from its first byte on; None when there is none."""
    largest, place = 0, -1
    at = data.find(_START)
    for _ in range(_MOST_STARTS):
        if at < 0:
            break
        pixels = _pixels(data, at)
        if pixels > largest:
            largest, place = pixels, at
        at = data.find(_START, at + 2)
    return None if place < 0 else data[place:]


def orientation(data: bytes) -> int:
    """How the camera was held, by the first directory of the file; 1 when it does not say."""
    start = data.find(b"CMT1", 0, 1 << 20) + 4 if data[4:12] == _CANON else 0
    turns = (value for tag, value in _tags(data[start:]) if tag == _ORIENTATION)
    return next(turns, 1)


def _pixels(data: bytes, at: int) -> int:
    """Width times height of the JPEG that begins there; 0 where none does."""
    at += 2
    for _ in range(_MOST_MARKERS):
        if at + 9 > len(data) or data[at] != 0xFF:
            break
        marker, length = data[at + 1], int.from_bytes(data[at + 2 : at + 4])
        if marker in _FRAMES:
            precision, height, width = struct.unpack_from(">BHH", data, at + 4)
            return int(height * width) if precision == 8 else 0
        if not 0xC4 <= marker <= 0xFE or marker in range(0xD0, 0xDB) or length < 2:
            return 0
        at += 2 + length
    return 0


def _tags(data: bytes) -> Iterator[tuple[int, int]]:
    """The numbers of all directories that can be reached: each tag with its first value."""
    order: Literal["big", "little"] = "big" if data.startswith(b"MM") else "little"
    waiting, seen = [_number(data, order, 4, 4)], set[int]()
    while waiting and len(seen) < _MOST_DIRECTORIES:
        start = waiting.pop(0)
        if start in seen or not 8 <= start <= len(data) - 2:
            continue
        seen.add(start)
        count = min(_number(data, order, start, 2), _MOST_ENTRIES)
        for at in range(start + 2, start + 2 + 12 * count, 12):
            tag, kind = _number(data, order, at, 2), _number(data, order, at + 2, 2)
            values = _number(data, order, at + 4, 4)
            first = _number(data, order, at + 8, 2 if kind == 3 else 4)
            if tag != _SUB_DIRECTORIES:
                yield tag, first
            elif values == 1:
                waiting.append(first)
            else:
                waiting += (
                    _number(data, order, first + 4 * i, 4)
                    for i in range(min(values, _MOST_DIRECTORIES))
                )
        waiting.append(_number(data, order, start + 2 + 12 * count, 4))


def _number(data: bytes, order: Literal["big", "little"], at: int, size: int) -> int:
    return int.from_bytes(data[at : at + size], order)
