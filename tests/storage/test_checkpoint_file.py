"""A checkpoint survives kills, and damage to it is reported."""

import os
import random
import signal
import subprocess
import sys
import time

import pytest
import torch

from isthmus.exceptions import ModelFileError
from isthmus.storage import read_checkpoint, tensors, write_checkpoint
from isthmus.storage.checkpoint import CHECKPOINT

TENSORS = {
    "w": torch.linspace(0, 1, 50, dtype=torch.float64),
    "half": torch.ones(3, dtype=torch.bfloat16),
    "generator": torch.Generator().manual_seed(3).get_state(),
    "none": torch.zeros(0, 4),
    "step": torch.tensor(7),
    "seen": torch.tensor([True, False]),
    "transposed": torch.arange(6).reshape(2, 3).T,
}
META = {"epoch": 3, "history": {"train_loss": [1.0, float("nan")]}, "name": "höhe"}


@pytest.fixture
def saved(tmp_path):
    write_checkpoint(tmp_path / "run", TENSORS, META)
    return tmp_path / "run"


def test_round_trip(saved):
    found, meta = read_checkpoint(saved)
    assert tensors.describe(found) == tensors.describe(TENSORS)
    assert all(torch.equal(found[name], TENSORS[name]) for name in TENSORS)
    assert str(meta) == str(META)
    assert os.listdir(saved) == [CHECKPOINT]
    write_checkpoint(saved, {}, {})
    assert read_checkpoint(saved) == ({}, {})


def test_none_there(tmp_path):
    assert read_checkpoint(tmp_path) is None
    assert read_checkpoint(tmp_path / "nowhere") is None


def test_every_byte_that_matters_is_guarded(saved):
    """A flipped byte is either reported, or is one of the spaces that pad the header and changes nothing."""
    data = (saved / CHECKPOINT).read_bytes()
    reported, places = 0, range(0, len(data), 7)
    for place in places:
        (saved / CHECKPOINT).write_bytes(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])
        try:
            found, meta = read_checkpoint(saved)
        except ModelFileError:
            reported += 1
        else:
            assert str(meta) == str(META)
            assert all(torch.equal(found[name], TENSORS[name]) for name in TENSORS)
    assert reported > 0.95 * len(places)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\0" * 7,
        b"\xff" * 100,
        b"garbage " * 100,
        (2).to_bytes(8, "little") + b"[]",
        (2).to_bytes(8, "little") + b"{}",
        (60_000).to_bytes(8, "little") + b"[" * 60_000,
        tensors.pack(TENSORS),
        tensors.pack(TENSORS, {"isthmus_checkpoint": "1"}),
        tensors.pack(TENSORS, {"isthmus_checkpoint": "one", "meta": "{}", "sha256": ""}),
        tensors.pack(TENSORS, {"isthmus_checkpoint": "1", "meta": "{}", "sha256": "0" * 64}),
    ],
)
def test_damage_is_reported_with_what_to_do(saved, data):
    (saved / CHECKPOINT).write_bytes(data)
    with pytest.raises(ModelFileError, match=r"checkpoint\.safetensors' is damaged.*remove it"):
        read_checkpoint(saved)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.99])
def test_a_file_cut_short(saved, share):
    data = (saved / CHECKPOINT).read_bytes()
    (saved / CHECKPOINT).write_bytes(data[: int(share * len(data))])
    with pytest.raises(ModelFileError, match="is damaged"):
        read_checkpoint(saved)


def test_newer_unreadable_and_unwritable(saved):
    header = {"isthmus_checkpoint": "2", "meta": "{}", "sha256": ""}
    (saved / CHECKPOINT).write_bytes(tensors.pack({}, header))
    with pytest.raises(ModelFileError, match=r"format version 2.*Upgrade"):
        read_checkpoint(saved)
    (saved / CHECKPOINT).unlink()
    (saved / CHECKPOINT).mkdir()
    with pytest.raises(ModelFileError, match="cannot be read"):
        read_checkpoint(saved)
    with pytest.raises(ModelFileError, match="a folder has this name"):
        write_checkpoint(saved, TENSORS, META)
    (saved / "file").write_bytes(b"mine")
    with pytest.raises(ModelFileError, match="Cannot save"):
        write_checkpoint(saved / "file", TENSORS, META)
    with pytest.raises(ModelFileError, match=r"meta\['f'\]"):
        write_checkpoint(saved, TENSORS, {"f": print})


WRITER = """
import sys, torch
from isthmus.storage import write_checkpoint
epoch = 0
while True:
    epoch += 1
    write_checkpoint(sys.argv[1], {"w": torch.full((300_000,), float(epoch))}, {"epoch": epoch})
    sys.stdout.write(".")
    sys.stdout.flush()
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs kill -9")
def test_kill_9_in_the_middle_of_a_write(tmp_path):
    chance = random.Random(0)
    for _ in range(3):
        process = subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE)
        try:
            process.stdout.read(2)
            time.sleep(chance.uniform(0, 0.05))
        finally:
            process.kill()
            process.wait()
            process.stdout.close()
        found, meta = read_checkpoint(tmp_path)
        assert meta["epoch"] >= 2
        assert (found["w"] == meta["epoch"]).all()
