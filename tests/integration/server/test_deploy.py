"""deploy/: the unit as systemd reads it, and the steps of the Dockerfile and compose.yaml.

Docker is not needed: the steps are replayed as the image's user, in a process with namespaces of
its own (see fake/container.py). That takes root, as Docker does.
"""

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from container import Container, run
from served import picture

from visavis.server.options import ServerOptions

DEPLOY = Path(__file__).parents[3] / "deploy"
INSIDE = "VISAVIS_TEST_INSIDE"
APART = ("unshare", "--mount")
TOOLS = ("unshare", "nsenter", "mount", "chroot", "setpriv", "useradd", "ip")
ASK = """
import sys, urllib.request as u
asked = u.Request("http://127.0.0.1:8000" + sys.argv[1], headers={"X-API-Key": sys.argv[2]})
print(u.urlopen(asked, timeout=20).read().decode())
"""
ADD = """
import sys, urllib.request as u
head = b'--b\\r\\nContent-Disposition: form-data; name="image"; filename="a.jpg"\\r\\n\\r\\n'
body = head + open("/pictures/0.jpg", "rb").read() + b"\\r\\n--b--\\r\\n"
headers = {"X-API-Key": sys.argv[1], "Content-Type": "multipart/form-data; boundary=b"}
print(u.urlopen(u.Request("http://127.0.0.1:8000/v1/images", body, headers), timeout=20).status)
"""


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="there is no systemd")
def test_systemd_understands_the_unit(tmp_path: Path) -> None:
    program = tmp_path / "visavis"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    unit = (DEPLOY / "visavis.service").read_text()
    assert unit.count("ExecStart=/opt/visavis/bin/visavis ") == 1
    unit = unit.replace("ExecStart=/opt/visavis/bin/visavis", f"ExecStart={program}")
    (tmp_path / "visavis.service").write_text(unit)
    done = subprocess.run(
        ["systemd-analyze", "verify", tmp_path / "visavis.service"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "visavis.service" not in done.stderr  # no warning either


@pytest.mark.slow
@pytest.mark.skipif(INSIDE in os.environ, reason="runs the other")
@pytest.mark.skipif(
    os.name != "posix" or os.geteuid() != 0 or not all(map(shutil.which, TOOLS)),
    reason="takes root, and namespaces",
)
def test_the_image_and_its_first_steps_work_as_they_are_written() -> None:
    if subprocess.run([*APART, "true"], capture_output=True, check=False).returncode:
        pytest.skip("this system gives no namespaces")
    done = subprocess.run(
        [*APART, sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", __file__],
        env=os.environ | {INSIDE: "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-5000:]
    assert " passed, 1 skipped in" in done.stdout  # that is this one


def _commands() -> list[list[str]]:
    """What the head of compose.yaml says to run in the container."""
    text = (DEPLOY / "compose.yaml").read_text()
    return [shlex.split(line) for line in re.findall(r"(?m)^# .* run --rm visavis (.*)$", text)]


@pytest.mark.skipif(INSIDE not in os.environ, reason="runs in namespaces of its own")
def test_the_steps_one_by_one(tmp_path: Path) -> None:
    import yaml  # comes with mkdocs

    container = Container(tmp_path)
    container.build(DEPLOY / "Dockerfile", DEPLOY.parent)
    [service] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"].values()
    for number in range(3):
        (container.pictures / f"{number}.jpg").write_bytes(picture((number * 80, 20, 60)))
    container.mount(service)
    index, new_key = _commands()
    run(*container.argv(*index))
    key = run(*container.argv(*new_key)).strip()
    apart = ["unshare", "--net", "sh", "-c", 'ip link set lo up; exec "$@"', "sh"]
    server = subprocess.Popen([*apart, *container.argv(*container.command)])
    enter = ["nsenter", f"--net=/proc/{server.pid}/ns/net", *container.argv()]
    try:
        for _ in range(200):
            if (
                subprocess.run(
                    enter + container.health, capture_output=True, check=False
                ).returncode
                == 0
            ):
                break
            assert server.poll() is None
            time.sleep(0.2)
        run(*enter, *container.health)
        assert '"records":3' in run(*enter, "python", "-c", ASK, "/v1/info", key)
        assert run(*enter, "python", "-c", ADD, key).strip() == "200"
        assert '"records":4' in run(*enter, "python", "-c", ASK, "/v1/info", key)
    finally:
        server.send_signal(signal.SIGTERM)
        ended = server.wait(30)
    assert ended == 0


def test_nginx_waits_as_long_as_a_list_of_urls_may_be_downloaded_and_written() -> None:
    site = (DEPLOY / "nginx.conf").read_text()
    found = re.search(r"proxy_read_timeout (\d+)s;", site)
    assert found is not None
    assert int(found[1]) > 2 * ServerOptions(Path()).write_seconds
