"""What a site needs to answer questions in the browser: the model, its words, and all vectors.

Each is a gzip file that the page unpacks itself, called .bin: some servers would unpack a .gz on
the way, and others not. The engine is ONNX Runtime Web (runtime/NOTICE).
"""

import lzma
import zlib
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

from visavis.embedders.folder import fingerprint
from visavis.embedders.registry import DEFAULT_MODEL, builtin_folder
from visavis.embedders.runtime.graph_edit import cut
from visavis.embedders.spec import ModelSpec, WordsSpec, read_spec
from visavis.embedders.words.aliases import built_in_aliases
from visavis.embedders.words.table import read_table
from visavis.errors import UsageError
from visavis.pages.site.rounding import LOOK_STEPS, MEANING_STEPS, in_columns
from visavis.store.base import ModelFacts
from visavis.types import Vectors

RUNTIME = Path(__file__).with_name("runtime")
_COMPRESSION = 9
_GZIP = 31  # zlib's word for: with the head and tail of a gzip file, and no date


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


def runtime(name: str) -> bytes:
    """A file of ONNX Runtime Web: `ort.js` or `ort-wasm`."""
    return lzma.decompress((RUNTIME / f"{name}.xz").read_bytes())


def engine(spec: ModelSpec, vectors: Vectors) -> Engine:
    """All that a page needs to ask about these unit vectors (n, dim)."""
    folder = builtin_folder() / spec.name
    words, semantic, look = spec.text, spec.semantic, spec.preprocess
    assert isinstance(words, WordsSpec)  # narrows the types: the built-in model has all of it
    assert words.colours is not None
    assert semantic is not None
    network = (folder / spec.file).read_bytes()
    packed = {
        "ort-wasm": _packed(runtime("ort-wasm")),
        "model": _packed(cut(network, [spec.output]) or network),
        "words": _packed(bytes(read_table(folder / words.words))),
        "colours": _packed((folder / words.colours).read_bytes()),
        "vectors": _packed(in_columns(vectors, semantic.dim), zlib.Z_HUFFMAN_ONLY),
    }
    facts = {
        "dim": spec.dim,
        "semantic": semantic.dim,
        "share": semantic.share,
        "steps": [LOOK_STEPS, MEANING_STEPS],
        "size": look.size,
        "mean": list(look.mean),
        "std": list(look.std),
        "megabytes": max(1, round(sum(map(len, packed.values())) / 1e6)),
    }
    files = {f"{name}.bin": data for name, data in packed.items()}
    files["ort.js"] = runtime("ort.js")
    return Engine(files, facts, built_in_aliases(), _licences(folder))


def _packed(data: bytes, strategy: int = zlib.Z_DEFAULT_STRATEGY) -> bytes:
    """As gzip. Numbers by chance hold no repetitions; to look for some would make more of them."""
    packing = zlib.compressobj(_COMPRESSION, zlib.DEFLATED, _GZIP, zlib.DEF_MEM_LEVEL, strategy)
    return packing.compress(data) + packing.flush()


def _licences(folder: Path) -> str:
    """Who made what a site carries, and under which terms."""
    found = [(folder / "NOTICE").read_text("utf-8"), (RUNTIME / "NOTICE").read_text("utf-8")]
    spec = find_spec("onnxruntime")  # not imported: that takes a while
    if spec is not None and spec.origin is not None:
        others = Path(spec.origin).with_name("ThirdPartyNotices.txt")
        if others.is_file():
            found.append(others.read_text("utf-8", "replace"))
    return f"\n{'-' * 80}\n\n".join(found)
