import numpy as np
import pytest

from isthmus import Denoiser, Imputer
from isthmus.data.video import Video, write_video
from isthmus.exceptions import DataError, ParameterError
from isthmus.tasks.films import cleaned_frames, filled_frames, some_windows

SMALL = {"max_steps": 2, "patch_size": 16, "random_state": 0}


@pytest.fixture
def film(tmp_path):
    write_video(tmp_path / "frames", (np.full((20, 24, 3), 10 * i, np.uint8) for i in range(12)))
    return Video(tmp_path / "frames")


def test_frames_are_drawn_in_order_each_with_those_beside_it(film):
    drawn = some_windows(film, 1, most=5)
    middles = [window[0, 0, 3] for window in drawn]
    assert len(drawn) == 5
    assert middles == sorted(middles)
    for window in drawn[1:-1]:
        assert (window[..., 3] - window[..., 0] == 10).all() or window[0, 0, 3] == 0
    assert len(some_windows(film, 0, most=100)) == 12
    chosen = [some_windows(film, 0, seed=seed, most=1)[0][0, 0, 0] for seed in range(30)]
    assert len(set(chosen)) > 6


def test_frames_are_cleaned_one_by_one(film):
    denoiser = Denoiser(level=10, context=2, widths=(8,), **SMALL).fit(some_windows(film, 2))
    found = list(cleaned_frames(denoiser, film))
    assert [frame.shape for frame in found] == [(20, 24, 3)] * 12
    assert found[0].dtype == np.uint8


def test_frames_are_filled_one_by_one(film):
    missing = np.zeros((20, 24), bool)
    missing[5:9, 5:9] = True
    imputer = Imputer(network="unet", context=1, hidden=(8, 8), **SMALL).fit(some_windows(film, 1), mask=missing)
    found = np.stack(list(filled_frames(imputer, film, missing)))
    assert (found[:, ~missing] == np.stack(list(film.frames()))[:, ~missing]).all()
    with pytest.raises(DataError, match=r"mask is 3 x 3 .* are 20 x 24"):
        next(filled_frames(imputer, film, np.zeros((3, 3), bool)))
    with pytest.raises(DataError, match="expected those of 3 frames, 9"):
        imputer.fill_array(np.zeros((20, 24, 3), np.uint8), missing)
    with pytest.raises(ParameterError, match="fitted on pictures"):
        Imputer(max_epochs=1).fit(np.eye(30)).fill_array(np.zeros((4, 4, 3), np.uint8), missing)
