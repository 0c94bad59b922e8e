"""A picture's metadata, taken out without touching its pixels.

Where and when it was taken, by which device and whom: EXIF, XMP and IPTC. Blocks are overwritten
where they stand, so nothing else in the file moves; of EXIF the orientation stays.
"""

import re
import struct
import zlib
from collections.abc import Iterator

from visavis.images.sniff import HEAD_BYTES, sniff

_EXIF = re.compile(rb"Exif\0\0(?=II\*\0|MM\0\*)")
_WEBP_EXIF = re.compile(rb"EXIF....(?=II\*\0|MM\0\*)", re.DOTALL)
_XMP = re.compile(rb"<x:xmpmeta.*?</x:xmpmeta>|<rdf:RDF.*?</rdf:RDF>", re.DOTALL)
_JPEG_BLOCKS = (b"http://ns.adobe.com/xmp/extension/\0", b"Photoshop 3.0\0")
_PNG_TOLD = frozenset((b"tEXt", b"zTXt", b"iTXt", b"tIME", b"eXIf"))

_ORIENTATION = 0x0112
_POINTERS = frozenset((0x8769, 0x8825, 0xA005))  # to the tables of EXIF, GPS, interoperability
# Of a TIFF, whose other tags say where its pixels are: description, maker, model, software, time,
# artist, host, XMP, IPTC, Photoshop's, copyright, and Windows' own.
_TIFF_PRIVATE = frozenset((270, 271, 272, 305, 306, 315, 316, 700, 33723, 34377, 33432))
_TIFF_PRIVATE |= _POINTERS | frozenset(range(0x9C9B, 0x9CA0))
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
_MOST_TABLES = 16


def stripped(data: bytes) -> bytes:
    """An image file without its EXIF (but for the orientation), XMP and IPTC.

    What is no picture, or holds nothing of the kind, comes back as it is.
    """
    kind = sniff(data[:HEAD_BYTES])
    if kind == "PNG":
        return b"".join(_png_chunks(data))
    out = bytearray(data)
    if kind == "TIFF":
        _blank_tables(out, 0, _TIFF_PRIVATE)
    if kind in ("JPEG", "WEBP", "AVIF", "HEIF"):
        for found in (*_EXIF.finditer(data), *_WEBP_EXIF.finditer(data)):
            _blank_tables(out, found.end(), None)
    for found in _XMP.finditer(data):
        out[found.start() : found.end()] = b" " * (found.end() - found.start())
    if kind == "JPEG":
        for name in _JPEG_BLOCKS:
            _blank_segments(out, name)
    return bytes(out)


def _png_chunks(data: bytes) -> Iterator[bytes]:
    """The chunks of a PNG that show something; of EXIF a new one with the orientation."""
    yield data[:8]
    at = 8
    while at + 12 <= len(data):
        length = int.from_bytes(data[at : at + 4], "big")
        kind = data[at + 4 : at + 8]
        if kind == b"eXIf":
            turn = bytearray(data[at + 8 : at + 8 + length])
            _blank_tables(turn, 0, None)
            body = kind + bytes(turn)
            yield struct.pack(">I", length) + body + struct.pack(">I", zlib.crc32(body))
        elif kind not in _PNG_TOLD:
            yield data[at : at + 12 + length]
        at += 12 + length
    yield data[at:]


def _blank_segments(out: bytearray, name: bytes) -> None:
    """Overwrite the segments of a JPEG that begin with a name."""
    at = out.find(name)
    while at >= 4:
        length = int.from_bytes(out[at - 2 : at], "big") - 2
        out[at + len(name) : at + length] = bytes(max(0, min(length, len(out) - at) - len(name)))
        at = out.find(name, at + len(name))


def _blank_tables(out: bytearray, base: int, private: frozenset[int] | None) -> None:
    """Overwrite the tables and values of a TIFF structure; `private` None: all but orientation."""
    order = {b"II": "<", b"MM": ">"}.get(bytes(out[base : base + 2]))
    if order is not None and len(out) >= base + 8:
        _Tables(out, base, order, private).blank()


class _Tables:
    """The tables of one TIFF structure, as they are found."""

    def __init__(
        self, out: bytearray, base: int, order: str, private: frozenset[int] | None
    ) -> None:
        self._out = out
        self._base = base
        self._order = order
        self._private = private
        self._first = base + self._number("I", base + 4)
        self._turn = 1
        self._areas: list[tuple[int, int]] = []
        self._waiting = [(self._first, private is None)]

    def blank(self) -> None:
        """Find everything first, as the tables say where it is; then overwrite it."""
        seen: set[int] = set()
        while self._waiting and len(seen) < _MOST_TABLES:
            table, whole = self._waiting.pop()
            if table not in seen and self._base + 8 <= table <= len(self._out) - 2:
                seen.add(table)
                self._look(table, whole)
        for start, size in self._areas:
            stop = min(start + size, len(self._out))
            if start >= self._base:
                self._out[start:stop] = bytes(max(0, stop - start))
        if self._private is None and seen and self._first + 18 <= len(self._out):
            left = (1, _ORIENTATION, 3, 1, self._turn, 0, 0)
            struct.pack_into(self._order + "HHHIHHI", self._out, self._first, *left)

    def _number(self, kind: str, at: int) -> int:
        found: int = struct.unpack_from(self._order + kind, self._out, at)[0]
        return found

    def _look(self, table: int, whole: bool) -> None:
        count = min(self._number("H", table), (len(self._out) - table - 2) // 12)
        after = table + 2 + 12 * count
        for at in range(table + 2, after, 12):
            self._look_at(at, whole)
        if after + 4 > len(self._out):
            return
        if following := self._number("I", after):  # a TIFF's next page, or EXIF's small picture
            self._waiting.append((self._base + following, whole))
        if whole:
            self._areas.append((table, after + 4 - table))

    def _look_at(self, at: int, whole: bool) -> None:
        tag, kind, many = struct.unpack_from(self._order + "HHI", self._out, at)
        value = self._base + self._number("I", at + 8)
        if tag == _ORIENTATION and kind == 3:
            self._turn = self._number("H", at + 8)
        if tag in _POINTERS:
            self._waiting.append((value, True))
        if whole or tag in (self._private or ()):
            self._areas.append((at + 4, 8))
            if (size := _SIZES.get(kind, 1) * many) > 4:
                self._areas.append((value, size))
