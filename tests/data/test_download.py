"""Downloading, from a server of our own: it works, it fails in five ways, and never leaves a part of a file behind."""

import gzip

import numpy as np
import pytest

from scratchgen.data import complete, mnist

from .test_complete import assert_is


def everything_in(folder):
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


@pytest.fixture
def mirrors(server, monkeypatch):
    """Point the package at these mirrors of the server."""
    return lambda *folders: monkeypatch.setattr(complete, "MIRRORS", [server.mirror(folder) for folder in folders])


def test_files_are_fetched_once_and_then_read(small, server, mirrors, tmp_path):
    mirrors("good")
    root = tmp_path / "new" / "folder"
    assert_is(mnist(root, "test", download=True), small.arrays["test"])
    assert everything_in(root) == ["t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"]
    assert len(server.requests) == 2
    assert_is(mnist(root, "test", download=True), small.arrays["test"])
    assert_is(mnist(root, "test"), small.arrays["test"])
    assert len(server.requests) == 2
    content = gzip.decompress((root / "mnist" / "t10k-images-idx3-ubyte.gz").read_bytes())
    assert content == small.files["t10k-images-idx3-ubyte"]


def test_only_what_is_missing_is_fetched(small, server, mirrors, tmp_path):
    mirrors("good")
    (tmp_path / "train-images-idx3-ubyte").write_bytes(small.files["train-images-idx3-ubyte"])
    assert_is(mnist(tmp_path, "train", download=True), small.arrays["train"])
    assert server.requests == ["/good/train-labels-idx1-ubyte.gz"]


def test_nothing_is_fetched_unasked(server, mirrors, tmp_path):
    mirrors("good")
    with pytest.raises(FileNotFoundError):
        mnist(tmp_path)
    assert server.requests == []


def test_the_default_folder_is_the_environment_s(small, mirrors, tmp_path, monkeypatch):
    mirrors("good")
    monkeypatch.setenv("SCRATCHGEN_DATA", str(tmp_path))
    assert_is(mnist(split="test", download=True), small.arrays["test"])
    assert len(everything_in(tmp_path / "mnist")) == 2


REASONS = {
    "cut": "IncompleteRead|[Cc]onnection",
    "silent": "is cut short or damaged",
    "wrong": "not MNIST's bytes",
    "page": "is no IDX file",
    "missing": "404",
}


@pytest.mark.parametrize("folder", REASONS)
def test_a_failed_download_says_why_and_leaves_nothing(server, mirrors, tmp_path, folder):
    mirrors(folder)
    with pytest.raises(ConnectionError, match=REASONS[folder]) as error:
        mnist(tmp_path, download=True)
    assert server.mirror(folder) + "train-images-idx3-ubyte.gz" in str(error.value)
    assert f"put the file into {tmp_path / 'mnist'}" in str(error.value)
    assert everything_in(tmp_path) == []


def test_a_server_that_is_not_there(small, mirrors, server, tmp_path, monkeypatch):
    monkeypatch.setattr(complete, "MIRRORS", ["http://127.0.0.1:1/"])
    with pytest.raises(ConnectionError, match=r"no mirror delivered train-images-idx3-ubyte\.gz"):
        mnist(tmp_path, download=True)
    assert everything_in(tmp_path) == []


def test_the_next_mirror_is_tried(small, server, mirrors, tmp_path):
    mirrors("missing", "cut", "wrong", "good")
    assert_is(mnist(tmp_path, "test", download=True), small.arrays["test"])
    images = [path for path in server.requests if "images" in path]
    assert [path.split("/")[1] for path in images] == ["missing", "cut", "wrong", "good"]
    assert len(everything_in(tmp_path)) == 2


def test_every_mirror_s_failure_is_told(server, mirrors, tmp_path):
    mirrors("missing", "wrong")
    with pytest.raises(ConnectionError) as error:
        mnist(tmp_path, download=True)
    assert "404" in str(error.value)
    assert "not MNIST's bytes" in str(error.value)


def test_a_write_that_fails_leaves_nothing(small, mirrors, tmp_path, monkeypatch):
    """As on a full disk: half of the bytes are written, then the write raises."""
    mirrors("good")

    def half(path, content):
        with open(path, "wb") as file:
            file.write(content[: len(content) // 2])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pathlib.Path.write_bytes", half)
    with pytest.raises(OSError, match="No space left"):
        mnist(tmp_path, "test", download=True)
    assert everything_in(tmp_path) == []


def test_a_damaged_file_is_not_replaced_silently(small, server, mirrors, tmp_path):
    mirrors("good")
    path = tmp_path / "t10k-images-idx3-ubyte.gz"
    path.write_bytes(gzip.compress(small.files["t10k-images-idx3-ubyte"])[:-9])
    with pytest.raises(ValueError, match=r"cut short or damaged.*delete the file"):
        mnist(tmp_path, "test", download=True)
    path.unlink()
    np.testing.assert_array_equal(mnist(tmp_path, "test", download=True).images, small.arrays["test"][0])
