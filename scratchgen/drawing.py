"""A picture of a graph: what the engine remembers of a computation (계산 그래프).

Boxes are primitives, with the shape of what they made; ellipses are leaves, the tensors whose gradients are wanted.
Values flow downwards, gradients back up along the same lines. Constants are not part of a graph, so they are not drawn.

The layout is the classical one for layered graphs (Sugiyama, Tagawa and Toda, 1981): a node stands one layer below its
lowest argument, long lines get a bend in every layer that they cross, and layers are sorted so that neighbours meet.
"""

from __future__ import annotations

import inspect
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Any

from . import files
from .autograd import Tensor
from .autograd.engine import Node, reachable

__all__ = ["draw_graph"]

HEIGHT, GAP, BELOW, MARGIN = 40.0, 24.0, 46.0, 12.0  # pixels: of a node, beside it, under it, around the picture
STYLE = (
    "text{font:13px system-ui,sans-serif;text-anchor:middle;fill:#1f2933}.shape{font-size:11px;fill:#52606d}"
    "rect{fill:#e8f1fb;stroke:#2b6cb0}ellipse{fill:#fdf3e1;stroke:#b7791f}path{fill:none;stroke:#829ab1;stroke-width:1.3}"
)


def draw_graph(
    y: Tensor,
    path: str | os.PathLike[str] | None = None,
    names: Mapping[str, Tensor] | None = None,
    format: str = "svg",
) -> str:
    """The graph behind `y` as text: SVG, or DOT with `format="dot"`.

    `names` labels tensors, as in `dict(model.named_parameters())`. With a `path` ending in .svg, .dot or .png the
    picture is written there as well, whole or not at all. No other program is needed. Raises `ValueError` for a tensor
    without a graph, a graph that a backward walk has freed, another ending, or one that is not of the `format`.
    """
    if not isinstance(y, Tensor) or y.node is None:
        raise ValueError("draw_graph: the tensor has no graph: it is a constant, or was made under no_grad")
    ending = Path(path).suffix[1:] if path is not None else format
    if ending not in ("svg", "dot", "png") or format not in ("svg", "dot"):
        raise ValueError(f"draw_graph: expected svg, dot or (as a file) png, got {ending!r} and format={format!r}")
    if format == "dot" and ending != "dot":
        raise ValueError(f"draw_graph: a .{ending} file does not hold DOT; end its name in .dot, or leave format")
    try:
        nodes = reachable(y.node)
    except RuntimeError as error:
        raise ValueError(f"draw_graph: the graph was freed by a backward walk ({error}); draw first") from error
    labels = {x.node: name for name, x in (names or {}).items() if x.node is not None}
    boxes = {node: Box(_label(node, labels.get(node)), node) for node in nodes}
    if "dot" in (ending, format):
        text = _dot(boxes)
    else:
        layers = _layers(nodes, boxes)
        text = _svg(layers)
    if path is not None:
        with files.whole(path) as draft:
            draft.write_bytes(_png(layers) if ending == "png" else text.encode())
    return text


# ----------------------------------------------------------------------------------------------- what there is
@dataclass(eq=False)
class Box:
    """A node of the picture, or (node None) a bend in a long line."""

    label: str
    node: Node | None
    layer: int = 0
    x: float = 0.0
    above: list[tuple[Box, str]] = field(default_factory=list)  # the box a line comes from, and the argument it feeds
    below: list[Box] = field(default_factory=list)

    @property
    def shape(self) -> str:
        return "" if self.node is None else " × ".join(map(str, self.node.shape)) or "a number"

    @property
    def width(self) -> float:
        return 0.0 if self.node is None else max(7.4 * len(self.label), 6.2 * len(self.shape)) + 26

    @property
    def y(self) -> float:
        return MARGIN + self.layer * (HEIGHT + BELOW) + HEIGHT / 2

    @property
    def half(self) -> float:
        """From the middle to the upper or lower edge."""
        return 0.0 if self.node is None else HEIGHT / 2


def _label(node: Node, name: str | None) -> str:
    """`W`, `exp`, or where a primitive's output has a name, `std = exp`."""
    if node.primitive is None:
        return name or "leaf"
    made_by = node.primitive.__name__.lstrip("_")
    return f"{name} = {made_by}" if name else made_by


def _formula(node: Node) -> str:
    """The first line of a primitive's docstring, for the tooltip."""
    if node.primitive is None:
        return "its gradient is kept in .grad"
    return (inspect.getdoc(node.primitive) or "").partition("\n")[0]


# ----------------------------------------------------------------------------------------------------- the layout
def _layers(nodes: list[Node], boxes: dict[Node, Box]) -> list[list[Box]]:
    """Boxes and bends, layer by layer, each with its place."""
    for node in nodes:
        boxes[node].layer = 1 + max((boxes[edge[0]].layer for edge in node.edges), default=-1)
    readers: dict[Node, list[int]] = {}
    for node in nodes:
        for parent, *_ in node.edges:
            readers.setdefault(parent, []).append(boxes[node].layer)
    for node in nodes:
        if not node.edges and node in readers:  # a leaf stands just above its first reader
            boxes[node].layer = min(readers[node]) - 1
    layers: list[list[Box]] = [[] for _ in range(1 + max(box.layer for box in boxes.values()))]
    for box in boxes.values():
        layers[box.layer].append(box)
    for node in nodes:
        for parent, rule, _ in node.edges:
            start = boxes[parent]
            for between in range(start.layer + 1, boxes[node].layer):
                bend = Box("", None, between)
                layers[between].append(bend)
                _connect(start, bend, "")
                start = bend
            _connect(start, boxes[node], rule.argument)
    for _ in range(4):
        for layer in layers:
            layer.sort(key=lambda box: _mean((above.x for above, _ in box.above), box.x))
            _place(layer)
        for layer in reversed(layers):
            layer.sort(key=lambda box: _mean((below.x for below in box.below), box.x))
            _place(layer)
    left = min(box.x - box.width / 2 for layer in layers for box in layer)
    for layer in layers:
        for box in layer:
            box.x += MARGIN - left
    return layers


def _connect(start: Box, end: Box, argument: str) -> None:
    start.below.append(end)
    end.above.append((start, argument))


def _mean(values: Iterable[float], default: float) -> float:
    found = list(values)
    return sum(found) / len(found) if found else default


def _place(layer: list[Box]) -> None:
    """Put each box near its neighbours, in order and without overlap; then the whole layer where it fits best."""
    wanted = [_mean([*(above.x for above, _ in box.above), *(below.x for below in box.below)], box.x) for box in layer]
    edge = -1e9
    for box, x in zip(layer, wanted):
        box.x = max(x, edge + box.width / 2)
        edge = box.x + box.width / 2 + GAP
    drift = _mean((box.x - x for box, x in zip(layer, wanted)), 0.0)
    for box in layer:
        box.x -= drift


# ---------------------------------------------------------------------------------------------------- the pictures
def _size(layers: list[list[Box]]) -> tuple[float, float]:
    right = max(box.x + box.width / 2 for layer in layers for box in layer)
    return right + MARGIN, layers[-1][0].y + HEIGHT / 2 + MARGIN


def _lines(layers: list[list[Box]]) -> Iterable[tuple[float, float, float, float, Box, str]]:
    """Each line's two ends, the box it leads to, and the argument it feeds there."""
    for layer in layers:
        for box in layer:
            for start, argument in box.above:
                yield start.x, start.y + start.half, box.x, box.y - box.half, box, argument


def _svg(layers: list[list[Box]]) -> str:
    width, height = _size(layers)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}" '
        f'height="{height:.0f}" role="img" aria-label="computation graph">',
        f"<style>{STYLE}</style>",
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        '<path d="M0,0L8,4L0,8z" style="fill:#829ab1;stroke:none"/></marker></defs>',
    ]
    for x, y, to_x, to_y, box, argument in _lines(layers):
        middle = (y + to_y) / 2
        tip = ' marker-end="url(#tip)"' if box.node else ""
        title = f"<title>{escape(argument)}</title>" if argument else ""
        curve = f"M{x:.1f},{y:.1f}C{x:.1f},{middle:.1f} {to_x:.1f},{middle:.1f} {to_x:.1f},{to_y:.1f}"
        parts.append(f'<path d="{curve}"{tip}>{title}</path>')
    for box in (box for layer in layers for box in layer if box.node):
        assert box.node is not None
        if box.node.primitive is None:
            outline = f'<ellipse cx="{box.x:.1f}" cy="{box.y:.1f}" rx="{box.width / 2:.1f}" ry="{HEIGHT / 2:.1f}"/>'
        else:
            left, top = box.x - box.width / 2, box.y - HEIGHT / 2
            outline = f'<rect x="{left:.1f}" y="{top:.1f}" width="{box.width:.1f}" height="{HEIGHT:.0f}" rx="5"/>'
        parts.append(
            f"<g><title>{escape(_formula(box.node))}</title>{outline}"
            f'<text x="{box.x:.1f}" y="{box.y - 3:.1f}">{escape(box.label)}</text>'
            f'<text class="shape" x="{box.x:.1f}" y="{box.y + 13:.1f}">{escape(box.shape)}</text></g>'
        )
    return "\n".join([*parts, "</svg>", ""])


def _dot(boxes: dict[Node, Box]) -> str:
    identity = {node: f"n{position}" for position, node in enumerate(boxes)}
    lines = ["digraph {", '  node [fontname="sans-serif"];']
    for node, box in boxes.items():
        label = "\\n".join(text.replace("\\", "\\\\").replace('"', '\\"') for text in (box.label, box.shape))
        outline = "ellipse" if node.primitive is None else "box"
        lines.append(f'  {identity[node]} [shape={outline}, label="{label}"];')
    for node in boxes:
        for parent, rule, _ in node.edges:
            lines.append(f'  {identity[parent]} -> {identity[node]} [tooltip="{rule.argument}"];')
    return "\n".join([*lines, "}", ""])


def _png(layers: list[list[Box]]) -> bytes:
    import io

    from matplotlib.figure import Figure  # loaded here: only PNGs need it
    from matplotlib.patches import Ellipse, FancyBboxPatch, PathPatch
    from matplotlib.path import Path as Curve

    width, height = _size(layers)
    figure = Figure(figsize=(width / 80, height / 80), dpi=160)
    axes = figure.add_axes((0, 0, 1, 1), xlim=(0, width), ylim=(height, 0))
    axes.axis("off")
    for x, y, to_x, to_y, *_ in _lines(layers):
        middle = (y + to_y) / 2
        curve = Curve([(x, y), (x, middle), (to_x, middle), (to_x, to_y)], [Curve.MOVETO, *[Curve.CURVE4] * 3])
        axes.add_patch(PathPatch(curve, fill=False, edgecolor="#829ab1", linewidth=1.2))
    for box in (box for layer in layers for box in layer if box.node):
        corner = (box.x - box.width / 2 + 5, box.y - HEIGHT / 2 + 5)
        outline: Any
        if box.node and box.node.primitive is None:
            outline = Ellipse((box.x, box.y), box.width, HEIGHT, facecolor="#fdf3e1", edgecolor="#b7791f")
        else:
            outline = FancyBboxPatch(
                corner, box.width - 10, HEIGHT - 10, "round,pad=5", facecolor="#e8f1fb", edgecolor="#2b6cb0"
            )
        axes.add_patch(outline)
        axes.text(box.x, box.y - 6, box.label, ha="center", va="center", fontsize=9)
        axes.text(box.x, box.y + 9, box.shape, ha="center", va="center", fontsize=7, color="#52606d")
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return buffer.getvalue()
