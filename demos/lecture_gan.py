"""The GAN listing of the lecture (S0, lines 1301–1345), corrected and run on real digits. The bugs are erratum E13.

python -m demos.lecture_gan                 the listing with its bugs mended
python -m demos.lecture_gan --as-printed    the listing as it stands on the slide
"""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar

import numpy as np
from tqdm.auto import tqdm

import scratchgen as sg
from scratchgen import backend, nn, no_grad, optim, plotting, training
from scratchgen.data import minibatches
from scratchgen.evaluation import Card

from .options import Options, load_images, start, tell, to

LATENT_SIZE, HIDDEN_SIZE, IMAGE_SIZE = 64, 256, 784
MEASURED = 500  # images, for the gradients that are told


@dataclass
class Config(Options):
    """Runs the lecture's GAN listing, with its bugs mended or with them, and measures what they did."""

    epochs: Annotated[int | None, "passes over the data (default: 200 bundled, 20 with the complete MNIST)"] = None
    batch_size: Annotated[int, "images per step"] = 100
    lr: Annotated[float, "Adam's learning rate, for both players"] = 2e-4

    as_printed: Annotated[bool, "no zero_grad, no detach, one z for both steps: as the slide has it"] = False

    NAME: ClassVar[str] = "lecture_gan"
    QUICK: ClassVar[dict[str, Any]] = {"epochs": 6}


class Game:
    """Discriminator D, generator G, and their optimizers: as on the slide."""

    def __init__(self, config: Config) -> None:
        rng = np.random.default_rng(config.seed)
        self.D = nn.Sequential(
            nn.Linear(IMAGE_SIZE, HIDDEN_SIZE, rng=rng),
            nn.LeakyReLU(0.2),
            nn.Linear(HIDDEN_SIZE, 1, rng=rng),
            nn.Sigmoid(),
        )
        self.G = nn.Sequential(
            nn.Linear(LATENT_SIZE, HIDDEN_SIZE, rng=rng),
            nn.ReLU(),
            nn.Linear(HIDDEN_SIZE, IMAGE_SIZE, rng=rng),
            nn.Tanh(),  # its images are in [−1, 1], so the real ones have to be as well: 2x − 1
        )
        self.D.to(config.device)
        self.G.to(config.device)
        self.criterion = nn.BCELoss()
        self.d_optimizer = optim.Adam(self.D.parameters(), lr=config.lr)
        self.g_optimizer = optim.Adam(self.G.parameters(), lr=config.lr)
        self.rng = rng
        self.history: list[dict[str, float]] = []

    def step(self, x: Any) -> tuple[float, float]:
        """One round of the slide's loop on real images x (N, 784) in [−1, 1]."""
        criterion, D, G = self.criterion, self.D, self.G
        real, fake = np.ones_like(x, shape=(len(x), 1)), np.zeros_like(x, shape=(len(x), 1))  # targets are tensors: E13

        # train D
        z = backend.normal(self.rng, (len(x), LATENT_SIZE), like=x)
        d_loss = criterion(D(x), real) + criterion(D(G(z).detach()), fake)  # detach: this step is not about G (E13)
        self.d_optimizer.zero_grad()  # the slide never does, and adds up all gradients since the beginning (E13)
        d_loss.backward()
        self.d_optimizer.step()

        # train G: not the minimax loss of the slide's title, but the non-saturating one
        z = backend.normal(self.rng, (len(x), LATENT_SIZE), like=x)  # new noise (E13)
        g_loss = criterion(D(G(z)), real)
        self.g_optimizer.zero_grad()
        g_loss.backward()
        self.g_optimizer.step()
        return d_loss.item(), g_loss.item()

    def step_as_printed(self, x: Any) -> tuple[float, float]:
        """The same round as the slide prints it. Nothing fails, and what moves a player is the sum of all its gradients
        so far, of D's loss and of G's. Eq. 19.3 (derivations/19-algorithm-1.md#eq-19-3)"""
        criterion, D, G = self.criterion, self.D, self.G
        real, fake = np.ones_like(x, shape=(len(x), 1)), np.zeros_like(x, shape=(len(x), 1))
        z = backend.normal(self.rng, (len(x), LATENT_SIZE), like=x)

        # train D
        d_loss = criterion(D(x), real) + criterion(D(G(z)), fake)
        d_loss.backward()
        self.d_optimizer.step()

        # train G
        g_loss = criterion(D(G(z)), real)
        g_loss.backward()
        self.g_optimizer.step()
        return d_loss.item(), g_loss.item()

    def parts(self) -> dict[str, Any]:
        """Everything with a state."""
        return {"D": self.D, "G": self.G, "d_optimizer": self.d_optimizer, "g_optimizer": self.g_optimizer}

    def save(self, path: Path, config: dict[str, Any]) -> None:
        """One checkpoint of both players."""
        facts = {"history": self.history, "rng": self.rng.bit_generator.state}
        training.save(path, {name: part.state_dict() for name, part in self.parts().items()}, facts, config)

    def restore(self, path: Path, config: dict[str, Any]) -> None:
        """Go on from `save`."""
        states, facts = training.load(path, config)
        for name, part in self.parts().items():
            part.load_state_dict(states[name])
        self.history, self.rng.bit_generator.state = facts["history"], facts["rng"]


def what_the_slide_adds(game: Game, x: Any) -> tuple[float, float]:
    """The gradient that the slide's D step leaves in G, next to the one that G wants: (ratio of lengths, cosine).

    Without `detach`, loss.backward() of D goes on into G; without `zero_grad`, G's step adds what it finds there.
    Eq. 19.3 (derivations/19-algorithm-1.md#eq-19-3)
    """
    D, G, criterion = game.D, game.G, game.criterion
    z = backend.normal(np.random.default_rng(0), (len(x), LATENT_SIZE), like=x)
    one, zero = np.ones_like(x, shape=(len(x), 1)), np.zeros_like(x, shape=(len(x), 1))
    parameters = list(G.parameters())
    wanted = sg.grad(criterion(D(G(z)), one), parameters)
    left = sg.grad(criterion(D(G(z)), zero), parameters)
    a, b = (np.concatenate([g.numpy().ravel() for g in gradients]) for gradients in (left, wanted))
    return float(np.linalg.norm(a) / np.linalg.norm(b)), float(a @ b / (np.linalg.norm(a) * np.linalg.norm(b)))


def what_has_added_up(game: Game, x: Any) -> tuple[float, ...]:
    """The lengths of what Adam is given for D in the slide's loop, the sum of all gradients, and of the one of now."""
    D, G, criterion = game.D, game.G, game.criterion
    z = backend.normal(np.random.default_rng(0), (len(x), LATENT_SIZE), like=x)
    one, zero = np.ones_like(x, shape=(len(x), 1)), np.zeros_like(x, shape=(len(x), 1))
    now = sg.grad(criterion(D(x), one) + criterion(D(G(z)), zero), list(D.parameters()))
    given = [p.grad for p in D.parameters()]
    return tuple(math.sqrt(sum(float((g.numpy() ** 2).sum()) for g in gs)) for gs in (given, now))


def card(config: Config, data: str, rounds: int) -> Card:
    """The protocol of what is told."""
    way = "gradients are added up, one z for both" if config.as_printed else "new z for each"
    return Card(
        data=f"{data}, grey",
        radius="-",
        std="-",
        z=f"{LATENT_SIZE} dimensions, N(0, I)",
        objective=f"non-saturating; G {LATENT_SIZE}–{HIDDEN_SIZE}–{IMAGE_SIZE}, D {IMAGE_SIZE}–{HIDDEN_SIZE}–1",
        optimizers=f"Adam, lr {config.lr:g} for both",
        steps=f"{rounds:,} of each player, in turns; {way}",
        batch=config.batch_size,
        samples=f"gradients of {MEASURED} images and as many of G's",
        seeds=config.seed,
    )


def main(config: Config) -> None:
    """Play, draw, and measure."""
    if config.as_printed and config.resume:
        sys.exit("demos.lecture_gan: as printed it lives on sums of gradients, which no checkpoint keeps: begin anew")
    images = load_images(config)
    (x,) = to(config.device, 2 * images.train[0] - 1)
    epochs = config.epochs or (20 if images.complete else 200)
    path, identity = config.folder() / "lecture_gan.npz", config.identity(data=images.name)
    game = Game(config)
    if config.resume:
        game.restore(path, identity)
    total = epochs * math.ceil(len(x) / config.batch_size)
    done = len(game.history) * math.ceil(len(x) / config.batch_size)
    step = game.step_as_printed if config.as_printed else game.step
    with tqdm(desc="GAN", total=total, initial=done, unit=" steps", disable=None) as bar:  # the slide: while True
        for _ in range(len(game.history), epochs):
            losses = []
            for (batch,) in minibatches(x, batch_size=config.batch_size, rng=game.rng):
                losses.append(step(batch))
                bar.update()
            d_loss, g_loss = np.mean(losses, axis=0).tolist()
            game.history.append({"D": d_loss, "G": g_loss})
            bar.set_postfix_str(f"D {d_loss:.2f}, G {g_loss:.2f} nats")
            game.save(path, identity)

    noise = backend.normal(np.random.default_rng(config.seed), (100, LATENT_SIZE), like=x)
    with no_grad():
        samples = (game.G(noise).numpy() + 1) / 2
    which = "as printed" if config.as_printed else "mended"
    title = f"the lecture's GAN 64–256–784, {which}, seed {config.seed}, {epochs} epochs of {images.name}"
    panels = {"loss (nats)": {"D: −ln D(x) − ln(1 − D(G(z)))": [h["D"] for h in game.history],
                              "G: −ln D(G(z))": [h["G"] for h in game.history]}}  # fmt: skip
    tell(
        plotting.save(plotting.curves(panels, title=title), config.folder() / "training.png"),
        plotting.save(
            plotting.comparison({"test digits": images.test[0][:100], "made by G": samples}, 10, title),
            config.folder() / "samples.png",
        ),
    )
    print(card(config, images.name, total))
    if config.as_printed:
        added, now = what_has_added_up(game, x[:MEASURED])
        last = game.history[-1]
        print(
            f"E13: as the slide has it, after {total:,} rounds D's loss is {last['D']:.2f} nats (guessing costs "
            f"{2 * math.log(2):.2f}) and G's {last['G']:.2g}.\n"
            f"  The gradient that moves D, added up since the beginning, is {added:.2g} long, that of now {now:.2g}."
        )
        return
    ratio, cosine = what_the_slide_adds(game, x[:MEASURED])
    print(
        f"E13: as the slide has it, what D's step leaves in G's gradient would be {ratio:.2f} times as long as the\n"
        f"  gradient that G wants, at cosine {cosine:+.2f} to it: G would be pushed to help D."
    )


if __name__ == "__main__":
    start(Config, main)
