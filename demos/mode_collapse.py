"""Mode collapse (모드 붕괴) on a ring of 8 and a grid of 25, and what looking ahead does about it (S2, lines 169–222;
C-MODE, E17).

python -m demos.mode_collapse                      the GAN against an Unrolled GAN; a minute
python -m demos.mode_collapse --card grid          on a grid of 25 in the place of the ring
python -m demos.mode_collapse --card paper --steps 10000 --unroll 10 --seed 3 --resume
                                                   a published protocol: one long run, begun or gone on with
python -m demos.mode_collapse --card paper --steps 10000 --collect
                                                   the table of all such runs that are finished in the folder
python -m demos.mode_collapse --card short --latents 1 2 8 64 256 --unroll 0
                                                   "few dimensions of z, few kinds of output" (S0, line 1412), tried

Of the same GAN on the same ring both 1 and 6.3 modes are published, and it is so: by the paper's protocol all of its
samples run from mode to mode in one herd, by the notebook's of the same authors they do not. What differs stands on the
cards; each number is printed with its own.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, NamedTuple

import numpy as np
import threadpoolctl

from scratchgen import backend, nn, no_grad, optim, plotting, training
from scratchgen import functional as F
from scratchgen.data import Mixture, mixture_grid, mixture_ring
from scratchgen.evaluation.cards import Card
from scratchgen.evaluation.modes import Modes, count_modes
from scratchgen.models.adversarial import MaxoutDiscriminator, MLPDiscriminator, MLPGenerator, UnrolledGAN
from scratchgen.models.adversarial.networks import dcgan_normal

from .options import Options, interval, start, tell

JUDGED = 2500  # samples: as many as VEEGAN and PacGAN take
SHOWN = 400  # of them in a frame of the film
FRAMES = 40  # of the film, at most
COLUMNS = {"modes": "modes reached", "quality": "high quality, %", "reverse KL": "reverse KL, nats"}
HEADS = (*COLUMNS.values(), "its mean on the way")


@dataclass
class Config(Options):
    """Trains GANs and Unrolled GANs on a ring of 8 Gaussians or a grid of 25, and counts the modes that they reach."""

    card: Annotated[Literal["fast", "grid", "paper", "short", "notebook", "pacgan"], "the protocol"] = "fast"
    unroll: Annotated[tuple[int, ...], "D's steps that G looks ahead, one training for each; 0 is the GAN"] = (0, 5)
    latents: Annotated[tuple[int, ...], "dimensions of z, one training for each (default: the card's)"] = ()
    seeds: Annotated[int, "trainings of each, beginning with --seed"] = 1
    steps: Annotated[int | None, "of G, and as many of D (default: the card's)"] = None
    collect: Annotated[bool, "train nothing: the table and the pictures of what is finished in the folder"] = False

    NAME: ClassVar[str] = "mode_collapse"
    QUICK: ClassVar[dict[str, Any]] = {"steps": 300}


# --------------------------------------------------------------------------------------------------------- protocols
class Law(NamedTuple):
    """What the data are."""

    name: str
    draw: Callable[[int, Any, float, float], Mixture]  # (n, rng, radius, std) → n points
    radius: str  # how a card tells that number


RING = Law("ring of 8", lambda n, rng, radius, std: mixture_ring(n, rng, 8, radius, std), "{}")
GRID = Law("grid of 25", lambda n, rng, spacing, std: mixture_grid(n, rng, 5, spacing, std), "{}, from mode to mode")


class Protocol(NamedTuple):
    """How a number was made; the rest of it is the same for all."""

    source: str
    players: Callable[[int, Any], tuple[Any, Any]]  # (dimensions of z, rng) → G, D
    networks: str
    z: int
    objective: str
    lr: tuple[float, float]  # D's, G's
    beta1: float
    batch: int
    steps: int
    every: int  # steps between two counts of modes, and checkpoints
    points: int | None  # of the data set; None: fresh ones for each minibatch
    at_once: bool = False  # whether both players move at once, and not in turns
    radius: float = 1.0
    std: float = 0.01
    law: Law = RING
    settled: int = 0  # minibatches of noise on which G's batch norm is measured before each count

    def draw(self, n: int, rng: Any) -> Mixture:
        return self.law.draw(n, rng, self.radius, self.std)

    def means(self) -> np.ndarray:
        return self.draw(0, np.random.default_rng(0)).means


def orthogonal_players(
    generator: tuple[int, ...], discriminator: tuple[int, ...], activation: str, gain: float, shrink: float = 1.0
) -> Callable[[int, Any], tuple[Any, Any]]:
    """Hidden layers of such sizes, from orthogonal weights; D sees its points `shrink` times as small."""

    def begin(shape: Any, rng: Any, dtype: Any = np.float32) -> np.ndarray:
        return (gain * nn.init.orthogonal(shape, rng, dtype)).astype(dtype)

    def players(z: int, rng: Any) -> tuple[Any, Any]:
        g = MLPGenerator(z, generator, 2, "linear", activation, begin, rng)
        d = MLPDiscriminator(2, discriminator, activation, begin, rng)
        return g, d if shrink == 1 else Shrunk(d, shrink)

    return players


class Shrunk(nn.Module):
    """A discriminator of x / shrink."""

    def __init__(self, discriminator: Any, shrink: float) -> None:
        self.discriminator, self.shrink = discriminator, shrink

    def forward(self, x: Any) -> Any:
        return self.discriminator(x / self.shrink)


class NormedGenerator(nn.Module):
    """PacGAN's: four layers of 400 ReLUs with batch norm as its program has it, in the place of their biases."""

    range = (-math.inf, math.inf)

    def __init__(self, latent: int, rng: Any) -> None:
        self.latent = latent
        sizes = (latent, 400, 400, 400, 400)
        pairs = itertools.pairwise(sizes)
        self.layers = nn.ModuleList([nn.Linear(m, n, bias=False, init=dcgan_normal, rng=rng) for m, n in pairs])
        self.norms = nn.ModuleList([nn.BatchNorm1d(n, eps=1e-4, momentum=0.05) for n in sizes[1:]])
        self.output = nn.Linear(sizes[-1], 2, init=dcgan_normal, rng=rng)

    def forward(self, z: Any) -> Any:
        for layer, norm in zip(self.layers, self.norms):
            z = F.relu(norm(layer(z)))
        return self.output(z)


def pacgan_players(z: int, rng: Any) -> tuple[Any, Any]:
    generator = NormedGenerator(z, rng)
    return generator, MaxoutDiscriminator(2, (200, 200, 200), 5, init=dcgan_normal, rng=rng)


# As far as we know it: of the batch and D's width we have no record, so they are the notebook's.
PAPER = Protocol(
    source="the first experiment in the Unrolled GAN's paper, arXiv:1611.02163, appendix A;\n"
    "             there K = 10 and, as we read its figure, 25,000 steps",
    players=orthogonal_players((128, 128), (128,), "relu", 0.8, shrink=4),
    networks="G z–128–128–2 and D 2–128–1 of x/4, ReLU, orthogonal × 0.8",
    z=256,
    objective="minimax",
    lr=(1e-4, 1e-4),
    beta1=0.5,
    batch=512,
    steps=25_000,
    every=100,
    points=None,
    radius=2.0,
    std=0.02,
)
FAST = PAPER._replace(
    source="our own: the Unrolled GAN's paper at five times the rate, with half the batch",
    lr=(5e-4, 5e-4),
    batch=256,
    steps=3000,
)

PROTOCOLS = {
    "fast": FAST,
    "grid": FAST._replace(
        source="our own, as fast; the grid is that of PacGAN, github.com/fjxmlzn/PacGAN", std=0.05, law=GRID
    ),
    "paper": PAPER,
    "short": Protocol(
        source="our own, small",
        players=orthogonal_players((64, 64), (64, 64), "tanh", 1.4),
        networks="G z–64–64–2 and D 2–64–64–1, tanh, orthogonal × 1.4",
        z=16,
        objective="minimax",
        lr=(1e-3, 2e-3),
        beta1=0.5,
        batch=128,
        steps=1500,
        every=50,
        points=None,
        std=0.05,
    ),
    # The notebook spaces its 8 angles over [0, 2π] with both ends, so that its ring has 7 modes (B9); ours has 8.
    "notebook": Protocol(
        source="the notebook of Unrolled GAN's authors, github.com/poolio/unrolled_gan",
        players=orthogonal_players((128, 128), (128, 128), "tanh", 1.4),
        networks="G z–128–128–2 and D 2–128–128–1, tanh, orthogonal × 1.4",
        z=256,
        objective="minimax",
        lr=(1e-4, 1e-3),
        beta1=0.5,
        batch=512,
        steps=25_000,
        every=1000,
        points=None,
        at_once=True,
    ),
    # D's layers are three and G's four, with batch norm: so in its program, where both players move at once, and the
    # statistics of the norm go on over 5,000 points before it counts.
    "pacgan": Protocol(
        source="PacGAN's ring, github.com/fjxmlzn/PacGAN; published there (Table 1, 10 trials, ± standard error):\n"
        "             GAN 6.3 ± 0.5 modes, 98.2 % high quality, reverse KL 0.45",
        players=pacgan_players,
        networks="G z–400–400–400–400–2, ReLU and batch norm; D 2–200–200–200–1, maxout of 5; N(0, 0.02²)",
        z=2,
        objective="non-saturating",
        lr=(1e-4, 1e-4),
        beta1=0.8,
        batch=100,
        steps=400_000,
        every=1000,
        points=100_000,
        at_once=True,
        settled=50,
    ),
}


def card_of(protocol: Protocol, steps: int, latents: Sequence[int], seeds: str) -> Card:
    data = "fresh points for each minibatch" if protocol.points is None else f"{protocol.points:,} points"
    return Card(
        data=f"{protocol.law.name} Gaussians, {data}",
        radius=protocol.law.radius.format(protocol.radius),
        std=protocol.std,
        z=f"{', '.join(map(str, latents))} dimensions, N(0, I)",
        objective=f"{protocol.objective}; {protocol.networks}",
        optimizers="Adam, lr {:g} of D, {:g} of G".format(*protocol.lr) + f", β₁ {protocol.beta1:g}; D's is unrolled",
        steps=f"{steps:,} of each player, {'at once' if protocol.at_once else 'in turns'}",
        batch=protocol.batch,
        samples=f"{JUDGED:,}, within 3 standard deviations of a mean; after the last step"
        + f",\n             and {protocol.settled} minibatches more of G's batch norm" * bool(protocol.settled),
        seeds=seeds,
    )


# ---------------------------------------------------------------------------------------------------------- training
class Kind(NamedTuple):
    """One training."""

    card: str
    z: int
    unroll: int
    seed: int

    def path(self, config: Config) -> Path:
        return config.folder() / f"{self.card}-z{self.z}-K{self.unroll}-seed{self.seed}.npz"

    def film(self, config: Config) -> Path:
        return self.path(config).with_suffix(".film")

    def identity(self) -> dict[str, Any]:
        """What defines the run: neither how far it goes nor which others are asked for with it."""
        free = ("source", "players", "steps", "law")
        numbers = {name: value for name, value in PROTOCOLS[self.card]._asdict().items() if name not in free}
        return {**numbers, **self._asdict()}


def epochs_of(config: Config) -> int:
    """How many times `every` steps."""
    protocol = PROTOCOLS[config.card]
    return max(1, math.ceil((config.steps or protocol.steps) / protocol.every))


def make(kind: Kind, device: str) -> training.Run:
    protocol, rng = PROTOCOLS[kind.card], np.random.default_rng(kind.seed)
    generator, discriminator = protocol.players(kind.z, rng)
    generator.to(device)
    discriminator.to(device)
    both = zip((discriminator, generator), protocol.lr)
    d, g = (optim.Adam(player.parameters(), lr, betas=(protocol.beta1, 0.999)) for player, lr in both)
    gan = UnrolledGAN(generator, discriminator, d, kind.unroll, objective=protocol.objective)
    return training.Run(gan, training.Players(discriminator=d, generator=g), rng)


def settle(gan: UnrolledGAN, protocol: Protocol, rng: Any) -> None:
    """Let the running statistics of G's batch norm catch up with the weights as they are now. While G learns they are
    some ten steps behind, which puts its samples off by most of a mode's standard deviation: page 21 has the numbers.
    They move in training mode alone, in which a game is between its epochs."""
    like = next(iter(gan.generator.parameters())).data
    with no_grad():
        for _ in range(protocol.settled):
            gan.generator(gan.noise(protocol.batch, rng, like))


def judge(samples: Any, protocol: Protocol) -> Modes:
    return count_modes(samples, protocol.means(), protocol.std)


def learn(config: Config, kind: Kind) -> None:
    """One training to its end, with a count of modes, a frame of the film and a checkpoint after every part of it."""
    protocol = PROTOCOLS[kind.card]
    run, epochs, going_on = make(kind, config.device), epochs_of(config), config.resumes(kind.path(config))
    if not going_on:
        kind.film(config).unlink(missing_ok=True)
    move = training.play_at_once if protocol.at_once else training.play
    n = protocol.points or protocol.batch * protocol.every
    points = protocol.draw(n, np.random.default_rng([kind.seed, 1])).points

    def play(run: training.Run, game: Any, batch: Sequence[Any], crew: Any) -> training.loop.Metrics:
        if protocol.points is None:  # the data are a law here, not a set
            batch = [backend.to_device(protocol.draw(len(batch[0]), run.rng).points, config.device)]
        return move(run, game, batch, crew)

    def watch(run: training.Run) -> None:
        settle(run.model, protocol, np.random.default_rng([kind.seed, 3]))
        samples = backend.to_host(run.model.sample(JUDGED, np.random.default_rng([kind.seed, 2])))
        found = judge(samples, protocol)
        numbers = {"modes": found.reached, "quality": found.quality, "reverse KL": found.reverse_kl}
        run.history["train"][-1].update({name: float(value) for name, value in numbers.items()})
        if run.epoch % math.ceil(epochs / FRAMES) == 0 or run.epoch == epochs:
            frames = frames_of(config, kind) | {str(run.step): samples[:SHOWN]}
            training.save(kind.film(config), {"samples": frames}, {}, kind.identity())

    with threadpoolctl.threadpool_limits(1, "blas"):  # the matrices are so small that threads only wait for each other
        training.train(
            run,
            run.model,
            [backend.to_device(points, config.device)],
            step=play,
            epochs=epochs,
            batch_size=protocol.batch,
            callbacks=[watch],
            checkpoint=kind.path(config),
            config=kind.identity(),
            resume=going_on,
            title=f"K = {kind.unroll}, z {kind.z}-D, seed {kind.seed}",
        )


def frames_of(config: Config, kind: Kind) -> dict[str, np.ndarray]:
    """The samples that were kept on the way, by the step after which they were drawn."""
    if not kind.film(config).exists():
        return {}
    return training.load(kind.film(config), kind.identity())[0]["samples"]


# ------------------------------------------------------------------------------------------------------- the results
def asked_for(config: Config) -> list[Kind]:
    latents = config.latents or (PROTOCOLS[config.card].z,)
    seeds = range(config.seed, config.seed + config.seeds)
    return [Kind(config.card, z, unroll, seed) for z in latents for unroll in config.unroll for seed in seeds]


def finished(config: Config) -> list[Kind]:
    """The trainings of this card in the folder that have come to their end; of the others it says how far they are."""
    name, kinds = re.compile(rf"{config.card}-z(\d+)-K(\d+)-seed(\d+)\.npz"), []
    for path in config.folder().glob("*.npz"):
        if match := name.fullmatch(path.name):
            kind = Kind(config.card, *map(int, match.groups()))
            step = len(history(config, kind)) * PROTOCOLS[kind.card].every
            if len(history(config, kind)) < epochs_of(config):
                print(f"{path.name}: only {step:,} steps so far, left out")
            else:
                kinds.append(kind)
    return sorted(kinds)


def history(config: Config, kind: Kind) -> list[dict[str, float]]:
    """What was counted during a training, up to the number of steps that is asked for."""
    facts = training.load(kind.path(config), kind.identity())[1]
    return facts["history"]["train"][: epochs_of(config)]


Rows = dict[tuple[int, int], dict[int, list[dict[str, float]]]]  # (z, K) → seed → the counts


def rows_of(config: Config, kinds: Sequence[Kind]) -> Rows:
    rows: Rows = {}
    for kind in kinds:
        rows.setdefault((kind.z, kind.unroll), {})[kind.seed] = history(config, kind)
    return rows


def results(rows: Rows) -> dict[tuple[int, int], list[tuple[float, float]]]:
    """Of each kind (mean over seeds, half of the 95 % interval) of `HEADS`."""

    def numbers(run: Sequence[dict[str, float]]) -> list[float]:
        end, way = run[-1], np.mean([part["reverse KL"] for part in run])
        return [end["modes"], 100 * end["quality"], end["reverse KL"], float(way)]

    return {key: [interval(column) for column in zip(*map(numbers, runs.values()))] for key, runs in rows.items()}


def show(config: Config, rows: Rows) -> None:
    protocol = PROTOCOLS[config.card]
    seeds = sorted({seed for runs in rows.values() for seed in runs})
    latents = sorted({z for z, _ in rows})
    print(f"\nprotocol {config.card!r}: {protocol.source}")
    print(card_of(protocol, epochs_of(config) * protocol.every, latents, ", ".join(map(str, seeds))))
    real = judge(protocol.draw(JUDGED, np.random.default_rng(0)).points, protocol)
    print("\n" + " " * 24 + "".join(f"{head:>20}" for head in HEADS) + "   seeds (mean ± 95 %)")
    numbers = (f"{real.reached}", f"{100 * real.quality:.1f}", f"{real.reverse_kl:.3f}")
    print(f"{'real data':24}" + "".join(f"{number:>20}" for number in numbers))
    for (z, unroll), values in results(rows).items():
        cells = (
            f"{mean:.{digits}f}" + ("" if math.isnan(half) else f" ± {half:.{digits}f}")
            for (mean, half), digits in zip(values, (1, 1, 3, 3))
        )
        label = f"{'GAN' if unroll == 0 else f'Unrolled, K = {unroll}'}, z {z}-D"
        print(f"{label:24}" + "".join(f"{cell:>20}" for cell in cells) + f"   {len(rows[z, unroll])}")


# ---------------------------------------------------------------------------------------------------------- pictures
def name_of(z: int, unroll: int, several: bool) -> str:
    return ("GAN" if unroll == 0 else f"K = {unroll}") + (f", z {z}-D" if several else "")


def draw_counts(config: Config, rows: Rows, title: str, path: Path) -> Path:
    """Modes, quality and reverse KL over the steps: the mean over seeds, and each of them."""
    protocol, several = PROTOCOLS[config.card], len({z for z, _ in rows}) > 1
    figure, panels = plotting.panels((4.2,) * 3, 3.6, title)
    for axes, (name, label) in zip(panels, COLUMNS.items()):
        for i, ((z, unroll), runs) in enumerate(rows.items()):
            values = np.array([[100 ** (name == "quality") * part[name] for part in run] for run in runs.values()])
            steps = protocol.every * np.arange(1, values.shape[1] + 1)
            axes.plot(steps, values.T, color=f"C{i}", alpha=0.25, linestyle="-", linewidth=0.8)
            axes.plot(steps, values.mean(0), color=f"C{i}", label=name_of(z, unroll, several))
        axes.set(xlabel="steps of G", ylabel=label)
    panels[0].set_ylim(0, 1.05 * len(protocol.means()))
    panels[1].set_ylim(0, 102)
    panels[2].set_ylim(bottom=0)
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside right center")
    return plotting.save(figure, path)


def draw_samples(config: Config, kinds: Sequence[Kind], title: str, folder: Path) -> list[Path]:
    """The samples of the first seed of each kind, side by side: at the end, and as a film."""
    first = {(kind.z, kind.unroll): kind for kind in reversed(kinds)}
    chosen = [first[key] for key in dict.fromkeys((kind.z, kind.unroll) for kind in kinds)]
    films = [frames_of(config, kind) for kind in chosen]
    limit = PROTOCOLS[config.card].every * epochs_of(config)
    shown = sorted({int(step) for film in films for step in film if int(step) <= limit})
    protocol, several = PROTOCOLS[config.card], len({kind.z for kind in chosen}) > 1
    real, _, means = protocol.draw(SHOWN, np.random.default_rng(0))
    figure, panels = plotting.panels((2.9,) * (len(chosen) + 1), 3.5, title)
    panels[0].scatter(real[:, 0], real[:, 1], s=5, color="0.4", linewidths=0)
    panels[0].set_title("real data")
    clouds = []
    for axes, kind in zip(panels[1:], chosen):
        axes.scatter(means[:, 0], means[:, 1], s=90, facecolors="none", edgecolors="0.6")
        clouds.append(axes.scatter([], [], s=5, color="C1", linewidths=0))
        axes.set_title(name_of(kind.z, kind.unroll, several))
    reach = float(means.max())
    edge, ticks = reach + float(np.linalg.norm(means[1] - means[0])), (-reach, 0, reach)  # a mode's room all around
    for axes in panels:
        axes.set(xlim=(-edge, edge), ylim=(-edge, edge), aspect="equal", xticks=ticks, yticks=ticks)

    def frame(i: int) -> None:
        for axes, film, cloud in zip(panels[1:], films, clouds):
            axes.set_xlabel(f"after {shown[i]:,} steps")
            past = [int(step) for step in film if int(step) <= shown[i]]
            cloud.set_offsets(film[str(max(past))] if past else np.zeros((0, 2)))

    frame(len(shown) - 1)
    still = plotting.save(figure, folder / "samples.png")
    return [still, plotting.film(figure, frame, len(shown), folder / "samples.gif")]


# -------------------------------------------------------------------------------------------------------------- main
def main(config: Config) -> None:
    """Train what is asked for, or find what is finished; count, draw."""
    kinds = finished(config) if config.collect else asked_for(config)
    if not kinds:
        raise SystemExit(f"demos.mode_collapse: nothing is finished by the card {config.card!r} in {config.folder()}")
    if not config.collect:
        for kind in kinds:
            learn(config, kind)
    rows, folder = rows_of(config, kinds), config.folder()
    show(config, rows)
    protocol = PROTOCOLS[config.card]
    title = f"{protocol.law.name}, protocol {config.card!r}, {epochs_of(config) * protocol.every:,} steps"
    with plotting.style():
        counts = draw_counts(config, rows, f"{title}: each seed, and the mean", folder / "modes.png")
        tell(counts, *draw_samples(config, kinds, f"{title}, seed {kinds[0].seed}", folder))
    told = (
        f"{name_of(*key, len({z for z, _ in rows}) > 1)} {modes:.1f} ({way:.3f})"
        for key, ((modes, _), _, _, (way, _)) in results(rows).items()
    )
    of = f"modes reached of {len(protocol.means())}"
    print(f"C-MODE, {of} (and the reverse KL's mean on the way): {', '.join(told)}")


if __name__ == "__main__":
    start(Config, main)
