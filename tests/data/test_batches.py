"""Minibatches: every row once, rows of different arrays together, the same order for the same seed."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratchgen import backend
from scratchgen.data import minibatches


@given(n=st.integers(0, 30), batch_size=st.integers(1, 12), drop_last=st.booleans(), shuffled=st.booleans())
def test_every_row_comes_once_and_rows_stay_together(n, batch_size, drop_last, shuffled):
    x, y = np.arange(3 * n).reshape(n, 3), np.arange(n)
    rng = np.random.default_rng(0) if shuffled else None
    batches = list(minibatches(x, y, batch_size=batch_size, rng=rng, drop_last=drop_last))
    assert len(batches) == (n // batch_size if drop_last else -(-n // batch_size))
    assert all(len(rows) == len(labels) == batch_size for rows, labels in batches[:-1])
    seen = [label for _, labels in batches for label in labels.tolist()]
    assert len(set(seen)) == len(seen) == (n - n % batch_size if drop_last else n)
    for rows, labels in batches:
        assert (rows.dtype, labels.dtype) == (x.dtype, y.dtype)
        np.testing.assert_array_equal(rows[:, 0], 3 * labels)
    if not shuffled:
        assert seen == list(range(len(seen)))


def test_one_seed_is_one_order_and_each_epoch_has_its_own():
    x = np.arange(50)
    epoch = lambda rng: np.concatenate([rows for (rows,) in minibatches(x, batch_size=8, rng=rng)])
    rng = np.random.default_rng(1)
    first, second = epoch(rng), epoch(rng)
    np.testing.assert_array_equal(first, epoch(np.random.default_rng(1)))
    assert not np.array_equal(first, second)
    assert not np.array_equal(first, x)
    np.testing.assert_array_equal(np.sort(second), x)


@pytest.mark.parametrize("n", [3, 4])
def test_every_order_is_as_likely_as_another(n):
    """A shuffle that prefers some orders (swapping each row with any other) is off by more than 5 standard errors."""
    rng, draws = np.random.default_rng(2), 6000
    orders = [
        tuple(rows.tolist()) for _ in range(draws) for (rows,) in minibatches(np.arange(n), batch_size=n, rng=rng)
    ]
    _, counts = np.unique(orders, axis=0, return_counts=True)
    expected = draws / {3: 6, 4: 24}[n]
    assert len(counts) == {3: 6, 4: 24}[n]
    assert abs(counts - expected).max() < 5 * np.sqrt(expected)


@pytest.mark.parametrize("shuffled", [False, True])
def test_rows_are_picked_on_their_own_device(device, shuffled):
    x = np.random.default_rng(3).standard_normal((10, 2, 3), dtype=np.float32)[:, ::-1]
    rng = lambda: np.random.default_rng(4) if shuffled else None
    on_device = minibatches(backend.to_device(x, device), np.arange(10), batch_size=4, rng=rng())
    on_host = minibatches(x, np.arange(10), batch_size=4, rng=rng())
    for (rows, labels), (expected, expected_labels) in zip(on_device, on_host, strict=True):
        assert backend.device_of(rows).partition(":")[0] == device
        assert backend.device_of(labels) == "cpu"
        np.testing.assert_array_equal(backend.to_host(rows), expected)
        np.testing.assert_array_equal(labels, expected_labels)


def test_shuffled_batches_are_copies():
    x = np.arange(10)
    (first,) = next(minibatches(x, batch_size=5, rng=np.random.default_rng(0)))
    assert not np.shares_memory(first, x)


@pytest.mark.parametrize(
    ("arrays", "batch_size", "message"),
    [
        ([np.zeros(5), np.zeros((4, 2))], 2, r"same number of rows, got \[5, 4\]"),
        ([], 2, "same number of rows, got none"),
        ([np.zeros(5)], 0, "batch_size is 0, expected at least 1"),
    ],
)
def test_mistakes_are_reported_at_the_call(arrays, batch_size, message):
    with pytest.raises(ValueError, match=f"minibatches: .*{message}"):
        minibatches(*arrays, batch_size=batch_size)  # and not only when the first batch is asked for
