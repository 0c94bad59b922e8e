"""Copies are told from look-alikes by their pixels; edits are those of the copy protocol."""

import random

import numpy as np
import pytest
from pictures import page, product, scene
from PIL import Image, ImageDraw

from visavis.drawn.gallery import write_gallery
from visavis.evaluation.edits import edited
from visavis.images.decode import decode
from visavis.matching.pixel_check import PixelCheck, is_recoloured, pixel_checks
from visavis.matching.signature import BYTES, Signature, signature
from visavis.types import RGB


def logo(colour: tuple[int, int, int]) -> RGB:
    """Flat shapes of one colour on white."""
    picture = Image.new("RGB", (320, 320), "white")
    draw = ImageDraw.Draw(picture)
    draw.ellipse((30, 30, 150, 150), outline=colour, width=24)
    for left in range(40, 280, 60):
        draw.rectangle((left, 190, left + 36, 290), fill=colour)
    draw.polygon([(180, 150), (230, 30), (290, 150)], fill=colour)
    return np.asarray(picture)


def check(one: RGB, other: RGB) -> PixelCheck:
    return pixel_checks(signature(one), [signature(other)])[0]


@pytest.mark.parametrize(
    "edit", ["resize", "jpeg", "blur", "light", "grey", "sepia", "flip", "turn", "small"]
)
def test_an_edited_copy_is_the_same_picture(edit: str) -> None:
    for seed in range(5):
        original = scene(seed)
        copy = decode(edited(edit, original, random.Random(seed)), "copy").pixels
        assert check(copy, original).verdict == "same", (edit, seed)


def test_other_pictures_are_not_the_same() -> None:
    signatures = [signature(scene(seed)) for seed in range(40)]
    for place, one in enumerate(signatures):
        checks = pixel_checks(one, signatures)
        assert [at for at, found in enumerate(checks) if found.verdict != "unknown"] == [place]


def test_a_recoloured_product_is_no_copy() -> None:
    red, blue = product((190, 30, 40)), product((40, 60, 190))
    assert check(red, blue).verdict == "recoloured"
    assert check(red, red).verdict == "same"


@pytest.mark.parametrize(
    ("one", "other"), [((205, 190, 182), (185, 192, 207)), ((214, 205, 190), (190, 214, 192))]
)
def test_pale_products_are_recoloured_too(
    one: tuple[int, int, int], other: tuple[int, int, int]
) -> None:
    assert check(product(one), product(other)).verdict == "recoloured"
    for edit in ("jpeg", "light", "grey", "sepia"):
        copy = decode(edited(edit, product(one), random.Random(1)), "copy").pixels
        assert check(copy, product(one)).verdict != "recoloured", edit


def test_a_flat_logo_in_black_is_no_copy_of_the_red_one() -> None:
    red, black, blue = logo((200, 20, 30)), logo((0, 0, 0)), logo((20, 40, 160))
    assert check(red, black).verdict == "recoloured"
    assert check(black, red).verdict == "recoloured"
    assert check(blue, red).verdict == "recoloured"
    grey = decode(edited("grey", red, random.Random(1)), "copy").pixels
    assert check(grey, red).verdict == "same"


def flag(*colours: str) -> RGB:
    """Three upright stripes."""
    picture = Image.new("RGB", (450, 300))
    draw = ImageDraw.Draw(picture)
    for left, colour in zip((0, 150, 300), colours, strict=True):
        draw.rectangle((left, 0, left + 149, 299), fill=colour)
    return np.asarray(picture)


def test_three_flat_colours_are_no_tint_of_three_others() -> None:
    belgian, french = flag("black", "yellow", "red"), flag("blue", "white", "red")
    irish = flag("green", "white", "orange")
    italian, red, orange = flag("green", "white", "red"), logo((220, 20, 20)), logo((250, 150, 0))
    pairs = [(belgian, french), (belgian, irish), (french, irish), (irish, italian), (red, orange)]
    for one, other in pairs:
        assert check(one, other).verdict == "recoloured"
        assert check(other, one).verdict == "recoloured"
    for one in (belgian, french, irish, italian):
        for edit in ("jpeg", "light", "grey", "sepia"):
            copy = decode(edited(edit, one, random.Random(1)), "copy").pixels
            assert check(copy, one).verdict == "same", edit


def test_warm_and_cool_light_leave_a_copy() -> None:
    for seed in range(5):
        original = scene(seed)
        for gains in ((1.15, 1.0, 0.8), (0.85, 1.0, 1.15)):
            lit = (original * np.array(gains)).clip(0, 255).astype(np.uint8)
            assert check(lit, original).verdict == "same", (gains, seed)


def test_grey_and_sepia_products_are_copies_all_the_same() -> None:
    red = product((190, 30, 40))
    for edit in ("grey", "sepia"):
        copy = decode(edited(edit, red, random.Random(1)), "copy").pixels
        assert check(copy, red).verdict == "same", edit


@pytest.mark.parametrize("colour", [(255, 255, 255), (128, 128, 128), (200, 10, 10)])
def test_flat_pictures_are_no_evidence(colour: tuple[int, int, int]) -> None:
    flat = np.full((100, 140, 3), colour, np.uint8)
    other = np.full((100, 140, 3), [max(0, part - 3) for part in colour], np.uint8)
    assert check(flat, flat).verdict == "unknown"
    assert check(flat, other).verdict == "unknown"


def test_pages_of_other_text_are_not_the_same() -> None:
    assert check(page(1), page(2)).verdict == "unknown"
    assert check(page(1), page(1)).verdict == "same"


def test_another_product_of_the_shop_is_not_the_same(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder = write_gallery(tmp_path_factory.mktemp("shop"), count=64).parent
    files = sorted(folder.rglob("*.jpg"))[:64]
    signatures = [signature(decode(file.read_bytes(), str(file)).pixels) for file in files]
    wrong = 0
    for place, one in enumerate(signatures):
        found = pixel_checks(one, signatures)
        assert found[place].verdict == "same"
        wrong += sum(check.verdict == "same" for check in found) - 1
    assert wrong == 0


def test_a_signature_survives_its_bytes() -> None:
    made = signature(scene(3))
    again = Signature.unpacked(made.packed())
    assert len(made.packed()) == BYTES
    assert np.array_equal(made.light, again.light)
    assert np.array_equal(made.colour, again.colour)
    with pytest.raises(ValueError, match="2592 bytes"):
        Signature.unpacked(b"short")


def test_parts_in_other_colours_are_told_from_edited_ones() -> None:
    shown = scene(3)
    other = np.ascontiguousarray(shown[:, :, ::-1])  # red for blue
    brighter = np.clip(shown.astype(np.float32) * 1.15 + 8, 0, 255).astype(np.uint8)
    grey = np.repeat(shown.mean(axis=2, keepdims=True).astype(np.uint8), 3, axis=2)
    assert is_recoloured(signature(shown), signature(other))
    for changed in (shown, brighter, grey):
        assert not is_recoloured(signature(shown), signature(changed))
