"""The façade: what users do with an index, from making it to closing it."""

import json
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from visavis.errors import (
    IndexIncompatibleError,
    IndexLockedError,
    IndexMissingError,
    ModelNotFoundError,
    RecordNotFoundError,
    SourceError,
    StoreError,
    UsageError,
)
from visavis.image_index import ImageIndex
from visavis.sources.folder import FolderSource
from visavis.store.sqlite.lock import writer_lock
from visavis.types import ImageTerm, Query, RecordTerm, SearchResult, VectorTerm

Draw = Callable[..., Path]

RED, GREEN, BLUE, WHITE = (200, 10, 10), (10, 200, 10), (10, 10, 200), (250, 250, 250)


def ids(index: ImageIndex, query: str, limit: int = 10) -> list[str]:
    return [match.record.id for match in index.search(query, limit=limit).matches]


# -- making and opening ----------------------------------------------------------------------------


def test_a_new_index_is_empty_and_knows_its_model(index: ImageIndex) -> None:
    info = index.info()
    assert (len(index), info.records, info.model, info.dim) == (0, 0, "fake", 3)
    assert list(index) == []
    assert info.bytes is not None
    assert info.bytes > 0
    assert index.path.name == "an.index"


def test_without_a_model_the_built_in_one_is_used(tmp_path: Path, gallery: Path) -> None:
    with ImageIndex.create(tmp_path / "new.index") as made:
        made.add(gallery)
        assert made.info().model == "visavis-s"
        [found] = made.search(gallery.parent / "images" / "mug-01-front.jpg", limit=1).matches
        assert (found.record.id, found.record.fields["category"]) == ("mug-01-front", "mug")


def test_creating_again_opens_what_is_there(filled: ImageIndex) -> None:
    for model in (None, "fake"):
        with ImageIndex.create(filled.path, model) as again:
            assert len(again) == 5


def test_another_model_is_refused_with_advice(filled: ImageIndex) -> None:
    with pytest.raises(
        IndexIncompatibleError, match=r"made by 'fake', not 'fake-halves'.*--rebuild --model"
    ):
        ImageIndex.create(filled.path, "fake-halves")
    assert len(filled) == 5


def test_opening_none_is_an_error_and_makes_nothing(tmp_path: Path) -> None:
    with pytest.raises(IndexMissingError, match="make one with: visavis index"):
        ImageIndex.open(tmp_path / "nowhere")
    assert not (tmp_path / "nowhere").exists()


def test_a_start_that_was_killed_is_made_up_for(tmp_path: Path, plug_in: None) -> None:
    (tmp_path / "half.index").mkdir()
    (tmp_path / "half.index" / "index.sqlite").touch()
    with ImageIndex.create(tmp_path / "half.index") as made:
        assert len(made) == 0


def test_an_unknown_model_makes_no_index(tmp_path: Path) -> None:
    with pytest.raises(ModelNotFoundError):
        ImageIndex.create(tmp_path / "new.index", "no such model")
    assert not (tmp_path / "new.index").exists()


def test_a_closed_index_says_so(filled: ImageIndex) -> None:
    filled.close()
    filled.close()
    with pytest.raises(StoreError, match="closed"):
        filled.search("id:red.png")


# -- adding ----------------------------------------------------------------------------------------


def test_folders_catalogues_lists_pictures_and_sources_can_be_added(
    index: ImageIndex, album: Path, draw: Draw, tmp_path: Path
) -> None:
    catalogue = tmp_path / "shop.csv"
    catalogue.write_text("id,image,price\np1,photos/red.png,5\np2,photos/blue.png,7.5\n")
    single = draw("single.png", (1, 2, 3))
    other = draw("other/x.png", (9, 9, 90)).parent
    report = index.add(album, str(catalogue), single, [str(album / "red.png")], FolderSource(other))
    assert (report.added, report.unchanged) == (5 + 2 + 1 + 1, 1)  # red.png is the album's
    assert report.failed == []
    assert index.get("p2").fields == {"price": 7.5}
    assert str(single) in index
    assert "other/x.png" in index
    assert index.info().fields == {"price": "number", "folder": "text"}
    again = index.add(album, catalogue, single, [str(album / "red.png")], FolderSource(other))
    assert (again.added, again.unchanged) == (0, 10)


def test_progress_adds_up_over_several_sources(index: ImageIndex, album: Path, draw: Draw) -> None:
    told: list[int] = []
    other = draw("other/x.png", BLUE).parent
    index.add(album, other, progress=lambda report: told.append(report.added))
    assert told[-1] == 6
    assert told == sorted(told)


def test_what_was_excluded_later_leaves(filled: ImageIndex, album: Path) -> None:
    report = filled.add(album, exclude=["sub"])
    assert (report.unchanged, report.removed) == (4, 1)


def test_a_missing_location_keeps_what_came_before(index: ImageIndex, album: Path) -> None:
    with pytest.raises(SourceError):
        index.add(album, album.parent / "nowhere")
    assert len(index) == 5


def test_pictures_above_the_cap_are_failures(tmp_path: Path, album: Path, plug_in: None) -> None:
    Image.new("RGB", (60, 60)).save(album / "large.png")
    with ImageIndex.create(tmp_path / "small.index", "fake", max_pixels=1000) as small:
        report = small.add(album)
        assert report.added == 5
        assert "too large" in report.failed[0].reason


# -- removing --------------------------------------------------------------------------------------


def test_records_are_removed_by_id_filter_and_source(filled: ImageIndex, draw: Draw) -> None:
    filled.add(draw("other/x.png", BLUE).parent)
    with pytest.raises(RecordNotFoundError, match="nobody"):
        filled.remove("red.png", "nobody")
    assert "red.png" in filled
    assert filled.remove("red.png", "nobody", missing_ok=True) == 1
    assert filled.remove(where="folder=sub") == 1
    assert filled.remove(where=["id~gr", "width>0"]) == 1
    assert filled.remove(source=filled.info().sources[1].uri) == 1
    assert {record.id for record in filled} == {"blue.png", "white.png"}
    assert len(filled.info().sources) == 1


def test_a_removed_file_comes_back_with_the_next_run(filled: ImageIndex, album: Path) -> None:
    filled.remove("red.png")
    assert filled.add(album).added == 1


def test_removing_nothing_in_particular_is_refused(filled: ImageIndex) -> None:
    with pytest.raises(UsageError, match="say which records to remove"):
        filled.remove()
    with pytest.raises(UsageError, match=r"no such source; it has .*photos"):
        filled.remove(source="/nowhere")
    with pytest.raises(UsageError, match="one argument each"):
        filled.remove([record.id for record in filled])  # type: ignore[arg-type]


def test_two_ways_to_say_which_records_are_refused_before_anything_leaves(
    filled: ImageIndex, album: Path
) -> None:
    before = list(filled)
    with pytest.raises(UsageError, match="not two of them; nothing was removed"):
        filled.remove("red.png", where="width>0")
    with pytest.raises(UsageError, match="not two of them"):
        filled.remove("red.png", source=str(album))
    with pytest.raises(UsageError, match="not two of them"):
        filled.remove(where="width>0", source=str(album))
    assert list(filled) == before
    assert len(filled) == 5


# -- asking ----------------------------------------------------------------------------------------


def test_every_kind_of_question_is_understood(filled: ImageIndex, album: Path) -> None:
    path = album / "red.png"
    pixels = np.asarray(Image.open(path))
    record = filled.search("id:red.png").matches
    assert [match.record.id for match in record][:2] == ["red.png", "sub/pink.png"]
    for question in (
        path,
        str(path),
        f"0.3:{path}",
        path.read_bytes(),
        pixels,
        Image.open(path),
        ImageTerm(Image.open(path)),
        ImageTerm(path),
        [ImageTerm(path)],
        (ImageTerm(pixels),),
        Query((RecordTerm("red.png"),)),
    ):
        found = filled.search(question).matches
        assert [match.record for match in found] == [match.record for match in record]
        scores = [match.score for match in record]  # an index keeps vectors in half precision
        assert [match.score for match in found] == pytest.approx(scores, abs=5e-4)


def test_a_question_can_be_filtered_paged_and_cut_off(filled: ImageIndex) -> None:
    everything = filled.search("id:red.png", limit=10).matches
    assert filled.search("id:red.png", limit=2, offset=1).matches == everything[1:3]
    assert filled.search("id:red.png", where="folder=sub").total_searched == 1
    assert filled.search("id:red.png", where=["id!=red.png", "width=24"]).total_searched == 4
    edge = everything[1].score
    assert filled.search("id:red.png", min_score=edge).matches == everything[:2]


def test_similar_leaves_the_record_itself_out(filled: ImageIndex, album: Path) -> None:
    shutil.copy(album / "red.png", album / "a copy.png")
    filled.add(album)
    found = filled.similar("red.png", limit=2)
    assert [match.record.id for match in found.matches] == ["a copy.png", "sub/pink.png"]
    assert found.total_searched == 5
    assert filled.similar("red.png", limit=1, offset=1).matches == found.matches[1:]
    assert filled.similar("red.png", where="folder=sub").total_searched == 1
    with pytest.raises(RecordNotFoundError, match="nobody"):
        filled.similar("nobody")


@pytest.mark.parametrize("id", ['say "hi"', "a,b", "it's", " x ", "1e3", "true", "a\\b"])
def test_similar_takes_any_id(index: ImageIndex, album: Path, tmp_path: Path, id: str) -> None:
    rows = [{"key": other, "image": "photos/red.png", "id": "field"} for other in (id, "1000", "1")]
    (tmp_path / "shop.jsonl").write_text("\n".join(map(json.dumps, rows)))
    index.add(tmp_path / "shop.jsonl", id_column="key")
    kept = id.strip()
    assert {m.record.id for m in index.similar(kept).matches} == {"1000", "1"} - {kept}


def test_an_index_is_a_collection(filled: ImageIndex) -> None:
    assert "red.png" in filled
    assert "nobody" not in filled
    assert 5 not in filled
    assert [record.id for record in filled] == [
        "blue.png",
        "green.png",
        "red.png",
        "white.png",
        "sub/pink.png",
    ]
    assert [record.id for record in filled.records("folder=sub")] == ["sub/pink.png"]


def test_an_index_may_change_while_it_is_walked(filled: ImageIndex) -> None:
    met = []
    for record in filled:
        met.append(record.id)
        filled.remove(record.id)
    assert len(met) == 5
    assert len(filled) == 0


def test_many_threads_may_ask_at_once(filled: ImageIndex, album: Path) -> None:
    expected = {name: ids(filled, f"id:{name}") for name in ("red.png", "blue.png", "white.png")}

    def ask(turn: int) -> bool:
        name = list(expected)[turn % 3]
        return ids(filled, str(album / name) if turn % 2 else f"id:{name}") == expected[name]

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(ask, range(200)))


# -- upkeep ----------------------------------------------------------------------------------------


def test_compacting_gives_space_back_and_changes_no_answer(index: ImageIndex, draw: Draw) -> None:
    for at in range(200):
        draw(f"many/{at:03}.png", (at, 250 - at, 100), at)
    index.add(draw("many/200.png", RED).parent)
    index.remove(where='id<"150"')
    before, size = index.search("id:200.png", limit=60).matches, index.info().bytes
    index.compact()
    assert index.search("id:200.png", limit=60).matches == before
    after = index.info().bytes
    assert after is not None
    assert size is not None
    assert after <= size


def test_an_index_that_was_deleted_is_not_written_to(
    filled: ImageIndex, album: Path, draw: Draw
) -> None:
    shutil.rmtree(filled.path)
    draw("album/new.png", (1, 2, 3))
    writes = (lambda: filled.add(album), lambda: filled.remove("red.png"), filled.compact)
    for write in writes:
        with pytest.raises(IndexMissingError, match="deleted, moved or replaced"):
            write()
    assert not filled.path.exists()  # a folder that is moved here would land inside of it


def test_an_index_that_was_replaced_leaves_the_new_one_alone(
    filled: ImageIndex, draw: Draw, tmp_path: Path
) -> None:
    shutil.copytree(filled.path, tmp_path / "next")
    new = draw("album/new.png", (1, 2, 3))

    def swap(_: object) -> None:
        filled.path.rename(tmp_path / "old")
        (tmp_path / "next").rename(filled.path)

    with pytest.raises(IndexMissingError, match="replaced"):
        filled.add(new.parent, progress=swap)
    with pytest.raises(IndexMissingError, match="replaced"):
        filled.add(new.parent)
    with ImageIndex.open(filled.path) as there:
        assert len(there) == 5


def test_writing_while_another_writes_is_refused_by_name(filled: ImageIndex, album: Path) -> None:
    with writer_lock(filled.path):
        for write in (
            lambda: filled.add(album),
            lambda: filled.remove("red.png"),
            lambda: filled.rebuild("fake-halves"),
            filled.compact,
        ):
            with pytest.raises(IndexLockedError, match=r"process \d+ .* is writing"):
                write()
        assert ids(filled, "id:red.png", 1) == ["red.png"]
    assert filled.add(album).unchanged == 5


def test_a_query_says_everything_itself(filled: ImageIndex) -> None:
    query = Query((RecordTerm("red.png"),), limit=1)
    assert filled.search(query).matches == filled.answer(query).matches
    with pytest.raises(UsageError, match="give it where, limit, not search"):
        filled.search(query, where="folder=sub", limit=3)


def test_a_misspelt_option_is_an_error(filled: ImageIndex, tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="lmit"):
        filled.search("id:red.png", lmit=3)  # type: ignore[call-arg]
    with pytest.raises(TypeError, match=r"'colunm' is no option; there are image_column, "):
        filled.add(tmp_path, colunm="path")  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="'colunm' is no option"):
        filled.add(FolderSource(tmp_path), colunm="path")  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="'devise' is no option; there are device, jobs"):
        ImageIndex.open(filled.path, devise="cuda")  # type: ignore[call-arg]


def scored(result: SearchResult) -> list[tuple[str, float]]:
    return [(match.record.id, match.score) for match in result.matches]


def test_a_vector_asks_as_its_record_does(filled: ImageIndex) -> None:
    ids = [record.id for record in filled.records()]
    by_id = dict(zip(ids, filled.vectors(), strict=True))
    found = filled.search(3 * by_id["red.png"], limit=3)
    assert scored(found) == scored(filled.search("id:red.png", limit=3))
    mixed = filled.search([VectorTerm(by_id["red.png"]), RecordTerm("blue.png", -0.5)])
    assert (
        mixed.matches
        == filled.search([RecordTerm("red.png"), RecordTerm("blue.png", -0.5)]).matches
    )
    for wrong, said in (([1.0, 2.0], "has the shape"), ([0.0, 0.0, 0.0], "is 0 or not finite")):
        with pytest.raises(UsageError, match=said):
            filled.search(np.array(wrong, np.float32))


def test_rows_are_records_and_vectors_in_the_order_they_were_added(filled: ImageIndex) -> None:
    rows = list(filled.rows())
    assert [record for record, _ in rows] == list(filled.records())
    assert np.array_equal(np.stack([vector for _, vector in rows]), filled.vectors())
    some = list(filled.rows(where="folder=sub"))
    assert [record for record, _ in some] == list(filled.records(where="folder=sub"))
    assert len(filled.vectors(where="id=nobody")) == 0
    assert filled.vectors(where="id=nobody").shape == (0, 3)


def test_many_queries_are_answered_in_their_order(filled: ImageIndex) -> None:
    ids = [record.id for record in filled.records()]
    found = filled.search_many([f"id:{id}" for id in ids], limit=2)
    alone = [filled.search(f"id:{id}", limit=2) for id in ids]
    assert [result.matches for result in found] == [result.matches for result in alone]
    with pytest.raises(RecordNotFoundError):
        filled.search_many(["id:red.png", "id:nobody"])
    assert filled.search_many([]) == []
    by_vector = filled.search_many(filled.vectors(), limit=2)
    assert [scored(result) for result in by_vector] == [scored(result) for result in alone]


@pytest.mark.parametrize("one", ["red shoes", b"a file", np.zeros((4, 4, 3), np.uint8), np.ones(3)])
def test_one_question_is_not_taken_for_many(filled: ImageIndex, one: Any) -> None:
    with pytest.raises(UsageError, match="that is one question; give a list"):
        filled.search_many(one)
