import numpy as np
import pytest

from isthmus import Denoiser, Imputer
from isthmus.evaluation.mending import judge_denoising, judge_filling
from isthmus.evaluation.non_local_means import non_local_means
from isthmus.tasks.items import Pictures

SMALL = {"widths": (8, 16), "patch_size": 16, "random_state": 0}


def scene(h=48, w=60, seed=0):
    y, x = np.mgrid[:h, :w] / 20.0
    rng = np.random.default_rng(seed)
    layers = [127 + 100 * np.sin(rng.uniform(0.5, 2) * x + rng.uniform(0.5, 2) * y + i) for i in range(3)]
    return np.stack(layers, -1).clip(0, 255).astype(np.uint8)


def test_only_pictures_held_out_are_judged_and_the_baseline_is_no_straw_man(monkeypatch):
    scenes = [scene(seed=i) for i in range(10)]
    denoiser = Denoiser(level=25, max_steps=60, validation_fraction=0.2, **SMALL).fit(scenes)
    read = []
    plain = Pictures.__getitem__
    monkeypatch.setattr(Pictures, "__getitem__", lambda self, i: read.append(i) or plain(self, i))
    judged = judge_denoising(denoiser, scenes)
    assert set(read) == set(denoiser.held_out_)
    assert judged.held_out
    means = judged.means()
    assert means["noisy"] == pytest.approx(20.17, abs=0.3)
    assert means["non-local means"] > means["noisy"] + 5
    assert "no part in the fit" in judged.verdict()


def test_a_baseline_that_wins_is_said_to():
    scenes = [scene(seed=i) for i in range(2)]
    judged = judge_denoising(Denoiser(level=25, max_steps=1, **SMALL).fit(scenes), scenes)
    assert "The simpler method is better here: use it." in judged.verdict()
    assert "were learnt from" in judged.verdict()


def test_salt_and_pepper_stand_beside_the_median():
    scenes = [scene(seed=i) for i in range(2)]
    judged = judge_denoising(Denoiser("salt_pepper", level=0.2, max_steps=1, **SMALL).fit(scenes), scenes)
    assert judged.means()["median filter"] > judged.means()["noisy"] + 5


def test_holes_that_are_judged_are_not_those_that_are_there():
    mask = np.zeros((48, 60), bool)
    mask[:6, :8] = True
    picture = scene()
    imputer = Imputer(max_steps=2, hidden=(8, 8), patch_size=32, random_state=0).fit([picture], mask=mask)
    spoiled = np.where(mask[..., None], 200, picture).astype(np.uint8)
    judged = judge_filling(imputer, [spoiled], [mask])
    # What is under the mask is unknown, and has no part in the figures.
    assert judged == judge_filling(imputer, [picture], [mask])
    assert judged.means()["smooth filling"] > 15


def test_non_local_means_keeps_what_has_no_noise():
    assert (non_local_means(scene(), 0.0) == scene()).all()
    flat = 100 + np.random.default_rng(0).normal(0, 20, (40, 40, 3))
    assert np.abs(non_local_means(flat, 20.0) - 100).mean() < 0.3 * np.abs(flat - 100).mean()
