"""Typed columns of shared rows that are not plain numbers: categories, dates, and keys.

Inside, a category is the index of its level and a date the number of days since 1970-01-01. A key is nothing that a
script can see: it joins rows and groups them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from mpc.errors import ConfigError, ShapeError
from mpc.suggestions import also, closest
from mpc.tables.dates import DateColumn, days_of, latest_birth
from mpc.tables.keys import KeyColumn
from mpc.tables.schema import IntegerColumn
from mpc.untyped import JsonObject
from mpc.values.secret import SecretArray
from mpc.values.value import is_secret

if TYPE_CHECKING:
    from mpc.tables.expressions import Expression
    from mpc.tables.source import Source


class SecretCategory:
    """One level of a category for each row, in secret.

    codes   (rows,): the index of the level
    levels  their names, in order
    """

    __hash__ = None  # type: ignore[assignment]

    def __init__(self, codes: SecretArray, levels: Sequence[str]) -> None:
        self.codes = codes
        self.levels = tuple(levels)

    def __repr__(self) -> str:
        return f"<secret category of {len(self)} rows: {', '.join(self.levels)}>"

    def __len__(self) -> int:
        return len(self.codes)

    def code(self, level: object) -> int:
        """The index of a level. Raises ConfigError where there is no such level."""
        if level not in self.levels:
            meant = also(closest(str(level), self.levels))
            raise ConfigError(f"a category has no level {level!r}; it has {', '.join(self.levels)}{meant}")
        return self.levels.index(str(level))

    def __eq__(self, other: object) -> SecretArray:  # type: ignore[override]
        if isinstance(other, SecretCategory):
            if other.levels != self.levels:
                raise ShapeError("categories compare if they have the same levels")
            return self.codes == other.codes
        return self.codes == self.code(other)

    def __ne__(self, other: object) -> SecretArray:  # type: ignore[override]
        return ~self.__eq__(other)

    def isin(self, levels: Iterable[str]) -> SecretArray:
        """Whether a row has one of these levels. Rounds: a comparison, and an OR a level."""
        found: SecretArray | None = None
        for level in levels:
            bit = self == level
            found = bit if found is None else found | bit
        if found is None:
            raise ShapeError("isin: name at least one level")
        return found

    def count(self) -> SecretArray:
        """Rows that have a level."""
        return self.codes.count()

    def _no_number(self, *_: object) -> NoReturn:
        raise ShapeError(
            f'a category has no order and no arithmetic: compare it with a level, column == "{self.levels[0]}"'
        )

    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __neg__ = _no_number
    __lt__ = __le__ = __gt__ = __ge__ = _no_number


class SecretDate:
    """A date for each row, in secret.

    days  (rows,): whole days since 1970-01-01
    """

    __hash__ = None  # type: ignore[assignment]

    def __init__(self, days: SecretArray) -> None:
        self.days = days

    def __repr__(self) -> str:
        return f"<secret date of {len(self)} rows>"

    def __len__(self) -> int:
        return len(self.days)

    def _days(self, other: object) -> int | SecretArray:
        if isinstance(other, SecretDate):
            return other.days
        return days_of(other)

    def __eq__(self, other: object) -> SecretArray:  # type: ignore[override]
        return self.days == self._days(other)

    def __ne__(self, other: object) -> SecretArray:  # type: ignore[override]
        return self.days != self._days(other)

    def __lt__(self, other: object) -> SecretArray:
        return self.days < self._days(other)

    def __le__(self, other: object) -> SecretArray:
        return self.days <= self._days(other)

    def __gt__(self, other: object) -> SecretArray:
        return self.days > self._days(other)

    def __ge__(self, other: object) -> SecretArray:
        return self.days >= self._days(other)

    def __sub__(self, other: object) -> Any:  # Any: days between two dates, or a date some days earlier
        if is_secret(other) or isinstance(other, int | np.integer):
            return SecretDate(self.days - other)
        return self.days - self._days(other)

    def __rsub__(self, other: object) -> SecretArray:
        return days_of(other) - self.days

    def __add__(self, other: object) -> SecretDate:
        if not is_secret(other) and not isinstance(other, int | np.integer):
            raise ShapeError(f"a date + {other!r}: add whole days")
        return SecretDate(self.days + other)

    __radd__ = __add__

    def age_at(self, day: object) -> SecretArray:
        """Completed years from each date to the public date `day`; born on 29 February: on 1 March in other years.

        0 for dates in the year before `day` and after. Raises ConfigError for no date. Rounds: a comparison, and 2;
        bytes: a comparison for each year that the column's dates allow.
        """
        on = days_of(day)
        oldest = -self.days.bound  # a bound of the magnitude: days before 1970
        limits = []
        for years in range(1, 1000):
            limit = latest_birth(on, years)
            if limit < oldest:
                break
            limits.append(limit)
        if not limits:
            return (self.days * 0).restated(bound=0)
        reached = self.days.below_each((np.asarray(limits, np.int64) + 1).reshape(-1, 1))
        return reached.sum(0).bounded(len(limits))

    def count(self) -> SecretArray:
        """Rows that have a date."""
        return self.days.count()


@dataclass(frozen=True, eq=False)
class SecretKey:
    """Identifiers of rows. A key joins and groups rows; it has no order, no arithmetic, and no release.

    source, expression  where its owners have it, as long as the rows are in their owners' places
    tags                words of hashes in secret, each (rows,), once something needed them
    rule                how it was normalised: keys by another rule never match
    """

    name: str
    rule: JsonObject
    source: Source | None = None
    expression: Expression | None = None
    tags: tuple[SecretArray, ...] | None = None

    @classmethod
    def held(cls, name: str, source: Source, expression: Expression) -> SecretKey:
        """A key of rows in their owners' places: a `Key`, or a whole number or a date that rows are joined by."""
        column = source.schema[expression.column]
        rule = column.rule if isinstance(column, KeyColumn) else {"type": type(column).__name__}
        return cls(name, rule, source, expression)

    @classmethod
    def of_numbers(cls, name: str, column: SecretColumn) -> SecretKey:
        """Whole numbers, dates or levels that no owner holds any more: each is its own tag."""
        if isinstance(column, SecretCategory):
            return cls(name, {"type": "category", "levels": list(column.levels)}, tags=(column.codes,))
        kind = DateColumn if isinstance(column, SecretDate) else IntegerColumn
        return cls(name, {"type": kind.__name__}, tags=(numbers_of(column),))

    def tagged(self, tags: tuple[SecretArray, ...]) -> SecretKey:
        """The key of rows in any places."""
        return SecretKey(self.name, self.rule, tags=tags)

    def need_rule_of(self, other: SecretKey, what: str, tables: tuple[str, str]) -> None:
        """Raise ConfigError for keys that are normalised differently: equal identifiers would not match."""
        names = {**self.rule, **other.rule}
        pairs = [(name, self.rule.get(name), other.rule.get(name)) for name in names]
        different = [f"{name}: {a!r} and {b!r}" for name, a, b in pairs if a != b]
        if different:
            raise ConfigError(
                f"{what}: {self.name} is normalised differently in {' and '.join(tables)} ({'; '.join(different)}); "
                "equal identifiers would not match. Declare both keys alike"
            )

    def __repr__(self) -> str:
        return f"<secret key {self.name}>"

    def _nothing(self, *_: object) -> NoReturn:
        raise ShapeError(
            f'{self.name} is a key: it has no order and no arithmetic, and is never released. Use it in join(on="'
            f'{self.name}"), group_by("{self.name}") and drop_duplicates("{self.name}")'
        )

    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __neg__ = __lt__ = __le__ = _nothing
    __gt__ = __ge__ = __eq__ = __ne__ = __bool__ = _nothing
    __hash__ = None  # type: ignore[assignment]


#: A column of a secret table.
SecretColumn = SecretArray | SecretCategory | SecretDate | SecretKey


def numbers_of(column: SecretColumn) -> SecretArray:
    """The secret numbers of a column: indices of levels, days. Raises ShapeError for a key."""
    if isinstance(column, SecretCategory):
        return column.codes
    if isinstance(column, SecretDate):
        return column.days
    if isinstance(column, SecretKey):
        column._nothing()
    return column


def like_column(column: SecretColumn, numbers: SecretArray) -> SecretColumn:
    """A column of the same kind with other numbers."""
    if isinstance(column, SecretCategory):
        return SecretCategory(numbers, column.levels)
    return SecretDate(numbers) if isinstance(column, SecretDate) else numbers
