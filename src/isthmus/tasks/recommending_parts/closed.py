"""Linear autoencoders in closed form: EASE, its dropout form EDLAE, and the relaxed, normalised RDLAE."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar, Self

import numpy as np

from isthmus.data.raw import Csr
from isthmus.exceptions import ParameterError
from isthmus.parameters import AUTO, Check, either, number
from isthmus.tasks.recommending_parts.base import Holdout, Settings
from isthmus.tasks.recommending_parts.gram import gram, invert, require_memory
from isthmus.tasks.recommending_parts.ranking import mean_ndcg
from isthmus.tasks.recommending_parts.weights import ItemWeights

#: What "auto" chooses from, walked from STARTS.
GRIDS: Mapping[str, Sequence[float]] = {
    "l2": tuple(2 ** (power / 2) for power in range(41)),
    "dropout": (0.0, 0.25, 0.5, 0.75),
}
STARTS: Mapping[str, float] = {"l2": 2**8.5, "dropout": 0.25}
#: A figure must be better by this to be preferred: far above what rounding moves, far below what matters.
MARGIN = 1e-5
#: Far above the users of any item; beyond it float32 overflows.
L2 = (either(number(0, 1e20, open_left=True), AUTO), "a number above 0 and below 1e20, or 'auto'")
DROPOUT = (either(number(0, 1), AUTO), "a number from 0 to below 1, or 'auto'")


def climb(figure: Callable[[dict[str, float]], float], names: Sequence[str]) -> dict[str, float]:
    """Walk the grids of some parameters, one at a time, to neighbours that are better, until none is.

    Parameters
    ----------
    figure : callable
        The higher the better; asked once for each place.
    names : sequence of str
        Of `GRIDS`.

    Returns
    -------
    dict of str to float
    """
    known: dict[tuple[int, ...], float] = {}

    def at(place: tuple[int, ...]) -> float:
        if any(not 0 <= i < len(GRIDS[name]) for i, name in zip(place, names, strict=True)):
            return float("-inf")
        if place not in known:
            known[place] = figure({name: GRIDS[name][i] for i, name in zip(place, names, strict=True)})
        return known[place]

    place = tuple(GRIDS[name].index(STARTS[name]) for name in names)
    moved = True
    while moved:
        moved = False
        for axis in range(len(names)):
            for step in (1, -1):
                there = place
                while at(beside := (*there[:axis], there[axis] + step, *there[axis + 1 :])) > at(there) + MARGIN:
                    there = beside
                if there != place:
                    place, moved = there, True
                    break
    return {name: GRIDS[name][i] for i, name in zip(place, names, strict=True)}


class ClosedForm(ItemWeights):
    """B = I - P diag(c) with P = (G + L)^-1, where G is the Gram matrix, L a diagonal penalty and c keeps B_jj small.

    It minimises |X - X B|^2 + |L^(1/2) B|^2 subject to B_jj <= diagonal.

    Parameters
    ----------
    l2 : float or "auto"
        Penalty of an item of mean weight.
    dropout : float or "auto"
        Share of each history that is hidden in training: adds dropout / (1 - dropout) * diag(G) to the penalty.
    diagonal : float
        Largest weight of an item on itself, from 0 to 1.
    items : float
        Power of an item's weight (its share of diag(G)) in its penalty, from 0 to 2; 0 treats all items alike.
    users : float
        Power of the size of a history by which its user counts less, from 0 to 2; 1 makes all users count alike.
    """

    def __init__(
        self,
        l2: float | str = "auto",
        dropout: float | str = 0.0,
        diagonal: float = 0.0,
        items: float = 0.0,
        users: float = 0.0,
    ) -> None:
        self.l2 = l2
        self.dropout = dropout
        self.diagonal = diagonal
        self.items = items
        self.users = users

    def fit(self, interactions: Csr, holdout: Holdout | None, settings: Settings) -> Self:
        """Learn the weights; what is "auto" is chosen by NDCG@100 on the users held out, from one Gram matrix.

        Raises
        ------
        ParameterError
            If memory does not suffice, or the penalty is too small for a solution in float32.
        """
        given = {"l2": self.l2, "dropout": self.dropout}
        open_names = [name for name, value in given.items() if isinstance(value, str)]
        fixed = {name: float(value) for name, value in given.items() if not isinstance(value, str)}
        searched = bool(open_names) and holdout is not None and holdout.targets.nnz > 0
        instead = "model='elsa' or 'sparse_inverse'"
        require_memory(self.name, interactions.shape[1], 2 if searched else 1, instead)
        sizes = np.maximum(np.diff(interactions.indptr), 1).astype(float)
        counted = sizes**-self.users
        counted *= sizes.sum() / (counted @ sizes)
        matrix = gram(interactions, counted if self.users else None)
        if searched:
            assert holdout is not None
            room, held = np.empty_like(matrix), holdout

            def figure(place: dict[str, float]) -> float:
                np.copyto(room, matrix)
                if not self._solve(room, **fixed, **place):
                    return float("-inf")
                return mean_ndcg(lambda history: np.asarray(history @ room), held.history, held.targets)

            self._chosen = climb(figure, open_names)
            del room
        else:
            self._chosen = {name: STARTS[name] for name in open_names}
        if not self._solve(matrix, **fixed, **self._chosen):
            raise ParameterError(
                f"model={self.name!r}: l2={self.l2!r} is too small for a solution in float32 on these data; expected "
                "about the number of users of an item. Set a larger l2, or l2='auto'."
            )
        self.weights_, self._directions = matrix, None
        return self

    def _solve(self, matrix: np.ndarray, l2: float, dropout: float) -> bool:
        """Turn the Gram matrix into the weights, in place; False if it cannot be inverted."""
        counts = matrix.diagonal().astype(np.float64)
        present = counts > 0
        counts = np.maximum(counts, counts[present].min() if present.any() else 1.0)
        penalty = l2 * (counts / counts.mean()) ** self.items + dropout / (1 - dropout) * counts
        diagonal = np.arange(len(matrix))
        matrix[diagonal, diagonal] += penalty.astype(np.float32)
        if not invert(matrix):
            return False
        inverse = matrix.diagonal().astype(np.float64)
        scale = np.maximum(penalty, (1 - self.diagonal) / inverse)
        matrix *= -scale.astype(np.float32)
        matrix[diagonal, diagonal] = 1 - inverse * scale if self.diagonal else 0
        return True


class EASE(ClosedForm):
    """Item-item weights with a zero diagonal that reconstruct histories best, under a squared penalty.

    Parameters
    ----------
    l2 : float or "auto", default="auto"
        Penalty, in users of an item; "auto" walks powers of the root of 2 on held-out users.

    References
    ----------
    Steck, "Embarrassingly Shallow Autoencoders for Sparse Data", WWW 2019.

    Examples
    --------
    >>> import numpy as np
    >>> from scipy import sparse
    >>> taken = sparse.csr_matrix(np.array([[1, 1, 0], [1, 1, 0], [0, 1, 1]], np.float32))
    >>> EASE(l2=1.0).fit(taken, None, Settings(seed=0)).weights_.round(2)
    array([[ 0.  ,  0.67, -0.25],
           [ 0.57,  0.  ,  0.37],
           [-0.29,  0.5 ,  0.  ]], dtype=float32)
    """

    name = "ease"
    PARAMETERS: ClassVar[Mapping[str, tuple[Check, str]]] = {"l2": L2}

    def __init__(self, l2: float | str = "auto") -> None:
        super().__init__(l2)


class EDLAE(ClosedForm):
    """EASE trained with dropout on its input, in closed form: items are penalised by how often they are taken.

    Parameters
    ----------
    l2 : float or "auto", default="auto"
        Penalty that all items share.
    dropout : float or "auto", default="auto"
        Share of each history hidden in training, from 0 (EASE) to below 1.

    References
    ----------
    Steck, "Autoencoders that don't overfit towards the Identity", NeurIPS 2020.
    """

    name = "edlae"
    PARAMETERS: ClassVar[Mapping[str, tuple[Check, str]]] = {"l2": L2, "dropout": DROPOUT}

    def __init__(self, l2: float | str = "auto", dropout: float | str = "auto") -> None:
        super().__init__(l2, dropout)


class RDLAE(ClosedForm):
    """EDLAE with a relaxed diagonal, in which all users count alike and rare items are penalised less.

    Parameters
    ----------
    l2 : float or "auto", default="auto"
        Penalty of an item of mean weight.
    dropout : float or "auto", default=0.0
        Share of each history hidden in training.
    diagonal : float, default=1.0
        Largest weight of an item on itself: 0 is EDLAE, 1 leaves it free (DLAE).
    items : float, default=0.25
        Power of an item's popularity in its penalty, from 0 to 2.
    users : float, default=1.0
        Power of the size of a history by which its user counts less, from 0 to 2.

    References
    ----------
    Moon, Kim, Lee, "It's Enough: Relaxing Diagonal Constraints in Linear Autoencoders for Recommendation", SIGIR 2023.
    Park, Yoon, Choi, Lee, "Why is Normalization Necessary for Linear Recommenders?", SIGIR 2025: the same weighting of
    users; theirs scales items before the fit and after, ours in the penalty alone.
    """

    name = "rdlae"
    PARAMETERS: ClassVar[Mapping[str, tuple[Check, str]]] = {
        "l2": L2,
        "dropout": DROPOUT,
        "diagonal": (number(0, 1.0000001), "a number from 0 to 1"),
        "items": (number(0, 2.0000001), "a number from 0 to 2"),
        "users": (number(0, 2.0000001), "a number from 0 to 2"),
    }

    def __init__(
        self,
        l2: float | str = "auto",
        dropout: float | str = 0.0,
        diagonal: float = 1.0,
        items: float = 0.25,
        users: float = 1.0,
    ) -> None:
        super().__init__(l2, dropout, diagonal, items, users)
