"""no_grad and detect_anomaly."""

import threading

import numpy as np
import pytest

import scratchgen as sg
import scratchgen.functional as F


@pytest.fixture
def x(device):
    return sg.tensor(np.array([-1.0, 0.0, 2.0]), requires_grad=True, device=device)


def test_no_grad_records_nothing(x):
    with sg.no_grad():
        y = F.exp(x) * x
    assert y.node is None
    assert F.exp(x).requires_grad


def test_no_grad_nests_and_survives_errors(x):
    with sg.no_grad():
        with pytest.raises(ValueError, match="add"), sg.no_grad():
            x + np.zeros_like(x.data, shape=(7,))
        assert not F.exp(x).requires_grad
    assert F.exp(x).requires_grad


def test_no_grad_decorates(x):
    @sg.no_grad()
    def evaluate(t, depth=3):
        return F.exp(t) if depth == 0 else evaluate(t, depth - 1)

    assert not evaluate(x).requires_grad
    assert not evaluate(x).requires_grad  # and again
    assert evaluate.__name__ == "evaluate"
    assert F.exp(x).requires_grad


def test_no_grad_is_per_thread(x):
    inside, outside, answers = threading.Event(), threading.Event(), {}

    def quiet():
        with sg.no_grad():
            inside.set()
            outside.wait(5)
            answers["quiet"] = F.exp(x).requires_grad

    thread = threading.Thread(target=quiet)
    thread.start()
    inside.wait(5)
    answers["loud"] = F.exp(x).requires_grad
    outside.set()
    thread.join()
    assert answers == {"quiet": False, "loud": True}


def test_anomaly_in_the_forward_is_named(x):
    with np.errstate(all="ignore"), sg.detect_anomaly():
        with pytest.raises(FloatingPointError, match=r"log made NaN \(shape \(3,\)\)"):
            F.log(x)
        with pytest.raises(FloatingPointError, match="divide made infinity"):
            1.0 / x
    with np.errstate(all="ignore"):
        assert np.isnan(F.log(x).numpy()).any()  # the switch is off again


def test_anomaly_in_the_backward_is_named(x):
    y = F.sum(F.sqrt(F.abs(x)))
    message = r"the derivative of sqrt for x made infinity \(shape \(3,\)\)"
    with np.errstate(all="ignore"), sg.detect_anomaly(), pytest.raises(FloatingPointError, match=message):
        y.backward()


def test_anomaly_under_create_graph(x):
    y = F.sum(F.sqrt(F.abs(x)))
    with np.errstate(all="ignore"), sg.detect_anomaly(), pytest.raises(FloatingPointError, match=r"(sqrt|divide)"):
        y.backward(create_graph=True)


def test_anomaly_nests(x):
    with np.errstate(all="ignore"), sg.detect_anomaly():
        with sg.detect_anomaly():
            pass
        with pytest.raises(FloatingPointError, match="log made"):
            F.log(x)


def test_anomaly_lets_healthy_numbers_pass(x):
    with sg.detect_anomaly(), sg.detect_anomaly():
        F.sum(F.tanh(x)).backward()
    assert np.isfinite(x.grad.numpy()).all()


def test_the_sum_of_two_finite_gradients_is_watched_too():
    x = sg.tensor(np.ones(1, np.float32), requires_grad=True)
    with np.errstate(over="ignore"), sg.detect_anomaly():
        y = F.concatenate([x * 3e38, x * 3e38])
        with pytest.raises(FloatingPointError, match="the sum of what reaches"):
            y.backward(np.ones(2, np.float32))
