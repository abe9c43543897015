"""MNIST's format, of every type, sound and damaged."""

import gzip
import struct

import numpy as np
import pytest

from isthmus.data import read
from isthmus.exceptions import DataError

CODES = {"u1": 0x08, "i1": 0x09, "i2": 0x0B, "i4": 0x0C, "f4": 0x0D, "f8": 0x0E}


def idx(values):
    code = CODES[values.dtype.str[1:]]
    return (
        struct.pack(f">BBBB{values.ndim}I", 0, 0, code, values.ndim, *values.shape)
        + values.astype(values.dtype.newbyteorder(">")).tobytes()
    )


PICTURES = np.random.default_rng(0).integers(0, 256, (5, 9, 8), dtype=np.uint8)


@pytest.mark.parametrize(
    ("name", "zipped"),
    [
        ("t.idx", False),
        ("t.idx.gz", True),
        ("t10k-images-idx3-ubyte", False),
        ("t10k-images-idx3-ubyte.gz", True),
        ("t.idx.gz", False),
        ("t.idx", True),
    ],
)
def test_read(write, name, zipped):
    content = idx(PICTURES)
    raw = read(write(name, gzip.compress(content) if zipped else content))
    assert raw.kind == "image"
    assert raw.values.dtype == np.uint8
    np.testing.assert_array_equal(raw.values, PICTURES)


@pytest.mark.parametrize("code", CODES)
def test_every_type(write, code):
    values = np.arange(24).reshape(4, 6).astype(code)
    raw = read(write("t.idx", idx(values)))
    assert raw.values.dtype == np.dtype(code)
    assert raw.values.dtype.isnative
    np.testing.assert_array_equal(raw.values, values)


def test_labels_beside_it_are_set_aside(write):
    labels = np.arange(5, dtype=np.uint8)
    write("train-labels-idx1-ubyte.gz", gzip.compress(idx(labels)))
    raw = read(write("train-images-idx3-ubyte.gz", gzip.compress(idx(PICTURES))))
    np.testing.assert_array_equal(raw.extra["label"], labels)
    write("train-labels-idx1-ubyte.gz", gzip.compress(idx(labels[:3])))
    assert read(write("train-images-idx3-ubyte.gz", gzip.compress(idx(PICTURES)))).extra == {}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b"\0\0", "is no IDX file"),
        (b"PK\3\4 something", "is no IDX file: it starts with 50 4b 03 04"),
        (b"\0\0\x77\3" + bytes(50), "is no IDX file"),
        (b"\0\0\x08\0" + bytes(50), "is no IDX file"),
        (idx(PICTURES)[:10], "is cut off: its heading alone needs 16 bytes, it has 10"),
        (idx(PICTURES)[:-7], r"shape \(5, 9, 8\) needs 376 bytes, it has 369"),
        (idx(PICTURES) + b"x", "needs 376 bytes, it has 377"),
        (gzip.compress(idx(PICTURES))[:-20], "is damaged or cut off: it cannot be unpacked"),
        (b"\0\0\x08\3" + b"\xff" * 12, "cut off or damaged"),
        (idx(np.arange(5, dtype=np.uint8)), "Reshape your data"),
        (idx(np.zeros((0, 9, 8), dtype=np.uint8)), r"0 sample\(s\)"),
    ],
    ids=range(12),
)
def test_damaged(write, content, words):
    with pytest.raises(DataError, match=words):
        read(write("t.idx.gz", content))


def test_fashion_mnist(shared):
    raw = read(shared("fashion-mnist/t10k-images-idx3-ubyte.gz"))
    assert raw.values.shape == (10_000, 28, 28)
    assert len(np.unique(raw.extra["label"])) == 10
