"""Numbers of awaited releases: the run does what was agreed, whatever they are, and no text says what they are not."""

import itertools
import json
import math

import numpy as np
import pandas as pd
import pytest

from mpc import Category, Flag, Integer, Real, Scenario, Table
from mpc.errors import PolicyError
from mpc.machine.digest import digest
from mpc.machine.seen import Seen, SeenText, SeenWhole, seen, standing_in, without_numbers
from protocols import statistics as st
from protocols.simulate import Computation, dry_run, simulate

NAMES = ["county", "north", "st-mary"]


class People(Table):
    age = Real(0, 120)
    kids = Integer(0, 20)
    smoker = Flag()
    ward = Category("a", "b")


def tables():
    chance = np.random.default_rng(5)
    return {
        name: {
            "people": pd.DataFrame(
                {
                    "age": chance.uniform(20, 90, 80),
                    "kids": chance.integers(0, 9, 80),
                    "smoker": chance.random(80) < 0.5,
                    "ward": chance.choice(["a", "b"], 80),
                }
            )
        }
        for name in NAMES
    }


def scenario_of(script):
    scenario = Scenario(inputs={"people": People.rows()}, parameters={"minimum_cohort": 5})

    @scenario.run
    async def run(study):
        await script(study, study.table("people"))

    return scenario


async def one_threshold(study, p):
    mean = await study.release("mean age", p.age.mean())
    study.release("n", p.age[p.age > mean].count())


async def two_thresholds(study, p):
    age = await study.release("age", p.age.mean())
    kids = await study.release("kids", p.kids.mean())
    study.release("older", p[p.age > age].count())
    study.release("more kids", p[p.kids > kids].count())
    study.release("both", p[(p.age > age) & (p.kids > kids)].count())


async def two_on_one_column(study, p):
    mean = await study.release("mean", p.age.mean())
    smokers = await study.release("smokers", p.age[p.smoker].mean())
    study.release("above", p[p.age > mean].count())
    study.release("above smokers", p[p.age > smokers + 15].count())
    study.release("between", p[(p.age > mean) & (p.age < smokers + 15)].count())


async def whole_number_of_it(study, p):
    mean = await study.release("mean age", p.age.mean())
    low, high = int(mean), round(mean) + 10
    study.release("n", p.age[p.age > low].count())
    study.release("m", p.age[p.age > high].count())
    study.release("k", p[(p.age > int(mean)) & (p.age < int(mean + 20.5))].count())
    study.release("numpy", p[p.age > np.floor(np.float64(mean))].count())


async def a_count(study, p):
    n = await study.release("n", p.count())
    study.release("more", p.kids[p.kids > n // 60].mean())
    study.release("scaled", (p.age / n).mean())


async def standardized(study, p):
    mean = await study.release("mean", p.age.mean())
    sd = await study.release("sd", p.age.std())
    z = (p.age - mean) / sd
    study.release("skewness", (z * z * z).mean())
    study.release("far", p[abs(z) > 1].count())
    study.release("winsorized", p.age.clip(mean - 1.2 * sd, mean + 1.2 * sd).mean())
    study.release("rounded", p.age.clip(int(mean - sd), int(mean + sd)).mean())


async def quantiles(study, p):
    rows = p.age.share(rows=80)
    q = await study.release("quartiles", rows.quantile([0.25, 0.5, 0.75]))
    by = p.age.cut([0, *q, 120])
    study.release("quarters", p.group_by(by).count())
    study.release("kids by quarter", p.group_by(by).kids.mean())
    study.release("histogram", p.age.histogram([0, q[1], 120]))
    study.release("by ward", st.contingency(by, p.ward))
    study.release("clipped", p.age.clip(q[0], q[2]).mean())
    study.release("lowest", p[by == by.expression.levels[0]].count())
    study.release("inner", p.group_by(p.age.cut([q[0], q[1], q[2]])).count())


async def quantiles_one_by_one(study, p):
    rows = p.age.share(rows=80)
    low = await study.release("low", rows.quantile(0.25))
    high = await study.release("high", rows.quantile(0.75))
    study.release("groups", p.group_by(p.age.cut([0, int(low), int(high), 120])).count())
    study.release("clipped", p.age.clip(18, high).mean())
    study.release("both", p.age.clip(int(low), int(high)).mean())
    study.release("kids", p.kids.clip(low / 20, high / 20).mean())


async def a_histogram(study, p):
    found = await study.release("histogram", p.age.histogram([0, 40, 60, 120]))
    share = found["counts"][0] / sum(found["counts"])
    study.release("quantile", p.age.share(rows=80).quantile(share))
    study.release("again", p.age.histogram(found["edges"]))


SCRIPTS = [
    one_threshold,
    two_thresholds,
    two_on_one_column,
    whole_number_of_it,
    a_count,
    standardized,
    quantiles,
    quantiles_one_by_one,
    a_histogram,
]


@pytest.mark.parametrize("engine", ["ideal", "replicated"])
@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.__name__)
def test_a_run_does_what_was_planned(script, engine):
    simulation = simulate(scenario_of(script), tables(), engine=engine)
    assert not any("undefined" in json.dumps(value) for value in simulation.releases.values())
    assert set(simulation.releases) == {e.name for e in dry_run(Computation(scenario_of(script), NAMES)).releases}


def test_values_that_follow_are_right():
    pooled = pd.concat([t["people"] for t in tables().values()])
    found = simulate(scenario_of(standardized), tables()).releases
    mean, sd = pooled.age.mean(), pooled.age.std()
    z = (pooled.age - mean) / sd
    assert found["skewness"] == pytest.approx((z**3).mean(), abs=1e-4)
    assert found["far"] == (abs(z) > 1).sum()
    assert found["winsorized"] == pytest.approx(pooled.age.clip(mean - 1.2 * sd, mean + 1.2 * sd).mean(), abs=1e-4)
    found = simulate(scenario_of(quantiles), tables()).releases
    edges = [0, *found["quartiles"], 120]
    assert found["quarters"]["values"] == np.histogram(pooled.age, edges)[0].tolist()
    assert found["quarters"]["labels"][0].startswith("0")


def told(script):
    """By release, the texts of its plan."""
    lines = dry_run(Computation(scenario_of(script), NAMES)).manifest()
    found = {
        line["name"]: [t for one in line["protection"].values() for t in one["counts"] + one["of"]] for line in lines
    }
    return {name: " ".join(texts) for name, texts in found.items()}


def test_a_plan_says_no_number_that_it_does_not_know():
    assert "people where (age > …)" in told(one_threshold)["n"]
    texts = told(two_on_one_column)
    assert "where age > …" in texts["above smokers"]
    assert "where (age > …) & (age < …)" in texts["between"]
    texts = told(standardized)
    assert "|((age - …) / …)| > 1" in texts["far"]
    assert "age within … to … where (age < …), or none" in texts["winsorized"]
    assert "age within … to …" in told(quantiles)["clipped"]
    assert "0 to …" in told(quantiles)["lowest"]


async def chosen_by_it(study, p):
    mean = await study.release("mean age", p.age.mean())
    if mean > 5:
        study.release("old", p[p.age > 40].count())
    else:
        study.release("young", p[p.age < 40].count())


async def another_value_by_it(study, p):
    mean = await study.release("mean age", p.age.mean())
    rows = p[p.smoker] if mean > 5 else p
    study.release("n", rows.count())


async def more_bins_by_it(study, p):
    mean = await study.release("mean age", p.age.mean())
    study.release("ages", p.age.histogram(np.linspace(0, 120, 2 + int(mean)).tolist()))


@pytest.mark.parametrize("script", [chosen_by_it, another_value_by_it, more_bins_by_it])
def test_what_is_released_cannot_be_chosen_by_it(script):
    """Whoever agreed has read what comes out."""
    with pytest.raises(PolicyError, match="has the value of release 'mean age', for which another number stood in"):
        simulate(scenario_of(script), tables(), engine="ideal")


def test_arithmetic_keeps_them():
    x, n = Seen(54.5), SeenWhole(7)
    for number in (x + 1, 1 + x, x - n, n * x, x / 2, 2 / x, x // 2, x**2, 2**x, -x, abs(x), round(x, 1), x % 5):
        assert type(number) is Seen
    for number in (n + 1, 1 + n, n - n, 3 * n, n // 2, n % 2, n**2, -n, round(x), math.floor(x), math.ceil(x)):
        assert type(number) is SeenWhole
    assert type(n / 2) is Seen
    assert x == 54.5
    assert n == 7
    assert isinstance(x, float)
    assert list(range(n)) == list(range(7))
    assert json.dumps([x, n]) == "[54.5, 7]"
    assert f"{x:.2f} {n}" == "54.50 7"


def test_the_comparison_of_parties_covers_the_number():
    for kind, text in ((Seen, float), (SeenWhole, int)):
        assert digest(kind(3)) == digest(text(3)) != digest(kind(4))
    assert digest(SeenText("0 to 3", "0 to …")) == digest("0 to 3") != digest(SeenText("0 to 4", "0 to …"))


def test_stand_ins_have_the_form_of_the_value_and_can_be_divided_by():
    value = {"counts": [0, 0], "edges": [0.0, 2.5], "yes": False, "text": "a", "p": math.nan}
    found = standing_in(value, itertools.count(1))
    assert found == {"counts": [1, 2], "edges": [3.0, 2.5], "yes": False, "text": "a", "p": 4.0}
    assert type(seen(found)["counts"][0]) is SeenWhole
    assert seen(found)["yes"] is False


def test_texts_without_numbers():
    assert without_numbers({"a": ["(x > 0)", "(x > -1.5e-05)"], "b": [[1, 2]]}) == {"a": ["(x > …)"], "b": [[1, 2]]}
