"""Nothing is explained by coincidence: a wrong gradient that has no cause gets none."""

from dataclasses import replace

import numpy as np
import pytest

from scratchgen.checker.diagnosis import explain
from scratchgen.checker.exercises import TASKS
from scratchgen.checker.judge import drawn

BACKWARD = [name for name, task in TASKS.items() if task.is_backward]


def how_many(name):
    """Wrong answers for a task; most for those that are quick to look at. All together are more than a thousand."""
    return 60 if len(TASKS[name].parameters) <= 2 else 24 if len(TASKS[name].parameters) == 3 else 12


def noisy(right, rng, kind):
    """A wrong array with no reason: noise added, noise multiplied, nothing but noise, half of the numbers off."""
    noise = rng.standard_normal(right.shape)
    if kind == 0:
        return right + 0.1 * noise * np.abs(right).max()
    if kind == 1:
        return right * (1 + 0.3 * noise)
    if kind == 2:
        return noise * right.std()
    return np.where(rng.random(right.shape) < 0.5, right, right * (1 + noise))


@pytest.mark.parametrize("name", BACKWARD)
def test_a_random_wrong_gradient_is_not_explained(name):
    task, explained = TASKS[name], []
    for seed in range(how_many(name)):
        rng = np.random.default_rng([seed, 7])
        trials = [
            replace(draw, given={key: noisy(value, rng, seed % 4) for key, value in draw.right.items()})
            for draw in drawn(task, 0)
        ]
        wrong = [k for k in task.returns if not all(np.array_equal(t.given[k], t.right[k]) for t in trials)]
        explained += [e for e in explain(task, wrong, trials).values() if not e.located]
    assert explained == []


def test_that_is_more_than_a_thousand():
    assert sum(map(how_many, BACKWARD)) > 1000
