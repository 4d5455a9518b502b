"""A test double for an array on a GPU.

It computes with NumPy on the host, but behaves as if its numbers were far away: whatever would bring them home
unasked raises, as does mixing them with NumPy arrays. Code that passes with a `StrictArray` hands every step to the
array's own library (NEP 13, NEP 18) and comes home only through `backend.to_host`, so it runs on a GPU as well.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from scratchgen import backend

__all__ = ["StrictArray", "register"]


class StrictArray(NDArrayOperatorsMixin):
    """An array on the pretended device `"strict"`. The operators come from the mixin, which calls the ufuncs."""

    __slots__ = ("_host",)

    def __init__(self, host: Any) -> None:
        self._host = np.asarray(host)

    # How NumPy's functions reach it
    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        result = getattr(ufunc, method)(*_unwrapped(inputs), **_unwrapped(kwargs))
        return kwargs["out"][0] if "out" in kwargs else _wrapped(result)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        result = function(*_unwrapped(args), **_unwrapped(kwargs))
        if function in (np.allclose, np.array_equal, np.array_equiv):  # answers stay on the device, too
            result = np.bool_(result)
        return kwargs["out"] if kwargs.get("out") is not None else _wrapped(result)

    # What a device array tells without giving its numbers away
    shape = property(lambda self: self._host.shape)
    dtype = property(lambda self: self._host.dtype)
    ndim = property(lambda self: self._host.ndim)
    size = property(lambda self: self._host.size)
    nbytes = property(lambda self: self._host.nbytes)
    itemsize = property(lambda self: self._host.itemsize)
    strides = property(lambda self: self._host.strides)
    flags = property(lambda self: self._host.flags)
    T = property(lambda self: StrictArray(self._host.T))

    def __len__(self) -> int:
        return len(self._host)

    def __getitem__(self, index: Any) -> StrictArray:
        return StrictArray(self._host[_unwrapped(index)])

    def __setitem__(self, index: Any, value: Any) -> None:
        self._host[_unwrapped(index)] = _unwrapped(value)

    def __repr__(self) -> str:
        return f"StrictArray({self._host!r})"

    # What would bring the numbers home
    def _refuse(self, *args: Any, **kwargs: Any) -> Any:
        raise TypeError("a device array was read on the host without backend.to_host or backend.host_scalar")

    __array__ = __bool__ = __complex__ = __contains__ = __float__ = __index__ = __int__ = __iter__ = _refuse
    item = tobytes = tolist = _refuse


def _method(name: str) -> Any:
    def method(self: StrictArray, *args: Any, **kwargs: Any) -> Any:
        return _wrapped(getattr(self._host, name)(*_unwrapped(args), **_unwrapped(kwargs)))

    return method


METHODS = """all any argmax argmin argsort astype clip copy cumsum dot fill flatten max mean min nonzero prod ravel
repeat reshape round squeeze std sum swapaxes take transpose var view"""
for _name in METHODS.split():
    setattr(StrictArray, _name, _method(_name))


def _unwrapped(x: Any) -> Any:
    """The host's arrays behind `x`, looking into containers; raises where `x` holds a NumPy array with axes."""
    if isinstance(x, StrictArray):
        return x._host
    if isinstance(x, np.ndarray) and x.ndim > 0:
        raise TypeError(f"a NumPy array of shape {x.shape} met a device array; move it with backend.to_device")
    if isinstance(x, (tuple, list)):
        return type(x)(map(_unwrapped, x))
    if isinstance(x, dict):
        return {key: _unwrapped(value) for key, value in x.items()}
    return x


def _wrapped(x: Any) -> Any:
    """Arrays, and NumPy's scalars, which are arrays without axes on a device, become `StrictArray`s."""
    if isinstance(x, (np.ndarray, np.generic)):
        return StrictArray(x)
    if isinstance(x, (tuple, list)):
        return type(x)(map(_wrapped, x)) if type(x) in (tuple, list) else tuple(map(_wrapped, x))
    return x


class _Library:
    """NumPy as the device's own library: `array_module(x).add.at`, `.lib.stride_tricks.as_strided`, `.arange` …"""

    def __init__(self, module: Any) -> None:
        self._module = module

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._module, name)
        if isinstance(found, (ModuleType, np.ufunc)):
            return _Library(found)
        return _on_device(found) if callable(found) and not isinstance(found, type) else found

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return _on_device(self._module)(*args, **kwargs)


def _on_device(function: Any) -> Any:
    return lambda *args, **kwargs: _wrapped(function(*_unwrapped(args), **_unwrapped(kwargs)))


def register() -> None:
    """Make `"strict"` a device like any other: `sg.tensor(x, device="strict")`."""
    library: Any = _Library(np)
    backend.devices["strict"] = backend.Device(
        owns=lambda x: isinstance(x, StrictArray),
        to_host=lambda x: x._host.copy(),
        from_host=lambda x, device: StrictArray(x.copy()),
        name_of=lambda x: "strict",
        module=lambda: library,
    )
