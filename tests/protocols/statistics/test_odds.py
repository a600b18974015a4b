"""The odds ratio of private and of shared flags, against statsmodels."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm

from mpc import Flag, Real, Scenario, Table
from mpc.errors import ShapeError
from protocols import statistics as st
from protocols.simulate import simulate


class People(Table):
    ill = Flag()
    smoker = Flag()
    age = Real(0, 120)


ENGINES = ["ideal", "replicated", "shamir"]


def frame(cells, missing=0, seed=1):
    rows = [(i, s) for s in (0, 1) for i in (0, 1) for _ in range(cells[s][i])]
    f = pd.DataFrame(rows, columns=["ill", "smoker"]).astype(object).assign(age=50.0)
    if missing:
        f = pd.concat([f, pd.DataFrame({"ill": [None, 1] * missing, "smoker": [1, None] * missing, "age": 50.0})])
    return f.sample(frac=1, random_state=seed)


def run_of(script, f, minimum=5, **options):
    scenario = Scenario(inputs={"people": People.rows()}, parameters={"minimum_cohort": minimum})

    @scenario.run
    async def run(study):
        script(study, study.table("people"))

    cuts = [0, len(f) // 3, len(f) // 2, len(f)]
    tables = {name: {"people": f.iloc[a:b]} for name, a, b in zip("abc", cuts, cuts[1:], strict=False)}
    return simulate(scenario, tables, **options).releases


def both(study, t):
    study.release("private", st.odds_ratio(t.ill, t.smoker, names=("ill", "smoker")))
    shared = t.share(rows=200)
    study.release("shared", st.odds_ratio(shared.ill, shared.smoker, names=("ill", "smoker")))
    kept = shared.filter(shared.age > 40)
    study.release("kept", st.odds_ratio(kept.ill, kept.smoker))


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("missing", [0, 12])
def test_as_statsmodels(engine, missing):
    cells = [[61, 20], [33, 41]]
    found = run_of(both, frame(cells, missing), engine=engine)
    table = sm.stats.Table2x2(np.asarray(cells))
    chi = sm.stats.Table(np.asarray(cells), shift_zeros=False).test_nominal_association()
    assert found["private"] == found["shared"]
    assert found["shared"] == {
        "rows": ["not smoker", "smoker"],
        "columns": ["not ill", "ill"],
        "counts": cells,
        "chi_square": pytest.approx(chi.statistic),
        "df": 1,
        "p": pytest.approx(chi.pvalue),
        "odds_ratio": pytest.approx(table.oddsratio),
        "ci_low": pytest.approx(table.oddsratio_confint()[0]),
        "ci_high": pytest.approx(table.oddsratio_confint()[1]),
    }
    assert found["kept"]["counts"] == cells


@pytest.mark.parametrize("cells", [[[61, 20], [33, 4]], [[0, 20], [33, 10]], [[3, 30], [30, 30]]])
def test_a_small_cell_suppresses_all(cells):
    found = run_of(both, frame(cells), engine="replicated")
    assert set(found.values()) == {"suppressed (fewer than 5)"}


def test_an_empty_cell_without_a_minimum():
    found = run_of(both, frame([[6, 0], [3, 4]]), minimum=1, engine="ideal")["shared"]
    assert found["counts"] == [[6, 0], [3, 4]]
    assert found["odds_ratio"] == found["ci_low"] == found["ci_high"] == "undefined: a cell without rows"


@pytest.mark.parametrize(
    "wrong",
    [
        lambda t, s: st.odds_ratio(t.ill, t.age),
        lambda t, s: st.odds_ratio(s.ill, s.age),
        lambda t, s: st.odds_ratio(s.ill, t.smoker),
        lambda t, s: st.odds_ratio(s.ill, s.smoker[:3]),
    ],
)
def test_misuse_is_taught(wrong):
    def script(study, t):
        with pytest.raises(ShapeError, match="odds_ratio: "):
            wrong(t, t.share(rows=200))
        study.release("n", t.count())

    run_of(script, frame([[6, 6], [6, 6]]), engine="ideal")
