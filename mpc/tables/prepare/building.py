"""Queries from what a script asks for: their schemas and limits, and errors that teach."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from mpc.errors import ConfigError, RangeError, ShapeError
from mpc.suggestions import also, closest
from mpc.tables import whole
from mpc.tables.dates import DateColumn
from mpc.tables.expressions import Expression
from mpc.tables.keys import KeyColumn
from mpc.tables.noise import noisy
from mpc.tables.prepare.nodes import Aggregate, How, Join, Measure, Ordered, Query, Select, Statistic
from mpc.tables.schema import CategoryColumn, Column, FlagColumn, IntegerColumn, RealColumn, Schema
from mpc.tables.texts import TextColumn
from mpc.untyped import Anything

#: Kinds of column but keys and texts, whose values nobody may learn.
_VALUES: tuple[type[Column], ...] = (RealColumn, IntegerColumn, FlagColumn, CategoryColumn, DateColumn)
#: Statistic -> the kinds of column that it takes.
_TAKES: dict[str, tuple[type[Column], ...]] = {
    "sum": (RealColumn, IntegerColumn, FlagColumn),
    "mean": (RealColumn, IntegerColumn, FlagColumn),
    "min": (RealColumn, IntegerColumn, DateColumn),
    "max": (RealColumn, IntegerColumn, DateColumn),
    "median": (RealColumn, IntegerColumn),
    "count": (Column,),
    "nunique": (*_VALUES, KeyColumn),
    "any": (FlagColumn,),
    "all": (FlagColumn,),
    "first": _VALUES,
    "last": _VALUES,
}
_EXAMPLE = 'agg(total=("income", "sum"), n="count", latest=("income", "last", "on"))'


def column_of(name: str, expression: Expression, declared: Column | None) -> Column:
    """The column that a row-wise expression makes; `declared`: the source column that it is, which has a unit."""
    unit = str(getattr(declared, "unit", ""))
    if expression.type == "flag":
        return FlagColumn(name)
    if expression.type == "category":
        return CategoryColumn(name, levels=expression.levels)
    if expression.type == "integer":
        return IntegerColumn(name, minimum=int(expression.low), maximum=int(expression.high), unit=unit)
    if expression.type == "date":
        return DateColumn(name, minimum=int(expression.low), maximum=int(expression.high))
    if isinstance(declared, KeyColumn | TextColumn):
        return replace(declared, name=name, missing=())
    return RealColumn(name, minimum=expression.low, maximum=expression.high, unit=unit)


def select(source: Query, where: Expression | None, columns: Mapping[str, Expression]) -> Select:
    """The rows and columns of a private table, as the input of a further query."""
    for name, expression in columns.items():
        if noisy(expression) or (where is not None and noisy(where)):
            raise ShapeError(f"{name} is imputed: rows with imputed values stay as they are. share() them first")
    declared = {column.name: column for column in source.schema.columns}
    made = tuple(column_of(name, e, declared.get(e.column)) for name, e in columns.items())
    words = source.name
    if where is not None:
        words += f" where {where.text.removeprefix('(').removesuffix(')')}"
    return Select(Schema(words, made), source.most, source, where, tuple(columns.items()))


def narrowed(source: Select, names: Sequence[str]) -> Select:
    """The same rows with the columns `names` alone, so that no others are read."""
    schema = Schema(source.name, tuple(column for column in source.schema.columns if column.name in names))
    return replace(source, schema=schema, columns=tuple(made for made in source.columns if made[0] in names))


def grouped(
    source: Select,
    by: Sequence[str],
    asked: Mapping[str, Anything],
    most_per_key: int | None,
    within: Mapping[str, tuple[float, float]],
) -> Aggregate:
    """One row for each key, with the measures `asked`: name -> what `agg` takes."""
    most = source.most if most_per_key is None else min(most_per_key, source.most)
    if not asked:
        raise ConfigError(f"agg: say what each group gives, like {_EXAMPLE}")
    for name in within:
        if name not in asked:
            raise ConfigError(f"agg(within=…): no measure {name!r}; there are {', '.join(asked)}")
    for name in asked:
        if name in by:
            raise ConfigError(f"agg: {name} is a column of the key already; give the measure another name")
    measures = tuple(_measure(source, name, what, most, within.get(name)) for name, what in asked.items())
    keys = tuple(_unique(source.schema[name], len(by) == 1) for name in by)
    schema = Schema(f"{source.name}, by {_joined_words(by)}", (*keys, *(m.result for m in measures)))
    needed = [*by, *(name for m in measures for name in (m.column, m.order))]
    return Aggregate(schema, source.most, narrowed(source, needed), tuple(by), measures, most_per_key)


def _unique(column: Column, unique: bool) -> Column:
    """A column whose keys, if it is of keys, occur once each, or may occur again."""
    return replace(column, unique=unique) if isinstance(column, KeyColumn) else column


def _measure(source: Select, name: str, what: Anything, most: int, within: tuple[float, float] | None) -> Measure:
    if what == "count":
        return Measure("rows", "", "", IntegerColumn(name, minimum=0, maximum=most))
    if not isinstance(what, tuple) or len(what) not in (2, 3) or not all(isinstance(part, str) for part in what):
        raise ConfigError(f"agg: {name}={what!r}; expected a column and a statistic, like {_EXAMPLE}")
    column, statistic, *order = what
    if statistic not in _TAKES:
        meant = also(closest(statistic, _TAKES))
        raise ConfigError(f"agg: {name}: no statistic {statistic!r}; there are {', '.join(_TAKES)}{meant}")
    if (statistic in ("first", "last")) != bool(order):
        if order:
            raise ConfigError(f"agg: {name}: only first and last take a column that orders the rows")
        raise ConfigError(
            f'agg: {name}: rows have no order of their own; name the column that orders them: ("{column}", '
            f'"{statistic}", "COLUMN")'
        )
    of = source.schema[column]
    for needed in order:
        _need_order(source, needed, f"agg: {name}")
    if not isinstance(of, _TAKES[statistic]):
        raise ShapeError(f"agg: {name}: a {statistic} of {column}, which is {_kind(of)}")
    result = _result(name, of, statistic, most, within)
    return Measure(statistic, column, order[0] if order else "", result)


def _kind(column: Column) -> str:
    kinds: dict[type[Column], str] = {
        FlagColumn: "a flag", CategoryColumn: "a category", IntegerColumn: "a whole number", DateColumn: "a date",
        KeyColumn: "a key", TextColumn: "a text",
    }  # fmt: skip
    return kinds.get(type(column), "a number")


def _result(name: str, of: Column, statistic: Statistic, most: int, within: tuple[float, float] | None) -> Column:
    """The column of a measure, whose range follows from that of its column."""
    unit = str(getattr(of, "unit", ""))
    if statistic in ("any", "all"):
        return _stated(FlagColumn(name), within)
    if statistic in ("count", "nunique"):
        return _stated(IntegerColumn(name, minimum=0, maximum=most), within)
    if statistic == "sum":
        if isinstance(of, RealColumn):
            low, high = min(0.0, of.low * most), max(0.0, of.high * most)
            return _stated(RealColumn(name, minimum=float(low), maximum=float(high), unit=unit), within)
        least, largest = min(0, int(of.low) * most), max(0, int(of.high) * most)
        if within is not None:
            return _stated(IntegerColumn(name, unit=unit), within)
        if max(-least, largest) > whole.LARGEST:
            raise RangeError(
                f"agg: {name}: sums of whole numbers up to {max(-of.low, of.high):,} of up to {most:,} rows of one key "
                "may be beyond ± 2^61: say how many rows a key has at most, with group_by(at_most_per_key=…), or the "
                f"range of the sums, with agg(within={{{name!r}: (low, high)}}); their owner checks it"
            )
        return IntegerColumn(name, minimum=least, maximum=largest, unit=unit)
    if statistic in ("mean", "median"):
        if isinstance(of, IntegerColumn) and max(-of.low, of.high) > whole.EXACT:
            raise RangeError(f"agg: {name}: whole numbers beyond 2^53 would be rounded for a {statistic}")
        return _stated(RealColumn(name, minimum=float(of.low), maximum=float(of.high), unit=unit), within)
    if isinstance(of, RealColumn | IntegerColumn | DateColumn):
        return _stated(replace(of, name=name, missing=()), within)
    return _stated(FlagColumn(name) if isinstance(of, FlagColumn) else CategoryColumn(name, levels=_levels(of)), within)


def _levels(column: Column) -> tuple[str, ...]:
    return column.levels if isinstance(column, CategoryColumn) else ()


def _stated(column: Column, within: tuple[float, float] | None) -> Column:
    """The column with the range that the script states."""
    return column if within is None else column.widened(*within)


def joined(
    left: Select, right: Select, how: How, on: Sequence[tuple[str, str]], suffix: str, at_most: int | None
) -> Join:
    """The rows of two tables with the same key. Raises ConfigError for columns that do not fit each other."""
    if how not in ("inner", "left", "semi", "anti"):
        raise ConfigError(f'join: how={how!r}; expected "inner", "left", "semi" or "anti"')
    for one, other in on:
        a, b = left.schema[one], right.schema[other]
        if type(a) is not type(b) or _levels(a) != _levels(b):
            raise ShapeError(f"join: {one} is {_kind(a)}, and {other} is {_kind(b)}; keys of a join are of one kind")
        if isinstance(a, KeyColumn) and isinstance(b, KeyColumn) and a.rule != b.rule:
            raise ShapeError(f"join: {one} and {other} are not normalised alike: {a.rule} and {b.rule}")
    shared = {other for one, other in on}
    taken: list[tuple[str, str]] = []
    columns = [column if how in ("semi", "anti") else _unique(column, False) for column in left.schema.columns]
    if how in ("inner", "left"):
        for column in right.schema.columns:
            if column.name in shared:
                continue
            name = column.name + suffix if column.name in left.schema.names else column.name
            if any(other.name == name for other in columns):
                raise ConfigError(f"join: two columns named {name}; rename one of them, or give another suffix")
            taken.append((column.name, name))
            columns.append(replace(_unique(column, False), name=name))
    keys = _joined_words([one for one, _ in on])
    words = {
        "inner": f"{left.name}, joined with {right.name} by {keys}",
        "left": f"{left.name}, beside {right.name} by {keys}",
        "semi": f"{left.name}, those with {keys} in {right.name}",
        "anti": f"{left.name}, those without {keys} in {right.name}",
    }[how]
    most = left.most if at_most is None or how in ("semi", "anti") else at_most
    matched = narrowed(right, [*shared, *(name for name, _ in taken)])
    return Join(Schema(words, tuple(columns)), most, left, matched, how, tuple(on), tuple(taken))


def ordered(source: Select, per: Sequence[str], by: Sequence[tuple[str, bool]], first: int) -> Ordered:
    """The first rows of each key, or of the table."""
    for name, _ in by:
        _need_order(source, name, "order")
    ends = {down for _, down in by}
    if per:
        which = "the latest" if ends == {True} else "the first" if by else "one"
        words = f"{source.name}, {which} of each {_joined_words(per)}"
    else:
        words = f"{source.name}, the first {first:,}"
    if by:
        words += f" by {_joined_words([name + ' (descending)' * (down and not per) for name, down in by])}"
    most = source.most if per else min(source.most, first)
    one = first == 1 and len(per) == 1
    columns = tuple(_unique(c, True) if one and c.name in per else c for c in source.schema.columns)
    return Ordered(Schema(words, columns), most, source, tuple(per), tuple(by), first)


def _need_order(source: Query, name: str, what: str) -> None:
    column = source.schema[name]
    if isinstance(column, CategoryColumn | KeyColumn | TextColumn):
        raise ShapeError(f"{what}: {name} is {_kind(column)}, which has no order")


def no_number(source: Select, names: Sequence[str], what: str) -> None:
    """Raise ShapeError where a key is a real number or a text."""
    for name in names:
        if isinstance(source.schema[name], TextColumn):
            raise ShapeError(f"{what}: {name} is a text; declare a Key, which says how it is normalised")
        if isinstance(source.schema[name], RealColumn):
            raise ShapeError(
                f"{what}: {name} is a real number, and equal real numbers are chance: use an Integer, or `cut` it"
            )


def _joined_words(names: Sequence[str]) -> str:
    return " and ".join(names)
