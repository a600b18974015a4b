"""Row-wise expressions as Ibis expressions, for databases that compute them beside the rows.

`compiled` says an expression of `mpc.tables` over columns that hold its values in a database:

    real      float64, NULL where there is no value; never NaN
    integer   int64, NULL where there is no value
    flag      boolean, NULL where there is no value
    category  int64, the index of the level; NULL where there is no value
    date      int64, days since 1970-01-01; NULL where there is no value

The result has the same form and, bit by bit, the same values as NumPy gives: IEEE arithmetic is the same everywhere,
and a result is NULL where an argument is. So SQL's own `and` and `or` are used at the top of a condition only: FALSE
AND NULL is FALSE, but a flag that is made from a missing value is missing.

Left out, with NotInSQL: functions without a name (`mpc.tables.expressions.OPERATIONS`), and logarithms and exponentials
inside of a comparison or a bin, since libraries differ in their last digit, and so would counts.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping, Sequence

from mpc.machine.seen import plain
from mpc.tables import whole
from mpc.tables.expressions import WHOLE, Expression
from mpc.untyped import Opaque

#: An Ibis expression: a column, or one value of all rows.
Column = Opaque

_BINARY: dict[str, Callable[[Column, Column], Column]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
}
_COMPARE: dict[str, Callable[[Column, Column], Column]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
}
#: Functions that libraries compute with different last digits.
_ROUNDED = ("log", "exp")
#: So many bins of a number are told apart in SQL.
MOST_BINS = 256


class NotInSQL(Exception):
    """What cannot be said in SQL with the same meaning; the text says why."""


def compiled(expression: Expression, columns: Mapping[str, Column]) -> Column:
    """The expression over `columns`, by their names, in the form above. Raises NotInSQL."""
    return Compiler(columns).value(expression)


def real(number: float) -> Column:
    """A float64 with all its digits: a database would read 0.1 as a decimal. "…" for NaN, where SQL is shown."""
    import ibis

    if math.isnan(number):
        return ibis.literal("…").cast("float64")
    if float(number).is_integer() and abs(number) <= whole.EXACT:
        return ibis.literal(int(number), "int64").cast("float64")
    return ibis.literal(repr(float(number))).cast("float64")


class Compiler:
    """Compiles expressions over the same columns; common parts once."""

    def __init__(self, columns: Mapping[str, Column]) -> None:
        self._columns = columns
        self._known: dict[bytes, Column] = {}

    def value(self, a: Expression) -> Column:
        """Of each row: its value, NULL where it is missing."""
        if a.function is None:
            if a.column not in self._columns:
                raise NotInSQL(f"column {a.column} is read by this party")
            return self._columns[a.column]
        if a.digest not in self._known:
            self._known[a.digest] = self._computed(a)
        return self._known[a.digest]

    def number(self, a: Expression) -> Column:
        """The value as float64 or int64: a flag as 1 and 0."""
        value = self.value(a)
        if a.type == "flag":
            return value.cast("int32").cast("float64")  # PostgreSQL casts booleans to int32 only
        return value.cast("float64") if a.type == "category" else value

    def truth(self, a: Expression) -> Column:
        """Whether the flag is 1, as a condition: where it is missing, NULL or FALSE."""
        if a.operation == "&":
            left, right = a.arguments
            return self.truth(left) & self.truth(right)
        return self.value(a)

    def _computed(self, a: Expression) -> Column:
        import ibis

        operation, arguments = a.operation, a.arguments
        if operation == "constant":
            if a.type in WHOLE:
                return ibis.literal(int(whole.threshold("==", plain(a.low))), "int64")
            return real(plain(a.low))
        if operation in _BINARY:
            return _BINARY[operation](*map(self.number, arguments))
        if operation in _COMPARE:
            return _COMPARE[operation](*self._sides(*arguments))
        if operation in ("&", "|", "^"):
            return self._joined(operation, *arguments)
        if operation == "not":
            return ~self.value(arguments[0])
        if operation == "isna":
            return self.value(arguments[0]).isnull()
        if operation == "fulfilled":
            return ibis.coalesce(self.truth(arguments[0]), ibis.literal(False))
        if operation == "bin":
            return self._bin(a)
        if operation == "clip":
            return self._clip(a)
        if operation == "fill":
            return ibis.coalesce(*(self._of_type(argument, a.type) for argument in arguments))
        x: Column = self.number(arguments[0]) if arguments else None
        if operation in ("year", "month", "day", "age"):
            return self._of_dates(operation, arguments)
        if operation == "as real":
            return x.cast("float64")
        if operation == "as whole":
            return self.value(arguments[0]).cast("int32").cast("int64")
        functions: dict[str, Callable[[], Column]] = {
            "negative": lambda: -x,
            "absolute": lambda: x.abs(),
            "log": lambda: x.ln(),
            "exp": lambda: x.exp(),
            "sqrt": lambda: x.sqrt(),
        }
        if operation not in functions:
            raise NotInSQL(f"no SQL computes {a.text}")
        return functions[operation]()

    def _of_dates(self, operation: str, arguments: Sequence[Expression]) -> Column:
        from parties.data.pushdown import calendar

        days = [self.value(argument) for argument in arguments]
        if operation == "age":
            return calendar.ages(days[0], arguments[1], days[1])
        return calendar.civil(days[0])[("year", "month", "day").index(operation)]

    def _sides(self, a: Expression, b: Expression) -> tuple[Column, Column]:
        """Both sides of a comparison; a level as a whole number."""
        import ibis

        _same_digits(a)
        _same_digits(b)
        if a.type == "category" and b.operation == "constant" and float(b.low).is_integer():
            return self.value(a), ibis.literal(int(b.low), "int64")
        return self.number(a), self.number(b)

    def _joined(self, symbol: str, a: Expression, b: Expression) -> Column:
        """and, or, exclusive or; NULL where a side is."""
        import ibis

        x, y = self.value(a), self.value(b)
        if symbol == "^":
            return x != y
        joined = x & y if symbol == "&" else x | y
        if _always(a) and _always(b):
            return joined
        return ibis.cases((x.notnull() & y.notnull(), joined))

    def _bin(self, a: Expression) -> Column:
        """The index of the bin; the last one includes its upper edge."""
        import ibis

        (number,) = a.arguments
        _same_digits(number)
        if len(a.edges) > MOST_BINS + 1:
            raise NotInSQL(f"{a.text}: more than {MOST_BINS} bins")
        x, edges = self.number(number), [plain(edge) for edge in a.edges]
        first, *above = edges
        if number.type in WHOLE:
            limits = [(ibis.literal(whole.threshold(">=", edge), "int64"), operator.lt) for edge in above]
            limits[-1] = ibis.literal(whole.threshold("<=", edges[-1]), "int64"), operator.le
            lowest = ibis.literal(whole.threshold(">=", first), "int64")
        else:
            limits = [(real(edge), operator.lt) for edge in above]
            limits[-1] = limits[-1][0], operator.le
            lowest = real(first)
        below = (x < lowest, ibis.null("int64"))
        arms = [(compare(x, limit), ibis.literal(k, "int64")) for k, (limit, compare) in enumerate(limits)]
        return ibis.cases(below, *arms)

    def _of_type(self, a: Expression, kind: str) -> Column:
        """The value; a constant in the form of columns of this type."""
        import ibis

        if a.operation != "constant" or kind not in ("flag", "category"):
            return self.value(a)
        return ibis.literal(bool(a.low)) if kind == "flag" else ibis.literal(int(a.low), "int64")

    def _clip(self, a: Expression) -> Column:
        import ibis

        assert a.clip is not None
        x, exact = self.number(a.arguments[0]), a.type == "integer"
        low, high = (plain(limit) for limit in a.clip)
        to = (lambda limit: ibis.literal(int(limit), "int64")) if exact else real
        arms = []
        if math.isfinite(low):
            arms.append((x < to(low), to(low)))
        if math.isfinite(high):
            arms.append((x > to(high), to(high)))
        return ibis.cases(*arms, else_=x) if arms else x


def _always(a: Expression) -> bool:
    """Whether a flag is never missing."""
    return a.operation in ("isna", "fulfilled") or (
        a.operation in ("not", "&", "|", "^") and all(map(_always, a.arguments))
    )


def _same_digits(a: Expression) -> None:
    """Raise NotInSQL for numbers whose last digit depends on the library."""
    if a.operation in _ROUNDED:
        raise NotInSQL(f"{a.text} is compared with limits, and its last digit depends on the library")
    for argument in a.arguments:
        _same_digits(argument)
