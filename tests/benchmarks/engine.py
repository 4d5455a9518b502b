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
    tables = [_table(chain, LENGTH, PEERS, rounds) for chain in CHAINS]
    tables += [_table("mixed", depth, PEERS, rounds) for depth in (1_000, 10_000)]
    tables.append(_table("mixed", 100_000, ("torch",), rounds))
    _show_costs(tables)
    return tables


def _table(chain: str, length: int, peers: tuple[str, ...], rounds: int) -> dict:
    contenders = [_contender(library, chain, length) for library in ("scratchgen", *peers)]
    if chain == "mixed":
        contenders.append(Contender("without gc", f"{__name__}:without_gc", {"length": length}))
    title = f"engine, per primitive forward and backward: {chain}, depth {length}"
    return compare(title, contenders, rounds=rounds, parts=length, chain=chain, depth=length)


def _contender(library: str, chain: str, length: int) -> Contender:
    options = {"chain": chain, "length": length}
    return Contender(library, f"{__name__}:in_{library}", options, ours=library == "scratchgen")


def _show_costs(tables: list[dict]) -> None:
    names = list(dict.fromkeys(row["name"] for table in tables for row in table["rows"]))
    print("\nengine: µs per primitive, forward and backward   (goal ≤ 6, flat in depth)")
    print(" " * 20 + "".join(f"{name:>12}" for name in names))
    for table in tables:
        costs = {row["name"]: f"{1e6 * row['seconds']:.1f}" for row in table["rows"] if "seconds" in row}
        print(f"  {table['chain']:10}{table['depth']:8}" + "".join(f"{costs.get(name, '–'):>12}" for name in names))


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
    """DeZero 0.0.13 names `np.int`, which NumPy has dropped; with that name back in its place it runs. Of plain numbers
    it makes float64 arrays, and NumPy 2 then everything that they meet: here they are float32, as all else is."""
    np.int = int  # type: ignore[attr-defined]
    import dezero.core
    import dezero.functions

    as_array = dezero.core.as_array
    dezero.core.as_array = lambda x, *rest: as_array(np.float32(x) if type(x) in (int, float) else x, *rest)
    return dezero
