"""Whatever numbers come in: arrays, Tensors and lists are measured alike, and what is none is refused by its name."""

import numpy as np
import pytest

import scratchgen as sg
from scratchgen import backend
from scratchgen.evaluation import (
    centroids,
    class_shares,
    count_modes,
    frechet_distance,
    inception_score,
    parzen_log_prob,
    parzen_score,
    reverse_kl,
    sharpness,
    slant,
    spread,
    stack_labels,
    thickness,
)

ROWS = np.random.default_rng(5).uniform(0.1, 1, (4, 9))
LABELS = np.array([[4, 0, 7], [0, 0, 1]])


def seeded_centroids(x):
    return centroids(x, 2, np.random.default_rng(0))


# A measure, the names of its arguments that are arrays, and such arrays.
MEASURES = {
    "class_shares of labels": (lambda a: class_shares(a, 10), ["predictions"], LABELS[0]),
    "class_shares": (class_shares, ["predictions"], ROWS),
    "inception_score": (inception_score, ["probabilities"], ROWS / ROWS.sum(1, keepdims=True)),
    "stack_labels": (stack_labels, ["labels"], LABELS),
    "count_modes": (lambda a, b: count_modes(a, b, 0.5), ["samples", "means"], ROWS, ROWS[:3]),
    "reverse_kl": (reverse_kl, ["counts", "weights"], np.array([3, 1, 2]), np.array([0.5, 0.3, 0.2])),
    "frechet_distance": (frechet_distance, ["a", "b"], ROWS, ROWS[1:]),
    "parzen": (lambda a, b: parzen_log_prob(a, b, 0.3), ["x", "centres"], ROWS, ROWS[:3]),
    "parzen: the score": (lambda a: parzen_score(ROWS, a, a), ["x"], ROWS),
    "centroids": (seeded_centroids, ["x"], ROWS),
    "sharpness": (sharpness, ["images"], ROWS),
    "spread": (spread, ["samples", "data"], ROWS, ROWS[1:]),
    "slant": (slant, ["images"], ROWS),
    "thickness": (thickness, ["images"], ROWS.reshape(4, 3, 3)),
}
measures = pytest.mark.parametrize("name", MEASURES)


def flat(found):
    """All that was found, in one row."""
    return np.concatenate([np.ravel(part) for part in (found if isinstance(found, tuple) else (found,))])


@measures
def test_arrays_tensors_and_lists_are_measured_alike_and_left_alone(name, device):
    measure, _, *arrays = MEASURES[name]
    before = [a.copy() for a in arrays]
    expected = flat(measure(*arrays))
    there = [backend.to_device(a, device) for a in arrays]
    for given_ in ([a.tolist() for a in arrays], [*map(tuple, arrays)], there, [*map(sg.tensor, there)]):
        np.testing.assert_array_equal(flat(measure(*given_)), expected)
    for a, b in zip(arrays, before):
        np.testing.assert_array_equal(a, b)


@measures
@pytest.mark.parametrize("bad", [None, "digits", [[1.0], [1.0, 2.0]], [object()], 1 + 2j])
def test_what_holds_no_numbers_is_refused_by_its_name(name, bad):
    measure, names, *arrays = MEASURES[name]
    who = name.partition(" ")[0].rstrip(":")
    for i, argument in enumerate(names):
        if argument == "weights" and bad is None:
            continue  # equal ones, then
        with pytest.raises(ValueError, match=rf"^{who}: {argument} wants numbers, in an array or in even lists, got "):
            measure(*arrays[:i], bad, *arrays[i + 1 :])


def test_predictions_of_no_classes():
    for nothing in (np.zeros((3, 0)), np.zeros((0, 3)), []):
        with pytest.raises(ValueError, match="class_shares: expected labels, integers"):
            class_shares(nothing)
