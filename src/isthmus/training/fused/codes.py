"""Objectives' codes and terms, forward and backward: one function for each type of objective.

What an objective does to the batch (`corrupt`) is left to itself: it is called between the statements.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from torch import nn

from isthmus.objectives import Chain, Objective, Sparse, Variational
from isthmus.objectives.sparse_kinds import EDGE, share
from isthmus.objectives.variational import LEARNED, LEAST, MOST, SPEED
from isthmus.training.fused.losses import Spread
from isthmus.training.fused.tape import Layout, Tape, Unsupported, Value

#: Names of terms, by the name in the record, of shape (K,).
Terms = dict[str, str]
#: Places beside the code that a written step does not come by.
ELSEWHERE = ("reconstruction", "terms", "before_update", "after_update")
#: What the objective has of its own beside each of the K networks.
Owns = Sequence[Any]
Emitter = Callable[[Tape, Any, Value, Owns], tuple[Value, Terms]]


def emit(tape: Tape, objective: Objective, h: Value, owns: Owns) -> tuple[Value, Terms]:
    """Write `objective.code(h)` down; `owns` are what it has of its own beside each network.

    Raises
    ------
    Unsupported
        If the type of objective is not known here: a subclass may do anything.
    """
    h.fresh = False
    if is_plain(objective):
        if objective.overrides(*ELSEWHERE):
            raise Unsupported
        return h, {}
    emitter = EMITTERS.get(type(objective))
    if emitter is None:
        raise Unsupported
    return emitter(tape, objective, tape.as_rows(h), owns)


def spread(tape: Tape, objective: Objective, owns: Owns) -> Spread | None:
    """Name the variance that the first variational objective gives the decoder, if it gives one."""
    if type(objective) is Chain:
        parts = enumerate(objective.objectives)
        found = [(part, [_of_part(own, str(i)) for own in owns]) for i, part in parts if _decides(part)]
        return spread(tape, *found[0]) if found else None
    if type(objective) is not Variational or objective.spread is None:
        return None
    if objective.spread == LEARNED:
        name, grad = tape.weight(owns[0].slow_log_variance)
        return Spread(f"({name} * {SPEED})", grad, SPEED)
    return Spread(tape.hold("given", tape.weights.values.new_full((tape.members,), math.log(objective.spread))))


def _decides(objective: Objective) -> bool:
    """Whether the reconstruction loss is this objective's own."""
    return objective.overrides("reconstruction")


def is_plain(objective: Objective) -> bool:
    """Whether the code is what the encoder gives, and no term is added."""
    if type(objective) is Chain:
        return all(map(is_plain, objective.objectives))
    return type(objective).code is Objective.code and type(objective).encode is Objective.encode


def _chain(tape: Tape, objective: Chain, h: Value, owns: Owns) -> tuple[Value, Terms]:
    terms: Terms = {}
    for i, part in enumerate(objective.objectives):
        h, new = emit(tape, part, h, [_of_part(own, str(i)) for own in owns])
        for name, term in new.items():
            terms[objective.numbered(name, terms)] = term
    return h, terms


def _of_part(own: Any, name: str) -> Any:
    return own[name] if isinstance(own, nn.ModuleDict) and name in own else None


def _term(tape: Tape) -> str:
    return tape.hold("term", tape.weights.values.new_zeros(tape.members))


def _sparse(tape: Tape, objective: Sparse, h: Value, owns: Owns) -> tuple[Value, Terms]:
    emitter = SPARSE.get(objective.kind)
    if emitter is None or objective.wide:
        raise Unsupported
    return emitter(tape, objective, h, owns)


def _absolute(tape: Tape, objective: Sparse, h: Value, owns: Owns) -> tuple[Value, Terms]:
    term, signs = _term(tape), tape.buffer("spare", h.width)
    factor = tape.constant(lambda rows: objective.weight / (rows * h.width))
    tape.emit(f"torch.linalg.vector_norm({h.name}, 1, [1, 2], out={term})", f"{term}.mul_({factor})")

    def back() -> None:
        tape.emit(f"torch.sign({h.name}, out={signs})")
        tape.add(h, signs, factor)

    tape.on_backward(back)
    return h, {"sparsity": term}


def _divergence_from_rate(tape: Tape, objective: Sparse, h: Value, owns: Owns) -> tuple[Value, Terms]:
    z, term = tape.value(h.width), _term(tape)
    mean, slope = tape.name("mean"), tape.name("slope")
    rate, weight = float(objective.rate), float(objective.weight)
    tape.emit(
        f"torch.sigmoid({h.name}, out={z.name})",
        f"{mean} = {z.name}.mean([1], True)",
        *_running(tape, mean, owns),
        # Beyond the clamp the penalty is flat: its slope is taken as 0 there, as autograd takes it.
        f"{slope} = torch.logical_and({mean} >= {EDGE}, {mean} <= {1 - EDGE}).to({mean}.dtype)",
        f"{mean}.clamp_({EDGE}, {1 - EDGE})",
        f"torch.sum({rate} * torch.log({rate} / {mean}) + {1 - rate} * torch.log({1 - rate} / (1.0 - {mean})), "
        f"[1, 2], out={term})",
        f"{term}.mul_({weight})",
    )
    factor = tape.constant(lambda rows: weight / rows)

    def back() -> None:
        grad = tape.scaled(z)
        tape.emit(
            f"{slope}.mul_({1 - rate} / (1.0 - {mean}) - {rate} / {mean})",
            f"{grad}.add_({slope}, alpha={factor})",
            f"torch.ops.aten.sigmoid_backward({grad}, {z.name}, grad_input={grad})",
        )
        tape.hand_down(h, grad)

    tape.on_backward(back)
    return z, {"sparsity": term}


def _running(tape: Tape, mean: str, owns: Owns) -> list[str]:
    """Write down that running means take in, and take the place of, those of the batch: (K, 1, width)."""
    if not tape.training or owns[0] is None:
        return []
    portion = tape.constant(share)
    held = [tape.hold("running", own.mean) for own in owns]
    statements = [f"{name}.lerp_({mean}[{j}, 0], {portion})" for j, name in enumerate(held)]
    return [*statements, *(f"{mean}[{j}, 0].copy_({name})" for j, name in enumerate(held))]


def _largest(tape: Tape, objective: Sparse, h: Value, owns: Owns) -> tuple[Value, Terms]:
    z, kept, places = tape.value(h.width), tape.buffer("kept", h.width), tape.name("places")
    tape.emit(
        f"{places} = torch.topk(torch.abs({h.name}), {objective.active(h.width)}, 2)[1]",
        f"{kept}.zero_().scatter_(2, {places}, 1.0)",
        f"torch.mul({h.name}, {kept}, out={z.name})",
    )

    def back() -> None:
        grad = tape.scaled(z)
        tape.emit(f"{grad}.mul_({kept})")
        tape.hand_down(h, grad)

    tape.on_backward(back)
    return z, {}


def _gaussian(tape: Tape, objective: Variational, h: Value, owns: Owns) -> tuple[Value, Terms]:
    if not objective.is_written_out:
        raise Unsupported
    width = h.width // 2
    z, term = tape.value(width), _term(tape)
    # While they are measured, all networks draw the same.
    drawn = tape.buffer("drawn", width, Layout.ROWS if tape.training else Layout.SHARED)
    noise = drawn if tape.training or tape.members == 1 else tape.buffer("noise", width)
    mean, log_variance = tape.columns(h.name, 0, width), tape.columns(h.name, width, h.width)
    held, variance, inside = tape.buffer("held", width), tape.buffer("variance", width), tape.name("inside")
    weight = 0.5 * objective.per_unit / (1.0 if owns[0] is None else float(owns[0].observed))
    factor = tape.constant(lambda rows: weight / rows)
    tape.emit(
        f"torch.clamp({log_variance}, {LEAST}, {MOST}, out={held})",
        f"torch.exp({held}, out={variance})",
        f"torch.sum({mean}.square() + {variance} - {held} - 1.0, [1, 2], out={term})",
        f"{term}.mul_({factor})",
    )
    tape.emit(
        # Afterwards `noise` holds what was added to the mean.
        f"torch.mul({drawn}.normal_(), torch.exp({held} * 0.5), out={noise})",
        f"torch.add({mean}, {noise}, out={z.name})",
    )

    def back() -> None:
        grad = tape.scaled(z)
        h.grad = tape.buffer("g", h.width)
        mean_grad, log_grad = tape.columns(h.grad, 0, width), tape.columns(h.grad, width, h.width)
        tape.emit(
            f"{inside} = torch.logical_and({log_variance} >= {LEAST}, {log_variance} <= {MOST})",
            f"torch.add({grad}, {mean}, alpha=2.0 * {factor}, out={mean_grad})",
            f"{variance}.sub_(1.0).mul_({factor})",
            f"{variance}.addcmul_({grad}, {noise}, value=0.5).mul_({inside})",
            f"{log_grad}.copy_({variance})",
        )

    tape.on_backward(back)
    return z, {"divergence": term}


#: Kinds of sparse codes that are written out, while they are no dictionaries.
SPARSE: dict[str, Emitter] = {"l1": _absolute, "kl": _divergence_from_rate, "topk": _largest}
EMITTERS: dict[type[Objective], Emitter] = {
    Chain: _chain,
    Sparse: _sparse,
    Variational: _gaussian,
}
