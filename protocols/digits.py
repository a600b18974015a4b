"""How many digits each release keeps after all roundings, measured on made-up rows.

The scenario runs several times on the same rows, each time with other random roundings (`protocols.ideal.rounding`). A
release keeps the digits that its numbers have in common in all runs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from mpc.errors import RangeError
from mpc.releases.manifest import Entry
from mpc.untyped import Json

#: The smallest number of digits that a release may keep; the largest number that is reported (float64 has no more).
LEAST, _MOST = 3.0, 15.0
#: An element below this part of the largest element may be 0 and a rounding.
_SMALL = 1e-5
#: Kinds whose numbers come out as they were computed. Other kinds derive numbers (a small p) and state their errors.
_PLAIN = ("number", "vector", "matrix", "array")


def digits_left(runs: Sequence[Mapping[str, Json]], kinds: Mapping[str, str]) -> dict[str, float]:
    """Release name -> decimal digits that its numbers have in common in all runs: the minimum over its elements.

    An element below 1e-5 of the largest counts as 1e-5 of it. Releases of whole numbers, and undefined ones, are left
    out.
    """
    digits = {}
    for name, kind in kinds.items():
        if kind not in _PLAIN or not all(name in run for run in runs):
            continue
        numbers = [list(_numbers(run[name])) for run in runs]
        if not any(isinstance(number, float) for part in numbers for number in part):
            continue  # whole numbers
        if len({len(part) for part in numbers}) > 1:
            continue
        values = np.asarray(numbers, np.float64)
        if not values.any():
            continue
        size = np.maximum(np.abs(values).max(0), _SMALL * np.abs(values).max())
        apart = np.maximum(np.ptp(values, axis=0), size * 10.0**-_MOST)
        digits[name] = float(np.log10(size / apart).min())
    return digits


def enough_digits(entries: Sequence[Entry], digits: Mapping[str, float]) -> None:
    """Raise RangeError, at its line, for the first release that keeps fewer than three digits."""
    for entry in entries:
        left = digits.get(entry.name, _MOST)
        if left < LEAST:
            error = RangeError(
                f"release {entry.name!r} keeps {max(left, 0.0):.1f} digits on rows made up from the schema, after all "
                f"roundings; {LEAST:.0f} are wanted. Declare narrower ranges, scale rows before they are shared, state "
                "`within(limit)` for factors, and take means and centred values in place of sums of squares"
            )
            file, _, line = entry.source.rpartition(":")
            error.source = f"{file} line {line}" if file else None
            raise error


def _numbers(value: Any) -> Iterator[float | int]:
    """The numbers of a release in its JSON form, without words and labels."""
    if isinstance(value, Mapping):
        value = value.get("values", value.get("value"))
    if isinstance(value, list | tuple):
        for element in value:
            yield from _numbers(element)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield value
