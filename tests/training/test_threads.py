"""Threads follow the size of the work, and are given back."""

import pytest
import torch
from torch import nn

from isthmus import Autoencoder
from isthmus.networks import FAMILIES, Layout, Network, assemble
from isthmus.training.threads import SMALL, threads_for, work_per_row


@pytest.fixture
def two_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("two_threads")
def test_small_work_takes_one_thread_and_gives_back_the_rest():
    with threads_for(SMALL / 2):
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == 2
    with threads_for(SMALL * 2):
        assert torch.get_num_threads() == 2
    with pytest.raises(KeyError), threads_for(1):
        raise KeyError
    assert torch.get_num_threads() == 2


@pytest.mark.usefixtures("two_threads")
def test_a_small_fit_runs_on_one_thread():
    seen = []
    X = torch.randn(100, 5).numpy()
    Autoencoder(2, max_epochs=2, callbacks=[lambda record: seen.append(torch.get_num_threads())]).fit(X)
    assert seen == [1, 1]
    assert torch.get_num_threads() == 2


def test_work_is_that_of_the_matrix_products():
    layout = Layout((30,), latent_dim=4, code_dim=4, hidden=(16,))
    dense = assemble(FAMILIES["dense"][1].build(layout), layout, linear_path=True)
    assert work_per_row(dense, (30,)).products == 2 * (30 * 16 + 16 * 4 + 30 * 4)
    conv = nn.Sequential(nn.Conv2d(1, 8, 4, stride=2, padding=1), nn.Flatten(), nn.Linear(8 * 16, 2))
    back = nn.Sequential(nn.Linear(2, 64), nn.Unflatten(1, (1, 8, 8)))
    assert work_per_row(Network(conv, back), (1, 8, 8)).products == 16 * 8 * 16 + 8 * 16 * 2 + 2 * 64
