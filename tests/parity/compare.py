"""The one comparison that all parity tests make: the same numbers through scratchgen and through PyTorch.

The values, and the gradients of every floating-point argument for one random cotangent, must agree to rounding;
ours must keep the precision they were given.
"""

import numpy as np
import pytest

import scratchgen as sg

torch = pytest.importorskip("torch")
torch.set_num_threads(1)

DTYPES = ("float32", "float64")
TOLERANCE = {"float32": 3e-5, "float64": 1e-11}  # relative to the largest number of the array, or to 1


def normal(*shape, seed=0):
    """Standard normal numbers, in float64; `agree` rounds them."""
    return np.random.default_rng((seed, *shape)).standard_normal(shape)


def positive(*shape, seed=0):
    """Numbers in 0.1 … 1.1, clear of a logarithm's pole."""
    return np.random.default_rng((seed, *shape)).random(shape) + 0.1


def agree(ours, theirs, *arrays, dtype):
    """Assert that `ours(*Tensors)` and `theirs(*torch tensors)` agree on these arrays, and so do all their gradients.

    Floating-point arrays are rounded to `dtype` and differentiated; integer arrays are handed over as they are. Ours
    come in Fortran's order, so that no primitive can count on contiguous memory.
    """
    arrays = [x.astype(dtype) if np.asarray(x).dtype.kind == "f" else x for x in map(np.asarray, arrays)]
    mine = [sg.tensor(np.asfortranarray(x) if x.ndim else x, requires_grad=x.dtype.kind == "f") for x in arrays]
    yours = [torch.tensor(np.ascontiguousarray(x) if x.ndim else x, requires_grad=x.dtype.kind == "f") for x in arrays]
    y, z = ours(*mine), theirs(*yours)
    assert y.dtype == dtype
    same(y.numpy(), z, "the value")

    cotangent = np.random.default_rng(99).standard_normal(y.shape).astype(dtype)
    y.backward(cotangent)
    z.backward(torch.tensor(cotangent))
    for position, (a, b) in enumerate(zip(mine, yours)):
        if a.requires_grad:
            assert a.grad is not None, f"argument {position} got no gradient"
            assert a.grad.dtype == dtype
            expected = torch.zeros_like(b) if b.grad is None else b.grad
            same(a.grad.numpy(), expected, f"the gradient of argument {position}")


def same(ours, theirs, what):
    """Assert that a NumPy array and a torch tensor hold the same numbers, to rounding in their precision."""
    theirs = theirs.detach().numpy()
    assert ours.shape == theirs.shape, f"{what}: ours has shape {ours.shape}, PyTorch's {theirs.shape}"
    finite = theirs[np.isfinite(theirs)]
    scale = max(1.0, float(np.abs(finite).max(initial=0.0)))
    tolerance = TOLERANCE[str(theirs.dtype)] * scale
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=tolerance, err_msg=f"{what} differs from PyTorch's")
