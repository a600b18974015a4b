"""Rank tests of shared rows against scipy: ties, missing values, groups without rows, values that are all equal."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st_
from scipy import stats

from mpc import Category, Flag, Integer, Real, Scenario, Table
from mpc.errors import ShapeError
from protocols import statistics as st
from protocols.simulate import simulate

ENGINES = ["ideal", "replicated", pytest.param("shamir", marks=pytest.mark.slow)]


class Rows(Table):
    x = Integer(-50, 50)
    y = Real(-20, 20)
    arm = Category("a", "b", "c")
    treated = Flag()


def frame(n, seed, spread=10, missing=0.1):
    chance = np.random.default_rng(seed)
    rows = pd.DataFrame(
        {
            "x": chance.integers(-spread, spread + 1, n),
            "y": chance.integers(-40, 41, n) / 4,
            "arm": chance.choice(["a", "b", "c"], n),
            "treated": chance.random(n) < 0.4,
        }
    ).astype(object)
    for name in rows:
        rows[name] = rows[name].mask(chance.random(n) < missing)
    return rows


def run_of(script, rows, minimum=1, engine="ideal", owners="abc"):
    scenario = Scenario(inputs={"rows": Rows.rows()}, parameters={"minimum_cohort": minimum})
    places = max(len(rows.iloc[k :: len(owners)]) for k in range(len(owners))) + 2

    @scenario.run
    async def run(study):
        script(study, study.table("rows").share(rows=places))

    tables = {name: {"rows": rows.iloc[k :: len(owners)]} for k, name in enumerate(owners)}
    return simulate(scenario, tables, engine=engine, compute=list(owners))


def every(study, t):
    study.release("mannwhitneyu", st.mannwhitneyu(t.x, t.treated))
    study.release("kruskal", st.kruskal(t.x, t.arm))
    study.release("wilcoxon", st.wilcoxon(t.y))
    study.release("spearmanr", st.spearmanr(t.x, t.y))


def last(found, key):
    return found[key][-1]


def close(found, wanted):
    assert found == pytest.approx(float(wanted), rel=1e-9, abs=1e-12)


def as_scipy(found, rows):
    both = rows.dropna(subset=["x", "treated"])
    one, other = both.x[both.treated.astype(bool)].astype(float), both.x[~both.treated.astype(bool)].astype(float)
    it = found["mannwhitneyu"]
    if not len(one) or not len(other):
        assert it["estimate"] == ["undefined: a group without rows"]
    elif len(set(both.x)) == 1:
        assert last(it, "p") == "undefined: all values are equal"
    else:
        wanted = stats.mannwhitneyu(one, other, method="asymptotic")
        close(it["estimate"][0], wanted.statistic)
        close(it["estimate"][1], wanted.statistic / len(one) / len(other))
        close(last(it, "p"), wanted.pvalue)
        assert [row[0] for row in it["table"]["values"]] == [len(other), len(one)]

    both = rows.dropna(subset=["x", "arm"])
    groups = [group.astype(float) for _, group in both.groupby("arm").x]
    if len(groups) > 1 and len(set(both.x)) > 1:
        wanted = stats.kruskal(*groups)
        close(last(found["kruskal"], "statistic"), wanted.statistic)
        close(last(found["kruskal"], "p"), wanted.pvalue)
        assert last(found["kruskal"], "df") == len(groups) - 1
    else:
        assert last(found["kruskal"], "statistic").startswith("undefined: ")

    y = rows.y.dropna().astype(float)
    if (y != 0).any():
        wanted = stats.wilcoxon(y, method="asymptotic", correction=False)
        close(last(found["wilcoxon"], "p"), wanted.pvalue)
        ranks = stats.rankdata(abs(y[y != 0]))
        close(found["wilcoxon"]["estimate"][0], ranks[y[y != 0] > 0].sum())
    else:
        assert found["wilcoxon"]["estimate"] == ["undefined: no difference but 0"]

    both = rows.dropna(subset=["x", "y"]).astype({"x": float, "y": float})
    if len(both) < 3 or len(set(both.x)) == 1 or len(set(both.y)) == 1:
        assert found["spearmanr"]["estimate"][0].startswith("undefined: ")
    else:
        wanted = stats.spearmanr(both.x, both.y)
        close(found["spearmanr"]["estimate"][0], wanted.statistic)
        close(found["spearmanr"]["p"][0], wanted.pvalue)


@pytest.mark.parametrize("engine", ENGINES)
def test_as_scipy(engine):
    rows = frame(90, seed=1)
    as_scipy(run_of(every, rows, engine=engine).releases, rows)


@pytest.mark.slow
def test_as_scipy_with_five_parties():
    rows = frame(60, seed=2, spread=2)
    as_scipy(run_of(every, rows, engine="shamir", owners="abcde").releases, rows)


@pytest.mark.slow
@given(n=st_.integers(0, 25), seed=st_.integers(0, 10**6), spread=st_.sampled_from([0, 1, 20]))
def test_random_rows(n, seed, spread):
    rows = frame(n, seed, spread, missing=0.2)
    as_scipy(run_of(every, rows).releases, rows)


@pytest.mark.slow
def test_large_ranks_keep_all_their_digits():
    """Sums of products of 250,000 ranks are above 2^53, up to where float64 has all whole numbers."""
    chance = np.random.default_rng(3)
    rows = pd.DataFrame({"x": chance.integers(-50, 51, 250_000), "y": chance.integers(-80, 81, 250_000) / 4})
    rows = rows.assign(y=rows.x / 3 + rows.y / 10, arm="a", treated=False)
    rows["y"] = (rows.y * 4).round() / 4
    found = run_of(lambda study, t: study.release("s", st.spearmanr(t.x, t.y)), rows).releases["s"]
    assert found["estimate"][0] == pytest.approx(stats.spearmanr(rows.x, rows.y).statistic, rel=1e-12)


@pytest.mark.parametrize(
    ("change", "hidden"),
    [
        (lambda f: f.assign(treated=np.arange(len(f)) < 4), {"mannwhitneyu"}),
        (lambda f: f.assign(arm=np.where(np.arange(len(f)) < 4, "c", "a")), {"kruskal"}),
        (lambda f: f.assign(y=np.where(np.arange(len(f)) < 4, -3.0, 5.0 + np.arange(len(f)) % 7)), {"wilcoxon"}),
        (lambda f: f.assign(y=np.where(np.arange(len(f)) < 4, 0.0, 5.5 - np.arange(len(f)) % 9)), {"wilcoxon"}),
        (lambda f: f.assign(x=np.where(np.arange(len(f)) < 4, f.x, None)), {"mannwhitneyu", "kruskal", "spearmanr"}),
    ],
)
def test_few_rows_are_suppressed(change, hidden):
    rows = frame(120, seed=4, missing=0)
    rows = change(rows.assign(y=rows.y + 0.125))  # no difference is 0
    found = run_of(every, rows, minimum=10).releases
    assert {name for name, value in found.items() if value == "suppressed (fewer than 10)"} == hidden


@pytest.mark.parametrize(("others", "out"), [(0, True), (4, False), (9, False), (10, True)])
def test_few_rows_with_another_value_than_all_others_are_suppressed(others, out):
    """Ties would tell how many these are."""
    rows = frame(120, seed=6, missing=0)
    rows = rows.assign(x=np.where(np.arange(120) < others, rows.x.where(rows.x != 3, 4), 3))
    found = run_of(every, rows, minimum=10).releases
    for name in ("mannwhitneyu", "kruskal", "spearmanr"):
        assert (found[name] != "suppressed (fewer than 10)") == out


def test_few_rows_with_a_flag_are_suppressed():
    """Ranks of a flag tell how many have it."""

    def script(study, t):
        study.release("flag", st.spearmanr(t.treated, t.y))
        study.release("group", st.kruskal(t.treated, t.arm))

    rows = frame(120, seed=5, missing=0)
    few = rows.assign(treated=np.arange(120) < 4)
    assert set(map(str, run_of(script, few, minimum=10).releases.values())) == {"suppressed (fewer than 10)"}
    assert "suppressed (fewer than 10)" not in run_of(script, rows, minimum=10).releases.values()


def test_messages_do_not_depend_on_rows():
    runs = [run_of(every, rows, engine="replicated") for rows in (frame(30, 1), frame(30, 2, spread=0, missing=0.7))]
    first, second = (sorted(message[:4] for message in run.network.messages) for run in runs)
    assert first == second
    assert runs[0].cost == runs[1].cost


def test_costs():
    """A sort by 7 bits for x and one by a few more for each of the others, side by side."""
    run = run_of(every, frame(300, seed=1), engine="replicated")
    assert run.cost.rounds < 100
    assert max(run.cost.bytes_sent) < 6_000 * 306


def test_misuse_is_taught():
    def script(study, t):
        with pytest.raises(ShapeError, match="a column of shared rows is wanted"):
            st.mannwhitneyu(t.arm, t.treated)
        with pytest.raises(ShapeError, match="is no flag of shared rows"):
            st.mannwhitneyu(t.x, t.x)
        with pytest.raises(ShapeError, match="groups are those of a category"):
            st.kruskal(t.x, t.treated)
        with pytest.raises(ShapeError, match="take both from one table"):
            st.spearmanr(t.x, t.y[:4])
        with pytest.raises(ShapeError, match=r"a column of shared rows is wanted: table\.share"):
            st.wilcoxon(study.table("rows").y)
        study.release("n", t.count())

    run_of(script, frame(12, seed=1))
