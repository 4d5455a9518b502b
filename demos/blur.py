"""Why a VAE's images are blurred (흐림): its prior, or its decoder? (S4, lines 368–374; erratum E16, claim C-BLUR.)

python -m demos.blur      changes the one and the other, and measures sharpness; about 5 minutes on 2 free cores

S4 says that images are blurred because z is assumed to be Gaussian. So take better priors, up to the best that there
is, and keep the decoder; then keep z as Gaussian as it was and change the decoder. Beside them stand two GANs, whose z
is Gaussian, too, and whose G is no mean of anything. See derivations/33-blur.md.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, Any, ClassVar

import numpy as np

from scratchgen import backend, nn, no_grad, plotting
from scratchgen import functional as F
from scratchgen.autograd import Tensor
from scratchgen.data import binarize, quantize
from scratchgen.evaluation import sharpness
from scratchgen.models.classifier import MLPClassifier
from scratchgen.models.latent import VAE

from . import gan
from .autoencoder import COMPONENTS, Judge, draw_codes, learn
from .conditional import pretrained
from .options import Images, Options, interval, load_images, start, tell, to
from .vae import begin_at_the_mean

LEVELS = 16  # grey levels that the autoregressive decoder knows
SIDE, WINDOW = 28, 7
SHOWN = 36
PRIORS = ("N(0, I)", f"mixture of {COMPONENTS} normals", "aggregate posterior")
DECODERS: dict[str, tuple[str, Any]] = {
    "one learned variance": ("normal", "scalar"),
    "variance 1": ("normal", 1.0),
    "a variance for each pixel": ("normal", None),
    "Bernoulli": ("bernoulli", None),
}
USUAL = "one learned variance"
GANS = {"GAN": "mlp", "DCGAN": "dcgan"}  # whose weights come with demos.gan


@dataclass
class Config(Options):
    """Trains VAEs on grey digits, changes prior and decoder, and measures how sharp the images are."""

    epochs: Annotated[int | None, "passes over the data (default: 60 bundled, 6 with the complete MNIST)"] = None
    batch_size: Annotated[int, "images per step"] = 100
    lr: Annotated[float, "Adam's learning rate"] = 2e-3
    hidden: Annotated[int, "hidden units of encoder and decoder"] = 128
    latent: Annotated[int, "latent dimensions"] = 20
    channels: Annotated[int, "of the autoregressive decoder"] = 24
    passes: Annotated[int, "passes over the data of the autoregressive decoder, in small batches"] = 4
    seeds: Annotated[int, "runs of everything, for the intervals"] = 3
    images: Annotated[int, "how many images of each kind are measured"] = 500

    NAME: ClassVar[str] = "blur"
    QUICK: ClassVar[dict[str, Any]] = {
        "epochs": 3,
        "hidden": 64,
        "channels": 16,
        "passes": 1,
        "seeds": 2,
        "images": 150,
    }


# ------------------------------------------------------------------------------------------------- another decoder
class Neighbours(nn.Module):
    """p(x|z) = Πᵢ p(xᵢ | the pixels before i in a 7×7 window, m(z) around i): grey levels, one after the other.

    The mean m(z) of a finished decoder says where ink belongs; the 24 pixels before i say whether the stroke's edge has
    been passed already, which m(z), a mean over all places where it may be, cannot say.
    Eq. 33.9 (derivations/33-blur.md#eq-33-9)
    """

    def __init__(self, channels: int, rng: Any = None) -> None:
        self.before: Any = nn.MaskedConv2d("A", 1, channels, WINDOW, rng=rng)
        self.around = nn.Conv2d(1, channels, WINDOW, padding=WINDOW // 2, rng=rng)
        self.hidden = nn.Conv2d(channels, channels, 1, rng=rng)
        self.output = nn.Conv2d(channels, LEVELS, 1, rng=rng)

    def forward(self, x: Any, m: Any) -> Tensor:
        """Logits (N, LEVELS, 28, 28), of images and means (N, 1, 28, 28)."""
        return self.output(F.relu(self.hidden(F.relu(self.before(x) + self.around(m)))))

    def loss_given(self, vae: VAE) -> Any:
        """−ln p(x|z), z ~ q(z|x): what the decoder has to do with the ELBO. Encoder and prior stay as they are, so the
        KL stays what it is, and z cannot be forgotten."""

        def loss(x: Any, rng: Any) -> tuple[Tensor, dict[str, Any]]:
            with no_grad():
                m = vae.decode(vae.encode(x).sample(rng)).mean.data
            levels = quantize(x, LEVELS)
            logits = self(image(levels / np.float32(LEVELS - 1)), image(m))
            nats = F.cross_entropy(logits, levels.reshape(-1, SIDE, SIDE).astype(np.int64), "sum") * (1 / len(x))
            return nats, {"NLL": nats.data}

        return loss

    @no_grad()
    def draw(self, m: Any, rng: Any) -> Any:
        """One image (N, 784) for each mean m (N, 784), pixel by pixel."""
        n, edge = len(m), WINDOW // 2
        x = np.zeros_like(m, shape=(n, SIDE + 2 * edge, SIDE + 2 * edge))
        around = self.around(image(m)).data
        weight = self.before.seen_weight.data.reshape(len(self.before.weight), -1).T
        for i, j in np.ndindex(SIDE, SIDE):
            seen = x[:, i : i + WINDOW, j : j + WINDOW].reshape(n, -1) @ weight + self.before.bias.data
            h = F.relu(at_a_pixel(self.hidden, F.relu(seen + around[:, :, i, j])))
            logits = at_a_pixel(self.output, h)
            u = backend.uniform(rng, (n, 1), logits)
            level = (u >= np.cumsum(F.softmax(logits, -1), 1)[:, :-1]).sum(1)
            x[:, i + edge, j + edge] = level.astype(x.dtype) / (LEVELS - 1)
        return x[:, edge:-edge, edge:-edge].reshape(n, SIDE * SIDE)


def at_a_pixel(layer: Any, h: Any) -> Any:
    """A 1×1 convolution of one pixel's features (N, C)."""
    return h @ layer.weight.data[:, :, 0, 0].T + layer.bias.data


def image(flat: Any) -> Any:
    return flat.reshape(len(flat), 1, SIDE, SIDE)


# ---------------------------------------------------------------------------------------------------------- priors
def codes(vae: VAE, images: Images, n: int, rng: np.random.Generator, device: str) -> dict[str, Any]:
    """n codes from each prior. The last one is what training images are encoded to, mixed: of all priors the one
    with the highest ELBO, Eq. 33.7 (derivations/33-blur.md#eq-33-7)."""
    with no_grad():
        q = vae.encode(*to(device, images.train[0]))
        aggregate = backend.to_host(q.sample(rng).data)
    drawn = (
        rng.standard_normal((n, vae.latent), dtype=np.float32),
        draw_codes(aggregate, min(COMPONENTS, len(aggregate) // 20), n, rng),
        aggregate[rng.choice(len(aggregate), n)],
    )
    return dict(zip(PRIORS, (to(device, z)[0] for z in drawn)))


# -------------------------------------------------------------------------------------------------------------- main
def main(config: Config) -> None:
    """Train everything as often as there are seeds, change prior and decoder, measure, draw."""
    images = load_images(config)
    epochs = config.epochs or (6 if images.complete else 60)
    config.epochs = epochs
    classifier = learn(config, images, "classifier", lambda rng: MLPClassifier(SIDE * SIDE, 100, rng=rng)).model
    judge = Judge(classifier, images.train[0], config.device)
    real = images.test[0]
    found: dict[tuple[str, str], list[tuple[float, float]]] = {}
    kept: dict[tuple[str, str], np.ndarray] = {}
    parts, games = [], {name: game(config, model) for name, model in GANS.items()}
    for seed in range(config.seed, config.seed + config.seeds):
        run = replace(config, seed=seed, out=config.folder())
        made, split = one_seed(run, images)
        parts.append(split)
        made |= {(name, PRIORS[0]): gan.made(each, run.images, seed) for name, each in games.items()}
        for name, x in made.items():
            found.setdefault(name, []).append((float(sharpness(x).mean()), judge.distance(x)))
        kept = kept or made
    true = float(sharpness(real).mean())
    levels = float(sharpness(quantize(real, LEVELS) / (LEVELS - 1)).mean())
    print(table(found, true, judge.distance(real[: config.images]), levels))
    explain(parts, true)
    tell(*draw(config, found, kept, real, true))
    conclude(config, found, true, images)


def one_seed(config: Config, images: Images) -> tuple[dict[tuple[str, str], np.ndarray], tuple[float, ...]]:
    """Images of every kind from models of one seed, and what becomes of the real ones' sharpness (`decompose`)."""
    rng, n = np.random.default_rng([config.seed, 1]), config.images
    vaes = {name: train(config, images, name) for name in DECODERS}
    usual = vaes[USUAL]
    # Never resumed: what it has learned is about the codes of a VAE that may have been trained on since.
    own = replace(config, epochs=config.passes, batch_size=25, lr=5e-3, resume=False)
    refiner: Neighbours = learn(
        own,
        images,
        f"autoregressive {config.seed}",
        lambda rng: Neighbours(config.channels, rng),
        lambda model: model.loss_given(usual),
    ).model
    with no_grad():
        drawn = {prior: usual.decode(z) for prior, z in codes(usual, images, n, rng, config.device).items()}
        made = {("mean", prior): p.mean.data for prior, p in drawn.items()}
        made["draw", PRIORS[0]] = drawn[PRIORS[0]].sample(rng).data
        made |= {("autoregressive", prior): refiner.draw(p.mean.data, rng) for prior, p in drawn.items()}
        for name in DECODERS:
            if name != USUAL:
                made[f"mean; {name}", PRIORS[0]] = vaes[name].sample(n, rng, mean=True)
    made = {key: backend.to_host(x) for key, x in made.items()}
    return made, decompose(usual, images.test[0], rng, config.device)


def game(config: Config, model: str) -> Any:
    """A GAN of demos.gan, trained long ago: each seed here is one of its z."""
    usual = gan.Config(device=config.device)
    return pretrained(usual, f"gan-{model}", lambda recipe: gan.make(replace(usual, **recipe)))[0]


def train(config: Config, images: Images, name: str) -> VAE:
    """A VAE of one decoder, which begins at the mean digit; a Bernoulli wants bits, and gets new ones each time."""
    kind, variance = DECODERS[name]

    def loss(model: VAE) -> Any:
        return model.loss if kind == "normal" else lambda x, rng: model.loss(binarize(x, "dynamic", rng), rng)

    def build(rng: Any) -> VAE:
        model = VAE(SIDE * SIDE, config.hidden, config.latent, kind, variance, rng=rng)
        begin_at_the_mean(model, images.train[0])
        return model

    model: VAE = learn(config, images, f"{name} {config.seed}", build, loss).model
    return model


def decompose(vae: VAE, x: np.ndarray, rng: np.random.Generator, device: str) -> tuple[float, ...]:
    """S(x) = S(m) + S(x − m) + cross term, of test digits and their own m(z), z ~ q(z|x).  Eq. 33.6
    (derivations/33-blur.md#eq-33-6)"""
    with no_grad():
        m = backend.to_host(vae.decode(vae.encode(*to(device, x)).sample(rng)).mean.data)
    of_mean, of_rest = float(sharpness(m).mean()), float(sharpness(x - m).mean())
    return of_mean, of_rest, float(sharpness(x).mean()) - of_mean - of_rest


# ----------------------------------------------------------------------------------------------------------- numbers
def table(found: dict[Any, list[tuple[float, float]]], true: float, floor: float, levels: float) -> str:
    lines = [
        f"{'decoder, what is shown':34}{'z from':24}{'sharpness':>12}{'of real':>17}{'Fréchet distance':>20}",
        f"{'real test digits':58}{true:12.4f}{'100%':>17}{floor:11.2f}",
        f"{f'the same, at {LEVELS} grey levels':58}{levels:12.4f}{levels / true:17.0%}",
    ]
    for (decoder, prior), values in found.items():
        (sharp, half), (distance, more) = (interval(list(each)) for each in zip(*values))
        lines.append(
            f"{decoder:34}{prior:24}{sharp:12.4f} ± {half:<7.4f}{sharp / true:7.0%}{distance:11.2f} ± {more:<6.2f}"
        )
    return "\n" + "\n".join(lines)


def explain(parts: list[tuple[float, ...]], true: float) -> None:
    of_mean, of_rest, cross = np.mean(parts, 0) / true
    print(
        f"\nOf the sharpness of a test digit {of_mean:.0%} is in m(z) for its own z, {of_rest:.0%} in what m(z) "
        f"misses, {cross:.0%} between them\n  (no prior has a say here: z comes from the encoder). A decoder with "
        "independent pixels shows the first, or adds noise."
    )


def conclude(config: Config, found: dict[Any, list[tuple[float, float]]], true: float, images: Images) -> None:
    share = {key: np.mean([sharp for sharp, _ in values]) / true for key, values in found.items()}
    near = {key: np.mean([distance for _, distance in values]) for key, values in found.items()}
    plain, best, other = ("mean", PRIORS[0]), ("mean", PRIORS[2]), ("autoregressive", PRIORS[0])
    print(
        f"Mean ± 95 % interval over {config.seeds} seeds from {config.seed} on, {config.images:,} images each, "
        f"{images.name};\n  sharpness: variance of the Laplacian of pixels in [0, 1]. Noise is sharp as well: look at "
        "the Fréchet distance.\n"
        "  The GANs are those that come with demos.gan, one training each: their intervals are about z alone.\n"
        f"The Fréchet distance with N(0, I) and with the best prior: {near[plain]:.2f} → {near[best]:.2f}; "
        f"with another decoder: {near[other]:.2f}.\n"
        f"E16: the best prior of all changes the sharpness from {share[plain]:.1%} to {share[best]:.1%} of real "
        f"digits, another decoder to {share[other]:.0%}, "
        f"without a likelihood it is {share['GAN', PRIORS[0]]:.0%} (GAN) and {share['DCGAN', PRIORS[0]]:.0%} (DCGAN)"
    )


# ---------------------------------------------------------------------------------------------------------- pictures
def draw(config: Config, found: Any, kept: Any, real: np.ndarray, true: float) -> list[Any]:
    shown = {"real test digits": real[:SHOWN]}
    keys = [("mean", PRIORS[0]), ("mean", PRIORS[2]), ("draw", PRIORS[0]), ("autoregressive", PRIORS[0])]
    keys += [(name, PRIORS[0]) for name in GANS]
    for key in keys:
        shown[f"{key[0]}, z ~ {key[1]}\nsharpness {sharpness(kept[key]).mean() / true:.0%}"] = kept[key][:SHOWN]
    title = f"prior or decoder? VAE 784–{config.hidden}–{config.latent}, {config.epochs} epochs, seed {config.seed}"
    quiet = {key: values for key, values in found.items() if key[0] not in ("draw", "GAN")}  # these have specks
    spread = {f"{d}, {p}": interval([100 * s / true for s, _ in v]) for (d, p), v in quiet.items()}
    bars = plotting.bars(
        {name: mean for name, (mean, _) in spread.items()},
        "sharpness, % of that of real digits",
        f"change the prior, or the decoder; {config.seeds} seeds, 95 % intervals",
        {name: half for name, (_, half) in spread.items()},
    )
    return [
        plotting.save(plotting.comparison(shown, 6, title), config.folder() / "images.png"),
        plotting.save(bars, config.folder() / "sharpness.png"),
    ]


if __name__ == "__main__":
    start(Config, main)
