"""Losses: right ones pass, wrong ones are told why, and what overflows is said without taking anything off."""

import numpy as np
import pytest

from scratchgen.checker.exercises import TASKS

from .direct import Variant, told
from .variants.losses import RIGHT, TWO, WRONG


def named(variants):
    return pytest.mark.parametrize("variant", variants, ids=[f"{v.exercise}: {v.name}" for v in variants])


@named(RIGHT)
def test_a_right_one_passes(variant):
    assert {j.status for j in variant.judged()} == {"right"}


@named(WRONG)
def test_a_wrong_one_is_told_why(variant):
    first = told(variant)
    assert first in variant.why


@named(TWO)
def test_one_that_is_wrong_twice_is_rejected(variant):
    assert "wrong" in [j.status for j in variant.judged()]


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
