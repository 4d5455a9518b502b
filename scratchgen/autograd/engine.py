"""Reverse-mode automatic differentiation (자동 미분), whole.

A **primitive** is a small pure function on arrays with its derivative written beside it. Calling it on Tensors computes
the value and notes, in a **Node**, how to carry a gradient back. **The walk** then visits the nodes from the last
made to the first and applies the chain rule (연쇄 법칙), one rule per edge:

    x̄ += rule(ȳ, what the rule asked to keep)          Eq. 0.6 (derivations/00-autograd.md#eq-0-6)

A rule says by the names of its parameters what it needs: `g` is the gradient ȳ of the output, `out` the output,
an argument's own name its value, that name with `_shape` its shape. Nothing else is kept alive.
"""

from __future__ import annotations

import functools
import inspect
import itertools
import threading
from collections.abc import Callable, Iterator, Sequence, Set
from contextlib import contextmanager
from operator import attrgetter, itemgetter
from typing import Any

import numpy as np

from .. import backend
from . import checks
from .operators import F, Operators

__all__ = ["Leaf", "Node", "Primitive", "Tensor", "detect_anomaly", "grad", "no_grad", "primitive", "tensor"]


class _Mode(threading.local):
    """Whether primitives note nodes: per thread, so that threads can differentiate side by side."""

    tracing = True


mode = _Mode()
_watching = 0  # how many detect_anomaly() are open; one plain number, since every primitive looks at it


@contextmanager
def no_grad() -> Iterator[None]:
    """Compute without recording a graph. A context manager, and a decorator: `@sg.no_grad()`."""
    before, mode.tracing = mode.tracing, False
    try:
        yield
    finally:
        mode.tracing = before


@contextmanager
def detect_anomaly() -> Iterator[None]:
    """Raise `FloatingPointError`, naming the primitive, at the first NaN or infinity, forward or backward."""
    global _watching
    _watching += 1
    try:
        yield
    finally:
        _watching -= 1


# ---------------------------------------------------------------------------------------------------- the graph
_creation = itertools.count()


class Node:
    """One application of a primitive. `edges` lead back to the arguments that need a gradient, as triples
    (parent, rule, what the rule asked to keep); they are None once a backward walk has consumed them."""

    __slots__ = ("__weakref__", "dtype", "edges", "order", "primitive", "shape")

    def __init__(self, primitive: Primitive | None, edges: Any, value: Any) -> None:
        self.primitive = primitive
        self.edges = edges
        self.shape = value.shape
        self.dtype = value.dtype
        self.order = next(_creation)


class Leaf(Node):
    """Where a graph begins: a tensor that asked for its gradient, which collects here.

    `home`, where an optimizer has set it, is the slice of its flat buffer in which the gradient is to live.
    """

    __slots__ = ("grad", "home")

    def __init__(self, value: Any) -> None:
        super().__init__(None, (), value)
        self.grad: Tensor | None = None
        self.home: Any = None

    def accumulate(self, g: Any) -> None:
        """Add `g` to the gradient. The gradient never shares memory with `g` or with another leaf's."""
        if isinstance(g, Tensor):  # from a walk with create_graph=True: the sum is part of a graph
            self.grad = +g if self.grad is None else self.grad + g
        elif self.grad is None:
            if self.home is None:
                self.grad = Tensor(g.copy())
            else:
                self.home[...] = g
                self.grad = Tensor(self.home)
        elif self.grad.data is self.home:
            self.home += g
        else:
            self.grad = Tensor(self.grad.data + g)


class Tensor(Operators):
    """An array together with the node that produced it (None for a constant).

    Made by `sg.tensor`. `data` is the array. Writing into it is possible, and is not noticed by graphs made before:
    they are then differentiated with the new numbers.
    """

    __slots__ = ("__weakref__", "data", "node")

    def __init__(self, data: Any, node: Node | None = None) -> None:
        # NumPy turns arrays without axes into scalars; a tensor holds an array.
        self.data = np.asarray(data) if isinstance(data, np.generic) else data
        self.node = node

    shape = property(lambda self: self.data.shape, doc="The array's shape.")
    dtype = property(lambda self: self.data.dtype, doc="The array's dtype.")
    ndim = property(lambda self: self.data.ndim, doc="Number of axes.")
    size = property(lambda self: self.data.size, doc="Number of elements.")
    device = property(lambda self: backend.device_of(self.data), doc="The device's name: 'cpu', 'cuda:0', …")

    @property
    def requires_grad(self) -> bool:
        """Whether a gradient is to be carried back to this tensor; can be set on tensors that no primitive made."""
        return self.node is not None

    @requires_grad.setter
    def requires_grad(self, flag: bool) -> None:
        if self.node is not None and self.node.primitive is not None:
            raise ValueError(f"requires_grad of the output of {self.node.primitive} cannot be set; use .detach()")
        if not flag:
            self.node = None
        elif self.node is None:
            if self.dtype.kind != "f":
                raise TypeError(f"only floating-point tensors have gradients, this one is {self.dtype}")
            self.node = Leaf(self.data)

    @property
    def grad(self) -> Tensor | None:
        """The accumulated gradient of a leaf; None before the first `backward`, and always for other tensors."""
        return self.node.grad if isinstance(self.node, Leaf) else None

    @grad.setter
    def grad(self, value: Tensor | None) -> None:
        if not isinstance(self.node, Leaf):
            raise ValueError("only a leaf that requires a gradient has .grad")
        if value is not None:
            value = value if isinstance(value, Tensor) else Tensor(value)
            _expect(value, self.node, "grad")
        self.node.grad = value

    def item(self) -> Any:
        """The one number inside, as a Python scalar; raises `ValueError` where there are more."""
        if self.size != 1:
            raise ValueError(f"item() wants one element, this tensor has shape {self.shape}")
        return backend.host_scalar(self.data)

    def numpy(self) -> np.ndarray:
        """The value as a NumPy array on the host (shares memory where it is there already)."""
        return backend.to_host(self.data)

    def detach(self) -> Tensor:
        """The same value as a constant: gradients stop here. Shares memory."""
        return Tensor(self.data)

    def backward(self, gradient: Any = None, create_graph: bool = False) -> None:
        """Accumulate d(self)/d(leaf), contracted with `gradient`, into `.grad` of every leaf.

        `gradient` (array or Tensor, shaped as self) may be left out for a single number, where it is 1. The graph is
        freed on the way; `create_graph=True` keeps it and makes the gradients differentiable themselves.
        """
        for leaf, g in walk(node_of(self), _seed(self, gradient, create_graph), create_graph):
            leaf.accumulate(g)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        if self.requires_grad:
            raise TypeError(
                "NumPy would drop the gradient of this tensor; say so with .numpy(), or use scratchgen.functional"
            )
        return np.array(self.numpy(), dtype=dtype, copy=copy)

    def __float__(self) -> float:
        return float(self.item())

    def __bool__(self) -> bool:
        return bool(self.item())

    def __len__(self) -> int:
        return len(self.data)

    def __iter__(self) -> Iterator[Tensor]:
        if self.ndim == 0:
            raise TypeError("cannot iterate over a tensor without axes")
        return (self[i] for i in range(len(self)))

    def __repr__(self) -> str:
        made_by = f", made by {self.node.primitive}" if self.node and self.node.primitive else ""
        flag = ", requires_grad=True" if isinstance(self.node, Leaf) else ""
        body = np.array2string(self.numpy(), separator=", ", prefix="tensor(")
        where = "" if self.device == "cpu" else f", device='{self.device}'"
        return f"tensor({body}, dtype={self.dtype}{where}{flag}{made_by})"


def tensor(data: Any, requires_grad: bool = False, dtype: Any = None, device: str | None = None) -> Tensor:
    """A new Tensor holding a copy of `data`.

    Arrays keep their dtype (integers are constants: labels, indices); Python numbers and lists become float32.
    Raises `TypeError` for data that is not numeric, or where a gradient is asked of integers.
    """
    if isinstance(data, Tensor):
        data = data.data
    if backend.is_array(data):
        array = data[...].astype(dtype or data.dtype)  # [...] makes arrays of NumPy's scalars, astype copies
    else:
        try:
            array = np.asarray(data)
            if array.dtype.kind not in "fiub":  # None would become NaN, "3.5" a number
                raise TypeError(f"a tensor holds real numbers, got dtype {array.dtype}")
            array = array.astype(dtype or np.float32)
        except (TypeError, ValueError) as error:
            raise TypeError(
                f"cannot make a tensor of {type(data).__name__}: {error} (F.stack joins tensors)"
            ) from error
    if array.dtype.kind not in "fiub":
        raise TypeError(f"a tensor holds real numbers, got dtype {array.dtype}")
    result = Tensor(array if device is None else backend.to_device(array, device))
    result.requires_grad = requires_grad
    return result


# -------------------------------------------------------------------------------------------------- primitives
class Rule:
    """The derivative of a primitive for one argument: `function(g, *kept)`, and what it asks to keep."""

    __slots__ = ("argument", "function", "keep", "needs", "plain")

    def __init__(self, argument: str, function: Callable[..., Any], scope: dict[str, int]) -> None:
        self.argument = argument
        self.function = function
        self.needs = tuple(inspect.signature(function).parameters)[1:]
        self.keep = _picker([scope[name] for name in self.needs])
        self.plain = all(name.endswith("_shape") or name in ("out", "which") for name in self.needs)


def _picker(positions: Sequence[int]) -> Callable[[tuple[Any, ...]], tuple[Any, ...]]:
    """A function that picks these positions of a tuple, as a tuple."""
    if not positions:
        return lambda values: ()
    if len(positions) == 1:
        (only,) = positions
        return lambda values: (values[only],)
    return itemgetter(*positions)


class Primitive:
    """A differentiable function: `forward` on raw arrays, and one `Rule` per differentiable argument.

    Called with raw arrays only, it is just `forward`. A *tuple* of arrays counts as one argument whose rule is asked
    for one element at a time and may name `which` (see `concatenate`).
    """

    def __init__(self, forward: Callable[..., Any]) -> None:
        functools.update_wrapper(self, forward)
        self.forward = forward
        self.signature = inspect.signature(forward)
        self.names = tuple(self.signature.parameters)
        # What a rule may ask for, and where it stands in the tuple (*args, out, which, *shapes) that a call offers.
        known = (*self.names, "out", "which", *(f"{name}_shape" for name in self.names))
        if len(set(known)) < len(known):
            raise TypeError(f"{self}: an argument may not be called out or which; rules use these names")
        self.scope = {name: position for position, name in enumerate(known)}
        self.defaults = [(name, parameter.default) for name, parameter in self.signature.parameters.items()]
        self.arity = len(self.names)
        self.offers_shapes = False
        self.rules: list[Rule | None] = [None] * self.arity

    def vjp(self, **rules: Callable[..., Any]) -> None:
        """State the vector-Jacobian product (벡터-야코비 곱) of each differentiable argument, by name.

        A rule's first parameter is the gradient of the output; the names of the others say what it needs. Write it
        with scratchgen's functions and operators, and it can be differentiated again.
        """
        for argument, function in rules.items():
            asked = {argument, *tuple(inspect.signature(function).parameters)[1:]}
            if unknown := asked - set(self.scope):
                raise TypeError(
                    f"{self}.vjp: no argument {', '.join(sorted(unknown))}; there are {', '.join(self.scope)}"
                )
            self.rules[self.names.index(argument)] = rule = Rule(argument, function, self.scope)
            self.offers_shapes |= any(name.endswith("_shape") for name in rule.needs)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if kwargs or len(args) != self.arity:
            args = self._complete(args, kwargs)
        raw, tensors = [], []
        for a, rule in zip(args, self.rules):
            if isinstance(a, Tensor):
                raw.append(a.data)
                tensors.append((a, rule, 0))
            elif type(a) is tuple:
                raw.append(_raw(a))
                tensors += [(x, rule, which) for which, x in enumerate(a) if isinstance(x, Tensor)]
            else:
                raw.append(a)
        try:
            out = self.forward(*raw)
        except (TypeError, ValueError, IndexError) as error:
            raise checks.explained(self.__name__, error, self.names, raw) from error
        if not tensors:
            return out
        dtype = getattr(out, "dtype", None)
        if dtype is None:
            raise TypeError(f"{self}: a primitive returns one array, this one returned {type(out).__name__}")
        if self.arity > 1:
            for value in raw:
                if getattr(value, "dtype", dtype) is not dtype or type(value) is tuple:
                    checks.refuse_mixed_precision(self.__name__, self.names, raw, dtype)
        if _watching:
            checks.refuse_non_finite(out, f"{self} made")
        edges = []
        if mode.tracing and dtype.kind == "f":
            for x, rule, which in tensors:
                if x.node is not None:
                    if rule is None:
                        raise checks.without_a_rule(self.__name__, self.names, self.rules, args)
                    offer = (*args, out, which, *map(_shape, raw)) if self.offers_shapes else (*args, out, which)
                    edges.append((x.node, rule, rule.keep(offer)))
        return Tensor(out, Node(self, edges, out) if edges else None)

    def _complete(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, ...]:
        """All arguments in order, with defaults."""
        missing = inspect.Parameter.empty
        rest = [kwargs.get(name, default) for name, default in self.defaults[len(args) :]]
        misfit = len(args) > self.arity or not kwargs.keys() <= set(self.names[len(args) :])
        if misfit or any(value is missing for value in rest):
            try:
                self.signature.bind(*args, **kwargs)  # slow, but it says what is wrong
            except TypeError as error:
                raise TypeError(f"{self}({', '.join(self.names)}): {error}") from None
        return (*args, *rest)

    def __repr__(self) -> str:
        return self.__name__

    __name__: str


def primitive(forward: Callable[..., Any]) -> Primitive:
    """Make a pure function on arrays differentiable; its derivative is stated with `.vjp`.

    ::

        @sg.primitive
        def cube(x):
            return x**3

        cube.vjp(x=lambda g, x: g * 3 * x**2)
    """
    return Primitive(forward)


def _raw(x: Any) -> Any:
    return x.data if isinstance(x, Tensor) else tuple(map(_raw, x)) if type(x) is tuple else x


def _shape(x: Any) -> Any:
    return tuple(map(_shape, x)) if type(x) is tuple else getattr(x, "shape", ())


# ---------------------------------------------------------------------------------------------------- the walk
def walk(root: Node, g: Any, create_graph: bool = False, targets: Set[Node] | None = None) -> Iterator[tuple[Any, Any]]:
    """Carry `g` from `root` back through the graph (Eq. 0.6), and give each leaf with the gradient that reached it.

    With `targets`, only paths that lead to one are walked, and these are given. The gradients are to be read, not
    changed: some may be one array. With `create_graph` the rules run on Tensors, and so leave a graph of their own.
    """
    if targets is None:
        nodes = reachable(root)
    else:
        nodes = _leading_to(targets, reachable(root, min((node.order for node in targets), default=0)))
    on_path = set(nodes)
    grads: dict[Node, Any] = {root: g} if root in on_path else {}
    mine: set[Node] = set()  # whose gradient is a sum made here, so that more can be added in place
    while nodes:
        node = nodes.pop()
        g = grads.pop(node)
        if isinstance(node, Leaf) if targets is None else node in targets:
            yield node, g
        walked = False
        for parent, rule, kept in node.edges:
            if parent not in on_path:
                continue
            walked = True
            if create_graph:
                kept = [Tensor(v, node) if need == "out" else v for v, need in zip(kept, rule.needs)]
            elif not rule.plain:
                kept = [v.data if isinstance(v, Tensor) else _raw(v) if type(v) is tuple else v for v in kept]
            step = rule.function(g, *kept)
            if getattr(step, "shape", None) != parent.shape or step.dtype is not parent.dtype:
                step = _fitted(step, parent, node, rule)
            if _watching:
                checks.refuse_non_finite(_raw(step), f"the derivative of {node.primitive} for {rule.argument} made")
            if parent not in grads:
                grads[parent] = step
            elif parent in mine and not create_graph:
                grads[parent] += step
            else:
                grads[parent] = grads[parent] + step
                mine.add(parent)
            if _watching:
                checks.refuse_non_finite(_raw(grads[parent]), f"the sum of what reaches {node.primitive}'s input made")
        if walked and not create_graph:  # what is behind a target is still there
            node.edges = None


def grad(output: Tensor, inputs: Any, grad_outputs: Any = None, create_graph: bool = False) -> Any:
    """d(output)/d(input) for each of `inputs` (a Tensor, or a sequence of them: then a tuple comes back).

    Like `backward`, but returns the gradients instead of accumulating them, and walks only where the inputs are.
    Raises `ValueError` for an input that the output does not depend on.
    """
    several = isinstance(inputs, (list, tuple))
    wanted = list(inputs) if several else [inputs]
    nodes = [node_of(x, "an input of grad") for x in wanted]
    found = dict(walk(node_of(output), _seed(output, grad_outputs, create_graph), create_graph, set(nodes)))
    for position, node in enumerate(nodes):
        if node not in found:
            raise ValueError(f"grad: the output does not depend on inputs[{position}] (shape {node.shape})")
    results = [+g if isinstance(g, Tensor) else Tensor(g.copy()) for g in map(found.__getitem__, nodes)]
    return tuple(results) if several else results[0]


def node_of(x: Tensor, role: str = "the tensor to differentiate") -> Node:
    """The node that a walk from `x` starts at; raises `ValueError` where nothing leads back."""
    if not isinstance(x, Tensor) or x.node is None:
        raise ValueError(
            f"{role} does not require a gradient: it was made from constants, detached, or made under no_grad"
        )
    return x.node


def _seed(output: Tensor, gradient: Any, create_graph: bool) -> Any:
    """The gradient that the walk begins with."""
    assert output.node is not None
    if gradient is None:
        if output.size != 1:
            raise ValueError(
                f"the output has shape {output.shape}; a gradient starts from a single number, so sum it, or pass a "
                "gradient of that shape"
            )
        gradient = np.ones_like(output.data)
    seed = gradient if isinstance(gradient, Tensor) else Tensor(gradient)
    _expect(seed, output.node, "gradient")
    if type(seed.data) is not type(output.data):
        raise ValueError(f"gradient: it is on {seed.device}, the output on {output.device}; move it with .to")
    return seed if create_graph else seed.data


def _expect(value: Tensor, node: Node, name: str) -> None:
    if value.shape != node.shape or value.dtype != node.dtype:
        raise ValueError(f"{name}: expected {node.dtype}{node.shape}, got {value.dtype}{value.shape}")


def reachable(root: Node, oldest: int = 0) -> list[Node]:
    """All nodes behind `root`, oldest first; none that was made before the `oldest`-th, since nodes depend on older
    ones only. No recursion: a graph may be deeper than Python's stack."""
    seen, pending = {root}, [root]
    while pending:
        node = pending.pop()
        if node.edges is None:
            raise RuntimeError(
                f"this graph has been freed by an earlier backward (at {node.primitive}); compute the value again, or "
                "keep the graph by passing create_graph=True the first time"
            )
        for parent, _, _ in node.edges:
            if parent not in seen and parent.order >= oldest:
                seen.add(parent)
                pending.append(parent)
    return sorted(seen, key=attrgetter("order"))


def _leading_to(targets: Set[Node], nodes: list[Node]) -> list[Node]:
    """Those of `nodes` (oldest first) from which a target can be reached."""
    useful = set(targets)
    for node in nodes:
        if any(edge[0] in useful for edge in node.edges):
            useful.add(node)
    return [node for node in nodes if node in useful]


def _fitted(step: Any, parent: Node, node: Node, rule: Rule) -> Any:
    """`step` with the shape of the argument it belongs to. Where the forward broadcast the argument, its gradient is
    the sum over the copies: Eq. 0.8 (derivations/00-autograd.md#eq-0-8). Anything else is a mistake in the rule."""
    where = f"the derivative of {node.primitive} for {rule.argument}"
    if not hasattr(step, "shape") or step.dtype != parent.dtype:
        kind = f"{step.dtype}{step.shape}" if hasattr(step, "shape") else type(step).__name__
        raise TypeError(f"{where} must be {parent.dtype}{parent.shape}, the rule gave {kind}")
    new = step.ndim - len(parent.shape)
    stretched = [n == 1 and m != 1 for n, m in zip(parent.shape, step.shape[max(new, 0) :])]
    if new < 0 or any(n != m and not s for n, m, s in zip(parent.shape, step.shape[new:], stretched)):
        raise ValueError(f"{where} must have shape {parent.shape}, the rule gave {step.shape}")
    axes = (*range(new), *(new + i for i, s in enumerate(stretched) if s))
    return F.reshape(F.sum(step, axes, True), parent.shape)
