"""A function of Tensors (텐서) is an exercise's forward, and its derivative is the one that the backward walk finds: so
both can be judged, as if they had been written by hand. The same holds for a `primitive`, with its rules.

    @sg.primitive
    def tanh(x):
        return np.tanh(x)

    tanh.vjp(x=lambda g, out: g * (1 - out * out))
    check(tanh, "tanh")
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any

from ..autograd import Tensor, no_grad, tensor
from .exercises import Exercise
from .student import Contract

__all__ = ["both"]


def both(exercise: Exercise, f: Callable[..., Any]) -> dict[str, Callable[..., Any]]:
    """The two functions that the exercise asks for, made of one."""
    forward, backward = exercise.tasks
    differentiated = [name.removeprefix("d") for name in backward.returns]

    def made(inputs: Mapping[str, Any], requires_grad: bool) -> tuple[dict[str, Tensor], tuple[Any, ...]]:
        """The Tensors that went in, and what came out."""
        leaves = {name: tensor(inputs[name], requires_grad=requires_grad) for name in differentiated}
        try:
            result = f(*(leaves.get(name, value) for name, value in inputs.items()))
        except TypeError as error:
            raise Contract(
                f"{exercise.name} is given Tensors, and cannot take them ({error}); make it of scratchgen's functions, "
                f"or hand in {forward.name} and {backward.name} for NumPy arrays"
            ) from error
        if isinstance(result, Mapping):
            result = tuple(result[name] for name in forward.returns if name in result)
        return leaves, tuple(result) if isinstance(result, (tuple, list)) else (result,)

    @functools.wraps(f)
    def of_arrays(*values: Any) -> tuple[Any, ...]:
        with no_grad():
            return made(dict(zip(forward.parameters, values)), requires_grad=False)[1]

    def of_douts(*values: Any) -> dict[str, Any]:
        given = dict(zip(backward.parameters, values))
        leaves, outputs = made({name: given[name] for name in forward.parameters}, requires_grad=True)
        douts = [given[dout] for dout in exercise.douts] or [1.0]
        for out in outputs:
            if not isinstance(out, Tensor) or not out.requires_grad:
                raise Contract(
                    f"{exercise.name} returned {type(out).__name__} from which nothing leads back to its inputs; "
                    "make it of scratchgen's functions, without .data, .numpy() or .detach()"
                )
        sum((dout * out).sum() for dout, out in zip(douts, outputs)).backward()
        found = {name: leaf.grad for name, leaf in leaves.items()}
        return {f"d{n}": 0.0 * leaves[n].numpy() if g is None else g.numpy() for n, g in found.items()}

    of_douts.__wrapped__ = f  # type: ignore[attr-defined]  # its lines are the student's
    order = inspect.Parameter.POSITIONAL_ONLY
    of_douts.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [inspect.Parameter(name, order) for name in backward.parameters]
    )
    return {forward.name: of_arrays, backward.name: of_douts}
