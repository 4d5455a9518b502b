"""Page 21: D's steps, thought ahead."""

import math

import numpy as np
import pytest

import scratchgen as sg
from scratchgen import functional as F
from scratchgen import nn, optim
from scratchgen.models.adversarial import MLPDiscriminator, MLPGenerator, Objective, UnrolledGAN, exact
from scratchgen.models.adversarial.unrolled import unrolled


@pytest.fixture
def rng():
    return np.random.default_rng(0)


# --------------------------------------------------------------------------------------------------- one weight each
class Point(nn.Module):
    """G that makes one point, whatever z is."""

    latent, range = 1, (-math.inf, math.inf)

    def __init__(self, theta):
        self.theta = nn.Parameter(np.array([[theta]]))

    def forward(self, z):
        return self.theta + 0.0 * z


class Line(nn.Module):
    """a(x) = ψx."""

    def __init__(self, psi):
        self.psi = nn.Parameter(np.array(psi))

    def forward(self, x):
        return self.psi * F.reshape(x, (len(x),))


def example(theta, psi, c, eta, k):
    """The solved example as an Unrolled GAN: real data 1, L_D = c/2 a(1)² − a(θ)."""
    line = Line(psi)
    game = Objective("square", lambda a: 0.5 * c * F.square(a), lambda a: -a)
    return UnrolledGAN(Point(theta), line, optim.SGD(line.parameters(), lr=eta), k, objective=game), np.ones((3, 1))


@pytest.mark.equation("21.2", "21.3", "21.9", "21.10")
@pytest.mark.parametrize("k", [0, 1, 2, 7])
@pytest.mark.parametrize(("c", "eta"), [(1.0, 0.5), (0.7, 0.3), (2.0, 0.9)])
def test_the_solved_example(k, c, eta, rng):
    theta, psi = rng.standard_normal(2)
    gan, x = example(theta, psi, c, eta, k)
    q, off = 1 - eta * c, psi - theta / c
    loss, _ = gan.generator_loss(x, rng)
    assert loss.item() == pytest.approx(theta**2 / (2 * c) - 0.5 * c * q ** (2 * k) * off**2, rel=1e-12)
    slope = sg.grad(loss, gan.generator.theta).item()
    assert slope == pytest.approx(theta / c + q ** (2 * k) * off, rel=1e-12)

    for _ in range(k):  # and played, instead of solved
        gan.optimizer.zero_grad()
        gan.discriminator_loss(x, rng)[0].backward()
        gan.optimizer.step()
    ahead = gan.discriminator.psi.item()
    assert ahead == pytest.approx(theta / c + q**k * off, rel=1e-12)
    assert slope == pytest.approx(ahead + (1 - q**k) / c * (theta - c * ahead), rel=1e-12)


@pytest.mark.equation("21.10")
def test_two_paths_of_k_steps_are_one_of_2k():
    both, x = example(0.8, -0.3, 1.2, 0.4, 3)
    first, _ = example(0.8, -0.3, 1.2, 0.4, 6)
    for _ in range(6):
        first.optimizer.zero_grad()
        first.discriminator_loss(x, np.random.default_rng(0))[0].backward()
        first.optimizer.step()
    slope = sg.grad(both.generator_loss(x, np.random.default_rng(0))[0], both.generator.theta).item()
    assert slope == pytest.approx(first.discriminator.psi.item(), rel=1e-12)


@pytest.mark.equation("21.10")
def test_without_damping_it_is_friction():
    """c → 0: the bilinear game, whose slope is ψ + 2Kηθ."""
    gan, x = example(0.8, -0.3, 1e-9, 0.1, 4)
    slope = sg.grad(gan.generator_loss(x, np.random.default_rng(0))[0], gan.generator.theta).item()
    assert slope == pytest.approx(-0.3 + 2 * 4 * 0.1 * 0.8, abs=1e-7)


@pytest.mark.equation("21.3")
def test_exercise_one_unrolled_step():
    """The exercise: two calls of `grad`; and what happens if the first one leaves no graph."""

    def objective(theta, psi):
        return 0.5 * F.square(psi) - theta * psi

    def one_step(theta, psi, eta, create_graph):
        slope = sg.grad(objective(theta, psi), psi, create_graph=create_graph)
        return sg.grad(-objective(theta, psi - eta * slope), theta).item()

    theta, psi = sg.tensor(2.0, requires_grad=True), sg.tensor(0.0, requires_grad=True)
    assert one_step(theta, psi, 0.5, True) == pytest.approx(1.5)
    assert one_step(theta, psi, 0.5, False) == pytest.approx(1.0)  # ours too: silently the first path alone


# ------------------------------------------------------------------------------------------------------ the two paths
def flat(parameters):
    return np.concatenate([p.numpy().ravel() for p in parameters])


def rows(outputs, inputs):
    """∂(outputs, flattened)/∂(inputs, flattened), row by row."""
    every = F.concatenate([F.reshape(y, (-1,)) for y in outputs])
    unit = np.eye(every.size)
    return np.array([flat(sg.grad(every, inputs, sg.tensor(unit[i]), create_graph=True)) for i in range(every.size)])


@pytest.mark.equation("21.3", "21.5")
@pytest.mark.parametrize("objective", ["minimax", "non-saturating"])
def test_the_recursion_with_whole_jacobians(objective, rng):
    """Eq. 21.5 as it stands, with H and M row by row, and then Eq. 21.3; against `UnrolledGAN`."""
    g, d = MLPGenerator(2, (), 2, "linear", rng=rng), MLPDiscriminator(2, (3,), "tanh", rng=rng)
    g.astype(np.float64)
    d.astype(np.float64)
    eta, k = 0.4, 3
    gan = UnrolledGAN(g, d, optim.SGD(d.parameters(), lr=eta), k, objective=objective)
    x, theta = rng.standard_normal((5, 2)), list(g.parameters())
    expected = flat(sg.grad(gan.generator_loss(x, np.random.default_rng(1))[0], theta))

    def losses(weights):
        ahead, fake = d.with_parameters(weights), g(gan.noise(5, np.random.default_rng(1), like=x))
        of_d = gan.objective.discriminator(ahead(x), ahead(fake))
        return of_d, -of_d if objective == "minimax" else gan.objective.generator(ahead(fake))

    weights, jacobian = [sg.tensor(p.numpy(), requires_grad=True) for p in d.parameters()], 0.0
    for _ in range(k):
        slopes = sg.grad(losses(weights)[0], weights, create_graph=True)
        hessian, mixed = rows(slopes, weights), rows(slopes, theta)
        jacobian = (np.eye(len(hessian)) - eta * hessian) @ (jacobian + np.zeros_like(mixed)) - eta * mixed
        weights = [sg.tensor(w.numpy() - eta * s.numpy(), requires_grad=True) for w, s in zip(weights, slopes)]
    direct, by_weights = flat(sg.grad(losses(weights)[1], theta)), flat(sg.grad(losses(weights)[1], weights))
    np.testing.assert_allclose(direct + by_weights @ jacobian, expected, rtol=1e-10, atol=1e-13)
    assert np.abs(by_weights @ jacobian).max() > 0.03 * np.abs(direct).max()


@pytest.mark.equation("21.7")
def test_for_small_steps_g_wants_d_to_have_nothing_to_learn(rng):
    """f_K − f over Kη → ‖∂f/∂θ_D‖², with an error of the order of η."""
    g, d = MLPGenerator(2, (3,), 2, "linear", rng=rng), MLPDiscriminator(2, (4,), "tanh", rng=rng)
    g.astype(np.float64)
    d.astype(np.float64)
    x, k, off = rng.standard_normal((6, 2)), 3, []
    for eta in (1e-2, 1e-3):
        gan = UnrolledGAN(g, d, optim.SGD(d.parameters(), lr=eta), k, objective="minimax")
        ahead = gan.generator_loss(x, np.random.default_rng(1))[0].item()
        gan.unroll = 0
        now = gan.generator_loss(x, np.random.default_rng(1))[0]
        square = sum((s.numpy() ** 2).sum() for s in sg.grad(now, list(d.parameters())))
        off.append((ahead - now.item()) / (k * eta) - square)
    assert abs(off[0]) < 0.1 * square
    assert off[1] == pytest.approx(off[0] / 10, rel=0.1)


@pytest.mark.equation("21.7")
def test_a_linear_d_that_knows_nothing_asks_for_the_means(rng):
    features, made = rng.standard_normal((7, 4)), rng.standard_normal((9, 4))
    w = sg.tensor(np.zeros(4), requires_grad=True)
    value = F.mean(-F.softplus(-F.matmul(features, w))) + F.mean(-F.softplus(F.matmul(made, w)))
    square = (sg.grad(value, w).numpy() ** 2).sum()
    assert square == pytest.approx(0.25 * ((features.mean(0) - made.mean(0)) ** 2).sum(), rel=1e-12)


# --------------------------------------------------------------------------------------------------------------- Adam
@pytest.mark.equation("21.4", "21.6")
@pytest.mark.parametrize("t", [1, 2, 40])
def test_how_adams_step_depends_on_its_gradient(t, rng):
    """L = g·w has the slope g: one unrolled step as a function of g, after t − 1 steps with other slopes."""
    eta, b1, b2, eps = 0.1, 0.5, 0.99, 1e-3
    w = nn.Parameter(np.array([0.3]))
    adam = optim.Adam([w], eta, (b1, b2), eps)
    m = v = 0.0
    for slope in 0.2 + 0.1 * rng.standard_normal(t - 1):
        m, v = b1 * m + (1 - b1) * slope, b2 * v + (1 - b2) * slope**2
        adam.zero_grad()
        F.sum(slope * w).backward()
        adam.step()
    g = sg.tensor(np.array([0.25]), requires_grad=True)
    (after,) = unrolled(adam, lambda weights: F.sum(g * weights[0]), 1, [w])
    found = -sg.grad(F.sum(after), g).item()

    a, b = (1 - b1) / (1 - b1**t), (1 - b2) / (1 - b2**t)
    mean, root = b1 * m / (1 - b1**t) + a * 0.25, (b2 * v / (1 - b2**t) + b * 0.25**2) ** 0.5
    assert found == pytest.approx(eta / (root + eps) * (a - b * mean * 0.25 / (root * (root + eps))), rel=1e-9)
    if t == 1:
        assert found == pytest.approx(eta * eps / (0.25 + eps) ** 2, rel=1e-9)
    else:
        assert found > 20 * eta * eps / (0.25 + eps) ** 2


@pytest.mark.equation("21.6")
def test_a_fresh_adam_has_no_second_path(rng):
    """One step ahead with moments of a training, and with a new optimizer: there only the first path is left."""
    g, d = MLPGenerator(2, (4,), 2, "linear", "tanh", rng=rng), MLPDiscriminator(2, (5,), "tanh", rng=rng)
    g.astype(np.float64)
    d.astype(np.float64)
    x = rng.standard_normal((8, 2))

    def second_path(optimizer):
        """Its share of the slope."""
        gan = UnrolledGAN(g, d, optimizer, 1, objective="minimax")
        whole = flat(sg.grad(gan.generator_loss(x, np.random.default_rng(1))[0], list(g.parameters())))
        fake = g(gan.noise(len(x), np.random.default_rng(1), like=x))

        def loss(weights):
            ahead = d.with_parameters(weights)
            return gan.objective.discriminator(ahead(x), ahead(fake))

        fixed = [sg.Tensor(w.data) for w in unrolled(optimizer, loss, 1, list(d.parameters()))]
        first = flat(sg.grad(-loss(fixed), list(g.parameters())))
        return np.linalg.norm(whole - first) / np.linalg.norm(first)

    fresh, trained = (optim.Adam(d.parameters(), 1e-2, (0.5, 0.9)) for _ in range(2))
    gan = UnrolledGAN(g, d, trained, 0)
    for _ in range(20):
        trained.zero_grad()
        gan.discriminator_loss(x, rng)[0].backward()
        trained.step()
    assert second_path(fresh) < 1e-5
    assert second_path(trained) > 1e-2


# --------------------------------------------------------------------------------------------------------- both ends
@pytest.mark.equation("21.2", "21.8")
def test_from_the_ordinary_game_to_the_minimax_game():
    """Five points, all laws exact: f_K climbs from V to −ln 4 + 2 JSD, and its slope becomes that of the JSD; at the
    end no second path is left."""
    p_data = np.array([0.1, 0.3, 0.2, 0.25, 0.15])
    phi = sg.tensor(np.array([0.4, -0.3, 0.2, 0.0, -0.5]), requires_grad=True)
    logits = nn.Parameter(np.array([0.5, -0.4, 0.1, 0.9, -0.2]))
    sgd = optim.SGD([logits], lr=3.0)

    def loss(weights):
        p_model = F.softmax(phi, 0)
        return F.sum(p_data * F.softplus(-weights[0])) + F.sum(p_model * F.softplus(weights[0]))

    def look_ahead(k):
        weights = unrolled(sgd, loss, k, [logits])
        whole = sg.grad(-loss(weights), phi).numpy()
        first = sg.grad(-loss([sg.Tensor(weights[0].data)]), phi).numpy()
        return -loss(weights).item(), whole, np.abs(whole - first).max()

    def jsd(x):
        return exact.optimal_value(p_data, np.exp(x) / np.exp(x).sum())

    values, slopes, seconds = zip(*(look_ahead(k) for k in (0, 1, 4, 16, 160)))
    assert list(values) == sorted(values)
    assert values[0] == pytest.approx(-loss([logits]).item(), rel=1e-12)
    assert values[-1] == pytest.approx(jsd(phi.numpy()), abs=1e-12)
    h = 1e-5 * np.eye(5)
    np.testing.assert_allclose(
        slopes[-1], [(jsd(phi.numpy() + e) - jsd(phi.numpy() - e)) / 2e-5 for e in h], rtol=1e-6, atol=1e-9
    )
    assert seconds[0] == 0
    assert seconds[1] > 0.01
    assert seconds[-1] < 1e-9
