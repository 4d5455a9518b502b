"""The bars: how many exercises there are, how many ways to write them right and wrong, and what is made of these."""

import itertools
from pathlib import Path

import pytest

from scratchgen.checker.exercises import EXERCISES
from tests.checker.variants import adversarial, convolution, latent, layers, losses, optimizers

ROOT = Path(__file__).parents[2]
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


@pytest.mark.parametrize("exercise", EXERCISES.values(), ids=EXERCISES)
def test_its_page_sets_it(exercise):
    page = (ROOT / "derivations" / exercise.page).read_text(encoding="utf-8")
    command = page[page.index("## Exercise") :].partition("--skeleton ")[2].partition(" >")[0]
    assert exercise.name in command.split(",")
    assert exercise.equations


def test_there_are_thirty_exercises_and_more():
    assert len(EXERCISES) >= 30
