"""The losses of a GAN as students write them: right, wrong, and wrong twice."""

from __future__ import annotations

from tests.checker.direct import Variant

RIGHT = (
    Variant("discriminator_loss", "naive", """
        def sigmoid(a): return 1 / (1 + np.exp(-a))
        def discriminator_loss_forward(real, fake):
            return -np.log(sigmoid(real)).mean() - np.log(1 - sigmoid(fake)).mean()
        def discriminator_loss_backward(real, fake):
            return (sigmoid(real) - 1) / len(real), sigmoid(fake) / len(fake)
    """),
    Variant("discriminator_loss", "stable, with a cache", """
        def discriminator_loss_forward(real, fake):
            return np.logaddexp(0, -real).mean() + np.logaddexp(0, fake).mean(), (real, fake)
        def discriminator_loss_backward(cache):
            real, fake = cache
            return {"dreal_logits": 0.5 * (np.tanh(real / 2) - 1) / real.size,
                    "dfake_logits": 0.5 * (np.tanh(fake / 2) + 1) / fake.size}
    """),
    Variant("discriminator_loss", "as one cross-entropy with labels", """
        def discriminator_loss_forward(real, fake):
            a = np.concatenate([real, fake])
            t = np.concatenate([np.ones(len(real)), np.zeros(len(fake))])
            p = 1 / (1 + np.exp(-a))
            return -2 * np.mean(t * np.log(p + 1e-12) + (1 - t) * np.log(1 - p + 1e-12))
        def discriminator_loss_backward(real, fake):
            a = np.concatenate([real, fake])
            t = np.concatenate([np.ones(len(real)), np.zeros(len(fake))])
            d = (1 / (1 + np.exp(-a)) - t) / len(real)
            return d[:len(real)], d[len(real):]
    """),
    Variant("discriminator_loss", "loops, single precision", """
        def discriminator_loss_forward(real, fake):
            total = 0.0
            for r, f in zip(real, fake):
                total += np.log(1 + np.exp(-r)) + np.log(1 + np.exp(f))
            return np.float32(total / len(real))
        def discriminator_loss_backward(real, fake):
            dr, df = np.zeros(len(real), "f4"), np.zeros(len(fake), "f4")
            for i in range(len(real)):
                dr[i] = -1 / (1 + np.exp(real[i])) / len(real)
                df[i] = 1 / (1 + np.exp(-fake[i])) / len(fake)
            return dr, df
    """),
    Variant("discriminator_loss", "chain rule, the usual epsilon", """
        def sigmoid(a): return 1 / (1 + np.exp(-a))
        def discriminator_loss_forward(real, fake):
            return -np.log(sigmoid(real) + 1e-7).mean() - np.log(1 - sigmoid(fake) + 1e-7).mean()
        def discriminator_loss_backward(real, fake):
            r, f = sigmoid(real), sigmoid(fake)
            return -1 / (r + 1e-7) * r * (1 - r) / len(r), 1 / (1 - f + 1e-7) * f * (1 - f) / len(f)
    """),
    Variant("generator_loss_minimax", "naive", """
        def generator_loss_minimax_forward(a): return np.log(1 - 1 / (1 + np.exp(-a))).mean()
        def generator_loss_minimax_backward(a): return -1 / (1 + np.exp(-a)) / len(a)
    """),
    Variant("generator_loss_minimax", "stable", """
        def generator_loss_minimax_forward(a): return -np.mean(np.maximum(a, 0) + np.log1p(np.exp(-np.abs(a))))
        def generator_loss_minimax_backward(a): return -0.5 * (1 + np.tanh(a / 2)) / a.size
    """),
    Variant("generator_loss_minimax", "chain rule, with a cache", """
        def generator_loss_minimax_forward(a):
            d = 1 / (1 + np.exp(-a))
            return np.sum(np.log(1 - d)) / d.size, d
        def generator_loss_minimax_backward(d):
            return {"dfake_logits": -1 / (1 - d) / d.size * d * (1 - d)}
    """),
    Variant("generator_loss_minimax", "loops, single precision", """
        def generator_loss_minimax_forward(a):
            total = 0
            for v in a.astype("f4"):
                total -= np.log(1 + np.exp(v))
            return total / len(a)
        def generator_loss_minimax_backward(a):
            return np.array([-1 / (1 + np.exp(-v)) / len(a) for v in a], np.float32)
    """),
    Variant("generator_loss_non_saturating", "naive", """
        def generator_loss_non_saturating_forward(a): return -np.log(1 / (1 + np.exp(-a))).mean()
        def generator_loss_non_saturating_backward(a): return (1 / (1 + np.exp(-a)) - 1) / len(a)
    """),
    Variant("generator_loss_non_saturating", "stable", """
        def generator_loss_non_saturating_forward(a): return np.logaddexp(0, -a).mean()
        def generator_loss_non_saturating_backward(a): return -np.exp(-np.logaddexp(0, a)) / len(a)
    """),
    Variant("generator_loss_non_saturating", "cross-entropy with the label 1, an epsilon", """
        def generator_loss_non_saturating_forward(a):
            p, t = 1 / (1 + np.exp(-a)), np.ones_like(a)
            return -(t * np.log(p + 1e-10) + (1 - t) * np.log(1 - p + 1e-10)).mean(), (p, t)
        def generator_loss_non_saturating_backward(cache):
            p, t = cache
            return (p - t) / len(p)
    """),
    Variant("generator_loss_non_saturating", "loops, single precision", """
        def generator_loss_non_saturating_forward(a):
            return np.float32(sum(np.log(1 + np.exp(-v)) for v in a) / len(a))
        def generator_loss_non_saturating_backward(a):
            out = np.zeros(a.shape, np.float32)
            for i, v in enumerate(a):
                out[i] = -np.exp(-v) / (1 + np.exp(-v)) / len(a)
            return out
    """),
    Variant("gradient_penalty", "norm", """
        def gradient_penalty_forward(slope, strength):
            return strength * np.mean((np.linalg.norm(slope, axis=1) - 1) ** 2)
        def gradient_penalty_backward(slope, strength):
            norm = np.linalg.norm(slope, axis=1, keepdims=True)
            return 2 * strength / len(slope) * (norm - 1) * slope / norm
    """),
    Variant("gradient_penalty", "an epsilon under the root, a cache", """
        def gradient_penalty_forward(slope, strength):
            norm = np.sqrt((slope ** 2).sum(1) + 1e-12)
            return strength * ((norm - 1) ** 2).sum() / len(norm), (slope, norm, strength)
        def gradient_penalty_backward(cache):
            slope, norm, strength = cache
            return {"dslope": (2 * strength * (1 - 1 / norm) / len(norm))[:, None] * slope}
    """),
    Variant("gradient_penalty", "loops", """
        def gradient_penalty_forward(slope, strength):
            total = 0.0
            for s in slope:
                total += (np.sqrt(s @ s) - 1) ** 2
            return strength * total / len(slope)
        def gradient_penalty_backward(slope, strength):
            out = np.empty_like(slope)
            for n, s in enumerate(slope):
                norm = sum(v * v for v in s) ** 0.5
                out[n] = strength * 2 * (norm - 1) * s / norm / len(slope)
            return out
    """),
    Variant("gradient_penalty", "single precision, Fortran order", """
        def gradient_penalty_forward(slope, strength):
            s = slope.astype("f4")
            return np.float32(strength) * ((np.sqrt(np.einsum("nd,nd->n", s, s)) - 1) ** 2).mean()
        def gradient_penalty_backward(slope, strength):
            norm = np.sqrt((slope ** 2).sum(1))[:, None]
            return np.asfortranarray((2 * strength * (slope - slope / norm) / slope.shape[0]).astype("f4"))
    """),
    Variant("optimal_discriminator", "naive", """
        def optimal_discriminator_forward(p, q): return p / (p + q)
        def optimal_discriminator_backward(g, p, q): return g * q / (p + q) ** 2, -g * p / (p + q) ** 2
    """),
    Variant("optimal_discriminator", "through the logit, with a cache", """
        def optimal_discriminator_forward(p, q):
            d = 1 / (1 + np.exp(np.log(q) - np.log(p)))
            return d, (d, p, q)
        def optimal_discriminator_backward(g, cache):
            d, p, q = cache
            da = g * d * (1 - d)
            return {"dp_data": da / p, "dp_generator": -da / q}
    """),
    Variant("optimal_discriminator", "one less the other, the quotient rule", """
        def optimal_discriminator_forward(p, q): return 1 - q / (q + p)
        def optimal_discriminator_backward(g, p, q):
            m = (p + q) / 2
            return g * (2 * m - p) / (4 * m * m), g * (0 * m - p) / (4 * m * m)
    """),
    Variant("optimal_discriminator", "loops, single precision", """
        def optimal_discriminator_forward(p, q):
            return np.array([1 / (1 + b / a) for a, b in zip(p, q)], np.float32)
        def optimal_discriminator_backward(g, p, q):
            dp, dq = np.zeros(len(p), "f4"), np.zeros(len(p), "f4")
            for i in range(len(p)):
                dp[i] = g[i] * (1 / (p[i] + q[i]) - p[i] / (p[i] + q[i]) ** 2)
                dq[i] = -g[i] * p[i] / (p[i] + q[i]) ** 2
            return dp, dq
    """),
    Variant("r1_penalty", "naive", """
        def r1_penalty_forward(slope, gamma): return 0.5 * gamma * np.mean(np.sum(slope ** 2, axis=1))
        def r1_penalty_backward(slope, gamma): return gamma * slope / slope.shape[0]
    """),
    Variant("r1_penalty", "norm, with a cache", """
        def r1_penalty_forward(slope, gamma):
            norm = np.linalg.norm(slope, axis=1)
            return gamma / 2 * (norm ** 2).mean(), (slope, norm, gamma)
        def r1_penalty_backward(cache):
            slope, norm, gamma = cache
            return {"dslope": (gamma * norm / len(norm))[:, None] * (slope / norm[:, None])}
    """),
    Variant("r1_penalty", "loops", """
        def r1_penalty_forward(slope, gamma):
            total = 0.0
            for s in slope:
                total += s @ s
            return gamma * total / (2 * len(slope))
        def r1_penalty_backward(slope, gamma):
            out = np.empty_like(slope)
            for n in range(len(slope)):
                for d in range(slope.shape[1]):
                    out[n, d] = gamma / 2 * 2 * slope[n, d] / len(slope)
            return out
    """),
    Variant("r1_penalty", "all numbers at once, single precision", """
        def r1_penalty_forward(slope, gamma): return np.float32(gamma) / 2 * np.vdot(slope, slope) / len(slope)
        def r1_penalty_backward(slope, gamma):
            return np.asfortranarray((slope * (gamma / len(slope))).astype("f4"))
    """),
    Variant("unrolled_step", "as it is derived", """
        def sigmoid(a): return 1 / (1 + np.exp(-a))
        def slope(real, fake, w):
            return -(sigmoid(-real @ w)[:, None] * real).mean(0) + (sigmoid(fake @ w)[:, None] * fake).mean(0)
        def unrolled_step_forward(real, fake, w, lr):
            w = w - lr * slope(real, fake, w)
            return np.log(sigmoid(real @ w)).mean() + np.log(1 - sigmoid(fake @ w)).mean()
        def unrolled_step_backward(real, fake, w, lr):
            n, d = len(fake), sigmoid(fake @ w)
            w1 = w - lr * slope(real, fake, w)
            first = -sigmoid(fake @ w1)[:, None] * w1 / n
            v = -slope(real, fake, w1)
            second = -lr / n * (d[:, None] * v + (d * (1 - d) * (fake @ v))[:, None] * w)
            return first + second
    """),
    Variant("unrolled_step", "backwards through the graph, with a cache", """
        def unrolled_step_forward(real, fake, w, lr):
            n = len(real)
            a_r, a_f = real @ w, fake @ w
            s_r, s_f = 1 / (1 + np.exp(a_r)), 1 / (1 + np.exp(-a_f))
            w1 = w - lr * (fake.T @ s_f - real.T @ s_r) / n
            b_r, b_f = real @ w1, fake @ w1
            out = -(np.logaddexp(0, -b_r) + np.logaddexp(0, b_f)).mean()
            return out, (real, fake, w, lr, s_f, w1, b_r, b_f)
        def unrolled_step_backward(cache):
            real, fake, w, lr, s_f, w1, b_r, b_f = cache
            n = len(real)
            db_r, db_f = 1 / (1 + np.exp(b_r)) / n, -1 / (1 + np.exp(-b_f)) / n
            dw1 = db_r @ real + db_f @ fake
            dfake = np.outer(db_f, w1)
            dg = -lr * dw1 / n
            ds_f = fake @ dg
            dfake += np.outer(s_f, dg)
            dfake += np.outer(ds_f * s_f * (1 - s_f), w)
            return {"dfake": dfake}
    """),
    Variant("unrolled_step", "with the Jacobian of w₁, in loops", """
        def sig(a): return 1 / (1 + np.exp(-a))
        def ahead(real, fake, w, lr):
            g = np.zeros_like(w)
            for x, y in zip(real, fake):
                g += (sig(y @ w) * y - (1 - sig(x @ w)) * x) / len(real)
            return w - lr * g
        def unrolled_step_forward(real, fake, w, lr):
            w1 = ahead(real, fake, w, lr)
            return sum(np.log(sig(x @ w1)) + np.log(sig(-y @ w1)) for x, y in zip(real, fake)) / len(real)
        def unrolled_step_backward(real, fake, w, lr):
            w1, n = ahead(real, fake, w, lr), len(real)
            gain = sum((1 - sig(x @ w1)) * x - sig(y @ w1) * y for x, y in zip(real, fake)) / n
            out = np.zeros(fake.shape)
            for i, y in enumerate(fake):
                s = sig(y @ w)
                jacobian = -lr / n * (s * np.eye(len(w)) + s * (1 - s) * np.outer(y, w))  # of w1, its rows
                out[i] = -sig(y @ w1) * w1 / n + gain @ jacobian
            return out
    """),
    Variant("unrolled_step", "the value as D sees it, single precision", """
        def grad_of_value(real, fake, w):
            pr, pf = 0.5 + 0.5 * np.tanh(real @ w / 2), 0.5 + 0.5 * np.tanh(fake @ w / 2)
            return (real * (1 - pr)[:, None] - fake * pf[:, None]).mean(axis=0)
        def unrolled_step_forward(real, fake, w, lr):
            w = w + lr * grad_of_value(real, fake, w)
            return np.float32(np.mean(-np.log1p(np.exp(-real @ w)) - np.log1p(np.exp(fake @ w))))
        def unrolled_step_backward(real, fake, w, lr):
            w1 = w + lr * grad_of_value(real, fake, w)
            v = grad_of_value(real, fake, w1)
            p, p1 = (0.5 + 0.5 * np.tanh(fake @ u / 2) for u in (w, w1))
            d = p1[:, None] * w1 + lr * p[:, None] * (v + ((1 - p) * (fake @ v))[:, None] * w)
            return (-d / len(fake)).astype("f4")
    """),
)  # fmt: skip


def discriminator(name: str, real: str, fake: str, why: tuple[str, ...] = ()) -> Variant:
    """A backward, of which both results are given; r and f are D's answers."""
    return Variant(
        "discriminator_loss",
        name,
        f"""
        def discriminator_loss_backward(real_logits, fake_logits):
            n = len(real_logits)
            r, f = 1 / (1 + np.exp(-real_logits)), 1 / (1 + np.exp(-fake_logits))
            return {real}, {fake}
    """,
        why,
    )


def discriminator_forward(name: str, value: str, why: tuple[str, ...] = ()) -> Variant:
    return Variant(
        "discriminator_loss",
        name,
        f"""
        def discriminator_loss_forward(real_logits, fake_logits):
            r, f = 1 / (1 + np.exp(-real_logits)), 1 / (1 + np.exp(-fake_logits))
            return {value}
    """,
        why,
    )


def generator(game: str, name: str, forward: str = "", backward: str = "", why: tuple[str, ...] = ()) -> Variant:
    """A forward, a backward, or both; d is D's answer."""
    parts = [
        f"""
        def generator_loss_{game}_{task}(a):
            d, n = 1 / (1 + np.exp(-a)), len(a)
            return {value}"""
        for task, value in (("forward", forward), ("backward", backward))
        if value
    ]
    return Variant(f"generator_loss_{game}", name, "".join(parts), why)


def penalty(name: str, forward: str = "", backward: str = "", why: tuple[str, ...] = ()) -> Variant:
    parts = [
        f"""
        def gradient_penalty_{task}(slope, strength):
            norm = np.sqrt((slope ** 2).sum(1, keepdims=True))
            return {value}"""
        for task, value in (("forward", forward), ("backward", backward))
        if value
    ]
    return Variant("gradient_penalty", name, "".join(parts), why)


def best(name: str, forward: str = "", backward: str = "", why: tuple[str, ...] = ()) -> Variant:
    """D*: p of the data, q of the generator, d what is right; a backward gives both results."""
    parts = [
        f"""
        def optimal_discriminator_{task}({"g, " * (task == "backward")}p, q):
            d, n = p / (p + q), len(p)
            return {value}"""
        for task, value in (("forward", forward), ("backward", backward))
        if value
    ]
    return Variant("optimal_discriminator", name, "".join(parts), why)


def r1(name: str, forward: str = "", backward: str = "", why: tuple[str, ...] = ()) -> Variant:
    parts = [
        f"""
        def r1_penalty_{task}(slope, gamma):
            norm, n = np.sqrt((slope ** 2).sum(1, keepdims=True)), len(slope)
            return {value}"""
        for task, value in (("forward", forward), ("backward", backward))
        if value
    ]
    return Variant("r1_penalty", name, "".join(parts), why)


LOOK_AHEAD = """
        def s(a): return 1 / (1 + np.exp(-a))
        def slope(real, fake, w): return (fake.T @ s(fake @ w) - real.T @ s(-real @ w)) / len(real)
        def loss(real, fake, w): return -np.log(s(real @ w)).mean() - np.log(s(-fake @ w)).mean()"""


def ahead(name: str, change: str, why: tuple[str, ...] = ()) -> Variant:
    """A forward; `change` is done to what is right, before it is put together."""
    return Variant(
        "unrolled_step",
        name,
        f"""{LOOK_AHEAD}
        def unrolled_step_forward(real, fake, w, lr):
            n, g, f = len(real), slope(real, fake, w), lambda w: -loss(real, fake, w)
            w1 = w - lr * g
            {change}
            return f(w1)
    """,
        why,
    )


def paths(name: str, change: str, why: tuple[str, ...] = ()) -> Variant:
    """A backward, likewise."""
    return Variant(
        "unrolled_step",
        name,
        f"""{LOOK_AHEAD}
        def unrolled_step_backward(real, fake, w, lr):
            n, d, w1 = len(real), s(fake @ w), w - lr * slope(real, fake, w)
            first, v, k = -s(fake @ w1)[:, None] * w1 / n, -slope(real, fake, w1), d * (1 - d)
            {change}
            second = -lr / n * (d[:, None] * v + (k * (fake @ v))[:, None] * w)
            return first + second
    """,
        why,
    )


WRONG = (
    # 83-85, B4
    discriminator("labels swapped", "r / n", "(f - 1) / n", ("GAN_LABELS_SWAPPED",)),
    discriminator("fake images forgotten", "(r - 1) / n", "0 * f", ("ZERO",)),
    discriminator("ascent", "(1 - r) / n", "-f / n", ("SIGN",)),
    discriminator("averaged over 2N", "(r - 1) / (2 * n)", "f / (2 * n)", ("FACTOR",)),
    discriminator("not averaged", "r - 1", "f", ("FACTOR",)),
    discriminator("both labels 1", "(r - 1) / n", "(f - 1) / n", ("GAN_FAKE_LABEL_ONE",)),
    discriminator("unbounded (B4)", "(r - 1) / n", "(1 - f) / n", ("GAN_UNBOUNDED",)),
    discriminator("w.r.t. D", "-1 / r / n", "1 / (1 - f) / n", ("GAN_OF_PROBABILITIES", "MISSING_FACTOR")),
    discriminator("label of the real forgotten", "r / n", "f / n", ("TERMS", "GAN_LABELS_SWAPPED")),
    discriminator("slope of the sigmoid twice", "(r - 1) * r * (1 - r) / n", "f * f * (1 - f) / n", ("EXTRA_FACTOR", "GAN_LEAST_SQUARES")),
    discriminator("results in the wrong order", "f / n", "(r - 1) / n", ("SWAPPED",)),
    discriminator("Wasserstein's", "-np.ones(n) / n", "np.ones(n) / n", ("GAN_WASSERSTEIN",)),
    discriminator_forward("value, not loss", "np.log(r).mean() + np.log(1 - f).mean()", ("SIGN",)),
    discriminator_forward("half", "-0.5 * (np.log(r).mean() + np.log(1 - f).mean())", ("FACTOR",)),
    discriminator_forward("log D of the fake", "-np.log(r).mean() - np.log(f).mean()", ("GAN_FAKE_LABEL_ONE",)),
    discriminator_forward("unbounded, forward (B4)", "-np.log(r).mean() + np.log(f).mean()", ("GAN_UNBOUNDED",)),
    discriminator_forward("fake forgotten, forward", "-np.log(r).mean()", ("TERMS",)),
    discriminator_forward("sum", "-np.log(r).sum() - np.log(1 - f).sum()", ("FACTOR",)),
    discriminator_forward("no logarithm", "f.mean() - r.mean()", ("GAN_NO_LOG",)),
    discriminator_forward("least squares", "0.5 * ((r - 1) ** 2).mean() + 0.5 * (f ** 2).mean()", ("GAN_LEAST_SQUARES",)),
    discriminator_forward("each image", "-np.log(r) - np.log(1 - f)", ("NOT_REDUCED",)),
    # 86, 87, B6
    generator("minimax", "non-saturating", "-np.log(d).mean()", "(d - 1) / n", ("GENERATOR_NON_SATURATING",)),
    generator("minimax", "sign", "-np.log(1 - d).mean()", "d / n", ("SIGN",)),
    generator("minimax", "slope of log(1 - D) by D", "", "-1 / (1 - d) / n", ("MISSING_FACTOR",)),
    generator("minimax", "E9: the sigmoid's slope", "", "-d * (1 - d) / n", ("EXTRA_FACTOR", "GAN_NO_LOG")),
    generator("minimax", "not averaged", "", "-d", ("FACTOR",)),
    generator("minimax", "log D", "np.log(d).mean()", "", ("GENERATOR_NON_SATURATING",)),
    generator("minimax", "1 - D", "", "-(1 - d) / n", ("GENERATOR_NON_SATURATING", "WRONG_INPUT")),
    generator("minimax", "Wasserstein's", "-a.mean()", "-np.ones(n) / n", ("GAN_WASSERSTEIN",)),
    generator("minimax", "each image", "np.log(1 - d)", "", ("NOT_REDUCED",)),
    generator("non_saturating", "saturating", "np.log(1 - d).mean()", "-d / n", ("GENERATOR_SATURATING",)),
    generator("non_saturating", "label 0", "-np.log(1 - d).mean()", "d / n", ("GENERATOR_LABEL_ZERO",)),
    generator("non_saturating", "sign", "np.log(d).mean()", "(1 - d) / n", ("SIGN",)),
    generator("non_saturating", "sum", "-np.log(d).sum()", "d - 1", ("FACTOR",)),
    generator("non_saturating", "E9: the sigmoid's slope", "", "(d - 1) * d / n", ("EXTRA_FACTOR", "GAN_NO_LOG")),
    generator("non_saturating", "-1/D", "", "-1 / d / n", ("MISSING_FACTOR",)),
    generator("non_saturating", "label forgotten", "", "d / n", ("GENERATOR_LABEL_ZERO", "TERMS")),
    generator("non_saturating", "sigmoid twice", "-np.log(1 / (1 + np.exp(-d))).mean()", "", ("GAN_SIGMOID_TWICE", "WRONG_INPUT")),
    generator("non_saturating", "half", "-0.5 * np.log(d).mean()", "(d - 1) / n / 2", ("FACTOR",)),
    generator("non_saturating", "last image only", "-np.log(d)[-1]", "", ("INDICES", "WRONG_INPUT")),
    penalty("squared length", "strength * (((slope ** 2).sum(1) - 1) ** 2).mean()", "", ("PENALTY_SQUARED_LENGTH",)),
    penalty("length of the batch", "strength * (np.linalg.norm(slope) - 1) ** 2", "", ("PENALTY_BATCH_LENGTH",)),
    penalty("each number", "strength * ((np.abs(slope) - 1) ** 2).mean()", "", ("PENALTY_EACH_NUMBER",)),
    penalty("over the batch", "strength * ((np.linalg.norm(slope, axis=0) - 1) ** 2).mean()", "", ("PENALTY_BATCH_AXIS",)),
    penalty("one-sided", "strength * (np.maximum(norm - 1, 0) ** 2).mean()", "2 * strength * np.maximum(norm - 1, 0) * slope / norm / len(slope)", ("PENALTY_ONE_SIDED",)),
    penalty("1 forgotten", "strength * (norm ** 2).mean()", "2 * strength * slope / len(slope)", ("PENALTY_ZERO_CENTRED",)),
    penalty("strength forgotten", "((norm - 1) ** 2).mean()", "2 * (norm - 1) * slope / norm / len(slope)", ("FACTOR",)),
    penalty("2 forgotten", "", "strength * (norm - 1) * slope / norm / len(slope)", ("FACTOR",)),
    penalty("not divided by the length", "", "2 * strength * (norm - 1) * slope / len(slope)", ("EXTRA_FACTOR",)),
    penalty("divided by the square", "", "2 * strength * (norm - 1) * slope / norm ** 2 / len(slope)", ("MISSING_FACTOR",)),
    penalty("length taken for constant 1", "", "2 * strength * (norm - 1) * np.ones_like(slope) / len(slope)", ("PENALTY_CONSTANT_LENGTH", "MISSING_FACTOR")),
    penalty("sum over the batch", "", "2 * strength * (norm - 1) * slope / norm", ("FACTOR",)),
    penalty("direction only", "", "strength * slope / norm / len(slope)", ("TERMS", "PENALTY_NOT_SQUARED", "MISSING_FACTOR")),
    # what else there is a name for
    discriminator_forward("sigmoid twice", "-np.log(1 / (1 + np.exp(-r))).mean() - np.log(1 - 1 / (1 + np.exp(-f))).mean()", ("GAN_SIGMOID_TWICE",)),
    discriminator("smooth label", "(r - 0.9) / n", "f / n", ("GAN_SMOOTHED",)),
    discriminator("the real logits twice", "(r - 1) / n", "r / n", ("EDIT",)),
    generator("minimax", "least squares", "0.5 * ((a - 1) ** 2).mean()", "(a - 1) / n", ("GAN_LEAST_SQUARES",)),
    generator("minimax", "sigmoid twice", "np.log(1 - 1 / (1 + np.exp(-d))).mean()", "", ("GAN_SIGMOID_TWICE", "WRONG_INPUT")),
    generator("non_saturating", "least squares", "0.5 * ((a - 1) ** 2).mean()", "(a - 1) / n", ("GAN_LEAST_SQUARES",)),
    generator("non_saturating", "Wasserstein's", "-a.mean()", "-np.ones(n) / n", ("GAN_WASSERSTEIN", "TERMS")),
    generator("non_saturating", "S0's listing: both slopes (E13)", "", "(2 * d - 1) / n", ("GAN_BOTH_LABELS",)),
    penalty("of the mean length", "strength * (norm.mean() - 1) ** 2", "", ("PENALTY_OF_MEAN",)),
    penalty("mean of squares", "strength * ((np.sqrt((slope ** 2).mean(1)) - 1) ** 2).mean()", "", ("PENALTY_MEAN_SQUARE",)),
    penalty("not squared", "strength * np.abs(norm - 1).mean()", "", ("PENALTY_ABSOLUTE",)),
    discriminator_forward("real and fake exchanged", "-np.log(f).mean() - np.log(1 - r).mean()", ("EXCHANGED", "GAN_LABELS_SWAPPED")),
    generator("minimax", "both slopes (E13)", "(-np.log(d) - np.log(1 - d)).mean()", "(2 * d - 1) / n", ("GAN_BOTH_LABELS",)),
    generator("non_saturating", "both losses", "(-np.log(d) - np.log(1 - d)).mean()", "", ("GAN_BOTH_LABELS",)),
    generator("non_saturating", "the one less the other", "(-np.log(d) + np.log(1 - d)).mean()", "", ("GAN_WASSERSTEIN",)),
    # flat beyond a bound
    discriminator_forward("clipped", "-np.log(np.clip(r, 0.03, 0.97)).mean() - np.log(1 - np.clip(f, 0.03, 0.97)).mean()", ("BOUND",)),
    discriminator("clipped, backward", "np.where((r > 0.03) & (r < 0.97), r - 1, 0) / n", "np.where((f > 0.03) & (f < 0.97), f, 0) / n", ("BOUND",)),
    discriminator_forward("clipped above", "-np.log(np.clip(r, 1e-15, 0.995)).mean() - np.log(1 - np.clip(f, 1e-15, 0.995)).mean()", ("BOUND",)),
    # and further games
    discriminator_forward("hinge", "np.maximum(0, 1 - real_logits).mean() + np.maximum(0, 1 + fake_logits).mean()", ("GAN_HINGE",)),
    discriminator("hinge, backward", "-1.0 * (real_logits < 1) / n", "(fake_logits > -1) / n", ("GAN_HINGE",)),
    discriminator("label 0.1 of the fake", "(r - 1) / n", "(f - 0.1) / n", ("GAN_SMOOTHED_FAKE",)),
    discriminator("no sigmoid", "(real_logits - 1) / n", "fake_logits / n", ("GAN_NO_SIGMOID",)),
    generator("non_saturating", "no sigmoid", "", "(a - 1) / n", ("GAN_NO_SIGMOID",)),
    penalty("only what is too short", "strength * (np.maximum(1 - norm, 0) ** 2).mean()", "", ("PENALTY_ONE_SIDED_SHORT",)),
    penalty("only what is too short, backward", "", "-2 * strength * np.maximum(1 - norm, 0) * slope / norm / len(slope)", ("PENALTY_ONE_SIDED_SHORT",)),
    r1("root", "gamma / 2 * np.sqrt((norm ** 2).mean())", "", ("R1_ROOT",)),
    discriminator("both labels smooth", "(r - 0.9) / n", "(f - 0.1) / n", ("GAN_SMOOTHED_BOTH",)),
    discriminator_forward("an epsilon that can be seen", "-np.log(r + 1e-4).mean() - np.log(1 - f + 1e-4).mean()", ("EPSILON_IN_LOG",)),
    discriminator("an epsilon that can be seen, backward", "-r * (1 - r) / (r + 1e-3) / n", "f * (1 - f) / (1 - f + 1e-3) / n", ("EPSILON_IN_LOG",)),
    generator("minimax", "an epsilon that can be seen", "np.log(1 - d + 1e-5).mean()", "", ("EPSILON_IN_LOG",)),
    generator("non_saturating", "an epsilon that can be seen", "-np.log(d + 0.01).mean()", "", ("EPSILON_IN_LOG",)),
    generator("non_saturating", "label 0.9", "", "(d - 0.9) / n", ("GENERATOR_SMOOTHED",)),
    generator("minimax", "clipped", "np.log(1 - np.clip(d, 0.01, 0.99)).mean()", "-np.where(d < 0.99, d, 0) / n", ("BOUND",)),
    generator("non_saturating", "clipped", "-np.log(np.clip(d, 0.01, 0.99)).mean()", "(np.clip(d, 0.01, 0.99) - 1) / n", ("BOUND",)),
    # D*, R1, one unrolled step
    best("ratio of the densities", "p / q", "g / q, -g * p / q ** 2", ("OPTIMAL_RATIO",)),
    best("ratio the other way round", "q / p", "", ("OPTIMAL_RATIO",)),
    best("of the fake", "q / (p + q)", "", ("OPTIMAL_OF_FAKE",)),
    best("of the fake, backward", "", "-g * q / (p + q) ** 2, g * p / (p + q) ** 2", ("SIGN",)),
    best("the logit", "np.log(p / q)", "g / p, -g / q", ("OPTIMAL_LOGIT",)),
    best("sigmoid of the difference", "1 / (1 + np.exp(q - p))", "", ("OPTIMAL_SIGMOID_OF_DENSITIES",)),
    best("sigmoid of the ratio", "1 / (1 + np.exp(-p / q))", "", ("OPTIMAL_SIGMOID_OF_DENSITIES",)),
    best("clipped", "np.clip(d, 0.05, 0.95)", "np.where((d > 0.05) & (d < 0.95), g * q / (p + q) ** 2, 0), np.where((d > 0.05) & (d < 0.95), -g * p / (p + q) ** 2, 0)", ("OPTIMAL_CLIPPED",)),
    best("logarithm", "np.log(d)", "", ("OPTIMAL_LOG",)),
    best("difference over sum", "(p - q) / (p + q)", "g * 2 * q / (p + q) ** 2, -g * 2 * p / (p + q) ** 2", ("OPTIMAL_DIFFERENCE", "FACTOR")),
    best("sum over all points", "p / (p + q).sum()", "", ("OPTIMAL_OVER_POINTS",)),
    best("sum over all points of the data", "p / p.sum()", "", ("OPTIMAL_OVER_POINTS",)),
    best("D made a distribution", "d / d.sum()", "", ("OPTIMAL_NORMALISED",)),
    best("densities made to add up to 1", "p / p.sum() / (p / p.sum() + q / q.sum())", "", ("OPTIMAL_NORMALISED",)),
    best("half of the mixture", "p / (0.5 * (p + q))", "2 * g * q / (p + q) ** 2, -2 * g * p / (p + q) ** 2", ("FACTOR",)),
    best("half of the generator only", "p / (p + q / 2)", "", ("WRONG_INPUT",)),
    best("squares", "p ** 2 / (p ** 2 + q ** 2)", "", ("OPTIMAL_SQUARES",)),
    best("the quotient rule forgotten", "", "g / (p + q), -g * p / (p + q) ** 2", ("TERMS", "OPTIMAL_SUM_FIXED")),
    best("the sum held fixed", "", "g / (p + q), 0 * g", ("OPTIMAL_SUM_FIXED",)),
    best("not squared", "", "g * q / (p + q), -g * p / (p + q)", ("EXTRA_FACTOR",)),
    best("the sigmoid's slope alone", "", "g * d * (1 - d), -g * d * (1 - d)", ("EXTRA_FACTOR",)),
    best("the same sign twice", "", "g * q / (p + q) ** 2, g * p / (p + q) ** 2", ("SIGN",)),
    best("results in the wrong order", "", "-g * p / (p + q) ** 2, g * q / (p + q) ** 2", ("SWAPPED",)),
    best("gradient from above forgotten", "", "q / (p + q) ** 2, -p / (p + q) ** 2", ("DOUT_IGNORED",)),
    r1("half forgotten", "gamma * (norm ** 2).mean()", "2 * gamma * slope / n", ("FACTOR",)),
    r1("mean over all numbers", "gamma / 2 * (slope ** 2).mean()", "gamma * slope / slope.size", ("FACTOR",)),
    r1("sum over the batch", "gamma / 2 * (slope ** 2).sum()", "gamma * slope", ("FACTOR",)),
    r1("gamma squared", "gamma ** 2 / 2 * (norm ** 2).mean()", "gamma ** 2 * slope / n", ("FACTOR",)),
    r1("gamma forgotten", "0.5 * (norm ** 2).mean()", "slope / n", ("FACTOR",)),
    r1("the 2 of the square forgotten", "", "gamma / 2 * slope / n", ("FACTOR",)),
    r1("reward", "-gamma / 2 * (norm ** 2).mean()", "-gamma * slope / n", ("SIGN",)),
    r1("length not squared", "gamma / 2 * norm.mean()", "gamma / 2 * slope / norm / n", ("R1_NOT_SQUARED",)),
    r1("direction only", "", "gamma * slope / norm / n", ("MISSING_FACTOR", "R1_NOT_SQUARED")),
    r1("WGAN-GP's", "gamma / 2 * ((norm - 1) ** 2).mean()", "gamma * (norm - 1) * slope / norm / n", ("R1_TOWARDS_ONE",)),
    r1("WGAN-GP's, strength whole", "gamma * ((norm - 1) ** 2).mean()", "", ("R1_TOWARDS_ONE",)),
    r1("squared length less one", "gamma / 2 * ((norm ** 2 - 1) ** 2).mean()", "", ("R1_TOWARDS_ONE",)),
    r1("squared twice", "gamma / 2 * ((slope ** 2).sum(1) ** 2).mean()", "", ("R1_SQUARED_TWICE",)),
    r1("square of the mean length", "gamma / 2 * norm.mean() ** 2", "", ("R1_OF_MEAN",)),
    r1("square of the mean slope", "gamma / 2 * (slope.mean(0) ** 2).sum()", "gamma * slope.mean(0) / n + 0 * slope", ("R1_OF_MEAN",)),
    r1("square of the sum", "gamma / 2 * (slope.sum(1) ** 2).mean()", "", ("R1_SQUARE_OF_SUM",)),
    r1("sizes", "gamma / 2 * np.abs(slope).sum(1).mean()", "", ("PENALTY_SUM_OF_SIZES",)),
    r1("length of the batch", "gamma / 2 * np.linalg.norm(slope)", "", ("PENALTY_BATCH_LENGTH",)),
    r1("lengths along the batch", "gamma / 2 * np.linalg.norm(slope, axis=0).mean()", "", ("PENALTY_BATCH_AXIS",)),
    r1("each image", "gamma / 2 * (slope ** 2).sum(1)", "", ("NOT_REDUCED",)),
    ahead("D does not learn: K = 0", "w1 = w", ("UNROLLED_NOT_AT_ALL",)),
    ahead("D's loss, not its negative", "f = lambda w: loss(real, fake, w)", ("SIGN",)),
    ahead("D ascends its loss", "w1 = w + lr * g", ("UNROLLED_ASCENT",)),
    ahead("term of the real left out", "f = lambda w: np.log(1 - s(fake @ w)).mean()", ("UNROLLED_NO_REAL",)),
    ahead("non-saturating", "f = lambda w: -np.log(s(fake @ w)).mean()", ("GENERATOR_NON_SATURATING",)),
    ahead("rate forgotten", "w1 = w - g", ("UNROLLED_RATE",)),
    ahead("D's step of a sum", "w1 = w - lr * n * g", ("UNROLLED_SUMMED",)),
    ahead("D's step of the mean over 2N", "w1 = w - lr * g / 2", ("UNROLLED_HALVED",)),
    ahead("two steps", "w1 = w1 - lr * slope(real, fake, w1)", ("UNROLLED_TWO_STEPS",)),
    ahead("D learns from the fake alone", "w1 = w - lr * fake.T @ s(fake @ w) / n", ("UNROLLED_STEP_OF_FAKE",)),
    ahead("D learns from the real alone", "w1 = w + lr * real.T @ s(-real @ w) / n", ("UNROLLED_STEP_OF_REAL",)),
    ahead("D's step without its sigmoids", "w1 = w - lr * (fake.mean(0) - real.mean(0))", ("UNROLLED_STEP_LINEAR",)),
    ahead("label of the real forgotten in the step", "w1 = w - lr * (fake.T @ s(fake @ w) - real.T @ s(real @ w)) / n", ("UNROLLED_STEP_LABELS",)),
    ahead("sign of the real in the step", "w1 = w - lr * (fake.T @ s(fake @ w) + real.T @ s(-real @ w)) / n", ("UNROLLED_STEP_LABELS",)),
    ahead("label 1 of the fake outside", "f = lambda w: np.log(s(real @ w)).mean() + np.log(s(fake @ w)).mean()", ("GAN_FAKE_LABEL_ONE",)),
    ahead("Wasserstein's outside", "f = lambda w: -(fake @ w).mean()", ("GAN_WASSERSTEIN",)),
    ahead("label 0 of the real in the step", "w1 = w - lr * (fake.T @ s(fake @ w) + real.T @ s(real @ w)) / n", ("UNROLLED_STEP_LABELS",)),
    ahead("label 1 of the fake in the step", "w1 = w + lr * (fake.T @ s(-fake @ w) + real.T @ s(-real @ w)) / n", ("UNROLLED_STEP_FAKE_ONE",)),
    ahead("old weight forgotten", "w1 = -lr * g", ("LEFT_OUT", "EDIT", "WRONG_INPUT")),
    ahead("summed over the images", "f = lambda w: n * -loss(real, fake, w)", ("FACTOR",)),
    ahead("real and fake exchanged", "f = lambda w: -loss(fake, real, w); w1 = w - lr * slope(fake, real, w)", ("EXCHANGED",)),
    paths("w1 taken for a constant", "v = 0 * v", ("UNROLLED_ONE_PATH",)),
    paths("first path only, at w: K = 0", "first, v = -s(fake @ w)[:, None] * w / n, 0 * v", ("UNROLLED_NOT_AT_ALL",)),
    paths("first path forgotten", "first = 0", ("TERMS",)),
    paths("first path at w", "first = -s(fake @ w)[:, None] * w / n", ("UNROLLED_IMAGES_BEFORE",)),
    paths("second path from w", "v = -slope(real, fake, w)", ("UNROLLED_GAIN_BEFORE",)),
    paths("sigmoid of the step held fixed", "k = 0 * k", ("TERMS",)),
    paths("images of the step held fixed", "d = 0 * d", ("TERMS",)),
    paths("second path's sign", "v = -v", ("TERMS",)),
    paths("the gradient of D's loss", "first, v = -first, -v", ("SIGN",)),
    paths("not averaged", "first, v = n * first, n * v", ("FACTOR",)),
    paths("not averaged in the step", "v = n * v", ("TERMS", "UNROLLED_SUMMED")),
    paths("rate forgotten in the second path", "v = v / lr", ("TERMS",)),
    paths("consistent: D ascends", "w1 = w + lr * slope(real, fake, w); first, v, lr = -s(fake @ w1)[:, None] * w1 / n, -slope(real, fake, w1), -lr", ("UNROLLED_ASCENT",)),
    paths("consistent: real left out", "v = -fake.T @ s(fake @ w1) / n", ("UNROLLED_NO_REAL",)),
    paths("consistent: non-saturating", "first, v = -s(-fake @ w1)[:, None] * w1 / n, -fake.T @ s(-fake @ w1) / n", ("GENERATOR_NON_SATURATING",)),
    paths("slope of the sigmoid forgotten", "k = d", ("EDIT", "LEFT_OUT", "EXTRA_FACTOR", "MISSING_FACTOR")),
    paths("second path through the step after the next", "d = s(fake @ w1); k, w = d * (1 - d), w1", ("UNROLLED_STEP_AHEAD",)),
)  # fmt: skip

TWO = (
    best("ratio of logarithms, sign", "-np.log(p) / np.log(q)"),
    best("of the fake, the quotient rule forgotten", "", "-g / (p + q), g / (p + q)"),
    r1("towards one, of the mean", "gamma / 2 * (norm.mean() - 1) ** 2"),
    r1("not squared, sum", "gamma / 2 * norm.sum()", "gamma / 2 * slope / norm"),
    ahead("uphill, without the rate", "w1 = w + g"),
    paths("one path, not averaged", "first, v = n * first, 0 * v"),
    paths("at w, sign of the second path", "first, v = -s(fake @ w)[:, None] * w / n, -v"),
    discriminator("labels swapped, averaged over 2N", "r / (2 * n)", "(f - 1) / (2 * n)"),
    generator("non_saturating", "saturating, not averaged", "", "-d"),
    generator("minimax", "non-saturating, sign", "np.log(d).mean()", "(1 - d) / n"),
    penalty("2 and strength forgotten", "", "(norm - 1) * slope / norm / len(slope)"),
    penalty("squared length, sum", "strength * (((slope ** 2).sum(1) - 1) ** 2).sum()"),
)  # fmt: skip
