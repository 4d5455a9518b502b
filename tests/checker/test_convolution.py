"""Images, masks and an LSTM's step: right ones pass, wrong ones are told why."""

import pytest

from .direct import causes
from .variants.convolution import RIGHT, TWO, WRONG


def each(variants):
    return pytest.mark.parametrize("variant", variants, ids=[f"{v.exercise}: {v.name}" for v in variants])


def first_cause(judged):
    """The first explanation; one that only locates where there is no other."""
    located = [e.code for j in judged for e in j.explanations if e.located]
    return next(iter(causes(judged) + located), None)


@each(RIGHT)
def test_a_right_one_passes(variant):
    judged = variant.judged()
    assert judged
    assert {j.status for j in judged} == {"right"}


@each(WRONG)
def test_a_wrong_one_is_told_why(variant):
    judged = variant.judged()
    assert "wrong" in [j.status for j in judged]
    assert first_cause(judged) in variant.why


def test_those_that_are_wrong_twice_are_rejected_and_half_of_them_explained():
    found = {variant.name: variant.judged() for variant in TWO}
    assert all("wrong" in [j.status for j in judged] for judged in found.values())
    explained = [v for v in TWO if set(causes(found[v.name])) & set(v.why)]
    assert len(explained) >= len(TWO) / 2
