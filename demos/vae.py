"""A VAE on real digits (S0, Unit 03): train it, look at what it learned, and measure it.

python -m demos.vae            20 latent dimensions for the numbers, then 2 for the plane; under 2 minutes on 2 cores
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar

import numpy as np

from scratchgen import backend, no_grad, optim, plotting, training
from scratchgen.data import binarize
from scratchgen.models.latent import VAE

from .options import Images, Options, load_images, start, tell

DRAWS = 10  # of z per test image


@dataclass
class Config(Options):
    """Trains a VAE on digits; draws its training curves, reconstructions, samples from the prior and latent plane."""

    epochs: Annotated[int | None, "passes over the data (default: 45 bundled, 7 with the complete MNIST)"] = None
    plane_epochs: Annotated[int | None, "the same for the model with 2 latent dimensions"] = None
    batch_size: Annotated[int, "images per step"] = 128
    lr: Annotated[float, "Adam's learning rate; in the last quarter, a fifth of it"] = 3e-3
    hidden: Annotated[int, "hidden units of encoder and decoder"] = 400
    latent: Annotated[int, "latent dimensions"] = 20

    NAME: ClassVar[str] = "vae"
    QUICK: ClassVar[dict[str, Any]] = {"epochs": 8, "plane_epochs": 8, "hidden": 200}


def loss_of(model: VAE) -> Any:
    """−ELBO of pixels that are drawn anew each time: b ~ Bernoulli(grey). Bits stay the bits they are."""
    return lambda x, rng: model.loss(binarize(x, "dynamic", rng), rng)


def learn(
    config: Config, images: Images, latent: int, lr: float, epochs: int, file: str, callbacks: Any = ()
) -> training.Run:
    """Train one VAE, validated on fixed bits; the model ends with the weights of its best epoch."""
    rng = np.random.default_rng(config.seed)
    model = VAE(images.train[0].shape[1], config.hidden, latent, rng=rng)
    model.to(config.device)
    grey, bits = images.train[0], binarize(images.validation[0], "static")
    path = config.folder() / file
    schedule = optim.step_decay(0.75 * epochs, 0.2)

    def anneal(run: training.Run) -> None:
        run.optimizer.lr = lr * schedule(run.epoch)

    run = training.train(
        training.Run(model, optim.Adam(model.parameters(), lr=lr), rng),
        loss_of(model),
        [backend.to_device(grey, config.device)],
        validation=[backend.to_device(bits, config.device)],
        epochs=epochs,
        batch_size=config.batch_size,
        workers=config.workers,
        callbacks=[anneal, *callbacks],
        checkpoint=path,
        config=config.identity(latent=latent, epochs=epochs, data=images.name),
        resume=config.resume and (path.exists() or file == "vae.npz"),
        title=f"VAE, {latent} latent dimensions, nats per image",
    )
    model.load_state_dict(run.best)
    return run


def measure(model: VAE, x: Any, seed: int) -> tuple[float, float]:
    """The mean ELBO in nats per image, and its standard error over images."""
    rng = np.random.default_rng(seed)
    elbo = np.zeros(len(x))
    with no_grad():
        for _ in range(DRAWS):
            noise = backend.normal(rng, (len(x), model.latent), like=x)
            reconstruction, kl = model.elbo(x, noise)
            elbo -= (reconstruction + kl).numpy() / DRAWS
    return float(elbo.mean()), float(elbo.std(ddof=1) / math.sqrt(len(x)))


# ---------------------------------------------------------------------------------------------------------- pictures
def draw_training(run: training.Run, title: str, path: Path) -> Path:
    def both(name: str, sign: int = 1) -> dict[str, list[float]]:
        return {split: [sign * metrics[name] for metrics in run.history[split]] for split in ("train", "validation")}

    panels = {
        "ELBO (nats per image)": both("ELBO"),
        "reconstruction, −ln p(x|z) (nats)": both("reconstruction"),
        "KL(q(z|x) ‖ p(z)) (nats)": both("KL"),
    }
    return plotting.save(plotting.curves(panels, title=title), path)


def draw_reconstructions(model: VAE, x: Any, title: str, path: Path) -> Path:
    with no_grad():
        means = model.decode(model.encode(x).mean).mean.numpy()
    groups = {"test digits, black and white": backend.to_host(x), "the mean of p(x|z) at z = μ(x)": means}
    return plotting.save(plotting.comparison(groups, 10, title), path)


def draw_samples(model: VAE, x: Any, title: str, seed: int, path: Path) -> Path:
    n = len(x)
    drawn, means = (model.sample(n, np.random.default_rng(seed), mean) for mean in (False, True))  # of the same z
    groups = {
        "test digits, black and white": backend.to_host(x),
        "samples: z from the prior, x from p(x|z)": backend.to_host(drawn),
        "the means of p(x|z) for the same z": backend.to_host(means),
    }
    return plotting.save(plotting.comparison(groups, 10, title), path)


def draw_plane(model: VAE, title: str, device: str, path: Path) -> Path:
    def decode(z: np.ndarray) -> np.ndarray:
        with no_grad():
            return model.decode(backend.to_device(z.astype(np.float32), device)).mean.numpy()

    return plotting.save(plotting.latent_plane(decode, 20, title), path)


def main(config: Config) -> None:
    """Train both models, draw, measure."""
    images = load_images(config)
    folder = config.folder()
    bits = backend.to_device(binarize(images.test[0], "static"), config.device)
    seed = f"seed {config.seed}"

    def snapshot(run: training.Run) -> None:  # the same z every time: watch the picture while it trains
        if run.epoch % 20 == 0:
            draw_samples(run.model, bits[:100], f"epoch {run.epoch}, {seed}", config.seed, folder / "samples.png")

    epochs = config.epochs or (7 if images.complete else 45)
    run = learn(config, images, config.latent, config.lr, epochs, "vae.npz", [snapshot])
    model, best = run.model, int(np.argmin(run.losses))
    # Through a gate of two numbers learning is slow, so its steps are twice as long.
    plane = learn(config, images, 2, 2 * config.lr, config.plane_epochs or epochs, "plane.npz").model

    number, plane_number = (
        f"test ELBO {mean:.2f} ± {error:.2f} nats per image"
        for mean, error in (measure(m, bits, config.seed) for m in (model, plane))
    )
    name, plane_name = (f"VAE 784–{config.hidden}–{d}–{config.hidden}–784, {seed}" for d in (config.latent, 2))
    tell(
        draw_training(run, f"{name}; best epoch {best + 1} of {run.epoch}", folder / "training.png"),
        draw_reconstructions(model, bits[:100], f"{name}; {number}", folder / "reconstructions.png"),
        draw_samples(model, bits[:100], f"{name}; {number}", config.seed, folder / "samples.png"),
        draw_plane(plane, f"{plane_name}; {plane_number}", config.device, folder / "latent_plane.png"),
    )
    print(
        f"{number}: mean ± standard error over {len(bits):,} images of {images.name}\n"
        "  A lower bound on ln p(x), not a likelihood. Protocol: pixels binarized once, with a fixed seed (not the\n"
        f"  published static bits); {DRAWS} draws of z per image; the KL in closed form; the weights with the best\n"
        f"  validation ELBO (epoch {best + 1} of {run.epoch})."
    )


if __name__ == "__main__":
    start(Config, main)
