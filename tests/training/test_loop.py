"""The loop: what it minimises, what it notes, when it stops."""

import numpy as np
import pytest
import tqdm.auto

import scratchgen as sg
from scratchgen import functional as F
from scratchgen import nn, optim, training
from scratchgen.training import loop


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture
def data(rng):
    """y = 2x₀ − x₁: something that a linear layer can learn."""
    x = rng.standard_normal((40, 2)).astype(np.float32)
    return [x, x @ np.array([[2], [-1]], np.float32)]


class Line(nn.Module):
    def __init__(self, rng):
        self.layer = nn.Linear(2, 1, rng=rng)
        self.modes = []

    def loss(self, x, y, rng):
        self.modes.append(self.training)
        loss = F.mse_loss(self.layer(x), y)
        return loss, {"root": F.sqrt(loss).data}


def make_run(rng, lr=0.05):
    model = Line(rng)
    return training.Run(model, optim.Adam(model.parameters(), lr=lr), rng)


def test_it_learns_and_notes_every_epoch(rng, data):
    run = make_run(rng)
    training.train(run, run.model.loss, data, epochs=60, batch_size=16, validation=data)
    assert run.epoch == 60
    assert run.step == 60 * 3
    assert len(run.history["train"]) == len(run.history["validation"]) == 60
    assert set(run.history["train"][0]) == {"loss", "root"}
    assert run.history["validation"][-1]["loss"] < 1e-3 < run.history["validation"][0]["loss"]
    np.testing.assert_allclose(run.model.layer.weight.numpy(), [[2, -1]], atol=0.05)
    assert all(type(value) is float for metrics in run.history["train"] for value in metrics.values())


def test_the_same_by_hand(rng, data):
    """The loop does nothing but: a new order, minibatches, gradients from nothing, steps."""
    run, x, y = make_run(np.random.default_rng(1)), *data
    training.train(run, run.model.loss, data, epochs=3, batch_size=16)
    rng = np.random.default_rng(1)
    model = Line(rng)
    optimizer = optim.Adam(model.parameters(), lr=0.05)
    for _ in range(3):
        order = rng.permutation(40)
        for start in range(0, 40, 16):
            rows = order[start : start + 16]
            loss, _ = model.loss(x[rows], y[rows], rng)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    for name, value in model.state_dict().items():
        assert (run.model.state_dict()[name] == value).all(), name


def test_means_are_weighted_by_the_size_of_the_batch(rng, data):
    run = make_run(rng, lr=0.0)  # the model stays as it is, so the mean over batches of 16, 16 and 8 is that over all
    training.train(run, run.model.loss, data, epochs=1, batch_size=16)
    whole = run.model.loss(*data, rng)[0].item()
    assert run.history["train"][0]["loss"] == pytest.approx(whole, rel=1e-5)
    assert training.evaluate(run.model, run.model.loss, data, batch_size=7)["loss"] == pytest.approx(whole, rel=1e-5)


def test_modes_callbacks_and_the_training_generator(rng, data):
    """Training mode in steps, use mode in validation; validation does not touch the run's generator."""
    epochs = []
    run = make_run(np.random.default_rng(3))
    note = [lambda run: epochs.append(run.epoch)]
    training.train(run, run.model.loss, data, epochs=2, batch_size=20, validation=data, callbacks=note)
    assert run.model.modes == [True, True, False] * 2
    assert epochs == [1, 2]
    other = make_run(np.random.default_rng(3))
    training.train(other, other.model.loss, data, epochs=2, batch_size=20)
    assert run.rng.bit_generator.state == other.rng.bit_generator.state
    assert (run.model.layer.weight.data == other.model.layer.weight.data).all()


def test_evaluation_draws_the_same_noise_each_time_and_leaves_no_graph(rng):
    seen = []

    def loss(x, rng):
        value = F.sum(model.layer(rng.random((3, 2), np.float32)))
        assert not value.requires_grad
        seen.append(value.item())
        return value, {}

    model = Line(rng)
    first, second = (training.evaluate(model, loss, [np.zeros((10, 2))], batch_size=5) for _ in range(2))
    assert first == second
    assert seen[:2] == seen[2:]
    assert seen[0] != seen[1]


def test_the_best_weights_are_kept_and_are_not_the_last(rng, data):
    """A learning rate that grows ruins what was learned; the best is what it was in its epoch."""
    run = make_run(rng)
    weights = []

    def note(run):
        weights.append(run.model.state_dict())
        if run.epoch >= 20:
            run.optimizer.lr = 0.5 * (run.epoch - 19)

    training.train(run, run.model.loss, data, epochs=30, batch_size=16, validation=data, callbacks=[note])
    losses = [metrics["loss"] for metrics in run.history["validation"]]
    best = int(np.argmin(losses))
    assert losses == run.losses
    assert best < 29
    for name, value in run.best.items():
        assert (value == weights[best][name]).all()
    assert any((run.best[name] != value).any() for name, value in run.model.state_dict().items())


def test_without_validation_the_training_loss_decides(rng, data):
    run = make_run(rng)
    training.train(run, run.model.loss, data, epochs=2, batch_size=16)
    assert run.losses == [metrics["loss"] for metrics in run.history["train"]]
    assert set(run.best) == set(run.model.state_dict())


# ------------------------------------------------------------------------------------------------- NaN and infinity
def failing(run, when, how):
    """The run's loss, that goes wrong in step number `when`: every time it is asked for."""

    def loss(x, y, rng):
        value, metrics = run.model.loss(x, y, rng)
        return (how(value) if run.step + 1 == when else value), metrics

    return loss


@pytest.mark.parametrize(
    ("how", "message"),
    [
        (lambda loss: F.log(loss - loss - 1.0), "log made NaN"),
        (lambda loss: F.exp(loss + 200.0), "exp made infinity"),
        (lambda loss: F.sqrt(loss * 0.0), "the derivative of sqrt for x made"),  # the loss is 0, its slope infinite
    ],
    ids=["forward", "overflow", "backward"],
)
def test_a_nan_names_the_step_and_the_primitive(rng, data, how, message):
    run = make_run(rng)
    with pytest.raises(FloatingPointError, match=rf"training stopped at step 5 \(epoch 2\): {message}"):
        training.train(run, failing(run, 5, how), data, epochs=3, batch_size=16)
    assert run.step == 4
    assert all(np.isfinite(value).all() for value in run.model.state_dict().values())


def test_the_last_checkpoint_is_from_before_the_nan(rng, data, tmp_path):
    run = make_run(rng)
    path = tmp_path / "run.npz"
    with pytest.raises(FloatingPointError):
        training.train(run, failing(run, 5, lambda loss: F.log(-loss)), data, epochs=3, batch_size=16, checkpoint=path)
    again = make_run(rng)
    again.restore(path, {})
    assert (again.epoch, again.step) == (1, 3)


def test_gradients_too_large_to_square_are_a_stop_too(rng, data):
    run = make_run(rng)
    with pytest.raises(FloatingPointError, match=r"step 2 .*too large to be squared"):
        training.train(run, failing(run, 2, lambda loss: loss * 1e25), data, epochs=1, batch_size=16)


# -------------------------------------------------------------------------------------------------------- progress
class Terminal:
    """A stream that says it is a terminal, and remembers what it was told."""

    encoding = "utf-8"

    def __init__(self):
        self.text = ""

    def write(self, text):
        self.text += text

    def flush(self):
        pass

    def isatty(self):
        return True


def test_progress_shows_the_models_metrics_and_images_per_second(rng, data, monkeypatch):
    stream = Terminal()

    def on_terminal(**options):
        return tqdm.tqdm(file=stream, mininterval=0, ncols=200, **options)

    monkeypatch.setattr(loop, "tqdm", on_terminal)
    run = make_run(rng)
    training.train(run, run.model.loss, data, epochs=3, batch_size=16, title="a line")
    assert "a line" in stream.text
    assert "root " in stream.text
    assert "images/s" in stream.text
    assert "120/120" in stream.text


def test_progress_is_silent_when_piped(rng, data, capfd):
    run = make_run(rng)
    training.train(run, run.model.loss, data, epochs=1)
    assert capfd.readouterr() == ("", "")


def test_a_validation_loss_that_is_nan_once_does_not_hide_the_best(rng, data):
    run = make_run(rng)
    values = iter([np.nan, 3.0, 2.0, 2.5])
    best = []

    def loss(x, y, rng):
        value, metrics = run.model.loss(x, y, rng)
        return (value, metrics) if run.model.training else (sg.tensor(next(values)), metrics)

    watch = [lambda run: best.append({name: value.copy() for name, value in run.best.items()})]
    training.train(run, loss, data, epochs=4, batch_size=40, validation=data, callbacks=watch)
    assert best[0] == {}
    assert all(np.array_equal(best[2][name], run.best[name]) for name in run.best)
    assert not np.array_equal(best[1]["layer.weight"], best[2]["layer.weight"])


def test_where_it_stops_the_generator_is_where_it_was(rng, data):
    """… and the step is repeated with the same noise: with any other nothing would go wrong."""
    run = make_run(rng)
    before = run.rng.bit_generator.state
    bad = run.rng.random()
    run.rng.bit_generator.state = before

    def loss(x, y, rng):
        sign = -1 if rng.random() == bad else 1
        return F.log(sign * run.model.loss(x, y, rng)[0]), {}

    with pytest.raises(FloatingPointError, match="log made NaN"):
        training.descend(run, loss, data, loop.Workers(1, run.model))
    assert run.rng.bit_generator.state == before


def test_a_loss_that_draws_by_itself_is_not_called_too_large(rng, data):
    """Repeated, it is another loss, and may be finite."""
    run, own = make_run(rng), iter([np.inf, 1.0])
    with pytest.raises(FloatingPointError, match="or the loss draws from a generator of its own"):
        training.train(run, lambda x, y, rng: (run.model.loss(x, y, rng)[0] * next(own), {}), data, epochs=1)


def test_many_small_numbers_are_added_up_in_double_precision():
    means = loop._Means()
    for _ in range(60_000):
        means.add({"loss": np.asarray(np.float32(0.1))}, 1)
    assert means.values()["loss"] == pytest.approx(np.float32(0.1), rel=1e-9)


@pytest.mark.parametrize("kind", [np.random.PCG64, np.random.MT19937, np.random.Philox, np.random.SFC64])
def test_every_kind_of_generator_resumes(kind, data, tmp_path):
    def make():
        model = Line(np.random.default_rng(0))
        return training.Run(model, optim.Adam(model.parameters()), np.random.Generator(kind(3)))

    whole, first, second = make(), make(), make()
    training.train(whole, whole.model.loss, data, epochs=4, batch_size=16)
    path = tmp_path / "run.npz"
    training.train(first, first.model.loss, data, epochs=2, batch_size=16, checkpoint=path)
    training.train(second, second.model.loss, data, epochs=4, batch_size=16, checkpoint=path, resume=True)
    np.testing.assert_array_equal(second.model.layer.weight.data, whole.model.layer.weight.data)


@pytest.mark.parametrize("nothing", [[], [np.zeros((0, 2), np.float32), np.zeros((0, 1), np.float32)]])
def test_no_data(rng, nothing):
    run = make_run(rng)
    with pytest.raises(ValueError, match="train: there is no data to learn from, got"):
        training.train(run, run.model.loss, nothing, epochs=1)


@pytest.mark.parametrize("epochs", [-1, 1.5, None])
def test_epochs_that_are_no_number_of_them(rng, data, epochs):
    run = make_run(rng)
    with pytest.raises(ValueError, match="train: epochs counts passes over the data, 0 or more, got"):
        training.train(run, run.model.loss, data, epochs=epochs)
    assert run.step == 0


def test_a_seed_is_no_generator(rng, data):
    model = Line(rng)
    run = training.Run(model, optim.Adam(model.parameters(), lr=0.1), 7)
    with pytest.raises(TypeError, match=r"rng: expected a random generator, np.random.default_rng\(7\)"):
        training.train(run, model.loss, data, epochs=1)


@pytest.mark.parametrize("value", [np.float32(0.1), object(), {1, 2}])
def test_a_configuration_that_cannot_be_written_is_refused_before_the_first_step(rng, data, tmp_path, value):
    run = make_run(rng)
    with pytest.raises(ValueError, match=rf"config: 'what' is a {type(value).__name__}, which JSON cannot hold"):
        training.train(
            run, run.model.loss, data, epochs=1, checkpoint=tmp_path / "run.npz", config={"seed": 1, "what": value}
        )
    assert run.step == 0


def test_a_folder_that_cannot_be_is_noticed_before_the_first_step(rng, data, tmp_path):
    run = make_run(rng)
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"):
        training.train(run, run.model.loss, data, epochs=1, checkpoint=tmp_path / "file" / "run.npz")
    assert run.step == 0
