"""Is my backprop right, and if not, why not? A checker (채점기) for functions that students write.

    python -m scratchgen exercises --list            what there is to write
    python -m scratchgen check student.py            judges every function of an exercise in the file
    python -m scratchgen grade submissions/ --assignment hw.toml --out report/

    from scratchgen.checker import check, assert_correct
    check(linear_backward, "linear_backward")        in a notebook
    assert_correct(linear_backward, "linear_backward")   in a test
    check(tanh, "tanh")                              a function of Tensors, or a primitive, with its own derivative
    check_custom(f, df, x)                           a function that is no exercise

How it judges, and why it can say what is wrong, is told in `judge` and `diagnosis`; the exercises in `exercises`; what
a student's code can do, and what it cannot, in `sandbox`.
"""

from __future__ import annotations

import difflib
import os
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from .custom import check_custom
from .exercises import EXERCISES, TASKS
from .judge import Case, Judged, explained, reasons, verdicts
from .messages import LANGUAGES
from .report import HINTS, RATIO_CREDIT, Report
from .sandbox import Failure, Here, Sandbox
from .shared import shared
from .tensors import both

__all__ = ["WrongAnswer", "assert_correct", "check", "check_custom", "check_file", "grade_cell"]


NEAR = 0.85  # of the letters of a name, for it to be a slip
NO_TAGS = str.maketrans("<>", "‹›")  # otter puts the message into a page as it is


class WrongAnswer(AssertionError):
    """A function that is not right, or could not be judged; the message is the whole report."""


def check_file(
    path: str | os.PathLike[str],
    only: str | None = None,
    *,
    seed: int = 0,
    hints: str = "fix",
    language: str = "en",
    points: Mapping[str, float] | None = None,
    ratio_credit: float = RATIO_CREDIT,
    secret: bool = False,
    processes: int = 1,
    so_far: Callable[[Report], None] = lambda report: None,
) -> Report:
    """Judge the functions of a Python file or notebook: all that belong to exercises, or those of the exercise `only`.

    The file runs in a process of its own. With `points`, by exercise, these are asked for, and a function that is not
    there counts as well. `secret` keeps the seed out of the report. `so_far` gets the report as it is after every
    exercise: with the verdicts. Reasons are looked for when all are known, by several `processes`. Raises
    `FileNotFoundError` where there is no file, `ValueError` for an exercise, language or hint level that does not
    exist; for nothing that the file does.
    """
    _known(hints, language, only)
    if not os.path.isfile(path):
        raise FileNotFoundError(f"check: there is no file {os.fspath(path)}")
    asked = [only] if only else list(points or EXERCISES)
    with Sandbox.of_file(path) as sandbox:
        report = Report(
            (), seed, sandbox.failure, "", hints, language, dict(points or {}), ratio_credit=ratio_credit, secret=secret
        )
        report = _judged(replace(report, misnamed=_misnamed(sandbox.functions)), sandbox, asked, so_far, processes)
    if points:
        return complete(report, asked)
    if only and not report.judged and not report.failure:
        names = " or ".join(task.name for task in EXERCISES[only].tasks)
        return replace(report, failure=Failure("missing", f"there is no {names} in this file"))
    return report


def check(
    function: Callable[..., Any] | Mapping[str, Callable[..., Any]],
    name: str | None = None,
    *,
    seed: int = 0,
    hints: str = "fix",
    language: str = "en",
) -> Report:
    """Judge a function, or several by name {"linear_forward": f, …}; `name` is its own where nothing is said.

    The name of an exercise, "tanh", is for a function of Tensors or a `primitive`: it is judged together with the
    derivative that scratchgen finds of it. Runs in a copy of this process, so that a loop without an end ends; on
    Windows, where there are no such copies, in this one, and says so. Raises `ValueError` for a name that belongs to no
    exercise.
    """
    _known(hints, language)
    given = dict(function) if isinstance(function, Mapping) else {name or getattr(function, "__name__", ""): function}
    for wanted in given:
        if wanted not in TASKS and wanted not in EXERCISES:
            raise ValueError(f"check: no exercise asks for {wanted!r}; there are {', '.join(TASKS)}")
    for wanted, f in given.items():
        if not callable(f):  # otter hands in None for what is not defined
            failure = Failure("missing", f"{wanted} is {type(f).__name__}; expected a function")
            return Report((), seed, failure, "", hints, language)
    functions: dict[str, Callable[..., Any]] = {}
    for wanted, f in given.items():
        functions |= {wanted: f} if wanted in TASKS else both(EXERCISES[wanted], f)
    asked = [e.name for e in EXERCISES.values() if any(task.name in functions for task in e.tasks)]
    soft = not hasattr(os, "fork")
    with Here(functions) if soft else Sandbox.of_functions(functions) as sandbox:
        report = Report((), seed, sandbox.failure, "", hints, language, soft=soft)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # one line on stderr, and nbgrader takes a cell's points away
            return _judged(report, sandbox, asked)


def assert_correct(
    function: Callable[..., Any] | Mapping[str, Callable[..., Any]],
    name: str | None = None,
    *,
    grad: str | None = None,
    **options: Any,
) -> None:
    """Raise `WrongAnswer`, with the whole report, unless the function is right; with `grad="dweight"`, unless that one
    of what it returns is. For pytest, unittest, otter."""
    report = check(function, name, **options)
    report = report.only(grad) if grad else report
    if not report.ok:
        raise WrongAnswer(f"\n{report}".translate(NO_TAGS))


def grade_cell(
    function: Callable[..., Any] | Mapping[str, Callable[..., Any]],
    name: str | None = None,
    points: float = 1.0,
    **options: Any,
) -> float:
    """Print the report, return the points, between 0 and `points`: as the last line of a cell that nbgrader grades."""
    report = check(function, name, **options)
    print(report)
    got, most = (sum(f(j) for j in report.judged) for f in (report.points_of, report.worth))
    return float(min(max(round(points * got / most, 5), 0.0), points)) if most else 0.0


def complete(report: Report, asked: Iterable[str]) -> Report:
    """With a line for every function that the exercises ask for, one that was not handed in as well."""
    found = {judged.task.name: judged for judged in report.judged}
    tasks = [task for name in asked for task in EXERCISES[name].tasks]
    none = {task.name: report.failure or Failure("missing", f"there is no function {task.name}") for task in tasks}
    judged = tuple(found.get(task.name) or Judged(task, "unjudged", failure=none[task.name]) for task in tasks)
    return replace(report, judged=judged)


def _judged(
    report: Report,
    sandbox: Sandbox | Here,
    exercises: Iterable[str],
    so_far: Callable[[Report], None] = lambda report: None,
    processes: int = 1,
) -> Report:
    """First all verdicts, then all reasons."""
    cases: list[list[Case]] = []
    with np.errstate(all="ignore"):  # of what a student returned
        for name in exercises if not sandbox.failure else ():
            cases.append(verdicts(EXERCISES[name], sandbox, report.seed))
            report = replace(report, judged=(*report.judged, *(case.judged for case in cases[-1])))
            so_far(replace(report, printed=_printed(sandbox)))
        wrong = [case for several in cases for case in several if case.wrong]
        wrong.sort(key=lambda case: -len(case.judged.task.parameters))  # what takes longest must not be begun last
        found = dict(zip(wrong, shared([partial(explained, case) for case in wrong], processes)))
        judged = tuple(j for several in cases for j in reasons(several, found, sandbox))
    return replace(report, judged=judged, printed=_printed(sandbox))


def _printed(sandbox: Sandbox | Here) -> str:
    return sandbox.all_printed().decode(errors="replace")


def _misnamed(functions: Sequence[str]) -> dict[str, str]:
    """Those that are nearly the name of an exercise's function that is not there, and that name."""
    missing = [name for name in TASKS if name not in functions]
    near = {f: difflib.get_close_matches(f, missing, 1, NEAR) for f in functions if f.isidentifier() and f not in TASKS}
    return {theirs: found[0] for theirs, found in near.items() if found}


def _known(hints: str, language: str, only: str | None = None) -> None:
    for name, value, values in (("hints", hints, HINTS), ("language", language, LANGUAGES)):
        if value not in values:
            raise ValueError(f"check: {name}={value!r}; there are {', '.join(values)}")
    if only is not None and only not in EXERCISES:
        raise ValueError(f"check: no exercise {only!r}; there are {', '.join(EXERCISES)}")
