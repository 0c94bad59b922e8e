"""Small two-sided networks in the hub's layout, whose words are colours.

The picture side is the mean colour. The text side sums what its tokens mean, the word "red" being
the colour red, in the two ways that matter on the hub:

- clip: a byte-pair tokenizer with marks of beginning and end, that lowers the case; the vector is
  read at the end of the text, which has the highest number of all tokens.
- siglip: whole words, no lowering, padded to 8 tokens; the vector is read off the last token,
  padding or not, so a padding forgotten is another vector.
"""

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from tokenizers import (
    Regex,
    Tokenizer,
    models,
    normalizers,
    pre_tokenizers,
    processors,
)

SIZE = 16
SIGLIP_CONTEXT = 8
START, END = "<|startoftext|>", "<|endoftext|>"
MEANINGS = {
    "red": (1.0, -0.5, -0.5),
    "green": (-0.5, 1.0, -0.5),
    "blue": (-0.5, -0.5, 1.0),
    "white": (0.6, 0.6, 0.6),
    "dark": (-0.6, -0.6, -0.6),
}
WORDS = (*MEANINGS, "a", "photo", "of", "picture", "this", "is")
_PREPROCESSOR = {
    "do_center_crop": True,
    "crop_size": SIZE,
    "do_resize": True,
    "size": SIZE,
    "do_normalize": True,
    "image_mean": [0.5, 0.5, 0.5],
    "image_std": [0.5, 0.5, 0.5],
    "resample": 3,
    "image_processor_type": "CLIPImageProcessor",
}
_LETTERS = "abcdefghijklmnopqrstuvwxyz,!."


def merged(parts: list[str], merges: list[tuple[str, str]]) -> list[str]:
    """Byte-pair encoding of one word: the pair that was learned first is joined first."""
    ranks = {pair: rank for rank, pair in enumerate(merges)}
    while True:
        known = [pair for pair in pairwise(parts) if pair in ranks]
        if not known:
            return parts
        best = min(known, key=ranks.__getitem__)
        joined, at = [], 0
        while at < len(parts):
            fits = tuple(parts[at : at + 2]) == best
            joined.append("".join(parts[at : at + 1 + fits]))
            at += 1 + fits
        parts = joined


def clip_vocabulary() -> tuple[dict[str, int], list[tuple[str, str]]]:
    """Tokens and merges as CLIP's vocab.json and merges.txt have them."""
    tokens = [*_LETTERS, *(f"{letter}</w>" for letter in _LETTERS)]
    merges: dict[tuple[str, str], None] = {}
    for word in WORDS:
        parts = merged([*word[:-1], f"{word[-1]}</w>"], list(merges))
        while len(parts) > 1:
            merges[parts[0], parts[1]] = None
            parts[:2] = ["".join(parts[:2])]
    tokens += dict.fromkeys("".join(pair) for pair in merges)
    return {token: number for number, token in enumerate([*tokens, START, END])}, list(merges)


def clip_tokenizer() -> Tokenizer:
    """What the hub's tokenizer.json of a CLIP holds."""
    vocabulary, merges = clip_vocabulary()
    tokenizer = Tokenizer(
        models.BPE(
            vocab=vocabulary,
            merges=merges,
            continuing_subword_prefix="",
            end_of_word_suffix="</w>",
            unk_token=END,
        )
    )
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.NFC(), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Lowercase()]
    )
    words = Regex(r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+")
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(words, behavior="removed", invert=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False),
        ]
    )
    tokenizer.post_processor = processors.RobertaProcessing(
        (END, vocabulary[END]), (START, vocabulary[START]), add_prefix_space=False
    )
    return tokenizer


def siglip_tokenizer() -> Tokenizer:
    """Whole words, padded as SigLIP 2's tokenizer.json says."""
    vocabulary = {word: n for n, word in enumerate(["<pad>", "<eos>", "<unk>", *WORDS])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="$A <eos>", special_tokens=[("<eos>", 1)]
    )
    tokenizer.enable_padding(pad_id=0, pad_token="<pad>", length=SIGLIP_CONTEXT)
    return tokenizer


def token_meanings(vocabulary: dict[str, int]) -> NDArray[np.float32]:
    """A small vector for each token, and the colour for the words of colours: (tokens, 3)."""
    rows = np.random.default_rng(5).normal(0, 0.02, (len(vocabulary), 3)).astype(np.float32)
    for word, colour in MEANINGS.items():
        for token in (word, f"{word}</w>"):
            if token in vocabulary:
                rows[vocabulary[token]] = colour
    return rows


def vision_network() -> onnx.ModelProto:
    """The mean colour, -1 … 1, as image_embeds and pooler_output."""
    nodes = [
        helper.make_node("GlobalAveragePool", ["pixel_values"], ["mean"]),
        helper.make_node("Flatten", ["mean"], ["image_embeds"]),
        helper.make_node("Identity", ["image_embeds"], ["pooler_output"]),
    ]
    inputs = [_value("pixel_values", TensorProto.FLOAT, ["N", 3, SIZE, SIZE])]
    outputs = [_value(n, TensorProto.FLOAT, ["N", 3]) for n in ("image_embeds", "pooler_output")]
    return _model(nodes, inputs, outputs, [])


def clip_text_network() -> onnx.ModelProto:
    """The sum of the tokens up to the one with the highest number, as text_embeds."""
    vocabulary, _ = clip_vocabulary()
    nodes = [
        *_summed(),
        helper.make_node("ArgMax", ["input_ids"], ["end"], axis=1, keepdims=0),
        helper.make_node("Shape", ["input_ids"], ["shape"]),
        helper.make_node("Gather", ["shape", "one"], ["length"]),
        helper.make_node("OneHot", ["end", "length", "off_on"], ["chosen"]),
        helper.make_node("Unsqueeze", ["chosen", "minus_one"], ["column"]),
        helper.make_node("Mul", ["last_hidden_state", "column"], ["kept"]),
        helper.make_node("ReduceSum", ["kept", "one"], ["text_embeds"], keepdims=0),
    ]
    constants: dict[str, NDArray[Any]] = {
        "one": np.array([1], np.int64),
        "minus_one": np.array([-1], np.int64),
        "off_on": np.array([0, 1], np.float32),
    }
    return _text_model(nodes, constants, vocabulary, "text_embeds")


def siglip_text_network() -> onnx.ModelProto:
    """The sum of all tokens, read off the last one, as pooler_output."""
    vocabulary = siglip_tokenizer().get_vocab()
    nodes = [
        *_summed(),
        helper.make_node("Gather", ["last_hidden_state", "last"], ["pooler_output"], axis=1),
    ]
    return _text_model(nodes, {"last": np.array(-1, np.int64)}, vocabulary, "pooler_output")


def _summed() -> list[onnx.NodeProto]:
    return [
        helper.make_node("Gather", ["meanings", "input_ids"], ["embedded"]),
        helper.make_node("CumSum", ["embedded", "along"], ["last_hidden_state"]),
    ]


def _text_model(
    nodes: list[onnx.NodeProto],
    constants: dict[str, NDArray[Any]],
    vocabulary: dict[str, int],
    output: str,
) -> onnx.ModelProto:
    weights: dict[str, NDArray[Any]] = {"meanings": token_meanings(vocabulary), **constants}
    weights["along"] = np.array(1, np.int64)
    outputs = [
        _value(output, TensorProto.FLOAT, ["N", 3]),
        _value("last_hidden_state", TensorProto.FLOAT, ["N", "T", 3]),
    ]
    tensors = [numpy_helper.from_array(values, name) for name, values in weights.items()]
    return _model(nodes, [_value("input_ids", TensorProto.INT64, ["N", "T"])], outputs, tensors)


def _value(name: str, kind: int, shape: list[str | int]) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, kind, shape)


def _model(
    nodes: list[onnx.NodeProto],
    inputs: list[onnx.ValueInfoProto],
    outputs: list[onnx.ValueInfoProto],
    tensors: list[onnx.TensorProto],
) -> onnx.ModelProto:
    graph = helper.make_graph(nodes, "drawn", inputs, outputs, tensors)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.checker.check_model(model)
    return model


def write_clip(folder: Path, **config: object) -> Path:
    """A CLIP in the layout of transformers.js; keyword arguments go to config.json."""
    return _written(folder, clip_text_network(), clip_tokenizer(), {"model_type": "clip"} | config)


def write_siglip(folder: Path) -> Path:
    """A SigLIP 2 in that layout."""
    return _written(folder, siglip_text_network(), siglip_tokenizer(), {"model_type": "siglip"})


def _written(
    folder: Path, text: onnx.ModelProto, tokenizer: Tokenizer, config: dict[str, object]
) -> Path:
    (folder / "onnx").mkdir(parents=True)
    onnx.save(vision_network(), folder / "onnx" / "vision_model.onnx")
    onnx.save(text, folder / "onnx" / "text_model.onnx")
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "preprocessor_config.json").write_text(json.dumps(_PREPROCESSOR))
    (folder / "config.json").write_text(json.dumps(config))
    return folder
