"""Whether women and men are paid alike, over the employees of many employers, none of which shows what it pays.

Brings    every employer: its own employees, one row each (`Employees`). An employer need not compute: it submits its
          sums once (`comity submit`), three others compute
Learns    every recipient: the released numbers, nothing about one employer or one employee
Trust     no two of three compute parties put their shares together; of more compute parties, no more than the study's
          threshold (honest majority, semi-honest)
Released  women and men by role, and their mean pay; women and men by bands of pay; the gap of pay as models of log pay:
          without adjustment, adjusted for role, level and years, and apart for each role. e^coefficient - 1 is the gap,
          such as -0.04 for 4 % less. Cells of fewer than `minimum_cohort` employees, or fewer without those of any one
          employer, come out as "suppressed"
Costs     about 340 rounds and 0.9 MB a party with the engine replicated, whatever the number of employees

Employees stay at their employers, which add up. What an employer pays on average, and how many it employs, stays with
it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mpc import Category, Flag, Integer, Real, Scenario, Study, Table
from protocols import statistics as st

if TYPE_CHECKING:
    import pandas as pd

ROLES = ["service", "sales", "engineering", "administration", "management"]
BANDS = [0, 25_000, 30_000, 35_000, 40_000, 50_000, 60_000, 80_000, 400_000]
MODELS = {
    "gap without adjustment": "log(pay) ~ female",
    "gap, adjusted": "log(pay) ~ female + C(role) + level + years",
    "gap by role, adjusted": "log(pay) ~ female*C(role) + level + years",
}


class Employees(Table):
    role = Category(*ROLES)
    female = Flag()
    level = Integer(1, 5)
    years = Real(0, 60, unit="years")
    pay = Real(10_000, 400_000, unit="EUR")


scenario = Scenario(inputs={"employees": Employees.rows(at_most=1 << 20)}, parameters={"minimum_cohort": 10})


@scenario.run
async def run(study: Study) -> None:
    employees = study.table("employees")
    for who, group in {"women": employees[employees.female], "men": employees[~employees.female]}.items():
        roles = group.group_by("role")
        study.release(f"{who} by role", roles.count())
        study.release(f"pay of {who} by role", roles.pay.mean())
        study.release(f"{who} by bands of pay", group.pay.histogram(BANDS))
    for name, formula in MODELS.items():
        study.release(name, st.ols(formula, employees))


@scenario.plaintext
def plaintext(employees: pd.DataFrame, parameters: Any) -> dict[str, Any]:
    """The same releases from the pooled table, with statsmodels and pandas."""
    import numpy as np
    import pandas as pd
    import statsmodels.formula.api as smf

    least = parameters.minimum_cohort
    brought = employees.attrs.get("rows", [len(employees)])
    pay = employees.pay.astype(float)
    rows = employees.assign(
        employer=np.repeat(np.arange(len(brought)), brought),
        role=pd.Categorical(employees.role, ROLES), female=employees.female.astype(int),
        level=employees.level.astype(float), pay=pay, log_pay=np.log(pay),
    )  # fmt: skip

    def cells(group: pd.DataFrame, by: pd.Series[Any]) -> tuple[list[int], list[bool]]:
        """Counts of levels, and which of them are hidden."""
        counts = group.groupby(by, observed=False).size().to_numpy()
        without = [
            group[group.employer != one].groupby(by, observed=False).size().to_numpy() for one in range(len(brought))
        ]
        return counts.tolist(), st.hidden_cells(counts, least, without).tolist()

    def words(values: Any, hidden: list[bool]) -> list[Any]:
        small = f"suppressed (fewer than {least})"
        return [small if gone else x for x, gone in zip(values, hidden, strict=True)]

    out: dict[str, Any] = {}
    for who, group in {"women": rows[rows.female == 1], "men": rows[rows.female == 0]}.items():
        counts, hidden = cells(group, group.role)
        out[f"{who} by role"] = {"labels": ROLES, "values": words(counts, hidden)}
        means = group.groupby("role", observed=False).pay.mean().tolist()
        out[f"pay of {who} by role"] = {"labels": ROLES, "values": words(means, hidden)}
        bands = pd.cut(group.pay, BANDS, right=False, include_lowest=True)
        counts, hidden = cells(group, bands)
        out[f"{who} by bands of pay"] = {"edges": BANDS, "counts": words(counts, hidden)}

    roles = [f"C(role)[T.{role}]" for role in ROLES[1:]]
    order = ["Intercept", "female", *roles, "level", "years", *(f"female:{role}" for role in roles)]

    def model(formula: str) -> dict[str, Any]:
        fit = smf.ols(formula.replace("log(pay)", "log_pay"), rows).fit()
        terms = [term for term in order if term in fit.params.index]
        return {
            "terms": terms, "coefficient": fit.params[terms].tolist(), "standard_error": fit.bse[terms].tolist(),
            "observations": int(fit.nobs), "r_squared": float(fit.rsquared),
        }  # fmt: skip

    return out | {name: model(formula) for name, formula in MODELS.items()}
