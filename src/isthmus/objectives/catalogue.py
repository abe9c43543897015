"""What each kind of autoencoder is for, in a line, and its parameters, as people look them up."""

from __future__ import annotations

import inspect
import re
from collections.abc import Sequence
from dataclasses import dataclass

from isthmus.objectives.base import Objective
from isthmus.objectives.registry import OBJECTIVES
from isthmus.objectives.words import find, word

#: By class: when it is the right one.
SUITS: dict[str, str] = {
    "Denoising": "Rows come noisy or with gaps and are to be cleaned, or features have to stand up to noise.",
    "Masking": "Missing values are to be filled, or rows are to be coded well although some are missing.",
    "Sparse": "Each unit is to stand for something of its own that can be read, with few of them active in a row.",
    "Contractive": "Codes are to stay where they are when rows change a little, and the noise to expect is not known.",
    "Variational": "New rows or likelihoods are wanted, or a smooth code of independent units (VAE, beta-VAE, IWAE).",
    "Adversarial": "Codes are to follow a prior, and a discriminator is to see to it (adversarial autoencoder, AAE).",
    "Wasserstein": "Codes are to follow a prior, without a discriminator and with sharper rows than a variational one.",
    "VectorQuantised": "Codes are to be whole numbers: tokens, compression, clusters (VQ-VAE).",
    "Ordered": "The size of the code is to be chosen after the fit: any prefix of the code is a code (nested dropout).",
    "TeacherForcing": "Texts are written by a recurrent network, and its code must not be left empty (word dropout).",
    "FoldIn": "Users are to be recommended items by what they took: what is hidden is told from what is shown.",
    "Collaborative": "Users are to be recommended items by what they took, with codes kept near a prior (Mult-VAE).",
    "Neighbours": "Rows are to be found by what they are like: near rows get near codes (parametric t-SNE).",
}


@dataclass(frozen=True)
class Parameter:
    """A parameter of a kind.

    Parameters
    ----------
    name : str
    default : object
    type : str
        As the documentation has it; "" where it says nothing.
    text : str
        What it does.
    """

    name: str
    default: object
    type: str
    text: str


@dataclass(frozen=True)
class Kind:
    """A kind of autoencoder by objective.

    Parameters
    ----------
    word : str
        What to write for `objective`.
    summary : str
        What it is.
    suits : str
        When it is the right one.
    parameters : tuple of Parameter
    references : str
    """

    word: str
    summary: str
    suits: str
    parameters: tuple[Parameter, ...]
    references: str


def kinds() -> list[Kind]:
    """List the kinds of autoencoder that are made by an objective.

    Examples
    --------
    >>> [kind.word for kind in kinds()][:2]
    ['denoising', 'masking']
    """
    return [_describe(kind) for kind in OBJECTIVES.values()]


def kind_called(name: str) -> Kind | None:
    """Find a kind by the word for it; None where there is no such objective."""
    found = find(name, OBJECTIVES.values())
    return None if found is None else _describe(found)


def _describe(kind: type[Objective]) -> Kind:
    lines = (inspect.getdoc(kind) or "").splitlines()
    summary = lines[0] if lines else ""
    references = " ".join(" ".join(_section(lines, "References")).split())
    return Kind(word(kind), summary, SUITS.get(kind.__name__, summary), _parameters(kind, lines), references)


def _parameters(kind: type[Objective], lines: Sequence[str]) -> tuple[Parameter, ...]:
    """Join the signature with what the docstring says of it."""
    types: dict[str, str] = {}
    texts: dict[str, list[str]] = {}
    current: list[str] = []
    for line in _section(lines, "Parameters"):
        head = re.fullmatch(r"(\w+(?:, \w+)*)(?: : (.*))?", line)
        if head is None:
            current.append(line.strip())
            continue
        current = []
        for name in head[1].split(", "):
            types[name], texts[name] = re.sub(r",? default=.*", "", head[2] or ""), current
    return tuple(
        Parameter(name, given.default, types.get(name, ""), " ".join(texts.get(name, ())).strip())
        for name, given in inspect.signature(kind).parameters.items()
    )


def _section(lines: Sequence[str], title: str) -> list[str]:
    """Lines of one section of a docstring in numpydoc's form."""
    starts = [i for i, line in enumerate(lines[1:], 1) if re.fullmatch(r"-{3,}", line.strip()) and lines[i - 1].strip()]
    for i, start in enumerate(starts):
        if lines[start - 1].strip() == title:
            end = starts[i + 1] - 1 if i + 1 < len(starts) else len(lines)
            return list(lines[start + 1 : end])
    return []
