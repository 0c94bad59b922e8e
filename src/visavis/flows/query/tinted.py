"""Words that name a thing and its colour, as *red shoes* do: what has the colour comes first.

A model of words knows the kind better than the colour. So the first matches by looks are put in
another order: their scores are multiplied with how much of each subject has the colour, as the
sides of a question are (see sides.py). More of it harms photographs, where a black cat is so called
for some of the picture; docs/design.md has the figures.
"""

from collections.abc import Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray

from visavis.flows.aspects.colours import ASPECT, colours_kept
from visavis.matching.colour.likeness import Wanted, likeness, of_shades
from visavis.matching.colour.names import named, shades_of
from visavis.store.aspects import Numbers, WithAspects, has_aspects
from visavis.store.base import VectorStore
from visavis.store.capabilities import Again
from visavis.types import Term, TextTerm

_WEIGHT = 0.1  # of the colour's logarithm, that of the words' score having 1
_FLOOR = 1e-3  # of a score, whose logarithm is taken


def tinted(terms: Sequence[Term], store: VectorStore) -> Again | None:
    """Puts matches in an order by looks and colour; None where no colour is named, or none kept."""
    asked = [term for term in terms if term.weight > 0]
    if len(asked) != 1 or not isinstance(asked[0], TextTerm):
        return None
    colour = named(asked[0].text)
    if colour is None or not has_aspects(store) or not colours_kept(store):
        return None

    def again(numbers: Numbers, scores: NDArray[np.floating]) -> NDArray[np.floating]:
        return _looks(scores) + _WEIGHT * _logs(_tints(store, numbers, _wanted(colour)))

    return again


def _looks(scores: NDArray[np.floating]) -> NDArray[np.floating]:
    """Logarithms of scores, counted from the least of these on."""
    counted = scores - scores.min(initial=np.inf)
    return _logs(counted / max(counted.max(initial=0.0), 1e-9))


def _tints(store: WithAspects, numbers: Numbers, wanted: Wanted) -> NDArray[np.floating]:
    """How much of each record has the colour; of those whose colours are not known, nothing."""
    kept = store.aspects.rows(ASPECT)
    found = np.zeros(len(numbers))
    _, here, there = np.intersect1d(numbers, kept.numbers, assume_unique=True, return_indices=True)
    found[here] = likeness(kept.values[there], wanted)
    return found


def _logs(scores: NDArray[np.floating]) -> NDArray[np.floating]:
    found: NDArray[np.floating] = np.log(np.maximum(scores, _FLOOR))
    return found


@cache
def _wanted(colour: str) -> Wanted:
    return of_shades(shades_of(colour))
