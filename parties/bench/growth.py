"""Cost against size: the sizes at which a workload is measured, and the slope of a line through the results."""

from __future__ import annotations

import math
from collections.abc import Sequence

from parties.bench.setting import default_size
from parties.bench.workloads import WORKLOADS

#: If the largest size is at least this, sizes are powers of ten; else there are two more sizes between powers.
_DECADES = 100_000
_MOST = 10_000_000


def series(workload: str, engine: str) -> list[int]:
    """Sizes from a small one to the largest sensible one: ten times the default, if the workload allows that."""
    chosen = WORKLOADS[workload]
    top = min(chosen.largest, 10 * default_size(workload, engine), _MOST)
    if top >= _DECADES:
        least, steps = min(1000, top // 100), [1]
    else:
        least, steps = top // 20, [1, 2, 5]
    sizes = [step * 10**power for power in range(8) for step in steps]
    return [size for size in sizes if least <= size <= top] or [top]


def slope(sizes: Sequence[int], values: Sequence[float]) -> float | None:
    """How a value grows where sizes are large: the exponent of the power law through the last two decades.

    None where there are fewer than two sizes, or a value is not positive.
    """
    lowest = max(sizes, default=0) / 100
    points = [(math.log(s), math.log(v)) for s, v in zip(sizes, values, strict=True) if s >= lowest and v > 0]
    if len({x for x, _ in points}) < 2:
        return None
    mean_x = sum(x for x, _ in points) / len(points)
    mean_y = sum(y for _, y in points) / len(points)
    spread = sum((x - mean_x) ** 2 for x, _ in points)
    return sum((x - mean_x) * (y - mean_y) for x, y in points) / spread
