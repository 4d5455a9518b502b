"""A hundred and twenty wrong ways to write the exercises, by two authors who had read the contracts and nothing else.

They are as they were handed in. When they were judged first, before anything was learned from them, 119 were rejected
and 89 explained by their cause (74 %); 12 explanations were true and of less help, 5 places without a cause, 8 nothing,
and 5 misled: these five have since been mended in general ways. The one that was not rejected goes wrong at ties only.
"""

from tests.checker.direct import Variant

BLIND = [
    Variant(
        "linear",
        "reshape for transpose",
        """
import numpy as np
def linear_forward(x, weight, bias):
    N, D = x.shape
    H = weight.shape[0]
    return np.dot(x, weight.reshape(D, H)) + bias
""",
        ("weight is reshaped to (D, H) where it should be transposed: the numbers are scrambled",),
    ),
    Variant(
        "linear",
        "bias inside the inner loop",
        """
import numpy as np
def linear_forward(x, weight, bias):
    N, D = x.shape
    H = weight.shape[0]
    y = np.zeros((N, H))
    for n in range(N):
        for h in range(H):
            for d in range(D):
                y[n, h] += weight[h, d] * x[n, d] + bias[h]
    return y
""",
        ("the bias is added inside the sum over d, so D times",),
    ),
    Variant(
        "linear",
        "1/m in dW and db",
        """
import numpy as np
def linear_forward(x, weight, bias):
    return x @ weight.T + bias
def linear_backward(dout, x, weight, bias):
    m = x.shape[0]
    dW = 1.0 / m * np.dot(dout.T, x)
    db = 1.0 / m * np.sum(dout, axis=0)
    dx = np.dot(dout, weight)
    return dx, dW, db
""",
        ("dweight and dbias are averaged over the batch instead of summed (the 1/m belongs to the loss)",),
    ),
    Variant(
        "sigmoid",
        "x(1-x) of the input",
        """
import numpy as np
def sigmoid_backward(dout, x):
    return dout * x * (1 - x)
""",
        ("s(1-s) is taken of the input x instead of the output sigma(x)",),
    ),
    Variant(
        "sigmoid",
        "stable version, wrong branch",
        """
import numpy as np
def sigmoid_forward(x):
    out = np.zeros_like(x)
    pos = x >= 0
    z = np.exp(-np.abs(x))
    out[pos] = 1 / (1 + z[pos])
    out[~pos] = 1 / (1 + z[~pos])
    return out
""",
        ("for negative x it gives 1/(1+e^x) = sigma(|x|) instead of z/(1+z)",),
    ),
    Variant(
        "sigmoid",
        "sigmoid twice in the backward",
        """
import numpy as np
def _sig(z):
    return 1.0 / (1.0 + np.exp(-z))
def sigmoid_forward(x):
    out = _sig(x)
    return out, out
def sigmoid_backward(dout, cache):
    a = cache
    return dout * _sig(a) * (1 - _sig(a))
""",
        (
            "the backward applies sigma again to the output that the cache already holds: the slope is taken at sigma(x)",
        ),
    ),
    Variant(
        "dropout",
        "p as the keep probability",
        """
import numpy as np
def dropout_forward(x, mask, p):
    return x * mask / p
def dropout_backward(dout, x, mask, p):
    return dout * mask / p
""",
        ("p is taken as the probability to keep: divides by p instead of 1-p, in both",),
    ),
    Variant(
        "dropout",
        "scaled by the kept fraction of the mask",
        """
import numpy as np
def dropout_forward(x, mask, p):
    keep = np.mean(mask)
    return x * mask / keep
def dropout_backward(dout, x, mask, p):
    keep = np.mean(mask)
    return dout * mask / keep
""",
        ("divides by the fraction actually kept in this mask instead of 1-p, in both",),
    ),
    Variant(
        "dropout",
        "backward multiplies by 1-p",
        """
import numpy as np
def dropout_backward(dout, x, mask, p):
    # undo the scaling
    return dout * mask * (1 - p)
""",
        ("the backward multiplies by 1-p where it should divide by it",),
    ),
    Variant(
        "batch_norm",
        "variance without centring",
        """
import numpy as np
def batch_norm_forward(x, gamma, beta):
    mu = np.mean(x, axis=0)
    var = np.mean(x ** 2, axis=0)
    xhat = (x - mu) / np.sqrt(var + 1e-5)
    return gamma * xhat + beta
""",
        ("the variance is E x^2, the mean is not subtracted before the square",),
    ),
    Variant(
        "batch_norm",
        "sums for means in the compact formula",
        """
import numpy as np
def batch_norm_backward(dout, x, gamma, beta):
    mu = x.mean(axis=0)
    ivar = 1 / np.sqrt(x.var(axis=0) + 1e-5)
    xhat = (x - mu) * ivar
    dgamma = np.sum(dout * xhat, axis=0)
    dbeta = np.sum(dout, axis=0)
    dx = gamma * ivar * (dout - dbeta - xhat * dgamma)
    return dx, dgamma, dbeta
""",
        ("the two correction terms of dx are sums over the batch instead of means: 1/N is missing",),
    ),
    Variant(
        "batch_norm",
        "the path through the mean forgotten",
        """
import numpy as np
def batch_norm_forward(x, gamma, beta):
    N, D = x.shape
    mu = 1. / N * np.sum(x, axis=0)
    xmu = x - mu
    var = 1. / N * np.sum(xmu ** 2, axis=0)
    sqrtvar = np.sqrt(var + 1e-5)
    ivar = 1. / sqrtvar
    xhat = xmu * ivar
    out = gamma * xhat + beta
    return out, (xhat, gamma, xmu, ivar, sqrtvar, var)
def batch_norm_backward(dout, cache):
    xhat, gamma, xmu, ivar, sqrtvar, var = cache
    N, D = dout.shape
    dbeta = np.sum(dout, axis=0)
    dgamma = np.sum(dout * xhat, axis=0)
    dxhat = dout * gamma
    divar = np.sum(dxhat * xmu, axis=0)
    dxmu1 = dxhat * ivar
    dsqrtvar = -1. / (sqrtvar ** 2) * divar
    dvar = 0.5 * 1. / np.sqrt(var + 1e-5) * dsqrtvar
    dsq = 1. / N * np.ones((N, D)) * dvar
    dxmu2 = 2 * xmu * dsq
    dx = dxmu1 + dxmu2
    return dx, dgamma, dbeta
""",
        ("the gradient through the mean mu is left out of dx",),
    ),
    Variant(
        "batch_norm",
        "dmu summed over everything",
        """
import numpy as np
def batch_norm_backward(dout, x, gamma, beta):
    N, D = x.shape
    mu = np.mean(x, axis=0)
    var = np.var(x, axis=0)
    std = np.sqrt(var + 1e-5)
    xhat = (x - mu) / std
    dgamma = np.sum(dout * xhat, axis=0)
    dbeta = np.sum(dout, axis=0)
    dxhat = dout * gamma
    dvar = np.sum(dxhat * (x - mu) * -0.5 * (var + 1e-5) ** -1.5, axis=0)
    dmu = np.sum(dxhat * -1 / std)
    dx = dxhat / std + dvar * 2 * (x - mu) / N + dmu / N
    return dx, dgamma, dbeta
""",
        ("dmu is summed over the columns too (axis=0 is missing), so each column gets the sum of all",),
    ),
    Variant(
        "conv2d",
        "negative indices wrap round",
        """
import numpy as np
def conv2d_forward(x, weight, bias):
    M, C, Y, X = x.shape
    F, _, P, Q = weight.shape
    out = np.zeros((M, F, Y + 3 - P, X + 3 - Q))
    for i in range(out.shape[2]):
        for j in range(out.shape[3]):
            for u in range(P):
                for v in range(Q):
                    r = i + u - 1
                    s = j + v - 1
                    if r < Y and s < X:
                        out[:, :, i, j] += x[:, :, r, s] @ weight[:, :, u, v].T
    out += bias.reshape(1, F, 1, 1)
    return out
""",
        (
            "no test for r, s < 0: index -1 reads the last row/column, so the top and left padding wraps round instead of being 0",
        ),
    ),
    Variant(
        "conv2d",
        "kernel not turned in dx",
        """
import numpy as np
def conv2d_forward(x, weight, bias):
    M, C, Y, X = x.shape
    F, _, P, Q = weight.shape
    xp = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)), mode='constant')
    out = np.zeros((M, F, Y + 3 - P, X + 3 - Q))
    for i in range(out.shape[2]):
        for j in range(out.shape[3]):
            patch = xp[:, :, i:i + P, j:j + Q]
            out[:, :, i, j] = np.tensordot(patch, weight, axes=([1, 2, 3], [1, 2, 3]))
    return out + bias.reshape(1, F, 1, 1)
def conv2d_backward(dout, x, weight, bias):
    M, C, Y, X = x.shape
    F, _, P, Q = weight.shape
    Ho, Wo = dout.shape[2:]
    xp = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)), mode='constant')
    dw = np.zeros(weight.shape)
    for u in range(P):
        for v in range(Q):
            dw[:, :, u, v] = np.tensordot(dout, xp[:, :, u:u + Ho, v:v + Wo], axes=([0, 2, 3], [0, 2, 3]))
    # dx: full correlation of dout with the kernel
    dp = np.pad(dout, ((0, 0), (0, 0), (P - 1, P - 1), (Q - 1, Q - 1)), mode='constant')
    dxp = np.zeros(xp.shape)
    for i in range(dxp.shape[2]):
        for j in range(dxp.shape[3]):
            patch = dp[:, :, i:i + P, j:j + Q]
            dxp[:, :, i, j] = np.tensordot(patch, weight, axes=([1, 2, 3], [0, 2, 3]))
    dx = dxp[:, :, 1:-1, 1:-1]
    db = dout.sum(axis=(0, 2, 3))
    return dx, dw, db
""",
        ("dx correlates dout with the kernel as it is; for dx it has to be turned by 180 degrees",),
    ),
    Variant(
        "conv2d",
        "padding cut off on the wrong side",
        """
import numpy as np
def conv2d_backward(dout, x, weight, bias):
    M, C, Y, X = x.shape
    F, _, P, Q = weight.shape
    Ho, Wo = dout.shape[2:]
    xp = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    dxp = np.zeros_like(xp)
    dw = np.zeros_like(weight)
    for m in range(M):
        for f in range(F):
            for i in range(Ho):
                for j in range(Wo):
                    dxp[m, :, i:i + P, j:j + Q] += dout[m, f, i, j] * weight[f]
                    dw[f] += dout[m, f, i, j] * xp[m, :, i:i + P, j:j + Q]
    db = dout.sum(axis=(0, 2, 3))
    return dxp[:, :, :Y, :X], dw, db
""",
        ("the padded gradient is cut as [:Y, :X] instead of [1:-1, 1:-1], so dx is shifted by one row and one column",),
    ),
    Variant(
        "conv2d",
        "dw overwritten by the last image",
        """
import numpy as np
def conv2d_forward(x, weight, bias):
    M, C, Y, X = x.shape
    F, _, P, Q = weight.shape
    xp = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    out = np.zeros((M, F, Y + 3 - P, X + 3 - Q))
    for m in range(M):
        for f in range(F):
            for i in range(out.shape[2]):
                for j in range(out.shape[3]):
                    out[m, f, i, j] = np.sum(xp[m, :, i:i + P, j:j + Q] * weight[f]) + bias[f]
    return out
def conv2d_backward(dout, x, weight, bias):
    M, C, Y, X = x.shape
    F, _, P, Q = weight.shape
    Ho, Wo = dout.shape[2:]
    xp = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    dxp = np.zeros_like(xp)
    dw = np.zeros_like(weight)
    db = np.zeros_like(bias)
    for m in range(M):
        for f in range(F):
            db[f] += np.sum(dout[m, f])
            for c in range(C):
                for u in range(P):
                    for v in range(Q):
                        dw[f, c, u, v] = np.sum(dout[m, f] * xp[m, c, u:u + Ho, v:v + Wo])
                        dxp[m, c, u:u + Ho, v:v + Wo] += dout[m, f] * weight[f, c, u, v]
    return dxp[:, :, 1:-1, 1:-1], dw, db
""",
        ("dw is assigned (=) instead of added up (+=) over the images, so only the last image counts",),
    ),
    Variant(
        "max_pool2d",
        "argmax taken apart the wrong way round",
        """
import numpy as np
def max_pool2d_backward(dout, x):
    M, C, H, W = x.shape
    dx = np.zeros_like(x)
    for m in range(M):
        for c in range(C):
            for i in range(H // 2):
                for j in range(W // 2):
                    window = x[m, c, 2*i:2*i+2, 2*j:2*j+2]
                    k = np.argmax(window)
                    row = k % 2
                    col = k // 2
                    dx[m, c, 2*i + row, 2*j + col] += dout[m, c, i, j]
    return dx
""",
        (
            "row and column of the argmax are exchanged (k % 2 is the column), so the gradient lands at the transposed place of the window",
        ),
    ),
    Variant(
        "max_pool2d",
        "maximum starts at 0",
        """
import numpy as np
def max_pool2d_forward(x):
    M, C, H, W = x.shape
    out = np.zeros((M, C, H // 2, W // 2))
    for m in range(M):
        for c in range(C):
            for i in range(H // 2):
                for j in range(W // 2):
                    best = 0
                    for a in range(2):
                        for b in range(2):
                            if x[m, c, 2*i + a, 2*j + b] > best:
                                best = x[m, c, 2*i + a, 2*j + b]
                    out[m, c, i, j] = best
    return out
""",
        ("the running maximum starts at 0, so windows of negative numbers give 0",),
    ),
    Variant(
        "max_pool2d",
        "all equal maxima get the gradient",
        """
import numpy as np
def max_pool2d_forward(x):
    M, C, H, W = x.shape
    return x.reshape(M, C, H // 2, 2, W // 2, 2).max(axis=(3, 5))
def max_pool2d_backward(dout, x):
    out = max_pool2d_forward(x)
    up = out.repeat(2, axis=2).repeat(2, axis=3)
    dup = dout.repeat(2, axis=2).repeat(2, axis=3)
    return dup * (x == up)
""",
        (
            "when several numbers of a window are equal to the maximum each gets the whole gradient, not the first alone",
        ),
    ),
    Variant(
        "max_pool2d",
        "windows by a plain reshape",
        """
import numpy as np
def max_pool2d_forward(x):
    M, C, H, W = x.shape
    windows = x.reshape(M, C, H // 2, W // 2, 4)
    return windows.max(axis=4)
def max_pool2d_backward(dout, x):
    M, C, H, W = x.shape
    windows = x.reshape(-1, 4)
    dw = np.zeros_like(windows)
    dw[np.arange(len(windows)), windows.argmax(axis=1)] = dout.reshape(-1)
    return dw.reshape(x.shape)
""",
        ("the reshape takes four neighbours in memory (1x4 pieces of a row) as a window instead of 2x2, in both",),
    ),
    Variant(
        "pixel_mask",
        "above and left only",
        """
import numpy as np
def pixel_mask(kind, size):
    c = size // 2
    mask = np.zeros((size, size))
    for i in range(size):
        for j in range(size):
            if i <= c and j <= c:
                mask[i, j] = 1
    if kind == "A":
        mask[c, c] = 0
    return mask
""",
        ("what is above AND to the left only: the pixels above and to the right of the centre are not seen",),
    ),
    Variant(
        "pixel_mask",
        "kind compared with a lower-case b",
        """
import numpy as np
def pixel_mask(kind, size):
    mask = np.ones((size, size))
    mask[size // 2, size // 2 + (kind == 'b'):] = 0
    mask[size // 2 + 1:] = 0
    return mask
""",
        ("kind is compared with 'b', so kind B never sees its centre (both kinds give A)",),
    ),
    Variant(
        "pixel_mask",
        "columns for rows",
        """
import numpy as np
def pixel_mask(kind, size):
    c = size // 2
    mask = np.zeros((size, size))
    mask[:, :c] = 1
    mask[:c, c] = 1
    if kind == "B":
        mask[c, c] = 1
    return mask
""",
        ("rows and columns are exchanged: the order goes column by column, the mask is transposed",),
    ),
    Variant(
        "made_masks",
        "pixels numbered from 0",
        """
import numpy as np
def made_masks(degrees, size):
    H = len(degrees)
    first = np.zeros((H, size))
    last = np.zeros((size, H))
    for k in range(H):
        for i in range(size):
            if degrees[k] >= i:
                first[k, i] = 1
            if i > degrees[k]:
                last[i, k] = 1
    return first, last
""",
        (
            "the loop counts pixels from 0 while degrees count from 1: everything is off by one (hidden units know one pixel too many, outputs see too few units)",
        ),
    ),
    Variant(
        "made_masks",
        "the output may know its own pixel",
        """
import numpy as np
def made_masks(degrees, size):
    pixels = np.arange(1, size + 1)
    first = (degrees[:, None] >= pixels[None, :]).astype(float)
    last = (pixels[:, None] >= degrees[None, :]).astype(float)
    return first, last
""",
        (">= instead of > in the last mask: the output for pixel i sees hidden units that know pixel i itself",),
    ),
    Variant(
        "made_masks",
        "equal degree only",
        """
import numpy as np
def made_masks(degrees, size):
    pixels = np.arange(1, size + 1)
    first = (pixels[None, :] <= degrees[:, None]).astype(float)
    last = (degrees[None, :] == pixels[:, None] - 1).astype(float)
    return first, last
""",
        ("the output for pixel i is joined only to units of degree exactly i-1, not to all of degree i-1 or less",),
    ),
    Variant(
        "mse",
        "root of it",
        """
import numpy as np
def mse_forward(prediction, target):
    return np.sqrt(np.mean((prediction - target) ** 2))
def mse_backward(prediction, target):
    rmse = np.sqrt(np.mean((prediction - target) ** 2))
    return (prediction - target) / (prediction.size * rmse)
""",
        ("takes the square root (RMSE), in both",),
    ),
    Variant(
        "mse",
        "divided by len",
        """
import numpy as np
def mse_forward(prediction, target):
    return np.mean((prediction - target) ** 2)
def mse_backward(prediction, target):
    return 2 * (prediction - target) / len(prediction)
""",
        ("the backward divides by N rows only instead of N*D numbers",),
    ),
    Variant(
        "mse",
        "one half",
        """
import numpy as np
def mse_forward(prediction, target):
    return 0.5 * np.mean((prediction - target) ** 2)
def mse_backward(prediction, target):
    return (prediction - target) / prediction.size
""",
        ("a factor 1/2 that the contract does not have, in both",),
    ),
    Variant(
        "softmax_cross_entropy",
        "minus one in whole columns",
        """
import numpy as np
def softmax_cross_entropy_backward(logits, labels):
    N = logits.shape[0]
    e = np.exp(logits - logits.max(axis=1, keepdims=True))
    p = e / e.sum(axis=1, keepdims=True)
    p[:, labels] -= 1
    return p / N
""",
        ("p[:, labels] -= 1 takes 1 from the columns of all the labels in every row, instead of p[arange(N), labels]",),
    ),
    Variant(
        "softmax_cross_entropy",
        "maximum taken off in the sum only",
        """
import numpy as np
def softmax_cross_entropy_forward(logits, labels):
    N = logits.shape[0]
    m = np.max(logits, axis=1, keepdims=True)
    logsum = np.log(np.sum(np.exp(logits - m), axis=1))
    correct = logits[np.arange(N), labels]
    return np.mean(logsum - correct)
""",
        (
            "the row maximum is subtracted inside the log-sum-exp but neither added back nor taken from the label's logit",
        ),
    ),
    Variant(
        "softmax_cross_entropy",
        "mean over N*K",
        """
import numpy as np
def _p(logits):
    e = np.exp(logits - logits.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)
def softmax_cross_entropy_forward(logits, labels):
    onehot = np.eye(logits.shape[1])[labels]
    return np.mean(-onehot * np.log(_p(logits)))
def softmax_cross_entropy_backward(logits, labels):
    onehot = np.eye(logits.shape[1])[labels]
    return (_p(logits) - onehot) / logits.size
""",
        ("np.mean over the N x K one-hot matrix: divided by N*K instead of N, in both",),
    ),
    Variant(
        "softmax256_nll",
        "reshape without transpose",
        """
import numpy as np
def softmax256_nll_forward(logits, levels):
    N, K, P, Q = logits.shape
    a = logits.reshape(-1, K)
    y = levels.reshape(-1)
    a = a - a.max(axis=1, keepdims=True)
    logp = a - np.log(np.exp(a).sum(axis=1, keepdims=True))
    return -np.sum(logp[np.arange(len(y)), y]) / N
def softmax256_nll_backward(logits, levels):
    N, K, P, Q = logits.shape
    a = logits.reshape(-1, K)
    y = levels.reshape(-1)
    e = np.exp(a - a.max(axis=1, keepdims=True))
    p = e / e.sum(axis=1, keepdims=True)
    p[np.arange(len(y)), y] -= 1
    return (p / N).reshape(N, K, P, Q)
""",
        ("reshape(-1, K) without moving the K axis to the end first: levels and pixels are scrambled, in both",),
    ),
    Variant(
        "softmax256_nll",
        "gradient divided by the pixels too",
        """
import numpy as np
def _softmax(a):
    e = np.exp(a - a.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)
def softmax256_nll_forward(logits, levels):
    N, K, P, Q = logits.shape
    p = _softmax(logits)
    loss = 0.0
    for n in range(N):
        for i in range(P):
            for j in range(Q):
                loss -= np.log(p[n, levels[n, i, j], i, j])
    return loss / N
def softmax256_nll_backward(logits, levels):
    N, K, P, Q = logits.shape
    d = _softmax(logits)
    for n in range(N):
        for i in range(P):
            for j in range(Q):
                d[n, levels[n, i, j], i, j] -= 1
    return d / levels.size
""",
        ("the backward divides by N*P*Q (mean over pixels) where the forward sums over the pixels and divides by N",),
    ),
    Variant(
        "softmax256_nll",
        "softmax along the last axis",
        """
import numpy as np
def _softmax(a):
    e = np.exp(a - a.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)
def softmax256_nll_forward(logits, levels):
    p = _softmax(logits)
    picked = np.take_along_axis(p, levels[:, None, :, :], axis=1)
    return -np.log(picked).sum() / len(logits)
def softmax256_nll_backward(logits, levels):
    p = _softmax(logits)
    onehot = (levels[:, None, :, :] == np.arange(logits.shape[1]).reshape(1, -1, 1, 1)).astype(float)
    return (p - onehot) / len(logits)
""",
        ("softmax along the last axis (the columns of the image) instead of axis 1, the grey levels",),
    ),
    Variant(
        "gaussian_log_density",
        "log 2 pi once",
        """
import numpy as np
def gaussian_log_density_forward(z, mean, log_variance):
    var = np.exp(log_variance)
    return -0.5 * (np.log(2 * np.pi) + np.sum(log_variance, axis=1) + np.sum((z - mean) ** 2 / var, axis=1))
""",
        ("ln 2 pi is counted once per row instead of once per variable: J ln 2 pi is needed",),
    ),
    Variant(
        "gaussian_log_density",
        "derivative by the variance",
        """
import numpy as np
def gaussian_log_density_forward(z, mean, log_variance):
    return np.sum(-0.5 * np.log(2 * np.pi) - 0.5 * log_variance - 0.5 * (z - mean) ** 2 * np.exp(-log_variance), axis=1)
def gaussian_log_density_backward(dout, z, mean, log_variance):
    var = np.exp(log_variance)
    d = dout[:, None]
    dz = -d * (z - mean) / var
    dmean = d * (z - mean) / var
    dlv = d * (-0.5 / var + 0.5 * (z - mean) ** 2 / var ** 2)
    return dz, dmean, dlv
""",
        ("dlog_variance is the derivative by the variance; the chain-rule factor dvar/dlog_variance = var is missing",),
    ),
    Variant(
        "gaussian_log_density",
        "dmean with the sign of dz",
        """
import numpy as np
def gaussian_log_density_backward(dout, z, mean, log_variance):
    dout = dout.reshape(-1, 1)
    ivar = np.exp(-log_variance)
    dz = -dout * (z - mean) * ivar
    dmean = -dout * (z - mean) * ivar
    dlog_variance = -0.5 * dout * (1 - (z - mean) ** 2 * ivar)
    return dz, dmean, dlog_variance
""",
        ("dmean has the wrong sign: it is minus dz, not dz",),
    ),
    Variant(
        "coin_map",
        "minus one in the denominator",
        """
import numpy as np
def coin_map(throws, alpha, beta):
    n = throws.shape[1]
    h = np.sum(throws, axis=1)
    return (h + alpha - 1) / (n + alpha + beta - 1)
""",
        ("the denominator has -1 instead of -2 (one for alpha and one for beta)",),
    ),
    Variant(
        "coin_map",
        "odds",
        """
import numpy as np
def coin_map(throws, alpha, beta):
    heads = throws.sum(axis=1)
    tails = (1 - throws).sum(axis=1)
    return (heads + alpha - 1) / (tails + beta - 1)
""",
        ("divides by the tails alone: these are the odds heads : tails, not the probability",),
    ),
    Variant(
        "coin_map",
        "alpha for the tails",
        """
import numpy as np
def coin_map(throws, alpha, beta):
    out = []
    for t in throws:
        heads = np.sum(t == 1)
        tails = np.sum(t == 0)
        a = beta + heads
        b = alpha + tails
        out.append((a - 1) / (a + b - 2))
    return np.array(out)
""",
        ("alpha and beta are exchanged: alpha belongs to the heads",),
    ),
    Variant(
        "gaussian_kl",
        "the other direction",
        """
import numpy as np
def gaussian_kl_forward(mean, log_variance):
    ivar = np.exp(-log_variance)
    return 0.5 * np.sum(log_variance - 1 + ivar * (1 + mean ** 2)) / mean.shape[0]
def gaussian_kl_backward(mean, log_variance):
    N = mean.shape[0]
    ivar = np.exp(-log_variance)
    dmean = mean * ivar / N
    dlv = 0.5 * (1 - ivar * (1 + mean ** 2)) / N
    return dmean, dlv
""",
        ("KL the other way round, KL(N(0,I) || N(mean, var)), in both",),
    ),
    Variant(
        "gaussian_kl",
        "brackets of the half",
        """
import numpy as np
def gaussian_kl_backward(mean, log_variance):
    N = len(mean)
    dmean = mean / N
    dlog_variance = (0.5 * np.exp(log_variance) - 1) / N
    return dmean, dlog_variance
""",
        ("the 1/2 multiplies only the exponential, not the -1: 0.5 e^lv - 1 instead of 0.5 (e^lv - 1)",),
    ),
    Variant(
        "gaussian_kl",
        "log_variance as log sigma",
        """
import numpy as np
def gaussian_kl_forward(mean, log_variance):
    sigma = np.exp(log_variance)
    kl = 0.5 * (mean ** 2 + sigma ** 2 - 2 * np.log(sigma) - 1)
    return kl.sum(axis=1).mean()
def gaussian_kl_backward(mean, log_variance):
    sigma = np.exp(log_variance)
    N = mean.shape[0]
    dmean = mean / N
    dlog_variance = (sigma ** 2 - 1) / N
    return dmean, dlog_variance
""",
        ("log_variance is taken as ln sigma: exp(log_variance) is used as the standard deviation, in both",),
    ),
    Variant(
        "elbo_normal",
        "the half of d sigma / d log variance",
        """
import numpy as np
def elbo_normal_forward(x, mean, log_variance, noise, weight, bias, pixel_variance):
    N = x.shape[0]
    z = mean + np.exp(0.5 * log_variance) * noise
    y = z @ weight.T + bias
    rec = 0.5 * np.sum((x - y) ** 2 / pixel_variance + np.log(2 * np.pi * pixel_variance))
    kl = -0.5 * np.sum(1 + log_variance - mean ** 2 - np.exp(log_variance))
    return (rec + kl) / N
def elbo_normal_backward(x, mean, log_variance, noise, weight, bias, pixel_variance):
    N = x.shape[0]
    std = np.exp(0.5 * log_variance)
    z = mean + std * noise
    y = z @ weight.T + bias
    dy = (y - x) / pixel_variance / N
    dW = dy.T @ z
    db = dy.sum(axis=0)
    dz = dy @ weight
    dmean = dz + mean / N
    dlv = dz * noise * std + 0.5 * (np.exp(log_variance) - 1) / N
    return dmean, dlv, dW, db
""",
        ("in dlog_variance the path through z lacks the 1/2 of d sigma / d log_variance = sigma/2",),
    ),
    Variant(
        "elbo_normal",
        "reconstruction a mean over pixels",
        """
import numpy as np
def elbo_normal_forward(x, mean, log_variance, noise, weight, bias, pixel_variance):
    N = x.shape[0]
    z = mean + np.exp(log_variance / 2) * noise
    y = z @ weight.T + bias
    rec = np.mean(0.5 * (x - y) ** 2 / pixel_variance + 0.5 * np.log(2 * np.pi * pixel_variance))
    kl = 0.5 * np.sum(mean ** 2 + np.exp(log_variance) - log_variance - 1) / N
    return rec + kl
def elbo_normal_backward(x, mean, log_variance, noise, weight, bias, pixel_variance):
    N = x.shape[0]
    s = np.exp(log_variance / 2)
    z = mean + s * noise
    y = z @ weight.T + bias
    dy = (y - x) / pixel_variance / x.size
    dz = dy @ weight
    dmean = dz + mean / N
    dlv = dz * noise * s / 2 + 0.5 * (np.exp(log_variance) - 1) / N
    return dmean, dlv, dy.T @ z, dy.sum(axis=0)
""",
        ("the reconstruction term is a mean over the D pixels (while the KL is summed): 1/D too small, in both",),
    ),
    Variant(
        "elbo_normal",
        "pixel_variance as a standard deviation",
        """
import numpy as np
def elbo_normal_forward(x, mean, log_variance, noise, weight, bias, pixel_variance):
    N = len(x)
    z = mean + np.exp(0.5 * log_variance) * noise
    y = z.dot(weight.T) + bias
    sigma = pixel_variance
    logp = -0.5 * ((x - y) / sigma) ** 2 - np.log(sigma) - 0.5 * np.log(2 * np.pi)
    kl = 0.5 * (mean ** 2 + np.exp(log_variance) - 1 - log_variance)
    return (-logp.sum() + kl.sum()) / N
def elbo_normal_backward(x, mean, log_variance, noise, weight, bias, pixel_variance):
    N = len(x)
    std = np.exp(0.5 * log_variance)
    z = mean + std * noise
    y = z.dot(weight.T) + bias
    sigma = pixel_variance
    dy = (y - x) / sigma ** 2 / N
    dz = dy.dot(weight)
    dmean = dz + mean / N
    dlv = 0.5 * dz * noise * std + 0.5 * (np.exp(log_variance) - 1) / N
    return dmean, dlv, dy.T.dot(z), dy.sum(axis=0)
""",
        ("pixel_variance is used as the standard deviation, in both",),
    ),
    Variant(
        "discriminator_loss",
        "average of the two halves",
        """
import numpy as np
def _s(x):
    return 1 / (1 + np.exp(-x))
def discriminator_loss_forward(real_logits, fake_logits):
    real = -np.mean(np.log(_s(real_logits)))
    fake = -np.mean(np.log(1 - _s(fake_logits)))
    return (real + fake) / 2
def discriminator_loss_backward(real_logits, fake_logits):
    N = len(real_logits)
    return (_s(real_logits) - 1) / (2 * N), _s(fake_logits) / (2 * N)
""",
        ("the two terms are averaged (divided by 2) instead of added, in both",),
    ),
    Variant(
        "discriminator_loss",
        "ln D in place of -ln(1-D)",
        """
import numpy as np
def _s(x):
    return 1 / (1 + np.exp(-x))
def discriminator_loss_forward(real_logits, fake_logits):
    return -np.mean(np.log(_s(real_logits))) + np.mean(np.log(_s(fake_logits)))
def discriminator_loss_backward(real_logits, fake_logits):
    dreal = -(1 - _s(real_logits)) / len(real_logits)
    dfake = (1 - _s(fake_logits)) / len(fake_logits)
    return dreal, dfake
""",
        ("the term of the generated images is + ln D instead of - ln(1 - D), in both",),
    ),
    Variant(
        "discriminator_loss",
        "dreal is -sigma",
        """
import numpy as np
def discriminator_loss_backward(real_logits, fake_logits):
    N = real_logits.shape[0]
    D_real = 1 / (1 + np.exp(-real_logits))
    D_fake = 1 / (1 + np.exp(-fake_logits))
    dreal = -D_real / N
    dfake = D_fake / N
    return dreal, dfake
""",
        ("dreal is -D instead of -(1-D): the derivative of ln sigma is 1 - sigma, not sigma",),
    ),
    Variant(
        "generator_loss_non_saturating",
        "log of the mean",
        """
import numpy as np
def _s(x):
    return 1 / (1 + np.exp(-x))
def generator_loss_non_saturating_forward(fake_logits):
    return -np.log(np.mean(_s(fake_logits)))
def generator_loss_non_saturating_backward(fake_logits):
    d = _s(fake_logits)
    return -d * (1 - d) / np.sum(d)
""",
        ("the log of the mean of D instead of the mean of the log, in both",),
    ),
    Variant(
        "generator_loss_non_saturating",
        "derivative by D",
        """
import numpy as np
def generator_loss_non_saturating_forward(fake_logits):
    d = 1 / (1 + np.exp(-fake_logits))
    return -np.mean(np.log(d))
def generator_loss_non_saturating_backward(fake_logits):
    d = 1 / (1 + np.exp(-fake_logits))
    return -1 / d / len(fake_logits)
""",
        ("the derivative by D, -1/D: the sigmoid's own slope D(1-D) is missing",),
    ),
    Variant(
        "generator_loss_non_saturating",
        "sign lost",
        """
import numpy as np
def generator_loss_non_saturating_backward(fake_logits):
    D = 1 / (1 + np.exp(-fake_logits))
    return (1 - D) / fake_logits.shape[0]
""",
        ("the minus of -ln D is lost in the backward: the sign is wrong",),
    ),
    Variant(
        "sgd_step",
        "gradient averaged over rows",
        """
import numpy as np
def sgd_step(parameter, gradient, lr):
    return parameter - lr * gradient / len(gradient)
""",
        ("the gradient is divided by its number of rows (as if it were a batch)",),
    ),
    Variant(
        "sgd_step",
        "unit length",
        """
import numpy as np
def sgd_step(parameter, gradient, lr):
    direction = gradient / np.linalg.norm(gradient)
    return parameter - lr * direction
""",
        ("the gradient is normalised to length 1 before the step",),
    ),
    Variant(
        "sgd_step",
        "only the update returned",
        """
import numpy as np
def sgd_step(parameter, gradient, lr):
    update = -lr * gradient
    return update
""",
        ("only the change -lr g is returned, the parameter is not added",),
    ),
    Variant(
        "adam_step",
        "corrected moments handed back",
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
        ("m and v are overwritten by their corrected values and returned so",),
    ),
    Variant(
        "adam_step",
        "correction without the power t",
        """
import numpy as np
def adam_step(parameter, gradient, m, v, t, lr, beta1, beta2, eps):
    m = beta1 * m + (1 - beta1) * gradient
    v = beta2 * v + (1 - beta2) * np.square(gradient)
    m_hat = m / (1 - beta1)
    v_hat = v / (1 - beta2)
    parameter = parameter - lr * m_hat / (np.sqrt(v_hat) + eps)
    return parameter, m, v
""",
        ("the correction is 1 - beta without the power t, as if every step were the first",),
    ),
    Variant(
        "adam_step",
        "efficient form without the root",
        """
import numpy as np
def adam_step(parameter, gradient, m, v, t, lr, beta1, beta2, eps):
    m = beta1 * m + (1 - beta1) * gradient
    v = beta2 * v + (1 - beta2) * gradient * gradient
    lr_t = lr * (1 - beta2 ** t) / (1 - beta1 ** t)
    parameter = parameter - lr_t * m / (np.sqrt(v) + eps)
    return parameter, m, v
""",
        (
            "the corrected learning rate lacks the root: lr (1-beta2^t)/(1-beta1^t) instead of lr sqrt(1-beta2^t)/(1-beta1^t)",
        ),
    ),
    Variant(
        "relu",
        "mask from dout",
        """
import numpy as np
def relu_forward(x):
    return np.maximum(0, x)
def relu_backward(dout, x):
    dx = dout.copy()
    dx[dout <= 0] = 0
    return dx
""",
        ("the gradient is zeroed where dout is negative, not where x is negative",),
    ),
    Variant(
        "relu",
        "leaky",
        """
import numpy as np
def relu_forward(x):
    return np.where(x > 0, x, 0.01 * x)
def relu_backward(dout, x):
    return dout * np.where(x > 0, 1.0, 0.01)
""",
        ("leaky ReLU with slope 0.01 for negative x instead of ReLU, in both directions",),
    ),
    Variant(
        "relu",
        "times the output",
        """
import numpy as np
def relu_backward(dout, x):
    relu = np.maximum(0, x)
    return dout * relu
""",
        ("dout is multiplied by relu(x) itself instead of by its slope (1 or 0)",),
    ),
    Variant(
        "tanh",
        "1 - x^2",
        """
import numpy as np
def tanh_forward(x):
    return np.tanh(x)
def tanh_backward(dout, x):
    return dout * (1 - x ** 2)
""",
        ("1 - x^2 instead of 1 - tanh(x)^2: x taken for the output",),
    ),
    Variant(
        "tanh",
        "parenthesis (1-t)^2",
        """
import numpy as np
def tanh_backward(dout, x):
    t = (np.exp(x) - np.exp(-x)) / (np.exp(x) + np.exp(-x))
    return dout * (1 - t) ** 2
""",
        ("(1 - t)^2 instead of 1 - t^2: parenthesis in the wrong place",),
    ),
    Variant(
        "tanh",
        "tanh of half",
        """
import numpy as np
def tanh_forward(x):
    return (1 - np.exp(-x)) / (1 + np.exp(-x))
def tanh_backward(dout, x):
    y = tanh_forward(x)
    return dout * 0.5 * (1 - y ** 2)
""",
        ("the 2 in e^(-2x) is missing, so that it is tanh(x/2), in both directions",),
    ),
    Variant(
        "embedding",
        "fancy +=",
        """
import numpy as np
def embedding_forward(weight, ids):
    return weight[ids]
def embedding_backward(dout, weight, ids):
    dweight = np.zeros_like(weight)
    dweight[ids] += dout
    return dweight
""",
        ("dweight[ids] += dout keeps only the last of repeated ids",),
    ),
    Variant(
        "embedding",
        "ids from 1",
        """
import numpy as np
def embedding_forward(weight, ids):
    out = np.zeros((len(ids), weight.shape[1]))
    for n in range(len(ids)):
        out[n] = weight[ids[n] - 1]
    return out
def embedding_backward(dout, weight, ids):
    dweight = np.zeros(weight.shape)
    for n in range(len(ids)):
        dweight[ids[n] - 1] += dout[n]
    return dweight
""",
        ("row ids - 1 is taken, as if words were numbered from 1, in both directions",),
    ),
    Variant(
        "embedding",
        "padding row 0",
        """
import numpy as np
def embedding_backward(dout, weight, ids):
    dweight = np.zeros_like(weight)
    for n, k in enumerate(ids):
        if k == 0:        # padding
            continue
        dweight[k] += dout[n]
    return dweight
""",
        ("word 0 is treated as padding and gets no gradient",),
    ),
    Variant(
        "layer_norm",
        "half missing in dvar",
        """
import numpy as np
def layer_norm_forward(x, gamma, beta, eps=1e-5):
    mu = np.mean(x, axis=1, keepdims=True)
    var = np.var(x, axis=1, keepdims=True)
    xhat = (x - mu) / np.sqrt(var + eps)
    return gamma * xhat + beta
def layer_norm_backward(dout, x, gamma, beta):
    N, D = x.shape
    mu = x.mean(1, keepdims=True)
    var = x.var(1, keepdims=True) + 1e-5
    xhat = (x - mu) / np.sqrt(var)
    dbeta = dout.sum(0)
    dgamma = (dout * xhat).sum(0)
    dxhat = dout * gamma
    dvar = np.sum(dxhat * (x - mu) * -1.0 * var ** (-1.5), axis=1, keepdims=True)
    dmu = np.sum(-dxhat / np.sqrt(var), axis=1, keepdims=True)
    dx = dxhat / np.sqrt(var) + dvar * 2 * (x - mu) / D + dmu / D
    return dx, dgamma, dbeta
""",
        ("the 1/2 of the derivative of var^(-1/2) is missing, so the way through the variance counts twice",),
    ),
    Variant(
        "layer_norm",
        "ddof 1",
        """
import numpy as np
def layer_norm_forward(x, gamma, beta):
    mu = x.mean(1, keepdims=True)
    std = np.sqrt(x.var(1, ddof=1, keepdims=True) + 1e-5)
    xhat = (x - mu) / std
    return gamma * xhat + beta, (xhat, std, gamma)
def layer_norm_backward(dout, cache):
    xhat, std, gamma = cache
    D = xhat.shape[1]
    g = dout * gamma
    dx = (g - g.mean(1, keepdims=True) - xhat * (g * xhat).sum(1, keepdims=True) / (D - 1)) / std
    return dx, (dout * xhat).sum(0), dout.sum(0)
""",
        ("the variance is divided by D - 1 instead of D, in both directions",),
    ),
    Variant(
        "layer_norm",
        "gamma forgotten in dx",
        """
import numpy as np
def layer_norm_backward(dout, x, gamma, beta):
    N, D = x.shape
    mu = x.mean(axis=1).reshape(N, 1)
    inv = 1 / np.sqrt(x.var(axis=1).reshape(N, 1) + 1e-5)
    xhat = (x - mu) * inv
    dgamma = np.sum(dout * xhat, axis=0)
    dbeta = np.sum(dout, axis=0)
    dxhat = dout
    dx = inv / D * (D * dxhat - dxhat.sum(1, keepdims=True) - xhat * (dxhat * xhat).sum(1, keepdims=True))
    return dx, dgamma, dbeta
""",
        ("dx is computed from dout without multiplying by gamma",),
    ),
    Variant(
        "layer_norm",
        "divided by the variance",
        """
import numpy as np
def layer_norm_forward(x, gamma, beta):
    mu = x.mean(1, keepdims=True)
    var = ((x - mu) ** 2).mean(1, keepdims=True)
    xhat = (x - mu) / (var + 1e-5)
    return gamma * xhat + beta
def layer_norm_backward(dout, x, gamma, beta):
    mu = x.mean(1, keepdims=True)
    c = x - mu
    v = (c ** 2).mean(1, keepdims=True) + 1e-5
    g = dout * gamma
    D = x.shape[1]
    dv = -(g * c).sum(1, keepdims=True) / v ** 2
    dc = g / v + dv * 2 * c / D
    dx = dc - dc.mean(1, keepdims=True)
    return dx, (dout * c / v).sum(0), dout.sum(0)
""",
        ("divided by the variance instead of its square root, in both directions",),
    ),
    Variant(
        "conv_transpose2d",
        "overlap overwritten",
        """
import numpy as np
def conv_transpose2d_forward(x, weight, bias):
    M, C, I, L = x.shape
    _, F, P, Q = weight.shape
    out = np.zeros((M, F, 2 * (I - 1) + P, 2 * (L - 1) + Q))
    for m in range(M):
        for f in range(F):
            for i in range(I):
                for j in range(L):
                    patch = 0
                    for c in range(C):
                        patch = patch + x[m, c, i, j] * weight[c, f]
                    out[m, f, 2 * i:2 * i + P, 2 * j:2 * j + Q] = patch
            out[m, f] += bias[f]
    return out
""",
        ("patches are assigned, not added: where they overlap the last one stays",),
    ),
    Variant(
        "conv_transpose2d",
        "bias at every patch",
        """
import numpy as np
def conv_transpose2d_forward(x, weight, bias):
    M, C, I, L = x.shape
    _, F, P, Q = weight.shape
    out = np.zeros((M, F, 2 * (I - 1) + P, 2 * (L - 1) + Q))
    for i in range(I):
        for j in range(L):
            patch = np.tensordot(x[:, :, i, j], weight, axes=(1, 0))
            out[:, :, 2 * i:2 * i + P, 2 * j:2 * j + Q] += patch + bias.reshape(1, F, 1, 1)
    return out
""",
        ("the bias is added with every patch, so several times where patches overlap",),
    ),
    Variant(
        "conv_transpose2d",
        "stride forgotten in dx",
        """
import numpy as np
def conv_transpose2d_backward(dout, x, weight, bias):
    M, C, I, L = x.shape
    _, F, P, Q = weight.shape
    dx = np.zeros(x.shape)
    dw = np.zeros(weight.shape)
    for i in range(I):
        for j in range(L):
            window = dout[:, :, i:i + P, j:j + Q]
            dx[:, :, i, j] = np.einsum('mfpq,cfpq->mc', window, weight)
            window = dout[:, :, 2 * i:2 * i + P, 2 * j:2 * j + Q]
            dw += np.einsum('mc,mfpq->cfpq', x[:, :, i, j], window)
    db = dout.sum(axis=(0, 2, 3))
    return dx, dw, db
""",
        ("dx reads the windows of dout with stride 1 instead of 2",),
    ),
    Variant(
        "conv_transpose2d",
        "dweight assigned",
        """
import numpy as np
def conv_transpose2d_forward(x, weight, bias):
    M, C, I, L = x.shape
    _, F, P, Q = weight.shape
    out = np.zeros((M, F, 2 * (I - 1) + P, 2 * (L - 1) + Q))
    for i in range(I):
        for j in range(L):
            out[:, :, 2 * i:2 * i + P, 2 * j:2 * j + Q] += np.tensordot(x[:, :, i, j], weight, axes=(1, 0))
    return out + bias[:, None, None]
def conv_transpose2d_backward(dout, x, weight, bias):
    M, C, I, L = x.shape
    _, F, P, Q = weight.shape
    dx = np.zeros(x.shape)
    dweight = np.zeros(weight.shape)
    for m in range(M):
        for i in range(I):
            for j in range(L):
                d = dout[m, :, 2 * i:2 * i + P, 2 * j:2 * j + Q]
                for c in range(C):
                    dx[m, c, i, j] = np.sum(d * weight[c])
                    dweight[c] += x[m, c, i, j] * d
        if m < M - 1:
            dweight = np.zeros(weight.shape)
    dbias = dout.sum(axis=(0, 2, 3))
    return dx, dweight, dbias
""",
        ("dweight is set to zero again for each image: only the last image counts",),
    ),
    Variant(
        "avg_pool2d",
        "divided by 2",
        """
import numpy as np
def avg_pool2d_forward(x):
    return (x[:, :, ::2, ::2] + x[:, :, 1::2, ::2] + x[:, :, ::2, 1::2] + x[:, :, 1::2, 1::2]) / 4
def avg_pool2d_backward(dout, x):
    k = 2
    return np.repeat(np.repeat(dout, k, axis=2), k, axis=3) / k
""",
        ("dout is divided by the side of the window (2) instead of the number in it (4)",),
    ),
    Variant(
        "avg_pool2d",
        "tile",
        """
import numpy as np
def avg_pool2d_backward(dout, x):
    return np.tile(dout / 4, (1, 1, 2, 2))
""",
        ("np.tile instead of np.repeat: the gradient goes to the wrong pixels",),
    ),
    Variant(
        "avg_pool2d",
        "reshape order",
        """
import numpy as np
def avg_pool2d_forward(x):
    M, C, Y, X = x.shape
    return x.reshape(M, C, 2, Y // 2, 2, X // 2).mean(axis=(2, 4))
def avg_pool2d_backward(dout, x):
    M, C, Y, X = x.shape
    d = np.broadcast_to(dout[:, :, None, :, None, :], (M, C, 2, Y // 2, 2, X // 2)) / 4
    return d.reshape(x.shape)
""",
        (
            "the reshape splits (2, Y/2) instead of (Y/2, 2): pixels half an image apart are averaged, not neighbours; in both directions",
        ),
    ),
    Variant(
        "masked_conv2d",
        "dweight unmasked",
        """
import numpy as np
def make_mask(kind):
    mask = np.ones((3, 3))
    mask[2] = 0
    mask[1, 2] = 0
    if kind == "A":
        mask[1, 1] = 0
    return mask
def masked_conv2d_forward(x, weight, bias, kind):
    N, C, H, W = x.shape
    F = weight.shape[0]
    w = weight * make_mask(kind)
    xp = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    out = np.zeros((N, F, H, W))
    for i in range(H):
        for j in range(W):
            out[:, :, i, j] = np.tensordot(xp[:, :, i:i + 3, j:j + 3], w, axes=([1, 2, 3], [1, 2, 3])) + bias
    return out
def masked_conv2d_backward(dout, x, weight, bias, kind):
    N, C, H, W = x.shape
    mask = make_mask(kind)
    w = weight * mask
    xp = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    dxp = np.zeros_like(xp)
    dw = np.zeros_like(weight)
    for i in range(H):
        for j in range(W):
            d = dout[:, :, i, j]
            dw += np.tensordot(d, xp[:, :, i:i + 3, j:j + 3], axes=(0, 0))
            dxp[:, :, i:i + 3, j:j + 3] += np.tensordot(d, w, axes=(1, 0))
    return dxp[:, :, 1:-1, 1:-1], dw, dout.sum(axis=(0, 2, 3))
""",
        ("the gradient of the weight is not masked",),
    ),
    Variant(
        "masked_conv2d",
        "dx with the whole kernel",
        """
import numpy as np
def make_mask(kind):
    mask = np.ones((3, 3))
    mask[2] = 0
    mask[1, 2] = 0
    if kind == "A":
        mask[1, 1] = 0
    return mask
def masked_conv2d_backward(dout, x, weight, bias, kind):
    N, C, H, W = x.shape
    mask = make_mask(kind)
    w = weight
    xp = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    dxp = np.zeros_like(xp)
    dw = np.zeros_like(weight)
    for i in range(H):
        for j in range(W):
            d = dout[:, :, i, j]
            dw += np.tensordot(d, xp[:, :, i:i + 3, j:j + 3], axes=(0, 0))
            dxp[:, :, i:i + 3, j:j + 3] += np.tensordot(d, w, axes=(1, 0))
    dw = dw * mask
    return dxp[:, :, 1:-1, 1:-1], dw, dout.sum(axis=(0, 2, 3))
""",
        ("dx is computed with the unmasked weight",),
    ),
    Variant(
        "masked_conv2d",
        "top right masked too",
        """
import numpy as np
def make_mask(kind):
    mask = np.ones((3, 3))
    mask[2, :] = 0
    mask[:, 2] = 0
    if kind == "A":
        mask[1, 1] = 0
    return mask
def masked_conv2d_forward(x, weight, bias, kind):
    N, C, H, W = x.shape
    F = weight.shape[0]
    w = weight * make_mask(kind)
    xp = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    out = np.zeros((N, F, H, W))
    for i in range(H):
        for j in range(W):
            out[:, :, i, j] = np.tensordot(xp[:, :, i:i + 3, j:j + 3], w, axes=([1, 2, 3], [1, 2, 3])) + bias
    return out
def masked_conv2d_backward(dout, x, weight, bias, kind):
    N, C, H, W = x.shape
    mask = make_mask(kind)
    w = weight * mask
    xp = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    dxp = np.zeros_like(xp)
    dw = np.zeros_like(weight)
    for i in range(H):
        for j in range(W):
            d = dout[:, :, i, j]
            dw += np.tensordot(d, xp[:, :, i:i + 3, j:j + 3], axes=(0, 0))
            dxp[:, :, i:i + 3, j:j + 3] += np.tensordot(d, w, axes=(1, 0))
    dw = dw * mask
    return dxp[:, :, 1:-1, 1:-1], dw, dout.sum(axis=(0, 2, 3))
""",
        ("the whole right column is masked, also in the row above, which may be seen; in both directions",),
    ),
    Variant(
        "masked_conv2d",
        "always A",
        """
import numpy as np
def make_mask(kind):
    mask = np.ones((3, 3))
    mask[2] = 0
    mask[1, 1:] = 0
    return mask
def masked_conv2d_forward(x, weight, bias, kind):
    N, C, H, W = x.shape
    F = weight.shape[0]
    w = weight * make_mask(kind)
    xp = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    out = np.zeros((N, F, H, W))
    for i in range(H):
        for j in range(W):
            out[:, :, i, j] = np.tensordot(xp[:, :, i:i + 3, j:j + 3], w, axes=([1, 2, 3], [1, 2, 3])) + bias
    return out
def masked_conv2d_backward(dout, x, weight, bias, kind):
    N, C, H, W = x.shape
    mask = make_mask(kind)
    w = weight * mask
    xp = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    dxp = np.zeros_like(xp)
    dw = np.zeros_like(weight)
    for i in range(H):
        for j in range(W):
            d = dout[:, :, i, j]
            dw += np.tensordot(d, xp[:, :, i:i + 3, j:j + 3], axes=(0, 0))
            dxp[:, :, i:i + 3, j:j + 3] += np.tensordot(d, w, axes=(1, 0))
    dw = dw * mask
    return dxp[:, :, 1:-1, 1:-1], dw, dout.sum(axis=(0, 2, 3))
""",
        ("kind is ignored: the centre is masked for B too, in both directions",),
    ),
    Variant(
        "lstm_step",
        "order i f o g",
        """
import numpy as np
def sigmoid(a):
    return 1 / (1 + np.exp(-a))
def lstm_step_forward(x, previous_h, previous_c, weight, recurrent, bias):
    H = previous_h.shape[1]
    a = x @ weight.T + previous_h @ recurrent.T + bias
    i = sigmoid(a[:, :H])
    f = sigmoid(a[:, H:2 * H])
    o = sigmoid(a[:, 2 * H:3 * H])
    g = np.tanh(a[:, 3 * H:])
    next_c = f * previous_c + i * g
    next_h = o * np.tanh(next_c)
    cache = (x, previous_h, previous_c, weight, recurrent, i, f, g, o, next_c, next_h)
    return next_h, next_c, cache
def lstm_step_backward(dh, dc, cache):
    x, previous_h, previous_c, weight, recurrent, i, f, g, o, next_c, next_h = cache
    t = np.tanh(next_c)
    do = dh * t
    dct = dc + dh * o * (1 - t ** 2)
    df = dct * previous_c
    di = dct * g
    dg = dct * i
    dprev_c = dct * f
    da = np.concatenate([di * i * (1 - i), df * f * (1 - f), do * o * (1 - o), dg * (1 - g ** 2)], axis=1)
    return da @ weight, da @ recurrent, dprev_c, da.T @ x, da.T @ previous_h, da.sum(axis=0)
""",
        ("blocks in the order i, f, o, g (as in cs231n) instead of i, f, g, o, in both directions",),
    ),
    Variant(
        "lstm_step",
        "incoming dc dropped",
        """
import numpy as np
def sigmoid(a):
    return 1 / (1 + np.exp(-a))
def lstm_step_forward(x, previous_h, previous_c, weight, recurrent, bias):
    H = previous_h.shape[1]
    a = x @ weight.T + previous_h @ recurrent.T + bias
    i = sigmoid(a[:, :H])
    f = sigmoid(a[:, H:2 * H])
    g = np.tanh(a[:, 2 * H:3 * H])
    o = sigmoid(a[:, 3 * H:])
    next_c = f * previous_c + i * g
    next_h = o * np.tanh(next_c)
    cache = (x, previous_h, previous_c, weight, recurrent, i, f, g, o, next_c, next_h)
    return next_h, next_c, cache
def lstm_step_backward(dh, dc, cache):
    x, previous_h, previous_c, weight, recurrent, i, f, g, o, next_c, next_h = cache
    t = np.tanh(next_c)
    do = dh * t
    dct = dh * o * (1 - t ** 2)
    df = dct * previous_c
    di = dct * g
    dg = dct * i
    dprev_c = dct * f
    da = np.concatenate([di * i * (1 - i), df * f * (1 - f), dg * (1 - g ** 2), do * o * (1 - o)], axis=1)
    return da @ weight, da @ recurrent, dprev_c, da.T @ x, da.T @ previous_h, da.sum(axis=0)
""",
        ("the dc that comes in from the next step is not added",),
    ),
    Variant(
        "lstm_step",
        "1 - c^2",
        """
import numpy as np
def sigmoid(a):
    return 1 / (1 + np.exp(-a))
def lstm_step_forward(x, previous_h, previous_c, weight, recurrent, bias):
    H = previous_h.shape[1]
    a = x @ weight.T + previous_h @ recurrent.T + bias
    i = sigmoid(a[:, :H])
    f = sigmoid(a[:, H:2 * H])
    g = np.tanh(a[:, 2 * H:3 * H])
    o = sigmoid(a[:, 3 * H:])
    next_c = f * previous_c + i * g
    next_h = o * np.tanh(next_c)
    cache = (x, previous_h, previous_c, weight, recurrent, i, f, g, o, next_c, next_h)
    return next_h, next_c, cache
def lstm_step_backward(dh, dc, cache):
    x, previous_h, previous_c, weight, recurrent, i, f, g, o, next_c, next_h = cache
    t = np.tanh(next_c)
    do = dh * t
    dct = dc + dh * o * (1 - next_c ** 2)
    df = dct * previous_c
    di = dct * g
    dg = dct * i
    dprev_c = dct * f
    da = np.concatenate([di * i * (1 - i), df * f * (1 - f), dg * (1 - g ** 2), do * o * (1 - o)], axis=1)
    return da @ weight, da @ recurrent, dprev_c, da.T @ x, da.T @ previous_h, da.sum(axis=0)
""",
        ("slope of tanh c' as 1 - c'^2 instead of 1 - tanh(c')^2",),
    ),
    Variant(
        "lstm_step",
        "new h in drecurrent",
        """
import numpy as np
def sigmoid(a):
    return 1 / (1 + np.exp(-a))
def lstm_step_forward(x, previous_h, previous_c, weight, recurrent, bias):
    H = previous_h.shape[1]
    a = x @ weight.T + previous_h @ recurrent.T + bias
    i = sigmoid(a[:, :H])
    f = sigmoid(a[:, H:2 * H])
    g = np.tanh(a[:, 2 * H:3 * H])
    o = sigmoid(a[:, 3 * H:])
    next_c = f * previous_c + i * g
    next_h = o * np.tanh(next_c)
    cache = (x, previous_h, previous_c, weight, recurrent, i, f, g, o, next_c, next_h)
    return next_h, next_c, cache
def lstm_step_backward(dh, dc, cache):
    x, previous_h, previous_c, weight, recurrent, i, f, g, o, next_c, next_h = cache
    t = np.tanh(next_c)
    do = dh * t
    dct = dc + dh * o * (1 - t ** 2)
    df = dct * previous_c
    di = dct * g
    dg = dct * i
    dprev_c = dct * f
    da = np.concatenate([di * i * (1 - i), df * f * (1 - f), dg * (1 - g ** 2), do * o * (1 - o)], axis=1)
    return da @ weight, da @ recurrent, dprev_c, da.T @ x, da.T @ next_h, da.sum(axis=0)
""",
        ("drecurrent from the new h instead of the previous h",),
    ),
    Variant(
        "softmax",
        "max in numerator only",
        """
import numpy as np
def softmax_forward(logits):
    shifted = logits - np.max(logits, axis=1, keepdims=True)
    return np.exp(shifted) / np.sum(np.exp(logits), axis=1, keepdims=True)
""",
        ("the maximum is subtracted in the numerator but not in the denominator: rows do not sum to 1",),
    ),
    Variant(
        "softmax",
        "p missing in the sum",
        """
import numpy as np
def softmax_backward(dout, logits):
    e = np.exp(logits - logits.max(axis=1, keepdims=True))
    p = e / e.sum(axis=1, keepdims=True)
    return p * (dout - dout.sum(axis=1, keepdims=True))
""",
        ("the subtracted sum is of dout instead of dout * p",),
    ),
    Variant(
        "softmax",
        "sum over the wrong axis",
        """
import numpy as np
def softmax_forward(logits):
    e = np.exp(logits - logits.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)
def softmax_backward(dout, logits):
    p = softmax_forward(logits)
    return p * (dout - (dout * p).sum(axis=0))
""",
        ("the sum of dout * p goes over the rows (axis 0) instead of the classes (axis 1)",),
    ),
    Variant(
        "bce_with_logits",
        "positive term only",
        """
import numpy as np
def bce_with_logits_forward(logits, target):
    p = 1 / (1 + np.exp(-logits))
    return -np.sum(target * np.log(p)) / logits.shape[0]
def bce_with_logits_backward(logits, target):
    p = 1 / (1 + np.exp(-logits))
    return -target * (1 - p) / logits.shape[0]
""",
        ("only -t ln p: the term (1 - t) ln(1 - p) is missing, in both directions",),
    ),
    Variant(
        "bce_with_logits",
        "stable formula without abs",
        """
import numpy as np
def bce_with_logits_forward(logits, target):
    loss = np.maximum(logits, 0) - logits * target + np.log(1 + np.exp(-logits))
    return loss.sum(axis=1).mean()
""",
        ("the stable formula with ln(1 + e^(-a)) instead of ln(1 + e^(-|a|)): wrong for negative logits",),
    ),
    Variant(
        "bce_with_logits",
        "extra sigmoid slope",
        """
import numpy as np
def bce_with_logits_forward(logits, target):
    p = 1 / (1 + np.exp(-logits))
    return np.mean(np.sum(-target * np.log(p) - (1 - target) * np.log(1 - p), axis=1))
def bce_with_logits_backward(logits, target):
    p = 1 / (1 + np.exp(-logits))
    return (p - target) * p * (1 - p) / len(logits)
""",
        ("p - t is multiplied by the slope p(1 - p) once more, as for the squared error",),
    ),
    Variant(
        "bce_with_logits",
        "derivative for p",
        """
import numpy as np
def bce_with_logits_backward(logits, target):
    N = logits.shape[0]
    p = 1 / (1 + np.exp(-logits))
    return (-target / p + (1 - target) / (1 - p)) / N
""",
        ("the derivative for p is returned: the slope p(1 - p) of the sigmoid is missing",),
    ),
    Variant(
        "log_sum_exp",
        "maximum not added back",
        """
import numpy as np
def log_sum_exp_forward(x):
    m = x.max(axis=1, keepdims=True)
    return np.log(np.sum(np.exp(x - m), axis=1))
""",
        ("the maximum is subtracted but not added back",),
    ),
    Variant(
        "log_sum_exp",
        "inner derivative missing",
        """
import numpy as np
def log_sum_exp_forward(x):
    return np.log(np.exp(x).sum(axis=1))
def log_sum_exp_backward(dout, x):
    s = np.exp(x).sum(axis=1)
    return (dout / s)[:, None] * np.ones_like(x)
""",
        ("only the derivative of ln (1/sum) is taken: the inner one, e^x, is missing",),
    ),
    Variant(
        "log_sum_exp",
        "log mean exp",
        """
import numpy as np
def log_sum_exp_forward(x):
    m = np.max(x, axis=1)
    return m + np.log(np.mean(np.exp(x - m[:, None]), axis=1))
def log_sum_exp_backward(dout, x):
    e = np.exp(x - np.max(x, axis=1, keepdims=True))
    return dout[:, None] * e / e.sum(axis=1, keepdims=True)
""",
        ("the mean of e^x instead of the sum: ln K is missing",),
    ),
    Variant(
        "coin_mle",
        "Laplace smoothing",
        """
import numpy as np
def coin_mle(throws):
    heads = throws.sum(axis=1)
    return (heads + 1) / (throws.shape[1] + 2)
""",
        ("one head and one tail are added (Laplace's rule): not the maximum of the likelihood",),
    ),
    Variant(
        "coin_mle",
        "odds",
        """
import numpy as np
def coin_mle(throws):
    heads = np.sum(throws == 1, axis=1)
    tails = np.sum(throws == 0, axis=1)
    return heads / np.maximum(tails, 1)
""",
        ("heads divided by tails (odds) instead of by all throws",),
    ),
    Variant(
        "coin_mle",
        "divided by len",
        """
import numpy as np
def coin_mle(throws):
    out = []
    for coin in throws:
        out.append(sum(coin) / len(throws))
    return np.array(out)
""",
        ("divided by the number of coins N, len(throws), instead of the number of throws D",),
    ),
    Variant(
        "reparameterize",
        "half outside exp",
        """
import numpy as np
def reparameterize_forward(mean, log_variance, noise):
    std = 0.5 * np.exp(log_variance)
    return mean + std * noise
def reparameterize_backward(dout, mean, log_variance, noise):
    std = 0.5 * np.exp(log_variance)
    return dout, dout * noise * std
""",
        ("sigma = 0.5 exp(log_variance) instead of exp(0.5 log_variance), in both directions",),
    ),
    Variant(
        "reparameterize",
        "derivative for sigma",
        """
import numpy as np
def reparameterize_forward(mean, log_variance, noise):
    sigma = np.sqrt(np.exp(log_variance))
    return mean + sigma * noise
def reparameterize_backward(dout, mean, log_variance, noise):
    dmean = dout
    dsigma = dout * noise
    return dmean, dsigma
""",
        ("the derivative for sigma is returned: the step from sigma to log_variance (sigma/2) is missing",),
    ),
    Variant(
        "reparameterize",
        "noise forgotten",
        """
import numpy as np
def reparameterize_backward(dout, mean, log_variance, noise):
    std = np.exp(0.5 * log_variance)
    return dout, dout * 0.5 * std
""",
        ("the noise is missing in dlog_variance",),
    ),
    Variant(
        "elbo_bernoulli",
        "half missing through z",
        """
import numpy as np
def sigmoid(a):
    return 1.0 / (1.0 + np.exp(-a))
def elbo_bernoulli_backward(x, mean, log_variance, noise, weight, bias):
    N = x.shape[0]
    std = np.exp(0.5 * log_variance)
    z = mean + std * noise
    p = sigmoid(z @ weight.T + bias)
    dlogits = (p - x) / N
    dweight = dlogits.T @ z
    dbias = dlogits.sum(axis=0)
    dz = dlogits @ weight
    dmean = dz + mean / N
    dlog_variance = dz * noise * std + 0.5 * (np.exp(log_variance) - 1) / N
    return dmean, dlog_variance, dweight, dbias
""",
        ("dlog_variance: the 1/2 of d sigma/d log_variance is missing in the reconstruction's part",),
    ),
    Variant(
        "elbo_bernoulli",
        "KL gradient not over N",
        """
import numpy as np
def sigmoid(a):
    return 1.0 / (1.0 + np.exp(-a))
def elbo_bernoulli_forward(x, mean, log_variance, noise, weight, bias):
    std = np.exp(0.5 * log_variance)
    z = mean + std * noise
    p = sigmoid(z @ weight.T + bias)
    rec = -np.sum(x * np.log(p) + (1 - x) * np.log(1 - p), axis=1)
    kl = -0.5 * np.sum(1 + log_variance - mean ** 2 - np.exp(log_variance), axis=1)
    return np.mean(rec + kl)
def elbo_bernoulli_backward(x, mean, log_variance, noise, weight, bias):
    N = x.shape[0]
    std = np.exp(0.5 * log_variance)
    z = mean + std * noise
    p = sigmoid(z @ weight.T + bias)
    dlogits = (p - x) / N
    dweight = dlogits.T @ z
    dbias = dlogits.sum(axis=0)
    dz = dlogits @ weight
    dmean = dz + mean
    dlog_variance = dz * noise * 0.5 * std + 0.5 * (np.exp(log_variance) - 1)
    return dmean, dlog_variance, dweight, dbias
""",
        ("the gradient of the KL is not divided by N (in dmean and dlog_variance)",),
    ),
    Variant(
        "elbo_bernoulli",
        "KL mean over J",
        """
import numpy as np
def sigmoid(a):
    return 1.0 / (1.0 + np.exp(-a))
def elbo_bernoulli_forward(x, mean, log_variance, noise, weight, bias):
    std = np.exp(0.5 * log_variance)
    z = mean + std * noise
    p = sigmoid(z @ weight.T + bias)
    rec = -np.sum(x * np.log(p) + (1 - x) * np.log(1 - p), axis=1)
    kl = -0.5 * np.mean(1 + log_variance - mean ** 2 - np.exp(log_variance), axis=1)
    return np.mean(rec + kl)
def elbo_bernoulli_backward(x, mean, log_variance, noise, weight, bias):
    N = x.shape[0]
    J = mean.shape[1]
    std = np.exp(0.5 * log_variance)
    z = mean + std * noise
    p = sigmoid(z @ weight.T + bias)
    dlogits = (p - x) / N
    dweight = dlogits.T @ z
    dbias = dlogits.sum(axis=0)
    dz = dlogits @ weight
    dmean = dz + mean / N / J
    dlog_variance = dz * noise * 0.5 * std + 0.5 * (np.exp(log_variance) - 1) / N / J
    return dmean, dlog_variance, dweight, dbias
""",
        ("the KL is the mean over the latent variables instead of the sum, in both directions",),
    ),
    Variant(
        "elbo_bernoulli",
        "mean decoded",
        """
import numpy as np
def sigmoid(a):
    return 1.0 / (1.0 + np.exp(-a))
def elbo_bernoulli_forward(x, mean, log_variance, noise, weight, bias):
    z = mean
    p = sigmoid(z @ weight.T + bias)
    rec = -np.sum(x * np.log(p) + (1 - x) * np.log(1 - p), axis=1)
    kl = -0.5 * np.sum(1 + log_variance - mean ** 2 - np.exp(log_variance), axis=1)
    return np.mean(rec + kl)
def elbo_bernoulli_backward(x, mean, log_variance, noise, weight, bias):
    N = x.shape[0]
    z = mean
    p = sigmoid(z @ weight.T + bias)
    dlogits = (p - x) / N
    dweight = dlogits.T @ z
    dbias = dlogits.sum(axis=0)
    dz = dlogits @ weight
    dmean = dz + mean / N
    dlog_variance = 0.5 * (np.exp(log_variance) - 1) / N
    return dmean, dlog_variance, dweight, dbias
""",
        ("the decoder gets the mean instead of the sample z (the noise is not used), in both directions",),
    ),
    Variant(
        "iwae_bound",
        "log of the mean over all",
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
            "one logarithm of the mean over all data and weights instead of the mean of the logarithms, in both directions",
        ),
    ),
    Variant(
        "iwae_bound",
        "1/K in the gradient",
        """
import numpy as np
def iwae_bound_backward(log_weights):
    N, K = log_weights.shape
    w = np.exp(log_weights - log_weights.max(axis=1, keepdims=True))
    w /= w.sum(axis=1, keepdims=True)
    return w / (N * K)
""",
        ("the gradient is divided by K once too often: 1/K cancels within the logarithm",),
    ),
    Variant(
        "iwae_bound",
        "as a loss",
        """
import numpy as np
def iwae_bound_forward(log_weights):
    N, K = log_weights.shape
    m = np.max(log_weights, axis=1, keepdims=True)
    log_mean = m[:, 0] + np.log(np.sum(np.exp(log_weights - m), axis=1)) - np.log(K)
    return -np.mean(log_mean)
def iwae_bound_backward(log_weights):
    N, K = log_weights.shape
    w = np.exp(log_weights - np.max(log_weights, axis=1, keepdims=True))
    return -w / np.sum(w, axis=1, keepdims=True) / N
""",
        ("the negative bound (a loss) is returned instead of the bound, in both directions",),
    ),
    Variant(
        "generator_loss_minimax",
        "minus sign",
        """
import numpy as np
def generator_loss_minimax_forward(fake_logits):
    d = 1 / (1 + np.exp(-fake_logits))
    return -np.mean(np.log(1 - d))
def generator_loss_minimax_backward(fake_logits):
    d = 1 / (1 + np.exp(-fake_logits))
    return d / len(fake_logits)
""",
        ("-E ln(1 - D), the discriminator's term, with the sign turned, in both directions",),
    ),
    Variant(
        "generator_loss_minimax",
        "derivative for D",
        """
import numpy as np
def generator_loss_minimax_forward(fake_logits):
    d = 1 / (1 + np.exp(-fake_logits))
    return np.log(1 - d).mean()
def generator_loss_minimax_backward(fake_logits):
    d = 1 / (1 + np.exp(-fake_logits))
    return -1 / (1 - d) / fake_logits.size
""",
        ("the derivative for D is returned: the slope D(1 - D) of the sigmoid is missing",),
    ),
    Variant(
        "generator_loss_minimax",
        "mean inside the log",
        """
import numpy as np
def generator_loss_minimax_forward(fake_logits):
    d = 1 / (1 + np.exp(-fake_logits))
    return np.log(np.mean(1 - d))
def generator_loss_minimax_backward(fake_logits):
    d = 1 / (1 + np.exp(-fake_logits))
    return -d * (1 - d) / np.sum(1 - d)
""",
        ("the logarithm of the mean instead of the mean of the logarithms, in both directions",),
    ),
    Variant(
        "gradient_penalty",
        "unit vector missing",
        """
import numpy as np
def gradient_penalty_backward(slope, strength):
    norm = np.sqrt(np.sum(slope ** 2, axis=1, keepdims=True))
    return 2 * strength * (norm - 1) * slope / slope.shape[0]
""",
        ("the slope is not divided by its length: the derivative of the norm is s/|s|",),
    ),
    Variant(
        "gradient_penalty",
        "mean of the norms first",
        """
import numpy as np
def gradient_penalty_forward(slope, strength):
    norm = np.linalg.norm(slope, axis=1)
    return strength * (norm.mean() - 1) ** 2
def gradient_penalty_backward(slope, strength):
    norm = np.linalg.norm(slope, axis=1, keepdims=True)
    return 2 * strength * (norm.mean() - 1) * slope / norm / len(slope)
""",
        ("the mean length is taken before the square: (E|s| - 1)^2 instead of E(|s| - 1)^2, in both directions",),
    ),
    Variant(
        "gradient_penalty",
        "L1 norm",
        """
import numpy as np
def gradient_penalty_forward(slope, strength):
    norm = np.abs(slope).sum(axis=1)
    return strength * np.mean((norm - 1) ** 2)
def gradient_penalty_backward(slope, strength):
    norm = np.abs(slope).sum(axis=1, keepdims=True)
    return 2 * strength * (norm - 1) * np.sign(slope) / len(slope)
""",
        ("the sum of absolute values (L1) instead of the length (L2), in both directions",),
    ),
    Variant(
        "momentum_step",
        "lr inside the velocity",
        """
import numpy as np
def momentum_step(parameter, gradient, velocity, lr, momentum):
    velocity = momentum * velocity - lr * gradient
    parameter = parameter + velocity
    return parameter, velocity
""",
        ("cs231n's convention: the velocity holds -lr*g and is added to the parameter",),
    ),
    Variant(
        "momentum_step",
        "Nesterov",
        """
import numpy as np
def momentum_step(parameter, gradient, velocity, lr, momentum):
    u = momentum * velocity + gradient
    return parameter - lr * (gradient + momentum * u), u
""",
        ("Nesterov's step lr*(g + mu*u) instead of lr*u",),
    ),
    Variant(
        "momentum_step",
        "old velocity returned",
        """
import numpy as np
def momentum_step(parameter, gradient, velocity, lr, momentum):
    u = momentum * velocity + gradient
    new_parameter = parameter - lr * u
    return new_parameter, velocity
""",
        ("the old velocity is returned instead of the new one",),
    ),
]
