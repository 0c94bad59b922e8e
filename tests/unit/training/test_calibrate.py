import numpy as np
import pytest

from visavis.training.calibrate import (
    Labelled,
    Parts,
    best,
    joined,
    pair_whitening,
    trials,
    whitenings,
)
from visavis.training.retriever import Blend


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


EVEN = Blend(0.6, 0.2, 0.2)
DIRECTION = unit(np.ones((1, 12)))


def moved(seed: int, rows: int) -> tuple[Parts, Parts]:
    """Pictures and edits of them, which move the learned part along one direction and no other."""
    stay = noise(seed, rows), noise(seed + 1, rows) * np.float32(0.3)
    learned = noise(seed + 2, rows)
    far = np.random.default_rng(seed).normal(size=(rows, 1)) * DIRECTION * 2
    return Parts(learned, *stay), Parts(unit(learned + far), *stay)


def test_directions_in_which_edits_move_pictures_come_to_count_less() -> None:
    originals, copies = moved(10, 60)
    asked = Labelled(originals, LABELS)
    tried = whitenings(EVEN, asked, copies, asked, moved(40, 500))
    plain, chosen = tried[0], best(tried)
    assert plain.shrinkage == 1
    assert chosen.shrinkage < 1
    assert chosen.recall > plain.recall
    matrix = pair_whitening(EVEN, moved(40, 500), 0.1).numpy()
    along = np.concatenate([DIRECTION[0], np.zeros(24)])
    across = np.concatenate([np.zeros(12), DIRECTION[0], np.zeros(12)])
    assert np.linalg.norm(along @ matrix) < 0.5 * np.linalg.norm(across @ matrix)


def test_figures_of_a_whitening_are_those_of_the_whole_vectors() -> None:
    originals, copies = moved(10, 60)
    kinds = [str(number % 5) for number in range(60)]
    pairs = moved(40, 90)
    tried = whitenings(EVEN, Labelled(originals, LABELS), copies, Labelled(copies, kinds), pairs)
    for trial in tried[::3]:
        matrix = pair_whitening(EVEN, pairs, trial.shrinkage).numpy()
        ours, asked = (unit(joined(EVEN, side) @ matrix) for side in (originals, copies))
        assert trial.precision == pytest.approx(precision(ours, LABELS), abs=0.01)
        assert trial.products == pytest.approx(precision(asked, kinds), abs=0.01)
        found = (asked @ ours.T).argmax(axis=1) == np.arange(60)
        assert trial.recall == pytest.approx(found.mean(), abs=0.02)


def test_without_whitening_the_blend_is_worth_what_it_was() -> None:
    originals, copies = moved(10, 60)
    asked, nothing = Labelled(originals, LABELS), Labelled(Parts(*[noise(1)[:0]] * 3), [])
    for trial in trials(asked, copies, nothing)[::7]:
        same = whitenings(trial.blend, asked, copies, nothing, moved(40, 90))[0]
        assert same.precision == pytest.approx(trial.precision, abs=0.01)
        assert same.recall == pytest.approx(trial.recall, abs=0.02)


def precision(vectors: np.ndarray, labels: list[str]) -> float:
    hits = 0
    for row in range(60):
        order = [i for i in np.argsort(-(vectors @ vectors[row]), kind="stable") if i != row][:5]
        hits += sum(labels[i] == labels[row] for i in order)
    return hits / 300


def parts_of(parts: Parts) -> list[np.ndarray]:
    return [parts.learned, parts.copy, parts.colour]
