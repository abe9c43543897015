"""Where a Gaussian variational autoencoder with a linear path starts: at probabilistic PCA, the linear optimum."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

#: Least variance that training starts at, and least square of what a unit's weight is multiplied by.
LEAST_START, LEAST_WEIGHT = 1e-6, 1e-2


@torch.no_grad()
def start_at_probabilistic_pca(network: Any, variance: Tensor) -> None:
    """Make a linear path that stands at PCA that of probabilistic PCA (Tipping and Bishop, 1999).

    Other networks are left as they are.

    Parameters
    ----------
    network : Network
        Its linear path gives codes of unit variance.
    variance : Tensor of shape ()
        Of the decoder.
    """
    path = getattr(network, "linear", None)
    heads = [m for m in network.encoder.modules() if isinstance(m, nn.Linear) and m.bias is not None]
    if path is None or not heads or heads[-1].out_features != 2 * path.encoder.out_features:
        return
    # Codes have unit variance, so that these are the variances of the components.
    share = variance.to(path.decoder.weight) / path.decoder.weight.square().sum(0)
    kept = (1 - share).clamp(min=LEAST_WEIGHT).sqrt()
    path.encoder.weight.mul_(kept[:, None])
    path.decoder.weight.mul_(kept)
    heads[-1].bias[len(share) :] = share.clamp(max=1).log()
