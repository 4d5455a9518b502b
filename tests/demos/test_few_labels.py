"""What demos.few_labels does besides training: how many labels there can be, and which digits it is tested with."""

import numpy as np
import pytest

from demos import few_labels, options
from scratchgen import plotting
from scratchgen.data import digits

SMALL = {"epochs": 1, "channels": 2, "latent": 3, "draws": 2, "steps": 3, "m2_epochs": 0, "m1m2_epochs": 0}
SHOWN = ("random encoder, spread", "PCA, spread", "VAE, spread", "fine-tuned VAE encoder", "CNN from scratch")


@pytest.fixture(autouse=True)
def bundled(monkeypatch):
    monkeypatch.delenv("SCRATCHGEN_DATA", raising=False)
    monkeypatch.setattr(plotting, "save", lambda figure, path: path)
    return options.load_images(options.Options())


def asked(monkeypatch, **settings):
    """The images and the numbers of labels that the demo would train with."""
    found = []

    def errors(config, images, sizes, draws):
        found.extend([images, sizes])
        return {method: {n: [1.0, 2.0] for n in sizes} for method in SHOWN}

    monkeypatch.setattr(few_labels, "errors", errors)
    few_labels.main(few_labels.Config(**settings))
    return found


def test_with_few_images_there_are_few_labels(tmp_path, capsys, monkeypatch, bundled):
    """Of 500 images 1,000 cannot have labels; it used to be found out when everything was trained."""
    few = bundled._replace(test=tuple(array[:100] for array in bundled.test))
    monkeypatch.setattr(few_labels, "load_images", lambda config: few)
    few_labels.main(few_labels.Config(out=tmp_path, images=500, **SMALL))
    output = capsys.readouterr().out
    assert "C-FEW, 100 labels" in output
    assert "1,000   labels" not in output


def test_m2_sees_bits_of_the_images_and_no_label_but_those_given(monkeypatch, bundled):
    """And M1+M2 codes that are drawn anew; each has the α that is told."""
    x, labels = (array[:200] for array in bundled.train)
    given = few_labels.balanced(labels, 50, np.random.default_rng(0))
    seen = []

    def train(run, loss, data, **rest):
        *of_images, y = data
        seen.append((run.model.alpha, of_images, y, rest))
        value, _ = loss(*(array[:20] for array in data), np.random.default_rng(1))
        assert np.isfinite(value.item())

    monkeypatch.setattr(few_labels.training, "train", train)
    config = few_labels.Config(latent=6)
    moments = (np.zeros((200, 6), np.float32), np.ones((200, 6), np.float32))
    for name, of in (("M2", (x,)), ("M1+M2", moments)):
        few_labels.semi_supervised(config, name, of, labels, given, 2, np.random.default_rng(0))
        alpha, of_images, y, rest = seen[-1]
        assert alpha == few_labels.WEIGHT[name] > 1
        assert rest["epochs"] == 2
        assert len(of_images) == len(of)
        known = y != few_labels.UNKNOWN
        assert known.mean() == pytest.approx(few_labels.SHARE, abs=0.06)
        assert sorted(set(y[known])) == list(range(10))
        assert (y[~known] == few_labels.UNKNOWN).sum() == 150
    bits = []
    model = few_labels.M2(784, 3, 2, rng=np.random.default_rng(0))
    monkeypatch.setattr(model, "loss", lambda x, labels, rng: bits.append(x))
    few_labels.on_bits(model)(x, labels, np.random.default_rng(0))
    assert set(np.unique(bits[0])) == {0, 1}


def test_the_vae_may_be_another_while_the_labels_stay(monkeypatch, bundled):
    seeds, drawn, encoders = [], [], {"VAE": lambda x: x}
    monkeypatch.setattr(few_labels, "features", lambda config, images, x: seeds.append(config.seed) or (encoders, None))
    monkeypatch.setattr(few_labels, "codes", lambda vae, x: None)
    monkeypatch.setattr(few_labels, "neighbour_graph", lambda rows: None)
    monkeypatch.setattr(few_labels, "nearest", lambda queries, rows, k: (None, None))
    monkeypatch.setattr(few_labels, "logistic", lambda rows, labels: lambda rows: np.zeros(len(rows), int))
    monkeypatch.setattr(few_labels, "spread_to", lambda *rest: np.zeros(1000, int))
    monkeypatch.setattr(few_labels, "network", lambda config, kind, vae, rng: None)
    monkeypatch.setattr(few_labels, "fit", lambda config, model, x, labels, rng: drawn.append(x.tobytes()))
    monkeypatch.setattr(few_labels, "answers", lambda config, model, x: np.zeros(len(x), int))
    for vae_seed in (None, 0, 7):
        few_labels.errors(few_labels.Config(seed=3, vae_seed=vae_seed, m1m2_epochs=0, m2_epochs=0), bundled, [100], 2)
    assert seeds == [3, 0, 7]
    assert drawn[:6] == drawn[6:12] == drawn[12:]
    assert drawn[0] != drawn[3]


def test_every_number_of_labels_leaves_half_of_each_class_without(monkeypatch):
    assert asked(monkeypatch)[1] == [100, 1000]
    for n in (300, 1999):
        images, sizes = asked(monkeypatch, images=n)
        assert sizes == [100]
        assert len(images.train[0]) == len(images.train[1]) == n
        assert np.bincount(images.train[1]).min() >= 20


def test_too_few_images_are_named_before_the_training(monkeypatch):
    with pytest.raises(SystemExit, match=r"100 labels want 20 images of each class, .* 150 --images one class has 8"):
        asked(monkeypatch, images=150)


def test_of_the_complete_test_set_the_bundled_digits_are_left_out(monkeypatch, capsys, bundled):
    """Here 1,000 of them among 1,000 others, mixed. With them the settings were chosen."""
    rng = np.random.default_rng(0)
    x, labels = (np.concatenate(both) for both in zip(bundled.test, bundled.validation))
    order = rng.permutation(len(x))
    kept, truth = few_labels.but_the_bundled(x[order], labels[order])
    theirs = [i for i in order if i >= 1000]
    np.testing.assert_array_equal(kept, x[theirs])
    np.testing.assert_array_equal(truth, labels[theirs])

    complete = bundled._replace(test=(x[order], labels[order]), complete=True)
    monkeypatch.setattr(few_labels, "load_images", lambda config: complete)
    images, _ = asked(monkeypatch)
    np.testing.assert_array_equal(images.test[0], kept)
    assert not {image.tobytes() for image in images.test[0]} & {image.tobytes() for image in digits("test").flat()}
    output = capsys.readouterr().out
    assert "wrong answers on 1,000 test digits" in output
    assert "settings were chosen on the bundled digits, whose 1,000 test images are left out" in output


def test_the_bundled_digits_are_tested_with_themselves(monkeypatch, capsys, bundled):
    images, _ = asked(monkeypatch)
    np.testing.assert_array_equal(images.test[0], bundled.test[0])
    assert "settings were chosen on these digits" in capsys.readouterr().out
