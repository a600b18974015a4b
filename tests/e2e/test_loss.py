"""Parties that die, stop, or lose their connection in the middle of a run."""

import re
import signal
import time

import pytest

from parties.local.oracle import deviations
from tests.support.marks import exhaustive
from tests.support.processes import NAMES, SMALL, SUPPORT, Running, Town, releases_alike, small_town

pytestmark = pytest.mark.slow

#: Per piece and direction: the small study's rounds take several seconds.
DELAY_S = 0.015


def others(runs: dict[str, Running], victim: str) -> dict[str, Running]:
    return {name: run for name, run in runs.items() if name != victim}


def assert_lost(runs: dict[str, Running], victim: str, at: float, within: float) -> None:
    """Every other party ends with exit code 3, in time, and says who was lost and at which step."""
    for run in others(runs, victim).values():
        assert run.wait(within + 5) == 3, run.said()
        assert run.ended_at is not None
        assert run.ended_at - at < within, run.said()
        assert run.stderr.startswith(f"error: {victim} "), run.stderr
        assert "Traceback" not in run.stderr


@pytest.mark.parametrize(
    ("victim", "share", "how", "grace"),
    [
        ("county", 0.0, signal.SIGKILL, 3),
        pytest.param("north", 0.3, signal.SIGKILL, 7, marks=pytest.mark.exhaustive),
        ("st-mary", 0.6, signal.SIGKILL, 3),
        pytest.param("county", 0.9, signal.SIGKILL, 3, marks=pytest.mark.exhaustive),
        ("north", 0.5, signal.SIGSTOP, 7),
        pytest.param("st-mary", 0.1, signal.SIGSTOP, 3, marks=pytest.mark.exhaustive),
    ],
)
def test_a_lost_party_ends_the_others(tmp_path, victim, share, how, grace):
    """Within 10 s, also with the default grace period, 7 s."""
    with small_town(tmp_path, proxied=True, delay_s=DELAY_S) as town:
        runs = town.start_all("--grace", str(grace))
        witness = next(iter(others(runs, victim).values()))
        steps = witness.until("plan")["steps"]
        if share:
            witness.step(int(share * steps))
        else:
            witness.until("agreed")
        at = runs[victim].kill(how)
        assert_lost(runs, victim, at, 10)
        if share:
            for run in others(runs, victim).values():
                assert SMALL.name in run.stderr, run.stderr


def test_killed_before_it_called_anybody(tmp_path):
    with small_town(tmp_path) as town:
        runs = {name: town.start(name, "--wait", "6") for name in NAMES}
        at = runs["county"].kill()
        for run in others(runs, "county").values():
            assert run.wait() == 3
            assert re.match("error: (still waiting for county|county has not come, as )", run.stderr), run.stderr
            assert run.ended_at is not None
            assert run.ended_at - at < 40  # it has to start, and then waits for 6 s


def test_killed_during_agreement(tmp_path):
    """One connection stands, the other one does not yet."""
    with small_town(tmp_path, proxied=True) as town:
        assert town.proxies is not None
        town.proxies.set("refusing", True, ("st-mary", "north"))
        runs = {name: town.start(name, "--wait", "8") for name in NAMES}
        runs["st-mary"].until("status", where=lambda event: event["text"] == "connected to county")
        at = runs["st-mary"].kill()
        for run in others(runs, "st-mary").values():
            assert run.wait() == 3
            # For who had met everybody, the run had begun.
            said = "error: (still waiting for st-mary|st-mary has not come, as |st-mary stopped answering)"
            assert re.match(said, run.stderr), run.stderr
            assert run.ended_at is not None
            assert run.ended_at - at < 40


def test_started_again_before_all_have_come(tmp_path):
    with small_town(tmp_path) as town:
        runs = {name: town.start(name) for name in ("county", "st-mary")}
        runs["st-mary"].until("status", where=lambda event: event["text"] == "connected to county")
        runs["st-mary"].kill()
        runs |= {name: town.start(name) for name in ("st-mary", "north")}
        assert [run.wait() for run in runs.values()] == [0, 0, 0]
        assert releases_alike([run.result for run in runs.values()])


def test_killed_at_the_end(tmp_path):
    """Who has the last release is done; who has it not says who was lost."""
    with small_town(tmp_path, proxied=True, delay_s=DELAY_S) as town:
        runs = town.start_all()
        runs["north"].until("result")
        at = runs["north"].kill()
        for run in others(runs, "north").values():
            code = run.wait()
            assert run.ended_at is not None
            assert run.ended_at - at < 10
            assert code in (0, 3)
            if code == 0:
                assert releases_alike([run.result, runs["north"].result])
            else:
                assert run.stderr.startswith("error: north ")


@pytest.mark.parametrize("silent", [False, *exhaustive(True)], ids=["cut", "stalled"])
def test_a_connection_cut_for_seconds_changes_nothing(tmp_path, silent):
    """Cut: closed, and refused until it is mended. Stalled: open, and nothing passes."""
    with small_town(tmp_path, proxied=True, delay_s=DELAY_S) as town:
        assert town.proxies is not None
        pair = ("st-mary", "county")
        runs = town.start_all()
        runs["north"].step(runs["north"].until("plan")["steps"] // 3)
        if silent:
            town.proxies.set("stalled", True, pair)
        else:
            town.proxies.set("refusing", True, pair)
            town.proxies.cut(pair)
        time.sleep(4)
        town.proxies.set("stalled" if silent else "refusing", False, pair)
        assert [run.wait() for run in runs.values()] == [0, 0, 0]
        assert releases_alike([run.result for run in runs.values()])
        largest, details = deviations(runs["county"].result["releases"], runs["county"].result["kinds"], town.oracle())
        assert largest < 1e-6, details
        if not silent:
            assert town.proxies.connections(*pair) > 1
            assert "reconnected to st-mary" in runs["county"].lines


def test_every_connection_cut_again_and_again(tmp_path):
    with small_town(tmp_path, proxied=True, delay_s=DELAY_S) as town:
        assert town.proxies is not None
        runs = town.start_all()
        runs["county"].until("agreed")
        for _ in range(5):
            time.sleep(0.5)
            town.proxies.cut()
        assert [run.wait() for run in runs.values()] == [0, 0, 0]
        assert releases_alike([run.result for run in runs.values()])


def test_grace_says_how_long_a_lost_connection_is_waited_for(tmp_path):
    """Cut for longer than the grace period: the ends of the connection say so, and the third party, too."""
    with small_town(tmp_path, proxied=True, delay_s=DELAY_S) as town:
        assert town.proxies is not None
        runs = town.start_all("--grace", "2")
        runs["north"].step(runs["north"].until("plan")["steps"] // 3)
        town.proxies.set("refusing", True, ("st-mary", "county"))
        town.proxies.cut(("st-mary", "county"))
        at = time.monotonic()
        assert [run.wait() for run in runs.values()] == [3, 3, 3]
        for run in runs.values():
            assert run.ended_at is not None
            assert 1.5 < run.ended_at - at < 10
        # Whichever end finds it first names the other, and the third party hears of it.
        first = "st-mary" if runs["county"].stderr.startswith("error: st-mary stopped answering") else "county"
        found = runs["county" if first == "st-mary" else "st-mary"].stderr
        assert found.startswith(f"error: {first} stopped answering"), found
        assert first in runs["north"].stderr


def slow(town: Town, name: str, seconds: float, *options: str) -> Running:
    return town.start(name, *options, program=(str(SUPPORT / "slow_party.py"), str(seconds)))


def test_a_party_that_computes_for_long_is_not_lost(tmp_path):
    """Its local work takes many grace periods, in a thread: it beats, so it is alive."""
    with small_town(tmp_path) as town:
        options = ("--grace", "4")
        runs = {name: town.start(name, *options) for name in ("county", "st-mary")}
        runs["north"] = slow(town, "north", 14, *options)
        assert [run.wait(90) for run in runs.values()] == [0, 0, 0]
        assert runs["north"].result["phases"]["local"] > 14
        assert releases_alike([run.result for run in runs.values()])


def test_a_party_that_makes_no_progress_is_named(tmp_path):
    """It beats and does nothing: `--stall`."""
    with small_town(tmp_path) as town:
        runs = {name: town.start(name, "--stall", "4") for name in ("county", "st-mary")}
        runs["north"] = slow(town, "north", 60)
        assert [run.wait() for run in others(runs, "north").values()] == [3, 3]
        for run in others(runs, "north").values():
            said = "error: north (answers, but has made no progress|makes no progress, as )"
            assert re.match(said, run.stderr), run.stderr
