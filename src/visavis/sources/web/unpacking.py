"""Bodies that a server has packed, unpacked a little at a time: a few bytes may hold gigabytes."""

import zlib
from collections.abc import Iterable, Iterator

STEP = 1_000_000
"""Bytes that are unpacked at one time."""

_EITHER = zlib.MAX_WBITS | 32  # the head of gzip, or that of zlib
_KNOWN = frozenset(("gzip", "x-gzip", "deflate"))


def unpacked(pieces: Iterable[bytes], encoding: str) -> Iterator[bytes]:
    """The bytes of a body, in pieces; `encoding` is what its head says of how it is packed.

    Servers are asked not to pack pictures. Some do all the same, once: what is packed twice has no
    bound in proportion to its bytes. Raises ValueError.
    """
    kinds = [name.strip().lower() for name in encoding.split(",")]
    kinds = [name for name in kinds if name not in ("", "identity")]
    if not kinds:
        return iter(pieces)
    if len(kinds) > 1 or kinds[0] not in _KNOWN:
        raise ValueError(f"it is packed as {encoding[:100]!r}, which it was not asked for")
    return _inflated(pieces)


def _inflated(pieces: Iterable[bytes]) -> Iterator[bytes]:
    inflating = zlib.decompressobj(_EITHER)
    try:
        for piece in pieces:
            while piece and not inflating.eof:
                yield inflating.decompress(piece, STEP)
                piece = inflating.unconsumed_tail
    except zlib.error as error:
        raise ValueError(f"it is packed and cannot be unpacked: {error}") from error
    yield inflating.flush()
    if not inflating.eof:
        raise ValueError("it is packed and ends too early")
