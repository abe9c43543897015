"""A plot of two axes, both logarithmic, as SVG: points, a line of slope 1 beside them, and what they say."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

WIDTH, HEIGHT = 560, 380
LEFT, RIGHT, TOP, BOTTOM = 72, 24, 48, 60
#: One set of colours for light pages and one for dark; the ground is part of each, so that text is always readable.
STYLE = """
  .ground { fill: #ffffff } .text { fill: #1f2933 } .grid { stroke: #d9dee4 } .frame { stroke: #7b8794 }
  .line { stroke: #7b8794 } .points { stroke: #0b63a5; fill: #0b63a5 }
  @media (prefers-color-scheme: dark) {
    .ground { fill: #1e2129 } .text { fill: #e4e7eb } .grid { stroke: #3a404c } .frame { stroke: #9aa5b1 }
    .line { stroke: #9aa5b1 } .points { stroke: #6cb8f0; fill: #6cb8f0 }
  }
"""


def log_log(points: Sequence[tuple[float, float]], title: str, across: str, up: str) -> str:
    """The picture of points (x, y), all above 0.

    The dashed line has slope 1 and passes through the point furthest right: where points lie above it to the left,
    small ones cost more a piece.
    """
    xs, ys = zip(*sorted(points), strict=True)
    line = [(x, ys[-1] * x / xs[-1]) for x in (xs[0], xs[-1])]
    decades_x = _decades(xs)
    decades_y = _decades([*ys, line[0][1]])

    def place(x: float, y: float) -> tuple[float, float]:
        return (
            LEFT + (WIDTH - LEFT - RIGHT) * _part(x, decades_x),
            HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * _part(y, decades_y),
        )

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'font-family="system-ui, sans-serif" font-size="13">',
        f"<title>{escape(title)}</title>",
        f"<style>{STYLE}</style>",
        f'<rect class="ground" width="{WIDTH}" height="{HEIGHT}" rx="6"/>',
    ]
    low_x, high_x, low_y, high_y = decades_x[0], decades_x[-1], decades_y[0], decades_y[-1]
    for power in decades_x:
        x, bottom = place(10.0**power, 10.0**low_y)
        _, top = place(10.0**power, 10.0**high_y)
        parts.append(_line("grid", (x, bottom), (x, top)))
        parts.append(_text(_figure(power), x, bottom + 18, "middle"))
    for power in decades_y:
        left, y = place(10.0**low_x, 10.0**power)
        right, _ = place(10.0**high_x, 10.0**power)
        parts.append(_line("grid", (left, y), (right, y)))
        parts.append(_text(_figure(power), left - 8, y + 4, "end"))
    x, y = place(10.0**low_x, 10.0**high_y)
    width, height = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM
    parts.append(f'<rect class="frame" fill="none" x="{x:.1f}" y="{y:.1f}" width="{width}" height="{height}"/>')
    start, end = place(*line[0]), place(*line[1])
    parts.append(_line("line", start, end, 'stroke-width="1.5" stroke-dasharray="6 4"'))
    places = [place(a, b) for a, b in zip(xs, ys, strict=True)]
    joined = " ".join(f"{a:.1f},{b:.1f}" for a, b in places)
    parts.append(f'<polyline class="points" points="{joined}" style="fill: none" stroke-width="2"/>')
    parts += [f'<circle class="points" cx="{a:.1f}" cy="{b:.1f}" r="4"/>' for a, b in places]
    # The key stands top left: points of a growing cost leave that corner free.
    parts.append(
        _line("line", (LEFT + 12, TOP + 18), (LEFT + 40, TOP + 18), 'stroke-width="1.5" stroke-dasharray="6 4"')
    )
    parts.append(_text("slope 1: in proportion", LEFT + 48, TOP + 22, "start"))
    parts.append(_text(title, LEFT, TOP - 18, "start", 'font-size="15" font-weight="600"'))
    parts.append(_text(across, LEFT + width / 2, HEIGHT - 14, "middle"))
    middle = TOP + height / 2
    parts.append(_text(up, 18, middle, "middle", f'transform="rotate(-90 18 {middle:.1f})"'))
    return "\n".join([*parts, "</svg>", ""])


def slope(points: Sequence[tuple[float, float]]) -> float:
    """Slope of the least-squares line through the logarithms."""
    logs = [(math.log(x), math.log(y)) for x, y in points]
    mean_x, mean_y = (sum(values) / len(logs) for values in zip(*logs, strict=True))
    over = sum((x - mean_x) ** 2 for x, _ in logs)
    return sum((x - mean_x) * (y - mean_y) for x, y in logs) / over


def _decades(values: Sequence[float]) -> list[int]:
    """Powers of ten around all values, at least two."""
    low = math.floor(math.log10(min(values)) + 1e-9)
    high = max(math.ceil(math.log10(max(values)) - 1e-9), low + 1)
    return list(range(low, high + 1))


def _part(value: float, decades: list[int]) -> float:
    return (math.log10(value) - decades[0]) / (decades[-1] - decades[0])


def _figure(power: int) -> str:
    return f"{10**power:,}" if power >= 0 else f"{10.0**power:.{-power}f}"


def _line(kind: str, start: tuple[float, float], end: tuple[float, float], more: str = "") -> str:
    ends = f'x1="{start[0]:.1f}" y1="{start[1]:.1f}" x2="{end[0]:.1f}" y2="{end[1]:.1f}"'
    return f'<line class="{kind}" {ends} {more}/>'


def _text(words: str, x: float, y: float, anchor: str, more: str = "") -> str:
    return f'<text class="text" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" {more}>{escape(words)}</text>'
