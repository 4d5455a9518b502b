"""Steps of optimizers: right ones pass, wrong ones are told why."""

import pytest

from .direct import told
from .variants.optimizers import RIGHT, TWO, WRONG


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
