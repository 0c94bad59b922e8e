"""What a training is given: the pictures of any source, and what they are labelled."""

import difflib
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from visavis.errors import SourceError, UsageError
from visavis.filters import alike_note, as_label, list_note
from visavis.sources.base import Source
from visavis.types import Entry, Failure

Numbers = NDArray[np.int64]
"""Numbers of samples."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One picture of a source, and its label."""

    entry: Entry
    label: str
    """The value of the field as text; empty where nobody asked for labels."""


class NamedSamples(NamedTuple):
    """What a source names."""

    samples: list[Sample]
    failed: list[Failure]
    notes: list[str]


def named(
    source: Source, field: str | None, *, optional: bool = False, lists: bool = False
) -> NamedSamples:
    """The pictures of a source with their labels, in its order; no picture is opened.

    A picture without a value of the field is reported and left out or, if `optional`, kept
    with an empty label. `lists` says that a list will be taken for several labels. Of an id that
    occurs twice the last one counts. An id or a label with a NUL character is a failure. Raises
    SourceError when there is no picture, UsageError when none has the field.
    """
    found: dict[str, Sample] = {}
    failed: list[Failure] = []
    fields: set[str] = set()
    without = twice = 0
    for item in source.entries():
        if isinstance(item, Failure):
            failed.append(item)
            continue
        fields |= item.fields.keys()
        if field is not None and field not in item.fields:
            without += 1
            if not optional:
                continue
        sample = Sample(item, "" if field is None else as_label(item.fields.get(field, "")))
        if (refused := _refused(sample)) is not None:
            failed.append(refused)
            continue
        twice += item.id in found
        found[item.id] = sample
    if field is not None and field not in fields and without:
        raise UsageError(f"{source.uri}: no picture has a field {field!r}; {_hint(field, fields)}")
    if not found:
        why = f" ({failed[0].uri}: {failed[0].reason})" if failed else ""
        raise SourceError(f"{source.uri}: there is no picture in it to train on{why}")
    notes = []
    if without and not optional:
        notes.append(f"{without:,} pictures were left out: they have no {field!r}")
    labels = {sample.label for sample in found.values() if sample.label}
    of_lists = None if lists else list_note(labels, field or "")
    notes += filter(None, (alike_note(labels, field or ""), of_lists))
    if twice:
        notes.append(f"{twice:,} ids occur more than once; the last of each counts")
    return NamedSamples(list(found.values()), failed, notes)


def _refused(sample: Sample) -> Failure | None:
    """What is wrong with a picture's texts: NUL characters part them in `data_hash`."""
    id, uri = sample.entry.id, sample.entry.uri
    for name, text in (("id", id), ("URI", uri), ("label", sample.label)):
        if "\0" in text:
            return Failure(uri, f"its {name} {text!r} holds a NUL character")
    return None


def check_field(samples: Sequence[Sample], field: str, option: str) -> None:
    """Raise UsageError that names the fields there are when no picture has this one."""
    fields = {name for sample in samples for name in sample.entry.fields}
    if field not in fields:
        there = ", ".join(sorted(fields)) or "none"
        raise UsageError(f"{option}: no picture has a field {field!r}; fields: {there}")


def label_numbers(labels: Sequence[str]) -> Numbers:
    """Each label as a number, in the order of the labels' names."""
    return np.unique(np.array(labels), return_inverse=True)[1].astype(np.int64)


def data_hash(samples: Sequence[Sample], hashes: Sequence[str]) -> str:
    """SHA-256 of what is trained on: ids, contents (by their own SHA-256) and labels, no paths."""
    digest = hashlib.sha256()
    for sample, sha256 in zip(samples, hashes, strict=True):
        digest.update("\0".join((sample.entry.id, sha256, sample.label)).encode() + b"\n")
    return digest.hexdigest()


def _hint(field: str, fields: set[str]) -> str:
    if near := difflib.get_close_matches(field, fields, n=1):
        return f"did you mean {near[0]!r}?"
    if fields:
        return f"fields: {', '.join(sorted(fields))}"
    return "there are no fields at all; put the pictures of each label into their own folder"
