"""From torch to a model folder, as far as it is the same for every recipe.

`model_export` writes with it what is trained here, often joined to a base's graph, with weights as
they are; the recipe of the built-in model writes a graph in 8-bit integers.
"""

import copy
import json
import tempfile
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import onnx
import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from visavis.disk import write_whole
from visavis.embedders.runtime.engine import engine
from visavis.embedders.spec import SPEC_FILE, ModelSpec

if TYPE_CHECKING:
    from onnxruntime import InferenceSession


def merged(network: nn.Module) -> nn.Module:
    """A copy of the network for inference: batch normalisation merged into its convolutions."""
    result = copy.deepcopy(network).cpu().eval()
    for module in list(result.modules()):
        if not isinstance(module, nn.Sequential):
            continue
        for index in range(len(module) - 1):
            conv, norm = module[index], module[index + 1]
            if isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                module[index] = fuse_conv_bn_eval(conv, norm)
                module[index + 1] = nn.Identity()
    return result


def traced(
    module: nn.Module,
    examples: tuple[Tensor, ...],
    inputs: Sequence[str],
    outputs: Sequence[str],
    opset: int,
) -> onnx.ModelProto:
    """The ONNX graph of a module, for any number of rows; its weights as they are."""
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        # The exporter that torch prefers by now needs a package more and writes the same graph.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            module.eval(),
            examples,
            Path(folder) / "graph.onnx",
            input_names=list(inputs),
            output_names=list(outputs),
            dynamic_axes={name: {0: "N"} for name in (*inputs, *outputs)},
            opset_version=opset,
            dynamo=False,
        )
        return onnx.load(str(Path(folder) / "graph.onnx"))


def session(model: onnx.ModelProto) -> "InferenceSession":
    """The graph, ready to be run beside torch."""
    onnxruntime = engine()
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )


def write_folder(
    folder: Path,
    spec: ModelSpec,
    graph: bytes,
    records: Mapping[str, Any],
    labels: Sequence[str] = (),
) -> None:
    """Write the files of a model, each at once or not at all.

    Args:
        folder: May hold files of a text side already.
        spec: What model.json says.
        graph: What its file holds.
        records: JSON files to put beside it, by name without suffix.
        labels: Of its classes, if it has any.
    """
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / spec.file, graph)
    if spec.classes is not None:
        write_whole(folder / spec.classes.labels, ("\n".join(labels) + "\n").encode())
    for name, shape in records.items():
        text = json.dumps(shape, indent=2, ensure_ascii=False) + "\n"
        write_whole(folder / f"{name}.json", text.encode())
    # Last: a folder with a model.json is whole.
    write_whole(folder / SPEC_FILE, spec.to_json().encode())
