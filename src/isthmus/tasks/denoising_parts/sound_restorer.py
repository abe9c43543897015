"""A network that cleans sounds: how it learns, and how it is applied to sounds of any rates, lengths and channels."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from isthmus.data.sound import Sound, Sounds, fitted_to, resampled
from isthmus.data.spectra import istft, stft
from isthmus.exceptions import DataError
from isthmus.networks.unet import UNet, padded
from isthmus.tasks.pixel_network import take_weights, weights_of
from isthmus.training.crops import Planes
from isthmus.training.drawing import seeded
from isthmus.training.tiles import in_precision

#: Channels of the network by stage.
WIDTHS = (32, 64, 128)
#: Samples per second at most, where nobody asks for more: speech has little above half of them.
MOST_RATE = 16_000
#: Seconds of a frame, to the nearest power of two of samples: long enough to tell the harmonics of a voice apart.
FRAME = 0.064
#: Seconds of the windows that a long sound is cleaned in, which overlap by half.
WINDOW = 8.0
#: Softest cell that the network is told of, below a sound's own loudness; and error that is as good as none, of it.
SOFTEST, LEAST = 1e-3, 1e-3


@dataclass
class SoundRestorer:
    """What cleans sounds, by a mask: a gain from 0 to 1 for each cell of the spectrogram. The phase stays.

    Parameters
    ----------
    rate : int
        Samples per second that it works at.
    widths : tuple of int
        Channels of the U-Net by stage.
    levels : (float, float)
        Range of levels that it learnt at, in dB of signal to noise.
    noises_out : tuple of int
        Numbers of the noises that were held out.
    """

    rate: int
    widths: tuple[int, ...]
    levels: tuple[float, float]
    noises_out: tuple[int, ...] = ()

    @classmethod
    def for_sounds(cls, sounds: Sounds, widths: Sequence[Any] | None, levels: tuple[float, float]) -> SoundRestorer:
        """Make one of the rate that most sounds have, or as much of it as speech needs."""
        rate, _ = Counter(form.rate for form in sounds.forms).most_common(1)[0]
        return cls(min(rate, MOST_RATE), WIDTHS if widths is None else tuple(map(int, widths)), levels)

    @classmethod
    def of(cls, restorer: Any) -> SoundRestorer:
        """Give a restorer as one of sounds; refuse others."""
        if not isinstance(restorer, cls):
            raise DataError(
                "This Denoiser was not fitted on sounds. Fit one on sounds, or give it what it was fitted on."
            )
        return restorer

    @property
    def n_fft(self) -> int:
        """Samples in a frame; the next begins half a frame later."""
        return 2 ** max(5, round(math.log2(FRAME * self.rate)))

    def make(self, seed: int, device: torch.device) -> UNet:
        """Make the network, its weights from a seed."""
        with seeded(seed):
            self.network = UNet(4, 1, widths=self.widths)
        self.network.to(device)
        self.network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        return self.network

    # --- Learning

    def loss(self, apply: Callable[[Tensor], Tensor], planes: Planes, generator: torch.Generator) -> Tensor:
        """Mean of minus the ratio of signal to what is left of the noise, in dB, of clean and noisy crops (n, time)."""
        clean, noisy = planes
        loudness = _loudness(noisy)
        error = (self._masked(apply, noisy) - clean).square().mean(-1) + LEAST * loudness.square()[:, 0]
        signal = clean.square().mean(-1) + LEAST * loudness.square()[:, 0]
        return 10 * (torch.log10(error) - torch.log10(signal)).mean()

    def _masked(self, apply: Callable[[Tensor], Tensor], noisy: Tensor) -> Tensor:
        """Clean sounds (n, time) of the network's rate."""
        n_fft, hop, length = self.n_fft, self.n_fft // 2, noisy.shape[-1]
        spectrum = stft(noisy / _loudness(noisy), n_fft, hop)
        frames = spectrum.shape[-1]
        given = padded(features(spectrum[:, :-1]), self.network.multiple)
        mask = torch.sigmoid(apply(given)[:, 0, : n_fft // 2, :frames])
        # The highest frequency has the gain of its neighbour, so that the network sees an even number of them.
        mask = torch.cat([mask, mask[:, -1:]], 1)
        return istft(spectrum * mask, length, n_fft, hop) * _loudness(noisy)

    # --- Applying

    @torch.no_grad()
    def apply(self, sound: Sound, precision: str) -> Sound:
        """Clean one sound; its rate, length and channels stay. Each channel is cleaned by itself."""
        samples, length = sound.samples, len(sound.samples)
        low = resampled(samples, sound.rate, self.rate)
        clean = self._windows(torch.from_numpy(low.T.copy()).to(self._device), precision).cpu().numpy().T
        out = fitted_to(resampled(clean, self.rate, sound.rate), length)
        if sound.rate > self.rate:
            above = samples - fitted_to(resampled(low, self.rate, sound.rate), length)
            out = out + above * self._gain_above(low, clean, length)
        return Sound(out, sound.rate, sound.form)

    def _windows(self, sound: Tensor, precision: str) -> Tensor:
        """Clean channels (c, time), a long sound window by window: noise and loudness change."""
        whole, side = sound.shape[-1], int(WINDOW * self.rate)

        def clean(part: Tensor) -> Tensor:
            # The mean of two, whose frames lie half a hop apart: what one mask gets wrong the other does not.
            shift = self.n_fft // 4
            found = [
                self._masked(lambda x: in_precision(self.network, x, precision), nn.functional.pad(part, (by, 0)))
                for by in (0, shift)
            ]
            return (found[0] + found[1][..., shift:]) / 2

        if whole <= side:
            return clean(sound)
        out, weight = torch.zeros_like(sound), torch.zeros_like(sound[0])
        for start in range(0, whole - side // 2, side // 2):
            part = sound[:, start : start + side]
            ramp = torch.arange(1, part.shape[-1] + 1, device=sound.device).to(sound)
            ramp = torch.minimum(ramp, ramp.flip(0))
            out[:, start : start + side] += clean(part) * ramp
            weight[start : start + side] += ramp
        return out / weight

    def _gain_above(self, noisy: np.ndarray, clean: np.ndarray, length: int) -> np.ndarray:
        """Gain over time for what is above the network's rate: that of the upper half of what is below it."""
        n_fft, hop = self.n_fft, self.n_fft // 2
        before, after = (
            stft(torch.from_numpy(x.T.copy()), n_fft, hop)[:, n_fft // 4 :].abs().square().sum(1).numpy()
            for x in (noisy, clean)
        )
        gain = np.sqrt(after / np.maximum(before, np.finfo(np.float32).tiny)).clip(0, 1)
        at = np.linspace(0, len(noisy) / hop, length, endpoint=False)
        return np.stack([np.interp(at, np.arange(len(one)), one) for one in gain], 1).astype(np.float32)

    @property
    def _device(self) -> torch.device:
        return next(self.network.parameters()).device

    # --- To plain values and back

    def config(self) -> dict[str, Any]:
        """Give all but the weights as JSON can hold it."""
        own = {"rate": self.rate, "widths": list(self.widths)}
        return own | {"levels": list(self.levels), "noises_out": list(self.noises_out)}

    def weights(self) -> dict[str, np.ndarray]:
        """Give the network's weights by name."""
        return weights_of(self.network)

    @classmethod
    def restored(cls, config: dict[str, Any], weights: dict[str, np.ndarray], device: torch.device) -> SoundRestorer:
        """Make it again from `config` and `weights`."""
        low, high = config["levels"]
        made = cls(config["rate"], tuple(config["widths"]), (low, high), tuple(config["noises_out"]))
        take_weights(made.make(0, device), weights)
        return made


def features(spectrum: Tensor) -> Tensor:
    """Give what the network is told of a spectrum (n, frequencies, frames): (n, 4, frequencies, frames).

    The logarithm of each cell, and how much louder than its frequency's mean it is, which steady noise is not; where it
    is, as a convolution does not know, and 1, as the network has no biases.
    """
    loud = 0.5 * torch.log(spectrum.abs() + SOFTEST)
    place = torch.linspace(-1, 1, spectrum.shape[1], device=loud.device)[:, None].expand(loud.shape)
    return torch.stack([loud, loud - loud.mean(-1, keepdim=True), place, torch.ones_like(loud)], 1)


def _loudness(sound: Tensor) -> Tensor:
    return sound.square().mean(-1, keepdim=True).sqrt().clamp(min=1e-8)
