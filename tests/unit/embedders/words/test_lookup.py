"""Phrases, unknown words, and the cache of tables."""

import os
from pathlib import Path

import numpy as np
import pytest
from word_files import write_binary, write_text

from visavis.embedders.base import unit_rows
from visavis.embedders.words.aliases import built_in_aliases, parse_aliases, read_aliases
from visavis.embedders.words.lookup import Words, open_words, words_cache
from visavis.errors import UnknownWordError, UsageError, WordVectorsError
from visavis.types import Vectors

SHARED = Path(__file__).parents[5] / "shared" / "words" / "glove-10k.50d.txt"
VECTORS = {
    "the": [0.1, 0.1, 0.1, 0.1],
    "on": [0.2, 0.1, 0.0, 0.1],
    "dog": [1.0, 0.2, 0.0, 0.0],
    "grass": [0.0, 1.0, 0.1, 0.0],
    "dining": [0.3, 0.0, 1.0, 0.0],
    "table": [0.0, 0.1, 0.9, 0.3],
    "tv": [0.0, 0.0, 0.4, 1.0],
    "monitor": [0.1, 0.0, 0.2, 1.0],
    "couch": [0.2, 0.0, 1.0, 0.1],
    "airplane": [-1.0, 0.3, 0.0, 0.0],
    "motorcycle": [-0.8, 0.0, 0.3, 0.0],
    "plant": [0.0, 0.9, 0.2, 0.0],
    "Paris": [0.0, 0.3, 0.3, -1.0],
    ",": [0.1, 0.0, 0.0, 0.1],
    "king": [0.5, 0.1, 0.6, -0.4],
    "cafe": [0.1, 0.2, 0.7, -0.9],
    "na\u00efve": [0.9, 0.2, -0.7, 0.0],
    "puppy": [0.9, -0.2, 0.1, 0.3],
    "s": [0.0, 0.1, 0.0, 0.9],
}


@pytest.fixture
def words(tmp_path: Path) -> Words:
    return Words(open_words(write_text(tmp_path / "vectors.txt", VECTORS)))


def mean_of(*words: str) -> Vectors:
    rows = unit_rows(np.array([VECTORS[word] for word in words]))
    return np.asarray(unit_rows(rows.mean(axis=0, keepdims=True))[0])


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("dog", ["dog"]),
        ("Dog", ["dog"]),
        ("dog grass", ["dog", "grass"]),
        ("a dog, on the GRASS.", ["dog", "grass"]),
        ("paris", ["Paris"]),
        ("dining_table", ["dining", "table"]),
        ("dining-table", ["dining", "table"]),
        ("diningtable", ["dining", "table"]),
        ("tvmonitor", ["tv", "monitor"]),
        ("sofa", ["couch"]),
        ("aeroplane", ["airplane"]),
        ("motorbike", ["motorcycle"]),
        ("pottedplant", ["plant"]),
        ("dogs", ["dog"]),
        ("couches", ["couch"]),
        ("puppies", ["puppy"]),
        ("DOGS", ["dog"]),
        ("CouchES", ["couch"]),
        ("PUPPIES", ["puppy"]),
        ("dog's", ["dog"]),
        ("the dog’s couch", ["dog", "couch"]),
        ("Caf\u00e9", ["cafe"]),
        ("cafe\u0301", ["cafe"]),
        ("D\u00d6G", ["dog"]),
        ("na\u00efve", ["na\u00efve"]),
        ("nai\u0308ve", ["na\u00efve"]),
        ("dog_xyzzy", ["dog"]),
        ("chihuahua", ["dog"]),
        ("the", ["the"]),
        ("on the", ["on", "the"]),
        ("dog xyzzy", ["dog"]),
    ],
)
def test_a_phrase_is_the_mean_of_its_known_words(words: Words, text: str, meant: list[str]) -> None:
    np.testing.assert_allclose(words.embed([text])[0], mean_of(*meant), atol=1e-6)


def test_texts_keep_their_order_and_none_gives_none(words: Words) -> None:
    both = words.embed(["dog", "grass"])
    np.testing.assert_allclose(both, np.stack([mean_of("dog"), mean_of("grass")]), atol=1e-6)
    assert words.embed([]).shape == (0, 4)


def test_unknown_words_of_a_phrase_are_told(words: Words) -> None:
    assert words.notes("dog on the grass") == ()
    assert words.notes("dog xyzzy frob") == ("unknown and ignored: 'xyzzy', 'frob'",)
    assert words.notes("dog-xyzzy") == ("unknown and ignored: 'xyzzy'",)
    assert words.look_up("dogss") == ([], ("dogss",))  # no plural ends so


def test_a_text_that_says_nothing_is_searched_and_that_is_told(words: Words) -> None:
    [note] = words.notes("On the")
    assert note.startswith("'On the' says little by itself")
    assert words.notes("the dog") == ()


def test_misspelt_words_are_named_with_near_spellings(words: Words) -> None:
    [note] = words.notes("gras dog")
    assert "'gras'" in note
    assert "'grass'" in note
    with pytest.raises(UnknownWordError, match=r"near 'dgo' in spelling: 'dog'"):
        words.embed(["dgo"])
    with pytest.raises(UnknownWordError, match=r"none of the words of 'dgo monitorr'.*'monitor'"):
        words.embed(["dgo monitorr"])


@pytest.mark.parametrize("text", ["", " ", "?!", "xyzzy", "the xyzzy"])
def test_a_text_of_unknown_words_alone_is_an_error_not_a_vector(words: Words, text: str) -> None:
    with pytest.raises(UnknownWordError):
        words.embed([text])


def test_the_nearest_words_to_a_sum_leave_its_own_out(words: Words) -> None:
    found = words.similar([("dog", 1), ("grass", 1)], 3)
    wanted = unit_rows((mean_of("dog") + mean_of("grass"))[None])[0]
    scores = {word: float(mean_of(word) @ wanted) for word in VECTORS} | {"dog": -9, "grass": -9}
    best = sorted(scores, key=lambda word: -scores[word])[:3]
    assert [tag.name for tag in found] == best
    assert found[0].score == pytest.approx(scores[best[0]], abs=1e-6)


@pytest.mark.parametrize("terms", [[("dog", 1.0), ("Dog", -1.0)], [("dog", 0.0)]])
def test_a_sum_of_which_nothing_remains_is_refused(
    words: Words, terms: list[tuple[str, float]]
) -> None:
    with pytest.raises(UsageError, match="cancel each other out"):
        words.similar(terms, 3)


def test_tags_are_words_that_name_something(words: Words) -> None:
    [found] = words.tags(words.embed(["the"]), 100)
    assert not {tag.name for tag in found} & {"the", "on", ",", "s"}
    assert len(found) == len(VECTORS) - 4


def test_a_file_of_aliases_counts_before_the_built_in_ones(tmp_path: Path) -> None:
    path = tmp_path / "aliases.txt"
    path.write_text("# mine\nfido, rex = dog\nsofa = table # not a couch\n")
    table = open_words(write_text(tmp_path / "vectors.txt", VECTORS))
    words = Words(table, read_aliases(path))
    np.testing.assert_allclose(words.embed(["rex"])[0], mean_of("dog"), atol=1e-6)
    np.testing.assert_allclose(words.embed(["sofa"])[0], mean_of("table"), atol=1e-6)
    np.testing.assert_allclose(words.embed(["aeroplane"])[0], mean_of("airplane"), atol=1e-6)


@pytest.mark.parametrize("line", ["dog", "= dog", "dog =", " , = ,"])
def test_a_line_of_aliases_that_makes_no_sense_is_named(line: str) -> None:
    with pytest.raises(WordVectorsError, match=r"mine\.txt, line 2"):
        parse_aliases(["# first", line], "mine.txt")


def test_aliases_that_lead_in_a_circle_come_to_an_end(tmp_path: Path) -> None:
    table = open_words(write_text(tmp_path / "vectors.txt", VECTORS))
    words = Words(table, {"one": ("two",), "two": ("one",)})
    assert words.look_up("one") == ([], ("one",))
    words = Words(table, {"a-b": ("a-b", "b-a"), "b-a": ("a-b dog",)})
    assert words.look_up("a-b") == ([], ("b",))


def test_the_built_in_aliases_know_the_classes_of_pascal_voc() -> None:
    known = built_in_aliases()
    for word in ("aeroplane", "diningtable", "motorbike", "pottedplant", "sofa", "tvmonitor"):
        assert word in known


# -- the cache -------------------------------------------------------------------------------------


def test_a_file_is_read_once_and_again_when_it_changes(tmp_path: Path) -> None:
    path = write_text(tmp_path / "vectors.txt", VECTORS)
    first = open_words(path)
    assert open_words(path).path == first.path
    write_text(path, VECTORS | {"zebra": [1.0, 1.0, 1.0, 1.0]})
    os.utime(path, ns=(1, 1))
    second = open_words(path)
    assert second.find("zebra") is not None
    assert [entry.name for entry in words_cache().iterdir()] == [second.path.name]


def test_what_was_passed_over_is_told_again_from_the_cache(tmp_path: Path) -> None:
    path = tmp_path / "vectors.txt"
    path.write_text("dog 1 2\ndog 3 4\ncat 5 6\n")
    assert open_words(path).notes == open_words(path).notes != ()


def test_a_damaged_cache_is_made_again(tmp_path: Path) -> None:
    path = write_binary(tmp_path / "vectors.bin", VECTORS)
    cached = open_words(path).path
    cached.write_bytes(cached.read_bytes()[:-40])
    assert list(open_words(path).words()) == list(VECTORS)


def test_a_cache_that_cannot_be_written_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "blocked").write_text("a file, not a folder")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "blocked"))
    with pytest.raises(WordVectorsError, match="XDG_CACHE_HOME"):
        open_words(write_text(tmp_path / "vectors.txt", VECTORS))


def test_a_failed_reading_leaves_nothing_behind(tmp_path: Path) -> None:
    path = tmp_path / "vectors.txt"
    path.write_text("nothing of use\n")
    with pytest.raises(WordVectorsError):
        open_words(path)
    assert list(words_cache().iterdir()) == []


@pytest.mark.shared
def test_the_nearest_real_words_equal_brute_force() -> None:
    if not SHARED.is_file():
        pytest.skip("no shared words")
    lines = [line.split(" ") for line in SHARED.read_text(encoding="utf-8").splitlines()]
    names = [line[0] for line in lines]
    rows = np.array([[float(x) for x in line[1:]] for line in lines])
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    words = Words(open_words(SHARED))
    for probe in ("dog", "king", "ocean", "table", "red", "walking", "computer", "1999", "paris"):
        scores = rows @ rows[names.index(probe)]
        scores[names.index(probe)] = -1
        best = np.argsort(-scores, kind="stable")[:10]
        found = words.similar([(probe, 1)], 10)
        assert [tag.name for tag in found] == [names[place] for place in best]
        np.testing.assert_allclose([tag.score for tag in found], scores[best], atol=1e-5)
