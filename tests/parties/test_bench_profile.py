"""`comity bench --profile`: what it counts adds up to what is measured, and its hooks leave no trace."""

from __future__ import annotations

import asyncio
import json
import os
from time import thread_time

import pytest
from click.testing import CliRunner

from mpc.machine.channel import FRAME_HEADER, MemoryNetwork
from mpc.machine.labels import Streams
from mpc.machine.party import Environment, Party, concurrently
from mpc.machine.runtime import Runtime
from mpc.machine.simulation import simulated_keys
from parties.bench import tables
from parties.bench.profile import PROCESSOR, Watch, joined, watched
from parties.bench.run import measure
from parties.bench.workloads import WORKLOADS
from parties.cli import main as cli
from protocols.library import Library
from protocols.replicated import kernels
from protocols.shamir import kernels as shamir
from protocols.simulate import make_engine

TRAINING = {"logistic_sgd", "logistic_breast_cancer", "logit", "cox"}
#: These wait several times, for what owners prepare and for comparisons of what they shared, which no primitive counts.
IN_STEPS = {"join", "join_many", "sql", "linkage", "linkage_one_block", "ols", "gwas"}


def repetition(name, size, engine="replicated", parties=3):
    """Profile of party 0 in one repetition on a memory network; its rounds and the bytes that were really sent."""
    network = MemoryNetwork(parties)
    found = {}

    async def party(index, together):
        keys = simulated_keys(index, parties, seed=4)
        run = Runtime(make_engine(engine, parties), Library(), Environment(network.channels[index], keys))

        async def timed(workload):
            if index:  # hooks are those of a process, of which the parties here have only one
                return await workload.timed()
            with watched(run) as watch:
                result = await watch.script(workload.timed())
                found["profile"] = watch.profile()
                found["rounds"] = workload.rounds(result)
                return result

        async def script():
            workload = WORKLOADS[name](run, size)
            await workload.prepare()
            await together.wait()
            before = len(network.messages)
            await together.wait()
            result = await timed(workload)
            while run.unfinished:  # noqa: ASYNC110  what the result does not depend on
                await asyncio.sleep(0)
            await together.wait()
            found["messages"] = network.messages[before:]
            await together.wait()
            assert await workload.error(result) <= workload.tolerance * run.engine.rounding

        await run.execute(script())

    async def everybody():
        together = asyncio.Barrier(parties)
        await asyncio.gather(*(party(index, together) for index in range(parties)))

    asyncio.run(everybody())
    return found


@pytest.mark.parametrize("name", list(WORKLOADS))
@pytest.mark.parametrize("size", [1, 30])
def test_rounds_and_bytes_add_up_to_what_is_sent(name, size):
    found = repetition(name, size)
    lines = found["profile"]["operations"].values()
    rounds = sum(line["rounds"] for line in lines)
    # Training waits for what is made ready, which is not all behind the weights.
    loose = name in IN_STEPS
    if loose:
        assert 0.7 * found["rounds"] <= rounds <= 1.5 * found["rounds"]
    else:
        assert rounds >= found["rounds"] if name in TRAINING else rounds == found["rounds"]
    for party in range(3):
        sent = sum(count + FRAME_HEADER for sender, _, _, count in found["messages"] if sender == party)
        counted = sum(line["sent"][party] for line in lines)
        assert sent - 512 <= counted <= sent if loose else counted == sent
    assert all(line["operations"] > 0 for line in lines)


@pytest.mark.parametrize("name", ["multiply", "matmul", "less_than", "chain"])
def test_another_engine_among_five_parties_adds_up(name):
    found = repetition(name, 30, "shamir", 5)
    profile = found["profile"]
    lines = profile["operations"].values()
    assert sum(line["rounds"] for line in lines) == found["rounds"]
    for party in range(5):
        sent = sum(count + FRAME_HEADER for sender, _, _, count in found["messages"] if sender == party)
        assert sum(line["sent"][party] for line in lines) == sent
    # Its own kernels are timed, too.
    assert profile["processor_seconds"]["kernels"] > 0


def test_rounds_of_blocks_one_after_the_other_add_up(monkeypatch):
    monkeypatch.setattr(WORKLOADS["exp"], "block", 4)
    one, three = repetition("exp", 4), repetition("exp", 12)
    assert three["rounds"] == 3 * one["rounds"]
    assert sum(line["rounds"] for line in three["profile"]["operations"].values()) == three["rounds"]


def test_times_are_within_the_whole():
    profile = repetition("chain", 300)["profile"]
    (product,) = profile["operations"].values()
    assert product["operations"] == product["rounds"] == 300
    assert 0 < product["busy_seconds"] < product["elapsed_seconds"]
    spent = profile["processor_seconds"]
    assert tuple(spent) == PROCESSOR
    assert all(seconds > 0 for seconds in spent.values())
    # Protocols, kernels and masks are parts of what the operations are busy with.
    inside = sum(spent[part] for part in ("kernels", "masks", "protocols"))
    assert inside == pytest.approx(product["busy_seconds"], rel=1e-6)


def test_nothing_stays_behind():
    before = Streams.fill, Party.compute, kernels.cross, kernels.square, shamir.multiply
    assert all(type(kernel) is type(kernels.fold) for kernel in before[2:])
    repetition("multiply", 5)
    repetition("multiply", 5, "shamir", 4)
    assert before == (Streams.fill, Party.compute, kernels.cross, kernels.square, shamir.multiply)


def test_hooks_go_when_the_repetition_fails():
    before = Streams.fill, Party.compute, kernels.cross

    async def main():
        loop = asyncio.get_running_loop()
        run = Runtime(make_engine("replicated", 3), Library(), None)
        engine = run.engine

        def fail():
            with watched(run):
                assert run.engine is not engine
                assert loop.get_task_factory() is not None
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            fail()
        assert run.engine is engine
        assert "schedule" not in vars(run)
        assert loop.get_task_factory() is None

    asyncio.run(main())
    assert before == (Streams.fill, Party.compute, kernels.cross)


def test_chunks_of_an_operation_are_its_own():
    """Tasks that an operation makes count for it; an error and a cancellation come through to where they belong."""

    def work():
        until = thread_time() + 0.02
        while thread_time() < until:
            pass

    async def chunk():
        await asyncio.sleep(0)
        work()
        await asyncio.sleep(0)
        return 7

    async def failing():
        await chunk()
        raise KeyError("mine")

    async def waits(cancelled):
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            cancelled.append(True)
            raise

    async def main():
        watch = Watch(3)
        line, cancelled = watch.line("whole"), []
        with watch.hooks():
            assert await watch.driven(line, concurrently(chunk(), chunk())) == [7, 7]
            assert line.processor >= 0.04
            with pytest.raises(KeyError, match="mine"):
                await watch.driven(line, concurrently(failing(), waits(cancelled)))
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.01):
                    await watch.driven(line, waits(cancelled))
            await asyncio.sleep(0)
        assert cancelled == [True, True]
        assert not watch._stack

    asyncio.run(main())


def test_profiles_of_three_parties_become_one():
    def told(busy, sent):
        line = {"operations": 2, "rounds": 3, "sent": sent, "elapsed_seconds": 2 * busy, "busy_seconds": busy}
        quiet = {"operations": 1, "rounds": 0, "sent": [0, 0, 0], "elapsed_seconds": 0.1, "busy_seconds": 0.1}
        parts = dict.fromkeys(PROCESSOR, busy)
        return {"seconds": busy, "processor_seconds": parts, "operations": {"add": quiet, "multiply": line}}

    profile = joined([told(1.0, [5, 6, 7]), told(2.0, [5, 6, 7]), told(6.0, [5, 6, 7])], 2)
    assert profile["seconds"] == 6.0
    assert profile["processor_seconds"] == dict.fromkeys(PROCESSOR, 3.0)
    first, second = profile["operations"]
    assert first == {
        "primitive": "multiply",
        "operations": 2,
        "rounds": 3,
        "bytes": 7,
        "elapsed_seconds": 6.0,
        "busy_seconds": 3.0,
    }
    assert second["primitive"] == "add"


@pytest.mark.slow
def test_profile_between_real_processes():
    names = [("multiply", 40), ("quantile", 40), ("chain", 12)]
    for result in measure(names, 1, profile=True):
        lines = result["profile"]["operations"]
        assert sum(line["rounds"] for line in lines) == result["rounds"]
        assert sum(line["bytes"] for line in lines) == result["bytes_per_party"]
        assert sum(line["busy_seconds"] for line in lines) < sum(result["profile"]["processor_seconds"].values())
        json.dumps(result)


def test_the_tables_fit_a_terminal(monkeypatch):
    profile = {
        "seconds": 0.5,
        "processor_seconds": dict.fromkeys(PROCESSOR, 0.1),
        "operations": [
            {
                "primitive": "multiply_truncate",
                "operations": 123456,
                "rounds": 12345,
                "bytes": 10**9,
                "elapsed_seconds": 12.3,
                "busy_seconds": 0.000123,
            }
        ],
    }
    result = {
        "workload": "logistic_sgd",
        "size": 1_000_000,
        "engine": "replicated",
        "organizations": 3,
        "threshold": 1,
        "seconds": 0.5,
        "seconds_min": 0.5,
        "seconds_max": 0.5,
        "floor_seconds": 0.1,
        "bytes_per_party": 80,
        "rounds": 1000,
        "max_error": 1e-5,
        "profile": profile,
    }
    asked = []

    def measured(cases, repeat, on_result, **options):
        asked.append(options)
        return [result]

    monkeypatch.setattr("parties.bench.run.measure", measured)
    monkeypatch.setenv("COLUMNS", "80")
    printed = CliRunner().invoke(cli.main, ["bench", "--workload", "open", "--profile"])
    assert printed.exit_code == 0
    assert asked[0]["profile"] is True
    assert max(map(len, printed.stdout.splitlines())) <= int(os.environ["COLUMNS"])
    for words in ("multiply_truncate", "12,345", "1.0 GB", "123 µs", *tables.PROCESSOR.values(), "20%"):
        assert words in printed.stdout
    assert set(tables.PROCESSOR) == set(PROCESSOR)
