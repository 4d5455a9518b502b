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
from typing import TYPE_CHECKING

import numpy as np

from . import files

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["animate", "comparison", "curves", "image_grid", "latent_plane", "save", "scatter", "tiles"]

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
    writer = PillowWriter(fps=len(frames) / seconds)
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
