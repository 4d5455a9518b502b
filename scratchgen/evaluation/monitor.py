"""What is going on in this GAN? A monitor that watches it train, and names what it sees, with the evidence.

    monitor = Monitor()
    ... monitor.watch(metrics, gradient=norm, shares=counts, spread=spread) ...     every few steps
    print(monitor.diagnose())

It looks at the last records only, and knows four diseases: mode collapse (모드 붕괴), oscillation (진동), a
discriminator (판별자) that has won, and a failure to converge (수렴 실패). "The discriminator is perfect, so the
training has converged" (S0, lines 1434–1446, under the heading of mode collapse) is one of the last two: erratum E29.
What it does not see: samples that are all there and all bad, copies of the training data, and whatever it is not told;
without `shares` and `spread` it cannot see a collapse at all. Its thresholds are rules of thumb: see page 22.

Losses it measures by what guessing costs D in this game, 2 ln 2 nats or a quarter of least squares. A critic's loss, of
"wasserstein", has no such unit: it may be any number, and nothing follows from its size. So no critic is perfect; and
whether its loss runs away or swings is asked in units of what that was in the first half of the window, at least 1.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np
from scipy.special import entr

from ..models.adversarial.objectives import Objective, objective_named
from .inputs import on_host

__all__ = ["Diagnosis", "Monitor", "spread"]

# Losses are in units of what guessing costs D.
PERFECT = 1 / 14  # 0.1 nats: with a loss below it D is right about 6 of 7 images of each kind and more, Eq. 22.18
LOST = 2  # a loss of D above this, of a D that takes G's images for real sooner than real ones
AWAY = 10  # a loss of D above this runs away
NEAR = 1.0  # a critic's loss below this is near 0, and no unit
SWING = 0.18  # the standard deviation of a wave in G's loss: 0.25 nats
VANISHED = 0.2  # of the largest gradient that G has had, for a few records together
FEW = 5
STILL = 1e-4  # of the largest: a gradient of G that moves nothing, whatever D's loss is
NOTHING = 1e-12  # a gradient of G that is none, whatever it was before
FALLEN = 0.1  # of G's loss, from one half of the window to the other: it falls
NARROW = 1 / 3  # of the standard deviation of the data
MOVED = 1.5  # times as many modes in the course of time as at a time, and
CHANGES = 3  # the dominant one has changed as often
GROWN = 1.1  # times as many modes as ever before, or as wide: it is too early to call them few, or narrow
ALONE = 0.9  # of samples that are the only one of their mode, or more: they are too few to count modes by
WAVE = 0.75  # of what a straight line leaves of a loss: one wave makes up as much, or there is none
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

    Eqs. 22.18–22.23 (derivations/22-metrics.md#eq-22-18). Cheap to feed: a handful of numbers, every few steps. Let a
    window be long enough for something to happen in it, some hundred steps. `objective` is the game's, by its name or
    itself. A generator that has only begun covers as few modes as one that has collapsed: as long as it covers more and
    more, the monitor says "too early".
    """

    def __init__(self, window: int = ENOUGH, objective: str | Objective = "non-saturating") -> None:
        if window < ENOUGH:
            raise ValueError(f"Monitor: a window of {window} records is too short to see a movement in; take {ENOUGH}")
        self.objective = objective_named(objective) if isinstance(objective, str) else objective
        self.records: deque[dict[str, Any]] = deque(maxlen=window)
        # The most so far of G's gradient, of its modes and of its spread; medians of a few: one spike does not count.
        self.most = dict.fromkeys(("gradient", "modes", "spread"), math.nan)
        self.before = math.nan  # G's loss when it began

    def watch(self, metrics: Mapping[str, Any], gradient: Any, shares: Any = None, spread: Any = None) -> None:
        """One record. `metrics` as a GAN's losses give them: "D" and "G", the losses; "D(x)" and "D(G(z))", the mean
        probabilities of being real that D gives to real images and to G's.

        `gradient`: the norm of ∂G's loss/∂θ_G, of `sg.grad(game.generator_loss(x, rng)[0], parameters)` for example, as
        in `demos.gan`.  `shares`: how many of G's samples are in each class or mode (K,),
        classes that are about equally frequent in the data; counts, since few samples reach fewer modes than G has, and
        that is allowed for, while shares that add up to 1 are taken as exact.  `spread`: see `spread`. Raises
        `ValueError` where a metric is missing, for probabilities, a norm and shares that are none, for shares of other
        classes than before, and for a loss that is none of this game's.
        """
        missing = [name for name in ("D", "G", "D(x)", "D(G(z))") if name not in metrics]
        if missing:
            raise ValueError(f"Monitor.watch: the metrics lack {', '.join(missing)}; they have {', '.join(metrics)}")
        record: dict[str, Any] = {name: _number(name, metrics[name]) for name in ("D", "G", "D(x)", "D(G(z))")}
        record["gradient"] = _number("gradient", gradient)
        record["spread"] = math.nan if spread is None else _number("spread", spread)
        record["finite"] = spread is None or math.isfinite(record["spread"])
        record["finite"] &= all(math.isfinite(record[n]) for n in ("D", "G", "D(x)", "D(G(z))", "gradient"))
        for name in ("D(x)", "D(G(z))"):
            if not -1e-6 <= record[name] <= 1 + 1e-6 and not math.isnan(record[name]):
                raise ValueError(f"Monitor.watch: {name} is a mean probability in [0, 1], got {record[name]}")
        if self.objective.guessing and -math.inf < record["D"] < -1e-6:
            raise ValueError(
                f"Monitor.watch: D's loss in the {self.objective.name} game is at least 0, got {record['D']:.3g}; name"
                " the game that is played, Monitor(objective=…)"
            )
        if record["gradient"] < 0 or record["spread"] < 0:
            raise ValueError(
                "Monitor.watch: gradient, a norm, and spread are at least 0, got"
                f" {record['gradient']} and {record['spread']}"
            )
        if shares is not None:
            q = on_host("Monitor.watch", "shares", shares)
            if q.ndim != 1 or not np.isfinite(q).all() or q.min(initial=0) < 0 or not q.sum() > 0:
                raise ValueError(f"Monitor.watch: expected shares (K,), at least 0 and not all 0, got {q}")
            if self._classes() not in (0, len(q)):
                raise ValueError(f"Monitor.watch: expected shares of {self._classes()} classes as before, got {len(q)}")
            counted = q.sum() > 1 and (q == np.rint(q)).all()
            record |= {"shares": q / q.sum(), "samples": float(q.sum()) if counted else math.inf}
            record["modes"] = math.exp(_entropy(record["shares"], record["samples"]))
        if not self.records:
            self.before = record["G"]
        self.records.append(record)
        last = list(self.records)[-FEW:]
        if len(last) == FEW:
            self.most = {name: np.fmax(most, _middle(name, last)) for name, most in self.most.items()}
        record["most"] = self.most

    def diagnose(self) -> Diagnosis:
        """What the last records show: the first that applies of losses that are not finite, a game that is won or lost,
        coverage that grows, movement, collapse."""
        if not all(record["finite"] for record in self.records):
            return _failure("a loss, a probability, a gradient or a spread is not finite.")
        if len(self.records) < ENOUGH:
            return Diagnosis("too early", f"{len(self.records)} records; {ENOUGH} are wanted.", "")
        return self._losses() or self._growing() or self._movement() or self._collapse() or self._healthy()

    def _losses(self) -> Diagnosis | None:
        """Has one player won, or has the game run away? Eqs. 22.18 and 22.19 (derivations/22-metrics.md#eq-22-18)"""
        d, gradient = self._middle("D"), self._middle("gradient")
        guessing, unit, largest = self.objective.guessing, self._unit(), self.most["gradient"]
        real, fake = self._middle("D(x)"), self._middle("D(G(z))")
        cost = f"what guessing costs, {unit:.2f}" if guessing else f"the larger of {NEAR:g} and what it was, {unit:.2g}"
        if guessing and d > LOST * unit and real <= fake:
            return _failure(
                f"D's loss is {d:.3g}, beyond {LOST} times {cost}; it gives {real:.2f} to real images,"
                f" {fake:.2f} to G's."
            )
        if abs(d) > AWAY * unit:
            return _failure(f"D's loss is {d:.3g}, beyond {AWAY} times {cost}: it runs away.")
        still = gradient <= NOTHING or gradient < STILL * largest
        of_before = f", {gradient / largest:.2g} of what it was" if largest else ""
        if d > PERFECT * guessing or not guessing:
            return _still(f"D's loss is {d:.2g}, but G's gradient {gradient:.1e}{of_before}.") if still else None
        seen = f"D's loss has fallen to {d:.2g} (guessing costs {guessing:.2f}) and"
        if still or gradient < VANISHED * largest:
            return Diagnosis(
                "discriminator won",
                f"{seen} G's gradient to {gradient:.1e}{of_before}.",
                "Train G on the non-saturating loss; give D fewer steps, a smaller learning rate, a gradient penalty.",
            )
        before, later = (_middle("G", half) for half in self._halves())
        if before - later > FALLEN * abs(before):
            return Diagnosis(
                "too early", f"{seen} G's loss falls as well, from {before:.2g} to {later:.2g}: it may catch up.", ""
            )
        return _failure(
            f"{seen} G's loss has gone from {self.before:.2g} to {later:.2g}; its gradient is there ({gradient:.1e})"
            " and does not help."
        )

    def _growing(self) -> Diagnosis | None:
        """Are samples few or narrow, but more or wider than ever before? Then G may have only begun."""
        (first, later), signs = self._halves(), self._few()
        before = first[-1]["most"]
        if signs and all(_middle(name, later) > GROWN * before[name] for name in signs):
            return Diagnosis("too early", f"{' and '.join(signs.values())}, but more than ever before.", "")
        return None

    def _movement(self) -> Diagnosis | None:
        """Is G running in circles? Eqs. 22.20 and 22.21 (derivations/22-metrics.md#eq-22-20)"""
        now, over, changes = self._modes()
        if now <= _half(self._classes()) and over >= MOVED * now and changes >= CHANGES:
            return _oscillation(
                f"at any time samples cover as many as {now:.1f} of {self._classes()} modes, in the course of"
                f" {self._course()} {over:.1f}; the dominant one has changed {changes} times."
            )
        # A critic may add any number to its answers, and G's loss moves with it; what G minimises is −D's loss.
        player = "G" if self.objective.guessing else "D"
        loss = np.array([r[player] for r in self.records])
        cycles, share, swing = _wave(loss)
        if share < WAVE or swing < SWING * self._unit():
            return None
        return _oscillation(
            f"{player}'s loss swings between {loss.min():.3g} and {loss.max():.3g}; {share:.0%} of what a straight line"
            f" leaves of it is a wave of {len(loss) / cycles:.0f} records, {cycles:.1f} times up and down."
        )

    def _collapse(self) -> Diagnosis | None:
        """Does G make a few things only? Eqs. 22.20 and 22.22 (derivations/22-metrics.md#eq-22-20)"""
        signs = self._few()
        if not signs:
            return None
        return Diagnosis(
            "mode collapse",
            f"{' and '.join(signs.values())}, while D's loss is {self._middle('D'):.3g}.",
            "Unroll D, let D see several samples at a time, add a gradient penalty, or slow G down.",
        )

    def _healthy(self) -> Diagnosis:
        now, _, _ = self._modes()
        covered = f", samples cover {now:.1f} of {self._classes()} modes" if math.isfinite(now) else ""
        return Diagnosis(
            "healthy", f"D's loss is {self._middle('D'):.3g}, G's gradient {self._middle('gradient'):.1e}{covered}.", ""
        )

    def _few(self) -> dict[str, str]:
        """What shows that G makes a few things only, and by how much."""
        (now, over, _), width, signs = self._modes(), self._middle("spread"), {}
        if now <= _half(self._classes()):
            signs["modes"] = (
                f"samples cover as many as {now:.1f} of {self._classes()} modes ({over:.1f} in the course of"
                f" {self._course()})"
            )
        if width < NARROW:
            signs["spread"] = f"their standard deviation is {width:.0%} of the data's"
        return signs

    def _unit(self) -> float:
        """What losses are measured by: what guessing costs D, or where that is nothing, how large its loss was."""
        first, _ = self._halves()
        return self.objective.guessing or max(NEAR, float(np.median([abs(r["D"]) for r in first])))

    def _halves(self) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        half = len(self.records) // 2
        return list(self.records)[:half], list(self.records)[half:]

    def _middle(self, name: str) -> float:
        return _middle(name, self.records)

    def _classes(self) -> int:
        return max((len(r["shares"]) for r in self.records if "shares" in r), default=0)

    def _looks(self) -> list[dict[str, Any]]:
        """Records that tell how many modes there are: with samples enough for that, and several of them."""
        looks = [r for r in self.records if r.get("samples", 0) >= FEW]
        alone = np.mean([_alone(r["shares"], r["samples"]) for r in looks]) if looks else 1
        return looks if len(looks) >= FEW and alone <= ALONE else []

    def _course(self) -> str:
        told = len(self._looks())
        return (
            f"{told} records" if told == len(self.records) else f"the {told} of {len(self.records)} records that tell"
        )

    def _modes(self) -> tuple[float, float, int]:
        """How many modes at a time, how many over the whole window, and how often the dominant one has changed.
        Eqs. 22.20 and 22.23 (derivations/22-metrics.md#eq-22-20)"""
        looks = self._looks()
        if not looks:
            return math.inf, math.inf, 0
        q, n = np.array([r["shares"] for r in looks]), [r["samples"] for r in looks]
        now, over = np.mean([_entropy(*each) for each in zip(q, n)]), _entropy(q.mean(0), sum(n))
        return math.exp(now), math.exp(over), int((np.diff(q.argmax(1)) != 0).sum())


def spread(samples: Any, data: Any) -> float:
    """√(tr Cov(samples) / tr Cov(data)): 1 where samples vary as much as data do, 0 where all are one.

    Eq. 22.22 (derivations/22-metrics.md#eq-22-22). Rows (N, …) of any kind, on any device. Raises `ValueError` for
    rows of different shapes and for data that are all equal.
    """
    ours, theirs = (on_host("spread", name, a) for name, a in (("samples", samples), ("data", data)))
    if ours.shape[1:] != theirs.shape[1:] or not len(ours) or not theirs.var(0).sum() > 0:
        raise ValueError(
            f"spread: samples {ours.shape} and data {theirs.shape} want the same kind of rows, not all equal"
        )
    return math.sqrt(ours.var(0).sum() / theirs.var(0).sum())


def _middle(name: str, records: Iterable[Mapping[str, Any]]) -> float:
    """The median over those records that tell it: one odd step is no disease. NaN where none does."""
    told = [r[name] for r in records if not math.isnan(r.get(name, math.nan))]
    return float(np.median(told)) if told else math.nan


def _alone(q: np.ndarray, n: float) -> float:
    """Which part of n samples with shares q are the only one of their mode: about the probability of modes not seen."""
    return 0.0 if math.isinf(n) else float(np.isclose(q * n, 1).sum()) / n


def _entropy(q: np.ndarray, n: float) -> float:
    """The entropy, in nats, of the law that n samples with shares q came from; of q itself where n is infinite.

    Eq. 22.23 (derivations/22-metrics.md#eq-22-23). A. Chao, T.-J. Shen, *Nonparametric estimation of Shannon's index of
    diversity when there are unseen species in sample*, 2003.
    """
    if math.isinf(n):
        return float(entr(q).sum())
    seen = q[q > 0] * (1 - min(_alone(q, n), 1 - 1 / n))
    reached = 1 - (1 - seen) ** n
    return min(math.log(len(q)), float((entr(seen) / reached).sum()))


def _wave(loss: np.ndarray) -> tuple[float, float, float]:
    """The wave, of two cycles or more, that comes nearest to what a straight line leaves of `loss`: its cycles, its
    share of the variance and its standard deviation. Eq. 22.21 (derivations/22-metrics.md#eq-22-21)"""
    n = len(loss)
    t = np.arange(n) / n
    line = np.stack([np.ones(n), t], 1)
    cycles = np.arange(2, n / 4 + 0.1, 0.25)
    left = loss - _shadow(line, loss)
    powers = [
        (_shadow(np.column_stack([line, np.cos(2 * np.pi * f * t), np.sin(2 * np.pi * f * t)]), left) ** 2).mean()
        for f in cycles
    ]
    best = int(np.argmax(powers))
    return float(cycles[best]), powers[best] / max(left.var(), np.finfo(float).tiny), math.sqrt(powers[best])


def _shadow(directions: np.ndarray, x: np.ndarray) -> np.ndarray:
    """The combination of the columns that comes nearest to x."""
    q, _ = np.linalg.qr(directions)
    return q @ (q.T @ x)


def _number(name: str, x: Any) -> float:
    found = on_host("Monitor.watch", name, x)
    if found.size != 1:
        raise ValueError(f"Monitor.watch: {name} is one number, got {found.shape}")
    return float(found.item())


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
        "G does not learn: look whether its loss reaches its weights, whether its units are dead or saturated, and"
        " whether D leaves it a slope: the non-saturating loss does.",
    )


def _oscillation(evidence: str) -> Diagnosis:
    return Diagnosis(
        "oscillation", evidence, "A gradient penalty (R1), an average of G's weights, a smaller β₁ or learning rate."
    )
