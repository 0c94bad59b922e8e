"""Whether an installation works: the core alone, asked as users do. Needs nothing but visavis."""

import json
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

from visavis.drawn.gallery import write_gallery

START_SECONDS = 60


def visavis(*arguments: str) -> str:
    command = [sys.executable, "-m", "visavis", *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def answered(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=30) as response:
        return bytes(response.read())


def main() -> None:
    assert "Commands:" in visavis("--help")
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        write_gallery(work / "shop", count=16)
        images, index = work / "shop" / "images", str(work / "shop.index")
        assert "16 added" in visavis("index", str(images), "--index", index)
        lamp = next(images.glob("lamp-*-front*"))
        by_picture = json.loads(visavis("search", str(lamp), "--index", index, "--json"))
        assert by_picture["results"][0]["id"] == lamp.name
        by_words = json.loads(visavis("search", "a lamp", "--index", index, "--json"))
        assert by_words["results"][0]["id"].startswith("lamp")
        serve(index, lamp.name)
    print("works")


def serve(index: str, id: str) -> None:
    """A server answers, and its picture is found by the URL that it has there."""
    command = [sys.executable, "-m", "visavis", "serve", "--index", index, "--port", "0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as server:
        try:
            base = address(server)
            assert b"visavis" in answered(f"{base}/")
            url = f"{base}/v1/images/{id}/file"
            found = visavis("search", url, "--allow-private", "--index", index, "--json")
            assert json.loads(found)["results"][0]["id"] == id
        finally:
            server.terminate()


def address(server: "subprocess.Popen[str]") -> str:
    """Where it listens, as it says on standard error."""
    assert server.stderr is not None
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        line = server.stderr.readline()
        if "http://" in line:
            return "http://" + line.split("http://", 1)[1].split()[0].rstrip("/.,;")
    raise AssertionError("the server did not start")


if __name__ == "__main__":
    main()
