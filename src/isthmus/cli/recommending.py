"""`isthmus recommend`: items that fit a user, from who took what."""

# ruff: noqa: PLC0415 - all of these bring torch, which is imported once a command runs

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.markup import escape
from rich.table import Table

from isthmus.cli import options as o
from isthmus.cli.console import out, say
from isthmus.cli.errors import INTERRUPTED
from isthmus.cli.fitting import check_model_place
from isthmus.cli.tables import print_places
from isthmus.cli.writing import STANDARD_OUTPUT, Result, check_file, write_rows
from isthmus.exceptions import DataError, ModelFileError, ParameterError

if TYPE_CHECKING:
    import numpy as np

    from isthmus import Recommender

#: Formats that hold words beside numbers.
ENDINGS = (".csv", ".parquet", ".feather")
#: Lines that are printed where no file is asked for.
SHOWN = 200


def recommend(
    source: o.DataOrModel,
    *,
    columns: o.Columns = None,
    threshold: o.Threshold = None,
    items: o.AboutItems = None,
    model: o.RecommenderWord = "auto",
    dim: o.CodeSize = "auto",
    min_interactions: o.MinInteractions = 2,
    random_state: o.RandomState = None,
    user: o.Users = None,
    history: o.History = None,
    similar: o.SimilarTo = None,
    explain: o.ExplainItem = None,
    k: o.Nearest = 10,
    seen: o.WithSeen = False,
    to: o.ToRecommended = None,
    report: o.Report = None,
    save: o.SaveRecommender = None,
    force: o.Force = False,
    device: o.WorkOn = "auto",
    verbose: o.Verbose = True,
    debug: o.Debug = False,
) -> None:
    """Recommend items: fit DATA, a file of users and items, or ask a MODEL that was fitted before."""
    from isthmus.storage import is_model_folder

    fitted = is_model_folder(source)
    _check(fitted, user, history, similar, explain, to, report, save, source, force)
    if fitted:
        given = {
            "--columns": columns,
            "--threshold": threshold,
            "--items": items,
            "--min-interactions": min_interactions != 2,
        }
        given |= {"--model": model != "auto", "--dim": dim != "auto", "--random-state": random_state}
        wrong = [name for name, value in given.items() if value not in (None, False)]
        if wrong:
            raise ParameterError(f"{source} is a model, which is fitted already: leave {' and '.join(wrong)} out.")
        recommender = _saved(source, device)
    else:
        recommender = _fitted(
            source,
            columns,
            items,
            verbose,
            {
                "model": _pair(model),
                "latent_dim": dim,
                "threshold": threshold,
                "min_interactions": min_interactions,
                "random_state": random_state,
                "device": device,
                "verbose": int(verbose),
            },
        )
        if save is not None:
            recommender.save(save)
        if any(part.stopped_ == "interrupted" for part in recommender.model_.autoencoders().values()):
            say("Stopped by Ctrl-C: the best model so far " + (f"is saved in {save}." if save else "was not saved."))
            raise SystemExit(INTERRUPTED)
        if to != STANDARD_OUTPUT:
            _print_figures(recommender)
    found = _answer(recommender, user, history, similar, explain, k, seen)
    if found is not None and to is None:
        _show(found)
    elif found is not None and to is not None:
        write_rows(to, Result(found))
    if report is not None:
        from isthmus.evaluation.recommending import recommending_report

        recommending_report(recommender, report, _asked(recommender, user, history))
    if to != STANDARD_OUTPUT:
        print_places(recommendations=to, report=report, model=save)


COMMANDS = (recommend,)
EXAMPLES = {
    "recommend": """Examples:

$ isthmus recommend ratings.csv --threshold 4 --model edlae --save shop --report shop.html

$ isthmus recommend shop --user u7 -k 5

$ isthmus recommend shop --history items.txt --output given.csv

$ isthmus recommend shop --similar i3 -k 3

$ isthmus recommend shop --user u7 --explain i3""",
}


def _check(
    fitted: bool,
    user: Any,
    history: str | None,
    similar: Any,
    explain: str | None,
    to: str | None,
    report: str | None,
    save: str | None,
    source: str,
    force: bool,
) -> None:
    """Refuse what does not go together, and places that cannot be written, before any work."""
    if to is not None and to != STANDARD_OUTPUT:
        check_file(to, ENDINGS, source)
    if report is not None:
        check_file(report, (".html", ".htm"), source)
    if save is not None:
        if fitted:
            raise ParameterError(f"{source} is a model already: leave --save out.")
        check_model_place(save, force=force)
    if user and history:
        raise ParameterError("--user names users fitted on, --history brings new ones: give one of them.")
    if similar and (user or history or explain):
        raise ParameterError("--similar asks of items, not of users: leave --user, --history and --explain out.")
    if explain and not (user or history):
        raise ParameterError("--explain says why a user is given an item: give --user or --history as well.")
    asked = user or history or similar
    if to is not None and not asked:
        raise ParameterError("--output takes what is recommended: give --user, --history or --similar as well.")
    if fitted and not asked and report is None:
        raise ParameterError("Give --user, --history or --similar to say what to recommend, or --report.")


def _pair(word: str) -> str | tuple[str, ...]:
    """Read "edlae+deep" as a pair."""
    parts = tuple(part.strip() for part in word.split("+"))
    # A number such as 1e+3 stands within parentheses.
    return parts if len(parts) == 2 and all(part.count("(") == part.count(")") for part in parts) else word


def _fitted(
    source: str, columns: list[str] | None, items: str | None, verbose: bool, given: dict[str, Any]
) -> Recommender:
    from isthmus import Recommender
    from isthmus.data import as_interactions

    recommender = Recommender(**given)
    recommender._check_parameters()
    found = as_interactions(source, columns=columns)
    if verbose:
        counts = f"{len(found):,} interactions of {len(found.users):,} users with {len(found.items):,} items"
        named = ", ".join(f"{role} {name!r}" for role, name in (found.columns or {}).items())
        say(f"Learning from {counts} in {found.origin} (columns: {named}).")
    return recommender.fit(found, items=items)


def _saved(source: str, device: str) -> Recommender:
    from isthmus import Recommender, load

    found = load(source, device=device)
    if not isinstance(found, Recommender):
        raise ModelFileError(
            f"{source} holds a model of class {type(found).__name__}, but `isthmus recommend` asks a recommender. "
            "`isthmus recommend DATA --save MODEL` makes one."
        )
    return found


def _answer(
    recommender: Recommender,
    user: list[str] | None,
    history: str | None,
    similar: list[str] | None,
    explain: str | None,
    k: int,
    seen: bool,
) -> Any:
    """Give what is asked for as a frame; None where nothing is."""
    if similar:
        return recommender.similar_items(_ids(similar, recommender.items_, "--similar"), k)
    asked = _asked(recommender, user, history)
    if asked is None:
        return None
    if explain is None:
        return recommender.recommend(asked, k, filter_seen=not seen)
    item = _ids([explain], recommender.items_, "--explain")[0]
    if user:
        if len(user) > 1:
            raise ParameterError("--explain takes one user; give --user once.")
        return recommender.explain(asked[0], item)
    if isinstance(asked, dict):
        return recommender.explain(next(iter(asked.values())), item)
    raise ParameterError("--explain takes one history: a file of items, one a line.")


def _asked(recommender: Recommender, user: list[str] | None, history: str | None) -> Any:
    """Give users by name, or the histories of a file: one, an item a line, or a table of users and items."""
    if user:
        known = set(recommender.users_.tolist())
        names = _ids(user, recommender.users_, "--user")
        unknown = [name for name in names if name not in known]
        if unknown:
            raise DataError(
                f"--user {unknown[0]}: this user was not fitted on. Give the history of a new user by --history FILE."
            )
        return names
    if history is None:
        return None
    from isthmus.data import as_interactions
    from isthmus.data.paths import existing

    path = existing(history)
    if path.suffix.lower() != ".txt":
        return as_interactions(path)
    try:
        lines = [line.strip() for line in path.read_text("utf-8-sig").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"Cannot read {path}: {error}. Give a text file in UTF-8, with an item a line.") from error
    if not lines:
        raise DataError(f"{path} is empty; give the items of a history, one a line.")
    return {Path(history).stem: _ids(lines, recommender.items_, "--history")}


def _ids(texts: list[str], known: np.ndarray, option: str) -> list[Any]:
    """Read ids as what they are in the model: whole numbers or texts."""
    if known.dtype == object:
        return texts
    found = []
    for text in texts:
        try:
            found.append(int(text))
        except ValueError:
            raise DataError(
                f"{option}: {text!r} is no whole number, but the model knows whole numbers, such as {known[0]}."
            ) from None
    return found


def _print_figures(recommender: Recommender) -> None:
    """Print the figures on users held out beside the baseline, and the verdict in a sentence."""
    from isthmus.evaluation.recommending import figures_table, figures_verdict

    figures = recommender.evaluation_
    if figures is None:
        say("Too few users have five items: none were held out, so nobody can say how good it is.", to=out())
        return
    heading, *lines = figures_table(figures)
    held = recommender.chosen_["users held out"]
    title = f"{recommender.chosen_['model']} on {held:,} users held out, by whom it was chosen as well"
    table = Table(title=title, title_justify="left", title_style="bold")
    for i, name in enumerate(heading):
        table.add_column(name, justify="right" if 0 < i < len(heading) - 1 else "left")
    for line in lines:
        table.add_row(*line)
    out().print(table)
    say(figures_verdict(figures), to=out())


def _show(found: Any) -> None:
    """Print a frame."""
    import narwhals as nw

    frame = nw.from_native(found, eager_only=True)
    table = Table(*frame.columns)
    for row in frame.head(SHOWN).iter_rows():
        table.add_row(*(f"{cell:.4g}" if isinstance(cell, float) else escape(str(cell)) for cell in row))
    out().print(table)
    if len(frame) > SHOWN:
        say(f"Shown are the first {SHOWN} of {len(frame):,} lines; --output FILE writes all.")
