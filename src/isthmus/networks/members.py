"""Several networks of one architecture as one: what an ensemble is made of."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from isthmus.networks.base import LinearPath, Network


class Members(nn.Module):
    """Networks of one architecture; codes are those of the best of them.

    Codes of different networks cannot be averaged: each has axes of its own. What can be, errors above all, is averaged
    by whoever asks for it.

    Parameters
    ----------
    networks : sequence of Network

    Attributes
    ----------
    best : int
        Number of the network that encodes and decodes.
    """

    def __init__(self, networks: Sequence[Network]):
        super().__init__()
        self.networks = nn.ModuleList(networks)
        self.best = 0

    def __len__(self) -> int:
        return len(self.networks)

    @property
    def chosen(self) -> Network:
        """The network that encodes and decodes."""
        network = self.networks[self.best]
        assert isinstance(network, Network)
        return network

    @property
    def linear(self) -> LinearPath | None:
        """Linear path of the chosen network."""
        return self.chosen.linear

    @property
    def own(self) -> nn.Module | None:
        """What the objective has of its own beside the chosen network."""
        return self.chosen.own

    def encode(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Encode rows by the chosen network."""
        return self.chosen.encode(x, mask)

    def decode(self, z: Tensor, x: Tensor | None = None) -> Tensor:
        """Decode codes of the chosen network."""
        return self.chosen.decode(z, x)


def each_of(network: Network | Members) -> list[Network]:
    """List the networks: one, or all members."""
    if isinstance(network, Network):
        return [network]
    return [member for member in network.networks if isinstance(member, Network)]
