"""Clean a photograph of noise, and fill what is missing of it, by what the rest of the photograph teaches.

You learn here how noise is taken out with and without anything clean to learn from, how holes are filled, and what
simpler ways come to:

    python examples/mending.py

A few seconds of training on half a photograph are enough to see how it is done; the guide to noise has the figures of
longer training on many. ISTHMUS_QUICK=1 cuts training short.
"""

import os

import numpy as np
from sklearn.datasets import load_sample_image

from isthmus import Denoiser, Imputer
from isthmus.evaluation import psnr
from isthmus.evaluation.non_local_means import non_local_means

STEPS = 100 if os.environ.get("ISTHMUS_QUICK") else 250

china = load_sample_image("china.jpg")
teacher, picture = china[:, 240:], china[60:220, 20:220]
rng = np.random.default_rng(0)

# Noise of 25 grey levels. One model is taught by the clean part, the other by the noisy one itself.
noisy = picture + rng.normal(0, 25, picture.shape)
small = {"widths": (24, 48), "patch_size": 32, "max_steps": STEPS, "random_state": 0}
taught = Denoiser("gaussian", level=25, **small).fit([teacher])
alone = Denoiser("gaussian", learn_from="noisy", **small).fit([noisy.astype(np.float32)])
print("PSNR in dB, higher is better")
for name, found in {
    "noisy": noisy,
    "non-local means": non_local_means(noisy, 25),
    "Denoiser, taught by the clean part": taught.transform([noisy])[0],
    "Denoiser, by the noisy part alone": alone.transform([noisy])[0],
}.items():
    print(f"  {name}: {psnr(found, picture.astype(float), 255):.2f}")

# Half of the pixels are gone: NaN, or whatever a mask marks.
mask = rng.random(picture.shape[:2]) < 0.5
imputer = Imputer(holes=("pixels",), hidden=(24, 48), patch_size=48, max_steps=STEPS, random_state=0).fit([teacher])
(filled,) = imputer.transform([picture], mask=[mask])
assert (filled[~mask] == picture[~mask]).all()  # what is known stays as it is
print(f"  Imputer, half of the pixels missing: {psnr(filled, picture, where=mask):.2f}")
