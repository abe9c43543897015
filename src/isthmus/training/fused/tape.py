"""Writing a step down: statements forward, and the statements of their gradients backward."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

import torch
from torch import Tensor, nn

from isthmus.training.weights import FlatWeights

#: Columns up to which what a linear layer gives is laid out in columns.
FEW = 64
#: From the rows of a batch to a factor.
Factor = Callable[[int], float]


class Layout(Enum):
    """How the values of a batch lie in memory."""

    #: (K, rows, width).
    ROWS = "rows"
    #: (K, width, rows): products of few columns are up to four times as fast along the rows.
    COLUMNS = "columns"
    #: (1, rows, width): the same for all networks.
    SHARED = "shared"
    #: (1, width, rows).
    SHARED_COLUMNS = "shared columns"

    def shape(self, members: int, rows: int, width: int) -> tuple[int, int, int]:
        """Shape of a buffer."""
        first = members if self in (Layout.ROWS, Layout.COLUMNS) else 1
        return (first, rows, width) if self in (Layout.ROWS, Layout.SHARED) else (first, width, rows)


@dataclass
class Value:
    """A batch of rows within the step.

    Parameters
    ----------
    name : str
        Its buffer.
    width : int
    layout : Layout
    wanted : bool
        Whether its gradient is asked for.
    grad : str, optional
        Buffer of its gradient, once something has added to it.
    factor : str, optional
        Constant by which `grad` is still to be multiplied: the products that read it do so on the way.
    fresh : bool
        Whether a single layer reads it, which may then write over it.
    affine : tuple of str, optional
        Where it is no more than a bias plus a product: these three, the product's factors last.
    """

    name: str
    width: int
    layout: Layout = Layout.ROWS
    wanted: bool = True
    grad: str | None = None
    factor: str | None = None
    fresh: bool = False
    affine: tuple[str, str, str] | None = None


class Unsupported(Exception):
    """What the fused step does not cover; autograd does."""


class Tape:
    """Statements and buffers of a step, in the order in which they are emitted.

    Parameters
    ----------
    weights : FlatWeights
        Of the networks that the step trains, all at once.
    training : bool
        Whether gradients are wanted; without, the step only measures.

    Attributes
    ----------
    forward : list of str
        Statements so far.
    buffers : dict of str to (int, Layout)
        Width and layout of each buffer.
    fixed : dict of str to Tensor
        Tensors that do not depend on the rows of the batch.
    views : dict of str to (str, callable)
        Names for views of buffers and fixed tensors, and for constants of their size.
    factors : dict of str to callable
        Constants, from the rows of the batch.
    in_rows : set of int, optional
        By `id`, linear layers whose output must be in rows; None: all.
    """

    def __init__(self, weights: FlatWeights, training: bool):
        self.weights = weights
        self.members = len(weights)
        self.training = training
        self.forward: list[str] = []
        self.buffers: dict[str, tuple[int, Layout]] = {}
        self.in_rows: set[int] | None = None
        self.fixed: dict[str, Tensor] = {}
        self.views: dict[str, tuple[str, Callable[[Tensor], Tensor]]] = {}
        self.factors: dict[str, Factor] = {}
        self.gradients: dict[str, str] = {}
        self._backward: list[Callable[[], None]] = []
        self._count = 0
        self._names = {id(p): name for name, p in weights.networks[0].named_parameters() if p.requires_grad}

    # Names -----------------------------------------------------------------------------------------------------------

    def name(self, stem: str) -> str:
        """Make a name that no other has."""
        self._count += 1
        return f"{stem}{self._count}"

    def buffer(self, stem: str, width: int, layout: Layout = Layout.ROWS) -> str:
        """Name a new buffer."""
        name = self.name(stem)
        self.buffers[name] = (width, layout)
        return name

    def value(self, width: int, layout: Layout = Layout.ROWS, wanted: bool = True) -> Value:
        """Make a new value with a buffer of its own."""
        return Value(self.buffer("h", width, layout), width, layout, wanted and self.training)

    def like(self, value: Value, stem: str) -> str:
        """Name a new buffer of the size and layout of a value."""
        return self.buffer(stem, value.width, value.layout)

    def layout_of(self, module: nn.Linear) -> Layout:
        """Choose the layout of what a linear layer gives: columns where these are few and nothing asks for rows."""
        if self.in_rows is None or id(module) in self.in_rows or module.out_features > FEW:
            return Layout.ROWS
        return Layout.COLUMNS

    def as_rows(self, value: Value) -> Value:
        """Give a value in rows, a copy if it is not."""
        if value.layout is not Layout.COLUMNS:
            return value
        y = self.value(value.width, Layout.ROWS, value.wanted)
        self.emit(f"{y.name}.copy_({self.turned(value.name)})")

        def back() -> None:
            if value.wanted:
                self.add(value, self.turned(self.scaled(y)))

        self.on_backward(back)
        return y

    def hold(self, stem: str, tensor: Tensor) -> str:
        """Name a tensor that does not depend on the rows."""
        name = self.name(stem)
        self.fixed[name] = tensor
        return name

    def view(self, of: str, stem: str, make: Callable[[Tensor], Tensor]) -> str:
        """Name a view of a buffer or a fixed tensor; the same for the same two names."""
        name = f"{of}_{stem}"
        self.views[name] = (of, make)
        return name

    def turned(self, name: str) -> str:
        """Name the transpose of the last two axes."""
        return self.view(name, "t", lambda tensor: tensor.transpose(1, 2))

    def columns(self, name: str, start: int, stop: int) -> str:
        """Name some columns of a buffer."""
        return self.view(name, f"c{start}_{stop}", lambda tensor: tensor[..., start:stop])

    def constant(self, factor: Factor) -> str:
        """Name a number that may depend on the rows of the batch."""
        name = self.name("c")
        self.factors[name] = factor
        return name

    def weight(self, parameter: Tensor) -> tuple[str, str]:
        """Name a parameter of all members, and its gradient: (K, out, in), or (K, 1, out) for a bias.

        Raises
        ------
        Unsupported
            If the parameter is not trained, or was named before: its gradient would be the sum of two.
        """
        own = self._names.get(id(parameter))
        if own is None or own in self.gradients.values():
            raise Unsupported
        shape = (self.members, *((1,) if parameter.ndim == 1 else ()), *parameter.shape)
        place = self.weights.places[own]
        name = self.hold("w", self.weights.values[:, place].view(shape))
        if self.members == 1:
            grad = self.hold("gw", self.weights.grads[:, place].view(shape))
        else:
            # Products into strided memory are slow: they go into one of their own and are gathered at the end.
            grad = self.hold("gw", torch.zeros(shape, dtype=parameter.dtype, device=parameter.device))
        self.gradients[grad] = own
        return name, grad

    # Statements ------------------------------------------------------------------------------------------------------

    def emit(self, *statements: str) -> None:
        """Write statements down."""
        self.forward.extend(statements)

    def on_backward(self, write: Callable[[], None]) -> None:
        """Leave the statements of a gradient for later; the last left are written first."""
        if self.training:
            self._backward.append(write)

    def write_backward(self) -> None:
        """Write the gradients down, after the last statement forward."""
        while self._backward:
            self._backward.pop()()

    def product(self, out: str, a: str, b: str, factor: str | None = None, add: bool = False) -> None:
        """Write a matrix product for each member, times a factor, into `out` or added to it."""
        if factor is None and not add:
            self.emit(f"torch.bmm({a}, {b}, out={out})")
        else:
            beta = "1.0" if add else "0.0"
            self.emit(f"torch.baddbmm({out}, {a}, {b}, beta={beta}, alpha={factor or '1.0'}, out={out})")

    def scaled(self, value: Value) -> str:
        """Name of a value's gradient with its pending factor multiplied in."""
        if value.grad is None:
            raise Unsupported
        if value.factor is not None:
            self.emit(f"{value.grad}.mul_({value.factor})")
            value.factor = None
        return value.grad

    def add_product(self, value: Value, a: str, b: str, factor: str | None) -> None:
        """Add a product to a value's gradient."""
        if value.grad is None:
            value.grad = self.like(value, "g")
            self.product(value.grad, a, b, factor)
        else:
            self.product(self.scaled(value), a, b, factor, add=True)

    def add(self, value: Value, tensor: str, factor: str | None = None) -> None:
        """Add a buffer, times a factor, to a value's gradient."""
        if value.grad is None:
            value.grad = self.like(value, "g")
            self.emit(f"torch.mul({tensor}, {factor or '1.0'}, out={value.grad})")
        else:
            self.emit(f"{self.scaled(value)}.add_({tensor}, alpha={factor or '1.0'})")

    def hand_down(self, value: Value, grad: str) -> None:
        """Let a value take over a gradient's buffer that nothing else reads any more."""
        if value.grad is None:
            value.grad = grad
        else:
            self.emit(f"{self.scaled(value)}.add_({grad})")
