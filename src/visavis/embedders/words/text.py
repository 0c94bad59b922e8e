"""A text side that is a network: tokens in, a vector out, as CLIP and SigLIP have it.

The `tokenizers` library reads tokenizer.json (the extra `[hub]`); it is imported, and the network
opened, when the first text comes. Padding, length and case matter: SigLIP 2, for one, reads its
vector off the last of 64 tokens, padding included, and was trained on lower case alone.
"""

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from visavis.embedders.base import unit_rows
from visavis.embedders.runtime.network import first_line, open_session
from visavis.embedders.spec import SPEC_FILE, TextSpec
from visavis.errors import ExtraMissingError, ModelError, ModelSpecError
from visavis.types import Vectors

_TYPES = {"tensor(int64)": np.int64, "tensor(int32)": np.int32}
_BATCH = 16
_IDS = "input_ids"
_LONGEST = 100_000  # characters: far beyond any context, and nothing that keeps a tokenizer busy

Ints = NDArray[np.int64]


class TextNetwork:
    """Texts to unit vectors by a tokenizer and a network. Safe to use from several threads.

    Args:
        folder: The model folder.
        spec: What its model.json says of the text side.
        dim: The numbers that a vector must have: those of a picture's.
        threads: As for `Network`.
        device: As for `Network`.
    """

    def __init__(
        self, folder: Path, spec: TextSpec, dim: int, threads: int | None, device: str
    ) -> None:
        self._folder, self._spec, self._dim = folder, spec, dim
        self._threads, self._device = threads, device
        self._guard = threading.Lock()
        self._tokenizer: Any = None
        self._session: Any = None

    def embed(self, texts: Sequence[str]) -> Vectors:
        """One unit vector for each text, in order: (n, dim).

        Raises:
            ExtraMissingError: `tokenizers` is not installed.
            ModelSpecError: the graph and model.json do not fit together.
            ModelError: the tokenizer or the network cannot be used.
        """
        self._open()
        rows = np.empty((len(texts), self._dim), np.float32)
        for ids, mask, places in self._batches([self._worded(text) for text in texts]):
            rows[places] = self._vectors(ids, mask)
        return unit_rows(rows)

    def notes(self, text: str) -> tuple[str, ...]:
        """A sentence when a text is longer than the network reads."""
        self._open()
        overflowing = self._tokenizer.encode(self._worded(text)).overflowing
        if not overflowing:
            return ()
        return (f"the text is longer than the {self._spec.context} tokens that the model reads",)

    def _worded(self, text: str) -> str:
        worded = self._spec.prompt.replace("{}", text[:_LONGEST].strip())
        return worded.lower() if self._spec.lower else worded

    def _batches(self, texts: Sequence[str]) -> Any:
        """(ids, mask, places of the texts): texts of one length together, so none needs padding."""
        encodings = self._tokenizer.encode_batch(list(texts))
        lengths: dict[int, list[int]] = {}
        for place, encoding in enumerate(encodings):
            lengths.setdefault(len(encoding.ids), []).append(place)
        size = self._fixed_batch() or _BATCH
        for places in lengths.values():
            for start in range(0, len(places), size):
                part = places[start : start + size]
                yield (
                    np.array([encodings[place].ids for place in part], np.int64),
                    np.array([encodings[place].attention_mask for place in part], np.int64),
                    part,
                )

    def _vectors(self, ids: Ints, mask: Ints) -> NDArray[np.float32]:
        size = self._fixed_batch()
        missing = size - len(ids) if size else 0
        if missing:
            ids, mask = (np.concatenate((a, np.repeat(a[-1:], missing, 0))) for a in (ids, mask))
        try:
            (found,) = self._session.run([self._spec.output], self._feed(ids, mask))
        except Exception as error:  # ONNX Runtime's errors share no base class of their own
            raise ModelError(f"{self._path} failed on a text ({first_line(error)})") from error
        rows = pooled_tokens(np.asarray(found, np.float32), mask, self._spec.pool)
        if rows is None or rows.shape[1] != self._dim:
            raise ModelSpecError(
                f"{self._folder / SPEC_FILE}: text.output {self._spec.output!r} has the shape "
                f"{tuple(found.shape)}, which pool {self._spec.pool!r} does not make vectors of "
                f"{self._dim} dimensions; correct output or pool"
            )
        return rows[: len(ids) - missing]

    @property
    def _path(self) -> Path:
        return self._folder / self._spec.file

    def _fixed_batch(self) -> int | None:
        size = self._session.get_inputs()[0].shape[0]
        return size if isinstance(size, int) and size > 0 else None

    def _feed(self, ids: Ints, mask: Ints) -> dict[str, NDArray[Any]]:
        made = {
            _IDS: ids,
            "attention_mask": mask,
            "token_type_ids": np.zeros_like(ids),
            "position_ids": np.broadcast_to(np.arange(ids.shape[1]), ids.shape),
        }
        inputs = self._session.get_inputs()
        alone = (
            inputs[0].name if len(inputs) == 1 else _IDS
        )  # it takes the tokens, whatever its name
        return {
            one.name: made[_IDS if one.name == alone else one.name].astype(_TYPES[one.type])
            for one in inputs
        }

    def _open(self) -> None:
        with self._guard:
            if self._session is None:
                tokenizer = read_tokenizer(self._folder / self._spec.tokenizer, self._spec)
                session = open_session(self._path, None, self._threads, self._device)
                self._check(session)
                self._tokenizer, self._session = tokenizer, session

    def _check(self, session: Any) -> None:
        inputs = session.get_inputs()
        known = {_IDS, "attention_mask", "token_type_ids", "position_ids"}
        unknown = [one.name for one in inputs if one.name not in known]
        odd = [one.name for one in inputs if one.type not in _TYPES]
        if (unknown and len(inputs) > 1) or odd:
            raise ModelSpecError(
                f"{self._path} takes {', '.join(unknown or odd)}, which no tokenizer makes; name "
                "the network of the text side alone"
            )
        if self._spec.output not in [one.name for one in session.get_outputs()]:
            names = ", ".join(one.name for one in session.get_outputs())
            raise ModelSpecError(
                f"{self._path} has no output {self._spec.output!r}, only {names}; correct "
                f"text.output in {SPEC_FILE}"
            )
        length = inputs[0].shape[1] if len(inputs[0].shape) == 2 else None
        if isinstance(length, int) and (length != self._spec.context or self._spec.pad is None):
            raise ModelSpecError(
                f"{self._path} always takes {length} tokens; say so with text.context, and name "
                f"the token that fills up with text.pad, in {SPEC_FILE}"
            )


def read_tokenizer(path: Path, spec: TextSpec) -> Any:
    """The tokenizer in a file, set to length and padding. ModelError, ExtraMissingError."""
    try:
        from tokenizers import Tokenizer
    except ImportError as error:
        raise ExtraMissingError("searching this model by words", "hub") from error
    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception as error:  # the library raises Exception itself
        raise ModelError(
            f"{path}: the tokenizer cannot be read ({first_line(error)}); it must hold the whole "
            "tokenizer, model and all, as tokenizer.json of a hub repository does"
        ) from error
    tokenizer.enable_truncation(spec.context)
    if spec.pad is None:
        tokenizer.no_padding()
    else:
        token = tokenizer.id_to_token(spec.pad) or ""
        tokenizer.enable_padding(pad_id=spec.pad, pad_token=token, length=spec.context)
    return tokenizer


def pooled_tokens(values: NDArray[np.float32], mask: Ints, pool: str) -> NDArray[np.float32] | None:
    """A row for each text; None where `pool` does not fit the shape.

    Of (n, tokens, width), "first" takes the first token, "average" the mean of those that are no
    padding, "last" the last of these. (n, width) is "none": there is nothing to pool.
    """
    if values.ndim == 2:
        return values if pool == "none" else None
    if values.ndim != 3 or pool == "none":
        return None
    if pool == "first":
        return values[:, 0]
    if pool == "last":
        return np.asarray(values[np.arange(len(values)), mask.sum(axis=1) - 1])
    weights = mask[..., None].astype(np.float32)
    return np.asarray((values * weights).sum(axis=1) / np.maximum(weights.sum(axis=1), 1.0))
