"""A class at a time: every submission judged, and what the class has misunderstood.

submissions/ada/hw.py, submissions/grace/hw.ipynb …   →   report/grades.csv, ada.html, ada.json, misconceptions.html
"""

from __future__ import annotations

import csv
import html
import io
import os
import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tqdm import tqdm

from .. import files
from . import check_file
from .exercises import EXERCISES
from .messages import LANGUAGES, say
from .report import HINTS, Report

__all__ = ["Assignment", "grade", "submissions"]

COLUMNS = ("student", "function", "points", "max_points", "status", "why")


@dataclass(frozen=True)
class Assignment:
    """What is asked for: the points of each exercise; how much is told; the seed of the inputs."""

    points: Mapping[str, float]
    title: str = "Assignment"
    hints: str = "why"
    language: str = "en"
    seed: int = 0

    @classmethod
    def of_file(cls, path: str | os.PathLike[str]) -> Assignment:
        """From a TOML file: `title`, `hints`, `language`, `seed`, and a table [points] by exercise.

        Raises `ValueError` naming what is wrong in it.
        """
        try:
            told = tomllib.loads(Path(path).read_text(encoding="utf-8"))
        except tomllib.TOMLDecodeError as error:
            raise ValueError(f"{path}: not a TOML file: {error}") from None
        unknown = set(told) - set(cls.__dataclass_fields__)
        if unknown:
            raise ValueError(f"{path}: unknown keys {', '.join(sorted(unknown))}")
        points = told.get("points")
        if not isinstance(points, dict) or not points:
            raise ValueError(f"{path}: wants a table [points] with the points of each exercise, such as linear = 2")
        for name, worth in points.items():
            if name not in EXERCISES:
                raise ValueError(f"{path}: no exercise {name!r}; there are {', '.join(EXERCISES)}")
            if not isinstance(worth, (int, float)) or worth < 0:
                raise ValueError(f"{path}: the points of {name} are {worth!r}; expected a number")
        assignment = cls(**told)
        if assignment.hints not in HINTS or assignment.language not in LANGUAGES:
            raise ValueError(f"{path}: hints is one of {', '.join(HINTS)}, language of {', '.join(LANGUAGES)}")
        return assignment


@dataclass(frozen=True)
class Graded:
    """One student's reports, one for each of their files."""

    student: str
    reports: tuple[Report, ...] = field(default_factory=tuple)

    def rows(self, points: Mapping[str, float]) -> Iterator[tuple[Any, ...]]:
        """The lines of grades.csv; a function that was not handed in has one as well."""
        handed_in = {judged.task.exercise.name for report in self.reports for judged in report.judged}
        for report in self.reports:
            for judged in report.judged:
                worth, got = (round(f(judged), 5) for f in (report.worth, report.points_of))
                why = " ".join(e.code for e in judged.explanations) or (judged.failure.kind if judged.failure else "")
                yield self.student, judged.task.name, got, worth, judged.status, why
        for name, worth in points.items():
            if name not in handed_in:
                failed = next((report.failure.kind for report in self.reports if report.failure), "missing")
                yield self.student, name, 0.0, float(worth), "unjudged", failed


def submissions(folder: str | os.PathLike[str]) -> dict[str, list[Path]]:
    """The Python files and notebooks of each student: those in a folder of their own, or one that bears their name.

    Raises `FileNotFoundError` where there is nothing to grade.
    """
    found: dict[str, list[Path]] = {}
    for path in sorted(Path(folder).iterdir() if Path(folder).is_dir() else ()):
        inside = sorted(path.rglob("*")) if path.is_dir() else [path]
        work = [p for p in inside if p.suffix in (".py", ".ipynb") and p.is_file()]
        if work or path.is_dir():
            found[path.name if path.is_dir() else path.stem] = work
    if not any(found.values()):
        raise FileNotFoundError(f"grade: no .py or .ipynb in {os.fspath(folder)} or in folders in it")
    return found


def grade(
    folder: str | os.PathLike[str],
    assignment: Assignment,
    out: str | os.PathLike[str],
    jobs: int = 1,
    secret_seed: int | None = None,
) -> list[Graded]:
    """Judge all submissions, `jobs` at a time, and write the reports into the folder `out`.

    Deterministic: the same submissions give the same files, to the byte. With `secret_seed` the inputs are others than
    those that students see when they check themselves.
    """
    found, target = submissions(folder), Path(out)
    target.mkdir(parents=True, exist_ok=True)
    seed = assignment.seed if secret_seed is None else secret_seed

    def one(item: tuple[str, list[Path]]) -> Graded:
        student, paths = item
        options = {"seed": seed, "hints": assignment.hints, "language": assignment.language}
        reports = tuple(check_file(path, points=assignment.points, **options) for path in paths)  # type: ignore[arg-type]
        graded = Graded(student, reports)
        pages = "\n".join(report.html(whole=False) for report in reports) or "<p>nothing handed in</p>"
        _write(target / f"{student}.html", page(f"{assignment.title}: {student}", pages, assignment.language))
        _write(target / f"{student}.json", "\n".join(report.json() for report in reports))
        return graded

    with ThreadPoolExecutor(max(1, jobs)) as pool:
        everybody = list(tqdm(pool.map(one, found.items()), "grading", len(found), unit=" students", disable=None))
    _write(target / "grades.csv", table(everybody, assignment.points))
    _write(target / "misconceptions.html", misconceptions(everybody, assignment))
    return everybody


def table(everybody: list[Graded], points: Mapping[str, float]) -> str:
    """grades.csv: a line for each student and function."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for graded in everybody:
        writer.writerows(graded.rows(points))
    return text.getvalue()


def misconceptions(everybody: list[Graded], assignment: Assignment) -> str:
    """What has been misunderstood, and by how many: for each function its causes, the most frequent first."""
    causes: dict[str, Counter[tuple[str, str]]] = {}
    handed_in: Counter[str] = Counter()
    for graded in everybody:
        for judged in (judged for report in graded.reports for judged in report.judged):
            handed_in[judged.task.name] += 1
            told = causes.setdefault(judged.task.name, Counter())
            for e in judged.explanations:
                facts = {"arrays": ", ".join(e.covers), **e.facts}
                told[e.code, say(e.code, assignment.language, facts).why] += 1
            if judged.status == "wrong" and not judged.explanations:
                told["?", "—"] += 1
    rows = [
        f"<tr><td>{html.escape(name)}</td><td>{count} / {handed_in[name]}</td>"
        f"<td><code>{html.escape(code)}</code></td><td>{html.escape(why)}</td></tr>"
        for name, told in causes.items()
        for (code, why), count in told.most_common()
    ]
    head = "<tr><th>function</th><th>students</th><th>cause</th><th></th></tr>"
    body = f"<table cellpadding=6>{head}\n" + "\n".join(rows) + "\n</table>"
    return page(f"{assignment.title}: misconceptions", body, assignment.language)


def page(title: str, body: str, language: str) -> str:
    """An HTML page."""
    name = html.escape(title)
    return (
        f'<!doctype html>\n<html lang="{language}"><head><meta charset="utf-8"><title>{name}</title></head>\n'
        f'<body style="font-family:sans-serif;max-width:70em;margin:2em auto">\n<h1>{name}</h1>\n{body}\n</body></html>\n'
    )


def _write(path: Path, text: str) -> None:
    with files.whole(path) as draft:
        draft.write_text(text, encoding="utf-8", newline="\n")
