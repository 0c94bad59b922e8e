"""Packed bodies: what they hold, and that much in few bytes is never in memory at once."""

import gzip
import zlib

import pytest

from visavis.sources.web.unpacking import STEP, unpacked

TEXT = bytes(range(256)) * 20_000


@pytest.mark.parametrize(
    ("packed", "encoding"),
    [
        (TEXT, ""),
        (TEXT, "identity"),
        (gzip.compress(TEXT), "gzip"),
        (gzip.compress(TEXT), "X-GZIP, identity"),
        (zlib.compress(TEXT), "deflate"),
    ],
)
def test_a_packed_body_is_what_it_was(packed: bytes, encoding: str) -> None:
    for size in (1_000, len(packed)):
        pieces = [packed[at : at + size] for at in range(0, len(packed), size)]
        assert b"".join(unpacked(pieces, encoding)) == TEXT


def test_a_body_is_unpacked_a_little_at_a_time() -> None:
    packed = gzip.compress(bytes(50_000_000), 9)
    longest, total = 0, 0
    for piece in unpacked([packed], "gzip"):
        longest, total = max(longest, len(piece)), total + len(piece)
    assert longest <= STEP
    assert total == 50_000_000


@pytest.mark.parametrize("encoding", ["gzip, gzip", "gzip,deflate", "br", "zstd", "compress"])
def test_what_is_packed_twice_or_otherwise_is_refused_unread(encoding: str) -> None:
    with pytest.raises(ValueError, match="which it was not asked for"):
        unpacked(iter(()), encoding)


@pytest.mark.parametrize(
    ("packed", "told"),
    [
        (gzip.compress(TEXT)[:-30], "ends too early"),
        (b"", "ends too early"),
        (TEXT, "cannot be unpacked"),
    ],
)
def test_a_body_that_is_broken_is_refused(packed: bytes, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        list(unpacked([packed], "gzip"))
