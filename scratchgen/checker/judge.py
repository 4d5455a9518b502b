"""Is it right? Every function is called on inputs of three shapes, and compared with an answer that is exactly known.

Exactly: the derivative of the formula that was asked for, not of the function that was handed in. Differences of the
student's own forward would accept every pair that is wrong together, a log-variance that is read as a standard
deviation, a mean for a sum. They are the second question, and the answers to both make four cases:

| | backward = derivative of the own forward | not |
|---|---|---|
| forward right | right | the calculus is wrong |
| forward wrong | one misreading, not two mistakes: look at the forward | both are |
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any, Protocol

import numpy as np

from .diagnosis import ask, explain
from .evidence import Explanation, Trial, alike
from .exercises.exercise import Arguments, Arrays, Exercise, Task, named
from .numerics import slope
from .sandbox import Answer, Failure

__all__ = ["Case", "Judged", "Note", "Output", "explained", "judge", "reasons", "verdicts"]

RIGHT, NEARLY = 1e-7, 1e-4  # relative to the largest number; between them: an epsilon under a root, most likely
SINGLE = 2e-5  # in the place of RIGHT for float32, whose own error is 3e-7 and less
SMALLEST = 12  # numbers of an output in each shape; a smaller one is called several times: it may have several parts
DIRECTIONS = 3


class Student(Protocol):
    """Whoever can be asked to run a student's function."""

    @property
    def functions(self) -> Sequence[str]: ...

    def call(self, task: Task, arguments: Arguments) -> Answer: ...


@dataclass(frozen=True)
class Output:
    """One array that came back, against the right one: `status` is "right", "nearly" or "wrong"."""

    name: str
    status: str
    difference: float  # the largest, over all trials, relative to the largest right number
    wrong: int = 0
    total: int = 0
    got: tuple[int, ...] = ()  # shapes, in the first trial
    expected: tuple[int, ...] = ()
    dtype: str = ""
    worst: tuple[tuple[int, ...], float, float] | None = None  # index, theirs, ours
    cosine: float | None = None


@dataclass(frozen=True)
class Note:
    """Something to know that costs nothing."""

    code: str
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Judged:
    """What is to be said of one function. `status`: "right", "wrong", or "unjudged" where there was no answer."""

    task: Task
    status: str
    outputs: tuple[Output, ...] = ()
    explanations: tuple[Explanation, ...] = ()
    notes: tuple[Note, ...] = ()
    failure: Failure | None = None
    consistent: bool | None = None  # a backward: the derivative of the student's own forward? None: not known
    forward_right: bool | None = None
    trials: int = 0


@dataclass(frozen=True, eq=False)
class Case:
    """A function that has its verdict, and the trials that reasons are looked for in."""

    judged: Judged
    trials: Sequence[Trial] = ()

    @property
    def wrong(self) -> list[str]:
        return [output.name for output in self.judged.outputs if output.status == "wrong"]


def judge(exercise: Exercise, student: Student, seed: int = 0) -> list[Judged]:
    """All functions of an exercise that the student has: right or wrong, and why. Raises nothing for what they do.

    Inputs are drawn with `seed`, the same for everybody.
    """
    cases = verdicts(exercise, student, seed)
    return reasons(cases, {case: explained(case) for case in cases if case.wrong}, student)


def verdicts(exercise: Exercise, student: Student, seed: int = 0) -> list[Case]:
    """The first part: right or wrong."""
    cases: list[Case] = []
    for task in exercise.tasks:
        if task.name in student.functions:
            cases.append(_verdict(task, student, seed, cases[0].judged if cases else None))
    return cases


def explained(case: Case) -> dict[str, Explanation]:
    """The second part, the longest: what the numbers say. Nobody is asked, so another process may do it."""
    judged = case.judged
    before = judged.explanations
    return {} if before else explain(judged.task, case.wrong, case.trials, bool(judged.forward_right))


def reasons(cases: Sequence[Case], found: Mapping[Case, Mapping[str, Explanation]], student: Student) -> list[Judged]:
    """The third part: what has been found, and what the student's functions say when they are asked."""
    judged: list[Judged] = []
    for case in cases:
        forward = judged[0] if judged else None
        judged.append(_reasoned(case, found[case], student, forward) if case.wrong else case.judged)
    return judged


def _verdict(task: Task, student: Student, seed: int, forward: Judged | None) -> Case:
    draws = drawn(task, seed)
    answers = []
    for draw in (*draws, draws[0]):  # the first once more: does it remember something?
        answers.append(student.call(task, draw.arguments))
        if failure := answers[-1].failure:  # one is enough: each may cost seconds
            return Case(Judged(task, "unjudged", failure=failure))
    *trials, again = (replace(draw, given=dict(answer.arrays)) for draw, answer in zip((*draws, draws[0]), answers))
    outputs = tuple(_compare(name, trials) for name in task.returns)
    notes = tuple(_notes(trials[0], again, answers[:-1]))
    if not any(output.status == "wrong" for output in outputs):
        later = tuple(_compare(name, [again]) for name in task.returns)
        if fickle := tuple(output.name for output in later if output.status == "wrong"):
            random = (Explanation("RANDOM", fickle, 0),)
            return Case(Judged(task, "wrong", later, random, notes, trials=1), [again])
        notes += (*_at_kinks(task, student), *_under_stress(task, student))
        return Case(Judged(task, "right", outputs, notes=notes, trials=len(trials)))
    wrong = [output.name for output in outputs if output.status == "wrong"]
    before = tuple(_before_numbers(task, student, trials, wrong))
    forward_right = forward.status == "right" if forward else None
    judged = Judged(task, "wrong", outputs, before, notes, forward_right=forward_right, trials=len(trials))
    return Case(judged, trials)


def _reasoned(case: Case, found: Mapping[str, Explanation], student: Student, forward: Judged | None) -> Judged:
    judged, task, wrong = case.judged, case.judged.task, case.wrong
    explanations = list(judged.explanations) or ask(task, wrong, case.trials, found, _probe(task, student))
    random = [note.code for note in judged.notes if note.code in ("RANDOM", "DREW")]
    if random and all(e.located for e in explanations):
        explanations = [Explanation(random[0], tuple(wrong), 0)]
    own = None
    if task.is_backward and forward and not forward.failure:
        own = _is_own_derivative(task, student, case.trials)
    if own and forward and not judged.forward_right:  # one cause is enough; what the same numbers say may mislead
        said = {e.code for e in forward.explanations if not e.located}
        if said and not said & {e.code for e in explanations}:
            explanations = [Explanation("AS_FORWARD", tuple(wrong), 0)]
    return replace(judged, explanations=tuple(explanations), consistent=own)


@cache
def drawn(task: Task, seed: int) -> list[Trial]:
    """What every student gets, and what is right; of each shape as many as its smallest output wants. What has been
    found out about them is kept, so that it is found out once for a whole class."""
    trials = []
    for shape in range(3):
        rng = np.random.default_rng([seed, shape])
        several = [task.exercise.arguments(rng, shape)]
        smallest = min((max(a.size, 1) for a in task.right(several[0]).values()), default=1)
        several += [task.exercise.arguments(rng, shape) for _ in range(-(-SMALLEST // smallest) - 1)]
        trials += [Trial(a, task.right(a), {}, shape, task.exercise.sizes(shape)) for a in several]
    return trials


# ------------------------------------------------------------------------------------------------------------ comparing
def _compare(name: str, trials: Sequence[Trial]) -> Output:
    """One output in all trials."""
    first, worst, total, wrong, largest = trials[0], None, 0, 0, 0.0
    got, expected = first.given[name].shape, first.right[name].shape
    dtype = str(first.given[name].dtype)
    if any(t.given[name].shape != t.right[name].shape for t in trials):
        return Output(name, "wrong", np.inf, got=got, expected=expected, dtype=dtype)
    for trial in trials:
        given, right = trial.given[name].astype(np.float64), trial.right[name].astype(np.float64)
        if not right.size:
            continue
        scale = max(float(np.abs(right).max()), 1e-300)
        with np.errstate(invalid="ignore"):
            off = np.abs(given - right) / scale
        off = np.where(np.isfinite(off), off, np.inf)
        total, wrong = total + off.size, wrong + int((off > NEARLY).sum())
        index = tuple(map(int, np.unravel_index(int(off.argmax()), off.shape)))
        if worst is None or off[index] > largest:
            largest, worst = float(off[index]), (index, float(given[index]), float(right[index]) + 0.0)
    right_to = SINGLE if _is_single(first.given[name]) else RIGHT
    status = "right" if largest <= right_to else "nearly" if largest <= NEARLY else "wrong"
    cosine = _cosine(first.given[name], first.right[name])
    return Output(name, status, largest, wrong, total, got, expected, dtype, worst, cosine)


def _is_single(array: np.ndarray) -> bool:
    return array.dtype.kind == "f" and array.dtype.itemsize < 8


def _cosine(a: np.ndarray, b: np.ndarray) -> float | None:
    if a.size < 2:  # two numbers have no angle
        return None
    lengths = float(np.linalg.norm(a.astype(float)) * np.linalg.norm(b.astype(float)))
    return float(np.vdot(a.astype(float), b) / lengths) if 0 < lengths < np.inf else None


# -------------------------------------------------------------------------------------------------------------- probing
def _before_numbers(task: Task, student: Student, trials: Sequence[Trial], wrong: Sequence[str]) -> list[Explanation]:
    """Causes that no array shows: a gradient from above that is ignored, values that are not finite."""
    not_finite = [name for name in wrong if not all(np.isfinite(t.given[name]).all() for t in trials)]
    if not_finite:
        name = not_finite[0]
        trial = next(t for t in trials if not np.isfinite(t.given[name]).all())
        index = tuple(map(int, np.argwhere(~np.isfinite(trial.given[name]))[0]))
        return [Explanation("NOT_FINITE", tuple(not_finite), 1, {"name": name, "index": index}, located=True)]
    if not task.is_backward or task.exercise.is_loss:
        return []
    first = trials[0]
    again = student.call(task, {**first.arguments, **{d: 2 * first.arguments[d] + 1 for d in task.exercise.douts}})
    same = [n for n in wrong if not again.failure and np.array_equal(again.arrays[n], first.given[n])]
    unmoved = [n for n in same if first.given[n].any()]
    return [Explanation("DOUT_IGNORED", tuple(unmoved), 0)] if unmoved and set(unmoved) == set(wrong) else []


def _probe(task: Task, student: Student) -> Callable[[Arguments], Arrays | None]:
    """The student's function, for detectors that want to ask it more."""

    def probe(arguments: Arguments) -> Arrays | None:
        answer = student.call(task, arguments)
        return None if answer.failure else dict(answer.arrays)

    return probe


def _is_own_derivative(task: Task, student: Student, trials: Sequence[Trial]) -> bool | None:
    """Whether the backward is the derivative of the student's own forward: in three random directions, by differences
    that know their error.  Eq. 34.10 (derivations/34-numerical-differentiation.md#eq-34-10)"""
    forward, trial = task.exercise.tasks[0], trials[0]
    rng = np.random.default_rng(0)
    inputs = {name: value for name, value in trial.arguments.items() if name not in task.exercise.douts}
    shapes = {name: array.shape for name, array in forward.right(trial.arguments).items()}
    for _ in range(DIRECTIONS):
        along = {name.removeprefix("d"): rng.standard_normal(np.shape(g)) for name, g in trial.given.items()}
        if any(name not in inputs or np.shape(inputs[name]) != v.shape for name, v in along.items()):
            return None
        failed: list[bool] = []

        def line(t: float, along: Mapping[str, Any] = along, failed: list[bool] = failed) -> float:
            moved = {name: inputs[name] + t * v for name, v in along.items()}
            answer = student.call(forward, {**inputs, **moved})
            if answer.failure or {name: array.shape for name, array in answer.arrays.items()} != shapes:
                failed.append(True)
                return 0.0
            return float(task.exercise.paired(answer.arrays, trial.arguments))

        found = slope(line)
        if failed:
            return None
        if not found.agrees(sum(float(np.sum(trial.given[f"d{name}"] * v)) for name, v in along.items())):
            return False
    return True


def _notes(trial: Trial, again: Trial, answers: Sequence[Answer]) -> Iterator[Note]:
    """Things that cost nothing, and cost others dearly: arguments written to, another answer to the same question, own
    random numbers, other dtypes."""
    first = answers[0]
    if changed := sorted({name for a in answers for name in a.changed}):
        yield Note("CHANGED", {"arguments": ", ".join(changed)})
    for output, argument in first.shared[:1]:
        yield Note("SHARED", {"output": output, "argument": argument})
    if not all(_same(again.given[name], array) for name, array in trial.given.items()):
        yield Note("RANDOM")
    elif first.drew:
        yield Note("DREW")
    for name, array in first.arrays.items():
        if array.dtype.kind in "iub" and trial.right[name].dtype.kind == "f":
            yield Note("INTEGERS", {"output": name, "dtype": str(array.dtype)})
        elif _is_single(array):
            yield Note("SINGLE", {"output": name, "dtype": str(array.dtype)})


def _same(a: np.ndarray, b: np.ndarray) -> bool:
    return np.array_equal(a, b, equal_nan=a.dtype.kind == b.dtype.kind == "f")


def _at_kinks(task: Task, student: Student) -> Iterator[Note]:
    """Where the derivative is a convention: told, not judged."""
    if task.exercise.kinks is not None:
        answer, right = _elsewhere(task, student, task.exercise.kinks)
        if off := _differing(answer, right):
            outputs = {"outputs": ", ".join(off)}
            if answer.failure or not all(np.isfinite(answer.arrays[name]).all() for name in off):
                yield Note("NO_KINK", outputs)
            elif not task.is_backward:  # a value is no convention
                yield Note("KINK_VALUE", outputs)
            else:
                yield Note("KINK", outputs) if _is_between_slopes(task, student) else Note("NO_SLOPE", outputs)


def _is_between_slopes(task: Task, student: Student) -> bool:
    """Whether a gradient at kinks lies between the slopes on both sides: when all inputs rise together, and in random
    directions. With positive gradients from above a sum of kinks that bend one way bends that way."""
    assert task.exercise.kinks is not None
    rng = np.random.default_rng(0)
    inputs = task.exercise.with_douts(rng, task.exercise.kinks(rng, task.exercise.sizes(0)))
    inputs |= {dout: np.abs(inputs[dout]) for dout in task.exercise.douts}
    answer = student.call(task, inputs)
    if answer.failure:
        return True
    below = {name: value for name, value in inputs.items() if name not in task.exercise.douts}
    for rise in (1.0, *[0.0] * DIRECTIONS):
        along = {name.removeprefix("d"): rise or rng.standard_normal(g.shape) for name, g in answer.arrays.items()}

        def line(t: float, along: Mapping[str, Any] = along) -> float:
            moved = {name: below[name] + t * v for name, v in along.items()}
            return float(task.exercise.paired(named(task.exercise.forward(**{**below, **moved})), inputs))

        parts = {name: answer.arrays[f"d{name}"] * v for name, v in along.items()}
        size, single = sum(float(np.abs(p).sum()) for p in parts.values()), any(map(_is_single, answer.arrays.values()))
        found = slope(line)
        found = found._replace(error=found.error + single * SINGLE * size)
        if not found.agrees(sum(float(np.sum(p)) for p in parts.values())):
            return False
    return True


def _under_stress(task: Task, student: Student) -> Iterator[Note]:
    """Where a naive form overflows, or one that was clipped lies flat: told, not judged."""
    if task.exercise.stress is not None:
        answer, right = _elsewhere(task, student, task.exercise.stress)
        finite = all(np.isfinite(a).all() for a in answer.arrays.values())
        if not answer.failure and (off := _differing(answer, right)):
            yield Note("STRESS" if finite else "OVERFLOW", {"outputs": ", ".join(off)})


def _elsewhere(task: Task, student: Student, make: Callable[..., Arguments]) -> tuple[Answer, Arrays]:
    """The student's answer at other inputs, and the right one."""
    inputs = make(np.random.default_rng(0), task.exercise.sizes(0))
    inputs = task.exercise.with_douts(np.random.default_rng(1), inputs)
    return student.call(task, inputs), task.right(inputs)


def _differing(answer: Answer, right: Arrays) -> list[str]:
    return [n for n in right if answer.failure or not alike(answer.arrays[n], right[n], NEARLY)]
