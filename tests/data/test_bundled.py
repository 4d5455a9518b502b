"""The bundled digits: real, stratified, apart from each other, and made by the script beside them."""

import hashlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import scratchgen.data
from scratchgen.data import Digits, digits, make_digits, mnist

SIZES = {"train": 5000, "validation": 1000, "test": 1000}


@pytest.mark.parametrize("split", SIZES)
def test_each_split_is_stratified_and_mixed(split):
    images, labels = digits(split)
    n = SIZES[split]
    assert (images.shape, images.dtype) == ((n, 28, 28), np.uint8)
    assert (labels.shape, labels.dtype) == ((n,), np.int64)
    np.testing.assert_array_equal(np.bincount(labels), np.full(10, n // 10))
    for part in np.split(labels, 5):  # nothing is left of an order by class, nor of how frequent a class is
        assert abs(np.bincount(part, minlength=10) - n / 50).max() < 5 * np.sqrt(n / 50)


def test_no_image_stands_in_two_splits_or_twice():
    hashes = [hashlib.sha256(image.tobytes()).digest() for split in SIZES for image in digits(split).images]
    assert len(set(hashes)) == sum(SIZES.values())


def test_the_labels_belong_to_the_images():
    """The nearest class mean is right about 4 times in 5 on MNIST; with labels out of step, once in 10."""
    train, test = digits("train"), digits("test")
    means = np.stack([train.flat()[train.labels == label].mean(0) for label in range(10)])
    distances = ((test.flat()[:, None] - means) ** 2).sum(2)
    assert 0.75 < (distances.argmin(1) == test.labels).mean() < 0.9


def test_each_call_gives_arrays_of_its_own():
    first, second = digits("test"), digits("test")
    first.images[:] = 0
    assert second.images.max() == 255


def test_another_split_is_refused():
    with pytest.raises(ValueError, match="digits: split is 'valid', expected 'train', 'validation' or 'test'"):
        digits("valid")


def test_the_file_is_small_without_pickles_and_with_its_licence():
    folder = Path(scratchgen.data.__file__).parent
    assert 1e6 < (folder / "digits.npz").stat().st_size < 1.6e6
    with np.load(folder / "digits.npz", allow_pickle=False) as file:
        assert {array.dtype for array in map(file.get, file.files)} == {np.dtype(np.uint8)}
    licence = (folder / "digits-licence.txt").read_text(encoding="utf-8")
    for words in ("CC BY-SA 3.0", "Yann LeCun", "Corinna Cortes", "make_digits.py"):
        assert words in licence


def test_no_network_and_no_slow_import_for_the_bundled_digits():
    code = (
        "import sys, scratchgen.data as d; d.digits('test'); "
        "print([m for m in ('pooch', 'requests', 'scipy.io', 'matplotlib', 'tqdm') if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


# ------------------------------------------------------------------------------------------------- the script
def test_the_selection_ignores_the_order_of_the_source():
    rng = np.random.default_rng(0)
    data = [Digits(rng.integers(256, size=(n, 28, 28)).astype(np.uint8), np.arange(n) % 10) for n in (6200, 1200)]
    shuffled = [Digits(x.images[order], x.labels[order]) for x in data for order in [rng.permutation(len(x.labels))]]
    first, second = make_digits.select(*data), make_digits.select(*shuffled)
    assert first.keys() == second.keys() == SIZES.keys()
    for split, size in SIZES.items():
        assert first[split].images.shape == (size, 28, 28)
        np.testing.assert_array_equal(first[split].images, second[split].images)
        np.testing.assert_array_equal(first[split].labels, second[split].labels)


def test_a_frequent_class_does_not_come_first():
    """Of class 1 there are 3 times as many: in the order of the draw, its share would stand in the first third."""
    rng = np.random.default_rng(1)
    labels = np.concatenate([np.full(1800 if label == 1 else 600, label) for label in range(10)])
    data = Digits(rng.integers(256, size=(len(labels), 28, 28)).astype(np.uint8), labels)
    for part in np.split(make_digits.select(data, data)["train"].labels, 5):
        assert abs(np.bincount(part, minlength=10) - 100).max() < 5 * np.sqrt(100)


def test_the_script_makes_this_very_file(complete_data, tmp_path):
    command = [
        sys.executable,
        "-m",
        "scratchgen.data.make_digits",
        "--root",
        complete_data,
        "--out",
        tmp_path / "d.npz",
    ]
    out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "5000 train, 1000 validation, 1000 test" in out
    with np.load(tmp_path / "d.npz") as made:
        for split in SIZES:
            np.testing.assert_array_equal(made[f"{split}_images"], digits(split).images)
            np.testing.assert_array_equal(made[f"{split}_labels"], digits(split).labels)


def test_train_and_validation_come_from_the_official_training_set(complete_data):
    keys = lambda data: {(image.tobytes(), int(label)) for image, label in zip(data.images, data.labels, strict=True)}
    official_train, official_test = keys(mnist(complete_data, "train")), keys(mnist(complete_data, "test"))
    assert keys(digits("train")) | keys(digits("validation")) <= official_train
    assert keys(digits("test")) <= official_test
