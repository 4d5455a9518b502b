"""Several threads share a minibatch: the gradient is that of one, whoever is quicker."""

import os
import platform
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
import threadpoolctl

from scratchgen import backend, nn, optim, training
from scratchgen import functional as F
from scratchgen.models.latent import VAE
from scratchgen.training import Workers


def make(dtype=np.float64):
    model = VAE(pixels=6, hidden=5, latent=3, rng=np.random.default_rng(0))
    model.astype(dtype)
    x = (np.random.default_rng(1).random((11, 6)) < 0.5).astype(dtype)
    return model, x


def gradient(count, loss=None, x=None, seed=2):
    model, images = make()
    with Workers(count, model) as crew:
        metrics = crew.backward(loss(model) if loss else model.loss, [images if x is None else x], rng(seed))
    return [p.grad.numpy().copy() for p in model.parameters()], metrics


def rng(seed):
    return np.random.default_rng(seed)


@pytest.mark.equation("1.11")
@pytest.mark.parametrize("count", [2, 3, 7, 20])
def test_the_gradient_is_that_of_one(count):
    """Also with more workers than images; and the metrics are means over all images."""
    model, x = make()
    value, metrics = model.loss(x, rng(2))
    value.backward()
    found, shown = gradient(count)
    for p, g in zip(model.parameters(), found):
        np.testing.assert_allclose(g, p.grad.numpy(), rtol=1e-12, atol=1e-15)
    assert set(shown) == {"loss", *metrics}
    for name, number in {"loss": value.data, **metrics}.items():
        assert float(shown[name]) == pytest.approx(float(number), rel=1e-12)


def test_one_worker_is_backward_bit_for_bit():
    model, x = make()
    model.loss(x, rng(2))[0].backward()
    for p, g in zip(model.parameters(), gradient(1)[0]):
        assert (p.grad.numpy() == g).all()


@pytest.mark.parametrize("slow", [0, 1, 2])
def test_it_does_not_matter_who_is_slow(slow):
    """Bit for bit: the order of the sum and of the draws is not the threads' own."""

    def delayed(model):
        def loss(x, generator):
            if generator.rows.start == [0, 3, 7][slow]:
                time.sleep(0.02)
            return model.loss(x, generator)

        return loss

    for a, b in zip(gradient(3)[0], gradient(3, delayed)[0]):
        assert (a == b).all()


def test_it_happens_in_several_threads_with_a_single_threaded_blas():
    seen, blas, together = set(), set(), threading.Barrier(3, timeout=10)

    def watched(model):
        def loss(x, generator):
            together.wait()  # passes only when all three are here
            seen.add(threading.current_thread().name)
            blas.update(pool["num_threads"] for pool in threadpoolctl.threadpool_info() if pool["user_api"] == "blas")
            return model.loss(x, generator)

        return loss

    with threadpoolctl.threadpool_limits(2, "blas"):  # also where the environment asks for one thread
        gradient(3, watched)
        after = {pool["num_threads"] for pool in threadpoolctl.threadpool_info() if pool["user_api"] == "blas"}
    assert len(seen) == 3
    assert blas == {1}
    assert after == {2}


def test_gradients_add_to_what_is_there():
    model, x = make()
    with Workers(2, model) as crew:
        crew.backward(model.loss, [x], rng(2))
        once = [p.grad.numpy().copy() for p in model.parameters()]
        crew.backward(model.loss, [x], rng(2))
    for p, g in zip(model.parameters(), once):
        np.testing.assert_allclose(p.grad.numpy(), 2 * g, rtol=1e-12)


def test_noise_is_that_of_one_generator():
    """Numbers by rows, a single integer for all; and the generator has moved on as if it were alone."""
    drawn = {}

    def watched(model):
        def loss(x, generator):
            z = backend.normal(generator, (len(x), 4), x)
            which = generator.integers(100)
            each = generator.integers(5, 100, size=len(x))
            u = backend.uniform(generator, (len(x), 2, 3), x)
            drawn[generator.rows.start] = z, which, u, each
            return model.loss(x, generator)

        return loss

    gradient(3, watched)
    alone = rng(2)
    z, which, each = alone.standard_normal((11, 4)), alone.integers(100), alone.integers(5, 100, size=11)
    u = alone.random((11, 2, 3))
    parts = [drawn[start] for start in sorted(drawn)]
    np.testing.assert_array_equal(np.concatenate([p[0] for p in parts]), z)
    np.testing.assert_array_equal(np.concatenate([p[2] for p in parts]), u)
    np.testing.assert_array_equal(np.concatenate([p[3] for p in parts]), each)
    assert [p[1] for p in parts] == [which] * 3


def test_a_whole_training(tmp_path):
    """Two workers learn what one learns, to rounding; and the same twice, bit for bit."""

    def trained(workers):
        model, x = make()
        run = training.Run(model, optim.Adam(model.parameters(), lr=0.01), rng(5))
        training.train(run, model.loss, [x], epochs=3, batch_size=4, workers=workers)
        return model.state_dict()

    one, two, again = trained(1), trained(2), trained(2)
    for name, value in one.items():
        np.testing.assert_allclose(two[name], value, rtol=1e-9, atol=1e-12)
        assert (two[name] == again[name]).all(), name


def test_float32_stays_float32():
    model, x = make(np.float32)
    with Workers(2, model) as crew:
        metrics = crew.backward(model.loss, [x], rng(2))
    assert {p.grad.dtype for p in model.parameters()} == {np.dtype(np.float32)}
    assert metrics["loss"].dtype == np.float32


def test_on_a_device(device):
    model, x = make()
    model.to(device)
    with Workers(2, model) as crew:
        crew.backward(model.loss, [backend.to_device(x, device)], rng(2))
    for p, g in zip(model.parameters(), gradient(2)[0]):
        np.testing.assert_allclose(p.grad.numpy(), g, rtol=1e-9, atol=1e-12)


# ----------------------------------------------------------------------------------------------------------- refused
def test_an_error_in_a_worker_is_an_error_here():
    def broken(model):
        def loss(x, generator):
            raise KeyError("mine")

        return loss

    with pytest.raises(KeyError, match="mine"):
        gradient(2, broken)


def test_a_number_that_is_not_finite_stops_the_training():
    model, x = make()
    run = training.Run(model, optim.Adam(model.parameters(), lr=0.01), rng(5))

    def loss(x, generator):
        value, metrics = model.loss(x, generator)
        return value + F.sum(F.log(model.encoder.mean.bias - 1)), metrics

    with pytest.raises(FloatingPointError, match=r"step 1 .*log"):
        training.train(run, loss, [x], epochs=1, workers=2)


@pytest.mark.parametrize("layer", [nn.BatchNorm1d(3), nn.BatchNorm2d(3), nn.Dropout(0.5, np.random.default_rng(0))])
def test_layers_whose_images_depend_on_each_other(layer):
    model = nn.Sequential(nn.Linear(2, 3), layer)
    with pytest.raises(ValueError, match=rf"workers: 1 is a {type(layer).__name__}.*workers=1"):
        Workers(2, model)
    Workers(1, model)


def test_bad_counts_and_shared_noise():
    with pytest.raises(ValueError, match="at least 1, got 0"):
        Workers(0, make()[0])

    def shared(model):
        return lambda x, generator: model.loss(x, generator) if generator.random((1, 4)).size else None

    with pytest.raises(ValueError, match=r"image by image, expected a shape \(3, …\), got \(1, 4\)"):
        gradient(3, shared)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc can be told to keep memory")
def test_freed_memory_is_kept():
    """Pages fetched from the system while 15 MB are taken and freed ten times: hardly any, once it keeps them."""
    script = """
import resource, numpy as np
from scratchgen import backend
def fetched():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(10):
        arrays = [np.ones(750_000, np.float32) for _ in range(5)]
        del arrays
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
fetched(); usual = fetched()
backend.keep_memory()
fetched(); kept = fetched()
print(usual, kept)
"""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MALLOC_")}
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, env=environment)
    usual, kept = map(int, done.stdout.split())
    assert kept < usual / 10


def test_freed_memory_is_kept_from_the_beginning_of_a_training(monkeypatch):
    kept = []
    monkeypatch.setattr(backend, "keep_memory", lambda: kept.append(True))
    with Workers(1, make()[0]):
        assert kept
