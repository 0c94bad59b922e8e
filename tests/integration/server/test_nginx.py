"""deploy/nginx.conf, as it is, in Debian's nginx in front of two workers.

Its ports, name and certificate are those of a real site. So the tests that need it run in a
process of their own, in namespaces where all ports are free and /etc can be written to.
"""

import os
import shutil
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from served import KeyFile, Serve, picture

NGINX = shutil.which("nginx", path="/usr/sbin:/usr/bin:/sbin:/bin")
SITE = Path(__file__).parents[3] / "deploy" / "nginx.conf"
NAME = "pictures.example.org"
APART = ("unshare", "--map-root-user", "--net", "--mount")
INSIDE = "VISAVIS_TEST_INSIDE"

inside = pytest.mark.skipif(INSIDE not in os.environ, reason="runs in namespaces of its own")

FRAME = """\
daemon off;
user root;
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
    include {site};
}}
"""


def _can_be_apart() -> bool:
    return NGINX is not None and all(
        shutil.which(name) for name in ("unshare", "ip", "mount", "openssl")
    )


@pytest.mark.slow
@pytest.mark.skipif(INSIDE in os.environ, reason="runs the others")
@pytest.mark.skipif(not _can_be_apart(), reason="nginx, unshare, ip, mount or openssl is missing")
def test_the_site_as_it_is_serves_two_workers() -> None:
    if subprocess.run([*APART, "true"], capture_output=True, check=False).returncode:
        pytest.skip("this system gives no namespaces")
    command = [*APART, sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", __file__]
    done = subprocess.run(
        command, env=os.environ | {INSIDE: "1"}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-5000:]
    assert "3 passed" in done.stdout


def _run(*command: str | Path) -> None:
    subprocess.run(command, check=True, capture_output=True)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An /etc that may be changed, with a certificate, and a network of its own."""
    folder = tmp_path_factory.mktemp("nginx")
    _run("ip", "link", "set", "lo", "up")
    _run("mount", "-t", "tmpfs", "etc", folder)
    (folder / "upper").mkdir()
    (folder / "work").mkdir()
    layers = f"lowerdir=/etc,upperdir={folder}/upper,workdir={folder}/work"
    _run("mount", "-t", "overlay", "etc", "-o", layers, "/etc")
    with Path("/etc/hosts").open("a") as hosts:
        hosts.write(f"\n127.0.0.1 {NAME}\n")
    place = Path("/etc/letsencrypt/live", NAME)
    place.mkdir(parents=True)
    key, certificate = place / "privkey.pem", place / "fullchain.pem"
    how: tuple[str, ...] = (
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-days",
        "2",
        "-subj",
        f"/CN={NAME}",
    )
    how += ("-addext", f"subjectAltName=DNS:{NAME}")
    _run("openssl", *how, "-keyout", key, "-out", certificate)
    (folder / "nginx.conf").write_text(FRAME.format(folder=folder, site=SITE))
    return folder


@pytest.fixture
def shown(serve: Serve, fresh_index: Path, keys: KeyFile, folder: Path) -> Iterator[httpx.Client]:
    """A client of the server as nginx shows it."""
    options = ("--workers", "2", "--api-key-file", str(keys.path), "--public")
    serve(fresh_index, "--port", "8000", *options)
    assert NGINX is not None
    _run(NGINX, "-t", "-c", folder / "nginx.conf")
    process = subprocess.Popen([NGINX, "-p", folder, "-c", folder / "nginx.conf"])
    try:
        with _client() as client:
            for _ in range(100):
                try:
                    client.get("/healthz")
                    break
                except httpx.TransportError:
                    assert process.poll() is None, (folder / "error.log").read_text()
                    time.sleep(0.05)
            yield client
    finally:
        process.terminate()
        process.wait(10)


def _trusted() -> ssl.SSLContext:
    return ssl.create_default_context(cafile=f"/etc/letsencrypt/live/{NAME}/fullchain.pem")


def _client() -> httpx.Client:
    return httpx.Client(base_url=f"https://{NAME}", verify=_trusted(), trust_env=False, timeout=20)


@inside
def test_the_site_passes_everything_through_as_it_was_meant(
    shown: httpx.Client, keys: KeyFile
) -> None:
    plain = httpx.get(f"http://{NAME}/x?y=1", trust_env=False)
    assert (plain.status_code, plain.headers["location"]) == (301, f"https://{NAME}/x?y=1")
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


@inside
def test_the_site_refuses_large_bodies_and_keeps_its_numbers_inside(shown: httpx.Client) -> None:
    large = {"image": ("a.jpg", b"x" * 34_000_000)}
    assert shown.post("/v1/search", files=large).status_code == 413
    assert shown.get("/metrics").status_code == 200  # from 127.0.0.1
    _run("ip", "address", "add", "198.51.100.7/32", "dev", "lo")
    elsewhere = httpx.HTTPTransport(verify=_trusted(), local_address="198.51.100.7")
    with httpx.Client(transport=elsewhere, trust_env=False) as outside:
        assert outside.get(f"https://{NAME}/metrics").status_code == 403
        assert outside.get(f"https://{NAME}/v1/info").status_code == 200


@inside
def test_many_clients_at_once_are_all_answered(shown: httpx.Client) -> None:
    def ask(_: int) -> set[int]:
        with _client() as client:
            path = "/v1/images/mug-01-front/similar"
            return {client.get(path).status_code for _ in range(10)}

    with ThreadPoolExecutor(8) as pool:
        assert set().union(*pool.map(ask, range(16))) == {200}
