"""Terms as people write them on a command line."""

from pathlib import Path
from typing import Any

import pytest

from visavis.errors import ImageUnreadableError, UsageError
from visavis.flows.query.questions import as_terms
from visavis.flows.query.terms import (
    parse_class,
    parse_picture,
    parse_term,
    parse_terms,
)
from visavis.types import (
    ClassTerm,
    ColourTerm,
    ImageTerm,
    RecordTerm,
    Term,
    TextTerm,
)


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("a.jpg", "b.jpg", "0.5:odd.jpg", "id:strange.jpg", "two words.jpg", "~1.jpg"):
        (tmp_path / name).touch()
    return tmp_path


@pytest.mark.parametrize(
    ("text", "term"),
    [
        ("./a.jpg", ImageTerm(Path("a.jpg"))),
        ("a.jpg", ImageTerm(Path("a.jpg"))),
        ("two words.jpg", ImageTerm(Path("two words.jpg"))),
        ("./missing.jpg", ImageTerm(Path("missing.jpg"))),
        ("~1.jpg", ImageTerm(Path("~1.jpg"))),
        ("2:~1.jpg", ImageTerm(Path("~1.jpg"), weight=2.0)),
        ("~nobody-is-called-so/a.jpg", ImageTerm(Path("~nobody-is-called-so/a.jpg"))),
        ("text:missing.jpg", TextTerm("missing.jpg")),
        ("0.5:text:dog", TextTerm("dog", 0.5)),
        ("file:///tmp/a%20b.jpg", ImageTerm(Path("/tmp/a b.jpg"))),
        ("HTTPS://x.org/a", ImageTerm("HTTPS://x.org/a")),
        ("C:\\pics\\a.png", ImageTerm(Path("C:\\pics\\a.png"))),  # refused when it is read
        ("black/white shoes", TextTerm("black/white shoes")),
        ("AC/DC", TextTerm("AC/DC")),
        ("v2.0", TextTerm("v2.0")),
        ("https://x.org/a.jpg", ImageTerm("https://x.org/a.jpg")),
        ("http://x.org/", ImageTerm("http://x.org/")),
        ("id:some id/with:colon", RecordTerm("some id/with:colon")),
        ("id:strange.jpg", ImageTerm(Path("id:strange.jpg"))),
        ("red shoes", TextTerm("red shoes")),
        ("0.5:red shoes", TextTerm("red shoes", 0.5)),
        (".25:./a.jpg", ImageTerm(Path("a.jpg"), weight=0.25)),
        ("2:id:x", RecordTerm("x", 2.0)),
        ("0.5:odd.jpg", ImageTerm(Path("0.5:odd.jpg"))),
        ("12:30 o'clock", TextTerm("30 o'clock", 12.0)),
        ("5: ", None),
        ("", None),
        ("  ", None),
        ("x" * 5000, TextTerm("x" * 5000)),
        ("nul\0byte", TextTerm("nul\0byte")),
    ],
)
def test_a_term_is_what_it_looks_like(files: Path, text: str, term: Term | None) -> None:
    if term is None:
        with pytest.raises(UsageError, match="empty term"):
            parse_term(text)
        return
    same(parse_term(text), term)


@pytest.mark.parametrize(
    "text",
    [
        "missing.jpg",
        "two wordz.jpg",
        "0.5:missing.JPG",
        "*.jpg",
        "www.example.com/a.png",
        "photo.cr2",
        "shop.csv",
        "beach/2024",
        "beach\\2024",
        "beach",
        "ftp://example.com/a",
        "data:image/png;base64,aaaa",
        "text:",
    ],
)
def test_what_looks_like_a_file_and_is_none_is_never_searched_as_words(
    files: Path, text: str
) -> None:
    (files / "beach").mkdir()
    with pytest.raises((ImageUnreadableError, UsageError)):
        parse_term(text)
    if text != "beach":
        with pytest.raises((ImageUnreadableError, UsageError)):
            parse_terms(["./a.jpg", "+", text])


def test_a_folder_does_not_stand_in_the_way_of_words(files: Path) -> None:
    for name in ("dog", "beach"):
        (files / name).mkdir()
    assert parse_terms(["a", "dog", "on", "the", "beach"]) == (TextTerm("a dog on the beach"),)
    same(parse_term("text:dog"), TextTerm("dog"))
    same(parse_term("./dog"), ImageTerm(Path("dog")))  # said to be a path: refused when read


@pytest.mark.parametrize(
    ("words", "weights"),
    [
        (["-"], [1]),
        (["0.5:-"], [0.5]),
        (["-", "+", "./a.jpg"], [1, 1]),
        (["./a.jpg", "+", "-"], [1, 1]),
        (["./a.jpg", "-", "-"], [1, -1]),
    ],
)
def test_a_dash_where_a_term_stands_is_the_picture_from_standard_input(
    files: Path, words: list[str], weights: list[float]
) -> None:
    found = parse_terms(words, None, lambda: b"piped")
    assert [term.weight for term in found] == weights
    images = [term.image for term in found if isinstance(term, ImageTerm)]
    assert sorted(map(str, images)) == sorted({"a.jpg", str(b"piped")} & set(map(str, images)))
    assert b"piped" in images


def same(found: Term, expected: Term) -> None:
    """Equal, where picture terms are compared by their parts."""
    assert type(found) is type(expected)
    names = expected.__dataclass_fields__
    assert [getattr(found, n) for n in names] == [getattr(expected, n) for n in names]


@pytest.mark.parametrize(
    ("words", "terms"),
    [
        (["a.jpg"], [ImageTerm(Path("a.jpg"))]),
        (["red", "shoes"], [TextTerm("red shoes")]),
        (["a.jpg", "b.jpg"], [ImageTerm(Path("a.jpg")), ImageTerm(Path("b.jpg"))]),
        (["a.jpg", "id:x"], [ImageTerm(Path("a.jpg")), RecordTerm("x")]),
        (
            ["./a.jpg", "+", "0.5:red", "-", "./b.jpg"],
            [ImageTerm(Path("a.jpg")), TextTerm("red", 0.5), ImageTerm(Path("b.jpg"), weight=-1)],
        ),
        (["-", "a.jpg"], [ImageTerm(Path("a.jpg"), weight=-1)]),
        (["-", "2:red", "shoes"], [TextTerm("red shoes", -2)]),
        (["a.jpg", "-", "id:x"], [ImageTerm(Path("a.jpg")), RecordTerm("x", -1)]),
        (["red", "+", "blue", "shoes"], [TextTerm("red"), TextTerm("blue shoes")]),
    ],
)
def test_signs_join_terms(files: Path, words: list[str], terms: list[Term]) -> None:
    found = parse_terms(words)
    assert len(found) == len(terms)
    for one, expected in zip(found, terms, strict=True):
        same(one, expected)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ([], "nothing to search for"),
        (["+"], r"after the last '\+'"),
        (["a.jpg", "-"], "after the last '-'"),
        (["a.jpg", "+", "-", "b.jpg"], "before '-'"),
        (["-", "-", "b.jpg"], "before '-'"),
        (["a.jpg", "red"], r"put \+ or - between"),
    ],
)
def test_signs_without_terms_are_refused(files: Path, words: list[str], told: str) -> None:
    with pytest.raises(UsageError, match=told):
        parse_terms(words)


def test_a_box_belongs_to_the_first_picture(files: Path) -> None:
    box = (0.1, 0.2, 0.3, 0.4)
    found = parse_terms(["red", "+", "a.jpg", "+", "b.jpg"], box)
    assert [getattr(term, "box", "words") for term in found] == ["words", box, None]
    with pytest.raises(UsageError, match="a box needs a picture"):
        parse_terms(["red"], box)


@pytest.mark.parametrize(
    ("text", "sign", "term"),
    [
        ("Siamese cat", 1.0, ClassTerm("Siamese cat")),
        ("0.5:Siamese cat", -1.0, ClassTerm("Siamese cat", -0.5)),
        (" bottle ", -1.0, ClassTerm("bottle", -1.0)),
        ("2:1", 1.0, ClassTerm("1", 2.0)),
    ],
)
def test_a_class_is_a_name_with_a_weight(text: str, sign: float, term: ClassTerm) -> None:
    assert parse_class(text, sign) == term


@pytest.mark.parametrize("text", ["", " ", "0.5: "])
def test_an_empty_class_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="empty class"):
        parse_class(text)


@pytest.mark.parametrize(
    ("words", "terms"),
    [
        (["colour:red"], (ColourTerm("red"),)),
        (["Color:#C01F2A"], (ColourTerm("#C01F2A"),)),
        (["0.5:colour:red"], (ColourTerm("red", 0.5),)),
        (["./a.jpg", "colour:red"], (ImageTerm(Path("a.jpg")), ColourTerm("red"))),
        (["./a.jpg", "-", "colour:red"], (ImageTerm(Path("a.jpg")), ColourTerm("red", -1.0))),
        (["big", "mug", "colour:red"], (TextTerm("big mug"), ColourTerm("red"))),
        (["colour:./a.jpg"], (ColourTerm(ImageTerm(Path("a.jpg"))),)),
        (["colour:id:x"], (ColourTerm(RecordTerm("x")),)),
        (["colour:dark red"], (ColourTerm("dark red"),)),
        (["text:colour:red"], (TextTerm("colour:red"),)),
    ],
)
def test_a_colour_is_a_term_of_its_own(
    files: Path, words: list[str], terms: tuple[Term, ...]
) -> None:
    assert str(parse_terms(words)) == str(terms)


def test_colours_stand_among_the_words_of_a_text(files: Path) -> None:
    assert as_terms("big mug colour:red -color:blue") == (
        TextTerm("big mug"),
        ColourTerm("red"),
        ColourTerm("blue", -1.0),
    )
    assert as_terms("colour:dark red") == (ColourTerm("dark red"),)
    assert as_terms("text:colour:red") == (TextTerm("colour:red"),)


@pytest.mark.parametrize("sign", ["-", "- "])
def test_colours_in_one_argument_are_those_of_several(files: Path, sign: str) -> None:
    together = parse_terms([f"big mug {sign}colour:red"])
    assert together == parse_terms(["big", "mug", "-", "colour:red"])
    assert parse_terms(["a.jpg", "-", "mug colour:red"])[1:] == (
        TextTerm("mug", -1.0),
        ColourTerm("red", -1.0),
    )


def test_pictures_in_one_argument_are_refused_with_how_to_write_them(files: Path) -> None:
    with pytest.raises(ImageUnreadableError, match=r"an argument each: \./a\.jpg - \./b\.jpg"):
        parse_terms(["a.jpg - b.jpg"])


def test_what_is_no_colour_is_refused(files: Path) -> None:
    with pytest.raises(UsageError, match="'rde' is no colour; did you mean red"):
        parse_terms(["colour:rde"])
    with pytest.raises(ImageUnreadableError, match="no file, and no colour"):
        parse_terms(["colour:wall.jpg"])


@pytest.mark.parametrize("text", ["'gone.jpg'", '"gone.jpg"', "“gone.jpg”,", "gone.jpg\n"])
def test_a_file_that_is_gone_is_no_words_whatever_stands_around_its_name(text: str) -> None:
    with pytest.raises(ImageUnreadableError, match="there is no such file"):
        parse_term(text)


@pytest.mark.parametrize("text", ["a dog", "text:a.jpg", "concept:mugs", "colour:red", "-", "12"])
def test_where_a_picture_is_wanted_words_are_refused(text: str) -> None:
    with pytest.raises(UsageError, match="is no picture that exists; give a file, a URL or id:ID"):
        parse_picture(text)


def test_where_a_picture_is_wanted_no_error_offers_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "lamps").mkdir()
    for text, told in {"gone.jpg": "there is no such file", "lamps": "it is a folder"}.items():
        with pytest.raises(ImageUnreadableError, match=told) as wrong:
            parse_picture(text)
        assert "text:" not in str(wrong.value)
    same(parse_picture("id:gone.jpg"), RecordTerm("gone.jpg"))
    same(parse_picture("-", lambda: b"piped"), ImageTerm(b"piped"))


@pytest.mark.parametrize("question", [None, 5, ["red", "dog"], {"a": 1}])
def test_what_is_no_question_is_told(question: Any) -> None:
    with pytest.raises(TypeError, match="a question is a text, path, bytes"):
        as_terms(question)


def test_a_picture_in_base64_is_not_repeated_in_the_error() -> None:
    text = "data:image/png;base64," + "iVBOR" * 9000
    with pytest.raises(ImageUnreadableError, match="and file URLs alone") as wrong:
        parse_picture(text)
    assert text[:100] in str(wrong.value)
    assert len(str(wrong.value)) < 1200
    assert wrong.value.uri == text
