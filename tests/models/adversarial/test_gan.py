"""A GAN's two losses, each for one player; samples; what is refused."""

import numpy as np
import pytest

import scratchgen as sg
from scratchgen import backend, nn
from scratchgen.autograd.engine import Leaf, node_of, reachable
from scratchgen.models.adversarial import (
    GAN,
    OBJECTIVES,
    R1,
    DCDiscriminator,
    DCGenerator,
    GradientPenalty,
    MLPDiscriminator,
    MLPGenerator,
    Objective,
)

from ..slopes import check_slopes

every_game = pytest.mark.parametrize("objective", OBJECTIVES)


def make(objective="non-saturating", output="tanh", dtype=np.float64, **options):
    """A small GAN whose biases are not 0, and data that its generator reaches."""
    rng = np.random.default_rng(0)
    generator = MLPGenerator(3, (5,), 4, output, "tanh", rng=rng)
    gan = GAN(generator, MLPDiscriminator(4, (6,), "tanh", rng=rng), objective, **options).astype(dtype)
    for p in gan.parameters():
        p.data[...] = rng.standard_normal(p.shape)
    return gan, rng.uniform(0, 1, (7, 4)).astype(dtype)


def noise(gan, n, seed):
    """What the GAN will draw from this seed."""
    dtype = next(gan.parameters()).dtype
    return np.random.default_rng(seed).standard_normal((n, gan.generator.latent), dtype=dtype)


def leaves(loss):
    return {node for node in reachable(node_of(loss)) if isinstance(node, Leaf)}


def nodes(network):
    return {p.node for p in network.parameters()}


class Watched(nn.Module):
    """A generator that remembers what it made."""

    def __init__(self, generator):
        self.inner, self.latent, self.range = generator, generator.latent, generator.range
        self.seen = []

    def forward(self, z):
        self.seen.append(self.inner(z))
        return self.seen[-1]


# ----------------------------------------------------------------------------------------------------- the two losses
@every_game
@pytest.mark.equation("19.1", "19.2")
def test_the_losses_are_the_objectives_on_what_d_says(objective):
    gan, x = make(objective)
    fake = gan.generator(noise(gan, 7, 4)).numpy()
    real_logits, fake_logits = gan.discriminator(x).numpy(), gan.discriminator(fake).numpy()
    loss, metrics = gan.discriminator_loss(x, np.random.default_rng(4))
    assert loss.item() == pytest.approx(OBJECTIVES[objective].discriminator(real_logits, fake_logits), rel=1e-12)
    assert metrics.keys() == {"D", "D(x)", "D(G(z))"}
    assert metrics["D"] == loss.data
    assert metrics["D(x)"] == pytest.approx((1 / (1 + np.exp(-real_logits))).mean(), rel=1e-12)
    assert metrics["D(G(z))"] == pytest.approx((1 / (1 + np.exp(-fake_logits))).mean(), rel=1e-12)
    loss, metrics = gan.generator_loss(x, np.random.default_rng(4))
    assert loss.item() == pytest.approx(OBJECTIVES[objective].generator(fake_logits), rel=1e-12)
    assert metrics == {"G": loss.data}


@every_game
@pytest.mark.ledger("E13")
def test_ds_step_does_not_reach_g(objective):
    """What G made are numbers here: no graph of G is built, and G gets no gradient."""
    gan, x = make(objective, penalty=R1(2.0))
    gan.generator = watched = Watched(gan.generator)
    loss, _ = gan.discriminator_loss(x, np.random.default_rng(0))
    (made,) = watched.seen
    assert not made.requires_grad
    assert leaves(loss) >= nodes(gan.discriminator)
    assert not leaves(loss) & nodes(gan.generator)
    loss.backward()
    assert all(p.grad is None for p in gan.generator.parameters())
    assert all(p.grad is not None for p in gan.discriminator.parameters())


@every_game
def test_gs_loss_of_a_d_that_is_frozen(objective):
    """D's weights constant: the same gradient for G, and none is computed for D."""
    gan, x = make(objective)
    gan.generator_loss(x, np.random.default_rng(1))[0].backward()
    expected = [p.grad.numpy().copy() for p in gan.generator.parameters()]
    gan.zero_grad()
    for p in gan.discriminator.parameters():
        p.requires_grad = False
    loss, _ = gan.generator_loss(x, np.random.default_rng(1))
    assert leaves(loss) == nodes(gan.generator)
    loss.backward()
    for p, g in zip(gan.generator.parameters(), expected):
        np.testing.assert_array_equal(p.grad.numpy(), g)
    assert all(p.grad is None for p in gan.discriminator.parameters())


@every_game
@pytest.mark.parametrize("penalty", [None, R1(2.0), GradientPenalty(0.5)], ids=["none", "R1", "gradient penalty"])
def test_both_gradients_are_what_differences_give(objective, penalty):
    gan, x = make(objective, penalty=penalty)
    rng = np.random.default_rng(2)
    check_slopes(gan.discriminator, lambda: gan.discriminator_loss(x, np.random.default_rng(3))[0], rng)
    slopes = check_slopes(gan.generator, lambda: gan.generator_loss(x, np.random.default_rng(3))[0], rng)
    assert any(abs(slope) > 1e-3 for slope in slopes.values())


@pytest.mark.parametrize("penalty", [R1(2.0), GradientPenalty(0.5)], ids=["R1", "gradient penalty"])
def test_a_penalty_is_paid_by_d_alone(penalty):
    """On these images, made of this noise, with the next numbers of this generator; and G's loss stays as it was."""
    gan, x = make()
    plain, with_it = gan, make(penalty=penalty)[0]
    rng = np.random.default_rng(5)
    fake = gan.generator(gan.noise(7, rng, like=x)).numpy()
    extra = penalty(gan.discriminator, x, fake, rng).item()
    assert extra > 0.01
    before, after = (each.discriminator_loss(x, np.random.default_rng(5))[0].item() for each in (plain, with_it))
    assert after == pytest.approx(before + extra, rel=1e-12)
    generated = [each.generator_loss(x, np.random.default_rng(5))[0].item() for each in (plain, with_it)]
    assert generated[0] == generated[1]


def test_as_many_images_as_there_are_in_the_minibatch():
    """New ones for each loss, and none of the last minibatch's."""
    gan, x = make()
    gan.generator = watched = Watched(gan.generator)
    rng = np.random.default_rng(0)
    gan.discriminator_loss(x[:5], rng)
    gan.generator_loss(x[:6], rng)
    first, second = (made.numpy() for made in watched.seen)
    assert first.shape == (5, 4)
    assert second.shape == (6, 4)
    assert (first != second[:5]).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("penalty", [None, R1(2.0), GradientPenalty(0.5)], ids=["none", "R1", "gradient penalty"])
def test_precision_and_device(dtype, penalty, device):
    """Losses, metrics and gradients stay where and what the data is; the numbers are those of the host."""
    found = {}
    for place in ("cpu", device):
        gan, x = make(dtype=dtype, penalty=penalty)
        gan.to(place)
        there = backend.to_device(x, place)
        d, metrics = gan.discriminator_loss(there, np.random.default_rng(6))
        g, more = gan.generator_loss(there, np.random.default_rng(6))
        for value in (d.data, g.data, *metrics.values(), *more.values()):
            assert value.dtype == dtype
            assert backend.device_of(value).startswith(place)
        slopes = sg.grad(d, [p for p in gan.discriminator.parameters() if p.ndim > 1])
        slopes += sg.grad(g, list(gan.generator.parameters()))
        assert all(s.dtype == dtype for s in slopes)
        found[place] = [d.item(), g.item(), *(s.numpy() for s in slopes)]
    for a, b in zip(found["cpu"], found[device]):
        np.testing.assert_allclose(a, b, rtol=1e-4 if dtype == np.float32 else 1e-10, atol=1e-6)


def test_tensors_and_gaps_in_memory_make_no_difference():
    gan, x = make()
    gaps = np.full((14, 8), np.nan)
    gaps[::2, ::2] = x
    losses = [
        gan.discriminator_loss(each, np.random.default_rng(0))[0].item() for each in (x, sg.tensor(x), gaps[::2, ::2])
    ]
    assert losses == [losses[0]] * 3


# -------------------------------------------------------------------------------------------------------- constraints
@pytest.mark.equation("18.9")
def test_clipping(device):
    gan, _ = make("wasserstein", clip=0.05)
    gan.to(device)
    d, g = gan.discriminator.state_dict(), gan.generator.state_dict()
    gan.constrain()
    for name, value in gan.discriminator.state_dict().items():
        np.testing.assert_array_equal(value, d[name].clip(-0.05, 0.05))
    assert max(abs(value).max() for value in d.values()) > 1
    assert all((value == g[name]).all() for name, value in gan.generator.state_dict().items())
    free, _ = make("wasserstein")
    free.constrain()
    assert all((value == d[name]).all() for name, value in free.discriminator.state_dict().items())


# ------------------------------------------------------------------------------------------------------------ samples
def test_samples(device):
    """G(z) of the given generator's next numbers: the same for the same seed, one after the other, without a graph."""
    gan, _ = make(dtype=np.float32)
    expected = gan.generator(noise(gan, 9, 1)).numpy()
    gan.to(device)
    x = gan.sample(9, np.random.default_rng(1))
    assert not isinstance(x, sg.Tensor)
    assert backend.device_of(x).startswith(device)
    assert x.dtype == np.float32
    np.testing.assert_allclose(backend.to_host(x), expected, rtol=1e-5, atol=1e-6)
    rng = np.random.default_rng(1)
    parts = [backend.to_host(gan.sample(n, rng)) for n in (4, 5)]
    np.testing.assert_allclose(np.concatenate(parts), expected, rtol=1e-5, atol=1e-6)
    assert abs(parts[0] - backend.to_host(gan.sample(4, rng))).max() > 0.1
    assert gan.sample(0, rng).shape == (0, 4)


def test_sampling_builds_no_graph_and_changes_nothing():
    gan, _ = make()
    before = gan.state_dict()
    gan.generator = watched = Watched(gan.generator)
    gan.sample(5, np.random.default_rng(0))
    assert not watched.seen[0].requires_grad
    gan.generator = watched.inner
    assert all((value == before[name]).all() for name, value in gan.state_dict().items())
    assert (
        sg.grad(gan.generator_loss(np.zeros((2, 4)), np.random.default_rng(0))[0], next(gan.parameters())) is not None
    )


def test_sampling_in_the_middle_of_a_training(device):
    """Batch norm's running statistics make the image and stay as they are, so that an image is what its z makes of it,
    alone or among others; and every part is in the mode in which it was."""
    gan = GAN(DCGenerator(4, (2, 3), (1, 8, 8)), DCDiscriminator((2, 3), (1, 8, 8))).to(device)
    x = backend.to_device(np.zeros((16, 1, 8, 8), np.float32), device)
    for seed in range(3):
        gan.generator_loss(x, np.random.default_rng(seed))
    gan.generator.enlarge_norm.eval()
    modes, before = [module.training for module in gan.modules()], gan.state_dict()
    together, alone = (backend.to_host(gan.sample(n, np.random.default_rng(3))) for n in (5, 1))
    assert all((value == before[name]).all() for name, value in gan.state_dict().items())
    assert [module.training for module in gan.modules()] == modes
    np.testing.assert_allclose(alone[0], together[0], rtol=1e-5, atol=1e-7)
    np.testing.assert_array_equal(backend.to_host(gan.eval().sample(5, np.random.default_rng(3))), together)
    assert abs(before["generator.spread_norm.running_var"] - 1).max() > 0.1  # not those of the beginning


# ---------------------------------------------------------------------------------------------------- what is refused
@pytest.mark.parametrize(
    ("output", "low", "high", "message"),
    [
        ("tanh", 0.0, 255.0, r"the data lies in \[0, 255\], but the generator makes \[-1, 1\]"),
        ("tanh", -3.0, 0.5, r"the data lies in \[-3, 0.5\]"),
        ("tanh", 0.0, 1 + 1e-7, r"the data lies in \[0, 1.0000001\], .* what is out by rounding alone, clip"),
        (
            "sigmoid",
            -1.0,
            1.0,
            r".* the generator makes \[0, 1\]; scale the data \(2x − 1 takes \[0, 1\] to \[−1, 1\]\)",
        ),
    ],
)
def test_data_that_g_cannot_reach(output, low, high, message, device):
    gan, x = make(output=output)
    gan.to(device)
    x = np.zeros_like(x)
    x[0, 0], x[1, 1] = low, high
    with pytest.raises(ValueError, match=f"GAN: {message}"):
        gan.discriminator_loss(backend.to_device(x, device), np.random.default_rng(0))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("output", ["tanh", "sigmoid", "linear"])
def test_data_that_is_not_finite(output, bad, device):
    """Whatever G makes: to scale it would not help, and a linear G reaches everything but this."""
    gan, x = make(output=output)
    gan.to(device)
    x[2, 3] = bad
    with pytest.raises(ValueError, match=r"^GAN: the data has values that are not finite, NaN or ±∞; look"):
        gan.discriminator_loss(backend.to_device(x, device), np.random.default_rng(0))


def test_an_empty_minibatch():
    gan, x = make()
    for loss in (gan.discriminator_loss, gan.generator_loss):
        with pytest.raises(ValueError, match=r"^GAN: the minibatch is empty, float64\(0, 4\)"):
            loss(x[:0], np.random.default_rng(0))


def test_data_at_the_ends_of_the_range_and_any_for_a_linear_end():
    for output, ends in (("tanh", (-1, 1)), ("sigmoid", (0, 1)), ("linear", (-300, 1e4))):
        gan, x = make(output=output)
        x[0, 0], x[1, 1] = ends
        assert np.isfinite(gan.discriminator_loss(x, np.random.default_rng(0))[0].item())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"steps": 0}, r"GAN: steps \(of D for each of G's\) must be at least 1, got 0"),
        ({"steps": -2}, "at least 1, got -2"),
        ({"steps": 1.5}, r"GAN: steps .* must be an integer, got 1.5"),
        ({"steps": float("nan")}, r"GAN: steps .* must be an integer, got nan"),
        ({"clip": 0.0}, "GAN: clip must be above 0, got 0.0"),
        ({"clip": -0.1}, "GAN: clip must be above 0, got -0.1"),
        ({"clip": float("nan")}, "GAN: clip must be above 0, got nan"),
        ({"objective": "hinge"}, "objective: expected one of .* got 'hinge'"),
    ],
)
def test_bad_options(options, message):
    with pytest.raises(ValueError, match=message):
        make(**options)


def test_an_objective_of_ones_own():
    mine = Objective("linear", lambda a: -2 * a, lambda a: 3 * a)
    gan, x = make(mine)
    d, g = (gan.discriminator(data).numpy() for data in (x, gan.generator(noise(gan, 7, 0))))
    loss = gan.discriminator_loss(x, np.random.default_rng(0))[0].item()
    assert loss == pytest.approx(-2 * d.mean() + 3 * g.mean(), rel=1e-12)
    assert gan.generator_loss(x, np.random.default_rng(0))[0].item() == pytest.approx(-3 * g.mean(), rel=1e-12)


@pytest.mark.parametrize("side", [4, 28])
def test_an_image_alone_with_batch_norm(side):
    """Its own mean and variance are no minibatch's, be there one pixel for each channel or many."""
    gan = GAN(DCGenerator(4, (2, 3), (1, side, side)), DCDiscriminator((2, 3), (1, side, side)))
    x = np.zeros((1, 1, side, side), np.float32)
    for loss in (gan.discriminator_loss, gan.generator_loss):
        with pytest.raises(ValueError, match=r"one image, but generator\.spread_norm is a BatchNorm2d"):
            loss(x, np.random.default_rng(0))
        assert np.isfinite(loss(np.zeros((2, 1, side, side), np.float32), np.random.default_rng(0))[0].item())
        gan.eval()
        assert np.isfinite(loss(x, np.random.default_rng(0))[0].item())
        gan.train()
    plain, row = make()
    assert np.isfinite(plain.discriminator_loss(row[:1], np.random.default_rng(0))[0].item())


@pytest.mark.parametrize("penalty", ["R1", R1, 10.0])
def test_a_penalty_that_is_none(penalty):
    with pytest.raises(TypeError, match=r"GAN: expected None or a penalty such as R1\(\) .* got"):
        make(penalty=penalty)


@pytest.mark.parametrize("outputs", [1, 11])
def test_a_discriminator_that_answers_otherwise(outputs):
    gan, x = make()
    gan.discriminator = nn.Linear(4, outputs, dtype=np.float64)
    for loss in (gan.discriminator_loss, gan.generator_loss):
        with pytest.raises(ValueError, match=rf"GAN: expected one logit .* \(7,\), got \(7, {outputs}\)"):
            loss(x, np.random.default_rng(0))


def test_what_data_may_be():
    """Arrays and tensors of floats, to both players; nothing else, to neither."""
    gan, x = make()
    for loss in (gan.discriminator_loss, gan.generator_loss):
        expected = loss(x, np.random.default_rng(0))[0].item()
        assert loss(sg.tensor(x), np.random.default_rng(0))[0].item() == expected
        with pytest.raises(ValueError, match=r"GAN: expected an array of floats for data, got int64; .*astype"):
            loss(np.zeros((7, 4), int), np.random.default_rng(0))
        with pytest.raises(ValueError, match="GAN: expected an array of floats for data, got list"):
            loss(x.tolist(), np.random.default_rng(0))
        with pytest.raises(ValueError, match="GAN: the data is float32, but the players' weights are float64; convert"):
            loss(x.astype(np.float32), np.random.default_rng(0))


class Ending(nn.Module):
    """A generator whose images end otherwise."""

    def __init__(self, inner, end):
        self.inner, self.end, self.latent, self.range = inner, end, inner.latent, inner.range

    def forward(self, z):
        return self.end(self.inner(z))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("loss", ["discriminator_loss", "generator_loss"])
@pytest.mark.parametrize(
    ("end", "made"),
    [
        (lambda h: h[:1], r"\(1, 4\)"),
        (lambda h: h[:, None], r"\(7, 1, 4\)"),
        (lambda h: h[:, :3], r"\(7, 3\)"),
        (lambda h: h.astype(np.float16), r"\(7, 4\)"),
    ],
)
def test_images_that_could_not_stand_beside_the_data(end, made, loss, dtype):
    """A D that takes anything would compare the two all the same."""

    class Mean(nn.Module):
        def forward(self, x):
            return x.reshape(len(x), -1).mean(1)

    gan, x = make(dtype=dtype)
    game = GAN(Ending(gan.generator, end), Mean())
    message = rf"GAN: the generator makes float\d\d{made}, but the data is {np.dtype(dtype)}\(7, 4\)"
    with pytest.raises(ValueError, match=message):
        getattr(game, loss)(x, np.random.default_rng(0))


@pytest.mark.parametrize("generator", [None, abs, MLPDiscriminator(4, (3,), rng=np.random.default_rng(0))])
def test_a_generator_that_is_none(generator):
    with pytest.raises(TypeError, match=r"GAN: expected a generator with `latent`.* lacks latent, range; .*exchanged"):
        GAN(generator, MLPDiscriminator(4, (3,), rng=np.random.default_rng(0)))


@pytest.mark.parametrize("objective", [None, 3, len])
def test_an_objective_that_is_none(objective):
    with pytest.raises(TypeError, match="GAN: expected the name of an objective or an Objective, got"):
        make(objective)
