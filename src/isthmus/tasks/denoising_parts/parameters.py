"""What each parameter of `Denoiser` may be."""

from __future__ import annotations

from isthmus import parameters as check
from isthmus.exceptions import ParameterError
from isthmus.tasks.denoising_parts.noises import NOISES, level_range
from isthmus.tasks.denoising_parts.restorer import CLEAN, NOISY, PAIRS

#: Parameters beside those of every task: a check, and words for a message.
DENOISING: dict[str, tuple[check.Check, str]] = {
    "noise": (check.word(*NOISES), f"one of {', '.join(map(repr, NOISES))}"),
    "level": (
        check.either(check.nothing, lambda v: level_range(v) is not None),
        "None, a number, or a range such as (0, 50)",
    ),
    "learn_from": (check.word(CLEAN, PAIRS, NOISY), "'clean', 'pairs' or 'noisy'"),
    "context": (check.whole(0), "a whole number from 0 on"),
    "widths": (
        check.either(check.AUTO, lambda v: check.sizes(v) and len(v) > 0),
        "a tuple of whole numbers, such as (64, 128, 256), or 'auto'",
    ),
    "patch_size": (check.whole(8), "a whole number from 8 on"),
    "max_steps": (check.either(check.whole(1), check.AUTO), "a whole number from 1 on, or 'auto'"),
    "max_minutes": (check.either(check.nothing, check.number(0, open_left=True)), "None or a number above 0"),
    "learning_rate": check.AUTOENCODER["learning_rate"],
    "validation_fraction": check.AUTOENCODER["validation_fraction"],
    "precision": (check.word("auto", "float32", "bf16"), "'auto', 'float32' or 'bf16'"),
    "checkpoint": check.AUTOENCODER["checkpoint"],
}


def check_together(kind: str, noise: str, way: str, context: int, *, paired: bool, noises: bool) -> None:
    """Refuse parameters that do not go with one another, or with the kind of data."""
    own = NOISES[noise]
    if way == PAIRS and not paired:
        raise ParameterError("Denoiser: learn_from='pairs' needs what is wanted as well: fit(noisy, clean).")
    if kind not in own.kinds and not (kind == "table" and "vector" in own.kinds):
        raise ParameterError(
            f"Denoiser: noise={noise!r} is for data of the kind {' or '.join(own.kinds)}, but these are of "
            f"the kind {kind!r}. Choose noise='gaussian'."
        )
    if way == NOISY and not own.zero_mean:
        raise ParameterError(
            f"Denoiser: learn_from='noisy' needs noise that is independent and zero on average, 'gaussian' or "
            f"'poisson', but noise={noise!r}. Give clean data, or pairs."
        )
    if context and kind != "image":
        raise ParameterError("Denoiser: context= is for pictures of a film; leave it 0.")
    if noises and kind != "audio":
        raise ParameterError(f"Denoiser: noises= are mixed with sounds, but these are of the kind {kind!r}.")
