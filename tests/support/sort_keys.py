"""Keys to sort that differ in how many are alike."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

KINDS = ["apart", "alike", "ties", "wide"]


def some_keys(kind: str, n: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """n keys of 20 bits, or of 62 bits where they are `wide`."""
    return {
        "apart": rng.permutation(n) - 7,
        "alike": np.zeros(n, np.int64),
        "ties": rng.integers(0, 5, n),
        "wide": rng.integers(-(2**61), 2**61, n),
    }[kind]
