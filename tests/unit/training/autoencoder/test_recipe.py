"""The autoencoder: its parts against oracles, and the recipe on drawn pictures."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from labelled import draw_labelled
from learning import by_heart, check_gradients
from PIL import Image

from visavis.embedders.registry import load_embedder
from visavis.errors import SourceError, UsageError
from visavis.images.decode import decode
from visavis.sources.base import open_source
from visavis.training.autoencoder.learner import difference, hidden
from visavis.training.autoencoder.networks import Decoder, Encoder
from visavis.training.autoencoder.recipe import AutoencoderRecipe, prepare
from visavis.training.autoencoder.settings import AutoencoderSettings
from visavis.training.autoencoder.ssim import ssim
from visavis.training.loop.recipe import learner_of, train
from visavis.training.settings import LoopSettings

TINY = AutoencoderSettings(side=32, dim=8, widths=(8, 12), batch=8, validation=0.3, shown=3)
LOOP = LoopSettings(epochs=2, device="cpu", precision="32", threads=1)


def pictures(count: int, side: int = 32) -> torch.Tensor:
    return torch.rand(count, 3, side, side, generator=torch.Generator().manual_seed(count))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return draw_labelled(tmp_path / "pictures", labels=4, each=8)


def prepared(folder: Path, tmp_path: Path, **given: Any) -> AutoencoderRecipe:
    settings = given.pop("settings", TINY)
    return prepare(open_source(folder), settings, cache=tmp_path / "cache", **given)


def test_ssim_is_that_of_another_program() -> None:
    image = pytest.importorskip("torchmetrics.functional.image")
    ours, theirs = pictures(4), (pictures(4) + pictures(5)[:4] * 0.3).clamp(0, 1)
    wanted = image.structural_similarity_index_measure(
        ours, theirs, data_range=1.0, reduction="none"
    )
    assert torch.allclose(ssim(ours, theirs), wanted, atol=2e-2)  # it mirrors the borders
    inner = image.structural_similarity_index_measure(ours, ours, data_range=1.0, reduction="none")
    assert torch.allclose(ssim(ours, ours), inner, atol=1e-5)


def test_ssim_of_a_window_is_what_a_plain_sum_says() -> None:
    ours, theirs = pictures(1, 11)[:, :1].double(), pictures(2, 11)[1:, :1].double()
    offsets = np.arange(11) - 5
    bump = np.exp(-(offsets**2) / (2 * 1.5**2))
    weight = np.outer(bump, bump) / np.outer(bump, bump).sum()
    x, y = ours.numpy()[0, 0], theirs.numpy()[0, 0]
    mx, my = (weight * x).sum(), (weight * y).sum()
    vx, vy = (weight * (x - mx) ** 2).sum(), (weight * (y - my) ** 2).sum()
    cov = (weight * (x - mx) * (y - my)).sum()
    wanted = (2 * mx * my + 1e-4) * (2 * cov + 9e-4)
    wanted /= (mx**2 + my**2 + 1e-4) * (vx + vy + 9e-4)
    assert float(ssim(ours, theirs)) == pytest.approx(wanted, rel=1e-6)


@pytest.mark.parametrize(("height", "width"), [(4, 4), (8, 8), (10, 16), (11, 11), (12, 5)])
def test_ssim_of_a_small_picture_is_that_of_windows_as_large_as_it(height: int, width: int) -> None:
    ours, theirs = pictures(1, 16)[0, 0], pictures(2, 16)[1, 0]
    x, y = (one[:height, :width].double().numpy() for one in (ours, theirs))
    tall, wide = min(11, height), min(11, width)
    weight = np.outer(
        *(
            np.exp(-((np.arange(side) - (side - 1) / 2) ** 2) / (2 * 1.5**2))
            for side in (tall, wide)
        )
    )
    weight /= weight.sum()
    found = []
    for top in range(height - tall + 1):
        for left in range(width - wide + 1):
            a, b = (one[top : top + tall, left : left + wide] for one in (x, y))
            ma, mb = (weight * a).sum(), (weight * b).sum()
            va, vb = (weight * (a - ma) ** 2).sum(), (weight * (b - mb) ** 2).sum()
            both = (weight * (a - ma) * (b - mb)).sum()
            light = (2 * ma * mb + 1e-4) / (ma**2 + mb**2 + 1e-4)
            found.append(light * (2 * both + 9e-4) / (va + vb + 9e-4))
    given = (torch.from_numpy(one)[None, None] for one in (x, y))
    assert float(ssim(*given)) == pytest.approx(np.mean(found), rel=1e-6)


def test_the_pixel_loss_is_a_plain_mean_of_squares() -> None:
    drawn, originals = pictures(2, 8), pictures(3, 8)[:2]
    found = difference(drawn, originals * 2 - 1, "mse").tolist()
    for row, (a, b) in zip(found, zip(drawn, originals, strict=True), strict=True):
        pairs = list(zip(a.flatten().tolist(), b.flatten().tolist(), strict=True))
        assert row == pytest.approx(sum((p - q) ** 2 for p, q in pairs) / len(pairs), rel=1e-4)


@pytest.mark.parametrize(("side", "widths"), [(32, (8, 12)), (48, (8,)), (64, (4, 8, 12))])
def test_what_goes_in_comes_out_at_its_size(side: int, widths: tuple[int, ...]) -> None:
    encoder, decoder = Encoder(side, 6, widths), Decoder(side, 6, widths)
    latents = encoder(pictures(4, side) * 2 - 1)
    drawn = decoder(latents)
    assert latents.shape == (4, 6)
    assert drawn.shape == (4, 3, side, side)
    assert float(drawn.detach().min()) >= 0
    assert float(drawn.detach().max()) <= 1


@pytest.mark.parametrize("variant", ["plain", "denoising", "masked"])
@pytest.mark.parametrize("loss", ["mse", "ssim"])
def test_every_weight_gets_a_gradient(
    variant: str, loss: str, folder: Path, tmp_path: Path
) -> None:
    settings = replace(TINY, variant=variant, loss=loss)  # type: ignore[arg-type]
    learner = learner_of(prepared(folder, tmp_path, settings=settings))
    batch = learner.batch(np.arange(8))
    for norm in learner.modules():  # blocks begin as their shortcuts: as if a step had been made
        if isinstance(norm, torch.nn.BatchNorm2d):
            torch.nn.init.constant_(norm.weight, 0.5)
    check_gradients(learner, learner.losses(batch))


def test_ten_pictures_are_learned_by_heart_in_seconds(folder: Path, tmp_path: Path) -> None:
    made = prepared(folder, tmp_path, settings=replace(TINY, dim=16))
    learner = learner_of(made)
    batch = learner.batch(np.arange(10))["pictures"]

    def loss() -> torch.Tensor:
        return difference(learner.decoder(learner.encoder(batch)), batch, "mse").mean()

    first, last = by_heart(learner, loss, 300, 5e-3)
    assert last < first / 20


def test_what_is_hidden_is_hidden_from_the_encoder_alone() -> None:
    shown, generator = pictures(6) * 2 - 1, torch.Generator().manual_seed(1)
    assert hidden(shown, TINY, generator) is shown
    masked = hidden(shown, replace(TINY, variant="masked", patch=8), generator)
    gone = (masked == 0).all(dim=1).float().mean()
    assert 0.3 < float(gone) < 0.7
    kept = masked[masked != 0]
    assert torch.equal(kept, shown[masked != 0])
    noisy = hidden(shown, replace(TINY, variant="denoising"), generator)
    assert float((noisy - shown).std()) == pytest.approx(0.4, abs=0.02)


@pytest.mark.parametrize("side", [4, 8, 16, 24, 32, 64])
def test_of_a_small_picture_too_a_part_is_hidden_and_a_part_is_shown(side: int) -> None:
    settings = AutoencoderSettings(side=side, widths=(8,), variant="masked")
    seen = hidden(pictures(40, side) + 0.1, settings, torch.Generator().manual_seed(1))
    shares = (seen[:, 0] == 0).float().mean(dim=(1, 2))
    assert float(shares.mean()) == pytest.approx(0.5, abs=0.1)
    assert ((shares > 0) & (shares < 1)).all()


@pytest.mark.parametrize("variant", ["plain", "masked"])
def test_pictures_of_eight_pixels_are_drawn_by_their_structure(
    variant: Any, folder: Path, tmp_path: Path
) -> None:
    settings = replace(TINY, side=8, loss="ssim", variant=variant)
    result = train(prepared(folder, tmp_path, settings=settings), tmp_path / "mine", LOOP)
    assert result is not None
    assert 0 < result.metrics["validation"]["reconstruction"] < 2


def test_exact_copies_are_not_drawn_again_after_they_were_trained_on(tmp_path: Path) -> None:
    folder = draw_labelled(tmp_path / "pictures", labels=4, each=8)
    for path in [*folder.rglob("*.png")]:
        (path.parent / f"copy-of-{path.name}").write_bytes(path.read_bytes())
    made = prepared(folder, tmp_path)
    contents = np.array(made.data.sha256)
    assert not set(contents[made.train]) & set(contents[made.validation])
    assert len(made.validation) == 18  # 19 were asked for, and there are pairs


def test_the_recipe_writes_a_model_that_the_engine_reads(folder: Path, tmp_path: Path) -> None:
    made = prepared(folder, tmp_path, labels="folder")
    result = train(made, tmp_path / "mine", LOOP)
    assert result is not None
    model = load_embedder(tmp_path / "mine")
    assert (model.name, model.dim, model.side) == ("mine", 8, 32)
    shown = [decode(made.source.read(sample.entry), "").pixels for sample in made.data.samples[:5]]
    vectors = model.embed_images(shown)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    recipe = json.loads((tmp_path / "mine" / "recipe.json").read_text())
    assert (recipe["recipe"], recipe["settings"]["dim"]) == ("autoencoder", 8)
    metrics = json.loads((tmp_path / "mine" / "metrics.json").read_text())
    assert metrics == result.metrics
    assert set(metrics["validation"]) == {"reconstruction", "map", "recall@1"}
    assert metrics["split"]["train"] == {"pictures": 22}
    with Image.open(tmp_path / "mine" / "reconstructions" / "epoch-001.png") as sheet:
        assert sheet.size == (3 * 32, 2 * 32)
    with Image.open(tmp_path / "mine" / "curves.png") as curves:
        assert curves.format == "PNG"


def test_without_labels_the_drawing_itself_is_the_measure(folder: Path, tmp_path: Path) -> None:
    result = train(prepared(folder, tmp_path), tmp_path / "mine", LOOP)
    assert result is not None
    assert set(result.metrics["validation"]) == {"reconstruction"}
    assert "by drawing them again" in result.summary


def test_broken_pictures_are_told_and_left_out(folder: Path, tmp_path: Path) -> None:
    (folder / "label-1" / "3.png").write_bytes(b"no picture")
    made = prepared(folder, tmp_path)
    assert len(made.data) == 31
    assert len(made.notes) == 1
    assert made.notes[0].startswith(f"skipped {folder / 'label-1' / '3.png'}: ")


def test_pictures_without_a_label_are_trained_on(folder: Path, tmp_path: Path) -> None:
    for picture in [*(folder / "label-2").iterdir(), *(folder / "label-3").iterdir()]:
        picture.rename(folder / f"{picture.parent.name}-{picture.name}")
    made = prepared(folder, tmp_path, labels="folder")
    assert len(made.data) == 32
    assert made.notes == ["16 pictures have no 'folder': they are trained on all the same"]
    trained = {made.data.samples[number].entry.id for number in made.train.tolist()}
    assert {path.name for path in folder.glob("*.png")} <= trained
    assert len(made.train) == 22
    assert {made.data.labels[number] for number in made.validation} == {"label-0", "label-1"}


def test_too_few_pictures_are_an_error(tmp_path: Path) -> None:
    folder = draw_labelled(tmp_path / "pictures", labels=1, each=3)
    with pytest.raises(UsageError, match="3 pictures are too few to train on some"):
        prepared(folder, tmp_path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(SourceError, match="no picture in it"):
        prepared(tmp_path / "empty", tmp_path)


def test_where_no_picture_with_a_label_can_be_read_there_is_no_validation_by_it(
    tmp_path: Path,
) -> None:
    folder = draw_labelled(tmp_path / "pictures", labels=2, each=4)
    for picture in (folder / "label-0").iterdir():
        picture.rename(folder / picture.name)
    for picture in (folder / "label-1").iterdir():
        picture.write_bytes(b"no picture")
    with pytest.raises(UsageError, match="no two of the 0 pictures kept for it share a value"):
        prepared(folder, tmp_path, labels="folder")


def test_a_validation_without_a_pair_is_an_error(tmp_path: Path) -> None:
    folder = draw_labelled(tmp_path / "pictures", labels=12, each=1)
    with pytest.raises(UsageError, match="no two of the 4 pictures kept for it share a value"):
        prepared(folder, tmp_path, labels="folder")


def test_a_validation_by_one_label_alone_is_an_error(tmp_path: Path) -> None:
    folder = draw_labelled(tmp_path / "pictures", labels=1, each=8)
    with pytest.raises(UsageError, match="share one value, and every answer would be right"):
        prepared(folder, tmp_path, labels="folder")


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"side": 36}, "--size must be a multiple of 16 with 3 widths, at most 1,024, not 36"),
        ({"widths": ()}, "--widths wants whole numbers"),
        ({"variant": "purple"}, "--variant is one of plain, denoising, masked"),
        ({"loss": "l1"}, "--loss is one of mse, ssim"),
        ({"dim": 0}, "--dim must be from 1 to 4,096"),
        ({"validation": 0.0}, "--validation is a share above 0"),
        ({"noise": float("nan")}, "noise is from 0 to 10"),
        ({"hidden": 1.0}, "hidden a share below 1"),
        ({"draw_epochs": 0}, "every one epoch or more"),
    ],
)
def test_settings_that_make_no_sense_are_refused(given: dict[str, Any], told: str) -> None:
    with pytest.raises(UsageError, match=told):
        AutoencoderSettings(**given)


def test_a_decoder_draws_an_even_field_evenly() -> None:
    """Where a layer deals out pixels by itself, or cells are doubled, a grid shows."""
    torch.manual_seed(1)
    decoder = Decoder(64, 4, (8, 8)).eval()
    with torch.no_grad():
        decoder.wide.weight.zero_()
        decoder.wide.bias.copy_(torch.rand(8)[:, None].expand(8, 64).flatten())
        middle = decoder(torch.zeros(1, 4))[0, :, 24:40, 24:40]
    assert float((middle - middle.mean(dim=(1, 2), keepdim=True)).abs().max()) < 1e-5
    assert float(middle.std(dim=0).max()) > 0
