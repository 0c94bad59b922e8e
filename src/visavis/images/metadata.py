"""When, where and with what a picture was taken, by its EXIF; lies and damage say nothing."""

import contextlib
import math
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, BinaryIO, Literal

from PIL import ExifTags, Image

from visavis.types import FieldValue

METADATA = ("taken", "camera", "lens", "latitude", "longitude")
"""The fields that are read off pictures, in their order."""
GPS = frozenset(("latitude", "longitude"))
"""Those that tell where somebody was."""

About = dict[str, FieldValue]

_LONGEST = 200  # letters of a camera's or lens's name
_FIRST_YEAR = 1826  # of photography
_DATE = re.compile(r"(\d{4})[:./-](\d\d)[:./-](\d\d)(?:[ T](\d\d):(\d\d)(?::(\d\d))?)?(?!\d)")
_MOST_EXIF = 1 << 24  # bytes


def about(image: Image.Image) -> About:
    """What the EXIF of an opened picture says, as METADATA orders it; what is odd is left out."""
    try:
        exif = image.getexif()
        return _about(exif) if exif else {}
    except Exception:  # Pillow meets hostile EXIF with almost any exception
        return {}


def about_boxes(file: BinaryIO, name: Literal["PNG", "JXL"]) -> About:
    """The same of a PNG or JPEG XL file, wherever it stands in there, without decoding pixels."""
    try:
        data = _png_exif(file) if name == "PNG" else _jxl_exif(file)
        exif = Image.Exif()
        exif.load(data)
        return _about(exif)
    except Exception:
        return {}


def _png_exif(file: BinaryIO) -> bytes:
    file.seek(8)
    while len(head := file.read(8)) == 8:
        length, kind = int.from_bytes(head[:4]), head[4:]
        if kind == b"eXIf" and length <= _MOST_EXIF:
            return file.read(length)
        if kind == b"IEND" or not kind.isalpha():  # a gigabyte of zeros may follow
            break
        file.seek(length + 4, 1)
    return b""


def _jxl_exif(file: BinaryIO) -> bytes:
    while len(head := file.read(8)) == 8:
        length, kind, read = int.from_bytes(head[:4]), head[4:], 8
        if length == 1:  # a longer number follows
            length, read = int.from_bytes(file.read(8)), 16
        if length < read:  # 0: up to the end of the file
            break
        if kind == b"Exif" and length <= _MOST_EXIF:
            data = file.read(length - read)
            # An offset comes first, which some writers forget.
            return data if data.startswith((b"II", b"MM", b"Exif")) else data[4:]
        file.seek(length - read, 1)
    return b""


def _about(exif: Image.Exif) -> About:
    made = exif.get_ifd(ExifTags.IFD.Exif)
    base, tags = ExifTags.Base, ExifTags.GPS
    first, second = made.get(base.DateTimeOriginal), made.get(base.DateTimeDigitized)
    found: dict[str, FieldValue | None] = {
        "taken": _taken(first) or _taken(second),
        "camera": _camera(_text(exif.get(base.Make)), _text(exif.get(base.Model))),
        "lens": _text(made.get(base.LensModel)),
    }
    place: Mapping[int, Any] = exif.get_ifd(ExifTags.IFD.GPSInfo)
    latitude = _degrees(place.get(tags.GPSLatitude), place.get(tags.GPSLatitudeRef), "NS", 90)
    longitude = _degrees(place.get(tags.GPSLongitude), place.get(tags.GPSLongitudeRef), "EW", 180)
    if latitude is not None and longitude is not None and (latitude or longitude):
        found |= {"latitude": latitude, "longitude": longitude}  # 0, 0 is what no fix leaves
    return {name: value for name, value in found.items() if value is not None}


def _text(value: Any) -> str | None:
    """A name as people write it: what is no text, empty or endless is none."""
    if isinstance(value, bytes):
        value = value.decode("latin-1")
    if not isinstance(value, str):
        return None
    value = value.partition("\0")[0]
    with contextlib.suppress(UnicodeError):
        value = value.encode("latin-1").decode()  # Pillow takes all for Latin-1
    kept = " ".join("".join(c if c.isprintable() else " " for c in value).split())
    return kept if 0 < len(kept) <= _LONGEST else None


def _camera(make: str | None, model: str | None) -> str | None:
    """Make and model, the make once: 'NIKON CORPORATION' and 'NIKON D90' are a 'NIKON D90'."""
    if make is None or model is None:
        return model or make
    brand = make.split()[0].casefold()
    return model if model.casefold().startswith(brand) else f"{make} {model}"


def _taken(value: Any) -> str | None:
    """A date as ISO 8601 writes it, in the camera's time; None for what was never a moment."""
    found = _DATE.match(_text(value) or "")
    if found is None:
        return None
    numbers = [int(part) for part in found.groups() if part is not None]
    try:
        moment = datetime(*numbers)  # type: ignore[arg-type]
    except ValueError:
        return None
    if moment.year < _FIRST_YEAR:
        return None
    return moment.isoformat(timespec="seconds") if len(numbers) > 3 else moment.date().isoformat()


def _degrees(parts: Any, side: Any, sides: str, most: int) -> float | None:
    """Degrees, minutes and seconds as degrees, below 0 in the south and the west."""
    letter = (_text(side) or "")[:1].upper()
    if not isinstance(parts, tuple) or not 1 <= len(parts) <= 3 or letter not in tuple(sides):
        return None
    degrees: float = sum(float(part) / 60**power for power, part in enumerate(parts))
    if not math.isfinite(degrees) or not 0 <= degrees <= most:
        return None
    return round(-degrees if letter == sides[1] else degrees, 6)
