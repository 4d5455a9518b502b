"""Modules made of modules."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Self

from .module import Module

__all__ = ["ModuleList", "Sequential"]


class ModuleList(Module):
    """A list of modules whose parameters are found. Its parts are named "0", "1", …; it has no `forward`."""

    def __init__(self, modules: Iterable[Module] = ()) -> None:
        for module in modules:
            self.append(module)

    def append(self, module: Module) -> Self:
        """Add a module at the end."""
        if not isinstance(module, Module):
            raise TypeError(f"{type(self).__name__}: expected a Module, got {type(module).__name__} ({module!r:.60})")
        setattr(self, str(len(self)), module)
        return self

    def __len__(self) -> int:
        return sum(1 for _ in self._children())

    def __iter__(self) -> Iterator[Module]:
        return (module for _, module in self._children())

    def __getitem__(self, index: int | slice) -> Any:
        """One module, or with a slice a container of the same kind that shares its modules."""
        if isinstance(index, slice):
            part = type(self).__new__(type(self))
            ModuleList.__init__(part, list(self)[index])
            return part
        return list(self)[index]


class Sequential(ModuleList):
    """y = fₙ(… f₂(f₁(x))): each module takes what the one before it returned."""

    def __init__(self, *modules: Module) -> None:
        super().__init__(modules)

    def forward(self, x: Any) -> Any:
        for module in self:
            x = module(x)
        return x
