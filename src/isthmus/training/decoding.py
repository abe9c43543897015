"""How a row of tokens is written from its code: the likeliest token at each step, drawn ones, or a beam search."""

from __future__ import annotations

import math
import numbers
from abc import ABC, abstractmethod
from typing import Any

import torch
from torch import Tensor, nn

from isthmus.exceptions import ParameterError
from isthmus.objectives.tokens import END, PADDING, ended


class Decoding(ABC):
    """One way of writing rows of tokens."""

    @abstractmethod
    def check(self) -> None:
        """Refuse parameters that cannot be used (ParameterError)."""

    def generator(self) -> torch.Generator | None:
        """Make what rows are drawn by, once for all blocks of a call; None where nothing is drawn."""
        return None

    @abstractmethod
    def write(
        self, decoder: nn.Module, z: Tensor, time: int, first: int, generator: torch.Generator | None = None
    ) -> Tensor:
        """Write rows.

        Parameters
        ----------
        decoder : nn.Module
            One that has `begin` and `step` writes a token after another; others give all at once.
        z : Tensor of shape (n, latent_dim)
        time : int
            Tokens of a row at most.
        first : int
            The first id that may be written.
        generator : torch.Generator, optional
            What `generator` gave.

        Returns
        -------
        int64 Tensor of shape (n, time)
            Ids, 0 after the end.
        """


class Sampling(Decoding):
    """Tokens drawn by their chances, the unlikely ones left out (nucleus sampling, Holtzman et al., 2020).

    Parameters
    ----------
    temperature : float, default=1.0
        What logits are divided by: below 1, likely tokens become likelier still.
    top_p : float, default=1.0
        Tokens are drawn from the fewest whose chances sum to this share, from above 0 to 1.
    random_state : int or None, default=None
        The same int draws the same rows.

    References
    ----------
    A. Holtzman, J. Buys, L. Du, M. Forbes, Y. Choi, "The curious case of neural text degeneration", ICLR 2020.

    Examples
    --------
    >>> from isthmus import Autoencoder
    >>> texts = ["red cat", "blue dog", "red dog", "blue cat"] * 10
    >>> ae = Autoencoder(4, network="gru", hidden=(16,), max_epochs=1, random_state=0).fit(texts)
    >>> len(ae.reconstruct(texts[:2], decoding=Sampling(0.8, top_p=0.9, random_state=0)))
    2
    """

    def __init__(self, temperature: float = 1.0, top_p: float = 1.0, random_state: int | None = None):
        self.temperature = temperature
        self.top_p = top_p
        self.random_state = random_state

    def check(self) -> None:
        """Refuse parameters that cannot be used."""
        if not _is_number(self.temperature) or not 0 < self.temperature < math.inf:
            raise ParameterError(f"Sampling: temperature={self.temperature!r} cannot be used; expected one above 0.")
        if not _is_number(self.top_p) or not 0 < self.top_p <= 1:
            raise ParameterError(f"Sampling: top_p={self.top_p!r} cannot be used; expected a share above 0, up to 1.")
        if self.random_state is not None and not isinstance(self.random_state, numbers.Integral):
            raise ParameterError(
                f"Sampling: random_state={self.random_state!r} cannot be used; expected an int or None."
            )

    def generator(self) -> torch.Generator:
        """Make what rows are drawn by."""
        generator = torch.Generator()
        if self.random_state is not None:
            generator.manual_seed(int(self.random_state))
        else:
            generator.seed()
        return generator

    def write(
        self, decoder: nn.Module, z: Tensor, time: int, first: int, generator: torch.Generator | None = None
    ) -> Tensor:
        """Write rows."""
        generator = self.generator() if generator is None else generator
        if not hasattr(decoder, "step"):
            logits = decoder(z)
            return ended(self._drawn(logits.flatten(0, 1), first, generator).view(logits.shape[:2]))
        walk: Any = decoder
        state, ids = walk.begin(z)
        written = torch.zeros(len(z), time, dtype=torch.long, device=z.device)
        over = torch.zeros(len(z), dtype=torch.bool, device=z.device)
        for at in range(time):
            logits, state = walk.step(ids, state)
            ids = self._drawn(logits, first, generator)
            written[:, at] = ids
            over |= ids == END
            if bool(over.all()):
                break
        return ended(written)

    def _drawn(self, logits: Tensor, first: int, generator: torch.Generator) -> Tensor:
        """Draw an id by each row of logits: (n, vocabulary) to (n,)."""
        shares = (logits[:, first:].double() / self.temperature).softmax(1).cpu()
        shares, order = shares.sort(1, descending=True)
        before = shares.cumsum(1) - shares
        shares = shares.masked_fill(before >= self.top_p, 0)
        at = torch.multinomial(shares, 1, generator=generator)
        return (order.gather(1, at)[:, 0] + first).to(logits.device)


class BeamSearch(Decoding):
    """The likeliest row among those that several beginnings lead to, by the mean over its tokens.

    A network that gives all tokens at once gives the likeliest row as it is.

    Parameters
    ----------
    beams : int, default=5
        Beginnings that are kept at each step.

    References
    ----------
    I. Sutskever, O. Vinyals, Q. V. Le, "Sequence to sequence learning with neural networks", NeurIPS 2014.

    Examples
    --------
    >>> BeamSearch(3).beams
    3
    """

    def __init__(self, beams: int = 5):
        self.beams = beams

    def check(self) -> None:
        """Refuse parameters that cannot be used."""
        if not isinstance(self.beams, numbers.Integral) or isinstance(self.beams, bool) or self.beams < 1:
            raise ParameterError(f"BeamSearch: beams={self.beams!r} cannot be used; expected a whole number from 1 on.")

    def write(
        self, decoder: nn.Module, z: Tensor, time: int, first: int, generator: torch.Generator | None = None
    ) -> Tensor:
        """Write rows."""
        if not hasattr(decoder, "step"):
            return ended(decoder(z)[..., first:].argmax(-1) + first)
        walk: Any = decoder
        n = len(z)
        state, ids = walk.begin(z)
        scores = torch.zeros(n, 1, dtype=z.dtype, device=z.device)
        written = torch.zeros(n, 0, dtype=torch.long, device=z.device)
        over = torch.zeros(n, 1, dtype=torch.bool, device=z.device)
        for _ in range(time):
            logits, state = walk.step(ids, state)
            logits[:, :first] = -torch.inf
            logs = logits.log_softmax(1).unflatten(0, (n, -1))
            # What has ended stays as it is.
            logs = logs.masked_fill(over.unsqueeze(2), -torch.inf)
            logs[..., PADDING] = torch.where(over, 0.0, -torch.inf).to(logs)
            totals = (scores.unsqueeze(2) + logs).flatten(1)
            scores, best = totals.topk(min(int(self.beams), totals.shape[1]), 1)
            parents = best // logits.shape[1] + torch.arange(n, device=z.device)[:, None] * over.shape[1]
            ids = (best % logits.shape[1]).flatten()
            state = walk.chosen(state, parents.flatten())
            written = torch.cat([written[parents.flatten()], ids.unsqueeze(1)], 1)
            over = over.flatten()[parents] | (ids == END).view(parents.shape)
            if bool(over.all()):
                break
        lengths = (written != PADDING).sum(1).view(scores.shape)
        chosen = (scores / lengths).argmax(1) + torch.arange(n, device=z.device) * scores.shape[1]
        found = written[chosen]
        return nn.functional.pad(found, (0, time - found.shape[1]))


#: The ways by the words that `decoding=` takes, with their usual parameters; None: the likeliest token at each step.
DECODINGS: dict[str, type[Decoding] | None] = {"greedy": None, "sample": Sampling, "beam": BeamSearch}


def as_decoding(how: Any, vocabulary: int) -> Decoding | None:
    """Take a word or a `Decoding`; None for greedy decoding.

    Raises
    ------
    ParameterError
        If it is neither, its parameters cannot be used, or rows are none of tokens.
    """
    if how is None:
        return None
    if not vocabulary:
        raise ParameterError(f"decoding={how!r} says how texts are written, but these rows are numbers; leave it out.")
    if isinstance(how, str) and how in DECODINGS:
        kind = DECODINGS[how]
        return None if kind is None else kind()
    if not isinstance(how, Decoding):
        words = ", ".join(map(repr, DECODINGS))
        raise ParameterError(
            f"decoding={how!r} cannot be used; expected {words}, or Sampling(temperature, top_p) or BeamSearch(beams)."
        )
    how.check()
    return how


def _is_number(value: Any) -> bool:
    return isinstance(value, numbers.Real) and not isinstance(value, bool)
