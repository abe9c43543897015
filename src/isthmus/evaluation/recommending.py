"""The report on a recommender: one self-contained HTML page with its figures beside a baseline, and examples."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import narwhals as nw
import numpy as np
from sklearn.utils.validation import check_is_fitted

from isthmus._version import __version__
from isthmus.evaluation.rendering import render_page
from isthmus.evaluation.wording import number
from isthmus.storage.atomic import write_bytes
from isthmus.tasks import Recommender

#: Users and items that are shown, items that each is given, and items of a history that are listed.
MOST_USERS, MOST_ITEMS, LENGTH, LISTED = 8, 8, 8, 12
#: Figures of which less is better.
LESS_IS_BETTER = ("RMSE", "MAE")


def figures_table(figures: Mapping[str, Mapping[str, float | None]]) -> list[list[str]]:
    """Give figures beside their baseline as lines of text, a heading first.

    Parameters
    ----------
    figures : mapping
        What `Recommender.evaluate` gave, or `Recommender.evaluation_`.

    Returns
    -------
    list of list of str

    Examples
    --------
    >>> figures_table({"NDCG@10": {"value": 0.2514, "error": 0.008, "popularity": 0.11, "popularity_error": None}})
    [['', 'this model', 'baseline', 'which is'], ['NDCG@10', '0.251 ± 0.008', '0.11', 'popularity']]
    """
    lines = [["", "this model", "baseline", "which is"]]
    for name, figure in figures.items():
        baseline = "bias" if "bias" in figure else "popularity"
        beside = [_with_error(figure["value"], figure["error"])]
        beside.append(_with_error(figure[baseline], figure[f"{baseline}_error"]))
        lines.append([name, *beside, {"bias": "user and item biases"}.get(baseline, baseline)])
    return lines


def figures_verdict(figures: Mapping[str, Mapping[str, float | None]]) -> str:
    """Say in a sentence whether the model is better than its baseline, by the longest NDCG or of values by RMSE."""
    name = "RMSE" if "RMSE" in figures else [name for name in figures if name.startswith("NDCG@")][-1]
    figure = figures[name]
    baseline = "bias" if "bias" in figure else "popularity"
    ours, other = float(figure["value"] or 0), float(figure[baseline] or 0)
    spread = float(np.hypot(figure["error"] or 0, figure[f"{baseline}_error"] or 0))
    better = other - ours if name in LESS_IS_BETTER else ours - other
    called = {"bias": "the biases of users and items", "popularity": "what is popular"}[baseline]
    if abs(better) <= spread:
        return f"By {name} it is as good as {called}, within a standard error."
    if better < 0:
        return f"By {name} {called} does better: use that (model={baseline!r})."
    return f"By {name} it does better than {called}: {number(ours)} beside {number(other)}."


def _with_error(value: float | None, error: float | None) -> str:
    shown = number(float("nan") if value is None else value)
    return shown if error is None else f"{shown} ± {number(error)}"


def recommending_report(recommender: Recommender, path: str | Path, users: Any = None) -> None:
    """Write a page on a recommender: its figures on users held out, what some users are given, and items alike.

    Parameters
    ----------
    recommender : Recommender
        Fitted.
    path : str or path
        The HTML file.
    users : same as in `Recommender.recommend`, optional
        Whose recommendations are shown; by default eight of the users known, with histories of usual lengths.

    Raises
    ------
    ModelFileError
        If the place cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> from isthmus import Recommender
    >>> pairs = [(user, item) for user in range(40) for item in range(20) if (user + item) % 2]
    >>> recommender = Recommender("ease", random_state=0).fit(pairs)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     recommending_report(recommender, f"{folder}/report.html")
    ...     "popularity" in Path(folder, "report.html").read_text()
    True
    """
    check_is_fitted(recommender)
    known = recommender._fitted.known
    sizes = np.diff(known.matrix.indptr)
    if users is None:
        order = np.argsort(sizes, kind="stable")
        order = order[sizes[order] > 0]
        users = known.users[order[np.unique(np.linspace(0, len(order) - 1, MOST_USERS + 2).astype(int)[1:-1])]]
    asked = recommender._asked(users)
    given = _lists(recommender.recommend(users, LENGTH), "user", "item")
    shown = []
    for row, user in list(enumerate(asked.users.tolist()))[:MOST_USERS]:
        history = known.items[asked.matrix[row].indices].tolist()
        listed = ", ".join(map(str, history[:LISTED]))
        listed += f" and {len(history) - LISTED:,} more" if len(history) > LISTED else ""
        shown.append((str(user), listed or "nothing", ", ".join(given.get(user, []))))
    popular = known.items[np.argsort(-recommender._fitted.beside.counts, kind="stable")[:MOST_ITEMS]]
    alike = _lists(recommender.similar_items(popular, LENGTH), "item", "similar")
    evaluation = recommender.evaluation_
    page = render_page(
        "recommending.html.j2",
        model=recommender.chosen_["model"],
        users=len(known.users),
        items=len(known.items),
        interactions=len(known),
        held_out=recommender.chosen_.get("users held out", 0),
        table=[] if evaluation is None else figures_table(evaluation),
        verdict="" if evaluation is None else figures_verdict(evaluation),
        chosen=[
            (name, number(value) if isinstance(value, float) else str(value))
            for name, value in recommender.chosen_.items()
        ],
        shown=shown,
        alike=[(str(item), ", ".join(alike.get(item, []))) for item in popular.tolist()],
        date=datetime.now(UTC).strftime("%Y-%m-%d"),
        version=__version__,
    )
    write_bytes(path, page.encode())


def _lists(frame: Any, of: str, what: str) -> dict[Any, list[str]]:
    """Give rankings as a list for each name."""
    table = nw.from_native(frame, eager_only=True)
    found: dict[Any, list[str]] = {}
    for name, one in zip(table[of].to_list(), table[what].to_list(), strict=True):
        found.setdefault(name, []).append(str(one))
    return found
