"""All weights of one or several equal networks in one buffer, and the optimiser that steps them in one call."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor, nn

from isthmus.objectives import Rival
from isthmus.training.program import compile_function

#: AdamW's decay rates of the two moments, and what keeps it from dividing by nothing.
BETA1, BETA2, EPSILON = 0.9, 0.999, 1e-8
#: A rival's first moment forgets sooner: what it pulls against moves (Radford et al., 2016).
BETA1_RIVAL = 0.5


def update_text(members: int, decays: bool, on_cpu: bool) -> str:
    """Statements that clip the gradient's norm, decay and step: the same text for every path through training.

    A processor looks at the norm, and passes over the gradients only where they are to be clipped. An accelerator would
    have to wait for it: there the fused step divides by the scale, or, with several networks, a pass before it.
    """
    by_step = not on_cpu and members == 1
    clip = "torch.linalg.vector_norm(grads, 2, [1], out=norm)\n"
    scale, divide = "scale.copy_(norm).clamp_(min=clip).div_(clip)\n", "grads.div_(scale_column)\n"
    if on_cpu:
        clip += f"if float({'norm' if members == 1 else 'norm.max()'}) > clip:\n    {scale}    {divide}"
    else:
        clip += scale + ("" if by_step else divide)
    return (
        clip
        + ("decayed.mul_(1.0 - rate * decay)\n" if decays else "")
        + "count.add_(1.0)\n"
        + "torch.ops.aten._fused_adamw_(all_values, all_grads, all_first, all_second, [], all_counts, lr=rate, "
        + f"beta1={BETA1}, beta2={BETA2}, weight_decay=0.0, eps={EPSILON}, amsgrad=False, maximize=False, "
        + f"grad_scale={'one_scale' if by_step else 'None'})\n"
    )


#: Parameters of the functions that hold `update_text`. The lists that the fused step takes must come from outside:
#: TorchScript drops a call as without effect where it sees the list being made.
UPDATE_SIGNATURE = (
    "all_values: List[Tensor], all_grads: List[Tensor], all_first: List[Tensor], all_second: List[Tensor], "
    "all_counts: List[Tensor], decay: float, clip: float"
)


class FlatWeights:
    """The trainable weights of K networks of one architecture as a tensor (K, P), their gradients, and AdamW's moments.

    The networks' parameters become views of it. Backward makes gradients of its own, which are gathered.

    Parameters
    ----------
    networks : sequence of nn.Module
        K networks whose parameters have the same names, shapes, dtype and device.

    Attributes
    ----------
    values, grads : Tensor of shape (K, P)
        Weights that decay come first: matrices and kernels that are not of the linear path.
    norm : Tensor of shape (K,)
        Norm of each network's gradient at the last step, before it was clipped.
    """

    @torch.no_grad()
    def __init__(self, networks: Sequence[nn.Module]):
        named = [{name: p for name, p in network.named_parameters() if p.requires_grad} for network in networks]
        # What stands beside the network, the linear path and what the objective has of its own, does not decay.
        decays = {name: p.ndim > 1 and not name.startswith(("linear.", "own.")) for name, p in named[0].items()}
        rivals = {name: module for name, module in networks[0].named_modules() if isinstance(module, Rival)}
        of_rivals = {rival: [name for name in named[0] if name.startswith(f"{rival}.")] for rival in rivals}
        apart = [name for names in of_rivals.values() for name in names]
        order = sorted((name for name in named[0] if name not in apart), key=lambda name: not decays[name]) + apart
        first = next(iter(named[0].values()))
        total = sum(p.numel() for p in named[0].values())
        self.networks = list(networks)
        self.values = torch.empty(len(networks), total, dtype=first.dtype, device=first.device)
        self.grads, self.first, self.second = (torch.zeros_like(self.values) for _ in range(3))
        self.count = torch.zeros((), dtype=torch.float32, device=first.device)
        self.norm = self.values.new_ones(len(networks))
        # In float32 whatever the weights are in: so the fused step takes it.
        self.scale = torch.ones(len(networks), dtype=torch.float32, device=first.device)
        self.places: dict[str, slice] = {}
        end = 0
        for name in order:
            place = self.places[name] = slice(end, end + named[0][name].numel())
            end = place.stop
            for j, parameters in enumerate(named):
                parameter = parameters[name]
                flat = self.values[j, place]
                view = _as(parameter, flat)
                view.copy_(parameter.detach())
                parameter.data = view
        self._parameters = [(own[name], place) for own in named for name, place in self.places.items()]
        self.decayed = self.values[:, : sum(named[0][name].numel() for name in order if decays[name])]
        self._rivals = [
            _Rival(self, slice(self.places[names[0]].start, self.places[names[-1]].stop), rivals[rival].rate)
            for rival, names in of_rivals.items()
            if names
        ]
        stop = min((rival.place.start for rival in self._rivals), default=total)
        # Without rivals the whole buffers, which lie together for several networks as well.
        self._of_network = {name: getattr(self, name)[:, :stop] for name in ("values", "grads", "first", "second")}
        #: Every tensor that `update_text` names, by its name there.
        self.tensors = {
            **self._of_network,
            **{name: getattr(self, name) for name in ("count", "norm", "scale", "decayed")},
            "scale_column": self.scale[:, None],
            "one_scale": self.scale[0],
        }

    def __len__(self) -> int:
        return len(self.networks)

    @property
    def on_cpu(self) -> bool:
        """Whether looking at a number costs no wait."""
        return self.values.device.type == "cpu"

    def gather_gradients(self) -> None:
        """Bring the gradients that backward left with the parameters into the one buffer."""
        pieces = []
        for parameter, place in self._parameters:
            grad = parameter.grad
            if grad is None:
                pieces.append(self.values.new_zeros(place.stop - place.start))
            else:
                pieces.append((grad.movedim(1, -1) if grad.ndim == 4 else grad).reshape(-1))
        torch.cat(pieces, out=self.grads.view(-1))

    def forget_gradients(self) -> None:
        """Let the next backward make gradients of its own, which takes less than adding to old ones."""
        for parameter, _ in self._parameters:
            parameter.grad = None

    def update_arguments(self, decay: float, clip: float) -> tuple[Any, ...]:
        """Arguments for `UPDATE_SIGNATURE`."""
        parts = list(self._of_network.values())
        if not self._rivals:
            return *([part] for part in parts), [self.count], decay, clip
        # The fused step takes memory that lies together alone.
        return *([*part] for part in parts), [self.count] * len(self), decay, clip

    @torch.no_grad()
    def step(self, rate: float | Tensor, decay: float, clip: float) -> None:
        """Clip the gradients to a norm, decay and step, as AdamW does (Loshchilov and Hutter, 2019).

        Parameters
        ----------
        rate : float or Tensor
            Learning rate; a tensor of one value where steps are captured, to be replayed with others.
        decay, clip : float
            Decoupled decay of the matrices, and the largest norm of a network's gradient.
        """
        kind = "Tensor" if isinstance(rate, Tensor) else "float"
        update = _update(tuple(self.tensors), kind, len(self), decay > 0, self.on_cpu)
        update(*self.tensors.values(), rate, *self.update_arguments(decay, clip))
        for rival in self._rivals:
            rival.step(rate)

    def copy(self) -> dict[str, Tensor]:
        """Copy all that makes the networks what they are, one row a network: weights, buffers, frozen weights."""
        return {"values": self.values.clone()} | {
            name: torch.stack([tensor.detach() for tensor in tensors]) for name, tensors in self._others().items()
        }

    def _others(self) -> dict[str, list[Tensor]]:
        """What the networks hold besides, as it is now: a module may put a new tensor in place of a buffer.

        Of tied weights, which have two names, the second is here as well: it is the same memory.
        """
        states = [network.state_dict() for network in self.networks]
        names = [name for name, value in states[0].items() if isinstance(value, Tensor) and name not in self.places]
        return {name: [state[name] for state in states] for name in names}

    @torch.no_grad()
    def load(self, copy: dict[str, Tensor]) -> None:
        """Make the networks what a `copy` holds."""
        self.values.copy_(copy["values"])
        for name, tensors in self._others().items():
            for tensor, kept in zip(tensors, copy[name], strict=True):
                tensor.copy_(kept)

    def release(self) -> None:
        """Give the networks weights of their own again, without gradients; this object is of no more use."""
        for network in self.networks:
            for parameter in network.parameters():
                parameter.data = parameter.data.clone(memory_format=torch.contiguous_format)
                parameter.grad = None

    def moments(self) -> dict[str, Tensor]:
        """The optimiser's memory by name."""
        return {"first": self.first, "second": self.second, "count": self.count}

    def snapshot(self) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """Copy the networks and the optimiser's memory."""
        return self.copy(), {name: tensor.clone() for name, tensor in self.moments().items()}

    def roll_back(self, snapshot: tuple[dict[str, Tensor], dict[str, Tensor]]) -> None:
        """Return to a snapshot."""
        networks, moments = snapshot
        self.load(networks)
        for name, tensor in self.moments().items():
            tensor.copy_(moments[name])


@lru_cache
def _update(names: tuple[str, ...], rate: str, members: int, decays: bool, on_cpu: bool) -> Callable[..., Any]:
    signature = ", ".join(f"{name}: Tensor" for name in names) + f", rate: {rate}, " + UPDATE_SIGNATURE
    return compile_function("update", signature, update_text(members, decays, on_cpu))


class _Rival:
    """The part of the weights that pulls against the network's, with a step of its own: neither clipped nor decayed."""

    def __init__(self, weights: FlatWeights, place: slice, rate: float):
        self.place = place
        self.rate = rate
        parts = (weights.values, weights.grads, weights.first, weights.second)
        self._parts = [list(part[:, place]) for part in parts]
        self._count = weights.count

    def step(self, rate: float | Tensor) -> None:
        # The count was raised by the step of the network.
        torch.ops.aten._fused_adamw_(
            *self._parts,
            [],
            [self._count] * len(self._parts[0]),
            lr=rate * self.rate,
            beta1=BETA1_RIVAL,
            beta2=BETA2,
            weight_decay=0.0,
            eps=EPSILON,
            amsgrad=False,
            maximize=False,
        )


def _as(parameter: nn.Parameter, flat: Tensor) -> Tensor:
    """View a flat piece in a parameter's shape, kernels of images with their channels last in memory."""
    if parameter.ndim != 4:
        return flat.view(parameter.shape)
    out, channels, *window = parameter.shape
    return flat.view(out, *window, channels).movedim(-1, 1)
