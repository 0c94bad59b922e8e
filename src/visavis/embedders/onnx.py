"""Model folders run by ONNX Runtime: the one inference engine of visavis.

ONNX Runtime is imported when the first model is opened, and everything untyped stays in this file.
"""

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from visavis.embedders.base import unit_rows
from visavis.embedders.checksum import verify
from visavis.embedders.graph import output_suffix, read_graph, read_outputs
from visavis.embedders.pooling import pooled
from visavis.embedders.preprocess import Preprocess
from visavis.embedders.spec import SPEC_FILE, ModelSpec, PreprocessSpec, read_spec
from visavis.errors import ModelError, ModelSpecError
from visavis.types import RGB, Vectors

PROVIDERS = {
    "cpu": "CPUExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "coreml": "CoreMLExecutionProvider",
    "openvino": "OpenVINOExecutionProvider",
}

_INPUT_TYPES: dict[str, type[np.generic]] = {
    "tensor(float)": np.float32,
    "tensor(float16)": np.float16,
    "tensor(uint8)": np.uint8,
}

_ORT_PREFIX = re.compile(r"^\[ONNXRuntimeError\] : \d+ : \w+ : ")

_BATCH_CPU = 2
"""Measured with MobileNetV2 on one core: 4.2 ms an image at 1, 4.1 at 2, 5.6 at 16 (the caches)."""
_BATCH_ACCELERATOR = 16


class Network:
    """One tensor of one ONNX file, computed for pictures. Safe to use from several threads.

    Args:
        path: The .onnx file; weights in a second file beside it are found there.
        output: Any tensor of the graph, also one that is not declared as an output.
        preprocess: How pictures become its input.
        threads: Cores for one call; None: all. With 1, calls from several threads do not wait
            for one another, which is the fastest way to embed many pictures.
        device: "cpu", "cuda", "coreml" or "openvino".

    Raises:
        ModelError: the file cannot be opened, or the device is not there.
        ModelSpecError: the graph does not fit `output` or `preprocess`.
    """

    def __init__(
        self,
        path: Path,
        output: str,
        preprocess: PreprocessSpec,
        *,
        threads: int | None = None,
        device: str = "cpu",
    ) -> None:
        self.path = path
        self.output = output
        self._session = _open(path, output, threads, device)
        self._input, self._fixed = self._fitting_input(preprocess)
        self._preprocess = Preprocess(preprocess, _INPUT_TYPES[self._input.type])
        self.batch = self._fixed or (_BATCH_CPU if device == "cpu" else _BATCH_ACCELERATOR)

    def __call__(self, images: Sequence[RGB]) -> NDArray[np.generic]:
        """The tensor for at most `batch` pictures, with a row for each."""
        batch = self._preprocess(images)
        if self._fixed and len(images) < self._fixed:
            batch = np.concatenate((batch, np.repeat(batch[-1:], self._fixed - len(images), 0)))
        try:
            (result,) = self._session.run([self.output], {self._input.name: batch})
        except Exception as error:  # ONNX Runtime's errors share no base class of their own
            raise ModelError(f"{self.path} failed on a picture ({_first_line(error)})") from error
        rows: NDArray[np.generic] = result
        if rows.ndim == 0 or len(rows) != len(batch):
            raise ModelSpecError(
                f"{self.path}: the tensor {self.output!r} of shape {tuple(rows.shape)} does not "
                "have one row for each picture; name another one as output"
            )
        return rows[: len(images)]

    def _fitting_input(self, preprocess: PreprocessSpec) -> tuple[Any, int | None]:
        inputs = self._session.get_inputs()
        if len(inputs) != 1:
            names = ", ".join(one.name for one in inputs)
            raise ModelSpecError(
                f"{self.path} takes {len(inputs)} inputs ({names}), but a model must take a "
                "picture alone; for CLIP models use the file of the vision side"
            )
        (only,) = inputs
        if only.type not in _INPUT_TYPES:
            raise ModelSpecError(f"{self.path} takes {only.type}, not pictures")
        size = preprocess.size
        wanted = [3, size, size] if preprocess.layout == "NCHW" else [size, size, 3]
        given = list(only.shape)
        free = [not isinstance(number, int) or number <= 0 for number in given]
        fits = len(given) == 4 and all(
            is_free or number == want
            for is_free, number, want in zip(free[1:], given[1:], wanted, strict=True)
        )
        if not fits:
            raise ModelSpecError(
                f"{self.path} takes input of shape {given}, but preprocess (size, layout) "
                f"makes {wanted}; correct them in {SPEC_FILE}"
            )
        return only, None if free[0] else given[0]


class OnnxEmbedder:
    """A model folder: model.json and the files that it names.

    Args:
        folder: The model folder. The weights' checksum is verified when the file is new or has
            changed since it was last found right (see `checksum`).
        ref: What loads it again; None: the folder's absolute path.
        threads: As for `Network`.
        device: As for `Network`.

    Raises:
        ModelError: one of its kinds, saying which file and what to do.
    """

    def __init__(
        self,
        folder: Path,
        *,
        ref: str | None = None,
        threads: int | None = None,
        device: str = "cpu",
    ) -> None:
        self.folder = folder.absolute()
        self.spec = read_spec(self.folder)
        self.name = self.spec.name
        self.ref = ref or str(self.folder)
        self.fingerprint = fingerprint(self.spec)
        self.dim = self.spec.dim
        self.side: int | None = self.spec.preprocess.side
        weights = self.folder / self.spec.file
        verify(weights, self.spec.sha256)
        self._network = Network(
            weights, self.spec.output, self.spec.preprocess, threads=threads, device=device
        )

    def embed_images(self, images: Sequence[RGB]) -> Vectors:
        """One unit vector for each picture, in order: (n, dim) float32.

        Memory does not grow with the number of pictures, but for the result.

        Raises:
            ModelSpecError: the network gives another number of values than `dim` says.
            ModelError: ONNX Runtime failed.
        """
        rows = np.empty((len(images), self.dim), dtype=np.float32)
        step = self._network.batch
        for start in range(0, len(images), step):
            rows[start : start + step] = self._rows(images[start : start + step])
        return unit_rows(rows)

    def _rows(self, images: Sequence[RGB]) -> NDArray[np.float32]:
        path = self.folder / SPEC_FILE
        try:
            rows = pooled(self._network(images), self.spec.pool, self.dim)
        except ValueError as error:
            raise ModelSpecError(f"{path}: output {self.spec.output!r}: {error}") from error
        if rows.shape[1] != self.dim:
            raise ModelSpecError(
                f"{path}: dim is {self.dim}, but {self.spec.output!r} with pool "
                f"{self.spec.pool!r} gives {rows.shape[1]} numbers; correct dim, or choose "
                "pool average or gem for a map"
            )
        return rows


def fingerprint(spec: ModelSpec) -> str:
    """16 hex digits of what shapes a vector: weights, tensor, pooling and preprocessing."""
    preprocess = {key: value for key, value in asdict(spec.preprocess).items() if value is not None}
    shape = [spec.sha256, spec.output, spec.pool, spec.dim, preprocess]
    return hashlib.sha256(json.dumps(shape, sort_keys=True).encode()).hexdigest()[:16]


def input_shape(path: Path) -> tuple[int | None, ...]:
    """The shape of a graph's first input; None where any number goes. ModelError as `Network`."""
    (first, *_) = _open(path, None, 1, "cpu").get_inputs() or [None]
    sides = () if first is None else first.shape
    return tuple(side if isinstance(side, int) and side > 0 else None for side in sides)


def _open(path: Path, output: str | None, threads: int | None, device: str) -> Any:
    provider = _provider(device)
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.log_severity_level = 4  # its errors arrive as exceptions; stderr is ours
    options.intra_op_num_threads = threads or 0
    options.inter_op_num_threads = 1
    # Waiting threads that spin would take the cores from decoding.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.inter_op.allow_spinning", "0")
    model: str | bytes = str(path)
    if output is not None and output not in read_outputs(path):
        model = _with_output(path, output)
        # Without a path, it would not know where weights in a second file lie.
        options.add_session_config_entry(
            "session.model_external_initializers_file_folder_path", str(path.parent)
        )
    providers = [provider] if device == "cpu" else [provider, PROVIDERS["cpu"]]
    try:
        session = onnxruntime.InferenceSession(model, options, providers=providers)
    except Exception as error:  # ONNX Runtime's errors share no base class of their own
        raise ModelError(f"{path} cannot be opened ({_first_line(error)})") from error
    if session.get_providers()[0] != provider:
        raise ModelError(
            f"device {device!r} is installed but did not start (a driver or library is missing); "
            "use --device cpu"
        )
    return session


def _with_output(path: Path, output: str) -> bytes:
    graph = read_graph(path)
    if output not in graph.tensors():
        outputs = ", ".join(graph.outputs)
        raise ModelSpecError(
            f"{path} has no tensor {output!r}; its outputs are {outputs}, and any tensor within "
            "the graph can be named too"
        )
    return path.read_bytes() + output_suffix(output)


def _provider(device: str) -> str:
    import onnxruntime

    offered = onnxruntime.get_available_providers()
    there = [name for name, provider in PROVIDERS.items() if provider in offered]
    if device not in PROVIDERS:
        raise ModelError(f"no device is called {device!r}; this machine has {', '.join(there)}")
    if device not in there:
        package = {"cuda": "onnxruntime-gpu", "openvino": "onnxruntime-openvino"}.get(device)
        advice = f"; install {package} instead of onnxruntime" if package else ""
        raise ModelError(
            f"the installed onnxruntime cannot use {device!r}, only {', '.join(there)}{advice}"
        )
    return PROVIDERS[device]


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return _ORT_PREFIX.sub("", lines[0])[:300] if lines else type(error).__name__
