"""Layers, as students write them."""

from ..direct import Variant

__all__ = ["RIGHT", "TWO", "WRONG"]

SIGMOID = """
def sigmoid(x):
    return 1 / (1 + np.exp(-x))
"""

RIGHT = [
    Variant("linear", "plain", """
        def linear_forward(x, weight, bias):
            return np.dot(x, weight.T) + bias
        def linear_backward(dout, x, weight, bias):
            return np.dot(dout, weight), np.dot(dout.T, x), np.sum(dout, axis=0)
    """),
    Variant("linear", "cache and loops", """
        def linear_forward(x, weight, bias):
            out = np.zeros((len(x), len(weight)))
            for n in range(len(x)):
                for h in range(len(weight)):
                    out[n, h] = bias[h]
                    for d in range(x.shape[1]):
                        out[n, h] += x[n, d] * weight[h, d]
            return out, (x, weight)
        def linear_backward(dout, cache):
            x, weight = cache
            dx, dw, db = np.zeros_like(x), np.zeros_like(weight), np.zeros(len(weight))
            for n in range(len(x)):
                for h in range(len(weight)):
                    dx[n] += dout[n, h] * weight[h]
                    dw[h] += dout[n, h] * x[n]
                    db[h] += dout[n, h]
            return dx, dw, db
    """),
    Variant("linear", "float32", """
        def linear_forward(x, weight, bias):
            return (x.astype(np.float32) @ weight.T.astype(np.float32) + bias.astype(np.float32))
        def linear_backward(dout, x, weight, bias):
            g = dout.astype(np.float32)
            return g @ weight.astype(np.float32), g.T @ x.astype(np.float32), g.sum(0)
    """),
    Variant("linear", "dict and Fortran order", """
        def linear_forward(x, weight, bias):
            return np.asfortranarray(np.einsum("nd,hd->nh", x, weight) + bias)
        def linear_backward(dout, x, weight, bias):
            return {"dbias": dout.sum(0), "dx": np.asfortranarray(dout @ weight), "dweight": (x.T @ dout).T}
    """),
    Variant("relu", "maximum", """
        def relu_forward(x):
            return np.maximum(0, x)
        def relu_backward(dout, x):
            return np.where(x > 0, dout, 0)
    """),
    Variant("relu", "in place", """
        def relu_forward(x):
            out = x.copy()
            out[out < 0] = 0
            return out, x
        def relu_backward(dout, cache):
            dx = dout.copy()
            dx[cache <= 0] = 0
            return dx
    """),
    Variant("relu", "half", """
        def relu_forward(x):
            return (x + np.abs(x)) / 2
        def relu_backward(dout, x):
            return dout * (1 + np.sign(x)) / 2
    """),
    Variant("relu", "of the output", """
        def relu_forward(x):
            out = x * (x > 0)
            return out, out
        def relu_backward(dout, cache):
            return dout * np.heaviside(cache, 0)
    """),
    Variant("sigmoid", "plain", SIGMOID + """
def sigmoid_forward(x):
    return sigmoid(x)
def sigmoid_backward(dout, x):
    return dout * sigmoid(x) * (1 - sigmoid(x))
    """),
    Variant("sigmoid", "stable", """
        def sigmoid_forward(x):
            e = np.exp(-np.abs(x))
            y = np.where(x >= 0, 1 / (1 + e), e / (1 + e))
            return y, y
        def sigmoid_backward(dout, y):
            return y * dout - y ** 2 * dout
    """),
    Variant("sigmoid", "tanh", """
        def sigmoid_forward(x):
            return 0.5 * (1 + np.tanh(x / 2))
        def sigmoid_backward(dout, x):
            return {"dx": dout * 0.25 / np.cosh(x / 2) ** 2}
    """),
    Variant("sigmoid", "float32 loops", """
        def sigmoid_forward(x):
            out = np.empty(x.shape, np.float32)
            for i in range(x.shape[0]):
                for j in range(x.shape[1]):
                    out[i, j] = np.exp(x[i, j]) / (1 + np.exp(x[i, j]))
            return out
        def sigmoid_backward(dout, x):
            e = np.exp(-x)
            return (dout * e / (1 + e) ** 2).astype(np.float32)
    """),
    Variant("tanh", "plain", """
        def tanh_forward(x):
            return np.tanh(x)
        def tanh_backward(dout, x):
            return dout * (1 - np.tanh(x) ** 2)
    """),
    Variant("tanh", "cosh", """
        def tanh_forward(x):
            return np.sinh(x) / np.cosh(x)
        def tanh_backward(dout, x):
            return dout / np.cosh(x) ** 2
    """),
    Variant("tanh", "cache", """
        def tanh_forward(x):
            y = (np.exp(2 * x) - 1) / (np.exp(2 * x) + 1)
            return y, {"y": y}
        def tanh_backward(dout, cache):
            y = cache["y"]
            return {"dx": (1 - y) * (1 + y) * dout}
    """),
    Variant("tanh", "float32", """
        def tanh_forward(x):
            return np.tanh(x.astype("float32"))
        def tanh_backward(dout, x):
            return dout.astype("float32") * (1 - np.square(np.tanh(x.astype("float32"))))
    """),
    Variant("dropout", "plain", """
        def dropout_forward(x, mask, p):
            return x * mask / (1 - p)
        def dropout_backward(dout, x, mask, p):
            return dout * mask / (1 - p)
    """),
    Variant("dropout", "where", """
        def dropout_forward(x, mask, p):
            keep = 1 - p
            return np.where(mask > 0, x / keep, 0.0), (mask, keep)
        def dropout_backward(dout, cache):
            mask, keep = cache
            return np.where(mask > 0, dout / keep, 0.0)
    """),
    Variant("dropout", "scaled mask", """
        def dropout_forward(x, mask, p):
            scaled = mask / (1.0 - p)
            return x * scaled
        def dropout_backward(dout, x, mask, p):
            return {"x": dout * (mask / (1.0 - p))}
    """),
    Variant("dropout", "index", """
        def dropout_forward(x, mask, p):
            out = np.zeros(x.shape, np.float32)
            out[mask == 1] = x[mask == 1] / (1 - p)
            return out
        def dropout_backward(dout, x, mask, p):
            dx = np.array(dout, order="F")
            dx[mask == 0] = 0
            return dx / (1 - p)
    """),
    Variant("embedding", "add.at", """
        def embedding_forward(weight, ids):
            return weight[ids]
        def embedding_backward(dout, weight, ids):
            dw = np.zeros_like(weight)
            np.add.at(dw, ids, dout)
            return dw
    """),
    Variant("embedding", "one-hot", """
        def embedding_forward(weight, ids):
            return np.eye(len(weight))[ids] @ weight
        def embedding_backward(dout, weight, ids):
            return np.eye(len(weight))[ids].T @ dout
    """),
    Variant("embedding", "loop", """
        def embedding_forward(weight, ids):
            return np.stack([weight[i] for i in ids]), (weight.shape, ids)
        def embedding_backward(dout, cache):
            shape, ids = cache
            dw = np.zeros(shape)
            for n, i in enumerate(ids):
                dw[i] += dout[n]
            return dw
    """),
    Variant("embedding", "take", """
        def embedding_forward(weight, ids):
            return np.take(weight, ids, axis=0).astype(np.float32)
        def embedding_backward(dout, weight, ids):
            return {"dweight": np.stack([dout[ids == k].sum(0) for k in range(len(weight))])}
    """),
    Variant("batch_norm", "formula", """
        def batch_norm_forward(x, gamma, beta):
            return gamma * (x - x.mean(0)) / np.sqrt(x.var(0) + 1e-5) + beta
        def batch_norm_backward(dout, x, gamma, beta):
            n = len(x)
            std = np.sqrt(x.var(0) + 1e-5)
            xhat = (x - x.mean(0)) / std
            dgamma, dbeta = (dout * xhat).sum(0), dout.sum(0)
            dx = gamma / (n * std) * (n * dout - dbeta - xhat * dgamma)
            return dx, dgamma, dbeta
    """),
    Variant("batch_norm", "staged", """
        def batch_norm_forward(x, gamma, beta):
            mu = np.mean(x, axis=0)
            xmu = x - mu
            var = np.mean(xmu ** 2, axis=0)
            sqrtvar = np.sqrt(var + 1e-5)
            ivar = 1.0 / sqrtvar
            xhat = xmu * ivar
            return gamma * xhat + beta, (xhat, gamma, xmu, ivar, sqrtvar, var)
        def batch_norm_backward(dout, cache):
            xhat, gamma, xmu, ivar, sqrtvar, var = cache
            N, D = dout.shape
            dbeta = np.sum(dout, axis=0)
            dgamma = np.sum(dout * xhat, axis=0)
            dxhat = dout * gamma
            divar = np.sum(dxhat * xmu, axis=0)
            dxmu1 = dxhat * ivar
            dsqrtvar = -1.0 / sqrtvar ** 2 * divar
            dvar = 0.5 / np.sqrt(var + 1e-5) * dsqrtvar
            dsq = np.ones((N, D)) / N * dvar
            dxmu2 = 2 * xmu * dsq
            dx1 = dxmu1 + dxmu2
            dmu = -np.sum(dx1, axis=0)
            return dx1 + np.ones((N, D)) / N * dmu, dgamma, dbeta
    """),
    Variant("batch_norm", "paths, another epsilon", """
        def batch_norm_forward(x, gamma, beta):
            return gamma * (x - x.mean(0)) / (x.std(0) + 1e-8) + beta
        def batch_norm_backward(dout, x, gamma, beta):
            mu, var, m = x.mean(0), x.var(0), x.shape[0]
            dxhat = dout * gamma
            dvar = np.sum(dxhat * (x - mu) * -0.5 * (var + 1e-8) ** -1.5, axis=0)
            dmu = np.sum(-dxhat / np.sqrt(var + 1e-8), axis=0) + dvar * np.mean(-2 * (x - mu), axis=0)
            dx = dxhat / np.sqrt(var + 1e-8) + dvar * 2 * (x - mu) / m + dmu / m
            return dx, np.sum(dout * (x - mu) / np.sqrt(var + 1e-8), axis=0), dout.sum(axis=0)
    """),
    Variant("batch_norm", "float32", """
        def batch_norm_forward(x, gamma, beta):
            x = x.astype(np.float32)
            return (gamma.astype(np.float32) * (x - x.mean(0)) / np.sqrt(x.var(0) + np.float32(1e-5)) + beta.astype("f"))
        def batch_norm_backward(dout, x, gamma, beta):
            x, g = x.astype(np.float32), (dout * gamma).astype(np.float32)
            s = np.sqrt(x.var(0) + np.float32(1e-5))
            h = (x - x.mean(0)) / s
            return (g - g.mean(0) - h * (g * h).mean(0)) / s, (dout.astype("f") * h).sum(0), dout.astype("f").sum(0)
    """),
    Variant("layer_norm", "formula", """
        def layer_norm_forward(x, gamma, beta):
            mu, var = x.mean(1, keepdims=True), x.var(1, keepdims=True)
            return gamma * (x - mu) / np.sqrt(var + 1e-5) + beta
        def layer_norm_backward(dout, x, gamma, beta):
            mu, var = x.mean(1, keepdims=True), x.var(1, keepdims=True)
            d = x.shape[1]
            h = (x - mu) / np.sqrt(var + 1e-5)
            g = dout * gamma
            dx = (d * g - g.sum(1, keepdims=True) - h * (g * h).sum(1, keepdims=True)) / (d * np.sqrt(var + 1e-5))
            return dx, (dout * h).sum(0), dout.sum(0)
    """),
    Variant("layer_norm", "rows", """
        def layer_norm_forward(x, gamma, beta):
            return np.array([gamma * (r - r.mean()) / np.sqrt(r.var() + 1e-5) + beta for r in x])
        def layer_norm_backward(dout, x, gamma, beta):
            dx, dgamma, dbeta = np.zeros_like(x), np.zeros_like(gamma), np.zeros_like(beta)
            for n, r in enumerate(x):
                s = np.sqrt(r.var() + 1e-5)
                h = (r - r.mean()) / s
                jacobian = (np.eye(len(r)) - 1 / len(r) - np.outer(h, h) / len(r)) / s
                dx[n] = jacobian @ (dout[n] * gamma)
                dgamma += dout[n] * h
                dbeta += dout[n]
            return {"dx": dx, "dgamma": dgamma, "dbeta": dbeta}
    """),
    Variant("layer_norm", "transposed", """
        def layer_norm_forward(x, gamma, beta):
            t = x.T
            h = (t - t.mean(0)) / np.sqrt(t.var(0) + 1e-5)
            return h.T * gamma + beta, (h, t, gamma)
        def layer_norm_backward(dout, cache):
            h, t, gamma = cache
            g = (dout * gamma).T
            dt = (g - g.mean(0) - h * (g * h).mean(0)) / np.sqrt(t.var(0) + 1e-5)
            return dt.T, (dout * h.T).sum(0), dout.sum(0)
    """),
    Variant("layer_norm", "another epsilon", """
        def layer_norm_forward(x, gamma, beta):
            return gamma * (x - x.mean(-1)[:, None]) / np.sqrt(x.var(-1) + 1e-8)[:, None] + beta
        def layer_norm_backward(dout, x, gamma, beta):
            s = np.sqrt(x.var(-1) + 1e-8)[:, None]
            h = (x - x.mean(-1)[:, None]) / s
            g = dout * gamma
            return (g - g.mean(-1)[:, None] - h * (g * h).mean(-1)[:, None]) / s, (dout * h).sum(0), dout.sum(0)
    """),
]  # fmt: skip


def linear(name: str, back: str, *why: str) -> Variant:
    """A wrong linear backward under a right forward."""
    source = f"""
def linear_forward(x, weight, bias):
    return x @ weight.T + bias
def linear_backward(dout, x, weight, bias):
    {back}
"""
    return Variant("linear", name, source, why)


def pointwise(exercise: str, name: str, forward: str, back: str, *why: str) -> Variant:
    """A function of one number; `s` is the sigmoid."""
    source = f"""
def s(x):
    return 1 / (1 + np.exp(-x))
def {exercise}_forward(x):
    return {forward}
def {exercise}_backward(dout, x):
    {back}
"""
    return Variant(exercise, name, source, why)


def dropout(name: str, forward: str, back: str, *why: str) -> Variant:
    source = f"""
def dropout_forward(x, mask, p):
    return {forward}
def dropout_backward(dout, x, mask, p):
    return {back}
"""
    return Variant("dropout", name, source, why)


def embedding(name: str, back: str, *why: str, forward: str = "weight[ids]") -> Variant:
    source = f"""
def embedding_forward(weight, ids):
    return {forward}
def embedding_backward(dout, weight, ids):
    dw = np.zeros_like(weight)
    {back}
    return dw
"""
    return Variant("embedding", name, source, why)


def norm(
    exercise: str, name: str, *why: str, dx: str = "direct + mean + variance", dgamma: str = "np.sum(dout * h, axis=0)",
    dbeta: str = "np.sum(dout, axis=0)", forward: str = "gamma * (x - m) / s + beta", axis: int | None = None,
    ddof: int = 0, eps: str = "1e-5"
) -> Variant:  # fmt: skip
    """Normalisation with the three paths of dx named, and one of the lines changed."""
    right = 0 if exercise == "batch_norm" else 1
    axis = right if axis is None else axis
    source = f"""
def statistics(x):
    return x.mean({axis}, keepdims=True), np.sqrt(x.var({axis}, keepdims=True, ddof={ddof}) + {eps})
def {exercise}_forward(x, gamma, beta):
    m, s = statistics(x)
    return {forward}
def {exercise}_backward(dout, x, gamma, beta):
    m, s = statistics(x)
    n = x.shape[{axis}]
    h = (x - m) / s
    g = dout * gamma
    direct = g / s
    mean = -g.sum({axis}, keepdims=True) / (n * s)
    variance = -h * (g * h).sum({axis}, keepdims=True) / (n * s)
    return {dx}, {dgamma}, {dbeta}
"""
    return Variant(exercise, name, source, why)


WRONG = [
    # 1 … 14 of the catalogue
    linear("mean of the weights' gradient", "return dout @ weight, dout.T @ x / len(x), dout.mean(0)", "FACTOR"),
    linear("times N", "return dout @ weight, len(x) * (dout.T @ x), dout.sum(0)", "FACTOR"),
    linear("mean bias", "return dout @ weight, dout.T @ x, dout.mean(0)", "FACTOR"),
    linear("bias not reduced", "return dout @ weight, dout.T @ x, dout", "NOT_REDUCED"),
    linear("bias keepdims", "return dout @ weight, dout.T @ x, dout.sum(0, keepdims=True)", "EXTRA_AXES"),
    linear("bias over axis 1", "return dout @ weight, dout.T @ x, dout.sum(1)", "SUMMED_OVER"),
    linear("bias over all", "return dout @ weight, dout.T @ x, np.sum(dout)", "REDUCED", "SUMMED_OVER"),
    linear("weight transposed", "return dout @ weight, x.T @ dout, dout.sum(0)", "TRANSPOSED"),
    linear("sign", "return -dout @ weight, -dout.T @ x, -dout.sum(0)", "SIGN"),
    linear("dx for dweight", "return dout.T @ x, dout @ weight, dout.sum(0)", "SWAPPED"),
    linear("bias forgotten", "return dout @ weight, dout.T @ x, np.zeros_like(bias)", "ZERO"),
    linear("ones for dout", """dout = np.ones_like(dout)
    return dout @ weight, dout.T @ x, dout.sum(0)""", "DOUT_IGNORED"),
    linear("decay", "return dout @ weight, dout.T @ x + 0.1 * weight, dout.sum(0)", "ADDED"),
    linear("mean and decay", "return dout @ weight, dout.T @ x / len(x) + 0.01 * weight, dout.sum(0)", "ADDED"),
    linear("only the last sample", """for n in range(len(x)):
        dw = np.outer(dout[n], x[n])
        db = dout[n]
    return dout @ weight, dw, db""", "INDICES"),
    linear("returns in the loop", """dw = 0
    for n in range(len(x)):
        dw = dw + np.outer(dout[n], x[n])
        return dout @ weight, dw, dout.sum(0)""", "INDICES"),
    linear("one sample short", """dw = np.zeros_like(weight)
    for n in range(len(x) - 1):
        dw += np.outer(dout[n], x[n])
    return dout @ weight, dw, dout.sum(0)""", "INDICES"),
    linear("dx keeps one unit", """dx = np.zeros_like(x)
    for h in range(len(weight)):
        dx = dout[:, h:h+1] * weight[h]
    return dx, dout.T @ x, dout.sum(0)""", "INDICES"),
    linear("dx from every second unit", "return dout[:, ::2] @ weight[::2], dout.T @ x, dout.sum(0)", "INDICES"),
    linear("dweight of centred x", "return dout @ weight, dout.T @ (x - x.mean(0)), dout.sum(0)", "WRONG_INPUT"),
    linear("dx of the weights' signs", "return dout @ np.sign(weight), dout.T @ x, dout.sum(0)", "WRONG_INPUT"),
    Variant("linear", "no bias", """
        def linear_forward(x, weight, bias):
            return x @ weight.T
    """, ("WRONG_INPUT", "TERMS")),
    Variant("linear", "bias subtracted", """
        def linear_forward(x, weight, bias):
            return x @ weight.T - bias
    """, ("TERMS", "WRONG_INPUT")),
    Variant("linear", "half the inputs", """
        def linear_forward(x, weight, bias):
            out = np.tile(bias, (len(x), 1))
            for d in range(1, x.shape[1]):
                out += np.outer(x[:, d], weight[:, d])
            return out
    """, ("INDICES",)),
    linear("outer product of sums", "return dout @ weight, np.outer(dout.sum(0), x.sum(0)), dout.sum(0)", "WRONG_INPUT"),
    linear("dx of all samples together", "return dout.sum(0) @ weight + 0 * x, dout.T @ x, dout.sum(0)", "WRONG_INPUT"),
    linear("first input skipped", "dw = dout.T @ x; dw[:, 0] = 0; return dout @ weight, dw, dout.sum(0)", "INDICES"),
    linear("divided by D", "return dout @ weight, dout.T @ x / x.shape[1], dout.sum(0)", "FACTOR"),
    linear("bias added to dbias", "return dout @ weight, dout.T @ x, dout.sum(0) + bias", "ADDED"),
    # 15 … 18
    pointwise("relu", "no mask", "np.maximum(x, 0)", "return dout", "RELU_MASK_MISSING"),
    pointwise("relu", "inverted", "np.maximum(x, 0)", "return dout * (x < 0)", "RELU_MASK_INVERTED"),
    pointwise("relu", "mask of dout", "np.maximum(x, 0)", "return np.maximum(dout, 0)", "RELU_MASK_OF_DOUT"),
    pointwise("relu", "times relu", "np.maximum(x, 0)", "return dout * np.maximum(x, 0)", "EXTRA_FACTOR"),
    pointwise("relu", "heaviside", "np.maximum(x, 0)", "return (x > 0).astype(float)", "DOUT_IGNORED"),
    pointwise("relu", "leaky", "np.where(x > 0, x, 0.01 * x)", "return np.where(x > 0, dout, 0.01 * dout)", "RELU_LEAKY"),
    pointwise("relu", "absolute", "np.abs(x)", "return dout * np.sign(x)", "RELU_ABSOLUTE"),
    pointwise("relu", "minimum", "np.minimum(x, 0)", "return dout * (x < 0)", "RELU_MASK_INVERTED"),
    pointwise("relu", "minus one for off", "np.maximum(x, 0)", "return np.where(x > 0, dout, -dout)", "RELU_ABSOLUTE"),
    pointwise("relu", "times x", "np.maximum(x, 0)", "return dout * x", "INSTEAD"),
    pointwise("relu", "mask of rows", "np.maximum(x, 0)", "return dout * (x.sum(1, keepdims=True) > 0)", "WRONG_INPUT"),
    pointwise("relu", "ones", "np.maximum(x, 0)", "return np.ones_like(x)", "DOUT_IGNORED"),
    # 19 … 22
    pointwise("sigmoid", "of its input", "s(x)", "return dout * x * (1 - x)", "SLOPE_OF_INPUT"),
    pointwise("sigmoid", "only y", "s(x)", "return dout * s(x)", "MISSING_FACTOR"),
    pointwise("sigmoid", "only 1 − y", "s(x)", "return dout * (1 - s(x))", "MISSING_FACTOR"),
    pointwise("sigmoid", "twice", "s(x)", "return dout * s(s(x)) * (1 - s(s(x)))", "WRONG_INPUT"),
    pointwise("sigmoid", "y (1 + y)", "s(x)", "return dout * s(x) * (1 + s(x))", "TERMS"),
    pointwise("sigmoid", "1 − y²", "s(x)", "return dout * (1 - s(x) ** 2)", "SLOPE_OF_TANH"),
    pointwise("sigmoid", "y (y − 1)", "s(x)", "return dout * s(x) * (s(x) - 1)", "SIGN"),
    pointwise("sigmoid", "sign of the exponent", "1 / (1 + np.exp(x))", "return dout * s(x) * (1 - s(x))", "WRONG_INPUT"),
    pointwise("sigmoid", "without dout", "s(x)", "return s(x) * (1 - s(x))", "DOUT_IGNORED"),
    pointwise("sigmoid", "squared slope", "s(x)", "return dout * (s(x) * (1 - s(x))) ** 2", "EXTRA_FACTOR"),
    pointwise("sigmoid", "no slope", "s(x)", "return dout", "MISSING_FACTOR"),
    pointwise("tanh", "1 − y", "np.tanh(x)", "return dout * (1 - np.tanh(x))", "MISSING_FACTOR"),
    pointwise("tanh", "1 − x²", "np.tanh(x)", "return dout * (1 - x ** 2)", "SLOPE_OF_INPUT"),
    pointwise("tanh", "(1 − y)²", "np.tanh(x)", "return dout * (1 - np.tanh(x)) ** 2", "SLOPE_SQUARED_WRONG"),
    pointwise("tanh", "1 + y²", "np.tanh(x)", "return dout * (1 + np.tanh(x) ** 2)", "TERMS"),
    pointwise("tanh", "y (1 − y)", "np.tanh(x)", "y = np.tanh(x); return dout * y * (1 - y)", "SLOPE_OF_SIGMOID"),
    pointwise("tanh", "y² − 1", "np.tanh(x)", "return dout * (np.tanh(x) ** 2 - 1)", "SIGN"),
    pointwise("tanh", "1/cosh", "np.tanh(x)", "return dout / np.cosh(x)", "EXTRA_FACTOR", "MISSING_FACTOR"),
    pointwise("tanh", "sigmoid", "s(x)", "return dout * s(x) * (1 - s(x))", "TANH_IS_SIGMOID"),
    pointwise("tanh", "twice", "np.tanh(x)", "y = np.tanh(x); return dout * (1 - np.tanh(y) ** 2)", "WRONG_INPUT"),
    pointwise("sigmoid", "y − y³", "s(x)", "return dout * (s(x) - s(x) ** 3)", "EXTRA_FACTOR"),
    pointwise("tanh", "dout not in all terms", "np.tanh(x)", "return dout - np.tanh(x) ** 2", "MISSING_FACTOR"),
    # dropout
    dropout("not inverted", "x * mask", "dout * mask", "FACTOR"),
    dropout("divided by p", "x * mask / p", "dout * mask / p", "FACTOR"),
    dropout("no mask back", "x * mask / (1 - p)", "dout / (1 - p)", "DROPOUT_ONE_FACTOR", "WRONG_INPUT"),
    dropout("mask inverted", "x * (1 - mask) / (1 - p)", "dout * (1 - mask) / (1 - p)", "DROPOUT_INVERTED"),
    dropout("not scaled back", "x * mask / (1 - p)", "dout * mask", "FACTOR"),
    dropout("nothing", "x", "dout", "DROPOUT_TEST"),
    dropout("scaled twice", "x * mask / (1 - p)", "dout * mask / (1 - p) ** 2", "FACTOR"),
    dropout("times x", "x * mask / (1 - p)", "dout * mask * x / (1 - p)", "EXTRA_FACTOR"),
    dropout("multiplied by 1 − p", "x * mask * (1 - p)", "dout * mask * (1 - p)", "FACTOR"),
    dropout("draws its own", "x * (np.random.rand(*x.shape) > p) / (1 - p)", "dout * mask / (1 - p)", "DREW"),
    # embedding
    embedding("assigned", "dw[ids] = dout", "ASSIGNED"),
    embedding("+= with repeats", "dw[ids] += dout", "ASSIGNED"),
    embedding("mean", """np.add.at(dw, ids, dout)
    dw /= np.maximum(np.bincount(ids, minlength=len(weight)), 1)[:, None]""", "EMBEDDING_MEAN"),
    embedding("per sample", "dw = dout", "SUMMED_OVER"),
    embedding("over N", "np.add.at(dw, ids, dout / len(ids))", "FACTOR"),
    embedding("times weight", "np.add.at(dw, ids, dout * weight[ids])", "EXTRA_FACTOR", "EMBEDDING_TIMES_WEIGHT"),
    embedding("off by one", "np.add.at(dw, ids - 1, dout)", "WRONG_INPUT", "SHIFTED", forward="weight[ids - 1]"),
    embedding("reversed", "np.add.at(dw, ids[::-1], dout)", "WRONG_INPUT"),
    embedding("sorted", "np.add.at(dw, np.sort(ids), dout)", "WRONG_INPUT"),
    embedding("first word skipped", "np.add.at(dw, ids[1:], dout[1:])", "INDICES"),
    embedding("counted", "np.add.at(dw, ids, 1.0)", "DOUT_IGNORED"),
    # 39 … 47
    norm("batch_norm", "statistics constant", "TERMS", dx="direct"),
    norm("batch_norm", "no variance path", "TERMS", dx="direct + mean"),
    norm("batch_norm", "variance path's sign", "TERMS", dx="direct + mean - variance"),
    norm("batch_norm", "no mean path", "TERMS", dx="direct + variance"),
    norm("batch_norm", "sums for means", "TERMS", dx="direct + n * (mean + variance)"),
    norm("batch_norm", "variance path doubled", "TERMS", dx="direct + mean + 2 * variance"),
    norm("batch_norm", "no gamma", "MISSING_FACTOR", dx="(direct + mean + variance) / gamma"),
    norm("batch_norm", "no gamma in one path", "MISSING_FACTOR", dx="dout / s + mean + variance"),
    norm("batch_norm", "variance for deviation", "EXTRA_FACTOR", dx="(direct + mean + variance) / s"),
    norm("batch_norm", "not divided", "MISSING_FACTOR", dx="(direct + mean + variance) * s"),
    norm("batch_norm", "variance path not divided", "MISSING_FACTOR", dx="direct + mean + variance * s"),
    norm("batch_norm", "N − 1 in the end", "FACTOR", dx="(n * g - g.sum(0) - h * (g * h).sum(0)) / ((n - 1) * s)"),
    norm("batch_norm", "ddof", "NORM_UNBIASED", ddof=1, dx="direct + mean + variance * n / (n - 1)"),
    norm("batch_norm", "dgamma of x", "NORM_DGAMMA_OF_X", dgamma="np.sum(dout * x, axis=0)"),
    norm("batch_norm", "dgamma not scaled", "MISSING_FACTOR", "NORM_NOT_SCALED", dgamma="np.sum(dout * (x - m), axis=0)"),
    norm("batch_norm", "dgamma with the mean of h", "ZERO", dgamma="np.sum(dout * 0 * h, axis=0)"),
    norm("batch_norm", "dbeta a mean", "FACTOR", dbeta="dout.mean(0)"),
    norm("batch_norm", "dbeta with gamma", "EXTRA_FACTOR", "NORM_DGAMMA_TIMES_GAMMA", dbeta="g.sum(0)"),
    norm("batch_norm", "axis 1", "NORM_AXIS", axis=1),
    norm("batch_norm", "whole batch", "NORM_OF_ALL", forward="gamma * (x - x.mean()) / np.sqrt(x.var() + 1e-5) + beta"),
    norm("batch_norm", "forward without gamma", "WRONG_INPUT", forward="(x - m) / s + beta"),
    norm("batch_norm", "forward without beta", "WRONG_INPUT", "TERMS", forward="gamma * (x - m) / s"),
    norm("batch_norm", "forward by the variance", "EXTRA_FACTOR", forward="gamma * (x - m) / s ** 2 + beta"),
    norm("batch_norm", "forward not centred", "NORM_NOT_CENTRED", forward="gamma * x / s + beta"),
    norm("batch_norm", "dgamma for dbeta", "SWAPPED", dgamma="dout.sum(0)", dbeta="np.sum(dout * h, axis=0)"),
    norm("layer_norm", "statistics constant", "TERMS", dx="direct"),
    norm("layer_norm", "no variance path", "TERMS", dx="direct + mean"),
    norm("layer_norm", "no mean path", "TERMS", dx="direct + variance"),
    norm("layer_norm", "axis 0", "NORM_AXIS", axis=0),
    norm("layer_norm", "sums for means", "TERMS", dx="direct + n * mean + n * variance"),
    norm("layer_norm", "no gamma", "WRONG_INPUT", dx="(dout - dout.mean(1, keepdims=True) "
         "- h * (dout * h).mean(1, keepdims=True)) / s"),
    norm("layer_norm", "gamma at the end", "NORM_GAMMA_LAST", dx="gamma * (dout - dout.mean(1, keepdims=True) "
         "- h * (dout * h).mean(1, keepdims=True)) / s"),
    norm("layer_norm", "ddof", "NORM_UNBIASED", ddof=1, dx="direct + mean + variance * n / (n - 1)"),
    norm("layer_norm", "dgamma over features", "SUMMED_OVER", dgamma="np.sum(dout * h, axis=1)"),
    norm("layer_norm", "dbeta over features", "SUMMED_OVER", dbeta="np.sum(dout, axis=1)"),
    norm("layer_norm", "dx not divided", "MISSING_FACTOR", dx="(direct + mean + variance) * s"),
]  # fmt: skip

TWO = [
    linear("mean and transposed", "return dout @ weight, x.T @ dout / len(x), dout.sum(0)", "TRANSPOSED"),
    linear("sign of dx, mean of dbias", "return -dout @ weight, dout.T @ x, dout.mean(0)", "SIGN", "FACTOR"),
    linear("last sample, averaged", """for n in range(len(x)):
        dw = np.outer(dout[n], x[n]) / len(x)
    return dout @ weight, dw, dout.mean(0)""", "INDICES", "FACTOR"),
    pointwise("relu", "no mask, halved", "np.maximum(x, 0)", "return dout / 2", "RELU_MASK_MISSING"),
    pointwise("sigmoid", "only y, and the sign", "s(x)", "return -dout * s(x)", "MISSING_FACTOR"),
    pointwise("tanh", "1 − x² and the sign", "np.tanh(x)", "return -dout * (1 - x ** 2)", "SLOPE_OF_INPUT"),
    dropout("inverted mask, not scaled", "x * (1 - mask)", "dout * (1 - mask)", "DROPOUT_INVERTED"),
    norm("batch_norm", "no mean path, sum in the variance's", "TERMS", dx="direct + n * variance"),
    norm("batch_norm", "no gamma, no variance path", "MISSING_FACTOR", "TERMS", dx="dout / s + mean / gamma"),
    norm("batch_norm", "dgamma of x, dbeta a mean", "NORM_DGAMMA_OF_X", "FACTOR",
         dgamma="np.sum(dout * x, axis=0)", dbeta="dout.mean(0)"),
    norm("layer_norm", "axis 0 and ddof", "NORM_AXIS", axis=0, ddof=1),
]  # fmt: skip
