"""The time of runs by simulation, against what can be worked out by hand."""

from __future__ import annotations

import asyncio
from math import inf

import numpy as np
import pytest

from mpc.machine.channel import FRAME_HEADER
from mpc.machine.engine import Cost
from mpc.machine.forecast import Machine, forecast
from mpc.machine.network import Network
from mpc.machine.operation import Local
from mpc.machine.trace import Read, Settle, Traced
from mpc.values.secret import constant
from protocols.library import Library
from protocols.simulate import make_engine

IDLE = Machine(0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
HALF = 0.02
FAR = Network(2 * HALF, inf)


def traced(script, **settings):
    run = Traced(make_engine("replicated"), Library(), **settings)
    asyncio.run(run.execute(script(run)))
    return run


def ints(run, n=4):
    return constant(run, np.arange(n))


async def chain(run, k=5):
    x = y = ints(run)
    for _ in range(k):
        y = y.times(x, bound=1 << 30)


def test_dependent_operations_take_a_one_way_delay_each():
    run = traced(chain)
    assert forecast(run.trace, FAR, IDLE).seconds == pytest.approx(5 * HALF + run_work(run))
    assert forecast(run.trace, FAR, IDLE).network_seconds == pytest.approx(run.rounds * HALF)


def run_work(run):
    """Seconds of kernels, all after each other."""
    return sum(step.work for step in run.trace.steps)


def test_independent_operations_share_their_rounds():
    async def script(run):
        x = ints(run)
        for _ in range(7):
            x.times(x, bound=1 << 30)

    assert forecast(traced(script).trace, FAR, IDLE).network_seconds == pytest.approx(HALF)


@pytest.mark.parametrize(("settled", "rounds"), [(False, 1), (True, 2)])
def test_a_script_that_waits_schedules_nothing_until_it_has_what_it_waits_for(settled, rounds):
    async def script(run):
        x = ints(run)
        y = x.times(x, bound=1 << 30)
        if settled:
            await run.settle(y.handle)
        x.times(x, bound=1 << 30)

    run = traced(script)
    assert forecast(run.trace, FAR, IDLE).network_seconds == pytest.approx(rounds * HALF)
    assert sum(isinstance(item, Settle) for item in run.trace.script.items) == settled


@pytest.mark.parametrize(("beside", "rounds"), [(True, 2 + 3 + 1), (False, 2 + 3 + 2 + 1)])
def test_gathered_parts_run_beside_each_other(beside, rounds):
    """Two parts of 3 and 2 rounds that wait within, after 2 rounds and before 1."""

    async def script(run):
        x = ints(run)

        async def steps(k):
            y = x
            for _ in range(k):
                y = y.times(x, bound=1 << 30)
                await run.settle(y.handle)

        await steps(2)
        if beside:
            await run.gather(steps(3), steps(2))
        else:
            await steps(3)
            await steps(2)
        await steps(1)

    assert forecast(traced(script).trace, FAR, IDLE).network_seconds == pytest.approx(rounds * HALF)


def test_bytes_take_turns_on_a_link():
    async def script(run):
        x = ints(run, 6000)
        for _ in range(3):
            x.times(x, bound=1 << 30)

    run = traced(script)
    sent = max(run.cost.bytes_sent) + FRAME_HEADER * max(run.cost.messages)
    slow = Network(2 * HALF, 1e6)
    assert forecast(run.trace, slow, IDLE).network_seconds == pytest.approx(HALF + 8 * sent / 1e6)
    assert forecast(run.trace, slow).network_seconds == forecast(run.trace, slow, IDLE).network_seconds


def test_large_operations_send_while_they_compute():
    async def script(run):
        x = ints(run, 1_000_000)
        x.times(x, bound=1 << 40)

    run = traced(script)
    work = run_work(run)
    sent = 8 * max(run.cost.bytes_sent)
    assert work > 0.005
    found = forecast(run.trace, Network(0.0, sent / work), IDLE)
    assert work < found.seconds < 1.5 * work  # not 2: while half of it is computed, half of it is sent


def test_what_computing_costs_by_hand():
    """One turn schedules all and sends; then one for each message from the party before."""

    async def script(run):
        x = ints(run, 1)
        y = x.times(x, bound=1)
        y.times(x, bound=1)

    run = traced(script)
    assert [step.primitive for step in run.trace.steps] == ["constant", "multiply", "multiply"]
    assert [step.after for step in run.trace.steps] == [(), (0,), (1, 0)]
    costs = Machine(schedule_s=1.0, step_s=20.0, exchange_s=300.0, message_s=4000.0, turn_s=50_000.0, byte_s=0.0)
    first = 50_000 + 3 * 1 + 2 * 20 + 300 + 4000
    second = 50_000 + 20 + 300 + 4000
    last = 50_000
    found = forecast(run.trace, Network(2.0, inf), costs)
    assert found.compute_seconds == pytest.approx(first + second + last, rel=1e-6)
    assert found.seconds == pytest.approx(found.compute_seconds + 2.0, rel=1e-6)


def test_parties_on_one_machine_share_its_cores():
    run = traced(chain)
    costs = Machine(0.0, 0.0, 1.0, 0.0, 0.0, 0.0)
    alone, one, two, three = (forecast(run.trace, FAR, costs, cores).compute_seconds for cores in (None, 1, 2, 3))
    assert alone == pytest.approx(5.0, rel=1e-6)
    assert one == pytest.approx(15.0, rel=1e-6)
    assert three == alone
    assert 7.5 * 0.99 < two <= 10.0 * 1.01


def test_parties_that_send_one_after_the_other_take_longer_than_those_that_send_at_once():
    """Rows in an order that party 0 knows: party 1 to 2, then 2 and 1 to each other; the owner's part comes beside."""
    rows, bits_per_second = 10_000, 1e6

    async def script(run):
        order = run.schedule("given_order", owner=0, values=None, rows=rows)
        await run.settle(order)
        run.begin_again()
        run.schedule("copy_down", ints(run, rows // 2).handle, order)

    run = traced(script)
    (step,) = [step for step in run.trace.steps if step.cost.rounds]
    assert [stage.rounds for stage in step.cost.stages] == [1, 1, 1]
    assert tuple(map(sum, zip(*[stage.bytes_sent for stage in step.cost.stages], strict=True))) == step.cost.bytes_sent
    whole, kept = (8 * (8 * n + FRAME_HEADER) / bits_per_second for n in (rows, rows // 2))
    found = forecast(run.trace, Network(2 * HALF, bits_per_second), IDLE).network_seconds
    assert found == pytest.approx(3 * HALF + 2 * whole + kept)
    even = step._replace(cost=Cost(3, step.cost.bytes_sent, step.cost.messages))
    run.trace.steps[run.trace.steps.index(step)] = even
    assert forecast(run.trace, Network(2 * HALF, bits_per_second), IDLE).network_seconds < 0.7 * found


def test_what_an_owner_computes_from_its_rows_comes_first_and_is_its_own():
    """Two inputs of party 1 wait for 3 and 5 seconds; one of party 2 for nothing; the others wait for all of them."""
    first, second = Local(b"one", 3.0), Local(b"two", 5.0)

    async def script(run):
        given = [
            run.schedule("input", local=local, owner=owner, values=None, shape=(3,))
            for local, owner in ((first, 1), (second, 1), (None, 2))
        ]
        await run.settle(*given)
        ints(run, 3).times(ints(run, 3), bound=1 << 20)

    run = traced(script)
    assert run.trace.locals == [3.0, 5.0]
    assert [item for item in run.trace.script.items if isinstance(item, Read)] == [Read((0, 1))]
    free = forecast(run.trace, FAR, IDLE)
    assert free.seconds == pytest.approx(8.0 + 2 * HALF, abs=1e-4)
    assert free.network_seconds == pytest.approx(2 * HALF)


def test_what_nobody_waited_for_is_computed_before_the_end():
    async def script(run):
        run.schedule("input", local=Local(b"one", 3.0), owner=1, values=None, shape=(3,))

    assert forecast(traced(script).trace, FAR, IDLE).seconds == pytest.approx(3.0 + HALF, abs=1e-4)


def test_a_trace_can_begin_again():
    async def script(run):
        x = ints(run, 3)
        y = x.times(x, bound=1 << 20)
        await run.settle(y.handle)
        run.begin_again()
        z = y.times(x, bound=1 << 20)
        await run.settle(y.handle, z.handle)

    run = traced(script)
    assert [step.primitive for step in run.trace.steps] == ["multiply"]
    assert run.trace.script.items == [0, Settle((0,))]
    assert forecast(run.trace, FAR, IDLE).network_seconds == pytest.approx(HALF)


def test_an_owner_waits_for_nobody_and_the_others_for_the_owner():
    async def script(run):
        handle = run.schedule("input", owner=1, values=None, shape=(3,))
        await run.settle(handle)
        x = ints(run, 3)
        x.times(x, bound=1 << 20)

    # The owner begins its product at once; the others one delay later, and so it waits for two.
    assert forecast(traced(script).trace, FAR, IDLE).network_seconds == pytest.approx(2 * HALF)


def test_a_trace_is_all_of_a_dry_run():
    run = traced(chain)
    assert len(run.trace.steps) == run.operations
    assert sum(step.cost.rounds > 0 for step in run.trace.steps) == run.steps
    assert tuple(np.sum([step.cost.bytes_sent for step in run.trace.steps if step.cost.rounds], axis=0)) == (
        run.cost.bytes_sent
    )


def test_nothing_takes_no_time_but_a_turn():
    async def script(run):
        pass

    assert forecast(traced(script).trace, FAR, IDLE).seconds == 0.0
