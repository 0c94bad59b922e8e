"""What a site needs to answer questions in the browser: the model, its words, and all vectors.

Each is a gzip file that the page unpacks itself, called .bin: some servers would unpack a .gz on
the way, and others not. The engine is ONNX Runtime Web (runtime/NOTICE).
"""

import gzip
import lzma
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from visavis.embedders.folder import fingerprint
from visavis.embedders.registry import DEFAULT_MODEL, builtin_folder
from visavis.embedders.runtime.graph_edit import cut
from visavis.embedders.spec import ModelSpec, WordsSpec, read_spec
from visavis.embedders.words.aliases import built_in_aliases
from visavis.errors import UsageError
from visavis.store.base import ModelFacts
from visavis.types import Vectors

RUNTIME = Path(__file__).with_name("runtime")
_STEPS = 420
"""Of a number in a vector, between 0 and 1, at most; a row with larger numbers has wider ones. Of
100 unseen pictures, the first ten among 5,127 by these are those by the exact vectors in .996 of
the places, and by 256 steps in .994, for a tenth less to load."""
_LARGEST = 127
_COMPRESSION = 9


class Engine(NamedTuple):
    """What goes into the folder of the data, and what the page has to know."""

    files: Mapping[str, bytes]
    """By name, with the suffix."""
    facts: dict[str, Any]
    aliases: Mapping[str, tuple[str, ...]]
    licences: str


def check_model(made_by: ModelFacts) -> ModelSpec:
    """The built-in model. Raises UsageError where another one made the vectors of an index."""
    spec = read_spec(builtin_folder() / DEFAULT_MODEL)
    if made_by.fingerprint != fingerprint(spec):
        raise UsageError(
            f"--search is for indexes of the built-in model {DEFAULT_MODEL}, which runs in "
            f"browsers; this one was made by {made_by.name!r}: leave --search out, or make an "
            f"index with --model {DEFAULT_MODEL}"
        )
    return spec


def engine(spec: ModelSpec, vectors: Vectors) -> Engine:
    """All that a page needs to ask about these unit vectors (n, dim)."""
    folder = builtin_folder() / spec.name
    words, semantic, look = spec.text, spec.semantic, spec.preprocess
    assert isinstance(words, WordsSpec)  # narrows the types: the built-in model has all of it
    assert words.colours is not None
    assert semantic is not None
    network = (folder / spec.file).read_bytes()
    packed = {
        "ort-wasm": _packed(lzma.decompress((RUNTIME / "ort-wasm.xz").read_bytes())),
        "model": _packed(cut(network, [spec.output]) or network),
        "words": _packed((folder / words.words).read_bytes()),
        "colours": _packed((folder / words.colours).read_bytes()),
        "vectors": _packed(in_bytes(vectors)),
    }
    facts = {
        "dim": spec.dim,
        "semantic": semantic.dim,
        "share": semantic.share,
        "size": look.size,
        "mean": list(look.mean),
        "std": list(look.std),
        "megabytes": max(1, round(sum(map(len, packed.values())) / 1e6)),
    }
    files = {f"{name}.bin": data for name, data in packed.items()}
    files["ort.js"] = (RUNTIME / "ort.js").read_bytes()
    return Engine(files, facts, built_in_aliases(), _licences(folder))


def in_bytes(vectors: Vectors) -> bytes:
    """Unit vectors (n, dim) as n × dim int8, and then n float32 to multiply the rows by.

    These make each row's product with its own vector 1: what rounding changes along the vector,
    which is what the scores of near pictures would feel most, is undone.
    """
    largest = np.abs(vectors).max(axis=1, keepdims=True, initial=1e-9)
    steps = np.minimum(np.float32(_STEPS), _LARGEST / largest)
    rows = np.rint(vectors * steps).astype(np.int8)
    scales = 1 / np.einsum("ij,ij->i", rows.astype(np.float32), vectors)
    return b"".join([rows.tobytes(), scales.astype("<f4").tobytes()])


def _packed(data: bytes) -> bytes:
    return gzip.compress(data, _COMPRESSION, mtime=0)


def _licences(folder: Path) -> str:
    """Who made what a site carries, and under which terms."""
    found = [(folder / "NOTICE").read_text("utf-8"), (RUNTIME / "NOTICE").read_text("utf-8")]
    spec = find_spec("onnxruntime")  # not imported: that takes a while
    if spec is not None and spec.origin is not None:
        others = Path(spec.origin).with_name("ThirdPartyNotices.txt")
        if others.is_file():
            found.append(others.read_text("utf-8", "replace"))
    return f"\n{'-' * 80}\n\n".join(found)
