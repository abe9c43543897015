"""`Imputer` on pictures of any sizes: learning from holes made in what is known, and filling those that are there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import torch
from sklearn.utils.validation import check_is_fitted

from isthmus.data import as_raw
from isthmus.data.photos import Photos, give_back, looks_like_photos
from isthmus.exceptions import ParameterError
from isthmus.tasks.base import Task
from isthmus.tasks.channels import apart, channelwise, check_frames, own_channels
from isthmus.tasks.filling_parts.filler import WIDTHS, Filler
from isthmus.tasks.filling_parts.holes import HOLES, Holes
from isthmus.tasks.filling_parts.masks import missing_of
from isthmus.tasks.items import Pictures, pictures_of
from isthmus.tasks.pixel_network import held_out, thinned
from isthmus.tasks.pixels import Pixels
from isthmus.tasks.scheduling import schedule_for, shown
from isthmus.training.callbacks import Callback
from isthmus.training.crops import Crops, Planes
from isthmus.training.devices import choose_device, choose_restoring_precision
from isthmus.training.restoring import Restoring, Schedule

#: Share of the pictures held out to judge by.
HELD_OUT = 0.1
#: Pictures with this many pixels are filled by a U-Net by default.
LARGE = 64 * 64
#: Crops in a batch, learning rate, and steps: of several pictures, and of one.
BATCH, RATE, STEPS, STEPS_OF_ONE = 8, 1e-3, 3000, 400


class PictureFilling(Task):
    """Pictures of any sizes: the part of `Imputer` that works on them.

    Attributes
    ----------
    history_ : dict of list
        Of training, by look at the pictures held out.
    """

    _filler: Filler | None
    window_: int | None
    context: int
    network: str
    hidden: Any
    holes: Any
    patch_size: int
    max_steps: int | str
    max_minutes: float | None
    verbose: int

    def _takes_pictures(self, X: Any, mask: Any) -> bool:
        if self.kind not in ("auto", "image") or self.network not in ("auto", "unet"):
            return False
        if self.network == "unet" or mask is not None or looks_like_photos(X):
            return True
        shape = list(getattr(X, "shape", ()))
        large = len(shape) in (3, 4) and shape[1] * shape[2] >= LARGE
        return large and as_raw(X, kind=self.kind).kind == "image"

    def _refuse_pictures(self, what: str) -> None:
        check_is_fitted(self)
        if self._filler is not None:
            raise ParameterError(f"Imputer: there are no {what} of pictures filled by a U-Net; see its Notes.")
        if self.window_ is not None:
            raise ParameterError(
                f"Imputer: there are no {what} of whole recordings. Cut them by cut_windows, and fit on the windows."
            )

    def _fit_pictures(self, X: Any, mask: Any) -> Self:
        photos, device = pictures_of(X), choose_device(self.device)
        schedule = schedule_for(
            STEPS if len(photos) > 1 else STEPS_OF_ONE,
            self.max_steps,
            self.max_minutes,
            batch=BATCH,
            rate=RATE,
            precision=choose_restoring_precision("auto", device),
            seed=self._seed(),
        )
        self._filler, self.history_ = learn_to_fill(
            photos,
            mask,
            holes=tuple(HOLES) if self.holes == "auto" else self.holes,
            context=self.context,
            widths=WIDTHS if self.hidden == "auto" else tuple(self.hidden),
            patch_size=self.patch_size,
            schedule=schedule,
            device=device,
            callbacks=shown(self.verbose),
        )
        self.kind_, self.n_rows_ = "image", len(photos)
        return self

    def fill_array(self, values: np.ndarray, missing: np.ndarray, name: str = "the picture") -> np.ndarray:
        """Fill one picture (h, w, c), without opacity; with its neighbours in a film (h, w, (2 context + 1) c)."""
        check_is_fitted(self)
        if self._filler is None:
            raise ParameterError("Imputer: fill_array is for an Imputer that was fitted on pictures of any sizes.")
        return fill_array(self._filler, values, missing, choose_restoring_precision("auto", self._filler.device), name)

    def _about_data(self) -> dict[str, Any]:
        if self._filler is None:
            return super()._about_data()
        return {"kind": self.kind_, "channels": self._filler.pixels.channels, "dtype": self._filler.pixels.dtype}


def learn_to_fill(
    X: Any,
    mask: Any,
    *,
    holes: Sequence[str],
    context: int,
    widths: tuple[int, ...],
    patch_size: int,
    schedule: Schedule,
    device: torch.device,
    callbacks: Sequence[Callback],
) -> tuple[Filler, dict[str, list[float]]]:
    """Learn from what is known of pictures.

    Parameters
    ----------
    X : what `as_photos` takes
    mask : what `missing_of` takes
    holes : sequence of str
        From `HOLES`; pieces of the holes that are there come on top.
    context : int
        Neighbouring frames on each side, in the channels.
    widths : tuple of int
        Channels of the U-Net by stage.
    patch_size : int
        Side of the crops learnt from.
    schedule : Schedule
    device : torch.device
    callbacks : sequence of Callback

    Returns
    -------
    filler : Filler
    history : dict of list
    """
    items = Pictures(X)
    missing = missing_of(items.photos, mask)
    train, out = held_out(len(items), HELD_OUT, schedule.seed)
    # What is under a mask may be anything, and has no part in the range.
    some = [_known(items[i], missing[i]) for i in thinned(train)]
    channels = own_channels(items.channels, context)
    filler = Filler(Pixels.of_pictures(some, channels, items.dtype), widths, 2, context)
    network = filler.make(schedule.seed, device)

    def load(i: int) -> Planes:
        values = np.where(missing[i][..., None], 0, items[i]).astype(items[i].dtype)
        return filler.pixels.plane(values), torch.from_numpy(~missing[i])[None]

    made = Holes(holes, [missing[i] for i in train])
    size = -(-patch_size // network.multiple) * network.multiple
    crops = Crops(load, train, size, seed=schedule.seed)
    held = Crops(load, out, size, turn=False, seed=schedule.seed + 1) if out else None

    def loss(apply: Any, planes: Planes, generator: torch.Generator) -> torch.Tensor:
        return filler.loss(made, apply, planes, generator)

    return filler, Restoring(network, crops, held, loss, schedule, callbacks).run()


def fill_pictures(filler: Filler, X: Any, mask: Any) -> Any:
    """Fill what is missing of pictures, and give them in the container that they came in."""
    photos, precision = pictures_of(X), choose_restoring_precision("auto", filler.device)
    missing = missing_of(photos, mask)
    found = give_back([fill_one(filler, photos, i, missing[i], precision) for i in range(len(photos))], X)
    if isinstance(X, np.ndarray) and X.dtype == np.float64:
        return _exactly(found, X, np.stack(missing))
    if isinstance(X, (list, tuple)):
        pairs = zip(found, X, missing, strict=True)
        return [_exactly(a, b, m) if getattr(b, "dtype", None) == np.float64 else a for a, b, m in pairs]
    return found


def _exactly(found: np.ndarray, brought: np.ndarray, missing: np.ndarray) -> np.ndarray:
    """Give what is known in all its digits: pictures are held in 32 bits."""
    where = missing if missing.ndim == brought.ndim else missing[..., None]
    return np.where(
        where & ((found.astype(np.float32) != brought.astype(np.float32)) | np.isnan(brought)), found, brought
    )


def fill_one(filler: Filler, photos: Photos, i: int, missing: np.ndarray, precision: str) -> np.ndarray:
    """Fill what is missing of one picture: (h, w, c), opacity as it was."""
    name = photos.names[i]
    colours, opacity = apart(photos[i], photos.has_opacity(i))
    found = fill_array(filler, colours, missing, precision, name)
    if colours.dtype.kind == "f" and not filler.context:
        # Where some channels of a pixel are NaN and others are not, these are kept.
        gaps = np.isnan(colours)
        found = np.where(gaps.any(-1, keepdims=True) & ~gaps, colours, found)
    return np.concatenate([found, opacity], axis=-1)


def _known(values: np.ndarray, missing: np.ndarray) -> np.ndarray:
    """Give values whose range is to be found: floats without what is missing."""
    return np.where(missing[..., None], np.nan, values) if values.dtype.kind == "f" else values


def fill_array(filler: Filler, values: np.ndarray, missing: np.ndarray, precision: str, name: str) -> np.ndarray:
    """Fill one picture (h, w, c), without opacity; with its neighbours in a film (h, w, (2 context + 1) c)."""
    filler.pixels.check_units(values, name)
    known = np.where(missing[..., None], 0, values).astype(values.dtype)
    if filler.context:
        check_frames(values, filler.pixels.channels, filler.context, name)
        return filler.apply(known, missing, precision)
    return channelwise(known, filler.pixels.channels, lambda v: filler.apply(v, missing, precision), name)
