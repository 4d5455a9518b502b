"""What is made of mistakes by people who have never seen the checker."""

import pytest

from tests.checker.direct import causes
from tests.checker.variants.blind import BLIND

AT_TIES_ONLY = "all equal maxima get the gradient"
LEAST = 100  # of them explained by now, rightly or as far as it goes; that is no blind figure any more


@pytest.fixture(scope="module")
def judged():
    return {(v.exercise, v.name): v.judged() for v in BLIND}


def test_every_one_is_rejected(judged):
    passed = [key for key, several in judged.items() if all(j.status == "right" for j in several)]
    assert [name for _, name in passed] == [AT_TIES_ONLY]


def test_and_that_one_is_told_of_ties(judged):
    (told,) = [several for (_, name), several in judged.items() if name == AT_TIES_ONLY]
    assert "NO_SLOPE" in {note.code for j in told for note in j.notes}


def test_most_are_explained(judged):
    assert sum(bool(causes(several)) for several in judged.values()) >= LEAST


@pytest.mark.parametrize(
    ("name", "never"),
    [
        ("negative indices wrap round", "SHIFTED"),  # only part of it had moved, and nowhere
        ("variance without centring", "INDICES"),  # no index counts three quarters
        ("tanh of half", "TANH_IS_SIGMOID"),  # true, and of no help
    ],
)
def test_what_misled_once_does_not_again(judged, name, never):
    (told,) = [several for (_, variant), several in judged.items() if variant == name]
    assert never not in {e.code for j in told for e in j.explanations}
