"""Which measures make a forest plot: ratios beside each other, a pooled effect with its prediction interval, or all
that a script says are on one scale.

Other measures of a release have different scales, and a common axis would mislead.
"""

from __future__ import annotations

from typing import NamedTuple

from parties.report.kinds import Measures
from parties.report.words import Number

#: What the pooled effect's measure begins with, and the name of the prediction interval's.
_POOLED, _NEW = "pooled effect", "a new organization's effect"
#: Ends of the names of ratios to which 1 is no effect.
_RATIOS = ("odds ratio", "risk ratio", "reporting ratio")


class Forest(NamedTuple):
    """rows   name, estimate and both ends of its interval;  label  of the axis;  none  the value of no effect: with 1
    the axis is logarithmic
    """

    rows: list[tuple[str, Number, Number, Number]]
    label: str
    none: int


def forest(value: Measures) -> Forest | None:
    """The forest plot of measures; None: they have none."""
    rows = [
        (name, estimate, low, high)
        for name, estimate, low, high in zip(
            value.measures, value.estimate or [], value.ci_low or [], value.ci_high or [], strict=False
        )
        if estimate is not None and low is not None and high is not None
    ]
    if value.scale:
        return Forest(rows, value.scale, 0)
    pooled = [row for row in rows if row[0].startswith(_POOLED) or row[0] == _NEW]
    if pooled:
        return Forest(pooled, "effect with 95 % interval", 0)
    ratios = [row for row in rows if row[0].endswith(_RATIOS) and _positive(row[1:])]
    return Forest(ratios, "ratio with 95 % interval", 1) if ratios else None


def _positive(numbers: tuple[Number, Number, Number]) -> bool:
    """All are numbers that a logarithmic axis has."""
    return all(not isinstance(x, str) and 0 < float(x) < 1e12 for x in numbers)
