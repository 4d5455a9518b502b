"""Wrong by something that has a name: a known wrong formula, a factor too many, a term that is missing.

The names are the exercise's: its `mistakes`, `quantities` and `terms`.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache, partial
from typing import Any

import numpy as np

from .evidence import (
    ENOUGH,
    Explanation,
    Trial,
    accounts,
    alike,
    best_factor,
    name_number,
    proportional,
    quantities,
    read_only,
    times_dout,
    tolerance,
)
from .exercises.exercise import Arguments, Arrays, Mistake, Task, named
from .numerics import TINY, complex_step
from .structure import permutation, ratio

__all__ = [
    "added",
    "along",
    "directions",
    "gradients",
    "instead",
    "like",
    "misreading",
    "mistake",
    "one_term",
    "quantity",
    "scaled_mistake",
    "slopes",
    "terms",
]


def mistake(task: Task, name: str, trials: Sequence[Trial]) -> Explanation | None:
    """A wrong formula that the exercise knows."""
    return _known(task, name, trials, [m for m in task.exercise.mistakes if _formula(task, m)])


def misreading(task: Task, name: str, trials: Sequence[Trial]) -> Explanation | None:
    """The exact derivative of another forward than was asked for."""
    return _known(task, name, trials, [m for m in task.exercise.mistakes if not _formula(task, m)])


def scaled_mistake(task: Task, name: str, trials: Sequence[Trial]) -> Explanation | None:
    """A known wrong formula, times a factor: summed where its mean is known, or of the other sign."""
    return _known(task, name, trials, task.exercise.mistakes, scaled=True)


def _known(
    task: Task, name: str, trials: Sequence[Trial], mistakes: Sequence[Mistake], scaled: bool = False
) -> Explanation | None:
    """First comes one that accounts for all that was given, for what is right in it too. Where it would have spoiled
    that, a part that is missing from a sum is the simpler reason."""
    some = None
    for known in mistakes:
        if scaled and not _is_all_of(task, known, trials[0]):
            continue
        found = proportional(name, trials, (_wrong_answer(task, known, t, name, scaled) for t in trials), task)
        if found and found[0] != "0" and (found[0] != "1") == scaled:
            explanation = Explanation(known.code, (name,), found[1], {"known": True, "factor": found[0]})
            if scaled or _is_all_of(task, known, trials[0]):
                return explanation
            if some is None and not (_spoils(task, known, name, trials[0]) and terms(task, name, trials)):
                some = explanation
    return some


def _formula(task: Task, known: Mistake) -> Callable[..., Any] | None:
    """What the mistake computes in the place of this task, where it says so."""
    return known.backward if task.is_backward else known.forward


def _wrong_answer(task: Task, known: Mistake, trial: Trial, name: str, scaled: bool) -> Any:
    """What the wrong formula gives; None where it says nothing of this array."""
    if formula := _formula(task, known):
        return _value(task, formula, trial).get(name)
    if not task.is_backward or known.forward is None:
        return None
    return gradients(task, known.forward, trial, [name], scaled).get(name)


def gradients(
    task: Task, forward: Callable[..., Any], trial: Trial, names: Sequence[str] = (), scaled: bool = False
) -> Arrays:
    """The gradients `names` (all) of another forward; none where that is not what was given, or if `scaled` a multiple
    of it."""
    names = names or list(trial.given)
    if not _goes_along(task, forward, trial, names, scaled):
        return {}
    paired, inputs = _paired(task, forward, trial), _inputs(task, trial)
    return {name: complex_step(paired, inputs, 1.0, name.removeprefix("d")) for name in names}


def _is_all_of(task: Task, known: Mistake, trial: Trial) -> bool:
    """Whether the wrong formula, with one factor, gives all arrays of a trial."""
    names = list(trial.given)
    if formula := _formula(task, known):
        wrong = {**trial.right, **_value(task, formula, trial)}
        if any(np.shape(wrong[n]) != trial.given[n].shape for n in names):
            return False
        ours, theirs = (np.concatenate([np.ravel(a[n]) for n in names]) for a in (wrong, trial.given))
        return alike(best_factor(theirs, ours) * ours, theirs, 1e-5)
    return known.forward is not None and _goes_along(task, known.forward, trial, names, scaled=True)


def _spoils(task: Task, known: Mistake, name: str, trial: Trial) -> bool:
    """Whether the wrong formula would have made wrong what is right: then it is not what was done."""
    right = [n for n, g in trial.given.items() if n != name and alike(g, trial.right[n], tolerance(g))]
    if formula := _formula(task, known):
        wrong = {**trial.right, **_value(task, formula, trial)}
        return not all(alike(wrong[n], trial.right[n], 1e-5) for n in right)
    return known.forward is not None and not _goes_along(task, known.forward, trial, [name, *right])


def _value(task: Task, formula: Callable[..., Any], trial: Trial) -> Arrays:
    not_forward = () if task.is_backward else task.exercise.douts
    return named(formula(**{k: v for k, v in trial.arguments.items() if k not in not_forward}))


def _goes_along(
    task: Task, forward: Callable[..., Any], trial: Trial, names: Sequence[str], scaled: bool = False
) -> bool:
    """Whether these gradients are those of another forward, or proportional to them: along two random directions, which
    is found out in two calls, not in one for each number."""
    if any(trial.given[n].shape != trial.right[n].shape for n in names):
        return False
    theirs, ours = along(trial.given, names), slopes(task, forward, trial, names)
    if not len(ours):
        return False
    norm = np.sqrt(sum(float((trial.given[n].astype(float) ** 2).sum()) for n in names))
    if not scaled:
        return bool(np.abs(ours - theirs).max() <= 1e-4 * norm)
    return bool(abs(ours[0] * theirs[1] - ours[1] * theirs[0]) <= 1e-4 * np.hypot(*ours) * norm)


def along(arrays: Mapping[str, Any], names: Sequence[str]) -> np.ndarray:
    """What gradients say of the slopes in two random directions."""
    return np.array([sum(float(np.sum(arrays[n] * v[n])) for n in names) for v in directions(arrays, names)])


def slopes(task: Task, forward: Callable[..., Any], trial: Trial, names: Sequence[str]) -> np.ndarray:
    """The slopes of a forward in these directions, by complex steps; none where it fits neither inputs nor outputs."""
    found = []
    for inputs in trial.once(("moved", *names), partial(_moved, task, trial, names)):
        outputs = named(forward(**inputs))
        above = {f"d{out}": array.shape for out, array in outputs.items()}
        if any(np.shape(trial.arguments[d]) != above.get(d) for d in task.exercise.douts):
            return np.array([])  # an output of another shape
        found.append(np.imag(task.exercise.paired(outputs, trial.arguments)) / TINY)
    return np.array(found)


def _moved(task: Task, trial: Trial, names: Sequence[str]) -> list[Arguments]:
    """The inputs, a complex step along each direction; none where gradients and inputs have not the same shapes."""
    inputs, moved = _inputs(task, trial), {n: n.removeprefix("d") for n in names}
    if any(x not in inputs or np.shape(inputs[x]) != trial.right[n].shape for n, x in moved.items()):
        return []
    drawn = directions(trial.right, names)
    return [read_only({**inputs, **{x: inputs[x] + 1j * TINY * v[n] for n, x in moved.items()}}) for v in drawn]


def directions(arrays: Mapping[str, Any], names: Sequence[str]) -> list[Arrays]:
    """Two random ones, of arrays with these names and shapes together."""
    return _drawn(tuple((n, np.shape(arrays[n])) for n in names))


@cache
def _drawn(shapes: tuple[tuple[str, tuple[int, ...]], ...]) -> list[Arrays]:
    rng = np.random.default_rng(0)
    return [{n: rng.standard_normal(shape) for n, shape in shapes} for _ in range(2)]


def _inputs(task: Task, trial: Trial) -> Arguments:
    return {k: v for k, v in trial.arguments.items() if k not in task.exercise.douts}


def _paired(task: Task, forward: Callable[..., Any], trial: Trial) -> Callable[..., Any]:
    return lambda **inputs: task.exercise.paired(named(forward(**inputs)), trial.arguments)


def quantity(task: Task, name: str, trials: Sequence[Trial]) -> Explanation | None:
    """A factor too many or too few: c · right · q^p."""
    for label in quantities(task, trials[0]):
        for code, power in (
            ("EXTRA", 1.0),
            ("MISSING", -1.0),
            ("EXTRA", 2.0),
            ("MISSING", -2.0),
            ("EXTRA", 0.5),
            ("MISSING", -0.5),
        ):
            found = proportional(name, trials, (_times(task, t, name, label, power) for t in trials), task)
            if found:
                facts = {"quantity": label, "power": abs(power), "factor": found[0]}
                return Explanation(f"{code}_FACTOR", (name,), found[1], facts)
    return None


def added(task: Task, name: str, trials: Sequence[Trial]) -> Explanation | None:
    """Something added to the right answer, a · right + b · q: a weight decay."""
    for dout, label in itertools.product(("", *task.exercise.douts), quantities(task, trials[0])):
        others = (times_dout(task, t, dout, label) if dout else like(task, t, name, label) for t in trials)
        found = _combination(task, name, trials, ([t.right[name], other] for t, other in zip(trials, others)))
        if found and "0" not in found[0] and (label != "1" or found[0][0] == "1"):
            (alpha, beta), numbers = found
            of = f"{dout} · ({label})" if dout and " " in label else f"{dout} · {label}" if dout else label
            return Explanation("ADDED", (name,), numbers, {"quantity": of, "factor": beta, "times": alpha})
    return None


def like(task: Task, trial: Trial, name: str, label: str) -> np.ndarray | None:
    """A quantity in the shape of the array `name`; None where it has another."""
    q = np.asarray(quantities(task, trial)[label], float)
    try:
        return np.broadcast_to(q, trial.right[name].shape) if q.ndim else None
    except ValueError:
        return None


def _times(task: Task, trial: Trial, name: str, label: str, power: float) -> np.ndarray | None:
    q = like(task, trial, name, label)
    return None if q is None or (power < 0 and (q == 0).any()) else trial.right[name] * q**power


def _combination(
    task: Task, name: str, trials: Sequence[Trial], parts: Iterable[Sequence[Any]]
) -> tuple[list[str], int] | None:
    """given = Σ wₖ · partₖ by least squares, each weight with a name: the names, and the numbers accounted for.

    Of arrays that are too small for that, a loss for one, all of a shape are fitted together.
    """
    columns = list(parts)
    if any(c is None or np.shape(c) != t.given[name].shape for t, several in zip(trials, columns) for c in several):
        return None
    count = len(columns[0])
    small = min(t.given[name].size for t in trials) < ENOUGH + count
    weights, predicted = [np.zeros(count)] * len(trials), [np.zeros(())] * len(trials)
    for key in {t.shape if small else i for i, t in enumerate(trials)}:
        group = [i for i, t in enumerate(trials) if key == (t.shape if small else i)]
        matrix = np.concatenate([np.stack([np.ravel(c) for c in columns[i]], 1) for i in group])
        given = np.concatenate([trials[i].given[name].ravel() for i in group]).astype(float)
        if not np.isfinite(matrix).all() or np.linalg.matrix_rank(matrix) < count:
            return None
        w = np.linalg.lstsq(matrix, given, rcond=None)[0]
        for i in group:
            weights[i], predicted[i] = w, sum(a * np.asarray(c) for a, c in zip(w, columns[i]))
    numbers = accounts(name, trials, predicted, spent=len(weights[0]))
    if not numbers:
        return None
    tol = 1e3 * tolerance(trials[0].given[name])
    labels = [label for w in np.transpose(weights) if (label := name_number(w, trials, task.exercise, tol))]
    return (labels, numbers) if len(labels) == len(weights[0]) else None


def terms(task: Task, name: str, trials: Sequence[Trial]) -> Explanation | None:
    """A sum of which a part is missing, doubled, or has the wrong sign."""
    parts = _terms(task, trials[0], name)
    found = _combination(task, name, trials, (list(_terms(task, t, name).values()) for t in trials)) if parts else None
    if found is None:
        return None
    off = {part: weight for part, weight in zip(parts, found[0]) if weight != "1"}
    return Explanation("TERMS", (name,), found[1], {"weights": off, "right": len(parts) - len(off)}) if off else None


def _terms(task: Task, trial: Trial, name: str) -> Mapping[str, Any]:
    own = task.exercise.terms
    parts: Mapping[str, Any] = trial.once("terms", lambda: own(**trial.arguments) if own else {}).get(name, {})
    if parts or not task.is_backward or len(task.exercise.douts) < 2:
        return parts
    return {f"what comes from {dout}": _from_one(task, trial, dout)[name] for dout in task.exercise.douts}


def _from_one(task: Task, trial: Trial, dout: str) -> Arrays:
    """The right answer with all gradients from above zero but one."""
    zeros = {d: np.zeros_like(trial.arguments[d]) for d in task.exercise.douts if d != dout}
    return task.right({**trial.arguments, **zeros})


def one_term(task: Task, name: str, trials: Sequence[Trial]) -> Explanation | None:
    """All parts of a sum but one are right: what happened to that one?"""
    parts = _terms(task, trials[0], name)
    for label in parts if len(parts) >= 2 else ():
        rest = [
            Trial(
                t.arguments,
                {name: np.asarray(p[label])},
                {name: t.given[name] - (t.right[name] - p[label])},
                t.shape,
                t.sizes,
            )
            for t in trials
            for p in (_terms(task, t, name),)
        ]
        for detector in (ratio, permutation, quantity):
            if found := detector(task, name, rest):
                return Explanation(found.code, (name,), found.numbers, {**found.facts, "term": label})
    return None


def instead(task: Task, name: str, trials: Sequence[Trial]) -> Explanation | None:
    """Something else that has a name, in the place of the right answer."""
    for label in quantities(task, trials[0]):
        if found := proportional(name, trials, (like(task, t, name, label) for t in trials), task):
            return Explanation("INSTEAD", (name,), found[1], {"quantity": label, "factor": found[0]})
    for dout, label in itertools.product(task.exercise.douts, quantities(task, trials[0])):
        if found := proportional(name, trials, (times_dout(task, t, dout, label) for t in trials), task):
            return Explanation("INSTEAD", (name,), found[1], {"quantity": f"{dout} · {label}", "factor": found[0]})
    return None
