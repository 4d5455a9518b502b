"""Work that is shared with copies of this process: looking for reasons is NumPy on small arrays, so threads only wait
for each other."""

from __future__ import annotations

import contextlib
import multiprocessing
import sys
import warnings
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

__all__ = ["shared"]

T = TypeVar("T")


def shared(jobs: Sequence[Callable[[], T]], processes: int = 2) -> list[T]:
    """What each job gives, in their order. Whoever is free takes the next; what a copy did not finish is done here.

    Without copies where there are none to be had (Windows), or none that may use Apple's BLAS (macOS). Raises what a
    job raises.
    """
    if min(processes, len(jobs)) < 2 or sys.platform != "linux":
        return [job() for job in jobs]
    context = multiprocessing.get_context("fork")
    next_one = context.Value("i", 0)
    found: dict[int, T] = {}

    def work() -> None:
        while True:
            with next_one.get_lock():
                i = next_one.value
                next_one.value += 1
            if i >= len(jobs):
                return
            found[i] = jobs[i]()

    def copy(writer: Any) -> None:
        with contextlib.suppress(Exception):  # it will be raised here
            work()
        writer.send(found)

    pipes = [context.Pipe(duplex=False) for _ in range(min(processes, len(jobs)) - 1)]
    copies = [context.Process(target=copy, args=(writer,), daemon=True) for _, writer in pipes]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that there are threads: a copy has none of them, and wants none
        for process in copies:
            process.start()
    for _, writer in pipes:
        writer.close()
    work()
    for (reader, _), process in zip(pipes, copies):
        with contextlib.suppress(EOFError):  # it was killed
            found |= reader.recv()
        process.join()
    return [found[i] if i in found else job() for i, job in enumerate(jobs)]
