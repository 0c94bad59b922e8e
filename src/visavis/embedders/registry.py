"""Where models are found: by name, by folder, or several joined with a plus.

A name is looked up among the models that ship with visavis, then among those that the user has
added (`visavis models add`), then among the entry points of other packages. Anything else is the
path of a model folder.
"""

import contextlib
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from visavis.embedders.base import Embedder
from visavis.embedders.classic import ClassicEmbedder
from visavis.embedders.combined import Part, combined
from visavis.errors import ModelError, ModelNotFoundError

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

DEFAULT_MODEL = "visavis-s"
"""What is used when nobody names a model."""

DEVICES = ("cpu", "cuda", "coreml", "openvino")
"""Where networks can run; `classic` needs none of them and always runs on the processor."""

ENTRY_POINTS = "visavis.embedders"
"""Group of entry points: name → callable(*, threads, device) that returns an `Embedder`."""

_MEMBERS = ("name", "ref", "fingerprint", "dim", "side", "embed_images")
_LONGEST_NAME = 200  # file systems refuse folder names above 255 bytes
_WEIGHTED = re.compile(r"(?P<weight>\d+(?:\.\d*)?|\.\d+):(?P<model>.+)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """What is known about a model without running it."""

    name: str
    kind: str
    """built-in, added, plug-in or folder."""
    folder: Path | None = None
    dim: int | None = None
    side: int | None = None
    fingerprint: str | None = None
    bytes: int = 0
    """All files of the folder."""
    license: str = ""
    origin: str = ""
    text: bool = False
    """Whether it reads words."""
    classes: bool = False
    """Whether it has a classifier."""
    problem: str | None = None
    """Why it cannot be loaded; None when nothing is known against it."""

    def to_dict(self) -> dict[str, Any]:
        """The JSON shape of a model."""
        shape = {
            key: getattr(self, key)
            for key in ("name", "kind", "dim", "side", "fingerprint", "bytes")
        }
        shape |= {"folder": None if self.folder is None else str(self.folder)}
        shape |= {"license": self.license, "origin": self.origin}
        shape |= {"text": self.text, "classes": self.classes}
        return shape if self.problem is None else shape | {"problem": self.problem}


def models_folder() -> Path:
    """Where added models are kept: $VISAVIS_MODELS, or visavis/models in the user's data folder."""
    if own := os.environ.get("VISAVIS_MODELS"):
        return Path(own)
    base = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(base) / "visavis" / "models"


def load_embedder(
    model: str | os.PathLike[str] = DEFAULT_MODEL,
    *,
    threads: int | None = None,
    device: str = "cpu",
    models: Path | None = None,
) -> Embedder:
    """The embedder that a name, a folder or a combination stands for.

    Args:
        model: "visavis-s", "classic", an added model's name, the path of a model folder, or some
            of them joined: "0.7:mobilenet-v2+0.3:classic" (without weights, all count the same).
            A text that is an existing path is never taken apart.
        threads: Cores for one call of `embed_images`; None: all of them.
        device: "cpu", "cuda", "coreml" or "openvino"; networks run there.
        models: Where added models are kept; None: `models_folder()`.

    Raises:
        ModelNotFoundError: nothing has that name; the message says what there is.
        ModelError: it is there and cannot be loaded.
    """
    if device not in DEVICES:
        raise ModelError(f"no device is called {device!r}; there are {', '.join(DEVICES)}")
    text = os.fspath(model)
    folder = models or models_folder()
    load = partial(_load_one, threads=threads, device=device, models=folder)
    if "+" not in text or _is_there(text) or _is_known(text, folder):
        return load(text)
    return combined([Part(load(name), weight) for weight, name in _split(text)])


def list_models(models: Path | None = None) -> tuple[ModelInfo, ...]:
    """All models that have a name: built-in, added, plug-ins; one that is broken says so."""
    return tuple(_listed(models or models_folder()))


def model_info(model: str | os.PathLike[str], models: Path | None = None) -> ModelInfo:
    """What is known about one model, by name or folder.

    Raises:
        ModelNotFoundError: nothing has that name.
        ModelSpecError: its model.json is wrong.
    """
    text = os.fspath(model)
    for info in _listed(models or models_folder()):
        if info.name == text:
            return info if info.folder is None else _folder_info(info.folder, info.kind, info.name)
    if _is_there(text) and Path(text).is_dir():
        return _folder_info(Path(text).absolute(), "folder")
    raise not_found(text, models or models_folder())


def reading_models(models: Path | None = None) -> tuple[str, ...]:
    """Names of the models on this machine that read words, the built-in one first."""
    return tuple(info.name for info in list_models(models) if info.text)


def free_place(name: str, models: Path, *, replace: bool) -> Path:
    """The folder where a model of this name can be put.

    Raises:
        ModelError: it would hide behind a built-in model, or be another model's place, which
            only `replace` allows.
    """
    if name == "classic" or (builtin_folder() / name).exists():
        raise ModelError(f"{name!r} is a model that ships with visavis; give yours another name")
    target = models / name
    if target.exists() and not replace:
        raise ModelError(
            f"there is a model {name!r} already ({target}); replace it, or give this one a name"
        )
    return target


def not_found(name: str, models: Path) -> ModelNotFoundError:
    """The error for a name that nothing has: what there is, and the nearest spelling."""
    known = [info.name for info in _listed(models)]
    import difflib

    from visavis.embedders.presets import presets

    if name in presets():
        return ModelNotFoundError(
            f"the model {name!r} is not on this machine; `visavis models add {name}` downloads it"
        )
    if _is_there(name):
        return ModelNotFoundError(
            f"{name} is a file, not a model folder; `visavis models add` makes one of an .onnx file"
        )
    near = difflib.get_close_matches(name, [*known, *presets()], n=1)
    guess = f"did you mean {near[0]!r}? " if near else ""
    return ModelNotFoundError(
        f"no model is called {name!r}, and no folder is there; {guess}there are "
        f"{', '.join(known)}, and `visavis models add` adds more"
    )


def _load_one(name: str, *, threads: int | None, device: str, models: Path) -> Embedder:
    if name == "classic":
        return ClassicEmbedder()
    from visavis.embedders.spec import SPEC_FILE  # `classic` starts without
    from visavis.embedders.two_sided import open_folder

    load = partial(open_folder, threads=threads, device=device)
    for home in (builtin_folder(), models):
        if _is_name(name) and (home / name / SPEC_FILE).is_file():
            return load(home / name, ref=name)
    if _is_name(name) and (plug_in := _plug_ins().get(name)):  # looking for them takes 30 ms
        return _from_plug_in(plug_in, threads, device)
    if _is_there(name) and Path(name).is_dir():
        return load(Path(name))
    raise not_found(name, models)


def _from_plug_in(entry: "EntryPoint", threads: int | None, device: str) -> Embedder:
    try:
        make: Callable[..., Embedder] = entry.load()
        made = make(threads=threads, device=device)
    except ModelError:
        raise
    except Exception as error:  # another package's code: anything may come out of it
        raise ModelError(
            f"the plug-in {entry.name!r} ({entry.value}) failed: {type(error).__name__}: {error}"
        ) from error
    if (wrong := _wrong(made, entry.name)) is not None:
        raise ModelError(f"the plug-in {entry.name!r} ({entry.value}) made no model: {wrong}")
    return made


def _wrong(made: Any, name: str) -> str | None:
    """What keeps an object from being the model of a plug-in; an index would be of no use later."""
    lacks = [part for part in _MEMBERS if not hasattr(made, part)]
    if lacks:
        return f"it lacks {', '.join(lacks)}"
    if not isinstance(made.dim, int) or made.dim < 1:
        return f"its dim is no whole number above 0, but {made.dim!r}"
    if not isinstance(made.fingerprint, str) or not made.fingerprint:
        return f"its fingerprint is no text, but {made.fingerprint!r}"
    if made.ref != name:
        return f"its ref is {made.ref!r}, which has to be {name!r} to load it again"
    return None


def _split(text: str) -> Iterator[tuple[float, str]]:
    """(weight, model) for each term of a combination; a path with a plus in it stays whole."""
    pieces = text.split("+")
    while pieces:
        count = next(
            (n for n in range(len(pieces), 1, -1) if _is_there(_term("+".join(pieces[:n]))[1])),
            1,
        )
        weight, name = _term("+".join(pieces[:count]))
        if not name:
            raise ModelNotFoundError(
                f"{text!r} has an empty term; write it as 0.7:one-model+0.3:another"
            )
        if weight <= 0:
            raise ModelError(f"{text!r}: the weight of {name!r} must be above 0")
        yield weight, name
        del pieces[:count]


def _term(text: str) -> tuple[float, str]:
    if match := _WEIGHTED.fullmatch(text.strip()):
        return float(match["weight"]), match["model"].strip()
    return 1.0, text.strip()


def _listed(models: Path) -> Iterator[ModelInfo]:
    yield from _in_folder(builtin_folder(), "built-in", seen := {"classic"})
    classic = ClassicEmbedder
    yield ModelInfo(
        "classic",
        "built-in",
        dim=classic.dim,
        side=classic.side,
        fingerprint=classic.fingerprint,
        license="Apache-2.0",
        origin="colour and shape descriptors, computed without weights",
    )
    yield from _in_folder(models, "added", seen)
    for name, entry in sorted(_plug_ins().items()):
        if name not in seen:
            yield ModelInfo(name, "plug-in", origin=entry.value)


def _in_folder(home: Path, kind: str, seen: set[str]) -> Iterator[ModelInfo]:
    """The models in a folder but for those whose names were seen; theirs are added to them."""
    from visavis.embedders.spec import SPEC_FILE

    for path in sorted(home.glob(f"*/{SPEC_FILE}")):
        name = path.parent.name
        if _is_name(name) and name not in seen:
            seen.add(name)
            yield _info_or_problem(path.parent, kind, name)


def _info_or_problem(folder: Path, kind: str, name: str) -> ModelInfo:
    try:
        return _folder_info(folder, kind, name)
    except ModelError as error:
        return ModelInfo(name, kind, folder, problem=str(error))


def _folder_info(folder: Path, kind: str, name: str | None = None) -> ModelInfo:
    from visavis.embedders.folder import fingerprint
    from visavis.embedders.spec import read_spec

    spec = read_spec(folder)
    return ModelInfo(
        name=name or spec.name,
        kind=kind,
        folder=folder,
        dim=spec.dim,
        side=spec.preprocess.side,
        fingerprint=fingerprint(spec),
        bytes=sum(path.stat().st_size for path in folder.iterdir() if path.is_file()),
        license=spec.license,
        origin=spec.origin,
        text=spec.text is not None,
        classes=spec.classes is not None,
    )


def _is_known(name: str, models: Path) -> bool:
    return any(info.name == name for info in _listed(models))


def _is_name(text: str) -> bool:
    """Whether it can be a model's name, so that no path and no hidden folder is taken for one."""
    return 0 < len(text) <= _LONGEST_NAME and not text.startswith(".") and Path(text).name == text


def _is_there(path: str) -> bool:
    """Whether a path exists; the empty text is none, and neither is one that is too long."""
    with contextlib.suppress(OSError):
        return bool(path) and Path(path).exists()
    return False


def _plug_ins() -> dict[str, "EntryPoint"]:
    from importlib.metadata import entry_points  # 30 ms that most starts can do without

    return {entry.name: entry for entry in entry_points(group=ENTRY_POINTS)}


def builtin_folder() -> Path:
    """Where the models lie that come with visavis, a folder each."""
    return Path(__file__).parent / "builtin"
