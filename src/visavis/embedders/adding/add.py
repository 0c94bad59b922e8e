"""Making model folders: from other folders, .onnx files, and what the hub offers.

A folder is built beside the others under a hidden name, run once, and only then renamed, so a
model is either there and works, or not there.
"""

import json
import shutil
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from dataclasses import replace as with_changes
from pathlib import Path

import numpy as np

from visavis.disk import new_folder
from visavis.embedders.adding.checking import check_model
from visavis.embedders.classes.names import read_labels
from visavis.embedders.layouts import TextFacts, read_preprocess, read_text_facts
from visavis.embedders.registry import ModelInfo, free_place, model_info, models_folder
from visavis.embedders.runtime.checksum import file_sha256, verify
from visavis.embedders.runtime.graph import Graph, last_feature_tensor, read_graph, read_outputs
from visavis.embedders.runtime.graph_edit import cut
from visavis.embedders.runtime.network import Network, input_shape, output_ranks
from visavis.embedders.runtime.pooling import pooled
from visavis.embedders.spec import (
    SPEC_FILE,
    ClassesSpec,
    ModelSpec,
    PreprocessSpec,
    TextSpec,
    check_preprocess,
    parse_spec,
    read_spec,
)
from visavis.embedders.words.text import read_tokenizer
from visavis.errors import ExtraMissingError, ModelError, ModelNotFoundError, ModelSpecError

EMBEDDING_NAMES = ("image_embeds", "embedding", "embeddings", "pooler_output", "features")
TEXT_NAMES = ("text_embeds", "pooler_output", "sentence_embedding", "embeddings")
CLASS_COUNTS = (1000, 1001, 21841, 21843)
"""Outputs of this width are taken for ImageNet's classes: the layer before says more."""

_VISION_FILES = ("onnx/vision_model.onnx", "onnx/model.onnx", "vision_model.onnx", "model.onnx")
_CONFIG_FILES = ("preprocessor_config.json", "preprocess.json")


@dataclass(frozen=True, slots=True)
class TextParts:
    """The text side's files, to be taken into a model folder."""

    graph: Path
    tokenizer: Path
    facts: TextFacts
    prompt: str = "{}"


@dataclass(frozen=True, slots=True)
class ModelParts:
    """What a model folder is made of."""

    name: str
    graph: Path
    preprocess: PreprocessSpec
    output: str | None = None
    """None: found by `default_output`."""
    pool: str | None = None
    """None: average for a map, none for anything else."""
    license: str = ""
    origin: str = ""
    text: TextParts | None = None
    labels: Path | None = None
    """The classes of a classifier, one a line; its scores are the graph's first output."""


def add_folder(
    folder: Path, *, name: str | None = None, models: Path | None = None, replace: bool = False
) -> ModelInfo:
    """Copy a model folder, or a folder in the layout of the hub, to the user's models.

    Args:
        folder: Has a model.json; or preprocessor_config.json and onnx/vision_model.onnx,
            onnx/model.onnx or model.onnx (transformers.js); or preprocess.json and model.onnx
            (deepghs/timms).
        name: What to call it; None: as model.json says, or like the folder.
        models: None: `models_folder()`.
        replace: Whether a model of that name is replaced.

    Raises:
        ModelError: the folder is none of these, or does not work.
    """
    if (folder / SPEC_FILE).is_file():
        spec = read_spec(folder)
        verify(folder / spec.file, spec.sha256, trust_marker=False)
        name = name or spec.name
        return _install(name, models, replace, lambda into: _copy_folder(folder, into))
    parts = parts_of_layout(folder, name or folder.absolute().name)
    return add_parts(parts, models=models, replace=replace)


def add_onnx(
    file: Path,
    preprocess: PreprocessSpec,
    *,
    name: str | None = None,
    output: str | None = None,
    pool: str | None = None,
    license: str = "",
    labels: Path | None = None,
    models: Path | None = None,
    replace: bool = False,
) -> ModelInfo:
    """Make a model folder of one .onnx file; its width is found by running it once.

    Args:
        file: The network.
        preprocess: How it wants its pictures; nothing in the file says so.
        name: What to call it; None: like the file.
        output: The tensor to take; None: `default_output` decides.
        pool: "none", "average" or "gem"; None: average for a map, none for anything else.
        license: Told by `models info`.
        labels: The classes of a classifier, one a line: then it gives tags, and can be asked for
            more of a class.
        models: None: `models_folder()`.
        replace: Whether a model of that name is replaced.

    Raises:
        ModelError: the file does not work with this preprocessing.
    """
    origin = f"added from {file.name}"
    parts = ModelParts(
        name or file.stem, file, preprocess, output, pool, license, origin, labels=labels
    )
    return add_parts(parts, models=models, replace=replace)


def add_parts(parts: ModelParts, *, models: Path | None = None, replace: bool = False) -> ModelInfo:
    """Make a model folder among the user's models; see `assemble`."""
    return _install(parts.name, models, replace, lambda into: assemble(parts, into))


def assemble(parts: ModelParts, into: Path) -> ModelSpec:
    """Copy the parts into a folder and write its model.json.

    Raises:
        ModelError: the network cannot be read, or does not work with this preprocessing.
    """
    if not parts.graph.is_file():
        raise ModelNotFoundError(f"{parts.graph} is not there")
    preprocess = check_preprocess(parts.preprocess, parts.graph)
    output = parts.output or default_output(parts.graph, preprocess)
    pool, dim = _pool_and_width(parts.graph, output, parts.pool, preprocess)
    into.mkdir(parents=True, exist_ok=True)
    classes = [] if parts.labels is None else [read_outputs(parts.graph)[0]]
    _copy_graph(parts.graph, into / "model.onnx", [output, *classes])
    spec = ModelSpec(
        name=parts.name,
        file="model.onnx",
        sha256=file_sha256(into / "model.onnx"),
        output=output,
        pool=pool,
        dim=dim,
        preprocess=preprocess,
        license=parts.license,
        origin=parts.origin,
        classes=None if parts.labels is None else _classes_spec(parts.labels, parts.graph, into),
        text=None if parts.text is None else _text_spec(parts.text, into),
    )
    parse_spec(json.loads(spec.to_json()), into / SPEC_FILE)  # what is written can be read again
    (into / SPEC_FILE).write_text(spec.to_json(), encoding="utf-8")
    return spec


def default_output(path: Path, preprocess: PreprocessSpec) -> str:
    """The tensor of a graph that is most likely its embedding.

    A declared output with an embedding's name; else, of a classifier (it ends in a softmax, or is
    as wide as ImageNet), the tensor before the classifier; else the first output.
    """
    outputs = read_outputs(path)
    for name in EMBEDDING_NAMES:
        if name in outputs:
            return name
    if not outputs:
        raise ModelSpecError(f"{path} declares no output; say which tensor to take")
    graph = read_graph(path)
    _, width = _pool_and_width(path, outputs[0], None, preprocess)
    if width in CLASS_COUNTS or _ends_in_softmax(graph):
        return last_feature_tensor(graph) or outputs[0]
    return outputs[0]


def fit_to_graph(path: Path, preprocess: PreprocessSpec) -> PreprocessSpec:
    """The same preprocessing with the layout and the size that the graph fixes, if it does."""
    shape = input_shape(path)
    if len(shape) != 4:
        return preprocess
    layout = "NHWC" if shape[3] == 3 and shape[1] != 3 else "NCHW"
    side = shape[1] if layout == "NHWC" else shape[2]
    if side is None or side == preprocess.size:
        return with_changes(preprocess, layout=layout)
    before = preprocess.resize_to
    scaled = None if before is None else round(before * side / preprocess.size)
    return with_changes(preprocess, layout=layout, size=side, resize_to=scaled)


def parts_of_layout(folder: Path, name: str) -> ModelParts:
    """What lies in a folder of the hub's layout; ModelError when it is none."""
    graph = _first_there(folder, _VISION_FILES)
    config = _first_there(folder, _CONFIG_FILES)
    if graph is None or config is None:
        missing = " or ".join(_VISION_FILES if graph is None else _CONFIG_FILES)
        raise ModelNotFoundError(
            f"{folder} is no model folder: it lacks {SPEC_FILE}, and {missing}"
        )
    text = graph.with_name("text_model.onnx")
    tokenizer = folder / "tokenizer.json"
    sides = None
    if graph.name == "vision_model.onnx" and (text.is_file() or tokenizer.is_file()):
        for needed, other in ((text, tokenizer), (tokenizer, text)):
            if not needed.is_file():
                raise ModelNotFoundError(
                    f"{needed} is not there, and {other.name} alone reads no words; add it, or "
                    f"remove {other.name} to have a model that only sees"
                )
        sides = TextParts(text, tokenizer, text_facts(text, tokenizer))
    preprocess = fit_to_graph(graph, read_preprocess(config))
    return ModelParts(name, graph, preprocess, origin=f"added from a folder {name}", text=sides)


def text_facts(graph: Path, tokenizer: Path, known: TextFacts | None = None) -> TextFacts:
    """How the text side wants its tokens, by its files, or as is known and fits the graph.

    Raises ModelError where a file cannot be read.
    """
    shape = input_shape(graph)
    length = shape[1] if len(shape) == 2 else None
    if known is None:
        return read_text_facts(tokenizer, length)
    return known if length is None else TextFacts(length, known.pad or 0, known.lower)


def _install(
    name: str, models: Path | None, replace: bool, build: Callable[[Path], object]
) -> ModelInfo:
    models = models or models_folder()
    target = free_place(name, models, replace=replace)
    try:
        with new_folder(target) as made:
            build(made)
            _rename_spec(made, name)
            check_model(made)
    except OSError as error:
        where = error.filename or target
        raise ModelError(f"{where}: {error.strerror or error}; nothing was added") from error
    return model_info(name, models)


def _rename_spec(folder: Path, name: str) -> None:
    spec = read_spec(folder)
    if spec.name != name:
        renamed = with_changes(spec, name=name)
        parse_spec(json.loads(renamed.to_json()), folder / SPEC_FILE)
        (folder / SPEC_FILE).write_text(renamed.to_json(), encoding="utf-8")


def _copy_folder(folder: Path, into: Path) -> None:
    """The files of the folder itself: a model folder has no subfolders."""
    into.mkdir()
    for path in sorted(folder.iterdir()):
        if path.is_file() and not path.name.startswith("."):
            shutil.copyfile(path, into / path.name)


def _copy_graph(graph: Path, target: Path, outputs: Sequence[str] = ()) -> None:
    """Take a network; where outputs are named, without what comes behind them."""
    whole = graph.read_bytes()
    target.write_bytes((cut(whole, outputs) if outputs else None) or whole)
    for name in read_graph(target).external:
        if Path(name).name != name:
            raise ModelSpecError(f"{graph} keeps weights in {name!r}, outside its own folder")
        shutil.copyfile(graph.parent / name, target.parent / name)


def _classes_spec(labels: Path, graph: Path, into: Path) -> ClassesSpec:
    read_labels(labels)  # that it can be read, before it is copied
    shutil.copyfile(labels, into / "labels.txt")
    return ClassesSpec(read_outputs(graph)[0], "labels.txt")


def _text_spec(text: TextParts, into: Path) -> TextSpec:
    outputs = read_outputs(text.graph)
    output = next((name for name in TEXT_NAMES if name in outputs), outputs[0] if outputs else None)
    if output is None:
        raise ModelSpecError(f"{text.graph} declares no output")
    spec = TextSpec(
        file="text.onnx",
        tokenizer="tokenizer.json",
        context=text.facts.context,
        output=output,
        prompt=text.prompt,
        # With a vector for each token, the end of the text is where CLIP and similar models sum up.
        pool="last" if output_ranks(text.graph).get(output) == 3 else "none",
        pad=text.facts.pad,
        lower=text.facts.lower,
    )
    with suppress(ExtraMissingError):  # then `check_model` says that it was not tried
        read_tokenizer(text.tokenizer, spec)  # here, so that an error names this file
    _copy_graph(text.graph, into / "text.onnx")
    shutil.copyfile(text.tokenizer, into / "tokenizer.json")
    return spec


def _pool_and_width(
    path: Path, output: str, pool: str | None, preprocess: PreprocessSpec
) -> tuple[str, int]:
    """Runs a grey picture to see what comes out."""
    network = Network(path, output, preprocess)
    grey = np.full((preprocess.size, preprocess.size, 3), 128, dtype=np.uint8)
    tensor = network([grey])
    is_map = tensor.ndim == 4 and tensor[0].size > max(tensor.shape[1:])
    pool = pool or ("average" if is_map else "none")
    try:
        return pool, int(pooled(tensor, pool).shape[1])
    except ValueError as error:
        raise ModelSpecError(f"{path}: {output!r}: {error}; name another tensor") from error


def _ends_in_softmax(graph: Graph) -> bool:
    makers = {name: node.op for node in graph.nodes for name in node.outputs}
    return makers.get(graph.outputs[0]) == "Softmax"


def _first_there(folder: Path, names: Iterable[str]) -> Path | None:
    return next((folder / name for name in names if (folder / name).is_file()), None)
