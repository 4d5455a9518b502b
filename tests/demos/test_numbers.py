"""The numbers that demos print: each against an answer that is known beforehand, or computed here in another way.

Where a number is made in a demo's `main`, what is trained there is replaced by models or functions that are known.
"""

import math
import re
from types import SimpleNamespace

import numpy as np
import pytest
from scipy.special import expit

from demos import (
    autoencoder,
    bits_back,
    blur,
    collapse,
    compress,
    dcgan_arithmetic,
    elbo_gap,
    latent_space,
    monte_carlo,
    options,
    parzen,
    pixel_distance,
    saturation,
)
from scratchgen import no_grad, plotting, tensor
from scratchgen.data import binarize
from scratchgen.distributions import Normal
from scratchgen.evaluation import Parzen, frechet_distance, sharpness
from scratchgen.models.adversarial import MLPDiscriminator, MLPGenerator
from scratchgen.models.classifier import MLPClassifier
from scratchgen.models.latent import VAE
from scratchgen.models.latent import bits_back as coder
from scratchgen.models.latent.linear_gaussian import LinearGaussian
from scratchgen.models.latent.quadrature import solve
from scratchgen.nn import Parameter

DEMOS = (
    autoencoder, bits_back, blur, collapse, compress, dcgan_arithmetic, elbo_gap, latent_space, monte_carlo, parzen,
    pixel_distance, saturation,
)  # fmt: skip


@pytest.fixture(autouse=True)
def few(monkeypatch):
    """The first bundled digits, 300, 100 and 200 of them; and no picture is written."""
    monkeypatch.delenv("SCRATCHGEN_DATA", raising=False)
    monkeypatch.setattr(plotting, "save", lambda figure, path: path)
    monkeypatch.setattr(plotting, "film", lambda figure, frame, count, path, *args: path)
    whole = options.load_images(options.Options())
    images = whole._replace(
        train=tuple(a[:300] for a in whole.train),
        validation=tuple(a[:100] for a in whole.validation),
        test=tuple(a[:200] for a in whole.test),
    )
    for module in (options, *DEMOS):
        if hasattr(module, "load_images"):
            monkeypatch.setattr(module, "load_images", lambda config: images)
    return images


@pytest.fixture
def drawn(monkeypatch, few):
    """The pictures that a demo draws, by the names of their files."""
    figures = {}
    monkeypatch.setattr(plotting, "save", lambda figure, path: figures.update({path.name: figure}) or path)
    return figures


def lines_of(axes):
    """The y of each curve, by its name."""
    return {line.get_label(): list(line.get_ydata()) for line in axes.lines}


@pytest.fixture
def rng():
    return np.random.default_rng(0)


# ------------------------------------------------------------------------------------------------------ pixel_distance
def test_a_moved_digit_is_further_than_a_broken_one_by_the_codes_that_are_told(tmp_path, capsys, monkeypatch, few):
    """All of what is told, counted digit by digit: of pixels, of the sums of columns, and of the sums of rows, which a
    move sideways leaves as they are. What is erased are columns, as many as the radius says."""

    def erased(x, radius, rng):
        return np.where(np.abs(np.arange(28) - 13.5) < radius / 2, 0, x).astype(x.dtype)

    encoders = {"pixels": lambda x: x.reshape(len(x), -1), "columns": lambda x: x.sum(1), "rows": lambda x: x.sum(2)}
    few = few._replace(test=tuple(array[:80] for array in few.test))
    monkeypatch.setattr(pixel_distance, "load_images", lambda config: few)
    monkeypatch.setattr(pixel_distance, "erased", erased)
    monkeypatch.setattr(pixel_distance, "encoders", lambda config, images: encoders)
    pixel_distance.main(pixel_distance.Config(out=tmp_path, radius=4.0, sigma=0.5))
    output = capsys.readouterr().out

    x = few.test[0].reshape(-1, 28, 28)
    same, other = np.zeros_like(x), erased(x, 4.0, None)
    same[:, :, 1:] = x[:, :, :-1]
    for name, encode in encoders.items():
        here, there, apart = (encode(images).astype(float) for images in (x, same, other))
        further, found = [], []
        for i in range(len(x)):
            further.append(((here[i] - there[i]) ** 2).sum() > ((here[i] - apart[i]) ** 2).sum())
            found.append(((there[i] - here) ** 2).sum(1).argmin() == i)
        told = re.search(rf"^  {name}: ([\d.]+) \(.* % and ([\d.]+) \(", output, re.MULTILINE).groups()
        assert told == (f"{100 * np.mean(further):.1f}", f"{100 * np.mean(found):.1f}")
        if name == "pixels":
            assert 10 < 100 * np.mean(further) < 90
            assert f"for {told[0]} (" in output  # in the last line
        assert (told[0] == "0.0") == (name == "rows")
    nats = 2 * np.mean([((a - b) ** 2).sum() - ((a - c) ** 2).sum() for a, b, c in zip(x, same, other)])  # 1/2σ² = 2
    assert f"by {nats:.0f} nats on the average" in output
    rows = {name: re.search(rf"^  {name} +([\d.]+) +([\d.]+) \(.*?\) +([\d.]+) \(.*?\) +([\d.]+) \(", output, re.M)
            for name in pixel_distance.MOVES}  # fmt: skip
    for (name, move), shift in zip(pixel_distance.MOVES.items(), ((0, 1), (1, 0), None, (0, 2), (2, 0))):
        there = move(x) if shift is None else np.pad(x, ((0, 0), (2, 0), (2, 0)))[
            :, 2 - shift[0] : 30 - shift[0], 2 - shift[1] : 30 - shift[1]
        ]  # fmt: skip
        d = ((x - there) ** 2).sum((1, 2))
        shares = [100 * (d > ((x - erased(x, radius, None)) ** 2).sum((1, 2))).mean() for radius in (2, 3, 4)]
        assert rows[name].groups() == tuple(f"{number:.1f}" for number in (d.mean(), *shares))


# --------------------------------------------------------------------------------------------------------- autoencoder
def features_of(model, x):
    """By hand: the hidden units of a classifier, and its probabilities."""
    state = {name: value.astype(float) for name, value in model.state_dict().items()}
    hidden = np.maximum(x @ state["hidden.weight"].T + state["hidden.bias"], 0)
    p = np.exp(hidden @ state["output.weight"].T + state["output.bias"])
    return hidden, p / p.sum(1, keepdims=True)


def test_a_judge_measures_in_the_features_of_its_classifier(rng, few):
    """d² = |μ₁ − μ₂|² + tr(Σ₁ + Σ₂ − 2(Σ₁Σ₂)^½) of the hidden units; 0 of the real digits themselves."""
    model = MLPClassifier(784, 12, rng=rng)
    judge = autoencoder.Judge(model, few.train[0], "cpu")
    made = rng.random((50, 784), dtype=np.float32)
    hidden, p = features_of(model, made)
    real, _ = features_of(model, few.train[0])
    assert judge.distance(made) == pytest.approx(frechet_distance(hidden, real), rel=1e-4)
    shift, roots = hidden.mean(0) - real.mean(0), np.linalg.eigvals(np.cov(hidden.T, ddof=0) @ np.cov(real.T, ddof=0))
    trace = hidden.var(0).sum() + real.var(0).sum() - 2 * np.sqrt(np.maximum(roots.real, 0)).sum()
    assert judge.distance(made) == pytest.approx(shift @ shift + trace, rel=0.02)
    assert judge.distance(few.train[0]) == pytest.approx(0, abs=1e-6)
    read, sure = judge.reads(made)
    np.testing.assert_array_equal(read, p.argmax(1))
    np.testing.assert_allclose(sure, p.max(1), rtol=1e-4)


def test_what_comes_back_of_digits_and_out_of_noise_is_told_right(tmp_path, capsys, monkeypatch, few):
    """Untrained models, and both tables, the denoising and the last line by their formulas, from the models' output."""
    built = {}

    def learn(config, images, name, build, loss=None):
        built[name] = build(np.random.default_rng(len(built)))
        if name == "classifier":
            built[name].output.weight.data *= 10  # it is sure now and then
        return SimpleNamespace(model=built[name], history={"validation": [{"squared error": 1.0}]})

    monkeypatch.setattr(autoencoder, "learn", learn)
    config = autoencoder.Config(out=tmp_path, hidden=8, channels=2, latent=3)
    autoencoder.main(config)
    output = capsys.readouterr().out

    (x, labels), classifier = few.test, built["classifier"]
    real, noise = features_of(classifier, few.train[0])[0], np.random.default_rng(0).standard_normal((200, 3))
    with no_grad():
        backs = {name: built[name](x).numpy() for name in ("squared error", "cross-entropy", "code of two numbers")}
        dreams = built["squared error"].decode(noise.astype(np.float32)).numpy()
    backs |= {"the digits themselves": x, "no code: the mean image": np.tile(few.train[0].mean(0), (200, 1))}
    for name, back in backs.items():
        p = back.clip(0, 1).astype(float)
        with np.errstate(divide="ignore"):
            entropy = -(x * np.log(p).clip(-100) + (1 - x) * np.log1p(-p).clip(-100)).sum(1).mean()
        right = 100 * (features_of(classifier, back)[1].argmax(1) == labels).mean()
        errors = ((back - x).astype(float) ** 2).sum(1).mean(), entropy, np.abs(back - x).sum(1).mean(dtype=float)
        row = re.search(rf"^{name} +([\d.]+) +([\d.]+) +([\d.]+) +([\d.]+)$", output, re.MULTILINE)
        np.testing.assert_allclose([float(number) for number in row.groups()], [*errors, right], rtol=1e-3, atol=0.06)
    assert 3 < right < 97
    through = {"real test digits": x, "test digits, through the AE": backs["squared error"], "AE, z ~ N(0, I)": dreams}
    d = {}
    for name, made in through.items():
        hidden, p = features_of(classifier, made)
        d[name] = frechet_distance(hidden, real)
        row = re.search(rf"^{re.escape(name)} +([\d.]+) +(\d+)%$", output, re.MULTILINE)
        assert float(row[1]) == pytest.approx(d[name], rel=1e-3, abs=0.006)
        assert row[2] == f"{100 * (p.max(1) > 0.9).mean():.0f}"
    near = re.search(r"^VAE, z ~ N\(0, I\) +([\d.]+)", output, re.MULTILINE)[1]
    error = ((backs["squared error"] - x).astype(float) ** 2).sum(1).mean()
    last = re.search(r"^squared error ([\d.]+) .* d² = ([\d.]+) with the AE, ([\d.]+) with the VAE", output, re.M)
    assert float(last[1]) == pytest.approx(error, abs=0.011)
    expected = [error, d["AE, z ~ N(0, I)"], float(near)]
    np.testing.assert_allclose([float(number) for number in last.groups()], expected, rtol=1e-3, atol=0.06)

    blanked = autoencoder.mask(x, autoencoder.MASKED, np.random.default_rng(0))
    for name, kind in (("trained for that", "denoising"), ("not trained for that", "squared error")):
        with no_grad():
            back = built[kind](blanked).numpy()
        told = re.search(rf"[:;] {name}: squared error ([\d.]+)", output)[1]
        assert float(told) == pytest.approx(((back - x).astype(float) ** 2).sum(1).mean(), abs=0.06)


# --------------------------------------------------------------------------------------------------------- monte_carlo
@pytest.mark.parametrize("d", [1, 3])
def test_the_encoder_gets_a_tenth_of_the_samples_and_wastes_what_theory_says(d):
    """w = p/q with p = N(0, 1), q = N(δ, τ²) in each dimension, in units of the posterior: E w² is
    τ² exp(δ²/(2τ² − 1)) / √(2τ² − 1), and so many samples are worth one. The prior gets all, and so many decades."""
    found = monte_carlo.measure(d, monte_carlo.Config(samples=20_000, runs=4))
    delta, tau = monte_carlo.SHIFT, monte_carlo.STRETCH
    waste = tau**2 * math.exp(delta**2 / (2 * tau**2 - 1)) / math.sqrt(2 * tau**2 - 1)
    np.testing.assert_allclose(found.effective[monte_carlo.ENCODER], 2000 / waste**d, rtol=0.01)
    assert found.error[monte_carlo.ENCODER].max() < 0.02
    if d == 1:  # p(x|z) over p(x), x about N(0, 1): about 20,000 · 2 √π σ φ(x) are near enough
        assert 50 < found.effective[monte_carlo.PRIOR].min() < found.effective[monte_carlo.PRIOR].max() < 3500
    assert found.decades == pytest.approx(d * math.log10(101))


def test_the_prior_lies_below_the_encoder_by_what_the_table_says(tmp_path, capsys, monkeypatch, few):
    """With one latent dimension ln p(x) and the ELBO are integrals over a line, and both estimates lie around the one.
    In the last lines stand the differences of the table's columns, and, the median of two runs being their mean, the
    errors of its last row."""
    model = VAE(784, 8, 1, rng=np.random.default_rng(1))
    for p in model.decoder.parameters():
        p.data *= 4
    monkeypatch.setattr(monte_carlo, "learn", lambda config, images: SimpleNamespace(model=model))
    monkeypatch.setattr(monte_carlo, "draw_plane", lambda config, path: path)
    monte_carlo.main(monte_carlo.Config(out=tmp_path, samples=20, runs=2, digits=3, latent=1))
    output = capsys.readouterr().out

    row = r"^  \d +(-[\d.]+) \(ESS +([\d.]+)\) +(-[\d.]+) ± ([\d.]+) \(ESS +([\d.]+)\) +(-[\d.]+)$"
    prior, ess, encoder, error, _, elbo = np.array(re.findall(row, output, re.MULTILINE), float).T
    exact = solve(model, binarize(few.test[0], "static")[:3])
    assert (np.abs(encoder - exact.log_prob) < 4 * error + 0.01).all()
    assert (np.abs(prior - exact.log_prob) < 5 / np.sqrt(ess)).all()
    np.testing.assert_allclose(elbo, exact.elbo, rtol=0.03)
    told = re.search(r"lie (-?[\d.]+) nats below 5,000 of the encoder \((-?[\d.]+) … (-?[\d.]+)\)", output).groups()
    missing = encoder - prior
    np.testing.assert_allclose(np.array(told, float), [missing.mean(), missing.min(), missing.max()], atol=0.06)
    assert abs(missing.mean()) > 0.15  # with its sign

    last = re.search(r"^ 50 +([\d.]+) ± .*?\) +([\d.]+) ± ", output, re.MULTILINE).groups()
    claim = re.search(
        r"20 samples of the prior miss ln p\(x\) by ([\d,]+) .*\s+2 of a .* by ([\d.]+)\.", output
    ).groups()
    assert float(claim[0].replace(",", "")) == pytest.approx(float(last[0]), abs=0.51)
    assert float(claim[1]) == pytest.approx(float(last[1]), abs=6e-4)


# -------------------------------------------------------------------------------------------------------- latent_space
WEIGHTS = np.random.default_rng(1).uniform(0.9, 1.1, 784)  # so that no two digits have the same ink


def halves(x):
    """How much ink lies in the left half of images (N, 784), and in the right one: (N, 2)."""
    return (WEIGHTS * x).reshape(-1, 28, 2, 14).sum((1, 3))


class Halves:
    """A model whose codes are the ink of both halves. It fills each half from the top, pixel by pixel."""

    def encode(self, bits):
        return halves(bits)

    def decode(self, z):
        ink = WEIGHTS.reshape(28, 2, 14).swapaxes(0, 1).reshape(2, 392)
        filled = ((z[:, :, None] - ink.cumsum(1) + ink) / ink).clip(0, 1)
        return filled.reshape(-1, 2, 28, 14).swapaxes(1, 2).reshape(-1, 784)


def fifths(rows, values, labels):
    """By hand: mean row of the highest fifth of the values less that of the lowest, in each class; then their mean."""
    found = []
    for k in set(labels.tolist()):
        order = sorted(np.flatnonzero(labels == k), key=lambda i: values[i])
        n = len(order) // 5
        found.append(sum(rows[i] for i in order[-n:]) / n - sum(rows[i] for i in order[:n]) / n)
    return sum(found) / len(found)


def test_what_is_added_in_z_adds_to_the_attribute(tmp_path, capsys, monkeypatch, rng):
    """Codes that are the attributes themselves. Half of the difference of means is added, or taken: the attribute is
    more where it is added, by the whole difference, and the other one changes as it does in the codes. Digits are told
    by their ink on the left, so that some become others, in the order that is told: less, as they are, more."""
    ink = {"left": lambda x: halves(x)[:, 0], "right": lambda x: halves(x)[:, 1]}
    monkeypatch.setattr(latent_space, "ATTRIBUTES", ink)
    left = rng.permutation(160)
    right = np.argsort(np.argsort(left + rng.normal(0, 40, 160)))  # where there is more on the left, also on the right
    filled = np.arange(392)[:, None] < np.stack([left, right], 1)[:, None] + 116
    x = filled.reshape(160, 28, 14, 2).swapaxes(2, 3).reshape(160, 784).astype(np.float32)
    labels = (left > 66) * 1
    images = SimpleNamespace(train=(x[:120], labels[:120]))
    latent_space.tell_arithmetic(Halves(), images, (x[120:], x[120:], labels[120:]), latent_space.Config(out=tmp_path))
    output = capsys.readouterr().out

    z, here, model = halves(x[:120]), halves(x[120:]), Halves()
    for k, name in enumerate(ink):
        way = fifths(z, z[:, k], labels[:120])
        assert way[k] > 20
        changes = [f"{change:+.3f} ± 0.000" for change in way]
        kept = []
        for t in (-0.5, 0, 0.5):
            made = model.decode(here + t * way)
            near = [np.argsort(((x[:120] - image) ** 2).sum(1), kind="stable")[:10] for image in made]
            kept.append(100 * np.mean([np.bincount(labels[n]).argmax() == y for n, y in zip(near, labels[120:])]))
        row = re.search(rf"^ +{name} +(\S+ ± \S+) +(\S+ ± \S+) +(\S+), (\S+), (\S+) at −½, 0, \+½$", output, re.M)
        assert [row[1], row[2]] == changes
        np.testing.assert_allclose([float(row[i]) for i in (3, 4, 5)], kept, atol=2.6)  # a tie is decided either way
    assert max(kept) - min(kept) > 5


def test_halfway_is_as_far_from_the_nearest_digit_as_it_is(tmp_path, capsys, rng):
    """Two digits, so that every pair is the same. The training digits have them as their last ones, and before them one
    whose squared distance is 3 from what is halfway in z, and 50 from what is halfway in pixels, which lies 98 from
    each of the two. Five digits in the place of all would be further away."""
    left, right = Halves().decode(halves(np.ones((1, 784))) * np.eye(2))
    middle = np.full(784, 0.25)  # in z
    train = rng.random((30, 784)) + 2
    near = middle + np.sqrt(3 / 784) * np.ones(784)  # ∆² = 3
    train[-3:] = near, left, right

    class Codes:
        def encode(self, bits):
            return np.where(bits[:, :1] > 0.5, -1.0, 1.0) * np.ones((1, 2))

        def decode(self, z):
            share = z[:, :1]
            return np.where(share < -0.5, left, np.where(share > 0.5, right, middle))

    x = np.stack([left, right] * 10)
    test, images = (x, x, np.array([1, 2] * 10)), SimpleNamespace(train=(train, None))
    latent_space.tell_walks(Codes(), images, test, latent_space.Config(out=tmp_path))
    output = capsys.readouterr().out
    in_pixels = min(((0.5 - row) ** 2).sum() for row in train)
    assert in_pixels == pytest.approx(784 * (0.25 - np.sqrt(3 / 784)) ** 2)
    assert "Halfway between 500 pairs" in output
    assert f"in z: 3.0 ± 0.0, in pixels: {in_pixels:.1f} ± 0.0, the ends: 0.0 ± 0.0" in output
    assert f"halfway in z is nearer to a digit than halfway in pixels by {in_pixels - 3:.1f} ± 0.0" in output


# ------------------------------------------------------------------------------------------------------------ collapse
@pytest.mark.parametrize(
    ("name", "betas", "bits"),
    [
        ("VAE", [1, 1, 1, 1, 1, 1, 1, 1], 0),
        ("β = 10, free bits", [10, 10, 10, 10, 10, 10, 10, 10], 0.2),
        ("strong, warm-up", [0, 0.25, 0.5, 0.75, 1, 1, 1, 1], 0),
        ("strong, β = 4, warm-up", [0, 1, 2, 3, 4, 4, 4, 4], 0),
    ],
)
def test_warm_up_raises_beta_from_0_over_half_of_the_epochs(tmp_path, monkeypatch, few, name, betas, bits):
    """The β of each of eight epochs, as the loss has it; the rate falls along a cosine; free bits want one worker."""
    seen, rates = [], []

    def train(run, loss, data, *, epochs, callbacks, workers, **rest):
        assert workers == (1 if bits else 2)
        for run.epoch in range(epochs):
            value, metrics = loss(data[0][:20], run.rng)
            seen.append(run.model.beta)
            if not bits:
                assert value.item() == pytest.approx(
                    metrics["reconstruction"] + run.model.beta * metrics["KL"], rel=1e-4
                )
            rates.append(run.optimizer.lr)
            run.epoch += 1
            for callback in callbacks:
                callback(run)

    monkeypatch.setattr(collapse.training, "train", train)
    model = collapse.learn(collapse.Config(out=tmp_path, epochs=8, hidden=4, latent=2, lr=0.5), few, name, 0)
    assert seen == betas
    assert model.free_bits == bits
    np.testing.assert_allclose(rates, 0.25 * (1 + np.cos(np.pi * np.arange(8) / 8)))


def test_a_cure_is_told_by_what_it_adds(tmp_path, capsys, monkeypatch):
    """Judged by numbers that are known: those of the cured less those of the ill, seed by seed."""
    place = {name: i for i, name in enumerate(collapse.KINDS)}
    monkeypatch.setattr(collapse, "learn", lambda config, images, name, seed: (name, seed))
    noise = (0.0, 5.0, 1.0)  # of the seeds, the same for all kinds: of differences no interval is left

    def judge(model, x, seed):
        i, more = place[model[0]], noise[model[1]]
        return {"ELBO": more - 100 + i * i, "KL": more + 20 - i, "active units": more + 3 * i, "informative": more + i}

    monkeypatch.setattr(collapse, "judge", judge)
    collapse.main(collapse.Config(out=tmp_path))
    output = capsys.readouterr().out
    mean, half = 2.0, 4.303 * np.std(noise, ddof=1) / np.sqrt(3)
    assert re.search(rf"^VAE +{mean - 100:.2f} ± {half:.2f} +{mean + 20:.2f} ± {half:.2f} ", output, re.MULTILINE)
    for ill, cured in collapse.CURES:
        i, j = place[ill], place[cured]
        told = f"ELBO {j * j - i * i:+.2f} ± 0.00, KL {i - j:+.2f} ± 0.00, active units {3 * (j - i):+.2f} ± 0.00"
        assert f"{ill} → {cured}: {told}, KL > 0.1 nats {j - i:+.2f} ± 0.00\n" in output


# ---------------------------------------------------------------------------------------------------------------- blur
class Shrinks:
    """A VAE of two numbers in the place of a code, m(z) = share · x; its q(z|x) is N(x₀ and x₁, 0.5²)."""

    latent = 2

    def __init__(self, share=0.25):
        self.share = share

    def encode(self, x):
        self.x = x
        return Normal(tensor(x[:, :2]), 2 * math.log(0.5))

    def decode(self, z):
        return SimpleNamespace(mean=tensor(self.share * self.x))


@pytest.mark.equation("33.6")
def test_sharpness_is_divided_between_the_mean_what_it_misses_and_both(rng, capsys):
    """Where m is a quarter of x, S(m) is 1/16 of S(x), S(x − m) is 9/16, and 2 · ¼ · ¾ is between them."""
    x = rng.random((40, 784))
    parts = blur.decompose(Shrinks(), x, rng, "cpu")
    true = sharpness(x).mean()
    np.testing.assert_allclose(parts, true * np.array([1, 9, 6]) / 16)
    blur.explain([parts, blur.decompose(Shrinks(0.5), x, rng, "cpu")], true)  # of the other ¼, ¼ and ½
    assert " 16% is in m(z) for its own z, 41% in what m(z) misses, 44% between" in capsys.readouterr().out


def test_codes_come_from_the_prior_that_they_are_named_after(rng, few):
    """What images are encoded to has the spread of the means and of each q(z|x); the mixture as well; N(0, I) has 1."""
    x = np.zeros((4000, 784), np.float32)
    x[:, 0], x[:, 1] = np.where(rng.random(4000) < 0.5, -2, 2), 7
    codes = blur.codes(Shrinks(), few._replace(train=(x, None)), 4000, rng, "cpu")
    assert list(codes) == list(blur.PRIORS)
    normal, mixture, aggregate = codes.values()
    np.testing.assert_allclose(normal.mean(0), 0, atol=0.06)
    np.testing.assert_allclose(normal.std(0), 1, rtol=0.05)
    for z in (mixture, aggregate):
        np.testing.assert_allclose(z.mean(0), [0, 7], atol=0.12)
        np.testing.assert_allclose(z.std(0), [math.sqrt(4 + 0.25), 0.5], rtol=0.05)
    assert np.abs(mixture - aggregate).max() > 1


def test_sharpness_and_distance_are_told_in_their_columns(capsys, few):
    """Of two seeds, sharpness 0.1 and 0.3 where real digits have 0.4: 50 %; half an interval of 12.7 · 0.1."""
    keys = [(kind, prior) for kind in ("mean", "autoregressive", "GAN", "DCGAN") for prior in blur.PRIORS]
    found = {key: [(0.1 + 0.02 * i, 6.0 + i), (0.3 + 0.02 * i, 8.0 + i)] for i, key in enumerate(keys)}
    lines = blur.table(found, 0.4, 1.25, 0.5).splitlines()
    assert lines[2].split()[-3:] == ["0.4000", "100%", "1.25"]
    assert lines[3].split()[-2:] == ["0.5000", "125%"]
    half, more = f"± {12.706 * 0.1:.4f}", f"± {12.706:.2f}"
    assert re.fullmatch(rf"mean +N\(0, I\) +0\.2000 {half} +50% +7\.00 {re.escape(more)} *", lines[4])
    blur.conclude(blur.Config(), found, 0.4, few)
    told = capsys.readouterr().out
    assert "with N(0, I) and with the best prior: 7.00 → 9.00; with another decoder: 10.00.\n" in told
    assert "from 50.0% to 60.0% of real digits, another decoder to 65%, " in told
    assert "it is 80% (GAN) and 95% (DCGAN)" in told


# ------------------------------------------------------------------------------------------------------------ elbo_gap
def test_what_the_linear_vae_lacks_of_the_maximum_is_that_of_its_last_step(tmp_path, capsys):
    """The best likelihood by a fitted model on the same data; what is missing, and the three last KLs, from the last
    lines of the tables."""
    config = elbo_gap.Config(out=tmp_path, steps=12, bent_steps=12, points=60, frames=5)
    elbo_gap.main(config)
    output = capsys.readouterr().out
    rng = np.random.default_rng(config.seed)
    truth = LinearGaussian(rng.normal(size=(config.pixels, 2)), rng.normal(size=config.pixels), 0.5)
    x = truth.sample(config.points, rng)
    best = LinearGaussian.fit(x, 2).log_prob(x).mean()
    rows = re.findall(r"^ +(\d+) +(-[\d.]+) +(-[\d.]+) +([\d.]+) +[\d.e+-]+$", output, re.MULTILINE)
    first, last = ([float(number) for number in rows[i]] for i in (0, 4))
    told = re.search(r"\(Eq\. 16\.16\) is (\S+): the VAE is (\S+) nats below", output).groups()
    np.testing.assert_allclose(np.array(told, float), [best, best - last[1]], atol=2e-5)
    assert last[0] == 12
    assert last[1] > first[1] + 0.1
    ends = re.search(r"ends at (\S+) nats; with two hills and one Gaussian at (\S+)\s+\(true .* and (\S+) \(", output)
    np.testing.assert_allclose(
        [float(end) for end in ends.groups()], [float(rows[i][3]) for i in (4, 9, 14)], atol=6e-4
    )


# ----------------------------------------------------------------------------------------------------------- bits_back
def test_the_elbo_the_file_and_its_growth_are_told_in_bits(tmp_path, capsys, monkeypatch, drawn):
    """An untrained VAE. −ELBO by its two terms, written out, with other draws of z; sizes from the coder itself, which
    puts the last image first; net is what is left of them without the coins. The picture has the same numbers."""
    models = {}

    def learn(config, bits, model, name, *rest):
        models[name] = model
        if name == "vae":
            model.encoder.mean.weight.data *= 4  # else the KL would be less than what is allowed for the draws
        return model

    monkeypatch.setattr(bits_back, "learn", learn)
    bits_back.main(bits_back.Config(out=tmp_path, hidden=8, latent=3, images=20))
    output = capsys.readouterr().out

    vae, x = models["vae"], options.spread(binarize(options.load_images(None).test[0], "static"), 20)
    with no_grad():
        q = vae.encode(x)
        mean, log_var = q.mean.numpy().astype(float), q.log_var.numpy().astype(float)
        nats, rng = [0.5 * (mean**2 + np.exp(log_var) - 1 - log_var).sum(1).mean()], np.random.default_rng(7)
        for _ in range(200):
            z = mean + np.exp(log_var / 2) * rng.standard_normal(mean.shape)
            a = (2 * x - 1) * vae.decode(z.astype(np.float32)).logits.numpy()
            nats.append(np.logaddexp(0, -a).sum(1).mean() / 200)
    bound = sum(nats) / math.log(2)
    assert nats[0] > 0.01 * sum(nats)  # the KL alone
    told = re.search(r"^−ELBO: ([\d.]+) bits per image, ([\d.]+) nats .* net / −ELBO = ([\d.]+)$", output, re.MULTILINE)
    told = [float(number) for number in told.groups()]
    assert told[0] == pytest.approx(bound, rel=2e-3)
    assert told[1] == pytest.approx(told[0] * math.log(2), abs=0.011)

    stack = coder.Stack()
    coder.put(stack, vae, x[0].astype(np.int64))
    assert f"first image borrowed {32 * stack.borrowed} bits" in output
    one, all_of_them = (8 * (len(coder.compress(vae, some)) - coder.HEADER) for some in (x[:1], x[::-1]))
    size = re.search(r"^One image: (\d+) bits\. 20 images: ([\d.]+) bits each, of which ([\d.]+) net", output, re.M)
    assert [size[1], size[2]] == [f"{one:.0f}", f"{all_of_them / 20:.2f}"]
    coins = 32 * stack.borrowed
    for image in x[1:].astype(np.int64):
        coder.put(stack, vae, image)
    assert 20 * float(size[3]) == pytest.approx(all_of_them - 32 * stack.borrowed, abs=33)  # what is not a whole word
    assert told[2] == pytest.approx(float(size[3]) / told[0], abs=1e-4)
    assert told[2] == pytest.approx(1, abs=0.05)
    file = (tmp_path / "vae.sgac").stat().st_size
    row = re.search(r"^VAE, bits back +([\d.]+) +([\d.]+) +([\d.]+) +([\d,]+) ", output, re.MULTILINE).groups()
    ratio = 8 * (file - coder.HEADER) / (20 * told[0])
    np.testing.assert_allclose(
        [float(r.replace(",", "")) for r in row], [told[0], 8 * file / 20, ratio, file], atol=0.01
    )

    axes, png = drawn["growth.png"].axes[0], re.search(r"^PNG +([\d.]+) ", output, re.MULTILINE)[1]
    curves = lines_of(axes)
    sizes = curves["the file, with the coins"]
    assert [sizes[0], sizes[-1]] == [one, all_of_them / 20]
    assert curves["net of the coins"][0] == pytest.approx(one - coins, abs=33)
    for name, number in {"net of the coins": size[3], "−ELBO of all": told[0], "PNG, all on one sheet": png}.items():
        assert curves[name][-1] == pytest.approx(float(number), abs=0.006)
    assert curves["−ELBO of all"] == 5 * curves["−ELBO of all"][:1]
    assert all(list(line.get_xdata()) == [1, 2, 5, 10, 20] for line in axes.lines)


# ------------------------------------------------------------------------------------------------------------ compress
def test_a_model_that_is_sent_along_pays_when_it_has_saved_its_own_size(tmp_path, capsys, monkeypatch, rng, drawn):
    """Images whose pixels are independent, and two models, the one of which knows nothing. From the files themselves:
    with N images the best of the general programs needs at least as much as the model and its file together, with
    N − 1 not yet. Drawn are the files of the table, and one digit, with its bits counted by hand."""
    shape = (1, 28, 28)
    x = (rng.random((300, *shape)) < rng.choice([0.02, 0.98], shape)).astype(np.float32)
    bits = options.Bits(x, x, x[100:], (), "coins", False)
    models = {"MADE": compress.Independent(shape), "independent pixels": compress.Independent(shape).fit(x)}
    models["independent pixels"].idle = Parameter(np.zeros(20_000, np.float32))  # it must be sent as well
    monkeypatch.setattr(compress, "load_bits", lambda config, how: bits)
    monkeypatch.setattr(compress, "models", lambda config, bits: models)
    compress.main(compress.Config(out=tmp_path, images=100))
    output = capsys.readouterr().out
    best, worse = ((tmp_path / f"{name}.sgac").stat().st_size for name in ("independent_pixels", "MADE"))
    column = {name: re.search(rf"^{name} .*?([\d,]+) +[\d.]+%$", output, re.MULTILINE)[1].replace(",", "")
              for name in ("raw bits", "PNG", "gzip", "xz", "bzip2", "MADE", "independent pixels")}  # fmt: skip
    sizes = {name: int(number) for name, number in column.items()}
    own = {name: sizes.pop(name) for name in models}
    assert own == {"independent pixels": best, "MADE": worse}
    rival = min(sizes.values())
    told = re.search(r"pays from ([\d,]+) images on", output)[1].replace(",", "")
    weights, saved = (784 + 20_000) * 4, (rival - best) / 100  # bytes; a float32 for each pixel
    assert (int(told) - 1) * saved < weights <= int(told) * saved
    assert f"The receiver needs the model, {weights / 1024:.0f} KiB;" in output
    header = worse - 100 * 784 // 8  # a model that knows nothing gives a bit for each pixel
    assert f"the header, {header} bytes, adds {8 * header / 100:.2f} bits per image.\n" in output
    last = output.splitlines()[-1]
    told = f"{8 * best / 100:.2f} bits per image, {best / rival:.3f} of the best general program's file"
    assert last == f"independent pixels: {told}"

    (axes,) = drawn["sizes.png"].axes
    named = zip(axes.get_yticklabels(), axes.patches)
    widths = {label.get_text(): bar.get_width() for label, bar in named}
    assert widths == {name: pytest.approx(8 * size / 100) for name, size in (*sizes.items(), *own.items())}
    digit = max(options.spread(x[100:], 100)[:20], key=np.sum)[0]
    p = (x.sum(0, dtype=float)[0] + 1) / 302
    bits = -np.log2(np.where(digit == 1, p, 1 - p)).sum()
    shown = {axes.get_title(): axes for axes in drawn["surprise.png"].axes}
    np.testing.assert_array_equal(shown["the digit"].images[0].get_array(), digit)
    assert {"MADE: 784 bits", f"independent pixels: {bits:.0f} bits"} < shown.keys()


# -------------------------------------------------------------------------------------------------------------- parzen
def test_every_kind_of_images_is_what_it_is_called(monkeypatch, few):
    """Real digits are training images, each once; blurred they keep their ink and their place; ten are one of each
    class; centroids are nearer to the training images than as many of them are to the others."""
    asked = []
    sample = lambda n, rng, mean: asked.append((n, mean)) or np.full((n, 784), 0.5)
    monkeypatch.setattr(parzen, "model", lambda config, images: SimpleNamespace(sample=sample))
    train, labels = few.train
    made = parzen.kinds(parzen.Config(samples=40, steps=5), few)
    assert all(x.shape == (40, 784) for x in made.values())
    assert asked == [(40, True)]  # means, as they are drawn
    known = {image.tobytes(): label for image, label in zip(train, labels)}
    real, blurred, ten = made[parzen.REAL], made[parzen.BLURRED], made[parzen.TEN]
    assert len({image.tobytes() for image in real}) == len({image.tobytes() for image in real} & known.keys()) == 40
    np.testing.assert_allclose(blurred.sum(1), real.sum(1), rtol=0.01)
    rows = np.arange(28)
    for axis in (1, 2):
        centres = [(x.reshape(-1, 28, 28).sum(3 - axis) * rows).sum(1) / x.sum(1) for x in (real, blurred)]
        np.testing.assert_allclose(*centres, atol=0.1)
    assert sharpness(blurred).mean() < 0.2 * sharpness(real).mean()
    assert sorted(known[image.tobytes()] for image in ten) == sorted(4 * list(range(10)))
    assert len({image.tobytes() for image in ten}) == 10
    np.testing.assert_allclose(made[parzen.AVERAGE], np.tile(train.sum(0, dtype=float) / 300, (40, 1)), atol=1e-6)
    assert (made[parzen.MODEL] == 0.5).all()
    assert made[parzen.NOISE].mean() == pytest.approx(0.5, abs=0.01)
    assert made[parzen.NOISE].var() == pytest.approx(1 / 12, rel=0.03)
    apart = {kind: latent_space.to_nearest(train, made[kind].astype(float)).mean() for kind in made}
    assert apart[parzen.CENTROIDS] < 0.95 * apart[parzen.REAL] < apart[parzen.NOISE]


def test_centroids_make_as_many_steps_as_are_asked_for(monkeypatch, few):
    """Where k-means has settled, each is the mean of the training images that are nearest to it: after twenty steps all
    are, after one not yet half of them."""
    sample = lambda n, rng, mean: np.zeros((n, 784))
    monkeypatch.setattr(parzen, "model", lambda config, images: SimpleNamespace(sample=sample))
    train, off = few.train[0].astype(float), {}
    for steps in (1, 20):
        made = parzen.kinds(parzen.Config(samples=40, steps=steps), few)[parzen.CENTROIDS]
        nearest = np.array([((image - made) ** 2).sum(1).argmin() for image in train])
        off[steps] = [np.abs(train[nearest == k].mean(0) - made[k]).max() for k in set(nearest.tolist())]
    assert max(off[20]) < 1e-5
    assert np.median(off[1]) > 0.01


def test_four_measures_stand_in_their_columns(monkeypatch, few):
    """Ten images that are read as two classes, nine times to one: e^H = 2 of the answers, exp KL = 1.8^0.9 · 0.2^0.1 of
    the probabilities. The finer grid has the paper's σ in its middle, and the two beside it within."""
    p = np.full((10, 10), 1e-30)
    p[:5, :2], p[5:, :2] = [0.9, 0.1], [0.1, 0.9]
    judge = SimpleNamespace(model=lambda x: tensor(np.log(p)), distance=lambda x: 7.25)
    monkeypatch.setattr(
        parzen, "parzen_score", lambda *arguments: Parzen(21.5, 3.25, 0.125, np.array([len(arguments)]))
    )
    found = parzen.measure(parzen.Config(), few, judge, np.zeros((10, 784), np.float32))
    assert found[1:] == (pytest.approx(1.8**0.9 * 0.2**0.1), pytest.approx(2), 7.25)
    assert found.row("digits").split() == ["digits", "21.5", "±", "3.2", "0.125", "1.44", "2.0", "7.2"]
    assert list(found.parzen.each) == [3]  # no σ but those of the paper's grid
    monkeypatch.setattr(parzen, "parzen_score", lambda *arguments: arguments[3])
    fine, (first, second, third, *_) = parzen.finer(parzen.Config(), few, p, parzen.SIGMAS[0]), parzen.SIGMAS
    assert fine[len(fine) // 2] == pytest.approx(first)
    assert second < fine[-1] < third
    assert np.ptp(np.diff(np.log(fine))) < 1e-9
    assert fine[0] * fine[-1] == pytest.approx(first**2)


def test_what_is_concluded_of_parzen_windows_are_the_scores_of_their_kinds(capsys, monkeypatch, few):
    """Each kind has scores of its own; the finer grid gives the centroids 4.5 nats, and is asked for theirs."""
    kinds = (parzen.REAL, parzen.BLURRED, parzen.CENTROIDS, parzen.TEN)
    scores = {
        kind: parzen.Scores(Parzen(100.0 + i, 10.0 + i, 0.2 + i, np.zeros(1)), 5.0 + i, 1.0, 50.0 + i)
        for i, kind in enumerate(kinds)
    }
    fine = {("centroids", 2.2): 106.5}
    finer = lambda config, images, x, sigma: Parzen(fine[x, sigma], 0.0, 0.0, np.zeros(1))
    monkeypatch.setattr(parzen, "finer", finer)
    parzen.conclude(parzen.Config(), few, {parzen.CENTROIDS: "centroids"}, scores)
    told = " ".join(capsys.readouterr().out.split())
    assert "score of 8.00, real ones of 5.00; the Fréchet distance is not fooled (53.0 and 50.0)." in told
    assert "gives the centroids +4.5 nats" in told
    assert "centroids score 102.0 ± 12.0 nats, real digits 100.0 ± 10.0, real digits blurred 101.0 ± 11.0" in told


def test_bars_are_the_scores_of_four_kinds_with_their_errors(tmp_path, rng, drawn):
    kinds = (*parzen.RIVALS, parzen.TEN)
    made = {kind: rng.random((30, 784), dtype=np.float32) for kind in kinds}
    scores = {
        kind: parzen.Scores(Parzen(100.0 + i, 10.0 + i, 0.2, np.zeros(1)), 5.0, 1.0, 50.0)
        for i, kind in enumerate(kinds)
    }
    parzen.draw(parzen.Config(out=tmp_path), made, scores)
    (axes,) = drawn["scores.png"].axes
    assert [label.get_text() for label in axes.get_yticklabels()] == list(parzen.RIVALS)
    assert [bar.get_width() for bar in axes.patches] == [100, 101, 102, 103]
    (whiskers,) = axes.containers[-1].errorbar.lines[2]
    assert [np.ptp(segment[:, 0]) / 2 for segment in whiskers.get_segments()] == [10, 11, 12, 13]
    for i, (axes, kind) in enumerate(zip(drawn["images.png"].axes, kinds, strict=True)):
        assert axes.get_title() == f"{kind}\n{100 + i} nats"
        sheet = plotting.tiles(made[kind][:25].reshape(25, 28, 28), 5)
        np.testing.assert_array_equal(axes.images[0].get_array().filled(np.nan), sheet)


# ---------------------------------------------------------------------------------------------------- dcgan_arithmetic
def test_what_a_difference_of_means_moves_is_measured_in_the_difference_asked_for(monkeypatch, rng):
    """A painter who is linear in z, so that by both sums the attribute moves by all that is asked for, 100 %, and the
    other one, which has half of its z in common, by about half. All else by hand, of the same new digits."""
    matrix = np.zeros((3, 28, 2, 14))
    matrix[0, :, 0], matrix[0, :, 1] = 0.02, 0.01
    matrix[1, :, 1], matrix[2, 3, :, 2] = 0.01 * math.sqrt(3), 0.004
    matrix = matrix.reshape(3, 784)
    attributes = {"left": lambda x: halves(x)[:, 0], "right": lambda x: halves(x)[:, 1]}
    real = rng.random((20, 784))

    class Judge:
        def reads(self, x):
            ink = halves(x)[:, 0]
            return (ink > 200) * 1, ink / 400

        def distance(self, x):
            return float(x[:, 0].sum())

    monkeypatch.setattr(dcgan_arithmetic, "ATTRIBUTES", attributes)
    paint = lambda z: 0.5 + z @ matrix
    config = dcgan_arithmetic.Config(size=4000)
    for name, column in (("left", 0), ("right", 1)):
        found = dcgan_arithmetic.measure(config, paint, 3, Judge(), real, name, np.random.default_rng(5))
        draws = np.random.default_rng(5)
        z, new = draws.standard_normal((4000, 3)), draws.standard_normal((100, 3))
        ink, labels = halves(paint(z)), Judge().reads(paint(z))[0]
        before, way = paint(new), fifths(z, ink[:, column], labels)
        asked = [fifths(ink, ink[:, k], labels)[k] for k in (0, 1)]
        other = 1 - column
        for kind, after in (("as they are", before), ("in z", paint(new + way)), ("in pixels", before + way @ matrix)):
            shift = 0 if kind == "as they are" else 100
            moved = 100 * (halves(after) - halves(before)).mean(0) / asked
            nearest = [min(((image - some) ** 2).sum() for some in real) for image in after]
            expected = {
                "asked": asked[column],
                "moved": shift,
                "moved the other": moved[other],
                "same digit": 100 * ((halves(after)[:, 0] > 200) == (halves(before)[:, 0] > 200)).mean(),
                "sure": 100 * (halves(after)[:, 0] / 400).mean(),
                "grey": 100 * ((after * (1 - after)).sum(1) / after.sum(1)).mean(),
                "distance": after[:, 0].sum(),
                "to nearest": np.mean(nearest),
            }
            assert found[kind] == {key: pytest.approx(value, rel=1e-6, abs=1e-6) for key, value in expected.items()}
        assert 30 < moved[other] < 95
        assert expected["same digit"] < 95


def test_the_same_digits_are_drawn_as_they_are_and_by_both_sums(tmp_path, monkeypatch, rng, drawn):
    """A painter who is not linear in z, so that the two sums differ; by hand, of the draws of the seed."""
    matrix = rng.standard_normal((3, 784)) / 2
    attributes = {"left": lambda x: halves(x)[:, 0], "right": lambda x: halves(x)[:, 1]}
    monkeypatch.setattr(dcgan_arithmetic, "ATTRIBUTES", attributes)
    paint, judge = lambda z: expit(z @ matrix), SimpleNamespace(reads=lambda x: ((x[:, 0] > 0.5) * 1, None))
    dcgan_arithmetic.draw_sums(dcgan_arithmetic.Config(out=tmp_path, size=100, seed=3), paint, judge, 3, "linear")
    draws = np.random.default_rng(3)
    z, new = draws.standard_normal((100, 3)), draws.standard_normal((8, 3))
    x, before = paint(z), paint(new)
    labels = (x[:, 0] > 0.5) * 1
    for k, (axes, name) in enumerate(zip(drawn["arithmetic.png"].axes, attributes, strict=True)):
        values = halves(x)[:, k]
        pixels = np.clip(before + fifths(x, values, labels), 0, 1)
        rows = np.concatenate([before, paint(new + fifths(z, values, labels)), pixels])
        assert axes.get_title() == f"{name}: as they are, in z, in pixels"
        sheet = plotting.tiles(rows.reshape(24, 28, 28), 8)
        np.testing.assert_allclose(axes.images[0].get_array().filled(np.nan), sheet, atol=1e-6)


def test_pixels_are_compared_with_z_group_by_group(tmp_path, capsys, monkeypatch, few, drawn):
    """Measured numbers that are known: in each group pixels have more than z by the number of the column. What is asked
    for, and all columns of the table, are means over the groups, with t = 3.182 for four of them; two are drawn, with a
    dot for each group. The nearest digits are looked for among those that the GAN has learned from."""
    columns = list(dcgan_arithmetic.COLUMNS)

    def measure(config, paint, latent, judge, real, name, rng):
        np.testing.assert_array_equal(real, few.train[0])
        group = int(rng.bit_generator.seed_seq.entropy[2])
        kinds = {"as they are": 0.0, "in z": 10.0, "in pixels": 10.0}
        return {
            kind: {"asked": 2.5 + group}
            | {key: more + 8 * group + (kind == "in pixels") * i for i, key in enumerate(columns)}
            for kind, more in kinds.items()
        }

    facts = {"recipe": {"latent": 3, "channels": 2}, "data": "few digits"}
    monkeypatch.setattr(dcgan_arithmetic, "learn_judge", lambda config, images: None)
    monkeypatch.setattr(dcgan_arithmetic, "learn", lambda config, images: (None, facts))
    monkeypatch.setattr(dcgan_arithmetic, "card", lambda *rest, **facts: "")
    monkeypatch.setattr(dcgan_arithmetic, "draw_sums", lambda config, *rest: tmp_path)
    monkeypatch.setattr(dcgan_arithmetic, "measure", measure)
    dcgan_arithmetic.main(dcgan_arithmetic.Config(out=tmp_path, groups=4))
    output = capsys.readouterr().out
    half = 3.182 * np.std([0, 1, 2, 3], ddof=1) / 2
    assert output.count(f"  asked for: +4.000 ± {half:.3f}\n") == 2
    row = re.search(r"^slant, in pixels +(.*)$", output, re.MULTILINE)[1]
    assert re.split(" {2,}", row) == [f"{22 + i:.1f} ± {8 * half:.1f}" for i in range(len(columns))]
    panels = drawn["measured.png"].axes
    assert [axes.get_ylabel() for axes in panels] == [
        f"{column}: {name}" for column in ("moved, %", "grey ink, %") for name in dcgan_arithmetic.ATTRIBUTES
    ]
    for axes, i in zip(panels, (0, 0, 4, 4)):
        dots = [list(line.get_ydata()) for line in axes.lines[1::2]]
        assert dots == [[more + 8 * group for group in range(4)] for more in (0, 10, 10 + i)]
        assert [tick.get_text() for tick in axes.get_xticklabels()] == ["as\nthey are", "in\nz", "in\npixels"]
    told = ", ".join(f"{name} {i:+.1f} ± 0.0" for i, name in enumerate(dcgan_arithmetic.COLUMNS.values()))
    for name in dcgan_arithmetic.ATTRIBUTES:
        assert f"C-ARITH, {name}, pixels less z: {told}\n" in output


# ---------------------------------------------------------------------------------------------------------- saturation
def test_the_length_of_a_gradient_is_that_of_all_weights_by_differences(rng):
    """‖∇L_G‖² summed over each weight of G, by central differences of each loss, written out in D's logits; the slopes
    as well: σ(a) of minimax, σ(−a) of the non-saturating game, each of its own image and not of the mean."""
    G = MLPGenerator(latent=2, hidden=(3,), outputs=4, rng=rng).astype(np.float64)
    D = MLPDiscriminator(inputs=4, hidden=(5,), rng=rng).astype(np.float64)
    z = rng.standard_normal((6, 2))

    losses = {
        "minimax": lambda a: np.log(expit(-a)).mean(),
        "non-saturating": lambda a: -np.log(expit(a)).mean(),
    }
    for name, loss in losses.items():
        slopes = []
        for p in G.parameters():
            for i in np.ndindex(p.shape):
                old, values = p.data[i], []
                for h in (1e-5, -1e-5):
                    p.data[i] = old + h
                    with no_grad():
                        values.append(loss(D(G(z)).numpy()))
                p.data[i] = old
                slopes.append((values[0] - values[1]) / 2e-5)
        assert saturation.length(name, D, G, z) == pytest.approx(np.linalg.norm(slopes), rel=1e-6)
    a = np.array([-10.0, -1.0, 0.0, 3.0])
    np.testing.assert_allclose(saturation.slope("minimax", a), expit(a))
    np.testing.assert_allclose(saturation.slope("non-saturating", a), expit(-a))


def test_pairs_are_told_apart_where_the_real_one_gets_more():
    """Three real images and two made ones: of the six pairs in four the real one gets more, in one as much."""
    real, made = np.array([[3.0], [1.0], [2.0]]), np.array([[1.0], [1.5]])
    assert saturation.told_apart(tensor, real, tensor, made) == pytest.approx(100 * 4 / 6)


def test_a_discriminator_of_zeros_pays_for_guessing_all_the_time(monkeypatch, rng, few):
    """Its gradients are 0 as well: before and after six steps it pays 2 ln 2, finds nobody out, and tells G nothing."""

    def zeros(**options):
        D = MLPDiscriminator(**options)
        for p in D.parameters():
            p.data[...] = 0
        return D

    monkeypatch.setattr(saturation, "MLPDiscriminator", zeros)
    G, config = MLPGenerator(latent=2, hidden=(3,), rng=rng), saturation.Config(epochs=2, hidden=4, workers=1)
    found = saturation.trial(G, config, 2 * few.train[0] - 1, "zeros", saturation.GAMES)
    assert found.steps == [0, 1, 2, 3, 4, 5, 6]
    np.testing.assert_allclose(found.loss, 7 * [2 * math.log(2)], rtol=1e-6)
    assert found.told_apart == 7 * [0]
    assert found.lengths == dict.fromkeys(saturation.GAMES, 7 * [0])


def test_what_has_vanished_is_told_of_the_largest_and_of_the_first(tmp_path, capsys, monkeypatch, drawn):
    """Lengths that are known, of two generators and of each cure: the ratios of both tables, and the claim. Minimax:
    the last of the largest; the other one: the last of the first. The same lengths are drawn, beside known slopes."""
    lengths = {  # after 0, 1 and 10 epochs of D
        "G1": {"minimax": [1.0, 4.0, 0.02], "non-saturating": [2.0, 8.0, 5.0]},
        "G2": {"minimax": [3.0, 2.0, 0.3], "non-saturating": [1.0, 1.0, 0.7]},
    }

    cures = {name: k for k, name in enumerate(saturation.CURES) if name not in saturation.GAMES}  # 2, 3, …

    def trial(G, config, x, title, games, **cure):
        if cure:
            (k,) = (k for name, k in cures.items() if saturation.CURES[name] == cure)
            own, apart = {cure["objective"]: [2.0, 8.0, k / 8]}, [50.0, 75.0, 60.0 + k]
        else:
            own, apart = {name: lengths[G][name] for name in games}, [50.0, 75.0, 62.5]
        return saturation.Trial([0, 3, 30], own, [0.5, 0.25, 0.125], apart)

    def generators(config, x):
        assert (x.shape, x.min(), x.max()) == ((300, 784), -1, 1)  # paper and ink
        return {1: "G1", 2: "G2"}

    monkeypatch.setattr(saturation, "generators", generators)
    monkeypatch.setattr(saturation, "trial", trial)
    saturation.main(saturation.Config(out=tmp_path, epochs=10))
    output = capsys.readouterr().out
    rows = [row.split() for row in re.findall(r"^ +\d +\d+ epochs.*", output, re.MULTILINE)]
    told = [(int(g), int(d), *map(float, rest)) for g, d, _, *rest in rows]
    assert told == [
        (1, 0, 0.5, 1.0, 2.0, 2.0),
        (1, 1, 0.25, 4.0, 8.0, 2.0),
        (1, 10, 0.125, 0.02, 5.0, 250.0),
        (2, 0, 0.5, 3.0, 1.0, 0.3),
        (2, 1, 0.25, 2.0, 1.0, 0.5),
        (2, 10, 0.125, 0.3, 0.7, 2.3),
    ]
    for name, numbers in {
        "minimax": [3, 2, 0.3, 0.1, 62.5],
        "non-saturating": [1, 1, 0.7, 0.7, 62.5],
        **{name: [2, 8, k / 8, k / 64, 60 + k] for name, k in cures.items()},
    }.items():
        row = re.search(rf"^  {name}  +(\d.*)$", output, re.MULTILINE)[1].split()
        np.testing.assert_allclose([float(number) for number in row], numbers, rtol=0.05)
    last = " ".join(output.split())
    assert "gradient fell to 5.0e-03 … 1.0e-01 of its largest length" in last
    assert "the non-saturating one went to 0.7 … 2.5 times its first" in last
    assert "differ by a factor of 22,026." in last

    logits = re.findall(r"^ +(-?\d+) +(0\.\d+) +(0\.\d+) +([\d,.]+)$", output, re.MULTILINE)
    assert [row[0] for row in logits] == ["-10", "-5", "0", "5"]
    for numbers in logits:
        a, *slopes, ratio = (float(number.replace(",", "")) for number in numbers)
        np.testing.assert_allclose(slopes, [expit(a), expit(-a)], atol=6e-11)
        assert ratio == pytest.approx(math.exp(-a), abs=6e-5)
    slopes, lengths_of_both = drawn["saturation.png"].axes
    a = slopes.lines[0].get_xdata()
    known = {"minimax": expit(a), "non-saturating": expit(-a), "least squares": abs(a - 1), "wasserstein": a**0}
    for name, values in known.items():
        np.testing.assert_allclose(lines_of(slopes)[name], values)
    assert lines_of(lengths_of_both) == {
        f"G of {epochs}, {name}": values
        for epochs, G in (("1 epoch", "G1"), ("2 epochs", "G2"))
        for name, values in lengths[G].items()
    }
    falling, apart = drawn["cures.png"].axes
    assert lines_of(falling) == {**lengths["G2"], **{name: [2, 8, k / 8] for name, k in cures.items()}}
    assert lines_of(apart) == {name: [50, 75, 60 + cures.get(name, 2.5)] for name in saturation.CURES}
