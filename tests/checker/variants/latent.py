"""Latent variables as students write them: right, wrong, and wrong twice."""

from __future__ import annotations

from tests.checker.direct import Variant

SIGMOID = """
        def sigmoid(a): return 1 / (1 + np.exp(-a))
"""

RIGHT = (
    Variant("reparameterize", "as on the page", """
        def reparameterize_forward(mean, log_variance, noise):
            return mean + np.exp(0.5 * log_variance) * noise
        def reparameterize_backward(dout, mean, log_variance, noise):
            return dout, 0.5 * dout * np.exp(0.5 * log_variance) * noise
    """),
    Variant("reparameterize", "a root, a cache, a dict", """
        def reparameterize_forward(mean, log_variance, noise):
            std = np.sqrt(np.exp(log_variance))
            z = mean + std * noise
            return z, (std, noise)
        def reparameterize_backward(dout, cache):
            std, noise = cache
            dstd = dout * noise
            return {"dmean": dout.copy(), "dlog_variance": dstd * std * 0.5}
    """),
    Variant("reparameterize", "loops", """
        def reparameterize_forward(mean, log_variance, noise):
            z = np.zeros(mean.shape)
            for n in range(mean.shape[0]):
                for j in range(mean.shape[1]):
                    z[n, j] = mean[n, j] + np.exp(log_variance[n, j] / 2) * noise[n, j]
            return z
        def reparameterize_backward(dout, mean, log_variance, noise):
            z = reparameterize_forward(mean, log_variance, noise)
            return dout * 1.0, dout * (z - mean) / 2
    """),
    Variant("reparameterize", "single precision, an epsilon", """
        def reparameterize_forward(mean, log_variance, noise):
            std = np.sqrt(np.exp(log_variance.astype("f4")) + np.float32(1e-8))
            return mean.astype("f4") + std * noise.astype("f4")
        def reparameterize_backward(dout, mean, log_variance, noise):
            std = np.sqrt(np.exp(log_variance) + 1e-8)
            return np.asfortranarray(dout), np.asfortranarray(dout * noise * np.exp(log_variance) / (2 * std))
    """),
    Variant("gaussian_kl", "as on the page", """
        def gaussian_kl_forward(mean, log_variance):
            return -0.5 * np.sum(1 + log_variance - mean ** 2 - np.exp(log_variance)) / len(mean)
        def gaussian_kl_backward(mean, log_variance):
            n = mean.shape[0]
            return mean / n, 0.5 * (np.exp(log_variance) - 1) / n
    """),
    Variant("gaussian_kl", "with σ", """
        def gaussian_kl_forward(mean, log_variance):
            std = np.exp(log_variance / 2)
            kl = (std ** 2 + mean ** 2) / 2 - 0.5 - np.log(std)
            return kl.sum(axis=1).mean(), (mean, std)
        def gaussian_kl_backward(cache):
            mean, std = cache
            dstd = (std - 1 / std) / len(mean)
            return {"dlog_variance": dstd * std / 2, "dmean": mean / len(mean)}
    """),
    Variant("gaussian_kl", "loops", """
        import math
        def gaussian_kl_forward(mean, log_variance):
            total = 0.0
            for m, lv in zip(mean, log_variance):
                for a, b in zip(m, lv):
                    total += 0.5 * (a * a + math.exp(b) - 1 - b)
            return total / mean.shape[0]
        def gaussian_kl_backward(mean, log_variance):
            dm, dl = np.zeros_like(mean), np.zeros_like(mean)
            for n in range(len(mean)):
                dm[n] += mean[n] / len(mean)
                dl[n] += (np.exp(log_variance[n]) / 2 - 0.5) / len(mean)
            return [dm, dl]
    """),
    Variant("gaussian_kl", "expm1, single precision", """
        def gaussian_kl_forward(mean, log_variance):
            m, v = mean.astype("f4"), log_variance.astype("f4")
            return np.float32(0.5) * (m ** 2 + np.expm1(v) - v).sum(1).mean()
        def gaussian_kl_backward(mean, log_variance):
            return np.asfortranarray(mean / len(mean)).astype("f4"), (np.expm1(log_variance) / 2 / len(mean)).astype("f4")
    """),
    Variant("elbo_bernoulli", "step by step", """
        def sigmoid(a): return 1 / (1 + np.exp(-a))
        def elbo_bernoulli_forward(x, mean, log_variance, noise, weight, bias):
            z = mean + np.exp(0.5 * log_variance) * noise
            p = sigmoid(z @ weight.T + bias)
            bce = -(x * np.log(p) + (1 - x) * np.log(1 - p)).sum(1)
            kl = -0.5 * (1 + log_variance - mean ** 2 - np.exp(log_variance)).sum(1)
            return (bce + kl).mean()
        def elbo_bernoulli_backward(x, mean, log_variance, noise, weight, bias):
            n = len(x)
            std = np.exp(0.5 * log_variance)
            z = mean + std * noise
            d = (sigmoid(z @ weight.T + bias) - x) / n
            dz = d @ weight
            dmean = dz + mean / n
            dlog_variance = dz * noise * 0.5 * std + 0.5 * (std ** 2 - 1) / n
            return dmean, dlog_variance, d.T @ z, d.sum(0)
    """),
    Variant("elbo_bernoulli", "with a cache, stable", """
        def elbo_bernoulli_forward(x, mean, log_variance, noise, weight, bias):
            std = np.exp(log_variance / 2)
            z = mean + std * noise
            a = np.einsum("nj,dj->nd", z, weight) + bias
            loss = np.maximum(a, 0) - a * x + np.log1p(np.exp(-np.abs(a)))
            kl = 0.5 * (mean ** 2 + std ** 2 - 1) - np.log(std)
            return (loss.sum() + kl.sum()) / x.shape[0], (x, mean, std, noise, z, a, weight)
        def elbo_bernoulli_backward(cache):
            x, mean, std, noise, z, a, weight = cache
            n = x.shape[0]
            da = (0.5 * (1 + np.tanh(a / 2)) - x) / n
            dz = np.einsum("nd,dj->nj", da, weight)
            return {
                "dmean": dz + mean / n,
                "dlog_variance": (dz * noise + (std - 1 / std) / n) * std / 2,
                "dweight": np.einsum("nd,nj->dj", da, z),
                "dbias": np.einsum("nd->d", da),
            }
    """),
    Variant("elbo_bernoulli", "one image at a time", """
        def elbo_bernoulli_forward(x, mean, log_variance, noise, weight, bias):
            total = 0.0
            for n in range(len(x)):
                z = mean[n] + np.exp(log_variance[n] / 2) * noise[n]
                a = weight @ z + bias
                total += np.sum(np.log(1 + np.exp(a)) - x[n] * a)
                total += 0.5 * np.sum(mean[n] ** 2 + np.exp(log_variance[n]) - 1 - log_variance[n])
            return total / len(x)
        def elbo_bernoulli_backward(x, mean, log_variance, noise, weight, bias):
            dm, dl, dw, db = (np.zeros(a.shape) for a in (mean, log_variance, weight, bias))
            for n in range(len(x)):
                std = np.exp(log_variance[n] / 2)
                z = mean[n] + std * noise[n]
                da = 1 / (1 + np.exp(-(weight @ z + bias))) - x[n]
                dz = weight.T @ da
                dm[n] = dz + mean[n]
                dl[n] = dz * noise[n] * std / 2 + (std ** 2 - 1) / 2
                dw += np.outer(da, z)
                db += da
            return dm / len(x), dl / len(x), dw / len(x), db / len(x)
    """),
    Variant("elbo_bernoulli", "single precision", """
        def elbo_bernoulli_forward(x, mean, log_variance, noise, weight, bias):
            x, mean, lv, noise, weight, bias = (a.astype("f4") for a in (x, mean, log_variance, noise, weight, bias))
            a = (mean + np.exp(lv / 2) * noise) @ weight.T + bias
            return (np.logaddexp(0, a) - x * a).sum(1).mean() + 0.5 * (mean ** 2 + np.exp(lv) - 1 - lv).sum(1).mean()
        def elbo_bernoulli_backward(x, mean, log_variance, noise, weight, bias):
            x, mean, lv, noise, weight, bias = (a.astype("f4") for a in (x, mean, log_variance, noise, weight, bias))
            std = np.exp(lv / 2)
            z = mean + std * noise
            da = (1 / (1 + np.exp(-z @ weight.T - bias)) - x) / len(x)
            dz = da @ weight
            return dz + mean / len(x), dz * noise * std / 2 + (std ** 2 - 1) / 2 / len(x), da.T @ z, da.sum(0)
    """),
    Variant("elbo_normal", "step by step", """
        def elbo_normal_forward(x, mean, log_variance, noise, weight, bias, pixel_variance):
            z = mean + np.exp(0.5 * log_variance) * noise
            y = z @ weight.T + bias
            nll = 0.5 * (np.log(2 * np.pi * pixel_variance) + (x - y) ** 2 / pixel_variance).sum(1)
            kl = -0.5 * (1 + log_variance - mean ** 2 - np.exp(log_variance)).sum(1)
            return (nll + kl).mean()
        def elbo_normal_backward(x, mean, log_variance, noise, weight, bias, pixel_variance):
            n = len(x)
            std = np.exp(0.5 * log_variance)
            z = mean + std * noise
            d = (z @ weight.T + bias - x) / pixel_variance / n
            dz = d @ weight
            return dz + mean / n, dz * noise * 0.5 * std + 0.5 * (std ** 2 - 1) / n, d.T @ z, d.sum(0)
    """),
    Variant("elbo_normal", "with a cache, the constant outside the sum", """
        def elbo_normal_forward(x, mean, log_variance, noise, weight, bias, pixel_variance):
            n, d = x.shape
            std = np.exp(log_variance / 2)
            z = mean + std * noise
            r = x - z @ weight.T - bias
            loss = np.sum(r * r) / (2 * pixel_variance) / n + d / 2 * np.log(2 * np.pi * pixel_variance)
            kl = np.sum((mean ** 2 + std ** 2 - 1) / 2 - np.log(std)) / n
            return loss + kl, (r, z, std, noise, mean, weight, pixel_variance)
        def elbo_normal_backward(cache):
            r, z, std, noise, mean, weight, pixel_variance = cache
            n = len(r)
            dy = -r / pixel_variance / n
            dz = dy @ weight
            dstd = dz * noise + (std - 1 / std) / n
            return dict(dmean=dz + mean / n, dlog_variance=dstd * std / 2, dweight=dy.T @ z, dbias=dy.sum(0))
    """),
    Variant("elbo_normal", "one image at a time", """
        def elbo_normal_forward(x, mean, log_variance, noise, weight, bias, pixel_variance):
            total = 0.0
            for n in range(len(x)):
                y = weight @ (mean[n] + np.exp(log_variance[n] / 2) * noise[n]) + bias
                for d in range(x.shape[1]):
                    density = np.exp(-(x[n, d] - y[d]) ** 2 / 2 / pixel_variance) / np.sqrt(2 * np.pi * pixel_variance)
                    total -= np.log(density)
                total += 0.5 * np.sum(mean[n] ** 2 + np.exp(log_variance[n]) - 1 - log_variance[n])
            return total / len(x)
        def elbo_normal_backward(x, mean, log_variance, noise, weight, bias, pixel_variance):
            dm, dl, dw, db = (np.zeros(a.shape) for a in (mean, log_variance, weight, bias))
            for n in range(len(x)):
                std = np.exp(log_variance[n] / 2)
                z = mean[n] + std * noise[n]
                da = (weight @ z + bias - x[n]) / pixel_variance
                dz = weight.T @ da
                dm[n] = dz + mean[n]
                dl[n] = dz * noise[n] * std / 2 + (std ** 2 - 1) / 2
                dw += np.outer(da, z)
                db += da
            return dm / len(x), dl / len(x), dw / len(x), db / len(x)
    """),
    Variant("elbo_normal", "single precision", """
        def elbo_normal_backward(x, mean, log_variance, noise, weight, bias, pixel_variance):
            x, mean, lv, noise, weight, bias = (a.astype("f4") for a in (x, mean, log_variance, noise, weight, bias))
            std = np.exp(lv / 2)
            z = mean + std * noise
            da = (z @ weight.T + bias - x) / np.float32(pixel_variance * len(x))
            dz = da @ weight
            return dz + mean / len(x), dz * noise * std / 2 + (std ** 2 - 1) / 2 / len(x), da.T @ z, da.sum(0)
    """),
    Variant("iwae_bound", "naive", """
        def iwae_bound_forward(log_weights):
            return np.log(np.exp(log_weights).mean(1)).mean()
        def iwae_bound_backward(log_weights):
            w = np.exp(log_weights)
            return w / w.sum(1, keepdims=True) / len(w)
    """),
    Variant("iwae_bound", "stable, with a cache", """
        def iwae_bound_forward(log_weights):
            m = log_weights.max(1, keepdims=True)
            w = np.exp(log_weights - m)
            return (m[:, 0] + np.log(w.mean(1))).mean(), w / w.sum(1, keepdims=True)
        def iwae_bound_backward(cache):
            return {"dlog_weights": cache / cache.shape[0]}
    """),
    Variant("iwae_bound", "loops", """
        def iwae_bound_forward(log_weights):
            total = 0
            for row in log_weights:
                total += np.logaddexp.reduce(row) - np.log(len(row))
            return total / len(log_weights)
        def iwae_bound_backward(log_weights):
            out = np.zeros_like(log_weights)
            for n, row in enumerate(log_weights):
                s = sum(np.exp(v) for v in row)
                for k, v in enumerate(row):
                    out[n, k] = np.exp(v) / s / len(log_weights)
            return out
    """),
    Variant("iwae_bound", "single precision, Fortran order", """
        def iwae_bound_forward(log_weights):
            x = log_weights.astype("f4")
            return np.mean(np.logaddexp.reduce(x, 1) - np.float32(np.log(x.shape[1])))
        def iwae_bound_backward(log_weights):
            x = log_weights.astype("f4")
            return np.asfortranarray(np.exp(x - np.logaddexp.reduce(x, 1)[:, None]) / np.float32(len(x)))
    """),
)  # fmt: skip


def bernoulli(name: str, body: str, why: tuple[str, ...] = ()) -> Variant:
    """A backward of which the lines after z are given, or replace a line."""
    return Variant(
        "elbo_bernoulli",
        name,
        f"""
        def elbo_bernoulli_backward(x, mean, log_variance, noise, weight, bias):
            n = len(x)
            std = np.exp(0.5 * log_variance)
            z = mean + std * noise
            d = (1 / (1 + np.exp(-(z @ weight.T + bias))) - x) / n
            dz = d @ weight
            dmean = dz + mean / n
            dlog_variance = dz * noise * 0.5 * std + 0.5 * (std ** 2 - 1) / n
            dweight, dbias = d.T @ z, d.sum(0)
            {body}
            return dmean, dlog_variance, dweight, dbias
    """,
        why,
    )


def forward(name: str, body: str, why: tuple[str, ...] = ()) -> Variant:
    """A forward, with the reconstruction and the KL of each image."""
    return Variant(
        "elbo_bernoulli",
        name,
        f"""
        def elbo_bernoulli_forward(x, mean, log_variance, noise, weight, bias):
            z = mean + np.exp(0.5 * log_variance) * noise
            a = z @ weight.T + bias
            bce = np.log(1 + np.exp(a)) - x * a
            kl = 0.5 * (mean ** 2 + np.exp(log_variance) - 1 - log_variance)
            {body}
    """,
        why,
    )


def normal(name: str, body: str, why: tuple[str, ...] = ()) -> Variant:
    return Variant(
        "elbo_normal",
        name,
        f"""
        def elbo_normal_backward(x, mean, log_variance, noise, weight, bias, pixel_variance):
            n, s2 = len(x), pixel_variance
            std = np.exp(0.5 * log_variance)
            z = mean + std * noise
            d = (z @ weight.T + bias - x) / s2 / n
            {body}
            dz = d @ weight
            return dz + mean / n, dz * noise * 0.5 * std + 0.5 * (std ** 2 - 1) / n, d.T @ z, d.sum(0)
    """,
        why,
    )


WRONG = (
    # 65-69, B1
    Variant("reparameterize", "½ missing", "def reparameterize_backward(g, m, lv, e): return g, g * e * np.exp(lv / 2)", ("FACTOR",)),
    Variant("reparameterize", "noise missing", "def reparameterize_backward(g, m, lv, e): return g, g * np.exp(lv / 2) / 2", ("MISSING_FACTOR",)),
    Variant("reparameterize", "σ missing", "def reparameterize_backward(g, m, lv, e): return g, g * e / 2", ("MISSING_FACTOR",)),
    Variant("reparameterize", "w.r.t. σ", "def reparameterize_backward(g, m, lv, e): return g, g * e", ("LOG_VARIANCE_AS_STD",)),
    Variant("reparameterize", "w.r.t. the variance", "def reparameterize_backward(g, m, lv, e): return g, g * e / np.exp(lv / 2) / 2", ("MISSING_FACTOR",)),
    Variant("reparameterize", "σ² for σ in the backward", "def reparameterize_backward(g, m, lv, e): return g, g * e * np.exp(lv) / 2", ("EXTRA_FACTOR",)),
    Variant("reparameterize", "log-variance as std", """
        def reparameterize_forward(m, lv, e): return m + lv * e
        def reparameterize_backward(g, m, lv, e): return g, g * e
    """, ("LOG_VARIANCE_AS_STD",)),
    Variant("reparameterize", "variance as std (B1)", """
        def reparameterize_forward(m, lv, e): return m + np.exp(lv) * e
        def reparameterize_backward(g, m, lv, e): return g, g * e * np.exp(lv)
    """, ("VARIANCE_FOR_STD",)),
    Variant("reparameterize", "root of the log-variance", """
        def reparameterize_forward(m, lv, e): return m + np.sqrt(np.abs(lv)) * e
    """, ("LOG_VARIANCE_AS_VARIANCE",)),
    Variant("reparameterize", "no noise", "def reparameterize_forward(m, lv, e): return m", ("TERMS", "WRONG_INPUT")),
    Variant("reparameterize", "mean subtracted", "def reparameterize_forward(m, lv, e): return np.exp(lv / 2) * e - m", ("TERMS", "WRONG_INPUT", "SIGN")),
    Variant("reparameterize", "fresh noise", """
        def reparameterize_forward(m, lv, e):
            return m + np.exp(lv / 2) * np.random.default_rng().standard_normal(m.shape)
        def reparameterize_backward(g, m, lv, e):
            return g, g * np.random.default_rng().standard_normal(m.shape) * np.exp(lv / 2) / 2
    """, ("RANDOM",)),
    Variant("reparameterize", "gradients swapped", "def reparameterize_backward(g, m, lv, e): return g * e * np.exp(lv / 2) / 2, g", ("SWAPPED",)),
    Variant("reparameterize", "dmean of ones", "def reparameterize_backward(g, m, lv, e): return np.ones_like(m), 0.5 * np.exp(lv / 2) * e", ("DOUT_IGNORED",)),
    # 70-76, B17
    Variant("gaussian_kl", "sign", "def gaussian_kl_forward(m, lv): return 0.5 * (1 + lv - m ** 2 - np.exp(lv)).sum(1).mean()", ("SIGN",)),
    Variant("gaussian_kl", "mean over the latents (B17)", """
        def gaussian_kl_forward(m, lv): return -0.5 * (1 + lv - m ** 2 - np.exp(lv)).mean()
        def gaussian_kl_backward(m, lv): return m / m.size, 0.5 * (np.exp(lv) - 1) / m.size
    """, ("FACTOR",)),
    Variant("gaussian_kl", "sum over the batch", "def gaussian_kl_backward(m, lv): return m, 0.5 * (np.exp(lv) - 1)", ("FACTOR",)),
    Variant("gaussian_kl", "constant −½ dropped", "def gaussian_kl_backward(m, lv): return m / len(m), 0.5 * np.exp(lv) / len(m)", ("TERMS",)),
    Variant("gaussian_kl", "sign of the exponential", """
        def gaussian_kl_forward(m, lv): return -0.5 * (1 + lv - m ** 2 + np.exp(lv)).sum(1).mean()
        def gaussian_kl_backward(m, lv): return m / len(m), -0.5 * (np.exp(lv) + 1) / len(m)
    """, ("TERMS",)),
    Variant("gaussian_kl", "sign of the mean's square", "def gaussian_kl_forward(m, lv): return -0.5 * (1 + lv + m ** 2 - np.exp(lv)).sum(1).mean()", ("TERMS",)),
    Variant("gaussian_kl", "without the −1", "def gaussian_kl_forward(m, lv): return -0.5 * (lv - m ** 2 - np.exp(lv)).sum(1).mean()", ("TERMS",)),
    Variant("gaussian_kl", "½ lost", "def gaussian_kl_forward(m, lv): return -(1 + lv - m ** 2 - np.exp(lv)).sum(1).mean()", ("FACTOR",)),
    Variant("gaussian_kl", "1 once, not for each latent", """
        def gaussian_kl_forward(m, lv): return 0.5 * ((m ** 2 + np.exp(lv) - lv).sum(1) - 1).mean()
    """, ("TERMS",)),
    Variant("gaussian_kl", "read as log σ", """
        def gaussian_kl_forward(m, lv): return 0.5 * (m ** 2 + np.exp(2 * lv) - 1 - 2 * lv).sum(1).mean()
        def gaussian_kl_backward(m, lv): return m / len(m), (np.exp(2 * lv) - 1) / len(m)
    """, ("LOG_VARIANCE_AS_LOG_STD",)),
    Variant("gaussian_kl", "read as σ", """
        def gaussian_kl_forward(m, s): return 0.5 * (m ** 2 + s ** 2 - 1 - np.log(s ** 2)).sum(1).mean()
        def gaussian_kl_backward(m, s): return m / len(m), (s - 1 / s) / len(m)
    """, ("LOG_VARIANCE_AS_STD",)),
    Variant("gaussian_kl", "read as σ²", """
        def gaussian_kl_backward(m, v): return m / len(m), 0.5 * (1 - 1 / v) / len(m)
    """, ("LOG_VARIANCE_AS_VARIANCE",)),
    Variant("gaussian_kl", "σ for σ²", """
        def gaussian_kl_forward(m, lv): return -0.5 * (1 + lv - m ** 2 - np.exp(lv / 2)).sum(1).mean()
    """, ("STD_FOR_VARIANCE",)),
    Variant("gaussian_kl", "the other direction", """
        def gaussian_kl_forward(m, lv): return 0.5 * ((1 + m ** 2) / np.exp(lv) - 1 + lv).sum(1).mean()
        def gaussian_kl_backward(m, lv):
            return m / np.exp(lv) / len(m), 0.5 * (1 - (1 + m ** 2) / np.exp(lv)) / len(m)
    """, ("KL_REVERSED",)),
    Variant("gaussian_kl", "dmean halved", "def gaussian_kl_backward(m, lv): return m / 2 / len(m), 0.5 * (np.exp(lv) - 1) / len(m)", ("FACTOR",)),
    Variant("gaussian_kl", "dlog_variance doubled", "def gaussian_kl_backward(m, lv): return m / len(m), (np.exp(lv) - 1) / len(m)", ("FACTOR",)),
    Variant("gaussian_kl", "for each image", "def gaussian_kl_forward(m, lv): return 0.5 * (m ** 2 + np.exp(lv) - 1 - lv).sum(1)", ("NOT_REDUCED",)),
    Variant("gaussian_kl", "w.r.t. σ²", "def gaussian_kl_backward(m, lv): return m / len(m), 0.5 * (1 - np.exp(-lv)) / len(m)", ("MISSING_FACTOR",)),
    Variant("gaussian_kl", "mean not squared", "def gaussian_kl_forward(m, lv): return 0.5 * (m + np.exp(lv) - 1 - lv).sum(1).mean()", ("KL_MEAN_NOT_SQUARED",)),
    Variant("gaussian_kl", "gradients swapped", "def gaussian_kl_backward(m, lv): return 0.5 * (np.exp(lv) - 1) / len(m), m / len(m)", ("SWAPPED",)),
    # 77-82
    bernoulli("KL missing", "dmean, dlog_variance = dz, dz * noise * 0.5 * std", ("TERMS",)),
    bernoulli("KL with the wrong sign", "dmean, dlog_variance = dz - mean / n, dz * noise * 0.5 * std - 0.5 * (std ** 2 - 1) / n", ("TERMS",)),
    bernoulli("KL twice", "dmean, dlog_variance = dz + 2 * mean / n, dz * noise * 0.5 * std + (std ** 2 - 1) / n", ("TERMS",)),
    bernoulli("KL with β = 4", "dmean, dlog_variance = dz + 4 * mean / n, dz * noise * 0.5 * std + 2 * (std ** 2 - 1) / n", ("TERMS",)),
    bernoulli("KL summed over the batch", "dmean, dlog_variance = dz + mean, dz * noise * 0.5 * std + 0.5 * (std ** 2 - 1)", ("TERMS",)),
    bernoulli("KL mean over the latents", "dmean, dlog_variance = dz + mean / mean.size, dz * noise * 0.5 * std + 0.5 * (std ** 2 - 1) / mean.size", ("TERMS",)),
    bernoulli("reconstruction missing", "dmean, dlog_variance = mean / n, 0.5 * (std ** 2 - 1) / n", ("TERMS",)),
    bernoulli("reconstruction does not reach the mean", "dmean = mean / n", ("TERMS",)),
    bernoulli("noise forgotten", "dlog_variance = dz * 0.5 * std + 0.5 * (std ** 2 - 1) / n", ("MISSING_FACTOR",)),
    bernoulli("σ forgotten", "dlog_variance = dz * noise * 0.5 + 0.5 * (std ** 2 - 1) / n", ("MISSING_FACTOR",)),
    bernoulli("½ forgotten", "dlog_variance = dz * noise * std + 0.5 * (std ** 2 - 1) / n", ("TERMS", "FACTOR")),
    bernoulli("maximised", "dmean, dlog_variance, dweight, dbias = -dmean, -dlog_variance, -dweight, -dbias", ("SIGN",)),
    bernoulli("pixel mean", "d = d / x.shape[1]; dz = d @ weight; dmean = dz + mean / n; dlog_variance = dz * noise * 0.5 * std + 0.5 * (std ** 2 - 1) / n; dweight, dbias = d.T @ z, d.sum(0)", ("TERMS",)),
    bernoulli("decoded at the mean", "z = mean; d = (1 / (1 + np.exp(-(z @ weight.T + bias))) - x) / n; dz = d @ weight; dmean = dz + mean / n; dlog_variance = dz * noise * 0.5 * std + 0.5 * (std ** 2 - 1) / n; dweight, dbias = d.T @ z, d.sum(0)", ("ELBO_AT_MEAN", "ELBO_MEAN_DECODED")),
    bernoulli("slope of the sigmoid", "p = x + n * d; d = d * p * (1 - p); dz = d @ weight; dmean = dz + mean / n; dlog_variance = dz * noise * 0.5 * std + 0.5 * (std ** 2 - 1) / n; dweight, dbias = d.T @ z, d.sum(0)", ("ELBO_SIGMOID_SLOPE", "ELBO_SQUARED")),
    bernoulli("dweight transposed", "dweight = z.T @ d", ("TRANSPOSED",)),
    bernoulli("dbias not reduced", "dbias = d", ("NOT_REDUCED",)),
    bernoulli("dweight from the mean", "dweight = d.T @ mean", ("ELBO_WEIGHT_FROM_MEAN",)),
    bernoulli("not divided by N", "dmean, dlog_variance, dweight, dbias = n * dmean, n * dlog_variance, n * dweight, n * dbias", ("FACTOR",)),
    forward("KL subtracted", "return (bce.sum(1) - kl.sum(1)).mean()", ("TERMS",)),
    forward("pixel mean, forward", "return bce.mean() + kl.sum(1).mean()", ("TERMS",)),
    forward("both means", "return bce.mean() + kl.mean()", ("TERMS",)),
    forward("KL missing, forward", "return bce.sum(1).mean()", ("TERMS",)),
    forward("KL half", "return (bce.sum(1) + 0.5 * kl.sum(1)).mean()", ("TERMS",)),
    forward("ELBO itself", "return -(bce.sum(1) + kl.sum(1)).mean()", ("SIGN",)),
    forward("sum over the batch", "return (bce.sum(1) + kl.sum(1)).sum()", ("FACTOR",)),
    forward("variance as std", "z = mean + np.exp(log_variance) * noise; a = z @ weight.T + bias; bce = np.log(1 + np.exp(a)) - x * a; return (bce.sum(1) + kl.sum(1)).mean()", ("VARIANCE_FOR_STD",)),
    forward("mean decoded", "a = mean @ weight.T + bias; bce = np.log(1 + np.exp(a)) - x * a; return (bce.sum(1) + kl.sum(1)).mean()", ("ELBO_MEAN_DECODED", "WRONG_INPUT")),
    forward("squared error", "bce = (1 / (1 + np.exp(-a)) - x) ** 2; return (bce.sum(1) + kl.sum(1)).mean()", ("ELBO_SQUARED",)),
    forward("bias forgotten", "a = z @ weight.T; bce = np.log(1 + np.exp(a)) - x * a; return (bce.sum(1) + kl.sum(1)).mean()", ("WRONG_INPUT",)),
    normal("not divided by the variance", "d = d * s2", ("ELBO_SQUARED_ERROR",)),
    normal("divided by σ", "d = d * s2 ** 0.5", ("TERMS",)),
    normal("2 not cancelled", "d = 2 * d", ("TERMS",)),
    normal("residual reversed", "d = -d", ("TERMS",)),
    normal("not divided by N", "d = n * d", ("TERMS",)),
    Variant("elbo_normal", "squared error for the density", """
        def elbo_normal_forward(x, mean, log_variance, noise, weight, bias, s2):
            y = (mean + np.exp(log_variance / 2) * noise) @ weight.T + bias
            return ((x - y) ** 2).sum(1).mean() + 0.5 * (mean ** 2 + np.exp(log_variance) - 1 - log_variance).sum(1).mean()
    """, ("ELBO_SQUARED_ERROR",)),
    Variant("elbo_normal", "2π lost", """
        def elbo_normal_forward(x, mean, log_variance, noise, weight, bias, s2):
            y = (mean + np.exp(log_variance / 2) * noise) @ weight.T + bias
            nll = 0.5 * (np.log(s2) + (x - y) ** 2 / s2)
            return nll.sum(1).mean() + 0.5 * (mean ** 2 + np.exp(log_variance) - 1 - log_variance).sum(1).mean()
    """, ("ELBO_CONSTANT_LOST",)),
    Variant("elbo_normal", "KL dropped", """
        def elbo_normal_forward(x, mean, log_variance, noise, weight, bias, s2):
            y = (mean + np.exp(log_variance / 2) * noise) @ weight.T + bias
            return 0.5 * (np.log(2 * np.pi * s2) + (x - y) ** 2 / s2).sum(1).mean()
    """, ("TERMS",)),
    # importance weights
    Variant("iwae_bound", "logarithm inside", """
        def iwae_bound_forward(w): return w.mean(1).mean()
        def iwae_bound_backward(w): return np.ones_like(w) / w.size
    """, ("IWAE_LOG_INSIDE",)),
    Variant("iwae_bound", "K forgotten", "def iwae_bound_forward(w): return np.log(np.exp(w).sum(1)).mean()", ("TERMS",)),
    Variant("iwae_bound", "all in one", "def iwae_bound_forward(w): return np.log(np.exp(w).mean())", ("IWAE_OF_ALL",)),
    Variant("iwae_bound", "axis 0", """
        def iwae_bound_forward(w): return np.log(np.exp(w).mean(0)).mean()
        def iwae_bound_backward(w): return np.exp(w) / np.exp(w).sum(0) / w.shape[1]
    """, ("IWAE_AXIS",)),
    Variant("iwae_bound", "as a loss", "def iwae_bound_forward(w): return -np.log(np.exp(w).mean(1)).mean()", ("SIGN",)),
    Variant("iwae_bound", "not divided by N", "def iwae_bound_backward(w): return np.exp(w) / np.exp(w).sum(1, keepdims=True)", ("FACTOR",)),
    Variant("iwae_bound", "mean of the weights for their sum", "def iwae_bound_backward(w): return np.exp(w) / np.exp(w).mean(1, keepdims=True) / len(w)", ("FACTOR",)),
    Variant("iwae_bound", "not normalised", "def iwae_bound_backward(w): return np.exp(w) / len(w)", ("EXTRA_FACTOR",)),
    Variant("iwae_bound", "shares squared", "def iwae_bound_backward(w): return (np.exp(w) / np.exp(w).sum(1, keepdims=True)) ** 2 / len(w)", ("EXTRA_FACTOR",)),
    Variant("iwae_bound", "bound of each", "def iwae_bound_forward(w): return np.log(np.exp(w).mean(1))", ("NOT_REDUCED",)),
    Variant("iwae_bound", "only the best", "def iwae_bound_forward(w): return w.max(1).mean()", ("IWAE_LARGEST",)),
    # what else there is a name for
    Variant("reparameterize", "bracket", "def reparameterize_forward(m, lv, e): return (m + np.exp(lv / 2)) * e", ("NOISE_OF_BOTH",)),
    Variant("reparameterize", "σ upside down", "def reparameterize_forward(m, lv, e): return m + e / np.exp(lv / 2)", ("WRONG_INPUT",)),
    bernoulli("log-variance read as ln σ", "dlog_variance = None; std = np.exp(log_variance); z = mean + std * noise; d = (1 / (1 + np.exp(-(z @ weight.T + bias))) - x) / n; dz = d @ weight; dmean = dz + mean / n; dlog_variance = dz * noise * std + (std ** 2 - 1) / n; dweight, dbias = d.T @ z, d.sum(0)", ("LOG_VARIANCE_AS_LOG_STD",)),
    bernoulli("KL read as ln σ", "dlog_variance = dz * noise * 0.5 * std + (np.exp(2 * log_variance) - 1) / n", ("LOG_VARIANCE_AS_LOG_STD",)),
    bernoulli("KL with σ for σ²", "dlog_variance = dz * noise * 0.5 * std + 0.5 * (0.5 * std - 1) / n", ("STD_FOR_VARIANCE",)),
    bernoulli("KL's constant missing", "dlog_variance = dlog_variance + 0.5 / n", ("ADDED",)),
    bernoulli("weight decay", "dweight = dweight + 0.01 * weight", ("ADDED",)),
    forward("log-variance as std", "z = mean + log_variance * noise; a = z @ weight.T + bias; bce = np.log(1 + np.exp(a)) - x * a; return (bce.sum(1) + kl.sum(1)).mean()", ("LOG_VARIANCE_AS_STD",)),
    forward("ones only", "return (-(x * np.log(1 / (1 + np.exp(-a)))).sum(1) + kl.sum(1)).mean()", ("BCE_ONES_ONLY",)),
    forward("sigmoid twice", "p = 1 / (1 + np.exp(-a)); return ((np.log(1 + np.exp(p)) - x * p).sum(1) + kl.sum(1)).mean()", ("BCE_SIGMOID_TWICE",)),
    normal("decoded at the mean", "d = (mean @ weight.T + bias - x) / s2 / n; z = mean", ("ELBO_AT_MEAN", "ELBO_MEAN_DECODED")),
    normal("a sigmoid", "p = 1 / (1 + np.exp(-(z @ weight.T + bias))); d = (p - x) / s2 / n * p * (1 - p)", ("BCE_SIGMOID_ADDED",)),
    normal("variance squared", "d = d / s2", ("VARIANCE_AS_STD", "TERMS")),
    Variant("elbo_normal", "variance as std (B1)", """
        def elbo_normal_forward(x, mean, log_variance, noise, weight, bias, s2):
            y = (mean + np.exp(log_variance) * noise) @ weight.T + bias
            nll = 0.5 * (np.log(2 * np.pi * s2) + (x - y) ** 2 / s2)
            return nll.sum(1).mean() + 0.5 * (mean ** 2 + np.exp(log_variance) - 1 - log_variance).sum(1).mean()
    """, ("VARIANCE_FOR_STD",)),
    Variant("iwae_bound", "no logarithm", "def iwae_bound_forward(w): return np.exp(w).mean()", ("IWAE_NO_LOG",)),
    Variant("iwae_bound", "shares of the logarithms", "def iwae_bound_backward(w): return w / w.sum(1, keepdims=True) / len(w)", ("IWAE_SHARES_OF_LOGARITHMS",)),
    Variant("gaussian_kl", "arguments exchanged", """
        def gaussian_kl_forward(lv, m): return 0.5 * (m ** 2 + np.exp(lv) - 1 - lv).sum(1).mean()
    """, ("EXCHANGED",)),
    Variant("reparameterize", "cache unpacked in another order", """
        def reparameterize_forward(m, lv, e): return m + np.exp(lv / 2) * e, (m, lv, e)
        def reparameterize_backward(g, cache):
            m, e, lv = cache
            return g, 0.5 * g * e * np.exp(lv / 2)
    """, ("EXCHANGED",)),
)  # fmt: skip

TWO = (
    Variant("gaussian_kl", "read as log σ, averaged over the latents", """
        def gaussian_kl_backward(m, lv): return m / m.size, (np.exp(2 * lv) - 1) / m.size
    """),
    Variant("reparameterize", "noise missing, sign", "def reparameterize_backward(g, m, lv, e): return g, -g * np.exp(lv / 2)"),
    bernoulli("KL missing and noise forgotten", "dmean, dlog_variance = dz, dz * 0.5 * std"),
    bernoulli("pixel mean and KL twice", "dmean, dlog_variance = dz / x.shape[1] + 2 * mean / n, dz / x.shape[1] * noise * 0.5 * std + (std ** 2 - 1) / n"),
    Variant("iwae_bound", "axis 0, not divided", "def iwae_bound_backward(w): return np.exp(w) / np.exp(w).sum(0)"),
    normal("2 not cancelled, not divided by N", "d = 2 * n * d"),
)  # fmt: skip
