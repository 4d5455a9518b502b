"""Posterior collapse (사후 분포 붕괴): latent dimensions that the decoder does without, and what brings them back.

python -m demos.collapse      about ten minutes on 2 free cores

Where KL(q(z|x) ‖ p(z)) costs more than z is worth, the encoder answers with the prior and z says nothing of x
(Bowman et al. 2015, arXiv:1511.06349). Two causes, a KL that is weighed too much and a decoder that needs no z, because
it sees the pixels before each pixel; and two cures that are recommended, KL warm-up and free bits. They are judged here
by numbers: warm-up only changes how training begins, and where the collapsed solution is the best one, it comes back.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, NamedTuple

import numpy as np

from scratchgen import backend, no_grad, optim, plotting, training
from scratchgen.autograd import Tensor
from scratchgen.data import binarize
from scratchgen.models.autoregressive import MADE
from scratchgen.models.latent import VAE
from scratchgen.models.latent.assumptions import check_pixels
from scratchgen.models.latent.terms import bernoulli_log_likelihood, kl_per_dimension

from .latent_space import measure
from .options import Images, Options, interval, load_images, start, tell, to
from .vae import begin_at_the_mean, loss_of

TOLD = 0.1  # nats: a dimension with less of them tells next to nothing


@dataclass
class Config(Options):
    """Trains VAEs whose latent dimensions collapse, and the same with KL warm-up and with free bits."""

    epochs: Annotated[int | None, "passes over the data (default: 40 bundled, 4 with the complete MNIST)"] = None
    batch_size: Annotated[int, "images per step"] = 100
    lr: Annotated[float, "Adam's learning rate at the beginning; it falls to 0 along a cosine"] = 4e-3
    hidden: Annotated[int, "hidden units of encoder and decoder"] = 100
    latent: Annotated[int, "latent dimensions"] = 50
    seeds: Annotated[int, "trainings of each, at least 2: first weights, minibatches, noise"] = 3

    NAME: ClassVar[str] = "collapse"
    QUICK: ClassVar[dict[str, Any]] = {"epochs": 3, "hidden": 50, "seeds": 2}


class StrongVAE(VAE):
    """A VAE whose decoder also sees the pixels that come before: p(xᵢ | x₁ … xᵢ₋₁, z), its logits a sum of what z says
    and what those pixels say, linear in them (an FVSBN)."""

    def __init__(self, *sizes: int, rng: Any) -> None:
        super().__init__(*sizes, rng=rng)
        self.before = MADE((self.pixels,), (), rng=rng)

    def log_likelihood(self, p: Any, x: Any) -> Any:
        check_pixels("StrongVAE", x.data if isinstance(x, Tensor) else x)
        return bernoulli_log_likelihood(p.logits + self.before.logits(x), x)


class Kind(NamedTuple):
    """One way to train."""

    model: type[VAE] = VAE
    beta: float = 1.0
    warmup: float = 0.0  # share of the epochs in which β rises from 0
    free_bits: float = 0.0  # nats for each latent dimension


KINDS = {
    "VAE": Kind(),
    "β = 10": Kind(beta=10.0),
    "β = 10, free bits": Kind(beta=10.0, free_bits=0.2),
    "strong decoder": Kind(StrongVAE),
    "strong, warm-up": Kind(StrongVAE, warmup=0.5),
    "strong, β = 4": Kind(StrongVAE, beta=4.0),
    "strong, β = 4, warm-up": Kind(StrongVAE, beta=4.0, warmup=0.5),
    "strong, β = 4, free bits": Kind(StrongVAE, beta=4.0, free_bits=0.2),
}
CURES = (
    ("β = 10", "β = 10, free bits"),
    ("strong decoder", "strong, warm-up"),
    ("strong, β = 4", "strong, β = 4, warm-up"),
    ("strong, β = 4", "strong, β = 4, free bits"),
)


def learn(config: Config, images: Images, name: str, seed: int) -> VAE:
    """One model, as its last epoch leaves it: the best epoch by the ELBO may be one before the collapse."""
    kind, rng = KINDS[name], np.random.default_rng(seed)
    model = kind.model(784, config.hidden, config.latent, rng=rng)
    begin_at_the_mean(model, images.train[0])
    model.free_bits = kind.free_bits
    model.to(config.device)
    epochs = config.epochs or (4 if images.complete else 40)
    schedule = optim.cosine_decay(epochs)
    run = training.Run(model, optim.Adam(model.parameters(), lr=config.lr), rng)
    bound = loss_of(model)

    def loss(x: Any, rng: Any) -> Any:
        rising = kind.warmup * epochs
        model.beta = kind.beta * (min(run.epoch / rising, 1.0) if rising else 1.0)
        return bound(x, rng)

    def cool(run: training.Run) -> None:
        run.optimizer.lr = config.lr * schedule(run.epoch)

    path = config.folder() / f"{name.replace(' ', '').replace(',', '-')}-{seed}.npz"
    training.train(
        run,
        loss,
        to(config.device, images.train[0]),
        epochs=epochs,
        batch_size=config.batch_size,
        workers=1 if kind.free_bits else config.workers,  # they are counted over the whole minibatch
        callbacks=[cool],
        checkpoint=path,
        config=config.identity(kind=name, run=seed, epochs=epochs, data=images.name),
        resume=config.resumes(path),
        title=f"{name}, seed {seed}",
    )
    return model


COLUMNS = {"ELBO": "ELBO", "KL": "KL", "active units": "active units", "informative": f"KL > {TOLD} nats"}


def judge(model: VAE, x: Any, seed: int) -> dict[str, float]:
    """The ELBO and its KL in nats per image, and how many dimensions are alive, by two counts: those whose posterior
    mean varies (Burda's active units), and those that tell something of an average image."""
    with no_grad():
        q = model.encode(x)
        told = backend.to_host(kl_per_dimension(q.mean, q.log_var).data).mean(0)
    return {**measure(model, x, seed), "informative": float((told > TOLD).sum())}


def shorter(kind: str) -> str:
    """A name in several lines, so that eight of them stand side by side."""
    return (
        kind.replace(", ", "\n").replace("strong decoder", "strong").replace(" bits", "\nbits").replace("m-u", "m-\nu")
    )


def main(config: Config) -> None:
    """Train all kinds, tell the table, draw it."""
    if config.seeds < 2:
        raise SystemExit("demos.collapse: an interval needs --seeds 2 or more")
    images = load_images(config)
    (x,) = to(config.device, binarize(images.test[0], "static"))
    seeds = range(config.seed, config.seed + config.seeds)
    head = "".join(f"{column:>18}" for column in COLUMNS.values())
    print(f"{'':26}{head}   mean ± 95 %, {config.seeds} seeds")
    rows: dict[str, dict[str, list[float]]] = {}
    for name in KINDS:
        judged = [judge(learn(config, images, name, seed), x, config.seed) for seed in seeds]
        rows[name] = {column: [numbers[column] for numbers in judged] for column in COLUMNS}
        cells = ["{:.2f} ± {:.2f}".format(*interval(values)) for values in rows[name].values()]
        print(f"{name:26}" + "".join(f"{cell:>18}" for cell in cells), flush=True)

    name = f"784–{config.hidden}–{config.latent}–{config.hidden}–784, {config.seeds} seeds from {config.seed}"
    panels = {
        f"{column}{' (nats)' if key in ('ELBO', 'KL') else f', of {config.latent}'}": {
            shorter(kind): rows[kind][key] for kind in rows
        }
        for key, column in COLUMNS.items()
    }
    tell(plotting.save(plotting.dots(panels, f"posterior collapse: {name}"), config.folder() / "collapse.png"))
    for ill, cured in CURES:
        gains = ((key, [b - a for a, b in zip(rows[ill][key], rows[cured][key])]) for key in COLUMNS)
        changes = ", ".join("{} {:+.2f} ± {:.2f}".format(COLUMNS[key], *interval(values)) for key, values in gains)
        print(f"{ill} → {cured}: {changes}")
    print(
        f"The ELBO is that of β = 1 for all, on {len(x):,} test images of {images.name}, drawn once; {name}.\n"
        "A larger KL is no better model: compare the ELBO. A collapsed one needs no z, and its z tells nothing."
    )


if __name__ == "__main__":
    start(Config, main)
