"""Cox regression with Efron's treatment of ties, against statsmodels."""

from __future__ import annotations

import numpy as np
import pytest

from protocols.simulate import Computation, dry_run
from tests.support.bounds import every_bound_holds
from tests.support.cox import NAMES, check, patients, run, scenario_of
from tests.support.engines import ENGINES_SLOW
from tests.support.messages import by_operation


def cox_of(f, engine="ideal", owners="abc", **options):
    return run(f, engine, owners, ties="efron", **options).releases["cox"]


@pytest.mark.parametrize("engine", ENGINES_SLOW)
@pytest.mark.parametrize("unit", [1, pytest.param(120, marks=pytest.mark.slow), 1000])
def test_as_statsmodels(engine, unit):
    """Without ties; with some; and with three times of death alone."""
    f = patients(unit=unit, missing=0.02)
    with every_bound_holds():
        found = cox_of(f, engine, minimum=2)
    check(found, f, ties="efron")


def test_without_ties_it_is_breslow():
    f = patients(90, 2)
    f["days"] = np.random.default_rng(1).permutation(90) + 1
    efron, breslow = cox_of(f), run(f).releases["cox"]
    for name in ("coefficient", "standard_error", "log_likelihood", "null_log_likelihood"):
        assert efron[name] == pytest.approx(breslow[name], rel=2e-5), name


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(8))
def test_random_rows(seed):
    random = np.random.default_rng(seed)
    f = patients(int(random.integers(30, 300)), seed, unit=int(random.choice([50, 400, 2000])))
    check(cox_of(f, minimum=2), f, ties="efron")


@pytest.mark.slow
def test_thousands_of_events_at_a_time():
    """The last of them divides by a thousandth of what the first divides by: shares need their digits."""
    f = patients(6000, 4, unit=1000)
    assert f[f.died == 1].groupby("days").size().max() > 1500
    check(cox_of(f), f, ties="efron")


@pytest.mark.slow
def test_hazards_that_differ_a_lot():
    """Events of one time with log hazards that are 10 apart."""
    f = patients(400, 5, unit=300)
    random = np.random.default_rng(5)
    f["age"] = np.round(random.uniform(30, 90, 400))
    death = 900 * random.exponential(1, 400) / np.exp(0.16 * (f.age.astype(float) - 60))
    f["days"] = np.ceil(death / 300).clip(0, 4000).astype(int)
    f["died"] = True
    f.loc[f.days > 40, ["days", "died"]] = [40, False]
    check(cox_of(f, minimum=1), f, ties="efron")


@pytest.mark.parametrize("died", [True, None])
def test_all_times_the_same(died):
    """Everybody is at risk, and all events are of one time."""
    f = patients(60, 5).assign(days=7)
    if died:
        f["died"] = True
        f["age"] = f.age.astype(float)
        found = cox_of(f, minimum=1)
        assert np.all(np.abs(found["z"]) < 1e-4)  # the score is 0 from the beginning
    else:
        check(cox_of(f, minimum=1), f, ties="efron")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"died": False}, "undefined: not more events than coefficients"),
        ({"treated": True}, "undefined: a predictor hardly varies"),
    ],
)
def test_what_has_no_number(change, said):
    assert cox_of(patients(60, 5).assign(**change), minimum=1).startswith(said)


def test_no_rows_and_one_row():
    for n in (0, 1):
        assert cox_of(patients(60, 8).iloc[:n], minimum=1) == "undefined: not more events than coefficients"


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["replicated", "shamir"])
def test_messages_do_not_depend_on_rows(engine):
    first = patients(24, 1)
    others = [first.assign(died=True, days=3, age=50.0), patients(24, 2, missing=0.6)]
    runs = [run(f, engine, minimum=2, iterations=6, ties="efron") for f in (first, *others)]
    for other in runs[1:]:
        assert other.cost == runs[0].cost
        assert by_operation(other.network.messages) == by_operation(runs[0].network.messages)


@pytest.mark.parametrize("names", [["age"], NAMES])
def test_what_an_iteration_costs(names):
    """As the docstring says, with Breslow's beside it."""
    places, p = 1500, len(names)
    some, more = (
        dry_run(Computation(scenario_of(places // 3, names=names, iterations=i, ties="efron"), ["v", "w", "x"]))
        for i in (8, 9)
    )
    assert more.rounds - some.rounds <= 140 + 21 * p
    assert sum(more.bytes_sent) - sum(some.bytes_sent) <= 3 * places * (630 + 260 * p)
