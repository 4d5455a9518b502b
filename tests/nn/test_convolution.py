"""Convolution layers. The functions beneath them have their own tests; here: weights, arguments, masks, variances."""

import itertools

import numpy as np
import pytest
import scipy.signal

import scratchgen as sg
from scratchgen import backend, nn

DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64])


def correlate(x, weight, bias, stride=1, padding=(0, 0)):
    """What Conv2d is to compute, by SciPy, one image and one pair of channels at a time."""
    x = np.pad(x, ((0, 0), (0, 0), *((p, p) for p in padding)))
    planes = [
        sum(scipy.signal.correlate2d(plane, kernel, "valid") for plane, kernel in zip(image, kernels)) + b
        for image in x
        for kernels, b in zip(weight, bias)
    ]
    y = np.array(planes)[:, ::stride, ::stride]
    return y.reshape(len(x), len(weight), *y.shape[1:])


@pytest.mark.equation("4.1")
@DTYPES
def test_conv2d(dtype, device, rng):
    layer = nn.Conv2d(2, 3, (3, 2), stride=2, padding=(1, 0), rng=rng, dtype=dtype).to(device)
    layer.bias.data += 0.5
    x = rng.standard_normal((4, 2, 7, 6)).astype(dtype)
    y = layer(sg.tensor(x, device=device))
    assert y.dtype == dtype
    expected = correlate(x, layer.weight.numpy(), layer.bias.numpy(), 2, (1, 0))
    np.testing.assert_allclose(y.numpy(), expected, rtol=1e-4, atol=1e-5)


def test_groups_see_only_their_own_channels(rng):
    layer = nn.Conv2d(4, 6, 3, padding=1, groups=2, bias=False, rng=rng)
    assert layer.weight.shape == (6, 2, 3, 3)
    x = rng.standard_normal((1, 4, 5, 5)).astype(np.float32)
    y = layer(x).numpy()
    x[:, 2:] += 1
    changed = np.abs(layer(x).numpy() - y).max(axis=(0, 2, 3)) > 1e-6
    assert changed.tolist() == [False] * 3 + [True] * 3
    for kind in (nn.Conv2d, nn.ConvTranspose2d):
        with pytest.raises(ValueError, match=f"{kind.__name__}: 4 → 5 channels do not divide into 2 groups"):
            kind(4, 5, 3, groups=2)


@pytest.mark.equation("4.7")
@pytest.mark.parametrize(
    ("stride", "padding", "output_padding", "groups"), [(1, 0, 0, 1), (2, 1, 1, 1), (2, (1, 0), 0, 2)]
)
def test_conv_transpose2d_is_the_adjoint(stride, padding, output_padding, groups, device, rng):
    """⟨conv(x), y⟩ = ⟨x, convᵀ(y)⟩ with one weight for both."""
    up = nn.ConvTranspose2d(4, 6, 3, stride, padding, output_padding, groups=groups, rng=rng, dtype=np.float64).to(
        device
    )
    assert up.weight.shape == (4, 6 // groups, 3, 3)
    down = nn.Conv2d(6, 4, 3, stride, padding, groups=groups, bias=False, dtype=np.float64).to(device)
    down.weight.data[...] = up.weight.data
    y = sg.tensor(rng.standard_normal((2, 4, 5, 4)), device=device)
    lifted = up(y)
    x = sg.tensor(rng.standard_normal(lifted.shape), device=device)
    assert (down(x) * y).sum().item() == pytest.approx((x * lifted).sum().item(), rel=1e-12)


# ------------------------------------------------------------------------------------------------- masks
@pytest.mark.equation("4.8")
@pytest.mark.ledger("B12")
@pytest.mark.parametrize("mask_type", ["A", "B"])
@pytest.mark.parametrize("size", [1, 3, 7, (1, 5), (5, 3)])
def test_masks_have_the_right_taps(mask_type, size, rng):
    """Of k taps in all, (k − 1)/2 come before the centre; type B has the centre as well, and never a tap after it."""
    layer = nn.MaskedConv2d(mask_type, 1, 2, size, rng=rng)
    height, width = (size, size) if isinstance(size, int) else size
    raster = list(itertools.product(range(height), range(width)))
    count = (height * width + (1 if mask_type == "B" else -1)) // 2
    assert list(layer.taps) == raster[:count]
    weight = layer.weight.numpy().reshape(2, -1)
    assert np.all(weight[:, :count] != 0)
    assert not weight[:, count:].any()


@pytest.mark.equation("4.8")
@DTYPES
@pytest.mark.parametrize("mask_type", ["A", "B"])
def test_masked_taps_are_skipped(mask_type, dtype, device, rng):
    """The same as a full convolution with the masked weights at 0; whatever stands in them is not read."""
    layer = nn.MaskedConv2d(mask_type, 2, 3, (3, 5), rng=rng, dtype=dtype).to(device)
    x = rng.standard_normal((2, 2, 6, 7)).astype(dtype)
    y = layer(sg.tensor(x, device=device))
    assert y.dtype == dtype
    expected = correlate(x, layer.weight.numpy(), layer.bias.numpy(), 1, (1, 2))
    np.testing.assert_allclose(y.numpy(), expected, rtol=1e-4, atol=1e-5)
    y.backward(sg.tensor(rng.standard_normal(y.shape), dtype=dtype, device=device))
    gradient = layer.weight.grad.numpy()
    assert gradient.dtype == dtype
    assert np.array_equal(gradient != 0, layer.weight.numpy() != 0)
    layer.weight.data[:, :, 2] = 9.0  # the row below the centre
    np.testing.assert_array_equal(layer(sg.tensor(x, device=device)).numpy(), y.numpy())


def dependencies(model, side):
    """Which pixel of the output, in raster order (row), depends on which of the input (column), by the gradient."""
    x = sg.tensor(np.random.default_rng(0).standard_normal((1, 1, side, side)), requires_grad=True)
    rows = []
    for i in range(side * side):
        seed = np.zeros((1, 1, side, side))
        seed.flat[i] = 1.0
        (g,) = sg.grad(model(x), [x], sg.tensor(seed))
        rows.append(g.numpy().ravel() != 0)
    return np.array(rows)


@pytest.mark.equation("4.8")
@pytest.mark.ledger("C-CAUSAL", "B13", "B19")
def test_an_a_and_then_b_see_every_earlier_pixel_in_reach_and_no_later_one(rng):
    """With kernels that reach over the whole image, the matrix is the full strict triangle."""
    side = 4
    model = nn.Sequential(
        nn.MaskedConv2d("A", 1, 8, 7, rng=rng, dtype=np.float64),
        nn.Tanh(),
        nn.MaskedConv2d("B", 8, 1, 1, rng=rng, dtype=np.float64),
    )
    np.testing.assert_array_equal(dependencies(model, side), np.tri(side * side, k=-1, dtype=bool))
    b = nn.MaskedConv2d("B", 1, 1, 7, rng=rng, dtype=np.float64)
    np.testing.assert_array_equal(dependencies(b, side), np.tri(side * side, dtype=bool))


def test_masks_are_refused_where_there_is_no_centre():
    for mask_type, size in [("C", 3), ("A", 4), ("B", (3, 2))]:
        with pytest.raises(ValueError, match="mask_type 'A' or 'B' and odd kernel sides"):
            nn.MaskedConv2d(mask_type, 1, 1, size)
    with pytest.raises(ValueError, match="give no `colours` to a vertical layer"):
        nn.MaskedConv2d("A", 3, 3, 3, vertical=True, colours=3)


@pytest.mark.equation("6.5")
@pytest.mark.parametrize("mask_type", ["A", "B"])
@pytest.mark.parametrize("size", [1, 3, 7, (5, 3)])
def test_vertical_masks_keep_whole_rows(mask_type, size, rng):
    layer = nn.MaskedConv2d(mask_type, 2, 4, size, vertical=True, rng=rng)
    height, width = (size, size) if isinstance(size, int) else size
    rows = height // 2 + (mask_type == "B")
    seen = layer.weight.numpy() != 0
    assert list(layer.taps) == list(itertools.product(range(rows), range(width)))
    assert layer.live == 8 * rows * width + 4
    assert seen[:, :, :rows].all()
    assert not seen[:, :, rows:].any()


@pytest.mark.equation("6.7")
@DTYPES
@pytest.mark.parametrize("mask_type", ["A", "B"])
def test_colours_see_the_colours_before_them_at_the_pixel(mask_type, dtype, device, rng):
    """By the definition, channel by channel; at other taps all colours are seen. Masked weights are not read."""
    layer = nn.MaskedConv2d(mask_type, 6, 9, 3, colours=3, rng=rng, dtype=dtype).to(device)
    seen = layer.weight.numpy() != 0
    for i, o in itertools.product(range(6), range(9)):
        at_the_pixel = i % 3 < o % 3 or (mask_type == "B" and i % 3 == o % 3)
        assert seen[o, i].ravel().tolist() == [True] * 4 + [at_the_pixel] + [False] * 4
    assert layer.live == seen.sum() + 9
    x = rng.standard_normal((2, 6, 4, 5)).astype(dtype)
    expected = correlate(x, layer.weight.numpy(), layer.bias.numpy(), 1, (1, 1))
    layer.weight.data[...] = layer.weight.data + backend.to_device((~seen).astype(dtype), device)
    y = layer(sg.tensor(x, device=device))
    assert y.dtype == dtype
    np.testing.assert_allclose(y.numpy(), expected, rtol=1e-4, atol=1e-5)
    y.backward(sg.tensor(rng.standard_normal(y.shape), dtype=dtype, device=device))
    assert np.array_equal(layer.weight.grad.numpy() != 0, seen)


@pytest.mark.ledger("B13")
def test_grey_images_have_no_colour_masks(rng):
    """A 1×1 layer of type B is then an ordinary convolution, and nothing is multiplied by a mask."""
    for size in (1, 3):
        layer = nn.MaskedConv2d("B", 6, 4, size, rng=rng)
        assert layer.mask is None
        assert (layer.weight.numpy()[:, :, size // 2, size // 2] != 0).all()


@pytest.mark.equation("4.4", "4.5", "4.8", "6.7")
def test_the_gradients_of_a_masked_convolution_by_hand(rng):
    """Sums over the taps in T alone, one number at a time, with the colour mask at the centre."""
    layer = nn.MaskedConv2d("B", 2, 4, 3, colours=2, rng=rng, dtype=np.float64)
    x = sg.tensor(rng.standard_normal((2, 2, 3, 4)), requires_grad=True)
    g = rng.standard_normal((2, 4, 3, 4))
    layer(x).backward(g)
    weight, dx, dw = layer.weight.numpy(), np.zeros(x.shape), np.zeros(layer.weight.shape)
    for n, f, c, i, j in np.ndindex(2, 4, 2, 3, 4):
        for u, v in ((0, 0), (0, 1), (0, 2), (1, 0), (1, 1)):
            if (u, v) == (1, 1) and c > f % 2:
                continue
            h, w = i + u - 1, j + v - 1
            if 0 <= h < 3 and 0 <= w < 4:
                dw[f, c, u, v] += g[n, f, i, j] * x.data[n, c, h, w]
                dx[n, c, h, w] += g[n, f, i, j] * weight[f, c, u, v]
    np.testing.assert_allclose(layer.weight.grad.numpy(), dw, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(x.grad.numpy(), dx, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(layer.bias.grad.numpy(), g.sum((0, 2, 3)), rtol=1e-12)


# ------------------------------------------------------------------------------------------------- beginnings
@pytest.mark.parametrize(
    "make",
    [
        lambda rng: nn.Conv2d(16, 32, 3, padding=1, rng=rng),
        lambda rng: nn.MaskedConv2d("A", 16, 32, 5, rng=rng),
        lambda rng: nn.MaskedConv2d("B", 16, 32, 5, rng=rng),
        lambda rng: nn.MaskedConv2d("B", 16, 32, 5, vertical=True, rng=rng),
        lambda rng: nn.MaskedConv2d("A", 16, 32, 5, colours=2, rng=rng),
        lambda rng: nn.ConvTranspose2d(16, 32, 4, stride=2, padding=1, rng=rng),
        lambda rng: nn.ConvTranspose2d(16, 32, 3, rng=rng),
        lambda rng: nn.ConvTranspose2d(16, 32, 4, stride=2, padding=1, groups=4, rng=rng),
    ],
    ids=["conv", "masked-A", "masked-B", "vertical", "colours", "up-stride-2", "up", "up-groups"],
)
def test_he_gives_twice_the_variance_whatever_taps_are_skipped(make, rng):
    """Away from the borders, noise of variance 1 comes out with variance 2, of which a ReLU keeps half the square."""
    y = make(rng)(rng.standard_normal((8, 16, 16, 16)).astype(np.float32)).numpy()
    assert (y[:, :, 6:-6, 6:-6] ** 2).mean() == pytest.approx(2, rel=0.2)


def test_gradients(rng):
    x = rng.standard_normal((2, 2, 4, 5))
    for layer in (
        nn.Conv2d(2, 2, 3, stride=2, padding=1, dilation=1, rng=rng, dtype=np.float64),
        nn.MaskedConv2d("B", 2, 2, 3, rng=rng, dtype=np.float64),
        nn.MaskedConv2d("A", 3, 6, 3, colours=3, rng=rng, dtype=np.float64),
        nn.MaskedConv2d("B", 2, 2, 3, vertical=True, rng=rng, dtype=np.float64),
        nn.ConvTranspose2d(2, 2, 3, stride=2, padding=1, output_padding=1, rng=rng, dtype=np.float64),
    ):
        image = rng.standard_normal((2, 3, 4, 5)) if layer.weight.shape[1] == 3 else x
        assert sg.gradcheck(lambda x, *p, layer=layer: layer(x), image, *layer.parameters())
