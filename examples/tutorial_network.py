"""The autoencoder of the tutorials, in one line, and what it is worth beside PCA.

Tutorials show one network: 784 pixels in, 64 ReLU units, 784 sigmoid outputs, trained with Adam on the mean
squared error. You learn here how to say that network in one line, that PCA with as many numbers a picture is
the figure to hold it against, and what the defaults give instead.

    python examples/tutorial_network.py                                 # scikit-learn's digits: 64-16-64
    python examples/tutorial_network.py train-images-idx3-ubyte.gz      # Fashion-MNIST or MNIST: 784-64-784

With the second, all 60,000 pictures are used; that takes a while without a GPU. ISTHMUS_QUICK=1 cuts
training short.
"""

import os
import sys

import numpy as np
from PIL import Image
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.model_selection import train_test_split

from isthmus import Autoencoder
from isthmus.data import read

EPOCHS = 5 if os.environ.get("ISTHMUS_QUICK") else "auto"


def load_images(arguments: list[str]) -> tuple[np.ndarray, float, int]:
    """Pictures (n, h, w), the value of a white pixel, and a code size that suits them."""
    if arguments:
        return np.asarray(read(arguments[0], kind="image").values), 255.0, 64
    print("No file given: scikit-learn's digits as they are, 8 x 8 pixels; as 64 would be no code, it is 16.")
    return load_digits().images, 16.0, 16


def main(arguments: list[str]) -> None:
    images, white, size = load_images(arguments)
    train, test = train_test_split(images, test_size=0.2, random_state=0)

    tutorial = Autoencoder(
        size,
        network="dense",
        hidden=(),
        code_activation="relu",
        output_activation="sigmoid",
        loss="mse",
        scaling="minmax",
        weight_decay=0,
        max_epochs=EPOCHS,
        random_state=0,
    ).fit(train)
    default = Autoencoder(size, max_epochs=EPOCHS, random_state=0).fit(train)
    pca = PCA(size, random_state=0).fit(train.reshape(len(train), -1))

    rebuilt = {
        "the tutorials' network": tutorial.reconstruct(test),
        "PCA": pca.inverse_transform(pca.transform(test.reshape(len(test), -1))).reshape(test.shape),
        "the defaults": default.reconstruct(test),
    }
    errors = {name: float(np.mean(((test - picture) / white) ** 2)) for name, picture in rebuilt.items()}

    pixels = images[0].size
    print(f"{pixels}-{size}-{pixels}, {len(train)} pictures to learn from, {len(test)} held out.")
    print("Mean squared error on the held-out pictures, pixels from 0 to 1:")
    for name, error in errors.items():
        print(f"  {name:<24}{error:.5f}   {error / errors['PCA']:.2f} of PCA's")
    best = min(errors, key=lambda name: errors[name])
    print(f"Best here: {best}.")
    if errors["the tutorials' network"] > errors["PCA"]:
        print("The tutorials' network loses to PCA: at this size PCA is simpler, faster and better than it.")

    draw([test, *rebuilt.values()], white).save("tutorial_network.png")
    print("Picture: tutorial_network.png (from top: held-out pictures, then as above)")


def draw(sets: list[np.ndarray], white: float, columns: int = 12, zoom: int = 6) -> Image.Image:
    """One row of pictures a set, dark on white."""
    rows = [np.hstack([np.pad(picture, 1) for picture in pictures[:columns]]) for pictures in sets]
    grey = 255 - np.clip(np.vstack(rows) / white, 0, 1) * 255
    return Image.fromarray(grey.astype(np.uint8)).resize(
        (grey.shape[1] * zoom, grey.shape[0] * zoom), Image.Resampling.NEAREST
    )


if __name__ == "__main__":
    main(sys.argv[1:])
