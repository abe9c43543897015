"""How the network of `Denoiser` for sounds learns: from clean sounds and noise, or from pairs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from isthmus.data.sound import Sounds
from isthmus.exceptions import DataError, ParameterError
from isthmus.tasks.denoising_parts.learning import History, Split
from isthmus.tasks.denoising_parts.restorer import NOISY, PAIRS
from isthmus.tasks.denoising_parts.sound_mixing import SILENT, Held, Mixtures, loader
from isthmus.tasks.denoising_parts.sound_restorer import SoundRestorer
from isthmus.tasks.pixel_network import held_out
from isthmus.training.callbacks import Callback
from isthmus.training.restoring import Restoring, Schedule

#: Levels by default, in dB of signal to noise, and what a level may be.
LEVELS, MOST_LEVEL = (-6.0, 12.0), 100.0
#: Hops of a long crop and of a short one: a second, and half of one. One more makes a power of two of frames.
HOPS = (31, 15)
#: Share of the noises that are held out to judge by.
NOISES_OUT = 0.15


@dataclass(frozen=True)
class Mixed:
    """What is learnt from.

    Parameters
    ----------
    clean : Sounds
    noisy : Sounds or None
        The same with noise, of pairs.
    noises : Sounds or None
        Recordings of noise alone.
    levels : (float, float)
        In dB of signal to noise.
    """

    clean: Sounds
    noisy: Sounds | None
    noises: Sounds | None
    levels: tuple[float, float]

    @classmethod
    def of(
        cls,
        given: Sounds | None,
        wanted: Sounds | None,
        noises: Sounds | None,
        way: str,
        levels: tuple[float, float] | None,
    ) -> Mixed:
        """Take what `fit` was given; refuse what does not go together."""
        assert given is not None
        if way == NOISY:
            raise ParameterError(
                "Denoiser: noise cannot be learnt from noisy sounds alone. Give clean ones, fit(clean, noises=...), "
                "with learn_from='clean'; or pairs, fit(noisy, clean), with learn_from='pairs'."
            )
        if levels is not None and max(map(abs, levels)) > MOST_LEVEL:
            raise ParameterError(
                f"Denoiser: level={levels!r} cannot be used with sounds: it is a ratio of signal to noise in dB, from "
                f"-{MOST_LEVEL:g} to {MOST_LEVEL:g}, such as (-6, 12)."
            )
        if way != PAIRS:
            return cls(given, None, noises, levels or LEVELS)
        if noises is not None:
            raise ParameterError("Denoiser: with learn_from='pairs' nothing is mixed; leave noises= out.")
        assert wanted is not None
        _check_pairs(given, wanted)
        return cls(wanted, given, None, levels or LEVELS)

    def batches(self, numbers: Sequence[int], noises: Sequence[int], restorer: SoundRestorer, seed: int) -> Mixtures:
        """Give what draws crops of some of the sounds and noises."""
        generator, rate = torch.Generator().manual_seed(seed), restorer.rate
        clean = Held(loader(self.clean, rate, self.noisy), numbers, generator)
        recorded = None if self.noises is None else Held(loader(self.noises, rate), noises, generator)
        long, short = (hops * restorer.n_fft // 2 for hops in HOPS)
        return Mixtures(clean, recorded, (long, short), rate, self.levels, generator)


def learn_sounds(
    restorer: SoundRestorer,
    mixed: Mixed,
    device: torch.device,
    split: Split,
    schedule: Schedule,
    callbacks: Sequence[Callback],
) -> History:
    """Train the network of a restorer, which is made here.

    Parameters
    ----------
    restorer : SoundRestorer
    mixed : Mixed
    device : torch.device
    split : (sequence of int, sequence of int)
        Numbers of the clean sounds to learn from, and of those held out. Noises are held out as well.
    schedule : Schedule
    callbacks : sequence of Callback

    Returns
    -------
    dict of list
        As of `Restoring.run`; a loss is minus a ratio of signal to noise, in dB.
    """
    train, out = split
    for name, sounds in (("clean", mixed.clean), ("noise", mixed.noises)):
        if sounds is not None and all(_is_silent(sounds, i) for i in range(len(sounds))):
            raise DataError(f"Every {name} sound of {sounds.origin} is silent. Give some that can be heard.")
    noises, noises_out = ([], []) if mixed.noises is None else held_out(len(mixed.noises), NOISES_OUT, schedule.seed)
    restorer.noises_out = tuple(noises_out)
    network = restorer.make(schedule.seed, device)
    batches = mixed.batches(train, noises, restorer, schedule.seed)
    held = mixed.batches(out, noises_out or noises, restorer, schedule.seed + 1) if out else None
    return Restoring(network, batches, held, restorer.loss, schedule, callbacks).run()


def _is_silent(sounds: Sounds, i: int) -> bool:
    return float(np.abs(sounds[i].samples).max()) <= SILENT


def _check_pairs(noisy: Sounds, clean: Sounds) -> None:
    """Refuse pairs that are not of the same rates, lengths and channels."""
    if len(noisy) != len(clean):
        raise ParameterError(f"Pairs are needed, but X has {len(noisy)} sounds and y has {len(clean)}.")
    for i, (one, other) in enumerate(zip(noisy.forms, clean.forms, strict=True)):
        if one[:3] != other[:3]:
            said = [f"{f.length:,} samples of {f.channels} channels at {f.rate} a second" for f in (one, other)]
            raise DataError(
                f"{noisy.names[i]} has {said[0]}, but its pair, {clean.names[i]}, has {said[1]}. Give pairs alike."
            )
