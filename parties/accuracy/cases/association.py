"""Association: strata, tables of categories, proportions, correlations."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from parties.accuracy import sets
from parties.accuracy.compared import Compare, Rows, estimate, p_value, part, same, standard_error
from parties.accuracy.joint import Joint
from parties.accuracy.libraries import need
from parties.accuracy.registry import case
from protocols import statistics as st

BOTH: tuple[Rows, ...] = ("stay", "shared")


def line(found: Any, name: str, key: str) -> Any:
    """A number of a measure, or the words in place of the release."""
    return found if isinstance(found, str) else found[key][found["measures"].index(name)]


def tables_of(frame: Any) -> Any:
    """The two by two counts (ill, exposed) of each stratum with two rows or more."""
    found = []
    for _, rows in frame.groupby("stratum"):
        cells = [[int((rows.exposed.eq(e) & rows.ill.eq(i)).sum()) for i in (1, 0)] for e in (1, 0)]
        if len(rows) > 1:
            found.append(np.asarray(cells, float))
    return found


def in_strata(joint: Joint, frame: Any) -> Compare:
    """Of a frame of ill, exposed and stratum."""
    frame = frame.assign(ill=frame.ill.astype(bool), exposed=frame.exposed.astype(bool))
    found = joint.release(frame, lambda t: st.mantel_haenszel(t.ill, t.exposed, t.stratum))
    stratified = need("statsmodels.stats.contingency_tables").StratifiedTable
    theirs, chi = stratified(tables_of(frame)), need("scipy.stats").chi2.sf
    yield estimate("odds ratio", line(found, "odds ratio, pooled", "estimate"), theirs.oddsratio_pooled)
    yield estimate("risk ratio", line(found, "risk ratio, pooled", "estimate"), theirs.riskratio_pooled)
    reach = np.log(line(found, "odds ratio, pooled", "ci_high") / line(found, "odds ratio, pooled", "estimate"))
    yield standard_error("log odds ratio", reach / 1.959963984540054, theirs.logodds_pooled_se)
    for name, corrected in (("chi-square", False), ("chi-square, corrected", True)):
        known = chi(theirs.test_null_odds(correction=corrected).statistic, 1)
        yield p_value(name, line(found, name, "p"), known)
    sided = [t for t in tables_of(frame) if t.sum(0).all() and t.sum(1).all()]
    name = "homogeneity (Breslow-Day, Tarone)"
    # Theirs is 1 less the distribution function, which lacks the digits of small p.
    known = chi(stratified(sided).test_equal_odds(adjust=True).statistic, len(sided) - 1)
    yield p_value(name, line(found, name, "p"), known)


def affairs() -> Any:
    fair = sets.statsmodels("fair")
    strata = fair.occupation.astype(int).astype(str).radd("job ")
    return pd.DataFrame({"ill": fair.affairs > 0, "exposed": fair.religious > 2, "stratum": strata})


def tumours() -> Any:
    cancer = sets.sklearn("breast_cancer")
    sizes = pd.qcut(cancer.mean_radius, 4, labels=["a", "b", "c", "d"]).astype(str)
    return pd.DataFrame({"ill": cancer.target == 0, "exposed": cancer.mean_texture > 19, "stratum": sizes})


def votes() -> Any:
    anes = sets.statsmodels("anes96")
    return pd.DataFrame({"ill": anes.vote > 0, "exposed": anes.age > 45, "stratum": anes.educ.astype(int).astype(str)})


def health() -> Any:
    rand = sets.statsmodels("randhie")
    strata = rand.lncoins.rank(method="dense").astype(int).astype(str)
    return pd.DataFrame({"ill": rand.hlthf > 0, "exposed": rand.physlm > 0, "stratum": strata})


def wines() -> Any:
    wine = sets.sklearn("wine")
    hues = pd.DataFrame({"ill": wine.hue > 1, "exposed": wine.alcohol > 13})
    return hues.assign(stratum=pd.qcut(wine.ash, 3, labels=["a", "b", "c"]).astype(str))


def progress() -> Any:
    diabetes = sets.sklearn("diabetes")
    ages = pd.qcut(diabetes.age, 4, labels=["a", "b", "c", "d"]).astype(str)
    return pd.DataFrame({"ill": diabetes.target > 140, "exposed": diabetes.sex > 0, "stratum": ages})


def rare() -> Any:
    stats, n = need("scipy.stats"), 20_000
    stratum = np.minimum(stats.geom(0.25).rvs(n, random_state=7), 12)
    exposed = stats.uniform.rvs(size=n, random_state=8) < 0.03 * stratum
    ill = stats.uniform.rvs(size=n, random_state=9) < 0.004 * (1 + 2 * exposed) * (1 + stratum % 3)
    return pd.DataFrame({"ill": ill, "exposed": exposed, "stratum": [f"s{k}" for k in stratum]})


for _rows in BOTH:
    for _name, _frame, _public in (
        ("statsmodels fair: affairs by religion, in occupations", affairs, True),
        ("scikit-learn breast cancer: by texture, in quarters of the radius", tumours, True),
        ("statsmodels anes96: vote by age, in levels of education", votes, True),
        ("statsmodels randhie: fair health by limitation, in coinsurance rates", health, True),
        ("scikit-learn wine: hue by alcohol, in thirds of ash", wines, True),
        ("scikit-learn diabetes: progression by sex, in quarters of age", progress, True),
        ("a rare outcome in 12 uneven strata", rare, False),
    ):

        @case("st.mantel_haenszel", _name, rows=_rows, by="statsmodels 0.15", public=_public)
        def _strata(joint: Joint, frame: Any = _frame) -> Compare:
            yield from in_strata(joint, frame())


@case("st.chi2_contingency", "statsmodels fair: religion by rating", rows="stay", by="scipy 1.17")
@case("st.chi2_contingency", "statsmodels fair: religion by rating", rows="shared", by="scipy 1.17")
def religion(joint: Joint) -> Compare:
    stats = need("scipy.stats")
    fair = sets.statsmodels("fair")
    frame = pd.DataFrame({name: fair[name].astype(int).astype(str) for name in ("religious", "rate_marriage")})
    found = joint.release(frame, lambda t: st.chi2_contingency(t.religious, t.rate_marriage))
    table = pd.crosstab(frame.religious, frame.rate_marriage).values
    yield same("counts", part(found, "table")["values"][:4], table)
    for name, way in (("chi-square", None), ("likelihood ratio (G)", "log-likelihood")):
        known = stats.chi2_contingency(table, correction=False, lambda_=way)
        yield estimate(name, line(found, name, "statistic"), known.statistic)
        yield p_value(name, line(found, name, "p"), known.pvalue)
    cramer = need("scipy.stats.contingency").association(table, method="cramer")
    yield estimate("Cramér's V", line(found, "Cramér's V", "estimate"), cramer)


@case("st.cochran_armitage", "statsmodels anes96: vote by education", rows="stay", by="n times Pearson's r squared")
def education(joint: Joint) -> Compare:
    anes = sets.statsmodels("anes96")
    frame = pd.DataFrame({"vote": anes.vote.astype(bool), "educ": anes.educ.astype(int).astype(str)})
    found = joint.release(frame, lambda t: st.cochran_armitage(t.vote, t.educ))
    r = np.corrcoef(anes.vote, anes.educ)[0, 1]
    yield estimate("chi-square", line(found, "trend", "statistic") ** 2, len(anes) * r * r)
    yield p_value("p", line(found, "trend", "p"), need("scipy.stats").chi2.sf(len(anes) * r * r, 1))


@case("st.proportions", "statsmodels anes96: vote by party", rows="stay", by="statsmodels 0.15")
def party(joint: Joint) -> Compare:
    theirs = need("statsmodels.stats.proportion")
    anes = sets.statsmodels("anes96")
    frame = pd.DataFrame({"vote": anes.vote.astype(bool), "party": anes.PID.astype(int).astype(str)})
    found = joint.release(frame, lambda t: {"all": st.proportions(t.vote, t.party), "one": st.proportion(t.vote)})
    votes = frame.groupby("party").vote.agg(["sum", "count"])
    chi, p, _ = theirs.proportions_chisquare(votes["sum"], votes["count"])
    yield estimate("chi-square", line(found["all"], "chi-square", "statistic"), chi)
    yield p_value("p", line(found["all"], "chi-square", "p"), p)
    low, high = theirs.proportion_confint(int(frame.vote.sum()), len(frame), method="beta")
    yield estimate(
        "exact interval", [line(found["one"], "proportion, exact", key) for key in ("ci_low", "ci_high")], [low, high]
    )


def correlated(joint: Joint, frame: Any) -> Compare:
    """Pearson's correlation of two columns."""
    x, y = frame.columns
    found = joint.release(frame, lambda t: st.pearsonr(t[x], t[y]))
    known = need("scipy.stats").pearsonr(frame[x], frame[y])
    yield estimate("r", line(found, "correlation", "estimate"), known.statistic, scale=1)
    yield p_value("p", line(found, "correlation", "p"), known.pvalue)
    both = [line(found, "correlation", key) for key in ("ci_low", "ci_high")]
    yield estimate("interval", both, known.confidence_interval(), scale=1)


for _rows in BOTH:

    @case("st.pearsonr", "scikit-learn diabetes: bmi and bp", rows=_rows, by="scipy 1.17")
    def _diabetes(joint: Joint) -> Compare:
        yield from correlated(joint, sets.sklearn("diabetes")[["bmi", "bp"]])

    @case("st.pearsonr", "scikit-learn wine: alcohol and ash", rows=_rows, by="scipy 1.17")
    def _wine(joint: Joint) -> Compare:
        yield from correlated(joint, sets.sklearn("wine")[["alcohol", "ash"]])

    @case("st.pearsonr", "10,000 rows with heavy tails and r of 0.01", rows=_rows, by="scipy 1.17", public=False)
    def _tails(joint: Joint) -> Compare:
        tails = need("scipy.stats").t(3)
        x, y = (tails.rvs(10_000, random_state=seed) for seed in (3, 4))
        yield from correlated(joint, pd.DataFrame({"x": x, "y": y + 0.01 * x}))


@case("st.partial_corr", "scikit-learn diabetes: target and bmi, given age, bp and s5", rows="stay", by="numpy's lstsq")
def held_fixed(joint: Joint) -> Compare:
    frame = sets.sklearn("diabetes")[["target", "bmi", "age", "bp", "s5"]]
    found = joint.release(frame, lambda t: st.partial_corr(t.target, t.bmi, t[["age", "bp", "s5"]]))
    design = np.column_stack([np.ones(len(frame)), frame[["age", "bp", "s5"]]])
    left = frame[["target", "bmi"]] - design @ np.linalg.lstsq(design, frame[["target", "bmi"]].values, rcond=None)[0]
    r, df = float(left.corr().iloc[0, 1]), len(frame) - 5
    yield estimate("r", line(found, "partial correlation", "estimate"), r, scale=1)
    t = abs(r) * np.sqrt(df / (1 - r * r))
    yield p_value("p", line(found, "partial correlation", "p"), 2 * need("scipy.stats").t.sf(t, df))


@case("st.covariance", "scikit-learn wine: five columns", rows="stay", by="pandas")
def covariances(joint: Joint) -> Compare:
    frame = sets.sklearn("wine")[["alcohol", "ash", "magnesium", "hue", "proline"]]
    found = joint.release(frame, lambda t: st.covariance(list(t)))
    sd = frame.std().to_numpy()
    yield estimate("covariance", part(found, "values"), frame.cov().to_numpy(), scale=np.outer(sd, sd))
