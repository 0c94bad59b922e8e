"""Take the two files that a static site needs out of the npm package of onnxruntime-web.

    npm pack onnxruntime-web@1.30.0
    python -m recipes.onnxruntime_web onnxruntime-web-1.30.0.tgz

The engine is kept as it is, but packed smaller. The loader is an ES module, which a page that was
opened from a file may not import: here it becomes a plain script that sets `ort`. Nothing else of
it changes. The package's hash is checked, so the result is the same everywhere.
"""

import hashlib
import lzma
import re
import sys
import tarfile
from pathlib import Path

SHA512 = (
    "ab4cbe26baedba45d2cec05610c71c55fa97db92d19a8b171c5f8269126683ca"
    "590a5cdc57bb2f35ce2b298de32f4d956fb42644c0ecd528a0a91e025c07ca61"
)
_LOADER = "package/dist/ort.wasm.bundle.min.mjs"
_ENGINE = "package/dist/ort-wasm-simd-threaded.wasm"
_EXPORTS = re.compile(r"export\{([^}]*)\};?\s*(?://# sourceMappingURL=\S*)?\s*$")
_WANTED = ("InferenceSession", "Tensor", "env")
TARGET = Path(__file__).parents[2] / "src" / "visavis" / "pages" / "site" / "runtime"

_FILTER: dict[str, int] = {
    "id": lzma.FILTER_LZMA2,
    "preset": 9 | lzma.PRESET_EXTREME,
    "dict_size": 1 << 24,
    "lc": 4,
    "lp": 0,
    "pb": 0,  # nothing in it is aligned
    "nice_len": 273,
    "mf": lzma.MF_BT4,
    "depth": 1_000,
}


def as_script(module: str) -> str:
    """The loader as a plain script; its address, by which it finds the engine, is not needed."""
    exports = _EXPORTS.search(module)
    if exports is None:
        raise ValueError("the loader exports nothing where it used to; look at the new version")
    pairs = [pair.split(" as ") for pair in exports[1].split(",")]
    names = {given: own for own, given in pairs}
    given = ",".join(f"{name}:{names[name]}" for name in _WANTED)
    body = module[: exports.start()].replace("import.meta.url", "location.href")
    return f"(()=>{{{body}globalThis.ort={{{given}}};}})();\n"


def main(package: Path) -> None:
    """Write both files into the package's source."""
    if hashlib.sha512(package.read_bytes()).hexdigest() != SHA512:
        raise SystemExit(f"{package} is not onnxruntime-web 1.30.0 as npm has it")
    with tarfile.open(package) as archive:
        loader, engine = (archive.extractfile(name) for name in (_LOADER, _ENGINE))
        assert loader is not None
        assert engine is not None
        script, wasm = as_script(loader.read().decode("utf-8")), engine.read()
    TARGET.mkdir(exist_ok=True)
    for name, content in (("ort.js", script.encode("utf-8")), ("ort-wasm", wasm)):
        packed = lzma.compress(content, check=lzma.CHECK_CRC32, filters=[_FILTER])
        (TARGET / f"{name}.xz").write_bytes(packed)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
