"""Checkpoints: one `.npz` file of plain arrays and one JSON text, never pickle.

A file appears whole or not at all (`scratchgen.files`). It is read whole before anything is changed, and every member
carries a checksum.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any

import numpy as np

from .. import files

__all__ = ["CheckpointError", "load", "save"]

FORMAT = 1

PathLike = str | os.PathLike[str]
Parts = Mapping[str, Mapping[str, Any]]


class CheckpointError(Exception):
    """A checkpoint that cannot be used; the message says why and what to do."""


def save(path: PathLike, parts: Parts, facts: Mapping[str, Any], config: Mapping[str, Any]) -> None:
    """Write parts (`state_dict`s by name), JSON-able facts and the run's configuration to `path`, atomically.

    Raises `ValueError` for what is no array of numbers: nothing is pickled.
    """
    arrays = {f"{part}/{name}": np.asarray(value) for part, state in parts.items() for name, value in state.items()}
    for name, array in arrays.items():
        if array.dtype.hasobject:
            raise ValueError(f"save: {name} is no array of numbers, but of dtype {array.dtype}")
    text = json.dumps({"format": FORMAT, "config": config, "facts": facts, "arrays": list(arrays)})
    with files.whole(path) as draft, open(draft, "wb") as file:
        np.savez(file, **{"json": np.array(text), **arrays})  # type: ignore[arg-type]


def check_config(config: Mapping[str, Any]) -> None:
    """Raises `ValueError` for a configuration that JSON cannot hold, and names what it is in it."""
    for name, value in config.items():
        try:
            json.dumps(value)
        except TypeError as error:
            raise ValueError(
                f"config: {name!r} is a {type(value).__name__}, which JSON cannot hold; use numbers and texts"
            ) from error


def load(path: PathLike, config: Mapping[str, Any]) -> tuple[dict[str, dict[str, np.ndarray]], dict[str, Any]]:
    """The parts and the facts in `path`; raises `CheckpointError` unless it is whole and of this configuration."""
    try:
        with open(path, "rb") as stream, np.load(stream, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        if "json" not in arrays:
            raise CheckpointError(f"{path}: an archive of arrays, not a whole checkpoint; give another path")
        content = json.loads(str(arrays.pop("json")))
        version, theirs, facts = content["format"], content["config"], content["facts"]
        if list(arrays) != content["arrays"]:  # the checksums do not cover the archive's list of members
            raise ValueError(f"{len(content['arrays'])} arrays were written, {len(arrays)} are there")
    except FileNotFoundError:
        raise CheckpointError(f"{path}: there is no checkpoint to resume from; run once without --resume") from None
    except CheckpointError:
        raise
    except Exception as error:  # in a damaged file, zipfile and NumPy raise whatever they stumble over
        raise CheckpointError(
            f"{path}: not a whole checkpoint ({type(error).__name__}: {error}); delete it, and train without --resume"
        ) from error
    if version != FORMAT:
        raise CheckpointError(f"{path}: written in format {version}, this program reads format {FORMAT}; train again")
    ours = json.loads(json.dumps(dict(config)))  # as JSON would give it back: tuples are lists
    differing = [
        f"{name} was {theirs.get(name, 'absent')!r}, is now {ours.get(name, 'absent')!r}"
        for name in sorted({*ours, *theirs})
        if ours.get(name) != theirs.get(name)
    ]
    if differing:
        raise CheckpointError(
            f"{path}: of another run ({'; '.join(differing)}); use the same options, or another --out"
        )
    parts: dict[str, dict[str, np.ndarray]] = {}
    for key, value in arrays.items():
        part, _, name = key.partition("/")
        parts.setdefault(part, {})[name] = value
    return parts, facts
