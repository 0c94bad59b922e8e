"""Rules that choose which copy to keep."""

import pytest

from visavis.errors import UsageError
from visavis.flows.duplicates.rules import Pairs, as_rules, choose, unmet
from visavis.types import ImageRecord


def record(name: str, side: int = 100, size: int = 1000, modified: float = 0.0) -> ImageRecord:
    return ImageRecord(name, f"/p/{name}", size, modified, name[0] * 64, side, side)


def yes(one: ImageRecord, other: ImageRecord) -> bool:
    return True


def no(one: ImageRecord, other: ImageRecord) -> bool:
    return False


alike = Pairs(yes, yes)


@pytest.mark.parametrize(
    ("rules", "kept"),
    [
        ("largest", "a.jpg"),
        ("oldest", "b.jpg"),
        ("newest", "c.jpg"),
        ("path:sub/*", "b.jpg"),
        ("path:elsewhere/*,", None),
    ],
)
def test_a_rule_chooses(rules: str, kept: str | None) -> None:
    records = [record("a.jpg", 200, 5), record("b.jpg", 90, 3), record("c.jpg", 90, 3, 99)]
    times = {"a.jpg": 50.0, "b.jpg": 10.0, "c.jpg": 99.0}
    records = [
        ImageRecord(r.id, r.uri.replace("/b", "/sub/b"), r.size, times[r.id], r.sha256, r.width, 90)
        for r in records
    ]
    chosen = choose(records, as_rules([rules]), alike)
    assert (None if chosen is None else chosen[0].id) == kept


def test_the_next_rule_decides_what_the_first_leaves_open() -> None:
    records = [record("a.jpg", 200, modified=9), record("b.jpg", 200, modified=5), record("c.jpg")]
    assert choose(records, as_rules(["largest"]), alike) is None
    kept = choose(records, as_rules(["largest,oldest"]), alike)
    assert kept is not None
    assert (kept[0].id, kept[1]) == ("b.jpg", "oldest")


def test_bytes_tell_within_one_format_only() -> None:
    heavy, light = record("a.jpg", size=9000), record("b.jpg", size=4000)
    assert choose([light, heavy], as_rules(["largest"]), alike) == (heavy, "largest")
    assert choose([light, record("c.png", size=9000)], as_rules(["largest"]), alike) is None
    lossless = record("c.png", size=900)
    assert choose([heavy, lossless], as_rules(["best-quality"]), alike) == (
        lossless,
        "best-quality",
    )


def test_bytes_say_nothing_of_a_copy_that_looks_otherwise() -> None:
    """A grey or mirrored copy may be saved with more bytes than its original."""
    grey, original = record("g.jpg", size=9000), record("o.jpg", size=4000)
    for rule in ("largest", "best-quality"):
        assert choose([grey, original], as_rules([rule]), Pairs(no, yes)) is None


def test_pixels_say_nothing_of_a_copy_in_a_frame() -> None:
    """A frame makes a picture larger, and a crop smaller: which it is cannot be told from sizes."""
    framed, original = record("f.jpg", 240, modified=9), record("o.jpg", 200, modified=5)
    for rule in ("largest", "best-quality"):
        assert choose([framed, original], as_rules([rule]), Pairs(no, no)) is None
    kept = choose([framed, original], as_rules(["largest,oldest"]), Pairs(no, no))
    assert kept is not None
    assert kept[0] is original


def test_of_the_same_bytes_the_shortest_path_is_kept() -> None:
    deep = ImageRecord("a", "/p/copies/old/a.jpg", 5, 0.0, "a" * 64, 9, 9)
    flat = ImageRecord("b", "/p/a.jpg", 5, 0.0, "a" * 64, 9, 9)
    kept = choose([deep, flat], as_rules(["largest"]), alike)
    assert kept is not None
    assert kept[0] is flat


def test_globs_under_which_no_copy_lies_are_named() -> None:
    groups = [[record("a.jpg"), record("b.jpg")], [record("c.jpg")]]
    assert unmet(["path:a*", "largest", "path:*/C.jpg"], groups) == ["*/C.jpg"]
    assert unmet(["path:a*,largest"], groups) == ["a*,largest"]
    assert unmet(["path:a*,largest"], []) == []


@pytest.mark.parametrize("text", ["biggest", "path:", ""])
def test_an_unknown_rule_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="path:GLOB"):
        as_rules([text])
