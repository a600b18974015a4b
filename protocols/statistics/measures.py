"""Named measures with intervals and tests, as the value of a release of the kind "measures"."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

from mpc.untyped import JsonObject

#: The standard normal distribution's quantile of 97.5 %.
Z95 = 1.959963984540054
#: A number, or words in its place; None where a measure has no such number.
Cell = float | str | None
_KEYS = ("estimate", "ci_low", "ci_high", "statistic", "df", "residual_df", "p")


@dataclass(frozen=True)
class Measure:
    """One line: an estimate with its 95 % interval, or a test."""

    name: str
    estimate: Cell = None
    ci_low: Cell = None
    ci_high: Cell = None
    statistic: Cell = None
    df: Cell = None
    residual_df: Cell = None
    p: Cell = None

    @classmethod
    def undefined(cls, name: str, why: str) -> Measure:
        """An estimate without a number."""
        return cls(name, f"undefined: {why}")


def document(measures: Sequence[Measure], table: JsonObject | None = None) -> JsonObject:
    """The value of the release: a list for each key that a measure has, and the table that they follow from.

    table  {"rows": […], "columns": […], "values": [[…]]}
    """
    out: JsonObject = {"measures": [measure.name for measure in measures]}
    for key in _KEYS:
        cells = [getattr(measure, key) for measure in measures]
        if any(cell is not None for cell in cells):
            out[key] = [None if cell is None else cell if isinstance(cell, str) else float(cell) for cell in cells]
    return out if table is None else {**out, "table": table}


def wilson(events: float, n: float) -> tuple[float, float]:
    """The 95 % interval of a proportion (Wilson, Journal of the American Statistical Association 22, 1927)."""
    share, square = events / n, Z95**2
    middle = (share + square / (2 * n)) / (1 + square / n)
    reach = Z95 * sqrt(share * (1 - share) / n + square / (4 * n * n)) / (1 + square / n)
    return max(0.0, middle - reach), min(1.0, middle + reach)


def share(name: str, events: float, n: float) -> Measure:
    """A proportion with Wilson's interval; undefined of no rows."""
    if not n:
        return Measure.undefined(name, "no rows")
    return Measure(name, events / n, *wilson(events, n))
