"""What a file is, by its first bytes and never by its name."""

import re
from typing import Literal

Format = Literal["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "HEIF", "JXL", "RAW"]
"""The formats that visavis decodes; everything else is refused before a decoder sees it."""

HEAD_BYTES = 64
"""How many first bytes `sniff` and `describe` want to see; 32 are enough for `sniff`."""

_MAGIC: tuple[tuple[bytes, Format], ...] = (
    (b"\xff\xd8\xff", "JPEG"),
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"GIF87a", "GIF"),
    (b"GIF89a", "GIF"),
    (b"BM", "BMP"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
    (b"II+\0", "TIFF"),  # BigTIFF
    (b"MM\0+", "TIFF"),
    (b"\xff\x0a", "JXL"),
    (b"\0\0\0\x0cJXL ", "JXL"),
    (b"FUJIFILMCCD-RAW", "RAW"),
    (b"IIU\0", "RAW"),  # Panasonic
    (b"IIRO", "RAW"),  # Olympus
    (b"IIRS", "RAW"),
    (b"MMOR", "RAW"),
)
_HEIF_BRANDS = frozenset(
    (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1")
)

# Pictures that we know and do not decode: the answer is another format, not another file.
_OTHER_PICTURES: tuple[tuple[bytes, str], ...] = (
    (b"\0\0\0\x0cjP  ", "a JPEG 2000 picture"),
    (b"\xff\x4f\xff\x51", "a JPEG 2000 picture"),
    (b"8BPS", "a Photoshop file"),
    (b"\0\0\1\0", "a Windows icon"),
    (b"II\xbc\x01", "a JPEG XR picture"),
    (b"%!PS", "a PostScript file"),
    (b"%PDF", "a PDF document"),
)
_OTHER_FILES: tuple[tuple[bytes, str], ...] = (
    (b"PK\x03\x04", "a ZIP archive or an office document"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"7z\xbc\xaf", "a 7z archive"),
    (b"Rar!", "a RAR archive"),
    (b"SQLite format 3", "an SQLite database"),
    (b"\x7fELF", "a program"),
    (b"MZ", "a program"),
    (b"ID3", "an audio file"),
    (b"OggS", "an audio or video file"),
    (b"RIFF", "an audio or video file"),
    (b"\x1aE\xdf\xa3", "a video"),
    (b"version https://git-lfs", "a Git LFS pointer (run `git lfs pull` to get the picture)"),
)
_TEXT = re.compile(rb"(?:[\t\n\f\r\x20-\x7e]|[\xc2-\xf4][\x80-\xbf]{1,3})+[\x80-\xff]{0,3}\Z")


def sniff(head: bytes) -> Format | None:
    """The format that a file's first bytes (32 or more) announce, or None for anything else."""
    for magic, name in _MAGIC:
        if head.startswith(magic):
            return name
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WEBP"
    if head[4:8] == b"ftyp":
        return _sniff_iso_container(head)
    return None


def _sniff_iso_container(head: bytes) -> Format | None:
    """AVIF and HEIF share a container; brands distinguish them, the main one first."""
    major = head[8:12]
    length = int.from_bytes(head[:4], "big")
    listed = head[16 : min(length, len(head))]
    compatible = {listed[i : i + 4] for i in range(0, len(listed), 4)}
    if major == b"crx ":
        return "RAW"
    if major in (b"avif", b"avis"):
        return "AVIF"
    if major in (b"mif1", b"msf1") and compatible & {b"avif", b"avis"}:
        return "AVIF"
    return "HEIF" if major in _HEIF_BRANDS else None


def is_other_picture(head: bytes) -> bool:
    """Whether this is a picture (or a page) in a format that visavis does not decode."""
    return any(head.startswith(magic) for magic, _ in _OTHER_PICTURES) or _is_svg(head)


def describe(head: bytes) -> str:
    """What a file that `sniff` did not know seems to be, for a message: "a PDF document"."""
    for magic, name in _OTHER_PICTURES + _OTHER_FILES:
        if head.startswith(magic):
            return name
    if head[4:8] == b"ftyp":
        return "a video"
    if _is_svg(head):
        return "an SVG drawing"
    if re.match(rb"\s*<(!doctype html|html|head|body)", head, re.IGNORECASE):
        return "a web page"
    if not head.strip(b"\0"):
        return "nothing but zero bytes"
    if _TEXT.match(head):
        return "text"
    return "data of an unknown kind"


def _is_svg(head: bytes) -> bool:
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    return start.startswith(b"<svg") or (start.startswith(b"<?xml") and b"<svg" in start)


def webp_size(head: bytes) -> tuple[int, int] | None:
    """Width and height that a WebP file's first 30 bytes claim; None when they claim nothing.

    Needed because WebP decoders allocate the whole canvas as soon as they are made (layout:
    RFC 9649, sections 2.5 to 2.7).
    """
    kind = head[12:16]
    if len(head) < 30:
        return None
    if kind == b"VP8X":
        return _little(head[24:27]) + 1, _little(head[27:30]) + 1
    if kind == b"VP8L" and head[20] == 0x2F:
        bits = _little(head[21:25])
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if kind == b"VP8 " and head[23:26] == b"\x9d\x01\x2a":
        return _little(head[26:28]) & 0x3FFF, _little(head[28:30]) & 0x3FFF
    return None


def _little(data: bytes) -> int:
    return int.from_bytes(data, "little")
