import pytest

from visavis.pages.report_rows import shortened


@pytest.mark.parametrize(
    ("id", "shown"),
    [
        ("mug-01", "mug-01"),
        ("images/ukbench00123.jpg", "ukbench00123"),
        ("grey/flickr/IMG_20240131_174205.jpg", "IMG_…_174205"),
        ("x" * 12, "x" * 12),
        ("folder/", "folder"),
        ("release-1.2", "release-1.2"),
        (".jpg", ".jpg"),
        ("", ""),
    ],
)
def test_an_id_is_shown_by_its_file_name_with_both_ends(id: str, shown: str) -> None:
    assert shortened(id) == shown
    assert len(shown) <= 12
