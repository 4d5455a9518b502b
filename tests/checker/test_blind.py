"""What is made of mistakes by people who have never seen the checker."""

import pytest

from tests.checker.direct import causes
from tests.checker.variants.blind import BLIND
from tests.checker.variants.blind_games import GAMES
from tests.checker.variants.blind_later import RIGHT, SETS

AT_TIES_ONLY = "all equal maxima get the gradient"
LATER = [(letter, variant) for letter, several in {**SETS, "G": GAMES}.items() for variant in several]
# By now, so that it becomes no worse; the figures of the day, when they were blind, stand with the variants.
NOT_EXPLAINED = {
    "dbias of every second pixel",
    "diagonal only",
    "triangle for raster order",
    "blog_softplus_sigma",
    "paper_squared_probability",
    "loops_windows_overlap",
    "loops_or_for_left",
    "sorted-dout-unsorted-ids",
    "square-roots",
    "square-of-each",
    "logarithm-to-base-two",
    "large-epsilon",
    "value-instead-of-place",
    "spectral-norm",
    "one-sided",
    "image-after-image",
    "rate-on-the-weights-too",
    "step-without-the-logarithm",
    "product-number-by-number",
    "gain-and-weight-exchanged",
    "real-images-too",
    "hessian-once-too-often",
}
LEAST = 112  # of the first hundred and twenty


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


@pytest.mark.parametrize(
    "variant", [v for _, v in LATER], ids=[f"{letter}: {v.exercise}, {v.name}" for letter, v in LATER]
)
def test_a_later_one_is_rejected_and_explained(variant):
    told = variant.judged()
    assert "wrong" in {j.status for j in told}
    assert bool(causes(told)) == (variant.name not in NOT_EXPLAINED)


@pytest.mark.parametrize(
    ("name", "never"),
    [
        (
            "log_variance_from_kl_only",
            "ELBO_MEAN_DECODED",
        ),  # with the mean in the place of the sample dmean would be wrong too
        ("pixel_variance_for_decoder_only", "ELBO_SQUARED_ERROR"),
        ("loss-for-plus-minus-one", "EDIT"),  # true, because the targets are zeros and ones
    ],
)
def test_what_misled_later_does_not_again(name, never):
    (variant,) = [v for _, v in LATER if v.name == name]
    assert never not in {e.code for j in variant.judged() for e in j.explanations}


@pytest.mark.parametrize("variant", RIGHT, ids=lambda v: f"{v.exercise}, {v.name}")
def test_a_right_one_of_theirs_passes(variant):
    assert {j.status for j in variant.judged()} == {"right"}
