"""Isthmus: autoencoders for any data and any job, with scikit-learn's manners, on PyTorch."""

from isthmus._version import __version__

__all__ = ["__version__"]
