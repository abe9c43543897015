"""Holes to learn from: scattered pixels, blocks, scratches, large areas, and the shapes of a person's own masks."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from PIL import Image, ImageDraw

#: Draws a mask (size, size), True where missing.
Draw = Callable[[int, np.random.Generator], np.ndarray]

#: Shares of the pixels that are scattered, sides of blocks and how many, width of scratches and how many, and the side
#: of a large area as a share of the crop's.
SHARES, BLOCK_SIDES, MOST_BLOCKS = (0.05, 0.95), (4, 40), 6
WIDTHS, MOST_SCRATCHES, LARGE = (1, 7), 6, (0.3, 0.8)


def _pixels(size: int, rng: np.random.Generator) -> np.ndarray:
    return rng.random((size, size)) < rng.uniform(*SHARES)


def _blocks(size: int, rng: np.random.Generator) -> np.ndarray:
    mask = np.zeros((size, size), bool)
    for _ in range(rng.integers(1, MOST_BLOCKS + 1)):
        h, w = (int(min(rng.integers(BLOCK_SIDES[0], BLOCK_SIDES[1] + 1), size - 1)) for _ in range(2))
        y, x = rng.integers(size - h + 1), rng.integers(size - w + 1)
        mask[y : y + h, x : x + w] = True
    return mask


def _scratches(size: int, rng: np.random.Generator) -> np.ndarray:
    picture = Image.new("1", (size, size))
    draw = ImageDraw.Draw(picture)
    for _ in range(rng.integers(1, MOST_SCRATCHES + 1)):
        turns = rng.uniform(-0.2, 1.2, (int(rng.integers(2, 5)), 2)) * size
        draw.line([tuple(point) for point in turns.tolist()], fill=1, width=int(rng.integers(*WIDTHS)))
    return np.array(picture, dtype=bool)


def _large(size: int, rng: np.random.Generator) -> np.ndarray:
    h, w = (max(1, int(size * rng.uniform(*LARGE))) for _ in range(2))
    y, x = rng.integers(size - h + 1), rng.integers(size - w + 1)
    mask = np.zeros((size, size), bool)
    mask[y : y + h, x : x + w] = True
    return mask


HOLES: dict[str, Draw] = {"pixels": _pixels, "blocks": _blocks, "scratches": _scratches, "large": _large}


class Holes:
    """Draws masks of holes.

    Parameters
    ----------
    names : sequence of str
        From `HOLES`, each drawn as often.
    shapes : sequence of bool ndarray of shape (h, w)
        A person's own masks, True where missing: if there are any, half of the holes are pieces of these, turned and
        mirrored.

    Examples
    --------
    >>> holes = Holes(["blocks", "scratches"])
    >>> holes.draw(3, 32, np.random.default_rng(0)).shape
    (3, 32, 32)
    """

    def __init__(self, names: Sequence[str], shapes: Sequence[np.ndarray] = ()):
        self._draws = [HOLES[name] for name in names]
        self._shapes = [(shape, np.argwhere(shape)) for shape in shapes if shape.any()]

    def draw(self, n: int, size: int, rng: np.random.Generator) -> np.ndarray:
        """Draw n masks (n, size, size), True where missing; none is missing whole."""
        masks = np.stack([self._one(size, rng) for _ in range(n)])
        masks[masks.all((1, 2)), 0, 0] = False
        return masks

    def _one(self, size: int, rng: np.random.Generator) -> np.ndarray:
        if self._shapes and rng.random() < 0.5:
            return _piece(*self._shapes[rng.integers(len(self._shapes))], size, rng)
        return self._draws[rng.integers(len(self._draws))](size, rng)


def _piece(shape: np.ndarray, missing: np.ndarray, size: int, rng: np.random.Generator) -> np.ndarray:
    """Give a piece of a mask about one of its missing pixels."""
    middle = missing[rng.integers(len(missing))] - rng.integers(size, size=2)
    piece = np.zeros((size, size), bool)
    low = np.maximum(middle, 0)
    part = shape[low[0] : middle[0] + size, low[1] : middle[1] + size]
    start = low - middle
    piece[start[0] : start[0] + part.shape[0], start[1] : start[1] + part.shape[1]] = part
    piece = np.rot90(piece, int(rng.integers(4)))
    return piece[:, ::-1] if rng.random() < 0.5 else piece
