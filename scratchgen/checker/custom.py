"""A function of your own, and its derivative: do they belong together? There is no reference, so differences decide.

    check_custom(np.tanh, lambda x: 1 - np.tanh(x) ** 2, x)            # the gradient of the sum of f's outputs
    check_custom(f, lambda dout, x, w: (dout @ w.T, x.T @ dout), (x, w))   # or of ⟨dout, f⟩
    check_custom(f, None, x)                                           # f of scratchgen's functions: its own backward

That f itself is what somebody asked for, no difference can tell: for that there are exercises.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np

from ..autograd import Tensor, no_grad, tensor
from .numerics import (
    DOUBLE,
    SAFETY,
    SINGLE,
    Slope,
    is_float32_inside,
    slope,
    smallest_error_seen,
)
from .student import Contract, arity, arrays_of

__all__ = ["CustomReport", "Gradient", "Place", "check_custom"]

DIRECTIONS = 3
MOST = 200  # coordinates of one argument that are looked at, where a direction failed or met a kink
UNSEEN = 1e-9  # the probability of a miss that the resolution is told for
ENOUGH = 0.01  # an error of this part of the gradient's length is to be seen by directions; else coordinates are asked
# Relative to the gradient no mistake is as small as this, but the noise of what cancels inside of f may be.
FLOOR, FLOOR_OF_FLOAT32, FLOOR_OF_FLOAT32_INSIDE = 1e-7, 2e-5, 1e-4


class Place(NamedTuple):
    """One number of a gradient, beside what differences say of it."""

    at: tuple[int, ...]
    given: float
    slope: Slope


@dataclass(frozen=True)
class Gradient:
    """What was found of one gradient. Single numbers were looked at only where directions gave a reason to."""

    name: str
    status: str  # "right" or "wrong"
    looked: int = 0
    size: int = 0
    wrong: tuple[Place, ...] = ()  # the worst first
    kinks: tuple[Place, ...] = ()  # accepted, being between both slopes
    ratio: float | None = None  # given / right, where it is the same everywhere
    within: float | None = None  # the widest margin of those looked at, relative to the largest number
    problem: str = ""  # of its form


@dataclass(frozen=True, repr=False)
class CustomReport:
    """The answer: `ok`, or in words `str(report)`. `status` is "right", "wrong", or "unjudged" where differences cannot
    tell."""

    name: str
    status: str
    gradients: tuple[Gradient, ...] = ()
    resolution: float | None = None  # ‖e‖/‖gradient‖ that three directions miss with a probability below 1e-9
    notes: tuple[str, ...] = ()
    failure: str = ""

    @property
    def ok(self) -> bool:
        return self.status == "right"

    def __str__(self) -> str:
        mark = {"right": "✓", "wrong": "✗", "unjudged": "?"}[self.status]
        return "\n".join([f"{mark} {self.name}", *(f"  {line}" for line in self._lines())])

    __repr__ = __str__

    def _lines(self) -> Iterator[str]:
        if self.failure:
            yield self.failure
        for gradient in self.gradients:
            yield from _told(gradient)
        if self.resolution is not None:
            yield (
                f"resolution: {DIRECTIONS} random directions; an error of more than {self.resolution:.0e} of the"
                f" gradient's length is missed with a probability below {UNSEEN:.0e}"
            )
        yield from (f"note: {note}" for note in self.notes)


def _told(gradient: Gradient) -> Iterator[str]:
    if gradient.problem:
        yield f"{gradient.name}  wrong: {gradient.problem}"
        return
    if not gradient.wrong:
        yield f"{gradient.name}  {gradient.status}"
    else:
        index, given, found = gradient.wrong[0]
        looked = "" if gradient.looked == gradient.size else f" that were looked at, of {gradient.size:,}"
        yield f"{gradient.name}  wrong: {len(gradient.wrong)} of {gradient.looked} numbers{looked}"
        slopes = f"{found.value:.6g} ± {SAFETY * found.error:.0e}"
        if found.rough:
            slopes = f"the slopes {found.left:.6g} on the left and {found.right:.6g} on the right of a kink"
        yield f"  worst: {_at(gradient.name, index)}  yours {given:.6g}, differences say {slopes}"
    if gradient.ratio is not None:
        yield f"  every number is {gradient.ratio:.6g} times what it should be"
    for index, given, found in gradient.kinks[:3]:
        low, high = sorted((found.left, found.right))
        yield (
            f"  kink at {_at(gradient.name, index)}: any slope in [{low:.4g}, {high:.4g}] is accepted;"
            f" you used {given:.4g}"
        )
    if len(gradient.kinks) > 3:
        yield f"  and {len(gradient.kinks) - 3} more kinks"
    if gradient.within is not None and not gradient.wrong:
        yield f"  {gradient.looked} of {gradient.size} numbers agree, each to {gradient.within:.0e} of the largest"


def _at(name: str, index: tuple[int, ...]) -> str:
    return f"{name}[{', '.join(map(str, index))}]" if index else name


def check_custom(
    f: Callable[..., Any],
    df: Callable[..., Any] | None,
    x: Any,
    *,
    kinks: Literal["detect", "refuse"] = "detect",
    seed: int = 0,
) -> CustomReport:
    """Compare a derivative with differences of its function, at x.  Eqs. 34.7–34.11
    (derivations/34-numerical-differentiation.md#eq-34-7)

    | argument | is |
    |---|---|
    | `f` | f(x) or f(x, w, …) → an array or a number; arrays come as float64 and are fresh ones for every call |
    | `df` | df(dout, x, …) → ∂⟨dout, f⟩ by each argument, tried with a random `dout`; or df(x, …) → the gradient of the *sum* of f's outputs, which for an elementwise f is f′; or None: f takes and returns Tensors, and its own `backward` is checked |
    | `x` | one array or number, or a tuple of arguments. Arrays of floats are differentiated; integers (labels), strings and, beside arrays, plain numbers are passed on as they are |
    | `kinks` | "detect": where f has a kink at x, every slope between both sides is accepted, and told. "refuse": a kink is wrong |

    Random directions first, 15 calls of f; coordinates, five calls each, only where one of them disagrees or meets a
    kink. A gradient may be an array, a tuple in the order of the arguments, or a dict with names "dx" or "x".

    Returns a report: print it, or ask for `.ok`. A wrong gradient raises nothing. Raises `TypeError` or `ValueError`
    for what cannot be checked, and whatever f raises at x.
    """  # noqa: E501
    if kinks not in ("detect", "refuse"):
        raise ValueError(f'check_custom: kinks is {kinks!r}; expected "detect" or "refuse"')
    asked = _Asked.of(f, df, x)
    rng = np.random.default_rng(seed)
    out = asked.out(asked.arguments)
    if not np.isfinite(out).all():
        raise ValueError(f"check_custom: f is not finite at x ({out.ravel()[~np.isfinite(out.ravel())][0]})")
    if not np.array_equal(out, asked.out(asked.arguments)):
        return CustomReport(asked.name, "unjudged", failure=RANDOM.format(name="f"))
    dout = rng.standard_normal(out.shape) if asked.takes_dout else np.ones(out.shape)
    try:
        given, again = asked.gradients(dout), asked.gradients(dout)
    except Contract as error:
        return CustomReport(asked.name, "wrong", failure=str(error))
    if any(not np.array_equal(given[name], again[name], equal_nan=True) for name in given):
        return CustomReport(asked.name, "unjudged", failure=RANDOM.format(name="df"))
    notes = [*asked.notes(out), *_notes(given)]
    formed = [_form(f"d{name}", given[name], asked.arguments[name]) for name in asked.checked]
    if any(g.problem for g in formed):
        return CustomReport(asked.name, "wrong", tuple(formed), notes=tuple(notes))
    checked = _Checked(asked, dout, False, kinks == "refuse")
    if any(is_float32_inside(checked.beside, {name: asked.arguments[name]}, rng) for name in asked.checked):
        checked = checked._replace(coarse=True)
        notes.append("f computes in float32 inside: wider steps, and a coarser check; cast to float64 to see more")
    return _compare(asked, given, checked, notes, rng)


RANDOM = (
    "{name} gave two answers for the same input: it draws random numbers of its own, or remembers. "
    "Draw them before, and hand them in as an argument"
)


# ------------------------------------------------------------------------------------------------------ what was asked
@dataclass(frozen=True)
class _Asked:
    """The function, its derivative and the point, with names."""

    f: Callable[..., Any]
    df: Callable[..., Any] | None
    arguments: dict[str, Any]
    checked: tuple[str, ...]
    takes_dout: bool
    name: str
    plain: frozenset[str]  # came as Python numbers, and go out as such

    @classmethod
    def of(cls, f: Any, df: Any, x: Any) -> _Asked:
        for role, function in (("f", f), ("df", df)):
            if not callable(function) and not (role == "df" and function is None):
                raise TypeError(f"check_custom: {role} is {type(function).__name__}; expected a function")
        values = [v.numpy() if isinstance(v, Tensor) else v for v in (x if isinstance(x, tuple) else (x,))]
        arguments = dict(zip(_names(f, len(values)), values))
        arrays = tuple(name for name, v in arguments.items() if _is_float(v) and not isinstance(v, float))
        checked = arrays or tuple(name for name, v in arguments.items() if isinstance(v, float))
        if not checked:
            kinds = ", ".join(f"{v.dtype} array" if hasattr(v, "dtype") else type(v).__name__ for v in values)
            raise TypeError(
                f"check_custom: x has nothing to differentiate by ({kinds or 'empty'}); pass arrays of floats"
            )
        for name in checked:
            if not np.isfinite(arguments[name]).all():
                raise ValueError(f"check_custom: {name} is not finite")
            if not np.size(arguments[name]):
                raise ValueError(f"check_custom: {name} is empty, {np.shape(arguments[name])}")
        plain = frozenset(name for name in checked if isinstance(arguments[name], float))
        arguments |= {name: np.array(arguments[name], np.float64) for name in checked}
        takes_dout = df is None or _takes_dout(df, arguments)
        name = next((n for n in (getattr(g, "__name__", "") for g in (df, f)) if n and n != "<lambda>"), "df")
        return cls(f, df, arguments, checked, takes_dout, name, plain)

    def inputs(self, arguments: Mapping[str, Any]) -> list[Any]:
        """Fresh ones, as f and df are to get them."""
        return [
            float(value) if name in self.plain else value.copy() if isinstance(value, np.ndarray) else value
            for name, value in arguments.items()
        ]

    def out(self, arguments: Mapping[str, Any]) -> np.ndarray:
        """f there, in float64."""
        if self.df is None:
            with no_grad():
                return self._array(self._of_tensors(self._tensors(arguments)))
        with np.errstate(all="ignore"):
            return self._array(self.f(*self.inputs(arguments)))

    def _array(self, y: Any) -> np.ndarray:
        if isinstance(y, (tuple, list, dict)) or y is None:
            raise TypeError(
                f"check_custom: f returned {type(y).__name__}; expected one array or number "
                "(of a forward with a cache: lambda *x: f(*x)[0])"
            )
        array = y.numpy() if isinstance(y, Tensor) else np.asarray(y)
        if array.dtype.kind not in "fiub":
            raise TypeError(f"check_custom: f returned {array.dtype}; expected real numbers")
        return np.asarray(array, np.float64)

    def gradients(self, dout: np.ndarray) -> dict[str, np.ndarray]:
        """By name of the argument. Raises `Contract`, a whole sentence, for what is no gradient."""
        if self.df is None:
            return self._own_backward(dout)
        head = [float(dout) if dout.ndim == 0 else dout.copy()] if self.takes_dout else []
        with np.errstate(all="ignore"):
            result = self.df(*head, *self.inputs(self.arguments))
        if isinstance(result, (tuple, list)) and len(result) == len(self.arguments) > len(self.checked):
            result = tuple(r for r, name in zip(result, self.arguments) if name in self.checked)
        found, more = arrays_of(result, [f"d{name}" for name in self.checked], self.name)
        if more:
            raise Contract(f"{self.name} returned {len(result)} values; expected {len(self.checked)}")
        return {name: array for name, (_, array) in zip(self.checked, found)}

    def _tensors(self, arguments: Mapping[str, Any], requires_grad: bool = False) -> list[Any]:
        inputs = dict(zip(arguments, self.inputs(arguments)))
        return [
            tensor(v, requires_grad=requires_grad, dtype=np.float64) if name in self.checked else v
            for name, v in inputs.items()
        ]

    def _of_tensors(self, inputs: Iterable[Any]) -> Any:
        try:
            return self.f(*inputs)
        except TypeError as error:
            raise TypeError(
                f"check_custom: df is None, so f got Tensors, and cannot take them ({error}); "
                "make f of scratchgen's functions, or pass a df"
            ) from error

    def _own_backward(self, dout: np.ndarray) -> dict[str, np.ndarray]:
        inputs = dict(zip(self.arguments, self._tensors(self.arguments, requires_grad=True)))
        y = self._of_tensors(inputs.values())
        if not isinstance(y, Tensor) or not y.requires_grad:
            raise TypeError(
                f"check_custom: df is None, but f returned {type(y).__name__} without a graph; "
                "make f of scratchgen's functions, or pass a df"
            )
        y.backward(dout.astype(y.dtype))
        grads = {name: inputs[name].grad for name in self.checked}
        return {name: np.zeros(inputs[name].shape) if g is None else g.numpy() for name, g in grads.items()}

    def notes(self, out: np.ndarray) -> Iterator[str]:
        if self.df is not None and not self.takes_dout and out.size > 1:
            yield (
                f"f returns {out.size} numbers, and df was compared with the gradient of their sum: f′, if f works"
                " number by number. If it does not, take df(dout, …): a sum hides what adds up to zero"
            )


def _names(f: Callable[..., Any], count: int) -> list[str]:
    """Of f's first arguments; x, or x1, x2 … where it does not say."""
    try:
        parameters = inspect.signature(f).parameters.values()
    except (TypeError, ValueError):  # some functions in C
        parameters = {}.values()
    kinds = inspect.Parameter
    names = [p.name for p in parameters if p.kind in (kinds.POSITIONAL_ONLY, kinds.POSITIONAL_OR_KEYWORD)]
    several = [f"x{i + 1}" for i in range(count)] if count > 1 else ["x"]
    return names[:count] if len(names) >= count else several


def _takes_dout(df: Callable[..., Any], arguments: Mapping[str, Any]) -> bool:
    """By the name of its first parameter, else by their number."""
    n, names = len(arguments), ", ".join(arguments)
    try:
        least, most = arity(df)
        first = next(iter(inspect.signature(df).parameters), "")
    except (TypeError, ValueError):
        return False
    if first == "dout" or least == n + 1:
        least, most = least - 1, most - 1
        takes = True
    else:
        takes = False
    if not least <= n <= most:
        raise TypeError(f"check_custom: df takes {least + takes} arguments; expected ({names}) or (dout, {names})")
    return takes


def _is_float(value: Any) -> bool:
    return isinstance(value, float) or (isinstance(value, (np.ndarray, np.generic)) and value.dtype.kind == "f")


# ------------------------------------------------------------------------------------------------------- what came back
def _form(name: str, gradient: np.ndarray, x: np.ndarray) -> Gradient:
    """Shape and finiteness."""
    problem = ""
    if gradient.shape != x.shape:
        problem = f"it has the shape {gradient.shape}, expected {x.shape}"
    elif not np.isfinite(gradient).all():
        index = tuple(map(int, np.argwhere(~np.isfinite(gradient))[0]))
        problem = f"{_at(name, index)} is {gradient[index]}"
    return Gradient(name, "wrong" if problem else "right", size=x.size, problem=problem)


def _notes(given: Mapping[str, np.ndarray]) -> Iterator[str]:
    for name, array in given.items():
        if array.dtype != np.float64:
            cut = "" if array.dtype.kind == "f" else ": was it cut to whole numbers?"
            yield f"d{name} is {array.dtype}{cut}"


# ------------------------------------------------------------------------------------------------------ by differences
class _Checked(NamedTuple):
    """How numbers are compared."""

    asked: _Asked
    dout: np.ndarray
    coarse: bool  # float32 inside
    refuse_kinks: bool

    def beside(self, some: Mapping[str, Any]) -> np.ndarray:
        """f with some arguments moved; NaN where it raises what a function raises outside of its domain."""
        try:
            out = self.asked.out({**self.asked.arguments, **some})
        except (ArithmeticError, ValueError):
            return np.full(self.dout.shape, np.nan)
        if out.shape != self.dout.shape:
            raise ValueError(
                f"check_custom: f returned {self.dout.shape} at x and {out.shape} beside it; expected one shape"
            )
        return out

    def line(self, along: Mapping[str, np.ndarray]) -> Callable[[float], np.ndarray]:
        """t ↦ dout ∘ f(x + t v)."""
        x = self.asked.arguments
        return lambda t: self.dout * self.beside({name: x[name] + t * v for name, v in along.items()})

    def slope(self, along: Mapping[str, np.ndarray], given: float, scale: float = 1.0) -> Slope:
        """The slope along v. One that disagrees gets a second look, a thousand times closer: if a kink went unnoticed,
        it is left behind there, and what is wrong is wrong there too."""
        line = self.line(along)
        rounding = SINGLE if self.coarse else DOUBLE
        step = (48 * rounding) ** (1 / 3)  # where the error bar is shortest: Eq. 34.5 of page 34
        found = slope(line, scale, step, rounding)
        if not found.rough and not found.agrees(given):
            closer = slope(line, scale, step / 1000, rounding)
            if closer.agrees(given) and not closer.agrees(found.value):
                return closer
        return found

    def floor(self, gradients: Mapping[str, np.ndarray]) -> float:
        """Of a difference that counts, relative to the gradient."""
        if self.coarse:
            return FLOOR_OF_FLOAT32_INSIDE
        return FLOOR_OF_FLOAT32 if any(g.dtype == np.float32 for g in gradients.values()) else FLOOR

    def accepts(self, found: Slope, given: float, floor: float) -> bool:
        if found.rough and self.refuse_kinks:
            return False
        return found.agrees(given) or abs(given - found.value) <= floor


def _compare(
    asked: _Asked, given: Mapping[str, np.ndarray], checked: _Checked, notes: Sequence[str], rng: np.random.Generator
) -> CustomReport:
    """Directions, and coordinates where they give a reason to."""
    length = float(np.sqrt(sum(float(np.sum(np.square(g, dtype=np.float64))) for g in given.values())))
    floor = checked.floor(given)
    tolerance, failed, rough = floor * length, False, False
    for _ in range(DIRECTIONS):
        along = {name: rng.standard_normal(asked.arguments[name].shape) for name in asked.checked}
        predicted = sum(float(np.sum(given[name] * v)) for name, v in along.items())
        found = checked.slope(along, predicted)
        if not np.isfinite(found.value):
            failure = "f is not finite beside x, however near: differences say nothing there; move x"
            return CustomReport(asked.name, "unjudged", notes=tuple(notes), failure=failure)
        failed = failed or not checked.accepts(found, predicted, floor * length)
        rough = rough or found.rough
        tolerance = max(tolerance, (SAFETY + 1) * found.error)
    resolution = smallest_error_seen(tolerance, DIRECTIONS, UNSEEN) / length if length else None
    if not failed and not rough and (resolution is None or resolution <= ENOUGH):
        gradients = tuple(_form(f"d{name}", given[name], asked.arguments[name]) for name in asked.checked)
        return CustomReport(asked.name, "right", gradients, resolution, tuple(notes))
    gradients = tuple(_locate(name, given[name], checked, floor, rng) for name in asked.checked)
    if any(g.status == "wrong" for g in gradients):
        return CustomReport(asked.name, "wrong", gradients, notes=tuple(notes))
    if not failed or all(g.looked == g.size for g in gradients):
        return CustomReport(asked.name, "right", gradients, None, tuple(notes))
    failure = f"wrong along a random direction, but none of the {sum(g.looked for g in gradients)} numbers looked at is"
    status = "unjudged" if rough else "wrong"
    return CustomReport(asked.name, status, gradients, notes=tuple(notes), failure=failure)


def _locate(name: str, gradient: np.ndarray, checked: _Checked, floor: float, rng: np.random.Generator) -> Gradient:
    """Each number by itself; of many, a random choice."""
    x = checked.asked.arguments[name]
    largest = float(np.abs(gradient).max())
    margin = floor * largest
    chosen = range(x.size) if x.size <= MOST else rng.choice(x.size, MOST, replace=False)
    wrong, kinks, ratios, margins = [], [], [], []
    for i in chosen:
        index = tuple(map(int, np.unravel_index(i, x.shape)))
        along = np.zeros(x.shape)
        along[index] = 1.0
        given = float(gradient[index])
        found = checked.slope({name: along}, given, max(1.0, abs(float(x[index]))))
        place = Place(index, given, found)
        if not checked.accepts(found, given, margin):
            wrong.append(place)
        elif found.rough:
            kinks.append(place)
        if not found.rough and abs(found.value) > 1e6 * found.error:
            ratios.append(given / found.value)
        margins.append(max(SAFETY * found.error, margin))
    wrong.sort(key=lambda place: -abs(place.given - place.slope.value))
    same = len(wrong) == len(ratios) >= 3 and max(ratios) - min(ratios) <= 1e-5 * abs(ratios[0])
    status = "wrong" if wrong else "right"
    ratio = float(np.median(ratios)) if same else None
    within = max(margins) / largest if largest else None
    return Gradient(f"d{name}", status, len(chosen), x.size, tuple(wrong), tuple(kinks), ratio, within)
