"""Arithmetic with the vectors z of a DCGAN (벡터 연산; S0, lines 1511–1522; claim C-ARITH), measured.

python -m demos.dcgan_arithmetic                 with a DCGAN trained on the bundled digits
python -m demos.dcgan_arithmetic --pretrained    with the one that comes with the demo

The slide, from the DCGAN paper: mean z of smiling women − mean z of neutral women + mean z of neutral men is a smiling
man; the same sum of pixels is a blur. A digit does not smile, but it slants, and it is thick or thin, and both can be
measured. Does the difference of two means of z, added to new z's, change what it stands for? By as much as it should?
What else does it change? And what do the same sums of pixels give?
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar

import numpy as np

from scratchgen import no_grad, plotting
from scratchgen.models.adversarial import GAN, DCDiscriminator, DCGenerator

from .autoencoder import Judge
from .conditional import (
    ATTRIBUTES,
    OURS,
    Facts,
    card,
    export,
    facts_of,
    learn_judge,
    pixels,
    play,
    pretrained,
    square,
)
from .latent_space import direction, to_nearest
from .options import Images, Options, interval, load_images, start, tell, to

SHOWN = 8  # digits in the picture
RECIPE = ("channels", "latent", "epochs", "batch_size", "lr", "seed")


@dataclass
class Config(Options):
    """Trains a DCGAN, and adds differences of mean z's, and of mean images, to new digits."""

    epochs: Annotated[int | None, "passes over the data (default: 20 bundled, 2 with the complete MNIST)"] = None
    batch_size: Annotated[int, "images per step"] = 50
    lr: Annotated[float, "Adam's learning rate, for both players"] = 1e-3
    channels: Annotated[int, "at half the size; twice as many at a quarter"] = 8
    latent: Annotated[int, "dimensions of z"] = 32
    groups: Annotated[int, "of z's, at least 2: for each anew the means, and digits to change"] = 20
    size: Annotated[int, "z's from which the means are taken"] = 400
    pretrained: Annotated[bool, "use the DCGAN that comes with the demo; train the classifier alone"] = False
    export: Annotated[Path | None, "write the weights of the trained DCGAN to this file, with their recipe"] = None

    NAME: ClassVar[str] = "dcgan_arithmetic"
    QUICK: ClassVar[dict[str, Any]] = {"epochs": 5, "groups": 8}


# -------------------------------------------------------------------------------------------------------------- a ghost
def grey(x: np.ndarray) -> np.ndarray:
    """The share of the ink that is neither black nor nothing, Σ x(1 − x) / Σ x, (N,): what a blur or a ghost is of.

    Eq. 23.22 (derivations/23-conditional.md#eq-23-22)
    """
    return (x * (1 - x)).sum(1, dtype=np.float64) / x.sum(1, dtype=np.float64)


# ------------------------------------------------------------------------------------------------------------- training
def dcgan(channels: int, latent: int, rng: Any = None) -> GAN:
    both = (channels, 2 * channels)
    return GAN(DCGenerator(latent, both, rng=rng), DCDiscriminator(both, rng=rng))


def learn(config: Config, images: Images) -> tuple[Any, Facts]:
    """A DCGAN, as its last epoch leaves it: a function z (N, latent) → images (N, 784) in [0, 1], on the host; and what
    it took to make it."""
    if config.pretrained:
        gan, facts = pretrained(config, "dcgan", lambda recipe: dcgan(recipe["channels"], recipe["latent"]))
    else:
        gan = dcgan(config.channels, config.latent, np.random.default_rng(config.seed))
        epochs = config.epochs or (2 if images.complete else 20)
        run = play(config, "DCGAN", gan, (square(images.train[0]),), epochs, data=images.name)
        facts = facts_of(config, run, RECIPE, images.name)
        if config.export:
            export(config.export, config, run, facts)

    def paint(z: np.ndarray) -> np.ndarray:
        with no_grad():
            return pixels(gan.generator(*to(config.device, z.astype(np.float32))).data)

    return paint, facts


# ----------------------------------------------------------------------------------------------------------- arithmetic
Sums = dict[str, np.ndarray]
Measured = dict[str, dict[str, float]]


def sums(z: np.ndarray, x: np.ndarray, values: np.ndarray, labels: np.ndarray, new: np.ndarray, paint: Any) -> Sums:
    """New digits, and what they become: by the difference of the mean z's of the fifth with the highest and of that
    with the lowest values, within each class, and by that of the mean images.

    Eq. 23.19 (derivations/23-conditional.md#eq-23-19)
    """
    before = paint(new)
    return {
        "as they are": before,
        "in z": paint(new + direction(z, values, labels)),
        "in pixels": np.clip(before + direction(x, values, labels), 0, 1),
    }


def measure(config: Config, paint: Any, latent: int, judge: Judge, real: np.ndarray, name: str, rng: Any) -> Measured:
    """One group: for each kind of sum how far the attribute and the other one moved, in units of the difference asked
    for, and how good the digits are."""
    z, new = rng.standard_normal((config.size, latent)), rng.standard_normal((100, latent))
    x = paint(z)
    labels, values = judge.reads(x)[0], {other: f(x) for other, f in ATTRIBUTES.items()}
    asked = {other: direction(values[other][:, None], values[other], labels).item() for other in ATTRIBUTES}
    made = sums(z, x, values[name], labels, new, paint)
    before = made["as they are"]
    kinds = {}
    for kind, after in made.items():
        moved = {other: 100 * float((f(after) - f(before)).mean()) / asked[other] for other, f in ATTRIBUTES.items()}
        kinds[kind] = {
            "asked": asked[name],
            "moved": moved.pop(name),
            "moved the other": moved.popitem()[1],
            "same digit": 100 * float((judge.reads(after)[0] == judge.reads(before)[0]).mean()),
            "sure": 100 * float(judge.reads(after)[1].mean()),
            "grey": 100 * float(grey(after).mean()),
            "distance": judge.distance(after),
            "to nearest": float(to_nearest(after, real).mean()),
        }
    return kinds


COLUMNS = {
    "moved": "moved, %",
    "moved the other": "the other, %",
    "same digit": "same digit, %",
    "sure": "judge sure, %",
    "grey": "grey ink, %",
    "distance": "Fréchet d²",
    "to nearest": "d² to nearest",
}


def draw_sums(config: Config, paint: Any, judge: Judge, latent: int, title: str) -> Path:
    """The same new digits as they are, and by both sums, for each attribute."""
    rng = np.random.default_rng(config.seed)
    z, new = rng.standard_normal((config.size, latent)), rng.standard_normal((SHOWN, latent))
    x = paint(z)
    groups = {}
    for name, attribute in ATTRIBUTES.items():
        rows = sums(z, x, attribute(x), judge.reads(x)[0], new, paint)
        groups[f"{name}: as they are, in z, in pixels"] = np.concatenate(list(rows.values()))
    return plotting.save(plotting.comparison(groups, SHOWN, title), config.folder() / "arithmetic.png")


def main(config: Config) -> None:
    """Train, add, measure, draw."""
    if config.groups < 2:
        raise SystemExit("demos.dcgan_arithmetic: an interval needs --groups 2 or more")
    if config.size < 50:
        raise SystemExit("demos.dcgan_arithmetic: fifths of a class need five z's of it: --size 50 or more")
    images = load_images(config)
    judge = learn_judge(config, images)
    paint, facts = learn(config, images)
    latent, channels = (facts["recipe"][name] for name in ("latent", "channels"))
    print(
        "\nclaim C-ARITH: the difference of mean z's, of many and of little, added to other z's, changes that and\n"
        "leaves a digit; the same with pixels does not. Moved by how much of the difference asked for (100: all), and\n"
        f"what the digits are like then; {config.groups} groups of {config.size} z's for the means and 100 new ones,\n"
        "± 95 % over groups."
    )
    print(f"{'':24}" + "".join(f"{column:>17}" for column in COLUMNS.values()))
    told: dict[str, dict[str, dict[str, list[float]]]] = {}
    for number, name in enumerate(ATTRIBUTES):
        rngs = [np.random.default_rng([config.seed, number, group]) for group in range(config.groups)]
        found = [measure(config, paint, latent, judge, images.train[0][:5000], name, rng) for rng in rngs]
        told[name] = {kind: {key: [f[kind][key] for f in found] for key in found[0][kind]} for kind in found[0]}
        for kind, numbers in told[name].items():
            cells = ["{:.1f} ± {:.1f}".format(*interval(numbers[key])) for key in COLUMNS]
            print(f"{name + ', ' + kind:24}" + "".join(f"{cell:>17}" for cell in cells))
        print("  asked for: {:+.3f} ± {:.3f}".format(*interval(told[name]["in z"]["asked"])))
    print(
        card(
            config,
            images,
            facts,
            z=f"{latent} dimensions, N(0, I)",
            objective=f"non-saturating; {channels} and {2 * channels} channels",
            samples=f"{config.groups} groups of {config.size} for means and 100 new ones, ± 95 % over groups; {OURS}",
        )
    )

    dots = {
        f"{column}: {name}": {kind.replace(" ", "\n", 1): numbers[key] for kind, numbers in told[name].items()}
        for key, column in COLUMNS.items()
        if key in ("moved", "grey")
        for name in ATTRIBUTES
    }
    protocol = f"DCGAN of {channels}, {2 * channels} channels, z of {latent}, seed {config.seed}, {facts['data']}"
    tell(
        draw_sums(config, paint, judge, latent, protocol),
        plotting.save(plotting.dots(dots, f"a dot for each group: {protocol}"), config.folder() / "measured.png"),
    )
    for name, kinds in told.items():
        apart = {key: interval([a - b for a, b in zip(kinds["in pixels"][key], kinds["in z"][key])]) for key in COLUMNS}
        cells = ("{} {:+.1f} ± {:.1f}".format(column, *apart[key]) for key, column in COLUMNS.items())
        print(f"C-ARITH, {name}, pixels less z: {', '.join(cells)}")


if __name__ == "__main__":
    start(Config, main)
