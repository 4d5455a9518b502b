"""Forty-five wrong ways to write the exercises that came last: D*, R1 and a generator that looks one step ahead.

Not as blind as the others: they are by the author of these exercises, who wrote them down after the detectors were
finished, of kinds not thought of before, and has changed nothing since. All were rejected; by their cause were
explained 10, 13 and 8 of fifteen (69 % of all), the others by nothing; what was said misled in none.
"""

from tests.checker.direct import Variant

GAMES = [
    Variant(
        "optimal_discriminator",
        "sigmoid-of-one-log-density",
        """
import numpy as np


def optimal_discriminator_forward(p_data, p_generator):
    return 1 / (1 + np.exp(-np.log(p_data)))
""",
        ("the generator's density never comes in: the logit is ln p_data alone",),
    ),
    Variant(
        "optimal_discriminator",
        "square-roots",
        """
import numpy as np


def optimal_discriminator_forward(p_data, p_generator):
    a, b = np.sqrt(p_data), np.sqrt(p_generator)
    return a / (a + b)
""",
        ("square roots of the densities are compared",),
    ),
    Variant(
        "optimal_discriminator",
        "logarithm-to-base-two",
        """
import numpy as np


def optimal_discriminator_forward(p_data, p_generator):
    logit = np.log2(p_data) - np.log2(p_generator)
    return 1 / (1 + np.exp(-logit))
""",
        ("the logit is in bits, the sigmoid wants nats",),
    ),
    Variant(
        "optimal_discriminator",
        "second-sign-forgotten",
        """
import numpy as np


def optimal_discriminator_backward(dout, p_data, p_generator):
    d = p_data / (p_data + p_generator)
    dlogit = dout * d * (1 - d)
    return dlogit / p_data, dlogit / p_generator
""",
        ("the logit falls with ln p_generator: the minus is missing in its gradient",),
    ),
    Variant(
        "optimal_discriminator",
        "own-density-above",
        """
import numpy as np


def optimal_discriminator_backward(dout, p_data, p_generator):
    total = p_data + p_generator
    return dout * p_generator / total**2, -dout * p_generator / total**2
""",
        ("the derivative by p_generator has p_generator above instead of p_data",),
    ),
    Variant(
        "optimal_discriminator",
        "square-of-each",
        """
import numpy as np


def optimal_discriminator_backward(dout, p_data, p_generator):
    below = p_data**2 + p_generator**2
    return dout * p_generator / below, -dout * p_data / below
""",
        ("the square of the sum was taken as the sum of the squares",),
    ),
    Variant(
        "optimal_discriminator",
        "neighbour-in-the-loop",
        """
import numpy as np


def optimal_discriminator_forward(p_data, p_generator):
    out = np.zeros(len(p_data))
    for i in range(len(p_data)):
        out[i] = p_data[i] / (p_data[i] + p_generator[i - 1])
    return out
""",
        ("the generator's density is taken at the point before",),
    ),
    Variant(
        "optimal_discriminator",
        "mean-density-of-the-generator",
        """
import numpy as np


def optimal_discriminator_forward(p_data, p_generator):
    return p_data / (p_data + p_generator.mean())
""",
        ("the generator's density is averaged over the points",),
    ),
    Variant(
        "optimal_discriminator",
        "large-epsilon",
        """
import numpy as np


def optimal_discriminator_forward(p_data, p_generator):
    return p_data / (p_data + p_generator + 1e-2)
""",
        ("an epsilon of a hundredth in the denominator",),
    ),
    Variant(
        "optimal_discriminator",
        "value-instead-of-place",
        """
import numpy as np


def optimal_discriminator_forward(p_data, p_generator):
    d = p_data / (p_data + p_generator)
    return p_data * np.log(d) + p_generator * np.log(1 - d)
""",
        ("the largest value is returned, not where it is reached",),
    ),
    Variant(
        "optimal_discriminator",
        "sign-of-one-minus-y",
        """
import numpy as np


def optimal_discriminator_forward(p_data, p_generator):
    return p_data / (p_data - p_generator)
""",
        ("the derivative of ln(1 - y) was taken as +1/(1 - y)",),
    ),
    Variant(
        "optimal_discriminator",
        "jacobian-returned",
        """
import numpy as np


def optimal_discriminator_backward(dout, p_data, p_generator):
    total = (p_data + p_generator) ** 2
    return np.diag(dout * p_generator / total), np.diag(-dout * p_data / total)
""",
        ("whole Jacobians are returned, with the gradients on the diagonals",),
    ),
    Variant(
        "optimal_discriminator",
        "one-gradient-for-all",
        """
import numpy as np


def optimal_discriminator_backward(dout, p_data, p_generator):
    total = (p_data + p_generator) ** 2
    return np.sum(dout * p_generator / total), np.sum(-dout * p_data / total)
""",
        ("the gradients are summed over the points",),
    ),
    Variant(
        "optimal_discriminator",
        "quotient-rule-without-square",
        """
import numpy as np


def optimal_discriminator_backward(dout, p_data, p_generator):
    total = p_data + p_generator
    return dout * (total - p_data) / total, dout * (0 - p_data) / total
""",
        ("the quotient rule without the square of the denominator",),
    ),
    Variant(
        "optimal_discriminator",
        "ratio-squared",
        """
import numpy as np


def optimal_discriminator_backward(dout, p_data, p_generator):
    r = p_data / p_generator
    dr = dout / (1 + r) ** 2
    return dr / p_generator, -dr * r
""",
        ("of r = p/q the derivative by q is -p/q², here it is -p/q",),
    ),
    Variant(
        "r1_penalty",
        "divided-by-gamma",
        """
import numpy as np


def r1_penalty_forward(slope, gamma):
    return np.mean(np.sum(slope**2, axis=1)) / (2 * gamma)
""",
        ("divided by gamma instead of multiplied",),
    ),
    Variant(
        "r1_penalty",
        "steepest-image-only",
        """
import numpy as np


def r1_penalty_forward(slope, gamma):
    return gamma / 2 * np.max(np.sum(slope**2, axis=1))
""",
        ("the maximum over the images instead of the mean",),
    ),
    Variant(
        "r1_penalty",
        "divided-by-the-inputs",
        """
import numpy as np


def r1_penalty_backward(slope, gamma):
    return gamma * slope / slope.shape[1]
""",
        ("divided by D instead of N",),
    ),
    Variant(
        "r1_penalty",
        "slope-forgotten",
        """
import numpy as np


def r1_penalty_backward(slope, gamma):
    return gamma * np.ones_like(slope) / len(slope)
""",
        ("the derivative of s² is 2s, here it is 2",),
    ),
    Variant(
        "r1_penalty",
        "sizes-in-the-derivative",
        """
import numpy as np


def r1_penalty_backward(slope, gamma):
    return gamma * np.abs(slope) / len(slope)
""",
        ("absolute values in the derivative",),
    ),
    Variant(
        "r1_penalty",
        "variance-of-the-slope",
        """
import numpy as np


def r1_penalty_forward(slope, gamma):
    return gamma / 2 * np.var(slope, axis=0).sum()
""",
        ("the variance over the batch: its mean is taken off",),
    ),
    Variant(
        "r1_penalty",
        "first-image-only",
        """
import numpy as np


def r1_penalty_forward(slope, gamma):
    return gamma / 2 * np.sum(slope[0] ** 2)
""",
        ("only the first image counts",),
    ),
    Variant(
        "r1_penalty",
        "sum-of-lengths-squared",
        """
import numpy as np


def r1_penalty_forward(slope, gamma):
    norms = np.linalg.norm(slope, axis=1)
    return gamma / 2 * norms.sum() ** 2 / len(slope)
""",
        ("the lengths are summed before they are squared",),
    ),
    Variant(
        "r1_penalty",
        "spectral-norm",
        """
import numpy as np


def r1_penalty_forward(slope, gamma):
    return gamma / 2 * np.linalg.norm(slope, 2) ** 2 / len(slope)
""",
        ("the spectral norm of the matrix, not the length of its rows",),
    ),
    Variant(
        "r1_penalty",
        "overwritten-in-the-loop",
        """
import numpy as np


def r1_penalty_forward(slope, gamma):
    total = 0.0
    for s in slope:
        total = gamma / 2 * np.sum(s**2)
    return total / len(slope)
""",
        ("the total is overwritten: only the last image is left",),
    ),
    Variant(
        "r1_penalty",
        "one-sided",
        """
import numpy as np


def r1_penalty_forward(slope, gamma):
    norm = np.sqrt(np.sum(slope**2, axis=1))
    return gamma / 2 * np.mean(np.maximum(norm - 1, 0) ** 2)
""",
        ("only what is longer than 1 is penalised",),
    ),
    Variant(
        "r1_penalty",
        "length-too-many",
        """
import numpy as np


def r1_penalty_backward(slope, gamma):
    norm = np.linalg.norm(slope, axis=1, keepdims=True)
    return gamma * norm * slope / len(slope)
""",
        ("the chain rule through the length, whose derivative is forgotten: a factor ‖s‖ too many",),
    ),
    Variant(
        "r1_penalty",
        "summed-over-the-batch",
        """
import numpy as np


def r1_penalty_backward(slope, gamma):
    return gamma * slope.sum(axis=0) / len(slope)
""",
        ("the gradient is summed over the images: its shape is (D,)",),
    ),
    Variant(
        "r1_penalty",
        "root-of-n",
        """
import numpy as np


def r1_penalty_backward(slope, gamma):
    return gamma * slope / np.sqrt(len(slope))
""",
        ("divided by the root of N",),
    ),
    Variant(
        "r1_penalty",
        "gamma-inside",
        """
import numpy as np


def r1_penalty_forward(slope, gamma):
    return 0.5 * np.mean(np.sum((gamma * slope) ** 2, axis=1))
""",
        ("gamma is squared with the slope",),
    ),
    Variant(
        "unrolled_step",
        "image-after-image",
        """
import numpy as np


def s(a):
    return 1 / (1 + np.exp(-a))


def grad(real, fake, w):
    n = len(real)
    return -real.T @ (1 - s(real @ w)) / n + fake.T @ s(fake @ w) / n


def unrolled_step_forward(real, fake, weight, lr):
    w = weight.copy()
    for x, g in zip(real, fake):
        w = w - lr / len(real) * (s(g @ w) * g - (1 - s(x @ w)) * x)
    return np.mean(np.log(s(real @ w))) + np.mean(np.log(1 - s(fake @ w)))
""",
        ("D moves after each image, so that the next sees other weights",),
    ),
    Variant(
        "unrolled_step",
        "labels-exchanged-in-the-step",
        """
import numpy as np


def s(a):
    return 1 / (1 + np.exp(-a))


def grad(real, fake, w):
    n = len(real)
    return -real.T @ (1 - s(real @ w)) / n + fake.T @ s(fake @ w) / n


def unrolled_step_forward(real, fake, weight, lr):
    n = len(real)
    step = real.T @ s(real @ weight) / n - fake.T @ (1 - s(fake @ weight)) / n
    w = weight - lr * step
    return np.mean(np.log(s(real @ w))) + np.mean(np.log(1 - s(fake @ w)))
""",
        ("D's step takes real images for fake and fake ones for real",),
    ),
    Variant(
        "unrolled_step",
        "real-answers-of-before",
        """
import numpy as np


def s(a):
    return 1 / (1 + np.exp(-a))


def grad(real, fake, w):
    n = len(real)
    return -real.T @ (1 - s(real @ w)) / n + fake.T @ s(fake @ w) / n


def unrolled_step_forward(real, fake, weight, lr):
    w = weight - lr * grad(real, fake, weight)
    return np.mean(np.log(s(real @ weight))) + np.mean(np.log(1 - s(fake @ w)))
""",
        ("the real images are judged by the old D",),
    ),
    Variant(
        "unrolled_step",
        "mean-over-both-batches",
        """
import numpy as np


def s(a):
    return 1 / (1 + np.exp(-a))


def grad(real, fake, w):
    n = len(real)
    return -real.T @ (1 - s(real @ w)) / n + fake.T @ s(fake @ w) / n


def unrolled_step_forward(real, fake, weight, lr):
    w = weight - lr * grad(real, fake, weight)
    logs = np.concatenate([np.log(s(real @ w)), np.log(1 - s(fake @ w))])
    return logs.mean()
""",
        ("one mean over 2N answers instead of the sum of two means",),
    ),
    Variant(
        "unrolled_step",
        "rate-on-the-weights-too",
        """
import numpy as np


def s(a):
    return 1 / (1 + np.exp(-a))


def grad(real, fake, w):
    n = len(real)
    return -real.T @ (1 - s(real @ w)) / n + fake.T @ s(fake @ w) / n


def unrolled_step_forward(real, fake, weight, lr):
    w = lr * (weight - grad(real, fake, weight))
    return np.mean(np.log(s(real @ w))) + np.mean(np.log(1 - s(fake @ w)))
""",
        ("the old weights are multiplied by lr too",),
    ),
    Variant(
        "unrolled_step",
        "step-without-the-logarithm",
        """
import numpy as np


def s(a):
    return 1 / (1 + np.exp(-a))


def grad(real, fake, w):
    n = len(real)
    return -real.T @ (1 - s(real @ w)) / n + fake.T @ s(fake @ w) / n


def unrolled_step_forward(real, fake, weight, lr):
    n = len(real)
    d, e = s(real @ weight), s(fake @ weight)
    step = (fake.T @ (e * (1 - e)) - real.T @ (d * (1 - d))) / n
    w = weight - lr * step
    return np.mean(np.log(s(real @ w))) + np.mean(np.log(1 - s(fake @ w)))
""",
        ("the step descends E D(fake) - E D(real): the logarithm is forgotten",),
    ),
    Variant(
        "unrolled_step",
        "fake-logits-for-the-real",
        """
import numpy as np


def s(a):
    return 1 / (1 + np.exp(-a))


def grad(real, fake, w):
    n = len(real)
    return -real.T @ (1 - s(real @ w)) / n + fake.T @ s(fake @ w) / n


def unrolled_step_forward(real, fake, weight, lr):
    n = len(real)
    a = fake @ weight
    step = -real.T @ (1 - s(a)) / n + fake.T @ s(a) / n
    w = weight - lr * step
    return np.mean(np.log(s(real @ w))) + np.mean(np.log(1 - s(fake @ w)))
""",
        ("the real images are weighted by D's answers to the fake ones",),
    ),
    Variant(
        "unrolled_step",
        "labels-exchanged-at-the-end",
        """
import numpy as np


def s(a):
    return 1 / (1 + np.exp(-a))


def grad(real, fake, w):
    n = len(real)
    return -real.T @ (1 - s(real @ w)) / n + fake.T @ s(fake @ w) / n


def unrolled_step_forward(real, fake, weight, lr):
    w = weight - lr * grad(real, fake, weight)
    return np.mean(np.log(1 - s(real @ w))) + np.mean(np.log(s(fake @ w)))
""",
        ("the logarithms of the value function are exchanged",),
    ),
    Variant(
        "unrolled_step",
        "difference-of-logarithms",
        """
import numpy as np


def s(a):
    return 1 / (1 + np.exp(-a))


def grad(real, fake, w):
    n = len(real)
    return -real.T @ (1 - s(real @ w)) / n + fake.T @ s(fake @ w) / n


def unrolled_step_forward(real, fake, weight, lr):
    w = weight - lr * grad(real, fake, weight)
    return np.mean(np.log(s(real @ w))) - np.mean(np.log(s(fake @ w)))
""",
        ("minus ln D of the fake in the place of ln(1 - D)",),
    ),
    Variant(
        "unrolled_step",
        "gain-from-the-real-alone",
        """
import numpy as np


def s(a):
    return 1 / (1 + np.exp(-a))


def grad(real, fake, w):
    n = len(real)
    return -real.T @ (1 - s(real @ w)) / n + fake.T @ s(fake @ w) / n


def unrolled_step_backward(real, fake, weight, lr):
    n = len(real)
    w = weight - lr * grad(real, fake, weight)
    gain = real.T @ (1 - s(real @ w)) / n
    d = s(fake @ weight)
    second = np.outer(d, gain) + np.outer(d * (1 - d) * (fake @ gain), weight)
    return -np.outer(s(fake @ w), w) / n - lr / n * second
""",
        ("in the second path f's slope by w₁ has only the term of the real images",),
    ),
    Variant(
        "unrolled_step",
        "same-push-for-every-image",
        """
import numpy as np


def s(a):
    return 1 / (1 + np.exp(-a))


def grad(real, fake, w):
    n = len(real)
    return -real.T @ (1 - s(real @ w)) / n + fake.T @ s(fake @ w) / n


def unrolled_step_backward(real, fake, weight, lr):
    n = len(real)
    w = weight - lr * grad(real, fake, weight)
    gain = -grad(real, fake, w)
    d = s(fake @ weight)
    second = d.mean() * gain + np.mean(d * (1 - d) * (fake @ gain)) * weight
    return -np.outer(s(fake @ w), w) / n - lr / n * second
""",
        ("the second path is averaged over the images: each gets the same",),
    ),
    Variant(
        "unrolled_step",
        "product-number-by-number",
        """
import numpy as np


def s(a):
    return 1 / (1 + np.exp(-a))


def grad(real, fake, w):
    n = len(real)
    return -real.T @ (1 - s(real @ w)) / n + fake.T @ s(fake @ w) / n


def unrolled_step_backward(real, fake, weight, lr):
    n = len(real)
    w = weight - lr * grad(real, fake, weight)
    gain = -grad(real, fake, w)
    d = s(fake @ weight)[:, None]
    second = d * gain + d * (1 - d) * fake * gain * weight
    return -np.outer(s(fake @ w), w) / n - lr / n * second
""",
        ("fake · gain number by number, where the scalar product belongs",),
    ),
    Variant(
        "unrolled_step",
        "gain-and-weight-exchanged",
        """
import numpy as np


def s(a):
    return 1 / (1 + np.exp(-a))


def grad(real, fake, w):
    n = len(real)
    return -real.T @ (1 - s(real @ w)) / n + fake.T @ s(fake @ w) / n


def unrolled_step_backward(real, fake, weight, lr):
    n = len(real)
    w = weight - lr * grad(real, fake, weight)
    gain = -grad(real, fake, w)
    d = s(fake @ weight)
    second = np.outer(d, gain) + np.outer(d * (1 - d) * (fake @ weight), gain)
    return -np.outer(s(fake @ w), w) / n - lr / n * second
""",
        ("in the product rule's second summand the gain and the weight have changed places",),
    ),
    Variant(
        "unrolled_step",
        "real-images-too",
        """
import numpy as np


def s(a):
    return 1 / (1 + np.exp(-a))


def grad(real, fake, w):
    n = len(real)
    return -real.T @ (1 - s(real @ w)) / n + fake.T @ s(fake @ w) / n


def unrolled_step_backward(real, fake, weight, lr):
    n = len(real)
    w = weight - lr * grad(real, fake, weight)
    gain = -grad(real, fake, w)
    d = s(fake @ weight)
    second = np.outer(d, gain) + np.outer(d * (1 - d) * (fake @ gain), weight)
    first = np.outer(1 - s(real @ w), w) / n - np.outer(s(fake @ w), w) / n
    return first - lr / n * second
""",
        ("the derivative by the real images is added",),
    ),
    Variant(
        "unrolled_step",
        "hessian-once-too-often",
        """
import numpy as np


def s(a):
    return 1 / (1 + np.exp(-a))


def grad(real, fake, w):
    n = len(real)
    return -real.T @ (1 - s(real @ w)) / n + fake.T @ s(fake @ w) / n


def unrolled_step_backward(real, fake, weight, lr):
    n = len(real)
    w = weight - lr * grad(real, fake, weight)
    gain = -grad(real, fake, w)
    d, e = s(fake @ weight), s(real @ weight)
    hessian = (fake.T * (d * (1 - d))) @ fake / n + (real.T * (e * (1 - e))) @ real / n
    gain = gain - lr * hessian @ gain
    second = np.outer(d, gain) + np.outer(d * (1 - d) * (fake @ gain), weight)
    return -np.outer(s(fake @ w), w) / n - lr / n * second
""",
        ("the factor I - lr·H of a step further back, which K = 1 does not have",),
    ),
]
