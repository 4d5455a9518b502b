"""The blind spot of PixelCNN (S0, lines 303–304): what it is, what it can cost, and what it costs on digits (C-BLIND).

python -m demos.blind_spot     one stack of masked convolutions against two; about 2 minutes on 2 cores
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar

import numpy as np
import scipy.stats

from scratchgen import backend, nn, no_grad, optim, plotting, training
from scratchgen import functional as F
from scratchgen.data import binarize, downsample
from scratchgen.evaluation import cone, receptive_field, window
from scratchgen.models.autoregressive import Autoregressive, GatedPixelCNN, PixelCNN

from .options import Images, Options, load_images, start, tell, to

POSITIONS = ((14, 14), (20, 7), (27, 0))  # on 28×28: in the middle, lower left, and the very corner
DEPTH = 30  # layers, the first one counted: enough to see everything that can be seen (Eq. 5.5)
SIDE, COIN, COPY = 6, (1, 5), (2, 0)  # of the planted images: a coin, and in raster order the very next pixel
DIGIT_SIDE, LAYERS = 14, 4


@dataclass
class Config(Options):
    """Draws what PixelCNN and Gated PixelCNN see, plants a pixel that only one of them sees, and compares on digits."""

    epochs: Annotated[int, "passes over the digits"] = 4
    images: Annotated[int, "training digits, at most"] = 5000
    runs: Annotated[int, "trainings of each model, with a seed each; at least 2"] = 3
    channels: Annotated[int, "of the Gated PixelCNN for the digits; PixelCNN gets as many as make it as large"] = 8
    lr: Annotated[float, "Adam's learning rate; after each epoch, two thirds of it"] = 8e-3
    steps: Annotated[int, "training steps on the planted images"] = 300

    NAME: ClassVar[str] = "blind_spot"
    QUICK: ClassVar[dict[str, Any]] = {"epochs": 2, "images": 1500, "runs": 2, "steps": 200}


# ------------------------------------------------------------------------------------------------------------ models
def with_small_kernels(model: Any, rng: np.random.Generator) -> Any:
    """The model with 3×3 in its first layer instead of 7×7: all kernels alike, and the blind spot as large as it gets."""
    channels, dtype = model.first.weight.shape[0], model.first.weight.dtype
    if isinstance(model, GatedPixelCNN):
        model.first_vertical = nn.MaskedConv2d("A", 1, channels, 3, vertical=True, rng=rng, dtype=dtype)
        model.first = nn.MaskedConv2d("A", 1, channels, (1, 3), rng=rng, dtype=dtype)
    else:
        model.first = nn.MaskedConv2d("A", 1, channels, 3, rng=rng, dtype=dtype)
    return model


def blinded(model: GatedPixelCNN) -> GatedPixelCNN:
    """The model with a blind spot: its vertical stack no longer looks right in a row. Nothing else is changed, and what
    it sees is now the cone of Eq. 5.4 (derivations/05-blind-spot.md#eq-5-4)."""
    for layer in model.layers:
        layer.vertical.taps = tuple(tap for tap in layer.vertical.taps if tap != (1, 2))
    return model


# -------------------------------------------------------------------------------------------------- what can be seen
def fields(seed: int) -> dict[str, tuple[np.ndarray, tuple[int, int], np.ndarray]]:
    """The influence of every pixel on three conditionals of both networks, 3×3 throughout, untrained; with the theorems,
    Eqs. 5.4 and 5.7. The count of blind pixels is the map's, not the theorem's (Eq. 5.6)."""
    rng = np.random.default_rng(seed)
    found = {}
    for model_class, theorem in ((PixelCNN, cone), (GatedPixelCNN, window)):
        model = model_class((1, 28, 28), 2, 16, DEPTH - 1, rng=rng, dtype=np.float64)
        with_small_kernels(model, rng)
        for i, j in POSITIONS:
            influence = receptive_field(model, (0, i, j), rng, images=4)[0]
            blind = int((influence.ravel()[: 28 * i + j] == 0).sum())
            name = f"{model_class.__name__} at ({i}, {j}):\nblind for {blind} of {28 * i + j}"
            found[name] = influence, (i, j), theorem((28, 28), (i, j), 3, 3)
    return found


# ------------------------------------------------------------------------------------------------- the planted pixel
def planted() -> np.ndarray:
    """Both images of a world with one coin: empty, or with 1 at COIN and, a copy, at COPY. float32 (2, 1, SIDE, SIDE)."""
    x = np.zeros((2, 1, SIDE, SIDE), np.float32)
    x[1, 0, *COIN] = x[1, 0, *COPY] = 1
    return x


def pixel_by_pixel(model: Autoregressive, x: Any) -> np.ndarray:
    """The mean of −ln p(xₖ | x before k) over images, for every pixel (H, W), in nats."""
    with no_grad():
        logits = model.logits(x)
        return F.binary_cross_entropy_with_logits(logits, x, "none").numpy().mean(0)[0]


def learn_planted(model_class: Any, steps: int, seed: int) -> np.ndarray:
    """Train on the planted images; what is left at each pixel, in nats. Eq. 5.8 (derivations/05-blind-spot.md#eq-5-8)
    says that at COPY a model that is blind for COIN never comes below ln 2."""
    rng, x = np.random.default_rng(seed), planted()
    model = model_class((1, SIDE, SIDE), 2, 12, 3, rng=rng)
    optimizer = optim.Adam(model.parameters(), lr=1e-2)
    for _ in range(steps):
        optimizer.zero_grad()
        model.loss(x, rng)[0].backward()
        optimizer.step()
    return pixel_by_pixel(model, x)


# -------------------------------------------------------------------------------------------------------- the digits
def bits(images: Images, config: Config) -> list[np.ndarray]:
    """Training, validation and test digits, shrunk to 14×14 and then binarized once and for all."""

    def small(grey: np.ndarray) -> np.ndarray:
        return binarize(downsample(grey.reshape(-1, 1, 28, 28), DIGIT_SIDE), "static")

    return [small(x) for x in (images.train[0][: config.images], images.validation[0], images.test[0])]


def contestants(config: Config) -> dict[str, Callable[[np.random.Generator], Any]]:
    """How each model is made. The same generator gives both Gated networks the same first weights."""
    shape = (1, DIGIT_SIDE, DIGIT_SIDE)

    def gated(rng: Any) -> GatedPixelCNN:
        return GatedPixelCNN(shape, 2, config.channels, LAYERS, rng=rng)

    size = gated(0).live_parameters
    widths = range(2, 20 * config.channels, 2)
    width = min(widths, key=lambda c: abs(PixelCNN(shape, 2, c, LAYERS, rng=0).live_parameters - size))
    return {
        "PixelCNN": lambda rng: PixelCNN(shape, 2, width, LAYERS, rng=rng),
        "Gated, blinded": lambda rng: blinded(gated(rng)),
        "Gated": gated,
        "Gated, blinded, 3×3": lambda rng: blinded(with_small_kernels(gated(rng), rng)),
        "Gated, 3×3": lambda rng: with_small_kernels(gated(rng), rng),
    }


def learn_digits(config: Config, name: str, make: Callable[[Any], Any], data: Sequence[np.ndarray], run: int) -> Any:
    """Train one model; its test likelihood, image by image, in nats, with the weights of the best epoch."""
    rng = np.random.default_rng([config.seed, run])
    model = make(rng)
    model.to(config.device)
    train, validation, test = to(config.device, *data)

    def anneal(run: training.Run) -> None:
        run.optimizer.lr = config.lr * (2 / 3) ** run.epoch

    path = config.folder() / f"{name.replace(', ', '_').replace('×', 'x')}_{run}.npz"
    first = name == "PixelCNN" and run == 0
    result = training.train(
        training.Run(model, optim.Adam(model.parameters(), lr=config.lr), rng),
        model.loss,
        [train],
        validation=[validation],
        epochs=config.epochs,
        batch_size=50,
        callbacks=[anneal],
        checkpoint=path,
        config=config.identity(model=name, run=run, digits=len(train)),
        resume=config.resume and (path.exists() or first),
        workers=2,
        title=f"{name}, seed {config.seed}.{run}",
    )
    model.load_state_dict(result.best)
    with no_grad():
        return np.concatenate([-model.log_prob(test[i : i + 250]).numpy() for i in range(0, len(test), 250)])


def interval(values: Sequence[float]) -> tuple[float, float]:
    """The mean, and half of the 95 % interval of it: Student's t over runs."""
    spread = np.std(values, ddof=1) / math.sqrt(len(values))
    return float(np.mean(values)), float(scipy.stats.t.ppf(0.975, len(values) - 1) * spread)


def differences(nats: Mapping[str, Sequence[float]]) -> dict[str, list[float]]:
    """What a blind spot costs, run by run: the same first weights and the same minibatches with and without it."""
    pairs = {
        "PixelCNN −\nGated": ("PixelCNN", "Gated"),
        "blinded −\nGated": ("Gated, blinded", "Gated"),
        "the same,\n3×3": ("Gated, blinded, 3×3", "Gated, 3×3"),
    }
    return {name: [a - b for a, b in zip(nats[one], nats[other])] for name, (one, other) in pairs.items()}


def draw(figure: Any, config: Config, name: str) -> Path:
    return plotting.save(figure, config.folder() / f"{name}.png")


def main(config: Config) -> None:
    """Draw the receptive fields, train on the planted images and on digits, say what it cost."""
    if config.runs < 2:
        raise ValueError(f"demos.blind_spot: expected --runs of at least 2, for an interval, got {config.runs}")
    seed = f"seed {config.seed}"
    maps = fields(config.seed)
    title = f"two networks of {DEPTH} layers, 3×3 throughout, {seed}; red: what the theorem says is seen; orange: no influence"
    pictures = [draw(plotting.receptive_fields(maps, 3, title), config, "fields")]

    at_copy = {}
    for model_class in (PixelCNN, GatedPixelCNN):
        left = [learn_planted(model_class, config.steps, config.seed + run) for run in range(config.runs)]
        at_copy[model_class.__name__] = [float(nats[COPY]) for nats in left]
    ylabel = "−ln p(copy | pixels before it) (nats)"
    title = f"a coin at {COIN}, its copy at {COPY}, the next pixel; {config.steps} steps, {config.runs} runs, {seed}"
    figure = plotting.dots({ylabel: at_copy}, title, {ylabel: (math.log(2), "ln 2: knows nothing")})
    pictures.append(draw(figure, config, "planted"))

    images = load_images(config)
    data, models = bits(images, config), contestants(config)
    nats = {
        name: [float(learn_digits(config, name, make, data, run).mean()) for run in range(config.runs)]
        for name, make in models.items()
    }
    costs = differences(nats)
    panels = {
        "test NLL (nats per image)": {name.replace(", ", ",\n"): values for name, values in nats.items()},
        "difference (nats per image)": costs,
    }
    title = f"digits, {DIGIT_SIDE}×{DIGIT_SIDE}, {LAYERS} layers, {config.runs} runs of {config.epochs} epochs, {seed}"
    pictures.append(draw(plotting.dots(panels, title, {"difference (nats per image)": (0.0, "no cost")}), config, "digits"))

    tell(*pictures)
    for name, (values, _, _) in maps.items():
        print(name.replace("\n", " "))
    for name, values in at_copy.items():
        print(f"{name}: {np.mean(values):.4f} nats at the copy (runs: {', '.join(f'{v:.4f}' for v in values)})")
    for name, values in nats.items():
        size = models[name](np.random.default_rng(0)).live_parameters
        print(f"{name}: {np.mean(values):.2f} nats per test digit, {size:,} parameters")
    print(f"what the blind spot costs on {images.name}, in nats per digit, with 95 % intervals over {config.runs} runs:")
    told = [(name.replace("\n", " "), *interval(values)) for name, values in costs.items()]
    print("  " + "; ".join(f"{name}: {mean:+.2f} ± {half:.2f}" for name, mean, half in told))


if __name__ == "__main__":
    start(Config, main)
