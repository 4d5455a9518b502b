"""When does an explanation count? The facts of a trial, and what has to hold before anything is said of them.

Three rules keep the detectors from guessing. The shapes of the trials differ, so that a factor can be N in all of them
by chance only if it is N. An explanation accounts for *all* numbers of an array, to eight digits, in every trial. And
in each shape there are at least six of them that are not zero, beyond those that were spent on fitting: among a
thousand random wrong gradients nothing is explained.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .exercises.exercise import Arguments, Arrays, Exercise, Task

__all__ = [
    "Detector",
    "ENOUGH",
    "Explanation",
    "Probe",
    "Trial",
    "accounts",
    "alike",
    "all_or_none",
    "best_factor",
    "has_shape",
    "name_number",
    "proportional",
    "quantities",
    "read_only",
    "subsets",
    "times_dout",
    "tolerance",
    "vocabulary",
]

ENOUGH = 6  # numbers in each shape


@dataclass(frozen=True)
class Trial:
    """One run: what the student's function got, what it gave, and what would have been right.

    The arguments are everybody's, and cannot be written to.
    """

    arguments: Arguments
    right: Arrays
    given: Arrays
    shape: int  # which of the three
    sizes: Mapping[str, int] = field(default_factory=dict)  # of the letters that the exercise uses
    memory: dict[Any, Any] = field(default_factory=dict, repr=False, compare=False)

    def __post_init__(self) -> None:
        read_only(self.arguments)

    def once(self, key: Any, make: Callable[[], Any]) -> Any:
        """What several detectors want to know of this trial is computed once."""
        if key not in self.memory:
            self.memory[key] = make()
        return self.memory[key]

    @property
    def numbers(self) -> list[str]:
        """Arguments that are plain numbers: lr, t."""
        return [k for k, v in self.arguments.items() if isinstance(v, (int, float)) and not isinstance(v, bool)]


@dataclass(frozen=True)
class Explanation:
    """A cause, and how much it accounts for: `numbers` of the arrays `covers` in all trials, 0 where it was found in
    another way than by comparing numbers. `facts` fill in the sentence that `scratchgen.checker.messages` has for the
    `code`. One that is only `located` says where, not why."""

    code: str
    covers: tuple[str, ...]
    numbers: int
    facts: Mapping[str, Any] = field(default_factory=dict)
    located: bool = False

    @property
    def cause(self) -> tuple[str, str]:
        """What two arrays have in common that are wrong for one reason."""
        return self.code, str(sorted((name, str(fact)) for name, fact in self.facts.items()))


def read_only(arguments: Arguments) -> Arguments:
    """The same; no array of them can be written to from now on."""
    for value in arguments.values():
        if isinstance(value, np.ndarray):
            value.flags.writeable = False
    return arguments


Detector = Callable[[Task, str, Sequence[Trial]], Explanation | None]


Probe = Callable[[Arguments], Arrays | None]


def has_shape(name: str, trials: Sequence[Trial]) -> bool:
    """Whether an array has the right shape everywhere: most detectors compare numbers."""
    return all(t.given[name].shape == t.right[name].shape for t in trials)


def tolerance(a: np.ndarray) -> float:
    """Of two arrays that are the same but for rounding, relative to the largest number."""
    return 2e-5 if a.dtype in (np.float32, np.float16) else 1e-8


def alike(a: Any, b: Any, tol: float) -> bool:
    """Same shape, same numbers: |a − b| ≤ tol · max|b| everywhere."""
    a, b = np.asarray(a, float), np.asarray(b, float)
    if a.shape != b.shape or not np.isfinite(a).all() or not np.isfinite(b).all():
        return False
    return a.size == 0 or bool(np.abs(a - b).max() <= tol * max(np.abs(b).max(), 1e-300))


def accounts(
    name: str, trials: Sequence[Trial], predicted: Iterable[Any], spent: int = 0, count: str = "given"
) -> int | None:
    """How many numbers that are not zero are as `predicted` (an array for each trial), or None if one is not, or they
    are too few.

    `spent` numbers of each shape went into fitting. Counted are those of the array that was given, or of the right one.
    """
    found: dict[int, int] = {}
    with np.errstate(all="ignore"):
        pairs = ((p, t.given[name]) for p, t in zip(predicted, trials))
        if not all(p is not None and alike(p, given, tolerance(given)) for p, given in pairs):
            return None
    for trial in trials:
        numbers = trial.given[name] if count == "given" else trial.right[name]
        found[trial.shape] = found.get(trial.shape, 0) + int(np.count_nonzero(numbers))
    return sum(found.values()) if found and min(found.values()) >= ENOUGH + spent else None


def vocabulary(trials: Sequence[Trial], exercise: Exercise) -> Iterator[tuple[str, np.ndarray]]:
    """Factors that have a name, the plain ones first: (name, value in each trial)."""
    once = np.ones(len(trials))
    sizes = {letter: np.array([t.sizes[letter] for t in trials], float) for letter in trials[0].sizes}
    scalars = {name: np.array([float(t.arguments[name]) for t in trials]) for name in trials[0].numbers}
    plain = {"1": once, "2": 2 * once, "1/2": once / 2, "4": 4 * once, "1/4": once / 4}
    units = {"ln 2": np.log(2) * once, "1/ln 2": once / np.log(2)}  # nats and bits
    products = {f"{a}·{b}": sizes[a] * sizes[b] for a, b in itertools.combinations(sizes, 2)}
    triples = {f"{a}·{b}·{c}": sizes[a] * sizes[b] * sizes[c] for a, b, c in itertools.combinations(sizes, 3)}
    several = {**sizes, **scalars, **products, **triples}
    with np.errstate(all="ignore"):
        inverse = {f"1/{_whole(n)}": 1 / v for n, v in several.items()}
        twice = {f"2·{n}": 2 * v for n, v in several.items()} | {f"2/{_whole(n)}": 2 / v for n, v in several.items()}
        halves = {f"{n}/2": v / 2 for n, v in several.items()} | {f"1/(2·{n})": 0.5 / v for n, v in several.items()}
        quotients = {f"{a}/{b}": sizes[a] / sizes[b] for a, b in itertools.permutations(sizes, 2)}
        one_less = {f"({n}−1)/{n}": (v - 1) / v for n, v in sizes.items()}
        one_more = {f"{n}/({n}−1)": v / (v - 1) for n, v in sizes.items()}
        rest = {f"1−{n}": 1 - v for n, v in scalars.items()} | {f"1/(1−{n})": 1 / (1 - v) for n, v in scalars.items()}
        odds = {f"{n}/(1−{n})": v / (1 - v) for n, v in scalars.items()}
        odds |= {f"(1−{n})/{n}": (1 - v) / v for n, v in scalars.items()}
        rest |= {f"(1−{n})²": (1 - v) ** 2 for n, v in scalars.items()}
        rest |= {f"√(1−{n})": (1 - v) ** 0.5 for n, v in scalars.items()}
        rest |= {f"1/√(1−{n})": (1 - v) ** -0.5 for n, v in scalars.items()}
        powers = {f"{n}²": v**2 for n, v in scalars.items()} | {f"1/{n}²": v**-2.0 for n, v in scalars.items()}
        roots = {f"√{_whole(n)}": v**0.5 for n, v in several.items()}
        roots |= {f"1/√{_whole(n)}": v**-0.5 for n, v in several.items()}
    groups = (plain, units, several, inverse, twice, halves, quotients, one_less, one_more, rest, odds, powers, roots)
    for group in groups:
        for label, value in group.items():
            yield label, value
            yield f"−{label}", -value


def _whole(name: str) -> str:
    return f"({name})" if "·" in name else name


def name_number(values: Sequence[float], trials: Sequence[Trial], exercise: Exercise, tol: float) -> str | None:
    """What a factor is called that has these values in the trials: "N", "1/(N·K)". A constant's name is its digits, and
    so "0.1·lr"."""
    v = np.asarray(values, float)
    if not np.isfinite(v).all():
        return None
    if (np.abs(v) <= tol).all():
        return "0"
    for label, value in vocabulary(trials, exercise):
        if np.isfinite(value).all() and (np.abs(v - value) <= tol * np.abs(value)).all():
            return label
    scalars = {name: np.array([float(t.arguments[name]) for t in trials]) for name in trials[0].numbers}
    for label, value in {"": np.ones(len(v)), **{f"·{n}": value for n, value in scalars.items()}}.items():
        if value.all() and np.ptp(v / value) <= tol * abs(v / value).max():
            return f"{v[0] / value[0]:.6g}{label}".replace("-", "−")
    return None


def best_factor(given: np.ndarray, right: np.ndarray) -> float:
    """The c that makes |given − c · right| least."""
    right = right.astype(np.float64)
    length = float((right * right).sum())
    return float((given * right).sum()) / length if length > 0 else np.nan


def proportional(name: str, trials: Sequence[Trial], predicted: Iterable[Any], task: Task) -> tuple[str, int] | None:
    """given = c · predicted with a c that has a name: the name, and how many numbers it accounts for."""
    factors: list[float] = []
    arrays = []
    of_shape: dict[int, float] = {}
    with np.errstate(all="ignore"):
        for p, trial in zip(predicted, trials):
            given = trial.given[name]
            if p is None or np.shape(p) != given.shape or not np.isfinite(p).all():
                return None
            c, tol = best_factor(given, np.asarray(p)), tolerance(given)
            same = of_shape.setdefault(trial.shape, c)
            if not alike(c * p, given, tol) or (not trial.numbers and abs(c - same) > 10 * tol * abs(same)):
                return None
            factors.append(c)
            arrays.append(np.asarray(p))
    numbers = accounts(name, trials, (c * a for c, a in zip(factors, arrays)), spent=1)
    label = numbers and name_number(factors, trials, task.exercise, 10 * tolerance(trials[0].given[name]))
    return (label, numbers) if numbers and label else None


def times_dout(task: Task, trial: Trial, dout: str, label: str) -> np.ndarray | None:
    """dout, times a quantity of its shape."""
    x = trial.arguments[dout]
    q = np.ones(x.shape) if label == "1" else np.asarray(quantities(task, trial)[label])
    return x * q if q.shape == x.shape else None


def subsets(axes: Any) -> Iterator[tuple[Any, ...]]:
    axes = tuple(axes)
    return itertools.chain.from_iterable(itertools.combinations(axes, n) for n in range(len(axes) + 1))


def quantities(task: Task, trial: Trial) -> Arrays:
    """Everything that has a name: a constant, those of the exercise, then all inputs."""
    own = task.exercise.quantities
    found: Arrays = trial.once("quantities", lambda: dict(own(**trial.arguments)) if own else {})
    inputs = {k: v for k, v in trial.arguments.items() if isinstance(v, np.ndarray) and v.dtype.kind == "f"}
    return {"1": np.ones(1), **found, **{k: v for k, v in inputs.items() if k not in found}}


def all_or_none(found: Iterable[Any]) -> list[Any] | None:
    """All of them, unless one is None; the rest is then not asked for."""
    several = []
    for one in found:
        if one is None:
            return None
        several.append(one)
    return several
