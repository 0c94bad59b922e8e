"""The folder that a training writes into: what may be there, and what is written beside a model."""

import json
import os
import platform
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

from visavis.disk import write_whole
from visavis.embedders.spec import SPEC_FILE
from visavis.errors import ModelError, UsageError

STATE = "training"
"""Folder of checkpoints, within the model folder."""

LAST = "last.ckpt"
"""The checkpoint in it that a training goes on from."""

_BEGUN = "begun.json"
_OPTIONS = {
    "base": "base",
    "words": "words",
    "settings.captions": "caption-weight",
    "settings.side": "size",
}
"""Settings whose options are called otherwise."""

_LONGER = {"--epochs", "--patience"}
_PACKAGES = ("visavis", "torch", "lightning", "pytorch-metric-learning", "onnx", "numpy")


def is_first() -> bool:
    """Whether this is the only process of a training, or the first of several.

    torchrun numbers them all in $RANK; those that Lightning starts itself have a $LOCAL_RANK.
    """
    return int(os.environ.get("RANK", os.environ.get("LOCAL_RANK", "0"))) == 0


def check_out(out: Path, *, resume: bool) -> None:
    """Raise UsageError when a training must not write there; before any work is done."""
    if not is_first():
        return  # the first process has seen to it, and may have begun
    if out.exists() and not out.is_dir():
        raise UsageError(f"{out} is a file; name a folder with --out")
    if resume and not (out / STATE / _BEGUN).is_file():
        raise UsageError(f"{out}: no training was begun there; leave out --resume to begin one")
    if resume:
        return
    if (out / STATE / _BEGUN).is_file():
        raise UsageError(f"{out}: a training was begun there; go on with --resume, or {_anew(out)}")
    if (out / SPEC_FILE).exists():
        raise UsageError(f"{out}: there is a model already; name another --out")


def begin(out: Path, recipe: Mapping[str, Any], *, resume: bool) -> None:
    """Note what is trained, on what; or see that a training that goes on is still the same.

    It may go on for longer. Raises UsageError that names what else differs.
    """
    if not is_first():
        return
    path = out / STATE / _BEGUN
    shape = json.loads(json.dumps({k: v for k, v in recipe.items() if k != "versions"}))
    if not resume:
        check_out(out, resume=False)  # another one may have begun meanwhile
        _note(path, shape)
        return
    before = _noted(path)
    differing = {"the recipe"}
    if before.get("recipe") == shape["recipe"]:
        differing = {_told(name) for name in _differing(before, shape)}
    if shape["loop"]["epochs"] >= before["loop"]["epochs"]:
        differing -= _LONGER
    if differing:
        verb = "differ" if len(differing) > 1 else "differs"
        named = f"{', '.join(sorted(differing))} {verb}"
        raise UsageError(
            f"{out}: the training that was begun there is another one ({named}); repeat its "
            f"options and pictures, or {_anew(out)}"
        )
    _note(path, shape)


def _note(path: Path, shape: Mapping[str, Any]) -> None:
    write_whole(path, (json.dumps(shape, indent=1) + "\n").encode())


def _noted(path: Path) -> dict[str, Any]:
    try:
        shape = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(shape, dict) and isinstance(shape["loop"]["epochs"], int):
            return shape
    except (ValueError, KeyError, TypeError, RecursionError):
        pass  # as of a copy that was broken off
    out = path.parent.parent
    raise UsageError(f"{path} is damaged, so no training can go on from there; {_anew(out)}")


def damaged(checkpoint: Path) -> UsageError:
    """What to say of a checkpoint that no training can go on from."""
    out = checkpoint.parent.parent
    return UsageError(
        f"{checkpoint} is damaged, or of another training, so none can go on from it; {_anew(out)}"
    )


def _told(name: str) -> str:
    """A setting as people chose it: "settings.rates.rate" is --rate."""
    if name in ("data.source", "data.pictures", "data.sha256"):
        return "the pictures or labels"
    part, _, last = name.rpartition(".")
    option = _OPTIONS.get(name) or _OPTIONS.get(part) or last.replace("_", "-")
    return f"-{option}" if len(option) == 1 else f"--{option}"


@contextmanager
def advising(out: Path) -> Iterator[None]:
    """Say of a training that fails how to begin anew: to go on would repeat what led there.

    One that has no checkpoint yet is no longer begun.
    """
    try:
        yield
    except (ModelError, UsageError) as error:
        if not (out / STATE / LAST).is_file():
            (out / STATE / _BEGUN).unlink(missing_ok=True)
            raise
        if isinstance(error, UsageError):
            raise  # about an option, not about what was trained
        raise ModelError(f"{error}; before that {_anew(out)}") from error


def _anew(out: Path) -> str:
    if (out / SPEC_FILE).exists():
        return "name another --out"  # what is there is a model by now
    return f"delete {out / STATE} to begin anew, or name another --out"


def versions() -> dict[str, str]:
    """Python and the packages that a training depends on."""
    return {"python": platform.python_version()} | {name: version(name) for name in _PACKAGES}


def model_name(out: Path) -> str:
    """What a model in this folder is called."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", out.absolute().name).lstrip("._-") or "trained"


def last_part(uri: str) -> str:
    """The last part of a source's name, two of a file's: records should not reveal a machine."""
    parts = [part for part in uri.split("/") if part]
    return "/".join(parts[-2:] if Path(uri).suffix else parts[-1:])


def _differing(before: Any, now: Any, name: str = "") -> list[str]:
    if isinstance(before, dict) and isinstance(now, dict):
        keys = before.keys() | now.keys()
        found = (_differing(before.get(k), now.get(k), f"{name}.{k}".strip(".")) for k in keys)
        return [one for several in found for one in several]
    return [] if before == now else [name]
