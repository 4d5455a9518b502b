"""Recurrent layers (순환 신경망): one cell, used again at every step.

The LSTM is written down once, as a step with its derivative beside it (Eqs. 7.2–7.6). `lstm` takes many steps, forwards
and back, and lets neighbouring cells of a line see each other if one wants it: with that it is PyTorch's LSTM, and the
Row LSTM and the Diagonal BiLSTM of PixelRNN as well.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import functional as F
from ..autograd import Tensor, grad, primitive
from .init import Initializer, generator, glorot_uniform
from .module import Module, Parameter

__all__ = ["GRU", "GRUCell", "LSTM", "LSTMCell", "lstm", "lstm_step", "neighbours", "open_forget_gate", "pointwise"]


# ---------------------------------------------------------------------------------------------------- one LSTM step
@primitive
def lstm_step(gates: Any, c: Any, axis: int = -1) -> Any:
    """c′ = σ(f) ∘ c + σ(i) ∘ tanh(g),  h′ = σ(o) ∘ tanh(c′).  Eq. 7.3 (derivations/07-recurrent.md#eq-7-3)

    Along `axis` gates hold i, f, g, o side by side, 4H numbers before their sigmoids, and c has H → (2, *c.shape): h′,
    then c′.
    Source: S. Hochreiter, J. Schmidhuber, *Long short-term memory*, Neural Computation 9, 1997; the forget gate:
    F. Gers, J. Schmidhuber, F. Cummins, 2000.
    """
    return np.stack(_step(_activated(gates, axis), c))


def _step(activated: list[Any], c: Any) -> list[Any]:
    """h′ and c′ from gates that are open or closed already.  Eq. 7.3 (derivations/07-recurrent.md#eq-7-3)"""
    i, f, candidate, o = activated
    c = f * c + i * candidate
    return [o * F.tanh(c), c]


def _activated(gates: Any, axis: int) -> list[Any]:
    """The three gates, open between 0 and 1, and the candidate between −1 and 1: i, f, g, o.

    Eq. 7.2 (derivations/07-recurrent.md#eq-7-2)"""
    i, f, candidate, o = F.split(gates, 4, axis)
    return [_open(i), _open(f), F.tanh(candidate), _open(o)]


def _open(a: Any) -> Any:
    """σ(a) = ½ + ½ tanh ½a, Eq. 0.32 (derivations/00-autograd.md#eq-0-32), in two thirds of the time of `F.sigmoid`.
    That keeps the digits of values near 0; a closed gate needs none of them."""
    return 0.5 + 0.5 * F.tanh(0.5 * a)


def _step_back(h_bar: Any, c_bar: Any, activated: list[Any], c: Any, c_new: Any, axis: int) -> tuple[Any, Any]:
    """From the gradients of h′ and c′ to those of the gates and of c.

    Eqs. 7.5–7.7 (derivations/07-recurrent.md#eq-7-5)"""
    i, f, candidate, o = activated
    seen = F.tanh(c_new)
    c_bar = c_bar + h_bar * o * (1 - seen * seen)  # Eq. 7.5: c′ is read twice, by h′ and by the next step
    gates_bar = F.concatenate(  # Eq. 7.6
        [
            c_bar * candidate * (i * (1 - i)),
            c_bar * c * (f * (1 - f)),
            c_bar * i * (1 - candidate * candidate),
            h_bar * seen * (o * (1 - o)),
        ],
        axis,
    )
    return gates_bar, c_bar * f  # Eq. 7.7


lstm_step.vjp(
    gates=lambda g, gates, c, axis, out: _step_back(g[0], g[1], _activated(gates, axis), c, out[1], axis)[0],
    c=lambda g, gates, c, axis, out: _step_back(g[0], g[1], _activated(gates, axis), c, out[1], axis)[1],
)


# --------------------------------------------------------------------------------------------------------- all steps
def lstm(
    x: Any, weight: Any, bias: Any, state: Any, cells: Sequence[range] | None = None, offsets: Sequence[int] = (0,)
) -> Any:
    """A line of L cells. At step t those in `cells[t]` hear their neighbours and renew their states; others keep them:

        hₜ[l], cₜ[l] = lstm_step(b + W xₜ[l] + Σ_δ U_δ hₜ₋₁[l + δ], cₜ₋₁[l])

    Eq. 7.10 (derivations/07-recurrent.md#eq-7-10). Features come first. x (C, M, N) is the input of the cells at work,
    step after step, M in all; weight (4H, C + K·H) is W, and beside it a U for each of the K offsets δ; bias (4H).
    Beyond the ends of the line there are zeros. state (2, H, L, N) holds the h and c that the cells begin with → their
    new states (2, H, M, N). If `cells` is None, all L work at every step. Raises `ValueError` for no cells at work, for
    cells that are not in the line, and for shapes that do not fit together.
    """
    _, hidden, length, n = state.shape
    if cells is None:
        cells = [range(length)] * (x.shape[1] // max(length, 1))
    work, read = sum(map(len, cells)), len(x) + len(offsets) * hidden
    if not work or x.shape[1:] != (work, n) or weight.shape != (4 * hidden, read) or bias.shape != (4 * hidden,):
        raise ValueError(
            f"lstm: expected x (C, M ≥ 1, N), weight (4H, C + {len(offsets)}·H), bias (4H) and state (2, H, L, N), "
            f"got {x.shape}, {weight.shape}, {bias.shape} and {state.shape}, with M = {work} cells at work"
        )
    for line in cells:
        if not 0 <= line.start <= line.stop <= length or line.step != 1:
            raise ValueError(f"lstm: cells at work: expected ranges within a line of {length}, got {line}")
    # All that is differentiable in one argument: then one way back through time finds all gradients, not one each.
    parts = x, weight, bias, state
    return _lstm(_packed(*parts), [part.shape for part in parts], cells, offsets, [])


def lstm_step_by_step(
    x: Any, weight: Any, bias: Any, state: Any, cells: Sequence[range], offsets: Sequence[int]
) -> Any:
    """`lstm` as it is meant, with the way back left to autograd.  Eq. 7.10 (derivations/07-recurrent.md#eq-7-10)"""
    states, line = [], _with_room(state, offsets)
    for here, there in _places(cells, offsets):
        gates = pointwise(F.concatenate([x[:, here], *_near(line[0], there, offsets)]), weight, bias)
        states.append(lstm_step(gates, line[1][:, there], 0))
        line = F.concatenate([line[:, :, : there.start], states[-1], line[:, :, there.stop :]], 2)
    return F.concatenate(states, 2)


@primitive
def _lstm(packed: Any, shapes: Any, cells: Any, offsets: Any, memory: list[Any]) -> Any:
    """The steps; `memory` is given what the way back will ask for: what was read, the activated gates, the c before."""
    x, weight, bias, state = _unpacked(packed, shapes)
    line, hidden, many = _with_room(state, offsets), state.shape[1], x.shape[1:]
    read, activated, before, states = (
        np.empty_like(x, shape=(*sizes, *many), order="C")
        for sizes in ((weight.shape[1],), (4, hidden), (hidden,), (2, hidden))
    )
    read[: len(x)] = x
    for here, there in _places(cells, offsets):
        read[len(x) :, here] = np.concatenate(_near(line[0], there, offsets))
        before[:, here] = line[1][:, there]
        new = _activated(pointwise(read[:, here], weight, bias), 0)
        for k, values in enumerate(new):
            activated[k][:, here] = values
        for k, values in enumerate(_step(new, line[1][:, there])):
            states[k][:, here] = line[k][:, there] = values
    memory[:] = read, activated, before
    return states


def _lstm_rule(g: Any, packed: Any, shapes: Any, cells: Any, offsets: Any, memory: list[Any], out: Any) -> Any:
    """Backpropagation through time.  Eqs. 7.5–7.8 (derivations/07-recurrent.md#eq-7-5)"""
    x, weight, bias, state = _unpacked(packed, shapes)
    if isinstance(packed, Tensor):  # what is found is to be differentiated again
        return grad(lstm_step_by_step(x, weight, bias, state, cells, offsets), packed, g, create_graph=True)
    read, activated, before = memory
    packed_bar, gates_bar = np.empty_like(packed), np.empty_like(x, shape=(len(weight), *x.shape[1:]), order="C")
    x_bar, weight_bar, bias_bar, state_bar = _unpacked(packed_bar, shapes)
    line_bar, hidden = np.zeros_like(_with_room(state, offsets)), state.shape[1]  # nothing comes from beyond the end
    for here, there in reversed(_places(cells, offsets)):
        bar = g[:, :, here] + line_bar[:, :, there]
        gates = [activated[k][:, here] for k in range(4)]
        step_bar, c_bar = _step_back(bar[0], bar[1], gates, before[:, here], out[1][:, here], 0)
        gates_bar[:, here], line_bar[0][:, there], line_bar[1][:, there] = step_bar, 0, c_bar
        heard_bar = pointwise(step_bar, weight[:, len(x) :].T)
        for k, offset in enumerate(offsets):
            line_bar[0][:, _moved(there, offset)] += heard_bar[k * hidden : (k + 1) * hidden]
    gates_bar = gates_bar.reshape(len(weight), -1)
    np.matmul(weight[:, : len(x)].T, gates_bar, out=x_bar.reshape(len(x), -1))  # Eq. 7.8, for all steps at once
    np.matmul(gates_bar, read.reshape(len(read), -1).T, out=weight_bar)
    np.sum(gates_bar, 1, out=bias_bar)
    state_bar[...] = line_bar[:, :, _reach(offsets) : _reach(offsets) + state.shape[2]]
    return packed_bar


_lstm.vjp(packed=_lstm_rule)


def _places(cells: Sequence[range], offsets: Sequence[int]) -> list[tuple[slice, slice]]:
    """Where the cells at work stand, step by step: among all that ever work, and in a line with room at its ends."""
    ends, room = itertools.accumulate(map(len, cells)), _reach(offsets)
    return [(slice(end - len(work), end), slice(work.start + room, work.stop + room)) for work, end in zip(cells, ends)]


def _reach(offsets: Sequence[int]) -> int:
    return max(map(abs, offsets))


def _with_room(line: Any, offsets: Sequence[int]) -> Any:
    """Zeros beyond both ends of lines (…, L, N), as far as the offsets reach."""
    room = _reach(offsets)
    return F.pad(line, (*[(0, 0)] * (line.ndim - 2), (room, room), (0, 0)))


def _near(line: Any, there: slice, offsets: Sequence[int]) -> list[Any]:
    """What stands at each of the offsets from these cells."""
    return [line[..., _moved(there, offset), :] for offset in offsets]


def _moved(there: slice, offset: int) -> slice:
    return slice(there.start + offset, there.stop + offset)


def pointwise(x: Any, weight: Any, bias: Any = None) -> Any:
    """y[:, p] = W x[:, p] + b at every place p: a 1×1 convolution.  Eq. 0.61 (derivations/00-autograd.md#eq-0-61)

    x (in, …), features first, weight (out, in), bias (out) → (out, …), as one large product of matrices.
    """
    y = weight @ F.reshape(x, (len(x), math.prod(x.shape[1:])))
    if bias is not None:
        y = y + F.reshape(bias, (len(bias), 1))
    return F.reshape(y, (len(weight), *x.shape[1:]))


def neighbours(x: Any, offsets: Sequence[int]) -> Any:
    """z[:, …, l] = x[:, …, l + δ] for each offset δ, one below the other, 0 beyond the ends of the line.

    Of x (C, T, L, N), T lines of L cells → (K·C, T, L, N) for K offsets. A product with it is a convolution along the
    lines: Eq. 7.10 (derivations/07-recurrent.md#eq-7-10).
    """
    room = _reach(offsets)
    return F.concatenate(_near(_with_room(x, offsets), slice(room, room + x.shape[2]), offsets))


def _packed(*parts: Any) -> Any:
    return F.concatenate([F.reshape(part, (math.prod(part.shape),)) for part in parts])


def _unpacked(packed: Any, shapes: Sequence[tuple[int, ...]]) -> list[Any]:
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
        h, c = _begin("LSTMCell", state, ("h", "c"), (x.shape[0],), self.weight_hh)
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
        _expect("LSTM: x", x, 3, self.weight_ih_l0, time=int(self.batch_first))
        x = F.transpose(x, (2, 1, 0) if self.batch_first else (2, 0, 1))  # features first
        parts = _begin("LSTM", state, ("h", "c"), (1, x.shape[2]), self.weight_hh_l0)
        first = F.stack([F.transpose(part, (2, 0, 1)) for part in parts])
        weight = F.concatenate([self.weight_ih_l0, self.weight_hh_l0], 1)
        states = lstm(x, weight, self.bias_ih_l0 + self.bias_hh_l0, first)
        last = F.transpose(states[:, :, -1:], (0, 2, 3, 1))
        return F.transpose(states[0], (2, 1, 0) if self.batch_first else (1, 2, 0)), (last[0], last[1])


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
        (h,) = _begin("GRUCell", None if h is None else (h,), ("h",), (x.shape[0],), self.weight_hh)
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
        _expect("GRU: x", x, 3, self.weight_ih_l0, time=int(self.batch_first))
        x = F.transpose(x, (1, 0, 2)) if self.batch_first else x
        steps, n, _ = x.shape
        (first,) = _begin("GRU", None if h is None else (h,), ("h",), (1, n), self.weight_hh_l0)
        h = first[0]
        rows = F.linear(F.reshape(x, (steps * n, x.shape[2])), self.weight_ih_l0, self.bias_ih_l0)
        all_h = []
        for from_input in _one_by_one(rows.reshape((steps, n, rows.shape[1]))):
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


def _begin(name: str, state: Any, parts: Sequence[str], shape: tuple[int, ...], weight: Any) -> Sequence[Any]:
    """The parts of the first state, (*shape, hidden) each; zeros where none is given."""
    shape = (*shape, weight.shape[1])
    if state is None:
        return [np.zeros_like(weight.data, shape=shape, order="C") for _ in parts]
    got = [getattr(part, "shape", None) for part in state] if isinstance(state, tuple | list) else type(state).__name__
    if got != [shape] * len(parts):
        raise ValueError(f"{name}: expected {' and '.join(parts)} of shape {shape} as the first state, got {got}")
    return list(state)


def _expect(name: str, x: Any, axes: int, weight: Any, time: int = 0) -> None:
    if x.ndim != axes or x.shape[-1] != weight.shape[1] or (axes == 3 and not x.shape[time]):
        wanted = "(N, in)" if axes == 2 else "(T, N, in) or with batch_first (N, T, in), T ≥ 1,"
        raise ValueError(f"{name}: expected {wanted} with in = {weight.shape[1]}, got {x.shape}")
