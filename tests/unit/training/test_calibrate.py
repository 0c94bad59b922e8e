import numpy as np
import pytest

from visavis.training.calibrate import Labelled, Parts, best, trials


def unit(rows: np.ndarray) -> np.ndarray:
    scaled: np.ndarray = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return scaled.astype(np.float32)


def noise(seed: int, rows: int = 60) -> np.ndarray:
    return unit(np.random.default_rng(seed).normal(size=(rows, 12)))


LABELS = [str(number // 6) for number in range(60)]
CLASSES = unit(np.eye(12)[np.arange(60) // 6] + noise(1) * 0.5)


def test_a_part_that_knows_the_labels_is_preferred_to_noise() -> None:
    known = noise(2)  # the copy part knows copies exactly, the learned one hardly, colour not
    originals = Parts(CLASSES, known, noise(3))
    copies = Parts(unit(CLASSES + noise(5)), known, noise(4))
    chosen = best(trials(Labelled(originals, LABELS), copies, Labelled(originals, LABELS)))
    assert chosen.precision > 0.9
    assert chosen.recall == 1
    assert chosen.blend.copy > chosen.blend.colour
    assert chosen.blend.learned > 0.4


def test_precision_and_recall_are_those_of_the_blended_scores() -> None:
    originals = Parts(CLASSES, noise(2), noise(3) * np.float32(0.3))
    copies = Parts(unit(CLASSES + noise(5) * 0.2), noise(6), noise(7))
    kinds = [str(number % 5) for number in range(60)]
    for trial in trials(Labelled(originals, LABELS), copies, Labelled(copies, kinds))[::9]:
        shares = (trial.blend.learned, trial.blend.copy, trial.blend.colour)
        ours, asked = (
            unit(np.hstack([p * s**0.5 for p, s in zip(parts_of(side), shares, strict=True)]))
            for side in (originals, copies)
        )
        assert trial.precision == pytest.approx(precision(ours, LABELS), abs=0.01)
        assert trial.products == pytest.approx(precision(asked, kinds), abs=0.01)
        found = (asked @ ours.T).argmax(axis=1) == np.arange(60)
        assert trial.recall == pytest.approx(found.mean(), abs=0.02)


def precision(vectors: np.ndarray, labels: list[str]) -> float:
    hits = 0
    for row in range(60):
        order = [i for i in np.argsort(-(vectors @ vectors[row]), kind="stable") if i != row][:5]
        hits += sum(labels[i] == labels[row] for i in order)
    return hits / 300


def parts_of(parts: Parts) -> list[np.ndarray]:
    return [parts.learned, parts.copy, parts.colour]
