"""Every demo, whole but small: it ends, says where its pictures are, and resumes."""

import os
import re
import subprocess
import sys
from pathlib import Path

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
    elbo_gap,
    few_labels,
    latent_space,
    lecture_gan,
    monte_carlo,
    options,
    orderings,
    pixel_distance,
    pixelcnn,
    pixelrnn,
    sampling_speed,
    vae,
)
from scratchgen import plotting

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
        {"epochs": 1, "channels": 2, "latent": 3, "draws": 2, "steps": 3, "m2_epochs": 1},
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


@pytest.fixture
def undrawn(monkeypatch):
    """Figures are made, but not written: that is what takes the time."""
    monkeypatch.setattr(plotting, "save", lambda figure, path: path)
    monkeypatch.setattr(plotting, "animate", lambda frames, columns, path, *args: path)


@demos
def test_a_demo_resumes_to_the_same_numbers(name, tmp_path, capsys, undrawn):
    """Two epochs at once, or one and then resumed to two: the last line agrees. (Where the learning rate falls with the
    length of the run, it is resumed where it ended.)"""
    module, settings, *_ = DEMOS[name]
    first = 2 if name in ("blind_spot", "collapse", "latent_space", "vae", "pixelcnn", "pixelrnn") else 1
    module.main(module.Config(out=tmp_path / "one", **settings | {"epochs": 2}))
    at_once = capsys.readouterr().out
    module.main(module.Config(out=tmp_path / "two", **settings | {"epochs": first}))
    capsys.readouterr()
    module.main(module.Config(out=tmp_path / "two", resume=True, **settings | {"epochs": 2}))
    assert capsys.readouterr().out.splitlines()[-1] == at_once.splitlines()[-1]


@demos
def test_resuming_nothing_or_another_run_is_refused(name, tmp_path, undrawn):
    module, settings, *_ = DEMOS[name]
    with pytest.raises(options.CheckpointError, match="no checkpoint to resume from"):
        module.main(module.Config(out=tmp_path, resume=True, **settings))
    module.main(module.Config(out=tmp_path, **settings))
    with pytest.raises(options.CheckpointError, match="seed was 0, is now 1"):
        module.main(module.Config(out=tmp_path, resume=True, seed=1, **settings))


@demos
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
