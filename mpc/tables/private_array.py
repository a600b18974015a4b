"""One column of private rows: row-wise operations (`mpc.tables.row_wise`), and reductions over all owners' rows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from mpc.errors import RangeError, ShapeError
from mpc.machine.outside import Part
from mpc.tables import expressions
from mpc.tables.aggregates import Sum
from mpc.tables.counts import Summed, behind, beyond_bins, count_rows, named
from mpc.tables.expressions import both
from mpc.tables.local import share_parts
from mpc.tables.row_wise import RowWise
from mpc.tables.selections import Selection
from mpc.tables.sharing import share_rows
from mpc.values.secret import SecretArray

if TYPE_CHECKING:
    from mpc.machine.operation import Local
    from mpc.releases.disclosure import Result


class PrivateArray(RowWise):
    """One value per row of a table, in the clear at the rows' owners.

    Reductions (`count`, `sum`, `mean`, `std`, …) use the rows where it is not missing and its condition holds, and
    give secrets.
    """

    def count(self) -> SecretArray:
        """The number of rows with a value (that fulfil the condition)."""
        present = expressions.unary("not", expressions.unary("isna", self.expression))
        chosen = Selection(self.source, self.where, (), (self.expression,))
        total = count_rows(self.source, both(self.where, present), chosen=chosen)
        outside = beyond_bins(self.source, [self.expression], self.where)
        return total.standing_on(*total.basis.cohorts, *outside) if outside else total

    def missing(self) -> SecretArray:
        """The number of rows without a value (that fulfil the condition)."""
        missing = expressions.unary("isna", self.expression)
        total = count_rows(self.source, both(self.where, missing), chosen=Selection(self.source, self.where))
        outside = beyond_bins(self.source, [self.expression], self.where)
        if not outside:
            return total  # rows without a value are no group of people
        inside = both(self.where, expressions.unary("not", missing))
        within = count_rows(self.source, inside, f"rows with {self.name}", or_none=True)
        return total.standing_on(*total.basis.cohorts, *outside, *within.basis.cohorts)

    def sum(self) -> SecretArray:
        """Sum of the valid rows, exact for whole numbers. Raises RangeError where it could not be exact."""
        self._need_number("sum")
        source, run = self.source, self.source.run
        local = source.local.ask(Sum([self.expression], self.where))
        exact = Summed(source.at_most, int(max(abs(self.expression.low), abs(self.expression.high), 1)))
        if self.expression.type == "integer" and 2 * exact.bound * len(source.owners) < 1 << run.engine.capacity:
            return self._summed(local, Part("sum", (1,), 0, exact.bound, "int"), exact)
        if self.expression.type == "integer":
            fits = (1 << run.engine.capacity) // (2 * len(source.owners) * exact.limit)
            raise RangeError(
                f"sum of {self.name}: whole numbers up to {exact.limit:,} of {source.at_most:,} rows of each of "
                f"{len(source.owners)} organizations may be too large to be exact; declare rows(at_most=…) of fewer "
                f"than {fits:,} rows or a narrower range, or take the mean"
            )
        expressions.not_too_small(self.name, self.expression, 1e-290)
        limit = float(max(abs(self.expression.low), abs(self.expression.high), 1e-300))
        exponent = int(np.frexp(limit * source.at_most)[1])
        frac = run.engine.capacity - 3 - (len(source.owners) - 1).bit_length() - exponent
        rule = Summed.of(limit, frac, source.at_most)
        return self._summed(local, Part("sum", (1,), frac, rule.bound), rule)

    def _summed(self, local: Local, part: Part, rule: Summed) -> SecretArray:
        count = Part("count", (1,), 0, self.source.at_most, "int")
        total = share_parts(self.source, local, [count, part], rule)["sum"].sum(0).reshape(())
        return total.standing_on(*behind([self]), origin=(f"sum of {named(self)}",))

    def mean(self) -> SecretArray:
        """Mean of the valid rows; undefined without any."""
        return self.source.run.functions.means([self])[0]

    def var(self, ddof: int = 1) -> SecretArray:
        """Variance of the valid rows; undefined with at most `ddof` of them."""
        return self.source.run.functions.variances([self], ddof)[0]

    def std(self, ddof: int = 1) -> SecretArray:
        """Standard deviation of the valid rows; undefined with at most `ddof` of them."""
        return self.source.run.functions.deviations([self], ddof)[0]

    def share(self, *, rows: int) -> SecretArray:
        """All owners' rows as a secret array, each owner's padded to the public number `rows`."""
        return share_rows([self], rows)[0]

    def histogram(self, edges: Sequence[float]) -> Result:
        """Counts of the valid rows in public bins (the last one includes its upper edge)."""
        if self.expression.type == "category":
            raise ShapeError(f'{self.name} is a category: write table.group_by("{self.name}").count()')
        self._need_number("histogram")
        return self.source.run.functions.histogram(self, self._edges(edges))


def unit_exponent(column: PrivateArray) -> tuple[float, int]:
    """A public centre c and exponent b with |x - c| <= 2^b for every value, c a multiple of 2^(b-20).

    Raises RangeError where all values are smaller than 1e-30, and not all 0."""
    expressions.not_too_small(column.name, column.expression, 1e-30)
    low, high = column.expression.low, column.expression.high
    half = max((high - low) / 2, 1e-30)
    exponent = int(np.frexp(half)[1])
    step = float(np.ldexp(1.0, exponent - 20))
    centre = float(np.rint((low + high) / 2 / step) * step)
    if column.expression.type == "integer":
        # A centre far from 0 has no digits for the middle of a narrow range.
        farthest = max(int(high) - math.floor(centre), math.ceil(centre) - int(low))
        if farthest:
            exponent = max(exponent, (farthest - 1).bit_length())
    elif max(abs(high - centre), abs(low - centre)) > np.ldexp(1.0, exponent):
        exponent += 1
    return centre, exponent
