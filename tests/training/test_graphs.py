"""Captured steps, on the CPU without the capture: the same numbers as by autograd. On a GPU, with it."""

import copy

import pytest
import torch
from torch import nn

from isthmus.data import DenseRows
from isthmus.networks import Network
from isthmus.objectives import Denoising, make_loss
from isthmus.training.eager import EagerSteps
from isthmus.training.graphs import GraphSteps
from isthmus.training.split import SubsetRows
from isthmus.training.step import Step
from isthmus.training.weights import FlatWeights

DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU"))]


def steps_over(networks, device):
    networks = [network.to(device) for network in networks]
    weights, generator = FlatWeights(networks), torch.Generator(device).manual_seed(0)
    steps = [Step(network, Denoising("gaussian", 0.1), make_loss("mse")) for network in networks]
    return EagerSteps(steps, weights, generator, 0.1, 1.0)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("members", [1, 2])
@pytest.mark.parametrize("masked", [False, True])
def test_replays_are_the_steps(device, members, masked):
    torch.manual_seed(0)
    networks = [
        Network(nn.Sequential(nn.Linear(6, 5), nn.SiLU(), nn.Linear(5, 2)), nn.Linear(2, 6)) for _ in range(members)
    ]
    x = torch.randn(50, 6, device=device)
    mask = torch.rand(50, 6, device=device) < 0.8 if masked else None
    rows = SubsetRows(DenseRows(x if mask is None else x * mask, mask), torch.arange(3, 45).numpy())
    eager, graphs = steps_over(copy.deepcopy(networks), device), GraphSteps(steps_over(networks, device))
    sample = None if members == 1 else (torch.rand(42, members, device=device) < 0.9).float()
    start = eager.weights.values.clone()
    for _ in range(3):
        batches = torch.randperm(42).to(device).tensor_split(4)  # of two sizes
        rates = [0.01, 0.02, 0.005, 0.001]
        ours, theirs = (steps.train(rows, batches, rates, [1.0] * len(rates), sample) for steps in (graphs, eager))
        assert ours.keys() == theirs.keys()
        for name in theirs:
            torch.testing.assert_close(ours[name], theirs[name], rtol=1e-4, atol=1e-5)
    assert not torch.equal(eager.weights.values, start)
    torch.testing.assert_close(graphs.weights.values, eager.weights.values, rtol=1e-4, atol=1e-5)
    found = graphs.evaluate(rows, torch.arange(5))
    torch.testing.assert_close(found["total"], eager.evaluate(rows, torch.arange(5))["total"], rtol=1e-4, atol=1e-5)
