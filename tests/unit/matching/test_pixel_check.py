"""Copies are told from look-alikes by their pixels; edits are those of the copy protocol."""

import random

import numpy as np
import pytest
from pictures import page, product, scene

from visavis.drawn.gallery import write_gallery
from visavis.evaluation.edits import edited
from visavis.images.decode import decode
from visavis.matching.pixel_check import PixelCheck, pixel_checks
from visavis.matching.signature import BYTES, Signature, signature
from visavis.types import RGB


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
