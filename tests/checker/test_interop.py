"""The recipes of the README, with the real packages, where these are installed: pip install otter-grader nbgrader."""

import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from scratchgen.checker import check
from scratchgen.checker.grading import Assignment

ROOT = Path(__file__).parents[2]
RIGHT = "def linear_backward(dout, x, weight, bias):\n    return dout @ weight, dout.T @ x, dout.sum(0)\n"
WRONG = RIGHT.replace("dout.T @ x", "(dout.T @ x).mean(0) * weight")
NOISY = "import warnings\n" + RIGHT.replace("    return", "    warnings.warn('here')\n    1 / np.zeros(2)\n    return")


def recipe(word, language="python"):
    """The code in the README that has this word."""
    blocks = re.findall(rf"```{language}\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    [block] = [block for block in blocks if word in block]
    return block


def test_the_report_in_the_readme_is_one():
    scope = {}
    exec(RIGHT.replace("dout.T @ x", "dout.T @ x / len(x)"), scope)
    assert recipe("✗ linear_backward", "text") in str(check(scope["linear_backward"], "linear_backward"))


def test_the_assignment_of_the_readme_is_one(tmp_path):
    (tmp_path / "hw.toml").write_text(recipe("[points]", "toml"), encoding="utf-8")
    assert Assignment.of_file(tmp_path / "hw.toml").points == tomllib.loads(recipe("[points]", "toml"))["points"]


@pytest.mark.skipif(os.name == "nt", reason="a shell script")
def test_gradescope(tmp_path):
    """run_autograder in folders of our own: the script's own are at the root."""
    for folder in ("source", "submission", "results"):
        (tmp_path / folder).mkdir()
    (tmp_path / "source" / "hw.toml").write_text(recipe("[points]", "toml"), encoding="utf-8")
    (tmp_path / "submission" / "hw.py").write_text(RIGHT)
    script = recipe("/autograder/source", "bash")
    script = script.replace("/autograder", str(tmp_path)).replace("python3", sys.executable)
    (tmp_path / "run_autograder").write_text(script)
    done = subprocess.run(
        ["bash", tmp_path / "run_autograder"], env={**os.environ, "PYTHONPATH": str(ROOT)}, timeout=60
    )
    assert done.returncode == 0
    results = json.loads((tmp_path / "results" / "results.json").read_text(encoding="utf-8"))
    assert results["score"] == 1.4
    assert [test["max_score"] for test in results["tests"]] == [0.6, 1.4, 0.9, 2.1]
    assert "271828" not in json.dumps(results)


# ---------------------------------------------------------------------------------------------------------------- otter
@pytest.fixture
def otter(tmp_path, monkeypatch):
    """A notebook's `grader` with the README's test."""
    otter = pytest.importorskip("otter")
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "q1.py").write_text(recipe("OK_FORMAT"), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return otter


@pytest.mark.filterwarnings("ignore")
def test_otter_gives_points_for_each_array(otter):
    grader = otter.Notebook(tests_dir="tests")
    for source, passed in [(RIGHT, [True, True, True]), (WRONG, [True, False, True]), ("", [False, False, False])]:
        scope = {}
        exec(source, scope)
        result = grader.check("q1", global_env=scope)
        assert [case.passed for case in result.test_case_results] == passed
        page = result._repr_html_()
        assert "<script" not in page
    assert "linear_backward is NoneType; expected a function" in page


@pytest.mark.filterwarnings("ignore")
def test_what_otter_shows_has_no_tags_of_a_students(otter):
    scope = {}
    exec("def linear_backward(*args):\n    raise ValueError('<script>alert(1)</script>')\n", scope)
    page = otter.Notebook(tests_dir="tests").check("q1", global_env=scope)._repr_html_()
    assert "alert(1)" in page
    assert "<script" not in page


# ------------------------------------------------------------------------------------------------------------- nbgrader
def notebook(answer):
    """As `nbgrader` wants them: a cell for the answer, and the README's with the points."""
    nbformat = pytest.importorskip("nbformat")
    v4 = nbformat.v4
    common = {"schema_version": 3, "locked": False, "task": False}
    answer = v4.new_code_cell(answer)
    answer.metadata["nbgrader"] = {**common, "grade": False, "solution": True, "grade_id": "answer"}
    tests = v4.new_code_cell(recipe("grade_cell"))
    tests.metadata["nbgrader"] = {**common, "grade": True, "solution": False, "grade_id": "tests", "points": 5}
    tests.metadata["nbgrader"]["locked"] = True
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    return v4.new_notebook(cells=[v4.new_code_cell("import numpy as np"), answer, tests], metadata=kernel)


@pytest.mark.filterwarnings("ignore")
def test_nbgrader_gives_points(tmp_path, monkeypatch):
    """The whole way: assignment, submissions, autograde, gradebook."""
    nbgrader, apps = pytest.importorskip("nbgrader.api"), pytest.importorskip("nbgrader.apps")
    nbformat, traitlets = pytest.importorskip("nbformat"), pytest.importorskip("traitlets.config")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")  # it calls alembic
    for name in ("JUPYTER_RUNTIME_DIR", "JUPYTER_CONFIG_DIR", "IPYTHONDIR"):
        monkeypatch.setenv(name, str(tmp_path / name))
    monkeypatch.chdir(tmp_path)
    answers = {"ada": RIGHT, "bob": WRONG, "cleo": NOISY, "dora": "pass", "emil": RIGHT + "linear_backward = None\n"}
    (tmp_path / "source" / "ps1").mkdir(parents=True)
    solution = f"### BEGIN SOLUTION\n{RIGHT}### END SOLUTION"
    nbformat.write(notebook(solution), tmp_path / "source" / "ps1" / "hw.ipynb")
    for student, answer in answers.items():
        (tmp_path / "submitted" / student / "ps1").mkdir(parents=True)
        nbformat.write(notebook(answer), tmp_path / "submitted" / student / "ps1" / "hw.ipynb")
    config = traitlets.Config()
    config.CourseDirectory.root = str(tmp_path)
    config.Exchange.root = str(tmp_path / "exchange")
    config.CourseDirectory.db_url = f"sqlite:///{tmp_path}/gradebook.db"
    api = apps.NbGraderAPI(config=config)
    assert api.generate_assignment("ps1")["success"]
    scores = {}
    for student in answers:
        outcome = api.autograde("ps1", student)
        assert outcome["success"], outcome
        with nbgrader.Gradebook(config.CourseDirectory.db_url) as book:
            scores[student] = book.find_submission("ps1", student).score
    assert scores == {"ada": 5.0, "bob": 3.33333, "cleo": 5.0, "dora": 0.0, "emil": 0.0}
    graded = nbformat.read(tmp_path / "autograded" / "cleo" / "ps1" / "hw.ipynb", 4)
    assert not [output for output in graded.cells[-1].outputs if output.get("name") == "stderr"]
    shown = "".join(o.text for o in graded.cells[-1].outputs if o.output_type == "stream")
    assert "✓ linear_backward" in shown
