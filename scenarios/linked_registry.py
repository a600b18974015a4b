"""Deaths of a hospital's patients by their last prescription, from three registers that are never put together.

Brings    a hospital: its patients (`Patients`); a pharmacy: its prescriptions, many a person (`Prescriptions`); a
          mortality register: deaths (`Deaths`). Each writes a person's number its own way; the schema says what is
          the same
Learns    every recipient: the released numbers. Nobody learns who is in another register, or how many of its own
          persons are: not from results, messages or their sizes
Trust     no two of three compute parties put their shares together; of more compute parties, no more than the study's
          threshold (honest majority, semi-honest)
Released  number of patients with a prescription; deaths by drug and age; the table of smoking and death with its odds
          ratio; mean time from the last prescription to death; a logistic regression of death on age, smoking and dose.
          What stands on fewer than `minimum_cohort` persons comes out as "suppressed", groups are left out
Costs     330 rounds and 12 MB a party with the engine replicated, for the sample's 2,048 places a register

The pharmacy finds each person's last prescription in its own database. Then patients are joined with prescriptions and
deaths in secret. `patients`, `customers` and `deaths` are public numbers of places, which hide how many rows there are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mpc import Category, Date, Flag, Key, Real, Scenario, Study, Table
from protocols import statistics as st
from protocols.models import LogisticRegression

if TYPE_CHECKING:
    import pandas as pd

DRUGS = ["statin", "beta blocker", "other"]
AGES, BANDS = [0, 60, 70, 80, 130], ["under 60", "60 to 69", "70 to 79", "80 and over"]
PREDICTORS = ["age", "smoker", "dose"]


class Patients(Table):
    person = Key(digits_only=True, strip=True, leading_zeros="drop", unique=True)
    born = Date("1900-01-01", "2023-12-31")
    smoker = Flag()


class Prescriptions(Table):
    person = Key(digits_only=True, strip=True, leading_zeros="drop")
    drug = Category(*DRUGS)
    dose = Real(0, 400, unit="mg")
    on = Date("2010-01-01", "2023-12-31")


class Deaths(Table):
    person = Key(digits_only=True, strip=True, leading_zeros="drop", unique=True)
    died = Date("2024-01-01", "2030-12-31")


scenario = Scenario(
    inputs={
        "patients": Patients.held_by("hospital"),
        "prescriptions": Prescriptions.held_by("pharmacy"),
        "deaths": Deaths.held_by("mortality register"),
    },
    parameters={
        "day": "2024-01-01",
        "patients": 2048,
        "customers": 2048,
        "deaths": 1024,
        "steps": 30,
        "minimum_cohort": 10,
    },
    tolerance=0.002,  # training stops before its optimum
)


@scenario.run
async def run(study: Study) -> None:
    p = study.parameters
    patients = study.table("patients")
    age = patients.born.age_at(p.day)
    patients = patients.assign(age=age, band=age.cut(AGES, BANDS)).select("person", "age", "band", "smoker")
    last = study.table("prescriptions").latest(per="person", by="on")  # in the pharmacy's own database
    persons = patients.share(rows=p.patients).join(last.share(rows=p.customers), on="person")
    persons = persons.join(study.table("deaths").share(rows=p.deaths), on="person", how="left")
    persons = persons.assign(dead=persons.notna("died"))

    study.release("patients with a prescription", persons.count())
    groups = persons.group_by("drug", "band")
    study.release("deaths by drug and age", groups.agg(patients="count", deaths=("dead", "sum"), rate=("dead", "mean")))
    study.release("smoking and death", st.odds_ratio(persons.dead, persons.smoker, names=("dead", "smoker")))
    study.release("days from prescription to death", (persons.died - persons.on).mean())
    model = LogisticRegression(epochs=p.steps, batch_size=p.patients, learning_rate=2.0, momentum=0.5)
    await model.fit(persons[PREDICTORS], persons.dead)
    study.release("log odds of death", model.coefficients())


@scenario.plaintext
def plaintext(
    patients: pd.DataFrame, prescriptions: pd.DataFrame, deaths: pd.DataFrame, parameters: Any
) -> dict[str, Any]:
    """The same releases from the pooled tables, with pandas, SciPy and NumPy."""
    import numpy as np
    import pandas as pd
    from scipy import stats

    least = parameters.minimum_cohort
    small = f"suppressed (fewer than {least})"

    def few(*chosen: Any) -> bool:
        return any(int(rows.sum()) < least for rows in chosen)

    day = pd.Timestamp(parameters.day)
    known = prescriptions.dropna(subset=["person"])
    last = known.sort_values(["person", "on", "drug", "dose"], ascending=[True, False, True, True])
    rows = patients.merge(last.drop_duplicates("person"), on="person").merge(deaths, on="person", how="left")
    before = (rows.born.dt.month * 100 + rows.born.dt.day) > day.month * 100 + day.day
    rows["age"] = day.year - rows.born.dt.year - before
    rows["band"] = pd.cut(rows.age, AGES, right=False, labels=BANDS)
    rows["dead"] = rows.died.notna()

    out: dict[str, Any] = {"patients with a prescription": small if few(rows.person.notna()) else len(rows)}

    groups = rows.assign(drug=pd.Categorical(rows.drug, DRUGS)).groupby(["drug", "band"], observed=True).dead
    found = groups.agg(["size", "sum", "mean"]).reset_index()
    hidden = np.zeros(len(found), bool)
    for cells in (found["size"], found["sum"], found["size"] - found["sum"]):
        hidden |= st.hidden_cells(cells, least)
    shown = [[str(d), str(b), int(n), int(k), float(r)] for d, b, n, k, r in found[~hidden].to_numpy()]
    names = ["drug", "band", "patients", "deaths", "rate"]
    out["deaths by drug and age"] = {"rows": None, "columns": names, "values": shown}

    complete = rows.dropna(subset=["smoker"])
    smoker, dead = complete.smoker.astype(bool), complete.dead
    counts = np.array([[int(((smoker == s) & (dead == d)).sum()) for d in (False, True)] for s in (False, True)])
    out["smoking and death"] = small
    if counts.min() >= least:
        odds = stats.contingency.odds_ratio(counts, kind="sample")
        interval = odds.confidence_interval()
        chi = stats.chi2_contingency(counts, correction=False)
        out["smoking and death"] = {
            "rows": ["not smoker", "smoker"],
            "columns": ["not dead", "dead"],
            "counts": counts.tolist(),
            "chi_square": float(chi.statistic),
            "df": int(chi.dof),
            "p": float(chi.pvalue),
            "odds_ratio": float(odds.statistic),
            "ci_low": float(interval.low),
            "ci_high": float(interval.high),
        }

    days = (rows.died - rows.on).dt.days.dropna()
    out["days from prescription to death"] = small if few(days > -1) else float(days.mean())

    x, y = complete[PREDICTORS].to_numpy(float), dead.to_numpy(bool)
    if few(y, ~y, *(smoker == s for s in (False, True))) or counts.min() < least:
        return out | {"log odds of death": small}
    mean, deviation = x.mean(axis=0), x.std(axis=0)
    z = np.column_stack([np.clip((x - mean) / deviation, -8, 8), np.ones(len(x))])
    penalty = np.array([1.0, 1.0, 1.0, 0.0])
    weights = np.zeros(4)
    for _ in range(50):  # Newton's method: minimises log losses + |weights|^2 / 2
        risk = 1 / (1 + np.exp(-z @ weights))
        curve = (z.T * (risk * (1 - risk))) @ z + np.diag(penalty)
        weights = weights - np.linalg.solve(curve, z.T @ (risk - y) + penalty * weights)
    slopes = weights[:3] / deviation
    values = [float(weights[3] - slopes @ mean), *(float(slope) for slope in slopes)]
    return out | {"log odds of death": {"labels": ["intercept", *PREDICTORS], "values": values}}
