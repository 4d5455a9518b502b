"""What demos.gan does besides training: weights that come along, cures, samples on the way, diagnoses; and the protocol
of its numbers and of those of its kin."""

import re
from dataclasses import replace

import numpy as np
import pytest

from demos import conditional, dcgan_arithmetic, first_gan, gan, options, weights
from scratchgen import optim, plotting
from scratchgen.models.adversarial import R1

SMALL = {"epochs": 2, "hidden": 6, "latent": 3, "channels": 2, "batch_size": 20}


@pytest.fixture(autouse=True)
def few_images(monkeypatch):
    monkeypatch.delenv("SCRATCHGEN_DATA", raising=False)
    monkeypatch.setattr(plotting, "save", lambda figure, path: path)
    monkeypatch.setattr(plotting, "film", lambda figure, draw, frames, path: draw(frames - 1) or path)
    whole = options.load_images(options.Options())
    few = whole._replace(**{name: tuple(a[:120] for a in getattr(whole, name)) for name in whole._fields[:3]})
    for demo in (gan, conditional, dcgan_arithmetic):
        monkeypatch.setattr(demo, "load_images", lambda config: few)
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


def test_the_card_has_the_epochs_that_were_trained_and_the_data_they_were_trained_on(
    tmp_path, capsys, monkeypatch, few_images
):
    """Whatever is asked for when a run is gone on with, and whatever is found where its weights are measured."""
    monkeypatch.setattr(weights, "FOLDER", tmp_path)
    made = {"out": tmp_path, "export": tmp_path / "gan-mlp.npz", "lr": 3e-3}
    gan.main(gan.Config(**SMALL | made))
    gan.main(gan.Config(**SMALL | made | {"epochs": 1, "resume": True}))
    resumed = capsys.readouterr().out.rpartition("Fréchet")[2]
    for fact in ("2 epochs of D's", "lr 0.003 for both", "trained on the bundled digits"):
        assert fact in resumed
    monkeypatch.setattr(gan, "load_images", lambda config: few_images._replace(name="digits of another kind"))
    gan.main(gan.Config(out=tmp_path, epochs=1, pretrained=True, seed=7))
    output = capsys.readouterr().out
    for fact in (
        "trained on the bundled digits (real MNIST); measured against digits of another kind",
        "2 epochs of D's; of D's for each of G's 1",
        "lr 0.003 for both",
        "3 dimensions, N(0, I)",
        "batch       20\n",
        "0 of the training, 7 of the measurement",
    ):
        assert fact in output


def test_each_conditional_game_is_exported_and_comes_back(tmp_path, capsys, monkeypatch):
    """What is told of it is the same to the letter."""
    monkeypatch.setattr(weights, "FOLDER", tmp_path / "weights")
    small = {"epochs": 1, "channels": 2, "draws": 2, "labels": 20}
    conditional.main(conditional.Config(out=tmp_path / "a", export=tmp_path / "weights", **small))
    learnt = capsys.readouterr().out
    stems = ["ac-gan", "cgan", "cgan-told-last", "infogan", "infogan-numbers", "sgan-0", "sgan-1"]
    assert sorted(path.stem for path in (tmp_path / "weights").iterdir()) == stems
    conditional.main(conditional.Config(out=tmp_path / "b", epochs=1, draws=2, pretrained=True))
    loaded = capsys.readouterr().out
    for name in ("CGAN ", "CGAN, told last", "AC-GAN", "InfoGAN, without a label", "InfoGAN, with 2 numbers", "semi"):
        assert f"\n{name}" in loaded
    files = ("weights:", "  recipe:", "pictures:", "  /", "C-COND")

    def told(output):
        return [line for line in output.splitlines() if line and not line.startswith(files)]

    few = [line for line in told(learnt) if not line.startswith("labelled images alone")]
    assert len(few) == len(told(learnt)) - 1
    assert "; 20 labels, 2 draws of them" in loaded
    assert told(loaded) == [line.partition("; alone:")[0] for line in few]
    assert loaded.splitlines()[-1].startswith("C-COND: of the class asked for are CGAN: ")


def test_conditional_weights_go_to_a_folder(tmp_path):
    """Said before anything is trained."""
    file = tmp_path / "cgan.npz"
    file.write_bytes(b"mine")
    with pytest.raises(SystemExit, match=f"--export takes a folder, a file for each game; {file} is a file"):
        conditional.main(conditional.Config(out=tmp_path, export=file))
    assert [*tmp_path.iterdir()] == [file]


@pytest.mark.parametrize(
    ("demo", "options", "told"),
    [
        (conditional, {"labels": 15}, "--labels is a multiple of 10"),
        (conditional, {"labels": 2000}, "--labels 2000 wants 200 images of each class; of one there are [0-9]+"),
        (conditional, {"draws": 1}, "--draws 2 or more"),
        (dcgan_arithmetic, {"size": 49}, "fifths of a class need five z's of it: --size 50 or more"),
        (dcgan_arithmetic, {"groups": 1}, "--groups 2 or more"),
    ],
)
def test_what_cannot_be_measured_is_said_before_anything_is_learnt(demo, options, told, tmp_path):
    with pytest.raises(SystemExit, match=told):
        demo.main(demo.Config(out=tmp_path, **options))
    assert not [*tmp_path.iterdir()]


def test_more_draws_than_come_along(tmp_path):
    with pytest.raises(SystemExit, match="fewer than --draws 4 semi-supervised games come with the demo"):
        conditional.main(conditional.Config(out=tmp_path, pretrained=True, draws=4))
    assert not [*tmp_path.iterdir()]


GROUPS = {"groups": 2, "size": 200}


@pytest.mark.parametrize(
    ("demo", "settings", "facts"),
    [
        (
            conditional,
            {"pretrained": True},
            (
                "trained on the complete MNIST;",
                "16 dimensions, N(0, I), and the class",
                "16 epochs",
                "lr 0.002 for both",
                "one of ten categories",
                "lr 0.0005 of D, 0.002 of G",
                "2 numbers on [−1, 1]",
            ),
        ),
        (
            dcgan_arithmetic,
            {"pretrained": True, **GROUPS},
            ("trained on the bundled digits", "32 dimensions", "20 epochs", "2 groups of 200", "lr 0.001 for both"),
        ),
        (
            conditional,
            {"channels": 2, "draws": 2, "labels": 20},
            ("AC-GAN: and −ln C(y|x)", "4 dimensions", "lr 0.0005 of D, 0.002 of G", "K + 1 answers", "of the labels"),
        ),
        (
            dcgan_arithmetic,
            {"channels": 2, "latent": 3, **GROUPS},
            ("trained on a few digits;", "3 dimensions, N(0, I)", " 1 epochs of D's", "2 and 4 channels"),
        ),
    ],
)
def test_numbers_stand_beside_the_protocol_of_their_training(
    demo, settings, facts, tmp_path, capsys, monkeypatch, few_images
):
    """That of shipped weights, too, which were made elsewhere; and that of the measurement."""
    monkeypatch.setattr(demo, "load_images", lambda config: few_images._replace(name="a few digits"))
    demo.main(demo.Config(out=tmp_path, epochs=1, seed=7, **settings))
    output = capsys.readouterr().out
    seed = 0 if "pretrained" in settings else 7
    for fact in (*facts, "measured against a few digits", f"seeds       {seed} of the training, 7 of the measurement"):
        assert fact in output


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


@pytest.mark.parametrize(("steps", "looks"), [(1, [40, 80, 120]), (3, [42, 81, 120]), (50, [50, 100])])
def test_the_monitor_looks_however_many_steps_d_takes(steps, looks, tmp_path, few_images):
    """At the first of G's steps after every 40 of D's."""
    config = gan.Config(out=tmp_path, lr=1e-3, steps=steps, **SMALL | {"epochs": 20})
    run = gan.learn(config, few_images, conditional.learn_judge(config, few_images))
    assert [seen["step"] for seen in run.history["looks"]] == looks


@pytest.mark.ledger("C-2v3")
def test_a_collapse_is_drawn(tmp_path, monkeypatch, few_images):
    """In the picture and in the film: e^H of the classes falls from 10 to 2, and the spread from 1 to ½."""
    run = gan.training.Run(None, None, None, epoch=4, step=400)
    run.history["train"] = [{"D": 1.0, "G": 1.0}] * 4
    run.history["looks"] = [
        {"step": 100, "classes": 10.0, "spread": 1.0},
        {"step": 400, "classes": 2.0, "spread": 0.5},
    ]
    run.history["distances"] = [{"epoch": e, "d²": 50.0 / e} for e in (1, 2, 3, 4)]
    monkeypatch.setattr(gan, "frames_of", lambda config: {str(e): few_images.train[0][:64] for e in (1, 2, 3, 4)})
    figures = []
    monkeypatch.setattr(plotting, "save", lambda figure, path: figures.append(figure) or path)
    monkeypatch.setattr(plotting, "film", lambda figure, frame, count, path: frame(2) or figures.append(figure) or path)
    gan.draw(gan.Config(out=tmp_path), few_images, run)
    for figure, looks in zip(figures, (2, 1), strict=True):  # at the third of four frames the last look is to come
        (axes,) = (axes for axes in figure.axes if axes.get_ylabel().startswith("classes"))
        classes, width = axes.get_lines()[:2]
        for line, values in ((classes, [10, 2]), (width, [10, 5])):  # spread has its own axis, 10 times as large
            np.testing.assert_allclose(line.get_xdata(), [1, 4][:looks])
            np.testing.assert_allclose(line.get_ydata(), values[:looks], rtol=1e-6)


def test_the_best_epoch_is_the_one_nearest_to_real_digits(tmp_path, capsys, monkeypatch, few_images):
    """S0, lines 1450–1500: how does one see the best state? By d², at every epoch that is kept; the last is the one of
    the table. It is drawn beside the losses."""
    figures = []
    monkeypatch.setattr(plotting, "save", lambda figure, path: figures.append(figure) or path)
    gan.main(gan.Config(out=tmp_path, **SMALL | {"epochs": 4, "lr": 3e-3}))
    output = capsys.readouterr().out
    (figure,) = figures
    (axes,) = (axes for axes in figure.axes if axes.get_ylabel() == "Fréchet distance d²")
    curve, dot = axes.get_lines()
    np.testing.assert_array_equal(curve.get_xdata(), [1, 2, 3, 4])
    d2 = curve.get_ydata()
    k = int(np.argmin(d2))
    assert len(set(d2)) == 4
    assert (*dot.get_xdata(), *dot.get_ydata()) == (k + 1, d2[k])
    assert re.search(rf"^samples +{d2[-1]:.1f} ", output, re.MULTILINE)
    assert (
        f"nearest to the training digits is epoch {k + 1} with d² {d2[k]:.1f}; epoch 4, the last, has {d2[-1]:.1f}"
        in output
    )


def test_distances_do_not_disturb_the_training(tmp_path, monkeypatch, few_images):
    """They are measured on samples of a generator of their own: the weights are the same without, bit for bit; and
    they go on where a run is resumed."""
    config = gan.Config(out=tmp_path, lr=1e-3, **SMALL)
    judge = conditional.learn_judge(config, few_images)
    weights = gan.learn(config, few_images, judge).model.state_dict()
    more = gan.learn(replace(config, epochs=3, resume=True), few_images, judge)
    assert [kept["epoch"] for kept in more.history["distances"]] == [1, 2, 3]
    monkeypatch.setattr(judge, "distance", lambda x: 1.0)
    monkeypatch.setattr(gan, "MEASURED", 70)
    again = gan.learn(replace(config, out=tmp_path / "again"), few_images, judge)
    for key, value in again.model.state_dict().items():
        np.testing.assert_array_equal(value, weights[key])


@pytest.mark.ledger("C-2v3")
def test_players_of_few_units_collapse_and_the_monitor_says_so(tmp_path):
    """The first 40 epochs of the run that the demo's docstring names; the classifier saw a fifth of the images. One
    class is left, while D can only guess."""
    images = options.load_images(options.Options())
    config = gan.Config(out=tmp_path, epochs=40, hidden=4, lr=1e-3, workers=1)
    judge = conditional.learn_judge(config, images._replace(train=tuple(a[:1000] for a in images.train)))
    run = gan.learn(config, images, judge)
    looks = run.history["looks"]
    assert max(seen["classes"] for seen in looks[-5:]) < 3
    assert gan.diagnose(looks, run.step).name == "mode collapse"
    assert 1 < looks[-1]["metrics"]["D"] < 2  # 2 ln 2 = 1.39: nobody has won


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


def test_the_first_gans_average_counts_each_step_by_its_number(few_images, tmp_path, monkeypatch):
    """Σ s θₛ / Σ s, also where the training stopped on the way and went on."""
    seen, update = [], optim.ExponentialMovingAverage.update

    def recorded(average):
        seen.append([p.data.copy() for p in average.parameters])
        update(average)

    monkeypatch.setattr(optim.ExponentialMovingAverage, "update", recorded)
    small = {"out": tmp_path, "hidden": 6, "units": 2, "samples": 20, "batch_size": 30, "every": 9, "lr": 30.0}
    for epochs, resume in ((2, False), (4, True)):
        run = first_gan.learn(first_gan.Config(epochs=epochs, resume=resume, **small), few_images)
    assert len(seen) == run.step == 16
    share = np.arange(1, 17) / np.arange(1, 17).sum()
    for values, p in zip(zip(*seen), run.model.average.parameters()):
        np.testing.assert_allclose(p.data, np.tensordot(share, values, 1), rtol=1e-4, atol=1e-6)
        assert np.abs(p.data - np.mean(values, 0)).max() > 1e-4  # where all count the same
