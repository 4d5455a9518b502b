"""Our side of the student's process: starts it, limits it, reads its answers, and trusts none of them.

What it keeps out are accidents and casual cheating: endless loops, crashes, gigabytes; of files, also a look at the
reference. (Functions that have no file run in a copy of this process, which has imported it.) It is no wall against a
hostile program: that wants another user, or a container without a network. What each kind of trouble gets is listed,
and tested, in tests/checker/test_sandbox.py.
"""

from __future__ import annotations

import contextlib
import inspect
import io
import json
import math
import os
import queue
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from . import student
from .exercises.exercise import Arguments, Arrays, Task

__all__ = ["Answer", "Failure", "Here", "Sandbox"]

# Seconds for one call. Where the system counts CPU seconds, these end a loop, however busy the machine is.
WALL = 5.0 if os.name == "nt" else 3.0 * student.CPU
START = 10.0  # for Python, NumPy and the file to be loaded
# Said whichever of the two clocks was first, its or ours: a report does not depend on how busy the machine is.
TOO_LONG = "no answer in time: an endless loop, or waiting for something?"
END = 1.0  # for a process that has closed its pipe to say how it ended
SHOWN = 20_000  # bytes that are kept of what is printed
HEADER = 1 << 16  # bytes of JSON in an answer
MOST_AXES = 32  # of an array, in every NumPy
CHUNKS = 64  # that are read ahead
SURROUNDINGS = ("PATH", "SYSTEMROOT", "TEMP")  # of our environment; Windows wants the second


@dataclass(frozen=True)
class Failure:
    """Why there is no answer. `kind`: "unwritten", "missing", "contract", "exception", "exit", "memory", "timeout",
    "crash", "printed", "malformed", "unfinished"; `line` is the student's own."""

    kind: str
    text: str
    line: int | None = None


@dataclass(frozen=True)
class Answer:
    """What a call gave: arrays by name, or a failure; and what it did besides."""

    arrays: Arrays = field(default_factory=dict)
    failure: Failure | None = None
    changed: Sequence[str] = ()  # arguments that were written to
    shared: Sequence[Sequence[str]] = ()  # (output, argument) that are one array
    drew: bool = False  # NumPy's global random numbers
    cache: bool = False  # came with it


class Sandbox:
    """The functions of a file, or of a notebook's session, in a process of their own.

    >>> with Sandbox.of_file("student.py") as sandbox:
    ...     sandbox.call(task, arguments)

    A process that dies or is killed is started again for the next call. Raises nothing for what a student does: it
    comes back as a `Failure`.
    """

    def __init__(self, start: Callable[[Sandbox], _Process], wall: float = WALL) -> None:
        self._start, self.wall = start, wall
        self.failure: Failure | None = None  # of the file as a whole
        self.functions: list[str] = []
        self._folder = Path(tempfile.mkdtemp(prefix="scratchgen-"))
        self._said, self._before = self._folder / "printed", b""
        self._said.touch()
        self._begin()

    @classmethod
    def of_file(cls, path: str | os.PathLike[str], wall: float = WALL) -> Sandbox:
        """The functions that a Python file or a notebook defines."""
        where = str(Path(path).resolve())
        return cls(lambda sandbox: sandbox._spawn(where), wall)

    @classmethod
    def of_functions(cls, functions: Mapping[str, Callable[..., Any]], wall: float = WALL) -> Sandbox:
        """Functions that have no file, as in a notebook: in a copy of this process (Linux and macOS)."""
        return cls(lambda sandbox: sandbox._fork(functions), wall)

    def __enter__(self) -> Sandbox:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Kill what still runs, remove its folder."""
        if self.process:
            self.process.kill()
        shutil.rmtree(self._folder, ignore_errors=True)

    def all_printed(self) -> bytes:
        """The beginning of what has been printed so far."""
        with open(self._said, "rb") as file:
            return (self._before + file.read(SHOWN))[:SHOWN]

    def call(self, task: Task, arguments: Arguments) -> Answer:
        """One call. `arguments` has what the task wants; arrays arrive as they are, dtype and order included."""
        if self.process is None and not self.failure:
            self._begin()
        if self.process is None or self.failure:
            return Answer(failure=self.failure)
        if task.name not in self.functions:
            return Answer(failure=Failure("missing", f"there is no function {task.name}"))
        try:
            self.process.send(*_job(task, arguments))
            answer = _answer(self.process.receive(self.wall), task)
        except _Ended as ended:
            return Answer(failure=self._over(ended.failure))
        return Answer(failure=self._over(answer.failure)) if answer.failure and self._printed_too_much() else answer

    def _printed_too_much(self) -> bool:
        return self._said.stat().st_size >= student.FILES

    def _begin(self) -> None:
        self.process: _Process | None = self._start(self)
        try:
            header, _ = self.process.receive(START)
        except _Ended as ended:
            self.failure = self._over(ended.failure)
            return
        if header.get("status") == "ok":
            self.functions = [str(name) for name in _list(header.get("functions"))]
        else:
            self.failure = _failure(header)

    def _over(self, failure: Failure) -> Failure:
        """The end of a process; the next call starts another."""
        assert self.process is not None
        self.process.kill()
        self.process = None
        if self._printed_too_much():
            failure = Failure("printed", f"printed more than {student.FILES >> 20} MB")
        self._before = self.all_printed()
        self._said.write_bytes(b"")
        return failure

    def _spawn(self, path: str) -> _Process:
        packages = _only_numpy(self._folder)
        empty = self._folder / "work"
        empty.mkdir(exist_ok=True)
        keep = {name: os.environ[name] for name in SURROUNDINGS if name in os.environ}
        with open(self._said, "ab") as said:
            process = subprocess.Popen(
                [sys.executable, "-I", "-S", "-X", "utf8", student.__file__, path, str(packages)],
                bufsize=0,
                cwd=empty,
                env={**keep, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=said,
                start_new_session=True,  # a group of its own, to be killed together
            )
        return _Process(process, process.stdin, process.stdout, self._said)

    def _fork(self, functions: Mapping[str, Callable[..., Any]]) -> _Process:
        (jobs, job_end), (answer_end, answers) = os.pipe(), os.pipe()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that there are threads, as in every notebook: the copy has but this one
            pid = os.fork()
        if pid == 0:
            with contextlib.suppress(BaseException):
                os.setsid()
                os.close(job_end)
                os.close(answer_end)
                said = os.open(self._said, os.O_WRONLY | os.O_APPEND)
                os.dup2(said, 1)
                os.dup2(said, 2)
                sys.stdout = sys.stderr = os.fdopen(1, "w", encoding="utf-8", closefd=False)
                student.limit(alone=False)
                with os.fdopen(jobs, "rb") as incoming, os.fdopen(answers, "wb") as outgoing:
                    student.send(outgoing, {"status": "ok", "functions": sorted(functions)}, [])
                    student.serve(functions, _sources(functions), incoming, outgoing)
            os._exit(0)
        os.close(jobs)
        os.close(answers)
        return _Process(_Copy(pid), os.fdopen(job_end, "wb", 0), os.fdopen(answer_end, "rb", 0), self._said)


class Here:
    """The same calls and the same rules without a process: where this one cannot be copied (Windows), and for functions
    that we trust. A loop without an end does not end here."""

    failure: Failure | None = None

    def __init__(self, functions: Mapping[str, Callable[..., Any]]) -> None:
        self.functions = list(functions)
        self._functions, self._printed = functions, io.StringIO()

    def __enter__(self) -> Here:
        return self

    def __exit__(self, *exception: object) -> None:
        pass

    def all_printed(self) -> bytes:
        return self._printed.getvalue()[:SHOWN].encode(errors="replace")

    def call(self, task: Task, arguments: Arguments) -> Answer:
        header, arrays = _job(task, arguments)
        fresh = {d["name"]: a.copy(order="K") for d, a in zip(header["arrays"], arrays)} | header["numbers"]
        state = np.random.get_state()
        try:
            with np.errstate(all="ignore"), contextlib.redirect_stdout(self._printed):
                answer, outputs = student.call(self._functions, header, fresh)
        except (Exception, SystemExit) as error:
            return Answer(failure=_failure(student.failure(error, _sources(self._functions))))
        finally:
            np.random.set_state(state)
        return _answer((answer, {d["name"]: a for d, a in zip(answer["arrays"], outputs)}), task)


def _sources(functions: Mapping[str, Callable[..., Any]]) -> set[str]:
    """The files, or cells of a notebook, in which they stand."""
    codes = [getattr(inspect.unwrap(f), "__code__", None) for f in functions.values()]
    return {code.co_filename for code in codes if code is not None}


# ---------------------------------------------------------------------------------------------------------- the process
class _Ended(Exception):
    """The process cannot be used any more."""

    def __init__(self, kind: str, text: str) -> None:
        self.failure = Failure(kind, text)


class _Copy:
    """A copy of this process, with what of `subprocess.Popen` is needed."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.returncode: int | None = None

    def kill(self) -> None:
        if self.returncode is None:
            os.kill(self.pid, signal.SIGKILL)

    def wait(self, timeout: float | None = None) -> int:
        deadline = None if timeout is None else time.monotonic() + timeout
        while self.returncode is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG if deadline else 0)
            if pid:
                self.returncode = os.waitstatus_to_exitcode(status)
            elif deadline and time.monotonic() > deadline:
                raise subprocess.TimeoutExpired("fork", timeout or 0.0)
            else:
                time.sleep(0.002)
        return self.returncode


class _Process:
    """A started process: a pipe for jobs, one for answers, and a file with all that it prints.

    A thread reads the answers, because a pipe can be waited for with a clock on Windows in no other way.
    """

    def __init__(self, handle: Any, jobs: Any, answers: Any, said: Path) -> None:
        self.handle, self.jobs, self.said, self.pid = handle, jobs, said, handle.pid
        self.buffer = bytearray()
        self.chunks: queue.Queue[bytes] = queue.Queue(CHUNKS)
        threading.Thread(target=_pump, args=(answers, self.chunks), daemon=True).start()

    def send(self, header: dict[str, Any], arrays: Sequence[np.ndarray]) -> None:
        text = json.dumps(header).encode()
        data = struct.pack("<I", len(text)) + text + b"".join(a.tobytes() for a in arrays)
        try:
            while data:
                data = data[self.jobs.write(data) :]
        except OSError:  # it has closed its end
            raise self._ended() from None

    def receive(self, wall: float) -> tuple[dict[str, Any], Arrays]:
        """The next answer, checked byte by byte; raises `_Ended` where there is none in time."""
        deadline = time.monotonic() + wall
        length = struct.unpack("<I", self._read(4, deadline))[0]
        if length > HEADER:
            raise _Ended("malformed", f"the answer begins with a header of {length} bytes")
        try:
            header = json.loads(self._read(length, deadline).decode())
            described = [_described(item) for item in header.get("arrays", ())] if isinstance(header, dict) else None
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError, SyntaxError):  # the last: of a dtype
            described = None
        if described is None or len({name for name, _, _ in described}) != len(described):
            raise _Ended("malformed", "what came back is no answer; did the program write into the answers' pipe?")
        arrays = {}
        for name, dtype, shape in described:
            data = self._read(math.prod(shape) * dtype.itemsize, deadline)
            arrays[name] = np.frombuffer(bytes(data), dtype).reshape(shape)
        return header, arrays

    def kill(self) -> None:
        """It and all that it has started and that has not left its group."""
        if hasattr(os, "killpg"):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, signal.SIGKILL)
        with contextlib.suppress(ProcessLookupError):
            self.handle.kill()
        self.handle.wait()
        with contextlib.suppress(OSError):
            self.jobs.close()
        with contextlib.suppress(queue.Empty):  # so that the thread can go on, to its end
            while True:
                self.chunks.get_nowait()

    def _read(self, count: int, deadline: float) -> bytes:
        while len(self.buffer) < count:
            left = deadline - time.monotonic()
            if left <= 0:
                raise _Ended("timeout", TOO_LONG)
            try:
                data = self.chunks.get(timeout=min(left, 0.2))
            except queue.Empty:
                if self.said.stat().st_size > student.FILES:  # where no operating system forbids it
                    raise _Ended("printed", "") from None
                continue
            if not data:
                raise self._ended()
            self.buffer += data
        found, self.buffer = bytes(self.buffer[:count]), self.buffer[count:]
        return found

    def _ended(self) -> _Ended:
        """What the end of the process says."""
        try:
            status = self.handle.wait(END)
        except subprocess.TimeoutExpired:
            return _Ended("exit", "closed the pipe that its answers go through")
        if status == -getattr(signal, "SIGXCPU", 0) != 0:
            return _Ended("timeout", TOO_LONG)
        if status < 0:
            return _Ended("crash", f"crashed ({signal.Signals(-status).name})")
        return _Ended("exit", f"ended the program (status {status}) instead of returning")


def _pump(stream: Any, chunks: queue.Queue[bytes]) -> None:
    """What arrives, until nothing can any more."""
    with stream:
        while data := stream.read(1 << 16):
            chunks.put(data)
    chunks.put(b"")


def _described(item: Mapping[str, Any]) -> tuple[str, np.dtype[Any], tuple[int, ...]]:
    """An array's name, dtype and shape; raises `ValueError` for any that cannot be."""
    name, dtype, shape = item["name"], np.dtype(str(item["dtype"])), item["shape"]
    if not isinstance(name, str) or dtype.kind not in "fiub" or not isinstance(shape, list):
        raise ValueError(name)
    if len(shape) > MOST_AXES or not all(type(n) is int and 0 <= n <= student.LARGEST for n in shape):
        raise ValueError(shape)
    if math.prod(shape) * dtype.itemsize > student.LARGEST:
        raise ValueError(shape)
    return name, dtype, tuple(shape)


def _only_numpy(folder: Path) -> Path:
    """A folder in which there is NumPy, and nothing else that is installed here; where links cannot be made (Windows),
    the one in which NumPy is."""
    home, packages = Path(np.__file__).parent, folder / "packages"
    if not packages.exists():
        packages.mkdir()
        for source in (home, home.with_name("numpy.libs")):
            if source.exists():
                try:
                    (packages / source.name).symlink_to(source, target_is_directory=True)
                except OSError:
                    return home.parent
    return packages if any(packages.iterdir()) else home.parent


# ----------------------------------------------------------------------------------------------------------- the frames
def _job(task: Task, arguments: Arguments) -> tuple[dict[str, Any], list[np.ndarray]]:
    wanted = {name: arguments[name] for name in task.parameters}
    arrays = {name: value for name, value in wanted.items() if isinstance(value, np.ndarray)}
    described = [
        {**student.describe(name, a), "order": "F" if a.flags.f_contiguous and a.ndim > 1 else "C"}
        for name, a in arrays.items()
    ]
    header = {
        "function": task.name,
        "parameters": list(wanted),
        "numbers": {name: value for name, value in wanted.items() if name not in arrays},
        "forward": task.forward_name,
        "douts": list(task.exercise.douts) if task.is_backward else [],
        "outputs": task.outputs_of_forward,
        "returns": list(task.returns),
        "arrays": described,
    }
    return header, list(arrays.values())


def _answer(message: tuple[dict[str, Any], Arrays], task: Task) -> Answer:
    header, arrays = message
    if header.get("status") != "ok":
        return Answer(failure=_failure(header))
    if tuple(arrays) != tuple(task.returns):
        return Answer(failure=Failure("malformed", f"the answer holds {', '.join(arrays) or 'nothing'}"))
    names = set(task.parameters)
    changed = [name for name in _list(header.get("changed")) if isinstance(name, str) and name in names]
    pairs = [[out, name] for out in task.returns for name in task.parameters]
    shared = [pair for pair in _list(header.get("shared")) if pair in pairs]
    return Answer(
        arrays=arrays,
        changed=changed,
        shared=shared,
        drew=header.get("drew") is True,
        cache=header.get("cache") is True,
    )


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _failure(header: Mapping[str, Any]) -> Failure:
    kind, text, line = header.get("kind"), header.get("text"), header.get("line")
    known = kind if kind in ("contract", "exception", *student.KINDS.values()) else "malformed"
    shown = "".join(c if c.isprintable() else " " for c in str(text)[: student.LONGEST])
    return Failure(known, shown, line if isinstance(line, int) else None)
