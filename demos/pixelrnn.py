"""PixelRNN against PixelCNN (S0, lines 313–330): "very slow, but a good log-likelihood" against "fast, but a bad one".

python -m demos.pixelrnn       four models of about 10,000 parameters, digits of 14×14; 2 to 5 minutes on 2 cores
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

import numpy as np

from scratchgen import backend, data, no_grad, optim, plotting, training
from scratchgen.models.autoregressive import Autoregressive, PixelCNN, PixelRNN

from .options import Options, load_images, start, tell


@dataclass
class Config(Options):
    """Trains a Row LSTM, a Diagonal BiLSTM and two PixelCNNs of about equal size; prints likelihoods and times."""

    epochs: Annotated[int | None, "passes over the data (default: 6 bundled, 1 with the complete MNIST)"] = None
    batch_size: Annotated[int, "images per step"] = 32
    lr: Annotated[float, "Muon's learning rate at the beginning; it falls to 0 along a cosine"] = 1e-2
    hidden: Annotated[int, "units of the LSTMs; a PixelCNN has twice as many channels, with 7×7 half as many more"] = 16
    side: Annotated[Literal[28, 14, 7], "images are averaged to side × side"] = 14
    layers: Annotated[int, "LSTM layers; a PixelCNN has four times as many residual blocks, with 7×7 twice"] = 1

    NAME: ClassVar[str] = "pixelrnn"
    QUICK: ClassVar[dict[str, Any]] = {"epochs": 2, "side": 7}


def make(config: Config) -> dict[str, Any]:
    """The models, the same number of parameters to about a tenth. With kernels of 7×7 a PixelCNN sees in two blocks
    as far as otherwise in six: what is left of the LSTMs' lead is not that they look further."""
    rng, shape = np.random.default_rng(config.seed), (1, config.side, config.side)
    return {
        "PixelCNN": PixelCNN(shape, channels=2 * config.hidden, blocks=4 * config.layers, rng=rng),
        "Row LSTM": PixelRNN(shape, 2, "row", config.hidden + 1, config.layers, rng),
        "Diagonal BiLSTM": PixelRNN(shape, 2, "diagonal", config.hidden, config.layers, rng),
        "PixelCNN 7×7": PixelCNN(shape, channels=3 * config.hidden // 2, blocks=2 * config.layers, kernel=7, rng=rng),
    }


def learn(config: Config, name: str, model: Autoregressive, splits: dict[str, Any], data_name: str) -> training.Run:
    """Train one model, keeping the weights of the best epoch by validation."""
    epochs = config.epochs or (6 if len(splits["train"]) < 10_000 else 1)
    schedule = optim.cosine_decay(epochs)
    path = config.folder() / f"{name.replace(' ', '-').replace('×', 'x').lower()}.npz"

    def cool(run: training.Run) -> None:
        run.optimizer.lr = config.lr * schedule(run.epoch)

    run = training.train(
        training.Run(model, optim.Muon(model.parameters(), lr=config.lr), np.random.default_rng(config.seed)),
        model.loss,
        [splits["train"]],
        validation=[splits["validation"]],
        epochs=epochs,
        batch_size=config.batch_size,
        workers=config.workers,
        callbacks=[cool],
        checkpoint=path,
        config=config.identity(epochs=epochs, data=data_name, model=name),
        resume=config.resumes(path),
        title=f"{name}, nats per image",
    )
    model.load_state_dict(run.best)
    return run


def nats(model: Autoregressive, x: Any) -> np.ndarray:
    """−ln p of each image."""
    with no_grad():
        return np.concatenate([-model.log_prob(x[i : i + 250]).numpy() for i in range(0, len(x), 250)])


def seconds(f: Any, times: int) -> float:
    """The median time of one call."""
    taken = []
    for _ in range(times):
        begin = time.perf_counter()
        f()
        taken.append(time.perf_counter() - begin)
    return float(np.median(taken))


def main(config: Config) -> None:
    """Train them, draw, measure."""
    images, side = load_images(config), config.side
    grey = {name: getattr(images, name)[0].reshape(-1, 1, 28, 28) for name in ("train", "validation", "test")}
    splits = {
        name: backend.to_device(data.binarize(data.downsample(x, side), "static"), config.device)
        for name, x in grey.items()
    }
    test, batch = splits["test"], splits["train"][: config.batch_size]
    models = make(config)
    curves, groups, lines, losses = {}, {f"test digits, {side}×{side}": flat(test[:40])}, [], {}
    for name, model in models.items():
        model.to(config.device)
        run = learn(config, name, model, splits, images.name)
        curves[name] = [metrics["NLL"] for metrics in run.history["validation"]]
        losses[name] = nats(model, test)
        step = seconds(lambda model=model: model.loss(batch, None)[0].backward(), 5)
        begin = time.perf_counter()
        groups[f"{name}: samples"] = flat(model.sample(40, np.random.default_rng(config.seed)))
        drawing = time.perf_counter() - begin
        lines.append(
            f"  {name:16}{model.live_parameters:10,}{losses[name].mean():9.2f} ± {error(losses[name]):.2f}"
            f"{step * len(splits['train']) / config.batch_size:12.1f}{drawing:14.2f}"
        )
    title, folder = f"static bits, {side}×{side}, seed {config.seed}", config.folder()
    tell(
        plotting.save(
            plotting.curves({"validation −ln p(x) (nats per image)": curves}, title=title), folder / "training.png"
        ),
        plotting.save(plotting.comparison(groups, 8, title), folder / "samples.png"),
    )
    print("                 parameters      test NLL, nats   s per epoch   s for 40 samples", *lines, sep="\n")
    print(
        f"  NLL: exact, mean ± standard error over {len(test):,} images of {images.name}, averaged to\n"
        f"  {side}×{side} and binarized once; the weights of the best epoch by validation. Times: loss and gradient\n"
        "  of every minibatch, from the median of five; drawing: all remember what they have computed."
    )
    for other in ("PixelCNN", "PixelCNN 7×7"):
        for name in ("Row LSTM", "Diagonal BiLSTM"):
            print(f"{name} − {other}: {apart(losses[name], losses[other])} nats per image, over the same images")


def apart(one: np.ndarray, other: np.ndarray) -> str:
    """one − other, image by image: the mean and its standard error."""
    difference = one - other
    return f"{difference.mean():+.2f} ± {error(difference):.2f}"


def error(x: np.ndarray) -> float:
    """The standard error of the mean."""
    return float(x.std(ddof=1) / math.sqrt(len(x)))


def flat(x: Any) -> np.ndarray:
    images = backend.to_host(x)
    return images.reshape(len(images), -1)


if __name__ == "__main__":
    start(Config, main)
