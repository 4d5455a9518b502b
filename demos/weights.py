"""Weights that come with a demo: a small file for each, with the recipe that made them.

--export writes such a file, --pretrained and --evaluate read it. The demo's name stands in it, so that the weights of
one demo are not taken for those of another. Weights are stored in half precision (eleven bits), which halves the file;
what a run measures after exporting are these rounded weights, so that its numbers are those of the file.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from scratchgen import training

__all__ = ["FOLDER", "adopt", "best_epoch", "export", "load", "shipped"]

FOLDER = Path(__file__).parent / "weights"


def export(path: Path, demo: str, run: training.Run, facts: Mapping[str, Any]) -> None:
    """Write the weights of the best epoch alone, with what it took to make them: `facts["recipe"]`, and more. Then the
    model has them too, as they stand in the file. Raises `FileExistsError` where something else is, a checkpoint."""
    if path.exists():
        try:
            training.load(path, label(demo))
        except training.CheckpointError:
            raise FileExistsError(
                f"{path}: expected a new file or weights of demos.{demo}, found something else; name another file with "
                "--export (and take --resume: the training is not lost)"
            ) from None
    rounded = {name: value.astype(np.float16) for name, value in run.best.items()}
    training.save(path, {"model": rounded}, {"best epoch": best_epoch(run), **facts}, label(demo))
    run.model.load_state_dict(_single(rounded))
    print(f"weights: {path} ({path.stat().st_size / 1024:.0f} KiB)")


def load(path: Path, demo: str) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """The weights in a file, and what it says about them. Raises `FileNotFoundError` where there is none, and
    `CheckpointError` where it is damaged or another demo's."""
    if not path.exists():
        raise FileNotFoundError(f"there are no weights in {path}; make some with --export {path}")
    try:
        parts, facts = training.load(path, label(demo))
    except training.CheckpointError as error:
        written = f"python -m demos.{demo} --export {path.name}"
        raise training.CheckpointError(f"{path}: expected a whole file of weights, as `{written}` writes it") from error
    print(f"weights: {path.name}, epoch {facts['best epoch']} of a training on {facts['data']}")
    for stage in _stages(facts):
        print(f"  recipe: {json.dumps(stage['recipe'])}, best epoch {stage['best epoch']}")
    return _single(parts["model"]), facts


def _stages(facts: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """What is known of each training that led to these weights, from the first on."""
    return [*(_stages(facts["start"]) if "start" in facts else []), facts]


def adopt(config: Any, recipe: Mapping[str, Any], *names: str) -> None:
    """Take over from a recipe what cannot be chosen any more. Ends the demo where something else was asked for: on the
    command line, be it the default, or by a value that is no default."""
    for name in names:
        default = getattr(type(config), name)
        was = recipe.get(name, default)  # an old recipe does not name what was not yet an option
        value = getattr(config, name)
        asked = name in config.given or value not in (default, config.QUICK.get(name, default))
        if asked and value != was:
            sys.exit(f"demos.{config.NAME}: --{name} {value} was asked for, but the weights have {was}")
        setattr(config, name, was)


def _single(state: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The same numbers in single precision, in which models compute."""
    return {name: value.astype(np.float32) for name, value in state.items()}


def shipped(name: str) -> Path:
    """Where the weights of this name come with the demos."""
    return FOLDER / f"{name}.npz"


def best_epoch(run: training.Run) -> int:
    """The one with the lowest loss on the validation images; the first is number 1."""
    return int(np.argmin(run.losses)) + 1


def label(demo: str) -> dict[str, str]:
    return {"what": f"weights of demos.{demo}"}
