"""A run that was killed and resumed is the run that was not, bit for bit."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from scratchgen import training

from . import killed

ROOT = Path(__file__).resolve().parents[2]


def start(*arguments):
    command = [sys.executable, "-m", "tests.training.killed", *map(str, arguments)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, env=dict(os.environ))


@pytest.mark.skipif(sys.platform == "win32", reason="kills a process the POSIX way")
def test_killed_and_resumed_in_another_process(tmp_path):
    """kill -9 in the third epoch: the first two are on disk; the resumed run ends where an unbroken one does."""
    path = tmp_path / "run.npz"
    with start(path, 4) as process:
        assert process.stdout.readline() == "waiting\n"
        process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    assert [p.name for p in tmp_path.iterdir()] == ["run.npz"]

    with start(path, 4, "resume") as process:
        output = process.stdout.read()
    assert process.returncode == 0
    unbroken = killed.learned(killed.train(tmp_path / "unbroken.npz", 4))
    assert json.loads(output) == json.loads(json.dumps(unbroken))
    assert len(unbroken["history"]["train"]) == 4


def test_interrupted_by_ctrl_c_in_the_middle_of_an_epoch(tmp_path):
    """KeyboardInterrupt is let through, and at most the running epoch is lost."""
    run, x = killed.make_run()
    calls = []

    def loss(x, rng):
        calls.append(len(x))
        if len(calls) == 10:
            raise KeyboardInterrupt
        return run.model.loss(x, rng)

    path = tmp_path / "run.npz"
    with pytest.raises(KeyboardInterrupt):
        training.train(run, loss, [x[:50]], epochs=4, batch_size=16, checkpoint=path)
    again, _ = killed.make_run()
    training.train(again, again.model.loss, [x[:50]], epochs=4, batch_size=16, checkpoint=path, resume=True)
    unbroken, _ = killed.make_run()
    training.train(unbroken, unbroken.model.loss, [x[:50]], epochs=4, batch_size=16)
    assert killed.learned(again) == killed.learned(unbroken)


def test_a_finished_run_resumes_to_itself_and_a_longer_one_goes_on(tmp_path):
    path = tmp_path / "run.npz"
    two = killed.learned(killed.train(path, 2))
    assert killed.learned(killed.train(path, 2, resume=True)) == two
    assert killed.learned(killed.train(path, 4, resume=True)) == killed.learned(killed.train(tmp_path / "b.npz", 4))


@pytest.mark.parametrize("part", ["model/decoder.output.bias", "optimizer/m"])
def test_a_refused_checkpoint_changes_nothing(tmp_path, part):
    """Weights or moments of another shape are refused, and then no other part has been taken over either."""
    path = tmp_path / "run.npz"
    killed.train(path, 1)
    with np.load(path) as file:
        arrays = dict(file)
    arrays[part] = np.zeros(3, np.float32)
    np.savez(path, **arrays)
    run, _ = killed.make_run()
    before = killed.learned(run)
    with pytest.raises(training.CheckpointError, match=r"(?s)of another model or optimizer: .*got float32\(3,\)"):
        run.restore(path, {"seed": 0})
    assert killed.learned(run) == before


def test_resume_without_a_checkpoint_is_named():
    run, x = killed.make_run()
    with pytest.raises(ValueError, match="train: resume=True needs checkpoint="):
        training.train(run, run.model.loss, [x], epochs=1, resume=True)


def test_a_run_saved_before_its_first_epoch(tmp_path):
    """It has no best weights yet, and is restored all the same."""
    path = tmp_path / "run.npz"
    run, x = killed.make_run()
    run.save(path, {})
    again, _ = killed.make_run()
    training.train(again, again.model.loss, [x[:50]], epochs=1, batch_size=16)
    again.restore(path, {})
    assert killed.learned(again) == killed.learned(run)
    assert again.best == {}


def test_how_long_every_epoch_took_is_known_after_resuming_as_well(tmp_path, monkeypatch):
    """By a clock that stands still but for what an epoch takes. Checkpoints of older versions do not know it."""
    path, now = tmp_path / "run.npz", [0.0]
    monkeypatch.setattr(training.loop, "perf_counter", lambda: now[0])

    def slow(run):
        def loss(x, rng):
            now[0] += 2**run.epoch if len(x) < 16 else 0  # the last minibatch of 50 has two images
            return run.model.loss(x, rng)

        return loss

    for epochs in (2, 3):
        run, x = killed.make_run()
        options = {"epochs": epochs, "batch_size": 16, "checkpoint": path, "resume": epochs == 3}
        training.train(run, slow(run), [x[:50]], **options, callbacks=[lambda run: now.append(now.pop() + 100)])
    assert run.seconds == [1, 2, 4]
    parts, facts = training.checkpoint.load(path, {})
    del facts["seconds"]
    training.checkpoint.save(path, parts, facts, {})
    run.restore(path, {})
    assert np.isnan(run.seconds).tolist() == [True] * 3


@pytest.mark.parametrize("lost", ["model", "optimizer", "epoch", "step", "history", "rng"])
def test_a_checkpoint_that_lacks_something_changes_nothing(tmp_path, lost):
    path = tmp_path / "run.npz"
    run, x = killed.make_run()
    parts = {"model": run.model.state_dict(), "optimizer": run.optimizer.state_dict()}
    facts = {"epoch": 0, "step": 0, "history": run.history, "rng": run.rng.bit_generator.state}
    for content in (parts, facts):
        content.pop(lost, None)
    training.checkpoint.save(path, parts, facts, {})
    training.train(run, run.model.loss, [x[:50]], epochs=1, batch_size=16)
    before = killed.learned(run)
    with pytest.raises(training.CheckpointError, match=f"no checkpoint of a run, it lacks {lost}; give another path"):
        run.restore(path, {})
    assert killed.learned(run) == before


def test_a_checkpoint_of_another_random_generator_changes_nothing(tmp_path):
    path = tmp_path / "run.npz"
    run, x = killed.make_run()
    run.rng = np.random.Generator(np.random.PCG64DXSM(0))
    run.save(path, {})
    run, _ = killed.make_run()
    training.train(run, run.model.loss, [x[:50]], epochs=1, batch_size=16)
    before = killed.learned(run)
    with pytest.raises(training.CheckpointError):
        run.restore(path, {})
    assert killed.learned(run) == before
