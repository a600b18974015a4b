"""Private columns: in the clear at their owners and nowhere else.

A table may be partitioned by rows between several owners. Row-wise operations and reductions are done by each owner
in float64; only partial results are shared, by themselves, when a reduction meets another owner's. Rows leave their
owner only where a script says `share()`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NoReturn

from mpc.errors import ConfigError, ShapeError, UnknownLength
from mpc.suggestions import also, instead
from mpc.tables.counts import count_cells, count_rows
from mpc.tables.expressions import Expression, both
from mpc.tables.prepare.verbs import Preparing
from mpc.tables.private_array import PrivateArray, unit_exponent
from mpc.tables.shared_table import shared_table
from mpc.tables.source import Source
from mpc.values.secret import SecretArray

if TYPE_CHECKING:
    from mpc.releases.disclosure import Result
    from mpc.tables.secret_table import SecretTable


class PrivateTable(Preparing):
    """Rows of one table at their owners; columns are attributes."""

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns, in order."""
        return tuple(self._columns)

    @property
    def source(self) -> Source:
        """The table of the run it belongs to."""
        return self._source

    @property
    def where(self) -> Expression | None:
        """The condition its rows fulfil."""
        return self._where

    def __repr__(self) -> str:
        return f"<private table {self._source.name}: {', '.join(self._columns)}>"

    def __len__(self) -> NoReturn:
        raise UnknownLength(f"{self._source.name}: the number of rows is not public; `count()` gives it as a secret")

    def __getattr__(self, name: str) -> PrivateArray:
        if name.startswith("__"):
            raise AttributeError(name)
        return self.column(name)

    def column(self, name: str) -> PrivateArray:
        """One column, by name."""
        if name not in self._columns:
            methods = [each for each in dir(type(self)) if not each.startswith("_")]
            meant = instead(name, [*self._columns, *methods])
            columns = ", ".join(self._columns)
            raise ConfigError(f"table {self._source.name} has no column {name!r}; it has {columns}{also(meant)}")
        return PrivateArray(self._source, self._columns[name], name, self._where)

    def __iter__(self) -> Iterator[PrivateArray]:
        return (self.column(name) for name in self._columns)

    def __getitem__(self, key: Any) -> Any:
        """A column by name, a table of some columns by a list of names, or the rows where a flag holds."""
        if isinstance(key, str):
            return self.column(key)
        if isinstance(key, PrivateArray):
            return self.filter(key)
        if not isinstance(key, Sequence) or not all(isinstance(name, str) for name in key):
            raise ShapeError(
                f"{self._source.name}[…]: a column's name, a list of names, or a condition such as table.age > 3; "
                "rows have no numbers"
            )
        return self.select(*key)

    def filter(self, condition: PrivateArray) -> PrivateTable:
        """The rows where the condition holds (a missing condition does not hold)."""
        same = isinstance(condition, PrivateArray) and condition.source is self._source
        if not same or condition.expression.type != "flag":
            raise ShapeError(
                f"filter: select rows of {self._source.name} with a flag of the same table, such as table.age > 3"
            )
        where = both(both(self._where, condition.expression), condition.where)
        return self._with(where=where)

    def _of(
        self,
        source: Source,
        where: Expression | None = None,
        columns: Mapping[str, Expression] | None = None,
        order: Sequence[tuple[str, bool]] = (),
    ) -> PrivateTable:
        return PrivateTable(source, where, columns, order)

    def count(self) -> SecretArray:
        """How many rows there are at all owners together."""
        return count_rows(self._source, self._where)

    def mean(self) -> dict[str, SecretArray]:
        """Mean of each column."""
        return self._by_name(self._source.run.functions.means(list(self)))

    def var(self, ddof: int = 1) -> dict[str, SecretArray]:
        """Variance of each column."""
        return self._by_name(self._source.run.functions.variances(list(self), ddof))

    def std(self, ddof: int = 1) -> dict[str, SecretArray]:
        """Standard deviation of each column."""
        return self._by_name(self._source.run.functions.deviations(list(self), ddof))

    def _by_name(self, values: list[SecretArray]) -> dict[str, SecretArray]:
        return dict(zip(self._columns, values, strict=True))

    def share(self, *, rows: int) -> SecretTable:
        """All owners' rows as a table of secrets, each owner's padded to the public number `rows`.

        Rows leave their owners here, as shares; keys do where a join or a grouping needs them. Bytes 16 an element and
        owner.
        """
        return shared_table(self, rows)

    def corr(self) -> Result:
        """Correlation matrix over complete rows."""
        return self._source.run.functions.correlation(list(self))


__all__ = [
    "PrivateArray",
    "PrivateTable",
    "Source",
    "count_cells",
    "count_rows",
    "unit_exponent",
]
