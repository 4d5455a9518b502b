"""How far can a difference be trusted? (derivations/34-numerical-differentiation.md)

python -m demos.differences      half a minute

Seven functions of the course, whose derivatives are known to sixteen digits, against every way to get them from values
of the function alone: how large the error is, whether the error is known, and what goes unseen.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar, NamedTuple

import numpy as np
import scipy.differentiate

from scratchgen import plotting
from scratchgen.checker.numerics import DOUBLE, SINGLE, STEP, is_float32_inside, miss_probability, slope

from .options import Options, start, tell

Line = Callable[[float], Any]


@dataclass
class Config(Options):
    """Measures the errors of differences, whether their error bars hold, and what random directions miss."""

    points: Annotated[int, "points at which each of the seven functions is differentiated"] = 12
    trials: Annotated[int, "draws behind each probability"] = 20_000

    NAME: ClassVar[str] = "differences"
    RESUMES: ClassVar[bool] = False
    QUICK: ClassVar[dict[str, Any]] = {"points": 2, "trials": 4_000}


# ---------------------------------------------------------------------------------------------------- seven functions
class Smooth(NamedTuple):
    """An analytic function of a vector, with a point."""

    name: str
    f: Callable[[Any], Any]
    x: np.ndarray


def functions(rng: np.random.Generator) -> list[Smooth]:
    """Seven losses with their constants drawn anew, each of 20 to 54 numbers: 250 slopes."""
    normal, eye = rng.standard_normal, np.eye(4)
    labels, bits = eye[rng.integers(0, 4, 5)], rng.integers(0, 2, (5, 8)).astype(float)
    data, targets, noise, decoder = normal((6, 4)), normal(6), normal((4, 3)), normal((3, 8))
    images, weights, cotangent = normal((2, 2, 5, 5)), normal((7, 5)), normal((2, 3, 3, 3))

    def cross_entropy(x: Any) -> Any:
        a = x.reshape(5, 4)
        return np.mean(np.log(np.exp(a).sum(1)) - (a * labels).sum(1))

    def bernoulli(x: Any) -> Any:
        a = x.reshape(5, 8)
        return np.mean(np.log(1 + np.exp(a)) - a * bits)

    def kl(x: Any) -> Any:
        mean, log_variance = x.reshape(2, 5, 4)
        return 0.5 * np.sum(mean**2 + np.exp(log_variance) - 1 - log_variance) / 5

    def network(x: Any) -> Any:
        w, b, v, c = x[:24].reshape(6, 4), x[24:30], x[30:36], x[36]
        return np.mean((np.tanh(data @ w.T + b) @ v + c - targets) ** 2)

    def batch_norm(x: Any) -> Any:
        x = x.reshape(7, 5)
        return np.sum(weights * (x - x.mean(0)) / np.sqrt(((x - x.mean(0)) ** 2).mean(0) + 1e-5))

    def convolution(x: Any) -> Any:
        windows = np.lib.stride_tricks.sliding_window_view(images, (3, 3), (2, 3))
        return np.sum(cotangent * np.einsum("nchwij,fcij->nfhw", windows, x.reshape(3, 2, 3, 3)))

    def elbo(x: Any) -> Any:
        mean, log_variance = x.reshape(2, 4, 3)
        a = (mean + np.exp(0.5 * log_variance) * noise) @ decoder
        reconstruction = np.sum(np.log(1 + np.exp(a)) - a * bits[:4])
        return (reconstruction + 0.5 * np.sum(mean**2 + np.exp(log_variance) - 1 - log_variance)) / 4

    sizes = {cross_entropy: 20, bernoulli: 40, kl: 40, network: 37, batch_norm: 35, convolution: 54, elbo: 24}
    return [Smooth(f.__name__.replace("_", " "), f, normal(size)) for f, size in sizes.items()]


def truth(smooth: Smooth) -> np.ndarray:
    """Complex steps in 80 bits, where the machine has them.  Eq. 34.9
    (derivations/34-numerical-differentiation.md#eq-34-9)"""
    x = smooth.x.astype(np.clongdouble)
    steps = 1j * np.longdouble(1e-30) * np.eye(len(x), dtype=np.longdouble)
    return np.array([smooth.f(x + step).imag / np.longdouble(1e-30) for step in steps], np.longdouble)


def lines(smooth: Smooth) -> Iterator[Line]:
    """t ↦ f(x + t e), for each coordinate."""
    for e in np.eye(len(smooth.x)):
        yield lambda t, e=e: smooth.f(smooth.x + t * e)


# -------------------------------------------------------------------------------------------------------- the methods
def forward(line: Line, h: float) -> Any:
    """Eq. 34.1 (derivations/34-numerical-differentiation.md#eq-34-1)"""
    return (line(h) - line(0)) / h


def central(line: Line, h: float) -> Any:
    """Eq. 34.3 (derivations/34-numerical-differentiation.md#eq-34-3)"""
    return (line(h) - line(-h)) / (2 * h)


def richardson(line: Line, h: float) -> Any:
    """Eq. 34.4 (derivations/34-numerical-differentiation.md#eq-34-4)"""
    return (4 * central(line, h / 2) - central(line, h)) / 3


def seven_points(line: Line, h: float) -> Any:
    """Richardson once more: the error of order h⁴ cancels too."""
    return (45 * (line(h) - line(-h)) - 9 * (line(2 * h) - line(-2 * h)) + (line(3 * h) - line(-3 * h))) / (60 * h)


def ridders(line: Line, h: float = 0.1) -> tuple[Any, float]:
    """Richardson at h, h/1.4, h/1.4² … until it gets worse; the value, and the error that the table shows.

    C. Ridders, *Accurate computation of F′(x) and F′(x)F″(x)*, 1982.
    """
    best, error = math.nan, math.inf
    above = [central(line, h)]
    for i in range(1, 10):
        row = [central(line, h / 1.4**i)]
        for j in range(1, i + 1):
            row.append((1.4 ** (2 * j) * row[-1] - above[j - 1]) / (1.4 ** (2 * j) - 1))
            off = max(abs(row[j] - row[j - 1]), abs(row[j] - above[j - 1]))
            if off <= error:
                best, error = row[j], off
        if abs(row[-1] - above[-1]) >= 2 * error:
            break
        above = row
    return best, error


def adaptive(smooth: Smooth) -> tuple[np.ndarray, np.ndarray]:
    """SciPy's gradient and the error that it tells; its first step is 0.5."""
    found = scipy.differentiate.jacobian(lambda x: np.apply_along_axis(smooth.f, 0, x), smooth.x)
    return found.df, found.error


METHODS: dict[str, Callable[[Line], Any]] = {
    "forward, 1.5e-8": lambda line: forward(line, 1.5e-8),
    "central, 1e-3": lambda line: central(line, 1e-3),
    "central, 1e-4": lambda line: central(line, 1e-4),
    "central, 1e-5": lambda line: central(line, 1e-5),
    "central, 1e-6": lambda line: central(line, 1e-6),
    "Richardson, 2e-3": lambda line: richardson(line, STEP),
    "seven points, 1e-2": lambda line: seven_points(line, 1e-2),
    "Ridders, from 0.1": lambda line: ridders(line)[0],
    "complex, 1e-30": lambda line: line(1e-30j).imag / 1e-30,
}


class Trust(NamedTuple):
    """Estimated errors of slopes, and the true ones."""

    estimated: np.ndarray
    true: np.ndarray

    def covered(self, safety: float = 1.0) -> float:
        """How often the true error is no more than `safety` estimated ones."""
        return float(np.mean(self.true <= safety * self.estimated))


def measure(config: Config) -> tuple[dict[str, dict[str, float]], dict[str, Trust], np.ndarray]:
    """‖error‖/‖gradient‖ by method and function, the worst over the points; the error bars; and how wide ours is,
    ten of them, relative to the largest slope."""
    rng = np.random.default_rng(config.seed)
    worst: dict[str, dict[str, float]] = {}
    pairs: dict[str, list[np.ndarray]] = {}
    widths = []
    for _ in range(config.points):
        for smooth in functions(rng):
            exact = truth(smooth)
            found = {name: np.array([method(line) for line in lines(smooth)]) for name, method in METHODS.items()}
            found["SciPy's jacobian"], told = adaptive(smooth)
            for name, gradient in found.items():
                off = float(np.linalg.norm((gradient - exact).astype(float)) / np.linalg.norm(exact.astype(float)))
                row = worst.setdefault(name, {})
                row[smooth.name] = max(off, row.get(smooth.name, 0.0))
            ours = np.array([slope(line)[:2] for line in lines(smooth)])
            naive = np.array([abs(central(line, STEP / 2) - central(line, STEP)) / 3 for line in lines(smooth)])
            theirs = np.array([ridders(line) for line in lines(smooth)])
            for name, estimate, value in (
                ("|D(h/2) − D(h)|/3", naive, found["Richardson, 2e-3"]),
                ("the same + 4ε|f|/h", ours[:, 1], ours[:, 0]),
                ("Ridders' own", theirs[:, 1], theirs[:, 0]),
                ("SciPy's own", told, found["SciPy's jacobian"]),
            ):
                pairs.setdefault(name, []).append(np.array([estimate, abs(value - exact)], float))
            widths.append(10 * ours[:, 1] / abs(ours[:, 0]).max())
    trust = {name: Trust(*np.concatenate(several, 1)) for name, several in pairs.items()}
    return worst, trust, np.concatenate(widths)


def show_errors(worst: dict[str, dict[str, float]]) -> None:
    names = list(next(iter(worst.values())))
    print("‖error‖/‖gradient‖, the worst of all points, against complex steps in 80 bits\n" + " " * 20, end="")
    print("".join(f"{name:>14s}" for name in names))
    for method, row in worst.items():
        print(f"  {method:18s}" + "".join(f"{row[name]:14.0e}" for name in names))


def show_trust(trust: dict[str, Trust], widths: np.ndarray, count: int) -> None:
    print(f"\nerror bars, {count:,} slopes        P(true ≤ told)   P(true ≤ 10 told)   told/true, median")
    for name, pair in trust.items():
        kept = pair.true > 0
        slack = float(np.median(pair.estimated[kept] / pair.true[kept]))
        print(f"  {name:28s}  {pair.covered():12.3f}  {pair.covered(10):16.4f}  {slack:18.1e}")
    middle, most = np.quantile(widths, [0.5, 0.95])
    print(f"  ten of ours, of the largest slope: {middle:.0e} (median), {most:.0e} (95 %), {widths.max():.0e} (worst)")


# ------------------------------------------------------------------------------------------------- float32, and kinks
def show_float32(config: Config) -> None:
    """The same functions with their argument and their value cast to float32: errors, and whether the cast is seen."""
    rng = np.random.default_rng([config.seed, 1])
    errors: dict[float, list[float]] = {1e-6: [], 1e-5: [], 1e-3: [], 1e-2: [], 1e-1: []}
    seen = {"float64": [0, 0], "float32": [0, 0]}
    for _ in range(config.points):
        for smooth in functions(rng):
            coarse = smooth._replace(f=single(smooth.f))
            exact = truth(smooth).astype(float)
            for h, several in errors.items():
                gradient = np.array([central(line, h) for line in lines(coarse)])
                several.append(float(np.linalg.norm(gradient - exact) / np.linalg.norm(exact)))
            for name, f in (("float64", smooth.f), ("float32", coarse.f)):
                seen[name][0] += is_float32_inside(lambda a, f=f: f(a["x"]), {"x": smooth.x}, rng)
                seen[name][1] += 1
    print("\nfloat32 inside, central differences: ‖error‖/‖gradient‖ from … to …")
    for h, several in errors.items():
        print(f"  h = {h:.0e}   {min(several):.0e} … {max(several):.0e}")
    print("  the probe says float32 of " + ", of ".join(f"{n}: {a} of {b}" for n, (a, b) in seen.items()))


def single(f: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """f, with what goes in and what comes out rounded to float32."""
    return lambda x: float(np.float32(f(x.astype(np.float32))))


def kinks(config: Config, h: float, batch: int, hidden: int) -> tuple[int, int, int, int, float]:
    """A relu network: of its weights' slopes, how many there are, how many have a kink within ±h, of how many of those
    the test says so, of how many others; and the largest error of a central difference across a kink.  Eq. 34.6
    (derivations/34-numerical-differentiation.md#eq-34-6)"""
    rng = np.random.default_rng([config.seed, batch])
    count = crossed = flagged = false = 0
    worst = 0.0
    for _ in range(config.points):
        x, v = rng.standard_normal((batch, 4)), rng.standard_normal(hidden)
        w = rng.standard_normal((hidden, 4)) / 2
        a = x @ w.T
        exact = ((a > 0) * v).T @ x / batch
        for i, j in np.ndindex(w.shape):

            def line(t: float, i: int = i, j: int = j, a: Any = a, x: Any = x, v: Any = v) -> float:
                moved = a[:, i] + t * x[:, j]
                return float(np.maximum(moved, 0).sum() * v[i] / batch)

            crosses = bool((abs(a[:, i]) < h * abs(x[:, j])).any())
            jump, half = (abs(line(s) - 2 * line(0) + line(-s)) / s for s in (h, h / 2))
            rough = abs(jump - 2 * half) > 0.1 * jump + 40 * DOUBLE * max(abs(line(h)), abs(line(-h))) / h
            count, crossed = count + 1, crossed + crosses
            flagged, false = flagged + (crosses and rough), false + (rough and not crosses)
            if crosses:
                worst = max(worst, abs(central(line, h) - exact[i, j]) / abs(exact).max())
    return count, crossed, flagged, false, worst


def show_kinks(config: Config) -> None:
    print("\na relu network, slopes of its first weights; a kink within ±h, and noticed by J(h) against J(h/2)")
    for batch, hidden in ((5, 6), (16, 20), (64, 50)):
        for h in (1e-3, 1e-4):
            count, crossed, flagged, false, worst = kinks(config, h, batch, hidden)
            print(
                f"  batch {batch:2d}, {hidden:2d} units, h = {h:.0e}: {crossed:3d} of {count:,}, {crossed / count:.1%},"
                f" noticed {flagged}, false alarms {false}; central differences off by up to {worst:.1%}"
            )


# --------------------------------------------------------------------------------------------------- random directions
def missed(error: np.ndarray, tolerance: float, directions: int, draws: int, rng: Any, kind: str = "normal") -> float:
    """How often k random directions v all have |e·v| ≤ τ.  Eqs. 34.11 and 34.12
    (derivations/34-numerical-differentiation.md#eq-34-11)"""
    shape = (draws, directions, len(error))
    v = rng.standard_normal(shape) if kind == "normal" else rng.choice([-1.0, 1.0], shape)
    return float(np.mean((abs(v @ error) <= tolerance).all(1)))


def accepted(rng: np.random.Generator, n: int, draws: int) -> dict[str, tuple[float, float]]:
    """Four wrong Jacobians (n, n): how often they pass two directions of numbers ≥ 0 and of length 1, one on either
    side, with a tolerance of 1e-5 an entry and 1e-3 of the whole (as PyTorch's fast mode); and one normal direction
    with 1e-6."""
    kept: dict[str, list[tuple[bool, bool]]] = {}
    for _ in range(draws):
        J = rng.standard_normal((n, n))
        i, j = rng.integers(0, n, 2)
        entry, row = J.copy(), J.copy()
        entry[i, j], row[i] = 0.0, 0.0
        u, v = (w / np.linalg.norm(w) for w in rng.random((2, n)))
        right, around = u @ J @ v, 1e-5 * u.sum() * v.sum()
        a, b = rng.standard_normal((2, n))
        for name, wrong in {"an entry": entry, "a row": row, "1e-4 too large": 1.0001 * J, "transposed": J.T}.items():
            fast = bool(abs(u @ wrong @ v - right) <= around + 1e-3 * abs(right))
            ours = bool(abs(a @ (wrong - J) @ b) <= 1e-6)
            kept.setdefault(name, []).append((fast, ours))
    return {name: (float(fast), float(ours)) for name, several in kept.items() for fast, ours in [np.mean(several, 0)]}


def show_directions(config: Config) -> list[tuple[float, float]]:
    """Returns (foretold, measured) of the normal directions."""
    rng = np.random.default_rng([config.seed, 2])
    error = rng.standard_normal(20)
    error /= np.linalg.norm(error)
    print("\na gradient that is wrong by ‖e‖ = 1 is accepted,     foretold    measured")
    pairs = []
    for tolerance, k in ((0.1, 1), (0.01, 1), (0.1, 2), (0.3, 3)):
        pair = miss_probability(tolerance, 1.0, k), missed(error, tolerance, k, 10 * config.trials, rng)
        pairs.append(pair)
        print(f"  τ = {tolerance:<5g} {k} normal direction{'s' * (k > 1):1s}{'':22s}{pair[0]:.5f}     {pair[1]:.5f}")
    for tolerance in (0.1, 1e-6):
        share = missed(np.ones(2), tolerance, 1, config.trials, rng, "±1")
        print(f"  τ = {tolerance:<5g} 1 direction of ±1, e = (1, 1){'':11s}0.50000     {share:.5f}")
    print("\nwrong Jacobians that pass: one pair of directions ≥ 0, tolerance 1e-5 an entry + 1e-3 | normal ones, 1e-6")
    for n in (20, 100, 600):
        shares = accepted(rng, n, max(5, min(config.trials // 20, 200_000 // n)))
        told = "   ".join(f"{name} {fast:.2f} | {ours:.2f}" for name, (fast, ours) in shares.items())
        print(f"  {n:3d} × {n:<3d}   {told}")
    return pairs


def show_cost() -> None:
    """A convolution in seven loops: what it costs to look at every number, and at three directions."""
    rng = np.random.default_rng(0)
    x, w = rng.standard_normal((2, 2, 5, 5)), rng.standard_normal((3, 2, 3, 3))
    began = time.perf_counter()
    loops(x, w)
    once = time.perf_counter() - began
    size = x.size + w.size
    print(
        f"\na convolution in seven loops, {once * 1e3:.1f} ms: {size} slopes {5 * size * once:.2f} s,"
        f" three directions {15 * once:.3f} s"
    )


def loops(x: np.ndarray, w: np.ndarray) -> np.ndarray:
    n, channels, height, width = x.shape
    filters, _, rows, columns = w.shape
    out = np.zeros((n, filters, height - rows + 1, width - columns + 1))
    for index in np.ndindex(out.shape):
        a, f, r, c = index
        for channel, i, j in np.ndindex(channels, rows, columns):
            out[index] += x[a, channel, r + i, c + j] * w[f, channel, i, j]
    return out


# ----------------------------------------------------------------------------------------------------------- pictures
def foretold(h: np.ndarray, rounding: float) -> dict[str, np.ndarray]:
    """Truncation + rounding for a function whose derivatives are all as large as itself.  Eq. 34.2
    (derivations/34-numerical-differentiation.md#eq-34-2)"""
    return {
        "forward": h / 2 + 2 * rounding / h,
        "central": h**2 / 6 + rounding / h,
        "Richardson": h**4 / 480 + 3 * rounding / h,
    }


def draw_steps(path: Path) -> Path:
    """The V of each method: eˣ at 1, in float64 and in float32."""
    title = "Error of a difference against its step: eˣ at x = 1; dotted: truncation + rounding, Eq. 34.2"
    figure, panels = plotting.panels((5.6, 5.6), 4.4, title)
    for axes, dtype, rounding in zip(panels, (np.float64, np.float32), (DOUBLE, SINGLE)):
        h = np.logspace(-13 if dtype is np.float64 else -6, 0.3, 160)
        h = (1 + h.astype(dtype) - dtype(1)).astype(dtype)  # steps that 1 + h and 1 − h really take
        h = h[h > 0]

        def line(t: Any, dtype: Any = dtype) -> Any:
            return np.exp(dtype(1) + np.asarray(t, dtype))

        for k, (name, method) in enumerate((("forward", forward), ("central", central), ("Richardson", richardson))):
            off = [abs(float(method(line, step)) / math.e - 1) for step in h]
            axes.plot(h, np.maximum(off, 1e-17), color=f"C{k}", linestyle="-", linewidth=0.9, label=name)
            axes.plot(h, foretold(h.astype(float), rounding)[name], color=f"C{k}", linestyle=":", linewidth=1.2)
        if dtype is np.float64:
            step = h.astype(complex)
            off = abs(np.exp(1 + 1j * step).imag / h / math.e - 1)
            axes.plot(h, np.maximum(off, 1e-17), color="C3", linestyle="--", label="complex step")
            axes.axvline(STEP, color="0.4", linewidth=0.8, linestyle="-.", label="the checker's h")
        axes.set(xscale="log", yscale="log", xlabel="step h", title=np.dtype(dtype).name, ylim=(3e-18, 20))
        axes.set_ylabel("relative error of f′")
        axes.minorticks_off()
        axes.legend(loc=(0.02, 0.14) if dtype is np.float64 else "lower left", frameon=True)
    return plotting.save(figure, path)


def draw_trust(trust: dict[str, Trust], config: Config, path: Path) -> Path:
    """How often the true error is within a multiple of what was told; and how often directions see nothing."""
    count = len(next(iter(trust.values())).true)
    title = f"Is the error known? {count:,} slopes of seven functions; what k directions miss; seed {config.seed}"
    figure, (bars, chance) = plotting.panels((5.8, 5.4), 4.2, title)
    multiples = np.logspace(-3, 3, 120)
    for name, pair in trust.items():
        bars.plot(multiples, [pair.covered(m) for m in multiples], label=name)
    for level in (1, 10):
        bars.axvline(level, color="0.6", linewidth=0.8, linestyle=":")
    bars.set(xscale="log", xlabel="true error / error that was told, at most", ylabel="share of the slopes")
    bars.legend(loc="lower right", frameon=True)
    rng, taus = np.random.default_rng([config.seed, 3]), np.logspace(-2, 0.8, 15)
    for k, colour in ((1, "C0"), (2, "C1"), (3, "C2")):
        error = rng.standard_normal(30)
        error /= np.linalg.norm(error)
        chance.plot(taus, [miss_probability(t, 1.0, k) for t in taus], color=colour, linestyle="-", label=f"k = {k}")
        found = np.array([missed(error, t, k, config.trials, rng) for t in taus])
        chance.plot(taus[found > 0], found[found > 0], color=colour, linestyle="none", marker="o", markersize=4)
    signs = [missed(np.ones(2) / math.sqrt(2), t, 1, config.trials, rng, "±1") for t in taus]
    chance.plot(taus, signs, color="C3", linestyle="none", marker="s", markersize=4, label="k = 1, of ±1, e ∝ (1, 1)")
    chance.set(xscale="log", yscale="log", xlabel="tolerance τ/‖e‖", ylabel="P(wrong gradient accepted)")
    chance.legend(loc="lower right", frameon=True)
    for axes in (bars, chance):
        axes.minorticks_off()
    return plotting.save(figure, path)


# -------------------------------------------------------------------------------------------------------------- main
def main(config: Config) -> None:
    """Measure, draw, and say what came out."""
    worst, trust, widths = measure(config)
    ours = trust["the same + 4ε|f|/h"]
    show_errors(worst)
    show_trust(trust, widths, len(ours.true))
    show_float32(config)
    show_kinks(config)
    pairs = show_directions(config)
    show_cost()
    folder = config.folder()
    with plotting.style():
        tell(draw_steps(folder / "steps.png"), draw_trust(trust, config, folder / "trust.png"))
    print(
        f"the true error is within ten estimated ones in {ours.covered(10):.2%} of {len(ours.true):,} slopes;"
        f" directions\n  miss what Eq. 34.11 foretells to {max(abs(a - b) for a, b in pairs):.0e}"
    )


if __name__ == "__main__":
    start(Config, main)
