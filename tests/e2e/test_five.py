"""Five organizations on the engine shamir: whoever dies, is missing or pretends, the others end and name it."""

import re
import signal

import pytest

from parties.local.oracle import deviations
from parties.organization.identity import Identity
from parties.system.kernels import prepare
from tests.support.processes import SMALL, Running, Town, releases_alike, small_rows, small_town

pytestmark = pytest.mark.slow

FIVE = ("county", "lake", "north", "south", "st-mary")
#: Per piece and direction: the small study's rounds take several seconds.
DELAY_S = 0.01


@pytest.fixture(scope="module", autouse=True)
def compiled():
    """Once, in one process, as `comity run` and `comity demo` do; not by five at the same time."""
    prepare("shamir", print)


def others(runs: dict[str, Running], victim: str) -> dict[str, Running]:
    return {name: run for name, run in runs.items() if name != victim}


def five(folder, **options) -> Town:
    return small_town(folder, names=FIVE, **options)


def test_five_processes_give_the_oracles_releases(tmp_path):
    with five(tmp_path) as town:
        runs = town.start_all()
        assert [run.wait() for run in runs.values()] == [0] * 5, runs["county"].said()
        results = [run.result for run in runs.values()]
        assert releases_alike(results)
        assert results[0]["model"] == (
            "Nobody learns anything else unless three of county, lake, north, south and st-mary put their shares "
            "together (semi-honest security)."
        )
        largest, details = deviations(results[0]["releases"], results[0]["kinds"], town.oracle())
        assert largest < 1e-6, details


@pytest.mark.parametrize(
    ("index", "share"),
    [
        (0, 0.5),
        pytest.param(1, 0.0, marks=pytest.mark.exhaustive),
        pytest.param(2, 0.3, marks=pytest.mark.exhaustive),
        pytest.param(3, 0.8, marks=pytest.mark.exhaustive),
        (4, 0.6),
    ],
)
def test_whoever_is_killed_is_named_within_ten_seconds(tmp_path, index, share):
    victim = FIVE[index]
    with five(tmp_path, proxied=True, delay_s=DELAY_S) as town:
        runs = town.start_all()
        witness = next(iter(others(runs, victim).values()))
        steps = witness.until("plan", 100)["steps"]
        if share:
            witness.step(int(share * steps), 100)
        else:
            witness.until("agreed", 100)
        at = runs[victim].kill(signal.SIGKILL)
        for run in others(runs, victim).values():
            assert run.wait() == 3, run.said()
            assert run.ended_at is not None
            assert run.ended_at - at < 10, run.said()
            assert run.stderr.startswith(f"error: {victim} "), run.stderr
            assert "Traceback" not in run.stderr
            if share:
                assert SMALL.name in run.stderr, run.stderr


@pytest.mark.exhaustive
@pytest.mark.parametrize("index", [0, 4])
def test_one_of_five_that_never_comes_is_named(tmp_path, index):
    missing = FIVE[index]
    with five(tmp_path) as town:
        runs = {name: town.start(name, "--wait", "30") for name in FIVE if name != missing}
        for run in runs.values():
            assert run.wait() == 3, run.said()
            assert re.match(f"error: (still waiting for {missing}|{missing} has not come, as )", run.stderr), run.stderr


def test_an_impostor_among_five_is_refused(tmp_path):
    """Somebody who calls as st-mary, with a key of another, computes with nobody.

    The others wait for st-mary, the last, to call: whoever called an impostor would end at once, as test_refused shows.
    """
    with five(tmp_path) as town:
        town.homes["st-mary"].path.rename(tmp_path / "real")
        fresh = Identity.create(tmp_path / "st-mary")
        for part in (tmp_path / "real").iterdir():
            if not (tmp_path / "st-mary" / part.name).exists():
                part.rename(tmp_path / "st-mary" / part.name)
        assert fresh.key_hash != town.homes["st-mary"].identity.key_hash
        others = {name: town.start(name) for name in FIVE if name != "st-mary"}
        for run in others.values():
            run.until("status", 100, lambda event: event["text"].startswith("waiting for st-mary"))
        impostor = town.start("st-mary")
        assert impostor.wait() == 4, impostor.said()
        assert "does not know our key, or refused it" in impostor.stderr, impostor.stderr
        # It calls the four before it and ends with whoever refuses it first; they say so and go on waiting.
        refuser = impostor.stderr.removeprefix("error: ").partition(" at ")[0]
        others[refuser].until("status", 20, lambda event: "unknown key" in event["text"])
        for run in [impostor, *others.values()]:
            assert not any(event["event"] == "agreed" for event in run.events)
        for run in others.values():
            assert run.process.poll() is None


@pytest.mark.exhaustive
def test_another_threshold_is_another_study(tmp_path):
    with five(tmp_path) as town:
        other = town.write_study(extra="threshold = 1", to=tmp_path / "other.toml")
        runs = {name: town.start(name, study=other if name == "lake" else None) for name in FIVE}
        for name, run in runs.items():
            assert run.wait() == 4, run.said()
            assert not any(event["event"] == "agreed" for event in run.events)
            if name != "lake":
                assert "lake runs a different study" in run.stderr, run.stderr
                assert "  threshold:\n" in run.stderr, run.stderr


@pytest.mark.exhaustive
@pytest.mark.parametrize(("count", "threshold"), [(3, 1), (4, 1)])
def test_other_numbers_of_organizations(tmp_path, count, threshold):
    names = FIVE[:count]
    with small_town(tmp_path, names=names, extra=f'engine = "shamir"\nthreshold = {threshold}') as town:
        for seed, name in enumerate(names):
            town.bring(name, small_rows(seed, 60))
        runs = town.start_all()
        assert [run.wait() for run in runs.values()] == [0] * count
        results = [run.result for run in runs.values()]
        assert releases_alike(results)
        largest, details = deviations(results[0]["releases"], results[0]["kinds"], town.oracle())
        assert largest < 1e-6, details
