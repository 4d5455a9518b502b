"""Do the two players find each other? (S0, line 1361: "the model oscillates"; S2, lines 207–222; claim C-OSC)

python -m demos.dirac_gan      about 15 seconds

The smallest games there are: G is a number θ, D a number ψ. Each of four ways to move is a map of the plane; its
eigenvalues foretell by how much a round grows or shrinks, and how far a step turns. Play, and compare. Then the
library's own GANs play it, with what has been proposed as a cure. See derivations/20-minimax.md.
"""

from __future__ import annotations

import cmath
import functools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar, NamedTuple

import numpy as np
import scipy.linalg

from scratchgen import functional as F
from scratchgen import nn, optim, plotting, training
from scratchgen.evaluation import Card
from scratchgen.models.adversarial import GAN, R1, GradientPenalty, UnrolledGAN, dynamics
from scratchgen.models.adversarial.dynamics import BILINEAR, DIRAC, NON_SATURATING, Game

from .options import Options, start, tell


@dataclass
class Config(Options):
    """Plays the Dirac-GAN and the bilinear game in four ways, and holds the spirals against their eigenvalues."""

    lr: Annotated[float, "η, the learning rate of both players"] = 0.15
    gamma: Annotated[float, "γ, the weight of R1"] = 0.3
    k: Annotated[int, "how many of D's steps the unrolled G foresees"] = 5
    steps: Annotated[int, "steps of each path"] = 150

    NAME: ClassVar[str] = "dirac_gan"
    RESUMES: ClassVar[bool] = False


class Way(NamedTuple):
    """A way to move: one step of a game, and its Jacobian at (0, 0) for c = h′(0)."""

    step: Callable[[Game, Any], Any]
    jacobian: Callable[[float], np.ndarray]


def ways(config: Config) -> dict[str, Way]:
    lr, gamma, k = config.lr, config.gamma, config.k
    d = dynamics
    return {
        "simultaneous": Way(lambda g, s: d.simultaneous(g, s, lr), lambda c: d.simultaneous_jacobian(c, lr)),
        "alternating": Way(lambda g, s: d.alternating(g, s, lr), lambda c: d.alternating_jacobian(c, lr)),
        f"R1, γ = {gamma:g}": Way(
            lambda g, s: d.simultaneous(g, s, lr, gamma), lambda c: d.simultaneous_jacobian(c, lr, gamma)
        ),
        f"unrolled, k = {k}": Way(lambda g, s: d.unrolled(g, s, lr, k), lambda c: d.unrolled_jacobian(c, lr, k)),
    }


def card(config: Config, objective: str, steps: str, seeds: Any) -> Card:
    """The protocol of what is told; there is but one point of data, and G makes but one."""
    return Card(
        data="the point 0, each time",
        radius="-",
        std="-",
        z="none: G makes the point θ; D's logit is ψx",
        objective=objective,
        optimizers=f"gradient descent, lr {config.lr:g} for both",
        steps=steps,
        batch=1,
        samples="-",
        seeds=seeds,
    )


# ------------------------------------------------------------------------------------------------------------ numbers
NEAR = (0.03, 0.04)  # where a path begins that is to know only the neighbourhood of (0, 0)


def compare(game: Game, way: Way, steps: int = 100) -> tuple[complex, complex]:
    """The eigenvalue of the closed form, and that of the path."""
    path = dynamics.play(functools.partial(way.step, game), NEAR, steps)
    return leading(dynamics.eigenvalues(way.jacobian(game.c))), leading(dynamics.measured(path))


def leading(eigenvalues: Sequence[complex]) -> complex:
    """The larger one, which decides in the end; of a pair that turns, the one that turns forwards."""
    return max(eigenvalues, key=lambda z: (round(abs(z), 9), z.imag))


def show(config: Config) -> tuple[list[float], str]:
    """The table; returns |λ measured − λ foretold| of each line, and what the Dirac-GAN does."""
    print(
        f"η = {config.lr:g}; λ: from the Jacobian, and from 100 steps that begin at {NEAR}\n"
        "  game         moves               |λ|        measured   degrees a step   measured    what it does"
    )
    off, fates = [], {}
    for game in (BILINEAR, DIRAC):
        for name, way in ways(config).items():
            foretold, seen = compare(game, way)
            off.append(abs(foretold - seen))
            fates[name] = fate(foretold)  # the Dirac-GAN's are the last
            print(
                f"  {game.name:11s}  {name:18s}  {abs(foretold):.6f}   {abs(seen):.6f}"
                f"       {degrees(foretold):7.4f}     {degrees(seen):7.4f}    {fate(foretold)}"
            )
    print(card(config, "V = h(θψ), the game's own h; minimax", "100 of each player, as the row says", "-"))
    return off, ", ".join(f"{name} {what}" for name, what in fates.items())


def degrees(eigenvalue: complex) -> float:
    return math.degrees(cmath.phase(eigenvalue))


def fate(eigenvalue: complex) -> str:
    """In words."""
    growth = abs(eigenvalue)
    if abs(growth - 1) < 1e-9:
        return "round and round"
    halved = abs(math.log(2) / math.log(growth))
    return f"{'outwards: twice' if growth > 1 else 'inwards: half'} as far after {halved:,.0f} steps"


def settled(lr: float) -> float:
    """r² at which the non-saturating Dirac-GAN neither arrives nor departs, both players moving at once.  Eq. 20.16
    (derivations/20-minimax.md#eq-20-16)"""
    rounds = round(10 * 4 * math.pi / lr)  # ten of them: a step turns by about ½η
    path = dynamics.play(lambda s: dynamics.simultaneous(NON_SATURATING, s, lr), (1.0, 0.0), round(60 / lr**2) + rounds)
    return float((path[-rounds:] ** 2).sum(1).mean())


def arriving(lr: float, steps: int) -> tuple[float, float]:
    """In turns it does arrive, though slowly: Q of Eq. 20.10 after so many steps from (1, 0), and what r² then is by
    Eq. 20.18 (derivations/20-minimax.md#eq-20-18)."""
    step = functools.partial(dynamics.alternating, NON_SATURATING, lr=lr)
    theta, psi = dynamics.play(step, (1.0, 0.0), steps)[-1]
    return float(theta**2 + psi**2 + lr * NON_SATURATING.c * theta * psi), 8 / (8 + lr * steps)


# ------------------------------------------------------------------------------------------------------------- cures
ROUND = 84  # steps, of the minimax game at η = 0.15


class Point(nn.Module):
    """A generator that makes one point θ, whatever z is."""

    latent, range = 1, (-math.inf, math.inf)

    def __init__(self, theta: float) -> None:
        self.theta = nn.Parameter(np.array([theta]))

    def forward(self, z: Any) -> Any:
        return self.theta + 0 * z


class Line(nn.Module):
    """A discriminator a(x) = ψx."""

    def __init__(self, psi: float) -> None:
        self.psi = nn.Parameter(np.array([[psi]]))

    def forward(self, x: Any) -> Any:
        return F.reshape(x @ self.psi, (len(x),))


def cures(config: Config) -> dict[str, Callable[[Any, Any, optim.SGD], GAN]]:
    """How to make each game, of G, D and D's optimizer."""
    r1, k = R1(config.gamma), config.k
    return {
        "minimax": lambda g, d, sgd: GAN(g, d, "minimax"),
        "non-saturating": lambda g, d, sgd: GAN(g, d),
        "Wasserstein, ψ clipped at 1": lambda g, d, sgd: GAN(g, d, "wasserstein", clip=1.0),
        "Wasserstein, gradient penalty 1": lambda g, d, sgd: GAN(g, d, "wasserstein", penalty=GradientPenalty(1.0)),
        f"minimax, R1 with γ = {config.gamma:g}": lambda g, d, sgd: GAN(g, d, "minimax", penalty=r1),
        f"minimax, unrolled with K = {k}": lambda g, d, sgd: UnrolledGAN(g, d, sgd, k, objective="minimax"),
    }


MOVES = {"in turns, D first": training.play, "at once": training.play_at_once}


def cured(make: Callable[..., GAN], config: Config, steps: int, move: Callable[..., Any]) -> np.ndarray:
    """The path (steps + 1, 2) of θ and ψ, from (1, 0): gradient descent as in any training of ours."""
    G, D, rng = Point(1.0), Line(0.0), np.random.default_rng(config.seed)
    players = training.Players(*(optim.SGD(player.parameters(), config.lr) for player in (D, G)))
    run = training.Run(make(G, D, players.discriminator), players, rng)
    path = [(1.0, 0.0)]

    def play(run: training.Run, game: Any, batch: Any, crew: Any) -> training.loop.Metrics:
        metrics = move(run, game, batch, crew)
        path.append((G.theta.item(), D.psi.item()))
        return metrics

    training.train(run, run.model, [np.zeros((steps, 1))], step=play, epochs=1, batch_size=1, title="Dirac-GAN")
    return np.array(path)


def show_cures(config: Config) -> None:
    """How far G ends from the data: seen over a round, or a circle would look like an arrival now and then."""
    counts = (config.steps, 4 * config.steps)
    print(
        f"\nthe Dirac-GAN played by scratchgen's own GANs from θ = 1, ψ = 0, by gradient descent, η = {config.lr:g};\n"
        f"  the largest distance of θ from the data, 0, in the last {ROUND} of so many steps\n"
        f"  {'':33}"
        + "".join(f"{name:>20}" for name in MOVES)
        + f"\n  {'':33}"
        + "".join(f"{count:10,}" for _ in MOVES for count in counts)
    )
    for name, make in cures(config).items():
        paths = [np.abs(cured(make, config, max(counts), move)[:, 0]) for move in MOVES.values()]
        far = (theta[max(0, count + 1 - ROUND) : count + 1].max() for theta in paths for count in counts)
        print(f"  {name:33}" + "".join(f"{distance:10.4f}" for distance in far))
    print(card(config, "as the row says", "{:,} and {:,} of each player".format(*counts), config.seed))


# ----------------------------------------------------------------------------------------------------------- pictures
BEGIN = (0.8, 0.0)


def draw_spirals(game: Game, config: Config, path: Path) -> Path:
    title = (
        f"{game.name}, V = h(θψ), c = {game.c:g}: {config.steps} steps with η = {config.lr:g}"
        " (points), and the spiral of the eigenvalues (line)"
    )
    figure, panels = plotting.panels((3.7,) * 4, 4.3, title)
    for axes, (name, way) in zip(panels, ways(config).items()):
        draw_field(axes, game, way, config.lr)
        points = dynamics.play(functools.partial(way.step, game), BEGIN, config.steps)
        matrix = way.jacobian(game.c)
        axes.plot(*foretold(matrix, BEGIN, config.steps).T, color="0.25", linestyle="-", linewidth=0.8)
        axes.scatter(*points.T, s=11, c=np.arange(len(points)), cmap="plasma", linewidths=0, zorder=3)
        axes.plot(*BEGIN, marker="o", color="none", markeredgecolor="black")
        axes.plot(0, 0, marker="+", color="black", markersize=9)
        eigenvalue = leading(dynamics.eigenvalues(matrix))
        axes.set_title(f"{name}\n|λ| = {abs(eigenvalue):.4f}, {degrees(eigenvalue):.2f}° a step")
        axes.set(xlim=(-1.6, 1.6), ylim=(-1.6, 1.6), aspect="equal", xlabel="θ (what G makes; the data is at 0)")
    panels[0].set_ylabel("ψ (D's slope)")
    return plotting.save(figure, path)


def draw_field(axes: Any, game: Game, way: Way, lr: float) -> None:
    """Where a step leads from everywhere, in units of η."""
    grid = np.meshgrid(np.linspace(-1.5, 1.5, 13), np.linspace(-1.5, 1.5, 13))
    moved = way.step(game, tuple(grid))
    axes.quiver(*grid, *((after - before) / lr for after, before in zip(moved, grid)), color="0.8", width=0.004)


def foretold(matrix: np.ndarray, begin: tuple[float, float], steps: int, between: int = 8) -> np.ndarray:
    """Where Jᵗ leads from `begin`, t = 0 … steps in parts of 1/between: |λ|ᵗ times as far, turned by t arg λ."""
    part = scipy.linalg.fractional_matrix_power(matrix, 1 / between).real
    return dynamics.play(lambda s: part @ s, np.array(begin), steps * between)


def draw_distances(config: Config, path: Path) -> Path:
    title = f"Dirac-GAN: distance from the equilibrium, η = {config.lr:g}; measured (lines), |λ|ᵗ (dots)"
    figure, (near, far) = plotting.panels((5.6, 5.6), 4.0, title)
    steps = np.arange(4 * config.steps + 1)
    for k, (name, way) in enumerate(ways(config).items()):
        points = dynamics.play(functools.partial(way.step, DIRAC), NEAR, len(steps) - 1)
        growth = abs(leading(dynamics.eigenvalues(way.jacobian(DIRAC.c))))
        near.plot(steps, np.hypot(*points.T), color=f"C{k}", linestyle="-", label=name)
        near.plot(steps, math.hypot(*NEAR) * growth**steps, color=f"C{k}", linestyle=":")
    near.set(yscale="log", xlabel="step", ylabel="√(θ² + ψ²), from a distance of 0.05")
    near.legend(loc="lower left")
    for k, radius in enumerate((0.1, 2.0)):
        for game, style in ((DIRAC, ":"), (NON_SATURATING, "-")):
            points = dynamics.play(
                lambda s, game=game: dynamics.simultaneous(game, s, config.lr), (radius, 0.0), 12 * config.steps
            )
            label = {DIRAC: "minimax", NON_SATURATING: "non-saturating"}[game]
            far.plot(np.hypot(*points.T), color=f"C{k}", linestyle=style, label=f"{label}, from {radius:g}")
    far.axhline(math.sqrt(2 * config.lr), color="0.3", linewidth=0.9, linestyle="--", label="√(2η)")
    far.set(xlabel="step, simultaneous", ylabel="√(θ² + ψ²)", ylim=(0, 3))
    far.legend(loc="upper right")
    return plotting.save(figure, path)


# -------------------------------------------------------------------------------------------------------------- main
def main(config: Config) -> None:
    """Compare, draw, and say what came out."""
    off, fates = show(config)
    cycles = {lr: settled(lr) for lr in (0.05, 0.1, 0.3)}
    pairs = ", ".join(f"{r2:.4f} at η = {lr:g}" for lr, r2 in cycles.items())
    print(f"\nthe non-saturating Dirac-GAN, simultaneous, from (1, 0): r² settles near 2η: {pairs}")
    steps = 10_000
    pairs = ", ".join("{:.5f} ({:.5f})".format(*arriving(lr, steps)) for lr in cycles)
    print(f"in turns it does not: after {steps:,} steps r² − ½ηθψ is {pairs}, in brackets 8/(8 + {steps:,}η)")
    show_cures(config)
    folder = config.folder()
    with plotting.style():
        tell(
            draw_spirals(DIRAC, config, folder / "dirac.png"),
            draw_spirals(BILINEAR, config, folder / "bilinear.png"),
            draw_distances(config, folder / "distances.png"),
        )
    print(
        f"claim C-OSC, Dirac-GAN: {fates};"
        f"\n  the spirals' eigenvalues are those of the Jacobians to {max(off[:4]):.0e} (bilinear)"
        f" and {max(off[4:]):.0e} (Dirac-GAN)"
    )


if __name__ == "__main__":
    start(Config, main)
