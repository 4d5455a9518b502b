"""The most memory that a PixelCNN step holds at once, and how it grows with depth.

Each contender is a process of its own. What it holds after its preparation (libraries, weights, images) is taken off
from the peak of three steps: what is left are activations, gradients, Adam's moments and the allocator's leftovers.
"""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from . import harness, pixelcnn

STATUS = Path("/proc/self/status")
DEPTHS = (3, 7, 15)


def run(rounds: int = 5) -> list[dict]:
    """One table: peak memory by depth, ours with one worker, against PyTorch's two layouts. (It hardly varies, so one
    round is enough.)"""
    del rounds
    rows = {
        name: [peak(f"{pixelcnn.__name__}:{function}", _options(name, blocks)) for blocks in DEPTHS]
        for name, function in pixelcnn.STEP.items()
    }
    size = "{images} images of {side}×{side}, {channels} channels".format(**pixelcnn.USUAL)
    table = {"title": f"peak memory of a PixelCNN step, {size}", "blocks": DEPTHS, "MiB": rows, "goal": {"torch": 1.2}}
    _show(table)
    return [table]


def _options(name: str, blocks: int) -> dict[str, int]:
    return pixelcnn.USUAL | {"blocks": blocks} | ({"workers": 1} if name == "scratchgen" else {})


def _show(table: dict) -> None:
    print(f"\n{table['title']}  (MiB; in brackets ours / theirs)\n  {'blocks':>22}" + _columns(table["blocks"]))
    for name, sizes in table["MiB"].items():
        ratios = [f"{size:.0f} ({ours / size:.2f})" for ours, size in zip(table["MiB"]["scratchgen"], sizes)]
        print(f"  {name:>22}" + _columns(ratios))


def _columns(cells: Any) -> str:
    return "".join(f"{cell:>16}" for cell in cells)


def peak(target: str, options: dict[str, Any]) -> float:
    """MiB that three steps of a contender add, at most, to what it held before them."""
    answer = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks.memory", target, json.dumps(options)],
        capture_output=True, text=True, check=True, env={**os.environ, **harness.environment(1)},
    )  # fmt: skip
    return float(json.loads(answer.stdout.splitlines()[-1]))


def work(target: str, options: dict[str, Any]) -> None:
    """In the child: prepare, forget the peak so far, work, and print what was added."""
    module, _, function = target.partition(":")
    step = getattr(importlib.import_module(module), function)(**options)
    before = _status("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts again from here
    for _ in range(3):
        step()
    print(json.dumps((_status("VmHWM") - before) / 1024))


def _status(field: str) -> int:
    """A line of Linux's account of this process, in KiB."""
    return next(int(line.split()[1]) for line in STATUS.read_text().splitlines() if line.startswith(field))


if __name__ == "__main__":
    work(sys.argv[1], json.loads(sys.argv[2]))
