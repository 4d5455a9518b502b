"""Probability distributions (확률 분포) whose parameters may come out of a network.

Every element is a random variable of its own, and results come **per element**, in nats: the log-density of an image is
the sum over its pixels, `p.log_prob(x).sum((1, 2, 3))`, the KL divergence of a latent vector the *sum* over its
dimensions, never the mean. (`MultivariateNormal`, whose elements are not independent, answers **per vector** instead.)
Parameters are what a network puts out without a squashing function: logits, and the
logarithm of the variance. They may be Tensors, arrays, or plain numbers; results are Tensors (of plain numbers alone a
KL is a plain number).

`sample` draws constants; `rsample` draws so that the gradient reaches the parameters.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from . import backend
from . import functional as F
from .autograd import Tensor, no_grad, tensor
from .functional.linear import swapped

__all__ = ["Bernoulli", "Categorical", "MultivariateNormal", "Normal", "kl_divergence"]

Shape = int | tuple[int, ...]


class Bernoulli:
    """x ∈ {0, 1}, p(x = 1) = σ(logits) (베르누이 분포)."""

    def __init__(self, logits: Any) -> None:
        self.logits = _tensor(logits)

    @property
    def mean(self) -> Tensor:
        """E[x] = σ(logits)."""
        return F.sigmoid(self.logits)

    def log_prob(self, x: Any) -> Tensor:
        """ln p(x) = x a − ζ(a), a the logits.  Eq. 15.1 (derivations/15-decoders.md#eq-15-1)

        x has the logits' shape, or one that broadcasts with it. Raises `ValueError` for x that are neither 0 nor 1: of
        a grey x this would be minus a cross-entropy, and the logarithm of no probability.
        """
        x, logits = _broadcast(x, self.logits)
        values = x.data if isinstance(x, Tensor) else x
        if not backend.host_scalar(np.all((values == 0) | (values == 1))):
            raise ValueError(
                "Bernoulli.log_prob: expected x that are 0 or 1, some are neither; scale pixels to [0, 1] (images / "
                "255), say how they become black and white with scratchgen.data.binarize, or use a Normal"
            )
        return -F.binary_cross_entropy_with_logits(logits, x, "none")

    def sample(self, rng: Any, n: Shape = ()) -> Tensor:
        """Zeros and ones in the logits' dtype; `n` adds axes in front. Raises `FloatingPointError` for NaN logits."""
        check_drawable("Bernoulli.sample", self.logits.data, bits=True)
        chance = F.sigmoid(self.logits.data)
        u = backend.uniform(rng, _shape(n, chance), chance)
        return Tensor((u < chance).astype(chance.dtype))

    def entropy(self) -> Tensor:
        """H = σ(a) ζ(−a) + σ(−a) ζ(a).  Eq. 1.5 (derivations/01-likelihood.md#eq-1-5)"""
        a = self.logits
        return F.sigmoid(a) * F.softplus(-a) + F.sigmoid(-a) * F.softplus(a)


class Categorical:
    """x ∈ {0, …, K − 1}, p(x = k) = softmax(logits)ₖ (범주형 분포). Logits (…, K), finite; x integers (…)."""

    def __init__(self, logits: Any) -> None:
        self.logits = _tensor(logits)
        if self.logits.ndim == 0:
            raise ValueError("Categorical: logits need an axis of classes, got a single number")

    @property
    def probs(self) -> Tensor:
        """p(x = k), along the last axis."""
        return F.softmax(self.logits, -1)

    @property
    def mean(self) -> Tensor:
        """E[x] = Σₖ k p(x = k), where the classes are levels: their order means something."""
        levels = np.cumsum(np.ones_like(self.logits.data), axis=-1) - 1
        return F.sum(self.probs * levels, -1)

    def log_prob(self, x: Any) -> Tensor:
        """ln p(x) = aₓ − ln Σₖ e^(aₖ).  Eq. 0.46 (derivations/00-autograd.md#eq-0-46)

        x integers of shape (…), or with more axes in front. Raises `ValueError` for classes outside 0 … K − 1.
        """
        labels = x.data if isinstance(x, Tensor) else x if backend.is_array(x) else np.asarray(x)
        log_probs = F.log_softmax(self.logits, -1)
        wanted = (*np.broadcast_shapes(labels.shape, log_probs.shape[:-1]), log_probs.shape[-1])
        rows = F.reshape(F.broadcast_to(log_probs, wanted), (-1, wanted[-1]))
        flat = np.broadcast_to(labels, wanted[:-1]).reshape(-1)
        return F.reshape(-F.nll_loss(rows, flat, "none"), wanted[:-1])

    def sample(self, rng: Any, n: Shape = ()) -> Tensor:
        """Class numbers, by the inverse of the cumulative distribution; `n` adds axes in front. Raises
        `FloatingPointError` for logits that are NaN or +∞."""
        check_drawable("Categorical.sample", self.logits.data, bits=False)
        cumulative = np.cumsum(F.softmax(self.logits.data, -1), axis=-1)
        total = cumulative[..., -1:]  # 1 up to rounding; scaled to it, u stays below
        u = backend.uniform(rng, _shape(n, total), total)
        return Tensor((u * total >= cumulative).sum(axis=-1))

    def entropy(self) -> Tensor:
        """H = −Σₖ pₖ ln pₖ.  Eq. 1.5 (derivations/01-likelihood.md#eq-1-5)"""
        return -F.sum(self.probs * F.log_softmax(self.logits, -1), -1)


class Normal:
    """x ~ N(μ, σ²) (정규 분포), given by `mean` μ and `log_var` ln σ²; the prior N(0, I) is `Normal(0.0, 0.0)`."""

    def __init__(self, mean: Any, log_var: Any) -> None:
        self.mean = _number_or_tensor(mean)
        self.log_var = _number_or_tensor(log_var)

    @property
    def std(self) -> Any:
        """σ = e^(½ ln σ²): the standard deviation, not the variance."""
        return _exp(0.5 * self.log_var)

    def log_prob(self, x: Any) -> Tensor:
        """ln p(x) = −½ (ln 2π + ln σ² + (x − μ)²/σ²).  Eq. 13.1 (derivations/13-gaussian-kl.md#eq-13-1), and as a
        decoder's Eq. 15.3 (derivations/15-decoders.md#eq-15-3)"""
        x = _number_or_tensor(x) if isinstance(self.mean, Tensor) else _tensor(x)
        return -0.5 * (math.log(2 * math.pi) + self.log_var + F.square(x - self.mean) * _exp(-self.log_var))

    def rsample(self, rng: Any = None, n: Shape = (), noise: Any = None) -> Tensor:
        """z = μ + σ ∘ ε, ε ~ N(0, 1): the reparameterisation (재매개변수화).

        Eq. 14.1 (derivations/14-reparameterisation.md#eq-14-1). `rng` draws ε, with `n` for axes in front; or it is
        handed in as `noise`, and then the sample is a plain function of its arguments.
        Source: D. Kingma, M. Welling, *Auto-encoding variational Bayes*, ICLR 2014.
        """
        if (rng is None) == (noise is None):
            raise ValueError("Normal.rsample: give either rng or noise")
        if noise is None:
            like = self._like()
            noise = Tensor(backend.normal(rng, _shape(n, like), like))
        return self.mean + self.std * _tensor(noise)

    def sample(self, rng: Any, n: Shape = ()) -> Tensor:
        """The same numbers as constants. With both parameters plain numbers, float32 on the CPU."""
        with no_grad():
            return self.rsample(rng, n)

    def entropy(self) -> Any:
        """H = ½ (ln 2π + 1 + ln σ²).  Eq. 13.6 (derivations/13-gaussian-kl.md#eq-13-6)"""
        like = self._like()
        return Tensor(np.zeros_like(like, shape=like.shape)) + 0.5 * (math.log(2 * math.pi) + 1 + self.log_var)

    def _like(self) -> Any:
        """An array of the shape that μ and ln σ² have together."""
        arrays = [x.data for x in (self.mean, self.log_var) if isinstance(x, Tensor)]
        if not arrays:
            return np.zeros((), np.float32)
        return np.broadcast_to(arrays[0], np.broadcast_shapes(*(x.shape for x in arrays)))


class MultivariateNormal:
    """x ~ N(μ, LLᵀ) (다변량 정규 분포), given by `mean` μ (…, d) and `factor` L (…, d, d), the Cholesky factor.

    L is lower triangular with a positive diagonal, as `lower_triangle` of `scratchgen.models.latent.terms` makes it;
    what stands above the diagonal must be 0. A factor (d, d) is that of all vectors. Elements of a vector depend on
    each other, so results come per *vector* (…). Raises `ValueError` for shapes that do not fit, and for a factor that
    is none, such as a covariance, unless `validate_args` is False: of a factor that was made as one.
    """

    def __init__(self, mean: Any, factor: Any, *, validate_args: bool = True) -> None:
        self.mean = _tensor(mean)
        self.factor = _tensor(factor)
        d = self.mean.shape[-1] if self.mean.ndim else None
        if self.factor.shape[-2:] != (d, d):
            raise ValueError(
                f"MultivariateNormal: mean (…, d) wants factor (…, d, d), got {self.mean.shape} and {self.factor.shape}"
            )
        if validate_args:
            _check_factor(self.factor.data)

    @property
    def log_diagonal(self) -> Tensor:
        """ln Lⱼⱼ (…, d); twice their sum is the logarithm of the covariance's determinant."""
        return F.log(F.diagonal(self.factor))

    def log_prob(self, x: Any) -> Tensor:
        """ln p(x) = −½ (d ln 2π + |L⁻¹(x − μ)|²) − Σⱼ ln Lⱼⱼ, (…, d) → (…).

        Eq. 13.7 (derivations/13-gaussian-kl.md#eq-13-7)
        """
        white = F.solve_lower(self.factor, _tensor(x) - self.mean)
        return -0.5 * F.sum(math.log(2 * math.pi) + F.square(white), -1) - F.sum(self.log_diagonal, -1)

    def rsample(self, rng: Any = None, n: Shape = (), noise: Any = None) -> Tensor:
        """z = μ + Lε, ε ~ N(0, I).  Eq. 14.6 (derivations/14-reparameterisation.md#eq-14-6)

        As `Normal.rsample`: `rng` draws ε, with `n` for axes in front, or it is handed in as `noise` (…, d).
        """
        if (rng is None) == (noise is None):
            raise ValueError("MultivariateNormal.rsample: give either rng or noise")
        if noise is None:
            batch = np.broadcast_shapes(self.mean.shape, self.factor.shape[:-1])
            like = np.broadcast_to(self.mean.data, batch)
            noise = Tensor(backend.normal(rng, _shape(n, like), like))
        noise = _tensor(noise)
        return self.mean + F.reshape(F.matmul(self.factor, noise[..., None]), noise.shape)

    def sample(self, rng: Any, n: Shape = ()) -> Tensor:
        """The same numbers as constants."""
        with no_grad():
            return self.rsample(rng, n)

    def entropy(self) -> Tensor:
        """H = ½ d (ln 2π + 1) + Σⱼ ln Lⱼⱼ, per vector.  Eq. 13.12 (derivations/13-gaussian-kl.md#eq-13-12)"""
        each = 0.5 * (math.log(2 * math.pi) + 1) + self.log_diagonal
        return F.sum(F.broadcast_to(each, np.broadcast_shapes(each.shape, self.mean.shape)), -1)


def kl_divergence(q: Any, p: Any) -> Any:
    """KL(q‖p) = E_q[ln q − ln p] ≥ 0, in closed form, per element.  Eq. 1.6 (derivations/01-likelihood.md#eq-1-6)

    For two distributions of one family: Bernoulli, Categorical or Normal. For a MultivariateNormal q, and p another or
    a Normal, one number per *vector*. Raises `TypeError` for others.
    """
    for (first, second), formula in _kl.items():
        if isinstance(q, first) and isinstance(p, second):
            return formula(q, p)
    raise TypeError(
        f"kl_divergence: no closed form for {type(q).__name__} and {type(p).__name__}; average ln q − ln p over samples"
    )


def normal_kl(q: Normal, p: Normal) -> Any:
    """½ (σ_q²/σ_p² + (μ_q − μ_p)²/σ_p² − 1 − ln(σ_q²/σ_p²)).  Eq. 13.2 (derivations/13-gaussian-kl.md#eq-13-2), and
    for p = N(0, 1) Eq. 13.3 (derivations/13-gaussian-kl.md#eq-13-3)"""
    log_ratio = q.log_var - p.log_var
    return 0.5 * (_expm1(log_ratio) - log_ratio + F.square(q.mean - p.mean) * _exp(-p.log_var))


def bernoulli_kl(q: Bernoulli, p: Bernoulli) -> Tensor:
    """Σ over x = 1, 0 of q(x) (ln q(x) − ln p(x)).  Eq. 1.6 (derivations/01-likelihood.md#eq-1-6)"""
    a, b = q.logits, p.logits
    one = F.sigmoid(a) * (F.logsigmoid(a) - F.logsigmoid(b))
    zero = F.sigmoid(-a) * (F.logsigmoid(-a) - F.logsigmoid(-b))
    return one + zero


def categorical_kl(q: Categorical, p: Categorical) -> Tensor:
    """Σₖ qₖ (ln qₖ − ln pₖ).  Eq. 1.6 (derivations/01-likelihood.md#eq-1-6)"""
    if q.logits.shape[-1] != p.logits.shape[-1]:
        raise ValueError(f"kl_divergence: expected the same classes, got {q.logits.shape} and {p.logits.shape}")
    return F.sum(q.probs * (F.log_softmax(q.logits, -1) - F.log_softmax(p.logits, -1)), -1)


def full_kl(q: MultivariateNormal, p: MultivariateNormal) -> Tensor:
    """½ (‖L_p⁻¹L_q‖² + |L_p⁻¹(μ_q − μ_p)|² − d) + Σⱼ ln L_p,ⱼⱼ − Σⱼ ln L_q,ⱼⱼ, one number per vector.

    Eq. 13.9 (derivations/13-gaussian-kl.md#eq-13-9)
    """
    moved = F.solve_lower(p.factor, q.mean - p.mean)
    stretched = F.solve_lower(p.factor[..., None, :, :], swapped(q.factor))  # column by column
    squares = F.sum(F.square(stretched), -2) + F.square(moved)
    return F.sum(0.5 * (squares - 1) + p.log_diagonal - q.log_diagonal, -1)


def full_to_diagonal_kl(q: MultivariateNormal, p: Normal) -> Tensor:
    """½ Σⱼ [((LLᵀ)ⱼⱼ + (μ_q − μ_p)ⱼ²)/σ_p² − 1 + ln σ_p²] − Σⱼ ln Lⱼⱼ, one number per vector.

    Eq. 13.9 (derivations/13-gaussian-kl.md#eq-13-9), and for p = N(0, I) Eq. 13.10
    (derivations/13-gaussian-kl.md#eq-13-10)
    """
    squares = F.sum(F.square(q.factor), -1) + F.square(q.mean - p.mean)
    return F.sum(0.5 * (squares * _exp(-p.log_var) - 1 + p.log_var) - q.log_diagonal, -1)


_kl: dict[tuple[type, type], Callable[[Any, Any], Any]] = {
    (Normal, Normal): normal_kl,
    (Bernoulli, Bernoulli): bernoulli_kl,
    (Categorical, Categorical): categorical_kl,
    (MultivariateNormal, MultivariateNormal): full_kl,
    (MultivariateNormal, Normal): full_to_diagonal_kl,
}


def _tensor(x: Any) -> Tensor:
    if isinstance(x, Tensor):
        return x
    return Tensor(x) if backend.is_array(x) else tensor(x)


def _number_or_tensor(x: Any) -> Any:
    """Plain numbers stay plain, so that they suit arrays of any dtype and device."""
    return float(x) if isinstance(x, (bool, int, float)) else _tensor(x)


def _exp(x: Any) -> Any:
    return math.exp(x) if isinstance(x, float) else F.exp(x)


def _expm1(x: Any) -> Any:
    return math.expm1(x) if isinstance(x, float) else F.expm1(x)


def _check_factor(factor: Any) -> None:
    """Raise `ValueError` unless the raw arrays (…, d, d) are lower triangular with a positive diagonal."""
    if not backend.host_scalar((np.tril(factor) == factor).all() & (F.diagonal(factor) > 0).all()):
        raise ValueError(
            "MultivariateNormal: expected factor L of the covariance LLᵀ, 0 above its diagonal and positive on it; for "
            "a covariance, give np.linalg.cholesky(covariance)"
        )


def check_drawable(who: str, logits: Any, bits: bool) -> None:
    """Raise `FloatingPointError` unless raw logits, of `bits` or of a softmax (…, K), are numbers: of those that are
    none, no x would be likelier. σ(±∞) is a probability; ∞ − ∞, in a softmax, is none."""
    if not backend.host_scalar((~np.isnan(logits) if bits else np.isfinite(logits.max(-1))).all()):
        got = "NaN" if bits else "NaN or infinite ones"
        raise FloatingPointError(
            f"{who}: to draw, logits have to be numbers, got {got}: has the model's training diverged?"
        )


def _broadcast(x: Any, logits: Tensor) -> tuple[Any, Tensor]:
    if isinstance(x, (bool, int, float)) or x.shape == logits.shape:
        return x, logits
    shape = np.broadcast_shapes(x.shape, logits.shape)
    return F.broadcast_to(x, shape), F.broadcast_to(logits, shape)


def _shape(n: Shape, like: Any) -> tuple[int, ...]:
    return (*((n,) if isinstance(n, int) else n), *like.shape)
