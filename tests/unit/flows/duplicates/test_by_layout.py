"""Coarse brightness finds copies among thousands; a turned copy is found by its second row."""

import numpy as np
import pytest
from pictures import shapes
from PIL import Image, ImageOps

from visavis.flows.duplicates.by_layout import NEAREST, by_layout
from visavis.flows.duplicates.found import Content
from visavis.matching.layout import layouts
from visavis.matching.signature import Signature, signature
from visavis.types import RGB

COUNT = 60


def signed(picture: Image.Image) -> Signature:
    pixels: RGB = np.asarray(picture.convert("RGB"))
    return signature(pixels)


def edited(seed: int) -> list[Image.Image]:
    picture = shapes(seed)
    return [
        picture.resize((64, 48)),
        ImageOps.grayscale(picture),
        picture.point(lambda value: int(0.6 * value)),
        ImageOps.mirror(picture),
        picture.transpose(Image.Transpose.ROTATE_90),
    ]


def test_rows_have_unit_length_and_flat_pictures_none() -> None:
    plain, hung = layouts(np.stack([signed(shapes(1)).light, np.full((48, 48), 200, np.float32)]))
    assert plain.shape == hung.shape == (2, 144)
    assert np.linalg.norm(plain, axis=1) == pytest.approx([1, 0], abs=1e-5)


def test_all_eight_ways_to_hang_a_picture_have_the_same_second_row() -> None:
    light = signed(shapes(5)).light
    turned = [np.rot90(light, quarter) for quarter in range(4)]
    _, hung = layouts(np.stack([*turned, *(one.T for one in turned)]))
    assert np.abs(hung - hung[0]).max() < 1e-5


@pytest.mark.parametrize("exact", [10_000, 0], ids=["all with all", "inverted lists"])
def test_every_copy_proposes_its_original(exact: int) -> None:
    known = {f"{seed:04x}": signed(shapes(seed)) for seed in range(COUNT)}
    known |= {
        f"{seed:04x}{at}": signed(copy)
        for seed in range(12)
        for at, copy in enumerate(edited(seed))
    }
    contents = [Content(name) for name in known]
    told: list[tuple[int, int]] = []
    found = {
        content.sha256: {other.sha256 for other in others}
        for block in by_layout(
            contents,
            lambda names: {name: known[name] for name in names if name in known},
            lambda stage, done, total: told.append((done, total)),
            exact,
        )
        for content, others in block
    }
    missed = [name for name in found if len(name) == 5 and name[:4] not in found[name]]
    assert not missed
    assert all(name not in others for name, others in found.items())
    assert max(map(len, found.values())) <= 2 * (NEAREST + 1)
    assert told[-1] == (len(contents), len(contents))


def test_what_has_to_share_a_folder_is_proposed_within_it_alone() -> None:
    known = {name: signed(shapes(1)) for name in ("00", "01", "02")}
    contents = [Content("00", "a"), Content("01", "b"), Content("02", "a"), Content("03", "a")]
    found = dict(
        pair
        for block in by_layout(contents, lambda names: known, lambda *_: None)
        for pair in block
    )
    assert found == {contents[0]: [contents[2]], contents[1]: [], contents[2]: [contents[0]]}
