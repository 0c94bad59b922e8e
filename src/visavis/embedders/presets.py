"""Published networks that `visavis models add NAME` knows how to fetch: those of presets.toml.

Revisions are pinned, and sizes and SHA-256 are checked, where they are known; for the others the
hub is asked before the download.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from visavis.embedders.layouts import TextFacts
from visavis.embedders.spec import PreprocessSpec, parse_preprocess

_FILE = Path(__file__).with_suffix(".toml")


@dataclass(frozen=True, slots=True)
class HubFile:
    """One file of a repository; size in bytes and SHA-256 where they are known."""

    path: str
    size: int | None = None
    sha256: str | None = None

    @property
    def name(self) -> str:
        """Without the folders before it."""
        return self.path.rpartition("/")[2]


@dataclass(frozen=True, slots=True)
class Preset:
    """A network on the hub, and how to make a model folder of it."""

    name: str
    repo: str
    vision: HubFile
    license: str
    about: str = ""
    revision: str | None = None
    """A commit; None: the newest, looked up before the download."""
    output: str | None = None
    """The tensor; None: found by `default_output`."""
    pool: str | None = None
    """None: average for a map, none for anything else."""
    preprocess: PreprocessSpec | None = None
    """None: read from preprocessor_config.json or preprocess.json among `extras`."""
    text: HubFile | None = None
    reads: TextFacts | None = None
    """How the text side wants its tokens; None: read from tokenizer.json and config.json."""
    prompt: str = "{}"
    extras: tuple[HubFile, ...] = field(default=())
    """preprocessor_config.json, tokenizer.json, config.json, weights in a second file."""
    non_commercial: bool = False

    @property
    def files(self) -> tuple[HubFile, ...]:
        """All files that are fetched."""
        text = () if self.text is None else (self.text,)
        return (self.vision, *text, *self.extras)


@cache
def presets() -> Mapping[str, Preset]:
    """All of them, by name."""
    shapes = tomllib.loads(_FILE.read_text(encoding="utf-8"))
    return MappingProxyType({name: _preset(name, shape) for name, shape in shapes.items()})


def _preset(name: str, shape: dict[str, Any]) -> Preset:
    made = dict(shape, vision=HubFile(**shape["vision"]))
    if "text" in shape:
        made["text"] = HubFile(**shape["text"])
    if "reads" in shape:
        made["reads"] = TextFacts(**shape["reads"])
    if "preprocess" in shape:
        made["preprocess"] = parse_preprocess(shape["preprocess"], _FILE)
    made["extras"] = tuple(map(HubFile, shape.get("extras", ())))
    return Preset(name, **made)
