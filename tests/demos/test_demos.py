"""Every demo, whole but small: it ends, says where its pictures are, and resumes."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from demos import (
    autoencoder,
    bits_back,
    blind_spot,
    blur,
    classifier,
    collapse,
    compress,
    conditional,
    dcgan_arithmetic,
    differences,
    dirac_gan,
    elbo_gap,
    few_labels,
    first_gan,
    gan,
    latent_space,
    lecture_gan,
    mode_collapse,
    monte_carlo,
    options,
    orderings,
    parzen,
    pixel_distance,
    pixelcnn,
    pixelrnn,
    sampling_speed,
    saturation,
    vae,
    weights,
)
from scratchgen import backend, grad, plotting, tensor, training
from scratchgen.models.adversarial import MLPGenerator

ROOT = Path(__file__).resolve().parents[2]

DEMOS = {  # the demo, its small settings, its pictures, a word of its last lines
    "vae": (
        vae,
        {"epochs": 1, "hidden": (8,), "latent": 3},
        ["training", "reconstructions", "samples"],
        "not a likelihood",
    ),
    "latent_space": (
        latent_space,
        {"epochs": 1, "hidden": 8, "seeds": 2},
        ["samples", "dimensions", "latent_plane", "interpolation", "arithmetic"],
        "C-DIM",
    ),
    "collapse": (
        collapse,
        {"epochs": 1, "batch_size": 300, "hidden": 8, "latent": 3, "seeds": 2},
        ["collapse"],
        "collapse",
    ),
    "classifier": (classifier, {"epochs": 1, "hidden": 16}, ["training", "mistakes"], "of 200 test digits right"),
    "autoencoder": (
        autoencoder,
        {"epochs": 1, "hidden": 8, "latent": 3},
        ["training", "reconstructions", "codes"],
        "squared error",
    ),
    "lecture_gan": (lecture_gan, {"epochs": 1}, ["training", "samples"], "E13"),
    "gan": (gan, {"epochs": 1, "hidden": 8, "latent": 3, "batch_size": 10}, ["training"], "the monitor"),
    "monte_carlo": (
        monte_carlo,
        {"epochs": 1, "hidden": 8, "latent": 3, "runs": 3, "samples": 500, "digits": 2},
        ["dimensions", "plane", "digits"],
        "claim C-MC: in 50 dimensions",
    ),
    "pixel_distance": (
        pixel_distance,
        {"epochs": 1, "hidden": 8, "latent": 3},
        ["figure3", "shares"],
        "C-MSE holds for",
    ),
    "few_labels": (
        few_labels,
        {"epochs": 1, "channels": 2, "latent": 3, "draws": 2, "steps": 3, "m2_epochs": 1, "m1m2_epochs": 1},
        ["few"],
        "C-FEW, 100 labels",
    ),
    "pixelcnn": (
        pixelcnn,
        {"epochs": 1, "blocks": 1, "channels": 4},
        ["training", "samples", "completions"],
        "Without a model: 543.43 nats",
    ),
    "compress": (
        compress,
        {"epochs": 1, "hidden": 8, "channels": 4, "blocks": 1, "images": 20},
        ["sizes", "surprise"],
        "each compressed, read back and compared",
    ),
    "bits_back": (
        bits_back,
        {"epochs": 1, "hidden": 8, "latent": 3, "images": 20},
        ["growth"],
        "each compressed, read back and compared",
    ),
    "blur": (
        blur,
        {"epochs": 1, "hidden": 8, "latent": 3, "channels": 2, "passes": 1, "seeds": 2, "images": 40},
        ["images", "sharpness"],
        "E16: the best prior of all",
    ),
    "pixelrnn": (
        pixelrnn,
        {"epochs": 1, "hidden": 2, "side": 7},
        ["training", "samples"],
        "Diagonal BiLSTM − PixelCNN",
    ),
    "first_gan": (
        first_gan,
        {"epochs": 2, "hidden": 8, "units": 4, "samples": 40, "every": 1},
        ["samples", "scores"],
        "C-EVAL: G",
    ),
    "parzen": (
        parzen,
        {"epochs": 1, "hidden": 8, "latent": 3, "samples": 40, "validation": 40, "steps": 2},
        ["images", "scores"],
        "C-EVAL: k-means centroids score",
    ),
    "conditional": (
        conditional,
        {"epochs": 1, "channels": 2, "draws": 2},
        ["samples", "numbers", "few_labels"],
        "C-COND: of the class asked for are CGAN",
    ),
    "dcgan_arithmetic": (
        dcgan_arithmetic,
        {"epochs": 1, "channels": 2, "latent": 3, "groups": 2, "size": 60},
        ["arithmetic", "measured"],
        "C-ARITH, thickness, pixels less z",
    ),
    "orderings": (orderings, {"epochs": 1, "seeds": 2, "side": 7}, ["orders", "orderings"], "C-ORDER"),
    "blind_spot": (
        blind_spot,
        {"epochs": 2, "images": 60, "runs": 2, "channels": 2, "steps": 2, "depth": 3},
        ["fields", "planted", "digits"],
        "the blind network is worse by, with 95 % intervals over 2 runs",
    ),
}
demos = pytest.mark.parametrize("name", DEMOS)


@pytest.fixture(autouse=True)
def few_images(monkeypatch):
    """A tenth of the bundled digits."""
    monkeypatch.delenv("SCRATCHGEN_DATA", raising=False)
    whole = options.load_images(options.Options())
    few = whole._replace(
        train=tuple(a[:300] for a in whole.train),
        validation=tuple(a[:100] for a in whole.validation),
        test=tuple(a[:200] for a in whole.test),
    )
    for module in (options, *(module for module, *_ in DEMOS.values())):
        if hasattr(module, "load_images"):
            monkeypatch.setattr(module, "load_images", lambda config: few)


@demos
def test_a_demo_ends_and_names_its_pictures(name, tmp_path, capsys):
    module, settings, pictures, word = DEMOS[name]
    module.main(module.Config(out=tmp_path, **settings))
    output = capsys.readouterr()
    assert word in output.out
    for picture in pictures:
        path = tmp_path / f"{picture}.png"
        assert str(path) in output.out
        assert path.stat().st_size > 5000
    assert output.err == ""  # no progress bar into a pipe


def test_sampling_speed_counts_and_measures(tmp_path, capsys):
    """It trains nothing, so there is nothing to resume."""
    small = {"images": 2, "channels": 4, "blocks": 1, "largest": 8, "seconds": 0.02}
    sampling_speed.main(sampling_speed.Config(out=tmp_path, **small))
    output = capsys.readouterr().out
    assert output.count("98 of 98 pixels equal") == 2
    assert re.search(r"8 +64 .*: 64×\n", output)
    assert "C-PAR" in output
    assert (tmp_path / "speed.png").stat().st_size > 5000


@pytest.mark.ledger("C-ELBO", "E14")
def test_elbo_gap_adds_up_and_has_nothing_to_resume(tmp_path, capsys):
    """Three tables, in each of their lines |ELBO + KL − ln p(x)| ≤ 1e-10 and KL = ln p(x) − ELBO to the last digit."""
    small = {"steps": 12, "bent_steps": 12, "points": 60, "frames": 5}
    elbo_gap.main(elbo_gap.Config(out=tmp_path, **small))
    output = capsys.readouterr().out
    rows = re.findall(r"^ +\d+ +(-[\d.]+) +(-[\d.]+) +([\d.]+) +([\d.e+-]+)$", output, re.MULTILINE)
    numbers = np.array(rows, float)
    assert len(numbers) == 3 * 5
    assert numbers[:, 3].max() <= 1e-10
    np.testing.assert_allclose(numbers[:, 0] - numbers[:, 1], numbers[:, 2], atol=1.6e-5)
    assert "E14" in output
    for picture in ("gap.png", "gap.gif", "hills.png"):
        assert str(tmp_path / picture) in output
        assert 5000 < (tmp_path / picture).stat().st_size < 1_000_000


@pytest.mark.ledger("C-OSC")
def test_dirac_gan_measures_the_eigenvalues_that_it_foretells(tmp_path, capsys):
    """Two games, four ways to move. It is quicker done again than resumed."""
    dirac_gan.main(dirac_gan.Config(out=tmp_path, steps=20))
    output = capsys.readouterr().out
    rows = re.findall(r"(bilinear|Dirac-GAN) .*?(\d\.\d{6}) +(\d\.\d{6}) +([\d.]+) +([\d.]+) +(\w+)", output)
    assert [row[5] for row in rows] == ["outwards", "round", "inwards", "inwards"] * 2
    numbers = np.array([row[1:5] for row in rows], float)
    np.testing.assert_allclose(numbers[:, 0], numbers[:, 1], atol=2e-5)
    np.testing.assert_allclose(numbers[:, 2], numbers[:, 3], atol=1e-3)
    settled = re.findall(r"([\d.]+) at η = ([\d.]+)", output)
    assert len(settled) == 3
    assert output.count("  optimizers  gradient descent, lr 0.15 for both\n") == 2  # of the maps, and of the GANs
    assert "20 and 80 of each player" in output
    assert all(float(r2) == pytest.approx(2 * float(lr), rel=0.02) for r2, lr in settled)
    for picture in ("dirac.png", "bilinear.png", "distances.png"):
        assert str(tmp_path / picture) in output
        assert (tmp_path / picture).stat().st_size > 5000


@pytest.mark.equation("19.6", "20.8", "20.9")
def test_a_gan_of_two_numbers_goes_where_the_formulas_say():
    """Our GANs, by the training loop, in turns and at once, against the maps of the plane; of the cures R1 and looking
    ahead arrive. At once the game spirals outwards, and the non-saturating one ends on its cycle."""
    config, exact = dirac_gan.Config(), dirac_gan.dynamics
    games, lr = dirac_gan.cures(config), config.lr
    known = {
        "minimax": (exact.DIRAC, 0.0),
        "non-saturating": (exact.NON_SATURATING, 0.0),
        "minimax, R1 with γ = 0.3": (exact.DIRAC, 0.3),
    }
    in_turns, at_once = dirac_gan.MOVES.values()
    for move, step in ((in_turns, exact.alternating), (at_once, exact.simultaneous)):
        for name, (game, gamma) in known.items():
            expected = exact.play(lambda s, f=step, g=game, r=gamma: f(g, s, lr, r), (1.0, 0.0), 100)
            found = dirac_gan.cured(games[name], config, 100, move)
            np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)
    ahead = exact.play(lambda s: exact.unrolled(exact.DIRAC, s, lr, 5), (1.0, 0.0), 100)
    found = dirac_gan.cured(games["minimax, unrolled with K = 5"], config, 100, at_once)
    np.testing.assert_allclose(found, ahead, rtol=1e-9, atol=1e-12)

    for move, minimax, non_saturating in ((in_turns, (0.99, 1.01), (0.2, 0.6)), (at_once, (1.5, 2.5), (0.52, 0.6))):
        ends = {
            name: np.abs(dirac_gan.cured(make, config, 400, move)[-dirac_gan.ROUND :, 0]).max()
            for name, make in games.items()
        }
        arrived = {name for name, end in ends.items() if end < 0.01}
        assert arrived == {"minimax, R1 with γ = 0.3", "minimax, unrolled with K = 5"}
        assert min(end for name, end in ends.items() if "Wasserstein" in name) > 0.9
        assert minimax[0] < ends["minimax"] < minimax[1]
        assert non_saturating[0] < ends["non-saturating"] < non_saturating[1]


def test_what_a_gan_of_two_numbers_is_told_by(capsys):
    """The table: of each game the largest distance in the last round of 150 steps and of 600, in turns and at once;
    and in the whole path where it is no longer than a round."""
    for config in (dirac_gan.Config(), dirac_gan.Config(steps=20)):
        dirac_gan.show_cures(config)
        output = capsys.readouterr().out
        assert re.search("in turns, D first +at once", output)
        for name, make in dirac_gan.cures(config).items():
            numbers = re.search(rf"^  {re.escape(name)}  +(\d.*)$", output, re.MULTILINE)[1].split()
            far = []
            for move in dirac_gan.MOVES.values():
                theta = abs(dirac_gan.cured(make, config, 4 * config.steps, move)[:, 0])
                far += [max(theta[: end + 1][-84:]) for end in (config.steps, 4 * config.steps)]
            np.testing.assert_allclose([float(number) for number in numbers], far, atol=6e-5)


def test_differences_know_their_errors_and_what_they_miss(tmp_path, capsys):
    """Nothing is trained, so there is nothing to resume."""
    differences.main(differences.Config(out=tmp_path, points=1, trials=400))
    output = capsys.readouterr()
    table = {name: np.array(row.split(), float) for name, row in re.findall(r"^  (\S.{17})((?: +\S+e-\d+){7})$",
                                                                            output.out, re.MULTILINE)}  # fmt: skip
    assert len(table) == 10
    assert table["complex, 1e-30    "].max() < 1e-14 < table["Richardson, 2e-3  "].max() < 1e-10
    assert table["central, 1e-5     "].max() < 1e-9 < table["forward, 1.5e-8   "].max() < 1e-5
    assert "within ten estimated ones in 100.00% of 250 slopes" in output.out
    assert "of float64: 0 of 7, of float32: 7 of 7" in output.out
    for picture in ("steps.png", "trust.png"):
        assert str(tmp_path / picture) in output.out
        assert (tmp_path / picture).stat().st_size > 5000
    assert output.err == ""


@pytest.mark.ledger("C-SAT")
def test_saturation_sees_one_gradient_vanish_and_not_the_other(tmp_path, capsys, few_images, monkeypatch):
    """It is quicker done again than resumed."""
    few = options.load_images(options.Options())
    monkeypatch.setattr(saturation, "load_images", lambda config: few)
    saturation.main(saturation.Config(out=tmp_path, trained=(1, 2), epochs=10, hidden=16, lr=2e-3))
    output = capsys.readouterr()
    assert "22,026" in output.out
    rows = re.findall(r"^ +(\d+) +(\d+) epochs +(\S+) +(\S+) +(\S+)", output.out, re.MULTILINE)
    numbers = np.array(rows, float)
    assert numbers[:, :2].tolist() == [[g, d] for g in (1, 2) for d in (0, 1, 10)]
    for minimax, other in (numbers[:3, 3:].T, numbers[3:, 3:].T):
        assert minimax[2] < 0.2 * minimax[0]
        assert other[2] > 0.5 * other[0]
    for picture in ("saturation.png", "cures.png"):
        assert (tmp_path / picture).stat().st_size > 5000
    rows = {name: re.search(rf"^  {re.escape(name)} +(.+)", output.out, re.MULTILINE) for name in saturation.CURES}
    cures = {name: [float(number) for number in row[1].split()] for name, row in rows.items()}
    np.testing.assert_allclose(cures["minimax"][:3], numbers[3:, 3], rtol=0.01)  # the same trial, in both tables
    assert all(50 < told_apart <= 100 for *_, told_apart in cures.values())
    assert "  seeds       0\n" in output.out
    assert output.err == ""


@pytest.mark.ledger("C-SAT")
def test_cures_keep_a_gradient_against_a_discriminator_that_is_never_wrong(capsys):
    x = 2 * options.load_images(options.Options()).train[0][:200] - 1
    config = saturation.Config(epochs=100, lr=2e-3, hidden=16, workers=1)
    G, ends = MLPGenerator(hidden=(16,), rng=np.random.default_rng(0)), {}
    before = G.state_dict()
    for name, options_of_it in saturation.CURES.items():
        found = saturation.trial(G, config, x, name, [options_of_it["objective"]], **options_of_it)
        (lengths,) = found.lengths.values()
        assert found.told_apart[-1] > 99.9
        ends[name] = (lengths[-1], lengths[-1] / max(lengths))
    for name, value in G.state_dict().items():
        np.testing.assert_array_equal(value, before[name])  # it never moved
    end, share = ends.pop("minimax")
    assert share < 0.05
    assert min(other for other, _ in ends.values()) > 2 * end
    for name in ("non-saturating", "least squares", "Wasserstein, gradient penalty 10"):
        assert ends[name][1] > 0.5
    assert ends["Wasserstein, weights clipped at 0.01"][1] < 0.1  # of what it was before the first clip


@pytest.fixture
def undrawn(monkeypatch):
    """Figures are made, but not written: that is what takes the time."""
    monkeypatch.setattr(plotting, "save", lambda figure, path: path)
    monkeypatch.setattr(plotting, "animate", lambda frames, columns, path, *args: path)
    monkeypatch.setattr(plotting, "film", lambda figure, frame, count, path, *args: path)


@pytest.fixture
def counted_often(monkeypatch):
    """An epoch of the ring, and of the grid, is 10 steps."""
    for card in ("short", "grid"):
        monkeypatch.setitem(mode_collapse.PROTOCOLS, card, mode_collapse.PROTOCOLS[card]._replace(every=10))


@pytest.mark.ledger("C-BLUR")
def test_blur_takes_other_z_of_the_finished_gans_for_each_seed(tmp_path, capsys, undrawn):
    small = {"epochs": 1, "hidden": 8, "latent": 3, "channels": 2, "passes": 1, "seeds": 2, "images": 40}
    blur.main(blur.Config(out=tmp_path, **small))
    rows = re.findall(r"^(D?C?GAN) +N\(0, I\) +([\d.]+) ± ([\d.]+) +(\d+)%", capsys.readouterr().out, re.MULTILINE)
    assert [name for name, *_ in rows] == ["GAN", "DCGAN"]
    for _, sharp, half, share in rows:
        assert float(half) > 0
        assert float(sharp) > 0.2  # real digits have 0.18: no GAN blurs
        assert int(share) > 100


@pytest.mark.ledger("C-MODE")
def test_mode_collapse_counts_and_says_how(tmp_path, capsys, counted_often):
    config = mode_collapse.Config(out=tmp_path, card="short", unroll=(0, 1), latents=(1, 16), seeds=2, steps=10)
    mode_collapse.main(config)
    output = capsys.readouterr()
    for fact in ("radius      1.0", "std         0.05", "1, 16 dimensions", "minimax", "10 of each", "2,500", "0, 1"):
        assert fact in output.out
    number = r"([\d.]+)(?: ± [\d.]+)?"
    row = rf"^(?:GAN|Unrolled, K = 1), z \d+-D +{number} +{number} +{number} +{number} +2$"
    counted = np.array(re.findall(row, output.out, re.MULTILINE), float)
    assert counted.shape == (4, 4)
    assert (counted <= (8, 100, np.log(8), np.log(8))).all()
    np.testing.assert_array_equal(counted[:, 2], counted[:, 3])  # counted once only
    for picture in ("modes.png", "samples.png", "samples.gif"):
        assert str(tmp_path / picture) in output.out
        assert (tmp_path / picture).stat().st_size > 5000
    assert output.err == ""


@pytest.mark.ledger("C-MODE")
def test_mode_collapse_on_the_grid_counts_to_25(tmp_path, capsys, counted_often):
    mode_collapse.main(mode_collapse.Config(out=tmp_path, card="grid", unroll=(0, 1), steps=20))
    output = capsys.readouterr()
    for fact in ("grid of 25 Gaussians", "radius      2.0, from mode to mode", "std         0.05", "20 of each"):
        assert fact in output.out
    assert re.search(r"^real data +25 +9[89]\.\d +0\.00\d$", output.out, re.MULTILINE)
    rows = re.findall(r"^(?:GAN|Unrolled, K = 1), z 256-D +([\d.]+) +([\d.]+) +([\d.]+)", output.out, re.MULTILINE)
    assert (np.array(rows, float) <= (25, 100, np.log(25))).all()
    assert len(rows) == 2
    assert output.out.splitlines()[-1].startswith("C-MODE, modes reached of 25 (")
    for picture in ("modes.png", "samples.png", "samples.gif"):
        assert (tmp_path / picture).stat().st_size > 5000
    assert output.err == ""


@pytest.mark.parametrize("card", mode_collapse.PROTOCOLS)
def test_each_card_moves_as_it_says(card, tmp_path, monkeypatch):
    """The programs of two cards move both players at once; the other games are played in turns."""
    protocol = mode_collapse.PROTOCOLS[card]._replace(every=1, batch=8, points=8)
    monkeypatch.setitem(mode_collapse.PROTOCOLS, card, protocol)
    moves = []
    for name in ("play", "play_at_once"):
        move = getattr(training, name)
        monkeypatch.setattr(training, name, lambda *args, name=name, move=move: moves.append(name) or move(*args))
    mode_collapse.learn(mode_collapse.Config(out=tmp_path, card=card, steps=1), mode_collapse.Kind(card, 3, 0, 0))
    at_once = card in ("notebook", "pacgan")
    assert moves == ["play_at_once" if at_once else "play"]
    told = str(mode_collapse.card_of(protocol, 1, [3], "0"))
    assert f"1 of each player, {'at once' if at_once else 'in turns'}" in told


def test_batch_norm_catches_up_before_a_count_and_the_training_is_the_same(tmp_path, monkeypatch):
    """50 minibatches leave 0.95⁵⁰ of what was wrong with the running statistics, which begin with a variance of 1; no
    weight and no later minibatch knows of it."""
    kept, runs = {}, {}
    for settled in (0, 50):
        protocol = mode_collapse.PROTOCOLS["pacgan"]._replace(every=1, points=100, settled=settled)
        monkeypatch.setitem(mode_collapse.PROTOCOLS, "pacgan", protocol)
        kind = mode_collapse.Kind("pacgan", 2, 0, 0)
        config = mode_collapse.Config(out=tmp_path / f"{settled}", card="pacgan", steps=3)
        mode_collapse.learn(config, kind)
        runs[settled] = mode_collapse.make(kind, "cpu")
        runs[settled].restore(kind.path(config), kind.identity())
        kept[settled] = [p.data.copy() for p in runs[settled].model.parameters()]
        told = str(mode_collapse.card_of(protocol, 3, [2], "0"))
        assert ("50 minibatches more of G's batch norm" in told) == (settled == 50)
    for plain, caught_up in zip(kept[0], kept[50]):
        np.testing.assert_array_equal(plain, caught_up)
    z = np.random.default_rng(5).standard_normal((20_000, 2)).astype(np.float32)
    for settled, run in runs.items():
        layer, norm = run.model.generator.layers[0], run.model.generator.norms[0]
        wrong = norm.running_var - layer(z).data.var(0)
        np.testing.assert_allclose(np.median(wrong), 0.95 ** (3 * (2 + settled)), rtol=0.1)  # both losses draw


@pytest.mark.parametrize("card", mode_collapse.PROTOCOLS)
def test_every_card_can_be_played(card):
    """A step of both players, one step ahead; and nothing but numbers and names defines the run."""
    kind = mode_collapse.Kind(card, z=3, unroll=1, seed=0)
    assert json.loads(json.dumps(kind.identity()))["card"] == card
    assert options.parse(mode_collapse.Config, ["--card", card]).card == card
    run, protocol = mode_collapse.make(kind, "cpu"), mode_collapse.PROTOCOLS[card]
    before = [p.data.copy() for p in run.model.parameters()]
    with training.Workers(1, run.model) as crew:
        training.play(run, run.model, [protocol.draw(16, run.rng).points], crew)
    assert all((a != p.data).any() for a, p in zip(before, run.model.parameters()))
    run.model.eval()
    assert mode_collapse.judge(run.model.sample(50, run.rng), protocol).counts.sum() == 50


def test_mode_collapse_goes_on_and_collects(tmp_path, capsys, undrawn, counted_often):
    """20 steps at once, or 10 and 10 more, or only collected; whatever stands beside them in the folder."""
    small = {"card": "short", "unroll": (0, 1)}

    def told(folder, **more):
        mode_collapse.main(mode_collapse.Config(**small | {"out": tmp_path / folder} | more))
        return capsys.readouterr().out.splitlines()

    at_once = told("one", steps=20)
    told("two", steps=10)
    told("two", steps=10, seed=5, unroll=(0,))
    assert told("two", steps=20, resume=True)[-1] == at_once[-1]
    collected = told("two", steps=20, collect=True)
    assert collected[0] == "short-z16-K0-seed5.npz: only 10 steps so far, left out"
    assert collected[-1] == at_once[-1]
    with pytest.raises(options.CheckpointError, match="no checkpoint to resume from"):
        told("three", resume=True)
    with pytest.raises(SystemExit, match="nothing is finished by the card 'notebook'"):
        told("two", card="notebook", collect=True)


@demos
def test_a_demo_resumes_to_the_same_numbers(name, tmp_path, capsys, undrawn, monkeypatch):
    """Two epochs at once, or stopped at the end of the second before it is kept and then resumed: the last line
    agrees, and so does every number that was kept. So optimizer, learning rate and random numbers are what they were
    in the middle of the training. (The clock stands still: how long an epoch took is kept as well.)"""
    monkeypatch.setattr(training.loop, "perf_counter", lambda: 0.0)
    module, settings, *_ = DEMOS[name]
    settings = settings | {"epochs": 4 if name == "blind_spot" else 2}  # it trains in two halves
    module.main(module.Config(out=tmp_path / "one", **settings))
    at_once = capsys.readouterr().out
    if name == "lecture_gan":  # the slide's own loop, in which nothing depends on how long it will run
        module.main(module.Config(out=tmp_path / "two", **settings | {"epochs": 1}))
    else:
        with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
            patch.setattr(training, "train", stopped_at_the_end_of_epoch_2(training.train))
            module.main(module.Config(out=tmp_path / "two", **settings))
    capsys.readouterr()
    module.main(module.Config(out=tmp_path / "two", resume=True, **settings))
    assert capsys.readouterr().out.splitlines()[-1] == at_once.splitlines()[-1]
    for path in (tmp_path / "one").glob("*.npz"):
        with np.load(path) as one, np.load(tmp_path / "two" / path.name) as two:
            assert one.files == two.files
            for part in one.files:
                np.testing.assert_array_equal(one[part], two[part], err_msg=f"{path.name}: {part}")


def stopped_at_the_end_of_epoch_2(train):
    def stop(run):
        if run.epoch == 2:
            raise KeyboardInterrupt

    def until_then(*args, callbacks=(), **options):
        return train(*args, callbacks=[*callbacks, stop], **options)

    return until_then


@demos
def test_resuming_nothing_or_another_run_is_refused(name, tmp_path, undrawn):
    module, settings, *_ = DEMOS[name]
    with pytest.raises(options.CheckpointError, match="no checkpoint to resume from"):
        module.main(module.Config(out=tmp_path, resume=True, **settings))
    module.main(module.Config(out=tmp_path, **settings))
    with pytest.raises(options.CheckpointError, match="seed was 0, is now 1"):
        module.main(module.Config(out=tmp_path, resume=True, seed=1, **settings))


@pytest.mark.parametrize(
    "name", sorted({path.stem for path in (ROOT / "demos").glob("[a-z]*.py")} - {"options", "weights"})
)
def test_help(name):
    done = subprocess.run(
        [sys.executable, "-m", f"demos.{name}", "--help"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert f"python -m demos.{name}" in done.stdout


def test_from_the_command_line(tmp_path):
    """As a user does it, warnings being errors; only smaller."""
    command = [sys.executable, "-W", "error", "-m", "demos.classifier", "--quick", "--hidden", "8", "--epochs", "1"]
    environment = {name: value for name, value in os.environ.items() if name != "SCRATCHGEN_DATA"}

    def user(*more):
        whole = [*command, "--out", str(tmp_path), *more]
        return subprocess.run(whole, cwd=ROOT, env=environment, capture_output=True, text=True)

    done = user()
    assert done.returncode == 0, done.stderr
    assert f"pictures:\n  {tmp_path / 'training.png'}" in done.stdout
    refused = user("--resume", "--seed", "5")
    assert refused.returncode == 1
    assert "seed was 0, is now 5" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_the_vae_demo_binarizes_before_it_measures():
    """The loss of the demo sees bits only, new ones each time; bits stay what they are."""
    seen = []

    class Model:
        decoder = SimpleNamespace(kind="bernoulli")

        def loss(self, x, rng):
            seen.append(x)
            return None, {}

    loss, rng = vae.loss_of(Model()), np.random.default_rng(0)
    grey = rng.random((50, 20), dtype=np.float32)
    bits = (grey > 0.5).astype(np.float32)
    for x in (grey, grey, bits):
        loss(x, rng)
    assert all(set(np.unique(x)) == {0.0, 1.0} for x in seen)
    assert (seen[0] != seen[1]).any()
    assert (seen[2] == bits).all()


def test_the_measured_elbo_is_the_mean_with_its_standard_error():
    rng = np.random.default_rng(0)
    model = vae.VAE(20, 6, 2, rng=rng)
    x = (rng.random((400, 20)) < 0.5).astype(np.float32)
    mean, error = vae.measure(model, x, seed=0)
    halves = [vae.measure(model, half, seed=s)[0] for s, half in enumerate((x[:200], x[200:]))]
    assert mean == pytest.approx(np.mean(halves), abs=0.1)
    assert abs(halves[0] - halves[1]) < 4 * np.sqrt(2) * np.sqrt(2) * error
    assert 0 < error < 0.5


@pytest.mark.ledger("E13", "B16")
def test_the_slides_leftover_gradient_pulls_against_g():
    """Before any training D(x) ≈ ½ everywhere: what D's step leaves in G is as long as what G wants, and opposite."""
    game = lecture_gan.Game(lecture_gan.Config())
    x = np.random.default_rng(0).uniform(-1, 1, (50, 784)).astype(np.float32)
    for weight in game.D.parameters():
        weight.data *= 0.1
    ratio, cosine = lecture_gan.what_the_slide_adds(game, x)
    assert cosine < -0.99
    assert 0.8 < ratio < 1.25


@pytest.mark.ledger("E13", "B16")
def test_the_listing_as_printed_adds_up_all_gradients(tmp_path, capsys, undrawn):
    """By hand: what moves a player is the sum of all gradients of both losses since the beginning."""
    printed, by_hand = (lecture_gan.Game(lecture_gan.Config()) for _ in range(2))
    x = np.random.default_rng(0).uniform(-1, 1, (3, 20, 784)).astype(np.float32)
    D, G, bce = by_hand.D, by_hand.G, by_hand.criterion
    everything = [*D.parameters(), *G.parameters()]
    sums = [0.0] * len(everything)
    one, zero = np.ones((20, 1), np.float32), np.zeros((20, 1), np.float32)
    for batch in x:
        printed.step_as_printed(batch)
        z = backend.normal(by_hand.rng, (20, 64), like=batch)
        for player in (by_hand.d_optimizer, by_hand.g_optimizer):
            first = bce(D(batch), one) + bce(D(G(z)), zero)
            loss = first if player is by_hand.d_optimizer else bce(D(G(z)), one)
            sums = [total + g for total, g in zip(sums, grad(loss, everything))]
            for parameter, total in zip(everything, sums):
                parameter.grad = total
            player.step()
    for ours, theirs in ((printed.D, by_hand.D), (printed.G, by_hand.G)):
        for p, q in zip(ours.parameters(), theirs.parameters()):
            np.testing.assert_allclose(p.numpy(), q.numpy(), rtol=1e-4, atol=1e-6)
    lecture_gan.main(lecture_gan.Config(out=tmp_path, epochs=1, as_printed=True))
    output = capsys.readouterr().out
    assert re.search(r"E13: as the slide has it, after \d+ rounds D's loss is", output)
    for fact in ("z           64 dimensions", "Adam, lr 0.0002 for both", "gradients are added up, one z for both"):
        assert fact in output
    added, now = lecture_gan.what_has_added_up(printed, x[0])
    assert added > 1.5 * now > 0
    with pytest.raises(SystemExit, match="sums of gradients, which no checkpoint keeps: begin anew"):
        lecture_gan.main(lecture_gan.Config(out=tmp_path, epochs=2, as_printed=True, resume=True))


@pytest.mark.parametrize("path", sorted(weights.FOLDER.glob("*.npz")), ids=lambda path: path.stem)
def test_weights_that_come_along_say_how_every_stage_of_them_was_made(path):
    """With the optimizer where the demo has a choice: its default may be another one by now."""
    with np.load(path) as file:
        written = json.loads(str(file["json"]))
    demo, stage = written["config"]["what"].removeprefix("weights of demos."), written["facts"]
    wanted = {"seed", "epochs", "batch_size", "lr"} | ({"optimizer", "bits"} if demo == "pixelcnn" else set())
    while stage:
        assert wanted <= set(stage["recipe"])
        assert 1 <= stage["best epoch"] <= stage["recipe"]["epochs"]
        assert stage["data"]
        stage = stage.get("start")
    assert path.stat().st_size < 1e6


# ----------------------------------------------------------------------------------------------- what the numbers mean
def test_the_classifier_tells_how_many_are_right_with_the_weights_of_its_best_epoch(
    tmp_path, capsys, undrawn, monkeypatch
):
    """Also where the model gets worse after it."""
    labels = options.load_images(options.Options()).test[1]
    almost, runs = (labels + (np.arange(200) < 5)) % 10, []

    def spoil(run):
        runs.append(run)
        if run.epoch == 1:
            run.model.output.bias.data[0] += 99

    def spoiled(*args, train=training.train, **options):
        return train(*args, callbacks=[spoil], **options)

    monkeypatch.setattr(training, "train", spoiled)
    monkeypatch.setattr(classifier.MLPClassifier, "predict", lambda model, x: almost)
    classifier.main(classifier.Config(out=tmp_path, epochs=2, hidden=16))
    assert "97.50 ± 1.10 % of 200 test digits right" in capsys.readouterr().out
    assert weights.best_epoch(runs[-1]) == 1
    for name, value in runs[-1].model.state_dict().items():
        np.testing.assert_array_equal(value, runs[-1].best[name])


def test_errors_are_wrong_answers_in_percent():
    assert few_labels.percent_wrong(np.array([7, 1, 2, 0]), np.array([7, 1, 2, 3])) == 25


def test_of_the_class_asked_for_is_what_the_judge_reads_as_it(capsys):
    asked = np.repeat(np.arange(10), conditional.OF_EACH)
    read = np.where(np.arange(len(asked)) % 100 < 3, 9, asked)  # three of each class, but of the nines, are misread
    game = SimpleNamespace(sample=lambda n, rng, y: np.zeros((n, 1, 28, 28)))
    judge = SimpleNamespace(reads=lambda x: (read, None), distance=lambda x: 0.0)
    facts = {"recipe": {"channels": 2, "lr": 0.1, "epochs": 1, "batch_size": 50, "seed": 0}, "data": "few digits"}
    config, images = conditional.Config(), options.load_images(options.Options())
    assert "CGAN: 97.3 %" in conditional.tell_classes(config, {"CGAN": game}, [facts], images, judge)
    assert "0: 97 %" in capsys.readouterr().out


def test_a_correlation_is_one_within_groups_and_its_interval_holds_it():
    """Groups that differ in both would correlate by themselves; in 95 % of trials the interval has the true r."""
    rng, groups = np.random.default_rng(0), np.repeat(np.arange(5), 40)
    trials = []
    for _ in range(400):
        a = rng.standard_normal(200)
        b = 0.6 * a + 0.8 * rng.standard_normal(200)
        r, low, high = conditional.correlation(a + 9 * groups, b - 9 * groups, groups)
        assert low < r < high
        trials.append((r, low < 0.6 < high))
    mean, right = np.mean(trials, 0)
    assert mean == pytest.approx(0.6, abs=0.01)
    assert 0.92 < right < 0.98


def test_a_parzen_window_is_chosen_on_validation_and_scored_on_test_images(monkeypatch):
    monkeypatch.setattr(parzen, "parzen_score", lambda *arguments: arguments)
    judge = SimpleNamespace(model=lambda x: tensor(x[:, :10]), distance=lambda x: 0.0)
    config, x = parzen.Config(validation=40), np.zeros((20, 784), np.float32)
    images = options.load_images(config)
    for made, validation, test, *_ in (
        parzen.measure(config, images, judge, x).parzen,
        parzen.finer(config, images, x, 0.2),
    ):
        assert made is x
        np.testing.assert_array_equal(validation, images.validation[0][:40])
        assert test is images.test[0]


def test_orders_are_compared_on_test_images(tmp_path, capsys, undrawn, monkeypatch):
    """Where these are all ink and those of validation all paper; the models are untrained."""
    models = {}

    def untrained(config, images, bits, kind, order, seed):
        model, _ = orderings.build(kind, order, config.side, np.random.default_rng(seed))
        models.setdefault((kind, order), []).append(model)
        return model

    bits = [np.full((3, 49), ink, np.float32) for ink in (0, 0, 1)]
    monkeypatch.setattr(orderings, "learn", untrained)
    monkeypatch.setattr(orderings, "load_bits", lambda images, side: bits)
    orderings.main(orderings.Config(out=tmp_path, seeds=2, side=7))
    output = capsys.readouterr().out
    for (kind, order), several in models.items():
        validation, test = (np.mean([orderings.nats(model, x) for model in several]) for x in bits[1:])
        assert f"{kind:6}{order:18}{validation:13.2f}{test:10.2f} ± " in output


def test_an_order_is_compared_with_raster_order_seed_by_seed():
    found = {("MADE", "raster"): [5.0, 7.0], ("MADE", "random"): [4.0, 5.0], ("NADE", "raster"): [0.0, 0.0]}
    assert orderings.against_raster(found) == {("MADE", "random"): options.interval([-1.0, -2.0])}


def test_the_blind_network_is_worse_by_what_it_needs_more():
    blind, seeing = ("PixelCNN", "Gated, blinded", "3×3, blinded"), ("Gated PixelCNN", "Gated, opened", "3×3, opened")
    nats = {name: [3.0, 5.0] for name in blind} | {name: [2.0, 1.0] for name in seeing}
    assert list(blind_spot.differences(nats).values()) == 3 * [[1.0, 4.0]]


def test_a_model_that_needs_less_is_below_the_other():
    assert pixelrnn.apart(np.array([1.0, 2.0, 3.0]), np.array([2.0, 2.0, 5.0])) == "-1.00 ± 0.58"
