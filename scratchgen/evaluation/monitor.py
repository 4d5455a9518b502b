"""What is going on in this GAN? A monitor that watches it train, and names what it sees, with the evidence.

    monitor = Monitor()
    ... monitor.watch(metrics, gradient=norm, shares=shares, spread=spread) ...     every few steps
    print(monitor.diagnose())

It looks at the last records only, and knows four diseases: mode collapse (모드 붕괴), oscillation (진동), a
discriminator (판별자) that has won, and a failure to converge (수렴 실패). "The discriminator is perfect, so the
training has converged" (S0, lines 1434–1446, under the heading of mode collapse) is one of the last two: erratum E29.
What it does not see: samples that are all there and all bad, copies of the training data, and whatever it is not told;
without `shares` and `spread` it cannot see a collapse at all. Its thresholds are rules of thumb: see page 22.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from scipy.special import entr

from .. import backend
from ..autograd import Tensor

__all__ = ["Diagnosis", "Monitor", "spread"]

GUESSING = 2 * math.log(2)  # D's loss in nats where it can only guess: Eq. 22.18
PERFECT = 0.1  # nats: a loss of D below this means that it is right with 90 % and more, on both kinds of images
SURE = 0.9  # ... and says so
VANISHED = 0.2  # of the largest gradient that G has had, for a few records together
FEW = 5
NOTHING = 1e-12  # a gradient of G that is none, whatever it was before
NARROW = 1 / 3  # of the standard deviation of the data
MOVED = 1.5  # times as many modes in the course of time as at a time, and
CHANGES = 3  # the dominant one has changed as often
SWING = 0.25  # nats: the standard deviation of G's loss
SMOOTH = 0.5  # mean squared step over variance: 2 for noise, near 0 for a wave
CROSSINGS = 4  # of its own mean: two periods
ENOUGH = 20  # records


class Diagnosis(NamedTuple):
    """What the monitor sees: "healthy", "mode collapse", "oscillation", "discriminator won", "convergence failure" or
    "too early"; the numbers that say so; and what usually helps."""

    name: str
    evidence: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.name}: {self.evidence} {self.remedy}".strip()


class Monitor:
    """Collects facts while a GAN trains. The last `window` records are what a diagnosis is about.

    Eqs. 22.18–22.22 (derivations/22-metrics.md#eq-22-18). Cheap to feed: a handful of numbers, every few steps. Let a
    window be long enough for something to happen in it, some hundred steps; and do not ask before G can have learned
    anything: a generator that has only begun covers as few modes as one that has collapsed.
    """

    def __init__(self, window: int = ENOUGH) -> None:
        if window < ENOUGH:
            raise ValueError(f"Monitor: a window of {window} records is too short to see a movement in; take {ENOUGH}")
        self.records: deque[dict[str, Any]] = deque(maxlen=window)
        self.largest = 0.0  # of G's gradients so far, medians of a few: one spike does not count
        self.before = math.nan  # G's loss when it began

    def watch(self, metrics: Mapping[str, Any], gradient: Any, shares: Any = None, spread: Any = None) -> None:
        """One record. `metrics` as a GAN's losses give them: "D" and "G", the losses; "D(x)" and "D(G(z))", the mean
        probabilities of being real that D gives to real images and to G's.

        `gradient`: the norm of ∂G's loss/∂θ_G.  `shares`: of G's samples in each class or mode (K,), classes that are
        about equally frequent in the data.  `spread`: see `spread`. Raises `ValueError` where a metric is missing, for
        probabilities, a norm and shares that are none, and for shares of other classes than before.
        """
        missing = [name for name in ("D", "G", "D(x)", "D(G(z))") if name not in metrics]
        if missing:
            raise ValueError(f"Monitor.watch: the metrics lack {', '.join(missing)}; they have {', '.join(metrics)}")
        record = {name: _number(metrics[name]) for name in ("D", "G", "D(x)", "D(G(z))")}
        record |= {"gradient": _number(gradient), "spread": math.nan if spread is None else _number(spread)}
        for name in ("D(x)", "D(G(z))"):
            if not -1e-6 <= record[name] <= 1 + 1e-6 and not math.isnan(record[name]):
                raise ValueError(f"Monitor.watch: {name} is a mean probability in [0, 1], got {record[name]}")
        if record["gradient"] < 0 or record["spread"] < 0:
            raise ValueError(
                "Monitor.watch: gradient, a norm, and spread are at least 0, got"
                f" {record['gradient']} and {record['spread']}"
            )
        if shares is not None:
            q = np.asarray(shares, np.float64)
            if q.ndim != 1 or not np.isfinite(q).all() or q.min(initial=0) < 0 or not q.sum() > 0:
                raise ValueError(f"Monitor.watch: expected shares (K,), at least 0 and not all 0, got {q}")
            if self._classes() not in (0, len(q)):
                raise ValueError(f"Monitor.watch: expected shares of {self._classes()} classes as before, got {len(q)}")
            record["shares"] = q / q.sum()
        if not self.records:
            self.before = record["G"]
        self.records.append(record)
        self.largest = max(self.largest, float(np.median([r["gradient"] for r in list(self.records)[-FEW:]])))

    def diagnose(self) -> Diagnosis:
        """What the last records show: the first that applies of losses that are not finite, D perfect, movement,
        collapse."""
        if not all(math.isfinite(r[name]) for r in self.records for name in ("D", "G", "D(x)", "D(G(z))", "gradient")):
            return _failure("a loss, a probability or a gradient is not finite.")
        if len(self.records) < ENOUGH:
            return Diagnosis("too early", f"{len(self.records)} records; {ENOUGH} are wanted.", "")
        return self._losses() or self._movement() or self._collapse() or self._healthy()

    def _losses(self) -> Diagnosis | None:
        """Has one player won? Eqs. 22.18 and 22.19 (derivations/22-metrics.md#eq-22-18)"""
        d, g, gradient = (self._middle(name) for name in ("D", "G", "gradient"))
        if abs(d) > 10 * GUESSING:
            return _failure(f"D's loss is {d:.3g}, beyond ten times what guessing costs: it runs away.")
        if abs(d) > PERFECT or self._middle("D(x)") < SURE or self._middle("D(G(z))") > 1 - SURE:
            return _still(f"D's loss is {d:.2f}, but G's gradient {gradient:.1e}.") if gradient <= NOTHING else None
        seen = f"D's loss has fallen to {d:.2g} nats (guessing costs {GUESSING:.2f}) and"
        if gradient <= NOTHING or gradient < VANISHED * self.largest:
            of_before = f", {gradient / self.largest:.1%} of what it was" if self.largest else ""
            return Diagnosis(
                "discriminator won",
                f"{seen} G's gradient to {gradient:.1e}{of_before}.",
                "Train G on the non-saturating loss; give D fewer steps, a smaller learning rate, a gradient penalty.",
            )
        return _failure(
            f"{seen} G's loss has gone from {self.before:.2g} to {g:.2g}; its gradient is there ({gradient:.1e}) and"
            " does not help."
        )

    def _movement(self) -> Diagnosis | None:
        """Is G running in circles? Eqs. 22.20 and 22.21 (derivations/22-metrics.md#eq-22-20)"""
        now, over, changes = self._modes()
        if now <= _half(self._classes()) and over >= MOVED * now and changes >= CHANGES:
            return _oscillation(
                f"at any time samples cover as many as {now:.1f} of {self._classes()} modes, in the course of"
                f" {len(self.records)} records {over:.1f}; the dominant one has changed {changes} times."
            )
        loss = np.array([r["G"] for r in self.records])
        away = loss - loss.mean()
        swing, crossings = float(away.std()), int((np.diff(np.sign(away)) != 0).sum())
        if swing < SWING or crossings < CROSSINGS or (np.diff(loss) ** 2).mean() > SMOOTH * swing**2:
            return None
        return _oscillation(
            f"G's loss swings between {loss.min():.2f} and {loss.max():.2f} and has crossed its mean {crossings} times"
            f" in {len(self.records)} records, smoothly: a wave, not noise."
        )

    def _collapse(self) -> Diagnosis | None:
        """Does G make a few things only? Eqs. 22.20 and 22.22 (derivations/22-metrics.md#eq-22-20)"""
        now, over, _ = self._modes()
        width, seen = self._middle("spread"), []
        if now <= _half(self._classes()):
            seen.append(
                f"samples cover as many as {now:.1f} of {self._classes()} modes ({over:.1f} in the course of"
                f" {len(self.records)} records)"
            )
        if width < NARROW:
            seen.append(f"their standard deviation is {width:.0%} of the data's")
        if not seen:
            return None
        return Diagnosis(
            "mode collapse",
            f"{' and '.join(seen)}, while D's loss is {self._middle('D'):.2f}.",
            "Unroll D, let D see several samples at a time, add a gradient penalty, or slow G down.",
        )

    def _healthy(self) -> Diagnosis:
        now, _, _ = self._modes()
        covered = f", samples cover {now:.1f} of {self._classes()} modes" if self._classes() else ""
        return Diagnosis(
            "healthy", f"D's loss is {self._middle('D'):.2f}, G's gradient {self._middle('gradient'):.1e}{covered}.", ""
        )

    def _middle(self, name: str) -> float:
        """The median over those records of the window that tell it: one odd step is no disease. NaN where none does."""
        told = [r[name] for r in self.records if not math.isnan(r[name])]
        return float(np.median(told)) if told else math.nan

    def _classes(self) -> int:
        return max((len(r["shares"]) for r in self.records if "shares" in r), default=0)

    def _modes(self) -> tuple[float, float, int]:
        """How many modes at a time, how many over the whole window, and how often the dominant one has changed.
        Eq. 22.20 (derivations/22-metrics.md#eq-22-20)"""
        told = [r["shares"] for r in self.records if "shares" in r]
        if not told:
            return math.inf, math.inf, 0
        q = np.array(told)
        now, over = math.exp(entr(q).sum(1).mean()), math.exp(entr(q.mean(0)).sum())
        return now, over, int((np.diff(q.argmax(1)) != 0).sum())


def spread(samples: Any, data: Any) -> float:
    """√(tr Cov(samples) / tr Cov(data)): 1 where samples vary as much as data do, 0 where all are one.

    Eq. 22.22 (derivations/22-metrics.md#eq-22-22). Rows (N, …) of any kind, on any device. Raises `ValueError` for
    rows of different shapes and for data that are all equal.
    """
    ours, theirs = (backend.to_host(a.data if isinstance(a, Tensor) else a).astype(np.float64) for a in (samples, data))
    if ours.shape[1:] != theirs.shape[1:] or not len(ours) or not theirs.var(0).sum() > 0:
        raise ValueError(
            f"spread: samples {ours.shape} and data {theirs.shape} want the same kind of rows, not all equal"
        )
    return math.sqrt(ours.var(0).sum() / theirs.var(0).sum())


def _number(x: Any) -> float:
    x = x.data if isinstance(x, Tensor) else x
    return float(backend.host_scalar(x) if backend.is_array(x) else x)


def _half(classes: int) -> float:
    """Half way from one mode to all of them."""
    return (1 + classes) / 2


def _failure(evidence: str) -> Diagnosis:
    return Diagnosis(
        "convergence failure",
        evidence,
        "Smaller learning rates, fewer steps of D, a gradient penalty; look whether the data is in G's range, and"
        " whether D and G look at images of the same scale.",
    )


def _still(evidence: str) -> Diagnosis:
    return Diagnosis(
        "convergence failure",
        evidence,
        "G does not learn: look whether its loss reaches its weights, and whether its units are dead or saturated.",
    )


def _oscillation(evidence: str) -> Diagnosis:
    return Diagnosis(
        "oscillation", evidence, "A gradient penalty (R1), an average of G's weights, a smaller β₁ or learning rate."
    )
