"""What demos.pixelcnn does besides training: classes, weights that come along, the measured number."""

import math

import numpy as np
import pytest

from demos import options, pixelcnn, weights
from scratchgen import no_grad, optim, plotting, training

SMALL = {"epochs": 1, "blocks": 1, "channels": 4}


@pytest.fixture(autouse=True)
def few_images(monkeypatch):
    monkeypatch.delenv("SCRATCHGEN_DATA", raising=False)
    monkeypatch.setattr(plotting, "save", lambda figure, path: path)
    monkeypatch.setattr(plotting, "animate", lambda frames, columns, path, *args: path)
    whole = options.load_images(options.Options())
    few = whole._replace(**{name: tuple(a[:120] for a in getattr(whole, name)) for name in whole._fields[:3]})
    for module in (options, pixelcnn):
        monkeypatch.setattr(module, "load_images", lambda config: few)


@pytest.mark.parametrize("how", ["static", "dynamic"])
def test_bits_are_bits_and_only_dynamic_training_images_are_grey(how):
    bits = options.load_bits(options.Options(), how)
    for x in (bits.train, bits.validation, bits.test):
        assert x.shape[1:] == (1, 28, 28)
        assert x.dtype == np.float32
    assert set(np.unique(bits.validation)) == set(np.unique(bits.test)) == {0.0, 1.0}
    assert (set(np.unique(bits.train)) == {0.0, 1.0}) == (how == "static")
    assert [len(y) for y in bits.labels] == [len(x) for x in bits[:3]]


@pytest.mark.parametrize(("model", "levels"), [("pixelcnn", 256), ("gated", 16), ("row", 3), ("diagonal", 16)])
def test_grey_levels(tmp_path, capsys, monkeypatch, model, levels):
    """The lecture's softmax: pixels are levels, pictures grey, the file knows how many, and the number is in their
    terms: a model that knows nothing pays ln(levels) for each of 784 pixels."""
    seen = {}
    monkeypatch.setattr(plotting, "comparison", lambda groups, *args: seen.update(groups))
    path = tmp_path / "grey.npz"
    pixelcnn.main(pixelcnn.Config(out=tmp_path, model=model, levels=levels, export=path, **SMALL))
    output = capsys.readouterr().out
    assert "conditionals.png" in output
    assert f"120 images of the bundled digits (real MNIST), {levels} grey levels" in output
    assert f"Without a model: {784 * math.log(levels):.2f} nats" in output
    for name in ("test digits", "samples of the model"):
        assert seen[name].shape == (100, 784)
        assert 0 == seen[name].min() < seen[name].max() <= 1
        np.testing.assert_allclose(seen[name] * (levels - 1), np.rint(seen[name] * (levels - 1)), atol=1e-4)
    trained = [line for line in output.splitlines() if line.startswith("test NLL")]
    pixelcnn.main(pixelcnn.Config(out=tmp_path, start=path, evaluate=True))
    measured = [line for line in capsys.readouterr().out.splitlines() if line.startswith("test NLL")]
    assert measured[0].split(" nats")[0] == trained[0].split(" nats")[0]
    with pytest.raises(SystemExit, match=f"--levels 5 was asked for, but the weights have {levels}"):
        pixelcnn.pretrained(pixelcnn.Config(start=path, levels=5))
    with pytest.raises(SystemExit, match="--bits dynamic draws bits anew"):
        pixelcnn.main(pixelcnn.Config(out=tmp_path, model=model, levels=levels, bits="dynamic", **SMALL))


@pytest.mark.parametrize(("ink", "begins"), [(9, 9), (0, 2), (27, 24), (None, 2)])
def test_what_the_softmax_says_of_six_pixels(monkeypatch, tmp_path, ink, begins):
    """Wherever the stroke begins, at an edge, or nowhere in that row: six distributions, each of the pixel it names."""
    figures = []
    monkeypatch.setattr(plotting, "save", lambda figure, path: figures.append(figure))
    config = pixelcnn.Config(levels=5, model="pixelcnn", **SMALL)
    model, x = pixelcnn.make(config), np.zeros((5, 1, 28, 28), np.float32)
    if ink is not None:
        x[2, 0, 14, ink:] = 3
    pixelcnn.draw_conditionals(model, x, "", tmp_path / "c.png")
    p = np.exp(model.logits(x[2:3] / 4).numpy())[0, :, 0, 14]
    p /= p.sum(0)
    columns = range(begins - 2, begins + 4)
    for axis, column in zip(figures[0].axes, columns, strict=True):
        assert axis.get_title() == f"row 14, column {column}"
        assert axis.get_xlabel() == f"level; it is {int(x[2, 0, 14, column])}"
        np.testing.assert_allclose(axis.patches[0].get_data().values, p[:, column], rtol=1e-5)


@pytest.mark.parametrize("bits", ["static", "dynamic"])
def test_classes(tmp_path, capsys, bits):
    """p(x | digit): the labels take part in training, drawing and measuring."""
    config = pixelcnn.Config(out=tmp_path, model="gated", classes=True, bits=bits, **SMALL)
    pixelcnn.main(config)
    assert "test NLL" in capsys.readouterr().out
    with pytest.raises(SystemExit, match="--classes wants --model gated"):
        pixelcnn.main(pixelcnn.Config(out=tmp_path, classes=True, **SMALL))


def test_weights_with_classes_come_back(tmp_path, capsys):
    """Whoever reads the file need not say that there are classes; where there are none, they cannot be asked for."""
    path = tmp_path / "classes.npz"
    pixelcnn.main(pixelcnn.Config(out=tmp_path, model="gated", classes=True, bits="dynamic", export=path, **SMALL))
    trained = [line for line in capsys.readouterr().out.splitlines() if line.startswith("test NLL")]
    for way in ({"evaluate": True}, {"pretrained": True}):
        pixelcnn.main(pixelcnn.Config(out=tmp_path, start=path, **way))
        measured = [line for line in capsys.readouterr().out.splitlines() if line.startswith("test NLL")]
        assert measured[0].split(" nats")[0] == trained[0].split(" nats")[0]


@pytest.mark.parametrize("model", ["pixelcnn", "gated", "row", "diagonal"])
def test_exported_weights_come_back(tmp_path, capsys, monkeypatch, model):
    monkeypatch.setattr(weights, "FOLDER", tmp_path / "weights")
    config = pixelcnn.Config(out=tmp_path, model=model, export=tmp_path / "weights" / f"{model}.npz", **SMALL)
    pixelcnn.main(config)
    trained = [line for line in capsys.readouterr().out.splitlines() if line.startswith("test NLL")]
    pixelcnn.main(pixelcnn.Config(out=tmp_path, model=model, pretrained=True))
    loaded = [line for line in capsys.readouterr().out.splitlines() if line.startswith("test NLL")]
    assert loaded[0].split(" nats")[0] == trained[0].split(" nats")[0]
    with pytest.raises(SystemExit, match="--bits dynamic was asked for, but the weights have static"):
        pixelcnn.main(options.parse(pixelcnn.Config, ["--evaluate", "--model", model, "--bits", "dynamic"]))
    again, facts = pixelcnn.pretrained(pixelcnn.Config(model=model))
    assert facts["recipe"] | SMALL == facts["recipe"]
    assert again.live_parameters < 1000
    mean, error = pixelcnn.measure(again, options.load_bits(config, "static").test)
    assert trained[0].startswith(f"test NLL {mean:.2f} ± {error:.2f} nats")


@pytest.mark.parametrize("wrong", [{"channels": 1}, {"levels": 1}])
def test_what_no_model_can_be_made_of_is_said_in_one_line(tmp_path, wrong):
    (name,) = wrong
    with pytest.raises(SystemExit, match=f"demos.pixelcnn: expected --{name} of at least 2, got 1"):
        pixelcnn.main(pixelcnn.Config(out=tmp_path, **SMALL | wrong))


@pytest.mark.parametrize(("name", "kind", "rate"), [("muon", optim.Muon, 0.01), ("adam", optim.Adam, 0.008)])
def test_the_optimizer_that_was_asked_for_at_its_own_rate(tmp_path, name, kind, rate):
    for asked, begins in ((None, rate), (0.3, 0.3)):
        config = pixelcnn.Config(out=tmp_path / str(asked), optimizer=name, lr=asked, **SMALL | {"epochs": 2})
        run, facts = pixelcnn.learn(config, options.load_bits(config, "static"))
        assert type(run.optimizer) is kind
        assert (facts["recipe"]["optimizer"], facts["recipe"]["lr"]) == (name, begins)


def test_the_learning_rate_falls_to_0_and_the_weights_are_those_of_the_best_epoch(tmp_path, monkeypatch):
    """Also where the model gets worse after it."""
    rates = []

    def spoil(run):
        rates.append(run.optimizer.lr)
        if run.epoch == 1:
            run.model.last.bias.data += 9

    def spoiled(*args, callbacks, train=training.train, **options):
        return train(*args, callbacks=[*callbacks, spoil], **options)

    monkeypatch.setattr(training, "train", spoiled)
    config = pixelcnn.Config(out=tmp_path, **SMALL | {"epochs": 2})
    run, _ = pixelcnn.learn(config, options.load_bits(config, "static"))
    np.testing.assert_allclose(rates, [config.lr / 2, 0], atol=1e-12)
    assert weights.best_epoch(run) == 1
    for name, value in run.model.state_dict().items():
        np.testing.assert_array_equal(value, run.best[name])


def test_a_training_goes_on_from_exported_weights(tmp_path, capsys):
    """--start: sizes and the kind of model are those of the file, and the file says what it came from. What finished
    weights are shown and measured on are bits like those that they were trained on."""
    first, second = tmp_path / "first.npz", tmp_path / "second.npz"
    pixelcnn.main(pixelcnn.Config(out=tmp_path / "a", model="row", export=first, **SMALL))
    again = {"start": first, "epochs": 1, "lr": 1e-9, "bits": "dynamic"}
    pixelcnn.main(pixelcnn.Config(out=tmp_path / "b", export=second, **again))
    pixelcnn.main(pixelcnn.Config(out=tmp_path / "c", start=second, evaluate=True))
    shown = pixelcnn.Config(out=tmp_path / "d", start=second, pretrained=True)
    pixelcnn.main(shown)
    output = capsys.readouterr().out.splitlines()
    numbers = [line for line in output if line.startswith("test NLL")]
    assert len({line.split(" nats")[0] for line in numbers}) == 1  # steps of 1e-9 do not outlast the rounding
    assert numbers[2].endswith("of these weights")
    protocols = [line for line in output if line.startswith("  Exact")]
    assert ["dynamic" in line for line in protocols] == [False, True, True, True]
    assert (shown.model, shown.bits) == ("row", "dynamic")
    _, facts = pixelcnn.pretrained(pixelcnn.Config(start=second))
    assert facts["recipe"]["model"] == facts["start"]["recipe"]["model"] == "row"
    assert facts["start"]["recipe"]["lr"] == pixelcnn.OPTIMIZERS["muon"][1]
    assert "start" not in facts["start"]
    for asked in ({"channels": 6}, {"blocks": 3}, {"model": "gated"}, {"classes": True}):
        with pytest.raises(SystemExit, match=rf"--{next(iter(asked))} .* was asked for, but the weights have"):
            pixelcnn.pretrained(pixelcnn.Config(start=second, **asked))


def test_a_training_goes_on_with_more_layers(tmp_path, capsys):
    """--grow: the number of the model that is grown is that of the model it was, and its file knows both."""
    first, second = tmp_path / "first.npz", tmp_path / "second.npz"
    pixelcnn.main(pixelcnn.Config(out=tmp_path / "a", model="diagonal", export=first, **SMALL))
    grow = {"start": first, "grow": 2, "epochs": 1, "lr": 1e-9}
    pixelcnn.main(pixelcnn.Config(out=tmp_path / "b", export=second, **grow))
    pixelcnn.main(pixelcnn.Config(out=tmp_path / "c", start=second, evaluate=True))
    numbers = [line for line in capsys.readouterr().out.splitlines() if line.startswith("test NLL")]
    assert len({line.split(" nats")[0] for line in numbers}) == 1  # steps of 1e-9 do not outlast the rounding
    model, facts = pixelcnn.pretrained(pixelcnn.Config(start=second))
    assert len(model.lstms) == facts["recipe"]["blocks"] == 3
    assert facts["start"]["recipe"]["blocks"] == 1
    for way in ({}, {"start": second, "evaluate": True}, {"start": second, "pretrained": True}):
        for more in ({"grow": 1}, {"widen": 2}):
            with pytest.raises(SystemExit, match="--grow and --widen are for a training that goes on; say --start"):
                pixelcnn.main(pixelcnn.Config(out=tmp_path / "d", **more, **way))
    with pytest.raises(SystemExit, match="--widen channels to a PixelCNN; these are weights of a diagonal"):
        pixelcnn.main(pixelcnn.Config(out=tmp_path / "g", start=second, widen=2))
    pixelcnn.main(pixelcnn.Config(out=tmp_path / "e", model="gated", export=first, **SMALL))
    with pytest.raises(SystemExit, match=r"--grow adds blocks to a PixelCNN, .* these are weights of a gated"):
        pixelcnn.main(pixelcnn.Config(out=tmp_path / "f", start=first, grow=1))


def test_a_training_goes_on_with_more_blocks_and_channels(tmp_path, capsys):
    first, second = tmp_path / "first.npz", tmp_path / "second.npz"
    pixelcnn.main(pixelcnn.Config(out=tmp_path / "a", export=first, **SMALL))
    pixelcnn.main(pixelcnn.Config(out=tmp_path / "b", export=second, start=first, grow=1, widen=3, epochs=1, lr=1e-9))
    pixelcnn.main(pixelcnn.Config(out=tmp_path / "c", start=second, evaluate=True))
    numbers = [line for line in capsys.readouterr().out.splitlines() if line.startswith("test NLL")]
    assert len({line.split(" nats")[0] for line in numbers}) == 1
    model, facts = pixelcnn.pretrained(pixelcnn.Config(start=second))
    was = facts["start"]["recipe"]
    assert (model.channels, len(model.blocks)) == (was["channels"] + 3, was["blocks"] + 1)
    assert (facts["recipe"]["channels"], facts["recipe"]["blocks"]) == (model.channels, len(model.blocks))


def test_a_training_goes_on_with_positions_that_it_had_not(tmp_path, capsys):
    """--positions, where it is asked for: what is usual for a new model is not forced upon weights that have none."""
    first, second = tmp_path / "first.npz", tmp_path / "second.npz"
    pixelcnn.main(pixelcnn.Config(out=tmp_path / "a", export=first, positions=False, **SMALL))

    def go_on(*flags, start=first, export=()):
        arguments = ["--out", tmp_path / "b", "--start", start, "--epochs", 1, "--lr", 1e-9, *export, *flags]
        return options.parse(pixelcnn.Config, list(map(str, arguments)))

    bits = options.load_bits(pixelcnn.Config(), "static")
    for flags, asked in (((), False), (("--no-positions",), False), (("--positions",), True)):
        run, facts = pixelcnn.learn(go_on(*flags), bits)
        assert facts["recipe"]["positions"] == (run.model.positions is not None) == asked
    pixelcnn.main(go_on("--positions", export=("--export", second)))
    for name in ("row", "column"):
        assert np.abs(getattr(run.model.positions, name).numpy()).max() > 0
    pixelcnn.main(pixelcnn.Config(out=tmp_path / "c", start=second, evaluate=True))
    numbers = [line for line in capsys.readouterr().out.splitlines() if line.startswith("test NLL")]
    assert len({line.split(" nats")[0] for line in numbers}) == 1  # they begin by saying nothing
    assert pixelcnn.pretrained(pixelcnn.Config(start=second))[0].positions is not None
    for start, asked in ((first, "--positions"), (second, "--no-positions")):
        with pytest.raises(SystemExit, match=r"--positions (True|False) was asked for, but the weights have"):
            pixelcnn.main(options.parse(pixelcnn.Config, ["--start", str(start), "--evaluate", asked]))
    with pytest.raises(SystemExit, match="--positions False was asked for, but the weights have True"):
        pixelcnn.main(go_on("--no-positions", start=second))
    for model in ("row", "diagonal"):
        with pytest.raises(SystemExit, match=f"for a PixelCNN, gated or not, not for --model {model}"):
            pixelcnn.main(options.parse(pixelcnn.Config, ["--model", model, "--positions"]))


def test_a_training_with_dropout_says_so(tmp_path):
    """In its file; and from the same weights it learns other ones than a training without."""
    first = tmp_path / "first.npz"
    pixelcnn.main(pixelcnn.Config(out=tmp_path / "a", export=first, **SMALL))
    learned = {}
    for dropout in (0.0, 0.5):
        there = tmp_path / f"{dropout}.npz"
        config = pixelcnn.Config(out=tmp_path / "b", export=there, start=first, epochs=1, dropout=dropout)
        pixelcnn.main(config)
        model, facts = pixelcnn.pretrained(pixelcnn.Config(start=there))
        assert facts["recipe"]["dropout"] == dropout
        assert facts["start"]["recipe"]["dropout"] == 0
        learned[dropout] = model.hidden.weight.numpy()
    assert np.abs(learned[0.0] - learned[0.5]).max() > 1e-4
    with pytest.raises(SystemExit, match="--dropout is for the PixelCNN, not for --model gated"):
        pixelcnn.main(pixelcnn.Config(out=tmp_path / "c", model="gated", dropout=0.1))


@pytest.mark.parametrize("name", ["pixelcnn", "diagonal", "pixelcnn-dynamic", "diagonal-dynamic"])
def test_the_weights_that_come_with_the_demo_know_digits(name):
    """By their own kind of bits."""
    model, *kind = name.split("-")
    config = pixelcnn.Config(model=model, start=weights.FOLDER / f"{name}.npz", evaluate=True)
    model, facts = pixelcnn.pretrained(config)
    assert config.bits == facts["recipe"]["bits"] == (kind or ["static"])[0]
    bits = options.load_bits(config, config.bits)
    mean, error = pixelcnn.measure(model, bits.test[:60])
    assert mean < facts["validation NLL"] + 3 * error
    assert mean < 100  # of bits of other digits than it has learned from; independent pixels have 206


@pytest.mark.ledger("C-CAUSAL")
@pytest.mark.parametrize("model", ["pixelcnn", "diagonal"])
def test_the_weights_that_come_with_the_demo_do_not_see_what_is_to_come(model):
    """Each of 784 pixels of a digit changed in turn: no logit up to its own moves, and the next one does."""
    config = pixelcnn.Config(model=model)
    model = pixelcnn.pretrained(config)[0].astype(np.float64)
    digit = options.load_bits(config, "static").test[3]
    x = np.repeat(digit.reshape(1, 784), 785, 0).astype(float)
    x[range(784), range(784)] = 1 - x[range(784), range(784)]
    with no_grad():
        logits = np.concatenate([model.logits(part).numpy() for part in np.split(x.reshape(-1, 1, 28, 28), 5)])
    moved = np.abs(logits.reshape(785, 784)[:-1] - logits.reshape(785, 784)[-1])
    assert moved[np.tri(784, dtype=bool)].max() < 1e-9 < 0.01 < np.median(np.diag(moved[:, 1:]))


def test_missing_weights_are_named(tmp_path, monkeypatch):
    monkeypatch.setattr(weights, "FOLDER", tmp_path)
    with pytest.raises(FileNotFoundError, match=r"gated\.npz; make some with --export"):
        pixelcnn.pretrained(pixelcnn.Config(model="gated"))


def test_the_measured_number_is_the_mean_with_its_standard_error():
    class Model:
        def log_prob(self, x):
            class Result:
                numpy = staticmethod(lambda: -x[:, 0])

            return Result()

    x = np.random.default_rng(0).normal(80.0, 10.0, size=(700, 1))
    mean, error = pixelcnn.measure(Model(), x)
    assert mean == pytest.approx(x.mean())
    assert error == pytest.approx(x.std(ddof=1) / math.sqrt(700))
