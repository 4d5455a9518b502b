"""Two players in the training loop: who moves when, on what, and that a game goes on where it stopped.

As a program, `python -m tests.training.test_game CHECKPOINT EPOCHS [resume]`, it is a run to be killed.
"""

import json
import math
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from scratchgen import backend, nn, optim, training
from scratchgen import functional as F
from scratchgen.models.adversarial import (
    GAN,
    OBJECTIVES,
    R1,
    DCDiscriminator,
    DCGenerator,
    GradientPenalty,
    MLPDiscriminator,
    MLPGenerator,
    UnrolledGAN,
)
from scratchgen.models.latent import VAE
from scratchgen.training import Players, Run, Workers, play, play_at_once

ROOT = Path(__file__).resolve().parents[2]
STEPS = 3  # of D's for each of G's: epochs of four minibatches end within a round


def make(dtype=np.float32, objective="non-saturating", **options):
    """A small game with its run, and 50 images."""
    rng = np.random.default_rng(0)
    gan = GAN(MLPGenerator(3, (8,), 6, rng=rng), MLPDiscriminator(6, (8,), rng=rng), objective, **options).astype(dtype)
    players = Players(
        optim.Adam(gan.discriminator.parameters(), lr=1e-2, betas=(0.5, 0.9)),
        optim.SGD(gan.generator.parameters(), lr=1e-2, momentum=0.5),
    )
    x = rng.uniform(-1, 1, (50, 6)).astype(dtype)
    return Run(gan, players, np.random.default_rng(1)), x


def train(run, x, epochs=2, step=play, **options):
    return training.train(run, run.model, [x], step=step, epochs=epochs, batch_size=16, **options)


def learned(run):
    """Everything that a run holds, exactly."""
    arrays = {**run.model.state_dict(), **{f"best/{k}": v for k, v in run.best.items()}, **run.optimizer.state_dict()}
    arrays = {name: np.asarray(value).tobytes().hex() for name, value in arrays.items()}
    return {"arrays": arrays, "history": run.history, "step": run.step, "rng": str(run.rng.bit_generator.state)}


def steps_of(run):
    """How many steps each player has made."""
    state = run.optimizer.state_dict()
    return {player: int(state[f"{player}.steps"].max()) for player in ("discriminator", "generator")}


class Diary:
    """A game that writes down what is asked of it. D and G are one number each."""

    def __init__(self, steps):
        self.steps, self.pages, self.clipped = steps, [], 0
        self.both = [nn.Linear(1, 1, bias=False), nn.Linear(1, 1, bias=False)]
        self.model = nn.Sequential(*self.both)
        self.players = Players(*(optim.SGD(player.parameters(), lr=0.0) for player in self.both))

    def _loss(self, player, x, number):
        self.pages.append((player, x[:, 0].tolist()))
        return F.sum(self.both["DG".index(player)].weight), {player: np.float64(number)}

    def discriminator_loss(self, x, rng):
        return self._loss("D", x, len(x))

    def generator_loss(self, x, rng):
        return self._loss("G", x, len(self.pages))

    def constrain(self):
        self.clipped += 1
        self.pages.append(("clip", None))


def diary(steps, rows=12, batch_size=2, epochs=1, step=play):
    game = Diary(steps)
    run = Run(game.model, game.players, np.random.default_rng(0))
    x = np.arange(rows, dtype=np.float32)[:, None]
    return training.train(run, game, [x], step=step, epochs=epochs, batch_size=batch_size), game


# -------------------------------------------------------------------------------------------------------- who and when
@pytest.mark.equation("19.1", "19.2")
@pytest.mark.parametrize("steps", [1, 2, 3, 5])
def test_ds_steps_then_one_of_gs(steps):
    """k times D, each time held in its bounds afterwards, then G; and so on over the ends of epochs."""
    run, game = diary(steps, epochs=2)
    round_ = [*steps * ["D", "clip"], "G"]
    assert [player for player, _ in game.pages] == (round_ * 12)[: 24 + 12 // steps]
    assert run.step == 12
    assert game.clipped == 12


def test_g_sees_the_minibatch_that_d_has_just_seen():
    _, game = diary(1)
    seen = {player: [x for name, x in game.pages if name == player] for player in "DG"}
    assert seen["D"] == seen["G"]
    assert sorted(x for batch in seen["D"] for x in batch) == list(range(12))
    _, game = diary(2)
    seen = {player: [x for name, x in game.pages if name == player] for player in "DG"}
    assert seen["G"] == seen["D"][1::2]


@pytest.mark.equation("19.6")
def test_at_once_both_see_a_minibatch_and_then_d_is_held_in_its_bounds():
    """The loss that is told is D's. (That neither sees the other's step: test_both_at_once_by_hand.)"""
    run, game = diary(1, epochs=2, step=play_at_once)
    assert [player for player, _ in game.pages] == 12 * ["G", "D", "clip"]
    for (_, seen_by_g), (_, seen_by_d), _ in zip(*[iter(game.pages)] * 3):
        assert seen_by_g == seen_by_d
    assert run.step == 12
    for metrics in run.history["train"]:
        assert metrics["loss"] == pytest.approx(game.both[0].weight.item())


@pytest.mark.parametrize("unroll", [0, 3])
def test_at_once_no_noise_is_used_twice_but_by_both(unroll, monkeypatch):
    """A penalty makes D's loss draw more than G's, and with steps ahead G's more than D's: one begins with what the
    other one has, and the next step has nothing of it."""
    rng, drawn = np.random.default_rng(0), []
    d, g = MLPDiscriminator(6, (8,), rng=rng), MLPGenerator(3, (8,), 6, rng=rng)
    players = Players(*(optim.SGD(player.parameters(), lr=0.01) for player in (d, g)))
    gan = UnrolledGAN(g, d, players.discriminator, unroll, penalty=GradientPenalty(1.0))
    run, x = Run(gan, players, np.random.default_rng(1)), rng.uniform(-1, 1, (5, 6)).astype(np.float32)
    for name in ("normal", "uniform"):
        draw = getattr(backend, name)

        def recorded(*args, draw=draw, **options):
            drawn.append(draw(*args, **options))
            return drawn[-1]

        monkeypatch.setattr(backend, name, recorded)
    with Workers(1, gan) as crew:
        for _ in range(2):
            drawn.append(None)
            play_at_once(run, gan, [x], crew)
    second = max(i for i, array in enumerate(drawn) if array is None)
    numbers = [
        {float(number) for array in step if array is not None for number in array.ravel()}
        for step in (drawn[:second], drawn[second:])
    ]
    assert not numbers[0] & numbers[1]
    z = [array for array in drawn[:second] if array is not None and array.shape == (5, 3)]
    assert len(z) == 2
    np.testing.assert_array_equal(*z)
    assert len(drawn) == 2 * (1 + 2 + 1 + unroll)  # a mark; z for each; u for D, and for each step ahead


def test_metrics_are_means_over_the_steps_that_have_them():
    """D's over all minibatches, G's over those at which it moved, by their sizes; the loss is D's."""
    run, game = diary(2, rows=7, batch_size=2)  # sizes 2, 2, 2, 1: G moves at the second and at the fourth
    (metrics,) = run.history["train"]
    assert set(metrics) == {"loss", "D", "G"}
    assert metrics["D"] == pytest.approx((2 * 2 * 3 + 1) / 7)
    told = [i for i, (player, _) in enumerate(game.pages) if player == "G"]
    assert metrics["G"] == pytest.approx((2 * told[0] + 1 * told[1]) / 3)
    assert metrics["loss"] == pytest.approx(game.both[0].weight.item())
    assert run.losses == [metrics["loss"]]


def test_what_a_gan_tells():
    run, x = make(steps=STEPS)
    train(run, x)
    assert run.step == 8
    for metrics in run.history["train"]:
        assert set(metrics) == {"loss", "D", "D(x)", "D(G(z))", "G"}
        assert metrics["loss"] == metrics["D"]
        assert all(type(value) is float for value in metrics.values())
        assert 0 < metrics["D(x)"] < 1
    assert steps_of(run) == {"discriminator": 8, "generator": 2}


def test_each_step_moves_one_player():
    """D's step leaves G as it is, bit for bit, and the other way round; neither leaves a gradient in the other."""
    run, x = make(clip=0.5)
    gan, players = run.model, run.optimizer
    for player, other, loss in (
        ("discriminator", "generator", gan.discriminator_loss),
        ("generator", "discriminator", gan.generator_loss),
    ):
        gan.zero_grad()
        before = {name: value.copy() for name, value in gan.state_dict().items()}
        with Workers(1, gan) as crew:
            training.descend(run, loss, [x], crew, getattr(players, player))
        moved = {name.partition(".")[0] for name, value in gan.state_dict().items() if (value != before[name]).any()}
        assert moved == {player}
        assert all(p.grad is None for p in getattr(gan, other).parameters())


@pytest.mark.parametrize(("step", "steps"), [(play, 2), (play_at_once, 1)])
def test_clipping_holds_through_a_training(step, steps):
    run, x = make(objective="wasserstein", clip=0.02, steps=steps)
    train(run, x, step=step)
    assert max(abs(p.numpy()).max() for p in run.model.discriminator.parameters()) <= np.float32(0.02)
    assert max(abs(p.numpy()).max() for p in run.model.generator.parameters()) > 0.02


# ------------------------------------------------------------------------------------------------------------- players
def test_players_hold_both_states():
    run, x = make()
    train(run, x)
    state = run.optimizer.state_dict()
    assert {name.partition(".")[0] for name in state} == {"discriminator", "generator"}
    again, _ = make()
    assert str(again.optimizer.state_dict()) != str(state)
    again.optimizer.load_state_dict(state)
    loaded = again.optimizer.state_dict()
    assert set(loaded) == set(state)
    assert all(np.array_equal(loaded[name], state[name]) for name in state)
    again.optimizer.discriminator.lr = 7.0
    again.optimizer.load_state_dict(state)
    assert again.optimizer.discriminator.lr == 1e-2


@pytest.mark.parametrize("player", ["discriminator", "generator"])
@pytest.mark.parametrize("damage", ["missing", "another shape", "another's"])
def test_a_state_that_does_not_fit_changes_neither(player, damage):
    run, x = make()
    train(run, x, epochs=1)
    before, state = run.optimizer.state_dict(), make()[0].optimizer.state_dict()
    moment = {"discriminator": "discriminator.m", "generator": "generator.velocity"}[player]
    if damage == "missing":
        del state[moment]
    elif damage == "another shape":
        state[moment] = np.zeros(3, np.float32)
    else:
        state[f"{player}.oddity"] = 1.0
    with pytest.raises(ValueError):
        run.optimizer.load_state_dict(state)
    after = run.optimizer.state_dict()
    assert set(after) == set(before)
    assert all(np.array_equal(after[name], before[name]) for name in before)


# ------------------------------------------------------------------------------------------------------------- resuming
def start(*arguments):
    command = [sys.executable, "-m", "tests.training.test_game", *map(str, arguments)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, env=dict(os.environ))


def killed(checkpoint, epochs, resume=False, callbacks=()):
    run, x = make(steps=STEPS, penalty=GradientPenalty(1.0))
    return train(run, x, epochs, checkpoint=checkpoint, config={"seed": 0}, resume=resume, callbacks=callbacks)


@pytest.mark.skipif(sys.platform == "win32", reason="kills a process the POSIX way")
def test_killed_in_the_middle_of_a_game_and_resumed(tmp_path):
    """kill -9 after eight steps of D, two of them since G's last: the ninth makes the round complete."""
    path = tmp_path / "game.npz"
    with start(path, 4) as process:
        assert process.stdout.readline() == "waiting\n"
        process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    with start(path, 4, "resume") as process:
        output = process.stdout.read()
    assert process.returncode == 0
    unbroken = killed(tmp_path / "unbroken.npz", 4)
    assert json.loads(output) == json.loads(json.dumps(learned(unbroken)))
    assert unbroken.step == 16
    assert steps_of(unbroken) == {"discriminator": 16, "generator": 5}


def test_interrupted_while_g_learns(tmp_path):
    """At most the running epoch is lost, also where D has moved and G has not yet."""
    run, x = make(steps=STEPS)
    calls, path = [], tmp_path / "game.npz"
    ordinary = run.model.generator_loss

    def interrupted(x, rng):
        calls.append(len(x))
        if len(calls) == 2:  # the sixth step, in the second epoch
            raise KeyboardInterrupt
        return ordinary(x, rng)

    run.model.generator_loss = interrupted
    with pytest.raises(KeyboardInterrupt):
        train(run, x, 3, checkpoint=path)
    again, _ = make(steps=STEPS)
    train(again, x, 3, checkpoint=path, resume=True)
    unbroken, _ = make(steps=STEPS)
    train(unbroken, x, 3)
    assert learned(again) == learned(unbroken)


@pytest.mark.parametrize("part", ["model/generator.network.layers.0.weight", "optimizer/generator.velocity"])
def test_a_checkpoint_of_another_game_changes_nothing(tmp_path, part):
    path = tmp_path / "game.npz"
    killed(path, 1)
    with np.load(path) as file:
        arrays = dict(file)
    arrays[part] = np.zeros(3, np.float32)
    np.savez(path, **arrays)
    run, _ = make(steps=STEPS)
    before = learned(run)
    with pytest.raises(training.CheckpointError, match="of another model or optimizer"):
        run.restore(path, {"seed": 0})
    assert learned(run) == before


# -------------------------------------------------------------------------------------------------------------- workers
@pytest.mark.equation("1.11")
@pytest.mark.parametrize("count", [2, 3])
@pytest.mark.parametrize("penalty", [None, R1(2.0), GradientPenalty(0.5)], ids=["none", "R1", "gradient penalty"])
def test_several_workers_have_the_gradient_of_one(penalty, count):
    """Of both players, and the same metrics: noise, and where a penalty looks, are drawn for the whole minibatch."""
    found = {}
    for workers in (1, count):
        run, x = make(np.float64, penalty=penalty)
        gan, rng = run.model, np.random.default_rng(2)
        with Workers(workers, gan) as crew:
            metrics = crew.backward(gan.discriminator_loss, [x], rng, run.optimizer.discriminator.parameters)
            metrics |= crew.backward(gan.generator_loss, [x], rng, run.optimizer.generator.parameters)
        gradients = [np.zeros(p.shape) if p.grad is None else p.grad.numpy() for p in gan.parameters()]
        found[workers] = [*gradients, *(metrics[name] for name in ("D", "D(x)", "D(G(z))", "G", "loss"))]
    for one, several in zip(found[1], found[count]):
        np.testing.assert_allclose(several, one, rtol=1e-11, atol=1e-15)


@pytest.mark.parametrize(("step", "steps"), [(play, 2), (play_at_once, 1)])
def test_a_whole_game_with_two_workers(step, steps):
    """What one worker plays, to rounding; and the same twice, bit for bit."""
    runs = []
    for workers in (1, 2, 2):
        run, x = make(np.float64, steps=steps, penalty=GradientPenalty(0.5))
        runs.append(train(run, x, 3, step, workers=workers))
    one, two = (run.model.state_dict() for run in runs[:2])
    for name, value in one.items():
        np.testing.assert_allclose(two[name], value, rtol=1e-8, atol=1e-10)
    assert learned(runs[1]) == learned(runs[2])


def test_batch_norm_wants_one_worker():
    gan = GAN(DCGenerator(3, (2, 2), (1, 8, 8)), DCDiscriminator((2, 2), (1, 8, 8)))
    with pytest.raises(ValueError, match=r"workers: generator.spread_norm is a BatchNorm2d, .* train with workers=1"):
        Workers(2, gan)


@pytest.mark.parametrize("step", [play, play_at_once])
def test_on_a_device(device, step):
    """A game is played where its weights are, and comes to the same end."""
    run, x = make(np.float64, penalty=R1(1.0), clip=0.4)
    train(run, x, 1, step)
    there, _ = make(np.float64, penalty=R1(1.0), clip=0.4)
    there.model.to(device)
    there.optimizer = Players(
        optim.Adam(there.model.discriminator.parameters(), lr=1e-2, betas=(0.5, 0.9)),
        optim.SGD(there.model.generator.parameters(), lr=1e-2, momentum=0.5),
    )
    train(there, backend.to_device(x, device), 1, step)
    for name, value in run.model.state_dict().items():
        np.testing.assert_allclose(there.model.state_dict()[name], value, rtol=1e-9, atol=1e-12)


# ---------------------------------------------------------------------------------------------------------- bad input
@pytest.mark.parametrize("player", ["discriminator", "generator"])
def test_a_number_that_is_not_finite_stops_the_game(player):
    """It says where; and the player's weights are as before its step."""
    run, x = make()
    weight = next(getattr(run.model, player).parameters())
    weight.data[0, 0] = np.nan
    before = {name: value.copy() for name, value in run.model.state_dict().items()}
    with pytest.raises(FloatingPointError, match=r"training stopped at step 1 \(epoch 1\)"):
        train(run, x)
    for name, value in run.model.state_dict().items():
        if name.startswith(player):
            np.testing.assert_array_equal(value, before[name])


def test_where_gs_loss_alone_is_not_finite_d_has_made_its_step():
    """The message speaks of G's optimizer; D is where its step has led. At once neither has moved."""
    objective = OBJECTIVES["non-saturating"]
    broken = objective._replace(generated=lambda a: objective.generated(a) * math.inf)
    for step, moved in ((play, {"discriminator"}), (play_at_once, set())):
        run, x = make(objective=broken)
        before = {name: value.copy() for name, value in run.model.state_dict().items()}
        with pytest.raises(FloatingPointError, match="this optimizer's weights are as before the step"):
            train(run, x, step=step)
        changed = {name for name, value in run.model.state_dict().items() if (value != before[name]).any()}
        assert {name.partition(".")[0] for name in changed} == moved


@pytest.mark.parametrize("step", [play, play_at_once])
@pytest.mark.parametrize("unroll", [0, 2])
def test_data_that_are_not_finite_are_named_whoever_moves_first(step, unroll):
    run, x = make()
    d, g = run.optimizer.discriminator, run.optimizer.generator
    gan = UnrolledGAN(run.model.generator, run.model.discriminator, d, unroll)
    x[3, 2] = np.nan
    with pytest.raises(ValueError, match=r"UnrolledGAN: the data has values that are not finite, NaN or ±∞; look"):
        train(Run(gan, Players(d, g), np.random.default_rng(0)), x, step=step)


def test_a_game_has_no_loss_to_validate_by():
    run, x = make()
    with pytest.raises(TypeError, match=r"train: no loss of a game .*; leave validation= away, .* in a callback"):
        train(run, x, validation=[x])
    assert run.step == 0


@pytest.mark.parametrize("player", ["discriminator", "generator"])
def test_a_number_that_is_not_finite_stops_both_at_once(player):
    """It says where; no weight has moved, no noise is spent, and when it is mended the step is that of a new run."""
    (run, x), (other, _) = make(), make()
    x = x[:16]
    weight = next(getattr(run.model, player).parameters())
    old, noise = weight.data.copy(), run.rng.bit_generator.state
    weight.data[0, 0] = np.nan
    before = {name: value.copy() for name, value in run.model.state_dict().items()}
    with Workers(1, run.model) as crew:
        with pytest.raises(FloatingPointError, match=r"training stopped at step 1 \(epoch 1\)"):
            play_at_once(run, run.model, [x], crew)
        for name, value in run.model.state_dict().items():
            np.testing.assert_array_equal(value, before[name])
        assert run.rng.bit_generator.state == noise
        weight.data[...] = old
        for each in (run, other):
            play_at_once(each, each.model, [x], crew)
    assert learned(run) == learned(other)
    assert steps_of(run) == {"discriminator": 1, "generator": 1}


@pytest.mark.parametrize("steps", [2, 5])
def test_at_once_there_is_one_step_of_each(steps):
    run, x = make(steps=steps)
    with pytest.raises(ValueError, match=rf"play_at_once: expected a game of one step each, got steps={steps}; .*play"):
        train(run, x, step=play_at_once)


@pytest.mark.parametrize("step", [play, play_at_once])
def test_one_optimizer_is_not_enough(step):
    run, x = make()
    run.optimizer = run.optimizer.discriminator
    message = f"^{step.__name__}: expected Players in the run, the optimizers of D and of G, got Adam"
    with pytest.raises(TypeError, match=message):
        train(run, x, step=step)


def test_a_model_that_is_no_game():
    model = VAE(6, 4, 2)
    players = Players(*(optim.SGD(part.parameters()) for part in (model.encoder, model.decoder)))
    run = Run(model, players, np.random.default_rng(0))
    x = np.zeros((4, 6), np.float32)
    message = "play: VAE is no game of two players: it lacks discriminator_loss, generator_loss, constrain, steps"
    with pytest.raises(TypeError, match=message):
        training.train(run, model, [x], step=play, epochs=1)


def test_players_exchanged():
    run, x = make()
    run.optimizer = Players(run.optimizer.generator, run.optimizer.discriminator)
    with pytest.raises(
        ValueError, match=r"the loss depends on no parameter of the optimizer; .* two players exchanged"
    ):
        train(run, x)


def test_players_who_share_parameters():
    run, _ = make()
    d, g = run.optimizer.discriminator, run.optimizer.generator
    both = optim.Adam(run.model.parameters())
    for first, second, shared in ((d, d, 4), (d, both, 4), (both, g, 4), (both, both, 8)):
        with pytest.raises(ValueError, match=rf"Players: expected two optimizers, .* but {shared} are in both"):
            Players(first, second)


def test_what_is_unrolled_is_the_runs_own_optimizer():
    run, x = make()
    d, g = run.optimizer.discriminator, run.optimizer.generator
    game = UnrolledGAN(run.model.generator, run.model.discriminator, optim.SGD(d.parameters), 1)
    with pytest.raises(ValueError, match=r"play: expected UnrolledGAN.optimizer, .* to be the run's own for D"):
        train(Run(game, Players(d, g), np.random.default_rng(0)), x, epochs=1)
    train(Run(game, Players(game.optimizer, g), np.random.default_rng(0)), x, epochs=1)


def test_a_game_without_play():
    run, x = make()
    with pytest.raises(TypeError, match=r"train: expected an optimizer in the run, got Players; .* step=play"):
        training.train(run, run.model, [x], epochs=1)


def test_data_out_of_reach_stops_the_first_step():
    run, x = make()
    with pytest.raises(ValueError, match=r"GAN: the data lies in \["):
        train(run, 255 * x)
    assert run.step == 0


def wait_in_third_epoch(run):
    """Before the third epoch's checkpoint is written."""
    if run.epoch == 3:
        print("waiting", flush=True)
        time.sleep(600)


if __name__ == "__main__":
    path, epochs, *mode = sys.argv[1:]
    print(json.dumps(learned(killed(path, int(epochs), "resume" in mode, [] if mode else [wait_in_third_epoch]))))


def test_a_state_of_a_third_player_is_unknown():
    p, q = (nn.Parameter(np.zeros(1, np.float32)) for _ in "ab")
    players = Players(optim.Adam([p]), optim.Adam([q]))
    with pytest.raises(ValueError, match=r"Players.load_state_dict: unknown here: critic\.lr"):
        players.load_state_dict({**players.state_dict(), "critic.lr": 1.0})


def test_a_player_without_an_optimizer():
    run, _ = make()
    with pytest.raises(TypeError, match="Players: expected an optimizer for the generator, got NoneType"):
        Players(run.optimizer.discriminator, None)
    with pytest.raises(TypeError, match="Players: expected an optimizer for the discriminator, got GAN"):
        Players(run.model, run.optimizer.generator)


def test_one_players_step_for_two():
    run, x = make()
    with pytest.raises(TypeError, match=r"train: expected an optimizer in the run, got Players; .* step=play"):
        train(run, x, step=training.descend)
