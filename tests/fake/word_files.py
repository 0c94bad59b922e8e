"""Small files of word vectors, in every format that people have."""

import gzip
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

Vectors = Mapping[str, Sequence[float]]

KINDS = {  # what the drawn shop sells, and words that mean nearly the same
    "mug": ("cup", "tea"),
    "lamp": ("light", "bulb"),
    "sneaker": ("shoe", "boot"),
    "plant": ("leaf", "garden"),
    "teapot": ("kettle", "pot"),
    "clock": ("watch", "time"),
    "chair": ("seat", "stool"),
    "book": ("novel", "page"),
    "guitar": ("music", "violin"),
    "vase": ("jar", "flowers"),
    "backpack": ("bag", "rucksack"),
    "headphones": ("sound", "audio"),
    "sunglasses": ("glasses", "lens"),
    "shirt": ("clothes", "blouse"),
}


def shop_vectors() -> dict[str, list[float]]:
    """Words of the drawn shop: each kind has a direction, and its other words lie close to it."""
    random = np.random.default_rng(11)
    words: dict[str, list[float]] = {}
    for place, (kind, others) in enumerate(KINDS.items()):
        centre = np.eye(len(KINDS))[place]
        words[kind] = centre.tolist()
        for other in others:
            words[other] = (centre + random.normal(0, 0.1, len(KINDS))).round(4).tolist()
    for word in ("the", "on", "of"):
        words[word] = random.normal(0, 0.3, len(KINDS)).round(4).tolist()
    return words


def write_text(path: Path, vectors: Vectors, *, header: bool = False, pack: bool = False) -> Path:
    """GloVe's format; with a header, that of word2vec and fastText."""
    lines = [" ".join([word, *map(str, numbers)]) for word, numbers in vectors.items()]
    if header:
        lines.insert(0, f"{len(vectors)} {len(next(iter(vectors.values())))}")
    data = "".join(f"{line}\n" for line in lines).encode()
    path.write_bytes(gzip.compress(data) if pack else data)
    return path


def write_binary(
    path: Path, vectors: Vectors, *, newlines: bool = True, pack: bool = False
) -> Path:
    """word2vec's binary format; the original tool ends each word with a newline, others do not."""
    data = f"{len(vectors)} {len(next(iter(vectors.values())))}\n".encode()
    for word, numbers in vectors.items():
        data += word.encode() + b" " + np.array(numbers, "<f4").tobytes()
        data += b"\n" if newlines else b""
    path.write_bytes(gzip.compress(data) if pack else data)
    return path
