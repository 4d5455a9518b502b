"""Why not just sample from the prior? (S0, lines 727–757; claim C-MC)

python -m demos.monte_carlo

"In high dimensions p(x|z) → 0 for most z": how far off (1/n) Σ p(x|zᵢ) is, z from the prior, where the truth is known;
what a little knowledge of where to look is worth; and the same for a VAE on digits, where the truth is not known.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar, NamedTuple

import numpy as np
import scipy.stats

from scratchgen import backend, no_grad, optim, plotting, training
from scratchgen.data import binarize
from scratchgen.distributions import Normal
from scratchgen.models.latent import VAE
from scratchgen.models.latent.bounds import Estimate, log_prob, normalized_weights, prior_log_prob
from scratchgen.models.latent.linear_gaussian import LinearGaussian

from .options import Images, Options, interval, load_images, start, tell, to
from .vae import loss_of

DIMENSIONS = (1, 2, 5, 10, 20, 50)
SIGMA = 0.1  # of the linear-Gaussian decoder, x = z + σε
SHIFT, STRETCH = 0.1, 1.1  # what is wrong with its encoder, in units of the posterior's standard deviation
PRIOR, ENCODER = "samples of the prior", "samples of the encoder"
FEWER = 10  # times fewer samples of the encoder are enough
IMPORTANCE = 5000  # samples of the encoder for a digit


@dataclass
class Config(Options):
    """Estimates ln p(x) with samples of the prior and of the encoder, in 1 to 50 dimensions and for a VAE on digits."""

    samples: Annotated[int, "of the prior; of the encoder, a tenth of it in the first part, and 5,000 for a digit"] = (
        100_000
    )
    runs: Annotated[int, "data, each with samples of its own, in every dimension; at least 2"] = 20
    digits: Annotated[int, "test digits whose likelihood is estimated"] = 6
    epochs: Annotated[int | None, "passes over the data (default: 30 bundled, 3 with the complete MNIST)"] = None
    batch_size: Annotated[int, "images per step"] = 128
    lr: Annotated[float, "Adam's learning rate"] = 2e-3
    hidden: Annotated[int, "hidden units of the VAE"] = 200
    latent: Annotated[int, "latent dimensions of the VAE"] = 20

    NAME: ClassVar[str] = "monte_carlo"
    QUICK: ClassVar[dict[str, Any]] = {"samples": 20_000, "runs": 8, "digits": 3, "epochs": 8, "hidden": 100}

    def counts(self) -> str:
        """How many samples the first part takes."""
        return f"{self.samples:,} samples of the prior, {self.samples // FEWER:,} of the encoder"


# ------------------------------------------------------------------------------------------ where the truth is known
def world(d: int) -> LinearGaussian:
    """x = z + σε in d dimensions, and in the place of its exact encoder one that is a little wrong."""
    model = LinearGaussian(np.eye(d), np.zeros(d), SIGMA**2)

    def encode(x: Any) -> Normal:
        mean, covariance = model.posterior(x)
        std = np.sqrt(np.diag(covariance))
        return Normal(mean + SHIFT * std, 2 * np.log(STRETCH * std) + 0 * mean)

    model.encode = encode  # type: ignore[assignment, method-assign]
    return model


class Row(NamedTuple):
    """One dimension: |estimate − ln p(x)| in nats and effective sample sizes (runs,), for the prior and the encoder,
    what the prior's error was foretold to be, and by how much in decades a weight's variance exceeds its mean²."""

    error: dict[str, np.ndarray]
    effective: dict[str, np.ndarray]
    foretold: np.ndarray
    decades: float


def measure(d: int, config: Config) -> Row:
    """`runs` data from the model, each estimated with samples of its own, against the closed form."""
    rng = np.random.default_rng([config.seed, d])
    model, n = world(d), config.samples
    x = model.sample(config.runs, rng)
    exact = model.log_prob(x)
    estimates = {
        PRIOR: prior_log_prob(model, x, n, rng, chunk=2000),
        ENCODER: log_prob(model, x, n // FEWER, rng, chunk=2000),
    }
    return Row(
        {name: np.abs(e.log_prob - exact) for name, e in estimates.items()},
        {name: e.effective for name, e in estimates.items()},
        exact - nearest(x, n),
        d * math.log10(1 + 1 / SIGMA**2),  # Eq. 10.6 (derivations/10-latent-integral.md#eq-10-6)
    )


def nearest(x: np.ndarray, n: int) -> np.ndarray:
    """ln of (1/n) p(x|z) at the z of n from the prior that comes nearest to x, in the median.

    Eq. 10.8 (derivations/10-latent-integral.md#eq-10-8). |x − z|² is non-central χ² distributed. x (N, d) → (N,).
    """
    d = x.shape[1]
    squares = scipy.stats.ncx2.ppf(-math.expm1(-math.log(2) / n), d, (x * x).sum(1))
    return -0.5 * (d * math.log(2 * math.pi * SIGMA**2) + squares / SIGMA**2) - math.log(n)


def show_table(rows: dict[int, Row], config: Config) -> None:
    print(
        f"\nx = z + {SIGMA}ε in d dimensions, ln p(x) known; {config.counts()};"
        f"\nthe encoder is the posterior, {SHIFT} standard deviations away and {STRETCH} times as wide;"
        f" {config.runs} data a row\n"
        "        |error| in nats, mean ± 95 % (worst)                  effective samples, median\n"
        "  d     prior                       encoder                   prior    encoder   a weight's variance/mean²"
    )
    for d, row in rows.items():
        mean, half = interval(row.error[PRIOR])
        little, spread = interval(row.error[ENCODER])
        sizes = [np.median(row.effective[name]) for name in (PRIOR, ENCODER)]
        print(
            f"{d:3d}  {mean:9.3f} ± {half:7.3f} ({row.error[PRIOR].max():8.2f})"
            f"  {little:7.4f} ± {spread:.4f} ({row.error[ENCODER].max():.3f})"
            f"  {sizes[0]:9,.1f} {sizes[1]:9,.0f}     10^{row.decades:.0f}"
        )


# ------------------------------------------------------------------------------------------------------ real digits
def learn(config: Config, images: Images) -> training.Run:
    """Train a small VAE on digits that are binarized anew each time."""
    rng = np.random.default_rng(config.seed)
    model = VAE(images.train[0].shape[1], config.hidden, config.latent, rng=rng)
    model.to(config.device)
    run = training.train(
        training.Run(model, optim.Adam(model.parameters(), lr=config.lr), rng),
        loss_of(model),
        to(config.device, images.train[0]),
        validation=to(config.device, binarize(images.validation[0], "static")),
        epochs=config.epochs or (3 if images.complete else 30),
        batch_size=config.batch_size,
        workers=config.workers,
        checkpoint=config.folder() / "vae.npz",
        config=config.identity(data=images.name),
        resume=config.resume,
        title=f"VAE, {config.latent} latent dimensions, nats per image",
    )
    model.load_state_dict(run.best)
    return run


def powers(n: int) -> list[int]:
    """1, 10, 100 … up to n, and n."""
    return sorted({10**i for i in range(math.ceil(math.log10(n)))} | {n})


def estimates_of(model: VAE, x: Any, config: Config) -> dict[str, dict[int, Estimate]]:
    """ln p(x) of images, with more and more samples of both kinds."""
    rng = np.random.default_rng(config.seed)
    return {
        PRIOR: {n: prior_log_prob(model, x, n, rng) for n in powers(config.samples)},
        ENCODER: {k: log_prob(model, x, k, rng) for k in powers(IMPORTANCE)},
    }


def show_digits(found: dict[str, dict[int, Estimate]], elbo: np.ndarray, labels: Sequence[int]) -> None:
    (n, prior), (k, encoder) = (list(found[name].items())[-1] for name in (PRIOR, ENCODER))
    print(
        f"\nVAE, estimates of ln p(x) in nats (ESS: effective samples)\n"
        f"  digit   {n:,} of the prior       {k:,} of the encoder            ELBO"
    )
    for i, label in enumerate(labels):
        print(
            f"  {label}     {prior.log_prob[i]:9.2f} (ESS {prior.effective[i]:6.1f})"
            f"   {encoder.log_prob[i]:9.2f} ± {encoder.error[i]:.2f} (ESS {encoder.effective[i]:6.1f})"
            f"   {elbo[i]:9.2f}"
        )


# ---------------------------------------------------------------------------------------------------------- pictures
def draw_dimensions(rows: dict[int, Row], config: Config, path: Path) -> Path:
    title = f"Estimates of ln p(x), x = z + {SIGMA}ε: {config.counts()}, {config.runs} data, seed {config.seed}"
    figure, (errors, sizes) = plotting.panels((5.6, 4.4), 4.2, title)
    places = np.array(list(rows))
    for name, marker, colour in ((PRIOR, "o", "C0"), (ENCODER, "s", "C1")):
        for axes, values in ((errors, "error"), (sizes, "effective")):
            table = np.array([getattr(row, values)[name] for row in rows.values()])
            middle = np.median(table, 1)
            span = np.abs(np.quantile(table, [0.05, 0.95], axis=1) - middle)
            axes.errorbar(places, middle, span, label=name, marker=marker, color=colour, capsize=3)
    foretold = {d: float(np.median(row.foretold)) for d, row in rows.items() if 10**row.decades > 1e4 * config.samples}
    errors.plot(list(foretold), list(foretold.values()), color="0.3", linestyle=":", label="the nearest z, foretold")
    for axes, label in ((errors, "|estimate − ln p(x)| (nats)"), (sizes, "effective samples")):
        axes.set(xscale="log", yscale="log", xlabel="latent dimensions d", ylabel=label)
        axes.set_xticks(places, [str(d) for d in places], minor=False)
        axes.minorticks_off()
    errors.legend(title="median, and 5–95 % of the data")
    return plotting.save(figure, path)


def draw_plane(config: Config, path: Path) -> Path:
    """In two dimensions: where the prior's samples fall, where p(x|z) lives; and how weights are shared out."""
    rng = np.random.default_rng(config.seed)
    model, x = world(2), np.array([[1.1, -0.6]])
    q = model.encode(x)
    (center, covariance), drawn = model.posterior(x), rng.standard_normal((2000, 2))
    mine = q.sample(rng, 2000).numpy()[:, 0]
    title = f"Two latent dimensions, x = z + {SIGMA}ε; and the weights of 2,000 samples, seed {config.seed}"
    figure, (whole, zoom, shares) = plotting.panels((4.4, 4.4, 5.6), 4.4, title)
    turn = np.linspace(0, 2 * np.pi, 200)
    for axes in (whole, zoom):
        axes.scatter(*drawn.T, s=9, color="C0", linewidths=0, label=PRIOR)
        if axes is zoom:
            axes.scatter(*mine.T, s=7, color="C1", alpha=0.6, linewidths=0, label=ENCODER)
        for radius in (1, 2, 3):
            ring = center + radius * math.sqrt(covariance[0, 0]) * np.stack([np.cos(turn), np.sin(turn)], 1)
            axes.plot(
                *ring.T, color="black", linestyle="-", linewidth=0.8, label="p(z|x): 1, 2, 3 σ"[: 99 * (radius == 1)]
            )
        axes.set(xlabel="z₁", ylabel="z₂", aspect="equal")
        axes.legend(loc="upper right", frameon=True)
    whole.set(xlim=(-3.6, 3.6), ylim=(-3.6, 3.6))
    zoom.set(xlim=center[0, 0] + np.array([-0.5, 0.5]), ylim=center[0, 1] + np.array([-0.5, 0.5]))
    for d, colour in ((1, "C0"), (2, "C2"), (5, "C3"), (20, "C4")):
        model = world(d)
        x = model.sample(1, rng)
        z = rng.standard_normal((2000, d))
        log_likelihood = model.log_likelihood(model.decode(z), x).numpy()
        both = {PRIOR: log_likelihood[:, None], ENCODER: model.log_weights(x, z[:, None]).numpy()}
        for name, style in ((PRIOR, "-"), (ENCODER, ":")):
            sums = np.sort(normalized_weights(both[name])[:, 0])[::-1].cumsum()
            label = f"d = {d}" if name == PRIOR else None
            shares.plot(np.arange(1, 2001), sums, color=colour, linestyle=style, label=label)
    shares.plot([], [], color="0.3", linestyle=":", label="of the\nencoder")
    shares.set(
        xscale="log", xlabel="the largest weights, how many", ylabel="their share of the estimate", ylim=(0, 1.02)
    )
    shares.legend(loc="center left", bbox_to_anchor=(1, 0.5))
    return plotting.save(figure, path)


def draw_digits(found: dict[str, dict[int, Estimate]], elbo: np.ndarray, name: str, path: Path) -> Path:
    figure, (axes,) = plotting.panels((6.6,), 4.4, name)
    for label, marker, colour in ((PRIOR, "o", "C0"), (ENCODER, "s", "C1")):
        table = np.array([estimate.log_prob for estimate in found[label].values()])
        axes.plot(list(found[label]), table, color=colour, alpha=0.25, linestyle="-", linewidth=0.8)
        axes.plot(list(found[label]), table.mean(1), color=colour, marker=marker, linestyle="-", label=label)
    axes.axhline(elbo.mean(), color="0.3", linestyle=":")
    axes.annotate("ELBO", (0, elbo.mean()), (4, -11), ("axes fraction", "data"), "offset points")
    axes.set(xscale="log", xlabel="samples of z for each digit", ylabel="estimate of ln p(x) (nats)")
    axes.legend(title="each digit, and the mean", loc="lower right")
    return plotting.save(figure, path)


# -------------------------------------------------------------------------------------------------------------- main
def main(config: Config) -> None:
    """Measure where the truth is known, then train a VAE and estimate the likelihood of digits."""
    rows = {d: measure(d, config) for d in DIMENSIONS}
    show_table(rows, config)

    images = load_images(config)
    run = learn(config, images)
    labels = images.test[1][: config.digits]
    (x,) = to(config.device, binarize(images.test[0], "static")[: config.digits])
    found = estimates_of(run.model, x, config)
    with no_grad():
        noise = backend.normal(np.random.default_rng(config.seed), (1000, len(x), config.latent), like=x)
        elbo = run.model.log_weights(x, noise).numpy().mean(0, dtype=np.float64)
    show_digits(found, elbo, labels)

    name = f"VAE 784–{config.hidden}–{config.latent}, {config.digits} test digits, seed {config.seed}"
    folder = config.folder()
    with plotting.style():
        tell(
            draw_dimensions(rows, config, folder / "dimensions.png"),
            draw_plane(config, folder / "plane.png"),
            draw_digits(found, elbo, f"ln p(x) against the number of samples; {name}", folder / "digits.png"),
        )
    prior, encoder = (list(found[kind].values())[-1] for kind in (PRIOR, ENCODER))
    missing = encoder.log_prob - prior.log_prob
    few, miss = (
        config.samples // FEWER,
        {kind: np.median(rows[DIMENSIONS[-1]].error[kind]) for kind in (PRIOR, ENCODER)},
    )
    print(
        f"claim C-MC: in {DIMENSIONS[-1]} dimensions {config.samples:,} samples of the prior miss ln p(x) by"
        f" {miss[PRIOR]:,.0f} nats (median),\n  {few:,} of a slightly wrong encoder by {miss[ENCODER]:.3f}. On average"
        f" both estimates are too low. For {len(x)} digits of\n  {images.name} {config.samples:,} of the prior lie"
        f" {missing.mean():.1f} nats below {IMPORTANCE:,} of the encoder ({missing.min():.1f} … {missing.max():.1f})"
    )


if __name__ == "__main__":
    start(Config, main)
