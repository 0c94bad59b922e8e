"""A static site's data, against what can be worked out by hand."""

import gzip
import hashlib
import json
import re
import zlib
from base64 import b64decode, b64encode
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from visavis.embedders.registry import DEFAULT_MODEL, builtin_folder
from visavis.embedders.spec import read_spec
from visavis.errors import UsageError
from visavis.image_index import ImageIndex
from visavis.pages.site.building import build_site
from visavis.pages.site.entries import Entry, captions, key_of, nearest
from visavis.pages.site.facets import facet
from visavis.pages.site.parts import PREFIX, SIZE
from visavis.pages.site.place import MANIFEST
from visavis.pages.site.searching import RUNTIME, runtime
from visavis.pages.site.writing import picture_name
from visavis.types import ImageRecord

ENGINE = "3398c10d07d229bd91b364548e130e0e51a8e5704b88c7c083ebbeb78842dee2"


def data(site: Path) -> dict[str, Any]:
    """All parts of a site by name, as the page reads them."""
    [folder] = (site / "data").iterdir()
    found = {}
    for path in folder.glob("*.js"):
        if path.name != "page.js":
            match = re.fullmatch(r'part\("(\w+)","(.*)"\);\n', path.read_text(encoding="ascii"))
            assert match is not None, path
            assert match[1] == path.stem
            found[match[1]] = json.loads(zlib.decompress(b64decode(match[2])))
    return found


def files(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.fixture
def colours(index: ImageIndex, tmp_path: Path) -> ImageIndex:
    """Forty pictures of one colour each, with a catalogue; the model sees the mean colour."""
    chance = np.random.default_rng(7)
    lines = ["id,image,title,category,price,latitude,secret"]
    for number in range(40):
        colour = tuple(int(c) for c in chance.integers(0, 256, 3))
        exif = Image.Exif()
        exif[0x010E] = "taken at home"
        Image.new("RGB", (60, 40), colour).save(tmp_path / f"{number}.jpg", exif=exif)
        kind = "dark" if sum(colour) < 380 else "light"
        lines.append(
            f"n{number},{number}.jpg,Colour {number} <b>,{kind},{number * 1.5},48.1,s{number}"
        )
    (tmp_path / "colours.csv").write_text("\n".join(lines), encoding="utf-8")
    assert index.add(tmp_path / "colours.csv").added == 40
    return index


def test_the_nearest_are_those_of_brute_force() -> None:
    chance = np.random.default_rng(1)
    vectors = chance.normal(size=(50, 8)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    near = nearest(vectors, 5)
    for at, row in enumerate(vectors.astype(np.float64) @ vectors.T.astype(np.float64)):
        row[at] = -9
        assert near.numbers[at].tolist() == np.argsort(-row, kind="stable")[:5].tolist()
        assert near.scores[at] == pytest.approx(np.sort(row)[::-1][:5], abs=1e-5)


def test_one_picture_has_no_neighbours() -> None:
    assert nearest(np.ones((1, 4), np.float32), 12).numbers.shape == (1, 0)


def test_every_picture_leads_to_its_nearest_and_all_parts_agree(
    colours: ImageIndex, tmp_path: Path
) -> None:
    made = build_site(colours, tmp_path / "site", neighbours=3, fields=["price"])
    assert (made.pictures, made.failed) == (40, ())
    parts = data(tmp_path / "site")
    site = parts["site"]
    assert (site["count"], site["near"], site["category"]) == (40, 3, True)
    keys = [k for part in ("r0", "r1") for k in re.findall(".{10}", parts[part]["keys"])]
    assert keys == sorted(key_of(f"n{number}") for number in range(40))
    assert re.findall(f".{{{PREFIX}}}", site["firsts"]) == [keys[0][:PREFIX], keys[SIZE][:PREFIX]]
    ids = {key_of(f"n{number}"): f"n{number}" for number in range(40)}
    near = np.frombuffer(b64decode(parts["n0"]["near"]), "<u2").reshape(-1, 3)
    falls = np.frombuffer(b64decode(parts["n0"]["falls"]), np.uint8).reshape(-1, 3).astype(int)
    for at in (0, 9, 31):
        found = colours.similar(ids[keys[at]], limit=3).matches
        assert [ids[keys[number]] for number in near[at]] == [match.record.id for match in found]
        percents = [falls[at, 0] - falls[at, 1 : 1 + more].sum() for more in range(3)]
        assert percents == [pytest.approx(100 * match.score, abs=0.6) for match in found]
    codes = b64decode(parts["f0"])
    kinds = [kind for kind, _ in site["fields"][0]["values"]]
    for at, key in enumerate(keys):
        fields = colours.get(ids[key]).fields
        assert kinds[codes[at] - 1] == fields["category"]
        kind, price = parts[f"n{at // SIZE}"]["fields"][at % SIZE]
        assert kinds[kind - 1] == fields["category"], "a code, as the manifest has the word"
        assert price == str(fields["price"]), "itself, as one chooses ranges"
        with Image.open(tmp_path / "site" / picture_name(key)) as picture:
            assert picture.size == (60, 40)
            assert not picture.getexif()


def test_the_pictures_of_a_site_are_not_indexed_in_their_turn(
    colours: ImageIndex, tmp_path: Path
) -> None:
    before = colours.add(tmp_path)
    build_site(colours, tmp_path / "site")
    again = colours.add(tmp_path)
    assert (again.added, again.unchanged) == (0, before.added + before.unchanged)


def test_nothing_is_told_that_nobody_asked_for(colours: ImageIndex, tmp_path: Path) -> None:
    build_site(colours, tmp_path / "site")
    told = {name: json.dumps(part).encode() for name, part in data(tmp_path / "site").items()}
    assert b"Colour 7 <b>" in told.pop("titles") + told["r0"] + told["r1"]
    for name, content in {**files(tmp_path / "site"), **told}.items():
        assert b"secret" not in content, name
        assert b"48.1" not in content, name
        assert b"taken at home" not in content, name
        assert str(tmp_path).encode() not in content, name
        assert b"<b>" not in content or name.endswith("page.js") or name in told, name
    with pytest.raises(UsageError, match="where somebody was"):
        build_site(colours, tmp_path / "other", fields=["latitude"])
    with pytest.raises(UsageError, match="where somebody was"):
        build_site(colours, tmp_path / "other", caption="latitude")
    assert not (tmp_path / "other").exists()


def test_building_again_changes_nothing(colours: ImageIndex, tmp_path: Path) -> None:
    build_site(colours, tmp_path / "one")
    build_site(colours, tmp_path / "two")
    build_site(colours, tmp_path / "two", force=True)
    assert files(tmp_path / "one") == files(tmp_path / "two")


def test_a_picture_that_is_gone_is_reported_and_the_rest_is_built(
    colours: ImageIndex, tmp_path: Path
) -> None:
    (tmp_path / "7.jpg").unlink()
    (tmp_path / "8.jpg").write_bytes(b"no picture any more")
    made = build_site(colours, tmp_path / "site")
    assert made.pictures == 38
    assert sorted(Path(failure.uri).name for failure in made.failed) == ["7.jpg", "8.jpg"]
    parts = data(tmp_path / "site")
    assert key_of("n7") not in parts["r0"]["keys"] + parts["r1"]["keys"]
    near = np.frombuffer(b64decode(parts["n0"]["near"]), "<u2")
    assert near.max() < 38


def test_a_filter_leaves_the_others_out_of_the_neighbours_too(
    colours: ImageIndex, tmp_path: Path
) -> None:
    made = build_site(colours, tmp_path / "site", where="category=dark")
    assert made.pictures == sum(1 for _ in colours.records("category=dark")) < 40
    with pytest.raises(UsageError, match="no record passes the filter"):
        build_site(colours, tmp_path / "none", where="category=plaid")


def test_an_empty_index_and_lost_pictures_make_no_site(
    index: ImageIndex, colours: ImageIndex, tmp_path: Path
) -> None:
    for number in range(40):
        (tmp_path / f"{number}.jpg").unlink()
    with pytest.raises(UsageError, match="none of the 40 pictures can be read"):
        build_site(colours, tmp_path / "site")
    index.remove(where="price>=0")
    with pytest.raises(UsageError, match="the index is empty"):
        build_site(index, tmp_path / "site")
    assert not (tmp_path / "site").exists()


@pytest.mark.parametrize("options", [{"neighbours": 0}, {"side": 300}, {"fields": ["colour"]}])
def test_options_that_make_no_sense_are_refused(
    options: Any, colours: ImageIndex, tmp_path: Path
) -> None:
    with pytest.raises(UsageError):
        build_site(colours, tmp_path / "site", **options)
    assert not (tmp_path / "site").exists()


# -- where a site may be put -----------------------------------------------------------------------


def test_files_of_others_are_never_replaced(colours: ImageIndex, tmp_path: Path) -> None:
    site = tmp_path / "site"
    site.mkdir()
    (site / "index.html").write_text("mine")
    for force in (False, True):
        with pytest.raises(UsageError, match="name a new folder"):
            build_site(colours, site, force=force)
    assert files(site) == {"index.html": b"mine"}
    with pytest.raises(UsageError, match="it is a file"):
        build_site(colours, tmp_path / "0.jpg", force=True)


def test_a_site_is_replaced_only_by_force_and_what_lies_beside_it_stays(
    colours: ImageIndex, tmp_path: Path
) -> None:
    site = tmp_path / "site"
    build_site(colours, site)
    with pytest.raises(UsageError, match="--force"):
        build_site(colours, site)
    (site / "CNAME").write_text("pictures.example")
    (site / ".git" / "refs" / "tags").mkdir(parents=True)
    (site / "visavis-pictures" / "mine.txt").write_text("kept")
    old = set(json.loads(gzip.decompress((site / MANIFEST).read_bytes()))["files"])
    build_site(colours, site, force=True, where="category=dark", title="Dark ones")
    new = set(json.loads(gzip.decompress((site / MANIFEST).read_bytes()))["files"])
    assert not {name for name in old - new if (site / name).exists()}
    assert (site / "CNAME").read_text() == "pictures.example"
    assert (site / "visavis-pictures" / "mine.txt").read_text() == "kept"
    assert (site / ".git" / "refs" / "tags").is_dir()
    assert "Dark ones" in (site / "index.html").read_text()
    assert [path.name for path in tmp_path.glob(".making-*")] == []


def test_a_site_whose_list_of_files_is_not_packed_is_replaced_too(
    colours: ImageIndex, tmp_path: Path
) -> None:
    site = tmp_path / "site"
    build_site(colours, site)
    new = files(site).keys()
    (site / "visavis-site.json").write_bytes(gzip.decompress((site / MANIFEST).read_bytes()))
    (site / MANIFEST).unlink()
    (site / "CNAME").write_text("pictures.example")
    build_site(colours, site, force=True)
    assert files(site).keys() == new | {"CNAME"}


def test_a_stopped_build_leaves_the_old_site_whole(colours: ImageIndex, tmp_path: Path) -> None:
    site = tmp_path / "site"
    build_site(colours, site)
    before = files(site)

    def stop(done: int, _: int) -> None:
        if done > 20:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build_site(colours, site, force=True, title="Other", progress=stop)
    assert files(site) == before
    assert [path.name for path in tmp_path.glob(".making-*")] == []


def test_one_file_replaces_only_such_a_file(colours: ImageIndex, tmp_path: Path) -> None:
    out = tmp_path / "site.html"
    out.write_text("<p>mine</p>")
    for force in (False, True):
        with pytest.raises(UsageError, match="visavis did not make"):
            build_site(colours, out, single=True, force=force)
    assert out.read_text() == "<p>mine</p>"
    for name in ("site", "site.txt", "no/site.html"):
        with pytest.raises(UsageError):
            build_site(colours, tmp_path / name, single=True)
    out.unlink()
    built = build_site(colours, out, single=True)
    assert (built.pictures, built.bytes) == (40, out.stat().st_size)
    with pytest.raises(UsageError, match="--force"):
        build_site(colours, out, single=True)
    build_site(colours, out, single=True, force=True, title="Again </script> <b>")
    text = out.read_text(encoding="utf-8")
    assert "<title>Again &lt;/script&gt; &lt;b&gt;</title>" in text
    assert [path.name for path in tmp_path.glob(".making-*")] == []
    assert b"secret" not in out.read_bytes()


def test_the_policy_of_one_file_names_its_scripts_and_style(
    colours: ImageIndex, tmp_path: Path
) -> None:
    out = tmp_path / "site.html"
    build_site(colours, out, single=True)
    text = out.read_text(encoding="utf-8")
    inline = re.findall(r"<(?:script|style)>(.*?)</(?:script|style)>", text, re.DOTALL)
    hashes = [b64encode(hashlib.sha256(one.encode()).digest()).decode() for one in inline]
    assert len(hashes) == 2
    policy = re.findall(r'Content-Security-Policy" content="([^"]*)"', text)[0]
    assert sorted(re.findall(r"'sha256-([^']*)'", policy)) == sorted(hashes)
    assert "unsafe" not in policy


# -- captions and fields ---------------------------------------------------------------------------


def entry(id: str, **fields: Any) -> Entry:
    return Entry(key_of(id), ImageRecord(id, f"/home/me/{id}", 1, 0.0, "", 4, 3, fields))


def test_without_a_title_a_picture_is_called_as_its_file() -> None:
    listed = [entry("2024/Rome/the forum.jpg"), entry("v1.2"), entry(".hidden")]
    assert captions(listed, None) == ["the forum", "v1.2", ".hidden"]
    assert captions([entry("a", title=" Two\nlines "), entry("b.png")], "title") == [
        "Two lines",
        "b",
    ]


def test_where_pictures_lie_is_no_caption_unless_asked_for() -> None:
    listed = [
        entry(f"me/{at}.jpg", folder=f"private things {at}", camera=f"My {at}") for at in range(9)
    ]
    assert captions(listed, None) == [str(at) for at in range(9)]
    assert captions(listed[:1], "camera") == ["My 0"]


def test_few_values_are_chosen_by_name_many_numbers_by_range() -> None:
    texts = facet("kind", "text", ["b", "a", "b", None, " b "])
    assert texts.values == [("b", 3), ("a", 1)]
    assert texts.codes.tolist() == [1, 2, 1, 0, 1]
    years = facet("year", "number", [2011, 2009, 2011])
    assert years.values == [("2009", 1), ("2011", 2)]
    prices = facet("price", "number", [*range(1, 81), None])
    assert [count for _, count in prices.values] == [10] * 8
    assert prices.values[0] == ("1 – 10", 10)
    assert prices.codes.tolist() == [*(1 + at // 10 for at in range(80)), 0]
    same = facet("price", "number", [7.5] * 30 + [*range(30)])
    assert sum(count for _, count in same.values) == 60


def test_dates_are_chosen_by_year_and_texts_that_all_differ_not_at_all() -> None:
    days = [f"20{20 + at % 3}-05-{at % 28 + 1:02}" for at in range(84)]
    assert facet("taken", "date", days).values == [("2020", 28), ("2021", 28), ("2022", 28)]
    assert facet("note", "text", [f"note {at}" for at in range(501)]).values == []
    assert facet("sold", "number", [True, False, True]).values == [("no", 1), ("yes", 2)]


def test_of_lists_each_item_is_chosen_and_a_nought_ends_those_of_a_picture() -> None:
    tags = facet("tags", "list", ["dog, beach", None, "dog", ""])
    assert tags.values == [("dog", 2), ("beach", 1)]
    assert tags.codes.tolist() == [1, 2, 0, 0, 1, 0, 0]
    sizes = facet("sizes", "list", ["[38, 39]", 39])
    assert sizes.values == [("39", 2), ("38", 1)]
    assert facet("note", "list", [f'["note {at}"]' for at in range(501)]).values == []


# -- what searching needs --------------------------------------------------------------------------


def test_only_the_built_in_model_searches_in_browsers(colours: ImageIndex, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--search is for indexes of the built-in model visavis-s"):
        build_site(colours, tmp_path / "site", search=True)
    assert not (tmp_path / "site").exists()


def test_the_engine_that_comes_along_is_the_published_one() -> None:
    """By the hash of the file in onnxruntime-web 1.30.0, from which recipes/ takes it."""
    engine = runtime("ort-wasm")
    assert (len(engine), engine[:4]) == (14_239_897, b"\0asm")
    assert hashlib.sha256(engine).hexdigest() == ENGINE
    assert "Copyright (c) Microsoft Corporation" in (RUNTIME / "NOTICE").read_text()
    assert "import.meta" not in runtime("ort.js").decode("utf-8")


def test_the_page_reads_pictures_as_the_built_in_model_wants_them() -> None:
    look = read_spec(builtin_folder() / DEFAULT_MODEL).preprocess
    shape = (look.resize, look.crop, look.interpolation, look.channels, look.layout)
    assert shape == ("squash", "none", "bicubic", "RGB", "NCHW")
