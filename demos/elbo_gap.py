"""ln p(x) = ELBO + KL(q ‖ posterior) (S0, lines 857–877; S3, line 113), on two models in which all three are known.

The evidence lower bound (ELBO, 증거 하한) lacks of ln p(x) what the encoder (인코더) lacks of the posterior (사후분포).
That gap can close, and be zero (E14); or it stays, where no Gaussian is the posterior.

python -m demos.elbo_gap                    the gap closing, as an animation; and one that stays. About a minute
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar, NamedTuple

import numpy as np

from scratchgen import functional as F
from scratchgen import no_grad, optim, plotting, training
from scratchgen.distributions import Normal
from scratchgen.models.latent import VAE, LinearGaussian
from scratchgen.models.latent.linear_gaussian import maximum_log_likelihood
from scratchgen.models.latent.quadrature import GRID, solve

from .options import Options, start, tell

SHOWN = 4  # images whose posteriors are drawn
SMEAR = 0.3  # σ of the parabola's noise
PLACES = (0.0, 0.6, 2.5)  # x of which the posterior is drawn
LINE = GRID[::4]  # the integrals run over it


@dataclass
class Config(Options):
    """Trains VAEs on models with a known ln p(x); draws and prints ELBO, gap and likelihood, and what q lacks."""

    steps: Annotated[int, "steps of the linear VAE"] = 3000
    bent_steps: Annotated[int, "steps of each VAE with a nonlinear decoder"] = 1500
    pixels: Annotated[int, "pixels of the linear-Gaussian model"] = 8
    points: Annotated[int, "training data"] = 1000
    frames: Annotated[int, "pictures in the animation, and moments at which everything is measured, at most"] = 36
    lr: Annotated[float, "Adam's learning rate at first, for a bent decoder a third; falls to 0 along a cosine"] = 0.1

    NAME: ClassVar[str] = "elbo_gap"
    RESUMES: ClassVar[bool] = False
    QUICK: ClassVar[dict[str, Any]] = {"steps": 600, "bent_steps": 800, "frames": 14}


class Row(NamedTuple):
    """Means over images, in nats; `rest` is the largest |ELBO + KL − ln p(x)| of any image."""

    step: int
    log_prob: float
    elbo: float
    kl: float
    rest: float


def row(step: int, log_prob: np.ndarray, elbo: np.ndarray, kl: np.ndarray) -> Row:
    rest = float(np.abs(elbo + kl - log_prob).max())
    return Row(step, float(log_prob.mean()), float(elbo.mean()), float(kl.mean()), rest)


def moments(steps: int, frames: int) -> set[int]:
    """Which steps to look at: at most so many, spread evenly in their logarithm."""
    return {round(step) for step in np.geomspace(1, steps, frames)}


def learn(
    config: Config, model: VAE, parameters: Any, x: np.ndarray, steps: int, lr: float, look: Callable[[int], object]
) -> None:
    """Train on the sampled ELBO with all data in each step, and `look` at some moments."""
    schedule, wanted = optim.cosine_decay(steps), moments(steps, config.frames)

    def after(run: training.Run) -> None:
        run.optimizer.lr = lr * schedule(run.epoch)
        if run.epoch in wanted:
            with no_grad():
                look(run.epoch)

    run = training.Run(model, optim.Adam(parameters, lr=lr), np.random.default_rng(config.seed))
    training.train(run, model.loss, [x], epochs=steps, batch_size=len(x), callbacks=[after], title="VAE")


def tabulate(title: str, rows: Sequence[Row], lines: int = 8) -> None:
    """Print some of the rows, the last one among them."""
    print(f"\n{title}\n{'step':>7} {'ln p(x)':>11} {'ELBO':>11} {'KL(q‖post)':>11} {'ELBO + KL − ln p(x)':>21}")
    for i in np.unique(np.linspace(0, len(rows) - 1, lines).round().astype(int)):
        print("{:>7,} {:>11.5f} {:>11.5f} {:>11.5f} {:>21.1e}".format(*rows[i]))


# --------------------------------------------------------------------------------------- linear: the gap closes
def close_the_gap(config: Config) -> tuple[list[Path], float]:
    """A VAE without hidden layers (probabilistic PCA, 확률적 주성분 분석), 2 latent dimensions, closed forms. Returns
    the pictures, and the KL to the posterior with which it ends."""
    rng = np.random.default_rng(config.seed)
    truth = LinearGaussian(rng.normal(size=(config.pixels, 2)), rng.normal(size=config.pixels), 0.5)
    x = truth.sample(config.points, rng)
    model = VAE(config.pixels, (), 2, "normal", "scalar", rng=rng).astype(np.float64)
    rows, clouds = [], []

    def look(step: int) -> None:
        oracle, q = LinearGaussian.of(model), model.encode(x)
        rows.append(row(step, oracle.log_prob(x), oracle.exact_elbo(x, q), oracle.gap(x, q)))
        means, covariance = oracle.posterior(x[:SHOWN])
        spreads = np.exp(q.log_var.numpy())[:, :, None] * np.eye(2)
        clouds.append({
            "prior": [(np.zeros(2), np.eye(2))],
            "posterior p(z|x) of four images": [(mean, covariance) for mean in means],
            "encoder q(z|x)": list(zip(q.mean.numpy()[:SHOWN], spreads[:SHOWN])),
        })  # fmt: skip

    learn(config, model, model.parameters(), x, config.steps, config.lr, look)
    best = maximum_log_likelihood(x, 2)
    tabulate(f"linear VAE, {config.pixels} pixels, 2 latent dimensions; mean over {len(x):,} images, in nats", rows)
    missing = best - rows[-1].log_prob
    print(f"  the maximum likelihood (Eq. 16.16) is {best:.5f}: the VAE is {missing:.5f} nats below it")

    steps, log_prob, elbo, *_ = zip(*rows)
    title = f"a VAE without hidden layers against its exact solution, seed {config.seed}"
    level = (best, "maximum likelihood (PCA)")
    figure, draw = plotting.closing_gap(steps, log_prob, elbo, clouds, title, level)
    folder = config.folder()
    return [
        plotting.save(figure, folder / "gap.png"),
        plotting.film(figure, draw, len(steps), folder / "gap.gif"),
    ], rows[-1].kl


# ---------------------------------------------------------------------------------- one crooked latent: it stays
def parabola(z: Any) -> Normal:
    """p(x|z) = N(z², 0.3²): of two codes, z and −z, the image does not know which."""
    return Normal(F.square(z), 2 * math.log(SMEAR))


def keep_a_gap(config: Config) -> tuple[list[Path], list[float]]:
    """x = z² + noise. Once only the encoder learns, the decoder being the true one; once both do. Returns the pictures,
    and the KLs with which they end."""
    rng = np.random.default_rng(config.seed)
    x = parabola(rng.normal(size=(config.points, 1))).sample(rng).numpy()
    places = np.array(PLACES)[:, None]
    panels: dict[str, dict[str, np.ndarray]] = {}
    gaps = []
    for name in ("true decoder", "learned decoder"):
        model = VAE(1, 32, 1, "normal", "scalar", rng=np.random.default_rng(config.seed)).astype(np.float64)
        parameters = model.parameters()
        if name == "true decoder":
            model.decode, parameters = parabola, model.encoder.parameters()
        rows: list[Row] = []

        def look(step: int, model: VAE = model, rows: list[Row] = rows) -> None:
            s = solve(model, x[:100], LINE)
            rows.append(row(step, s.log_prob, s.elbo, s.kl))

        learn(config, model, parameters, x, config.bent_steps, config.lr / 3, look)
        tabulate(f"x = z² + noise, 1 latent dimension, {name}; mean over 100 images, in nats", rows)
        gaps.append(rows[-1].kl)
        found = solve(model, places, LINE)
        for x_shown, posterior, q, kl in zip(PLACES, found.posterior, found.encoder, found.kl):
            heading = f"{name}, x = {x_shown:g}: KL {kl:.3f}"
            panels[heading] = {"posterior p(z|x)": posterior, "encoder q(z|x)": q}
    return draw_what_stays(config, panels), gaps


def draw_what_stays(config: Config, panels: dict[str, dict[str, np.ndarray]]) -> list[Path]:
    near = np.abs(LINE) < 3.5
    cut = {heading: {name: p[near] for name, p in lines.items()} for heading, lines in panels.items()}
    title = f"x = z² + noise, exact posteriors by quadrature, KL in nats (ln 2 = 0.693: one bit), seed {config.seed}"
    return [plotting.save(plotting.densities(cut, LINE[near], "z", title, 3), config.folder() / "hills.png")]


def main(config: Config) -> None:
    """The gap that closes, the gap that stays, each with its table."""
    (closing, closed), (staying, kept) = close_the_gap(config), keep_a_gap(config)
    tell(*closing, *staying)
    print(
        "E14: the second KL, to the posterior, is not always greater than zero. Where q can be the posterior, on the\n"
        f"  linear model, it ends at {closed:.5f} nats; with two hills and one Gaussian at {kept[0]:.3f}\n"
        f"  (true decoder) and {kept[1]:.3f} (learned decoder): to say which hill takes one bit, ln 2 = 0.693 nats.\n"
        "  All numbers are exact but for rounding: no sampling is in them, only in the gradients."
    )


if __name__ == "__main__":
    start(Config, main)
