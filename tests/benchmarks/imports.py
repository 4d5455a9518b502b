"""What `import scratchgen` costs, beside NumPy alone, PyTorch and JAX: `python -X importtime`, in turn."""

from __future__ import annotations

import statistics
import subprocess
import sys

from .harness import show

MODULES = ("scratchgen", "numpy", "torch", "jax")
GOAL = 0.3  # seconds


def run(rounds: int = 5) -> list[dict]:
    """The time of each import in a fresh interpreter, everything it brings along included."""
    times: dict[str, list[float]] = {name: [] for name in MODULES}
    for _ in range(rounds + 1):
        for name in MODULES:
            times[name].append(_import_time(name))
    rows = []
    for name in MODULES:
        counted = times[name][1:]  # the first round reads the disk
        ratios = [a / b for a, b in zip(times["scratchgen"][1:], counted)]
        rows.append(
            {
                "name": name,
                "goal": None,
                "seconds": statistics.median(counted),
                "lowest": min(counted),
                "highest": max(counted),
                "same": True,
                "ratios": {} if name == "scratchgen" else {"scratchgen": statistics.median(ratios)},
            }
        )
    table = {"title": f"import (goal: scratchgen < {GOAL} s)", "threads": 1, "rounds": rounds, "rows": rows}
    show(table)
    return [table]


def _import_time(module: str) -> float:
    """Seconds until `import module` is done, from the last line that -X importtime writes about it."""
    command = [sys.executable, "-X", "importtime", "-c", f"import {module}"]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stderr.splitlines()
    _, cumulative, _ = next(line for line in reversed(lines) if line.endswith(f"| {module}")).split("|")
    return int(cumulative) / 1e6
