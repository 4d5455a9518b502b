"""What the players minimise, and penalties: in every shape and precision, on every device, against PyTorch; and whether
published mistakes would be noticed. (The slopes by hand: tests/equations/test_18_gan_gradients.py.)"""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from scipy.special import expit, log_expit

import scratchgen as sg
from scratchgen import backend, nn
from scratchgen import functional as F
from scratchgen.models.adversarial import (
    OBJECTIVES,
    R1,
    DCDiscriminator,
    GradientPenalty,
    MaxoutDiscriminator,
    MLPDiscriminator,
    Objective,
)
from scratchgen.models.adversarial.objectives import objective_named

LOGITS = np.array([-1e4, -800.0, -30.0, -2.5, 0.0, 0.3, 7.0, 90.0, 1e4])

# What is paid for each image, written without scratchgen: D's for a real one and for a made one, G's for a made one.
PAID = {
    "minimax": (lambda a: -log_expit(a), lambda a: -log_expit(-a), lambda a: log_expit(-a)),
    "non-saturating": (lambda a: -log_expit(a), lambda a: -log_expit(-a), lambda a: -log_expit(a)),
    "least squares": (lambda a: (a - 1) ** 2 / 2, lambda a: a**2 / 2, lambda a: (a - 1) ** 2 / 2),
    "wasserstein": (lambda a: -a, lambda a: a, lambda a: -a),
}
games = pytest.mark.parametrize("name", PAID)
penalties = pytest.mark.parametrize("penalty", [R1(3.0), GradientPenalty(0.7)], ids=["R1", "gradient penalty"])


@pytest.fixture
def compare():
    """PyTorch, and how to compare with it; skips where it is not installed."""
    from ...parity import compare

    return compare


# --------------------------------------------------------------------------------------------------------- objectives
def test_these_are_all():
    assert set(PAID) == set(OBJECTIVES)


@games
@given(
    shapes=st.tuples(*2 * [npst.array_shapes(min_dims=0, max_dims=3, min_side=1, max_side=5)]), seed=st.integers(0, 99)
)
def test_means_over_logits_of_any_shape(name, shapes, seed):
    """As many made ones as real ones, or not; image by image, or one for each patch, or a single number."""
    rng = np.random.default_rng(seed)
    a, b = (np.asarray(rng.normal(scale=5, size=shape)) for shape in shapes)
    real, fake, generated = PAID[name]
    game = OBJECTIVES[name]
    assert game.discriminator(a, b) == pytest.approx(real(a).mean() + fake(b).mean(), rel=1e-12, abs=1e-13)
    assert game.generator(b) == pytest.approx(generated(b).mean(), rel=1e-12, abs=1e-13)


@games
def test_first_and_second_derivatives(name):
    """Of second order too: an unrolled D is differentiated through its own gradients."""
    rng, game = np.random.default_rng(1), OBJECTIVES[name]
    real, fake = rng.normal(scale=3, size=5), rng.normal(scale=3, size=(4, 2))
    assert sg.gradcheck(game.discriminator, real, fake)
    assert sg.gradcheck(game.generator, fake)
    assert sg.gradgradcheck(game.discriminator, real, fake)
    if name != "wasserstein":
        assert sg.gradgradcheck(game.generator, fake)


@games
@pytest.mark.ledger("B18")
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_far_out_on_every_device(name, dtype, device):
    """At ±10,000, from memory with gaps: finite, in their own precision, with the slopes that they should have."""
    game = OBJECTIVES[name]
    gaps = np.full(2 * len(LOGITS), np.nan, dtype)
    gaps[::2] = LOGITS
    a = sg.tensor(gaps, requires_grad=True, device=device)
    for loss, paid in (
        (lambda a: game.discriminator(a, -a), lambda a: PAID[name][0](a) + PAID[name][1](-a)),
        (game.generator, PAID[name][2]),
    ):
        value = loss(a[::2])
        (slope,) = sg.grad(value, [a])
        assert value.dtype == slope.dtype == dtype
        assert value.device.startswith(device)
        assert np.isfinite(slope.numpy()).all()
        assert value.item() == pytest.approx(paid(LOGITS).mean(), rel=1e-5)


@games
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_losses_against_pytorch(name, dtype, compare):
    """As they are written with PyTorch's losses of logits and labels."""
    torch = compare.torch
    F_ = torch.nn.functional
    game, far = OBJECTIVES[name], np.array([-1e4, -40.0, -3.0, 0.0, 0.5, 9.0, 1e4])
    ones, zeros = torch.ones_like, torch.zeros_like

    def entropy(a, t):
        return F_.binary_cross_entropy_with_logits(a, t(a))

    def square(a, t):
        return 0.5 * F_.mse_loss(a, t(a))

    theirs = {
        "minimax": (lambda a, b: entropy(a, ones) + entropy(b, zeros), lambda b: -entropy(b, zeros)),
        "non-saturating": (lambda a, b: entropy(a, ones) + entropy(b, zeros), lambda b: entropy(b, ones)),
        "least squares": (lambda a, b: square(a, ones) + square(b, zeros), lambda b: square(b, ones)),
        "wasserstein": (lambda a, b: b.mean() - a.mean(), lambda b: -b.mean()),
    }
    discriminator, generator = theirs[name]
    compare.agree(game.discriminator, discriminator, 3 * compare.normal(5), 3 * compare.normal(4, 2), dtype=dtype)
    compare.agree(game.discriminator, discriminator, far, far[::-1], dtype=dtype)
    compare.agree(game.generator, generator, 3 * compare.normal(4, 2), dtype=dtype)
    compare.agree(game.generator, generator, far, dtype=dtype)


def test_a_game_of_ones_own():
    """Without a part of its own for G a game is zero-sum."""
    hinge = Objective("hinge", lambda a: F.relu(1 - a), lambda a: F.relu(1 + a))
    a, b = np.array([0.5, 2.0, -1.0]), np.array([-3.0, 0.25])
    assert hinge.discriminator(a, b) == pytest.approx((0.5 + 0 + 2) / 3 + (0 + 1.25) / 2)
    assert hinge.generator(b) == pytest.approx(-1.25 / 2)
    assert hinge._replace(generated=lambda a: -a).generator(b) == pytest.approx(2.75 / 2)


@games
def test_what_guessing_costs(name):
    """The least that D can pay where each logit is that of a real image as often as of a made one, if there is a least
    for an image at all, and then it is 0; else 0 stands for "no unit"."""
    game, a = OBJECTIVES[name], np.linspace(-60, 60, 24_001)
    real, fake = game.real(a), game.fake(a)
    if name == "wasserstein":
        assert game.guessing == 0
        assert min(real.min(), fake.min()) == -60
    else:
        assert game.guessing == pytest.approx((real + fake).min(), rel=1e-12)
        assert [real.min(), fake.min()] == pytest.approx([0, 0], abs=1e-20)
    assert Objective("of one's own", game.real, game.fake).guessing == 0


def test_unknown_names():
    assert objective_named("least squares") is OBJECTIVES["least squares"]
    with pytest.raises(ValueError, match=r"objective: expected one of 'minimax', .*'wasserstein', got 'hinge'"):
        objective_named("hinge")


# ------------------------------------------------------------------------------------------------- would it be noticed?
def check(game, generated):
    """What a game with D's loss of Eq. 17.1 must do: its value where D can only guess; slopes, also far out."""
    half = np.zeros(6)
    assert game.discriminator(half, half) == pytest.approx(np.log(4), rel=1e-12)
    far = np.zeros(1)
    n = len(LOGITS)
    for loss, slope in (
        (lambda a: game.discriminator(a, far), -expit(-LOGITS)),
        (lambda a: game.discriminator(far, a), expit(LOGITS)),
        (game.generator, generated(LOGITS)),
    ):
        a = sg.tensor(LOGITS, requires_grad=True)
        value = n * loss(a)
        assert np.isfinite(value.numpy())
        np.testing.assert_allclose(sg.grad(value, [a])[0].numpy(), slope, rtol=1e-9, atol=1e-300)


GENERATED = {"minimax": lambda a: -expit(a), "non-saturating": lambda a: -expit(-a)}
REAL, FAKE = OBJECTIVES["minimax"].real, OBJECTIVES["minimax"].fake
PLANTED = {
    "B4": ("minimax", Objective("E ln D(x) − E ln D(G(z))", REAL, lambda a: F.logsigmoid(a))),
    "B5": ("minimax", Objective("clipped", REAL, lambda a: -F.log(1 - F.clip(F.sigmoid(a), 1e-15, 0.999)))),
    "B6": ("minimax", Objective("label 1", REAL, FAKE, lambda a: F.binary_cross_entropy_with_logits(a, 1.0, "none"))),
    "B18": ("minimax", Objective("logarithm of a sigmoid", REAL, lambda a: -F.log(1 - F.sigmoid(a)))),
    "the two exchanged": ("non-saturating", OBJECTIVES["minimax"]),
    "without real images": ("minimax", Objective("", lambda a: 0 * a, FAKE)),
    "half of it": ("minimax", Objective("", lambda a: 0.5 * REAL(a), lambda a: 0.5 * FAKE(a))),
    "G helps D": ("non-saturating", Objective("", REAL, FAKE, FAKE)),
}


@pytest.mark.parametrize("name", GENERATED)
def test_ours_pass(name):
    check(OBJECTIVES[name], GENERATED[name])


@pytest.mark.ledger("B4", "B5", "B6", "B18")
@pytest.mark.parametrize("bug", PLANTED)
def test_published_mistakes_would_be_noticed(bug):
    name, game = PLANTED[bug]
    with np.errstate(all="ignore"), pytest.raises(AssertionError):
        check(game, GENERATED[name])


# ----------------------------------------------------------------------------------------------------------- penalties
class Given:
    """Uniform numbers that were drawn before."""

    standard_normal = None  # every generator has it; nobody asks this one

    def __init__(self, u):
        self.u = u

    def random(self, size, dtype=np.float64):
        return self.u.reshape(size).astype(dtype)


NETWORKS = {
    "smooth": lambda n: n.Sequential(n.Linear(16, 6), n.Tanh(), n.Linear(6, 5), n.Softplus(), n.Linear(5, 1)),
    "leaky": lambda n: n.Sequential(n.Linear(16, 6), n.LeakyReLU(0.2), n.Linear(6, 1)),
    "layer norm": lambda n: n.Sequential(n.Linear(16, 6), layer_norm(n), n.Tanh(), n.Linear(6, 1)),
    "convolutions": lambda n: n.Sequential(
        reshape(n), n.Conv2d(1, 3, 4, 2, 1), n.LeakyReLU(0.2), n.Conv2d(3, 2, 2), n.Tanh(), n.Flatten(), n.Linear(2, 1)
    ),
}


def reshape(n):
    return n.Reshape(1, 4, 4) if n is nn else n.Unflatten(1, (1, 4, 4))


def layer_norm(n):
    """Theirs is written out: the derivative of third order of PyTorch 2.13's own is not what differences give."""
    if n is nn:
        return nn.LayerNorm(6)

    class Written(n.LayerNorm):
        def forward(self, x):
            away = x - x.mean(1, keepdim=True)
            return away / (away.square().mean(1, keepdim=True) + self.eps).sqrt() * self.weight + self.bias

    return Written(6)


def twins(kind, torch, dtype, rng):
    """The same network twice, with the same weights; and images, real and made."""
    ours, theirs = NETWORKS[kind](nn), NETWORKS[kind](torch.nn)
    ours.astype(dtype)
    theirs.to(getattr(torch, dtype))
    for p, q in zip(ours.parameters(), theirs.parameters()):
        p.data[...] = 0.7 * rng.standard_normal(p.shape)
        with torch.no_grad():
            q.copy_(torch.tensor(p.numpy()))
    return ours, theirs, *(rng.standard_normal((7, 16)).astype(dtype) for _ in range(2))


def penalty_in_torch(torch, penalty, theirs, real, fake, u):
    """As users of PyTorch write it."""
    at = real if isinstance(penalty, R1) else u * real + (1 - u) * fake
    at = at.detach().requires_grad_()
    (slope,) = torch.autograd.grad(theirs(at).sum(), at, create_graph=True)
    squares = slope.square().sum(1)
    if isinstance(penalty, R1):
        return penalty.gamma / 2 * squares.mean()
    return penalty.weight * (squares.sqrt() - 1).square().mean()


@penalties
@pytest.mark.equation("18.10", "18.11")
@pytest.mark.parametrize("kind", NETWORKS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_penalties_against_pytorch(penalty, kind, dtype, compare):
    """Value, gradient by D's weights (of second order in D), and along a direction the gradient of that (of third)."""
    torch, rng = compare.torch, np.random.default_rng(2)
    ours, theirs, real, fake = twins(kind, torch, dtype, rng)
    u = rng.random((7, 1)).astype(dtype)
    loss = penalty(ours, real, fake, Given(u))
    expected = penalty_in_torch(torch, penalty, theirs, *map(torch.tensor, (real, fake, u)))
    assert loss.dtype == dtype
    compare.same(loss.numpy(), expected, "the penalty")

    weights = [w for name, w in ours.named_parameters() if name.endswith("weight")]
    theirs = [w for name, w in theirs.named_parameters() if name.endswith("weight")]
    slopes = sg.grad(loss, weights, create_graph=True)
    expected = torch.autograd.grad(expected, theirs, create_graph=True)
    directions = [rng.standard_normal(w.shape).astype(dtype) for w in weights]
    for a, b in zip(slopes, expected, strict=True):
        compare.same(a.numpy(), b, "its gradient")
    along = sum(F.sum(g * v) for g, v in zip(slopes, directions))
    along_theirs = sum((g * torch.tensor(v)).sum() for g, v in zip(expected, directions))
    for a, b in zip(sg.grad(along, weights), torch.autograd.grad(along_theirs, theirs), strict=True):
        compare.same(a.numpy(), b, "the gradient's gradient")


DISCRIMINATORS = {
    "MLP": lambda rng: MLPDiscriminator(16, (6, 5), rng=rng),
    "maxout": lambda rng: MaxoutDiscriminator(16, (4,), 3, rng=rng),
    "DCGAN": lambda rng: nn.Sequential(nn.Reshape(1, 4, 4), DCDiscriminator((2, 3), (1, 4, 4), norm=False, rng=rng)),
}


@penalties
@pytest.mark.equation("18.10", "18.11")
@pytest.mark.parametrize("kind", DISCRIMINATORS)
def test_the_slopes_of_penalties_are_what_differences_give(penalty, kind):
    rng = np.random.default_rng(3)
    discriminator = DISCRIMINATORS[kind](rng).astype(np.float64)
    for p in discriminator.parameters():
        p.data[...] = rng.standard_normal(p.shape)
    real, fake, u = rng.standard_normal((3, 16)), rng.standard_normal((3, 16)), rng.random(3)
    moving = [p for name, p in discriminator.named_parameters() if name.endswith("weight")]
    assert sg.gradcheck(lambda *weights: penalty(discriminator, real, fake, Given(u)), *moving)


@penalties
def test_penalties_on_every_device(penalty, device):
    rng = np.random.default_rng(4)
    discriminator = MLPDiscriminator(5, (6,), rng=rng)
    real, fake = rng.standard_normal((2, 4, 5)).astype(np.float32)
    u, expected = rng.random(4), None
    for place in ("cpu", device):
        discriminator.to(place)
        there = (backend.to_device(x, place) for x in (real, fake))
        loss = penalty(discriminator, *there, Given(u))
        slopes = sg.grad(loss, list(discriminator.parameters())[:1])
        found = [loss.numpy(), slopes[0].numpy()]
        assert {a.dtype for a in found} == {np.dtype(np.float32)}
        expected = expected or found
        for a, b in zip(found, expected):
            np.testing.assert_allclose(a, b, rtol=1e-5)


@penalties
def test_images_in_planes_or_in_rows(penalty):
    """The length of a slope is that over all pixels, however they lie."""
    rng = np.random.default_rng(5)
    planes = DCDiscriminator((2, 3), (1, 4, 4), norm=False, rng=rng).astype(np.float64)
    for p in planes.parameters():
        p.data[...] = rng.standard_normal(p.shape)
    real, fake, u = rng.standard_normal((3, 1, 4, 4)), rng.standard_normal((3, 1, 4, 4)), rng.random(3)
    rows = nn.Sequential(nn.Reshape(1, 4, 4), planes)
    found = penalty(planes, real, fake, Given(u)).item()
    assert found == pytest.approx(penalty(rows, real.reshape(3, 16), fake.reshape(3, 16), Given(u)).item(), rel=1e-12)


@penalties
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_discriminator_that_is_flat(penalty, dtype):
    """√ has no slope at 0: the penalty of a flat D is finite, and so is its gradient."""
    discriminator = MLPDiscriminator(5, (6,), rng=np.random.default_rng(0)).astype(dtype)
    for p in discriminator.parameters():
        p.data[...] = 0
    x = np.random.default_rng(1).standard_normal((4, 5)).astype(dtype)
    loss = penalty(discriminator, x, -x, np.random.default_rng(2))
    assert loss.item() == pytest.approx(0 if isinstance(penalty, R1) else penalty.weight)
    slopes = sg.grad(loss, [p for name, p in discriminator.named_parameters() if name.endswith("weight")])
    assert all(np.isfinite(g.numpy()).all() for g in slopes)


def test_a_gradient_penalty_wants_pairs():
    critic = MLPDiscriminator(2, (3,), rng=np.random.default_rng(0))
    real, fake = np.zeros((4, 2), np.float32), np.zeros((3, 2), np.float32)
    with pytest.raises(ValueError, match=r"GradientPenalty: real \(4, 2\) and fake \(3, 2\) must come in pairs"):
        GradientPenalty()(critic, real, fake, np.random.default_rng(0))


@pytest.mark.parametrize("weight", [-1.0, float("nan"), float("inf")])
def test_a_weight_that_is_none(weight):
    with pytest.raises(ValueError, match="R1: gamma must be at least 0 and finite, got"):
        R1(weight)
    with pytest.raises(ValueError, match="GradientPenalty: weight must be at least 0 and finite, got"):
        GradientPenalty(weight)


@penalties
def test_images_that_see_each_other(penalty):
    """With batch norm the slope of the sum of all logits is nobody's own. Dropout is no such thing."""
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, (4, 1, 4, 4)).astype(np.float32)
    with pytest.raises(
        ValueError, match=r"penalty: .* second_norm is a BatchNorm2d, which needs the mean .*norm=False"
    ):
        penalty(DCDiscriminator((2, 3), (1, 4, 4)), x, -x, rng)
    penalty(DCDiscriminator((2, 3), (1, 4, 4), norm=False), x, -x, rng)
    rows = x.reshape(4, 16)
    penalty(MaxoutDiscriminator(16, (6,), 3, dropout=(0.2, 0.5), rng=rng), rows, -rows, rng)
