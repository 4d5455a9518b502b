"""What the slides and some programs say of the game and its slopes: E9, E11, B4, B5, B6, B18, C-SAT. (C-OPT and
C-OSC are proved where their equations are; here they are seen through the package once more.)"""

import numpy as np
import pytest
from scipy.stats import norm

import scratchgen as sg
from scratchgen import functional as F
from scratchgen import optim
from scratchgen.models.adversarial import GAN, OBJECTIVES, MLPDiscriminator, MLPGenerator
from scratchgen.models.adversarial.dynamics import DIRAC, alternating, play, simultaneous, unrolled
from scratchgen.models.adversarial.exact import optimal_logits, optimal_value, value


def slope(loss, at, dtype=np.float64):
    """d loss/da at one logit."""
    a = sg.tensor(np.array([at], dtype), requires_grad=True)
    return sg.grad(F.sum(loss(a)), [a])[0].item()


def gradient_length(name, gan, z):
    loss = OBJECTIVES[name].generator(gan.discriminator(gan.generator(z)))
    gradients = sg.grad(loss, list(gan.generator.parameters()))
    return np.sqrt(sum(np.square(g.numpy().astype(float)).sum() for g in gradients))


# -------------------------------------------------------------------------------------------------------- the slides
@pytest.mark.ledger("E9", "C-SAT")
def test_e9_a_saturated_sigmoid_does_not_stop_the_gradient():
    """S0, lines 1370–1382. D sees through everything that G makes; G and its Jacobian stay as they are, only D's
    certainty grows. The minimax gradient vanishes as e^a; the other approaches a limit."""
    rng = np.random.default_rng(9)
    gan = GAN(MLPGenerator(3, (8,), 4, rng=rng), MLPDiscriminator(4, (8,), rng=rng))
    z = rng.standard_normal((64, 3)).astype(np.float32)
    bias = list(gan.discriminator.parameters())[-1]
    lengths = {"minimax": [], "non-saturating": []}
    for certainty in (0.0, -5.0, -10.0, -20.0):
        bias.data[...] = certainty
        sigmoid = 1 / (1 + np.exp(-gan.discriminator(gan.generator(z)).numpy().astype(float)))
        for name, found in lengths.items():
            found.append(gradient_length(name, gan, z))
    assert (sigmoid * (1 - sigmoid)).max() < 1e-7  # as flat as S0 draws it
    minimax, other = (np.array(lengths[name]) for name in ("minimax", "non-saturating"))
    assert minimax[3] < 1e-7 * minimax[0]
    assert minimax[3] / minimax[2] == pytest.approx(np.exp(-10), rel=1e-3)
    assert other[3] > 1.2 * other[0]
    assert other[3] == pytest.approx(other[2], rel=1e-3)


@pytest.mark.ledger("E11")
def test_e11_for_bad_samples_the_gradient_is_flat_and_not_steep():
    """S3, line 159. The better D sees through a sample, the smaller the slope of ln(1 − D)."""
    logits = np.linspace(-12, 0, 25)
    steepness = np.array([abs(slope(lambda a: -F.softplus(a), a)) for a in logits])
    assert (np.diff(steepness) > 0).all()
    assert steepness[0] < 1e-5
    assert steepness[-1] == 0.5


@pytest.mark.ledger("C-SAT")
def test_g_frozen_and_d_learning():
    """As the figures of Arjovsky and Bottou, in the plane: D from scratch, G never moved."""
    rng = np.random.default_rng(2)
    gan = GAN(MLPGenerator(2, (8,), 2, "linear", rng=rng), MLPDiscriminator(2, (16,), rng=rng))
    x = rng.standard_normal((200, 2)).astype(np.float32) * np.float32(0.1) + np.float32(4)
    z = rng.standard_normal((200, 2)).astype(np.float32)
    before = gan.generator.state_dict()
    optimizer = optim.Adam(gan.discriminator.parameters(), lr=1e-2)
    lengths = {name: [gradient_length(name, gan, z)] for name in ("minimax", "non-saturating")}
    for step in range(1, 301):
        loss, _ = gan.discriminator_loss(x, rng)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step in (100, 300):
            for name, found in lengths.items():
                found.append(gradient_length(name, gan, z))
    assert all((gan.generator.state_dict()[name] == old).all() for name, old in before.items())
    start, middle, end = lengths["minimax"]
    assert end < 0.2 * middle
    assert middle < 0.4 * start
    assert min(lengths["non-saturating"]) > 0.5 * lengths["non-saturating"][0]


@pytest.mark.ledger("C-OPT")
def test_a_trained_discriminator_comes_from_below():
    """C-OPT: for two normal laws of one width a* is a straight line; a D that is one finds it, and V never exceeds
    −ln 4 + 2 JSD on the way."""
    x = np.linspace(-10, 11, 2101)
    dx = x[1] - x[0]
    data, model = norm.pdf(x, 1, 1), norm.pdf(x, -0.5, 1)
    best = optimal_value(data, model, dx)
    line = sg.tensor(np.zeros(2), requires_grad=True)
    optimizer, values = optim.Adam([line], lr=0.1), []
    game = OBJECTIVES["minimax"]
    for _ in range(300):
        a = line[0] + line[1] * x
        loss = F.sum((data * game.real(a) + model * game.fake(a)) * dx)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        values.append(value(data, model, a.numpy(), dx))
        assert values[-1] == pytest.approx(-loss.item(), abs=1e-12)
    assert max(values) <= best + 1e-12
    assert values[-1] == pytest.approx(best, abs=1e-6)
    np.testing.assert_allclose(a.numpy(), optimal_logits(data, model), atol=0.02)


@pytest.mark.ledger("C-OSC")
def test_three_fates_of_one_game():
    """C-OSC, in the Dirac-GAN, by the distance alone: after 600 steps farther, as far, and home."""

    def distance(step):
        path = play(lambda s: step(DIRAC, s), (0.3, 0.4), 600)
        return np.hypot(*path[-60:].T).mean() / 0.5

    assert distance(lambda g, s: simultaneous(g, s, 0.1)) > 1.5
    assert distance(lambda g, s: alternating(g, s, 0.1)) == pytest.approx(1, abs=0.1)
    assert distance(lambda g, s: simultaneous(g, s, 0.1, 0.3)) < 1e-3
    assert distance(lambda g, s: alternating(g, s, 0.1, 0.3)) < 1e-3
    assert distance(lambda g, s: unrolled(g, s, 0.1, 5)) < 0.01


# ------------------------------------------------------------------------------------------------------ the programs
@pytest.mark.ledger("B4")
def test_b4_the_value_of_a_solved_game_and_a_bound_from_above():
    """HIPS autograd maximises E ln D(x) − E ln D(G(z)). Two numbers tell: −ln 4 at p_g = p_d with D = ½, and V ≤ 0.
    Ours has both; a D that maximises the other's objective sinks without end."""

    def others(real, fake):
        return F.mean(F.logsigmoid(real)) - F.mean(F.logsigmoid(fake))

    def ours(real, fake):
        return -OBJECTIVES["minimax"].discriminator(real, fake)

    half = np.zeros(8)
    assert ours(half, half) == pytest.approx(-np.log(4), rel=1e-15)
    assert others(half, half) == 0
    rng = np.random.default_rng(4)
    for size in (1, 100, 10_000):
        real, fake = size * rng.normal(size=(2, 8))
        assert ours(real, fake) <= 0
        assert others(np.zeros(8), np.full(8, -size)) > size - 1
    logits = sg.tensor(np.zeros(2), requires_grad=True)  # of two points; p_d = (½, ½), p_g = (¾, ¼)
    optimizer, reached = optim.SGD([logits], lr=5.0), []
    for _ in range(400):
        gain = F.sum(np.array([0.5, 0.5]) * F.logsigmoid(logits)) - F.sum(np.array([0.75, 0.25]) * F.logsigmoid(logits))
        optimizer.zero_grad()
        (-gain).backward()
        optimizer.step()
        reached.append(gain.item())
    assert reached[-1] > 50
    assert reached[-1] - reached[-101] > 10  # and it does not slow down


@pytest.mark.ledger("B5")
def test_b5_a_clipped_probability_gets_no_correction():
    """DeZero clips p to [1e-15, 0.999] before the logarithm; at p = 0.9999, target 0, its slope is 0. Ours is that of
    −ln(1 − p), by p and by the logit."""

    def dezeros(p, t):
        p = F.clip(p, 1e-15, 0.999)
        return -F.mean(t * F.log(p) + (1 - t) * F.log(1 - p))

    p = sg.tensor(np.array([0.9999]), requires_grad=True)
    target = np.array([0.0])
    assert sg.grad(dezeros(p, target), [p])[0].item() == 0
    assert sg.grad(F.binary_cross_entropy(p, target), [p])[0].item() == pytest.approx(1e4, rel=1e-9)
    logit = np.log(0.9999 / 0.0001)
    for loss in (OBJECTIVES["minimax"].fake, lambda a: F.binary_cross_entropy_with_logits(a, 0.0)):
        assert slope(loss, logit) == pytest.approx(0.9999, rel=1e-9)


@pytest.mark.ledger("B6")
def test_b6_label_one_is_not_descending_ln_one_minus_d():
    """labml says it is the same. The slopes agree at D = ½ and nowhere else: their ratio is e^(−a)."""
    for a in (-10.0, -2.0, 0.0, 3.0):
        label_one = slope(lambda a: F.binary_cross_entropy_with_logits(a, 1.0), a)
        descending = slope(lambda a: F.log(1 - F.sigmoid(a)), a)
        assert label_one == pytest.approx(slope(OBJECTIVES["non-saturating"].generated, a), rel=1e-12)
        assert descending == pytest.approx(slope(OBJECTIVES["minimax"].generator, a), rel=1e-9)
        assert label_one / descending == pytest.approx(np.exp(-a), rel=1e-9)


@pytest.mark.ledger("B18")
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_b18_a_logarithm_behind_a_sigmoid_is_no_number(dtype):
    """ln(1 − σ(a)) at a = 100: −∞, and a slope of NaN. With logits both are finite, at ±10,000."""
    with np.errstate(divide="ignore", invalid="ignore"):
        a = sg.tensor(np.array([100.0], dtype), requires_grad=True)
        loss = F.log(1 - F.sigmoid(a))
        assert loss.numpy() == -np.inf
        assert np.isnan(sg.grad(loss, [a])[0].numpy()).all()
    for name in ("minimax", "non-saturating"):
        game = OBJECTIVES[name]
        for logit in (-1e4, 1e4):
            a = np.array([logit], dtype)
            for loss in (game.real, game.fake, game.generator):
                assert np.isfinite(loss(a)).all()
                assert np.isfinite(slope(loss, logit, dtype))
    assert slope(OBJECTIVES["minimax"].fake, 1e4, dtype) == 1  # corrected where it is most wrong


@pytest.mark.ledger("B18")
def test_b18_the_loss_that_takes_probabilities_holds_its_logarithms():
    """The listing's BCELoss behind a Sigmoid: bounded at 100 nats, so finite; but its slope is lost, as in B5."""
    a = sg.tensor(np.array([200.0]), requires_grad=True)
    loss = F.binary_cross_entropy(F.sigmoid(a), 0.0)
    assert loss.item() == 100
    assert sg.grad(loss, [a])[0].item() == 0
