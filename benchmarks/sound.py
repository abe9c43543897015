"""Sound: noise out of spoken digits, and codes of digits across speakers, each beside what one would use otherwise.

    python benchmarks/sound.py                                # about twenty minutes of one core
    python benchmarks/sound.py --only denoising --out /tmp/x  # with sounds and spectrograms before and after
    python benchmarks/sound.py --quick                        # does it run

denoising: 200 mixtures of digits (../shared/data/fsdd, takes 0 to 4; takes 5 to 29 are learnt from) and broad-band
noise (../shared/data/esc10-8k, fold 3; folds 1 and 2 are learnt from) at 0 dB. SI-SDR of single digits; STOI, which
needs a second of speech, of digits joined to 2 s or more. Beside it Wiener's filter and the best that a mask could do
(the ratio of magnitudes, told the clean sound). --leave-out SPEAKER learns from the others and cleans that one.
features: digits told by codes of 32 values of speakers who had no part in the fit, mean of four speakers, beside PCA of
the same patches.
"""

from __future__ import annotations

import argparse
import csv
import time
from pathlib import Path

import numpy as np
import torch
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from isthmus import Autoencoder, Denoiser, Denoising, load
from isthmus.data.sound import as_sounds
from isthmus.data.sound_features import sound_features, warped
from isthmus.data.sound_files import write_sound
from isthmus.data.spectra import istft, stft
from isthmus.evaluation.sound_quality import si_sdr, stoi, wiener
from isthmus.evaluation.sounds import mixed, spectrogram_panels

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
RATE, BROAD = 8000, ("rain", "sea_waves", "helicopter", "chainsaw", "fire_crackling", "clock_tick")
SPEAKERS = ("george", "jackson", "nicolas", "theo")


def digits(takes: range, speakers: tuple[str, ...] = SPEAKERS) -> list[Path]:
    """Files of some takes of some speakers."""
    named = [(path, path.stem.split("_")) for path in sorted((DATA / "fsdd" / "recordings").glob("*.wav"))]
    return [path for path, (_, speaker, take) in named if speaker in speakers and int(take) in takes]


def noises(folds: tuple[int, ...]) -> list[tuple[str, Path]]:
    """Class and file of the broad-band noises of some folds."""
    with (DATA / "esc10-8k" / "clips.csv").open() as file:
        rows = list(csv.DictReader(file))
    return [
        (row["class"], DATA / "esc10-8k" / f"{row['file'].removesuffix('.flac')}.flac")
        for row in rows
        if int(row["fold"]) in folds and row["class"] in BROAD
    ]


def mixtures(n: int, speakers: tuple[str, ...], level: float = 0.0, least: float = 0.0) -> list[tuple]:
    """Class of the noise, clean sound and mixture, (time,); digits are joined until they last so many seconds."""
    rng = np.random.default_rng(0)
    voices = [sound.samples[:, 0] for sound in as_sounds(list(map(str, digits(range(5), speakers))))]
    recorded = [(name, as_sounds(str(path))[0].samples[:, 0]) for name, path in noises((3,))]
    found = []
    while len(found) < n:
        clean = voices[rng.integers(len(voices))]
        while len(clean) < least * RATE:
            clean = np.concatenate([clean, voices[rng.integers(len(voices))]])
        name, noise = recorded[rng.integers(len(recorded))]
        noise = np.tile(noise, -(-len(clean) // len(noise)) + 1)
        start = rng.integers(len(noise) - len(clean))
        part = noise[start : start + len(clean)]
        if np.mean(part**2) > 1e-9:
            found.append((name, clean, mixed(clean, part, level)))
    return found


def best_mask(noisy: np.ndarray, clean: np.ndarray) -> np.ndarray:
    """Clean by the ratio of magnitudes, which only who has the clean sound can tell."""
    whole, part, rest = (stft(torch.from_numpy(x), 256, 64) for x in (noisy, clean, noisy - clean))
    share = part.abs() / (part.abs() + rest.abs() + 1e-12)
    return istft(whole * share, len(clean), 256, 64).numpy()


def denoising(steps: int | str, n: int, leave_out: str | None, model: Path | None, out: Path | None) -> list[tuple]:
    """Lines of a table: what cleans, SI-SDR of digits, STOI of joined ones, seconds of processor time to fit."""
    learnt = tuple(speaker for speaker in SPEAKERS if speaker != leave_out)
    began = time.process_time()
    if model is not None and model.exists():
        denoiser = load(model)
    else:
        denoiser = Denoiser(random_state=0, max_steps=steps)
        denoiser.fit(list(map(str, digits(range(5, 30), learnt))), noises=[str(path) for _, path in noises((1, 2))])
        if model is not None:
            denoiser.save(model)
    taken = time.process_time() - began
    speakers = SPEAKERS if leave_out is None else (leave_out,)
    single, joined = mixtures(n, speakers), mixtures(max(1, n // 4), speakers, least=2.0)
    ways = {
        "as they are": lambda noisy, clean: noisy,
        "Wiener's filter": lambda noisy, clean: wiener(noisy, RATE),
        "ours": lambda noisy, clean: denoiser.transform((noisy, RATE))[0],
        "best mask": best_mask,
    }
    lines = [("", "SI-SDR, dB", "STOI", *BROAD, "fit, s")]
    for name, way in ways.items():
        ratios = [(noise, si_sdr(way(noisy, clean), clean)) for noise, clean, noisy in single]
        heard = [stoi(way(noisy, clean), clean, RATE) for _, clean, noisy in joined]
        by_class = [[ratio for noise, ratio in ratios if noise == one] for one in BROAD]
        each = [f"{np.mean(some):.2f}" if some else "-" for some in by_class]
        fit = f"{taken:.0f}" if name == "ours" else ""
        lines.append((name, f"{np.mean([r for _, r in ratios]):.2f}", f"{np.mean(heard):.3f}", *each, fit))
    if out is not None:
        _write(denoiser, joined[:6], out)
    return lines


def _write(denoiser: Denoiser, joined: list[tuple], out: Path) -> None:
    """Write sounds before and after, and a page of their spectrograms."""
    page = []
    for i, (name, clean, noisy) in enumerate(joined):
        found = denoiser.transform((noisy, RATE))[0]
        for word, samples in (("clean", clean), ("before", noisy), ("after", found)):
            write_sound(out / f"{i}-{name}-{word}.wav", samples, RATE)
        shown = dict(spectrogram_panels(noisy[:, None], found[:, None], RATE))
        shown["clean"] = spectrogram_panels(clean[:, None], clean[:, None], RATE)[0][1]
        page += [f'<figure><img src="{address}"><figcaption>{i} {name}: {word}' for word, address in shown.items()]
    (out / "spectrograms.html").write_text("\n".join(page))


def otherwise(x: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Patches as other voices would say them, with some noise."""
    return warped(x, generator) + 0.3 * torch.randn(x.shape, generator=generator, device=generator.device).to(x)


def features(epochs: int | str) -> list[tuple]:
    """Lines of a table: code, and shares of digits told by the nearest code and by logistic regression on codes."""
    files = digits(range(30))
    patches = sound_features(list(map(str, files))) / 20.0
    digit, speaker = (np.array([path.stem.split("_")[i] for path in files]) for i in (0, 1))

    def pca(train: np.ndarray):
        fitted = PCA(32, random_state=0).fit(train.reshape(len(train), -1))
        return lambda x: fitted.transform(x.reshape(len(x), -1))

    def ours(train: np.ndarray):
        model = Autoencoder(
            *(32,), network="dense", linear_path=False, scaling="none", kind="sequence", max_epochs=epochs,
            objective=Denoising(otherwise), validation_fraction=0, random_state=0,
        )  # fmt: skip
        return model.fit(train).transform

    lines = [("", "nearest", "logistic regression")]
    for name, learn in (("PCA-32", pca), ("ours, 32", ours)):
        shares = []
        for left in SPEAKERS:
            own, other = speaker != left, speaker == left
            code = learn(patches[own])
            train, test = code(patches[own]), code(patches[other])
            tellers = (
                KNeighborsClassifier(1),
                make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)),
            )
            shares.append([teller.fit(train, digit[own]).score(test, digit[other]) for teller in tellers])
        lines.append((name, *(f"{share:.3f}" for share in np.mean(shares, axis=0))))
    return lines


def show(title: str, lines: list[tuple]) -> None:
    """Print a table."""
    widths = [max(len(str(line[i])) for line in lines) for i in range(len(lines[0]))]
    print(f"\n{title}")
    for line in lines:
        print("  ".join(str(cell).ljust(width) for cell, width in zip(line, widths, strict=True)))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=("denoising", "features"))
    parser.add_argument("--steps", type=int, help="of training; by default those of Denoiser")
    parser.add_argument("--leave-out", choices=SPEAKERS)
    parser.add_argument("--model", type=Path, help="folder to keep the denoiser in, and to take it from")
    parser.add_argument("--out", type=Path, help="folder for sounds and spectrograms")
    parser.add_argument("--quick", action="store_true", help="little of everything: does it run")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    if asked.only in (None, "denoising"):
        steps, n = (2, 8) if asked.quick else (asked.steps or "auto", 200)
        show("Digits in broad-band noise, 0 dB", denoising(steps, n, asked.leave_out, asked.model, asked.out))
    if asked.only in (None, "features"):
        show("Digits told by codes, speakers left out", features(1 if asked.quick else 150))
