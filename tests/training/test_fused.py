"""The written-out step: equal to autograd, whatever the network, the loss and the objective."""

import copy

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from torch import nn

from isthmus.data import DenseRows
from isthmus.networks import ACTIVATIONS, Layout, assemble, find_family
from isthmus.objectives import Chain, Denoising, Objective, Sparse, Variational, make_loss
from isthmus.training.eager import EagerSteps
from isthmus.training.fused import FusedSteps, Unsupported
from isthmus.training.split import SubsetRows
from isthmus.training.step import Step
from isthmus.training.weights import FlatWeights

OBJECTIVES = {
    "plain": Objective(),
    "gaussian noise": Denoising("gaussian", 0.3),
    "masking noise": Denoising("mask", 0.3),
    "salt and pepper": Denoising("salt_pepper", 0.3),
    "swap": Denoising("swap", 0.3),
    "l1": Sparse("l1", 0.3),
    "kl": Sparse("kl", 0.2, rate=0.1),
    "topk": Sparse("topk", k=1),
    "variational": Variational(2.0),
    "variational, given variance": Variational(1.5, variance=0.3),
    "variational, squares": Variational(variance=None),
    "denoising, sparse": Chain([Denoising("mask", 0.2), Sparse("l1", 0.1)]),
    "variational, sparse": Chain([Variational(0.5), Sparse("l1", 0.1), Sparse("l1", 0.2)]),
    "sparse, variational": Chain([Sparse("l1", 0.1), Variational(0.5)]),
}


@st.composite
def configurations(draw):
    linear_path = draw(st.booleans())
    hidden = draw(st.lists(st.integers(1, 9), max_size=5))
    if len(hidden) >= 4:  # normalised, and normalising one or two values makes rounding errors large
        hidden = [max(4, size) for size in hidden]
    plain = st.just("linear")
    return {
        "shape": draw(st.sampled_from([(1,), (7,), (3, 2), (2, 3, 2)])),
        "latent_dim": draw(st.integers(1, 4)),
        "hidden": tuple(hidden),
        "activation": draw(st.sampled_from(sorted(ACTIVATIONS))),
        "code_activation": draw(plain if linear_path else st.sampled_from(sorted(ACTIVATIONS))),
        "output_activation": draw(plain if linear_path else st.sampled_from(sorted(ACTIVATIONS))),
        "linear_path": linear_path,
        "masked": draw(st.booleans()),
        "mask_input": draw(st.booleans()),
        "loss": draw(st.sampled_from(["mse", "mae", "huber", "bce"])),
        "objective": draw(st.sampled_from(sorted(OBJECTIVES))),
        "members": draw(st.sampled_from([1, 1, 3])),
        "rows": draw(st.integers(1, 9)),
        "seed": draw(st.integers(0, 999)),
    }


def make_networks(c, objective, dtype):
    layout = Layout(
        shape=c["shape"],
        latent_dim=c["latent_dim"],
        code_dim=objective.code_dim(c["latent_dim"]),
        hidden=c["hidden"],
        activation=c["activation"],
        mask_input=c["mask_input"] and len(c["shape"]) == 1,
        zero_start=False,
    )
    networks = []
    for _ in range(c["members"]):
        network = assemble(
            find_family("dense", len(c["shape"]))[1].build(layout),
            layout,
            linear_path=c["linear_path"],
            code_activation=c["code_activation"],
            output_activation=c["output_activation"],
        )
        network.own = objective.make(c["shape"], c["latent_dim"])
        network.to(dtype)
        with torch.no_grad():
            for tensor in network.state_dict().values():
                tensor.add_(0.3 * torch.randn(tensor.shape).to(tensor))
        networks.append(network)
    return networks


def make_rows(c, dtype, n=40):
    x = torch.randn(n, *c["shape"], dtype=dtype)
    if c["loss"] == "bce":
        x = x.sigmoid()
    if not c["masked"]:
        return DenseRows(x)
    mask = torch.rand(x.shape) < 0.7
    return DenseRows(x * mask, mask)


def both(c, dtype, clip=1e30, decay=0.0):
    """Both ways to take steps, over copies of the same networks."""
    torch.manual_seed(c["seed"])
    objective = copy.deepcopy(OBJECTIVES[c["objective"]])
    loss = make_loss(c["loss"])
    objective.meet(loss, None)
    objective.begin(c["shape"], c["latent_dim"])
    networks, rows = make_networks(c, objective, dtype), make_rows(c, dtype)
    pairs = []
    for own in (networks, copy.deepcopy(networks)):
        weights, generator = FlatWeights(own), torch.Generator().manual_seed(1)
        if not pairs:
            pairs.append(FusedSteps(own, weights, objective, loss, rows, generator, decay, clip))
        else:
            steps = [Step(network, objective, loss) for network in own]
            pairs.append(EagerSteps(steps, weights, generator, decay, clip))
    return *pairs, rows


def taken(steps, rows, batches, rates):
    members = len(steps.weights)
    sample = (torch.rand(len(rows), members, generator=torch.Generator().manual_seed(5)) < 0.7).to(
        rows.take(batches[0]).x
    )
    torch.manual_seed(7)
    sums = steps.train(rows, batches, rates, [1.0] * len(rates), sample if members > 1 else None)
    return {name: value.clone() for name, value in sums.items()}


def close(ours, theirs, tolerance):
    scale = max(1.0, float(theirs.abs().max()))
    return float((ours - theirs).abs().max()) <= tolerance * scale


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(configurations(), st.sampled_from([torch.float32, torch.float64]))
def test_gradients_and_losses_are_those_of_autograd(c, dtype):
    if c["members"] > 1 and "variational" in c["objective"]:
        c = {**c, "members": 1}  # its noise is drawn in another order
    if "given variance" in c["objective"]:
        c = {**c, "loss": "mse"}
    assume(c["objective"] != "topk" or c["latent_dim"] <= np.prod(c["shape"]))  # a dictionary is not written out
    if len(c["hidden"]) >= 4:
        dtype = torch.float64  # five normalisations in a row leave float32 itself fewer digits than are compared
    fused, eager, rows = both(c, dtype)
    tolerance = 1e-5 if dtype == torch.float32 else 1e-10
    index = torch.randint(40, (c["rows"],))
    ours, theirs = taken(fused, rows, [index], [0.0]), taken(eager, rows, [index], [0.0])
    assert ours.keys() == theirs.keys()
    for name in theirs:
        assert close(ours[name], theirs[name], tolerance), name
    assert close(fused.weights.grads, eager.weights.grads, tolerance)
    some = torch.arange(9)
    for network in (*fused.weights.networks, *eager.weights.networks):
        network.eval()
    torch.manual_seed(3)
    ours = fused.evaluate(rows, some)
    torch.manual_seed(3)
    theirs = eager.evaluate(rows, some)
    for name in theirs:
        assert close(ours[name], theirs[name], tolerance), name


PLAIN = {
    "shape": (6,),
    "latent_dim": 2,
    "hidden": (5,),
    "activation": "silu",
    "code_activation": "linear",
    "output_activation": "linear",
    "linear_path": True,
    "masked": False,
    "mask_input": False,
    "loss": "mse",
    "objective": "plain",
    "members": 1,
    "rows": 8,
    "seed": 0,
}


@pytest.mark.parametrize("members", [1, 3])
@pytest.mark.parametrize("objective", ["plain", "denoising, sparse"])
def test_many_steps_end_at_the_same_weights(members, objective):
    c = {**PLAIN, "members": members, "objective": objective}
    fused, eager, rows = both(c, torch.float64, clip=0.5, decay=0.1)
    subset = SubsetRows(rows, torch.arange(3, 33).numpy())
    generator = torch.Generator().manual_seed(0)
    batches = torch.randperm(30, generator=generator).tensor_split(4)  # of two sizes
    rates = [0.01, 0.02, 0.005, 0.001]
    start = fused.weights.values.clone()
    ours, theirs = taken(fused, subset, batches, rates), taken(eager, subset, batches, rates)
    assert not torch.equal(fused.weights.values, start)
    torch.testing.assert_close(fused.weights.values, eager.weights.values, rtol=1e-9, atol=1e-12)
    assert close(ours["gradient_norm"], theirs["gradient_norm"], 1e-9)
    assert float(theirs["gradient_norm"].max()) > 0.5 * len(rates), "the clipping was not tried"


def test_members_learn_as_each_would_alone():
    c = {**PLAIN, "members": 3}
    together, _, rows = both(c, torch.float64)
    index = torch.randint(40, (8,))
    alone = []
    for network in copy.deepcopy(together.weights.networks):
        weights = FlatWeights([network])
        steps = FusedSteps([network], weights, Objective(), make_loss("mse"), rows, torch.Generator(), 0.0, 1.0)
        steps.train(rows, [index] * 5, [0.01] * 5, [1.0] * 5)
        alone.append(weights.values[0])
    together.clip_norm = 1.0
    together.train(rows, [index] * 5, [0.01] * 5, [1.0] * 5)
    torch.testing.assert_close(together.weights.values, torch.stack(alone))


def test_dropout_drops_its_share_and_keeps_the_mean():
    torch.manual_seed(0)
    network = make_networks({**PLAIN, "linear_path": False}, Objective(), torch.float64)[0]
    network.decoder.layer1.dropout = nn.Dropout(0.25)
    rows = make_rows(PLAIN, torch.float64)
    weights = FlatWeights([network])
    steps = FusedSteps([network], weights, Objective(), make_loss("mse"), rows, torch.Generator(), 0.0, 1e30)
    index = torch.arange(40)
    drawn = []
    for _ in range(2000):
        steps.train(rows, [index], [0.0], [1.0])
        drawn.append(weights.grads.clone())
    found = torch.stack(drawn).mean(0)
    drawn.clear()
    eager = EagerSteps([Step(network, Objective(), make_loss("mse"))], weights, torch.Generator(), 0.0, 1e30)
    network.train()
    for _ in range(2000):
        eager.train(rows, [index], [0.0], [1.0])
        drawn.append(weights.grads.clone())
    every = torch.stack(drawn)
    error = every.std(0) / 2000**0.5
    assert float(((found - every.mean(0)).abs() / (error + 1e-9)).max()) < 7


class Own(nn.Module):
    def __init__(self, n_in, n_out):
        super().__init__()
        self.map = nn.Linear(n_in, n_out)

    def forward(self, x):
        return self.map(x).sin()


class OwnCode(Sparse):
    def code(self, h):
        return h, {"own": h.square().mean()}


@pytest.mark.parametrize("what", ["layer", "objective", "hook", "tied", "frozen"])
def test_what_is_not_covered_is_refused(what):
    torch.manual_seed(0)
    objective = OwnCode() if what == "objective" else Objective()
    network = make_networks(PLAIN, Objective(), torch.float32)[0]
    if what == "layer":
        network.encoder = Own(6, 2)
    if what == "hook":
        network.encoder.layer1.register_forward_hook(lambda *_: None)
    if what == "tied":
        network.encoder = nn.Sequential(nn.Linear(6, 6), nn.Linear(6, 6), nn.Linear(6, 2))
        network.encoder[1].weight = network.encoder[0].weight
    if what == "frozen":
        network.encoder.last.weight.requires_grad_(False)
    with pytest.raises(Unsupported):
        FusedSteps(
            [network], FlatWeights([network]), objective, make_loss("mse"), make_rows(PLAIN, torch.float32),
            torch.Generator(), 0.0, 1.0,
        )  # fmt: skip


def test_activations_straight_on_the_input_and_the_code_leave_both_as_they_are():
    """Written in place they would change the target, or what the linear path reads."""
    torch.manual_seed(0)
    networks = []
    network = make_networks(PLAIN, Objective(), torch.float64)[0]
    network.encoder = nn.Sequential(nn.ReLU(), nn.Linear(6, 2), nn.Tanh())
    network.decoder = nn.Sequential(nn.ReLU(), nn.Linear(2, 6), nn.Sigmoid())
    network.double()
    networks = [network, copy.deepcopy(network)]
    rows = make_rows(PLAIN, torch.float64)
    grads = []
    for k, network in enumerate(networks):
        weights = FlatWeights([network])
        if k:
            steps = EagerSteps([Step(network, Objective(), make_loss("mse"))], weights, torch.Generator(), 0.0, 1e30)
        else:
            steps = FusedSteps([network], weights, Objective(), make_loss("mse"), rows, torch.Generator(), 0.0, 1e30)
        steps.train(rows, [torch.arange(9)], [0.0], [1.0])
        grads.append(weights.grads)
    torch.testing.assert_close(*grads)
