"""Options of the commands that clean and fill."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from isthmus.cli.options import DATA, MODEL, OUTPUT, TRAINING, _argument, _option, number
from isthmus.exceptions import ParameterError


def level(text: Any) -> Any:
    """Read a level of noise, or a range of them.

    Examples
    --------
    >>> level("25"), level("0-50"), level("-6-12"), level("-12--6")
    (25.0, (0.0, 50.0), (-6.0, 12.0), (-12.0, -6.0))
    """
    if not isinstance(text, str):
        return text
    try:
        return float(text)
    except ValueError:
        # A minus in front is a sign, and so is one that follows another.
        sign, rest = ("-", text[1:]) if text.startswith("-") else ("", text)
        low, _, high = rest.partition("-")
    try:
        return float(sign + low), float(high)
    except ValueError:
        raise ParameterError(
            f"--level {text!r} cannot be used; expected a number, or a range such as 0-50, for sounds -6-12."
        ) from None


def colour(text: Any) -> Any:
    """Read a colour as six hexadecimal digits.

    Examples
    --------
    >>> colour("ff0000"), colour("#00ff80")
    ((255, 0, 0), (0, 255, 128))
    """
    if not isinstance(text, str):
        return text
    digits = text.removeprefix("#")
    try:
        if len(digits) != 6:
            raise ValueError
        return tuple(bytes.fromhex(digits))
    except ValueError:
        raise ParameterError(
            f"--colour {text!r} cannot be used; expected red, green and blue as six digits, such as ff0000."
        ) from None


NoisySource = Annotated[
    str, _argument("SOURCE", "Noisy picture or sound, folder of them, or a table of numbers (CSV, .npy ...).")
]
CleanData = Annotated[
    str | None, _option(DATA, "Clean data to learn from; noise is added to them.", "CLEAN", "--clean")
]
PairedData = Annotated[
    str | None,
    _option(DATA, "What SOURCE is to become, in the same order; may have other noise itself.", "PAIRS", "--pairs"),
]
NoiseFrom = Annotated[
    str | None,
    _option(DATA, "Recordings of noise alone, mixed with the clean sounds.", "NOISES", "--noise-from"),
]
NoiseKind = Annotated[str, _option(MODEL, "gaussian, poisson, salt_pepper or jpeg.", "NOISE")]
NoiseLevel = Annotated[
    Any,
    _option(
        MODEL,
        "How much noise: a number or a range. gaussian: in grey levels, 25; sounds: dB of signal to noise, -6-12.",
        "X|LOW-HIGH",
        parser=level,
    ),
]
MaxSteps = Annotated[Any, _option(TRAINING, "Training steps.", "N|auto", parser=number)]
MaxMinutes = Annotated[float | None, _option(TRAINING, "End training after so many minutes.", "MINUTES")]
ToClean = Annotated[
    str,
    _option(OUTPUT, "The result: a folder, a picture's or sound's name, or for tables .csv ...", "PLACE", "-o", "--to"),
]

HoledSource = Annotated[str, _argument("SOURCE", "Picture, or folder of pictures.")]
MaskFile = Annotated[
    str | None, _option(DATA, "White where something is missing: a picture, or a folder of one each.", "MASK", "--mask")
]
MarkColour = Annotated[
    Any, _option(DATA, "Colour that what is missing was painted over in.", "RRGGBB", "--colour", parser=colour)
]
Tolerance = Annotated[
    float, _option(DATA, "How far the colour may be off, as a share of the range.", "SHARE", min=0.0, max=1.0)
]
TrainPictures = Annotated[
    str | None, _option(DATA, "Whole pictures to learn from; by default what is known of SOURCE.", "FOLDER", "--train")
]
Frames = Annotated[
    bool,
    typer.Option(
        "--frames", help="SOURCE is a folder of numbered frames of a film.", rich_help_panel=DATA, show_default=False,
        is_flag=True,
    ),
]  # fmt: skip
Context = Annotated[
    int | None, _option(MODEL, "Frames of a film on either side that are looked at; 1 by default.", "K", min=0)
]
ToMended = Annotated[str, _option(OUTPUT, "The result: a folder, or a picture's name.", "PLACE", "-o", "--to")]
