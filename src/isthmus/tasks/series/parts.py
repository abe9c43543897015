"""What is strange about a window: what an autoencoder leaves over, and how far the nearest windows are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Self

import numpy as np
import torch
from torch import Tensor

from isthmus.autoencoder import Autoencoder
from isthmus.data import Prepared

#: Share of the variance of the windows that the code keeps at its start, PCA, and its largest size.
KEPT, MOST_LATENT = 0.9, 256
#: Size of the hidden layer, and epochs at most: what is not linear about a window shows early or not at all.
HIDDEN, EPOCHS = 64, 30
#: Nearest windows that a distance is a mean over.
NEIGHBOURS = 3
#: Values that are held at once.
BLOCK = 1 << 22


class WindowParts:
    """An autoencoder of windows, and some of the windows that it was fitted on.

    The autoencoder is a dense one with a linear path that starts at PCA, its code so large that PCA keeps 90 % of the
    variance. Distances are those to the nearest windows fitted on (Angiulli and Pizzuti, 2002).
    """

    NAMES: ClassVar[tuple[str, str]] = ("residual", "knn")

    def __init__(self) -> None:
        self.autoencoder: Autoencoder
        self.references = torch.zeros(0, 0)

    def fit(self, x: Tensor, seed: int, device: str, verbose: int = 0) -> Self:
        """Learn from windows, float64 of shape (n, p)."""
        self.references = x
        variances = torch.linalg.svdvals(self.references - self.references.mean(0)).square().cumsum(0)
        kept = int((variances < KEPT * variances[-1]).sum()) + 1
        self.autoencoder = Autoencoder(
            max(1, min(kept, MOST_LATENT, x.shape[1] - 1)),
            kind="vector",
            hidden=(HIDDEN,),
            loss="mse",
            scaling="none",
            max_epochs=EPOCHS,
            random_state=seed,
            device=device,
            verbose=verbose,
        ).fit(self.references.float().numpy())
        return self

    def rows_at_once(self) -> int:
        """Give how many windows are scored at once."""
        return max(16, BLOCK // max(len(self.references), NEIGHBOURS * self.references.shape[1]))

    def squares(self, x: Tensor, seen: Tensor | None) -> Tensor:
        """Give the squares of what is left over, and of the distances to neighbours, by cell: (n, 2, p).

        Parameters
        ----------
        x : float64 Tensor of shape (n, p)
        seen : bool Tensor of shape (n, p), optional
            What was observed; squares of other cells are 0.
        """
        near = self._nearest(x, seen)
        left = (x - self._reconstructed(x, seen, near)).square()
        squares = torch.stack([left, (x[:, None] - near).square().mean(1)], dim=1)
        return squares if seen is None else squares.mul_(seen[:, None])

    def expected(self, x: Tensor, seen: Tensor | None) -> Tensor:
        """Give windows as the autoencoder gives them back: (n, p)."""
        return self._reconstructed(x, seen, x[:, None] if seen is None else self._nearest(x, seen))

    def _reconstructed(self, x: Tensor, seen: Tensor | None, near: Tensor) -> Tensor:
        """Give windows back; what was not observed is taken from the nearest windows."""
        return self.autoencoder.reconstruct_prepared(Prepared(x if seen is None else x.where(seen, near.mean(1))))

    def _nearest(self, x: Tensor, seen: Tensor | None) -> Tensor:
        """Give the nearest windows fitted on, by what was observed: (n, neighbours, p)."""
        if seen is None:
            squared = torch.addmm(self.references.square().sum(1), x, self.references.T, alpha=-2)
        else:
            mask = seen.to(x)
            squared = mask @ self.references.square().T - 2 * (x * mask) @ self.references.T
        return self.references[squared.topk(min(NEIGHBOURS, len(self.references)), largest=False).indices]

    # --- To a folder and back

    def arrays(self) -> dict[str, np.ndarray]:
        """Give what was learnt but the autoencoder."""
        return {"references": self.references.numpy()}

    @classmethod
    def restore(cls, arrays: Mapping[str, np.ndarray], autoencoders: Mapping[str, Any]) -> WindowParts:
        """Rebuild from `arrays` and the autoencoder."""
        parts = cls()
        parts.references = torch.from_numpy(arrays["references"])
        parts.autoencoder = autoencoders["windows"]
        return parts
