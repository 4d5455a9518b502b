"""Right, but of something else, or not everywhere: a wrong input, a lost sample, a place.

These detectors run the right answer again, on inputs that are changed or partly zero.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np

from .evidence import ENOUGH, Explanation, Trial, accounts, alike, all_or_none, proportional, tolerance
from .exercises.exercise import Arrays, Task, named
from .structure import shifted

__all__ = ["CHANGES", "PATTERNS", "exchanged", "indices", "place", "wrong_input"]


def wrong_input(task: Task, name: str, trials: Sequence[Trial]) -> Explanation | None:
    """Right, but of something else: σ(x) where x was meant, dout where all of it is summed, a label one off."""
    first: Explanation | None = None
    for argument, label, other in _others(task, trials[0]):
        answers = [partial(_answer, task, t, name, argument, label, other) for t in trials]
        found = proportional(name, trials, (answer() for answer in answers), task)
        if found and not all(alike(answer(), t.right[name], 1e-8) for answer, t in zip(answers, trials)):
            facts = {"argument": argument, "instead": label, "factor": found[0]}
            explanation = Explanation("WRONG_INPUT", (name,), found[1], facts)
            if found[0] == "1":
                return explanation
            first = first or explanation
    return first


def _others(task: Task, trial: Trial) -> Iterator[tuple[str, str, Callable[[Trial], Any]]]:
    """What may stand where an argument belongs: itself, changed, or in a backward what the forward made of it."""

    def changed(argument: str, change: Callable[[Any], Any], trial: Trial) -> Any:
        return change(trial.arguments[argument])

    def output(name: str, trial: Trial) -> Any:
        return _outputs(task, trial)[name]

    for argument, value in trial.arguments.items():
        if not isinstance(value, np.ndarray):
            continue
        for label, change in CHANGES:
            yield argument, label.format(argument), partial(changed, argument, change)
        for name, array in _outputs(task, trial).items() if argument not in task.exercise.douts else ():
            if array.shape == value.shape:
                yield argument, f"the output {name}".removesuffix(" out"), partial(output, name)


def _outputs(task: Task, trial: Trial) -> Arrays:
    """What the forward of a backward gives."""
    inputs = {k: v for k, v in trial.arguments.items() if k not in task.exercise.douts}
    found: Arrays = trial.once("outputs", lambda: named(task.exercise.forward(**inputs)) if task.is_backward else {})
    return found


def exchanged(task: Task, name: str, trials: Sequence[Trial]) -> Explanation | None:
    """Right, but for two arguments that have changed places, in all that was given."""
    arrays = [k for k, v in trials[0].arguments.items() if np.ndim(v)]
    for a, b in itertools.combinations(arrays, 2):
        if trials[0].arguments[a].dtype == trials[0].arguments[b].dtype:
            if any(t.arguments[a].shape != t.arguments[b].shape for t in trials):
                continue
            swapped = [task.right({**t.arguments, a: t.arguments[b], b: t.arguments[a]}) for t in trials]
            numbers = accounts(name, trials, (s[name] for s in swapped))
            if numbers and all(alike(s[n], t.given[n], 1e-4) for s, t in zip(swapped, trials) for n in t.given):
                return Explanation("EXCHANGED", (name,), numbers, {"argument": a, "other": b})
    return None


def _answer(task: Task, trial: Trial, name: str, argument: str, label: str, other: Callable[[Trial], Any]) -> Any:
    """The right answer with something else in the place of an argument."""
    with np.errstate(all="ignore"):
        try:
            arguments = {**trial.arguments, argument: other(trial)}
            return trial.once((task.name, argument, label), lambda: task.right(arguments))[name]
        except (ValueError, IndexError, TypeError):
            return None


def _sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


CHANGES: tuple[tuple[str, Callable[[np.ndarray], Any]], ...] = (
    ("0", lambda x: x * 0),
    ("1", lambda x: x * 0 + 1),
    ("−{}", lambda x: -x),
    ("2·{}", lambda x: 2 * x),
    ("{}/2", lambda x: x / 2),
    ("{}²", lambda x: x * x),
    ("σ({})", _sigmoid),
    ("tanh {}", np.tanh),
    ("e^{}", np.exp),
    ("e^({}/2)", lambda x: np.exp(x / 2)),
    ("ln {}", np.log),
    ("1 − {}", lambda x: 1 - x),
    ("max({}, 0)", lambda x: x * (x > 0)),
    ("|{}|", np.abs),
    ("{} + 1", lambda x: x + 1),
    ("{} − 1", lambda x: x - 1),
    ("the mean of {} over axis 0", lambda x: np.broadcast_to(x.mean(0), x.shape)),
    ("the sum of {} over axis 0", lambda x: np.broadcast_to(x.sum(0), x.shape)),
    ("the sum of {} over its last axis", lambda x: np.broadcast_to(x.sum(-1, keepdims=True), x.shape)),
    ("the first row of {} everywhere", lambda x: np.broadcast_to(x[:1], x.shape)),
    ("the last row of {} everywhere", lambda x: np.broadcast_to(x[-1:], x.shape)),
    ("{} sorted", lambda x: np.sort(x, 0)),
    ("{}, its rows reversed", lambda x: x[::-1]),
    ("{} less its mean over axis 0", lambda x: x - x.mean(0)),
    ("the sign of {}", np.sign),
    ("{} turned by 180°", lambda x: x[..., ::-1, ::-1]),
    ("{}, its last axis reversed", lambda x: x[..., ::-1]),
    ("{}, one pixel further down and right", lambda x: shifted(x, (0,) * (x.ndim - 2) + (1, 1)[: x.ndim])),
    ("{}, one pixel further up and left", lambda x: shifted(x, (0,) * (x.ndim - 2) + (-1, -1)[: x.ndim])),
    ("the transpose of {}", lambda x: x.swapaxes(-1, -2)),
    ("{} reshaped where it is to be transposed", lambda x: x.reshape(x.shape[::-1]).T),
    ("{} less its mean over the last axis", lambda x: x - x.mean(-1, keepdims=True)),
    ("the mean of {} over its last axis", lambda x: np.broadcast_to(x.mean(-1, keepdims=True), x.shape)),
)  # fmt: skip


def indices(task: Task, name: str, trials: Sequence[Trial]) -> Explanation | None:
    """A sum over an index, of which some summands have not come: only the last sample, not the last row of a kernel.

    A gradient is linear in dout, a convolution is in its kernel. In such an argument, what each index contributes is
    the right answer with all others zero.
    """
    first = trials[0].arguments
    floats = [k for k, v in first.items() if np.ndim(v) and v.dtype.kind == "f" and k not in task.exercise.douts]
    for masked in (task.exercise.douts, *((k,) for k in floats)):
        for axes in _index_axes([first[k] for k in masked]):
            large = np.count_nonzero(trials[0].given[name]) > 60  # then one trial rules out what is not so
            few = trials[:1] if large else [t for t in trials if t.shape == trials[0].shape]
            parts = all_or_none(_contributions(task, t, name, masked, axes) for t in few)
            if parts is None:
                break
            if not _which_indices(task, name, few, parts):
                continue
            parts = all_or_none(_contributions(task, t, name, masked, axes) for t in trials)
            if parts and (found := _which_indices(task, name, trials, parts)):
                facts = {"argument": ", ".join(masked), "axis": axes[0] if len(axes) == 1 else axes, **found[1]}
                return Explanation("INDICES", (name,), found[0], facts, located=not facts["which"])
    rows = [k for k, v in first.items() if np.ndim(v) and all(len(t.arguments[k]) == t.sizes.get("N") for t in trials)]
    samples = all_or_none(_samples(task, t, name, rows) for t in trials) if rows and task.exercise.is_loss else None
    if samples and (found := _which_indices(task, name, trials, samples)):
        return Explanation("INDICES", (name,), found[0], {"argument": ", ".join(rows), "axis": 0, **found[1]})
    return None


def _index_axes(arrays: Sequence[np.ndarray]) -> Iterator[tuple[int, ...]]:
    """Each axis that all have; of images and kernels also the last two together."""
    dimensions = min((a.ndim for a in arrays), default=0)
    yield from ((axis,) for axis in range(dimensions))
    if dimensions == 4:
        yield (2, 3)


def _contributions(
    task: Task, trial: Trial, name: str, masked: tuple[str, ...], axes: tuple[int, ...]
) -> tuple[np.ndarray, np.ndarray] | None:
    """The right answer with these arguments zero, and what each index adds to it; None where it is not their sum, or
    does not depend on them."""
    arguments = trial.arguments
    shape = tuple(arguments[masked[0]].shape[axis] for axis in axes)
    if any(tuple(arguments[k].shape[axis] for axis in axes) != shape for k in masked) or not 0 < np.prod(shape) <= 40:
        return None

    def one_by_one() -> list[Arrays]:
        runs = [{k: np.zeros_like(arguments[k]) for k in masked}]
        for index in np.ndindex(shape):
            runs.append({k: np.zeros_like(arguments[k]) for k in masked})
            for k in masked:
                at = tuple(
                    index[axes.index(axis)] if axis in axes else slice(None) for axis in range(arguments[k].ndim)
                )
                runs[-1][k][at] = arguments[k][at]
        return [task.right({**arguments, **kept}) for kept in runs]

    answers = [a[name] for a in trial.once((task.name, masked, axes), one_by_one)]
    nothing, added = answers[0], np.stack(answers[1:]) - answers[0]
    is_sum = added.any() and alike(nothing + added.sum(0), trial.right[name], 1e-9)
    return (nothing, added) if is_sum else None


def _samples(task: Task, trial: Trial, name: str, rows: Sequence[str]) -> tuple[np.ndarray, np.ndarray] | None:
    """Zero, and what each sample adds to a loss that is a mean over them; None where it is none."""
    right, n = trial.right[name], trial.sizes["N"]
    added = np.zeros((n, *right.shape))
    for i in range(n):
        alone = task.right({**trial.arguments, **{k: trial.arguments[k][i : i + 1] for k in rows}})[name] / n
        if alone.shape == right.shape:
            added[i] = alone
        elif alone.shape == (1, *right.shape[1:]):
            added[i, i] = alone[0]
        else:
            return None
    return (np.zeros_like(right), added) if alike(added.sum(0), right, 1e-9) else None


def _which_indices(
    task: Task, name: str, trials: Sequence[Trial], parts: Sequence[tuple[np.ndarray, np.ndarray]]
) -> tuple[int, dict[str, Any]] | None:
    """The numbers accounted for, and which indices have come: a pattern that has a name, or any weights."""
    for (word, pattern), rest in itertools.product(PATTERNS.items(), (1, 0)):
        sums = (rest * nothing + np.tensordot(pattern(len(added)), added, 1) for nothing, added in parts)
        if found := proportional(name, trials, sums, task):
            return found[1], {"which": word, "weights": pattern(len(parts[0][1])), "factor": found[0]}
    weights: list[np.ndarray] = []
    predicted: list[np.ndarray] = []
    for trial, (nothing, added) in zip(trials, parts):
        matrix = added.reshape(len(added), -1).T
        if len(added) < 2 or np.linalg.matrix_rank(matrix) < len(added):
            return None
        w = np.asarray(np.linalg.lstsq(matrix, (trial.given[name] - nothing).ravel(), rcond=None)[0])
        weights.append(np.round(w, 6) + 0.0)
        predicted.append(nothing + np.tensordot(w, added, 1))
    numbers = accounts(name, trials, predicted, spent=max(len(w) for w in weights))
    if any((w != np.round(w)).any() for w in weights):
        return None  # an index comes, or not, or twice; nothing loses a third of it
    differ = any(np.ptp(w) > 1e-6 for w in weights)
    return (numbers, {"which": "", "weights": weights[0]}) if numbers and differ else None


PATTERNS: dict[str, Callable[[int], np.ndarray]] = {
    "only the last": lambda n: np.eye(n)[n - 1],
    "only the first": lambda n: np.eye(n)[0],
    "all but the last": lambda n: 1 - np.eye(n)[n - 1],
    "all but the first": lambda n: 1 - np.eye(n)[0],
    "every second": lambda n: (np.arange(n) + 1) % 2,
}


def place(task: Task, name: str, trials: Sequence[Trial]) -> Explanation | None:
    """Wrong exactly in places that have a name, right elsewhere."""
    for label in _places(task, trials[0], name):
        inside = outside = 0
        for trial in trials:
            where = np.broadcast_to(_places(task, trial, name).get(label, False), trial.right[name].shape)
            tol = tolerance(trial.given[name]) * max(np.abs(trial.right[name]).max(), 1e-300)
            off = np.abs(trial.given[name] - trial.right[name]) > tol
            if (off & ~where).any() or not off.any():
                break
            inside += int((off & where).sum())
            outside += int((~where & (trial.right[name] != 0)).sum())
        else:
            missed = all(
                (t.given[name][np.broadcast_to(_places(task, t, name)[label], t.right[name].shape)] == 0).all()
                for t in trials
            )
            if inside >= 3 and outside >= ENOUGH:
                return Explanation("PLACE", (name,), outside, {"place": label, "zero": missed, "wrong": inside})
    return None


def _places(task: Task, trial: Trial, name: str) -> dict[str, np.ndarray]:
    """The exercise's own, then edges of every array."""
    own = task.exercise.where
    places = dict(own(**trial.arguments).get(name, {})) if own else {}
    right = trial.right[name]
    for axis in range(right.ndim):
        for label, index in (("first", 0), ("last", -1)):
            at = np.zeros(right.shape, bool)
            at[(slice(None),) * axis + (index,)] = True
            places[f"the {label} index of axis {axis}"] = at
    if right.ndim >= 2:
        edge = np.ones(right.shape, bool)
        if min(right.shape[-2:]) > 2:
            edge[..., 1:-1, 1:-1] = False
            places["the border"] = edge
    return places
