"""What demos.compress measures: real files, compared, against the NLL; and its two kinds of pictures."""

import io
import math

import numpy as np
import pytest

from demos import compress as demo
from scratchgen import no_grad, plotting
from scratchgen.models.autoregressive import FVSBN


@pytest.fixture
def digits():
    rng = np.random.default_rng(0)
    return (rng.random((300, 1, 28, 28)) < rng.random((1, 28, 28)) ** 4).astype(np.float32)


@pytest.mark.ledger("C-CODE")
def test_a_file_of_independent_pixels_is_their_nll(digits, tmp_path):
    """Laplace's rule on the digits themselves, by hand; and the file."""
    model = demo.Independent((1, 28, 28)).fit(digits)
    file = demo.weigh(model, digits, tmp_path / "new" / "digits.sgac")
    p = (digits.sum(0, dtype=np.float64) + 1) / 302
    bits = -(digits * np.log2(p) + (1 - digits) * np.log2(1 - p)).sum()
    assert 8 * file.nll == pytest.approx(bits, rel=1e-5)
    assert file.size == (tmp_path / "new" / "digits.sgac").stat().st_size
    assert 8 * (file.size - file.header) == pytest.approx(bits, rel=1e-3)
    assert file.weights == 784 * 4


def test_it_knows_nothing_before_it_is_fitted(digits, tmp_path):
    file = demo.weigh(demo.Independent((1, 28, 28)), digits, tmp_path / "digits.sgac")
    assert file.nll == pytest.approx(300 * 98, rel=1e-6)
    assert file.size == file.header + 300 * 98


def test_its_quick_scan_says_what_its_logits_say(digits):
    model = demo.Independent((1, 28, 28)).fit(digits)
    scan = model.scan(2)
    for i, logit in enumerate(model.logits(digits[:1]).numpy().ravel()):
        given = scan.send(None if i == 0 else np.zeros(2, np.float32))
        assert given.dtype == np.float32
        assert given.tolist() == [logit, logit]


def test_the_costs_of_the_pixels_add_up_to_the_nll(digits):
    model = FVSBN((1, 28, 28))
    model.weight.data[...] = 0.1 * np.random.default_rng(1).standard_normal(model.weight.shape)
    costs = demo.costs(model, digits[:270])
    with no_grad():
        nll = -model.log_prob(digits[:270]).numpy() / math.log(2)
    assert costs.shape == (270, 28, 28)
    np.testing.assert_allclose(costs.sum((1, 2)), nll, rtol=1e-5)


def test_other_digits_would_not_go_unnoticed(digits, tmp_path, monkeypatch):
    monkeypatch.setattr(demo, "decompress", lambda model, data: digits[::-1])
    with pytest.raises(AssertionError, match="other digits"):
        demo.weigh(demo.Independent((1, 28, 28)), digits, tmp_path / "digits.sgac")


def test_the_png_holds_the_same_pixels(digits):
    from PIL import Image

    sheet = plotting.tiles(digits[:40, 0], 20, gap=0)
    image = Image.open(io.BytesIO(demo.png(sheet)))
    assert image.mode == "1"
    assert (np.asarray(image) == sheet).all()
    sizes = {name: file.size for name, file in demo.others(digits).items()}
    assert sizes["raw bits"] == 300 * 98
    assert set(sizes) == {"raw bits", "PNG", "gzip", "xz", "bzip2"}


def test_the_table_has_a_line_for_each_file():
    files = {"raw bits": demo.File(9800), "model": demo.File(1054, 54, 999.9, 4)}
    head, raw, model = demo.table(files, 100).splitlines()
    assert head.split("  ")[-5:] == [
        "NLL, bits/image",
        "file, bits/image",
        "payload / NLL",
        "file, bytes",
        "of the raw bits",
    ]
    assert raw.split() == ["raw", "bits", "784.00", "9,800", "100.0%"]
    assert model.split() == ["model", "79.99", "84.32", "1.00010", "1,054", "10.8%"]


def test_bars_have_their_names_and_numbers():
    (axes,) = plotting.bars({"raw": 784.0, "model": 118.3}, "bits per image", "seed 3").axes
    assert [bar.get_width() for bar in axes.patches] == [784.0, 118.3]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["raw", "model"]
    assert [text.get_text() for text in axes.texts] == ["784.0", "118.3"]
    assert axes.get_xlabel() == "bits per image"
    assert axes.yaxis_inverted()  # the first one is on top


def test_heatmaps_share_their_scale_and_a_bitmap_is_ink_on_paper():
    rng = np.random.default_rng(2)
    cheap, dear = rng.random((3, 4)), 5 * rng.random((3, 4))
    figure = plotting.heatmaps({"bits": np.eye(3, 4), "cheap": cheap, "dear": dear}, "bits", "seed 3")
    bitmap, *maps, bar = figure.axes
    assert [axes.get_title() for axes in (bitmap, *maps)] == ["bits", "cheap", "dear"]
    for axes, values in zip(maps, (cheap, dear)):
        assert axes.images[0].get_clim() == (0, dear.max())
        np.testing.assert_array_equal(axes.images[0].get_array(), values)
    assert bitmap.images[0].get_clim() == (0, 1)
    assert bitmap.images[0].get_cmap().name.startswith("gray_r")
    assert bar.get_ylabel() == "bits"
    assert len(plotting.heatmaps({"bits": np.eye(3)}, "bits").axes) == 1  # nothing to give a scale to
