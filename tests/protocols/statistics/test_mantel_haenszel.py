"""Mantel and Haenszel's measures of private and shared rows, against statsmodels."""

import numpy as np
import pandas as pd
import pytest
from statsmodels.stats.contingency_tables import StratifiedTable

from mpc import Category, Flag, Scenario, Table
from mpc.errors import ShapeError
from protocols import statistics as st
from protocols.simulate import simulate
from tests.support.messages import by_operation

ENGINES = ["ideal", "replicated", pytest.param("shamir", marks=pytest.mark.slow)]
CLINICS = ["east", "north", "south", "west"]
#: [exposure][outcome][clinic]
CELLS = np.asarray([[[40, 31, 22, 60], [12, 11, 30, 10]], [[25, 20, 14, 33], [18, 15, 41, 12]]])


class People(Table):
    ill = Flag()
    smoker = Flag()
    clinic = Category(*CLINICS)
    old = Flag()


def frame_of(cells, missing=0):
    rows = [
        (i, s, CLINICS[k])
        for s in (0, 1) for i in (0, 1) for k in range(cells.shape[2]) for _ in range(cells[s][i][k])
    ]  # fmt: skip
    frame = pd.DataFrame(rows, columns=["ill", "smoker", "clinic"]).astype(object)
    lacking = pd.DataFrame(
        {"ill": [None, 1, 1] * missing, "smoker": [1, None, 0] * missing, "clinic": ["east", "north", None] * missing}
    )
    return pd.concat([frame, lacking]).sample(frac=1, random_state=1).assign(old=True)


def run_of(script, frame, minimum=3, **options):
    scenario = Scenario(inputs={"people": People.rows()}, parameters={"minimum_cohort": minimum})

    @scenario.run
    async def run(study):
        script(study, study.table("people"))

    names = "abcde" if options.get("engine") == "shamir" else "abc"
    tables = {name: {"people": frame.iloc[k :: len(names)]} for k, name in enumerate(names)}
    return simulate(scenario, tables, **options)


def released(script, frame, minimum=3, **options):
    return run_of(script, frame, minimum, **options).releases


def both(study, t):
    study.release("private", st.mantel_haenszel(t.ill, t.smoker, t.clinic, names=("ill", "smoker")))
    rows = t.share(rows=160)
    study.release("shared", st.mantel_haenszel(rows.ill, rows.smoker, rows.clinic, names=("ill", "smoker")))


def by_name(found, name):
    place = found["measures"].index(name)
    return {key: values[place] for key, values in found.items() if key not in ("measures", "table")}


def theirs_of(cells):
    kept = cells[:, :, cells.sum((0, 1)) > 1][::-1, ::-1]
    return StratifiedTable([kept[:, :, k].astype(float) for k in range(kept.shape[2])])


def sato(cells):
    (d, c), (b, a) = cells.astype(float)
    n1, n0, n = a + b, c + d, a + b + c + d
    weight = (n1 * n0 / n).sum()
    difference = ((a * n0 - c * n1) / n).sum() / weight
    p = ((n1**2 * c - n0**2 * a + n1 * n0 * (n0 - n1) / 2) / n**2).sum()
    q = ((a * (n0 - c) + c * (n1 - a)) / (2 * n)).sum()
    return difference, np.sqrt(difference * p + q) / weight


def check(found, cells, near=1e-6):
    theirs = theirs_of(cells)
    odds = by_name(found, "odds ratio, pooled")
    assert odds["estimate"] == pytest.approx(theirs.oddsratio_pooled, rel=near)
    assert (odds["ci_low"], odds["ci_high"]) == pytest.approx(theirs.oddsratio_pooled_confint(), rel=near)
    assert by_name(found, "risk ratio, pooled")["estimate"] == pytest.approx(theirs.riskratio_pooled, rel=near)
    for name, correction in (("chi-square", False), ("chi-square, corrected", True)):
        test = theirs.test_null_odds(correction=correction)
        assert by_name(found, name)["statistic"] == pytest.approx(test.statistic, rel=10 * near)
        assert by_name(found, name)["p"] == pytest.approx(test.pvalue, rel=10 * near, abs=1e-12)
    difference, error = sato(cells)
    mine = by_name(found, "risk difference, pooled")
    assert mine["estimate"] == pytest.approx(difference, rel=near, abs=1e-9)
    assert mine["ci_high"] - mine["estimate"] == pytest.approx(1.959963984540054 * error, rel=10 * near)
    test = theirs.test_equal_odds(adjust=True)
    assert by_name(found, "homogeneity (Breslow-Day, Tarone)")["statistic"] == pytest.approx(test.statistic, rel=1e-5)
    assert by_name(found, "homogeneity (Breslow-Day, Tarone)")["p"] == pytest.approx(test.pvalue, abs=1e-5)


@pytest.mark.parametrize("engine", ENGINES)
def test_as_statsmodels(engine):
    found = released(both, frame_of(CELLS, missing=6), engine=engine)
    for rows in ("private", "shared"):
        assert found[rows]["table"]["values"] == CELLS.sum(2).tolist()
        check(found[rows], CELLS)


def test_strata_without_rows_or_with_one_row_or_one_side():
    cells = np.zeros((2, 2, 4), int)
    cells[:, :, 0] = CELLS[:, :, 0]
    cells[0, 1, 1] = 1
    cells[:, 0, 2] = 9
    found = released(both, frame_of(cells), minimum=1, engine="ideal")
    for rows in ("private", "shared"):
        theirs = theirs_of(cells)
        assert by_name(found[rows], "odds ratio, pooled")["estimate"] == pytest.approx(
            theirs.oddsratio_pooled, rel=1e-6
        )
        chi = by_name(found[rows], "chi-square")["statistic"]
        assert chi == pytest.approx(theirs.test_null_odds().statistic, rel=1e-6)
        same = by_name(found[rows], "homogeneity (Breslow-Day, Tarone)")
        assert same["p"] == "undefined: fewer than two strata with rows on all sides"


@pytest.mark.parametrize("zero", [(), (1, 1), (0, 1), (1,), (0,), (slice(None), 1)])
def test_without_rows_words_and_never_numbers(zero):
    cells = CELLS[:, :, :2].copy() // 4
    cells[zero] = 0
    found = released(both, frame_of(cells), minimum=1, engine="ideal")
    for document in found.values():
        every = [n for key, values in document.items() if key not in ("measures", "table") for n in values]
        for number in every:
            assert number is None or np.isfinite(number) if not isinstance(number, str) else number.startswith("undef")
        assert str(by_name(document, "odds ratio, pooled")["estimate"]).startswith("undefined: ")
        assert str(by_name(document, "homogeneity (Breslow-Day, Tarone)")["p"]).startswith("undefined: ")


@pytest.mark.slow
def test_small_cells_of_a_stratum_suppress_all_and_sparse_asks_for_strata():
    def script(study, t):
        rows = t.share(rows=160)
        for name, source in (("private", t), ("shared", rows)):
            study.release(name, st.mantel_haenszel(source.ill, source.smoker, source.clinic))
            study.release(f"{name}, sparse", st.mantel_haenszel(source.ill, source.smoker, source.clinic, sparse=True))

    thin = CELLS.copy()
    thin[1, 1, 3] = 2
    found = released(script, frame_of(thin), engine="ideal")
    assert found["private"] == found["shared"] == "suppressed (fewer than 3)"
    check(found["private, sparse"], thin)
    check(found["shared, sparse"], thin)
    small = CELLS.copy()
    small[:, :, 3] = [[1, 0], [0, 1]]
    assert set(released(script, frame_of(small), minimum=5, engine="ideal").values()) == {"suppressed (fewer than 5)"}
    none = CELLS.copy()
    none[:, :, 3] = 0
    none[0, 1, 2] = 0
    assert released(script, frame_of(none), engine="ideal")["shared"]["measures"][0] == "odds ratio, pooled"


def test_other_arguments_are_refused():
    def wrong(study, t):
        rows = t.share(rows=160)
        for arguments in [
            (t.ill, t.smoker, rows.clinic), (rows.ill, rows.smoker, rows.ill[:4]), (t.clinic, t.smoker, t.ill),
            (t.ill, t.smoker, 3), (rows.ill, t.smoker, rows.clinic),
        ]:  # fmt: skip
            with pytest.raises(ShapeError, match="mantel_haenszel"):
                st.mantel_haenszel(*arguments)

    assert released(wrong, frame_of(CELLS), engine="ideal") == {}


@pytest.mark.slow
def test_messages_and_rounds_do_not_depend_on_the_rows():
    turned, empty = CELLS[::-1, :, ::-1], CELLS.copy()
    empty[:, :, 1:] = 0
    runs = [run_of(both, frame_of(cells), engine="replicated") for cells in (CELLS, turned, empty)]
    for other in runs[1:]:
        assert other.cost == runs[0].cost
        assert by_operation(other.network.messages) == by_operation(runs[0].network.messages)
    assert runs[0].cost.rounds < 420


def test_strata_of_two_categories():
    def script(study, t):
        rows = t.share(rows=160)
        study.release("private", st.mantel_haenszel(t.ill, t.smoker, [t.clinic, t.old]))
        study.release("shared", st.mantel_haenszel(rows.ill, rows.smoker, (rows.clinic, rows.old)))
        with pytest.raises(ShapeError, match="mantel_haenszel"):
            st.mantel_haenszel(t.ill, t.smoker, [t.clinic, rows.old])
        with pytest.raises(ShapeError, match="no strata"):
            st.mantel_haenszel(t.ill, t.smoker, [])

    frame = frame_of(CELLS)
    frame["old"] = np.random.default_rng(2).random(len(frame)) < 0.5
    cells = np.zeros((2, 2, 8), int)
    np.add.at(
        cells,
        (frame.smoker.astype(int), frame.ill.astype(int), frame.clinic.map(CLINICS.index) * 2 + frame.old.astype(int)),
        1,
    )
    found = released(script, frame, minimum=1, engine="ideal")
    check(found["private"], cells)
    check(found["shared"], cells)


def test_a_small_cell_of_a_stratum_suppresses_all():
    thin = CELLS.copy()
    thin[1, 1, 3] = 2
    assert set(released(both, frame_of(thin), engine="ideal").values()) == {"suppressed (fewer than 3)"}
