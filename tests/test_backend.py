"""Devices: naming, moving, drawing beside an array; and the strict double, which must refuse what a GPU cannot do."""

import operator

import numpy as np
import pytest

from scratchgen import backend
from tests.strict_array import StrictArray

RNG = np.random.default_rng


@pytest.fixture
def strict():
    return backend.to_device(RNG(0).standard_normal((3, 4)), "strict")


@pytest.mark.parametrize(
    "touch",
    [
        np.asarray,
        np.array,
        float,
        int,
        bool,
        complex,
        list,
        operator.index,
        lambda x: x.item(),
        lambda x: x.tolist(),
        lambda x: 1.0 in x,
        lambda x: np.ones(4) * x,
        lambda x: x + np.ones(4),
        lambda x: np.ones((2, 3)) @ x,
        lambda x: np.concatenate([x, np.ones((1, 4))]),
        lambda x: x[np.array([0, 1])],
        lambda x: np.where(np.ones(4) > 0, x, 0.0),
    ],
)
def test_strict_refuses_the_host(strict, touch):
    with pytest.raises(TypeError, match=r"device array|integer"):
        touch(strict)


def test_strict_refuses_to_be_filled_from_the_host(strict):
    with pytest.raises(TypeError, match="met a device array"):
        strict[0] = np.ones(4)


@pytest.mark.parametrize(
    "work",
    [
        lambda x: np.exp(x) * 2 - x,
        lambda x: np.sum(x, axis=0, keepdims=True),
        lambda x: x.max(),
        lambda x: x.T @ x,
        lambda x: np.where(x > 0, x, 0.0),
        lambda x: np.pad(x, ((1, 1), (0, 2))),
        lambda x: np.stack([x, x], 1),
        lambda x: x[1:, ::2],
        lambda x: np.zeros_like(x, shape=(2, 2)),
        lambda x: np.einsum("ij,kj->ik", x, x),
        lambda x: np.cumsum(x, 1),
        lambda x: x[x > 0],
        lambda x: np.float64(2) * x,
        lambda x: np.allclose(x, x),
        lambda x: np.lib.stride_tricks.sliding_window_view(x, 2, 0),
    ],
)
def test_strict_computes_what_numpy_computes(strict, work):
    out = work(strict)
    assert isinstance(out, StrictArray)
    np.testing.assert_array_equal(backend.to_host(out), work(backend.to_host(strict)))


def test_strict_views_share_and_in_place_operators_write(strict):
    row = strict[0]
    row += 1.0
    np.testing.assert_array_equal(backend.to_host(strict)[0], backend.to_host(row))
    np.add(row, row, out=row)
    np.testing.assert_array_equal(backend.to_host(strict)[0], backend.to_host(row))


def test_moving_never_shares_memory_with_the_host():
    x = np.zeros(3)
    far = backend.to_device(x, "strict")
    x += 1
    near = backend.to_host(far)
    assert near.tolist() == [0, 0, 0]
    near += 1
    assert backend.to_host(far).tolist() == [0, 0, 0]


def test_to_device_stays_where_it_is(device):
    x = backend.to_device(np.ones(2), device)
    assert backend.device_of(x).startswith(device)
    assert backend.to_device(x, device) is x
    assert backend.is_array(x)
    assert not backend.is_array([1.0])


def test_an_error_describes_what_it_was_given(device):
    assert backend.described(backend.to_device(np.ones((3, 4), np.float32), device)) == "float32(3, 4)"
    assert backend.described(np.int64(2)) == "int64()"
    assert backend.described([1.0]) == "list"


def test_library_functions_beside_ufuncs(device):
    x = backend.to_device(np.zeros(4), device)
    index = backend.to_device(np.array([1, 1, 3]), device)
    backend.array_module(x).add.at(x, index, 1.0)
    assert backend.to_host(x).tolist() == [0, 2, 0, 1]
    tiles = backend.array_module(x).lib.stride_tricks.as_strided(x, (3, 2), (8, 8))
    np.testing.assert_array_equal(backend.to_host(tiles), [[0, 2], [2, 0], [0, 1]])
    np.testing.assert_allclose(backend.to_host(backend.special(x).erf(x)), [0, 0.99532227, 0, 0.84270079], rtol=1e-7)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("draw", [backend.normal, backend.uniform])
def test_one_seed_gives_the_same_numbers_everywhere(device, dtype, draw):
    like = backend.to_device(np.zeros(1, dtype), device)
    x = draw(RNG(7), (3, 2), like)
    assert (type(x), x.dtype, x.shape) == (type(like), dtype, (3, 2))
    np.testing.assert_array_equal(backend.to_host(x), draw(RNG(7), [3, 2], np.zeros(1, dtype)))


def test_host_scalar(device):
    value = backend.host_scalar(backend.to_device(np.array(2.5), device))
    assert type(value) is float
    assert value == 2.5


def test_errors_name_what_came():
    with pytest.raises(ValueError, match=r"unknown device 'gpu'.*cpu"):
        backend.to_device(np.ones(1), "gpu")
    with pytest.raises(TypeError, match="got list"):
        backend.device_of([1.0])


@pytest.mark.skipif(backend.cuda_available(), reason="CUDA is available here")
def test_missing_cuda_says_what_to_do():
    with pytest.raises(Exception, match=r"CuPy|CUDA|driver"):
        backend.to_device(np.ones(1), "cuda")


@pytest.mark.parametrize("device", ["cpu:3", "cpu:", "cuda:", "cuda:x", "gpu"])
def test_a_device_that_does_not_exist(device):
    with pytest.raises(ValueError, match="unknown device"):
        backend.to_device(np.zeros(1), device)
