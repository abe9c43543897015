"""The deep model of a recommender: its recipes, members, an autoencoder of a person's own, and what it keeps."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from isthmus import Autoencoder, FoldIn, Recommender, load
from isthmus.exceptions import ParameterError
from isthmus.tasks.recommending_parts.base import Holdout, Settings
from isthmus.tasks.recommending_parts.deep import RECIPES, Deep
from isthmus.tasks.recommending_parts.models import make_model
from isthmus.tasks.recommending_parts.ranking import mean_ndcg


def taken(n: int = 300, items: int = 40, seed: int = 0) -> sparse.csr_matrix:
    """Users of four tastes: most of what each takes is of its own quarter of the items."""
    rng = np.random.default_rng(seed)
    own = (np.arange(items) % 4)[None] == (np.arange(n) % 4)[:, None]
    matrix = rng.random((n, items)) < np.where(own, 0.5, 0.04)
    matrix[np.arange(n), (np.arange(n) % 4)] = True
    return sparse.csr_matrix(matrix.astype(np.float32))


def held() -> Holdout:
    whole = taken(120, seed=1)
    hidden = np.random.default_rng(2).random(whole.nnz) < 0.3
    parts = []
    for kept in (~hidden, hidden):
        part = whole.copy()
        part.data *= kept
        part.eliminate_zeros()
        parts.append(part)
    return Holdout(*parts)


@pytest.mark.parametrize("recipe", RECIPES)
def test_every_recipe_finds_tastes(recipe):
    own = Deep(recipe, latent_dim=8, epochs=200)
    model = own.fit(taken(), held(), Settings(seed=0))
    histories = held()
    found = mean_ndcg(model.scores, histories.history, histories.targets)
    popular = mean_ndcg(
        lambda history: np.repeat(np.asarray(taken().sum(0)), history.shape[0], 0).astype(np.float32),
        histories.history,
        histories.targets,
    )
    assert found > popular + 0.1
    assert model.codes(histories.history).shape == (120, 8)
    alike = model.similar(np.arange(4))
    np.fill_diagonal(alike[:, :4], -np.inf)
    # Each item is most like the other nine of its taste.
    right = np.mean([(np.argsort(-row)[:9] % 4 == item).mean() for item, row in enumerate(alike)])
    assert right > 0.6


def test_members_are_averaged():
    model = make_model("deep(members=2, epochs=3, latent_dim=4)").fit(taken(), None, Settings(seed=0))
    assert isinstance(model, Deep)
    history = taken(5, seed=3)
    networks = model.autoencoder_.network_.networks
    outputs = []
    for number in range(2):
        model.autoencoder_.network_.best = number
        outputs.append(np.log(model.autoencoder_.reconstruct(history)))
    assert len(networks) == 2
    np.testing.assert_allclose(model.scores(history), np.mean(outputs, 0), atol=1e-4)


def test_no_history_is_ranked_like_all_users():
    model = Deep(epochs=30, latent_dim=4).fit(taken(), None, Settings(seed=0))
    scores = model.scores(sparse.csr_matrix((1, 40), dtype=np.float32))
    assert np.isfinite(scores).all()


def test_what_was_chosen_is_used_again():
    model = Deep(latent_dim=4, epochs=20).fit(taken(), held(), Settings(seed=0))
    again = model.settled()
    assert isinstance(again, Deep)
    assert again.epochs == model.chosen["epochs"] <= 20
    assert again.latent_dim == 4


def test_an_own_autoencoder_is_used(tmp_path):
    own = Autoencoder(5, kind="ratings", objective=FoldIn(0.3), hidden=(), max_epochs=3)
    users, items = taken().nonzero()
    recommender = Recommender(own, random_state=0).fit(list(zip(users.tolist(), items.tolist(), strict=True)))
    assert recommender.transform([3]).shape == (1, 5)
    recommender.save(tmp_path / "model")
    loaded = load(tmp_path / "model")
    assert loaded.recommend([3], k=3).equals(recommender.recommend([3], k=3))
    assert loaded.model.latent_dim == 5
    with pytest.raises(ParameterError, match="loss='mse' learns values"):
        Recommender(Autoencoder(2, kind="ratings", loss="mse")).fit([(1, 2), (1, 3), (2, 2), (2, 3)])
    with pytest.raises(ParameterError, match="kind='vector'"):
        Recommender(Autoencoder(2, kind="vector")).fit(list(zip(users.tolist(), items.tolist(), strict=True)))


@pytest.mark.parametrize(
    ("word", "message"),
    [("deep(recipe=none)", "fold_in"), ("deep(hide=1.5)", "hide"), ("deep(member=2)", "members"), ("deap", "deep")],
)
def test_bad_words_are_refused(word, message):
    with pytest.raises(ParameterError, match=message):
        make_model(word)
