"""PixelCNN (S0, lines 299–330; S3, lines 37–46): an exact likelihood, pixel after pixel.

python -m demos.pixelcnn                    train on the bundled digits, look, and measure
python -m demos.pixelcnn --no-positions     the same, and no pixel is told where it stands: as in the lecture
python -m demos.pixelcnn --levels 256       the lecture's softmax: grey digits, a probability for each of 256 levels
python -m demos.pixelcnn --pretrained       samples in seconds, from weights that come with the demo
python -m demos.pixelcnn --evaluate         the test NLL of these weights on static MNIST, if --data finds it
python -m demos.pixelcnn --evaluate --model diagonal    the same of a PixelRNN
"""

from __future__ import annotations

import math
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import numpy as np

from scratchgen import backend, data, no_grad, optim, plotting, training
from scratchgen import functional as F
from scratchgen.models.autoregressive import GatedPixelCNN, PixelCNN, PixelRNN

from . import weights
from .options import Bits, Options, load_bits, load_images, spread, start, tell, to
from .weights import best_epoch

BLOCKS = {"pixelcnn": (3, 8), "gated": (4, 15), "row": (1, 1), "diagonal": (1, 1)}  # bundled digits, complete MNIST
OPTIMIZERS: dict[str, tuple[Any, float]] = {"muon": (optim.Muon, 1e-2), "adam": (optim.Adam, 8e-3)}  # and their rates


@dataclass
class Config(Options):
    """Trains a PixelCNN; draws samples, completions of half digits, and an animation of a sample being drawn."""

    model: Annotated[Literal["pixelcnn", "gated", "row", "diagonal"], "which model; the last two are PixelRNNs"] = (
        "pixelcnn"
    )
    epochs: Annotated[int | None, "passes over the data (default: 8 bundled, 60 with static MNIST)"] = None
    batch_size: Annotated[int, "images per step"] = 32
    optimizer: Annotated[Literal["muon", "adam"], "how to descend: page 35"] = "muon"
    lr: Annotated[float | None, "its rate at first, to 0 along a cosine (default: 0.01, of Adam 0.008)"] = None
    channels: Annotated[int, "channels of each layer; an LSTM has half as many units, in each direction"] = 32
    blocks: Annotated[
        int | None, "residual blocks or layers (default: 3 bundled, 8 complete; gated 4 and 15, LSTMs 1)"
    ] = None
    kernel: Annotated[Literal[3, 5, 7], "side of the kernels in a PixelCNN's blocks: 3 as published, with 15"] = 7
    bits: Annotated[Literal["static", "dynamic"], "drawn once, or the training images drawn anew"] = "static"
    levels: Annotated[int, "2 for bits; more for grey digits, whose pixels have so many levels, such as 16 or 256"] = 2
    classes: Annotated[bool, "learn p(x | digit), with the gated model; not for the published bits"] = False
    dropout: Annotated[float, "drop so much of what goes into the last layer of a PixelCNN's block (Eq. 6.15)"] = 0.0
    positions: Annotated[bool, "tell a PixelCNN, gated or not, where each pixel stands: Eq. 6.17"] = True
    start: Annotated[Path | None, "weights that --export wrote: to train on from, to show, or to evaluate"] = None
    grow: Annotated[int, "blocks or LSTM layers to add to those of --start, which at first change nothing"] = 0
    widen: Annotated[int, "channels to add to each layer of the PixelCNN of --start, in the same way"] = 0
    pretrained: Annotated[bool, "use the weights that come with the demo instead of training"] = False
    evaluate: Annotated[bool, "with these weights, only print the test NLL"] = False
    export: Annotated[Path | None, "write the trained weights to this file, small, with their recipe"] = None

    NAME: ClassVar[str] = "pixelcnn"
    QUICK: ClassVar[dict[str, Any]] = {"epochs": 2, "blocks": 2, "channels": 16}


def make(config: Config) -> Any:
    """The model that the options name."""
    rng = np.random.default_rng(config.seed)
    if config.model == "gated":
        classes = 10 if config.classes else None
        return GatedPixelCNN(
            levels=config.levels,
            channels=config.channels,
            layers=config.blocks,
            classes=classes,
            positions=config.positions,
            rng=rng,
        )
    if config.model == "pixelcnn":
        return PixelCNN(
            levels=config.levels,
            channels=config.channels,
            blocks=config.blocks,
            kernel=config.kernel,
            dropout=config.dropout,
            positions=config.positions,
            rng=rng,
        )
    return PixelRNN(levels=config.levels, kind=config.model, hidden=config.channels // 2, layers=config.blocks, rng=rng)


def load_digits(config: Config, how: str) -> Bits:
    """Binary digits, or grey ones in levels, with labels where the model wants them."""
    bits = load_bits(config, how) if config.levels == 2 else load_levels(config, how)
    if config.classes and (config.model != "gated" or not bits.labels):
        sys.exit("demos.pixelcnn: --classes wants --model gated, and digits with labels: --bits dynamic has them")
    return bits


def load_levels(config: Config, how: str) -> Bits:
    """Grey digits, their pixels whole numbers 0 … levels − 1. With 256 levels they are those of the files."""
    if how == "dynamic":
        sys.exit(f"demos.pixelcnn: --bits dynamic draws bits anew, and with --levels {config.levels} there are none")
    images = load_images(config)
    grey, labels = zip(images.train, images.validation, images.test)
    splits = [data.quantize(x, config.levels).reshape(-1, 1, 28, 28) for x in grey]
    return Bits(*splits, labels, f"{images.name}, {config.levels} grey levels", images.complete)


def split(config: Config, bits: Bits, which: int) -> list[Any]:
    """Training, validation or test set: images, and labels where the model wants them."""
    return to(config.device, bits[which], *([bits.labels[which]] if config.classes else []))


def learn(config: Config, bits: Bits) -> tuple[training.Run, dict[str, Any]]:
    """Train, keeping the weights of the best epoch by validation. Also returns what is to be known of them."""
    facts: dict[str, Any] = {"data": bits.name}
    if config.start:
        asked = config.positions and "positions" in config.given  # usual for a new model is not for one that has none
        model, facts["start"] = pretrained(config)
        missing = asked and not config.positions
        if config.grow or config.widen or missing:
            grow(model, config, missing)
    else:
        config.blocks = config.blocks or BLOCKS[config.model][bits.complete]
        model = make(config)
        model.to(config.device)
    config.epochs = config.epochs or (60 if bits.complete else 8)
    optimizer, usual = OPTIMIZERS[config.optimizer]
    config.lr = config.lr or usual

    def loss(x: Any, *rest: Any) -> Any:
        return model.loss(data.binarize(x, "dynamic", rest[-1]) if config.bits == "dynamic" else x, *rest)

    def cool(run: training.Run) -> None:
        run.optimizer.lr = config.lr * schedule(run.epoch)

    schedule = optim.cosine_decay(config.epochs)
    run = training.train(
        training.Run(model, optimizer(model.parameters(), lr=config.lr), np.random.default_rng(config.seed + 1)),
        loss,
        split(config, bits, 0),
        validation=split(config, bits, 1),
        epochs=config.epochs,
        batch_size=config.batch_size,
        workers=config.workers,
        callbacks=[cool],
        checkpoint=config.folder() / "pixelcnn.npz",
        config=config.identity(epochs=config.epochs, pretrained=None, evaluate=None, export=None, **facts),
        resume=config.resume,
        title=f"{config.model}, nats per image",
    )
    model.load_state_dict(run.best)
    recipe = {name: value for name, value in asdict(config).items() if name in RECIPE}
    return run, {**facts, "recipe": recipe, "validation NLL": min(run.losses)}


RECIPE = (
    "model", "epochs", "batch_size", "optimizer", "lr", "channels", "blocks", "kernel", "bits", "levels", "classes",
    "dropout", "positions", "seed",
)  # fmt: skip


def pretrained(config: Config) -> tuple[Any, dict[str, Any]]:
    """The model whose weights are in --start or come with the demo, and what is known of them."""
    state, facts = weights.load(config.start or weights.shipped(config.model), config.NAME)
    recipe = {"kernel": 3, "positions": False} | facts["recipe"]  # older weights do not say, and had no other
    trains_on = config.start and not (config.pretrained or config.evaluate)
    form = ("model", "channels", "blocks", "kernel", "levels", "classes")
    free = {"bits": trains_on, "positions": trains_on and config.positions}  # to choose anew; to add
    weights.adopt(config, recipe, *form, *(name for name in free if not free[name]))
    config.positions = recipe["positions"]
    model = make(config)
    model.load_state_dict(state)
    model.to(config.device)
    return model, facts


def grow(model: Any, config: Config, positions: bool) -> None:
    """Add to a trained model what --grow and --widen say, and the positions that it has not."""
    rng = np.random.default_rng(config.seed)
    if isinstance(model, PixelCNN):
        model.grow(config.grow, config.widen, rng, positions)
    elif isinstance(model, PixelRNN) and not (config.widen or positions):
        model.grow(config.grow, rng)
    else:
        sys.exit(
            "demos.pixelcnn: --grow adds blocks to a PixelCNN, or layers to a PixelRNN; --positions adds these, and "
            f"--widen channels to a PixelCNN; these are weights of a {config.model}"
        )
    config.blocks += config.grow
    config.channels += config.widen
    config.positions |= positions


def measure(model: Any, *test: Any) -> tuple[float, float]:
    """The mean of −ln p(x), or −ln p(x | y), in nats per image, and its standard error over images."""
    batches = range(0, len(test[0]), 250)
    with no_grad():
        nats = np.concatenate([-model.log_prob(*(array[i : i + 250] for array in test)).numpy() for i in batches])
    return float(nats.mean(dtype=np.float64)), float(nats.std(ddof=1) / math.sqrt(len(nats)))


# ---------------------------------------------------------------------------------------------------------- pictures
def draw_samples(model: Any, test: np.ndarray, title: str, seed: int, path: Path) -> Path:
    """A hundred samples; with classes, a row of each digit."""
    digits = None if model.classes is None else on_device(np.repeat(np.arange(10), 10), model)
    samples = backend.to_host(model.sample(100, np.random.default_rng(seed), digits))
    groups = {"test digits": grey(spread(test, 100), model), "samples of the model": grey(samples, model)}
    return plotting.save(plotting.comparison(groups, 10, title), path)


def draw_completions(model: Any, test: list[Any], title: str, seed: int, path: Path) -> Path:
    """The upper halves of ten test digits, each completed nine times; with classes, knowing which digit it is."""
    upper = np.zeros((1, 28, 28), bool)
    upper[:, :14] = True
    rows = on_device(np.random.default_rng(seed).choice(len(test[0]), 10, replace=False), model)
    known, *digits = (np.repeat(array[rows], 9, axis=0) for array in test)
    completed = backend.to_host(
        model.complete(known, on_device(upper, model), np.random.default_rng(seed + 1), *digits)
    )
    chosen = backend.to_host(test[0][rows])[:, None]
    sheet = np.concatenate([chosen, np.where(upper, chosen, np.nan), completed.reshape(10, 9, 1, 28, 28)], 1)
    groups = {"a test digit, what the model is given of it, nine completions": grey(sheet, model)}
    return plotting.save(plotting.comparison(groups, 11, title), path)


def draw_animation(model: Any, title: str, seed: int, path: Path) -> Path:
    """Sixteen digits as they are drawn, pixel after pixel; grey is not yet there."""
    digits = None if model.classes is None else on_device(np.arange(16) % 10, model)
    samples = grey(backend.to_host(model.sample(16, np.random.default_rng(seed), digits)), model)
    there = np.arange(samples.shape[1])
    frames = [np.where(there < drawn, samples, np.nan) for drawn in range(20, 785, 20)]
    return plotting.animate([*frames, samples], 4, path, title)


def draw_conditionals(model: Any, test: np.ndarray, title: str, path: Path) -> Path:
    """What the softmax says of six pixels of a digit, from left to right where a stroke begins, and what they are."""
    image, row = spread(test, 5)[2:3], 14
    first = int(np.clip(np.argmax(image[0, 0, row] > 0), 2, 24))  # with two pixels left of it, and three right
    with no_grad():
        logits = model.logits(model.scaled(on_device(image, model)))
        p = backend.to_host(F.softmax(logits, 1).data)[0, :, 0, row]
    with plotting.style():
        figure, axes = plotting.panels([2.1] * 6, 2.8, title)
        for j, axis in enumerate(axes, first - 2):
            truth = int(image[0, 0, row, j])
            axis.stairs(p[:, j], np.arange(model.levels + 1) - 0.5, fill=True)
            axis.axvline(truth, linestyle=":", color="black")
            axis.set(title=f"row {row}, column {j}", xlabel=f"level; it is {truth}", yscale="log", ylim=(1e-5, 1.5))
            axis.label_outer()
        axes[0].set_ylabel("probability")
    return plotting.save(figure, path)


def on_device(array: np.ndarray, model: Any) -> Any:
    return backend.to_device(array, backend.device_of(model.like))


def grey(levels: np.ndarray, model: Any) -> np.ndarray:
    """Images of levels as vectors (N, 784) in [0, 1]."""
    return levels.reshape(-1, model.size) / (model.levels - 1)


def main(config: Config) -> None:
    """Train or load, draw, measure."""
    for name in ("channels", "levels"):
        if getattr(config, name) < 2:
            sys.exit(f"demos.pixelcnn: expected --{name} of at least 2, got {getattr(config, name)}")
    if (config.grow or config.widen) and (config.start is None or config.evaluate or config.pretrained):
        sys.exit(
            "demos.pixelcnn: --grow and --widen are for a training that goes on; say --start and weights to begin from"
        )
    if config.model in ("row", "diagonal"):
        if config.positions and "positions" in config.given:
            sys.exit(f"demos.pixelcnn: --positions is for a PixelCNN, gated or not, not for --model {config.model}")
        config.positions = False
    if config.dropout and config.model != "pixelcnn":
        sys.exit(f"demos.pixelcnn: --dropout is for the PixelCNN, not for --model {config.model}")
    if config.evaluate:
        model, _ = pretrained(config)
        which = "of these weights" if config.start else "of the weights that come with the demo"
        tell_number(model, load_digits(config, config.bits), config, which)
        return
    if config.pretrained:
        model, facts = pretrained(config)
    bits = load_digits(config, config.bits)
    if config.pretrained:
        name = f"pretrained {config.model}, validation {facts['validation NLL']:.2f} nats"
        pictures = []
    else:
        run, facts = learn(config, bits)
        model = run.model
        name = f"{config.model}, {config.channels} channels, depth {config.blocks}; best epoch {best_epoch(run)}"
        curve = {split: [metrics["NLL"] for metrics in run.history[split]] for split in run.history}
        panels = {"−ln p(x) (nats per image)": curve}
        pictures = [plotting.save(plotting.curves(panels, title=name), config.folder() / "training.png")]
        if config.export:
            weights.export(config.export, config.NAME, run, facts)
    title, folder = f"{name}; seed {config.seed}", config.folder()
    if config.levels > 2:
        pictures.append(draw_conditionals(model, bits.test, title, folder / "conditionals.png"))
    tell(
        *pictures,
        draw_samples(model, bits.test, title, config.seed, folder / "samples.png"),
        draw_completions(model, split(config, bits, 2), title, config.seed, folder / "completions.png"),
        draw_animation(model, title, config.seed, folder / "drawing.gif"),
    )
    tell_number(model, bits, config, "" if config.pretrained else f"with the weights of epoch {best_epoch(run)}")


def tell_number(model: Any, bits: Bits, config: Config, which: str) -> None:
    """The test NLL, with its protocol."""
    mean, error = measure(model, *split(config, bits, 2))
    a_bit = model.size * math.log(2)  # a pixel, in nats per image
    without = a_bit * math.log2(model.levels)
    print(
        f"test NLL {mean:.2f} ± {error:.2f} nats per image ({mean / a_bit:.3f} bits per pixel) {which}".rstrip() + "\n"
        f"  Exact: mean ± standard error over {len(bits.test):,} images of {bits.name}.\n"
        f"  {model.live_parameters:,} parameters that are not masked. Without a model: {without:.2f} nats."
    )
    if config.bits == "static" and config.levels == 2 and not bits.complete:
        print("  These are not the published bits; with --data they are, where the folder holds binarized MNIST.")


if __name__ == "__main__":
    start(Config, main)
