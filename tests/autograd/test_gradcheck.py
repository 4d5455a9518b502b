"""gradcheck: what it accepts, what it refuses, and what it says."""

import numpy as np
import pytest

import scratchgen as sg
import scratchgen.functional as F
from scratchgen import backend
from scratchgen.autograd import GradcheckError, SuspectedKink
from scratchgen.autograd.gradcheck import _slope

rng = np.random.default_rng(4)
x = rng.standard_normal((3, 4))


def wrong(rule, forward=np.sin):
    @sg.primitive
    def f(x):
        return forward(x)

    f.vjp(x=rule)
    return f


def test_it_says_what_is_wrong_and_where():
    with pytest.raises(AssertionError) as caught:
        sg.gradcheck(wrong(lambda g, x: g * F.cos(x) * (1 + 1e-4 * (x == x.max()))), x)
    message = str(caught.value)
    index = list(map(int, np.unravel_index(x.argmax(), x.shape)))
    assert message.startswith(f"f: the gradient for inputs[0] at {index} is ")
    assert "1 of 12 values of inputs[0] (3, 4) are wrong" in message
    assert isinstance(caught.value, GradcheckError)


@pytest.mark.equation("0.9")
def test_the_cotangent_is_not_ones():
    """A softmax rule of zeros passes with ones; here it fails."""

    @sg.primitive
    def softmax(x):
        e = np.exp(x)
        return e / e.sum(-1, keepdims=True)

    softmax.vjp(x=lambda g: 0.0 * g)
    with pytest.raises(GradcheckError, match="12 of 12"):
        sg.gradcheck(softmax, x)


@pytest.mark.equation("0.10", "0.11")
@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3])
@pytest.mark.parametrize("error", [1e-5, 1e-3])
def test_its_resolution(scale, error):
    """A relative error of 1e-5 is seen at every scale of the output, and right gradients pass."""
    right = wrong(lambda g, x: g * scale * F.cos(x), lambda x: scale * np.sin(x))
    assert sg.gradcheck(right, x)
    with pytest.raises(GradcheckError):
        sg.gradcheck(wrong(lambda g, x: g * (1 + error) * scale * F.cos(x), lambda x: scale * np.sin(x)), x)


@pytest.mark.equation("0.11")
@pytest.mark.parametrize("power", [3, 4])
def test_its_differences_are_exact_up_to_the_fourth_power(power):
    slope = _slope(lambda displacement: (0.7 + displacement) ** power, np.ones(1), np.ones(1), 0.1)
    assert slope.value == pytest.approx(power * 0.7 ** (power - 1), rel=1e-12)


def test_where_its_differences_are_exact_it_sees_nine_digits():
    assert sg.gradcheck(F.square, x)
    with pytest.raises(GradcheckError):
        sg.gradcheck(wrong(lambda g, x: g * 2.0 * x * (1 + 1e-9), np.square), x)


def test_several_inputs_constants_and_outputs():
    labels, scale = np.array([0, 2]), sg.tensor(np.array(3.0))
    with_labels = lambda x, labels, scale, power: (F.take(x, labels, 1) * scale, F.sum(x) ** power)
    assert sg.gradcheck(with_labels, x, labels, scale, 2)
    assert sg.gradgradcheck(with_labels, x, labels, scale, 2)
    assert scale.grad is None


def test_an_input_that_is_not_used_has_gradient_zero():
    assert sg.gradcheck(lambda x, y: F.exp(x), x, x)
    assert sg.gradgradcheck(lambda x, y: 2.0 * x, x, x)


def test_a_models_parameters_are_checked_in_place(device):
    w = sg.tensor(rng.standard_normal((2, 4)), requires_grad=True, device=device)
    w.grad = np.zeros_like(w.data)
    data = sg.tensor(x, device=device)
    before = w.data
    assert sg.gradcheck(lambda *_: F.sum(F.tanh(F.linear(data, w))), w)
    assert w.data is before
    assert not w.grad.numpy().any()


def test_every_device(device):
    assert sg.gradcheck(F.matmul, backend.to_device(x, device), backend.to_device(x.T.copy(), device))
    assert sg.gradgradcheck(F.softmax, sg.tensor(x, requires_grad=True, device=device))


def test_a_large_input_is_sampled_and_crossed_once():
    big = rng.standard_normal((30, 40))
    assert sg.gradcheck(lambda x: F.sum(F.tanh(x)), big)
    mostly = wrong(lambda g, x: g * (F.cos(x) + 0.1 * (x > 1.5)))
    with pytest.raises(GradcheckError):
        sg.gradcheck(lambda x: F.sum(mostly(x)), big)
    last = np.zeros(1000)
    last[-1] = 1.0
    with pytest.raises(GradcheckError, match=r"along a random direction"):
        sg.gradcheck(lambda x: F.sum(wrong(lambda g, x: g * (F.cos(x) + last))(x)), rng.standard_normal(1000))


def test_a_kink_is_called_a_kink():
    at_kink = np.array([0.5, 0.0, -1.0])
    with pytest.raises(SuspectedKink, match=r"inputs\[0\] at \[1\] looks like a kink.*left.*right.*says 0;"):
        sg.gradcheck(F.relu, at_kink)
    with pytest.raises(GradcheckError, match=r"is wrong|are wrong") as caught:
        sg.gradcheck(wrong(lambda g, x: 7.0 * g, lambda x: np.maximum(x, 0)), np.zeros(1))
    assert not isinstance(caught.value, SuspectedKink)  # no slope at a kink is 7


@pytest.mark.parametrize("distance", [1.5e-3, 4e-4, 5e-5])
def test_a_kink_nearby_does_not_disturb(distance):
    assert sg.gradcheck(F.relu, np.array([distance, -distance]))


def test_the_edge_of_the_domain_does_not_disturb():
    assert sg.gradcheck(F.log, np.array([1e-3]))
    assert sg.gradcheck(F.sqrt, np.array([1e-3, 4.0]))


@pytest.mark.parametrize("spoil", ["input", "cotangent", "output"])
def test_writing_is_noticed(spoil):
    def rule(g, x, out):
        {"input": x, "cotangent": g, "output": out}[spoil][...] *= 2.0
        return g * np.cos(x)

    with pytest.raises(GradcheckError, match=f"wrote into .*{spoil}"):
        sg.gradcheck(wrong(rule), x.copy())


def test_a_forward_that_writes_is_noticed():
    def scaled(x):
        x *= 2.0
        return x * 1.0

    with pytest.raises(GradcheckError, match=r"wrote into inputs\[0\]|two values"):
        sg.gradcheck(wrong(lambda g: 2.0 * g, scaled), x.copy())


def test_randomness_is_noticed():
    with pytest.raises(GradcheckError, match=r"two values for the same inputs.*hand them in"):
        sg.gradcheck(lambda x: F.dropout(x, 0.5, rng), x)


@pytest.mark.parametrize(
    ("f", "inputs", "error", "message"),
    [
        (F.exp, [x.astype(np.float32)], TypeError, r"inputs\[0\] is float32.*astype\(np\.float64\)"),
        (F.exp, [sg.tensor([1.0], requires_grad=True)], TypeError, r"inputs\[0\] is float32"),
        (F.exp, [], TypeError, "nothing to check"),
        (F.exp, [sg.tensor(x)], TypeError, "nothing to check"),
        (lambda x: x.data, [x], GradcheckError, "expected float64 Tensors to come out, got ndarray"),
        (lambda x: x.astype(np.float32), [x], GradcheckError, "got a float32 Tensor"),
        (lambda x: F.exp(x.detach()), [x], GradcheckError, "does not depend on the inputs"),
        (lambda x: x * np.nan, [x], GradcheckError, "not finite"),
    ],
)
def test_what_cannot_be_checked(f, inputs, error, message):
    with pytest.raises(error, match=message):
        sg.gradcheck(f, *inputs)


def test_second_derivatives_are_checked():
    """x³ with a rule that is right, but written so that its own derivative is not."""
    cube = wrong(lambda g, x: g * 3.0 * (x.detach() if isinstance(x, sg.Tensor) else x) ** 2, lambda x: x**3)
    assert sg.gradcheck(cube, x)
    with pytest.raises(GradcheckError, match="the gradient of f: the gradient for"):
        sg.gradgradcheck(cube, x)


def test_empty_and_single_numbers():
    assert sg.gradcheck(F.exp, np.zeros((0, 3)))
    assert sg.gradcheck(F.exp, np.array(0.3))
    assert sg.gradcheck(F.exp, np.float64(0.3))
