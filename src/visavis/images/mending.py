"""Broken files of which viewers show nearly all: what they show, and nothing where that is less."""

import struct
import zlib
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
from PIL import Image

END = b"\xff\xd9"
_ZEROS = 512
_CUT_AGAIN = 0.02  # of the file: how much less is read to see how far the picture reaches
_ENOUGH = 0.75  # of the rows have to be there
_SCANS = 5  # of a progressive file have to have begun: then shapes and colours are there
_START_OF_SCAN, _PROGRESSIVE = b"\xff\xda", b"\xff\xc2"


# ----- JPEG


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


# ----- PNG (ISO/IEC 15948)

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_NEEDED = frozenset((b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"))
_USEFUL = _NEEDED | {b"iCCP", b"sRGB", b"gAMA", b"eXIf"}
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # by colour type
_MOST_BYTES = 128 << 20  # of pixels: what lies in memory twice while a PNG is mended
_AS_ABOVE = 2  # the filter of a row of which zeros repeat the one above


class _Chunk(NamedTuple):
    kind: bytes
    body: memoryview
    sound: bool
    """Whether its checksum is right."""

    @property
    def is_extra(self) -> bool:
        """Whether a picture can do without it: its name begins with a small letter."""
        return bool(self.kind[0] & 0x20)


def with_fewer_chunks(data: bytes) -> Iterator[bytes]:
    """A PNG file without extra chunks that may be broken, such as texts; then without any.

    What the picture needs stays as it is.
    """
    chunks = list(_chunks(data))
    for kinds in (_USEFUL, _NEEDED):
        kept = [it for it in chunks if it.kind in kinds and (it.sound or not it.is_extra)]
        if len(kept) < len(chunks) and all(it.sound for it in kept):
            yield _SIGNATURE + b"".join(_packed(it.kind, it.body) for it in kept)


def with_last_rows(data: bytes) -> bytes | None:
    """A truncated PNG file with its last rows made up; None where more than those are missing."""
    chunks = [it for it in _chunks(data, cut=True) if it.kind in _USEFUL]
    if not chunks or chunks[0].kind != b"IHDR" or len(chunks[0].body) != 13:
        return None
    width, height, depth, colour, _, _, interlaced = struct.unpack(">IIBBBBB", chunks[0].body)
    row = 1 + (width * depth * _CHANNELS.get(colour, 4) + 7) // 8
    if interlaced or row * height > _MOST_BYTES:
        return None
    unpack = zlib.decompressobj()
    try:
        pixels = unpack.decompress(
            b"".join(it.body for it in chunks if it.kind == b"IDAT"), row * height
        )
    except zlib.error:
        return None
    rows = len(pixels) // row
    if rows < height * _ENOUGH:
        return None
    made_up = bytes((_AS_ABOVE, *bytes(row - 1))) * (height - rows)
    packed = zlib.compress(pixels[: rows * row] + made_up, 0)
    kept = [it for it in chunks if it.kind not in (b"IDAT", b"IEND") and it.sound]
    head = b"".join(_packed(it.kind, it.body) for it in kept)
    return _SIGNATURE + head + _packed(b"IDAT", packed) + _packed(b"IEND", b"")


def _chunks(data: bytes, *, cut: bool = False) -> Iterator[_Chunk]:
    """The chunks of a PNG file up to its end; with `cut` also what there is of the last one."""
    view, at = memoryview(data), len(_SIGNATURE)
    while at + 8 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        body = view[at + 8 : at + 8 + length]
        check = data[at + 8 + length : at + 12 + length]
        if cut or len(check) == 4:
            sound = check == struct.pack(">I", zlib.crc32(body, zlib.crc32(kind)))
            yield _Chunk(kind, body, sound)
        at += 12 + length
        if kind == b"IEND":
            break


def _packed(kind: bytes, body: bytes | memoryview) -> bytes:
    check = zlib.crc32(body, zlib.crc32(kind))
    return struct.pack(">I", len(body)) + kind + bytes(body) + struct.pack(">I", check)
