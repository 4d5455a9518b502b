"""The complete data sets, read from your own folder: MNIST and its static binarization.

Nothing is downloaded unless asked, and nothing is believed unless checked: a file that is missing, cut short, damaged
or under the wrong name is named, with what to do.
"""

from __future__ import annotations

import hashlib
import io
import os
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from .. import files
from .idx import decompressed, parse_idx
from .pixels import Digits

__all__ = ["binarized_mnist", "data_root", "mnist"]

Root = str | os.PathLike[str] | None


def data_root(root: Root = None) -> Path:
    """Where complete data sets are looked for: `root`, else the folder SCRATCHGEN_DATA, else ~/.cache/scratchgen."""
    return Path(root or os.environ.get("SCRATCHGEN_DATA") or "~/.cache/scratchgen").expanduser()


def _find(root: Path, folder: str, names: list[str]) -> Path | None:
    """The first file of these names in `root` or in its `folder`."""
    candidates = [place / name for place in (root, root / folder) for name in names]
    return next((path for path in candidates if path.is_file()), None)


# ------------------------------------------------------------------------------------------------------- MNIST
class Source(NamedTuple):
    """A published file: its name, the shape of its array, the sha256 of its *decompressed* bytes."""

    name: str
    shape: tuple[int, ...]
    sha256: str


# fmt: off
MNIST = {  # images and labels of each split
    "train": (
        Source("train-images-idx3-ubyte", (60000, 28, 28),
               "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db"),
        Source("train-labels-idx1-ubyte", (60000,),
               "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5"),
    ),
    "test": (
        Source("t10k-images-idx3-ubyte", (10000, 28, 28),
               "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7"),
        Source("t10k-labels-idx1-ubyte", (10000,),
               "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2"),
    ),
}
# fmt: on

MIRRORS = [
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
]


def mnist(root: Root = None, split: str = "train", download: bool = False) -> Digits:
    """MNIST, complete: 60,000 images in the split "train", 10,000 in "test" (LeCun, Cortes & Burges 1998).

    Reads the IDX files, plain or .gz, from `root` or `root`/mnist, where `root` is by default the folder
    SCRATCHGEN_DATA, else ~/.cache/scratchgen. With `download=True` files that are not there are fetched into
    `root`/mnist (about 12 MB in all). The official data has no validation set: hold back a part of "train".

    Raises `FileNotFoundError` for a missing file, `ValueError` for one that is not MNIST's, byte for byte, and
    `ConnectionError` where no mirror delivers. For 7,000 real digits without any file or network, see `digits`.
    """
    if split not in MNIST:
        raise ValueError(f"mnist: split is {split!r}, expected 'train' or 'test'")
    images, labels = (_load(source, data_root(root), download) for source in MNIST[split])
    return Digits(images, labels.astype(np.int64))


def _load(source: Source, root: Path, download: bool) -> np.ndarray:
    path = _find(root, "mnist", [source.name, source.name + ".gz"])
    if path is None and not download:
        raise FileNotFoundError(
            f"mnist: no {source.name} (or {source.name}.gz) in {root} or {root / 'mnist'}; "
            "name the folder that holds it by root= or SCRATCHGEN_DATA, or fetch it: mnist(root, download=True)"
        )
    if path is None:
        return _fetch(source, root / "mnist")
    try:
        return _verified(source, path.read_bytes(), str(path))
    except ValueError as error:
        raise ValueError(f"mnist: {error}; delete the file and fetch it again: mnist(root, download=True)") from error


def _verified(source: Source, content: bytes, name: str) -> np.ndarray:
    """The array in a file's bytes, known to be the published one. Raises `ValueError`, with `name`, where it is not."""
    content = decompressed(content, name)
    array = parse_idx(content, name)
    if array.shape != source.shape:
        raise ValueError(f"{name} holds an array {array.shape}, expected {source.shape}: another file under this name")
    sha256 = hashlib.sha256(content).hexdigest()
    if sha256 != source.sha256:
        raise ValueError(
            f"{name} has the right format but not MNIST's bytes (sha256 {sha256[:12]}…, "
            f"expected {source.sha256[:12]}…): it is damaged, or another data set of this shape"
        )
    return array


def _fetch(source: Source, folder: Path) -> np.ndarray:
    """Fetch a file from the first mirror that delivers it whole, keep it in `folder`, and return its array."""
    failures = []
    for mirror in MIRRORS:
        url = f"{mirror}{source.name}.gz"
        try:
            content = _download(url)
            array = _verified(source, content, url)
        except (OSError, ValueError) as error:  # the errors of `requests` are OSErrors
            failures.append(f"\n  {url}: {error}")
            continue
        with files.whole(folder / f"{source.name}.gz") as draft:
            draft.write_bytes(content)
        return array
    raise ConnectionError(
        f"mnist: no mirror delivered {source.name}.gz:{''.join(failures)}\n"
        f"try again later, or put the file into {folder} yourself"
    )


def _download(url: str) -> bytes:
    import pooch  # loaded here: only a download needs it

    buffer = io.BytesIO()
    pooch.HTTPDownloader(chunk_size=1 << 16, timeout=30)(url, buffer, None)
    return buffer.getvalue()


# --------------------------------------------------------------------------------------- static binarized MNIST
class Bits(NamedTuple):
    """A file of the static binarization: the word in its name, its number of images, and its number of ones, by which
    validation and test, alike in shape, are told apart."""

    word: str
    images: int
    ones: int


BINARIZED = {
    "train": Bits("train", 50000, 5118041),
    "validation": Bits("valid", 10000, 1028036),
    "test": Bits("test", 10000, 1038896),
}


def binarized_mnist(root: Root = None, split: str = "train") -> np.ndarray:
    """The static binarization behind the published likelihoods of binarized MNIST: float32 (N, 784), zeros and ones.

    N = 50,000 in "train", 10,000 in "validation" and "test". Drawn once from the grey values, so everybody's models are
    scored on the same bits (Larochelle & Murray 2011; Salakhutdinov & Murray 2008). It has no labels, its order is not
    MNIST's, and "test" is sorted by class: shuffle before looking at a part of it.

    Reads `binarized_mnist_train.mat` (key X) or `binarized_mnist_train.amat` (text), likewise `…_valid` and `…_test`,
    from `root` or `root`/binarized_mnist; for `root` see `mnist`.
    Raises `FileNotFoundError` or `ValueError`, as `mnist` does.
    """
    if split not in BINARIZED:
        raise ValueError(f"binarized_mnist: split is {split!r}, expected 'train', 'validation' or 'test'")
    bits, root = BINARIZED[split], data_root(root)
    name = f"binarized_mnist_{bits.word}"
    path = _find(root, "binarized_mnist", [name + ".mat", name + ".amat"])
    if path is None:
        raise FileNotFoundError(
            f"binarized_mnist: no {name}.mat (or .amat) in {root} or {root / 'binarized_mnist'}; name the folder that "
            "holds it by root= or SCRATCHGEN_DATA, or draw bits of your own: binarize(digits().flat(), 'static')"
        )
    x = _read_bits(path)
    if x.shape != (bits.images, 784):
        raise _not_the_bits(
            path, f"holds an array {x.shape}, expected {(bits.images, 784)}: cut short, or another file"
        )
    if not ((x == 0) | (x == 1)).all():
        raise _not_the_bits(path, "holds other values than 0 and 1: grey values, or damaged")
    ones = np.count_nonzero(x)
    if ones != bits.ones:
        raise _not_the_bits(path, f"has {ones} ones, expected {bits.ones}: damaged, or another split or drawing")
    return np.ascontiguousarray(x, np.float32)  # MATLAB's files hold column after column, and images are read in rows


def _read_bits(path: Path) -> np.ndarray:
    try:
        return np.asarray(_read_mat(path) if path.suffix == ".mat" else np.loadtxt(path, dtype=np.uint8, ndmin=2))
    except Exception as error:  # a damaged .mat makes scipy.io raise whatever it stumbles over
        raise _not_the_bits(path, f"cannot be read ({type(error).__name__}: {error})") from error


def _read_mat(path: Path) -> Any:
    from scipy.io import loadmat  # loaded here: importing scipy.io takes longer than importing scratchgen

    return loadmat(path)["X"]


def _not_the_bits(path: Path, what: str) -> ValueError:
    return ValueError(f"binarized_mnist: {path} {what}; replace the file by a fresh copy")
