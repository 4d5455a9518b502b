"""The right answer with one thing changed: what that is, that it does no harm, and that it is found again."""

import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from scratchgen.checker.diagnosis import explain
from scratchgen.checker.edits import edits
from scratchgen.checker.evidence import Trial
from scratchgen.checker.exercises import EXERCISES, TASKS
from scratchgen.checker.exercises.exercise import named
from scratchgen.checker.exercises.longhand import LONGHAND
from scratchgen.checker.formulas import along, slopes
from scratchgen.checker.judge import drawn
from tests.checker.direct import Variant


def inputs(name, shape=0):
    task = TASKS[name]
    return task, task.exercise.arguments(np.random.default_rng(3), shape)


@pytest.mark.parametrize("name", LONGHAND)
@pytest.mark.parametrize("shape", range(3))
def test_longhand_is_right(name, shape):
    task, arguments = inputs(name, shape)
    right, found = task.right(arguments), named(LONGHAND[name](**{k: arguments[k] for k in task.parameters}))
    assert found.keys() == right.keys()
    for key in right:
        assert found[key].shape == right[key].shape
        np.testing.assert_allclose(found[key], right[key], rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("name", [name for name, task in TASKS.items() if task.is_backward])
def test_a_forward_and_its_longhand_have_the_slopes_of_the_backward(name):
    """They can be differentiated by complex steps, before they are edited."""
    task, arguments = inputs(name)
    right = task.right(arguments)
    trial = Trial(arguments, right, right, 0)
    names = [n for n in right if n.removeprefix("d") in arguments]
    forward = task.exercise.tasks[0]
    for form in (forward.reference, *([LONGHAND[forward.name]] if forward.name in LONGHAND else [])):
        np.testing.assert_allclose(slopes(task, form, trial, names), along(right, names), rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("name", ["conv2d_backward", "embedding_backward", "adam_step", "elbo_bernoulli_backward"])
def test_edits_leave_the_arguments_of_a_trial_alone(name):
    task, arguments = inputs(name)
    Trial(arguments, {}, {}, 0)
    before = {k: np.array(v) for k, v in arguments.items()}
    answers = [edit(**{k: arguments[k] for k in task.parameters}) for edit in edits(task.reference)]
    assert sum(bool(answer) for answer in answers) > len(answers) / 3  # nonsense is answered by nothing
    assert all(np.array_equal(arguments[k], v) for k, v in before.items())


def test_edits_are_different_functions():
    task, arguments = inputs("linear_forward")
    given = {k: arguments[k] for k in task.parameters}
    answers = [answer["out"] for edit in edits(task.reference) if (answer := edit(**given))]
    changed = [a for a in answers if a.shape != (8, 11) or not np.allclose(a, task.right(arguments)["out"])]
    assert len(changed) > 0.9 * len(answers) > 50


FOUND = {
    "the mean of squares as the square of a mean": (
        "mse", "def mse_forward(p, t): return (p - t).mean() ** 2", "EDIT",
    ),
    "a mean that is not taken off": (
        "batch_norm",
        "def batch_norm_forward(x, g, b): return g * (x - x.mean(0)) / np.sqrt((x ** 2).mean(0) + 1e-5) + b",
        "LEFT_OUT",
    ),
    "an accumulator that is not reset": (
        "linear", "def linear_forward(x, w, b): return np.cumsum(x @ w.T, 1) + b", "EDIT",
    ),
    "a border that is continued from the other side": (
        "conv2d",
        """
def conv2d_forward(x, w, b):
    P, Q = w.shape[2:]
    H, W = x.shape[2] + 3 - P, x.shape[3] + 3 - Q
    x = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)), mode="wrap")
    return b[:, None, None] + sum(
        np.einsum("fc,ncij->nfij", w[:, :, u, v], x[:, :, u:u+H, v:v+W]) for u in range(P) for v in range(Q))
""",
        "EDIT",
    ),
    "the derivative of an edited forward": (
        "gaussian_kl",
        "def gaussian_kl_backward(m, l): return m / len(m), (np.exp(l) - 2) / 2 / len(m)",
        "TERMS",
    ),
    "the tanh of a square": (
        "tanh", "def tanh_backward(dout, x): return dout * (1 - np.tanh(x ** 2))", "EDIT",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", FOUND)
def test_an_edit_is_found(case):
    exercise, source, code = FOUND[case]
    codes = [e.code for j in Variant(exercise, case, source).judged() for e in j.explanations]
    assert codes[:1] == [code]


def test_what_was_left_out_is_told_with_its_line():
    source = FOUND["a mean that is not taken off"][1]
    (judged,) = [j for j in Variant("batch_norm", "", source).judged() if j.explanations]
    facts = judged.explanations[0].facts
    assert (facts["removed"], facts["put"], facts["line"]) == ("- mean", "", "variance")
    assert facts["meaning"] == "mean = x.mean(0)"


def test_a_helper_is_told_by_its_name_without_the_mark_of_a_helper():
    source = """
def slope(real, fake, w):
    return (fake.T @ (1 / (1 + np.exp(-fake @ w))) - real.T @ (1 / (1 + np.exp(real @ w)))) / len(real)
def unrolled_step_backward(real, fake, weight, lr):
    ahead = weight - lr * slope(real, fake, weight)
    gain, d = -slope(fake, real, ahead), 1 / (1 + np.exp(-fake @ weight))
    learned = np.outer(d, gain) + np.outer(d * (1 - d) * (fake @ gain), weight)
    return (-np.outer(1 / (1 + np.exp(-fake @ ahead)), ahead) - lr * learned) / len(fake)
"""
    (judged,) = [j for j in Variant("unrolled_step", "", source).judged() if j.explanations]
    facts = judged.explanations[0].facts
    assert (facts["put"], facts["line"]) == ("slope_of_D(fake, real, ahead)", "gain")


def test_an_edit_does_not_spoil_what_is_right():
    """A wrong dweight alone is not explained by an input that would have made dx wrong too."""
    task = TASKS["linear_backward"]
    trials = []
    for shape in range(3):
        arguments = task.exercise.arguments(np.random.default_rng(shape), shape)
        right = task.right(arguments)
        given = {**right, "dweight": (arguments["dout"] ** 3).T @ arguments["x"]}
        trials.append(Trial(arguments, right, given, shape, task.exercise.sizes(shape)))
    assert not [e for e in explain(task, ["dweight"], trials).values() if "dx" in e.covers]


def test_what_is_kept_for_the_class_does_not_depend_on_who_comes_first():
    """This one has noise, and an array of a wrong shape beside it."""
    source = """
def gaussian_kl_backward(mean, log_variance):
    return np.cos(17 * mean), ((np.exp(log_variance) - 1) / 2 / len(mean))[None]
"""
    Variant("gaussian_kl", "noise, and a shape", source).judged(seed=17)
    kept = drawn(TASKS["gaussian_kl_backward"], 17)[0].memory["gaussian_kl_backward", "slopes"]
    assert np.isfinite(kept).mean() > 0.5


def test_without_its_source_nothing_is_edited(monkeypatch):
    monkeypatch.setattr("inspect.getsource", lambda f: (_ for _ in ()).throw(OSError("no source")))
    assert edits.__wrapped__(TASKS["linear_forward"].reference) == ()


def test_every_exercise_can_be_edited():
    assert all(edits(task.reference) for exercise in EXERCISES.values() for task in exercise.tasks)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_threads_do_not_edit_for_each_other():
    """A class is graded by several."""
    task, arguments = inputs("tanh_backward")
    several = edits(task.reference) * 20
    alone = [edit(**arguments) for edit in several]
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(4) as pool, np.errstate(all="ignore"):
            together = list(pool.map(lambda edit: edit(**arguments), several))
    finally:
        sys.setswitchinterval(before)
    for a, b in zip(alone, together):
        assert a.keys() == b.keys()
        for name in a:
            np.testing.assert_array_equal(a[name], b[name])
