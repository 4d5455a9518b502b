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
    kind = next(kind for kind in (ValueError, TypeError, IndexError) if isinstance(error, kind))
    return kind(f"{name}: {error} ({described(names, values)})")


def described(names: Sequence[str], values: Sequence[Any]) -> str:
    """Arguments in a few words: dtype and shape of arrays, other values as they are."""
    return ", ".join(f"{name} {_word(x)}" if _arrays(x) else f"{name}={x!r:.60}" for name, x in zip(names, values))


def _word(x: Any) -> str:
    return (
        f"({', '.join(map(_word, x))})" if type(x) is tuple else f"{x.dtype}{x.shape}" if _arrays(x) else f"{x!r:.60}"
    )


def _arrays(x: Any) -> list[Any]:
    """The array that an argument is, or the arrays in the tuple that it is."""
    return [a for a in (x if type(x) is tuple else (x,)) if hasattr(a, "dtype")]


def refuse_mixed_precision(name: str, names: Sequence[str], values: Sequence[Any], result: Any) -> None:
    """Float arrays among the arguments must agree in dtype, and integer arrays must not widen them to `result`: a
    silent promotion costs half the speed."""
    arrays = [a for x in values for a in _arrays(x)]
    floats = {a.dtype for a in arrays if a.dtype.kind == "f"}
    widening = {a.dtype for a in arrays if a.dtype.kind in "iu" and result.kind == "f" and result not in floats}
    if len(floats) > 1 or (floats and widening):
        mixed = " and ".join(sorted(map(str, floats | widening)))
        raise TypeError(
            f"{name}: the arguments mix {mixed}, which makes {result} ({described(names, values)}); convert one with "
            ".astype, and write plain numbers as Python floats"
        )


def without_a_rule(name: str, names: Sequence[str], rules: Sequence[Any], values: Sequence[Any]) -> TypeError:
    """The error of asking a gradient for arguments that have no derivative."""
    asked = [n for n, rule, x in zip(names, rules, values) if rule is None and _arrays(x)]
    return TypeError(f"{name} has no derivative for {', '.join(asked)}; pass it as .detach()")


def refuse_non_finite(x: Any, what: str) -> None:
    """Raise `FloatingPointError` if the array holds a NaN or an infinity."""
    if x.dtype.kind == "f" and not backend.host_scalar(np.isfinite(x).all()):
        kind = "NaN" if backend.host_scalar(np.isnan(x).any()) else "infinity"
        raise FloatingPointError(f"{what} {kind} (shape {x.shape})")
