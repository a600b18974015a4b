"""Parties that their operators stop: the others end with exit code 3 and the name of the one that was stopped."""

import os
import random
import re
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from tests.support.marks import exhaustive
from tests.support.processes import ENVIRONMENT, NAMES, SUPPORT, Running, Town, releases_alike, small_town

pytestmark = pytest.mark.slow

#: Per piece and direction: the small study's rounds take several seconds.
DELAY_S = 0.015
CODES = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 129}


def others(runs: dict[str, Running], victim: str) -> dict[str, Running]:
    return {name: run for name, run in runs.items() if name != victim}


def silent(run: Running) -> None:
    for word in ("Traceback", "never awaited", "never retrieved", "destroyed", "defect"):
        assert word not in run.stderr, run.stderr


def assert_stopped(
    runs: dict[str, Running], victim: str, how: signal.Signals, at: float, *, late: bool = False
) -> None:
    """`late`: whoever has the releases already is done."""
    assert runs[victim].wait() == CODES[how], runs[victim].said()
    assert runs[victim].ended_at is not None
    assert runs[victim].ended_at - at < 6, runs[victim].said()
    assert runs[victim].stderr.startswith(f"error: stopped by its operator ({how.name})"), runs[victim].stderr
    silent(runs[victim])
    for run in others(runs, victim).values():
        code = run.wait()
        silent(run)
        assert run.ended_at is not None
        assert run.ended_at - at < 10, run.said()
        if late and code == 0:
            continue
        assert code == 3, run.said()
        assert run.stderr.startswith(f"error: {victim} was stopped by its operator"), run.said()


@pytest.mark.parametrize(
    ("how", "share"),
    [
        (signal.SIGTERM, 0.3),
        pytest.param(signal.SIGINT, 0.0, marks=pytest.mark.exhaustive),
        pytest.param(signal.SIGHUP, 0.6, marks=pytest.mark.exhaustive),
        pytest.param(signal.SIGTERM, 0.95, marks=pytest.mark.exhaustive),
    ],
)
def test_the_others_name_it(tmp_path, how, share):
    victim = NAMES[int(share * 10) % 3]
    with small_town(tmp_path, proxied=True, delay_s=DELAY_S) as town:
        runs = town.start_all()
        steps = runs["north"].until("plan")["steps"]
        if share:
            runs["north"].step(int(share * steps))
        else:
            runs["north"].until("agreed")
        assert_stopped(runs, victim, how, runs[victim].kill(how))


def test_while_others_are_waited_for(tmp_path):
    """It has met one of two, and tells it so."""
    with small_town(tmp_path) as town:
        runs = {name: town.start(name) for name in ("county", "north")}
        runs["county"].until("status", where=lambda event: event["text"] == "connected to north")
        runs["north"].until("status", where=lambda event: event["text"] == "connected to county")
        assert_stopped(runs, "county", signal.SIGTERM, runs["county"].kill(signal.SIGTERM))


@pytest.mark.exhaustive
def test_before_anybody_was_met(tmp_path):
    with small_town(tmp_path) as town:
        runs = {"st-mary": town.start("st-mary")}
        runs["st-mary"].until("status", where=lambda event: event["text"].startswith("waiting for"))
        assert_stopped(runs, "st-mary", signal.SIGINT, runs["st-mary"].kill(signal.SIGINT))


@pytest.mark.parametrize("seed", [1, *exhaustive(*range(2, 21))])
def test_at_any_moment(tmp_path, seed):
    """From the first lines of the process to its last: it ends, and whoever had met it says why."""
    chance = random.Random(seed)
    with small_town(tmp_path, proxied=True, delay_s=DELAY_S * chance.random()) as town:
        runs = town.start_all("--wait", "8")
        victim, how = chance.choice(NAMES), chance.choice(list(CODES))
        moment = chance.choice(["agreed", "progress", "result"])
        witness = next(iter(others(runs, victim).values()))
        if moment == "result":
            runs[victim].until("result")
        else:
            witness.until(moment)
            time.sleep(chance.random() * (3 if moment == "progress" else 0.2))
        at = runs[victim].kill(how)
        if runs[victim].wait() == 0:  # it was done before the signal came
            assert [run.wait() for run in runs.values()] == [0, 0, 0]
            return
        assert_stopped(runs, victim, how, at, late=True)
        done = [run.result for run in runs.values() if any(event["event"] == "result" for event in run.events)]
        assert releases_alike(done)


def test_told_twice_it_ends_at_once(tmp_path):
    with small_town(tmp_path, proxied=True, delay_s=DELAY_S) as town:
        runs = town.start_all("--grace", "3")
        runs["north"].until("agreed")
        runs["north"].kill(signal.SIGTERM)
        at = runs["north"].kill(signal.SIGTERM)
        assert runs["north"].wait(5) == 143
        assert runs["north"].ended_at is not None
        assert runs["north"].ended_at - at < 2
        for run in others(runs, "north").values():
            assert run.wait() == 3
            assert run.stderr.startswith("error: north "), run.said()


def test_a_party_that_is_busy_ends_as_soon(tmp_path):
    """Its rows take a minute to read: nobody waits for the thread that reads them."""
    with small_town(tmp_path) as town:
        runs = {name: town.start(name) for name in ("county", "st-mary")}
        runs["north"] = town.start("north", program=(str(SUPPORT / "slow_party.py"), "60"))
        runs["county"].until("agreed")
        time.sleep(1)
        assert_stopped(runs, "north", signal.SIGTERM, runs["north"].kill(signal.SIGTERM))


@pytest.mark.exhaustive
def test_signals_that_it_was_started_to_ignore_stay_ignored(tmp_path):
    """As under nohup."""
    with small_town(tmp_path, proxied=True, delay_s=DELAY_S) as town:
        before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
        try:
            runs = town.start_all()
        finally:
            signal.signal(signal.SIGHUP, before)
        runs["north"].until("agreed")
        runs["north"].kill(signal.SIGHUP)
        assert [run.wait() for run in runs.values()] == [0, 0, 0]


def outsiders(folder) -> Town:
    names = (*NAMES, "valley")
    return small_town(folder, names=names, outside=("valley",))


def test_who_does_not_compute_is_told_too(tmp_path):
    with outsiders(tmp_path) as town:
        runs = {name: town.start(name) for name in ("county", "north", "valley")}
        runs["valley"].until("receipt")
        runs["valley"].until("receipt", where=lambda event: event["party"] == "north")
        runs["county"].until("status", where=lambda event: event["text"] == "connected to north")
        at = runs["north"].kill(signal.SIGTERM)
        assert_stopped({name: runs[name] for name in ("county", "north")}, "north", signal.SIGTERM, at)
        assert runs["valley"].wait() == 3
        assert re.match("error: north was stopped by its operator; the contribution is with", runs["valley"].stderr)
        silent(runs["valley"])


def test_while_contributions_are_waited_for(tmp_path):
    with outsiders(tmp_path) as town:
        runs = {name: town.start(name) for name in NAMES}
        for run in runs.values():
            run.until("status", where=lambda event: event["text"].startswith("waiting for contributions of valley"))
        assert_stopped(runs, "st-mary", signal.SIGHUP, runs["st-mary"].kill(signal.SIGHUP))


@pytest.mark.exhaustive
def test_while_results_are_to_be_fetched(tmp_path):
    """Its own results are out, and the sealed part of who has not come yet stays as a file."""
    with outsiders(tmp_path) as town:
        runs = {name: town.start(name, "--wait", "40") for name in NAMES}
        assert town.start("valley", "--no-wait").wait() == 0
        for run in runs.values():
            run.until("result")
            run.until("status", where=lambda event: event["text"] == "waiting for valley to fetch results")
        at = runs["north"].kill(signal.SIGTERM)
        assert runs["north"].wait() == 143
        silent(runs["north"])
        assert runs["north"].ended_at is not None
        assert runs["north"].ended_at - at < 6
        assert list((town.homes["north"].path / "outgoing").rglob("valley.sealed"))
        assert [runs[name].wait() for name in ("county", "st-mary")] == [0, 0]


@pytest.mark.exhaustive
def test_a_contributor_that_is_stopped_ends_nothing_else(tmp_path):
    with outsiders(tmp_path) as town:
        runs = {name: town.start(name) for name in ("county", "north", "valley")}
        runs["valley"].until("receipt", where=lambda event: event["party"] == "north")
        runs["valley"].kill(signal.SIGINT)
        assert runs["valley"].wait() == 130
        silent(runs["valley"])
        runs["north"].until("status", where=lambda event: event["text"] == "valley was stopped by its operator")
        runs |= {name: town.start(name) for name in ("st-mary", "valley")}
        assert [run.wait() for run in runs.values()] == [0, 0, 0, 0]


def test_a_party_of_a_demo(tmp_path):
    """One of its processes is stopped by hand: the demo says so, whether the others had met it or not."""
    command = [sys.executable, "-m", "parties.cli", "demo", "--output", str(tmp_path / "out")]
    process = subprocess.Popen(
        command,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **ENVIRONMENT, "TMPDIR": str(tmp_path)},
    )
    try:
        pid = child_of(process.pid, "st-mary")
        time.sleep(1.5)
        os.kill(pid, signal.SIGTERM)
        _, err = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode in (3, 143), err
    assert re.search(r"st-mary was (stopped by its operator|ended by SIGTERM)|stopped by its operator \(SIGTERM\)", err)
    assert "Traceback" not in err


def child_of(parent: int, name: str, seconds: float = 40) -> int:
    """The process id of a party, from its command line."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        for entry in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                ppid = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
                if ppid == parent and f"/{name}\0" in (entry / "cmdline").read_text():
                    return int(entry.name)
        time.sleep(0.05)
    raise AssertionError(f"{name} was not started")


@pytest.mark.parametrize("stubborn", ["false", "true"])
def test_a_script_that_computes_without_end_takes_one_signal_at_each_party(tmp_path, stubborn):
    """It is interrupted, and the peers are told; where it catches that, the process ends all the same."""
    with small_town(tmp_path) as town:
        town.write_study(SUPPORT / "looping.py", extra=f"[parameters]\nstubborn = {stubborn}")
        runs = town.start_all()
        for run in runs.values():
            deadline = time.monotonic() + 60
            while "scenario: computing" not in run.stderr and time.monotonic() < deadline:
                time.sleep(0.05)
        time.sleep(0.3)
        for victim, how in zip(NAMES, CODES, strict=True):
            at = runs[victim].kill(how)
            code = runs[victim].wait(10)
            assert runs[victim].ended_at is not None
            assert runs[victim].ended_at - at < 6, runs[victim].said()
            silent(runs[victim])
            assert code == CODES[how] or (code == 3 and "county was stopped by its operator" in runs[victim].stderr)
            if stubborn == "false" and code != 3:
                assert f"error: stopped by its operator ({how.name})" in runs[victim].stderr
