"""`isthmus fit` and `isthmus demo`: from a source to a model, judged on rows that it never saw."""

# ruff: noqa: PLC0415 - all of these bring torch, which is imported once a command runs

from __future__ import annotations

import inspect
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from isthmus.cli import options as o
from isthmus.cli.console import say
from isthmus.cli.errors import INTERRUPTED
from isthmus.cli.reading import Selection, color_of, hold_out, labels_of
from isthmus.cli.tables import print_comparison, print_places
from isthmus.cli.writing import check_file, try_place
from isthmus.exceptions import ModelFileError, ParameterError

if TYPE_CHECKING:
    from isthmus import Autoencoder
    from isthmus.data import Raw

#: Parameters of the demo's model; the code is an eighth of a picture's 64 pixels.
DEMO: dict[str, Any] = {"latent_dim": 8, "random_state": 0}


def fit(
    ctx: typer.Context,
    source: o.Source,
    *,
    columns: o.Columns = None,
    drop: o.Drop = None,
    schema: o.Schema = None,
    size: o.Size = None,
    skip_bad: o.SkipBad = False,
    kind: o.Kind = "auto",
    labels: o.Labels = None,
    validation: o.Validation = None,
    test_fraction: o.TestFraction = 0.2,
    latent_dim: o.LatentDim = "auto",
    objective: o.Objective = None,
    network: o.Network = "auto",
    hidden: o.Hidden = "auto",
    activation: o.Activation = "silu",
    code_activation: o.CodeActivation = "linear",
    output_activation: o.OutputActivation = "linear",
    dropout: o.Dropout = 0.0,
    linear_path: o.LinearPath = "auto",
    members: o.Members = 1,
    loss: o.Loss = "auto",
    scaling: o.Scaling = "auto",
    tokenizer: o.Tokenizer = "auto",
    max_epochs: o.MaxEpochs = "auto",
    batch_size: o.BatchSize = "auto",
    learning_rate: o.LearningRate = "auto",
    weight_decay: o.WeightDecay = "auto",
    patience: o.Patience = "auto",
    validation_fraction: o.ValidationFraction = 0.1,
    random_state: o.RandomState = None,
    device: o.Device = "auto",
    precision: o.Precision = "auto",
    checkpoint: o.Checkpoint = None,
    checkpoint_every: o.CheckpointEvery = "10s",
    to: o.ToModel,
    report: o.Report = None,
    color: o.Color = None,
    force: o.Force = False,
    verbose: o.Verbose = True,
    debug: o.Debug = False,
) -> None:
    """Fit an autoencoder to a file or a folder of pictures, and compare it with PCA on rows held out."""
    check_model_place(to, force=force)
    if report is not None:
        check_file(report, (".html", ".htm"), source)
    if checkpoint is not None:
        check_checkpoint(checkpoint)
    from isthmus import Autoencoder

    # The options are named as the estimator's parameters, so nothing is listed twice.
    known = inspect.signature(Autoencoder).parameters
    given: dict[str, Any] = {name: value for name, value in ctx.params.items() if name in known}
    given["objective"] = objective_of(objective)
    model = Autoencoder(**given)
    selection = Selection(columns, drop, size, schema, skip_bad)
    if kind == "bag":
        raise ParameterError(
            "--kind bag: `isthmus fit` judges what comes back by its error, which words lack. `isthmus index` makes "
            "a database of texts; in Python Autoencoder(kind='bag') fits them."
        )
    if kind == "ratings":
        raise ParameterError(
            "--kind ratings: `isthmus recommend` fits a recommender to a file of users and items; in Python "
            "Autoencoder(kind='ratings') takes a sparse matrix."
        )
    raw = selection.read(source, kind)
    asked = color_of(raw, color)
    beside = None if validation is None else selection.read(validation, raw.kind)
    for rows in (raw, beside):
        if rows is not None:
            refuse_infinite(rows)
    train, test = hold_out(raw, test_fraction, random_state)
    of_rows = labels_of(raw, labels)
    run(model, train, test, to, labels=of_rows, validation=beside, report=report, color=asked, verbose=verbose)


def demo(
    to: o.ToDemo = "isthmus-demo", force: o.Force = False, verbose: o.Verbose = True, debug: o.Debug = False
) -> None:
    """See it work in half a minute: handwritten digits, a model, PCA beside it, and a report."""
    place = Path(to)
    model_place, report = str(place / "model"), str(place / "report.html")
    # A model with a report beside it is what the demo wrote before: it is made anew.
    check_model_place(model_place, force=force or Path(report).is_file())
    check_file(report, (".html",))
    from isthmus import Autoencoder
    from isthmus.evaluation.demo import digits

    raw = digits()
    if verbose:
        say(f"{len(raw):,} handwritten digits, 8 x 8 pixels each, to {DEMO['latent_dim']} numbers and back.")
    train, test = hold_out(raw, 0.2, 0)
    model = Autoencoder(**DEMO, verbose=int(verbose))
    run(model, train, test, model_place, report=report, color="digit", verbose=verbose)


COMMANDS = (fit, demo)
EXAMPLES = {
    "fit": """Examples:

$ isthmus fit people.csv --to model --drop name --report report.html --color name

$ isthmus fit photos/ --to model --size 16x16 --latent-dim 4 --max-epochs 20

$ isthmus fit people.csv --to model --drop name --objective "denoising(mask, 0.3)" --objective variational

$ isthmus fit lines.txt --to text-model --report texts.html

$ cat people.csv | isthmus fit - --to model --columns age,height,weight --hidden 64,16 --random-state 0""",
    "demo": """Examples:

$ isthmus demo

$ isthmus demo --to somewhere/else""",
}


def objective_of(words: list[str] | None) -> str | list[str] | None:
    """Give the objective that the words of the options ask for; refuse words without sense before any work."""
    if not words:
        return None
    from isthmus.objectives import resolve

    try:
        resolve(words)
    except ParameterError as error:
        said = str(error).replace("objective=", "--objective ", 1).replace("are a list.", "are --objective each.")
        raise ParameterError(f"{said.rstrip('.')}. `isthmus kinds` lists them all.") from error
    return words[0] if len(words) == 1 else words


def check_model_place(to: str, *, force: bool) -> None:
    """Refuse a place that a model could not be saved in, before any work."""
    from isthmus.storage import check_target, is_model_folder

    if is_model_folder(to) and not force:
        raise ModelFileError(f"There is a model in {to} already. Give another name, or --force to replace it.")
    check_target(to)
    try_place(Path(to))


def check_checkpoint(folder: str) -> None:
    """Refuse a folder that checkpoints could not be written in, before any work."""
    place = Path(folder)
    if place.exists() and not place.is_dir():
        raise ModelFileError(f"--checkpoint {folder}: a file has this name. Give the name of a folder.")
    try_place(place / "checkpoint")


def refuse_infinite(raw: Raw) -> None:
    """Refuse infinities while rows still have the numbers that they have in the source."""
    from isthmus.data import preparation_for

    preparation_for(raw).refuse_infinite(raw)


def run(
    model: Autoencoder,
    train: Raw,
    test: Raw | None,
    to: str,
    *,
    labels: str | None = None,
    validation: Raw | None = None,
    report: str | None = None,
    color: str | int | None = None,
    verbose: bool = True,
) -> None:
    """Fit, save, compare on the test rows, and report."""
    if verbose:
        held = "" if test is None else f"; {len(test):,} more are held out to judge it"
        say(f"Fitting on {len(train):,} rows of {train.origin}{held}. Ctrl-C stops and keeps the best so far.")
    model.fit(train, labels, validation=validation)
    save(model, to)
    if model.stopped_ == "interrupted":
        say(f"Stopped by Ctrl-C: the best model so far, that of epoch {model.best_epoch_}, is saved in {to}.")
        raise SystemExit(INTERRUPTED)
    from isthmus import evaluation

    rows, rows_are, held_out = judged_on(model, train, test)
    if verbose:
        print_comparison(replace(evaluation.compare(model, rows), rows_are=rows_are))
    if report is not None:
        evaluation.report(model, train if test is None else test, report, color=color, held_out=held_out, model_path=to)
    if verbose:
        print_places(model=to, report=report)


def save(model: Autoencoder, to: str) -> None:
    """Save a model; where that fails although it was tried before, save it elsewhere, so that the fit is not lost."""
    try:
        model.save(to)
    except ModelFileError as error:
        rescue = Path(tempfile.mkdtemp(prefix="isthmus-")) / "model"
        try:
            model.save(rescue)
        except ModelFileError:
            raise error from None
        raise ModelFileError(f"{error} The model is not lost: it lies in {rescue}.") from error


def judged_on(model: Autoencoder, train: Raw, test: Raw | None) -> tuple[Raw, str, bool | None]:
    """Rows to judge a model on, what to call them, and whether they are known to be held out."""
    if test is not None:
        return test, "held-out rows", True
    kept = model.validation_rows_
    if kept is not None and len(kept):
        return train.take(kept), "validation rows", None
    return train, "training rows", None
