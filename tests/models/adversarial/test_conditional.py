"""CGAN, AC-GAN, InfoGAN and the semi-supervised GAN as models: slopes of whole networks, devices, what is refused."""

import math

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given

import scratchgen as sg
from scratchgen import data, optim, training
from scratchgen.models.adversarial import (
    ACGAN,
    CGAN,
    GAN,
    R1,
    DCDiscriminator,
    DCGenerator,
    DCHeads,
    GradientPenalty,
    InfoGAN,
    MLPDiscriminator,
    MLPGenerator,
    MLPHeads,
    SemiSupervisedGAN,
)
from tests.models.slopes import check_slopes

K, PIXELS, LATENT = 3, 5, 2


@pytest.fixture
def rng():
    return np.random.default_rng(8)


def generator(given=K, rng=None):
    return MLPGenerator(LATENT + given, (6,), PIXELS, activation="tanh", rng=rng)


def heads(outputs, rng, inputs=PIXELS):
    return MLPHeads(inputs, (6,), outputs, rng=rng)


GAMES = {
    "CGAN": lambda rng, **o: CGAN(generator(K, rng), MLPDiscriminator(PIXELS + K, (6,), rng=rng), classes=K, **o),
    "CGAN, last": lambda rng, **o: CGAN(generator(K, rng), heads(1 + K, rng), classes=K, told_last=True, **o),
    "AC-GAN": lambda rng, **o: ACGAN(generator(K, rng), heads(1 + K, rng), classes=K, **o),
    "InfoGAN": lambda rng, **o: InfoGAN(generator(K + 2, rng), heads(5 + K, rng), classes=K, **o),
    "SGAN": lambda rng, **o: SemiSupervisedGAN(generator(0, rng), heads(K, rng), classes=K, **o),
    "SGAN, means": lambda rng, **o: GAMES["SGAN"](rng, feature_matching=True, **o),
}
games = pytest.mark.parametrize("name", GAMES)
games_of_logits = pytest.mark.parametrize("name", [name for name in GAMES if name != "SGAN, means"])
TOLD = ("CGAN", "CGAN, last", "AC-GAN")


def batch_of(name, rng, n=7, dtype=np.float64):
    """A minibatch: real data, and labels where the game wants them."""
    x = np.tanh(rng.standard_normal((n, PIXELS))).astype(dtype)
    return (x,) if name == "InfoGAN" else (x, rng.integers(0, K, n))


def seeded(method, batch):
    return lambda: method(*batch, np.random.default_rng(4))[0]


@games
@pytest.mark.parametrize("penalty", [None, R1(2.0), GradientPenalty(3.0)])
def test_slopes_of_both_players(name, penalty, rng):
    game = GAMES[name](rng, penalty=penalty).astype(np.float64)
    batch = batch_of(name, rng)
    check_slopes(game.discriminator, seeded(game.discriminator_loss, batch), rng)
    if penalty is None:
        check_slopes(game.generator, seeded(game.generator_loss, batch), rng)


@games
def test_a_penalty_is_one_on_the_logit_of_being_real(name, rng):
    """Of a D that is told the class: given the class of each image."""
    batch = batch_of(name, rng)
    with_r1, without = (
        GAMES[name](np.random.default_rng(0), penalty=penalty).astype(np.float64) for penalty in (R1(2.0), None)
    )
    added = seeded(with_r1.discriminator_loss, batch)() - seeded(without.discriminator_loss, batch)()
    logit = without.given(batch[1], 7).discriminator if name.startswith("CGAN") else lambda x: without.answers(x)[0]
    expected = R1(2.0)(logit, batch[0], None, None).item()
    assert expected > 1e-4
    assert added.item() == pytest.approx(expected, rel=1e-9)


def test_slopes_with_unknown_labels(rng):
    game = GAMES["SGAN"](rng).astype(np.float64)
    x, labels = batch_of("SGAN", rng)
    labels[::2] = -1
    check_slopes(game.discriminator, seeded(game.discriminator_loss, (x, labels)), rng)
    check_slopes(game.generator, seeded(game.generator_loss, (x, labels)), rng)


@games
def test_ds_step_leaves_g_alone_and_float32_stays(name, rng):
    game = GAMES[name](rng)
    batch = batch_of(name, rng, dtype=np.float32)
    loss, shown = game.discriminator_loss(*batch, rng)
    loss.backward()
    assert loss.dtype == np.float32
    assert all(np.asarray(value).dtype == np.float32 for value in shown.values())
    assert all(p.grad is None for p in game.generator.parameters())
    assert all(p.grad is not None and p.grad.dtype == np.float32 for p in game.discriminator.parameters())
    assert game.generator_loss(*batch, rng)[0].dtype == np.float32


@games
def test_on_every_device(name, rng, device):
    game = GAMES[name](rng).to(device)
    host = GAMES[name](np.random.default_rng(8))
    batch = batch_of(name, np.random.default_rng(1), dtype=np.float32)
    moved = [sg.tensor(a, device=device).data for a in batch]
    for loss in ("discriminator_loss", "generator_loss"):
        expected = getattr(host, loss)(*batch, np.random.default_rng(2))[0].item()
        assert getattr(game, loss)(*moved, np.random.default_rng(2))[0].item() == pytest.approx(expected, rel=1e-5)
    labels = [moved[1]] if name in TOLD else []
    samples = game.sample(7, np.random.default_rng(3), *labels)
    assert sg.tensor(samples).device == sg.tensor(moved[0]).device
    expected = host.sample(7, np.random.default_rng(3), *([batch[1]] if name in TOLD else []))
    np.testing.assert_allclose(sg.tensor(samples).numpy(), expected, rtol=1e-5)


@games
def test_rows_that_are_not_contiguous(name, rng):
    game = GAMES[name](rng).astype(np.float64)
    x, *labels = batch_of(name, rng, 14)
    some = [x[::2], *(a[::2] for a in labels)]
    copies = [a.copy() for a in some]
    for method in (game.discriminator_loss, game.generator_loss):
        assert seeded(method, some)().item() == pytest.approx(seeded(method, copies)().item(), rel=1e-12)


@pytest.mark.parametrize("name", TOLD)
@given(labels=st.lists(st.integers(0, K - 1), max_size=6))
def test_each_sample_is_made_from_its_own_label(name, labels):
    """G sees z, and behind it the label as zeros and a one; also of no rows at all."""
    labels = np.array(labels, np.int64)
    game = GAMES[name](np.random.default_rng(8))
    found = game.sample(len(labels), np.random.default_rng(1), labels)
    assert found.shape == (len(labels), PIXELS)
    z = np.random.default_rng(1).standard_normal((len(labels), LATENT), dtype=np.float32)
    rows = np.concatenate([z, np.eye(K, dtype=np.float32)[labels]], 1)
    np.testing.assert_array_equal(found, game.generator(rows).numpy())


def test_an_infogan_draws_codes_or_takes_them(rng):
    game = GAMES["InfoGAN"](rng)
    like = np.zeros(1, np.float32)
    z = game.noise(6000, rng, like)
    assert (z.shape, z.dtype) == ((6000, LATENT + K + 2), np.float32)
    category, numbers = z[:, LATENT : LATENT + K], z[:, LATENT + K :]
    np.testing.assert_allclose(category.mean(0), 1 / K, atol=0.03)
    assert set(np.unique(category)) == {0, 1}
    assert (category.sum(1) == 1).all()
    assert np.abs(numbers).max() <= 1
    np.testing.assert_allclose(numbers.std(0), 1 / math.sqrt(3), atol=0.02)
    assert abs(np.corrcoef(numbers.T)[0, 1]) < 0.05
    np.testing.assert_allclose(z[:, :LATENT].std(0), 1, atol=0.04)
    labels, numbers = np.array([2, 0, 1]), np.array([[0.5, -1], [1, 0], [0, 0]], np.float32)
    z = game.noise(3, rng, like, labels, numbers)
    np.testing.assert_array_equal(z[:, LATENT : LATENT + K], np.eye(K)[labels])
    np.testing.assert_array_equal(z[:, LATENT + K :], numbers)
    a = game.sample(3, np.random.default_rng(0), labels, numbers)
    np.testing.assert_array_equal(
        a, game.generator(game.noise(3, np.random.default_rng(0), like, labels, numbers)).numpy()
    )
    np.testing.assert_array_equal(a, game.sample(3, np.random.default_rng(0), labels, numbers.astype(np.float64)))
    for wrong in (numbers[:, :1], numbers[:2], [[0, 0]] * 3):
        with pytest.raises(ValueError, match=r"InfoGAN: expected numbers \(3, 2\), got"):
            game.sample(3, rng, labels, wrong)
    numbers[1, 0] = np.nan
    with pytest.raises(ValueError, match="InfoGAN: the numbers of a code are finite"):
        game.sample(3, rng, labels, numbers)
    guess = np.zeros((3, K + 4), np.float32)
    for answers, code in ((guess, z), (guess[:, 1:], z[:, LATENT:]), (guess, z[1:, LATENT:])):
        with pytest.raises(ValueError, match=rf"InfoGAN.information: expected answers \(N, {K + 4}\) and codes"):
            game.information(sg.tensor(answers), code)
    assert game.sample(0, rng).shape == (0, PIXELS)
    only = InfoGAN(generator(K, rng), heads(1 + K, rng), classes=K, continuous=0)
    assert only.entropy == pytest.approx(math.log(K))
    assert np.isfinite(only.generator_loss(*batch_of("InfoGAN", rng, dtype=np.float32), rng)[0].item())


@games
def test_images(name, rng):
    """Constant maps for the label, and the networks of DCGAN."""
    x, labels = data.digits("train").flat()[:8], data.digits("train").labels[:8]
    images = (2 * x - 1).reshape(-1, 1, 28, 28)
    made = {
        "CGAN": lambda: CGAN(DCGenerator(14, (2, 3), rng=rng), DCDiscriminator((2, 3), (11, 28, 28), rng=rng)),
        "CGAN, last": lambda: CGAN(DCGenerator(14, (2, 3), rng=rng), DCHeads((2, 3), rng=rng), told_last=True),
        "AC-GAN": lambda: ACGAN(DCGenerator(14, (2, 3), rng=rng), DCHeads((2, 3), rng=rng)),
        "InfoGAN": lambda: InfoGAN(DCGenerator(16, (2, 3), rng=rng), DCHeads((2, 3), outputs=15, rng=rng)),
        "SGAN": lambda: SemiSupervisedGAN(DCGenerator(4, (2, 3), rng=rng), DCHeads((2, 3), outputs=10, rng=rng)),
        "SGAN, means": lambda: SemiSupervisedGAN(
            DCGenerator(4, (2, 3), rng=rng), DCHeads((2, 3), outputs=10, rng=rng), feature_matching=True
        ),
    }
    game, batch = made[name](), (images,) if name == "InfoGAN" else (images, labels)
    for loss in (game.discriminator_loss, game.generator_loss):
        assert np.isfinite(loss(*batch, rng)[0].item())
    before = game.state_dict()  # in the middle of a training: batch norm's statistics have moved, and do not by looking
    assert game.sample(8, rng, *([labels] if name in TOLD else [])).shape == (8, 1, 28, 28)
    if name not in TOLD:
        together, alone = game.predict(images), [game.predict(images[i : i + 1]).item() for i in range(len(images))]
        assert together.tolist() == alone
    assert all((value == before[key]).all() for key, value in game.state_dict().items())
    assert all(module.training for module in game.modules())


@games_of_logits
def test_a_minibatch_shared_by_threads(name):
    gradients = []
    for workers in (1, 3):
        game = GAMES[name](np.random.default_rng(0)).astype(np.float64)
        batch = batch_of(name, np.random.default_rng(1))
        with training.Workers(workers, game) as crew:
            crew.backward(
                game.discriminator_loss, batch, np.random.default_rng(2), list(game.discriminator.parameters())
            )
        gradients.append(np.concatenate([p.grad.numpy().ravel() for p in game.discriminator.parameters()]))
    np.testing.assert_allclose(*gradients, rtol=1e-9, atol=1e-12)


def test_feature_matching_wants_the_whole_minibatch(rng):
    with pytest.raises(ValueError, match="the model is a SemiSupervisedGAN, which compares mean features"):
        training.Workers(2, GAMES["SGAN, means"](rng))
    assert GAMES["SGAN"](rng).whole_minibatch == ""


def test_predictions_are_the_largest_answers(rng):
    x = batch_of("SGAN", rng, dtype=np.float32)[0]
    game = GAMES["SGAN"](rng)
    np.testing.assert_array_equal(game.predict(x), game.discriminator(x).numpy().argmax(1))
    game = GAMES["InfoGAN"](rng)
    np.testing.assert_array_equal(game.predict(x), game.discriminator(x).numpy()[:, 1 : 1 + K].argmax(1))


# ------------------------------------------------------------------------------------------------------ what is refused
@pytest.mark.parametrize("name", ["CGAN", "CGAN, last", "AC-GAN", "SGAN", "SGAN, means"])
@pytest.mark.parametrize("method", ["discriminator_loss", "generator_loss"])
def test_missing_and_wrong_labels(name, method, rng):
    game = GAMES[name](rng)
    x, labels = batch_of(name, rng, dtype=np.float32)
    loss, who = getattr(game, method), type(game).__name__
    wanted = f"^{who}: expected 7 labels, integers 0 … 2"
    with pytest.raises(ValueError, match=wanted + r".*got Generator; train on \[x, labels\]"):
        loss(x, rng)  # what the training loop does with [x]
    with pytest.raises(ValueError, match=wanted + r".*got int64\(6,\)"):
        loss(x, labels[1:], rng)
    with pytest.raises(ValueError, match=wanted + r".*got float64\(7,\)"):
        loss(x, labels * 1.0, rng)
    with pytest.raises(ValueError, match=wanted + r".*got bool\(7,\)"):
        loss(x, labels > 1, rng)
    for wrong in (K, -2 if name.startswith("SGAN") else -1):
        labels[3] = wrong
        with pytest.raises(ValueError, match=wanted + ".*these go from .* to"):
            loss(x, labels, rng)


@pytest.mark.parametrize("name", TOLD)
def test_sampling_without_labels(name, rng):
    with pytest.raises(ValueError, match=r"expected 4 labels, .* got NoneType; .* sample\(n, rng, labels\)"):
        GAMES[name](rng).sample(4, rng)
    with pytest.raises(ValueError, match=r"expected 4 labels, .* got int64"):
        GAMES[name](rng).sample(4, rng, np.arange(3))


@games
def test_data_out_of_reach_and_no_room_for_noise(name, rng):
    x, *labels = batch_of(name, rng, dtype=np.float32)
    with pytest.raises(ValueError, match=r"the data lies in .* but the generator makes \[-1, 1\]"):
        GAMES[name](rng).discriminator_loss(3 * x, *labels, rng)
    if name in TOLD:
        with pytest.raises(ValueError, match="counts z and the 3 numbers behind it, so expected more than 3, got 3"):
            type(GAMES[name](rng))(generator(K - LATENT, rng), heads(1 + K, rng), classes=K)


@pytest.mark.parametrize("name", ["CGAN", "AC-GAN", "SGAN"])
@pytest.mark.parametrize("classes", [0, -1, 2.5])
def test_a_game_without_a_class(name, classes, rng):
    with pytest.raises(ValueError, match=rf"GAN: expected at least one class, got classes={classes}"):
        type(GAMES[name](rng))(generator(K, rng), heads(1 + K, rng), classes=classes)


@pytest.mark.parametrize("name", ["AC-GAN", "InfoGAN"])
@pytest.mark.parametrize("weight", [-0.1, math.nan, math.inf])
def test_a_weight_that_weighs_nothing(name, weight, rng):
    with pytest.raises(ValueError, match=rf"GAN: weight must be at least 0 and finite, got {weight}"):
        GAMES[name](rng, weight=weight)


def test_features_to_match_have_to_be_there(rng):
    with pytest.raises(ValueError, match=r"discriminator.features\(x\), but MLPDiscriminator has none; use MLPHeads"):
        SemiSupervisedGAN(generator(0, rng), MLPDiscriminator(PIXELS, (6,), rng=rng), feature_matching=True)


@pytest.mark.parametrize("name", ["InfoGAN", "SGAN"])
def test_answers_that_are_no_numbers_name_no_class(name, rng):
    x, game = batch_of(name, rng, dtype=np.float32)[0], GAMES[name](rng)
    assert game.predict(x).shape == (len(x),)
    assert game.predict(x[:0]).shape == (0,)
    x[3] = np.nan
    with pytest.raises(ValueError, match=r"GAN.predict: the answers have NaN in them"):
        game.predict(x)


def test_an_infogan_with_nothing_to_tell_apart(rng):
    for classes in (1, 2.5):
        with pytest.raises(ValueError, match=f"InfoGAN: classes counts the categories, at least 2 .* got {classes}"):
            InfoGAN(generator(3, rng), heads(6, rng), classes=classes)
    with pytest.raises(ValueError, match="InfoGAN: continuous counts the numbers in the code, at least 0, got -1"):
        InfoGAN(generator(5, rng), heads(2, rng), classes=3, continuous=-1)
    with pytest.raises(ValueError, match="counts z and the 4 numbers behind it"):
        InfoGAN(generator(1, rng), heads(6, rng), classes=2)
    with pytest.raises(ValueError, match=r"^InfoGAN: expected 2 labels"):
        GAMES["InfoGAN"](rng).sample(2, rng, np.array([0, K]))


def test_training_without_labels_says_so(rng):
    game = GAMES["AC-GAN"](rng)
    players = training.Players(*(optim.Adam(p.parameters()) for p in (game.discriminator, game.generator)))
    with pytest.raises(ValueError, match=r"expected 7 labels.*train on \[x, labels\]"):
        training.train(
            training.Run(game, players, rng),
            game,
            [batch_of("InfoGAN", rng, dtype=np.float32)[0]],
            epochs=1,
            step=training.play,
        )


@pytest.mark.parametrize(("name", "more", "wanted"), [("GAN", 1, 1), ("InfoGAN", 1, 1), ("CGAN", 1, 2), ("SGAN", 2, 2)])
def test_training_on_more_than_the_game_is_told_says_so(name, more, wanted, rng):
    """Labels for a game without; two of them for a game with."""
    games = GAMES | {"GAN": lambda rng: GAN(generator(0, rng), MLPDiscriminator(PIXELS, (6,), rng=rng))}
    game, batch = games[name](rng), batch_of(name, rng, dtype=np.float32)[:1]
    players = training.Players(*(optim.Adam(p.parameters()) for p in (game.discriminator, game.generator)))
    told = "x, labels, rng" if wanted == 2 else "x, rng"
    message = (
        rf"play: the losses of {type(game).__name__} take {told}, but the data is {{}} arrays and not {wanted}; .*"
    )
    arrays = [*batch, *[rng.integers(0, K, 7)] * (wanted - 1 + more)]
    with pytest.raises(TypeError, match=message.format(len(arrays)) + r"on \[x\], .*\(CGAN, .*\[x, labels\]"):
        training.train(training.Run(game, players, rng), game, arrays, epochs=1, step=training.play)


@games_of_logits
@pytest.mark.parametrize("more", [-1, 1, 2])
def test_a_discriminator_with_too_few_or_too_many_answers(name, more, rng):
    """What could be broadcast is not: a mean for two numbers, a class more than there are."""
    game, batch = GAMES[name](rng).astype(np.float64), batch_of(name, rng)
    outputs = {"CGAN": 1, "InfoGAN": 5 + K, "SGAN": K}.get(name, 1 + K)
    given = outputs + more or 7  # none is none that a layer can have
    game.discriminator = heads(given, rng, PIXELS + K if name == "CGAN" else PIXELS).astype(np.float64)
    who = {"CGAN": "GAN", "CGAN, last": "CGAN", "SGAN": "SemiSupervisedGAN"}.get(name, name.replace("-", ""))
    wanted = "one logit" if name == "CGAN" else f"{outputs} answers"
    for loss in (game.discriminator_loss, game.generator_loss):
        with pytest.raises(ValueError, match=rf"^{who}.*: expected {wanted} for each of 7 rows .*\(7, {given}\)"):
            loss(*batch, rng)


def test_heads_for_a_cgan_that_is_not_told_at_its_end(rng):
    game = CGAN(generator(K, rng), MLPHeads(PIXELS + K, (6,), 1 + K, rng=rng), classes=K).astype(np.float64)
    with pytest.raises(ValueError, match=r"one logit .* got \(7, 4\); .* CGAN\(told_last=True\)"):
        game.discriminator_loss(*batch_of("CGAN", rng), rng)


@games
def test_a_penalty_of_a_discriminator_with_batch_norm(name, rng):
    """Whatever it is asked: images may not see each other."""
    game, batch = GAMES[name](rng, penalty=R1()), batch_of(name, rng, dtype=np.float32)
    wide = PIXELS + K if name == "CGAN" else PIXELS
    game.discriminator = sg.nn.Sequential(sg.nn.BatchNorm1d(wide), game.discriminator)
    with pytest.raises(
        ValueError, match=r"penalty: expected a discriminator that looks at each image alone, .* BatchNorm1d"
    ):
        game.discriminator_loss(*batch, rng)


@games
def test_tensors_for_labels_as_well(name, rng):
    game, batch = GAMES[name](rng).astype(np.float64), batch_of(name, rng)
    if name.startswith("SGAN"):
        batch[1][::2] = -1
    for loss in (game.discriminator_loss, game.generator_loss):
        expected = loss(*batch, np.random.default_rng(0))[0].item()
        assert loss(*map(sg.tensor, batch), np.random.default_rng(0))[0].item() == expected
    if not name.startswith("SGAN"):
        given_ = [np.arange(K), np.zeros((K, 2))][: 2 if name == "InfoGAN" else 1]
        expected = game.sample(K, np.random.default_rng(0), *given_)
        found = game.sample(K, np.random.default_rng(0), *map(sg.tensor, given_))
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("name", TOLD)
def test_tensors_that_are_no_labels(name, rng):
    with pytest.raises(ValueError, match=rf"^{name[:2]}.*: expected 4 labels, .* got float64\(4,\)".replace("-", "")):
        GAMES[name](rng).sample(4, rng, sg.tensor(np.zeros(4)))


@games
def test_an_empty_minibatch_and_data_that_is_not_finite(name, rng):
    game, batch = GAMES[name](rng), batch_of(name, rng, dtype=np.float32)
    who = type(game).__name__
    for loss in (game.discriminator_loss, game.generator_loss):
        with pytest.raises(ValueError, match=rf"^{who}: the minibatch is empty"):
            loss(*(a[:0] for a in batch), rng)
    batch[0][0, 0] = np.nan
    sees_data = [game.discriminator_loss, *([game.generator_loss] if name == "SGAN, means" else [])]
    for loss in sees_data:
        with pytest.raises(ValueError, match="GAN: the data has values that are not finite"):
            loss(*batch, rng)


@games
def test_tensors_for_data_and_no_integers(name, rng):
    game, batch = GAMES[name](rng).astype(np.float64), batch_of(name, rng)
    for loss in (game.discriminator_loss, game.generator_loss):
        expected = loss(*batch, np.random.default_rng(0))[0].item()
        assert loss(sg.tensor(batch[0]), *batch[1:], np.random.default_rng(0))[0].item() == expected
        with pytest.raises(ValueError, match="expected an array of floats for data, got int64"):
            loss(np.zeros((7, PIXELS), int), *batch[1:], rng)


@pytest.mark.parametrize("last", [False, True])
def test_a_cgan_in_use_takes_one_image(last):
    """The game among images of the given classes is in the mode of the whole."""
    D = DCHeads((2, 3), (1, 8, 8), 1 + K) if last else DCDiscriminator((2, 3), (1 + K, 8, 8))
    game = CGAN(DCGenerator(LATENT + K, (2, 3), (1, 8, 8)), D, classes=K, told_last=last)
    x, label, rng = np.zeros((1, 1, 8, 8), np.float32), np.array([1]), np.random.default_rng(0)
    for loss in (game.discriminator_loss, game.generator_loss):
        with pytest.raises(ValueError, match="a minibatch of one image, but generator"):
            loss(x, label, rng)
        game.eval()
        assert np.isfinite(loss(x, label, rng)[0].item())
        game.train()


@games
@pytest.mark.parametrize("loss", ["discriminator_loss", "generator_loss"])
def test_images_that_could_not_stand_beside_the_data(name, loss, rng):
    """Half as many of them: D would answer, and the means be compared."""
    game = GAMES[name](rng)
    network = game.generator
    network.forward = lambda z, forward=network.forward: forward(z)[:3]
    batch = batch_of(name, rng, dtype=np.float32)
    with pytest.raises(ValueError, match=rf"the generator makes float32\(3, {PIXELS}\), but the data is float32\(7, "):
        getattr(game, loss)(*batch, rng)


def test_a_network_too_narrow_for_its_class(rng):
    """The first mistake that one makes: D of the data alone."""
    game = CGAN(generator(K, rng), MLPDiscriminator(PIXELS, (6,), rng=rng), classes=K)
    with pytest.raises(ValueError, match="does not end in weight") as caught:
        game.discriminator_loss(*batch_of("CGAN", rng, dtype=np.float32), rng)
    (note,) = caught.value.__notes__
    assert "the MLPDiscriminator is given 8 numbers (or maps) per row, 5 of its own and 3 of the class" in note
    assert "told_last=True" in note


@pytest.mark.parametrize("continuous", [1.0, "2", -1])
def test_numbers_in_the_code_are_counted(continuous, rng):
    with pytest.raises(ValueError, match=f"InfoGAN: continuous counts .* at least 0, got {continuous!r}"):
        InfoGAN(generator(K + 2, rng), heads(5 + K, rng), classes=K, continuous=continuous)
