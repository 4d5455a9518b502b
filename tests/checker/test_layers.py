"""Layers: right ones pass, wrong ones are told why."""

import pytest

from scratchgen.checker.exercises import EXERCISES

from .direct import Variant, causes
from .variants.layers import RIGHT, TWO, WRONG


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
