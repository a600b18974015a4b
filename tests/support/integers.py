"""Functions of secret integers, opened exactly: on the ideal engine with every bound checked, or on shares."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tests.support.value_floor import compute


def integers(function: Callable[..., Any], *arrays: Any, bound: int = 0, engine: str = "ideal") -> list[Any]:
    """`function(secret, ...)` of integers of at most `bound` (default: the largest of each), opened exactly."""
    operands = [(array, 0, bound or max(int(np.abs(array).max(initial=1)), 1)) for array in map(np.asarray, arrays)]
    found = compute(function, *operands, engine=engine)
    return found if isinstance(found, list) else [found]
