"""How good are these images? Four measures of generators, and what each of them falls for. (S0, S2; claim C-EVAL.)

python -m demos.parzen      scores real digits and things that are none; about half a minute on 2 free cores

The Parzen window log-likelihood of the first paper on GANs, a classifier's score, the classes, a Fréchet distance: each
of real digits, of what a VAE makes, and of things that a generator had better not make. See derivations/22-metrics.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, NamedTuple

import numpy as np
from scipy.ndimage import gaussian_filter

from scratchgen import backend, no_grad, plotting
from scratchgen import functional as F
from scratchgen.evaluation import Card, Parzen, centroids, class_shares, inception_score, parzen_score
from scratchgen.evaluation.parzen import SIGMAS
from scratchgen.models.classifier import MLPClassifier
from scratchgen.models.latent import VAE

from .autoencoder import Judge, learn
from .options import Images, Options, load_images, start, tell, to
from .vae import begin_at_the_mean

SIDE = 28
SHOWN = 25
FINER = 41  # values of σ in the place of the paper's ten
REAL, BLURRED, CENTROIDS = "real digits", "the same, blurred", "k-means centroids"
TEN, AVERAGE, NOISE, MODEL = "ten digits, repeated", "the mean digit, repeated", "noise", "samples of a VAE"
RIVALS = (REAL, BLURRED, CENTROIDS, MODEL)


@dataclass
class Config(Options):
    """Scores real digits, a VAE's, centroids and noise with four measures of generators."""

    epochs: Annotated[int | None, "passes over the data (default: 60 bundled, 6 with the complete MNIST)"] = None
    batch_size: Annotated[int, "images per step"] = 100
    lr: Annotated[float, "Adam's learning rate"] = 2e-3
    hidden: Annotated[int, "hidden units of the VAE"] = 128
    latent: Annotated[int, "latent dimensions of the VAE"] = 20
    samples: Annotated[int, "images of each kind; the GAN paper has 10,000"] = 1000
    validation: Annotated[int, "validation images that choose σ; the GAN paper has 1,000"] = 1000
    steps: Annotated[int, "of k-means"] = 10

    NAME: ClassVar[str] = "parzen"
    QUICK: ClassVar[dict[str, Any]] = {"epochs": 4, "hidden": 64, "samples": 500, "validation": 500, "steps": 5}


class Scores(NamedTuple):
    """What the four measures say of one kind of images."""

    parzen: Parzen
    score: float  # exp E KL(p(y|x)‖p(y)) of the classifier
    classes: float  # e^H of its predictions
    distance: float  # Fréchet, in its features

    def row(self, name: str) -> str:
        p = self.parzen
        return (
            f"{name:26}{p.log_prob:10.1f} ± {p.error:<5.1f}{p.sigma:7.3f}"
            f"{self.score:13.2f}{self.classes:10.1f}{self.distance:12.1f}"
        )


def kinds(config: Config, images: Images) -> dict[str, np.ndarray]:
    """As many images of each kind as there are `samples`."""
    rng, (train, labels), n = np.random.default_rng([config.seed, 22]), images.train, config.samples
    n = min(n, len(train))
    real = train[rng.choice(len(train), n, replace=False)]
    ten = [train[rng.choice(np.flatnonzero(labels == k))] for k in np.unique(labels)]
    return {
        REAL: real,
        BLURRED: gaussian_filter(real.reshape(n, SIDE, SIDE), (0, 1, 1)).reshape(n, -1),
        CENTROIDS: centroids(train, n, rng, config.steps).astype(np.float32),
        MODEL: model(config, images).sample(n, rng, mean=True),
        TEN: np.resize(ten, (n, SIDE * SIDE)),
        AVERAGE: np.tile(train.mean(0), (n, 1)),
        NOISE: rng.random((n, SIDE * SIDE), dtype=np.float32),
    }


def model(config: Config, images: Images) -> VAE:
    """The VAE of demos.blur: grey digits, one learned variance."""

    def build(rng: Any) -> VAE:
        vae = VAE(SIDE * SIDE, config.hidden, config.latent, "normal", "scalar", rng=rng)
        begin_at_the_mean(vae, images.train[0])
        return vae

    vae: VAE = learn(config, images, "vae", build).model
    return vae


def measure(config: Config, images: Images, judge: Judge, x: np.ndarray) -> Scores:
    x = backend.to_host(x)
    with no_grad():
        p = F.softmax(judge.model(*to(config.device, x)), 1).numpy()
    window = parzen_score(x, images.validation[0][: config.validation], images.test[0])
    return Scores(window, inception_score(p), class_shares(p).effective, judge.distance(x))


def finer(config: Config, images: Images, x: np.ndarray, sigma: float) -> Parzen:
    """The same score with a σ from a fine grid around the one that the paper's grid found."""
    around = sigma * np.geomspace(1 / 1.4, 1.4, FINER)
    return parzen_score(x, images.validation[0][: config.validation], images.test[0], around.tolist())


# -------------------------------------------------------------------------------------------------------------- main
def main(config: Config) -> None:
    """Make the images, score them, draw."""
    images = load_images(config)
    epochs = config.epochs or (6 if images.complete else 60)
    config.epochs = epochs
    classifier = learn(config, images, "classifier", lambda rng: MLPClassifier(SIDE * SIDE, 100, rng=rng)).model
    judge = Judge(classifier, images.train[0], config.device)
    made = kinds(config, images)
    scores = {name: measure(config, images, judge, x) for name, x in made.items()}
    print(
        f"\n{'':26}{'Parzen, nats':>18}{'σ':>7}{'classifier':>14}{'classes':>9}{'Fréchet':>12}\n"
        f"{'as samples':26}{'(more is better)':>18}{'':7}{'score (≤ 10)':>14}{'(≤ 10)':>9}{'(0 is best)':>12}"
    )
    for name, found in scores.items():
        print(found.row(name))
    print(f"\n{card(config, images, len(made[REAL]))}\n")
    tell(*draw(config, made, scores))
    conclude(config, images, made, scores)


def card(config: Config, images: Images, n: int) -> Card:
    return Card(
        data=f"{images.name}, grey, in [0, 1]; {len(images.test[0]):,} test images, the error is theirs",
        radius="-",
        std="-",
        z=f"{config.latent}, N(0, I), of the VAE alone",
        objective="the VAE's: −ELBO, Normal decoder of one learned variance; its means are the samples",
        optimizers=f"Adam, {config.lr:g}",
        steps=f"{config.epochs} epochs of VAE and classifier, {config.steps} of k-means",
        batch=config.batch_size,
        samples=f"{n:,} of each kind; σ out of {len(SIGMAS)} from {SIGMAS[0]:g} to {SIGMAS[-1]:g}, by"
        f" {min(config.validation, len(images.validation[0])):,} validation images",
        seeds=f"{config.seed} alone",
    )


def draw(config: Config, made: dict[str, np.ndarray], scores: dict[str, Scores]) -> list[Any]:
    several = f"{len(made[REAL]):,} samples each, seed {config.seed}"
    shown = {f"{name}\n{scores[name].parzen.log_prob:.0f} nats": made[name][:SHOWN] for name in (*RIVALS, TEN)}
    bars = plotting.bars(
        {name: scores[name].parzen.log_prob for name in RIVALS},
        "Parzen window log-likelihood of test digits, nats",
        f"which of these makes digits? {several}, ± one standard error",
        {name: scores[name].parzen.error for name in RIVALS},
    )
    grid = plotting.comparison(shown, 5, f"as samples for a Parzen window: log-likelihood of test digits; {several}")
    return [
        plotting.save(grid, config.folder() / "images.png"),
        plotting.save(bars, config.folder() / "scores.png"),
    ]


def conclude(config: Config, images: Images, made: dict[str, np.ndarray], scores: dict[str, Scores]) -> None:
    real, other = scores[REAL], scores[CENTROIDS]
    fine = finer(config, images, made[CENTROIDS], other.parzen.sigma).log_prob
    print(
        f"Ten digits, over and over, have a classifier's score of {scores[TEN].score:.2f}, real ones of"
        f" {real.score:.2f}; the Fréchet distance is not fooled ({scores[TEN].distance:.1f} and {real.distance:.1f}).\n"
        f"A finer grid of σ gives the centroids {fine - other.parzen.log_prob:+.1f} nats: compare scores of one grid"
        " only.\n"
        f"C-EVAL: k-means centroids score {other.parzen.log_prob:.1f} ± {other.parzen.error:.1f} nats, real digits"
        f" {real.parzen.log_prob:.1f} ± {real.parzen.error:.1f}, real digits blurred"
        f" {scores[BLURRED].parzen.log_prob:.1f} ± {scores[BLURRED].parzen.error:.1f}"
    )


if __name__ == "__main__":
    start(Config, main)
