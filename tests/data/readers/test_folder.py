"""Folders of pictures: every mode, one size, and what is refused."""

import os

import numpy as np
import pytest
from PIL import Image

from isthmus.data import as_raw, read
from isthmus.data.photos import write_photo
from isthmus.exceptions import DataError, ParameterError

RNG = np.random.default_rng(0)
GREY = RNG.integers(0, 256, (6, 5), dtype=np.uint8)
COLOUR = RNG.integers(0, 256, (6, 5, 3), dtype=np.uint8)


def save(folder, **pictures):
    for name, picture in pictures.items():
        path = folder / (name.replace("__", "/") + ".png")
        path.parent.mkdir(parents=True, exist_ok=True)
        (picture if isinstance(picture, Image.Image) else Image.fromarray(picture)).save(path)
    return folder


def test_pictures_of_subfolders_in_the_order_of_their_names(tmp_path):
    save(tmp_path, cats__b=GREY, cats__a=GREY // 2, dogs__c=GREY // 3)
    (tmp_path / "notes.txt").write_text("not a picture")
    (tmp_path / ".hidden.png").write_text("not a picture either")
    raw = read(tmp_path)
    assert raw.kind == "image"
    assert raw.row_names == ("cats/a.png", "cats/b.png", "dogs/c.png")
    assert list(raw.extra["folder"]) == ["cats", "cats", "dogs"]
    np.testing.assert_array_equal(raw.values, [GREY // 2, GREY, GREY // 3])
    assert as_raw(str(tmp_path)).item_shape == (6, 5)


def test_one_picture(tmp_path):
    save(tmp_path, a=COLOUR)
    raw = read(tmp_path / "a.png")
    np.testing.assert_array_equal(raw.values, [COLOUR])
    assert raw.row_names == ("a.png",)


@pytest.mark.parametrize(
    ("modes", "shape", "dtype"),
    [
        (["L"], (6, 5), np.uint8),
        (["1", "L"], (6, 5), np.uint8),
        (["L", "RGB"], (6, 5, 3), np.uint8),
        (["P"], (6, 5, 3), np.uint8),
        (["RGB", "RGBA"], (6, 5, 4), np.uint8),
        (["LA"], (6, 5, 4), np.uint8),
    ],
)
def test_modes(tmp_path, modes, shape, dtype):
    save(tmp_path, **{f"p{i}": Image.fromarray(COLOUR).convert(mode) for i, mode in enumerate(modes)})
    raw = read(tmp_path)
    assert raw.item_shape == shape
    assert raw.values.dtype == dtype
    last = Image.fromarray(COLOUR).convert(modes[-1])
    wanted = last.convert({2: "L"}.get(len(shape), {3: "RGB", 4: "RGBA"}.get(shape[-1])))
    np.testing.assert_array_equal(raw.values[-1], np.asarray(wanted))


@pytest.mark.parametrize("mode", ["CMYK", "YCbCr"])
def test_other_colour_spaces_become_rgb(tmp_path, mode):
    Image.fromarray(COLOUR).convert(mode).save(tmp_path / "a.tif")
    raw = read(tmp_path)
    assert raw.item_shape == (6, 5, 3)
    assert np.abs(raw.values[0].astype(int) - COLOUR).mean() < 10


def test_sixteen_bits_are_kept(tmp_path):
    deep = RNG.integers(0, 65536, (6, 5)).astype(np.uint16)
    save(tmp_path, a=deep)
    raw = read(tmp_path)
    assert raw.values.dtype == np.uint16
    np.testing.assert_array_equal(raw.values[0], deep)
    save(tmp_path, b=GREY)  # 8 bits among them fill the same range
    np.testing.assert_array_equal(read(tmp_path).values[1], GREY.astype(np.uint16) * 257)
    save(tmp_path, c=COLOUR)  # and among colours they are grey colours of 16 bits
    np.testing.assert_array_equal(read(tmp_path).values[0], np.repeat(deep[..., None], 3, axis=2))
    np.testing.assert_array_equal(read(tmp_path).values[2], COLOUR.astype(np.uint16) * 257)


def test_floats_are_kept(tmp_path):
    values = RNG.normal(size=(6, 5)).astype(np.float32)
    Image.fromarray(values).save(tmp_path / "a.tif")
    raw = read(tmp_path)
    assert raw.values.dtype == np.float32
    np.testing.assert_array_equal(raw.values[0], values)


def test_pictures_are_turned_upright(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera lay on its side
    wide = np.zeros((16, 32, 3), dtype=np.uint8)
    wide[:, :16] = 255
    Image.fromarray(wide).save(tmp_path / "a.jpg", exif=exif, quality=95)
    raw = read(tmp_path)
    assert raw.item_shape == (32, 16, 3)
    assert raw.values[0, :12].min() > 200
    assert raw.values[0, -12:].max() < 50


def test_mixed_sizes_name_the_odd_one_and_both_sizes(tmp_path):
    save(tmp_path, a=GREY, b=GREY, sub__c=np.zeros((7, 9), dtype=np.uint8))
    with pytest.raises(DataError, match=r"sub/c\.png is 7 x 9 .*2 of 3 are 6 x 5 .*size=\(6, 5\).*--size 6x5"):
        read(tmp_path)


@pytest.mark.parametrize(
    ("size", "shape"),
    [((4, 3), (4, 3)), ([4, 3], (4, 3)), (4, (4, 4)), ((6, 5), (6, 5)), ((12, 20), (12, 20))],
)
def test_resized(tmp_path, size, shape):
    deep = RNG.integers(0, 65536, (6, 5)).astype(np.uint16)
    save(tmp_path, a=GREY, b=np.full((7, 9), 100, dtype=np.uint8))
    raw = read(tmp_path, size=size)
    assert raw.item_shape == shape
    np.testing.assert_array_equal(raw.values[1], np.full(shape, 100))
    save(tmp_path, c=deep)
    raw = read(tmp_path, size=size)
    assert raw.values.dtype == np.uint16
    np.testing.assert_array_equal(raw.values[1], np.full(shape, 25700))


def test_resizing_to_the_size_they_have_changes_nothing(tmp_path):
    save(tmp_path, a=GREY)
    np.testing.assert_array_equal(read(tmp_path, size=(6, 5)).values, [GREY])


def test_folders_without_pictures(tmp_path):
    with pytest.raises(DataError, match=r"has no pictures. It holds nothing"):
        read(tmp_path)
    (tmp_path / "a.html").write_text("a")
    (tmp_path / "b.html").write_text("a")
    with pytest.raises(DataError, match=r"has no pictures. It holds 2 \.html"):
        read(tmp_path)


@pytest.mark.parametrize("suffix", ["png", "jpg", "bmp", "tif", "gif", "webp"])
@pytest.mark.parametrize("share", [0.0, 0.5])
def test_cut_off(tmp_path, suffix, share):
    save(tmp_path, a=RNG.integers(0, 256, (64, 64, 3), dtype=np.uint8))
    Image.open(tmp_path / "a.png").convert("RGB").save(tmp_path / f"b.{suffix}")
    (tmp_path / "a.png").unlink(missing_ok=suffix == "png")
    path = tmp_path / f"b.{suffix}"
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(DataError, match=rf"b\.{suffix} cannot be read: it is damaged, cut off or no picture"):
        read(tmp_path)


def test_bad_pictures_are_left_out_only_where_it_is_said(tmp_path):
    save(tmp_path, a=GREY, c=GREY // 2)
    frames = [Image.fromarray(GREY), Image.fromarray(GREY // 3)]
    frames[0].save(tmp_path / "d.gif", save_all=True, append_images=frames[1:])
    with pytest.raises(DataError, match=r"d\.gif cannot be taken: it holds 2 frames"):
        read(tmp_path)
    (tmp_path / "b.png").write_bytes((tmp_path / "a.png").read_bytes()[:-30])
    with pytest.warns(UserWarning, match=r"2 of 4 pictures were left out.*b\.png cannot be read.*d\.gif"):
        raw = read(tmp_path, skip_bad=True)
    assert raw.row_names == ("a.png", "c.png")
    np.testing.assert_array_equal(raw.values, [GREY, GREY // 2])
    np.save(tmp_path / "x.npy", GREY)
    with pytest.raises(ParameterError, match=r"skip_bad= leaves out damaged pictures, but x\.npy is none"):
        read(tmp_path / "x.npy", skip_bad=True)


def test_pictures_of_one_pixel(tmp_path):
    save(tmp_path, a=np.full((1, 1), 7, np.uint8))
    np.testing.assert_array_equal(read(tmp_path).values, [[[7]]])


def test_many_channels(tmp_path):
    cube = RNG.integers(0, 65536, (6, 5, 7)).astype(np.uint16)
    write_photo(tmp_path / "a.tif", cube)
    np.testing.assert_array_equal(read(tmp_path).values, [cube])
    save(tmp_path, b=COLOUR)
    with pytest.raises(DataError, match=r"b\.png of .* it has 3 channels, while others of the set have 7"):
        read(tmp_path)


def test_no_picture_by_its_content(tmp_path):
    (tmp_path / "a.png").write_text("hello")
    with pytest.raises(DataError, match=r"a\.png cannot be read"):
        read(tmp_path)


def test_unreadable_folder(tmp_path, monkeypatch):
    save(tmp_path, a=GREY, locked__b=GREY)
    scandir = os.scandir

    def refusing(path):  # as the system does for people without the right; tests may run as root, who has it
        if str(path).endswith("locked"):
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refusing)
    with pytest.raises(DataError, match=r"Cannot read the folder .*locked: Permission denied"):
        read(tmp_path)


def test_parameters_that_do_not_go_with_pictures(tmp_path):
    save(tmp_path, a=GREY)
    with pytest.raises(ParameterError, match="no columns with names"):
        read(tmp_path, drop="a")
    with pytest.raises(ParameterError, match="is no size"):
        read(tmp_path, size=(0, 3))
    with pytest.raises(DataError, match="kind='vector' needs rows and columns"):
        read(tmp_path, kind="vector")


def test_photographs(shared):
    with pytest.raises(DataError, match="not all of one size"):
        read(shared("kodak"))
    assert read(shared("kodak"), size=(32, 48)).item_shape == (32, 48, 3)
