import numpy as np
import torch
from torch import Generator

from visavis.training.data.inputs import inputs, mirrored, reframed
from visavis.training.data.row_cache import CachedRows
from visavis.training.data.samples import Sample
from visavis.types import Entry, Failure


def kept(ids: str, width: int, failed: str = "") -> CachedRows:
    samples = [Sample(Entry(id, id, 0, 0.0, {}), id.upper()) for id in ids]
    rows = np.array([[ord(id)] * width for id in ids], np.float32)
    failures = [Failure(id, "gone") for id in failed]
    return CachedRows(samples, [f"hash-{id}" for id in ids], rows, np.arange(len(ids)), failures)


def pictures(count: int = 6) -> torch.Tensor:
    return torch.rand(count, 3, 16, 16, generator=Generator().manual_seed(1)) * 2 - 1


def test_rows_and_pictures_belong_to_the_same_samples() -> None:
    rows, shown = kept("abcde", 2, failed="x"), kept("aced", 3, failed="bx")
    shown = CachedRows(shown.samples, shown.sha256, _pixels("aced"), shown.places, shown.failed)
    found = inputs(rows, shown)
    assert found.labels == ["A", "C", "D", "E"]
    assert found.sha256 == ["hash-a", "hash-c", "hash-d", "hash-e"]
    taken = found.take(np.array([2, 0]))
    assert taken["rows"][:, 0].tolist() == [ord("d"), ord("a")]
    told = (taken["pictures"][:, 0, 0, 0] + 1) * 127.5
    assert told.round().tolist() == [ord("d"), ord("a")]
    assert sorted(failure.uri for failure in found.failed) == ["b", "x"]


def test_one_of_both_is_enough() -> None:
    assert set(inputs(kept("ab", 2), None).take(np.array([0]))) == {"rows"}


def test_about_half_of_the_pictures_are_mirrored() -> None:
    given = pictures(200)
    found = mirrored(given, Generator().manual_seed(2))
    same = (found == given).all(dim=(1, 2, 3))
    turned = (found == given.flip(3)).all(dim=(1, 2, 3))
    assert bool((same ^ turned).all())
    assert 70 < int(turned.sum()) < 130


def test_a_reframed_picture_shows_a_part_of_it_at_the_same_size() -> None:
    ramp = torch.linspace(-1, 1, 64)[None, None, None].expand(50, 3, 64, 64).contiguous()
    found = reframed(ramp, Generator().manual_seed(3))
    assert found.shape == ramp.shape
    spans = found[:, 0, 32].amax(dim=1) - found[:, 0, 32].amin(dim=1)
    assert 2 * 0.68 < float(spans.min()) < 2 * 0.8
    assert float(spans.max()) <= 2.001
    again = reframed(ramp, Generator().manual_seed(3))
    assert torch.equal(found, again)


def _pixels(ids: str) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    return np.array([np.full((4, 4, 3), ord(id)) for id in ids], np.uint8)
