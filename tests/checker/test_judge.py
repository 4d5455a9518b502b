"""What the judge looks at besides variants: links lost at random, several outputs, inputs of a thousand."""

import numpy as np
import pytest

from scratchgen.checker.exercises import EXERCISES, TASKS

from .direct import Variant


def test_links_that_are_lost_at_random_have_no_cause():
    """One lost row of them does; in what is lost here and there no rule is seen."""
    lost = """
        def linear_backward(dout, x, weight, bias):
            keep = np.random.default_rng(3).random(weight.shape) < {share}
            {more}
            return dout @ (weight * keep), dout.T @ x, dout.sum(0)
    """
    (at_random,) = Variant("linear", "", lost.format(share=0.5, more="")).judged()
    assert [(e.code, e.located) for e in at_random.explanations] == [("LINKS", True)]
    (one_unit,) = Variant("linear", "", lost.format(share=2, more="keep[1] = 0; keep[4] = 0")).judged()
    assert [(e.code, e.located) for e in one_unit.explanations] == [("LINKS", False)]
    assert one_unit.explanations[0].facts["place"] == "index 1, 4 of axis 1 of dout"


def test_several_outputs_have_several_gradients_from_above():
    """The LSTM's step: dh and dc, of which the cache comes last, or all inputs."""
    exercise = EXERCISES["lstm_step"]
    assert exercise.douts == ("dh", "dc")
    assert exercise.tasks[0].returns == ("h", "c")
    assert exercise.tasks[1].parameters[:3] == ("dh", "dc", "x")
    assert not exercise.is_loss


NAIVE = """
    def softmax_cross_entropy_forward(logits, labels):
        p = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
        return -np.log(p[np.arange(len(labels)), labels]).mean()
"""
CLIPPED = """
    def bce_with_logits_forward(logits, target):  # as DeZero does (B5)
        p = np.clip(1 / (1 + np.exp(-logits)), 1e-15, 0.999)
        return -(target * np.log(p) + (1 - target) * np.log(1 - p)).sum(1).mean()
"""
STABLE = """
    def bce_with_logits_forward(logits, target):
        return (np.logaddexp(0, logits) - logits * target).sum(1).mean()
"""


@pytest.mark.parametrize(
    ("exercise", "source", "note"),
    [
        ("softmax_cross_entropy", NAIVE, ["OVERFLOW"]),
        ("bce_with_logits", CLIPPED, ["STRESS"]),
        ("bce_with_logits", STABLE, []),
    ],
    ids=["naive", "clipped", "stable"],
)
def test_large_logits_are_a_note(exercise, source, note):
    (judged,) = Variant(exercise, "", source).judged()
    assert judged.status == "right"
    assert [n.code for n in judged.notes] == note


@pytest.mark.parametrize("name", [name for name, task in TASKS.items() if task.exercise.stress])
def test_our_own_form_is_stable(name):
    task = TASKS[name]
    inputs = task.exercise.stress(np.random.default_rng(0), task.exercise.sizes(0))
    right = task.right(task.exercise.with_douts(np.random.default_rng(1), inputs))
    assert all(np.isfinite(a).all() for a in right.values())
