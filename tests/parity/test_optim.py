"""Optimizers against PyTorch's: twenty steps on the same gradients, with every option."""

import numpy as np
import pytest

import scratchgen as sg
from scratchgen import optim

from .compare import DTYPES, normal, same, torch

both = pytest.mark.parametrize("dtype", DTYPES)

OPTIMIZERS = [
    ("SGD", {"lr": 0.1}),
    ("SGD", {"lr": 0.1, "weight_decay": 0.2}),
    ("SGD", {"lr": 0.1, "momentum": 0.9}),
    ("SGD", {"lr": 0.1, "momentum": 0.8, "weight_decay": 0.2}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "nesterov": True}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 0.2}),
    ("RMSprop", {}),
    ("RMSprop", {"lr": 0.1, "alpha": 0.7, "eps": 0.05}),
    ("Adam", {}),
    ("Adam", {"lr": 0.1, "betas": (0.5, 0.9), "eps": 0.05}),
    ("Adam", {"lr": 0.1, "weight_decay": 0.2}),
    ("AdamW", {}),
    ("AdamW", {"lr": 0.1, "betas": (0.5, 0.9), "eps": 0.05, "weight_decay": 0.3}),
]
SHAPES = [(3, 4), (), (5,), (2, 1, 3)]


@both
@pytest.mark.parametrize(("name", "options"), OPTIMIZERS, ids=str)
def test_twenty_steps(name, options, dtype):
    ours = [sg.tensor(normal(*shape).astype(dtype), requires_grad=True) for shape in SHAPES]
    theirs = [torch.tensor(p.numpy().copy(), requires_grad=True) for p in ours]
    mine, yours = getattr(optim, name)(ours, **options), getattr(torch.optim, name)(theirs, **options)
    for step in range(20):
        if step == 10:  # a schedule changes the rate on the way
            mine.lr = yours.param_groups[0]["lr"] = 0.05
        mine.zero_grad()
        yours.zero_grad()
        for i, (p, q) in enumerate(zip(ours, theirs)):
            if (step + i) % 4:  # now and then a parameter has no gradient and rests
                g = np.asarray(normal(*p.shape, seed=step)).astype(dtype)
                p.grad, q.grad = sg.tensor(g), torch.tensor(g)
        mine.step()
        yours.step()
        for i, (p, q) in enumerate(zip(ours, theirs)):
            same(p.numpy(), q, f"parameter {i} after step {step}")


@pytest.fixture
def exact(monkeypatch):
    """PyTorch's Muon multiplies with eight bits; here it is to do so with all it has."""
    monkeypatch.setattr(torch.Tensor, "bfloat16", torch.Tensor.clone)


@both
@pytest.mark.parametrize("momentum", [0.95, 0.5])
def test_muon(momentum, dtype, exact):
    """PyTorch's takes matrices only."""
    shapes = [(3, 4), (6, 2), (16, 40)]
    ours = [sg.tensor(normal(*shape).astype(dtype), requires_grad=True) for shape in shapes]
    theirs = [torch.tensor(p.numpy().copy(), requires_grad=True) for p in ours]
    mine = optim.Muon(ours, 0.1, momentum)
    yours = torch.optim.Muon(theirs, 0.1, weight_decay=0, momentum=momentum, adjust_lr_fn="original")
    for step in range(5):
        for i, (p, q) in enumerate(zip(ours, theirs)):
            g = np.asarray(normal(*p.shape, seed=100 * step + i)).astype(dtype)
            p.grad, q.grad = sg.tensor(g), torch.tensor(g)
        mine.step()
        yours.step()
        for i, (p, q) in enumerate(zip(ours, theirs)):
            same(p.numpy(), q, f"parameter {i} after step {step}")


@both
@pytest.mark.parametrize("shape", [(3, 4), (5, 5), (40, 7)])
def test_orthogonalized(shape, dtype, exact):
    """PyTorch has it as a step from 0, of length 1, without momentum."""
    g, p = normal(*shape).astype(dtype), torch.zeros(shape, dtype=getattr(torch, np.dtype(dtype).name))
    p.grad = torch.tensor(g)
    torch.optim.Muon([p], 1.0, weight_decay=0, momentum=0, adjust_lr_fn="original").step()
    same(optim.orthogonalized(g) * max(1, shape[0] / shape[1]) ** 0.5, -p, "the step")


@both
@pytest.mark.parametrize("max_norm", [0.5, 100.0])
def test_clip_grad_norm(max_norm, dtype):
    ours = [sg.tensor(np.zeros(shape, dtype), requires_grad=True) for shape in SHAPES]
    theirs = [torch.tensor(p.numpy().copy(), requires_grad=True) for p in ours]
    for seed, (p, q) in enumerate(zip(ours, theirs)):
        g = np.asarray(normal(*p.shape, seed=seed)).astype(dtype)
        p.grad, q.grad = sg.tensor(g), torch.tensor(g.copy())
    norm = optim.clip_grad_norm(ours, max_norm)
    assert norm == pytest.approx(float(torch.nn.utils.clip_grad_norm_(theirs, max_norm)), rel=1e-6)
    for p, q in zip(ours, theirs):  # PyTorch adds 1e-6 to the norm before it divides
        np.testing.assert_allclose(p.grad.numpy(), q.grad.numpy(), rtol=1e-6)


SCHEDULES = {
    "step": (optim.step_decay(3, 0.5), lambda o: torch.optim.lr_scheduler.StepLR(o, 3, 0.5)),
    "exponential": (optim.exponential_decay(0.8), lambda o: torch.optim.lr_scheduler.ExponentialLR(o, 0.8)),
    "cosine": (optim.cosine_decay(10, 0.1), lambda o: torch.optim.lr_scheduler.CosineAnnealingLR(o, 10, eta_min=0.1)),
}


@pytest.mark.parametrize("name", list(SCHEDULES))
def test_schedules(name):
    ours, make = SCHEDULES[name]
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    scheduler = make(optimizer)
    for t in range(10):
        assert ours(t) == pytest.approx(scheduler.get_last_lr()[0], rel=1e-12)
        optimizer.step()
        scheduler.step()


def test_exponential_moving_average():
    averaging = torch.optim.swa_utils
    module = torch.nn.Linear(3, 2, dtype=torch.float64)
    theirs = averaging.AveragedModel(module, multi_avg_fn=averaging.get_ema_multi_avg_fn(0.9))
    theirs.update_parameters(module)  # its first update is a copy, as our beginning is
    ours = [sg.tensor(p.detach().numpy(), requires_grad=True) for p in module.parameters()]
    average = optim.ExponentialMovingAverage(ours, 0.9)
    for seed in range(5):
        for p, q in zip(ours, module.parameters()):
            p.data += normal(*p.shape, seed=seed)
            with torch.no_grad():
                q.copy_(torch.tensor(p.data))
        average.update()
        theirs.update_parameters(module)
    with average.applied():
        for p, q in zip(ours, theirs.module.parameters()):
            same(p.numpy(), q, "the average")
