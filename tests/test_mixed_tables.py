"""Autoencoders on frames of columns of every type: every objective, every container, files, errors and reports."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch

from isthmus import Autoencoder, Denoising, Variational, load
from isthmus.data import as_raw
from isthmus.evaluation import compare, report
from isthmus.exceptions import ParameterError
from mixed_frames import in_container, mixed
from test_contract import GIVEN

QUICK = {"max_epochs": 3, "random_state": 0}


@pytest.mark.parametrize("objective", GIVEN)
def test_every_objective_on_a_mixed_frame(objective, tmp_path):
    frame = mixed(120)
    before = frame.copy()
    ae = Autoencoder(3, objective=GIVEN[objective], **QUICK).fit(frame)
    pd.testing.assert_frame_equal(frame, before)
    assert ae.chosen_["loss"] == "columns"
    codes = ae.transform(frame)
    assert codes.shape == (120, 3)
    np.testing.assert_allclose(ae.transform(frame.iloc[3:4]), codes[3:4], atol=1e-6)

    again = ae.reconstruct(frame)
    assert list(again.dtypes) == list(frame.dtypes)
    assert again.index.equals(frame.index)
    assert set(again["class"]) <= set(frame["class"].dropna())
    assert again["age"].between(frame["age"].min(), frame["age"].max()).all()

    cells = ae.reconstruction_error(frame, per="cell")
    assert cells.shape == frame.shape
    np.testing.assert_array_equal(np.isnan(cells), frame.isna())
    np.testing.assert_allclose(np.nanmean(cells, axis=1), ae.reconstruction_error(frame), rtol=1e-5)

    made = ae.sample(5, random_state=0)
    assert list(made.dtypes) == list(frame.dtypes)
    assert not made.isna().any(axis=None)
    assert np.isfinite(ae.history_["train_loss"]).all()
    if objective not in ("own", "two"):
        ae.save(tmp_path / "model")
        np.testing.assert_array_equal(load(tmp_path / "model").transform(frame), codes)


@pytest.mark.parametrize("container", ["pandas", "polars", "pyarrow"])
def test_every_container(container):
    frame = in_container(mixed(80), container)
    ae = Autoencoder(3, **QUICK).fit(frame)
    again = ae.reconstruct(frame)
    assert type(again) is type(frame)
    assert ae.transform(frame).shape == (80, 3)


def test_it_learns_what_hangs_together():
    frame = mixed(1500, gaps=False)
    train, test = frame.iloc[:1200], frame.iloc[1200:]
    ae = Autoencoder(4, max_epochs=30, random_state=0).fit(train)
    again = ae.reconstruct(test)
    for column in ("member", "class", "grade"):
        most = (test[column] == train[column].mode()[0]).mean()
        right = (again[column].astype(object) == test[column].astype(object)).mean()
        assert right > max(0.9, most), column
    assert ae.comparison_["ratio"] < 1


def test_wide_categories_do_not_drown_numbers():
    rng = np.random.default_rng(0)
    t = rng.normal(size=2000)
    frame = pd.DataFrame({"x": t, "y": t + rng.normal(0, 0.1, 2000)})
    for j in range(3):
        frame[f"c{j}"] = rng.choice([f"v{i}" for i in range(40)], 2000)
    ae = Autoencoder(2, max_epochs=15, random_state=0).fit(frame)
    again = ae.reconstruct(frame)
    assert np.corrcoef(again["x"], frame["x"])[0, 1] > 0.95


def test_errors_of_a_wrong_category_show_in_its_column():
    frame = mixed(600, gaps=False)
    ae = Autoencoder(4, max_epochs=30, random_state=0).fit(frame)
    odd = frame.iloc[:50].copy()
    odd["grade"] = odd["grade"].map({"low": "high", "high": "low"}).astype(frame["grade"].dtype)
    usual = ae.reconstruction_error(frame.iloc[:50], per="cell").mean(0)
    wrong = ae.reconstruction_error(odd, per="cell").mean(0)
    assert int(np.argmax(wrong - usual)) in (frame.columns.get_loc("grade"), frame.columns.get_loc("member"))
    assert wrong.mean() > 1.5 * usual.mean()


def test_swaps_take_whole_columns():
    frame = mixed(200, gaps=False)
    ae = Autoencoder(3, objective=Denoising("swap", 0.5), **QUICK).fit(frame)
    objective = ae._model.objective
    x = ae.preparation_.transform(as_raw(frame)).x
    seen = objective.corrupt(x.clone(), None, torch.Generator().manual_seed(0))
    head = next(head for head in ae.preparation_.heads_ if head.kind == "category")
    block = seen[:, head.start : head.stop] * head.scale + torch.as_tensor(head.center)
    np.testing.assert_allclose(block.sum(1), 1, atol=1e-4)
    np.testing.assert_allclose(block.max(1).values, 1, atol=1e-4)


def test_what_a_mixed_frame_cannot_have():
    with pytest.raises(ParameterError, match="'bce' cannot be used with the frame given"):
        Autoencoder(2, loss="bce", **QUICK).fit(mixed(60))
    with pytest.raises(ParameterError, match="scaling='minmax' cannot be used"):
        Autoencoder(2, scaling="minmax", **QUICK).fit(mixed(60))
    with pytest.raises(ParameterError, match="condition"):
        Autoencoder(3, objective=Variational(condition="age"), **QUICK).fit(mixed(60))


def test_compared_with_pca_by_column(tmp_path):
    frame = mixed(200)
    ae = Autoencoder(3, **QUICK).fit(frame)
    found = compare(ae, frame)
    assert found.by_column.names == tuple(frame.columns)
    assert found.missing == int(frame.isna().sum().sum())
    wrong = 1 - (ae.reconstruct(frame)["grade"].astype(object) == frame["grade"].astype(object)).mean()
    assert found.by_column.ours_units[4] == pytest.approx(wrong)
    held = frame.iloc[ae.validation_rows_]
    assert compare(ae, held).ours == pytest.approx(ae.comparison_["ours"], rel=1e-3)
    report(ae, frame, tmp_path / "report.html", color="class")
    page = (tmp_path / "report.html").read_text()
    assert "gold" in page
    assert "2020-" in page


def test_latents_of_a_mixed_frame():
    frame = mixed(150, gaps=False)
    ae = Autoencoder(3, **QUICK).fit(frame)
    found = ae.explain_latent()
    assert found.effects.shape == (3, frame.shape[1])
    assert list(ae.traverse(frame.iloc[0], 0, steps=3).columns) == list(frame.columns)
