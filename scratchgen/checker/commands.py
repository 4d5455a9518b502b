"""`python -m scratchgen exercises | check | grade`: the checker from a command line."""

from __future__ import annotations

import argparse
import io
import os
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .. import files
from . import check_file
from .exercises import EXERCISES, Exercise, Task
from .grading import Assignment, grade
from .messages import LANGUAGES
from .report import HINTS, Report
from .sandbox import Failure

__all__ = ["add"]

FORMATS: dict[str, Callable[[Report, float], str]] = {
    "text": lambda report, seconds: report.text(colour=sys.stdout.isatty()) + "\n",
    "json": lambda report, seconds: report.json(),
    "html": lambda report, seconds: report.html(),
    "gradescope": lambda report, seconds: report.gradescope(seconds) + "\n",
}
UNFINISHED = Failure("unfinished", "")
PROCESSES = min(os.cpu_count() or 1, 4)  # that look for reasons


def add(commands: Any) -> None:
    """The three commands, each with a function `run` (options) → exit status."""
    exercises = commands.add_parser("exercises", help="functions of the course to write, with their contracts")
    which = exercises.add_mutually_exclusive_group()
    which.add_argument("--list", action="store_true", help="all of them (the default)")
    which.add_argument("--contract", metavar="NAMES", help="what they ask for, for names with commas between them")
    which.add_argument("--skeleton", metavar="NAMES", help="Python to fill in, for names with commas between them")
    exercises.set_defaults(run=_exercises)

    check = commands.add_parser("check", help="judge a student's functions: right or wrong, and why")
    check.add_argument("file", help="a Python file or a notebook")
    check.add_argument("--only", metavar="NAME", help="one exercise (default: all that are in the file)")
    check.add_argument("--assignment", metavar="FILE", help="TOML with the points, as for `grade`: all of it is asked")
    check.add_argument("--hints", choices=HINTS, help="how much is told (default: fix, or the assignment's)")
    check.add_argument("--lang", choices=LANGUAGES, help="English or Korean (default: en, or the assignment's)")
    check.add_argument("--seed", type=_seed, help="of the inputs (default: 0, or the assignment's)")
    check.add_argument("--secret-seed", type=_seed, help="another one, which the report does not tell")
    check.add_argument("--format", choices=FORMATS, default="text")
    check.add_argument("--out", metavar="FILE", type=Path, help="write there: whole and valid at every moment")
    check.set_defaults(run=_check)

    grading = commands.add_parser("grade", help="judge the submissions of a class")
    grading.add_argument("submissions", help="a folder with a file or a folder for each student")
    grading.add_argument("--assignment", required=True, metavar="FILE", help="TOML: title, hints, [points]")
    grading.add_argument("--out", required=True, metavar="FOLDER", help="for grades.csv and the reports")
    grading.add_argument("--jobs", type=int, default=1, help="students at a time")
    grading.add_argument("--secret-seed", type=_seed, help="other inputs than those that students can try")
    grading.set_defaults(run=_grade)


def _check(options: argparse.Namespace) -> int:
    """0: all right; 1: something is wrong; 2: something could not be judged."""
    began, write = time.perf_counter(), FORMATS[options.format]
    _write_utf8()

    def so_far(report: Report) -> None:
        if options.out:
            _write(options.out, write(report, time.perf_counter() - began))

    try:
        assignment = Assignment.of_file(options.assignment) if options.assignment else None
        told = _told(options, assignment)
        if not Path(options.file).is_file():
            raise FileNotFoundError(f"check: there is no file {options.file}")
        so_far(Report((), failure=UNFINISHED, language=told["language"]))
        report = check_file(options.file, options.only, so_far=so_far, processes=PROCESSES, **told)
    except (OSError, ValueError) as error:
        return _refuse(error)
    so_far(report)
    if not options.out:
        sys.stdout.write(write(report, time.perf_counter() - began))
    return report.exit_status


def _told(options: argparse.Namespace, assignment: Assignment | None) -> dict[str, Any]:
    """What an assignment says, and what the command line says instead."""
    told = assignment.options(options.secret_seed) if assignment else {"hints": "fix", "language": "en", "seed": 0}
    said = {"hints": options.hints, "language": options.lang, "seed": options.seed}
    if options.secret_seed is not None:
        said |= {"seed": options.secret_seed, "secret": True}
    return {**told, **{name: value for name, value in said.items() if value is not None}}


def _seed(text: str) -> int:
    """As NumPy wants them."""
    seed = int(text)
    if seed < 0:
        raise ValueError(text)
    return seed


def _grade(options: argparse.Namespace) -> int:
    """0, whatever the students' work is like; 2: there is no assignment, or nothing to grade."""
    try:
        assignment = Assignment.of_file(options.assignment)
        everybody = grade(options.submissions, assignment, options.out, options.jobs, options.secret_seed)
    except (OSError, ValueError) as error:
        return _refuse(error)
    print(f"{len(everybody)} students: {Path(options.out) / 'grades.csv'}, {Path(options.out) / 'misconceptions.html'}")
    return 0


def _exercises(options: argparse.Namespace) -> int:
    _write_utf8()
    asked = (options.skeleton or options.contract or "").replace(",", " ").split()
    unknown = [name for name in asked if name not in EXERCISES]
    if unknown:
        return _refuse(ValueError(f"exercises: no {', '.join(unknown)}; there are {', '.join(EXERCISES)}"))
    if options.skeleton:
        print("import numpy as np\n\n\n" + "\n\n\n".join(skeleton(EXERCISES[name]) for name in asked))
    elif options.contract:
        print("\n\n".join(contract(EXERCISES[name]) for name in asked))
    else:
        for exercise in EXERCISES.values():
            print(f"{exercise.name:32}{', '.join(task.name for task in exercise.tasks)}")
    return 0


def contract(exercise: Exercise) -> str:
    """What is asked for."""
    lines = [exercise.contract, _sources(exercise)]
    return "\n".join([*lines, *(f"{_signature(task)} → {', '.join(task.returns)}" for task in exercise.tasks)])


def skeleton(exercise: Exercise) -> str:
    """Python to fill in."""
    functions = [
        f'def {_signature(task)}:\n    """{_wrapped(_backward(task) if task.is_backward else exercise.contract)}\n\n'
        f'    {_wrapped(_sources(exercise))}\n    """\n'
        f"    raise NotImplementedError  # return {', '.join(task.returns)}"
        for task in exercise.tasks
    ]
    return "\n\n\n".join(functions)


# By the number that its equations begin with; page 12 sets no exercise, but Eq. 12.4 is used by two.
PAGES = {page[:2]: page for page in ("12-elbo.md", *(exercise.page for exercise in EXERCISES.values()))}


def _sources(exercise: Exercise) -> str:
    """The equations of each page that it draws on: "Eq. 15.1, Eq. 15.2 (derivations/15-decoders.md)"."""
    by_page: dict[str, list[str]] = {}
    for number in exercise.equations:
        by_page.setdefault(PAGES[number.partition(".")[0].zfill(2)], []).append(f"Eq. {number}")
    return ", ".join(f"{', '.join(equations)} (derivations/{page})" for page, equations in by_page.items())


def _wrapped(text: str) -> str:
    return textwrap.fill(text, 112, subsequent_indent="    ")


def _signature(task: Task) -> str:
    return f"{task.name}({', '.join(task.parameters)})"


def _backward(task: Task) -> str:
    douts = ", ".join(task.exercise.douts)
    given = f" from {douts}, what comes from above" if douts else " of the loss"
    short = f"({douts}, cache)" if douts else "(cache)"
    return f"The gradients {', '.join(task.returns)}{given}; or take {short}, with what your forward returned last."


def _write_utf8() -> None:
    """Into a pipe or a file too: Windows has other ideas, and the next program could not read them."""
    if isinstance(sys.stdout, io.TextIOWrapper) and sys.stdout.encoding.lower() != "utf-8":
        sys.stdout.reconfigure(encoding="utf-8")


def _write(path: Path, text: str) -> None:
    with files.whole(path) as draft:
        draft.write_text(text, encoding="utf-8", newline="\n")


def _refuse(error: Exception) -> int:
    print(error, file=sys.stderr)
    return 2
