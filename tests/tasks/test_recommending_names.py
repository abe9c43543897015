"""Names of users and items: whole numbers of text files where the model knows texts, and unlike types."""

import numpy as np
import pandas as pd
import pytest

from isthmus import Recommender
from isthmus.data import as_interactions
from isthmus.exceptions import DataError

PAIRS = [(user, item) for user in range(20) for item in range(8) if (user + item) % 3]


def test_whole_numbers_of_a_text_file_are_texts_where_the_model_has_texts(tmp_path):
    """One odd name among those fitted on, and none in a later file."""
    own = pd.DataFrame(PAIRS, columns=["user", "item"]).astype(str).replace({"user": {"0": "ann"}, "item": {"0": "a"}})
    model = Recommender("ease", random_state=0).fit(own)
    some = own[(own["user"] != "ann") & (own["item"] != "a")]
    path = tmp_path / "some.csv"
    some.to_csv(path, index=False)
    np.testing.assert_array_equal(model.predict(path), model.predict(some))
    found = model.recommend(as_interactions(path), k=2)
    wanted = model.recommend(some, k=2).astype({"user": int}).sort_values(["user", "rank"])
    assert found["user"].tolist() == wanted["user"].astype(str).tolist()
    assert found["item"].tolist() == wanted["item"].tolist()
    with pytest.warns(UserWarning, match="19 of the 19 users .*were fitted on"):
        model.evaluate(path)


def test_texts_for_whole_numbers_are_refused():
    model = Recommender("popularity").fit(PAIRS)
    for ask in (
        lambda: model.recommend(["1"]),
        lambda: model.predict([(1, "2")]),
        lambda: model.predict([("1", 2)]),
        lambda: model.similar_items("2"),
        lambda: model.evaluate([(user, str(item)) for user, item in PAIRS]),
    ):
        with pytest.raises(DataError, match=r"as texts, such as '.*', but the model knows them as whole numbers"):
            ask()
