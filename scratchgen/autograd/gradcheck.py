"""Is a derivative right? Ask the function itself, by differences.

The gradient is contracted with a *random* cotangent v (Eq. 0.9): ones would hide whatever sums to zero, such as a
softmax rule that returns nothing at all. Along each coordinate two central differences (Eq. 0.10)

    D(h) = ⟨v, f(x + h) − f(x − h)⟩ / 2h

at h and h/2 combine to (4 D(h/2) − D(h)) / 3, in which the error of order h² has cancelled (Eq. 0.11), and their
disagreement says how far the result can be trusted. A gradient is wrong only when it lies outside of that error.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from .. import backend
from .engine import Node, Tensor, walk
from .operators import F

__all__ = ["GradcheckError", "SuspectedKink", "gradcheck", "gradgradcheck"]

STEP = 2e-3  # rounding (≈ 1e-13) and truncation (≈ h⁴) balance here in float64
SAFETY = 10.0  # how many estimated errors a gradient may be off
MOST = 128  # coordinates looked at singly; of larger inputs a random choice, and one direction through all


class GradcheckError(AssertionError):
    """A gradient that is not the derivative of its function, or a function that spoils its arguments."""


class SuspectedKink(GradcheckError):
    """The gradient lies between two different one-sided slopes: the point, not the rule, is to blame."""


class Slope(NamedTuple):
    """What differences say about one directional derivative."""

    value: float
    error: float
    left: float
    right: float
    rough: bool  # a kink, or a point outside of the function's domain, lies within the step


def gradcheck(f: Callable[..., Any], *inputs: Any, rng: np.random.Generator | None = None) -> bool:
    """Compare the gradient of `f` with differences:  ∂⟨v, f⟩/∂xᵢ for a random v.  Eq. 0.9–0.11
    (derivations/00-autograd.md#eq-0-9)

    Checked are float64 arrays and Tensors that require a gradient; everything else is passed on as it is. `f` gets
    Tensors and returns one, or a tuple of them. A Tensor is handed to `f` itself, so a model's parameters will do.
    Besides the numbers: shapes and dtypes of the gradients, that nothing was written to, and that `f` gives the same
    value twice.

    Returns True. Raises `GradcheckError` (an AssertionError) naming the input, the index, both values and the error of
    the check, `SuspectedKink` where f is not differentiable at the point, `TypeError` for float32.
    """
    rng = rng or np.random.default_rng(0)
    name = getattr(f, "__name__", type(f).__name__)
    args = [_argument(x, f"inputs[{i}]") for i, x in enumerate(inputs)]
    checked = {f"inputs[{i}]": x for i, x in enumerate(args) if isinstance(x, Tensor) and x.requires_grad}
    if not checked:
        raise TypeError("gradcheck: nothing to check; pass float64 arrays, or Tensors that require a gradient")

    outputs = _outputs(f(*args), name)
    seeds = [_cotangent(rng, y.data) for y in outputs]
    kept = {**{f"inputs[{i}]": x for i, x in enumerate(args) if isinstance(x, Tensor)},
            **{f"the output {i}": y for i, y in enumerate(outputs)},
            **{f"the cotangent {i}": v for i, v in enumerate(seeds)}}  # fmt: skip
    before = {role: x.numpy().copy() for role, x in kept.items()}
    _same({role: before[role] for role in before if role.startswith("the output")}, _outputs(f(*args), name), name)
    nodes = [x.node for x in checked.values()]
    found = _gradients(outputs, seeds, nodes)
    for role, x in kept.items():
        if not np.array_equal(x.numpy(), before[role]):
            raise GradcheckError(f"{name}: the forward or the backward wrote into {role}")

    v = np.concatenate([seed.numpy().ravel() for seed in seeds])
    for role, x in checked.items():
        g = found.get(x.node)  # type: ignore[arg-type]
        gradient = np.zeros(x.shape) if g is None else backend.to_host(g)
        _compare(name, role, gradient, before[role], _line(f, args, x, name), v, rng)
    return True


def gradgradcheck(f: Callable[..., Any], *inputs: Any, rng: np.random.Generator | None = None) -> bool:
    """Compare the gradient *of the gradient* of `f` with differences: `gradcheck` of (x, v) ↦ ∂⟨v, f(x)⟩/∂x.

    Raises as `gradcheck` does.
    """
    rng = rng or np.random.default_rng(0)
    name = getattr(f, "__name__", type(f).__name__)
    seeds = [_cotangent(rng, y.data) for y in _outputs(f(*(_argument(x, "inputs") for x in inputs)), name)]

    def gradient(*args: Any) -> tuple[Tensor, ...]:
        xs, vs = args[: len(inputs)], args[len(inputs) :]
        nodes = [x.node for x in xs if isinstance(x, Tensor) and x.requires_grad]
        found = _gradients(_outputs(f(*xs), name), vs, nodes, create_graph=True)
        return tuple(found[node] for node in nodes if node in found)

    gradient.__name__ = f"the gradient of {name}"
    return gradcheck(gradient, *inputs, *(_leaf(v.data) for v in seeds), rng=rng)


# ------------------------------------------------------------------------------------------------ what goes in
def _argument(x: Any, role: str) -> Any:
    """`x` as `f` is to get it: float64 arrays as Tensors that require a gradient."""
    array = x.data if isinstance(x, Tensor) else x
    if not backend.is_array(array):
        return x
    if array.dtype.kind == "f" and array.dtype != np.float64:
        raise TypeError(
            f"gradcheck: {role} is {array.dtype}, too coarse for differences; pass {role}.astype(np.float64)"
        )
    if isinstance(x, Tensor) or array.dtype.kind != "f":
        return x
    return _leaf(array)


def _leaf(array: Any) -> Tensor:
    x = Tensor(np.asarray(array) if isinstance(array, np.generic) else array)  # shares memory, and keeps the strides
    x.requires_grad = True
    return x


def _outputs(y: Any, name: str) -> tuple[Tensor, ...]:
    ys = tuple(y) if isinstance(y, (tuple, list)) else (y,)
    for y in ys:
        if not isinstance(y, Tensor) or y.dtype != np.float64:
            what = f"a {y.dtype} Tensor" if isinstance(y, Tensor) else type(y).__name__
            raise GradcheckError(f"{name}: expected float64 Tensors to come out, got {what}")
        if not backend.host_scalar(np.isfinite(y.data).all()):
            raise GradcheckError(f"{name}: the output is not finite at this point, and so has no derivative")
    if not any(y.requires_grad for y in ys):
        raise GradcheckError(f"{name}: the output does not depend on the inputs through scratchgen's functions")
    return ys


def _cotangent(rng: np.random.Generator, y: Any) -> Tensor:
    """A random gradient for `y`; its memory runs backwards, since rules must not count on contiguous arrays."""
    return Tensor(backend.to_device(rng.standard_normal(y.shape[::-1]).T, backend.device_of(y)))


# ------------------------------------------------------------------------------------------- the gradient given
def _gradients(outputs: Any, seeds: Any, nodes: list[Any], create_graph: bool = False) -> dict[Node, Any]:
    """∂ Σ⟨seed, output⟩ / ∂node by the backward walk."""
    pairs = [(y, v) for y, v in zip(outputs, seeds) if y.requires_grad]
    if len(pairs) == 1:
        y, v = pairs[0]
    else:
        y = sum(F.sum(y * v) for y, v in pairs)
        v = Tensor(np.ones_like(y.data))
    return {node: +g for node, g in walk(y.node, v if create_graph else v.data, create_graph, set(nodes))}


def _same(first: dict[str, np.ndarray], second: tuple[Tensor, ...], name: str) -> None:
    if not all(np.array_equal(a, b.numpy()) for a, b in zip(first.values(), second)):
        raise GradcheckError(
            f"{name} gave two values for the same inputs; if it draws numbers, draw them before and hand them in"
        )


# ------------------------------------------------------------------------------------------- and by differences
def _line(f: Callable[..., Any], args: list[Any], x: Tensor, name: str) -> Callable[[np.ndarray], np.ndarray]:
    """The function `displacement of x ↦ all outputs`, as flat host arrays."""
    origin = x.data
    host, device = x.numpy().copy(), x.device

    def outputs(displacement: np.ndarray) -> np.ndarray:
        x.data = backend.to_device(host + displacement, device)
        try:
            with np.errstate(all="ignore"):
                ys = f(*args)
        finally:
            x.data = origin
        ys = ys if isinstance(ys, (tuple, list)) else (ys,)
        return np.concatenate([y.numpy().ravel() for y in ys])

    return outputs


def _directions(x: np.ndarray, rng: np.random.Generator) -> Iterator[tuple[tuple[int, ...] | None, np.ndarray]]:
    """Unit vectors along the coordinates (with the index), and for a large x one random direction (index None)."""
    chosen = range(x.size) if x.size <= MOST else rng.choice(x.size, MOST, replace=False)
    for i in chosen:
        direction = np.zeros(x.shape)
        index = tuple(map(int, np.unravel_index(i, x.shape)))
        direction[index] = 1.0
        yield index, direction
    if x.size > MOST:
        direction = rng.standard_normal(x.shape)
        yield None, direction / np.linalg.norm(direction)


def _slope(outputs: Callable[[np.ndarray], np.ndarray], direction: np.ndarray, v: np.ndarray, h: float) -> Slope:
    """The derivative of ⟨v, outputs⟩ along `direction`: Richardson's combination of two central differences."""
    centre, ahead, behind, half_ahead, half_behind = (outputs(t * h * direction) for t in (0, 1, -1, 0.5, -0.5))
    with np.errstate(all="ignore"):
        wide = float(v @ (ahead - behind)) / (2 * h)
        narrow = float(v @ (half_ahead - half_behind)) / h
        size = np.maximum(np.abs(centre), np.maximum(np.abs(ahead), np.abs(behind)))
        noise = 4 * np.finfo(float).eps * float(np.abs(v) @ size) / h
        right = float(v @ (half_ahead - centre)) / (h / 2)
        left = float(v @ (centre - half_behind)) / (h / 2)
        # The two slopes differ by h·f″ where f is smooth: the difference halves with the step. At a kink it stays.
        jump, half_jump = abs(float(v @ (ahead - 2 * centre + behind))) / h, abs(right - left)
    error = abs(narrow - wide) / 3 + noise
    smooth = abs(jump - 2 * half_jump) <= 0.1 * jump + 10 * noise
    return Slope((4 * narrow - wide) / 3, error, left, right, rough=not smooth)


def _compare(
    name: str, role: str, gradient: np.ndarray, x: np.ndarray, outputs: Callable[[np.ndarray], np.ndarray],
    v: np.ndarray, rng: np.random.Generator,
) -> None:  # fmt: skip
    """Raise where the gradient is further from the differences than their error allows."""
    wrong = []
    looked_at = 0
    for index, direction in _directions(x, rng):
        given = float(np.sum(gradient * direction))
        h = STEP * max(1.0, float(np.abs(x[index] if index is not None else x).max()))
        for _ in range(3):  # a kink a little way off is left behind by a smaller step
            slope = _slope(outputs, direction, v, h)
            agrees = abs(given - slope.value) <= SAFETY * slope.error
            if agrees or not slope.rough:
                break
            h /= 10
        looked_at += 1
        if not agrees:
            wrong.append((index, given, slope))
    if not wrong:
        return
    index, given, slope = max(wrong, key=lambda w: math.inf if math.isnan(w[1]) else abs(w[1] - w[2].value))
    where = f"{role} at {list(index)}" if index is not None else f"{role} along a random direction"
    margin = SAFETY * slope.error
    if slope.rough and min(slope.left, slope.right) - margin <= given <= max(slope.left, slope.right) + margin:
        raise SuspectedKink(
            f"{name}: {where} looks like a kink: the slope is {slope.left:.9g} on the left and {slope.right:.9g} on "
            f"the right, the gradient says {given:.9g}; move the input off the kink to check it"
        )
    raise GradcheckError(
        f"{name}: the gradient for {where} is {given:.12g}, differences give {slope.value:.12g} (± {margin:.1e}); "
        f"{len(wrong)} of {looked_at} values of {role} {x.shape} are wrong"
    )
