"""Autoencoders (S0, lines 493–590; S1, lines 203–228): which loss, which network, and why they make no new digits.

python -m demos.autoencoder     S0's question answered with numbers, and claim C-AEGEN; about 2 minutes on 2 cores
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar

import numpy as np
from scipy.cluster.vq import kmeans, vq

from scratchgen import backend, no_grad, optim, plotting, training
from scratchgen import functional as F
from scratchgen.data import binarize
from scratchgen.evaluation import frechet_distance
from scratchgen.models.classifier import MLPClassifier
from scratchgen.models.latent import VAE, Autoencoder
from scratchgen.models.latent.autoencoder import mask, pca

from .options import Images, Options, load_images, start, tell, to

MASKED = 0.5  # of the pixels that the denoising autoencoder sees
COMPONENTS = 50  # of the mixture
SHOWN = 36  # of each kind
AXES = ("first number of the code", "second number")


@dataclass
class Config(Options):
    """Trains autoencoders with several losses and networks; draws what comes back, and what comes out of noise."""

    epochs: Annotated[int | None, "passes over the data (default: 20 bundled, 3 with the complete MNIST)"] = None
    batch_size: Annotated[int, "images per step"] = 100
    lr: Annotated[float, "Adam's learning rate"] = 2e-3
    hidden: Annotated[int, "hidden units of encoder and decoder"] = 256
    channels: Annotated[int, "of the first convolution; the second has twice as many"] = 8
    latent: Annotated[int, "numbers in the code"] = 20

    NAME: ClassVar[str] = "autoencoder"
    QUICK: ClassVar[dict[str, Any]] = {"epochs": 4, "lr": 6e-3, "hidden": 128, "channels": 4}

    def kinds(self) -> dict[str, dict[str, Any]]:
        """The autoencoders: in what each differs from the first."""
        return {
            "squared error": {},
            "cross-entropy": {"loss": "cross-entropy"},
            "absolute error": {"loss": "absolute error"},
            "linear": {"hidden": (), "output": "linear"},
            "one layer of sigmoids": {"hidden": (), "code": "sigmoid"},
            "convolutional": {"hidden": (self.channels, 2 * self.channels), "shape": (1, 28, 28)},
            "denoising": {"masked": MASKED},
            "code of two numbers": {"latent": 2},
        }


# ---------------------------------------------------------------------------------------------------------- training
def learn(config: Config, images: Images, name: str, build: Callable[[Any], Any], loss: Any = None) -> training.Run:
    """Train a model and give it the weights of its best epoch. A classifier, the first that is trained, gets labels; a
    VAE twice the epochs, for it takes longer to fill the gaps between its codes."""
    rng = np.random.default_rng(config.seed)
    model = build(rng)
    model.to(config.device)
    arrays = 2 if name == "classifier" else 1
    path = config.folder() / f"{name.replace(' ', '-')}.npz"
    run = training.train(
        training.Run(model, optim.Adam(model.parameters(), lr=config.lr), rng),
        loss(model) if loss else model.loss,
        to(config.device, *images.train[:arrays]),
        validation=to(config.device, *images.validation[:arrays]),
        epochs=(config.epochs or (3 if images.complete else 20)) * (2 if name == "VAE" else 1),
        batch_size=config.batch_size,
        workers=config.workers,
        checkpoint=path,
        config=config.identity(model=name, data=images.name),
        resume=config.resumes(path),
        title=name,
    )
    model.load_state_dict(run.best)
    return run


def bits_loss(model: VAE) -> Any:
    """−ELBO of bits drawn anew each time, b ~ Bernoulli(grey): a Bernoulli decoder knows no grey."""
    return lambda x, rng: model.loss(binarize(x, "dynamic", rng), rng)


# --------------------------------------------------------------------------------------------------------- measuring
class Judge:
    """A classifier of real digits: it reads images, and its hidden units are the features that distances are in."""

    def __init__(self, model: MLPClassifier, real: np.ndarray, device: str) -> None:
        self.model, self.device = model, device
        self.real = self.features(real)

    def features(self, x: np.ndarray) -> np.ndarray:
        with no_grad():
            return F.relu(self.model.hidden(*to(self.device, x))).numpy()

    def distance(self, x: np.ndarray) -> float:
        """Fréchet distance d² of images from the real training digits."""
        return frechet_distance(self.features(x), self.real)

    def reads(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """For which digit it takes each image, and with which probability."""
        with no_grad():
            p = F.softmax(self.model(*to(self.device, x)), 1).numpy()
        return p.argmax(1), p.max(1)


def errors(back: np.ndarray, x: np.ndarray) -> tuple[float, float, float]:
    """Squared error, cross-entropy in nats and absolute error per image. Where p = 0 meets ink, a pixel costs 100."""
    inside = back.clip(0, 1)
    per_image = 1 / len(x)
    return (
        F.mse_loss(back, x, "sum") * per_image,
        F.binary_cross_entropy(inside, x, "sum") * per_image,
        F.l1_loss(back, x, "sum") * per_image,
    )


def draw_codes(codes: np.ndarray, components: int, n: int, rng: np.random.Generator) -> np.ndarray:
    """n draws from a mixture of normal distributions, one for each cluster that k-means finds in the codes.

    With one component it is the normal distribution with the codes' mean and covariance. No covariance is needed to
    draw from it: members' deviations, added up with weights from N(0, 1/members), have the covariance of the members.
    """
    first = codes[rng.choice(len(codes), components, replace=False)]
    # SciPy takes a single number for the number of clusters: one cluster has its centre in the mean.
    centres = codes.mean(0, keepdims=True) if components == 1 else kmeans(codes, first)[0]
    member, _ = vq(codes, centres)
    drawn = []
    for k in rng.choice(member, n):
        group = codes[member == k]
        weights = rng.standard_normal(len(group)) / math.sqrt(len(group))
        drawn.append(group.mean(0) + weights @ (group - group.mean(0)))
    return np.array(drawn, codes.dtype)


def there_and_back(model: Any, x: np.ndarray, device: str) -> np.ndarray:
    with no_grad():
        return model(*to(device, x)).numpy()


# -------------------------------------------------------------------------------------------------------------- main
def main(config: Config) -> None:
    """Train all, print both tables, draw."""
    images = load_images(config)
    pixels = images.train[0].shape[1]
    classifier = learn(config, images, "classifier", lambda rng: MLPClassifier(pixels, 100, rng=rng))
    judge = Judge(classifier.model, images.train[0], config.device)
    usual = {"hidden": config.hidden, "latent": config.latent}
    runs = {
        name: learn(config, images, name, lambda rng, own=own: Autoencoder(pixels, **usual | own, rng=rng))
        for name, own in config.kinds().items()
    }
    vae = learn(config, images, "VAE", lambda rng: VAE(pixels, config.hidden, config.latent, rng=rng), bits_loss)

    backs = what_comes_back(config, images, judge, runs)
    blanked = denoise(config, images, runs)
    dreams = what_comes_out_of_noise(config, images, judge, runs["squared error"].model, vae.model)

    name = f"784–{config.hidden}–{config.latent}–{config.hidden}–784, seed {config.seed}"
    folder = config.folder()
    tell(
        draw_training(runs, f"autoencoders, {name}", folder / "training.png"),
        draw("autoencoders trained on three losses", backs, name, folder / "reconstructions.png"),
        draw("denoising", blanked, name, folder / "denoising.png"),
        draw("what decoders make of noise (C-AEGEN)", dreams, name, folder / "noise.png"),
        draw_plane(config, images, runs["code of two numbers"].model, folder / "codes.png"),
    )
    far, near = (judge.distance(dreams[f"{model}, z ~ N(0, I)"]) for model in ("AE", "VAE"))
    back = errors(backs["squared error"], images.test[0])[0]
    print(
        f"squared error {back:.2f} per test digit; of z ~ N(0, I) d² = {far:.1f} with the AE, {near:.1f} with the VAE"
    )


def what_comes_back(
    config: Config, images: Images, judge: Judge, runs: dict[str, training.Run]
) -> dict[str, np.ndarray]:
    """S0, lines 538–544: which loss? Every model judged by every loss, on digits that it has not seen."""
    x, labels = images.test
    best = pca(images.train[0], config.latent)
    backs = {
        "no code: the mean image": np.broadcast_to(images.train[0].mean(0), x.shape),
        "no code: the median image": np.broadcast_to(np.median(images.train[0], 0), x.shape),
        f"PCA, {config.latent} directions": best.decode(best.encode(x)),
        **{name: there_and_back(run.model, x, config.device) for name, run in runs.items()},
    }
    print(f"\nWhat comes back of {len(x):,} test digits, per image summed over pixels; and how many are read correctly")
    print(f"{'autoencoder':28}{'squared error':>15}{'cross-entropy':>15}{'absolute error':>16}{'read %':>9}")
    for name, back in {**backs, "the digits themselves": x}.items():
        squared, entropy, absolute = errors(back, x)
        right = 100 * (judge.reads(back)[0] == labels).mean()
        print(f"{name:28}{squared:15.2f}{entropy:15.1f}{absolute:16.2f}{right:9.1f}")
    return {"test digits": x} | {name: backs[name] for name in ("squared error", "cross-entropy", "absolute error")}


def denoise(config: Config, images: Images, runs: dict[str, training.Run]) -> dict[str, np.ndarray]:
    """Half of the pixels blanked: what the autoencoder trained for that restores, and one that was not."""
    x = images.test[0]
    seen = mask(x, MASKED, np.random.default_rng(config.seed))
    pictures = {f"{MASKED:.0%} of the pixels blanked": seen}
    for name, kind in (("trained for that", "denoising"), ("not trained for that", "squared error")):
        back = there_and_back(runs[kind].model, seen, config.device)
        pictures[f"{name}: squared error {errors(back, x)[0]:.1f}"] = back
    print(f"\nWith {MASKED:.0%} of the pixels blanked: " + "; ".join(list(pictures)[1:]))
    return pictures


def what_comes_out_of_noise(
    config: Config, images: Images, judge: Judge, model: Autoencoder, vae: VAE
) -> dict[str, np.ndarray]:
    """C-AEGEN (S1, line 228): images decoded from random codes, by their distance from real ones."""
    x = images.test[0]
    n, rng = len(x), np.random.default_rng(config.seed)
    with no_grad():
        codes = model.encode(*to(config.device, images.train[0])).numpy()

    def decode(z: np.ndarray) -> np.ndarray:
        with no_grad():
            return model.decode(*to(config.device, z)).numpy()

    noise = rng.standard_normal((n, config.latent), dtype=np.float32)
    dreams = {
        "AE, z ~ N(0, I)": decode(noise),
        "AE, z ~ N, spread like its codes": decode(codes.mean(0) + codes.std(0) * noise),
        "AE, z ~ N with their covariance": decode(draw_codes(codes, 1, n, rng)),
        f"AE, z ~ a mixture of {COMPONENTS} normals": decode(draw_codes(codes, COMPONENTS, n, rng)),
        "VAE, z ~ N(0, I)": backend.to_host(vae.sample(n, rng, mean=True)),
    }
    floor = {"real test digits": x, "test digits, through the AE": there_and_back(model, x, config.device)}
    print("\nFréchet distance d² from the training digits, in the features of a classifier, and how often it is sure")
    print(f"{'images':34}{'d²':>8}{'p > 0.9':>11}")
    for name, made in {**floor, **dreams}.items():
        print(f"{name:34}{judge.distance(made):8.2f}{(judge.reads(made)[1] > 0.9).mean():11.0%}")
    return dreams


# ---------------------------------------------------------------------------------------------------------- pictures
def draw(what: str, groups: dict[str, np.ndarray], name: str, path: Path) -> Path:
    shown = {title: made[:SHOWN] for title, made in groups.items()}
    return plotting.save(plotting.comparison(shown, 6, f"{what}: {name}"), path)


def draw_training(runs: dict[str, training.Run], title: str, path: Path) -> Path:
    """The curves of those that minimise the squared error."""
    curves = {
        name: [metrics["squared error"] for metrics in run.history["validation"]]
        for name, run in runs.items()
        if run.model.kind == "squared error"
    }
    return plotting.save(plotting.curves({"squared error per validation image": curves}, title=title), path)


def draw_plane(config: Config, images: Images, model: Autoencoder, path: Path) -> Path:
    x, labels = images.test
    with no_grad():
        codes = model.encode(*to(config.device, x)).numpy()
    return plotting.save(plotting.scatter(codes, labels, f"test digits as codes, seed {config.seed}", AXES), path)


if __name__ == "__main__":
    start(Config, main)
