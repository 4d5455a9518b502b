"""`python -m tests.benchmarks.tables [results.json]`: what was measured about growth, in Markdown.

The README in this folder holds these tables; a test compares it with results.json.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterable
from pathlib import Path

RESULTS = Path(__file__).with_name("results.json")
USUAL = {"blocks": 7, "channels": 32, "side": 28, "images": 64}  # of a PixelCNN; each table makes one of them larger
WIDTHS = {"batch": 128, "hidden": 400}  # of a VAE


def growth(results: dict) -> str:
    """A table for each of what a step's time, and drawing's, may depend on."""
    steps = [t for t in results["pixelcnn"] if t["title"].startswith("PixelCNN step") and t["threads"] == 2]
    drawn = [t for t in results["pixelcnn"] if t["title"].startswith("PixelCNN drawing")]
    vae = [t | t["case"] for t in results["growth"]]
    tables = [
        *(table("A PixelCNN's step, two threads", name, steps, USUAL) for name in ("blocks", "channels", "side")),
        *(table("Drawing from a PixelCNN, one thread", name, drawn, USUAL) for name in ("side", "images")),
        *(table("A VAE's step, one thread", name, vae, WIDTHS) for name in WIDTHS),
    ]
    return "\n\n".join(tables)


def table(title: str, name: str, measured: Iterable[dict], usual: dict[str, int]) -> str:
    """Seconds against one size, all others as usual; the power of it that they grow with, from line to line."""
    others = {key: value for key, value in usual.items() if key != name}
    chosen = [t for t in measured if all(t[key] == value for key, value in others.items())]
    found = sorted((t[name], [(row["name"], row["seconds"]) for row in t["rows"]]) for t in chosen)
    names = [contender for contender, _ in found[0][1]]  # the others may have more, which were not made larger
    lines = [
        f"**{title}, against {name}** ({', '.join(f'{value} {key}' for key, value in others.items())})",
        "",
        f"| {name} | " + " | ".join(f"{contender}, ms" for contender in names) + " | ours grows as |",
        "|---" * (len(names) + 2) + "|",
    ]
    before = None
    for size, times in found:
        seconds = dict(times)
        ours = seconds[names[0]]
        power = f"{name}^{math.log(ours / before[1]) / math.log(size / before[0]):.2f}" if before else ""
        cells = [str(size), *(f"{1e3 * seconds[contender]:.3g}" for contender in names), power]
        lines.append("| " + " | ".join(cells) + " |")
        before = size, ours
    return "\n".join(lines)


if __name__ == "__main__":
    print(growth(json.loads(Path(*sys.argv[1:] or [RESULTS]).read_text(encoding="utf-8"))))
