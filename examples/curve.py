"""Points along a curve in the plane to one number each, and back.

You learn here what the non-linear path of an autoencoder is for. A bent curve needs two coordinates if you
may only draw straight lines, and one if you may bend the ruler: PCA lays its one line through the middle,
the autoencoder's one number says how far along the curve a point lies. Both coordinates are in one unit, so
nothing is scaled. A curve that turns back along PCA's line, such as a spiral, can come out in pieces, its
code not in the order of the curve: training starts at that line.

    python examples/curve.py

Writes curve.html (plotly, opens in a browser) and curve.png. ISTHMUS_QUICK=1 cuts training short.
"""

import os

import numpy as np
import plotly.graph_objects as go
from PIL import Image, ImageDraw, ImageFont
from scipy.stats import spearmanr
from sklearn.decomposition import PCA
from sklearn.model_selection import train_test_split

from isthmus import Autoencoder

EPOCHS = 20 if os.environ.get("ISTHMUS_QUICK") else "auto"
BLUE, ORANGE, GREY = "#2563eb", "#ea580c", "#9ca3af"


def make_curve(n: int = 2000) -> tuple[np.ndarray, np.ndarray]:
    """Points of a wave with a little noise, and how far along the wave each lies."""
    rng = np.random.default_rng(0)
    along = rng.uniform(-2.5, 2.5, n)
    points = np.column_stack([along, np.sin(2 * along)]) + rng.normal(0, 0.05, (n, 2))
    return points, along


def main() -> None:
    points, along = make_curve()
    train, test, _, along = train_test_split(points, along, test_size=0.25, random_state=0)

    model = Autoencoder(1, scaling="none", max_epochs=EPOCHS, random_state=0).fit(train)
    codes = model.transform(test)  # (n, 1)
    back = model.inverse_transform(codes)  # (n, 2)
    pca = PCA(1).fit(train)
    line = pca.inverse_transform(pca.transform(test))

    ours, theirs = np.mean((test - back) ** 2), np.mean((test - line) ** 2)
    order = abs(spearmanr(codes[:, 0], along).statistic)
    print(f"{len(train)} points to learn from, {len(test)} held out, one number a point.")
    print(f"Mean squared error: autoencoder {ours:.4f}, PCA {theirs:.4f}, ratio {ours / theirs:.2f}")
    print(f"Rank correlation of the code with the place along the curve: {order:.3f} (1: the same order)")
    print("The autoencoder is closer." if ours < theirs else "PCA is as close or closer: training was too short.")

    picture(test, {"PCA": (line, ORANGE), "autoencoder": (back, BLUE)}).save("curve.png")
    page(test, line, back, codes[:, 0]).write_html("curve.html", include_plotlyjs=True)
    print("Pictures: curve.html, curve.png")


def page(test: np.ndarray, line: np.ndarray, back: np.ndarray, code: np.ndarray) -> go.Figure:
    """Draw the points coloured by their code, and both ways back."""
    colours = {"color": code, "colorscale": "Viridis", "size": 5, "colorbar": {"title": "code"}}
    figure = go.Figure(
        [
            go.Scatter(x=test[:, 0], y=test[:, 1], mode="markers", name="points, by code", marker=colours),
            go.Scatter(x=line[:, 0], y=line[:, 1], mode="markers", name="PCA", marker={"color": ORANGE, "size": 4}),
            go.Scatter(
                x=back[:, 0],
                y=back[:, 1],
                mode="markers",
                name="autoencoder",
                marker={"color": BLUE, "size": 4},
            ),
        ]
    )
    figure.update_layout(title="One number a point, and back", template="plotly_white", legend={"orientation": "h"})
    figure.update_yaxes(scaleanchor="x")
    return figure


def picture(test: np.ndarray, ways: dict[str, tuple[np.ndarray, str]], width: int = 900) -> Image.Image:
    """Draw the same with Pillow alone."""
    low, high = test.min(axis=0) - 0.3, test.max(axis=0) + 0.3
    scale, heading = width / (high[0] - low[0]), 40
    canvas = Image.new("RGB", (width, heading + int((high[1] - low[1]) * scale)), "white")
    draw = ImageDraw.Draw(canvas)
    layers = {"points": (test, GREY), **ways}
    for i, (name, (points, colour)) in enumerate(layers.items()):
        radius = 3 if points is test else 2
        x, y = (points[:, 0] - low[0]) * scale, heading + (high[1] - points[:, 1]) * scale
        for left, top in zip(x, y, strict=True):
            draw.ellipse((left - radius, top - radius, left + radius, top + radius), fill=colour)
        draw.text((12 + 110 * i, 10), name, fill=colour, font=ImageFont.load_default(18))
    return canvas


if __name__ == "__main__":
    main()
