"""Every layer against PyTorch's of the same name: the same weights and input, all gradients; once more in eval mode."""

import numpy as np
import pytest

import scratchgen as sg
from scratchgen import functional as F
from scratchgen import nn

from .compare import DTYPES, normal, positive, same, torch

both = pytest.mark.parametrize("dtype", DTYPES)

IDS = np.array([[2, 0, 1], [1, 1, 0]])
LAYERS = {
    "Linear": (nn.Linear(5, 3), torch.nn.Linear(5, 3), normal(7, 5)),
    "Linear without bias": (nn.Linear(5, 3, bias=False), torch.nn.Linear(5, 3, bias=False), normal(2, 4, 5)),
    "Embedding": (nn.Embedding(4, 3), torch.nn.Embedding(4, 3), IDS),
    "Conv2d": (nn.Conv2d(3, 4, 3, padding=1), torch.nn.Conv2d(3, 4, 3, padding=1), normal(2, 3, 7, 6)),
    "Conv2d with all options": (
        nn.Conv2d(4, 6, (3, 2), (2, 1), (1, 2), (2, 3), 2, False),
        torch.nn.Conv2d(4, 6, (3, 2), (2, 1), (1, 2), (2, 3), 2, False),
        normal(2, 4, 9, 8),
    ),
    "ConvTranspose2d": (nn.ConvTranspose2d(3, 4, 4, 2, 1), torch.nn.ConvTranspose2d(3, 4, 4, 2, 1), normal(2, 3, 5, 4)),
    "ConvTranspose2d with all options": (
        nn.ConvTranspose2d(4, 6, 3, 2, 1, output_padding=1, groups=2, bias=False, dilation=2),
        torch.nn.ConvTranspose2d(4, 6, 3, 2, 1, output_padding=1, groups=2, bias=False, dilation=2),
        normal(2, 4, 5, 4),
    ),
    "BatchNorm1d": (nn.BatchNorm1d(3), torch.nn.BatchNorm1d(3), 2 + 3 * normal(7, 3)),
    "BatchNorm1d with all options": (
        nn.BatchNorm1d(3, 0.1, 0.3),
        torch.nn.BatchNorm1d(3, 0.1, 0.3),
        2 + 3 * normal(2, 3),
    ),
    "BatchNorm2d": (nn.BatchNorm2d(3), torch.nn.BatchNorm2d(3), 2 + 3 * normal(4, 3, 5, 2)),
    "LayerNorm": (nn.LayerNorm(4), torch.nn.LayerNorm(4), 2 + 3 * normal(5, 3, 4)),
    "LayerNorm of two axes": (nn.LayerNorm((3, 4), 0.1), torch.nn.LayerNorm((3, 4), 0.1), 2 + 3 * normal(5, 3, 4)),
    "ReLU": (nn.ReLU(), torch.nn.ReLU(), normal(3, 4)),
    "LeakyReLU": (nn.LeakyReLU(0.2), torch.nn.LeakyReLU(0.2), normal(3, 4)),
    "LeakyReLU's slope": (nn.LeakyReLU(), torch.nn.LeakyReLU(), normal(3, 4)),
    "ELU": (nn.ELU(0.7), torch.nn.ELU(0.7), normal(3, 4)),
    "Sigmoid": (nn.Sigmoid(), torch.nn.Sigmoid(), normal(3, 4)),
    "Tanh": (nn.Tanh(), torch.nn.Tanh(), normal(3, 4)),
    "Softplus": (nn.Softplus(), torch.nn.Softplus(), normal(3, 4)),
    "Softmax": (nn.Softmax(1), torch.nn.Softmax(1), normal(3, 4)),
    "Flatten": (nn.Flatten(), torch.nn.Flatten(), normal(3, 4, 2, 1)),
    "Reshape": (nn.Reshape(2, 3, 1), torch.nn.Unflatten(1, (2, 3, 1)), normal(4, 6)),
    "Sequential": (
        nn.Sequential(nn.Linear(5, 6), nn.Tanh(), nn.BatchNorm1d(6), nn.Linear(6, 2)),
        torch.nn.Sequential(torch.nn.Linear(5, 6), torch.nn.Tanh(), torch.nn.BatchNorm1d(6), torch.nn.Linear(6, 2)),
        normal(7, 5),
    ),
}


def paired(ours, theirs, dtype):
    """Both in the same precision with the same random weights. Ours must call them what PyTorch calls them."""
    ours.astype(dtype).train().zero_grad()
    theirs.to(getattr(torch, dtype)).train().zero_grad()
    with torch.no_grad():
        for seed, value in enumerate(theirs.parameters()):
            value.copy_(torch.tensor(normal(*value.shape, seed=seed)))
    ours.load_state_dict(
        {k: v.numpy() for k, v in theirs.state_dict().items() if not k.endswith("num_batches_tracked")}
    )


def assert_same_pass(ours, theirs, x):
    """One pass forward and back: output, gradients of the input and of every parameter, then the buffers."""
    differentiable = x.dtype.kind == "f"
    a = sg.tensor(np.asfortranarray(x), requires_grad=differentiable)
    b = torch.tensor(x, requires_grad=differentiable)
    y, z = ours(a), theirs(b)
    same(y.numpy(), z, "the output")
    cotangent = normal(*y.shape, seed=99).astype(y.dtype)
    y.backward(cotangent)
    z.backward(torch.tensor(cotangent))
    if differentiable:
        same(a.grad.numpy(), b.grad, "the input's gradient")
    expected = dict(theirs.named_parameters())
    for name, parameter in ours.named_parameters():
        same(parameter.grad.numpy(), expected[name].grad, f"{name}.grad")
    expected = dict(theirs.named_buffers())
    for name, buffer in ours.named_buffers():
        same(buffer, expected[name], name)


@both
@pytest.mark.parametrize(("ours", "theirs", "x"), list(LAYERS.values()), ids=list(LAYERS))
def test_layers(ours, theirs, x, dtype):
    paired(ours, theirs, dtype)
    x = x.astype(dtype) if x.dtype.kind == "f" else x
    for _ in range(2):  # the second time, running statistics have moved and gradients accumulate
        assert_same_pass(ours, theirs, x)
    ours.eval()
    theirs.eval()
    ours.zero_grad()
    theirs.zero_grad()
    assert_same_pass(ours, theirs, x)


@both
@pytest.mark.parametrize("kind", ["A", "B"])
def test_masked_conv2d(kind, dtype):
    """PyTorch has no such layer; the common way multiplies the weight by a mask before each convolution."""
    rows, columns = np.indices((5, 3))
    seen = (rows < 2) | ((rows == 2) & (columns < 1 + (kind == "B")))
    ours = nn.MaskedConv2d(kind, 3, 4, (5, 3)).astype(dtype)
    theirs = torch.nn.Conv2d(3, 4, (5, 3), padding=(2, 1), dtype=getattr(torch, dtype))
    torch.nn.utils.parametrize.register_parametrization(theirs, "weight", Masked(torch.tensor(seen)))
    weight, bias = normal(4, 3, 5, 3).astype(dtype), normal(4).astype(dtype)
    ours.load_state_dict({"weight": weight, "bias": bias})
    inner = theirs.parametrizations.weight.original
    with torch.no_grad():
        inner.copy_(torch.tensor(weight))
        theirs.bias.copy_(torch.tensor(bias))

    x = normal(2, 3, 6, 7).astype(dtype)
    a, b = sg.tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
    y, z = ours(a), theirs(b)
    same(y.numpy(), z, "the output")
    cotangent = normal(*y.shape, seed=99).astype(dtype)
    y.backward(cotangent)
    z.backward(torch.tensor(cotangent))
    same(a.grad.numpy(), b.grad, "the input's gradient")
    same(ours.weight.grad.numpy(), inner.grad, "weight.grad")
    same(ours.bias.grad.numpy(), theirs.bias.grad, "bias.grad")


class Masked(torch.nn.Module):
    """w ∘ mask."""

    def __init__(self, mask):
        super().__init__()
        self.mask = mask

    def forward(self, w):
        return w * self.mask


LABELS = np.array([0, 3, 3])
LOSSES = {
    "BCELoss": (positive(3, 4) / 1.2, positive(3, 4, seed=1) / 1.2),
    "BCEWithLogitsLoss": (normal(3, 4), positive(3, 4) / 1.2),
    "MSELoss": (normal(3, 4), normal(3, 4, seed=1)),
    "L1Loss": (normal(3, 4), normal(3, 4, seed=1)),
    "CrossEntropyLoss": (normal(3, 4), LABELS),
}


@both
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("name", list(LOSSES))
def test_losses(name, reduction, dtype):
    x, target = (v.astype(dtype) if v.dtype.kind == "f" else v for v in LOSSES[name])
    a, b = sg.tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
    y = getattr(nn, name)(reduction=reduction)(a, sg.tensor(target))
    z = getattr(torch.nn, name)(reduction=reduction)(b, torch.tensor(target))
    same(y.numpy(), z, "the loss")
    cotangent = normal(*y.shape).astype(dtype) if y.ndim else np.array(0.7, dtype)
    y.backward(cotangent)
    z.backward(torch.tensor(cotangent))
    same(a.grad.numpy(), b.grad, "the gradient")


@both
@pytest.mark.parametrize("kind", ["Linear", "Conv2d"])
def test_spectral_norm(kind, dtype):
    """Output, gradients and the iteration's vectors over three passes; the gradient of a squared slope, as R1 has it;
    then in use, where nothing moves."""
    make = {"Linear": lambda nn: nn.Linear(6, 4), "Conv2d": lambda nn: nn.Conv2d(2, 4, 3, padding=1)}[kind]
    shape = {"Linear": (5, 6), "Conv2d": (3, 2, 5, 4)}[kind]
    ours = nn.spectral_norm(make(nn)).astype(dtype)
    assert isinstance(ours, nn.SpectralNorm)
    theirs = torch.nn.utils.parametrizations.spectral_norm(make(torch.nn)).to(getattr(torch, dtype))
    weight, vectors = theirs.parametrizations.weight.original, theirs.parametrizations.weight[0]
    with torch.no_grad():
        weight.copy_(torch.tensor(normal(*weight.shape)))
        theirs.bias.copy_(torch.tensor(normal(4)))
    ours.load_state_dict(
        {"layer.weight": weight.detach().numpy(), "layer.bias": theirs.bias.detach().numpy()}
        | {"left": vectors._u.numpy(), "right": vectors._v.numpy()}
    )
    for turn in range(5):
        if turn == 3:
            ours.eval()
            theirs.eval()
        x, cotangent = (normal(*size, seed=turn).astype(dtype) for size in (shape, (shape[0], 4, *shape[2:])))
        a, b = sg.tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
        y, z = ours(a), theirs(b)
        same(y.numpy(), z, "the output")
        f = torch.tensor(cotangent)
        (slope,) = sg.grad(F.sum(y * cotangent), [a], create_graph=True)
        (their_slope,) = torch.autograd.grad((z * f).sum(), [b], create_graph=True)
        same(slope.numpy(), their_slope, "the slope")
        ours.zero_grad()
        theirs.zero_grad()
        (F.sum(y * cotangent) + F.sum(slope * slope)).backward()
        ((z * f).sum() + (their_slope * their_slope).sum()).backward()
        same(ours.layer.weight.grad.numpy(), weight.grad, "weight.grad")
        same(ours.layer.bias.grad.numpy(), theirs.bias.grad, "bias.grad")
        same(ours.left, vectors._u, "u")
        same(ours.right, vectors._v, "v")
