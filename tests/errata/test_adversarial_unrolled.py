"""What S2, lines 207–222, does not say of the Unrolled GAN, run: why looking ahead keeps the modes (claim C-MODE)."""

import itertools
import math

import numpy as np
import pytest

import scratchgen as sg
from scratchgen import functional as F
from scratchgen import nn, optim, training
from scratchgen.data import mixture_ring
from scratchgen.evaluation.modes import count_modes
from scratchgen.models.adversarial import UnrolledGAN


class Points(nn.Module):
    """G as free as it can be: a list of points. No network is to blame for what they do."""

    latent, range = 1, (-math.inf, math.inf)

    def __init__(self, points):
        self.points = nn.Parameter(points)

    def forward(self, z):
        return self.points + 0.0 * z


class Bumps(nn.Module):
    """D is a weighted sum of 81 bumps on a grid, which begins at 0: its own problem is convex."""

    def __init__(self, width=0.35):
        ticks = np.linspace(-1.6, 1.6, 9)
        self.centres = np.stack(np.meshgrid(ticks, ticks), -1).reshape(-1, 2)
        self.width, self.weight = width, nn.Parameter(np.zeros(81))

    def features(self, x):
        squares = F.reshape(F.sum(F.square(x), axis=1), (-1, 1)) + (self.centres**2).sum(1)
        return F.exp((F.matmul(x, self.centres.T) - 0.5 * squares) / self.width**2)

    def forward(self, x):
        return F.matmul(self.features(x), self.weight)


def begin(unroll, rng, n=48, lr=(0.2, 1.0)):
    """All of G's points near one of eight modes; G is the faster player."""
    means = mixture_ring(0, rng).means.astype(float)
    g, d = Points(means[0] + 0.05 * rng.standard_normal((n, 2))), Bumps()
    players = training.Players(optim.SGD(d.parameters(), lr[0]), optim.SGD(g.parameters(), lr[1] * n))
    gan = UnrolledGAN(g, d, players.discriminator, unroll, objective="minimax")
    return training.Run(gan, players, rng), means


def modes_on_the_way(unroll, seed):
    """(modes reached, reverse KL), counted every 20 steps between steps 80 and 240."""
    run, means = begin(unroll, np.random.default_rng(seed))
    points, counts = run.model.generator.points, []
    with training.Workers(1, run.model) as crew:
        for step in range(1, 241):
            x = mixture_ring(len(points), run.rng, std=0.05).points.astype(float)
            training.play(run, run.model, [x], crew)
            run.step += 1
            if step > 80 and step % 20 == 0:
                counts.append(count_modes(points, means, 0.1)[:3:2])
    return np.array(counts)


@pytest.mark.ledger("C-MODE")
@pytest.mark.parametrize("seed", [0, 1])
def test_a_g_that_looks_one_step_ahead_keeps_more_modes(seed):
    """Same data, same rates, same start. G's points come to most modes in both games; in the ordinary one they leave
    them again, in herds. Over the seeds 0–9: 4.0–5.5 modes on the way against 6.9–7.6 (so not always all of them), and
    a reverse KL that is 2.3 to 5.4 times as large."""
    plain, ahead = (modes_on_the_way(unroll, seed) for unroll in (0, 1))
    assert plain[0, 0] >= 4  # it was there
    assert ahead[:, 0].mean() > plain[:, 0].mean() + 1
    assert plain[:, 1].mean() > 1.5 * ahead[:, 1].mean()


@pytest.mark.ledger("C-MODE")
def test_only_the_second_path_lets_samples_see_each_other():
    """∂²f_K/∂xᵢ∂xⱼ for two of G's points: zero as long as D stands still, and not when it is about to learn."""
    rng = np.random.default_rng(0)
    run, _ = begin(0, rng, n=6)
    gan, x = run.model, mixture_ring(6, rng).points.astype(float)
    gan.discriminator.weight.data[...] = 0.1 * rng.standard_normal(81)
    points, sizes = gan.generator.points, {}
    for gan.unroll in (0, 1, 3):
        slope = sg.grad(gan.generator_loss(x, rng)[0], points, create_graph=True)
        second = [sg.grad(slope[i, 0], points, create_graph=True).numpy() for i in range(6)]
        sizes[gan.unroll] = max(np.abs(second[i][j]).max() for i, j in itertools.permutations(range(6), 2))
    assert sizes[0] == 0
    assert sizes[1] > 1e-6
    assert sizes[3] > 2 * sizes[1]


@pytest.mark.ledger("C-MODE")
def test_where_there_are_too_many_of_them_they_are_pushed_apart():
    """All of G's points in one mode, to the left or the right of it by a hundredth. D knows nothing yet, so the first
    path pushes nobody; the second pushes the left ones to the left and the right ones to the right."""
    rng = np.random.default_rng(1)
    run, means = begin(1, rng, n=8)
    gan = run.model
    aside = np.tile([[0.01, 0.0], [-0.01, 0.0]], (4, 1))
    gan.generator.points.data[...] = means[0] + aside
    growth = {}
    for gan.unroll in (0, 1):
        slope = sg.grad(gan.generator_loss(means, rng)[0], gan.generator.points).numpy()
        growth[gan.unroll] = -float((slope * aside).sum())
    assert growth[0] == 0
    assert growth[1] > 1e-7
