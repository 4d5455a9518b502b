"""What `x * y`, `x[0]` and `x.sum()` mean for a Tensor.

Each operator is a function of `scratchgen.functional`. That room is built on this one, so it cannot be imported here;
when it has been defined it enters its functions into `F` (see the end of `functional/__init__.py`), and from then on
the lines below read as they would anywhere else.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .engine import Tensor

F: Any = SimpleNamespace()


class Operators:
    """The arithmetic and the array methods of `Tensor`; they follow NumPy's signatures.

    Comparisons return plain boolean arrays: a comparison has no derivative, so it is a constant.
    """

    __slots__ = ()
    __array_ufunc__ = None  # `ndarray * tensor` is left to `Tensor.__rmul__` instead of being looped over by NumPy

    data: Any

    # arithmetic
    def __add__(self, other: Any) -> Tensor:
        return F.add(self, other)

    def __radd__(self, other: Any) -> Tensor:
        return F.add(other, self)

    def __sub__(self, other: Any) -> Tensor:
        return F.subtract(self, other)

    def __rsub__(self, other: Any) -> Tensor:
        return F.subtract(other, self)

    def __mul__(self, other: Any) -> Tensor:
        return F.multiply(self, other)

    def __rmul__(self, other: Any) -> Tensor:
        return F.multiply(other, self)

    def __truediv__(self, other: Any) -> Tensor:
        return F.divide(self, other)

    def __rtruediv__(self, other: Any) -> Tensor:
        return F.divide(other, self)

    def __pow__(self, other: Any) -> Tensor:
        return F.power(self, other)

    def __rpow__(self, other: Any) -> Tensor:
        return F.power(other, self)

    def __matmul__(self, other: Any) -> Tensor:
        return F.matmul(self, other)

    def __rmatmul__(self, other: Any) -> Tensor:
        return F.matmul(other, self)

    def __neg__(self) -> Tensor:
        return F.negative(self)

    def __pos__(self) -> Tensor:
        return F.positive(self)

    def __abs__(self) -> Tensor:
        return F.abs(self)

    # comparison
    def __lt__(self, other: Any) -> Any:
        return self.data < _value(other)

    def __le__(self, other: Any) -> Any:
        return self.data <= _value(other)

    def __gt__(self, other: Any) -> Any:
        return self.data > _value(other)

    def __ge__(self, other: Any) -> Any:
        return self.data >= _value(other)

    def __eq__(self, other: Any) -> Any:
        return self.data == _value(other)

    def __ne__(self, other: Any) -> Any:
        return self.data != _value(other)

    __hash__ = object.__hash__

    # reading and moving elements
    def __getitem__(self, index: Any) -> Tensor:
        return F.getitem(self, index)

    def __setitem__(self, index: Any, value: Any) -> None:
        raise TypeError(
            "a Tensor cannot be written to: its value may be needed for a gradient. Build a new one "
            "(F.where(mask, a, b), F.concatenate), or write to tensor.data outside of any graph"
        )

    def reshape(self, *shape: Any) -> Tensor:
        return F.reshape(self, shape[0] if len(shape) == 1 else shape)

    def transpose(self, *axes: Any) -> Tensor:
        return F.transpose(self, axes[0] if len(axes) == 1 else axes or None)

    @property
    def T(self) -> Tensor:
        return F.transpose(self)

    def astype(self, dtype: Any) -> Tensor:
        return F.astype(self, dtype)

    def to(self, device: str) -> Tensor:
        """This tensor on another device (`"cpu"`, `"cuda"`, `"cuda:1"`); the gradient travels back."""
        return F.to(self, device)

    # reductions
    def sum(self, axis: Any = None, keepdims: bool = False) -> Tensor:
        return F.sum(self, axis, keepdims)

    def mean(self, axis: Any = None, keepdims: bool = False) -> Tensor:
        return F.mean(self, axis, keepdims)

    def var(self, axis: Any = None, ddof: int = 0, keepdims: bool = False) -> Tensor:
        return F.var(self, axis, ddof, keepdims)

    def max(self, axis: Any = None, keepdims: bool = False) -> Tensor:
        return F.max(self, axis, keepdims)

    def min(self, axis: Any = None, keepdims: bool = False) -> Tensor:
        return F.min(self, axis, keepdims)

    def argmax(self, axis: Any = None) -> Any:
        return self.data.argmax(axis)


def _value(x: Any) -> Any:
    return x.data if isinstance(x, Operators) else x
