"""Number, mean and standard deviation of several columns or groups of rows: private, or in secret."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mpc.errors import ShapeError
from mpc.tables.private import PrivateArray
from mpc.values.secret import SecretArray, concatenate
from protocols.statistics.moments.descriptive import deviations, means
from protocols.statistics.moments.moments import column_moments

#: A private column, or a vector of shared rows.
Column = PrivateArray | SecretArray


@dataclass
class Summaries:
    """Vectors (k,) of secrets, each standing on the valid rows of its columns."""

    count: SecretArray
    mean: SecretArray
    sd: SecretArray

    @property
    def parts(self) -> dict[str, SecretArray]:
        """What a release of them opens."""
        return {"n": self.count, "mean": self.mean, "sd": self.sd}


def summaries(statistic: str, columns: Sequence[Column]) -> Summaries:
    """Of the valid rows of each column. Errors as `descriptive.means` and `deviations`; of shared rows as those of
    `mean` and `std`. Raises ShapeError where some columns are private and others shared, or none are numbers."""
    private = [column for column in columns if isinstance(column, PrivateArray)]
    shared = [column for column in columns if isinstance(column, SecretArray) and column.ndim == 1]
    if len(private) == len(columns):
        mean, sd = _beside(means(private)), _beside(deviations(private))
        return Summaries(column_moments(private).count.like(mean), mean, sd)
    if len(shared) == len(columns):
        kept = [column.numeric() for column in shared]
        counts = [column.count() for column in kept]
        return Summaries(_beside(counts), _beside([x.mean() for x in kept]), _beside([x.std() for x in kept]))
    found = ", ".join(repr(column) for column in columns)
    raise ShapeError(f"{statistic}: columns are wanted, all private or all shared, such as table.age; found {found}")


def _beside(numbers: Sequence[SecretArray]) -> SecretArray:
    return concatenate([number.reshape(1) for number in numbers])
