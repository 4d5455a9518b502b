"""`python -m scratchgen`: the program's own command line."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from . import __version__, doctor

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit status."""
    parser = argparse.ArgumentParser(prog="python -m scratchgen", description="Generative models from scratch.")
    parser.add_argument("--version", action="version", version=f"scratchgen {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")
    commands.add_parser("doctor", help="what this machine offers, and what would make it faster")
    parser.parse_args(arguments)
    print(doctor.report())
    return 0


if __name__ == "__main__":
    sys.exit(main())
