"""Catalogues: which rows become images, with which ids and typed fields."""

import datetime
import gzip
import json
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from visavis.errors import ExtraMissingError, SourceError
from visavis.sources.catalogue import CatalogueSource
from visavis.types import Entry, Failure, FieldValue

ROWS = [
    {"path": "img/a.jpg", "title": "Lamp, red", "price": 12.5, "stock": 3, "new": True},
    {"path": "img/b.jpg", "title": "Grün", "price": 7.0, "stock": 0, "new": False},
]


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    (tmp_path / "img").mkdir()
    for name in "abc":
        (tmp_path / "img" / f"{name}.jpg").write_bytes(name.encode())
    return tmp_path


def catalogue(folder: Path, text: str, name: str = "shop.csv", **options: Any) -> CatalogueSource:
    path = folder / name
    path.write_text(text, encoding="utf-8", newline="")
    return CatalogueSource(path, **options)


def images(source: CatalogueSource) -> list[Entry]:
    return [found for found in source.entries() if isinstance(found, Entry)]


def failures(source: CatalogueSource) -> list[Failure]:
    return [found for found in source.entries() if isinstance(found, Failure)]


def fields(source: CatalogueSource) -> list[dict[str, Any]]:
    return [dict(entry.fields) for entry in images(source)]


def written(folder: Path, kind: str, rows: list[dict[str, Any]]) -> Path:
    path = folder / f"shop.{kind}"
    if kind == "parquet":
        pyarrow = pytest.importorskip("pyarrow")
        import pyarrow.parquet as parquet

        parquet.write_table(pyarrow.Table.from_pylist(rows), path)
    elif kind in ("jsonl", "ndjson"):
        path.write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")
    else:
        mark = "\t" if kind == "tsv" else ","
        lines = [mark.join(rows[0])]
        lines += [mark.join(f'"{cell!s}"' for cell in row.values()) for row in rows]
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


@pytest.mark.parametrize("kind", ["csv", "tsv", "jsonl", "ndjson", "parquet"])
def test_each_kind_of_catalogue_gives_the_same_images(shop: Path, kind: str) -> None:
    source = CatalogueSource(written(shop, kind, ROWS))
    found = images(source)
    assert [entry.id for entry in found] == ["img/a.jpg", "img/b.jpg"]
    for entry, row in zip(found, ROWS, strict=True):
        wanted = {name: value for name, value in row.items() if name != "path"}
        assert entry.fields == wanted
        assert [type(value) for value in entry.fields.values()] == [str, float, int, bool]
        file = shop / str(row["path"])
        assert (entry.uri, entry.size) == (str(file), 1)
        assert entry.modified == file.stat().st_mtime
    assert source.read(found[0]) == b"a"
    assert source.uri == str(shop / f"shop.{kind}")
    assert list(source.entries()) == list(source.entries())


def test_csv_columns_are_typed_by_what_most_of_their_cells_are(shop: Path) -> None:
    source = catalogue(
        shop,
        "path,whole,number,flag,code,late,mixed,plus,big,inf,empty\n"
        "img/a.jpg,1,1,true,007,1,true,+5,9223372036854775807,1e999,\n"
        "img/b.jpg,-20,2.5e1,FALSE,12,2,1,6,9223372036854775808,2,\n"
        "img/c.jpg,,.5,True,3,x,no,7,1,3,\n",
    )
    assert fields(source) == [
        {
            "whole": 1,
            "number": 1.0,
            "flag": True,
            "code": "007",
            "late": 1,
            "mixed": "true",
            "plus": "+5",
            "big": 9223372036854775807,
            "inf": "1e999",
        },
        {
            "whole": -20,
            "number": 25.0,
            "flag": False,
            "code": "12",
            "late": 2,
            "mixed": "1",
            "plus": "6",
            "big": "9223372036854775808",
            "inf": 2,
        },
        {
            "number": 0.5,
            "flag": True,
            "code": "3",
            "late": "x",
            "mixed": "no",
            "plus": "7",
            "big": 1,
            "inf": 3,
        },
    ]


@pytest.mark.parametrize("cell", ["-", ".", "-.", "e5", "1.2.3", "1e", "0x10", "1_000", "٣", "nan"])
def test_what_only_resembles_a_number_stays_text(shop: Path, cell: str) -> None:
    assert fields(catalogue(shop, f"path,v\nimg/a.jpg,{cell}\n")) == [{"v": cell}]


@pytest.mark.parametrize("cell", ['="00501"', '"=""00501"""', ' ="00501" '])
def test_what_is_kept_as_text_for_excel_is_what_excel_shows(shop: Path, cell: str) -> None:
    (found,) = images(catalogue(shop, f"path,id,code\nimg/a.jpg,{cell},{cell}\n"))
    assert (found.id, dict(found.fields)) == ("00501", {"code": "00501"})


@pytest.mark.parametrize("cell", ["=1+2", "=A1&B1", "=", '="'])
def test_other_formulas_stay_as_they_are(shop: Path, cell: str) -> None:
    (found,) = images(catalogue(shop, f"path;id\nimg/a.jpg;{cell}\n"))
    assert found.id == cell


@pytest.mark.parametrize(
    ("cell", "value"), [("0", 0), ("-0", 0), ("5.", 5.0), ("-.5", -0.5), ("1E3", 1000.0)]
)
def test_numbers_are_numbers(shop: Path, cell: str, value: float) -> None:
    (found,) = fields(catalogue(shop, f"path,v\nimg/a.jpg,{cell}\n"))
    assert found["v"] == value
    assert type(found["v"]) is type(value)


COLUMNS: list[tuple[str, list[str], list[FieldValue]]] = [  # delimiter, cells, values
    (",", ["$10.00", "$1,299.00"], [10, 1299]),
    (",", ["-$5", "$-7"], [-5, -7]),
    (",", ["5 kg", "3.5 kg"], [5, 3.5]),
    (",", ["5\u00a0€", "12\u202f000\u00a0€"], [5, 12000]),
    (",", ["45%", "50 %"], [45, 50]),
    (",", ["₹12,34,567", "₹5"], [1234567, 5]),
    (",", ["1'299.00", "5.00"], [1299, 5]),
    (",", ["1,299", "2,500"], [1299, 2500]),
    (";", ["1,299", "2,500"], [1.299, 2.5]),
    (";", ["12,50", "99,90", "7"], [12.5, 99.9, 7]),
    (";", ["1.299,00 €", "5,00 €"], [1299, 5]),
    (";", ["1 299,00", "−5,00"], [1299, -5]),
    (";", ["1.5", "2.25"], [1.5, 2.25]),
    (",", ["10", "20", "on request"], [10, 20, "on request"]),
    (",", [*["5"] * 200, "007"], [*[5] * 200, "007"]),
    (",", ["1280000000000000001", "1.28E+18", "-0.5"], [1280000000000000001, 1.28e18, -0.5]),
    (",", ["$5", "$7", "ask us"], [5, 7, "ask us"]),
    # Not numbers, or not all of one kind.
    (",", ["5 kg", "300 g"], ["5 kg", "300 g"]),
    (",", ["10", "$20"], ["10", "$20"]),
    (",", ["12,50", "99.90"], ["12,50", "99.90"]),
    (",", ["00501", "90210", "10115"], ["00501", "90210", "10115"]),
    (",", ["+49 30 1", "+49 30 2"], ["+49 30 1", "+49 30 2"]),
    (",", ["123 456 789", "123 456 788"], ["123 456 789", "123 456 788"]),
    (",", ["192.168.100.200", "192.168.100.201"], ["192.168.100.200", "192.168.100.201"]),
    (",", ["A4", "A5"], ["A4", "A5"]),
    (",", ["12345678901234567891", "1", "2"], ["12345678901234567891", 1, 2]),
    (",", ["1,234,567,890,123,456,789", "5"], ["1,234,567,890,123,456,789", "5"]),
    (",", ["$12345678901234567890", "$5"], ["$12345678901234567890", "$5"]),
    (",", ["g7", "g8"], ["g7", "g8"]),
    (",", ["L 2", "L 3"], ["L 2", "L 3"]),
    (",", ["%45", "% 50"], [45, 50]),
    (",", ["EUR 5", "EUR 7.50"], [5, 7.5]),
    (",", ["2T", "3T"], ["2T", "3T"]),
    (",", ["5 - 7", "8-9"], ["5 - 7", "8-9"]),
    (",", ["12:30", "13:30"], ["12:30", "13:30"]),
    (",", ["Dune", "1984"], ["Dune", "1984"]),
    (",", ["2024-05-01", "2024-05-02"], ["2024-05-01", "2024-05-02"]),
]


@pytest.mark.parametrize(("mark", "cells", "values"), COLUMNS, ids=lambda part: str(part)[:20])
def test_numbers_are_read_as_people_write_them_where_the_column_agrees(
    shop: Path, mark: str, cells: list[str], values: list[FieldValue]
) -> None:
    rows = [f'img/a.jpg{mark}{at}{mark}"{cell}"' for at, cell in enumerate(cells)]
    source = catalogue(shop, "\n".join([mark.join(("path", "id", "v")), *rows]))
    assert fields(source) == [{"v": value} for value in values]


def test_how_a_column_was_read_is_told_where_it_might_be_doubted(shop: Path) -> None:
    source = catalogue(
        shop,
        'path,id,price,stock,name\nimg/a.jpg,1,"$1,299.00",5,x\nimg/b.jpg,2,$5.00,7,5\n'
        "img/c.jpg,3,ask us,,y\n",
    )
    assert len(fields(source)) == 3
    assert source.notes() == [
        "shop.csv: the column 'price' was read as numbers, such as 1299.0 for '$1,299.00'; "
        "1 of 3 cells are not numbers and stay text, such as 'ask us'"
    ]


def test_the_decimals_of_one_column_tell_how_to_read_another(shop: Path) -> None:
    source = catalogue(shop, "path\ta\tb\nimg/a.jpg\t1,299\t12,5\n")
    assert fields(source) == [{"a": 1.299, "b": 12.5}]


@pytest.mark.parametrize(
    ("price", "stock", "values", "said"),
    [
        ("12,5", ["1.500", "3"], [1500, 3], ", such as 1500 for '1.500'"),
        ("12,5", ["-2.000", "ask", "7"], [-2000, "ask", 7], "1 of 3 cells are not numbers"),
        ("x", ["1.500", "3"], [1.5, 3], ", such as 1.5 for '1.500': write 1500 if it is that"),
        ("12.5", ["1.500", "3"], [1.5, 3], ": write 1500 if it is that"),
        ("12,5", ["1.500", "2.25"], [1.5, 2.25], None),
        ("12,5", ["1.500", "0.250"], [1.5, 0.25], None),
        ("12,5", ["1.500", "1e3"], [1.5, 1000.0], ", such as 1000.0 for '1e3'"),
        ("12,5", ["1500", "3"], [1500, 3], None),
    ],
)
def test_a_group_of_digits_and_decimals_are_told_apart_by_other_columns_or_doubted(
    shop: Path, price: str, stock: list[str], values: list[FieldValue], said: str | None
) -> None:
    rows = [f"img/a.jpg;{at};{price};{cell}" for at, cell in enumerate(stock)]
    source = catalogue(shop, "\n".join(["path;id;price;stock", *rows]))
    assert [found["stock"] for found in fields(source)] == values
    remarks = [note for note in source.notes() if "'stock'" in note]
    assert len(remarks) == (said is not None)
    assert (said or "") in "".join(remarks)


def test_codes_that_were_read_as_powers_of_ten_are_told(shop: Path) -> None:
    rows = [f"img/a.jpg,{at},{sku},1e+05" for at, sku in enumerate(["10001", "1E5", "2e3"])]
    source = catalogue(shop, "\n".join(["path,id,sku,area", *rows]))
    assert [found["sku"] for found in fields(source)] == [10001, 100000, 2000]
    assert source.notes() == [
        "shop.csv: the column 'sku' was read as numbers, such as 100000.0 for '1E5'"
    ]


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("sep=;\nid;image;price\n1;img/a.jpg;5\n", "utf-8"),
        ('"sep=|"\r\nid|image|price\r\n1|img/a.jpg|5\r\n', "utf-8-sig"),
        ("id\timage\tprice\n1\timg/a.jpg\t5\n", "utf-16"),
        ("sep=,\nid,image,price\n1,img/a.jpg,5\n", "utf-16"),
        ("ID,Image,price\n1,img/a.jpg,5\n", "utf-8"),
        ("Id, Image URL ,price\n1,img/a.jpg,5\n", "utf-8"),
        ("id;image;name, long;price\n1;img/a.jpg;;5\n", "utf-8"),
        ('id;image;"a,b,c,d";price\n1;img/a.jpg;;5\n', "utf-8"),
        ("id,image,price\r1,img/a.jpg,5\r", "utf-8"),
        ("id,image,price\n1,img\\a.jpg,5\n", "utf-8"),
        ("id,image,price\n1,img/a.jpg,5\n", "utf-16-le"),
        ("id,image,price\n1,img/a.jpg,5\n", "utf-16-be"),
        ("id,image,price\n1,img/a.jpg,5,\n", "utf-8"),
        ("id;image;price;\n1;img/a.jpg;5; ;\n", "utf-8"),
        ("id,image,price\n1,.\\img\\a.jpg,5\n", "utf-8"),
    ],
)
def test_tables_are_read_as_spreadsheets_save_them(shop: Path, text: str, encoding: str) -> None:
    (shop / "shop.csv").write_bytes(text.encode(encoding))
    (found,) = images(CatalogueSource(shop / "shop.csv"))
    assert (found.id, found.uri) == ("1", str(shop / "img" / "a.jpg"))
    assert found.fields["price"] == 5


def test_a_file_with_a_backslash_in_its_name_comes_first(shop: Path) -> None:
    (shop / "img\\a.jpg").write_bytes(b"odd")
    (found,) = images(catalogue(shop, "id,image\n1,img\\a.jpg\n"))
    assert found.size == 3


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("IMG/A.JPG", "a.jpg"),
        ("Img\\a.Jpg", "a.jpg"),
        ("img/caf\u00e9.jpg", "cafe\u0301.jpg"),
        ("img/cafe\u0301.jpg", "caf\u00e9.jpg"),
        ("IMG/STRASSE.jpg", "stra\u00dfe.jpg"),
    ],
)
def test_paths_may_be_spelled_as_other_systems_do(shop: Path, path: str, name: str) -> None:
    (shop / "img" / name).write_bytes(b"meant")
    source = catalogue(shop, f"id,image\n1,{path}\n2,img/b.jpg\n")
    assert [Path(entry.uri) for entry in images(source)] == [
        shop / "img" / name,
        shop / "img" / "b.jpg",
    ]
    [note] = source.notes()
    assert f"such as {path}" in note
    assert source.notes() == [note]


def test_a_picture_in_a_cell_is_not_repeated_in_its_failure(shop: Path) -> None:
    cell = "data:image/png;base64://" + "iVBOR" * 9000
    [failure] = failures(catalogue(shop, f'id,image\n1,"{cell}"\n'))
    assert "URL of a kind that visavis cannot read" in failure.reason
    assert len(failure.reason) < 300


@pytest.mark.parametrize("nested", [False, True])
def test_pictures_within_parquet_are_said_to_be_that(shop: Path, nested: bool) -> None:
    cell: Any = {"bytes": b"\xff\xd8", "path": None} if nested else b"\xff\xd8"
    path = written(shop, "parquet", [{"image": cell, "label": 1}])
    with pytest.raises(SourceError, match="'image' holds pictures themselves"):
        CatalogueSource(path)


def test_a_name_that_two_files_may_mean_is_missing(shop: Path) -> None:
    (shop / "img" / "D.jpg").write_bytes(b"one")
    (shop / "img" / "d.JPG").write_bytes(b"other")
    source = catalogue(shop, "id,image\n1,img/d.jpg\n2,img/D.jpg\n3,img/e.jpg\n4,x/a.jpg\n")
    assert [entry.id for entry in images(source)] == ["2"]
    assert [failure.reason for failure in failures(source)] == [
        f"there is no such file (row {row} of shop.csv)" for row in (2, 4, 5)
    ]
    assert not source.notes()


def test_broken_utf16_is_refused(shop: Path) -> None:
    (shop / "shop.csv").write_bytes("id,image\n1,a\n".encode("utf-16")[:-1])
    with pytest.raises(SourceError, match="not valid UTF-16"):
        list(CatalogueSource(shop / "shop.csv").entries())


def test_ids_come_from_the_id_column_and_are_always_text(shop: Path) -> None:
    text = "id,sku,path\n007,1.50,img/a.jpg\n8,x,img/b.jpg\n"
    assert [entry.id for entry in images(catalogue(shop, text))] == ["007", "8"]
    by_sku = catalogue(shop, text, id_column="sku")
    assert [entry.id for entry in images(by_sku)] == ["1.50", "x"]
    assert fields(by_sku) == [{"id": "007"}, {"id": "8"}]
    by_path = catalogue(shop, text, id_column="path")
    assert [entry.id for entry in images(by_path)] == ["img/a.jpg", "img/b.jpg"]
    lines = catalogue(shop, '{"id": 5, "path": "img/a.jpg"}\n', "shop.jsonl")
    assert [entry.id for entry in images(lines)] == ["5"]


def test_duplicate_ids_are_handed_on_in_order(shop: Path) -> None:
    source = catalogue(shop, "id,path\n1,img/a.jpg\n1,img/b.jpg\n")
    assert [(entry.id, Path(entry.uri).name) for entry in images(source)] == [
        ("1", "a.jpg"),
        ("1", "b.jpg"),
    ]


def test_the_image_column_is_guessed_in_a_fixed_order_or_given(shop: Path) -> None:
    text = "url,path,photo\nhttps://h/u.jpg,img/a.jpg,img/b.jpg\n"
    assert images(catalogue(shop, text))[0].uri == str(shop / "img/a.jpg")
    given = catalogue(shop, text, image_column="photo")
    assert images(given)[0].uri == str(shop / "img/b.jpg")


@pytest.mark.parametrize(
    ("cell", "first"),
    [
        ("img/a.jpg, img/b.jpg", "img/a.jpg"),
        ("img/b.jpg;img/a.jpg", "img/b.jpg"),
        ("img/c.jpg | img/a.jpg", "img/c.jpg"),
        ("img/a.jpg\nimg/b.jpg", "img/a.jpg"),
        ('["img/b.jpg", "img/a.jpg"]', "img/b.jpg"),
        ("https://a.org/1,2.jpg, https://a.org/b.jpg", "https://a.org/1,2.jpg"),
        ("https://a.org/a.jpg|//cdn.a.org/b.jpg", "https://a.org/a.jpg"),
        ("https://a.org/a.jpg https://a.org/b.jpg", "https://a.org/a.jpg"),
        ("s3://shop/a,b.jpg,s3://shop/c.jpg", "s3://shop/a,b.jpg"),
    ],
)
def test_of_several_images_in_a_cell_the_first_is_taken_and_told(
    shop: Path, cell: str, first: str
) -> None:
    path = shop / "shop.jsonl"
    rows = [{"id": "1", "Images": cell}, {"id": "2", "Images": "img/a.jpg"}]
    path.write_text("\n".join(map(json.dumps, rows)))
    source = CatalogueSource(path)
    uri = first if "://" in first else str(shop / first)
    assert [entry.uri for entry in images(source)] == [uri, str(shop / "img/a.jpg")]
    [note] = source.notes()
    assert note.startswith("shop.jsonl: a cell names several images, such as ")
    assert "the first was taken" in note


@pytest.mark.parametrize(
    "cell", ["img/lamp, red.jpg", "img/lamp; red", "https://a.org/a.jpg?x=1,2;3|4", '["img/a.jpg"]']
)
def test_one_image_is_one_whatever_signs_its_name_has(shop: Path, cell: str) -> None:
    for name in ("lamp, red.jpg", "lamp; red"):
        (shop / "img" / name).write_bytes(b"one")
    source = CatalogueSource(written(shop, "jsonl", [{"id": "1", "image": cell}]))
    [entry] = images(source)
    assert entry.uri == (cell if "//" in cell else str(shop / cell.strip('[]"')))
    assert list(source.notes()) == []


def test_a_missing_file_with_a_comma_is_named_whole(shop: Path) -> None:
    [failure] = failures(catalogue(shop, 'id,image\n1,"img/none, red.jpg"\n'))
    assert failure.uri.endswith("img/none, red.jpg")


@pytest.mark.parametrize("cell", ["//cdn.a.org/s/a.jpg?v=1", "www.a.org/a.jpg", "WWW.a.org/a.jpg"])
def test_addresses_without_a_scheme_are_https_where_no_file_is_called_so(
    shop: Path, cell: str
) -> None:
    source = catalogue(shop, f"id,image\n1,{cell}\n")
    assert [entry.uri for entry in images(source)] == [f"https://{cell.removeprefix('//')}"]
    assert source.readers == 32


def test_a_file_comes_before_an_address_without_a_scheme(shop: Path) -> None:
    (shop / "www.a.org").mkdir()
    (shop / "www.a.org" / "a.jpg").write_bytes(b"a")
    [entry] = images(catalogue(shop, "id,image\n1,www.a.org/a.jpg\n"))
    assert entry.uri == str(shop / "www.a.org" / "a.jpg")


@pytest.mark.parametrize("name", ["Image Src", "image_link", "Images"])
def test_columns_of_shops_are_known_and_come_before_that_of_pages(shop: Path, name: str) -> None:
    [entry] = images(catalogue(shop, f"id,url,{name}\n1,https://a.org/page,img/a.jpg\n"))
    assert entry.uri == str(shop / "img/a.jpg")


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
def test_a_missing_column_is_refused_and_the_others_are_listed(shop: Path, kind: str) -> None:
    path = written(shop, kind, [{"foto": "img/a.jpg", "price": 5}])
    with pytest.raises(SourceError, match="--image-column; it has foto, price"):
        CatalogueSource(path)
    with pytest.raises(SourceError, match="no column is named 'img'; it has foto, price"):
        CatalogueSource(path, image_column="img")
    with pytest.raises(SourceError, match="no column is named 'sku'; it has foto, price"):
        CatalogueSource(path, image_column="foto", id_column="sku")


def test_images_are_found_relative_to_the_catalogue_or_anywhere(
    shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (shop / "sub").mkdir()
    (shop / "img" / "a b.jpg").write_bytes(b"s")
    monkeypatch.chdir("/")
    source = catalogue(
        shop / "sub",
        "path\n"
        "../img/a.jpg\n"
        f"{shop}/img/b.jpg\n"
        f"file://{shop}/img/a%20b.jpg\n"
        "HTTPS://example.com/x.jpg\n"
        "ftp://host/x.jpg\n",
    )
    assert [entry.uri for entry in images(source)] == [
        str(shop / "img/a.jpg"),
        str(shop / "img/b.jpg"),
        str(shop / "img/a b.jpg"),
        "HTTPS://example.com/x.jpg",
    ]
    assert images(source)[3][2:4] == (-1, 0.0)
    (failure,) = failures(source)
    assert failure.uri.endswith("shop.csv#row=6")
    assert "ftp://host/x.jpg is a URL of a kind" in failure.reason
    assert source.readers == 32


def test_bad_rows_are_failures_that_name_the_row_and_the_rest_goes_on(shop: Path) -> None:
    source = catalogue(
        shop,
        'id,path,title\n1,img/a.jpg,"two\nlines"\n2,,empty\n3,img/b.jpg\n4,img/none.jpg,x\n'
        "5,img,a folder\n,img/b.jpg,no id\n\n6,img/c.jpg,good\n",
    )
    assert [entry.id for entry in images(source)] == ["1", "6"]
    told = [(failure.uri.removeprefix(str(shop)), failure.reason) for failure in failures(source)]
    assert told == [
        ("/shop.csv#row=3", "the cell in column 'path' is empty"),
        ("/shop.csv#row=4", "the row has 2 cells, the first row has 3"),
        ("/img/none.jpg", "there is no such file (row 5 of shop.csv)"),
        ("/img", "it is a folder; add it as a separate source (row 6 of shop.csv)"),
        ("/shop.csv#row=7", "the cell in column 'id' is empty"),
    ]


def test_bad_json_lines_are_failures_too(shop: Path) -> None:
    source = catalogue(
        shop,
        '{"path": "img/a.jpg"}\n{"path": \n[1, 2]\n\n{"other": 1}\n{"path": "img/b.jpg"}\n'
        + "[" * 100_000
        + "\n",
        "shop.jsonl",
    )
    assert [entry.id for entry in images(source)] == ["img/a.jpg", "img/b.jpg"]
    told = [(failure.uri.rsplit("#")[1], failure.reason) for failure in failures(source)]
    assert [row for row, _ in told] == ["row=2", "row=3", "row=5", "row=7"]
    assert "not valid JSON" in told[0][1]
    assert told[1][1] == "the line is no JSON object"


@pytest.mark.parametrize(
    "text", ['[{"path": "img/a.jpg"}]', '\n[\n{"path": "img/a.jpg"},\n{"path": "img/b.jpg"}\n]\n']
)
def test_a_json_list_is_no_catalogue_of_lines(shop: Path, text: str) -> None:
    with pytest.raises(SourceError, match="a list in JSON, not an object a line; make it so: jq"):
        catalogue(shop, text, "shop.jsonl")


def test_a_table_of_one_column_may_have_commas_in_its_cells(shop: Path) -> None:
    (shop / "img" / "a,b;c.jpg").write_bytes(b"x")
    text = 'url\nhttps://h/w_400,h_300/a.jpg\nimg/a,b;c.jpg\n"img/b.jpg"\n'
    found = images(catalogue(shop, text))
    assert [entry.id for entry in found] == [
        "https://h/w_400,h_300/a.jpg",
        "img/a,b;c.jpg",
        "img/b.jpg",
    ]


def test_a_packed_table_is_told_to_be_unpacked(shop: Path) -> None:
    (shop / "shop.csv").write_bytes(gzip.compress(b"path\nimg/a.jpg\n"))
    with pytest.raises(SourceError, match="it is packed"):
        CatalogueSource(shop / "shop.csv")


def test_numbers_of_databases_are_whole_where_they_have_no_decimals(shop: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    import pyarrow.parquet as parquet

    large = 2**53 + 1
    columns = {
        "path": ["img/a.jpg", "img/b.jpg"],
        "id": pyarrow.array([1.0, None]),
        "sku": pyarrow.array([large, 5], pyarrow.decimal128(38, 0)),
        "price": pyarrow.array([Decimal("5.00"), None], pyarrow.decimal128(10, 2)),
        "many": pyarrow.array([Decimal(10**30), Decimal(1)], pyarrow.decimal128(38, 0)),
    }
    parquet.write_table(pyarrow.table(columns), shop / "shop.parquet")
    [entry] = images(CatalogueSource(shop / "shop.parquet"))
    assert entry.id == "1"
    assert entry.fields == {"sku": large, "price": 5.0, "many": f"{10**30}"}
    assert isinstance(entry.fields["price"], float)


def test_json_values_keep_their_types_and_nested_ones_become_json(shop: Path) -> None:
    row = (
        '{"path":"img/a.jpg","i":5,"f":0.5,"b":false,"n":null,"s":" x ","e":"","l":[1,"ü"],'
        '"d":{"k":null},"el":[],"ed":{},"nan":NaN,"big":123456789012345678901234567890,"half":"a\\ud800b"}'
    )
    (found,) = fields(catalogue(shop, row, "shop.jsonl"))
    assert found == {
        "i": 5,
        "f": 0.5,
        "b": False,
        "s": "x",
        "l": '[1,"ü"]',
        "d": '{"k":null}',
        "big": "123456789012345678901234567890",
        "half": "a?b",
    }


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
def test_blanks_around_names_of_columns_do_no_harm(shop: Path, kind: str) -> None:
    path = written(shop, kind, [{"id": "1", " path": "img/a.jpg", " price ": 5, "b c": 7}])
    assert fields(CatalogueSource(path)) == [{"price": 5, "b c": 7}]
    assert [entry.id for entry in images(CatalogueSource(path, id_column=" price"))] == ["5"]


def test_a_column_without_a_name_is_told_to_be_left_out(shop: Path) -> None:
    source = catalogue(shop, ",path,v,,\n0,img/a.jpg,1,red,\n1,img/b.jpg,2,,\n")
    assert fields(source) == [{"v": 1}, {"v": 2}]
    assert source.notes() == [  # nothing of row numbers as pandas writes them, nor of empty cells
        "shop.csv: the column '' (4 from the left) has no name, and was left out, such as 'red'; "
        "name it"
    ]


def test_names_that_differ_by_blanks_alone_stay_apart(shop: Path) -> None:
    row = '{"path": "img/a.jpg", " a": 1, "a": 2}'
    assert fields(catalogue(shop, row, "shop.jsonl")) == [{" a": 1, "a": 2}]


def test_what_no_field_can_hold_is_counted_for_each_column(shop: Path) -> None:
    lines = [
        '{"path": "img/a.jpg", "id": true, "price": NaN, "size": -Infinity, "x": [NaN, "NaN"]}',
        '{"path": "img/b.jpg", "id": false, "price": 1e999, "size": 5}',
        '{"path": "img/c.jpg", "id": 7, "price": null, "day": "2021-1-5"}',
    ]
    source = catalogue(shop, "\n".join(lines), "shop.jsonl")
    found = images(source)
    assert [entry.id for entry in found] == ["true", "false", "7"]
    assert [dict(entry.fields) for entry in found] == [
        {"x": '[null,"NaN"]'},
        {"size": 5},
        {"day": "2021-1-5"},
    ]
    assert source.notes() == [
        "shop.jsonl: 2 values in the column 'price' are NaN or infinite, which no number is; "
        "left out",
        "shop.jsonl: 1 value in the column 'size' is NaN or infinite, which no number is; left out",
        "shop.jsonl: 1 value in the column 'x' is NaN or infinite, which no number is; left out",
        "shop.jsonl: the column 'day' holds dates such as '2021-1-5', which stay text; write dates "
        "as 2024-05-31",
    ]
    assert list(source.entries())  # read again, counted anew
    assert len(source.notes()) == 4


def test_numbers_among_texts_are_reported(shop: Path) -> None:
    rows = [
        {"path": "img/a.jpg", "price": 5, "title": "a", "new": True},
        {"path": "img/b.jpg", "price": "7", "title": "b", "new": False},
    ]
    source = CatalogueSource(written(shop, "jsonl", rows))
    assert [row["price"] for row in fields(source)] == [5, "7"]
    assert source.notes() == [
        "shop.jsonl: the column 'price' holds texts (1, such as '7') beside numbers or true and "
        "false (1); filters compare numbers with numbers alone"
    ]


def test_pictures_within_parquet_are_no_fields(shop: Path) -> None:
    rows = [
        {"path": "img/a.jpg", "price": float("nan"), "raw": b"\xff", "image": {"bytes": b"\xff"}},
        {"path": "img/b.jpg", "price": 2.5, "raw": None, "image": {"bytes": None}},
    ]
    pytest.importorskip("pyarrow")
    source = CatalogueSource(written(shop, "parquet", rows), image_column="path")
    assert fields(source) == [
        {"image": '{"bytes":null}'},
        {"price": 2.5, "image": '{"bytes":null}'},
    ]
    assert sorted(source.notes()) == [
        "shop.parquet: 1 value in the column 'image' is binary data, which no field can hold; "
        "left out",
        "shop.parquet: 1 value in the column 'price' is NaN or infinite, which no number is; "
        "left out",
        "shop.parquet: 1 value in the column 'raw' is binary data, which no field can hold; "
        "left out",
    ]


def test_parquet_values_become_plain_fields(shop: Path) -> None:
    row = {
        "path": "img/a.jpg",
        "day": datetime.date(2024, 2, 29),
        "at": datetime.datetime(2024, 2, 29, 12, 30),
        "price": Decimal("9.50"),
        "tags": ["a", "b"],
        "size": {"w": 3},
        "raw": b"\0\1",
        "gone": None,
    }
    (found,) = fields(CatalogueSource(written(shop, "parquet", [row])))
    assert found == {
        "day": "2024-02-29",
        "at": "2024-02-29T12:30:00",
        "price": 9.5,
        "tags": '["a","b"]',
        "size": '{"w":3}',
    }


def test_a_large_parquet_file_is_read_in_pieces(shop: Path) -> None:
    rows = [{"id": number, "path": "https://h/x.jpg"} for number in range(3000)]
    found = images(CatalogueSource(written(shop, "parquet", rows)))
    assert [entry.id for entry in found] == [str(number) for number in range(3000)]


def test_parquet_without_its_extra_says_what_to_install(
    shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written(shop, "parquet", ROWS)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    with pytest.raises(ExtraMissingError, match=r"pip install 'visavis\[parquet\]'"):
        CatalogueSource(path)


def test_a_byte_order_mark_and_semicolons_are_understood(shop: Path) -> None:
    path = shop / "excel.csv"
    path.write_bytes("\ufeffpath;title\r\nimg/a.jpg;Stuhl, groß\r\n".encode())
    assert fields(CatalogueSource(path)) == [{"title": "Stuhl, groß"}]


@pytest.mark.parametrize("name", ["shop.csv", "shop.jsonl"])
def test_what_is_not_utf8_is_refused_with_its_place(shop: Path, name: str) -> None:
    path = shop / name
    line = (
        b'{"path": "img/a.jpg", "t": "caf\xe9"}\n' if name.endswith("l") else b"img/a.jpg,caf\xe9\n"
    )
    good = line.replace(b"\xe9", b"e")
    path.write_bytes((b"" if name.endswith("l") else b"path,t\n") + good * 3 + line)
    number = 4 if name.endswith("l") else 5
    place = line.index(b"\xe9") + 1
    with pytest.raises(SourceError, match=rf"line {number} is not UTF-8 \(byte {place} .*0xe9"):
        list(CatalogueSource(path).entries())


@pytest.mark.parametrize(
    ("name", "text"),
    [("shop.csv", ""), ("shop.csv", "path,price\n"), ("shop.tsv", ""), ("shop.jsonl", "")],
)
def test_a_catalogue_without_rows_names_nothing(shop: Path, name: str, text: str) -> None:
    assert list(catalogue(shop, text, name).entries()) == []


def test_a_cell_that_is_too_long_among_the_first_rows_is_named(shop: Path) -> None:
    source = catalogue(shop, 'path,t\nimg/a.jpg,x\nimg/b.jpg,"' + "word, " * 30_000 + '"\n')
    with pytest.raises(SourceError, match=r"row in lines 3 to 3 .* more than 131,072 characters"):
        list(source.entries())


def test_a_cell_that_swallows_the_file_is_refused_before_anything_is_handed_out(shop: Path) -> None:
    source = catalogue(shop, 'path,t\nimg/a.jpg,x\nimg/b.jpg,"' + "y,z\n" * 50_000)
    with pytest.raises(SourceError, match="missing quote"):
        next(source.entries())


def test_two_columns_of_one_name_are_refused(shop: Path) -> None:
    with pytest.raises(SourceError, match="two columns are named 'x'"):
        catalogue(shop, "path,x,x\n")


def test_a_missing_or_broken_catalogue_is_refused(shop: Path) -> None:
    for name in ("none.csv", "none.jsonl"):
        with pytest.raises(SourceError, match="cannot be read"):
            CatalogueSource(shop / name)
    pytest.importorskip("pyarrow")
    (shop / "bad.parquet").write_bytes(b"no parquet at all")
    with pytest.raises(SourceError, match="not a valid Parquet file"):
        CatalogueSource(shop / "bad.parquet")
    with pytest.raises(SourceError, match="cannot be read"):
        CatalogueSource(shop / "none.parquet")


@pytest.mark.parametrize(
    ("cell", "kept"),
    [
        ('"say ""hi, you"" now"', 'say "hi, you" now'),
        (r'"say \"hi, you\" now"', 'say "hi, you" now'),
        (r'"C:\lamps\"', "C:\\lamps\\"),
        (r'"C:\lamps\new, \"red\""', 'C:\\lamps\\new, "red"'),
        (r'"half \\ half, \"red\""', 'half \\ half, "red"'),
        ('5" pipe', '5" pipe'),
        (' "a, b" ', "a, b"),
    ],
)
def test_quotes_within_cells_are_read_as_programs_write_them(
    shop: Path, cell: str, kept: str
) -> None:
    source = catalogue(shop, f"path,title\nimg/a.jpg,{cell}\nimg/b.jpg,plain\n")
    assert fields(source) == [{"title": kept}, {"title": "plain"}]


def test_a_quote_that_ends_a_cell_amid_text_is_a_failure(shop: Path) -> None:
    source = catalogue(shop, 'path,title\nimg/a.jpg,"a "big" lamp"\nimg/b.jpg,"a ""big"" one"\n')
    assert fields(source) == [{"title": 'a "big" one'}]
    [failure] = failures(source)
    assert failure.reason.startswith("a quote stands within quotes; write two")
    assert "img/a.jpg" in failure.about


def test_blank_lines_and_blanks_before_quotes_do_no_harm(shop: Path) -> None:
    source = catalogue(shop, '\n\n"path" , "title"\n\n"img/a.jpg" , "a, b"\n')
    assert fields(source) == [{"title": "a, b"}]


def test_a_spreadsheet_by_another_name_is_refused_as_one(shop: Path) -> None:
    (shop / "shop.csv").write_bytes(b"PK\x03\x04\x14\0\x06\0\x08\0\0\0!\0\xb5\x82")
    with pytest.raises(SourceError, match=r"it is a spreadsheet, whatever its name says; save"):
        CatalogueSource(shop / "shop.csv")
