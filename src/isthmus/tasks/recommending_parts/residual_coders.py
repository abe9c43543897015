"""Autoencoders of what biases leave of values: of users' rows, or of items' columns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Protocol, Self

import numpy as np
from scipy import sparse

from isthmus.autoencoder import Autoencoder
from isthmus.data.ratings import RATINGS
from isthmus.data.raw import Csr
from isthmus.networks import each_of
from isthmus.objectives import FoldIn
from isthmus.tasks.recommending_parts.base import Settings
from isthmus.training.threads import threads_for

#: Size of the codes, if nothing else is asked for; of items' codes each user's regression is solved whole.
OF_USERS, OF_ITEMS = 50, 16
HIDDEN = (200,)


class Coder(Protocol):
    """What tells unknown residuals from known ones, in a scale of its own."""

    by: ClassVar[str]
    #: Penalty of a user's regression; 0 where there is none.
    l2: float

    def fit(self, residuals: Csr, latent_dim: int | str, epochs: int, settings: Settings) -> Self:
        """Learn from users (n, n_items)."""
        ...

    def predict(self, residuals: Csr) -> np.ndarray:
        """Tell residuals of all items: float32 ndarray of shape (m, n_items), 0 of a user who is not known."""
        ...

    def codes(self, residuals: Csr) -> np.ndarray:
        """Describe users: float32 ndarray of shape (m, d)."""
        ...

    def items(self) -> np.ndarray:
        """Describe items: float32 ndarray of shape (n_items, d)."""
        ...

    def learnt(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """Give what was learnt as JSON values and as arrays; an autoencoder is kept beside."""
        ...

    def restore(self, values: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> Self:
        """Take back what `learnt` gave."""
        ...


class UserCoder:
    """Autoencoder of users' rows (U-AutoRec): hidden entries are told from those shown."""

    by: ClassVar[str] = "user"

    def __init__(self, l2: float = 0.0):
        self.l2 = l2

    def fit(self, residuals: Csr, latent_dim: int | str, epochs: int, settings: Settings) -> Self:
        self.scale = _scale(residuals)
        size = OF_USERS if latent_dim == "auto" else int(latent_dim)
        self.autoencoder = _fitted(_autoencoder(size, epochs, settings), residuals / self.scale)
        return self

    def predict(self, residuals: Csr) -> np.ndarray:
        told = self.autoencoder.reconstruct(residuals / self.scale).astype(np.float32) * np.float32(self.scale)
        # What the network says of somebody unknown is no better than the biases.
        told[np.diff(residuals.indptr) == 0] = 0
        return told

    def codes(self, residuals: Csr) -> np.ndarray:
        return self.autoencoder.transform(residuals / self.scale).astype(np.float32)

    def items(self) -> np.ndarray:
        decoder: Any = next(iter(each_of(self.autoencoder.network_))).decoder
        return decoder.last.weight.detach().float().cpu().numpy()

    def learnt(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        return {"scale": self.scale}, {}

    def restore(self, values: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> Self:
        self.scale = float(values["scale"])
        return self


class ItemCoder:
    """Autoencoder of items' columns (I-AutoRec), into which any user can be folded.

    The decoder of I-AutoRec has weights for each user of the training and none for others. Here every user's weights on
    the items' codes are a ridge regression of that user's residuals, so that new users need no training.
    """

    by: ClassVar[str] = "item"

    def __init__(self, l2: float = 10.0):
        self.l2 = l2

    def fit(self, residuals: Csr, latent_dim: int | str, epochs: int, settings: Settings) -> Self:
        columns = residuals.T.tocsr()
        size = OF_ITEMS if latent_dim == "auto" else int(latent_dim)
        # Items are fewer than users, and as many steps are needed.
        autoencoder = _fitted(_autoencoder(size, 3 * epochs, settings), columns / _scale(residuals))
        codes = autoencoder.transform(columns / _scale(residuals)).astype(np.float32)
        rated = np.diff(columns.indptr) > 0
        codes -= codes[rated].mean(0)
        codes[~rated] = 0
        # Of length 1 in the mean, so that a penalty means the same whatever the network.
        self.of_items = codes / max(float(np.sqrt(np.square(codes[rated]).sum(1).mean())), 1e-12)
        return self

    def codes(self, residuals: Csr) -> np.ndarray:
        """Solve each user's regression on the codes of the items rated."""
        d = self.of_items.shape[1]
        products = (self.of_items[:, :, None] * self.of_items[:, None, :]).reshape(-1, d * d)
        there = sparse.csr_matrix((np.ones_like(residuals.data), residuals.indices, residuals.indptr), residuals.shape)
        grams = (there @ products).reshape(-1, d, d).astype(np.float64) + self.l2 * np.eye(d)
        return np.linalg.solve(grams, (residuals @ self.of_items)[:, :, None].astype(np.float64))[:, :, 0].astype("f4")

    def predict(self, residuals: Csr) -> np.ndarray:
        return self.codes(residuals) @ self.of_items.T

    def items(self) -> np.ndarray:
        return self.of_items

    def learnt(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        return {"l2": self.l2}, {"of_items": self.of_items}

    def restore(self, values: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> Self:
        self.l2, self.of_items = float(values["l2"]), arrays["of_items"]
        return self


#: By what `AutoRec(by=)` calls them.
CODERS: Mapping[str, type[UserCoder] | type[ItemCoder]] = {"user": UserCoder, "item": ItemCoder}


def _scale(residuals: Csr) -> float:
    """Give the standard deviation of the residuals, or 1 where they do not differ."""
    scale = float(residuals.data.std(dtype=np.float64)) if residuals.nnz else 0.0
    return scale if scale > 0 else 1.0


def _autoencoder(latent_dim: int, epochs: int, settings: Settings) -> Autoencoder:
    """Make the network of one hidden layer of AutoRec, trained to tell what is hidden from it."""
    return Autoencoder(
        latent_dim,
        kind=RATINGS,
        loss="mse",
        objective=FoldIn(0.5),
        hidden=HIDDEN,
        activation="tanh",
        linear_path=False,
        max_epochs=epochs,
        random_state=settings.seed,
        device=settings.device,
        verbose=settings.verbose,
    )


def _fitted(autoencoder: Autoencoder, rows: Csr) -> Autoencoder:
    """Fit on one thread: the same seed gives the same model on any number."""
    with threads_for(0):
        return autoencoder.fit(rows)
