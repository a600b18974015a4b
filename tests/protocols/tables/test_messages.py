"""Messages of verbs on secret rows: the same for all tables of one size, and as the plan says."""

from __future__ import annotations

import asyncio
from collections import Counter

import numpy as np
import pytest

from mpc.machine.channel import MemoryNetwork
from mpc.machine.party import Environment
from mpc.machine.runtime import Runtime
from mpc.machine.simulation import simulated_keys
from mpc.values.secret import SecretArray
from protocols import order
from protocols.assembly import run_here
from protocols.library import Library
from protocols.simulate import make_engine
from protocols.tables.groups import group_rows
from protocols.tables.joins import join_rows
from protocols.tables.keys import distinct, one_of_each, value_counts
from protocols.tables.windows import windows
from tests.support.key_tables import Columns, made

N = 24


def sums(c):
    by = group_rows(c.rows, c.keys, groups=5)
    return [by.keys[0], by.count(), by.sum(c["x"]), by.mean(c["y"]), by.any(c["flag"]), by.number()]


def orders(c):
    by = group_rows(c.rows, c.keys, groups=5)
    return [by.min(c["x"]), by.max(c["x"]), by.quantile(c["x"], 0.3), by.var(c["x"])]


def of_keys(c):
    keys, count = value_counts(c.rows, c.keys, groups=5)
    return [*keys, count, distinct(c.rows, c.keys), one_of_each(c.rows, c.keys)]


def of_windows(c):
    w = windows(c.rows, c.keys, [c["x"]])
    return [w.rank("min"), w.rank("dense"), w.shift(c["y"], 2), w.cumsum(c["x"])]


def joined(c):
    found = join_rows(c.rows, c.keys, c.rows, c.keys, [c["x"]], matches=2)
    return [found.found, *found.columns, found.beyond]


def medians(c):
    return [order.quantile(c["x"], [0.25, 0.5])]


VERBS = [sums, orders, of_keys, of_windows, joined, medians]
ENGINES = [("replicated", 3), pytest.param("shamir", 5, marks=pytest.mark.slow)]


def tables():
    """Tables of one size: ties; no rows; one group; keys that are all different."""
    ties = made("ties", seed=1)[:N].copy()
    none, one, many = ties.copy(), ties.copy(), ties.copy()
    none["rows"] = False
    one["key 0"] = 0
    one[["rows", "keyed 0", "valid x"]] = True
    many["key 0"] = np.arange(N)
    return [ties, none, one, many]


def shared(run, frame):
    """A table whose numbers the first party shares."""

    def column(name, bound, frac=0):
        raw = np.rint(np.ldexp(frame[name].to_numpy(float), frac)).astype(np.int64)
        handle = run.schedule("input", owner=0, values=raw if run.index == 0 else None, shape=raw.shape)
        return SecretArray(run, handle, type="fixed" if frac else "int", frac=frac, bound=bound)

    def masked(name, valid, bound, frac=0):
        return column(name, bound, frac).masked(column(valid, 1) > 0, "missing")

    values = {"x": masked("x", "valid x", 30), "y": masked("y", "valid y", 8 << 16, 16)}
    values["flag"] = masked("flag", "valid flag", 1)
    return Columns(column("rows", 1) > 0, [masked("key 0", "keyed 0", N)], values)


def sent(verb, frame, engine, parties):
    """(sender, receiver, tag, bytes) of all messages of a verb, and its cost by the plan."""
    network = MemoryNetwork(parties)
    costs = []

    async def party(index):
        environment = Environment(network.channels[index], simulated_keys(index, parties, seed=3))
        run = Runtime(make_engine(engine, parties, None), Library(), environment)

        async def script():
            results = verb(shared(run, frame))
            handles = [x.handle for x in results] + [x.valid.handle for x in results if x.valid is not None]
            await run.settle(*handles)

        await run.execute(script())
        costs.append(run.cost)

    async def everybody():
        await asyncio.gather(*(party(index) for index in range(parties)))

    run_here(everybody)
    return Counter(network.messages), costs[0]


@pytest.mark.parametrize(("engine", "parties"), ENGINES)
@pytest.mark.parametrize("verb", VERBS)
def test_messages_do_not_depend_on_rows(verb, engine, parties):
    first, *others = [sent(verb, frame, engine, parties) for frame in tables()]
    messages, cost = first
    for other, same in others:
        assert other == messages
        assert same == cost
    by_sender = Counter()
    for (sender, _, _, size), times in messages.items():
        by_sender[sender] += size * times
    assert tuple(by_sender[index] for index in range(parties)) == cost.bytes_sent


@pytest.mark.parametrize("verb", VERBS)
def test_plans(verb):
    """A dry run knows rounds and bytes beforehand."""
    frame = tables()[0]
    run = Runtime(make_engine("replicated"), Library())

    async def script():
        verb(shared(run, frame))

    run_here(lambda: run.execute(script()))
    _, cost = sent(verb, frame, "replicated", 3)
    assert run.cost == cost
