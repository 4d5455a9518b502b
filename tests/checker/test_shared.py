"""Work that is shared with copies of this process."""

import os
import sys
import time
from functools import partial

import pytest

from scratchgen.checker import check_file
from scratchgen.checker.shared import shared

copies = pytest.mark.skipif(sys.platform != "linux", reason="no copies of a process here")


@pytest.mark.parametrize("processes", [1, 2, 3])
@pytest.mark.parametrize("many", [0, 1, 2, 20])
def test_results_come_in_the_order_of_the_jobs(processes, many):
    assert shared([partial(pow, i, 2) for i in range(many)], processes) == [i * i for i in range(many)]


@copies
def test_several_processes_work():
    def who():
        time.sleep(0.05)  # or one would be done before the other has begun
        return os.getpid()

    pids = shared([who] * 20, 3)
    assert len(set(pids)) == 3
    assert os.getpid() in pids


@copies
def test_what_a_dead_copy_took_is_done_here():
    here = os.getpid()

    def die_elsewhere():
        time.sleep(0.05)
        if os.getpid() != here:
            os._exit(1)
        return here

    assert shared([die_elsewhere] * 10, 3) == [here] * 10


@pytest.mark.parametrize("processes", [1, 2])
def test_what_a_job_raises_is_raised(processes):
    with pytest.raises(ZeroDivisionError):
        shared([partial(divmod, 1, i) for i in (1, 0, 2, 0)], processes)


@copies
def test_reasons_are_the_same_whoever_finds_them(tmp_path):
    path = tmp_path / "hw.py"
    path.write_text("""
import numpy as np
def linear_backward(dout, x, weight, bias):
    return dout @ weight, 2 * dout.T @ x, dout.mean(0)
def softmax_backward(dout, logits):
    p = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    return p * (dout - (dout * p).sum(0))
def relu_backward(dout, x):
    return dout * (x < 0)
""")
    alone, together = (check_file(path, processes=n) for n in (1, 3))
    assert alone.json() == together.json()
    assert [len(judged.explanations) for judged in together.judged] == [2, 1, 1]
