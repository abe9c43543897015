"""Objectives by word: what is understood, what is refused and how, and that a word does as the object does."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV

from isthmus import Autoencoder, Denoising, Objective, Sparse, Variational, load
from isthmus.exceptions import ParameterError
from isthmus.objectives import OBJECTIVES, describe, resolve
from isthmus.objectives.catalogue import SUITS, kind_called, kinds
from isthmus.objectives.words import word
from isthmus.training.fit import fingerprint

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 2)) @ RNG.normal(size=(2, 5)) + 0.1 * RNG.normal(size=(60, 5))

UNDERSTOOD = {
    "denoising": Denoising(),
    " Denoising ": Denoising(),
    "VARIATIONAL": Variational(),
    "variational()": Variational(),
    "variational(beta=4)": Variational(beta=4),
    "variational(4.0)": Variational(4.0),
    "denoising(noise='mask', level=0.3)": Denoising("mask", 0.3),
    'denoising("mask", 0.3)': Denoising("mask", 0.3),
    "denoising(mask, 0.3)": Denoising("mask", 0.3),
    "denoising (gaussian, (0.1, 0.5))": Denoising("gaussian", (0.1, 0.5)),
    "denoising(level=[0.1, 0.5])": Denoising(level=(0.1, 0.5)),
    "sparse('kl', rate=0.05)": Sparse("kl", rate=0.05),
    "sparse(topk, k=None)": Sparse("topk", k=None),
    "sparse(topk, k=none)": Sparse("topk", k=None),
    "sparse(l1,\n weight=-1e-3)": Sparse("l1", weight=-1e-3),
}


@pytest.mark.parametrize("text", UNDERSTOOD)
def test_words_become_objectives(text):
    made = resolve(text)
    assert type(made) is type(UNDERSTOOD[text])
    assert made.get_params() == UNDERSTOOD[text].get_params()


@pytest.mark.parametrize("kind", OBJECTIVES.values(), ids=lambda kind: kind.__name__)
def test_every_kind_has_a_word_in_any_writing(kind):
    snake = word(kind)
    for text in (snake, snake.upper(), snake.replace("_", "-"), snake.replace("_", " "), kind.__name__):
        assert type(resolve(text)) is kind
        assert type(resolve(f"{text}()")) is kind


@pytest.mark.parametrize("text", ["none", "None", "plain", " PLAIN "])
def test_words_for_the_plain_autoencoder(text):
    assert resolve(text) is None
    assert resolve([text, "denoising"])[0].get_params() == Denoising().get_params()
    assert describe(text) is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("denosing", "objective='denosing' is not known (did you mean 'denoising'?); choose one of denoising, masking"),
        ("vae", "'vae' is not known"),
        ("vector_quantized", "did you mean 'vector_quantised'?"),
        ("plan", "did you mean 'plain'?"),
        ("none()", "'none()' is not known"),
        ("", "cannot be read; expected a word, as 'denoising'"),
        ("denoising, sparse", "Several objectives are a list"),
        ("denoising + sparse", "cannot be read"),
        ("denoising(mask", "cannot be read"),
        ("3", "cannot be read"),
        ("denoising(0.3)(0.2)", "the parameters '(0.3)(0.2)' cannot be read"),
        ("denoising(mask, 0.3) and (1)", "cannot be read"),
        ("variational(bta=4)", "variational has no parameter 'bta' (did you mean 'beta'?); it has beta"),
        ("denoising(mask, 0.3, 7)", "too many positional arguments; expected denoising(noise='gaussian', level=0.2)"),
        ("denoising(mask, noise=mask)", "multiple values for argument 'noise'"),
        ("denoising(level=1, level=2)", "cannot be read"),
        ("denoising(**{'level': 1})", "cannot be read"),
        ("denoising(*(1, 2))", "cannot be read"),
        ("variational(__import__('os').getcwd())", "cannot be read"),
        ("variational(().__class__)", "cannot be read"),
        ("variational([x for x in (1,)])", "cannot be read"),
        ("variational(2 ** 9)", "cannot be read"),
        ("variational(f'{1}')", "cannot be read"),
        ("variational(lambda: 1)", "cannot be read"),
        (f"variational({'(' * 500}1{')' * 500})", "cannot be read"),
        ("variational(\0)", "cannot be read"),
    ],
)
def test_nonsense_is_named_before_any_work(text, said):
    with pytest.raises(ParameterError) as caught:
        Autoencoder(2, objective=text).fit("no such file.csv")
    assert said in str(caught.value)
    assert len(str(caught.value)) < 450
    with pytest.raises(ParameterError):
        resolve([Denoising(), text])


@pytest.mark.parametrize("given", [3, 0.5, {"a": 1}, b"sparse", [None], [["sparse"]], Denoising, [3]])
def test_what_is_no_objective(given):
    with pytest.raises(ParameterError, match="is not an objective; give None, a word"):
        resolve(given)


def test_values_are_checked_by_the_objective():
    with pytest.raises(ParameterError, match=r"Variational: beta='high' cannot be used"):
        Autoencoder(2, objective="variational(high)").fit(X)


@pytest.mark.parametrize(
    ("words", "objects"),
    [
        ("denoising(mask, 0.3)", Denoising("mask", 0.3)),
        (["denoising", Sparse("l1", 0.05), "variational"], [Denoising(), Sparse("l1", 0.05), Variational()]),
        (("plain", "sparse"), [Sparse()]),
        ("none", None),
    ],
)
def test_a_word_does_as_the_object_does(words, objects, tmp_path):
    fits = [Autoencoder(2, objective=o, max_epochs=2, random_state=0).fit(X) for o in (words, objects)]
    codes = [ae.transform(X) for ae in fits]
    np.testing.assert_array_equal(*codes)
    assert fits[0].get_params()["objective"] is words
    assert repr(clone(fits[0]).objective) == repr(words)
    np.testing.assert_array_equal(clone(fits[0]).fit(X).transform(X), codes[0])
    fits[0].save(tmp_path / "model")
    again = load(tmp_path / "model")
    np.testing.assert_array_equal(again.transform(X), codes[0])
    assert describe(again.objective) == describe(objects)
    np.testing.assert_array_equal(load(tmp_path / "model", objective=words).transform(X), codes[0])


def test_the_card_names_the_objective(tmp_path):
    for given, shown in (("variational", "`Variational()`"), (None, "`none: the plain autoencoder`")):
        Autoencoder(2, objective=given, max_epochs=1).fit(X).save(tmp_path / "model")
        assert f"- objective: {shown}" in (tmp_path / "model" / "README.md").read_text()


def test_a_search_over_words():
    grid = {"objective": [None, "denoising", ["sparse", "variational(beta=0.1)"]]}
    search = GridSearchCV(Autoencoder(2, max_epochs=2, random_state=0), grid, cv=2).fit(X)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


class Own(Objective):
    pass


def test_words_beside_a_persons_own(tmp_path):
    given = ["denoising", Own()]
    assert describe(given) is None
    ae = Autoencoder(2, objective=given, max_epochs=1, random_state=0).fit(X)
    ae.save(tmp_path / "model")
    with pytest.raises(ParameterError, match="give it again"):
        load(tmp_path / "model")
    np.testing.assert_array_equal(load(tmp_path / "model", objective=given).transform(X), ae.transform(X))


def test_a_run_with_a_function_within_is_known_again():
    """A checkpoint is taken up by another process, in which the function lies elsewhere."""
    from isthmus.data import as_raw

    def made():
        return lambda x, generator: x

    first, second = (Denoising(made()) for _ in range(2))
    assert repr(first) != repr(second)
    raw = as_raw(X)
    assert fingerprint({"objective": first}, raw, None, 0) == fingerprint({"objective": second}, raw, None, 0)


def test_the_catalogue_tells_of_every_kind():
    assert set(SUITS) == set(OBJECTIVES), "say in the catalogue when a new kind is the right one"
    for kind, objective in zip(kinds(), OBJECTIVES.values(), strict=True):
        assert kind.suits == SUITS[objective.__name__]
        assert kind.summary.endswith(".")
        assert kind.references
        assert {parameter.name for parameter in kind.parameters} == set(objective().get_params())
        for parameter in kind.parameters:
            assert parameter.type, f"{kind.word}: {parameter.name} has no type in the docstring"
            assert parameter.text, f"{kind.word}: {parameter.name} is not explained"
            assert parameter.default == getattr(objective(), parameter.name)
    assert kind_called("Vector-Quantised").word == "vector_quantised"
    assert kind_called("quantum") is None
