"""Rows under way: a private or a secret table, and which of its columns is which column of the query."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from mpc.tables.private import PrivateTable
from mpc.tables.secret_columns import SecretKey
from mpc.tables.secret_table import SecretTable
from protocols.sql.conditions import Truth, flag_of, never
from protocols.sql.scopes import Slot
from protocols.sql.values import Value


@dataclass(frozen=True)
class Relation:
    """Rows of a query.

    columns  column of the query -> column of the table
    keys     column of the query -> key of the secret table, by which its rows are joined
    unique   columns that together differ in any two rows
    present  columns that are never NULL here
    places   public upper limit of an owner's rows, once they are shared; None: the author states none
    words    what these rows are, for messages and steps
    """

    table: PrivateTable | SecretTable
    columns: Mapping[Slot, str]
    keys: Mapping[Slot, str] = field(default_factory=dict)
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

    @property
    def slots(self) -> set[Slot]:
        """Its columns and its keys."""
        return {*self.columns, *self.keys}

    def has(self, slots: Iterable[Slot]) -> bool:
        """Whether all these columns are here."""
        return all(slot in self.columns or slot in self.keys for slot in slots)

    def filter(self, truth: Truth, present: Iterable[Slot] = ()) -> Relation:
        """The rows where a condition holds. present: columns that the condition finds missing nowhere."""
        known = self.present | {slot for slot in present if slot in self.columns}
        if truth is True:
            return replace(self, present=known)
        flag = flag_of(truth)
        if flag is False:
            flag = never(self.table)
        return replace(self, table=self.table.filter(flag), present=known)  # type: ignore[arg-type]

    def assign(self, slot: Slot, name: str, value: Value) -> Relation:
        """The same rows with a computed column."""
        table = self.table.assign(**{name: value})  # type: ignore[arg-type]
        return replace(self, table=table, columns={**self.columns, slot: name})

    def renamed(self, names: Mapping[str, str]) -> Relation:
        """The same rows; columns of the table get other names: old -> new."""
        if not names:
            return self
        table = self.table.rename(**dict(names))
        return replace(self, table=table, columns={slot: names.get(name, name) for slot, name in self.columns.items()})

    def once(self, keys: Sequence[Slot]) -> Relation:
        """One row for each key, of these private rows: of each owner's rows by themselves."""
        assert isinstance(self.table, PrivateTable)
        names = [self.columns[slot] for slot in keys]
        table = self.table.drop_duplicates(names, at="owner" if self.owner is None else None)
        return replace(self, table=table, unique=self.unique | {frozenset(keys)}, words=f"{self.words}, each once")

    def shared(self, needed: Iterable[Slot], keys: Iterable[Slot], rows: int) -> Relation:
        """The same rows in secret, with the needed columns alone, and keys to join them by.

        A whole number or a date is a key beside its values: its owner looks up rows by it, and need not share it.
        """
        assert isinstance(self.table, PrivateTable)
        table, wanted = self.table, set(needed)
        kept = {slot: name for slot, name in self.columns.items() if slot in wanted}
        names = list(dict.fromkeys(kept.values())) or [next(iter(table.columns))]
        made = table.select(*names).share(rows=rows)
        twins: dict[Slot, str] = {}
        for slot in keys:
            column = table.column(self.columns[slot])
            twins[slot] = f"key {self.columns[slot]}"
            made = made.assign(**{twins[slot]: SecretKey.held(column.name, column.source, column.expression)})
        return replace(self, table=made, columns=kept, keys=twins, places=rows)
