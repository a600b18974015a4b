"""How many digits of each release are left after all roundings, measured on made-up rows.

The scenario runs several times on the same rows, each time with other roundings (`protocols.ideal.rounding`). What
differs is rounding; a release keeps as many digits as its numbers have in common.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from mpc.errors import RangeError
from mpc.releases.manifest import Entry

#: Fewest digits that a release may keep; digits that are told at most, those of a float64.
LEAST, _MOST = 3.0, 15.0
#: Elements that are so much smaller than the largest one may be 0 but for roundings.
_SMALL = 1e-5
#: Kinds whose numbers come out as they were computed; others derive some, such as a small p, and state their errors.
_PLAIN = ("number", "vector", "matrix", "array")


def digits_left(runs: Sequence[Mapping[str, Any]], kinds: Mapping[str, str]) -> dict[str, float]:
    """By name: decimal digits that plain releases of real numbers have in common in several runs, the fewest of any
    element (of one below 1e-5 of the largest: of 1e-5); without those that are whole or undefined."""
    found = {}
    for name, kind in kinds.items():
        if kind not in _PLAIN or not all(name in run for run in runs):
            continue
        numbers = [list(_numbers(run[name])) for run in runs]
        if not any(isinstance(number, float) for part in numbers for number in part):
            continue  # whole ones
        if len({len(part) for part in numbers}) > 1:
            continue
        values = np.asarray(numbers, np.float64)
        if not values.any():
            continue
        size = np.maximum(np.abs(values).max(0), _SMALL * np.abs(values).max())
        apart = np.maximum(np.ptp(values, axis=0), size * 10.0**-_MOST)
        found[name] = float(np.log10(size / apart).min())
    return found


def enough_digits(entries: Sequence[Entry], digits: Mapping[str, float]) -> None:
    """Raise RangeError, at the line of the release, for the first one that keeps fewer than three digits."""
    for entry in entries:
        left = digits.get(entry.name, _MOST)
        if left < LEAST:
            error = RangeError(
                f"release {entry.name!r} keeps {max(left, 0.0):.1f} digits on rows made up from the schema, after all "
                f"roundings; {LEAST:.0f} are wanted. Declare narrower ranges, scale rows before they are shared, say "
                "`within(limit)` of factors, and take means and centred values in place of sums of squares"
            )
            file, _, line = entry.source.rpartition(":")
            error.source = f"{file} line {line}" if file else None
            raise error


def _numbers(value: Any) -> Iterator[float | int]:
    """The numbers of a release in its JSON form, without words and labels."""
    if isinstance(value, Mapping):
        value = value.get("values", value.get("value"))
    if isinstance(value, list | tuple):
        for one in value:
            yield from _numbers(one)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield value
