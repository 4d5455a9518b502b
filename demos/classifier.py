"""A digit classifier: the first model that learns, and a check that the engine trains what everybody can train.

python -m demos.classifier --data FOLDER        ≥ 97 % on the complete MNIST
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import numpy as np

from scratchgen import backend, optim, plotting, training
from scratchgen.models.classifier import MLPClassifier

from .options import Options, load_images, start, tell, to


@dataclass
class Config(Options):
    """Trains a classifier with one hidden layer, and shows its mistakes."""

    epochs: Annotated[int | None, "passes over the data (default: 30 bundled, 8 with the complete MNIST)"] = None
    batch_size: Annotated[int, "images per step"] = 128
    lr: Annotated[float, "Adam's learning rate"] = 1e-3
    hidden: Annotated[int, "hidden units"] = 400

    NAME: ClassVar[str] = "classifier"
    QUICK: ClassVar[dict[str, Any]] = {"epochs": 3, "hidden": 100}


def main(config: Config) -> None:
    """Train, test, draw the mistakes."""
    images = load_images(config)
    rng = np.random.default_rng(config.seed)
    model = MLPClassifier(images.train[0].shape[1], config.hidden, rng=rng)
    model.to(config.device)
    run = training.train(
        training.Run(model, optim.Adam(model.parameters(), lr=config.lr), rng),
        model.loss,
        to(config.device, *images.train),
        validation=to(config.device, *images.validation),
        epochs=config.epochs or (8 if images.complete else 30),
        batch_size=config.batch_size,
        workers=config.workers,
        checkpoint=config.folder() / "classifier.npz",
        config=config.identity(data=images.name),
        resume=config.resume,
        title="classifier",
    )
    model.load_state_dict(run.best)

    x, labels = images.test
    predicted = backend.to_host(model.predict(backend.to_device(x, config.device)))
    right = (predicted == labels).mean()
    error = math.sqrt(right * (1 - right) / len(labels))
    number = f"{100 * right:.2f} ± {100 * error:.2f} % of {len(labels):,} test digits right"

    panels = {
        "−ln p(y|x) (nats per image)": {s: [m["cross-entropy"] for m in run.history[s]] for s in run.history},
        "right answers (%)": {s: [m["accuracy %"] for m in run.history[s]] for s in run.history},
    }
    title = f"MLP 784–{config.hidden}–10, seed {config.seed}; {number}"
    wrong = np.flatnonzero(predicted != labels)[:60]
    captions = [f"{labels[i]} → {predicted[i]}" for i in wrong]
    folder = config.folder()
    pictures = [plotting.save(plotting.curves(panels, title=title), folder / "training.png")]
    if len(wrong):
        mistakes = plotting.image_grid(x[wrong], 10, f"mistakes: what it is → what was read. {title}", captions)
        pictures.append(plotting.save(mistakes, folder / "mistakes.png"))
    tell(*pictures)
    print(number + f" (weights of the best of {run.epoch} epochs on validation; {images.name})")


if __name__ == "__main__":
    start(Config, main)
