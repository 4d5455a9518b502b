"""What the engine refuses, and how it says so: which function, which arguments, what to do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import backend


def explained(name: str, error: Exception, names: Sequence[str], values: Sequence[Any]) -> Exception:
    """An error that a forward raised, with the function's name and its arguments."""
    if str(error).startswith(f"{name}:"):
        return error
    return type(error)(f"{name}: {error} ({described(names, values)})")


def described(names: Sequence[str], values: Sequence[Any]) -> str:
    """Arguments in a few words: dtype and shape of arrays, other values as they are."""
    return ", ".join(
        f"{name} {value.dtype}{value.shape}" if hasattr(value, "dtype") else f"{name}={value!r:.60}"
        for name, value in zip(names, values)
    )


def refuse_mixed_precision(name: str, names: Sequence[str], values: Sequence[Any]) -> None:
    """Float arrays among the arguments must agree in dtype: a silent promotion costs half the speed."""
    arrays = [x for value in values for x in (value if type(value) is tuple else (value,)) if hasattr(x, "dtype")]
    dtypes = sorted({str(x.dtype) for x in arrays if x.dtype.kind == "f"})
    if len(dtypes) > 1:
        raise TypeError(
            f"{name}: the arguments mix {' and '.join(dtypes)} ({described(names, values)}); convert one with .astype, "
            "and write plain numbers as Python floats"
        )


def refuse_non_finite(x: Any, what: str) -> None:
    """Raise `FloatingPointError` if the array holds a NaN or an infinity."""
    if x.dtype.kind == "f" and not backend.host_scalar(np.isfinite(x).all()):
        kind = "NaN" if backend.host_scalar(np.isnan(x).any()) else "infinity"
        raise FloatingPointError(f"{what} {kind} (shape {x.shape})")
