"""The URL of a collection."""

import re
import traceback
from pathlib import Path

import pytest

from visavis.errors import ExtraMissingError, StoreUnreachableError, UsageError
from visavis.store.milvus.address import TOKEN, Address, is_milvus
from visavis.store.milvus.client import Client
from visavis.store.milvus.layout import Layout


def test_a_url_names_host_database_and_collection() -> None:
    address = Address.parse("milvus://vectors.example/shop/shoes?tls=1&timeout=2.5", {TOKEN: "a:b"})
    assert (address.host, address.port, address.database, address.collection) == (
        *("vectors.example", 19_530),
        *("shop", "shoes"),
    )
    assert (address.tls, address.deadline, address.token) == (True, 2.5, "a:b")
    assert address.uri == "https://vectors.example:19530"
    assert Address.parse(str(address), {}) == Address("vectors.example", 19530, "shoes", "shop")


def test_a_url_says_how_a_collection_is_made() -> None:
    asked = "milvus://h/c?index=ivf_flat&declare=price:number,a%3Ab:text&checks=0"
    assert Address.parse(asked, {}).layout == Layout(
        "IVF_FLAT", {"price": "number", "a:b": "text"}, False
    )


def test_a_token_is_read_and_never_shown() -> None:
    address = Address.parse("milvus://root:se%40cret@localhost:7/shoes", {TOKEN: "other"})
    assert address.token == "root:se@cret"
    assert "cret" not in f"{address} {address!r}"


@pytest.mark.parametrize(
    "place",
    [
        "milvus://root:secret@localhost:7/sh-oes",
        "milvus:/root:secret@localhost:7/sh-oes",
        "milvus://root:secret@localhost:port/shoes",
        "milvus://root:secret@localhost:99999/shoes",
        "milvus://root:secret@[::1/shoes",
        "milvus://root:secret/more@localhost/shoes",
        "milvus://root:12/secret@localhost/shoes",
        "milvus://root:12/a?secret@localhost/shoes",
        "milvus://root:12/a?secret=@localhost/shoes",
        "milvus://root:12/a#secret@localhost/shoes",
        "milvus://root:se?cret@localhost/shoes",
        "milvus://root:secret@localhost/shoes?timeout=never",
        "milvus://root:secret@localhost/shoes?index=fast",
    ],
)
def test_no_message_shows_a_token(place: str) -> None:
    with pytest.raises(UsageError) as refused:
        Address.parse(place, {})
    told = "".join(traceback.format_exception(refused.value, limit=0))  # with what caused it
    assert not re.search("root|cret|12/", told)


def test_a_path_may_have_lost_a_stroke() -> None:
    assert Address.parse(Path("milvus://[::1]:7/shoes"), {}).uri == "http://[::1]:7"


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("milvus://host", "cannot be the name"),
        ("milvus:///shoes", "names no collection"),
        ("milvus://host/a/b/c", "names no collection"),
        ("milvus://host/sh-oes", "'sh-oes' cannot be"),
        ("milvus://host:port/shoes", "write milvus://HOST:19530"),
        ("milvus://host/shoes?tsl=1", "no option is called 'tsl'"),
        ("milvus://host/shoes?timeout=never", "timeout takes seconds"),
        ("milvus://host/shoes?timeout=0", "timeout takes seconds"),
        ("milvus://host/shoes?index=fast", "index takes HNSW"),
        ("milvus://host/shoes?tls=yes", "tls takes 0 or 1"),
        ("milvus://host/shoes?declare=price", "declare takes FIELD:number or FIELD:text"),
        ("milvus://host/shoes?partition=a", "no option is called 'partition'"),
        ("milvus://host/shoes?checks=no", "checks takes 0 or 1"),
    ],
)
def test_what_names_no_collection_is_refused(place: str, said: str) -> None:
    with pytest.raises(UsageError, match=re.escape(said)):
        Address.parse(place, {})


def test_a_folder_of_that_name_is_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert is_milvus("milvus://host/shoes")
    assert not is_milvus("./milvus://host/shoes")
    Path("milvus://host/shoes").mkdir(parents=True)
    assert not is_milvus("milvus://host/shoes")


def test_where_nobody_listens_one_sentence_says_so() -> None:
    pytest.importorskip("pymilvus")
    with pytest.raises(StoreUnreachableError, match="no server answers there"):
        Client(Address("127.0.0.1", 1, "shoes")).exists()


def test_without_the_extra_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pymilvus", None)
    with pytest.raises(ExtraMissingError, match=re.escape("pip install 'visavis[cluster]'")):
        Client(Address("127.0.0.1", 1, "shoes")).exists()
