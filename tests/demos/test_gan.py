"""What demos.gan does besides training: weights that come along, cures, samples on the way, diagnoses."""

import re
from dataclasses import replace

import numpy as np
import pytest

from demos import first_gan, gan, options, weights
from scratchgen import plotting
from scratchgen.models.adversarial import R1

SMALL = {"epochs": 2, "hidden": 6, "latent": 3, "channels": 2, "batch_size": 20}


@pytest.fixture(autouse=True)
def few_images(monkeypatch):
    monkeypatch.delenv("SCRATCHGEN_DATA", raising=False)
    monkeypatch.setattr(plotting, "save", lambda figure, path: path)
    monkeypatch.setattr(plotting, "film", lambda figure, draw, frames, path: draw(frames - 1) or path)
    whole = options.load_images(options.Options())
    few = whole._replace(**{name: tuple(a[:120] for a in getattr(whole, name)) for name in whole._fields[:3]})
    monkeypatch.setattr(gan, "load_images", lambda config: few)
    return few


def measured(capsys):
    """The numbers of the samples."""
    (line,) = re.findall(r"^samples +(?=\d).*", capsys.readouterr().out, re.MULTILINE)
    return line


@pytest.mark.parametrize("model", ["mlp", "dcgan"])
def test_exported_weights_come_back(model, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(weights, "FOLDER", tmp_path)
    gan.main(gan.Config(out=tmp_path, model=model, export=tmp_path / f"gan-{model}.npz", **SMALL))
    before = measured(capsys)
    gan.main(gan.Config(out=tmp_path, model=model, epochs=2, pretrained=True))  # the judge learns for two as well
    assert measured(capsys) == before


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"objective": "wasserstein", "clip": 0.01}, "wasserstein, D clipped at 0.01"),
        ({"objective": "wasserstein", "penalty": "gradient penalty"}, "wasserstein, gradient penalty"),
        ({"model": "dcgan", "penalty": "R1"}, "non-saturating, R1"),
        ({"objective": "least squares", "steps": 2}, "of D's for each of G's 2"),
    ],
)
def test_cures_are_on_the_card(options, told, tmp_path, capsys):
    gan.main(gan.Config(out=tmp_path, **SMALL | {"epochs": 1} | options))
    assert told in capsys.readouterr().out


def test_options_reach_the_game():
    game = gan.make(gan.Config(objective="minimax", penalty="R1", clip=0.5, steps=3, model="dcgan", channels=2))
    assert (game.objective.name, game.penalty, game.clip, game.steps) == ("minimax", R1(), 0.5, 3)
    assert not any(layer.whole_minibatch for layer in game.discriminator.modules())  # a penalty looks image by image


def test_samples_on_the_way_are_of_the_same_z_and_begin_anew(tmp_path, capsys):
    config = gan.Config(out=tmp_path, **SMALL)
    gan.main(config)
    frames = gan.frames_of(config)
    assert list(frames) == ["1", "2"]
    assert frames["2"].shape == (64, 784)
    assert 0 <= frames["2"].min() < frames["2"].max() <= 1
    gan.main(gan.Config(out=tmp_path, **SMALL | {"epochs": 1}))
    again = gan.frames_of(config)
    assert list(again) == ["1"]
    np.testing.assert_array_equal(again["1"], frames["1"])


def test_looks_go_to_the_monitor_in_their_order():
    """Twenty looks are enough; of those that come later the diagnosis at an earlier step knows nothing."""
    healthy = {"metrics": {"D": 1.0, "G": 1.0, "D(x)": 0.6, "D(G(z))": 0.4}, "gradient": 1.0, "spread": 0.9}
    looks = [{"step": s, **healthy, "shares": [0.1] * 10 if s <= 30 else [1.0] + [0.0] * 9} for s in range(1, 61)]
    assert gan.diagnose(looks, 5).name == "too early"
    assert gan.diagnose(looks, 30).name == "healthy"
    assert gan.diagnose(looks, 60).name == "mode collapse"


def test_weights_do_not_overwrite_a_checkpoint(tmp_path, capsys):
    """Their names are alike: `gan-mlp.npz`, `cgan.npz`."""
    config = gan.Config(out=tmp_path, model="mlp", **SMALL)
    gan.main(config)
    checkpoint = next(path for path in tmp_path.glob("*.npz") if path.name != "judge.npz")
    before = checkpoint.read_bytes()
    with pytest.raises(FileExistsError, match="name another file"):
        gan.main(replace(config, resume=True, export=checkpoint))
    assert checkpoint.read_bytes() == before


@pytest.mark.parametrize("ink", [0, 1])
def test_the_first_gan_is_scored_by_the_images_it_draws(ink):
    """Its G ends in a sigmoid and its digits have ink from 0 to 1, while all others draw from −1 to 1."""
    game = first_gan.FirstGAN(4, 2, np.random.default_rng(0))
    for player in (game.generator, game.average):
        *_, bias = player.parameters()
        bias.data[...] = 100 * (2 * ink - 1)
    drawn = first_gan.made(first_gan.Config(samples=3), game)
    np.testing.assert_allclose([*drawn.values()], ink, atol=1e-6)
