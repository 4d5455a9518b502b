"""Where arrays live.

Primitives are written in NumPy's own words (`np.exp(x)`, `x @ y`). NumPy hands such a call to the library that the
array belongs to (NEP 13 and NEP 18), so the same line runs on a CPU through NumPy and on a GPU through CuPy: *the array
decides*. This file holds the little that is left: naming devices, moving arrays between them, and drawing random
numbers beside the array that wants them.

A device is a string: `"cpu"`, or `"cuda:0"`, `"cuda:1"` … (`"cuda"` is the current GPU).
"""

from __future__ import annotations

import ctypes
import importlib
import importlib.util
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

__all__ = [
    "Device",
    "array_module",
    "cuda_available",
    "described",
    "device_of",
    "devices",
    "host_scalar",
    "is_array",
    "keep_memory",
    "normal",
    "to_device",
    "to_host",
    "uniform",
]

Array = Any  # a numpy.ndarray or a cupy.ndarray: whatever speaks NumPy's protocols


class Device(NamedTuple):
    """How arrays of one library are recognised, brought home and sent out."""

    owns: Callable[[object], bool]
    to_host: Callable[[Array], np.ndarray]
    from_host: Callable[[np.ndarray, str], Array]
    name_of: Callable[[Array], str]
    module: Callable[[], ModuleType]


def _cupy() -> ModuleType:
    """CuPy, loaded at first use; raises `RuntimeError` with the remedy where it is missing."""
    try:
        return importlib.import_module("cupy")
    except ImportError as error:
        raise RuntimeError(
            "device 'cuda' needs CuPy, which is not installed here; install scratchgen[cuda13] (or scratchgen[cuda12], "
            "to match `nvidia-smi`), or use device='cpu'"
        ) from error


def _cupy_from_host(x: np.ndarray, device: str) -> Array:
    cupy = _cupy()
    index = device.partition(":")[2]
    with cupy.cuda.Device(int(index) if index else None):
        return cupy.asarray(x)


# Known array libraries by the first word of their device names. CuPy is asked about an array only once it is loaded:
# before that, no array can be CuPy's.
devices: dict[str, Device] = {
    "cpu": Device(
        owns=lambda x: isinstance(x, (np.ndarray, np.generic)),
        to_host=np.asarray,
        from_host=lambda x, device: x,
        name_of=lambda x: "cpu",
        module=lambda: np,
    ),
    "cuda": Device(
        owns=lambda x: type(x).__module__.partition(".")[0] == "cupy",
        to_host=lambda x: x.get(),
        from_host=_cupy_from_host,
        name_of=lambda x: f"cuda:{x.device.id}",
        module=_cupy,
    ),
}


def _library(x: object) -> Device:
    for device in devices.values():
        if device.owns(x):
            return device
    raise TypeError(f"expected an array of {' or '.join(devices)}, got {type(x).__name__}")


def is_array(x: object) -> bool:
    """Whether `x` is an array (or array scalar) of a known library."""
    return any(device.owns(x) for device in devices.values())


def described(x: Any) -> str:
    """Dtype and shape of what somebody gave, for an error's text: `float32(3, 4)`; of anything else its type."""
    return f"{x.dtype}{tuple(x.shape)}" if hasattr(x, "dtype") else type(x).__name__


def array_module(x: Array) -> ModuleType:
    """The library that `x` belongs to, for the few calls that NumPy does not hand over (`xp.add.at`)."""
    return np if isinstance(x, np.ndarray) else _library(x).module()


def special(x: Array) -> ModuleType:
    """The special functions (`erf`) for arrays of x's library."""
    return importlib.import_module("cupyx.scipy.special" if array_module(x).__name__ == "cupy" else "scipy.special")


def device_of(x: Array) -> str:
    """The name of the device that holds `x`."""
    return _library(x).name_of(x)


def to_host(x: Array) -> np.ndarray:
    """`x` as a NumPy array: the one gate through which numbers leave a GPU."""
    return _library(x).to_host(x)


def host_scalar(x: Array) -> Any:
    """The one number in `x` as a Python scalar."""
    return to_host(x).item()


def to_device(x: Array, device: str) -> Array:
    """`x` on `device`; no copy where it is there already.

    Raises `ValueError` for an unknown device and `RuntimeError` where its library is missing.
    """
    library, colon, index = device.partition(":")
    if library not in devices or (colon and (library != "cuda" or not index.isdigit())):
        raise ValueError(
            f"unknown device {device!r}: expected one of {', '.join(devices)} (a GPU as 'cuda' or 'cuda:1')"
        )
    name = device_of(x)
    if name == device or (library == device and name.partition(":")[0] == library):
        return x
    return devices[library].from_host(to_host(x), device)


def cuda_available() -> bool:
    """Whether CuPy is installed and finds a GPU."""
    if importlib.util.find_spec("cupy") is None:
        return False
    try:
        return bool(_cupy().cuda.runtime.getDeviceCount() > 0)
    except Exception:  # a driver that is missing or too old raises errors of several libraries
        return False


def keep_memory() -> None:
    """Keep the memory of freed arrays for the arrays to come, in this process, from now on.

    The C library gives large blocks back to the system as soon as they are free, and the next minibatch fetches the
    same amount again, page by page: a sixth of the time of a convolutional step. Changes nothing where the C library
    is not glibc.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return
    mmap_threshold, trim_threshold = -3, -1  # as <malloc.h> numbers them
    mallopt(mmap_threshold, 2**25)  # the most that it accepts
    mallopt(trim_threshold, 2**31 - 1)


def generator(rng: Any, draws: str = "standard_normal") -> Any:
    """`rng` itself. Raises `TypeError` for what cannot make such `draws`: no random generator, a seed for example."""
    if not hasattr(rng, draws):
        raise TypeError(f"rng: expected a random generator, np.random.default_rng({rng!r}) for example, got {rng!r}")
    return rng


def normal(rng: Any, shape: Sequence[int], like: Array) -> Array:
    """Standard normal numbers from `rng`, with the dtype and on the device of `like`.

    A NumPy generator draws on the host, so that one seed gives the same numbers on every device; a generator of the
    array's own library (`cupy.random.default_rng`) draws in place.
    """
    return _beside(generator(rng).standard_normal(tuple(shape), dtype=like.dtype), like)


def uniform(rng: Any, shape: Sequence[int], like: Array) -> Array:
    """Numbers uniform on [0, 1) from `rng`, with the dtype and on the device of `like` (see `normal`)."""
    return _beside(generator(rng, "random").random(tuple(shape), dtype=like.dtype), like)


def _beside(x: Array, like: Array) -> Array:
    return x if type(x) is type(like) else to_device(x, device_of(like))
