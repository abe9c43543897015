"""Parts fitted on the same rows, and their scores as one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor

from isthmus.autoencoder import Autoencoder
from isthmus.tasks.anomaly_parts.base import Part, Setting
from isthmus.tasks.anomaly_parts.joining import Joining, join, weights
from isthmus.tasks.anomaly_parts.neighbours import nearest
from isthmus.tasks.anomaly_parts.views import Rows, Views

#: Rows that are scored at once.
BLOCK = 8192
#: Rows fitted on that raw scores are put on a scale by.
JUDGED_BY = 5000


class Ensemble:
    """Several parts as one score of prepared rows.

    Parameters
    ----------
    parts : sequence of Part
    before : Ensemble, optional
        Parts of a first look, fitted on more rows, whose scores are joined with these.
    """

    def __init__(self, parts: Sequence[Part], before: Ensemble | None = None):
        self.parts = list(parts)
        self.before = before
        self.views = Views()
        self.joining = Joining()
        self.references = Rows(torch.zeros(0, 0), torch.zeros(0, 0))
        self.places = np.zeros(0, dtype=np.int64)

    def fit(self, x: Tensor, setting: Setting) -> Self:
        """Fit views, parts and scale on prepared rows (n, p)."""
        self.views.fit(x)
        rows = self.views.of(x)
        for part in self.parts:
            part.fit(rows, setting)
        return self._settle(rows, setting)

    def update(self, x: Tensor, new: Tensor, setting: Setting) -> None:
        """Let all parts learn from new rows; `x` are those kept of all."""
        rows, fresh = self.views.of(x), self.views.of(new)
        for part in self.parts:
            part.update(rows, fresh, setting)
        self._settle(rows, setting)

    def _settle(self, rows: Rows, setting: Setting) -> Self:
        self.places = setting.references
        self.references = rows.take(torch.from_numpy(self.places))
        chosen = torch.linspace(0, len(rows) - 1, min(len(rows), JUDGED_BY)).long()
        if self.parts:
            self.joining.fit(self.raw(rows.take(chosen)))
        return self

    def only(self, names: Sequence[str]) -> Ensemble:
        """Give some of the parts, as they are fitted; each must have one raw score."""
        places = [i for i, part in enumerate(self.parts) if part.name in names]
        some = Ensemble([self.parts[i] for i in places])
        some.views, some.references, some.places = self.views, self.references, self.places
        some.joining = self.joining.only(places)
        return some

    def raw(self, rows: Rows) -> Tensor:
        """Give the raw scores of the parts: (n, channels)."""
        return torch.cat([part.scores(rows) for part in self.parts], dim=1)

    def standard(self, x: Tensor) -> Tensor:
        """Give the scores of all parts of prepared rows, each on its own scale: (n, channels)."""
        found = [] if self.before is None else [self.before.standard(x)]
        if self.parts:
            found.append(self.joining.standard(self.raw(self.views.of(x))))
        return torch.cat(found, dim=1)

    def shares(self, x: Tensor) -> Tensor:
        """Give the share that each slot has in each score: (n, channels, p), which sums to 1 over the slots."""
        rows = self.views.of(x)
        shares = torch.cat([part.shares(rows) for part in self.parts], dim=1) if self.parts else x.new_zeros(0)
        total = shares.sum(-1, keepdim=True)
        shares = torch.where(total > 0, shares / total.where(total > 0, 1.0), 1 / x.shape[1])
        if self.before is None:
            return shares
        first = self.before.shares(x)
        return torch.cat([first, shares], dim=1) if self.parts else first

    def score(self, x: Tensor) -> np.ndarray:
        """Give the joined score of prepared rows: (n,), at least 0, higher for stranger ones."""
        with torch.no_grad():
            return torch.cat([join(self.standard(block)) for block in x.split(BLOCK)]).numpy()

    def explain(self, x: Tensor) -> tuple[np.ndarray, np.ndarray]:
        """Give what each slot adds to the score, and the slots expected: (n, p) each.

        The score is shared out among the raw scores by their weights in it, and that of each among the slots by what
        they add to it.
        """
        contributions, expected = [], []
        with torch.no_grad():
            for block in x.split(BLOCK):
                standard = self.standard(block)
                share = weights(standard) * join(standard)[:, None]
                contributions.append((share[:, :, None] * self.shares(block)).sum(1))
                index = nearest(self.views.of(block).plain, self.references.plain, 5)[1]
                mean = self.references.plain[index].mean(1)
                expected.append(mean * self.views.scale + self.views.center)
        return torch.cat(contributions).numpy(), torch.cat(expected).numpy()

    def codes(self, x: Tensor) -> np.ndarray:
        """Give codes of prepared rows by the first network there is; without one, the standardised rows."""
        rows = self.views.of(x)
        found = (part.codes(rows) for part in self.parts)
        return next((codes for codes in found if codes is not None), rows.plain.numpy())

    def shift(self, x: Tensor, usual: Tensor) -> np.ndarray:
        """Give the mean of each slot of rows less that of usual rows, in standard deviations: (p,)."""
        return ((x.mean(0) - usual.mean(0)) / self.views.scale).numpy()

    # --- To a folder and back

    def arrays(self) -> dict[str, np.ndarray]:
        """Give what was learnt but the autoencoders and the references."""
        arrays = {"references": self.places}
        arrays |= {f"views.{k}": v for k, v in self.views.arrays().items()}
        arrays |= {f"joining.{k}": v for k, v in self.joining.arrays().items()}
        for part in self.parts:
            arrays |= {f"{part.name}.{k}": v for k, v in part.arrays().items()}
        if self.before is not None:
            arrays |= {f"before.{k}": v for k, v in self.before.arrays().items()}
        return arrays

    def autoencoders(self) -> dict[str, Autoencoder]:
        """Give the autoencoders of all parts."""
        return {f"{p.name}.{name}": ae for p in self.parts for name, ae in p.autoencoders().items()}

    @classmethod
    def restore(
        cls,
        parts: Sequence[type[Part]],
        arrays: Mapping[str, np.ndarray],
        autoencoders: Mapping[str, Autoencoder],
        x: Tensor,
    ) -> Ensemble:
        """Rebuild from what `arrays` and `autoencoders` gave, and the prepared rows that were fitted on."""
        ensemble = cls([])
        ensemble.views = Views.restore(below("views", arrays))
        ensemble.joining = Joining.restore(below("joining", arrays))
        ensemble.places = arrays["references"]
        ensemble.references = ensemble.views.of(x[torch.from_numpy(ensemble.places)])
        ensemble.parts = [
            part.restore(below(part.name, arrays), below(part.name, autoencoders), ensemble.references)
            for part in parts
        ]
        return ensemble


def below(name: str, named: Mapping[str, Any]) -> dict[str, Any]:
    """Give what stands below a name, without it."""
    return {key.removeprefix(f"{name}."): value for key, value in named.items() if key.startswith(f"{name}.")}
