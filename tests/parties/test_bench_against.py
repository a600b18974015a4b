"""`comity bench --against mpyc`: what it measures, what it cannot, and that its processes end."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from mpc.machine.runtime import Runtime
from parties import startup
from parties.bench import against, children, tables
from parties.bench.mpyc_programs import program
from parties.bench.run import ratio
from parties.bench.setting import THREE, Setting
from parties.bench.workloads import WORKLOADS
from parties.cli import main as cli
from protocols.library import Library
from protocols.simulate import make_engine

SUPPORT = Path(__file__).resolve().parent.parent / "support"
NOT_THERE = {name for name in WORKLOADS if program(name, 9) is None}
KEYS = ["name", "version", "size", "seconds", "seconds_min", "seconds_max", "max_error"]
RESULT = {
    "workload": "open",
    "size": 1000,
    "engine": "replicated",
    "organizations": 3,
    "threshold": 1,
    "seconds": 0.001,
    "seconds_min": 0.001,
    "seconds_max": 0.002,
    "floor_seconds": 0.0005,
    "bytes_per_party": 8040,
    "rounds": 1,
    "max_error": 0.0,
}


def told_to(monkeypatch, how):
    """What a process of the other system is given: an environment of Comity's own choice, else."""
    given = {**startup.environment(), "PYTHONPATH": str(SUPPORT), "FAKE_MPYC": how}
    monkeypatch.setattr(children.startup, "environment", lambda: given)


@pytest.fixture
def fake(monkeypatch, tmp_path):
    """The other system, played by a process that answers as it is told to."""
    told_to(monkeypatch, "answers")
    started = []

    def start(how, setting=THREE):
        told_to(monkeypatch, how)
        other = against.Against("mpyc", setting, "fake_mpyc", tmp_path)
        started.append(other)
        return other

    yield start
    for other in started:
        other.close()


class Clear:
    """MPyC's runtime in the clear, as far as programs use it."""

    np_where = staticmethod(np.where)
    np_sort = staticmethod(np.sort)

    @staticmethod
    def output(x):
        return x


@pytest.mark.parametrize("size", [1, 2, 9, 40])
@pytest.mark.parametrize("name", sorted(set(WORKLOADS) - NOT_THERE))
def test_programs_compute_what_our_workloads_compute(name, size):
    found = program(name, size)
    inputs = found.inputs(size)
    plain = [values / 2**16 if kind == "fixed" else values for kind, values in inputs]
    clear = [values for _, values in inputs]
    result = found.timed(Clear, *found.before(Clear, *plain))
    assert found.error(result, *clear) <= 1e-12
    wrong = np.asarray(result, np.float64) + 1
    assert found.error(wrong if np.asarray(result).ndim else float(wrong), *clear) > 0


@pytest.mark.parametrize("name", sorted(set(WORKLOADS) - NOT_THERE))
def test_inputs_are_those_of_our_workloads(name):
    workload = WORKLOADS[name](Runtime(make_engine("ideal", 3), Library()), 23)
    asyncio.run(workload.prepare())
    ours = [vars(workload)[key] for key in ("x_clear", "y_clear", "key_clear") if key in vars(workload)]
    if not ours:
        ours = [workload.clear]
    theirs = [values for _, values in program(name, 23).inputs(23)]
    assert len(ours) == len(theirs)
    for mine, other in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(mine, other)


def test_what_mpyc_cannot_do_is_named():
    assert {"sqrt", "exp", "log", "sigmoid", "softmax", "shuffle"} <= NOT_THERE
    assert not NOT_THERE & {"multiply_int", "multiply", "dot", "matmul", "less_than", "less_than_32", "equal"}
    assert not NOT_THERE & {"select", "divide", "sort_32", "sort_64", "chain", "open", "input"}


def test_the_largest_size_that_fits_the_budget(fake, monkeypatch):
    monkeypatch.setattr(against, "BUDGET_S", 2.0)
    other = fake("normal")
    # 3 repetitions of s milliseconds fit 2 seconds from 2/3 of a second on.
    found = other.measure("multiply", 100_000, 3)
    assert list(found) == KEYS
    assert found["name"] == "mpyc"
    assert found["version"] == "7.7 among 3, threshold 1"
    assert 300 <= found["size"] <= 900
    assert found["seconds"] == found["seconds_min"] == found["seconds_max"] == pytest.approx(found["size"] * 1e-3)
    assert found["max_error"] == 1.0
    # A larger size would fit no better, so it is not tried.
    told_to(monkeypatch, "dies")
    assert other.measure("multiply", 1_000_000, 3) is found
    # Where the whole size fits, it is the whole size.
    assert other.measure("multiply", 123, 3)["size"] == 123


def test_what_is_not_there_is_none_and_starts_nothing(fake):
    other = fake("dies")
    assert other.measure("sqrt", 10, 1) is None
    assert other._children is None


def test_a_failure_is_told_and_the_next_case_goes_on(fake):
    other = fake("dies")
    failed = other.measure("open", 10, 1)
    assert failed["failed"] == "it fell over"
    assert [failed[key] for key in KEYS[2:]] == [None] * 5
    assert other.measure("input", 10, 1)["size"] == 10


def test_silence_is_not_waited_out(fake, monkeypatch):
    monkeypatch.setattr(against, "PATIENCE_S", 2.0)
    other = fake("silent")
    begun = time.monotonic()
    assert other.measure("open", 10, 1)["failed"] == "no answer within 2 s"
    assert time.monotonic() - begun < 30


def test_processes_that_want_to_stay_are_ended(fake):
    other = fake("stays")
    other.measure("open", 10, 1)
    processes = other._children.processes
    assert all(process.poll() is None for process in processes)
    begun = time.monotonic()
    other.close()
    assert time.monotonic() - begun < 30
    assert all(process.poll() is not None for process in processes)


def test_as_many_processes_as_parties_with_the_same_threshold(fake):
    other = fake("normal", Setting("shamir", 7, 2))
    assert other.measure("open", 10, 1)["version"] == "7.7 among 7, threshold 2"
    assert len(other._children.processes) == 7


def test_the_ratio_is_that_of_times_for_an_element():
    ours = RESULT | {"workload": "matmul", "size": 100, "seconds": 1.0}
    assert ratio(ours, {"size": 10, "seconds": 1.0}) == pytest.approx(1000)
    assert ratio(RESULT, {"size": 1000, "seconds": 0.0005}) == pytest.approx(0.5)
    assert ratio(RESULT, {"size": None, "seconds": None}) is None


def test_sizes_are_round():
    assert [against._rounded(size) for size in (1, 9.7, 14.9, 25.5, 199, 200, 1999.0, 54321)] == [
        1,
        9,
        14,
        20,
        190,
        200,
        1900,
        50000,
    ]


def test_the_table_shows_both(monkeypatch):
    theirs = dict(zip(KEYS, ("mpyc", "0.11", 500, 1.0, 0.9, 1.1, 0.25), strict=True))
    failed = dict.fromkeys(KEYS) | {"name": "mpyc", "version": "0.11", "failed": "it fell over"}
    results = [
        RESULT | {"against": theirs | {"ratio": 2000.0}},
        RESULT | {"workload": "sqrt", "against": None},
        RESULT | {"workload": "less_than_32", "against": failed},
        RESULT | {"workload": "matmul", "size": 100, "against": theirs | {"size": 10, "ratio": 1e6}},
    ]
    asked = []

    def measured(cases, repeat, on_result, **options):
        asked.append(options)
        return results

    monkeypatch.setattr("parties.bench.run.measure", measured)
    monkeypatch.setenv("COLUMNS", "80")
    printed = CliRunner().invoke(cli.main, ["bench", "--against", "mpyc", "--workload", "open"])
    assert printed.exit_code == 0, printed.output
    assert asked[0]["opponent"] == "mpyc"
    lines = printed.stdout.splitlines()
    assert max(map(len, lines)) <= 80
    table = lines[next(i for i, line in enumerate(lines) if "MPyC 0.11" in line) :]
    row = {line.split()[0]: line.split() for line in table if line.strip()}
    # 1 µs an element against 2 ms an element; 1 ns a product against 1 ms a product.
    assert row["open"][1:] == ["1,000", "1", "µs", "500", "1", "s", "2", "ms", "2,000", "0.2"]
    assert row["matmul"][1:] == ["100", "1", "ns", "10", "1", "s", "1", "ms", "1,000,000", "0.2"]
    assert row["sqrt"][-2:] == ["not", "there"]
    assert row["less_than_32"][-1] == "failed"
    assert tables.per_element("chain", 10, 1.0) == pytest.approx(0.1)


@pytest.mark.slow
@pytest.mark.skipif(find_spec("mpyc") is None, reason="MPyC is not installed")
def test_mpyc_computes_every_program():
    """Real processes of MPyC; results are right, and nothing listens on a network."""
    exact = {"multiply_int", "less_than", "less_than_32", "equal", "select", "sort_32", "quantile", "chain"}
    with against.against("mpyc") as other:
        for name in sorted(set(WORKLOADS) - NOT_THERE):
            found = other.measure(name, 6, 2)
            assert "failed" not in found, (name, found)
            assert found["size"] == 6
            assert 0 < found["seconds_min"] <= found["seconds"] <= found["seconds_max"]
            assert found["max_error"] <= (0 if name in exact else 2e-3)
        processes = other._children.processes
        if sys.platform == "linux":
            assert all(not listening(process.pid) for process in processes)
    assert all(process.poll() is not None for process in processes)


def listening(pid):
    """Inodes of the process's sockets among those that listen on TCP."""
    held = set()
    for path in Path(f"/proc/{pid}/fd").iterdir():
        try:
            held.add(str(path.readlink()))
        except FileNotFoundError:
            continue
    lines = [
        line.split()
        for name in ("tcp", "tcp6")
        if (file := Path(f"/proc/{pid}/net/{name}")).exists()
        for line in file.read_text().splitlines()[1:]
    ]
    return [line for line in lines if line[3] == "0A" and f"socket:[{line[9]}]" in held]


@pytest.mark.slow
@pytest.mark.skipif(find_spec("mpyc") is None, reason="MPyC is not installed")
def test_side_by_side_in_one_call():
    command = [sys.executable, "-m", "parties.cli", "bench", "--json", "--against", "mpyc", "--size", "8"]
    command += ["--repeat", "1", "--workload", "multiply_int", "--workload", "sqrt", "--organizations", "5"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=250, check=False)
    assert done.returncode == 0, done.stderr
    product, root = json.loads(done.stdout)
    assert list(product["against"]) == [*KEYS, "ratio"]
    assert product["against"]["ratio"] == pytest.approx(product["against"]["seconds"] / product["seconds"])
    assert product["against"]["size"] == 8
    assert product["against"]["max_error"] == 0
    assert root["against"] is None
