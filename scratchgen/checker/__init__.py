"""Is my backprop right, and if not, why not? A checker (채점기) for functions that students write.

    python -m scratchgen exercises --list            what there is to write
    python -m scratchgen check student.py            judges every function of an exercise in the file

    from scratchgen.checker import check, assert_correct
    check(linear_backward, "linear_backward")        in a notebook
    assert_correct(linear_backward, "linear_backward")   in a test

How it judges, and why it can say what is wrong, is told in `judge` and `diagnosis`; the exercises in `exercises`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from .exercises import EXERCISES, TASKS
from .judge import judge
from .messages import LANGUAGES
from .report import HINTS, Report
from .sandbox import Sandbox

__all__ = ["WrongAnswer", "assert_correct", "check", "check_file", "grade_cell"]


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
    so_far: Callable[[Report], None] = lambda report: None,
) -> Report:
    """Judge the functions of a Python file or notebook: all that belong to exercises, or those of the exercise `only`.

    The file runs in a process of its own. `so_far` gets the report as it is after every exercise. Raises
    `FileNotFoundError` where there is no file, `ValueError` for an exercise, language or hint level that does not
    exist; for nothing that the file does.
    """
    _known(hints, language, only)
    if not os.path.isfile(path):
        raise FileNotFoundError(f"check: there is no file {os.fspath(path)}")
    with Sandbox.of_file(path) as sandbox:
        report = Report((), seed, sandbox.failure, "", hints, language, dict(points or {}))
        return _judged(report, sandbox, [only] if only else points or EXERCISES, so_far)


def check(
    function: Callable[..., Any] | Mapping[str, Callable[..., Any]],
    name: str | None = None,
    *,
    seed: int = 0,
    hints: str = "fix",
    language: str = "en",
) -> Report:
    """Judge a function, or several by name {"linear_forward": f, …}; `name` is its own where nothing is said.

    Runs in a copy of this process, so that a loop without an end ends. Raises `ValueError` for a name that belongs to
    no exercise.
    """
    _known(hints, language)
    functions = dict(function) if isinstance(function, Mapping) else {name or function.__name__: function}
    for wanted in functions:
        if wanted not in TASKS:
            raise ValueError(f"check: no exercise asks for {wanted!r}; there are {', '.join(TASKS)}")
    with Sandbox.of_functions(functions) as sandbox:
        return _judged(Report((), seed, sandbox.failure, "", hints, language), sandbox, EXERCISES)


def assert_correct(function: Callable[..., Any], name: str | None = None, **options: Any) -> None:
    """Raise `WrongAnswer`, with the whole report, unless the function is right. For pytest, unittest, otter."""
    report = check(function, name, **options)
    if not report.ok:
        raise WrongAnswer(f"\n{report}")


def grade_cell(function: Callable[..., Any], name: str | None = None, points: float = 1.0, **options: Any) -> float:
    """Print the report, return the points: as the last line of a cell that nbgrader grades."""
    report = check(function, name, **options)
    print(report)
    return round(points * report.score() / sum(report.worth(j) for j in report.judged), 5)


def _judged(
    report: Report, sandbox: Sandbox, exercises: Iterable[str], so_far: Callable[[Report], None] = lambda report: None
) -> Report:
    for name in exercises if not sandbox.failure else ():
        judged = (*report.judged, *judge(EXERCISES[name], sandbox, report.seed))
        report = replace(report, judged=judged, printed=sandbox.all_printed().decode(errors="replace"))
        so_far(report)
    return report


def _known(hints: str, language: str, only: str | None = None) -> None:
    for name, value, values in (("hints", hints, HINTS), ("language", language, LANGUAGES)):
        if value not in values:
            raise ValueError(f"check: {name}={value!r}; there are {', '.join(values)}")
    if only is not None and only not in EXERCISES:
        raise ValueError(f"check: no exercise {only!r}; there are {', '.join(EXERCISES)}")
