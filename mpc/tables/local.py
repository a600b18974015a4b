"""The local pass: all aggregates that a script asks of an owner's rows are computed in one reading of its source.

Aggregates are collected while the script schedules, and run together when it first awaits (or ends). An aggregate
asked for after an await costs another reading.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mpc.errors import DataError
from mpc.machine.digest import digest
from mpc.machine.engine import Integers, Shape
from mpc.machine.operation import Handle, Local
from mpc.machine.outside import Part, Partial
from mpc.machine.relations import Rule
from mpc.machine.runtime import Runtime
from mpc.tables.aggregates import Aggregate, columns_of
from mpc.tables.expressions import Expression
from mpc.tables.kinds import need_no_key
from mpc.tables.noise import DRAW, Noises, noisy
from mpc.tables.rows import AggregatedRows, KeptRows, Rows, Values
from mpc.untyped import JsonObject
from mpc.values.fixed import width_of
from mpc.values.secret import SecretArray

if TYPE_CHECKING:
    from mpc.tables.source import Source


def _nothing() -> None:
    """Nobody asks how long a reading takes."""


class LocalPass:
    """One table's rows at this party (None: it brings none), and the aggregates that wait for them."""

    def __init__(self, run: Runtime, table: str, rows: Rows | None, *, once: bool = False) -> None:
        #: Rows that are computed for one reading: such tables are computed one after the other, and not kept.
        self._once = once
        self._run = run
        self._table = table
        self._rows = rows
        self._waiting: list[tuple[Aggregate, Local]] = []
        #: Of a dry run: all that is asked.
        self.asked: list[Aggregate] = []
        #: Called when a reading begins; what it returns is called when the reading is done.
        self.on_read: Callable[[], Callable[[], None]] = lambda: _nothing
        run.before_await(self._flush)

    def ask(self, aggregate: Aggregate) -> Local:
        """The aggregate's result, later: a dict of float64 arrays. Raises ShapeError for what would tell keys."""
        for expression in () if aggregate.of_keys else aggregate.expressions():
            need_no_key(expression.text, expression.type)
        local = Local(digest((self._table, aggregate.digest)), aggregate.work)
        if self._run.dry:
            self.asked.append(aggregate)
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
        async with self._run.in_turn if self._once else nullcontext():
            done = self.on_read()
            results = await self._in_thread(aggregates)
        done()
        for (_, local), result in zip(waiting, results, strict=True):
            self._run.resolve(local, result)

    async def _in_thread(self, aggregates: list[Aggregate]) -> list[JsonObject]:
        busy = self._run.busy
        with busy:
            busy.reading += 1
            try:
                return await asyncio.get_running_loop().run_in_executor(None, self._read, aggregates)
            finally:
                busy.reading -= 1

    def _read(self, aggregates: list[Aggregate]) -> list[JsonObject]:
        """The results, from the rows' database where it answers itself, else from the rows in batches."""
        assert self._rows is not None
        known: list[JsonObject | None] = [None] * len(aggregates)
        if isinstance(self._rows, AggregatedRows):
            known = self._rows.aggregated(aggregates)
        left = [aggregate for aggregate, result in zip(aggregates, known, strict=True) if result is None]
        if left:
            self._stream(self._rows, left)
        if self._once and isinstance(self._rows, KeptRows):
            self._rows.forget()
        return [
            aggregate.result() if result is None else aggregate.finished(result)
            for aggregate, result in zip(aggregates, known, strict=True)
        ]

    def _stream(self, source: Rows, aggregates: list[Aggregate]) -> None:
        noises, start = self._noises(aggregates), 0
        with np.errstate(all="ignore"):
            for read in source.batches(sorted(columns_of(aggregates))):
                memo: dict[int, Any] = {}
                rows = len(next(iter(read.values())))
                batch: Mapping[str, Any] = read
                if noises is not None:
                    batch = {**read, DRAW: partial(noises.draw, start=start, rows=rows)}
                start += rows

                def evaluate(
                    expression: Expression, batch: Mapping[str, Any] = batch, memo: dict[int, Any] = memo
                ) -> Any:
                    return expression.evaluate(batch, memo)

                for aggregate in aggregates:
                    aggregate.update(evaluate, rows)
                self._run.busy.read += 1

    def _noises(self, aggregates: list[Aggregate]) -> Noises | None:
        """What draws noise beside these rows, by one key in the run; None: nobody asks for noise."""
        asked = (e for a in aggregates for e in (*a.expressions(), *([] if a.where is None else [a.where])))
        if not any(noisy(expression) for expression in asked):
            return None
        label = digest(("noise of rows", self._table))
        if label not in self._run.noise_keys:
            key = np.empty(16, np.uint8)
            self._run.environment.keys.private.fill(key, label, b"key")
            self._run.noise_keys[label] = key.tobytes()
        return Noises(self._run.noise_keys[label])


#: Most bounds that are compared as relations; of more bounds, the comparison itself makes both sides.
_FEW = 4096


@dataclass
class Shared:
    """Parts that owners shared together, each of shape (owners, *shape).

    given  the parts as they came in, also where an owner lied
    facts  whether the relations between them hold, for each owner or for all; None: no compute party brings rows, or
           nothing can fail
    """

    parts: dict[str, SecretArray]
    given: dict[str, SecretArray]
    facts: Handle | None

    def __getitem__(self, name: str) -> SecretArray:
        return self.parts[name]

    def kept(self, x: SecretArray) -> SecretArray:
        """x where all relations hold, else 0; for parts that were shared `together`."""
        return x if self.facts is None else x.with_handle(x.run.schedule("keep", x.handle, self.facts))


def share_parts(source: Source, local: Local, parts: Sequence[Part], rule: Rule, *, together: bool = False) -> Shared:
    """Share every owner's partial results, encoded with their fraction bits and checked against their bounds.

    Each has the shape (owners, *shape), in the order of the owners. Every party schedules the same; only an owner holds
    values, and contributions of organizations that do not compute are in shares already. `rule` says what must
    hold between the parts. If it does not hold for an owner, that owner's parts count as 0; with `together`, all parts
    of all owners do (`mpc.machine.relations`).

    Raises DataError at the owner (and there only) for NaN, infinities and values beyond the bound. Rounds 1, and those
    of `nonnegative` and 1 before the parts can be used; bytes 8 an element from each owner that computes to one party,
    those of `nonnegative` for each relation, and for both sides of the bounds that do not follow from a relation.
    """
    run = source.run
    for part in parts:
        if width_of(part.bound) > run.engine.capacity:
            raise DataError(f"table {source.name}: the declared limits of {part.name} exceed the ring")
    size = sum(part.size for part in parts)

    def values(partials: dict[str, Values]) -> Integers:
        encoded = [_encoded(partials[p.of or p.name], (p.size,), p.frac, p.bound, source.name, p.name) for p in parts]
        return np.concatenate(encoded).reshape(1, size)

    reads = digest((local.digest, tuple(tuple(part) for part in parts)))
    inside, absent = source.by_role
    handles = []
    for owner in inside:
        own = None if run.dry or run.index != owner else values
        handles.append(run.schedule("input", local=local, reads=reads, owner=owner, values=own, shape=(1, size)))
    facts: Handle | None = None
    shared = [_joined(run, handles)] if handles else []
    kept = list(shared)
    given: dict[str, SecretArray] = {}
    if shared:
        given = parted(run, shared[0], parts)
        facts = _claimed(run, inside, given, parts, rule, together)
        kept = [shared[0] if facts is None else run.schedule("keep", shared[0], facts)]
    if absent:
        others = run.outside.share(run, Partial(source.name, tuple(parts), absent, rule, reads), local, values)
        shared.append(others)
        kept.append(run.schedule("keep", others, facts) if together and facts is not None else others)
        given = parted(run, _joined(run, shared), parts)
    return Shared(parted(run, _joined(run, kept), parts), given, facts)


def _joined(run: Runtime, handles: Sequence[Handle]) -> Handle:
    return handles[0] if len(handles) == 1 else run.schedule("concatenate", *handles, axis=0)


def _claimed(
    run: Runtime,
    owners: Sequence[int],
    given: Mapping[str, SecretArray],
    parts: Sequence[Part],
    rule: Rule,
    together: bool,
) -> Handle | None:
    """Claim that the rule holds for each owner, and the bounds that do not follow from it; None: nothing can fail."""
    raw = {name: raw_integers(x) for name, x in given.items()}
    bounded = [raw[part.name] for part in parts if part.name not in rule.covers]
    claims = rule.relations(raw)
    if sum(x.size for x in bounded) <= _FEW:  # as relations: a further message costs more than the copies
        claims += [side for x in bounded for side in (x.bound - x, x + x.bound)]
        bounded = []
    if not claims and not bounded:
        return None
    return run.relations.hold(owners, claims, bounded=bounded, together=together)


def parted(run: Runtime, handle: Handle, parts: Sequence[Part]) -> dict[str, SecretArray]:
    """Cut a share of shape (owners, size) into its parts, each (owners, *shape). Local."""
    owners, start = handle.spec.shape[0], 0
    values = {}
    for name, shape, frac, bound, kind, _ in parts:
        whole = (owners, *shape)
        end = start + prod(shape)

        def to(x: NDArray[Any], a: int = start, b: int = end, whole: Shape = whole) -> NDArray[Any]:
            return x[:, a:b].reshape(whole)

        part = handle if whole == handle.spec.shape else run.schedule("view", handle, to=to, shape=whole)
        values[name] = SecretArray(run, part, type=kind, frac=frac, bound=bound)
        start = end
    return values


def raw_integers(x: SecretArray) -> SecretArray:
    """The raw integers behind a number."""
    return SecretArray(x.run, x.handle, type="int", bound=x.bound)


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
