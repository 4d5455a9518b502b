"""An autoencoder (S1, lines 200–228): it compresses well, and it cannot make new digits (claim C-AEGEN).

python -m demos.autoencoder
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import numpy as np

from scratchgen import backend, no_grad, optim, plotting, training
from scratchgen.models.latent import Autoencoder

from .options import Images, Options, load_images, start, tell, to

NAMES = ("first number of the code", "second number")


@dataclass
class Config(Options):
    """Trains autoencoders; draws what comes back, what random codes decode to, and codes of two numbers."""

    epochs: Annotated[int | None, "passes over the data (default: 40 bundled, 4 with the complete MNIST)"] = None
    batch_size: Annotated[int, "images per step"] = 128
    lr: Annotated[float, "Adam's learning rate"] = 2e-3
    hidden: Annotated[int, "hidden units of encoder and decoder"] = 400
    latent: Annotated[int, "numbers in the code"] = 20

    NAME: ClassVar[str] = "autoencoder"
    QUICK: ClassVar[dict[str, Any]] = {"epochs": 6, "hidden": 200}


def learn(config: Config, images: Images, latent: int) -> training.Run:
    """Train one autoencoder with a code of `latent` numbers."""
    rng = np.random.default_rng(config.seed)
    model = Autoencoder(images.train[0].shape[1], config.hidden, latent, rng)
    model.to(config.device)
    path = config.folder() / f"code{latent}.npz"
    run = training.train(
        training.Run(model, optim.Adam(model.parameters(), lr=config.lr), rng),
        model.loss,
        to(config.device, images.train[0]),
        validation=to(config.device, images.validation[0]),
        epochs=config.epochs or (4 if images.complete else 40),
        batch_size=config.batch_size,
        workers=config.workers,
        checkpoint=path,
        config=config.identity(latent=latent, data=images.name),
        resume=config.resume and (path.exists() or latent == config.latent),
        title=f"autoencoder, code of {latent}",
    )
    model.load_state_dict(run.best)
    return run


def main(config: Config) -> None:
    """Train with a code of `latent` and of two numbers, then draw."""
    images = load_images(config)
    run = learn(config, images, config.latent)
    flat = learn(config, images, 2)
    x, labels = images.test
    (there,) = to(config.device, x)
    noise = backend.normal(np.random.default_rng(config.seed), (100, config.latent), like=there)
    with no_grad():
        code = run.model.encode(there).data
        back = run.model.decode(code).numpy()
        dreams = run.model.decode(code.mean(0) + code.std(0) * noise).numpy()
        codes = flat.model.encode(there).numpy()
    error = ((back - x) ** 2).sum(1).mean()
    number = f"squared error {error:.2f} per test image"
    name = f"autoencoder 784–{config.hidden}–{config.latent}–{config.hidden}–784, seed {config.seed}"
    groups = {
        "test digits": x[:100],
        "what comes back": back[:100],
        "random codes, spread like the real ones": dreams,
    }
    curve = {
        f"code of {latent}, {split}": [metrics["squared error"] for metrics in r.history[split]]
        for latent, r in ((config.latent, run), (2, flat))
        for split in r.history
    }
    folder = config.folder()
    tell(
        plotting.save(plotting.curves({"squared error per image": curve}, title=name), folder / "training.png"),
        plotting.save(plotting.comparison(groups, 10, f"{name}; {number}"), folder / "reconstructions.png"),
        plotting.save(
            plotting.scatter(codes, labels, f"test digits as codes of two numbers, seed {config.seed}", NAMES),
            folder / "codes.png",
        ),
    )
    print(f"{number}, summed over pixels ({len(x):,} digits of {images.name})")


if __name__ == "__main__":
    start(Config, main)
