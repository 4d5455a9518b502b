"""What all demos share: the command line, the start, and how they end when something is wrong."""

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
import pytest

from demos import differences, dirac_gan, elbo_gap, options, sampling_speed, saturation
from scratchgen.data import Digits
from scratchgen.training import CheckpointError


@dataclass
class Config(options.Options):
    """A demo of nothing."""

    epochs: Annotated[int | None, "how long"] = None
    batch_size: Annotated[int, "how many"] = 128
    lr: Annotated[float, "how far"] = 1e-3
    hidden: Annotated[tuple[int, ...], "how wide"] = (400,)
    side: Annotated[Literal[28, 14], "how small"] = 14
    kind: Annotated[Literal["one", "other"], "which"] = "one"

    NAME: ClassVar[str] = "nothing"
    QUICK: ClassVar[dict[str, Any]] = {"epochs": 2, "batch_size": 10}


def test_the_command_line_is_the_dataclass():
    assert options.parse(Config, []) == Config()
    given = options.parse(Config, ["--seed", "3", "--out", "here", "--batch-size", "7", "--lr", "1e-2"])
    assert given == Config(seed=3, out=Path("here"), batch_size=7, lr=0.01)
    assert given.folder() == Path("here")
    assert options.parse(Config, ["--hidden", "200", "100"]).hidden == (200, 100)
    assert options.parse(Config, ["--hidden", "7"]).hidden == (7,)
    assert options.parse(Config, ["--side", "28", "--kind", "other"]) == Config(side=28, kind="other")
    assert Config().folder() == Path("runs/nothing")


def test_quick_changes_defaults_and_not_what_was_given():
    assert options.parse(Config, ["--quick"]) == Config(quick=True, epochs=2, batch_size=10)
    assert options.parse(Config, ["--quick", "--epochs", "9"]) == Config(quick=True, epochs=9, batch_size=10)


def test_what_stood_on_the_command_line_is_known():
    """Also where it is the default, and not what --quick brings along."""
    assert options.parse(Config, []).given == Config().given == frozenset()
    given = options.parse(Config, ["--quick", "--lr", "1e-3", "--hidden", "400", "--batch-size", "9"])
    assert given.given == {"quick", "lr", "hidden", "batch_size"}
    assert given == Config(quick=True, epochs=2, batch_size=9)
    assert given.identity() == Config(quick=True, batch_size=9).identity()


def test_help_names_every_option_and_default(capsys):
    with pytest.raises(SystemExit) as stop:
        options.parse(Config, ["--help"])
    assert stop.value.code == 0
    text = capsys.readouterr().out
    assert "python -m demos.nothing" in text
    assert "A demo of nothing." in text
    for word in ("--seed", "--device", "--data", "--out", "--quick", "--resume", "--batch-size", "how far", "0.001"):
        assert word in text


@pytest.mark.parametrize(
    "arguments",
    [
        *(["--device", "toaster"], ["--epochs", "many"], ["--hidden", "x"], ["--batch", "3"], ["--what"]),
        *(["--epochs", "0"], ["--workers", "0"], ["--seed", "-1"], ["--hidden", "7", "0"], ["--lr", "-0.1"]),
        *(["--lr", "nan"], ["--side", "5"], ["--side", "x"], ["--kind", "third"]),
    ],
)
def test_a_wrong_option_is_named(arguments, capsys):
    with pytest.raises(SystemExit) as stop:
        options.parse(Config, arguments)
    assert stop.value.code == 2
    assert arguments[-1] in capsys.readouterr().err


def test_a_file_is_no_folder(tmp_path, capsys):
    file = tmp_path / "notes"
    file.write_text("mine")
    with pytest.raises(SystemExit):
        options.parse(Config, ["--out", str(file)])
    assert f"--out: expected a folder, which is made where there is none; {file} is a file" in capsys.readouterr().err
    assert file.read_text() == "mine"
    assert options.parse(Config, ["--out", str(tmp_path)]).folder() == tmp_path


@pytest.mark.parametrize("demo", [differences, dirac_gan, elbo_gap, sampling_speed, saturation])
def test_a_demo_that_keeps_nothing_does_not_pretend_to_resume(demo, capsys):
    with pytest.raises(SystemExit) as stop:
        options.parse(demo.Config, ["--resume"])
    assert stop.value.code == 2
    assert "argument --resume: this demo keeps nothing to go on with; it is soon done again" in capsys.readouterr().err


def test_identity_is_what_the_numbers_depend_on():
    here, there = Config(out=Path("a"), epochs=1, resume=True), Config(out=Path("b"), epochs=2)
    assert here.identity(latent=2) == there.identity(latent=2)
    assert here.identity() != Config(lr=0.5).identity()
    assert here.identity(latent=2)["latent"] == 2


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (KeyboardInterrupt(), r"stopped; .* runs.nothing: go on with --resume"),
        (CheckpointError("run.npz: is torn"), r"demos\.nothing: run\.npz: is torn"),
        (FloatingPointError("step 3: log made NaN"), r"demos\.nothing: step 3: log made NaN"),
    ],
)
def test_what_a_user_can_mend_is_one_line(error, message, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["nothing"])
    monkeypatch.setattr(options, "choose_kernels", lambda: None)

    def main(config):
        raise error

    with pytest.raises(SystemExit, match=message):
        options.start(Config, main)


def test_faster_kernels_are_chosen_once_and_said(monkeypatch, capsys):
    calls = []
    monkeypatch.setattr(os, "execv", lambda *arguments: calls.append(arguments))
    monkeypatch.setattr(options.doctor, "better_kernel", lambda architecture, flags: "SkylakeX")
    monkeypatch.setattr(
        options.threadpoolctl, "threadpool_info", lambda: [{"internal_api": "openblas", "architecture": "Haswell"}]
    )
    monkeypatch.setenv("OPENBLAS_CORETYPE", "Zen")
    options.choose_kernels()  # the user has chosen
    assert calls == []
    monkeypatch.delenv("OPENBLAS_CORETYPE")
    options.choose_kernels()
    assert calls == [(sys.executable, [sys.executable, *sys.orig_argv[1:]])]
    assert "OPENBLAS_CORETYPE=SkylakeX" in capsys.readouterr().out
    options.choose_kernels()  # the new process finds it set
    assert len(calls) == 1
    monkeypatch.delenv("OPENBLAS_CORETYPE")
    monkeypatch.setattr(options.doctor, "better_kernel", lambda architecture, flags: "")
    options.choose_kernels()  # nothing better to be had
    assert len(calls) == 1
    assert "OPENBLAS_CORETYPE" not in os.environ


def test_without_a_folder_the_bundled_digits_are_taken(monkeypatch, capsys):
    monkeypatch.delenv("SCRATCHGEN_DATA", raising=False)
    images = options.load_images(Config())
    assert not images.complete
    assert [len(images[i][0]) for i in range(3)] == [5000, 1000, 1000]
    assert images.train[0].dtype == np.float32
    assert "5,000 train" in capsys.readouterr().out


def test_of_the_complete_training_images_the_last_5000_are_held_back(tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    everything, test = (
        Digits(rng.integers(256, size=(n, 2, 2), dtype=np.uint8), rng.integers(10, size=n)) for n in (5007, 3)
    )
    monkeypatch.setattr(options.data, "mnist", lambda root, split: {"train": everything, "test": test}[split])
    images = options.load_images(Config(data=tmp_path))
    assert images.complete
    for k, whole in enumerate((everything.flat(), everything.labels)):
        np.testing.assert_array_equal(images.train[k], whole[:7])
        np.testing.assert_array_equal(images.validation[k], whole[7:])
    np.testing.assert_array_equal(images.test[0], test.flat())
    np.testing.assert_array_equal(images.test[1], test.labels)


def test_a_folder_without_mnist_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="train-images-idx3-ubyte"):
        options.load_images(Config(data=tmp_path))


def test_of_several_trainings_those_that_were_not_reached_begin_anew(tmp_path):
    config = Config(out=tmp_path, resume=True)
    first, second = tmp_path / "first.npz", tmp_path / "second.npz"
    assert config.resumes(first)  # nothing is there: the training will say so
    assert config.resumes(second)
    first.write_bytes(b"")
    assert config.resumes(first)
    assert not config.resumes(second)
    assert not Config(out=tmp_path).resumes(first)


def test_an_interval_holds_the_mean_as_often_as_it_says():
    """Of three normal numbers, 95 % of the intervals hold the true mean; with 1.96 it would be 80 %."""
    rng = np.random.default_rng(0)
    told = [options.interval(rng.standard_normal(3)) for _ in range(2000)]
    assert np.mean([abs(mean) < half for mean, half in told]) == pytest.approx(0.95, abs=0.015)
    mean, half = options.interval([2.5])
    assert mean == 2.5
    assert np.isnan(half)


@pytest.mark.parametrize(("n", "many"), [(500, 1000), (3000, 10_000), (7, 10), (10, 10), (20, 10), (0, 3), (1, 0)])
def test_images_are_taken_from_all_over_a_sorted_set(n, many):
    """No stretch is left out, neither between two images nor behind the last: 3,000 of 10,000, every third of them,
    would never come to the last class."""
    chosen = options.spread(np.arange(many), n)
    assert len(chosen) == min(n, many)
    gaps = np.diff([*chosen, many])
    assert gaps.max(initial=0) - gaps.min(initial=many) <= 1
    assert not len(chosen) or chosen[0] == 0
