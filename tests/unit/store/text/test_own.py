"""Which texts of a record count, and how they and a question are cut into words."""

import pytest
from brute import some_record
from standing import standing

from visavis.store.text.own import (
    MOST_WORDS,
    Words,
    pieces,
    where_they_stand,
    words_of,
)
from visavis.types import FieldValue


def texts(value: FieldValue, name: str = "note") -> list[str]:
    """The words of one field of a record."""
    found = pieces(some_record("a", {name: value}), "/pictures/all.csv")
    return [piece.words for piece in found if piece.name == name]


def matches(text: str, question: str) -> bool:
    """Whether a field with a text has all the words of a question."""
    groups = words_of([(question, True)]).groups
    record = some_record("a", {"note": text, "other": "xyz"})
    found = pieces(record, "list")
    assert standing(groups, pieces(record, "list", groups)) == standing(groups, found)
    return bool(groups) and len(standing(groups, found)) == len(groups)


def places(uri: str, source: str) -> dict[str, str]:
    found = pieces(some_record("a", uri=uri), source)
    return {piece.name: piece.words for piece in found}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("url", "a dog"),
        ("productId", "a dog"),
        ("sha256", "a dog"),
        ("note", "https://shop.example/a-dog"),
        ("note", "www.shop.example"),
        ("note", "images/red/1.jpg"),
        ("note", "/photos/dogs"),
        ("note", "C:\\photos\\dog"),
        ("note", "red_dog.JPG"),
        ("note", "9e107d9d372bb6826bd81d3542a419d6"),
        ("note", "123e4567-e89b-12d3-a456-426614174000"),
        ("note", "2024-05-01 12:30"),
        ("note", ""),
        ("note", 5),
        ("note", True),
    ],
)
def test_addresses_paths_ids_hashes_and_numbers_are_no_text(name: str, value: FieldValue) -> None:
    assert texts(value, name) == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("productDisplayName", "Nike Men Shoe"),
        ("colour", "black/white"),
        ("size", "XL"),
        ("model", "XT-500"),
        ("caption", '["a dog runs", "a brown dog"]'),
        ("price band", "under 50 pounds"),
    ],
)
def test_texts_for_people_are_text_in_any_catalogue(name: str, value: str) -> None:
    assert len(texts(value, name)) == 1


@pytest.mark.parametrize(
    ("text", "question"),
    [
        ("a red shoe", "SHOES"),
        ("red shoes", "shoe"),
        ("two berries", "berry"),
        ("the movie", "movies"),
        ("dresses", "dress"),
        ("two silk ties", "ties"),
        ("tomatoes", "tomato"),
        ("wrist watches", "watch"),
        ("Café Zürich", "cafe zurich"),
        ("cafe\u0301", "café"),
        ("Straße", "STRASSE"),
        ("Polo TShirt", "t-shirt"),
        ("Polo T-Shirts", "tshirt"),
        ("T Shirt", "t-shirt"),
        ("Levi's", "levis"),
        ("赤い靴を履く", "靴"),
        ("собака на пляже", "Собака"),
        ("a dog on a sofa", "the dog on the sofa"),
    ],
)
def test_a_question_finds_the_same_word_in_another_form(text: str, question: str) -> None:
    assert matches(text, question)


@pytest.mark.parametrize(
    ("text", "question"),
    [("showing", "shoe"), ("catalogue", "cat"), ("lamps", "lam"), ("", "of")],
)
def test_parts_of_words_are_no_words(text: str, question: str) -> None:
    assert not matches(text, question)


@pytest.mark.parametrize("question", ["", "!!!", "🎉", "- * ( )", "\ud800", "\0"])
def test_without_letters_and_digits_there_is_nothing_to_look_for(question: str) -> None:
    assert words_of([(question, True)]) == Words(())


def test_stop_words_are_looked_for_only_where_there_is_nothing_else() -> None:
    assert words_of([("the dog", True)]).groups == (("dog",),)
    assert words_of([("of the", True)]).groups == (("of",), ("the",))


def test_a_long_question_is_cut_and_says_so() -> None:
    asked = words_of([(" ".join(f"word{n}" for n in range(5000)), True)])
    assert len(asked.groups) == MOST_WORDS
    assert asked.cut
    assert words_of([("x" * 10_000, True)]).cut
    assert not words_of([("a red shoe", True)]).cut
    asked = words_of([("shoe", True), *((f"word{n % 500}", False) for n in range(5000))])
    assert len(asked.without) == MOST_WORDS
    assert asked.cut


@pytest.mark.parametrize(
    ("uri", "source", "file", "folders"),
    [
        ("/photos/Holiday2024/at_sea/redDress-01.jpg", "/photos", "red dress 01 reddress", None),
        ("/shop/images/mug.jpg", "/shop/all.csv", "mug", "image"),
        ("/else/where/dogs/1.jpg", "list", "1", "dog"),
        ("https://shop.example/shoes/Red%20Shoe.jpg?x=9", "/shop/all.csv", "red sho", "sho"),
        (f"/i/uploads/9e/{'9e107d9d' * 4}.jpg", "api", None, "9 e 9e"),
    ],
)
def test_names_of_files_and_folders_are_cut_where_they_change(
    uri: str, source: str, file: str | None, folders: str | None
) -> None:
    found = places(uri, source)
    assert found.get("file name") == file
    expected = "photo holiday 2024 at sea holiday2024" if source == "/photos" else folders
    assert found.get("folder") == expected


def test_the_folders_above_a_source_are_nobodys_words() -> None:
    assert "tom" not in str(places("/home/tom/photos/dogs/1.jpg", "/home/tom/photos"))


def test_the_fewest_fields_that_have_the_words_are_named_those_with_most_first() -> None:
    record = some_record(
        "a", {"label": "shoes", "title": "Red shoes", "brand": "Nike"}, "/pictures/nike-7.jpg"
    )
    found = pieces(record, "/pictures")
    for question, names in (
        ("red shoes", ("title",)),
        ("shoes", ("title",)),
        ("red nike shoes", ("title", "brand")),
        ("7", ("file name",)),
        ("pictures", ("folder",)),
        ("zeppelin", ()),
    ):
        assert where_they_stand(words_of([(question, True)]).groups, found) == names


def test_a_record_of_any_size_takes_bounded_room() -> None:
    record = some_record("a", {f"note {n}": "word " * 10_000 for n in range(50)})
    assert sum(len(piece.words) for piece in pieces(record, "list")) <= 20_000
