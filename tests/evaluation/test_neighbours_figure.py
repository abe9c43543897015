"""Figures of queries with what is found for them."""

import numpy as np
import pytest
from sklearn.datasets import load_digits, load_iris

from isthmus import Autoencoder, Retriever
from isthmus.evaluation import neighbours_figure
from isthmus.exceptions import DataError, ParameterError

X = load_digits().images[:60]


@pytest.fixture(scope="module")
def retriever():
    return Retriever(Autoencoder(3, max_epochs=2), random_state=0).fit(X)


def test_pictures_stand_beside_their_nearest(retriever):
    figure = neighbours_figure(retriever, X[:2], X, k=3)
    assert len(figure.data) == 2 * 4
    query, first, second = figure.data[:3]
    assert query.source == first.source, "each is its own first hit"
    assert query.source != second.source
    ids, distances = retriever.search(X[:2], 3)
    texts = [a.text for a in figure.layout.annotations]
    assert texts[0] == "query 0"
    assert texts[2].startswith(f"{ids[0, 1]}<br>{distances[0, 1]:.2g}"[:5])
    assert len(neighbours_figure(retriever, X, X, k=1).data) == 12 * 2


def test_all_else_is_a_table(retriever):
    table = neighbours_figure(retriever, X[:2], k=3).data[0]
    assert table.type == "table"
    assert table.cells.values[1][0].startswith("0 (")
    rows = Retriever(Autoencoder(2, max_epochs=1), random_state=0).fit(load_iris().data)
    assert neighbours_figure(rows, load_iris().data[:4], k=2).data[0].type == "table"
    with pytest.raises(ParameterError, match="draws pictures"):
        neighbours_figure(rows, load_iris().data[:4], load_iris().data)


def test_items_that_do_not_fit(retriever):
    with pytest.raises(DataError, match="items= has 59 pictures"):
        neighbours_figure(retriever, X[:2], X[1:])
    with pytest.raises(ParameterError, match="k=0"):
        neighbours_figure(retriever, X[:2], X, k=0)
    with pytest.raises(ParameterError, match="database has 60"):
        neighbours_figure(retriever, X[:2], X, k=np.int64(61))
