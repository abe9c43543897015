"""Isolation forest: how few random cuts set a row apart."""

from __future__ import annotations

from typing import Any, ClassVar, Self

import numpy as np
import torch
from sklearn.ensemble import IsolationForest
from torch import Tensor

from isthmus.autoencoder import Autoencoder
from isthmus.tasks.anomaly_parts.base import Part, Setting
from isthmus.tasks.anomaly_parts.views import Rows

TREES = 200
#: Rows at once, so that what is gathered stays small.
BLOCK = 4096


class Forest(Part):
    """Isolation forest of Liu, Ting and Zhou (2008), grown by scikit-learn and kept as arrays.

    The score is that of the paper, 2 to the power of minus the mean depth over the depth expected. What a column adds
    is by how much its cuts shorten the depth still expected, summed along the paths.
    """

    name: ClassVar[str] = "forest"

    def __init__(self) -> None:
        self.nodes: dict[str, Tensor] = {}
        self.unit = 1.0
        self.levels = 0

    def fit(self, rows: Rows, setting: Setting) -> Self:
        samples = min(256, len(rows))
        settings: dict[str, Any] = {"n_estimators": TREES, "max_samples": samples, "random_state": setting.seed}
        forest = IsolationForest(**settings).fit(rows.plain.numpy())
        trees: list[Any] = [tree.tree_ for tree in forest.estimators_]
        most = max(tree.node_count for tree in trees)
        kinds = {"feature": np.int64, "threshold": np.float64, "left": np.int64, "right": np.int64, "depth": np.float64}
        nodes = {name: np.zeros((len(trees), most), kind) for name, kind in kinds.items()}
        for i, tree in enumerate(trees):
            n, inside = tree.node_count, tree.children_left >= 0
            here = np.arange(n)
            nodes["feature"][i, :n] = np.where(inside, tree.feature, 0)
            nodes["threshold"][i, :n] = tree.threshold
            # A leaf leads to itself, so that every path can be followed to the same length.
            nodes["left"][i, :n] = np.where(inside, tree.children_left, here)
            nodes["right"][i, :n] = np.where(inside, tree.children_right, here)
            nodes["depth"][i, :n] = _expected_depths(tree)
        self.nodes = {name: torch.from_numpy(array) for name, array in nodes.items()}
        self.unit = max(float(_unsuccessful(samples)), 1.0)
        self.levels = max(tree.max_depth for tree in trees)
        return self

    def update(self, rows: Rows, new: Rows, setting: Setting) -> None:
        self.fit(rows, setting)

    def _paths(self, x: Tensor) -> tuple[Tensor, list[tuple[Tensor, Tensor]]]:
        """Follow rows down: the node that each ends in in each tree, and column and gain of each cut on the way."""
        node = torch.zeros(len(self.nodes["left"]), len(x), dtype=torch.int64)
        cuts = []
        depth = self.nodes["depth"].gather(1, node)
        for _ in range(self.levels):
            feature = self.nodes["feature"].gather(1, node)
            value = x.T.gather(0, feature)
            goes_left = value <= self.nodes["threshold"].gather(1, node)
            node = torch.where(goes_left, self.nodes["left"].gather(1, node), self.nodes["right"].gather(1, node))
            below = self.nodes["depth"].gather(1, node)
            cuts.append((feature, depth - below))
            depth = below
        return depth, cuts

    def scores(self, rows: Rows) -> Tensor:
        depths = [self._paths(block)[0].mean(0) for block in rows.plain.split(BLOCK)]
        return torch.cat(depths).div(-self.unit).exp2()[:, None].to(rows.plain)

    def shares(self, rows: Rows) -> Tensor:
        blocks = []
        for block in rows.plain.split(BLOCK):
            gains = torch.zeros(block.shape[1], len(block), dtype=torch.float64)
            for feature, gain in self._paths(block)[1]:
                gains.scatter_add_(0, feature, gain)
            blocks.append(gains.T.clamp(min=0))
        return torch.cat(blocks)[:, None]

    def arrays(self) -> dict[str, np.ndarray]:
        shape = np.array([self.unit, self.levels])
        return {"shape": shape} | {name: tensor.numpy() for name, tensor in self.nodes.items()}

    @classmethod
    def restore(cls, arrays: dict[str, np.ndarray], autoencoders: dict[str, Autoencoder], references: Rows) -> Forest:
        part = cls()
        part.nodes = {name: torch.from_numpy(array) for name, array in arrays.items() if name != "shape"}
        part.unit, part.levels = float(arrays["shape"][0]), int(arrays["shape"][1])
        return part


def _unsuccessful(n: np.ndarray | int) -> np.ndarray:
    """Mean depth at which a search among n values ends without success (Liu et al., equation 1)."""
    n = np.asarray(n, dtype=np.float64)
    safe = np.maximum(n, 3)
    usual = 2 * (np.log(safe - 1) + np.euler_gamma) - 2 * (safe - 1) / safe
    return np.where(n <= 1, 0.0, np.where(n == 2, 1.0, usual))


def _expected_depths(tree: Any) -> np.ndarray:
    """Depth expected of a row that has come to a node: mean over the leaves below, by their rows."""
    left, right, counts = tree.children_left, tree.children_right, tree.n_node_samples
    level = np.zeros(tree.node_count)
    expected = np.zeros(tree.node_count)
    for i in range(tree.node_count):  # a parent comes before its children
        if left[i] >= 0:
            level[left[i]] = level[right[i]] = level[i] + 1
    for i in reversed(range(tree.node_count)):
        if left[i] < 0:
            expected[i] = level[i] + _unsuccessful(counts[i])
        else:
            a, b = counts[left[i]], counts[right[i]]
            expected[i] = (a * expected[left[i]] + b * expected[right[i]]) / (a + b)
    return expected
