"""A latent-variable model that can be solved with pencil and paper: the oracle of pages 12 and 14.

p(z) = N(0, 1), p(x|z) = N(z, 1), observed x = 2. Then p(x) = N(0, 2), the posterior is N(1, ½), and every expectation
is an integral over one variable, done here on a grid to machine precision. Distributions are (mean, variance).
"""

import numpy as np

X = 2.0
PRIOR = (0.0, 1.0)
EVIDENCE = (0.0, 2.0)
POSTERIOR = (1.0, 0.5)
ENCODER = (0.3, 0.8)  # a deliberately bad one: with it S0's formula gives −3.1743 (erratum E1)

Z = np.linspace(-30, 30, 12001)


def log_normal(x, mean, variance):
    """ln N(x | mean, variance), Eq. 13.1, written afresh."""
    return -0.5 * (np.log(2 * np.pi) + np.log(variance) + (x - mean) ** 2 / variance)


def expect(values, mean, variance):
    """E[f(z)] for z ~ N(mean, variance), where `values` = f(Z). The trapezoid rule is exact for such integrands."""
    return float(np.sum(values * np.exp(log_normal(Z, mean, variance))) * (Z[1] - Z[0]))


def log_likelihood(z):
    return log_normal(X, z, 1.0)


def log_joint(z):
    return log_normal(z, *PRIOR) + log_likelihood(z)


LOG_EVIDENCE = float(log_normal(X, *EVIDENCE))


def elbo(mean, variance):
    """E_q[ln p(x, z) − ln q(z)], the right-hand side of Eq. 12.2."""
    return expect(log_joint(Z) - log_normal(Z, mean, variance), mean, variance)


def kl(q, p):
    """E_q[ln q − ln p] on the grid."""
    return expect(log_normal(Z, *q) - log_normal(Z, *p), *q)
