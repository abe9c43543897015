"""`isthmus impute`: a file with gaps to a file without."""

# ruff: noqa: PLC0415 - all of these bring torch, which is imported once a command runs

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from isthmus.cli import options as o
from isthmus.cli.console import say
from isthmus.cli.jobs import check_places, saved
from isthmus.cli.reading import Selection
from isthmus.cli.steps import recording, window_of
from isthmus.cli.tables import print_places
from isthmus.cli.writing import STANDARD_OUTPUT, Result, check_file, check_rows, ending_of, write_rows
from isthmus.exceptions import ParameterError

if TYPE_CHECKING:
    from isthmus import Imputer
    from isthmus.data import Raw


def impute(
    source: o.Source,
    *,
    columns: o.Columns = None,
    drop: o.Drop = None,
    size: o.Size = None,
    skip_bad: o.SkipBad = False,
    schema: o.Schema = None,
    kind: o.Kind = "auto",
    window: o.Window = None,
    to: o.ToFilled,
    model: o.SavedJob = None,
    draws: o.Draws = 0,
    report: o.Report = None,
    save: o.SaveJob = None,
    force: o.Force = False,
    members: o.Members = 3,
    max_epochs: o.MaxEpochs = "auto",
    random_state: o.Seed = None,
    device: o.WorkOn = "auto",
    verbose: o.Verbose = True,
    debug: o.Debug = False,
) -> None:
    """Fill the missing values of SOURCE; columns set aside are carried along."""
    check_rows(to, source)
    if draws and to == STANDARD_OUTPUT:
        raise ParameterError("--draws writes a file for each draw; give --to a file, not standard output.")
    places = [str(Path(to).with_name(f"{Path(to).stem}-{i}{ending_of(to)}")) for i in range(1, draws + 1)]
    for place in places:
        check_rows(place, source)
    if report is not None:
        check_file(report, (".html", ".htm"), source)
    check_places(model, save, force=force, schema=schema, window=window)
    from isthmus import Imputer

    fitted = None if model is None else saved(model, Imputer, "impute", device)
    selection = Selection(columns, drop, size, schema, skip_bad)
    # Of windows, a model knows the channels by their order alone.
    raw = (
        selection.read(source, kind)
        if fitted is None or fitted.window_ is not None
        else selection.read_for(fitted, source)
    )
    if report is not None and (window is not None or (fitted is not None and fitted.window_ is not None)):
        raise ParameterError("--report shows columns, not recordings; leave it out.")
    if report is not None and len(raw.item_shape) > 1:
        raise ParameterError(f"--report shows columns, but {source} holds data of the kind {raw.kind!r}; leave it out.")
    length = window_of(window)
    imputer = fitted or _fitted(raw, length, members, max_epochs, random_state, device, verbose=verbose)
    raw = raw if imputer.window_ is None else recording(raw)
    if save is not None:
        imputer.save(save)
    filled = imputer.transform(raw)
    write_rows(to, Result(filled, None, raw.extra, raw.row_names))
    for place, draw in zip(places, imputer.sample_imputations(raw, draws, random_state) if draws else (), strict=True):
        write_rows(place, Result(draw, None, raw.extra, raw.row_names))
    if report is not None:
        _report(imputer, raw, report, model or save, refit=fitted is None, seed=random_state or 0)
    if verbose and to != STANDARD_OUTPUT:
        _tell(raw, filled)
        if fitted is None and imputer.window_ is not None:
            from isthmus.evaluation.gaps_in_time import judge_recordings

            # By what a Gaussian expects alone, so that one does not wait for the networks again.
            say(judge_recordings(imputer.set_params(verbose=0, max_epochs=0), raw, seed=random_state or 0).verdict())
        drawn = None if not places else places[0] if len(places) == 1 else f"{places[0]} to {places[-1]}"
        print_places(filled=to, draws=drawn, report=report, model=save)


COMMANDS = (impute,)
EXAMPLES = {
    "impute": """Examples:

$ isthmus impute people.csv -o filled.csv --drop name

$ isthmus impute people.csv -o filled.csv --drop name --report report.html --save imputer

$ isthmus impute new.csv -o filled.parquet --model imputer --draws 5

$ isthmus impute series.csv -o filled.csv --window auto --drop label""",
}


def _fitted(
    raw: Raw, window: Any, members: Any, max_epochs: Any, seed: int | None, device: str, *, verbose: bool
) -> Imputer:
    from isthmus import Imputer

    if verbose:
        say(f"Learning to fill gaps from {len(raw):,} rows of {raw.origin}. Ctrl-C stops and keeps the best so far.")
    imputer = Imputer(
        window=window, members=members, max_epochs=max_epochs, random_state=seed, device=device, verbose=int(verbose)
    )
    return imputer.fit(raw)


def _report(imputer: Imputer, raw: Raw, report: str, model: str | None, *, refit: bool, seed: int) -> None:
    from isthmus.evaluation.gaps import gaps_report, judge_gaps

    imputer.set_params(verbose=0)
    comparison = judge_gaps(imputer, raw, refit=refit, seed=seed)
    gaps_report(comparison, raw, report, imputer=imputer, model_path=model)
    say(comparison.verdict())


def _tell(raw: Raw, filled: object) -> None:
    """Say how many values were filled, and whether any is left."""
    import numpy as np

    from isthmus.data import as_raw
    from isthmus.data.moments import dense

    def missing(rows: Raw) -> int:
        return int(np.isnan(np.asarray(dense(rows.values), dtype=np.float64)).sum())

    before = missing(raw)
    left = missing(as_raw(filled, kind=raw.kind)) if before else 0
    still = f"; {left:,} are left, of columns without any value" if left else ""
    say(f"{before - left:,} of {before:,} missing values of {len(raw):,} rows were filled{still}.")
