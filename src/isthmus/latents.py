"""What a code is like: between two rows, along one unit, and what in a row moves with it."""

from __future__ import annotations


class Latents:
    """What a code is like: between two rows, along one unit, and what in a row moves with it."""
