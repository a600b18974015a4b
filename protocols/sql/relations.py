"""Rows under way: a private or a secret table, and which of its columns is which column of the query."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from mpc.tables.private import PrivateTable
from mpc.tables.secret_table import SecretTable
from protocols.sql.conditions import Truth, flag_of
from protocols.sql.scopes import Slot
from protocols.sql.values import Value


@dataclass(frozen=True)
class Relation:
    """Rows of a query.

    columns  column of the query -> column of the table
    unique   columns that together differ in any two rows
    present  columns that are never NULL here
    places   public upper limit of an owner's rows, once they are shared; None: the author states none
    words    what these rows are, for messages and steps
    """

    table: PrivateTable | SecretTable
    columns: Mapping[Slot, str]
    unique: frozenset[frozenset[Slot]] = frozenset()
    present: frozenset[Slot] = frozenset()
    places: int | None = None
    words: str = ""

    @property
    def owners(self) -> tuple[int, ...] | None:
        """The owners of private rows; None: the rows are secret."""
        return tuple(self.table.source.owners) if isinstance(self.table, PrivateTable) else None

    @property
    def owner(self) -> int | None:
        """The one owner of private rows; None: there are several, or the rows are secret."""
        owners = self.owners
        return owners[0] if owners is not None and len(owners) == 1 else None

    def value(self, slot: Slot) -> Value:
        """A column."""
        return self.table.column(self.columns[slot])

    def has(self, slots: Iterable[Slot]) -> bool:
        """Whether all these columns are here."""
        return all(slot in self.columns for slot in slots)

    def filter(self, truth: Truth, present: Iterable[Slot] = ()) -> Relation:
        """The rows where a condition holds. present: columns that the condition finds missing nowhere."""
        known = self.present | {slot for slot in present if slot in self.columns}
        if truth is True:
            return replace(self, present=known)
        flag = flag_of(truth)
        if flag is False:
            flag = _never(self.table)
        return replace(self, table=self.table.filter(flag), present=known)  # type: ignore[arg-type]

    def assign(self, slot: Slot, name: str, value: Value) -> Relation:
        """The same rows with a computed column."""
        table = self.table.assign(**{name: value})  # type: ignore[arg-type]
        return replace(self, table=table, columns={**self.columns, slot: name})

    def renamed(self, names: Mapping[str, str]) -> Relation:
        """The same rows; columns of the table get other names: old -> new."""
        if not names:
            return self
        table = self.table.rename(**{new: old for old, new in names.items()})
        return replace(self, table=table, columns={slot: names.get(name, name) for slot, name in self.columns.items()})

    def shared(self, needed: Iterable[Slot], rows: int) -> Relation:
        """The same rows in secret, with the needed columns alone."""
        assert isinstance(self.table, PrivateTable)
        kept = {slot: name for slot, name in self.columns.items() if slot in set(needed)}
        names = list(dict.fromkeys(kept.values())) or [next(iter(self.table.columns))]
        return replace(self, table=self.table.select(*names).share(rows=rows), columns=kept, places=rows)


def _never(table: PrivateTable | SecretTable) -> Truth:
    """A condition that holds in no row."""
    if isinstance(table, SecretTable):
        return table.rows & ~table.rows
    column = table.column(table.columns[0])
    return column.isna() & ~column.isna()
