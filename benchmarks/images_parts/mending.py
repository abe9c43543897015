"""Cleaning and filling: PSNR on the 24 Kodak pictures, learnt from the 200 training pictures of BSDS500.

    python benchmarks/images_parts/mending.py                      # 45 minutes of two cores for each of four fits
    python benchmarks/images_parts/mending.py --only denoising --minutes 10
    python benchmarks/images_parts/mending.py --quick              # does it run

denoising: noise of standard deviation 25 is added in floats and not clipped, its seed the number of the picture. Ours
learn from clean pictures at that level, from clean ones at any level from 0 to 50, and from noisy ones alone (noise of
the same kind, seeds from 1,000 on). Beside non-local means: scikit-image's and that of Isthmus' reports. Zhang et al.
(2017) print about 32.0 for DnCNN on colour pictures at this level, trained on a GPU.
filling: half of the pixels at random, 32 blocks of 24 x 24, the middle 128 x 128, seeds as above; figures are of the
hole alone. One fit for all three; beside OpenCV's two methods and the smooth filling that ours starts from.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from isthmus import Denoiser, Imputer, load
from isthmus.data.photos import as_photos
from isthmus.evaluation.non_local_means import non_local_means
from isthmus.evaluation.quality import psnr

DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data"
SIGMA = 25.0
DENOISING = ("denoising, sigma 25", "first 12, dB", "all 24, dB", "bar, first 12", "fit, min", "fit, CPU min")
FILLING = ("filling, dB in the hole", "half", "blocks", "centre", "fit, min", "fit, CPU min")
BARS = ("bar", "26.8", "22.0", "16.8", "", "")


def kodak() -> list[np.ndarray]:
    photos = as_photos(DATA / "kodak")
    return [photos[i] for i in range(len(photos))]


def with_noise(pictures: list[np.ndarray], first_seed: int = 0) -> list[np.ndarray]:
    seeds = range(first_seed, first_seed + len(pictures))
    return [p + np.random.default_rng(s).normal(0, SIGMA, p.shape) for s, p in zip(seeds, pictures, strict=True)]


def fitted(name: str, models: Path | None, fit: Callable[[], Any]) -> tuple[Any, str, str]:
    """Fit, or take what an earlier run left; and the minutes that it took, by the clock and of processors."""
    if models is not None and (models / name).exists():
        return load(models / name), "", ""
    start, cpu = time.perf_counter(), time.process_time()
    model = fit()
    minutes = (time.perf_counter() - start) / 60, (time.process_time() - cpu) / 60
    if models is not None:
        model.save(models / name)
    return model, *(f"{m:.1f}" for m in minutes)


def denoising(minutes: float, pictures: int | None = None, models: Path | None = None) -> list[tuple[str, ...]]:
    """Everything on noise; the heading first."""
    from skimage.restoration import denoise_nl_means

    clean = kodak()[:pictures]
    noisy = with_noise(clean)
    told: list[tuple[str, ...]] = [DENOISING]

    def tell(name: str, apply: Callable[[np.ndarray], np.ndarray], bar: str = "", spent: tuple[str, ...] = ("", "")):
        figures = [psnr(apply(x), p.astype(float), 255) for x, p in zip(noisy, clean, strict=True)]
        told.append((name, f"{np.mean(figures[:12]):.2f}", f"{np.mean(figures):.2f}", bar, *spent))

    def sk(x: np.ndarray) -> np.ndarray:
        options = {"patch_size": 5, "patch_distance": 6, "h": 0.6 * SIGMA / 255, "sigma": SIGMA / 255}
        return 255 * denoise_nl_means(x / 255, fast_mode=False, channel_axis=-1, **options)

    tell("noisy", lambda x: x)
    tell("non-local means, scikit-image", sk)
    tell("non-local means, of the reports", lambda x: non_local_means(x, SIGMA))
    train = DATA / "bsds500-train"
    photos = as_photos(train)

    def hidden() -> list[np.ndarray]:
        return [x.astype(np.float32) for x in with_noise([photos[i] for i in range(len(photos))], 1000)]

    fits: dict[str, tuple[str, str, dict[str, Any]]] = {
        "at-25": ("clean pictures, level 25", "> 30.44", {"level": SIGMA}),
        "blind": ("clean pictures, level 0 to 50", "", {"level": (0, 50)}),
        "noisy": ("noisy pictures alone", "> the first - 1.5", {"learn_from": "noisy"}),
    }
    for name, (words, bar, parameters) in fits.items():

        def fit(parameters: dict[str, Any] = parameters) -> Denoiser:
            denoiser = Denoiser(**parameters, max_minutes=minutes, random_state=0)
            return denoiser.fit(hidden() if "learn_from" in parameters else train)

        model, *spent = fitted(f"denoiser-{name}", models, fit)
        tell(f"Isthmus, {words}", lambda x, model=model: model.transform([x])[0], bar, tuple(spent))
    return told


def holes(kind: str, i: int, h: int, w: int) -> np.ndarray:
    """Mask of a picture, True where missing."""
    rng, mask = np.random.default_rng(i), np.zeros((h, w), bool)
    if kind == "half":
        return rng.random((h, w)) < 0.5
    if kind == "centre":
        mask[h // 2 - 64 : h // 2 + 64, w // 2 - 64 : w // 2 + 64] = True
        return mask
    for _ in range(32):
        y = rng.integers(h - 24 + 1)
        x = rng.integers(w - 24 + 1)
        mask[y : y + 24, x : x + 24] = True
    return mask


def filling(minutes: float, pictures: int | None = None, models: Path | None = None) -> list[tuple[str, ...]]:
    """Everything on holes; the heading first."""
    import cv2
    import torch

    from isthmus.tasks.filling_parts.smooth import smooth

    whole = kodak()[:pictures]
    told: list[tuple[str, ...]] = [FILLING]

    def tell(name: str, apply: Callable[[np.ndarray, np.ndarray], np.ndarray], *spent: str) -> None:
        means = []
        for kind in FILLING[1:4]:
            figures = []
            for i, picture in enumerate(whole):
                mask = holes(kind, i, *picture.shape[:2])
                figures.append(psnr(apply(np.where(mask[..., None], 0, picture), mask), picture, where=mask))
            means.append(f"{np.mean(figures):.2f}")
        told.append((name, *means, *(spent or ("", ""))))

    def smoothly(x: np.ndarray, mask: np.ndarray) -> np.ndarray:
        planes = torch.from_numpy(np.moveaxis(x.astype(np.float32), -1, 0))[None]
        found = smooth(planes, torch.from_numpy(~mask)[None, None].float())[0]
        return np.rint(np.moveaxis(found.numpy(), 0, -1)).astype(np.uint8)

    told.append(BARS)
    tell("OpenCV, Navier-Stokes", lambda x, m: cv2.inpaint(x, m.astype(np.uint8), 3, cv2.INPAINT_NS))
    tell("OpenCV, Telea", lambda x, m: cv2.inpaint(x, m.astype(np.uint8), 3, cv2.INPAINT_TELEA))
    tell("smooth filling", smoothly)
    model, *spent = fitted(
        "filler", models, lambda: Imputer(max_minutes=minutes, random_state=0).fit(DATA / "bsds500-train")
    )
    tell("Isthmus", lambda x, m: model.transform([x], mask=[m])[0], *spent)
    return told


def show(title: str, lines: list[tuple[str, ...]]) -> None:
    """Print a table, its heading the first line."""
    table = Table(title=title, title_justify="left")
    for i, name in enumerate(lines[0]):
        table.add_column(name, justify="left" if i == 0 else "right")
    for line in lines[1:]:
        table.add_row(*line)
    Console(width=140).print(table)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=("denoising", "filling"))
    parser.add_argument("--minutes", type=float, default=45.0, help="of each fit")
    parser.add_argument("--models", type=Path, help="folder to keep what was fitted in, and to take it from")
    parser.add_argument("--quick", action="store_true", help="0.2 minutes and two pictures: does it run")
    asked = parser.parse_args()
    for job in (denoising, filling):
        if asked.only in (None, job.__name__):
            show(job.__name__, job(0.2 if asked.quick else asked.minutes, 2 if asked.quick else None, asked.models))
