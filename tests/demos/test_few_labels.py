"""What demos.few_labels does besides training: how many labels there can be, and which digits it is tested with."""

from types import SimpleNamespace

import numpy as np
import pytest
import scipy.sparse

from demos import few_labels, options
from scratchgen import no_grad, plotting
from scratchgen.data import binarize, digits
from scratchgen.models.latent import VAE, Autoencoder

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


# ----------------------------------------------------------------------------------------------- what the numbers mean
def test_near_images_have_more_to_say_than_far_ones():
    """A graph without edges, where only the three labelled rows say anything. Once the one 3 is so near that e^(−d/m)
    is more than that of both 8s, e^(−0.1) > 2 e^(−1); once it is not, 0.549 < 0.736. Not even the median m decides."""
    given, labels = np.array([4, 0, 2]), np.array([3, 8, 8])
    near, d = np.array([[4, 0, 2], [2, 4, 0]]), np.array([[0.1, 1.0, 1.0], [1.0, 0.6, 1.0]])
    graph = scipy.sparse.csr_matrix((5, 5))
    assert few_labels.spread_to(graph, given, labels, near, d).tolist() == [3, 8]
    assert few_labels.spread_to(graph, given, labels, near, 9 * d).tolist() == [3, 8]


def test_two_labels_are_enough_for_two_clusters():
    """One labelled row in each, and images that are not in the graph between rows of both: they get the class of those
    that are near, though most of their neighbours are of the other cluster."""
    rng = np.random.default_rng(0)
    rows = np.concatenate([rng.normal(0, 0.3, (6, 2)), rng.normal(4, 0.3, (30, 2))])
    graph = few_labels.neighbour_graph(rows, 4)
    there = np.array([[0.1, 0.2], [-0.3, 0.1], [4.2, 3.9]])
    near, d = few_labels.nearest(there, rows, 15)
    assert ((near >= 6).sum(1) > 7).all()
    assert few_labels.spread_to(graph, np.array([2, 20]), np.array([7, 1]), near, d).tolist() == [7, 7, 1]


def test_what_is_not_in_the_graph_counts_rows_and_not_how_much_has_reached_them():
    """Two rows that only a little of a label has reached outvote a labelled one: of each row the shares count."""
    graph = scipy.sparse.csr_matrix(np.array([[0, 0, 0.1, 0.1], [0, 0, 0, 0], [0.1, 0, 0, 0], [0.1, 0, 0, 0]]))
    near, d = np.array([[1, 2, 3]]), np.ones((1, 3))
    scores = few_labels.spread(graph, np.array([0, 1]), np.array([5, 6]))
    assert scores[1, 6] > 3 * scores[2:, 5].sum() > 0
    assert few_labels.spread_to(graph, np.array([0, 1]), np.array([5, 6]), near, d).tolist() == [5]


@pytest.fixture
def learned(tmp_path, bundled):
    """What `features` makes of 300 digits, and the options, in whose folder it keeps its weights."""
    few = bundled._replace(train=tuple(array[:300] for array in bundled.train))
    config = few_labels.Config(out=tmp_path, epochs=4, channels=2, latent=3, lr=0.01, workers=1)
    return config, few.train[0], *few_labels.features(config, few, few.train[0])


def test_every_feature_is_of_the_model_that_it_is_named_after(learned):
    """Pixels are pixels, PCA's first three numbers the projections on the singular vectors; autoencoder and VAE are
    those whose weights were kept, and better than untrained ones; the random encoder is the VAE before its training."""
    config, x, kinds, trained = learned
    rows = {name: encode(x) for name, encode in kinds.items()}
    np.testing.assert_array_equal(rows.pop("pixels"), x)
    _, _, axes = np.linalg.svd(x - x.mean(0, dtype=float), full_matrices=False)
    by_hand = (x - x.mean(0, dtype=float)) @ axes[:3].T
    np.testing.assert_allclose(np.abs(rows.pop("PCA")), np.abs(by_hand), atol=1e-3)

    def made(kind, weights=None):
        model = kind(784, (2, 4), 3, shape=few_labels.SHAPE, rng=np.random.default_rng(config.seed))
        if weights:
            with np.load(config.folder() / weights) as file:
                model.load_state_dict({n[len("model/") :]: file[n] for n in file.files if n.startswith("model/")})
        return model

    with no_grad():
        autoencoders = [made(Autoencoder), made(Autoencoder, "autoencoder.npz")]
        vaes = [made(VAE), made(VAE, "vae.npz")]
        np.testing.assert_array_equal(rows.pop("autoencoder"), autoencoders[1].encode(x).numpy())
        np.testing.assert_array_equal(rows.pop("random encoder"), vaes[0].encode(x).mean.numpy())
        np.testing.assert_array_equal(rows.pop("VAE"), vaes[1].encode(x).mean.numpy())
        assert not rows
        for name, value in vaes[1].state_dict().items():
            np.testing.assert_array_equal(trained.state_dict()[name], value)
        bits = binarize(x, "static")
        at_first, at_last = (((model(x).numpy() - x) ** 2).sum(1).mean() for model in autoencoders)
        assert at_last < 0.8 * at_first
        at_first, at_last = (model.loss(bits, np.random.default_rng(0))[0].item() for model in vaes)
        assert at_last < 0.8 * at_first


def test_the_fine_tuned_network_begins_as_the_encoder_of_the_vae_and_the_others_from_scratch():
    config = few_labels.Config(channels=2, latent=3)
    vae = VAE(784, (2, 4), 3, shape=few_labels.SHAPE, rng=np.random.default_rng(1))
    kinds = {kind: few_labels.network(config, kind, vae, np.random.default_rng(2)) for kind in few_labels.NETWORKS}
    assert isinstance(kinds.pop("MLP from scratch"), few_labels.MLPClassifier)
    tuned, scratch = (kinds[kind].network.state_dict() for kind in ("fine-tuned VAE encoder", "CNN from scratch"))
    assert tuned.keys() == scratch.keys()
    for name, value in vae.encoder.network.state_dict().items():
        np.testing.assert_array_equal(tuned[name], value)
        assert (scratch[name] != value).any() or not value.any()  # biases begin at 0 everywhere
    assert len(tuned) == len(vae.encoder.network.state_dict())


def test_every_method_is_told_with_its_own_errors(monkeypatch, bundled):
    """Each answers all test digits right but a known number of them, the first ones; of 1,000 that is its percentage.
    And each is shown the test digits, as its own kind of rows."""
    (test, truth), x = bundled.test, bundled.train[0]
    wrong = {
        "logistic": 10,
        "spread": 20,
        "fine-tuned VAE encoder": 30,
        "MLP from scratch": 40,
        "CNN from scratch": 500,
    }
    wrong |= {"M2": 60, "M1+M2": 70}

    def but(n):
        return np.where(np.arange(1000) < n, (truth + 1) % 10, truth)

    def logistic(rows, labels):
        return lambda rows: but(wrong["logistic"] if (rows == -test).all() else 1000)

    def answers(config, name, rows):
        return but(wrong[name] if (rows == (-test if name == "M1+M2" else test)).all() else 1000)

    def nearest(queries, rows, k):
        return (queries == -test).all() and (rows == -x).all(), None

    def spread_to(graph, given, labels, near, d):
        return but(wrong["spread"] if graph and near else 1000)

    monkeypatch.setattr(few_labels, "features", lambda config, images, x: ({"VAE": np.negative}, None))
    monkeypatch.setattr(few_labels, "codes", lambda vae, x: ("moments",))
    monkeypatch.setattr(few_labels, "neighbour_graph", lambda rows: (rows == -x).all())
    monkeypatch.setattr(few_labels, "nearest", nearest)
    monkeypatch.setattr(few_labels, "logistic", logistic)
    monkeypatch.setattr(few_labels, "spread_to", spread_to)
    monkeypatch.setattr(few_labels, "network", lambda config, kind, vae, rng: kind)
    monkeypatch.setattr(few_labels, "fit", lambda config, kind, x, labels, rng: kind)
    monkeypatch.setattr(few_labels, "semi_supervised", lambda config, name, *rest: SimpleNamespace(classifier=name))
    monkeypatch.setattr(few_labels, "answers", answers)
    found = few_labels.errors(few_labels.Config(), bundled, [100, 600], 2)
    told = {("VAE, " * (name in ("logistic", "spread")) + name): n / 10 for name, n in wrong.items()}
    assert found.keys() == told.keys()
    for method, by_size in found.items():
        assert list(by_size) == ([100] if method in ("M2", "M1+M2") else [100, 600])
        assert all(by_draw == pytest.approx([told[method]] * 2) for by_draw in by_size.values())
    assert few_labels.percent_wrong(np.array([0, 1]), np.array([0, 0])) == 50


def test_the_last_lines_compare_the_vae_with_its_rivals_draw_by_draw(tmp_path, capsys, monkeypatch):
    """The rivals' errors rise and fall with the VAE's: the differences have the small interval, 1.96 is not 4.30."""
    ours = [4.0, 8.0, 6.0]
    apart = {
        "CNN from scratch": [-2.0, -2.2, -2.1],
        "random encoder, spread": [0.0, 1.0, -1.0],
        "PCA, spread": [3, 3, 3],
    }

    def errors(config, images, sizes, draws):
        found = {name: [a - b for a, b in zip(ours, by)] for name, by in apart.items()} | {"VAE, spread": ours}
        return {name: dict.fromkeys(sizes, found.get(name, [5.0, 5.0, 5.0])) for name in SHOWN}

    monkeypatch.setattr(few_labels, "errors", errors)
    few_labels.main(few_labels.Config(out=tmp_path))
    told = [line.split(" against ")[1] for line in capsys.readouterr().out.splitlines() if line.startswith("C-FEW,")]
    assert told == [
        "CNN from scratch: -2.10 ± 0.25 % wrong: better",  # 4.303 · 0.1 / √3
        "random encoder, spread: +0.00 ± 2.48 % wrong: undecided",
        "PCA, spread: +3.00 ± 0.00 % wrong: worse",
    ]
