"""Steps of optimizers as students write them: right, wrong, and wrong twice."""

from __future__ import annotations

from tests.checker.direct import Variant

RIGHT = (
    Variant("sgd_step", "one line", "def sgd_step(parameter, gradient, lr): return parameter - lr * gradient"),
    Variant("sgd_step", "in place, on a copy", """
        def sgd_step(parameter, gradient, lr):
            new = parameter.copy()
            new -= lr * gradient
            return {"parameter": new}
    """),
    Variant("sgd_step", "loops", """
        def sgd_step(w, g, lr):
            out = np.zeros(w.shape)
            for i in range(w.shape[0]):
                for j in range(w.shape[1]):
                    out[i, j] = w[i, j] - lr * g[i, j]
            return out
    """),
    Variant("sgd_step", "single precision, Fortran order", """
        def sgd_step(w, g, lr): return np.asfortranarray(w.astype("f4") + np.float32(-lr) * g.astype("f4"))
    """),
    Variant("momentum_step", "as asked", """
        def momentum_step(parameter, gradient, velocity, lr, momentum):
            velocity = momentum * velocity + gradient
            return parameter - lr * velocity, velocity
    """),
    Variant("momentum_step", "a dict", """
        def momentum_step(p, g, v, lr, mu):
            new = {"velocity": mu * v + g}
            new["parameter"] = p - lr * new["velocity"]
            return new
    """),
    Variant("momentum_step", "written out", """
        def momentum_step(p, g, v, lr, mu):
            return p - lr * mu * v - lr * g, g + v - (1 - mu) * v
    """),
    Variant("momentum_step", "in place, single precision", """
        def momentum_step(p, g, v, lr, mu):
            v = v.astype("f4")
            v *= np.float32(mu)
            v += g.astype("f4")
            p = p.astype("f4")
            p -= np.float32(lr) * v
            return [p, v]
    """),
    Variant("adam_step", "as in the paper", """
        def adam_step(parameter, gradient, m, v, t, lr, beta1, beta2, eps):
            m = beta1 * m + (1 - beta1) * gradient
            v = beta2 * v + (1 - beta2) * gradient ** 2
            m_hat = m / (1 - beta1 ** t)
            v_hat = v / (1 - beta2 ** t)
            return parameter - lr * m_hat / (np.sqrt(v_hat) + eps), m, v
    """),
    Variant("adam_step", "corrections in the rate, epsilon elsewhere", """
        def adam_step(w, g, m, v, t, lr, beta1, beta2, eps):
            m = m + (1 - beta1) * (g - m)
            v = v + (1 - beta2) * (g * g - v)
            rate = lr * np.sqrt(1 - beta2 ** t) / (1 - beta1 ** t)
            return {"parameter": w - rate * m / (np.sqrt(v) + eps), "m": m, "v": v}
    """),
    Variant("adam_step", "epsilon under the root", """
        def adam_step(w, g, m, v, t, lr, beta1, beta2, eps):
            m = beta1 * m + (1 - beta1) * g
            v = beta2 * v + (1 - beta2) * np.square(g)
            step = (m / (1 - beta1 ** t)) / np.sqrt(v / (1 - beta2 ** t) + eps)
            return w - lr * step, m, v
    """),
    Variant("adam_step", "another epsilon, loops", """
        def adam_step(w, g, m, v, t, lr, beta1, beta2, eps):
            w, m, v = w.copy(), m.copy(), v.copy()
            for i in np.ndindex(w.shape):
                m[i] = beta1 * m[i] + (1 - beta1) * g[i]
                v[i] = beta2 * v[i] + (1 - beta2) * g[i] ** 2
                w[i] -= lr * (m[i] / (1 - beta1 ** t)) / (np.sqrt(v[i] / (1 - beta2 ** t)) + 1e-10)
            return w, m, v
    """),
    Variant("adam_step", "single precision", """
        def adam_step(w, g, m, v, t, lr, beta1, beta2, eps):
            w, g, m, v = (a.astype("f4") for a in (w, g, m, v))
            m = beta1 * m + (1 - beta1) * g
            v = beta2 * v + (1 - beta2) * g * g
            return w - lr * (m / (1 - beta1 ** t)) / (np.sqrt(v / (1 - beta2 ** t)) + eps), m, v
    """),
)  # fmt: skip


def momentum(name: str, body: str, why: tuple[str, ...] = ()) -> Variant:
    """Lines between the right velocity u and the return."""
    return Variant(
        "momentum_step",
        name,
        f"""
        def momentum_step(p, g, v, lr, mu):
            u = mu * v + g
            new = p - lr * u
            {body}
            return new, u
    """,
        why,
    )


def adam(name: str, moments: str = "", step: str = "", why: tuple[str, ...] = ()) -> Variant:
    """Other moments, or another step."""
    return Variant(
        "adam_step",
        name,
        f"""
        def adam_step(w, g, m, v, t, lr, b1, b2, eps):
            m_old, v_old = m, v
            m, v = b1 * m + (1 - b1) * g, b2 * v + (1 - b2) * g ** 2
            {moments}
            mh, vh = m / (1 - b1 ** t), v / (1 - b2 ** t)
            new = w - lr * mh / (np.sqrt(vh) + eps)
            {step}
            return new, m, v
    """,
        why,
    )


WRONG = (
    Variant("sgd_step", "ascent", "def sgd_step(w, g, lr): return w + lr * g", ("TERMS",)),
    Variant("sgd_step", "lr forgotten", "def sgd_step(w, g, lr): return w - g", ("TERMS",)),
    Variant("sgd_step", "the step alone", "def sgd_step(w, g, lr): return -lr * g", ("TERMS",)),
    Variant("sgd_step", "the parameter alone", "def sgd_step(w, g, lr): return w", ("TERMS",)),
    Variant("sgd_step", "the other way round", "def sgd_step(w, g, lr): return lr * g - w", ("SIGN",)),
    Variant("sgd_step", "divided by lr", "def sgd_step(w, g, lr): return w - g / lr", ("TERMS",)),
    Variant("sgd_step", "mean over the rows", "def sgd_step(w, g, lr): return w - lr * g / len(g)", ("TERMS",)),
    Variant("sgd_step", "sign only", "def sgd_step(w, g, lr): return w - lr * np.sign(g)", ("STEP_OF_SIGN", "WRONG_INPUT")),
    Variant("sgd_step", "normalised", "def sgd_step(w, g, lr): return w - lr * g / np.linalg.norm(g)", ("STEP_NORMALISED",)),
    Variant("sgd_step", "multiplied", "def sgd_step(w, g, lr): return w - lr * g * w", ("EXTRA_FACTOR",)),
    Variant("momentum_step", "rate inside (CS231n)", "def momentum_step(p, g, v, lr, mu): v = mu * v - lr * g; return p + v, v", ("MOMENTUM_RATE_INSIDE",)),
    Variant("momentum_step", "rate inside, plus", "def momentum_step(p, g, v, lr, mu): v = mu * v + lr * g; return p - v, v", ("MOMENTUM_RATE_INSIDE",)),
    Variant("momentum_step", "rate twice", "def momentum_step(p, g, v, lr, mu): v = mu * v + lr * g; return p - lr * v, v", ("MOMENTUM_RATE_TWICE",)),
    Variant("momentum_step", "average", "def momentum_step(p, g, v, lr, mu): v = mu * v + (1 - mu) * g; return p - lr * v, v", ("MOMENTUM_AVERAGE",)),
    Variant("momentum_step", "μ exchanged", "def momentum_step(p, g, v, lr, mu): v = (1 - mu) * v + mu * g; return p - lr * v, v", ("MOMENTUM_EXCHANGED",)),
    momentum("old velocity", "new = p - lr * v", ("MOMENTUM_OLD_VELOCITY",)),
    momentum("Nesterov", "new = p - lr * (g + mu * u)", ("MOMENTUM_NESTEROV",)),
    momentum("velocity not used", "new = p - lr * g", ("MOMENTUM_NOT_USED", "TERMS")),
    momentum("ascent", "new = p + lr * u", ("TERMS",)),
    momentum("velocity not kept", "u = v", ("TERMS",)),
    momentum("velocity minus gradient", "u = mu * v - g; new = p - lr * u", ("TERMS",)),
    momentum("lr forgotten", "new = p - u", ("TERMS",)),
    momentum("results in the wrong order", "new, u = u, new", ("SWAPPED",)),
    # 88-90
    adam("no correction", step="new = w - lr * m / (np.sqrt(v) + eps)", why=("ADAM_NO_CORRECTION",)),
    adam("m not corrected", step="new = w - lr * m / (np.sqrt(vh) + eps)", why=("ADAM_M_NOT_CORRECTED",)),
    adam("v not corrected", step="new = w - lr * mh / (np.sqrt(v) + eps)", why=("ADAM_V_NOT_CORRECTED",)),
    adam("t from 0", step="mh, vh = m / (1 - b1 ** (t - 1)), v / (1 - b2 ** (t - 1)); new = w - lr * mh / (np.sqrt(vh) + eps)", why=("ADAM_STEP_NUMBER",)),
    adam("t counted again", step="mh, vh = m / (1 - b1 ** (t + 1)), v / (1 - b2 ** (t + 1)); new = w - lr * mh / (np.sqrt(vh) + eps)", why=("ADAM_STEP_NUMBER",)),
    adam("β exchanged", "m, v = b2 * m_old + (1 - b2) * g, b1 * v_old + (1 - b1) * g ** 2", why=("ADAM_BETAS_EXCHANGED",)),
    adam("g for g²", "v = b2 * v_old + (1 - b2) * np.abs(g)", why=("ADAM_NOT_SQUARED",)),
    adam("ascent", step="new = w + lr * mh / (np.sqrt(vh) + eps)", why=("TERMS",)),
    adam("lr forgotten", step="new = w - mh / (np.sqrt(vh) + eps)", why=("TERMS",)),
    adam("no root", step="new = w - lr * mh / (vh + eps)", why=("ADAM_NO_ROOT",)),
    adam("eps 1e-3", step="new = w - lr * mh / (np.sqrt(vh) + 1e-3)", why=("ADAM_EPS",)),
    adam("corrected by β", step="new = w - lr * (m / (1 - b1)) / (np.sqrt(v / (1 - b2)) + eps)", why=("ADAM_CORRECTED_BY_BETA",)),
    adam("old moments", step="new = w - lr * (m_old / (1 - b1 ** t)) / (np.sqrt(v_old / (1 - b2 ** t)) + eps)", why=("ADAM_OLD_MOMENTS",)),
    adam("1 − β in the wrong place", "m, v = (1 - b1) * m_old + b1 * g, (1 - b2) * v_old + b2 * g ** 2", why=("ADAM_WEIGHTS_EXCHANGED",)),
    adam("summed", "m, v = b1 * m_old + g, b2 * v_old + g ** 2", why=("ADAM_SUM",)),
    adam("corrected moments kept", step="m, v = mh, vh", why=("ADAM_RETURNS_CORRECTED",)),
    adam("moments not kept", step="m, v = m_old, v_old", why=("TERMS",)),
    adam("m without 1 − β", "m = b1 * m_old + g", why=("LEFT_OUT", "ADAM_SUM")),
    adam("the gradient for m", step="new = w - lr * g / (np.sqrt(vh) + eps)", why=("ADAM_NO_M",)),
    adam("m and v exchanged", step="m, v = v, m", why=("SWAPPED",)),
    adam("divided by the old root", step="new = w - lr * mh / (np.sqrt(v_old / (1 - b2 ** t)) + eps)", why=("ADAM_OLD_MOMENTS",)),
    adam("weight decay", step="new = new - lr * 0.1 * w", why=("ADDED", "TERMS")),
    adam("centred: g² less m²", "v = b2 * v_old + (1 - b2) * (g - m) ** 2", why=("ADAM_CENTRED",)),
    adam("β of the corrections exchanged", step="mh, vh = m / (1 - b2 ** t), v / (1 - b1 ** t); new = w - lr * mh / (np.sqrt(vh) + eps)", why=("ADAM_CORRECTION_EXCHANGED",)),
    adam("v corrected outside of the root", step="new = w - lr * mh / (np.sqrt(v) / (1 - b2 ** t) + eps)", why=("ADAM_CORRECTION_OUTSIDE_ROOT",)),
)  # fmt: skip

TWO = (
    momentum("old velocity, ascent", "new = p + lr * v"),
    adam("no correction, ascent", step="new = w + lr * m / (np.sqrt(v) + eps)"),
    adam("β exchanged, lr forgotten", "m, v = b2 * m_old + (1 - b2) * g, b1 * v_old + (1 - b1) * g ** 2", "new = w - mh / (np.sqrt(vh) + eps)"),
    adam("no root, t from 0", step="mh, vh = m / (1 - b1 ** (t - 1)), v / (1 - b2 ** (t - 1)); new = w - lr * mh / (vh + eps)"),
    Variant("sgd_step", "ascent, lr forgotten", "def sgd_step(w, g, lr): return w + g"),
)  # fmt: skip
