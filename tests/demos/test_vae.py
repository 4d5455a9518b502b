"""What demos.vae does besides training: its beginning, weights that come along, the measured numbers."""

import math
from types import SimpleNamespace

import numpy as np
import pytest

from demos import options, vae, weights
from scratchgen import no_grad, plotting
from scratchgen.models.latent import VAE
from scratchgen.training import CheckpointError

SMALL = {"epochs": 1, "hidden": (8, 6), "latent": 3}


@pytest.fixture(autouse=True)
def few_images(monkeypatch):
    monkeypatch.delenv("SCRATCHGEN_DATA", raising=False)
    monkeypatch.setattr(plotting, "save", lambda figure, path: path)
    monkeypatch.setattr(vae, "SAMPLES", 30)
    whole = options.load_images(options.Options())
    few = whole._replace(**{name: tuple(a[:120] for a in getattr(whole, name)) for name in whole._fields[:3]})
    for module in (options, vae):
        monkeypatch.setattr(module, "load_images", lambda config: few)


def lines(capsys, word):
    return [line for line in capsys.readouterr().out.splitlines() if line.startswith(word)]


@pytest.mark.parametrize("hidden", [(400,), (200, 200)])
def test_a_vae_begins_near_the_mean_image(hidden):
    """Its first ELBO is about that of independent pixels, not that of pixels at ½."""
    rng = np.random.default_rng(0)
    ink = 0.6 * rng.random(784) ** 2 * (np.arange(784) % 5 > 0)  # every fifth pixel has none
    x = (rng.random((500, 784)) < ink).astype(np.float32)
    model = VAE(784, hidden, 10, rng=rng)
    at_a_half = -vae.measure(model, x[:50], 0)[0]
    vae.begin_at_the_mean(model, x)
    bias = model.decoder.output.bias.data
    assert bias.dtype == np.float32
    np.testing.assert_allclose(1 / (1 + np.exp(-bias)), (x.sum(0) + 1) / 502, rtol=1e-5)
    entropy = -(ink * np.log(ink.clip(1e-9)) + (1 - ink) * np.log1p(-ink)).sum()
    assert -vae.measure(model, x[:50], 0)[0] < 1.15 * entropy + 20 < 0.7 * at_a_half


def test_one_variance_begins_at_what_the_mean_leaves_over():
    rng = np.random.default_rng(0)
    x = rng.normal(0.3, 0.2, (400, 49)).astype(np.float32)
    model = VAE(49, 8, 2, "normal", "scalar", rng=rng)
    vae.begin_at_the_mean(model, x)
    assert model.decoder.log_variance.data == pytest.approx(np.log(0.04), abs=0.05)
    with no_grad():
        nats = -model.decode(np.zeros((400, 2), np.float32)).log_prob(x).sum(1).numpy().mean()
    assert nats / 49 == pytest.approx(0.5 * np.log(2 * np.pi * np.e * 0.04), abs=0.1)  # as N(0.3, 0.2²) itself


@pytest.mark.parametrize("kind", ["bernoulli", "normal"])
def test_a_convolutional_vae_begins_with_as_much_ink_as_there_is(kind):
    """It has one bias for all pixels."""
    rng = np.random.default_rng(0)
    x = (rng.random((500, 784)) < 0.3 * rng.random(784)).astype(np.float32)
    model = VAE(784, (2, 3), 4, kind, shape=(1, 28, 28), rng=rng)
    vae.begin_at_the_mean(model, x)
    (bias,) = model.decoder.output.bias.data
    ink = 1 / (1 + np.exp(-bias)) if kind == "bernoulli" else bias
    assert ink == pytest.approx((x.sum() + 784) / 784 / 502, rel=1e-5)


@pytest.mark.parametrize("form", [{}, {"shape": (1, 28, 28), "hidden": (2, 3)}], ids=["mlp", "conv"])
def test_a_categorical_vae_begins_at_the_share_of_each_level(form):
    rng = np.random.default_rng(0)
    x = np.floor(rng.random((400, 784)) ** 3 * 256).astype(np.float32)
    x[:, 5] = 0
    model = VAE(784, **{"hidden": 8, "latent": 2, "decoder": "categorical", "rng": rng} | form)
    vae.begin_at_the_mean(model, x)
    p = np.exp(model.decoder.output.bias.data)
    np.testing.assert_allclose(p.sum(0), 1, rtol=1e-4)
    for level, pixel in ((0, 5), (1, 5), (0, 6), (30, 700)):
        assert p[level, pixel] == pytest.approx(((x[:, pixel] == level).sum() + 1) / 656, rel=1e-5)


FORMS = {
    "classes": {"classes": True},
    "conv": {"network": "conv", "channels": (2, 3)},
    "full": {"posterior": "full"},
    "all": {"classes": True, "network": "conv", "channels": (2, 3), "posterior": "full", "draws": 2},
    "normal": {"decoder": "normal", "variance": "0.05"},
    "scalar": {"decoder": "normal", "variance": "scalar", "draws": 2},
    "pixel": {"decoder": "normal", "variance": "pixel", "classes": True},
    "categorical": {"decoder": "categorical", "network": "conv", "channels": (2, 3)},
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_trains_and_comes_back_by_what_its_weights_say(form, tmp_path, capsys):
    path, chosen = tmp_path / "weights.npz", FORMS[form]
    vae.main(vae.Config(out=tmp_path, export=path, **SMALL | chosen))
    output = capsys.readouterr().out
    bounded = "ln p(x | digit)" if "classes" in chosen else "ln p(x)"
    assert f"A lower bound on {bounded}, not a likelihood" in output
    assert ("of the digit asked for: " in output) == ("classes" in chosen)
    (trained,) = (line for line in output.splitlines() if line.startswith("test ELBO"))

    config = vae.Config(start=path)
    model, facts = vae.pretrained(config)
    for name, value in chosen.items():
        assert facts["recipe"][name] == (list(value) if isinstance(value, tuple) else value)
        assert getattr(config, name) == value or name == "draws"  # that is of the training, not of the weights
    x, *labels = vae.split(config, vae.load_labelled(config, "dynamic"), 2)
    assert len(labels) == config.classes
    assert trained.startswith(f"test ELBO {vae.measure(model, x, 0, *labels)[0]:.2f} ")
    vae.main(vae.Config(start=path, evaluate=True, images=30))
    output = capsys.readouterr().out
    assert f"{bounded} estimated with {3 if config.decoder == 'categorical' else 30} draws each" in output
    assert ("bits per pixel (the files: 8)" in output) == (config.decoder != "bernoulli")
    assert ("A density of pixels in [0, 1]" in output) == (config.decoder == "normal")
    assert f"lower bounds on {bounded}." in output
    vae.main(vae.Config(out=tmp_path, start=path, pretrained=True))
    assert trained in capsys.readouterr().out


def test_training_goes_on_with_the_labels_that_the_weights_want(tmp_path, capsys, monkeypatch):
    """Nobody has to say --classes again."""
    path = tmp_path / "weights.npz"
    vae.main(vae.Config(out=tmp_path, export=path, classes=True, **SMALL))
    vae.main(vae.Config(out=tmp_path / "on", start=path, epochs=1))
    assert capsys.readouterr().out.count("of the digit asked for: ") == 2
    bits = options.load_bits(vae.Config(), "static")._replace(labels=())
    monkeypatch.setattr(vae, "load_bits", lambda config, how: bits)
    with pytest.raises(SystemExit, match="--classes wants digits with labels, the published bits have none"):
        vae.main(vae.Config(out=tmp_path / "on", start=path, bits="static", epochs=1))


@pytest.mark.parametrize("name", ["classes", "network", "posterior", "decoder"])
def test_weights_stay_what_they_are(name, tmp_path):
    path, value = tmp_path / "weights.npz", OTHER[name]
    vae.main(vae.Config(out=tmp_path, export=path, **SMALL))
    with pytest.raises(SystemExit, match=f"--{name} {value} was asked for, but the weights have {FIRST[name]}"):
        vae.pretrained(vae.Config(start=path, **{name: value}))


FIRST = {"classes": False, "network": "mlp", "posterior": "diagonal", "decoder": "bernoulli"}
OTHER = {"classes": True, "network": "conv", "posterior": "full", "decoder": "normal"}


@pytest.mark.parametrize(
    ("asked", "refused"),
    [
        (["--evaluate", "--latent", "20"], "--latent 20 was asked for, but the weights have 3"),  # the default
        (["--evaluate", "--hidden", "400"], r"--hidden \(400,\) was asked for, but the weights have \(8, 6\)"),
        (["--pretrained", "--bits", "dynamic"], "--bits dynamic was asked for, but the weights have static"),
        (["--evaluate", "--draws", "1"], "--draws 1 was asked for, but the weights have 2"),
    ],
)
def test_what_stands_on_the_command_line_is_not_taken_back_silently(asked, refused, tmp_path):
    path = tmp_path / "weights.npz"
    vae.main(vae.Config(out=tmp_path, export=path, bits="static", draws=2, **SMALL))
    with pytest.raises(SystemExit, match=refused):
        vae.main(options.parse(vae.Config, ["--start", str(path), *asked]))
    config = options.parse(vae.Config, ["--start", str(path), "--evaluate", "--latent", "3", "--bits", "static"])
    vae.pretrained(config)
    assert (config.latent, config.hidden, config.bits, config.draws) == (3, (8, 6), "static", 2)
    on = options.parse(vae.Config, ["--start", str(path), "--bits", "dynamic", "--draws", "1"])
    vae.pretrained(on)  # how to train on may be chosen
    assert (on.latent, on.bits, on.draws) == (3, "dynamic", 1)


def test_grey_digits_are_what_their_decoder_wants():
    grey = options.load_images(vae.Config())
    levels = vae.load_labelled(vae.Config(decoder="categorical"), "dynamic")
    for x, (whole, truth), labels in zip(levels[:3], grey[:3], levels.labels):
        np.testing.assert_array_equal(vae.flat(x), np.rint(255 * whole))
        np.testing.assert_array_equal(labels, truth)
    real = vae.load_labelled(vae.Config(decoder="normal"), "dynamic")
    for x, (whole, _) in zip(real[:2], grey[:2]):
        np.testing.assert_array_equal(vae.flat(x), whole)
    for test in (real.test, vae.load_labelled(vae.Config(decoder="normal", seed=3), "dynamic").test):
        np.testing.assert_array_equal(test, real.test)  # for every seed the same
        assert (np.abs(vae.flat(test) * 256 - np.rint(255 * grey.test[0]) - 0.5) <= 0.5).all()


@pytest.mark.parametrize("how", ["normal", "categorical"])
def test_learned_from_is_what_is_measured(how):
    """A Normal decoder sees other noise in every minibatch, and never none; levels are never changed."""
    seen = []
    model = SimpleNamespace(loss=lambda x, rng: seen.append(x), decoder=SimpleNamespace(kind=how))
    x = vae.flat(vae.load_labelled(vae.Config(decoder=how), "dynamic").train)
    loss, rng = vae.loss_of(model), np.random.default_rng(0)
    loss(x, rng), loss(x, rng)
    if how == "categorical":
        assert seen[0] is seen[1] is x
    else:
        assert (seen[0] != seen[1]).mean() > 0.99
        np.testing.assert_allclose(seen[0] * 256 - np.rint(255 * x), 0.5, atol=0.5001)


def test_noise_that_is_added_anew_is_the_same_after_a_resume(tmp_path):
    """And no checkpoint of another variance is gone on with."""
    config = {"workers": 1, "decoder": "normal"} | SMALL | {"epochs": 3}

    def stop(run):
        if run.epoch == 2:
            raise KeyboardInterrupt

    def learned(folder, snapshot, **more):
        chosen = vae.Config(out=tmp_path / folder, **config | more)
        return vae.learn(chosen, vae.load_labelled(chosen, "dynamic"), snapshot)[0].model.state_dict()

    at_once = learned("a", lambda run: None)
    with pytest.raises(KeyboardInterrupt):
        learned("b", stop)
    for name, value in learned("b", lambda run: None, resume=True).items():
        np.testing.assert_array_equal(value, at_once[name])
    with pytest.raises(CheckpointError, match="variance"):
        learned("b", lambda run: None, resume=True, variance="pixel")


def test_a_density_is_told_with_what_it_says_of_levels():
    """Where p is 1 all over [0, 1]⁷⁸⁴, each pixel costs the 8 bits of the files."""
    assert vae.of_levels(vae.Config(), -90) == ""
    text = vae.of_levels(vae.Config(decoder="normal"), 0.0)
    assert "no probability compares with it" in text
    assert "-4347.42 nats per image,\n  at most 8.000 bits per pixel (the files: 8)." in text
    assert "at most 1.000 bits per pixel" in vae.of_levels(vae.Config(decoder="categorical"), -784 * math.log(2))


@pytest.mark.parametrize(
    ("chosen", "refused"),
    [
        ({"decoder": "normal", "variance": "wide"}, "--variance is a positive number, scalar or pixel"),
        ({"decoder": "normal", "variance": "-1"}, "--variance is a positive number, scalar or pixel"),
        ({"variance": "pixel"}, "wants --decoder normal"),
        ({"variance": "0.1"}, "wants --decoder normal"),
        ({"decoder": "normal", "bits": "static"}, "--bits static are black and white, and --decoder normal is one of"),
    ],
)
def test_a_variance_and_pixels_that_a_decoder_does_not_have(chosen, refused, tmp_path):
    with pytest.raises(SystemExit, match=refused):
        vae.main(vae.Config(out=tmp_path, **SMALL | chosen))


def test_classes_want_digits_with_labels(tmp_path, monkeypatch):
    bits = options.load_bits(vae.Config(), "static")._replace(labels=())
    monkeypatch.setattr(vae, "load_bits", lambda config, how: bits)
    with pytest.raises(SystemExit, match="--classes wants digits with labels, the published bits have none"):
        vae.main(vae.Config(out=tmp_path, classes=True, bits="static", **SMALL))


def test_a_row_of_each_digit_is_drawn(tmp_path, monkeypatch):
    model, asked = VAE(784, 4, 2, classes=10, rng=np.random.default_rng(0)), []
    monkeypatch.setattr(plotting, "comparison", lambda groups, *rest: None)
    model.sample = lambda n, rng, mean, labels: asked.append(labels.reshape(10, 10)) or np.zeros((n, 784), np.float32)
    vae.draw_samples(model, [np.zeros((100, 784), np.float32)], "", 0, tmp_path)
    for labels in asked:
        np.testing.assert_array_equal(labels, np.arange(10)[:, None].repeat(10, 1))
    assert len(asked) == 2


def test_labels_stay_with_their_images(tmp_path, monkeypatch):
    """Where z is never heard, p(x|y) is what the decoder says of the label, and every bound on it is exact."""
    config = vae.Config(classes=True)
    bits = options.load_bits(config, "static")
    for which in range(3):
        x, labels = vae.split(config, bits, which)
        np.testing.assert_array_equal(x, vae.flat(bits[which]))
        np.testing.assert_array_equal(labels, bits.labels[which])
    model = VAE(784, 4, 2, classes=10, rng=np.random.default_rng(0))
    for parameter in model.encoder.parameters():
        parameter.data[...] = 0
    model.decoder.network.layers[0].weight.data[:, :2] = 0
    with no_grad():
        p = model.decode(np.zeros((len(x), 2), np.float32), labels)
        exact = p.log_prob(x).numpy().sum(1)
    assert vae.measure(model, x, 0, labels)[0] == pytest.approx(exact.mean(), rel=1e-5)
    np.testing.assert_allclose(vae.estimate(model, x, config, labels).log_prob, exact, rtol=1e-5)
    shown = {}
    monkeypatch.setattr(plotting, "comparison", lambda groups, *rest: shown.update(groups))
    vae.draw_reconstructions(model, [x, labels], "", tmp_path)
    np.testing.assert_allclose(list(shown.values())[1], p.mean.numpy(), rtol=1e-5)


def test_of_the_digit_asked_for_is_what_the_judge_reads_as_it(monkeypatch, capsys):
    asked = np.repeat(np.arange(10), vae.OF_EACH)
    read = np.where((np.arange(len(asked)) % 100 < 3) | ((asked == 4) & (np.arange(len(asked)) % 2 == 0)), 9, asked)
    seen = []
    judge = SimpleNamespace(reads=lambda x: (read, None))
    monkeypatch.setattr(vae, "learn_judge", lambda config, images: seen.append(images) or judge)
    model = SimpleNamespace(sample=lambda n, rng, labels: np.eye(10)[labels], scaled=lambda x: x)
    vae.tell_classes(vae.Config(), model, options.load_bits(vae.Config(), "dynamic"))
    assert "of the digit asked for: 92.5 ± 1.6 % of 1,000 samples (95 %; worst: 4, 49 %)" in capsys.readouterr().out
    for x, _ in seen[0][:3]:
        assert set(np.unique(x)) == {0, 1}  # read are bits, so bits are learned from


@pytest.mark.parametrize("channels", [(4,), (4, 5, 6)])
def test_a_convolutional_network_has_two_layers(channels, tmp_path):
    with pytest.raises(SystemExit, match="--channels are those of two convolutions, as in --channels 16 32"):
        vae.main(vae.Config(out=tmp_path, network="conv", channels=channels))


@pytest.mark.parametrize("resumed", [False, True])
def test_warm_up_raises_beta_epoch_by_epoch(resumed, tmp_path, monkeypatch):
    """Also where the run is resumed: β is not in the checkpoint, but follows from the epoch."""
    betas = []

    def spied(model, draws=1, make=vae.loss_of):
        loss = make(model, draws)
        return lambda x, rng: betas.append(model.beta) or loss(x, rng)

    monkeypatch.setattr(vae, "loss_of", spied)
    config = vae.Config(out=tmp_path, batch_size=120, workers=1, warmup=4, **SMALL | {"epochs": 6})
    if resumed:

        def stop(run):
            if run.epoch == 3:
                raise KeyboardInterrupt

        bits = options.load_bits(config, "dynamic")
        with pytest.raises(KeyboardInterrupt):
            vae.learn(config, bits, stop)
        betas.clear()  # epoch 3 was not saved: two were
        config.resume = True
        vae.learn(config, bits, lambda run: None)
        assert betas == [0.5, 0.5, 0.75, 0.75, 1, 1, 1, 1]  # an epoch is one training step and one validation
    else:
        vae.main(config)
        assert betas == [0, 0, 0.25, 0.25, 0.5, 0.5, 0.75, 0.75, 1, 1, 1, 1]


@pytest.mark.parametrize("bits", ["static", "dynamic"])
def test_exported_weights_come_back(bits, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(weights, "FOLDER", tmp_path)
    path = tmp_path / f"vae-{bits}.npz"
    vae.main(vae.Config(out=tmp_path, export=path, bits=bits, **SMALL))
    (trained,) = lines(capsys, "test ELBO")
    vae.main(vae.Config(out=tmp_path, pretrained=True, bits=bits))
    (loaded,) = lines(capsys, "test ELBO")
    assert loaded == trained
    config = vae.Config(bits=bits)
    model, test = vae.pretrained(config)[0], vae.flat(options.load_bits(config, bits).test)
    elbo, of_fifty = (vae.measure(model, x, 0)[0] for x in (test, options.spread(test, 50)))
    assert trained.startswith(f"test ELBO {elbo:.2f} ")
    vae.main(vae.Config(evaluate=True, bits=bits, images=50))
    output = capsys.readouterr().out
    assert f"test ELBO {of_fifty:.2f} " in output
    assert "Mean ± standard error over 50 of 120 test images" in output
    assert f"{bits} binarization" in output
    size = sum(p.size for p in VAE(784, (8, 6), 3).parameters())
    assert f"{size:,} parameters" in output
    assert "lower bounds" in output


def test_training_goes_on_from_weights(tmp_path, capsys):
    """IWAE from a VAE: it begins where that ended, and the file knows both recipes."""
    first, second = tmp_path / "first.npz", tmp_path / "second.npz"
    vae.main(vae.Config(out=tmp_path / "a", export=first, **SMALL))
    capsys.readouterr()
    vae.main(vae.Config(out=tmp_path / "b", start=first, draws=4, bits="static", epochs=1, lr=1e-9, export=second))
    capsys.readouterr()
    (before, _), (after, facts) = weights.load(first, "vae"), weights.load(second, "vae")
    for name in before:
        np.testing.assert_allclose(after[name], before[name], atol=1e-6)
    assert facts["recipe"]["draws"] == 4
    assert facts["recipe"]["hidden"] == facts["start"]["recipe"]["hidden"] == [8, 6]
    assert facts["start"]["recipe"]["draws"] == 1
    vae.main(vae.Config(out=tmp_path / "c", start=second, pretrained=True))
    output = capsys.readouterr().out
    assert "finished weights (epoch 1)" in output
    (number,) = (line for line in output.splitlines() if line.startswith("test ELBO"))
    assert "static binarization" in number  # the bits that they were trained on


def test_the_weights_are_those_of_the_best_epoch(tmp_path):
    """Also where the model gets worse after it."""
    states = []

    def spoil(run):
        states.append(run.model.state_dict())
        if run.epoch == 2:
            run.model.decoder.output.bias.data += 9

    config = vae.Config(out=tmp_path, **SMALL | {"epochs": 4})
    run, facts = vae.learn(config, options.load_bits(config, "dynamic"), spoil)
    best = weights.best_epoch(run)
    assert best < 3
    for name, value in run.model.state_dict().items():
        np.testing.assert_array_equal(value, states[best - 1][name])
    weights.export(tmp_path / "w.npz", "vae", run, facts)
    exported, told = weights.load(tmp_path / "w.npz", "vae")
    for name, value in run.model.state_dict().items():
        np.testing.assert_allclose(value, states[best - 1][name], rtol=2**-11, atol=1e-7)  # stored in half precision
        np.testing.assert_array_equal(value, exported[name])
    assert told["best epoch"] == best
    assert told["validation bound"] == max(metrics["ELBO"] for metrics in run.history["validation"])


def test_training_begins_at_the_mean(tmp_path):
    config = vae.Config(out=tmp_path, **SMALL | {"lr": 1e-9})
    run, _ = vae.learn(config, options.load_bits(config, "dynamic"), lambda run: None)
    assert -300 < run.history["train"][0]["ELBO"] < -150


def test_the_learning_rate_falls_to_0_along_a_cosine(tmp_path):
    rates = []
    config = vae.Config(out=tmp_path, **SMALL | {"epochs": 4})
    vae.learn(config, options.load_bits(config, "dynamic"), lambda run: rates.append(run.optimizer.lr))
    np.testing.assert_allclose(rates, config.lr * (1 + np.cos(np.pi * np.arange(1, 5) / 4)) / 2, atol=1e-12)


def test_wrong_weights_are_named(tmp_path, monkeypatch):
    monkeypatch.setattr(weights, "FOLDER", tmp_path)
    with pytest.raises(FileNotFoundError, match=r"iwae-static\.npz; make some with --export"):
        vae.main(vae.Config(draws=50, bits="static", evaluate=True))
    vae.main(vae.Config(out=tmp_path / "run", export=tmp_path / "vae-dynamic.npz", **SMALL))
    with pytest.raises(CheckpointError, match=r"vae-dynamic\.npz: expected .* weights, as `python -m demos\.pixelcnn"):
        weights.load(tmp_path / "vae-dynamic.npz", "pixelcnn")
    with pytest.raises(CheckpointError, match="expected a whole file of weights"):  # a checkpoint is not one
        vae.main(vae.Config(out=tmp_path, pretrained=True, start=tmp_path / "run" / "vae.npz"))
    whole = (tmp_path / "vae-dynamic.npz").read_bytes()
    (tmp_path / "vae-dynamic.npz").write_bytes(whole[:-100])
    with pytest.raises(CheckpointError, match="expected a whole file of weights"):
        vae.main(vae.Config(out=tmp_path, pretrained=True))


@pytest.mark.parametrize("options_", [{"draws": 0}, {"draws": 5, "warmup": 3}])
def test_options_that_do_not_fit_are_refused(options_, tmp_path):
    with pytest.raises(SystemExit, match="--warmup weighs the KL"):
        vae.main(vae.Config(out=tmp_path, **options_))


def test_an_iwae_draws_its_own_curve(tmp_path, monkeypatch):
    """The bound and its terms, and the bound once more against the minutes it took."""
    drawn = []

    def curves(panels, xlabel="epoch", title="", x=None):
        drawn.append((xlabel, list(panels), x))

    monkeypatch.setattr(plotting, "curves", curves)
    for draws in (1, 3):
        vae.main(vae.Config(out=tmp_path, draws=draws, **SMALL))
    terms = [f"{name} (nats per image)" for name in vae.PANELS.values()]
    iwae = ["IWAE-3 (nats per image)"]
    assert [of[:2] for of in drawn] == [("epoch", terms), ("minutes", terms[:1]), ("epoch", iwae), ("minutes", iwae)]
    for _, _, minutes in drawn[1::2]:
        assert len(minutes) == SMALL["epochs"]
        assert 0 < minutes[0] <= minutes[-1] < 1


def test_the_estimate_does_not_depend_on_the_workers():
    rng = np.random.default_rng(0)
    model = VAE(784, 6, 2, rng=rng)
    x = (rng.random((50, 784)) < 0.3).astype(np.float32)
    x[45] = x[5]
    one, two = (vae.estimate(model, x, vae.Config(workers=workers)) for workers in (1, 2))
    for a, b in zip(one, two):
        assert a.shape == (50,)
        np.testing.assert_allclose(a, b, rtol=1e-6)
    other = vae.estimate(model, x, vae.Config(seed=1)).log_prob
    assert (other != one.log_prob).all()  # every image has noise that the seed decides,
    assert one.log_prob[5] != one.log_prob[45]  # and that no other image has
    elbo, error = vae.measure(model, x, 0)
    assert one.log_prob.mean() > elbo - 4 * error
    mean, spread = vae.mean_and_error(one.log_prob)
    assert mean == pytest.approx(one.log_prob.mean())
    assert spread == pytest.approx(one.log_prob.std(ddof=1) / math.sqrt(50))


@pytest.mark.parametrize(("how", "draws"), [("dynamic", 1), ("dynamic", 50), ("static", 1), ("static", 50)])
def test_the_weights_that_come_with_the_demo_know_digits(how, draws):
    bits = options.load_bits(vae.Config(), how)
    model, facts = vae.pretrained(vae.Config(bits=how, draws=draws))
    assert [facts["recipe"][name] for name in ("bits", "draws")] == [how, draws]
    mean, error = vae.measure(model, vae.flat(bits.test), 0)
    looser = 8 if draws > 1 else 0  # nats: the recipe's bound is IWAE's, this one the ELBO
    assert mean > facts["validation bound"] - looser - 3 * error
    assert mean > -105  # independent pixels have −206
