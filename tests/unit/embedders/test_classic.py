"""What a person may expect of colour and shape."""

import csv
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from visavis.embedders.classic import ClassicEmbedder
from visavis.types import RGB, Vectors

SHARED = Path(__file__).parents[4] / "shared" / "data"

RED, BLUE, GREY = (200, 30, 30), (30, 60, 200), (235, 235, 235)


def drawing(shape: str, colour: tuple[int, int, int], size: int = 200, turn: float = 0) -> RGB:
    picture = Image.new("RGB", (size, size), GREY)
    draw = ImageDraw.Draw(picture)
    box = (size * 0.2, size * 0.2, size * 0.8, size * 0.8)
    if shape == "disc":
        draw.ellipse(box, fill=colour)
    elif shape == "square":
        draw.rectangle(box, fill=colour)
    else:
        for left in np.arange(0.1, 0.9, 0.2):
            draw.rectangle((size * left, 0, size * (left + 0.1), size), fill=colour)
    return np.asarray(picture.rotate(turn, fillcolor=GREY))


def embed(*images: RGB) -> Vectors:
    return ClassicEmbedder().embed_images(images)


def test_the_same_shape_in_the_same_colour_is_nearer_than_in_another() -> None:
    disc, smaller, blue = embed(
        drawing("disc", RED), drawing("disc", RED, size=120), drawing("disc", BLUE)
    )
    assert disc @ smaller > 0.98
    assert disc @ smaller > disc @ blue + 0.05


def test_the_same_colour_in_the_same_shape_is_nearer_than_in_another() -> None:
    disc, turned, stripes = embed(
        drawing("disc", RED), drawing("disc", RED, turn=20), drawing("stripes", RED)
    )
    assert disc @ turned > disc @ stripes + 0.05


def test_upright_and_lying_stripes_are_told_apart() -> None:
    upright, lying = embed(drawing("stripes", RED), drawing("stripes", RED, turn=90))
    assert upright @ lying < 0.9


def test_a_little_more_light_changes_little() -> None:
    image = drawing("square", (130, 90, 60))
    brighter = np.clip(image.astype(float) * 1.08, 0, 255).astype(np.uint8)
    first, second, other = embed(image, brighter, drawing("square", BLUE))
    assert first @ second > 0.9
    assert first @ second > first @ other + 0.1


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((50, 50, 3), np.uint8),
        np.full((50, 50, 3), 255, np.uint8),
        np.full((1, 1, 3), 77, np.uint8),
        np.zeros((1, 4000, 3), np.uint8),
        np.full((3000, 2, 3), 9, np.uint8),
    ],
    ids=["black", "white", "one pixel", "a line", "a pole"],
)
def test_pictures_without_a_shape_still_get_a_direction(image: RGB) -> None:
    (vector,) = embed(image)
    assert np.isfinite(vector).all()
    assert abs(np.linalg.norm(vector) - 1) < 1e-5


def test_a_flat_picture_is_like_another_of_its_colour() -> None:
    red, smaller, blue = embed(
        np.full((90, 90, 3), RED, np.uint8),
        np.full((20, 70, 3), RED, np.uint8),
        np.full((90, 90, 3), BLUE, np.uint8),
    )
    assert red @ smaller > 0.999
    assert red @ blue < 0.5


def test_the_numbers_are_these_on_every_machine() -> None:
    """If this fails, the fingerprint must change: indexes hold vectors of the old kind."""
    ramp = np.arange(64, dtype=np.uint8)
    image = np.stack(
        [np.add.outer(ramp, ramp), np.add.outer(ramp * 3, ramp), np.add.outer(ramp, ramp * 2)], 2
    )
    (vector,) = embed(image)
    places = [0, 74, 90, 105, 106, 256, 270, 301, 383]
    values = [0.00291, 0.02505, 0.20345, 0.18484, 0.22916, 0.04713, 0.02017, 0.09557, 0.0]
    np.testing.assert_allclose(vector[places], values, atol=2e-5)
    assert ClassicEmbedder.fingerprint == "c7394e61ef8db175"


def test_the_colour_part_is_the_histogram_that_its_docstring_describes() -> None:
    """Worked pixel by pixel: each is shared among the bins whose centres it lies between."""
    rng = np.random.default_rng(2)
    image = rng.integers(0, 256, (96, 96, 3), dtype=np.uint8)
    pixels = np.asarray(Image.fromarray(image).convert("HSV"))
    counts = np.zeros((16, 4, 4))
    for row, column in np.ndindex(96, 96):
        across, down = ((place + 0.5) / 48 - 1 for place in (column, row))
        weight = np.exp(-(across**2 + down**2) / (2 * 0.6**2))
        scale = np.array([16, 4, 4])
        place = (pixels[row, column] + 0.5) / 256 * scale - 0.5
        for corner in np.ndindex(2, 2, 2):
            bins = np.floor(place).astype(int) + corner
            share = np.prod(1 - np.abs(place - bins))
            saturation, value = np.clip(bins[1:], 0, 3)
            counts[bins[0] % 16, saturation, value] += weight * share
    expected = np.sqrt(counts / counts.sum()).ravel() / np.sqrt(2)  # half of the whole vector
    np.testing.assert_allclose(embed(image)[0][:256], expected, atol=1e-5)


def hsv_histogram(image: RGB) -> NDArray[np.float32]:
    """The plain one: 16 × 4 × 4, square roots of shares."""
    h, s, v = np.asarray(Image.fromarray(image).convert("HSV")).reshape(-1, 3).astype(int).T
    counts = np.bincount((h // 16) * 16 + (s // 64) * 4 + v // 64, minlength=256)
    return np.asarray(np.sqrt(counts / counts.sum()), dtype=np.float32)


def share_of_same(vectors: Vectors, labels: NDArray[np.str_], k: int) -> float:
    """The mean share of the same label among the k nearest others."""
    scores = vectors @ vectors.T
    np.fill_diagonal(scores, -2)
    nearest = np.argsort(-scores, axis=1)[:, :k]
    return float((labels[nearest] == labels[:, None]).mean())


@pytest.mark.shared
@pytest.mark.parametrize(
    ("data", "label", "k", "least"),
    [("ukbench", "object_id", 3, 0.85), ("clothing", "label", 10, 0.25)],
)
def test_it_finds_better_than_a_plain_colour_histogram(
    data: str, label: str, k: int, least: float
) -> None:
    if not (SHARED / data).is_dir():
        pytest.skip("no shared data")
    with (SHARED / data / "labels.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))[:400]
    images = [np.asarray(Image.open(SHARED / data / r["path"]).convert("RGB")) for r in rows]
    labels = np.array([row[label] for row in rows])
    ours = share_of_same(embed(*images), labels, k)
    plain = share_of_same(np.stack([hsv_histogram(image) for image in images]), labels, k)
    assert ours > plain
    assert ours > least
