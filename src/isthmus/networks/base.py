"""An encoder, a decoder, and the linear path beside them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class Layout:
    """What a pair of encoder and decoder must fit: sizes in and out, and the choices of a person.

    Parameters
    ----------
    shape : tuple of int
        Shape of one prepared item: (d,), image (c, h, w), sequence (time, channels).
    latent_dim : int
        Width of the code that the decoder takes.
    code_dim : int
        Width of what the encoder gives; wider than `latent_dim` where an objective needs more (a variance, say).
    hidden : tuple of int
        The encoder's sizes, narrowing towards the code; the decoder mirrors them.
    activation : str
        Name from `ACTIVATIONS`, of the hidden layers.
    dropout : float
        Share of hidden units dropped in training.
    mask_input : bool
        Whether the encoder is given the mask of observed cells beside the values.
    zero_start : bool
        Whether the last layer of both parts starts at zero, because a linear path stands beside them.
    ends : bool
        Whether the last channel of a sequence is 1 as long as it lasts, and 0 after that.
    options : mapping
        What a person chose of what a family of networks leaves open, by name.
    vocabulary : int
        Number of ids, where a row is one of tokens; 0 where its values are numbers.
    ratings : str
        Loss of rows of ratings, which are packed; "" where rows are others.
    """

    shape: tuple[int, ...]
    latent_dim: int
    code_dim: int
    hidden: tuple[int, ...]
    activation: str = "silu"
    dropout: float = 0.0
    mask_input: bool = False
    zero_start: bool = True
    ends: bool = False
    options: Mapping[str, Any] = field(default_factory=dict)
    vocabulary: int = 0
    ratings: str = ""

    @property
    def size(self) -> int:
        """Values in one item."""
        return math.prod(self.shape)


class LinearPath(nn.Module):
    """A linear encoder and decoder, meant to start at the solution of PCA.

    Parameters
    ----------
    shape : tuple of int
        Shape of one item.
    latent_dim : int
        Width of the code.
    """

    def __init__(self, shape: tuple[int, ...], latent_dim: int):
        super().__init__()
        self.shape = tuple(shape)
        self.center: Tensor
        size = math.prod(shape)
        # Taken off first: rows far from zero would lose their digits in the product.
        self.register_buffer("center", torch.zeros(size))
        self.encoder = nn.Linear(size, latent_dim)
        self.decoder = nn.Linear(latent_dim, size)

    @torch.no_grad()
    def start(
        self,
        mean: Tensor,
        components: Tensor,
        scale: Tensor,
        *,
        slope: Tensor | float = 1.0,
        output_mean: Tensor | None = None,
    ) -> None:
        """Set the weights so that the codes are principal components divided by `scale`.

        Parameters
        ----------
        mean : Tensor of shape (size,)
        components : Tensor of shape (k, size)
            Orthonormal rows; fewer than `latent_dim` leave the other code units at zero.
        scale : Tensor of shape (k,)
            Standard deviation of each component: codes then start with unit variance.
        slope : float or Tensor of shape (size,), default=1.0
            Multiplies the deviation from the mean in the output, where the output is not in the units of the input.
        output_mean : Tensor of shape (size,), optional
            Output for the mean input; `mean` by default.
        """
        k = components.shape[0]
        for parameter in self.parameters():
            parameter.zero_()
        weight = components / scale[:, None]
        self.encoder.weight[:k] = weight
        self.center.copy_(mean)
        self.decoder.weight[:, :k] = (slope * (components * scale[:, None])).T
        self.decoder.bias.copy_(mean if output_mean is None else output_mean)

    def encode(self, x: Tensor) -> Tensor:
        """Code of each row: (n, *shape) to (n, latent_dim)."""
        return self.encoder(x.flatten(1) - self.center)

    def decode(self, z: Tensor) -> Tensor:
        """Reconstruction of each code: (n, latent_dim) to (n, *shape)."""
        return self.decoder(z).unflatten(1, self.shape)


class Network(nn.Module):
    """A pair of encoder and decoder, with an optional linear path beside each.

    Parameters
    ----------
    encoder, decoder : nn.Module
        Maps (n, *shape) to (n, code_dim), and (n, latent_dim) to (n, *shape).
    linear : LinearPath, optional
        Added to both.
    mask_axis : int, optional
        Axis along which the mask of observed cells is joined to the values on the way into the encoder; None: not
        given to it.
    code_activation, output_activation : nn.Module, optional
        Applied to the code, and to the reconstruction.
    guard_input : bool, default=False
        Whether the encoder is given a copy of the rows, because it may write over them.
    ends : bool, default=False
        Whether the last channel of a sequence says where it ends: it is neither hidden nor corrupted.

    Attributes
    ----------
    own : nn.Module or None
        Weights and buffers of the objective that the network is trained for.
    fill : nn.Module or None
        Fills missing cells on the way into the encoder: rows and their mask to rows.
    given : int Tensor or None
        Places of the values in a row that follow what the encoder gives as they are.
    """

    def __init__(
        self,
        encoder: nn.Module,
        decoder: nn.Module,
        *,
        linear: LinearPath | None = None,
        mask_axis: int | None = None,
        code_activation: nn.Module | None = None,
        output_activation: nn.Module | None = None,
        guard_input: bool = False,
        ends: bool = False,
    ):
        super().__init__()
        self.encoder = encoder
        self.decoder = decoder
        self.linear = linear
        self.mask_axis = mask_axis
        self.code_activation = code_activation
        self.output_activation = output_activation
        self.guard_input = guard_input
        self.ends = ends
        self.own: nn.Module | None = None
        self.fill: nn.Module | None = None
        self.given: Tensor | None
        self.register_buffer("given", None, persistent=False)

    def encode(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Encode rows; missing cells of `x` are 0, `mask` is True where a cell was observed."""
        if self.fill is not None and mask is not None:
            x = self.fill(x, mask)
        if self.mask_axis is None:
            h = self.encoder(x.clone() if self.guard_input else x)
        else:
            seen = torch.ones_like(x) if mask is None else mask.to(x.dtype)
            h = self.encoder(torch.cat([x, seen], dim=self.mask_axis))
        if self.linear is not None:
            linear = self.linear.encode(x)
            extra = h.shape[1] - linear.shape[1]
            h = h + (nn.functional.pad(linear, (0, extra)) if extra else linear)
        h = h if self.code_activation is None else self.code_activation(h)
        return h if self.given is None else torch.cat([h, x.flatten(1).index_select(1, self.given)], 1)

    def decode(self, z: Tensor, x: Tensor | None = None, progress: Tensor | None = None) -> Tensor:
        """Decode codes of shape (n, latent_dim) to (n, *shape).

        In training a decoder that `looks` is shown the rows that it is to make, and the share of the training that is
        over; there may be several codes of each row.
        """
        if x is not None and getattr(self.decoder, "looks", False):
            x_hat = self.decoder(z, x.repeat(len(z) // len(x), *[1] * (x.ndim - 1)), progress)
        else:
            x_hat = self.decoder(z)
        if self.linear is not None:
            x_hat = x_hat + self.linear.decode(z)
        return x_hat if self.output_activation is None else self.output_activation(x_hat)
