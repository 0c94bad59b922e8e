"""Who is asked; tests/integration/object_storage asks servers."""

import traceback
from pathlib import Path

import pytest

from visavis.buckets.address import Address
from visavis.buckets.client import GOOGLE, Buckets
from visavis.errors import UsageError


@pytest.fixture(autouse=True)
def _keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("botocore")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "other")
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))


@pytest.mark.parametrize(("scheme", "variable"), [("s3", "AWS_ENDPOINT_URL"), ("gs", GOOGLE)])
def test_an_endpoint_that_is_no_url_is_refused_and_its_password_not_shown(
    monkeypatch: pytest.MonkeyPatch, scheme: str, variable: str
) -> None:
    monkeypatch.setenv(variable, "user:secret@localhost")
    with pytest.raises(UsageError, match=f"{scheme}://: the endpoint is no URL") as refused:
        Buckets().stat(Address(scheme, "pictures", "a.jpg"))
    assert "secret" not in "".join(traceback.format_exception(refused.value, limit=0))


def test_a_region_that_is_none_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_REGION", "north of here")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "north of here")
    with pytest.raises(UsageError, match="'north of here'"):
        Buckets().stat(Address("s3", "pictures", "a.jpg"))
