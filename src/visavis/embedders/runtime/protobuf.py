"""The wire format of protobuf, as far as ONNX files need it: reading fields, writing fields.

https://protobuf.dev/programming-guides/encoding/
"""

import mmap
from collections.abc import Iterator

Data = bytes | mmap.mmap

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


def fields(data: Data, start: int, end: int) -> Iterator[tuple[int, int, int]]:
    """(field number, start, end) of each field's payload between two positions."""
    position = start
    while position < end:
        key, position = varint(data, position)
        kind = key & 7
        begin = position
        if kind == _VARINT:
            _, position = varint(data, position)
        elif kind == _BYTES:
            length, begin = varint(data, position)
            position = begin + length
        elif kind == _FIXED64:
            position += 8
        elif kind == _FIXED32:
            position += 4
        else:
            raise ValueError("not a protobuf message")
        if position > end:
            raise ValueError("it ends too early")
        yield key >> 3, begin, position


def varint(data: Data, position: int) -> tuple[int, int]:
    """A whole number, and the position after it; ValueError or IndexError where there is none."""
    value = shift = 0
    while True:
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
        shift += 7
        if shift > 63:
            raise ValueError("not a protobuf message")


def strings(data: Data, start: int, end: int, wanted: int) -> list[str]:
    """The texts in one field between two positions."""
    found = fields(data, start, end)
    return [data[begin:stop].decode() for field, begin, stop in found if field == wanted]


def delimited(field: int, payload: bytes) -> bytes:
    """A field that holds bytes: a text, a message, packed numbers."""
    return _encoded(field << 3 | _BYTES) + _encoded(len(payload)) + payload


def number(field: int, value: int) -> bytes:
    """A field that holds a whole number, which may be below 0."""
    return _encoded(field << 3 | _VARINT) + _encoded(value & 0xFFFFFFFFFFFFFFFF)


def _encoded(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)
