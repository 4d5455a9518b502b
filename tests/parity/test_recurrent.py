"""Recurrent layers against PyTorch's: the same weights by the same names, all outputs, all gradients."""

import numpy as np
import pytest

import scratchgen as sg
from scratchgen import nn

from .compare import DTYPES, normal, same, torch
from .test_nn import paired

both = pytest.mark.parametrize("dtype", DTYPES)

SEQUENCES = {
    "LSTM": (nn.LSTM(4, 3), torch.nn.LSTM(4, 3), 2),
    "LSTM, batch first": (nn.LSTM(4, 3, batch_first=True), torch.nn.LSTM(4, 3, batch_first=True), 2),
    "GRU": (nn.GRU(4, 3), torch.nn.GRU(4, 3), 1),
    "GRU, batch first": (nn.GRU(4, 3, batch_first=True), torch.nn.GRU(4, 3, batch_first=True), 1),
}
CELLS = {
    "LSTMCell": (nn.LSTMCell(4, 3), torch.nn.LSTMCell(4, 3), 2),
    "GRUCell": (nn.GRUCell(4, 3), torch.nn.GRUCell(4, 3), 1),
}


def flat(outputs):
    """All tensors in nested tuples, in order."""
    return [x for part in outputs for x in flat(part)] if isinstance(outputs, tuple) else [outputs]


def assert_same_pass(ours, theirs, x, states):
    """x and the parts of the first state, through both; a random cotangent for every output."""
    mine = [sg.tensor(np.asfortranarray(a), requires_grad=True) for a in (x, *states)]
    yours = [torch.tensor(a, requires_grad=True) for a in (x, *states)]
    y, z = (
        flat(layer(first) if not rest else layer(first, rest[0] if len(rest) == 1 else tuple(rest)))
        for layer, (first, *rest) in ((ours, mine), (theirs, yours))
    )
    assert len(y) == len(z)
    total, expected_total = 0.0, 0.0
    for k, (a, b) in enumerate(zip(y, z)):
        assert a.dtype == x.dtype
        same(a.numpy(), b, f"output {k}")
        g = normal(*a.shape, seed=90 + k).astype(x.dtype)
        total, expected_total = total + (a * g).sum(), expected_total + (b * torch.tensor(g)).sum()
    total.backward()
    expected_total.backward()
    for k, (a, b) in enumerate(zip(mine, yours)):
        same(a.grad.numpy(), b.grad, f"the gradient of input {k}")
    expected = dict(theirs.named_parameters())
    for name, parameter in ours.named_parameters():
        same(parameter.grad.numpy(), expected[name].grad, f"{name}.grad")


@both
@pytest.mark.parametrize("given", [True, False], ids=["with a state", "from zeros"])
@pytest.mark.parametrize(("ours", "theirs", "parts"), list(SEQUENCES.values()), ids=list(SEQUENCES))
def test_sequences(ours, theirs, parts, given, dtype):
    paired(ours, theirs, dtype)
    x = normal(5, 2, 4).astype(dtype)
    n = 5 if ours.batch_first else 2
    states = [normal(1, n, 3, seed=k).astype(dtype) for k in range(parts)] if given else []
    assert_same_pass(ours, theirs, x, states)


@both
@pytest.mark.parametrize("given", [True, False], ids=["with a state", "from zeros"])
@pytest.mark.parametrize(("ours", "theirs", "parts"), list(CELLS.values()), ids=list(CELLS))
def test_cells(ours, theirs, parts, given, dtype):
    paired(ours, theirs, dtype)
    states = [normal(7, 3, seed=k).astype(dtype) for k in range(parts)] if given else []
    assert_same_pass(ours, theirs, normal(7, 4).astype(dtype), states)
