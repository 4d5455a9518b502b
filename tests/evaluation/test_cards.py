"""A protocol card is whole, or it is not made."""

from dataclasses import FrozenInstanceError, fields, replace

import pytest

from scratchgen.evaluation import Card

FACTS = {
    "data": "ring of 8",
    "radius": 1.0,
    "std": 0.01,
    "z": "2, N(0, I)",
    "objective": "non-saturating",
    "optimizers": "Adam 1e-4, β₁ 0.8",
    "steps": "400 epochs of 1,000, D 1 : G 1",
    "batch": 100,
    "samples": 2500,
    "seeds": 10,
}


def test_it_says_everything():
    lines = str(Card(**FACTS)).splitlines()
    assert len(lines) == len(FACTS) == len(fields(Card))
    for line, (name, value) in zip(lines, FACTS.items()):
        assert line.split(maxsplit=1) == [name, str(value)]
    assert len({line.index(str(value)) for line, value in zip(lines, FACTS.values())}) == 1  # in one column


@pytest.mark.parametrize("name", FACTS)
def test_no_fact_may_be_missing(name):
    with pytest.raises(TypeError, match=name):
        Card(**{key: value for key, value in FACTS.items() if key != name})
    for nothing in (None, "", "  "):
        with pytest.raises(ValueError, match=f'what about {name}\\? Say what it was, or "-"'):
            Card(**FACTS | {name: nothing})


def test_zero_is_a_fact_and_a_dash_is_not_printed():
    assert "std         0" in str(Card(**FACTS | {"std": 0}))
    assert "radius" not in str(Card(**FACTS | {"radius": "-"}))


def test_a_card_does_not_change():
    card = Card(**FACTS)
    with pytest.raises(FrozenInstanceError):
        card.seeds = 1
    assert replace(card, seeds=1).seeds == 1
    assert card.seeds == 10
