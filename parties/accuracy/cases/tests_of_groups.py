"""Tests of groups of rows: equivalence, spread, distributions, ranks, normality."""

from __future__ import annotations

from typing import Any

import pandas as pd

from parties.accuracy import sets
from parties.accuracy.cases.association import line
from parties.accuracy.compared import Compare, estimate, p_value
from parties.accuracy.joint import Joint
from parties.accuracy.libraries import need
from parties.accuracy.registry import case
from protocols import statistics as st


def tested(found: Any, name: str, known: Any) -> Compare:
    """Statistic and p."""
    yield estimate("statistic", line(found, name, "statistic"), known.statistic)
    yield p_value("p", line(found, name, "p"), known.pvalue)


def petals() -> Any:
    return sets.sklearn("iris").assign(species=lambda f: f.target.map(dict(enumerate("abc")))).drop(columns="target")


def of_species(column: str) -> Any:
    return [rows[column].to_numpy() for _, rows in petals().groupby("species")]


@case("st.bartlett", "iris: sepal width of three species", rows="stay", by="scipy 1.17")
@case("st.bartlett", "iris: sepal width of three species", rows="shared", by="scipy 1.17")
def bartlett(joint: Joint) -> Compare:
    def script(t: Any) -> Any:
        if joint.rows == "shared":
            return st.bartlett(*[t.filter(t.species == level).sepal_width for level in "abc"])
        return st.bartlett(*[t.sepal_width[t.species == level] for level in "abc"])

    found = joint.release(petals(), script)
    yield from tested(found, "Bartlett's test", need("scipy.stats").bartlett(*of_species("sepal_width")))


for _center, _test in (("median", "Brown-Forsythe test"), ("mean", "Levene's test")):

    @case(
        "st.levene",
        f"iris: petal length of three species, by {_center}s",
        rows="shared",
        by="scipy 1.17",
    )
    def _levene(joint: Joint, center: Any = _center, test: str = _test) -> Compare:
        def script(t: Any) -> Any:
            return st.levene(*[t.filter(t.species == level).petal_length for level in "abc"], center=center)

        found = joint.release(petals(), script)
        yield from tested(found, test, need("scipy.stats").levene(*of_species("petal_length"), center=center))


@case("st.tost_rel", "iris: sepal width and petal length", rows="stay", by="statsmodels 0.15")
def equivalent(joint: Joint) -> Compare:
    frame = petals()
    found = joint.release(frame, lambda t: st.tost_rel(t.sepal_width, t.petal_length, -1.2, 0.2))
    known = need("statsmodels.stats.weightstats").ttost_paired(frame.sepal_width, frame.petal_length, -1.2, 0.2)
    yield p_value("p", line(found, "equivalence", "p"), known[0])


@case("st.tost_ind", "breast cancer: smoothness of two groups", rows="stay", by="statsmodels 0.15")
def smooth(joint: Joint) -> Compare:
    frame = sets.sklearn("breast_cancer")[["mean_smoothness", "target"]].rename(columns={"mean_smoothness": "x"})
    frame["target"] = frame.target.astype(bool)
    found = joint.release(frame, lambda t: st.tost_ind(t.x[t.target], t.x[~t.target], -0.012, 0.012))
    groups = sets.halves(frame, "x", "target")
    known = need("statsmodels.stats.weightstats").ttost_ind(*groups, -0.012, 0.012, usevar="unequal")
    yield p_value("p", line(found, "equivalence", "p"), known[0])


@case("st.friedmanchisquare", "iris: four measures of a flower", rows="shared", by="scipy 1.17")
def four(joint: Joint) -> Compare:
    frame = petals().drop(columns="species")
    columns = list(frame.columns)
    same = {name: pd.Series(frame[name].to_numpy()) for name in columns}
    found = joint.release(frame, lambda t: st.friedmanchisquare(*[t[name] for name in columns]))
    yield from tested(found, "Friedman's test", need("scipy.stats").friedmanchisquare(*same.values()))


@case("st.friedmanchisquare", "statsmodels anes96: three places of candidates", rows="shared", by="scipy 1.17")
def places(joint: Joint) -> Compare:
    frame = sets.statsmodels("anes96")[["selfLR", "ClinLR", "DoleLR"]].astype(int)
    found = joint.release(frame, lambda t: st.friedmanchisquare(t.selfLR, t.ClinLR, t.DoleLR))
    yield from tested(found, "Friedman's test", need("scipy.stats").friedmanchisquare(*frame.to_numpy().T))


def distributions(joint: Joint, frame: Any) -> Compare:
    found = joint.release(frame, lambda t: st.ks_2samp(t.x, t.flag))
    known = need("scipy.stats").ks_2samp(*sets.halves(frame, "x", "flag"), method="asymp")
    yield from tested(found, "Kolmogorov-Smirnov test", known)


@case("st.ks_2samp", "breast cancer: texture of two groups", rows="shared", by="scipy 1.17")
def textures(joint: Joint) -> Compare:
    cancer = sets.sklearn("breast_cancer")
    yield from distributions(joint, pd.DataFrame({"x": cancer.mean_texture, "flag": cancer.target.astype(bool)}))


@case("st.ks_2samp", "statsmodels anes96: age of voters", rows="shared", by="scipy 1.17")
def voters(joint: Joint) -> Compare:
    anes = sets.statsmodels("anes96")
    yield from distributions(joint, pd.DataFrame({"x": anes.age.astype(int), "flag": anes.vote.astype(bool)}))


@case("st.kendalltau", "statsmodels anes96: income and age", rows="shared", by="scipy 1.17")
def tau(joint: Joint) -> Compare:
    frame = sets.statsmodels("anes96")[["income", "age"]].astype(int)
    found = joint.release(frame, lambda t: st.kendalltau(t.income, t.age))
    known = need("scipy.stats").kendalltau(frame.income, frame.age, method="asymptotic")
    yield estimate("tau-b", line(found, "tau-b", "estimate"), known.statistic)
    yield p_value("p", line(found, "tau-b", "p"), known.pvalue)


def normal(joint: Joint, x: Any) -> Compare:
    """Both tests of normality of a column."""
    stats = need("scipy.stats")
    frame = pd.DataFrame({"x": x})
    found = joint.release(frame, lambda t: {"jb": st.jarque_bera(t.x), "k2": st.normaltest(t.x)})
    yield estimate("skewness", line(found["jb"], "skewness", "estimate"), stats.skew(frame.x), scale=1)
    yield estimate("kurtosis", line(found["jb"], "excess kurtosis", "estimate"), stats.kurtosis(frame.x), scale=1)
    yield p_value("Jarque-Bera", line(found["jb"], "Jarque-Bera test", "p"), stats.jarque_bera(frame.x).pvalue)
    name = "D'Agostino-Pearson test"
    yield p_value(name, line(found["k2"], name, "p"), stats.normaltest(frame.x).pvalue)


@case("st.jarque_bera", "wine: alcohol", rows="shared", by="scipy 1.17")
@case("st.normaltest", "wine: alcohol", rows="shared", by="scipy 1.17")
def alcohol(joint: Joint) -> Compare:
    yield from normal(joint, sets.sklearn("wine").alcohol)


@case("st.jarque_bera", "diabetes: bmi", rows="shared", by="scipy 1.17")
@case("st.normaltest", "diabetes: bmi", rows="shared", by="scipy 1.17")
def bmi(joint: Joint) -> Compare:
    yield from normal(joint, sets.sklearn("diabetes").bmi)


@case(
    "st.jarque_bera",
    "5,000 rows with a tail",
    rows="shared",
    by="scipy 1.17",
    public=False,
)
def tail(joint: Joint) -> Compare:
    x = need("scipy.stats").t(8).rvs(5000, random_state=5)
    yield from normal(joint, (x / 30 + 90).clip(0, 100))
