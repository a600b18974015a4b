"""Cox regression of shared rows with hidden times, against statsmodels."""

from __future__ import annotations

import numpy as np
import pytest

from mpc import Scenario
from mpc.errors import ConfigError, RangeError, ShapeError
from protocols.simulate import Computation, dry_run, simulate
from protocols.survival import cox
from tests.support.bounds import every_bound_holds
from tests.support.cox import NAMES, Patients, check, patients, run, scenario_of
from tests.support.engines import ENGINES_SLOW
from tests.support.messages import by_operation


@pytest.mark.parametrize("engine", ENGINES_SLOW)
@pytest.mark.parametrize("unit", [1, pytest.param(120, marks=pytest.mark.slow)])
def test_as_statsmodels(engine, unit):
    f = patients(unit=unit, missing=0.02)
    with every_bound_holds():
        found = run(f, engine, minimum=2)
    check(found.releases["cox"], f)


@pytest.mark.slow
def test_five_parties_and_many_rows():
    f = patients(100, 3, unit=30)
    check(run(f, "shamir", "abcde").releases["cox"], f)
    f = patients(6000, 4, unit=5)
    check(run(f).releases["cox"], f)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(8))
def test_random_rows(seed):
    random = np.random.default_rng(seed)
    f = patients(int(random.integers(30, 300)), seed, unit=int(random.choice([1, 50, 400])))
    check(run(f, minimum=2).releases["cox"], f)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"died": False}, "undefined: not more events than coefficients"),
        ({"treated": True}, "undefined: a predictor hardly varies"),
        ({"age": 50.0}, "undefined: a predictor hardly varies"),
    ],
)
def test_what_has_no_number(change, said):
    f = patients(60, 5).assign(**change)
    found = run(f, minimum=1).releases["cox"]
    assert found.startswith(said)


@pytest.mark.parametrize("died", [True, None])
def test_all_times_the_same(died):
    """Every risk set is everybody."""
    f = patients(60, 5).assign(days=7, **({} if died is None else {"died": died}))
    if died is None:
        check(run(f, minimum=1).releases["cox"], f)
    else:  # the score is 0 from the beginning
        found = run(f, minimum=1).releases["cox"]
        assert np.all(np.abs(found["z"]) < 1e-5)


def test_who_has_the_event_first_is_told_exactly():
    f = patients(60, 6)
    f["days"], f["died"] = np.arange(1, 61), True
    f["treated"] = np.arange(60) < 30
    found = run(f, minimum=1, names=["treated"]).releases["cox"]
    assert "a predictor nearly separates who has the event earlier" in found


def test_collinear_predictors():
    f = patients(80, 7)
    f["age"] = f.treated.astype(float) * 10 + 50
    assert run(f, minimum=1).releases["cox"] == "undefined: predictors nearly collinear"


@pytest.mark.slow
@pytest.mark.parametrize("ties", ["breslow", "efron"])
def test_few_events_among_many_rows(ties):
    """Sixty events of 6,000 rows: the sums over rows keep digits beyond those of the largest that is possible."""
    f = patients(6000, 11)
    first = sorted(f.days[f.died == 1])[60]
    f["died"] = (f.days < first) & (f.died == 1)
    f.loc[f.days > first, "days"] = first  # the study ends
    with every_bound_holds():
        found = run(f, minimum=1, ties=ties)
    check(found.releases["cox"], f, ties=ties)


@pytest.mark.slow
def test_many_more_places_than_rows():
    f = patients(100, 12)
    tables = {name: {"p": f.iloc[k::3]} for k, name in enumerate("abc")}
    found = simulate(scenario_of(1500, minimum=1), tables, engine="ideal").releases["cox"]
    check(found, f)


def test_no_rows_and_one_row():
    for n in (0, 1):
        found = run(patients(60, 8).iloc[:n], minimum=1).releases["cox"]
        assert found == "undefined: not more events than coefficients"


@pytest.mark.parametrize("column", ["died", "treated"])
def test_few_rows_of_a_side_suppress_everything(column):
    f = patients(80, 9)
    f[column] = np.arange(80) < 3
    assert run(f).releases["cox"] == "suppressed (fewer than 5)"


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["replicated", "shamir"])
def test_messages_do_not_depend_on_rows(engine):
    first = patients(24, 1)
    others = [first.assign(died=True, days=3, age=50.0), patients(24, 2, missing=0.6)]
    runs = [run(f, engine, minimum=2, iterations=6) for f in (first, *others)]
    for other in runs[1:]:
        assert other.cost == runs[0].cost
        assert by_operation(other.network.messages) == by_operation(runs[0].network.messages)


@pytest.mark.parametrize("names", [["age"], NAMES])
def test_what_an_iteration_costs(names):
    """As the docstring says: rounds, and bytes for each place, the mean over the parties."""
    places, p = 1500, len(names)
    some, more = (
        dry_run(Computation(scenario_of(places // 3, names=names, iterations=i), ["v", "w", "x"])) for i in (8, 9)
    )
    assert more.rounds - some.rounds <= 120 + 21 * p
    assert sum(more.bytes_sent) - sum(some.bytes_sent) <= 3 * places * (390 + 130 * p)


def test_rounds_do_not_grow_with_the_rows_but_for_those_of_sorting():
    few, many = (dry_run(Computation(scenario_of(rows), ["v", "w", "x"])) for rows in (500, 2000))
    assert many.rounds <= few.rounds + 60
    assert max(many.bytes_sent) < 4.5 * max(few.bytes_sent)


def test_too_many_places_are_refused_beforehand():
    with pytest.raises(RangeError, match="cox: 150,000 places of rows; at most 131,072 are possible"):
        dry_run(Computation(scenario_of(50_000), ["v", "w", "x"]))


def test_misuse_is_taught():
    scenario = Scenario(inputs={"p": Patients.rows()})

    @scenario.run
    async def script(study):
        t = study.table("p").share(rows=8)
        with pytest.raises(ShapeError, match=r"cox: time is .*; expected a column of numbers of the predictors"):
            await cox(t.died, t.died, t[["age"]])
        with pytest.raises(ShapeError, match=r"cox: event is .*; expected a flag of the predictors"):
            await cox(t.days, t.age, t[["age"]])
        with pytest.raises(ConfigError, match="cox: ties='exact'; expected 'breslow' or 'efron'"):
            await cox(t.days, t.died, t[["age"]], ties="exact")
        with pytest.raises(RangeError, match="cox: iterations=3; expected 4 to 20"):
            await cox(t.days, t.died, t[["age"]], iterations=3)
        with pytest.raises(ShapeError, match="cox: these rows stay with their owners; share them first"):
            await cox(study.table("p").days, study.table("p").died, study.table("p")[["age"]])
        study.release("n", t.age.count())

    simulate(scenario, {name: {"p": patients(24, 1).iloc[k::3]} for k, name in enumerate("abc")}, engine="ideal")
