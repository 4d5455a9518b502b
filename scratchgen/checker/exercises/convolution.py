"""Images: convolutions, plain, transposed and masked; pooling; the masks of PixelCNN and MADE. And an LSTM's step."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np

from .exercise import Arrays, Exercise, Mistake

__all__ = ["EXERCISES"]


# ---------------------------------------------------------------------------------------------------------- convolution
def conv2d_forward(x: Any, weight: Any, bias: Any) -> Any:
    rows, columns = weight.shape[2:]
    height, width = x.shape[2] + 3 - rows, x.shape[3] + 3 - columns
    padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    out = bias[:, None, None]
    for u, v in np.ndindex(rows, columns):
        seen = padded[:, :, u : u + height, v : v + width]
        out = out + np.einsum("fc,ncij->nfij", weight[:, :, u, v], seen)
    return out


def conv2d_backward(dout: Any, x: Any, weight: Any, bias: Any) -> Arrays:
    height, width = dout.shape[2:]
    padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    dpadded, dweight = np.zeros(padded.shape), np.zeros(weight.shape)
    for u, v in np.ndindex(*weight.shape[2:]):
        seen = padded[:, :, u : u + height, v : v + width]
        dweight[:, :, u, v] = np.einsum("nfij,ncij->fc", dout, seen)
        dpadded[:, :, u : u + height, v : v + width] += np.einsum("fc,nfij->ncij", weight[:, :, u, v], dout)
    return {"dx": dpadded[:, :, 1:-1, 1:-1], "dweight": dweight, "dbias": dout.sum((0, 2, 3))}


def _edge_repeated(x: Any, weight: Any, bias: Any) -> Any:
    """Of the taps that fall outside of the image the nearest pixel is read, not 0."""
    rows, columns = weight.shape[2:]
    inside = [np.clip(np.arange(-1, n + 1), 0, n - 1) for n in x.shape[2:]]
    padded = x[:, :, inside[0]][:, :, :, inside[1]]
    height, width = x.shape[2] + 3 - rows, x.shape[3] + 3 - columns
    taps = ((u, v) for u in range(rows) for v in range(columns))
    return bias[:, None, None] + sum(
        np.einsum("fc,ncij->nfij", weight[:, :, u, v], padded[:, :, u : u + height, v : v + width]) for u, v in taps
    )


def _dweight_not_padded(dout: Any, x: Any, weight: Any, bias: Any) -> Arrays:
    """Windows of x itself."""
    moved = np.pad(x, ((0, 0), (0, 0), (0, 2), (0, 2)))
    dweight = np.zeros(weight.shape)
    for u, v in np.ndindex(*weight.shape[2:]):
        seen = moved[:, :, u : u + dout.shape[2], v : v + dout.shape[3]]
        dweight[:, :, u, v] = np.einsum("nfij,ncij->fc", dout, seen)
    return {"dweight": dweight}


CONV2D = Exercise(
    name="conv2d",
    forward=conv2d_forward,
    backward=conv2d_backward,
    inputs={"x": "MCYX", "weight": "FCPQ", "bias": "F"},
    made=lambda s: {"R": s["Y"] + 3 - s["P"], "S": s["X"] + 3 - s["Q"]},
    contract="y[m,f,i,j] = b[f] + Σ w[f,c,u,v] x[m,c,i+u−1,j+v−1] over c, u, v; x is 0 outside: padding 1, stride 1, "
    "the kernel is not turned round. x (M, C, Y, X), weight (F, C, P, Q), bias (F,) → y (M, F, Y+3−P, X+3−Q)",
    page="04-convolution.md",
    equations=("4.1", "4.4", "4.5", "4.6"),
    terms=lambda dout, x, weight, bias: {
        "out": {"the kernel's part": conv2d_forward(x, weight, 0 * bias), "b": conv2d_forward(0 * x, weight, bias)}
    },
    mistakes=(
        Mistake("CONV_EDGE_REPEATED", forward=_edge_repeated),
        Mistake("CONV_NOT_PADDED", backward=_dweight_not_padded),
    ),
)


def conv_transpose2d_forward(x: Any, weight: Any, bias: Any) -> Any:
    height, width = x.shape[2:]
    rows, columns = weight.shape[2:]
    shape = len(x), weight.shape[1], 2 * (height - 1) + rows, 2 * (width - 1) + columns
    out = np.zeros(shape, np.result_type(x, weight, bias)) + bias[:, None, None]
    for u, v in np.ndindex(rows, columns):
        out[:, :, u : u + 2 * height - 1 : 2, v : v + 2 * width - 1 : 2] += np.einsum(
            "cf,ncij->nfij", weight[:, :, u, v], x
        )
    return out


def conv_transpose2d_backward(dout: Any, x: Any, weight: Any, bias: Any) -> Arrays:
    height, width = x.shape[2:]
    dx, dweight = np.zeros(x.shape), np.zeros(weight.shape)
    for u, v in np.ndindex(*weight.shape[2:]):
        there = dout[:, :, u : u + 2 * height - 1 : 2, v : v + 2 * width - 1 : 2]
        dx += np.einsum("cf,nfij->ncij", weight[:, :, u, v], there)
        dweight[:, :, u, v] = np.einsum("ncij,nfij->cf", x, there)
    return {"dx": dx, "dweight": dweight, "dbias": dout.sum((0, 2, 3))}


def _repeated(x: Any, weight: Any, bias: Any) -> Any:
    """Between the pixels there are copies, not zeros."""
    large = x.repeat(2, 2).repeat(2, 3)[:, :, :-1, :-1]
    out = conv_transpose2d_forward(x, 0 * weight, bias)
    for u, v in np.ndindex(*weight.shape[2:]):
        out[:, :, u : u + large.shape[2], v : v + large.shape[3]] += np.einsum(
            "cf,ncij->nfij", weight[:, :, u, v], large
        )
    return out


def _stride_one(x: Any, weight: Any, bias: Any) -> Any:
    """The pixels are not spread."""
    out = conv_transpose2d_forward(x, 0 * weight, bias)
    for u, v in np.ndindex(*weight.shape[2:]):
        out[:, :, u : u + x.shape[2], v : v + x.shape[3]] += np.einsum("cf,ncij->nfij", weight[:, :, u, v], x)
    return out


CONV_TRANSPOSE2D = Exercise(
    name="conv_transpose2d",
    forward=conv_transpose2d_forward,
    backward=conv_transpose2d_backward,
    inputs={"x": "MCIL", "weight": "CFPQ", "bias": "F"},
    made=lambda s: {"R": 2 * s["I"] - 2 + s["P"], "S": 2 * s["L"] - 2 + s["Q"]},
    contract="y[m,f,2i+u,2j+v] collects Σ w[c,f,u,v] x[m,c,i,j] over c, from all i, j, u, v that lead there, and b[f]: "
    "stride 2, no padding. x (M, C, I, L), weight (C, F, P, Q), bias (F,) → y (M, F, 2(I−1)+P, 2(L−1)+Q)",
    page="04-convolution.md",
    equations=("4.7",),
    terms=lambda dout, x, weight, bias: {
        "out": {
            "the kernel's part": conv_transpose2d_forward(x, weight, 0 * bias),
            "b": conv_transpose2d_forward(0 * x, weight, bias),
        }
    },
    mistakes=(Mistake("TRANSPOSE_STRIDE", forward=_stride_one), Mistake("TRANSPOSE_REPEATED", forward=_repeated)),
)


# -------------------------------------------------------------------------------------------------------------- pooling
def _windows(x: Any) -> Any:
    """The four numbers of each 2×2 window, side by side: (M, C, 2I, 2L) → (M, C, I, L, 4)."""
    m, c, height, width = x.shape
    pairs = x.reshape(m, c, height // 2, 2, width // 2, 2).transpose(0, 1, 2, 4, 3, 5)
    return pairs.reshape(m, c, height // 2, width // 2, 4)


def _image(windows: Any) -> Any:
    """The windows put back."""
    m, c, height, width, _ = windows.shape
    return windows.reshape(m, c, height, width, 2, 2).transpose(0, 1, 2, 4, 3, 5).reshape(m, c, 2 * height, 2 * width)


def _images(rng: np.random.Generator, sizes: dict[str, int]) -> Any:
    return rng.standard_normal((sizes["M"], sizes["C"], 2 * sizes["I"], 2 * sizes["L"]))


def max_pool2d_forward(x: Any) -> Any:
    windows = _windows(x)
    winner = np.real(windows).argmax(-1)[..., None]
    return np.take_along_axis(windows, winner, -1)[..., 0]


def max_pool2d_backward(dout: Any, x: Any) -> Arrays:
    winner = _windows(x).argmax(-1)
    return {"dx": _image(dout[..., None] * (np.arange(4) == winner[..., None]))}


def _pooled_back(dout: Any, chosen: Callable[[Any], Any], x: Any) -> Arrays:
    """dout to those of each window that are chosen."""
    return {"dx": _image(dout[..., None] * chosen(_windows(x)))}


MAX_POOL2D = Exercise(
    name="max_pool2d",
    forward=max_pool2d_forward,
    backward=max_pool2d_backward,
    inputs={"x": _images},
    letters="MCIL",
    contract="y is the largest number of each 2×2 window of x, windows side by side; x (M, C, 2I, 2L) → "
    "y (M, C, I, L). Among equal ones the first gets the gradient, row by row",
    page="00-autograd.md",
    equations=("0.78",),
    kinks=lambda rng, sizes: {"x": np.round(_images(rng, {**sizes, "M": 2}) / 2)},
    where=lambda dout, x: {
        "dx": {"where the number is the largest of its window": _windows_won(x), "where it is not": ~_windows_won(x)}
    },
    mistakes=(
        Mistake("POOL_COPIED", backward=lambda dout, x: _pooled_back(dout, np.ones_like, x)),
        Mistake("POOL_AVERAGED", forward=lambda x: _windows(x).mean(-1)),
        Mistake("POOL_SUMMED", forward=lambda x: _windows(x).sum(-1)),
        Mistake("POOL_SMALLEST", forward=lambda x: -max_pool2d_forward(-x)),
        Mistake("POOL_CORNER", forward=lambda x: x[:, :, ::2, ::2]),
        Mistake("POOL_OF_SIZE", forward=lambda x: np.take_along_axis(_windows(x), _largest(x), -1)[..., 0]),
        Mistake(
            "POOL_ROW_COLUMN",
            backward=lambda dout, x: _pooled_back(
                dout, lambda w: np.arange(4) == np.array([0, 2, 1, 3])[w.argmax(-1)][..., None], x
            ),
        ),
        Mistake("POOL_TILED", backward=lambda dout, x: {"dx": _windows_won(x) * np.tile(dout, (1, 1, 2, 2))}),
    ),
)


def _windows_won(x: Any) -> Any:
    """Where a number is the largest of its window."""
    windows = _windows(x)
    return _image(np.arange(4) == windows.argmax(-1)[..., None])


def _largest(x: Any) -> Any:
    """Which of each window is furthest from 0."""
    return (np.real(_windows(x)) ** 2).argmax(-1)[..., None]


def avg_pool2d_forward(x: Any) -> Any:
    return _windows(x).mean(-1)


def avg_pool2d_backward(dout: Any, x: Any) -> Arrays:
    return {"dx": dout.repeat(2, 2).repeat(2, 3) / 4}


AVG_POOL2D = Exercise(
    name="avg_pool2d",
    forward=avg_pool2d_forward,
    backward=avg_pool2d_backward,
    inputs={"x": _images},
    letters="MCIL",
    contract="y is the mean of each 2×2 window of x, windows side by side; x (M, C, 2I, 2L) → y (M, C, I, L)",
    page="00-autograd.md",
    equations=("0.79",),
    mistakes=(
        Mistake("POOL_LARGEST", forward=max_pool2d_forward),
        Mistake("POOL_TILED", backward=lambda dout, x: {"dx": np.tile(dout, (1, 1, 2, 2)) / 4}),
        Mistake("POOL_CORNER", forward=lambda x: x[:, :, ::2, ::2]),
        Mistake("POOL_CORNER", forward=lambda x: x[:, :, ::2, ::2] / 4),
    ),
)


# ---------------------------------------------------------------------------------------------------------------- masks
def pixel_mask(kind: str, size: int) -> Any:
    mask = np.ones((size, size), int)
    mask[size // 2, size // 2 + (kind == "B") :] = 0
    mask[size // 2 + 1 :] = 0
    return mask


def _other(kind: str) -> str:
    return "B" if kind == "A" else "A"


def _row_dropped(kind: str, size: int) -> Any:
    """The whole row of the centre is gone."""
    mask = np.ones((size, size), int)
    mask[size // 2 :] = 0
    return mask


def _corner_only(kind: str, size: int) -> Any:
    """What is above and to the left: the upper right is lost."""
    mask = pixel_mask(kind, size)
    mask[:, size // 2 + 1 :] = 0
    return mask


def _row_kept(kind: str, size: int) -> Any:
    """Of the centre's row the right side is visible as well."""
    mask = pixel_mask(kind, size)
    mask[size // 2, size // 2 + 1 :] = 1
    return mask


def _below_kept(kind: str, size: int) -> Any:
    """The rows below are visible."""
    mask = pixel_mask(kind, size)
    mask[size // 2 + 1 :] = 1
    return mask


def _centre_alone(kind: str, size: int) -> Any:
    """All is visible but the centre, and that as `kind` says."""
    mask = np.ones((size, size), int)
    mask[size // 2, size // 2] = kind == "B"
    return mask


WRONG_MASKS: dict[str, Callable[[str, int], Any]] = {
    "MASK_KINDS_SWAPPED": lambda kind, size: pixel_mask(_other(kind), size),
    "MASK_ALWAYS_A": lambda kind, size: pixel_mask("A", size),
    "MASK_ALWAYS_B": lambda kind, size: pixel_mask("B", size),
    "MASK_NONE": lambda kind, size: np.ones((size, size), int),
    "MASK_FUTURE": lambda kind, size: pixel_mask(kind, size)[::-1, ::-1],
    "MASK_INVERTED": lambda kind, size: 1 - pixel_mask(kind, size),
    "MASK_TRANSPOSED": lambda kind, size: pixel_mask(kind, size).T,
    "MASK_ROW_DROPPED": _row_dropped,
    "MASK_UPPER_RIGHT_LOST": _corner_only,
    "MASK_ROW_KEPT": _row_kept,
    "MASK_BELOW_KEPT": _below_kept,
    "MASK_CENTRE_ALONE": _centre_alone,
}

PIXEL_MASK = Exercise(
    name="pixel_mask",
    forward=pixel_mask,
    backward=None,
    inputs={"kind": lambda rng, sizes: "AB"[sizes["P"] % 2], "size": lambda rng, sizes: 2 * sizes["P"] + 1},
    letters="P",
    contract="the mask of a size × size kernel (size is odd) that sees pixels before the centre in raster order: all "
    'rows above, and what is to the left in its own; the centre itself if kind is "B", not if it is "A" → (size, size) '
    "of zeros and ones",
    page="04-convolution.md",
    equations=("4.8",),
    mistakes=tuple(Mistake(code, forward=mask) for code, mask in WRONG_MASKS.items()),
)


def masked_conv2d_forward(x: Any, weight: Any, bias: Any, kind: str) -> Any:
    return conv2d_forward(x, weight * pixel_mask(kind, 3), bias)


def masked_conv2d_backward(dout: Any, x: Any, weight: Any, bias: Any, kind: str) -> Arrays:
    mask = pixel_mask(kind, 3)
    back = conv2d_backward(dout, x, weight * mask, bias)
    return {**back, "dweight": back["dweight"] * mask}


def _masked_by(mask: Callable[[str, int], Any], x: Any, weight: Any, bias: Any, kind: str) -> Any:
    return conv2d_forward(x, weight * mask(kind, 3), bias)


def _masked_back(mask: Callable[[str, int], Any], dout: Any, x: Any, weight: Any, bias: Any, kind: str) -> Arrays:
    """The derivative with another mask, which would take long by complex steps."""
    back = conv2d_backward(dout, x, weight * mask(kind, 3), bias)
    return {**back, "dweight": back["dweight"] * mask(kind, 3)}


def _turned_back(mask: Any, dout: Any, x: Any, weight: Any, bias: Any, kind: str) -> Arrays:
    """dx with the kernel, behind its mask, as it stands in the forward."""
    return {"dx": conv2d_backward(dout, x, (weight * mask)[..., ::-1, ::-1], bias)["dx"]}


MASKED_CONV2D = Exercise(
    name="masked_conv2d",
    forward=masked_conv2d_forward,
    backward=masked_conv2d_backward,
    inputs={
        "x": "MCYX",
        "weight": lambda rng, sizes: rng.standard_normal((sizes["F"], sizes["C"], 3, 3)),
        "bias": "F",
        "kind": lambda rng, sizes: "AB"[sizes["M"] % 2],
    },
    contract="conv2d (padding 1, stride 1) with the 3×3 kernel multiplied by a mask: only pixels before the centre in "
    'raster order are seen, and the centre itself if kind is "B", not if it is "A". x (M, C, Y, X), weight (F, C, 3, '
    "3), bias (F,) → y (M, F, Y, X). Masked weights have the gradient 0",
    page="04-convolution.md",
    equations=("4.8",),
    terms=lambda dout, x, weight, bias, kind: {
        "out": {
            "the kernel's part": masked_conv2d_forward(x, weight, 0 * bias, kind),
            "b": masked_conv2d_forward(x, 0 * weight, bias, kind),
        }
    },
    where=lambda dout, x, weight, bias, kind: {
        "dweight": {"where the mask is 0": np.broadcast_to(pixel_mask(kind, 3) == 0, weight.shape)}
    },
    mistakes=(
        *(
            Mistake(code, forward=partial(_masked_by, mask), backward=partial(_masked_back, mask))
            for code, mask in WRONG_MASKS.items()
        ),
        Mistake("MASKED_NOT_TURNED", backward=lambda **a: _turned_back(pixel_mask(a["kind"], 3), **a)),
        Mistake("MASKED_NOT_TURNED", backward=lambda **a: _turned_back(1, **a)),
    ),
)


def made_masks(degrees: Any, size: int) -> Arrays:
    pixels = np.arange(1, size + 1)
    return {"first": (degrees[:, None] >= pixels).astype(int), "last": (pixels[:, None] - 1 >= degrees).astype(int)}


def _made(first: Callable[[Any, Any], Any], last: Callable[[Any, Any], Any], degrees: Any, size: int) -> Arrays:
    """Other comparisons of degrees and pixels, which are counted from 1."""
    pixels = np.arange(1, size + 1)
    return {"first": first(degrees[:, None], pixels).astype(int), "last": last(pixels[:, None], degrees).astype(int)}


MADE_MASKS = Exercise(
    name="made_masks",
    forward=made_masks,
    backward=None,
    inputs={
        "degrees": lambda rng, sizes: rng.integers(1, sizes["D"], sizes["H"]),
        "size": lambda rng, sizes: sizes["D"],
    },
    letters="DH",
    contract="the two masks of a MADE with one hidden layer, of zeros and ones. Pixels are numbered 1 … size; hidden "
    "unit k may know the first degrees[k] pixels; the output for pixel i may know what knows the pixels before i only. "
    "degrees (H,) → first (H, size), from pixels to hidden units, and last (size, H), from hidden units to outputs",
    page="03-conditionals.md",
    equations=("3.14",),
    mistakes=(
        Mistake("MADE_STRICT", forward=partial(_made, lambda m, j: m > j, lambda i, m: i - 1 > m)),
        Mistake("MADE_SEES_ITSELF", forward=partial(_made, lambda m, j: m >= j - 1, lambda i, m: i >= m)),
        Mistake("MADE_REVERSED", forward=partial(_made, lambda m, j: m <= j, lambda i, m: i <= m)),
        Mistake("MADE_REVERSED", forward=partial(_made, lambda m, j: m < j, lambda i, m: i < m)),
        Mistake("MADE_REVERSED", forward=partial(_made, lambda m, j: m < j, lambda i, m: i - 1 < m)),
        Mistake("MADE_EQUAL", forward=partial(_made, lambda m, j: m == j, lambda i, m: i - 1 == m)),
    ),
)


# ------------------------------------------------------------------------------------------------------ an LSTM's step
def _sigmoid(a: Any) -> Any:
    return 1 / (1 + np.exp(-a))


def lstm_step_forward(x: Any, previous_h: Any, previous_c: Any, weight: Any, recurrent: Any, bias: Any) -> Arrays:
    a_i, a_f, a_g, a_o = np.split(x @ weight.T + previous_h @ recurrent.T + bias, 4, 1)
    c = _sigmoid(a_f) * previous_c + _sigmoid(a_i) * np.tanh(a_g)
    return {"h": _sigmoid(a_o) * np.tanh(c), "c": c}


def lstm_step_backward(
    dh: Any, dc: Any, x: Any, previous_h: Any, previous_c: Any, weight: Any, recurrent: Any, bias: Any
) -> Arrays:
    a_i, a_f, a_g, a_o = np.split(x @ weight.T + previous_h @ recurrent.T + bias, 4, 1)
    i, f, g, o = _sigmoid(a_i), _sigmoid(a_f), np.tanh(a_g), _sigmoid(a_o)
    c = f * previous_c + i * g
    seen = np.tanh(c)
    dc = dc + dh * o * (1 - seen**2)
    da = [dc * g * i * (1 - i), dc * previous_c * f * (1 - f), dc * i * (1 - g**2), dh * seen * o * (1 - o)]
    return _from_gates(np.concatenate(da, 1), dc * f, x, previous_h, weight, recurrent)


def _from_gates(da: Any, dprevious_c: Any, x: Any, previous_h: Any, weight: Any, recurrent: Any) -> Arrays:
    """What lies before the gates is a linear layer."""
    return {
        "dx": da @ weight,
        "dprevious_h": da @ recurrent,
        "dprevious_c": dprevious_c,
        "dweight": da.T @ x,
        "drecurrent": da.T @ previous_h,
        "dbias": da.sum(0),
    }


def _lstm_wrong(what: str) -> Callable[..., Arrays]:
    """The backward with one line of it changed."""

    def backward(
        dh: Any, dc: Any, x: Any, previous_h: Any, previous_c: Any, weight: Any, recurrent: Any, bias: Any
    ) -> Arrays:
        a_i, a_f, a_g, a_o = np.split(x @ weight.T + previous_h @ recurrent.T + bias, 4, 1)
        i, f, g, o = _sigmoid(a_i), _sigmoid(a_f), np.tanh(a_g), _sigmoid(a_o)
        c = f * previous_c + i * g
        seen = np.tanh(c)
        down = {"no o": 1 - seen**2, "no tanh": o, "no h": 0, "tanh of tanh": o * (1 - np.tanh(seen) ** 2)}
        dc = dc + dh * down.get(what, o * (1 - seen**2))
        slopes = {"i": i * (1 - i), "f": f * (1 - f), "g": 1 - g**2, "o": o * (1 - o)}
        slopes |= {key: np.ones_like(i) for key in what.removeprefix("slope ") if what.startswith("slope ")}
        slopes |= {"g": g * (1 - g)} if what == "g sigmoid" else {}
        old = c if what == "new c" else previous_c
        shown = c if what == "shown c" else seen
        came = o * seen if what == "new h" else previous_h
        da = [dc * g * slopes["i"], dc * old * slopes["f"], dc * i * slopes["g"], dh * shown * slopes["o"]]
        return _from_gates(np.concatenate(da, 1), dc * f, x, came, weight, recurrent)

    return backward


def _lstm_read(
    order: str,
    show: Callable[[Any], Any],
    candidate: Callable[[Any], Any],
    mix: Callable[..., Any] = lambda i, f, g, c: f * c + i * g,
    **a: Any,
) -> Arrays:
    """The forward with its gates in another order, or with other functions."""
    blocks = np.split(a["x"] @ a["weight"].T + a["previous_h"] @ a["recurrent"].T + a["bias"], 4, 1)
    gates = dict(zip(order, blocks))
    i, f, g = _sigmoid(gates["i"]), _sigmoid(gates["f"]), candidate(gates["g"])
    c = mix(i, f, g, a["previous_c"])
    return {"h": _sigmoid(gates["o"]) * show(c), "c": c}


LSTM_MIXES: dict[str, Callable[..., Any]] = {
    "LSTM_SIGN": lambda i, f, g, c: f * c - i * g,
    "LSTM_TIED": lambda i, f, g, c: (1 - i) * c + i * g,
    "LSTM_TIED_F": lambda i, f, g, c: f * c + (1 - f) * g,
    "LSTM_NO_I": lambda i, f, g, c: f * c + g,
    "LSTM_NO_F": lambda i, f, g, c: c + i * g,
    "LSTM_I_F": lambda i, f, g, c: i * c + f * g,
}


def _lstm_quantities(
    dh: Any, dc: Any, x: Any, previous_h: Any, previous_c: Any, weight: Any, recurrent: Any, bias: Any
) -> Arrays:
    a_i, a_f, a_g, a_o = np.split(x @ weight.T + previous_h @ recurrent.T + bias, 4, 1)
    i, f, g = _sigmoid(a_i), _sigmoid(a_f), np.tanh(a_g)
    return {"i": i, "f": f, "g": g, "o": _sigmoid(a_o), "tanh c′": np.tanh(f * previous_c + i * g)}


def _gates(dh: Any, dc: Any, x: Any, previous_h: Any, previous_c: Any, weight: Any, recurrent: Any, bias: Any) -> Any:
    """Which rows of the weights belong to which gate."""
    h = previous_h.shape[1]
    block = np.arange(4 * h) // h
    rows = {f"in the rows of gate {gate}": block == number for number, gate in enumerate("ifgo")}
    return {
        "dbias": rows,
        "dweight": {k: np.broadcast_to(v[:, None], weight.shape) for k, v in rows.items()},
        "drecurrent": {k: np.broadcast_to(v[:, None], recurrent.shape) for k, v in rows.items()},
    }


def _lstm_terms(
    dh: Any, dc: Any, x: Any, previous_h: Any, previous_c: Any, weight: Any, recurrent: Any, bias: Any
) -> Mapping[str, Mapping[str, Any]]:
    a_i, a_f, a_g, _ = np.split(x @ weight.T + previous_h @ recurrent.T + bias, 4, 1)
    return {"c": {"f c": _sigmoid(a_f) * previous_c, "i g": _sigmoid(a_i) * np.tanh(a_g)}}


LSTM_ORDERS = ("ifog", "figo", "fiog", "iofg", "iogf", "fogi", "gifo")

LSTM_STEP = Exercise(
    name="lstm_step",
    forward=lstm_step_forward,
    backward=lstm_step_backward,
    inputs={
        "x": "ND",
        "previous_h": "NH",
        "previous_c": "NH",
        "weight": lambda rng, sizes: rng.standard_normal((4 * sizes["H"], sizes["D"])) / 2,
        "recurrent": lambda rng, sizes: rng.standard_normal((4 * sizes["H"], sizes["H"])) / 2,
        "bias": lambda rng, sizes: rng.standard_normal(4 * sizes["H"]),
    },
    contract="a = x Wᵀ + h Uᵀ + b, cut into four blocks of H columns, in this order: i, f, g, o; i, f and o go through "
    "σ, g through tanh; c′ = f c + i g, h′ = o tanh c′. x (N, D), previous_h and previous_c (N, H), weight W (4H, D), "
    "recurrent U (4H, H), bias (4H,) → h and c, both (N, H). The backward gets dh and dc, the gradients of both",
    page="07-recurrent.md",
    equations=("7.2", "7.3", "7.5", "7.6", "7.7", "7.8"),
    quantities=_lstm_quantities,
    terms=_lstm_terms,
    where=_gates,
    mistakes=(
        *(Mistake("LSTM_ORDER", forward=partial(_lstm_read, order, np.tanh, np.tanh)) for order in LSTM_ORDERS),
        Mistake("LSTM_SHOWN", forward=partial(_lstm_read, "ifgo", lambda c: c, np.tanh)),
        *(
            Mistake(code, forward=partial(_lstm_read, "ifgo", np.tanh, np.tanh, mix))
            for code, mix in LSTM_MIXES.items()
        ),
        Mistake("LSTM_CANDIDATE", forward=partial(_lstm_read, "ifgo", np.tanh, _sigmoid)),
        Mistake("LSTM_NO_H_TO_C", backward=_lstm_wrong("no h")),
        Mistake("LSTM_H_TO_C_NO_GATE", backward=_lstm_wrong("no o")),
        Mistake("LSTM_H_TO_C_NO_TANH", backward=_lstm_wrong("no tanh")),
        Mistake("LSTM_TANH_TWICE", backward=_lstm_wrong("tanh of tanh")),
        Mistake("LSTM_NEW_C", backward=_lstm_wrong("new c")),
        Mistake("LSTM_NEW_H", backward=_lstm_wrong("new h")),
        Mistake("LSTM_SHOWN", backward=_lstm_wrong("shown c")),
        Mistake("LSTM_G_SIGMOID", backward=_lstm_wrong("g sigmoid")),
        *(Mistake("LSTM_SLOPE", backward=_lstm_wrong(f"slope {gates}")) for gates in (*"ifgo", "ifo", "ifgo")),
    ),
)

EXERCISES = (
    CONV2D,
    CONV_TRANSPOSE2D,
    MAX_POOL2D,
    AVG_POOL2D,
    PIXEL_MASK,
    MASKED_CONV2D,
    MADE_MASKS,
    LSTM_STEP,
)
