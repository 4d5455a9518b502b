"""Losses as students write them: right ones, wrong ones, and some that are wrong twice."""

from __future__ import annotations

from tests.checker.direct import Variant

RIGHT = (
    Variant("mse", "one line", """
        def mse_forward(prediction, target):
            return np.mean(np.square(prediction - target))
        def mse_backward(prediction, target):
            return 2.0 / prediction.size * (prediction - target)
    """),
    Variant("mse", "loops", """
        def mse_forward(prediction, target):
            total, count = 0.0, 0
            for row, right in zip(prediction, target):
                for p, t in zip(row, right):
                    total += (p - t) ** 2
                    count += 1
            return total / count
        def mse_backward(prediction, target):
            n, d = prediction.shape
            out = np.zeros((n, d))
            for i in range(n):
                for j in range(d):
                    out[i, j] = 2 * (prediction[i, j] - target[i, j]) / (n * d)
            return out
    """),
    Variant("mse", "with a cache, as a dict", """
        def mse_forward(prediction, target):
            difference = prediction - target
            return (difference ** 2).mean(), difference
        def mse_backward(cache):
            return {"dprediction": cache * 2 / cache.size}
    """),
    Variant("mse", "single precision, Fortran order", """
        def mse_forward(prediction, target):
            return ((prediction.astype(np.float32) - target.astype(np.float32)) ** 2).mean()
        def mse_backward(prediction, target):
            return np.asfortranarray((2 * (prediction - target) / target.size).astype(np.float32))
    """),
    Variant("mse", "targets without a gradient, expanded", """
        def mse_forward(p, t):
            return (p * p - 2 * p * t + t * t).sum() / np.prod(p.shape)
        def mse_backward(p, t):
            return -2 * (t - p) / np.prod(p.shape)
    """),
    Variant("softmax", "naive", """
        def softmax_forward(logits):
            e = np.exp(logits)
            return e / e.sum(axis=1, keepdims=True)
        def softmax_backward(dout, logits):
            p = softmax_forward(logits)
            return p * dout - p * (p * dout).sum(axis=1, keepdims=True)
    """),
    Variant("softmax", "stable, with a cache", """
        def softmax_forward(logits):
            e = np.exp(logits - logits.max(axis=1, keepdims=True))
            p = e / e.sum(axis=1, keepdims=True)
            return p, (p,)
        def softmax_backward(dout, cache):
            p, = cache
            return {"dlogits": p * (dout - np.einsum("nk,nk->n", p, dout)[:, None])}
    """),
    Variant("softmax", "whole Jacobians", """
        def softmax_forward(logits):
            out = []
            for row in logits:
                e = np.exp(row - np.max(row))
                out.append(e / np.sum(e))
            return np.array(out)
        def softmax_backward(dout, logits):
            out = np.zeros_like(logits)
            for n, p in enumerate(softmax_forward(logits)):
                jacobian = np.diag(p) - np.outer(p, p)
                out[n] = jacobian.T @ dout[n]
            return out
    """),
    Variant("softmax", "an epsilon, single precision", """
        def softmax_forward(logits):
            x = logits.astype(np.float32)
            e = np.exp(x - x.max())
            return e / (e.sum(-1)[:, None] + 1e-12)
        def softmax_backward(dout, logits):
            p = softmax_forward(logits)
            return (p * (dout - np.sum(p * dout, -1, keepdims=True))).astype(np.float32)
    """),
    Variant("softmax_cross_entropy", "naive", """
        def softmax_cross_entropy_forward(logits, labels):
            p = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
            return -np.log(p[np.arange(len(labels)), labels]).mean()
        def softmax_cross_entropy_backward(logits, labels):
            p = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
            p[np.arange(len(labels)), labels] -= 1
            return p / len(labels)
    """),
    Variant("softmax_cross_entropy", "with an epsilon in the logarithm", """
        def softmax_cross_entropy_forward(logits, labels):
            z = logits - logits.max(1, keepdims=True)
            p = np.exp(z) / np.exp(z).sum(1, keepdims=True)
            y = np.eye(logits.shape[1])[labels]
            return -(y * np.log(p + 1e-9)).sum() / len(labels), (p, y)
        def softmax_cross_entropy_backward(cache):
            p, y = cache
            return (p - y) / p.shape[0]
    """),
    Variant("softmax_cross_entropy", "loops", """
        def softmax_cross_entropy_forward(logits, labels):
            loss = 0
            for z, label in zip(logits, labels):
                loss += np.log(np.sum(np.exp(z - z.max()))) + z.max() - z[label]
            return loss / len(labels)
        def softmax_cross_entropy_backward(logits, labels):
            out = np.zeros(logits.shape)
            for n in range(logits.shape[0]):
                total = sum(np.exp(v) for v in logits[n])
                for k in range(logits.shape[1]):
                    out[n, k] = (np.exp(logits[n, k]) / total - (1 if k == labels[n] else 0)) / logits.shape[0]
            return out
    """),
    Variant("softmax_cross_entropy", "log-softmax, single precision", """
        def softmax_cross_entropy_forward(logits, labels):
            logp = logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)
            return float(-np.take_along_axis(logp, labels[:, None], 1).mean())
        def softmax_cross_entropy_backward(logits, labels):
            x = logits.astype("f4")
            p = np.exp(x - np.logaddexp.reduce(x, axis=1)[:, None])
            return dict(dlogits=(p - (labels[:, None] == np.arange(x.shape[1]))) / np.float32(len(x)))
    """),
    Variant("bce_with_logits", "naive", """
        def bce_with_logits_forward(logits, target):
            p = 1 / (1 + np.exp(-logits))
            return -(target * np.log(p) + (1 - target) * np.log(1 - p)).sum(1).mean()
        def bce_with_logits_backward(logits, target):
            return (1 / (1 + np.exp(-logits)) - target) / len(logits)
    """),
    Variant("bce_with_logits", "stable", """
        def bce_with_logits_forward(logits, target):
            loss = np.maximum(logits, 0) - logits * target + np.log1p(np.exp(-np.abs(logits)))
            return np.sum(loss) / logits.shape[0]
        def bce_with_logits_backward(logits, target):
            e = np.exp(-np.abs(logits))
            p = np.where(logits >= 0, 1 / (1 + e), e / (1 + e))
            return (p - target) / logits.shape[0]
    """),
    Variant("bce_with_logits", "loops", """
        import math
        def bce_with_logits_forward(logits, target):
            n, d = logits.shape
            total = 0.0
            for i in range(n):
                for j in range(d):
                    p = 1 / (1 + math.exp(-logits[i, j]))
                    total -= math.log(p) if target[i, j] == 1 else math.log(1 - p)
            return total / n
        def bce_with_logits_backward(logits, target):
            n, d = logits.shape
            out = np.empty((n, d))
            for i in range(n):
                for j in range(d):
                    out[i, j] = (1 / (1 + math.exp(-logits[i, j])) - target[i, j]) / n
            return out
    """),
    Variant("bce_with_logits", "chain rule through p, with an epsilon", """
        def bce_with_logits_forward(logits, target):
            p = 1 / (1 + np.exp(-logits))
            loss = -(target * np.log(p + 1e-10) + (1 - target) * np.log(1 - p + 1e-10))
            return loss.sum() / len(logits), (p, target)
        def bce_with_logits_backward(cache):
            p, t = cache
            dp = (-t / (p + 1e-10) + (1 - t) / (1 - p + 1e-10)) / len(p)
            return dp * p * (1 - p)
    """),
    Variant("bce_with_logits", "single precision, logaddexp", """
        def bce_with_logits_forward(logits, target):
            x = logits.astype(np.float32)
            return (np.logaddexp(0, x) - target.astype(np.float32) * x).sum(1).mean()
        def bce_with_logits_backward(logits, target):
            return ((0.5 * (np.tanh(logits / 2) + 1) - target) / len(target)).astype(np.float32)
    """),
    Variant("softmax256_nll", "axis 1", """
        def softmax256_nll_forward(logits, levels):
            z = logits - logits.max(1, keepdims=True)
            logp = z - np.log(np.exp(z).sum(1, keepdims=True))
            return -np.take_along_axis(logp, levels[:, None], 1).sum() / len(logits)
        def softmax256_nll_backward(logits, levels):
            e = np.exp(logits - logits.max(1, keepdims=True))
            d = e / e.sum(1, keepdims=True)
            np.put_along_axis(d, levels[:, None], np.take_along_axis(d, levels[:, None], 1) - 1, 1)
            return d / len(logits)
    """),
    Variant("softmax256_nll", "classes moved to the end", """
        def softmax256_nll_forward(logits, levels):
            n, k, h, w = logits.shape
            flat = logits.transpose(0, 2, 3, 1).reshape(-1, k)
            p = np.exp(flat) / np.exp(flat).sum(1, keepdims=True)
            return -np.log(p[np.arange(n * h * w), levels.reshape(-1)]).sum() / n, (p, levels, logits.shape)
        def softmax256_nll_backward(cache):
            p, levels, (n, k, h, w) = cache
            d = p.copy()
            d[np.arange(len(d)), levels.ravel()] -= 1
            return d.reshape(n, h, w, k).transpose(0, 3, 1, 2) / n
    """),
    Variant("softmax256_nll", "loops", """
        def softmax256_nll_forward(logits, levels):
            n, k, h, w = logits.shape
            total = 0.0
            for i in range(n):
                for y in range(h):
                    for x in range(w):
                        a = logits[i, :, y, x]
                        total += np.log(np.exp(a).sum()) - a[levels[i, y, x]]
            return total / n
        def softmax256_nll_backward(logits, levels):
            d = np.zeros_like(logits)
            n, k, h, w = logits.shape
            for i in range(n):
                for y in range(h):
                    for x in range(w):
                        e = np.exp(logits[i, :, y, x])
                        d[i, :, y, x] = e / e.sum() / n
                        d[i, levels[i, y, x], y, x] -= 1 / n
            return d
    """),
    Variant("softmax256_nll", "one-hot, single precision", """
        def softmax256_nll_forward(logits, levels):
            y = (levels[:, None] == np.arange(logits.shape[1])[:, None, None]).astype(np.float32)
            x = logits.astype(np.float32)
            return (np.log(np.exp(x).sum(1)).sum() - (x * y).sum()) / np.float32(len(x))
        def softmax256_nll_backward(logits, levels):
            y = np.eye(logits.shape[1], dtype="f4")[levels].transpose(0, 3, 1, 2)
            e = np.exp(logits.astype("f4"))
            return np.asfortranarray((e / e.sum(1, keepdims=True) - y) / np.float32(len(y)))
    """),
    Variant("log_sum_exp", "naive", """
        def log_sum_exp_forward(x):
            return np.log(np.exp(x).sum(1))
        def log_sum_exp_backward(dout, x):
            return np.exp(x) / np.exp(x).sum(1, keepdims=True) * dout[:, None]
    """),
    Variant("log_sum_exp", "stable, from its own result", """
        def log_sum_exp_forward(x):
            m = x.max(1)
            out = m + np.log(np.exp(x - m[:, None]).sum(1))
            return out, (x, out)
        def log_sum_exp_backward(dout, cache):
            x, out = cache
            return {"dx": (dout * np.exp(x - out[:, None]).T).T}
    """),
    Variant("log_sum_exp", "loops", """
        def log_sum_exp_forward(x):
            return np.array([max(row) + np.log(sum(np.exp(v - max(row)) for v in row)) for row in x])
        def log_sum_exp_backward(dout, x):
            d = np.zeros_like(x)
            for n, row in enumerate(x):
                d[n] = dout[n] * np.exp(row) / np.exp(row).sum()
            return d
    """),
    Variant("log_sum_exp", "logaddexp, single precision", """
        def log_sum_exp_forward(x):
            return np.logaddexp.reduce(x.astype(np.float32), axis=-1)
        def log_sum_exp_backward(dout, x):
            return (dout[:, None] * np.exp(x - np.logaddexp.reduce(x, 1)[:, None])).astype(np.float32)
    """),
    Variant("gaussian_log_density", "as on the page", """
        def gaussian_log_density_forward(z, mean, log_variance):
            return -0.5 * np.sum(np.log(2 * np.pi) + log_variance + (z - mean) ** 2 * np.exp(-log_variance), axis=1)
        def gaussian_log_density_backward(dout, z, mean, log_variance):
            g = dout[:, None]
            e = (z - mean) * np.exp(-log_variance)
            return -g * e, g * e, 0.5 * g * (e * (z - mean) - 1)
    """),
    Variant("gaussian_log_density", "with σ", """
        def gaussian_log_density_forward(z, mean, log_variance):
            std = np.exp(0.5 * log_variance)
            u = (z - mean) / std
            out = -(0.5 * u ** 2 + np.log(std) + 0.5 * np.log(2 * np.pi)).sum(-1)
            return out, (u, std)
        def gaussian_log_density_backward(dout, cache):
            u, std = cache
            dmean = dout.reshape(-1, 1) * u / std
            return {"dz": -dmean, "dmean": dmean, "dlog_variance": dout.reshape(-1, 1) * (u ** 2 - 1) / 2}
    """),
    Variant("gaussian_log_density", "loops", """
        def gaussian_log_density_forward(z, mean, log_variance):
            out = np.zeros(len(z))
            for n in range(len(z)):
                for j in range(z.shape[1]):
                    variance = np.exp(log_variance[n, j])
                    density = np.exp(-(z[n, j] - mean[n, j]) ** 2 / (2 * variance)) / np.sqrt(2 * np.pi * variance)
                    out[n] += np.log(density)
            return out
        def gaussian_log_density_backward(dout, z, mean, log_variance):
            dz, dmean, dlv = np.zeros_like(z), np.zeros_like(z), np.zeros_like(z)
            for n in range(len(z)):
                for j in range(z.shape[1]):
                    variance = np.exp(log_variance[n, j])
                    dmean[n, j] = dout[n] * (z[n, j] - mean[n, j]) / variance
                    dz[n, j] = -dmean[n, j]
                    dlv[n, j] = dout[n] * ((z[n, j] - mean[n, j]) ** 2 / variance - 1) * 0.5
            return dz, dmean, dlv
    """),
    Variant("gaussian_log_density", "an epsilon, single precision", """
        def gaussian_log_density_forward(z, mean, log_variance):
            variance = np.exp(log_variance).astype("f4") + np.float32(1e-8)
            return -0.5 * (np.log(2 * np.pi * variance) + (z - mean).astype("f4") ** 2 / variance).sum(1)
        def gaussian_log_density_backward(dout, z, mean, log_variance):
            v = np.exp(log_variance) + 1e-9
            d = (dout * ((z - mean) / v).T).T
            return -d, d, (dout * (((z - mean) ** 2 / v - 1) / 2).T).T
    """),
    Variant("coin_mle", "the mean", "def coin_mle(throws): return throws.mean(axis=1)"),
    Variant("coin_mle", "heads over throws", "def coin_mle(throws): return np.array([sum(row) / len(row) for row in throws])"),
    Variant("coin_mle", "counted", """
        def coin_mle(throws):
            heads = np.count_nonzero(throws == 1, axis=1)
            tails = np.count_nonzero(throws == 0, axis=1)
            return heads / (heads + tails)
    """),
    Variant("coin_mle", "a dict", "def coin_mle(x): return {'out': (x @ np.ones(x.shape[1]) / x.shape[1]).astype('f4')}"),
    Variant("coin_map", "as on the page", """
        def coin_map(throws, alpha, beta):
            k, n = throws.sum(1), throws.shape[1]
            return (k + alpha - 1) / (n + alpha + beta - 2)
    """),
    Variant("coin_map", "throws seen earlier", """
        def coin_map(throws, alpha, beta):
            heads = (throws == 1).sum(1) + (alpha - 1)
            tails = (throws == 0).sum(1) + (beta - 1)
            return heads / (heads + tails)
    """),
    Variant("coin_map", "loops", """
        def coin_map(throws, alpha, beta):
            out = []
            for coin in throws:
                a, b = alpha, beta
                for x in coin:
                    a, b = (a + 1, b) if x else (a, b + 1)
                out.append((a - 1) / (a + b - 2))
            return np.array(out)
    """),
    Variant("coin_map", "between prior and data", """
        def coin_map(throws, alpha, beta):
            n, prior = throws.shape[1], alpha + beta - 2
            weight = prior / (prior + n)
            return weight * (alpha - 1) / prior + (1 - weight) * throws.mean(1)
    """),
)  # fmt: skip

WRONG = (
    # 23-25, and what else happens to a mean of squares
    Variant("mse", "2 dropped", "def mse_backward(p, t): return (p - t) / p.size", ("FACTOR",)),
    Variant("mse", "divided by N only", "def mse_backward(p, t): return 2 * (p - t) / len(p)", ("FACTOR",)),
    Variant("mse", "not divided", "def mse_backward(p, t): return 2 * (p - t)", ("FACTOR",)),
    Variant("mse", "reversed", "def mse_backward(p, t): return 2 * (t - p) / p.size", ("SIGN",)),
    Variant("mse", "target forgotten", "def mse_backward(p, t): return 2 * p / p.size", ("TERMS",)),
    Variant("mse", "sum, forward", "def mse_forward(p, t): return ((p - t) ** 2).sum()", ("FACTOR",)),
    Variant("mse", "½, forward", "def mse_forward(p, t): return 0.5 * ((p - t) ** 2).mean()", ("FACTOR",)),
    Variant("mse", "for each row", "def mse_forward(p, t): return ((p - t) ** 2).mean(1)", ("NOT_REDUCED",)),
    Variant("mse", "not reduced", "def mse_forward(p, t): return (p - t) ** 2", ("NOT_REDUCED",)),
    Variant("mse", "root", "def mse_forward(p, t): return np.sqrt(((p - t) ** 2).mean())", ("MSE_ROOT",)),
    Variant("mse", "absolute", "def mse_backward(p, t): return np.sign(p - t) / p.size", ("MSE_ABSOLUTE",)),
    Variant("mse", "the batch summed", "def mse_backward(p, t): return (2 * (p - t) / p.size).sum(0)", ("REDUCED",)),
    Variant("mse", "a number", "def mse_backward(p, t): return 2 * (p - t).mean()", ("REDUCED",)),
    Variant("mse", "only the last row", """
        def mse_backward(p, t):
            for n in range(len(p)):
                d = np.zeros_like(p)
                d[n] = 2 * (p[n] - t[n]) / p.size
            return d
    """, ("INDICES",)),
    Variant("mse", "loss of the last row", """
        def mse_forward(p, t):
            for n in range(len(p)):
                loss = ((p[n] - t[n]) ** 2).sum()
            return loss / p.size
    """, ("INDICES",)),
    # 34, 35
    Variant("softmax", "axis 0", """
        def softmax_forward(z):
            e = np.exp(z - z.max(0))
            return e / e.sum(0)
        def softmax_backward(g, z):
            p = softmax_forward(z)
            return p * (g - (g * p).sum(0))
    """, ("SOFTMAX_AXIS",)),
    Variant("softmax", "over everything", "def softmax_forward(z): return np.exp(z) / np.exp(z).sum()", ("SOFTMAX_OVER_ALL",)),
    Variant("softmax", "not normalised", "def softmax_forward(z): return np.exp(z)", ("EXTRA_FACTOR",)),
    Variant("softmax", "log-softmax", "def softmax_forward(z): return z - np.log(np.exp(z).sum(1, keepdims=True))", ("SOFTMAX_LOG",)),
    Variant("softmax", "second part missing", """
        def softmax_backward(g, z):
            p = np.exp(z) / np.exp(z).sum(1, keepdims=True)
            return p * g
    """, ("TERMS", "MISSING_FACTOR")),
    Variant("softmax", "second part added", """
        def softmax_backward(g, z):
            p = np.exp(z) / np.exp(z).sum(1, keepdims=True)
            return p * (g + (p * g).sum(1, keepdims=True))
    """, ("TERMS",)),
    Variant("softmax", "mean for the inner sum", """
        def softmax_backward(g, z):
            p = np.exp(z) / np.exp(z).sum(1, keepdims=True)
            return p * (g - (p * g).mean(1, keepdims=True))
    """, ("TERMS",)),
    Variant("softmax", "inner sum over the batch", """
        def softmax_backward(g, z):
            p = np.exp(z) / np.exp(z).sum(1, keepdims=True)
            return p * (g - (p * g).sum(0))
    """, ("SOFTMAX_SUM_OVER_BATCH",)),
    Variant("softmax", "diagonal only", """
        def softmax_backward(g, z):
            p = np.exp(z) / np.exp(z).sum(1, keepdims=True)
            return g * p * (1 - p)
    """, ("SOFTMAX_DIAGONAL",)),
    Variant("softmax", "the input in the place of the output", """
        def softmax_backward(g, z):
            return z * (g - (z * g).sum(1, keepdims=True))
    """, ("SOFTMAX_CACHED_INPUT",)),
    Variant("softmax", "p forgotten in front", """
        def softmax_backward(g, z):
            p = np.exp(z) / np.exp(z).sum(1, keepdims=True)
            return g - (p * g).sum(1, keepdims=True)
    """, ("MISSING_FACTOR",)),
    Variant("softmax", "dout ignored", """
        def softmax_backward(g, z):
            p = np.exp(z) / np.exp(z).sum(1, keepdims=True)
            return p * (1 - p)
    """, ("DOUT_IGNORED",)),
    # 26-33
    Variant("softmax_cross_entropy", "not divided by N", """
        def softmax_cross_entropy_backward(z, y):
            p = np.exp(z) / np.exp(z).sum(1, keepdims=True)
            p[range(len(y)), y] -= 1
            return p
    """, ("FACTOR",)),
    Variant("softmax_cross_entropy", "divided by N·K", """
        def softmax_cross_entropy_backward(z, y):
            p = np.exp(z) / np.exp(z).sum(1, keepdims=True)
            p[range(len(y)), y] -= 1
            return p / p.size
    """, ("FACTOR",)),
    Variant("softmax_cross_entropy", "one-hot not subtracted", """
        def softmax_cross_entropy_backward(z, y):
            p = np.exp(z) / np.exp(z).sum(1, keepdims=True)
            return p / len(y)
    """, ("TERMS",)),
    Variant("softmax_cross_entropy", "only p divided", """
        def softmax_cross_entropy_backward(z, y):
            p = np.exp(z) / np.exp(z).sum(1, keepdims=True) / len(y)
            p[range(len(y)), y] -= 1
            return p
    """, ("TERMS",)),
    Variant("softmax_cross_entropy", "added", """
        def softmax_cross_entropy_backward(z, y):
            p = np.exp(z) / np.exp(z).sum(1, keepdims=True)
            p[range(len(y)), y] += 1
            return p / len(y)
    """, ("TERMS",)),
    Variant("softmax_cross_entropy", "y - p", """
        def softmax_cross_entropy_backward(z, y):
            p = np.exp(z) / np.exp(z).sum(1, keepdims=True)
            return (np.eye(z.shape[1])[y] - p) / len(y)
    """, ("SIGN",)),
    Variant("softmax_cross_entropy", "axis 0", """
        def softmax_cross_entropy_backward(z, y):
            p = np.exp(z) / np.exp(z).sum(0)
            p[range(len(y)), y] -= 1
            return p / len(y)
    """, ("CROSS_ENTROPY_AXIS",)),
    Variant("softmax_cross_entropy", "w.r.t. probabilities", """
        def softmax_cross_entropy_backward(z, y):
            p = np.exp(z) / np.exp(z).sum(1, keepdims=True)
            return -np.eye(z.shape[1])[y] / p / len(y)
    """, ("CROSS_ENTROPY_OF_PROBABILITIES",)),
    Variant("softmax_cross_entropy", "diagonal only", """
        def softmax_cross_entropy_backward(z, y):
            p = np.exp(z) / np.exp(z).sum(1, keepdims=True)
            dp = -np.eye(z.shape[1])[y] / p / len(y)
            return dp * p * (1 - p)
    """, ("CROSS_ENTROPY_DIAGONAL",)),
    Variant("softmax_cross_entropy", "dz[:, y] -= 1", """
        def softmax_cross_entropy_backward(z, y):
            p = np.exp(z) / np.exp(z).sum(1, keepdims=True)
            p[:, y] -= 1
            return p / len(y)
    """, ("CROSS_ENTROPY_LABEL_COLUMNS",)),
    Variant("softmax_cross_entropy", "labels off by one", """
        def softmax_cross_entropy_backward(z, y):
            p = np.exp(z) / np.exp(z).sum(1, keepdims=True)
            p[range(len(y)), y - 1] -= 1
            return p / len(y)
    """, ("WRONG_INPUT",)),
    Variant("softmax_cross_entropy", "labels one too many", """
        def softmax_cross_entropy_backward(z, y):
            p = np.exp(z) / np.exp(z).sum(1, keepdims=True)
            k = z.shape[1]
            p[range(len(y)), (y + 1) % k] -= 1
            return p / len(y)
    """, ("SHIFTED",)),
    Variant("softmax_cross_entropy", "argmax for the label", """
        def softmax_cross_entropy_backward(z, y):
            p = np.exp(z) / np.exp(z).sum(1, keepdims=True)
            p[range(len(y)), z.argmax(1)] -= 1
            return p / len(y)
    """, ("CROSS_ENTROPY_OF_ARGMAX",)),
    Variant("softmax_cross_entropy", "softmax missing", """
        def softmax_cross_entropy_backward(z, y):
            return (z - np.eye(z.shape[1])[y]) / len(y)
    """, ("CROSS_ENTROPY_NO_SOFTMAX",)),
    Variant("softmax_cross_entropy", "softmax twice, both passes", """
        def softmax(z): return np.exp(z) / np.exp(z).sum(1, keepdims=True)
        def softmax_cross_entropy_forward(z, y):
            p = softmax(softmax(z))
            return -np.log(p[range(len(y)), y]).mean()
        def softmax_cross_entropy_backward(z, y):
            p = softmax(z)
            g = (softmax(p) - np.eye(z.shape[1])[y]) / len(y)
            return p * (g - (p * g).sum(1, keepdims=True))
    """, ("CROSS_ENTROPY_SOFTMAX_TWICE",)),
    Variant("softmax_cross_entropy", "sum, forward", """
        def softmax_cross_entropy_forward(z, y):
            p = np.exp(z) / np.exp(z).sum(1, keepdims=True)
            return -np.log(p[range(len(y)), y]).sum()
    """, ("FACTOR",)),
    Variant("softmax_cross_entropy", "no minus, forward", """
        def softmax_cross_entropy_forward(z, y):
            p = np.exp(z) / np.exp(z).sum(1, keepdims=True)
            return np.log(p[range(len(y)), y]).mean()
    """, ("SIGN",)),
    Variant("softmax_cross_entropy", "bits", """
        def softmax_cross_entropy_forward(z, y):
            p = np.exp(z) / np.exp(z).sum(1, keepdims=True)
            return -np.log2(p[range(len(y)), y]).mean()
    """, ("FACTOR",)),
    Variant("softmax_cross_entropy", "mean over the classes too", """
        def softmax_cross_entropy_forward(z, y):
            p = np.exp(z) / np.exp(z).sum(1, keepdims=True)
            return -(np.eye(z.shape[1])[y] * np.log(p)).mean()
    """, ("FACTOR",)),
    Variant("softmax_cross_entropy", "no logarithm", """
        def softmax_cross_entropy_forward(z, y):
            p = np.exp(z) / np.exp(z).sum(1, keepdims=True)
            return -p[range(len(y)), y].mean()
    """, ("CROSS_ENTROPY_NO_LOG",)),
    Variant("softmax_cross_entropy", "softmax missing, forward", """
        def softmax_cross_entropy_forward(z, y):
            return -z[range(len(y)), y].mean()
    """, ("TERMS",)),
    # 36-38, B2
    Variant("bce_with_logits", "slope of the sigmoid again", """
        def bce_with_logits_backward(z, t):
            p = 1 / (1 + np.exp(-z))
            return (p - t) * p * (1 - p) / len(z)
    """, ("EXTRA_FACTOR", "BCE_SQUARED")),
    Variant("bce_with_logits", "w.r.t. the probability", """
        def bce_with_logits_backward(z, t):
            p = 1 / (1 + np.exp(-z))
            return (p - t) / (p * (1 - p)) / len(z)
    """, ("MISSING_FACTOR",)),
    Variant("bce_with_logits", "mean over pixels too", """
        def bce_with_logits_backward(z, t):
            p = 1 / (1 + np.exp(-z))
            return (p - t) / z.size
    """, ("FACTOR",)),
    Variant("bce_with_logits", "not divided", """
        def bce_with_logits_backward(z, t):
            return 1 / (1 + np.exp(-z)) - t
    """, ("FACTOR",)),
    Variant("bce_with_logits", "mean over pixels, forward", """
        def bce_with_logits_forward(z, t):
            p = 1 / (1 + np.exp(-z))
            return -(t * np.log(p) + (1 - t) * np.log(1 - p)).mean()
    """, ("FACTOR",)),
    Variant("bce_with_logits", "sigmoid twice", """
        def sigmoid(x): return 1 / (1 + np.exp(-x))
        def bce_with_logits_forward(z, t):
            p = sigmoid(sigmoid(z))
            return -(t * np.log(p) + (1 - t) * np.log(1 - p)).sum(1).mean()
        def bce_with_logits_backward(z, t):
            return (sigmoid(sigmoid(z)) - t) / len(z)
    """, ("BCE_SIGMOID_TWICE",)),
    Variant("bce_with_logits", "no sigmoid", "def bce_with_logits_backward(z, t): return (z - t) / len(z)", ("BCE_NO_SIGMOID",)),
    Variant("bce_with_logits", "ones only", """
        def bce_with_logits_forward(z, t):
            return -(t * np.log(1 / (1 + np.exp(-z)))).sum(1).mean()
        def bce_with_logits_backward(z, t):
            return -t * (1 - 1 / (1 + np.exp(-z))) / len(z)
    """, ("BCE_ONES_ONLY",)),
    Variant("bce_with_logits", "second logarithm of p", """
        def bce_with_logits_forward(z, t):
            p = 1 / (1 + np.exp(-z))
            return -(t * np.log(p) + (1 - t) * np.log(p)).sum(1).mean()
    """, ("WRONG_INPUT",)),
    Variant("bce_with_logits", "targets the other way", """
        def bce_with_logits_backward(z, t):
            return (1 / (1 + np.exp(-z)) - (1 - t)) / len(z)
    """, ("WRONG_INPUT",)),
    Variant("bce_with_logits", "second term added", """
        def bce_with_logits_forward(z, t):
            p = 1 / (1 + np.exp(-z))
            return -(t * np.log(p) - (1 - t) * np.log(1 - p)).sum(1).mean()
    """, ("TERMS",)),
    Variant("bce_with_logits", "target undivided", """
        def bce_with_logits_backward(z, t):
            return 1 / (1 + np.exp(-z)) / len(z) - t
    """, ("TERMS",)),
    Variant("bce_with_logits", "for each image", """
        def bce_with_logits_forward(z, t):
            return (np.log(1 + np.exp(z)) - t * z).sum(1)
    """, ("NOT_REDUCED",)),
    Variant("bce_with_logits", "sigmoid with the wrong sign", """
        def bce_with_logits_backward(z, t):
            return (1 / (1 + np.exp(z)) - t) / len(z)
    """, ("WRONG_INPUT",)),
    Variant("bce_with_logits", "log base 2", """
        def bce_with_logits_forward(z, t):
            return (np.log2(1 + np.exp(z)) - t * z / np.log(2)).sum(1).mean()
    """, ("FACTOR",)),
    Variant("softmax256_nll", "mean over pixels", """
        def softmax256_nll_forward(z, y):
            p = np.exp(z) / np.exp(z).sum(1, keepdims=True)
            return -np.log(np.take_along_axis(p, y[:, None], 1)).mean()
        def softmax256_nll_backward(z, y):
            d = np.exp(z) / np.exp(z).sum(1, keepdims=True)
            d -= np.moveaxis(np.eye(z.shape[1])[y], 3, 1)
            return d / y.size
    """, ("FACTOR",)),
    Variant("softmax256_nll", "bits per pixel", """
        def softmax256_nll_forward(z, y):
            p = np.exp(z) / np.exp(z).sum(1, keepdims=True)
            return -np.log2(np.take_along_axis(p, y[:, None], 1)).mean()
    """, ("BITS_PER_PIXEL",)),
    Variant("softmax256_nll", "softmax over the columns", """
        def softmax256_nll_backward(z, y):
            d = np.exp(z) / np.exp(z).sum(-1, keepdims=True)
            return (d - np.moveaxis(np.eye(z.shape[1])[y], 3, 1)) / len(z)
    """, ("PIXEL_SOFTMAX_AXIS",)),
    Variant("softmax256_nll", "reshaped without moving the axis", """
        def softmax256_nll_forward(z, y):
            flat = z.reshape(-1, z.shape[1])
            p = np.exp(flat) / np.exp(flat).sum(1, keepdims=True)
            return -np.log(p[range(y.size), y.ravel()]).sum() / len(z)
        def softmax256_nll_backward(z, y):
            flat = z.reshape(-1, z.shape[1])
            p = np.exp(flat) / np.exp(flat).sum(1, keepdims=True)
            p[range(y.size), y.ravel()] -= 1
            return p.reshape(z.shape) / len(z)
    """, ("PIXEL_RESHAPED",)),
    Variant("softmax256_nll", "levels not subtracted", """
        def softmax256_nll_backward(z, y):
            return np.exp(z) / np.exp(z).sum(1, keepdims=True) / len(z)
    """, ("TERMS",)),
    Variant("softmax256_nll", "not divided", """
        def softmax256_nll_backward(z, y):
            return np.exp(z) / np.exp(z).sum(1, keepdims=True) - np.moveaxis(np.eye(z.shape[1])[y], 3, 1)
    """, ("FACTOR",)),
    Variant("softmax256_nll", "classes last", """
        def softmax256_nll_backward(z, y):
            p = np.exp(z) / np.exp(z).sum(1, keepdims=True)
            return (np.moveaxis(p, 1, 3) - np.eye(z.shape[1])[y]) / len(z)
    """, ("TRANSPOSED",)),
    Variant("softmax256_nll", "mirrored: the other way round", """
        def softmax256_nll_backward(z, y):
            p = np.exp(z) / np.exp(z).sum(1, keepdims=True)
            return (np.moveaxis(np.eye(z.shape[1])[y], 3, 1) - p) / len(z)
    """, ("SIGN",)),
    Variant("log_sum_exp", "maximum not added back", """
        def log_sum_exp_forward(x):
            return np.log(np.exp(x - x.max(1, keepdims=True)).sum(1))
    """, ("LOG_SUM_EXP_MAX_LOST",)),
    Variant("log_sum_exp", "the mean", "def log_sum_exp_forward(x): return np.log(np.exp(x).mean(1))", ("LOG_SUM_EXP_MEAN",)),
    Variant("log_sum_exp", "axis 0", "def log_sum_exp_forward(x): return np.log(np.exp(x).sum(0))", ("LOG_SUM_EXP_AXIS",)),
    Variant("log_sum_exp", "everything", "def log_sum_exp_forward(x): return np.log(np.exp(x).sum())", ("SHAPE",)),
    Variant("log_sum_exp", "keepdims", "def log_sum_exp_forward(x): return np.log(np.exp(x).sum(1, keepdims=True))", ("EXTRA_AXES",)),
    Variant("log_sum_exp", "not normalised", "def log_sum_exp_backward(g, x): return g[:, None] * np.exp(x)", ("LOG_SUM_EXP_NO_LOG",)),
    Variant("log_sum_exp", "as a softmax", """
        def log_sum_exp_backward(g, x):
            p = np.exp(x) / np.exp(x).sum(1, keepdims=True)
            return g[:, None] * p * (1 - p)
    """, ("EXTRA_FACTOR",)),
    Variant("log_sum_exp", "1/sum only", """
        def log_sum_exp_backward(g, x):
            return g[:, None] / np.exp(x).sum(1, keepdims=True) * np.ones_like(x)
    """, ("MISSING_FACTOR",)),
    Variant("log_sum_exp", "maximum only", """
        def log_sum_exp_backward(g, x):
            return g[:, None] * (x == x.max(1, keepdims=True))
    """, ("LOG_SUM_EXP_MAX",)),
    Variant("log_sum_exp", "dout forgotten", """
        def log_sum_exp_backward(g, x):
            return np.exp(x) / np.exp(x).sum(1, keepdims=True)
    """, ("DOUT_IGNORED",)),
    # densities
    Variant("gaussian_log_density", "σ for σ²", """
        def gaussian_log_density_forward(z, m, lv):
            std = np.exp(lv / 2)
            return -0.5 * (np.log(2 * np.pi) + lv + (z - m) ** 2 / std).sum(1)
    """, ("STD_FOR_VARIANCE",)),
    Variant("gaussian_log_density", "constant lost", """
        def gaussian_log_density_forward(z, m, lv):
            return -0.5 * (lv + (z - m) ** 2 / np.exp(lv)).sum(1)
    """, ("TERMS",)),
    Variant("gaussian_log_density", "constant once for all variables", """
        def gaussian_log_density_forward(z, m, lv):
            return -0.5 * np.log(2 * np.pi) - 0.5 * (lv + (z - m) ** 2 / np.exp(lv)).sum(1)
    """, ("FACTOR", "TERMS")),
    Variant("gaussian_log_density", "½ lost at the logarithm", """
        def gaussian_log_density_forward(z, m, lv):
            return -(0.5 * np.log(2 * np.pi) + lv + 0.5 * (z - m) ** 2 / np.exp(lv)).sum(1)
    """, ("FACTOR", "TERMS")),
    Variant("gaussian_log_density", "log-variance read as ln σ", """
        def gaussian_log_density_forward(z, m, lv):
            std = np.exp(lv)
            return (-0.5 * np.log(2 * np.pi) - np.log(std) - 0.5 * ((z - m) / std) ** 2).sum(1)
        def gaussian_log_density_backward(g, z, m, lv):
            u = (z - m) / np.exp(2 * lv)
            d = g[:, None] * u
            return -d, d, g[:, None] * (u * (z - m) - 1)
    """, ("LOG_VARIANCE_AS_LOG_STD",)),
    Variant("gaussian_log_density", "not divided by σ²", """
        def gaussian_log_density_backward(g, z, m, lv):
            d = g[:, None] * (z - m)
            return -d, d, 0.5 * g[:, None] * ((z - m) ** 2 / np.exp(lv) - 1)
    """, ("EXTRA_FACTOR",)),
    Variant("gaussian_log_density", "divided by σ", """
        def gaussian_log_density_backward(g, z, m, lv):
            d = g[:, None] * (z - m) / np.exp(lv / 2)
            return -d, d, 0.5 * g[:, None] * ((z - m) ** 2 / np.exp(lv) - 1)
    """, ("STD_FOR_VARIANCE",)),
    Variant("gaussian_log_density", "both signs the same", """
        def gaussian_log_density_backward(g, z, m, lv):
            d = g[:, None] * (z - m) / np.exp(lv)
            return d, d, 0.5 * g[:, None] * ((z - m) ** 2 / np.exp(lv) - 1)
    """, ("SIGN",)),
    Variant("gaussian_log_density", "normalisation not differentiated", """
        def gaussian_log_density_backward(g, z, m, lv):
            d = g[:, None] * (z - m) / np.exp(lv)
            return -d, d, 0.5 * g[:, None] * (z - m) ** 2 / np.exp(lv)
    """, ("TERMS",)),
    Variant("gaussian_log_density", "w.r.t. the variance", """
        def gaussian_log_density_backward(g, z, m, lv):
            v = np.exp(lv)
            d = g[:, None] * (z - m) / v
            return -d, d, 0.5 * g[:, None] * ((z - m) ** 2 / v ** 2 - 1 / v)
    """, ("MISSING_FACTOR",)),
    Variant("gaussian_log_density", "w.r.t. σ", """
        def gaussian_log_density_backward(g, z, m, lv):
            std = np.exp(lv / 2)
            d = g[:, None] * (z - m) / std ** 2
            return -d, d, g[:, None] * ((z - m) ** 2 / std ** 3 - 1 / std)
    """, ("MISSING_FACTOR",)),
    Variant("gaussian_log_density", "mean over the variables", """
        def gaussian_log_density_forward(z, m, lv):
            return -0.5 * (np.log(2 * np.pi) + lv + (z - m) ** 2 / np.exp(lv)).mean(1)
    """, ("FACTOR",)),
    # the coin
    Variant("coin_mle", "tails", "def coin_mle(x): return 1 - x.mean(1)", ("WRONG_INPUT",)),
    Variant("coin_mle", "heads, not divided", "def coin_mle(x): return x.sum(1)", ("FACTOR",)),
    Variant("coin_mle", "smoothed", "def coin_mle(x): return (x.sum(1) + 1) / (x.shape[1] + 2)", ("COIN_SMOOTHED",)),
    Variant("coin_mle", "unbiased", "def coin_mle(x): return x.sum(1) / (x.shape[1] - 1)", ("FACTOR",)),
    Variant("coin_mle", "all coins", "def coin_mle(x): return x.mean()", ("SHAPE",)),
    Variant("coin_mle", "wrong axis", "def coin_mle(x): return x.mean(0)", ("COIN_WRONG_AXIS",)),
    Variant("coin_mle", "odds", "def coin_mle(x): return x.sum(1) / (x.shape[1] - x.sum(1))", ("COIN_ODDS",)),
    Variant("coin_map", "posterior mean", "def coin_map(x, a, b): return (x.sum(1) + a) / (x.shape[1] + a + b)", ("COIN_POSTERIOR_MEAN",)),
    Variant("coin_map", "prior ignored", "def coin_map(x, a, b): return x.mean(1)", ("COIN_PRIOR_IGNORED",)),
    Variant("coin_map", "prior exchanged", "def coin_map(x, a, b): return (x.sum(1) + b - 1) / (x.shape[1] + a + b - 2)", ("COIN_PRIOR_EXCHANGED",)),
    Variant("coin_map", "denominator", "def coin_map(x, a, b): return (x.sum(1) + a - 1) / (x.shape[1] + a + b)", ("COIN_DENOMINATOR",)),
    Variant("coin_map", "tails", "def coin_map(x, a, b): return ((1 - x).sum(1) + a - 1) / (x.shape[1] + a + b - 2)", ("WRONG_INPUT",)),
    # what else there is a name for
    Variant("mse", "not squared", "def mse_forward(p, t): return (p - t).mean()", ("MSE_NOT_SQUARED",)),
    Variant("mse", "squared in the backward", "def mse_backward(p, t): return (p - t) ** 2 / p.size", ("EXTRA_FACTOR",)),
    Variant("softmax", "divided by the largest", "def softmax_forward(z): e = np.exp(z); return e / e.max(1, keepdims=True)", ("SOFTMAX_BY_MAX",)),
    Variant("softmax", "sigmoids", "def softmax_forward(z): return 1 / (1 + np.exp(-z))", ("SOFTMAX_IS_SIGMOID", "WRONG_INPUT")),
    Variant("softmax", "twice", """
        def softmax_forward(z):
            p = np.exp(z) / np.exp(z).sum(1, keepdims=True)
            return np.exp(p) / np.exp(p).sum(1, keepdims=True)
    """, ("SOFTMAX_TWICE", "WRONG_INPUT")),
    Variant("softmax", "dout summed bare", """
        def softmax_backward(g, z):
            p = np.exp(z) / np.exp(z).sum(1, keepdims=True)
            return p * (g - g.sum(1, keepdims=True))
    """, ("SOFTMAX_SUM_OF_DOUT",)),
    Variant("softmax_cross_entropy", "a sigmoid for each class", """
        def softmax_cross_entropy_backward(z, y): return (1 / (1 + np.exp(-z)) - np.eye(z.shape[1])[y]) / len(y)
    """, ("CROSS_ENTROPY_BINARY",)),
    Variant("softmax_cross_entropy", "squared error", """
        def softmax_cross_entropy_forward(z, y):
            p = np.exp(z) / np.exp(z).sum(1, keepdims=True)
            return ((p - np.eye(z.shape[1])[y]) ** 2).sum(1).mean()
    """, ("CROSS_ENTROPY_SQUARED",)),
    Variant("softmax_cross_entropy", "maximum not added back", """
        def softmax_cross_entropy_forward(z, y):
            return (np.log(np.exp(z - z.max(1, keepdims=True)).sum(1)) - z[range(len(y)), y]).mean()
    """, ("LOG_SUM_EXP_MAX_LOST",)),
    Variant("softmax_cross_entropy", "return inside the loop", """
        def softmax_cross_entropy_forward(z, y):
            loss = 0
            for n in range(len(z)):
                loss -= np.log(np.exp(z[n, y[n]]) / np.exp(z[n]).sum())
                return loss / len(z)
    """, ("INDICES",)),
    Variant("bce_with_logits", "stable form without the absolute value", """
        def bce_with_logits_forward(z, t): return (np.maximum(z, 0) - t * z + np.log(1 + np.exp(-z))).sum(1).mean()
    """, ("BCE_ABS_MISSING",)),
    Variant("bce_with_logits", "half of the slope by p", """
        def bce_with_logits_backward(z, t): return -t * (1 + np.exp(-z)) / len(z)
    """, ("BCE_OF_PROBABILITIES",)),
    Variant("bce_with_logits", "a softmax over the pixels", """
        def bce_with_logits_backward(z, t): return (np.exp(z) / np.exp(z).sum(1, keepdims=True) - t) / len(z)
    """, ("BCE_SOFTMAX",)),
    Variant("bce_with_logits", "zeros only", """
        def bce_with_logits_forward(z, t): return -((1 - t) * np.log(1 - 1 / (1 + np.exp(-z)))).sum(1).mean()
        def bce_with_logits_backward(z, t): return (1 - t) / (1 + np.exp(-z)) / len(z)
    """, ("BCE_ZEROS_ONLY",)),
    Variant("softmax256_nll", "w.r.t. probabilities", """
        def softmax256_nll_backward(z, y):
            p = np.exp(z) / np.exp(z).sum(1, keepdims=True)
            return -np.moveaxis(np.eye(z.shape[1])[y], 3, 1) / p / len(z)
    """, ("CROSS_ENTROPY_OF_PROBABILITIES",)),
    Variant("softmax256_nll", "diagonal only", """
        def softmax256_nll_backward(z, y):
            p = np.exp(z) / np.exp(z).sum(1, keepdims=True)
            return -np.moveaxis(np.eye(z.shape[1])[y], 3, 1) * (1 - p) / len(z)
    """, ("CROSS_ENTROPY_DIAGONAL",)),
    Variant("softmax256_nll", "no logarithm", """
        def softmax256_nll_forward(z, y):
            p = np.exp(z) / np.exp(z).sum(1, keepdims=True)
            return -np.take_along_axis(p, y[:, None], 1).sum() / len(z)
    """, ("PIXEL_NO_LOG",)),
    Variant("softmax256_nll", "last pixel only", """
        def softmax256_nll_forward(z, y):
            for i in range(z.shape[2]):
                for j in range(z.shape[3]):
                    a = z[:, :, i, j]
                    loss = np.log(np.exp(a).sum(1)) - a[range(len(z)), y[:, i, j]]
            return loss.mean()
    """, ("PIXEL_ONE_ONLY",)),
    Variant("log_sum_exp", "the sum itself", "def log_sum_exp_forward(x): return np.log(np.exp(x)).sum(1)", ("LOG_SUM_EXP_LOG_INSIDE",)),
    Variant("log_sum_exp", "a softmax of everything", "def log_sum_exp_backward(g, x): return g[:, None] * np.exp(x) / np.exp(x).sum()", ("LOG_SUM_EXP_OF_ALL",)),
    Variant("gaussian_log_density", "not squared", """
        def gaussian_log_density_forward(z, m, lv): return -0.5 * (np.log(2 * np.pi) + lv + (z - m) / np.exp(lv)).sum(1)
    """, ("DENSITY_NOT_SQUARED",)),
    Variant("gaussian_log_density", "no logarithm", """
        def gaussian_log_density_forward(z, m, lv):
            return np.prod(np.exp(-0.5 * (z - m) ** 2 / np.exp(lv)) / np.sqrt(2 * np.pi * np.exp(lv)), axis=1)
    """, ("DENSITY_NO_LOG",)),
    Variant("gaussian_log_density", "times the variance", """
        def gaussian_log_density_forward(z, m, lv): return -0.5 * (np.log(2 * np.pi) + lv + (z - m) ** 2 * np.exp(lv)).sum(1)
    """, ("DENSITY_TIMES_VARIANCE",)),
    Variant("gaussian_log_density", "log-variance read as σ", """
        def gaussian_log_density_backward(g, z, m, s):
            d = g[:, None] * (z - m) / s ** 2
            return -d, d, g[:, None] * ((z - m) ** 2 / s ** 3 - 1 / s)
    """, ("LOG_VARIANCE_AS_STD",)),
    Variant("coin_mle", "all coins, for each", "def coin_mle(x): return np.full(len(x), x.mean())", ("COIN_ALL_TOGETHER",)),
    Variant("coin_mle", "logarithm", "def coin_mle(x): return np.log(x.mean(1))", ("COIN_LOG",)),
)  # fmt: skip

TWO = (
    Variant("mse", "reversed, and summed over the rows", "def mse_backward(p, t): return (2 * (t - p) / p.size).sum(0)"),
    Variant("softmax_cross_entropy", "labels off by one, not divided", """
        def softmax_cross_entropy_backward(z, y):
            p = np.exp(z) / np.exp(z).sum(1, keepdims=True)
            p[range(len(y)), y - 1] -= 1
            return p
    """),
    Variant("softmax_cross_entropy", "over axis 0, one-hot not subtracted", """
        def softmax_cross_entropy_backward(z, y):
            return np.exp(z) / np.exp(z).sum(0) / len(y)
    """),
    Variant("bce_with_logits", "slope again, and the mean over pixels", """
        def bce_with_logits_backward(z, t):
            p = 1 / (1 + np.exp(-z))
            return (p - t) * p * (1 - p) / z.size
    """),
    Variant("gaussian_log_density", "σ for σ², and ½ lost", """
        def gaussian_log_density_backward(g, z, m, lv):
            d = g[:, None] * (z - m) / np.exp(lv / 2)
            return -d, d, g[:, None] * ((z - m) ** 2 / np.exp(lv) - 1)
    """),
    Variant("log_sum_exp", "not normalised, sign", "def log_sum_exp_backward(g, x): return -g[:, None] * np.exp(x)"),
)  # fmt: skip
