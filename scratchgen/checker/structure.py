"""Wrong in its structure: shapes, zeros, a constant factor, the right numbers in the wrong order.

These detectors know nothing of the exercise but the right answer.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .evidence import (
    Explanation,
    Trial,
    accounts,
    alike,
    all_or_none,
    best_factor,
    has_shape,
    proportional,
    quantities,
    subsets,
    times_dout,
)
from .exercises.exercise import Task

__all__ = ["REPAIRS", "constant", "permutation", "ratio", "shape", "shifted", "swap", "zero"]


def swap(task: Task, wrong: Sequence[str], trials: Sequence[Trial]) -> Explanation | None:
    """Right arrays in the wrong places. With fewer than two wrong ones nothing can have changed places."""
    for order in itertools.permutations(wrong) if 2 <= len(wrong) <= 4 else ():
        if any(a == b for a, b in zip(order, wrong)):
            continue
        counts = [accounts(a, trials, (t.right[b] for t in trials)) for a, b in zip(wrong, order)]
        if all(counts):
            return Explanation("SWAPPED", tuple(wrong), sum(filter(None, counts)), {"order": ", ".join(order)})
    return None


def shape(task: Task, name: str, trials: Sequence[Trial]) -> Explanation | None:
    """A wrong shape, and what would repair it."""
    if has_shape(name, trials):
        return None
    facts: dict[str, Any] = {"got": trials[0].given[name].shape, "expected": trials[0].right[name].shape}
    for code, repair in REPAIRS:
        repaired = all_or_none(repair(t.given[name], t.right[name]) for t in trials)
        again = [Trial(t.arguments, t.right, {name: r}, t.shape, t.sizes) for t, r in zip(trials, repaired or ())]
        if again and (found := proportional(name, again, (t.right[name] for t in trials), task)):
            return Explanation(code, (name,), found[1], {**facts, "factor": found[0]})
    for dout in task.exercise.douts:
        for axes in subsets(range(trials[0].arguments[dout].ndim)):
            for label in ("1", *quantities(task, trials[0])):
                products = (times_dout(task, t, dout, label) for t in trials)
                if summed := accounts(name, trials, (None if p is None else p.sum(axes) for p in products)):
                    facts |= {"argument": dout if label == "1" else f"{dout} · {label}", "axes": axes}
                    return Explanation("SUMMED_OVER", (name,), summed, facts)
    return Explanation("SHAPE", (name,), 0, facts, located=True)


def _transposed(given: np.ndarray, right: np.ndarray) -> np.ndarray | None:
    """The axes in another order, of several possible the one that comes nearest."""
    orders = itertools.permutations(range(given.ndim)) if given.ndim == right.ndim else iter(())
    possible = [turned for axes in orders if (turned := given.transpose(axes)).shape == right.shape]
    return max(possible, key=lambda turned: abs(np.vdot(turned, right)), default=None)


def _squeezed(given: np.ndarray, right: np.ndarray) -> np.ndarray | None:
    ones = given.ndim != right.ndim and given.size == right.size
    return given.reshape(right.shape) if ones else None


def _reduced(given: np.ndarray, right: np.ndarray) -> np.ndarray | None:
    """The sum over the axes that should have been summed over, or averaged over some of them."""
    for axes in subsets(range(given.ndim)):
        if axes and (total := given.sum(axes)).shape == right.shape:
            for averaged in subsets(axes):
                mean = total / np.prod([given.shape[axis] for axis in averaged])
                if alike(mean, right, 1e-5):
                    return mean
    return None


def _spread(given: np.ndarray, right: np.ndarray) -> np.ndarray | None:
    """What was summed over, and should not have been: only where all were equal, or the sums agree."""
    for axes in subsets(range(right.ndim)):
        if axes and right.sum(axes).shape == given.shape and alike(given, right.sum(axes), 1e-5):
            return right
    return None


def _cropped(given: np.ndarray, right: np.ndarray) -> np.ndarray | None:
    """What lacks a border."""
    return right if _is_inside(given, right) else None


def _uncropped(given: np.ndarray, right: np.ndarray) -> np.ndarray | None:
    """What has a border that should have been cut off."""
    return right if _is_inside(right, given) else None


def _is_inside(small: np.ndarray, large: np.ndarray) -> bool:
    """Whether the one is a part of the other: one block, somewhere."""
    room = [n - m for n, m in zip(large.shape, small.shape)]
    if small.ndim != large.ndim or not small.size or min(room) < 0 or np.prod([r + 1 for r in room]) > 100:
        return False
    blocks = (
        tuple(slice(i, i + n) for i, n in zip(corner, small.shape)) for corner in np.ndindex(*(r + 1 for r in room))
    )
    return any(alike(large[block], small, 1e-5) for block in blocks)


REPAIRS: tuple[tuple[str, Callable[[np.ndarray, np.ndarray], np.ndarray | None]], ...] = (
    ("TRANSPOSED", _transposed),
    ("EXTRA_AXES", _squeezed),
    ("NOT_REDUCED", _reduced),
    ("REDUCED", _spread),
    ("CROPPED", _cropped),
    ("NOT_CROPPED", _uncropped),
)


def zero(task: Task, name: str, trials: Sequence[Trial]) -> Explanation | None:
    """All zeros, where nothing is."""
    numbers = accounts(name, trials, (np.zeros_like(t.right[name]) for t in trials), count="right")
    return Explanation("ZERO", (name,), numbers) if numbers else None


def constant(task: Task, name: str, trials: Sequence[Trial]) -> Explanation | None:
    """The same number everywhere, where the right ones differ: ones."""
    value = trials[0].given[name].flat[0] if trials[0].given[name].size else 0
    if all(t.right[name].size == 0 or np.ptp(t.right[name]) == 0 for t in trials):
        return None
    numbers = accounts(name, trials, (np.full(t.right[name].shape, value) for t in trials))
    return Explanation("CONSTANT", (name,), numbers, {"value": f"{value:g}"}) if numbers else None


def ratio(task: Task, name: str, trials: Sequence[Trial]) -> Explanation | None:
    """Right but for a factor: −1, N, 1/(N·K)."""
    found = proportional(name, trials, (t.right[name] for t in trials), task)
    if found is None or found[0] == "1":  # that is no factor, but too little for one
        return None
    if found[0] == "−1":
        return Explanation("SIGN", (name,), found[1], {"factor": found[0]})
    one_of_each = {t.shape: t for t in reversed(trials)}
    values = [
        best_factor(one_of_each[shape].given[name], one_of_each[shape].right[name]) for shape in sorted(one_of_each)
    ]
    several = (
        ", ".join(f"{c:.4g}".replace("-", "−") for c in values) if np.ptp(values) > 1e-3 * np.abs(values).max() else ""
    )
    return Explanation("FACTOR", (name,), found[1], {"factor": found[0], "values": several})


def permutation(task: Task, name: str, trials: Sequence[Trial]) -> Explanation | None:
    """The right numbers in the wrong order: transposed, flipped, shifted."""
    n = trials[0].right[name].ndim
    for axes in itertools.permutations(range(n)):
        transposed = (t.right[name].transpose(axes) for t in trials)
        if axes != tuple(range(n)) and (found := accounts(name, trials, transposed)):
            return Explanation("TRANSPOSED", (name,), found, {"axes": axes})
    reshaped = (t.right[name].T.reshape(t.right[name].shape) for t in trials)
    if found := accounts(name, trials, reshaped):
        return Explanation("RESHAPED", (name,), found)
    for axes in subsets(range(n)):
        if axes and (found := accounts(name, trials, (np.flip(t.right[name], axes) for t in trials))):
            return Explanation("FLIPPED", (name,), found, {"axes": axes})
    for shift in itertools.product((-1, 0, 1), repeat=n) if n <= 4 else ():
        if any(shift):
            for moved in (_rolled, shifted):
                if found := accounts(name, trials, (moved(t.right[name], shift) for t in trials)):
                    return Explanation("SHIFTED", (name,), found, {"shift": shift})
            if found := _overlap(name, trials, shift):
                return Explanation("SHIFTED", (name,), found, {"shift": shift})
    for axis, parts in itertools.product(range(n), (2, 3, 4)):
        orders = itertools.permutations(range(parts))
        for order in orders if all(t.right[name].shape[axis] % parts == 0 for t in trials) else ():
            if found := accounts(name, trials, (_in_order(t.right[name], order, axis) for t in trials)):
                return Explanation("BLOCKS", (name,), found, {"axis": axis, "parts": parts, "order": order})
    return None


def _in_order(x: np.ndarray, order: Sequence[int], axis: int) -> np.ndarray:
    """x cut into equal parts along an axis, and these put together again in another order."""
    parts = np.split(x, len(order), axis)
    return np.concatenate([parts[i] for i in order], axis)


def _rolled(x: np.ndarray, shift: tuple[int, ...]) -> np.ndarray:
    """x moved, what falls off at one end comes back at the other."""
    return np.roll(x, shift, range(x.ndim))


def shifted(x: np.ndarray, shift: tuple[int, ...]) -> np.ndarray:
    """x moved, zeros where nothing came from."""
    out = np.zeros_like(x)
    to, of = _blocks(x.shape, shift)
    out[to] = x[of]
    return out


def _blocks(size: tuple[int, ...], shift: tuple[int, ...]) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
    """Where a part of an array goes, and where it was."""
    to = tuple(slice(max(s, 0), n + min(s, 0)) for n, s in zip(size, shift))
    return to, tuple(slice(max(-s, 0), n + min(-s, 0)) for n, s in zip(size, shift))


def _overlap(name: str, trials: Sequence[Trial], shift: tuple[int, ...]) -> int | None:
    """The numbers accounted for by a shift that brought something else in at the edge: a crop one off. The edge is less
    than the rest, and the rest was not right before."""
    cut, wrong = [], 0
    for t in trials:
        to, of = _blocks(t.right[name].shape, shift)
        theirs, ours = t.given[name][to], t.right[name][of]
        if 2 * ours.size <= t.right[name].size:
            return None
        wrong += int(np.count_nonzero(np.abs(theirs - t.right[name][to]) > 1e-6 * np.abs(theirs)))
        cut.append((Trial(t.arguments, {name: ours}, {name: theirs}, t.shape, t.sizes), ours))
    if not wrong:
        return None
    return accounts(name, [t for t, _ in cut], (ours for _, ours in cut))
