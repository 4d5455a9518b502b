"""The side of the student: runs their functions in a process of its own, and says what came out.

This file is all that this process has of scratchgen. It is started by path, without site-packages but NumPy, so that
`import scratchgen` finds nothing to copy an answer from. It decides nothing: arrays go back as bytes, and whether they
are right is found out on the other side, where nothing of the student's has ever run.
"""

from __future__ import annotations

import ast
import codeop
import contextlib
import inspect
import io
import json
import os
import re
import struct
import sys
import time
import tokenize
import traceback
import types
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from typing import Any, BinaryIO

LONGEST = 300  # characters of an error message
LARGEST = 1 << 26  # bytes of an answer
CPU = 4  # seconds for one call
MEMORY = 1 << 30  # bytes of address space
FILES = 10 << 20  # bytes of a file, the one with all that is printed among them


def serve(
    functions: Mapping[str, Callable[..., Any]], sources: Collection[str], jobs: BinaryIO, answers: BinaryIO
) -> None:
    """Answer jobs until there are no more. `sources`: the files whose lines are the student's own."""
    import numpy as np

    np.seterr(all="ignore")
    while (job := receive(jobs)) is not None:
        header, arrays = job
        limit_cpu()
        try:
            answer = call(functions, header, arrays)
        except BaseException as error:  # SystemExit and KeyboardInterrupt as well: a student's function ends nothing
            answer = failure(error, sources), []
        with contextlib.suppress(Exception):  # more than a file may hold, or closed
            sys.stdout.flush()
        send(answers, *answer)


# ------------------------------------------------------------------------------------------------------------- one call
def call(
    functions: Mapping[str, Callable[..., Any]], job: dict[str, Any], arguments: dict[str, Any]
) -> tuple[dict[str, Any], list[Any]]:
    """Run one function on fresh arguments; what it returned, and what it did besides."""
    import numpy as np

    name, inputs = job["function"], job["parameters"]
    before = {key: value.tobytes() for key, value in arguments.items() if isinstance(value, np.ndarray)}
    np.random.seed(0)
    state = _global_state()
    result = as_asked(functions, name, inputs, job, arguments)
    outputs, cache = arrays_of(result, job["returns"], name)
    notes = {
        "changed": [key for key, value in before.items() if arguments[key].tobytes() != value],
        "shared": [[out, key] for out, array in outputs for key in before if np.shares_memory(array, arguments[key])],
        "drew": _global_state() != state,
        "cache": cache,
    }
    return {"status": "ok", **notes, "arrays": [describe(out, a) for out, a in outputs]}, [a for _, a in outputs]


def _global_state() -> bytes:
    """Of NumPy's own generator: the first draw after a seed changes it."""
    import numpy as np

    state: Any = np.random.get_state()
    return bytes(state[1])


def as_asked(
    functions: Mapping[str, Callable[..., Any]], name: str, inputs: Sequence[str], job: dict[str, Any], given: Any
) -> Any:
    """f(dout, x, …), or f(dout, cache) with the cache that the student's own forward made: by number and names of its
    parameters. Where there are several outputs, there are several dout."""
    f = functions[name]
    least, most = arity(f)
    head = job["douts"]
    forward = functions.get(job.get("forward") or "")
    direct = least <= len(inputs) <= most
    if job.get("forward") and not head and [p.name for p in parameters(f)][:1] == ["dout"]:
        raise Contract(
            f"{name} asks for dout, but a loss is the end of the chain, and nothing comes from above: take "
            f"({', '.join(inputs)}), or (cache)"
        )
    if (
        forward
        and least <= len(head) + 1 <= most
        and not (direct and [p.name for p in parameters(f)][: len(inputs)] == list(inputs))
    ):
        rest = [given[key] for key in inputs if key not in head]
        made = forward(*(value.copy() if hasattr(value, "copy") else value for value in rest))
        if isinstance(made, tuple) and len(made) == job["outputs"] + 1:
            return f(*(given[key] for key in head), made[-1])
        if not direct:
            raise Contract(
                f"{name} takes {', '.join([*head, 'a cache'])}, but {job['forward']} returned no cache: "
                f"return (out, cache) there, or take ({', '.join(inputs)}) here"
            )
    if not direct:
        takes = f"{least}" if least == most else f"{least} to {most}"
        also = f" (or {', '.join([*head, 'cache'])})" if job.get("forward") else ""
        raise Contract(f"{name} takes {takes} arguments; expected {len(inputs)}: {', '.join(inputs)}{also}")
    return f(*(given[key] for key in inputs))


def arity(f: Callable[..., Any]) -> tuple[int, float]:
    """The least and the largest number of positional arguments."""
    kinds, several = inspect.Parameter, parameters(f)
    positional = [p for p in several if p.kind in (kinds.POSITIONAL_ONLY, kinds.POSITIONAL_OR_KEYWORD)]
    least = sum(p.default is kinds.empty for p in positional)
    return least, float("inf") if any(p.kind is kinds.VAR_POSITIONAL for p in several) else len(positional)


def parameters(f: Callable[..., Any]) -> list[inspect.Parameter]:
    """Those of its signature; of one that tells none, a ufunc's, whatever one likes."""
    try:
        return list(inspect.signature(f).parameters.values())
    except ValueError:
        return [inspect.Parameter("arguments", inspect.Parameter.VAR_POSITIONAL)]


def arrays_of(result: Any, names: Sequence[str], function: str) -> tuple[list[tuple[str, Any]], bool]:
    """The outputs by name; and whether a cache came with them."""
    if result is None:
        raise Contract(f"{function} returned None; is there a `return`?")
    cache = False
    if isinstance(result, dict):
        found = {key: result.get(key, result.get(key.removeprefix("d"))) for key in names}
        missing = [key for key, value in found.items() if value is None]
        if missing:
            raise Contract(
                f"{function} returned a dict without {', '.join(missing)}; it has {', '.join(map(str, result))}"
            )
        values = list(found.values())
    elif isinstance(result, (tuple, list)) and not (len(names) == 1 and isinstance(result, list)):
        values = list(result)
        if len(values) == len(names) + 1 and not function.endswith("_backward"):
            values, cache = values[:-1], True
    else:
        values = [result]
    if len(values) != len(names):
        raise Contract(f"{function} returned {len(values)} values; expected {len(names)}: {', '.join(names)}")
    return [(key, as_array(value, key, function)) for key, value in zip(names, values)], cache


def as_array(value: Any, name: str, function: str) -> Any:
    import numpy as np

    if value is None:
        raise Contract(f"{function}: {name} is None")
    if type(value).__module__.startswith("scratchgen") and hasattr(value, "numpy"):
        value = value.numpy()  # a Tensor
    try:
        array = np.asarray(value)
    except ValueError as error:
        raise Contract(f"{function}: {name} is no array: {error}") from None
    if array.dtype.kind not in "fiub":
        raise Contract(
            f"{function}: {name} is {type(value).__name__} of {array.dtype}; expected an array of real numbers"
        )
    if array.nbytes > LARGEST:
        raise Contract(f"{function}: {name} has the shape {array.shape}, {array.nbytes >> 20} MiB; that is never right")
    return array


class Contract(Exception):
    """Not what was asked for, in a whole sentence."""


KINDS = {NotImplementedError: "unwritten", SystemExit: "exit", MemoryError: "memory"}


def failure(error: BaseException, sources: Collection[str]) -> dict[str, Any]:
    """What to tell of an exception: its message, and the last line of the student's own in it."""
    if isinstance(error, Contract):
        return {"status": "error", "kind": "contract", "text": str(error)[:LONGEST]}
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename in sources]
    if isinstance(error, SyntaxError) and error.filename in sources:
        lines = [error.lineno]
    told = traceback.format_exception_only(error)
    text = " ".join(("".join(told) if not isinstance(error, SyntaxError) else told[-1]).split())[:LONGEST]
    kind = next((kind for known, kind in KINDS.items() if isinstance(error, known)), "exception")
    return {"status": "error", "kind": kind, "text": text, "line": lines[-1] if lines else None}


# ----------------------------------------------------------------------------------------------------------- the frames
def describe(name: str, array: Any) -> dict[str, Any]:
    return {"name": name, "dtype": array.dtype.str, "shape": list(array.shape)}


def send(stream: BinaryIO, header: dict[str, Any], arrays: Sequence[Any]) -> None:
    """A length, that many bytes of JSON, and the bytes of the arrays that it describes."""
    text = json.dumps(header).encode()
    stream.write(struct.pack("<I", len(text)) + text + b"".join(a.tobytes() for a in arrays))
    stream.flush()


def receive(stream: BinaryIO) -> tuple[dict[str, Any], dict[str, Any]] | None:
    """A header, and the arrays and numbers that it describes, fresh ones; None at the end."""
    import numpy as np

    head = stream.read(4)
    if len(head) < 4:
        return None
    header = json.loads(stream.read(struct.unpack("<I", head)[0]))
    arguments = {}
    for item in header.get("arrays", ()):
        dtype, shape = np.dtype(item["dtype"]), item["shape"]
        count = int(np.prod(shape, dtype=np.int64))
        data = np.frombuffer(stream.read(count * dtype.itemsize), dtype).reshape(shape)
        arguments[item["name"]] = data.copy(order=item.get("order", "C"))
    return header, arguments | header.get("numbers", {})


# ---------------------------------------------------------------------------------------------------------- the process
PR_SET_PDEATHSIG = 1  # of Linux: the signal that this process gets when its parent ends


def limit(alone: bool = True) -> None:
    """What this process may take, for all its life, where the operating system can say so. One that is not `alone`, the
    copy of another, may have taken more memory and opened more files already."""
    try:
        import resource
    except ImportError:  # Windows
        return
    limits = {resource.RLIMIT_FSIZE: FILES, resource.RLIMIT_CORE: 0}
    if alone:
        limits |= {resource.RLIMIT_AS: MEMORY, resource.RLIMIT_NOFILE: 64}
    for which, most in limits.items():
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(which, (most, most))
    if sys.platform == "linux":  # a grader that is killed leaves nobody behind who sleeps for ever
        import ctypes

        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, 9)


def limit_cpu() -> None:
    """CPU seconds for the call that begins, beyond those that are gone."""
    try:
        import resource
    except ImportError:  # Windows: the other side's clock has to do
        return
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    soft = int(time.process_time()) + 1 + CPU
    resource.setrlimit(resource.RLIMIT_CPU, (min(soft, hard) if hard > 0 else soft, hard))


def load(path: str) -> dict[str, Callable[..., Any]]:
    """Run the student's file; what can be called in it. Of a notebook only its imports and definitions run."""
    text = text_of(path)
    module = types.ModuleType("student")
    module.__file__ = path
    sys.modules["student"] = module
    if path.lower().endswith(".ipynb"):
        compiler = codeop.Compile()  # a __future__ of one cell is that of all later ones
        for cell in json.loads(text)["cells"]:
            if cell["cell_type"] == "code":
                run_cell("".join(cell["source"]), path, vars(module), compiler)
    else:
        exec(compile(text, path, "exec", dont_inherit=True), vars(module))
    return {name: value for name, value in vars(module).items() if callable(value) and not isinstance(value, type)}


def text_of(path: str) -> str:
    """As Python reads its sources, and as PowerShell's `>` writes them."""
    with open(path, "rb") as file:
        data = file.read()
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return data.decode("utf-16")
    encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
    return data.decode(encoding)


# What IPython reads and Python does not: %time, !ls, files = !ls, relu?
MAGIC = re.compile(r"^([ \t]*)(?:[%!?].*|[\w.,\t ]+=[ \t]*[%!].*|[\w.]+\?+)$", re.MULTILINE)


def run_cell(source: str, path: str, names: dict[str, Any], compiler: codeop.Compile) -> None:
    """The imports, functions, classes and constants of a notebook's cell: neither magics nor what else a cell does.

    Line numbers are the cell's. A function that cannot be read raises its `SyntaxError` when it is called.
    """
    try:
        try:
            cell = ast.parse(source, path)
        except SyntaxError:
            cell = ast.parse(MAGIC.sub(r"\1pass", source), path)
    except SyntaxError as error:
        names |= {name: partial(_raise, error) for name in re.findall(r"^def (\w+)", source, re.MULTILINE)}
        return
    for statement in cell.body:
        code: Any = compiler(ast.Module([statement], []), path, "exec")  # type: ignore[arg-type]
        if isinstance(statement, (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.ClassDef)):
            exec(code, names)
        elif isinstance(statement, (ast.Assign, ast.AnnAssign)) and statement.value and _constant(statement.value):
            with contextlib.suppress(Exception):  # of something that was left out
                exec(code, names)


def _raise(error: BaseException, *arguments: Any) -> None:
    raise error


def _constant(value: ast.AST) -> bool:
    """Whether an expression only computes: literals, names, operations, functions of a module, such as np.log."""
    if isinstance(value, ast.Lambda):
        return True
    calls = isinstance(value, ast.Call) and not isinstance(value.func, ast.Attribute)
    other = (ast.Await, ast.Yield, ast.YieldFrom, ast.NamedExpr, ast.ListComp, ast.SetComp, ast.DictComp)
    if calls or isinstance(value, (*other, ast.GeneratorExp)):
        return False
    return all(_constant(part) for part in ast.iter_child_nodes(value))


def main(path: str) -> None:
    """Load the file, say what is in it, serve: jobs come in as our input, answers go out as our output, and what the
    student reads and prints goes elsewhere."""
    incoming, outgoing = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    sys.stdin = io.StringIO()
    try:
        limit()
        limit_cpu()
        import numpy  # noqa: F401

        functions = load(path)
    except BaseException as error:
        send(outgoing, failure(error, {path}), [])
    else:
        send(outgoing, {"status": "ok", "functions": sorted(functions)}, [])
        serve(functions, {path}, incoming, outgoing)
    os._exit(0)  # no `atexit` of the student's


if __name__ == "__main__":
    sys.path[:0] = sys.argv[2:]
    main(sys.argv[1])
