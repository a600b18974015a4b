"""Association: strata, tables of categories, proportions, correlations."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from parties.accuracy import sets
from parties.accuracy.compared import Compare, Rows, estimate, p_value, part, same, standard_error
from parties.accuracy.joint import Joint
from parties.accuracy.libraries import SCIPY, STATSMODELS, need
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

        @case("st.mantel_haenszel", _name, rows=_rows, by=STATSMODELS, public=_public)
        def _strata(joint: Joint, frame: Any = _frame) -> Compare:
            yield from in_strata(joint, frame())


def two_categories(joint: Joint, name: str) -> Compare:
    """A number of each data set in three parts, by its category."""
    stats, rows = need("scipy.stats"), sets.by_category()[name]
    thirds = pd.cut(rows.x.rank(pct=True), [0, 0.34, 0.67, 1], labels=["low", "middle", "high"]).astype(str)
    frame = pd.DataFrame({"level": rows.level, "third": thirds})
    found = joint.release(frame, lambda t: st.chi2_contingency(t.level, t.third))
    table = pd.crosstab(frame.level, frame.third).to_numpy()
    yield same("counts", part(found, "table")["values"][: len(table)], table)
    for test, way in (("chi-square", None), ("likelihood ratio (G)", "log-likelihood")):
        known = stats.chi2_contingency(table, correction=False, lambda_=way)
        yield estimate(test, line(found, test, "statistic"), known.statistic)
        yield p_value(test, line(found, test, "p"), known.pvalue)
    cramer = need("scipy.stats.contingency").association(table, method="cramer")
    yield estimate("Cramér's V", line(found, "Cramér's V", "estimate"), cramer)


def shares(name: str) -> Any:
    """A flag, whether a number is above its median, and the category of each data set."""
    rows = sets.by_category()[name]
    return pd.DataFrame({"above": rows.x > rows.x.median(), "level": rows.level})


def trend(joint: Joint, name: str) -> Compare:
    frame = shares(name)
    found = joint.release(frame, lambda t: st.cochran_armitage(t.above, t.level))
    scores = frame.level.map({level: k for k, level in enumerate(sorted(frame.level.unique()))})
    r = np.corrcoef(frame.above, scores)[0, 1]
    yield estimate("chi-square", line(found, "trend", "statistic") ** 2, len(frame) * r * r)
    yield p_value("p", line(found, "trend", "p"), need("scipy.stats").chi2.sf(len(frame) * r * r, 1))


def proportions(joint: Joint, name: str) -> Compare:
    theirs, frame = need("statsmodels.stats.proportion"), shares(name)
    found = joint.release(frame, lambda t: {"all": st.proportions(t.above, t.level), "one": st.proportion(t.above)})
    counts = frame.groupby("level").above.agg(["sum", "count"])
    chi, p, _ = theirs.proportions_chisquare(counts["sum"], counts["count"])
    yield estimate("chi-square", line(found["all"], "chi-square", "statistic"), chi)
    yield p_value("p", line(found["all"], "chi-square", "p"), p)
    exact = theirs.proportion_confint(int(frame.above.sum()), len(frame), method="beta")
    both = [line(found["one"], "proportion, exact", key) for key in ("ci_low", "ci_high")]
    yield estimate("exact interval", both, exact)


def correlated(joint: Joint, frame: Any) -> Compare:
    """Pearson's correlation of two columns."""
    x, y = frame.columns
    found = joint.release(frame, lambda t: st.pearsonr(t[x], t[y]))
    known = need("scipy.stats").pearsonr(frame[x], frame[y])
    yield estimate("r", line(found, "correlation", "estimate"), known.statistic, scale=1)
    yield p_value("p", line(found, "correlation", "p"), known.pvalue)
    both = [line(found, "correlation", key) for key in ("ci_low", "ci_high")]
    yield estimate("interval", both, known.confidence_interval(), scale=1)


def first_two(joint: Joint, name: str) -> Compare:
    yield from correlated(joint, sets.numbers()[name].iloc[:, :2])


def tails(joint: Joint) -> Compare:
    heavy = need("scipy.stats").t(3)
    x, y = (heavy.rvs(10_000, random_state=seed) for seed in (3, 4))
    yield from correlated(joint, pd.DataFrame({"x": x, "y": y + 0.01 * x}))


def held_fixed(joint: Joint, name: str) -> Compare:
    """The first two columns, given the third; of statsmodels' engel, which has two, given the square of one."""
    frame = sets.numbers()[name].astype(float)
    if frame.shape[1] == 2:
        frame = frame.assign(root=np.sqrt(frame.iloc[:, 1]) * np.sin(frame.iloc[:, 0]))
    frame = frame.set_axis(["x", "y", "z"], axis=1)
    found = joint.release(frame, lambda t: st.partial_corr(t.x, t.y, [t.z]))
    design = np.column_stack([np.ones(len(frame)), frame.z])
    left = frame[["x", "y"]] - design @ np.linalg.lstsq(design, frame[["x", "y"]].to_numpy(), rcond=None)[0]
    r, df = float(left.corr().iloc[0, 1]), len(frame) - 3
    yield estimate("r", line(found, "partial correlation", "estimate"), r, scale=1)
    t = abs(r) * np.sqrt(df / (1 - r * r))
    yield p_value("p", line(found, "partial correlation", "p"), 2 * need("scipy.stats").t.sf(t, df))


def covariances(joint: Joint, name: str) -> Compare:
    frame = sets.numbers()[name].astype(float)
    found = joint.release(frame, lambda t: st.covariance(list(t)))
    sd = frame.std().to_numpy()
    yield estimate("covariance", part(found, "values"), frame.cov().to_numpy(), scale=np.outer(sd, sd))


for _name in sets.BY_CATEGORY:
    for _rows in BOTH:
        case("st.chi2_contingency", _name, rows=_rows, by=SCIPY)(partial(two_categories, name=_name))
    case("st.cochran_armitage", _name, rows="stay", by="n times Pearson's r squared")(partial(trend, name=_name))
    case("st.proportions", _name, rows="stay", by=STATSMODELS)(partial(proportions, name=_name))
for _name in sets.NUMBERS:
    for _rows in BOTH:
        case("st.pearsonr", _name, rows=_rows, by=SCIPY)(partial(first_two, name=_name))
    case("st.partial_corr", _name, rows="stay", by="NumPy")(partial(held_fixed, name=_name))
    case("st.covariance", _name, rows="stay", by="pandas")(partial(covariances, name=_name))
for _rows in BOTH:
    case("st.pearsonr", "heavy tails, r of 0.01", rows=_rows, by=SCIPY, public=False)(tails)


def reported(joint: Joint, frame: Any) -> Compare:
    """Of a frame of ill and exposed, as reaction and drug."""
    stats, whole = need("scipy.stats"), need("statsmodels.stats.contingency_tables").Table2x2
    frame = frame.assign(ill=frame.ill.astype(bool), exposed=frame.exposed.astype(bool))
    found = joint.release(frame, lambda t: st.disproportionality(t.ill, t.exposed))
    table = pd.crosstab(~frame.exposed, ~frame.ill).to_numpy()
    known, a, expected = whole(table), float(table[0, 0]), float(stats.contingency.expected_freq(table)[0, 0])
    component = np.log2([(a + 0.5), *stats.gamma.ppf([0.025, 0.975], a + 0.5)]) - np.log2(expected + 0.5)
    for name, (estimate_, low, high) in {
        "reporting odds ratio": (known.oddsratio, *known.oddsratio_confint()),
        "proportional reporting ratio": (known.riskratio, *known.riskratio_confint()),
        "information component": tuple(component),
    }.items():
        for key, number in (("estimate", estimate_), ("ci_low", low), ("ci_high", high)):
            yield estimate(f"{name}, {key}", line(found, name, key), number, scale=1e-3)
    yield p_value("chi-square", line(found, "chi-square, corrected", "p"), stats.chi2_contingency(table).pvalue)


for _rows in BOTH:
    for _name, _frame in (
        ("statsmodels fair", affairs), ("scikit-learn breast cancer", tumours), ("statsmodels anes96", votes),
        ("statsmodels randhie", health), ("scikit-learn wine", wines), ("scikit-learn diabetes", progress),
    ):  # fmt: skip

        @case("st.disproportionality", _name, rows=_rows, by=f"{STATSMODELS}, {SCIPY}")
        def _reports(joint: Joint, frame: Any = _frame) -> Compare:
            yield from reported(joint, frame()[["ill", "exposed"]])
