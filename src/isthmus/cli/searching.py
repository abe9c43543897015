"""`isthmus index` and `isthmus search`: a database of items, and those that are most like a query."""

# ruff: noqa: PLC0415 - all of these bring torch, which is imported once a command runs

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.markup import escape
from rich.table import Table

from isthmus.cli import options as o
from isthmus.cli.console import out, say
from isthmus.cli.errors import INTERRUPTED
from isthmus.cli.fitting import check_model_place
from isthmus.cli.reading import Selection, has_pictures
from isthmus.cli.tables import print_places
from isthmus.cli.writing import STANDARD_OUTPUT, Result, check_file, write_rows
from isthmus.exceptions import DataError, ModelFileError, ParameterError

if TYPE_CHECKING:
    import numpy as np

    from isthmus import Retriever
    from isthmus.data import Raw

#: Formats that hold words beside numbers.
ENDINGS = (".csv", ".parquet", ".feather")
#: Endings of files that hold nothing but texts.
TEXTS = (".txt", ".jsonl", ".ndjson")
#: Queries whose hits are printed where no file is asked for.
SHOWN = 10


def index(
    source: o.Source,
    *,
    columns: o.Columns = None,
    drop: o.Drop = None,
    ids: o.Ids = None,
    size: o.Size = None,
    skip_bad: o.SkipBad = False,
    schema: o.Schema = None,
    kind: o.Kind = "auto",
    dim: o.CodeSize = 32,
    metric: o.Metric = "auto",
    index: o.IndexKind = "exact",
    max_epochs: o.MaxEpochs = "auto",
    random_state: o.RandomState = None,
    device: o.Device = "auto",
    to: o.ToModel,
    force: o.Force = False,
    verbose: o.Verbose = True,
    debug: o.Debug = False,
) -> None:
    """Make a database of SOURCE for `isthmus search`; ids of pictures are file names, those of texts the texts."""
    check_model_place(to, force=force)
    from isthmus import Autoencoder, Retriever

    # Parameters are checked before the data are read, which may take long.
    retriever = Retriever(
        Autoencoder(dim, max_epochs=max_epochs),
        metric=metric,
        index=index,
        random_state=random_state,
        device=device,
        verbose=int(verbose),
    )
    retriever._check_parameters()
    selection = Selection(columns, drop if ids is None else [*(drop or ()), ids], size, schema, skip_bad)
    if kind == "auto" and source.lower().endswith(TEXTS):
        kind = "bag"
    raw = selection.read(source, kind)
    if verbose:
        say(f"Learning what {len(raw):,} items of {raw.origin} are like. Ctrl-C stops and keeps the best so far.")
    retriever.fit(raw, ids=_texts(raw) if ids is None else _names(raw, ids)).save(to)
    autoencoder = retriever.autoencoder_
    if autoencoder.stopped_ == "interrupted":
        epoch = autoencoder.best_epoch_
        say(f"Stopped by Ctrl-C: a database by the best model so far, that of epoch {epoch}, is saved in {to}.")
        raise SystemExit(INTERRUPTED)
    if verbose:
        print_places(database=to)


def search(
    model: o.Database,
    queries: o.Queries,
    *,
    columns: o.Columns = None,
    drop: o.Drop = None,
    size: o.Size = None,
    skip_bad: o.SkipBad = False,
    k: o.Nearest = 10,
    to: o.ToHits = None,
    report: o.Report = None,
    items: o.Items = None,
    device: o.WorkOn = "auto",
    debug: o.Debug = False,
) -> None:
    """Find the items of a database that are most like each of QUERIES; pictures are resized to those in it."""
    if to is not None and to != STANDARD_OUTPUT:
        check_file(to, ENDINGS, queries)
    if report is not None:
        check_file(report, (".html", ".htm"), queries)
    elif items is not None:
        raise ParameterError("--items is what --report shows: give --report as well, or leave it out.")
    retriever = _database(model, device)
    if size is None and retriever.kind_ == "image" and has_pictures(queries):
        # As the pictures of the database were, whose size is the only one that it can be asked for.
        height, width = retriever.schema_.item_shape[:2]
        size = (height, width)
    raw = Selection(columns, drop, size, skip_bad=skip_bad).read_for(retriever, queries)
    found, distances = retriever.search(raw, k)
    if to is None:
        _show(raw, found, distances)
    else:
        write_rows(to, _result(raw, found, distances))
    if report is not None:
        shown = None if items is None else Selection(size=size, skip_bad=skip_bad).read_for(retriever, items)
        _report(retriever, raw, shown, k, report)
    if to != STANDARD_OUTPUT:
        print_places(hits=to, report=report)


COMMANDS = (index, search)
EXAMPLES = {
    "index": """Examples:

$ isthmus index people.csv --ids name --dim 3 --max-epochs 5 --to people

$ isthmus index photos/ --size 16x16 --dim 8 --max-epochs 5 --to photo-database""",
    "search": """Examples:

$ isthmus search people new.csv -k 3

$ isthmus search people new.csv -k 3 -o hits.csv

$ isthmus search photo-database photos/photo01.bmp -k 5 --items photos/ --report hits.html""",
}


def _database(model: str, device: str) -> Retriever:
    from isthmus import Retriever, load

    found = load(model, device=device)
    if not isinstance(found, Retriever):
        raise ModelFileError(
            f"{model} holds a model of class {type(found).__name__}, but `isthmus search` looks through a database. "
            "`isthmus index SOURCE --to DATABASE` makes one."
        )
    return found


def _report(retriever: Retriever, raw: Raw, items: Raw | None, k: int, report: str) -> None:
    """Write queries and what was found for them as a page that opens without a network."""
    from isthmus.evaluation import neighbours_figure
    from isthmus.storage.atomic import write_bytes

    figure = neighbours_figure(retriever, raw, items, k)
    write_bytes(report, str(figure.to_html(include_plotlyjs=True)).encode())


def _names(raw: Raw, column: str) -> list[str]:
    if column not in raw.extra:
        raise ParameterError(f"--ids {column}: {raw.origin} has no columns with names, which could name its rows.")
    from isthmus.data.labels import is_missing

    names = raw.extra[column].tolist()
    missing = next((i for i, name in enumerate(names) if is_missing(name)), None)
    if missing is not None:
        raise DataError(
            f"--ids {column}: row {missing} (counted from 0) of {raw.origin} has no name. Give it one, or leave --ids "
            "out to have the rows numbered."
        )
    return [str(name) for name in names]


def _texts(raw: Raw) -> list[str] | None:
    """Texts name themselves, where each is there once."""
    if raw.kind != "bag":
        return None
    texts = next(iter(raw.extra.values())).tolist()
    return texts if len(set(texts)) == len(texts) else None


def _called(raw: Raw) -> list[str]:
    """Names of the queries: those of files, texts themselves, else numbers."""
    if raw.kind == "bag":
        return next(iter(raw.extra.values())).tolist()
    return list(raw.row_names) if raw.row_names is not None else [str(i) for i in range(len(raw))]


def _show(raw: Raw, found: np.ndarray, distances: np.ndarray) -> None:
    table = Table("query", "rank", "id", "distance")
    for i in (1, 3):
        table.columns[i].justify = "right"
    for name, ids, away in list(zip(_called(raw), found, distances, strict=True))[:SHOWN]:
        for rank, (hit, distance) in enumerate(zip(ids, away, strict=True), 1):
            table.add_row(escape(name) if rank == 1 else "", str(rank), escape(str(hit)), f"{distance:.4g}")
        table.add_section()
    out().print(table)
    if len(raw) > SHOWN:
        say(f"Shown are the first {SHOWN} of {len(raw):,} queries; -o FILE writes all.")


def _result(raw: Raw, found: np.ndarray, distances: np.ndarray) -> Result:
    import numpy as np
    import pyarrow as pa

    n, k = found.shape
    columns = {
        "query": np.repeat(np.array(_called(raw), dtype=object), k),
        "rank": np.tile(np.arange(1, k + 1), n),
        "id": found.ravel(),
        "distance": distances.ravel(),
    }
    return Result(pa.table({name: pa.array(values) for name, values in columns.items()}))
