"""Reconstruction losses, forward and backward: one function for each type of loss."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from isthmus.objectives.mixtures import LEAST, LOG_TWO_PI, MOST
from isthmus.objectives.reconstruction import AbsoluteError, BinaryCrossEntropy, Huber, Loss, SquaredError
from isthmus.training.fused.tape import Tape, Unsupported, Value


@dataclass
class Target:
    """What the output is compared with.

    Parameters
    ----------
    name : str
        Buffer of the clean rows.
    seen : str, optional
        Buffer that is 1 where a value was observed and 0 elsewhere; None where all were.
    sample : str, optional
        Buffer, of one value a row, that is 1 where a network learns from it; None where all learn from all.
    width : int
    count : str, optional
        Observed cells that are learnt from, by network, once they were counted.
    """

    name: str
    seen: str | None
    sample: str | None
    width: int
    count: str | None = None

    @property
    def weights(self) -> list[str]:
        """Buffers by which each cell's loss is multiplied."""
        return [name for name in (self.seen, self.sample) if name is not None]


@dataclass
class Spread:
    """Variance of a Gaussian decoder.

    Parameters
    ----------
    log_variance : str
        Its logarithm by network, of shape (K,).
    grad : str, optional
        Where the gradient of what is learnt goes; None: it is not learnt.
    factor : float
        By which the logarithm is more than what is learnt.
    """

    log_variance: str
    grad: str | None = None
    factor: float = 1.0


#: Writes the sum of the losses of all cells, or the root of it, into the first name, of shape (K,); and the gradient of
#: that sum, up to a factor, into the second; that is the output's own buffer where it holds the difference already.
#: Gives the factor, and whether the first is the root.
Writer = Callable[[Tape, Value, Target, str, str], tuple[float, bool]]


def emit(tape: Tape, loss: Loss, output: Value, target: Target, spread: Spread | None = None) -> str:
    """Write the mean loss over observed cells down, and leave its gradient with the output.

    With a `spread`, squared errors count as negative log-likelihoods of Gaussians.

    Returns
    -------
    str
        Name of the sum over batches of the loss, of shape (K,).
    """
    writer = WRITERS.get(type(loss))
    if writer is None:
        raise Unsupported
    total = tape.hold("loss", tape.weights.values.new_zeros(tape.members))
    starts_from_target = output.affine is not None and type(loss) in OF_DIFFERENCE
    grad = output.name if starts_from_target else tape.like(output, "g")
    if target.weights:
        target.count = tape.name("count")
        each = 1 if target.seen is not None else target.width
        product = " * ".join(target.weights)
        tape.emit(f"{target.count} = torch.sum({product}, [1, 2]).mul_({each}.0).clamp_(min=1.0)")
        # The smaller of the two takes the division by the number of cells.
        share, of = ("seen", target.seen) if target.sample is None else ("sample", target.sample)
        width, layout = (1 if share == "sample" else target.width), output.layout
        divided = tape.buffer("share", width, layout)
        column = tape.name("column")
        tape.emit(
            f"{column} = {target.count}.view(-1, 1, 1)",
            f"{divided}.copy_({of}).div_({column})",
        )
        target = replace(target, **{share: divided})
    if starts_from_target:
        _product_onto_target(tape, output, target)
    slope, is_root = writer(tape, output, target, total, grad)
    mean = "1.0" if target.weights else tape.constant(lambda rows: 1 / (rows * target.width))
    summed = tape.hold("sum", tape.weights.values.new_zeros(tape.members))
    if spread is None:
        # One small operator in place of three: after large products each finds its code out of the cache.
        tape.emit(
            f"{summed}.addcmul_({total}, {total}, value={mean})" if is_root else f"{summed}.add_({total}, alpha={mean})"
        )
    else:
        tape.emit(f"{total}.{'square_().' if is_root else ''}mul_({mean})")
        _gaussian(tape, spread, summed, total, grad)
    if not target.weights:
        output.factor = tape.constant(lambda rows: slope / (rows * target.width))
    else:
        output.factor = None if slope == 1.0 else tape.constant(lambda rows: slope)
    output.grad = grad
    return summed


def _gaussian(tape: Tape, spread: Spread, summed: str, squares: str, grad: str) -> None:
    """Turn mean squares (K,) into nats of Gaussians, add them up, and turn the gradient of the squares' sum."""
    held, precision = tape.name("held"), tape.name("precision")
    tape.emit(
        f"{held} = {spread.log_variance}.clamp({LEAST}, {MOST})",
        f"{precision} = torch.exp(-{held})",
        f"{squares}.mul_({precision})",
        f"{summed}.add_({squares} + {held} + {LOG_TWO_PI}, alpha=0.5)",
    )
    if not tape.training:
        return
    tape.emit(f"{grad}.mul_(({precision} * 0.5).view(-1, 1, 1))")
    if spread.grad is not None:
        # Beyond the clamp the slope is 0, as autograd takes it.
        inside = f"torch.logical_and({spread.log_variance} >= {LEAST}, {spread.log_variance} <= {MOST})"
        tape.emit(f"{spread.grad}.copy_((1.0 - {squares}).mul_({0.5 * spread.factor}).mul_({inside}))")


def _product_onto_target(tape: Tape, output: Value, target: Target) -> None:
    """Let the last product add to the bias less the target: one pass over the batch less than to subtract later."""
    bias, first, second = output.affine or ("", "", "")
    y = output.name
    tape.forward.remove(f"torch.baddbmm({bias}, {first}, {second}, out={y})")
    tape.emit(f"torch.sub({bias}, {target.name}, out={y})")
    tape.product(y, first, second, add=True)


def _subtract(tape: Tape, output: Value, target: Target, grad: str) -> None:
    if grad != output.name:
        tape.emit(f"torch.sub({output.name}, {target.name}, out={grad})")


def _difference(tape: Tape, output: Value, target: Target, grad: str) -> None:
    _subtract(tape, output, target, grad)
    tape.emit(*(f"{grad}.mul_({weights})" for weights in target.weights))


def _squared(tape: Tape, output: Value, target: Target, total: str, grad: str) -> tuple[float, bool]:
    _difference(tape, output, target, grad)
    tape.emit(f"torch.linalg.vector_norm({grad}, 2, [1, 2], out={total})")
    if target.count is None:
        return 2.0, True
    # The weights, 0 or one over the count, were squared as well.
    tape.emit(f"{total}.square_().mul_({target.count})")
    return 2.0, False


def _absolute(tape: Tape, output: Value, target: Target, total: str, grad: str) -> tuple[float, bool]:
    _difference(tape, output, target, grad)
    tape.emit(f"torch.linalg.vector_norm({grad}, 1, [1, 2], out={total})", f"{grad}.sign_()")
    tape.emit(*(f"{grad}.mul_({weights})" for weights in target.weights))
    return 1.0, False


def _huber(tape: Tape, output: Value, target: Target, total: str, grad: str) -> tuple[float, bool]:
    _subtract(tape, output, target, grad)
    # With c the difference clamped to [-1, 1], the loss of a cell is c (difference - c / 2), and its slope c.
    spare = tape.like(output, "spare")
    tape.emit(
        f"{spare}.copy_({grad})",
        f"{grad}.clamp_(-1.0, 1.0)",
        f"{spare}.sub_({grad}, alpha=0.5).mul_({grad})",
        *(f"{name}.mul_({weights})" for name in (spare, grad) for weights in target.weights),
        f"torch.sum({spare}, [1, 2], out={total})",
    )
    return 1.0, False


def _cross_entropy(tape: Tape, output: Value, target: Target, total: str, grad: str) -> tuple[float, bool]:
    # Cells outside 0..1 cost their squared distance from it besides, as the loss itself has it.
    inside, cells, outside = tape.like(output, "inside"), tape.name("cells"), tape.like(output, "spare")
    masked = [f"{cells}.mul_({weights})" for weights in target.weights]
    tape.emit(
        f"{inside}.copy_({target.name}).clamp_(0.0, 1.0)",
        f"{cells} = torch.binary_cross_entropy_with_logits({output.name}, {inside}, None, None, 0)",
        f"torch.sub({target.name}, {inside}, out={outside})",
        f"{cells}.addcmul_({outside}, {outside})",
        *masked,
        f"torch.sum({cells}, [1, 2], out={total})",
    )
    if tape.training:
        tape.emit(f"torch.sigmoid({output.name}, out={grad})", f"{grad}.sub_({inside})")
        tape.emit(*(f"{grad}.mul_({weights})" for weights in target.weights))
    return 1.0, False


#: Losses that need the output's difference from the target alone.
OF_DIFFERENCE = (SquaredError, AbsoluteError, Huber)

WRITERS: dict[type[Loss], Writer] = {
    SquaredError: _squared,
    AbsoluteError: _absolute,
    Huber: _huber,
    BinaryCrossEntropy: _cross_entropy,
}
