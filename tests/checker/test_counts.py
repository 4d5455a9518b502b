"""The bars: how many exercises there are, how many ways to write them right and wrong, and what is made of these."""

import itertools

import pytest

from scratchgen.checker.exercises import EXERCISES
from tests.checker.variants import adversarial, convolution, latent, layers, losses, optimizers

FILES = (adversarial, convolution, latent, layers, losses, optimizers)


def every(kind):
    return list(itertools.chain.from_iterable(getattr(file, kind) for file in FILES))


@pytest.mark.parametrize(("kind", "least"), [("RIGHT", 120), ("WRONG", 160), ("TWO", 20)])
def test_there_are_enough_variants(kind, least):
    variants = every(kind)
    assert len(variants) >= least
    assert len({(v.exercise, v.name) for v in variants}) == len(variants)
    if kind != "TWO":
        assert {v.exercise for v in variants} == set(EXERCISES)


def test_there_are_thirty_exercises_and_more():
    assert len(EXERCISES) >= 30
