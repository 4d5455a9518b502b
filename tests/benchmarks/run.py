"""`python -m tests.benchmarks.run [--only engine vae …] [--rounds 5] [--json results.json]`: all ratios, as tables.

Wants an otherwise idle machine. Everything takes about a quarter of an hour; `--only` picks subjects.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

from . import conv_vae, convolution, engine, gan, growth, harness, imports, memory, pixelcnn, vae

SUBJECTS = {
    "engine": engine.run,
    "vae": vae.run,
    "conv": convolution.run,
    "conv_vae": conv_vae.run,
    "pixelcnn": pixelcnn.run,
    "gan": gan.run,
    "memory": memory.run,
    "import": imports.run,
    "growth": growth.run,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").strip().splitlines()[0])
    parser.add_argument("--only", nargs="+", choices=list(SUBJECTS), default=list(SUBJECTS), metavar="SUBJECT")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path, help="write all numbers to this file")
    options = parser.parse_args()

    began = time.perf_counter()
    facts = harness.machine()
    print("\n".join(f"{name}: {value}" for name, value in facts.items()))
    results = {"machine": facts, **{name: SUBJECTS[name](options.rounds) for name in options.only}}
    if options.json:
        options.json.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n")
    print(f"\n{time.perf_counter() - began:.0f} seconds")


if __name__ == "__main__":
    main()
