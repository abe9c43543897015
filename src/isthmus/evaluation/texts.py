"""Rows of tokens beside their reconstructions, and the share that is right beside what is had without a network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from isthmus._version import __version__
from isthmus.data import Raw
from isthmus.evaluation.rendering import render_page
from isthmus.evaluation.wording import number, percent, plural
from isthmus.storage.atomic import write_bytes

if TYPE_CHECKING:
    from isthmus.autoencoder import Autoencoder

#: Rows that a page shows: the worst, and others at even distances.
WORST, OTHERS = 20, 30
#: Characters of a row that a page shows.
MOST_SHOWN = 2000
#: What is known of the rows of a page.
SEEN = {
    True: "Training never saw these rows.",
    False: "Training saw these rows.",
    None: "It is not known whether training saw any of these rows.",
}
#: Difference of shares that is none.
TIE = 0.005


@dataclass(frozen=True)
class TextComparison:
    """How many tokens come back right, beside PCA at the same code size and the commonest token at each place.

    PCA is that of indicators, one for each token at each place: each place is decoded to the token whose indicator
    comes out largest.

    Parameters
    ----------
    rows : int
    tokens : int
        All that were compared, the ends of rows included.
    latent_dim : int
    ours, pca, commonest : float
        Share of the tokens that are right.
    whole, whole_pca, whole_commonest : float
        Share of the rows that are right from end to end.
    rows_are : str, default="rows"
    """

    rows: int
    tokens: int
    latent_dim: int
    ours: float
    pca: float
    commonest: float
    whole: float
    whole_pca: float
    whole_commonest: float
    rows_are: str = "rows"

    @property
    def winner(self) -> str:
        """Give "isthmus", "pca", or "tie" where the shares differ by less than half a percent."""
        if abs(self.ours - self.pca) <= TIE:
            return "tie"
        return "isthmus" if self.ours > self.pca else "pca"

    def verdict(self) -> str:
        """Say in a sentence which of the two writes more tokens right."""
        where = f"On {plural(self.rows, self.rows_are.removesuffix('s'), self.rows_are)}"
        size = f"at the same code size ({plural(self.latent_dim, 'number')} a row)"
        figures = f"{percent(self.ours)} of the tokens are right against {percent(self.pca)}"
        if self.winner == "isthmus":
            return f"{where}, Isthmus gives rows back better than PCA {size}: {figures}."
        if self.winner == "tie":
            return f"{where}, PCA does as well as Isthmus {size}: {figures}. Use PCA: it is simpler and faster."
        return f"{where}, PCA gives rows back better than Isthmus {size}: {figures}. Use PCA here, or train for longer."

    def table(self) -> list[tuple[str, ...]]:
        """Rows for printing; the first one is the heading."""
        return [
            ("", "Isthmus", "PCA", "commonest token"),
            ("tokens right", *map(percent, (self.ours, self.pca, self.commonest))),
            ("whole rows right", *map(percent, (self.whole, self.whole_pca, self.whole_commonest))),
        ]

    def to_dict(self) -> dict[str, Any]:
        """Give plain numbers and strings, ready for JSON."""
        return {**self.__dict__, "winner": self.winner, "verdict": self.verdict()}


def compare_texts(model: Autoencoder, raw: Raw) -> TextComparison:
    """Count the tokens of rows that come back right, by the model and without one."""
    right, whole, tokens = np.zeros(3), np.zeros(3), 0
    pca: Any = model.pca_
    common = pca.decode(torch.zeros(1, len(pca.components)))
    for _, prepared in model._inference.blocks(raw):
        x, seen = prepared.x, prepared.x != 0
        commonest = torch.zeros_like(x)
        commonest[:, : common.shape[1]] = common.to(x)
        found = (model._inference.decode(model._inference.encode(prepared)), pca.reconstruct(x), commonest)
        tokens += int(seen.sum())
        for i, one in enumerate(found):
            same = (one == x) | ~seen
            right[i] += int((same & seen).sum())
            whole[i] += int(same.all(1).sum())
    return TextComparison(len(raw), tokens, int(model.latent_dim_), *(right / tokens), *(whole / len(raw)))


def text_report(
    model: Autoencoder, raw: Raw, path: str | Path, title: str | None, held_out: bool | None, model_path: Any
) -> Path:
    """Write a page with rows beside their reconstructions; see `report`."""
    c = compare_texts(model, raw)
    errors = np.nan_to_num(np.asarray(model.reconstruction_error(raw)))
    worst = np.argsort(-errors, kind="stable")[:WORST]
    others = np.linspace(0, len(raw) - 1, min(OTHERS, len(raw))).round().astype(int)
    origin = Path(raw.origin).name
    page = render_page(
        "texts.html.j2",
        title=title or f"Autoencoder of {origin}",
        c=c,
        what=f"{plural(len(raw), 'row')} of {origin}, to {plural(c.latent_dim, 'number')} each",
        seen=SEEN[held_out],
        worst=_shown(model, raw, worst, errors),
        others=_shown(model, raw, others, errors),
        history=_history(model),
        chosen=model.chosen_,
        model_path=None if model_path is None else str(model_path),
        date=datetime.now(UTC).strftime("%Y-%m-%d"),
        version=__version__,
    )
    write_bytes(path, page.encode("utf-8", "replace"))
    return Path(path)


def _shown(model: Autoencoder, raw: Raw, rows: np.ndarray, errors: np.ndarray) -> list[dict[str, Any]]:
    """Give rows and what comes back, in runs that are right or wrong."""
    part = raw.take(rows)
    again = model.reconstruct(part)
    lines = []
    for row, original, back in zip(rows.tolist(), part.values, again, strict=True):
        pieces, told = (_pieces(item)[:MOST_SHOWN] for item in (original, back))
        wrong = [i >= len(pieces) or piece != pieces[i] for i, piece in enumerate(told)]
        lines.append(
            {
                "row": f"{row:,}",
                "original": _joined(pieces, original),
                "runs": _runs(told, wrong, original),
                "error": number(float(errors[row])),
            }
        )
    return lines


def _pieces(item: Any) -> list[str]:
    return list(item) if isinstance(item, str) else [str(event) for event in item.tolist()]


def _joined(pieces: Sequence[str], item: Any) -> str:
    return ("" if isinstance(item, str) else " ").join(pieces)


def _runs(pieces: list[str], wrong: list[bool], item: Any) -> list[tuple[bool, str]]:
    """Join neighbours that are both right, or both wrong."""
    runs: list[tuple[bool, list[str]]] = []
    for piece, is_wrong in zip(pieces, wrong, strict=True):
        if not runs or runs[-1][0] != is_wrong:
            runs.append((is_wrong, []))
        runs[-1][1].append(piece)
    return [(is_wrong, _joined(run, item)) for is_wrong, run in runs]


def _history(model: Autoencoder) -> list[tuple[str, ...]]:
    """Losses of some epochs, the first and the last among them."""
    history = model.history_
    last = len(history["epoch"]) - 1
    chosen = sorted({round(i) for i in np.linspace(0, last, min(last + 1, 12))} | {int(model.best_epoch_)})
    columns = ("train_loss", "validation_loss")
    return [(str(int(history["epoch"][i])), *(number(float(history[name][i])) for name in columns)) for i in chosen]
