"""A trial at several sites: who took part, whether a new drug lowers the blood pressure, for whom, and what it costs.

Brings    every site: its own patients, one row each (`Patients`)
Learns    every recipient: the released numbers, nothing about one site or one patient
Trust     no two of three compute parties put their shares together; of more compute parties, no more than the study's
          threshold (honest majority, semi-honest)
Released  table 1: patients by arm, mean and deviation of age and pressure, quartiles of age, sex and severity by arm;
          the primary endpoint: pressure after twelve weeks by arm, adjusted for that at the start and for severity
          (covariance analysis); the effect of the drug in each subgroup, adjusted for the pressure at the start, and
          the test of interaction with severity; risk of adverse events by arm. Groups of fewer than `minimum_cohort`
          patients are suppressed
Costs     about 600 rounds and 2 MB a party with the engine replicated and three sites of up to 512 patients

Patients stay at their sites, except for the quartiles of age: for these, ages are shared, each site's padded to
`places` rows. The effect of the drug is that of the arm drawn by lot (intention to treat), among
patients with both visits.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mpc import Category, Flag, Integer, Scenario, Study, Table
from protocols import statistics as st

if TYPE_CHECKING:
    import pandas as pd

ARMS = ["usual drug", "new drug"]
SEVERITY = ["mild", "moderate", "severe"]
QUARTILES = [0.25, 0.5, 0.75]
EFFECT = "C(arm)[T.new drug]"


class Patients(Table):
    arm = Category(*ARMS)
    age = Integer(18, 100, unit="years")
    female = Flag()
    severity = Category(*SEVERITY)
    before = Integer(80, 260, unit="mmHg")
    after = Integer(80, 260, unit="mmHg")
    adverse_event = Flag()


scenario = Scenario(
    inputs={"patients": Patients.rows(at_most=1 << 16)},
    parameters={"places": 512, "minimum_cohort": 10},
)


def subgroups(patients: Any) -> dict[str, Any]:
    """Name -> the patients of each subgroup."""
    groups = {"women": patients.female, "men": ~patients.female}
    groups |= {"under 60 years": patients.age < 60, "60 years and more": patients.age >= 60}
    return groups | {f"{level} cases": patients.severity == level for level in SEVERITY}


@scenario.run
async def run(study: Study) -> None:
    patients = study.table("patients")
    arms = patients.group_by("arm")
    study.release("patients by arm", arms.count())
    study.release("age mean by arm", arms.age.mean())
    study.release("age sd by arm", arms.age.std())
    study.release("pressure before, mean by arm", arms.before.mean())
    study.release("pressure before, sd by arm", arms.before.std())
    study.release("severity by arm", st.contingency(patients.severity, patients.arm))
    study.release("share of women by arm", arms.female.mean())
    study.release("pressure after twelve weeks", st.ols("after ~ C(arm) + C(severity) + before", patients))
    study.release("with severity", st.ols("after ~ C(arm)*C(severity) + before", patients))
    treated = patients.arm == "new drug"
    study.release("adverse events", st.two_by_two(patients.adverse_event, treated, names=("adverse event", "new drug")))
    ages = patients.select("age", "arm").share(rows=study.parameters.places)
    study.release("quartiles of age by arm", st.quantiles(ages.age, QUARTILES, by=ages.arm))

    models = {
        name: study.release(f"effect, {name}", st.ols("after ~ C(arm) + before", patients[chosen]))
        for name, chosen in subgroups(patients).items()
    }
    study.release("effect by subgroup", forest({name: await model for name, model in models.items()}))


def forest(effects: dict[str, Any]) -> dict[str, Any]:
    """The effect of the drug in each subgroup, of released regressions: measures on one scale, for a plot."""
    out: dict[str, Any] = {"measures": list(effects), "scale": "difference in mmHg, with 95 % interval"}
    for key, name in (("estimate", "coefficient"), ("ci_low", "ci_low"), ("ci_high", "ci_high"), ("p", "p")):
        out[key] = [m if isinstance(m, str) else m[name][m["terms"].index(EFFECT)] for m in effects.values()]
    return out


@scenario.plaintext
def plaintext(patients: pd.DataFrame, parameters: Any) -> dict[str, Any]:
    """The same releases from the pooled table, with statsmodels and pandas; small groups are not suppressed."""
    import numpy as np
    import pandas as pd
    import statsmodels.formula.api as smf
    from scipy import stats
    from statsmodels.stats.contingency_tables import Table2x2

    numbers = {name: patients[name].astype(float) for name in ("age", "before", "after")}
    flags = {name: patients[name].astype(bool) for name in ("female", "adverse_event")}
    levels = {"arm": pd.Categorical(patients.arm, ARMS), "severity": pd.Categorical(patients.severity, SEVERITY)}
    rows = patients.assign(**numbers, **flags, **levels)
    arms = rows.groupby("arm", observed=False)

    def model(formula: str, chosen: pd.DataFrame) -> dict[str, Any]:
        fit = smf.ols(formula, chosen).fit()
        order = sorted(fit.params.index, key=lambda term: ":" in term)  # products come last
        interval = fit.conf_int().loc[order]
        columns = {"coefficient": fit.params, "standard_error": fit.bse, "p": fit.pvalues}
        out = {name: values.loc[order].tolist() for name, values in columns.items()}
        out |= {"ci_low": interval[0].tolist(), "ci_high": interval[1].tolist()}
        return {"terms": order, **out, "r_squared": float(fit.rsquared), "observations": int(fit.nobs)}

    def by_arm(values: pd.Series[Any], digits: type = float) -> dict[str, Any]:
        return {"labels": ARMS, "values": [digits(x) for x in values]}

    table = pd.crosstab(rows.arm == "usual drug", ~rows.adverse_event).to_numpy()
    risks, ratios = table[:, 0] / table.sum(1), Table2x2(table)
    p = [stats.chi2_contingency(table, correction=False).pvalue, stats.fisher_exact(table).pvalue]
    quartiles = arms.age.quantile(np.asarray(QUARTILES)).unstack()
    out: dict[str, Any] = {
        "patients by arm": by_arm(arms.size(), int),
        "age mean by arm": by_arm(arms.age.mean()),
        "age sd by arm": by_arm(arms.age.std()),
        "share of women by arm": by_arm(arms.female.mean()),
        "pressure before, mean by arm": by_arm(arms.before.mean()),
        "pressure before, sd by arm": by_arm(arms.before.std()),
        "severity by arm": {"counts": pd.crosstab(rows.severity, rows.arm).to_numpy().tolist()},
        "quartiles of age by arm": {
            "values": [[int(n), *map(float, row)] for n, row in zip(arms.size(), quartiles.to_numpy(), strict=True)]
        },
        "pressure after twelve weeks": model("after ~ C(arm) + C(severity) + before", rows),
        "with severity": model("after ~ C(arm)*C(severity) + before", rows),
    }
    effects = {name: model("after ~ C(arm) + before", rows[chosen]) for name, chosen in subgroups(rows).items()}
    out |= {f"effect, {name}": effect for name, effect in effects.items()} | {"effect by subgroup": forest(effects)}
    estimates = [*risks, risks[0] - risks[1], ratios.riskratio, ratios.oddsratio]
    return out | {
        "adverse events": {"estimate": [*map(float, estimates), None, None], "p": [None] * 5 + [*map(float, p)]}
    }
