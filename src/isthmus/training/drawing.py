"""Torch's own random numbers, seeded for a while."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

#: Torch's own generator is one for all threads: whoever seeds it waits for the others.
_ONE_AT_A_TIME = threading.RLock()


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Seed torch's own generators, which initial weights and dropout draw from; the caller's come back afterwards."""
    with _ONE_AT_A_TIME:
        before = torch.get_rng_state()
        on_gpu = torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []
        # Without a device there is none to seed, and torch would note each time where it was to be.
        everywhere = torch.cuda.is_available() or torch.backends.mps.is_available()
        (torch.manual_seed if everywhere else torch.default_generator.manual_seed)(seed)
        try:
            yield
        finally:
            torch.set_rng_state(before)
            if on_gpu:
                torch.cuda.set_rng_state_all(on_gpu)


@contextmanager
def fixed_draws(like: torch.Generator, index: Tensor, own: bool) -> Iterator[torch.Generator]:
    """Draw the same for the same rows while they are measured.

    Parameters
    ----------
    like : torch.Generator
        Gives the device of the generator made.
    index : Tensor
        The rows.
    own : bool
        Whether torch's own generator may be drawn from as well.
    """
    seed = int(index[0])
    generator = torch.Generator(like.device).manual_seed(seed)
    if own:
        with seeded(seed):
            yield generator
    else:
        yield generator
