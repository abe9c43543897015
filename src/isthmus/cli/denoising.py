"""`isthmus denoise`: noise out of pictures, sounds, signals and rows."""

# ruff: noqa: PLC0415 - all of these bring torch, which is imported once a command runs

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from isthmus.cli import mending_options as m
from isthmus.cli import options as o
from isthmus.cli.console import say
from isthmus.cli.films import check_film_place, clean_film, context_of, is_film
from isthmus.cli.jobs import check_places, saved
from isthmus.cli.photos import check_place, check_writable, in_pairs, names_for, say_learning, write_photos
from isthmus.cli.reading import Selection, has_pictures
from isthmus.cli.sounds import check_sound_place, clean_sounds, is_sound
from isthmus.cli.tables import print_places
from isthmus.cli.writing import STANDARD_OUTPUT, Result, check_file, check_rows, write_rows
from isthmus.exceptions import ParameterError

if TYPE_CHECKING:
    import numpy as np

    from isthmus import Denoiser
    from isthmus.data.photos import Photos

#: Pictures that a report shows.
SHOWN = 6


def denoise(
    source: m.NoisySource,
    *,
    to: m.ToClean,
    clean: m.CleanData = None,
    pairs: m.PairedData = None,
    noise_from: m.NoiseFrom = None,
    noise: m.NoiseKind = "gaussian",
    level: m.NoiseLevel = None,
    columns: o.Columns = None,
    drop: o.Drop = None,
    skip_bad: o.SkipBad = False,
    frames: m.Frames = False,
    context: m.Context = None,
    kind: o.Kind = "auto",
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
    """Take the noise out of SOURCE, by what is learnt from clean data, from pairs, or from SOURCE alone."""
    if clean is not None and pairs is not None:
        raise ParameterError("--clean and --pairs exclude each other: give clean data, or what SOURCE is to become.")
    film = is_film(source, frames=frames)
    sounds = not film and is_sound(source)
    pictures = not film and not sounds and has_pictures(source)
    if noise_from is not None and (not sounds or clean is None):
        raise ParameterError("--noise-from brings recordings of noise to mix with clean sounds: give --clean as well.")
    if sounds:
        check_sound_place(to, source, force=force)
    elif film:
        check_film_place(to, source, force=force)
    elif pictures:
        check_place(to, source, force=force)
    else:
        check_rows(to, source)
    if report is not None:
        check_file(report, (".html", ".htm"), source)
        if not pictures and not sounds:
            raise ParameterError(f"--report shows pictures and sounds, but {source} holds none; leave it out.")
    check_places(model, save, force=force, clean=clean, pairs=pairs, **{"noise-from": noise_from})
    from isthmus import Denoiser

    way = "clean" if clean is not None else "pairs" if pairs is not None else "noisy"
    denoiser = (
        saved(model, Denoiser, "denoise", device)
        if model is not None
        else Denoiser(
            noise,
            level,
            learn_from=way,
            context=context_of(context, film=film),
            kind="audio" if sounds else "image" if pictures or film else kind,
            max_steps=max_steps,
            max_minutes=max_minutes,
            random_state=random_state,
            device=device,
            verbose=int(verbose),
        )
    )
    if sounds:
        learn, fitted = clean or pairs, model is not None
        clean_sounds(denoiser, source, to, learn, noise_from, report, save, fitted=fitted, verbose=verbose)
    elif film:
        clean_film(denoiser, source, to, clean or pairs, save, fitted=model is not None, verbose=verbose)
    elif pictures:
        learn, fitted = clean or pairs, model is not None
        _pictures(denoiser, source, to, learn, skip_bad, report, save, fitted=fitted, verbose=verbose)
    else:
        _rows(denoiser, source, to, clean or pairs, Selection(columns, drop), save, fitted=model is not None)
    if verbose and to != STANDARD_OUTPUT:
        print_places(cleaned=to, report=report, model=save)


COMMANDS = (denoise,)
EXAMPLES = {
    "denoise": """Examples:

$ isthmus denoise people.csv -o clean.csv --columns age,height

$ isthmus denoise noisy/ --to clean/ --clean good-photos/ --level 25 --save denoiser

$ isthmus denoise noisy.png --to clean.png --model denoiser

$ isthmus denoise clip.mp4 --to clean.mp4

$ isthmus denoise calls/ --to clean-calls/ --clean voices/ --noise-from noises/ --save sound-denoiser

$ isthmus denoise call.wav --to clean.wav --model sound-denoiser

$ isthmus denoise scans/ --to cleaned/ --max-minutes 10 --report report.html""",
}


def _pictures(
    denoiser: Denoiser,
    source: str,
    to: str,
    learn: str | None,
    skip_bad: bool,
    report: str | None,
    save: str | None,
    *,
    fitted: bool,
    verbose: bool,
) -> None:
    from isthmus.data.photos import as_photos

    photos = as_photos(source, skip_bad=skip_bad)
    taught = None if learn is None else as_photos(learn, skip_bad=skip_bad)
    check_writable(to, photos)
    paired = photos
    if not fitted and denoiser.learn_from == "pairs" and taught is not None:
        paired, taught = in_pairs(photos, taught)
    mended = None
    if not fitted:
        if verbose:
            say_learning(photos if taught is None else taught)
        if denoiser.learn_from == "clean":
            denoiser.fit(taught)
        else:
            denoiser.fit(paired, taught)
        # Before it is judged: what took long to learn is not lost by what goes wrong there.
        if save is not None:
            denoiser.save(save)
        if denoiser.learn_from == "clean":
            from isthmus.evaluation.mending import judge_denoising

            mended = judge_denoising(denoiser, taught)
    shown: list[Any] = []
    write_photos(to, names_for(photos), _cleaned(denoiser, photos, shown, wanted=report is not None), photos)
    if report is not None:
        from isthmus.evaluation.mending import mended_report

        n, way = len(photos), _WAYS[denoiser.learn_from]
        what = f"{n:,} picture{'s' * (n != 1)} of {photos.origin}, cleaned of {denoiser.noise} noise learnt from {way}."
        mended_report(report, f"Noise taken out of {photos.origin}", what, shown, mended)
    if mended is not None:
        say(mended.verdict())


def _cleaned(denoiser: Denoiser, photos: Photos, shown: list[Any], *, wanted: bool) -> Iterator[np.ndarray]:
    """Clean pictures one by one, and keep what a report shows of some."""
    from isthmus.evaluation.restored import before_after_panels

    for i in range(len(photos)):
        found = denoiser.clean_picture(photos, i)
        if wanted and len(shown) < SHOWN:
            shown.append((photos.names[i], before_after_panels(photos[i], found)))
        yield found


def _rows(
    denoiser: Denoiser, source: str, to: str, learn: str | None, selection: Selection, save: str | None, *, fitted: bool
) -> None:
    raw = selection.read_for(denoiser, source) if fitted else selection.read(source, denoiser.kind)
    if not fitted:
        taught = None if learn is None else selection.read(learn, raw.kind, raw.schema)
        if denoiser.learn_from == "clean":
            denoiser.fit(taught)
            if denoiser.kind_ in ("vector", "table"):
                noisy, simple, ours = denoiser.row_errors(taught)
                better = "" if ours < simple else " The filter alone is as good here."
                say(
                    "Error in standard deviations of a column, on clean rows held out with noise added: "
                    f"{noisy:.3f} as they are, {simple:.3f} by Wiener's filter, {ours:.3f} by ours.{better}"
                )
        else:
            denoiser.fit(raw, taught)
        if save is not None:
            denoiser.save(save)
    cleaned = denoiser.transform(raw.values if raw.kind == "image" else raw)
    write_rows(to, Result(cleaned, None, raw.extra, raw.row_names))


_WAYS = {"clean": "clean pictures", "pairs": "pairs", "noisy": "these pictures alone"}
