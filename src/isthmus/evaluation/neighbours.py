"""Queries and what was found for them: pictures beside their nearest ones, or a table."""

from __future__ import annotations

from typing import Any

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots
from sklearn.utils.validation import check_is_fitted

from isthmus import parameters as check
from isthmus.data import Raw, as_raw
from isthmus.data.image import ImagePreparation
from isthmus.evaluation.pictures import picture
from isthmus.evaluation.wording import number
from isthmus.exceptions import DataError, ParameterError
from isthmus.tasks import Retriever

#: Queries that are drawn at most, and pixels of the side of a cell.
MOST_QUERIES, CELL = 12, 110


def neighbours_figure(retriever: Retriever, queries: Any, items: Any = None, k: int = 8) -> go.Figure:
    """Draw queries, at most twelve, with what the retriever finds for them.

    Parameters
    ----------
    retriever : Retriever
        Fitted.
    queries : same as in `Retriever.search`
    items : same as in `Retriever.fit`, optional
        The items of the database, in the order of `retriever.ids_`, which does not hold them itself: what was fitted
        on, unless items were added or removed. Of pictures alone; without them a table is drawn.
    k : int, default=8
        Items for each query.

    Returns
    -------
    plotly Figure
        Of pictures, a line for each query: the query, and the nearest items with their ids and distances. Of anything
        else, a table of ids and distances.

    Raises
    ------
    ParameterError
        If k is no whole number from 1 to the number of items, or `items` is given for what is no picture.
    DataError
        If `items` are not as many as the database has, or of another shape.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from isthmus import Autoencoder, Retriever
    >>> X = load_digits().images[:200]
    >>> retriever = Retriever(Autoencoder(4, max_epochs=2), random_state=0).fit(X)
    >>> len(neighbours_figure(retriever, X[:3], X, k=4).data)
    15
    """
    check_is_fitted(retriever)
    asked = as_raw(queries, kind=retriever.kind_, like=retriever.schema_)
    asked = asked.take(np.arange(min(len(asked), MOST_QUERIES)))
    if not check.whole(1)(k):
        raise ParameterError(f"k={k!r} cannot be used; expected a whole number from 1 on.")
    found, distances = retriever.search(asked, k)
    names = list(asked.row_names) if asked.row_names is not None else [f"query {i}" for i in range(len(asked))]
    if items is None:
        return _table(names, found, distances)
    if retriever.kind_ != "image":
        raise ParameterError(f"items= draws pictures, but these are of kind {retriever.kind_!r}; leave it out.")
    raw = as_raw(items, kind=retriever.kind_, like=retriever.schema_)
    if len(raw) != len(retriever.ids_) or raw.item_shape != asked.item_shape:
        raise DataError(
            f"items= has {len(raw):,} pictures of shape {raw.item_shape}, but the database has "
            f"{len(retriever.ids_):,} of shape {asked.item_shape}. Give its pictures in the order of retriever.ids_."
        )
    places = {name: i for i, name in enumerate(retriever.ids_.tolist())}
    hits = raw.take(np.array([places[name] for name in found.ravel().tolist()]))
    return _pictures(names, asked, hits, found, distances)


def _table(names: list[str], found: np.ndarray, distances: np.ndarray) -> go.Figure:
    hits = [
        [f"{name} ({number(float(away))})" for name, away in zip(*column, strict=True)]
        for column in zip(found.T, distances.T, strict=True)
    ]
    heading = ["query", *(f"{rank}: id (distance)" for rank in range(1, found.shape[1] + 1))]
    return go.Figure(go.Table(header={"values": heading, "align": "left"}, cells={"values": [names, *hits]}))


def _pictures(names: list[str], asked: Raw, hits: Raw, found: np.ndarray, distances: np.ndarray) -> go.Figure:
    n, k = found.shape
    titles = []
    for name, ids, away in zip(names, found, distances, strict=True):
        titles += [name, *(f"{hit}<br>{number(float(distance))}" for hit, distance in zip(ids, away, strict=True))]
    figure = make_subplots(n, k + 1, subplot_titles=titles, horizontal_spacing=0.01, vertical_spacing=0.3 / (n + 1))
    shown, nearest = (ImagePreparation.forward(np.asarray(raw.values)) for raw in (asked, hits))
    black, white = _ends(np.asarray(hits.values))
    for i in range(n):
        for j, values in enumerate([shown[i], *nearest[i * k : (i + 1) * k]]):
            source = picture(values, ~np.isnan(values), black, white)
            figure.add_trace(go.Image(source=source, hoverinfo="skip"), i + 1, j + 1)
    figure.update_xaxes(visible=False)
    figure.update_yaxes(visible=False)
    figure.update_annotations(font_size=10)
    figure.update_layout(width=CELL * (k + 1), height=(CELL + 40) * n, margin={"l": 5, "r": 5, "t": 40, "b": 5})
    return figure


def _ends(values: np.ndarray) -> tuple[float, float]:
    """Values shown as black and as white."""
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    # Bytes that do not use their range, such as digits from 0 to 16, would all be black.
    if values.dtype == np.uint8 and high > 100:
        return 0.0, 255.0
    return (low, high) if high > low else (low, low + 1.0)
