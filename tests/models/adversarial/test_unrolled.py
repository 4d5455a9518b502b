"""Unrolled GAN: the inner steps are the optimizer's own, and what G descends is the slope of f_K."""

import itertools

import numpy as np
import pytest

import scratchgen as sg
from scratchgen import functional as F
from scratchgen import nn, optim, training
from scratchgen.models.adversarial import (
    GAN,
    OBJECTIVES,
    R1,
    DCDiscriminator,
    DCGenerator,
    GradientPenalty,
    MaxoutDiscriminator,
    MLPDiscriminator,
    MLPGenerator,
    Objective,
    UnrolledGAN,
)
from scratchgen.models.adversarial.unrolled import unrolled

OPTIMIZERS = {
    "SGD": lambda p: optim.SGD(p, lr=0.3),
    "momentum": lambda p: optim.SGD(p, lr=0.2, momentum=0.7),
    "Nesterov": lambda p: optim.SGD(p, lr=0.2, momentum=0.7, nesterov=True),
    "Adam": lambda p: optim.Adam(p, lr=0.05, betas=(0.5, 0.9)),
}
each_optimizer = pytest.mark.parametrize("kind", OPTIMIZERS)


def make(kind="Adam", unroll=5, objective="minimax", activation="tanh", dtype=np.float64, warm=0, **options):
    """A small game in which D's optimizer has already made `warm` steps of its own."""
    rng = np.random.default_rng(3)
    generator = MLPGenerator(3, (4,), 2, "linear", activation, rng=rng)
    discriminator = MLPDiscriminator(2, (5,), activation, rng=rng)
    generator.astype(dtype)
    discriminator.astype(dtype)
    optimizer = OPTIMIZERS[kind](discriminator.parameters())
    gan = UnrolledGAN(generator, discriminator, optimizer, unroll, objective=objective, **options)
    x = rng.standard_normal((6, 2)).astype(dtype)
    for _ in range(warm):
        descend(gan, gan.optimizer, gan.discriminator_loss(x, rng)[0])
    return gan, x


def descend(gan, optimizer, loss):
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


def raw(parameters):
    return [p.data.copy() for p in parameters]


def play_ahead(gan, x, seed, steps):
    """D's weights after `steps` steps of its real optimizer, in place, on G's same images; everything put back."""
    d, optimizer = gan.discriminator, gan.optimizer
    before, state = raw(d.parameters()), optimizer.state_dict()
    with sg.no_grad():
        fake = gan.generator(gan.noise(len(x), np.random.default_rng(seed), like=x))
    for _ in range(steps):
        loss = gan.objective.discriminator(d(x), d(fake))
        if gan.penalty is not None:
            loss = loss + gan.penalty(d, x, fake, np.random.default_rng(seed))
        descend(gan, optimizer, loss)
    after = raw(d.parameters())
    for p, value in zip(d.parameters(), before):
        p.data[...] = value
    optimizer.load_state_dict(state)
    return after


def value_by_playing(gan, x, seed):
    """f_K without any unrolling: play K steps with the real optimizer, read G's loss, take all back."""
    ahead = gan.discriminator.with_parameters([sg.Tensor(w) for w in play_ahead(gan, x, seed, gan.unroll)])
    fake = gan.generator(gan.noise(len(x), np.random.default_rng(seed), like=x))
    if gan.objective.generated is None:
        return -gan.objective.discriminator(ahead(x), ahead(fake)).item()
    return gan.objective.generator(ahead(fake)).item()


def check_slopes(gan, x, seed, rel=2e-7):
    """df_K/dθ_G of autograd against five-point differences of `value_by_playing`, along random directions."""
    parameters = list(gan.generator.parameters())
    slopes = sg.grad(gan.generator_loss(x, np.random.default_rng(seed))[0], parameters)
    rng = np.random.default_rng(seed)
    for p, slope in zip(parameters, slopes):
        direction = rng.standard_normal(p.shape)
        kept, values = p.data.copy(), {}
        for step in (-2e-4, -1e-4, 1e-4, 2e-4):
            p.data[...] = kept + step * direction
            values[step] = value_by_playing(gan, x, seed)
        p.data[...] = kept
        difference = (8 * (values[1e-4] - values[-1e-4]) - (values[2e-4] - values[-2e-4])) / 12e-4
        assert (slope.numpy() * direction).sum() == pytest.approx(difference, rel=rel, abs=1e-8)
    return slopes


# ------------------------------------------------------------------------------------------ the slope of f_K
@pytest.mark.equation("21.2", "21.3")
@each_optimizer
@pytest.mark.parametrize("objective", ["minimax", "non-saturating"])
@pytest.mark.parametrize(("unroll", "warm"), [(0, 0), (1, 3), (5, 3), (10, 3)])
def test_the_slope_of_f_k_is_what_small_steps_give(kind, objective, unroll, warm):
    """Differences of f_K as the *in-place* optimizer plays it: neither the graph nor the rules are used for them."""
    gan, x = make(kind, unroll, objective, warm=warm)
    check_slopes(gan, x, seed=8)


@pytest.mark.equation("21.4")
@pytest.mark.parametrize("unroll", [1, 2])
def test_the_slope_through_adam_that_has_not_made_a_step(unroll):
    """Its first step is almost the sign of the slope: Eq. 21.6. ε is raised, lest the differences see a jump."""
    gan, x = make("Adam", unroll)
    gan.optimizer.eps = 1e-2
    check_slopes(gan, x, seed=8)


@pytest.mark.equation("21.3")
@pytest.mark.parametrize("objective", ["least squares", "wasserstein"])
@pytest.mark.parametrize("kind", ["SGD", "Adam"])
def test_the_slope_of_other_games(kind, objective):
    gan, x = make(kind, 3, objective, warm=2)
    check_slopes(gan, x, seed=9)


@pytest.mark.parametrize("penalty", [R1(2.0), GradientPenalty(0.5)])
@pytest.mark.parametrize("kind", ["SGD", "Adam"])
def test_the_slope_with_a_penalty(penalty, kind):
    """A penalty is itself a derivative of D: G's slope through K of its steps is of third order. And where it looks
    between real data and G's, it depends on G by that as well."""

    def again(d, x, fake, rng):  # looks at the same places each time: the differences need that
        return penalty(d, x, fake, np.random.default_rng(1))

    gan, x = make(kind, 2, "non-saturating", warm=2, penalty=again)
    check_slopes(gan, x, seed=8)


# --------------------------------------------------------------------------- the inner steps are the optimizer's own
@pytest.mark.equation("21.1", "21.4", "21.11")
@each_optimizer
@pytest.mark.parametrize("warm", [0, 3])
@pytest.mark.parametrize("steps", [0, 1, 4])
def test_unrolled_steps_are_those_of_the_optimizer(kind, warm, steps):
    gan, x = make(kind, warm=warm)
    with sg.no_grad():
        fake = gan.generator(gan.noise(len(x), np.random.default_rng(5), like=x))

    def loss(weights):
        d = gan.discriminator.with_parameters(weights)
        return gan.objective.discriminator(d(x), d(fake))

    ours = unrolled(gan.optimizer, loss, steps, list(gan.discriminator.parameters()))
    for w, expected in zip(ours, play_ahead(gan, x, 5, steps)):
        np.testing.assert_allclose(w.numpy(), expected, rtol=1e-12, atol=1e-13)


@pytest.mark.equation("21.1", "21.4")
@pytest.mark.parametrize("penalty", [None, R1(2.0)])
@each_optimizer
def test_f_k_is_what_playing_on_would_give(kind, penalty):
    for unroll, objective in itertools.product((0, 1, 6), OBJECTIVES):
        gan, x = make(kind, unroll, objective, warm=2, penalty=penalty)
        loss, metrics = gan.generator_loss(x, np.random.default_rng(4))
        assert loss.item() == pytest.approx(value_by_playing(gan, x, 4), rel=1e-12)
        assert metrics["G"] == loss.data


@pytest.mark.equation("21.2")
def test_no_steps_ahead_is_the_ordinary_gan():
    for objective in OBJECTIVES:
        gan, x = make(unroll=0, objective=objective)
        plain = GAN(gan.generator, gan.discriminator, objective)
        slopes = [
            sg.grad(each.generator_loss(x, np.random.default_rng(1))[0], list(gan.generator.parameters()))
            for each in (gan, plain)
        ]
        for ours, expected in zip(*slopes):
            np.testing.assert_allclose(ours.numpy(), expected.numpy(), rtol=1e-12, atol=1e-16)


@pytest.mark.equation("21.3")
@each_optimizer
def test_the_path_through_d_counts(kind):
    """Without it the K steps are a stronger D and nothing else; with it the slope is another one."""
    gan, x = make(kind, 5, warm=3)
    whole = sg.grad(gan.generator_loss(x, np.random.default_rng(2))[0], list(gan.generator.parameters()))
    ahead = gan.discriminator.with_parameters([sg.Tensor(w) for w in play_ahead(gan, x, 2, 5)])
    fake = gan.generator(gan.noise(len(x), np.random.default_rng(2), like=x))
    direct = sg.grad(-gan.objective.discriminator(ahead(x), ahead(fake)), list(gan.generator.parameters()))
    parts = [np.linalg.norm(a.numpy() - b.numpy()) / np.linalg.norm(b.numpy()) for a, b in zip(whole, direct)]
    assert max(parts) > 0.02


def test_only_g_has_moved_after_gs_step():
    """Neither D's weights, nor its gradients, nor the moments and steps of its optimizer."""
    for kind in OPTIMIZERS:
        gan, x = make(kind, 4, warm=2)
        gan.discriminator.zero_grad()
        before, state = raw(gan.discriminator.parameters()), gan.optimizer.state_dict()
        g = optim.Adam(gan.generator.parameters(), lr=1e-2)
        run = training.Run(gan, training.Players(gan.optimizer, g), np.random.default_rng(0))
        values = raw(gan.generator.parameters())
        with training.Workers(1, gan) as crew:
            training.descend(run, gan.generator_loss, [x], crew, g)
        assert all((a == b).all() for a, b in zip(before, raw(gan.discriminator.parameters())))
        assert all(np.array_equal(state[name], value) for name, value in gan.optimizer.state_dict().items())
        assert all(p.grad is None for p in gan.discriminator.parameters())
        assert all((a != b).any() for a, b in zip(values, raw(gan.generator.parameters())))


@pytest.mark.parametrize("bound", [lambda d: d, nn.spectral_norm], ids=["batch norm", "spectral norm"])
@pytest.mark.parametrize("unroll", [0, 1, 4])
def test_ds_buffers_are_where_they_were(unroll, bound):
    """Batch norm's running statistics and a spectral norm's vectors: the steps are thought of, and not made. Nor are
    they where the thought stops halfway."""
    rng = np.random.default_rng(0)
    g, d = DCGenerator(3, (2, 3), (1, 8, 8), rng=rng), bound(DCDiscriminator((2, 3), (1, 8, 8), rng=rng))
    gan = UnrolledGAN(g, d, OPTIMIZERS["Adam"](d.parameters()), unroll)
    x = rng.uniform(-1, 1, (6, 1, 8, 8)).astype(np.float32)
    descend(gan, gan.optimizer, gan.discriminator_loss(x, rng)[0])
    before = [buffer.copy() for buffer in d.buffers()]
    assert before
    gan.generator_loss(x, rng)
    assert all((a == b).all() for a, b in zip(before, d.buffers(), strict=True))
    gan.objective = Objective("none", gan.objective.real, lambda a: F.reshape(a, (0,)))
    with pytest.raises(ValueError):
        gan.generator_loss(x, rng)
    assert all((a == b).all() for a, b in zip(before, d.buffers(), strict=True))


@pytest.mark.parametrize("kind", ["SGD", "Adam"])
def test_float32_stays_float32_on_every_device(kind, device):
    gan, x = make(kind, 3, dtype=np.float32)
    gan.to(device)
    gan.optimizer = OPTIMIZERS[kind](gan.discriminator.parameters())
    there = sg.tensor(x, device=device).data
    loss, _ = gan.generator_loss(there, np.random.default_rng(6))
    slopes = sg.grad(loss, list(gan.generator.parameters()))
    fine, _ = make(kind, 3)
    expected = sg.grad(fine.generator_loss(x.astype(np.float64), SameNoise(6))[0], list(fine.generator.parameters()))
    assert loss.dtype == np.float32
    for ours, theirs in zip(slopes, expected):
        assert ours.dtype == np.float32
        np.testing.assert_allclose(ours.numpy(), theirs.numpy(), rtol=2e-3, atol=2e-4)


class SameNoise:
    """What a generator draws in float32, as float64."""

    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)

    def standard_normal(self, size, dtype=np.float64):
        return self.rng.standard_normal(size, dtype=np.float32).astype(dtype)


@pytest.mark.equation("21.4")
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_adam_where_a_slope_is_zero(dtype):
    """√v has no slope at 0; a unit that is dead gets none, and no infinity."""
    gan, x = make("Adam", 3, dtype=dtype, activation="relu")
    gan.discriminator.network.layers[0].bias.data[...] = -100  # no unit of D ever answers
    slopes = sg.grad(gan.generator_loss(x, np.random.default_rng(0))[0], list(gan.generator.parameters()))
    assert all(np.isfinite(s.numpy()).all() for s in slopes)


def test_weights_are_taken_with_their_sharing():
    """A discriminator whose two layers share one weight: it is unrolled once, and used twice."""

    class Tied(nn.Module):
        def __init__(self, rng):
            self.first = nn.Linear(2, 2, rng=rng, dtype=np.float64)
            self.second = nn.Linear(2, 2, rng=rng, dtype=np.float64)
            self.second.weight = self.first.weight

        def forward(self, x):
            return F.sum(self.second(F.tanh(self.first(x))), axis=1)

    gan, x = make("SGD")
    gan.discriminator = Tied(np.random.default_rng(0))
    gan.optimizer = OPTIMIZERS["SGD"](gan.discriminator.parameters())
    gan.unroll = 2
    check_slopes(gan, x, seed=3)


@pytest.mark.parametrize(
    "discriminator",
    [
        lambda rng: MaxoutDiscriminator(64, (6,), 3, rng=rng),
        lambda rng: nn.Sequential(nn.Reshape(1, 8, 8), DCDiscriminator((2, 3), (1, 8, 8), rng=rng)),
    ],
    ids=["maxout", "convolutions and batch norm"],
)
def test_every_discriminator_can_be_unrolled(discriminator):
    rng = np.random.default_rng(0)
    g, d = MLPGenerator(2, (5,), 64, "tanh", "tanh", rng=rng).astype(np.float64), discriminator(rng).astype(np.float64)
    gan = UnrolledGAN(g, d, OPTIMIZERS["SGD"](d.parameters()), 2)
    x = rng.uniform(-1, 1, (4, 64))
    check_slopes(gan, x, seed=1, rel=1e-5)


# ---------------------------------------------------------------------------------------------------- what is refused
def test_what_cannot_be_unrolled_is_said():
    gan, _ = make()
    parameters = list(gan.discriminator.parameters())
    with pytest.raises(ValueError, match="UnrolledGAN: unroll must be at least 0, got -1"):
        UnrolledGAN(gan.generator, gan.discriminator, gan.optimizer, -1)
    with pytest.raises(ValueError, match="unrolled: the number of steps must be at least 0, got -2"):
        unrolled(gan.optimizer, lambda w: w, -2, parameters)
    with pytest.raises(ValueError, match="UnrolledGAN: D's steps ahead are not clipped"):
        UnrolledGAN(gan.generator, gan.discriminator, gan.optimizer, 3, objective="wasserstein", clip=0.05)
    assert UnrolledGAN(gan.generator, gan.discriminator, gan.optimizer, 0, clip=0.05).clip == 0.05
    for optimizer in (optim.RMSprop(parameters), optim.AdamW(parameters), optim.SGD(parameters, weight_decay=0.1)):
        name = type(optimizer).__name__
        with pytest.raises(TypeError, match=f"unrolled: expected SGD or Adam without weight decay, got {name}"):
            unrolled(optimizer, lambda w: w, 1, parameters)


def test_an_optimizer_that_is_not_ds():
    """G's, another D's, both players', some of D's, D's in another order, none."""
    gan, _ = make()
    g, d, other = gan.generator, gan.discriminator, make()[0].discriminator
    own = list(d.parameters())
    for parameters in (g.parameters(), other.parameters(), gan.parameters(), own[:-1], own[::-1]):
        with pytest.raises(
            ValueError, match=r"UnrolledGAN: expected the discriminator's own optimizer, .* Adam of others"
        ):
            UnrolledGAN(g, d, optim.Adam(parameters), 3)
    with pytest.raises(ValueError, match=r"expected the discriminator's own optimizer, .* got NoneType"):
        UnrolledGAN(g, d, None, 3)


@pytest.mark.parametrize("unroll", [float("nan"), 1.5])
def test_a_number_of_steps_that_is_none(unroll):
    gan, _ = make()
    with pytest.raises(ValueError, match="UnrolledGAN: unroll must be an integer, got"):
        UnrolledGAN(gan.generator, gan.discriminator, gan.optimizer, unroll)


def test_tensors_for_data():
    gan, x = make(unroll=2)
    expected, found = (gan.generator_loss(data, np.random.default_rng(0))[0].item() for data in (x, sg.tensor(x)))
    assert found == expected


def test_several_workers_are_refused_unless_nothing_is_unrolled():
    gan, _ = make(unroll=2)
    with pytest.raises(ValueError, match="lets D learn from the whole minibatch; train with workers=1"):
        training.Workers(2, gan)
    training.Workers(2, make(unroll=0)[0])


@pytest.mark.parametrize(
    ("optimizer", "told"),
    [
        (lambda p: optim.RMSprop(p, lr=0.1), "RMSprop$"),
        (lambda p: optim.SGD(p, lr=0.1, weight_decay=0.1), "SGD with weight decay$"),
        (lambda p: optim.Adam(p, lr=0.1, weight_decay=0.1), "Adam with weight decay$"),
    ],
)
def test_an_optimizer_whose_steps_cannot_be_derived_is_refused_at_once(optimizer, told):
    """When the game is made, and not at G's first turn; where nothing is unrolled it is as good as any."""
    gan, x = make()
    players = gan.generator, gan.discriminator
    with pytest.raises(TypeError, match=f"UnrolledGAN: expected SGD or Adam without weight decay, got {told}"):
        UnrolledGAN(*players, optimizer(gan.discriminator.parameters()), 3)
    plain = UnrolledGAN(*players, optimizer(gan.discriminator.parameters()), 0)
    expected = GAN(*players).generator_loss(x, np.random.default_rng(1))[0].item()
    assert plain.generator_loss(x, np.random.default_rng(1))[0].item() == expected
