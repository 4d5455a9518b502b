"""The solved game: discrete laws by hand, and where a careless formula would have divided by zero."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import entropy, norm

from scratchgen.models.adversarial.exact import (
    best_law,
    generator_value,
    jsd,
    kl,
    maximin,
    minimax,
    non_saturating_divergence,
    optimal_discriminator,
    optimal_logits,
    optimal_value,
    value,
)

laws = st.integers(0, 2**31).map(lambda seed: np.random.default_rng(seed).dirichlet(np.full(4, 0.4), 2))


def test_a_coin_by_hand():
    p, q = np.array([0.75, 0.25]), np.array([0.5, 0.5])
    assert kl(p, q) == pytest.approx(0.75 * np.log(1.5) + 0.25 * np.log(0.5), rel=1e-14)
    np.testing.assert_allclose(optimal_discriminator(p, q), [0.6, 1 / 3], rtol=1e-15)
    np.testing.assert_allclose(optimal_logits(p, q), [np.log(1.5), -np.log(2)], rtol=1e-14)
    by_hand = 0.75 * np.log(0.6) + 0.25 * np.log(1 / 3) + 0.5 * np.log(0.4) + 0.5 * np.log(2 / 3)
    assert optimal_value(p, q) == pytest.approx(by_hand, rel=1e-14)
    assert value(p, q, optimal_logits(p, q)) == pytest.approx(by_hand, rel=1e-14)
    best = optimal_logits(p, q)
    assert generator_value(q, best) == pytest.approx(-0.5 * np.log(0.6) - 0.5 * np.log(1 / 3), rel=1e-14)
    assert generator_value(q, best, saturating=True) == pytest.approx(
        0.5 * np.log(0.4) + 0.5 * np.log(2 / 3), rel=1e-14
    )


def test_points_that_one_law_has_and_the_other_has_not():
    """0 ln 0 = 0, an infinite KL is ∞ and JSD finite; where neither is, D is never asked, and nothing is NaN."""
    p, q = np.array([0.5, 0.5, 0.0, 0.0]), np.array([0.5, 0.0, 0.5, 0.0])
    np.testing.assert_array_equal(optimal_logits(p, q), [0, np.inf, -np.inf, 0])
    np.testing.assert_array_equal(optimal_discriminator(p, q), [0.5, 1, 0, 0.5])
    assert kl(p, q) == np.inf
    assert kl(p, p) == 0
    assert jsd(p, q) == pytest.approx(0.5 * np.log(2), rel=1e-14)
    assert value(p, q, optimal_logits(p, q)) == pytest.approx(optimal_value(p, q), rel=1e-14) == -np.log(2)
    assert value(p, q, np.array([0.0, -np.inf, 0.0, 0.0])) == -np.inf  # sure, and wrong
    assert non_saturating_divergence(p, q) == np.inf


def test_the_smallest_number_there_is():
    """Half of it is 0, and a formula with ½(p + q) divides by that."""
    tiny = np.array([5e-324, 1.0])
    assert jsd(tiny, np.array([0.0, 1.0])) == pytest.approx(0, abs=1e-15)
    x = np.linspace(-40, 40, 1999)
    assert np.isfinite(optimal_value(norm.pdf(x), norm.pdf(x, 1), x[1] - x[0]))


@given(laws, st.floats(0.01, 100))
def test_a_grid_is_a_law_with_weights(two, spacing):
    """Densities p/Δ on cells of width Δ are the probabilities p; weights may differ from cell to cell."""
    p, q = two
    widths = spacing * np.array([1.0, 2.0, 0.5, 3.0])
    for function in (kl, jsd, optimal_value, non_saturating_divergence):
        assert function(p / widths, q / widths, widths) == pytest.approx(function(p, q), rel=1e-9, abs=1e-12)
    logits = np.linspace(-1, 2, 4)
    assert value(p / widths, q / widths, logits, widths) == pytest.approx(value(p, q, logits), rel=1e-9)


@given(laws)
def test_nothing_is_changed_and_slices_will_do(two):
    p, q = (np.repeat(law, 2)[::2] for law in two)
    before = p.copy(), q.copy()
    assert kl(p, q) == pytest.approx(entropy(two[0], two[1]), abs=1e-12)
    for function in (jsd, optimal_value, optimal_logits, optimal_discriminator):
        function(p, q)
    np.testing.assert_array_equal((p, q), before)


def test_planes_and_single_points():
    p = np.full((3, 2), 1 / 6)
    assert jsd(p, p) == 0
    assert optimal_logits(p, 2 * p).shape == (3, 2)
    assert value(np.array(1.0), np.array(1.0), 0.0) == pytest.approx(-np.log(4), rel=1e-15)
    assert jsd([0.5, 0.5], [0.5, 0.5]) == 0  # lists will do
    assert jsd(np.float32([0.5, 0.5]), np.float32([1, 0])) == pytest.approx(0.75 * np.log(4 / 3), rel=1e-14)


@pytest.mark.parametrize(
    ("call", "complaint"),
    [
        (lambda: kl(np.ones(3), np.ones(4)), r"kl: laws \(3,\) and \(4,\)"),
        (lambda: jsd(np.ones(3), np.ones(3), np.ones(2)), r"jsd: .* weights \(2,\)"),
        (lambda: value([0.5, 0.5], [1.5, -0.5], 0.0), "value: .* negative"),
        (lambda: optimal_logits([np.nan, 1.0], [0.5, 0.5]), "optimal_logits: .* NaN"),
        (lambda: optimal_discriminator([np.inf, 1.0], [0.5, 0.5]), "optimal_discriminator: .* infinite"),
        (lambda: kl([0.5, 0.5], [0.5, 0.5], [3.0, -1.0]), "kl: .* a weight is negative"),
        (lambda: jsd([5.0, 5.0], [3.0, 7.0]), "jsd: the mass of a law, .* is 10 and not 1; .* its spacing as weights"),
        (lambda: value([0.5, 0.5], [0.5, 0.45], 0.0), r"value: .* is 0\.95 and not 1"),
        (lambda: generator_value([0.5, 0.5], 0.0, 2.0), "generator_value: .* is 2 and not 1"),
        (lambda: optimal_value([], []), "jsd: .* is 0 and not 1"),
        (lambda: non_saturating_divergence([1.0, 1.0], [1.0, 0.0]), "non_saturating_divergence: .* is 2 and not 1"),
        (lambda: minimax([[np.nan, 1.0]]), "minimax: expected a table .* without NaN"),
        (lambda: maximin([[0.0, np.nan]]), "maximin: expected a table .* without NaN"),
        (lambda: minimax(np.ones(3)), r"minimax: expected a table .* got \(3,\)"),
        (lambda: maximin(np.ones((0, 2))), r"maximin: expected a table .* got \(0, 2\)"),
        (lambda: best_law(np.zeros((2, 2))), r"best_law: expected logits \(points,\).* got \(2, 2\)"),
        (lambda: best_law([]), r"best_law: expected .* got \(0,\)"),
        (lambda: best_law([0.0, np.nan]), "best_law: expected .* no NaN"),
    ],
)
def test_what_is_no_law_and_no_table_is_refused(call, complaint):
    with pytest.raises(ValueError, match=complaint):
        call()


# ---------------------------------------------------------------------------------------------------- who moves first
def test_matching_pennies_and_a_saddle():
    pennies = np.array([[1.0, -1.0], [-1.0, 1.0]])
    assert (minimax(pennies).value, maximin(pennies).value) == (1, -1)
    saddle = np.array([[3.0, 1.0, 4.0], [2.0, 1.5, 2.5], [5.0, 0.0, 9.0]])
    assert minimax(saddle) == (2.5, 1, 2)
    assert maximin(saddle) == (2.5, 1, 2)


@given(st.integers(1, 6), st.integers(1, 6), st.integers(0, 2**31))
def test_the_two_orders_are_each_others_mirror(rows, columns, seed):
    """Who maximises is who minimises −V; and each value is where its table says it is."""
    table = np.random.default_rng(seed).normal(size=(rows, columns))
    first, second = minimax(table), maximin(table)
    mirrored = maximin(-table.T)
    assert (first.value, first.generator) == (-mirrored.value, mirrored.discriminator)
    for solution in (first, second):
        assert table[solution.generator, solution.discriminator] == solution.value
    assert first.value == min(max(row) for row in table)
    assert second.value == max(min(column) for column in table.T)


def test_the_best_answer_is_one_point():
    logits = np.array([-1.0, 3.0, 0.5])
    np.testing.assert_array_equal(best_law(logits), [0, 1, 0])
    np.testing.assert_array_equal(best_law([np.inf, -np.inf]), [1, 0])
