"""Addresses of objects, and files of this machine by the same calls."""

from pathlib import Path

import pytest

from visavis.buckets.address import Address, is_object
from visavis.buckets.folders import folder_at
from visavis.errors import UsageError

KEYS = [
    "a.jpg",
    "2026/a b.jpg",
    "é/ü.png",
    "q\"uo'te",
    "new\nline",
    "../up.jpg",
    "50%20.jpg",
    "a//b",
]


@pytest.mark.parametrize("key", KEYS)
def test_a_key_is_found_again_in_its_address(key: str) -> None:
    place = Address("s3", "my-bucket", key)
    assert is_object(str(place))
    assert Address.parse(str(place)) == place


def test_a_prefix_is_the_same_with_a_slash_at_its_end() -> None:
    assert Address.of_folder("S3://shop/2026/") == Address.of_folder("s3://shop/2026")
    assert str(Address.of_folder("s3://shop/")) == "s3://shop"
    assert Address.of_folder("gs://shop/2026").below("a.jpg").key == "2026/a.jpg"


@pytest.mark.parametrize("text", ["s3://", "s3:///key", "s3://a", "s3://my bucket/x", "s3://-b/x"])
def test_what_is_no_bucket_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="no bucket can be called"):
        Address.parse(text)


def test_a_secret_in_an_address_is_refused_and_not_repeated() -> None:
    with pytest.raises(UsageError, match="AWS_ACCESS_KEY_ID") as caught:
        Address.parse("s3://AKIA:very-secret@bucket/x")
    assert "very-secret" not in str(caught.value)


@pytest.mark.parametrize("text", ["a.jpg", "/s3/x", "https://s3.example/x", "s3:/x", "xs3://x"])
def test_other_places_are_no_objects(text: str) -> None:
    assert not is_object(text)


def test_a_folder_of_this_machine_has_the_same_calls(tmp_path: Path) -> None:
    folder = folder_at(tmp_path / "new")
    folder.write("b/two.txt", b"2")
    (tmp_path / "local").write_bytes(b"1")
    folder.write("a one.txt", tmp_path / "local")
    folder.write(".hidden", b"")
    assert list(folder.names()) == ["a one.txt", "b/two.txt"]
    assert folder.read("a one.txt") == b"1"
    with folder.open("b/two.txt") as file:
        assert file.read() == b"2"
    folder.remove("b/two.txt")
    folder.remove("b/two.txt")
    assert not folder.has("b/two.txt")
    assert folder.has("a one.txt")
    with pytest.raises(FileNotFoundError):
        folder.read("b/two.txt")


@pytest.mark.parametrize("name", ["../x", "a/../../x", "/etc/passwd"])
def test_no_name_leads_out_of_a_folder(tmp_path: Path, name: str) -> None:
    with pytest.raises(OSError, match="does not lie in"):
        folder_at(tmp_path).write(name, b"")
