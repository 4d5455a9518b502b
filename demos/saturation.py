"""Why does G get no gradient? (S0, lines 1370–1382; S2, lines 145–150; S3, lines 153–163; errata E9, E11; claim C-SAT)

python -m demos.saturation      about 2 minutes on 2 free cores

S0 says that D's sigmoid saturates, so that no gradient comes through a D that is too good. First the slopes of what G
minimises, by D's logit; then the gradient of a whole generator, while a new D learns to see through it, as in the
figures of M. Arjovsky, L. Bottou 2017 (arXiv:1701.04862); and the same with what has been proposed as a cure: other
objectives, and bounds on D's slope. See derivations/18-gan-gradients.md.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar, NamedTuple

import numpy as np

import scratchgen as sg
from scratchgen import backend, nn, no_grad, optim, plotting, training
from scratchgen.evaluation import Card
from scratchgen.models.adversarial import GAN, OBJECTIVES, R1, GradientPenalty, MLPDiscriminator, MLPGenerator

from .options import Options, load_images, start, tell, to

GAMES = ("minimax", "non-saturating")
LOGITS = (-10.0, -5.0, 0.0, 5.0)
JUDGED = 400  # images behind each gradient, and of each kind behind what D can tell apart
# What else the players may minimise, and what holds D back.
CURES: dict[str, dict[str, Any]] = {
    "minimax": {"objective": "minimax"},
    "non-saturating": {"objective": "non-saturating"},
    "least squares": {"objective": "least squares"},
    "Wasserstein, weights clipped at 0.01": {"objective": "wasserstein", "clip": 0.01},
    "Wasserstein, gradient penalty 10": {"objective": "wasserstein", "penalty": GradientPenalty(10)},
    "minimax, R1 with γ = 10": {"objective": "minimax", "penalty": R1(10)},
    "minimax, spectral norm": {"objective": "minimax", "spectral": True},
}


@dataclass
class Config(Options):
    """Draws the slopes of four objectives, and measures how G's gradient vanishes while D learns."""

    trained: Annotated[tuple[int, ...], "epochs of the GAN after which its generator is taken and frozen"] = (1, 10, 25)
    epochs: Annotated[int, "epochs that a new D is trained against each frozen G"] = 25
    batch_size: Annotated[int, "images per step"] = 100
    lr: Annotated[float, "Adam's learning rate (β₁ = 0.5), for both players"] = 2e-4
    hidden: Annotated[int, "hidden units of G and of D (S0: 256)"] = 128

    NAME: ClassVar[str] = "saturation"
    RESUMES: ClassVar[bool] = False
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
    """A new D against a frozen G: after `steps` of D, the length of G's gradient for each objective; D's loss; and how
    often D gives a real image more than one of G's, % of pairs."""

    steps: list[int]
    lengths: dict[str, list[float]]
    loss: list[float]
    told_apart: list[float]


def trial(
    G: MLPGenerator, config: Config, x: Any, title: str, games: Sequence[str], *, spectral: bool = False, **options: Any
) -> Trial:
    """Train a new D for `epochs`, and look at G's gradient in these games now and then. G itself never moves."""
    rng = np.random.default_rng([config.seed, 1])
    D: Any = MLPDiscriminator(hidden=(config.hidden,), rng=rng)
    if spectral:
        nn.spectral_norm(D, np.random.default_rng(config.seed))
    game = GAN(G, D, **options)
    game.to(config.device)
    z = backend.normal(rng, (JUDGED, G.latent), like=x)
    looks, found = looked_at(config, len(x)), Trial([], {name: [] for name in games}, [], [])

    def look(step: int) -> None:
        game.eval()  # looking changes nothing
        found.steps.append(step)
        found.loss.append(game.discriminator_loss(x[:JUDGED], np.random.default_rng(0))[0].item())
        found.told_apart.append(told_apart(D, x[:JUDGED], G, z))
        for name in games:
            found.lengths[name].append(length(name, D, G, z))
        game.train()

    def learn(run: training.Run, game: Any, batch: Any, crew: Any) -> dict[str, Any]:
        metrics = training.descend(run, game.discriminator_loss, batch, crew)
        game.constrain()
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
        workers=1 if spectral else config.workers,  # its power iteration takes one step a pass
        title=title,
    )
    return found


def length(name: str, D: Any, G: Any, z: Any) -> float:
    """‖∇L_G‖ over all of G's weights.  Eq. 18.14 (derivations/18-gan-gradients.md#eq-18-14)"""
    gradients = sg.grad(OBJECTIVES[name].generator(D(G(z))), list(G.parameters()))
    return math.sqrt(sum(float(np.square(g.numpy().astype(np.float64)).sum()) for g in gradients))


def told_apart(D: Any, x: Any, G: Any, z: Any) -> float:
    """In how many of all pairs of a real image and one of G's D gives the real one more, %: the area under its ROC
    curve, which needs no threshold, so that logits of all games can be compared."""
    with no_grad():
        real, made = (backend.to_host(D(images).data) for images in (x, G(z)))
    return 100 * float((real[:, None] > made).mean())


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


def show_cures(cures: dict[str, Trial], config: Config, images: int, trained: int) -> None:
    """The length of G's gradient, of what G minimises in each game."""
    epochs = [0, *(step // epoch_steps(config, images) for step in marked(config, images))]
    print(
        f"\nthe same with what was proposed as a cure; G of epoch {trained}: the length of G's gradient, of what it "
        "minimises\n  in this game, by epochs of D; how often D gives a real image more than one of G's "
        f"({JUDGED:,} by {JUDGED:,} pairs)\n  {'':37}"
        + "".join(f"{epoch:>10}" for epoch in epochs)
        + "   end/largest   told apart, %"
    )
    for name, found in cures.items():
        lengths = found.lengths[CURES[name]["objective"]]
        shown = [lengths[found.steps.index(step)] for step in [0, *marked(config, images)]]
        print(
            f"  {name:37}" + "".join(f"{value:10.2e}" for value in shown) + f"{shown[-1] / max(lengths):14.1e}"
            f"{found.told_apart[-1]:16.1f}"
        )


def card(config: Config, images: str) -> Card:
    return Card(
        data=f"{images}, grey",
        radius="-",
        std="-",
        z="64 dimensions, N(0, I)",
        objective=f"G 64–{config.hidden}–784 of a non-saturating GAN, frozen; D 784–{config.hidden}–1 from scratch",
        optimizers=f"Adam, lr {config.lr:g}, β₁ 0.5, for both",
        steps=f"{config.epochs} epochs of D's, none of G's",
        batch=config.batch_size,
        samples=f"the same {JUDGED:,} z for each gradient",
        seeds=config.seed,
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


def draw_cures(cures: dict[str, Trial], config: Config, trained: int, path: Path) -> Path:
    title = f"Gradient of a G frozen after {trained} epochs while a new D learns, in each game; seed {config.seed}"
    figure, (lengths, apart) = plotting.panels((5.0, 5.0), 4.0, title)
    for name, found in cures.items():
        lengths.plot(found.steps, found.lengths[CURES[name]["objective"]], label=name)
        apart.plot(found.steps, found.told_apart, label=name)
    for axes in (lengths, apart):
        axes.set(xscale="symlog", xlabel="steps of D, from scratch")
        axes.set_xlim(left=0)
    lengths.set(yscale="log", ylabel="length of G's gradient")
    apart.set(ylabel="D gives a real image more, % of pairs")
    figure.legend(*lengths.get_legend_handles_labels(), loc="outside right center")
    return plotting.save(figure, path)


# -------------------------------------------------------------------------------------------------------------- main
def main(config: Config) -> None:
    """Slopes, then gradients, then cures; and a picture of each."""
    show_slopes()
    images = load_images(config)
    (x,) = to(config.device, 2 * images.train[0] - 1)
    frozen = generators(config, x)
    trials = {
        trained: trial(G, config, x, f"a new D against G of epoch {trained}", GAMES) for trained, G in frozen.items()
    }
    show_trials(trials, config, len(x))
    last, G = max(frozen.items())
    cures = {  # of the first two games there is a D already, the same one: they differ in what G minimises
        name: trials[last] if name in GAMES else trial(G, config, x, name, [options["objective"]], **options)
        for name, options in CURES.items()
    }
    show_cures(cures, config, len(x), last)
    print(card(config, images.name), end="\n\n")
    with plotting.style():
        folder = config.folder()
        tell(
            draw(trials, config, folder / "saturation.png"),
            draw_cures(cures, config, last, folder / "cures.png"),
        )
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
