"""The local pass: everything a script asks of an owner's own rows is computed in one reading of its source.

Aggregates are collected while the script schedules, and run together when it first awaits (or ends). A script that
asks for more after an await costs another reading.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from mpc.aggregates import Aggregate
from mpc.digest import digest
from mpc.engine import Integers, Shape
from mpc.errors import DataError
from mpc.expressions import Expression
from mpc.fixed import width_of
from mpc.operation import Local
from mpc.outside import Partial
from mpc.rows import Rows, Values
from mpc.runtime import Runtime
from mpc.secret import SecretArray, Type

if TYPE_CHECKING:
    from mpc.source import Source


class LocalPass:
    """One table's rows at this party (None where it brings none), and the aggregates waiting for them."""

    def __init__(self, run: Runtime, table: str, rows: Rows | None) -> None:
        self._run = run
        self._table = table
        self._rows = rows
        self._waiting: list[tuple[Aggregate, Local]] = []
        #: Called when a reading is done (who shows times brings the clock).
        self.on_read: Callable[[], None] = lambda: None
        run.before_await(self._flush)

    def ask(self, aggregate: Aggregate) -> Local:
        """The aggregate's result, later: a dict of float64 arrays."""
        local = Local(digest((self._table, aggregate.digest)))
        if self._rows is not None and self._run.reads is not None:
            self._waiting.append((aggregate, local))
        return local

    def _flush(self) -> Coroutine[Any, Any, None] | None:
        if not self._waiting:
            return None
        waiting, self._waiting = self._waiting, []
        return self._compute(waiting)

    async def _compute(self, waiting: list[tuple[Aggregate, Local]]) -> None:
        aggregates = [aggregate for aggregate, _ in waiting]
        busy = self._run.busy
        with busy:
            busy.reading += 1
            try:
                results = await asyncio.get_running_loop().run_in_executor(None, self._read, aggregates)
            finally:
                busy.reading -= 1
        self.on_read()
        for (_, local), result in zip(waiting, results, strict=True):
            self._run.resolve(local, result)

    def _read(self, aggregates: list[Aggregate]) -> list[dict[str, Values]]:
        assert self._rows is not None
        needed: set[str] = set()
        for aggregate in aggregates:
            for expression in _all_expressions(aggregate):
                needed |= expression.columns()
        with np.errstate(all="ignore"):
            for batch in self._rows.batches(sorted(needed)):
                memo: dict[int, Any] = {}
                rows = len(next(iter(batch.values())))

                def evaluate(
                    expression: Expression, batch: Mapping[str, Values] = batch, memo: dict[int, Any] = memo
                ) -> Any:
                    return expression.evaluate(batch, memo)

                for aggregate in aggregates:
                    aggregate.update(evaluate, rows)
                self._run.busy.read += 1
        return [aggregate.result() for aggregate in aggregates]


def _all_expressions(aggregate: Aggregate) -> list[Expression]:
    found = list(aggregate.expressions())
    if aggregate.where is not None:
        found.append(aggregate.where)
    return found


def share_each(
    source: Source, local: Local, name: str, shape: Shape, *, frac: int, bound: int, type: Type = "fixed"
) -> SecretArray:
    """Share every owner's partial result `name`, encoded with `frac` fraction bits and checked against `bound`.

    The result has the shape (owners, *shape), in the order of the owners. Every party schedules the same; only an
    owner holds values, and what organizations that do not compute have contributed is in shares already. Raises
    DataError at the owner (and there only) for NaN, infinities and values beyond the bound. Rounds 1; bytes 8 an
    element from each owner that computes to one party.
    """
    run = source.run
    if width_of(bound) > run.engine.capacity:
        raise DataError(f"table {source.name}: the declared limits of {name} exceed the ring")

    def values(partials: dict[str, Values]) -> Integers:
        return _encoded(partials[name], (1, *shape), frac, bound, source.name, name)

    handles = []
    reads = digest((local.digest, name, frac, bound))
    for owner in source.owners:
        if owner >= run.parties:
            continue
        if run.dry or run.index != owner:
            handles.append(run.schedule("input", reads=reads, owner=owner, values=None, shape=(1, *shape)))
        else:
            handles.append(
                run.schedule("input", local=local, reads=reads, owner=owner, values=values, shape=(1, *shape))
            )
    absent = tuple(owner for owner in source.owners if owner >= run.parties)
    if absent:
        handles.append(run.outside.share(run, Partial(source.name, name, absent, shape, bound, reads), local, values))
    handle = handles[0] if len(handles) == 1 else run.schedule("concatenate", *handles, axis=0)
    return SecretArray(run, handle, type=type, frac=frac, bound=bound)


def _encoded(values: Values, shape: Shape, frac: int, bound: int, table: str, name: str) -> Integers:
    if values.dtype == np.int64 and frac == 0:
        return _whole(values.reshape(shape), bound, table, name)
    array = np.asarray(values, np.float64).reshape(shape)
    if not bool(np.all(np.isfinite(array))):
        raise DataError(f"table {table}: the local {name} is not finite; a derived column overflows for some rows")
    raw = np.rint(np.ldexp(array, frac))
    if bool(np.any(np.abs(raw) > float(bound) * (1 + 1e-12))):
        raise _beyond(table, name)
    return np.clip(raw, -float(bound), float(bound)).astype(np.int64)


def _whole(values: Values, bound: int, table: str, name: str) -> Integers:
    """Whole numbers as they are."""
    if bool(np.any((values > bound) | (values < -bound))):
        raise _beyond(table, name)
    return np.asarray(values, np.int64)


def _beyond(table: str, name: str) -> DataError:
    return DataError(
        f"table {table}: the local {name} exceeds what the schema allows (more rows than `at_most`, or values out of "
        "range)"
    )
