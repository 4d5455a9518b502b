"""A game of two players, in the training loop: each has an optimizer and a loss, and they take turns, or do not.

>>> run = Run(gan, Players(Adam(gan.discriminator.parameters()), Adam(gan.generator.parameters())), rng)
>>> train(run, gan, [x], step=play, epochs=10)
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..optim import Optimizer
from .loop import Metrics, Run, descend, differentiate
from .workers import Workers

__all__ = ["Players", "play", "play_at_once"]


@dataclass
class Players:
    """The optimizers of both players, in the place of one.

        Players(Adam(gan.discriminator.parameters(), lr=2e-4), Adam(gan.generator.parameters(), lr=2e-4))

    Raises `ValueError` where a parameter is in both, `TypeError` for what is no optimizer.
    """

    discriminator: Optimizer
    generator: Optimizer

    def __post_init__(self) -> None:
        for name, player in vars(self).items():
            if not isinstance(player, Optimizer):
                raise TypeError(f"Players: expected an optimizer for the {name}, got {type(player).__name__}")
        shared = {*map(id, self.discriminator.parameters)} & {*map(id, self.generator.parameters)}
        if shared:
            raise ValueError(
                f"Players: expected two optimizers, each of its own player's parameters, but {len(shared)} are in both;"
                " make them of gan.discriminator.parameters() and of gan.generator.parameters()"
            )

    def state_dict(self) -> dict[str, Any]:
        """Both states, as "discriminator.lr" and so on."""
        return {
            f"{name}.{key}": value for name in vars(self) for key, value in getattr(self, name).state_dict().items()
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from a `state_dict`; raises `ValueError` where one does not fit, and then nothing has changed."""
        unknown = [key for key in state if key.partition(".")[0] not in vars(self)]
        if unknown:
            raise ValueError(f"Players.load_state_dict: unknown here: {', '.join(unknown)}")
        before = self.discriminator.state_dict()
        self.discriminator.load_state_dict(_part("discriminator", state))
        try:
            self.generator.load_state_dict(_part("generator", state))
        except ValueError:
            self.discriminator.load_state_dict(before)
            raise


def play(run: Run, game: Any, batch: Sequence[Any], crew: Workers) -> Metrics:
    """One of D's steps on a minibatch, and after every `game.steps`-th one of G's: Algorithm 1.

        train(Run(gan, Players(…, …), np.random.default_rng(0)), gan, [x], step=play, epochs=10)

    Eqs. 19.1 and 19.2 (derivations/19-algorithm-1.md#eq-19-1). Each optimizer computes its own player's gradient and no
    other, and forgets the last one first: what the lecture's listing leaves out (E13) cannot be left out here. Where
    G's loss is not finite, D has made its step.

    The metrics are those of the losses: "D" and "G", "D(x)" and "D(G(z))" (means of σ(a), which are probabilities where
    the objective's logits are), "G" only of the steps in which G moved. The loss by which the run compares epochs is
    D's: `run.best` is where D was ahead, and no good G.

    Raises `TypeError` for a run without `Players`, for a model that is no game and for data that the game is not told,
    such as labels; `ValueError` for a game that unrolls an optimizer which is not the run's for D.
    """
    _check("play", run, game, batch)
    metrics = descend(run, game.discriminator_loss, batch, crew, run.optimizer.discriminator)
    game.constrain()
    if (run.step + 1) % game.steps == 0:
        metrics = descend(run, game.generator_loss, batch, crew, run.optimizer.generator) | metrics
    return metrics


def play_at_once(run: Run, game: Any, batch: Sequence[Any], crew: Workers) -> Metrics:
    """One step of both players, each downhill from where both stand, on the same noise.

    Eq. 19.6 (derivations/19-algorithm-1.md#eq-19-6). Of `run.rng` a step takes one number, the seed of its noise.
    Raises as `play` does, and `ValueError` for a game in which D makes several steps for each of G's.
    """
    _check("play_at_once", run, game, batch)
    if game.steps != 1:
        raise ValueError(
            f"play_at_once: expected a game of one step each, got steps={game.steps}; let them take turns: step=play"
        )
    players, before = run.optimizer, run.rng.bit_generator.state
    seed = int(run.rng.integers(2**63))
    metrics: Metrics = {}
    try:
        for loss, player in (
            (game.generator_loss, players.generator),
            (game.discriminator_loss, players.discriminator),
        ):
            alike = replace(run, rng=np.random.default_rng(seed))  # both begin with the same noise
            metrics |= differentiate(alike, loss, batch, crew, player)
    except BaseException:
        run.rng.bit_generator.state = before
        raise
    players.discriminator.step()
    players.generator.step()
    game.constrain()
    return metrics


def _check(who: str, run: Run, game: Any, batch: Sequence[Any]) -> None:
    if not isinstance(run.optimizer, Players):
        raise TypeError(
            f"{who}: expected Players in the run, the optimizers of D and of G, got {type(run.optimizer).__name__}"
        )
    parts = ("discriminator_loss", "generator_loss", "constrain", "steps")
    missing = [part for part in parts if not hasattr(game, part)]
    if missing:
        raise TypeError(f"{who}: {type(game).__name__} is no game of two players: it lacks {', '.join(missing)}")
    signature = inspect.signature(game.discriminator_loss)
    try:
        signature.bind(*batch, run.rng)
    except TypeError as error:
        raise TypeError(
            f"{who}: the losses of {type(game).__name__} take {', '.join(signature.parameters)}, but the data is"
            f" {len(batch)} arrays and not {len(signature.parameters) - 1}; train on [x], or a game that is told labels"
            " (CGAN, ACGAN, SemiSupervisedGAN) on [x, labels]"
        ) from error
    if getattr(game, "optimizer", run.optimizer.discriminator) is not run.optimizer.discriminator:
        raise ValueError(
            f"{who}: expected {type(game).__name__}.optimizer, which it unrolls, to be the run's own for D, got "
            "another; give Players(discriminator=game.optimizer, …)"
        )


def _part(player: str, state: Mapping[str, Any]) -> dict[str, Any]:
    return {key.removeprefix(f"{player}."): value for key, value in state.items() if key.startswith(f"{player}.")}
