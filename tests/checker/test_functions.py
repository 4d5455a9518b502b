"""Functions that have no file: in a notebook, in a test; of arrays, of Tensors, and primitives."""

import builtins
import os
import signal
import subprocess
import sys
import textwrap
import time
import types
import warnings
from pathlib import Path

import numpy as np
import pytest

import scratchgen as sg
import scratchgen.functional as F
from scratchgen.checker import WrongAnswer, assert_correct, check, check_custom, check_file, grade_cell, sandbox
from scratchgen.checker.exercises import TASKS


def linear_forward(x, weight, bias):
    return x @ weight.T + bias, (x, weight)


def linear_backward(dout, cache):
    x, weight = cache
    return dout @ weight, dout.T @ x, dout.sum(0)


def averaged(dout, x, weight, bias):
    return dout @ weight, dout.T @ x / len(x), dout.sum(0)


BOTH = {"linear_forward": linear_forward, "linear_backward": linear_backward}


# ---------------------------------------------------------------------------------------------------------- of arrays
def test_a_function_by_its_own_name_or_another():
    assert check(linear_forward).ok
    assert check(BOTH).ok
    report = check(averaged, "linear_backward")
    assert not report.ok
    assert report.exit_status == 1
    assert [e.code for e in report.judged[0].explanations] == ["FACTOR"]


def test_a_name_that_belongs_to_no_exercise():
    with pytest.raises(ValueError, match="no exercise asks for 'averaged'; there are linear_forward"):
        check(averaged)
    with pytest.raises(ValueError, match="hints='all'"):
        check(linear_forward, hints="all")
    with pytest.raises(ValueError, match="language='de'"):
        check(linear_forward, language="de")


def test_what_is_no_function_is_told_and_nothing_is_raised():
    report = check(None, "linear_backward")
    assert report.exit_status == 2
    assert "linear_backward is NoneType; expected a function" in str(report)


def test_the_line_of_a_mistake_is_told():
    def relu_forward(x):
        return y  # noqa: F821

    report = check(relu_forward)
    assert report.judged[0].failure.line == relu_forward.__code__.co_firstlineno + 1


def test_a_loop_without_an_end_ends():
    def relu_forward(x):
        while True:
            pass

    began = time.monotonic()
    report = check(relu_forward)
    assert time.monotonic() - began < sandbox.WALL + 2
    assert report.judged[0].failure.kind == "timeout"


def test_a_notebook_shows_the_report():
    html = check(averaged, "linear_backward")._repr_html_()
    assert html.startswith("<pre")
    assert "dweight is exactly 1/N" in html


# ---------------------------------------------------------------------------------------------------------- in a test
def test_assert_correct_raises_the_whole_report():
    assert_correct(linear_forward)
    assert_correct(BOTH)
    with pytest.raises(WrongAnswer, match="dweight is exactly 1/N"):
        assert_correct(averaged, "linear_backward")
    assert issubclass(WrongAnswer, AssertionError)
    with pytest.raises(WrongAnswer, match="NoneType; expected a function"):
        assert_correct(None, "linear_backward", grad="dx")


def test_one_gradient_at_a_time():
    for grad in ("dx", "dbias"):
        assert_correct(averaged, "linear_backward", grad=grad)
        assert_correct(BOTH, grad=grad)
    with pytest.raises(WrongAnswer, match="dweight is exactly 1/N") as caught:
        assert_correct(averaged, "linear_backward", grad="dweight")
    assert "dbias" not in str(caught.value)
    with pytest.raises(ValueError, match="there are dx, dweight, dbias"):
        assert_correct(averaged, "linear_backward", grad="dW")


def test_no_tags_get_into_a_page():
    def relu_forward(x):
        raise ValueError("<script>")

    with pytest.raises(WrongAnswer, match="‹script›"):
        assert_correct(relu_forward)


@pytest.mark.parametrize(
    ("function", "points"), [(linear_backward, 0.0), (averaged, 4.16667), (BOTH["linear_forward"], 5.0), (None, 0.0)]
)
def test_grade_cell_gives_a_float_and_writes_nothing_on_stderr(function, points, capfd):
    name = "linear_forward" if function is linear_forward else "linear_backward"
    result = grade_cell(function, name, points=5)
    out, err = capfd.readouterr()
    assert type(result) is float
    assert result == points
    assert err == ""
    assert name in out


def test_grade_cell_takes_both():
    assert grade_cell(BOTH, points=2) == 2.0
    assert grade_cell({**BOTH, "linear_backward": averaged}, points=10) == round(3 + 7 * 2.5 / 3, 5)


def test_a_noisy_function_is_silent():
    """With all the warnings that Python can give, in a process that is started for it."""
    code = """
    import warnings, threading, sys
    import numpy as np
    warnings.simplefilter("always")
    threading.Thread(target=threading.Event().wait, daemon=True).start()
    from scratchgen.checker import grade_cell
    def relu_forward(x):
        warnings.warn("here")
        print("there")
        print("where", file=sys.stderr)
        np.ones(2) / np.zeros(2)
        return np.array([np.inf, 1.0])
    assert grade_cell(relu_forward, points=1) == 0.0
    """
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], env=environment, capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("✗ relu_forward")


# --------------------------------------------------------------------------------------------------------- of Tensors
OF_TENSORS = {
    "linear": lambda x, weight, bias: x @ weight.T + bias,
    "relu": F.relu,
    "tanh": lambda x: (F.exp(2 * x) - 1) / (F.exp(2 * x) + 1),
    "mse": lambda prediction, target: ((prediction - target) ** 2).mean(),
    "gaussian_kl": lambda mean, log_variance: (
        0.5 * (mean**2 + F.exp(log_variance) - 1 - log_variance).sum(axis=1).mean()
    ),
}


@pytest.mark.parametrize("name", OF_TENSORS)
def test_a_function_of_tensors_is_judged_with_the_derivative_that_is_found(name):
    report = check(OF_TENSORS[name], name)
    assert report.ok, str(report)
    assert [j.task.name for j in report.judged] == [f"{name}_forward", f"{name}_backward"]


def test_a_wrong_function_of_tensors_is_one_misreading():
    report = check(lambda mean, log_variance: OF_TENSORS["gaussian_kl"](mean, 2 * log_variance), "gaussian_kl")
    assert [j.status for j in report.judged] == ["wrong", "wrong"]
    assert report.judged[1].consistent is True
    assert "one misreading" in str(report)


def rule(derivative):
    @sg.primitive
    def tanh(x):
        return np.tanh(x)

    tanh.vjp(x=derivative)
    return tanh


def test_a_primitive_is_judged_with_its_rule():
    report = check(rule(lambda g, out: g * (1 - out * out)), "tanh")
    assert report.ok, str(report)
    assert check(rule(lambda g, out: g * (1 - out * out))).ok  # by its own name
    report = check(rule(lambda g, out: g * (1 - out)), "tanh")
    assert [j.status for j in report.judged] == ["right", "wrong"]
    assert report.judged[1].explanations
    assert report.judged[1].consistent is False
    assert_correct(rule(lambda g, out: g * (1 - out * out)), "tanh", grad="dx")


def test_an_input_that_the_result_does_not_depend_on_has_the_gradient_zero():
    report = check(lambda x, weight, bias: x @ weight.T, "linear")
    assert [o.status for o in report.judged[1].outputs] == ["right", "right", "wrong"]
    assert report.judged[1].outputs[2].worst[1] == 0.0


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (lambda x: np.tanh(x), "hand in tanh_forward and tanh_backward for NumPy arrays"),
        (lambda x: sg.tensor(np.tanh(x.numpy())), "nothing leads back to its inputs"),
        (lambda x: x.detach().numpy(), "nothing leads back to its inputs"),
        (lambda x, y: F.tanh(x), "takes 2 arguments"),
    ],
)
def test_a_function_from_which_no_derivative_comes(function, words):
    report = check(function, "tanh")
    assert report.exit_status == 2
    assert words in str(report)


def test_check_custom_comes_along():
    assert check_custom(np.tanh, lambda x: 1 - np.tanh(x) ** 2, np.linspace(-1, 1, 5)).ok


# ------------------------------------------------------------------------------------------------------------ Windows
@pytest.fixture
def windows(monkeypatch):
    """What Windows has not: fork, process groups, limits, most signals, symbolic links without a privilege."""
    for name in ("fork", "killpg", "setsid"):
        monkeypatch.delattr(os, name)
    monkeypatch.setattr(sandbox, "signal", types.SimpleNamespace(Signals=signal.Signals))  # neither SIGXCPU nor SIGKILL
    imported = builtins.__import__

    def without_resource(name, *arguments, **options):
        if name == "resource":
            raise ImportError(name)
        return imported(name, *arguments, **options)

    def refuse(*arguments, **options):
        raise OSError("a required privilege is not held by the client")

    monkeypatch.setattr(builtins, "__import__", without_resource)
    monkeypatch.setattr(Path, "symlink_to", refuse)


def test_without_fork_functions_are_checked_here_and_that_is_said(windows, capfd):
    state = np.random.get_state()[1].copy()
    report = check(BOTH)
    assert report.ok
    assert report.soft
    assert "Checked in this process, without limits" in str(report)
    assert "이 프로세스 안에서" in str(check(linear_forward, language="ko"))
    assert np.array_equal(np.random.get_state()[1], state)
    assert "dweight is exactly 1/N" in str(check(averaged, "linear_backward"))
    assert check(lambda x: F.tanh(x), "tanh").ok

    def relu_forward(x):
        print("hello")
        raise SystemExit

    def tanh_forward(x):
        warnings.warn("here", stacklevel=1)
        return np.tanh(x)

    assert check(tanh_forward).ok
    assert check(relu_forward).judged[0].failure.kind == "exit"
    assert check(relu_forward).printed == "hello\n"
    assert capfd.readouterr() == ("", "")


def test_without_limits_files_still_run_elsewhere_and_end(windows, tmp_path):
    path = tmp_path / "student.py"
    path.write_text(
        "import numpy as np\ndef relu_forward(x):\n    return x * (x > 0)\ndef relu_backward(dout, x):\n"
        "    while True: pass\ndef tanh_forward(x):\n    while True: print('x' * 100000)\n"
        "def sigmoid_forward(x):\n    import os; os._exit(3)\n"
    )
    began = time.monotonic()
    with sandbox.Sandbox.of_file(path, wall=1.0) as running:
        answers = {}
        for name in ("relu_forward", "relu_backward", "tanh_forward", "sigmoid_forward"):
            task = TASKS[name]
            answers[name] = running.call(task, task.exercise.arguments(np.random.default_rng(0), 0))
    assert time.monotonic() - began < 20
    assert answers["relu_forward"].failure is None
    kinds = {name: answer.failure.kind for name, answer in answers.items() if answer.failure}
    assert kinds == {"relu_backward": "timeout", "tanh_forward": "printed", "sigmoid_forward": "exit"}


def test_our_clock_stops_what_prints_without_end(tmp_path, monkeypatch):
    """Where the operating system does not: the file of what is printed is looked at while we wait."""
    monkeypatch.setattr(sandbox.student, "FILES", 1 << 20)  # on this side only
    path = tmp_path / "student.py"
    path.write_text("import time\ndef relu_forward(x):\n    print('x' * (2 << 20), flush=True)\n    time.sleep(60)\n")
    began = time.monotonic()
    report = check_file(path)
    assert time.monotonic() - began < sandbox.WALL - 1
    assert report.judged[0].failure.kind == "printed"
    assert "printed more than 1 MB" in str(report)
