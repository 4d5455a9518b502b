"""doctor: tells what is there, says what to do, and survives what is missing."""

import importlib.util
import os
import subprocess
import sys
import types

import pytest

from scratchgen import __main__, doctor

OLDER = frozenset({"avx", "avx2", "fma"})
ZEN5 = OLDER | doctor.AVX512


@pytest.mark.parametrize(
    ("kernel", "flags", "better"),
    [
        ("Haswell", ZEN5, "SkylakeX"),
        ("Zen", ZEN5, "SkylakeX"),
        ("SkylakeX", ZEN5, ""),
        ("Cooperlake", ZEN5, ""),
        ("SapphireRapids", ZEN5, ""),
        ("unnamed", ZEN5, ""),
        ("Haswell", OLDER, ""),
        ("Zen", OLDER, ""),
        ("Sandybridge", OLDER, "Haswell"),
        ("Prescott", OLDER, "Haswell"),
        ("Haswell", frozenset(), ""),
        ("armv8", frozenset({"asimd"}), ""),
        ("Haswell", OLDER | {"avx512f"}, ""),
    ],
)
def test_the_kernel_is_held_against_the_flags(kernel, flags, better):
    assert doctor.better_kernel(kernel, flags) == better


def test_the_remedy_is_one_line_to_type(monkeypatch):
    pool = {
        "internal_api": "openblas",
        "version": "0.3.30",
        "architecture": "Haswell",
        "num_threads": 2,
        "filepath": "/site-packages/numpy.libs/libscipy_openblas64_.so",
    }
    monkeypatch.setattr(doctor, "_pools", lambda: [pool])
    monkeypatch.setattr(doctor, "cpu", lambda: ("a processor", ZEN5))
    (fact,) = doctor._blas()
    assert fact.value == "numpy's openblas 0.3.30, Haswell kernels, 2 threads"
    assert fact.remedy.startswith("export OPENBLAS_CORETYPE=SkylakeX ")
    assert "fix: export OPENBLAS_CORETYPE=SkylakeX" in doctor.report()
    pool["internal_api"] = "mkl"
    (fact,) = doctor._blas()
    assert not fact.remedy


def test_cpuinfo_is_read_where_there_is_one(tmp_path):
    path = tmp_path / "cpuinfo"
    path.write_text("processor\t: 0\nmodel name\t: A Chip\nflags\t\t: fpu avx2 fma\n\nprocessor\t: 1\n")
    assert doctor.cpu(str(path)) == ("A Chip", {"fpu", "avx2", "fma"})
    path.write_text("processor : 0\nFeatures : fp asimd\n")
    assert doctor.cpu(str(path))[1] == {"fp", "asimd"}
    name, flags = doctor.cpu(str(tmp_path / "nothing here"))
    assert name
    assert flags == set()


def test_all_topics_are_told():
    topics = {fact.topic for fact in doctor.facts()}
    assert topics >= {"system", "packages", "processor", "BLAS", "environment", "GPU", "digits", "data", "disk"}


def test_a_missing_package_is_named_with_the_remedy(monkeypatch):
    version = doctor._version
    monkeypatch.setattr(doctor, "_version", lambda name: "not installed" if name == "tqdm" else version(name))
    packages = next(fact for fact in doctor.facts() if fact.topic == "packages")
    assert "tqdm not installed" in packages.value
    assert packages.remedy == "pip install tqdm"


def test_one_broken_examination_does_not_hide_the_others(monkeypatch):
    monkeypatch.setitem(sys.modules, "threadpoolctl", None)  # importing it fails

    def broken(path):
        raise OSError("no such disk")

    monkeypatch.setattr(doctor.shutil, "disk_usage", broken)
    found = {fact.topic: fact.value for fact in doctor.facts()}
    assert found["blas"].startswith("could not be examined (ModuleNotFoundError")
    assert found["disk"] == "could not be examined (OSError: no such disk)"
    assert "packages" in found


def test_data_is_looked_for(monkeypatch, tmp_path):
    monkeypatch.setenv("SCRATCHGEN_DATA", str(tmp_path / "none"))
    data = next(fact for fact in doctor.facts() if fact.topic == "data")
    assert "no such folder" in data.value
    assert "SCRATCHGEN_DATA" in data.remedy
    monkeypatch.setenv("SCRATCHGEN_DATA", str(tmp_path))
    for split in ("train", "t10k"):
        for kind in ("images-idx3", "labels-idx1"):
            (tmp_path / f"{split}-{kind}-ubyte.gz").touch()
    data = next(fact for fact in doctor.facts() if fact.topic == "data")
    assert f"{tmp_path} (SCRATCHGEN_DATA), without binarized_mnist" in data.value
    (tmp_path / "binarized_mnist").mkdir()
    for word in ("train", "valid", "test"):
        (tmp_path / "binarized_mnist" / f"binarized_mnist_{word}.amat").touch()
    data = next(fact for fact in doctor.facts() if fact.topic == "data")
    assert "with mnist and binarized_mnist" in data.value
    assert not data.remedy


def pretend_cupy(monkeypatch, count):
    def get_device_count():
        if count is None:
            raise RuntimeError("cudaErrorInsufficientDriver")
        return count

    properties = {"name": b"H200", "totalGlobalMem": 139 * 2**30}
    runtime = types.SimpleNamespace(
        getDeviceCount=get_device_count, getDeviceProperties=lambda i: properties, runtimeGetVersion=lambda: 13000
    )
    cupy = types.SimpleNamespace(__version__="14.0", cuda=types.SimpleNamespace(runtime=runtime), __spec__=object())
    monkeypatch.setitem(sys.modules, "cupy", cupy)


def test_gpus_are_listed(monkeypatch):
    pretend_cupy(monkeypatch, 2)
    assert [fact.value for fact in doctor._gpu()] == [f"cuda:{i} H200, 139 GiB, CuPy 14.0, CUDA 13000" for i in (0, 1)]


def test_a_missing_driver_is_told(monkeypatch):
    pretend_cupy(monkeypatch, None)
    (fact,) = doctor._gpu()
    assert "finds no CUDA device (cudaErrorInsufficientDriver)" in fact.value
    assert "nvidia-smi" in fact.remedy


@pytest.mark.parametrize("driver", [None, "/usr/bin/nvidia-smi"])
def test_cupy_is_recommended_where_there_is_a_gpu(monkeypatch, driver):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(doctor.shutil, "which", lambda name: driver)
    (fact,) = doctor._gpu()
    assert fact.value.startswith("CuPy is not installed")
    assert ("pip install scratchgen[cuda13]" in fact.remedy) == (driver is not None)


def test_the_command(capsys):
    assert __main__.main(["doctor"]) == 0
    assert "numpy" in capsys.readouterr().out
    for arguments, status in (([], 2), (["nonsense"], 2), (["--version"], 0)):
        with pytest.raises(SystemExit) as stopped:
            __main__.main(arguments)
        assert stopped.value.code == status


def test_python_m_scratchgen_doctor():
    environment = {**os.environ, "PYTHONWARNINGS": "error", "PYTHONIOENCODING": "utf8"}
    run = subprocess.run(
        [sys.executable, "-m", "scratchgen", "doctor"], capture_output=True, text=True, env=environment, encoding="utf8"
    )
    assert run.returncode == 0, run.stderr
    assert "kernels" in run.stdout or "BLAS" in run.stdout
    assert run.stderr == ""
