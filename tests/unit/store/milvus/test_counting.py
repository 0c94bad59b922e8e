"""The values of a field counted, worked by hand."""

from visavis.store.capabilities import Facet
from visavis.store.milvus.counting import counted


def test_few_values_are_listed_the_commonest_first() -> None:
    assert counted("colour", "text", ["red", "blue", "red", "amber"]) == Facet(
        "colour", "text", 4, 3, (("red", 2), ("amber", 1), ("blue", 1))
    )
    assert counted("size", "mixed", [2, "L", 1.5, "L"]) == Facet(
        "size", "mixed", 4, 3, (("L", 2), (1.5, 1), (2, 1)), 1.5, 2.0
    )


def test_values_that_nearly_all_differ_are_not_listed() -> None:
    many = [float(at) for at in range(13)]
    assert counted("price", "number", many) == Facet("price", "number", 13, 13, None, 0.0, 12.0)
    assert counted("price", "number", many * 2).values is not None


def test_dates_are_counted_by_what_tells_them_apart() -> None:
    months = [f"2024-{at % 12 + 1:02}-{at + 1:02}" for at in range(24)]
    found = counted("taken", "date", months)
    assert (found.by, found.distinct) == ("month", 12)
    assert found.values is not None
    assert found.values[0] == ("2024-12", 2)


def test_a_part_of_an_index_has_the_form_of_the_whole() -> None:
    whole = counted("taken", "date", [f"20{at:02}-05-01" for at in range(20)])
    assert whole.by == "year"
    part = counted("taken", "date", ["2001-05-01", "2001-05-01"], whole)
    assert part.values == (("2001", 2),)
    titles = counted("title", "text", [f"lamp {at}" for at in range(20)])
    assert counted("title", "text", ["lamp 1"], titles).values is None
