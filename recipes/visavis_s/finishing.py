"""The closed-form end fitted to pictures, with everything about it chosen on held-out ones."""

import logging
import random
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import onnx
import torch
from PIL.Image import Image as Picture
from recipes.visavis_s import colours
from recipes.visavis_s.choosing import CHOICES, Choice, Figures, best, judged
from recipes.visavis_s.colour import Colour
from recipes.visavis_s.colours import ColourDirections
from recipes.visavis_s.looking import PATCH, Seen, every_edit, look, numbers, some_edits
from recipes.visavis_s.pictures import Row, open_picture
from recipes.visavis_s.scenes import in_scene
from recipes.visavis_s.semantic import Semantic, mean_picture
from recipes.visavis_s.vector import (
    Parts,
    Projection,
    edit_whitening,
    joined,
)
from torch import Tensor
from torch.nn import functional

from visavis.training.networks.colour import ColourHistogram

log = logging.getLogger("recipes.visavis_s")

VISUAL = 384
"""Dimensions of the visual part. Held-out products in scenes and the worst edit, by 256, 320 and
384 of them: .58, .60, .62 and .87, .90, .90; kinds of things .698, .696, .694; each costs an index
two bytes a picture. (With a spread of .5.)"""
MEANT = 0.1
"""The semantic part's share: what it brings to kinds of things, before it costs copies."""

_FITTED = 2400  # pictures, with an edit of each, that all is fitted to
_EDITED = 120  # held-out pictures of which every kind of edit is tried


@dataclass(frozen=True, slots=True, eq=False)
class Finished:
    """The parts of the end, and how they were chosen."""

    parts: Parts
    record: dict[str, Any]
    held: list[Row]
    """The held-out pictures that choices were made on."""
    scores: Tensor
    """(held, 1000): their class scores, before softmax."""
    colours: ColourDirections


def finish(
    graph: onnx.ModelProto, rows: Sequence[Row], space: Semantic, side: int, seed: int
) -> Finished:
    """Fit the end to what a network's graph says, and choose.

    Args:
        graph: Of graph.py.
        rows: All pictures; those held out are chosen with, the others fitted to.
        space: Where each class lies among words.
        side: Pixels that the graph takes, both ways.
        seed: Draws pictures and edits.
    """
    fitting = [row for row in rows if not row.held_out]
    chosen_rows = [fitting[n] for n in numbers(seed, len(fitting), _FITTED)]
    drawn = [open_picture(row) for row in chosen_rows]
    clean = look(graph, drawn, side)
    edits = look(graph, some_edits(drawn, seed), side)
    held = _held_out(rows)
    asked = look(graph, (open_picture(row) for row in held), side)
    first = [open_picture(row) for row in held[:_EDITED]]
    found = look(graph, every_edit(first, seed + 1), side)
    tinted = look(graph, colours.laid_over([open_picture(r) for r in colours.chosen(rows)]), side)
    placed = look(graph, _scenes(held, seed + 2), side)
    log.info("looked at %d pictures and %d edits", len(drawn) + len(held), len(found.features))
    tried, ends, named = {}, {}, {}
    for choice, end in _ends(clean, edits, side):
        ends[choice] = end
        named[choice] = colours.directions(end(tinted).numpy())
        tried[choice] = judged(
            end(asked),
            [row.fields["label"] for row in held if not _is_product(row)],
            [(row.fields["label"], row.fields["baseColour"]) for row in held if _is_product(row)],
            end(found).reshape(-1, len(first), VISUAL),
            end(placed),
            named[choice].basic(),
        )
    chosen = best(tried)
    log.info("chosen: %s %s", chosen, tried[chosen])
    labels = [row.fields["label"] for row in chosen_rows]
    mean = mean_picture(space, clean.scores.numpy(), labels)
    parts = Parts(
        ends[chosen].projection,
        ends[chosen].colour,
        chosen.share,
        ends[chosen].whitening,
        torch.from_numpy(space.classes),
        torch.from_numpy(mean),
        MEANT,
    )
    record = _record(tried, chosen, len(drawn), len(held), len(first))
    return Finished(parts, record, held, asked.scores, named[chosen])


@dataclass(frozen=True, slots=True, eq=False)
class _Visual:
    """The visual part of one choice."""

    projection: Projection
    colour: Colour
    share: float
    whitening: Tensor

    def __call__(self, seen: Seen) -> Tensor:
        shades = self.colour.rotation(seen.colours)
        whole = joined(self.projection(seen.features), shades, self.share)
        return functional.normalize(whole @ self.whitening, dim=1)


def _ends(clean: Seen, edits: Seen, side: int) -> Iterator[tuple[Choice, _Visual]]:
    """The visual part of every choice."""
    which = torch.arange(len(clean.features)).repeat(2)
    features = torch.cat([clean.features, edits.features])
    for count, spread in dict.fromkeys((choice.colours, choice.spread) for choice in CHOICES):
        projection = Projection.fit(features, VISUAL - count, spread)
        colour = Colour.fit(ColourHistogram(side, PATCH), clean.colours, count)
        seen = [projection(part.features) for part in (clean, edits)]
        shades = [colour.rotation(part.colours) for part in (clean, edits)]
        for choice in CHOICES:
            if (choice.colours, choice.spread) == (count, spread):
                pairs = torch.cat(
                    [joined(a, b, choice.share) for a, b in zip(seen, shades, strict=True)]
                )
                matrix = edit_whitening(pairs, which, choice.shrinkage)
                yield choice, _Visual(projection, colour, choice.share, matrix)


def _held_out(rows: Sequence[Row]) -> list[Row]:
    """Held-out pictures: those of train-mix first, each part in an order that says nothing."""
    held = (row for row in rows if row.held_out)
    return sorted(held, key=lambda row: (_is_product(row), row.draw))


def _scenes(held: Sequence[Row], seed: int) -> Iterator[Picture]:
    """Each held-out product in front of one of the other held-out pictures."""
    products = [row for row in held if _is_product(row)]
    others = [row for row in held if not _is_product(row)]
    for number, row in enumerate(products):
        chance = random.Random(f"{seed} {number}")
        yield in_scene(open_picture(row), open_picture(chance.choice(others)), chance)


def _is_product(row: Row) -> bool:
    return "baseColour" in row.fields


def _record(
    tried: dict[Choice, Figures], chosen: Choice, fitted: int, held: int, edited: int
) -> dict[str, Any]:
    return {
        "fitted_to": fitted,
        "held_out": held,
        "edited": edited,
        "chosen": asdict(chosen),
        "tried": [
            asdict(choice) | {k: round(v, 4) for k, v in asdict(figures).items()}
            for choice, figures in tried.items()
        ],
    }
