"""The items whose vectors have the largest products with a user's, of very many: found roughly, then exactly."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from isthmus.data.raw import Csr
from isthmus.tasks.recommending_parts.ranking import largest, top_k

#: Items of which the largest rough product is found first, and users that are worked on at once.
GROUP, USERS = 16, 128
#: Groups looked into, and items whose products are made exactly, for each item that is asked for.
GROUPS, CANDIDATES = 4, 10
#: Rounding of a number that is cut to 8 bits, as a share of it, and a little more.
ROUNDING = 1.01 * 2.0**-9
#: Items from which it pays.
FROM = 20_000


def largest_products(items: np.ndarray) -> LargestProducts | None:
    """Make `LargestProducts` where it pays: of many items, on a processor that multiplies bfloat16 faster."""
    supported = len(items) >= FROM and bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
    return LargestProducts(items) if supported else None


class LargestProducts:
    """Items with the largest products with given vectors, found in bfloat16, with proof that none is overlooked.

    Products are made roughly for all items; those of the most promising are made again in float32. Where the rounding
    could hide a better item, all products of that user are made in float32.

    Parameters
    ----------
    items : float32 ndarray of shape (n_items, d)

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> items, user = rng.normal(size=(500, 8)).astype(np.float32), rng.normal(size=(1, 8)).astype(np.float32)
    >>> found, _ = LargestProducts(items)(user, 3)
    >>> bool((found[0] == np.argsort(-(items @ user[0]))[:3]).all())
    True
    """

    def __init__(self, items: np.ndarray):
        self.items = torch.from_numpy(np.ascontiguousarray(items, np.float32))
        padding = -len(items) % GROUP
        self.rough = torch.nn.functional.pad(self.items, (0, 0, 0, padding)).bfloat16()
        self.longest = float(self.items.norm(dim=1).max())
        self.cut = float((self.items - self.rough[: len(items)]).norm(dim=1).max())
        # Kept, because fresh pages would cost as much as the products.
        self._room = torch.empty(0, dtype=torch.bfloat16)

    def __call__(self, users: np.ndarray, k: int, hidden: Csr | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Find the k best items of each user, those hidden left out.

        Parameters
        ----------
        users : float32 ndarray of shape (m, d)
        k : int
        hidden : csr_matrix of shape (m, n_items), optional

        Returns
        -------
        items : int64 ndarray of shape (m, k)
            -1 where there is none left.
        products : float32 ndarray of shape (m, k)
            Falling; -inf where there is none left.
        """
        vectors = torch.from_numpy(np.ascontiguousarray(users, np.float32))
        if not len(self._room):
            self._room = torch.empty(len(self.rough) * USERS, dtype=torch.bfloat16)
        found = np.empty((len(users), k), np.int64), np.empty((len(users), k), np.float32)
        for start in range(0, len(users), USERS):
            some = slice(start, min(start + USERS, len(users)))
            part = None if hidden is None else hidden[some]
            items, products, sure = self._some(vectors[some], k, part)
            if not sure.all():
                again = np.flatnonzero(~sure)
                whole = (vectors[some][again] @ self.items.T).numpy()
                items[again], products[again] = top_k(whole, k, None if part is None else part[again])
            found[0][some], found[1][some] = items, products
        return found

    def _some(self, users: Tensor, k: int, hidden: Csr | None) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Find the best items of a block of users, and say for which of them it is proven."""
        m, n_groups = len(users), len(self.rough) // GROUP
        if GROUPS * k >= n_groups:
            nothing = np.full((m, k), -1), np.full((m, k), -np.inf, np.float32)
            return *nothing, np.zeros(m, dtype=bool)
        rough = self._room[: len(self.rough) * m].view(-1, m)
        cut = users.bfloat16()
        torch.mm(self.rough, cut.T, out=rough)
        rough[len(self.items) :] = -torch.inf
        if hidden is not None:
            rows = np.repeat(np.arange(m), np.diff(hidden.indptr))
            rough[torch.from_numpy(hidden.indices.astype(np.int64)), torch.from_numpy(rows)] = -torch.inf
        near = rough.view(n_groups, GROUP, m).amax(1).T.float().topk(GROUPS * k + 1, dim=1)
        items = (near.indices[:, :-1, None] * GROUP + torch.arange(GROUP)).flatten(1)
        best = rough[items, torch.arange(m)[:, None]].float().topk(CANDIDATES * k, dim=1)
        # In their order, by which equal ones are ranked.
        items, order = items.gather(1, best.indices).sort(1)
        gone = best.values.isneginf().gather(1, order)
        products = torch.bmm(self.items[items.clamp(max=len(self.items) - 1)], users.unsqueeze(2)).squeeze(2)
        at, exact = largest(products.masked_fill(gone, -torch.inf), k)
        # What was not looked at is no larger than this, but for the rounding; what is equal might have to be first.
        left = torch.maximum(near.values[:, -1], best.values[:, -1])
        # By |zx - ZX| <= |z - Z| |x| + |Z| |x - X| for what was cut, and by the rounding of the product itself.
        left = (
            left + ROUNDING * left.abs() + (users - cut).norm(dim=1) * self.longest + cut.float().norm(dim=1) * self.cut
        )
        sure = (exact[:, -1] > left) & exact[:, -1].isfinite()
        return items.gather(1, at).numpy(), exact.numpy(), sure.numpy()
