"""From weights, pictures and sentences to the folder of the built-in model."""

import hashlib
import logging
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import onnx
import torch
from PIL.Image import Image as Picture
from recipes.visavis_s import browser, colours, reference, rounding, semantic, tags, words
from recipes.visavis_s.assembling import assembled, packed
from recipes.visavis_s.equalise import equalised, largest
from recipes.visavis_s.finetune import tuned_state
from recipes.visavis_s.finishing import VISUAL, Finished, finish
from recipes.visavis_s.graph import convolutions
from recipes.visavis_s.looking import numbers
from recipes.visavis_s.network import LITE0, Convolution, Network, whole
from recipes.visavis_s.pictures import Row, batches, open_picture, rows
from recipes.visavis_s.ranges import ranges
from recipes.visavis_s.rounding import agreement, check, vectors
from recipes.visavis_s.vector import SOFTNESS, End
from torch import Tensor
from torch.nn import functional

from visavis.embedders.spec import (
    ClassesSpec,
    ModelSpec,
    PreprocessSpec,
    SemanticSpec,
    WordsSpec,
)
from visavis.training.graphs.tracing import write_folder

log = logging.getLogger("recipes.visavis_s")

SEED = 20
HERE = Path(__file__).parent
NOTICE = HERE / "NOTICE"
LABELS = Path(str(files("visavis.embedders"))) / "builtin" / "visavis-s" / "labels.txt"

_TYPICAL = 128  # pictures that the ranges of activations are taken from
_COMPARED = 200  # held-out pictures that ways of computing are compared on


@dataclass(frozen=True, slots=True)
class Inputs:
    """What the model is made from."""

    data: Sequence[Path]
    """Folders of pictures with a labels.csv."""
    weights: Path
    """Folder with the files of the package."""
    minilm: Path
    """Folder with text.onnx and tokenizer.json."""
    tuned: Path | None = None
    """Checkpoint of the fine-tuning; None: the weights as they are."""
    browser: Path | None = None
    """A folder with onnxruntime-web, to compare with what browsers compute; None: not compared."""
    reference: Path | None = None
    """Where to write the vectors that tests compare with (reference.py); None: nowhere."""


def build(inputs: Inputs, out: Path) -> None:
    """Write the model folder. Raises a VisavisError for inputs that cannot be used."""
    every = rows(inputs.data)
    network, steps = _network(inputs, every)
    chained = network.chained()
    covered = ranges(whole(chained), _typical(every))
    integers = convolutions(chained, network.classifier(), LITE0.side, covered)
    read = semantic.MiniLM(inputs.minilm)
    space = semantic.build(read, semantic.read_labels(LABELS))
    finished = finish(integers, every, space, LITE0.side, SEED)
    end = End(finished.parts)
    model = packed(assembled(integers, end))
    compared = _compare(model, chained, network, end, every, inputs.browser)
    out.mkdir(parents=True, exist_ok=True)
    mean = finished.parts.mean.numpy()
    listed = words.rows(
        read, space, mean, words.whole_words(inputs.minilm / "tokenizer.json"), colours.wordless()
    )
    words.save(out / "words.bin.gz", listed)
    colours.save(out / "colours.bin", finished.colours)
    tags.save(out / "tags.tsv", tags.cuts(space, listed, _known(finished)))
    shutil.copyfile(NOTICE, out / "NOTICE")
    recipe = _recipe(inputs, every, steps)
    _write(out, model, finished, recipe, compared, space.labels)
    if inputs.reference is not None:
        reference.write(inputs.reference, model, network, end)
    log.info("wrote %s", out)


def _network(inputs: Inputs, every: Sequence[Row]) -> tuple[Network, int]:
    """The network with the weights to ship, and the steps that it was fine-tuned for."""
    network = Network.read(inputs.weights, LITE0)
    if inputs.tuned is None:
        chained = network.chained()
        return network.with_chain(equalised(chained, largest(chained, _typical(every)))), 0
    state, steps = tuned_state(inputs.tuned)
    network.load_state_dict(state)
    return network, steps


def _typical(every: Sequence[Row]) -> list[Tensor]:
    return list(batches(_fitted(every, _TYPICAL, SEED + 1), LITE0.side, 16))


def _fitted(every: Sequence[Row], count: int, seed: int) -> list[Picture]:
    kept = [row for row in every if not row.held_out]
    return [open_picture(kept[n]) for n in numbers(seed, len(kept), count)]


def _compare(
    model: onnx.ModelProto,
    chained: list[Convolution],
    network: Network,
    end: End,
    every: Sequence[Row],
    modules: Path | None,
) -> dict[str, Any]:
    """What integers cost; ModelError where two ways of computing them disagree too often."""
    held = [row for row in every if row.held_out]
    pictures = [open_picture(held[n]) for n in numbers(SEED + 2, len(held), _COMPARED)]
    plain = assembled(convolutions(chained, network.classifier(), LITE0.side), end)
    ours = vectors(model, pictures)
    in_floats = agreement(ours, vectors(model, pictures, fused=False))
    found = {
        "pictures": len(pictures),
        "integers_computed_in_floats": in_floats,
        "before_rounding": agreement(ours, vectors(plain, pictures)),
    }
    if modules is not None:
        there, took = browser.vectors(model, pictures, modules)
        in_browser = agreement(ours, there)
        found["browser"] = in_browser | {"ms": took}
        check(in_browser, rounding.IN_BROWSER)
    log.info("rounding: %s", found)
    check(in_floats, rounding.SAME)
    return found


def _known(finished: Finished) -> tags.Known:
    """Where the held-out pictures are among words."""
    shares = (finished.scores * SOFTNESS).softmax(dim=1)
    places = functional.normalize(shares @ finished.parts.classes - finished.parts.mean, dim=1)
    return tags.known(finished.held, places.numpy())


def _recipe(inputs: Inputs, every: Sequence[Row], steps: int) -> dict[str, Any]:
    kept = [row for row in every if not row.held_out]
    names = "\n".join(row.name for row in every)
    return {
        "recipe": "recipes/visavis_s",
        "weights": asdict(LITE0),
        "sentences": hashlib.sha256((inputs.minilm / "text.onnx").read_bytes()).hexdigest(),
        "fine_tuning_steps": steps,
        "data": {
            "pictures": len(kept),
            "held_out": len(every) - len(kept),
            "sha256": hashlib.sha256(names.encode()).hexdigest(),
        },
        "seed": SEED,
        "torch": torch.__version__,
    }


def _write(
    out: Path,
    model: onnx.ModelProto,
    finished: Finished,
    recipe: dict[str, Any],
    compared: dict[str, Any],
    labels: Sequence[str],
) -> None:
    content = model.SerializeToString()
    meant = finished.parts.classes.shape[1]
    spec = ModelSpec(
        name="visavis-s",
        file="model.onnx",
        sha256=hashlib.sha256(content).hexdigest(),
        output="embedding",
        pool="none",
        dim=VISUAL + meant,
        preprocess=PreprocessSpec(size=LITE0.side, mean=(0.5,) * 3, std=(0.5,) * 3),
        classes=ClassesSpec("classes", "labels.txt"),
        semantic=SemanticSpec(meant, finished.parts.meant),
        text=WordsSpec("words.bin.gz", colours="colours.bin", tags="tags.tsv"),
        license="Apache-2.0",
        origin="EfficientNet-Lite0 (Google), converted by ML Illustrated; recipes/visavis_s",
    )
    records = {"recipe": recipe, "metrics": finished.record | {"rounding": compared}}
    write_folder(out, spec, content, records, labels)
