"""What students' files do to a grader, and what each gets: a sentence, in time, and a grader that goes on.

Every row of `HOSTILE` is a file that defines `relu_backward`, and the kind of failure it comes back as, or None where
it can be judged all the same. (design: no student's code runs in this process; the verdict is found here.)
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from scratchgen.checker.exercises import TASKS
from scratchgen.checker.judge import Judged
from scratchgen.checker.report import Report
from scratchgen.checker.sandbox import WALL as PATIENCE
from scratchgen.checker.sandbox import Sandbox
from scratchgen.checker.student import CPU

WALL = 1.5
TASK = TASKS["relu_backward"]


def body(*lines, before=""):
    """A file in which `relu_backward` does this."""
    return "\n".join([before, "def relu_backward(dout, x):", *(f"    {line}" for line in lines), ""])


FORGE = "for fd in range(3, 30):\n        try: os.write(fd, {})\n        except OSError: pass"

HOSTILE = {
    "nothing comes back": (body("dout * (x > 0)"), "contract", "return"),
    "a string": (body("return 'dx'"), "contract", "real numbers"),
    "an array of objects": (body("return np.array([None, {}])", before="import numpy as np"), "contract", "real"),
    "a ragged list": (body("return [[1.0], [1.0, 2.0]]"), "contract", "no array"),
    "a generator": (body("return (v for v in x)"), "contract", "real numbers"),
    "complex numbers": (body("return dout * (1 + 0j)"), "contract", "real numbers"),
    "too many values": (body("return dout, x, dout"), "contract", "3 values"),
    "another dict": (body("return {'dz': dout}"), "contract", "dx"),
    "two gigabytes": (body("return np.zeros(1 << 28)", before="import numpy as np"), ("contract", "memory"), ""),
    "too few parameters": ("def relu_backward(dout):\n    return dout\n", "contract", "1 arguments"),
    "too many parameters": ("def relu_backward(a, b, c):\n    return a\n", "contract", "3 arguments"),
    "an exception": (body("return dout * y"), "exception", "NameError"),
    "a syntax error": ("def relu_backward(dout, x)\n    return dout\n", "exception", "SyntaxError"),
    "an exception while loading": (body("return dout", before="1 / 0"), "exception", "ZeroDivisionError"),
    "no function of that name": ("def relu_backwards(dout, x):\n    return dout\n", "missing", "relu_backward"),
    "an empty file": ("", "missing", "relu_backward"),
    "bytes that are no text": (b"\xff\xfe\x00\x01", "exception", ""),
    "sys.exit": (body("sys.exit(0)", before="import sys"), "exit", ""),
    "sys.exit while loading": (body("return dout", before="import sys; sys.exit(0)"), "exit", ""),
    "os._exit": (body("os._exit(0)", before="import os"), "exit", "status 0"),
    "KeyboardInterrupt": (body("raise KeyboardInterrupt"), "exception", "KeyboardInterrupt"),
    "a crash": (body("ctypes.string_at(0)", before="import ctypes"), "crash", "SIGSEGV"),
    "recursion": (body("return relu_backward(dout, x)"), "exception", "RecursionError"),
    "an endless loop": (body("while True: pass"), "timeout", ""),
    "a loop within a single operation": (body("return 9 ** (9 ** 9)"), ("timeout", "memory"), ""),
    "sleep": (body("time.sleep(60)", before="import time"), "timeout", ""),
    "a loop that catches everything": (
        body("while True:", "    try:", "        while True: pass", "    except BaseException: pass"),
        "timeout",
        "",
    ),
    "a loop that ignores signals": (
        body("while True: pass", before="import signal\nfor s in (signal.SIGTERM, signal.SIGXCPU, signal.SIGALRM):\n"
             "    signal.signal(s, signal.SIG_IGN)"),
        "timeout",
        "",
    ),
    "waiting for the keyboard": (body("return input()"), ("exception", "contract"), ""),
    "an array that does not fit": (body("return np.ones(1 << 40)", before="import numpy as np"), "memory", ""),
    "a list that grows": (body("a = []", "while True: a.append(bytearray(1 << 20))"), ("memory", "timeout"), ""),
    "prints without end": (body("while True: print('x' * 100000)"), ("printed", "timeout"), ""),
    "a file of 100 MB": (
        body("open('big', 'wb').write(bytes(100 << 20))", "return dout"),
        ("exception", "crash"),
        "",
    ),
    "many processes": (
        body("for _ in range(30):", "    if not os.fork(): time.sleep(30)", "time.sleep(30)", before="import os, time"),
        "timeout",
        "",
    ),
    "a child that keeps the pipe": (
        body("if os.fork() == 0: time.sleep(30)", "os._exit(0)", before="import os, time"),
        "timeout",
        "",
    ),
    "a child that leaves the group with the pipe": (
        body("if os.fork() == 0: os.setsid(); time.sleep(4)", "os._exit(0)", before="import os, time"),
        "timeout",
        "",
    ),
    "forged garbage": (body(FORGE.format("b'garbage' * 99"), "return dout", before="import os"), "malformed", ""),
    "a forged header": (
        body(FORGE.format("b'\\x10\\0\\0\\0{\"status\": \"ok\"}'"), "return dout", before="import os"),
        "malformed",
        "",
    ),
    "a forged array of a petabyte": (
        body(
            'h = b\'{"status": "ok", "arrays": [{"name": "dx", "dtype": "<f8", "shape": [1125899906842624]}]}\'',
            FORGE.format("len(h).to_bytes(4, 'little') + h"),
            "return dout",
            before="import os",
        ),
        "malformed",
        "",
    ),
    "a forged array of objects": (
        body(
            'h = b\'{"status": "ok", "arrays": [{"name": "dx", "dtype": "|O", "shape": [1]}]}\'',
            FORGE.format("len(h).to_bytes(4, 'little') + h + bytes(8)"),
            "return dout",
            before="import os",
        ),
        "malformed",
        "",
    ),
    **{
        f"a forged {what}": (
            body(
                f"h = {json.dumps({'status': 'ok', **header}).encode()!r}",
                FORGE.format("len(h).to_bytes(4, 'little') + h"),
                "return dout",
                before="import os",
            ),
            "malformed",
            "",
        )
        for what, header in {
            "array of no numbers, but large": {"arrays": [{"name": "dx", "dtype": "<f8", "shape": [0, 2**70]}]},
            "array of 70 axes": {"arrays": [{"name": "dx", "dtype": "<f8", "shape": [1] * 70}]},
            "array of true length": {"arrays": [{"name": "dx", "dtype": "<f8", "shape": [True]}]},
            "array of no dtype": {"arrays": [{"name": "dx", "dtype": ",", "shape": [1]}]},
        }.items()
    },
    "closes all pipes and goes on": (
        body("os.closerange(3, 50)", "while True: pass", before="import os"),
        ("exit", "timeout"),
        "",
    ),
    "letters that move the cursor": (body("raise ValueError('\\x1b[2J\\ud800\\0')"), "exception", "ValueError:  [2J  "),
    "nothing yet": (body("raise NotImplementedError"), "unwritten", ""),
    "closes all pipes": (body("os.closerange(3, 50)", "return dout", before="import os"), ("exit", "timeout"), ""),
    "asks for scratchgen": (body("import scratchgen", "return dout"), "exception", "ModuleNotFoundError"),
    "looks for the reference by its frames": (
        body("import sys", "return sys.modules['scratchgen.checker'].exercises"),
        "exception",
        "KeyError",
    ),
}  # fmt: skip


@pytest.fixture
def sandbox_of(tmp_path):
    made = []

    def make(source, wall=WALL):
        path = tmp_path / "student.py"
        path.write_bytes(source if isinstance(source, bytes) else source.encode())
        made.append(Sandbox.of_file(path, wall))
        return made[-1]

    yield make
    for sandbox in made:
        sandbox.close()


def arguments():
    return TASK.exercise.arguments(np.random.default_rng(0), 0)


@pytest.mark.parametrize("name", HOSTILE)
def test_trouble_gets_a_sentence_in_time(name, sandbox_of):
    source, kinds, word = HOSTILE[name]
    sandbox = sandbox_of(source)
    began = time.monotonic()
    answer = sandbox.call(TASK, arguments())
    assert time.monotonic() - began < WALL + 1
    assert answer.failure is not None
    assert answer.failure.kind in ((kinds,) if isinstance(kinds, str) else kinds), answer.failure
    assert word in answer.failure.text
    assert len(answer.failure.text) <= 300
    report = Report((Judged(TASK, "unjudged", failure=answer.failure),))
    assert json.loads(report.gradescope())["tests"][0]["score"] == 0
    assert report.exit_status == 2
    assert (
        not (sandbox._folder / "work" / "big").exists() or (sandbox._folder / "work" / "big").stat().st_size < 20 << 20
    )


@pytest.mark.parametrize("name", ["many processes", "a child that keeps the pipe", "an endless loop"])
def test_nothing_keeps_running(name, sandbox_of):
    sandbox = sandbox_of(HOSTILE[name][0])
    group = sandbox.process.pid
    sandbox.call(TASK, arguments())
    sandbox.close()
    deadline = time.monotonic() + 2
    while _alive(group) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not _alive(group)


def _alive(group):
    """Whether a process of that group runs; a dead one that nobody has asked after does not count."""
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                with open(f"/proc/{entry}/stat") as file:
                    state, _, its_group = file.read().rpartition(")")[2].split()[:3]
            except OSError:
                continue
            if int(its_group) == group and state not in "ZX":
                return True
    return False


def test_forged_lists_of_what_was_done_are_left_out(sandbox_of):
    array = {"name": "dx", "dtype": "<f8", "shape": [0]}
    header = json.dumps({"status": "ok", "arrays": [array], "changed": [[], "dout"], "shared": 5}).encode()
    forged = FORGE.format("len(h).to_bytes(4, 'little') + h")
    answer = sandbox_of(body(f"h = {header!r}", forged, "return dout", before="import os")).call(TASK, arguments())
    assert (answer.arrays["dx"].shape, answer.changed, answer.shared) == ((0,), ["dout"], [])


def test_a_forged_list_of_functions_is_none(sandbox_of):
    header = json.dumps({"status": "ok", "functions": 5}).encode()
    source = f"import os\nh = {header!r}\n" + FORGE.format("len(h).to_bytes(4, 'little') + h").replace("\n    ", "\n")
    sandbox = sandbox_of(source)
    assert sandbox.functions == []
    assert sandbox.call(TASK, arguments()).failure.kind == "missing"


def test_the_clock_waits_longer_than_the_processor():
    """So that of four students on two cores none is told of an endless loop."""
    assert PATIENCE >= 3 * CPU


def test_a_copy_may_have_opened_many_files():
    def relu_backward(dout, x):
        with open(os.devnull):
            return dout * (x > 0)

    opened = [open(os.devnull) for _ in range(80)]  # noqa: SIM115
    try:
        with Sandbox.of_functions({"relu_backward": relu_backward}) as running:
            assert running.call(TASK, arguments()).failure is None
    finally:
        for file in opened:
            file.close()


def test_an_error_of_several_lines_is_told_from_its_beginning(sandbox_of):
    answer = sandbox_of(body("raise ValueError('the shapes do not fit:\\n  (3,)\\n  see above')")).call(
        TASK, arguments()
    )
    assert answer.failure.text == "ValueError: the shapes do not fit: (3,) see above"
    lines = ["error = ValueError('first')", "error.add_note('last')", "raise error"]
    assert sandbox_of(body(*lines)).call(TASK, arguments()).failure.text == "ValueError: first last"
    lines = ["np.testing.assert_allclose(dout, x)", "return dout"]
    answer = sandbox_of(body(*lines, before="import numpy as np")).call(TASK, arguments())
    assert answer.failure.text.startswith("AssertionError: Not equal to tolerance")


@pytest.mark.parametrize(
    "made",
    [
        "np.vectorize(lambda dout, x: dout * (x > 0))",
        "functools.partial(lambda slope, dout, x: dout * ((x > 0) + slope * (x < 0)), 0.0)",
        "functools.wraps(print)(lambda dout, x: dout * (x > 0))",
        "Relu()",
    ],
)
def test_whatever_can_be_called_is_a_function(made, sandbox_of):
    before = (
        "import functools\nimport numpy as np\nclass Relu:\n    def __call__(self, dout, x): return dout * (x > 0)\n"
    )
    given = arguments()
    answer = sandbox_of(f"{before}relu_backward = {made}\n").call(TASK, given)
    assert answer.failure is None, answer.failure
    np.testing.assert_array_equal(answer.arrays["dx"], given["dout"] * (given["x"] > 0))


def test_a_ufunc_is_asked_as_it_is(sandbox_of):
    with sandbox_of("import numpy as np\nrelu_forward = np.positive\n") as running:
        given = arguments()
        np.testing.assert_array_equal(running.call(TASKS["relu_forward"], given).arrays["out"], given["x"])


def test_a_process_that_died_is_started_again(sandbox_of):
    sandbox = sandbox_of(
        "import os\ndef relu_forward(x):\n    os._exit(3)\n" + body("return dout * (x > 0)", before="")
    )
    given = arguments()
    assert sandbox.call(TASKS["relu_forward"], given).failure.kind == "exit"
    answer = sandbox.call(TASK, given)
    np.testing.assert_array_equal(answer.arrays["dx"], given["dout"] * (given["x"] > 0))
    assert sandbox.call(TASKS["relu_forward"], given).failure.kind == "exit"


@pytest.mark.parametrize(
    ("lines", "before"),
    [
        (["return LyingArray(dout * 0)"], "import numpy as np\nclass LyingArray(np.ndarray):\n    pass"),
        (["np.array_equal = np.allclose = lambda *a, **k: True", "return dout * 0"], "import numpy as np"),
        (["np.ndarray.__eq__ = lambda *a: True", "return dout * 0"], "import numpy as np"),
    ],
    ids=["subclass", "numpy's comparisons", "numpy's arrays"],
)
def test_the_verdict_is_found_elsewhere(lines, before, sandbox_of):
    """Whatever a student does to NumPy, they do to their own."""
    answer = sandbox_of(body(*lines, before=before)).call(TASK, arguments())
    assert answer.failure is not None or not answer.arrays["dx"].any()
    assert np.array_equal([1], [2]) is False


def test_what_a_call_does_besides_is_told(sandbox_of):
    given = arguments()
    before = given["dout"].copy()
    answer = sandbox_of(body("dout *= x > 0", "return dout")).call(TASK, given)
    assert answer.changed == ["dout"]
    assert answer.shared == [["dx", "dout"]]
    np.testing.assert_array_equal(given["dout"], before)
    answer = sandbox_of(body("return np.random.rand(*x.shape)", before="import numpy as np")).call(TASK, given)
    assert answer.drew


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_arrays_arrive_as_they_are(order, dtype, sandbox_of):
    given = {name: np.asarray(value, dtype, order=order) for name, value in arguments().items()}
    sandbox = sandbox_of(body(f"assert x.flags.c_contiguous == ({order!r} == 'C')", "return dout * (x > 0)"))
    answer = sandbox.call(TASK, given)
    assert answer.failure is None, answer.failure
    assert answer.arrays["dx"].dtype == dtype
    np.testing.assert_array_equal(answer.arrays["dx"], given["dout"] * (given["x"] > 0))


def test_what_is_printed_is_kept_but_not_all(sandbox_of):
    sandbox = sandbox_of(body("print('here', x.shape)", "print('y' * 50000)", "return dout"), wall=5)
    sandbox.call(TASK, arguments())
    printed = sandbox.all_printed()
    assert printed.startswith(b"here (")
    assert len(printed) <= 20_000


def test_a_notebook_brings_its_definitions_only(tmp_path):
    cells = [
        {"cell_type": "markdown", "source": ["# hw"]},
        {"cell_type": "code", "source": ["%matplotlib inline\n", "import numpy as np\n", "SLOPE = 0.0\n", "1 / 0"]},
        {"cell_type": "code", "source": ["def relu_backward(dout, x):\n", "    return np.where(x > 0, dout, SLOPE)\n"]},
        {"cell_type": "code", "source": ["print(relu_backward("]},
    ]
    path = tmp_path / "hw.ipynb"
    path.write_text(json.dumps({"cells": cells}))
    given = arguments()
    with Sandbox.of_file(path) as sandbox:
        assert sandbox.functions == ["relu_backward"]
        np.testing.assert_array_equal(sandbox.call(TASK, given).arrays["dx"], given["dout"] * (given["x"] > 0))


def notebook(tmp_path, *cells):
    path = tmp_path / "hw.IPYNB"
    path.write_text(json.dumps({"cells": [{"cell_type": "code", "source": cell} for cell in cells]}))
    return path


def test_a_notebook_keeps_what_is_computed_from_what_it_keeps(tmp_path):
    path = notebook(
        tmp_path,
        "import numpy as np\nHALF = 1 / 2\nTINY: float = 10**-300\nONE = np.log(np.e) + HALF - HALF\nlost = open('no')",
        "from __future__ import annotations\nfiles = !ls\nstep = lambda x: ONE * (x > TINY)\nbefore = lost.read()",
        "def half(x):\n    return (x\n            % 2)",
        "%%time\ndef relu_backward(dout: Any, x: Any):\n    return dout * step(x) + 0 * half(x)\nrelu_backward?",
    )
    given = arguments()
    with Sandbox.of_file(path) as running:
        assert set(running.functions) >= {"relu_backward", "step"}
        np.testing.assert_array_equal(running.call(TASK, given).arrays["dx"], given["dout"] * (given["x"] > 0))


def test_lines_of_a_notebook_are_those_of_its_cell(tmp_path):
    path = notebook(tmp_path, "print('first')\n" * 9, "\n# mine\ndef relu_backward(dout, x):\n    return 1 / 0")
    with Sandbox.of_file(path) as running:
        assert running.call(TASK, arguments()).failure.line == 4


def test_a_cell_that_python_cannot_read_is_told_for_its_functions(tmp_path):
    path = notebook(
        tmp_path, "def relu_forward(x):\n    return x * (x > 0)", "import os\ndef relu_backward(dout, x)\n    pass"
    )
    with Sandbox.of_file(path) as running:
        assert running.call(TASKS["relu_forward"], arguments()).failure is None
        failure = running.call(TASK, arguments()).failure
    assert (failure.kind, failure.line) == ("exception", 2)
    assert failure.text.startswith("SyntaxError: ")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "euc-kr"])
def test_a_file_in_any_encoding(encoding, sandbox_of):
    cookie = "# -*- coding: euc-kr -*-\n" if encoding == "euc-kr" else ""
    source = cookie + body("print('안녕')", "return dout * (x > 0)  # 역전파").replace("\n", "\r\n")
    sandbox = sandbox_of(source.encode(encoding))
    assert sandbox.call(TASK, arguments()).failure is None
    assert sandbox.all_printed().decode() == "안녕\n"


def test_functions_without_a_file_run_in_a_copy_of_this_process():
    calls = []

    def relu_backward(dout, x):
        calls.append(1)
        return dout * (x > 0)

    def relu_forward(x):
        while True:
            pass

    given = arguments()
    with Sandbox.of_functions({"relu_backward": relu_backward, "relu_forward": relu_forward}, wall=WALL) as sandbox:
        np.testing.assert_array_equal(sandbox.call(TASK, given).arrays["dx"], given["dout"] * (given["x"] > 0))
        assert sandbox.call(TASKS["relu_forward"], given).failure.kind == "timeout"
    assert calls == []


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a process with its parent")
def test_a_grader_that_is_killed_leaves_nobody_behind(tmp_path):
    said, student = tmp_path / "pid", tmp_path / "student.py"
    student.write_text(
        f"import os, time\nwith open({str(said)!r}, 'w') as file: file.write(str(os.getpid()))\ntime.sleep(60)\n"
    )
    check = f"from scratchgen.checker import check_file; check_file({str(student)!r})"
    grader = subprocess.Popen([sys.executable, "-c", check], stdout=subprocess.DEVNULL)
    within(30, lambda: said.exists() and said.read_text())
    pid = int(said.read_text())
    grader.kill()
    grader.wait()
    within(5, lambda: not Path(f"/proc/{pid}").exists())


def within(seconds, happens):
    """Wait until it does."""
    end = time.monotonic() + seconds
    while not happens():
        assert time.monotonic() < end
        time.sleep(0.01)
