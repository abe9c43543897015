"""The loop: what it survives, what it keeps, what it says."""

import numpy as np
import pytest
import torch

from isthmus import Autoencoder, Objective
from isthmus.exceptions import TrainingError

T = np.random.default_rng(0).normal(size=(200, 2))
X = np.hstack([T, T**2, T[:, :1] * T[:, 1:]])


class Explodes(Objective):
    """Gives NaN at given steps."""

    def __init__(self, at=()):
        self.at = at
        self.steps = 0

    def code(self, h):
        if torch.is_grad_enabled():
            self.steps += 1
        factor = float("nan") if torch.is_grad_enabled() and self.steps in self.at else 0.0
        return h, {"bad": factor * h.sum()}


def test_a_non_finite_loss_steps_back_and_lowers_the_rate():
    objective = Explodes(at=(7,))
    with pytest.warns(RuntimeWarning, match="went back to the last good step and lowered the learning rate"):
        ae = Autoencoder(2, objective=objective, max_epochs=10, patience=None, random_state=0).fit(X)
    plain = Autoencoder(2, max_epochs=10, patience=None, random_state=0).fit(X)
    assert np.isfinite(ae.transform(X)).all()
    rates = np.array(ae.history_["learning_rate"]) / np.maximum(plain.history_["learning_rate"], 1e-12)
    assert rates[1] == pytest.approx(1)
    assert rates[-1] == pytest.approx(0.3)


def test_after_three_it_gives_up_and_says_what_to_do():
    objective = Explodes(at=range(3, 1000))
    with pytest.warns(RuntimeWarning), pytest.raises(TrainingError, match="Give a smaller learning_rate"):
        Autoencoder(2, objective=objective, max_epochs=10, random_state=0).fit(X)


def test_a_loss_that_begins_non_finite_is_refused():
    class Hopeless(Objective):
        def code(self, h):
            return h * float("nan"), {}

    with pytest.raises(TrainingError, match="before the first step"):
        Autoencoder(2, objective=Hopeless()).fit(X)


def test_an_interrupt_keeps_the_best_so_far():
    def interrupt(record):
        if record["epoch"] == 40:
            raise KeyboardInterrupt

    with pytest.warns(RuntimeWarning, match="interrupted"):
        ae = Autoencoder(2, max_epochs=50, callbacks=[interrupt], random_state=0).fit(X)
    assert ae.stopped_ == "interrupted"
    assert len(ae.history_["epoch"]) == 41
    best = int(np.nanargmin(ae.history_["validation_loss"]))
    assert ae.best_epoch_ == best
    held = float(ae.reconstruction_error(X[ae.validation_rows_]).mean())
    assert held == pytest.approx(ae.history_["validation_loss"][best], rel=1e-4)


def test_an_interrupted_fit_with_a_checkpoint_goes_on(tmp_path):
    def interrupt(record):
        if record["epoch"] == 4:
            raise KeyboardInterrupt

    params = {"max_epochs": 8, "random_state": 0, "checkpoint": tmp_path / "c", "checkpoint_every": 1}
    with pytest.warns(RuntimeWarning, match="interrupted"):
        Autoencoder(2, callbacks=[interrupt], **params).fit(X)
    ae = Autoencoder(2, **params).fit(X)
    never = Autoencoder(2, max_epochs=8, random_state=0).fit(X)
    np.testing.assert_array_equal(ae.transform(X), never.transform(X))


def test_callbacks_see_every_epoch_and_may_stop():
    seen = []

    def look(record):
        seen.append(record)
        return record["epoch"] == 3

    ae = Autoencoder(2, max_epochs=50, callbacks=[look], random_state=0).fit(X)
    assert [record["epoch"] for record in seen] == [1, 2, 3]
    assert ae.stopped_ == "callback"
    assert set(seen[0]) == set(ae.history_)


def test_the_callers_random_numbers_are_left_alone():
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    Autoencoder(2, max_epochs=2, dropout=0.2, random_state=0).fit(X)
    assert torch.equal(torch.rand(3), expected)


def test_the_same_seed_gives_the_same_bits_and_another_another():
    params = {"latent_dim": 2, "max_epochs": 5, "dropout": 0.1}
    a, b = (Autoencoder(**params, random_state=7).fit(X) for _ in range(2))
    for one, other in zip(a.network_.parameters(), b.network_.parameters(), strict=True):
        assert torch.equal(one, other)
    c = Autoencoder(**params, random_state=8).fit(X)
    assert a.history_["train_loss"][1:] != c.history_["train_loss"][1:]


def test_a_bad_rate_ends_at_the_starting_point():
    """Training that only harms is thrown away: the start is a candidate."""
    linear = np.random.default_rng(0).normal(size=(300, 2)) @ np.random.default_rng(1).normal(size=(2, 6))
    ae = Autoencoder(2, max_epochs=3, learning_rate=1.0, random_state=0).fit(linear)
    assert ae.best_epoch_ == 0
    assert ae.score(linear) > 0.999
