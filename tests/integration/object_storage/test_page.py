"""The page on object storage is true: its commands run, and show what it says."""

import re
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from visavis.buckets.folders import Folder, folder_at

PAGE = Path(__file__).parents[3] / "docs" / "how-to" / "object-storage.md"
Cli = Callable[..., tuple[int, str, str]]


@pytest.fixture
def shop(server: object, drawn: Path, home: dict[str, str]) -> Folder:
    """The bucket that the page talks of, and query.jpg here."""
    bucket = folder_at("s3://shop")
    for name in ("mug", "t-shirt", "lamp", "sneaker", "plant", "backpack", "teapot", "clock"):
        place = f"photos/{'' if name == 'mug' else '2024/'}{name}.jpg"
        bucket.write(place, drawn / "images" / f"{name}-01-front.jpg")
    shutil.copy(drawn / "images" / "lamp-01-close.jpg", "query.jpg")
    return bucket


def test_its_commands_show_what_it_says(shop: Folder, cli: Cli) -> None:
    ran = 0
    for block in re.findall(r"^```shell-session\n(.*?)^```$", PAGE.read_text("utf-8"), re.M | re.S):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, shown = part.partition("\n")
            code, out, err = cli(*shlex.split(command)[1:])
            assert code == 0, f"$ {command}\n{err}"
            pattern = ".*?".join(re.escape(piece) for piece in shown.strip().split("…"))
            assert re.fullmatch(pattern, out.strip(), re.DOTALL), f"$ {command}\n{out}{err}"
            ran += 1
    assert ran >= 4
