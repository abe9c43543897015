"""What a code is like: between two rows, along one unit, and what in a row moves with it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from sklearn.utils.validation import check_is_fitted

from isthmus import parameters as check
from isthmus.data import PREPARATIONS, Raw, as_raw
from isthmus.exceptions import DataError, MissingExtraError, ParameterError
from isthmus.training.split import evenly

if TYPE_CHECKING:
    from isthmus.data import Preparation
    from isthmus.training.inference import Inference

#: Shares of the training codes between which `traverse` sweeps a unit.
SWEPT = (0.01, 0.99)
#: Rows around which `explain_latent` moves the units: as many as keep to so many decoded values, within bounds.
EXPLAINED_VALUES, FEWEST_ROWS, MOST_ROWS = 1 << 24, 64, 512
#: Rows on which the variance of the reconstruction is measured.
VARIANCE_ROWS = 1024
#: A unit that carries less than this part of an even share of the variance counts as unused.
UNUSED = 0.01


@dataclass(frozen=True)
class LatentExplanation:
    """What moves with each unit of a code, which `Autoencoder.explain_latent` gives.

    Attributes
    ----------
    effects : ndarray of shape (latent_dim, *item_shape)
        Mean change of each input's reconstruction, in the person's units, when the unit moves up by one standard
        deviation of the training codes.
    sensitivities : ndarray of shape (latent_dim, *item_shape)
        Mean size of that change, without its sign: above the size of `effects` where the direction differs by row.
    scaled : ndarray of shape (latent_dim, *item_shape)
        `sensitivities` in prepared units (standard deviations of a column, with scaling "standard"), in which
        columns of different units can be compared.
    variance_shares : ndarray of shape (latent_dim,)
        Variance that each unit gives to the reconstruction, over its whole variance, in prepared units. They sum to 1
        for a linear decoder and uncorrelated units; otherwise they need not.
    spreads : ndarray of shape (latent_dim,)
        Standard deviation of each unit over the training codes.
    kind : str
        Kind of the data.
    names : tuple of str or None
        Column names, where the data have them.
    rows : int
        Rows around which the units were moved.
    """

    effects: np.ndarray
    sensitivities: np.ndarray
    scaled: np.ndarray
    variance_shares: np.ndarray
    spreads: np.ndarray
    kind: str
    names: tuple[str, ...] | None
    rows: int

    @property
    def unused(self) -> np.ndarray:
        """Numbers of the units that carry less than a hundredth of an even share of the variance."""
        return np.flatnonzero(self.variance_shares < UNUSED / len(self.variance_shares))

    def order(self) -> np.ndarray:
        """Numbers of the units, the largest share of the variance first."""
        return np.argsort(-self.variance_shares, kind="stable")

    def name(self, position: int) -> str:
        """Call an input, by its position among all values of a row, by its name."""
        if len(self.effects.shape) == 2:
            return f"column {position}" if self.names is None else self.names[position]
        index = tuple(int(i) for i in np.unravel_index(position, self.effects.shape[1:]))
        return PREPARATIONS[self.kind].cell(index, self.names)

    def strongest(self, unit: int, top: int = 5) -> np.ndarray:
        """Positions of the inputs that a unit moves most, in prepared units, the strongest first."""
        sizes = np.nan_to_num(self.scaled[unit].ravel(), nan=-1.0)
        return np.argsort(-sizes, kind="stable")[:top]

    def to_frame(self, top: int | None = None) -> Any:
        """Give a pandas frame of one line for each unit and input, the strongest units and inputs first.

        Parameters
        ----------
        top : int or None, default=None
            Inputs to list for each unit; None: all.

        Returns
        -------
        pandas.DataFrame
            Columns "unit", "variance_share", "input", "effect", "sensitivity" and "scaled".
        """
        try:
            import pandas as pd  # noqa: PLC0415 - only where a person uses it
        except ImportError as error:
            raise MissingExtraError(
                "to_frame gives a pandas frame, but pandas is not installed. Install it with 'pip install pandas', or "
                "use the arrays of the explanation."
            ) from error
        if not check.either(check.nothing, check.whole(1))(top):
            raise ParameterError(f"top={top!r} cannot be used; expected None or a whole number from 1 on.")
        lines = []
        for unit in self.order():
            parts = [part[unit].ravel() for part in (self.effects, self.sensitivities, self.scaled)]
            for place in self.strongest(int(unit), parts[0].size if top is None else top):
                values = [float(part[place]) for part in parts]
                lines.append((int(unit), float(self.variance_shares[unit]), self.name(int(place)), *values))
        return pd.DataFrame(lines, columns=["unit", "variance_share", "input", "effect", "sensitivity", "scaled"])

    def __str__(self) -> str:
        """Say for each unit, the strongest first, what it moves most."""
        unused = set(self.unused.tolist())
        lines = []
        for unit in (int(u) for u in self.order() if u not in unused):
            effects = self.effects[unit].ravel()
            known = [int(i) for i in self.strongest(unit, 3) if np.isfinite(effects[i])]
            moved = ", ".join(f"{self.name(i)} {effects[i]:+.3g}" for i in known)
            lines.append(f"unit {unit} ({100 * self.variance_shares[unit]:.1f} % of the variance): {moved}")
        if unused:
            lines.append(f"unused: {', '.join(str(u) for u in sorted(unused))}")
        return "\n".join(lines)


class Latents:
    """What a code is like: between two rows, along one unit, and what in a row moves with it."""

    kind_: str
    latent_dim_: int
    preparation_: Preparation
    _inference: Inference
    _codes: np.ndarray

    def interpolate(self, a: Any, b: Any, steps: int = 8, *, path: str = "linear") -> Any:
        """Go from one row to another through the codes between them.

        Parameters
        ----------
        a, b : one row each, as in fit
            One row of an array or frame, one picture, one sequence; with or without the axis of rows.
        steps : int, default=8
            Rows to give, both ends included; at least 2.
        path : {"linear", "spherical"}, default="linear"
            "linear" goes straight. "spherical" turns about the mean of the training codes and goes evenly from the one
            distance to the other (White, 2016): codes of many units that are drawn from a normal distribution all lie
            far from its middle, which the straight line crosses.

        Returns
        -------
        ndarray or frame like a, of `steps` rows
            From the reconstruction of `a` to that of `b`.

        Raises
        ------
        ParameterError
            If `steps` or `path` cannot be used.
        DataError
            If `a` or `b` is not one row like those fitted on.

        References
        ----------
        T. White, "Sampling generative networks", 2016.

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> from isthmus import Autoencoder
        >>> X = load_iris().data
        >>> ae = Autoencoder(2, max_epochs=3, random_state=0).fit(X)
        >>> ae.interpolate(X[0], X[100], steps=5).shape
        (5, 4)
        """
        check_is_fitted(self)
        shares = _shares(steps)
        if not check.word(*PATHS)(path):
            raise ParameterError(f"path={path!r} cannot be used; expected {' or '.join(map(repr, PATHS))}.")
        start, like = self._one_row(a, "a")
        end, _ = self._one_row(b, "b")
        ends = [self._inference.codes(raw) for raw in (start, end)]
        dtype = np.result_type(*ends)
        centre = self._codes.mean(axis=0, dtype=np.float64)
        codes = PATHS[path](ends[0][0].astype(np.float64), ends[1][0].astype(np.float64), shares, centre)
        return self.preparation_.give_back(self._inference.values(codes.astype(dtype)), like)

    def traverse(
        self, x: Any, dimension: int, steps: int = 8, *, span: tuple[float, float] | Sequence[float] | None = None
    ) -> Any:
        """Sweep one unit of a row's code, the others held, and decode.

        Parameters
        ----------
        x : one row, as in fit
            With or without the axis of rows.
        dimension : int
            Number of the unit, from 0.
        steps : int, default=8
            Rows to give, at even distances along the unit; at least 2.
        span : (low, high) or None, default=None
            Values of the unit to sweep between; None: from the 1st to the 99th percentile of the training codes.

        Returns
        -------
        ndarray or frame like x, of `steps` rows

        Raises
        ------
        ParameterError
            If there is no such unit, or `steps` or `span` cannot be used.
        DataError
            If `x` is not one row like those fitted on.

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> from isthmus import Autoencoder
        >>> X = load_iris().data
        >>> ae = Autoencoder(2, max_epochs=3, random_state=0).fit(X)
        >>> ae.traverse(X[0], dimension=1, steps=3).shape
        (3, 4)
        """
        check_is_fitted(self)
        shares = _shares(steps)
        if not check.whole(0)(dimension) or dimension >= self.latent_dim_:
            raise ParameterError(
                f"dimension={dimension!r} cannot be used; the code has {self.latent_dim_} units, numbered from 0 to "
                f"{self.latent_dim_ - 1}."
            )
        low, high = np.quantile(self._codes[:, dimension], SWEPT) if span is None else _span(span)
        raw, like = self._one_row(x, "x")
        codes = np.repeat(self._inference.codes(raw), len(shares), axis=0)
        codes[:, dimension] = low * (1 - shares) + high * shares
        return self.preparation_.give_back(self._inference.values(codes), like)

    def explain_latent(self, X: Any = None) -> LatentExplanation:
        """Find out what in a row moves with each unit of the code.

        Each unit is moved by one standard deviation of the training codes, half of it down and half of it up, around
        codes of rows and within the range that the unit has; the changes of what is decoded are averaged. That is a
        statement about the decoder, not about causes in the world.

        Parameters
        ----------
        X : same as in fit, optional
            Rows around whose codes to move; by default training codes. Of many, 64 to 512 at even distances are used.

        Returns
        -------
        LatentExplanation
            `print` it, take its arrays or its `to_frame`, or draw it by
            `isthmus.evaluation.explanation_figure`.

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> from isthmus import Autoencoder
        >>> data = load_iris(as_frame=True).data
        >>> ae = Autoencoder(2, max_epochs=3, random_state=0).fit(data)
        >>> explanation = ae.explain_latent()
        >>> explanation.sensitivities.shape
        (2, 4)
        >>> explanation.to_frame(top=1)["input"].tolist()[0]
        'petal length (cm)'
        """
        check_is_fitted(self)
        if self.preparation_.vocabulary_:
            raise ParameterError(
                "explain_latent says how far numbers move with a unit, but tokens do not move by numbers; look at them "
                "by traverse."
            )
        kept = self._codes
        codes = kept if X is None else self._inference.codes(as_raw(X, kind=self.kind_, like=self.preparation_.schema_))
        size = math.prod(self.preparation_.shape_)
        most = int(np.clip(EXPLAINED_VALUES // (self.latent_dim_ * size), FEWEST_ROWS, MOST_ROWS))
        around = codes[evenly(len(codes), most).numpy()]
        spreads = kept.std(axis=0, dtype=np.float64)
        low, high = (ends(np.concatenate([kept, around]), axis=0) for ends in (np.min, np.max))
        total = float(self._decoded(kept[evenly(len(kept), VARIANCE_ROWS).numpy()]).var(axis=0, dtype=np.float64).sum())
        item = self.preparation_.schema_.item_shape
        # Float32: a long code of large pictures makes these the largest arrays there are.
        effects, sensitivities, scaled = (np.zeros((self.latent_dim_, *item), dtype=np.float32) for _ in range(3))
        shares = np.zeros(self.latent_dim_)
        for unit in np.flatnonzero(spreads > 0):
            down, up = around.copy(), around.copy()
            down[:, unit] = np.maximum(around[:, unit] - spreads[unit] / 2, low[unit])
            up[:, unit] = np.minimum(around[:, unit] + spreads[unit] / 2, high[unit])
            moved_by = up[:, unit].astype(np.float64) - down[:, unit]
            per_spread = (spreads[unit] / moved_by).reshape(-1, *[1] * len(item))
            prepared = [self._decoded(moved) for moved in (up, down)]
            below, above = self.preparation_.comparable(*map(self.preparation_.inverse, reversed(prepared)))
            own = (above - below) * per_spread
            own = np.nan_to_num(own) if self.preparation_.ends_ else own  # a sequence that ends does not move
            change = np.sqrt(self.preparation_.by_column(np.square(prepared[0] - prepared[1]))) * per_spread
            effects[unit], sensitivities[unit] = own.mean(axis=0), np.abs(own).mean(axis=0)
            scaled[unit] = np.abs(change).mean(axis=0)
            shares[unit] = np.square(change).sum() / len(change) / total if total > 0 else 0.0
        return LatentExplanation(
            effects, sensitivities, scaled, shares, spreads, self.kind_, self.preparation_.feature_names_, len(around)
        )

    def _decoded(self, codes: np.ndarray) -> np.ndarray:
        """Prepared values of codes, a few rows at a time: (n, *shape)."""
        z = torch.as_tensor(codes, dtype=self._inference.dtype_for(codes.dtype), device=self._inference.device)
        return np.concatenate(
            [self._inference.decode(part).cpu().numpy() for part in z.split(self._inference.rows_at_once)]
        )

    def _one_row(self, x: Any, name: str) -> tuple[Raw, Raw | None]:
        """Take one row, with or without the axis of rows, and what its results shall look like (None: as in fit)."""
        schema = self.preparation_.schema_
        like_fit = False
        if self.preparation_.is_one(x):
            x = [x]
        elif hasattr(x, "to_frame") and hasattr(x, "iloc") and np.ndim(x) == 1:
            x = x.to_frame().T.infer_objects()  # a row of a pandas frame, whose columns share one dtype
            like_fit = schema.container == "pandas"
        elif hasattr(x, "getbands"):
            x = [x]  # one PIL image
        elif not isinstance(x, (Raw, str, PathLike)) and _is_item(_shape(x), schema.item_shape, schema.flat):
            x = x[None] if hasattr(x, "reshape") else [x]
        raw = as_raw(x, kind=self.kind_)
        if len(raw) != 1:
            raise DataError(f"{name} holds {len(raw):,} rows, but one is expected; give one of them: {name}[:1].")
        return raw, None if like_fit else raw


def _shape(x: Any) -> tuple[int, ...]:
    """Shape of what may be an array, a frame or a list; that of unequal lists is left to those who refuse it."""
    try:
        return tuple(np.shape(x))
    except ValueError:
        return ()


def _is_item(shape: tuple[int, ...], item: tuple[int, ...], flat: bool) -> bool:
    """Whether a shape is that of one item without the axis of rows; a last axis of one channel may be there or not."""
    if not shape or len(item) == 1:
        return len(shape) == 1
    grey = item[:-1] if item[-1] == 1 else item
    if shape in (item, grey) or shape == (*grey, 1):
        return True
    return len(shape) <= len(item) - flat and shape[1:] not in (item, grey)


def _shares(steps: Any) -> np.ndarray:
    """Shares of the way at each step, from 0 to 1."""
    if not check.whole(2)(steps):
        raise ParameterError(f"steps={steps!r} cannot be used; expected a whole number from 2 on, both ends included.")
    return np.linspace(0.0, 1.0, int(steps))


def _span(span: Any) -> tuple[float, float]:
    """Check two finite numbers."""
    try:
        low, high = (float(end) for end in span)
    except (TypeError, ValueError):
        low = high = math.nan
    if not (math.isfinite(low) and math.isfinite(high)):
        raise ParameterError(f"span={span!r} cannot be used; expected None or two finite numbers, (low, high).")
    return low, high


def _straight(a: np.ndarray, b: np.ndarray, shares: np.ndarray, centre: np.ndarray) -> np.ndarray:
    """Codes on the straight line: (steps, k)."""
    t = shares[:, None]
    return a * (1 - t) + b * t


def _spherical(a: np.ndarray, b: np.ndarray, shares: np.ndarray, centre: np.ndarray) -> np.ndarray:
    """Codes on the arc about a centre: (steps, k); the straight line where there is no one arc."""
    away = [end - centre for end in (a, b)]
    far = [float(np.linalg.norm(part)) for part in away]
    if min(far) == 0:
        return _straight(a, b, shares, centre)
    units = [part / length for part, length in zip(away, far, strict=True)]
    angle = math.acos(float(np.clip(units[0] @ units[1], -1, 1)))
    if not 1e-4 < angle < math.pi - 1e-4:
        return _straight(a, b, shares, centre)
    t = shares[:, None]
    arc = (np.sin((1 - t) * angle) * units[0] + np.sin(t * angle) * units[1]) / math.sin(angle)
    return centre + arc * (far[0] * (1 - t) + far[1] * t)


#: The ways from one code to another, by the names that `path=` takes.
PATHS = {"linear": _straight, "spherical": _spherical}
