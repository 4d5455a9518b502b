"""conv2d forward and backward: 64 images of 28×28, as many filters 3×3 as channels, padding 1; then with 5 of 9 taps.

Gradients of x, w and b are all computed. The masked case is the inner layer of a PixelCNN (type B): scratchgen skips
the taps that the others multiply by zero.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from .harness import Contender, compare

TAPS = tuple((u, v) for u in range(3) for v in range(3) if (u, v) <= (1, 1))
CONTENDERS = {
    "scratchgen": "in_scratchgen",
    "torch": "in_torch",
    "torch channels_last": "in_torch_channels_last",
    "jax.jit": "in_jax",
    "dezero": "in_dezero",
    "mygrad": "in_mygrad",
}
GOALS = {"torch": 1.0, "dezero": 0.25, "mygrad": 0.25}


def run(rounds: int = 5) -> list[dict]:
    """32 channels with everyone, on one thread and on two; 16 and 64 channels and the mask with the faster ones."""
    fast = ["scratchgen", "torch", "torch channels_last", "jax.jit"]
    cases = [
        (list(CONTENDERS), 32, False, 2),
        (fast, 32, False, 1),
        (fast, 16, False, 2),
        (fast, 64, False, 2),
        (fast, 32, True, 2),
        (fast, 32, True, 1),
    ]
    return [_case(*case, rounds) for case in cases]


def _case(names: list[str], channels: int, masked: bool, threads: int, rounds: int) -> dict:
    options = {"channels": channels, "masked": masked}
    return compare(
        f"conv2d 64×{channels}×28×28, {channels} filters 3×3{', 5 of 9 taps' * masked}, forward and backward",
        [
            Contender(
                name,
                f"{__name__}:{CONTENDERS[name]}",
                options | ({"workers": threads} if name == "scratchgen" else {}),
                ours=name == "scratchgen",
            )
            for name in names
        ],
        threads=threads,
        rounds=rounds,
        goals=GOALS,
        **options,
    )


def problem(channels: int, masked: bool) -> tuple[np.ndarray, ...]:
    """x, w, b and the cotangent; and the mask (all ones where there is none)."""
    rng = np.random.default_rng(0)
    draw = lambda *shape: rng.standard_normal(shape, np.float32)
    mask = np.ones((3, 3), np.float32)
    if masked:
        mask[...] = 0
        for tap in TAPS:
            mask[tap] = 1
    shape = (64, channels, 28, 28)
    return draw(*shape), draw(channels, channels, 3, 3) / 17, draw(channels), draw(*shape), mask


def in_scratchgen(channels: int, masked: bool, workers: int) -> Any:
    """Each worker takes its share of the images, as in training; the gradients of w and b are added up."""
    import threadpoolctl

    import scratchgen as sg
    import scratchgen.functional as F
    from scratchgen import backend

    backend.keep_memory()
    threadpoolctl.threadpool_limits(1, "blas")  # from now on
    x, w, b, g, _ = problem(channels, masked)
    w, b = (sg.tensor(a, requires_grad=True) for a in (w, b))
    images = [sg.tensor(part, requires_grad=True) for part in np.split(x, workers)]
    options = {"taps": TAPS} if masked else {}
    run = ThreadPoolExecutor(workers).map if workers > 1 else map

    def differentiate(x: Any, g: Any) -> Any:
        return sg.grad(F.conv2d(x, w, b, padding=1, **options), [x, w, b], g)

    def step() -> float:
        dx, dw, db = zip(*run(differentiate, images, np.split(g, workers)))
        for total in (dw, db):
            for part in total[1:]:
                total[0].data += part.data
        return np.abs(dw[0].data).mean() + dx[0].data[0, 0, 0, 0]

    return step


def in_torch_channels_last(channels: int, masked: bool) -> Any:
    import torch

    return in_torch(channels, masked, torch.channels_last)


def in_torch(channels: int, masked: bool, layout: Any = None) -> Any:
    import torch

    layout = layout or torch.contiguous_format
    *arrays, g, mask = (torch.tensor(a) for a in problem(channels, masked))
    x, w = (a.to(memory_format=layout).requires_grad_() for a in arrays[:2])
    b, g = arrays[2].requires_grad_(), g.to(memory_format=layout)

    def step() -> float:
        x.grad = w.grad = b.grad = None
        torch.nn.functional.conv2d(x, w * mask if masked else w, b, padding=1).backward(g)
        return (w.grad.abs().mean() + x.grad[0, 0, 0, 0]).item()

    return step


def in_jax(channels: int, masked: bool) -> Any:
    import jax

    *arrays, g, mask = map(jax.device_put, problem(channels, masked))

    def convolve(x: Any, w: Any, b: Any) -> Any:
        return jax.lax.conv(x, w * mask, (1, 1), "SAME") + b[:, None, None]

    @jax.jit
    def both(x: Any, w: Any, b: Any, g: Any) -> Any:
        y, pull = jax.vjp(convolve, x, w, b)
        return y, pull(g)

    def step() -> float:
        _, (dx, dw, _) = jax.block_until_ready(both(*arrays, g))
        return np.abs(np.asarray(dw)).mean() + np.asarray(dx)[0, 0, 0, 0]

    return step


def in_dezero(channels: int, masked: bool) -> Any:
    from .engine import published_dezero

    dezero = published_dezero()
    from dezero.functions_conv import conv2d

    *arrays, g, _ = problem(channels, masked)
    x, w, b = map(dezero.Variable, arrays)

    def step() -> float:
        for leaf in (x, w, b):
            leaf.cleargrad()
        y = conv2d(x, w, b, 1, 1)
        y.grad = dezero.Variable(g)
        y.backward()
        return np.abs(w.grad.data).mean() + x.grad.data[0, 0, 0, 0]

    return step


def in_mygrad(channels: int, masked: bool) -> Any:
    import mygrad as mg
    from mygrad.nnet.layers import conv_nd

    *arrays, g, _ = problem(channels, masked)

    def step() -> float:
        x, w, b = (mg.tensor(a, copy=False) for a in arrays)
        y = conv_nd(x, w, stride=1, padding=1) + b.reshape(-1, 1, 1)
        y.backward(g)
        return np.abs(w.grad).mean() + x.grad[0, 0, 0, 0]

    return step
