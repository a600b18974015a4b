"""What a column may hold: types, units, ranges and missing codes, declared once and agreed by all.

Inside a computation a column is float64: a `Real` as it is, a `Flag` as 0 or 1, a `Category` as the index of its
level; a missing value is NaN. An `Integer` is int64 and exact; a missing one is `mpc.tables.rows.MISSING`. So are a
`Date` (`mpc.tables.dates`), in days, and a `Key` (`mpc.tables.keys`), as a tag. A `Text` (`mpc.tables.texts`) is an
object.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from math import isfinite
from typing import Any, ClassVar

from mpc.errors import ConfigError
from mpc.untyped import JsonObject

#: An Integer lies within ± 2^61: differences of two of them fit every engine.
LARGEST_INTEGER = 1 << 61

#: Public upper limit of the rows one owner brings, unless the scenario says another.
DEFAULT_ROWS = 1 << 26


#: A limit of a range: a number; of dates a date, or its ISO text.
Limit = float | str | date


@dataclass(frozen=True)
class Column(ABC):
    """A column's declaration. `name` is filled in by the table it stands in."""

    name: str = ""
    missing: tuple[str, ...] = ()

    @property
    @abstractmethod
    def low(self) -> float:
        """The smallest value; 0 for a flag and for the indices of a category's levels."""

    @property
    @abstractmethod
    def high(self) -> float:
        """The largest value."""

    @abstractmethod
    def describe(self) -> JsonObject:
        """As JSON without floats (decimals are strings), for the agreed document."""

    def widened(self, low: Limit, high: Limit) -> Column:
        """The same column with another range."""
        raise ConfigError(f"column {self.name}: only a Real, an Integer and a Date have a range to change")


@dataclass(frozen=True)
class RealColumn(Column):
    """A number in [low, high], in `unit`."""

    minimum: float = 0.0
    maximum: float = 1.0
    unit: str = ""

    @property
    def low(self) -> float:
        return self.minimum

    @property
    def high(self) -> float:
        return self.maximum

    def describe(self) -> JsonObject:
        return {
            "type": "real",
            "low": repr(self.minimum),
            "high": repr(self.maximum),
            "unit": self.unit,
            "missing": list(self.missing),
        }

    def widened(self, low: Limit, high: Limit) -> RealColumn:
        what = f"column {self.name}: range {low}..{high}"
        numbers = _numbers(low, high, what)
        _limits(*numbers, what)
        return replace(self, minimum=float(numbers[0]), maximum=float(numbers[1]))


@dataclass(frozen=True)
class IntegerColumn(Column):
    """A whole number in [minimum, maximum], within ± 2^61, in `unit`. Exact everywhere."""

    minimum: int = 0
    maximum: int = 1
    unit: str = ""

    @property
    def low(self) -> int:
        return self.minimum

    @property
    def high(self) -> int:
        return self.maximum

    def describe(self) -> JsonObject:
        return {
            "type": "integer",
            "low": str(self.minimum),
            "high": str(self.maximum),
            "unit": self.unit,
            "missing": list(self.missing),
        }

    def widened(self, low: Limit, high: Limit) -> IntegerColumn:
        what = f"column {self.name}: range {low}..{high}"
        whole = _whole_limits(*_numbers(low, high, what), what)
        return replace(self, minimum=whole[0], maximum=whole[1])


@dataclass(frozen=True)
class FlagColumn(Column):
    """True or false (also 1 and 0)."""

    @property
    def low(self) -> float:
        return 0.0

    @property
    def high(self) -> float:
        return 1.0

    def describe(self) -> JsonObject:
        return {"type": "flag", "missing": list(self.missing)}


@dataclass(frozen=True)
class CategoryColumn(Column):
    """One of a fixed list of levels."""

    levels: tuple[str, ...] = ()

    @property
    def low(self) -> float:
        return 0.0

    @property
    def high(self) -> float:
        return float(max(len(self.levels) - 1, 0))

    def describe(self) -> JsonObject:
        return {"type": "category", "levels": list(self.levels), "missing": list(self.missing)}


def _numbers(low: Limit, high: Limit, what: str) -> tuple[float, float]:
    if isinstance(low, str | date) or isinstance(high, str | date):
        raise ConfigError(f"{what}: the limits of a number are numbers")
    return low, high


def _limits(low: float, high: float, what: str) -> None:
    if not float(low) < float(high):
        raise ConfigError(f"{what}: the lower limit must be below the upper one")
    if not all(isfinite(limit) and abs(limit) < 1e100 for limit in (float(low), float(high))):
        raise ConfigError(f"{what}: limits must be finite, and below 1e100")


def _whole_limits(low: float, high: float, what: str) -> tuple[int, int]:
    try:
        whole = int(low), int(high)
    except (ValueError, OverflowError):
        raise ConfigError(f"{what}: limits must be finite") from None
    if whole != (low, high):
        raise ConfigError(f"{what}: the limits of an Integer are whole numbers")
    if not whole[0] < whole[1]:
        raise ConfigError(f"{what}: the lower limit must be below the upper one")
    if max(-whole[0], whole[1]) > LARGEST_INTEGER:
        raise ConfigError(f"{what}: an Integer lies between -2^61 and 2^61; a longer identifier is a Key")
    return whole


def missing_codes(missing: object) -> tuple[str, ...]:
    """What `missing=` of a column declares: one code, or several in a list."""
    if missing is None:
        return ()
    if isinstance(missing, list | tuple):
        return tuple(str(code) for code in missing)
    return (str(missing),)


def Real(
    low: float, high: float, *, unit: str = "", missing: object = None
) -> Any:  # Any: a script uses the attribute as a column
    """A number between `low` and `high`."""
    _limits(low, high, f"Real({low}, {high})")
    return RealColumn(missing=missing_codes(missing), minimum=float(low), maximum=float(high), unit=unit)


def Integer(
    low: int, high: int, *, unit: str = "", missing: object = None
) -> Any:  # Any: a script uses the attribute as a column
    """A whole number between `low` and `high`, both within ± 2^61: exact in files, databases, rows and shares."""
    whole = _whole_limits(low, high, f"Integer({low}, {high})")
    return IntegerColumn(missing=missing_codes(missing), minimum=whole[0], maximum=whole[1], unit=unit)


def Flag(*, missing: object = None) -> Any:  # Any: a script uses the attribute as a column
    """True or false."""
    return FlagColumn(missing=missing_codes(missing))


def Category(*levels: str, missing: object = None) -> Any:  # Any: a script uses the attribute as a column
    """One of `levels`."""
    if not all(isinstance(level, str) for level in levels):
        raise ConfigError('Category: levels are texts, one after the other: Category("a", "b")')
    if len(levels) < 2 or len(set(levels)) != len(levels):
        raise ConfigError("Category: name at least two different levels")
    return CategoryColumn(missing=missing_codes(missing), levels=tuple(levels))


@dataclass(frozen=True)
class Schema:
    """The columns of a table, in order."""

    name: str
    columns: tuple[Column, ...]

    def __getitem__(self, name: str) -> Column:
        for column in self.columns:
            if column.name == name:
                return column
        raise ConfigError(f"table {self.name} has no column {name!r}; it has {', '.join(self.names)}")

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns)

    def describe(self) -> JsonObject:
        """As JSON, for the agreed document."""
        return {column.name: column.describe() for column in self.columns}

    def with_ranges(self, ranges: Mapping[str, tuple[Limit, Limit]]) -> Schema:
        """The same table with other ranges for some columns (a study may widen them without editing the scenario)."""
        for name in ranges:
            self[name]
        return Schema(
            self.name,
            tuple(c.widened(*ranges[c.name]) if c.name in ranges else c for c in self.columns),
        )


@dataclass(frozen=True)
class Input:
    """A dataset that a scenario asks for.

    schema   its columns
    holder   None: every organization with the role `input` brings its own rows; else the one organization role
             that brings the whole table
    at_most  public upper limit of the rows one owner brings
    """

    schema: Schema
    holder: str | None = None
    at_most: int = DEFAULT_ROWS


class Table:
    """Base of the tables a scenario declares: class attributes are columns."""

    schema: ClassVar[Schema]

    def __init_subclass__(cls) -> None:
        declared: dict[str, Column] = {}
        for base in reversed(cls.__mro__):
            declared |= {name: value for name, value in vars(base).items() if isinstance(value, Column)}
        for name in declared:
            if hasattr(Table, name) or name == "schema" or name.startswith("_"):
                raise ConfigError(f"table {cls.__name__}: a column cannot be named {name!r}")
        columns = tuple(replace(value, name=name) for name, value in declared.items())
        if not columns:
            raise ConfigError(f"table {cls.__name__} declares no column")
        cls.schema = Schema(cls.__name__, columns)

    @classmethod
    def rows(cls, *, at_most: int = DEFAULT_ROWS) -> Input:
        """Every organization that brings data brings its own rows of this table."""
        return Input(cls.schema, None, at_most)

    @classmethod
    def held_by(cls, holder: str, *, at_most: int = DEFAULT_ROWS) -> Input:
        """One organization brings the whole table."""
        return Input(cls.schema, holder, at_most)
