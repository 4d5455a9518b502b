"""What all tests share: the devices they run on, and how hypothesis draws its examples."""

import hypothesis
import pytest

from scratchgen import backend

from .strict_array import register

register()

hypothesis.settings.register_profile("scratchgen", derandomize=True, deadline=None, max_examples=25, database=None)
hypothesis.settings.load_profile("scratchgen")


def pytest_configure(config):
    for marker in (
        "equation(*ids): the equations of derivations/ that this test proves",
        "ledger(*ids): the errata and claims of the lectures that this test makes executable",
        "gpu: needs a CUDA device (pick these with -m gpu)",
    ):
        config.addinivalue_line("markers", marker)


_no_gpu = pytest.mark.skipif(not backend.cuda_available(), reason="CuPy with a CUDA device is not available here")


@pytest.fixture(scope="session", params=["cpu", "strict", pytest.param("cuda", marks=[pytest.mark.gpu, _no_gpu])])
def device(request):
    """The name of a device; a test that takes it runs once on each: `sg.tensor(x, device=device)`."""
    return request.param
