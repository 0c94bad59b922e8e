"""Vectors of a batch in which there may be a picture that the model cannot take."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from visavis.errors import ModelError
from visavis.types import RGB

Make = Callable[[Sequence[RGB]], NDArray[Any]]
"""Pictures to one row for each; raises ModelError for all of them where one cannot be taken."""


def tolerant_rows(make: Make, pictures: Sequence[RGB]) -> tuple[list[NDArray[Any]], dict[int, str]]:
    """The rows of the pictures that a model can take, in order, and why it cannot take others.

    A batch that fails is made again, picture by picture. Raises ModelError where the model takes
    none of them, nor a plain grey one: then not the pictures are to blame.
    """
    if not pictures:
        return [], {}
    try:
        return [*make(pictures)], {}
    except ModelError as error:
        whole = error
    rows: list[NDArray[Any]] = []
    reasons: dict[int, str] = {}
    for place, picture in enumerate(pictures):
        try:
            rows += [*make([picture])]
        except ModelError as error:
            reasons[place] = str(error)
    if not rows and not _takes_grey(make):
        raise whole
    return rows, reasons


def _takes_grey(make: Make) -> bool:
    try:
        make([np.full((64, 64, 3), 127, np.uint8)])
    except ModelError:
        return False
    return True
