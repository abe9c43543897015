"""Layers of a dense network, forward and backward: one function for each type of module."""

from __future__ import annotations

from collections.abc import Callable
from numbers import Real
from typing import Any

import torch
from torch import nn

from isthmus.networks.dense import Flat, Layer, ResidualLayer, Shaped
from isthmus.training.fused.tape import Layout, Tape, Unsupported, Value

Emitter = Callable[[Tape, Any, Value], Value]


def emit(tape: Tape, module: nn.Module, x: Value) -> Value:
    """Write a module down; by its exact type, since a subclass may do anything.

    Raises
    ------
    Unsupported
        If the type is not known here, or hooks watch the module.
    """
    refuse_changed(module)
    emitter = EMITTERS.get(type(module))
    if emitter is None:
        raise Unsupported(f"{type(module).__name__} is not written out")
    return emitter(tape, module, x)


def refuse_changed(module: nn.Module) -> None:
    """Refuse a module that does not do what its type says alone: it has hooks, or a `forward` of its own."""
    hooks = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
    if any(getattr(module, name, None) for name in hooks) or "forward" in vars(module):
        raise Unsupported(f"a {type(module).__name__} has hooks, or a forward of its own")


def linear_into(
    tape: Tape, module: nn.Linear, x: Value, y: Value, columns: int | None = None, add: bool = False
) -> None:
    """Write `y (+)= x W' + b`, into the first `columns` of y where these are given."""
    refuse_changed(module)
    if type(module) is not nn.Linear:
        raise Unsupported
    weight, weight_grad = tape.weight(module.weight)
    bias, bias_grad = (None, None) if module.bias is None else tape.weight(module.bias)
    in_columns = y.layout is Layout.COLUMNS
    if in_columns and columns is not None and columns != y.width:
        raise Unsupported

    def part(name: str) -> str:
        return name if columns in (None, y.width) else tape.columns(name, 0, columns)

    rows_of_x = _rows_of(tape, x)
    if in_columns and x.layout is Layout.SHARED and tape.members > 1 and not add:
        _stacked(tape, weight, bias, x, y)
    else:
        _products(tape, weight, bias, part(y.name), rows_of_x, in_columns, y, add)

    def backward() -> None:
        if y.grad is None:
            raise Unsupported
        grad = part(y.grad)
        if in_columns and x.layout is Layout.SHARED and tape.members > 1:
            tape.product(_stack(tape, weight_grad), _stack(tape, grad), x.name, y.factor)
        else:
            tape.product(weight_grad, grad if in_columns else tape.turned(grad), rows_of_x, y.factor)
        if bias_grad is not None and y.factor is not None and not in_columns:
            # A product, so that the factor is multiplied in on the way.
            ones = tape.view(grad, "ones", lambda tensor: tensor.new_ones(len(tensor), 1, tensor.shape[1]))
            tape.product(bias_grad, ones, grad, y.factor)
        elif bias_grad is not None:
            out = tape.turned(bias_grad) if in_columns else bias_grad
            tape.emit(f"torch.sum({grad}, [{2 if in_columns else 1}], True, out={out})")
            if y.factor is not None:
                tape.emit(f"{bias_grad}.mul_({y.factor})")
        if not x.wanted:
            return
        grad_rows, grad_columns = (tape.turned(grad), grad) if in_columns else (grad, tape.turned(grad))
        if x.layout is Layout.COLUMNS:
            tape.add_product(x, tape.turned(weight), grad_columns, y.factor)
        else:
            tape.add_product(x, grad_rows, weight, y.factor)

    tape.on_backward(backward)


def _rows_of(tape: Tape, x: Value) -> str:
    """Name x as (K, rows, width)."""
    if x.layout is Layout.COLUMNS:
        return tape.turned(x.name)
    if x.layout is Layout.SHARED and tape.members > 1:
        return tape.view(x.name, "all", lambda tensor: tensor.expand(tape.members, -1, -1))
    return x.name


def _products(
    tape: Tape, weight: str, bias: str | None, out: str, rows_of_x: str, in_columns: bool, y: Value, add: bool
) -> None:
    """Write the product of each member."""
    if in_columns:
        first, second = weight, rows_of_x[:-2] if rows_of_x.endswith("_t") else tape.turned(rows_of_x)
        bias = None if bias is None else tape.turned(bias)
    else:
        first, second = rows_of_x, tape.turned(weight)
    if bias is None or add:
        tape.product(out, first, second, add=add)
        if bias is not None:
            tape.emit(f"{out}.add_({bias})")
        y.affine = None
    else:
        tape.emit(f"torch.baddbmm({bias}, {first}, {second}, out={out})")
        y.affine = (bias, first, second) if out == y.name else None


def _stack(tape: Tape, name: str) -> str:
    """Name (K, a, b) as (1, K a, b)."""
    return tape.view(name, "stack", lambda tensor: tensor.view(1, -1, tensor.shape[2]))


def _stacked(tape: Tape, weight: str, bias: str | None, x: Value, y: Value) -> None:
    """Write the products of all members with the same rows as one product, of their weights one below the other."""
    together = tape.hold("together", tape.fixed[weight].clone(memory_format=torch.contiguous_format))
    tape.emit(f"{together}.copy_({weight})")
    out, second = _stack(tape, y.name), tape.turned(x.name)
    if bias is None:
        tape.product(out, _stack(tape, together), second)
        return
    turned = tape.fixed[bias].transpose(1, 2)
    biases = tape.hold("together", turned.clone(memory_format=torch.contiguous_format))
    tape.emit(
        f"{biases}.copy_({tape.turned(bias)})",
        f"torch.baddbmm({_stack(tape, biases)}, {_stack(tape, together)}, {second}, out={out})",
    )


def _linear(tape: Tape, module: nn.Linear, x: Value) -> Value:
    if x.width != module.in_features:
        raise Unsupported
    y = tape.value(module.out_features, tape.layout_of(module))
    linear_into(tape, module, x, y)
    y.fresh = True
    return y


def _elementwise(forward: str, backward: str, from_output: bool) -> Emitter:
    """Make an emitter for an activation.

    `forward` and `backward` are statements in which {x}, {y}, {g} stand for the buffers of the input, the output and
    the gradient, and any other name for an attribute of the module. Where the gradient follows from the output, the
    output takes the input's place if nothing else reads that.
    """

    def write(tape: Tape, module: nn.Module, x: Value) -> Value:
        given = {name: value for name, value in vars(module).items() if isinstance(value, (Real, str))}
        if any(isinstance(value, Real) and value < 0 for value in given.values()):
            raise Unsupported("with a slope below zero the gradient no longer follows from the output")
        numbers = {name: repr(v) if isinstance(v, str) else repr(float(v)) for name, v in given.items()}
        if from_output and x.fresh:
            y = Value(x.name, x.width, x.layout, x.wanted)
        else:
            y = tape.value(x.width, x.layout, x.wanted)
            if from_output:
                tape.emit(f"{y.name}.copy_({x.name})")
        tape.emit(forward.format(x=x.name, y=y.name, **numbers))

        def back() -> None:
            if x.wanted:
                grad = tape.scaled(y)
                tape.emit(backward.format(x=x.name, y=y.name, g=grad, **numbers))
                tape.hand_down(x, grad)

        tape.on_backward(back)
        return y

    return write


def _identity(tape: Tape, module: nn.Module, x: Value) -> Value:
    return x


def _dropout(tape: Tape, module: nn.Dropout, x: Value) -> Value:
    share = float(module.p)
    if not tape.training or share == 0:
        return x
    if share >= 1:
        raise Unsupported
    if x.layout is Layout.SHARED:
        raise Unsupported
    kept = tape.like(x, "kept")
    y = tape.value(x.width, x.layout, x.wanted)
    keep = 1 - share
    tape.emit(f"{kept}.bernoulli_({keep!r}).mul_({1 / keep!r})", f"torch.mul({x.name}, {kept}, out={y.name})")

    def back() -> None:
        if x.wanted:
            grad = tape.scaled(y)
            tape.emit(f"{grad}.mul_({kept})")
            tape.hand_down(x, grad)

    tape.on_backward(back)
    return y


def _layer_norm(tape: Tape, module: nn.LayerNorm, x: Value) -> Value:
    if len(module.normalized_shape) != 1 or module.weight is None or module.bias is None:
        raise Unsupported
    x = tape.as_rows(x)
    (weight, weight_grad), (bias, bias_grad) = tape.weight(module.weight), tape.weight(module.bias)
    normal, mean, inverse = tape.name("normal"), tape.name("mean"), tape.name("inverse")
    y = tape.value(x.width)
    tape.emit(
        f"{normal}, {mean}, {inverse} = "
        f"torch.native_layer_norm({x.name}, [{x.width}], None, None, {float(module.eps)!r})",
        f"torch.addcmul({bias}, {normal}, {weight}, out={y.name})",
    )

    def back() -> None:
        grad = tape.scaled(y)
        spare = tape.buffer("spare", x.width)
        tape.emit(
            f"torch.sum({grad}, [1], True, out={bias_grad})",
            f"torch.mul({grad}, {normal}, out={spare})",
            f"torch.sum({spare}, [1], True, out={weight_grad})",
        )
        if x.wanted:
            given, unused, unused_too = tape.name("given"), tape.name("unused"), tape.name("unused")
            tape.emit(
                f"{grad}.mul_({weight})",
                f"{given}, {unused}, {unused_too} = torch.ops.aten.native_layer_norm_backward({grad}, {x.name}, "
                f"[{x.width}], {mean}, {inverse}, None, None, [True, False, False])",
            )
            tape.add(x, given)

    tape.on_backward(back)
    return y


def _sequence(tape: Tape, module: nn.Sequential, x: Value) -> Value:
    for part in module:
        x = emit(tape, part, x)
    return x


def _layer(tape: Tape, module: Layer, x: Value) -> Value:
    y = emit(tape, module.act, emit(tape, module.linear, x))
    return y if module.dropout is None else emit(tape, module.dropout, y)


def _residual_layer(tape: Tape, module: ResidualLayer, x: Value) -> Value:
    branch = emit(tape, module.act, emit(tape, module.linear, emit(tape, module.norm, x)))
    if module.dropout is not None:
        branch = emit(tape, module.dropout, branch)
    branch, x = tape.as_rows(branch), tape.as_rows(x)
    y = tape.value(branch.width)
    if module.skip is None:
        tape.emit(f"torch.add({branch.name}, {x.name}, out={y.name})")
    else:
        tape.emit(f"{y.name}.copy_({branch.name})")

    def down() -> None:
        # Written after the skip's own gradient, which reads the same buffer before the branch changes it.
        grad = tape.scaled(y)
        if module.skip is None and x.wanted:
            tape.add(x, grad)
        tape.hand_down(branch, grad)

    tape.on_backward(down)
    if module.skip is not None:
        linear_into(tape, module.skip, x, y, add=True)
    return y


def _backward_of(name: str, arguments: str) -> str:
    return f"torch.ops.aten.{name}_backward({{g}}, {arguments}, grad_input={{g}})"


#: SELU's constants (Klambauer et al., 2017).
_SELU = "1.6732632423543772, 1.0507009873554805, 1.0"

EMITTERS: dict[type[nn.Module], Emitter] = {
    nn.Linear: _linear,
    nn.Identity: _identity,
    nn.Dropout: _dropout,
    nn.LayerNorm: _layer_norm,
    nn.Sequential: _sequence,
    Flat: _sequence,
    Shaped: _sequence,
    Layer: _layer,
    ResidualLayer: _residual_layer,
    nn.ReLU: _elementwise("{y}.relu_()", _backward_of("threshold", "{y}, 0.0"), True),
    nn.LeakyReLU: _elementwise(
        "torch.ops.aten.leaky_relu_({y}, {negative_slope})",
        _backward_of("leaky_relu", "{y}, {negative_slope}, True"),
        True,
    ),
    nn.ELU: _elementwise(
        "torch.ops.aten.elu_({y}, {alpha})", _backward_of("elu", "{alpha}, 1.0, 1.0, True, {y}"), True
    ),
    nn.SELU: _elementwise("torch.ops.aten.elu_({y}, " + _SELU + ")", _backward_of("elu", _SELU + ", True, {y}"), True),
    nn.Tanh: _elementwise("{y}.tanh_()", _backward_of("tanh", "{y}"), True),
    nn.Sigmoid: _elementwise("{y}.sigmoid_()", _backward_of("sigmoid", "{y}"), True),
    nn.SiLU: _elementwise("torch.ops.aten.silu({x}, out={y})", _backward_of("silu", "{x}"), False),
    nn.GELU: _elementwise(
        "torch.ops.aten.gelu({x}, approximate={approximate}, out={y})",
        "torch.ops.aten.gelu_backward({g}, {x}, approximate={approximate}, grad_input={g})",
        False,
    ),
    nn.Softplus: _elementwise(
        "torch.ops.aten.softplus({x}, {beta}, {threshold}, out={y})",
        _backward_of("softplus", "{x}, {beta}, {threshold}"),
        False,
    ),
}
