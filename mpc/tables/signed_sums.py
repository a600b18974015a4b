"""Which sums and differences of releases are counted, where their tables are prepared from the same rows."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from itertools import combinations, product
from math import comb
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mpc.errors import ConfigError
from mpc.tables.prepare.nodes import Scan
from mpc.tables.selections import Selection, taken
from mpc.values.secret import SecretArray, concatenate

Bit = Callable[[], SecretArray]
#: Most sums and differences of releases that are counted for one release; single differences always are.
MOST_SUMS = 256
#: Most single differences.
MOST_PAIRS = 4096


class TooMany(ConfigError):
    """More differences than are counted."""


class Quantity(NamedTuple):
    """What a release tells of each key: how many rows ("rows"), the sum of a column ("value"), or how many rows of the
    input are behind it ("input").

    limit  the largest magnitude;  whole  the column has whole numbers
    """

    kind: str
    limit: float
    whole: bool = False


def signed_sums(
    quantities: Sequence[Quantity],
    of: Sequence[int],
    selections: Sequence[Selection],
    new: int,
    unknown: Collection[int],
) -> NDArray[np.int64]:
    """(sums, quantities): the signed sums of what releases tell, each with something of the new release, of which the
    first sign is +, and with some sign -. By their length, at most about MOST_SUMS, but all single differences.

    unknown  selections of which the input's rows are compared, since the values of their own rows are not known
    """
    rows: list[NDArray[np.int64]] = []

    def add(places: Sequence[int]) -> None:
        if not _of_several(places, quantities, of, selections):
            return
        if quantities[places[0]].kind == "input" and not any(of[k] in unknown for k in places):
            return
        for signs in product((1, -1), repeat=len(places) - 1):
            if -1 in signs:
                row = np.zeros(len(quantities), np.int64)
                row[list(places)] = (1, *signs)
                rows.append(row)

    own = [k for k, place in enumerate(of) if place < new]
    kinds = {kind: [k for k, q in enumerate(quantities) if q.kind == kind] for kind in ("rows", "value", "input")}
    for a in own:
        for b in range(len(quantities)):
            alike = quantities[a].kind == quantities[b].kind
            counts = {quantities[a].kind, quantities[b].kind} == {"rows", "value"} and (
                quantities[a].whole or quantities[b].whole
            )
            if (alike or counts) and (b > a or b not in own):
                add((a, b))
    if len(rows) > MOST_PAIRS:
        raise TooMany(
            f"{len(rows):,} differences of releases of tables that are prepared from the same rows: too many to hold "
            "apart. Release fewer of them, or a table (`group_by`)"
        )
    for length in range(3, 2 + len(quantities)):
        if sum(comb(len(some), length) for some in kinds.values()) > 16 * MOST_SUMS:
            break
        for some in kinds.values():
            mixed = [
                places
                for places in combinations(some, length)
                if any(k in own for k in places) and any(k not in own for k in places)
            ]
            if len(rows) + len(mixed) * 2 ** (length - 1) > MOST_SUMS:
                return _stacked(rows, quantities)
            for places in mixed:
                add(places)
    return _stacked(rows, quantities)


def _stacked(rows: Sequence[NDArray[np.int64]], quantities: Sequence[Quantity]) -> NDArray[np.int64]:
    return np.stack(rows) if rows else np.zeros((0, len(quantities)), np.int64)


def _of_several(
    places: Sequence[int], quantities: Sequence[Quantity], of: Sequence[int], selections: Sequence[Selection]
) -> bool:
    """Whether these are of several selections, and of several tables. Of the same rows of one prepared table values are
    compared, too: its conditions are held apart otherwise (`mpc.tables.selections`)."""
    some = {of[k] for k in places}
    if len(some) < len(places) and any(quantities[k].kind == "rows" for k in places) and len(some) < 2:
        return False
    sources = {id(selections[k].source) for k in some}
    if len(sources) > 1:
        return True
    wheres = {selections[k].key[1] for k in some}
    prepared = not isinstance(selections[of[places[0]]].source.query, Scan)
    return prepared and len(wheres) == 1 and all(quantities[k].kind == "value" for k in places)


def hidden_sums(
    signs: NDArray[np.int64], of: Sequence[int], ways: Sequence[Bit | None]
) -> Callable[[], SecretArray] | None:
    """A function that gives bits: something in a sum did not come out. None: all came out."""
    unsure = [k for k, way in enumerate(ways) if way is not None]
    if not unsure:
        return None
    uses = np.stack(
        [(signs[:, [p for p, place in enumerate(of) if place == k]] != 0).any(axis=1) for k in unsure], axis=1
    )

    def bits() -> SecretArray:
        came = [way().reshape(1) for way in ways if way is not None]
        every = concatenate([*came, came[0].constant(np.ones(1, np.bool_))])
        sets, back = np.unique(uses, axis=0, return_inverse=True)
        most = max(int(sets.sum(axis=1).max()), 1)
        members = np.stack([np.pad(np.flatnonzero(s), (0, most), constant_values=len(s))[:most] for s in sets])
        return ~taken(taken(every, members).all(1), back.reshape(-1))

    return bits
