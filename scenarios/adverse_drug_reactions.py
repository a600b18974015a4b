"""Which reactions are reported together with which drug more often than chance makes them: reports of several centres.

Brings    every centre: the reports that it received, one row each (`Reports`): a drug, a reaction, the patient's age
Learns    every recipient: the released numbers, nothing about one centre or one report
Trust     no two of three compute parties put their shares together; of more compute parties, no more than the study's
          threshold (honest majority, semi-honest)
Released  number of reports; for each pair of a drug and a reaction that is asked about (`PAIRS`): its reports,
          reporting odds ratio, proportional reporting ratio and information component; the odds ratio adjusted for
          age; all information components side by side. A pair with a cell of fewer than `minimum_cohort` reports is
          suppressed
Costs     about 360 rounds and 0.5 MB a party with the engine replicated, whatever the number of reports

Reports stay at their centres, which count. A pair that stands out is a signal, to be looked at by people: reports are
no sample of patients, and nobody knows how many take a drug.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mpc import Category, Scenario, Study, Table
from protocols import statistics as st

if TYPE_CHECKING:
    import pandas as pd

DRUGS = ["amilostat", "bexorin", "corvadol", "dermacine", "elvapram", "fluzanide"]
REACTIONS = ["rash", "nausea", "headache", "liver injury", "heart rhythm", "falls"]
AGES = ["under 65", "65 and more"]
#: The pairs that somebody has a reason to ask about.
PAIRS = [
    ("bexorin", "liver injury"),
    ("fluzanide", "heart rhythm"),
    ("elvapram", "falls"),
    ("amilostat", "headache"),
    ("dermacine", "rash"),
    ("corvadol", "nausea"),
]
COMPONENT = "information component"


class Reports(Table):
    drug = Category(*DRUGS)
    reaction = Category(*REACTIONS)
    age = Category(*AGES)


scenario = Scenario(inputs={"reports": Reports.rows(at_most=1 << 24)}, parameters={"minimum_cohort": 10})


@scenario.run
async def run(study: Study) -> None:
    reports = study.table("reports")
    study.release("reports", reports.count())
    pairs = {}
    for drug, reaction in PAIRS:
        flags = reports.reaction == reaction, reports.drug == drug
        pair = f"{drug} and {reaction}"
        adjusted = st.mantel_haenszel(*flags, reports.age, names=(reaction, drug))
        study.release(f"{pair}, adjusted for age", adjusted)
        pairs[pair] = study.release(pair, st.disproportionality(*flags, names=(reaction, drug)))
    study.release("signals", side_by_side({name: await pair for name, pair in pairs.items()}))


def side_by_side(signals: dict[str, Any]) -> dict[str, Any]:
    """The information component of each pair, of released results: measures on one scale, for a plot."""
    out: dict[str, Any] = {"measures": list(signals), "scale": "information component (0: as chance makes it)"}
    for key in ("estimate", "ci_low", "ci_high"):
        out[key] = [x if isinstance(x, str) else x[key][x["measures"].index(COMPONENT)] for x in signals.values()]
    return out


@scenario.plaintext
def plaintext(reports: pd.DataFrame, parameters: Any) -> dict[str, Any]:
    """The same releases from the pooled table, with statsmodels and scipy; small cells are not suppressed."""
    import numpy as np
    import pandas as pd
    from scipy import stats
    from statsmodels.stats.contingency_tables import StratifiedTable, Table2x2

    out: dict[str, Any] = {"reports": len(reports)}
    signals: dict[str, Any] = {}
    for drug, reaction in PAIRS:
        pair = f"{drug} and {reaction}"
        exposed, ill = (reports.drug == drug).rename("drug"), (reports.reaction == reaction).rename("reaction")
        table = pd.crosstab(~exposed, ~ill).to_numpy()
        a, expected = float(table[0, 0]), float(stats.contingency.expected_freq(table)[0, 0])
        whole, chi = Table2x2(table), stats.chi2_contingency(table)
        low, high = stats.gamma.ppf([0.025, 0.975], a + 0.5, scale=1 / (expected + 0.5))
        component = np.log2([(a + 0.5) / (expected + 0.5), low, high])
        rows = {
            "reports": (a, None, None, None),
            "expected reports": (expected, None, None, None),
            "reporting odds ratio": (whole.oddsratio, *whole.oddsratio_confint(), None),
            "proportional reporting ratio": (whole.riskratio, *whole.riskratio_confint(), None),
            COMPONENT: (*component, None),
            "chi-square, corrected": (None, None, None, chi.pvalue),
        }
        signals[pair] = {"measures": list(rows)}
        for k, key in enumerate(("estimate", "ci_low", "ci_high", "p")):
            signals[pair][key] = [None if row[k] is None else float(row[k]) for row in rows.values()]
        strata = [pd.crosstab(~exposed[of], ~ill[of]).to_numpy(float) for of in (reports.age == age for age in AGES)]
        pooled = StratifiedTable(strata)
        parts = [((t[0, 0] * t[1].sum() - t[1, 0] * t[0].sum(), t[0].sum() * t[1].sum()), t.sum()) for t in strata]
        difference = sum(x / n for (x, _), n in parts) / sum(w / n for (_, w), n in parts)
        tests = [pooled.test_null_odds(), pooled.test_null_odds(correction=True), pooled.test_equal_odds(adjust=True)]
        out[f"{pair}, adjusted for age"] = {
            "estimate": [pooled.oddsratio_pooled, pooled.riskratio_pooled, difference, None, None, None],
            "p": [None, None, None, *(float(test.pvalue) for test in tests)],
        }
    return out | signals | {"signals": side_by_side(signals)}
