"""How far is it right? A clip, or a cut-off series, is right for small inputs and wrong beyond a bound.

The bound is found by asking the student's own function: all numbers of one input are moved away from 0 together, until
the answer is no longer right. It is the cause where everything inside is right.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .evidence import Explanation, Probe, Trial, alike, tolerance
from .exercises.exercise import Task

__all__ = ["bounds"]

NEAR = 0.25  # of 0: whoever is wrong here is not wrong by a bound
HALVINGS = 12  # of an interval that holds the bound: then it is known to three digits


def bounds(task: Task, names: Sequence[str], trials: Sequence[Trial], probe: Probe) -> dict[str, Explanation]:
    """Of arrays that are wrong: those that are right as long as an input stays between two bounds, and the bounds."""
    first, found = trials[0], {}
    signed = [k for k in task.exercise.inputs if _takes_both_signs(first.arguments[k])]
    small = {k: first.arguments[k] * (NEAR / np.abs(first.arguments[k]).max()) for k in signed}
    for name in names:

        def is_right(argument: str, value: Any, name: str = name) -> bool:
            arguments = {**first.arguments, **small, argument: value + np.zeros_like(small[argument])}
            given, right = probe(arguments), task.right(arguments)[name]
            return given is not None and alike(given[name], right, tolerance(given[name]))

        for argument in signed:
            far = float(np.abs(first.arguments[argument]).max())
            low, high = (_last(lambda x, a=argument, s=sign: is_right(a, s * x), far) for sign in (-1, 1))
            inside = first.arguments[argument] * (0.9 * min(low, high, far) / far)
            if 0 < min(low, high) < np.inf and is_right(argument, inside):
                facts = {"argument": argument, "low": f"−{low:.3g}", "high": f"{high:.3g}"}
                found[name] = Explanation("BOUND", (name,), 0, {k: v.replace("inf", "∞") for k, v in facts.items()})
                break
    return found


def _takes_both_signs(x: Any) -> bool:
    return np.ndim(x) > 0 and x.dtype.kind == "f" and bool(x.min() < 0 < x.max())


def _last(is_right: Any, far: float) -> float:
    """The largest x up to which it is right: 0 where it never is, infinity where it still is at `far`."""
    if not is_right(NEAR):
        return 0.0
    right = NEAR
    while is_right(wrong := min(2 * right, far)):
        if wrong == far:
            return np.inf
        right = wrong
    for _ in range(HALVINGS):
        middle = (right + wrong) / 2
        right, wrong = (middle, wrong) if is_right(middle) else (right, middle)
    return right
