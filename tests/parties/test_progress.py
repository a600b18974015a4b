"""What heartbeats tell of the work of an owner: that it goes on, and nothing about its rows."""

import asyncio

import numpy as np
import pytest

from mpc import Real, Scenario, Study, Table
from mpc.machine.channel import MemoryNetwork
from mpc.machine.party import Busy, Environment
from mpc.machine.runtime import Runtime
from mpc.machine.simulation import simulated_keys
from mpc.tables.rows import ArrayRows
from parties.run.progress import LULL_S, Told
from protocols.assembly import assemble, whole
from protocols.computation import Computation
from protocols.library import Library


class Rows(Table):
    x = Real(0, 1)


averages = Scenario(inputs={"rows": Rows.rows()})


@averages.run
async def average(study: Study) -> None:
    study.release("mean", study.table("rows").x.mean())
    await study.settle(study.table("rows").x.sum())  # reads the rows once more
    study.release("variance", study.table("rows").x.var())


@pytest.mark.parametrize("sizes", [(1000, 600_000, 3_000_000), (3_000_000, 10, 0)])
def test_what_is_told_does_not_depend_on_the_number_of_rows(sizes):
    computation = Computation(averages, list("abc"), engine="ideal")

    def told(sizes):
        network = MemoryNetwork(3)

        async def party(i):
            environment = Environment(network.channels[i], simulated_keys(i, 3, 1))
            run = Runtime(computation.make_engine(), Library(), environment)
            rows = {"rows": ArrayRows({"x": np.full(sizes[i], 0.5)})}
            study = assemble(computation, run, rows=rows)
            progress = Told(lambda: run.finished + run.busy.pulse, run.busy, clock=lambda: 0.0)
            await run.execute(whole(averages, study))
            return progress(), run.busy.read

        async def all_of_them():
            return await asyncio.gather(*(party(i) for i in range(3)))

        return asyncio.run(all_of_them())

    plain, other = told((1000, 1000, 1000)), told(sizes)
    assert [progress for progress, _ in plain] == [progress for progress, _ in other]
    assert [read for _, read in plain] != [read for _, read in other]  # which would have told


def beats(seconds, batches):
    """What is told, once a second, of a reading whose batches end at these times."""
    busy, now = Busy(), [0.0]
    progress = Told(lambda: 7, busy, clock=lambda: now[0])
    told = [progress()]
    busy.reading = 1
    for second in range(1, seconds):
        now[0] = float(second)
        busy.read = sum(end <= second for end in batches)
        told.append(progress())
    return told


@pytest.mark.parametrize("every", [0.01, 1, 4, 9.9])
def test_reading_that_goes_on_is_one_more_each_second_however_many_batches(every):
    assert beats(60, [i * every for i in range(1, int(60 / every) + 1)]) == [7, *range(8, 67)]


def test_slow_batches_do_not_show_one_by_one():
    """After the first gap that is longer than the lull, all that follow are covered."""
    told = beats(200, range(15, 200, 15))
    assert told[15:] == list(range(told[15], told[15] + 185))


def test_reading_that_stands_still_is_no_progress():
    told = beats(120, [1, 2, 3])
    assert len(set(told[int(LULL_S) + 4 :])) == 1


def test_nothing_is_added_when_nothing_is_read():
    busy, now = Busy(), [0.0]
    progress = Told(lambda: 7, busy, clock=lambda: now[0])
    busy.read = 5
    assert [progress() for now[0] in range(5)] == [7] * 5
