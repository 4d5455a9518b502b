"""The gradient of one minibatch, computed by several threads.

The loss is a mean over images, and the gradient of a mean is the mean of the gradients:

    ∇ℓ(batch) = Σ_k (n_k / n) ∇ℓ(share k)          Eq. 1.11 (derivations/01-likelihood.md#eq-1-11)

So each worker takes a share of the images, builds a graph of its own and walks it, and the results are added up. NumPy
lets other threads run while it computes, elementwise work included, and this is why threads over the images do better
than threads inside each matrix product.

Nothing depends on which thread is quicker: the gradients are added in the order of the shares, and noise is drawn for
the whole minibatch and handed out by rows. One worker or several, the gradient is the same but for rounding.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

import numpy as np
import threadpoolctl

from .. import backend, nn
from ..autograd import Tensor
from ..autograd.engine import node_of, walk

__all__ = ["Workers"]

Loss = Callable[..., tuple[Tensor, dict[str, Any]]]


class Workers:
    """`count` threads for the gradients of a model, in a `with` block. While it is open, the BLAS computes each product
    in a single thread.

    Raises `ValueError` for a count below 1, and for a model with a layer whose images cannot be taken one by one.
    """

    def __init__(self, count: int, model: nn.Module) -> None:
        if count < 1:
            raise ValueError(f"workers: expected at least 1, got {count}")
        if count > 1:
            for name, layer in model.named_modules():
                if layer.whole_minibatch:
                    what = f"{name or 'the model'} is a {type(layer).__name__}, which {layer.whole_minibatch}"
                    raise ValueError(f"workers: {what}; train with workers=1")
        self.count = count
        self.open = ExitStack()
        self.map: Callable[..., Any] = map

    def __enter__(self) -> Workers:
        backend.keep_memory()
        if self.count > 1:
            self.open.enter_context(threadpoolctl.threadpool_limits(1, "blas"))
            self.map = self.open.enter_context(ThreadPoolExecutor(self.count, "worker")).map
        return self

    def __exit__(self, *error: Any) -> None:
        self.open.close()

    def backward(
        self, loss: Loss, batch: Sequence[Any], rng: Any, parameters: Sequence[Tensor] | None = None
    ) -> dict[str, Any]:
        """Add the gradient of `loss(*batch, rng)` to `.grad` of the `parameters`, and compute no other; None stands for
        every leaf, as in `.backward()`. Returns the metrics of the whole batch, the loss among them."""
        leaves = None if parameters is None else {p.node for p in parameters if p.node is not None}
        n = len(batch[0])
        cuts = [n * k // self.count for k in range(self.count + 1)]
        shares = [slice(a, b) for a, b in itertools.pairwise(cuts) if a < b]
        noise = Noise(rng, n)
        generators = [rng] if len(shares) == 1 else [Rows(noise, rows) for rows in shares]

        def differentiate(rows: slice, generator: Any) -> tuple[Iterable[tuple[Any, Any]], dict[str, Any]]:
            weight = (rows.stop - rows.start) / n
            with np.errstate(all="ignore"):  # that of the thread: see `train`
                value, metrics = loss(*(x[rows] for x in batch), generator)
                gradients: Iterable[tuple[Any, Any]] = walk(
                    node_of(value), np.full_like(value.data, weight), targets=leaves
                )
                if len(shares) > 1:  # then it is this thread that is to walk; else each gradient is used as it comes
                    gradients = list(gradients)
            return gradients, {name: weight * number for name, number in {"loss": value.data, **metrics}.items()}

        sums: dict[str, Any] = {}
        for gradients, metrics in self.map(differentiate, shares, generators):  # in the order of the shares
            for leaf, g in gradients:
                leaf.accumulate(g)
            for name, number in metrics.items():
                sums[name] = sums.get(name, 0.0) + number
        return sums


class Noise:
    """What one generator draws for a minibatch of n images, the same however many workers there are.

    All workers make the same draws. The first to come to the k-th makes it, for all images and for all workers.
    """

    def __init__(self, rng: Any, n: int) -> None:
        self.rng = rng
        self.n = n
        self.drawn: list[Any] = []
        self.lock = threading.Lock()

    def draw(self, k: int, method: str, *args: Any, **options: Any) -> Any:
        """The k-th draw: what `method` of the generator gives."""
        with self.lock:
            if k == len(self.drawn):
                self.drawn.append(getattr(self.rng, method)(*args, **options))
            return self.drawn[k]


class Rows:
    """The generator that one worker sees: its own images' rows of the noise, and whole what all images share."""

    def __init__(self, noise: Noise, rows: slice) -> None:
        self.noise = noise
        self.rows = rows
        self.draws = itertools.count()

    def standard_normal(self, size: Any = None, dtype: Any = np.float64) -> Any:
        """Standard normal numbers; the first axis of `size` counts images."""
        return self._of_images("standard_normal", size, dtype=dtype)

    def random(self, size: Any = None, dtype: Any = np.float64) -> Any:
        """Numbers uniform on [0, 1); the first axis of `size` counts images."""
        return self._of_images("random", size, dtype=dtype)

    def integers(self, low: int, high: int | None = None, size: Any = None, dtype: Any = np.int64) -> Any:
        """Without `size` one integer that all images share, as which mask is to be used for this minibatch; else the
        first axis of `size` counts images."""
        if size is None:
            return self.noise.draw(next(self.draws), "integers", low, high, dtype=dtype)
        return self._of_images("integers", size, low=low, high=high, dtype=dtype)

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(
            f"workers: with several, a loss draws by standard_normal, random or integers, not by {name}; "
            "make it of these, or train with workers=1"
        )

    def _of_images(self, method: str, size: Any, **options: Any) -> Any:
        images = self.rows.stop - self.rows.start
        shape = tuple(size) if isinstance(size, Iterable) else (size,)
        if not shape or shape[0] != images:
            raise ValueError(
                f"workers: a loss draws noise image by image, expected a shape ({images}, …), got {size}; draw what "
                "all images share with rng.integers(n), or train with workers=1"
            )
        return self.noise.draw(next(self.draws), method, size=(self.noise.n, *shape[1:]), **options)[self.rows]
