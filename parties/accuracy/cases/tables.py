"""Tables of two flags and of categories, and correlations, against statsmodels and SciPy."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from parties.accuracy import sets
from parties.accuracy.compared import ROWS, Compare, estimate, measured, p_value, part, same
from parties.accuracy.joint import Joint
from parties.accuracy.libraries import NUMPY, SCIPY, STATSMODELS, need
from parties.accuracy.registry import case
from protocols import statistics as st


def crossed(frame: Any) -> Any:
    """Rows without and with `first`, by those without and with `second`."""
    return pd.crosstab(frame["first"], frame["second"]).reindex([False, True], fill_value=0).to_numpy()


def cells(found: Any, measure: str) -> list[Any]:
    """An estimate and its interval."""
    return [measured(found, measure, key) for key in ("estimate", "ci_low", "ci_high")]


def risks(joint: Joint, name: str, make: Callable[[], Any] | None = None) -> Compare:
    """`second` is the exposure, `first` the outcome."""
    rows = sets.flags()[name] if make is None else make()
    found = joint.release(rows, lambda t: st.two_by_two(t["first"], t.second, names=("ill", "exposed")))
    counts = crossed(rows).T  # exposure by outcome
    # Table2x2 takes exposed and ill first.
    table = need("statsmodels.stats.contingency_tables").Table2x2(counts[::-1, ::-1])
    proportion = need("statsmodels.stats.proportion")
    (a, b), (c, d) = counts[::-1, ::-1]
    yield same("counts", found["table"]["values"], counts)
    yield estimate("odds ratio", cells(found, "odds ratio"), [table.oddsratio, *table.oddsratio_confint()])
    yield estimate("risk ratio", cells(found, "risk ratio"), [table.riskratio, *table.riskratio_confint()])
    difference = proportion.confint_proportions_2indep(a, a + b, c, c + d, method="newcomb", correction=False)
    yield estimate(
        "risk difference", cells(found, "risk difference"), [a / (a + b) - c / (c + d), *difference], scale=0.01
    )
    for risk, events, of in (("risk, exposed", a, a + b), ("risk, not exposed", c, c + d)):
        wilson = proportion.proportion_confint(events, of, method="wilson")
        yield estimate(risk, cells(found, risk), [events / of, *wilson])
    chi = need("scipy.stats").chi2_contingency(counts, correction=False)
    yield estimate("chi-square", measured(found, "chi-square", "statistic"), chi.statistic)
    yield p_value("p", measured(found, "chi-square", "p"), chi.pvalue)
    exact = need("scipy.stats").fisher_exact(counts)
    yield p_value("exact p", measured(found, "Fisher's exact test", "p"), exact.pvalue)


def odds(joint: Joint, name: str, make: Callable[[], Any] | None = None) -> Compare:
    rows = sets.flags()[name] if make is None else make()
    found = joint.release(rows, lambda t: st.odds_ratio(t["first"], t.second))
    counts = crossed(rows).T
    table = need("statsmodels.stats.contingency_tables").Table2x2(counts[::-1, ::-1])
    ours = [part(found, key) for key in ("odds_ratio", "ci_low", "ci_high")]
    yield estimate("odds ratio", ours, [table.oddsratio, *table.oddsratio_confint()])
    yield same("counts", part(found, "counts"), counts)


def paired(joint: Joint, name: str, make: Callable[[], Any] | None = None) -> Compare:
    rows = sets.flags()[name] if make is None else make()
    found = joint.release(rows, lambda t: st.mcnemar(t["first"], t.second))
    mcnemar = need("statsmodels.stats.contingency_tables").mcnemar
    exact, corrected = mcnemar(crossed(rows), exact=True), mcnemar(crossed(rows), exact=False, correction=True)
    yield p_value("exact p", measured(found, "exact test", "p"), exact.pvalue)
    yield estimate("chi-square", measured(found, "chi-square, corrected", "statistic"), corrected.statistic)
    yield p_value("p", measured(found, "chi-square, corrected", "p"), corrected.pvalue)


def readers(joint: Joint, name: str, make: Callable[[], Any] | None = None) -> Compare:
    rows = sets.flags()[name] if make is None else make()
    found = joint.release(rows, lambda t: st.agreement(t["first"], t.second))
    known = need("statsmodels.stats.inter_rater").cohens_kappa(crossed(rows))
    ours = cells(found, "kappa")
    yield estimate("kappa", ours, [known.kappa, known.kappa_low, known.kappa_upp], scale=known.std_kappa)
    yield same("counts", part(found, "table")["values"], crossed(rows))


def diagnosis(joint: Joint, name: str, make: Callable[[], Any] | None = None) -> Compare:
    """Shares against statsmodels' Wilson intervals, likelihood ratios against its ratio of two risks."""
    rows = sets.flags()[name] if make is None else make()
    found = joint.release(rows, lambda t: st.diagnostic(t["first"], t.second))
    (tn, fn), (fp, tp) = crossed(rows)
    interval = need("statsmodels.stats.proportion").proportion_confint
    for measure, events, of in (
        ("sensitivity", tp, tp + fn),
        ("specificity", tn, tn + fp),
        ("positive predictive value", tp, tp + fp),
        ("negative predictive value", tn, tn + fn),
        ("accuracy", tp + tn, len(rows)),
    ):
        yield estimate(measure, cells(found, measure), [events / of, *interval(events, of, method="wilson")])
    table2x2 = need("statsmodels.stats.contingency_tables").Table2x2
    for measure, table in (("positive", [[tp, fn], [fp, tn]]), ("negative", [[fn, tp], [tn, fp]])):
        known = table2x2(np.array(table))
        ours = cells(found, f"likelihood ratio, {measure}")
        yield estimate(f"likelihood ratio, {measure}", ours, [known.riskratio, *known.riskratio_confint()])


def rare() -> Any:
    """Flags of 20,000 rows that hold together a few times."""
    made = np.random.default_rng(5)
    first = made.random(20000) < 0.002
    return pd.DataFrame({"first": first, "second": (made.random(20000) < 0.5) | first & (made.random(20000) < 0.8)})


def apart() -> Any:
    """Flags that agree in 1,900 of 2,000 rows: p near 1e-300."""
    made = np.random.default_rng(6)
    first = made.random(2000) < 0.4
    return pd.DataFrame({"first": first, "second": first ^ (made.random(2000) < 0.05)})


HARD = {"1 of 500 rows": rare, "1,900 of 2,000 rows agree": apart}

for _function, _compare, _by in (
    ("st.two_by_two", risks, f"{STATSMODELS}, {SCIPY}"),
    ("st.odds_ratio", odds, STATSMODELS),
    ("st.mcnemar", paired, STATSMODELS),
    ("st.agreement", readers, STATSMODELS),
    ("st.diagnostic", diagnosis, STATSMODELS),
):
    for _rows in ROWS:
        for _name in sets.FLAGS:
            case(_function, _name, rows=_rows, by=_by)(partial(_compare, name=_name))
        for _data, _make in sorted(HARD.items()):
            case(_function, _data, rows=_rows, by=_by, public=False)(partial(_compare, name=_data, make=_make))


def categories(name: str) -> Any:
    """Two categories of a public data set."""
    anes, fair, iris = sets.statsmodels("anes96"), sets.statsmodels("fair"), sets.sklearn("iris")
    wine, rossi, lung = sets.sklearn("wine"), sets.shipped("rossi"), sets.shipped("lung").dropna()
    first, second = {
        "statsmodels anes96": (anes.PID, anes.educ),
        "statsmodels fair": (fair.rate_marriage, fair.religious),
        "scikit-learn iris": (iris.target, iris.sepal_width.round()),
        "scikit-learn wine": (wine.target, wine.alcohol.round()),
        "lifelines rossi": (rossi.arrest, rossi.prio.clip(upper=4)),
        "lifelines lung": (lung.sex, lung["ph.ecog"]),
    }[name]
    return pd.DataFrame({"a": first.astype(int).map("a{}".format), "b": second.astype(int).map("b{}".format)})


def contingency(joint: Joint, name: str) -> Compare:
    rows = categories(name)
    found = joint.release(rows, lambda t: st.contingency(t.a, t.b))
    counts = pd.crosstab(rows.a, rows.b)
    known = need("scipy.stats").chi2_contingency(counts, correction=False)
    yield same("counts", found["counts"], counts.to_numpy())
    yield estimate("chi-square", found["chi_square"], known.statistic)
    yield p_value("p", found["p"], known.pvalue)


def correlation(joint: Joint, name: str, frame: Any = None, **declared: Any) -> Compare:
    rows = sets.with_gaps(sets.numbers()[name]) if frame is None else frame
    found = joint.release(rows, lambda t: st.correlation(t), **declared)
    known = np.corrcoef(rows.dropna().to_numpy().T)
    yield estimate("correlation", found["values"], known, scale=1)


def nearly_alike(joint: Joint) -> Compare:
    """Columns with a correlation of 1 - 5e-9, and of 1e-4, a thousand deviations from 0."""
    made = np.random.default_rng(7)
    a, c = made.normal(1000, 1, 4000), made.normal(0, 1, 4000)
    frame = pd.DataFrame({"a": a, "b": a + 1e-4 * made.normal(0, 1, 4000), "c": c + 1e-4 * (a - 1000)})
    yield from correlation(joint, "", frame)


for _name in (
    *("statsmodels anes96", "statsmodels fair", "scikit-learn iris", "scikit-learn wine"),
    *("lifelines rossi", "lifelines lung"),
):
    case("st.contingency", _name, rows="stay", by=SCIPY)(partial(contingency, name=_name))
for _name in sets.NUMBERS:
    case("st.correlation", _name, rows="stay", by=NUMPY)(partial(correlation, name=_name))
case("st.correlation", "r of 1 - 5e-9", rows="stay", by=NUMPY, public=False)(nearly_alike)
