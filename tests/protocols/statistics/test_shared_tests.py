"""Friedman's, Kolmogorov-Smirnov and normality tests of shared rows, against scipy."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from mpc import Flag, Integer, Real, Scenario, Table
from mpc.errors import RangeError, ShapeError
from protocols import statistics as st
from protocols.simulate import simulate
from tests.support.messages import by_operation

ENGINES = ["ideal", "replicated", pytest.param("shamir", marks=pytest.mark.slow)]
VISITS = ["first", "second", "third", "fourth"]


class Visits(Table):
    first = Integer(0, 20)
    second = Integer(0, 20)
    third = Integer(0, 20)
    fourth = Real(0, 20)
    new = Flag()


def visits(n=90, seed=1):
    chance = np.random.default_rng(seed)
    frame = pd.DataFrame({name: chance.poisson(6 + k / 2, n) for k, name in enumerate(VISITS)}, dtype=float)
    frame["new"] = chance.random(n) < 0.4
    frame["third"] = frame.third.mask(chance.random(n) < 0.1)
    return frame


def run_of(script, frame, minimum=5, rows=None, **options):
    scenario = Scenario(inputs={"visits": Visits.rows()}, parameters={"minimum_cohort": minimum})
    names = "abcde" if options.get("engine") == "shamir" else "abc"
    places = rows or -(-len(frame) // len(names))

    @scenario.run
    async def run(study):
        script(study, study.table("visits").share(rows=places))

    tables = {name: {"visits": frame.iloc[k :: len(names)]} for k, name in enumerate(names)}
    return simulate(scenario, tables, **options)


def released(script, frame, minimum=5, **options):
    return run_of(script, frame, minimum, **options).releases


def every(study, t):
    study.release("friedman", st.friedmanchisquare(t.first, t.second, t.third, t.fourth, names=VISITS))
    study.release("ks", st.ks_2samp(t.third, t.new, names=("old", "new")))
    study.release("jb", st.jarque_bera(t.fourth))
    study.release("k2", st.normaltest(t.third))


def last(found):
    return found["statistic"][-1], found["p"][-1]


@pytest.mark.parametrize("engine", ENGINES)
def test_as_scipy(engine):
    frame = visits()
    found = released(every, frame, minimum=2, engine=engine)
    whole = frame.dropna()
    theirs = stats.friedmanchisquare(*[whole[name] for name in VISITS])
    friedman = found["friedman"]
    assert (friedman["statistic"][0], friedman["p"][0]) == pytest.approx(tuple(theirs))
    ranks = stats.rankdata(whole[VISITS], axis=1).mean(0)
    assert [row[1] for row in friedman["table"]["values"]] == pytest.approx(ranks)
    theirs = stats.ks_2samp(whole.third[~whole.new], whole.third[whole.new], method="asymp")
    assert last(found["ks"]) == pytest.approx(tuple(theirs))
    assert found["jb"]["estimate"][:2] == pytest.approx(
        [stats.skew(frame.fourth), stats.kurtosis(frame.fourth)], abs=1e-5
    )
    assert last(found["jb"]) == pytest.approx(tuple(stats.jarque_bera(frame.fourth)), abs=1e-4)
    assert last(found["k2"]) == pytest.approx(tuple(stats.normaltest(whole.third)), abs=1e-4)


def test_edges_are_words():
    def script(study, t):
        some = t.filter(t.first > 100)
        study.release("none, friedman", st.friedmanchisquare(some.first, some.second, some.third))
        study.release("none, ks", st.ks_2samp(some.first, some.new))
        study.release("none, jb", st.jarque_bera(some.first))
        study.release("equal", st.friedmanchisquare(t.first, t.first, t.first))
        study.release("one value", st.ks_2samp(t.second, t.new))
        study.release("constant", st.jarque_bera(t.second))
        study.release("one side", st.ks_2samp(t.first, t.first > 30))

    found = released(script, visits(30).assign(second=7.0), minimum=1)
    assert found["none, friedman"]["p"][0] == "undefined: no rows"
    assert found["none, ks"]["p"][0] == found["one side"]["p"][0] == "undefined: a group without rows"
    assert found["none, jb"] == "undefined: fewer than two rows"
    assert found["equal"]["p"][0] == "undefined: all values of each row are equal"
    assert last(found["one value"]) == (0.0, 1.0)
    assert found["constant"].startswith("undefined: a column")


def test_one_far_value():
    """No value is farther from the mean than the root of the rows, in deviations."""
    x = np.append(20.0, np.zeros(59))
    frame = visits(60).assign(fourth=x)
    found = released(lambda study, t: study.release("jb", st.jarque_bera(t.fourth)), frame, engine="ideal")["jb"]
    assert found["estimate"][:2] == pytest.approx([stats.skew(x), stats.kurtosis(x)], rel=1e-4)


def test_few_rows_that_the_numbers_tell_suppress_them():
    frame = visits(60).assign(first=1.0, second=2.0, third=3.0, fourth=4.0)
    frame["new"] = np.arange(60) < 30
    frame.loc[0, ["first", "third"]] = 3.0, 1.0

    def script(study, t):
        study.release("friedman", st.friedmanchisquare(t.first, t.second, t.third))
        study.release("three alike", st.friedmanchisquare(t.second, t.fourth, t.second + 1))
        study.release("ks", st.ks_2samp(t.first, t.new))
        study.release("far", st.ks_2samp(t.second, t.new))

    found = released(script, frame)
    assert found["friedman"] == found["ks"] == "suppressed (fewer than 5)"
    assert isinstance(found["three alike"], dict)
    assert isinstance(found["far"], dict)


def test_misuse_is_taught():
    def script(study, t):
        with pytest.raises(RangeError, match="3 to 16"):
            st.friedmanchisquare(t.first, t.second)
        with pytest.raises(ShapeError, match="names"):
            st.friedmanchisquare(t.first, t.second, t.third, names=["a"])
        with pytest.raises(ShapeError, match="no flag"):
            st.ks_2samp(t.first, t.second)
        with pytest.raises(ShapeError, match="wanted"):
            st.jarque_bera(t.new)

    assert released(script, visits(9), engine="ideal") == {}


@pytest.mark.slow
def test_messages_do_not_depend_on_the_rows():
    frames = [visits(60), visits(60, seed=2).assign(first=3, second=3, new=True), visits(60).assign(third=np.nan)]
    runs = [run_of(every, frame, engine="replicated") for frame in frames]
    for other in runs[1:]:
        assert other.cost == runs[0].cost
        assert by_operation(other.network.messages) == by_operation(runs[0].network.messages)


@pytest.mark.slow
def test_a_long_tail_and_a_narrow_range():
    chance = np.random.default_rng(3)
    frame = visits(3000).assign(fourth=np.clip(chance.standard_t(3, 3000) * 0.05 + 17, 0, 20))
    found = released(lambda study, t: study.release("jb", st.jarque_bera(t.fourth)), frame, engine="ideal")["jb"]
    assert found["estimate"][:2] == pytest.approx([stats.skew(frame.fourth), stats.kurtosis(frame.fourth)], rel=1e-3)
