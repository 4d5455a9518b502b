"""All variants: right ones pass, wrong ones are told why, and those that are wrong twice are at least rejected."""

import pytest

from .direct import causes, told
from .test_counts import FILES, every


def each(kind):
    variants = every(kind)
    return pytest.mark.parametrize("variant", variants, ids=[f"{v.exercise}: {v.name}" for v in variants])


@each("RIGHT")
def test_a_right_one_passes(variant):
    assert {j.status for j in variant.judged()} == {"right"}


@each("WRONG")
def test_a_wrong_one_is_told_why(variant):
    assert told(variant) in variant.why


@each("TWO")
def test_one_that_is_wrong_twice_is_rejected(variant):
    assert "wrong" in [j.status for j in variant.judged()]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.__name__.rpartition(".")[2])
def test_half_of_those_are_explained_in_part(file):
    """By one of the causes that stand with it; where none does, by any."""
    found = {v: set(causes(v.judged())) for v in file.TWO}
    explained = [v for v, said in found.items() if (said & set(v.why) if v.why else said)]
    assert len(explained) >= len(file.TWO) / 2
