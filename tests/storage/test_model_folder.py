"""A model folder: what goes in comes out to the last bit, and any damage is named."""

import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
import torch

from isthmus.exceptions import ModelFileError
from isthmus.storage import (
    FORMAT_VERSION,
    Stored,
    check_target,
    is_model_folder,
    read_folder,
    strict_json,
    tensors,
    write_folder,
)
from isthmus.storage.folder import ARRAYS, CARD, CONFIG, GUARDED, PREPARATION, WEIGHTS

DTYPES = [
    *(torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.float8_e4m3fn, torch.float8_e5m2),
    *(torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8, torch.bool, torch.complex64),
]


def example():
    return Stored(
        config={
            "latent_dim": 4,
            "history": {"train_loss": [1.5, 0.25], "validation_loss": [float("nan"), 1e-300]},
        },
        tensors={"encoder.0.weight": torch.arange(64.0).reshape(16, 4), "steps": torch.tensor(7)},
        preparation={"kind": "table", "limits": [float("-inf"), float("inf")]},
        arrays={"mean": np.linspace(0, 1, 30), "names": np.array(["höhe", "a|b"])},
    )


@pytest.fixture
def model(tmp_path):
    path = tmp_path / "model"
    write_folder(path, example(), "# A card\n")
    return path


def bits(tensor):
    return tensor.contiguous().reshape(-1).view(torch.uint8).tolist()


def assert_same(a, b):
    assert strict_json.dumps(a.config) == strict_json.dumps(b.config)
    assert strict_json.dumps(a.preparation) == strict_json.dumps(b.preparation)
    assert tensors.describe(a.tensors) == tensors.describe(b.tensors)
    assert all(bits(a.tensors[name]) == bits(b.tensors[name]) for name in a.tensors)
    assert a.arrays.keys() == b.arrays.keys()
    for name in a.arrays:
        assert a.arrays[name].dtype == b.arrays[name].dtype
        assert a.arrays[name].tobytes() == b.arrays[name].tobytes()


def test_round_trip_and_files(model):
    assert sorted(os.listdir(model)) == sorted([CONFIG, CARD, *GUARDED])
    assert_same(read_folder(model), example())
    assert (model / CARD).read_text() == "# A card\n"
    for name in (CONFIG, PREPARATION):
        json.loads((model / name).read_bytes(), parse_constant=pytest.fail)
    document = json.loads((model / CONFIG).read_bytes())
    for name in GUARDED:
        assert document["files"][name]["sha256"] == hashlib.sha256((model / name).read_bytes()).hexdigest()


def test_an_empty_model(tmp_path):
    write_folder(tmp_path / "model", Stored({}), "")
    assert_same(read_folder(tmp_path / "model"), Stored({}))


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_tensors_of_every_dtype_to_the_bit(tmp_path, dtype):
    raw = torch.randint(0, 256, (3, 64), dtype=torch.uint8)
    full = raw.bool() if dtype == torch.bool else raw.view(dtype)
    given = {
        "full": full,
        "scalar": full[0, 0],
        "none": full[:0],
        "no width": full[:, :0],
        "transposed": full.T,
        "strided": full[:, ::2],
    }
    write_folder(tmp_path / "model", Stored({}, given), "")
    assert_same(read_folder(tmp_path / "model"), Stored({}, given))


def test_tensors_that_share_memory_conjugates_gradients_and_odd_names(tmp_path):
    shared = torch.randn(4, 4, requires_grad=True)
    given = {
        "a": shared,
        "b": shared[:2],
        "c": torch.randn(2, dtype=torch.complex64).conj(),
        "naïve/ \n": torch.ones(1),
        "": torch.ones(2),
    }
    write_folder(tmp_path / "model", Stored({}, given), "")
    back = read_folder(tmp_path / "model").tensors
    assert all(torch.equal(back[name], given[name]) for name in given)
    back["a"].zero_()
    assert torch.equal(back["b"], given["b"]), "tensors read back are their own"


@pytest.mark.parametrize("dtype", ["f8", "f4", "f2", "i8", "i4", "i2", "i1", "u8", "u4", "u2", "u1", "?", ">f8", ">i4"])
def test_arrays_of_every_dtype(tmp_path, dtype):
    full = np.arange(24).reshape(2, 3, 4).astype(dtype)
    given = {
        "full": full,
        "fortran": np.asfortranarray(full),
        "scalar": full[0, 0, 0, ...],
        "none": full[:0],
        "strided": full[:, ::-1, ::2],
    }
    write_folder(tmp_path / "model", Stored({}, arrays=given), "")
    back = read_folder(tmp_path / "model").arrays
    for name, array in given.items():
        np.testing.assert_array_equal(back[name], array)
        assert back[name].dtype == array.dtype.newbyteorder("=")
        assert back[name].shape == array.shape


def test_strings_are_kept_as_json_not_as_arrays(model):
    back = read_folder(model).arrays["names"]
    assert back.tolist() == ["höhe", "a|b"]
    assert json.loads((model / PREPARATION).read_bytes())["text"]["names"]["values"] == ["höhe", "a|b"]
    assert "names" not in tensors.unpack_arrays((model / ARRAYS).read_bytes())


@pytest.mark.parametrize(
    ("stored", "message"),
    [
        (Stored({}, arrays={"x": np.array(["a", None], dtype=object)}), "'x' has dtype object"),
        (Stored({}, arrays={"x": np.array(["2020-01-01"], dtype="M8[D]")}), "'x' has dtype datetime64"),
        (Stored({}, arrays={"x": np.zeros(2, complex)}), "'x' has dtype complex128"),
        (Stored({}, {"x": torch.eye(2).to_sparse()}), "'x' is sparse"),
        (Stored({}, {"x": torch.zeros(2, dtype=torch.complex128)}), "cannot be stored.*complex128"),
        (Stored({}, {"__metadata__": torch.zeros(2)}), "reserved"),
        (Stored({"f": np.mean}), r"config\['config'\]\['f'\]"),
    ],
)
def test_what_cannot_be_stored_is_named_and_the_old_model_stays(model, stored, message):
    with pytest.raises(ModelFileError, match=message):
        write_folder(model, stored, "")
    assert_same(read_folder(model), example())
    assert os.listdir(model.parent) == ["model"]


# Damage. Each takes the bytes of a file and gives others, None for no file.
DAMAGE = {
    "missing": lambda data: None,
    "empty": lambda data: b"",
    "half": lambda data: data[: len(data) // 2],
    "one byte short": lambda data: data[:-1],
    "one byte more": lambda data: data + b"\n",
    "first byte flipped": lambda data: bytes([data[0] ^ 1]) + data[1:],
    "middle byte flipped": lambda data: (
        data[: len(data) // 2] + bytes([data[len(data) // 2] ^ 1]) + data[len(data) // 2 + 1 :]
    ),
    "last byte flipped": lambda data: data[:-1] + bytes([data[-1] ^ 1]),
    "garbage": lambda data: np.random.default_rng(0).bytes(len(data)),
    "text": lambda data: b"<html>404</html>",
    "other JSON": lambda data: b"[1, 2]",
    "deep JSON": lambda data: b"[" * 50_000,
    "a pickle": lambda data: b"\x80\x04\x95.",
    "other tensors": lambda data: tensors.pack({"encoder.0.weight": torch.zeros(3, 4), "mean": torch.zeros(2)}),
}


@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize("name", [CONFIG, *GUARDED])
def test_damage_to_any_file_is_named(model, name, damage):
    data = DAMAGE[damage]((model / name).read_bytes())
    if data is None:
        (model / name).unlink()
    else:
        (model / name).write_bytes(data)
    with pytest.raises(ModelFileError, match=name.replace(".", r"\.")) as caught:
        read_folder(model)
    assert str(model) in str(caught.value)
    assert "save" in str(caught.value), "the message says what to do"


def test_every_byte_of_config_is_guarded(model):
    data = (model / CONFIG).read_bytes()
    for place in range(len(data)):
        (model / CONFIG).write_bytes(data[:place] + bytes([data[place] ^ 2]) + data[place + 1 :])
        with pytest.raises(ModelFileError, match=r"config\.json"):
            read_folder(model)


@pytest.mark.parametrize("name", GUARDED)
def test_a_file_that_is_a_folder_or_a_dead_link(model, name):
    (model / name).unlink()
    (model / name).symlink_to("nowhere")
    with pytest.raises(ModelFileError, match=name):
        read_folder(model)
    (model / name).unlink()
    (model / name).mkdir()
    with pytest.raises(ModelFileError, match=name):
        read_folder(model)


def reseal(model, change):
    """Change config.json, or files, and make all checksums fit again: what a careful hand could do."""
    document = strict_json.loads((model / CONFIG).read_bytes())
    change(document)
    for name in GUARDED:
        data = (model / name).read_bytes()
        if isinstance(document["files"], dict) and document["files"]:
            document["files"][name] = {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    document["checksum"] = "0" * 64
    data = strict_json.dumps(document)
    digest = hashlib.sha256(data).hexdigest()
    (model / CONFIG).write_bytes(data.replace(b"0" * 64, digest.encode(), 1))


def test_reseal_itself_gives_a_folder_that_reads(model):
    reseal(model, lambda document: None)
    assert_same(read_folder(model), example())


@pytest.mark.parametrize("name", [WEIGHTS, ARRAYS])
@pytest.mark.parametrize("change", ["shape", "dtype", "missing", "more"])
def test_wrong_shapes_are_named_even_where_the_checksums_fit(model, name, change):
    unpack = tensors.unpack if name == WEIGHTS else tensors.unpack_arrays
    pack = tensors.pack if name == WEIGHTS else tensors.pack_arrays
    found = dict(unpack((model / name).read_bytes()))
    key = "encoder.0.weight" if name == WEIGHTS else "mean"
    if change == "shape":
        found[key] = found[key][:-1]
    elif change == "dtype":
        found[key] = found[key].to(torch.float16) if name == WEIGHTS else found[key].astype("f4")
    elif change == "missing":
        del found[key]
    else:
        found["more"] = found[key]
    (model / name).write_bytes(pack(found))
    reseal(model, lambda document: None)
    with pytest.raises(ModelFileError, match=rf"{name} in .* does not fit config\.json: '({key}|more)' is .* there"):
        read_folder(model)


@pytest.mark.parametrize("key", ["files", "tensors", "arrays", "config"])
@pytest.mark.parametrize("value", [None, [], "x", 3])
def test_a_config_of_the_wrong_form(model, key, value):
    reseal(model, lambda document: document.update({key: value}))
    with pytest.raises(ModelFileError, match=rf"config\.json .*'{key}'"):
        read_folder(model)


@pytest.mark.parametrize(
    "content",
    [
        {},
        {"config": [], "text": {}},
        {"config": {}, "text": []},
        {"config": {}, "text": {"x": {"dtype": "O", "shape": [1], "values": ["a"]}}},
        {"config": {}, "text": {"x": {"dtype": "U1", "shape": [9], "values": ["a"]}}},
        [],
    ],
)
def test_a_preparation_of_the_wrong_form(model, content):
    (model / PREPARATION).write_bytes(strict_json.dumps(content))
    reseal(model, lambda document: None)
    with pytest.raises(ModelFileError, match=r"preparation\.json"):
        read_folder(model)


def test_a_newer_format_says_to_upgrade(model):
    reseal(model, lambda document: document.update(format_version=FORMAT_VERSION + 1, written_by="9.0"))
    with pytest.raises(ModelFileError, match=r"config\.json .*format version 2.*Isthmus 9\.0.*pip install --upgrade"):
        read_folder(model)


@pytest.mark.parametrize("version", [0, -1, "1", None, 1.5])
def test_a_format_version_that_never_was(model, version):
    reseal(model, lambda document: document.update(format_version=version))
    with pytest.raises(ModelFileError, match=r"config\.json"):
        read_folder(model)


def test_what_is_no_model(tmp_path, model):
    (tmp_path / "empty").mkdir()
    with pytest.raises(ModelFileError, match=r"no Isthmus model.*no config\.json"):
        read_folder(tmp_path / "empty")
    with pytest.raises(ModelFileError, match=r"There is no folder"):
        read_folder(tmp_path / "nowhere")
    with pytest.raises(ModelFileError, match=r"is a file; a model is a folder"):
        read_folder(model / WEIGHTS)
    (tmp_path / "empty" / CONFIG).write_text('{"architectures": ["BertModel"]}')
    with pytest.raises(ModelFileError, match="not one that Isthmus wrote"):
        read_folder(tmp_path / "empty")
    with pytest.raises(ModelFileError):
        read_folder(tmp_path / "a\0b")


def test_git_lfs_pointer(model):
    (model / WEIGHTS).write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n")
    with pytest.raises(ModelFileError, match="git lfs pull"):
        read_folder(model)


def test_the_card_is_for_people_to_edit(model):
    (model / CARD).write_text("# My own words\n")
    assert_same(read_folder(model), example())
    (model / CARD).unlink()
    assert_same(read_folder(model), example())


# Where to save.


def test_a_folder_of_something_else_is_never_touched(tmp_path):
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter1.tex").write_text("years of work")
    with pytest.raises(ModelFileError, match=r"no Isthmus model.*chapter1\.tex.*Save to a new folder.*thesis/model"):
        write_folder(tmp_path / "thesis", example(), "")
    (tmp_path / "thesis" / CONFIG).write_text('{"format": "other"}')
    with pytest.raises(ModelFileError, match="no Isthmus model"):
        check_target(tmp_path / "thesis")
    (tmp_path / "link").symlink_to(tmp_path / "thesis")
    with pytest.raises(ModelFileError, match="no Isthmus model"):
        write_folder(tmp_path / "link", example(), "")
    assert sorted(os.listdir(tmp_path / "thesis")) == ["chapter1.tex", CONFIG]
    assert sorted(os.listdir(tmp_path)) == ["link", "thesis"]


def test_an_empty_folder_and_an_older_model_are_replaced(tmp_path, model):
    (tmp_path / "empty").mkdir()
    write_folder(tmp_path / "empty", example(), "")
    assert_same(read_folder(tmp_path / "empty"), example())
    (model / "notes.txt").write_text("mine")
    write_folder(model, Stored({"new": 1}), "")
    assert read_folder(model).config == {"new": 1}
    assert (model / "notes.txt").read_text() == "mine"
    with pytest.raises(ModelFileError, match="overwrite=True"):
        write_folder(model, example(), "", overwrite=False)
    assert read_folder(model).config == {"new": 1}


def test_a_damaged_model_can_be_replaced_unless_its_config_is_gone(model):
    (model / WEIGHTS).write_bytes(b"")
    assert is_model_folder(model)
    write_folder(model, example(), "")
    (model / CONFIG).unlink()
    assert not is_model_folder(model)
    with pytest.raises(ModelFileError, match="empty this one yourself"):
        write_folder(model, example(), "")


def test_a_save_that_fails_leaves_the_old_model(model, monkeypatch):
    calls = []

    def full(handle):
        calls.append(handle)
        if len(calls) == 3:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ModelFileError, match="the disk is full"):
        write_folder(model, Stored({"new": 1}), "")
    assert len(calls) >= 3
    assert_same(read_folder(model), example())
    assert os.listdir(model.parent) == ["model"]


def test_a_kill_between_two_renames_is_explained(model):
    """Without an exchange in one step, a kill can leave the old model under another name only."""
    model.rename(model.with_name(".model.previous-0123abcd"))
    with pytest.raises(ModelFileError, match=r"model that was there before.*\.model\.previous-0123abcd'. Rename"):
        read_folder(model)


@pytest.mark.skipif(sys.platform != "linux", reason="folders are exchanged in one step on Linux only")
def test_readers_and_writers_at_once(model):
    """A model that is replaced while others read it always reads whole, as the old or as the new one."""
    stop, seen, failed = threading.Event(), set(), []

    def write():
        for turn in range(60):
            write_folder(model, Stored({"turn": turn}, {"w": torch.full((500,), float(turn))}), "")
        stop.set()

    def read():
        while not stop.is_set():
            try:
                stored = read_folder(model)
            except ModelFileError as error:
                failed.append(error)
                return
            if "turn" in stored.config:
                seen.add(stored.config["turn"])
                if not (stored.tensors["w"] == stored.config["turn"]).all():
                    failed.append(stored)

    threads = [threading.Thread(target=write), *(threading.Thread(target=read) for _ in range(2))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    assert seen


SAVER = """
import sys, torch
from isthmus.storage import Stored, write_folder
turn = 0
while True:
    turn += 1
    write_folder(sys.argv[1], Stored({"turn": turn}, {"w": torch.full((200_000,), float(turn))}), "card")
    sys.stdout.write(".")
    sys.stdout.flush()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="folders are exchanged in one step on Linux only")
def test_kill_9_in_the_middle_of_saves(tmp_path):
    path, chance = tmp_path / "model", random.Random(0)
    for _ in range(2):
        process = subprocess.Popen([sys.executable, "-c", SAVER, str(path)], stdout=subprocess.PIPE)
        try:
            process.stdout.read(2)
            time.sleep(chance.uniform(0, 0.1))
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait()
            process.stdout.close()
        stored = read_folder(path)
        assert (stored.tensors["w"] == stored.config["turn"]).all()
    write_folder(path, example(), "")
    assert_same(read_folder(path), example())
