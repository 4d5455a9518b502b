"""The IDX reader: what it reads, and that it names whatever it cannot read whole."""

import gzip

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from hypothesis import given

from scratchgen.data import read_idx
from scratchgen.data.idx import parse_idx

from .conftest import idx

IMAGES = np.random.default_rng(0).integers(256, size=(5, 4, 3)).astype(np.uint8)


@given(array=hnp.arrays(np.uint8, hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4)))
def test_every_array_comes_back(array):
    out = parse_idx(idx(array), "file")
    assert out.dtype == np.uint8
    assert out.flags.writeable
    np.testing.assert_array_equal(out, array)
    assert out.shape == array.shape


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
@pytest.mark.parametrize("name", ["images", "images.gz"])
def test_plain_or_packed_whatever_the_name(tmp_path, pack, name):
    (tmp_path / name).write_bytes(pack(idx(IMAGES)))
    np.testing.assert_array_equal(read_idx(tmp_path / name), IMAGES)


@pytest.mark.parametrize("length", range(len(idx(IMAGES))))
def test_a_plain_file_cut_anywhere_is_refused(length):
    with pytest.raises(ValueError, match=r"some/file is (no IDX file|cut short)"):
        parse_idx(idx(IMAGES)[:length], "some/file")


def test_a_packed_file_cut_anywhere_is_refused(tmp_path):
    path, content = tmp_path / "images.gz", gzip.compress(idx(IMAGES))
    for length in range(len(content)):
        path.write_bytes(content[:length])
        with pytest.raises(ValueError, match=r"images\.gz is (no IDX file|cut short)"):
            read_idx(path)


def test_a_packed_file_with_one_wrong_bit_is_never_read_wrong(tmp_path):
    """The header of gzip holds a time and flags that do not matter; a bit there may pass, with the right array."""
    path, content = tmp_path / "images.gz", gzip.compress(idx(IMAGES), mtime=0)
    refused = 0
    for place in range(len(content)):
        damaged = bytearray(content)
        damaged[place] ^= 4
        path.write_bytes(damaged)
        try:
            out = read_idx(path)
        except ValueError:
            refused += 1
        else:
            np.testing.assert_array_equal(out, IMAGES)
    assert refused >= len(content) - 10


def test_a_file_longer_than_its_header_says_is_refused():
    with pytest.raises(ValueError, match=r"file is longer than its header says: 61 bytes .* expected 60 .*\(5, 4, 3\)"):
        parse_idx(idx(IMAGES) + b"\0", "file")


@pytest.mark.parametrize("content", [b"", b"<html>", b"\0\0\x0d\1\0\0\0\0", b"PK\3\4"])
def test_another_format_is_refused(content):
    with pytest.raises(ValueError, match="file is no IDX file"):
        parse_idx(content, "file")
