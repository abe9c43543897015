"""Numbers as people read them."""

from __future__ import annotations

import math


def number(value: float) -> str:
    """Three significant digits, without needless exponents; a dash where there is no figure.

    Examples
    --------
    >>> number(0.012345), number(12345.6), number(3.0), number(1.2e-9), number(float("nan"))
    ('0.0123', '12,346', '3', '1.2e-09', '–')
    """
    if value is None or math.isnan(value):
        return "–"
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    size = abs(value)
    if size != 0 and (size < 1e-4 or size >= 1e9):
        return f"{value:.3g}"
    if size >= 1000:
        return f"{value:,.0f}"
    digits = 3 if size == 0 else max(0, 2 - math.floor(math.log10(size)))
    text = f"{value:.{digits}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def percent(share: float) -> str:
    r"""Give a share as a percentage, finer near 0 and near 100, where the difference lies.

    Examples
    --------
    >>> percent(0.391), percent(0.9987), percent(0.0042), percent(float("nan"))
    ('39\xa0%', '99.87\xa0%', '0.42\xa0%', '–')
    """
    if share is None or math.isnan(share):
        return "–"
    if math.isinf(share):
        return number(share)
    value = 100 * share
    edge = min(abs(value), abs(100 - value))
    digits = 0 if edge >= 10 or value > 110 or edge == 0 else 1 if edge >= 1 else 2
    return f"{value:,.{digits}f}\N{NO-BREAK SPACE}%"


def plural(n: int, word: str, many: str | None = None) -> str:
    """Give a count with its noun.

    Examples
    --------
    >>> plural(1, "row"), plural(1200, "row")
    ('1 row', '1,200 rows')
    """
    return f"{n:,} {word if n == 1 else many or word + 's'}"
