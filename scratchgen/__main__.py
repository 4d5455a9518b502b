"""`python -m scratchgen`: the program's own command line."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from . import __version__, doctor
from .checker import commands as checker

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit status."""
    parser = argparse.ArgumentParser(prog="python -m scratchgen", description="Generative models from scratch.")
    parser.add_argument("--version", action="version", version=f"scratchgen {__version__}")
    commands = parser.add_subparsers(required=True, metavar="command")
    facts = commands.add_parser("doctor", help="what this machine offers, and what would make it faster")
    facts.set_defaults(run=_doctor)
    checker.add(commands)
    options = parser.parse_args(arguments)
    status: int = options.run(options)
    return status


def _doctor(options: argparse.Namespace) -> int:
    print(doctor.report())
    return 0


if __name__ == "__main__":
    sys.exit(main())
