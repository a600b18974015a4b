"""Rates per person-time of private and shared rows, against their definitions."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from mpc import Category, Flag, Integer, Real, Scenario, Table
from mpc.errors import ConfigError, RangeError, ShapeError
from protocols import statistics as st
from protocols.simulate import simulate
from tests.support.engines import ENGINES_SLOW
from tests.support.messages import by_operation

AGES = ["0-39", "40-64", "65+"]
STANDARD = {"0-39": 50_000, "40-64": 32_000, "65+": 18_000}


class People(Table):
    age = Category(*AGES)
    years = Real(0, 12, unit="years")
    died = Flag()
    falls = Integer(0, 9)
    woman = Flag()


def frame(n=240, seed=1, missing=0.0):
    random = np.random.default_rng(seed)
    age = random.choice(AGES, n, p=[0.3, 0.4, 0.3])
    risk = pd.Series(age).map({"0-39": 0.1, "40-64": 0.2, "65+": 0.5}).to_numpy()
    f = pd.DataFrame(
        {
            "age": age,
            "years": np.round(random.uniform(0, 12, n) * 64) / 64,
            "died": random.random(n) < risk,
            "falls": random.poisson(risk).clip(0, 9),
            "woman": random.random(n) < 0.5,
        }
    ).astype(object)
    return f.mask(random.random(f.shape) < missing)


def released(script, f, minimum=5, engine="ideal"):
    scenario = Scenario(inputs={"people": People.rows()}, parameters={"minimum_cohort": minimum})
    names = "abcde" if engine == "shamir" else "abc"

    @scenario.run
    async def run(study):
        table = study.table("people")
        for where, t in (("private", table), ("shared", table.share(rows=-(-len(f) // len(names)) + 1))):
            for name, value in script(t).items():
                study.release(f"{where} {name}", value)

    tables = {name: {"people": f.iloc[k :: len(names)]} for k, name in enumerate(names)}
    return simulate(scenario, tables, engine=engine)


def every(t):
    return {
        "all": st.rate(t.died, t.years, per=1000),
        "by age": st.rate(t.falls, t.years, by=t.age, per=1000),
        "by sex": st.rate(t.died, t.years, by=t.woman, per=1000),
        "direct": st.standardised_rate(t.died, t.years, by=t.age, standard=STANDARD),
        "falls": st.standardised_rate(t.falls, t.years, by=t.age, standard=STANDARD),
        "indirect": st.standardised_ratio(
            t.died, t.years, by=t.age, reference={"0-39": 9, "40-64": 30, "65+": 90}, per=1000
        ),
    }


def exact(d):
    return (stats.chi2.ppf(0.025, 2 * d) / 2 if d else 0.0), stats.chi2.ppf(0.975, 2 * (d + 1)) / 2


def sums(f, events, by, levels):
    known = f.dropna(subset=[events, "years", *([by] if by else [])])
    groups = [known if by is None else known[known[by] == level] for level in levels]
    return [int(g[events].sum()) for g in groups], [float(g.years.sum()) for g in groups]


def check(found, f, where):
    for name, events, by, levels in (
        ("all", "died", None, ["rate"]),
        ("by age", "falls", "age", AGES),
        ("by sex", "died", "woman", [False, True]),
    ):
        value = found[f"{where} {name}"]
        for k, (d, t) in enumerate(zip(*sums(f, events, by, levels), strict=True)):
            low, high = exact(d)
            wanted = [d / t * 1000, low / t * 1000, high / t * 1000]
            assert [value[key][k] for key in ("estimate", "ci_low", "ci_high")] == pytest.approx(wanted, rel=1e-6)
            assert value["table"]["values"][k][1] == d
    for name, events in (("direct", "died"), ("falls", "falls")):
        d, t = map(np.asarray, sums(f, events, "age", AGES))
        w = np.asarray(list(STANDARD.values())) / 100_000 / t
        rate, variance = (w * d).sum(), (w**2 * d).sum()
        low = variance / 2 / rate * stats.chi2.ppf(0.025, 2 * rate**2 / variance)
        mean, spread = rate + w.max(), variance + w.max() ** 2
        high = spread / 2 / mean * stats.chi2.ppf(0.975, 2 * mean**2 / spread)
        value = found[f"{where} {name}"]
        assert value["estimate"] == pytest.approx([d.sum() / t.sum() * 1e5, rate * 1e5], rel=1e-6)
        assert value["ci_low"][1] == pytest.approx(low * 1e5, rel=1e-6)
        assert value["ci_high"][1] == pytest.approx(high * 1e5, rel=1e-6)
    d, t = map(np.asarray, sums(f, "died", "age", AGES))
    expected = (t * [9, 30, 90]).sum() / 1000
    value = found[f"{where} indirect"]
    assert value["estimate"] == pytest.approx([d.sum(), expected, d.sum() / expected], rel=1e-6)
    assert value["ci_low"][2] == pytest.approx(exact(d.sum())[0] / expected, rel=1e-6)
    tail = min(stats.poisson.cdf(d.sum(), expected), stats.poisson.sf(d.sum() - 1, expected))
    assert value["p"][2] == pytest.approx(min(1, 2 * tail), rel=1e-4)


@pytest.mark.parametrize("engine", ENGINES_SLOW)
def test_by_their_definitions(engine):
    f = frame(missing=0.03)
    found = released(every, f, minimum=1, engine=engine).releases
    for where in ("private", "shared"):
        check(found, f, where)


def test_no_events_no_time_no_rows():
    f = frame(90, 2)
    f["died"], f["falls"] = False, 0
    f.loc[f.age == "65+", "years"] = 0.0
    found = released(every, f, minimum=1).releases
    for where in ("private", "shared"):
        assert found[f"{where} all"]["estimate"] == [0]
        assert found[f"{where} all"]["ci_low"] == [0]
        assert found[f"{where} by age"]["estimate"][2] == "undefined: no person-time"
        assert found[f"{where} direct"]["estimate"][1] == "undefined: no person-time in 65+"
        assert found[f"{where} indirect"]["p"][2] <= 1
    f = f[f.age == "0-39"]
    found = released(every, f, minimum=1).releases
    assert found["shared by age"]["estimate"][1] == "undefined: no person-time"
    without = {"0-39": 1, "40-64": 0, "65+": 0}
    found = released(lambda t: {"x": st.standardised_rate(t.died, t.years, by=t.age, standard=without)}, f, 1).releases
    assert found["private x"]["estimate"] == [0, 0]
    assert found["private x"]["ci_high"][1] == pytest.approx(found["private x"]["ci_high"][0], rel=1e-6)


@pytest.mark.parametrize("few", [1, 4])
def test_few_events_in_a_level_suppress_everything(few):
    f = frame(240, 3)
    young = f.index[f.age == "0-39"]
    f["died"] = f.age == "65+"
    f.loc[f.index[f.age == "65+"][:20], "died"] = False
    f.loc[young[:few], "died"] = True
    found = released(lambda t: {"x": st.rate(t.died, t.years, by=t.age)}, f).releases
    assert set(map(str, found.values())) == {"suppressed (fewer than 5)"}
    f.loc[young, "died"] = False  # none is no event of a single person
    found = released(lambda t: {"x": st.rate(t.died, t.years, by=t.age)}, f).releases
    assert all(value["estimate"][0] == 0 for value in found.values())


def test_few_rows_with_events_suppress_their_number():
    f = frame(240, 4)
    f["falls"] = 0
    f.loc[f.index[:2], "falls"] = 9
    found = released(lambda t: {"x": st.rate(t.falls, t.years)}, f).releases
    assert set(map(str, found.values())) == {"suppressed (fewer than 5)"}


@pytest.mark.slow
def test_messages_do_not_depend_on_rows():
    first = frame(30, 1)
    others = [first.assign(died=False, falls=0, age="65+"), frame(30, 5, missing=0.8)]
    runs = [released(every, f, engine="replicated") for f in (first, *others)]
    for run in runs[1:]:
        assert by_operation(run.network.messages) == by_operation(runs[0].network.messages)
        assert run.cost == runs[0].cost


def test_what_it_costs():
    """Rows that stay cost the same however many there are; shared ones a few equalities and conversions."""

    def script(t):
        return {"x": st.standardised_rate(t.died, t.years, by=t.age, standard=STANDARD)}

    few, many = (released(script, frame(n, 1), minimum=1, engine="replicated").cost for n in (300, 600))
    assert many.rounds == few.rounds < 60
    assert 0 < sum(many.bytes_sent) - sum(few.bytes_sent) < 3 * 300 * 500


def test_misuse_is_taught():
    def script(t):
        with pytest.raises(ConfigError, match="standard lacks '65\\+'; expected a number for each of 0-39, 40-64, 65"):
            st.standardised_rate(t.died, t.years, by=t.age, standard={"0-39": 1, "40-64": 1})
        with pytest.raises(ConfigError, match="reference has 'old', which is no level"):
            st.standardised_ratio(t.died, t.years, by=t.age, reference={**STANDARD, "old": 1})
        with pytest.raises(ConfigError, match="expected numbers from 0 up, not all 0"):
            st.standardised_rate(t.died, t.years, by=t.age, standard=dict.fromkeys(AGES, 0))
        with pytest.raises(ConfigError, match="per=0; expected a number above 0"):
            st.rate(t.died, t.years, per=0)
        with pytest.raises(ShapeError, match="events are a flag, or whole numbers from 0 up; got a real"):
            st.rate(t.years, t.years)
        with pytest.raises(ShapeError, match="person-time is a column of numbers; got a flag"):
            st.rate(t.died, t.woman)
        return {"rows": t.died.count()}

    released(script, frame(30, 1))


def test_columns_that_may_be_negative_are_refused():
    class Rows(Table):
        years = Real(-1, 5)
        died = Flag()

    scenario = Scenario(inputs={"rows": Rows.rows()})

    @scenario.run
    async def run(study):
        t = study.table("rows")
        with pytest.raises(RangeError, match="years may be negative; declare it from 0 up"):
            st.rate(t.died, t.years)
        study.release("rows", t.died.count())

    rows = pd.DataFrame({"years": np.arange(12) / 4, "died": [True, False] * 6})
    simulate(scenario, {name: {"rows": rows.iloc[k::3]} for k, name in enumerate("abc")}, engine="ideal")


@pytest.mark.parametrize("level", ["age", None])
def test_two_rates_do_not_tell_the_event_of_one_person(level):
    """The same rows and person-time: the numbers of events would differ by one."""
    f = frame(900, 6)
    dead = f.index[f.died.astype(bool)]
    f["woman"] = True
    f.loc[dead[0], "woman"] = False
    f.loc[f.index[~f.died.astype(bool)][:40], "woman"] = False
    scenario = Scenario(inputs={"people": People.rows()}, parameters={"minimum_cohort": 5})

    @scenario.run
    async def run(study):
        t = study.table("people")
        by = None if level is None else t.column(level)
        study.release("all", st.rate(t.died, t.years, by=by))
        study.release("women", st.rate(t.died & t.woman, t.years, by=by))
        study.release("share", st.proportion(t.died & t.woman))

    tables = {name: {"people": f.iloc[k::3]} for k, name in enumerate("abc")}
    found = simulate(scenario, tables, engine="ideal").releases
    assert isinstance(found["all"], dict)
    assert found["women"] == found["share"] == "suppressed (fewer than 5)"
