"""What all demos share: options, data, a start with the right kernels, and a quiet end."""

from __future__ import annotations

import argparse
import math
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, NamedTuple, TypeVar, get_args, get_origin, get_type_hints

import numpy as np
import threadpoolctl
from scipy.stats import t as student

from scratchgen import backend, data, doctor
from scratchgen.training import CheckpointError

__all__ = [
    "Bits", "Images", "Options", "interval", "load_bits", "load_images", "parse", "spread", "start", "tell", "to",
]  # fmt: skip


@dataclass
class Options:
    """The options that every demo has; a demo adds its own, says in `QUICK` which defaults --quick changes, and in
    `RESUMES` whether it keeps anything to go on with."""

    seed: Annotated[int, "seed of weights, minibatches and noise; static bits are the same for all seeds"] = 0
    device: Annotated[str, "cpu, cuda, cuda:1 …"] = "cpu"
    workers: Annotated[int, "threads that share each minibatch, where a demo lets them: results differ by rounding"] = 2
    data: Annotated[Path | None, "folder of the complete MNIST (default: $SCRATCHGEN_DATA, else bundled digits)"] = None
    out: Annotated[Path | None, "folder for pictures and checkpoints (default: runs/, then the demo's name)"] = None
    quick: Annotated[bool, "a small run, less than a minute: to see that it works, not to judge it"] = False
    resume: Annotated[bool, "continue a run that was stopped, bit for bit"] = False

    NAME: ClassVar[str] = "demo"
    QUICK: ClassVar[dict[str, Any]] = {}
    RESUMES: ClassVar[bool] = True
    given: ClassVar[frozenset[str]] = frozenset()  # the options that stood on the command line, after `parse`

    def folder(self) -> Path:
        """Where this run writes."""
        return self.out or Path("runs") / self.NAME

    def resumes(self, checkpoint: Path) -> bool:
        """Whether a training goes on from its checkpoint. Of several trainings those that were not reached yet begin
        anew; --resume in a folder without any checkpoint is a mistake, which the training then reports."""
        return self.resume and (checkpoint.exists() or not any(checkpoint.parent.glob("*.npz")))

    def identity(self, **more: Any) -> dict[str, Any]:
        """What defines the run, so that a checkpoint of another one is refused."""
        free = {"data", "device", "epochs", "out", "resume"}  # how far, where, on what
        return {name: value for name, value in asdict(self).items() if name not in free} | more


Config = TypeVar("Config", bound=Options)


def parse(config: type[Config], arguments: Sequence[str] | None = None) -> Config:
    """Options from the command line: one --name for each field of the dataclass, its annotation the help.

    No number is below 0, and a whole number counts something: it is at least 1 where its default is not 0. What the
    command line names is kept in `given`: an option that was asked for is not one that happens to have its default.
    """
    parser = argparse.ArgumentParser(
        f"python -m demos.{config.NAME}",
        description=config.__doc__,
        allow_abbrev=False,
        argument_default=argparse.SUPPRESS,
    )
    hints = get_type_hints(config, include_extras=True)
    for f in fields(config):
        kind, text = get_args(hints[f.name])
        flag = "--" + f.name.replace("_", "-")
        if kind is bool:
            action = argparse.BooleanOptionalAction if f.default else "store_true"  # --no-x where x is usual
            parser.add_argument(flag, action=action, help=text, default=argparse.SUPPRESS)
            continue
        text += "" if f.default is None else f" (default: {f.default})"
        if get_origin(kind) is Literal:
            choices = get_args(kind)
            parser.add_argument(flag, type=type(choices[0]), choices=choices, help=text)
            continue
        several = "+" if get_origin(kind) is tuple else None  # tuple[int, ...]: one or more
        kind = (get_args(kind) or (kind,))[0]  # of `Path | None` the Path
        parser.add_argument(flag, type=kind, nargs=several, help=text, metavar=kind.__name__)
    given = {name: tuple(v) if isinstance(v, list) else v for name, v in vars(parser.parse_args(arguments)).items()}
    for name, value in given.items():
        default = getattr(config, name)
        for number in value if isinstance(value, tuple) else [value]:
            counts = type(number) is int and 0 not in (default if isinstance(default, tuple) else [default])
            if isinstance(number, int | float) and not number >= counts:
                least = "at least 1" if counts else "at least 0"
                parser.error(f"argument --{name.replace('_', '-')}: expected {least}, got {number}")
    if "resume" in given and not config.RESUMES:
        parser.error("argument --resume: this demo keeps nothing to go on with; it is soon done again")
    options = config(**(config.QUICK if "quick" in given else {}) | given)  # what is given as well still counts
    options.given = frozenset(given)
    if options.out is not None and options.out.exists() and not options.out.is_dir():
        parser.error(f"argument --out: expected a folder, which is made where there is none; {options.out} is a file")
    try:
        backend.to_device(np.zeros(1), options.device)
    except (RuntimeError, ValueError) as error:
        parser.error(str(error))
    return options


def start(config: type[Config], main: Callable[[Config], None]) -> None:
    """Parse the command line and run the demo. What a user can mend is said in one line, without a traceback."""
    options = parse(config)
    choose_kernels()
    try:
        main(options)
    except KeyboardInterrupt:
        sys.exit(f"\nstopped; what the finished epochs learned is in {options.folder()}: go on with --resume")
    except (CheckpointError, FileExistsError, FileNotFoundError, FloatingPointError) as error:
        sys.exit(f"demos.{config.NAME}: {error}")


def choose_kernels() -> None:
    """Start again with faster BLAS kernels, where OpenBLAS did not recognise the processor (see `scratchgen.doctor`).

    Safe, because the kernel is chosen by what the processor says it can do; and done at most once.
    """
    if "OPENBLAS_CORETYPE" in os.environ or os.name != "posix":
        return
    flags = doctor.cpu()[1]
    pools = [pool for pool in threadpoolctl.threadpool_info() if pool.get("internal_api") == "openblas"]
    better = {doctor.better_kernel(str(pool.get("architecture")), flags) for pool in pools} - {""}
    if better:
        os.environ["OPENBLAS_CORETYPE"] = kernel = better.pop()
        print(f"OpenBLAS did not recognise this processor: starting with OPENBLAS_CORETYPE={kernel}", flush=True)
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])


class Images(NamedTuple):
    """Three splits of real digits, each as (images in [0, 1] (N, 784), labels), and what they are called."""

    train: tuple[np.ndarray, np.ndarray]
    validation: tuple[np.ndarray, np.ndarray]
    test: tuple[np.ndarray, np.ndarray]
    name: str
    complete: bool


def load_images(options: Options) -> Images:
    """The complete MNIST where --data or $SCRATCHGEN_DATA names its folder, else the bundled digits.

    Of the complete training images the last 5,000 are held back for validation.
    """
    if options.data is None and "SCRATCHGEN_DATA" not in os.environ:
        train, validation, test = ((d.flat(), d.labels) for d in map(data.digits, ("train", "validation", "test")))
        name, complete = "the bundled digits (real MNIST)", False
    else:
        everything, held_out = data.mnist(options.data, "train"), data.mnist(options.data, "test")
        images, labels = everything.flat(), everything.labels
        train, validation = (images[:-5000], labels[:-5000]), (images[-5000:], labels[-5000:])
        test, name, complete = (held_out.flat(), held_out.labels), "the complete MNIST", True
    print(f"data: {name}: {len(train[0]):,} train, {len(validation[0]):,} validation, {len(test[0]):,} test images")
    return Images(train, validation, test, name, complete)


class Bits(NamedTuple):
    """Three splits of binary digits, zeros and ones (N, 1, 28, 28), what they are called, and whether it is the
    complete set. `train` may be grey instead, to be binarized anew for every minibatch. `labels` are those of the three
    splits; the published bits have none."""

    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray
    labels: tuple[np.ndarray, ...]
    name: str
    complete: bool


def load_bits(options: Options, how: str) -> Bits:
    """Binary digits. `how` is "static" or "dynamic": see `scratchgen.data.binarize`.

    Static: the published bits of binarized MNIST where --data or $SCRATCHGEN_DATA names their folder, else bits of the
    bundled digits, drawn once. Dynamic: the training images stay grey; validation and test are drawn once.
    """
    named = options.data is not None or "SCRATCHGEN_DATA" in os.environ
    if how == "static" and named:
        splits = [data.binarized_mnist(options.data, split) for split in ("train", "validation", "test")]
        labels: tuple[np.ndarray, ...] = ()
        name = "static binarized MNIST (the published bits)"
    else:
        images = load_images(options)
        grey, labels = zip(images.train, images.validation, images.test)
        splits = [data.binarize(x, "static") for x in grey]
        if how == "dynamic":
            splits[0] = grey[0]
        name = f"{images.name}, {how} binarization"
    bits = Bits(*(x.reshape(-1, 1, 28, 28) for x in splits), labels, name, named)
    sizes = (f"{len(x):,} {split}" for split, x in zip(Bits._fields, bits[:3]))
    print(f"bits: {name}: {', '.join(sizes)} images")
    return bits


def spread(images: np.ndarray, n: int) -> np.ndarray:
    """n of the images, from the first to the last: the published bits are sorted by class, and of MNIST's test set the
    first half is easier than the second."""
    n = min(n, len(images))
    return images[np.arange(n) * len(images) // max(n, 1)]


def interval(values: Sequence[float] | np.ndarray) -> tuple[float, float]:
    """The mean over runs, and half of its 95 % confidence interval by Student's t; of a single run NaN."""
    n = len(values)
    half = student.ppf(0.975, n - 1) * np.std(values, ddof=1) / math.sqrt(n) if n > 1 else math.nan
    return float(np.mean(values)), float(half)


def tell(*paths: Path) -> None:
    """Say where the pictures are."""
    print("pictures:", *paths, sep="\n  ")


def to(device: str, *arrays: np.ndarray) -> list[Any]:
    """Arrays on a device."""
    return [backend.to_device(x, device) for x in arrays]
