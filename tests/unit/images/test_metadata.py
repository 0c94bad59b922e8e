"""When, where and with what a picture was taken: as exiftool says, and nothing of lies."""

import json
import shutil
import struct
import subprocess
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import ExifTags, Image, TiffImagePlugin

from visavis.images.decode import decode, read_about

BASE, GPS, IFD = ExifTags.Base, ExifTags.GPS, ExifTags.IFD
FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "AVIF", "HEIF", "JXL")
Rational = TiffImagePlugin.IFDRational


def exif_of(
    base: dict[int, Any], made: dict[int, Any] | None = None, place: dict[int, Any] | None = None
) -> Image.Exif:
    exif = Image.Exif()
    exif.update(base)
    if made:
        exif.get_ifd(IFD.Exif).update(made)
    if place:
        exif.get_ifd(IFD.GPSInfo).update(place)
    return exif


def degrees(value: float) -> tuple[Any, ...]:
    whole, minutes = int(value), (value - int(value)) * 60
    seconds = round((minutes - int(minutes)) * 60 * 1000)
    return Rational(whole, 1), Rational(int(minutes), 1), Rational(seconds, 1000)


def drawn(exif: Image.Exif, kind: str = "JPEG") -> bytes:
    if kind == "HEIF":
        pytest.importorskip("pillow_heif").register_heif_opener()
    if kind == "JXL":
        pytest.importorskip("pillow_jxl")
    file = BytesIO()
    Image.new("RGB", (40, 30), (200, 30, 30)).save(file, kind, exif=exif.tobytes())
    return file.getvalue()


def read(data: bytes) -> dict[str, Any]:
    return dict(read_about(BytesIO(data)))


PHOTOS = {
    "phone": exif_of(
        {BASE.Make: "Apple", BASE.Model: "iPhone 12 mini", BASE.DateTime: "2021:01:01 10:00:00"},
        {BASE.DateTimeOriginal: "2020:12:24 18:30:05", BASE.LensModel: "back camera 4.2mm f/1.6"},
        {
            GPS.GPSLatitudeRef: "N",
            GPS.GPSLatitude: degrees(48.137154),
            GPS.GPSLongitudeRef: "E",
            GPS.GPSLongitude: degrees(11.576124),
        },
    ),
    "reflex": exif_of(
        {BASE.Make: "NIKON CORPORATION", BASE.Model: "NIKON D90"},
        {
            BASE.DateTimeOriginal: "2009:07:04 07:00:59",
            BASE.DateTimeDigitized: "2010:01:01 00:00:00",
        },
        {
            GPS.GPSLatitudeRef: "S",
            GPS.GPSLatitude: degrees(33.856784),
            GPS.GPSLongitudeRef: "W",
            GPS.GPSLongitude: degrees(151.215297),
        },
    ),
    "scan": exif_of(
        {BASE.Make: "Größe GmbH".encode()}, {BASE.DateTimeDigitized: "1999:12:31 23:59:59"}
    ),
    "edited": exif_of({BASE.DateTime: "2024:02:02 02:02:02", BASE.Model: "only a model"}),
    "bare": exif_of({BASE.Orientation: 6}),
}


@pytest.mark.skipif(shutil.which("exiftool") is None, reason="compares with exiftool")
@pytest.mark.parametrize("kind", FORMATS)
def test_the_values_are_those_of_exiftool(tmp_path: Path, kind: str) -> None:
    for name, exif in PHOTOS.items():
        (tmp_path / f"{name}.{kind.lower()}").write_bytes(drawn(exif, kind))
    tags = ("DateTimeOriginal", "CreateDate", "Make", "Model", "LensModel")
    wanted = [*(f"-EXIF:{tag}" for tag in tags), "-GPSLatitude", "-GPSLongitude"]
    ran = subprocess.run(
        ["exiftool", "-j", "-n", "-fast", *wanted, str(tmp_path)], capture_output=True, check=True
    )
    found = json.loads(ran.stdout)
    assert len(found) == len(PHOTOS)
    for one in found:
        about = read(Path(one.pop("SourceFile")).read_bytes())
        moment = one.get("DateTimeOriginal") or one.get("CreateDate")
        date, _, time = (moment or "").partition(" ")
        assert about.get("taken") == (f"{date.replace(':', '-')}T{time}" if moment else None)
        assert about.get("lens") == one.get("LensModel")
        assert (one.get("Model") or one.get("Make") or "") in about.get("camera", "")
        for name, tag in (("latitude", "GPSLatitude"), ("longitude", "GPSLongitude")):
            expected = one.get(tag)
            assert about.get(name) == (
                None if expected is None else pytest.approx(expected, abs=1e-6)
            )


def test_makes_are_said_once() -> None:
    assert read(drawn(PHOTOS["phone"]))["camera"] == "Apple iPhone 12 mini"
    assert read(drawn(PHOTOS["reflex"]))["camera"] == "NIKON D90"
    assert read(drawn(PHOTOS["scan"]))["camera"] == "Größe GmbH"
    assert read(drawn(PHOTOS["edited"])) == {"camera": "only a model"}
    assert read(drawn(PHOTOS["bare"])) == {}


@pytest.mark.parametrize(
    "date",
    [
        *(
            "0000:00:00 00:00:00",
            "    :  :     :  :  ",
            "2020:13:01 00:00:00",
            "2020:02:30 00:00:00",
        ),
        *("0001:01:01 00:00:00", "yesterday", "", "2020", "20201:01:01 00:00:00", "\0", "9" * 9000),
        *("2020:01:01 25:00:00", "2020:01:01 10:61:00"),
    ],
)
def test_dates_that_never_were_say_nothing(date: str) -> None:
    assert "taken" not in read(drawn(exif_of({}, {BASE.DateTimeOriginal: date})))


def test_dates_are_understood_as_cameras_write_them() -> None:
    for written, meant in {
        "2020:01:02 03:04:05": "2020-01-02T03:04:05",
        "2020-01-02 03:04:05": "2020-01-02T03:04:05",
        "2020:01:02 03:04:05.123": "2020-01-02T03:04:05",
        "2020:01:02": "2020-01-02",
        "2020:01:02 03:04": "2020-01-02T03:04:00",
    }.items():
        assert read(drawn(exif_of({}, {BASE.DateTimeOriginal: written}))) == {"taken": meant}


HERE: dict[int, Any] = {
    GPS.GPSLatitudeRef: "N",
    GPS.GPSLatitude: degrees(10),
    GPS.GPSLongitudeRef: "E",
    GPS.GPSLongitude: degrees(20),
}


@pytest.mark.parametrize(
    "wrong",
    [
        {GPS.GPSLatitude: (Rational(0, 0), Rational(0, 0), Rational(0, 0))},  # NaN
        {GPS.GPSLatitude: degrees(91)},
        {GPS.GPSLongitude: degrees(181)},
        {GPS.GPSLatitudeRef: "X"},
        {GPS.GPSLatitudeRef: ""},
        {GPS.GPSLatitude: (Rational(1, 1),) * 7},
        {GPS.GPSLatitude: degrees(0), GPS.GPSLongitude: degrees(0)},
    ],
)
def test_places_that_are_none_say_nothing(wrong: dict[int, Any]) -> None:
    assert read(drawn(exif_of({}, place=HERE))) == {"latitude": 10.0, "longitude": 20.0}
    assert read(drawn(exif_of({}, place=HERE | wrong))) == {}


def entry(tag: int, kind: int, count: int, value: bytes) -> bytes:
    return struct.pack(">HHI", tag, kind, count) + value.ljust(4, b"\0")[:4]


@pytest.mark.parametrize(
    "entries",
    [
        [entry(BASE.Model, 3, 1, b"\0\7")],  # a number
        [entry(BASE.Model, 2, 0xFFFFFFFF, b"\xff\xff\xff\xff")],  # four gigabytes of text
        [entry(BASE.Model, 99, 1, b"")],
        [entry(IFD.Exif, 4, 1, b"\0\0\0\x08")],  # a directory that is itself
        [entry(IFD.Exif, 4, 1, b"\xff\xff\xff\xf0")],
        [entry(IFD.GPSInfo, 2, 4, b"abc")],
    ],
)
def test_wrong_types_fail_no_picture(entries: list[bytes]) -> None:
    block = b"Exif\0\0MM\0*\0\0\0\x08" + struct.pack(">H", len(entries)) + b"".join(entries)
    plain = drawn(Image.Exif())
    marker = b"\xff\xe1" + struct.pack(">H", len(block) + 6) + block + b"\0\0\0\0"
    picture = decode(plain[:2] + marker + plain[2:], "a picture")
    assert (picture.width, picture.height) == (40, 30)
    assert "camera" not in read(plain[:2] + marker + plain[2:])


@settings(max_examples=150, deadline=None)
@given(st.data(), st.sampled_from(FORMATS))
def test_damaged_exif_fails_no_header(data: st.DataObject, kind: str) -> None:
    file = bytearray(drawn(PHOTOS["phone"], kind))
    for _ in range(data.draw(st.integers(1, 20))):
        file[data.draw(st.integers(0, len(file) - 1))] = data.draw(st.integers(0, 255))
    assert set(read_about(BytesIO(bytes(file)))) <= {
        *("taken", "camera", "lens", "latitude", "longitude")
    }


def test_a_png_may_keep_it_behind_its_pixels() -> None:
    whole = drawn(PHOTOS["phone"], "PNG")
    at = whole.index(b"eXIf") - 4
    size = int.from_bytes(whole[at : at + 4]) + 12
    chunk, rest = whole[at : at + size], whole[:at] + whole[at + size :]
    assert read(rest[:-12] + chunk + rest[-12:]) == read(whole)


def test_zeros_behind_a_png_are_not_walked_through() -> None:
    class Counted(BytesIO):
        reads = 0

        def read(self, size: int | None = -1, /) -> bytes:
            self.reads += 1
            return super().read(size)

    file = Counted(drawn(Image.Exif(), "PNG") + bytes(1_000_000))
    assert read_about(file) == {}
    assert file.reads < 20


def test_what_is_no_picture_says_nothing() -> None:
    for data in (b"", b"text", b"\xff\xd8\xff", drawn(PHOTOS["phone"])[:30]):
        assert read_about(BytesIO(data)) == {}
