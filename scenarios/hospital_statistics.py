"""Joint statistics of the patients of several hospitals.

Brings    every hospital: its own patients, one row each (`Patients`)
Learns    every recipient: the released numbers, nothing about one hospital or one patient
Trust     no two of three compute parties put their shares together; of more compute parties, no more than the study's
          threshold (honest majority, semi-honest)
Released  number of patients; per column mean, standard deviation, histogram and missing values; correlations; a
          regression of the diagnosis on six measurements; radius of malignant against benign; size by diagnosis.
          Groups under `minimum_cohort` patients come out as "suppressed"
Costs     about 240 rounds and 0.2 MB a party with the engine replicated, whatever the number of patients
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mpc import Flag, Real, Scenario, Study, Table
from protocols import statistics as st

if TYPE_CHECKING:
    import pandas as pd


class Patients(Table):
    radius = Real(0, 50, unit="mm")
    texture = Real(0, 60)
    perimeter = Real(0, 300, unit="mm")
    area = Real(0, 5000, unit="mm²")
    smoothness = Real(0, 0.5)
    compactness = Real(0, 1)
    concavity = Real(0, 1)
    symmetry = Real(0, 0.5)
    fractal_dimension = Real(0, 0.2)
    malignant = Flag()


BINS: dict[str, list[float]] = {
    "radius": [0, 11, 12, 13, 14, 15, 16, 18, 20, 50],
    "texture": [0, 12, 15, 18, 21, 24, 27, 60],
    "perimeter": [0, 60, 75, 90, 105, 120, 135, 300],
    "area": [0, 300, 500, 700, 900, 1200, 1600, 5000],
    "smoothness": [0, 0.07, 0.08, 0.09, 0.1, 0.11, 0.12, 0.5],
    "compactness": [0, 0.05, 0.1, 0.15, 0.2, 1],
    "concavity": [0, 0.03, 0.06, 0.1, 0.15, 0.2, 1],
    "symmetry": [0, 0.14, 0.16, 0.18, 0.2, 0.22, 0.5],
    "fractal_dimension": [0, 0.055, 0.06, 0.065, 0.07, 0.2],
}
MEASUREMENTS = list(BINS)
PREDICTORS = ["radius", "texture", "smoothness", "concavity", "symmetry", "fractal_dimension"]
SIZES, SIZE_NAMES = [0, 13, 15, 50], ["small", "medium", "large"]

#: At most four million patients a hospital, so that two hundred hospitals can take part.
scenario = Scenario(inputs={"patients": Patients.rows(at_most=1 << 22)}, parameters={"minimum_cohort": 10})


@scenario.run
async def run(study: Study) -> None:
    patients = study.table("patients")
    study.release("patients", patients.count())
    summary = st.describe(patients)
    for name in patients.columns:
        study.release(f"{name} mean", summary.mean[name])
        study.release(f"{name} sd", summary.sd[name])
        study.release(f"{name} missing", summary.missing[name])
    for name, edges in BINS.items():
        study.release(f"{name} histogram", patients[name].histogram(edges))
    study.release("correlation", patients[MEASUREMENTS].corr())
    study.release("malignant by measurements", st.ols(patients.malignant, list(patients[PREDICTORS])))
    sick, well = patients.radius[patients.malignant], patients.radius[~patients.malignant]
    study.release("radius, malignant against benign", st.ttest_ind(sick, well, names=("malignant", "benign")))
    study.release("size by diagnosis", st.contingency(patients.radius.cut(SIZES, SIZE_NAMES), patients.malignant))


@scenario.plaintext
def plaintext(patients: pd.DataFrame, parameters: Any) -> dict[str, Any]:
    """The same releases from the pooled table, with pandas, SciPy and NumPy."""
    import numpy as np
    from scipy import stats

    least = parameters.minimum_cohort
    small = f"suppressed (fewer than {least})"
    brought = patients.attrs.get("rows", [len(patients)])
    owner = np.repeat(np.arange(len(brought)), brought)

    def views(chosen: Any) -> Any:
        """Numbers of chosen rows: of all hospitals, and without each of them."""
        each = np.asarray([np.count_nonzero(chosen[owner == i]) for i in range(len(brought))])
        return np.asarray([each.sum(), *(each.sum() - each)])

    def few(chosen: Any) -> bool:
        total, *others = views(np.asarray(chosen, bool))
        return bool(total < least or any(0 < rest < least for rest in others))

    out: dict[str, Any] = {"patients": small if few(np.ones(len(patients))) else len(patients)}
    for name in patients.columns:
        present = patients[name].notna().to_numpy()
        values = patients[name].dropna().astype(float)
        suppressed = few(present)
        if name == "malignant":
            flag = patients[name].fillna(0).to_numpy(bool)
            suppressed = suppressed or few(present & flag) or few(present & ~flag)
        out[f"{name} mean"] = small if suppressed else float(values.mean())
        out[f"{name} sd"] = small if suppressed else float(values.std())
        out[f"{name} missing"] = small if present.any() and few(present) else len(patients) - len(values)
    not_all_shown: set[str] = set()
    for name, edges in BINS.items():
        column = patients[name].to_numpy(float)
        counts = np.histogram(column[~np.isnan(column)], edges)[0]
        bins = np.where(column == edges[-1], len(edges) - 2, np.searchsorted(edges, column, side="right") - 1)
        of_bins = np.stack([views((bins == b) & ~np.isnan(column)) for b in range(len(counts))], axis=1)
        hidden = st.hidden_cells(of_bins[0], least, of_bins[1:])
        cells = [small if h else int(c) for c, h in zip(counts, hidden, strict=True)]
        not_all_shown |= {name} if hidden.any() else set()
        out[f"{name} histogram"] = {"edges": [float(e) for e in edges], "counts": cells}
    complete = patients[MEASUREMENTS].dropna()
    out["correlation"] = {"labels": MEASUREMENTS, "values": complete.corr().to_numpy().tolist()}

    rows = patients[[*PREDICTORS, "malignant"]].dropna().astype(float)
    x = np.column_stack([np.ones(len(rows)), rows[PREDICTORS]])
    y = rows["malignant"].to_numpy()
    q, r = np.linalg.qr(x)
    beta = np.linalg.solve(r, q.T @ y)
    df = len(y) - x.shape[1]
    residual = y - x @ beta
    error = np.sqrt((np.linalg.inv(r) ** 2).sum(axis=1) * (residual @ residual) / df)
    t = beta / error
    reach = stats.t.ppf(0.975, df) * error
    out["malignant by measurements"] = {
        "terms": ["intercept", *PREDICTORS],
        "coefficient": beta.tolist(),
        "standard_error": error.tolist(),
        "t": t.tolist(),
        "p": (2 * stats.t.sf(abs(t), df)).tolist(),
        "ci_low": (beta - reach).tolist(),
        "ci_high": (beta + reach).tolist(),
        "r_squared": float(1 - residual @ residual / ((y - y.mean()) ** 2).sum()),
        "observations": len(y),
        "residual_df": df,
    }
    complete_rows = patients[[*PREDICTORS, "malignant"]].notna().all(axis=1).to_numpy()
    flag = patients["malignant"].fillna(0).to_numpy(bool)
    if df < least or any(few(complete_rows & side) for side in (np.ones(len(flag), bool), flag, ~flag)):
        out["malignant by measurements"] = small

    both = patients[["radius", "malignant"]].notna().all(axis=1).to_numpy()
    known = patients.dropna(subset=["radius", "malignant"])
    ill = known["malignant"].astype(bool)
    a, b = known["radius"][ill], known["radius"][~ill]
    if few(both & flag) or few(both & ~flag):
        out["radius, malignant against benign"] = small
    else:
        welch = stats.ttest_ind(a, b, equal_var=False)
        interval = welch.confidence_interval()
        out["radius, malignant against benign"] = {
            "groups": ["malignant", "benign"],
            "statistic": float(welch.statistic),
            "df": float(welch.df),
            "p": float(welch.pvalue),
            "ci_low": float(interval.low),
            "ci_high": float(interval.high),
            "difference": float(a.mean() - b.mean()),
            "n": [len(a), len(b)],
            "means": [float(a.mean()), float(b.mean())],
            "sds": [float(a.std()), float(b.std())],
        }
    size = np.digitize(known["radius"], SIZES[1:-1])
    counts = np.array([[int(((size == s) & (ill == m)).sum()) for m in (False, True)] for s in range(3)])
    bins = np.digitize(patients["radius"].to_numpy(float), SIZES[1:-1])
    few_in_cell = any(few(both & (bins == s) & (flag == m)) for s in range(3) for m in (False, True))
    if few_in_cell or "radius" in not_all_shown:  # a table of radius beside its histogram
        out["size by diagnosis"] = small
    else:
        chi = stats.chi2_contingency(counts, correction=False)
        out["size by diagnosis"] = {
            "rows": SIZE_NAMES,
            "columns": ["no", "yes"],
            "counts": counts.tolist(),
            "chi_square": float(chi.statistic),
            "df": int(chi.dof),
            "p": float(chi.pvalue),
        }
    return out
