"""The site of deploy/nginx.conf, run by the real nginx in front of two workers."""

import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from served import KeyFile, Serve, Served, picture

NGINX = shutil.which("nginx", path="/usr/sbin:/usr/bin:/sbin:/bin")
SITE = Path(__file__).parents[3] / "deploy" / "nginx.conf"

pytestmark = pytest.mark.skipif(NGINX is None, reason="nginx is not installed")

FRAME = """\
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 256; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/f;
    uwsgi_temp_path {folder}/u;
    scgi_temp_path {folder}/s;
{site}
}}
"""


def _site(listen: int, upstream: str) -> str:
    """The tested part of the site, without TLS, on free ports."""
    text = SITE.read_text().partition("# -- tested from here --")[2].partition("# -- to here --")[0]
    text = re.sub(r"(?m)^ *(listen \[::\]|http2|ssl_).*\n", "", text)
    text = text.replace("listen 443 ssl", f"listen 127.0.0.1:{listen}")
    return text.replace("127.0.0.1:8000", upstream.removeprefix("http://"))


@pytest.fixture
def behind(
    serve: Serve, fresh_index: Path, keys: KeyFile, tmp_path: Path
) -> Iterator[tuple[Served, Served]]:
    """The server as nginx shows it, and as it is."""
    served = serve(fresh_index, "--workers", "2", "--api-key-file", str(keys.path), "--public")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    folder = tmp_path / "nginx"
    folder.mkdir()
    (folder / "nginx.conf").write_text(
        FRAME.format(folder=folder, site=_site(port, served.address))
    )
    assert NGINX is not None
    process = subprocess.Popen([NGINX, "-p", folder, "-c", folder / "nginx.conf"])
    shown = Served(process, f"http://127.0.0.1:{port}", folder / "error.log")
    try:
        for _ in range(100):
            if shown.ready():
                break
            assert process.poll() is None, shown.log.read_text()
            time.sleep(0.05)
        yield shown, served
    finally:
        process.terminate()
        process.wait(10)


def test_the_site_passes_everything_through_as_it_was_meant(
    behind: tuple[Served, Served], keys: KeyFile
) -> None:
    shown, _ = behind
    assert shown.get("/").headers["content-type"].startswith("text/html")
    files = {"image": ("a.jpg", picture())}
    added = shown.post("/v1/images", files=files, data={"id": "a/file"}, headers=keys.writer)
    assert added.json()["ids"] == ["a/file"]
    shape = shown.get("/v1/images/a%2Ffile").json()
    assert shown.get(shape["file"]).content == picture()  # %2F is not decoded on the way
    found = shown.post("/v1/search", files=files).json()["results"][0]
    assert found["id"] == "a/file"
    etag = shown.get(shape["thumbnail"]).headers["etag"]
    again = shown.get(shape["thumbnail"], headers={"If-None-Match": etag})
    assert again.status_code == 304
    assert shown.get("/v1/images/nobody").json()["error"]["status"] == 404


def test_the_site_refuses_large_bodies_and_keeps_its_numbers_inside(
    behind: tuple[Served, Served],
) -> None:
    shown, served = behind
    large = {"image": ("a.jpg", b"x" * 34_000_000)}
    assert shown.post("/v1/search", files=large).status_code == 413
    assert shown.get("/metrics").status_code == 200  # from 127.0.0.1
    assert served.get("/metrics").status_code == 200


def test_many_clients_at_once_are_all_answered(behind: tuple[Served, Served]) -> None:
    shown, _ = behind

    def ask(_: int) -> set[int]:
        with httpx.Client(base_url=shown.address, trust_env=False, timeout=20) as client:
            path = "/v1/images/mug-01-front/similar"
            return {client.get(path).status_code for _ in range(10)}

    with ThreadPoolExecutor(8) as pool:
        assert set().union(*pool.map(ask, range(16))) == {200}
