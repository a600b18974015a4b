"""What is computed row by row of a private column, at the owners of the rows and from public declarations."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from itertools import pairwise
from typing import Any, NoReturn, Self

import numpy as np

from mpc.errors import ConfigError, LocalProtocolError, ShapeError, ShareNeeded, UnknownLength
from mpc.machine.seen import like, shown
from mpc.suggestions import of_rows, wrong
from mpc.tables import expressions
from mpc.tables.bins import bin_label, binned, edges_of
from mpc.tables.date_expressions import age_at, date_arithmetic, date_edges, date_label, day, month, public_date, year
from mpc.tables.dates import days_of
from mpc.tables.expressions import Expression, both
from mpc.tables.filling import filled
from mpc.tables.kinds import need_no_key, need_number
from mpc.tables.schema import Limit
from mpc.tables.source import Source
from mpc.values.numpy_calls import refused_by_numpy
from mpc.values.secret import SecretArray


class RowWise:
    """One value per row of a table: operators and methods that give such a column again."""

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

    def _derived(self, expression: Expression, name: str, *others: RowWise) -> Self:
        where = self.where
        for other in others:
            where = both(where, other.where)
        return type(self)(self.source, expression, name, where)

    def _other(self, other: Any, symbol: str) -> tuple[Expression, str, tuple[RowWise, ...]]:
        if isinstance(other, SecretArray):
            raise ShareNeeded(
                f"{self.name} {symbol} a secret: the rows would have to leave their owners "
                f"(8 bytes a row to each of two parties). Reduce them first, or say `share()`."
            )
        if isinstance(other, RowWise):
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

    def _arithmetic(self, symbol: str, other: Any, swap: bool = False) -> Self:
        if self.expression.type != "date":
            self._need_number(symbol)
        expression, name, others = self._other(other, symbol)
        a, b = (expression, self.expression) if swap else (self.expression, expression)
        left, right = (name, self.name) if swap else (self.name, name)
        compute = date_arithmetic if "date" in (a.type, b.type) else expressions.arithmetic
        return self._derived(compute(symbol, a, b), f"({left} {symbol} {right})", *others)

    def __add__(self, other: Any) -> Self:
        return self._arithmetic("+", other)

    def __radd__(self, other: Any) -> Self:
        return self._arithmetic("+", other, swap=True)

    def __sub__(self, other: Any) -> Self:
        return self._arithmetic("-", other)

    def __rsub__(self, other: Any) -> Self:
        return self._arithmetic("-", other, swap=True)

    def __mul__(self, other: Any) -> Self:
        return self._arithmetic("*", other)

    def __rmul__(self, other: Any) -> Self:
        return self._arithmetic("*", other, swap=True)

    def __truediv__(self, other: Any) -> Self:
        return self._arithmetic("/", other)

    def __rtruediv__(self, other: Any) -> Self:
        return self._arithmetic("/", other, swap=True)

    def _need_number(self, what: str) -> None:
        need_number(self.name, self.expression.type, what)

    def _unary(self, operation: str, name: str) -> Self:
        self._need_number(operation)
        return self._derived(expressions.unary(operation, self.expression), name)

    def __neg__(self) -> Self:
        return self._unary("negative", f"-{self.name}")

    def __abs__(self) -> Self:
        return self._unary("absolute", f"|{self.name}|")

    def log(self) -> Self:
        """Natural logarithm of each row; the range must be positive."""
        return self._unary("log", f"log {self.name}")

    def exp(self) -> Self:
        """e to the power of each row."""
        return self._unary("exp", f"exp {self.name}")

    def sqrt(self) -> Self:
        """Square root of each row; the range must not be negative."""
        return self._unary("sqrt", f"sqrt {self.name}")

    def clip(self, low: float, high: float) -> Self:
        """Each value moved into [low, high]."""
        self._need_number("clip")
        if self.source.run.standing_in:
            low, high = min(low, high), max(low, high)
        return self._derived(expressions.clipped(self.expression, low, high), self.name)

    def isna(self) -> Self:
        """A flag: the row is missing."""
        return self._derived(expressions.unary("isna", self.expression), f"{self.name} missing")

    def fillna(self, value: Any) -> Self:  # Any: a number, a level, a day, or a column, by the kind of this one
        """The same values; where a row has none, the public `value`, or that of another column of the table.

        value  a number, also of an awaited release, such as a mean; of a category a level, of a date a day, of a flag
               True or False; or a column

        A release about it needs none or enough rows without a value of their own, and with one.
        Raises ShapeError for another kind of value; ConfigError for no level.
        """
        need_no_key(self.name, self.expression.type)
        if isinstance(value, bool) and self.expression.type != "flag":
            raise ShapeError(f"{self.name}.fillna({value!r}): True and False fill a flag")
        expression, name, others = self._other(value, "fillna")
        return self._derived(filled(self.expression, expression), f"({self.name}, else {name})", *others)

    def cut(self, edges: Sequence[Limit], labels: Sequence[str] | None = None) -> Self:
        """A category: the bin [edge, next edge) of each row (the last one includes its upper edge).

        edges  numbers; of a date dates, or ISO texts
        """
        is_date = self.expression.type == "date"
        if not is_date:
            self._need_number("cut")
        limits = date_edges(self.name, edges) if is_date else self._edges(edges)
        if len(limits) < 2 or not all(a < b for a, b in pairwise(limits)):
            raise ConfigError(f"{self.name}: bin edges must ascend")
        label = date_label if is_date else bin_label
        names = tuple(labels) if labels is not None else tuple(label(a, b) for a, b in pairwise(limits))
        if len(names) != len(limits) - 1:
            raise ConfigError(f"{self.name}: {len(limits) - 1} bins and {len(names)} labels")
        return self._derived(binned(self.expression, limits, names), self.name)

    @property
    def year(self) -> Self:
        """Of a date: its year."""
        return self._of_date("year", year)

    @property
    def month(self) -> Self:
        """Of a date: its month, 1 to 12."""
        return self._of_date("month", month)

    @property
    def day(self) -> Self:
        """Of a date: its day in the month, 1 to 31."""
        return self._of_date("day", day)

    def _of_date(self, what: str, part: Callable[[Expression], Expression]) -> Self:
        if self.expression.type != "date":
            raise ShapeError(f"{self.name}.{what}: {self.name} is no date")
        return self._derived(part(self.expression), f"{what} of {self.name}")

    def age_at(self, day: date | str | RowWise) -> Self:
        """Of dates of birth: the years completed at a day (an ISO text, a date, or a column of dates of the table).

        Who was born on 29 February completes a year on 1 March in years without that day.
        """
        if self.expression.type != "date":
            raise ShapeError(f"{self.name}.age_at: {self.name} is no date")
        expression, name, others = self._other(day, "age at")
        if expression.type != "date":
            raise ShapeError(f'{self.name}.age_at({name}): at a date, like "2020-01-31", or a Date of the table')
        return self._derived(age_at(self.expression, expression), f"age of {self.name} at {name}", *others)

    def _compare(self, symbol: str, other: Any) -> Self:
        need_no_key(self.name, self.expression.type)
        expression, name, others = self._other(other, symbol)
        if (self.expression.type == "date") != (expression.type == "date"):
            raise ShapeError(f'{self.name} {symbol} {name}: a date compares with a date, like "2020-01-31"')
        flag = expressions.comparison(symbol, self.expression, expression)
        return self._derived(flag, f"{self.name} {symbol} {name}", *others)

    def __lt__(self, other: Any) -> Self:
        return self._compare("<", other)

    def __le__(self, other: Any) -> Self:
        return self._compare("<=", other)

    def __gt__(self, other: Any) -> Self:
        return self._compare(">", other)

    def __ge__(self, other: Any) -> Self:
        return self._compare(">=", other)

    def __eq__(self, other: object) -> Self:  # type: ignore[override]
        return self._compare("==", other)

    def __ne__(self, other: object) -> Self:  # type: ignore[override]
        return self._compare("!=", other)

    def _logic(self, symbol: str, other: Any) -> Self:
        if not isinstance(other, RowWise) or {self.expression.type, other.expression.type} != {"flag"}:
            raise ShapeError(f"{symbol} joins flags: use it between comparisons or Flag columns of one table")
        expression, name, others = self._other(other, symbol)
        return self._derived(
            expressions.logical(symbol, self.expression, expression), f"({self.name} {symbol} {name})", *others
        )

    def __and__(self, other: Any) -> Self:
        return self._logic("&", other)

    def __or__(self, other: Any) -> Self:
        return self._logic("|", other)

    def __xor__(self, other: Any) -> Self:
        return self._logic("^", other)

    def __invert__(self) -> Self:
        if self.expression.type != "flag":
            raise ShapeError("~ is for flags")
        return self._derived(expressions.unary("not", self.expression), f"not {self.name}")

    def __getitem__(self, condition: Any) -> Self:
        if not isinstance(condition, RowWise) or condition.expression.type != "flag":
            raise ShapeError(f"{self.name}[…]: select rows with a flag of the same table")
        _, _, others = self._other(condition, "[]")
        where = both(both(self.where, condition.expression), condition.where)
        del others
        return type(self)(self.source, self.expression, self.name, where)

    def __iter__(self) -> NoReturn:
        raise ShapeError(
            f"{self.name}: rows cannot be gone through one by one, as a loop, list(), set(), sum(), max(), min() and "
            "sorted() do. Write row-wise operations (column * 2, .cut(edges), …) and reductions (.sum(), .mean(), "
            f".count(), .histogram(edges), …). For max(): {of_rows('max', shared=False)}"
        )

    def _edges(self, edges: Sequence[Limit]) -> tuple[float, ...]:
        """Bin edges; where a plan has stand-ins for numbers, edges that ascend."""
        limits = edges_of(self.name, edges, exact=self.expression.type == "integer")
        if not self.source.run.standing_in:
            return limits
        ascending = list(limits)
        for k in range(1, len(ascending)):
            if not ascending[k - 1] < ascending[k]:
                ascending[k] = like(ascending[k - 1] + 1, ascending[k])
        return tuple(ascending)
