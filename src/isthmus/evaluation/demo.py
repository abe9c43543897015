"""The data of the demo: real ones that come with scikit-learn, so that nothing is downloaded."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.datasets import load_digits

from isthmus.data import Raw


def digits() -> Raw:
    """Give scikit-learn's handwritten digits as pictures, with the digit that each shows set aside.

    Returns
    -------
    Raw
        1,797 grey pictures of 8 x 8 pixels, uint8 from 0 to 16, and ``extra["digit"]``.

    References
    ----------
    Alpaydin and Kaynak, "Optical Recognition of Handwritten Digits", UCI Machine Learning Repository (1998).

    Examples
    --------
    >>> raw = digits()
    >>> len(raw), raw.item_shape, raw.kind
    (1797, (8, 8), 'image')
    """
    found: Any = load_digits()
    return Raw(
        found.images.astype(np.uint8),
        kind="image",
        extra={"digit": found.target},
        origin="scikit-learn's digits",
    )
