"""derivations/08-linear-autoencoder.md, equation by equation."""

import itertools

import numpy as np
import pytest
import scipy.linalg

import scratchgen as sg
from scratchgen import functional as F
from scratchgen import optim
from scratchgen.data import digits
from scratchgen.evaluation import frechet_distance
from scratchgen.models.latent import Autoencoder
from scratchgen.models.latent.autoencoder import mask, pca

N, D, LATENT = 60, 7, 3
SPREAD = np.array([9.0, 6.0, 4.0, 2.0, 1.0, 0.5, 0.3])  # the eigenvalues of S


@pytest.fixture
def rng():
    return np.random.default_rng(8)


@pytest.fixture
def data(rng):
    """Centred rows X whose covariance S has exactly the eigenvalues SPREAD, and its eigenvectors as columns U."""
    rows = rng.standard_normal((N, D))
    whitened, _ = np.linalg.qr(rows - rows.mean(0))
    U, _ = np.linalg.qr(rng.standard_normal((D, D)))
    return np.sqrt(N) * whitened * np.sqrt(SPREAD) @ U.T, U


def loss(V, W, X):
    return F.sum(F.square(X - X @ W.T @ V.T)) * (1 / len(X))


def gradient(V, W, X):
    """Eq. 8.3."""
    E = X - X @ W.T @ V.T
    return -2 / len(X) * E.T @ X @ W.T, -2 / len(X) * V.T @ E.T @ X


@pytest.mark.equation("8.2")
def test_the_best_constant_subtracts_the_mean(rng):
    """For fixed V and W, least squares for the constant, against the loss of the centred data without one."""
    X, V, W = rng.standard_normal((N, D)) + 5, rng.standard_normal((D, LATENT)), rng.standard_normal((LATENT, D))
    A, m = V @ W, X.mean(0)

    def error(constant):
        return ((X - X @ A.T - constant) ** 2).sum() / N

    best = m - A @ m
    assert error(best) == pytest.approx(loss(V, W, X - m).item(), rel=1e-12)
    for _ in range(20):
        step = 0.1 * rng.standard_normal(D)
        assert error(best + step) == pytest.approx(error(best) + step @ step, rel=1e-12)


@pytest.mark.equation("8.2", "8.3", "8.4")
def test_the_gradient_by_hand_is_autograds_and_that_of_differences(data, rng):
    X, _ = data
    V, W = rng.standard_normal((D, LATENT)), rng.standard_normal((LATENT, D))
    v, w = sg.tensor(V, requires_grad=True), sg.tensor(W, requires_grad=True)
    value = loss(v, w, X)
    value.backward()
    for by_hand, by_walk in zip(gradient(V, W, X), (v.grad.numpy(), w.grad.numpy())):
        np.testing.assert_allclose(by_hand, by_walk, rtol=1e-11, atol=1e-11)
    dV, dW, h = rng.standard_normal(V.shape), rng.standard_normal(W.shape), 1e-5
    slope = (loss(V + h * dV, W + h * dW, X) - loss(V - h * dV, W - h * dW, X)) / (2 * h)
    V_bar, W_bar = gradient(V, W, X)
    assert (V_bar * dV).sum() + (W_bar * dW).sum() == pytest.approx(slope, rel=1e-7)
    assert sg.gradcheck(loss, v, w, X)

    S, rest = X.T @ X / N, np.eye(D) - V @ W  # the same by the covariance alone
    np.testing.assert_allclose(V_bar, -2 * rest @ S @ W.T, rtol=1e-11, atol=1e-11)
    np.testing.assert_allclose(W_bar, -2 * V.T @ rest @ S, rtol=1e-11, atol=1e-11)
    assert value.item() == pytest.approx(np.trace(rest @ S @ rest.T), rel=1e-12)


@pytest.mark.equation("8.1", "8.3")
def test_the_gradient_by_hand_is_the_models(data, rng):
    """A linear `Autoencoder` with biases 0 on centred data."""
    X, _ = data
    model = Autoencoder(D, (), LATENT, output="linear", rng=rng).astype(np.float64)
    model.loss(X)[0].backward()
    W, b, V, c = model.parameters()
    for by_hand, parameter in zip(gradient(V.data, W.data, X), (V, W)):
        np.testing.assert_allclose(parameter.grad.numpy(), by_hand, rtol=1e-10, atol=1e-12)
    for bias in (b, c):
        np.testing.assert_allclose(bias.grad.numpy(), 0, atol=1e-12)  # the mean is 0 already


@pytest.mark.equation("8.5", "8.6")
def test_of_all_maps_into_a_subspace_the_projection_is_best_and_of_subspaces_the_first(data, rng):
    X, U = data
    S = X.T @ X / N
    for _ in range(50):
        Q, _ = np.linalg.qr(rng.standard_normal((D, LATENT)))
        projected = loss(Q, Q.T, X).item()
        inside = np.trace(Q.T @ S @ Q)
        assert projected == pytest.approx(np.trace(S) - inside, rel=1e-12)
        A = Q @ rng.standard_normal((LATENT, D))
        assert loss(A, np.eye(D), X).item() > projected
        share = ((Q.T @ U) ** 2).sum(0)
        assert share.max() <= 1 + 1e-12
        assert share.sum() == pytest.approx(LATENT, rel=1e-12)
        assert inside == pytest.approx(share @ SPREAD, rel=1e-12)
        assert inside < SPREAD[:LATENT].sum()


@pytest.mark.equation("8.7", "8.8", "8.10")
def test_a_trained_linear_autoencoder_is_the_svd(data, rng):
    """Trained from random weights on data with a mean: the error of the truncated SVD, the same subspace, and
    the encoder is the decoder's pseudoinverse, though nobody tied them."""
    X, U = data
    X = X + 1
    model = Autoencoder(D, (), LATENT, output="linear", rng=rng).astype(np.float64)
    optimizer = optim.Adam(model.parameters(), lr=0.05)
    for step in range(1200):
        optimizer.lr = 0.05 * 0.985 ** max(0, step - 700)
        optimizer.zero_grad()
        value, _ = model.loss(X)
        value.backward()
        optimizer.step()
    left = scipy.linalg.svdvals(X - X.mean(0))[LATENT:]
    best = pca(X, LATENT)
    assert (left**2).sum() / N == pytest.approx(SPREAD[LATENT:].sum(), rel=1e-10)
    assert best.error == pytest.approx(SPREAD[LATENT:].sum(), rel=1e-10)
    assert model.loss(X)[0].item() == pytest.approx(best.error, rel=1e-9)

    W, _, V, _ = (p.data for p in model.parameters())
    assert scipy.linalg.subspace_angles(V, best.directions.T).max() < 1e-5
    assert scipy.linalg.subspace_angles(V, U[:, :LATENT]).max() < 1e-5
    np.testing.assert_allclose(V @ W, U[:, :LATENT] @ U[:, :LATENT].T, atol=1e-5)
    np.testing.assert_allclose(W, np.linalg.pinv(V), atol=1e-5)
    np.testing.assert_allclose(model(X).numpy(), best.decode(best.encode(X)), atol=1e-4)
    assert abs(W @ W.T - np.diag(np.diag(W @ W.T))).max() > 0.01  # but it is not PCA's code, nor turned only


@pytest.mark.equation("8.6", "8.7")
def test_where_two_eigenvalues_are_equal_there_are_several_best_subspaces(data):
    """Of S = I in three dimensions every line is as good; without a tie U_d alone is, all others are worse."""

    def left(Q, S):
        A = Q @ Q.T
        return np.trace((np.eye(len(S)) - A) @ S @ (np.eye(len(S)) - A).T)

    for line in ([1, 0, 0], [0, 1, 1], [1, -2, 3]):
        Q = np.array([line]).T / np.linalg.norm(line)
        assert left(Q, np.eye(3)) == pytest.approx(2, rel=1e-12)

    _, U = data
    turn = np.eye(D)  # of u_d towards the next one
    turn[LATENT - 1 : LATENT + 1, LATENT - 1 : LATENT + 1] = np.array([[3, -4], [4, 3]]) / 5
    for spread, worse in ((SPREAD, 0.64 * (SPREAD[LATENT - 1] - SPREAD[LATENT])), ([9, 6, 2, 2, 1, 0.5, 0.3], 0)):
        S = U * np.array(spread) @ U.T
        least = sum(spread[LATENT:])
        assert left(U[:, :LATENT], S) == pytest.approx(least, rel=1e-12)
        assert left((U @ turn)[:, :LATENT], S) == pytest.approx(least + worse, rel=1e-12)


@pytest.mark.equation("8.8")
def test_no_other_matrix_of_that_rank_is_nearer(data, rng):
    """Eckart and Young, against random steps on the matrices of rank d and against scipy's truncation."""
    X, U = data
    y, singular, u = np.linalg.svd(X, full_matrices=False)
    cut = (y[:, :LATENT] * singular[:LATENT]) @ u[:LATENT]
    np.testing.assert_allclose(cut, X @ U[:, :LATENT] @ U[:, :LATENT].T, atol=1e-12)
    least = ((X - cut) ** 2).sum()
    assert least == pytest.approx((singular[LATENT:] ** 2).sum(), rel=1e-12)
    for size in (1e-3, 0.1, 3):
        for _ in range(20):
            left = y[:, :LATENT] * singular[:LATENT] + size * rng.standard_normal((N, LATENT))
            assert ((X - left @ (u[:LATENT] + size * rng.standard_normal((LATENT, D)))) ** 2).sum() > least


@pytest.mark.equation("8.9", "8.10")
def test_every_mixing_of_the_code_is_as_good(data, rng):
    X, U = data
    first = U[:, :LATENT]
    for _ in range(10):
        M = rng.standard_normal((LATENT, LATENT))
        V, W = first @ np.linalg.inv(M), M @ first.T
        assert loss(V, W, X).item() == pytest.approx(SPREAD[LATENT:].sum(), rel=1e-9)
        np.testing.assert_allclose(W, np.linalg.pinv(V), rtol=1e-6, atol=1e-9)
        np.testing.assert_allclose(W, np.linalg.solve(V.T @ V, V.T), rtol=1e-6, atol=1e-9)
        codes = np.cov(W @ X.T)
        assert abs(codes - np.diag(np.diag(codes))).max() > 0.1  # these are not PCA's uncorrelated numbers
    turn, _ = np.linalg.qr(rng.standard_normal((LATENT, LATENT)))
    tied = first @ turn
    assert loss(tied, tied.T, X).item() == pytest.approx(SPREAD[LATENT:].sum(), rel=1e-12)


@pytest.mark.equation("8.11", "8.12")
def test_every_choice_of_eigenvectors_rests_and_only_the_first_is_no_saddle(data, rng):
    X, U = data
    for chosen in itertools.combinations(range(D), LATENT):
        M = rng.standard_normal((LATENT, LATENT)) + 3 * np.eye(LATENT)
        V, W = U[:, chosen] @ np.linalg.inv(M), M @ U[:, chosen].T
        for bar in gradient(V, W, X):
            np.testing.assert_allclose(bar, 0, atol=1e-9)
        at_rest = loss(V, W, X).item()
        assert at_rest == pytest.approx(np.delete(SPREAD, chosen).sum(), rel=1e-10)
        better = [(j, k) for j in chosen for k in set(range(D)) - set(chosen) if SPREAD[k] > SPREAD[j]]
        assert bool(better) == (chosen != tuple(range(LATENT)))
        for j, k in better:
            for t in (1e-3, 0.4, 1.2):
                turned = U[:, [i for i in chosen if i != j]]
                Q = np.column_stack([turned, np.cos(t) * U[:, j] + np.sin(t) * U[:, k]])
                fallen = at_rest - (SPREAD[k] - SPREAD[j]) * np.sin(t) ** 2
                assert loss(Q, Q.T, X).item() == pytest.approx(fallen, rel=1e-10)


@pytest.mark.equation("8.11")
def test_where_a_direction_is_not_in_use_it_is_a_saddle_too(data):
    """V and W with one zero column and row, and the point 0: the page's step goes down."""
    X, U = data
    for used in range(LATENT):
        V = np.zeros((D, LATENT))
        V[:, :used] = U[:, :used]
        W = V.T.copy()
        W[-1, :used] = 0
        for bar in gradient(V, W, X):
            np.testing.assert_allclose(bar, 0, atol=1e-9)
        assert loss(V, W, X).item() == pytest.approx(SPREAD[used:].sum())
        step, w = 1e-2, np.eye(LATENT)[-1]
        there = loss(V + step * np.outer(U[:, used], w), W + step * np.outer(w, U[:, used]), X).item()
        assert there == pytest.approx(SPREAD[used:].sum() - 2 * step**2 * SPREAD[used], abs=step**3)


@pytest.mark.equation("8.11")
def test_each_of_the_conditions_of_rest_is_needed(data):
    """W with a zero row where V has an eigenvector: VW is a projection as it should be and V rests, W does not.
    And the other way round."""
    X, U = data
    V, W = U[:, :LATENT].copy(), U[:, :LATENT].T.copy()
    W[-1] = 0
    v_bar, w_bar = gradient(V, W, X)
    np.testing.assert_allclose(v_bar, 0, atol=1e-9)
    np.testing.assert_allclose(w_bar[-1], -2 * SPREAD[LATENT - 1] * U[:, LATENT - 1], atol=1e-9)
    v_bar, w_bar = gradient(W.T, V.T, X)
    np.testing.assert_allclose(w_bar, 0, atol=1e-9)
    np.testing.assert_allclose(v_bar[:, -1], -2 * SPREAD[LATENT - 1] * U[:, LATENT - 1], atol=1e-9)


# ----------------------------------------------------------------------------------------------- what a loss tends to
PIXEL = np.array([0.0, 0.0, 0.0, 0.1, 0.5, 0.9, 1.0])  # what a pixel can be, given some code: mean 0.357, median 0.1


def best_constant(kind, x):
    """What a decoder without any input learns: a constant for each pixel, by Adam on the package's own losses."""
    model = Autoencoder(x.shape[1], (), 1, loss=kind, rng=np.random.default_rng(0)).astype(np.float64)
    for p in model.encoder.parameters():
        p.data[...] = 0  # every code is 0
    free = model.decoder[1].bias
    optimizer = optim.Adam([free], lr=0.2)
    for step in range(600):
        optimizer.lr = 0.2 * 0.99**step
        model.zero_grad()
        model.loss(x)[0].backward()
        optimizer.step()
    return model.decode(np.zeros((1, 1))).numpy()[0]


@pytest.mark.equation("8.13", "8.14", "8.15")
@pytest.mark.parametrize("kind", ["squared error", "cross-entropy", "absolute error"])
def test_mean_mean_and_median(kind, rng):
    """On random pixels, and on that of PIXEL: where the code says nothing, the answer is the data's mean or median."""
    x = np.column_stack([PIXEL, rng.random((7, 3)), rng.beta(0.3, 0.3, (7, 3))])
    expected = np.median(x, 0) if kind == "absolute error" else x.mean(0)
    np.testing.assert_allclose(best_constant(kind, x), expected, atol=2e-3)


@pytest.mark.equation("8.13", "8.14", "8.15")
def test_mean_mean_and_median_of_real_digits(rng):
    """The same for all 784 pixels by brute force: no grey level has a lower loss than the mean, mean and median."""
    x = digits("train").flat()[:500].astype(np.float64)
    mean, median = x.mean(0), np.median(x, 0)
    grid = np.linspace(0.002, 0.998, 60)[:, None]
    for answer, error in (
        (mean, lambda y: ((x - y) ** 2).mean(0)),
        (mean.clip(1e-9, 1 - 1e-9), lambda y: -(x * np.log(y) + (1 - x) * np.log1p(-y)).mean(0)),
        (median, lambda y: abs(x - y).mean(0)),
    ):
        least = error(answer)
        assert all((error(np.broadcast_to(level, mean.shape)) >= least - 1e-12).all() for level in grid)
    np.testing.assert_allclose(((x - 0.3) ** 2).mean(0), x.var(0) + (0.3 - mean) ** 2, rtol=1e-10)
    assert (median > 0).sum() < 0.5 * (mean > 0.1).sum()  # the median digit is nearly blank


@pytest.mark.equation("8.14", "8.15")
def test_their_slopes(rng):
    for a in (-2.0, 0.1, 3.0):
        logit = sg.tensor(np.full(7, a), requires_grad=True)
        F.binary_cross_entropy_with_logits(logit, PIXEL, "mean").backward()
        assert logit.grad.numpy().sum() == pytest.approx(1 / (1 + np.exp(-a)) - PIXEL.mean(), rel=1e-10)
    for y in (0.05, 0.3, 0.95):
        answer = sg.tensor(np.full(7, y), requires_grad=True)
        F.l1_loss(answer, PIXEL, "mean").backward()
        assert answer.grad.numpy().sum() == pytest.approx(np.sign(y - PIXEL).mean(), abs=1e-12)
    # The least cross-entropy of a grey pixel is not 0 but the entropy of a coin.
    assert F.binary_cross_entropy(np.array([0.5]), np.array([0.5])) == pytest.approx(np.log(2))


# ---------------------------------------------------------------------------------------------------------- denoising
KEPT = 0.6
MASKS = np.array(list(itertools.product([0.0, 1.0], repeat=4)))
CHANCE = np.where(MASKS == 1, KEPT, 1 - KEPT).prod(1)


@pytest.mark.equation("8.16")
def test_the_best_denoiser_is_the_mean_of_the_clean_images(rng):
    """All 16 masks of all images of 4 bits: a table of answers, by least squares, is E[x | x̃]; all others are worse."""
    x = np.array(list(itertools.product([0.0, 1.0], repeat=4)))
    p = rng.dirichlet(np.ones(16))
    weight = p[:, None] * CHANCE  # (image, mask)
    seen = x[:, None] * MASKS
    index = (seen @ [8, 4, 2, 1]).astype(int)
    total = np.bincount(index.ravel(), weight.ravel(), 16)
    mean = np.stack([np.bincount(index.ravel(), (weight * x[:, None, i]).ravel(), 16) / total for i in range(4)], 1)

    def error(table):
        return (weight[..., None] * (x[:, None] - table[index]) ** 2).sum()

    assert error(mean) < error(x)  # x itself as a table: the identity, which gives back the blanks
    for _ in range(20):
        step = 0.1 * rng.standard_normal((16, 4))
        assert error(mean + step) == pytest.approx(error(mean) + (total[:, None] * step**2).sum(), rel=1e-12)


def spoiled_error(A, x):
    """E_m |x − A(m ∘ x)|², by summing over all masks; the mean over the rows of x."""
    return np.mean([CHANCE @ ((row - (MASKS * row) @ A.T) ** 2).sum(1) for row in x])


@pytest.mark.equation("8.17")
def test_masking_is_a_weight_decay(rng):
    x, A = rng.random((6, 4)), rng.standard_normal((4, 4))
    decay = KEPT * (1 - KEPT) * ((x**2) @ (A**2).sum(0))
    formula = ((x - KEPT * x @ A.T) ** 2).sum(1) + decay
    assert spoiled_error(A, x) == pytest.approx(formula.mean(), rel=1e-12)
    # and it is what the model's own mask does
    many = np.tile(x, (20_000, 1))
    drawn = ((many - mask(many, 1 - KEPT, rng) @ A.T) ** 2).sum(1)
    spread = drawn.std() / np.sqrt(len(drawn))
    assert abs(drawn.mean() - formula.mean()) < 4 * spread < 0.05 * decay.mean()


@pytest.mark.equation("8.18")
def test_the_best_linear_denoiser(rng):
    x = rng.random((9, 4)) * [1, 0.5, 1, 0.2]
    R = x.T @ x / len(x)
    best = R @ np.linalg.inv(KEPT * R + (1 - KEPT) * np.diag(np.diag(R)))
    least = spoiled_error(best, x)
    for _ in range(20):
        step = 1e-4 * rng.standard_normal((4, 4))
        up, down = spoiled_error(best + step, x), spoiled_error(best - step, x)
        assert min(up, down) > least
        assert up - down == pytest.approx(0, abs=1e-12)  # no slope in any direction
    assert least < 0.9 * spoiled_error(np.eye(4), x)
    np.testing.assert_allclose(R @ np.linalg.inv(R), np.eye(4), atol=1e-8)  # κ = 1


# ----------------------------------------------------------------------------------------------------------- distance
@pytest.mark.equation("8.19", "8.20")
def test_the_frechet_distance_is_the_least_over_all_pairings(rng):
    """Joint covariances R₁ᵀ K R₂ with random contractions K are farther; the page's K = PQᵀ is at the distance."""
    a, b = rng.standard_normal((40, 3)) * [1, 2, 3], rng.standard_normal((50, 3)) @ rng.standard_normal((3, 3)) + 1
    first, second = (np.linalg.cholesky(np.cov(x.T)).T for x in (a, b))
    shift = a.mean(0) - b.mean(0)

    def apart(K):
        cross = first.T @ K @ second
        return shift @ shift + np.trace(np.cov(a.T)) + np.trace(np.cov(b.T)) - 2 * np.trace(cross)

    P, _, Qt = np.linalg.svd(first @ second.T)
    least = frechet_distance(a, b)
    assert apart(P @ Qt) == pytest.approx(least, rel=1e-10)
    assert ((P.T @ first - Qt @ second) ** 2).sum() + shift @ shift == pytest.approx(least, rel=1e-10)
    for _ in range(200):
        K = rng.standard_normal((3, 3))
        assert apart(K / np.linalg.norm(K, 2)) > least
