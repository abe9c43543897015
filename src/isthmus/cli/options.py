"""The options of all commands, each declared once: how it is parsed, explained and grouped."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

import typer

from isthmus.cli.errors import debug_option

DATA, MODEL, TRAINING, OUTPUT = "Data", "Model", "Training", "Output"
#: Largest seed that NumPy takes.
MOST_SEED = 2**32 - 1


# Parsing ---------------------------------------------------------------------------------------------------
# Defaults come through a parser too, so each passes on what is not text. Words that make no sense are passed
# on as well: the estimator says what it expects of each parameter.


def number(text: Any) -> Any:
    """Read a number, "none" for None, or else a word such as "auto".

    Examples
    --------
    >>> number("8"), number("1e-3"), number("none"), number("auto")
    (8, 0.001, None, 'auto')
    """
    if not isinstance(text, str):
        return text
    if text.strip().lower() == "none":
        return None
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text.strip()


def sizes(text: Any) -> Any:
    """Read whole numbers separated by commas; "none" for none at all.

    Examples
    --------
    >>> sizes("256,64"), sizes("none"), sizes("auto")
    ((256, 64), (), 'auto')
    """
    if not isinstance(text, str) or text.strip().lower() == "auto":
        return text
    if text.strip().lower() == "none":
        return ()
    return tuple(number(part) for part in text.split(","))


def yes_or_no(text: Any) -> Any:
    """Read "yes" and "no", and what people write for them.

    Examples
    --------
    >>> yes_or_no("yes"), yes_or_no("false"), yes_or_no("auto")
    (True, False, 'auto')
    """
    if not isinstance(text, str):
        return text
    words = {"yes": True, "true": True, "on": True, "no": False, "false": False, "off": False}
    return words.get(text.strip().lower(), text)


def names(text: Any) -> Any:
    """Read names separated by commas.

    Examples
    --------
    >>> names("age, height")
    ['age', 'height']
    """
    return [part.strip() for part in text.split(",") if part.strip()] if isinstance(text, str) else text


def together(given: Any) -> list[str] | None:
    """Join the names of an option that was given several times.

    Examples
    --------
    >>> together([["age", "height"], ["name"]])
    ['age', 'height', 'name']
    """
    return [name for some in given for name in some] if given else None


def picture_size(text: Any) -> Any:
    """Read a height and a width, or one number for both.

    Examples
    --------
    >>> picture_size("48x64"), picture_size("32")
    ((48, 64), (32, 32))
    """
    if not isinstance(text, str):
        return text
    parts = text.lower().replace("\u00d7", "x").split("x")
    if len(parts) > 2 or not all(part.strip().isdecimal() and int(part) > 0 for part in parts):
        raise typer.BadParameter(f"{text!r} is no size. Give HEIGHTxWIDTH in pixels, such as 64x64.")
    return int(parts[0]), int(parts[-1])


def _option(
    panel: str, help: str, metavar: str, *flags: str, parser: Callable[[Any], Any] | None = None, **more: Any
) -> Any:
    """Declare an option; without flags it is named as the parameter that it is for."""
    if parser is not None:
        more["parser"] = parser
    return typer.Option(*flags, help=help, metavar=metavar, rich_help_panel=panel, **more)


def _flag(help: str, *flags: str, **more: Any) -> Any:
    return typer.Option(*flags, help=help, rich_help_panel=OUTPUT, **more)


def _argument(metavar: str, help: str) -> Any:
    return typer.Argument(metavar=metavar, help=help, show_default=False)


# Data ------------------------------------------------------------------------------------------------------

_SOURCE = (
    "CSV, TSV, Parquet, Feather, .npy, .npz, .idx.gz, .txt or .jsonl file, folder of pictures, or - for CSV "
    "(for texts: lines) on stdin."
)
Source = Annotated[str, _argument("SOURCE", _SOURCE)]
ModelFolder = Annotated[str, _argument("MODEL", "Model folder, as `isthmus fit` writes it.")]
Codes = Annotated[str, _argument("CODES", "File of codes, as `isthmus encode` writes it, or - for stdin.")]

_USE, _SET_ASIDE = "Columns to use; others are set aside.", "Columns to set aside: not fitted, but carried along."
_SEVERAL: dict[str, Any] = {"parser": names, "callback": together}
Columns = Annotated[list[str] | None, _option(DATA, _USE, "A,B", "--columns", **_SEVERAL)]
Drop = Annotated[list[str] | None, _option(DATA, _SET_ASIDE, "A,B", "--drop", **_SEVERAL)]
Schema = Annotated[
    str | None,
    _option(DATA, "What the columns are, as `isthmus inspect` writes it, to be corrected.", "FILE.json", "--schema"),
]
Size = Annotated[
    Any,
    _option(DATA, "Resize pictures to HEIGHTxWIDTH, such as 64x64.", "SIZE", "--size", parser=picture_size),
]
SkipBad = Annotated[
    bool,
    typer.Option(
        "--skip-bad", help="Leave out damaged and animated pictures of a folder.", rich_help_panel=DATA,
        show_default=False, is_flag=True,
    ),
]  # fmt: skip
Kind = Annotated[
    str, _option(DATA, "auto, vector, table, image, sequence, text, events or bag (texts by their words).", "KIND")
]
Labels = Annotated[
    str | None,
    _option(DATA, "Column that was set aside; folder: subfolders of pictures, which fit takes by itself.", "COLUMN"),
]
Validation = Annotated[
    str | None, _option(DATA, "Rows that choose the best epoch, instead of a share of SOURCE.", "FILE")
]
TestFraction = Annotated[
    float,
    _option(DATA, "Share of SOURCE held out to judge the model on; 0: none.", "SHARE", min=0.0, max=0.9),
]

# Kinds -----------------------------------------------------------------------------------------------------

KindName = Annotated[str | None, _argument("NAME", "Kind to tell more of: its parameters and their defaults.")]

# Model: named as the estimator's parameters ----------------------------------------------------------------

LatentDim = Annotated[
    Any,
    _option(MODEL, "Size of the code. auto: as PCA needs for 95 % of the variance.", "N|auto", parser=number),
]
Objective = Annotated[
    list[str] | None,
    _option(MODEL, "What is added, as `isthmus kinds` lists it; may be given several times.", "WORD"),
]
Network = Annotated[str, _option(MODEL, "auto, dense, conv, lstm or gru.", "NETWORK")]
Hidden = Annotated[
    Any,
    _option(MODEL, "Sizes of the encoder's hidden layers; none: no such layers.", "256,64|auto", parser=sizes),
]
_ACTIVATIONS = "relu, leaky_relu, elu, selu, gelu, silu, tanh, sigmoid, softplus or linear."
Activation = Annotated[str, _option(MODEL, f"Of the hidden layers: {_ACTIVATIONS}", "NAME")]
CodeActivation = Annotated[str, _option(MODEL, "Of the code, the same names.", "NAME")]
OutputActivation = Annotated[str, _option(MODEL, "Of the reconstruction, the same names.", "NAME")]
Dropout = Annotated[Any, _option(MODEL, "Share of hidden units dropped in training.", "SHARE", parser=number)]
LinearPath = Annotated[
    Any, _option(MODEL, "The linear path that starts at PCA: auto, yes or no.", "WORD", parser=yes_or_no)
]
Members = Annotated[Any, _option(MODEL, "Networks trained at once; errors are means over them.", "N", parser=number)]
Loss = Annotated[str, _option(MODEL, "auto, mse, mae, huber, bce, or poisson for counts.", "LOSS")]
Scaling = Annotated[
    str, _option(MODEL, "Of each column or channel: auto, standard, minmax, quantile or none.", "SCALING")
]
Tokenizer = Annotated[
    str, _option(MODEL, "What texts are cut into: bytes, words, bpe, or with a size, 'words(5000)'.", "TOKENIZER")
]

# Training: named as the estimator's parameters -------------------------------------------------------------

MaxEpochs = Annotated[Any, _option(TRAINING, "Passes over the training rows at most.", "N|auto", parser=number)]
BatchSize = Annotated[Any, _option(TRAINING, "Rows a step.", "N|auto", parser=number)]
LearningRate = Annotated[Any, _option(TRAINING, "Peak learning rate.", "RATE|auto", parser=number)]
WeightDecay = Annotated[
    Any, _option(TRAINING, "Decay of the weights of the non-linear path.", "RATE|auto", parser=number)
]
Patience = Annotated[
    Any,
    _option(TRAINING, "Epochs without improvement before training stops; none: never.", "N|auto", parser=number),
]
ValidationFraction = Annotated[
    Any, _option(TRAINING, "Share of the training rows that chooses the best epoch.", "SHARE", parser=number)
]
_SEED = "Seed: the same one gives the same result."
RandomState = Annotated[int | None, _option(TRAINING, _SEED, "N", min=0, max=MOST_SEED)]
_DEVICE = "auto, cpu, cuda, cuda:1 or mps."
Device = Annotated[str, _option(TRAINING, _DEVICE, "DEVICE")]
Precision = Annotated[str, _option(TRAINING, "auto, float32, float64 or bf16.", "PRECISION")]
Checkpoint = Annotated[
    str | None,
    _option(TRAINING, "Keep the state of training here: a fit that was killed goes on from it.", "FOLDER"),
]
CheckpointEvery = Annotated[
    Any, _option(TRAINING, "Epochs, or seconds as in 30s, between two checkpoints.", "N|TIME", parser=number)
]

# Output ----------------------------------------------------------------------------------------------------

_FILES = ".csv, .parquet, .feather, .npy or .npz, or - for CSV on stdout"
ToModel = Annotated[str, _option(OUTPUT, "Folder to save the model in.", "MODEL", "--to")]
ToFigures = Annotated[str | None, _option(OUTPUT, "All figures: .json or .csv.", "FILE", "--to")]
ToSchema = Annotated[str, _option(OUTPUT, "The schema: .json; - for standard output.", "FILE", "--to")]
ToReport = Annotated[str, _option(OUTPUT, "The report: .html.", "FILE", "--to")]
ToCodes = Annotated[str, _option(OUTPUT, f"{_FILES}.", "FILE", "--to")]
_PICTURES = "of a model of pictures also .png for all in a grid, or a folder for a PNG each"
ToRows = Annotated[str, _option(OUTPUT, f"{_FILES}; {_PICTURES}.", "FILE", "--to")]
ToFilled = Annotated[str, _option(OUTPUT, f"The filled rows: {_FILES}.", "FILE", "-o", "--to")]
ToMade = Annotated[
    str, _option(OUTPUT, "The rows: .csv, .parquet, .feather, or - for CSV on stdout.", "FILE", "-o", "--to")
]
ToDemo = Annotated[str, _option(OUTPUT, "Folder for the model and the report.", "FOLDER", "--to")]
Report = Annotated[str | None, _option(OUTPUT, "Write a report as one HTML page.", "FILE.html")]
Color = Annotated[str | None, _option(OUTPUT, "Column that colours the codes in the report.", "COLUMN")]
Force = Annotated[bool, _flag("Replace what is there already.", "--force", show_default=False)]
Verbose = Annotated[bool, _flag("Show progress and results, or only problems.", "--verbose/--quiet", "-v/-q")]
Draws = Annotated[int, _option(OUTPUT, "Write so many draws as well: FILE-1, FILE-2 ...", "M", min=0)]
SavedJob = Annotated[
    str | None, _option(MODEL, "What --save wrote, to work with; else one is fitted on SOURCE.", "MODEL", "--model")
]
Novelty = Annotated[
    bool,
    typer.Option(
        "--novelty", help="The rows of SOURCE are clean.", rich_help_panel=MODEL, show_default=False, is_flag=True
    ),
]
Window = Annotated[
    str | None,
    _option(MODEL, "SOURCE is a recording, a row a step: look at windows of so many; auto.", "STEPS"),
]
Explain = Annotated[bool, _flag("Write the reasons of each row, by column.", "--explain", show_default=False)]
ToScores = Annotated[
    str | None, _option(OUTPUT, ".csv, .parquet or .feather, or - for CSV on stdout.", "FILE", "-o", "--to")
]
SaveJob = Annotated[str | None, _option(OUTPUT, "Folder to save what was fitted in, for --model.", "MODEL", "--save")]
Number = Annotated[int, _option(OUTPUT, "How many rows.", "N", "-n", "--number", min=1)]
Condition = Annotated[
    list[str] | None,
    _option(
        OUTPUT,
        "label=LABEL for rows of a class; else the value of a column that the model was fitted to be given, once each.",
        "NAME=VALUE",
    ),
]
Density = Annotated[
    str, _option(OUTPUT, "What codes are drawn from: auto, prior (of the objective), or mixture (on codes).", "WORD")
]
Start = Annotated[str, _argument("A", "File of the row or picture to start from.")]
End = Annotated[str, _argument("B", "File of the row or picture to end with.")]
Steps = Annotated[int, _option(OUTPUT, "Rows to give, both ends included.", "N", min=2)]
Way = Annotated[str, _option(OUTPUT, "linear, or spherical: about the mean of the codes.", "WORD", "--path")]
MadeCondition = Annotated[
    list[str] | None,
    _option(OUTPUT, "Value of a column of the rows to be made; once for each.", "COLUMN=VALUE", "--condition"),
]
Database = Annotated[str, _argument("MODEL", "Folder of a retriever, as `isthmus index` writes it.")]
Queries = Annotated[str, _argument("QUERIES", "A picture, a folder of pictures, a table or an array, or - for stdin.")]
CodeSize = Annotated[Any, _option(MODEL, "Size of the code.", "N|auto", "--dim", parser=number)]
Metric = Annotated[str, _option(MODEL, "Distance of codes: euclidean or cosine; auto: cosine for texts.", "METRIC")]
IndexKind = Annotated[
    str, _option(MODEL, "exact; or hnsw or ivfpq, by faiss, for very many items.", "INDEX", "--index")
]
Ids = Annotated[str | None, _option(DATA, "Column that names the rows; it is not fitted.", "COLUMN", "--ids")]
Nearest = Annotated[int, _option(OUTPUT, "How many for each query.", "K", "-k", min=1)]
Items = Annotated[
    str | None,
    _option(DATA, "Pictures of the database, for --report to show; it holds their codes alone.", "SOURCE", "--items"),
]
ToHits = Annotated[
    str | None, _option(OUTPUT, ".csv, .parquet or .feather, or - for CSV on stdout.", "FILE", "-o", "--to")
]
Seed = Annotated[int | None, _option(OUTPUT, _SEED, "N", min=0, max=MOST_SEED)]
WorkOn = Annotated[str, _option(OUTPUT, f"Where to work: {_DEVICE}", "DEVICE")]
Debug = Annotated[
    bool,
    _flag("Show the traceback of an error.", "--debug", show_default=False, is_eager=True, callback=debug_option),
]
DataOrModel = Annotated[
    str, _argument("DATA|MODEL", "File of users, items and perhaps values and times, or a folder that --save wrote.")
]
Threshold = Annotated[
    float | None, _option(DATA, "Values from there on count as taken; by default every line does.", "VALUE")
]
RecommenderWord = Annotated[
    str,
    _option(
        MODEL, "auto, popularity, knn, ease, edlae, elsa, deep ...; of values bias or autorec; edlae+deep.", "WORD"
    ),
]
MinInteractions = Annotated[
    int, _option(DATA, "Nothing is learnt from users with fewer.", "N", "--min-interactions", min=1)
]
Users = Annotated[list[str] | None, _option(OUTPUT, "A user to recommend to; once for each.", "USER", "--user")]
History = Annotated[
    str | None,
    _option(OUTPUT, "Items of a new user, a line each (.txt), or a table of users and items.", "FILE", "--history"),
]
SimilarTo = Annotated[
    list[str] | None, _option(OUTPUT, "An item to find others like; once for each.", "ITEM", "--similar")
]
ExplainItem = Annotated[
    str | None, _option(OUTPUT, "Say which items of the history speak for this one.", "ITEM", "--explain")
]
WithSeen = Annotated[bool, _flag("Recommend items of the history as well.", "--with-seen", show_default=False)]
ToRecommended = Annotated[
    str | None,
    _option(OUTPUT, ".csv, .parquet or .feather, or - for CSV on stdout.", "FILE", "-o", "--to", "--output"),
]
AboutItems = Annotated[
    str | None,
    _option(DATA, "Table of what is known of items, a row each, for those that nobody took.", "FILE", "--items"),
]
SaveRecommender = Annotated[str | None, _option(OUTPUT, "Folder to save the model in.", "MODEL", "--save")]
