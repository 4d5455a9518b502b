"""The training loop.

A model gives its loss as a function of a minibatch and a random generator:

    loss(*batch, rng) -> (Tensor to be minimised, {name: number to be shown})

and the loop does the rest: minibatches in a new order every epoch, one optimizer step each, progress, validation, the
best weights so far, pictures, and after every epoch a checkpoint from which `resume` continues bit for bit. All that
changes on the way is in one object, the `Run`.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from tqdm.auto import tqdm

from .. import backend
from ..autograd import detect_anomaly, no_grad
from ..data import minibatches
from ..nn import Module
from . import checkpoint as checkpoints
from .workers import Loss, Workers

__all__ = ["Run", "descend", "evaluate", "train"]

Metrics = dict[str, Any]
Step = Callable[["Run", Any, Sequence[Any], Workers], Metrics]


@dataclass
class Run:
    """Everything that changes while a model learns."""

    model: Any  # a Module
    optimizer: Any
    rng: np.random.Generator
    epoch: int = 0  # finished epochs
    step: int = 0  # finished optimizer steps
    history: dict[str, list[Metrics]] = field(default_factory=lambda: {"train": [], "validation": []})
    seconds: list[float] = field(default_factory=list)  # what each epoch took, with its validation
    best: dict[str, Any] = field(default_factory=dict)  # the weights of the epoch with the lowest loss so far

    @property
    def losses(self) -> list[float]:
        """The loss by which epochs are compared: of the validation data, or else of the training data."""
        return [metrics["loss"] for metrics in self.history["validation"] or self.history["train"]]

    def save(self, path: str | os.PathLike[str], config: dict[str, Any]) -> None:
        """Write all of this to `path` (see `scratchgen.training.checkpoint`)."""
        parts = {"model": self.model.state_dict(), "optimizer": self.optimizer.state_dict(), "best": self.best}
        rng = json.loads(json.dumps(self.rng.bit_generator.state, default=np.ndarray.tolist))  # some hold arrays
        facts = {"epoch": self.epoch, "step": self.step, "history": self.history, "seconds": self.seconds, "rng": rng}
        checkpoints.save(path, parts, facts, config)

    def restore(self, path: str | os.PathLike[str], config: dict[str, Any]) -> None:
        """Become the run that `save` wrote; raises `CheckpointError`, and then nothing has changed."""
        parts, facts = checkpoints.load(path, config)
        there, wanted = {*parts, *facts}, ("model", "optimizer", "epoch", "step", "history", "rng")
        lacking = [name for name in wanted if name not in there]
        if lacking:
            raise checkpoints.CheckpointError(
                f"{path}: no checkpoint of a run, it lacks {', '.join(lacking)}; give another path"
            )
        before, drawn = self.model.state_dict(), self.rng.bit_generator.state
        try:
            self.rng.bit_generator.state = facts["rng"]
            self.model.load_state_dict(parts["model"])
            self.optimizer.load_state_dict(parts["optimizer"])
        except (KeyError, TypeError, ValueError) as error:
            self.model.load_state_dict(before)
            self.rng.bit_generator.state = drawn
            raise checkpoints.CheckpointError(f"{path}: of another model or optimizer: {error}") from error
        self.best = parts.get("best", {})  # of no epoch yet
        self.epoch, self.step, self.history = facts["epoch"], facts["step"], facts["history"]
        self.seconds = facts.get("seconds", [math.nan] * self.epoch)  # older checkpoints do not know


def train(
    run: Run,
    loss: Loss,
    data: Sequence[np.ndarray],
    *,
    epochs: int,
    batch_size: int = 128,
    validation: Sequence[np.ndarray] | None = None,
    callbacks: Sequence[Callable[[Run], None]] = (),
    checkpoint: str | os.PathLike[str] | None = None,
    config: dict[str, Any] | None = None,
    resume: bool = False,
    workers: int = 1,
    title: str = "training",
    step: Step | None = None,
) -> Run:
    """Minimise `loss` over `data`, a sequence of arrays with one row per example, until `epochs` epochs are finished.

    `config` says what defines the run: a checkpoint of another one is refused. `workers` threads share each minibatch:
    see `Workers`, also for the models that it refuses. Without `resume` a file at `checkpoint` is written over after
    the first epoch; with it everything in the run comes from the file, the optimizer's rate and settings as well.
    Raises `CheckpointError` where a checkpoint cannot be resumed, `FloatingPointError`, naming step and primitive, at
    the first NaN or infinity, `ValueError` for no data, for epochs that are no number of them, and for a `config` that
    JSON cannot hold, and `TypeError` for a seed in the place of `run.rng`, for a game without its `step`, and for one
    with `validation`: no loss says how good a game is.

    `step(run, loss, batch, crew) -> metrics` is what happens with a minibatch: `descend`, unless something else is
    said, as for a game of two players.
    """
    backend.generator(run.rng, "bit_generator")
    step = step or descend
    if step is descend and not hasattr(run.optimizer, "zero_grad"):
        raise TypeError(
            f"train: expected an optimizer in the run, got {type(run.optimizer).__name__}; a game of two Players wants "
            "train(run, game, data, step=play, …)"
        )
    if validation is not None and not hasattr(run.optimizer, "zero_grad"):
        raise TypeError(
            "train: no loss of a game says how good it is, so there is none to validate by; leave validation= away, and"
            " judge what the generator makes in a callback"
        )
    if not isinstance(epochs, (int, np.integer)) or epochs < 0:
        raise ValueError(f"train: epochs counts passes over the data, 0 or more, got {epochs!r}")
    if not len(data) or not len(data[0]):
        raise ValueError(f"train: there is no data to learn from, got {[backend.described(x) for x in data]}")
    if resume and checkpoint is None:
        raise ValueError("train: resume=True needs checkpoint=, the file to continue from")
    if checkpoint is not None:  # what could not be written after an epoch is not begun
        Path(checkpoint).parent.mkdir(parents=True, exist_ok=True)
        checkpoints.check_config(config or {})
    if resume and checkpoint is not None:
        run.restore(checkpoint, config or {})
    examples = len(data[0])
    bar = tqdm(
        desc=title, total=epochs * examples, initial=run.epoch * examples, unit=" images", unit_scale=True, disable=None
    )
    with bar, Workers(workers, run.model) as crew:
        while run.epoch < epochs:
            begin = perf_counter()
            run.model.train()
            means = _Means()
            for batch in minibatches(*data, batch_size=batch_size, rng=run.rng):
                means.add(step(run, loss, batch, crew), len(batch[0]))
                run.step += 1
                if bar.update(len(batch[0])):  # it has just been redrawn
                    bar.set_postfix_str(means.text(), refresh=False)
            run.history["train"].append(means.values())
            if validation is not None:
                run.history["validation"].append(evaluate(run.model, loss, validation))
            run.seconds.append(perf_counter() - begin)
            if run.losses[-1] == min((loss for loss in run.losses if not math.isnan(loss)), default=None):
                run.best = run.model.state_dict()
            run.epoch += 1
            for callback in callbacks:
                callback(run)
            if checkpoint is not None:
                run.save(checkpoint, config or {})
    return run


def evaluate(model: Module, loss: Loss, data: Sequence[np.ndarray], batch_size: int = 500, seed: int = 0) -> Metrics:
    """The mean metrics over `data`, with the model in use mode. Always with the same noise, so that epochs compare."""
    rng = np.random.default_rng(seed)
    means = _Means()
    model.eval()
    with no_grad():
        for start in range(0, len(data[0]), batch_size):
            batch = [x[start : start + batch_size] for x in data]
            value, metrics = loss(*batch, rng)
            means.add({"loss": value.data, **metrics}, len(batch[0]))
    return means.values()


def descend(run: Run, loss: Loss, batch: Sequence[Any], crew: Workers, optimizer: Any = None) -> Metrics:
    """One step downhill on one minibatch: `optimizer`, or else the run's, moves its own parameters, and no gradient of
    others is computed. Where it stops at a NaN or infinity everything is as `differentiate` leaves it."""
    optimizer = optimizer or run.optimizer
    metrics = differentiate(run, loss, batch, crew, optimizer)
    optimizer.step()
    return metrics


def differentiate(run: Run, loss: Loss, batch: Sequence[Any], crew: Workers, optimizer: Any) -> Metrics:
    """The gradient of the loss on one minibatch, in the `.grad` of the optimizer's parameters and of no others. No
    weight has moved where it stops at a NaN or infinity, and `run.rng` is where it was; only the running statistics of
    a batch norm have seen the minibatch."""
    before = run.rng.bit_generator.state
    with np.errstate(all="ignore"):  # a number that is not finite is looked for here, and not warned about there
        optimizer.zero_grad()
        metrics = crew.backward(loss, batch, run.rng, optimizer.parameters)
        if not (math.isfinite(backend.host_scalar(metrics["loss"])) and _finite_gradients(optimizer.parameters)):
            run.rng.bit_generator.state = before
            try:
                _stop(run, loss, batch)
            finally:
                run.rng.bit_generator.state = before
    return metrics


def _finite_gradients(parameters: Sequence[Any]) -> bool:
    """Whether every gradient is finite: a NaN or an infinity anywhere makes the sum of squares one. Raises `ValueError`
    where there is none."""
    squares = [np.vdot(p.grad.data, p.grad.data) for p in parameters if p.grad is not None]
    if not squares:
        raise ValueError(
            "train: the loss depends on no parameter of the optimizer; is it the optimizer of another model, or are "
            "those of two players exchanged?"
        )
    return math.isfinite(backend.host_scalar(sum(squares[1:], squares[0])))


def _stop(run: Run, loss: Loss, batch: Sequence[Any]) -> None:
    """Repeat the step that went wrong with every primitive watched, and say which one it was."""
    where = f"training stopped at step {run.step + 1} (epoch {run.epoch + 1})"
    remedy = "this optimizer's weights are as before the step; try a smaller learning rate, or look at this minibatch"
    try:
        with detect_anomaly():
            loss(*batch, run.rng)[0].backward()
    except FloatingPointError as error:
        raise FloatingPointError(f"{where}: {error}; {remedy}") from error
    raise FloatingPointError(
        f"{where}: repeated, its gradients are finite: they are too large to be squared, or the loss draws from a "
        f"generator of its own and was another one; {remedy}"
    )


class _Means:
    """Means of metrics over minibatches, weighted by their sizes; of each over those minibatches that have it. The sums
    stay on the device until they are read."""

    def __init__(self) -> None:
        self.sums: dict[str, Any] = {}
        self.counts: dict[str, int] = {}

    def add(self, metrics: Metrics, examples: int) -> None:
        for name, value in metrics.items():
            value = value.astype(np.float64) if hasattr(value, "astype") else value
            self.sums[name] = self.sums.get(name, 0.0) + value * examples
            self.counts[name] = self.counts.get(name, 0) + examples

    def values(self) -> dict[str, float]:
        """Each mean as a Python number."""
        return {
            name: (backend.host_scalar(total) if backend.is_array(total) else float(total)) / self.counts[name]
            for name, total in self.sums.items()
        }

    def text(self) -> str:
        """For the progress bar: what the model shows, without the loss where there is anything else."""
        values = self.values()
        loss = values.pop("loss")
        return ", ".join(f"{name} {value:.2f}" for name, value in (values or {"loss": loss}).items())
