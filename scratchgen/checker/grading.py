"""A class at a time: every submission judged, and what the class has misunderstood.

submissions/ada/hw.py, submissions/grace.ipynb …   →   report/grades.csv, ada.html, ada.json, misconceptions.html

    title = "Homework 2"      # an assignment; all but the points may be left out
    hints = "why"             # verdict < where < why < fix
    language = "en"           # or "ko"
    seed = 0
    ratio_credit = 0.5        # for an array that is right but for a constant factor

    [points]
    linear = 2
    gaussian_kl = 3
"""

from __future__ import annotations

import csv
import html
import io
import math
import os
import tomllib
import warnings
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tqdm import tqdm

from .. import files
from . import check_file, complete
from .exercises import EXERCISES
from .judge import Judged
from .messages import LANGUAGES, say
from .report import HINTS, RATIO_CREDIT, WORDS, Report, unexplained
from .sandbox import Failure

__all__ = ["Assignment", "Graded", "grade", "submissions"]

CLASS = "misconceptions"  # the page about all of them
COLUMNS = ("student", "function", "points", "max_points", "status", "why")


@dataclass(frozen=True)
class Assignment:
    """What is asked for: the points of each exercise; how much is told; the seed of the inputs."""

    points: Mapping[str, float]
    title: str = "Assignment"
    hints: str = "why"
    language: str = "en"
    seed: int = 0
    ratio_credit: float = RATIO_CREDIT

    @classmethod
    def of_file(cls, path: str | os.PathLike[str]) -> Assignment:
        """From a TOML file. Raises `ValueError` naming what is wrong in it."""
        try:
            told = tomllib.loads(Path(path).read_text(encoding="utf-8"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise ValueError(f"{path}: not a TOML file: {error}") from None
        known = cls.__dataclass_fields__
        if unknown := set(told) - set(known):
            raise ValueError(f"{path}: unknown keys {', '.join(sorted(unknown))}; there are {', '.join(known)}")
        points = told.get("points")
        if not isinstance(points, dict) or not points:
            raise ValueError(f"{path}: wants a table [points] with the points of each exercise, such as linear = 2")
        for name, worth in points.items():
            if name not in EXERCISES:
                raise ValueError(f"{path}: no exercise {name!r}; there are {', '.join(EXERCISES)}")
            if not _is_number(worth):
                raise ValueError(f"{path}: the points of {name} are {worth!r}; expected a number, 0 or more")
        assignment = cls(**told)
        for name, values in (("hints", HINTS), ("language", LANGUAGES)):
            if getattr(assignment, name) not in values:
                raise ValueError(f"{path}: {name} is {getattr(assignment, name)!r}; there are {', '.join(values)}")
        if not isinstance(assignment.title, str):
            raise ValueError(f"{path}: title is {assignment.title!r}; expected a text")
        if type(assignment.seed) is not int or assignment.seed < 0:
            raise ValueError(f"{path}: seed is {assignment.seed!r}; expected a whole number, 0 or more")
        if not _is_number(assignment.ratio_credit) or assignment.ratio_credit > 1:
            raise ValueError(f"{path}: ratio_credit is {assignment.ratio_credit!r}; expected a number from 0 to 1")
        return assignment

    def options(self, secret_seed: int | None = None) -> dict[str, Any]:
        """For `check_file`."""
        secret = secret_seed is not None
        told = {name: getattr(self, name) for name in ("points", "hints", "language", "ratio_credit")}
        return {**told, "seed": secret_seed if secret else self.seed, "secret": secret}


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < math.inf


@dataclass(frozen=True)
class Graded:
    """One student: a report with a line for every function that was asked for, handed in or not."""

    student: str
    report: Report

    def rows(self) -> Iterator[tuple[Any, ...]]:
        """The lines of grades.csv."""
        for judged in self.report.judged:
            got, worth = (round(f(judged), 5) for f in (self.report.points_of, self.report.worth))
            why = " ".join(e.code for e in judged.explanations) or (judged.failure.kind if judged.failure else "")
            yield self.student, judged.task.name, got, worth, judged.status, why


def submissions(folder: str | os.PathLike[str], without: str | os.PathLike[str] | None = None) -> dict[str, list[Path]]:
    """The Python files and notebooks of each student: those in a folder of their own, or one that bears their name.

    `without`, a folder among them, is where the reports go. Raises `FileNotFoundError` where there is nothing to grade.
    """
    found: dict[str, list[Path]] = {}
    top = Path(folder)
    for path in sorted(top.iterdir() if top.is_dir() else ()):
        if without is not None and path.resolve() == Path(without).resolve():
            continue
        inside = sorted(path.rglob("*")) if path.is_dir() else [path]
        work = [p for p in inside if p.suffix.lower() in (".py", ".ipynb") and p.is_file() and not _is_hidden(p, top)]
        if work or (path.is_dir() and not _is_hidden(path, top)):
            found.setdefault(_named(path.name if path.is_dir() else path.stem), []).extend(work)
    if not any(found.values()):
        raise FileNotFoundError(f"grade: no .py or .ipynb in {os.fspath(folder)} or in folders in it")
    return found


def _named(name: str) -> str:
    """A file's name as text: of one that is none in this system's encoding, unpacked from another's, the bytes."""
    return os.fsencode(name).decode(errors="backslashreplace")


def _is_hidden(path: Path, folder: Path) -> bool:
    """.ipynb_checkpoints, __pycache__, __MACOSX."""
    return any(part.startswith((".", "__")) for part in path.relative_to(folder).parts)


def grade(
    folder: str | os.PathLike[str],
    assignment: Assignment,
    out: str | os.PathLike[str],
    jobs: int = 1,
    secret_seed: int | None = None,
) -> list[Graded]:
    """Judge all submissions, `jobs` at a time, and write the reports into the folder `out`.

    Deterministic: the same submissions give the same files, to the byte. Where the checker itself fails on one, a
    warning and that student's page say so, and all others have their grades. With `secret_seed` the inputs are others
    than those that students see when they check themselves.
    """
    found, target = submissions(folder, without=out), Path(out)
    target.mkdir(parents=True, exist_ok=True)
    options = assignment.options(secret_seed)

    def checked(path: Path) -> Report:
        try:
            return check_file(path, **options)
        except Exception as error:  # a mistake of ours, which is not to cost a class its grades
            warnings.warn(f"grade: {path}: {type(error).__name__}: {error}", stacklevel=2)
            failure = Failure("malformed", f"the checker itself stopped: {type(error).__name__}: {error}")
            told = {name: options[name] for name in SHARED}
            return complete(Report((), failure=failure, points=dict(assignment.points), **told), assignment.points)

    def one(item: tuple[str, list[Path]]) -> Graded:
        student, paths = item
        graded = Graded(student, _together([checked(path) for path in paths], assignment, options))
        shown = graded.report.html(whole=False)
        file = f"{student}-" if student == CLASS else student  # whose name is that of the page for all
        _write(target / f"{file}.html", page(f"{assignment.title}: {student}", shown, assignment.language))
        _write(target / f"{file}.json", graded.report.json())
        return graded

    with ThreadPoolExecutor(max(1, jobs)) as pool:
        everybody = list(tqdm(pool.map(one, found.items()), "grading", len(found), unit=" students", disable=None))
    _write(target / "grades.csv", table(everybody))
    _write(target / f"{CLASS}.html", misconceptions(everybody, assignment))
    return everybody


def _together(reports: Sequence[Report], assignment: Assignment, options: Mapping[str, Any]) -> Report:
    """One report of several files: each function as the first file has it that can be judged, so that a copy of a file
    brings nothing."""
    if len(reports) == 1:
        return reports[0]
    nothing = Failure("missing", "there is no .py and no .ipynb") if not reports else None
    best: dict[str, Judged] = {}
    for judged in (judged for report in reports for judged in report.judged):
        before = best.get(judged.task.name)
        if before is None or _rank(judged) < _rank(before):
            best[judged.task.name] = judged
    empty = Report((), failure=nothing, points=dict(assignment.points), **{name: options[name] for name in SHARED})
    printed = "".join(report.printed for report in reports)
    misnamed = {theirs: ours for report in reports for theirs, ours in report.misnamed.items()}
    found = replace(empty, judged=tuple(best.values()), printed=printed, misnamed=misnamed)
    return complete(found, assignment.points)


SHARED = ("seed", "hints", "language", "ratio_credit", "secret")


def _rank(judged: Judged) -> tuple[bool, bool]:
    """Judged before failed before missing."""
    return judged.status == "unjudged", judged.failure is not None and judged.failure.kind == "missing"


def table(everybody: Sequence[Graded]) -> str:
    """grades.csv: a line for each student and function."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for graded in everybody:
        writer.writerows(graded.rows())
    return text.getvalue()


def misconceptions(everybody: Sequence[Graded], assignment: Assignment) -> str:
    """What has been misunderstood, and by how many: for each function its causes, the most frequent first."""
    counts: dict[str, Counter[str]] = {}  # function → code → students
    sentences: dict[tuple[str, str], Counter[str]] = {}  # (function, code) → what they were told → students
    for judged in (judged for graded in everybody for judged in graded.report.judged):
        name = judged.task.name
        for code, told in _causes(judged, assignment.language):
            counts.setdefault(name, Counter())[code] += 1
            sentences.setdefault((name, code), Counter()).update(told)
    rows = [
        f"<tr><td>{html.escape(name)}</td><td>{count} / {len(everybody)}</td><td><code>{html.escape(code)}</code></td>"
        f"<td>{'<br>'.join(_counted(sentences[name, code]))}</td></tr>"
        for name, causes in counts.items()
        for code, count in _by_count(causes)
    ]
    head = "<tr><th>function</th><th>students</th><th>cause</th><th></th></tr>"
    body = f"<table cellpadding=6>{head}\n" + "\n".join(rows) + "\n</table>"
    return page(f"{assignment.title}: misconceptions", body, assignment.language)


def _causes(judged: Judged, language: str) -> Iterator[tuple[str, set[str]]]:
    """Each cause once, with the sentences that it was told in; of what nobody can explain, a question mark."""
    told: dict[str, set[str]] = {}
    for e in judged.explanations:
        facts = {"arrays": ", ".join(e.covers), **e.facts}
        told.setdefault(e.code, set()).add(say(e.code, language, facts).why)
    if judged.failure:
        words: dict[Any, Any] = WORDS[language]
        told[judged.failure.kind] = {words["failed"][judged.failure.kind]}
    elif unexplained(judged):
        told["?"] = set()
    yield from told.items()


def _by_count(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))


def _counted(sentences: Mapping[str, int]) -> list[str]:
    return [f"{count} × {html.escape(sentence)}" for sentence, count in _by_count(sentences)]


def page(title: str, body: str, language: str) -> str:
    """An HTML page."""
    name = html.escape(title)
    return (
        f'<!doctype html>\n<html lang="{language}"><head><meta charset="utf-8"><title>{name}</title></head>\n'
        f'<body style="font-family:sans-serif;max-width:70em;margin:2em auto">\n<h1>{name}</h1>\n{body}\n'
        "</body></html>\n"
    )


def _write(path: Path, text: str) -> None:
    with files.whole(path) as draft:
        draft.write_text(text, encoding="utf-8", newline="\n")
