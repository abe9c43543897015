"""All weights in one buffer: the same steps as torch's own AdamW, and networks that are whole afterwards."""

import copy
import pickle

import pytest
import torch
from torch import nn

from isthmus.training.program import _plain, compile_function
from isthmus.training.weights import UPDATE_SIGNATURE, FlatWeights, update_text


def make_network(seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Unflatten(1, (2, 4, 4)),
        nn.Conv2d(2, 3, 3),
        nn.BatchNorm2d(3),
        nn.Flatten(),
        nn.Linear(12, 5),
        nn.Linear(5, 1),
    ).double()


def loss_of(network, x):
    return (network(x) - x.sum(1, keepdim=True)).square().mean()


@pytest.mark.parametrize("members", [1, 3])
@pytest.mark.parametrize("clip", [1e9, 0.1])
def test_steps_are_those_of_torch(members, clip):
    networks = [make_network(j) for j in range(members)]
    theirs = copy.deepcopy(networks)
    x = torch.randn(9, 32, dtype=torch.float64)
    weights = FlatWeights(networks)
    start = weights.values.clone()
    for network in theirs:
        decayed = [p for p in network.parameters() if p.ndim > 1]
        others = [p for p in network.parameters() if p.ndim == 1]
        groups = [{"params": decayed, "weight_decay": 0.3}, {"params": others, "weight_decay": 0.0}]
        optimizer = torch.optim.AdamW(groups, lr=0.01)
        for _ in range(4):
            optimizer.zero_grad()
            loss_of(network, x).backward()
            torch.nn.utils.clip_grad_norm_(network.parameters(), clip)
            optimizer.step()
    for _ in range(4):
        weights.forget_gradients()
        torch.stack([loss_of(network, x) for network in networks]).sum().backward()
        weights.gather_gradients()
        weights.step(0.01, 0.3, clip)
    assert not torch.equal(weights.values, start)
    for ours, other in zip(networks, theirs, strict=True):
        for name, tensor in other.state_dict().items():
            torch.testing.assert_close(ours.state_dict()[name], tensor, rtol=1e-5, atol=1e-7)


def test_networks_are_whole_and_of_their_own_after_the_release():
    network = make_network()
    x = torch.randn(3, 32, dtype=torch.float64)
    network.eval()
    before = network(x)
    weights = FlatWeights([network])
    torch.testing.assert_close(network(x), before)
    assert network[1].weight.untyped_storage().data_ptr() == weights.values.untyped_storage().data_ptr()
    weights.release()
    torch.testing.assert_close(network(x), before)
    assert all(p.grad is None and p.is_contiguous() for p in network.parameters())
    weights.values.zero_()
    torch.testing.assert_close(pickle.loads(pickle.dumps(network))(x), before)


def test_a_copy_brings_back_weights_buffers_and_frozen_weights():
    network = make_network()
    network[4].weight.requires_grad_(False)
    weights = FlatWeights([network])
    copied = weights.copy()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    with torch.no_grad():
        for tensor in network.state_dict().values():
            tensor.add_(1)
    weights.load(copied)
    for name, tensor in network.state_dict().items():
        assert torch.equal(tensor, before[name]), name


@pytest.mark.parametrize("on_cpu", [True, False])
def test_torchscript_and_python_run_the_same_text(on_cpu):
    """In TorchScript a call that is dropped as without effect would leave the weights where they are."""
    ends = []
    for plain in (True, False):
        weights = FlatWeights([make_network()])
        weights.grads.fill_(0.5)
        signature = ", ".join(f"{n}: Tensor" for n in weights.tensors) + ", rate: float, "
        text = update_text(1, True, on_cpu)
        if plain:
            body = "\n".join("    " + line for line in text.splitlines())
            run = _plain("update", f"def update({signature}{UPDATE_SIGNATURE}) -> None:\n{body}\n")
        else:
            run = compile_function("update", signature + UPDATE_SIGNATURE, text)
            assert isinstance(run, torch.jit.ScriptFunction)
        start = weights.values.clone()
        run(*weights.tensors.values(), 0.1, *weights.update_arguments(0.1, 1.0))
        assert float((weights.values - start).abs().min()) > 0
        ends.append(weights.values)
    torch.testing.assert_close(*ends)
