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
    "animate", "bars", "comparison", "curves", "dots", "growth", "heatmaps", "image_grid", "latent_plane",
    "receptive_fields", "save", "scatter", "tiles",
]  # fmt: skip

STYLE = Path(__file__).with_name("scratchgen.mplstyle")


@contextmanager
def _style() -> Iterator[None]:
    import matplotlib.style

    with matplotlib.style.context(STYLE):
        yield


def _figure(width: float, height: float) -> Figure:
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height))


def _title(figure: Figure, title: str) -> None:
    """A title over the whole figure, in as many lines as its width asks for."""
    figure.suptitle("\n".join(textwrap.wrap(title, int(11 * figure.get_figwidth()))))


def save(figure: Figure, path: str | os.PathLike[str]) -> Path:
    """Write the figure (`.png`, `.svg`, `.pdf` …) whole or not at all, and return where it is."""
    with files.whole(path) as draft, _style():
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
    with _style():
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
    from matplotlib.animation import PillowWriter

    figure = comparison({"": frames[0]}, columns, title)
    (picture,) = figure.axes[0].images
    writer = PillowWriter(fps=max(1, round(len(frames) / seconds)))
    with files.whole(path) as draft, _style(), writer.saving(figure, draft, dpi=70):
        for frame in [*frames, *[frames[-1]] * (len(frames) // 4)]:
            picture.set_data(tiles(_square(frame), columns))
            writer.grab_frame()
    return Path(path)


def latent_plane(decode: Callable[[np.ndarray], np.ndarray], side: int = 20, title: str = "") -> Figure:
    """What a decoder with two latent dimensions makes of the plane: z = (Φ⁻¹(u), Φ⁻¹(v)) on a regular grid of (u, v).

    Φ⁻¹ is the inverse of the standard normal's distribution function, so each image stands for the same share of p(z).
    `decode` takes z (N, 2) and returns images (N, pixels). Kingma and Welling 2013 (arXiv:1312.6114), figure 4.
    """
    from scipy.special import ndtri

    quantiles = ndtri((np.arange(side) + 0.5) / side)
    z = np.stack(np.meshgrid(quantiles, quantiles[::-1]), -1).reshape(-1, 2)  # z₂ grows upwards
    images = _square(decode(z))
    with _style():
        figure = _figure(7, 7.2)
        axes = figure.subplots()
        _draw_tiles(axes, images, side, "")
        _title(figure, title)
        axes.axis("on")
        axes.grid(False)
        pitch, edge = images.shape[-1] + GAP, (images.shape[-1] - 1) / 2
        shown = np.unique(np.linspace(0, side - 1, 7).round().astype(int))
        names = [f"{quantiles[i]:.2f}".replace("-", "−") for i in shown]
        axes.set_xticks(shown * pitch + edge, names)
        axes.set_yticks((side - 1 - shown) * pitch + edge, names)
        axes.set_xlabel("z₁ (spaced by equal shares of the prior)")
        axes.set_ylabel("z₂")
        axes.spines[:].set_visible(False)
    return figure


# ------------------------------------------------------------------------------------------------------------ numbers
def curves(
    panels: Mapping[str, Mapping[str, Sequence[float]]], xlabel: str = "epoch", title: str = "", start: int = 1
) -> Figure:
    """Curves over epochs: for each panel its y label (with the unit), and the named curves in it."""
    from matplotlib.ticker import MaxNLocator

    with _style():
        figure = _figure(4.2 * len(panels), 3.4)
        for axes, (ylabel, lines) in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels.items()):
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))
            for name, values in lines.items():
                marker = "o" if len(values) == 1 else None  # one point makes no line
                axes.plot(range(start, start + len(values)), values, label=name, marker=marker)
            axes.set_xlabel(xlabel)
            axes.set_ylabel(ylabel)
            if len(lines) > 1:
                axes.legend()
        _title(figure, title)
    return figure


def growth(
    panels: Mapping[str, Mapping[str, tuple[Sequence[float], Sequence[float]]]], xlabel: str, title: str = ""
) -> Figure:
    """How numbers grow: for each panel its y label (with the unit) and the named curves (x, y) in it, on logarithmic
    axes. A power law is a straight line there, and its slope the power."""
    from matplotlib.ticker import LogLocator, NullFormatter

    with _style():
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
    with _style():
        import matplotlib

        figure = _figure(6.4, 6)
        axes = figure.subplots()
        colours = matplotlib.rcParams["axes.prop_cycle"].by_key()["color"]
        for label in np.unique(labels):
            x, y = points[labels == label].T
            axes.scatter(x, y, s=28, marker=f"${label}$", color=colours[int(label) % len(colours)], linewidths=0.2)
        axes.set_xlabel(names[0])
        axes.set_ylabel(names[1])
        _title(figure, title)
    return figure


def bars(
    values: Mapping[str, float], xlabel: str, title: str = "", errors: Mapping[str, float] | None = None
) -> Figure:
    """One horizontal bar for each name, from top to bottom, with its number; and with its interval, ± `errors`."""
    with _style():
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
    with _style():
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
    with _style():
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
    with _style():
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
