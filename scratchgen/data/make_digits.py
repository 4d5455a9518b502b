"""Make `digits.npz`, the bundled part of MNIST, from the complete files.

    python -m scratchgen.data.make_digits --root FOLDER [--out FILE]

Which images are taken must not depend on the version of a random generator. So the sha256 of an image's pixels is its
lot, and of each class the lowest lots are drawn: a shuffle that every machine repeats.
"""

from __future__ import annotations

import argparse
import hashlib
from pathlib import Path
from typing import Any

import numpy as np

from . import bundled
from .complete import mnist
from .pixels import Digits

CLASSES = 10


def by_lot(data: Digits, word: bytes) -> Digits:
    """The same images and labels in the order of their lots; another word, another order."""
    lots = [hashlib.sha256(word + image.tobytes()).digest() for image in data.images]
    order = sorted(range(len(lots)), key=lots.__getitem__)
    return Digits(data.images[order], data.labels[order])


def stratum(data: Digits, start: int, stop: int) -> Digits:
    """Images number start … stop − 1 of every class, mixed.

    Mixed by new lots: in the order of the old, a frequent class would have its share drawn first and run out early.
    """
    rows = np.concatenate([np.flatnonzero(data.labels == label)[start:stop] for label in range(CLASSES)])
    return by_lot(Digits(data.images[rows], data.labels[rows]), b"mix")


def select(train: Digits, test: Digits) -> dict[str, Digits]:
    """The three splits: 500 + 100 of every class from the official training set, 100 from the official test set."""
    train, test = by_lot(train, b"draw"), by_lot(test, b"draw")
    return {"train": stratum(train, 0, 500), "validation": stratum(train, 500, 600), "test": stratum(test, 0, 100)}


def main() -> None:
    parser = argparse.ArgumentParser(description="Make the bundled part of MNIST from the complete files.")
    parser.add_argument("--root", type=Path, help="folder with MNIST's four IDX files (default: SCRATCHGEN_DATA)")
    parser.add_argument("--out", type=Path, default=bundled.PATH, help="default: %(default)s")
    args = parser.parse_args()
    splits = select(mnist(args.root, "train"), mnist(args.root, "test"))
    arrays: dict[str, Any] = {}
    for split, data in splits.items():
        arrays[f"{split}_images"] = data.images
        arrays[f"{split}_labels"] = data.labels.astype(np.uint8)
    np.savez_compressed(args.out, **arrays)
    counts = ", ".join(f"{len(data.images)} {split}" for split, data in splits.items())
    print(f"{args.out}: {counts}; {args.out.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
