from __future__ import annotations

import asyncio
import random
from contextlib import suppress

import numpy as np
import pytest

from mpc.errors import (
    ChannelError,
    DataError,
    LocalProtocolError,
    PeerLost,
    RangeError,
    RemoteProtocolError,
    TooMuchInFlight,
)
from mpc.machine import accounting
from mpc.machine.channel import MemoryNetwork
from mpc.machine.engine import Cost
from mpc.machine.network import NETWORKS, Network
from mpc.machine.opening import open_to
from mpc.machine.operation import Local, raised_at
from mpc.machine.party import Environment
from mpc.machine.runtime import Runtime
from mpc.machine.simulation import simulated_keys
from mpc.values.secret import constant, where
from mpc.values.stated import Stated
from protocols.ideal.engine import IdealEngine
from protocols.library import Library
from protocols.simulate import evaluate, make_engine
from tests.support.value_floor import opened, secret

THREE = (0, 1, 2)


class Recording(IdealEngine):
    """Keeps (primitive, label) of everything that is scheduled, in the order of the program's calls."""

    def __init__(self, parties: int = 3) -> None:
        super().__init__(parties)
        self.planned: list[tuple[str, bytes]] = []

    def plan(self, primitive, label, *operands, **parameters):
        self.planned.append((primitive, label))
        return super().plan(primitive, label, *operands, **parameters)


class Slow(Recording):
    """Interactive primitives wait a random number of turns of the event loop."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.chance = random.Random(seed)
        self.finished: list[str] = []

    async def multiply(self, party, x, y):
        for _ in range(self.chance.randrange(5)):
            await asyncio.sleep(0)
        self.finished.append(party.label.hex())
        return await super().multiply(party, x, y)


def alone(engine, script, *, dry=False, **settings):
    """One party in one run."""
    network = MemoryNetwork(engine.parties)
    environment = None if dry else Environment(network.channels[0], simulated_keys(0, engine.parties, 1))
    run = Runtime(engine, Library(), environment, **settings)
    asyncio.run(run.execute(script(run)))
    return run


def here() -> str:
    import sys

    frame = sys._getframe(1)
    return f"test_runtime.py line {frame.f_lineno}"


# ---- order
def test_results_do_not_depend_on_the_order_of_execution():
    orders = set()
    for seed in range(6):
        engine = Slow(seed)
        values = []

        async def script(run, values=values):
            a = secret(run, np.arange(4))
            squares = [a * k * a for k in range(1, 6)]
            total = squares[0]
            for square in squares[1:]:
                total = total + square * square
            values.append(await opened(run, total))

        alone(engine, script)
        a = np.arange(4)
        np.testing.assert_array_equal(values[0], a**2 + sum((k * a * a) ** 2 for k in range(2, 6)))
        orders.add(tuple(engine.finished))
    assert len(orders) > 1, "the schedules did not differ"


def test_gathered_parts_take_the_same_labels_whatever_the_scheduling():
    def labels(engine):
        async def part(run, name, n):
            x = secret(run, [n])
            for _ in range(n):
                x = x * x
                await run.settle(x.handle)
            return x

        async def script(run):
            before = secret(run, [1])
            results = await run.gather(part(run, "a", 3), part(run, "b", 1), part(run, "c", 2))
            await run.settle((results[0] + results[1] + results[2] + before).handle)

        return alone(engine, script)

    planned, orders = set(), set()
    for seed in range(6):
        engine = Slow(seed)
        labels(engine)
        planned.add(frozenset(engine.planned))
        orders.add(tuple(engine.planned))
    assert len(planned) == 1
    assert len(orders) > 1, "the schedules did not differ"


def test_a_plain_gather_is_refused_and_study_gather_is_taught():
    async def script(run):
        async def part():
            return secret(run, [1]) + 1

        await asyncio.gather(part(), part())

    with pytest.raises(LocalProtocolError, match=r"study\.gather\(f\(a\), f\(b\)\)"):
        alone(IdealEngine(), script)


def test_gather_from_another_task_closes_its_parts():
    async def script(run):
        async def part():
            return None

        await asyncio.create_task(run.gather(part(), part()))

    with pytest.raises(LocalProtocolError, match=r"study\.gather"):
        alone(IdealEngine(), script)


def test_an_error_in_a_gathered_part_ends_the_others():
    ended = []

    async def script(run):
        async def fine():
            try:
                await asyncio.sleep(100)
            finally:
                ended.append("fine")

        async def bad():
            await asyncio.sleep(0)
            raise DataError("no")

        await run.gather(fine(), bad())

    with pytest.raises(DataError):
        alone(IdealEngine(), script)
    assert ended == ["fine"]


def test_memos_of_siblings_are_not_seen():
    seen = {}
    table = object()

    async def script(run):
        async def part(name, delay):
            for _ in range(delay):
                await asyncio.sleep(0)
            run.scope.memo(table)[name] = name
            await asyncio.sleep(0)
            seen[name] = set(run.scope.memo(table))

        await run.gather(part("a", 3), part("b", 0), part("c", 1))
        seen["after"] = set(run.scope.memo(table))

    alone(IdealEngine(), script)
    assert seen == {"a": {"a"}, "b": {"b"}, "c": {"c"}, "after": set()}


# ---- errors
class Failing(Recording):
    async def multiply(self, party, x, y):
        await asyncio.sleep(0)
        raise RemoteProtocolError("from the operation", peer=2)

    def add(self, party, x, y):
        raise RemoteProtocolError("from a local operation", peer=1)


@pytest.mark.parametrize("operation", ["multiply", "add"])
def test_the_first_error_ends_the_run_at_the_operations_line(operation):
    line = []
    reached = []

    async def script(run):
        a = secret(run, [1])
        if operation == "multiply":
            line.append(here()), a * a
        else:
            line.append(here()), a + a
        b = a - 1  # scheduled, and nothing wrong with it
        try:
            await run.settle(b.handle)
            await asyncio.sleep(100)
        finally:
            reached.append("cancelled")

    with pytest.raises(RemoteProtocolError, match="operation") as caught:
        alone(Failing(), script)
    assert caught.value.source == line[0]
    assert reached == ["cancelled"]


def test_a_script_that_swallows_the_cancellation_still_fails():
    async def script(run):
        a = secret(run, [1])
        with suppress(RemoteProtocolError):
            await run.settle((a * a).handle)

    with pytest.raises(RemoteProtocolError):
        alone(Failing(), script)


def test_an_unused_result_is_computed_and_its_error_counts():
    async def script(run):
        a = secret(run, [1])
        _ = a * a

    with pytest.raises(RemoteProtocolError):
        alone(Failing(), script)

    done = []

    class Late(Recording):
        async def multiply(self, party, x, y):
            await asyncio.sleep(0.01)
            done.append(1)
            return await super().multiply(party, x, y)

    alone(Late(), script)
    assert done == [1]


def test_a_peer_that_goes_after_the_script_ends_nothing():
    class Gone(Recording):
        async def multiply(self, party, x, y):
            await asyncio.sleep(0.01)
            raise PeerLost("gone", peer=1)

    async def unused(run):
        a = secret(run, [1])
        _ = a * a

    async def used(run):
        a = secret(run, [1])
        await run.settle((a * a).handle)

    alone(Gone(), unused)
    with pytest.raises(ChannelError):
        alone(Gone(), used)


def test_nothing_starts_after_a_failure():
    started = []

    class Counting(Failing):
        def subtract(self, party, x, y):
            started.append("subtract")
            return super().subtract(party, x, y)

    async def script(run):
        local = Local()
        handle = run.schedule("input", local=local, owner=0, values=lambda v: np.asarray(v, np.int64), shape=(1,))
        a = constant(run, [1])
        x = a.with_handle(handle)
        _ = x - a
        _ = a * a
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert run.failure is not None
        run.resolve(local, [5])
        handle = run.schedule("subtract", a.handle, a.handle)
        assert not handle.done

    with pytest.raises(RemoteProtocolError):
        alone(Counting(), script)
    assert started == []


def test_errors_of_the_script_itself_carry_its_line():
    line = []

    async def script(run):
        x = secret(run, [1], bound=2**40, frac=10)
        line.append(here()), x.times(x)

    with pytest.raises(RangeError, match="within") as caught:
        alone(IdealEngine(), script)
    assert caught.value.source == line[0]


def test_an_error_at_one_party_ends_all(capfd):
    async def script(run):
        x = secret(run, [1])
        if run.index == 1:
            raise DataError("at one party")
        handle = run.schedule("input", owner=1, values=None, shape=(1,))
        await run.settle(x.handle, handle)

    with pytest.raises(DataError):
        evaluate(script)


def test_cancelling_a_run_cancels_its_script():
    ended = []

    async def main():
        engine = Recording()
        run = Runtime(engine, Library(), Environment(MemoryNetwork(3).channels[0], simulated_keys(0, 3, 1)))

        async def script():
            try:
                await run.settle(run.schedule("input", owner=1, values=None, shape=(1,)))
            finally:
                ended.append("script")

        task = asyncio.ensure_future(run.execute(script()))
        await asyncio.sleep(0.01)
        assert run.waiting() is not None
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert run.waiting() is None
        assert len(asyncio.all_tasks()) == 1

    asyncio.run(main())
    assert ended == ["script"]


def test_who_waits_for_what():
    said = []

    async def script(run):
        if run.index == 0:
            waits = run.schedule("input", owner=1, values=None, shape=(2,))
            said.append((run.waiting(), here()))
            await run.settle(waits)
            assert run.waiting() is None
        else:
            run.schedule("input", owner=1, values=np.asarray([1, 2]) if run.index == 1 else None, shape=(2,))

    evaluate(script)
    (what, source), line = said[0]
    assert what.startswith("input ")
    before = int(line.rsplit(" ", 1)[1]) - 1
    assert source == f"test_runtime.py line {before}"


# ---- long chains
@pytest.mark.parametrize("late", [False, True])
def test_ten_thousand_dependent_operations_without_recursion(late):
    async def script(run):
        local = Local()
        handle = run.schedule(
            "input", local=local, owner=run.index, values=lambda v: np.asarray(v, np.int64), shape=(1,)
        )
        x = constant(run, [1]).with_handle(handle)
        if not late:
            run.resolve(local, [5])
        for _ in range(10_000):
            x = x.invoke("add_public", values=np.asarray(1), result=Stated(bound=x.bound))
        if late:
            run.resolve(local, [5])
        result = open_to(run, x.handle, THREE)
        await run.settle(result)
        assert result.share.tolist() == [10_005]

    alone(IdealEngine(1), script)


def test_a_long_interactive_chain_that_waits_each_time():
    engine = Slow(1)

    async def script(run):
        x = secret(run, [3])
        for _ in range(2000):
            x = x.invoke("multiply", constant(run, [1]), result=Stated(bound=x.bound))
        assert (await opened(run, x)).tolist() == [3]

    alone(engine, script)


# ---- what may be in flight
def flood(operations, *, pause=None):
    async def script(run):
        x = secret(run, np.zeros(1000, np.int64), bound=1, frac=0)
        for k in range(operations):
            y = x.invoke("add", x, result=Stated(bound=x.bound))
            if pause and k % pause == pause - 1:
                await run.settle(y.handle)

    return script


def test_too_much_in_flight_by_bytes_and_by_number(monkeypatch):
    with pytest.raises(TooMuchInFlight, match=r"await study\.settle\(x\)") as caught:
        alone(IdealEngine(), flood(200), memory_budget=100 * 16_000)
    assert "test_runtime.py" in caught.value.source
    alone(IdealEngine(), flood(200, pause=90), memory_budget=100 * 16_000)
    monkeypatch.setattr(accounting, "OPERATIONS_BUDGET", 150)
    with pytest.raises(TooMuchInFlight, match="151 operations"):
        alone(IdealEngine(), flood(200))
    alone(IdealEngine(), flood(200, pause=90))


def test_the_count_depends_on_the_program_alone():
    """Parts beside each other do not spend or reset each other's budget; dry runs and parties agree."""

    def counted(engine, dry):
        reached = []

        async def hungry(run):
            x = secret(run, np.zeros(1000, np.int64))
            await run.settle(x.handle)
            for k in range(1000):
                x = x.invoke("multiply", x, result=Stated(bound=1))
                reached.append(k)

        async def modest(run):
            for _ in range(50):
                x = secret(run, [1])
                await run.settle((x * x).handle)

        async def script(run):
            await run.gather(hungry(run), modest(run))

        with pytest.raises(TooMuchInFlight):
            alone(engine, script, dry=dry, memory_budget=60 * 16_000)
        return len(reached)

    assert {counted(Slow(seed), dry=False) for seed in range(4)} == {counted(Recording(), dry=True)} == {60}


# ---- dry
def small_program(seen):
    async def script(run):
        x, y = secret(run, [0.5, 2.0]), secret(run, [1, 2])
        z = where(x < y, x * y, x / y)

        async def part(k):
            value = z * k
            await run.settle(value.handle)
            return value

        both = await run.gather(part(2), part(3))
        seen.append(await opened(run, both[0] + both[1]) if not run.dry else None)

    return script


def test_a_dry_run_schedules_what_a_run_does():
    wet, dry, seen = Recording(), Recording(), []
    done = alone(wet, small_program(seen))

    async def script(run):
        x, y = secret(run, [0.5, 2.0]), secret(run, [1, 2])
        z = where(x < y, x * y, x / y)

        async def part(k):
            value = z * k
            await run.settle(value.handle)
            return value

        both = await run.gather(part(2), part(3))
        total = both[0] + both[1]
        for secret_ in (total, total.valid):
            open_to(run, secret_.handle, range(3))  # as `opened` does
        await run.settle(total.handle)

    planned = alone(dry, script, dry=True)
    assert wet.planned == dry.planned
    assert (done.cost, done.operations, done.steps) == (planned.cost, planned.operations, planned.steps)
    assert done.operations > 30
    np.testing.assert_allclose(seen[0], [2.5, 5.0], rtol=1e-6)
    with pytest.raises(LocalProtocolError, match="dry"):
        _ = planned.environment


def test_costs_by_formula_are_what_the_network_counts():
    networks = []

    async def script(run):
        if run.index == 0:
            networks.append(run.environment.channel._network)
        x, y = secret(run, np.linspace(-1, 1, 50)), secret(run, np.linspace(1, 2, 50))
        z = (x * y).sum() + (x < y).sum()
        await opened(run, z)
        return run.cost

    costs = evaluate(script, engine="replicated")
    assert costs[0] == costs[1] == costs[2]
    assert list(costs[0].bytes_sent) == networks[0].bytes_sent
    assert sum(costs[0].messages) == len(networks[0].messages)
    assert costs[0].rounds > 4


def test_progress_is_told():
    told = []

    async def script(run):
        x = secret(run, [2])
        await opened(run, x * x)

    run = alone(Slow(3), script, on_progress=lambda primitive, source: told.append((primitive, source[0])))
    assert [name for name, _ in told] == ["multiply", "open"]
    assert all(file == __file__ for _, file in told[:1])
    assert run.finished == 2


# ---- choice of protocols
class Priced(Recording):
    """Two primitives for the sign: one with rounds, one with bytes and with work."""

    def plan(self, primitive, label, *operands, **parameters):
        spec, cost = super().plan(primitive, label, *operands, **parameters)
        size = operands[0].size if operands else 0
        if primitive == "sign":
            cost = Cost(8, (size,) * 3, (1,) * 3)
        if primitive == "quick_sign":
            cost = Cost(3, (10 * size,) * 3, (1,) * 3)
        return spec, cost

    def work(self, primitive, *operands, **parameters):
        return 1e-6 * operands[0].size if primitive == "quick_sign" else 0.0


@pytest.mark.parametrize(
    ("size", "network", "chosen"),
    [
        (1, None, "sign"),
        (1000, Network(0.04, 1e9), "quick_sign"),  # 5 rounds of 20 ms against 72 µs and 1 ms
        (1000, Network(0.0002, 1e9), "sign"),  # 0.5 ms against 1.07 ms
        (1000, Network(0.0002, 1e7), "sign"),
        (1000, Network(0.04, 1e6), "quick_sign"),  # 100 ms against 72 ms and 1 ms
        (1000, Network(0.04, 0.7e6), "sign"),  # 100 ms against 103 ms
        (200_000, Network(0.04, 1e9), "sign"),  # the work: 200 ms
    ],
)
def test_the_network_chooses_among_primitives_that_do_the_same(size, network, chosen):
    engine, asked = Priced(), []

    async def script(run):
        x = secret(run, np.zeros(size))
        for _ in range(3):
            assert run.cheapest(("sign", "quick_sign"), x.handle, width=30) == chosen
        asked.extend(primitive for primitive, _ in engine.planned if "sign" in primitive)
        (x < 0)  # noqa: B015

    run = alone(engine, script, network=network)
    assert run.network is network
    assert asked == ([] if network is None else ["sign", "quick_sign"])  # compared once, however often it is asked
    assert engine.planned[-1][0] == chosen


def test_what_the_network_chose_gives_the_same_results_and_is_prepared():
    """On the real engine: a dry run names the primitive whose kernels the run will want."""
    x = np.asarray([-1.5, -(2.0**-20), 0.0, 2.0**-20, 7.0])

    async def script(run):
        below = secret(run, x) < 0
        return await opened(run, below), run.cost

    fast, slow = (evaluate(script, engine="replicated", network=network)[0] for network in (None, NETWORKS["wan"]))
    np.testing.assert_array_equal(fast[0], x < 0)
    np.testing.assert_array_equal(slow[0], x < 0)
    assert slow[1].rounds < fast[1].rounds

    async def planned(run):
        (secret(run, x) < 0)  # noqa: B015

    dry = Runtime(make_engine("replicated"), Library(), network=NETWORKS["wan"])
    asyncio.run(dry.execute(planned(dry)))
    assert "quick_sign" in dry.planned
    assert "sign" not in dry.planned


def test_an_error_of_a_thread_has_no_line_of_pythons_own_files():
    """Rows are read in a thread of Python's: its thread.py is no script."""

    async def read() -> None:
        # `int` has no frame: the innermost one is that of thread.py.
        await asyncio.get_running_loop().run_in_executor(None, int, "x")

    with pytest.raises(ValueError, match="invalid literal") as raised:
        asyncio.run(read())
    assert raised.traceback[-1].path.name == "thread.py"
    assert raised_at(raised.value) == (__file__, read.__code__.co_firstlineno + 2)
