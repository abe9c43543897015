"""Files and folders appear whole or not at all, whatever goes wrong."""

import contextlib
import errno
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import pytest

from isthmus.exceptions import ModelFileError
from isthmus.storage import atomic

NEW = {"a.txt": b"new a", "b.txt": b"new b"}


def save(path, contents=NEW):
    with atomic.folder(path) as new:
        for name, data in contents.items():
            atomic.write_synced(new / name, data)


def content(path):
    return {entry.name: entry.read_bytes() for entry in path.iterdir()}


@pytest.fixture
def old(tmp_path):
    path = tmp_path / "model"
    save(path, {"a.txt": b"old a"})
    return path


@pytest.fixture(params=["exchange", "two renames"])
def way(request, monkeypatch):
    if request.param == "two renames":
        monkeypatch.setattr(atomic, "_exchange", lambda a, b: False)
    elif sys.platform != "linux":
        pytest.skip("folders are exchanged in one step on Linux only")
    return request.param


@pytest.fixture
def small_disk():
    """A disk of 1 MiB, so that it can be filled for real."""
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("mounting a small disk needs root on Linux")
    with tempfile.TemporaryDirectory() as place:
        mount = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", place], capture_output=True, text=True
        )
        if mount.returncode != 0:
            pytest.skip(f"no disk can be mounted here: {mount.stderr.strip()}")
        try:
            yield Path(place)
        finally:
            subprocess.run(["umount", place], check=True)


def test_a_new_folder_with_parents(tmp_path):
    save(tmp_path / "x" / "y")
    assert content(tmp_path / "x" / "y") == NEW
    assert os.listdir(tmp_path / "x") == ["y"]


def test_permissions_are_a_plain_folders(tmp_path):
    save(tmp_path / "model")
    (tmp_path / "plain").mkdir()
    assert (tmp_path / "model").stat().st_mode == (tmp_path / "plain").stat().st_mode
    (tmp_path / "model").chmod(0o700)
    save(tmp_path / "model")
    assert (tmp_path / "model").stat().st_mode & 0o777 == 0o700


def test_replacing_leaves_nothing_behind(old, way):
    save(old)
    assert content(old) == NEW
    assert os.listdir(old.parent) == ["model"]


def test_files_of_other_people_are_kept(old, way):
    (old / "notes.txt").write_bytes(b"mine")
    (old / "plots").mkdir()
    (old / "plots" / "1.png").write_bytes(b"png")
    save(old)
    assert (old / "notes.txt").read_bytes() == b"mine"
    assert (old / "plots" / "1.png").read_bytes() == b"png"
    assert (old / "a.txt").read_bytes() == b"new a"
    assert os.listdir(old.parent) == ["model"]


def test_an_error_in_the_block_changes_nothing(old):
    with pytest.raises(TypeError, match="bytes-like"):
        save(old, {"a.txt": b"half", "b.txt": 3})
    assert content(old) == {"a.txt": b"old a"}
    assert os.listdir(old.parent) == ["model"]


CALLS = ["open", "fsync", "rename", "listdir", "mkdir", "unlink", "rmdir"]


@pytest.mark.filterwarnings("ignore:Saved to")
@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("error", [KeyboardInterrupt(), OSError(errno.EIO, "Input/output error")], ids=["^C", "EIO"])
def test_anything_that_fails_leaves_the_old_or_the_new_whole(old, way, monkeypatch, call, after, error):
    """Each call to the system fails in turn: the first of its kind, the second, and so on."""
    (old / "notes.txt").write_bytes(b"mine")
    before, real, happened = content(old), getattr(os, call), True
    turn = 0
    while happened:
        calls, happened = [0], False

        def failing(*args, turn=turn, calls=calls, **kwargs):
            nonlocal happened
            calls[0] += 1
            if calls[0] - 1 != turn:
                return real(*args, **kwargs)
            happened = True
            if after:
                real(*args, **kwargs)
            raise error

        with monkeypatch.context() as patch, contextlib.suppress(KeyboardInterrupt, ModelFileError):
            patch.setattr(os, call, failing)
            save(old)
        found = content(old)
        everything = [path.read_bytes() for path in old.parent.rglob("notes.txt")]
        assert {name: found.get(name) for name in before if name != "notes.txt"} in (
            {"a.txt": b"old a"},
            {"a.txt": b"new a"},
        )
        assert everything == [b"mine"], "a person's own file was lost"
        turn += 1
        # Start again from the old model.
        for left in old.parent.iterdir():
            for file in left.iterdir():
                file.unlink()
            left.rmdir()
        old.mkdir()
        for name, data in before.items():
            (old / name).write_bytes(data)
    assert turn >= 2 or call in ("open", "mkdir", "unlink"), "the call was never made"


@pytest.mark.skipif(sys.platform != "linux", reason="folders are exchanged in one step on Linux only")
def test_an_interrupt_just_after_the_exchange_loses_nothing(old, monkeypatch):
    (old / "notes.txt").write_bytes(b"mine")
    exchange = atomic._exchange

    def interrupted(a, b):
        assert exchange(a, b)
        raise KeyboardInterrupt

    monkeypatch.setattr(atomic, "_exchange", interrupted)
    with pytest.raises(KeyboardInterrupt):
        save(old)
    assert content(old) == NEW
    assert [path.read_bytes() for path in old.parent.rglob("notes.txt")] == [b"mine"]


def test_a_really_full_disk(small_disk):
    path = small_disk / "model"
    save(path, {"a.txt": b"old a"})
    with pytest.raises(ModelFileError, match=r"the disk is full .*left.*unchanged.*Free some space"):
        save(path, {"a.txt": b"x" * 2_000_000})
    assert content(path) == {"a.txt": b"old a"}
    assert os.listdir(small_disk) == ["model"]
    atomic.write_bytes(small_disk / "file", b"old")
    with pytest.raises(ModelFileError, match="the disk is full"):
        atomic.write_bytes(small_disk / "file", b"x" * 2_000_000)
    assert (small_disk / "file").read_bytes() == b"old"
    assert sorted(os.listdir(small_disk)) == ["file", "model"]


def test_a_mounted_disk_itself_is_refused(small_disk):
    with pytest.raises(ModelFileError, match=r"in use.*folder inside it"):
        save(small_disk)
    assert os.listdir(small_disk) == []


def test_a_disk_that_is_full_only_at_the_flush(old, monkeypatch):
    def full(handle):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ModelFileError, match="the disk is full"):
        save(old)
    with pytest.raises(ModelFileError, match="the disk is full"):
        atomic.write_bytes(old / "a.txt", b"new")
    monkeypatch.undo()
    assert content(old) == {"a.txt": b"old a"}
    assert os.listdir(old.parent) == ["model"]


def test_a_place_that_may_not_be_written(old, monkeypatch):
    def forbidden(*args, **kwargs):
        raise PermissionError(errno.EACCES, "Permission denied")

    with monkeypatch.context() as patch:
        patch.setattr(os, "mkdir", forbidden)
        with pytest.raises(ModelFileError, match=r"not allowed.*unchanged.*permissions"):
            save(old)
    with monkeypatch.context() as patch:
        patch.setattr(os, "access", lambda *args, **kwargs: False)
        with pytest.raises(ModelFileError, match="may not be written by this user"):
            atomic.check_folder(old)
    assert content(old) == {"a.txt": b"old a"}


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_folder_as_an_ordinary_user(tmp_path):
    (tmp_path / "locked").mkdir(mode=0o500)
    with pytest.raises(ModelFileError, match="not allowed"):
        save(tmp_path / "locked" / "model")


def test_a_read_only_disk(small_disk):
    save(small_disk / "model")
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    with pytest.raises(ModelFileError, match="not allowed"):
        save(small_disk / "model", {"a.txt": b"x"})
    with pytest.raises(ModelFileError, match="not allowed"):
        atomic.write_bytes(small_disk / "file", b"x")
    assert content(small_disk / "model") == NEW


def test_links_stay_links(tmp_path, way):
    real, link = tmp_path / "disk" / "model", tmp_path / "link"
    save(real, {"a.txt": b"old a"})
    link.symlink_to(real)
    save(link)
    assert link.is_symlink()
    assert content(real) == NEW
    atomic.write_bytes(tmp_path / "file", b"old")
    (tmp_path / "to_file").symlink_to("file")
    atomic.write_bytes(tmp_path / "to_file", b"new")
    assert (tmp_path / "to_file").is_symlink()
    assert (tmp_path / "file").read_bytes() == b"new"


def test_a_link_to_nowhere_is_followed_and_a_loop_refused(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "later")
    save(tmp_path / "link")
    assert content(tmp_path / "later") == NEW
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(ModelFileError, match="loop"):
        save(tmp_path / "loop")
    assert (tmp_path / "loop").is_symlink()


def test_the_folder_that_the_process_works_in_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for path in (".", "", "..", "/"):
        with pytest.raises(ModelFileError, match="this process works in"):
            save(path)


def test_files_in_the_way(tmp_path):
    (tmp_path / "file").write_bytes(b"mine")
    for path in (tmp_path / "file", tmp_path / "file" / "model", tmp_path / "file" / "deep" / "model"):
        with pytest.raises(ModelFileError, match=r"file.*unchanged"):
            save(path)
    assert (tmp_path / "file").read_bytes() == b"mine"
    with pytest.raises(ModelFileError, match="a folder has this name"):
        atomic.write_bytes(tmp_path, b"x")
    with pytest.raises(ModelFileError, match="Give a path"):
        atomic.write_bytes("a\0b", b"x")
    with pytest.raises(ModelFileError, match="too long"):
        save(tmp_path / ("x" * 300))


@pytest.mark.parametrize("name", ["x" * 255, "ü" * 127, "[a]*?", " ", "-rf", ".hidden"])
def test_odd_names(tmp_path, name):
    save(tmp_path / name)
    save(tmp_path / name)
    assert os.listdir(tmp_path) == [name]


def test_what_a_killed_write_left_is_swept_up_later(tmp_path):
    stale, fresh = tmp_path / ".file.saving-00000000", tmp_path / ".file.saving-11111111"
    stale.write_bytes(b"half")
    fresh.write_bytes(b"half")
    long_ago = time.time() - 2 * atomic._STALE_SECONDS
    os.utime(stale, (long_ago, long_ago))
    atomic.write_bytes(tmp_path / "file", b"whole")
    assert sorted(os.listdir(tmp_path)) == [fresh.name, "file"]


def test_an_old_folder_that_cannot_be_cleared_away_is_a_warning(old, monkeypatch):
    def stuck(*args):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(atomic, "_discard", stuck)
    with pytest.warns(UserWarning, match="Saved to .*what is left of it lies in"):
        save(old)
    assert content(old) == NEW


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes on Windows")
@pytest.mark.parametrize("linked", [False, True])
def test_a_pipe_is_written_into_and_stays(tmp_path, linked):
    pipe, got = tmp_path / "pipe", []
    os.mkfifo(pipe)
    place = tmp_path / "link" if linked else pipe
    if linked:
        place.symlink_to(pipe)
    reader = threading.Thread(target=lambda: got.append(pipe.read_bytes()), daemon=True)
    reader.start()
    atomic.write_bytes(place, b"whole")
    reader.join(20)
    assert got == [b"whole"]
    assert pipe.is_fifo()
    assert place.is_symlink() == linked
    assert sorted(tmp_path.iterdir()) == sorted({pipe, place})
