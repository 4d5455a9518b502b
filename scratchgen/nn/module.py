"""What a model is made of: parameters, and modules that hold them.

A module is a plain object, and nothing is registered. Of its attributes, a `Parameter` is learnt, a plain array is a
**buffer** (kept with the weights but not learnt: BatchNorm's running statistics), and a `Module` is a part whose own
attributes count as well; all in the order in which they were assigned.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Self

import numpy as np

from .. import backend
from ..autograd import Tensor

__all__ = ["Module", "Parameter"]


class Parameter(Tensor):
    """A tensor to be learnt (매개변수): a leaf that requires its gradient. Takes over the array it is given."""

    __slots__ = ()

    def __init__(self, data: Any) -> None:
        super().__init__(data.data if isinstance(data, Tensor) else data)
        self.requires_grad = True


class Module:
    """A function with parameters. A subclass assigns its parts in `__init__` and says in `forward` how they act."""

    training = True  # until train(False) or eval() says otherwise on the instance
    mixes_images = False  # whether what it says of an image of a minibatch depends on the others

    def forward(self, *args: Any) -> Any:
        raise NotImplementedError(f"{type(self).__name__} does not define forward")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.forward(*args, **kwargs)

    @property
    def whole_minibatch(self) -> str:
        """Why the images of a minibatch cannot be taken one by one, said after "which …"; "" where they can."""
        return ""

    # finding what is inside
    def named_modules(self) -> Iterator[tuple[str, Module]]:
        """This module, named "", and all modules inside it, each once, from the outside in."""
        seen: set[int] = set()
        pending: list[tuple[str, Module]] = [("", self)]
        while pending:
            name, module = pending.pop()
            if id(module) in seen:
                continue
            seen.add(id(module))
            yield name, module
            pending += [(_join(name, key), child) for key, child in reversed(list(module._children()))]

    def modules(self) -> Iterator[Module]:
        """This module and all modules inside it, each once."""
        return (module for _, module in self.named_modules())

    def named_parameters(self) -> Iterator[tuple[str, Parameter]]:
        """Every parameter with its path ("encoder.0.weight"). One that is shared appears once, under its first name."""
        return ((name, value) for name, value, _ in self._state() if isinstance(value, Parameter))

    def parameters(self) -> Iterator[Parameter]:
        """Every parameter, each once."""
        return (parameter for _, parameter in self.named_parameters())

    def named_buffers(self) -> Iterator[tuple[str, Any]]:
        """Every buffer with its path."""
        return ((name, value) for name, value, _ in self._state() if not isinstance(value, Parameter))

    def buffers(self) -> Iterator[Any]:
        """Every buffer, each once."""
        return (buffer for _, buffer in self.named_buffers())

    def _children(self) -> Iterator[tuple[str, Module]]:
        for name, value in vars(self).items():
            if isinstance(value, Module):
                yield name, value
            elif isinstance(value, (list, tuple, dict)):
                inside = value.values() if isinstance(value, dict) else value
                if any(isinstance(x, (Module, Parameter)) for x in inside):
                    raise TypeError(
                        f"{type(self).__name__}.{name} is a {type(value).__name__} of modules or parameters, in which "
                        "they are not found; use nn.ModuleList"
                    )

    def _state(self) -> Iterator[tuple[str, Any, Module]]:
        """Parameters and buffers, each once, as (path, value, owner)."""
        seen: set[int] = set()
        for path, module in self.named_modules():
            for name, value in list(vars(module).items()):
                learnt = isinstance(value, Parameter)
                if (learnt or _is_buffer(value)) and id(value) not in seen:
                    seen.add(id(value))
                    yield _join(path, name), value, module

    def with_parameters(self, values: Sequence[Tensor]) -> Self:
        """The same function of other weights: a copy with `values` in the place of the parameters, in the order of
        `parameters()`. Gradients flow into `values`; buffers are shared. Raises `ValueError` where they do not fit.
        """
        mine = list(self.parameters())
        if [p.shape for p in mine] != [v.shape for v in values]:
            expected, got = ([tuple(x.shape) for x in xs] for xs in (mine, values))
            raise ValueError(f"{type(self).__name__}.with_parameters: expected shapes {expected}, got {got}")
        return self._exchanged({id(p): v for p, v in zip(mine, values)})

    def _exchanged(self, values: Mapping[int, Tensor]) -> Self:
        twin = copy.copy(self)
        for name, value in vars(self).items():
            if isinstance(value, Module):
                setattr(twin, name, value._exchanged(values))
            elif id(value) in values:
                setattr(twin, name, values[id(value)])
        return twin

    # modes
    def train(self, mode: bool = True) -> Self:
        """Behave as in training (dropout drops, batch norm uses the batch), or with `mode=False` as in use."""
        for module in self.modules():
            module.training = mode
        return self

    def eval(self) -> Self:
        """Behave as in use: `train(False)`."""
        return self.train(False)

    @contextmanager
    def in_use(self) -> Iterator[Self]:
        """Within the block `eval()`; after it every part is in the mode that it was in."""
        modes = [(module, module.training) for module in self.modules()]
        try:
            yield self.eval()
        finally:
            for module, mode in modes:
                module.training = mode

    def zero_grad(self) -> None:
        """Forget the gradients of all parameters (they become None)."""
        for parameter in self.parameters():
            if parameter.requires_grad:
                parameter.grad = None

    # saving and moving
    def state_dict(self) -> dict[str, np.ndarray]:
        """Copies of all parameters and buffers, as NumPy arrays on the host, by path."""
        return {name: backend.to_host(_raw(value)).copy() for name, value, _ in self._state()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Write a `state_dict` into the parameters and buffers, in place.

        Raises `ValueError` that lists every name, shape and dtype that differs; then nothing has been changed.
        """
        mine = {name: _raw(value) for name, value, _ in self._state()}
        differences = [
            *(f"{name}: expected {backend.described(mine[name])}, got nothing" for name in mine if name not in state),
            *(f"{name}: unknown here, got {backend.described(state[name])}" for name in state if name not in mine),
            *(
                f"{name}: expected {backend.described(mine[name])}, got {backend.described(state[name])}"
                for name in mine
                if name in state and backend.described(mine[name]) != backend.described(state[name])
            ),
        ]
        if differences:
            raise ValueError(f"{type(self).__name__}.load_state_dict:\n  " + "\n  ".join(differences))
        for name, array in mine.items():
            array[...] = backend.to_device(_raw(state[name]), backend.device_of(array))

    def to(self, device: str) -> Self:
        """Move all parameters and buffers to a device, in place. Gradients are dropped; make optimizers afterwards."""
        return self._replaced(lambda array: backend.to_device(array, device))

    def astype(self, dtype: Any) -> Self:
        """Convert all floating-point parameters and buffers, in place. As with `to`, make optimizers afterwards."""
        return self._replaced(lambda x: x.astype(dtype) if x.dtype.kind == "f" and x.dtype != dtype else x)

    def _replaced(self, change: Callable[[Any], Any]) -> Self:
        for _, value, _ in list(self._state()):
            new = change(_raw(value))
            if new is _raw(value):
                continue
            if isinstance(value, Parameter):
                learnt = value.requires_grad
                value.requires_grad = False  # a leaf knows its dtype and perhaps a home: it must be made anew
                value.data = new
                value.requires_grad = learnt
            else:
                for _, part in self.named_modules():  # wherever the same array stands
                    for name in [name for name, held in vars(part).items() if held is value]:
                        setattr(part, name, new)
        return self

    def __repr__(self) -> str:
        """The class with its settings and the shapes of its parameters; then, indented, its parts."""
        settings = []
        for name, value in vars(self).items():
            if isinstance(value, Parameter):
                settings.append(f"{name} {value.shape}")
            elif isinstance(value, (bool, int, float, str, tuple)) and name != "training":
                settings.append(f"{name}={value!r}")
        head = f"{type(self).__name__}({', '.join(settings)})"
        parts = [f"\n  {name}: " + repr(child).replace("\n", "\n  ") for name, child in self._children()]
        return head + "".join(parts)


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _is_buffer(value: Any) -> bool:
    return backend.is_array(value) and not isinstance(value, np.generic)


def _raw(value: Any) -> Any:
    return value.data if isinstance(value, Tensor) else value
