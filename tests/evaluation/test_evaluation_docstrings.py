"""The examples in the docstrings hold."""

from __future__ import annotations

import doctest

import pytest

from isthmus.evaluation import codes, comparison, figures, findings, metrics, page, wording


@pytest.mark.parametrize(
    "module", [codes, comparison, figures, findings, metrics, page, wording], ids=lambda m: m.__name__
)
def test_examples(module):
    found = doctest.testmod(module)
    assert found.attempted
    assert not found.failed
