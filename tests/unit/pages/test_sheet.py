import re
from base64 import b64decode
from dataclasses import replace
from html.parser import HTMLParser
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from brute import some_record
from PIL import Image

import visavis
from visavis.errors import UsageError
from visavis.pages.cards import (
    Card,
    Row,
    Sheet,
    dimmed_outside,
    match_card,
    term_card,
)
from visavis.pages.pictures import read_picture
from visavis.pages.sheet import check_sheet_path, search_sheet, write_sheet
from visavis.pages.text import fit_text, text_width, wrap_text
from visavis.pages.tiles import small_pictures
from visavis.sources.web.downloads import Downloads
from visavis.sources.web.fetch import default_cache
from visavis.store.text.titles import title_fields
from visavis.types import (
    RGB,
    FieldValue,
    ImageRecord,
    ImageTerm,
    Match,
    RecordTerm,
    SearchResult,
    Term,
    TextTerm,
)

RED, GREEN, BLUE = (230, 20, 20), (20, 200, 40), (30, 40, 220)


def plain(colour: tuple[int, int, int], height: int = 80, width: int = 80) -> RGB:
    return np.full((height, width, 3), colour, np.uint8)


def record(id: str, folder: str = "/photos", **fields: FieldValue) -> ImageRecord:
    return ImageRecord(id, f"{folder}/{id}", 1, 0.0, "", 80, 80, fields)


class Page(HTMLParser):
    """What a browser would make of the page: its text, pictures, links and element names."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.text: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.source = path.read_text("utf-8")
        self.feed(self.source)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text.append(data.strip())

    def attributes(self, tag: str, name: str) -> list[str]:
        return [str(a[name]) for t, a in self.elements if t == tag and a.get(name) is not None]

    def pictures(self) -> list[RGB]:
        found = []
        for source in self.attributes("img", "src"):
            kind, data = source.split(",", 1)
            assert kind == "data:image/jpeg;base64"
            found.append(np.asarray(Image.open(BytesIO(b64decode(data)))))
        return found


def opened(path: Path) -> RGB:
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


def count_of(picture: RGB, colour: tuple[int, int, int]) -> int:
    return int((np.abs(picture.astype(int) - colour).max(2) < 6).sum())


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A folder with a red picture, a green one, and a blue one that is wide."""
    folder = tmp_path_factory.mktemp("photos")
    for name, pixels in {"me": plain(RED), "a": plain(GREEN), "b": plain(BLUE, 40, 120)}.items():
        Image.fromarray(pixels).save(folder / f"{name}.png")
    return str(folder)


@pytest.fixture
def sheet(photos: str) -> Sheet:
    green = record("a.png", photos, title="A green one", category="lamp", price=12.5)
    matches = (Match(green, 0.91234), Match(record("b.png", photos), -0.25))
    result = SearchResult(matches, 1200, "classic", 1.26)
    return search_sheet((ImageTerm(f"{photos}/me.png"),), result, record, ["title"])


def test_a_png_sheet_shows_the_query_and_its_matches(tmp_path: Path, sheet: Sheet) -> None:
    write_sheet(tmp_path / "out.png", sheet)
    picture = opened(tmp_path / "out.png")
    left, right = picture[:, :360], picture[:, 360:]
    assert count_of(left, RED) > 50_000  # the query, alone on the left
    assert count_of(left, GREEN) == count_of(left, BLUE) == 0
    assert count_of(right, GREEN) > 40_000
    assert count_of(right, BLUE) == pytest.approx(count_of(right, GREEN) / 3, rel=0.1)


def test_where_nothing_was_asked_matches_begin_at_the_margin(tmp_path: Path) -> None:
    rows = [Row((), (Card(plain(GREEN), "a"),) * 2, heading="Group")] * 2
    write_sheet(tmp_path / "out.png", Sheet("Groups", rows))
    green = np.abs(opened(tmp_path / "out.png").astype(int) - GREEN).max(2) < 6
    assert np.flatnonzero(green.any(0))[0] == 44
    write_sheet(tmp_path / "out.html", Sheet("Groups", rows))
    page = (tmp_path / "out.html").read_text(encoding="utf-8")
    assert 'aria-label="Query"' not in page
    assert page.count('class="row unasked"') == 2


def test_a_wide_picture_is_shown_whole(tmp_path: Path) -> None:
    wide = np.hstack([plain(RED, 60, 20), plain(GREEN, 60, 140), plain(BLUE, 60, 20)])
    write_sheet(tmp_path / "s.png", Sheet("t", [Row([Card(None, "q")], [Card(wide, "w")])]))
    picture = opened(tmp_path / "s.png")
    assert count_of(picture, RED) > 500
    assert count_of(picture, BLUE) > 500


def test_an_html_sheet_is_one_file_with_texts_scores_and_pictures(
    tmp_path: Path, sheet: Sheet, photos: str
) -> None:
    write_sheet(tmp_path / "out.html", sheet)
    page = Page(tmp_path / "out.html")
    for text in ("me.png", "A green one", "0.912", "-0.250", "lamp · price 12.5", "b.png"):
        assert text in page.text
    means = [tuple(p.reshape(-1, 3).mean(0)) for p in page.pictures()]
    for mean, colour in zip(means, (RED, GREEN, BLUE), strict=True):
        assert mean == pytest.approx(colour, abs=4)
    assert page.attributes("img", "alt") == ["me.png", "A green one (a.png)", "b.png"]
    assert page.attributes("a", "href") == [f"file://{photos}/a.png", f"file://{photos}/b.png"]


def answered(verdict: str, *relations: str, reason: str | None = None) -> SearchResult:
    matches = tuple(
        Match(
            ImageRecord(f"{relation}.png", f"/gone/{relation}.png", 1, 0.0, "", 8, 8),
            0.8765,
            relation=relation,  # type: ignore[arg-type]
            verified=True,
            views=3,
        )
        for relation in relations
    )
    return SearchResult(matches, 99, "classic", 1.0, reason, verdict=verdict)  # type: ignore[arg-type]


def test_a_sheet_says_in_words_what_matches_are_and_in_its_head_what_the_answer_is(
    tmp_path: Path,
) -> None:
    terms = [ImageTerm(plain(RED))]

    def text(result: SearchResult) -> str:
        write_sheet(tmp_path / "out.html", search_sheet(terms, result, lambda _: gone()))
        return " ".join(Page(tmp_path / "out.html").text)

    shown = text(answered("near_duplicate", "near_duplicate", "variant", "similar", "other"))
    for words in ("same picture, edited", "other colours", "alike", "less alike", "+3 views"):
        assert words in shown
    assert "This picture is here, edited. 99 searched" in shown
    assert "0.876" not in shown  # it stands where one points at the word
    assert "This very picture is here." in text(answered("exact", "exact"))
    reason = "nothing similar: the nearest scores 0.41, similar is from 0.78 on"
    assert reason[1:] in text(answered("none", "other", reason=reason))
    alike = search_sheet(terms, answered("similar", "similar"), lambda _: gone())
    assert alike.subtitle.startswith("99 searched")
    write_sheet(tmp_path / "out.png", alike)
    assert count_of(opened(tmp_path / "out.png"), (14, 124, 123)) > 100  # the word, in colour


def gone() -> ImageRecord:
    raise AssertionError("no term is a record")


def test_an_html_sheet_needs_no_script_and_no_network(tmp_path: Path, sheet: Sheet) -> None:
    write_sheet(tmp_path / "out.html", sheet)
    page = Page(tmp_path / "out.html")
    names = {tag for tag, _ in page.elements}
    assert not names & {"script", "link", "iframe", "object"}
    assert "url(" not in page.source
    assert not re.search(r"\bsrc=(?!\"data:)", page.source)
    assert "light-dark(" in page.source


def test_no_text_of_a_user_becomes_markup(tmp_path: Path) -> None:
    evil = "<script>alert('x')</script>\"><img src=x onerror=y>&"
    card = Card(plain(RED), evil, evil, 0.5, "javascript:alert(1)")
    row = Row([Card(None, evil, evil, words=evil)], [card], evil, evil)
    for rows in ([row], [row, Row([card], [], evil)]):
        write_sheet(tmp_path / "x.html", Sheet(evil, rows, evil))
        page = Page(tmp_path / "x.html")
        assert "script" not in {tag for tag, _ in page.elements}
        assert all(src.startswith("data:image/jpeg") for src in page.attributes("img", "src"))
        assert not page.attributes("img", "onerror")
        assert page.attributes("a", "href") == []
        assert evil in page.text


@pytest.mark.parametrize("suffix", [".png", ".html"])
def test_a_name_that_is_no_utf8_does_not_stop_the_sheet(tmp_path: Path, suffix: str) -> None:
    card = Card(plain(RED), "caf\udce9 漢字 \x07.jpg", score=0.5)
    write_sheet(tmp_path / f"s{suffix}", Sheet("t", [Row([card], [card])]))
    assert (tmp_path / f"s{suffix}").stat().st_size > 1000


@pytest.mark.parametrize("suffix", [".png", ".html"])
def test_an_original_that_is_gone_gets_a_tile_of_its_own(tmp_path: Path, suffix: str) -> None:
    row = Row([Card(plain(RED), "q")], [Card(None, "gone.jpg", score=0.7)])
    path = tmp_path / f"s{suffix}"
    write_sheet(path, Sheet("t", [row]))
    if suffix == ".html":
        assert "no picture" in Page(path).text
    else:
        assert opened(path).shape[0] > 300


def test_an_empty_answer_says_so_and_why(tmp_path: Path) -> None:
    row = Row([Card(plain(RED), "q")], [], "no record passed the filter")
    write_sheet(tmp_path / "s.html", Sheet("t", [row]))
    page = Page(tmp_path / "s.html")
    assert "Nothing similar" in page.text
    assert "no record passed the filter" in page.text
    write_sheet(tmp_path / "s.png", Sheet("t", [row]))
    assert count_of(opened(tmp_path / "s.png"), RED) > 50_000


def test_words_are_shown_as_words(tmp_path: Path) -> None:
    write_sheet(
        tmp_path / "s.html", Sheet("t", [Row([term_card(TextTerm("a red bag"), None)], [])])
    )
    assert "a red bag" in Page(tmp_path / "s.html").text


def test_the_heading_says_whether_pictures_or_words_were_asked(sheet: Sheet) -> None:
    assert sheet.title == "Looks like this"
    nothing = SearchResult((), 3, "classic", 1.0, "nothing")
    asked: list[list[Term]] = [[TextTerm("a bag")], [TextTerm("a bag"), ImageTerm("me.jpg")]]
    titles = [search_sheet(terms, nothing, record).title for terms in asked]
    assert titles == ["Found by words", "Looks like this"]


def test_several_queries_are_several_rows_with_verdicts(tmp_path: Path) -> None:
    found = [Card(plain(GREEN), "hit", score=0.9, good=True)]
    missed = [Card(plain(BLUE), "miss", score=0.8, good=False)]
    rows = [Row([Card(plain(RED), "q1")], found), Row([Card(plain(RED), "q2")], missed)]
    write_sheet(tmp_path / "s.html", Sheet("Evaluation", rows))
    page = Page(tmp_path / "s.html")
    assert len([tag for tag, _ in page.elements if tag == "section"]) == 2
    assert page.attributes("span", "aria-label") == ["right", "wrong"]
    write_sheet(tmp_path / "s.png", Sheet("Evaluation", rows))
    picture = opened(tmp_path / "s.png")
    first = np.flatnonzero((picture == GREEN).all(2).any(1))
    second = np.flatnonzero((picture == BLUE).all(2).any(1))
    assert first.max() < second.min()


def test_a_sheet_too_tall_for_a_picture_is_refused_with_advice() -> None:
    from visavis.pages.sheet_png import render_png

    rows = [Row([Card(None, "q")], [])] * 200
    with pytest.raises(UsageError, match=r"ends in \.html"):
        render_png(Sheet("t", rows))


@pytest.mark.parametrize("name", ["sheet.jpg", "sheet", "sheet.pdf"])
def test_another_suffix_is_refused_before_anything_is_written(
    tmp_path: Path, sheet: Sheet, name: str
) -> None:
    with pytest.raises(UsageError, match=r"must end in \.png or \.html"):
        write_sheet(tmp_path / name, sheet)
    assert not list(tmp_path.iterdir())


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no folder"):
        check_sheet_path(tmp_path / "no" / "s.png")


def test_a_place_that_cannot_be_written_is_one_sentence(tmp_path: Path, sheet: Sheet) -> None:
    (tmp_path / "s.html").mkdir()
    with pytest.raises(UsageError, match=r"cannot write the sheet .*s\.html"):
        write_sheet(tmp_path / "s.html", sheet)


def test_outside_the_box_the_picture_is_dimmed_and_inside_untouched() -> None:
    picture = plain((200, 100, 50), 100, 100)
    shown = dimmed_outside(picture, (0.25, 0.5, 0.75, 1.0))
    np.testing.assert_array_equal(shown[50:100, 25:75], picture[50:100, 25:75])
    assert tuple(shown[10, 10]) == (80, 40, 20)
    assert tuple(shown[49, 50]) == (255, 255, 255)
    assert tuple(picture[10, 10]) == (200, 100, 50)


def test_a_query_card_tells_weight_and_sign() -> None:
    assert term_card(ImageTerm("a/b.jpg"), plain(RED)).detail == ""
    less = term_card(RecordTerm("shoe-1", -0.5), plain(RED))
    assert (less.caption, less.detail, less.good) == ("id:shoe-1", "weight -0.5", False)
    boxed = term_card(ImageTerm(Path("a/b.jpg"), (0, 0, 0.5, 1), 2.0), plain(RED))
    assert (boxed.caption, boxed.detail, boxed.box) == ("b.jpg", "weight 2", (0, 0, 0.5, 1))
    assert term_card(ImageTerm(b"bytes"), plain(RED)).caption == "the picture"


def test_a_match_card_shows_the_title_and_two_short_fields() -> None:
    fields: dict[str, FieldValue] = {
        "story": "x" * 80, "title": "Teal mug", "colour": "teal", "sold": True, "price": 9,
    }  # fmt: skip
    card = match_card(Match(record("m.jpg", "/photos", **fields), 0.5), None, ("name", "title"))
    assert (card.caption, card.detail) == ("Teal mug", "teal · sold yes")
    assert card.whole == "Teal mug (m.jpg)"  # the id is there for who points at the title
    assert match_card(Match(record("n.jpg"), 0.5), None).caption == "n.jpg"


def test_a_sheet_calls_products_as_their_catalogue_does(photos: str) -> None:
    rows: list[dict[str, FieldValue]] = [
        {"articleId": f"{number}", "label": "mugs", "beschreibung": text}
        for number, text in enumerate(("A teal mug", "A mug with a lid", "Two white mugs"))
    ]
    matches = tuple(
        Match(record(f"{number}.png", photos, **fields), 0.5) for number, fields in enumerate(rows)
    )
    result = SearchResult(matches, 3, "classic", 1.3)
    titles = title_fields(rows)
    [row] = search_sheet([TextTerm("mug")], result, record, titles).rows
    assert [card.caption for card in row.matches] == [fields["beschreibung"] for fields in rows]
    assert [card.detail for card in row.matches] == ["0 · mugs", "1 · mugs", "2 · mugs"]


@pytest.mark.parametrize(
    ("uri", "address"),
    [
        ("/photos/a b.jpg", "file:///photos/a%20b.jpg"),
        ("https://shop.example/a.jpg", "https://shop.example/a.jpg"),
        ("s3://bucket/a.jpg", None),
        ("javascript:alert(1)", None),
        ("/photos/caf\\xe9.jpg", "file:///photos/caf%E9.jpg"),  # a name that is no UTF-8
        ("below/a.jpg", None),
    ],
)
def test_only_addresses_that_a_browser_may_open_are_linked(uri: str, address: str | None) -> None:
    assert Card(None, "", uri=uri).link == address


@pytest.mark.parametrize(
    "text", ["short", "a rather long caption that goes on and on", "漢字" * 40]
)
def test_fitted_text_is_never_wider_than_its_room(text: str) -> None:
    shown = fit_text(text, 15, 120)
    assert text_width(shown, 15) <= 120
    assert shown == text or shown.endswith("…")


def test_wrapped_text_keeps_every_word_in_order() -> None:
    lines = wrap_text("a red bag with a golden buckle", 20, 110)
    assert len(lines) > 1
    assert " ".join(lines) == "a red bag with a golden buckle"
    assert all(text_width(line, 20, bold=True) <= 110 for line in lines)


def test_a_term_by_id_shows_the_picture_of_its_record(tmp_path: Path, photos: str) -> None:
    nothing = SearchResult((), 3, "classic", 1.0, "nothing")
    asked = search_sheet([RecordTerm("a.png")], nothing, lambda id: record(id, photos))
    write_sheet(tmp_path / "s.html", asked)
    assert Page(tmp_path / "s.html").pictures()[0].reshape(-1, 3).mean(0) == pytest.approx(
        GREEN, abs=4
    )


def test_sheets_and_the_page_of_the_server_have_the_same_colours() -> None:
    here = Path(visavis.__file__).parent
    ours, theirs = (
        dict(re.findall(r"(--[\w-]+): ([^;]+);", text.partition("(forced-colors")[0]))
        for name in ("pages/templates/tokens.css", "server/ui/style.css")
        for text in [(here / name).read_text("utf-8")]
    )
    assert {name for name in ours if ours[name] != theirs.get(name)} == {"--good"}


def test_what_was_found_in_a_part_of_a_picture_is_marked_there_and_only_if_it_is_certain() -> None:
    found = Match(record("m.jpg"), 0.5, relation="near_duplicate", box=(0.1, 0.2, 0.5, 0.6))
    assert match_card(found, None).box == (0.1, 0.2, 0.5, 0.6)
    assert match_card(replace(found, relation="other"), None).box is None
    assert match_card(replace(found, box=(0.0, 0.0, 1.0, 0.99)), None).box is None


def test_what_was_downloaded_of_ones_own_network_is_shown_without_asking_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    url, file = "http://127.0.0.1:9/a.png", BytesIO()
    assert read_picture(url) is None
    Image.fromarray(plain(RED)).save(file, "PNG")
    Downloads(default_cache()).put(url, file.getvalue(), {"cache-control": "max-age=0"})
    found = read_picture(url)
    assert found is not None
    assert found[0, 0].tolist() == list(RED)
    record = replace(some_record("a"), uri=url)
    [small] = small_pictures([record], 16, 1)
    assert small is not None
