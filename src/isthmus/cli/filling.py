"""`isthmus fill`: what is missing of pictures, or was painted over."""

# ruff: noqa: PLC0415 - all of these bring torch, which is imported once a command runs

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from isthmus.cli import mending_options as m
from isthmus.cli import options as o
from isthmus.cli.console import say
from isthmus.cli.films import check_film_place, context_of, fill_film, is_film
from isthmus.cli.jobs import check_places, saved
from isthmus.cli.photos import check_place, check_writable, names_for, say_learning, write_photos
from isthmus.cli.reading import has_pictures
from isthmus.cli.tables import print_places
from isthmus.cli.writing import check_file
from isthmus.exceptions import DataError, ParameterError

if TYPE_CHECKING:
    import numpy as np

    from isthmus import Imputer
    from isthmus.data.photos import Photos

#: Pictures that a report shows.
SHOWN = 6


def fill(
    source: m.HoledSource,
    *,
    to: m.ToMended,
    mask: m.MaskFile = None,
    colour: m.MarkColour = None,
    tolerance: m.Tolerance = 0.1,
    train: m.TrainPictures = None,
    skip_bad: o.SkipBad = False,
    frames: m.Frames = False,
    context: m.Context = None,
    model: o.SavedJob = None,
    max_steps: m.MaxSteps = "auto",
    max_minutes: m.MaxMinutes = None,
    report: o.Report = None,
    save: o.SaveJob = None,
    force: o.Force = False,
    random_state: o.Seed = None,
    device: o.WorkOn = "auto",
    verbose: o.Verbose = True,
    debug: o.Debug = False,
) -> None:
    """Fill what a mask or a colour marks in the pictures of SOURCE, by what whole ones teach, or SOURCE itself."""
    film = is_film(source, frames=frames)
    if not film and not has_pictures(source):
        raise ParameterError(f"{source} is no picture and no folder of pictures. For tables there is `isthmus impute`.")
    (check_film_place if film else check_place)(to, source, force=force)
    if film and (report is not None or colour is not None):
        raise ParameterError("--report and --colour are for pictures: leave them out where SOURCE is a film.")
    if report is not None:
        check_file(report, (".html", ".htm"), source)
    check_places(model, save, force=force, train=train)
    from isthmus import Imputer
    from isthmus.data.photos import as_photos

    imputer = (
        saved(model, Imputer, "fill", device)
        if model is not None
        else Imputer(
            network="unet",
            context=context_of(context, film=film),
            max_steps=max_steps,
            max_minutes=max_minutes,
            random_state=random_state,
            device=device,
            verbose=int(verbose),
        )
    )
    fitted = model is not None
    if film:
        fill_film(imputer, source, to, mask, train, save, fitted=fitted, verbose=verbose)
    else:
        photos = as_photos(source, skip_bad=skip_bad)
        check_writable(to, photos)
        missing = _missing(photos, mask, colour, tolerance)
        if not fitted:
            _learn(imputer, photos, missing, None if train is None else as_photos(train, skip_bad=skip_bad), verbose)
        if save is not None:
            imputer.save(save)
        _fill(imputer, photos, missing, to, report, held_out=fitted or train is not None)
    if verbose:
        print_places(filled=to, report=report, model=save)


COMMANDS = (fill,)
EXAMPLES = {
    "fill": """Examples:

$ isthmus fill photo.png --mask mask.png --to filled.png

$ isthmus fill scan.png --colour ff0000 --to mended.png --report report.html

$ isthmus fill clip.mp4 --mask mask.png --to mended.mp4

$ isthmus fill damaged/ --mask masks/ --to filled/ --train whole-photos/ --save filler""",
}


def _missing(photos: Photos, mask: str | None, colour: Any, tolerance: float) -> list[np.ndarray]:
    """Tell what is missing of each picture; refuse it where nothing is."""
    from isthmus.data.photos import as_photos
    from isthmus.tasks.filling_parts.masks import missing_of, of_colour

    missing = missing_of(photos, None if mask is None else as_photos(mask))
    if colour is not None:
        missing = [one | of_colour(photos[i], colour, tolerance) for i, one in enumerate(missing)]
    if not any(one.any() for one in missing):
        raise DataError(
            f"Nothing is missing of {photos.origin}. Give --mask, a picture that is white where something is missing, "
            "or --colour, what that was painted over in."
        )
    return missing


def _learn(imputer: Imputer, photos: Photos, missing: list[np.ndarray], train: Photos | None, verbose: bool) -> None:
    if verbose:
        say_learning(photos if train is None else train, "what is known of " if train is None else "")
    if train is None:
        imputer.fit(photos, mask=missing)
    else:
        imputer.fit(train)


def _fill(
    imputer: Imputer, photos: Photos, missing: list[np.ndarray], to: str, report: str | None, *, held_out: bool
) -> None:
    """Fill pictures, write them, and say how well holes like theirs are filled."""
    from isthmus.evaluation.mending import judge_filling, mended_report

    shown: list[Any] = []
    write_photos(to, names_for(photos), _filled(imputer, photos, missing, shown, wanted=report is not None), photos)
    mended = judge_filling(imputer, photos, missing, held_out=held_out)
    if report is not None:
        share, n = sum(one.sum() for one in missing) / sum(one.size for one in missing), len(photos)
        what = f"{n:,} picture{'s' * (n != 1)} of {photos.origin}; {share:.1%} of the pixels filled."
        mended_report(report, f"Holes filled in {photos.origin}", what, shown, mended)
    if mended.rows:
        say(f"In further holes made for the purpose: {mended.verdict()}")


def _filled(
    imputer: Imputer,
    photos: Photos,
    missing: list[np.ndarray],
    shown: list[Any],
    *,
    wanted: bool,
) -> Iterator[np.ndarray]:
    """Fill pictures one by one, and keep what a report shows of some."""
    from isthmus.evaluation.restored import hole_panels

    for i in range(len(photos)):
        found = imputer.transform(photos.take([i]), mask=[missing[i]])[0]
        if wanted and len(shown) < SHOWN and missing[i].any():
            shown.append((photos.names[i], hole_panels(photos[i], missing[i], found)))
        yield found
