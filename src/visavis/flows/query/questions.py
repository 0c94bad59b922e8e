"""What people ask with, as terms."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from visavis.flows.query.terms import parse_picture, typed_terms
from visavis.types import RGB, ImageTerm, Term, Vectors, VectorTerm

_MEANT = "a text, path, bytes, array of uint8 or vector, picture of Pillow, or one or more terms"
Question = Term | str | Path | bytes | RGB | Image.Image | Vectors | Sequence[Term]
"""What people ask with: a term or several, a path, a file's bytes, pixels, a picture of Pillow, a
vector (dim,) of the index's model, or text (see `parse_term`)."""


def as_terms(question: Question) -> tuple[Term, ...]:
    """The terms of a question. Raises as `parse_term` does."""
    if isinstance(question, Term):
        return (question,)
    if isinstance(question, str):
        return typed_terms(question)
    if isinstance(question, np.ndarray) and question.ndim == 1:
        return (VectorTerm(np.asarray(question, np.float32)),)
    if isinstance(question, np.ndarray):
        return (ImageTerm(np.asarray(question)),)
    if isinstance(question, Path | bytes | Image.Image):
        return (ImageTerm(question),)
    if isinstance(question, list | tuple) and all(isinstance(one, Term) for one in question):
        return tuple(question)
    raise TypeError(f"a question is {_MEANT}, not {type(question).__name__}")


def as_picture(question: Question) -> tuple[Term, ...]:
    """The same of a question that is about one picture or record; raises as `parse_picture` does.

    What is no text is for the caller to judge.
    """
    return (parse_picture(question),) if isinstance(question, str) else as_terms(question)
