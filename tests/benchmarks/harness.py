"""How contenders are timed: each in a process of its own, in turn, as ratios.

A contender is a function `module:function` that prepares its work and returns `step()`, which does it once and returns
a number that tells whether it did the same work as the others (a loss, a sum of gradients). Each contender gets a
process with as many threads and processor cores as the others. When all have warmed up, the processes are asked in turn
(A B C A B C …), so that a slow minute of the machine falls on all of them. One answer is the median of several calls;
the table shows the median over the rounds, and the median over the rounds of our time divided by theirs.
"""

from __future__ import annotations

import importlib
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass, field
from typing import Any

ROUND = 0.15  # seconds that one answer takes, if it needs less than one call
CORES = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []


@dataclass
class Contender:
    """A name for the table, what to call (`module:function`), and its keyword arguments."""

    name: str
    target: str
    options: dict[str, Any] = field(default_factory=dict)
    ours: bool = False


# ---------------------------------------------------------------------------------------------------- the parent
def compare(
    title: str,
    contenders: list[Contender],
    threads: int = 1,
    rounds: int = 5,
    goals: dict[str, float] | None = None,
    parts: int = 1,
    **facts: Any,
) -> dict:
    """Time the contenders side by side and print their table; returns it as plain data.

    `goals` are the ratios to reach, by contender; times are given per part where a step has several `parts`.
    """
    began = time.perf_counter()
    workers = [_Worker(c, threads) for c in contenders]
    for worker in rounds * workers:
        worker.ask()
    for worker in workers:
        worker.close()
    table = {"title": title, "threads": threads, "rounds": rounds, **facts, "rows": _rows(workers, goals or {}, parts)}
    table["seconds"] = round(time.perf_counter() - began, 1)
    show(table)
    return table


class _Worker:
    """One contender's process, from our side."""

    def __init__(self, contender: Contender, threads: int) -> None:
        self.contender = contender
        self.times: list[float] = []
        self.values: list[float] = []
        self.error = ""
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.benchmarks.harness", contender.target, json.dumps(contender.options)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
            env={**os.environ, **environment(threads)},
        )  # fmt: skip
        if CORES:  # the last cores: the first ones tend to be busy with interrupts
            os.sched_setaffinity(self.process.pid, CORES[-threads:])
        self.listen()  # it answers when it has warmed up

    def listen(self) -> None:
        line = self.process.stdout.readline()
        answer = json.loads(line) if line else {"error": f"died with exit status {self.process.wait()}"}
        self.error = self.error or answer.get("error", "")
        self.values += answer.get("values", [])
        self.times += answer.get("times", [])

    def ask(self) -> None:
        if not self.error:
            self.process.stdin.write("go\n")
            self.process.stdin.flush()
            self.listen()

    def close(self) -> None:
        self.process.stdin.close()
        self.process.wait()


def environment(threads: int) -> dict[str, str]:
    """What every contender's process gets: the thread counts, and OpenBLAS's kernels for this processor."""
    count = str(threads)
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    return {**dict.fromkeys(names, count), "JAX_PLATFORMS": "cpu", **kernels()}


def kernels() -> dict[str, str]:
    """OpenBLAS does not recognise some processors and then leaves out AVX-512: half the speed. Ask for it by name where
    the processor has it and the library chose otherwise."""
    try:
        with open("/proc/cpuinfo") as file:
            flags = next((line.split() for line in file if line.startswith("flags")), [])
    except OSError:
        return {}
    wanted = {"avx512f", "avx512dq", "avx512bw", "avx512vl", "avx512cd"} <= set(flags)
    missed = wanted and any(name in blas() for name in ("Haswell", "Zen", "Sandybridge"))
    return {"OPENBLAS_CORETYPE": "SkylakeX"} if missed else {}


def blas() -> str:
    """The linear algebra under NumPy, and the processor it has kernels for, as this process finds them."""
    import numpy as np  # loads the library that is asked about  # noqa: F401
    import threadpoolctl

    return ", ".join(
        f"{info['internal_api']} {info['version']} {info.get('architecture', '')}"
        for info in threadpoolctl.threadpool_info()
        if info["user_api"] == "blas"
    )


def _rows(workers: list[_Worker], goals: dict[str, float], parts: int) -> list[dict]:
    ours = [w for w in workers if w.contender.ours]
    reference = next((w.values for w in workers if not w.error), [])
    rows = []
    for w in workers:
        row: dict[str, Any] = {"name": w.contender.name, "goal": goals.get(w.contender.name)}
        if w.error:
            row["error"] = w.error
        else:
            times = [t / parts for t in w.times]
            row |= {"seconds": statistics.median(times), "lowest": min(times), "highest": max(times)}
            row["same"] = _agree(w.values, reference)
            row["ratios"] = {
                o.contender.name: statistics.median(a / b for a, b in zip(o.times, w.times))
                for o in ours
                if o is not w and not o.error
            }
        rows.append(row)
    return rows


def _agree(values: list[float], reference: list[float]) -> bool:
    return len(values) == len(reference) and all(abs(a - b) <= 2e-3 * max(1, abs(b)) for a, b in zip(values, reference))


def show(table: dict) -> None:
    """Print a table: the time of each contender, and what each of ours takes in proportion."""
    ours = list(dict.fromkeys(name for row in table["rows"] for name in row.get("ratios", {})))
    width = max(len(row["name"]) for row in table["rows"])
    print(f"\n{table['title']}  ({table['threads']} thread{'s' * (table['threads'] > 1)})")
    print(f"  {'':{width}}  {'median':>10} {'(low … high)':>21}  " + "  ".join(f"{name + ' /':>14}" for name in ours))
    for row in table["rows"]:
        if "error" in row:
            print(f"  {row['name']:{width}}  did not run: {row['error']}")
            continue
        ratios = "  ".join(f"{row['ratios'].get(name, float('nan')):14.2f}".replace("nan", "  –") for name in ours)
        goal = f"   goal ≤ {row['goal']}" if row["goal"] else ""
        doubt = "" if row["same"] else "   its result differs from the first's"
        spread = f"({_readable(row['lowest'])} … {_readable(row['highest'])})"
        print(f"  {row['name']:{width}}  {_readable(row['seconds']):>10} {spread:>21}  {ratios}{goal}{doubt}")
    sys.stdout.flush()


def _readable(seconds: float) -> str:
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds * 1e9:.0f} ns"


def machine() -> dict[str, Any]:
    """What the numbers were measured on."""
    from importlib.metadata import PackageNotFoundError, version

    versions = {}
    for name in ("numpy", "scipy", "torch", "jax", "autograd", "mygrad", "dezero"):
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            versions[name] = "missing"
    model = platform.processor()
    if os.path.exists("/proc/cpuinfo"):
        with open("/proc/cpuinfo") as file:
            model = next((line.partition(": ")[2].strip() for line in file if line.startswith("model name")), model)
    return {
        "processor": model,
        "cores": os.cpu_count(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "blas": blas(),
        "kernels asked for": kernels().get("OPENBLAS_CORETYPE", "the library's choice"),
        "load before": round(os.getloadavg()[0], 2),
        **versions,
    }


# ----------------------------------------------------------------------------------------------------- the child
def work(target: str, options: dict[str, Any]) -> None:
    """Prepare the contender, then time it whenever a line comes in. Answers are lines of JSON."""
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # whatever a library prints goes elsewhere

    def answer(**facts: Any) -> None:
        answers.write(json.dumps(facts) + "\n")

    try:
        module, _, function = target.partition(":")
        step = getattr(importlib.import_module(module), function)(**options)
        began = time.perf_counter()
        values = [float(step()), float(step())]  # the second comes after one update
        while time.perf_counter() - began < 2 * ROUND:
            step()
        answer(values=values)
    except Exception as error:
        return answer(error=f"{type(error).__name__}: {error}".splitlines()[0][:160])
    for _ in sys.stdin:
        times = []
        while not times or sum(times) < ROUND:
            began = time.perf_counter()
            step()
            times.append(time.perf_counter() - began)
        answer(times=[statistics.median(times)])


if __name__ == "__main__":
    work(sys.argv[1], json.loads(sys.argv[2]))
