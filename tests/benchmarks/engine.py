"""What one primitive costs, forward and backward, when its arithmetic costs nothing: chains on ten numbers."""

from __future__ import annotations

from typing import Any

import numpy as np

from .harness import Contender, compare

LENGTH = 2000  # primitives in a chain
CHAINS = ("tanh", "multiply", "add", "mixed")
PEERS = ("torch", "autograd", "mygrad", "dezero")


def run(rounds: int = 5) -> list[dict]:
    """The cost per primitive for chains of one operation and of three; then of one chain at growing depth."""
    tables = []
    for chain in CHAINS:
        tables.append(
            compare(
                f"engine: a chain of {LENGTH} primitives, {chain}, forward and backward (per primitive: divide by {LENGTH})",
                [_contender(library, chain, LENGTH) for library in ("scratchgen", *PEERS)],
                rounds=rounds,
                length=LENGTH,
            )
        )
    for depth in (1_000, 10_000, 100_000):
        libraries = ("scratchgen", "torch", "autograd") if depth > 10_000 else ("scratchgen", *PEERS)
        contenders = [_contender(library, "mixed", depth) for library in libraries]
        contenders.insert(1, Contender("without gc", f"{__name__}:without_gc", {"length": depth}))
        tables.append(
            compare(
                f"engine: depth {depth}, mixed",
                contenders,
                rounds=rounds,
                length=depth,
            )
        )
    for table in tables:
        for row in table["rows"]:
            if "seconds" in row:
                row["microseconds per primitive"] = round(row["seconds"] / table["length"] * 1e6, 3)
    _show_costs(tables)
    return tables


def _contender(library: str, chain: str, length: int) -> Contender:
    options = {"chain": chain, "length": length}
    return Contender(library, f"{__name__}:in_{library}", options, ours=library == "scratchgen")


def _show_costs(tables: list[dict]) -> None:
    names = list(dict.fromkeys(row["name"] for table in tables for row in table["rows"]))
    print("\nengine: µs per primitive, forward and backward   goal ≤ 6, flat in depth")
    print(" " * 40 + "".join(f"{name:>12}" for name in names))
    for table in tables:
        costs = {row["name"]: row.get("microseconds per primitive") for row in table["rows"]}
        title = table["title"].removeprefix("engine: ").partition(", forward")[0]
        print(f"  {title:38}" + "".join(f"{costs.get(n) or '–':>12}" for n in names))


# --------------------------------------------------------------------------------------------- the same chains
# w and c are leaves as well: as in a network, most primitives meet a parameter. A result is ∂(Σy)/∂x, summed.
START = np.linspace(-1, 1, 10)
W, C = np.full(10, 1.01), np.full(10, 0.001)


def forward(chain: str, length: int, tanh: Any, x: Any, w: Any, c: Any) -> Any:
    """The chain, written once for all libraries: they share NumPy's operators."""
    y = x
    if chain == "mixed":
        for _ in range(length // 3):
            y = tanh(y * w + c)
    elif chain == "tanh":
        for _ in range(length):
            y = tanh(y)
    elif chain == "multiply":
        for _ in range(length):
            y = y * w
    else:
        for _ in range(length):
            y = y + c
    return y


def in_scratchgen(chain: str, length: int) -> Any:
    import scratchgen as sg
    import scratchgen.functional as F

    w, c = (sg.tensor(v, requires_grad=True) for v in (W, C))

    def step() -> float:
        x = sg.tensor(START, requires_grad=True)
        w.grad = c.grad = None
        forward(chain, length, F.tanh, x, w, c).sum().backward()
        return x.grad.data.sum()

    return step


def without_gc(length: int) -> Any:
    """Whatever grows with depth here is not ours: the engine makes no cycles, but Python still looks for them, through
    all live objects, each time their number has grown by a quarter."""
    import gc

    gc.disable()
    return in_scratchgen("mixed", length)


def in_torch(chain: str, length: int) -> Any:
    import torch

    w, c = (torch.tensor(v, requires_grad=True) for v in (W, C))

    def step() -> float:
        x = torch.tensor(START, requires_grad=True)
        w.grad = c.grad = None
        forward(chain, length, torch.tanh, x, w, c).sum().backward()
        return x.grad.sum().item()

    return step


def in_autograd(chain: str, length: int) -> Any:
    import autograd
    import autograd.numpy as anp

    gradient = autograd.grad(lambda x, w, c: anp.sum(forward(chain, length, anp.tanh, x, w, c)), (0, 1, 2))
    return lambda: gradient(START, W, C)[0].sum()


def in_mygrad(chain: str, length: int) -> Any:
    import mygrad as mg

    w, c = mg.tensor(W), mg.tensor(C)

    def step() -> float:
        x = mg.tensor(START)
        forward(chain, length, mg.tanh, x, w, c).sum().backward()
        return x.grad.sum()

    return step


def in_dezero(chain: str, length: int) -> Any:
    dezero = published_dezero()
    w, c = dezero.Variable(W), dezero.Variable(C)

    def step() -> float:
        x = dezero.Variable(START)
        w.cleargrad()
        c.cleargrad()
        dezero.functions.sum(forward(chain, length, dezero.functions.tanh, x, w, c)).backward()
        return x.grad.data.sum()

    return step


def published_dezero() -> Any:
    """DeZero 0.0.13 names `np.int`, which NumPy has dropped; with that name back in its place it runs."""
    np.int = int  # type: ignore[attr-defined]
    import dezero
    import dezero.functions

    return dezero
