"""The vectors that the built-in model must give, computed by torch and by ONNX's definitions.

    python tests/unit/embedders/visavis_s_reference.py CHECKPOINT

CHECKPOINT is what the shipped model was exported from. The network's weights come from there, not
from the exported file, and pictures are prepared as the training prepares them, so an error of the
export, of the runtime or of the engine's preprocessing shows. Only what was fitted when the model
was exported (the blend, the rotation of colours, the whitening) is taken from the model folder.

Torch computes in 32 bits, which shows what integers cost. What integers must give is computed from
the shipped graph by ONNX's reference evaluator, which follows the specification operator by
operator.
"""

import argparse
import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from onnx.reference import ReferenceEvaluator
from onnx.version_converter import convert_version
from PIL import Image
from torch import Tensor

from visavis.embedders.registry import model_info
from visavis.embedders.spec import read_spec
from visavis.images.drawn import draw_gallery
from visavis.training.colour import Colour, ColourHistogram
from visavis.training.export import merged
from visavis.training.networks import Shape, Student, TwoScales
from visavis.training.retriever import Blend, Retriever

FILE = Path(__file__).parent / "visavis_s_vectors.json"


def retriever(checkpoint: Path, folder: Path, side: int) -> Retriever:
    """The network as it was trained, with the colour part and the blend of the model folder."""
    content = torch.load(checkpoint, weights_only=True, map_location="cpu")
    student = Student(Shape(**content["settings"]["shape"]))
    student.load_state_dict(content["averaged"])
    stored = {
        tensor.name: numpy_helper.to_array(tensor)
        for tensor in onnx.load(str(folder / "model.onnx")).graph.initializer
    }
    histogram = ColourHistogram(side)
    rotation = matrix(stored, lambda shape: shape[0] == histogram.dim)
    metrics = json.loads((folder / "metrics.json").read_text())["blend"]
    whitening = None
    if metrics["shrinkage"] < 1:
        whitening = matrix(stored, lambda shape: shape[0] == shape[1]).T
    blend = Blend(**metrics["blend"])
    looking = TwoScales(student.eval(), content["settings"]["second_side"])
    return Retriever(looking, Colour(histogram, rotation), blend, whitening)


def matrix(stored: Mapping[str, np.ndarray], fits: Callable[[tuple[int, ...]], bool]) -> Tensor:
    """The one matrix of that shape; the export gives it a name of its own making."""
    [name] = [k for k, v in stored.items() if v.dtype == np.int8 and v.ndim == 2 and fits(v.shape)]
    scale = stored[name.removesuffix(".int8") + ".scale"]
    return torch.from_numpy(stored[name].astype(np.float32) * scale)


def pictures(side: int) -> Tensor:
    """The four drawn pictures, squashed: (4, 3, side, side) in -1…1."""
    drawn = [picture.pixels for picture in draw_gallery(16)][::4]
    squares = [
        np.asarray(Image.fromarray(pixels).resize((side, side), Image.Resampling.BICUBIC))
        for pixels in drawn
    ]
    return torch.from_numpy(np.stack(squares)).permute(0, 3, 1, 2).float() / 127.5 - 1


def main() -> None:
    """Write `FILE`."""
    parser = argparse.ArgumentParser(description="Write the built-in model's reference vectors.")
    parser.add_argument("checkpoint", type=Path, help="what the model was exported from")
    parser.add_argument("--model", type=Path, default=model_info("visavis-s").folder)
    parser.add_argument("--to", type=Path, default=FILE)
    options = parser.parse_args()
    spec = read_spec(options.model)
    network = merged(retriever(options.checkpoint, options.model, spec.preprocess.size))
    images = pictures(spec.preprocess.size)
    with torch.inference_mode():
        exact = network(images)[0].numpy()
    # The evaluator knows integers from version 19 of the operators on.
    evaluator = ReferenceEvaluator(convert_version(onnx.load(options.model / spec.file), 19))
    whole = evaluator.run([spec.output], {evaluator.input_names[0]: images.numpy()})[0]
    shape = {
        "sha256": spec.sha256,
        "by": f"torch {torch.__version__}, onnx {onnx.__version__}",
        "float32": _written(exact),
        "integers": _written(whole),
    }
    options.to.write_text(json.dumps(shape) + "\n")
    worst = float((exact * whole).sum(axis=1).min())
    sys.stderr.write(f"wrote {options.to}; lowest cosine of integers with 32 bits {worst:.5f}\n")


def _written(vectors: np.ndarray) -> list[list[float]]:
    return [[round(float(number), 5) for number in row] for row in vectors]


if __name__ == "__main__":
    main()
