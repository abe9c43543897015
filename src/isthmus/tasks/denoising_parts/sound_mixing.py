"""Crops of clean sounds, and the same with noise in them, made as they are needed for a network to learn from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import cycle

import numpy as np
import torch
from torch import Tensor

from isthmus.data.sound import Sounds
from isthmus.training.crops import Planes

#: Bytes of sounds held at once; of more than these a part is held, and renewed sound by sound.
POOL_BYTES = 2**30
#: Crops after which one of the sounds held gives its place to another.
RENEW_EVERY = 64
#: Shares by which sounds and noises are played faster or slower, as logarithms: voices and machines of other sizes.
FASTER, NOISE_FASTER = 0.18, 0.25
#: How much the loudness of sounds that follow one another differs: deviation of its logarithm; and of two noises.
LOUDER, NOISE_LOUDER = 0.3, 0.5
#: Share of a second that is silent between two sounds, on average; and that a crop may begin with at most, of itself.
PAUSE, LEAD = 0.06, 0.5
#: Share of the crops with a second noise, and with one that was made where there are recordings.
SECOND, MADE = 0.3, 0.15
#: Exponents of the spectrum of noise that is made, from more than white (blue) to more than brown.
COLOURS = (-0.5, 1.5)
#: Deviation that is as good as silence; and power below which a crop is a pause, of the mean of its sound.
SILENT, QUIET = 1e-6, 0.1


class Held:
    """Sounds at one rate, held in memory: all of them, or as many as there is room for, which are renewed.

    Parameters
    ----------
    load : callable
        Gives a sound by its number: (rows, time), of which the rows belong together. They are held at a deviation of 1
        of the last row, with the noise of a pair: silence within a sound stays silence.
    numbers : sequence of int
    generator : torch.Generator
    pool_bytes : int, default=2**30
    """

    def __init__(
        self,
        load: Callable[[int], Tensor],
        numbers: Sequence[int],
        generator: torch.Generator,
        pool_bytes: int = POOL_BYTES,
    ):
        self.load, self.generator = lambda i: _levelled(load(i)), generator
        order = torch.randperm(len(numbers), generator=generator).tolist()
        self._next = cycle([numbers[i] for i in order])
        self._pool: list[Tensor] = []
        held = 0
        while len(self._pool) < len(numbers) and held < pool_bytes:
            self._pool.append(self.load(next(self._next)))
            held += self._pool[-1].nbytes
        self._renews = len(self._pool) < len(numbers)
        self._drawn = 0

    def any(self) -> Tensor:
        """Give one of the sounds, (rows, time)."""
        self._drawn += 1
        if self._renews and self._drawn % RENEW_EVERY == 0:
            self._pool[_whole(self.generator, len(self._pool))] = self.load(next(self._next))
        return self._pool[_whole(self.generator, len(self._pool))]


class Mixtures:
    """Draws batches of clean crops and what they are with noise.

    Sounds follow one another, each a little faster or slower and louder or softer than it was, with pauses, as far as
    a crop goes; one or two noises are added, at a level drawn for each crop. Half of the batches are of shorter crops,
    and twice as many of them: short sounds are to be cleaned as well as long ones.

    Parameters
    ----------
    clean : Held
        Of sounds (1, time); or of pairs (2, time), of a clean sound and the same with noise: nothing is then added.
    noises : Held or None
        Of sounds (1, time); without them noise is made, of any colour.
    lengths : (int, int)
        Samples of a crop, long or short.
    rate : int
        Samples per second.
    levels : (float, float)
        Range of levels in dB of signal to noise.
    generator : torch.Generator
        The one that all is drawn with.
    """

    def __init__(
        self,
        clean: Held,
        noises: Held | None,
        lengths: tuple[int, int],
        rate: int,
        levels: tuple[float, float],
        generator: torch.Generator,
    ):
        self.clean, self.noises, self.lengths, self.rate = clean, noises, lengths, rate
        self.levels, self.generator = levels, generator

    def draw(self, n: int) -> Planes:
        """Draw crops: clean ones (n, length) and those with noise."""
        short = self._share() < 0.5
        crops = [self._crop(self.lengths[short]) for _ in range(2 * n if short else n)]
        clean, noisy = torch.stack(crops, 1)
        return clean, noisy

    def _crop(self, length: int) -> Tensor:
        """Give one crop, clean and with noise: (2, length)."""
        found = self._joined(length)
        if len(found) == 2:
            return found
        low, high = self.levels
        level = low + (high - low) * self._share()
        noise = self._noise(length)
        # Where little or nothing is heard the noise is set beside a tenth of a sound's power, which is 1: it is to go,
        # and what hisses softly in a pause is not to be learnt as if it were a voice.
        wanted = max(float(found.square().mean()), QUIET) / 10 ** (level / 10)
        return torch.cat([found, found + noise * (wanted**0.5 / _deviation(noise))])

    def _joined(self, length: int) -> Tensor:
        """Give sounds that follow one another, (rows, length), parts of such with a deviation of about 1."""
        at = int(self._share() * LEAD * length) if self._share() < 0.5 else 0
        out: Tensor | None = None
        while out is None or at < length:
            sound = self.clean.any()
            out = sound.new_zeros(len(sound), length) if out is None else out
            sound = self._part(sound, length - at, FASTER)
            loudness = float(torch.exp(LOUDER * self._normal(1)))
            out[:, at : at + sound.shape[1]] = sound * loudness
            pause = -PAUSE * self.rate * float(torch.log1p(-torch.tensor(self._share())))
            at += sound.shape[1] + 1 + int(pause)
        return out

    def _noise(self, length: int) -> Tensor:
        """Give noise, (1, length), not silent."""
        out = self._one_noise(length)
        if self.noises is not None and self._share() < SECOND:
            out = out + float(torch.exp(NOISE_LOUDER * self._normal(1))) * self._one_noise(length)
        return out

    def _one_noise(self, length: int) -> Tensor:
        if self.noises is not None and self._share() > MADE:
            part = self._part(self.noises.any(), length, NOISE_FASTER)
            deviation = _deviation(part)
            if deviation > SILENT:
                return part.repeat(1, -(-length // part.shape[1]))[:, :length] / deviation
        spectrum = torch.fft.rfft(self._normal(length))
        low, high = COLOURS
        slope = low + (high - low) * self._share()
        found = torch.fft.irfft(spectrum * torch.arange(1, len(spectrum) + 1) ** -slope, length)[None]
        return found / max(_deviation(found), SILENT)

    def _part(self, sound: Tensor, length: int, faster: float) -> Tensor:
        """Give a random part of a sound, at most so long, at another speed."""
        speed = float(np.exp(faster * (2 * self._share() - 1)))
        needed = int(length * speed) + 1
        start = _whole(self.generator, max(0, sound.shape[1] - needed) + 1)
        part = sound[:, start : start + needed]
        after = min(length, max(1, int(part.shape[1] / speed)))
        return torch.nn.functional.interpolate(part[None], size=after, mode="linear")[0]

    def _share(self) -> float:
        return float(torch.rand((), generator=self.generator))

    def _normal(self, n: int) -> Tensor:
        return torch.randn(n, generator=self.generator)


def loader(sounds: Sounds, rate: int, noisy: Sounds | None = None) -> Callable[[int], Tensor]:
    """Give what reads a sound by its number at a rate, its channels one after the other; with it its pair."""

    def load(i: int) -> Tensor:
        rows = [sounds[i].at(rate)] if noisy is None else [sounds[i].at(rate), noisy[i].at(rate)]
        return torch.from_numpy(np.stack([row.T.reshape(-1) for row in rows]))

    return load


def _levelled(sound: Tensor) -> Tensor:
    """Bring the last row to a deviation of 1, the others with it."""
    return sound / max(_deviation(sound[-1:]), SILENT)


def _whole(generator: torch.Generator, most: int) -> int:
    return int(torch.randint(most, (), generator=generator))


def _deviation(sound: Tensor) -> float:
    return float(sound.square().mean().sqrt())
