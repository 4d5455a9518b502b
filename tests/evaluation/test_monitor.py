"""The monitor: four runs that were made ill on purpose, ten healthy ones, and each rule on its own.

All runs are small GANs on one ring of 8 in the plane, 150 steps, about a second each.
"""

import math
import re

import numpy as np
import pytest

import scratchgen as sg
from scratchgen import backend, nn, optim
from scratchgen import functional as F
from scratchgen.data import mixture_ring
from scratchgen.evaluation import Diagnosis, Monitor, count_modes, spread
from scratchgen.models.adversarial.gan import GAN
from scratchgen.models.adversarial.networks import MLPDiscriminator, MLPGenerator
from scratchgen.models.adversarial.objectives import R1, GradientPenalty, Objective

WINDOW = 25


class Diary(Monitor):
    """A monitor that is asked after every record."""

    def __init__(self, *args):
        super().__init__(*args)
        self.said = []

    def watch(self, *args):
        super().watch(*args)
        self.said.append(self.diagnose().name)


def play(
    seed,
    objective="non-saturating",
    rates=(1e-2, 1e-2),
    turns=1,
    penalty=None,
    hidden=(32,),
    latent=2,
    std=0.2,
    shift=0.0,
):
    """Train, and let a monitor watch every third step. `rates` are the learning rates of D and of G, `turns` D's steps
    for each of G's; `shift` moves the ring away from where G begins."""
    rng = np.random.default_rng(seed)
    game = GAN(
        MLPGenerator(latent, hidden, 2, output="linear", rng=rng),
        MLPDiscriminator(2, hidden, rng=rng),
        objective,
        penalty=penalty,
    )
    data = mixture_ring(4000, rng, radius=2.0, std=std)
    points, means = data.points + np.float32(shift), data.means + shift
    d_optimizer = optim.Adam(game.discriminator.parameters(), lr=rates[0], betas=(0.5, 0.999))
    g_optimizer = optim.Adam(game.generator.parameters(), lr=rates[1], betas=(0.5, 0.999))
    weights, monitor = g_optimizer.parameters, Diary(WINDOW, objective)
    for step in range(150):
        for _ in range(turns):
            x = points[rng.integers(len(points), size=64)]
            loss, metrics = game.discriminator_loss(x, rng)
            d_optimizer.zero_grad()
            loss.backward()
            d_optimizer.step()
        loss, more = game.generator_loss(x, rng)
        g_optimizer.zero_grad()
        loss.backward()
        if step % 3 == 0:
            norm = math.sqrt(sum(float((p.grad.data**2).sum()) for p in weights))
            samples = game.sample(200, rng)
            shares = count_modes(samples, means, std).counts
            monitor.watch(metrics | more, norm, shares, spread(samples, points))
        g_optimizer.step()
    return monitor


ILL = {
    "mode collapse": {"rates": (2e-4, 2e-3), "std": 0.02},  # D is too slow to drive G on
    "oscillation": {"rates": (1e-3, 3e-3), "std": 0.02, "hidden": (32, 32)},  # D catches up, and G hops on
    "discriminator won": {"objective": "minimax", "rates": (2e-2, 1e-4), "turns": 2, "std": 0.02, "shift": 3.0},
    "convergence failure": {"rates": (2e-2, 1e-5), "turns": 2, "std": 0.02, "shift": 3.0},
}


@pytest.mark.ledger("E29", "C-CONV", "C-2v3")
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", ILL)
def test_a_provoked_disease_is_named(name, seed):
    """E29: the run whose D is perfect is not a collapse, and the collapse is not one whose D is perfect. (Of ten seeds
    all are named right: page 22.)"""
    found = play(seed, **ILL[name]).diagnose()
    assert found.name == name, found
    assert any(c.isdigit() for c in found.evidence)
    assert found.evidence.endswith(".")
    assert found.remedy


@pytest.mark.parametrize("seed", range(10))
def test_nothing_is_found_in_a_healthy_run(seed):
    """The same ring with a gradient penalty: seven of eight modes and more. Nor is anything found on the way there,
    where samples cover few of them: "too early"."""
    monitor = play(seed, penalty=R1(0.3))
    found = monitor.diagnose()
    assert found.name == "healthy", found
    assert found.remedy == ""
    assert {*monitor.said} == {"too early", "healthy"}


def test_too_early_is_said_while_modes_are_still_few():
    """Of the ten runs above the fourth needs longest: more than the records that are wanted at least."""
    said = play(3, penalty=R1(0.3)).said
    assert said[:23] == ["too early"] * 23  # and not by the number of records alone, which are 20
    assert "too early" not in said[35:]


GAMES = {
    "least squares": {"penalty": R1(0.3)},
    "wasserstein": {"penalty": GradientPenalty(3.0), "rates": (1e-2, 5e-3), "turns": 5, "hidden": (32, 32)},
}


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("objective", GAMES)
def test_nothing_is_found_in_a_healthy_run_of_another_game(objective, seed):
    """Losses of other sizes, and a critic's of either sign."""
    found = play(seed, objective, **GAMES[objective]).diagnose()
    assert found.name == "healthy", found


# ------------------------------------------------------------------------------------------------ each rule on its own
EVEN = np.full(8, 1 / 8)


def fed(records, objective="non-saturating", **facts):
    """A monitor that has seen `records` records; each fact a number, or a function of the record's number."""
    usual = {"D": 1.386, "G": 0.693, "D(x)": 0.5, "D(G(z))": 0.5, "gradient": 1.0, "shares": EVEN, "spread": 1.0}
    monitor = Monitor(40, objective)
    for t in range(records):
        now = {name: value(t) if callable(value) else value for name, value in (usual | facts).items()}
        metrics = {name: now.pop(name) for name in ("D", "G", "D(x)", "D(G(z))")}
        monitor.watch(metrics, **now)
    return monitor


def named(records=60, **facts):
    return fed(records, **facts).diagnose().name


def one_of(k, n=8):
    return np.eye(n)[k % n]


@pytest.mark.equation("22.18", "22.19")
def test_a_perfect_discriminator_is_two_diseases():
    perfect = {"D": lambda t: 2 * 0.8**t, "D(x)": lambda t: 1 - 0.5 * 0.8**t, "D(G(z))": lambda t: 0.5 * 0.8**t}
    assert named(**perfect, gradient=lambda t: 0.8**t, G=lambda t: -(0.8**t)) == "discriminator won"
    failure = fed(60, **perfect, G=lambda t: 1 + 0.1 * t).diagnose()
    assert failure.name == "convergence failure"
    assert "from 1 to" in failure.evidence
    assert named(D=0.5, **{"D(x)": 0.85, "D(G(z))": 0.2}) == "healthy"  # D is better, as it often is
    assert named(**perfect, gradient=lambda t: 1.0 if t == 3 else 1e-3) == "convergence failure"  # one spike is nothing


def test_a_critics_loss_is_no_sign_by_itself():
    """WGAN: D's loss is −W, G's any number. Near 0 it says that both agree."""
    game = {"objective": "wasserstein"}
    assert named(**game, D=-0.01, G=40.0) == "healthy"
    assert named(**game, D=-5.0, G=40.0, **{"D(x)": 0.97, "D(G(z))": 0.02}) == "healthy"
    assert named(**game, D=-0.05, G=-3.0, **{"D(x)": 0.97, "D(G(z))": 0.95}) == "healthy"
    assert named(**game, D=-0.05, G=-3.0, **{"D(x)": 0.05, "D(G(z))": 0.03}) == "healthy"
    assert named(**game, D=lambda t: -(1.5**t), G=lambda t: 1.5**t) == "convergence failure"
    assert named(**game, D=-15.0, G=40.0, **{"D(x)": 1.0, "D(G(z))": 0.0}) == "healthy"
    assert named(**game, D=1e-4, gradient=lambda t: 0.8**t) == "healthy"  # whatever follows, not from the loss
    assert named(**game, D=-15.0, gradient=0.0) == "convergence failure"
    assert named(**game, D=-15.0, shares=one_of(0)) == "mode collapse"


def test_a_critic_may_add_any_number_to_its_answers():
    """G's loss moves with it, and nothing is the matter; D's does not."""
    game = {"objective": "wasserstein", "D": -0.5}
    assert named(**game, G=lambda t: 40 + 5 * math.sin(t / 2)) == "healthy"
    assert named(**game | {"D": lambda t: -0.5 + 0.4 * math.sin(t / 2)}, G=40.0) == "oscillation"


@pytest.mark.equation("22.18", "22.19", "22.21")
def test_least_squares_has_a_unit_of_its_own():
    """Guessing costs ¼ there. What is perfect, runs away or swings is so in quarters, and not in nats."""
    game = {"objective": "least squares"}
    perfect = game | {"D": 1e-4, "D(x)": 0.73, "D(G(z))": 0.5}
    found = fed(60, **perfect, gradient=lambda t: max(0.8**t, 1.6e-4)).diagnose()
    assert found.name == "discriminator won"
    assert "fallen to 0.0001 (guessing costs 0.25) and G's gradient to" in found.evidence
    assert named(**perfect) == "convergence failure"
    assert named(**game, D=0.05) == "healthy"
    assert named(D=0.05) == "convergence failure"
    assert "what guessing costs, 0.25" in fed(60, **game, D=3.0).diagnose().evidence
    assert named(**game, D=0.6) == "convergence failure"  # more than twice as much
    assert named(D=0.6) == named(D=2.6) == "healthy"

    def wave(t):
        return 0.125 + 0.08 * math.sin(t / 2)

    assert named(**game, D=0.25, G=wave) == "oscillation"
    assert named(G=wave) == "healthy"


def test_a_game_of_ones_own_says_what_guessing_costs():
    hinge = Objective("hinge", lambda a: F.relu(1 - a), lambda a: F.relu(1 + a), lambda a: -a, guessing=2.0)
    assert named(objective=hinge, D=0.12) == "convergence failure"
    assert named(objective=hinge._replace(guessing=0.0), D=0.12) == "healthy"


@pytest.mark.equation("22.18", "22.19")
def test_a_game_that_is_lost_is_not_healthy():
    """D far worse than a coin; and G without a gradient, though D's loss is not perfect."""
    found = fed(40, D=8.1, **{"D(x)": 0.05, "D(G(z))": 0.98}).diagnose()
    assert found.name == "convergence failure"
    assert "8.1, beyond 2 times what guessing costs, 1.39; it gives 0.05 to real images, 0.98 to G's" in found.evidence
    assert named(40, D=13.5) == "convergence failure"
    assert named(40, D=8.1, **{"D(x)": 0.9, "D(G(z))": 0.1}) == "healthy"  # its loss has a penalty in it
    assert named(40, D=1.67, **{"D(x)": 0.45, "D(G(z))": 0.55}) == "healthy"  # behind G for a while
    for objective, d, least in (("minimax", 0.12, 1e-6), ("non-saturating", 0.5, 1e-9), ("wasserstein", -2.0, 1e-9)):
        falling = fed(40, objective, D=d, gradient=lambda t, least=least: least ** (min(t, 15) / 15)).diagnose()
        assert falling.name == "convergence failure"
        assert f"but G's gradient {least:.1e}, " in falling.evidence
        assert named(40, objective=objective, D=d, gradient=lambda t: 0.01 ** (t / 40)) == "healthy"


@pytest.mark.equation("22.19")
def test_a_generator_that_catches_up_has_not_failed():
    """D is too good, and G's loss falls: it is told so. If it grows, stays, or only trembles, nothing helps."""
    ahead = {"D": 0.09, "D(x)": 0.95, "D(G(z))": 0.05}
    found = fed(40, **ahead, G=lambda t: 8 * 0.97**t).diagnose()
    assert found.name == "too early"
    assert "G's loss falls as well, from 6 to 3.3: it may catch up" in found.evidence
    rng = np.random.default_rng(0)
    for grows in (lambda t: 3 + 0.1 * t, lambda t: 8.0, lambda t: 8 + rng.standard_normal(), lambda t: 8 - t / 80):
        assert named(40, **ahead, G=grows) == "convergence failure"


@pytest.mark.equation("22.18")
def test_a_critic_near_zero_does_not_run_away():
    """Fifteen times as much as next to nothing is next to nothing."""
    assert named(40, objective="wasserstein", D=lambda t: -0.002 if t < 18 else -0.03) == "healthy"
    found = fed(40, "wasserstein", D=lambda t: -0.2 if t < 20 else -30.0).diagnose()
    assert found.name == "convergence failure"
    assert "-15.1, beyond 10 times the larger of 1 and what it was, 1: it runs away" in found.evidence


def test_one_odd_loss_is_no_disease():
    assert named(D=lambda t: 900.0 if t == 50 else 1.386) == "healthy"


@pytest.mark.parametrize("fact", ["D", "G", "gradient", "spread"])
@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_what_is_not_finite_is_seen_at_once(fact, value):
    found = fed(3, **{fact: lambda t: value if t == 2 else 1.0}).diagnose()
    assert found.name == "convergence failure"
    assert "not finite" in found.evidence


@pytest.mark.equation("22.20")
def test_few_modes_that_stay_are_a_collapse_and_that_change_an_oscillation():
    two_and_three = np.array([0, 0, 0.3, 0.7, 0, 0, 0, 0, 0, 0])
    found = fed(60, shares=two_and_three, spread=0.8).diagnose()
    assert found.name == "mode collapse"
    assert "as many as 1.8 of 10 modes" in found.evidence
    assert "standard deviation" not in found.evidence
    assert named(shares=lambda t: one_of(t // 5)) == "oscillation"
    assert named(shares=lambda t: one_of(3 * (t % 2))) == "oscillation"
    assert named(shares=lambda t: one_of(t // 12)) == "oscillation"  # three times in the last 40
    assert named(shares=lambda t: one_of(t // 15)) == "mode collapse"  # it has moved twice: no circle
    assert named(shares=lambda t: np.roll([8, 4, 4, 2, 2, 2, 2, 2], t)) == "healthy"  # all the time nearly all modes
    assert named(shares=np.array([5, 5]), spread=None) == "healthy"
    assert named(shares=np.array([90, 10]), spread=None) == "mode collapse"


@pytest.mark.equation("22.20")
def test_few_modes_are_no_collapse_while_they_become_more():
    """Coverage that rises, that has fallen, and that was low all the time; shares counted in 200 samples."""
    rng = np.random.default_rng(0)

    def counted(others):
        """Of 200 samples; each of seven modes gets `others` as many as the first."""

        def shares(t):
            p = np.array([1, *[np.clip(others(t), 0, 1)] * 7])
            return rng.multinomial(200, p / p.sum())

        return {"shares": shares, "spread": None}

    rising = counted(lambda t: t / 300)
    found = fed(40, **rising).diagnose()
    assert found.name == "too early"
    assert re.search(r"samples cover as many as 3\.\d of 8 modes .*, but more than ever before\.$", found.evidence)
    assert named(80, **rising) == "healthy"
    first = {"shares": lambda t: EVEN if t == 0 else rising["shares"](t), "spread": None}
    assert named(40, **first) == "too early"  # one look is no coverage
    for low in (0.01, 0.05, 0.1):
        assert named(60, **counted(lambda t, low=low: low)) == "mode collapse"
    assert named(60, **counted(lambda t: 0.3 - t / 150)) == "mode collapse"
    assert named(60, **counted(lambda t: 0.3 - t / 60 if t < 20 else (t - 20) / 300)) == "mode collapse"  # it was there
    assert named(60, shares=lambda t: EVEN if t < 20 else one_of(t // 5)) == "oscillation"


FEW_SAMPLES = [(1000, 200), (1000, 500), (100, 64), (100, 8), (25, 16), (25, 3), (10, 8), (10, 2), (8, 200)]


def counted(p, n, seed):
    """Counts of n samples of the law p(t), other ones at each look."""
    rng = np.random.default_rng(seed)
    return {"shares": lambda t: rng.multinomial(n, p(t)), "spread": None}


@pytest.mark.equation("22.20", "22.23")
@pytest.mark.parametrize(("modes", "n"), FEW_SAMPLES)
def test_few_samples_of_all_modes_are_no_disease(modes, n):
    """Each look reaches others of the modes, and fewer than there are."""
    for seed in range(10):
        assert named(40, **counted(lambda t: np.full(modes, 1 / modes), n, seed)) == "healthy"


@pytest.mark.equation("22.20", "22.23")
@pytest.mark.parametrize(("modes", "n"), [(1000, 200), (25, 16), (10, 8)])
def test_few_samples_are_enough_for_a_collapse_and_for_a_circle(modes, n):
    """Two or three modes that stay, and that change with each fourth look."""
    three = np.eye(modes)[:3].mean(0)
    for seed in range(10):
        assert named(40, **counted(lambda t: three, n, seed)) == "mode collapse"
        assert named(40, **counted(lambda t: np.roll(three, 3 * (t // 4)), n, seed)) == "oscillation"


@pytest.mark.equation("22.20")
def test_one_look_is_no_collapse_and_looks_are_counted():
    """What a monitor was told once of 40 times shows nothing "in the course of 40 records"."""
    found = fed(40, shares=lambda t: one_of(0) if t == 30 else None).diagnose()
    assert found.name == "healthy"
    assert "modes" not in found.evidence  # and not inf
    found = fed(40, shares=lambda t: one_of(0) if t % 5 == 0 else None).diagnose()
    assert found.name == "mode collapse"
    assert "(1.0 in the course of the 8 of 40 records that tell)" in found.evidence


@pytest.mark.equation("22.22")
def test_a_narrow_cloud_is_no_collapse_while_it_widens():
    widening = {"shares": None, "spread": lambda t: 0.005 * t}
    assert named(60, **widening) == "too early"
    assert named(100, **widening) == "healthy"
    assert named(60, shares=None, spread=lambda t: 0.3 - 0.004 * t) == "mode collapse"
    assert named(60, shares=one_of(0), spread=lambda t: 0.005 * t) == "mode collapse"  # one mode, however wide
    assert named(60, shares=None, spread=lambda t: None if t < 30 else 0.05) == "mode collapse"  # of before, nothing


@pytest.mark.equation("22.22")
def test_without_classes_the_spread_shows_a_collapse():
    found = fed(60, shares=None, spread=0.05).diagnose()
    assert found.name == "mode collapse"
    assert "standard deviation is 5% of the data's" in found.evidence
    assert named(shares=None, spread=0.6) == "healthy"
    assert named(shares=None, spread=None) == "healthy"  # it was told nothing


@pytest.mark.equation("22.21")
def test_a_wave_of_the_loss_is_an_oscillation_and_noise_is_not():
    rng = np.random.default_rng(0)
    found = fed(60, G=lambda t: 0.7 + 0.5 * math.sin(t / 2)).diagnose()
    assert found.name == "oscillation"
    assert "swings between 0.2" in found.evidence
    assert named(G=lambda t: 0.7 + 0.5 * math.sin(t / 2) + 0.05 * rng.standard_normal()) == "oscillation"
    assert named(G=lambda t: 0.7 + 0.5 * rng.standard_normal()) == "healthy"  # noise, however large
    assert named(G=lambda t: 0.7 + 0.1 * math.sin(t / 2)) == "healthy"  # too small
    assert named(G=lambda t: 3 - 0.04 * t) == "healthy"  # getting better
    assert named(G=lambda t: 0.7 + 0.5 * math.sin(t / 12)) == "healthy"  # not once around


def oscillates(loss, objective="non-saturating"):
    """Whether a monitor that sees all of this loss, of G or of a critic, and nothing else that moves calls it so."""
    player, monitor = ("D" if objective == "wasserstein" else "G"), Monitor(len(loss), objective)
    for value in loss:
        monitor.watch({"D": 1.386, "G": 0.3, "D(x)": 0.5, "D(G(z))": 0.5} | {player: value}, 1.0)
    return monitor.diagnose().name == "oscillation"


def noise(n, rng, phi, std=0.5):
    """AR(1), each of n numbers φ times the one before and something new, std its standard deviation."""
    x = std * rng.standard_normal(n)
    for t in range(1, n):
        x[t] = phi * x[t - 1] + math.sqrt(1 - phi**2) * x[t]
    return x


# n records of the loss, each time others
NO_WAVES = {
    "rising, noise 0.1": (100, lambda n, rng: np.linspace(0.8, 2, n) + noise(n, rng, 0, 0.1)),
    "rising, noise 0.05": (100, lambda n, rng: np.linspace(0.8, 2, n) + noise(n, rng, 0, 0.05)),
    "0.03 per record, noise 0.08": (30, lambda n, rng: 0.03 * np.arange(n) + noise(n, rng, 0, 0.08)),
    "independent noise": (20, lambda n, rng: noise(n, rng, 0)),
    "AR(1), 0.7": (20, lambda n, rng: noise(n, rng, 0.7)),
    "AR(1), 0.9": (30, lambda n, rng: noise(n, rng, 0.9)),
    "AR(1), 0.9, longer": (100, lambda n, rng: noise(n, rng, 0.9)),
    "random walk": (40, lambda n, rng: 0.2 * rng.standard_normal(n).cumsum()),
    "falling fast": (40, lambda n, rng: 3 * np.exp(-np.arange(n) / 5) + noise(n, rng, 0, 0.1)),
    "a step": (40, lambda n, rng: 1.0 * (np.arange(n) > rng.integers(5, 35)) + noise(n, rng, 0, 0.1)),
}


@pytest.mark.equation("22.21")
@pytest.mark.parametrize("name", NO_WAVES)
def test_a_trend_and_noise_that_wanders_are_no_wave(name):
    """In one of 50 at most; page 22 has the rates of 2,000."""
    n, draw = NO_WAVES[name]
    assert sum(oscillates(2 + draw(n, np.random.default_rng(seed))) for seed in range(100)) <= 2


@pytest.mark.equation("22.21")
def test_a_critic_that_comes_to_agree_does_not_oscillate():
    """D's loss goes from −3 to 0 while the distance that it measures shrinks."""
    for seed in range(50):
        left = noise(100, np.random.default_rng(seed), 0, 0.1)
        assert not oscillates(np.linspace(-3, 0, 100) + left, "wasserstein")
        assert not oscillates(-3 * np.exp(-np.arange(40) / 8) + left[:40], "wasserstein")


@pytest.mark.equation("22.21")
@pytest.mark.parametrize("n", [20, 30, 100])
def test_a_wave_in_noise_of_a_quarter_of_its_height_is_seen(n):
    """From two and a half periods in the window on, with a trend, too; as waves of a quarter of a period."""
    for seed in range(40):
        rng = np.random.default_rng(seed)
        cycles, t = rng.uniform(2.5, n / 5), np.arange(n) / n
        wave = 0.5 * np.sin(2 * math.pi * (cycles * t + rng.random()))
        assert oscillates(2 + wave + noise(n, rng, 0, 0.125) + rng.uniform(-1, 1) * t), (seed, cycles)


def test_what_is_said_of_a_wave_is_the_loss_that_has_it():
    evidence = fed(40, "wasserstein", D=lambda t: -1.77 + 0.66 * math.sin(t / 2), G=0.3).diagnose().evidence
    assert "D's loss swings between -2.43 and -1.11; 98% of what a straight line leaves of it is a wave" in evidence
    assert "of 12 records, 3.2 times up and down" in evidence
    assert "G's" not in evidence
    assert named(objective="wasserstein", D=lambda t: 1e-3 * math.sin(t / 2)) == "healthy"  # clipped, and near 0
    found = fed(40, "least squares", D=0.25, G=lambda t: 0.125 + 0.08 * math.sin(t / 2)).diagnose()
    assert "swings between 0.045 and 0.205" in found.evidence


@pytest.mark.ledger("C-CONV")
def test_a_generator_that_orbits_the_data_oscillates():
    """The smallest game, w·b for Wasserstein's loss: G moves its whole cloud by b, D is a line of slope w. They circle
    about the solution for ever, and the spread of the samples is right all the time."""
    rng = np.random.default_rng(1)
    cloud = rng.standard_normal((256, 1)).astype(np.float32)
    place, line = nn.Parameter(np.full((1, 1), 2.0, np.float32)), nn.Parameter(np.zeros((1, 1), np.float32))
    d_optimizer, g_optimizer = optim.SGD([line], lr=0.3), optim.SGD([place], lr=0.3)
    monitor = Monitor(100, "wasserstein")
    for _ in range(150):
        real, fake = cloud @ line, (cloud + place.detach()) @ line
        d_loss = F.mean(fake) - F.mean(real)
        d_optimizer.zero_grad()
        d_loss.backward()
        d_optimizer.step()
        g_loss = -F.mean((cloud + place) @ line.detach())
        g_optimizer.zero_grad()
        g_loss.backward()
        g_optimizer.step()
        metrics = {
            "D": d_loss,
            "G": g_loss,
            "D(x)": F.mean(F.sigmoid(real)),
            "D(G(z))": F.mean(F.sigmoid(fake)),
        }
        monitor.watch(metrics, abs(place.grad.data).sum(), spread=spread(cloud + place.data, cloud))
    found = monitor.diagnose()
    assert found.name == "oscillation", found
    assert "D's loss swings" in found.evidence  # a critic's: G's may be any number


# --------------------------------------------------------------------------------------------------------- being fed
def test_only_the_last_records_count():
    assert named(60, shares=lambda t: one_of(0) if t < 20 else EVEN) == "healthy"
    assert named(60, shares=lambda t: EVEN if t < 20 else one_of(0)) == "mode collapse"


def test_too_early():
    found = fed(19, shares=one_of(0)).diagnose()
    assert found == Diagnosis("too early", "19 records; 20 are wanted.", "")
    assert fed(20, shares=one_of(0)).diagnose().name == "mode collapse"


def test_metrics_may_lie_anywhere(device):
    monitor = Monitor()
    for _ in range(20):
        there = {
            name: backend.to_device(np.array(value, np.float32), device)
            for name, value in {"D": 1.4, "G": 0.7, "D(x)": 0.5, "D(G(z))": 0.5, "accuracy": 1.0}.items()
        }
        there["G"] = sg.tensor(there["G"])
        gradient, shares = (backend.to_device(a, device) for a in (np.array(1.0), np.arange(1, 5)))
        monitor.watch(there, gradient, shares, 1.0)
    found = monitor.diagnose()
    assert found.name == "healthy"
    assert str(found) == f"healthy: {found.evidence}"


def test_what_is_refused():
    with pytest.raises(ValueError, match=r"the metrics lack G, D\(x\), D\(G\(z\)\); they have D"):
        Monitor().watch({"D": 1.0}, 1.0)
    with pytest.raises(ValueError, match="a window of 5 records is too short"):
        Monitor(5)
    with pytest.raises(ValueError, match=r"objective: expected one of .* got 'hinge'"):
        Monitor(objective="hinge")
    with pytest.raises(ValueError, match=r"spread: samples \(3, 2\) and data \(3, 4\)"):
        spread(np.zeros((3, 2)), np.ones((3, 4)))
    with pytest.raises(ValueError, match="not all equal"):
        spread(np.zeros((3, 2)), np.ones((3, 2)))


@pytest.mark.equation("22.22")
def test_the_spread(device):
    rng = np.random.default_rng(0)
    data = rng.standard_normal((500, 3, 4)).astype(np.float32)
    there = backend.to_device(data, device)
    assert spread(there, there) == pytest.approx(1)
    assert spread(sg.tensor(0.25 * there + 7), there) == pytest.approx(0.25)
    assert spread(np.zeros((5, 3, 4)), data) == 0
    total = [np.trace(np.cov(a.reshape(len(a), -1).T, ddof=0)) for a in (data[:50], data)]
    assert spread(data[:50], data) == pytest.approx(math.sqrt(total[0] / total[1]))


PERFECT = {"D": 1e-9, "D(x)": 1.0, "D(G(z))": 0.0}


@pytest.mark.parametrize("gradient", [0.0, 1e-13])
def test_no_gradient_is_never_healthy(gradient):
    found = fed(30, gradient=gradient).diagnose()
    assert found.name == "convergence failure"
    assert f"but G's gradient {gradient:.1e}" in found.evidence
    assert "reaches its weights" in found.remedy
    found = fed(30, **PERFECT, gradient=gradient).diagnose()
    assert found.name == "discriminator won"
    assert f"G's gradient to {gradient:.1e}" in found.evidence
    assert "nan" not in found.evidence


def test_a_spread_that_is_told_now_and_then():
    """One record without it does not hide a collapse; none at all is no collapse."""
    assert named(shares=None, spread=lambda t: None if t == 50 else 0.05) == "mode collapse"
    assert named(shares=None, spread=lambda t: 0.05 if t == 50 else None) == "mode collapse"
    assert named(shares=None, spread=None) == "healthy"


@pytest.mark.parametrize(
    ("facts", "message"),
    [
        ({"shares": [0.5, math.nan]}, r"expected shares \(K,\), at least 0 and not all 0"),
        ({"shares": [1.5, -0.5]}, r"expected shares \(K,\), at least 0"),
        ({"shares": [0.0, 0.0]}, "not all 0"),
        ({"shares": [[0.5, 0.5]]}, r"expected shares \(K,\)"),
        ({"shares": lambda t: EVEN if t < 2 else [1, 1]}, "expected shares of 8 classes as before, got 2"),
        ({"D": -5.0}, r"D's loss in the non-saturating game is at least 0, got -5; .* Monitor\(objective=…\)"),
        ({"D(x)": 1.5}, r"D\(x\) is a mean probability in \[0, 1\], got 1.5"),
        ({"D(G(z))": -0.5}, r"D\(G\(z\)\) is a mean probability"),
        ({"gradient": -1.0}, "gradient, a norm, and spread are at least 0, got -1.0"),
        ({"spread": -1.0}, "at least 0, got 1.0 and -1.0"),
        ({"gradient": None}, "gradient wants numbers"),
        ({"gradient": [1.0, 2.0]}, r"gradient is one number, got \(2,\)"),
        ({"D": "0.7"}, "D wants numbers"),
    ],
)
def test_facts_that_are_none(facts, message):
    with pytest.raises(ValueError, match=f"Monitor.watch: .*{message}"):
        fed(3, **facts)


def test_a_probability_that_is_nan_is_a_run_that_has_failed():
    found = fed(3, **{"D(x)": lambda t: math.nan if t == 2 else 0.5}).diagnose()
    assert found.name == "convergence failure"
    assert "not finite" in found.evidence
