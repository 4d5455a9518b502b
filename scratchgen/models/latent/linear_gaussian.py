"""The VAE that can be solved with pencil and paper: probabilistic PCA (확률적 주성분 분석), the oracle of all others.

    z ~ N(0, I),  x = Wz + μ + noise,  noise ~ N(0, σ²I)        Eq. 16.1 (derivations/16-solvable-vae.md#eq-16-1)

Its ln p(x), its posterior, the ELBO of any Gaussian encoder and the best W, μ and σ² all have closed forms, so it says
what a trained VAE should have reached. An oracle is asked seldom and believed always: everything is NumPy in float64,
on the CPU. M. Tipping, C. Bishop, *Probabilistic Principal Component Analysis*, J. R. Stat. Soc. B 61, 1999.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ... import backend
from ...autograd import Tensor, no_grad
from ...distributions import MultivariateNormal, Normal
from .assumptions import check_draws
from .autoencoder import pca
from .bounds import kl_sample
from .vae import ELBO

__all__ = ["LinearGaussian", "maximum_log_likelihood"]

LOG_2PI = math.log(2 * math.pi)


class LinearGaussian:
    """p(x|z) = N(Wz + μ, σ²I): `weight` W (pixels, latent), `mean` μ (pixels,), `variance` σ² > 0, a plain number.
    Hence p(x) = N(μ, WWᵀ + σ²I).  Eq. 16.2 (derivations/16-solvable-vae.md#eq-16-2)

    It answers what a `VAE` answers (`encode`, `decode`, `elbo`, `log_weights`, `sample`); its encoder is the exact
    posterior, but another one in float64 may be put in its place: `model.encode = vae.astype(np.float64).encode`. And
    it answers what no VAE can: `log_prob`, `posterior`, and for any Gaussian q its `exact_elbo` and `gap`, all in nats
    per image, as NumPy arrays.

    Nothing larger than latent × latent is ever inverted. Raises `ValueError` for shapes that do not fit.
    """

    def __init__(self, weight: Any, mean: Any, variance: float) -> None:
        self.weight, self.mean, self.variance = _float64(weight), _float64(mean), float(variance)
        if self.weight.ndim != 2 or self.mean.shape != self.weight.shape[:1]:
            raise ValueError(
                "LinearGaussian: expected weight (pixels, latent) and mean (pixels,), "
                f"got {self.weight.shape} and {self.mean.shape}"
            )
        if not 0 < self.variance < math.inf:
            raise ValueError(f"LinearGaussian: variance must be positive and finite, got {variance}")
        self.pixels, self.latent = self.weight.shape
        # M = WᵀW + σ²I, of which everything is made: latent × latent, however many pixels there are.
        self.moment = self.weight.T @ self.weight + self.variance * np.eye(self.latent)

    # -------------------------------------------------------------------------------------------------- closed forms
    def log_prob(self, x: Any) -> np.ndarray:
        """ln p(x) = −½ [D ln 2π + (D − J) ln σ² + ln|M| + |x − μ − Wm|²/σ² + |m|²], m the posterior's mean.

        Eq. 16.6 (derivations/16-solvable-vae.md#eq-16-6). Images x (N, pixels) → (N,), in nats.
        """
        x = self._images("log_prob", x)
        m = self.posterior(x)[0]
        log_volume = (self.pixels - self.latent) * math.log(self.variance) + _log_det(self.moment)
        return -0.5 * (self.pixels * LOG_2PI + log_volume + self._squares(x, m) / self.variance + (m * m).sum(1))

    def posterior(self, x: Any) -> tuple[np.ndarray, np.ndarray]:
        """p(z|x) = N(M⁻¹Wᵀ(x − μ), σ²M⁻¹): means (N, latent), and the covariance (latent, latent) that all x share.

        Eq. 16.5 (derivations/16-solvable-vae.md#eq-16-5).
        """
        x = self._images("posterior", x)
        means = np.linalg.solve(self.moment, self.weight.T @ (x - self.mean).T).T
        return means, self.variance * np.linalg.inv(self.moment)

    def exact_elbo(self, x: Any, q: Any) -> np.ndarray:
        """E_q[ln p(x|z)] − KL(q ‖ N(0, I)) without a sample, for q = N(a, Σ).

        Eq. 16.7 (derivations/16-solvable-vae.md#eq-16-7). Images x (N, pixels), and q a `Normal` or a
        `MultivariateNormal` of N latent vectors → (N,), in nats.
        """
        x = self._images("exact_elbo", x)
        a, cov = _moments("exact_elbo", q, (len(x), self.latent))
        spread = np.einsum("pi,nij,pj->n", self.weight, cov, self.weight, optimize=True)
        squares = (self._squares(x, a) + spread) / self.variance
        return -0.5 * (self.pixels * (LOG_2PI + math.log(self.variance)) + squares) - _kl_to_prior(a, cov)

    def gap(self, x: Any, q: Any) -> np.ndarray:
        """KL(q ‖ p(z|x)) = ½ [tr(PΣ) + (a − m)ᵀP(a − m) − J − ln|PΣ|], P = M/σ² the posterior's precision.

        Eq. 16.8 (derivations/16-solvable-vae.md#eq-16-8). What the ELBO of q = N(a, Σ) lacks of ln p(x): (N,), in nats.
        """
        a, cov = _moments("gap", q, (len(self._images("gap", x)), self.latent))
        P = self.moment / self.variance
        off = a - self.posterior(x)[0]
        return 0.5 * (
            np.einsum("ij,nji->n", P, cov) + ((off @ P) * off).sum(1) - self.latent - _log_det(P) - _log_det(cov)
        )

    def best_diagonal(self, x: Any) -> Normal:
        """The best q whose covariance is diagonal: N(m, diag(σ²/Mⱼⱼ)).

        Eq. 16.9 (derivations/16-solvable-vae.md#eq-16-9). It is the posterior itself where the columns of W are
        orthogonal, and only there.
        """
        means = self.posterior(x)[0]
        log_variances = math.log(self.variance) - np.log(np.diag(self.moment))
        return Normal(Tensor(means), Tensor(np.tile(log_variances, (len(means), 1))))

    def rotated(self) -> LinearGaussian:
        """The same p(x), with z turned so that the columns of W are orthogonal.

        Eq. 16.10 (derivations/16-solvable-vae.md#eq-16-10). Then every posterior is diagonal.
        """
        turn = np.linalg.eigh(self.moment)[1][:, ::-1]
        return LinearGaussian(self.weight @ turn, self.mean, self.variance)

    # ------------------------------------------------------------------------------------------------------- fitting
    @classmethod
    def fit(cls, x: Any, latent: int, variance: float | None = None) -> LinearGaussian:
        """The maximum of the likelihood: W = U (Λ − σ²I)^½ of the largest eigenvalues, σ² the mean of the others.

        Eqs. 16.14 and 16.15 (derivations/16-solvable-vae.md#eq-16-14). Data x (N, pixels). With a `variance` given, the
        best W and μ for it: then every latent whose eigenvalue it exceeds is left unused, a column of zeros (posterior
        collapse, Eq. 16.19). Raises `ValueError` where the likelihood has no maximum.
        """
        center, eigenvalues, directions = spectrum(x)
        variance = _noise("LinearGaussian.fit", eigenvalues, latent, variance)
        lengths = np.sqrt(np.maximum(eigenvalues[:latent] - variance, 0.0))
        weight = np.zeros((len(center), latent))
        weight[:, : len(directions)] = directions[:latent].T * lengths[: len(directions)]
        return cls(weight, center, variance)

    @classmethod
    def of(cls, model: Any) -> LinearGaussian:
        """The linear-Gaussian model that a VAE without hidden layers is: W, μ and σ² read off its decoder.

        p(x|z) at z = 0 gives μ and σ², at the unit vectors the columns of W. Raises `ValueError` for a decoder that is
        not linear, or whose noise is not one number.
        """
        z = np.concatenate([np.zeros((1, model.latent)), np.eye(model.latent), np.full((1, model.latent), -2.0)])
        with no_grad():
            p = model.decode(backend.to_device(z.astype(model.like.dtype), backend.device_of(model.like)))
        log_variance = _float64(p.log_var) if isinstance(p, Normal) else np.zeros(2)
        if log_variance.size != 1:
            raise ValueError("LinearGaussian.of: expected a Normal decoder with one variance for all pixels")
        means = _float64(p.mean)
        mean, weight = means[0], (means[1:-1] - means[0]).T
        if not np.allclose(means[-1], z[-1] @ weight.T + mean, rtol=1e-4, atol=1e-5):
            raise ValueError("LinearGaussian.of: the decoder is not linear; its VAE wants hidden=()")
        return cls(weight, mean, math.exp(log_variance.item()))

    # ------------------------------------------------------------------------------------ the face of all latent models
    def encode(self, x: Any) -> MultivariateNormal:
        """q(z|x): here the exact posterior, so that the ELBO *is* ln p(x)."""
        means, covariance = self.posterior(x)
        factor = np.linalg.cholesky(covariance)
        return MultivariateNormal(Tensor(means), Tensor(np.tile(factor, (len(means), 1, 1))))

    def decode(self, z: Any) -> Normal:
        """p(x|z) = N(Wz + μ, σ²I), z (N, latent).  Eq. 16.1 (derivations/16-solvable-vae.md#eq-16-1)"""
        return Normal(Tensor(_float64(z) @ self.weight.T + self.mean), math.log(self.variance))

    def log_likelihood(self, p: Normal, x: Any) -> Tensor:
        """ln p(x|z), (N,) in nats, of p = `decode(z)` and images x (N, pixels), or one for all. Raises `ValueError` for
        images of another size."""
        return p.log_prob(self._images("log_likelihood", x)).sum(1)

    def elbo(self, x: Any, noise: Any) -> ELBO:
        """−ELBO in its two terms, with one z per image, as `VAE.elbo`.  Eq. 12.4 (derivations/12-elbo.md#eq-12-4)"""
        q = self.encode(x)
        z = q.rsample(noise=_float64(noise))
        moments = _moments("elbo", q, z.shape)
        return ELBO(-self.log_likelihood(self.decode(z), x), Tensor(_kl_to_prior(*moments)))

    def log_weights(self, x: Any, noise: Any) -> Tensor:
        """ln w = ln p(x|z) + ln p(z) − ln q(z|x), noise (k, N, latent) → (k, N), as `VAE.log_weights`.

        Eq. 12.5 (derivations/12-elbo.md#eq-12-5). From the exact posterior, every weight is p(x).
        """
        check_draws("LinearGaussian.log_weights", noise, len(x), self.latent)
        q = self.encode(x)
        z = q.rsample(noise=_float64(noise))
        p = self.decode(z.reshape(-1, self.latent))
        log_likelihood = self.log_likelihood(p, np.tile(_float64(x), (len(noise), 1)))
        return log_likelihood.reshape(noise.shape[:2]) - kl_sample(q, z)

    def sample(self, n: int, rng: Any, mean: bool = False) -> np.ndarray:
        """New images (n, pixels): z from the prior, then x from p(x|z), or with `mean=True` its mean."""
        p = self.decode(backend.normal(rng, (n, self.latent), self.like))
        return (p.mean if mean else p.sample(rng)).numpy()

    # ------------------------------------------------------------------------------------------------------- helpers
    @property
    def like(self) -> np.ndarray:
        """An array of the model's dtype and device: float64, on the host."""
        return self.weight

    def _images(self, who: str, x: Any) -> np.ndarray:
        x = _float64(x)
        if x.ndim != 2 or x.shape[1] != self.pixels:
            raise ValueError(f"LinearGaussian.{who}: expected images (N, {self.pixels}), got {x.shape}")
        return x

    def _squares(self, x: np.ndarray, z: np.ndarray) -> np.ndarray:
        """|x − μ − Wz|², (N,)."""
        return np.square(x - self.mean - z @ self.weight.T).sum(1)


def maximum_log_likelihood(x: Any, latent: int, variance: float | None = None) -> float:
    """The best average ln p(x) that any W, μ (and σ², unless it is given) reach: from the eigenvalues alone.

    −½ [D ln 2π + Σᵢ (ln cᵢ + λᵢ/cᵢ)], where cᵢ = max(λᵢ, σ²) for the first `latent`, σ² for the others.
    Eq. 16.16 (derivations/16-solvable-vae.md#eq-16-16). Data x (N, pixels); nats per image.
    """
    _, eigenvalues, _ = spectrum(x)
    explained = np.full(len(eigenvalues), _noise("maximum_log_likelihood", eigenvalues, latent, variance))
    explained[:latent] = np.maximum(eigenvalues[:latent], explained[:latent])
    return float(-0.5 * (LOG_2PI + np.log(explained) + eigenvalues / explained).sum())


def spectrum(x: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of data (N, D) the mean (D,), the eigenvalues (D,) of the covariance S = ⟨(x − μ)(x − μ)ᵀ⟩, largest first, and
    their directions as rows (min(N, D), D).

    Eq. 16.11 (derivations/16-solvable-vae.md#eq-16-11). `pca` finds them without building S.
    """
    x = _float64(x)
    if x.ndim != 2 or 0 in x.shape:
        raise ValueError(f"spectrum: expected data (N, pixels), got {x.shape}")
    found = pca(x, min(x.shape))
    eigenvalues = np.zeros(x.shape[1])
    eigenvalues[: len(found.spread)] = found.spread
    return found.mean, eigenvalues, found.directions


def _noise(who: str, eigenvalues: np.ndarray, latent: int, variance: float | None) -> float:
    """σ²: as given, or the mean of the discarded eigenvalues."""
    if not 0 < latent < len(eigenvalues):
        raise ValueError(f"{who}: latent must be between 1 and pixels − 1 = {len(eigenvalues) - 1}, got {latent}")
    if variance is not None:
        if not 0 < variance < math.inf:
            raise ValueError(f"{who}: variance must be positive and finite, or None for the best one, got {variance}")
        return float(variance)
    best = float(eigenvalues[latent:].mean())
    if best <= 1e-14 * eigenvalues[0]:
        raise ValueError(
            f"{who}: the data lie in a plane of {latent} dimensions or fewer, where the likelihood grows without end "
            "as σ² → 0; give fewer latent dimensions, or a variance"
        )
    return best


def _float64(x: Any) -> np.ndarray:
    x = x.data if isinstance(x, Tensor) else x
    return np.asarray(backend.to_host(x) if backend.is_array(x) else x, np.float64)


def _log_det(matrix: np.ndarray) -> Any:
    """ln|A| of positive definite matrices (…, J, J): of the covariance, never of the data (ledger B11)."""
    return 2 * np.log(np.diagonal(np.linalg.cholesky(matrix), axis1=-2, axis2=-1)).sum(-1)


def _kl_to_prior(a: np.ndarray, cov: np.ndarray) -> np.ndarray:
    """KL(N(a, Σ) ‖ N(0, I)) = ½ (|a|² + tr Σ − J − ln|Σ|), (N,)."""
    return 0.5 * ((a * a).sum(1) + np.trace(cov, axis1=1, axis2=2) - a.shape[1] - _log_det(cov))


def _moments(who: str, q: Any, shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Means (N, latent) and covariances (N, latent, latent) of a Normal or MultivariateNormal."""
    mean = _float64(q.mean)
    if mean.shape != shape:
        raise ValueError(f"LinearGaussian.{who}: expected q with means {shape}, got {mean.shape}")
    if isinstance(q, Normal):
        variances = np.exp(np.broadcast_to(_float64(q.log_var), shape))
        return mean, variances[:, :, None] * np.eye(shape[1])
    factor = np.broadcast_to(_float64(q.factor), (*shape, shape[1]))
    return mean, factor @ factor.swapaxes(1, 2)
