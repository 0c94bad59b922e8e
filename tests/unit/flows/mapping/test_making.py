"""The map of an index: kept with it, brought up to date, named after what it shows."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from visavis.errors import RecordNotFoundError, UsageError
from visavis.flows.mapping.kept import KeptMap, read_map
from visavis.flows.mapping.making import MapOptions, make_map
from visavis.flows.mapping.regions import find_regions
from visavis.image_index import ImageIndex

Draw = Callable[..., Path]
COLOURS = {"red": (200, 20, 20), "green": (20, 180, 20), "blue": (20, 20, 200)}


@pytest.fixture
def coloured(index: ImageIndex, draw: Draw, tmp_path: Path) -> ImageIndex:
    """Thirty pictures of three colours, in a folder each."""
    chance = np.random.default_rng(0)
    for name, colour in COLOURS.items():
        for number in range(10):
            mixed = tuple(int(c) for c in np.clip(chance.normal(colour, 9), 0, 255))
            draw(f"all/{name}/{number}.png", mixed, mark=number)
    index.add(tmp_path / "all")
    return index


def test_pictures_alike_are_near_and_regions_have_their_name(coloured: ImageIndex) -> None:
    made = coloured.map()
    assert (len(made), made.laid_out, made.fresh, made.notes) == (30, 30, True, ())
    middles = {
        name: made.positions[[r.id.startswith(name) for r in made.records]].mean(axis=0)
        for name in COLOURS
    }
    for record in made.records:
        away = {n: np.linalg.norm(made.position(record.id) - at) for n, at in middles.items()}
        assert min(away, key=away.__getitem__) == record.id.split("/")[0]
    large = [region for region in made.regions if not region.fine]
    assert {region.name for region in large} == set(COLOURS)
    for region in large:
        assert made.records[region.typical].id.startswith(region.name)
        assert region.field == "folder"
    with pytest.raises(RecordNotFoundError):
        made.position("nothing")


def test_a_map_is_kept_and_new_images_are_placed_on_it(
    coloured: ImageIndex, draw: Draw, tmp_path: Path
) -> None:
    first = coloured.map()
    again = coloured.map()
    assert not again.fresh
    assert np.array_equal(first.positions, again.positions)
    draw("all/red/new.png", (205, 22, 24), mark=99)
    (tmp_path / "all" / "blue" / "3.png").unlink()
    coloured.add(tmp_path / "all")
    grown = coloured.map()
    assert (len(grown), grown.laid_out, grown.fresh) == (30, 30, False)
    for record in grown.records:
        if record.id != "red/new.png":
            assert grown.position(record.id) == first.position(record.id)
    nearest = grown.records[grown.neighbours[grown.rows["red/new.png"], 0]]
    assert nearest.id.startswith("red")
    assert coloured.map(again=True).fresh


def test_a_map_is_laid_out_again_when_many_images_are_new(
    coloured: ImageIndex, draw: Draw, tmp_path: Path
) -> None:
    coloured.map()
    for number in range(20):
        draw(f"all/grey/{number}.png", (120 + number, 120, 120), mark=500 + number)
    coloured.add(tmp_path / "all")
    assert coloured.map().fresh
    assert coloured.map(seed=3).fresh


def test_a_changed_picture_gets_another_place(
    coloured: ImageIndex, draw: Draw, tmp_path: Path
) -> None:
    first = coloured.map()
    draw("all/red/1.png", COLOURS["blue"], mark=77)
    coloured.add(tmp_path / "all")
    changed = coloured.map()
    assert not changed.fresh
    away = np.linalg.norm(np.subtract(changed.position("red/1.png"), first.position("red/1.png")))
    assert away > 0.2


def test_what_is_kept_survives_closing_and_damage_is_passed_over(coloured: ImageIndex) -> None:
    made = coloured.map()
    kept = read_map(coloured.store)
    assert kept is not None
    assert kept.ids == tuple(record.id for record in made.records)
    packed = kept.packed()
    for damaged in (b"", b"garbage", packed[:-30], packed[:200] + b"\xff" * 40 + packed[240:]):
        found = KeptMap.unpacked(damaged)
        assert found is None or found.is_sound()
    coloured.store.evidence.note("map-1", packed[:-30])  # type: ignore[attr-defined]
    assert coloured.map().fresh


def test_an_index_without_records_is_refused_and_one_record_is_a_map(
    index: ImageIndex, draw: Draw
) -> None:
    with pytest.raises(UsageError, match="is empty; there is nothing to map"):
        index.map()
    index.add(draw("one.png", (9, 9, 9)))
    made = index.map()
    assert (len(made), made.regions, made.copies, made.neighbours.shape) == (1, (), (), (1, 0))


def test_copies_are_known_by_their_bytes(coloured: ImageIndex, draw: Draw, tmp_path: Path) -> None:
    data = (tmp_path / "all" / "red" / "1.png").read_bytes()
    (tmp_path / "all" / "green" / "copy.png").write_bytes(data)
    coloured.add(tmp_path / "all")
    made = coloured.map()
    ids = [{made.records[row].id for row in group} for group in made.copies]
    assert {"red/1.png", "green/copy.png"} in ids


def test_fields_that_are_hidden_name_nothing(coloured: ImageIndex) -> None:
    options = MapOptions(hidden=frozenset({"folder"}), keep=False)
    made = make_map(coloured.store, coloured.writing, options)
    assert {region.name for region in made.regions} == {""}
    assert read_map(coloured.store) is None


def test_another_process_may_be_writing(coloured: ImageIndex) -> None:
    with ImageIndex.open(coloured.path, lock_seconds=0.05) as reader, coloured.writing():
        made = reader.map()
    assert made.fresh
    assert "could not be kept" in made.notes[0]


def test_regions_without_fields_are_named_in_words() -> None:
    chance = np.random.default_rng(0)
    positions = np.concatenate([chance.normal(at, 0.02, (40, 2)) for at in (0.2, 0.8)])
    vectors = np.repeat(np.eye(2, dtype=np.float32), 40, axis=0)
    words = find_regions(
        positions.astype(np.float32),
        [{}] * 80,
        vectors,
        lambda rows: [["dog"] if row[0] else ["cat", "pet"] for row in rows],
    )
    assert {(one.name, one.field, one.share) for one in words if not one.fine} == {
        ("dog", "", 1.0),
        ("cat", "", 1.0),
    }
