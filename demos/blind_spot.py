"""The blind spot of PixelCNN (S0, lines 303–304): what it is, what it can cost, and what it costs on digits (C-BLIND).

python -m demos.blind_spot     one stack of masked convolutions against two; about 4 minutes on 2 cores
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar

import numpy as np

from scratchgen import functional as F
from scratchgen import nn, no_grad, optim, plotting, training
from scratchgen.data import binarize, downsample
from scratchgen.evaluation import cone, receptive_field, window
from scratchgen.models.autoregressive import Autoregressive, GatedPixelCNN, PixelCNN

from .options import Images, Options, interval, load_images, start, tell, to

POSITIONS = ((14, 14), (20, 7), (27, 0))  # on 28×28: in the middle, lower left, and the very corner
SIDE, COIN, COPY = 6, (1, 5), (2, 0)  # of the planted images: a coin, and in raster order the very next pixel
DIGIT_SIDE, LAYERS = 14, 4


@dataclass
class Config(Options):
    """Draws what PixelCNN and Gated PixelCNN see, plants a pixel that only one of them sees, and compares on digits."""

    depth: Annotated[int, "layers of the networks whose fields are drawn; from 27 on they see all they ever will"] = 30
    epochs: Annotated[int, "passes over the digits; after half of them some networks get their eyes opened"] = 6
    images: Annotated[int, "training digits, at most"] = 3000
    runs: Annotated[int, "trainings of each model, with a seed each; at least 2"] = 3
    channels: Annotated[int, "of the Gated PixelCNN for the digits; PixelCNN gets as many as make it as large"] = 8
    lr: Annotated[float, "Adam's learning rate, falling from epoch to epoch; a third of it in the second half"] = 8e-3
    steps: Annotated[int, "training steps on the planted images"] = 300

    NAME: ClassVar[str] = "blind_spot"
    QUICK: ClassVar[dict[str, Any]] = {"epochs": 2, "images": 1500, "runs": 2, "steps": 200}


# ------------------------------------------------------------------------------------------------------------ models
def with_small_kernels(model: Any, rng: np.random.Generator) -> Any:
    """The model with a first layer of 3×3 instead of 7×7: all kernels alike, the blind spot as large as it gets."""
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
        layer.vertical.weight.data[:, :, 1, 2] = 0
        layer.vertical.live -= layer.vertical.weight.data[:, :, 1, 2].size
    return model


# -------------------------------------------------------------------------------------------------- what can be seen
def fields(depth: int, seed: int) -> dict[str, tuple[np.ndarray, tuple[int, int], np.ndarray]]:
    """The influence of every pixel on three conditionals of both networks, untrained and 3×3 throughout, each with its
    theorem, Eq. 5.4 or 5.7. The blind pixels are counted on the map; Eqs. 5.5 and 5.6 foretell from which depth on
    there are how many."""
    rng = np.random.default_rng(seed)
    found = {}
    for model_class, theorem in ((PixelCNN, cone), (GatedPixelCNN, window)):
        model = model_class((1, 28, 28), 2, 12, depth - 1, rng=rng, dtype=np.float64)
        with_small_kernels(model, rng)
        for i, j in POSITIONS:
            influence = receptive_field(model, (0, i, j), rng, images=4)[0]
            blind = int((influence.ravel()[: 28 * i + j] == 0).sum())
            name = f"{model_class.__name__} at ({i}, {j}):\nblind for {blind} of {28 * i + j}"
            found[name] = influence, (i, j), theorem((28, 28), (i, j), 3, 3, depth - 1)
    return found


# ------------------------------------------------------------------------------------------------- the planted pixel
def planted() -> np.ndarray:
    """Both images of a world with one coin, float32 (2, 1, SIDE, SIDE): empty, or 1 at COIN and, its copy, at COPY."""
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


def contestants(config: Config) -> dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]]:
    """How each model is made for the first half of its training, and for the second: "opened" is the blinded network
    with its eyes opened half-way, where the taps that were missing begin at 0. So both halves of a pair start equal."""
    shape = (1, DIGIT_SIDE, DIGIT_SIDE)

    def gated(rng: Any) -> GatedPixelCNN:
        return GatedPixelCNN(shape, 2, config.channels, LAYERS, rng=rng)

    def small(rng: Any) -> GatedPixelCNN:
        return with_small_kernels(gated(rng), rng)

    def pixel_cnn(rng: Any) -> PixelCNN:
        return PixelCNN(shape, 2, width, LAYERS, rng=rng)

    def blind(make: Callable[[Any], GatedPixelCNN]) -> Callable[[Any], GatedPixelCNN]:
        return lambda rng: blinded(make(rng))

    size, widths = gated(None).live_parameters, range(2, 20 * config.channels, 2)
    width = min(widths, key=lambda channels: abs(PixelCNN(shape, 2, channels, LAYERS).live_parameters - size))
    return {
        "PixelCNN": (pixel_cnn, pixel_cnn),
        "Gated PixelCNN": (gated, gated),
        "Gated, blinded": (blind(gated), blind(gated)),
        "Gated, opened": (blind(gated), gated),
        "3×3, blinded": (blind(small), blind(small)),
        "3×3, opened": (blind(small), small),
    }


def learn_half(
    config: Config, model: Any, data: Sequence[Any], source: str, name: str, lr: float, rng: Any
) -> dict[str, Any]:
    """Half of the epochs; the weights of the best one."""

    def anneal(run: training.Run) -> None:
        run.optimizer.lr = lr * 0.7**run.epoch

    path = config.folder() / f"{name.replace('×', 'x')}.npz"
    run = training.train(
        training.Run(model, optim.Adam(model.parameters(), lr=lr), rng),
        model.loss,
        [data[0]],
        validation=[data[1]],
        epochs=(config.epochs + 1) // 2,
        batch_size=50,
        callbacks=[anneal],
        checkpoint=path,
        config=config.identity(half=name, data=source, digits=len(data[0])),
        resume=config.resumes(path),
        workers=config.workers,
        title=name.replace("_", " "),
    )
    return run.best


def learn_digits(config: Config, data: Sequence[np.ndarray], source: str, run: int) -> dict[str, float]:
    """The test likelihood of every contestant in nats per image. What begins alike is trained once."""
    data, firsts, nats = to(config.device, *data), {}, {}
    for name, makes in contestants(config).items():
        family = name.split(",")[0]
        for half, make in enumerate(makes):
            rng = np.random.default_rng([config.seed, run, half])
            model = make(rng)
            model.to(config.device)
            if half == 0 and family not in firsts:
                firsts[family] = learn_half(config, model, data, source, f"{family}_first_{run}", config.lr, rng)
            elif half == 1:
                model.load_state_dict(firsts[family])
                best = learn_half(config, model, data, source, f"{name.replace(', ', '_')}_{run}", config.lr / 3, rng)
                model.load_state_dict(best)
                nats[name] = training.evaluate(model, model.loss, [data[2]])["NLL"]
    return nats


def differences(nats: Mapping[str, Sequence[float]]) -> dict[str, list[float]]:
    """By how much the blind network is worse, run by run."""
    pairs = {
        "PixelCNN\n− Gated": ("PixelCNN", "Gated PixelCNN"),
        "blinded\n− opened": ("Gated, blinded", "Gated, opened"),
        "the same,\n3×3": ("3×3, blinded", "3×3, opened"),
    }
    return {name: [a - b for a, b in zip(nats[one], nats[other])] for name, (one, other) in pairs.items()}


# ------------------------------------------------------------------------------------- three pictures and their numbers
def show_fields(config: Config) -> tuple[Path, list[str]]:
    """What both networks see."""
    maps = fields(config.depth, config.seed)
    title = f"networks of {config.depth} layers, 3×3, seed {config.seed}; red: the theorem; orange: no influence at all"
    path = plotting.save(plotting.receptive_fields(maps, 3, title), config.folder() / "fields.png")
    return path, [name.replace("\n", " ") for name in maps]


def show_planted(config: Config) -> tuple[Path, list[str]]:
    """What they know of a coin and of its copy."""
    left = {
        model_class.__name__: [
            learn_planted(model_class, config.steps, config.seed + run) for run in range(config.runs)
        ]
        for model_class in (PixelCNN, GatedPixelCNN)
    }
    columns = {
        f"{name},\n{pixel}": [float(nats[position]) for nats in several]
        for pixel, position in (("the coin", COIN), ("its copy", COPY))
        for name, several in left.items()
    }
    ylabel = "−ln p(pixel | pixels before it) (nats)"
    title = f"a coin at {COIN}, its copy at {COPY}, the next pixel; {config.steps} steps, seed {config.seed}"
    figure = plotting.dots({ylabel: columns}, title, {ylabel: (math.log(2), "ln 2: nothing is known")})
    path = plotting.save(figure, config.folder() / "planted.png")
    told = [f"{name}: {', '.join(f'{nats[COPY]:.4f}' for nats in several)} nats" for name, several in left.items()]
    return path, ["left at the planted copy:", *(f"  {line}" for line in told)]


def show_digits(config: Config) -> tuple[Path, list[str]]:
    """What the blind spot costs on digits."""
    images = load_images(config)
    data = bits(images, config)
    runs = [learn_digits(config, data, images.name, run) for run in range(config.runs)]
    nats = {name: [run[name] for run in runs] for name in runs[0]}
    costs = differences(nats)
    test, cost = "test NLL (nats per image)", "the blind network is worse by (nats per image)"
    panels = {test: {name.replace(" ", "\n"): values for name, values in nats.items()}, cost: costs}
    title = f"digits, {DIGIT_SIDE}×{DIGIT_SIDE}; {config.runs} runs of {config.epochs} epochs, seed {config.seed}"
    path = plotting.save(plotting.dots(panels, title, {cost: (0.0, "no difference")}), config.folder() / "digits.png")
    sizes = {name: make(None).live_parameters for name, (_, make) in contestants(config).items()}
    told = [(name.replace("\n", " "), *interval(values)) for name, values in costs.items()]
    return path, [
        f"{len(data[2]):,} test images of {images.name}, {DIGIT_SIDE}×{DIGIT_SIDE}, binarized once; nats per image:",
        *(f"  {name}: {np.mean(values):.2f} ({sizes[name]:,} parameters)" for name, values in nats.items()),
        f"the blind network is worse by, with 95 % intervals over {config.runs} runs:",
        "  " + "; ".join(f"{name}: {mean:+.2f} ± {half:.2f}" for name, mean, half in told),
    ]


def main(config: Config) -> None:
    """Draw the receptive fields, train on the planted images and on digits, say what it cost."""
    if config.runs < 2:
        sys.exit(f"demos.blind_spot: expected --runs of at least 2, for an interval, got {config.runs}")
    paths, lines = zip(*(show(config) for show in (show_fields, show_planted, show_digits)))
    tell(*paths)
    print(*(line for part in lines for line in part), sep="\n")


if __name__ == "__main__":
    start(Config, main)
