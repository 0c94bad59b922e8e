"""Networks run by ONNX Runtime: the one inference engine of visavis.

ONNX Runtime is imported when the first network is opened, and everything untyped stays in this
file.
"""

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from visavis.embedders.runtime.engine import engine
from visavis.embedders.runtime.graph import output_suffix, read_graph, read_outputs
from visavis.embedders.runtime.graph_edit import constants_alone
from visavis.embedders.runtime.preprocess import Preprocess
from visavis.embedders.spec import SPEC_FILE, PreprocessSpec
from visavis.errors import ModelError, ModelSpecError
from visavis.processors import cores
from visavis.types import RGB

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

_EXTERNAL_FOLDER = "session.model_external_initializers_file_folder_path"
_ORT_PREFIX = re.compile(r"^\[ONNXRuntimeError\] : \d+ : \w+ : ")

_NEAR = 3  # names of tensors that an error offers

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
        self._session = open_session(path, output, threads, device)
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
            raise ModelError(f"{self.path} failed on a picture ({first_line(error)})") from error
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


def input_shape(path: Path) -> tuple[int | None, ...]:
    """The shape of a graph's first input; None where any number goes. ModelError as `Network`."""
    (first, *_) = open_session(path, None, 1, "cpu").get_inputs() or [None]
    sides = () if first is None else first.shape
    return tuple(side if isinstance(side, int) and side > 0 else None for side in sides)


def input_type(path: Path) -> tuple[str, str]:
    """The name of a graph's first input, and the type of its values. ModelError as `Network`."""
    first = open_session(path, None, 1, "cpu").get_inputs()[0]
    if first.type not in _INPUT_TYPES:
        raise ModelSpecError(f"{path} takes {first.type}, not pictures")
    return first.name, np.dtype(_INPUT_TYPES[first.type]).name


def tensor_shapes(path: Path) -> dict[str, tuple[int | str, ...]]:
    """Every tensor that a graph makes of a picture, in the file's order, and its shape.

    A side that depends on the picture is a name, or "?". ModelError as `Network`.
    """
    onnxruntime = engine()

    graph = read_graph(path)
    every = dict.fromkeys(name for node in graph.nodes for name in node.outputs if name)
    inner = b"".join(output_suffix(name) for name in every if name not in graph.outputs)
    options = _options(1)
    options.add_session_config_entry(_EXTERNAL_FOLDER, str(path.parent))
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    try:
        model = path.read_bytes() + inner
        session = onnxruntime.InferenceSession(model, options, providers=[PROVIDERS["cpu"]])
    except Exception as error:  # ONNX Runtime's errors share no base class of their own
        raise ModelError(f"{path} cannot be opened ({first_line(error)})") from error
    found = {one.name: tuple(side or "?" for side in one.shape) for one in session.get_outputs()}
    return {name: found[name] for name in every if name in found}


def output_ranks(path: Path) -> dict[str, int]:
    """The declared outputs of a graph, and how many axes each has. ModelError as `Network`."""
    return {one.name: len(one.shape) for one in open_session(path, None, 1, "cpu").get_outputs()}


def read_constants(path: Path, names: Sequence[str]) -> list[NDArray[np.float32]]:
    """Weights of a network as float32, also those that its graph makes of smaller numbers.

    Raises ModelSpecError for a tensor that is not there, or that depends on the picture.
    """
    onnxruntime = engine()

    try:
        model = constants_alone(path.read_bytes(), names)
        options = _options(1)
        options.add_session_config_entry(_EXTERNAL_FOLDER, str(path.parent))
        session = onnxruntime.InferenceSession(model, options, providers=[PROVIDERS["cpu"]])
        found = session.run(list(names), {})
    except KeyError as error:
        raise ModelSpecError(f"{path}: the tensor {error} is no constant of the network") from error
    except Exception as error:  # ONNX Runtime's errors share no base class of their own
        raise ModelError(f"{path}: its weights cannot be read ({first_line(error)})") from error
    return [np.asarray(values, np.float32) for values in found]


def open_session(path: Path, output: str | None, threads: int | None, device: str) -> Any:
    """ONNX Runtime's session for a file, with one more output if need be; errors as `Network`."""
    model: str | bytes = str(path)
    _provider(device)  # first: reading may take longer
    if output is not None and output not in read_outputs(path):
        model = _with_output(path, output)
    return open_model(model, path, threads, device)


def open_model(model: str | bytes, path: Path, threads: int | None, device: str) -> Any:
    """ONNX Runtime's session for a model that was made of a file, or for the file itself.

    Raises ModelError as `Network` does.
    """
    provider = _provider(device)
    onnxruntime = engine()

    options = _options(threads)
    if isinstance(model, bytes):
        # Without a path, it would not know where weights in a second file lie.
        options.add_session_config_entry(_EXTERNAL_FOLDER, str(path.parent))
    providers = [provider] if device == "cpu" else [provider, PROVIDERS["cpu"]]
    try:
        session = onnxruntime.InferenceSession(model, options, providers=providers)
    except Exception as error:  # ONNX Runtime's errors share no base class of their own
        raise ModelError(f"{path} cannot be opened ({first_line(error)})") from error
    if session.get_providers()[0] != provider:
        raise ModelError(
            f"device {device!r} is installed but did not start (a driver or library is missing); "
            "use --device cpu"
        )
    return session


def _options(threads: int | None) -> Any:
    onnxruntime = engine()

    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.log_severity_level = 4  # its errors arrive as exceptions; stderr is ours
    options.intra_op_num_threads = threads or _fewer_cores()
    options.inter_op_num_threads = 1
    # Waiting threads that spin would take the cores from decoding.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.inter_op.allow_spinning", "0")
    return options


def _fewer_cores() -> int:
    """How many we have, where these are fewer than the machine's; 0: as ONNX Runtime likes it."""
    return cores() if cores() < (os.cpu_count() or 1) else 0


def _with_output(path: Path, output: str) -> bytes:
    graph = read_graph(path)
    if output not in graph.tensors():
        near = graph.like(output)[:_NEAR]
        asked = f"did you mean {' or '.join(map(repr, near))}? " if near else ""
        raise ModelSpecError(
            f"{path} has no tensor {output!r}; {asked}its outputs are {', '.join(graph.outputs)}, "
            f"and `visavis models outputs {path}` lists the tensors within"
        )
    return path.read_bytes() + output_suffix(output)


def _provider(device: str) -> str:
    onnxruntime = engine()

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


def first_line(error: Exception) -> str:
    """What one of ONNX Runtime's errors says, without its prefix and the lines after."""
    lines = str(error).strip().splitlines()
    return _ORT_PREFIX.sub("", lines[0])[:300] if lines else type(error).__name__
