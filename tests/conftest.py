"""What all tests share: the devices they run on, and how hypothesis draws its examples."""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before NumPy: tests run side by side, and share the cores already

import hypothesis
import pytest

from scratchgen import backend

from .strict_array import register

register()

hypothesis.settings.register_profile("scratchgen", derandomize=True, deadline=None, max_examples=25, database=None)
hypothesis.settings.load_profile("scratchgen")


_no_gpu = pytest.mark.skipif(not backend.cuda_available(), reason="CuPy with a CUDA device is not available here")


@pytest.fixture(scope="session", params=["cpu", "strict", pytest.param("cuda", marks=[pytest.mark.gpu, _no_gpu])])
def device(request):
    """The name of a device; a test that takes it runs once on each: `sg.tensor(x, device=device)`."""
    return request.param
