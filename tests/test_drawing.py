"""draw_graph: what is drawn, that it can be read by a program, and that files appear whole or not at all."""

import os
import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest

import scratchgen as sg
import scratchgen.functional as F
from scratchgen.drawing import draw_graph

SVG = "{http://www.w3.org/2000/svg}"


def leaf(*shape):
    return sg.tensor(np.random.default_rng(0).standard_normal(shape), requires_grad=True)


@pytest.fixture
def graph():
    w, b = leaf(3, 4), leaf(3)
    h = F.tanh(F.linear(np.ones((2, 4)), w, b))
    return F.sum(h * h + h), {"W": w, "b<&>": b, "h": h}


def labels(svg):
    return [text.text for text in ET.fromstring(svg).iter(f"{SVG}text")]


def test_svg_shows_primitives_leaves_and_shapes(graph):
    y, names = graph
    root = ET.fromstring(draw_graph(y, names=names))
    assert len(root.findall(f".//{SVG}rect")) == 5
    assert len(root.findall(f".//{SVG}ellipse")) == 2
    assert labels(draw_graph(y)).count("leaf") == 2
    assert {"W", "b<&>", "h = tanh", "linear", "multiply", "add", "sum", "3 × 4", "2 × 3", "a number"} <= set(
        labels(draw_graph(y, names=names))
    )
    titles = {title.text for title in root.iter(f"{SVG}title")}
    assert any(title.startswith("z = tanh x") for title in titles)  # the formula, as a tooltip
    assert {"weight", "bias", "x", "y"} <= titles  # what a line feeds


def test_dot_has_the_same_nodes_and_every_edge(graph):
    y, names = graph
    dot = draw_graph(y, names={**names, 'a "quoted" \\ name': names["W"]}, format="dot")
    assert dot.startswith("digraph {")
    assert len(re.findall(r"shape=box", dot)) == 5
    assert len(re.findall(r"shape=ellipse", dot)) == 2
    assert dot.count("->") == 8  # linear 2, tanh 1, multiply 2, add 2, sum 1
    assert r'label="a \"quoted\" \\ name\n3 × 4"' in dot


def boxes_of(svg):
    """(left, right, top, bottom) of every node."""
    for element in ET.fromstring(svg).iter():
        at = {key: float(value) for key, value in element.attrib.items() if re.fullmatch(r"-?[\d.]+", value)}
        if element.tag == f"{SVG}rect":
            yield at["x"], at["x"] + at["width"], at["y"], at["y"] + at["height"]
        elif element.tag == f"{SVG}ellipse":
            yield at["cx"] - at["rx"], at["cx"] + at["rx"], at["cy"] - at["ry"], at["cy"] + at["ry"]


@pytest.mark.parametrize("seed", range(8))
def test_nodes_do_not_overlap_and_stay_inside(seed):
    rng = np.random.default_rng(seed)
    made = [leaf(2) for _ in range(3)]
    for _ in range(25):
        f = rng.choice([F.add, F.multiply, F.tanh])
        chosen = rng.choice(len(made), 2)
        made.append(f(made[chosen[0]]) if f is F.tanh else f(made[chosen[0]], made[chosen[1]]))
    svg = draw_graph(F.sum(F.stack(made)))
    boxes = list(boxes_of(svg))
    width, height = (float(ET.fromstring(svg).attrib[side]) for side in ("width", "height"))
    for i, (left, right, top, bottom) in enumerate(boxes):
        assert 0 <= left < right <= width + 1
        assert 0 <= top < bottom <= height + 1
        for other_left, other_right, other_top, other_bottom in boxes[:i]:
            assert right <= other_left + 1 or other_right <= left + 1 or bottom <= other_top or other_bottom <= top


def test_values_flow_downwards(graph):
    y, names = graph
    for path in ET.fromstring(draw_graph(y, names=names)).findall(f"{SVG}path"):
        numbers = [float(n) for n in re.findall(r"-?[\d.]+", path.attrib["d"])]
        assert numbers[1] < numbers[-1]


def test_a_leaf_alone_and_a_deep_graph():
    assert labels(draw_graph(leaf(3))) == ["leaf", "3"]
    y = leaf(1)
    for _ in range(3000):
        y = -y
    assert draw_graph(y).count("<rect ") == 3000


@pytest.mark.parametrize("ending", ["svg", "dot", "png"])
def test_files(graph, tmp_path, ending):
    y, names = graph
    path = tmp_path / "pictures" / f"graph.{ending}"
    text = draw_graph(y, path, names)
    assert [p.name for p in path.parent.iterdir()] == [path.name]
    if ending == "png":
        assert path.read_bytes().startswith(b"\x89PNG")
        assert text.startswith("<svg")
    else:
        assert path.read_text(encoding="utf8") == text


def test_a_failed_write_leaves_the_old_file(graph, tmp_path, monkeypatch):
    path = tmp_path / "graph.svg"
    path.write_text("old")

    def fail(*args):
        raise OSError("disk full")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="disk full"):
        draw_graph(graph[0], path)
    assert [p.name for p in tmp_path.iterdir()] == ["graph.svg"]
    assert path.read_text() == "old"


def test_what_cannot_be_drawn(graph, tmp_path):
    y, _ = graph
    for nothing in (sg.tensor(1.0), np.ones(2)):
        with pytest.raises(ValueError, match=r"draw_graph: the tensor has no graph"):
            draw_graph(nothing)
    with pytest.raises(ValueError, match=r"expected svg, dot or .* png, got 'pdf'"):
        draw_graph(y, tmp_path / "graph.pdf")
    with pytest.raises(ValueError, match=r"got 'gif'"):
        draw_graph(y, format="gif")
    y.backward()
    with pytest.raises(ValueError, match=r"freed by a backward walk .*draw first"):
        draw_graph(y)


@pytest.mark.parametrize("name", ["g.svg", "g.png"])
def test_a_file_that_would_hold_something_else(graph, tmp_path, name):
    with pytest.raises(ValueError, match="does not hold DOT"):
        draw_graph(graph[0] if isinstance(graph, tuple) else graph, tmp_path / name, format="dot")
    assert not [*tmp_path.iterdir()]


def test_it_is_part_of_the_public_face():
    assert sg.draw_graph is draw_graph


def test_drawing_changes_nothing(graph):
    y, names = graph
    draw_graph(y, names=names)
    y.backward()
    assert names["W"].grad is not None
