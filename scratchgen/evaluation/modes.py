"""How many modes of a known mixture does a generator reach? Counted, and weighed (모드 붕괴, mode collapse).

What it measures: whether samples lie where the mixture has its modes, and whether each mode gets its share. What it
does not: the shape of a mode (a generator that gives every time exactly the means, or one point of each mode, is
perfect here), or anything where the modes are not known. The numbers depend on radius and standard deviation of the
mixture, on the number of samples and on the rule of three standard deviations: they want a protocol card beside them.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from scipy.spatial.distance import cdist
from scipy.special import rel_entr

from .inputs import on_host

__all__ = ["Modes", "count_modes", "reverse_kl"]


class Modes(NamedTuple):
    """What `count_modes` found. Eqs. 22.2 and 22.4 (derivations/22-metrics.md#eq-22-2)

    reached: modes with at least one high-quality sample.  quality: the share of such samples, in [0, 1].
    reverse_kl: KL(generated‖data) over the modes, in nats.  counts: the samples nearest to each mode, int64 (K,).
    """

    reached: int
    quality: float
    reverse_kl: float
    counts: np.ndarray

    def __str__(self) -> str:
        return (
            f"{self.reached} of {len(self.counts)} modes, {self.quality:.1%} high quality,"
            f" reverse KL {self.reverse_kl:.3f} nats"
        )


def count_modes(samples: Any, means: Any, std: float, deviations: float = 3.0, weights: Any = None) -> Modes:
    """Each sample goes to its nearest mean; of high quality if |x − mean| ≤ `deviations` · std.

    Eqs. 22.1, 22.2 and 22.4 (derivations/22-metrics.md#eq-22-1). samples (N, d), means (K, d) and `std` as in
    `data.mixture_ring`; `weights` (K,) of the mixture, equal ones by default. *Every* sample counts for the reverse KL,
    wherever it lies. A perfect generator has 98.9 % high quality in the plane, not 100 %: Eq. 22.3.

    Raises `ValueError` for samples that are not finite, for `std` or `deviations` ≤ 0, for no means at all, and for two
    that are one and the same point: spacing a ring's angles with the end point makes a ring of 8 that has 7 modes, of
    which nobody can reach 8.

    A. Srivastava et al., *VEEGAN*, 2017 (arXiv:1705.07761), who take 2,500 samples; the reverse KL: Z. Lin et al.,
    *PacGAN*, 2018 (arXiv:1712.04086).
    """
    x, centres = (_rows(name, a) for name, a in (("samples", samples), ("means", means)))
    if not len(x):
        raise ValueError(f"count_modes: expected at least one sample, got {x.shape}")
    if x.shape[1] != centres.shape[1]:
        raise ValueError(f"count_modes: samples {x.shape} and means {centres.shape} are no points of one space")
    if not len(centres):
        raise ValueError(f"count_modes: expected at least one mean, got {centres.shape}")
    if not (0 < std < math.inf and 0 < deviations < math.inf):
        raise ValueError(f"count_modes: std and deviations are positive, got {std} and {deviations}")
    _refuse_twins(centres, std)
    distances = cdist(x, centres)
    nearest = distances.argmin(1)
    good = distances.min(1) <= deviations * std
    counts = np.bincount(nearest, minlength=len(centres))
    return Modes(len(np.unique(nearest[good])), float(good.mean()), reverse_kl(counts, weights), counts)


def reverse_kl(counts: Any, weights: Any = None) -> float:
    """KL(q‖p) = Σ q ln(q/p) in nats, q the shares of the generated `counts` (K,), p the data's `weights` (K,).

    Eq. 22.4 (derivations/22-metrics.md#eq-22-4). Equal weights by default, and then KL = ln K − H(q). This direction
    stays finite when modes are missing, the other does not: Eq. 22.5. Even a perfect generator has about (K − 1)/2N in
    N samples: Eq. 22.6. Raises `ValueError` for counts that are none, and where samples are in a mode of weight 0.
    """
    q = on_host("reverse_kl", "counts", counts)
    p = np.ones_like(q) if weights is None else on_host("reverse_kl", "weights", weights)
    some = q.ndim == 1 and p.shape == q.shape and np.isfinite(q).all() and np.isfinite(p).all()
    if not some or min(q.min(initial=0), p.min(initial=0)) < 0 or not q.sum() > 0:
        raise ValueError(f"reverse_kl: expected counts (K,), not all zero, and weights like them, got {q} and {p}")
    if (p[q > 0] == 0).any():
        raise ValueError("reverse_kl: samples are in a mode of weight 0, where the data never are: the KL is infinite")
    return max(0.0, float(rel_entr(q / q.sum(), p / p.sum()).sum()))  # rounding can make 0 a little negative


def _rows(name: str, a: Any) -> np.ndarray:
    a = on_host("count_modes", name, a)
    if a.ndim != 2:
        raise ValueError(f"count_modes: {name} wants points in rows, (N, d), got {a.shape}")
    if not np.isfinite(a).all():
        raise ValueError(f"count_modes: {name} has points that are not finite: the run has diverged")
    return a


def _refuse_twins(centres: np.ndarray, std: float) -> None:
    """No two means within a hundredth of a standard deviation: a sample could not belong to both."""
    gaps = cdist(centres, centres)
    np.fill_diagonal(gaps, math.inf)
    i, j = np.unravel_index(gaps.argmin(), gaps.shape)
    if gaps[i, j] < 0.01 * std:
        raise ValueError(
            f"count_modes: means {i} and {j} are the same point {centres[i].round(6)}; leave out the end point when you"
            f" space a ring's angles (2πk/K, k = 0 … K − 1, as data.mixture_ring does)"
        )
