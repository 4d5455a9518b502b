"""A VAE on real digits (S0, Unit 03): train it, look at what it learned, and measure it.

python -m demos.vae                    train on the bundled digits, look, and measure; under 2 minutes on 2 cores
python -m demos.vae --pretrained       pictures in seconds, from weights that come with the demo
python -m demos.vae --evaluate         the ELBO and an importance-sampled ln p(x) of these weights; wants --data

--draws 50 stands for the importance-weighted autoencoder of Burda et al. 2016 (arXiv:1509.00519), in training and as a
name of weights; its encoder learns by the doubly reparameterised gradient, Eq. 11.16. What two latent dimensions look
like, and what more of them change, is in demos.latent_space.
"""

from __future__ import annotations

import math
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
import threadpoolctl
from tqdm.auto import tqdm

from scratchgen import backend, no_grad, optim, plotting, training
from scratchgen.data import binarize
from scratchgen.models.latent import VAE
from scratchgen.models.latent.bounds import Estimate, log_prob

from . import weights
from .options import Bits, Options, load_bits, spread, start, tell, to
from .weights import best_epoch

DRAWS = 50  # of z per test image, for the ELBO
SAMPLES = 5000  # of z per test image, for ln p(x): as many as publications take
TOGETHER = 20  # images that one worker estimates at a time


@dataclass
class Config(Options):
    """Trains a VAE on digits; draws its training curves, reconstructions and samples from the prior."""

    epochs: Annotated[int | None, "passes over the data (default: 60 bundled, 8 with the complete MNIST)"] = None
    batch_size: Annotated[int, "images per step"] = 100
    lr: Annotated[float, "Adam's learning rate at the beginning; it falls to 0 along a cosine"] = 2e-3
    hidden: Annotated[tuple[int, ...], "hidden units, layer by layer; the decoder's in reverse"] = (400,)
    latent: Annotated[int, "latent dimensions"] = 20
    bits: Annotated[Literal["dynamic", "static"], "the training images drawn anew, or drawn once"] = "dynamic"
    draws: Annotated[int, "samples of z per training image: 1 trains on the ELBO, k on the bound IWAE-k"] = 1
    warmup: Annotated[int, "epochs during which the weight of the KL rises from 0 to 1; 0 for none"] = 0
    start: Annotated[Path | None, "weights that --export wrote: to train on from, or for the next two options"] = None
    pretrained: Annotated[bool, "use the weights that come with the demo instead of training"] = False
    evaluate: Annotated[bool, "with these weights, only print the test numbers"] = False
    images: Annotated[int, "how many of the test images --evaluate takes, evenly spaced"] = 1000
    export: Annotated[Path | None, "write the trained weights to this file, small, with their recipe"] = None

    NAME: ClassVar[str] = "vae"
    QUICK: ClassVar[dict[str, Any]] = {"epochs": 10, "hidden": (200,)}


RECIPE = ("hidden", "latent", "bits", "draws", "warmup", "epochs", "batch_size", "lr", "seed")


# ---------------------------------------------------------------------------------------------------------- training
def make(config: Config) -> VAE:
    return VAE(784, config.hidden, config.latent, rng=np.random.default_rng(config.seed))


def begin_at_the_mean(model: VAE, x: np.ndarray) -> None:
    """Set the decoder's output bias to the training mean, pixel by pixel; where it puts out logits, to the logits of
    the mean, as Burda et al. 2016 do.

    A decoder that knows nothing yet then begins at 206 nats per image and not at 784 ln 2 = 543, and the weights need
    not learn what a bias says: their first steps are already about how digits differ. A pixel that never has ink gets
    probability 1/(N + 2) of it (Laplace's rule), so that its logit is finite. The one variance of a Normal begins at
    what is left around the mean: Adam moves its logarithm by the learning rate a step, and from ln 1 it would be on its
    way for a thousand steps and more, in which the KL counts for too much (page 33).
    """
    p, decoder = (x.sum(0, dtype=np.float64) + 1) / (len(x) + 2), model.decoder
    decoder.output.bias.data[...] = p if decoder.kind == "normal" else np.log(p / (1 - p))
    if decoder.variance == "scalar":
        decoder.log_variance.data[...] = np.log(x.var(0).mean())


def loss_of(model: VAE, draws: int = 1) -> Any:
    """Minus the bound, of pixels that are drawn anew each time: b ~ Bernoulli(grey). Bits stay the bits they are."""
    loss = model.loss if draws == 1 else model.iwae_loss(draws, doubly=True)
    return lambda x, rng: loss(binarize(x, "dynamic", rng), rng)


def learn(config: Config, bits: Bits, snapshot: Any) -> tuple[training.Run, dict[str, Any]]:
    """Train, keeping the weights of the best epoch by validation. Also returns what is to be known of them."""
    config.epochs = config.epochs or (8 if bits.complete else 60)
    facts: dict[str, Any] = {"data": bits.name}
    if config.start:
        model, before = pretrained(config)
        facts["start"] = before
    else:
        model = make(config)
        begin_at_the_mean(model, flat(bits.train))
        model.to(config.device)
    recipe = {name: value for name, value in asdict(config).items() if name in RECIPE}
    schedule = optim.cosine_decay(config.epochs)
    run = training.Run(model, optim.Adam(model.parameters(), lr=config.lr), np.random.default_rng(config.seed + 1))
    bound = loss_of(model, config.draws)

    def loss(x: Any, rng: Any) -> Any:
        model.beta = min(run.epoch / config.warmup, 1.0) if config.warmup else 1.0  # right after --resume, too
        return bound(x, rng)

    def cool(run: training.Run) -> None:
        run.optimizer.lr = config.lr * schedule(run.epoch)

    training.train(
        run,
        loss,
        to(config.device, flat(bits.train)),
        validation=to(config.device, flat(bits.validation)),
        epochs=config.epochs,
        batch_size=config.batch_size,
        workers=config.workers,
        callbacks=[cool, snapshot],
        checkpoint=config.folder() / "vae.npz",
        config={**recipe, **facts, "workers": config.workers},
        resume=config.resume,
        title=f"{kind(config)}, nats per image",
    )
    model.load_state_dict(run.best)
    return run, {**facts, "recipe": recipe, "validation bound": -min(run.losses)}


def pretrained(config: Config) -> tuple[VAE, dict[str, Any]]:
    """The model whose weights are in --start or come with the demo, and what is known of them."""
    path = config.start or weights.shipped(f"{'vae' if config.draws == 1 else 'iwae'}-{config.bits}")
    state, facts = weights.load(path, config.NAME)
    recipe = facts["recipe"] | {"hidden": tuple(facts["recipe"]["hidden"])}
    weights.adopt(config, recipe, "hidden", "latent", *(() if config.start else ("draws",)))
    model = make(config)
    model.load_state_dict(state)
    model.to(config.device)
    return model, facts


# --------------------------------------------------------------------------------------------------------- measuring
def measure(model: VAE, x: Any, seed: int) -> tuple[float, float]:
    """The mean ELBO in nats per image, and its standard error over images."""
    rng = np.random.default_rng(seed)
    elbo = np.zeros(len(x))
    with no_grad():
        for rows in (slice(i, i + 1000) for i in range(0, len(x), 1000)):
            for _ in range(DRAWS):
                noise = backend.normal(rng, (len(x[rows]), model.latent), like=x)
                reconstruction, kl = model.elbo(x[rows], noise)
                elbo[rows] -= (reconstruction + kl).numpy() / DRAWS
    return mean_and_error(elbo)


def estimate(model: VAE, x: Any, config: Config) -> Estimate:
    """ln p(x) by importance sampling. A few images at a time, each with noise of their own: with one worker or several
    the result is the same."""

    def some(i: int) -> Estimate:
        return log_prob(model, x[i : i + TOGETHER], SAMPLES, np.random.default_rng([config.seed, i]))

    backend.keep_memory()
    with threadpoolctl.threadpool_limits(1, "blas"), ThreadPoolExecutor(config.workers) as pool:
        begins = range(0, len(x), TOGETHER)
        parts = list(tqdm(pool.map(some, begins), "ln p(x)", len(begins), unit_scale=TOGETHER, disable=None))
    return Estimate(*(np.concatenate(part) for part in zip(*parts)))


def mean_and_error(values: np.ndarray) -> tuple[float, float]:
    """The mean over images, and its standard error."""
    return float(values.mean()), float(values.std(ddof=1) / math.sqrt(len(values)))


def tell_numbers(config: Config) -> None:
    """Both numbers of finished weights, and their protocol."""
    model, facts = pretrained(config)
    bits = load_bits(config, facts["recipe"]["bits"])
    (x,) = to(config.device, flat(spread(bits.test, config.images)))
    began = time.perf_counter()
    elbo, elbo_error = measure(model, x, config.seed)
    estimated = estimate(model, x, config)
    mean, error = mean_and_error(estimated.log_prob)
    median, least = np.median(estimated.effective), estimated.effective.min()
    print(
        f"test ELBO {elbo:.2f} ± {elbo_error:.2f} nats per image ({DRAWS} draws of z each, the KL in closed form)\n"
        f"ln p(x) estimated with {SAMPLES:,} draws each: {mean:.2f} ± {error:.2f} nats per image\n"
        f"  Mean ± standard error over {len(x):,} of {len(bits.test):,} test images of {bits.name}.\n"
        f"  Neither is a likelihood: both are, in expectation, lower bounds on ln p(x). The effective sample size of\n"
        f"  the estimate is {median:.0f} in the median, {least:.1f} at the least.\n"
        f"  {sum(p.size for p in model.parameters()):,} parameters; seed {config.seed} for the noise; "
        f"{time.perf_counter() - began:.0f} s with {config.workers} workers."
    )


# ---------------------------------------------------------------------------------------------------------- pictures
PANELS = {"ELBO": "ELBO", "reconstruction": "reconstruction, −ln p(x|z)", "KL": "KL(q(z|x) ‖ p(z))"}


def draw_training(run: training.Run, title: str, path: Path) -> Path:
    panels = {
        f"{PANELS.get(name, name)} (nats per image)": {
            split: [metrics[name] for metrics in run.history[split]] for split in ("train", "validation")
        }
        for name in run.history["train"][0]
        if name != "loss"
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


def kind(config: Config) -> str:
    return "VAE" if config.draws == 1 else f"IWAE-{config.draws}"


def flat(images: np.ndarray) -> np.ndarray:
    return images.reshape(len(images), -1)


# -------------------------------------------------------------------------------------------------------------- main
def main(config: Config) -> None:
    """Train or load, draw, measure."""
    if config.draws < 1 or (config.warmup and config.draws > 1):
        sys.exit("demos.vae: --draws is at least 1; --warmup weighs the KL, and only the bound of --draws 1 has one")
    if config.evaluate:
        tell_numbers(config)
        return
    folder, seed = config.folder(), f"seed {config.seed}"
    if config.pretrained:
        model, facts = pretrained(config)
        config.bits, config.draws = facts["recipe"]["bits"], facts["recipe"]["draws"]
    bits = load_bits(config, config.bits)
    test, shown = to(config.device, flat(bits.test), flat(spread(bits.test, 100)))

    def snapshot(run: training.Run) -> None:  # the same z every time: watch the picture while it trains
        if run.epoch % 20 == 0:
            draw_samples(run.model, shown, f"epoch {run.epoch}, {seed}", config.seed, folder / "samples.png")

    if config.pretrained:
        which = f"finished weights (epoch {facts['best epoch']})"
    else:
        run, facts = learn(config, bits, snapshot)
        model = run.model
        which = f"the weights with the best\n  validation bound (epoch {best_epoch(run)} of {run.epoch})"
        if config.export:
            weights.export(config.export, config.NAME, run, facts)

    mean, error = measure(model, test, config.seed)
    number = f"test ELBO {mean:.2f} ± {error:.2f} nats per image"
    sizes = (784, *config.hidden, config.latent, *config.hidden[::-1], 784)
    name = f"{kind(config)} {'–'.join(map(str, sizes))}, {seed}"
    training_curves = [] if config.pretrained else [draw_training(run, name, folder / "training.png")]
    tell(
        *training_curves,
        draw_reconstructions(model, shown, f"{name}; {number}", folder / "reconstructions.png"),
        draw_samples(model, shown, f"{name}; {number}", config.seed, folder / "samples.png"),
    )
    protocol = "the published static bits" if "published" in bits.name else "bits drawn once with a fixed seed"
    print(
        f"{number}: mean ± standard error over {len(test):,} images of {bits.name}\n"
        f"  A lower bound on ln p(x), not a likelihood. Protocol: {protocol};\n"
        f"  {DRAWS} draws of z per image; the KL in closed form; {which}."
    )


if __name__ == "__main__":
    start(Config, main)
