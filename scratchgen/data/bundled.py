"""Seven thousand real digits that come with the package: no download, no folder."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from .pixels import Digits

__all__ = ["digits"]

SPLITS = ("train", "validation", "test")
PATH = Path(__file__).with_name("digits.npz")


def digits(split: str = "train") -> Digits:
    """A stratified part of MNIST: 5,000 images in "train", 1,000 in "validation" and 1,000 in "test", each with as many
    of every class, in mixed order.

    Train and validation are taken from MNIST's training set, test from its test set; `make_digits.py` is how,
    `digits-licence.txt` the licence. Raises `ValueError` for another split.
    """
    if split not in SPLITS:
        raise ValueError(f"digits: split is {split!r}, expected 'train', 'validation' or 'test'")
    with np.load(PATH, allow_pickle=False) as file:
        return Digits(file[f"{split}_images"], file[f"{split}_labels"].astype(np.int64))
