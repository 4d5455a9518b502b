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
    generator("non_saturating", "S0's listing: both slopes (E13)", "", "(2 * d - 1) / n", ("TERMS",)),
    penalty("of the mean length", "strength * (norm.mean() - 1) ** 2", "", ("PENALTY_OF_MEAN",)),
    penalty("mean of squares", "strength * ((np.sqrt((slope ** 2).mean(1)) - 1) ** 2).mean()", "", ("PENALTY_MEAN_SQUARE",)),
    penalty("not squared", "strength * np.abs(norm - 1).mean()", "", ("PENALTY_NOT_SQUARED",)),
    discriminator_forward("real and fake exchanged", "-np.log(f).mean() - np.log(1 - r).mean()", ("EXCHANGED", "GAN_LABELS_SWAPPED")),
)  # fmt: skip

TWO = (
    discriminator("labels swapped, averaged over 2N", "r / (2 * n)", "(f - 1) / (2 * n)"),
    generator("non_saturating", "saturating, not averaged", "", "-d"),
    generator("minimax", "non-saturating, sign", "np.log(d).mean()", "(1 - d) / n"),
    penalty("2 and strength forgotten", "", "(norm - 1) * slope / norm / len(slope)"),
    penalty("squared length, sum", "strength * (((slope ** 2).sum(1) - 1) ** 2).sum()"),
)  # fmt: skip
