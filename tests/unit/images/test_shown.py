"""What a picture shows to people is what is decoded: grounds, deep greys, profiles, frames, raw."""

import struct
from io import BytesIO
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageCms, ImageDraw

from visavis.errors import ImageTooLargeError, ImageUnreadableError
from visavis.images import raw
from visavis.images.decode import decode, from_pillow
from visavis.types import RGB


def saved(picture: Image.Image | NDArray[Any], format: str, **options: Any) -> bytes:
    image = picture if isinstance(picture, Image.Image) else Image.fromarray(picture)
    out = BytesIO()
    image.save(out, format, **options)
    return out.getvalue()


def scene(width: int = 320, height: int = 240, seed: int = 3) -> RGB:
    """Smooth colours with some noise, as photographs have them."""
    random = np.random.default_rng(seed)
    small = Image.fromarray(random.integers(0, 256, (6, 8, 3), np.uint8))
    pixels = np.asarray(small.resize((width, height), Image.Resampling.BICUBIC)).astype(float)
    return (pixels + random.normal(0, 2, pixels.shape)).clip(0, 255).astype(np.uint8)


def far(one: RGB, other: NDArray[Any]) -> float:
    assert one.shape == other.shape
    return float(np.abs(one.astype(int) - other.astype(int)).mean())


# ----- transparency


def logo(ink: tuple[int, int, int], size: int = 100, alpha: int = 255) -> Image.Image:
    image = Image.new("RGBA", (size, size), (*ink, 0))
    ImageDraw.Draw(image).ellipse((20, 20, 80, 80), fill=(*ink, alpha))
    return image


@pytest.mark.parametrize(
    ("ink", "ground"),
    [
        ((255, 255, 255), 0),
        ((240, 240, 238), 0),
        ((0, 0, 0), 255),
        ((200, 200, 200), 255),
        ((255, 255, 0), 255),
        ((10, 20, 200), 255),
    ],
)
@pytest.mark.parametrize("format", ["PNG", "WEBP", "TIFF", "GIF"])
def test_what_is_visible_stands_out_from_its_ground(
    format: str, ink: tuple[int, int, int], ground: int
) -> None:
    options = {"lossless": True, "exact": True} if format == "WEBP" else {}
    pixels = decode(saved(logo(ink), format, **options), "x").pixels
    assert (pixels[0, 0] == ground).all()
    assert np.abs(pixels[50, 50].astype(int) - ink).max() <= 4
    assert np.abs(pixels[50, 50].astype(int) - ground).max() > 30


def test_a_thin_white_line_is_not_lost_in_a_large_picture() -> None:
    image = Image.new("RGBA", (3000, 2000), (255, 255, 255, 0))
    ImageDraw.Draw(image).line((0, 7, 2999, 7), fill="white")
    assert decode(saved(image, "PNG"), "x").pixels[7].min() == 255
    assert decode(saved(image, "PNG"), "x").pixels[8].max() == 0


def test_white_with_an_outline_or_a_shadow_stays_on_white() -> None:
    image = logo((255, 255, 255))
    ImageDraw.Draw(image).ellipse((20, 20, 80, 80), outline="black", width=3)
    assert decode(saved(image, "PNG"), "x").pixels[0, 0].tolist() == [255, 255, 255]


def test_colours_that_nobody_sees_do_not_count() -> None:
    black = Image.new("RGBA", (9, 9), (0, 0, 0, 0))
    white = Image.new("RGBA", (9, 9), (255, 255, 255, 0))
    for hidden in (black, white):
        assert (decode(saved(hidden, "PNG"), "x").pixels == 255).all()
    hidden = logo((255, 255, 255))
    hidden.putpixel((0, 0), (0, 0, 0, 0))  # invisible ink around a white logo
    assert decode(saved(hidden, "PNG"), "x").pixels[0, 0].tolist() == [0, 0, 0]


# ----- deep greys


@pytest.mark.parametrize("bits", [8, 10, 12, 14, 16])
@pytest.mark.parametrize("format", ["TIFF", "PNG"])
def test_sixteen_bit_files_are_scaled_by_the_bits_in_use(format: str, bits: int) -> None:
    shares = np.linspace(0, 1, 256).reshape(16, 16)
    values = np.rint(shares * (2**bits - 1)).astype(np.uint16)
    found = decode(saved(values, format), "x").pixels[..., 0]
    assert np.abs(found.astype(int) - np.rint(shares * 255)).max() <= 1


# ----- profiles


_RGB = (b"r", b"g", b"b")


def profile(colours: list[tuple[float, float, float]], gamma: float) -> bytes:
    """An ICC profile of the simplest kind, written by hand: three primaries (D50) and a gamma."""

    def fixed(*values: float) -> bytes:
        return b"".join(struct.pack(">i", round(value * 65536)) for value in values)

    curve = b"curv" + bytes(4) + struct.pack(">IH", 1, round(gamma * 256)) + bytes(2)
    name = b"desc" + bytes(4) + struct.pack(">I", 2) + b"x\0" + bytes(78)
    tags = [
        (b"desc", name),
        (b"cprt", b"text" + bytes(4) + b"none"),
        (b"wtpt", b"XYZ " + bytes(4) + fixed(0.9642, 1, 0.8249)),
        *((k + b"XYZ", b"XYZ " + bytes(4) + fixed(*c)) for k, c in zip(_RGB, colours, strict=True)),
    ]
    return _packed(tags, curve)


def _packed(tags: list[tuple[bytes, bytes]], curve: bytes) -> bytes:
    tags = tags + [(key + b"TRC", curve) for key in _RGB]
    table, body, start = struct.pack(">I", len(tags)), b"", 132 + 12 * len(tags)
    for key, data in tags:
        table += key + struct.pack(">II", start + len(body), len(data))
        body += data + bytes(-len(data) % 4)
    head = struct.pack(
        ">I4sI4s4s4s12s4s",
        128 + len(table) + len(body),
        b"none",
        0x02100000,
        b"mntr",
        b"RGB ",
        b"XYZ ",
        bytes.fromhex("07e800010001000000000000"),
        b"acsp",
    )
    head += bytes(28) + struct.pack(">iii", 63190, 65536, 54061)
    return head.ljust(128, b"\0") + table + body


SPACES = {
    "ProPhoto": ([(0.7977, 0.2880, 0), (0.1352, 0.7119, 0), (0.0313, 0.0001, 0.8249)], 1.8),
    "Adobe": ([(0.6097, 0.3111, 0.0195), (0.2053, 0.6257, 0.0609), (0.1492, 0.0632, 0.7446)], 2.2),
    "P3": ([(0.5151, 0.2412, -0.0011), (0.2920, 0.6922, 0.0419), (0.1571, 0.0666, 0.7841)], 2.2),
}


@pytest.mark.parametrize("space", SPACES)
@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP", "TIFF", "RGBA"])
def test_a_picture_looks_the_same_in_every_colour_space(space: str, format: str) -> None:
    data = profile(*SPACES[space])
    plain = Image.fromarray(scene())
    wide = ImageCms.ImageCmsProfile(BytesIO(data))
    other = ImageCms.profileToProfile(plain, ImageCms.createProfile("sRGB"), wide)
    assert other is not None
    wanted = np.asarray(plain)
    assert far(np.asarray(other), wanted) > 5
    options: dict[str, Any] = {"quality": 98} if format in ("JPEG", "WEBP") else {}
    if format == "RGBA":
        other.putalpha(254)
        format = "PNG"
    file = saved(other, format, icc_profile=data, **options)
    found = decode(file, "x").pixels
    assert far(found, wanted) < (4 if options else 2)
    assert np.array_equal(from_pillow(Image.open(BytesIO(file))), found)
    small = decode(saved(other, format, icc_profile=data, **options), "x", min_side=60).pixels
    assert far(small, np.asarray(plain.resize(small.shape[1::-1], Image.Resampling.BOX))) < 5


def test_srgb_profiles_and_broken_ones_change_nothing() -> None:
    pixels = scene(64, 48)
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for data in (srgb, srgb[:200], b"no profile at all" * 20, b"x"):
        assert (decode(saved(pixels, "PNG", icc_profile=data), "x").pixels == pixels).all()
    grey = pixels[..., 0]
    found = decode(saved(grey, "PNG", icc_profile=profile(*SPACES["P3"])), "x").pixels
    assert (found[..., 0] == grey).all()  # a profile of colours says nothing of a grey picture


# ----- files that lack their end


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("missing", [2, 0.03])
def test_a_jpeg_without_its_end_is_taken_with_a_note(missing: float, progressive: bool) -> None:
    pixels = scene()
    data = saved(pixels, "JPEG", quality=90, progressive=progressive)
    cut = len(data) - (2 if missing == 2 else int(len(data) * missing))
    for side in (None, 60):
        found = decode(data[:cut], "x", min_side=side)
        assert "lacks its end" in found.note
        assert (found.width, found.height) == (320, 240)
        assert far(found.pixels, decode(data, "x", min_side=side).pixels) < 6
        assert not decode(data, "x", min_side=side).note


@pytest.mark.parametrize(
    ("share", "progressive"), [(0.1, False), (0.3, False), (0.5, False), (0.1, True), (0.3, True)]
)
def test_a_jpeg_of_which_much_is_missing_is_refused(share: float, progressive: bool) -> None:
    data = saved(scene(), "JPEG", quality=90, progressive=progressive)
    with pytest.raises(ImageUnreadableError, match="truncated"):
        decode(data[: int(len(data) * share)], "x")


def test_a_cut_jpeg_on_a_plain_ground_is_taken() -> None:
    pixels = np.full((240, 320, 3), 255, np.uint8)
    pixels[40:120, 60:200] = scene(140, 80)
    data = saved(pixels, "JPEG", quality=90)
    found = decode(data[:-20], "x")
    assert found.note
    assert far(found.pixels, decode(data, "x").pixels) < 3


# ----- large pictures


def test_a_jpeg_that_is_decoded_smaller_may_be_larger_than_the_limit() -> None:
    data = saved(scene(1600, 1200), "JPEG")
    found = decode(data, "x", min_side=100, max_pixels=200_000)
    assert (found.width, found.height) == (1600, 1200)
    assert found.pixels.shape == (150, 200, 3)
    with pytest.raises(ImageTooLargeError):  # more than ten times as many
        decode(data, "x", min_side=100, max_pixels=190_000)
    with pytest.raises(ImageTooLargeError):  # not small enough when it is decoded
        decode(data, "x", min_side=700, max_pixels=200_000)
    with pytest.raises(ImageTooLargeError):  # of which all is held in memory
        decode(
            saved(scene(1600, 1200), "JPEG", progressive=True),
            "x",
            min_side=100,
            max_pixels=200_000,
        )
    with pytest.raises(ImageTooLargeError):
        decode(saved(scene(1600, 1200), "PNG"), "x", min_side=100, max_pixels=200_000)


# ----- frames and pages


@pytest.mark.parametrize("format", ["GIF", "WEBP", "PNG", "TIFF"])
def test_an_empty_beginning_gives_way_to_what_shows_most(format: str) -> None:
    black = Image.new("RGB", (80, 60), (2, 2, 2))
    faint = Image.fromarray((scene(80, 60) // 8).astype(np.uint8))
    frames = [black, black, faint, Image.fromarray(scene(80, 60)), black]
    options: dict[str, Any] = {"lossless": True} if format == "WEBP" else {}
    data = saved(frames[0], format, save_all=True, append_images=frames[1:], **options)
    assert far(decode(data, "x").pixels, scene(80, 60)) < (12 if format == "GIF" else 1)
    data = saved(frames[3], format, save_all=True, append_images=[faint, black], **options)
    assert far(decode(data, "x").pixels, scene(80, 60)) < (12 if format == "GIF" else 1)


def test_a_thumbnail_in_front_of_a_scan_is_passed_over() -> None:
    pages = [Image.fromarray(scene(80, 60, seed=9)), Image.fromarray(scene(320, 240))]
    data = saved(pages[0], "TIFF", save_all=True, append_images=pages[1:], tiffinfo={254: 1})
    mark, plain = struct.pack("<HHII", 254, 4, 1, 1), struct.pack("<HHII", 254, 4, 1, 0)
    assert data.count(mark) == 2
    second = data.rfind(mark)
    data = data[:second] + plain + data[second + len(plain) :]
    assert (decode(data, "x").pixels == scene(320, 240)).all()
    both = data.replace(plain, mark)  # then one is as good as the other
    assert decode(both, "x").width == 80


# ----- camera raw files


def tiff(entries: list[tuple[int, int, int, int]], order: str = "<", head: bytes = b"") -> bytes:
    """One directory of (tag, type, count, value), and what a camera puts before it."""
    magic = head or (b"II*\0" if order == "<" else b"MM\0*")
    body = struct.pack(order + "H", len(entries))
    for tag, kind, count, value in entries:
        packed = struct.pack(
            order + ("HH" if kind == 3 else "I"), *([value, 0] if kind == 3 else [value])
        )
        body += struct.pack(order + "HHI", tag, kind, count) + packed
    return magic + struct.pack(order + "I", 16) + bytes(8) + body + bytes(4)


CFA = (262, 3, 1, 32803)


def camera_files() -> dict[str, bytes]:
    """Files as cameras write them: a small preview, the sensor's data, and a large preview."""
    small, large = saved(scene(80, 60), "JPEG"), saved(scene(640, 480), "JPEG", quality=95)
    lossless = b"\xff\xd8\xff\xc3\0\x11\x0e\x10\0\x20\0\x02" + bytes(40)  # 14 bits: the sensor's
    noise = np.random.default_rng(1).integers(0, 256, 20_000, np.uint8).tobytes()
    rest = small + noise + lossless + noise + large + noise
    sideways = (274, 3, 1, 6)
    dng = tiff([(274, 3, 1, 1), (50706, 1, 4, 0x0401)])
    sub = tiff([sideways, (330, 4, 1, 200)]).ljust(200, b"\0") + struct.pack("<H", 1)
    sub += struct.pack("<HHIHH", *CFA[:3], CFA[3], 0) + bytes(4)
    return {
        "cr2": b"II*\0\x10\0\0\0CR\x02\0" + bytes(4) + tiff([sideways])[16:] + rest,
        "nef": sub + rest,
        "arw": tiff([CFA, sideways]) + rest,
        "pef": tiff([CFA, sideways], ">") + rest,
        "dng": dng + rest,
        "rw2": tiff([sideways], head=b"IIU\0") + rest,
        "orf": tiff([sideways], head=b"IIRO") + rest,
        "raf": b"FUJIFILMCCD-RAW 0201" + bytes(100) + rest,
        "cr3": b"\0\0\0\x18ftypcrx \0\0\0\1crx isom" + b"\0\0\0\x40CMT1" + tiff([sideways]) + rest,
    }


TURNED = {"cr2", "nef", "arw", "pef", "rw2", "orf", "cr3"}


@pytest.mark.parametrize("kind", camera_files())
def test_of_a_camera_raw_file_the_largest_preview_is_taken_upright(kind: str) -> None:
    data = camera_files()[kind]
    found = decode(data, f"IMG_1.{kind}")
    wanted = scene(640, 480)
    if kind in TURNED:
        wanted = np.rot90(wanted, -1)
    assert (found.height, found.width) == wanted.shape[:2]
    assert far(found.pixels, wanted) < 4
    assert min(decode(data, "x", min_side=100).pixels.shape[:2]) == 120


def test_a_raw_file_without_a_preview_says_so() -> None:
    with pytest.raises(ImageUnreadableError, match="raw file without a preview"):
        decode(tiff([CFA]) + bytes(500), "x.arw")


def test_a_file_full_of_beginnings_takes_no_time() -> None:
    starts = b"FUJIFILMCCD-RAW" + b"\xff\xd8\xff" * 3_000_000
    chains = b"FUJIFILMCCD-RAW" + (b"\xff\xd8" + b"\xff\xe0\0\x02" * 500) * 2_000
    for data in (starts, chains):
        assert raw.preview(data) is None


def test_tiffs_that_are_pictures_are_no_raw_files() -> None:
    assert not raw.is_raw(saved(scene(), "TIFF"))
    assert not raw.is_raw(saved(scene(), "TIFF", compression="jpeg"))
    for junk in (b"II*\0" + bytes(60), b"II*\0" + b"\xff" * 60, b"MM\0*\0\0\0\x08\xff\xff"):
        assert not raw.is_raw(junk)


def test_a_jpeg_that_ends_in_nothing_but_zeros_lacks_its_end() -> None:
    whole = saved(scene(), "JPEG", quality=90)
    for behind in (b"", b"of the camera", whole, b"of the camera" + whole):
        assert decode(whole + behind + bytes(5_000), "a.jpg").note == ""
    for share, taken in ((0.95, True), (0.3, False)):
        there = int(len(whole) * share)
        data = whole[:there] + bytes(1_000)
        if taken:
            found = decode(data, "a.jpg")
            assert "lacks its end" in found.note
            assert found.pixels.shape == decode(whole, "a.jpg").pixels.shape
        else:
            with pytest.raises(ImageUnreadableError, match="truncated"):
                decode(data, "a.jpg")
