"""A GAN on real digits (S0, lines 1275–1500): what G makes, the loss curves beside it, and what a monitor says of them.

python -m demos.gan                   the lecture's networks, 64–256–784 against 784–256–1; about 2 minutes on 2 cores
python -m demos.gan --model dcgan     convolutions
python -m demos.gan --pretrained      pictures and numbers in seconds, from weights that come with the demo
python -m demos.gan --hidden 4 --lr 1e-3 --epochs 100
                                      collapses: as many as 1.1 of ten classes are left; a minute or two

S0 shows made digits at epochs 45, 180 and 450 with the losses of D and G, and asks how one is to see the best state of
a training. Not by the losses: they say how the players compare, and not how good both are. So a classifier counts what
is made (2s and 3s only? C-2v3), the Fréchet distance of samples from training digits says which epoch was best, and a
monitor looks at the rest: see derivations/22-metrics.md.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import numpy as np

from scratchgen import backend, optim, plotting, training
from scratchgen.evaluation import Diagnosis, Monitor, class_shares, spread
from scratchgen.models.adversarial import (
    GAN,
    OBJECTIVES,
    R1,
    DCDiscriminator,
    DCGenerator,
    GradientPenalty,
    MLPDiscriminator,
    MLPGenerator,
)

from .autoencoder import Judge
from .conditional import OURS, Facts, card, export, facts_of, learn_judge, pixels, pretrained
from .options import Images, Options, load_images, start, tell, to

PENALTIES: dict[str, Any] = {"none": None, "R1": R1(), "gradient penalty": GradientPenalty()}
EVERY = 40  # of D's steps between two looks of the monitor
WINDOW = 30  # looks that a diagnosis is about
JUDGED = 200  # samples at each look
MEASURED = 1000  # samples behind each Fréchet distance and the numbers at the end, and as many test digits
ROWS = 8  # of samples in a picture, and columns
FRAMES = 40  # of the film, at most
SHOWN = (0.1, 0.4, 1.0)  # of the training: S0's epochs 45, 180 and 450


@dataclass
class Config(Options):
    """Trains a GAN on digits; draws samples over the epochs beside the losses, and says how the training went."""

    model: Annotated[Literal["mlp", "dcgan"], "the lecture's layers, or convolutions"] = "mlp"
    epochs: Annotated[int | None, "passes over the data (default: 200, of a DCGAN 20; MNIST complete: 20 and 2)"] = None
    batch_size: Annotated[int, "images per step"] = 100
    lr: Annotated[float | None, "Adam's learning rate, for both players (default: 2e-4, of a DCGAN 1e-3)"] = None
    latent: Annotated[int, "dimensions of z"] = 64
    hidden: Annotated[int, "hidden units of the MLPs"] = 256
    channels: Annotated[int, "of the DCGAN at half the size; twice as many at a quarter"] = 16
    objective: Annotated[
        Literal["minimax", "non-saturating", "least squares", "wasserstein"], "what the players minimise"
    ] = "non-saturating"
    penalty: Annotated[Literal["none", "R1", "gradient penalty"], "on D's slope"] = "none"
    clip: Annotated[float | None, "hold D's weights in [−clip, clip]"] = None
    steps: Annotated[int, "D's steps for each of G's"] = 1
    pretrained: Annotated[bool, "use the weights that come with the demo instead of training"] = False
    export: Annotated[Path | None, "write the weights to this file, small, with their recipe"] = None

    NAME: ClassVar[str] = "gan"
    QUICK: ClassVar[dict[str, Any]] = {"epochs": 20, "channels": 6, "lr": 1e-3}


RECIPE = (
    "model", "latent", "hidden", "channels", "objective", "penalty", "clip", "steps", "epochs", "batch_size", "lr",
    "seed",
)  # fmt: skip


# ---------------------------------------------------------------------------------------------------------- training
def make(config: Config) -> GAN:
    rng, channels = np.random.default_rng(config.seed), (config.channels, 2 * config.channels)
    G: Any
    D: Any
    if config.model == "dcgan":
        G = DCGenerator(config.latent, channels, rng=rng)
        D = DCDiscriminator(channels, norm=config.penalty == "none", rng=rng)
    else:
        G = MLPGenerator(config.latent, (config.hidden,), rng=rng)
        D = MLPDiscriminator(hidden=(config.hidden,), rng=rng)
    return GAN(G, D, config.objective, penalty=PENALTIES[config.penalty], clip=config.clip, steps=config.steps)


def as_made(config: Config, x: np.ndarray) -> np.ndarray:
    """Rows in [0, 1] as G makes them: in [−1, 1], of a DCGAN as images."""
    return (2 * x - 1).reshape(-1, 1, 28, 28) if config.model == "dcgan" else 2 * x - 1


def learn(config: Config, images: Images, judge: Judge) -> training.Run:
    """Train; look now and then, and keep samples on the way, with their Fréchet distance from training digits. Looks
    and distances are part of the history; they draw from random generators of their own, and leave the training's."""
    gan = make(config).to(config.device)
    (x,) = to(config.device, as_made(config, images.train[0]))
    players = (optim.Adam(p.parameters(), config.lr, betas=(0.5, 0.999)) for p in (gan.discriminator, gan.generator))
    run = training.Run(gan, training.Players(*players), np.random.default_rng(config.seed))
    run.history |= {"looks": [], "distances": []}
    path = config.folder() / f"{config.model}.npz"
    if not config.resumes(path):
        film(config).unlink(missing_ok=True)

    def step(run: training.Run, game: GAN, batch: Sequence[Any], crew: Any) -> training.loop.Metrics:
        metrics = training.play(run, game, batch, crew)
        if "G" in metrics and (run.step + 1) % EVERY < game.steps:  # the first of G's steps after EVERY of D's
            run.history["looks"].append(look(run, metrics, judge, x[:MEASURED]))
        return metrics

    def keep(run: training.Run) -> None:
        if run.epoch % math.ceil(config.epochs / FRAMES) == 0 or run.epoch == config.epochs:
            samples = made(run.model, MEASURED, config.seed)
            run.history["distances"].append({"epoch": run.epoch, "d²": judge.distance(samples)})
            frames = frames_of(config) | {str(run.epoch): samples[: ROWS**2].astype(np.float16)}
            training.save(film(config), {"samples": frames}, {}, recipe(config))

    training.train(
        run,
        gan,
        [x],
        step=step,
        epochs=config.epochs,
        batch_size=config.batch_size,
        workers=1 if config.model == "dcgan" else config.workers,  # batch norm sees whole minibatches
        callbacks=[keep],
        checkpoint=path,
        config=recipe(config) | {"data": images.name, "workers": config.workers},
        resume=config.resumes(path),
        title=name(config),
    )
    gan.eval()
    return run


def made(gan: GAN, n: int, seed: int) -> np.ndarray:
    """n samples as rows in [0, 1], always from the same z."""
    return pixels(gan.sample(n, np.random.default_rng([seed, 2])))


def recipe(config: Config) -> dict[str, Any]:
    return {name: getattr(config, name) for name in RECIPE if name != "epochs"}


def film(config: Config) -> Path:
    return config.folder() / f"{config.model}.film"


def frames_of(config: Config) -> dict[str, np.ndarray]:
    """The samples that were kept on the way, by their epoch."""
    return training.load(film(config), recipe(config))[0]["samples"] if film(config).exists() else {}


# ----------------------------------------------------------------------------------------------------------- looking
def look(run: training.Run, metrics: dict[str, Any], judge: Judge, x: Any) -> dict[str, Any]:
    """What a monitor is told after this step, as plain numbers, and how many classes there are; `x` is real data."""
    gradients = [p.grad.data for p in run.optimizer.generator.parameters]
    samples = made(run.model, JUDGED, run.step)
    labels, _ = judge.reads(samples)
    return {
        "step": run.step + 1,
        "metrics": {key: float(backend.host_scalar(value)) for key, value in metrics.items()},
        "gradient": math.sqrt(sum(float(backend.host_scalar(np.vdot(g, g))) for g in gradients)),
        "shares": np.bincount(labels, minlength=10).tolist(),
        "classes": class_shares(labels, 10).effective,
        "spread": spread(samples, (x.reshape(len(x), -1) + 1) / 2),
    }


def diagnose(looks: Sequence[dict[str, Any]], step: int, objective: str = "non-saturating") -> Diagnosis:
    """What the monitor says after that step."""
    monitor = Monitor(WINDOW, objective)
    for seen in looks:
        if seen["step"] <= step:
            monitor.watch(**{name: value for name, value in seen.items() if name not in ("step", "classes")})
    return monitor.diagnose()


def best(run: training.Run) -> dict[str, Any]:
    """The epoch whose samples were nearest to the training digits, of those that were kept. Neither loss knows it."""
    return min(run.history["distances"], key=lambda kept: kept["d²"])


def show_numbers(config: Config, images: Images, judge: Judge, gan: GAN, facts: Facts) -> None:
    """What the classifier says of samples, and of as many test digits; with the protocol."""
    samples, real = made(gan, MEASURED, config.seed), images.test[0][:MEASURED]
    print(f"\n{'':14}{'Fréchet d²':>11}{'judge sure, %':>15}{'classes (≤ 10)':>16}{'spread':>9}")
    for what, x in {"samples": samples, "test digits": real}.items():
        labels, sure = judge.reads(x)
        print(
            f"{what:14}{judge.distance(x):11.1f}{100 * sure.mean():15.1f}{class_shares(labels, 10).effective:16.1f}"
            f"{spread(x, real):9.2f}"
        )
    D, G = (sum(p.size for p in player.parameters()) for player in (gan.discriminator, gan.generator))
    cures = [config.penalty] * (config.penalty != "none") + [f"D clipped at {config.clip}"] * (config.clip is not None)
    protocol = card(
        config,
        images,
        facts,
        z=f"{config.latent} dimensions, N(0, I)",
        objective=f"{', '.join([config.objective, *cures])}; G of {G:,} and D of {D:,} weights",
        samples=f"{MEASURED:,}; {OURS}",
    )
    print(protocol, end="\n\n")


# ---------------------------------------------------------------------------------------------------------- pictures
def draw(config: Config, images: Images, run: training.Run) -> list[Path]:
    """Samples of three epochs, from the same z, beside the losses and the looks; and all of it as a film."""
    frames = {int(epoch): x.astype(np.float32) for epoch, x in frames_of(config).items() if int(epoch) <= run.epoch}
    shown = [min(frames, key=lambda epoch: abs(epoch - share * run.epoch)) for share in SHOWN]
    title = f"{name(config)}, {config.objective}, {images.name}, seed {config.seed}: the same z all the time"
    figure, (*grids, losses, looks) = plotting.panels((2.7,) * (len(shown) + 1) + (4.2, 4.2), 3.3, title)
    for axes, epoch in zip(grids, shown):
        sheet(axes, frames[epoch], f"G at epoch {epoch}")
    sheet(grids[-1], images.test[0][: ROWS**2], "test digits")
    draw_losses(losses, config, run)
    draw_looks(looks, run)
    for axes in (losses, looks):
        for epoch in shown:
            axes.axvline(epoch, color="0.6", linewidth=0.8, linestyle=":")
    still = plotting.save(figure, config.folder() / "training.png")

    epochs = sorted(frames)
    figure, (grid, losses, looks) = plotting.panels((3.6, 4.4, 4.4), 4.0, f"{name(config)}, seed {config.seed}")
    picture = sheet(grid, frames[epochs[0]], "")
    whole = [(line, *line.get_data()) for line in draw_losses(losses, config, run) + draw_looks(looks, run)]
    markers = [axes.axvline(epochs[0], color="0.6", linewidth=0.8, linestyle=":") for axes in (losses, looks)]

    def frame(i: int) -> None:
        grid.set_title(f"G at epoch {epochs[i]}")
        picture.set_data(plotting.tiles(frames[epochs[i]].reshape(-1, 28, 28), ROWS))
        for marker in markers:
            marker.set_xdata([epochs[i]] * 2)
        for line, x, y in whole:
            so_far = np.asarray(x) <= epochs[i]
            line.set_data(np.asarray(x)[so_far], np.asarray(y)[so_far])

    return [still, plotting.film(figure, frame, len(epochs), config.folder() / "training.gif")]


def sheet(axes: Any, images: np.ndarray, title: str) -> Any:
    """Images (N, 784) in rows of `ROWS`."""
    axes.set_title(title)
    axes.axis("off")
    return axes.imshow(plotting.tiles(images.reshape(-1, 28, 28), ROWS), cmap="gray_r", vmin=0, vmax=1)


def draw_losses(axes: Any, config: Config, run: training.Run) -> list[Any]:
    """D's and G's by the epoch, and D's where it can only guess; beside them how far samples are from real digits."""
    lines = [axes.plot(range(1, run.epoch + 1), curve(run, player), label=player)[0] for player in "DG"]
    if guessing := OBJECTIVES[config.objective].guessing:
        axes.axhline(guessing, color="C0", linewidth=0.8, linestyle=":", label="D if it only guessed")
    axes.set(xlabel="epoch", ylabel="loss, mean over the epoch")
    axes.locator_params(axis="x", integer=True)
    right, kept = axes.twinx(), run.history["distances"]
    distances = [k["d²"] for k in kept]
    lines += right.plot([k["epoch"] for k in kept], distances, "C4", label=f"d², least at epoch {best(run)['epoch']}")
    right.plot(best(run)["epoch"], best(run)["d²"], "o", color="C4", markersize=4)
    right.set(ylabel="Fréchet distance d²", yscale="log")
    handles = [line for side in (axes, right) for line in side.get_lines() if not line.get_label().startswith("_")]
    axes.legend(handles=handles, loc="lower center", bbox_to_anchor=(0.5, 1), ncols=2)
    return lines


def draw_looks(axes: Any, run: training.Run) -> list[Any]:
    """How many classes G makes, and how much its samples vary, by the epoch: of real digits 10, and 1."""
    looks = run.history["looks"]
    epochs = [seen["step"] * run.epoch / run.step for seen in looks]
    (classes,) = axes.plot(epochs, [seen["classes"] for seen in looks], "C2", label="classes")
    (width,) = axes.plot(epochs, [10 * seen["spread"] for seen in looks], "C3", label="spread")
    axes.axhline(10, color="0.4", linewidth=0.8, linestyle=":", label="of real digits")
    axes.set(xlabel="epoch", ylabel="classes, $e^H$", ylim=(0, None))
    axes.secondary_yaxis("right", functions=(lambda y: y / 10, lambda y: 10 * y)).set_ylabel("spread")
    axes.locator_params(axis="x", integer=True)
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1), ncols=3)
    return [classes, width]


def curve(run: training.Run, key: str) -> list[float]:
    return [metrics[key] for metrics in run.history["train"]]


def name(config: Config) -> str:
    if config.model == "dcgan":
        return f"DCGAN with {config.channels} and {2 * config.channels} channels"
    return f"GAN {config.latent}–{config.hidden}–784"


# -------------------------------------------------------------------------------------------------------------- main
def main(config: Config) -> None:
    """Train or load, measure, draw, diagnose."""
    images, convolutional = load_images(config), config.model == "dcgan"
    config.epochs = (
        config.epochs
        or {(False, False): 200, (False, True): 20, (True, False): 20, (True, True): 2}[images.complete, convolutional]
    )
    config.lr = config.lr or (1e-3 if convolutional else 2e-4)
    judge = learn_judge(config, images)
    if config.pretrained:
        gan, facts = pretrained(config, f"gan-{config.model}", lambda recipe: make(replace(config, **recipe)))
        config = replace(config, **facts["recipe"] | {"seed": config.seed})
        show_numbers(config, images, judge, gan, facts)
        groups = {"test digits": images.test[0][: ROWS**2], "made by G": made(gan, ROWS**2, config.seed)}
        title = f"{name(config)}, {config.objective}, {config.epochs} epochs, {facts['data']}"
        tell(plotting.save(plotting.comparison(groups, ROWS, title), config.folder() / "samples.png"))
        return
    run = learn(config, images, judge)
    facts = facts_of(config, run, RECIPE, images.name)
    if config.export:
        export(config.export, config, run, facts)
    show_numbers(config, images, judge, run.model, facts)
    with plotting.style():
        tell(*draw(config, images, run))
    nearest, last = best(run), run.history["distances"][-1]
    print(
        f"nearest to the training digits is epoch {nearest['epoch']} with d² {nearest['d²']:.1f};"
        f" epoch {last['epoch']}, the last, has {last['d²']:.1f}"
    )
    print(f"the monitor, of the last {WINDOW} looks, {EVERY} of D's steps apart:")
    for epoch in sorted({math.ceil(share * run.epoch) for share in SHOWN[1:]}):
        found = diagnose(run.history["looks"], epoch * run.step // run.epoch, config.objective)
        print(f"  at epoch {epoch}: {found}")


if __name__ == "__main__":
    start(Config, main)
