"""Encoder and decoder pairs, and the linear path beside them."""

from isthmus.networks.activations import ACTIVATIONS, activation
from isthmus.networks.base import Layout, LinearPath, Network
from isthmus.networks.build import FAMILIES, Family, assemble, axes_of, choose_family, find_family
from isthmus.networks.members import Members, each_of

__all__ = [
    "ACTIVATIONS",
    "FAMILIES",
    "Family",
    "Layout",
    "LinearPath",
    "Members",
    "Network",
    "activation",
    "assemble",
    "axes_of",
    "choose_family",
    "each_of",
    "find_family",
]
