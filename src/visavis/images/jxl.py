"""The size of a JPEG XL picture, from its first bytes (ISO/IEC 18181-1 and -2).

Needed because its reader decodes a picture as soon as it is opened.
"""

from collections.abc import Callable

_BARE, _BOXED = b"\xff\x0a", b"\0\0\0\x0cJXL "
_MOST_BOXES = 64
_RATIOS = ((1, 1), (12, 10), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1))


def jxl_size(data: bytes) -> tuple[int, int] | None:
    """Width and height that a file claims; None when it claims nothing."""
    start = _codestream(data)
    if data[start : start + 2] != _BARE or len(data) < start + 12:
        return None
    bits, at = int.from_bytes(data[start + 2 : start + 12], "little"), 0

    def take(count: int) -> int:
        nonlocal at
        at += count
        return bits >> (at - count) & ((1 << count) - 1)

    small = take(1) == 1
    height = _side(take, small)
    if not (ratio := take(3)):
        return _side(take, small), height
    across, down = _RATIOS[ratio - 1]
    return height * across // down, height


def _side(take: Callable[[int], int], small: bool) -> int:
    return (take(5) + 1) * 8 if small else take((9, 13, 18, 30)[take(2)]) + 1


def _codestream(data: bytes) -> int:
    """Where the picture begins: at once, or in a box of a container."""
    at = 0 if data.startswith(_BOXED) else -1
    for _ in range(_MOST_BOXES if at == 0 else 0):
        length, kind = int.from_bytes(data[at : at + 4]), data[at + 4 : at + 8]
        head = 16 if length == 1 else 8
        if length == 1:
            length = int.from_bytes(data[at + 8 : at + 16])
        if kind in (b"jxlc", b"jxlp"):
            return at + head + (4 if kind == b"jxlp" else 0)
        if length < head:
            break
        at += length
    return 0
