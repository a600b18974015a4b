"""What an owner computes over its own keys for a lookup: where its rows stand in a table of slots, or whom they ask.

The owner of the rows that are looked up places each row with a key into one of three slots, which three public hash
functions of the key name, one in each third of the table (cuckoo hashing). The owner of the rows that look up names
for each of them the three slots where its key would be. Both compute tags from the key, by which slots are compared in
secret. Slots and tags are hashed separately, so that a row's tag meets the tags of three slots, not those of all rows.

Keys, tags, slots and orders stay here; they leave their owner as shares, or as orders that nobody else learns.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mpc.errors import DataError, ShapeError
from mpc.machine.operation import Local
from mpc.tables.aggregates import Aggregate, Evaluate
from mpc.tables.expressions import Expression
from mpc.tables.keys import KeyColumn
from mpc.tables.rows import Values, absent
from mpc.tables.slots import CHOICES, EMPTY, NOBODY, inverted, line, placement, slots_of, tags_of, third
from mpc.tables.source import Source
from mpc.untyped import JsonObject

Whole = NDArray[np.int64]
Words = NDArray[np.uint64]
#: Most columns of a key.
MOST_COLUMNS = 3


class HeldKeys(NamedTuple):
    """The keys of rows that were shared: of those rows of a private table where a condition holds, at each of its
    owners in the sequence of `share_rows`, `rows` places an owner; `names` are one to three columns together."""

    source: Source
    where: Expression | None
    names: tuple[str, ...]
    rows: int

    def words(self) -> list[Expression]:
        """The columns that make the key. Raises ShapeError for columns that cannot be a key."""
        if not 1 <= len(self.names) <= MOST_COLUMNS:
            raise ShapeError(f"a key of {len(self.names)} columns; expected 1 to {MOST_COLUMNS}")
        words = []
        for name in self.names:
            column = self.source.columns[name]
            if column.type not in ("key", "integer", "date"):
                raise ShapeError(
                    f"table {self.source.name}: the column {name} is a {column.type}, which is no key; declare it as "
                    "Key(…), Integer(…) or Date(…)"
                )
            words += [column, self.source.second_word(name)] if column.type == "key" else [column]
        return words

    def kinds(self) -> list[JsonObject]:
        """What each column is: keys of two tables match each other where these are equal."""
        columns = [self.source.schema[name] for name in self.names]
        return [c.rule if isinstance(c, KeyColumn) else {"type": type(c).__name__} for c in columns]


class _Keys(Aggregate):
    """The keys of an owner's rows, in the sequence of `share_rows`.

    matches  most rows of one key that are looked up; where it is not 1, a row is looked up by its key and its number
             among the rows of that key
    """

    of_keys = True

    def __init__(self, keys: HeldKeys, matches: int = 1) -> None:
        self.where = keys.where
        self._columns = keys.words()
        self._table = keys.source.name
        self._names = " and ".join(keys.names)
        self._rows = keys.rows
        self._matches = matches
        self._batches: list[tuple[Words, NDArray[np.bool_]]] = []
        self._used = 0

    def expressions(self) -> Sequence[Expression]:
        return self._columns

    def settings(self) -> tuple[object, ...]:
        return self._table, self._rows, self._matches

    def update(self, evaluate: Evaluate, rows: int) -> None:
        keep = self._selected(evaluate, rows)
        self._used += int(np.count_nonzero(keep))
        if self._used > self._rows:
            raise DataError(
                f"table {self._table}: more rows than share(rows={self._rows}) has room for; agree on a larger number "
                "(all organizations)"
            )
        words = np.empty((int(np.count_nonzero(keep)), len(self._columns)), np.uint64)
        there = np.ones(len(words), np.bool_)
        for k, column in enumerate(self._columns):
            values: Values = np.broadcast_to(evaluate(column), (rows,))[keep]
            there &= ~absent(values)
            words[:, k] = np.where(there, values, 0).astype(np.int64).view(np.uint64)
        self._batches.append((words, there))

    #: Nanoseconds for each place of a row, and for each time that it is looked up.
    _work_ns: ClassVar[float]

    @property
    def work(self) -> float:
        return 1e-9 * self._work_ns * self._rows * self._matches

    def _need_different(self, beyond: int, what: str) -> None:
        """Raise DataError where `beyond` rows have a key that a row before them has."""
        if beyond:
            raise DataError(
                f"table {self._table}: {beyond:,} of {self._used:,} rows have a key ({self._names}) that a row before "
                f"them has; {what}"
            )

    def _read(self) -> tuple[Words, Whole]:
        """(words, numbers) of the rows that have a key; a row is missing its key if it is missing one column of it."""
        words = [words[there] for words, there in self._batches]
        there = [there for _, there in self._batches]
        self._batches = []
        if not words:
            return np.empty((0, len(self._columns)), np.uint64), np.empty(0, np.int64)
        return np.concatenate(words), np.flatnonzero(np.concatenate(there))


class Placed(_Keys):
    """Rows in a table of slots. order (slots,): the row that comes to each slot, rows beyond `rows` being empty;
    places: for each row its slot; tags (slots,): `EMPTY` where there is no key; beyond (1,): rows that have no place,
    since `matches` rows before them have the same key."""

    _work_ns = 500.0

    @property
    def work(self) -> float:
        return 1e-9 * self._work_ns * self._rows  # however many rows of a key there may be

    def collected(self) -> JsonObject:
        words, numbers = self._read()
        number = _number_of_each(words)
        beyond = int(np.count_nonzero(number >= self._matches))
        if self._matches == 1:
            self._need_different(
                beyond,
                "rows that are looked up need a key of their own: keep one row a key (drop_duplicates), or look up "
                "several rows a key",
            )
        if self._matches > 1:
            kept = number < self._matches
            words, numbers = _numbered(words, number)[kept], numbers[kept]
        size = third(self._rows)
        tags = tags_of(words)
        chosen = placement(slots_of(words, size), CHOICES * size)
        if chosen is None:
            raise DataError(
                f"table {self._table}: the keys ({self._names}) of {len(tags):,} rows find no place in a table of "
                f"{CHOICES * size:,} slots, which has a probability below 2^-40 for keys that are not made for it; "
                "share with a larger `rows` (all organizations)"
            )
        order = np.full(CHOICES * size, -1, np.int64)
        order[chosen] = numbers
        all_tags = np.full(CHOICES * size, EMPTY, np.int64)
        all_tags[chosen] = tags
        rest = np.ones(CHOICES * size, np.bool_)
        rest[numbers] = False
        order[order < 0] = np.flatnonzero(rest)
        return {"order": order, "places": inverted(order), "tags": all_tags, "beyond": np.asarray([beyond])}


class Asked(_Keys):
    """Rows that look up in a table with room for `among` rows, `matches` times each. order: the slots, each followed by
    the rows that ask for it; places: the place of each; tags (rows * matches,): `NOBODY` where there is no key."""

    _work_ns = 250.0

    def __init__(self, keys: HeldKeys, among: int, matches: int = 1, *, once: bool = False) -> None:
        super().__init__(keys, matches)
        self._among = among
        self._once = once

    def settings(self) -> tuple[object, ...]:
        return (*super().settings(), self._among, self._once)

    def collected(self) -> JsonObject:
        words, numbers = self._read()
        matches, size = self._matches, third(self._among)
        if self._once:
            what = 'the script says that each key is of one row here, validate="1:1"; say "m:1" (all organizations)'
            self._need_different(int(np.count_nonzero(_number_of_each(words))), what)
        if matches > 1:
            number = np.tile(np.arange(matches), len(words))
            words = _numbered(np.repeat(words, matches, axis=0), number)
            numbers = np.repeat(numbers, matches) * matches + number
        tags = np.full(self._rows * matches, NOBODY, np.int64)
        tags[numbers] = tags_of(words)
        asked = np.zeros((CHOICES, self._rows * matches), np.int64) + size * np.arange(CHOICES)[:, None]
        asked[:, numbers] = slots_of(words, size).T
        places = line(asked.reshape(-1), CHOICES * size)
        return {"order": inverted(places), "places": places, "tags": tags}


def _number_of_each(words: Words) -> Whole:
    """For each row, how many rows before it have the same words."""
    order = np.lexsort(words.T[::-1])
    ordered = words[order]
    first = np.ones(len(words), np.bool_)
    first[1:] = (ordered[1:] != ordered[:-1]).any(axis=1)
    starts = np.maximum.accumulate(np.where(first, np.arange(len(words)), 0))
    number = np.empty(len(words), np.int64)
    number[order] = np.arange(len(words)) - starts
    return number


def _numbered(words: Words, number: Whole) -> Words:
    return np.concatenate([words, number[:, None].view(np.uint64)], axis=1)


class Ordered(_Keys):
    """Rows by their key, those without a key last. order (rows,): the row that comes to each place; places; starts
    (rows,): 1 where a place begins rows with another key, 0 at rows without a key."""

    _work_ns = 150.0

    def collected(self) -> JsonObject:
        words, numbers = self._read()
        tags = tags_of(words)
        by_tag = np.argsort(tags, kind="stable")
        rest = np.ones(self._rows, np.bool_)
        rest[numbers] = False
        order = np.concatenate([numbers[by_tag], np.flatnonzero(rest)])
        starts = np.zeros(self._rows, np.int64)
        ordered = tags[by_tag]
        starts[: len(ordered)] = np.concatenate([[True], ordered[1:] != ordered[:-1]])[: len(ordered)]
        return {"order": order, "places": inverted(order), "starts": starts}


class First(_Keys):
    """Which rows are the first with their key. first (rows,): 1 there, 0 elsewhere and at rows without a key."""

    _work_ns = 150.0

    def collected(self) -> JsonObject:
        words, numbers = self._read()
        first = np.zeros(self._rows, np.int64)
        first[numbers[np.unique(tags_of(words), return_index=True)[1]]] = 1
        return {"first": first}


def placed(keys: HeldKeys, matches: int) -> Local:
    """What `Placed` gives, later."""
    return keys.source.local.ask(Placed(keys, matches))


def asked(keys: HeldKeys, among: int, matches: int, *, once: bool = False) -> Local:
    """What `Asked` gives, later. once: each owner checks that its rows have different keys."""
    return keys.source.local.ask(Asked(keys, among, matches, once=once))


def ordered(keys: HeldKeys) -> Local:
    """What `Ordered` gives, later."""
    return keys.source.local.ask(Ordered(keys))


def first_of_key(keys: HeldKeys) -> Local:
    """What `First` gives, later."""
    return keys.source.local.ask(First(keys))
