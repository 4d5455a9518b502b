"""Class histograms, their entropy, and the score that one image per class satisfies."""

import math

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import entropy

import scratchgen as sg
from scratchgen import backend
from scratchgen.evaluation import class_shares, inception_score, reverse_kl, stack_labels

LABELS = hnp.arrays(np.int64, st.integers(1, 40), elements=st.integers(0, 9))


def probabilities(rng, n, k):
    return rng.dirichlet(np.full(k, 0.3), n)


@pytest.mark.equation("22.15")
@given(LABELS)
def test_the_entropy_of_the_histogram(labels):
    found = class_shares(labels, 10)
    counts = np.bincount(labels, minlength=10)
    np.testing.assert_allclose(found.shares, counts / len(labels))
    assert found.entropy == pytest.approx(entropy(counts), abs=1e-12)
    assert found.from_uniform == pytest.approx(reverse_kl(counts), abs=1e-12)
    assert found.dominant == counts.max() / len(labels)
    assert found.reached == len(set(labels.tolist()))
    assert 1 - 1e-9 <= found.effective <= found.reached + 1e-9


@pytest.mark.ledger("C-2v3")
def test_the_lectures_twos_and_threes():
    """S0, lines 1419–1428: its 100 samples are 2s and 3s, so two classes of ten, ln 10 − ln 2 and a little from
    uniform."""
    rows = """
        2 2 2 3 2 3 2 3 2 2    3 3 3 2 3 3 2 3 2 3    3 2 3 3 3 3 3 2 3 3    3 2 3 3 3 3 3 2 3 3    2 3 2 3 3 3 3 2 3 3
        3 3 2 3 3 3 3 2 3 3    3 3 3 2 3 3 3 2 3 3    3 3 3 2 3 3 3 2 3 3    3 3 3 2 3 3 3 2 3 3    2 3 3 3 3 2 3 2 3 3
    """
    labels = np.array(rows.split(), int)
    assert np.bincount(labels).tolist() == [0, 0, 28, 72]
    found = class_shares(labels, 10)
    assert found.reached == 2
    assert 1.5 < found.effective < 2
    assert found.from_uniform > math.log(10) - math.log(2)
    assert str(found).startswith("2 of 10 classes")


def test_probabilities_logits_and_labels_agree(device):
    rng = np.random.default_rng(0)
    logits = rng.standard_normal((50, 6)).astype(np.float32)
    expected = class_shares(logits.argmax(1), 6)
    there = backend.to_device(logits, device)
    for given_ in (logits, np.exp(logits), there, sg.tensor(there), np.repeat(logits, 2, 1)[:, ::2]):
        found = class_shares(given_)
        np.testing.assert_array_equal(found.shares, expected.shares)
        assert found[1:] == expected[1:]
    assert class_shares(there.argmax(1), 6).dominant == expected.dominant
    assert len(class_shares(logits, 9).shares) == 9


@pytest.mark.equation("22.16")
@given(st.integers(0, 2**32 - 1), st.integers(1, 30), st.integers(1, 8))
def test_the_score_is_the_exponential_of_a_mutual_information(seed, n, k):
    p = probabilities(np.random.default_rng(seed), n, k)
    information = entropy(p.mean(0)) - entropy(p, axis=1).mean()
    assert inception_score(p) == pytest.approx(math.exp(information))
    assert 1 - 1e-9 <= inception_score(p) <= k + 1e-9


@pytest.mark.equation("22.16")
def test_the_extremes_of_the_score():
    assert inception_score(np.full((20, 10), 0.1)) == pytest.approx(1)  # never sure
    assert inception_score(np.eye(10)[[3] * 20]) == pytest.approx(1)  # always sure, and always the same
    assert inception_score(np.eye(10)[np.arange(20) % 10]) == pytest.approx(10)
    p = probabilities(np.random.default_rng(1), 30, 4)
    assert inception_score(p.astype(np.float32)) == pytest.approx(inception_score(p), rel=1e-5)
    np.testing.assert_array_equal(p, probabilities(np.random.default_rng(1), 30, 4))  # untouched


def test_stacked_digits_have_a_thousand_modes(device):
    labels = np.array([[4, 0, 7], [0, 0, 1], [9, 9, 9], [4, 0, 7]])
    found = stack_labels(backend.to_device(labels, device))
    assert found.tolist() == [407, 1, 999, 407]
    assert class_shares(found, 1000).reached == 3
    assert stack_labels(np.array([[1, 0], [1, 1]]), 2).tolist() == [2, 3]
    for kind in (np.uint8, np.int8, np.uint64):
        assert stack_labels(np.array([[4, 0, 7]], kind)).dtype == np.int64


def test_what_is_refused():
    for bad, classes in (
        (np.array([0.5, 0.5]), 2),
        (np.array([1, 2]), None),
        (np.zeros((3, 4), int), 4),
        (np.zeros(0, int), 3),
    ):
        with pytest.raises(ValueError, match="class_shares: expected labels"):
            class_shares(bad, classes)
    for labels, ends in (([10, 3], "3 to 10"), ([-1, 3], "-1 to 3")):
        with pytest.raises(ValueError, match=f"labels go from {ends}, expected 0 … 9"):
            class_shares(np.array(labels), 10)
    for bad in (np.ones((3, 2)), np.array([[1.5, -0.5]]), np.ones(3), np.zeros((0, 3))):
        with pytest.raises(ValueError, match="inception_score: expected probabilities"):
            inception_score(bad)
    for bad in (np.array([1, 2]), np.array([[10, 0]]), np.array([[-1, 3]]), np.array([[0.5, 1]])):
        with pytest.raises(ValueError, match="stack_labels: expected labels"):
            stack_labels(bad)
    for classes in (2.5, 0):
        with pytest.raises(ValueError, match=f"stack_labels: classes counts them, 1 or more, got {classes}"):
            stack_labels(np.zeros((1, 2), int), classes)
    assert stack_labels(np.full((1, 18), 9)) == [10**18 - 1]
    with pytest.raises(ValueError, match="stack_labels: 10 classes in 19 channels are too many modes for 64 bits"):
        stack_labels(np.full((1, 19), 9))


def test_scores_that_are_nan():
    """The largest of NaNs is the first: class 0 for all. A logit of −∞ is one."""
    scores = np.zeros((3, 4))
    scores[1, 2] = np.nan
    with pytest.raises(ValueError, match="class_shares: probabilities or logits are NaN"):
        class_shares(scores)
    scores[1] = [-np.inf, 0, -np.inf, -np.inf]
    assert class_shares(scores).shares.tolist() == [2 / 3, 1 / 3, 0, 0]
