"""Films on the command line: `denoise` and `fill` frame by frame, with sound and rate as they were."""

# ruff: noqa: PLC0415 - all of these bring torch, which is imported once a command runs

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from isthmus.cli.console import say
from isthmus.exceptions import DataError, ParameterError

if TYPE_CHECKING:
    import numpy as np

    from isthmus import Denoiser, Imputer
    from isthmus.data.video import Video


def is_film(source: str, *, frames: bool = False) -> bool:
    """Whether a source is a film: by its ending, or a folder that is said to hold its frames."""
    from isthmus.data.video import is_video_file

    if frames and not Path(source).is_dir():
        raise ParameterError(f"--frames is for a folder of numbered frames, but {source} is none.")
    return frames or is_video_file(source)


def context_of(context: int | None, *, film: bool) -> int:
    """Frames on either side that are looked at: 1 by default, none where there is no film."""
    return (1 if context is None else context) if film else 0


def check_film_place(to: str, source: str, *, force: bool) -> None:
    """Refuse, before any work, a place that a film cannot be written to: a video file, or a folder for frames."""
    from isthmus.cli.photos import check_place
    from isthmus.cli.writing import check_file, ending_of
    from isthmus.data.video import check_written

    check_written(to)
    if ending_of(to):
        check_file(to, (ending_of(to),), source)
    else:
        check_place(to, source, force=force)


def clean_film(
    denoiser: Denoiser, source: str, to: str, learn: str | None, save: str | None, *, fitted: bool, verbose: bool
) -> None:
    """Clean a film, by a denoiser that is fitted or one fitted on it or on another film or pictures."""
    from isthmus.data.photos import as_photos
    from isthmus.data.video import Video, write_video
    from isthmus.tasks.films import cleaned_frames, some_windows

    film = Video(source)
    if not fitted:
        _tell(film, learn, verbose=verbose)
        if denoiser.learn_from == "pairs":
            raise ParameterError(
                "--pairs is for pictures. Of a film give --clean, or neither: it is then learnt from itself."
            )
        if learn is not None and not is_film(learn):
            denoiser.set_params(context=0).fit(as_photos(learn))
        else:
            denoiser.fit(some_windows(film if learn is None else Video(learn), denoiser.context))
        if save is not None:
            denoiser.save(save)
    write_video(to, cleaned_frames(denoiser, film), like=film)


def fill_film(
    imputer: Imputer,
    source: str,
    to: str,
    mask: str | None,
    train: str | None,
    save: str | None,
    *,
    fitted: bool,
    verbose: bool,
) -> None:
    """Fill the same pixels of all frames of a film."""
    from isthmus.data.photos import as_photos
    from isthmus.data.video import Video, write_video
    from isthmus.tasks.films import filled_frames, some_windows

    film = Video(source)
    missing = _mask(film, mask)
    if not fitted:
        _tell(film, train, verbose=verbose)
        if train is not None and not is_film(train):
            imputer.set_params(context=0).fit(as_photos(train))
        elif train is not None:
            imputer.fit(some_windows(Video(train), imputer.context))
        else:
            imputer.fit(some_windows(film, imputer.context), mask=missing)
        if save is not None:
            imputer.save(save)
    write_video(to, filled_frames(imputer, film, missing), like=film)


def _mask(film: Video, mask: str | None) -> np.ndarray:
    import numpy as np

    from isthmus.data.photos import as_photos
    from isthmus.tasks.filling_parts.masks import missing_of

    if mask is None:
        raise DataError(f"Nothing is missing of {film.path}. Give --mask, a picture that is white where it is.")
    blank = as_photos([np.zeros((*film.size, 1), np.uint8)])
    return missing_of(blank, as_photos(mask))[0]


def _tell(film: Video, learn: str | None, *, verbose: bool) -> None:
    if verbose:
        size = f"{film.size[0]} x {film.size[1]}"
        frames = "" if film.n_frames is None else f"{film.n_frames:,} frames of "
        say(f"{film.path.name}: {frames}{size}. Learning from {learn or 'frames of its own'}; Ctrl-C ends that.")
