"""One column of private rows: row-wise operations at the owners, and reductions over the rows of all of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from datetime import date
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from mpc.errors import ConfigError, LocalProtocolError, RangeError, ShapeError, ShareNeeded, UnknownLength
from mpc.machine.outside import Part
from mpc.machine.seen import like, shown
from mpc.suggestions import of_rows, wrong
from mpc.tables import expressions
from mpc.tables.aggregates import Sum
from mpc.tables.bins import bin_label, binned, edges_of
from mpc.tables.counts import Summed, behind, beyond_bins, count_rows, named
from mpc.tables.date_expressions import age_at, date_arithmetic, day, month, public_date, year
from mpc.tables.dates import days_of
from mpc.tables.expressions import Expression, both
from mpc.tables.kinds import need_no_key, need_number
from mpc.tables.local import share_parts
from mpc.tables.selections import Selection
from mpc.tables.sharing import share_rows
from mpc.tables.source import Source
from mpc.values.numpy_calls import refused_by_numpy
from mpc.values.secret import SecretArray

if TYPE_CHECKING:
    from mpc.machine.operation import Local
    from mpc.releases.disclosure import Result


class PrivateArray:
    """One value per row of a table, in the clear at the rows' owners.

    Reductions (`count`, `sum`, `mean`, `std`, …) use the rows where it is not missing and its condition holds, and
    give secrets.
    """

    __array_ufunc__ = None
    __array_function__ = refused_by_numpy
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, source: Source, expression: Expression, name: str, where: Expression | None = None) -> None:
        self.source = source
        self.expression = expression
        self.name = name
        self.where = where

    @property
    def unit(self) -> str:
        """The declared unit, where the column is a source column."""
        if self.expression.column:
            return str(getattr(self.source.schema[self.expression.column], "unit", ""))
        return ""

    @property
    def shape(self) -> NoReturn:
        """Raises UnknownLength: the number of rows is not public."""
        raise UnknownLength(f"{self.name}: the number of rows is not public; `count()` gives it as a secret")

    def __len__(self) -> NoReturn:
        raise UnknownLength(f"{self.name}: the number of rows is not public; `count()` gives it as a secret")

    def __bool__(self) -> NoReturn:
        raise LocalProtocolError(
            f"{self.name}: rows have no truth value here; select them with table[condition]. Combine flags with & | ~, "
            "and write a < x < b as (a < x) & (x < b)"
        )

    def __format__(self, how: str) -> NoReturn:
        raise LocalProtocolError(f"{self.name}: rows have no text here; {{x!r}} shows what is public of them")

    def __repr__(self) -> str:
        return f"<private {self.name}, one {self.expression.type} a row>"

    # ---- row by row
    def _derived(self, expression: Expression, name: str, *others: PrivateArray) -> PrivateArray:
        where = self.where
        for other in others:
            where = both(where, other.where)
        return PrivateArray(self.source, expression, name, where)

    def _other(self, other: Any, symbol: str) -> tuple[Expression, str, tuple[PrivateArray, ...]]:
        if isinstance(other, SecretArray):
            raise ShareNeeded(
                f"{self.name} {symbol} a secret: the rows would have to leave their owners "
                f"(8 bytes a row to each of two parties). Reduce them first, or say `share()`."
            )
        if isinstance(other, PrivateArray):
            if other.source is not self.source:
                raise ShapeError(f"{self.name} {symbol} {other.name}: rows of different tables; join them first")
            if symbol != "[]" and self.expression.levels != other.expression.levels:
                raise ShapeError(f"{self.name} {symbol} {other.name}: categories compare if they have the same levels")
            if symbol != "[]":
                need_no_key(other.name, other.expression.type)
            return other.expression, other.name, (other,)
        if isinstance(other, date) or (isinstance(other, str) and self.expression.type == "date"):
            constant = public_date(days_of(other, f"{self.name} {symbol} {other!r}"))
            return constant, constant.text, ()
        if isinstance(other, str):
            if self.expression.type != "category":
                flag = f"; of a flag write {self.name}, or ~{self.name}" if self.expression.type == "flag" else ""
                raise ShapeError(f"{self.name} {symbol} {other!r}: only a category compares with a level{flag}")
            if other not in self.expression.levels:
                raise ConfigError(f"{self.name}: no level {other!r}; it has {', '.join(self.expression.levels)}")
            place = self.expression.levels.index(other)
            return expressions.public(place), shown(self.expression.levels[place], repr), ()
        if self.expression.type == "category":
            raise ShapeError(f"{self.name} {symbol} {other!r}: a category compares with one of its levels, by name")
        exact = self.expression.type in ("integer", "date")
        if exact and isinstance(other, int | np.integer) and not isinstance(other, bool):
            return expressions.public(like(int(other), other)), shown(other), ()
        array = np.asarray(other)
        if array.shape != () or array.dtype.kind not in "iubf":
            what = "rows combine with a number or another column of the table"
            raise ShapeError(f"{self.name} {symbol}: {what}{wrong(other)}")
        return expressions.public(like(float(array), other)), shown(other), ()

    def _arithmetic(self, symbol: str, other: Any, swap: bool = False) -> PrivateArray:
        if self.expression.type != "date":
            self._need_number(symbol)
        expression, name, others = self._other(other, symbol)
        a, b = (expression, self.expression) if swap else (self.expression, expression)
        left, right = (name, self.name) if swap else (self.name, name)
        compute = date_arithmetic if "date" in (a.type, b.type) else expressions.arithmetic
        return self._derived(compute(symbol, a, b), f"({left} {symbol} {right})", *others)

    def __add__(self, other: Any) -> PrivateArray:
        return self._arithmetic("+", other)

    def __radd__(self, other: Any) -> PrivateArray:
        return self._arithmetic("+", other, swap=True)

    def __sub__(self, other: Any) -> PrivateArray:
        return self._arithmetic("-", other)

    def __rsub__(self, other: Any) -> PrivateArray:
        return self._arithmetic("-", other, swap=True)

    def __mul__(self, other: Any) -> PrivateArray:
        return self._arithmetic("*", other)

    def __rmul__(self, other: Any) -> PrivateArray:
        return self._arithmetic("*", other, swap=True)

    def __truediv__(self, other: Any) -> PrivateArray:
        return self._arithmetic("/", other)

    def __rtruediv__(self, other: Any) -> PrivateArray:
        return self._arithmetic("/", other, swap=True)

    def _need_number(self, what: str) -> None:
        need_number(self.name, self.expression.type, what)

    def _unary(self, operation: str, name: str) -> PrivateArray:
        self._need_number(operation)
        return self._derived(expressions.unary(operation, self.expression), name)

    def __neg__(self) -> PrivateArray:
        return self._unary("negative", f"-{self.name}")

    def __abs__(self) -> PrivateArray:
        return self._unary("absolute", f"|{self.name}|")

    def log(self) -> PrivateArray:
        """Natural logarithm of each row; the range must be positive."""
        return self._unary("log", f"log {self.name}")

    def exp(self) -> PrivateArray:
        """e to the power of each row."""
        return self._unary("exp", f"exp {self.name}")

    def sqrt(self) -> PrivateArray:
        """Square root of each row; the range must not be negative."""
        return self._unary("sqrt", f"sqrt {self.name}")

    def clip(self, low: float, high: float) -> PrivateArray:
        """Each value moved into [low, high]."""
        self._need_number("clip")
        if self.source.run.standing_in:
            low, high = min(low, high), max(low, high)
        return self._derived(expressions.clipped(self.expression, low, high), self.name)

    def isna(self) -> PrivateArray:
        """A flag: the row is missing."""
        return self._derived(expressions.unary("isna", self.expression), f"{self.name} missing")

    def cut(self, edges: Sequence[float], labels: Sequence[str] | None = None) -> PrivateArray:
        """A category: the bin [edge, next edge) of each row (the last one includes its upper edge)."""
        self._need_number("cut")
        limits = self._edges(edges)
        if len(limits) < 2 or not all(a < b for a, b in pairwise(limits)):
            raise ConfigError(f"{self.name}: bin edges must ascend")
        names = tuple(labels) if labels is not None else tuple(bin_label(a, b) for a, b in pairwise(limits))
        if len(names) != len(limits) - 1:
            raise ConfigError(f"{self.name}: {len(limits) - 1} bins and {len(names)} labels")
        return self._derived(binned(self.expression, limits, names), self.name)

    @property
    def year(self) -> PrivateArray:
        """Of a date: its year."""
        return self._of_date("year", year)

    @property
    def month(self) -> PrivateArray:
        """Of a date: its month, 1 to 12."""
        return self._of_date("month", month)

    @property
    def day(self) -> PrivateArray:
        """Of a date: its day in the month, 1 to 31."""
        return self._of_date("day", day)

    def _of_date(self, what: str, part: Callable[[Expression], Expression]) -> PrivateArray:
        if self.expression.type != "date":
            raise ShapeError(f"{self.name}.{what}: {self.name} is no date")
        return self._derived(part(self.expression), f"{what} of {self.name}")

    def age_at(self, day: date | str | PrivateArray) -> PrivateArray:
        """Of dates of birth: the years completed at a day (an ISO text, a date, or a column of dates of the table).

        Who was born on 29 February completes a year on 1 March in years without that day.
        """
        if self.expression.type != "date":
            raise ShapeError(f"{self.name}.age_at: {self.name} is no date")
        expression, name, others = self._other(day, "age at")
        if expression.type != "date":
            raise ShapeError(f'{self.name}.age_at({name}): at a date, like "2020-01-31", or a Date of the table')
        return self._derived(age_at(self.expression, expression), f"age of {self.name} at {name}", *others)

    def _compare(self, symbol: str, other: Any) -> PrivateArray:
        need_no_key(self.name, self.expression.type)
        expression, name, others = self._other(other, symbol)
        if (self.expression.type == "date") != (expression.type == "date"):
            raise ShapeError(f'{self.name} {symbol} {name}: a date compares with a date, like "2020-01-31"')
        flag = expressions.comparison(symbol, self.expression, expression)
        return self._derived(flag, f"{self.name} {symbol} {name}", *others)

    def __lt__(self, other: Any) -> PrivateArray:
        return self._compare("<", other)

    def __le__(self, other: Any) -> PrivateArray:
        return self._compare("<=", other)

    def __gt__(self, other: Any) -> PrivateArray:
        return self._compare(">", other)

    def __ge__(self, other: Any) -> PrivateArray:
        return self._compare(">=", other)

    def __eq__(self, other: object) -> PrivateArray:  # type: ignore[override]
        return self._compare("==", other)

    def __ne__(self, other: object) -> PrivateArray:  # type: ignore[override]
        return self._compare("!=", other)

    def _logic(self, symbol: str, other: Any) -> PrivateArray:
        if not isinstance(other, PrivateArray) or {self.expression.type, other.expression.type} != {"flag"}:
            raise ShapeError(f"{symbol} joins flags: use it between comparisons or Flag columns of one table")
        expression, name, others = self._other(other, symbol)
        return self._derived(
            expressions.logical(symbol, self.expression, expression), f"({self.name} {symbol} {name})", *others
        )

    def __and__(self, other: Any) -> PrivateArray:
        return self._logic("&", other)

    def __or__(self, other: Any) -> PrivateArray:
        return self._logic("|", other)

    def __xor__(self, other: Any) -> PrivateArray:
        return self._logic("^", other)

    def __invert__(self) -> PrivateArray:
        if self.expression.type != "flag":
            raise ShapeError("~ is for flags")
        return self._derived(expressions.unary("not", self.expression), f"not {self.name}")

    def __getitem__(self, condition: Any) -> PrivateArray:
        if not isinstance(condition, PrivateArray) or condition.expression.type != "flag":
            raise ShapeError(f"{self.name}[…]: select rows with a flag of the same table")
        _, _, others = self._other(condition, "[]")
        where = both(both(self.where, condition.expression), condition.where)
        del others
        return PrivateArray(self.source, self.expression, self.name, where)

    def __iter__(self) -> NoReturn:
        raise ShapeError(
            f"{self.name}: rows cannot be gone through one by one, as a loop, list(), set(), sum(), max(), min() and "
            "sorted() do. Write row-wise operations (column * 2, .cut(edges), …) and reductions (.sum(), .mean(), "
            f".count(), .histogram(edges), …). For max(): {of_rows('max', shared=False)}"
        )

    # ---- over all owners' rows
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

    def _edges(self, edges: Sequence[float]) -> tuple[float, ...]:
        """Bin edges; where a plan has stand-ins for numbers, edges that ascend."""
        limits = edges_of(self.name, edges, exact=self.expression.type == "integer")
        if not self.source.run.standing_in:
            return limits
        ascending = list(limits)
        for k in range(1, len(ascending)):
            if not ascending[k - 1] < ascending[k]:
                ascending[k] = like(ascending[k - 1] + 1, ascending[k])
        return tuple(ascending)


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
