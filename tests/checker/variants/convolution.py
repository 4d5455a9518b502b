"""Images, masks and an LSTM's step, as students write them."""

from ..direct import Variant

__all__ = ["RIGHT", "TWO", "WRONG"]


# ---------------------------------------------------------------------------------------------------------- convolution
def conv(name: str, forward: str = "", backward: str = "", *why: str, given: str = "x, weight, bias") -> Variant:
    """A convolution by taps; `forward` and `backward` are what happens at each tap (u, v)."""
    forward = forward or "out += np.einsum('fc,ncij->nfij', weight[:, :, u, v], xp[:, :, u:u+R, v:v+S])"
    backward = (
        backward
        or """
        dw[:, :, u, v] = np.einsum('nfij,ncij->fc', dout, xp[:, :, u:u+R, v:v+S])
        dxp[:, :, u:u+R, v:v+S] += np.einsum('fc,nfij->ncij', weight[:, :, u, v], dout)
        dx = dxp[:, :, 1:-1, 1:-1]"""
    )
    source = f"""
def conv2d_forward(x, weight, bias):
    N, C, H, W = x.shape
    F, _, P, Q = weight.shape
    R, S = H + 3 - P, W + 3 - Q
    xp = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    out = np.zeros((N, F, R, S)) + bias.reshape(1, -1, 1, 1)
    for u, v in np.ndindex(P, Q):
        {forward}
    return out
def conv2d_backward(dout, x, weight, bias):
    N, C, H, W = x.shape
    F, _, P, Q = weight.shape
    _, _, R, S = dout.shape
    xp = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    dxp, dw, db = np.zeros_like(xp), np.zeros_like(weight), dout.sum((0, 2, 3))
    for u, v in np.ndindex(P, Q):
        {backward.strip()}
    return dx, dw, db
"""
    return Variant("conv2d", name, source, why)


def pixels(name: str, inner: str, *why: str, db: str = "dout.sum((0, 2, 3))", after: str = "") -> Variant:
    """A convolution's backward by loops over images, filters and pixels."""
    source = f"""
def conv2d_backward(dout, x, weight, bias):
    N, C, H, W = x.shape
    F, _, P, Q = weight.shape
    _, _, R, S = dout.shape
    xp = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    dxp, dw, db = np.zeros_like(xp), np.zeros_like(weight), {db}
    for n in range(N):
        for f in range(F):
            for i in range(R):
                for j in range(S):
                    {inner}
    dx = dxp[:, :, 1:-1, 1:-1]
    {after}
    return dx, dw, db
"""
    return Variant("conv2d", name, source, why)


DX = "dxp[n, :, i:i+P, j:j+Q] += weight[f] * dout[n, f, i, j]"
DW = "dw[f] += xp[n, :, i:i+P, j:j+Q] * dout[n, f, i, j]"


def transpose(name: str, forward: str = "", backward: str = "", *why: str, rest: str = "return dx, dw, db") -> Variant:
    """A transposed convolution by pixels forward, by taps back."""
    forward = forward or "out[n, :, 2*i:2*i+P, 2*j:2*j+Q] += np.tensordot(x[n, :, i, j], weight, 1)"
    backward = (
        backward
        or """
        there = dout[:, :, u:u+2*H-1:2, v:v+2*W-1:2]
        dx += np.einsum('cf,nfij->ncij', weight[:, :, u, v], there)
        dw[:, :, u, v] = np.einsum('ncij,nfij->cf', x, there)"""
    )
    source = f"""
def conv_transpose2d_forward(x, weight, bias):
    N, C, H, W = x.shape
    _, F, P, Q = weight.shape
    out = np.zeros((N, F, 2 * (H - 1) + P, 2 * (W - 1) + Q))
    for n in range(N):
        for i in range(H):
            for j in range(W):
                {forward}
    return out + bias[:, None, None]
def conv_transpose2d_backward(dout, x, weight, bias):
    N, C, H, W = x.shape
    _, F, P, Q = weight.shape
    dx, dw, db = np.zeros_like(x), np.zeros_like(weight), dout.sum((0, 2, 3))
    for u, v in np.ndindex(P, Q):
        {backward.strip()}
    {rest}
"""
    return Variant("conv_transpose2d", name, source, why)


def pool(exercise: str, name: str, forward: str, back: str, *why: str) -> Variant:
    """Pooling by loops over windows, of which each is `w`, its index `at`, and its gradient `d`."""
    source = f"""
def {exercise}_forward(x):
    N, C, H, W = x.shape
    out = np.zeros((N, C, H // 2, W // 2))
    for i in range(H // 2):
        for j in range(W // 2):
            w = x[:, :, 2*i:2*i+2, 2*j:2*j+2]
            out[:, :, i, j] = {forward}
    return out
def {exercise}_backward(dout, x):
    dx = np.zeros_like(x)
    for n, c, i, j in np.ndindex(*dout.shape):
        at = n, c, slice(2*i, 2*i+2), slice(2*j, 2*j+2)
        w, d = x[at], dout[n, c, i, j]
        {back}
    return dx
"""
    return Variant(exercise, name, source, why)


def whole(exercise: str, name: str, back: str, *why: str) -> Variant:
    """A backward without loops."""
    return Variant(exercise, name, f"def {exercise}_backward(dout, x):\n    {back}\n", why)


def mask(name: str, body: str, *why: str) -> Variant:
    source = f"""
def pixel_mask(kind, size):
    m = np.ones((size, size))
    c = size // 2
    {body}
    return m
"""
    return Variant("pixel_mask", name, source, why)


def masked(name: str, *why: str, forward: str = "weight * m", back: str = "weight * m", dw: str = "dw * m",
           build: str = "m[1, 1 + (kind == 'B'):] = 0; m[2:] = 0") -> Variant:  # fmt: skip
    """A masked convolution around a right one."""
    source = f"""
def mask(kind):
    m = np.ones((3, 3))
    {build}
    return m
def windows(x):
    xp = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    return np.lib.stride_tricks.sliding_window_view(xp, (3, 3), (2, 3))
def masked_conv2d_forward(x, weight, bias, kind):
    m = mask(kind)
    w = {forward}
    return np.einsum("ncijuv,fcuv->nfij", windows(x), w) + bias[:, None, None]
def masked_conv2d_backward(dout, x, weight, bias, kind):
    m = mask(kind)
    w = {back}
    dx = np.einsum("nfijuv,fcuv->ncij", windows(dout), w[:, :, ::-1, ::-1])
    dw = np.einsum("ncijuv,nfij->fcuv", windows(x), dout)
    return dx, {dw}, dout.sum((0, 2, 3))
"""
    return Variant("masked_conv2d", name, source, why)


def made(name: str, first: str, last: str, *why: str) -> Variant:
    source = f"""
def made_masks(degrees, size):
    pixels = np.arange(1, size + 1)
    first = ({first})
    last = ({last})
    return first, last
"""
    return Variant("made_masks", name, source, why)


LSTM = {
    "blocks": "i, f, g, o = s(A[:, :H]), s(A[:, H:2*H]), np.tanh(A[:, 2*H:3*H]), s(A[:, 3*H:])",
    "c": "f * previous_c + i * g",
    "h": "o * np.tanh(c)",
    "dc": "dc + dh * o * (1 - np.tanh(c) ** 2)",
    "di": "dct * g * i * (1 - i)",
    "df": "dct * previous_c * f * (1 - f)",
    "dg": "dct * i * (1 - g ** 2)",
    "do": "dh * np.tanh(c) * o * (1 - o)",
    "dcp": "dct * f",
    "da": "np.hstack([di, df, dg, do])",
    "dx": "da @ weight",
    "dhp": "da @ recurrent",
    "dw": "da.T @ x",
    "du": "da.T @ previous_h",
    "db": "da.sum(0)",
}


def lstm(name: str, *why: str, **changed: str) -> Variant:
    """A step with some of its lines changed."""
    line = {**LSTM, **changed}
    source = f"""
def s(a):
    return 1 / (1 + np.exp(-a))
def lstm_step_forward(x, previous_h, previous_c, weight, recurrent, bias):
    H = previous_h.shape[1]
    A = x @ weight.T + previous_h @ recurrent.T + bias
    {line["blocks"]}
    c = {line["c"]}
    h = {line["h"]}
    return h, c, (x, previous_h, previous_c, weight, recurrent, i, f, g, o, c)
def lstm_step_backward(dh, dc, cache):
    x, previous_h, previous_c, weight, recurrent, i, f, g, o, c = cache
    dct = {line["dc"]}
    di, df, dg, do = {line["di"]}, {line["df"]}, {line["dg"]}, {line["do"]}
    da = {line["da"]}
    return {line["dx"]}, {line["dhp"]}, {line["dcp"]}, {line["dw"]}, {line["du"]}, {line["db"]}
"""
    return Variant("lstm_step", name, source, why)


RIGHT = [
    conv("taps"),
    pixels("pixels", f"{DX}; {DW}"),
    Variant("conv2d", "seven loops", """
        def conv2d_forward(x, weight, bias):
            N, C, H, W = x.shape
            F, C, P, Q = weight.shape
            out = np.zeros((N, F, H + 3 - P, W + 3 - Q))
            for n in range(N):
                for f in range(F):
                    for i in range(out.shape[2]):
                        for j in range(out.shape[3]):
                            total = bias[f]
                            for c in range(C):
                                for u in range(P):
                                    for v in range(Q):
                                        if 0 <= i + u - 1 < H and 0 <= j + v - 1 < W:
                                            total += weight[f, c, u, v] * x[n, c, i + u - 1, j + v - 1]
                            out[n, f, i, j] = total
            return out
        def conv2d_backward(dout, x, weight, bias):
            N, C, H, W = x.shape
            F, C, P, Q = weight.shape
            dx, dw, db = np.zeros_like(x), np.zeros_like(weight), np.zeros_like(bias)
            for n in range(N):
                for f in range(F):
                    for i in range(dout.shape[2]):
                        for j in range(dout.shape[3]):
                            db[f] += dout[n, f, i, j]
                            for c in range(C):
                                for u in range(P):
                                    for v in range(Q):
                                        if 0 <= i + u - 1 < H and 0 <= j + v - 1 < W:
                                            dx[n, c, i + u - 1, j + v - 1] += weight[f, c, u, v] * dout[n, f, i, j]
                                            dw[f, c, u, v] += x[n, c, i + u - 1, j + v - 1] * dout[n, f, i, j]
            return dx, dw, db
    """),
    Variant("conv2d", "im2col, float32, dict", """
        def columns(x, P, Q):
            xp = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
            w = np.lib.stride_tricks.sliding_window_view(xp, (P, Q), (2, 3))
            return w.transpose(0, 2, 3, 1, 4, 5).reshape(len(x), w.shape[2], w.shape[3], -1)
        def conv2d_forward(x, weight, bias):
            cols = columns(x.astype(np.float32), *weight.shape[2:])
            return (cols @ weight.reshape(len(weight), -1).T.astype(np.float32) + bias).transpose(0, 3, 1, 2)
        def conv2d_backward(dout, x, weight, bias):
            F, C, P, Q = weight.shape
            cols = columns(x, P, Q)
            g = dout.transpose(0, 2, 3, 1).reshape(-1, F)
            dw = (g.T @ cols.reshape(len(g), -1)).reshape(weight.shape)
            full = np.pad(dout, ((0, 0), (0, 0), (P - 1, P - 1), (Q - 1, Q - 1)))
            w = np.lib.stride_tricks.sliding_window_view(full, (P, Q), (2, 3))
            dxp = np.einsum("nfijuv,fcuv->ncij", w, weight[:, :, ::-1, ::-1])
            return {"dw": dw, "dweight": dw, "dbias": g.sum(0), "dx": dxp[:, :, 1:-1, 1:-1]}
    """),
    transpose("pixels and taps"),
    Variant("conv_transpose2d", "spread and correlate", """
        def conv_transpose2d_forward(x, weight, bias):
            C, F, P, Q = weight.shape
            N, _, H, W = x.shape
            spread = np.zeros((N, C, 2 * H - 1 + 2 * (P - 1), 2 * W - 1 + 2 * (Q - 1)))
            spread[:, :, P-1:P-1+2*H-1:2, Q-1:Q-1+2*W-1:2] = x
            w = np.lib.stride_tricks.sliding_window_view(spread, (P, Q), (2, 3))
            return np.einsum("ncijuv,cfuv->nfij", w, weight[:, :, ::-1, ::-1]) + bias.reshape(1, -1, 1, 1)
        def conv_transpose2d_backward(dout, x, weight, bias):
            C, F, P, Q = weight.shape
            w = np.lib.stride_tricks.sliding_window_view(dout, (P, Q), (2, 3))[:, :, ::2, ::2]
            return np.einsum("nfijuv,cfuv->ncij", w, weight), np.einsum("nfijuv,ncij->cfuv", w, x), dout.sum((0, 2, 3))
    """),
    Variant("conv_transpose2d", "loops, cache", """
        def conv_transpose2d_forward(x, weight, bias):
            N, C, H, W = x.shape
            _, F, P, Q = weight.shape
            out = np.tile(bias[None, :, None, None], (N, 1, 2 * (H - 1) + P, 2 * (W - 1) + Q))
            for c in range(C):
                for f in range(F):
                    for u in range(P):
                        for v in range(Q):
                            out[:, f, u:u+2*H-1:2, v:v+2*W-1:2] += weight[c, f, u, v] * x[:, c]
            return out, (x, weight)
        def conv_transpose2d_backward(dout, cache):
            x, weight = cache
            dx, dw = np.zeros_like(x), np.zeros_like(weight)
            for n, c, i, j in np.ndindex(*x.shape):
                patch = dout[n, :, 2*i:2*i+weight.shape[2], 2*j:2*j+weight.shape[3]]
                dx[n, c, i, j] = (weight[c] * patch).sum()
                dw[c] += x[n, c, i, j] * patch
            return dx, dw, dout.sum(axis=(0, 2, 3))
    """),
    Variant("conv_transpose2d", "float32, Fortran", """
        def conv_transpose2d_forward(x, weight, bias):
            N, C, H, W = x.shape
            _, F, P, Q = weight.shape
            out = np.zeros((N, F, 2 * (H - 1) + P, 2 * (W - 1) + Q), np.float32, order="F")
            for u in range(P):
                for v in range(Q):
                    part = np.tensordot(weight[:, :, u, v].T, x, (1, 1)).transpose(1, 0, 2, 3)
                    out[:, :, u::2, v::2][:, :, :H, :W] += part.astype(np.float32)
            out += bias.astype(np.float32)[None, :, None, None]
            return out
    """),
    pool("max_pool2d", "loops", "w.max((2, 3))", "dx[at].flat[w.argmax()] = d; k = divmod(int(w.argmax()), 2); "
         "dx[n, c, 2*i + k[0], 2*j + k[1]] = d"),
    pool("max_pool2d", "equal to the maximum", "np.maximum.reduce([w[:, :, 0, 0], w[:, :, 0, 1], w[:, :, 1, 0], "
         "w[:, :, 1, 1]])", "dx[at] = (w == w.max()) * d"),
    Variant("max_pool2d", "reshape", """
        def max_pool2d_forward(x):
            N, C, H, W = x.shape
            out = x.reshape(N, C, H // 2, 2, W // 2, 2).max(axis=(3, 5))
            return out, (x, out)
        def max_pool2d_backward(dout, cache):
            x, out = cache
            mask = x == out.repeat(2, axis=2).repeat(2, axis=3)
            return mask * dout.repeat(2, axis=2).repeat(2, axis=3)
    """),
    Variant("max_pool2d", "slices", """
        def max_pool2d_forward(x):
            corners = [x[:, :, a::2, b::2] for a in (0, 1) for b in (0, 1)]
            return np.max(corners, axis=0).astype(np.float32)
        def max_pool2d_backward(dout, x):
            dx = np.zeros(x.shape)
            corners = np.stack([x[:, :, a::2, b::2] for a in (0, 1) for b in (0, 1)])
            best = corners.argmax(0)
            for k in range(4):
                dx[:, :, k // 2::2, k % 2::2] = np.where(best == k, dout, 0)
            return {"dx": np.asfortranarray(dx)}
    """),
    pool("avg_pool2d", "loops", "w.mean((2, 3))", "dx[at] = d / 4"),
    pool("avg_pool2d", "added up", "w.sum((2, 3)) / 4", "dx[at] += d * np.ones((2, 2)) / 4"),
    Variant("avg_pool2d", "kron", """
        def avg_pool2d_forward(x):
            return (x[:, :, ::2, ::2] + x[:, :, 1::2, ::2] + x[:, :, ::2, 1::2] + x[:, :, 1::2, 1::2]) / 4
        def avg_pool2d_backward(dout, x):
            return np.kron(dout, np.full((1, 1, 2, 2), 0.25))
    """),
    Variant("avg_pool2d", "reshape, float32", """
        def avg_pool2d_forward(x):
            N, C, H, W = x.shape
            return x.astype(np.float32).reshape(N, C, H // 2, 2, W // 2, 2).mean((3, 5))
        def avg_pool2d_backward(dout, x):
            return np.broadcast_to(dout[:, :, :, None, :, None] / 4, (*dout.shape[:3], 2, dout.shape[3], 2)).reshape(x.shape)
    """),
    mask("slices", "m[c, c + (kind == 'B'):] = 0; m[c+1:] = 0"),
    mask("flat", "m = (np.arange(size * size) < size * size // 2 + (kind == 'B')).reshape(size, size)"),
    mask("loops", """
    for i in range(size):
        for j in range(size):
            if i > c or (i == c and (j > c or (j == c and kind == "A"))):
                m[i, j] = 0"""),
    mask("integers", """m = np.zeros((size, size), dtype=np.int64)
    m[:c] = 1
    m[c, :c] = 1
    if kind == "B":
        m[c, c] = 1"""),
    masked("windows"),
    masked("zeroed copy", forward="np.where(m > 0, weight, 0)", back="np.where(m > 0, weight, 0)", dw="np.where(m, dw, 0)"),
    Variant("masked_conv2d", "only visible taps", """
        def taps(kind):
            return [(0, 0), (0, 1), (0, 2), (1, 0)] + [(1, 1)] * (kind == "B")
        def masked_conv2d_forward(x, weight, bias, kind):
            N, C, H, W = x.shape
            xp = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
            out = np.zeros((N, len(weight), H, W), np.float32)
            for u, v in taps(kind):
                out += np.einsum("fc,ncij->nfij", weight[:, :, u, v], xp[:, :, u:u+H, v:v+W]).astype(np.float32)
            return out + bias.reshape(-1, 1, 1)
        def masked_conv2d_backward(dout, x, weight, bias, kind):
            N, C, H, W = x.shape
            xp = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
            dxp, dw = np.zeros_like(xp), np.zeros_like(weight)
            for u, v in taps(kind):
                dw[:, :, u, v] = np.einsum("nfij,ncij->fc", dout, xp[:, :, u:u+H, v:v+W])
                dxp[:, :, u:u+H, v:v+W] += np.einsum("fc,nfij->ncij", weight[:, :, u, v], dout)
            return dxp[:, :, 1:-1, 1:-1], dw, dout.sum((0, 2, 3))
    """),
    Variant("masked_conv2d", "cache", """
        def masked_conv2d_forward(x, weight, bias, kind):
            m = np.zeros((3, 3))
            m[0] = m[1, 0] = 1
            m[1, 1] = kind == "B"
            xp = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
            out = np.empty((len(x), len(weight), *x.shape[2:]))
            for i, j in np.ndindex(*x.shape[2:]):
                out[:, :, i, j] = np.tensordot(xp[:, :, i:i+3, j:j+3], weight * m, ((1, 2, 3), (1, 2, 3))) + bias
            return out, (xp, weight, m)
        def masked_conv2d_backward(dout, cache):
            xp, weight, m = cache
            dxp, dw = np.zeros_like(xp), np.zeros_like(weight)
            for i, j in np.ndindex(*dout.shape[2:]):
                dxp[:, :, i:i+3, j:j+3] += np.tensordot(dout[:, :, i, j], weight * m, 1)
                dw += np.tensordot(dout[:, :, i, j].T, xp[:, :, i:i+3, j:j+3], 1)
            return {"dx": dxp[:, :, 1:-1, 1:-1], "dweight": dw * m, "dbias": dout.sum((0, 2, 3))}
    """),
    made("compare", "degrees[:, None] >= pixels[None, :]", "pixels[:, None] > degrees[None, :]"),
    made("integers", "np.greater_equal.outer(degrees, pixels) * 1", "1 - np.less_equal.outer(pixels, degrees)"),
    made("floats", "(degrees.reshape(-1, 1) >= np.arange(size) + 1).astype(float)",
         "(np.arange(size).reshape(-1, 1) >= degrees).astype(np.float32)"),
    Variant("made_masks", "loops, dict", """
        def made_masks(degrees, size):
            first, last = np.zeros((len(degrees), size)), np.zeros((size, len(degrees)))
            for k, m in enumerate(degrees):
                first[k, :m] = 1
                last[m:, k] = 1
            return {"last": last, "first": first}
    """),
    lstm("cache"),
    lstm("float32", h="(o * np.tanh(c)).astype(np.float32)", db="da.sum(0).astype(np.float32)"),
    Variant("lstm_step", "dict, no cache", """
        def gates(x, h, weight, recurrent, bias):
            a = np.concatenate([x, h], 1) @ np.concatenate([weight, recurrent], 1).T + bias
            n = h.shape[1]
            sig = lambda z: 0.5 * (1 + np.tanh(z / 2))
            return sig(a[:, :n]), sig(a[:, n:2*n]), np.tanh(a[:, 2*n:3*n]), sig(a[:, 3*n:])
        def lstm_step_forward(x, previous_h, previous_c, weight, recurrent, bias):
            i, f, g, o = gates(x, previous_h, weight, recurrent, bias)
            c = f * previous_c + i * g
            return {"c": c, "h": o * np.tanh(c)}
        def lstm_step_backward(dh, dc, x, previous_h, previous_c, weight, recurrent, bias):
            i, f, g, o = gates(x, previous_h, weight, recurrent, bias)
            t = np.tanh(f * previous_c + i * g)
            d = dc + dh * o * (1 - t * t)
            da = np.concatenate([d * g * i * (1 - i), d * previous_c * f * (1 - f), d * i * (1 - g * g), dh * t * o * (1 - o)], 1)
            both = da.T @ np.concatenate([x, previous_h], 1)
            n = x.shape[1]
            return {"dx": da @ weight, "dprevious_h": da @ recurrent, "dprevious_c": d * f,
                    "dweight": both[:, :n], "drecurrent": both[:, n:], "dbias": np.sum(da, axis=0)}
    """),
    Variant("lstm_step", "split and loops", """
        def lstm_step_forward(x, previous_h, previous_c, weight, recurrent, bias):
            h, c = np.zeros_like(previous_h), np.zeros_like(previous_c)
            for n in range(len(x)):
                a = weight @ x[n] + recurrent @ previous_h[n] + bias
                i, f, g, o = np.split(a, 4)
                i, f, o = [1 / (1 + np.exp(-z)) for z in (i, f, o)]
                c[n] = f * previous_c[n] + i * np.tanh(g)
                h[n] = o * np.tanh(c[n])
            return h, c
    """),
]  # fmt: skip


WRONG = [
    # 48 … 56 of the catalogue
    conv("dx with the kernel turned", "", """
        dw[:, :, u, v] = np.einsum('nfij,ncij->fc', dout, xp[:, :, u:u+R, v:v+S])
        dxp[:, :, u:u+R, v:v+S] += np.einsum('fc,nfij->ncij', weight[:, :, P-1-u, Q-1-v], dout)
        dx = dxp[:, :, 1:-1, 1:-1]""", "WRONG_INPUT"),
    conv("forward with the kernel turned",
         "out += np.einsum('fc,ncij->nfij', weight[:, :, P-1-u, Q-1-v], xp[:, :, u:u+R, v:v+S])", "", "WRONG_INPUT"),
    conv("dweight turned", "", """
        dw[:, :, P-1-u, Q-1-v] = np.einsum('nfij,ncij->fc', dout, xp[:, :, u:u+R, v:v+S])
        dxp[:, :, u:u+R, v:v+S] += np.einsum('fc,nfij->ncij', weight[:, :, u, v], dout)
        dx = dxp[:, :, 1:-1, 1:-1]""", "FLIPPED"),
    pixels("border of dx zero", f"{DX}; {DW}", "PLACE",
           after="dx[:, :, [0, -1]] = 0; dx[:, :, :, [0, -1]] = 0"),
    pixels("padding not cut off", f"{DX}; {DW}", "NOT_CROPPED", after="dx = dxp"),
    pixels("crop off by one", f"{DX}; {DW}", "SHIFTED", after="dx = dxp[:, :, 2:, 2:]"),
    pixels("crop of the wrong side", f"{DX}; {DW}", "SHIFTED", after="dx = dxp[:, :, :-2, :-2]"),
    pixels("= for += in dx", f"{DX.replace('+=', '=')}; {DW}", "ASSIGNED"),
    pixels("= for += in dweight", f"{DX}; {DW.replace('+=', '=')}", "ASSIGNED"),
    conv("= for += in dx, by taps", "", """
        dw[:, :, u, v] = np.einsum('nfij,ncij->fc', dout, xp[:, :, u:u+R, v:v+S])
        dxp[:, :, u:u+R, v:v+S] = np.einsum('fc,nfij->ncij', weight[:, :, u, v], dout)
        dx = dxp[:, :, 1:-1, 1:-1]""", "ASSIGNED", "EDIT"),
    conv("= for += in dx and all images", "", """
        dw[:, :, u, v] = np.einsum('fij,cij->fc', dout[-1], xp[-1, :, u:u+R, v:v+S])
        dxp[:, :, u:u+R, v:v+S] += np.einsum('fc,nfij->ncij', weight[:, :, u, v], dout)
        dx = dxp[:, :, 1:-1, 1:-1]""", "INDICES"),
    conv("dweight with filters and channels", "", """
        dw[:, :, u, v] = np.einsum('nfij,ncij->fc', dout, xp[:, :, u:u+R, v:v+S])
        dxp[:, :, u:u+R, v:v+S] += np.einsum('fc,nfij->ncij', weight[:, :, u, v], dout)
        dx = dxp[:, :, 1:-1, 1:-1]
    dw = dw.transpose(1, 0, 2, 3)""", "TRANSPOSED"),
    conv("dweight with rows and columns", "", """
        dw[:, :, u, v] = np.einsum('nfij,ncij->fc', dout, xp[:, :, u:u+R, v:v+S])
        dxp[:, :, u:u+R, v:v+S] += np.einsum('fc,nfij->ncij', weight[:, :, u, v], dout)
        dx = dxp[:, :, 1:-1, 1:-1]
    dw = dw.transpose(0, 1, 3, 2)""", "TRANSPOSED"),
    conv("only the first filter", "", """
        dw[:, :, u, v] = np.einsum('nfij,ncij->fc', dout, xp[:, :, u:u+R, v:v+S])
        dxp[:, :, u:u+R, v:v+S] += np.einsum('c,nij->ncij', weight[0, :, u, v], dout[:, 0])
        dx = dxp[:, :, 1:-1, 1:-1]""", "INDICES"),
    conv("last row of the kernel missed", "", """
        if u == P - 1: continue
        dw[:, :, u, v] = np.einsum('nfij,ncij->fc', dout, xp[:, :, u:u+R, v:v+S])
        dxp[:, :, u:u+R, v:v+S] += np.einsum('fc,nfij->ncij', weight[:, :, u, v], dout)
        dx = dxp[:, :, 1:-1, 1:-1]""", "PLACE", "INDICES", "EDIT"),
    conv("last column of dout missed", "", """
        dw[:, :, u, v] = np.einsum('nfij,ncij->fc', dout[..., :-1], xp[:, :, u:u+R, v:v+S-1])
        dxp[:, :, u:u+R, v:v+S-1] += np.einsum('fc,nfij->ncij', weight[:, :, u, v], dout[..., :-1])
        dx = dxp[:, :, 1:-1, 1:-1]""", "INDICES"),
    conv("only the first channel", "out += np.einsum('f,nij->nfij', weight[:, 0, u, v], xp[:, 0, u:u+R, v:v+S])", "",
         "INDICES"),
    conv("last column of the kernel missed forward",
         "out += (v < Q - 1) * np.einsum('fc,ncij->nfij', weight[:, :, u, v], xp[:, :, u:u+R, v:v+S])", "", "INDICES"),
    conv("= for += forward", "out = np.einsum('fc,ncij->nfij', weight[:, :, u, v], xp[:, :, u:u+R, v:v+S])", "",
         "INDICES"),
    pixels("mean over pixels in dbias", f"{DX}; {DW}", "FACTOR", db="dout.mean((2, 3)).sum(0)"),
    pixels("mean of all in dbias", f"{DX}; {DW}", "FACTOR", db="dout.mean((0, 2, 3))"),
    pixels("mean over images", f"{DX}; {DW}", "FACTOR", db="dout.sum((0, 2, 3)) / len(x)", after="dw /= len(x)"),
    pixels("dbias over images alone", f"{DX}; {DW}", "NOT_REDUCED", db="dout.sum(0)"),
    pixels("dbias keeps an axis", f"{DX}; {DW}", "SUMMED_OVER", "NOT_REDUCED", db="dout.sum((2, 3))"),
    pixels("sign of dweight", f"{DX}; {DW.replace('+=', '-=')}", "SIGN"),
    pixels("dweight of x without padding",
           f"{DX}; k = x[n, :, i:i+P, j:j+Q]; dw[f, :, :k.shape[1], :k.shape[2]] += k * dout[n, f, i, j]", "CONV_NOT_PADDED"),
    Variant("conv2d", "no padding", """
        def conv2d_forward(x, weight, bias):
            w = np.lib.stride_tricks.sliding_window_view(x, weight.shape[2:], (2, 3))
            return np.einsum("ncijuv,fcuv->nfij", w, weight) + bias[:, None, None]
    """, ("CROPPED",)),
    Variant("conv2d", "edge repeated", """
        def conv2d_forward(x, weight, bias):
            xp = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)), mode="edge")
            w = np.lib.stride_tricks.sliding_window_view(xp, weight.shape[2:], (2, 3))
            return np.einsum("ncijuv,fcuv->nfij", w, weight) + bias[:, None, None]
    """, ("CONV_EDGE_REPEATED",)),
    Variant("conv2d", "no bias", """
        def conv2d_forward(x, weight, bias):
            xp = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
            w = np.lib.stride_tricks.sliding_window_view(xp, weight.shape[2:], (2, 3))
            return np.einsum("ncijuv,fcuv->nfij", w, weight)
    """, ("WRONG_INPUT", "TERMS", "INDICES")),
    Variant("conv2d", "bias for each tap", """
        def conv2d_forward(x, weight, bias):
            xp = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
            w = np.lib.stride_tricks.sliding_window_view(xp, weight.shape[2:], (2, 3))
            return np.einsum("ncijuv,fcuv->nfij", w, weight) + 2 * bias[:, None, None]
    """, ("TERMS", "WRONG_INPUT")),
    pixels("dx without the kernel", f"dxp[n, :, i:i+P, j:j+Q] += dout[n, f, i, j]; {DW}", "WRONG_INPUT"),
    pixels("dx with the first filter's kernel", f"{DX.replace('weight[f]', 'weight[0]')}; {DW}", "WRONG_INPUT"),
    pixels("only the first image", f"if n == 0: {DX}; {DW}", "INDICES"),
    pixels("the image's width for the output's", f"if j < W - 1: {DX}; {DW}", "LINKS"),
    # 57
    transpose("= for += forward", "out[n, :, 2*i:2*i+P, 2*j:2*j+Q] = np.tensordot(x[n, :, i, j], weight, 1)", "",
              "ASSIGNED"),
    transpose("kernel turned", "out[n, :, 2*i:2*i+P, 2*j:2*j+Q] += np.tensordot(x[n, :, i, j], weight[..., ::-1, ::-1], 1)",
              "", "WRONG_INPUT"),
    transpose("one channel", "out[n, :, 2*i:2*i+P, 2*j:2*j+Q] += x[n, 0, i, j] * weight[0]", "", "INDICES"),
    transpose("stride 1", "out[n, :, i:i+P, j:j+Q] += np.tensordot(x[n, :, i, j], weight, 1)", "", "TRANSPOSE_STRIDE"),
    transpose("dx of a dense window", "", """
        there = dout[:, :, u:u+H, v:v+W]
        dx += np.einsum('cf,nfij->ncij', weight[:, :, u, v], there)
        dw[:, :, u, v] = np.einsum('ncij,nfij->cf', x, dout[:, :, u:u+2*H-1:2, v:v+2*W-1:2])""", "TRANSPOSE_STRIDE"),
    transpose("dx keeps the last tap", "", """
        there = dout[:, :, u:u+2*H-1:2, v:v+2*W-1:2]
        dx = np.einsum('cf,nfij->ncij', weight[:, :, u, v], there)
        dw[:, :, u, v] = np.einsum('ncij,nfij->cf', x, there)""", "ASSIGNED", "INDICES"),
    transpose("dx with the kernel turned", "", """
        there = dout[:, :, u:u+2*H-1:2, v:v+2*W-1:2]
        dx += np.einsum('cf,nfij->ncij', weight[:, :, P-1-u, Q-1-v], there)
        dw[:, :, u, v] = np.einsum('ncij,nfij->cf', x, there)""", "WRONG_INPUT"),
    transpose("dweight's channels", "", "", "TRANSPOSED", rest="return dx, dw.swapaxes(0, 1), db"),
    transpose("dbias a mean", "", "", "FACTOR", rest="return dx, dw, dout.mean((0, 2, 3))"),
    transpose("sign of dx, dbias zero", "", "", "SIGN", rest="return -dx, dw, 0 * db"),
    transpose("dweight turned", "", "", "FLIPPED", rest="return dx, dw[:, :, ::-1, ::-1], db"),
    transpose("dx over the stride", "", "", "FACTOR", rest="return dx / 4, dw, db"),
    # 58 … 60
    pool("max_pool2d", "copied", "w.max((2, 3))", "dx[at] = d", "POOL_COPIED"),
    pool("max_pool2d", "averaged", "w.max((2, 3))", "dx[at] = d / 4", "POOL_AVERAGED"),
    pool("max_pool2d", "smallest", "w.max((2, 3))", "dx[at] = (w == w.min()) * d", "POOL_SMALLEST"),
    pool("max_pool2d", "row and column", "w.max((2, 3))",
         "k = divmod(int(w.argmax()), 2); dx[n, c, 2*i + k[1], 2*j + k[0]] = d", "POOL_ROW_COLUMN"),
    pool("max_pool2d", "first corner", "w.max((2, 3))", "dx[n, c, 2*i, 2*j] = d", "POOL_CORNER"),
    pool("max_pool2d", "times the maximum", "w.max((2, 3))", "dx[at] = (w == w.max()) * d * w.max()", "EXTRA_FACTOR"),
    pool("max_pool2d", "only the mask", "w.max((2, 3))", "dx[at] = (w == w.max())", "DOUT_IGNORED"),
    pool("max_pool2d", "the numbers themselves", "w.max((2, 3))", "dx[at] = (w == w.max()) * w", "DOUT_IGNORED"),
    pool("max_pool2d", "of size", "np.abs(w).max((2, 3))", "dx[at] = (w == w.max()) * d", "WRONG_INPUT", "POOL_OF_SIZE"),
    pool("max_pool2d", "mean", "w.mean((2, 3))", "dx[at] = d / 4", "POOL_AVERAGED"),
    pool("max_pool2d", "last row of windows missed", "w.max((2, 3))",
         "dx[at] = (w == w.max()) * d * (i < dout.shape[2] - 1)", "INDICES"),
    whole("max_pool2d", "tiled", "N, C, H, W = x.shape; m = x.reshape(N, C, H//2, 2, W//2, 2).max((3, 5)); return "
          "(x == m.repeat(2, 2).repeat(2, 3)) * np.tile(dout, (1, 1, 2, 2))", "POOL_TILED"),
    pool("avg_pool2d", "not divided", "w.mean((2, 3))", "dx[at] = d", "FACTOR"),
    pool("avg_pool2d", "halved", "w.mean((2, 3))", "dx[at] = d / 2", "FACTOR"),
    pool("avg_pool2d", "sum", "w.sum((2, 3))", "dx[at] = d", "FACTOR"),
    pool("avg_pool2d", "one corner", "w.mean((2, 3))", "dx[n, c, 2*i, 2*j] = d / 4", "POOL_CORNER"),
    pool("avg_pool2d", "maximum", "w.max((2, 3))", "dx[at] = (w == w.max()) * d", "POOL_LARGEST"),
    pool("avg_pool2d", "times x", "w.mean((2, 3))", "dx[at] = w * d / 4", "EXTRA_FACTOR"),
    pool("avg_pool2d", "diagonal", "w.mean((2, 3))", "dx[n, c, 2*i, 2*j] = dx[n, c, 2*i+1, 2*j+1] = d / 4", "LINKS"),
    whole("avg_pool2d", "tiled", "return np.tile(dout, (1, 1, 2, 2)) / 4", "POOL_TILED"),
    # 61 … 64, B12, B20
    mask("kinds swapped", "m[c, c + (kind == 'A'):] = 0; m[c+1:] = 0", "MASK_KINDS_SWAPPED"),
    mask("always A", "m[c, c:] = 0; m[c+1:] = 0", "MASK_ALWAYS_A"),
    mask("always B", "m[c, c+1:] = 0; m[c+1:] = 0", "MASK_ALWAYS_B"),
    mask("centre's row dropped", "m[c:] = 0", "MASK_ROW_DROPPED"),
    mask("upper right lost", "m[c, c + (kind == 'B'):] = 0; m[c+1:] = 0; m[:, c+1:] = 0", "MASK_UPPER_RIGHT_LOST"),
    mask("row kept", "m[c+1:] = 0; m[c, c] = kind == 'B'", "MASK_ROW_KEPT"),
    mask("future", "m[:c] = 0; m[c, :c + (kind == 'A')] = 0", "MASK_FUTURE", "FLIPPED"),
    mask("inverted", "m[:c] = 0; m[c, :c + (kind == 'B')] = 0", "MASK_INVERTED"),
    mask("transposed", "m[c + (kind == 'B'):, c] = 0; m[:, c+1:] = 0", "MASK_TRANSPOSED"),
    mask("ones", "pass", "MASK_NONE"),
    mask("off by one", "m[c, c - 1 + (kind == 'B'):] = 0; m[c+1:] = 0", "SHIFTED"),
    mask("rows below kept", "m[c, c + (kind == 'B'):] = 0", "MASK_BELOW_KEPT"),
    masked("the centre alone", "MASK_CENTRE_ALONE", build="m[1, 1] = kind == 'B'"),
    masked("kinds swapped", "MASK_KINDS_SWAPPED", build="m[1, 1 + (kind == 'A'):] = 0; m[2:] = 0"),
    masked("always B", "MASK_ALWAYS_B", build="m[1, 2:] = 0; m[2:] = 0"),
    masked("always A", "MASK_ALWAYS_A", build="m[1, 1:] = 0; m[2:] = 0"),
    masked("no mask", "MASK_NONE", forward="weight", back="weight", dw="dw"),
    masked("future", "MASK_FUTURE", build="m[:1] = 0; m[1, :1 + (kind == 'A')] = 0"),
    masked("transposed", "MASK_TRANSPOSED", build="m[1 + (kind == 'B'):, 1] = 0; m[:, 2:] = 0"),
    masked("row dropped", "MASK_ROW_DROPPED", build="m[1:] = 0"),
    masked("upper right lost", "MASK_UPPER_RIGHT_LOST", build="m[1, 1 + (kind == 'B'):] = 0; m[2:] = 0; m[:, 2:] = 0"),
    masked("dweight not masked", "MASK_NONE", "PLACE", dw="dw"),
    masked("dx of all weights", "MASK_NONE", back="weight"),
    masked("dx not turned", "MASKED_NOT_TURNED", back="(weight * m)[..., ::-1, ::-1]"),
    masked("dweight twice", "FACTOR", dw="2 * dw * m"),
    # MADE
    made("strict", "degrees[:, None] > pixels", "pixels[:, None] - 1 > degrees", "MADE_STRICT"),
    made("sees itself", "degrees[:, None] >= pixels", "pixels[:, None] >= degrees", "MADE_SEES_ITSELF"),
    made("from zero", "degrees[:, None] >= pixels - 1", "pixels[:, None] - 1 >= degrees", "MADE_SEES_ITSELF"),
    made("reversed", "degrees[:, None] <= pixels", "pixels[:, None] > degrees", "MADE_REVERSED"),
    made("transposed", "degrees[None, :] >= pixels[:, None]", "pixels[None, :] > degrees[:, None]", "TRANSPOSED"),
    made("swapped", "pixels[:, None] > degrees", "degrees[:, None] >= pixels", "SHAPE", "SWAPPED", "TRANSPOSED"),
    made("equal", "degrees[:, None] == pixels", "pixels[:, None] > degrees", "MADE_EQUAL"),
    made("ones", "np.ones((len(degrees), size))", "pixels[:, None] > degrees", "CONSTANT"),
    # LSTM
    lstm("order i f o g", "LSTM_ORDER",
         blocks="i, f, o, g = s(A[:, :H]), s(A[:, H:2*H]), s(A[:, 2*H:3*H]), np.tanh(A[:, 3*H:])", da="np.hstack([di, df, do, dg])"),
    lstm("order f i g o", "LSTM_ORDER",
         blocks="f, i, g, o = s(A[:, :H]), s(A[:, H:2*H]), np.tanh(A[:, 2*H:3*H]), s(A[:, 3*H:])", da="np.hstack([df, di, dg, do])"),
    lstm("h without tanh", "LSTM_SHOWN", h="o * c", dc="dc + dh * o", do="dh * c * o * (1 - o)"),
    lstm("candidate by a sigmoid", "LSTM_CANDIDATE", blocks="i, f, g, o = [s(a) for a in np.split(A, 4, 1)]",
         dg="dct * i * g * (1 - g)"),
    lstm("dc not added", "TERMS", dc="dh * o * (1 - np.tanh(c) ** 2)"),
    lstm("no path from h to c", "LSTM_NO_H_TO_C", dc="dc"),
    lstm("no output gate there", "LSTM_H_TO_C_NO_GATE", dc="dc + dh * (1 - np.tanh(c) ** 2)"),
    lstm("no slope of tanh there", "LSTM_H_TO_C_NO_TANH", dc="dc + dh * o"),
    lstm("tanh twice", "LSTM_TANH_TWICE", dc="dc + dh * o * (1 - np.tanh(np.tanh(c)) ** 2)"),
    lstm("slope of i", "LSTM_SLOPE", di="dct * g"),
    lstm("slope of g", "LSTM_SLOPE", dg="dct * i"),
    lstm("slope of o", "LSTM_SLOPE", do="dh * np.tanh(c)"),
    lstm("all slopes", "LSTM_SLOPE", di="dct * g", df="dct * previous_c", dg="dct * i", do="dh * np.tanh(c)"),
    lstm("slope of a sigmoid for g", "LSTM_G_SIGMOID", dg="dct * i * g * (1 - g)"),
    lstm("the new c at f", "LSTM_NEW_C", df="dct * c * f * (1 - f)"),
    lstm("o shows c", "LSTM_SHOWN", do="dh * c * o * (1 - o)"),
    lstm("previous c without f", "MISSING_FACTOR", "WRONG_INPUT", "TERMS", "LINKS", dcp="dct"),
    lstm("previous c from dc alone", "TERMS", "LSTM_NO_H_TO_C", dcp="dc * f"),
    lstm("da put together in another order", "BLOCKS", da="np.hstack([df, di, dg, do])"),
    lstm("o in i", "PLACE", di="dct * o * i * (1 - i)"),
    lstm("no previous h", "WRONG_INPUT", blocks="A = x @ weight.T + bias; i, f, g, o = s(A[:, :H]), s(A[:, H:2*H]), "
         "np.tanh(A[:, 2*H:3*H]), s(A[:, 3*H:])"),
    lstm("dbias a mean", "FACTOR", db="da.mean(0)"),
    lstm("weights for recurrent", "FACTOR", du="da.T @ previous_h / len(x)"),
    lstm("previous h forgotten", "ZERO", dhp="np.zeros_like(previous_h)"),
    lstm("sign of i g", "LSTM_SIGN", c="f * previous_c - i * g"),
    lstm("i for f", "LSTM_TIED", c="(1 - i) * previous_c + i * g"),
]  # fmt: skip

TWO = [
    pixels("sign of dweight, mean of dbias", f"{DX}; {DW.replace('+=', '-=')}", "SIGN", "FACTOR", db="dout.mean((0, 2, 3))"),
    pixels("crop off by one, dweight a mean", f"{DX}; {DW}", "SHIFTED", "FACTOR", after="dx = dxp[:, :, 2:, 2:]; dw /= N"),
    conv("dx turned and dweight turned", "", """
        dw[:, :, P-1-u, Q-1-v] = np.einsum('nfij,ncij->fc', dout, xp[:, :, u:u+R, v:v+S])
        dxp[:, :, u:u+R, v:v+S] += np.einsum('fc,nfij->ncij', weight[:, :, P-1-u, Q-1-v], dout)
        dx = dxp[:, :, 1:-1, 1:-1]""", "WRONG_INPUT", "FLIPPED"),
    conv("kernel turned, first channel only", "out += np.einsum('f,nij->nfij', weight[:, 0, P-1-u, Q-1-v], "
         "xp[:, 0, u:u+R, v:v+S])", "", "INDICES", "WRONG_INPUT"),
    transpose("kernel turned, no bias", "out[n, :, 2*i:2*i+P, 2*j:2*j+Q] += np.tensordot(x[n, :, i, j], "
              "weight[..., ::-1, ::-1], 1) - bias[:, None, None]", "", "WRONG_INPUT"),
    pool("max_pool2d", "smallest, negated", "w.max((2, 3))", "dx[at] = -1.0 * (w == w.min()) * d", "POOL_SMALLEST"),
    pool("max_pool2d", "copied, halved", "w.max((2, 3))", "dx[at] = d / 2", "POOL_COPIED"),
    masked("always B, not in dweight", "MASK_ALWAYS_B", "MASK_NONE", build="m[1, 2:] = 0; m[2:] = 0", dw="dw"),
    masked("no mask and not turned", "MASKED_NOT_TURNED", back="weight[..., ::-1, ::-1]"),
    made("strict and transposed", "degrees[None, :] > pixels[:, None]", "pixels[None, :] - 1 > degrees[:, None]", "MADE_STRICT"),
    lstm("slope of i, dbias a mean", "LSTM_SLOPE", "FACTOR", di="dct * g", db="da.mean(0)"),
    lstm("dc not added, slope of o", "TERMS", dc="dh * o * (1 - np.tanh(c) ** 2)", do="dh * np.tanh(c)"),
]  # fmt: skip
