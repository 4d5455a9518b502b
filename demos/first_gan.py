"""The first GAN's experiment with digits: its networks, its training, and its score (claim C-EVAL).

python -m demos.first_gan --data folder-of-MNIST      an hour: the protocol of the paper, one test score at the end
python -m demos.first_gan                             about two minutes, on the bundled digits

225 ± 2 nats are published, by a Parzen window around 10,000 samples. The same window around k-means centroids, which
are no model at all, scores more, and so does a generator whose weights are averaged over its steps, with no change of
the game: θ̄ = Σ s θₛ / Σ s, so that the late steps s count for more (O. Shamir, T. Zhang, ICML 2013, polynomial-decay
averaging). See derivations/22-metrics.md for what the score measures, and what it does not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar

import numpy as np

from scratchgen import backend, no_grad, optim, plotting, training
from scratchgen.evaluation import Card, Parzen, centroids, parzen_score
from scratchgen.evaluation.parzen import SIGMAS
from scratchgen.models.adversarial import GAN, MaxoutDiscriminator, MLPGenerator

from .options import Images, Options, load_images, start, tell, to

VALIDATION = 1000  # images that choose σ, as in the paper
KMEANS = 10  # steps


@dataclass
class Config(Options):
    """Trains the GAN of Goodfellow et al. (2014) on MNIST, and scores it as they did."""

    epochs: Annotated[int | None, "passes over the data (default: 30 bundled, 200 with the complete MNIST)"] = None
    batch_size: Annotated[int, "images per step"] = 100
    hidden: Annotated[int, "ReLUs in each of G's two layers"] = 1200
    units: Annotated[int, "maxout units, of 5 pieces, in each of D's two layers"] = 240
    lr: Annotated[float, "of G, and twice that of D, whose loss is the mean of its two parts in the paper"] = 0.1
    samples: Annotated[int, "behind a score"] = 10_000
    every: Annotated[int, "epochs between two scores of validation images"] = 2

    NAME: ClassVar[str] = "first_gan"
    QUICK: ClassVar[dict[str, Any]] = {"epochs": 4, "hidden": 200, "units": 40, "samples": 1000}


# ---------------------------------------------------------------------------------------------------------- the game
class FirstGAN(GAN):
    """The game of the paper, with the columns of D held short; and beside G its average, which does not play."""

    LONGEST = 1.9365  # of a column

    def __init__(self, hidden: int, units: int, rng: np.random.Generator) -> None:
        def within(most: float) -> Any:
            return lambda shape, rng, dtype=np.float32: rng.uniform(-most, most, shape).astype(dtype)

        def make() -> MLPGenerator:
            return MLPGenerator(100, (hidden, hidden), 784, "sigmoid", init=within(0.05), rng=rng)

        D = MaxoutDiscriminator(784, (units, units), 5, dropout=(0.2, 0.5), init=within(0.005), rng=rng)
        super().__init__(make(), D)
        self.average = make()

    def constrain(self) -> None:
        """After each of D's steps: the weights that lead to one unit have a length of at most `LONGEST`."""
        for p in self.discriminator.parameters():
            if p.ndim == 2:
                length = np.sqrt(np.square(p.data).sum(1, keepdims=True))
                p.data *= np.minimum(1, self.LONGEST / np.maximum(length, 1e-7))


def learn(config: Config, images: Images) -> training.Run:
    """Train; the scores of validation images on the way are part of the history."""
    rng = np.random.default_rng(config.seed)  # one for all: D's dropout draws from it, too, and it is in the checkpoint
    gan = FirstGAN(config.hidden, config.units, rng).to(config.device)
    d = optim.SGD(gan.discriminator.parameters(), config.lr / 2, momentum=0.5)
    g = optim.SGD(gan.generator.parameters(), config.lr, momentum=0.5)
    run = training.Run(gan, training.Players(discriminator=d, generator=g), rng)
    run.history["scores"] = []
    average = optim.ExponentialMovingAverage(gan.generator.parameters(), into=gan.average.parameters())
    validation, path = images.validation[0][:VALIDATION], config.folder() / "first_gan.npz"
    steps_of_an_epoch = len(images.train[0]) / config.batch_size

    def step(run: training.Run, game: FirstGAN, batch: Sequence[Any], crew: Any) -> training.loop.Metrics:
        for player, rate in ((d, config.lr / 2), (g, config.lr)):
            player.lr = max(1e-6, rate / 1.000004**run.step)
            player.momentum = min(0.7, 0.5 + 0.2 * run.step / steps_of_an_epoch / 250)
        metrics = training.play(run, game, batch, crew)
        average.decay = 1 - 2 / (run.step + 2)  # the weights of step s then count s times
        average.update()
        return metrics

    def watch(run: training.Run) -> None:
        if run.epoch % config.every == 0 or run.epoch == config.epochs:
            scores = {name: parzen_score(x, validation, validation) for name, x in made(config, gan).items()}
            told = {name: score.log_prob for name, score in scores.items()}
            run.history["scores"].append({"epoch": run.epoch, **told})

    training.train(
        run,
        gan,
        to(config.device, images.train[0]),
        step=step,
        epochs=config.epochs,
        batch_size=config.batch_size,
        callbacks=[watch],
        checkpoint=path,
        config=config.identity(data=images.name),
        resume=config.resumes(path),
        title="the first GAN",
    )
    return run


def made(config: Config, gan: FirstGAN) -> dict[str, np.ndarray]:
    """Samples of G and of its average, from the same z."""
    z = to(config.device, np.random.default_rng([config.seed, 2]).standard_normal((config.samples, 100), np.float32))
    with no_grad():
        return {name: backend.to_host(player(*z).data) for name, player in ((G, gan.generator), (MEAN, gan.average))}


G, MEAN = "G", "G, averaged weights"
CENTROIDS, REAL = "k-means centroids", "training digits"


# -------------------------------------------------------------------------------------------------------------- main
def main(config: Config) -> None:
    """Train, score the test images once, draw."""
    images = load_images(config)
    config.epochs = config.epochs or (200 if images.complete else 30)
    config.samples = n = min(config.samples, len(images.train[0]))  # of each kind: the score depends on how many
    run = learn(config, images)
    rng, train = np.random.default_rng([config.seed, 3]), images.train[0]
    kinds = {
        **made(config, run.model),
        CENTROIDS: centroids(train, n, rng, KMEANS).astype(np.float32),
        REAL: train[rng.choice(len(train), n, replace=False)],
    }
    validation, test = images.validation[0][:VALIDATION], images.test[0]
    scores = {name: parzen_score(x, validation, test) for name, x in kinds.items()}
    for name, score in scores.items():
        print(f"{name:24}{score}")
    print(card(config, images, run.model, n))
    tell(*draw(config, run, kinds, scores))
    print(
        f"C-EVAL: G {scores[G].log_prob:.1f} ± {scores[G].error:.1f} nats, with averaged weights"
        f" {scores[MEAN].log_prob:.1f} ± {scores[MEAN].error:.1f} (published 225 ± 2); centroids, no model at all,"
        f" {scores[CENTROIDS].log_prob:.1f} ± {scores[CENTROIDS].error:.1f}"
    )


def card(config: Config, images: Images, gan: FirstGAN, n: int) -> Card:
    count = {name: sum(p.size for p in player.parameters()) for name, player in vars(gan).items() if name in PLAYERS}
    return Card(
        data=f"{images.name}, grey, in [0, 1]; {len(images.test[0]):,} test images, the error is theirs",
        radius="-",
        std="-",
        z="100, N(0, I) (the paper's are uniform)",
        objective=f"non-saturating; G 100–{config.hidden}–{config.hidden}–784 ({count['generator']:,} weights), ReLU"
        f" and sigmoid; D maxout {config.units}×5 twice ({count['discriminator']:,}), dropout 0.2 and 0.5,"
        f" columns ≤ {FirstGAN.LONGEST}",
        optimizers=f"SGD, {config.lr:g} for G and {config.lr / 2:g} for D, / 1.000004 a step;"
        " momentum 0.5, rising by 0.2 in 250 epochs",
        steps=f"{config.epochs} epochs",
        batch=config.batch_size,
        samples=f"{n:,}; σ out of {len(SIGMAS)} from {SIGMAS[0]:g} to {SIGMAS[-1]:g}, by {VALIDATION:,} validation"
        " images; averages over all steps, each as often as its number",
        seeds=config.seed,
    )


PLAYERS = ("generator", "discriminator")


def draw(config: Config, run: training.Run, kinds: dict[str, np.ndarray], scores: dict[str, Parzen]) -> list[Path]:
    """Samples with their scores; and the scores of validation images while G learned."""
    shown = {f"{name}\n{scores[name].log_prob:.0f} nats": x[:25] for name, x in kinds.items()}
    title = f"the first GAN, {config.epochs} epochs, seed {config.seed}: Parzen window of {config.samples:,} samples"
    told = run.history["scores"]
    with plotting.style():
        figure, (axes,) = plotting.panels((6.0,), 3.6, title)
        for name in (G, MEAN):
            axes.plot([s["epoch"] for s in told], [s[name] for s in told], marker=".", label=name)
        axes.axhline(225, color="0.6", linewidth=0.8, linestyle=":", label="published, of test images")
        axes.set(xlabel="epoch", ylabel="log-likelihood of validation digits, nats")
        axes.locator_params(axis="x", integer=True)
        axes.legend()
        curves = plotting.save(figure, config.folder() / "scores.png")
    return [plotting.save(plotting.comparison(shown, 5, title), config.folder() / "samples.png"), curves]


if __name__ == "__main__":
    start(Config, main)
