"""Optimizers against their formulas as the papers print them, written once more here in plain float64 NumPy."""

import copy
import math

import numpy as np
import pytest

import scratchgen as sg
from scratchgen import backend, nn, optim
from scratchgen import functional as F

SHAPES = ((3, 4), (4,), (), (2, 1, 3))
DTYPES = pytest.mark.parametrize("dtype", [np.float64, np.float32])


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def make(rng, device="cpu", dtype=np.float64, shapes=SHAPES):
    return [nn.Parameter(backend.to_device(rng.standard_normal(s).astype(dtype), device)) for s in shapes]


def give(parameters, grads):
    for p, g in zip(parameters, grads):
        p.grad = None if g is None else sg.tensor(g, dtype=p.dtype, device=p.device)


# The formulas, one parameter at a time: a generator that is sent gradients and gives the parameter back.
def sgd(x, lr, momentum=0.0, weight_decay=0.0, nesterov=False):
    u = np.zeros_like(x)
    while True:
        g = (yield x) + weight_decay * x
        u = momentum * u + g
        x = x - lr * (g + momentum * u if nesterov else u)


def rmsprop(x, lr, alpha=0.99, eps=1e-8):
    v = np.zeros_like(x)
    while True:
        g = yield x
        v = alpha * v + (1 - alpha) * g**2
        x = x - lr * g / (np.sqrt(v) + eps)


def adam(x, lr, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0, decoupled=0.0):
    m, v, t = np.zeros_like(x), np.zeros_like(x), 0
    while True:
        g = (yield x) + weight_decay * x
        t += 1
        m = betas[0] * m + (1 - betas[0]) * g
        v = betas[1] * v + (1 - betas[1]) * g**2
        m_hat, v_hat = m / (1 - betas[0] ** t), v / (1 - betas[1] ** t)
        x = x - lr * decoupled * x - lr * m_hat / (np.sqrt(v_hat) + eps)


def adamw(x, lr, betas=(0.9, 0.999), eps=1e-8, weight_decay=1e-2):
    return adam(x, lr, betas, eps, 0.0, weight_decay)


def muon(x, lr, momentum=0.95, adam=0.4):
    """By a singular value decomposition, where the library has none."""
    rows, columns = (*x.shape, 1, 1)[0], x[:1].size if x.ndim else 1
    if min(rows, columns) == 1:
        yield from rest(x, lr * adam)
    u = np.zeros_like(x)
    while True:
        g = yield x
        u = momentum * u + g
        left, s, right = np.linalg.svd((g + momentum * u).reshape(rows, columns), full_matrices=False)
        s /= np.sqrt((s**2).sum())
        for _ in range(5):
            s = 3.4445 * s - 4.7750 * s**3 + 2.0315 * s**5
        x = x - lr * max(1, rows / columns) ** 0.5 * (left * s @ right).reshape(x.shape)


def rest(x, lr):
    """Adam's, as a part of another formula."""
    steps = adam(x, lr)
    value = next(steps)
    while True:
        value = steps.send((yield value))


RULES = [
    pytest.param(optim.SGD, sgd, {"lr": 0.1}, id="SGD"),
    pytest.param(optim.SGD, sgd, {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.2}, id="momentum"),
    pytest.param(optim.SGD, sgd, {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.2, "nesterov": True}, id="nesterov"),
    pytest.param(optim.RMSprop, rmsprop, {"lr": 0.1, "alpha": 0.9, "eps": 1e-3}, id="RMSprop"),
    pytest.param(optim.Adam, adam, {"lr": 0.1}, id="Adam"),
    pytest.param(optim.Adam, adam, {"lr": 0.1, "betas": (0.5, 0.9), "eps": 0.1, "weight_decay": 0.3}, id="Adam-all"),
    pytest.param(optim.AdamW, adamw, {"lr": 0.1, "eps": 0.1, "weight_decay": 0.3}, id="AdamW"),
    pytest.param(optim.Muon, muon, {"lr": 0.01}, id="Muon"),
    pytest.param(optim.Muon, muon, {"lr": 0.01, "momentum": 0.5, "adam": 2.0}, id="Muon-all"),
]
rules = pytest.mark.parametrize(("kind", "formula", "settings"), RULES)


@rules
@DTYPES
def test_steps_follow_the_formula(kind, formula, settings, dtype, device, rng):
    """Each parameter counts its own steps, so one that is left out now and then follows its formula as well."""
    parameters = make(rng, device, dtype)
    expected = [formula(p.numpy().astype(np.float64), **settings) for p in parameters]
    values = [next(e) for e in expected]
    optimizer = kind(parameters, **settings)
    for step in range(8):
        grads = [rng.standard_normal(p.shape) if (step + i) % 3 else None for i, p in enumerate(parameters)]
        give(parameters, grads)
        optimizer.step()
        values = [v if g is None else e.send(g) for e, v, g in zip(expected, values, grads)]
    tolerance = 1e-12 if dtype == np.float64 else 1e-5
    for p, value in zip(parameters, values):
        assert p.dtype == dtype
        assert p.device == device
        np.testing.assert_allclose(p.numpy(), value, rtol=tolerance, atol=tolerance)


@rules
def test_chunks_make_no_difference(kind, formula, settings, rng, monkeypatch):
    start, grads = [rng.standard_normal(50)], [rng.standard_normal(50) for _ in range(4)]

    def run(chunk):
        monkeypatch.setattr(optim, "CHUNK", chunk)
        (p,) = parameters = [nn.Parameter(start[0].copy())]
        optimizer = kind(parameters, **settings)
        for g in grads:
            give(parameters, [g])
            optimizer.step()
        return p.numpy().copy()

    whole = run(1 << 15)
    assert not np.array_equal(whole, start[0])
    np.testing.assert_array_equal(run(7), whole)


def test_parameters_move_into_one_buffer_and_keep_their_values(device, rng):
    parameters = make(rng, device, np.float32)
    before = [p.numpy().copy() for p in parameters]
    optimizer = optim.Adam(parameters)
    for p, value in zip(parameters, before):
        np.testing.assert_array_equal(p.numpy(), value)
        assert p.shape == value.shape
    (F.sum(parameters[0] * 2.0) + F.sum(parameters[3] * 3.0)).backward()
    optimizer.step()
    flat = np.concatenate([p.numpy().ravel() for p in parameters])
    np.testing.assert_array_equal(backend.to_host(optimizer._flat[0]), flat)
    gradient = backend.to_host(optimizer._flat[1])  # the walk put its gradients where the optimizer wants them
    np.testing.assert_array_equal(gradient, [*[2.0] * 12, *[0.0] * 5, *[3.0] * 6])


@rules
def test_the_gradient_is_left_as_it_is(kind, formula, settings, rng):
    parameters = make(rng)
    optimizer = kind(parameters, **settings)
    sum((F.sum(F.sin(p)) for p in parameters), start=sg.tensor(0.0, dtype=np.float64)).backward()
    before = [p.grad.numpy().copy() for p in parameters]
    optimizer.step()
    for p, g in zip(parameters, before):
        np.testing.assert_array_equal(p.grad.numpy(), g)
    optimizer.zero_grad()
    assert all(p.grad is None for p in parameters)


def test_gradients_accumulate_over_two_backward_passes(device, rng):
    (p,) = make(rng, device, shapes=[(5,)])
    optimizer = optim.SGD([p], lr=1.0)
    start, a, b = p.numpy().copy(), rng.standard_normal(5), rng.standard_normal(5)
    for c in (a, b):
        F.sum(p * sg.tensor(c, device=device)).backward()
    np.testing.assert_allclose(p.grad.numpy(), a + b, rtol=1e-15)
    optimizer.step()
    np.testing.assert_allclose(p.numpy(), start - a - b, rtol=1e-12)


def test_a_model_and_its_optimizer_learn(device, rng):
    """Least squares with a known answer."""
    w = rng.standard_normal((1, 3)).astype(np.float32)
    x = rng.standard_normal((64, 3)).astype(np.float32)
    layer = nn.Linear(3, 1, rng=rng).to(device)
    optimizer = optim.Adam(layer.parameters(), lr=0.05)
    inputs, targets = sg.tensor(x, device=device), sg.tensor(x @ w.T + 0.5, device=device)
    for _ in range(400):
        optimizer.zero_grad()
        F.mse_loss(layer(inputs), targets).backward()
        optimizer.step()
    np.testing.assert_allclose(layer.weight.numpy(), w, atol=1e-3)
    np.testing.assert_allclose(layer.bias.numpy(), [0.5], atol=1e-3)


def test_frozen_parameters_stay(rng):
    frozen, free = make(rng, shapes=[(3,), (3,)])
    frozen.requires_grad = False
    start, start_free = frozen.numpy().copy(), free.numpy().copy()
    optimizer = optim.AdamW([frozen, free], lr=0.1)
    F.sum(frozen * free).backward()
    optimizer.step()
    np.testing.assert_array_equal(frozen.numpy(), start)
    assert not np.array_equal(free.numpy(), start_free)
    frozen.requires_grad = True  # thawed: a new leaf, which the optimizer has not seen
    optimizer.zero_grad()
    F.sum(frozen * free).backward()
    optimizer.step()
    assert not np.array_equal(frozen.numpy(), start)


def test_two_optimizers_of_disjoint_parameters(rng):
    a, b = make(rng, shapes=[(3,), (3,)])
    first, second = optim.SGD([a], lr=1.0), optim.SGD([b], lr=1.0)
    start_a, start_b = a.numpy().copy(), b.numpy().copy()
    F.sum(a * b).backward()
    first.step()
    np.testing.assert_allclose(a.numpy(), start_a - start_b)
    np.testing.assert_array_equal(b.numpy(), start_b)
    second.step()
    np.testing.assert_allclose(b.numpy(), start_b - start_a)


def test_two_optimizers_of_the_same_parameters(device, rng):
    """The second moves the values into its own buffer; the first fetches them back, and nothing is lost."""
    (p,) = make(rng, device, shapes=[(4,)])
    value = p.numpy().copy()
    first, second = optim.SGD([p], lr=1.0), optim.SGD([p], lr=0.5)
    for optimizer, lr in [(first, 1.0), (second, 0.5), (second, 0.5), (first, 1.0), (second, 0.5)]:
        g = rng.standard_normal(4)
        optimizer.zero_grad()
        F.sum(p * sg.tensor(g, device=device)).backward()
        optimizer.step()
        value = value - lr * g
        np.testing.assert_allclose(p.numpy(), value, rtol=1e-12)


def test_assigned_data_is_used(rng):
    (p,) = make(rng, shapes=[(4,)])
    optimizer = optim.SGD([p], lr=1.0)
    p.data = np.arange(4.0)
    give([p], [np.ones(4)])
    optimizer.step()
    np.testing.assert_array_equal(p.numpy(), np.arange(4.0) - 1)


def test_a_parameter_listed_twice_is_updated_once(rng):
    (p,) = make(rng, shapes=[(4,)])
    start = p.numpy().copy()
    optimizer = optim.SGD([p, p], lr=1.0)
    give([p], [np.ones(4)])
    optimizer.step()
    np.testing.assert_allclose(p.numpy(), start - 1)


def test_parameters_without_elements(rng):
    parameters = make(rng, shapes=[(0, 3), (2,)])
    optimizer = optim.Adam(parameters)
    start = parameters[1].numpy().copy()
    give(parameters, [np.zeros((0, 3)), np.ones(2)])
    optimizer.step()
    np.testing.assert_allclose(parameters[1].numpy(), start - 1e-3, rtol=1e-6)


def test_refusals(rng):
    p, q = make(rng, shapes=[(2,), (2,)])
    with pytest.raises(ValueError, match="no parameters"):
        optim.SGD([])
    with pytest.raises(TypeError, match="parameter 1 is"):
        optim.SGD([p, p * 2.0])
    with pytest.raises(ValueError, match="float64 on cpu and float32 on cpu"):
        optim.SGD([p, *make(rng, dtype=np.float32)])
    with pytest.raises(ValueError, match="nesterov"):
        optim.SGD([p], nesterov=True)
    optimizer = optim.SGD([q])
    q.data = np.zeros(3)
    give([p], [np.ones(2)])
    with pytest.raises(ValueError, match="parameter 0 was"):
        optimizer.step()


def test_a_model_moved_after_its_optimizer_was_made_is_refused(rng):
    layer = nn.Linear(2, 2, rng=rng)
    optimizer = optim.SGD(layer.parameters())
    layer.to("strict")
    with pytest.raises(ValueError, match="move or convert a model first"):
        optimizer.step()


# ------------------------------------------------------------------------------------------------- saving
@rules
@DTYPES
def test_resume_bit_for_bit(kind, formula, settings, dtype, device, rng, tmp_path):
    """Three steps, a save through an .npz file, three more: the same bits as six steps."""
    grads = [[rng.standard_normal(s) for s in SHAPES] for _ in range(6)]
    start = make(rng, device, dtype)

    def fresh():
        parameters = [nn.Parameter(p.data.copy()) for p in start]
        return parameters, kind(parameters, **settings)

    def run(parameters, optimizer, some):
        for g in some:
            give(parameters, [*g[:1], None, *g[2:]] if some[0] is g else g)
            optimizer.lr *= 0.9
            optimizer.step()

    whole, optimizer = fresh()
    run(whole, optimizer, grads[:3])
    np.savez(tmp_path / "state.npz", **optimizer.state_dict())
    middle = [p.numpy().copy() for p in whole]
    run(whole, optimizer, grads[3:])

    resumed, optimizer = fresh()
    vars(optimizer).update(dict.fromkeys(optimizer._settings(), 0.5))  # it may have been made with others
    for p, value in zip(resumed, middle):
        p.data[...] = backend.to_device(value, device)
    with np.load(tmp_path / "state.npz") as state:
        optimizer.load_state_dict(state)
    assert type(optimizer.lr) is float
    run(resumed, optimizer, grads[3:])
    for a, b in zip(whole, resumed):
        np.testing.assert_array_equal(a.numpy(), b.numpy())


def test_state_is_numbers_and_host_arrays(device, rng):
    state = optim.Adam(make(rng, device), lr=1).state_dict()
    assert state["lr"] == 1
    assert all(isinstance(value, (int, float, np.ndarray)) for value in state.values())


def test_a_state_does_not_change_afterwards(rng):
    parameters = make(rng)
    optimizer, average = optim.Adam(parameters), optim.ExponentialMovingAverage(parameters)
    states = optimizer.state_dict(), average.state_dict()
    before = copy.deepcopy(states)
    give(parameters, [rng.standard_normal(s) for s in SHAPES])
    optimizer.step()
    average.update()
    np.testing.assert_equal(states, before)


def test_load_state_dict_reports_every_difference_and_changes_nothing(rng):
    optimizer = optim.Adam(make(rng), lr=0.1)
    state = optimizer.state_dict()
    bad = {**state, "m": state["m"][:-1], "steps": state["steps"].astype(np.float32), "lr": 0.7, "extra": 1}
    del bad["v"]
    with pytest.raises(ValueError, match="v: missing") as caught:
        optimizer.load_state_dict(bad)
    for part in ("extra: unknown", "m: expected float64(23,), got float64(22,)", "steps: expected int64"):
        assert part in str(caught.value)
    assert optimizer.lr == 0.1


# ------------------------------------------------------------------------------------------------- clipping
def test_clip_grad_norm(device, rng):
    parameters = make(rng, device, np.float32)
    grads = [rng.standard_normal(p.shape) * 10 for p in parameters[:3]]
    give(parameters, [*grads, None])
    expected = math.sqrt(sum((g**2).sum() for g in grads))
    assert optim.clip_grad_norm(parameters, 2.0) == pytest.approx(expected, rel=1e-6)
    clipped = [p.grad.numpy() for p in parameters[:3]]
    assert all(g.dtype == np.float32 for g in clipped)
    assert math.sqrt(sum((g.astype(np.float64) ** 2).sum() for g in clipped)) == pytest.approx(2.0, rel=1e-6)
    for g, c in zip(grads, clipped):
        np.testing.assert_allclose(c, g * (2.0 / expected), rtol=1e-5)
    assert optim.clip_grad_norm(parameters, 3.0) == pytest.approx(2.0, rel=1e-6)  # already short enough
    np.testing.assert_array_equal(parameters[0].grad.numpy(), clipped[0])


def test_clipping_reaches_the_step(rng):
    (p,) = make(rng, shapes=[(3,)])
    start = p.numpy().copy()
    optimizer = optim.SGD([p], lr=1.0)
    F.sum(p * np.array([3.0, 0.0, 4.0])).backward()
    assert optim.clip_grad_norm([p, p], 1.0) == 5.0
    optimizer.step()
    np.testing.assert_allclose(p.numpy(), start - [0.6, 0.0, 0.8])


def test_clip_grad_norm_at_the_ends(rng):
    parameters = make(rng)
    assert optim.clip_grad_norm(parameters, 1.0) == 0.0
    give(parameters[:1], [np.full((3, 4), np.nan)])
    with pytest.raises(FloatingPointError, match="detect_anomaly"):
        optim.clip_grad_norm(parameters, 1.0)


# ------------------------------------------------------------------------------------------------- schedules
def test_schedules():
    step = optim.step_decay(10, 0.5)
    assert [step(t) for t in (0, 9, 10, 25)] == [1.0, 1.0, 0.5, 0.25]
    assert optim.exponential_decay(0.9)(3) == pytest.approx(0.729)
    cosine = optim.cosine_decay(8, floor=0.2)
    assert [cosine(t) for t in (0, 4, 8, 20)] == pytest.approx([1.0, 0.6, 0.2, 0.2])
    warm = optim.warm_up(4, optim.exponential_decay(0.5))
    assert [warm(t) for t in (1, 2, 4, 6)] == pytest.approx([0.25, 0.5, 1.0, 0.25])
    assert optim.warm_up(2)(100) == 1.0


# ------------------------------------------------------------------------------------------------- averages
def test_exponential_moving_average(device, rng, monkeypatch):
    monkeypatch.setattr(optim, "CHUNK", 7)
    parameters = make(rng, device, np.float32)
    optimizer = optim.SGD(parameters, lr=0.1)
    average = optim.ExponentialMovingAverage(parameters, decay=0.8)
    expected = [p.numpy().astype(np.float64) for p in parameters]
    for _ in range(5):
        give(parameters, [rng.standard_normal(p.shape) for p in parameters])
        optimizer.step()
        average.update()
        expected = [0.8 * e + 0.2 * p.numpy() for e, p in zip(expected, parameters)]
    own = [p.numpy().copy() for p in parameters]
    with average.applied():
        for p, e in zip(parameters, expected):
            assert p.dtype == np.float32
            np.testing.assert_allclose(p.numpy(), e, rtol=1e-5, atol=1e-6)
    for p, value in zip(parameters, own):
        np.testing.assert_array_equal(p.numpy(), value)


def test_average_is_taken_off_again_after_an_error(rng):
    (p,) = make(rng, shapes=[(3,)])
    average = optim.ExponentialMovingAverage([p], decay=0.5)
    p.data += 1.0
    own = p.numpy().copy()
    with pytest.raises(KeyError), average.applied():
        assert not np.array_equal(p.numpy(), own)
        raise KeyError
    np.testing.assert_array_equal(p.numpy(), own)


def test_average_state(device, rng):
    parameters = make(rng, device)
    average = optim.ExponentialMovingAverage(parameters)
    state = average.state_dict()
    for p in parameters:
        p.data[...] = 0.0
    other = optim.ExponentialMovingAverage(parameters)
    other.load_state_dict(state)
    for name, value in other.state_dict().items():
        np.testing.assert_array_equal(value, state[name])
    with pytest.raises(ValueError, match="expected shapes"):
        other.load_state_dict({"0": state["0"]})
    with pytest.raises(ValueError, match="decay"):
        optim.ExponentialMovingAverage(parameters, decay=1.0)


def test_averages_may_live_in_a_second_model():
    """It begins as the first one, follows it, and is saved as any other model is."""
    rng = np.random.default_rng(3)
    first, second = (nn.Linear(3, 2, rng=rng) for _ in range(2))
    average = optim.ExponentialMovingAverage(first.parameters(), 0.75, into=second.parameters())
    np.testing.assert_array_equal(second.weight.numpy(), first.weight.numpy())
    before = first.weight.numpy().copy()
    first.weight.data += 1
    average.update()
    np.testing.assert_allclose(second.weight.numpy(), before + 0.25, rtol=1e-6)
    saved = second.state_dict()["weight"].copy()
    average.update()
    second.load_state_dict(second.state_dict() | {"weight": saved})
    np.testing.assert_array_equal(average.state_dict()["0"], saved)
    with pytest.raises(ValueError, match="expected shapes"):
        optim.ExponentialMovingAverage(first.parameters(), into=nn.Linear(4, 2).parameters())


def test_a_momentum_that_comes_later_is_refused():
    p = nn.Parameter(np.zeros(2, np.float32))
    optimizer = optim.SGD([p], lr=1.0)
    optimizer.momentum = 0.9
    p.grad = sg.tensor(np.ones(2, np.float32))
    with pytest.raises(ValueError, match="SGD: made without momentum"):
        optimizer.step()


@pytest.mark.parametrize(
    "make",
    [
        lambda p: optim.AdamW(p, weight_decay=np.float64(0.1)),
        lambda p: optim.RMSprop(p, alpha=np.float64(0.9), eps=np.float64(1e-8)),
        lambda p: optim.SGD(p, weight_decay=np.float64(1e-4), momentum=np.float64(0.9)),
        lambda p: optim.Adam(p, betas=np.array([0.5, 0.999])),
    ],
)
def test_numpys_numbers_for_settings_resume_bit_for_bit(make):
    rng = np.random.default_rng(0)
    begin = rng.standard_normal(500).astype(np.float32)
    gradients = rng.standard_normal((10, 500)).astype(np.float32)

    def walk(break_at):
        p = nn.Parameter(begin.copy())
        optimizer = make([p])
        for step, g in enumerate(gradients):
            if step == break_at:
                state, values = optimizer.state_dict(), p.data.copy()
                p = nn.Parameter(values)
                optimizer = make([p])
                optimizer.load_state_dict(state)
            p.grad = sg.tensor(g)
            optimizer.step()
        return p.numpy()

    np.testing.assert_array_equal(walk(5), walk(None))


@pytest.mark.parametrize("size", [1e-42, 1e-30, 1.0, 1e30, 3e37])
def test_muon_at_the_ends_of_float32(size):
    """The length of a gradient does not matter to it, however long or short."""
    g = np.random.default_rng(0).standard_normal((4, 6))
    expected = optim.orthogonalized(g)
    found = optim.orthogonalized((g * size).astype(np.float32))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, atol=2e-2 if size < 1e-40 else 2e-5)  # of 1e-42, three digits are left


def test_muon_and_what_has_no_gradient_in_it():
    """A gradient of zeros moves nothing, and a matrix's masked part, where all gradients are 0, stays."""
    w, still = nn.Parameter(np.ones((3, 4), np.float32)), nn.Parameter(np.ones((5, 2), np.float32))
    optimizer = optim.Muon([w, still])
    for seed in range(3):
        g = np.random.default_rng(seed).standard_normal((3, 4)).astype(np.float32)
        g[:, 1] = 0
        w.grad, still.grad = sg.tensor(g), sg.tensor(np.zeros((5, 2), np.float32))
        optimizer.step()
    assert (w.numpy() == 1).all(0).tolist() == [False, True, False, False]
    np.testing.assert_array_equal(still.numpy(), 1)


def test_clipping_at_the_ends_of_float32():
    for size in (1e20, 1e-30):
        p = nn.Parameter(np.zeros(2, np.float32))
        p.grad = sg.tensor(np.array([size, 0], np.float32))
        assert optim.clip_grad_norm([p], 1.0) == pytest.approx(size, rel=1e-6)
        assert p.grad.numpy()[0] == pytest.approx(min(size, 1.0), rel=1e-6)


def test_one_array_as_the_gradient_of_two_is_scaled_once():
    p, q = nn.Parameter(np.zeros(3, np.float32)), nn.Parameter(np.zeros(3, np.float32))
    p.grad = q.grad = sg.tensor(np.full(3, 10, np.float32))
    assert optim.clip_grad_norm([p, q], 1.0) == pytest.approx(np.sqrt(600))
    for each in (p, q):
        np.testing.assert_allclose(each.grad.numpy(), 10 / np.sqrt(600), rtol=1e-6)


def test_averages_follow_the_second_models_arrays():
    """Whether they lie otherwise in memory, or an optimizer has moved them."""
    p = nn.Parameter(np.zeros((2, 3), np.float32))
    into = nn.Parameter(np.ones((3, 2), np.float32).T)
    average = optim.ExponentialMovingAverage([p], 0.5, into=[into])
    np.testing.assert_array_equal(into.numpy(), 0)
    p.data += 8
    average.update()
    np.testing.assert_array_equal(into.numpy(), 4)
    optim.SGD([into])
    average.update()
    np.testing.assert_array_equal(into.numpy(), 6)
