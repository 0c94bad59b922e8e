"""What Docker would make of a Dockerfile and a compose.yaml, as far as ours go.

The image is a copy of this system's own files that is thrown away. It takes root and a mount
namespace (`unshare --mount`).
"""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

PYTHON = Path(sys.executable).parents[1]  # the virtual environment that runs the tests
PATH = f"{PYTHON / 'bin'}:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def run(*command: str | Path) -> str:
    """What a command prints; an AssertionError says what went wrong."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command}: {done.stdout[-2000:]}{done.stderr[-2000:]}"
    return done.stdout


class Container:
    """An image, and then a container of it."""

    def __init__(self, folder: Path) -> None:
        self.user, self.place = "root", "/"
        self.volumes: list[str] = []
        self.command: list[str] = []
        self.health: list[str] = []
        self.environment: dict[str, str] = {}
        self._folder = folder
        run("mount", "-t", "tmpfs", "container", folder)
        for name in ("root", "upper", "work", "volume", "pictures", "running"):
            (folder / name).mkdir()
        self._root = folder / "root"
        layers = f"lowerdir=/,upperdir={folder}/upper,workdir={folder}/work"
        run("mount", "-t", "overlay", "container", "-o", layers, self._root)
        run("mount", "--rbind", "/proc", self._root / "proc")
        run("mount", "--rbind", "/dev", self._root / "dev")
        (self._root / "root").chmod(0o755)  # where this Python may live

    def build(self, dockerfile: Path, context: Path) -> None:
        """Take the steps of a Dockerfile."""
        text = re.sub(r"(?m)^#.*\n", "", dockerfile.read_text()).replace("\\\n", "")
        for line in filter(None, map(str.strip, text.splitlines())):
            word, _, rest = line.partition(" ")
            match word:
                case "FROM":
                    assert rest.startswith("python:3.")
                case "RUN":
                    run(*self.argv("sh", "-c", rest))
                case "WORKDIR":
                    self.place = rest
                    (self._root / rest[1:]).mkdir(parents=True)
                case "COPY":
                    self._copy(rest.split(), context)
                case "USER":
                    self.user = rest
                case "VOLUME":
                    self.volumes.append(rest)
                case "CMD":
                    self.command = json.loads(rest)
                case "HEALTHCHECK":
                    self.health = json.loads(rest.partition("CMD ")[2])
                case _:
                    assert word == "EXPOSE", line

    def _copy(self, names: list[str], context: Path) -> None:
        place = self._root / self.place[1:] / names[-1]
        for name in names[:-1]:
            if (context / name).is_dir():
                shutil.copytree(context / name, place, dirs_exist_ok=True)
            else:
                shutil.copy(context / name, place)

    @property
    def pictures(self) -> Path:
        """The folder beside compose.yaml."""
        return self._folder / "pictures"

    def mount(self, service: dict[str, Any]) -> None:
        """What compose.yaml wants: volumes, on a root that nobody can write to."""
        running = self._folder / "running"
        for volume in service["volumes"]:
            (self._root / volume.split(":")[1][1:]).mkdir(exist_ok=True)
        run("mount", "--rbind", self._root, running)
        run("mount", "-o", "remount,ro,bind", running)
        for volume in service["volumes"]:
            source, place, *how = volume.split(":")
            given = self.pictures
            if not source.startswith("./"):  # a new volume belongs to whom the image's folder does
                assert place in self.volumes
                owner, given = (self._root / place[1:]).stat(), self._folder / "volume"
                os.chown(given, owner.st_uid, owner.st_gid)
            run("mount", "--bind", given, running / place[1:])
            if how == ["ro"]:
                run("mount", "-o", "remount,ro,bind", running / place[1:])
        for place in service["tmpfs"]:
            run("mount", "-t", "tmpfs", "-o", "mode=1777", "tmp", running / place[1:])
            if PYTHON.is_relative_to(place):  # this checkout lies in /tmp
                kept = running / str(PYTHON)[1:]
                kept.mkdir(parents=True)
                run("mount", "--bind", self._root / str(PYTHON)[1:], kept)
        self._root = running
        self.environment = service["environment"]

    def argv(self, *command: str) -> list[str]:
        """A command inside, as the container's user."""
        variables = [f"{name}={value}" for name, value in self.environment.items()]
        variables += [f"PATH={PATH}", "PYTHONPATH="]
        drop: list[str] = []
        if self.user != "root":
            variables.append(f"HOME=/home/{self.user}")
            drop = ["setpriv", f"--reuid={self.user}", f"--regid={self.user}", "--init-groups"]
            drop += ["--no-new-privs", "--bounding-set=-all"]
        inside = ["chroot", str(self._root), "env", "-C", self.place, *variables]
        return [*inside, *drop, *command]
