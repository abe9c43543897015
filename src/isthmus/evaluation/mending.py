"""How well pictures are cleaned and filled, on noise added and holes made for the purpose, beside simple methods."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from scipy import ndimage

from isthmus._version import __version__
from isthmus.evaluation.non_local_means import non_local_means
from isthmus.evaluation.quality import psnr
from isthmus.evaluation.rendering import render_page
from isthmus.storage.atomic import write_bytes
from isthmus.tasks.denoising_parts.estimation import picture_level
from isthmus.tasks.filling_parts.masks import missing_of
from isthmus.tasks.filling_parts.smooth import smooth
from isthmus.tasks.items import Pictures

if TYPE_CHECKING:
    from isthmus.tasks import Denoiser, Imputer

#: Pictures that are judged at most, and the side of the part of each that is.
MOST_PICTURES, MOST_SIDE = 6, 320


@dataclass(frozen=True)
class Mended:
    """Figures of some pictures, in decibels: higher is better.

    Parameters
    ----------
    columns : tuple of str
        What was compared: as given, the baseline, ours.
    rows : tuple of (str, tuple of float)
        Name of each picture, and its PSNR for each column.
    held_out : bool
        Whether the pictures had no part in the fit.
    figure, item : str
        What the figures are, and of what.
    remark : str
        What else is to be said of how they came about, after whose they are.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[str, tuple[float, ...]], ...]
    held_out: bool
    figure: str = "PSNR"
    item: str = "picture"
    remark: str = ""

    def means(self) -> dict[str, float]:
        """Mean of each column."""
        return dict(zip(self.columns, np.mean([figures for _, figures in self.rows], axis=0).tolist(), strict=True))

    def verdict(self) -> str:
        """Give the figures in a sentence, and whether the baseline wins."""
        if not self.rows:
            return f"No {self.item} could be judged by {self.figure}: each of those held out is silent or constant."
        means = self.means()
        *others, ours = means.items()
        said = ", ".join(f"{name} {figure:.2f}" for name, figure in others)
        n = len(self.rows)
        learnt = f"that {'were' if n != 1 else 'was'} learnt from"
        whose = "that had no part in the fit" if self.held_out else learnt
        tail = "" if ours[1] > max(figure for _, figure in others) else " The simpler method is better here: use it."
        items = f"{n} {self.item}{'s' * (n != 1)}"
        return f"{self.figure} in dB, mean of {items} {whose}{self.remark}: {said}, {ours[0]} {ours[1]:.2f}.{tail}"


def judge_denoising(denoiser: Denoiser, clean: Any, *, seed: int = 0) -> Mended:
    """Add noise to clean pictures, those held out of the fit where there are any, and see how much is taken away.

    Parameters
    ----------
    denoiser : Denoiser
        Fitted on clean pictures.
    clean : what `isthmus.data.photos.as_photos` takes
        The pictures that it was fitted on.
    seed : int, default=0

    Returns
    -------
    Mended
        Of the middle of up to six pictures, beside non-local means, or the median filter for salt and pepper; the level
        of noise is that in the middle of the denoiser's range, which non-local means is told where it is Gaussian.
    """
    items = Pictures(clean)
    numbers = denoiser.held_out_ or range(len(items))
    rows = []
    baseline = "median filter" if denoiser.noise == "salt_pepper" else "non-local means"
    for i in list(numbers)[:MOST_PICTURES]:
        picture = _middle(items[i])
        noisy = denoiser.with_noise(picture, seed=seed + i)
        simple = ndimage.median_filter(noisy, (3, 3, 1)) if denoiser.noise == "salt_pepper" else _nlm(noisy, denoiser)
        found = denoiser.clean_array(noisy)
        peak = denoiser.pixels_.data_range
        figures = tuple(psnr(x, picture.astype(np.float32), peak) for x in (noisy, simple, found))
        rows.append((items.name(i), figures))
    return Mended(("noisy", baseline, "ours"), tuple(rows), bool(denoiser.held_out_))


def judge_filling(imputer: Imputer, X: Any, mask: Any, *, seed: int = 0, held_out: bool = False) -> Mended:
    """Make further holes in what is known of pictures, like those that are there, and see how well they are filled.

    Parameters
    ----------
    imputer : Imputer
        Fitted on pictures.
    X, mask
        As of its `transform`.
    seed : int, default=0
    held_out : bool, default=False
        Whether the pictures had no part in the fit, for the words.

    Returns
    -------
    Mended
        PSNR inside the holes made, beside a smooth filling, of up to six pictures.
    """
    items = Pictures(X)
    missing = missing_of(items.photos, mask)
    rng = np.random.default_rng(seed)
    rows = []
    for i in range(min(len(items), MOST_PICTURES)):
        made = _moved(missing[i], rng) & ~missing[i]
        if not made.any() or (made | missing[i]).all():
            continue
        picture = items[i]
        hidden = np.where((made | missing[i])[..., None], 0, picture).astype(picture.dtype)
        found = imputer.transform([hidden], mask=[(made | missing[i]).astype(np.uint8)])[0]
        known = torch.from_numpy(~(made | missing[i]))[None, None].float()
        base = smooth(torch.from_numpy(np.moveaxis(hidden.astype(np.float32), -1, 0))[None], known)[0]
        peak = None if picture.dtype.kind == "u" else float(np.nanmax(picture) - np.nanmin(picture)) or 1.0
        fill = np.moveaxis(base.numpy(), 0, -1)
        fill = np.rint(fill).astype(picture.dtype) if picture.dtype.kind == "u" else fill
        rows.append((items.name(i), tuple(psnr(x, picture, peak, where=made) for x in (fill, found))))
    return Mended(("smooth filling", "ours"), tuple(rows), held_out)


def mended_report(
    path: str | Path,
    title: str,
    what: str,
    pictures: Sequence[tuple[str, list[tuple[str, str]]]],
    mended: Mended | None,
    item: str = "picture",
) -> None:
    """Write a page: figures beside the baseline where there are any, and pictures.

    Parameters
    ----------
    path : str or path
    title, what : str
    pictures : sequence of (str, list of (caption, PNG data address))
        As `before_after_panels` and `hole_panels` give them.
    mended : Mended or None
    item : str, default="picture"
        What is shown, in a word.
    """
    gloss = mended.verdict() if mended is not None and mended.rows else NOTHING_TO_COMPARE
    page = render_page(
        "mended.html.j2",
        title=title,
        what=what,
        gloss=gloss,
        columns=() if mended is None else mended.columns,
        rows=() if mended is None else mended.rows,
        pictures=pictures,
        item=item,
        date=datetime.now(UTC).strftime("%Y-%m-%d"),
        version=__version__,
    )
    write_bytes(path, page.encode())


NOTHING_TO_COMPARE = (
    "Nobody can say here how much better the result is: there is nothing clean, or whole, to hold it against. Look at "
    "what was taken away: it should show no edges, or lines, of what was there before."
)


def _middle(picture: np.ndarray) -> np.ndarray:
    """Give the middle of a picture."""
    y, x = (max(0, (side - MOST_SIDE) // 2) for side in picture.shape[:2])
    return picture[y : y + MOST_SIDE, x : x + MOST_SIDE]


def _nlm(noisy: np.ndarray, denoiser: Denoiser) -> np.ndarray:
    told = denoiser.level_ if denoiser.noise == "gaussian" else None
    return non_local_means(noisy, picture_level(noisy.astype(np.float64)) if told is None else told)


def _moved(missing: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Give the shape of a hole somewhere else in the picture."""
    shift = [int(rng.integers(side // 4, max(side // 4 + 1, 3 * side // 4))) for side in missing.shape]
    return np.roll(missing, shift, axis=(0, 1))
