"""The recipe of the built-in model, `visavis-s`.

    python -m recipes.visavis_s --data DIR DIR --weights DIR --minilm DIR --out DIR [--tuned FILE]

Openly licensed weights (EfficientNet-Lite0), in integers, with a closed-form end, a place for every
picture among words, and the words themselves. `--tuned` is the checkpoint of finetune.py; without
it the weights are taken as they are. The same inputs give the same bytes on the same machine.
"""

import argparse
import logging
import sys
from collections.abc import Sequence
from pathlib import Path

import torch
from recipes.visavis_s.building import Inputs, build

from visavis.errors import UsageError, VisavisError


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; 0, or 2 for inputs that cannot be used, with a sentence."""
    given = _parser().parse_args(arguments)
    logging.basicConfig(format="%(asctime)s %(message)s")
    logging.getLogger("recipes").setLevel(logging.INFO)
    torch.set_num_threads(given.threads)
    inputs = Inputs(
        given.data, given.weights, given.minilm, given.tuned, given.browser, given.reference
    )
    try:
        build(inputs, given.out)
    except VisavisError as error:
        sys.stderr.write(f"error: {error}\n")
        return error.exit_code
    except OSError as error:
        sys.stderr.write(f"error: {error.filename or given.out}: {error.strerror or error}\n")
        return UsageError.exit_code
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m recipes.visavis_s", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--data", nargs="+", type=Path, required=True, help="picture folders")
    parser.add_argument("--weights", type=Path, required=True, help="folder of the package's files")
    parser.add_argument("--minilm", type=Path, required=True, help="folder of all-MiniLM-L6-v2")
    parser.add_argument("--out", type=Path, required=True, help="the model folder to write")
    parser.add_argument("--tuned", type=Path, help="checkpoint of recipes.visavis_s.finetune")
    parser.add_argument("--browser", type=Path, help="folder with onnxruntime-web, to compare with")
    parser.add_argument(
        "--reference", type=Path, help="file for the vectors that tests compare with"
    )
    parser.add_argument("--threads", type=int, default=2, help="of the CPU")
    return parser


if __name__ == "__main__":
    sys.exit(main())
