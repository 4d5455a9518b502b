"""Why is it wrong? Each detector knows one way to be wrong, and says so only where it accounts for every number.

A detector gets one wrong array in all trials, with the right answer and the inputs, and answers with an `Explanation`
or with None. Structure comes first (shapes, zeros, a constant factor), then what the exercise knows by name (wrong
formulas, factors, terms), then the general: a wrong input, a lost sample, one small change in the right formula, a
place. Known wrong formulas alone would explain known mistakes only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .bounds import bounds
from .edits import edited
from .evidence import Detector, Explanation, Probe, Trial, has_shape
from .exercises.exercise import Task
from .formulas import added, instead, misreading, mistake, one_term, quantity, scaled_mistake, terms
from .inputs import exchanged, indices, place, wrong_input
from .links import links
from .structure import constant, permutation, ratio, shape, swap, zero

__all__ = ["ask", "explain"]


@np.errstate(all="ignore")  # a wrong input may be a bad one
def explain(
    task: Task, wrong: Sequence[str], trials: Sequence[Trial], forward_right: bool = False
) -> dict[str, Explanation]:
    """What the numbers of the arrays `wrong` say: one cause that accounts for all of them if there is one, else the
    first of each. Of several that are one cause, the first stands for all that it covers.

    `forward_right`: the student has a forward, and it is right; then a factor that is lost in the derivative comes
    before a misreading.
    """
    if swapped := swap(task, wrong, trials):
        return {swapped.covers[0]: swapped}
    first: dict[str, Explanation] = {}
    for detector in (*DETECTORS[:4], quantity, *DETECTORS[4:]) if forward_right else DETECTORS:
        names = wrong if detector in (shape, mistake, misreading) else [n for n in wrong if has_shape(n, trials)]
        found = {name: e for name in names if (e := detector(task, name, trials))}
        causes = {e.cause for e in found.values() if not e.located}
        if len(found) == len(wrong) and len(causes) == 1:
            return found
        for name, explanation in found.items():
            if name not in first or first[name].located:
                first[name] = explanation
        if len(first) == len(wrong) and not any(e.located for e in first.values()):
            break
    return first


@np.errstate(all="ignore")
def ask(
    task: Task, wrong: Sequence[str], trials: Sequence[Trial], found: Mapping[str, Explanation], probe: Probe
) -> list[Explanation]:
    """What was found, and of arrays that have no cause yet what the student's own function says: `probe` calls it,
    about a hundred times."""
    caused = {name for e in found.values() if not e.located for name in e.covers}
    for asked in (bounds, links):
        if rest := [name for name in wrong if name not in caused]:
            more = asked(task, rest, trials, probe)
            found = {**found, **{name: e for name, e in more.items() if name not in found or not e.located}}
            caused |= {name for name, e in more.items() if not e.located}
    return _joined([found[name] for name in wrong if name in found])


def _joined(explanations: Sequence[Explanation]) -> list[Explanation]:
    """Those that say the same of several arrays, as one."""
    joined: dict[Any, Explanation] = {}
    for e in explanations:
        key = e.cause
        other = joined.get(key)
        joined[key] = (
            e
            if other is None
            else Explanation(e.code, other.covers + e.covers, other.numbers + e.numbers, e.facts, e.located)
        )
    return list(joined.values())


DETECTORS: tuple[Detector, ...] = (
    shape, zero, ratio, mistake, misreading, constant, permutation, quantity, terms, scaled_mistake, added, exchanged,
    wrong_input, one_term, indices, edited, instead, place,
)  # fmt: skip
