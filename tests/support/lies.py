"""Owners that lie: what one of them shares is changed before it leaves it.

with lying(0, lambda part, values, random: -values):
    simulate(…)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import numpy as np

import mpc.tables.local
from mpc.machine.outside import Part
from mpc.machine.runtime import Runtime

#: parts, the honest vector of raw integers -> what is shared instead.
Lie = Callable[[Sequence[Part], Any], Any]


@contextmanager
def lying(index: int, lie: Lie) -> Iterator[None]:
    """The party `index`, which computes, shares what `lie` makes of its partial results."""
    schedule, claimed = Runtime.schedule, mpc.tables.local._claimed
    latest: dict[Runtime, list[Sequence[Part]]] = {}

    def changed(self: Runtime, primitive: str, *operands: Any, local: Any = None, **parameters: Any) -> Any:
        if primitive == "input" and local is not None and parameters["values"] is not None and self.index == index:
            honest = parameters["values"]
            box: list[Sequence[Part]] = []
            latest[self] = box

            def values(partials: Any) -> Any:
                return np.asarray(lie(box[0], honest(partials).reshape(-1)), np.int64).reshape(1, -1)

            parameters["values"] = values
        return schedule(self, primitive, *operands, local=local, **parameters)

    def noted(run: Runtime, owners: Any, handle: Any, parts: Sequence[Part], rule: Any, together: Any) -> Any:
        if run in latest:
            latest.pop(run).append(parts)
        return claimed(run, owners, handle, parts, rule, together)

    with patch.object(Runtime, "schedule", changed), patch.object(mpc.tables.local, "_claimed", noted):
        yield


def pieces(parts: Sequence[Part], vector: Any) -> dict[str, Any]:
    """Views of a vector by the names of its parts."""
    out, start = {}, 0
    for part in parts:
        out[part.name] = vector[start : start + part.size]
        start += part.size
    return out


def random_within_bounds(rng: np.random.Generator, parts: Sequence[Part], honest: Any) -> Any:
    """Any numbers within the public bounds: random, at their ends, with other signs, or the honest ones in part."""
    found = honest.copy()
    for part in pieces(parts, found):
        bound = next(p.bound for p in parts if p.name == part)
        own = pieces(parts, found)[part]
        match rng.integers(0, 7):
            case 0:
                own[:] = rng.integers(-bound, bound, own.size, endpoint=True)
            case 1:
                own[:] = rng.choice([-bound, bound], own.size)
            case 2:
                own[:] = -own
            case 3:
                own[:] = 0
            case 4 if own.size:
                own[rng.integers(own.size)] = rng.choice([-bound, -1, 0, 1, bound])
            case 5:
                own[:] = np.clip(own.astype(object) * int(rng.integers(-3, 4)), -bound, bound).astype(np.int64)
            case _:
                pass
    return found


def random_within_relations(rng: np.random.Generator, parts: Sequence[Part], honest: Any) -> Any:
    """Numbers that keep every relation and yet belong to no data: moments of other rows in each part."""
    found = honest.copy()
    own = pieces(parts, found)
    bounds = {part.name: part.bound for part in parts}

    def below(limit: Any) -> Any:
        """Between 0 and each limit, at an end every other time."""
        limit = np.asarray(limit, np.float64)
        share = rng.choice([0.0, 1.0, -1.0], limit.shape)
        return limit * np.where(share < 0, rng.random(limit.shape) ** rng.integers(1, 30), share)

    def sign(shape: int | tuple[int, ...]) -> Any:
        return rng.choice([-1, 1], shape)

    if "n" in own:
        n = own["n"]
        n[:] = below(np.full(n.size, min(bounds["n"], 10 ** int(rng.integers(0, 8)))))
        unit = bounds["sum"] // bounds["n"]
        most = n * float(unit)
        if "weight" in own:
            own["weight"][:] = most = below(most)
        own["sum"][:] = sign(own["sum"].size) * below(np.broadcast_to(most, own["sum"].shape))
        own["mean"][:] = sign(own["mean"].size) * below(np.full(own["mean"].size, float(bounds["mean"])))
        own["rest"][:] = sign(own["rest"].size) * below(np.full(own["rest"].size, float(bounds["rest"])))
        if "squares" in own:
            own["squares"][:] = below(most)
        else:
            k = own["mean"].size
            square = below(np.full(k, float(most[0])))
            first, second = np.triu_indices(k)
            mixed = sign(first.size) * below((square[first] + square[second]) / 2)
            own["products"][:] = np.where(first == second, square[first], mixed * (1 - 2.0**-40))
    elif "counts" in own:
        cells = own["counts"]
        cells[:] = below(np.full(cells.size, bounds["counts"] // max(cells.size, 1)))
    elif "values" in own:
        size = own["values"].size
        own["values"][:] = sign(size) * below(np.full(size, float(bounds["values"])))
        own["present"][:] = rng.integers(-1, 2, size)
    return found
