"""Taking noise away: from pictures, sounds, signals and rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.base import TransformerMixin
from sklearn.utils.validation import check_is_fitted

from isthmus.data import as_raw, preparation_for
from isthmus.data.photos import Photos, give_back, looks_like_photos
from isthmus.data.sound import Sound, as_sounds, changed, looks_like_sounds
from isthmus.networks.unet import WIDTHS
from isthmus.tasks.base import Learnt, Task
from isthmus.tasks.channels import apart, channelwise, check_frames, own_channels
from isthmus.tasks.denoising_parts.learning import STEPS, default_rate, digest_of, learn_items, learn_rows
from isthmus.tasks.denoising_parts.noises import checked_levels, level_range
from isthmus.tasks.denoising_parts.parameters import DENOISING, check_together
from isthmus.tasks.denoising_parts.restorer import CLEAN, PAIRS, Restorer, finite
from isthmus.tasks.denoising_parts.rows import RowRestorer, numbers_of, prepared_rows, row_planes
from isthmus.tasks.denoising_parts.sound_learning import Mixed, learn_sounds
from isthmus.tasks.denoising_parts.sound_restorer import SoundRestorer
from isthmus.tasks.items import Pictures, Signals, check_pairs, pictures_of
from isthmus.tasks.pixel_network import held_out
from isthmus.tasks.pixels import Pixels
from isthmus.tasks.scheduling import schedule_for, shown
from isthmus.training.devices import choose_device, choose_restoring_precision
from isthmus.training.restoring import Schedule

#: What cleans each kind; rows have their own.
RESTORERS = {"image": Restorer, "sequence": Restorer, "audio": SoundRestorer}
#: Items in a batch of crops, and rows in a batch of rows.
BATCH, ROW_BATCH = 16, 256
#: Parameters that a fit may change and go on from its checkpoint.
NOT_OF_THE_RUN = ("device", "verbose", "checkpoint", "random_state", "max_steps", "max_minutes")


class Denoiser(TransformerMixin, Task):
    """Take noise away, from pictures of any sizes, sounds and signals of any lengths, or rows.

    Pictures and signals are cleaned by a residual U-Net, not by an autoencoder with a code: a bottleneck is made to
    lose what is fine, and noise is fine, but so is texture. Rows are cleaned by Wiener's filter with a network beside.
    Sounds are cleaned by a gain for each cell of their spectrogram, which such a network gives; the phase is kept.

    Parameters
    ----------
    noise : {"gaussian", "poisson", "salt_pepper", "jpeg"}, default="gaussian"
        The noise to take away. Rows and signals have "gaussian" and "salt_pepper".
    level : float, (float, float) or None, default=None
        How much of it; a range makes one model that need not know the level. "gaussian": standard deviation, in grey
        levels for pictures (25, of 255), in standard deviations of the column or channel otherwise; "poisson":
        photons that the brightest value stands for; "salt_pepper": share of the pixels; "jpeg": quality. By default a
        wide range: up to a fifth of the range of the pixels. With `learn_from="noisy"` the level that the data have;
        by default it is estimated, for each picture. Of sounds it is the ratio of signal to noise in dB: -6 to 12.
    learn_from : {"clean", "pairs", "noisy"}, default="clean"
        Clean data, which noise is added to; pairs, `fit(noisy, clean)`, where the clean ones may be noisy themselves,
        with other noise of the same thing (Noise2Noise); or noisy data alone, whose noise must be independent from
        pixel to pixel: "gaussian" or "poisson".
    context : int, default=0
        Neighbours on either side in a film, which are given to the network as further channels: pictures are then
        (h, w, (2 context + 1) channels), in the order of time.
    widths : tuple of int or "auto", default="auto"
        Channels of the U-Net by stage: (64, 128, 256); (32, 64, 128) for sounds.
    patch_size : int, default=64
        Side of the crops learnt from, in pixels; of signals four times as many steps; crops of sounds last a second.
    max_steps : int or "auto", default="auto"
        Training steps, of 16 crops each; by default 3,000 for pictures and 1,500 for sounds.
    max_minutes : float or None, default=None
        Training ends after so many minutes, if the steps are not over. Two fits are then not alike to the bit.
    learning_rate : float or "auto", default="auto"
    validation_fraction : float, default=0.1
        Share of the items held out to judge by.
    kind : {"auto", "image", "audio", "sequence", "vector", "table"}, default="auto"
        What the data are. A list of arrays is one of pictures, unless it is said to be of signals: "sequence".
    random_state : int, RandomState instance or None, default=None
    device : str, default="auto"
    precision : {"auto", "float32", "bf16"}, default="auto"
        Of the products in convolutions; "auto" is bf16 where the processor multiplies it faster.
    checkpoint : str, path or None, default=None
        Folder for the state of training, which the same fit goes on from, also with more steps; no seed is then 0.
    verbose : int, default=0

    Attributes
    ----------
    kind_ : str
    history_ : dict of list
        "epoch" (a look at the held-out items), "step", "train_loss", "validation_loss", "learning_rate", "seconds".
    held_out_ : tuple of int
        Numbers of the items that were held out.
    n_features_in_, feature_names_in_, preparation_
        After a fit on rows only.

    References
    ----------
    K. Zhang et al., "Beyond a Gaussian denoiser", IEEE TIP 2017 (residual learning, blind to the level). J. Lehtinen et
    al., "Noise2Noise", ICML 2018. S. Laine et al., "High-quality self-supervised deep image denoising", NeurIPS 2019.

    Examples
    --------
    >>> import numpy as np
    >>> from isthmus import Denoiser
    >>> rng = np.random.default_rng(0)
    >>> clean = rng.normal(size=(500, 2)) @ rng.normal(size=(2, 10))
    >>> noisy = clean + 0.5 * clean.std(0) * rng.normal(size=clean.shape)
    >>> denoiser = Denoiser("gaussian", 0.5, max_steps=50, random_state=0).fit(clean)
    >>> bool(np.abs(denoiser.transform(noisy) - clean).mean() < 0.6 * np.abs(noisy - clean).mean())
    True
    """

    PARAMETERS: ClassVar = {**Task.PARAMETERS, **DENOISING}
    ABOUT: ClassVar = "A denoiser: it takes the noise away that it learnt, from data like those that it was fitted on."
    USAGE: ClassVar = {
        "python": ["clean = model.transform(noisy)            # the same container, sizes and types"],
        "console": ["isthmus denoise noisy/ --model path/to/this/folder --to clean/"],
    }

    def __init__(
        self,
        noise: str = "gaussian",
        level: Any = None,
        *,
        learn_from: str = CLEAN,
        context: int = 0,
        widths: Sequence[int] | str = "auto",
        patch_size: int = 64,
        max_steps: int | str = "auto",
        max_minutes: float | None = None,
        learning_rate: float | str = "auto",
        validation_fraction: float = 0.1,
        kind: str = "auto",
        random_state: int | np.random.RandomState | None = None,
        device: str = "auto",
        precision: str = "auto",
        checkpoint: Any = None,
        verbose: int = 0,
    ):
        self.noise = noise
        self.level = level
        self.learn_from = learn_from
        self.context = context
        self.widths = widths
        self.patch_size = patch_size
        self.max_steps = max_steps
        self.max_minutes = max_minutes
        self.learning_rate = learning_rate
        self.validation_fraction = validation_fraction
        self.kind = kind
        self.random_state = random_state
        self.device = device
        self.precision = precision
        self.checkpoint = checkpoint
        self.verbose = verbose

    def fit(self, X: Any, y: Any = None, noises: Any = None) -> Self:
        """Learn to clean.

        Parameters
        ----------
        X : path, list of pictures or signals, array, frame
            Clean data, or noisy ones where `learn_from` is "pairs" or "noisy". Pictures: a folder, a list of paths, PIL
            images or arrays of any sizes, an array (`isthmus.data.photos.as_photos`). Sounds: files, a folder of them,
            pairs (samples, rate) (`isthmus.data.sound.as_sounds`).
        y : like X, optional
            With `learn_from="pairs"` what each item of X is to become; otherwise not looked at.
        noises : sounds, optional
            Recordings of noise alone, which clean sounds are mixed with; without them noise of many colours is made.

        Returns
        -------
        Denoiser
            Itself.

        Raises
        ------
        ParameterError
            If a parameter has a value that cannot be used, or none that fits the data.
        DataError
            If the data cannot be used.
        """
        self._check_parameters()
        kind = self._kind_of(X)
        check_together(kind, self.noise, self.learn_from, self.context, paired=y is not None, noises=noises is not None)
        if kind == "audio":
            self._fit_sounds(X, y, noises)
            return self
        levels = checked_levels(self.noise, self.level)
        (self._fit_items if kind in ("image", "sequence") else self._fit_rows)(kind, X, y, levels)
        return self

    def transform(self, X: Any) -> Any:
        """Take the noise away.

        Parameters
        ----------
        X : same as in fit
            Of any sizes.

        Returns
        -------
        Like X
            The same container, sizes, rates and types; pictures of files as a list of arrays (h, w, c), sounds of files
            as `Sound`. Opacity is kept as it is. Integers are rounded to their range; floats are not clipped.

        Raises
        ------
        DataError
            If the data cannot be used, or are not of the kind and channels fitted on.
        """
        check_is_fitted(self)
        if self.kind_ == "image":
            photos = pictures_of(X)
            return give_back([self.clean_picture(photos, i) for i in range(len(photos))], X)
        if self.kind_ == "audio":
            return changed(X, self.clean_sound)
        if self.kind_ == "sequence":
            signals = Signals(X)
            return signals.give_back([self._clean_signal(signals, i) for i in range(len(signals))])
        raw = numbers_of(self._given(X))
        assert isinstance(self._restorer, RowRestorer)
        found = self._restorer.apply(prepared_rows(self.preparation_, raw).to(self._device))
        return self.preparation_.give_back(self.preparation_.inverse(found.cpu().numpy()), raw)

    def clean_picture(self, photos: Photos, i: int) -> np.ndarray:
        """Clean one of several pictures: (h, w, c), opacity as it was."""
        colours, opacity = apart(finite(photos[i], photos.names[i]), photos.has_opacity(i))
        clean = self.clean_array(colours, photos.names[i])
        return np.concatenate([clean, opacity], axis=-1)

    def clean_array(self, values: np.ndarray, name: str = "the picture") -> np.ndarray:
        """Clean one picture (h, w, c), without opacity; with its neighbours in a film (h, w, (2 context + 1) c)."""
        restorer = self._of_items()
        restorer.pixels.check_units(values, name)
        channels = restorer.pixels.channels
        if not self.context:
            return channelwise(values, channels, lambda v: restorer.apply(v, self._precision), name)
        check_frames(values, channels, self.context, name)
        return restorer.apply(values, self._precision)

    def clean_sound(self, sound: Sound) -> Sound:
        """Clean one sound of any rate, length and channels, which it keeps."""
        return self.of_sounds_.apply(sound, self._precision)

    @property
    def of_sounds_(self) -> SoundRestorer:
        """What cleans sounds: its rate, the levels it learnt at, the numbers of the noises held out."""
        check_is_fitted(self)
        return SoundRestorer.of(self._restorer)

    def with_noise(self, values: np.ndarray, seed: int = 0) -> np.ndarray:
        """Add the noise learnt to a clean picture (h, w, c), of the level in the middle of the range: float32."""
        restorer = self._of_items()
        return channelwise(values, restorer.pixels.channels, lambda v: restorer.noisy(v, seed), "the picture")

    @property
    def pixels_(self) -> Pixels:
        """Channels and range of the pictures or signals fitted on."""
        return self._of_items().pixels

    @property
    def level_(self) -> float | None:
        """Middle of the range of levels, as `level` says them; None where they are estimated for each picture."""
        levels = self._of_items().levels
        return None if levels is None else sum(levels) / 2

    def _of_items(self) -> Restorer:
        check_is_fitted(self)
        return Restorer.of(self._restorer)

    def row_errors(self, X: Any, seed: int = 0) -> tuple[float, float, float]:
        """Judge a fit on clean rows X by those held out: errors of noisy rows, by Wiener's filter and by ours."""
        assert isinstance(self._restorer, RowRestorer)
        return self._restorer.errors(prepared_rows(self.preparation_, numbers_of(self._given(X))), self.held_out_, seed)

    # --- Parts

    def _clean_signal(self, signals: Signals, i: int) -> np.ndarray:
        restorer = self._of_items()
        signals.check_channels(restorer.pixels.channels)
        return restorer.apply(finite(signals[i], signals.name(i)), self._precision)

    def _kind_of(self, X: Any) -> str:
        if self.kind != "auto":
            return self.kind
        return "audio" if looks_like_sounds(X) else "image" if looks_like_photos(X) else as_raw(X).kind

    def _schedule(self, kind: str, batch: int, seed: int, what: dict[str, Any]) -> Schedule:
        own = {name: str(value) for name, value in self.get_params(deep=False).items() if name not in NOT_OF_THE_RUN}
        return schedule_for(
            STEPS[kind],
            self.max_steps,
            self.max_minutes,
            batch=batch,
            rate=default_rate(kind, self.learn_from) if self.learning_rate == "auto" else float(self.learning_rate),
            precision=self._precision,
            seed=seed,
            checkpoint=self.checkpoint,
            fingerprint=own | what,
        )

    def _digest(self, *data: Any) -> str:
        return "" if self.checkpoint is None else digest_of(*data)

    def _seed(self) -> int:
        # Without a seed, a fit that goes on from a checkpoint must draw the same again.
        return 0 if self.checkpoint is not None and self.random_state is None else super()._seed()

    def _fit_items(self, kind: str, X: Any, y: Any, levels: tuple[float, float] | None) -> None:
        """Learn from pictures or signals."""
        take = Pictures if kind == "image" else Signals
        items = take(X)
        wanted = take(y) if self.learn_from == PAIRS else None
        if wanted is not None:
            check_pairs(items, wanted, 2 * self.context + 1)
        channels = own_channels(items.channels, self.context)
        seed = self._seed()
        self._forget()
        self._device = choose_device(self.device)
        self._precision = choose_restoring_precision(self.precision, self._device)
        train, out = held_out(len(items), self.validation_fraction, seed)
        widths = WIDTHS if self.widths == "auto" else tuple(map(int, self.widths))
        restorer = Restorer.for_items(items, train, self.learn_from, self.noise, levels, widths, channels, self.context)
        what = {"items": len(items), "channels": items.channels, "data": self._digest(items, wanted), "seed": seed}
        schedule = self._schedule(kind, BATCH, seed, what)
        network = restorer.make(seed, self._device)
        self.history_ = learn_items(
            restorer, network, items, wanted, (train, out), self.patch_size, schedule, shown(self.verbose)
        )
        self._restorer: Restorer | RowRestorer | SoundRestorer = restorer
        self.kind_, self.n_rows_, self.held_out_ = kind, len(items), tuple(out)

    def _fit_sounds(self, X: Any, y: Any, noises: Any) -> None:
        """Learn from sounds."""
        given, wanted, recorded = (None if sounds is None else as_sounds(sounds) for sounds in (X, y, noises))
        mixed = Mixed.of(given, wanted, recorded, self.learn_from, level_range(self.level))
        seed = self._seed()
        self._forget()
        self._device = choose_device(self.device)
        self._precision = choose_restoring_precision(self.precision, self._device)
        restorer = SoundRestorer.for_sounds(mixed.clean, None if self.widths == "auto" else self.widths, mixed.levels)
        split = held_out(len(mixed.clean), self.validation_fraction, seed)
        schedule = self._schedule("audio", BATCH, seed, {"data": self._digest(given, wanted, recorded), "seed": seed})
        self.history_ = learn_sounds(restorer, mixed, self._device, split, schedule, shown(self.verbose))
        self._restorer, self.held_out_ = restorer, tuple(split[1])
        self.kind_, self.n_rows_ = "audio", len(mixed.clean)

    def _fit_rows(self, kind: str, X: Any, y: Any, levels: tuple[float, float] | None) -> None:
        """Learn from rows of numbers."""
        raw = numbers_of(as_raw(X, kind=self.kind))
        preparation_for(raw).refuse_infinite(raw)
        seed = self._seed()
        train, out = held_out(len(raw), self.validation_fraction, seed)
        preparation = preparation_for(raw, "standard").fit(raw.take(np.array(train)))
        self._fitted_on(preparation, len(raw))
        self._device, self._precision = choose_device(self.device), "float32"
        wanted = as_raw(y, kind=raw.kind, like=raw.schema) if self.learn_from == PAIRS else None
        planes = row_planes(self.preparation_, raw, wanted)
        restorer = RowRestorer.for_rows(planes[0].shape[1], self.learn_from, self.noise, levels)
        network = restorer.make(seed, self._device)
        what = {"rows": len(raw), "columns": raw.item_shape[0], "data": self._digest(*planes), "seed": seed}
        schedule = self._schedule("vector", ROW_BATCH, seed, what)
        self.history_ = learn_rows(restorer, network, planes, (train, out), schedule, shown(self.verbose))
        self._restorer, self.held_out_ = restorer, tuple(out)

    def _forget(self) -> None:
        """Drop what an earlier fit on rows has set."""
        for name in {"preparation_", "schema_", "n_features_in_", "feature_names_in_"} & set(vars(self)):
            delattr(self, name)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = False
        return tags

    # --- To a folder and back

    def _about_data(self) -> dict[str, Any]:
        if isinstance(self._restorer, SoundRestorer):
            return {"kind": self.kind_, "rate": self._restorer.rate}
        if not isinstance(self._restorer, Restorer):
            return super()._about_data()
        pixels = self._restorer.pixels
        return {"kind": self.kind_, "channels": pixels.channels, "dtype": pixels.dtype}

    def _learnt(self) -> Learnt:
        arrays = self._restorer.weights()
        values = {"restorer": self._restorer.config(), "kind": self.kind_, "held_out": list(self.held_out_)}
        return Learnt(values | {"n_rows": self.n_rows_, "history": self.history_, "precision": self._precision}, arrays)

    def _restore(self, learnt: Learnt) -> None:
        values = learnt.values
        self._device = choose_device(self.device)
        take = RESTORERS.get(values["kind"], RowRestorer)
        rows = take is RowRestorer
        self._precision = "float32" if rows else choose_restoring_precision(self.precision, self._device)
        self._restorer = take.restored(values["restorer"], learnt.arrays, self._device)
        self.kind_, self.n_rows_, self.held_out_ = values["kind"], values["n_rows"], tuple(values["held_out"])
        self.history_ = {name: list(column) for name, column in values["history"].items()}
