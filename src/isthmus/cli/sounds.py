"""Sounds on the command line: `denoise` file by file, each in the format, rate and length that it had."""

# ruff: noqa: PLC0415 - what is imported inside brings torch, which is imported once a command runs

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from isthmus.cli.console import say
from isthmus.cli.photos import check_place
from isthmus.cli.writing import ending_of
from isthmus.exceptions import DataError, ParameterError

if TYPE_CHECKING:
    from isthmus import Denoiser
    from isthmus.data.sound import Sound, Sounds

#: Sounds that a report shows.
SHOWN = 6


def is_sound(source: str) -> bool:
    """Whether a source is a sound file, or a folder of sounds and not of pictures."""
    from isthmus.data.sound_files import holds_sounds, is_sound_file

    return is_sound_file(source) or (Path(source).is_dir() and holds_sounds(Path(source)))


def check_sound_place(to: str, source: str, *, force: bool) -> None:
    """Refuse, before any work, a place that sounds cannot be written to: a folder, or a file for a single sound."""
    from isthmus.data.sound_files import FORMATS

    check_place(to, source, tuple(FORMATS), force=force)


def clean_sounds(
    denoiser: Denoiser,
    source: str,
    to: str,
    learn: str | None,
    noises: str | None,
    report: str | None,
    save: str | None,
    *,
    fitted: bool,
    verbose: bool,
) -> None:
    """Clean a sound or a folder of them, by a denoiser that is fitted or one fitted on clean sounds or pairs."""
    from isthmus.data.sound import as_sounds

    sounds = as_sounds(source)
    mended = None
    if not fitted:
        if learn is None:
            raise ParameterError(
                "Noise in sounds cannot be learnt from the noisy ones alone. Give clean sounds like them with --clean "
                "(and recordings of noise with --noise-from), the same sounds clean with --pairs, or a --model."
            )
        taught = as_sounds(learn)
        if denoiser.learn_from == "pairs":
            sounds_given, taught = _in_pairs(sounds, taught)
            _say_learning(taught, verbose)
            denoiser.fit(sounds_given, taught)
        else:
            _say_learning(taught, verbose)
            denoiser.fit(taught, noises=noises)
        # Before it is judged: what took long to learn is not lost by what goes wrong there.
        if save is not None:
            denoiser.save(save)
        if denoiser.learn_from == "clean":
            from isthmus.evaluation.sounds import judge_sounds

            mended = judge_sounds(denoiser, taught, noises)
    shown: list[tuple[str, list[tuple[str, str]]]] = []
    _write(to, sounds, _cleaned(denoiser, sounds, shown, wanted=report is not None))
    if report is not None:
        from isthmus.evaluation.mending import mended_report

        n = len(sounds)
        what = f"{n:,} sound{'s' * (n != 1)} of {sounds.origin}, {sounds.seconds:,.0f} seconds."
        mended_report(report, f"Noise taken out of {sounds.origin}", what, shown, mended, "sound")
    if mended is not None:
        say(mended.verdict())


def _cleaned(
    denoiser: Denoiser, sounds: Sounds, shown: list[tuple[str, list[tuple[str, str]]]], *, wanted: bool
) -> Iterator[Sound]:
    """Clean sounds one by one, and keep what a report shows of some."""
    from isthmus.evaluation.sounds import spectrogram_panels

    for i in range(len(sounds)):
        sound = sounds[i]
        found = denoiser.clean_sound(sound)
        if wanted and len(shown) < SHOWN:
            shown.append((sounds.names[i], spectrogram_panels(sound.samples, found.samples, sound.rate)))
        yield found


def _write(to: str, sounds: Sounds, found: Iterator[Sound]) -> None:
    """Write results one by one as they come, the folder whole or not at all."""
    from isthmus.data.sound_files import write_sound
    from isthmus.storage.atomic import folder

    if ending_of(to):
        for sound in found:
            write_sound(to, sound.samples, sound.rate, like=sound.form)
        return
    with folder(to) as new:
        for name, sound in zip(sounds.names, found, strict=True):
            place = new / name
            place.parent.mkdir(parents=True, exist_ok=True)
            write_sound(place, sound.samples, sound.rate, like=sound.form)


def _in_pairs(noisy: Sounds, clean: Sounds) -> tuple[Sounds, Sounds]:
    """Give the sounds of two folders that go together by their names; two single ones go together."""
    if len(noisy) == len(clean) == 1:
        return noisy, clean
    left = sorted(set(noisy.names) ^ set(clean.names))
    if left:
        raise DataError(
            f"--pairs: {left[0]} is in one of {noisy.origin} and {clean.origin} alone. Give the two of a pair the same "
            "name."
        )
    return noisy, clean.take([clean.names.index(name) for name in noisy.names])


def _say_learning(sounds: Sounds, verbose: bool) -> None:
    n = len(sounds)
    if verbose:
        say(
            f"Learning from {n:,} sound{'s' * (n != 1)}, {sounds.seconds:,.0f} seconds. Ctrl-C stops and keeps the "
            "best so far."
        )
