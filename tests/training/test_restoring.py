import warnings

import pytest
import torch
from torch import nn

from isthmus.exceptions import ModelFileError, TrainingError
from isthmus.training.callbacks import Callback
from isthmus.training.crops import Crops
from isthmus.training.restoring import Restoring, Schedule


def items(n=6, side=20):
    generator = torch.Generator().manual_seed(0)
    return [torch.rand(1, side, side + i, generator=generator) for i in range(n)]


def test_planes_of_a_crop_stay_aligned():
    held = [(x, 2 * x) for x in items()]
    for _ in range(5):
        one, two = Crops(held.__getitem__, range(6), 8).draw(16)
        assert one.shape == (16, 1, 8, 8)
        assert (two == 2 * one).all()


def test_items_smaller_than_a_crop_are_enlarged_of_their_own_values():
    tiny = torch.tensor([[[3.0]]])
    (crop,) = Crops(lambda i: (tiny,), [0], 8).draw(2)
    assert crop.shape == (2, 1, 8, 8)
    assert (crop == 3).all()


def test_turns_are_left_out_where_they_are_not_wanted():
    ramp = torch.arange(40.0).reshape(1, 40)
    (crop,) = Crops(lambda i: (ramp,), [0], 8, turn=False).draw(8)
    assert (crop.diff(dim=2) == 1).all()
    picture = torch.arange(40.0).expand(1, 40, 40)
    (crop,) = Crops(lambda i: (picture,), [0], 8).draw(32)
    rightwards = (crop.diff(dim=3) == 1).flatten(1).all(1)
    assert 0 < rightwards.sum() < 32


def test_more_than_fits_into_memory_is_seen_after_all():
    loaded = set()

    def load(i):
        loaded.add(i)
        return (torch.full((1, 8, 8), float(i)),)

    crops = Crops(load, range(10), 8, pool_bytes=2 * 8 * 8 * 4)
    assert len(loaded) == 2
    for _ in range(100):
        crops.draw(2)
    assert loaded == set(range(10))


def brighter(apply, planes, generator):
    """Learn to multiply by three; the noise makes the generators matter."""
    x = planes[0] + 0.1 * torch.randn(planes[0].shape, generator=generator)
    return (apply(x) - 3 * planes[0]).square().mean()


def run(steps, callbacks=(), network=None, loss=brighter, **options):
    held = items()
    torch.manual_seed(0)
    network = nn.Conv2d(1, 1, 1) if network is None else network
    crops, judged = (Crops(lambda i: (held[i],), part, 8, seed=s) for s, part in enumerate((range(5), [5])))
    history = Restoring(network, crops, judged, loss, Schedule(steps, rate=0.05, **options), callbacks).run()
    return network, history


def test_learns_and_records():
    network, history = run(300)
    assert history["step"] == [50, 100, 150, 200, 250, 300]
    assert history["validation_loss"][-1] < 0.25 * history["validation_loss"][0]
    assert history["learning_rate"][-1] < 0.01 * max(history["learning_rate"])
    # The best for noise of a tenth: what a ridge of that strength would give.
    assert 2 < network.weight.item() < 3.5


def test_same_seed_same_network():
    assert run(60)[0].weight.item() == run(60)[0].weight.item()
    assert run(60)[0].weight.item() != run(60, seed=1)[0].weight.item()


class StopAfter(Callback):
    def __init__(self, looks, error=None):
        self.looks, self.error = looks, error

    def on_epoch_end(self, record):
        if record["epoch"] == self.looks and self.error is not None:
            raise self.error
        return record["epoch"] == self.looks


def test_goes_on_from_a_checkpoint_to_the_same_end(tmp_path):
    whole, history = run(200)
    with pytest.raises(RuntimeError, match="killed"):
        run(200, [StopAfter(2, RuntimeError("killed"))], checkpoint=tmp_path)
    resumed, again = run(200, checkpoint=tmp_path)
    assert resumed.weight.item() == whole.weight.item()
    assert again["validation_loss"] == history["validation_loss"]


def test_a_checkpoint_of_another_fit_is_refused(tmp_path):
    run(60, checkpoint=tmp_path, fingerprint={"noise": "gaussian"})
    with pytest.raises(ModelFileError, match="noise differs"):
        run(60, checkpoint=tmp_path, fingerprint={"noise": "poisson"})


def test_an_interrupt_keeps_what_was_learnt():
    with pytest.warns(RuntimeWarning, match="interrupted at step 100"):
        network, history = run(300, [StopAfter(2, KeyboardInterrupt())])
    assert len(history["epoch"]) == 2
    assert network.weight.item() > 1


def test_stops_where_a_callback_says_and_when_the_time_is_over():
    assert len(run(300, [StopAfter(3)])[1]["epoch"]) == 3
    _, history = run(10**9, seconds=0.4)
    assert history["seconds"][-1] < 2
    assert history["learning_rate"][-1] < 0.2 * max(history["learning_rate"])


def test_going_astray_is_returned_from_and_said_in_the_end():
    calls = {"n": 0}

    def now_and_then(apply, planes, generator):
        calls["n"] += 1
        return brighter(apply, planes, generator) * (float("nan") if calls["n"] == 70 else 1)

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        _, history = run(150, loss=now_and_then)
    assert history["step"] == [50, 100, 150]

    def always(apply, planes, generator):
        return brighter(apply, planes, generator) * float("nan")

    with pytest.raises(TrainingError, match="went astray"):
        run(150, loss=always)
