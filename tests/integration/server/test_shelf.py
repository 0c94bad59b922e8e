"""Serving an index whose uploads and thumbnails lie in another folder."""

import subprocess
import sys
from pathlib import Path

from served import Clients, KeyFile, Serve, picture


def _files(folder: Path) -> list[str]:
    return sorted(path.suffix for path in folder.rglob("*") if path.suffix in {".jpg", ".webp"})


def test_uploads_and_thumbnails_lie_in_the_folder_that_was_named(
    clients: Clients, fresh_index: Path, keys: KeyFile, tmp_path: Path
) -> None:
    shelf, before = tmp_path / "shelf", _files(fresh_index)
    client = clients(fresh_index, headers=keys.writer, key_file=keys.path, files=shelf)
    for id, data in (("x", picture((200, 9, 9))), ("y", picture((9, 200, 9)))):
        files = {"image": ("a.jpg", data)}
        assert client.post("/v1/images", files=files, data={"id": id}).is_success
        assert client.get(f"/v1/images/{id}/file").content == data
        assert client.get(f"/v1/images/{id}/thumbnail?side=160").is_success
    assert _files(shelf) == [".jpg", ".jpg", ".webp", ".webp"]
    assert _files(fresh_index) == before
    assert client.delete("/v1/images/x").json() == {"removed": 1}
    assert _files(shelf) == [".jpg", ".webp"]
    files = {"image": ("a.jpg", picture((9, 9, 90)))}
    assert client.post("/v1/images", files=files, data={"id": "y"}).is_success  # it is replaced
    assert _files(shelf) == [".jpg"]
    assert client.delete("/v1/images?where=folder=nowhere").status_code == 422
    assert client.delete("/v1/images/y").json() == {"removed": 1}
    assert _files(shelf) == []


def test_the_command_line_tidies_up_where_the_server_keeps_files(
    serve: Serve, fresh_index: Path, keys: KeyFile, tmp_path: Path
) -> None:
    shelf = tmp_path / "shelf"
    served = serve(fresh_index, "--api-key-file", str(keys.path), "--files", str(shelf))
    files = {"image": ("a.jpg", picture())}
    answer = served.post("/v1/images", files=files, data={"id": "x"}, headers=keys.writer)
    assert answer.is_success
    assert served.get("/v1/images/x/thumbnail?side=160", headers=keys.reader).is_success
    assert _files(shelf) == [".jpg", ".webp"]

    def visavis(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "visavis", *arguments, "--index", str(fresh_index)]
        return subprocess.run(command, capture_output=True, text=True)

    assert visavis("remove", "x").returncode == 0
    assert _files(shelf) == [".jpg"]
    assert visavis("compact").returncode == 0
    assert _files(shelf) == []
    assert served.stop() == 0


def test_a_folder_that_cannot_be_used_stops_the_start(fresh_index: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    command = [sys.executable, "-m", "visavis", "serve", "--port", "0"]
    found = subprocess.run(
        [*command, "--index", str(fresh_index), "--files", str(tmp_path / "file")],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert found.returncode == 3
    assert "cannot be kept there" in found.stderr
    assert "Traceback" not in found.stderr
