"""`comity bench`: the objects it prints, the results of its workloads, and its use."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from mpc.machine.channel import FRAME_HEADER, MemoryNetwork
from mpc.machine.party import Environment
from mpc.machine.runtime import Runtime
from mpc.machine.simulation import simulated_keys
from parties.bench.children import BenchFailed, children
from parties.bench.run import SHORT, _memory, cases
from parties.bench.setting import Setting, default_size, settings
from parties.bench.workloads import WORKLOADS
from parties.bench.workloads.arithmetic import factor_bounds
from parties.bench.workloads.base import FRAC, seeded
from parties.cli import main as cli
from parties.local.launch import consortium
from protocols.library import Library
from protocols.simulate import make_engine

KEYS = [
    "workload",
    "size",
    "engine",
    "organizations",
    "threshold",
    "seconds",
    "seconds_min",
    "seconds_max",
    "predicted_seconds",
    "difference",
    "floor_seconds",
    "bytes_per_party",
    "rounds",
    "max_error",
    "memory_bytes",
    "memory_limit",
    "network",
]
#: Some of their operations may be beside each other.
SIDE_BY_SIDE = {
    "join",
    "linkage",
    "linkage_one_block",
    "join_many",
    "gwas",
    "divide",
    "sqrt",
    "exp",
    "log",
    "sigmoid",
    "softmax",
    "sort_64",
    "group_by",
    "median",
    "mann_whitney",
    "mantel_haenszel",
    "distinct",
    "sql",
    "kaplan_meier",
    "logistic_sgd",
    "logistic_breast_cancer",
    "logit",
    "cox",
    "ols",
}


RESULT = dict.fromkeys(KEYS, 1.0) | {"engine": "replicated", "organizations": 3, "threshold": 1, "network": None}


@pytest.mark.slow
def test_every_workload_between_real_processes():
    command = [sys.executable, "-m", "parties.cli", "bench", "--json", "--size", "12", "--repeat", "1"]
    for name in WORKLOADS:
        command += ["--workload", name]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    results = json.loads(done.stdout)
    assert [(r["workload"], r["size"]) for r in results] == [(name, 12) for name in WORKLOADS]
    for result in results:
        assert list(result) == KEYS
        assert 0 < result["seconds_min"] <= result["seconds"] <= result["seconds_max"] < 30
        assert 0 < result["predicted_seconds"] < 30
        assert result["difference"] == pytest.approx(result["predicted_seconds"] / result["seconds"] - 1)
        assert 0 < result["floor_seconds"] < 30
        assert 0 <= result["max_error"] <= WORKLOADS[result["workload"]].tolerance
        assert result["memory_bytes"] is None or -(8 << 20) < result["memory_bytes"] < 256 << 20
        assert result["memory_limit"] is None or result["workload"] == "mlp_predict"  # its weights alone are many
        assert result["network"] is None
        assert (result["engine"], result["organizations"], result["threshold"]) == ("replicated", 3, 1)
    found = {r["workload"]: r for r in results}
    assert found["multiply_int"]["bytes_per_party"] == 8 * 12 + FRAME_HEADER
    assert found["chain"]["bytes_per_party"] == 12 * (8 + FRAME_HEADER)
    assert found["input"]["bytes_per_party"] == 8 * 12 + FRAME_HEADER
    rounds = {"multiply_int": 1, "multiply": 2, "dot": 2, "matmul": 2, "select": 2, "chain": 12, "input": 1, "open": 1}
    assert {name: found[name]["rounds"] for name in rounds} == rounds


@pytest.mark.slow
@pytest.mark.exhaustive
def test_every_workload_of_four_with_a_threshold():
    command = [sys.executable, "-m", "parties.cli", "bench", "--json", "--size", "12", "--repeat", "1"]
    command += ["--workload", "all", "--organizations", "4", "--threshold", "1"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    results = json.loads(done.stdout)
    assert [result["workload"] for result in results] == list(WORKLOADS)
    for result in results:
        assert list(result) == KEYS
        assert (result["engine"], result["organizations"], result["threshold"]) == ("shamir", 4, 1)
        assert result["floor_seconds"] > 0
    found = {r["workload"]: r for r in results}
    # Each of the three that multiply sends to two others.
    assert found["multiply_int"]["bytes_per_party"] == 2 * (16 * 12 + FRAME_HEADER)
    assert found["chain"]["rounds"] == 12


RUNS = [("replicated", 3, 1, name) for name in WORKLOADS] + [
    ("shamir", 5, 2, name) for name in ("multiply_int", "multiply", "matmul", "less_than", "equal", "chain", "open")
]


@pytest.mark.parametrize(("engine", "parties", "threshold", "name"), RUNS)
def test_rounds_are_those_of_the_messages(engine, parties, threshold, name):
    """The plan's rounds against the longest chain of dependent messages on a memory network."""
    size = 9
    network = MemoryNetwork(parties)
    rounds, errors, marks = [], [], []

    async def party(index, together):
        keys = simulated_keys(index, parties, seed=4)
        machine = make_engine(engine, parties, threshold)
        run = Runtime(machine, Library(), Environment(network.channels[index], keys))

        async def script():
            workload = WORKLOADS[name](run, size)
            await workload.prepare()
            await together.wait()
            marks.append(len(network.messages))
            await together.wait()
            result = await workload.timed()
            rounds.append(workload.rounds(result))
            await together.wait()
            marks.append(len(network.messages))
            await together.wait()
            errors.append(await workload.error(result))

        await run.execute(script())

    async def everybody():
        together = asyncio.Barrier(parties)
        await asyncio.gather(*(party(index, together) for index in range(parties)))

    asyncio.run(everybody())
    assert max(errors) <= WORKLOADS[name].tolerance * make_engine(engine, parties, threshold).rounding
    timed = {tag[:16] for _, _, tag, _ in network.messages[marks[0] : marks[-1]]}
    # Operations of most workloads depend on each other, so their rounds add up.
    most = sum(network.rounds(label) for label in timed)
    assert 0 < rounds[0] <= most if name in SIDE_BY_SIDE else rounds[0] == most
    assert len(set(rounds)) == 1


def test_products_are_cut_to_the_fraction_bits_they_began_with():
    for terms in (1, 7, 1000, 2048):
        left, right = factor_bounds(terms)
        assert (left * right * terms).bit_length() == 29 + FRAC
        assert right > 1000


def test_inputs_are_the_same_everywhere_and_within_their_bounds():
    x = seeded("x", (100_000,), 5)
    assert x.dtype == np.int64
    assert set(np.unique(x)) == set(range(-5, 6))
    assert np.array_equal(x, seeded("x", (100_000,), 5))
    assert not np.array_equal(x, seeded("y", (100_000,), 5))


def test_every_workload_at_every_size():
    assert cases([], []) == [(name, WORKLOADS[name].default) for name in SHORT]
    assert cases(["open", "chain"], [3, 4]) == [("open", 3), ("open", 4), ("chain", 3), ("chain", 4)]
    assert cases(["all"], []) == [(name, workload.default) for name, workload in WORKLOADS.items()]
    # What goes no further is left out of all, and is an error where it is named.
    assert ("matmul", 10_000) not in cases(["all"], [10_000])
    assert ("open", 10_000) in cases(["all"], [10_000])
    assert cases(["matmul"], [10_000]) == [("matmul", 10_000)]


def test_sizes_of_the_engine_for_any_number_are_smaller():
    for name, workload in WORKLOADS.items():
        assert default_size(name, "replicated") == workload.default
        assert default_size(name, "shamir") <= workload.default
        assert cases([name], [], engine="shamir") == [(name, default_size(name, "shamir"))]


def test_engine_and_threshold_follow_the_number_of_organizations():
    assert settings(None, [], None) == [Setting("replicated", 3, 1)]
    assert settings(None, [3, 4, 9], None) == [
        Setting("replicated", 3, 1),
        Setting("shamir", 4, 1),
        Setting("shamir", 9, 4),
    ]
    assert settings("shamir", [3, 7], 1) == [Setting("shamir", 3, 1), Setting("shamir", 7, 1)]
    names = Setting("shamir", 20, 9).names
    assert len(set(names)) == 20
    assert sorted(names) == list(names)


def test_what_an_engine_does_not_take_is_refused_before_anything_starts(monkeypatch):
    def never(*_, **__):
        raise AssertionError("started")

    monkeypatch.setattr("parties.bench.run.measure", never)
    monkeypatch.setattr("parties.system.kernels.prepare", never)
    for arguments, words in (
        (["--organizations", "2"], "3 to 20 compute parties, not 2"),
        (["--organizations", "3,21"], "3 to 20 compute parties, not 21"),
        (["--organizations", "5", "--engine", "replicated"], "exactly three compute parties"),
        (["--organizations", "5", "--threshold", "3"], "threshold 3: among 5 compute parties it is 1 to 2"),
    ):
        result = CliRunner().invoke(cli.main, ["bench", *arguments])
        assert result.exit_code == 2
        assert words in " ".join(result.stderr.split())


def test_several_numbers_of_organizations_are_measured_one_after_the_other(monkeypatch):
    asked = []

    def measured(chosen, repeat, on_result, *, setting, **options):
        asked.append((setting, chosen))
        return [RESULT | {"workload": name, "size": size, "rounds": 1, **vars(setting)} for name, size in chosen]

    monkeypatch.setattr("parties.bench.run.measure", measured)
    monkeypatch.setattr("parties.system.kernels.prepare", lambda engine, status: None)
    monkeypatch.setenv("COLUMNS", "80")
    command = ["bench", "--organizations", "3,5", "--workload", "open", "--workload", "chain"]
    printed = CliRunner().invoke(cli.main, command)
    assert printed.exit_code == 0, printed.output
    assert [setting.engine for setting, _ in asked] == ["replicated", "shamir"]
    assert asked[1][1] == [("open", default_size("open", "shamir")), ("chain", 1000)]
    words = " ".join(printed.stdout.split())
    assert "Three processes over TLS, engine replicated, threshold 1; median of 5" in words
    assert "Five processes over TLS, engine shamir, threshold 2; median of 5" in words
    assert max(map(len, printed.stdout.splitlines())) <= 80
    as_json = CliRunner().invoke(cli.main, [*command, "--json"])
    assert [(r["workload"], r["organizations"]) for r in json.loads(as_json.stdout)] == [
        ("open", 3),
        ("chain", 3),
        ("open", 5),
        ("chain", 5),
    ]


@pytest.mark.parametrize(
    "arguments",
    [
        ["--workload", "dance"],
        ["--size", "0"],
        ["--size", "many"],
        ["--repeat", "0"],
        ["--workload", "matmul", "--size", "100000"],
        ["--network", "moon"],
        ["--network", "40ms"],
        ["--network", "40ms,fast"],
        ["--network", "0ms,100M"],
        ["--network", "lan", "--against", "mpyc"],
        ["--organizations", "three"],
        ["--organizations", "3,3"],
        ["--engine", "abacus"],
        ["elsewhere"],
    ],
)
def test_wrong_use_ends_with_two_before_anything_starts(arguments, monkeypatch):
    def never(*_, **__):
        raise AssertionError("started")

    monkeypatch.setattr("parties.bench.run.measure", never)
    monkeypatch.setattr("parties.system.kernels.prepare", never)
    result = CliRunner().invoke(cli.main, ["bench", *arguments])
    assert result.exit_code == 2
    assert "Usage:" in result.stderr


def test_help_teaches_by_an_example():
    result = CliRunner().invoke(cli.main, ["bench", "--help"])
    assert "comity bench --workload matmul --size 500" in result.stdout


@pytest.mark.slow
def test_a_wrong_result_fails_the_measurement(monkeypatch):
    monkeypatch.setattr(WORKLOADS["multiply"], "tolerance", 2.0**-30)
    failed = CliRunner().invoke(cli.main, ["bench", "--workload", "multiply", "--size", "100", "--repeat", "1"])
    assert failed.exit_code == 1
    assert "multiply of 100: a wrong result, off by" in failed.stderr


def test_memory_is_that_of_the_party_that_takes_most():
    told = [{"memory": memory, "elements": 200_000} for memory in (5, 7, None)]
    assert _memory(told) == {"memory_bytes": 7, "memory_limit": 12 * 8 * 200_000}
    assert _memory(told, "shamir")["memory_limit"] == 12 * 16 * 200_000
    told = [{"memory": None, "elements": 7}] * 3
    assert _memory(told) == {"memory_bytes": None, "memory_limit": None}


PEAK = """
import numpy as np
from parties.bench import memory

large = np.ones(64 << 20, np.uint8)
del large
memory.give_back()
assert memory.forget_peak()
before = memory.peak()
again = np.ones(32 << 20, np.uint8)
assert (24 << 20) < memory.peak() - before < (48 << 20)
del again
memory.give_back()  # whether the system has it back by itself depends on what else was freed
assert memory.resident() < memory.peak()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux forgets a peak")
def test_a_peak_begins_anew():
    """In a process of its own: other tests' threads give memory back when they like."""
    subprocess.run([sys.executable, "-c", PEAK], check=True, cwd=Path(__file__).parents[2], timeout=60)


def test_a_process_that_dies_is_reported():
    names = ("a", "b", "c", "d")
    with consortium(names) as members, children("parties.bench.floor", 4) as bare:
        bare.tell_each(
            [{"home": str(member.home), "index": i, "names": names} for i, member in enumerate(members.values())], {}
        )
        bare.hear_all()
        bare.processes[1].kill()
        with pytest.raises(BenchFailed) as failed:
            bare.hear_all()
    assert failed.value.code > 0
    assert all(process.poll() is not None for process in bare.processes)


def test_processes_that_say_nothing_in_time_are_ended():
    with children("parties.bench.floor", 2) as silent:
        with pytest.raises(BenchFailed, match=r"no answer within 0 s") as failed:
            silent.hear_all(0.2)
        assert all(process.poll() is not None for process in silent.processes)
    assert failed.value.code == 3


@pytest.mark.slow
def test_told_to_end_in_the_middle_of_a_case_it_leaves_nothing_behind(tmp_path):
    command = [sys.executable, "-m", "parties.cli", "bench", "--workload", "chain", "--size", "1000000"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env={**os.environ, "TMPDIR": str(tmp_path)})
    try:
        deadline = time.monotonic() + 240
        while len(started := processes(process.pid)) < 6:  # parties, and those that measure the floor
            assert time.monotonic() < deadline
            time.sleep(0.1)
        while computed(started) < 20:  # seconds, more than it takes them to start: they are in the middle of the case
            assert time.monotonic() < deadline
            time.sleep(0.1)
        process.terminate()
        _, err = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 128 + signal.SIGTERM
    assert "Traceback" not in err
    assert not any(Path(f"/proc/{pid}").exists() for pid in started)
    assert not any(tmp_path.iterdir())


def computed(processes: list[int]) -> float:
    """Seconds of processor time that they have taken together."""
    ticks = 0
    for pid in processes:
        user, system = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
        ticks += int(user) + int(system)
    return ticks / os.sysconf("SC_CLK_TCK")


def processes(parent: int) -> list[int]:
    """Those that a process has started."""
    found = []
    for path in Path("/proc").glob("[0-9]*/status"):
        with suppress(OSError):  # it has ended
            if f"PPid:\t{parent}\n" in path.read_text():
                found.append(int(path.parent.name))
    return found


def test_without_json_a_table_comes(monkeypatch):
    network = {"rtt_s": 0.04, "bits_per_second": 1e8}
    result = RESULT | {"workload": "open", "size": 5, "rounds": 1, "bytes_per_party": 80}
    result["network"] = network
    monkeypatch.setattr("parties.bench.run.measure", lambda *_, **__: [result])
    monkeypatch.setenv("COLUMNS", "80")
    printed = CliRunner().invoke(cli.main, ["bench", "--workload", "open"])
    assert printed.exit_code == 0
    assert "median of 5; 40 ms there and back, 100 Mbit/s" in " ".join(printed.stdout.split())
    assert max(map(len, printed.stdout.splitlines())) <= int(os.environ["COLUMNS"])
