"""Two hundred and forty more wrong ways to write the exercises, by four authors who had read the contracts and nothing
else, and forty right ones; as they were handed in.

Each sixty were a blind test of the checker as it was on the day, before anything was learned from them. By their cause
were explained 50, 48, 50 and 52 of sixty (83, 80, 83 and 87 %); what was said misled 0, 2, 1 and 0 times.
"""

from tests.checker.direct import Variant

SETS = {
    "C": [
        Variant(
            "linear",
            "reshape for transpose",
            """
import numpy as np


def linear_forward(x, weight, bias):
    H, D = weight.shape
    return x @ weight.reshape(D, H) + bias
""",
            ("the weight is reshaped to (D, H) instead of being transposed",),
        ),
        Variant(
            "linear",
            "dweight of last row only",
            """
import numpy as np


def linear_backward(dout, x, weight, bias):
    dx = np.zeros_like(x)
    dweight = np.zeros_like(weight)
    dbias = np.zeros_like(bias)
    for n in range(x.shape[0]):
        dx[n] = weight.T @ dout[n]
        dweight = np.outer(dout[n], x[n])
        dbias += dout[n]
    return dx, dweight, dbias
""",
            ("in the loop over the batch dweight is overwritten, not added up, so only the last row counts",),
        ),
        Variant(
            "linear",
            "one dbias for all",
            """
import numpy as np


def linear_backward(dout, x, weight, bias):
    dx = dout @ weight
    dweight = dout.T @ x
    dbias = np.ones_like(bias) * np.sum(dout)
    return dx, dweight, dbias
""",
            ("dbias is the sum of dout over rows and columns, the same number for every output",),
        ),
        Variant(
            "relu",
            "gate by dout",
            """
import numpy as np


def relu_backward(dout, x):
    dx = np.array(dout)
    dx[dout <= 0] = 0
    return dx
""",
            ("the gradient is let through where dout is positive, instead of where x is positive",),
        ),
        Variant(
            "sigmoid",
            "square missing",
            """
import numpy as np


def sigmoid_forward(x):
    return 1 / (1 + np.exp(-x))


def sigmoid_backward(dout, x):
    e = np.exp(-x)
    return dout * e / (1 + e)
""",
            ("the derivative is e^-x / (1 + e^-x): the denominator is not squared",),
        ),
        Variant(
            "tanh",
            "bracket before square",
            """
import numpy as np


def tanh_backward(dout, x):
    t = np.tanh(x)
    return dout * (1 - t) ** 2
""",
            ("the derivative is (1 - tanh x) squared instead of 1 - (tanh x) squared",),
        ),
        Variant(
            "dropout",
            "scaled to keep the variance",
            """
import numpy as np


def dropout_forward(x, mask, p):
    scale = 1 / np.sqrt(1 - p)
    return x * mask * scale


def dropout_backward(dout, x, mask, p):
    scale = 1 / np.sqrt(1 - p)
    return dout * mask * scale
""",
            ("the kept numbers are divided by the square root of 1 - p instead of by 1 - p, forward and backward",),
        ),
        Variant(
            "dropout",
            "backward undoes the scale",
            """
import numpy as np


def dropout_forward(x, mask, p):
    return x * mask / (1 - p)


def dropout_backward(dout, x, mask, p):
    return dout * mask * (1 - p)
""",
            ("the backward multiplies by 1 - p where it should divide by it, as if the scale were to be undone",),
        ),
        Variant(
            "embedding",
            "mean over occurrences",
            """
import numpy as np


def embedding_backward(dout, weight, ids):
    dweight = np.zeros_like(weight)
    for k in range(weight.shape[0]):
        here = ids == k
        if here.any():
            dweight[k] = dout[here].mean(axis=0)
    return dweight
""",
            ("the gradient of a word is divided by how many times the word occurs",),
        ),
        Variant(
            "embedding",
            "starts at the weights",
            """
import numpy as np


def embedding_forward(weight, ids):
    return weight[ids]


def embedding_backward(dout, weight, ids):
    dweight = weight.copy()
    np.add.at(dweight, ids, dout)
    return dweight
""",
            ("dweight is started as a copy of the weights instead of zeros",),
        ),
        Variant(
            "batch_norm",
            "mean square for variance",
            """
import numpy as np


def batch_norm_forward(x, gamma, beta):
    mu = x.mean(axis=0)
    var = (x ** 2).mean(axis=0)
    xhat = (x - mu) / np.sqrt(var + 1e-5)
    return gamma * xhat + beta
""",
            ("the variance is the mean of x squared, the squared mean is not subtracted",),
        ),
        Variant(
            "batch_norm",
            "features counted for N",
            """
import numpy as np


def batch_norm_backward(dout, x, gamma, beta):
    n = x.shape[-1]
    mu = x.mean(axis=0)
    inv = 1 / np.sqrt(x.var(axis=0) + 1e-5)
    xhat = (x - mu) * inv
    dgamma = np.sum(dout * xhat, axis=0)
    dbeta = np.sum(dout, axis=0)
    dx = gamma * inv / n * (n * dout - dbeta - xhat * dgamma)
    return dx, dgamma, dbeta
""",
            ("in the formula for dx the number of features stands where the number of rows belongs",),
        ),
        Variant(
            "batch_norm",
            "gamma twice",
            """
import numpy as np


def batch_norm_backward(dout, x, gamma, beta):
    N = len(x)
    mu = np.mean(x, axis=0)
    std = np.sqrt(np.var(x, axis=0) + 1e-5)
    xhat = (x - mu) / std
    dxhat = dout * gamma
    dx = gamma / (N * std) * (N * dxhat - dxhat.sum(0) - xhat * (dxhat * xhat).sum(0))
    return dx, (dout * xhat).sum(0), dout.sum(0)
""",
            ("dx is multiplied by gamma twice: once in dxhat and again in front of the bracket",),
        ),
        Variant(
            "layer_norm",
            "statistics of the whole array",
            """
import numpy as np


def layer_norm_forward(x, gamma, beta):
    mu = np.mean(x, keepdims=True)
    var = np.mean((x - mu) ** 2, keepdims=True)
    return gamma * (x - mu) / np.sqrt(var + 1e-5) + beta
""",
            ("mean and variance are taken over the whole array instead of over each row",),
        ),
        Variant(
            "layer_norm",
            "gamma pulled out of the means",
            """
import numpy as np


def layer_norm_backward(dout, x, gamma, beta):
    mu = x.mean(axis=1, keepdims=True)
    inv = 1 / np.sqrt(x.var(axis=1, keepdims=True) + 1e-5)
    xhat = (x - mu) * inv
    dgamma = (dout * xhat).sum(axis=0)
    dbeta = dout.sum(axis=0)
    dx = gamma * inv * (
        dout
        - dout.mean(axis=1, keepdims=True)
        - xhat * (dout * xhat).mean(axis=1, keepdims=True)
    )
    return dx, dgamma, dbeta
""",
            (
                "gamma is multiplied on at the end as in batch norm, but here it belongs inside the two means over the features",
            ),
        ),
        Variant(
            "layer_norm",
            "power of the variance",
            """
import numpy as np


def layer_norm_backward(dout, x, gamma, beta):
    D = x.shape[1]
    mu = x.mean(axis=1, keepdims=True)
    centred = x - mu
    v = (centred ** 2).mean(axis=1, keepdims=True) + 1e-5
    inv = v ** -0.5
    dgamma = (dout * centred * inv).sum(axis=0)
    dbeta = dout.sum(axis=0)
    dxhat = dout * gamma
    dv = (dxhat * centred).sum(axis=1, keepdims=True) * (-0.5) * v ** -0.5
    dcentred = dxhat * inv + dv * 2 * centred / D
    dmu = -dcentred.sum(axis=1, keepdims=True)
    dx = dcentred + dmu / D
    return dx, dgamma, dbeta
""",
            ("the derivative of v^(-1/2) is written -1/2 v^(-1/2): the power is not lowered to -3/2",),
        ),
        Variant(
            "conv2d",
            "bias for every channel",
            """
import numpy as np


def conv2d_forward(x, weight, bias):
    M, C, Y, X = x.shape
    F, _, P, Q = weight.shape
    xp = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    oy, ox = Y + 3 - P, X + 3 - Q
    out = np.zeros((M, F, oy, ox))
    for f in range(F):
        for c in range(C):
            acc = np.zeros((M, oy, ox))
            for u in range(P):
                for v in range(Q):
                    acc += weight[f, c, u, v] * xp[:, c, u:u + oy, v:v + ox]
            out[:, f] += acc + bias[f]
    return out
""",
            ("the bias is added inside the loop over the input channels, so it counts C times",),
        ),
        Variant(
            "conv2d",
            "padding cut at the wrong end",
            """
import numpy as np


def conv2d_backward(dout, x, weight, bias):
    M, C, Y, X = x.shape
    F, _, P, Q = weight.shape
    oy, ox = dout.shape[2:]
    xp = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    dxp = np.zeros_like(xp)
    dweight = np.zeros_like(weight)
    for u in range(P):
        for v in range(Q):
            window = xp[:, :, u:u + oy, v:v + ox]
            dweight[:, :, u, v] = np.einsum("mfij,mcij->fc", dout, window)
            dxp[:, :, u:u + oy, v:v + ox] += np.einsum("mfij,fc->mcij", dout, weight[:, :, u, v])
    dx = dxp[:, :, :Y, :X]
    dbias = dout.sum(axis=(0, 2, 3))
    return dx, dweight, dbias
""",
            ("dx is cut out of the padded gradient from row and column 0 instead of 1, so it is shifted by one pixel",),
        ),
        Variant(
            "conv2d",
            "dweight turned round",
            """
import numpy as np


def conv2d_backward(dout, x, weight, bias):
    M, C, Y, X = x.shape
    F, _, P, Q = weight.shape
    oy, ox = dout.shape[2:]
    xp = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    dxp = np.zeros_like(xp)
    dweight = np.zeros_like(weight)
    for i in range(oy):
        for j in range(ox):
            g = dout[:, :, i, j]
            dweight += np.tensordot(g, xp[:, :, i:i + P, j:j + Q], axes=(0, 0))
            dxp[:, :, i:i + P, j:j + Q] += np.tensordot(g, weight, axes=(1, 0))
    dweight = dweight[:, :, ::-1, ::-1]
    return dxp[:, :, 1:-1, 1:-1], dweight, dout.sum(axis=(0, 2, 3))
""",
            ("dweight is turned by 180 degrees although the forward does not turn the kernel",),
        ),
        Variant(
            "conv_transpose2d",
            "upsampled by repeating",
            """
import numpy as np


def conv_transpose2d_forward(x, weight, bias):
    M, C, I, L = x.shape
    _, F, P, Q = weight.shape
    big = x.repeat(2, axis=2).repeat(2, axis=3)[:, :, :-1, :-1]
    h, w = big.shape[2:]
    out = np.zeros((M, F, h + P - 1, w + Q - 1)) + bias[:, None, None]
    for u in range(P):
        for v in range(Q):
            out[:, :, u:u + h, v:v + w] += np.einsum("mcij,cf->mfij", big, weight[:, :, u, v])
    return out
""",
            ("x is enlarged by repeating each pixel instead of by putting zeros between the pixels",),
        ),
        Variant(
            "conv_transpose2d",
            "dweight forgets the stride",
            """
import numpy as np


def conv_transpose2d_backward(dout, x, weight, bias):
    M, C, I, L = x.shape
    _, F, P, Q = weight.shape
    dx = np.zeros_like(x)
    dweight = np.zeros_like(weight)
    for u in range(P):
        for v in range(Q):
            strided = dout[:, :, u:u + 2 * I - 1:2, v:v + 2 * L - 1:2]
            dx += np.einsum("mfij,cf->mcij", strided, weight[:, :, u, v])
            window = dout[:, :, u:u + I, v:v + L]
            dweight[:, :, u, v] = np.einsum("mcij,mfij->cf", x, window)
    dbias = dout.sum(axis=(0, 2, 3))
    return dx, dweight, dbias
""",
            ("dweight reads dout at u + i, v + j instead of at 2i + u, 2j + v: the stride is left out there",),
        ),
        Variant(
            "conv_transpose2d",
            "dbias of every second pixel",
            """
import numpy as np


def conv_transpose2d_backward(dout, x, weight, bias):
    M, C, I, L = x.shape
    _, F, P, Q = weight.shape
    dx = np.zeros(x.shape)
    dweight = np.zeros(weight.shape)
    for i in range(I):
        for j in range(L):
            patch = dout[:, :, 2 * i:2 * i + P, 2 * j:2 * j + Q]
            dx[:, :, i, j] = np.einsum("mfuv,cfuv->mc", patch, weight)
            dweight += np.einsum("mc,mfuv->cfuv", x[:, :, i, j], patch)
    dbias = dout[:, :, ::2, ::2].sum(axis=(0, 2, 3))
    return dx, dweight, dbias
""",
            ("dbias sums dout at every second row and column only, though the bias is added to all pixels",),
        ),
        Variant(
            "max_pool2d",
            "four in a row",
            """
import numpy as np


def max_pool2d_forward(x):
    M, C, Y, X = x.shape
    windows = x.reshape(M, C, Y // 2, X // 2, 4)
    return windows.max(axis=-1)
""",
            ("the reshape takes four numbers that follow each other in a row as one window, not a 2 x 2 square",),
        ),
        Variant(
            "max_pool2d",
            "argmax read column first",
            """
import numpy as np


def max_pool2d_backward(dout, x):
    M, C, Y, X = x.shape
    dx = np.zeros_like(x)
    for m in range(M):
        for c in range(C):
            for i in range(Y // 2):
                for j in range(X // 2):
                    k = np.argmax(x[m, c, 2 * i:2 * i + 2, 2 * j:2 * j + 2])
                    u, v = k % 2, k // 2
                    dx[m, c, 2 * i + u, 2 * j + v] = dout[m, c, i, j]
    return dx
""",
            ("the number of the winner in its window is taken apart with row and column exchanged",),
        ),
        Variant(
            "max_pool2d",
            "dout tiled",
            """
import numpy as np


def max_pool2d_backward(dout, x):
    M, C, I, L = dout.shape
    best = x.reshape(M, C, I, 2, L, 2).max(axis=(3, 5))
    best = np.repeat(np.repeat(best, 2, axis=2), 2, axis=3)
    big = np.tile(dout, (1, 1, 2, 2))
    return np.where(x == best, big, 0.0)
""",
            ("dout is enlarged with tile instead of repeat, so that a winner gets the gradient of another window",),
        ),
        Variant(
            "avg_pool2d",
            "diagonal only",
            """
import numpy as np


def avg_pool2d_forward(x):
    a = x[:, :, 0::2, 0::2]
    b = x[:, :, 1::2, 1::2]
    return (a + b) / 2
""",
            ("only the upper left and the lower right pixel of each window are averaged",),
        ),
        Variant(
            "avg_pool2d",
            "side for area",
            """
import numpy as np


def avg_pool2d_backward(dout, x):
    size = 2
    return np.kron(dout, np.ones((1, 1, size, size))) / size
""",
            ("the gradient is divided by the side of the window, 2, instead of by its 4 pixels",),
        ),
        Variant(
            "pixel_mask",
            "triangle for raster order",
            """
import numpy as np


def pixel_mask(kind, size):
    if kind == "B":
        return np.tril(np.ones((size, size)))
    return np.tril(np.ones((size, size)), k=-1)
""",
            ("a lower triangular matrix is taken for the raster order, so of the rows above only a part is seen",),
        ),
        Variant(
            "masked_conv2d",
            "mask mirrored",
            """
import numpy as np


def make_mask(kind):
    mask = np.zeros((3, 3))
    mask[0, :] = 1
    mask[1, 2:] = 1
    if kind == "B":
        mask[1, 1] = 1
    return mask


def masked_conv2d_forward(x, weight, bias, kind):
    w = weight * make_mask(kind)
    Y, X = x.shape[2:]
    xp = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    out = np.zeros((x.shape[0], w.shape[0], Y, X)) + bias[None, :, None, None]
    for u in range(3):
        for v in range(3):
            out += np.einsum("mcij,fc->mfij", xp[:, :, u:u + Y, v:v + X], w[:, :, u, v])
    return out


def masked_conv2d_backward(dout, x, weight, bias, kind):
    mask = make_mask(kind)
    w = weight * mask
    Y, X = x.shape[2:]
    xp = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    dxp = np.zeros_like(xp)
    dw = np.zeros_like(weight)
    for u in range(3):
        for v in range(3):
            dw[:, :, u, v] = np.einsum("mfij,mcij->fc", dout, xp[:, :, u:u + Y, v:v + X])
            dxp[:, :, u:u + Y, v:v + X] += np.einsum("mfij,fc->mcij", dout, w[:, :, u, v])
    return dxp[:, :, 1:-1, 1:-1], dw * mask, dout.sum(axis=(0, 2, 3))
""",
            (
                "the mask lets through what is right of the centre in its row instead of what is left, forward and backward",
            ),
        ),
        Variant(
            "masked_conv2d",
            "dx through the whole kernel",
            """
import numpy as np


def masked_conv2d_backward(dout, x, weight, bias, kind):
    mask = np.zeros((3, 3))
    mask[0] = 1
    mask[1, 0] = 1
    mask[1, 1] = kind == "B"
    Y, X = x.shape[2:]
    xp = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    dxp = np.zeros_like(xp)
    dweight = np.zeros_like(weight)
    for u in range(3):
        for v in range(3):
            dweight[:, :, u, v] = mask[u, v] * np.einsum("mfij,mcij->fc", dout, xp[:, :, u:u + Y, v:v + X])
            dxp[:, :, u:u + Y, v:v + X] += np.einsum("mfij,fc->mcij", dout, weight[:, :, u, v])
    return dxp[:, :, 1:-1, 1:-1], dweight, dout.sum(axis=(0, 2, 3))
""",
            ("dx is computed with the weight that is not masked",),
        ),
        Variant(
            "masked_conv2d",
            "kernel not turned for dx",
            """
import numpy as np


def correlate(x, w):
    Y, X = x.shape[2:]
    xp = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    out = np.zeros((x.shape[0], w.shape[0], Y, X))
    for u in range(3):
        for v in range(3):
            out += np.einsum("mcij,fc->mfij", xp[:, :, u:u + Y, v:v + X], w[:, :, u, v])
    return out


def the_mask(kind):
    order = np.arange(9).reshape(3, 3)
    return (order < 4 + (kind == "B")) * 1.0


def masked_conv2d_forward(x, weight, bias, kind):
    return correlate(x, weight * the_mask(kind)) + bias[:, None, None]


def masked_conv2d_backward(dout, x, weight, bias, kind):
    mask = the_mask(kind)
    w = weight * mask
    dx = correlate(dout, w.transpose(1, 0, 2, 3))
    dweight = correlate_weight(dout, x) * mask
    return dx, dweight, dout.sum((0, 2, 3))


def correlate_weight(dout, x):
    Y, X = x.shape[2:]
    xp = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    dw = np.zeros((dout.shape[1], x.shape[1], 3, 3))
    for u in range(3):
        for v in range(3):
            dw[:, :, u, v] = np.einsum("mfij,mcij->fc", dout, xp[:, :, u:u + Y, v:v + X])
    return dw
""",
            ("dx slides the masked kernel over dout as in the forward, without turning it round",),
        ),
        Variant(
            "made_masks",
            "hidden unit misses its last pixel",
            """
import numpy as np


def made_masks(degrees, size):
    degrees = np.asarray(degrees)
    pixel = np.arange(1, size + 1)
    first = (pixel[None, :] < degrees[:, None]).astype(float)
    last = (pixel[:, None] > degrees[None, :]).astype(float)
    return first, last
""",
            (
                "in the first mask the comparison is strict, so a hidden unit does not see the pixel whose number is its degree",
            ),
        ),
        Variant(
            "lstm_step",
            "forget bias of one",
            """
import numpy as np


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


def gates(x, previous_h, previous_c, weight, recurrent, bias):
    a = x @ weight.T + previous_h @ recurrent.T + bias
    ai, af, ag, ao = np.split(a, 4, axis=1)
    i, f, g, o = sigmoid(ai), sigmoid(af + 1.0), np.tanh(ag), sigmoid(ao)
    c = f * previous_c + i * g
    return i, f, g, o, c


def lstm_step_forward(x, previous_h, previous_c, weight, recurrent, bias):
    i, f, g, o, c = gates(x, previous_h, previous_c, weight, recurrent, bias)
    return o * np.tanh(c), c


def lstm_step_backward(dh, dc, x, previous_h, previous_c, weight, recurrent, bias):
    i, f, g, o, c = gates(x, previous_h, previous_c, weight, recurrent, bias)
    t = np.tanh(c)
    dct = dc + dh * o * (1 - t ** 2)
    da = np.concatenate([
        dct * g * i * (1 - i),
        dct * previous_c * f * (1 - f),
        dct * i * (1 - g ** 2),
        dh * t * o * (1 - o),
    ], axis=1)
    return da @ weight, da @ recurrent, dct * f, da.T @ x, da.T @ previous_h, da.sum(axis=0)
""",
            ("1 is added to the forget gate before its sigmoid, a habit of other libraries, forward and backward",),
        ),
        Variant(
            "lstm_step",
            "tanh of the old cell",
            """
import numpy as np


def lstm_step_backward(dh, dc, x, previous_h, previous_c, weight, recurrent, bias):
    H = previous_h.shape[1]
    a = x @ weight.T + previous_h @ recurrent.T + bias
    s = 1 / (1 + np.exp(-a))
    i, f, o = s[:, :H], s[:, H:2 * H], s[:, 3 * H:]
    g = np.tanh(a[:, 2 * H:3 * H])
    tanh_c = np.tanh(previous_c)
    do = dh * tanh_c
    dct = dc + dh * o * (1 - tanh_c ** 2)
    da = np.zeros_like(a)
    da[:, :H] = dct * g * i * (1 - i)
    da[:, H:2 * H] = dct * previous_c * f * (1 - f)
    da[:, 2 * H:3 * H] = dct * i * (1 - g * g)
    da[:, 3 * H:] = do * o * (1 - o)
    return da @ weight, da @ recurrent, dct * f, da.T @ x, da.T @ previous_h, da.sum(0)
""",
            ("the backward takes tanh of the previous cell state where h' = o tanh c' has the new one",),
        ),
        Variant(
            "lstm_step",
            "dprevious_c from dc alone",
            """
import numpy as np


def sig(a):
    return 0.5 * (1 + np.tanh(a / 2))


def lstm_step_backward(dh, dc, x, previous_h, previous_c, weight, recurrent, bias):
    H = previous_h.shape[1]
    a = x @ weight.T + previous_h @ recurrent.T + bias
    i, f = sig(a[:, :H]), sig(a[:, H:2 * H])
    g, o = np.tanh(a[:, 2 * H:3 * H]), sig(a[:, 3 * H:])
    c = f * previous_c + i * g
    t = np.tanh(c)
    dcell = dc + dh * o * (1 - t * t)
    di = dcell * g * i * (1 - i)
    df = dcell * previous_c * f * (1 - f)
    dg = dcell * i * (1 - g * g)
    do = dh * t * o * (1 - o)
    da = np.hstack([di, df, dg, do])
    dprevious_c = dc * f
    return da @ weight, da @ recurrent, dprevious_c, da.T @ x, da.T @ previous_h, da.sum(axis=0)
""",
            ("dprevious_c is f times the dc that came in, without the part that comes from dh through tanh c'",),
        ),
        Variant(
            "softmax",
            "dot product over everything",
            """
import numpy as np


def softmax_backward(dout, logits):
    e = np.exp(logits - logits.max(axis=1, keepdims=True))
    p = e / e.sum(axis=1, keepdims=True)
    return p * (dout - np.sum(dout * p))
""",
            ("the sum of dout times p in the backward has no axis, so it runs over the whole batch",),
        ),
        Variant(
            "softmax",
            "backward of log-softmax",
            """
import numpy as np


def softmax_forward(logits):
    e = np.exp(logits - logits.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def softmax_backward(dout, logits):
    p = softmax_forward(logits)
    return dout - p * dout.sum(axis=1, keepdims=True)
""",
            ("the backward is that of ln p, dout - p sum(dout), instead of that of p",),
        ),
        Variant(
            "softmax_cross_entropy",
            "minus one not divided",
            """
import numpy as np


def softmax_cross_entropy_backward(logits, labels):
    N = logits.shape[0]
    e = np.exp(logits - logits.max(axis=1, keepdims=True))
    d = e / e.sum(axis=1, keepdims=True) / N
    d[np.arange(N), labels] -= 1
    return d
""",
            ("p is divided by N before the 1 is subtracted at the label, so the 1 is not divided",),
        ),
        Variant(
            "softmax_cross_entropy",
            "one column index for all rows",
            """
import numpy as np


def softmax_cross_entropy_backward(logits, labels):
    p = np.exp(logits - np.max(logits, axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    d = p.copy()
    d[:, labels] -= 1
    return d / len(labels)
""",
            ("d[:, labels] -= 1 takes 1 off the columns of all labels in every row, not each row's own label",),
        ),
        Variant(
            "bce_with_logits",
            "absolute value without minus",
            """
import numpy as np


def bce_with_logits_forward(logits, target):
    per_pixel = np.maximum(logits, 0) - logits * target + np.log1p(np.exp(np.abs(logits)))
    return per_pixel.sum(axis=1).mean()
""",
            ("the stable formula has ln(1 + e^|l|) where it should have ln(1 + e^-|l|)",),
        ),
        Variant(
            "bce_with_logits",
            "slope of sigma once more",
            """
import numpy as np


def bce_with_logits_backward(logits, target):
    p = 1 / (1 + np.exp(-logits))
    dloss = p - target
    return dloss * p * (1 - p) / logits.shape[0]
""",
            ("p - t, which is already the derivative for the logit, is multiplied by p(1 - p) again",),
        ),
        Variant(
            "softmax256_nll",
            "softmax along the image row",
            """
import numpy as np


def softmax256_nll_backward(logits, levels):
    N, K, P, Q = logits.shape
    e = np.exp(logits - logits.max(axis=-1, keepdims=True))
    p = e / e.sum(axis=-1, keepdims=True)
    onehot = (np.arange(K)[None, :, None, None] == levels[:, None, :, :])
    return (p - onehot) / N
""",
            ("the softmax in the backward runs over the last axis, a row of pixels, instead of over the grey levels",),
        ),
        Variant(
            "log_sum_exp",
            "one maximum off, another on",
            """
import numpy as np


def log_sum_exp_forward(x):
    shifted = x - x.max()
    return np.log(np.exp(shifted).sum(axis=1)) + x.max(axis=1)
""",
            ("the maximum of the whole array is subtracted, but the maximum of each row is added back",),
        ),
        Variant(
            "log_sum_exp",
            "the shift is differentiated too",
            """
import numpy as np


def log_sum_exp_backward(dout, x):
    m = x.max(axis=1, keepdims=True)
    e = np.exp(x - m)
    dx = dout[:, None] * e / e.sum(axis=1, keepdims=True)
    dx[np.arange(len(x)), x.argmax(axis=1)] += dout
    return dx
""",
            (
                "the gradient of the maximum that is added back is counted, that of the maximum that is subtracted is not",
            ),
        ),
        Variant(
            "gaussian_log_density",
            "constant once per row",
            """
import numpy as np


def gaussian_log_density_forward(z, mean, log_variance):
    quadratic = ((z - mean) ** 2 * np.exp(-log_variance)).sum(axis=1)
    return -0.5 * (np.log(2 * np.pi) + log_variance.sum(axis=1) + quadratic)
""",
            ("ln 2 pi is subtracted once for each row, not once for each of the J variables",),
        ),
        Variant(
            "gaussian_log_density",
            "derivative for the variance",
            """
import numpy as np


def gaussian_log_density_backward(dout, z, mean, log_variance):
    variance = np.exp(log_variance)
    d = dout[:, None]
    diff = z - mean
    dz = -d * diff / variance
    dmean = d * diff / variance
    dlog_variance = d * (-0.5 / variance + 0.5 * diff ** 2 / variance ** 2)
    return dz, dmean, dlog_variance
""",
            ("dlog_variance is the derivative for the variance itself: the factor from the exponential is missing",),
        ),
        Variant(
            "coin_map",
            "one off in the denominator",
            """
import numpy as np


def coin_map(throws, alpha, beta):
    heads = throws.sum(axis=1)
    total = throws.shape[1]
    return (heads + alpha - 1) / (total + alpha + beta - 1)
""",
            ("1 instead of 2 is subtracted in the denominator",),
        ),
        Variant(
            "reparameterize",
            "z for z minus the mean",
            """
import numpy as np


def reparameterize_forward(mean, log_variance, noise):
    return mean + np.exp(0.5 * log_variance) * noise


def reparameterize_backward(dout, mean, log_variance, noise):
    z = reparameterize_forward(mean, log_variance, noise)
    dmean = dout.copy()
    dlog_variance = 0.5 * dout * z
    return dmean, dlog_variance
""",
            ("dlog_variance is half of dout times z, but the mean must be taken off z",),
        ),
        Variant(
            "gaussian_kl",
            "the other way round",
            """
import numpy as np


def gaussian_kl_forward(mean, log_variance):
    inv = np.exp(-log_variance)
    return 0.5 * np.sum(log_variance + (1 + mean ** 2) * inv - 1) / len(mean)


def gaussian_kl_backward(mean, log_variance):
    inv = np.exp(-log_variance)
    dmean = mean * inv / len(mean)
    dlog_variance = 0.5 * (1 - (1 + mean ** 2) * inv) / len(mean)
    return dmean, dlog_variance
""",
            ("it is KL(N(0, I) || N(mean, variance)), with the two distributions exchanged, forward and backward",),
        ),
        Variant(
            "elbo_bernoulli",
            "dweight from the mean",
            """
import numpy as np


def elbo_bernoulli_backward(x, mean, log_variance, noise, weight, bias):
    N = x.shape[0]
    sigma = np.exp(0.5 * log_variance)
    z = mean + sigma * noise
    logits = z @ weight.T + bias
    dlogits = (1 / (1 + np.exp(-logits)) - x) / N
    dweight = dlogits.T @ mean
    dbias = dlogits.sum(axis=0)
    dz = dlogits @ weight
    dmean = dz + mean / N
    dlog_variance = dz * noise * sigma * 0.5 + 0.5 * (np.exp(log_variance) - 1) / N
    return dmean, dlog_variance, dweight, dbias
""",
            ("dweight is computed with the mean instead of the sample z that went into the decoder",),
        ),
        Variant(
            "elbo_normal",
            "variance taken for sigma",
            """
import numpy as np


def elbo_normal_forward(x, mean, log_variance, noise, weight, bias, pixel_variance):
    sigma = np.exp(0.5 * log_variance)
    z = mean + sigma * noise
    out = z @ weight.T + bias
    rec = 0.5 * np.log(2 * np.pi) + np.log(pixel_variance) + 0.5 * ((x - out) / pixel_variance) ** 2
    kl = 0.5 * (mean ** 2 + sigma ** 2 - 1 - log_variance)
    return (rec.sum() + kl.sum()) / x.shape[0]


def elbo_normal_backward(x, mean, log_variance, noise, weight, bias, pixel_variance):
    N = x.shape[0]
    sigma = np.exp(0.5 * log_variance)
    z = mean + sigma * noise
    dout = (z @ weight.T + bias - x) / pixel_variance ** 2 / N
    dz = dout @ weight
    dmean = dz + mean / N
    dlog_variance = 0.5 * dz * noise * sigma + 0.5 * (sigma ** 2 - 1) / N
    return dmean, dlog_variance, dout.T @ z, dout.sum(axis=0)
""",
            ("pixel_variance is squared as if it were the standard deviation, forward and backward",),
        ),
        Variant(
            "iwae_bound",
            "one average over all weights",
            """
import numpy as np


def iwae_bound_forward(log_weights):
    m = log_weights.max()
    return m + np.log(np.mean(np.exp(log_weights - m)))
""",
            ("the average inside the logarithm is taken over all N K weights, instead of the mean of N logarithms",),
        ),
        Variant(
            "iwae_bound",
            "one over K left in the gradient",
            """
import numpy as np


def iwae_bound_backward(log_weights):
    N, K = log_weights.shape
    w = np.exp(log_weights - log_weights.max(axis=1, keepdims=True))
    w = w / w.sum(axis=1, keepdims=True)
    return w / K / N
""",
            ("the normalised weights are divided by K once more, though the 1/K cancels in the logarithm",),
        ),
        Variant(
            "discriminator_loss",
            "fake gradient from the real logits",
            """
import numpy as np


def discriminator_loss_backward(real_logits, fake_logits):
    n = len(real_logits)
    d = 1 / (1 + np.exp(-real_logits))
    dreal_logits = -(1 - d) / n
    dfake_logits = d / n
    return dreal_logits, dfake_logits
""",
            ("dfake_logits is computed with the sigmoid of the real logits",),
        ),
        Variant(
            "generator_loss_minimax",
            "stops at D",
            """
import numpy as np


def generator_loss_minimax_backward(fake_logits):
    D = 1 / (1 + np.exp(-fake_logits))
    return -1 / (1 - D) / fake_logits.size
""",
            ("the derivative is -1/(1 - D), for D, and is not carried on through the sigmoid to the logit",),
        ),
        Variant(
            "gradient_penalty",
            "one length for the batch",
            """
import numpy as np


def gradient_penalty_forward(slope, strength):
    length = np.linalg.norm(slope)
    return strength * np.mean((length - 1) ** 2)
""",
            ("the length is that of the whole array of slopes instead of one for each image",),
        ),
        Variant(
            "gradient_penalty",
            "slope not divided by its length",
            """
import numpy as np


def gradient_penalty_backward(slope, strength):
    length = np.sqrt((slope ** 2).sum(axis=1, keepdims=True))
    return 2 * strength * (length - 1) * slope / slope.shape[0]
""",
            ("the derivative of the length is taken to be the slope itself, not the slope divided by its length",),
        ),
        Variant(
            "momentum_step",
            "Nesterov's step",
            """
import numpy as np


def momentum_step(parameter, gradient, velocity, lr, momentum):
    velocity = momentum * velocity + gradient
    parameter = parameter - lr * (gradient + momentum * velocity)
    return parameter, velocity
""",
            ("the parameter moves by g + momentum times the new velocity, which is Nesterov's rule",),
        ),
        Variant(
            "adam_step",
            "square of m for v",
            """
import numpy as np


def adam_step(parameter, gradient, m, v, t, lr, beta1, beta2, eps):
    m = beta1 * m + (1 - beta1) * gradient
    v = beta2 * v + (1 - beta2) * m ** 2
    m_hat = m / (1 - beta1 ** t)
    v_hat = v / (1 - beta2 ** t)
    return parameter - lr * m_hat / (np.sqrt(v_hat) + eps), m, v
""",
            ("v is updated with the square of the new m instead of the square of the gradient",),
        ),
        Variant(
            "adam_step",
            "returns the corrected moments",
            """
import numpy as np


def adam_step(parameter, gradient, m, v, t, lr, beta1, beta2, eps):
    m = beta1 * m + (1 - beta1) * gradient
    v = beta2 * v + (1 - beta2) * gradient ** 2
    m = m / (1 - beta1 ** t)
    v = v / (1 - beta2 ** t)
    parameter = parameter - lr * m / (np.sqrt(v) + eps)
    return parameter, m, v
""",
            ("m and v are overwritten by their corrected values, and these are returned",),
        ),
    ],
    "D": [
        Variant(
            "linear",
            "accumulator_not_reset",
            """
import numpy as np


def linear_forward(x, weight, bias):
    N, D = x.shape
    H = weight.shape[0]
    out = np.zeros((N, H))
    for n in range(N):
        total = 0.0
        for h in range(H):
            for d in range(D):
                total += x[n, d] * weight[h, d]
            out[n, h] = total + bias[h]
    return out
""",
            (
                "the running sum is not set back to 0 between the output units, so that unit h also has the products of the units before it",
            ),
        ),
        Variant(
            "linear",
            "dweight_outer_of_sums",
            """
import numpy as np


def linear_forward(x, weight, bias):
    return x @ weight.T + bias


def linear_backward(dout, x, weight, bias):
    dx = dout @ weight
    # sum over the batch
    dsum = dout.sum(axis=0)
    xsum = x.sum(axis=0)
    dweight = np.outer(dsum, xsum)
    dbias = dsum
    return dx, dweight, dbias
""",
            (
                "dweight is the outer product of the sums over the batch, not the sum over the batch of the outer products",
            ),
        ),
        Variant(
            "relu",
            "mask_from_dout",
            """
import numpy as np


def relu_backward(dout, x):
    dx = dout.copy()
    dx[dout <= 0] = 0
    return dx
""",
            ("the gradient is set to 0 where dout is negative, not where x is negative",),
        ),
        Variant(
            "sigmoid",
            "slope_at_the_output",
            """
import numpy as np


def sigmoid_forward(x):
    return 1 / (1 + np.exp(-x))


def slope(x):
    s = sigmoid_forward(x)
    return s * (1 - s)


def sigmoid_backward(dout, x):
    out = sigmoid_forward(x)
    return dout * slope(out)
""",
            ("the slope is taken at the output instead of at x: the sigmoid is applied a second time",),
        ),
        Variant(
            "tanh",
            "tanh_of_square",
            """
import numpy as np


def tanh_forward(x):
    return np.tanh(x)


def tanh_backward(dout, x):
    return dout * (1 - np.tanh(x ** 2))
""",
            ("tanh² x is read as tanh(x²): the argument is squared, not the tanh",),
        ),
        Variant(
            "dropout",
            "scaled_by_kept_fraction",
            """
import numpy as np


def dropout_forward(x, mask, p):
    keep = np.mean(mask)
    return x * mask / keep


def dropout_backward(dout, x, mask, p):
    keep = np.mean(mask)
    return dout * mask / keep
""",
            ("it divides by the fraction that this mask happens to keep, not by 1 − p",),
        ),
        Variant(
            "embedding",
            "mean_over_occurrences",
            """
import numpy as np


def embedding_backward(dout, weight, ids):
    dweight = np.zeros_like(weight)
    for k in range(weight.shape[0]):
        rows = dout[ids == k]
        if len(rows) > 0:
            dweight[k] = rows.mean(axis=0)
    return dweight
""",
            ("the gradients of a word that occurs several times are averaged, not summed",),
        ),
        Variant(
            "embedding",
            "repeats_counted_again",
            """
import numpy as np


def embedding_forward(weight, ids):
    return weight[ids]


def embedding_backward(dout, weight, ids):
    dweight = np.zeros(weight.shape)
    for k in ids:
        dweight[k] += dout[ids == k].sum(axis=0)
    return dweight
""",
            (
                "the loop goes over all ids and not over the different ones, so the sum for a word that occurs r times is added r times",
            ),
        ),
        Variant(
            "batch_norm",
            "dgamma_from_dxhat",
            """
import numpy as np


def batch_norm_forward(x, gamma, beta):
    mu = x.mean(axis=0)
    var = x.var(axis=0)
    std = np.sqrt(var + 1e-5)
    xhat = (x - mu) / std
    out = gamma * xhat + beta
    return out, (xhat, gamma, std)


def batch_norm_backward(dout, cache):
    xhat, gamma, std = cache
    dbeta = dout.sum(axis=0)
    dxhat = dout * gamma
    dgamma = (dxhat * xhat).sum(axis=0)
    dx = (dxhat - dxhat.mean(axis=0) - xhat * (dxhat * xhat).mean(axis=0)) / std
    return dx, dgamma, dbeta
""",
            ("dgamma is made from the gradient of x̂ (dout times γ) and not from dout",),
        ),
        Variant(
            "batch_norm",
            "dvar_power_minus_half",
            """
import numpy as np


def batch_norm_backward(dout, x, gamma, beta):
    N = x.shape[0]
    eps = 1e-5
    mu = x.mean(axis=0)
    xc = x - mu
    var = (xc ** 2).mean(axis=0)
    inv = (var + eps) ** -0.5
    xhat = xc * inv

    dbeta = dout.sum(axis=0)
    dgamma = np.sum(dout * xhat, axis=0)

    dxhat = dout * gamma
    dvar = np.sum(dxhat * xc, axis=0) * -0.5 * (var + eps) ** -0.5
    dmu = -np.sum(dxhat * inv, axis=0) + dvar * np.mean(-2 * xc, axis=0)
    dx = dxhat * inv + dvar * 2 * xc / N + dmu / N
    return dx, dgamma, dbeta
""",
            ("the derivative by the variance has the power −1/2 in place of −3/2",),
        ),
        Variant(
            "layer_norm",
            "second_moment_as_variance",
            """
import numpy as np


def layer_norm_forward(x, gamma, beta):
    mu = np.mean(x, axis=1, keepdims=True)
    var = np.mean(x ** 2, axis=1, keepdims=True)
    xhat = (x - mu) / np.sqrt(var + 1e-5)
    return gamma * xhat + beta
""",
            ("the variance is taken as the mean of x², without taking away the squared mean",),
        ),
        Variant(
            "layer_norm",
            "projection_without_gamma",
            """
import numpy as np


def layer_norm_backward(dout, x, gamma, beta):
    mu = x.mean(axis=1, keepdims=True)
    std = np.sqrt(x.var(axis=1, keepdims=True) + 1e-5)
    xhat = (x - mu) / std
    dbeta = dout.sum(axis=0)
    dgamma = (dout * xhat).sum(axis=0)
    dxhat = dout * gamma
    m1 = dxhat.mean(axis=1, keepdims=True)
    m2 = (dout * xhat).mean(axis=1, keepdims=True)
    dx = (dxhat - m1 - xhat * m2) / std
    return dx, dgamma, dbeta
""",
            ("the mean that belongs to the variance's path is taken of dout·x̂, without γ",),
        ),
        Variant(
            "conv2d",
            "wraps_round_the_border",
            """
import numpy as np


def conv2d_forward(x, weight, bias):
    M, C, Y, X = x.shape
    F, _, P, Q = weight.shape
    xp = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)), mode="wrap")
    out = np.zeros((M, F, Y + 3 - P, X + 3 - Q))
    for i in range(out.shape[2]):
        for j in range(out.shape[3]):
            patch = xp[:, :, i:i + P, j:j + Q]
            out[:, :, i, j] = np.einsum("mcuv,fcuv->mf", patch, weight) + bias
    return out
""",
            ("outside of the image x is continued from the other side, it is not 0",),
        ),
        Variant(
            "conv2d",
            "padding_cut_at_the_end_only",
            """
import numpy as np


def conv2d_backward(dout, x, weight, bias):
    M, C, Y, X = x.shape
    F, _, P, Q = weight.shape
    xp = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    dxp = np.zeros_like(xp)
    dweight = np.zeros_like(weight)
    for i in range(dout.shape[2]):
        for j in range(dout.shape[3]):
            d = dout[:, :, i, j]
            dxp[:, :, i:i + P, j:j + Q] += np.einsum("mf,fcuv->mcuv", d, weight)
            dweight += np.einsum("mf,mcuv->fcuv", d, xp[:, :, i:i + P, j:j + Q])
    dbias = dout.sum(axis=(0, 2, 3))
    dx = dxp[:, :, :Y, :X]
    return dx, dweight, dbias
""",
            (
                "dx is cut out of the padded gradient from its corner and not from one pixel further in, so it is shifted by one",
            ),
        ),
        Variant(
            "conv_transpose2d",
            "dx_kernel_turned",
            """
import numpy as np


def conv_transpose2d_backward(dout, x, weight, bias):
    M, C, I, L = x.shape
    _, F, P, Q = weight.shape
    dx = np.zeros_like(x)
    dweight = np.zeros_like(weight)
    # the backward of a convolution needs the kernel rotated by 180 degrees
    rotated = weight[:, :, ::-1, ::-1]
    for i in range(I):
        for j in range(L):
            window = dout[:, :, 2 * i:2 * i + P, 2 * j:2 * j + Q]
            dx[:, :, i, j] = np.einsum("mfuv,cfuv->mc", window, rotated)
            dweight += np.einsum("mc,mfuv->cfuv", x[:, :, i, j], window)
    dbias = dout.sum(axis=(0, 2, 3))
    return dx, dweight, dbias
""",
            (
                "the kernel is turned round for dx, as in the backward of an ordinary convolution, though here it must not be",
            ),
        ),
        Variant(
            "max_pool2d",
            "argmax_row_column_swapped",
            """
import numpy as np


def max_pool2d_backward(dout, x):
    M, C, I, L = dout.shape
    dx = np.zeros_like(x)
    for m in range(M):
        for c in range(C):
            for i in range(I):
                for j in range(L):
                    window = x[m, c, 2 * i:2 * i + 2, 2 * j:2 * j + 2]
                    k = np.argmax(window)
                    row, col = k % 2, k // 2
                    dx[m, c, 2 * i + row, 2 * j + col] = dout[m, c, i, j]
    return dx
""",
            (
                "row and column of the largest number are exchanged when its place in the window is worked out from argmax",
            ),
        ),
        Variant(
            "avg_pool2d",
            "tile_for_repeat",
            """
import numpy as np


def avg_pool2d_forward(x):
    return (x[:, :, 0::2, 0::2] + x[:, :, 1::2, 0::2] + x[:, :, 0::2, 1::2] + x[:, :, 1::2, 1::2]) / 4


def avg_pool2d_backward(dout, x):
    return np.tile(dout, (1, 1, 2, 2)) / 4
""",
            (
                "the whole map is laid four times side by side (tile), instead of each of its numbers being repeated over its window",
            ),
        ),
        Variant(
            "pixel_mask",
            "columns_before_rows",
            """
import numpy as np


def pixel_mask(kind, size):
    mask = np.zeros((size, size))
    c = size // 2
    mask[:, :c] = 1       # everything before the centre
    mask[:c, c] = 1       # and what is above it
    if kind == "B":
        mask[c, c] = 1
    return mask
""",
            ("rows and columns are exchanged: it sees all columns to the left and what is above in its own column",),
        ),
        Variant(
            "masked_conv2d",
            "dx_without_mask",
            """
import numpy as np


def get_mask(kind):
    mask = np.array([[1., 1., 1.], [1., 0., 0.], [0., 0., 0.]])
    if kind == "B":
        mask[1, 1] = 1
    return mask


def masked_conv2d_backward(dout, x, weight, bias, kind):
    M, C, Y, X = x.shape
    xp = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    dxp = np.zeros_like(xp)
    dweight = np.zeros_like(weight)
    for u in range(3):
        for v in range(3):
            dweight[:, :, u, v] = np.einsum("mfij,mcij->fc", dout, xp[:, :, u:u + Y, v:v + X])
            dxp[:, :, u:u + Y, v:v + X] += np.einsum("mfij,fc->mcij", dout, weight[:, :, u, v])
    dweight *= get_mask(kind)
    dbias = dout.sum(axis=(0, 2, 3))
    return dxp[:, :, 1:-1, 1:-1], dweight, dbias
""",
            ("dx is made with the whole kernel: the weight is not masked there, only its gradient is",),
        ),
        Variant(
            "made_masks",
            "output_sees_one_degree_only",
            """
import numpy as np


def made_masks(degrees, size):
    degrees = np.asarray(degrees)
    H = len(degrees)
    first = np.zeros((H, size))
    last = np.zeros((size, H))
    for k in range(H):
        for i in range(1, size + 1):
            if i <= degrees[k]:
                first[k, i - 1] = 1
            if degrees[k] == i - 1:
                last[i - 1, k] = 1
    return first, last
""",
            (
                "the output for pixel i is joined only to units of degree exactly i − 1, not to all of a smaller degree too",
            ),
        ),
        Variant(
            "lstm_step",
            "tanh_slope_at_old_cell",
            """
import numpy as np


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


def lstm_step_backward(dh, dc, x, previous_h, previous_c, weight, recurrent, bias):
    H = previous_h.shape[1]
    a = x @ weight.T + previous_h @ recurrent.T + bias
    i = sigmoid(a[:, :H])
    f = sigmoid(a[:, H:2 * H])
    g = np.tanh(a[:, 2 * H:3 * H])
    o = sigmoid(a[:, 3 * H:])
    c = f * previous_c + i * g
    do = dh * np.tanh(c)
    dct = dc + dh * o * (1 - np.tanh(previous_c) ** 2)
    di = dct * g
    df = dct * previous_c
    dg = dct * i
    da = np.hstack([di * i * (1 - i), df * f * (1 - f), dg * (1 - g ** 2), do * o * (1 - o)])
    return da @ weight, da @ recurrent, dct * f, da.T @ x, da.T @ previous_h, da.sum(axis=0)
""",
            ("the slope of the tanh of the cell is taken at the old cell and not at the new one",),
        ),
        Variant(
            "lstm_step",
            "old_cell_from_dc_alone",
            """
import numpy as np


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


def lstm_step_forward(x, previous_h, previous_c, weight, recurrent, bias):
    a = x @ weight.T + previous_h @ recurrent.T + bias
    ai, af, ag, ao = np.split(a, 4, axis=1)
    i, f, g, o = sigmoid(ai), sigmoid(af), np.tanh(ag), sigmoid(ao)
    c = f * previous_c + i * g
    h = o * np.tanh(c)
    cache = (x, previous_h, previous_c, weight, recurrent, i, f, g, o, c)
    return h, c, cache


def lstm_step_backward(dh, dc, cache):
    x, previous_h, previous_c, weight, recurrent, i, f, g, o, c = cache
    t = np.tanh(c)
    dcell = dc + dh * o * (1 - t * t)
    dai = dcell * g * i * (1 - i)
    daf = dcell * previous_c * f * (1 - f)
    dag = dcell * i * (1 - g * g)
    dao = dh * t * o * (1 - o)
    da = np.concatenate((dai, daf, dag, dao), axis=1)
    dprevious_c = dc * f
    return da @ weight, da @ recurrent, dprevious_c, da.T @ x, da.T @ previous_h, da.sum(0)
""",
            ("the gradient of the old cell uses dc alone, without what comes to the cell by way of h",),
        ),
        Variant(
            "lstm_step",
            "forget_bias_one",
            """
import numpy as np


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


def lstm_step_forward(x, previous_h, previous_c, weight, recurrent, bias):
    H = previous_h.shape[1]
    a = x @ weight.T + previous_h @ recurrent.T + bias
    i = sigmoid(a[:, 0 * H:1 * H])
    f = sigmoid(a[:, 1 * H:2 * H] + 1.0)   # forget_bias=1.0
    g = np.tanh(a[:, 2 * H:3 * H])
    o = sigmoid(a[:, 3 * H:4 * H])
    c = f * previous_c + i * g
    h = o * np.tanh(c)
    return h, c
""",
            ("1 is added to the forget gate before its sigmoid, as some libraries do",),
        ),
        Variant(
            "mse",
            "square_of_the_mean",
            """
import numpy as np


def mse_forward(prediction, target):
    return np.mean(prediction - target) ** 2
""",
            ("the mean difference is squared, instead of the mean being taken of the squared differences",),
        ),
        Variant(
            "softmax",
            "shift_in_numerator_only",
            """
import numpy as np


def softmax_forward(logits):
    shifted = logits - logits.max(axis=1, keepdims=True)
    return np.exp(shifted) / np.sum(np.exp(logits), axis=1, keepdims=True)
""",
            ("the largest logit is taken away above the line only, the sum below is over the unshifted exponentials",),
        ),
        Variant(
            "softmax",
            "jacobian_of_last_row",
            """
import numpy as np


def softmax_forward(logits):
    e = np.exp(logits - logits.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def softmax_backward(dout, logits):
    p = softmax_forward(logits)
    dlogits = np.zeros_like(logits)
    for n in range(len(p)):
        jacobian = np.diag(p[n]) - np.outer(p[n], p[n])
    for n in range(len(p)):
        dlogits[n] = jacobian @ dout[n]
    return dlogits
""",
            ("the Jacobian left over from the last row is used for all rows",),
        ),
        Variant(
            "softmax_cross_entropy",
            "softmax_twice",
            """
import numpy as np


def softmax(a):
    e = np.exp(a - a.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def softmax_cross_entropy_forward(logits, labels):
    p = softmax(logits)
    log_p = np.log(softmax(p))
    return -log_p[np.arange(len(labels)), labels].mean()
""",
            ("the softmax is applied twice, to the logits and again to the probabilities",),
        ),
        Variant(
            "softmax_cross_entropy",
            "one_taken_from_columns",
            """
import numpy as np


def softmax_cross_entropy_backward(logits, labels):
    N = logits.shape[0]
    e = np.exp(logits - logits.max(axis=1, keepdims=True))
    d = e / e.sum(axis=1, keepdims=True)
    d[:, labels] -= 1
    return d / N
""",
            (
                "1 is taken away in every row for each class that occurs in the batch, not for the label of that row only",
            ),
        ),
        Variant(
            "bce_with_logits",
            "stable_form_without_abs",
            """
import numpy as np


def bce_with_logits_forward(logits, target):
    loss = np.maximum(logits, 0) - logits * target + np.log1p(np.exp(-logits))
    return loss.sum(axis=1).mean()
""",
            ("in the stable form the exponential has −a and not −|a|",),
        ),
        Variant(
            "bce_with_logits",
            "zeros_forgotten_in_backward",
            """
import numpy as np


def bce_with_logits_forward(logits, target):
    p = 1 / (1 + np.exp(-logits))
    return -np.sum(target * np.log(p) + (1 - target) * np.log(1 - p)) / len(logits)


def bce_with_logits_backward(logits, target):
    p = 1 / (1 + np.exp(-logits))
    # d/da of -t ln p   is   -t (1 - p)
    return -target * (1 - p) / len(logits)
""",
            ("the derivative of the second term, of the pixels that are 0, is left out",),
        ),
        Variant(
            "softmax256_nll",
            "one_hot_reshaped",
            """
import numpy as np


def softmax256_nll_backward(logits, levels):
    N, K, P, Q = logits.shape
    e = np.exp(logits - logits.max(axis=1, keepdims=True))
    p = e / e.sum(axis=1, keepdims=True)
    one_hot = np.eye(K)[levels]              # (N, P, Q, K)
    one_hot = one_hot.reshape(N, K, P, Q)
    return (p - one_hot) / N
""",
            (
                "the one-hot array (N, P, Q, K) is brought to (N, K, P, Q) by reshape, which mixes the pixels up, not by a transposition",
            ),
        ),
        Variant(
            "softmax256_nll",
            "softmax_over_image_columns",
            """
import numpy as np


def softmax(a):
    a = a - a.max(axis=-1, keepdims=True)
    return np.exp(a) / np.exp(a).sum(axis=-1, keepdims=True)


def softmax256_nll_backward(logits, levels):
    N, K, P, Q = logits.shape
    d = softmax(logits)
    n, i, j = np.meshgrid(np.arange(N), np.arange(P), np.arange(Q), indexing="ij")
    d[n, levels, i, j] -= 1
    return d / N
""",
            ("the softmax in the backward is over the last axis, the columns of the image, and not over the levels",),
        ),
        Variant(
            "log_sum_exp",
            "shift_not_put_back",
            """
import numpy as np


def log_sum_exp_forward(x):
    m = x.max(axis=1)
    return m + np.log(np.exp(x - m[:, None]).sum(axis=1))


def log_sum_exp_backward(dout, x):
    N, K = x.shape
    k = x.argmax(axis=1)
    y = x - x.max(axis=1, keepdims=True)
    p = np.exp(y) / np.exp(y).sum(axis=1, keepdims=True)
    dx = dout[:, None] * p
    # y = x - max, so the largest one also gets minus the sum
    for n in range(N):
        dx[n, k[n]] -= dout[n] * p[n].sum()
    return dx
""",
            ("the gradient goes through the maximum that is taken away but not through the one that is added again",),
        ),
        Variant(
            "gaussian_log_density",
            "constant_once_per_row",
            """
import numpy as np


def gaussian_log_density_forward(z, mean, log_variance):
    quad = (z - mean) ** 2 / np.exp(log_variance)
    return -0.5 * np.log(2 * np.pi) - 0.5 * np.sum(log_variance + quad, axis=1)
""",
            ("the constant −½ ln 2π is counted once for each row and not for each of the J variables",),
        ),
        Variant(
            "gaussian_log_density",
            "difference_over_sigma",
            """
import numpy as np


def gaussian_log_density_backward(dout, z, mean, log_variance):
    sigma = np.exp(0.5 * log_variance)
    u = (z - mean) / sigma
    d = dout[:, None]
    dz = -u * d
    dmean = u * d
    dlog_variance = 0.5 * (u ** 2 - 1) * d
    return dz, dmean, dlog_variance
""",
            ("dz and dmean are divided by σ only once: the factor 1/σ of the inner derivative is missing",),
        ),
        Variant(
            "gaussian_log_density",
            "normaliser_has_no_slope",
            """
import numpy as np


def gaussian_log_density_backward(dout, z, mean, log_variance):
    variance = np.exp(log_variance)
    dout = dout.reshape(-1, 1)
    diff = z - mean
    dz = -dout * diff / variance
    dmean = dout * diff / variance
    dlog_variance = dout * 0.5 * diff ** 2 / variance
    return dz, dmean, dlog_variance
""",
            ("dlog_variance lacks the −½ that comes from the term −½ ln σ²",),
        ),
        Variant(
            "coin_mle",
            "all_coins_together",
            """
import numpy as np


def coin_mle(throws):
    N = throws.shape[0]
    heads = throws.sum()
    return np.full(N, heads / throws.size)
""",
            ("the heads of all coins are counted together, so every coin gets the same probability",),
        ),
        Variant(
            "coin_map",
            "alpha_counts_tails",
            """
import numpy as np


def coin_map(throws, alpha, beta):
    D = throws.shape[1]
    heads = throws.sum(axis=1)
    return (heads + beta - 1) / (D + alpha + beta - 2)
""",
            ("alpha and beta are exchanged: the heads get beta − 1",),
        ),
        Variant(
            "reparameterize",
            "z_for_the_noise_part",
            """
import numpy as np


def reparameterize_forward(mean, log_variance, noise):
    z = mean + np.exp(log_variance / 2) * noise
    return z, z


def reparameterize_backward(dout, cache):
    z = cache
    dmean = dout
    dlog_variance = dout * 0.5 * z
    return dmean, dlog_variance
""",
            ("dlog_variance is ½ z times dout: the mean is still in z, it should be only the part σ·noise",),
        ),
        Variant(
            "reparameterize",
            "noise_missing_in_slope",
            """
import numpy as np


def reparameterize_backward(dout, mean, log_variance, noise):
    sigma = np.exp(0.5 * log_variance)
    dmean = dout.copy()
    dsigma = dout
    dlog_variance = dsigma * 0.5 * sigma
    return dmean, dlog_variance
""",
            ("the derivative for σ leaves the noise out",),
        ),
        Variant(
            "gaussian_kl",
            "other_direction",
            """
import numpy as np


def gaussian_kl_forward(mean, log_variance):
    kl = 0.5 * (log_variance + (1 + mean ** 2) * np.exp(-log_variance) - 1)
    return kl.sum(axis=1).mean()


def gaussian_kl_backward(mean, log_variance):
    N = mean.shape[0]
    inv = np.exp(-log_variance)
    dmean = mean * inv / N
    dlog_variance = 0.5 * (1 - (1 + mean ** 2) * inv) / N
    return dmean, dlog_variance
""",
            ("it is the divergence the other way round, KL(N(0, I) ‖ N(mean, σ²))",),
        ),
        Variant(
            "gaussian_kl",
            "batch_mean_for_dmean_only",
            """
import numpy as np


def gaussian_kl_forward(mean, log_variance):
    return -0.5 * np.sum(1 + log_variance - mean ** 2 - np.exp(log_variance)) / len(mean)


def gaussian_kl_backward(mean, log_variance):
    dmean = mean / len(mean)
    dlog_variance = -0.5 * (1 - np.exp(log_variance))
    return dmean, dlog_variance
""",
            ("only dmean is divided by N, dlog_variance is not",),
        ),
        Variant(
            "elbo_bernoulli",
            "log_variance_from_kl_only",
            """
import numpy as np


def elbo_bernoulli_backward(x, mean, log_variance, noise, weight, bias):
    N = x.shape[0]
    z = mean + np.exp(0.5 * log_variance) * noise
    logits = z @ weight.T + bias
    dlogits = (1 / (1 + np.exp(-logits)) - x) / N
    dweight = dlogits.T @ z
    dbias = dlogits.sum(axis=0)
    dz = dlogits @ weight
    dmean = dz + mean / N
    dlog_variance = 0.5 * (np.exp(log_variance) - 1) / N
    return dmean, dlog_variance, dweight, dbias
""",
            ("dlog_variance has the part of the KL only, what comes back from the decoder by way of z is missing",),
        ),
        Variant(
            "elbo_bernoulli",
            "dweight_from_mean",
            """
import numpy as np


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


def elbo_bernoulli_backward(x, mean, log_variance, noise, weight, bias):
    N = len(x)
    sigma = np.exp(log_variance / 2)
    z = mean + sigma * noise
    d = sigmoid(z @ weight.T + bias) - x
    dz = d @ weight
    dmean = (dz + mean) / N
    dlog_variance = (dz * noise * sigma / 2 + (sigma ** 2 - 1) / 2) / N
    dweight = d.T @ mean / N
    dbias = d.sum(axis=0) / N
    return dmean, dlog_variance, dweight, dbias
""",
            ("dweight is made with the mean and not with the drawn z, which the decoder got",),
        ),
        Variant(
            "elbo_normal",
            "pixel_variance_for_decoder_only",
            """
import numpy as np


def elbo_normal_backward(x, mean, log_variance, noise, weight, bias, pixel_variance):
    N = x.shape[0]
    sigma = np.exp(0.5 * log_variance)
    z = mean + sigma * noise
    err = (z @ weight.T + bias - x) / N
    dweight = err.T @ z / pixel_variance
    dbias = err.sum(axis=0) / pixel_variance
    dz = err @ weight
    dmean = dz + mean / N
    dlog_variance = dz * noise * 0.5 * sigma + 0.5 * (np.exp(log_variance) - 1) / N
    return dmean, dlog_variance, dweight, dbias
""",
            ("only dweight and dbias are divided by pixel_variance, what goes on to z is not",),
        ),
        Variant(
            "elbo_normal",
            "kl_gradient_subtracted",
            """
import numpy as np


def elbo_normal_backward(x, mean, log_variance, noise, weight, bias, pixel_variance):
    N = x.shape[0]
    variance = np.exp(log_variance)
    sigma = np.sqrt(variance)
    z = mean + sigma * noise
    # reconstruction
    dy = -(x - z @ weight.T - bias) / pixel_variance / N
    dz = dy @ weight
    # ELBO = ln p(x|z) - KL
    dmean = dz - mean / N
    dlog_variance = 0.5 * dz * noise * sigma - 0.5 * (variance - 1) / N
    return dmean, dlog_variance, dy.T @ z, dy.sum(axis=0)
""",
            ("the gradient of the KL has the sign that it has in the ELBO, while the rest is the gradient of −ELBO",),
        ),
        Variant(
            "iwae_bound",
            "weights_shared_by_the_batch",
            """
import numpy as np


def iwae_bound_backward(log_weights):
    w = np.exp(log_weights - log_weights.max())
    return w / w.sum()
""",
            ("the weights are normalised over the whole batch, not over the K weights of each datum",),
        ),
        Variant(
            "iwae_bound",
            "squared_weights",
            """
import numpy as np


def iwae_bound_forward(log_weights):
    m = log_weights.max(axis=1, keepdims=True)
    return np.mean(m[:, 0] + np.log(np.mean(np.exp(log_weights - m), axis=1)))


def iwae_bound_backward(log_weights):
    m = log_weights.max(axis=1, keepdims=True)
    w = np.exp(log_weights - m)
    w = w / w.sum(axis=1, keepdims=True)
    return w ** 2 / len(log_weights)      # as in the doubly reparameterised estimator
""",
            ("the normalised weights are squared, as in the doubly reparameterised estimator",),
        ),
        Variant(
            "discriminator_loss",
            "d_of_real_used_for_fake",
            """
import numpy as np


def discriminator_loss_backward(real_logits, fake_logits):
    N = len(real_logits)
    d = 1 / (1 + np.exp(-real_logits))
    dreal_logits = (d - 1) / N
    dfake_logits = d / N
    return dreal_logits, dfake_logits
""",
            ("the gradient of the generated images uses D of the real ones",),
        ),
        Variant(
            "discriminator_loss",
            "dreal_minus_d",
            """
import numpy as np


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


def discriminator_loss_backward(real_logits, fake_logits):
    dreal_logits = -sigmoid(real_logits) / len(real_logits)
    dfake_logits = sigmoid(fake_logits) / len(fake_logits)
    return dreal_logits, dfake_logits
""",
            ("the gradient of the real logits is −D and not −(1 − D)",),
        ),
        Variant(
            "generator_loss_minimax",
            "log_d_for_log_one_minus_d",
            """
import numpy as np


def softplus(a):
    return np.log1p(np.exp(-np.abs(a))) + np.maximum(a, 0)


def generator_loss_minimax_forward(fake_logits):
    # ln(1 - sigma(a)) = -softplus(-a)
    return np.mean(-softplus(-fake_logits))


def generator_loss_minimax_backward(fake_logits):
    return 1 / (1 + np.exp(fake_logits)) / len(fake_logits)
""",
            ("−softplus(−a) is taken for ln(1 − D), but it is ln D",),
        ),
        Variant(
            "generator_loss_minimax",
            "slope_of_sigmoid_missing",
            """
import numpy as np


def generator_loss_minimax_backward(fake_logits):
    d = 1 / (1 + np.exp(-fake_logits))
    return -1 / (1 - d) / fake_logits.shape[0]
""",
            ("it is the derivative for D and not for the logit: the factor D(1 − D) is missing",),
        ),
        Variant(
            "generator_loss_non_saturating",
            "log_of_the_mean",
            """
import numpy as np


def generator_loss_non_saturating_forward(fake_logits):
    d = 1 / (1 + np.exp(-fake_logits))
    return -np.log(d.mean())
""",
            ("it is the logarithm of the mean of D, not the mean of the logarithms",),
        ),
        Variant(
            "generator_loss_non_saturating",
            "log_not_differentiated",
            """
import numpy as np


def generator_loss_non_saturating_backward(fake_logits):
    d = 1 / (1 + np.exp(-fake_logits))
    return -d * (1 - d) / len(d)
""",
            ("it is the gradient of −E D: the factor 1/D from the logarithm is missing",),
        ),
        Variant(
            "gradient_penalty",
            "length_of_columns",
            """
import numpy as np


def gradient_penalty_forward(slope, strength):
    norm = np.linalg.norm(slope, axis=0)
    return strength * np.mean((norm - 1) ** 2)


def gradient_penalty_backward(slope, strength):
    norm = np.linalg.norm(slope, axis=0)
    return strength * 2 * (norm - 1) * slope / norm / len(norm)
""",
            ("the length is taken over the batch for each input dimension, not over the inputs for each image",),
        ),
        Variant(
            "gradient_penalty",
            "direction_not_unit",
            """
import numpy as np


def gradient_penalty_backward(slope, strength):
    norm = np.sqrt((slope ** 2).sum(axis=1, keepdims=True))
    return 2 * strength * (norm - 1) * slope / slope.shape[0]
""",
            ("the derivative of the length is taken as s and not as s/‖s‖",),
        ),
        Variant(
            "sgd_step",
            "gradient_divided_by_rows",
            """
import numpy as np


def sgd_step(parameter, gradient, lr):
    m = parameter.shape[0]
    return parameter - lr / m * gradient
""",
            ("the step is divided by the number of rows of the parameter, as if that were the size of the batch",),
        ),
        Variant(
            "momentum_step",
            "nesterov",
            """
import numpy as np


def momentum_step(parameter, gradient, velocity, lr, momentum):
    velocity = momentum * velocity + gradient
    parameter = parameter - lr * (gradient + momentum * velocity)
    return parameter, velocity
""",
            ("the parameter is moved as in Nesterov's momentum, by g + μ·u and not by u",),
        ),
        Variant(
            "adam_step",
            "second_moment_of_m",
            """
import numpy as np


def adam_step(parameter, gradient, m, v, t, lr, beta1, beta2, eps):
    m = beta1 * m + (1 - beta1) * gradient
    v = beta2 * v + (1 - beta2) * m ** 2
    m_hat = m / (1 - beta1 ** t)
    v_hat = v / (1 - beta2 ** t)
    parameter = parameter - lr * m_hat / (np.sqrt(v_hat) + eps)
    return parameter, m, v
""",
            ("v collects the square of the new m and not the square of the gradient",),
        ),
        Variant(
            "adam_step",
            "corrected_moments_returned",
            """
import numpy as np


def adam_step(parameter, gradient, m, v, t, lr, beta1, beta2, eps):
    m = beta1 * m + (1 - beta1) * gradient
    v = beta2 * v + (1 - beta2) * gradient ** 2
    m = m / (1 - beta1 ** t)
    v = v / (1 - beta2 ** t)
    parameter = parameter - lr * m / (np.sqrt(v) + eps)
    return parameter, m, v
""",
            ("m and v are returned after the correction, so that the next step would correct them again",),
        ),
    ],
    "E": [
        Variant(
            "conv_transpose2d",
            "blog_upsample_repeat",
            """
import numpy as np

def conv_transpose2d_forward(x, weight, bias):
    # deconvolution = upsampling + convolution (see post)
    stride = 2
    M, C, I, L = x.shape
    _, F, P, Q = weight.shape
    up = x.repeat(stride, axis=2).repeat(stride, axis=3)
    up = up[:, :, :stride * (I - 1) + 1, :stride * (L - 1) + 1]
    up = np.pad(up, ((0, 0), (0, 0), (P - 1, P - 1), (Q - 1, Q - 1)))
    kernel = weight[:, :, ::-1, ::-1]
    H, W = stride * (I - 1) + P, stride * (L - 1) + Q
    out = np.zeros((M, F, H, W))
    for u in range(P):
        for v in range(Q):
            out += np.einsum('mcij,cf->mfij', up[:, :, u:u + H, v:v + W], kernel[:, :, u, v])
    return out + bias[None, :, None, None]
""",
            ("the input is upsampled by repeating each number instead of by putting zeros between them",),
        ),
        Variant(
            "adam_step",
            "blog_adabelief",
            """
import numpy as np

def adam_step(parameter, gradient, m, v, t, lr, beta1, beta2, eps):
    exp_avg = beta1 * m + (1 - beta1) * gradient
    grad_residual = gradient - exp_avg
    exp_avg_sq = beta2 * v + (1 - beta2) * grad_residual * grad_residual
    bias_correction1 = 1 - beta1 ** t
    bias_correction2 = 1 - beta2 ** t
    denom = np.sqrt(exp_avg_sq) / np.sqrt(bias_correction2) + eps
    step_size = lr / bias_correction1
    return parameter - step_size * exp_avg / denom, exp_avg, exp_avg_sq
""",
            ("v gathers (g - m)^2, as in AdaBelief, instead of g^2",),
        ),
        Variant(
            "momentum_step",
            "blog_nesterov",
            """
import numpy as np

def momentum_step(parameter, gradient, velocity, lr, momentum):
    # torch.optim.SGD
    buf = momentum * velocity + gradient
    d_p = gradient + momentum * buf
    return parameter - lr * d_p, buf
""",
            ("the parameter moves along g + mu*u, Nesterov's look-ahead, instead of along the new u",),
        ),
        Variant(
            "softmax256_nll",
            "blog_reshape_channels_last",
            """
import numpy as np

def softmax256_nll_forward(logits, levels):
    N, K = logits.shape[:2]
    flat = logits.reshape(-1, K)
    labels = levels.reshape(-1)
    flat = flat - flat.max(axis=1, keepdims=True)
    log_probs = flat - np.log(np.exp(flat).sum(axis=1, keepdims=True))
    nll = -log_probs[np.arange(labels.size), labels]
    return nll.sum() / N


def softmax256_nll_backward(logits, levels):
    N, K = logits.shape[:2]
    flat = logits.reshape(-1, K)
    labels = levels.reshape(-1)
    e = np.exp(flat - flat.max(axis=1, keepdims=True))
    grad = e / e.sum(axis=1, keepdims=True)
    grad[np.arange(labels.size), labels] -= 1
    return (grad / N).reshape(logits.shape)
""",
            ("the logits (N, K, P, Q) are reshaped to (-1, K) without moving the K axis to the end first",),
        ),
        Variant(
            "gaussian_kl",
            "blog_reverse_kl",
            """
import numpy as np

def gaussian_kl_forward(mean, log_variance):
    # kl_divergence(p, q) of two normals, p = N(0, 1), q = N(mean, std)
    p_mu, p_var = 0.0, 1.0
    q_mu, q_var = mean, np.exp(log_variance)
    kl = 0.5 * (np.log(q_var / p_var) + (p_var + (p_mu - q_mu) ** 2) / q_var - 1)
    return kl.sum(axis=1).mean()


def gaussian_kl_backward(mean, log_variance):
    n = mean.shape[0]
    q_var = np.exp(log_variance)
    dmean = mean / q_var / n
    dlog_variance = 0.5 * (1 - (1 + mean ** 2) / q_var) / n
    return dmean, dlog_variance
""",
            ("the divergence is taken the other way round, KL(N(0, I) || N(mean, sigma^2))",),
        ),
        Variant(
            "reparameterize",
            "blog_softplus_sigma",
            """
import numpy as np

def softplus(t):
    return np.logaddexp(0, t)


def reparameterize_forward(mean, log_variance, noise):
    std = softplus(log_variance)
    return mean + std * noise


def reparameterize_backward(dout, mean, log_variance, noise):
    return dout * 1.0, dout * noise / (1 + np.exp(-log_variance))
""",
            ("sigma is softplus(log_variance) instead of exp(log_variance / 2)",),
        ),
        Variant(
            "gaussian_log_density",
            "blog_dlog_sigma",
            """
import numpy as np

def gaussian_log_density_backward(dout, z, mean, log_variance):
    # Normal.log_prob, gradients for loc and log_scale from the policy-gradient post
    var = np.exp(log_variance)
    g = dout[:, None]
    dmean = g * (z - mean) / var
    dlog = g * ((z - mean) ** 2 / var - 1)
    return -dmean, dmean, dlog
""",
            ("dlog_variance is the derivative for ln sigma, r^2/sigma^2 - 1, twice what it is for ln sigma^2",),
        ),
        Variant(
            "batch_norm",
            "blog_cs231n_exponent",
            """
import numpy as np

def batch_norm_backward(dout, x, gamma, beta):
    N = x.shape[0]
    eps = 1e-5
    mu = x.mean(axis=0)
    var = x.var(axis=0)
    xmu = x - mu
    dbeta = dout.sum(axis=0)
    dgamma = (dout * xmu * (var + eps) ** (-1. / 2.)).sum(axis=0)
    dx = (1. / N) * gamma * (var + eps) ** (-1. / 2.) * (
        N * dout - dout.sum(axis=0) - xmu * (var + eps) ** (-1. / 2.) * (dout * xmu).sum(axis=0))
    return dx, dgamma, dbeta
""",
            ("in the last term of dx the centred x is multiplied by (v + eps)^(-1/2) where (v + eps)^(-1) belongs",),
        ),
        Variant(
            "gradient_penalty",
            "blog_r1_derivative",
            """
import numpy as np

def gradient_penalty_backward(slope, strength):
    # d/ds of lambda * ||s||^2 averaged over the batch
    batch = slope.shape[0]
    return strength * 2.0 * slope / batch
""",
            ("the derivative is that of the zero-centred penalty strength * E|s|^2, without the - 1",),
        ),
        Variant(
            "lstm_step",
            "blog_tf_forget_bias",
            """
import numpy as np

def _sig(t):
    return 1 / (1 + np.exp(-t))


def lstm_step_forward(x, previous_h, previous_c, weight, recurrent, bias, forget_bias=1.0):
    z = x @ weight.T + previous_h @ recurrent.T + bias
    i, f, j, o = np.split(z, 4, axis=1)
    i, f, o = _sig(i), _sig(f + forget_bias), _sig(o)
    j = np.tanh(j)
    c = f * previous_c + i * j
    tc = np.tanh(c)
    h = o * tc
    return h, c, (x, previous_h, previous_c, weight, recurrent, i, f, j, o, tc)


def lstm_step_backward(dh, dc, cache):
    x, hp, cp, W, U, i, f, j, o, tc = cache
    dct = dc + dh * o * (1 - tc ** 2)
    dz = np.concatenate([dct * j * i * (1 - i), dct * cp * f * (1 - f),
                         dct * i * (1 - j ** 2), dh * tc * o * (1 - o)], axis=1)
    return dz @ W, dz @ U, dct * f, dz.T @ x, dz.T @ hp, dz.sum(axis=0)
""",
            ("1 is added to the forget gate before its sigmoid, as TensorFlow's forget_bias does",),
        ),
        Variant(
            "embedding",
            "blog_scale_grad_by_freq",
            """
import numpy as np

def embedding_backward(dout, weight, ids):
    # same as nn.Embedding(..., scale_grad_by_freq=True)
    counts = np.bincount(ids, minlength=weight.shape[0])
    grad_weight = np.zeros_like(weight)
    np.add.at(grad_weight, ids, dout / counts[ids][:, None])
    return grad_weight
""",
            ("each word's gradient is divided by how often the word occurs in the batch, as with scale_grad_by_freq",),
        ),
        Variant(
            "discriminator_loss",
            "blog_label_smoothing",
            """
import numpy as np

REAL_LABEL = 0.9
FAKE_LABEL = 0.0


def criterion(logits, label):
    return np.mean(np.maximum(logits, 0) - logits * label + np.log1p(np.exp(-np.abs(logits))))


def discriminator_loss_forward(real_logits, fake_logits):
    errD_real = criterion(real_logits, REAL_LABEL)
    errD_fake = criterion(fake_logits, FAKE_LABEL)
    return errD_real + errD_fake


def discriminator_loss_backward(real_logits, fake_logits):
    sig = lambda a: 1 / (1 + np.exp(-a))
    return ((sig(real_logits) - REAL_LABEL) / real_logits.size,
            (sig(fake_logits) - FAKE_LABEL) / fake_logits.size)
""",
            ("the target of the real images is smoothed to 0.9 instead of 1",),
        ),
        Variant(
            "softmax",
            "paper_squared_probability",
            """
import numpy as np

def softmax_backward(dout, logits):
    e = np.exp(logits - logits.max(axis=1, keepdims=True))
    p = e / e.sum(axis=1, keepdims=True)
    # dL/da_j = sum_i dout_i p_i (delta_ij) - sum_i dout_i p_j p_j
    total = dout.sum(axis=1, keepdims=True)
    return dout * p - p * p * total
""",
            ("the -p_i p_j of the Jacobian has become -p_j^2: p_j^2 times the sum of dout is subtracted",),
        ),
        Variant(
            "log_sum_exp",
            "paper_max_half_differentiated",
            """
import numpy as np

def log_sum_exp_backward(dout, x):
    # f = m + ln S,  S = sum e^(x_k - m);  df/dx_k = dm/dx_k + e^(x_k - m)/S
    m = x.max(axis=1, keepdims=True)
    S = np.exp(x - m).sum(axis=1, keepdims=True)
    dm = np.zeros_like(x)
    dm[np.arange(len(x)), x.argmax(axis=1)] = 1
    return dout[:, None] * (dm + np.exp(x - m) / S)
""",
            ("the maximum m of m + ln sum e^(x-m) is differentiated outside the logarithm but held constant inside",),
        ),
        Variant(
            "layer_norm",
            "paper_lost_half_of_root",
            """
import numpy as np

def layer_norm_backward(dout, x, gamma, beta):
    D = x.shape[1]
    mu = x.mean(axis=1, keepdims=True)
    c = x - mu
    v = (c * c).mean(axis=1, keepdims=True) + 1e-5
    xhat = c * v ** -0.5
    dgamma = (dout * xhat).sum(axis=0)
    dbeta = dout.sum(axis=0)
    g = dout * gamma
    # d(v^-1/2)/dv = - v^-3/2,   dv/dx = 2 c / D,   dmu/dx = 1/D
    dv = (g * c).sum(axis=1, keepdims=True) * -(v ** -1.5)
    dmu = -(g * v ** -0.5).sum(axis=1, keepdims=True)
    dx = g * v ** -0.5 + dv * 2 * c / D + dmu / D
    return dx, dgamma, dbeta
""",
            (
                "the 1/2 is lost when (v + eps)^(-1/2) is differentiated for v, so the path through the variance counts twice",
            ),
        ),
        Variant(
            "gaussian_log_density",
            "paper_log_term_by_variance",
            """
import numpy as np

def gaussian_log_density_backward(dout, z, mean, log_variance):
    s2 = np.exp(log_variance)
    r = z - mean
    d = dout.reshape(-1, 1)
    dz = -d * r / s2
    # ln N = -1/2 ln(2 pi) - 1/2 ln s2 - r^2/(2 s2)
    first = -1 / (2 * s2)
    second = r ** 2 / (2 * s2)
    return dz, -dz, d * (first + second)
""",
            (
                "the term -1/2 ln sigma^2 is differentiated for sigma^2 (giving -1/(2 sigma^2)) instead of for its logarithm (giving -1/2)",
            ),
        ),
        Variant(
            "gaussian_kl",
            "paper_dsigma_is_half_sigma_squared",
            """
import numpy as np

def gaussian_kl_backward(mean, log_variance):
    N = mean.shape[0]
    # KL = (sigma^2 + mu^2 - 1)/2 - ln sigma
    sigma = np.exp(log_variance / 2)
    dsigma = sigma - 1 / sigma
    dlog_variance = dsigma * 0.5 * np.exp(log_variance)
    return mean / N, dlog_variance / N
""",
            ("in the chain through sigma, dsigma/dlog_variance is written as sigma^2/2 instead of sigma/2",),
        ),
        Variant(
            "gradient_penalty",
            "paper_cross_term_halved",
            """
import numpy as np

def gradient_penalty_backward(slope, strength):
    # (|s| - 1)^2 = |s|^2 - 2|s| + 1
    N = slope.shape[0]
    length = np.sqrt((slope ** 2).sum(axis=1, keepdims=True))
    d = 2 * slope - slope / length
    return strength * d / N
""",
            ("the square is multiplied out and its term -2|s| is differentiated to -s/|s|: the 2 is lost",),
        ),
        Variant(
            "iwae_bound",
            "paper_softmax_diagonal",
            """
import numpy as np

def iwae_bound_backward(log_weights):
    N, K = log_weights.shape
    e = np.exp(log_weights - log_weights.max(axis=1, keepdims=True))
    w = e / e.sum(axis=1, keepdims=True)
    # quotient rule: (e S - e e) / S^2
    return w * (1 - w) / N
""",
            (
                "the derivative is taken as w(1 - w) of the normalised weights, the diagonal of the softmax's Jacobian, instead of w itself",
            ),
        ),
        Variant(
            "elbo_normal",
            "paper_half_z_for_half_noise",
            """
import numpy as np

def elbo_normal_backward(x, mean, log_variance, noise, weight, bias, pixel_variance):
    N = x.shape[0]
    sigma = np.exp(log_variance / 2)
    z = mean + sigma * noise
    r = z @ weight.T + bias
    dr = (r - x) / (pixel_variance * N)
    dW = dr.T @ z
    db = dr.sum(axis=0)
    dz = dr @ weight
    dmean = dz + mean / N
    # z grows like e^(lv/2), so dz/dlv = z/2
    dlv = dz * z / 2 + (np.exp(log_variance) - 1) / (2 * N)
    return dmean, dlv, dW, db
""",
            ("dz/dlog_variance is written as z/2 instead of (z - mean)/2",),
        ),
        Variant(
            "tanh",
            "paper_sech_not_squared",
            """
import numpy as np

def tanh_backward(dout, x):
    # (sinh/cosh)' = (cosh^2 - sinh^2)/cosh^2
    numerator = np.cosh(x) ** 2 - np.sinh(x) ** 2
    return dout * numerator / np.cosh(x)
""",
            ("the slope of tanh is taken as 1/cosh x instead of 1/cosh^2 x",),
        ),
        Variant(
            "lstm_step",
            "paper_slope_of_tanh_at_c",
            """
import numpy as np

def _s(a):
    return 1 / (1 + np.exp(-a))


def lstm_step_backward(dh, dc, x, previous_h, previous_c, weight, recurrent, bias):
    H = previous_h.shape[1]
    a = x @ weight.T + previous_h @ recurrent.T + bias
    i, f, g, o = _s(a[:, :H]), _s(a[:, H:2 * H]), np.tanh(a[:, 2 * H:3 * H]), _s(a[:, 3 * H:])
    c = f * previous_c + i * g
    do = dh * np.tanh(c)
    dct = dc + dh * o * (1 - c ** 2)
    da = np.hstack([dct * g * i * (1 - i),
                    dct * previous_c * f * (1 - f),
                    dct * i * (1 - g ** 2),
                    do * o * (1 - o)])
    return da @ weight, da @ recurrent, dct * f, da.T @ x, da.T @ previous_h, da.sum(axis=0)
""",
            ("the slope of tanh c' is taken as 1 - c'^2 instead of 1 - tanh^2 c'",),
        ),
        Variant(
            "generator_loss_minimax",
            "paper_derivative_for_D",
            """
import numpy as np

def generator_loss_minimax_backward(fake_logits):
    D = 1 / (1 + np.exp(-fake_logits))
    # d/dD ln(1 - D) = -1/(1 - D)
    return -1 / (1 - D) / len(fake_logits)
""",
            ("the derivative stops at D: -1/(1 - D) without the slope of the sigmoid",),
        ),
        Variant(
            "coin_map",
            "paper_denominator_minus_one",
            """
import numpy as np

def coin_map(throws, alpha, beta):
    # posterior ~ p^(h + alpha - 1) (1 - p)^(D - h + beta - 1); zero of the derivative of its log
    h = throws.sum(axis=1)
    D = throws.shape[1]
    return (h + alpha - 1) / (D + alpha + beta - 1)
""",
            ("the denominator is D + alpha + beta - 1 instead of D + alpha + beta - 2",),
        ),
        Variant(
            "conv2d",
            "loops_crop_at_the_end",
            """
import numpy as np

def conv2d_backward(dout, x, weight, bias):
    M, C, Y, X = x.shape
    F, _, P, Q = weight.shape
    padded = np.zeros((M, C, Y + 2, X + 2))
    padded[:, :, 1:Y + 1, 1:X + 1] = x
    dpadded = np.zeros_like(padded)
    dweight = np.zeros(weight.shape)
    dbias = np.zeros(F)
    for m in range(M):
        for f in range(F):
            for i in range(dout.shape[2]):
                for j in range(dout.shape[3]):
                    d = dout[m, f, i, j]
                    dbias[f] += d
                    dweight[f] += d * padded[m, :, i:i + P, j:j + Q]
                    dpadded[m, :, i:i + P, j:j + Q] += d * weight[f]
    dx = dpadded[:, :, :Y, :X]
    return dx, dweight, dbias
""",
            ("the gradient of the padded x is cropped as if both rows and columns of padding stood at the end",),
        ),
        Variant(
            "conv2d",
            "loops_bias_per_channel",
            """
import numpy as np

def conv2d_forward(x, weight, bias):
    M, C, Y, X = x.shape
    F, _, P, Q = weight.shape
    padded = np.zeros((M, C, Y + 2, X + 2))
    padded[:, :, 1:-1, 1:-1] = x
    OY, OX = Y + 3 - P, X + 3 - Q
    out = np.zeros((M, F, OY, OX))
    for m in range(M):
        for f in range(F):
            for c in range(C):
                for i in range(OY):
                    for j in range(OX):
                        patch = padded[m, c, i:i + P, j:j + Q]
                        out[m, f, i, j] += (patch * weight[f, c]).sum() + bias[f]
    return out
""",
            ("the bias is added within the loop over input channels, so C times",),
        ),
        Variant(
            "conv_transpose2d",
            "loops_last_output_channel",
            """
import numpy as np

def conv_transpose2d_backward(dout, x, weight, bias):
    M, C, I, L = x.shape
    _, F, P, Q = weight.shape
    dx = np.zeros(x.shape)
    dweight = np.zeros(weight.shape)
    dbias = np.zeros(F)
    for f in range(F):
        dbias[f] = dout[:, f].sum()
        for m in range(M):
            for c in range(C):
                for i in range(I):
                    for j in range(L):
                        window = dout[m, f, 2 * i:2 * i + P, 2 * j:2 * j + Q]
                        dx[m, c, i, j] = (window * weight[c, f]).sum()
                        dweight[c, f] += window * x[m, c, i, j]
    return dx, dweight, dbias
""",
            ("dx is assigned, not added up, in the loop over output channels: only the last one counts",),
        ),
        Variant(
            "max_pool2d",
            "loops_row_column_swapped",
            """
import numpy as np

def max_pool2d_backward(dout, x):
    dx = np.zeros(x.shape)
    M, C, I, L = dout.shape
    for m in range(M):
        for c in range(C):
            for i in range(I):
                for j in range(L):
                    window = x[m, c, 2 * i:2 * i + 2, 2 * j:2 * j + 2]
                    col, row = divmod(int(window.argmax()), 2)
                    dx[m, c, 2 * i + row, 2 * j + col] += dout[m, c, i, j]
    return dx
""",
            (
                "the place of the largest number in its window is unpacked as (column, row): off the diagonal the gradient goes to the mirrored pixel",
            ),
        ),
        Variant(
            "avg_pool2d",
            "loops_windows_overlap",
            """
import numpy as np

def avg_pool2d_forward(x):
    M, C, Y, X = x.shape
    out = np.zeros((M, C, Y // 2, X // 2))
    for i in range(Y // 2):
        for j in range(X // 2):
            out[:, :, i, j] = x[:, :, i:i + 2, j:j + 2].sum(axis=(2, 3)) / 4
    return out


def avg_pool2d_backward(dout, x):
    dx = np.zeros(x.shape)
    for i in range(dout.shape[2]):
        for j in range(dout.shape[3]):
            dx[:, :, i:i + 2, j:j + 2] += dout[:, :, i, j][:, :, None, None] / 4
    return dx
""",
            ("the windows begin at (i, j) instead of (2i, 2j): stride 1",),
        ),
        Variant(
            "layer_norm",
            "loops_sums_set_anew",
            """
import numpy as np

def layer_norm_backward(dout, x, gamma, beta):
    N, D = x.shape
    dx = np.zeros((N, D))
    for n in range(N):
        dgamma = np.zeros(D)
        dbeta = np.zeros(D)
        mu = sum(x[n]) / D
        var = sum((x[n] - mu) ** 2) / D
        std = (var + 1e-5) ** 0.5
        xhat = (x[n] - mu) / std
        for d in range(D):
            dgamma[d] += dout[n, d] * xhat[d]
            dbeta[d] += dout[n, d]
        g = dout[n] * gamma
        for d in range(D):
            dx[n, d] = (g[d] - g.sum() / D - xhat[d] * (g * xhat).sum() / D) / std
    return dx, dgamma, dbeta
""",
            ("dgamma and dbeta are set to zero within the loop over rows: only the last row counts",),
        ),
        Variant(
            "embedding",
            "loops_first_use_only",
            """
import numpy as np

def embedding_backward(dout, weight, ids):
    K, D = weight.shape
    dweight = np.zeros((K, D))
    words = [int(k) for k in ids]
    for k in range(K):
        if k in words:
            n = words.index(k)
            for d in range(D):
                dweight[k, d] += dout[n, d]
    return dweight
""",
            ("only the first place where a word stands gives it a gradient, its repetitions are dropped",),
        ),
        Variant(
            "softmax_cross_entropy",
            "loops_total_not_reset",
            """
import numpy as np

def softmax_cross_entropy_forward(logits, labels):
    N, K = logits.shape
    loss = 0.0
    total = 0.0
    for n in range(N):
        for k in range(K):
            total += np.exp(logits[n, k])
        loss += -np.log(np.exp(logits[n, labels[n]]) / total)
    return loss / N
""",
            ("the sum of the exponentials is not set back to zero between rows: it goes on growing through the batch",),
        ),
        Variant(
            "lstm_step",
            "loops_recurrent_with_new_h",
            """
import numpy as np

def sigma(t):
    return 1.0 / (1.0 + np.exp(-t))


def lstm_step_backward(dh, dc, x, previous_h, previous_c, weight, recurrent, bias):
    N, H = previous_h.shape
    dx = np.zeros(x.shape)
    dprevious_h = np.zeros((N, H))
    dprevious_c = np.zeros((N, H))
    dweight = np.zeros(weight.shape)
    drecurrent = np.zeros(recurrent.shape)
    dbias = np.zeros(bias.shape)
    for n in range(N):
        a = weight @ x[n] + recurrent @ previous_h[n] + bias
        i, f, o = sigma(a[:H]), sigma(a[H:2 * H]), sigma(a[3 * H:])
        g = np.tanh(a[2 * H:3 * H])
        c = f * previous_c[n] + i * g
        h = o * np.tanh(c)
        d = dc[n] + dh[n] * o * (1 - np.tanh(c) ** 2)
        da = np.zeros(4 * H)
        da[:H] = d * g * i * (1 - i)
        da[H:2 * H] = d * previous_c[n] * f * (1 - f)
        da[2 * H:3 * H] = d * i * (1 - g * g)
        da[3 * H:] = dh[n] * np.tanh(c) * o * (1 - o)
        dx[n] = weight.T @ da
        dprevious_h[n] = recurrent.T @ da
        dprevious_c[n] = d * f
        dweight += np.outer(da, x[n])
        drecurrent += np.outer(da, h)
        dbias += da
    return dx, dprevious_h, dprevious_c, dweight, drecurrent, dbias
""",
            ("drecurrent is made with the new h instead of the previous one",),
        ),
        Variant(
            "pixel_mask",
            "loops_or_for_left",
            """
import numpy as np

def pixel_mask(kind, size):
    mask = np.zeros((size, size))
    centre = size // 2
    for u in range(size):
        for v in range(size):
            if u < centre or v < centre:
                mask[u, v] = 1
            elif u == centre and v == centre and kind == "B":
                mask[u, v] = 1
    return mask
""",
            (
                "a place counts as before the centre if it is above or to the left in any row, so the left columns of the rows below are seen too",
            ),
        ),
        Variant(
            "coin_mle",
            "loops_first_throw_skipped",
            """
import numpy as np

def coin_mle(throws):
    N, D = throws.shape
    result = np.zeros(N)
    for n in range(N):
        heads = 0
        for d in range(1, D):
            if throws[n, d] == 1:
                heads = heads + 1
        result[n] = heads / D
    return result
""",
            ("the loop over the throws starts at 1 and leaves out the first throw, though all D are divided by",),
        ),
        Variant(
            "softmax256_nll",
            "loops_levels_from_one",
            """
import numpy as np

def softmax256_nll_backward(logits, levels):
    N, K, P, Q = logits.shape
    dlogits = np.zeros(logits.shape)
    for n in range(N):
        for p in range(P):
            for q in range(Q):
                a = logits[n, :, p, q]
                e = np.exp(a - max(a))
                probability = e / e.sum()
                probability[levels[n, p, q] - 1] -= 1
                dlogits[n, :, p, q] = probability / N
    return dlogits
""",
            ("the 1 is subtracted at level - 1, as if the levels were numbered from 1",),
        ),
        Variant(
            "linear",
            "einsum_two_batch_letters",
            """
import numpy as np

def linear_forward(x, weight, bias):
    return np.einsum('nd,hd->nh', x, weight) + bias


def linear_backward(dout, x, weight, bias):
    dx = np.einsum('nh,hd->nd', dout, weight)
    dweight = np.einsum('nh,md->hd', dout, x)
    dbias = np.einsum('nh->h', dout)
    return dx, dweight, dbias
""",
            (
                "in the einsum for dweight the batch has two different letters, so dout and x are each summed over the batch before they are multiplied",
            ),
        ),
        Variant(
            "batch_norm",
            "broadcast_mean_over_features",
            """
import numpy as np

def batch_norm_backward(dout, x, gamma, beta):
    inv = 1 / np.sqrt(x.var(axis=0) + 1e-5)
    xhat = (x - x.mean(axis=0)) * inv
    g = dout * gamma
    dx = inv * (g - g.mean(axis=1, keepdims=True) - xhat * (g * xhat).mean(axis=0))
    return dx, np.einsum('nd,nd->d', dout, xhat), dout.sum(axis=0)
""",
            ("in dx the mean of gamma*dout is taken over the features of each row instead of over the batch",),
        ),
        Variant(
            "softmax",
            "einsum_identity_diagonal",
            """
import numpy as np

def softmax_backward(dout, logits):
    p = np.exp(logits - logits.max(axis=-1, keepdims=True))
    p /= p.sum(axis=-1, keepdims=True)
    jacobian = np.eye(p.shape[-1]) - np.einsum('ni,nj->nij', p, p)
    return np.einsum('ni,nij->nj', dout, jacobian)
""",
            ("the Jacobian is built as I - p pT instead of diag(p) - p pT",),
        ),
        Variant(
            "masked_conv2d",
            "windows_edge_padding",
            """
import numpy as np

from numpy.lib.stride_tricks import sliding_window_view


def masked_conv2d_forward(x, weight, bias, kind):
    mask = np.array([[1, 1, 1], [1, kind == "B", 0], [0, 0, 0]], dtype=float)
    padded = np.pad(x, [(0, 0), (0, 0), (1, 1), (1, 1)], mode='edge')
    windows = sliding_window_view(padded, (3, 3), axis=(2, 3))
    return np.einsum('mcijuv,fcuv,uv->mfij', windows, weight, mask) + bias[:, None, None]
""",
            ("the image is padded with copies of its border instead of with zeros",),
        ),
        Variant(
            "masked_conv2d",
            "windows_dx_unmasked",
            """
import numpy as np

from numpy.lib.stride_tricks import sliding_window_view


def masked_conv2d_backward(dout, x, weight, bias, kind):
    mask = np.array([[1, 1, 1], [1, kind == "B", 0], [0, 0, 0]], dtype=float)
    pad = [(0, 0), (0, 0), (1, 1), (1, 1)]
    xw = sliding_window_view(np.pad(x, pad), (3, 3), axis=(2, 3))
    dw = sliding_window_view(np.pad(dout, pad), (3, 3), axis=(2, 3))
    dx = np.einsum('mfijuv,fcuv->mcij', dw, weight[:, :, ::-1, ::-1])
    dweight = np.einsum('mfij,mcijuv,uv->fcuv', dout, xw, mask)
    return dx, dweight, np.einsum('mfij->f', dout)
""",
            ("dx is made with the whole kernel: the mask is applied to dweight only",),
        ),
        Variant(
            "gaussian_log_density",
            "sum_constant_once",
            """
import numpy as np

def gaussian_log_density_forward(z, mean, log_variance):
    r = (z - mean) * np.exp(-0.5 * log_variance)
    quad = np.einsum('nj,nj->n', r, r)
    return -0.5 * (quad + log_variance.sum(axis=-1) + np.log(2 * np.pi))
""",
            ("1/2 ln(2 pi) is subtracted once for each row instead of once for each of its J variables",),
        ),
        Variant(
            "iwae_bound",
            "broadcast_softmax_over_all",
            """
import numpy as np

def iwae_bound_backward(log_weights):
    w = np.exp(log_weights - log_weights.max())
    return w / w.sum()
""",
            ("the weights are normalised over the whole (N, K) table instead of within each datum",),
        ),
        Variant(
            "elbo_bernoulli",
            "einsum_mean_for_z",
            """
import numpy as np

def elbo_bernoulli_backward(x, mean, log_variance, noise, weight, bias):
    n = len(x)
    std = np.exp(0.5 * log_variance)
    z = mean + std * noise
    logits = np.einsum('nj,dj->nd', z, weight) + bias
    dlogits = (1 / (1 + np.exp(-logits)) - x) / n
    dz = np.einsum('nd,dj->nj', dlogits, weight)
    dweight = np.einsum('nd,nj->dj', dlogits, mean)
    dbias = np.einsum('nd->d', dlogits)
    dmean = dz + mean / n
    dlog_variance = 0.5 * dz * std * noise + 0.5 * (np.exp(log_variance) - 1) / n
    return dmean, dlog_variance, dweight, dbias
""",
            ("dweight is made with the mean instead of the sampled z",),
        ),
        Variant(
            "sigmoid",
            "vector_stable_branch_lost",
            """
import numpy as np

def sigmoid_forward(x):
    e = np.exp(-np.abs(x))     # never overflows
    return 1 / (1 + e)
""",
            ("1/(1 + e^(-|x|)) is used for negative x too: the sigmoid is taken of |x|",),
        ),
        Variant(
            "bce_with_logits",
            "vector_derivative_for_p",
            """
import numpy as np

def bce_with_logits_backward(logits, target):
    p = np.reciprocal(1 + np.exp(-logits))
    return (p - target) / (p * (1 - p)) / logits.shape[0]
""",
            ("the derivative is the one for p, (p - t)/(p(1 - p)), not the one for the logit",),
        ),
        Variant(
            "reparameterize",
            "vector_noise_missing",
            """
import numpy as np

def reparameterize_backward(dout, mean, log_variance, noise):
    scale = np.exp(0.5 * log_variance)
    dmean, dscale = np.broadcast_arrays(dout, dout)
    return dmean.copy(), 0.5 * dscale * scale
""",
            ("dlog_variance is dout * sigma/2 without the noise",),
        ),
        Variant(
            "dropout",
            "vector_fraction_kept",
            """
import numpy as np

def dropout_forward(x, mask, p):
    keep = mask.mean()
    return np.einsum('nd,nd->nd', x, mask) / keep


def dropout_backward(dout, x, mask, p):
    keep = mask.mean()
    return np.einsum('nd,nd->nd', dout, mask) / keep
""",
            ("the scale is one over the fraction of the mask that was kept, not 1/(1 - p)",),
        ),
        Variant(
            "relu",
            "refactor_mask_from_dout",
            """
import numpy as np

def _clip_below_zero(values):
    return np.where(values > 0, values, 0.0)


def relu_forward(x):
    return _clip_below_zero(x)


def relu_backward(dout, x):
    return _clip_below_zero(dout)
""",
            ("the gradient is cut where dout is negative instead of where x is",),
        ),
        Variant(
            "tanh",
            "refactor_tanh_twice",
            """
import numpy as np

def tanh_forward(x):
    out = np.tanh(x)
    cache = out
    return out, cache


def tanh_backward(dout, cache):
    y = np.tanh(cache)
    return dout * (1 - y * y)
""",
            ("the cache now holds tanh x but the backward takes the tanh of it once more",),
        ),
        Variant(
            "batch_norm",
            "refactor_xhat_from_output",
            """
import numpy as np

EPS = 1e-5


def batch_norm_forward(x, gamma, beta):
    std = np.sqrt(x.var(axis=0) + EPS)
    out = gamma * (x - x.mean(axis=0)) / std + beta
    # no need to keep xhat, it is in out already
    return out, (out, gamma, beta, std)


def batch_norm_backward(dout, cache):
    out, gamma, beta, std = cache
    xhat = out - beta
    dbeta = dout.sum(axis=0)
    dgamma = (dout * xhat).sum(axis=0)
    dxhat = dout * gamma
    dx = (dxhat - dxhat.mean(axis=0) - xhat * (dxhat * xhat).mean(axis=0)) / std
    return dx, dgamma, dbeta
""",
            ("the normalised x is recovered from the output as y - beta, without dividing by gamma",),
        ),
        Variant(
            "max_pool2d",
            "refactor_four_in_a_row",
            """
import numpy as np

def _windows(x):
    M, C, Y, X = x.shape
    return x.reshape(M, C, Y // 2, X // 2, 4)


def max_pool2d_forward(x):
    return _windows(x).max(axis=-1)


def max_pool2d_backward(dout, x):
    windows = _windows(x)
    dwindows = np.zeros_like(windows)
    np.put_along_axis(dwindows, windows.argmax(axis=-1)[..., None], dout[..., None], axis=-1)
    return dwindows.reshape(x.shape)
""",
            (
                "one reshape to (M, C, I, L, 4) makes each window of four numbers that follow each other in memory, not of a 2x2 square",
            ),
        ),
        Variant(
            "avg_pool2d",
            "refactor_tile_for_repeat",
            """
import numpy as np

def avg_pool2d_forward(x):
    return (x[:, :, ::2, ::2] + x[:, :, 1::2, ::2] + x[:, :, ::2, 1::2] + x[:, :, 1::2, 1::2]) / 4


def avg_pool2d_backward(dout, x):
    return np.tile(dout / 4, (1, 1, 2, 2))
""",
            ("dout is tiled two by two instead of each of its numbers being repeated over its window",),
        ),
        Variant(
            "elbo_bernoulli",
            "refactor_kl_divided_twice",
            """
import numpy as np

def _kl_grads(mean, log_variance):
    n = mean.shape[0]
    return mean / n, (np.exp(log_variance) - 1) / (2 * n)


def elbo_bernoulli_backward(x, mean, log_variance, noise, weight, bias):
    n = x.shape[0]
    std = np.exp(log_variance / 2)
    z = mean + std * noise
    delta = 1 / (1 + np.exp(-(z @ weight.T + bias))) - x
    dz = delta @ weight
    kl_mean, kl_log_variance = _kl_grads(mean, log_variance)
    grads = [dz + kl_mean,
             dz * noise * std / 2 + kl_log_variance,
             delta.T @ z,
             delta.sum(axis=0)]
    return tuple(g / n for g in grads)
""",
            ("the KL's gradients come from a helper already divided by N and are divided by N once more",),
        ),
        Variant(
            "elbo_normal",
            "refactor_variance_half_applied",
            """
import numpy as np

def _decoder_backward(delta, z, weight):
    return delta @ weight, delta.T @ z, delta.sum(axis=0)


def elbo_normal_backward(x, mean, log_variance, noise, weight, bias, pixel_variance):
    n = x.shape[0]
    std = np.exp(log_variance / 2)
    z = mean + std * noise
    delta = (z @ weight.T + bias - x) / n
    dz, dweight, dbias = _decoder_backward(delta, z, weight)
    dz = dz / pixel_variance
    dmean = dz + mean / n
    dlog_variance = dz * noise * std / 2 + (np.exp(log_variance) - 1) / (2 * n)
    return dmean, dlog_variance, dweight, dbias
""",
            ("the division by pixel_variance was moved to dz and is missing in dweight and dbias",),
        ),
        Variant(
            "discriminator_loss",
            "refactor_fake_labelled_real",
            """
import numpy as np

def _bce_grad(logits, label=1.0):
    return (1 / (1 + np.exp(-logits)) - label) / logits.shape[0]


def discriminator_loss_backward(real_logits, fake_logits):
    return tuple(_bce_grad(logits) for logits in (real_logits, fake_logits))
""",
            (
                "the backward gives the generated images the label 1 as well, so their gradient is sigma - 1 instead of sigma",
            ),
        ),
        Variant(
            "generator_loss_non_saturating",
            "refactor_softplus_sign",
            """
import numpy as np

def _softplus(a):
    return np.maximum(a, 0) + np.log1p(np.exp(-np.abs(a)))


def _softplus_slope(a):
    return 1 / (1 + np.exp(-a))


def generator_loss_non_saturating_forward(fake_logits):
    return _softplus(fake_logits).mean()


def generator_loss_non_saturating_backward(fake_logits):
    return _softplus_slope(fake_logits) / fake_logits.size
""",
            ("the softplus is taken of the logit instead of minus the logit: -E ln(1 - D) comes out",),
        ),
        Variant(
            "sgd_step",
            "refactor_gradient_averaged_over_rows",
            """
import numpy as np

def _batch_mean(gradient):
    return gradient.mean(axis=0)


def sgd_step(parameter, gradient, lr):
    return parameter - lr * _batch_mean(gradient)
""",
            (
                "the gradient's first axis is taken for a batch and averaged away, so all rows of the parameter move alike",
            ),
        ),
        Variant(
            "made_masks",
            "refactor_pixels_from_zero",
            """
import numpy as np

def made_masks(degrees, size):
    pixels = np.arange(size)
    degrees = np.asarray(degrees)
    first = (pixels[None, :] <= degrees[:, None]).astype(float)
    last = (pixels[:, None] > degrees[None, :]).astype(float)
    return first, last
""",
            ("the pixels are numbered 0 ... size - 1 and compared with degrees that count from 1",),
        ),
        Variant(
            "softmax_cross_entropy",
            "refactor_all_labelled_columns",
            """
import numpy as np

def _softmax(a):
    e = np.exp(a - a.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def softmax_cross_entropy_backward(logits, labels):
    d = _softmax(logits)
    d[:, labels] -= 1
    return d / len(labels)
""",
            (
                "1 is subtracted in every row from all columns that occur among the labels, not only from the row's own label",
            ),
        ),
    ],
    "F": [
        Variant(
            "linear",
            "dweight-reshaped",
            """
import numpy as np


def linear_forward(x, weight, bias):
    return x @ weight.T + bias


def linear_backward(dout, x, weight, bias):
    dx = dout @ weight
    dweight = (x.T @ dout).reshape(weight.shape)
    dbias = dout.sum(axis=0)
    return dx, dweight, dbias
""",
            ("xᵀ dout of shape (D, H) is reshaped to (H, D) instead of transposed.",),
        ),
        Variant(
            "sigmoid",
            "cache-is-the-exponential",
            """
import numpy as np


def sigmoid_forward(x):
    e = np.exp(-x)
    return 1 / (1 + e), e


def sigmoid_backward(dout, cache):
    s = cache
    return dout * s * (1 - s)
""",
            ("The cache holds e^(−x), but the backward takes it for the sigmoid's output.",),
        ),
        Variant(
            "dropout",
            "mask-read-from-x",
            """
import numpy as np


def dropout_forward(x, mask, p):
    return x * mask / (1 - p)


def dropout_backward(dout, x, mask, p):
    dx = dout / (1 - p)
    dx[x == 0] = 0
    return dx
""",
            (
                "The dropped places are looked for as zeros of the input x, which has none before the mask, so the gradient is not masked.",
            ),
        ),
        Variant(
            "embedding",
            "sorted-dout-unsorted-ids",
            """
import numpy as np


def embedding_forward(weight, ids):
    return weight[ids]


def embedding_backward(dout, weight, ids):
    order = np.argsort(ids, kind="stable")
    sorted_dout = dout[order]
    dweight = np.zeros_like(weight)
    for n in range(len(ids)):
        dweight[ids[n]] += sorted_dout[n]
    return dweight
""",
            ("The rows of dout are sorted by word, but they are added at the ids in their old, unsorted order.",),
        ),
        Variant(
            "batch_norm",
            "xhat-overwritten-by-out",
            """
import numpy as np


def batch_norm_forward(x, gamma, beta):
    mu = x.mean(axis=0)
    inv = 1 / np.sqrt(x.var(axis=0) + 1e-5)
    xhat = (x - mu) * inv
    cache = (xhat, inv, gamma)
    out = xhat
    out *= gamma
    out += beta
    return out, cache


def batch_norm_backward(dout, cache):
    xhat, inv, gamma = cache
    dgamma = (dout * xhat).sum(axis=0)
    dbeta = dout.sum(axis=0)
    dxhat = dout * gamma
    dx = inv * (dxhat - dxhat.mean(axis=0) - xhat * (dxhat * xhat).mean(axis=0))
    return dx, dgamma, dbeta
""",
            (
                "x̂ in the cache is the same array as out, which is scaled and shifted in place, so the backward finds y where it wants x̂.",
            ),
        ),
        Variant(
            "conv2d",
            "dx-cropped-at-the-corner",
            """
import numpy as np


def conv2d_forward(x, weight, bias):
    M, C, Y, X = x.shape
    F, _, P, Q = weight.shape
    xp = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    H, W = Y + 3 - P, X + 3 - Q
    out = np.zeros((M, F, H, W)) + bias[None, :, None, None]
    for u in range(P):
        for v in range(Q):
            out += np.einsum("mcij,fc->mfij", xp[:, :, u:u + H, v:v + W], weight[:, :, u, v])
    return out


def conv2d_backward(dout, x, weight, bias):
    M, C, Y, X = x.shape
    F, _, P, Q = weight.shape
    H, W = dout.shape[2:]
    xp = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    dxp = np.zeros_like(xp)
    dweight = np.zeros_like(weight)
    for u in range(P):
        for v in range(Q):
            dweight[:, :, u, v] = np.einsum("mfij,mcij->fc", dout, xp[:, :, u:u + H, v:v + W])
            dxp[:, :, u:u + H, v:v + W] += np.einsum("mfij,fc->mcij", dout, weight[:, :, u, v])
    dx = dxp[:, :, :Y, :X]
    return dx, dweight, dout.sum(axis=(0, 2, 3))
""",
            (
                "The padding is cut from the end of dx twice instead of once from each side: [:Y, :X] for [1:Y+1, 1:X+1].",
            ),
        ),
        Variant(
            "max_pool2d",
            "windows-by-plain-reshape",
            """
import numpy as np


def max_pool2d_forward(x):
    M, C, Y, X = x.shape
    return x.reshape(M, C, Y // 2, X // 2, 4).max(axis=-1)


def max_pool2d_backward(dout, x):
    M, C, Y, X = x.shape
    w = x.reshape(M, C, Y // 2, X // 2, 4)
    k = w.argmax(axis=-1)
    dw = np.zeros_like(w)
    np.put_along_axis(dw, k[..., None], dout[..., None], axis=-1)
    return dw.reshape(x.shape)
""",
            (
                "The windows are made by a reshape without swapping axes, so each has four numbers that follow one another in memory, not a 2×2 square.",
            ),
        ),
        Variant(
            "max_pool2d",
            "row-and-column-of-argmax-swapped",
            """
import numpy as np


def max_pool2d_forward(x):
    M, C, Y, X = x.shape
    return x.reshape(M, C, Y // 2, 2, X // 2, 2).max(axis=(3, 5))


def max_pool2d_backward(dout, x):
    M, C, Y, X = x.shape
    dx = np.zeros_like(x)
    for m in range(M):
        for c in range(C):
            for i in range(Y // 2):
                for j in range(X // 2):
                    k = np.argmax(x[m, c, 2 * i:2 * i + 2, 2 * j:2 * j + 2])
                    u, v = k % 2, k // 2
                    dx[m, c, 2 * i + u, 2 * j + v] = dout[m, c, i, j]
    return dx
""",
            ("The flat argmax of the window is taken apart the wrong way round: row k % 2 and column k // 2.",),
        ),
        Variant(
            "avg_pool2d",
            "tile-for-repeat",
            """
import numpy as np


def avg_pool2d_forward(x):
    M, C, Y, X = x.shape
    return x.reshape(M, C, Y // 2, 2, X // 2, 2).mean(axis=(3, 5))


def avg_pool2d_backward(dout, x):
    return np.tile(dout, (1, 1, 2, 2)) / 4
""",
            ("np.tile sets whole copies of dout side by side, instead of repeating each number over its window.",),
        ),
        Variant(
            "masked_conv2d",
            "dx-with-unmasked-weight",
            """
import numpy as np


def mask_of(kind):
    mask = np.zeros((3, 3))
    mask[0] = 1
    mask[1, 0] = 1
    if kind == "B":
        mask[1, 1] = 1
    return mask


def masked_conv2d_forward(x, weight, bias, kind):
    M, C, Y, X = x.shape
    w = weight * mask_of(kind)
    xp = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    out = np.zeros((M, len(weight), Y, X)) + bias[None, :, None, None]
    for u in range(3):
        for v in range(3):
            out += np.einsum("mcij,fc->mfij", xp[:, :, u:u + Y, v:v + X], w[:, :, u, v])
    return out


def masked_conv2d_backward(dout, x, weight, bias, kind):
    M, C, Y, X = x.shape
    xp = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    dxp = np.zeros_like(xp)
    dweight = np.zeros_like(weight)
    for u in range(3):
        for v in range(3):
            dweight[:, :, u, v] = np.einsum("mfij,mcij->fc", dout, xp[:, :, u:u + Y, v:v + X])
            dxp[:, :, u:u + Y, v:v + X] += np.einsum("mfij,fc->mcij", dout, weight[:, :, u, v])
    return dxp[:, :, 1:-1, 1:-1], dweight * mask_of(kind), dout.sum(axis=(0, 2, 3))
""",
            ("dx is computed with the raw weight; only the gradient of the weight is masked.",),
        ),
        Variant(
            "made_masks",
            "outputs-numbered-from-zero",
            """
import numpy as np


def made_masks(degrees, size):
    degrees = np.asarray(degrees)
    first = (np.arange(1, size + 1)[None, :] <= degrees[:, None]).astype(float)
    last = (degrees[None, :] < np.arange(size)[:, None]).astype(float)
    return first, last
""",
            ("In the last mask the pixels are numbered from 0, while the first mask and the degrees count from 1.",),
        ),
        Variant(
            "lstm_step",
            "backward-blocks-in-order-ifog",
            """
import numpy as np


def sig(a):
    return 1 / (1 + np.exp(-a))


def gates(x, h, weight, recurrent, bias):
    a = x @ weight.T + h @ recurrent.T + bias
    i, f, g, o = np.split(a, 4, axis=1)
    return sig(i), sig(f), np.tanh(g), sig(o)


def lstm_step_forward(x, previous_h, previous_c, weight, recurrent, bias):
    i, f, g, o = gates(x, previous_h, weight, recurrent, bias)
    c = f * previous_c + i * g
    return o * np.tanh(c), c


def lstm_step_backward(dh, dc, x, previous_h, previous_c, weight, recurrent, bias):
    i, f, g, o = gates(x, previous_h, weight, recurrent, bias)
    tc = np.tanh(f * previous_c + i * g)
    dc = dc + dh * o * (1 - tc ** 2)
    di = dc * g * i * (1 - i)
    df = dc * previous_c * f * (1 - f)
    dg = dc * i * (1 - g ** 2)
    do = dh * tc * o * (1 - o)
    da = np.concatenate([di, df, do, dg], axis=1)
    return da @ weight, da @ recurrent, dc * f, da.T @ x, da.T @ previous_h, da.sum(axis=0)
""",
            (
                "The backward puts the gate gradients together in the order i, f, o, g, while the weights are in the order i, f, g, o.",
            ),
        ),
        Variant(
            "mse",
            "len-counts-rows",
            """
import numpy as np


def mse_forward(prediction, target):
    return np.mean((prediction - target) ** 2)


def mse_backward(prediction, target):
    return 2 * (prediction - target) / len(prediction)
""",
            ("len(prediction) is the number of rows N, but the mean is over N·D numbers.",),
        ),
        Variant(
            "softmax",
            "sum-without-axis-in-backward",
            """
import numpy as np


def softmax_forward(logits):
    e = np.exp(logits - logits.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def softmax_backward(dout, logits):
    p = softmax_forward(logits)
    return p * (dout - np.sum(dout * p))
""",
            ("The sum of dout·p in the backward runs over the whole array, not over each row.",),
        ),
        Variant(
            "softmax_cross_entropy",
            "one-subtracted-in-every-row",
            """
import numpy as np


def softmax_cross_entropy_forward(logits, labels):
    a = logits - logits.max(axis=1, keepdims=True)
    logp = a - np.log(np.exp(a).sum(axis=1, keepdims=True))
    return -logp[np.arange(len(labels)), labels].mean()


def softmax_cross_entropy_backward(logits, labels):
    e = np.exp(logits - logits.max(axis=1, keepdims=True))
    p = e / e.sum(axis=1, keepdims=True)
    p[:, labels] -= 1
    return p / len(labels)
""",
            (
                "p[:, labels] subtracts 1 in each row from the columns of all the labels of the batch, not from the row's own label alone.",
            ),
        ),
        Variant(
            "softmax256_nll",
            "one-hot-reshaped-not-moved",
            """
import numpy as np


def softmax256_nll_forward(logits, levels):
    a = logits - logits.max(axis=1, keepdims=True)
    logp = a - np.log(np.exp(a).sum(axis=1, keepdims=True))
    picked = np.take_along_axis(logp, levels[:, None], axis=1)
    return -picked.sum() / len(logits)


def softmax256_nll_backward(logits, levels):
    N, K, P, Q = logits.shape
    e = np.exp(logits - logits.max(axis=1, keepdims=True))
    p = e / e.sum(axis=1, keepdims=True)
    onehot = np.eye(K)[levels].reshape(N, K, P, Q)
    return (p - onehot) / N
""",
            (
                "The one-hot array (N, P, Q, K) is reshaped to (N, K, P, Q) instead of its last axis being moved to the second place.",
            ),
        ),
        Variant(
            "log_sum_exp",
            "global-maximum-added-back",
            """
import numpy as np


def log_sum_exp_forward(x):
    shifted = x - x.max(axis=1, keepdims=True)
    return x.max() + np.log(np.exp(shifted).sum(axis=1))
""",
            ("Each row's own maximum is subtracted, but the maximum of the whole array is added back.",),
        ),
        Variant(
            "reparameterize",
            "cached-sigma-taken-for-log-variance",
            """
import numpy as np


def reparameterize_forward(mean, log_variance, noise):
    sigma = np.exp(0.5 * log_variance)
    return mean + sigma * noise, (sigma, noise)


def reparameterize_backward(dout, cache):
    log_variance, noise = cache
    dlog_variance = dout * noise * 0.5 * np.exp(0.5 * log_variance)
    return dout, dlog_variance
""",
            ("The cache holds σ, which the backward takes for the log-variance and exponentiates again.",),
        ),
        Variant(
            "elbo_bernoulli",
            "dweight-from-the-mean",
            """
import numpy as np


def sig(a):
    return 1 / (1 + np.exp(-a))


def elbo_bernoulli_forward(x, mean, log_variance, noise, weight, bias):
    z = mean + np.exp(0.5 * log_variance) * noise
    a = z @ weight.T + bias
    rec = np.sum(np.logaddexp(0, a) - x * a)
    kl = 0.5 * np.sum(np.exp(log_variance) + mean ** 2 - 1 - log_variance)
    return (rec + kl) / len(x)


def elbo_bernoulli_backward(x, mean, log_variance, noise, weight, bias):
    N = len(x)
    sigma = np.exp(0.5 * log_variance)
    z = mean + sigma * noise
    da = (sig(z @ weight.T + bias) - x) / N
    dz = da @ weight
    dmean = dz + mean / N
    dlog_variance = dz * noise * 0.5 * sigma + 0.5 * (sigma ** 2 - 1) / N
    dweight = da.T @ mean
    return dmean, dlog_variance, dweight, da.sum(axis=0)
""",
            ("The decoder's weight gradient is taken with the mean as its input instead of the sample z.",),
        ),
        Variant(
            "adam_step",
            "second-moment-of-m",
            """
import numpy as np


def adam_step(parameter, gradient, m, v, t, lr, beta1, beta2, eps):
    m = beta1 * m + (1 - beta1) * gradient
    v = beta2 * v + (1 - beta2) * m ** 2
    m_hat = m / (1 - beta1 ** t)
    v_hat = v / (1 - beta2 ** t)
    return parameter - lr * m_hat / (np.sqrt(v_hat) + eps), m, v
""",
            ("The second moment collects the square of the new m instead of the square of the gradient.",),
        ),
        Variant(
            "relu",
            "slope-is-the-output",
            """
import numpy as np


def relu_forward(x):
    return np.maximum(x, 0)


def relu_backward(dout, x):
    return dout * np.maximum(x, 0)
""",
            ("dout is multiplied by the output max(x, 0) instead of by the slope, which is 0 or 1.",),
        ),
        Variant(
            "sigmoid",
            "denominator-not-squared",
            """
import numpy as np


def sigmoid_forward(x):
    return 1 / (1 + np.exp(-x))


def sigmoid_backward(dout, x):
    e = np.exp(-x)
    return dout * e / (1 + e)
""",
            ("In the derivative e^(−x)/(1 + e^(−x))² the denominator is not squared.",),
        ),
        Variant(
            "tanh",
            "square-inside-tanh",
            """
import numpy as np


def tanh_forward(x):
    return np.tanh(x)


def tanh_backward(dout, x):
    return dout * (1 - np.tanh(x ** 2))
""",
            ("The derivative is written 1 − tanh(x²) instead of 1 − tanh²(x).",),
        ),
        Variant(
            "batch_norm",
            "no-two-from-the-variance",
            """
import numpy as np


def batch_norm_forward(x, gamma, beta):
    return gamma * (x - x.mean(axis=0)) / np.sqrt(x.var(axis=0) + 1e-5) + beta


def batch_norm_backward(dout, x, gamma, beta):
    N = len(x)
    mu = x.mean(axis=0)
    var = x.var(axis=0)
    inv = 1 / np.sqrt(var + 1e-5)
    xhat = (x - mu) * inv
    dgamma = (dout * xhat).sum(axis=0)
    dbeta = dout.sum(axis=0)
    dxhat = dout * gamma
    dvar = (dxhat * (x - mu) * -0.5 * inv ** 3).sum(axis=0)
    dmu = (-dxhat * inv).sum(axis=0)
    dx = dxhat * inv + dvar * (x - mu) / N + dmu / N
    return dx, dgamma, dbeta
""",
            ("The derivative of the variance for x lacks the factor 2 of the square: (x − μ)/N for 2(x − μ)/N.",),
        ),
        Variant(
            "layer_norm",
            "gamma-pulled-out-of-the-means",
            """
import numpy as np


def layer_norm_forward(x, gamma, beta):
    mu = x.mean(axis=1, keepdims=True)
    return gamma * (x - mu) / np.sqrt(x.var(axis=1, keepdims=True) + 1e-5) + beta


def layer_norm_backward(dout, x, gamma, beta):
    mu = x.mean(axis=1, keepdims=True)
    inv = 1 / np.sqrt(x.var(axis=1, keepdims=True) + 1e-5)
    xhat = (x - mu) * inv
    inner = dout - dout.mean(axis=1, keepdims=True) - xhat * (dout * xhat).mean(axis=1, keepdims=True)
    dx = gamma * inv * inner
    return dx, (dout * xhat).sum(axis=0), dout.sum(axis=0)
""",
            (
                "γ is pulled out in front of the means over the features, as in batch norm, though it differs from feature to feature.",
            ),
        ),
        Variant(
            "conv_transpose2d",
            "kernel-turned-in-dx",
            """
import numpy as np


def conv_transpose2d_forward(x, weight, bias):
    M, C, I, L = x.shape
    _, F, P, Q = weight.shape
    out = np.zeros((M, F, 2 * (I - 1) + P, 2 * (L - 1) + Q)) + bias[None, :, None, None]
    for i in range(I):
        for j in range(L):
            out[:, :, 2 * i:2 * i + P, 2 * j:2 * j + Q] += np.einsum("mc,cfuv->mfuv", x[:, :, i, j], weight)
    return out


def conv_transpose2d_backward(dout, x, weight, bias):
    M, C, I, L = x.shape
    _, F, P, Q = weight.shape
    turned = weight[:, :, ::-1, ::-1]
    dx = np.zeros_like(x)
    dweight = np.zeros_like(weight)
    for i in range(I):
        for j in range(L):
            patch = dout[:, :, 2 * i:2 * i + P, 2 * j:2 * j + Q]
            dx[:, :, i, j] = np.einsum("mfuv,cfuv->mc", patch, turned)
            dweight += np.einsum("mc,mfuv->cfuv", x[:, :, i, j], patch)
    return dx, dweight, dout.sum(axis=(0, 2, 3))
""",
            (
                "The kernel is turned round by 180° for dx, though the gradient of a transposed convolution is a plain correlation.",
            ),
        ),
        Variant(
            "avg_pool2d",
            "divided-by-the-side",
            """
import numpy as np


def avg_pool2d_forward(x):
    total = x[:, :, ::2, ::2] + x[:, :, 1::2, ::2] + x[:, :, ::2, 1::2] + x[:, :, 1::2, 1::2]
    return total / 2


def avg_pool2d_backward(dout, x):
    dx = np.empty_like(x)
    for u in range(2):
        for v in range(2):
            dx[:, :, u::2, v::2] = dout / 2
    return dx
""",
            ("The sum of the window is divided by its side 2, not by its 4 numbers.",),
        ),
        Variant(
            "lstm_step",
            "slope-of-tanh-from-c",
            """
import numpy as np


def sig(a):
    return 1 / (1 + np.exp(-a))


def lstm_step_forward(x, previous_h, previous_c, weight, recurrent, bias):
    H = previous_h.shape[1]
    a = x @ weight.T + previous_h @ recurrent.T + bias
    i, f, g, o = sig(a[:, :H]), sig(a[:, H:2 * H]), np.tanh(a[:, 2 * H:3 * H]), sig(a[:, 3 * H:])
    c = f * previous_c + i * g
    h = o * np.tanh(c)
    return h, c, (x, previous_h, previous_c, weight, recurrent, i, f, g, o, c)


def lstm_step_backward(dh, dc, cache):
    x, previous_h, previous_c, weight, recurrent, i, f, g, o, c = cache
    dct = dc + dh * o * (1 - c ** 2)
    da = np.hstack([
        dct * g * i * (1 - i),
        dct * previous_c * f * (1 - f),
        dct * i * (1 - g ** 2),
        dh * np.tanh(c) * o * (1 - o),
    ])
    return da @ weight, da @ recurrent, dct * f, da.T @ x, da.T @ previous_h, da.sum(axis=0)
""",
            ("The slope of tanh c′ is written 1 − c′², as if c′ were already the tanh.",),
        ),
        Variant(
            "softmax_cross_entropy",
            "only-the-label-gets-gradient",
            """
import numpy as np


def softmax_cross_entropy_forward(logits, labels):
    a = logits - logits.max(axis=1, keepdims=True)
    p = np.exp(a) / np.exp(a).sum(axis=1, keepdims=True)
    return -np.log(p[np.arange(len(labels)), labels]).mean()


def softmax_cross_entropy_backward(logits, labels):
    N = len(labels)
    a = logits - logits.max(axis=1, keepdims=True)
    p = np.exp(a) / np.exp(a).sum(axis=1, keepdims=True)
    dlogits = np.zeros_like(logits)
    for n in range(N):
        k = labels[n]
        dp = -1 / p[n, k]
        dlogits[n, k] = dp * p[n, k] * (1 - p[n, k]) / N
    return dlogits
""",
            (
                "Only the label's own logit gets a gradient; the path of the other logits through the softmax's sum is missing.",
            ),
        ),
        Variant(
            "bce_with_logits",
            "absolute-value-without-sign",
            """
import numpy as np


def bce_with_logits_forward(logits, target):
    loss = np.maximum(logits, 0) - logits * target + np.log1p(np.exp(-np.abs(logits)))
    return loss.sum() / len(logits)


def bce_with_logits_backward(logits, target):
    e = np.exp(-np.abs(logits))
    d = (logits > 0) - target - e / (1 + e)
    return d / len(logits)
""",
            ("The stable form's derivative lacks the inner derivative of |a|, the sign of the logit.",),
        ),
        Variant(
            "log_sum_exp",
            "maximum-counted-as-a-path",
            """
import numpy as np


def log_sum_exp_forward(x):
    m = x.max(axis=1, keepdims=True)
    return (m + np.log(np.exp(x - m).sum(axis=1, keepdims=True)))[:, 0]


def log_sum_exp_backward(dout, x):
    m = x.max(axis=1, keepdims=True)
    e = np.exp(x - m)
    dx = dout[:, None] * e / e.sum(axis=1, keepdims=True)
    dx[np.arange(len(x)), x.argmax(axis=1)] += dout
    return dx
""",
            (
                "The added maximum is given a gradient of its own, but not the −m inside the exponentials, which cancels it.",
            ),
        ),
        Variant(
            "gaussian_log_density",
            "derivative-for-the-variance",
            """
import numpy as np


def gaussian_log_density_forward(z, mean, log_variance):
    var = np.exp(log_variance)
    return -0.5 * (np.log(2 * np.pi) + log_variance + (z - mean) ** 2 / var).sum(axis=1)


def gaussian_log_density_backward(dout, z, mean, log_variance):
    var = np.exp(log_variance)
    d = dout[:, None]
    dz = -d * (z - mean) / var
    dmean = d * (z - mean) / var
    dlog_variance = d * 0.5 * ((z - mean) ** 2 / var ** 2 - 1 / var)
    return dz, dmean, dlog_variance
""",
            (
                "dlog_variance is the derivative for σ², not for its logarithm: the factor σ² of the exponential is missing.",
            ),
        ),
        Variant(
            "coin_map",
            "throws-taken-for-tails",
            """
import numpy as np


def coin_map(throws, alpha, beta):
    heads = throws.sum(axis=1)
    a = heads + alpha
    b = throws.shape[1] + beta
    return (a - 1) / (a + b - 2)
""",
            ("The posterior's second parameter is β plus all D throws instead of β plus the tails.",),
        ),
        Variant(
            "reparameterize",
            "root-without-inner-derivative",
            """
import numpy as np


def reparameterize_forward(mean, log_variance, noise):
    return mean + np.sqrt(np.exp(log_variance)) * noise


def reparameterize_backward(dout, mean, log_variance, noise):
    variance = np.exp(log_variance)
    return dout, dout * noise * 0.5 / np.sqrt(variance)
""",
            (
                "The root is derived for the variance, 1/(2σ), and the inner derivative of exp(log_variance) is left out.",
            ),
        ),
        Variant(
            "gaussian_kl",
            "half-of-the-first-terms-only",
            """
import numpy as np


def gaussian_kl_forward(mean, log_variance):
    kl = 0.5 * (np.exp(log_variance) + mean ** 2) - 1 - log_variance
    return kl.sum(axis=1).mean()


def gaussian_kl_backward(mean, log_variance):
    N = len(mean)
    return mean / N, (0.5 * np.exp(log_variance) - 1) / N
""",
            ("The factor ½ is applied to σ² + mean² alone, not to −1 − ln σ².",),
        ),
        Variant(
            "elbo_bernoulli",
            "no-sigma-in-the-path-through-z",
            """
import numpy as np


def elbo_bernoulli_forward(x, mean, log_variance, noise, weight, bias):
    z = mean + np.exp(log_variance / 2) * noise
    a = z @ weight.T + bias
    nll = (np.logaddexp(0, a) - x * a).sum(axis=1)
    kl = 0.5 * (np.exp(log_variance) + mean ** 2 - 1 - log_variance).sum(axis=1)
    return (nll + kl).mean()


def elbo_bernoulli_backward(x, mean, log_variance, noise, weight, bias):
    N = x.shape[0]
    z = mean + np.exp(log_variance / 2) * noise
    p = 1 / (1 + np.exp(-(z @ weight.T + bias)))
    dlogits = (p - x) / N
    dz = dlogits @ weight
    dmean = dz + mean / N
    dlog_variance = 0.5 * dz * noise + 0.5 * (np.exp(log_variance) - 1) / N
    return dmean, dlog_variance, dlogits.T @ z, dlogits.sum(axis=0)
""",
            ("dlog_variance's path through z lacks σ: ½ dz·noise for ½ dz·noise·σ.",),
        ),
        Variant(
            "elbo_normal",
            "kl-part-not-divided-by-n",
            """
import numpy as np


def elbo_normal_forward(x, mean, log_variance, noise, weight, bias, pixel_variance):
    z = mean + np.exp(log_variance / 2) * noise
    r = z @ weight.T + bias - x
    nll = 0.5 * (r ** 2 / pixel_variance + np.log(2 * np.pi * pixel_variance)).sum(axis=1)
    kl = 0.5 * (np.exp(log_variance) + mean ** 2 - 1 - log_variance).sum(axis=1)
    return (nll + kl).mean()


def elbo_normal_backward(x, mean, log_variance, noise, weight, bias, pixel_variance):
    N = len(x)
    sigma = np.exp(log_variance / 2)
    z = mean + sigma * noise
    dy = (z @ weight.T + bias - x) / pixel_variance / N
    dz = dy @ weight
    dmean = dz + mean
    dlog_variance = dz * noise * sigma / 2 + (sigma ** 2 - 1) / 2
    return dmean, dlog_variance, dy.T @ z, dy.sum(axis=0)
""",
            ("The gradient of the KL part is not divided by N; only the reconstruction's is.",),
        ),
        Variant(
            "iwae_bound",
            "one-over-k-in-the-derivative",
            """
import numpy as np


def iwae_bound_forward(log_weights):
    m = log_weights.max(axis=1)
    return np.mean(m + np.log(np.exp(log_weights - m[:, None]).mean(axis=1)))


def iwae_bound_backward(log_weights):
    N, K = log_weights.shape
    w = np.exp(log_weights - log_weights.max(axis=1, keepdims=True))
    return w / w.sum(axis=1, keepdims=True) / K / N
""",
            (
                "The 1/K inside the logarithm is carried into the derivative as a factor, though it is a constant that drops out.",
            ),
        ),
        Variant(
            "discriminator_loss",
            "derivative-for-d-not-for-the-logit",
            """
import numpy as np


def sig(a):
    return 1 / (1 + np.exp(-a))


def discriminator_loss_forward(real_logits, fake_logits):
    return -np.log(sig(real_logits)).mean() - np.log(1 - sig(fake_logits)).mean()


def discriminator_loss_backward(real_logits, fake_logits):
    dreal = -1 / sig(real_logits) / len(real_logits)
    dfake = 1 / (1 - sig(fake_logits)) / len(fake_logits)
    return dreal, dfake
""",
            ("The derivative stops at D: the slope of the sigmoid, D(1 − D), is missing.",),
        ),
        Variant(
            "gradient_penalty",
            "length-not-derived",
            """
import numpy as np


def gradient_penalty_forward(slope, strength):
    length = np.linalg.norm(slope, axis=1)
    return strength * np.mean((length - 1) ** 2)


def gradient_penalty_backward(slope, strength):
    length = np.linalg.norm(slope, axis=1, keepdims=True)
    return strength * 2 * (length - 1) * slope / len(slope)
""",
            ("The derivative of the length is taken to be s instead of s/‖s‖.",),
        ),
        Variant(
            "linear",
            "parameters-averaged-over-the-batch",
            """
import numpy as np


def linear_forward(x, weight, bias):
    return x @ weight.T + bias


def linear_backward(dout, x, weight, bias):
    N = x.shape[0]
    dx = dout @ weight
    dweight = dout.T @ x / N
    dbias = dout.mean(axis=0)
    return dx, dweight, dbias
""",
            (
                "The gradients of weight and bias are averaged over the batch, though dout already holds the loss's own mean.",
            ),
        ),
        Variant(
            "tanh",
            "sigmoid-of-x-not-2x",
            """
import numpy as np


def tanh_forward(x):
    return 2 / (1 + np.exp(-x)) - 1


def tanh_backward(dout, x):
    y = tanh_forward(x)
    return dout * 0.5 * (1 - y ** 2)
""",
            ("tanh is written as 2σ(x) − 1, which is tanh(x/2); it should be 2σ(2x) − 1.",),
        ),
        Variant(
            "dropout",
            "variance-kept-not-mean",
            """
import numpy as np


def dropout_forward(x, mask, p):
    return x * mask / np.sqrt(1 - p)


def dropout_backward(dout, x, mask, p):
    return dout * mask / np.sqrt(1 - p)
""",
            ("The kept numbers are divided by √(1 − p), which keeps the variance, instead of by 1 − p.",),
        ),
        Variant(
            "embedding",
            "mean-over-the-repeats",
            """
import numpy as np


def embedding_forward(weight, ids):
    return weight[ids]


def embedding_backward(dout, weight, ids):
    dweight = np.zeros_like(weight)
    for k in np.unique(ids):
        dweight[k] = dout[ids == k].mean(axis=0)
    return dweight
""",
            ("The gradients of a word that occurs more than once are averaged instead of summed.",),
        ),
        Variant(
            "layer_norm",
            "root-mean-square-norm",
            """
import numpy as np


def layer_norm_forward(x, gamma, beta):
    r = np.sqrt((x ** 2).mean(axis=1, keepdims=True) + 1e-5)
    return gamma * x / r + beta


def layer_norm_backward(dout, x, gamma, beta):
    r = np.sqrt((x ** 2).mean(axis=1, keepdims=True) + 1e-5)
    xhat = x / r
    dxhat = dout * gamma
    dx = (dxhat - xhat * (dxhat * xhat).mean(axis=1, keepdims=True)) / r
    return dx, (dout * xhat).sum(axis=0), dout.sum(axis=0)
""",
            ("The mean is not subtracted: x is divided by its root mean square, which is RMSNorm.",),
        ),
        Variant(
            "conv2d",
            "edge-repeated-as-padding",
            """
import numpy as np


def conv2d_forward(x, weight, bias):
    M, C, Y, X = x.shape
    F, _, P, Q = weight.shape
    xp = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)), mode="edge")
    out = np.empty((M, F, Y + 3 - P, X + 3 - Q))
    for i in range(out.shape[2]):
        for j in range(out.shape[3]):
            out[:, :, i, j] = np.einsum("mcuv,fcuv->mf", xp[:, :, i:i + P, j:j + Q], weight) + bias
    return out
""",
            ("The padding repeats the image's edge instead of being 0.",),
        ),
        Variant(
            "pixel_mask",
            "quadrant-above-and-left",
            """
import numpy as np


def pixel_mask(kind, size):
    c = size // 2
    mask = np.zeros((size, size))
    mask[:c + 1, :c + 1] = 1
    if kind == "A":
        mask[c, c] = 0
    return mask
""",
            ("The rows above are seen only up to the centre's column, though all of each row above comes before it.",),
        ),
        Variant(
            "made_masks",
            "last-is-first-transposed",
            """
import numpy as np


def made_masks(degrees, size):
    degrees = np.asarray(degrees)
    pixels = np.arange(1, size + 1)
    first = (pixels[None, :] <= degrees[:, None]).astype(float)
    return first, first.T.copy()
""",
            (
                "The last mask is the transpose of the first, so that an output sees the hidden units which know its own pixel.",
            ),
        ),
        Variant(
            "softmax",
            "gradient-of-log-softmax",
            """
import numpy as np


def softmax_forward(logits):
    e = np.exp(logits - logits.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def softmax_backward(dout, logits):
    p = softmax_forward(logits)
    return dout - p * dout.sum(axis=1, keepdims=True)
""",
            ("The backward is that of the logarithm of the softmax, not of the softmax.",),
        ),
        Variant(
            "bce_with_logits",
            "loss-for-plus-minus-one",
            """
import numpy as np


def bce_with_logits_forward(logits, target):
    return np.logaddexp(0, -target * logits).sum(axis=1).mean()


def bce_with_logits_backward(logits, target):
    return -target / (1 + np.exp(target * logits)) / len(logits)
""",
            ("ln(1 + e^(−t·a)) is the loss for targets −1 and 1; the targets here are 0 and 1.",),
        ),
        Variant(
            "softmax256_nll",
            "gradient-of-the-mean-per-pixel",
            """
import numpy as np


def softmax256_nll_forward(logits, levels):
    N = len(logits)
    a = logits - logits.max(axis=1, keepdims=True)
    logp = a - np.log(np.exp(a).sum(axis=1, keepdims=True))
    return -np.take_along_axis(logp, levels[:, None], axis=1).sum() / N


def softmax256_nll_backward(logits, levels):
    e = np.exp(logits - logits.max(axis=1, keepdims=True))
    d = e / e.sum(axis=1, keepdims=True)
    hit = levels[:, None] == np.arange(logits.shape[1])[None, :, None, None]
    return (d - hit) / levels.size
""",
            (
                "The gradient is divided by N·P·Q, that is of the mean over the pixels, though they are summed and only the images averaged.",
            ),
        ),
        Variant(
            "coin_mle",
            "rule-of-succession",
            """
import numpy as np


def coin_mle(throws):
    heads = throws.sum(axis=1)
    return (heads + 1) / (throws.shape[1] + 2)
""",
            ("It is Laplace's rule of succession, the posterior mean under a flat prior, not the likeliest value.",),
        ),
        Variant(
            "gaussian_kl",
            "derivative-for-log-sigma",
            """
import numpy as np


def gaussian_kl_forward(mean, log_variance):
    return 0.5 * np.sum(np.exp(log_variance) + mean ** 2 - 1 - log_variance) / len(mean)


def gaussian_kl_backward(mean, log_variance):
    N = mean.shape[0]
    return mean / N, (np.exp(log_variance) - 1) / N
""",
            ("dlog_variance is the derivative for ln σ, σ² − 1, which is twice that for ln σ².",),
        ),
        Variant(
            "elbo_normal",
            "pixel-variance-as-deviation",
            """
import numpy as np


def elbo_normal_backward(x, mean, log_variance, noise, weight, bias, pixel_variance):
    N = len(x)
    sigma = np.exp(0.5 * log_variance)
    z = mean + sigma * noise
    dy = (z @ weight.T + bias - x) / pixel_variance ** 2 / N
    dz = dy @ weight
    dmean = dz + mean / N
    dlog_variance = 0.5 * dz * noise * sigma + 0.5 * (sigma ** 2 - 1) / N
    return dmean, dlog_variance, dy.T @ z, dy.sum(axis=0)
""",
            ("pixel_variance is taken for the standard deviation and squared in the backward.",),
        ),
        Variant(
            "iwae_bound",
            "one-logarithm-for-all-data",
            """
import numpy as np


def iwae_bound_forward(log_weights):
    m = log_weights.max()
    return m + np.log(np.mean(np.exp(log_weights - m)))


def iwae_bound_backward(log_weights):
    w = np.exp(log_weights - log_weights.max())
    return w / w.sum()
""",
            (
                "The weights of all data are averaged together inside one logarithm, instead of a logarithm for each datum and then the mean.",
            ),
        ),
        Variant(
            "discriminator_loss",
            "divided-by-both-batches",
            """
import numpy as np


def discriminator_loss_forward(real_logits, fake_logits):
    return np.logaddexp(0, -real_logits).mean() + np.logaddexp(0, fake_logits).mean()


def discriminator_loss_backward(real_logits, fake_logits):
    logits = np.concatenate([real_logits, fake_logits])
    target = np.concatenate([np.ones_like(real_logits), np.zeros_like(fake_logits)])
    d = (1 / (1 + np.exp(-logits)) - target) / len(logits)
    return d[:len(real_logits)], d[len(real_logits):]
""",
            (
                "Real and generated images are put into one batch, and the gradient is divided by all 2N of them instead of by N.",
            ),
        ),
        Variant(
            "generator_loss_minimax",
            "logarithm-of-the-mean",
            """
import numpy as np


def generator_loss_minimax_forward(fake_logits):
    d = 1 / (1 + np.exp(-fake_logits))
    return np.log(1 - d.mean())


def generator_loss_minimax_backward(fake_logits):
    d = 1 / (1 + np.exp(-fake_logits))
    return -d * (1 - d) / len(d) / (1 - d.mean())
""",
            ("The mean over the images is taken of D, inside the logarithm, instead of the logarithm being averaged.",),
        ),
        Variant(
            "generator_loss_non_saturating",
            "gradient-of-the-minimax-loss",
            """
import numpy as np


def generator_loss_non_saturating_forward(fake_logits):
    return np.mean(np.logaddexp(0, -fake_logits))


def generator_loss_non_saturating_backward(fake_logits):
    return -1 / (1 + np.exp(-fake_logits)) / fake_logits.size
""",
            ("The gradient is −D/N, that of the minimax loss, instead of −(1 − D)/N.",),
        ),
        Variant(
            "gradient_penalty",
            "squared-length",
            """
import numpy as np


def gradient_penalty_forward(slope, strength):
    q = np.sum(slope ** 2, axis=1)
    return strength * np.mean((q - 1) ** 2)


def gradient_penalty_backward(slope, strength):
    q = np.sum(slope ** 2, axis=1, keepdims=True)
    return strength * 4 * (q - 1) * slope / len(slope)
""",
            ("The squared length ‖s‖² is compared with 1, not the length ‖s‖.",),
        ),
        Variant(
            "momentum_step",
            "learning-rate-in-the-velocity",
            """
import numpy as np


def momentum_step(parameter, gradient, velocity, lr, momentum):
    velocity = momentum * velocity + lr * gradient
    return parameter - velocity, velocity
""",
            (
                "The learning rate is taken into the velocity, u ← μu + lr·g and θ ← θ − u: another convention, with another old velocity.",
            ),
        ),
    ],
}

RIGHT = [
    Variant(
        "linear",
        "einsum with Fortran order (C)",
        """
import numpy as np


def linear_forward(x, weight, bias):
    return np.asfortranarray(np.einsum("nd,hd->nh", x, weight) + bias)


def linear_backward(dout, x, weight, bias):
    dx = np.asfortranarray(np.einsum("nh,hd->nd", dout, weight))
    dweight = np.einsum("nh,nd->hd", dout, x)
    dbias = np.einsum("nh->h", dout)
    return dx, np.asfortranarray(dweight), dbias
""",
    ),
    Variant(
        "sigmoid",
        "tanh form in float32 (C)",
        """
import numpy as np


def sigmoid_forward(x):
    x = np.asarray(x, dtype=np.float32)
    return np.float32(0.5) * (1 + np.tanh(np.float32(0.5) * x))


def sigmoid_backward(dout, x):
    half = np.asarray(x, dtype=np.float32) / 2
    return (np.asarray(dout, dtype=np.float32) / np.cosh(half) ** 2 / 4).astype(np.float32)
""",
    ),
    Variant(
        "batch_norm",
        "projection matrix and a cache (C)",
        """
import numpy as np


def batch_norm_forward(x, gamma, beta):
    n = x.shape[0]
    centre = np.eye(n) - np.full((n, n), 1 / n)
    xc = centre @ x
    inv = (np.einsum("nd,nd->d", xc, xc) / n + 1e-5) ** -0.5
    xhat = xc * inv
    return xhat * gamma + beta, (xhat, inv, gamma, centre)


def batch_norm_backward(dout, cache):
    xhat, inv, gamma, centre = cache
    n = len(xhat)
    dgamma = np.einsum("nd,nd->d", dout, xhat)
    dbeta = np.ones(n) @ dout
    dx = (centre @ dout - xhat * dgamma / n) * (gamma * inv)
    return dx, dgamma, dbeta
""",
    ),
    Variant(
        "layer_norm",
        "the full Jacobian of each row (C)",
        """
import numpy as np


def layer_norm_forward(x, gamma, beta):
    rows = []
    for row in x:
        c = row - row.mean()
        rows.append(gamma * c / np.sqrt(c @ c / len(c) + 1e-5) + beta)
    return np.stack(rows)


def layer_norm_backward(dout, x, gamma, beta):
    dx = np.empty(x.shape)
    dgamma = np.zeros(len(gamma))
    for n, (g, row) in enumerate(zip(dout, x)):
        D = len(row)
        c = row - row.mean()
        s = np.sqrt(c @ c / D + 1e-5)
        centre = np.eye(D) - 1 / D
        jacobian = centre / s - np.outer(c, c) / (D * s ** 3)
        dx[n] = jacobian.T @ (gamma * g)
        dgamma += g * c / s
    return dx, dgamma, dout.sum(axis=0)
""",
    ),
    Variant(
        "conv2d",
        "one matrix product of windows (C)",
        """
import numpy as np


from numpy.lib.stride_tricks import sliding_window_view


class Conv:
    def __init__(self, x, weight):
        self.shape = x.shape
        self.weight = weight
        self.kernel = weight.shape[2:]
        padded = np.pad(x, [(0, 0), (0, 0), (1, 1), (1, 1)])
        self.windows = sliding_window_view(padded, self.kernel, axis=(2, 3))

    def out(self, bias):
        y = np.tensordot(self.windows, self.weight, axes=([1, 4, 5], [1, 2, 3]))
        return np.moveaxis(y + bias, 3, 1)

    def grads(self, dout):
        dweight = np.tensordot(dout, self.windows, axes=([0, 2, 3], [0, 2, 3]))
        P, Q = self.kernel
        wide = np.pad(dout, [(0, 0), (0, 0), (P - 1, P - 1), (Q - 1, Q - 1)])
        turned = self.weight[:, :, ::-1, ::-1]
        dx = np.tensordot(sliding_window_view(wide, (P, Q), axis=(2, 3)), turned, axes=([1, 4, 5], [0, 2, 3]))
        dx = np.moveaxis(dx, 3, 1)[:, :, 1:1 + self.shape[2], 1:1 + self.shape[3]]
        return dx, dweight, dout.sum((0, 2, 3))


def conv2d_forward(x, weight, bias):
    return Conv(x, weight).out(bias)


def conv2d_backward(dout, x, weight, bias):
    return Conv(x, weight).grads(dout)
""",
    ),
    Variant(
        "max_pool2d",
        "four loops and divmod (C)",
        """
import numpy as np


def max_pool2d_forward(x):
    top = np.maximum(x[..., 0::2, :], x[..., 1::2, :])
    return np.maximum(top[..., 0::2], top[..., 1::2])


def max_pool2d_backward(dout, x):
    dx = np.zeros(x.shape, order="F")
    for m, c, i, j in np.ndindex(*dout.shape):
        window = [x[m, c, 2 * i + u, 2 * j + v] for u in (0, 1) for v in (0, 1)]
        u, v = divmod(window.index(max(window)), 2)
        dx[m, c, 2 * i + u, 2 * j + v] += dout[m, c, i, j]
    return dx
""",
    ),
    Variant(
        "made_masks",
        "last from first (C)",
        """
import numpy as np


def made_masks(degrees, size):
    first = np.zeros((len(degrees), size))
    for k, d in enumerate(degrees):
        first[k, :int(d)] = 1
    return first, 1 - first.T
""",
    ),
    Variant(
        "softmax_cross_entropy",
        "logaddexp, and the gradient row by row (C)",
        """
import numpy as np


def softmax_cross_entropy_forward(logits, labels):
    total = 0.0
    for a, k in zip(logits, labels):
        total += np.logaddexp.reduce(a) - a[k]
    return total / len(labels)


def softmax_cross_entropy_backward(logits, labels):
    N, K = logits.shape
    # p_k = 1 / sum_j e^(a_j - a_k)
    p = 1 / np.exp(logits[:, None, :] - logits[:, :, None]).sum(axis=2)
    return p / N - np.eye(K)[labels] / N
""",
    ),
    Variant(
        "discriminator_loss",
        "one long vector with signs (C)",
        """
import numpy as np


def discriminator_loss_forward(real_logits, fake_logits):
    signed = np.concatenate([-real_logits, fake_logits])
    return 2 * np.logaddexp(0, signed).mean()


def discriminator_loss_backward(real_logits, fake_logits):
    signed = np.concatenate([-real_logits, fake_logits])
    slope = np.exp(-np.logaddexp(0, -signed)) * 2 / signed.size
    return -slope[:len(real_logits)], slope[len(real_logits):]
""",
    ),
    Variant(
        "adam_step",
        "correction moved into the rate (C)",
        """
import numpy as np


def adam_step(parameter, gradient, m, v, t, lr, beta1, beta2, eps):
    m = m + (1 - beta1) * (gradient - m)
    v = v + (1 - beta2) * (np.square(gradient) - v)
    root = (1 - beta2 ** t) ** 0.5
    rate = lr * root / (1 - beta1 ** t)
    return parameter - rate * m / (np.sqrt(v) + eps * root), m, v
""",
    ),
    Variant(
        "linear",
        "augmented_einsum_fortran (D)",
        """
import numpy as np


def _with_one(x):
    return np.asfortranarray(np.hstack([x, np.ones((x.shape[0], 1))]))


def linear_forward(x, weight, bias):
    big = np.asfortranarray(np.column_stack([weight, bias]))
    return np.einsum("hd,nd->nh", big, _with_one(x))


def linear_backward(dout, x, weight, bias):
    dbig = np.einsum("nh,nd->hd", dout, _with_one(x), order="F")
    return np.einsum("nh,hd->nd", dout, weight), dbig[:, :-1], dbig[:, -1]
""",
    ),
    Variant(
        "sigmoid",
        "half_tanh_float32 (D)",
        """
import numpy as np


def sigmoid_forward(x):
    x = x.astype(np.float32)
    return np.float32(0.5) + np.float32(0.5) * np.tanh(np.float32(0.5) * x)


def sigmoid_backward(dout, x):
    half = np.asarray(x, dtype=np.float32) / 2
    return np.asarray(dout, dtype=np.float32) / (4 * np.cosh(half) ** 2)
""",
    ),
    Variant(
        "batch_norm",
        "centering_matrix_per_column (D)",
        """
import numpy as np

EPS = 1e-5


def _centre(n):
    return np.eye(n) - np.ones((n, n)) / n


def batch_norm_forward(x, gamma, beta):
    y = _centre(len(x)) @ x
    s = np.sqrt(np.einsum("nd,nd->d", y, y) / len(x) + EPS)
    return y @ np.diag(gamma / s) + beta


def batch_norm_backward(dout, x, gamma, beta):
    n, width = x.shape
    C = _centre(n)
    dx = np.empty_like(x)
    dgamma = np.empty(width)
    for d in range(width):
        y = C @ x[:, d]
        s = np.sqrt(y @ y / n + EPS)
        jacobian = (np.eye(n) / s - np.outer(y, y) / (n * s ** 3)) @ C
        dx[:, d] = jacobian.T @ dout[:, d] * gamma[d]
        dgamma[d] = y @ dout[:, d] / s
    return dx, dgamma, np.ones(n) @ dout
""",
    ),
    Variant(
        "conv2d",
        "sliding_windows (D)",
        """
import numpy as np
from numpy.lib.stride_tricks import sliding_window_view


def _padded(x):
    M, C, Y, X = x.shape
    out = np.zeros((M, C, Y + 2, X + 2))
    out[..., 1:-1, 1:-1] = x
    return out


def conv2d_forward(x, weight, bias):
    windows = sliding_window_view(_padded(x), weight.shape[2:], axis=(2, 3))
    out = np.tensordot(windows, weight, axes=([1, 4, 5], [1, 2, 3])) + bias
    return out.transpose(0, 3, 1, 2)


def conv2d_backward(dout, x, weight, bias):
    P, Q = weight.shape[2:]
    windows = sliding_window_view(_padded(x), (P, Q), axis=(2, 3))
    dweight = np.tensordot(dout, windows, axes=([0, 2, 3], [0, 2, 3]))
    wide = np.pad(dout, ((0, 0), (0, 0), (P - 1, P - 1), (Q - 1, Q - 1)))
    back = sliding_window_view(wide, (P, Q), axis=(2, 3))
    dpadded = np.einsum("mfyxuv,fcuv->mcyx", back, weight[:, :, ::-1, ::-1])
    return dpadded[:, :, 1:-1, 1:-1], dweight, dout.sum((0, 2, 3))
""",
    ),
    Variant(
        "max_pool2d",
        "comparisons_fortran (D)",
        """
import numpy as np


def _corners(x):
    return x[..., ::2, ::2], x[..., ::2, 1::2], x[..., 1::2, ::2], x[..., 1::2, 1::2]


def max_pool2d_forward(x):
    a, b, c, d = _corners(np.asfortranarray(x))
    return np.maximum(np.maximum(a, b), np.maximum(c, d))


def max_pool2d_backward(dout, x):
    best = max_pool2d_forward(x)
    free = np.ones(best.shape, dtype=bool, order="F")
    dx = np.zeros(x.shape, order="F")
    for target, corner in zip(_corners(dx), _corners(x)):
        here = free & (corner == best)
        target[here] = dout[here]
        free &= ~here
    return dx
""",
    ),
    Variant(
        "made_masks",
        "lists_and_complement (D)",
        """
import numpy as np


def made_masks(degrees, size):
    first = [[1.0 if pixel < int(degree) else 0.0 for pixel in range(size)] for degree in degrees]
    first = np.array(first).reshape(len(degrees), size)
    # output i may see unit k exactly when unit k does not know pixel i
    return first, 1.0 - first.T
""",
    ),
    Variant(
        "lstm_step",
        "gate_class_with_cache (D)",
        """
import numpy as np


class Gate:
    def __init__(self, a, kind):
        if kind == "tanh":
            self.y = np.tanh(a)
            self.slope = 1 - self.y ** 2
        else:
            self.y = 0.5 * (1 + np.tanh(a / 2))
            self.slope = self.y - self.y ** 2


def lstm_step_forward(x, previous_h, previous_c, weight, recurrent, bias):
    both = np.concatenate([x, previous_h], axis=1)
    matrix = np.concatenate([weight, recurrent], axis=1)
    parts = (both @ matrix.T + bias).reshape(len(x), 4, -1)
    gates = [Gate(parts[:, k], kind) for k, kind in enumerate(["s", "s", "tanh", "s"])]
    i, f, g, o = (gate.y for gate in gates)
    c = f * previous_c + i * g
    squashed = Gate(c, "tanh")
    return o * squashed.y, c, (both, matrix, gates, previous_c, squashed)


def lstm_step_backward(dh, dc, cache):
    both, matrix, gates, previous_c, squashed = cache
    i, f, g, o = (gate.y for gate in gates)
    dcell = dc + dh * o * squashed.slope
    up = [dcell * g, dcell * previous_c, dcell * i, dh * squashed.y]
    da = np.stack([u * gate.slope for u, gate in zip(up, gates)], axis=1).reshape(len(dh), -1)
    dboth = da @ matrix
    dmatrix = da.T @ both
    D = both.shape[1] - dh.shape[1]
    return dboth[:, :D], dboth[:, D:], dcell * f, dmatrix[:, :D], dmatrix[:, D:], da.sum(axis=0)
""",
    ),
    Variant(
        "bce_with_logits",
        "logaddexp_with_signs (D)",
        """
import numpy as np


def bce_with_logits_forward(logits, target):
    sign = 1 - 2 * target
    return float(np.logaddexp(0, sign * logits).sum() / logits.shape[0])


def bce_with_logits_backward(logits, target):
    sign = 1 - 2 * target
    return sign * np.exp(-np.logaddexp(0, -sign * logits)) / logits.shape[0]
""",
    ),
    Variant(
        "iwae_bound",
        "logaddexp_reduce (D)",
        """
import numpy as np


def iwae_bound_forward(log_weights):
    total = 0.0
    for row in log_weights:
        total += np.logaddexp.reduce(row) - np.log(row.size)
    return total / len(log_weights)


def iwae_bound_backward(log_weights):
    out = np.zeros_like(log_weights)
    for n, row in enumerate(log_weights):
        for k, value in enumerate(row):
            out[n, k] = 1.0 / np.exp(row - value).sum() / len(log_weights)
    return out
""",
    ),
    Variant(
        "adam_step",
        "corrections_in_the_rate (D)",
        """
import numpy as np


def adam_step(parameter, gradient, m, v, t, lr, beta1, beta2, eps):
    m = m + (1 - beta1) * (gradient - m)
    v = v + (1 - beta2) * (gradient * gradient - v)
    root = (1 - beta2 ** t) ** 0.5
    rate = lr * root / (1 - beta1 ** t)
    parameter = parameter - rate * m / (v ** 0.5 + eps * root)
    return parameter, m, v
""",
    ),
    Variant(
        "linear",
        "pure_loops (E)",
        """
import numpy as np

def linear_forward(x, weight, bias):
    N, D = x.shape
    H = weight.shape[0]
    return np.array([[sum(x[n, d] * weight[h, d] for d in range(D)) + bias[h] for h in range(H)] for n in range(N)])


def linear_backward(dout, x, weight, bias):
    dx, dweight, dbias = np.zeros_like(x), np.zeros_like(weight), np.zeros_like(bias)
    for n in range(x.shape[0]):
        for h in range(weight.shape[0]):
            dbias[h] += dout[n, h]
            for d in range(x.shape[1]):
                dx[n, d] += dout[n, h] * weight[h, d]
                dweight[h, d] += dout[n, h] * x[n, d]
    return dx, dweight, dbias
""",
    ),
    Variant(
        "softmax",
        "tanh_pairs_fortran (E)",
        """
import numpy as np

def softmax_forward(logits):
    # p_k = 1 / sum_j e^(a_j - a_k)
    differences = logits[:, None, :] - logits[:, :, None]
    return np.asfortranarray(1 / np.exp(differences).sum(axis=2))


def softmax_backward(dout, logits):
    p = softmax_forward(logits)
    out = np.empty(p.shape, order='F')
    for n in range(len(p)):
        out[n] = (np.diag(p[n]) - np.outer(p[n], p[n])) @ dout[n]
    return out
""",
    ),
    Variant(
        "conv2d",
        "einsum_windows_scatter (E)",
        """
import numpy as np

from numpy.lib.stride_tricks import sliding_window_view


def conv2d_forward(x, weight, bias):
    xp = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    win = sliding_window_view(xp, weight.shape[2:], axis=(2, 3))
    out = np.einsum('mcijuv,fcuv->mfij', win, weight) + bias.reshape(1, -1, 1, 1)
    return out, (win, x.shape, weight)


def conv2d_backward(dout, cache):
    win, shape, weight = cache
    M, C, Y, X = shape
    F, _, P, Q = weight.shape
    dw = np.tensordot(dout, win, axes=([0, 2, 3], [0, 2, 3]))
    cols = np.einsum('mfij,fcuv->uvmcij', dout, weight)
    dxp = np.zeros((M, C, Y + 2, X + 2))
    for u, v in np.ndindex(P, Q):
        dxp[:, :, u:u + dout.shape[2], v:v + dout.shape[3]] += cols[u, v]
    return dxp[:, :, 1:-1, 1:-1], dw, np.einsum('mfij->f', dout)
""",
    ),
    Variant(
        "lstm_step",
        "helper_class (E)",
        """
import numpy as np

class Gate:
    def __init__(self, a, squash):
        self.kind = squash
        self.value = np.tanh(a) if squash == 'tanh' else 0.5 * (1 + np.tanh(a / 2))

    def back(self, d):
        return d * (1 - self.value ** 2) if self.kind == 'tanh' else d * self.value * (1 - self.value)


def lstm_step_forward(x, previous_h, previous_c, weight, recurrent, bias):
    joined = np.hstack([x, previous_h])
    matrix = np.hstack([weight, recurrent])
    a = joined @ matrix.T + bias
    gates = [Gate(part, k) for part, k in zip(np.split(a, 4, axis=1), ['s', 's', 'tanh', 's'])]
    i, f, g, o = [gate.value for gate in gates]
    c = f * previous_c + i * g
    top = Gate(c, 'tanh')
    return o * top.value, c, (joined, matrix, gates, top, previous_c, x.shape[1])


def lstm_step_backward(dh, dc, cache):
    joined, matrix, gates, top, previous_c, D = cache
    i, f, g, o = [gate.value for gate in gates]
    total = dc + top.back(dh * o)
    incoming = [total * g, total * previous_c, total * i, dh * top.value]
    da = np.hstack([gate.back(d) for gate, d in zip(gates, incoming)])
    djoined = da @ matrix
    dmatrix = da.T @ joined
    return djoined[:, :D], djoined[:, D:], total * f, dmatrix[:, :D], dmatrix[:, D:], da.sum(axis=0)
""",
    ),
    Variant(
        "layer_norm",
        "projection_matrix (E)",
        """
import numpy as np

def layer_norm_forward(x, gamma, beta):
    D = x.shape[1]
    centring = np.eye(D) - np.ones((D, D)) / D
    c = x @ centring
    r = np.einsum('nd,nd->n', c, c) / D + 1e-5
    return gamma * c * r[:, None] ** -0.5 + beta


def layer_norm_backward(dout, x, gamma, beta):
    N, D = x.shape
    centring = np.eye(D) - np.ones((D, D)) / D
    c = x @ centring
    s = np.sqrt(np.einsum('nd,nd->n', c, c) / D + 1e-5)
    h = c / s[:, None]
    dx = np.empty_like(x)
    for n in range(N):
        jacobian = (np.eye(D) - np.outer(h[n], h[n]) / D) @ centring / s[n]
        dx[n] = (dout[n] * gamma) @ jacobian
    return dx, np.einsum('nd,nd->d', dout, h), np.ones(N) @ dout
""",
    ),
    Variant(
        "made_masks",
        "one_minus_transpose_bool (E)",
        """
import numpy as np

def made_masks(degrees, size):
    first = np.zeros((len(degrees), size), dtype=np.int64)
    for k, d in enumerate(degrees):
        first[k, :d] = 1
    return first, 1 - first.T
""",
    ),
    Variant(
        "bce_with_logits",
        "signed_logaddexp (E)",
        """
import numpy as np

def bce_with_logits_forward(logits, target):
    sign = 1 - 2 * target
    return float(np.logaddexp(0, sign * logits).sum() / len(logits))


def bce_with_logits_backward(logits, target):
    sign = 1 - 2 * target
    return sign * 0.5 * (1 + np.tanh(sign * logits / 2)) / len(logits)
""",
    ),
    Variant(
        "adam_step",
        "keras_order_eps_scaled (E)",
        """
import numpy as np

def adam_step(parameter, gradient, m, v, t, lr, beta1, beta2, eps):
    m = m + (1 - beta1) * (gradient - m)
    v = v + (1 - beta2) * (np.square(gradient) - v)
    root = np.sqrt(1 - beta2 ** t)
    rate = lr * root / (1 - beta1 ** t)
    return parameter - rate * m / (np.sqrt(v) + eps * root), m, v
""",
    ),
    Variant(
        "gaussian_kl",
        "float32_expm1 (E)",
        """
import numpy as np

def gaussian_kl_forward(mean, log_variance):
    m, lv = mean.astype(np.float32), log_variance.astype(np.float32)
    return np.float32(0.5) * (np.expm1(lv) - lv + m * m).sum(axis=1).mean()


def gaussian_kl_backward(mean, log_variance):
    m, lv = mean.astype(np.float32), log_variance.astype(np.float32)
    n = np.float32(len(m))
    return m / n, np.expm1(lv) / (2 * n)
""",
    ),
    Variant(
        "embedding",
        "one_hot_matrix (E)",
        """
import numpy as np

def _one_hot(ids, K):
    return (np.asarray(ids)[:, None] == np.arange(K)).astype(float)


def embedding_forward(weight, ids):
    return _one_hot(ids, len(weight)) @ weight


def embedding_backward(dout, weight, ids):
    return np.asfortranarray(_one_hot(ids, len(weight)).T @ dout)
""",
    ),
    Variant(
        "linear",
        "fortran-order-einsum (F)",
        """
import numpy as np


def linear_forward(x, weight, bias):
    return np.asfortranarray(np.einsum("nd,hd->nh", x, weight) + bias)


def linear_backward(dout, x, weight, bias):
    dx = np.asfortranarray(np.tensordot(dout, weight, axes=([1], [0])))
    dweight = np.asfortranarray(np.einsum("nh,nd->hd", dout, x))
    dbias = np.ones(len(dout)) @ dout
    return dx, dweight, dbias
""",
    ),
    Variant(
        "sigmoid",
        "by-tanh-and-cosh (F)",
        """
import numpy as np


def sigmoid_forward(x):
    return 0.5 + 0.5 * np.tanh(0.5 * x)


def sigmoid_backward(dout, x):
    return dout / (2 * np.cosh(0.5 * x)) ** 2
""",
    ),
    Variant(
        "embedding",
        "one-hot-product (F)",
        """
import numpy as np


def one_hot(ids, K):
    return (np.arange(K)[None, :] == np.asarray(ids)[:, None]) * 1.0


def embedding_forward(weight, ids):
    return one_hot(ids, len(weight)) @ weight


def embedding_backward(dout, weight, ids):
    return one_hot(ids, weight.shape[0]).T @ dout
""",
    ),
    Variant(
        "conv2d",
        "tap-class-with-cache (F)",
        """
import numpy as np
from numpy.lib.stride_tricks import sliding_window_view


class Conv:
    def __init__(self, x, weight, bias):
        self.shape, self.weight, self.bias = x.shape, weight, bias
        padded = np.zeros((x.shape[0], x.shape[1], x.shape[2] + 2, x.shape[3] + 2))
        padded[:, :, 1:-1, 1:-1] = x
        self.windows = sliding_window_view(padded, weight.shape[2:], axis=(2, 3))

    def forward(self):
        y = np.tensordot(self.windows, self.weight, axes=([1, 4, 5], [1, 2, 3]))
        return np.moveaxis(y + self.bias, -1, 1)

    def backward(self, dout):
        M, C, Y, X = self.shape
        F, _, P, Q = self.weight.shape
        dweight = np.tensordot(dout, self.windows, axes=([0, 2, 3], [0, 2, 3]))
        big = np.pad(dout, ((0, 0), (0, 0), (P - 1, P - 1), (Q - 1, Q - 1)))
        turned = self.weight[:, :, ::-1, ::-1]
        w = sliding_window_view(big, (P, Q), axis=(2, 3))
        dx = np.einsum("mfijuv,fcuv->mcij", w, turned)
        return dx[:, :, 1:1 + Y, 1:1 + X], dweight, np.einsum("mfij->f", dout)


def conv2d_forward(x, weight, bias):
    layer = Conv(x, weight, bias)
    return layer.forward(), layer


def conv2d_backward(dout, cache):
    return cache.backward(dout)
""",
    ),
    Variant(
        "max_pool2d",
        "four-corners (F)",
        """
import numpy as np


def corners(x):
    return [x[:, :, u::2, v::2] for u in (0, 1) for v in (0, 1)]


def max_pool2d_forward(x):
    a, b, c, d = corners(x)
    return np.maximum(np.maximum(a, b), np.maximum(c, d))


def max_pool2d_backward(dout, x):
    best = max_pool2d_forward(x)
    free = np.ones(dout.shape, dtype=bool)
    dx = np.zeros(x.shape)
    for target, corner in zip(corners(dx), corners(x)):
        hit = free & (corner == best)
        target[hit] = dout[hit]
        free &= ~hit
    return dx
""",
    ),
    Variant(
        "mse",
        "float32 (F)",
        """
import numpy as np


def mse_forward(prediction, target):
    r = np.float32(prediction) - np.float32(target)
    return np.float32(np.vdot(r, r) / np.float32(r.size))


def mse_backward(prediction, target):
    r = np.float32(prediction) - np.float32(target)
    return r * np.float32(2 / r.size)
""",
    ),
    Variant(
        "softmax",
        "whole-jacobian-in-loops (F)",
        """
import numpy as np
import math


def softmax_forward(logits):
    rows = []
    for row in logits:
        top = max(row)
        e = [math.exp(a - top) for a in row]
        rows.append([n / sum(e) for n in e])
    return np.array(rows)


def softmax_backward(dout, logits):
    p = softmax_forward(logits)
    dlogits = np.zeros(logits.shape)
    for n in range(len(p)):
        jacobian = np.diag(p[n]) - np.outer(p[n], p[n])
        dlogits[n] = jacobian @ dout[n]
    return dlogits
""",
    ),
    Variant(
        "log_sum_exp",
        "logaddexp-reduce (F)",
        """
import numpy as np


def log_sum_exp_forward(x):
    return np.logaddexp.reduce(x, axis=1)


def log_sum_exp_backward(dout, x):
    return np.einsum("n,nk->nk", dout, np.exp(x - log_sum_exp_forward(x)[:, None]))
""",
    ),
    Variant(
        "elbo_normal",
        "completed-per-row-with-dict-cache (F)",
        """
import numpy as np


def elbo_normal_forward(x, mean, log_variance, noise, weight, bias, pixel_variance):
    sigma = np.sqrt(np.exp(log_variance))
    z = mean + sigma * noise
    r = x - (z @ weight.T + bias)
    total = 0.0
    for n in range(x.shape[0]):
        total += r[n] @ r[n] / (2 * pixel_variance) + x.shape[1] / 2 * np.log(2 * np.pi * pixel_variance)
        total += 0.5 * (sigma[n] @ sigma[n] + mean[n] @ mean[n]) - 0.5 * mean.shape[1] - np.log(sigma[n]).sum()
    return total / x.shape[0], dict(r=r, z=z, sigma=sigma, mean=mean, noise=noise, weight=weight, v=pixel_variance)


def elbo_normal_backward(cache):
    k = cache
    N = len(k["r"])
    up = -k["r"] / (k["v"] * N)
    dz = np.einsum("nd,dj->nj", up, k["weight"])
    dmean = dz + k["mean"] / N
    dsigma = dz * k["noise"] + (k["sigma"] - 1 / k["sigma"]) / N
    return dmean, dsigma * k["sigma"] / 2, np.einsum("nd,nj->dj", up, k["z"]), up.sum(0)
""",
    ),
    Variant(
        "adam_step",
        "rates-folded-into-one (F)",
        """
import numpy as np


def adam_step(parameter, gradient, m, v, t, lr, beta1, beta2, eps):
    new_m = m + (1 - beta1) * (gradient - m)
    new_v = v + (1 - beta2) * (gradient * gradient - v)
    root = np.sqrt(1 - beta2 ** t)
    rate = lr * root / (1 - beta1 ** t)
    return parameter - rate * new_m / (np.sqrt(new_v) + eps * root), new_m, new_v
""",
    ),
]
