"""A class of seven: right, wrong in two ways, without an end, without a colon, with nothing, with a notebook."""

import csv
import json
import os
import re

import pytest

from scratchgen.__main__ import main
from scratchgen.checker import check_file
from scratchgen.checker.exercises import EXERCISES
from scratchgen.checker.grading import Assignment, grade, submissions

RIGHT = """
import numpy as np
def linear_forward(x, weight, bias):
    return x @ weight.T + bias
def linear_backward(dout, x, weight, bias):
    return dout @ weight, dout.T @ x, dout.sum(0)
def relu_forward(x):
    return x * (x > 0)
def relu_backward(dout, x):
    return dout * (x > 0)
"""
WRONG = RIGHT.replace("dout.T @ x,", "dout.T @ x / len(x),").replace("return dout * (x > 0)", "return dout")
ALSO = RIGHT.replace("dout.T @ x, dout.sum(0)", "dout.T @ x / len(x), dout.mean(0)")
LOOP = RIGHT.replace("return dout * (x > 0)", "while True: pass")
NOTEBOOK = {
    "cells": [
        {"cell_type": "markdown", "source": "# Homework"},
        {"cell_type": "code", "source": ["%matplotlib inline\n", "import numpy as np\n", "1 / 0"]},
        {"cell_type": "code", "source": RIGHT.splitlines(keepends=True)},
    ]
}
TOML = """
title = "Homework <1>"
ratio_credit = 0.5
[points]
linear = 10
relu = 2
"""


def small_class(folder, **students):
    (folder / "all").mkdir()
    for name, source in students.items():
        (folder / "all" / f"{name}.py").write_text(source)
    return folder / "all", Assignment({"linear": 10}), folder / "report"


def test_one_students_mistakes_cost_nobody_else_their_grade(tmp_path):
    """A forward of another shape, and a backward that is wrong as well; then a mistake of ours."""
    turned = RIGHT.replace("x @ weight.T + bias", "(x @ weight.T + bias).T").replace("dout.T @ x,", "dout.T @ x / 3.3,")
    everybody = grade(*small_class(tmp_path, ada=RIGHT, bob=turned, zoe=RIGHT))
    status = {graded.student: [judged.status for judged in graded.report.judged] for graded in everybody}
    assert status == {"ada": ["right", "right"], "bob": ["wrong", "wrong"], "zoe": ["right", "right"]}


def test_what_has_no_explanation_counts_beside_what_has_one(tmp_path):
    half = RIGHT.replace("dout @ weight, dout.T @ x,", "dout @ weight + np.sin(9 * x) ** 3, dout.T @ x / len(x),")
    grade(*small_class(tmp_path, bob=half))
    told = (tmp_path / "report" / "misconceptions.html").read_text(encoding="utf-8")
    assert re.findall(r"<code>(.*?)</code>", told) == ["?", "FACTOR"]


def test_a_mistake_of_ours_is_told_and_costs_one_report(tmp_path, monkeypatch):
    def check(path, **options):
        if path.stem == "bob":
            raise IndexError("list index out of range")
        return check_file(path, **options)

    monkeypatch.setattr("scratchgen.checker.grading.check_file", check)
    with pytest.warns(UserWarning, match="bob.py: IndexError"):
        everybody = grade(*small_class(tmp_path, ada=RIGHT, bob=RIGHT))
    assert [graded.report.score() for graded in everybody] == [10, 0]
    assert "the checker itself stopped: IndexError" in (tmp_path / "report" / "bob.html").read_text(encoding="utf-8")
    assert len((tmp_path / "report" / "grades.csv").read_text().splitlines()) == 1 + 4


def test_odd_names(tmp_path):
    """Unpacked from another encoding, in capitals, as the page about all is called."""
    folder, assignment, _ = small_class(tmp_path, misconceptions=RIGHT)
    (folder / "BOB.PY").write_text(RIGHT)
    with open(os.fsencode(folder) + b"/" + "김".encode("cp949") + b".py", "w") as file:
        file.write(RIGHT)
    everybody = grade(folder, assignment, folder / "report")
    assert {graded.student for graded in everybody} == {"BOB", "misconceptions", "\\xb1\\xe8"}
    assert all(graded.report.ok for graded in everybody)
    again = grade(folder, assignment, folder / "report")  # the reports are nobody's submission
    assert [graded.student for graded in again] == [graded.student for graded in everybody]
    assert "<table" in (folder / "report" / "misconceptions.html").read_text(encoding="utf-8")
    assert (folder / "report" / "misconceptions-.json").exists()


@pytest.fixture(scope="module")
def assigned(tmp_path_factory):
    folder = tmp_path_factory.mktemp("class")
    for student, source in {
        "ada": RIGHT,
        "bob": WRONG,
        "cleo": ALSO,
        "dora": LOOP,
        "emil": RIGHT + "def f(x)\n",
    }.items():
        (folder / "submissions" / student).mkdir(parents=True)
        (folder / "submissions" / student / "hw.py").write_text(source)
    (folder / "submissions" / "fred").mkdir()
    (folder / "submissions" / "ada" / "__pycache__").mkdir()
    (folder / "submissions" / "ada" / "__pycache__" / "hw.py").write_text("1 / 0")
    (folder / "submissions" / "grace.ipynb").write_text(json.dumps(NOTEBOOK))
    (folder / "submissions" / "notes.txt").write_text("not a submission")
    (folder / "hw.toml").write_text(TOML)
    return folder


def graded(folder, name, *options):
    """The files that the command writes, by name."""
    out = folder / name
    arguments = [str(folder / "submissions"), "--assignment", str(folder / "hw.toml"), "--out", str(out), *options]
    assert main(["grade", *arguments]) == 0
    return {path.name: path.read_bytes() for path in sorted(out.iterdir())}


@pytest.fixture(scope="module")
def files(assigned):
    return graded(assigned, "one")


@pytest.fixture(scope="module")
def rows(files):
    return list(csv.DictReader(files["grades.csv"].decode().splitlines()))


STUDENTS = ["ada", "bob", "cleo", "dora", "emil", "fred", "grace"]


def test_every_student_has_a_page_and_json(files):
    pages = {f"{student}.{kind}" for student in STUDENTS for kind in ("html", "json")}
    assert set(files) == pages | {"grades.csv", "misconceptions.html"}
    for student in STUDENTS:
        assert f"<h1>Homework &lt;1&gt;: {student}</h1>" in files[f"{student}.html"].decode()
        assert json.loads(files[f"{student}.json"])["schema"] == "scratchgen.checker/1"


def test_every_student_has_a_line_for_every_function(rows):
    functions = ["linear_forward", "linear_backward", "relu_forward", "relu_backward"]
    assert [(row["student"], row["function"]) for row in rows] == [(s, f) for s in STUDENTS for f in functions]
    assert [float(row["max_points"]) for row in rows] == [3, 7, 0.6, 1.4] * 7


def test_grades(rows):
    points = {student: [float(row["points"]) for row in rows if row["student"] == student] for student in STUDENTS}
    assert points == {
        "ada": [3, 7, 0.6, 1.4],
        "bob": [3, round(7 * 2.5 / 3, 5), 0.6, 0],
        "cleo": [3, round(7 * 2 / 3, 5), 0.6, 1.4],
        "dora": [3, 7, 0.6, 0],
        "emil": [0, 0, 0, 0],
        "fred": [0, 0, 0, 0],
        "grace": [3, 7, 0.6, 1.4],
    }
    why = {(row["student"], row["function"]): (row["status"], row["why"]) for row in rows}
    assert why["ada", "linear_backward"] == ("right", "")
    assert why["bob", "linear_backward"] == ("wrong", "FACTOR")
    assert why["dora", "relu_backward"] == ("unjudged", "timeout")
    assert why["emil", "relu_backward"] == ("unjudged", "exception")
    assert why["fred", "relu_backward"] == ("unjudged", "missing")


def test_a_page_tells_what_happened(files):
    assert "dweight is exactly 1/N times" in files["bob.html"].decode()
    assert "took too long" in files["dora.html"].decode()
    assert "SyntaxError" in files["emil.html"].decode()
    assert "there is no .py and no .ipynb" in files["fred.html"].decode()
    assert "FIX" not in files["bob.html"].decode()  # hints = "why", where nothing is said


def test_misconceptions_are_counted_over_the_class(files):
    text = files["misconceptions.html"].decode()
    rows = [re.findall("<td>(.*?)</td>", row) for row in re.findall("<tr>(.*?)</tr>", text)]
    counts = {(name, re.sub("<.*?>", "", code)): count for name, count, code, _ in filter(None, rows)}
    assert counts["linear_backward", "FACTOR"] == "2 / 7"
    assert counts["relu_backward", "timeout"] == "1 / 7"
    assert counts["relu_forward", "exception"] == "1 / 7"
    assert counts["relu_forward", "missing"] == "1 / 7"
    assert sum(name == "relu_backward" for name, _ in counts) == 4
    sentences = next(row[3] for row in rows if row and "FACTOR" in row[2]).split("<br>")
    assert len(sentences) == 2
    assert all(sentence.startswith("1 × ") for sentence in sentences)


def test_the_same_to_the_byte_with_two_at_a_time(assigned, files):
    assert graded(assigned, "two", "--jobs", "2") == files


def test_a_secret_seed_gives_other_inputs_and_is_not_told(assigned, files):
    secret = graded(assigned, "secret", "--secret-seed", "271828", "--jobs", "2")
    assert secret["grades.csv"] == files["grades.csv"]
    worst = [json.loads(f["bob.json"])["functions"][1]["grads"]["dweight"]["worst"] for f in (files, secret)]
    assert worst[0] != worst[1]
    for content in secret.values():
        assert b"271828" not in content


def test_a_copy_of_a_file_brings_nothing(tmp_path):
    folder = tmp_path / "submissions" / "ada"
    folder.mkdir(parents=True)
    (folder / "a_draft.py").write_text("def relu_forward(x)\n")
    (folder / "b.py").write_text(RIGHT)
    (folder / "c.py").write_text(RIGHT)
    (folder / ".ipynb_checkpoints").mkdir()
    (folder / ".ipynb_checkpoints" / "b.ipynb").write_text("{}")
    assert len(submissions(tmp_path / "submissions")["ada"]) == 3
    [ada] = grade(tmp_path / "submissions", Assignment({"relu": 2}), tmp_path / "out")
    assert ada.report.ok
    assert ada.report.score() == ada.report.max_score() == 2


@pytest.mark.parametrize(
    ("toml", "words"),
    [
        ("[points", "not a TOML file"),
        ("", "[points]"),
        ("points = 3", "[points]"),
        ("[points]", "[points]"),
        ("[points]\nlinaer = 1", "no exercise 'linaer'; there are linear"),
        ("[points]\nlinear = -1", "the points of linear are -1"),
        ("[points]\nlinear = true", "the points of linear are True"),
        ("[points]\nlinear = nan", "the points of linear are nan"),
        ("[points]\nlinear = inf", "the points of linear are inf"),
        ('[points]\nlinear = "2"', "the points of linear are '2'"),
        ("jobs = 2\n[points]\nlinear = 1", "unknown keys jobs; there are points, title"),
        ('hints = "all"\n[points]\nlinear = 1', "hints is 'all'; there are verdict, where"),
        ("hints = 3\n[points]\nlinear = 1", "hints is 3"),
        ('language = "de"\n[points]\nlinear = 1', "language is 'de'; there are en, ko"),
        ("title = 1\n[points]\nlinear = 1", "title is 1"),
        ("seed = 0.5\n[points]\nlinear = 1", "seed is 0.5"),
        ("seed = -1\n[points]\nlinear = 1", "seed is -1"),
        ("ratio_credit = 2\n[points]\nlinear = 1", "ratio_credit is 2"),
    ],
)
def test_an_assignment_that_is_none_is_told(toml, words, tmp_path, capsys):
    path = tmp_path / "hw.toml"
    path.write_text(toml)
    assert main(["grade", str(tmp_path), "--assignment", str(path), "--out", str(tmp_path / "out")]) == 2
    err = capsys.readouterr().err
    assert words in err
    assert str(path) in err
    assert not (tmp_path / "out").exists()


def test_nothing_to_grade(tmp_path, capsys):
    (tmp_path / "hw.toml").write_text("[points]\nlinear = 1")
    for folder in ("nowhere", "empty"):
        (tmp_path / "empty").mkdir(exist_ok=True)
        arguments = [str(tmp_path / folder), "--assignment", str(tmp_path / "hw.toml"), "--out", str(tmp_path / "out")]
        assert main(["grade", *arguments]) == 2
        assert "no .py or .ipynb" in capsys.readouterr().err
    arguments = [str(tmp_path), "--assignment", str(tmp_path / "none.toml"), "--out", str(tmp_path / "out")]
    assert main(["grade", *arguments]) == 2
    assert "none.toml" in capsys.readouterr().err


def test_all_of_an_assignment_is_read(tmp_path):
    path = tmp_path / "hw.toml"
    path.write_text(
        'title = "숙제"\nhints = "fix"\nlanguage = "ko"\nseed = 7\nratio_credit = 1\n[points]\ntanh = 1.5\n',
        encoding="utf-8",
    )
    assert Assignment.of_file(path) == Assignment({"tanh": 1.5}, "숙제", "fix", "ko", 7, 1)
    assert "tanh" in EXERCISES
