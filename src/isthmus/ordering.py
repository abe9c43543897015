"""Codes whose first units are codes themselves."""

from __future__ import annotations


class Ordering:
    """Codes whose first units are codes themselves."""
