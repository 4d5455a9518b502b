"""A VAE on real digits (S0, Unit 03): train it, look at what it learned, and measure it.

python -m demos.vae                    train on the bundled digits, look, and measure; under 2 minutes on 2 cores
python -m demos.vae --pretrained       pictures in seconds, from weights that come with the demo
python -m demos.vae --evaluate         the ELBO and an importance-sampled ln p(x) of these weights; wants --data
python -m demos.vae --classes          p(x | digit), Eq. 12.11: which digit to draw can be chosen (S4, lines 366–367)
python -m demos.vae --decoder normal   grey digits, p(x|z) Gaussian (S0, lines 687–700); or categorical, 256 grey levels

--draws 50 stands for the importance-weighted autoencoder of Burda et al. 2016 (arXiv:1509.00519), in training and as a
name of weights; its encoder learns by the doubly reparameterised gradient, Eq. 11.16. What two latent dimensions look
like, and what more of them change, is in demos.latent_space.
"""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, NamedTuple

import numpy as np
import threadpoolctl
from tqdm.auto import tqdm

from scratchgen import backend, no_grad, optim, plotting, training
from scratchgen.data import binarize, dequantize, quantize
from scratchgen.models.latent import VAE
from scratchgen.models.latent.bounds import Estimate, log_prob

from . import weights
from .conditional import OF_EACH, learn_judge
from .options import Bits, Images, Options, interval, load_bits, load_images, spread, start, tell, to
from .weights import best_epoch

DRAWS = 50  # of z per test image, for the ELBO
SAMPLES = 5000  # of z per test image, for ln p(x): as many as publications take
TOGETHER = 20  # images that one worker estimates at a time
LEVELS = 256  # of grey, in the files
NOISE_SEED = 0  # of what is added to the grey levels of the test images, once


@dataclass
class Config(Options):
    """Trains a VAE on digits; draws its training curves, reconstructions and samples from the prior."""

    epochs: Annotated[
        int | None,
        "passes over the data (default: 60 bundled, 8 with the complete MNIST, --quick 10; categorical a tenth)",
    ] = None
    batch_size: Annotated[int, "images per step"] = 100
    lr: Annotated[float, "Adam's learning rate at the beginning; it falls to 0 along a cosine"] = 2e-3
    network: Annotated[Literal["mlp", "conv"], "what encoder and decoder are made of"] = "mlp"
    hidden: Annotated[tuple[int, ...], "hidden units of an mlp, layer by layer; the decoder's in reverse"] = (400,)
    channels: Annotated[tuple[int, ...], "of conv's two convolutions; the decoder's in reverse"] = (16, 32)
    latent: Annotated[int, "latent dimensions"] = 20
    decoder: Annotated[
        Literal["bernoulli", "normal", "categorical"], "a pixel is black or white, a grey value, one of 256 levels"
    ] = "bernoulli"
    variance: Annotated[str, "of a Normal pixel: a number; or learned, scalar for all or pixel for each"] = "scalar"
    posterior: Annotated[Literal["diagonal", "full"], "the covariance of z that the encoder answers with"] = "diagonal"
    classes: Annotated[bool, "learn p(x | digit); not for the published bits"] = False
    bits: Annotated[Literal["dynamic", "static"], "the training images drawn anew, or drawn once"] = "dynamic"
    draws: Annotated[int, "samples of z per training image: 1 trains on the ELBO, k on the bound IWAE-k"] = 1
    warmup: Annotated[int, "epochs during which the weight of the KL rises from 0 to 1; 0 for none"] = 0
    start: Annotated[Path | None, "weights that --export wrote: to train on from, or for the next two options"] = None
    pretrained: Annotated[bool, "use the weights that come with the demo instead of training"] = False
    evaluate: Annotated[bool, "with these weights, only print the test numbers"] = False
    images: Annotated[int, "how many of the test images --evaluate takes, evenly spaced"] = 1000
    export: Annotated[Path | None, "write the trained weights to this file, small, with their recipe"] = None

    NAME: ClassVar[str] = "vae"
    QUICK: ClassVar[dict[str, Any]] = {"hidden": (200,), "channels": (8, 16)}

    @property
    def sizes(self) -> tuple[int, ...]:
        """Of the encoder's layers."""
        return self.channels if self.network == "conv" else self.hidden


FORM = (  # what weights have to fit
    "network", "hidden", "channels", "latent", "decoder", "variance", "posterior", "classes",
)  # fmt: skip
RECIPE = (*FORM, "bits", "draws", "warmup", "epochs", "batch_size", "lr", "seed")


# -------------------------------------------------------------------------------------------------------------- data
class Pixels(NamedTuple):
    """What a pixel is to a decoder."""

    shown: str
    protocol: str  # of the test images
    anew: Callable[[Any, Any], Any]  # a minibatch and a generator → the pixels to learn from
    cost: int = 1  # about how much dearer than a bit: so much fewer epochs, draws of z, images at once


PIXELS = {
    "bernoulli": Pixels(
        "black and white", "bits drawn once with a fixed seed", lambda x, rng: binarize(x, "dynamic", rng)
    ),
    "normal": Pixels("grey", "noise as wide as a level added once, with a fixed seed", dequantize),
    "categorical": Pixels("grey", "the levels of the files", lambda x, rng: x, 10),
}


def load_labelled(config: Config, how: str) -> Bits:
    """Digits as the decoder wants them, with labels where the model wants them."""
    bits = load_bits(config, how) if config.decoder == "bernoulli" else load_grey(config, how)
    if config.classes and not bits.labels:
        sys.exit("demos.vae: --classes wants digits with labels, the published bits have none: --bits dynamic has them")
    return bits


def load_grey(config: Config, how: str) -> Bits:
    """Grey digits: for a categorical decoder their levels; for a Normal one values in [0, 1], of which the test images
    are dequantized once, the others anew each time that they are seen."""
    if how == "static":
        sys.exit(f"demos.vae: --bits static are black and white, and --decoder {config.decoder} is one of grey digits")
    images = load_images(config)
    grey, labels = zip(images.train, images.validation, images.test)
    if config.decoder == "categorical":
        splits, name = [quantize(x, LEVELS) for x in grey], f"{LEVELS} grey levels"
    else:
        splits = [*grey[:2], dequantize(grey[2], np.random.default_rng(NOISE_SEED))]
        name = f"grey, its {LEVELS} levels dequantized"
    return Bits(*(x.reshape(-1, 1, 28, 28) for x in splits), labels, f"{images.name}, {name}", images.complete)


def split(config: Config, bits: Bits, which: int) -> list[np.ndarray]:
    """Training, validation or test set: images as rows, and labels where the model wants them."""
    return [flat(bits[which]), *([bits.labels[which]] if config.classes else [])]


# ---------------------------------------------------------------------------------------------------------- training
def make(config: Config) -> VAE:
    return VAE(
        784,
        config.sizes,
        config.latent,
        config.decoder,
        variance(config),
        posterior=config.posterior,
        classes=10 if config.classes else None,
        shape=(1, 28, 28) if config.network == "conv" else None,
        rng=np.random.default_rng(config.seed),
    )


def variance(config: Config) -> float | str | None:
    """--variance as `VAE` takes it. Ends the demo where it is none."""
    learned = {"scalar": "scalar", "pixel": None}
    if config.decoder != "normal" and config.variance == "scalar":
        return None
    if config.decoder == "normal" and config.variance in learned:
        return learned[config.variance]
    try:
        number = float(config.variance)
    except ValueError:
        number = math.nan
    if config.decoder != "normal" or not 0 < number < math.inf:
        sys.exit("demos.vae: --variance is a positive number, scalar or pixel, and wants --decoder normal")
    return number


def begin_at_the_mean(model: VAE, x: np.ndarray) -> None:
    """Set the decoder's output bias to the training mean, pixel by pixel; where it puts out logits, to the logits of
    the mean, as Burda et al. 2016 do, or of the share of each level.

    A decoder that knows nothing yet then begins at 206 nats per image and not at 784 ln 2 = 543, and the weights need
    not learn what a bias says: their first steps are already about how digits differ. A pixel that never has ink gets
    probability 1/(N + 2) of it, and 1/(N + 256) of a level that it never has (Laplace's rule), so that its logit is
    finite. A convolution has one bias for all pixels of a map, which says the mean of their means. The one variance of
    a Normal begins at what is left around the mean: Adam moves its logarithm by the learning rate a step, and from ln 1
    it would be on its way for a thousand steps and more, in which the KL counts for too much (page 33).
    """
    decoder = model.decoder
    if decoder.kind == "categorical":
        places = x.astype(np.int64) + LEVELS * np.arange(x.shape[1])
        counts = np.bincount(places.ravel(), minlength=LEVELS * x.shape[1]).reshape(-1, LEVELS).T
        decoder.output.bias.data[...] = np.log((counts + 1) / (len(x) + LEVELS))
        return
    p = (x.sum(0, dtype=np.float64) + 1) / (len(x) + 2)
    p = p.reshape(decoder.output.bias.size, -1).mean(1)
    decoder.output.bias.data[...] = p if decoder.kind == "normal" else np.log(p / (1 - p))
    if decoder.variance == "scalar":
        decoder.log_variance.data[...] = np.log(x.var(0).mean())


def loss_of(model: VAE, draws: int = 1) -> Any:
    """Minus the bound, of pixels that are drawn anew each time: b ~ Bernoulli(grey), or for a Normal decoder grey with
    noise as wide as a level, Eq. 2.3. Bits stay the bits they are, and levels the levels."""
    loss = model.loss if draws == 1 else model.iwae_loss(draws, doubly=True)
    anew = PIXELS[model.decoder.kind].anew
    return lambda x, *rest: loss(anew(x, rest[-1]), *rest)


def learn(config: Config, bits: Bits, snapshot: Any, before: Any = None) -> tuple[training.Run, dict[str, Any]]:
    """Train, keeping the weights of the best epoch by validation. Also returns what is to be known of them. `before` is
    the model to train on, and what is known of it."""
    usual = 10 if config.quick else 8 if bits.complete else 60
    config.epochs = config.epochs or max(1, usual // PIXELS[config.decoder].cost)
    facts: dict[str, Any] = {"data": bits.name}
    if before:
        model, facts["start"] = before
    else:
        model = make(config)
        begin_at_the_mean(model, flat(bits.train))
        model.to(config.device)
    recipe = {name: value for name, value in asdict(config).items() if name in RECIPE}
    schedule = optim.cosine_decay(config.epochs)
    run = training.Run(model, optim.Adam(model.parameters(), lr=config.lr), np.random.default_rng(config.seed + 1))
    bound = loss_of(model, config.draws)

    def loss(*batch_and_rng: Any) -> Any:
        model.beta = min(run.epoch / config.warmup, 1.0) if config.warmup else 1.0  # right after --resume, too
        return bound(*batch_and_rng)

    def cool(run: training.Run) -> None:
        run.optimizer.lr = config.lr * schedule(run.epoch)

    training.train(
        run,
        loss,
        to(config.device, *split(config, bits, 0)),
        validation=to(config.device, *split(config, bits, 1)),
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
    recipe = {name: tuple(value) if isinstance(value, list) else value for name, value in facts["recipe"].items()}
    trains_on = config.start and not (config.pretrained or config.evaluate)
    weights.adopt(config, recipe, *FORM, *(() if trains_on else ("bits", "draws")))
    model = make(config)
    model.load_state_dict(state)
    model.to(config.device)
    return model, facts


# --------------------------------------------------------------------------------------------------------- measuring
def measure(model: VAE, x: Any, seed: int, *labels: Any) -> tuple[float, float]:
    """The mean ELBO in nats per image, and its standard error over images."""
    rng = np.random.default_rng(seed)
    elbo = np.zeros(len(x))
    cost = PIXELS[model.decoder.kind].cost
    draws, at_once = DRAWS // cost, 1000 // cost
    with no_grad():
        for rows in (slice(i, i + at_once) for i in range(0, len(x), at_once)):
            for _ in range(draws):
                noise = backend.normal(rng, (len(x[rows]), model.latent), like=x)
                reconstruction, kl = model.elbo(x[rows], noise, *(y[rows] for y in labels))
                elbo[rows] -= (reconstruction + kl).numpy() / draws
    return mean_and_error(elbo)


def estimate(model: VAE, x: Any, config: Config, *labels: Any) -> Estimate:
    """ln p(x) by importance sampling. A few images at a time, each with noise of their own: with one worker or several
    the result is the same."""
    cost = PIXELS[model.decoder.kind].cost

    def some(i: int) -> Estimate:
        rows = slice(i, i + TOGETHER)
        rng = np.random.default_rng([config.seed, i])
        return log_prob(model, x[rows], SAMPLES // cost, rng, *(y[rows] for y in labels), chunk=1000 // cost)

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
    model, _ = pretrained(config)
    bits, cost = load_labelled(config, config.bits), PIXELS[config.decoder].cost
    x, *labels = to(config.device, *(spread(array, config.images) for array in split(config, bits, 2)))
    began = time.perf_counter()
    elbo, elbo_error = measure(model, x, config.seed, *labels)
    estimated = estimate(model, x, config, *labels)
    mean, error = mean_and_error(estimated.log_prob)
    median, least = np.median(estimated.effective), estimated.effective.min()
    print(
        f"test ELBO {elbo:.2f} ± {elbo_error:.2f} nats per image "
        f"({DRAWS // cost} draws of z each, the KL in closed form)\n"
        f"{bounded(config)} estimated with {SAMPLES // cost:,} draws each: {mean:.2f} ± {error:.2f} nats per image\n"
        f"  Mean ± standard error over {len(x):,} of {len(bits.test):,} test images of {bits.name}.\n"
        f"  Neither is a likelihood: both are, in expectation, lower bounds on {bounded(config)}. The effective\n"
        f"  sample size of the estimate is {median:.0f} in the median, {least:.1f} at the least."
        f"{of_levels(config, mean)}\n"
        f"  {sum(p.size for p in model.parameters()):,} parameters; seed {config.seed} for the noise; "
        f"{time.perf_counter() - began:.0f} s with {config.workers} workers."
    )


def tell_classes(config: Config, model: VAE, bits: Bits) -> None:
    """How many samples are of the digit that was asked for, as a classifier reads them that has learned from pixels of
    the same kind."""
    kind = (lambda x: binarize(x, "static")) if config.decoder == "bernoulli" else model.scaled
    splits = ((kind(flat(x)), labels) for x, labels in zip(bits[:3], bits.labels))
    judge = learn_judge(config, Images(*splits, bits.name, bits.complete))
    asked = np.repeat(np.arange(10), OF_EACH)
    samples = model.sample(len(asked), np.random.default_rng(config.seed), labels=to(config.device, asked)[0])
    hits = 100.0 * (judge.reads(backend.to_host(model.scaled(samples)))[0] == asked)
    worst = hits.reshape(10, OF_EACH).mean(1)
    print(
        "of the digit asked for: {:.1f} ± {:.1f} % of {:,} samples".format(*interval(hits), len(asked))
        + f" (95 %; worst: {worst.argmin()}, {worst.min():.0f} %)"
    )


# ---------------------------------------------------------------------------------------------------------- pictures
PANELS = {"ELBO": "ELBO", "reconstruction": "reconstruction, −ln p(x|z)", "KL": "KL(q(z|x) ‖ p(z))"}


def draw_training(run: training.Run, title: str, folder: Path) -> list[Path]:
    """Bound and terms against epochs, and the bound against the minutes that the training has taken."""
    curve = {
        name: {split: [metrics[name] for metrics in run.history[split]] for split in ("train", "validation")}
        for name in run.history["train"][0]
        if name != "loss"
    }
    terms = {f"{PANELS.get(name, name)} (nats per image)": lines for name, lines in curve.items()}
    bound = dict(list(terms.items())[:1])
    minutes = np.cumsum(run.seconds) / 60
    return [
        plotting.save(plotting.curves(terms, title=title), folder / "training.png"),
        plotting.save(plotting.curves(bound, "minutes", title, x=minutes), folder / "time.png"),
    ]


def draw_reconstructions(model: VAE, shown: list[Any], title: str, path: Path) -> Path:
    x, *labels = shown
    with no_grad():
        means = model.decode(model.encode(x, *labels).mean, *labels).mean.numpy()
    groups = {
        f"test digits, {PIXELS[model.decoder.kind].shown}": backend.to_host(model.scaled(x)),
        f"the mean of {decoder(model)} at z = μ(x)": model.scaled(means),
    }
    return plotting.save(plotting.comparison(groups, 10, title), path)


def draw_samples(model: VAE, shown: list[Any], title: str, seed: int, path: Path) -> Path:
    """Samples and their means; with classes, a row of each digit."""
    x, n = shown[0], len(shown[0])
    digits = backend.to_device(np.arange(n) * 10 // n, backend.device_of(x)) if model.classes else None
    drawn, means = (model.sample(n, np.random.default_rng(seed), mean, digits) for mean in (False, True))  # same z
    groups = {
        f"test digits, {PIXELS[model.decoder.kind].shown}": backend.to_host(model.scaled(x)),
        f"samples: z from the prior, x from {decoder(model)}": backend.to_host(model.scaled(drawn)),
        f"the means of {decoder(model)} for the same z": backend.to_host(model.scaled(means)),
    }
    return plotting.save(plotting.comparison(groups, 10, title), path)


def kind(config: Config) -> str:
    name = "VAE" if config.draws == 1 else f"IWAE-{config.draws}"
    adjectives = "convolutional " * (config.network == "conv") + "full-covariance " * (config.posterior == "full")
    if config.decoder != "bernoulli":
        adjectives += f"{config.decoder} " + f"(variance: {config.variance}) " * (config.decoder == "normal")
    return adjectives + "C" * config.classes + name


def decoder(model: VAE) -> str:
    return "p(x|z, digit)" if model.classes else "p(x|z)"


def bounded(config: Config) -> str:
    """What the ELBO is a lower bound of."""
    return "ln p(x | digit)" if config.classes else "ln p(x)"


def of_levels(config: Config, mean: float) -> str:
    """What a mean bound in nats per image says about grey levels, which are what the files hold."""
    if config.decoder == "bernoulli":
        return ""
    a_bit, said = 784 * math.log(2), "\n  "
    if config.decoder == "normal":
        mean -= 784 * math.log(LEVELS)
        said += (
            "A density of pixels in [0, 1]: it has no upper limit, and no probability compares with it. Less\n"
            f"  784 ln {LEVELS} it bounds the probability of the grey levels (Eq. 2.3): {mean:.2f} nats per image,\n  "
        )
    return f"{said}at most {-mean / a_bit:.3f} bits per pixel (the files: 8)."


def flat(images: np.ndarray) -> np.ndarray:
    return images.reshape(len(images), -1)


# -------------------------------------------------------------------------------------------------------------- main
def main(config: Config) -> None:
    """Train or load, draw, measure."""
    if config.draws < 1 or (config.warmup and config.draws > 1):
        sys.exit("demos.vae: --draws is at least 1; --warmup weighs the KL, and only the bound of --draws 1 has one")
    if len(config.channels) != 2:
        sys.exit("demos.vae: --channels are those of two convolutions, as in --channels 16 32")
    if config.evaluate:
        tell_numbers(config)
        return
    folder, seed = config.folder(), f"seed {config.seed}"
    before = pretrained(config) if config.pretrained or config.start else None
    if config.pretrained:
        model, facts = before
    bits = load_labelled(config, config.bits)
    x, *labels = to(config.device, *split(config, bits, 2))
    shown = to(config.device, *(spread(array, 100) for array in split(config, bits, 2)))

    def snapshot(run: training.Run) -> None:  # the same z every time: watch the picture while it trains
        if run.epoch % 20 == 0:
            draw_samples(run.model, shown, f"epoch {run.epoch}, {seed}", config.seed, folder / "samples.png")

    if config.pretrained:
        which = f"finished weights (epoch {facts['best epoch']})"
    else:
        run, facts = learn(config, bits, snapshot, before)
        model = run.model
        which = f"the weights with the best\n  validation bound (epoch {best_epoch(run)} of {run.epoch})"
        if config.export:
            weights.export(config.export, config.NAME, run, facts)

    mean, error = measure(model, x, config.seed, *labels)
    number = f"test ELBO {mean:.2f} ± {error:.2f} nats per image"
    sizes = (784, *config.sizes, config.latent, *config.sizes[::-1], 784)
    name = f"{kind(config)} {'–'.join(map(str, sizes))}, {seed}"
    training_curves = [] if config.pretrained else draw_training(run, name, folder)
    tell(
        *training_curves,
        draw_reconstructions(model, shown, f"{name}; {number}", folder / "reconstructions.png"),
        draw_samples(model, shown, f"{name}; {number}", config.seed, folder / "samples.png"),
    )
    protocol = "the published static bits" if "published" in bits.name else PIXELS[config.decoder].protocol
    print(
        f"{number}: mean ± standard error over {len(x):,} images of {bits.name}\n"
        f"  A lower bound on {bounded(config)}, not a likelihood. Protocol: {protocol};\n"
        f"  {DRAWS // PIXELS[config.decoder].cost} draws of z per image; the KL in closed form; {which}."
        + of_levels(config, mean)
    )
    if config.classes:
        tell_classes(config, model, bits)


if __name__ == "__main__":
    start(Config, main)
