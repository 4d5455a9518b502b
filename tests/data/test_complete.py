"""MNIST and its static binarization: found, checked, and named where something is wrong."""

import gzip
from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat

from scratchgen.data import binarized_mnist, complete, data_root, mnist

from .conftest import idx


def write(folder, files, pack=False):
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        path = folder / (name + ".gz" if pack else name)
        path.write_bytes(gzip.compress(content) if pack else content)


def assert_is(data, arrays):
    images, labels = data
    assert (images.dtype, labels.dtype) == (np.uint8, np.int64)
    np.testing.assert_array_equal(images, arrays[0])
    np.testing.assert_array_equal(labels, arrays[1])


# -------------------------------------------------------------------------------------------------- where it is
@pytest.mark.parametrize("pack", [False, True])
@pytest.mark.parametrize("folder", [".", "mnist"])
@pytest.mark.parametrize("how", ["root", "text", "environment"])
def test_mnist_is_found(small, tmp_path, monkeypatch, pack, folder, how):
    write(tmp_path / folder, small.files, pack)
    monkeypatch.delenv("SCRATCHGEN_DATA", raising=False)
    if how == "environment":
        monkeypatch.setenv("SCRATCHGEN_DATA", str(tmp_path))
    root = {"root": tmp_path, "text": str(tmp_path), "environment": None}[how]
    for split, arrays in small.arrays.items():
        assert_is(mnist(root, split), arrays)


def test_a_file_in_the_root_goes_before_one_in_its_folder(small, tmp_path):
    write(tmp_path, small.files, pack=True)
    write(tmp_path / "mnist", dict.fromkeys(small.files, b"another file"))
    assert_is(mnist(tmp_path), small.arrays["train"])


def test_the_argument_goes_before_the_environment_and_that_before_the_cache(monkeypatch):
    monkeypatch.setenv("SCRATCHGEN_DATA", "/from/environment")
    assert data_root("/given") == Path("/given")
    assert data_root() == Path("/from/environment")
    monkeypatch.delenv("SCRATCHGEN_DATA")
    assert data_root() == Path.home() / ".cache" / "scratchgen"


def test_a_missing_file_is_named_with_what_to_do(small, tmp_path):
    write(tmp_path / "mnist", {name: content for name, content in small.files.items() if "train-labels" not in name})
    with pytest.raises(FileNotFoundError, match="mnist: no train-labels-idx1-ubyte") as error:
        mnist(tmp_path)
    for words in (str(tmp_path / "mnist"), "root=", "SCRATCHGEN_DATA", "download=True"):
        assert words in str(error.value)


def test_another_split_is_refused(tmp_path):
    with pytest.raises(ValueError, match="mnist: split is 'valid', expected 'train' or 'test'"):
        mnist(tmp_path, "valid")
    with pytest.raises(ValueError, match="binarized_mnist: split is 'valid', expected 'train', 'validation' or 'test'"):
        binarized_mnist(tmp_path, "valid")


# ----------------------------------------------------------------------------------------------- what is wrong
IMAGES, LABELS = "train-images-idx3-ubyte", "train-labels-idx1-ubyte"


def refuse(tmp_path, files, name, reason):
    write(tmp_path, files)
    with pytest.raises(ValueError, match=reason) as error:
        mnist(tmp_path)
    assert f"{tmp_path / name} " in str(error.value)
    assert "delete the file and fetch it again" in str(error.value)


@pytest.mark.parametrize("name", [IMAGES, LABELS])
def test_a_truncated_file(small, tmp_path, name):
    refuse(tmp_path, small.files | {name: small.files[name][:-1]}, name, "is cut short")


@pytest.mark.parametrize("name", [IMAGES, LABELS])
@pytest.mark.parametrize("place", [16, -1])
def test_one_wrong_value(small, tmp_path, name, place):
    content = bytearray(small.files[name])
    content[place] ^= 1
    refuse(tmp_path, small.files | {name: bytes(content)}, name, "not MNIST's bytes .*damaged, or another data set")


def test_images_under_the_name_of_labels(small, tmp_path):
    files = small.files | {LABELS: small.files[IMAGES]}
    refuse(tmp_path, files, LABELS, r"holds an array \(12, 28, 28\), expected \(12,\): another file under this name")


def test_test_images_under_the_name_of_training_images(small, tmp_path):
    files = small.files | {IMAGES: small.files["t10k-images-idx3-ubyte"]}
    refuse(tmp_path, files, IMAGES, r"holds an array \(7, 28, 28\), expected \(12, 28, 28\)")


def test_another_data_set_under_mnist_s_names(small, tmp_path):
    fashion = idx(small.arrays["train"][0][::-1])
    refuse(tmp_path, small.files | {IMAGES: fashion}, IMAGES, "another data set of this shape")


def test_a_file_of_another_format(small, tmp_path):
    refuse(tmp_path, small.files | {IMAGES: b"<html>404</html>"}, IMAGES, "is no IDX file")


# --------------------------------------------------------------------------------------- static binarized MNIST
@pytest.fixture
def small_bits(monkeypatch):
    """Stand-ins of 9, 5 and 5 images for the three files of the static binarization."""
    rng = np.random.default_rng(2)
    arrays = {
        "train": rng.integers(2, size=(9, 784)).astype(np.uint8),
        "validation": rng.integers(2, size=(5, 784)).astype(np.uint8),
        "test": rng.integers(2, size=(5, 784)).astype(np.uint8),
    }
    known = {
        split: bits._replace(images=len(arrays[split]), ones=int(arrays[split].sum()))
        for split, bits in complete.BINARIZED.items()
    }
    monkeypatch.setattr(complete, "BINARIZED", known)
    return arrays


def as_mat(path, x):
    savemat(path, {"X": x}, do_compression=True)


def as_amat(path, x):
    path.write_text("".join(" ".join(map(str, row)) + "\n" for row in x.tolist()))


WRITERS = {"mat": as_mat, "amat": as_amat}


@pytest.mark.parametrize("folder", [".", "binarized_mnist"])
@pytest.mark.parametrize("kind", WRITERS)
def test_the_static_binarization_is_read(small_bits, tmp_path, monkeypatch, folder, kind):
    (tmp_path / folder).mkdir(exist_ok=True)
    monkeypatch.setenv("SCRATCHGEN_DATA", str(tmp_path))
    for word, split in (("train", "train"), ("valid", "validation"), ("test", "test")):
        WRITERS[kind](tmp_path / folder / f"binarized_mnist_{word}.{kind}", small_bits[split])
        x = binarized_mnist(split=split)
        assert x.dtype == np.float32
        assert x.flags.c_contiguous  # image after image, as they are read
        np.testing.assert_array_equal(x, small_bits[split])


def test_a_mat_file_of_doubles_is_read_too(small_bits, tmp_path):
    as_mat(tmp_path / "binarized_mnist_test.mat", small_bits["test"].astype(np.float64))
    np.testing.assert_array_equal(binarized_mnist(tmp_path, "test"), small_bits["test"])


def refuse_bits(tmp_path, kind, reason):
    path = tmp_path / f"binarized_mnist_test.{kind}"
    with pytest.raises(ValueError, match=f"(?s)binarized_mnist: .*{path.name} {reason}.*replace the file"):
        binarized_mnist(tmp_path, "test")


@pytest.mark.parametrize("kind", WRITERS)
def test_a_cut_file_of_bits(small_bits, tmp_path, kind):
    path = tmp_path / f"binarized_mnist_test.{kind}"
    WRITERS[kind](path, small_bits["test"])
    content = path.read_bytes()
    for share in (0.0, 0.1, 0.5, 0.9):
        path.write_bytes(content[: int(len(content) * share)])
        refuse_bits(tmp_path, kind, "(cannot be read|holds an array)")


@pytest.mark.parametrize("kind", WRITERS)
def test_bits_of_another_split_or_drawing(small_bits, tmp_path, kind):
    path = tmp_path / f"binarized_mnist_test.{kind}"
    WRITERS[kind](path, small_bits["validation"])
    refuse_bits(tmp_path, kind, r"has \d+ ones, expected \d+: damaged, or another split")
    WRITERS[kind](path, small_bits["train"])
    refuse_bits(tmp_path, kind, r"holds an array \(9, 784\), expected \(5, 784\)")
    WRITERS[kind](path, small_bits["test"] * 200)
    refuse_bits(tmp_path, kind, "holds other values than 0 and 1")


def test_a_mat_file_without_the_key(small_bits, tmp_path):
    savemat(tmp_path / "binarized_mnist_test.mat", {"Y": small_bits["test"]})
    refuse_bits(tmp_path, "mat", r"cannot be read \(KeyError: 'X'\)")


def test_a_missing_file_of_bits_is_named_with_what_to_do(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no binarized_mnist_valid\.mat \(or \.amat\)") as error:
        binarized_mnist(tmp_path, "validation")
    for words in (str(tmp_path / "binarized_mnist"), "root=", "SCRATCHGEN_DATA", "binarize("):
        assert words in str(error.value)


# -------------------------------------------------------------------------------------------- the complete data
def test_the_complete_mnist(complete_data):
    for split, n, sevens in (("train", 60_000, 6265), ("test", 10_000, 1028)):  # the published class counts
        images, labels = mnist(complete_data, split)
        assert images.shape == (n, 28, 28)
        assert (labels == 7).sum() == sevens
        assert abs(images.mean() / 255 - 0.1307) < 0.003  # 0.1307 is the mean that everybody normalises MNIST by


def test_the_independent_pixel_baseline_of_the_static_binarization(complete_data):
    """−log p(x) under one Bernoulli per pixel, fitted to the training set (counts + ½): 205.8 nats on test."""
    train, test = (binarized_mnist(complete_data, split) for split in ("train", "test"))
    p = (train.sum(0, dtype=np.float64) + 0.5) / (len(train) + 1)
    nats = -(test @ np.log(p) + (1 - test) @ np.log1p(-p))
    assert nats.shape == (10_000,)
    assert abs(nats.mean() - 205.80) < 0.02
    validation = binarized_mnist(complete_data, "validation")
    assert validation.shape == (10_000, 784)
    assert not np.array_equal(validation, test)
