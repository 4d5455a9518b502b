"""Why does G get no gradient? (S0, lines 1370–1382; S2, lines 145–150; S3, lines 153–163; errata E9, E11; claim C-SAT)

python -m demos.saturation      about 40 seconds on 2 free cores

S0 says that D's sigmoid saturates, so that no gradient comes through a D that is too good. First the slopes of what G
minimises, by D's logit; then the gradient of a whole generator, while a new D learns to see through it, as in the
figures of M. Arjovsky, L. Bottou 2017 (arXiv:1701.04862). See derivations/18-gan-gradients.md.
"""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar, NamedTuple

import numpy as np

import scratchgen as sg
from scratchgen import backend, optim, plotting, training
from scratchgen.models.adversarial import GAN, OBJECTIVES, MLPDiscriminator, MLPGenerator

from .options import Options, load_images, start, tell, to

GAMES = ("minimax", "non-saturating")
LOGITS = (-10.0, -5.0, 0.0, 5.0)
JUDGED = 400  # images behind each gradient


@dataclass
class Config(Options):
    """Draws the slopes of four objectives, and measures how G's gradient vanishes while D learns."""

    trained: Annotated[tuple[int, ...], "epochs of the GAN after which its generator is taken and frozen"] = (1, 10, 25)
    epochs: Annotated[int, "epochs that a new D is trained against each frozen G"] = 25
    batch_size: Annotated[int, "images per step"] = 100
    lr: Annotated[float, "Adam's learning rate (β₁ = 0.5), for both players"] = 2e-4
    hidden: Annotated[int, "hidden units of G and of D (S0: 256)"] = 128

    NAME: ClassVar[str] = "saturation"
    QUICK: ClassVar[dict[str, Any]] = {"trained": (1, 3), "epochs": 5, "hidden": 64}


# ------------------------------------------------------------------------------------------------------- by the logit
def slope(name: str, logits: np.ndarray) -> np.ndarray:
    """|∂L_G/∂a| at each logit.  Eqs. 18.4, 18.6 and 18.8 (derivations/18-gan-gradients.md#eq-18-4)"""
    a = sg.tensor(logits, requires_grad=True, dtype=np.float64)
    (g,) = sg.grad(OBJECTIVES[name].generator(a), [a])
    return np.abs(g.numpy()) * len(logits)  # of each image, and not of their mean


def show_slopes() -> None:
    print("\n|slope| of what G minimises, by D's logit a\n     a     minimax        non-saturating   ratio e^(−a)")
    minimax, other = (slope(name, np.array(LOGITS)) for name in GAMES)
    for a, small, large in zip(LOGITS, minimax, other):
        print(f"  {a:4.0f}     {small:.10f}   {large:.10f}   {large / small:12,.4f}")


# --------------------------------------------------------------------------------------------------- a whole generator
def generators(config: Config, x: Any) -> dict[int, MLPGenerator]:
    """What G was like after so many epochs of a GAN on images x (N, 784) in [−1, 1]."""
    rng = np.random.default_rng(config.seed)
    gan = GAN(MLPGenerator(hidden=(config.hidden,), rng=rng), MLPDiscriminator(hidden=(config.hidden,), rng=rng))
    gan.to(config.device)
    players = training.Players(player(gan.discriminator, config), player(gan.generator, config))
    run, found = training.Run(gan, players, rng), {}
    for epochs in sorted(config.trained):
        training.train(
            run,
            gan,
            [x],
            step=training.play,
            epochs=epochs,
            batch_size=config.batch_size,
            workers=config.workers,
            title=f"GAN 64–{config.hidden}–784, to epoch {epochs}",
        )
        found[epochs] = copy.deepcopy(gan.generator)
    return found


def player(network: Any, config: Config) -> optim.Adam:
    return optim.Adam(network.parameters(), lr=config.lr, betas=(0.5, 0.999))


class Trial(NamedTuple):
    """A new D against a frozen G: after `steps` of D, the length of G's gradient under each name, and D's loss."""

    steps: list[int]
    lengths: dict[str, list[float]]
    loss: list[float]


def trial(G: MLPGenerator, config: Config, x: Any, trained: int) -> Trial:
    """Train a new D for `epochs`, and look at G's gradient now and then. G itself never moves."""
    rng = np.random.default_rng([config.seed, 1])
    game = GAN(G, MLPDiscriminator(hidden=(config.hidden,), rng=rng))
    game.to(config.device)
    z = backend.normal(rng, (JUDGED, G.latent), like=x)
    looks, found = looked_at(config, len(x)), Trial([], {name: [] for name in GAMES}, [])

    def look(step: int) -> None:
        found.steps.append(step)
        found.loss.append(game.discriminator_loss(x[:JUDGED], np.random.default_rng(0))[0].item())
        for name in GAMES:
            found.lengths[name].append(length(name, game.discriminator, G, z))

    def learn(run: training.Run, game: Any, batch: Any, crew: Any) -> dict[str, Any]:
        metrics = training.descend(run, game.discriminator_loss, batch, crew)
        if run.step + 1 in looks:
            look(run.step + 1)
        return metrics

    look(0)
    training.train(
        training.Run(game, player(game.discriminator, config), rng),
        game,
        [x],
        step=learn,
        epochs=config.epochs,
        batch_size=config.batch_size,
        workers=config.workers,
        title=f"a new D against G of epoch {trained}",
    )
    return found


def length(name: str, D: Any, G: Any, z: Any) -> float:
    """‖∇L_G‖ over all of G's weights.  Eq. 18.14 (derivations/18-gan-gradients.md#eq-18-14)"""
    gradients = sg.grad(OBJECTIVES[name].generator(D(G(z))), list(G.parameters()))
    return math.sqrt(sum(float(np.square(g.numpy().astype(np.float64)).sum()) for g in gradients))


def epoch_steps(config: Config, images: int) -> int:
    return math.ceil(images / config.batch_size)


def looked_at(config: Config, images: int) -> set[int]:
    """0, and steps about as far apart as their logarithms ask for; and the ends of epochs 1, 10 and 25 among them."""
    last = config.epochs * epoch_steps(config, images)
    return {0, *np.geomspace(1, last, 18).round().astype(int).tolist(), *marked(config, images)}


def marked(config: Config, images: int) -> list[int]:
    """The ends of the epochs of D that the table shows."""
    return [e * epoch_steps(config, images) for e in sorted({1, 10, config.epochs}) if e <= config.epochs]


def show_trials(trials: dict[int, Trial], config: Config, images: int) -> None:
    print(
        f"\nlength of G's gradient, G frozen, D trained from scratch; Adam {config.lr:g}, minibatches of"
        f" {config.batch_size}, {JUDGED:,} z, seed {config.seed}\n"
        "  G after   D after     D's loss    minimax     non-saturating   ratio"
    )
    for trained, found in trials.items():
        for step in [0, *marked(config, images)]:
            i = found.steps.index(step)
            small, large = (found.lengths[name][i] for name in GAMES)
            epoch = step // epoch_steps(config, images)
            print(
                f"  {trained:3d}       {epoch:3d} epochs  {found.loss[i]:.2e}    {small:.2e}    {large:.2e}"
                f"         {large / small:10,.1f}"
            )


# ---------------------------------------------------------------------------------------------------------- pictures
def draw(trials: dict[int, Trial], config: Config, path: Path) -> Path:
    title = (
        "What G minimises: slope by D's logit; and the gradient of a frozen G (64–"
        f"{config.hidden}–784) while a new D learns, seed {config.seed}"
    )
    figure, (slopes, lengths) = plotting.panels((5.4, 7.2), 4.6, title)
    a = np.linspace(-12, 6, 400)
    for name in OBJECTIVES:
        slopes.plot(a, slope(name, a), label=name)
    slopes.plot(-10, slope("minimax", np.array([-10.0])), "o", color="C0")
    slopes.annotate("4.5e-5 at a = −10", (-10, 4.54e-5), (8, -6), textcoords="offset points")
    slopes.set(yscale="log", ylim=(3e-6, 30), xlabel="D's logit a of a made image (left: seen through)")
    slopes.set_ylabel("|∂L/∂a|")
    slopes.legend(loc="lower right")
    for k, (trained, found) in enumerate(trials.items()):
        for name, style in zip(GAMES, ("-", ":")):
            label = f"G of {trained} epoch{'s' * (trained > 1)}, {name}"
            lengths.plot(found.steps, found.lengths[name], color=f"C{k}", linestyle=style, label=label)
    lengths.set(yscale="log", xscale="symlog", xlabel="steps of D, from scratch", ylabel="length of G's gradient")
    lengths.set_xlim(left=0)
    lengths.legend(loc="center left", bbox_to_anchor=(1, 0.5))
    return plotting.save(figure, path)


# -------------------------------------------------------------------------------------------------------------- main
def main(config: Config) -> None:
    """Slopes, then gradients, then a picture of both."""
    show_slopes()
    images = load_images(config)
    (x,) = to(config.device, 2 * images.train[0] - 1)
    trials = {trained: trial(G, config, x, trained) for trained, G in generators(config, x).items()}
    show_trials(trials, config, len(x))
    with plotting.style():
        tell(draw(trials, config, config.folder() / "saturation.png"))
    faded = [found.lengths["minimax"][-1] / max(found.lengths["minimax"]) for found in trials.values()]
    kept = [found.lengths["non-saturating"][-1] / found.lengths["non-saturating"][0] for found in trials.values()]
    small, large = (slope(name, np.array([-10.0]))[0] for name in GAMES)
    print(
        f"claim C-SAT, E9: at a = −10 the slopes differ by a factor of {large / small:,.0f}. While D learned for"
        f" {config.epochs} epochs, G's minimax\n  gradient fell to {min(faded):.1e} … {max(faded):.1e} of its largest"
        f" length; the non-saturating one went to {min(kept):.1f} … {max(kept):.1f} times its first"
    )


if __name__ == "__main__":
    start(Config, main)
