"""Descent: what a gradient does to the parameters, and how large a step it takes.

    optimizer = optim.Adam(model.parameters(), lr=1e-3)
    optimizer.zero_grad(); loss.backward(); optimizer.step()

An optimizer moves its parameters into **one flat buffer**, of which each `parameter.data` becomes a view, and gives
each leaf a place in a second one for its gradient. An update is then a few lines over long vectors, run chunk by chunk
so that a chunk and its temporaries stay in the cache. In the formulas θ is a parameter, g its gradient, and t counts
its steps.
"""

from __future__ import annotations

import functools
import itertools
import math
import numbers
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np

from . import backend
from .autograd import Tensor
from .autograd.engine import Leaf

__all__ = [
    "SGD", "Adam", "AdamW", "ExponentialMovingAverage", "Muon", "Optimizer", "RMSprop", "clip_grad_norm",
    "cosine_decay", "exponential_decay", "orthogonalized", "step_decay", "warm_up",
]  # fmt: skip

CHUNK = 1 << 15  # elements: 128 KiB of float32. Half or twice as many cost up to a third more.


class Optimizer:
    """One flat buffer each for values, gradients and `moments` (whatever else an update rule remembers).

    A subclass says in `update` what happens to one chunk. Its settings are its attributes that are plain numbers, and
    are saved with the state. `lr` and weight decay may be changed between steps, and SGD's momentum where there is one;
    the others have to stay, the moments were made with them. A parameter without gradient is skipped, and its t does
    not advance.

    Since gradients have a fixed place, `parameter.grad` is overwritten by the next backward pass after `zero_grad`:
    take a copy to keep it. Two optimizers may share parameters; each step is right, and costs one copy more.

    Raises `ValueError` where there are no parameters or they mix dtypes or devices, `TypeError` for what is no leaf.
    """

    lr: float

    def __init__(self, parameters: Iterable[Tensor], moments: tuple[str, ...] = ()) -> None:
        self.parameters = _unique(parameters)
        name = type(self).__name__
        if not self.parameters:
            raise ValueError(f"{name}: no parameters were given (a generator can be used only once)")
        for i, p in enumerate(self.parameters):
            if not isinstance(p, Tensor) or (p.node is not None and p.node.primitive is not None):
                raise TypeError(f"{name}: expected leaf tensors, parameter {i} is {p!r:.80}")
        kinds = {f"{p.dtype} on {p.device}": None for p in self.parameters}
        if len(kinds) > 1:
            raise ValueError(f"{name}: the parameters are {' and '.join(kinds)}; make one optimizer for each kind")

        ends = np.cumsum([0, *(p.size for p in self.parameters)]).tolist()
        self._places = list(itertools.pairwise(ends))
        self._flat = [np.zeros_like(self.parameters[0].data, shape=(ends[-1],)) for _ in range(2 + len(moments))]
        self._moments = dict(zip(moments, self._flat[2:]))
        self._values = self._views(self._flat[0])
        self._homes = self._views(self._flat[1])
        self._steps = [0] * len(self.parameters)
        self._gather()

    def _views(self, flat: Any) -> list[Any]:
        return [flat[a:b].reshape(p.shape) for (a, b), p in zip(self._places, self.parameters)]

    def update(self, t: int, p: Any, g: Any, *moments: Any) -> None:
        """Change the chunk `p` of the values, and the moments', in place; `g` is to be left as it is."""
        raise NotImplementedError

    def step(self) -> None:
        """Update every parameter that has a gradient."""
        self._gather()
        for start, stop, t in self._runs():
            for part in _chunks(start, stop, self._flat[0]):
                self.update(t, *(array[part] for array in self._flat))

    def zero_grad(self) -> None:
        """Forget the gradients: they become None."""
        for p in self.parameters:
            if p.requires_grad:
                p.grad = None

    def _gather(self) -> None:
        """Bring home the values and gradients that were put elsewhere: at first all of them; later what the user, or
        another optimizer of the same parameter, assigned anew."""
        for i, (p, value, home) in enumerate(zip(self.parameters, self._values, self._homes)):
            if p.data is not value:
                self._refuse_change(i, p.data, value)
                value[...] = p.data
                p.data = value
                if isinstance(p.node, Leaf):
                    p.node.home = home
            if p.grad is not None and p.grad.data is not home:
                home[...] = p.grad.data

    def _refuse_change(self, i: int, new: Any, old: Any) -> None:
        was, now = ((x.shape, str(x.dtype), backend.device_of(x)) for x in (old, new))
        if was != now:
            raise ValueError(
                f"{type(self).__name__}: parameter {i} was {was} and is now {now}; move or convert a model first, and "
                "then make its optimizer"
            )

    def _runs(self) -> list[tuple[int, int, int]]:
        """Neighbours that have a gradient and the same t, joined: as (start, stop, t)."""
        runs: list[tuple[int, int, int]] = []
        for i, (p, (start, stop)) in enumerate(zip(self.parameters, self._places)):
            if p.grad is None:
                continue
            self._steps[i] = t = self._steps[i] + 1
            if runs and runs[-1][1:] == (start, t):
                start = runs.pop()[0]
            runs.append((start, stop, t))
        return runs

    def memory(self) -> list[tuple[int, dict[str, Any]]]:
        """For each parameter its t, and its part of the moments in its own shape (views: not to be written to)."""
        views = {name: self._views(flat) for name, flat in self._moments.items()}
        return [(t, {name: views[name][i] for name in views}) for i, t in enumerate(self._steps)]

    def state_dict(self) -> dict[str, Any]:
        """All that the next step depends on apart from the parameters: settings, step counts, moments. Numbers and
        host arrays only."""
        arrays = {name: backend.to_host(array).copy() for name, array in self._moments.items()}
        return {**self._settings(), "steps": np.array(self._steps), **arrays}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from a `state_dict`, bit for bit. Raises `ValueError` that lists every difference; then nothing has
        been changed."""
        mine = self.state_dict()
        differences = [f"{name}: missing" for name in mine if name not in state]
        differences += [f"{name}: unknown here" for name in state if name not in mine]
        for name in ("steps", *self._moments):
            expected, got = mine[name], np.asarray(state.get(name, mine[name]))
            if (expected.shape, expected.dtype) != (got.shape, got.dtype):
                differences.append(f"{name}: expected {backend.described(expected)}, got {backend.described(got)}")
        if differences:
            raise ValueError(f"{type(self).__name__}.load_state_dict:\n  " + "\n  ".join(differences))
        for name in self._settings():
            setattr(self, name, np.asarray(state[name]).item())
        self._steps = np.asarray(state["steps"]).tolist()
        for name, array in self._moments.items():
            array[...] = backend.to_device(np.asarray(state[name]), backend.device_of(array))

    def _settings(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if isinstance(value, numbers.Number)}


class SGD(Optimizer):
    """θ ← θ − lr·g (경사 하강법). With momentum u ← μ u + g,  θ ← θ − lr·u;  Nesterov's: θ ← θ − lr·(g + μ u).
    Eq. 21.11 (derivations/21-unrolling.md#eq-21-11)

    Weight decay λ adds λθ to g. Source: I. Sutskever et al., *On the importance of initialization and momentum in deep
    learning*, ICML 2013.
    """

    def __init__(
        self,
        parameters: Iterable[Tensor],
        lr: float = 1e-3,
        momentum: float = 0.0,
        weight_decay: float = 0.0,
        nesterov: bool = False,
    ) -> None:
        if nesterov and not momentum:
            raise ValueError("SGD: nesterov=True needs a momentum above 0")
        super().__init__(parameters, ("velocity",) if momentum else ())
        self.lr = lr
        self.momentum = float(momentum)  # of NumPy's numbers, some would make more precise steps than after a resume
        self.weight_decay = float(weight_decay)
        self.nesterov = nesterov

    def update(self, t: int, p: Any, g: Any, *moments: Any) -> None:
        if self.momentum and not moments:
            raise ValueError("SGD: made without momentum, it has no velocity; make a new one with momentum=…")
        if self.weight_decay:
            g = g + self.weight_decay * p
        for u in moments:
            u *= self.momentum
            u += g
            g = g + self.momentum * u if self.nesterov else u
        p -= float(self.lr) * g


class RMSprop(Optimizer):
    """v ← α v + (1 − α) g²,  θ ← θ − lr·g / (√v + ε).

    Source: G. Hinton, *Neural networks for machine learning*, lecture 6e, 2012.
    """

    def __init__(self, parameters: Iterable[Tensor], lr: float = 1e-2, alpha: float = 0.99, eps: float = 1e-8) -> None:
        super().__init__(parameters, ("v",))
        self.lr = lr
        self.alpha = float(alpha)
        self.eps = float(eps)

    def update(self, t: int, p: Any, g: Any, *moments: Any) -> None:
        (v,) = moments
        v *= self.alpha
        v += (1 - self.alpha) * (g * g)
        size = np.sqrt(v)
        size += self.eps
        p -= float(self.lr) * g / size


class Adam(Optimizer):
    """m ← β₁m + (1 − β₁)g,  v ← β₂v + (1 − β₂)g²,  θ ← θ − lr·m̂ / (√v̂ + ε),  m̂ = m/(1 − β₁ᵗ),  v̂ = v/(1 − β₂ᵗ).

    Weight decay λ adds λθ to g. Source: D. Kingma, J. Ba, *Adam: a method for stochastic optimization*, ICLR 2015.
    """

    def __init__(
        self,
        parameters: Iterable[Tensor],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(parameters, ("m", "v"))
        self.lr = lr
        self.beta1, self.beta2 = map(float, betas)
        self.eps = float(eps)
        self.weight_decay = float(weight_decay)

    def update(self, t: int, p: Any, g: Any, *moments: Any) -> None:
        if self.weight_decay:
            g = g + self.weight_decay * p
        self.descend(self.lr, t, p, g, *moments)

    def descend(self, lr: float, t: int, p: Any, g: Any, m: Any, v: Any) -> None:
        """The step itself. `m` and `v` are kept without their factors (1 − β), as m/(1 − β₁) and v/(1 − β₂): the
        factors join the corrections 1 − βᵗ in two plain numbers, which saves a quarter of the time.

            m̂ / (√v̂ + ε) = a·m / (√v/c + ε) = a·c·m / (√v + c·ε)
        """
        a = (1 - self.beta1) / (1 - self.beta1**t)
        c = math.sqrt((1 - self.beta2**t) / (1 - self.beta2))
        m *= self.beta1
        m += g
        v *= self.beta2
        v += g * g
        size = np.sqrt(v)
        size += c * self.eps
        change = np.divide(m, size, out=size)
        change *= float(lr) * a * c
        p -= change


class AdamW(Adam):
    """Adam whose weight decay does not pass through its moments: first θ ← (1 − lr·λ)θ, then Adam's step.

    Source: I. Loshchilov, F. Hutter, *Decoupled weight decay regularization*, ICLR 2019.
    """

    def __init__(
        self,
        parameters: Iterable[Tensor],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
    ) -> None:
        super().__init__(parameters, lr, betas, eps, weight_decay)

    def update(self, t: int, p: Any, g: Any, *moments: Any) -> None:
        p *= 1 - float(self.lr) * self.weight_decay
        self.descend(self.lr, t, p, g, *moments)


class Muon(Adam):
    """u ← μ u + g,  θ ← θ − lr·√max(1, rows / columns)·orthogonalized(g + μ u) for matrices; Adam's step, with the rate
    adam·lr, for all else.  Eq. 35.7 (derivations/35-steepest-descent.md#eq-35-7)

    A weight of several axes is a matrix of its first axis against all others: in a convolution or a linear layer, a row
    for each output. What has one row or one column is left to Adam. `m` holds u, and of a matrix `v` stays 0. What a
    masked convolution does not use stays 0 as well.

    Source: K. Jordan et al., *Muon: an optimizer for hidden layers in neural networks*, 2024
    (kellerjordan.github.io/posts/muon).
    """

    def __init__(
        self,
        parameters: Iterable[Tensor],
        lr: float = 1e-2,
        momentum: float = 0.95,
        adam: float = 0.4,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
    ) -> None:
        super().__init__(parameters, lr, betas, eps)
        self.momentum = float(momentum)
        self.adam = float(adam)

    def step(self) -> None:
        """Update every parameter that has a gradient."""
        self._gather()
        for i, (parameter, (start, stop)) in enumerate(zip(self.parameters, self._places)):
            if parameter.grad is None:
                continue
            self._steps[i] += 1
            p, g, m, v = (array[start:stop] for array in self._flat)
            rows, columns = len(parameter.data) if parameter.shape else 1, math.prod(parameter.shape[1:])
            if min(rows, columns) > 1:
                m *= self.momentum
                m += g
                direction = orthogonalized((g + self.momentum * m).reshape(rows, columns)).reshape(-1)
                p -= float(self.lr) * math.sqrt(max(1, rows / columns)) * direction
            else:
                self.descend(self.adam * self.lr, self._steps[i], p, g, m, v)


def orthogonalized(x: Any) -> Any:
    """U f(S) Vᵀ of a matrix x = U S Vᵀ: singular values from 1/600 of its norm upwards come to lie between 0.68 and
    1.21, those of 0 stay 0.  Eqs. 35.5 and 35.6 (derivations/35-steepest-descent.md#eq-35-5)

    Five times x ← (a + b xxᵀ + c (xxᵀ)²) x, from x / ‖x‖: matrix products only. A singular value decomposition, for
    f = 1, takes about three times as long on a CPU for 16 × 784.
    """
    if x.shape[0] > x.shape[1]:
        return orthogonalized(x.T).T
    least = np.finfo(x.dtype).tiny
    x = x / (np.max(np.abs(x)) + least)  # squares of what is very large or small would leave float32
    x = x / (np.sqrt(np.sum(x * x)) + least)
    a, b, c = 3.4445, -4.7750, 2.0315
    for _ in range(5):
        square = x @ x.T
        x = a * x + (b * square + c * (square @ square)) @ x
    return x


# ----------------------------------------------------------------------------------------- around the update rules
def clip_grad_norm(parameters: Iterable[Tensor], max_norm: float) -> float:
    """g ← g · min(1, max_norm / ‖g‖) in place, ‖g‖ over all parameters together; returns ‖g‖ as it was.

    Raises `FloatingPointError` if the norm is not finite. Source: R. Pascanu, T. Mikolov, Y. Bengio, *On the
    difficulty of training recurrent neural networks*, ICML 2013.
    """
    grads = [p.grad.data for p in _unique(parameters) if p.grad is not None]
    if not grads:
        return 0.0
    squares = [np.sum(np.square(g, dtype=np.float64)) for g in grads]
    norm = math.sqrt(backend.host_scalar(functools.reduce(np.add, squares)))
    if not math.isfinite(norm):
        raise FloatingPointError(f"clip_grad_norm: the gradient's norm is {norm}; sg.detect_anomaly() finds its origin")
    if norm > max_norm:
        for g in {id(g): g for g in grads}.values():  # an array that is the gradient of two is scaled once
            np.multiply(g, max_norm / norm, out=g)
    return norm


class ExponentialMovingAverage:
    """θ̄ ← d θ̄ + (1 − d) θ: weights averaged over about the last 1 / (1 − d) steps (지수 이동 평균).

        average.update()              # after each step
        with average.applied(): …     # the model with the averaged weights

    Buffers (batch norm's running statistics) stay the model's own. The averages may be held by a second model of the
    same shapes, whose parameters are `into`: it begins as the first, and can be used and saved like any other.
    """

    def __init__(
        self, parameters: Iterable[Tensor], decay: float = 0.999, into: Iterable[Tensor] | None = None
    ) -> None:
        if not 0 <= decay < 1:
            raise ValueError(f"ExponentialMovingAverage: decay must lie in [0, 1), got {decay}")
        self.parameters = _unique(parameters)
        self.decay = decay
        self._kept = [Tensor(p.data.copy(order="C")) for p in self.parameters] if into is None else list(into)
        if into is not None:
            for p in self._kept:
                p.data = p.data.copy(order="C")  # as rows, so that `update` can write to them as one
            self.load_state_dict({str(i): backend.to_host(p.data) for i, p in enumerate(self.parameters)})

    @property
    def averages(self) -> list[Any]:
        """The arrays: those of the second model, where there is one, wherever an optimizer has moved them."""
        return [p.data for p in self._kept]

    def update(self) -> None:
        """Move the averages towards the parameters as they are now."""
        for average, p in zip(self.averages, self.parameters):
            old, new = average.reshape(-1), p.data.reshape(-1)
            for part in _chunks(0, p.size, old):
                old[part] += (1 - self.decay) * (new[part] - old[part])

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Inside the block the parameters hold the averages; afterwards they are as before."""
        values = [p.data.copy() for p in self.parameters]
        self._write(self.averages)
        try:
            yield
        finally:
            self._write(values)

    def _write(self, arrays: list[Any]) -> None:
        for p, array in zip(self.parameters, arrays):
            p.data[...] = array

    def state_dict(self) -> dict[str, np.ndarray]:
        """The averages as host arrays, by the position of their parameter."""
        return {str(i): backend.to_host(average).copy() for i, average in enumerate(self.averages)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from a `state_dict`; raises `ValueError` where a number of arrays or a shape differs."""
        expected = {name: array.shape for name, array in self.state_dict().items()}
        got = {name: np.shape(array) for name, array in state.items()}
        if got != expected:
            raise ValueError(f"ExponentialMovingAverage.load_state_dict: expected shapes {expected}, got {got}")
        for i, average in enumerate(self.averages):
            average[...] = backend.to_device(np.asarray(state[str(i)]), backend.device_of(average))


# ------------------------------------------------------------------------------------------ learning-rate schedules
# A schedule is a function from the time (in epochs, or steps; fractions are fine) to a factor:
#     optimizer.lr = 1e-3 * schedule(epoch)
Schedule = Callable[[float], float]


def step_decay(every: float, factor: float = 0.1) -> Schedule:
    """factor^⌊t / every⌋."""
    return lambda t: factor ** (t // every)


def exponential_decay(factor: float) -> Schedule:
    """factorᵗ."""
    return lambda t: factor**t


def cosine_decay(total: float, floor: float = 0.0) -> Schedule:
    """floor + (1 − floor)·(1 + cos(π t / total)) / 2, then floor.

    Source: I. Loshchilov, F. Hutter, *SGDR: stochastic gradient descent with warm restarts*, ICLR 2017.
    """
    return lambda t: floor + (1 - floor) * (1 + math.cos(math.pi * min(t / total, 1.0))) / 2


def warm_up(duration: float, then: Schedule = lambda t: 1.0) -> Schedule:
    """t / duration up to 1, then `then(t − duration)`. With whole steps, count from 1: at t = 0 the factor is 0."""
    return lambda t: t / duration if t < duration else then(t - duration)


def _unique(parameters: Iterable[Tensor]) -> list[Tensor]:
    """Each parameter once, in order: a shared one may have been listed twice."""
    return list({id(p): p for p in parameters}.values())


def _chunks(start: int, stop: int, like: Any) -> Iterator[slice]:
    """start … stop in parts that fit a CPU's cache; on a GPU, in one piece."""
    length = CHUNK if backend.device_of(like) == "cpu" else max(stop - start, 1)
    return (slice(i, min(i + length, stop)) for i in range(start, stop, length))
