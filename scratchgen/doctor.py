"""What this machine offers, and what would make it faster: `python -m scratchgen doctor`.

Everything here may be missing: a fact that cannot be found out says so, and the others are still told.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import platform
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from . import __version__
from .data import bundled, complete

__all__ = ["Fact", "facts", "report"]


class Fact(NamedTuple):
    """One line of the report, and where something can be done about it, the line that does it."""

    topic: str
    value: str
    remedy: str = ""


def facts() -> list[Fact]:
    """All facts, in the order of the report."""
    found: list[Fact] = []
    for examine in (_versions, _processor, _blas, _threads, _gpu, _data, _disk):
        try:
            found += examine()
        except Exception as error:  # whatever is broken on this machine, the other facts are still worth telling
            found.append(Fact(examine.__name__.lstrip("_"), f"could not be examined ({type(error).__name__}: {error})"))
    return found


def report() -> str:
    """The facts as text, one line each, remedies indented below."""
    lines = []
    for topic, value, remedy in facts():
        lines.append(f"{topic:<12} {value}")
        if remedy:
            lines.append(f"{'':<12} fix: {remedy}")
    return "\n".join(lines)


# ---------------------------------------------------------------------------------------------------- the examiners
def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def _versions() -> Iterator[Fact]:
    yield Fact("system", f"{platform.platform()}, Python {platform.python_version()}")
    yield Fact("scratchgen", f"{__version__} in {Path(__file__).parent}")
    packages = ("numpy", "scipy", "matplotlib", "tqdm", "pooch", "threadpoolctl")
    versions = {package: _version(package) for package in packages}
    missing = [package for package in packages if versions[package] == "not installed"]
    remedy = f"pip install {' '.join(missing)}" if missing else ""
    yield Fact("packages", ", ".join(f"{package} {version}" for package, version in versions.items()), remedy)


def _processor() -> Iterator[Fact]:
    name, flags = cpu()
    widest = next(
        (word for flag, word in (("avx512f", "AVX-512"), ("avx2", "AVX2"), ("asimd", "NEON")) if flag in flags), ""
    )
    cores = os.cpu_count() or 1
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else cores
    yield Fact("processor", f"{name}, {cores} cores ({usable} usable){f', {widest}' if widest else ''}")


def cpu(path: str = "/proc/cpuinfo") -> tuple[str, frozenset[str]]:
    """The processor's name and its instruction sets, as far as the system tells them (Linux does)."""
    try:
        text = Path(path).read_text(encoding="utf8", errors="replace")
    except OSError:
        return platform.processor() or platform.machine() or "unknown", frozenset()
    fields = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in text.splitlines())}
    flags = fields.get("flags") or fields.get("Features") or ""
    return fields.get("model name") or platform.machine(), frozenset(flags.split())


# OpenBLAS chooses its kernels by the processor's model, and falls back to old ones for models it does not know.
AVX512 = frozenset({"avx512f", "avx512dq", "avx512bw", "avx512vl", "avx512cd"})
WITH_AVX512 = {"skylakex", "cooperlake", "sapphirerapids"}
BEFORE_AVX2 = {"prescott", "core2", "penryn", "nehalem", "sandybridge", "barcelona", "bobcat", "bulldozer", "generic"}


def better_kernel(architecture: str, flags: frozenset[str]) -> str:
    """The `OPENBLAS_CORETYPE` that uses what the processor has; "" where the kernels in use do so already."""
    kernel = architecture.lower()
    if kernel == "unnamed":
        return ""
    if flags >= AVX512 and kernel not in WITH_AVX512:
        return "SkylakeX"
    if flags >= {"avx2", "fma"} and kernel in BEFORE_AVX2:
        return "Haswell"
    return ""


def _pools() -> list[dict[str, Any]]:
    """The linear-algebra libraries that NumPy and SciPy have loaded."""
    import numpy  # noqa: F401  (its BLAS is what is looked for)
    import scipy.linalg  # noqa: F401
    import threadpoolctl

    return [pool for pool in threadpoolctl.threadpool_info() if pool.get("user_api") == "blas"]


def _blas() -> Iterator[Fact]:
    flags = cpu()[1]
    pools = _pools()
    if not pools:
        yield Fact("BLAS", "none that threadpoolctl knows (Accelerate on macOS is fine)")
    for pool in pools:
        kernel = str(pool.get("architecture") or "unnamed")
        owner = next((name for name in ("numpy", "scipy") if name in str(pool.get("filepath"))), "system")
        better = better_kernel(kernel, flags) if pool.get("internal_api") == "openblas" else ""
        library = f"{owner}'s {pool.get('internal_api')} {pool.get('version')}"
        yield Fact(
            "BLAS",
            f"{library}, {kernel} kernels, {pool.get('num_threads')} threads",
            f"export OPENBLAS_CORETYPE={better}   # before Python starts: matrix products up to twice as fast"
            if better
            else "",
        )


def _threads() -> Iterator[Fact]:
    names = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_CORETYPE")
    told = [f"{name}={os.environ[name]}" for name in names if name in os.environ]
    yield Fact("environment", ", ".join(told) or f"none of {', '.join(names)} is set")


def _gpu() -> Iterator[Fact]:
    if importlib.util.find_spec("cupy") is None:
        remedy = "pip install scratchgen[cuda13]   # or [cuda12]: see nvidia-smi" if shutil.which("nvidia-smi") else ""
        yield Fact("GPU", f"CuPy is not installed{'' if remedy else '; everything runs on the CPU'}", remedy)
        return
    cupy = importlib.import_module("cupy")
    runtime = cupy.cuda.runtime
    try:
        count = runtime.getDeviceCount()
    except Exception as error:  # no driver, or one that is too old
        yield Fact("GPU", f"CuPy {cupy.__version__} finds no CUDA device ({error})", "check the driver: nvidia-smi")
        return
    for device in range(count):
        properties = runtime.getDeviceProperties(device)
        name, memory = properties["name"].decode(), properties["totalGlobalMem"] / 2**30
        yield Fact(
            "GPU",
            f"cuda:{device} {name}, {memory:.0f} GiB, CuPy {cupy.__version__}, CUDA {runtime.runtimeGetVersion()}",
        )


def _data() -> Iterator[Fact]:
    if bundled.PATH.is_file():
        yield Fact("digits", f"bundled, {bundled.PATH.stat().st_size / 1e6:.1f} MB")
    else:
        yield Fact("digits", "the bundled file is missing", "pip install --force-reinstall scratchgen")
    root = complete.data_root()
    told = "SCRATCHGEN_DATA" if os.environ.get("SCRATCHGEN_DATA") else "the default"
    missing = [
        name for name, whole in (("mnist", _has_mnist(root)), ("binarized_mnist", _has_binarized(root))) if not whole
    ]
    state = f"without {' and '.join(missing)}" if missing else "with mnist and binarized_mnist"
    remedy = "export SCRATCHGEN_DATA=…   # the folder that holds them, or mnist(download=True)" if missing else ""
    yield Fact("data", f"{root} ({told}), {state if root.is_dir() else 'no such folder'}", remedy)


def _has_mnist(root: Path) -> bool:
    sources = [source for split in complete.MNIST.values() for source in split]
    return all(complete._find(root, "mnist", [source.name, source.name + ".gz"]) for source in sources)


def _has_binarized(root: Path) -> bool:
    names = [f"binarized_mnist_{bits.word}" for bits in complete.BINARIZED.values()]
    return all(complete._find(root, "binarized_mnist", [name + ".mat", name + ".amat"]) for name in names)


def _disk() -> Iterator[Fact]:
    free = shutil.disk_usage(Path.cwd()).free / 2**30
    yield Fact(
        "disk",
        f"{free:.1f} GiB free in {Path.cwd()}",
        "make room: checkpoints and pictures need about 1 GiB" if free < 1 else "",
    )
