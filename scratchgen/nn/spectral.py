"""A layer that cannot stretch: its weights are divided by their largest singular value."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import backend
from .. import functional as F
from .convolution import Conv2d
from .init import generator
from .layers import Linear
from .module import Module

__all__ = ["SpectralNorm", "spectral_norm"]

TINY = 1e-12  # the least length that is divided by


class SpectralNorm(Module):
    """A layer of weights W̄ = W / σ(W), σ the largest singular value (특잇값): it stretches nothing by more than 1.

    Eqs. 18.21–18.23 (derivations/18-gan-gradients.md#eq-18-21). Wraps a `Linear` or a `Conv2d`; of the latter W is the
    matrix (out, in · k · k) that takes a patch: an image can be stretched by ⌈k / stride⌉. σ comes from one step of the
    power iteration (거듭제곱법) for each pass in training, from where the last one ended; for gradients its vectors are
    constants. In evaluation they stay as they are.

    T. Miyato, T. Kataoka, M. Koyama, Y. Yoshida, *Spectral normalization for generative adversarial networks*, ICLR
    2018 (arXiv:1802.05957). Raises `TypeError` for any other layer, and `ValueError` for one whose weights are all 0.
    """

    whole_minibatch = "takes a step of its power iteration for each pass"

    def __init__(self, layer: Linear | Conv2d, *, rng: Any = None) -> None:
        if not isinstance(layer, (Linear, Conv2d)):
            raise TypeError(f"SpectralNorm: expected a Linear or a Conv2d, got {type(layer).__name__}")
        self.layer = layer
        w = self._matrix().data
        if not backend.host_scalar(w.any()):
            raise ValueError("SpectralNorm: all weights are 0, and cannot be divided by their largest singular value")
        self.left = np.zeros_like(w, shape=len(w))
        self.right = _unit(backend.normal(generator(rng), (w.shape[1],), like=w))
        for _ in range(15):  # so that the first pass has a σ already
            self._iterate(w)

    def forward(self, x: Any) -> Any:
        w = self._matrix()
        if self.training:
            self._iterate(w.data)
        left, right = self.left.copy(), self.right.copy()  # the graph keeps them, the next pass changes them
        sigma = F.matmul(left, F.matmul(w, right))
        weight = self.layer.weight
        return self.layer._exchanged({id(weight): weight / sigma})(x)

    def _matrix(self) -> Any:
        """W (out, everything else)."""
        weight = self.layer.weight
        return weight.reshape((len(weight), weight.size // len(weight)))

    def _iterate(self, w: Any) -> None:
        """u ← W v / ‖W v‖, v ← Wᵀ u / ‖Wᵀ u‖: towards the largest singular value's pair."""
        self.left[...] = _unit(w @ self.right)
        self.right[...] = _unit(w.T @ self.left)


def spectral_norm(module: Any, rng: Any = None) -> Any:
    """The same module with each of its `Linear` and `Conv2d` layers in a `SpectralNorm`, in place; one that is such a
    layer itself, in one. Make its optimizer of `parameters()` before or afterwards: they are the same ones."""
    rng = generator(rng)
    if isinstance(module, (Linear, Conv2d)):
        return SpectralNorm(module, rng=rng)
    for inside in list(module.modules()):
        if not isinstance(inside, SpectralNorm):
            for name, child in list(inside._children()):
                if isinstance(child, (Linear, Conv2d)):
                    setattr(inside, name, SpectralNorm(child, rng=rng))
    return module


def _unit(x: Any) -> Any:
    """x / ‖x‖, and 0 for a zero."""
    return x / np.maximum(np.sqrt(np.vdot(x, x)), TINY)
