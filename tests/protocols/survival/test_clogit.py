"""Conditional logistic regression of matched sets, against statsmodels."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest
from statsmodels.discrete.conditional_models import ConditionalLogit

from mpc import Flag, Integer, Real, Scenario, Table
from mpc.errors import ShapeError
from protocols.simulate import Computation, dry_run, simulate
from protocols.survival import clogit
from tests.support.bounds import every_bound_holds
from tests.support.engines import ENGINES_SLOW
from tests.support.messages import by_operation

NAMES = ["smoker", "dose"]


class Rows(Table):
    matched = Integer(0, 20000)
    case = Flag()
    smoker = Flag()
    dose = Real(0, 50)


def matched(sets=60, seed=1, others=3):
    """Sets of one case and up to `others` others, whose doses depend on the set."""
    random = np.random.default_rng(seed)
    size = 1 + random.integers(1, others + 1, sets)
    which = np.repeat(np.arange(sets), size)
    n = len(which)
    smoker = random.random(n) < 0.4
    dose = np.round(np.clip(random.normal(20, 5, sets)[which] + random.normal(0, 4, n), 0, 50), 2)
    chance = np.exp(0.9 * smoker + 0.12 * dose)
    case = np.zeros(n, bool)
    for k in range(sets):
        rows = np.flatnonzero(which == k)
        case[random.choice(rows, p=chance[rows] / chance[rows].sum())] = True
    f = pd.DataFrame({"matched": which * 7 + 3, "case": case, "smoker": smoker, "dose": dose})
    return f.sample(frac=1, random_state=seed).reset_index(drop=True)


def scenario_of(places, minimum=2, by="matched", case="case", **options):
    scenario = Scenario(inputs={"p": Rows.rows(at_most=1 << 17)}, parameters={"minimum_cohort": minimum})

    @scenario.run
    async def run(study):
        t = study.table("p").share(rows=places)
        study.release("odds", await clogit(t[case], t[NAMES], t[by], **options))

    return scenario


def simulated(f, engine="ideal", **options):
    tables = {name: {"p": f.iloc[k::3]} for k, name in enumerate("abc")}
    return simulate(scenario_of(-(-len(f) // 3) + 1, **options), tables, engine=engine)


def run(f, engine="ideal", **options):
    return simulated(f, engine, **options).releases["odds"]


def check(found, f):
    f = f.dropna()
    fit = ConditionalLogit(f.case.astype(int), f[NAMES].astype(float), groups=f.matched).fit(disp=0)
    assert not isinstance(found, str), found
    assert found["terms"] == NAMES
    assert np.all(np.abs(found["coefficient"] - fit.params) < 1e-3 * fit.bse)  # its own search ends early
    assert found["standard_error"] == pytest.approx(fit.bse, rel=1e-3)
    assert found["odds_ratio"] == pytest.approx(np.exp(fit.params), rel=1e-3)
    assert found["log_likelihood"] == pytest.approx(fit.llf, abs=1e-3)
    sizes = f.groupby("matched").size()[f[f.case == 1].matched]
    assert found["null_log_likelihood"] == pytest.approx(-np.log(sizes).sum(), abs=1e-3)
    assert found["events"] == f.case.sum()


@pytest.mark.parametrize("engine", ENGINES_SLOW)
def test_as_statsmodels(engine):
    f = matched()
    with every_bound_holds():
        found = run(f, engine)
    check(found, f)


@pytest.mark.parametrize("others", [1, pytest.param(8, marks=pytest.mark.slow)])
def test_pairs_and_large_sets(others):
    f = matched(50, 2, others)
    check(run(f), f)


@pytest.mark.slow
def test_a_thousand_sets():
    f = matched(1200, 3, 4)
    with every_bound_holds():
        found = run(f)
    check(found, f)


def test_sets_without_a_case_tell_nothing():
    f = matched(50, 4)
    alone = f.assign(matched=f.matched + 3000, case=False)
    both = pd.concat([f, alone[: len(f) // 2]], ignore_index=True)
    found = run(both)
    check({**found}, both)
    assert found["coefficient"] == pytest.approx(run(f)["coefficient"], rel=1e-3)


def test_rows_without_a_value_are_left_out():
    f = matched(60, 5).astype(object)
    f.loc[[3, 9], "dose"] = None
    f.loc[5, "matched"] = None
    check(run(f), f)


def test_two_cases_of_a_set_have_no_number():
    f = matched(40, 6)
    f.loc[f.matched == f.matched[0], "case"] = True
    assert run(f) == "undefined: a set has more than one case"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"case": False}, "undefined: not more cases than coefficients"),
        pytest.param({"dose": 20.0}, "undefined: a predictor hardly varies", marks=pytest.mark.slow),
        ({"matched": lambda f: np.arange(len(f))}, "undefined: predictors nearly collinear"),
        # The same in each set.
        ({"dose": lambda f: 10.0 + (f.matched % 20)}, "undefined: predictors nearly collinear"),
        ({"smoker": lambda f: f.case}, "undefined: .*a predictor nearly separates cases"),
    ],
)
def test_what_has_no_number(change, said):
    f = matched(40, 7)
    assert re.match(said, run(f.assign(**change), minimum=1))


def test_no_rows_and_one_row():
    for n in (0, 1):
        assert run(matched(20, 8)[:n], minimum=1) == "undefined: not more cases than coefficients"


def test_few_rows_of_a_side_suppress_everything():
    f = matched(40, 9)
    assert run(f.assign(smoker=np.arange(len(f)) < 3), minimum=5) == "suppressed (fewer than 5)"


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["replicated", "shamir"])
def test_messages_do_not_depend_on_rows(engine):
    first = matched(16, 1)
    others = [first.assign(case=True, matched=7), matched(16, 2)[:20]]
    places = -(-len(first) // 3) + 1
    runs = []
    for f in (first, *others):
        tables = {name: {"p": f.iloc[k::3]} for k, name in enumerate("abc")}
        runs.append(simulate(scenario_of(places, iterations=6), tables, engine=engine))
    for other in runs[1:]:
        assert other.cost == runs[0].cost
        assert by_operation(other.network.messages) == by_operation(runs[0].network.messages)


def test_what_an_iteration_costs():
    some, more = (dry_run(Computation(scenario_of(500, iterations=i), ["v", "w", "x"])) for i in (8, 9))
    assert more.rounds - some.rounds <= 140 + 21 * 2
    assert sum(more.bytes_sent) - sum(some.bytes_sent) <= 3 * 1500 * (530 + 180 * 2)


def test_misuse_is_taught():
    for options, says in (
        ({"by": "dose"}, r"clogit: sets=.*; expected a category, a flag or whole numbers"),
        ({"case": "dose"}, r"clogit: case is .*; expected a flag"),
    ):
        with pytest.raises(ShapeError, match=says):
            dry_run(Computation(scenario_of(20, **options), ["v", "w", "x"]))
