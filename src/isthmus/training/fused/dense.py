"""A whole training step of a dense autoencoder, written down."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import nn

from isthmus.networks import Network
from isthmus.networks.base import LinearPath
from isthmus.objectives import Loss, Objective
from isthmus.training.fused import codes, layers, losses
from isthmus.training.fused.tape import FEW, Layout, Tape, Unsupported, Value
from isthmus.training.step import RECONSTRUCTION
from isthmus.training.weights import FlatWeights, update_text


@dataclass
class Written:
    """A step as statements.

    Parameters
    ----------
    tape : Tape
    seen, sample : str, optional
        Buffers of the mask as numbers, and of which network learns from which row.
    given : str
        Buffer of the rows as the encoder sees them; the same as the clean ones, "x", where nothing corrupts them.
    sums : dict of str to str
        By the part of the loss, the sum over batches that the statements add to.
    """

    tape: Tape
    seen: str | None
    sample: str | None
    given: str
    sums: dict[str, str]


#: Buffers of the clean rows and of which network learns from which, and the sum of the gradients' norms.
CLEAN, SAMPLE, NORMS = "x", "sample", "norms"


def write_step(
    networks: Sequence[Network],
    weights: FlatWeights,
    objective: Objective,
    loss: Loss,
    shape: tuple[int, ...],
    masked: bool,
    training: bool,
    sampled: bool = False,
    decays: bool = False,
) -> Written:
    """Write a step of K equal networks down, or the forward half of it.

    Raises
    ------
    Unsupported
        If a layer, a loss or the objective is of a type not covered.
    """
    for network in networks:
        if type(network) is not Network or {"encode", "decode"} & vars(network).keys():
            raise Unsupported
    tape = Tape(weights, training)
    size = math.prod(shape)
    shared = Layout.ROWS if tape.members == 1 else Layout.SHARED
    tape.buffers[CLEAN] = (size, shared)
    # Small networks side by side: it pays to turn their common target once.
    turned = tape.members > 1 and size <= FEW and not masked
    tape.in_rows = _linear_layers_in_rows(networks[0], objective, last=not turned)
    seen = tape.buffer("seen", size, shared) if masked else None
    corrupts = objective.corrupts()
    x = Value(tape.buffer("given", size) if corrupts else CLEAN, size, Layout.ROWS if corrupts else shared, False)
    h = _encode(tape, networks, x, seen)
    z, terms = codes.emit(tape, objective, h, [network.own for network in networks])
    output = _decode(tape, networks, z, size)
    # SAMPLE is gathered as (rows, K).
    if turned and output.layout is Layout.COLUMNS:
        target = tape.buffer("target", size, Layout.SHARED_COLUMNS)
        tape.emit(f"{target}.copy_({tape.turned(CLEAN)})")
        sample = tape.view(SAMPLE, "row", lambda table: table.t()[:, None])
    else:
        target, output = CLEAN, tape.as_rows(output)
        sample = tape.view(SAMPLE, "column", lambda table: table.t()[:, :, None])
    spread = codes.spread(tape, objective, [network.own for network in networks])
    goal = losses.Target(target, seen, sample if sampled else None, size)
    summed = losses.emit(tape, loss, output, goal, spread)
    sums = {RECONSTRUCTION: summed}
    for name, term in terms.items():
        sums[name] = tape.hold("sum", weights.values.new_zeros(tape.members))
        tape.emit(f"{sums[name]}.add_({term})")
    if training:
        tape.write_backward()
        if set(tape.gradients.values()) != set(weights.places):
            raise Unsupported
        _gather_gradients(tape)
        tape.fixed |= weights.tensors
        tape.fixed[NORMS] = torch.zeros_like(weights.norm)
        tape.emit(*update_text(tape.members, decays, weights.on_cpu).splitlines(), f"{NORMS}.add_(norm)")
    return Written(tape, seen, SAMPLE if sampled else None, x.name, sums)


def _linear_layers_in_rows(network: Network, objective: Objective, last: bool) -> set[int] | None:
    """Linear layers whose output something takes in rows: the last one, the code's, or all that are normalised."""
    if any(isinstance(module, nn.LayerNorm) for module in network.modules()):
        return None
    parts = ([network.decoder] if last else []) + ([] if codes.is_plain(objective) else [network.encoder])
    found = [[module for module in part.modules() if isinstance(module, nn.Linear)] for part in parts]
    return {id(layers_[-1]) for layers_ in found if layers_}


def _encode(tape: Tape, networks: Sequence[Network], x: Value, seen: str | None) -> Value:
    network = networks[0]
    if network.mask_axis is None:
        entering = x
    else:
        # Dense encoders take the flat row, then its mask; those of pictures would have them joined along the channels.
        entering = Value(tape.buffer("joined", 2 * x.width, x.layout), 2 * x.width, x.layout, False)
        values, mask = tape.columns(entering.name, 0, x.width), tape.columns(entering.name, x.width, 2 * x.width)
        tape.emit(f"{values}.copy_({x.name})", f"{mask}.fill_(1.0)" if seen is None else f"{mask}.copy_({seen})")
    h = layers.emit(tape, network.encoder, entering)
    if network.linear is not None:
        paths = _paths(networks)
        centers = torch.stack([path.center for path in paths])[:, None]
        same = bool((centers == centers[:1]).all())
        center = tape.hold("center", centers[:1] if same else centers)
        layout = x.layout if same else Layout.ROWS
        centred = Value(tape.buffer("centred", x.width, layout), x.width, layout, False)
        tape.emit(f"torch.sub({x.name}, {center}, out={centred.name})")
        h = _beside(tape, h)
        layers.linear_into(tape, paths[0].encoder, centred, h, columns=paths[0].encoder.out_features, add=True)
    if network.code_activation is not None:
        h = layers.emit(tape, network.code_activation, h)
    return h


def _decode(tape: Tape, networks: Sequence[Network], z: Value, size: int) -> Value:
    network = networks[0]
    output = layers.emit(tape, network.decoder, z)
    if output.width != size:
        raise Unsupported
    if network.linear is not None:
        output = _beside(tape, output)
        layers.linear_into(tape, network.linear.decoder, z, output, add=True)
    if network.output_activation is not None:
        output = layers.emit(tape, network.output_activation, output)
    return output


def _paths(networks: Sequence[Network]) -> list[LinearPath]:
    paths = [network.linear for network in networks]
    if any(type(path) is not LinearPath for path in paths):
        raise Unsupported
    return [path for path in paths if path is not None]


def _beside(tape: Tape, value: Value) -> Value:
    """Give a value that the linear path may be added to: the same, unless its own layer needs it unchanged."""
    if value.fresh:
        return value
    y = tape.value(value.width, Layout.ROWS if value.layout is Layout.SHARED else value.layout, value.wanted)
    tape.emit(f"{y.name}.copy_({value.name})")
    tape.on_backward(lambda: tape.hand_down(value, tape.scaled(y)))
    return y


def _gather_gradients(tape: Tape) -> None:
    """Bring the gradients of several members' weights into the one buffer."""
    if tape.members == 1:
        return
    by_weight = {weight: name for name, weight in tape.gradients.items()}
    flat = [
        tape.view(by_weight[weight], "flat", lambda grad: grad.view(len(grad), -1)) for weight in tape.weights.places
    ]
    tape.emit(f"torch.cat([{', '.join(flat)}], 1, out=grads)")
