"""Every right answer is right: equal to complex steps, and to differences within the error that these know of."""

from pathlib import Path

import numpy as np
import pytest

from scratchgen.checker.exercises import EXERCISES
from scratchgen.checker.exercises.exercise import named
from scratchgen.checker.numerics import complex_step, slope

WITH_BACKWARD = [name for name, exercise in EXERCISES.items() if exercise.backward]
SHAPES = (0, 1, 2)
PAGES = Path(__file__).parents[2] / "derivations"


def drawn(name, shape):
    """An exercise, its arguments without gradients from above, and a function of inputs: ⟨dout, forward⟩."""
    exercise = EXERCISES[name]
    arguments = exercise.arguments(np.random.default_rng([17, shape]), shape)
    inputs = {key: value for key, value in arguments.items() if key not in exercise.douts}
    return exercise, arguments, inputs, lambda **moved: exercise.paired(named(exercise.forward(**moved)), arguments)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", WITH_BACKWARD)
def test_a_reference_is_the_derivative_by_complex_steps(name, shape):
    exercise, arguments, inputs, paired = drawn(name, shape)
    right = exercise.tasks[1].right(arguments)
    assert right
    for gradient, given in right.items():
        exact = complex_step(paired, inputs, 1.0, gradient.removeprefix("d"))
        assert given.shape == exact.shape, gradient
        assert np.abs(given - exact).max() <= 1e-13 * np.abs(exact).max(), gradient


@pytest.mark.parametrize("name", WITH_BACKWARD)
def test_a_reference_agrees_with_differences_within_their_own_error(name):
    for shape in SHAPES:
        exercise, arguments, inputs, paired = drawn(name, shape)
        rng = np.random.default_rng(shape)
        for gradient, given in exercise.tasks[1].right(arguments).items():
            argument = gradient.removeprefix("d")
            for _ in range(3):
                along = rng.standard_normal(given.shape)
                found = slope(lambda t, x=argument, v=along: float(paired(**{**inputs, x: inputs[x] + t * v})))  # noqa: B023
                assert found.agrees(float(np.sum(given * along))), (gradient, shape, found)


@pytest.mark.parametrize("name", EXERCISES)
def test_an_exercise_is_told_completely(name):
    """A page and equations that exist, and outputs that are finite in each shape."""
    exercise = EXERCISES[name]
    assert (PAGES / exercise.page).exists()
    text = "".join(page.read_text(encoding="utf-8") for page in PAGES.glob("[0-9]*.md"))
    assert all(f'id="eq-{equation.replace(".", "-")}"' in text for equation in exercise.equations)
    for shape in SHAPES:
        arguments = exercise.arguments(np.random.default_rng(shape), shape)
        for task in exercise.tasks:
            assert all(np.isfinite(a).all() for a in task.right(arguments).values())
    assert list(exercise.inputs) == list(exercise.tasks[0].parameters)
