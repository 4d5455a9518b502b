"""Modules: what is found in them, in which order, and how it is saved, loaded and moved."""

import copy

import numpy as np
import pytest

import scratchgen as sg
from scratchgen import backend, nn
from scratchgen import functional as F


class Tied(nn.Module):
    """Two layers that share a weight, a norm with buffers, and a bare parameter."""

    def __init__(self, rng, dtype=np.float32):
        self.scale = nn.Parameter(np.ones((), dtype))
        self.first = nn.Linear(3, 3, rng=rng, dtype=dtype)
        self.norm = nn.BatchNorm1d(3, dtype=dtype)
        self.second = nn.Linear(3, 3, rng=rng, dtype=dtype)
        self.second.weight = self.first.weight

    def forward(self, x):
        return self.scale * self.second(self.norm(self.first(x)))


NAMES = [
    "scale",
    "first.weight",
    "first.bias",
    "norm.weight",
    "norm.bias",
    "norm.running_mean",
    "norm.running_var",
    "second.bias",
]


def test_names_keep_their_order_and_shared_parameters_come_once(rng):
    model = Tied(rng)
    assert list(model.state_dict()) == NAMES
    assert [name for name, _ in model.named_parameters()] == [n for n in NAMES if "running" not in n]
    assert [name for name, _ in model.named_buffers()] == [n for n in NAMES if "running" in n]
    assert len(list(model.parameters())) == 6
    assert [b is c for b, c in zip(model.buffers(), (model.norm.running_mean, model.norm.running_var))] == [True, True]
    assert list(model.modules()) == [model, model.first, model.norm, model.second]


def test_a_module_used_twice_comes_once(rng):
    layer = nn.Linear(2, 2, rng=rng)
    model = nn.Sequential(layer, nn.ReLU(), layer)
    assert [name for name, _ in model.named_parameters()] == ["0.weight", "0.bias"]
    assert [name for name, _ in model.named_modules()] == ["", "0", "1"]


def test_a_parameter_is_a_leaf_that_requires_its_gradient(device, rng):
    data = backend.to_device(rng.standard_normal(3), device)
    p = nn.Parameter(data)
    assert p.requires_grad
    assert p.data is data
    assert nn.Parameter(sg.tensor([1.0, 2.0])).numpy().tolist() == [1.0, 2.0]
    F.sum(p * 3.0).backward()
    np.testing.assert_array_equal(p.grad.numpy(), np.full(3, 3.0))


def test_lists_of_modules_are_refused_where_they_would_be_overlooked(rng):
    for hidden in ([nn.ReLU()], (nn.Parameter(np.zeros(2)),), {"a": nn.ReLU()}):
        model = nn.Module()
        model.parts = hidden
        with pytest.raises(TypeError, match=r"Module\.parts is a \w+ of modules or parameters.*ModuleList"):
            list(model.parameters())
    model = nn.Module()
    model.sizes = [1, 2, 3]
    assert list(model.parameters()) == []


def test_forward_has_to_be_defined():
    with pytest.raises(NotImplementedError, match="Module does not define forward"):
        nn.Module()(1)


def test_train_and_eval_reach_every_module(rng):
    model = nn.Sequential(Tied(rng), nn.Sequential(nn.ReLU()))
    assert all(m.training for m in model.modules())
    assert model.eval() is model
    assert not any(m.training for m in model.modules())
    assert model.train() is model
    assert all(m.training for m in model.modules())
    assert nn.ReLU().training  # the mode of one module is not that of its class


def test_in_use_for_a_while(rng):
    """Each part comes back to the mode that it was in, also where something goes wrong."""
    model = nn.Sequential(Tied(rng), nn.Sequential(nn.ReLU()).eval())
    modes = [m.training for m in model.modules()]
    with model.in_use() as same:
        assert same is model
        assert not any(m.training for m in model.modules())
    assert [m.training for m in model.modules()] == modes
    with pytest.raises(ZeroDivisionError), model.in_use():
        1 / 0  # noqa: B018
    assert [m.training for m in model.modules()] == modes


def test_zero_grad(rng):
    model = Tied(rng)
    model.first.bias.requires_grad = False
    F.sum(model(sg.tensor(rng.standard_normal((5, 3)), dtype=np.float32))).backward()
    assert all(p.grad is not None for p in model.parameters() if p.requires_grad)
    model.zero_grad()
    assert all(p.grad is None for p in model.parameters())


# ------------------------------------------------------------------------------------------- saving and loading
def test_state_dict_holds_copies_on_the_host(device, rng):
    model = Tied(rng).to(device)
    state = model.state_dict()
    assert all(type(value) is np.ndarray and value.dtype == np.float32 for value in state.values())
    before = model.first.weight.numpy().copy()
    for value in state.values():
        value[...] = 7.0
    np.testing.assert_array_equal(model.first.weight.numpy(), before)


def test_round_trip_through_a_file(device, rng, tmp_path):
    source, target = Tied(rng).to(device), Tied(rng).to(device)
    x = sg.tensor(rng.standard_normal((6, 3)), dtype=np.float32, device=device)
    source(x)  # moves the running statistics
    weight = target.first.weight.data
    np.savez(tmp_path / "model.npz", **source.state_dict())
    with np.load(tmp_path / "model.npz") as state:
        target.load_state_dict(state)
    assert target.first.weight.data is weight  # written in place: an optimizer's buffer stays in use
    assert target.second.weight is target.first.weight
    np.testing.assert_array_equal(source.eval()(x).numpy(), target.eval()(x).numpy())
    for name, value in source.state_dict().items():
        np.testing.assert_array_equal(target.state_dict()[name], value)


def test_load_state_dict_reports_every_difference_and_changes_nothing(rng):
    model = Tied(rng)
    before = model.state_dict()
    bad = {name: value + 1 for name, value in before.items()}
    del bad["scale"]
    bad["extra"] = np.zeros(2)
    bad["first.bias"] = np.zeros((3, 1), np.float32)
    bad["norm.running_var"] = np.zeros(3)
    with pytest.raises(ValueError, match="load_state_dict") as caught:
        model.load_state_dict(bad)
    assert str(caught.value).splitlines() == [
        "Tied.load_state_dict:",
        "  scale: expected float32(), got nothing",
        "  extra: unknown here, got float64(2,)",
        "  first.bias: expected float32(3,), got float32(3, 1)",
        "  norm.running_var: expected float32(3,), got float64(3,)",
    ]
    for name, value in model.state_dict().items():
        np.testing.assert_array_equal(value, before[name])


# ------------------------------------------------------------------------------------------- moving
def test_to_moves_parameters_and_buffers(device, rng):
    model = Tied(rng)
    state = model.state_dict()
    x = rng.standard_normal((5, 3)).astype(np.float32)
    expected = Tied(np.random.default_rng(0))(sg.tensor(x)).numpy()
    assert model.to(device) is model
    assert {p.device for p in model.parameters()} == {sg.tensor(0.0, device=device).device}
    for name, value in model.state_dict().items():
        np.testing.assert_array_equal(value, state[name])
    y = model(sg.tensor(x, device=device))
    F.sum(y).backward()
    assert model.second.weight is model.first.weight
    np.testing.assert_allclose(y.numpy(), expected, rtol=1e-5, atol=1e-6)
    assert all(p.grad.device == p.device for p in model.parameters())


def test_moving_nowhere_keeps_everything(rng):
    model = Tied(rng)
    F.sum(model(sg.tensor(rng.standard_normal((5, 3)), dtype=np.float32))).backward()
    grads = [p.grad for p in model.parameters()]
    model.to("cpu").astype(np.float32)
    assert [p.grad is g for p, g in zip(model.parameters(), grads)] == [True] * len(grads)


def test_astype(device, rng):
    model = Tied(rng).to(device)
    model.norm.count = np.array([3])  # not a float: stays
    model.first.bias.requires_grad = False
    assert model.astype(np.float64) is model
    assert {p.dtype for p in model.parameters()} == {np.dtype(np.float64)}
    assert [b.dtype for b in model.buffers()] == [np.float64, np.float64, model.norm.count.dtype]
    assert not model.first.bias.requires_grad
    y = model(sg.tensor(rng.standard_normal((5, 3)), device=device))
    F.sum(y).backward()
    assert y.dtype == model.first.weight.grad.dtype == np.float64


def test_gradients_of_a_whole_model(rng):
    """Parameters are handed to gradcheck as they stand in the model, the shared one included."""
    model, x = Tied(rng, np.float64), rng.standard_normal((5, 3))
    assert sg.gradcheck(lambda x, *parameters: model(x), x, *model.parameters())


def test_deepcopy_is_independent(rng):
    model = Tied(rng)
    twin = copy.deepcopy(model)
    assert twin.second.weight is twin.first.weight
    assert twin.first.weight is not model.first.weight
    before = model.first.weight.numpy().copy()
    twin.first.weight.data += 1.0
    np.testing.assert_array_equal(model.first.weight.numpy(), before)
    F.sum(twin(sg.tensor(rng.standard_normal((5, 3)), dtype=np.float32))).backward()
    assert model.first.weight.grad is None
    assert twin.first.weight.grad is not None


def test_repr_shows_settings_shapes_and_parts(rng):
    model = nn.Sequential(nn.Linear(2, 3, rng=rng), nn.Sequential(nn.LeakyReLU(0.2)))
    assert repr(model).splitlines() == [
        "Sequential()",
        "  0: Linear(weight (3, 2), bias (3,))",
        "  1: Sequential()",
        "    0: LeakyReLU(negative_slope=0.2)",
    ]


# ------------------------------------------------------------------------------------------- containers
def test_sequential_applies_its_parts_in_order():
    class Times(nn.Module):
        def __init__(self, factor, shift):
            self.factor, self.shift = factor, shift

        def forward(self, x):
            return x * self.factor + self.shift

    model = nn.Sequential(Times(2, 1), Times(3, 0), Times(1, -4))
    assert model(5) == (5 * 2 + 1) * 3 - 4
    assert model[:2](5) == 33
    assert type(model[:2]) is nn.Sequential
    assert model[-1] is model[2]
    assert nn.Sequential()(7) == 7


def test_module_list(rng):
    layers = nn.ModuleList(nn.Linear(2, 2, rng=rng) for _ in range(3))
    layers.append(nn.ReLU())
    assert len(layers) == 4
    assert [name for name, _ in layers.named_parameters()] == [f"{i}.{n}" for i in range(3) for n in ("weight", "bias")]
    assert [type(layer).__name__ for layer in layers[2:]] == ["Linear", "ReLU"]
    assert layers[1:][0] is layers[1]
    with pytest.raises(TypeError, match="ModuleList: expected a Module, got int"):
        layers.append(3)
    with pytest.raises(IndexError):
        layers[4]


def test_a_buffer_with_two_names_stays_one():
    class Twice(nn.Module):
        def __init__(self):
            self.a = np.ones(2, np.float32)
            self.b = self.a
            self.part = nn.Linear(1, 1)
            self.part.c = self.a

    module = Twice()
    names = [*module.state_dict()]
    module.astype(np.float64)
    assert module.a is module.b is module.part.c
    assert module.a.dtype == np.float64
    assert [*module.state_dict()] == names
