"""What a variational autoencoder knows beside codes: posteriors, likelihoods, and which units it uses."""

from __future__ import annotations


class Probabilistic:
    """What a variational autoencoder knows beside codes: posteriors, likelihoods, and which units it uses."""
