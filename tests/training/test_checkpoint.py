"""Checkpoints: whole or not at all, read whole or refused, and never another run's."""

import json
import os

import numpy as np
import pytest

from scratchgen.training import CheckpointError, checkpoint, load, save

CONFIG = {"seed": 1, "hidden": 400, "decoder": "bernoulli", "betas": (0.9, 0.999)}
FACTS = {"epoch": 3, "history": [{"loss": 0.1 + 0.2}], "state": 2**100 + 1}


@pytest.fixture
def parts():
    rng = np.random.default_rng(0)
    weight = rng.standard_normal((3, 4)).astype(np.float32)
    return {"model": {"layer.weight": weight, "empty": np.zeros((0, 2))}, "optimizer": {"lr": 1e-3}}


def same(back, parts):
    """Names, dtypes and every bit."""
    expected = {(part, name): np.asarray(value) for part, state in parts.items() for name, value in state.items()}
    got = {(part, name): value for part, state in back.items() for name, value in state.items()}
    return list(got) == list(expected) and all(
        got[key].dtype == value.dtype and got[key].tobytes() == value.tobytes() for key, value in expected.items()
    )


def test_there_and_back(tmp_path, parts):
    path = tmp_path / "new" / "folder" / "run.npz"
    save(path, parts, FACTS, CONFIG)
    back, facts = load(path, CONFIG)
    assert facts == FACTS  # floats and large integers exactly
    assert same(back, parts)
    assert [p.name for p in path.parent.iterdir()] == ["run.npz"]


def test_no_pickle_is_written(tmp_path, parts):
    with pytest.raises(ValueError, match="save: object/x is no array of numbers, but of dtype object"):
        save(tmp_path / "run.npz", {**parts, "object": {"x": np.array([{}])}}, FACTS, CONFIG)
    assert list(tmp_path.iterdir()) == []


def test_a_failed_write_leaves_the_old_checkpoint(tmp_path, parts, monkeypatch):
    path = tmp_path / "run.npz"
    save(path, parts, FACTS, CONFIG)

    def full(*args, **kwargs):
        raise OSError(28, "No space left on device")

    for culprit in ("fsync", "replace"):
        with monkeypatch.context() as patch:
            patch.setattr(os, culprit, full)
            with pytest.raises(OSError, match="No space left"):
                save(path, {}, {"epoch": 4}, CONFIG)
        assert load(path, CONFIG)[1] == FACTS
        assert [p.name for p in tmp_path.iterdir()] == ["run.npz"]


def test_a_missing_checkpoint_says_what_to_do(tmp_path):
    with pytest.raises(CheckpointError, match=r"none\.npz: there is no checkpoint to resume from; run once without"):
        load(tmp_path / "none.npz", CONFIG)


@pytest.mark.parametrize("part", [0.0, 0.1, 0.5, 0.9, 0.999])
def test_a_truncated_file_is_refused(tmp_path, parts, part):
    path = tmp_path / "run.npz"
    save(path, parts, FACTS, CONFIG)
    content = path.read_bytes()
    path.write_bytes(content[: int(part * len(content))])
    with pytest.raises(CheckpointError, match=r"run\.npz: not a whole checkpoint .* delete it, and train without"):
        load(path, CONFIG)


def test_a_flipped_bit_is_never_read_as_a_number(tmp_path, parts):
    """Wherever one byte changes, the file is refused, or what is read is what was written."""
    path = tmp_path / "run.npz"
    save(path, parts, FACTS, CONFIG)
    content = path.read_bytes()
    rng = np.random.default_rng(0)
    refused = 0
    for position in rng.integers(len(content), size=300):
        damaged = bytearray(content)
        damaged[position] ^= 1 << rng.integers(8)
        path.write_bytes(damaged)
        try:
            back, facts = load(path, CONFIG)
        except CheckpointError:
            refused += 1
        else:
            assert facts == FACTS
            assert same(back, parts)
    assert refused > 150


@pytest.mark.parametrize("content", [b"", b"not an archive", b"\x80\x04N.", b"PK\x03\x04"])
def test_other_files_are_refused(tmp_path, content):
    path = tmp_path / "run.npz"
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match="not a whole checkpoint"):
        load(path, CONFIG)


def test_npz_files_of_others_and_bare_parts_are_refused(tmp_path):
    np.savez(tmp_path / "a.npz", weights=np.zeros(3))
    np.save(tmp_path / "b.npy", np.zeros(3))
    np.savez(tmp_path / "c.npz", json=np.array("[1, 2]"))
    for name in ("a.npz", "b.npy", "c.npz"):
        with pytest.raises(CheckpointError, match="not a whole checkpoint"):
            load(tmp_path / name, CONFIG)


def test_another_configuration_is_named(tmp_path, parts):
    path = tmp_path / "run.npz"
    save(path, parts, FACTS, CONFIG)
    with pytest.raises(CheckpointError, match=r"run \(extra was 'absent', is now 5; hidden was 400, is now 200\)"):
        load(path, {**CONFIG, "hidden": 200, "extra": 5})
    with pytest.raises(CheckpointError, match=r"run \(hidden was 400, is now 'absent'\)"):
        load(path, {name: value for name, value in CONFIG.items() if name != "hidden"})


def test_another_format_is_named(tmp_path, parts, monkeypatch):
    path = tmp_path / "run.npz"
    with monkeypatch.context() as patch:
        patch.setattr(checkpoint, "FORMAT", 99)
        save(path, parts, FACTS, CONFIG)
    with pytest.raises(CheckpointError, match="written in format 99, this program reads format 1"):
        load(path, CONFIG)


def test_the_text_in_it_is_json(tmp_path, parts):
    save(tmp_path / "run.npz", parts, FACTS, CONFIG)
    with np.load(tmp_path / "run.npz", allow_pickle=False) as file:
        content = json.loads(str(file["json"]))
    assert content["config"]["hidden"] == 400
    assert content["facts"]["epoch"] == 3


def test_it_is_written_by_a_numpy_that_knows_no_allow_pickle(tmp_path, parts, monkeypatch):
    """NumPy 2.0 and 2.1 take every keyword of savez for an array."""
    written = []
    monkeypatch.setattr(np, "savez", lambda file, **arrays: written.extend(arrays))
    save(tmp_path / "run.npz", parts, FACTS, CONFIG)
    assert "allow_pickle" not in written
    assert written[0] == "json"


def test_arrays_of_somebody_else_are_not_to_be_deleted(tmp_path):
    """The advice for a damaged checkpoint would cost a good file."""
    np.savez(tmp_path / "mine.npz", x=np.ones(3))
    with pytest.raises(CheckpointError, match=r"an archive of arrays, .*; give another path") as caught:
        load(tmp_path / "mine.npz", {})
    assert "delete" not in str(caught.value)
