"""Files that are there whole or not at all, whenever the program is stopped."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["whole"]


@contextmanager
def whole(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Write a file under another name, and give it its own in a single step of the file system.

        with files.whole("run/model.npz") as draft:
            np.savez(draft, …)

    `draft` lies beside `path` and has its ending; folders are made. If the block raises, the draft is removed and what
    was at `path` is still there.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.stem}.{os.getpid()}{path.suffix}")
    try:
        yield draft
        with open(draft, "rb+") as file:
            os.fsync(file.fileno())  # the content is on the disk before the name points at it
        os.replace(draft, path)
    finally:
        draft.unlink(missing_ok=True)
