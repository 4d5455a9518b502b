"""Which number acts on which? The Jacobian, found by asking the student's own function.

The last resort: it costs up to `PROBES` calls, and where it finds no cause it still says which links are missing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .evidence import ENOUGH, Explanation, Probe, Trial, alike, subsets
from .exercises.exercise import Arrays, Task

__all__ = ["PROBES", "links"]

PROBES = 256  # calls of the student's function


def links(task: Task, names: Sequence[str], trials: Sequence[Trial], probe: Probe) -> dict[str, Explanation]:
    """Which number of dout acts on which number of a gradient: rows of the Jacobian, from dout with a single one in it.
    Of a forward: which number of an argument in which it is linear acts on which of its output.

    Right rows come from the reference. A link is missing, or should not be there, or has another weight.
    """
    first, found = trials[0], {}
    for source in task.exercise.douts if task.is_backward else task.exercise.inputs:
        x = first.arguments[source]
        if np.ndim(x) == 0 or x.dtype.kind != "f" or (rest := [n for n in names if n not in found]) == []:
            continue
        above = task.exercise.douts if task.is_backward else (source,)
        still = {**first.arguments, **{d: np.zeros_like(first.arguments[d]) for d in above}}
        rows = _rows(x.shape)
        given, right = [], []
        for index in (None, *rows):
            one = np.zeros_like(x)
            if index is not None:
                one[index] = 1.0
            given.append(probe({**still, source: one}))
            right.append(task.right({**still, source: one}))
            if given[-1] is None or not (task.is_backward or _is_linear(task, first, source, right[0])):
                break
        else:
            along = {f"axis {axis} of {source}": np.array(at) for axis, at in enumerate(zip(*rows))}
            for name in rest:
                if e := _links(name, _differences(given, name), _differences(right, name), along):
                    found[name] = e
    return found


def _rows(size: tuple[int, ...]) -> list[tuple[int, ...]]:
    """Every index; of a large array those in its first and last rows, alternating inwards."""
    each = max(int(np.prod(size[1:])), 1)
    few = max(PROBES // each, 1)
    inwards = sorted(range(size[0]), key=lambda i: (max(i, size[0] - 1 - i), i), reverse=True)[:few]
    return [(i, *rest) for i in sorted(inwards) for rest in np.ndindex(*size[1:])]


def _is_linear(task: Task, trial: Trial, source: str, nothing: Arrays) -> bool:
    """Whether the reference is linear in an argument, but for a constant."""
    twice = trial.once(
        (task.name, source, "2"), lambda: task.right({**trial.arguments, source: 2 * trial.arguments[source]})
    )
    at_zero = trial.once(
        (task.name, source, "0"), lambda: task.right({**trial.arguments, source: 0 * trial.arguments[source]})
    )
    return all(alike(twice[n] - r, r - at_zero[n], 1e-9) for n, r in trial.right.items())


def _differences(answers: Sequence[Any], name: str) -> np.ndarray | None:
    """What each but the first adds to the first; None where their shapes depend on the numbers that went in."""
    first, *others = (np.asarray(a[name], float) for a in answers)
    return np.stack([a - first for a in others]) if all(a.shape == first.shape for a in others) else None


def _links(
    name: str, given: np.ndarray | None, right: np.ndarray | None, rows: Mapping[str, np.ndarray]
) -> Explanation | None:
    """What is wrong with the links, in one sentence if there is one."""
    if given is None or right is None or given.shape != right.shape or not np.isfinite(given).all():
        return None
    shape = right.shape[1:]
    given, right = given.reshape(len(given), -1), right.reshape(len(right), -1)
    small = 1e-7 * max(np.abs(right).max(), 1e-300)
    off, there, wanted = np.abs(given - right) > small, np.abs(given) > small, np.abs(right) > small
    missing, spurious, other = wanted & ~there, there & ~wanted, off & there & wanted
    exact = int((wanted & ~off).sum())
    if exact < ENOUGH or not off.any():
        return None
    facts: dict[str, Any] = {
        "missing": int(missing.sum()),
        "spurious": int(spurious.sum()),
        "other": int(other.sum()),
        "exact": exact,
        "links": int(wanted.sum()),
    }
    if not spurious.any() and not other.any() and (kept := _one_of_several(wanted, there, rows)):
        return Explanation("ASSIGNED", (name,), 0, {**facts, "kept": kept})
    grid = np.indices(shape).reshape(len(shape), right.shape[1])
    columns = {f"axis {axis} of {name}": index for axis, index in enumerate(grid)}
    places = _places_of_links(off, wanted, rows, columns)
    only_missing = bool(places) and not spurious.any() and not other.any()  # then that is the cause
    return Explanation("LINKS", (name,), 0, {**facts, "place": places}, located=not only_missing)


def _one_of_several(wanted: np.ndarray, there: np.ndarray, rows: Mapping[str, np.ndarray]) -> str:
    """Whether each number keeps only the last (or first) of what should have been added up, along some axes of dout."""
    lost = wanted.any(0) & ~there.any(0)  # whose last contribution may have been a zero
    for axes in subsets(rows):
        if not axes:
            continue
        order = np.zeros(len(wanted), int)
        for axis in axes:
            order = order * (rows[axis].max() + 1) + rows[axis]
        last = np.where(wanted, order[:, None], -1).max(0)
        first = np.where(wanted, order[:, None], order.max() + 1).min(0)
        for word, kept in (("last", last), ("first", first)):
            exact = (there == (wanted & (order[:, None] == kept))).all(0)
            end = order.max() if word == "last" else order.min()
            if (exact | (lost & (kept != end))).all() and (last != first)[~lost].any():
                return word
    return ""


def _places_of_links(
    off: np.ndarray, wanted: np.ndarray, rows: Mapping[str, np.ndarray], columns: Mapping[str, np.ndarray]
) -> str:
    """The indices along one axis at which all links are wrong, where at all others they are right."""
    for label, index in {**{k: v[:, None] for k, v in rows.items()}, **columns}.items():
        at = {i: np.broadcast_to(index == i, off.shape) for i in np.unique(index).tolist()}
        bad = [i for i, here in at.items() if off[here].any()]
        if 0 < len(bad) < len(at) and not any((wanted & ~off)[at[i]].any() for i in bad):
            return f"index {', '.join(map(str, bad))} of {label}"
    return ""
