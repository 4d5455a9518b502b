"""How far is an image from an image? Doersch's figure 3 on real digits (S0, lines 761–775; claim C-MSE).

python -m demos.pixel_distance

A digit moved by one pixel is the same digit; a digit without a piece of its stroke may be another one. The squared
distance of pixels, which a Normal decoder turns into nats (Eq. 31.12), has it the other way round.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, NamedTuple

import numpy as np
from scipy import ndimage

from scratchgen import no_grad, optim, plotting, training
from scratchgen.models.latent import VAE, Autoencoder

from .few_labels import nearest
from .options import Images, Options, load_images, start, tell, to


@dataclass
class Config(Options):
    """Moves digits, erases a piece of each, and compares distances: of pixels, and of the codes of two models."""

    epochs: Annotated[int | None, "passes over the data (default: 15 bundled, 2 with the complete MNIST)"] = None
    batch_size: Annotated[int, "images per step"] = 128
    lr: Annotated[float, "Adam's learning rate"] = 2e-3
    hidden: Annotated[int, "hidden units of encoders and decoders"] = 200
    latent: Annotated[int, "numbers in a code"] = 20
    radius: Annotated[float, "of the round piece that is erased, in pixels"] = 3.0
    sigma: Annotated[float, "σ of the Normal decoder, in units of full ink"] = 0.25

    NAME: ClassVar[str] = "pixel_distance"
    QUICK: ClassVar[dict[str, Any]] = {"epochs": 4, "hidden": 100}


# ------------------------------------------------------------------------------------------- what is done to a digit
def moved(x: np.ndarray, down: int, right: int) -> np.ndarray:
    """Images (N, H, W), moved by whole pixels; what comes in is paper.

    What it costs: Eq. 31.13 (derivations/31-semi-supervised.md#eq-31-13).
    """
    _, height, width = x.shape
    room = max(abs(down), abs(right))
    padded = np.pad(x, ((0, 0), (room, room), (room, room)))
    return padded[:, room - down : room - down + height, room - right : room - right + width]


def moved_by_half(x: np.ndarray) -> np.ndarray:
    """Half a pixel down and half a pixel to the right, as in Doersch's figure: each pixel is the mean of four."""
    return (x + moved(x, 0, 1) + moved(x, 1, 0) + moved(x, 1, 1)) / 4


def erased(x: np.ndarray, radius: float, rng: np.random.Generator) -> np.ndarray:
    """Each image (N, H, W) without a round piece around one pixel of its ink, chosen at random."""
    out = x.copy()
    rows, columns = np.mgrid[: x.shape[1], : x.shape[2]]
    for image in out:
        ink = np.argwhere(image > 0.5)
        row, column = ink[rng.integers(len(ink))]
        image[(rows - row) ** 2 + (columns - column) ** 2 <= radius**2] = 0
    return out


MOVES = {
    "1 px sideways": lambda x: moved(x, 0, 1),
    "1 px down": lambda x: moved(x, 1, 0),
    "½ px down and sideways": moved_by_half,
    "2 px sideways": lambda x: moved(x, 0, 2),
    "2 px down": lambda x: moved(x, 2, 0),
}
FIRST = next(iter(MOVES))
RADII = (2.0, 3.0, 4.0)


def topology(x: np.ndarray) -> np.ndarray:
    """How many pieces of ink an image has, and how many of paper: (N, 2). A move changes neither."""
    around = np.ones((3, 3))  # ink holds together across corners, paper does not
    return np.array([(ndimage.label(i > 0.5, around)[1], ndimage.label(i <= 0.5)[1]) for i in x])


def distance(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Σ (a − b)² for each of N: of images or codes."""
    return ((a - b) ** 2).reshape(len(a), -1).sum(1)


def nats(squared: Any, sigma: float) -> Any:
    """d²/2σ²: what a squared distance costs under a Normal decoder of fixed σ.

    Eq. 31.12 (derivations/31-semi-supervised.md#eq-31-12)
    """
    return squared / (2 * sigma**2)


class Share(NamedTuple):
    """A share of the digits in %, and its 95 % interval."""

    percent: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.percent:.1f} ({self.low:.1f} … {self.high:.1f})"


def share(hits: np.ndarray) -> Share:
    """The share of booleans (N,) that are true, with Wilson's interval, which is honest near 0 % and 100 % too."""
    n, z = len(hits), 1.96
    p = float(hits.mean())
    middle = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return Share(100 * p, 100 * (middle - half), 100 * (middle + half))


# ------------------------------------------------------------------------------------------------- codes in its place
def learn(config: Config, images: Images, model: Any, name: str) -> Any:
    """Train one model; it ends with the weights of its best epoch."""
    model.to(config.device)
    path = config.folder() / f"{name}.npz"
    run = training.train(
        training.Run(model, optim.Adam(model.parameters(), lr=config.lr), np.random.default_rng(config.seed)),
        model.loss,
        to(config.device, images.train[0]),
        validation=to(config.device, images.validation[0]),
        epochs=config.epochs or (2 if images.complete else 15),
        batch_size=config.batch_size,
        workers=config.workers,
        checkpoint=path,
        config=config.identity(model=name, data=images.name),
        resume=config.resumes(path),
        title=name,
    )
    model.load_state_dict(run.best)
    return model


def encoders(config: Config, images: Images) -> dict[str, Any]:
    """Functions images (N, 28, 28) → rows (N, …) whose distance is measured."""
    rng = np.random.default_rng(config.seed)
    pixels = images.train[0].shape[1]
    autoencoder = learn(config, images, Autoencoder(pixels, config.hidden, config.latent, rng=rng), "autoencoder")
    vae = VAE(pixels, config.hidden, config.latent, "normal", config.sigma**2, rng=rng)
    vae = learn(config, images, vae, "vae")

    def codes(encode: Any) -> Any:
        def function(x: np.ndarray) -> np.ndarray:
            with no_grad():
                return encode(*to(config.device, x.reshape(len(x), -1))).numpy()

        return function

    return {
        "pixels": lambda x: x.reshape(len(x), -1),
        "codes of the autoencoder": codes(autoencoder.encode),
        "codes of the VAE": codes(lambda x: vae.encode(x).mean),
    }


def finds(queries: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """For each query whether its nearest row is the one of the same number: its own original."""
    return nearest(queries, rows, 1)[0][:, 0] == np.arange(len(queries))


def main(config: Config) -> None:
    """Measure distances, train the two models, measure again, draw."""
    images = load_images(config)
    x = images.test[0].reshape(-1, 28, 28)
    rng = np.random.default_rng(config.seed)
    print(
        "claim C-MSE: the distance of pixels is not that of the eye (S0, after Doersch): a moved digit is further away "
        "than a broken one"
    )
    before = topology(x)
    broken = {radius: erased(x, radius, rng) for radius in (*RADII, config.radius)}
    for radius in RADII:
        changed = share((topology(broken[radius]) != before).any(1))
        print(
            f"  a piece of radius {radius:g} px erased: d² {distance(x, broken[radius]).mean():.1f}; another number of "
            f"strokes or loops in {changed} %, as after no move"
        )
    print("  share of the digits whose moved copy is further away than the broken one, % (95 % interval):")
    print(f"  {'moved by':24}{'d²':>6}" + "".join(f"{f'radius {radius:g} px':>23}" for radius in RADII))
    for name, move in MOVES.items():
        d = distance(x, move(x))
        cells = (str(share(d > distance(x, broken[radius]))) for radius in RADII)
        print(f"  {name:24}{d.mean():6.1f}" + "".join(f"{cell:>23}" for cell in cells))

    same, other = MOVES[FIRST](x), broken[config.radius]
    further = share(distance(x, same) > distance(x, other))
    loss = nats(distance(x, same) - distance(x, other), config.sigma).mean()
    print(
        f"  A Normal decoder (σ = {config.sigma:g}) whose mean is the digit calls the broken copy more probable than "
        f"the one\n  moved by {FIRST}, by {loss:.0f} nats on the average: d²/2σ²"
    )
    bars: dict[str, Share] = {}
    lines = []
    for name, encode in encoders(config, images).items():
        here, there, apart = encode(x), encode(same), encode(other)
        bars[f"{name}: moved is further than broken"] = wrong = share(distance(here, there) > distance(here, apart))
        bars[f"{name}: moved finds its original"] = found = share(finds(there, here))
        bars[f"{name}: broken finds its original"] = share(finds(apart, here))
        lines.append(f"{name}: {wrong} % and {found} %")

    seed = f"seed {config.seed}"
    shown = np.random.default_rng(config.seed).choice(len(x), min(32, len(x)), replace=False)
    triples = np.stack([x[shown], other[shown], same[shown]], 1).reshape(-1, 28, 28)
    captions = [
        caption
        for b, c in zip(distance(x, other)[shown], distance(x, same)[shown])
        for caption in ("a", f"b {b:.0f}", f"c {c:.0f}")
    ]
    title = f"(a) digit; (b) a piece erased, radius {config.radius:g} px; (c) moved by {FIRST}; d² from (a); {seed}"
    summary = f"{len(x):,} digits; moved by {FIRST}, broken by {config.radius:g} px; {seed}"
    tell(
        plotting.save(plotting.image_grid(triples, 12, title, captions), config.folder() / "figure3.png"),
        plotting.save(
            plotting.bars(
                {name: bar.percent for name, bar in bars.items()},
                "share of the digits (%), 95 % intervals",
                summary,
                {name: (bar.high - bar.low) / 2 for name, bar in bars.items()},
            ),
            config.folder() / "shares.png",
        ),
    )
    print(f"the moved digit further than the broken one, and nearest to its own original among {len(x):,}:")
    print(*(f"  {line}" for line in lines), sep="\n")
    print(
        f"C-MSE {'holds' if further.low > 50 else 'does not hold'} for {further} % of {len(x):,} test digits of "
        f"{images.name}, moved by {FIRST} and broken by {config.radius:g} px; of the VAE's codes for {wrong} %"
    )


if __name__ == "__main__":
    start(Config, main)
