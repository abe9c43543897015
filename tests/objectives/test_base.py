"""Objectives one after another."""

import pytest
import torch
from sklearn.base import clone

from isthmus import Autoencoder, Denoising, Objective, Sparse, Variational
from isthmus.exceptions import ParameterError
from isthmus.objectives import Chain

H = torch.randn(20, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


def begun(*objectives, latent_dim=2):
    chain = Chain(objectives)
    chain.begin((10,), latent_dim)
    return chain


def test_a_plain_objective_changes_nothing():
    plain = Objective()
    assert plain.is_plain()
    assert plain.code_dim(3) == 3
    assert plain.corrupt(H, None, torch.Generator()) is H
    assert plain.code(H) == (H, {})
    assert begun(Objective(), Objective()).is_plain()
    assert begun().is_plain()


def test_each_acts_on_what_the_one_before_gave():
    chain = begun(Variational(), Sparse("topk", k=1))
    assert chain.code_dim(2) == 4
    z, terms = chain.code(H)
    assert z.shape == (20, 2)
    assert ((z != 0).sum(1) == 1).all()
    assert list(terms) == ["divergence"]
    torch.testing.assert_close(chain.encode(H), Sparse("topk", k=1).encode(H[:, :2]))
    assert not chain.is_plain()


def test_widths_are_worked_out_from_the_last_to_the_first():
    """Sparse before Variational sees means and log-variances: twice the code."""
    assert begun(Sparse("topk", k=4), Variational()).code_dim(2) == 4
    with pytest.raises(ParameterError, match=r"Sparse: k=5 .*size of the code, 4"):
        begun(Sparse("topk", k=5), Variational())


def test_noises_are_added_up():
    chain = begun(Denoising("mask", 0.5), Denoising("gaussian", 1.0))
    x = torch.full((5000, 2), 10.0)
    seen = chain.corrupt(x, None, torch.Generator().manual_seed(0))
    for value in (0.0, 10.0):
        near = (seen - value).abs() < 5
        assert near.double().mean().item() == pytest.approx(0.5, abs=0.03)
        assert seen[near].std().item() == pytest.approx(1.0, rel=0.05)


def test_no_term_is_lost_in_chains_of_chains():
    weights = (0.1, 0.2, 0.3, 0.4)
    one, two, three, four = (Sparse("l1", weight) for weight in weights)
    _, terms = begun(one, Chain([two, three]), four).code(H)
    size = H.abs().mean().item()
    assert [term.item() for term in terms.values()] == pytest.approx([weight * size for weight in weights])
    assert list(terms)[:2] == ["sparsity", "sparsity_2"]


@pytest.mark.parametrize(
    ("name", "there", "expected"),
    [
        ("a", [], "a"),
        ("a", ["b"], "a"),
        ("a", ["a"], "a_2"),
        ("a", ["a", "a_2"], "a_3"),
        ("a", ["a", "a_3"], "a_2"),
        ("a", ["a_code"], "a"),
        ("a_2", ["a", "a_2"], "a_2_2"),
    ],
)
def test_names_of_terms(name, there, expected):
    assert Chain.numbered(name, dict.fromkeys(there)) == expected


@pytest.mark.parametrize("objective", [Denoising("swap", 0.4), Sparse("topk", k=3), Variational(2.0)])
def test_parameters_are_those_given_and_are_copied(objective):
    params = objective.get_params()
    again = clone(objective)
    assert type(again) is type(objective)
    assert again is not objective
    assert again.get_params() == params
    for name, value in params.items():
        assert getattr(objective, name) == value
        again.set_params(**{name: "other"})
        assert again.get_params()[name] == "other"
    assert objective.get_params() == params


def test_a_fit_leaves_the_objective_given_as_it_was():
    objective = Variational(2.0)
    Autoencoder(1, objective=objective, max_epochs=1, random_state=0).fit(H.numpy())
    assert vars(objective) == Variational(2.0).get_params()
