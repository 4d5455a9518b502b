"""Pictures: what is in their axes, not what their pixels are; and that they are written whole, without a display."""

import subprocess
import sys

import numpy as np
import pytest
from scipy.special import ndtr

from scratchgen import plotting


@pytest.fixture
def images():
    return np.random.default_rng(0).random((7, 4, 5), dtype=np.float32)


def test_tiles_hold_every_image_where_it_belongs(images):
    sheet = plotting.tiles(images, columns=3, gap=2)
    assert sheet.shape == (3 * 4 + 2 * 2, 3 * 5 + 2 * 2)
    for i, image in enumerate(images):
        top, left = (i // 3) * 6, (i % 3) * 7
        assert (sheet[top : top + 4, left : left + 5] == image).all()
    assert np.isnan(sheet).sum() == sheet.size - images.size


def test_a_comparison_has_its_groups_side_by_side(images):
    figure = plotting.comparison({"real": images, "made": images[:, ::-1]}, 4, "seed 3")
    assert [axes.get_title() for axes in figure.axes] == ["real", "made"]
    assert figure.get_suptitle() == "seed 3"
    shown = figure.axes[1].images[0]
    np.testing.assert_array_equal(np.asarray(shown.get_array()[:4, :5]), images[0, ::-1])
    assert shown.get_clim() == (0, 1)


def test_flat_images_are_taken_as_square_ones_and_others_refused():
    assert plotting.image_grid(np.zeros((2, 16)), 2).axes[0].images[0].get_array().shape == (4, 10)
    with pytest.raises(ValueError, match=r"expected images \(N, H, W\), or \(N, H·H\) for square ones, got \(2, 15\)"):
        plotting.image_grid(np.zeros((2, 15)), 2)


def test_captions_stand_in_the_corners_of_their_images(images):
    texts = plotting.image_grid(images, 3, captions=[f"n{i}" for i in range(7)]).axes[0].texts
    assert [(t.get_text(), *t.get_position()) for t in texts[2:4]] == [("n2", 2 * 7, 0), ("n3", 0, 6)]


def test_the_latent_plane_gives_every_image_the_same_share_of_the_prior():
    asked = []
    figure = plotting.latent_plane(lambda z: asked.append(z) or np.zeros((len(z), 9)), side=5)
    (z,) = asked
    shares = ndtr(z).reshape(5, 5, 2)
    np.testing.assert_allclose(shares[2, :, 0], [0.1, 0.3, 0.5, 0.7, 0.9])  # z₁ grows to the right
    np.testing.assert_allclose(shares[:, 2, 1], [0.9, 0.7, 0.5, 0.3, 0.1])  # z₂ grows upwards
    labels = [label.get_text() for label in figure.axes[0].get_xticklabels()]
    assert labels == ["−1.28", "−0.52", "0.00", "0.52", "1.28"]
    # the tick of the smallest z₂ stands at the lowest row (images have their origin at the top)
    heights = dict(zip((t.get_text() for t in figure.axes[0].get_yticklabels()), figure.axes[0].get_yticks()))
    assert heights["−1.28"] == max(heights.values()) == 4 * (3 + 2) + 1


def test_codes_stand_beside_the_plane_at_the_same_shares():
    codes = np.array([[0.0, 0.0], [1.0, -2.0], [0.5, 3.0]])
    figure = plotting.latent_plane(
        lambda z: np.zeros((len(z), 9)), side=5, title="t", codes=codes, labels=np.array([7, 1, 7])
    )
    plane, beside = figure.axes
    ones, sevens = (group.get_offsets() for group in beside.collections)
    np.testing.assert_allclose(ones, ndtr(codes[[1]]))
    np.testing.assert_allclose(sevens, ndtr(codes[[0, 2]]))
    assert beside.get_xlim() == beside.get_ylim() == (0, 1)
    ticks = dict(zip((label.get_text() for label in beside.get_xticklabels()), beside.get_xticks()))
    assert ticks["0.00"] == 0.5
    assert ticks["−1.28"] == pytest.approx(0.1)
    assert list(ticks) == [label.get_text() for label in plane.get_xticklabels()]


def test_curves_hold_the_numbers_under_their_names():
    figure = plotting.curves({"ELBO (nats)": {"train": [-3.0, -2.0], "validation": [-4.0]}, "KL (nats)": {"": [1.0]}})
    first, second = figure.axes
    assert first.get_ylabel() == "ELBO (nats)"
    assert first.get_xlabel() == "epoch"
    assert [line.get_label() for line in first.lines] == ["train", "validation"]
    assert first.lines[0].get_xydata().tolist() == [[1, -3], [2, -2]]
    assert [text.get_text() for text in first.get_legend().get_texts()] == ["train", "validation"]
    assert second.get_legend() is None
    colours, dashes = ({getattr(line, f"get_{what}")() for line in first.lines} for what in ("color", "linestyle"))
    assert len(colours) == len(dashes) == 2  # told apart by colour, and without it
    (axes,) = plotting.curves({"ELBO (nats)": {"": [-3.0, -2.0]}}, "minutes", x=np.array([0.5, 1.25])).axes
    assert axes.get_xlabel() == "minutes"
    assert axes.lines[0].get_xydata().tolist() == [[0.5, -3], [1.25, -2]]


def test_growth_is_drawn_on_logarithmic_axes():
    figure = plotting.growth({"seconds": {"slow": ([1, 10], [1, 100]), "fast": ([1, 10], [1, 10])}}, "pixels")
    (axes,) = figure.axes
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("pixels", "seconds")
    assert axes.lines[0].get_xydata().tolist() == [[1, 1], [10, 100]]
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["slow", "fast"]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["1", "10"]


def test_a_scatter_draws_each_class_as_its_digit():
    points = np.arange(8.0).reshape(4, 2)
    figure = plotting.scatter(points, np.array([1, 0, 1, 3]), "codes", ("a", "b"))
    axes = figure.axes[0]
    assert [len(c.get_offsets()) for c in axes.collections] == [1, 2, 1]
    assert axes.collections[1].get_offsets().tolist() == [[0, 1], [4, 5]]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("a", "b")


def test_a_long_title_is_broken_into_lines(images):
    title = "a title of many words " * 10
    lines = plotting.image_grid(images, 4, title).get_suptitle().split("\n")
    assert len(lines) > 1
    assert " ".join(lines) == title.strip()


@pytest.mark.parametrize("suffix", [".png", ".svg"])
def test_a_picture_is_written_whole_or_not_at_all(tmp_path, images, suffix, monkeypatch):
    path = tmp_path / "pictures" / f"grid{suffix}"
    figure = plotting.image_grid(images, 3, "first")
    assert plotting.save(figure, path) == path
    content = path.read_bytes()
    assert len(content) > 500

    def full(self, draft, **kwargs):
        draft.write_bytes(b"half")
        raise OSError("no space left")

    monkeypatch.setattr(type(figure), "savefig", full)
    with pytest.raises(OSError, match="no space"):
        plotting.save(figure, path)
    assert path.read_bytes() == content
    assert [p.name for p in path.parent.iterdir()] == [path.name]


def test_matplotlib_is_loaded_only_to_draw_and_pyplot_never():
    """Without pyplot there is no window to open and no figure to close."""
    code = (
        "import sys, numpy as np; from scratchgen import plotting\n"
        "assert 'matplotlib' not in sys.modules\n"
        "plotting.image_grid(np.zeros((2, 4, 4)), 2); plotting.curves({'y': {'': [1.0]}})\n"
        "assert 'matplotlib' in sys.modules and 'matplotlib.pyplot' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_an_animation_shows_its_frames_in_turn(tmp_path, images):
    from PIL import Image

    frames = [np.full((4, 3, 3), level) for level in (0.0, 0.5, 1.0)]
    frames[1][0] = np.nan  # not there yet: drawn as a gap
    path = plotting.animate(frames, 2, tmp_path / "new" / "film.gif", "seed 0", seconds=1.0)
    with Image.open(path) as film:
        assert film.n_frames >= 3
        shades = []
        for frame in range(3):
            film.seek(frame)
            pixels = np.asarray(film.convert("L"))
            shades.append(pixels[int(0.7 * len(pixels)), int(0.7 * pixels.shape[1])])  # in the last image
    assert shades[0] > shades[1] > shades[2]  # ink on paper
    assert [p.name for p in path.parent.iterdir()] == ["film.gif"]


def test_bars_carry_their_numbers_and_intervals():
    figure = plotting.bars({"a": 1.5, "b": -2.0}, "nats", "title", {"a": 0.5, "b": 0.25})
    (axes,) = figure.axes
    assert [bar.get_width() for bar in axes.containers[-1].patches] == [1.5, -2.0]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["a", "b"]
    (intervals,) = axes.containers[-1].errorbar.lines[2]
    np.testing.assert_allclose([segment[:, 0] for segment in intervals.get_segments()], [[1, 2], [-2.25, -1.75]])
    assert plotting.bars({"a": 1.5}, "nats").axes[0].containers[-1].errorbar is None


def test_dots_are_the_values_with_their_means_and_a_named_level():
    panels = {"NLL (nats)": {"one": [1.0, 3.0], "two": [5.0]}, "difference (nats)": {"one": [0.5]}}
    left, right = plotting.dots(panels, "seed 1", {"NLL (nats)": (4.0, "ln 2")}).axes
    (mean, values), level = left.lines[:2], left.lines[-1]
    assert mean.get_ydata().tolist() == [2, 2]
    assert values.get_ydata().tolist() == [1, 3]
    assert list(level.get_ydata()) == [4, 4]
    assert [t.get_text() for t in left.texts] == ["ln 2"]
    assert [t.get_text() for t in left.get_xticklabels()] == ["one", "two"]
    assert [axes.get_ylabel() for axes in (left, right)] == list(panels)
    assert len(right.lines) == 2


def test_a_receptive_field_is_drawn_in_powers_of_ten_inside_of_its_outline():
    values = np.array([[1.0, 0.0, 100.0], [10.0, 0.0, 0.0]])
    seen = np.array([[True, False, True], [True, False, False]])
    axes = plotting.receptive_fields({"blind for 1 of 4": (values, (1, 1), seen)}, 1).axes[0]
    powers, after = (image.get_array() for image in axes.images)
    np.testing.assert_array_equal(powers.filled(np.nan), [[-2, np.nan, 0], [-1, np.nan, np.nan]])  # NaN: orange
    np.testing.assert_array_equal(after.mask, [[True, True, True], [True, False, False]])
    assert axes.lines[0].get_xydata().tolist() == [[1, 1]]
    segments = {tuple(map(tuple, np.sort(s, axis=0))) for s in axes.collections[0].get_segments()}
    assert ((0.5, -0.5), (0.5, 0.5)) in segments  # between (0, 0) and (0, 1)
    assert ((1.5, 0.5), (2.5, 0.5)) in segments  # below (0, 2)
    assert len(segments) == 6 + 4  # around two pixels in a column, and around one


def test_a_closing_gap_is_the_area_between_the_curves_up_to_a_step(tmp_path):
    from PIL import Image

    steps, log_prob, elbo = (1, 10, 100), (-5.0, -3.0, -2.0), (-9.0, -4.0, -2.5)
    covariance = np.array([[1.0, 0.6], [0.6, 2.0]])
    clouds = [{"prior": [(np.zeros(2), np.eye(2))], "q": [(np.full(2, i), covariance)]} for i in range(3)]
    figure, draw = plotting.closing_gap(steps, log_prob, elbo, clouds, "seed 0", (-1.0, "best"))
    bound, plane = figure.axes
    draw(1)
    upper, lower, level = bound.lines
    assert upper.get_xydata().tolist() == [[1, -5], [10, -3]]
    assert lower.get_xydata().tolist() == [[1, -9], [10, -4]]
    assert list(level.get_ydata()) == [-1, -1]
    corners = bound.collections[0].get_paths()[0].vertices
    assert {(1, -5), (1, -9), (10, -3), (10, -4)} == set(map(tuple, corners.tolist()))
    assert bound.get_title() == "step 10: gap 1.0000 nats"
    circle, ellipse = (line.get_xydata() for line in plane.lines)
    np.testing.assert_allclose(np.linalg.norm(circle, axis=1), 2)
    off = ellipse - 1
    np.testing.assert_allclose((off @ np.linalg.inv(covariance) * off).sum(1), 4)  # two standard deviations
    with Image.open(plotting.film(figure, draw, 3, tmp_path / "film.gif", seconds=1.0)) as film:
        assert film.n_frames == 3
    assert bound.get_title().startswith("step 100")


def test_densities_stand_in_rows():
    z, panels = np.linspace(-1, 1, 5), {str(i): {"p": np.full(5, i), "q": np.arange(5.0)} for i in range(1, 5)}
    axes = plotting.densities(panels, z, "z", "title", 2).axes
    assert [a.get_title() for a in axes] == ["1", "2", "3", "4"]
    assert [line.get_ydata().tolist() for line in axes[1].lines] == [[2] * 5, [0, 1, 2, 3, 4]]
    assert [a.get_xlabel() for a in axes] == ["", "", "z", "z"]
