"""Pictures of any size, mode and depth: read, refused, written and given back."""

import doctest
import os

import numpy as np
import pytest
import tifffile
import torch
from PIL import Image, ImageOps

from isthmus.data import photos, picture_files
from isthmus.data.photos import as_photos, give_back, write_photo
from isthmus.exceptions import DataError, ModelFileError, ParameterError

RNG = np.random.default_rng(0)


def colour(h, w, channels=3, dtype=np.uint8):
    if np.dtype(dtype).kind == "f":
        return RNG.normal(size=(h, w, channels)).astype(dtype)
    return RNG.integers(0, np.iinfo(dtype).max + 1, (h, w, channels)).astype(dtype)


def test_a_folder_of_any_sizes_modes_and_depths(tmp_path):
    grey, rgb, deep, cube = colour(4, 7, 1), colour(6, 5), colour(3, 3, 3, np.uint16), colour(2, 9, 5, np.float32)
    np.save(tmp_path / "labels.npy", np.zeros((4, 4)))  # no picture among pictures
    (tmp_path / "sub").mkdir()
    Image.fromarray(grey[..., 0]).save(tmp_path / "a.png")
    Image.fromarray(rgb).save(tmp_path / "sub" / "b.bmp")
    write_photo(tmp_path / "c.png", deep)
    write_photo(tmp_path / "d.tif", cube)
    photos = as_photos(str(tmp_path))
    assert photos.names == ("a.png", "c.png", "d.tif", "sub/b.bmp")
    assert photos.sizes == ((4, 7), (3, 3), (2, 9), (6, 5))
    assert (photos.channels, photos.dtype, photos.folder) == (5, np.float32, tmp_path)
    for i, wanted in enumerate((grey, deep, cube, rgb)):
        np.testing.assert_array_equal(photos[i], wanted)
        assert photos[i].dtype == wanted.dtype
    some = photos.take([3, 0])
    assert some.names == ("sub/b.bmp", "a.png")
    np.testing.assert_array_equal(some[1], grey)
    assert photos.take(np.array([True, False, False, True])).sizes == ((4, 7), (6, 5))


def test_a_folder_of_arrays(tmp_path):
    np.save(tmp_path / "a.npy", np.ones((3, 4, 9), bool))
    np.save(tmp_path / "b.npy", np.full((5, 1), 0.5))
    photos = as_photos(tmp_path)
    assert (photos.sizes, photos.channels, photos.dtype) == (((3, 4), (5, 1)), 9, np.float32)
    np.testing.assert_array_equal(photos[0], np.full((3, 4, 9), 255, np.uint8))


@pytest.mark.parametrize(
    ("mode", "shown", "channels"),
    [("1", "L", 1), ("LA", "LA", 2), ("P", "RGB", 3), ("CMYK", "RGB", 3), ("YCbCr", "RGB", 3), ("LAB", "RGB", 3),
     ("RGBA", "RGBA", 4), ("La", "LA", 2)],
)  # fmt: skip
def test_modes_of_pillow(mode, shown, channels):
    picture = Image.fromarray(colour(6, 5, 4))
    picture = picture.convert("LA").convert("La") if mode == "La" else picture.convert("RGB" if mode == "LAB" else mode)
    if mode == "LAB":
        picture = Image.fromarray(colour(6, 5), mode="LAB")
    photos = as_photos(picture)
    assert photos.channels == channels
    np.testing.assert_array_equal(photos[0], np.asarray(picture.convert(shown)).reshape(6, 5, channels))


def test_a_palette_with_a_transparent_colour(tmp_path):
    picture = Image.fromarray(np.array([[0, 1]], np.uint8), mode="P")
    picture.putpalette([10, 20, 30, 40, 50, 60])
    picture.save(tmp_path / "a.png", transparency=1)
    np.testing.assert_array_equal(as_photos(tmp_path)[0], [[[10, 20, 30, 255], [40, 50, 60, 0]]])


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("ending", ["png", "tif", "jpg"])
def test_upright_as_exif_says(tmp_path, orientation, ending):
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / f"a.{ending}"
    Image.fromarray(colour(6, 9)).save(path, exif=exif)
    photos = as_photos(path)
    with Image.open(path) as picture:
        wanted = np.asarray(ImageOps.exif_transpose(picture))
    assert photos.sizes[0] == wanted.shape[:2]
    np.testing.assert_array_equal(photos[0], wanted)


@pytest.mark.parametrize("orientation", [1, 6])
def test_deep_pictures_are_upright_too(tmp_path, orientation):
    values = colour(6, 9, 3, np.uint16)
    tifffile.imwrite(tmp_path / "a.tif", values, photometric="rgb", extratags=[(274, 3, 1, orientation, True)])
    np.testing.assert_array_equal(as_photos(tmp_path)[0], np.rot90(values, -1) if orientation == 6 else values)


@pytest.mark.parametrize(
    ("ending", "channels", "dtype"),
    [
        *((".png", c, np.uint8) for c in (1, 2, 3, 4)),
        *((".png", c, np.uint16) for c in (1, 2, 3, 4)),
        *((".tif", c, d) for c in (1, 2, 3, 4, 5, 12) for d in (np.uint8, np.uint16, np.float32)),
        *((".npy", c, d) for c in (1, 3, 7) for d in (np.uint8, np.uint16, np.float32)),
        *((".webp", c, np.uint8) for c in (3, 4)),
    ],
)
@pytest.mark.parametrize("shape", [(1, 1), (7, 12)])
def test_written_and_read_again(tmp_path, ending, channels, dtype, shape):
    values = colour(*shape, channels, dtype)
    path = tmp_path / f"a{ending}"
    write_photo(path, values)
    photos = as_photos([path])
    assert (photos.channels, photos.dtype) == (channels, dtype)
    np.testing.assert_array_equal(photos[0], values)


def test_a_deep_png_is_read_by_others(tmp_path):
    cv2 = pytest.importorskip("cv2")
    values = colour(31, 17, 3, np.uint16)
    write_photo(tmp_path / "a.png", values)
    np.testing.assert_array_equal(cv2.imread(str(tmp_path / "a.png"), cv2.IMREAD_UNCHANGED)[..., ::-1], values)
    cv2.imwrite(str(tmp_path / "b.png"), values[..., ::-1])
    np.testing.assert_array_equal(as_photos(tmp_path)[1], values)


@pytest.mark.parametrize("suffix", ["png", "deep.png", "tif", "deep.tif", "jpg", "webp", "npy"])
@pytest.mark.parametrize("share", [0.0, 0.5, 0.95])
def test_cut_off(tmp_path, suffix, share):
    path = tmp_path / f"cut.{suffix}"
    write_photo(path, colour(64, 48, 3, np.uint16 if "deep" in suffix else np.uint8))
    whole = tmp_path / "whole.png"
    write_photo(whole, colour(3, 4))
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(DataError, match=rf"cut\.{suffix} cannot be "):
        as_photos([path, whole])[0]
    with pytest.warns(UserWarning, match=rf"1 of 2 pictures were left out.*cut\.{suffix} cannot be"):
        photos = as_photos([path, whole], skip_bad=True)
    assert photos.names == (str(whole),)
    assert suffix in photos.skipped[0]


@pytest.mark.filterwarnings("ignore:1 of 1 pictures were left out")
def test_nothing_but_damaged_pictures(tmp_path):
    (tmp_path / "a.png").write_bytes(b"no picture")
    with pytest.raises(DataError, match=r"No picture of .*a\.png cannot be read"):
        as_photos(tmp_path, skip_bad=True)


def test_a_compression_that_needs_another_package(tmp_path):
    cv2 = pytest.importorskip("cv2")
    values = colour(31, 17, 3, np.uint16)
    cv2.imwrite(str(tmp_path / "a.tif"), values[..., ::-1])  # LZW
    try:
        import imagecodecs  # noqa: F401
    except ImportError:
        with pytest.raises(DataError, match=r"a\.tif cannot be taken: it is compressed by LZW.*imagecodecs"):
            as_photos(tmp_path)
    else:
        np.testing.assert_array_equal(as_photos(tmp_path)[0], values)


@pytest.mark.parametrize("ending", ["gif", "tif", "png", "webp"])
def test_animations_are_refused(tmp_path, ending):
    frames = [Image.fromarray(colour(5, 6)) for _ in range(3)]
    frames[0].save(tmp_path / f"a.{ending}", save_all=True, append_images=frames[1:])
    with pytest.raises(DataError, match=rf"a\.{ending} cannot be taken: it holds 3 frames or pages.*skip_bad"):
        as_photos(tmp_path)
    frames[0].save(tmp_path / "b.gif")
    with pytest.warns(UserWarning, match="3 frames"):
        assert as_photos(tmp_path, skip_bad=True).names == ("b.gif",)


def test_what_is_not_finite():
    values = np.zeros((3, 4), np.float32)
    values[0, 1] = np.nan
    assert np.isnan(as_photos([values])[0][0, 1, 0])
    values[2, 3] = np.inf
    with pytest.raises(DataError, match="picture 1 of the list given is infinite at row 2, column 3, channel 0"):
        as_photos([np.zeros((2, 2)), values])


def test_an_infinite_value_in_a_file_is_named_when_it_is_read(tmp_path):
    np.save(tmp_path / "a.npy", np.full((2, 2), -np.inf))
    with pytest.raises(DataError, match=r"a\.npy of .* is infinite at row 0"):
        as_photos(tmp_path)[0]


@pytest.mark.parametrize(
    ("X", "words"),
    [
        ([], "empty"),
        (np.zeros((5, 6, 3)), "may be one picture of 3 channels, or 5 pictures"),
        (np.zeros((5, 6)), "one picture in a list"),
        (np.zeros((0, 6, 7)), "no pictures"),
        ([np.zeros((2, 3), np.int64)], "picture 0 of the list given cannot be taken: its values are int64"),
        ([np.zeros((3, 20, 30))], "channels first"),
        ([np.zeros(3)], "one picture is"),
        ([np.zeros((0, 3))], "no pixels"),
        (7, "Cannot take 7"),
        ("nowhere.png", "no file or folder"),
    ],
)
def test_refused(X, words):
    with pytest.raises(DataError, match=words):
        as_photos(X)


def test_a_file_that_is_no_picture(tmp_path):
    (tmp_path / "a.mp4").write_bytes(b"film")
    with pytest.raises(DataError, match="Cannot tell by its ending"):
        as_photos(tmp_path / "a.mp4")
    (tmp_path / "a.png").write_bytes(b"no picture")
    with pytest.raises(DataError, match=r"a\.png cannot be read"):
        as_photos(tmp_path / "a.png")


def test_resized(tmp_path):
    deep = as_photos([np.full((5, 6, 3), 40_000, np.uint16), np.full((9, 9), 0.25)], size=(4, 8))
    assert deep.sizes == ((4, 8), (4, 8))
    np.testing.assert_array_equal(deep[0], np.full((4, 8, 3), 40_000, np.uint16))
    np.testing.assert_allclose(deep[1], np.full((4, 8, 1), 0.25, np.float32), rtol=1e-6)
    assert as_photos(deep, size=3)[0].shape == (3, 3, 3)


def test_given_back_as_brought():
    def there_and_back(X):
        return give_back(list(as_photos(X)), X)

    same = np.testing.assert_array_equal
    for X in (RNG.random((2, 8, 9)), colour(4, 5, 12).reshape(2, 10, 12, 1), RNG.random((2, 8, 9, 3))):
        back = there_and_back(X)
        assert back.dtype == X.dtype
        np.testing.assert_allclose(back, X, rtol=1e-6)
    pictures = [colour(4, 7, 1)[..., 0], colour(3, 3, 4), colour(1, 1, 3, np.uint16)]
    for back, brought in zip(there_and_back(pictures), pictures, strict=True):
        same(back, brought)
    pil = [Image.fromarray(pictures[0]), Image.fromarray(pictures[1])]
    assert [picture.mode for picture in there_and_back(pil)] == ["L", "RGBA"]
    same(np.asarray(there_and_back(pil[1])), pictures[1])
    for shape in ((2, 3, 20, 30), (3, 20, 30), (2, 20, 30, 3)):
        tensor = torch.rand(shape)
        assert torch.equal(there_and_back(tensor), tensor)
    items = [torch.rand(3, 20, 30), torch.rand(8, 9)]
    assert all(torch.equal(a, b) for a, b in zip(there_and_back(items), items, strict=True))
    bits = there_and_back([np.eye(3, dtype=bool)])[0]
    same(bits, np.eye(3, dtype=np.uint8) * 255)


@pytest.mark.parametrize(
    ("name", "values", "words"),
    [
        ("a.png", np.zeros((2, 2), np.float32), "holds uint8 of 1, 2, 3, 4 channels; uint16"),
        ("a.png", np.zeros((2, 2, 5), np.uint8), "of 5"),
        ("a.jpg", np.zeros((2, 2, 4), np.uint8), "uint8 of 1, 3 channels, but the picture is uint8 of 4"),
        ("a.jpg", np.zeros((2, 2), np.uint16), "but the picture is uint16"),
        ("a.tif", np.zeros((2, 2), np.int32), "int32"),
        ("a.tif", np.zeros((0, 2), np.uint8), "no pixels"),
    ],
)
def test_what_a_format_cannot_hold_is_refused(tmp_path, name, values, words):
    with pytest.raises(DataError, match=words):
        write_photo(tmp_path / name, values)
    assert os.listdir(tmp_path) == []


def test_writing_elsewhere(tmp_path):
    with pytest.raises(ParameterError, match=r"Endings known are \.png"):
        write_photo(tmp_path / "a.xyz", colour(2, 2))
    (tmp_path / "a.png").mkdir()
    with pytest.raises(ModelFileError, match="a folder has this name"):
        write_photo(tmp_path / "a.png", colour(2, 2))


@pytest.mark.parametrize("ending", [".png", ".jpg", ".tif", ".webp"])
def test_the_colour_profile_is_kept(tmp_path, ending):
    from PIL import ImageCms

    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    Image.fromarray(colour(4, 4)).save(tmp_path / "a.jpg", icc_profile=profile)
    deep = colour(4, 4, dtype=np.uint16) if ending == ".png" else colour(4, 4)
    write_photo(tmp_path / f"b{ending}", deep, like=tmp_path / "a.jpg")
    assert Image.open(tmp_path / f"b{ending}").info["icc_profile"] == profile
    write_photo(tmp_path / f"c{ending}", colour(4, 4, 1), like=tmp_path / "a.jpg")  # not one for grey
    assert "icc_profile" not in Image.open(tmp_path / f"c{ending}").info


@pytest.mark.parametrize("module", [photos, picture_files])
def test_docstrings(module):
    found = doctest.testmod(module)
    assert found.attempted
    assert not found.failed


def test_a_last_channel_that_is_no_opacity(tmp_path):
    values = np.full((10, 12, 4), 300, np.uint16)
    for name, said in (("infrared", "unspecified"), ("opaque", "unassalpha")):
        tifffile.imwrite(tmp_path / f"{name}.tif", values, photometric="rgb", extrasamples=(said,))
    photos = as_photos(tmp_path)
    assert [photos.has_opacity(i) for i in range(2)] == [False, True]
    assert [photos.n_colours(i) for i in range(2)] == [4, 3]


def test_a_damaged_orientation_is_no_orientation(tmp_path):
    picture = Image.fromarray(np.zeros((10, 12, 3), np.uint8))
    exif = picture.getexif()
    exif[0x0112] = 9
    picture.save(tmp_path / "o.jpg", exif=exif)
    photos = as_photos(tmp_path)
    assert photos.sizes[0] == photos[0].shape[:2] == (10, 12)
