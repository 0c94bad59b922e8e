"""What is fitted around the trained network, once, when the built-in model is written."""

import logging
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import torch

from visavis.training.builtin_data import Data
from visavis.training.builtin_settings import Settings
from visavis.training.calibrate import (
    Labelled,
    Parts,
    Trial,
    best,
    pair_whitening,
    trials,
    whitenings,
)
from visavis.training.colour import Colour, ColourHistogram
from visavis.training.held_out import HeldOut, look, look_at_pairs
from visavis.training.networks import Student, TwoScales
from visavis.training.retriever import Retriever

log = logging.getLogger("visavis.training")

_PAIRS = 3000
"""Training pictures, with an edit of each, that the whitening is made from."""


def fit_vector(
    student: Student | TwoScales, data: Data, held_out: HeldOut, settings: Settings
) -> tuple[Retriever, dict[str, Any]]:
    """The network with the colour part, the blend and the whitening that do best; and the trials.

    Kinds of things and copies are tried on held-out pictures, products on all there are: most of
    those were trained on (without labels), which the trials count.
    """
    colour = fit_colour(data, settings)
    labels = [data.entries[i].label for i in data.held_out]
    products = look_at_products(data, student, colour, settings)
    originals, copies = held_out.parts(student, colour)
    asked = Labelled(originals, labels)
    blends = trials(asked, copies, products)
    blend = best(blends).blend
    pairs = look_at_training_pairs(data, student, colour, settings)
    tried = whitenings(blend, asked, copies, products, pairs)
    chosen = best(tried)
    log.info("blend: %s", chosen)
    matrix = pair_whitening(blend, pairs, chosen.shrinkage) if chosen.shrinkage < 1 else None
    return Retriever(student, colour, blend, matrix), {
        "blend": asdict(chosen),
        "blends_tried": [[*asdict(trial.blend).values(), *_figures(trial)] for trial in blends],
        "shrinkages_tried": [[trial.shrinkage, *_figures(trial)] for trial in tried],
        "products": {
            "pictures": len(data.products),
            "held_out": len(np.intersect1d(data.products, data.held_out)),
        },
    }


def fit_colour(data: Data, settings: Settings) -> Colour:
    """The colour part, fitted to up to 8,000 training pictures drawn by the seed."""
    rng = np.random.default_rng([settings.seed, 2])
    chosen = rng.choice(data.kept, min(8000, len(data.kept)), replace=False)
    histogram = ColourHistogram(settings.final_side)
    rows = [histogram(images) for images in data.images(chosen, settings.final_side)]
    return Colour.fit(histogram, torch.cat(rows), settings.colour)


def look_at_products(
    data: Data, student: Student | TwoScales, colour: Colour, settings: Settings
) -> Labelled:
    """All pictures whose colour is known, also those that were trained on: few are held out.

    The training saw no labels, but it saw most of these pictures; figures made with them serve to
    choose between blends, and are no measure of quality.
    """
    labels = [data.entries[i].colour for i in data.products]
    if not labels:
        return Labelled(Parts(*(np.zeros((0, 1), np.float32) for _ in "abc")), labels)
    return Labelled(look(student, colour, data.images(data.products, settings.final_side)), labels)


def look_at_training_pairs(
    data: Data, student: Student | TwoScales, colour: Colour, settings: Settings
) -> tuple[Parts, Parts]:
    """Training pictures drawn by the seed, and an edited copy of each."""
    rng = np.random.default_rng([settings.seed, 4])
    chosen = rng.choice(data.kept, min(_PAIRS, len(data.kept)), replace=False)
    batches = list(data.images(chosen, settings.final_side))
    return look_at_pairs(student, colour, batches, seed=settings.seed + 2)


def _figures(trial: Trial) -> Sequence[float]:
    return [round(value, 4) for value in (trial.precision, trial.recall, trial.products)]
