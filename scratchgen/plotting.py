"""Pictures: grids of images, curves, and comparisons. The only room that knows matplotlib, and only when it draws.

Every function returns a `matplotlib.figure.Figure`, made without pyplot: no window, no display, nothing to close.
`save` writes it. A title says what is seen, with the seed and the numbers of the run.
"""

from __future__ import annotations

import math
import os
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from . import files

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = [
    "animate", "bars", "closing_gap", "comparison", "curves", "densities", "dots", "film", "growth", "heatmaps",
    "image_grid", "latent_plane", "panels", "receptive_fields", "save", "scatter", "style", "tiles",
]  # fmt: skip

STYLE = Path(__file__).with_name("scratchgen.mplstyle")


@contextmanager
def style() -> Iterator[None]:
    """The look of every figure, for those who draw on `panels` themselves: `with plotting.style(): …`."""
    import matplotlib.style

    with matplotlib.style.context(STYLE):
        yield


def _figure(width: float, height: float) -> Figure:
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height))


def panels(widths: Sequence[float], height: float, title: str) -> tuple[Figure, Sequence[Axes]]:
    """An empty figure with axes side by side, widths and height in inches, for a drawing that is nobody else's."""
    figure = _figure(sum(widths), height)
    _title(figure, title)
    return figure, figure.subplots(1, len(widths), width_ratios=widths, squeeze=False)[0]


def _title(figure: Figure, title: str) -> None:
    """A title over the whole figure, in as many lines as its width asks for."""
    figure.suptitle("\n".join(textwrap.wrap(title, int(11 * figure.get_figwidth()))))


def save(figure: Figure, path: str | os.PathLike[str]) -> Path:
    """Write the figure (`.png`, `.svg`, `.pdf` …) whole or not at all, and return where it is."""
    with files.whole(path) as draft, style():
        figure.savefig(draft)
    return Path(path)


# ------------------------------------------------------------------------------------------------------------ images
GAP = 2  # pixels between images


def tiles(images: np.ndarray, columns: int, gap: int = GAP) -> np.ndarray:
    """Images (N, H, W), row by row, in one array with `columns` of them side by side; the gaps are NaN."""
    n, height, width = images.shape
    rows = math.ceil(n / columns)
    sheet = np.full((rows * (height + gap) - gap, columns * (width + gap) - gap), np.nan, np.float32)
    for i, image in enumerate(images):
        top, left = (i // columns) * (height + gap), (i % columns) * (width + gap)
        sheet[top : top + height, left : left + width] = image
    return sheet


def _draw_tiles(axes: Axes, images: np.ndarray, columns: int, title: str) -> None:
    """Ink on paper: 0 is white, 1 is black, gaps are light grey."""
    import matplotlib

    ink = matplotlib.colormaps["gray_r"].with_extremes(bad="#dcdcdc")
    axes.imshow(tiles(_square(images), columns), cmap=ink, vmin=0, vmax=1)
    axes.set_title(title)
    axes.axis("off")


def _square(images: np.ndarray) -> np.ndarray:
    """Images (N, H, W) from flat ones (N, H·W) with H = W; others as they are."""
    if images.ndim == 3:
        return images
    side = math.isqrt(images.shape[-1])
    if images.ndim != 2 or side * side != images.shape[-1]:
        raise ValueError(f"expected images (N, H, W), or (N, H·H) for square ones, got {images.shape}")
    return images.reshape(-1, side, side)


def image_grid(images: np.ndarray, columns: int, title: str = "", captions: Sequence[str] = ()) -> Figure:
    """Images (N, H, W) or (N, H·W) with values in [0, 1], in rows of `columns`; captions stand in their corners."""
    figure = comparison({"": images}, columns, title)
    height, width = _square(images).shape[1:]
    for i, caption in enumerate(captions):
        left, top = (i % columns) * (width + GAP), (i // columns) * (height + GAP)
        figure.axes[0].text(left, top, caption, color="#bd1f01", fontsize=7, verticalalignment="top")
    return figure


def comparison(groups: Mapping[str, np.ndarray], columns: int, title: str = "") -> Figure:
    """Grids of images side by side, each under its name: what the model made, beside the real thing."""
    rows = max(math.ceil(len(images) / columns) for images in groups.values())
    side = 4.6 if len(groups) > 1 else 6.0  # inches
    with style():
        figure = _figure(side * len(groups), side * rows / columns + 0.7)
        figure.set_layout_engine("constrained", wspace=0.06)
        for axes, (name, images) in zip(figure.subplots(1, len(groups), squeeze=False)[0], groups.items()):
            _draw_tiles(axes, images, columns, name)
        _title(figure, title)
    return figure


def animate(
    frames: Sequence[np.ndarray], columns: int, path: str | os.PathLike[str], title: str = "", seconds: float = 6.0
) -> Path:
    """Write an animation (`.gif`) of image grids that change, each frame (N, H, W) or (N, H·W) with values in [0, 1];
    NaN is drawn as a gap. The last frame stays for a while."""
    figure = comparison({"": frames[0]}, columns, title)
    (picture,) = figure.axes[0].images
    return film(figure, lambda i: picture.set_data(tiles(_square(frames[i]), columns)), len(frames), path, seconds)


def film(
    figure: Figure, draw: Callable[[int], object], frames: int, path: str | os.PathLike[str], seconds: float = 6.0
) -> Path:
    """Write an animation (`.gif`) of any figure: `draw(i)` makes it frame i. The last frame stays for a while."""
    from matplotlib.animation import PillowWriter

    writer = PillowWriter(fps=max(1, round(frames / seconds)))
    with files.whole(path) as draft, style(), writer.saving(figure, draft, dpi=70):
        figure.draw_without_rendering()
        figure.set_layout_engine("none")  # laid out once: quicker, and nothing trembles
        for i in [*range(frames), *[frames - 1] * max(1, frames // 4)]:
            draw(i)
            writer.grab_frame()
    return Path(path)


def latent_plane(
    decode: Callable[[np.ndarray], np.ndarray],
    side: int = 20,
    title: str = "",
    codes: Any = None,
    labels: Any = None,
) -> Figure:
    """What a decoder with two latent dimensions makes of the plane: z = (Φ⁻¹(u), Φ⁻¹(v)) on a regular grid of (u, v).

    Φ⁻¹ is the inverse of the standard normal's distribution function, so each image stands for the same share of p(z).
    `decode` takes z (N, 2) and returns images (N, pixels). With `codes` (M, 2) and `labels` (M,) of digits there is the
    same plane once more, each digit in its place. Kingma and Welling 2013 (arXiv:1312.6114), figure 4.
    """
    from scipy.special import ndtr, ndtri

    quantiles = ndtri((np.arange(side) + 0.5) / side)
    z = np.stack(np.meshgrid(quantiles, quantiles[::-1]), -1).reshape(-1, 2)  # z₂ grows upwards
    images = _square(decode(z))
    pitch, edge = images.shape[-1] + GAP, (images.shape[-1] - 1) / 2
    shown = np.unique(np.linspace(0, side - 1, 7).round().astype(int))
    names = [f"{quantiles[i]:.2f}".replace("-", "−") for i in shown]
    with style():
        figure = _figure(7 if codes is None else 14, 7.2)
        plane, *beside = figure.subplots(1, 1 if codes is None else 2, squeeze=False)[0]
        _draw_tiles(plane, images, side, "")
        _title(figure, title)
        plane.axis("on")
        plane.set_xticks(shown * pitch + edge, names)
        plane.set_yticks((side - 1 - shown) * pitch + edge, names)
        for axes in beside:
            _draw_digits(axes, ndtr(codes), labels)
            axes.set_aspect("equal")
            axes.set_xlim(0, 1)
            axes.set_ylim(0, 1)
            axes.set_xticks((shown + 0.5) / side, names)
            axes.set_yticks((shown + 0.5) / side, names)
        for axes in (plane, *beside):
            axes.grid(False)
            axes.set_xlabel("z₁ (spaced by equal shares of the prior)")
            axes.set_ylabel("z₂")
            axes.spines[:].set_visible(False)
    return figure


# ------------------------------------------------------------------------------------------------------------ numbers
def curves(
    panels: Mapping[str, Mapping[str, Sequence[float]]],
    xlabel: str = "epoch",
    title: str = "",
    start: int = 1,
    x: Sequence[float] | None = None,
) -> Figure:
    """Curves over epochs: for each panel its y label (with the unit), and the named curves in it. They are counted from
    `start` on, or stand at `x`, such as the minutes after which an epoch was finished."""
    from matplotlib.ticker import MaxNLocator

    with style():
        figure = _figure(4.2 * len(panels), 3.9)
        for axes, (ylabel, lines) in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels.items()):
            axes.xaxis.set_major_locator(MaxNLocator(integer=x is None))
            for name, values in lines.items():
                marker = "o" if len(values) == 1 else None  # one point makes no line
                axes.plot(range(start, start + len(values)) if x is None else x, values, label=name, marker=marker)
            axes.set_xlabel(xlabel)
            axes.set_ylabel(ylabel)
            if len(lines) > 1:
                axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1), ncols=2)  # above: curves may be anywhere
        _title(figure, title)
    return figure


def growth(
    panels: Mapping[str, Mapping[str, tuple[Sequence[float], Sequence[float]]]], xlabel: str, title: str = ""
) -> Figure:
    """How numbers grow: for each panel its y label (with the unit) and the named curves (x, y) in it, on logarithmic
    axes. A power law is a straight line there, and its slope the power."""
    from matplotlib.ticker import LogLocator, NullFormatter

    with style():
        figure = _figure(4.6 * len(panels), 4.2)
        for axes, (ylabel, lines) in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels.items()):
            for name, (x, y) in lines.items():
                axes.loglog(x, y, label=name, marker="o", markersize=3)
            ticks = sorted({float(value) for x, _ in lines.values() for value in x})
            axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
            axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            axes.yaxis.set_major_formatter("{x:g}")
            for axis in (axes.xaxis, axes.yaxis):
                axis.set_minor_formatter(NullFormatter())
            axes.margins(y=0.15)
            axes.set_xlabel(xlabel)
            axes.set_ylabel(ylabel)
            if len(lines) > 1:
                axes.legend()
        _title(figure, title)
    return figure


def scatter(points: np.ndarray, labels: np.ndarray, title: str = "", names: tuple[str, str] = ("z₁", "z₂")) -> Figure:
    """Points (N, 2) in the plane, each drawn as the digit that it is."""
    with style():
        figure = _figure(6.4, 6)
        axes = figure.subplots()
        _draw_digits(axes, points, labels)
        axes.set_xlabel(names[0])
        axes.set_ylabel(names[1])
        _title(figure, title)
    return figure


def _draw_digits(axes: Axes, points: Any, labels: Any) -> None:
    """Points (N, 2), each as its digit and in the digit's colour."""
    import matplotlib

    colours = matplotlib.rcParams["axes.prop_cycle"].by_key()["color"]
    for label in np.unique(labels):
        x, y = points[labels == label].T
        axes.scatter(x, y, s=28, marker=f"${label}$", color=colours[int(label) % len(colours)], linewidths=0.2)


def bars(
    values: Mapping[str, float], xlabel: str, title: str = "", errors: Mapping[str, float] | None = None
) -> Figure:
    """One horizontal bar for each name, from top to bottom, with its number; and with its interval, ± `errors`."""
    with style():
        figure = _figure(6.4, 0.9 + 0.32 * len(values))
        axes = figure.subplots()
        axes.grid(axis="y", visible=False)
        spread = None if errors is None else [errors[name] for name in values]
        drawn = axes.barh(list(values), list(values.values()), xerr=spread, ecolor="#777777", capsize=3)
        axes.bar_label(drawn, fmt="%.1f", padding=3)
        axes.invert_yaxis()
        axes.margins(x=0.1)
        axes.set_xlabel(xlabel)
        _title(figure, title)
    return figure


def heatmaps(maps: Mapping[str, np.ndarray], label: str, title: str = "") -> Figure:
    """Maps (H, W) side by side, each under its name, on one scale of colours from 0 up. A map of zeros and ones is an
    image: ink on paper."""
    top = max(float(values.max()) for values in maps.values())
    with style():
        figure = _figure(2.3 * len(maps) + 0.8, 3.1)
        shown = None
        for axes, (name, values) in zip(figure.subplots(1, len(maps), squeeze=False)[0], maps.items()):
            if np.isin(values, (0, 1)).all():
                _draw_tiles(axes, values[None], 1, name)
                continue
            shown = axes.imshow(values, vmin=0, vmax=top)
            axes.set_title(name)
            axes.axis("off")
        if shown is not None:
            figure.colorbar(shown, ax=figure.axes, label=label, shrink=0.8)
        _title(figure, title)
    return figure


def dots(
    panels: Mapping[str, Mapping[str, Sequence[float]]], title: str = "", lines: Mapping[str, tuple[float, str]] = {}
) -> Figure:
    """Values of several runs: for each panel its y label (with the unit), and for each name one dot a run and a dash at
    their mean. `lines` draws and names a level in the panel of that y label."""
    with style():
        figure = _figure(max(4.2 * len(panels), 5.4), 3.6)
        for axes, (ylabel, groups) in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels.items()):
            for place, values in enumerate(groups.values()):
                mean = math.fsum(values) / len(values)
                axes.plot([place - 0.25, place + 0.25], [mean, mean], color="0.3", linestyle="-")
                axes.plot([place] * len(values), values, linestyle="none", marker="o", alpha=0.7)
            if ylabel in lines:
                level, name = lines[ylabel]
                axes.axhline(level, color="0.3", linestyle=":")
                axes.annotate(name, (1, level), (0, 3), ("axes fraction", "data"), "offset points", ha="right")
            axes.set_xticks(range(len(groups)), groups)
            axes.set_xlim(-0.6, len(groups) - 0.4)
            axes.set_ylabel(ylabel)
        _title(figure, title)
    return figure


def receptive_fields(
    maps: Mapping[str, tuple[np.ndarray, tuple[int, int], np.ndarray]], columns: int, title: str = ""
) -> Figure:
    """What conditionals see: under each name how strongly one depends on each pixel (H, W), in powers of ten; its own
    position; and what a theorem says that it sees (booleans (H, W)), drawn as an outline. A pixel that comes before it
    and has no influence at all is orange, one that comes after it white."""
    import matplotlib

    colours = matplotlib.colormaps["viridis"].with_extremes(bad="#ffa90e")
    rows = math.ceil(len(maps) / columns)
    with style():
        figure = _figure(3.1 * columns + 0.8, 3.2 * rows + 0.6)
        grid = figure.subplots(rows, columns, squeeze=False)
        for axes, (name, (values, position, outline)) in zip(grid.flat, maps.items()):
            powers = np.log10(values / values.max(), out=np.full(values.shape, np.nan), where=values > 0)
            shown = axes.imshow(powers, cmap=colours, vmin=-10, vmax=0)
            _draw_outline(axes, outline, color="#bd1f01", linewidth=1.2)
            row, column = position
            before = np.arange(values.size).reshape(values.shape) < row * values.shape[1] + column
            axes.imshow(np.where(before, np.nan, 1.0), cmap="gray", vmin=0, vmax=1)
            axes.plot(column, row, marker="s", markersize=4, color="black")
            axes.set_title(name)
            axes.axis("off")
        label = "|∂ logit/∂ pixel|, power of ten (the largest: 0)"
        figure.colorbar(shown, ax=grid, label=label, shrink=0.7, extend="min")
        _title(figure, title)
    return figure


def _draw_outline(axes: Axes, inside: np.ndarray, **style: Any) -> None:
    """The border of a region of pixels."""
    from matplotlib.collections import LineCollection

    padded = np.pad(inside, 1)
    rows, columns = np.nonzero(padded[1:] != padded[:-1])  # a border below each of these
    across = [[(j - 1.5, i - 0.5), (j - 0.5, i - 0.5)] for i, j in zip(rows, columns)]
    rows, columns = np.nonzero(padded[:, 1:] != padded[:, :-1])  # to the right of each of these
    down = [[(j - 0.5, i - 1.5), (j - 0.5, i - 0.5)] for i, j in zip(rows, columns)]
    axes.add_collection(LineCollection(across + down, capstyle="projecting", **style))


def closing_gap(
    steps: Sequence[int],
    log_prob: Sequence[float],
    elbo: Sequence[float],
    clouds: Sequence[Mapping[str, Sequence[tuple[np.ndarray, np.ndarray]]]],
    title: str = "",
    level: tuple[float, str] | None = None,
) -> tuple[Figure, Callable[[int], None]]:
    """A bound along a training, and the Gaussians whose difference is the gap: a figure, and a function draw(i) that
    shows it at `steps[i]`, for `film`.

    On the left ln p(x), the ELBO, and the gap between them as an area; `level` is a height with a name. On the right
    clouds[i]: under up to three names pairs of (mean (2,), covariance (2, 2)), drawn as ellipses of two standard
    deviations.
    """
    with style():
        figure = _figure(9.6, 4.6)
        bound, plane = figure.subplots(1, 2, width_ratios=(1.15, 1))
        area = bound.fill_between([], [], color="#f89c20", alpha=0.35, label="the gap, KL(q ‖ posterior)")
        curves = [bound.plot([], [], label=name)[0] for name in ("ln p(x), exact", "ELBO")]
        bound.set_xscale("log")
        bound.set_xlim(steps[0], steps[-1])
        high = max(log_prob) if level is None else level[0]
        room = high - min(log_prob)  # an ELBO that starts far below starts outside
        bound.set_ylim(max(min(elbo), high - 2.5 * room) - 0.03 * room, high + 0.1 * room)
        bound.set_xlabel("step")
        bound.set_ylabel("nats per image")
        if level is not None:
            bound.axhline(level[0], color="0.3", linestyle=":", label=level[1])
        bound.legend(loc="lower right")
        outlines = {
            name: [plane.plot([], [], label=name if i == 0 else None, **_cloud_style(k))[0] for i in range(len(group))]
            for k, (name, group) in enumerate(clouds[0].items())
        }
        plane.set_aspect("equal")
        plane.set_xlim(-3.4, 3.4)
        plane.set_ylim(-3.4, 3.4)
        plane.set_xlabel("z₁")
        plane.set_ylabel("z₂")
        plane.legend(loc="upper right")
        _title(figure, title)

    def draw(i: int) -> None:
        shown = slice(0, i + 1)
        for line, values in zip(curves, (log_prob, elbo)):
            line.set_data(steps[shown], values[shown])
        area.set_data(steps[shown], log_prob[shown], elbo[shown])
        for name, group in clouds[i].items():
            for line, (mean, covariance) in zip(outlines[name], group):
                line.set_data(*_ellipse(mean, covariance))
        bound.set_title(f"step {steps[i]:,}: gap {log_prob[i] - elbo[i]:.4f} nats")

    draw(len(steps) - 1)
    return figure, draw


def _cloud_style(k: int) -> dict[str, Any]:
    styles: list[dict[str, Any]] = [
        {"color": "0.55", "linestyle": ":"},
        {"color": "#3f90da", "linestyle": "-", "linewidth": 2.4},
        {"color": "#bd1f01", "linestyle": "--", "linewidth": 1.4},
    ]
    return styles[k]


def _ellipse(mean: np.ndarray, covariance: np.ndarray, deviations: float = 2.0) -> np.ndarray:
    """Points (2, n) on the ellipse at that many standard deviations."""
    angle = np.linspace(0, 2 * np.pi, 90)
    return mean[:, None] + deviations * np.linalg.cholesky(covariance) @ np.stack([np.cos(angle), np.sin(angle)])


def densities(
    panels: Mapping[str, Mapping[str, np.ndarray]], z: np.ndarray, xlabel: str, title: str = "", columns: int = 3
) -> Figure:
    """Densities over a line, z (points,): for each panel its heading, and the named densities in it; in rows of
    `columns`."""
    rows = math.ceil(len(panels) / columns)
    with style():
        figure = _figure(3.7 * min(columns, len(panels)), 3.0 * rows + 0.4)
        grid = figure.subplots(rows, min(columns, len(panels)), squeeze=False, sharex=True)
        for axes, (heading, lines) in zip(grid.flat, panels.items()):
            for name, values in lines.items():
                axes.plot(z, values, label=name)
            axes.set_ylabel("density")
            axes.set_ylim(0, 1.15 * max(float(values.max()) for values in lines.values()))
            axes.set_title(heading)
        for axes in grid[-1]:
            axes.set_xlabel(xlabel)
        grid[0, 0].legend(loc="upper left")
        _title(figure, title)
    return figure
