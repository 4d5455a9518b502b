"""What a latent space is like (S0, lines 1024–1059; S4, lines 354–366): how many dimensions, and what lies where.

python -m demos.latent_space

C-DIM: VAEs with 2, 5, 10 and 20 latent dimensions (잠재 차원) side by side, and how far their samples are from real
digits. C-MANI: the plane of the first, and which digit lies where in it. Then two walks in 20 dimensions: from one
digit to another, and along a direction that stands for an attribute.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, ClassVar

import numpy as np
from scipy.ndimage import label as connected
from scipy.special import ndtri

from scratchgen import backend, no_grad, optim, plotting, training
from scratchgen.data import binarize
from scratchgen.evaluation import slant
from scratchgen.models.classifier import MLPClassifier
from scratchgen.models.latent import VAE
from scratchgen.models.latent.terms import active_units

from . import autoencoder
from .options import Images, Options, interval, load_images, start, tell, to
from .vae import begin_at_the_mean, loss_of

DIMENSIONS = (2, 5, 10, 20)  # as in the lecture, from figure 5 of Kingma and Welling 2013
DRAWS = 10  # of z per test image
SHOWN = 1000  # test digits at most, and as many samples
SIDE = 20  # of the grid in the plane
NEIGHBOURS = 10  # that vote for a class
PAIRS = 500  # of digits, between which one walks
WALK = np.linspace(0, 1, 9)


@dataclass
class Config(Options):
    """Trains VAEs with 2, 5, 10 and 20 latent dimensions; draws samples, the plane, and walks between digits."""

    epochs: Annotated[int | None, "passes over the data (default: 20 bundled, 2 with the complete MNIST)"] = None
    batch_size: Annotated[int, "images per step"] = 100
    lr: Annotated[float, "Adam's learning rate at the beginning; it falls to 0 along a cosine"] = 8e-3
    hidden: Annotated[int, "hidden units of encoder and decoder"] = 200
    seeds: Annotated[int, "trainings of each, at least 2: first weights, minibatches, noise"] = 3

    NAME: ClassVar[str] = "latent_space"
    QUICK: ClassVar[dict[str, Any]] = {"epochs": 8, "hidden": 100, "seeds": 2}


# ---------------------------------------------------------------------------------------------------------- training
def learn(config: Config, images: Images, latent: int, seed: int) -> VAE:
    """One VAE, with the weights of its best epoch on fixed bits of the validation images."""
    rng = np.random.default_rng(seed)
    model = VAE(784, config.hidden, latent, rng=rng)
    begin_at_the_mean(model, images.train[0])
    model.to(config.device)
    epochs = config.epochs or (2 if images.complete else 20)
    schedule = optim.cosine_decay(epochs)

    def cool(run: training.Run) -> None:
        run.optimizer.lr = config.lr * schedule(run.epoch)

    path = config.folder() / f"vae-{latent}-{seed}.npz"
    run = training.train(
        training.Run(model, optim.Adam(model.parameters(), lr=config.lr), rng),
        loss_of(model),
        to(config.device, images.train[0]),
        validation=to(config.device, binarize(images.validation[0], "static")),
        epochs=epochs,
        batch_size=config.batch_size,
        workers=config.workers,
        callbacks=[cool],
        checkpoint=path,
        config=config.identity(latent=latent, run=seed, epochs=epochs, data=images.name),
        resume=config.resumes(path),
        title=f"{latent} latent dimensions, seed {seed}",
    )
    model.load_state_dict(run.best)
    return model


class Codes:
    """A model as functions of plain arrays: bits → posterior means, codes → images."""

    def __init__(self, model: VAE, device: str) -> None:
        self.model, self.device = model, device

    def encode(self, bits: np.ndarray) -> np.ndarray:
        with no_grad():
            return self.model.encode(*to(self.device, bits)).mean.numpy()

    def decode(self, z: np.ndarray) -> np.ndarray:
        with no_grad():
            return self.model.decode(*to(self.device, z.astype(np.float32))).mean.numpy()


# --------------------------------------------------------------------------------------- C-DIM: how many dimensions
UNITS = {"ELBO": "nats", "reconstruction": "nats", "KL": "nats", "KL per dimension": "nats", "clear": "%"}
COLUMNS = ("ELBO", "reconstruction", "KL", "KL per dimension", "active units", "Fréchet distance", "clear")


def learn_to_judge(config: Config, images: Images) -> autoencoder.Judge:
    """A classifier in whose features samples are compared with real digits."""
    classifier = autoencoder.learn(
        replace(config, lr=autoencoder.Config.lr), images, "classifier", lambda rng: MLPClassifier(784, 100, rng=rng)
    )
    return autoencoder.Judge(classifier.model, images.train[0], config.device)


def sampled(model: VAE, judge: autoencoder.Judge, seed: int) -> dict[str, float]:
    """Squared Fréchet distance of samples from the real training digits; and how many, in %, the judge is sure to be
    able to read. They are the means of p(x|z), as they are drawn."""
    x = backend.to_host(model.sample(SHOWN, np.random.default_rng(seed), mean=True))
    return {"Fréchet distance": judge.distance(x), "clear": 100 * float((judge.reads(x)[1] > 0.9).mean())}


def measure(model: VAE, x: Any, seed: int) -> dict[str, float]:
    """The ELBO of test bits and its two terms, in nats per image, and how many latent dimensions are in use."""
    rng = np.random.default_rng(seed)
    with no_grad():
        means = backend.to_host(model.encode(x).mean.data)
        terms = [model.elbo(x, backend.normal(rng, (len(x), model.latent), like=x)) for _ in range(DRAWS)]
    reconstruction = float(np.mean([term.reconstruction.numpy().mean(dtype=np.float64) for term in terms]))
    kl = float(terms[0].kl.numpy().mean(dtype=np.float64))
    return {
        "ELBO": -reconstruction - kl,
        "reconstruction": reconstruction,
        "KL": kl,
        "KL per dimension": kl / model.latent,
        "active units": float(active_units(means).sum()),
    }


def tell_dimensions(rows: dict[int, dict[str, list[float]]], seeds: int) -> None:
    """The table, and what each step to more dimensions changes."""
    print(f"\n{'latent':>6}" + "".join(f"{name:>20}" for name in COLUMNS) + f"   mean ± 95 % over {seeds} seeds")
    for latent, row in rows.items():
        cells = ["{:.2f} ± {:.2f}".format(*interval(row[name])) for name in COLUMNS]
        print(f"{latent:6}" + "".join(f"{cell:>20}" for cell in cells))
    for fewer, more in itertools.pairwise(rows):
        steps = {name: [b - a for a, b in zip(rows[fewer][name], rows[more][name])] for name in COLUMNS}
        changes = ("{} {:+.2f} ± {:.2f}".format(name, *interval(values)) for name, values in steps.items())
        print(f"  {fewer} → {more}: " + ", ".join(changes))


# ------------------------------------------------------------------------------------ C-MANI: which digit lies where
def vote(points: np.ndarray, codes: np.ndarray, labels: np.ndarray, itself: bool = False) -> np.ndarray:
    """The class of each point (M,): that of most of its nearest codes; of all but the very nearest, which is the point
    itself, where the points are the codes."""
    squares = (points**2).sum(1)[:, None] - 2 * points @ codes.T + (codes**2).sum(1)
    if itself:
        np.fill_diagonal(squares, np.inf)
    nearest = labels[np.argpartition(squares, NEIGHBOURS, axis=1)[:, :NEIGHBOURS]]
    return (nearest[:, :, None] == np.arange(10)).sum(1).argmax(1)


def regions(classes: np.ndarray) -> int:
    """Into how many connected regions a map (H, W) of classes falls."""
    return sum(connected(classes == digit)[1] for digit in np.unique(classes))


def tell_plane(codes: Codes, x: np.ndarray, labels: np.ndarray, config: Config) -> Path:
    """Numbers for "similar digits lie beside each other", each with what chance would give; and the picture."""
    z, rng = codes.encode(x), np.random.default_rng(config.seed)
    quantiles = ndtri((np.arange(SIDE) + 0.5) / SIDE)
    grid = np.stack(np.meshgrid(quantiles, quantiles), -1).reshape(-1, 2)
    agreement, error = share(vote(z, z, labels, itself=True) == labels)
    pixels, _ = share(vote(x, x, labels, itself=True) == labels)
    shuffled = [rng.permutation(labels) for _ in range(20)]
    chance = 100 * np.mean([vote(z, z, some, itself=True) == some for some in shuffled])
    pieces = regions(vote(grid, z, labels).reshape(SIDE, SIDE))
    by_chance = np.mean([regions(vote(grid, z, some).reshape(SIDE, SIDE)) for some in shuffled])

    made = codes.decode(grid).reshape(SIDE, SIDE, -1)
    beside = np.concatenate([np.diff(made, axis=axis).reshape(-1, 784) for axis in (0, 1)])
    some, others = (made.reshape(SIDE * SIDE, -1)[rng.permutation(SIDE * SIDE)] for _ in range(2))
    step, far = (float((change**2).sum(1).mean()) for change in (beside, some - others))
    print(
        f"\nC-MANI: {len(x):,} test digits at their posterior means in the plane.\n"
        f"  {agreement:.1f} ± {error:.1f} % of them are what most of their {NEIGHBOURS} nearest neighbours are "
        f"(by chance {chance:.1f} %, by all 784 pixels {pixels:.1f} %)\n"
        f"  the map of classes on the {SIDE}×{SIDE} grid has {pieces} connected regions for "
        f"{len(np.unique(vote(grid, z, labels)))} classes (with shuffled labels {by_chance:.0f})\n"
        f"  squared distance of neighbouring images of the grid {step:.2f}, of any two {far:.1f}"
    )
    title = f"VAE, 2 latent dimensions, seed {config.seed}; {agreement:.0f} % of the test digits lie among their own"
    return plotting.save(
        plotting.latent_plane(codes.decode, SIDE, title, z, labels), config.folder() / "latent_plane.png"
    )


def share(hits: np.ndarray) -> tuple[float, float]:
    """How many are true, in %, and half of the 95 % interval over images."""
    mean, half = interval(100.0 * hits)
    return mean, half


# ------------------------------------------------------------------------------------------- walks in the latent space
def tell_walks(codes: Codes, images: Images, test: tuple[np.ndarray, ...], config: Config) -> Path:
    """From one digit to another of another class: in a straight line in z, and in pixels."""
    x, bits, labels = test
    rng = np.random.default_rng(config.seed)
    first, second = rng.integers(0, len(x), (2, 20 * PAIRS))
    kept = np.flatnonzero(labels[first] != labels[second])[:PAIRS]
    a, b = codes.encode(bits[first[kept]]), codes.encode(bits[second[kept]])
    ends = codes.decode(a), codes.decode(b)
    middle = {"in z": codes.decode((a + b) / 2), "in pixels": (ends[0] + ends[1]) / 2, "the ends": ends[0]}
    away = {name: to_nearest(made, images.train[0]) for name, made in middle.items()}
    gain, half = interval(away["in pixels"] - away["in z"])
    told = ", ".join("{}: {:.1f} ± {:.1f}".format(name, *interval(values)) for name, values in away.items())
    print(
        f"\nHalfway between {len(kept)} pairs of decoded digits of two classes, in {a.shape[1]} latent dimensions:\n"
        f"  squared distance to the nearest training digit {told}\n"
        f"  halfway in z is nearer to a digit than halfway in pixels by {gain:.1f} ± {half:.1f}"
    )
    rows = np.arange(8)
    in_z = [codes.decode((1 - t) * a[rows] + t * b[rows]) for t in WALK]
    in_pixels = [(1 - t) * ends[0][rows] + t * ends[1][rows] for t in WALK]
    groups = {
        "a straight line in z, decoded": np.stack(in_z, 1).reshape(-1, 784),
        "a straight line in pixels": np.stack(in_pixels, 1).reshape(-1, 784),
    }
    title = f"between two test digits, {a.shape[1]} latent dimensions, seed {config.seed}"
    return plotting.save(plotting.comparison(groups, len(WALK), title), config.folder() / "interpolation.png")


def to_nearest(made: np.ndarray, real: np.ndarray) -> np.ndarray:
    """Squared distance (N,) of each image from the nearest real one."""
    return ((made**2).sum(1)[:, None] - 2 * made @ real.T + (real**2).sum(1)).min(1)


def ink(x: np.ndarray) -> np.ndarray:
    """How much is black, in pixels (N,): the zeroth moment of an image."""
    return x.sum(1, dtype=np.float64)


ATTRIBUTES = {"slant": slant, "ink": ink}


def direction(z: np.ndarray, values: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Mean code of the fifth with the highest values less that of the lowest, within each class, then over classes: so
    that it says nothing of the class."""
    differences = []
    for digit in np.unique(labels):
        ranked = z[labels == digit][np.argsort(values[labels == digit])]
        fifth = max(1, len(ranked) // 5)
        differences.append(ranked[-fifth:].mean(0) - ranked[:fifth].mean(0))
    return np.mean(differences, 0)


def tell_arithmetic(codes: Codes, images: Images, test: tuple[np.ndarray, ...], config: Config) -> Path:
    """z ± ½ (mean of the much − mean of the little): does the attribute follow, and does the digit stay?"""
    train, labels = images.train
    z = codes.encode(binarize(train, "static"))
    _, bits, test_labels = test
    here = codes.encode(bits)
    print(
        "\nLatent arithmetic: half of the difference of means added to the codes of test digits, or taken from them;\n"
        f"{'along':>7}" + "".join(f"{'change of ' + name:>20}" for name in ATTRIBUTES) + "   still that digit, %"
    )
    groups = {}
    for name, attribute in ATTRIBUTES.items():
        way = direction(z, attribute(train), labels)
        low, middle, high = (codes.decode(here + t * way) for t in (-0.5, 0.0, 0.5))
        cells = ["{:+.3f} ± {:.3f}".format(*interval(f(high) - f(low))) for f in ATTRIBUTES.values()]
        kept = [vote(made, train, labels) == test_labels for made in (low, middle, high)]
        told = ", ".join(f"{100 * hits.mean():.1f}" for hits in kept)
        print(f"{name:>7}" + "".join(f"{cell:>20}" for cell in cells) + f"   {told} at −½, 0, +½")
        steps = [codes.decode(here[:8] + t * way) for t in np.linspace(-1, 1, 9)]
        groups[f"{name}: from −1 to +1"] = np.stack(steps, 1).reshape(-1, 784)
    title = f"test digits moved along a difference of means, {z.shape[1]} latent dimensions, seed {config.seed}"
    return plotting.save(plotting.comparison(groups, 9, title), config.folder() / "arithmetic.png")


# -------------------------------------------------------------------------------------------------------------- main
def main(config: Config) -> None:
    """Train all, tell, draw."""
    if config.seeds < 2:
        raise SystemExit("demos.latent_space: an interval needs --seeds 2 or more")
    images = load_images(config)
    bits = binarize(images.test[0], "static")
    (x,) = to(config.device, bits)
    judge = learn_to_judge(config, images)
    models, rows = {}, {}
    for latent in DIMENSIONS:
        trained = [learn(config, images, latent, seed) for seed in range(config.seed, config.seed + config.seeds)]
        measured = [measure(model, x, config.seed) | sampled(model, judge, config.seed) for model in trained]
        models[latent] = trained[0]
        rows[latent] = {name: [numbers[name] for numbers in measured] for name in COLUMNS}
    tell_dimensions(rows, config.seeds)
    real, sure = judge.distance(images.test[0][:SHOWN]), 100 * (judge.reads(images.test[0])[1] > 0.9).mean()
    print(
        f"  Fréchet distance: squared, of {SHOWN:,} samples of the prior from training digits; of real test digits "
        f"{real:.2f}.\n  Clear: the share that a classifier reads with a probability above 0.9, in %; of real "
        f"test digits {sure:.1f}."
    )

    rng = np.random.default_rng(config.seed)
    chosen = rng.permutation(len(bits))[:SHOWN]
    test = (images.test[0][chosen], bits[chosen], images.test[1][chosen])
    plane, many = (Codes(models[latent], config.device) for latent in (DIMENSIONS[0], DIMENSIONS[-1]))
    folder, sizes = config.folder(), f"784–{config.hidden}–d–{config.hidden}–784"
    title = f"{sizes}, seed {config.seed}"
    samples = {
        f"{d} dimensions, ELBO {rows[d]['ELBO'][0]:.1f}": backend.to_host(model.sample(64, rng, mean=True))
        for d, model in models.items()
    }
    dots = {
        f"{name} ({UNITS[name]})" if name in UNITS else name: {f"{d}": row[name] for d, row in rows.items()}
        for name in COLUMNS
        if name not in ("reconstruction", "KL")
    }
    pictures = [
        plotting.save(
            plotting.comparison(samples, 8, f"means of p(x|z), z from the prior: {title}"), folder / "samples.png"
        ),
        plotting.save(
            plotting.dots(dots, f"by the number of latent dimensions: {sizes}, {config.seeds} seeds"),
            folder / "dimensions.png",
        ),
        tell_plane(plane, test[1], test[2], config),
        tell_walks(many, images, test, config),
        tell_arithmetic(many, images, test, config),
    ]
    tell(*pictures)
    gains = []
    for fewer, more in itertools.pairwise(DIMENSIONS):
        each = [(b - a) / (more - fewer) for a, b in zip(rows[fewer]["ELBO"], rows[more]["ELBO"])]
        gains.append("{:.2f} ± {:.2f} from {} to {}".format(*interval(each), fewer, more))
    print(
        f"C-DIM ({images.name}, 95 % over {config.seeds} seeds): each further dimension adds to the ELBO, in nats, "
        f"{', '.join(gains)}"
    )


if __name__ == "__main__":
    start(Config, main)
