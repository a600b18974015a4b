"""What an owner checks of a prepared table: the assumptions that the script states about it.

Messages say how many keys or rows do not fit, and show none.
"""

from __future__ import annotations

from mpc.errors import DataError
from mpc.tables.entries import span
from mpc.tables.prepare.nodes import Aggregate, Join, Measure
from mpc.tables.schema import RealColumn

#: Float64 rounds sums and means: so far beyond its range, relative to it, a value counts as the limit.
SLACK = 1e-9


def slack(measure: Measure) -> float:
    """How far a value may be beyond the range because float64 rounds; 0 for whole numbers."""
    column = measure.result
    return SLACK * max(abs(column.low), abs(column.high)) if isinstance(column, RealColumn) else 0


def check_keys(query: Aggregate, large: int, keys: int) -> None:
    """Raise DataError where `large` of `keys` keys have more rows than the script allows."""
    if large:
        raise DataError(
            f"{query.name}: {large:,} of {keys:,} keys have more than {query.most_per_key:,} rows each, which "
            "group_by(at_most_per_key=…) allows; agree on a larger number (all organizations)"
        )


def check_range(query: Aggregate, measure: Measure, outside: int, keys: int) -> None:
    """Raise DataError where a measure of `outside` of `keys` keys is beyond the range that the script states."""
    if outside:
        raise DataError(
            f"{query.name}: {measure.result.name} of {outside:,} of {keys:,} keys is outside {span(measure.result)}; "
            "agree on a wider range with agg(within=…) (all organizations), or correct the data"
        )


def check_rows(query: Join, rows: int) -> None:
    """Raise DataError where a join gives more rows than the script allows."""
    if rows > query.most:
        raise DataError(
            f"{query.name}: {rows:,} rows; {query.most:,} are allowed. Several rows of the right table have the "
            "same key: take one of each, with latest(…) or group_by(…).agg(…), or agree on a larger join(at_most=…)"
        )
