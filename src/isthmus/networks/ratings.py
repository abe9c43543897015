"""Encoders and decoders of ratings: packed rows in, a score for each of many items out, and nothing wide between."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from isthmus.exceptions import ParameterError
from isthmus.networks.activations import activation
from isthmus.networks.base import Layout
from isthmus.packed import places, there

#: Items from which training reckons with a sample of them, and how many are drawn.
SAMPLED_FROM, SAMPLE = 20_000, 4096
#: Score of an item that counts for nothing: finite, so that a row without items has a finite loss.
NOTHING = -1e30
#: Items that are scored at once where the probabilities of all are summed up.
AT_ONCE = 8192
#: What an encoder and a decoder can be.
ENCODERS, DECODERS = ("mlp", "skip", "gated"), ("linear", "mirror")
OPTIONS = {
    "encoder": ("mlp", lambda v: v in ENCODERS, "one of " + ", ".join(map(repr, ENCODERS))),
    "decoder": ("linear", lambda v: v in DECODERS, "one of " + ", ".join(map(repr, DECODERS))),
}


class Profile(nn.Module):
    """First layer: the sum of the vectors of a row's items, weighted by its values, which are brought to length 1.

    Parameters
    ----------
    n_items, width : int
    """

    def __init__(self, n_items: int, width: int):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(n_items, width))
        self.bias = nn.Parameter(torch.zeros(width))
        nn.init.normal_(self.weight, std=(2.0 / (1 + width)) ** 0.5)

    def forward(self, x: Tensor) -> Tensor:
        """Packed rows (n, entries, 2), or rows laid out (n, n_items), to (n, width)."""
        if x.ndim == 2:
            return F.normalize(x, dim=1) @ self.weight + self.bias
        weights = F.normalize(x[..., 1], dim=1).to(self.weight)
        return F.embedding_bag(places(x), self.weight, per_sample_weights=weights, mode="sum") + self.bias


class Mlp(nn.Module):
    """Layers one after another (Mult-DAE and Mult-VAE: one of 600 units, tanh; Liang et al., 2018).

    With a linear path there is a sum of item vectors beside them, and they start at zero.
    """

    def __init__(self, n_items: int, layout: Layout):
        super().__init__()
        first, *rest = [*layout.hidden, layout.code_dim]
        layers: list[nn.Module] = [Profile(n_items, first)]
        for n_in, n_out in pairwise([first, *rest]):
            layers += [activation(layout.activation), nn.Dropout(layout.dropout), nn.Linear(n_in, n_out)]
        self.layers = nn.Sequential(*layers)
        self.direct = Profile(n_items, layout.code_dim) if layout.zero_start and rest else None
        last = layers[-1]
        if self.direct is not None and isinstance(last, nn.Linear):
            nn.init.zeros_(last.weight)

    def forward(self, x: Tensor) -> Tensor:
        """Packed rows to (n, code_dim)."""
        h = self.layers(x)
        return h if self.direct is None else h + self.direct(x)


class Skip(nn.Module):
    """Layers of one width, each given the sum of all before it, with layer norm (RecVAE, Shenbin et al., 2020)."""

    def __init__(self, n_items: int, layout: Layout):
        super().__init__()
        width = layout.hidden[0]
        self.first = Profile(n_items, width)
        self.layers = nn.ModuleList(nn.Linear(width, width) for _ in layout.hidden[1:])
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in layout.hidden)
        self.act, self.dropout = activation(layout.activation), nn.Dropout(layout.dropout)
        self.last = nn.Linear(width, layout.code_dim)

    def forward(self, x: Tensor) -> Tensor:
        """Packed rows to (n, code_dim)."""
        total = h = self.norms[0](self.act(self.first(x)))
        for layer, norm in zip(self.layers, self.norms[1:], strict=True):
            h = norm(self.act(layer(h) + total))
            total = total + h
        return self.last(self.dropout(h))


class Gated(nn.Module):
    """Layers whose units are let through by others (Kim and Suh, 2019)."""

    def __init__(self, n_items: int, layout: Layout):
        super().__init__()
        first, *rest = layout.hidden
        self.first, self.first_gate = Profile(n_items, first), Profile(n_items, first)
        self.layers = nn.ModuleList(nn.Linear(n_in, 2 * n_out) for n_in, n_out in pairwise([first, *rest]))
        self.dropout = nn.Dropout(layout.dropout)
        self.last = nn.Linear(layout.hidden[-1], layout.code_dim)

    def forward(self, x: Tensor) -> Tensor:
        """Packed rows to (n, code_dim)."""
        h = self.first(x) * self.first_gate(x).sigmoid()
        for layer in self.layers:
            h = F.glu(layer(h))
        return self.last(self.dropout(h))


class Scorer(nn.Module):
    """Decoder: a score for each item, or what the likelihood of the entries that it is shown needs.

    Parameters
    ----------
    n_items : int
    layout : Layout
        `options["decoder"]` "linear": no hidden layers.

    References
    ----------
    S. Jean et al., "On using very large target vocabulary for neural machine translation", ACL 2015.
    """

    looks = True

    def __init__(self, n_items: int, layout: Layout):
        super().__init__()
        mirrored = layout.options.get("decoder", OPTIONS["decoder"][0]) == "mirror"
        sizes = [layout.latent_dim, *(layout.hidden[::-1] if mirrored else ())]
        layers: list[nn.Module] = []
        for n_in, n_out in pairwise(sizes):
            layers += [nn.Linear(n_in, n_out), activation(layout.activation), nn.Dropout(layout.dropout)]
        self.body = nn.Sequential(*layers)
        self.last = nn.Linear(sizes[-1], n_items)
        self.multinomial = layout.ratings == "multinomial"
        #: How likely each item is drawn for a sample.
        self.chance: Tensor
        self.register_buffer("chance", torch.full((n_items,), 1.0 / n_items))

    def forward(self, z: Tensor, x: Tensor | None = None, progress: Tensor | None = None) -> Tensor:
        """Codes to scores of all items (n, n_items), or to one for each entry of `x`, (n, entries).

        Of entries the scores are logarithms of probabilities where the likelihood is multinomial: among all items, or,
        where a third channel of `x` is 1 for some entries, among those left, and 0 for these.
        """
        h = self.body(z)
        if x is None:
            return self.last(h)
        at = places(x)
        if len(self.chance) <= SAMPLED_FROM:
            scores = self.last(h)
            told = scores.gather(1, at)
        else:
            scores = None
            told = self._of_entries(h, at, there(x))
        if not self.multinomial:
            return told
        gone = x[..., 2] > 0 if x.shape[-1] > 2 else torch.zeros_like(at, dtype=torch.bool)
        if scores is not None:
            total = _without(scores, at, gone).logsumexp(1, keepdim=True)
        else:
            total = self._sampled(h, told, at, there(x), gone) if self.training else self._summed(h, at, gone)
        return (told - total).masked_fill(gone, 0)

    def _of_entries(self, h: Tensor, at: Tensor, known: Tensor) -> Tensor:
        """Scores of the entries alone, however long the longest row: (n, entries), 0 where there is none."""
        rows, entries = known.nonzero(as_tuple=True)
        items = at[rows, entries]
        scores = (h[rows] * self.last.weight[items]).sum(1) + self.last.bias[items]
        return scores.new_zeros(at.shape).index_put((rows, entries), scores)

    def _sampled(self, h: Tensor, told: Tensor, at: Tensor, known: Tensor, gone: Tensor) -> Tensor:
        """Logarithm of the sum over all items, estimated without bias: own items, and some of the others.

        A drawn item stands for as many as the chance that it is drawn at all says (the log-q correction).
        """
        drawn = torch.multinomial(self.chance, SAMPLE, replacement=True).unique()
        included = -torch.expm1(SAMPLE * torch.log1p(-self.chance[drawn].double())).to(h)
        others = F.linear(h, self.last.weight[drawn], self.last.bias[drawn]) - included.log()
        place = torch.full((len(self.chance),), -1, device=h.device)
        place[drawn] = torch.arange(len(drawn), device=h.device)
        own = place[at]
        others = _without(others, own.clamp(min=0), (own >= 0) & known)
        return torch.cat([told.masked_fill(~known | gone, NOTHING), others], 1).logsumexp(1, keepdim=True)

    def _summed(self, h: Tensor, at: Tensor, gone: Tensor) -> Tensor:
        """Logarithm of the sum over all items, some of them at a time."""
        parts = []
        for start in range(0, len(self.chance), AT_ONCE):
            some = slice(start, start + AT_ONCE)
            scores = F.linear(h, self.last.weight[some], self.last.bias[some])
            within = gone & (at >= start) & (at < start + scores.shape[1])
            parts.append(
                _without(scores, (at - start).clamp(0, scores.shape[1] - 1), within).logsumexp(1, keepdim=True)
            )
        return torch.cat(parts, 1).logsumexp(1, keepdim=True)


def _without(scores: Tensor, at: Tensor, gone: Tensor) -> Tensor:
    """Scores (n, m) of which those at some places, (n, entries) where `gone`, count for nothing."""
    rows, entries = gone.nonzero(as_tuple=True)
    if not len(rows):
        return scores
    return scores.index_put((rows, at[rows, entries]), scores.new_tensor(NOTHING))


def default_hidden(shape: tuple[int, ...], latent_dim: int, n_rows: int) -> tuple[int, ...]:
    """One layer of 200."""
    return (200,)


def build(layout: Layout) -> tuple[nn.Module, nn.Module]:
    """Make a pair for ratings; `options` say which encoder and decoder."""
    encoders = {"mlp": Mlp, "skip": Skip, "gated": Gated}
    name = layout.options.get("encoder", OPTIONS["encoder"][0])
    if name != "mlp" and not layout.hidden:
        raise ParameterError(f"hidden=() cannot be used with encoder={name!r}, which needs a hidden layer at least.")
    if name == "skip" and len(set(layout.hidden)) > 1:
        raise ParameterError(
            f"hidden={layout.hidden} cannot be used with encoder='skip', whose layers are added up: give them one size."
        )
    return encoders[name](layout.shape[0], layout), Scorer(layout.shape[0], layout)
