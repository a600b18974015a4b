"""Batcher's merge exchange: the places that a sorting network compares, by layer, for any number of rows."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Places = NDArray[np.int64]


@lru_cache(maxsize=16)
def layers(size: int) -> tuple[tuple[Places, Places], ...]:
    """Pairs (lower places, higher places) of each layer; about log2(size)^2 / 2 layers.

    Source  Batcher, AFIPS 1968; merge exchange, Knuth, TAOCP 3, §5.2.2, algorithm M
    """
    if size < 2:
        return ()
    network = []
    highest = 1 << ((size - 1).bit_length() - 1)
    p = highest
    while p:
        q, r, d = highest, 0, p
        while True:
            i = np.arange(size - d)
            low = i[(i & p) == r]
            network.append((low, low + d))
            if q == p:
                break
            d, q, r = q - p, q // 2, p
        p //= 2
    return tuple(network)
