"""Does it matter in which order the pixels are taken (S0, lines 273 and 346; claim C-ORDER)? Any order is exact.

python -m demos.orderings
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

import numpy as np

from scratchgen import functional as F
from scratchgen import no_grad, optim, plotting, training
from scratchgen.data import binarize, downsample
from scratchgen.models.autoregressive import MADE, NADE, Autoregressive, Mixture, raster, shuffled, spiral

from .options import Images, Options, interval, load_images, start, tell, to

ORDERS: dict[str, Callable[[int, Any], list[int]]] = {
    "raster": lambda side, rng: raster(side, side),
    "random": lambda side, rng: shuffled(side, side, rng),
    "spiral": lambda side, rng: spiral(side, side),
}
MIXED = "4 random, mixed"
CLAIM = "pytorch-generative found random orders better than raster order for MADE"


@dataclass
class Config(Options):
    """Trains small MADEs and NADEs in raster, random and spiral order, and a mixture of four random orders."""

    epochs: Annotated[int | None, "passes over the data (default: 8 bundled, 2 with the complete MNIST)"] = None
    batch_size: Annotated[int, "images per step"] = 100
    seeds: Annotated[int, "runs of each kind, at least 2: first weights, minibatches, random orders"] = 3

    side: Annotated[Literal[28, 14, 7], "the images are made smaller, side × side pixels"] = 14

    NAME: ClassVar[str] = "orderings"
    QUICK: ClassVar[dict[str, Any]] = {"epochs": 2, "seeds": 2}


def build(kind: str, order: str, side: int, rng: np.random.Generator) -> tuple[Autoregressive, float]:
    """A model, and the learning rate at which it does well (found by hand on the validation images)."""
    shape = (side * side,)
    if kind == "NADE":
        return NADE(shape, 64, ORDERS[order](side, rng), rng), 0.02
    if order != MIXED:
        return MADE(shape, (256,), ORDERS[order](side, rng), rng), 0.01
    first, *others = (shuffled(side, side, rng) for _ in range(4))
    made = MADE(shape, (256,), first, rng)
    return Mixture([made, *(made.remasked(other, rng) for other in others)]), 0.01


KINDS = [("MADE", order) for order in (*ORDERS, MIXED)] + [("NADE", order) for order in ORDERS]


def load_bits(images: Images, side: int) -> list[np.ndarray]:
    """Train, validation and test images, made smaller, black or white: binarized once."""
    splits = (images.train, images.validation, images.test)
    return [binarize(downsample(x.reshape(-1, 28, 28), side).reshape(len(x), -1), "static") for x, _ in splits]


def learn(config: Config, images: Images, bits: list[Any], kind: str, order: str, seed: int) -> Autoregressive:
    """One model, with the weights of its best epoch on the validation images."""
    rng = np.random.default_rng(seed)
    model, lr = build(kind, order, config.side, rng)
    model.to(config.device)
    path = config.folder() / f"{kind}-{order.replace(' ', '').replace(',', '-')}-{seed}.npz".lower()
    run = training.train(
        training.Run(model, optim.Adam(model.parameters(), lr=lr), rng),
        model.loss,
        [bits[0]],
        validation=[bits[1]],
        epochs=config.epochs or (2 if images.complete else 8),
        batch_size=config.batch_size,
        checkpoint=path,
        config=config.identity(kind=kind, order=order, run=seed, data=images.name),
        resume=config.resumes(path),
        workers=config.workers,
        title=f"{kind}, {order}, seed {seed}",
    )
    model.load_state_dict(run.best)
    return model


def nats(model: Autoregressive, x: Any) -> float:
    """The mean of −ln p(x)."""
    return float(training.evaluate(model, model.loss, [x])["loss"])


def mean_of_logits(mixture: Mixture, x: Any) -> float:
    """What bug B3 would report: the logits of the orders averaged. No likelihood, and too good to be one."""
    with no_grad():
        logits = F.mean(F.stack([member.logits(x) for member in mixture.members]), 0)
        return float(F.binary_cross_entropy_with_logits(logits, x, "none").sum(1).mean().item())


def against_raster(found: dict[tuple[str, str], list[float]]) -> dict[tuple[str, str], tuple[float, float]]:
    """For each kind and other order how many nats it needs more (+) or less (−) than in raster order with the same
    seed: the mean, and half of its 95 % interval."""
    return {
        (kind, order): interval([value - base for value, base in zip(values, found[kind, "raster"])])
        for (kind, order), values in found.items()
        if order != "raster"
    }


def main(config: Config) -> None:
    """Train all kinds with all seeds, tell the table, draw it."""
    if config.seeds < 2:
        raise SystemExit("demos.orderings: an interval needs --seeds 2 or more")
    images = load_images(config)
    bits = to(config.device, *load_bits(images, config.side))
    seeds = range(config.seed, config.seed + config.seeds)
    print(f"claim C-ORDER: the result depends on the order (S0). Prior: {CLAIM}.")
    print(f"{'model':6}{'order':18}{'validation':>13}{'test':>10}   nats per image, ± 95 % over {config.seeds} seeds")
    test: dict[tuple[str, str], list[float]] = {}
    members, wrong = [], []
    for kind, order in KINDS:
        models = [learn(config, images, bits, kind, order, seed) for seed in seeds]
        validation, _ = interval([nats(model, bits[1]) for model in models])
        test[kind, order] = [nats(model, bits[2]) for model in models]
        mean, half = interval(test[kind, order])
        print(f"{kind:6}{order:18}{validation:13.2f}{mean:10.2f} ± {half:.2f}", flush=True)
        for model in models:
            if isinstance(model, Mixture):
                members += [nats(member, bits[2]) for member in model.members]
                wrong.append(mean_of_logits(model, bits[2]))

    side = config.side
    differences = against_raster(test)
    gains: dict[str, float] = {}
    errors: dict[str, float] = {}
    for (kind, order), difference in differences.items():
        print(f"  {kind} {order} − raster, paired by seed: {difference[0]:+.2f} ± {difference[1]:.2f}")
        name = f"{kind}, {order}: {interval(test[kind, order])[0]:.2f}"
        gains[name], errors[name] = difference
    rasters = ", ".join(f"{kind} {interval(test[kind, 'raster'])[0]:.2f}" for kind in ("MADE", "NADE"))
    title = f"test nats per image, {side}×{side}, {config.seeds} seeds from {config.seed}; raster order: {rasters}"
    orders = {name: order(side, np.random.default_rng(config.seed)) for name, order in ORDERS.items()}
    maps = {name: np.argsort(order).reshape(side, side) for name, order in orders.items()}
    folder = config.folder()
    tell(
        plotting.save(
            plotting.heatmaps(maps, "pixels drawn before", f"three orders of {side}×{side} pixels, seed {config.seed}"),
            folder / "orders.png",
        ),
        plotting.save(
            plotting.bars(gains, "nats more (+) or less (−) than raster order, ± 95 %", title, errors),
            folder / "orderings.png",
        ),
    )
    print(
        f"of the mixtures: members alone {np.mean(members):.2f}; their probabilities averaged "
        f"{np.mean(test['MADE', MIXED]):.2f}; their logits averaged {np.mean(wrong):.2f}, which is no likelihood (B3)"
    )
    mean, half = differences["MADE", "random"]
    word = "less" if mean < 0 else "more"
    verdict = "agrees with" if mean + half < 0 else "contradicts" if mean > half else "does not decide"
    print(
        f"C-ORDER: MADE in random order needs {abs(mean):.2f} ± {half:.2f} nats {word} than in raster order "
        f"({images.name}): this {verdict} the prior claim"
    )


if __name__ == "__main__":
    start(Config, main)
