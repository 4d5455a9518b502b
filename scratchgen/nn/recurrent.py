"""Recurrent layers (순환 신경망): one cell, used again at every step.

The LSTM is written down once, as a step with its derivative beside it (Eqs. 7.2–7.6). `lstm` takes many steps, forwards
and back, and lets neighbouring cells of a line see each other if one wants it: with that it is PyTorch's LSTM, and the
Row LSTM and the Diagonal BiLSTM of PixelRNN as well.
"""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np

from .. import functional as F
from ..autograd import Tensor, primitive
from .init import Initializer, generator, glorot_uniform
from .module import Module, Parameter

__all__ = ["GRU", "GRUCell", "LSTM", "LSTMCell", "lstm", "lstm_step", "neighbours", "open_forget_gate", "project"]


# ---------------------------------------------------------------------------------------------------- one LSTM step
@primitive
def lstm_step(gates: Any, c: Any) -> Any:
    """c′ = σ(f) ∘ c + σ(i) ∘ tanh(g),  h′ = σ(o) ∘ tanh(c′).  Eq. 7.3 (derivations/07-recurrent.md#eq-7-3)

    gates (…, 4H) hold i, f, g, o side by side, before their sigmoids; c (…, H) → (2, …, H): h′, then c′.
    Source: S. Hochreiter, J. Schmidhuber, *Long short-term memory*, Neural Computation 9, 1997; the forget gate:
    F. Gers, J. Schmidhuber, F. Cummins, 2000.
    """
    i, f, candidate, o = _activated(gates)
    state = np.empty_like(c, shape=(2, *c.shape), order="C")
    state[1] = f * c + i * candidate
    state[0] = o * np.tanh(state[1])
    return state


def _activated(gates: Any) -> tuple[Any, Any, Any, Any]:
    """The three gates, open between 0 and 1, and the candidate between −1 and 1: i, f, g, o.

    Eq. 7.2 (derivations/07-recurrent.md#eq-7-2)"""
    opened = F.sigmoid(gates)  # of g as well, for nothing: one long piece takes less time than three short ones
    h = gates.shape[-1] // 4
    return opened[..., :h], opened[..., h : 2 * h], F.tanh(gates[..., 2 * h : 3 * h]), opened[..., 3 * h :]


def _step_back(h_bar: Any, c_bar: Any, gates: Any, c: Any, c_new: Any) -> tuple[Any, Any]:
    """From the gradients of h′ and c′ to those of the gates and of c.

    Eqs. 7.5–7.7 (derivations/07-recurrent.md#eq-7-5)"""
    i, f, candidate, o = _activated(gates)
    seen = F.tanh(c_new)
    c_bar = c_bar + h_bar * o * (1 - seen * seen)  # Eq. 7.5: c′ is read twice, by h′ and by the next step
    gates_bar = F.concatenate(  # Eq. 7.6
        [
            c_bar * candidate * (i * (1 - i)),
            c_bar * c * (f * (1 - f)),
            c_bar * i * (1 - candidate * candidate),
            h_bar * seen * (o * (1 - o)),
        ],
        -1,
    )
    return gates_bar, c_bar * f  # Eq. 7.7


lstm_step.vjp(
    gates=lambda g, gates, c, out: _step_back(g[0], g[1], gates, c, out[1])[0],
    c=lambda g, gates, c, out: _step_back(g[0], g[1], gates, c, out[1])[1],
)


# --------------------------------------------------------------------------------------------------- a line of cells
@primitive
def neighbours(x: Any, offsets: tuple[int, ...]) -> Any:
    """z[…, l, :] = x[…, l + δ, :] for each offset δ, side by side; 0 beyond the ends of the line.

    x (…, L, C) → (…, L, K·C) for K offsets. A product with it is a convolution along the line:
    Eq. 7.10 (derivations/07-recurrent.md#eq-7-10).
    """
    *batch, length, channels = x.shape
    z = np.zeros_like(x, shape=(*batch, length, len(offsets), channels), order="C")
    for k, offset in enumerate(offsets):
        here, there = _overlap(offset, length)
        z[..., here, k, :] = x[..., there, :]
    return z.reshape(*batch, length, len(offsets) * channels)


@primitive
def _back_from_neighbours(z: Any, offsets: tuple[int, ...]) -> Any:
    """The transpose of `neighbours`: what was read from a cell is added back to it."""
    *batch, length, width = z.shape
    z = z.reshape(*batch, length, len(offsets), width // len(offsets))
    x = np.zeros_like(z, shape=(*batch, length, width // len(offsets)), order="C")
    for k, offset in enumerate(offsets):
        here, there = _overlap(offset, length)
        x[..., there, :] += z[..., here, k, :]
    return x


def _overlap(offset: int, length: int) -> tuple[slice, slice]:
    """The cells that have a neighbour at this offset, and those neighbours."""
    first, last = max(0, -offset), max(0, length - max(0, offset))
    return slice(first, max(first, last)), slice(first + offset, max(first, last) + offset)


neighbours.vjp(x=lambda g, offsets: _back_from_neighbours(g, offsets))
_back_from_neighbours.vjp(z=lambda g, offsets: neighbours(g, offsets))


def project(x: Any, weight: Any, bias: Any = None) -> Any:
    """`F.linear` as one large product: NumPy would multiply stacks of lines one line at a time, at half the speed."""
    rows = F.linear(F.reshape(x, (math.prod(x.shape[:-1]), x.shape[-1])), weight, bias)
    return F.reshape(rows, (*x.shape[:-1], len(weight)))


# --------------------------------------------------------------------------------------------------------- all steps
def lstm(x: Any, weight: Any, state: Any, offsets: tuple[int, ...] = (0,)) -> Any:
    """hₜ, cₜ = lstm_step(xₜ + Σ_δ W_δ hₜ₋₁[· + δ], cₜ₋₁) for t = 1 … T, in each of the L cells of a line.

    Eq. 7.10 (derivations/07-recurrent.md#eq-7-10). x (T, N, L, 4H) is what the input says to the gates at all steps;
    weight (4H, K·H) has a block for each of the K offsets; state (2, N, L, H) holds h₀ and c₀ → all states
    (T, 2, N, L, H). Raises `ValueError` for no steps, and for shapes that do not fit together.
    """
    _, n, length, hidden = state.shape
    fits = x.shape[1:] == (n, length, 4 * hidden) and weight.shape == (4 * hidden, len(offsets) * hidden)
    if len(x) == 0 or not fits:
        raise ValueError(
            f"lstm: expected x (T ≥ 1, N, L, 4H), weight (4H, {len(offsets)}·H) and state (2, N, L, H), "
            f"got {x.shape}, {weight.shape} and {state.shape}"
        )
    # All that is differentiable in one argument: then one way back through time finds all gradients, not one each.
    return _lstm(_packed(x, weight, state), (x.shape, weight.shape, state.shape), offsets)


@primitive
def _lstm(packed: Any, shapes: tuple[tuple[int, ...], ...], offsets: tuple[int, ...]) -> Any:
    x, weight, state = _unpacked(packed, shapes)
    states = np.empty_like(packed, shape=(len(x), *state.shape), order="C")
    for t in range(len(x)):
        gates = project(neighbours(state[0], offsets), weight)
        gates += x[t]
        states[t] = lstm_step(gates, state[1])
        state = states[t]
    return states


def _lstm_rule(g: Any, packed: Any, shapes: Any, offsets: tuple[int, ...], out: Any) -> Any:
    """Backpropagation through time.  Eqs. 7.5–7.8 (derivations/07-recurrent.md#eq-7-5)"""
    x, weight, state = _unpacked(packed, shapes)
    before = F.concatenate([F.reshape(state, (1, *state.shape)), out[:-1]])  # the state that each step began with
    near = neighbours(before[:, 0], offsets)
    gates = x + project(near, weight)  # now that all states are known, one product for all steps
    gates_bar, h_bar, c_bar = [], 0.0, 0.0  # nothing comes from beyond the last step
    for t in reversed(range(len(x))):
        step_bar, c_bar = _step_back(g[t, 0] + h_bar, g[t, 1] + c_bar, gates[t], before[t, 1], out[t, 1])
        h_bar = _back_from_neighbours(project(step_bar, F.transpose(weight)), offsets)
        gates_bar.append(step_bar)
    x_bar = F.stack(gates_bar[::-1])
    weight_bar = F.transpose(F.reshape(x_bar, (-1, x.shape[-1]))) @ F.reshape(near, (-1, weight.shape[1]))  # Eq. 7.8
    return _packed(x_bar, weight_bar, F.stack([h_bar, c_bar]))


_lstm.vjp(packed=_lstm_rule)


def _packed(*parts: Any) -> Any:
    return F.concatenate([F.reshape(part, (math.prod(part.shape),)) for part in parts])


def _unpacked(packed: Any, shapes: tuple[tuple[int, ...], ...]) -> list[Any]:
    ends = [*itertools.accumulate(math.prod(shape) for shape in shapes)]
    return [F.reshape(part, shape) for part, shape in zip(F.split(packed, ends[:-1]), shapes)]


# ------------------------------------------------------------------------------------------------------------ layers
class LSTMCell(Module):
    """h′, c′ = one LSTM step with gates W_ih x + b_ih + W_hh h + b_hh.  Eq. 7.2 (derivations/07-recurrent.md#eq-7-2)

    x (N, in), state (h, c) each (N, H), zeros if None → (h′, c′). weight_ih (4H, in) and weight_hh (4H, H), gates in
    the order i, f, g, o, begin Glorot uniform; biases at 0, but the forget gate's at 1: it begins open (Eq. 7.4).
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        *,
        init: Initializer = glorot_uniform,
        rng: Any = None,
        dtype: Any = np.float32,
    ) -> None:
        self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh = _parameters(
            4, input_size, hidden_size, init, rng, dtype
        )
        open_forget_gate(self.bias_ih)

    def forward(self, x: Any, state: tuple[Any, Any] | None = None) -> tuple[Tensor, Tensor]:
        _expect("LSTMCell: x", x, 2, self.weight_ih)
        h, c = state or _zeros(2, x.shape[0], self.weight_hh)
        gates = F.linear(x, self.weight_ih, self.bias_ih) + F.linear(h, self.weight_hh, self.bias_hh)
        new = lstm_step(gates, c)
        return new[0], new[1]


class LSTM(Module):
    """`LSTMCell` at every step of a sequence, in one layer.  Eqs. 7.2 and 7.3 (derivations/07-recurrent.md#eq-7-2)

    x (T, N, in), or (N, T, in) with `batch_first`; state (h, c) each (1, N, H), zeros if None → (all h (T, N, H) or
    (N, T, H), (last h, last c)). Parameters as in `LSTMCell`; their names end in _l0, as PyTorch's do.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        batch_first: bool = False,
        *,
        init: Initializer = glorot_uniform,
        rng: Any = None,
        dtype: Any = np.float32,
    ) -> None:
        self.batch_first = batch_first
        self.weight_ih_l0, self.weight_hh_l0, self.bias_ih_l0, self.bias_hh_l0 = _parameters(
            4, input_size, hidden_size, init, rng, dtype
        )
        open_forget_gate(self.bias_ih_l0)

    def forward(self, x: Any, state: tuple[Any, Any] | None = None) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        _expect("LSTM: x", x, 3, self.weight_ih_l0)
        x = F.transpose(x, (1, 0, 2)) if self.batch_first else x
        steps, n, _ = x.shape
        hidden = self.weight_hh_l0.shape[1]
        first = F.stack([part.reshape((n, 1, hidden)) for part in state or _zeros(2, n, self.weight_hh_l0)])
        gates = project(x, self.weight_ih_l0, self.bias_ih_l0) + self.bias_hh_l0
        states = lstm(gates.reshape((steps, n, 1, 4 * hidden)), self.weight_hh_l0, first)[:, :, :, 0]
        h = F.transpose(states[:, 0], (1, 0, 2)) if self.batch_first else states[:, 0]
        return h, (states[-1:, 0], states[-1:, 1])


class GRUCell(Module):
    """r = σ(·), z = σ(·), n = tanh(W x + r ∘ (W h)), h′ = (1 − z) ∘ n + z ∘ h.

    Eq. 7.9 (derivations/07-recurrent.md#eq-7-9). x (N, in), h (N, H), zeros if None → (N, H). weight_ih (3H, in) and
    weight_hh (3H, H), in the order r, z, n, begin Glorot uniform, biases at 0.
    Source: K. Cho et al., *Learning phrase representations using RNN encoder–decoder*, EMNLP 2014 (with PyTorch's place
    for r).
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        *,
        init: Initializer = glorot_uniform,
        rng: Any = None,
        dtype: Any = np.float32,
    ) -> None:
        self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh = _parameters(
            3, input_size, hidden_size, init, rng, dtype
        )

    def forward(self, x: Any, h: Any = None) -> Tensor:
        _expect("GRUCell: x", x, 2, self.weight_ih)
        h = _zeros(1, x.shape[0], self.weight_hh)[0] if h is None else h
        return _gru_step(F.linear(x, self.weight_ih, self.bias_ih), h, self.weight_hh, self.bias_hh)


class GRU(Module):
    """`GRUCell` at every step of a sequence, in one layer.  Eq. 7.9 (derivations/07-recurrent.md#eq-7-9)

    x (T, N, in), or (N, T, in) with `batch_first`; h (1, N, H), zeros if None → (all h, last h), as `LSTM`.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        batch_first: bool = False,
        *,
        init: Initializer = glorot_uniform,
        rng: Any = None,
        dtype: Any = np.float32,
    ) -> None:
        self.batch_first = batch_first
        self.weight_ih_l0, self.weight_hh_l0, self.bias_ih_l0, self.bias_hh_l0 = _parameters(
            3, input_size, hidden_size, init, rng, dtype
        )

    def forward(self, x: Any, h: Any = None) -> tuple[Tensor, Tensor]:
        _expect("GRU: x", x, 3, self.weight_ih_l0)
        x = F.transpose(x, (1, 0, 2)) if self.batch_first else x
        h = _zeros(1, x.shape[1], self.weight_hh_l0)[0] if h is None else h[0]
        all_h = []
        for from_input in _one_by_one(project(x, self.weight_ih_l0, self.bias_ih_l0)):
            h = _gru_step(from_input, h, self.weight_hh_l0, self.bias_hh_l0)
            all_h.append(h)
        return F.stack(all_h, 1 if self.batch_first else 0), h.reshape((1, *h.shape))


def _gru_step(from_input: Any, h: Any, weight: Any, bias: Any) -> Any:
    """Eq. 7.9 (derivations/07-recurrent.md#eq-7-9)"""
    r_x, z_x, n_x = F.split(from_input, 3, -1)
    r_h, z_h, n_h = F.split(F.linear(h, weight, bias), 3, -1)
    z = F.sigmoid(z_x + z_h)
    n = F.tanh(n_x + F.sigmoid(r_x + r_h) * n_h)
    return n + z * (h - n)


def _one_by_one(x: Any) -> list[Any]:
    """x[0], x[1], … by halving. The gradient of a slice is as large as what it was cut from, zeros for the most part: T
    slices of one array cost T² on the way back, halves of halves T ln T."""
    parts = [x]
    while any(len(part) > 1 for part in parts):
        parts = [half for part in parts for half in F.split(part, [len(part) // 2]) if len(half)]
    return [part.reshape(part.shape[1:]) for part in parts]


def _parameters(gates: int, inputs: int, hidden: int, init: Initializer, rng: Any, dtype: Any) -> list[Parameter]:
    rng = generator(rng)
    weights = [np.concatenate([init((hidden, n), rng, dtype) for _ in range(gates)]) for n in (inputs, hidden)]
    return [*map(Parameter, weights), *(Parameter(np.zeros(gates * hidden, dtype)) for _ in range(2))]


def open_forget_gate(bias: Parameter) -> None:
    """Begin with forget gates σ(1) = 0.73 instead of ½.  Eq. 7.4 (derivations/07-recurrent.md#eq-7-4)"""
    hidden = bias.shape[0] // 4
    bias.data[hidden : 2 * hidden] = 1


def _zeros(count: int, n: int, weight: Any) -> list[Any]:
    return [np.zeros_like(weight.data, shape=(n, weight.shape[1]), order="C") for _ in range(count)]


def _expect(name: str, x: Any, axes: int, weight: Any) -> None:
    if x.ndim != axes or x.shape[-1] != weight.shape[1] or 0 in x.shape[: axes - 2]:
        wanted = "(N, in)" if axes == 2 else "(T, N, in) or with batch_first (N, T, in), T ≥ 1,"
        raise ValueError(f"{name}: expected {wanted} with in = {weight.shape[1]}, got {x.shape}")
