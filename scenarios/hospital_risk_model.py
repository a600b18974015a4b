"""A model of the risk that a tumour is malignant, trained by several hospitals on patients of all of them.

Brings    every hospital: its own patients, one row each (`Patients`), at most `rows` of them
Learns    every recipient: how many patients the model was trained and tested on, and how good it is for the held-out
          patients (accuracy and area under the ROC curve); its coefficients only with `publish_model`
Trust     no two of three compute parties put their shares together; of more compute parties, no more than the study's
          threshold (honest majority, semi-honest)
Released  the numbers above, of patients without missing values. A number about fewer than `minimum_cohort` patients,
          or fewer with either diagnosis, comes out as "suppressed"
Costs     7 rounds for each of the 120 steps of training and about 120 before and after, 3.6 MB a party with the engine
          replicated

The held-out rows follow from `seed` and from the places of rows alone, so they are the same at all parties.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mpc import Flag, Real, Scenario, Study, Table
from protocols.models import (
    LogisticRegression,
    accuracy_score,
    complete_rows,
    roc_auc_score,
    split_rows,
    train_test_split,
)

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


FEATURES = [name for name in Patients.schema.names if name != "malignant"]

scenario = Scenario(
    inputs={"patients": Patients.rows()},
    parameters={
        "rows": 300,
        "test_size": 0.25,
        "epochs": 20,
        "batch_size": 128,
        "learning_rate": 0.5,
        "momentum": 0.9,
        "C": 1.0,
        "seed": 1,
        "publish_model": False,
        "minimum_cohort": 10,
    },
    samples="hospital_statistics",
    tolerance=0.02,  # training stops before its optimum
)


@scenario.run
async def run(study: Study) -> None:
    p = study.parameters
    patients = study.table("patients").share(rows=p.rows)
    train, test = train_test_split(patients, test_size=p.test_size, seed=p.seed)
    model = LogisticRegression(
        epochs=p.epochs,
        batch_size=p.batch_size,
        learning_rate=p.learning_rate,
        momentum=p.momentum,
        C=p.C,
        seed=p.seed,
    )
    await model.fit({name: train[name] for name in FEATURES}, train["malignant"])
    study.release("patients trained on", complete_rows(train))
    score = model.decision_function({name: test[name] for name in FEATURES})
    study.release("patients tested on", complete_rows(test))
    study.release("accuracy", accuracy_score(test["malignant"], score > 0))
    study.release("AUC", roc_auc_score(test["malignant"], score))
    if p.publish_model:
        study.release("coefficients", model.coefficients())


@scenario.plaintext
def plaintext(patients: pd.DataFrame, parameters: Any) -> dict[str, Any]:
    """The optimal model of the pooled rows (that of scikit-learn, to many digits), and how good it is.

    `attrs["rows"]`: how many rows each hospital brought, which gives their places among the padded rows.
    """
    import numpy as np

    p = parameters
    brought = patients.attrs.get("rows", [len(patients)])
    places = np.concatenate([i * p.rows + np.arange(n) for i, n in enumerate(brought)])
    complete = patients.notna().all(axis=1).to_numpy()
    x = patients[FEATURES].to_numpy(float)[complete]
    y = patients["malignant"].to_numpy()[complete].astype(float)
    places = places[complete]
    train, test = (np.isin(places, part) for part in split_rows(p.rows * len(brought), p.test_size, p.seed))
    small = f"suppressed (fewer than {p.minimum_cohort})"

    def told(value: Any, *sizes: Any) -> Any:
        return small if min(sizes) < p.minimum_cohort else value

    owner = places // p.rows

    def size(chosen: Any) -> int:
        """The number of chosen rows of all hospitals, or of all but one, if that is smaller (and not 0)."""
        each = np.bincount(owner[chosen], minlength=len(brought))
        return int(min([each.sum(), *(rest for rest in each.sum() - each if rest)]))

    n, held_out = int(train.sum()), int(test.sum())
    out = {"patients trained on": told(n, size(train)), "patients tested on": told(held_out, size(test))}
    sides = size(train & (y == 1)), size(train & (y == 0))
    if min(size(train), size(test), *sides) < p.minimum_cohort:
        return out | {"accuracy": small, "AUC": small}

    mean, deviation = x[train].mean(axis=0), x[train].std(axis=0)
    z = np.clip((x - mean) / np.where(deviation > 0, deviation, np.inf), -8, 8)
    z = np.column_stack([z, np.ones(len(z))])
    penalty = np.append(np.ones(len(FEATURES)), 0.0) / p.C
    weights = np.zeros(len(FEATURES) + 1)
    for _ in range(50):  # Newton's method: minimises C * log losses + |weights|^2 / 2
        risk = 1 / (1 + np.exp(-z[train] @ weights))
        slope = z[train].T @ (risk - y[train]) + penalty * weights
        curve = (z[train].T * (risk * (1 - risk))) @ z[train] + np.diag(penalty)
        weights = weights - np.linalg.solve(curve, slope)

    score, ill = z[test] @ weights, y[test] == 1
    sick, well = score[ill], score[~ill]
    sizes = size(test & (y == 1)), size(test & (y == 0))
    out["accuracy"] = told(float(((score > 0) == ill).mean()), *sizes)
    ahead = (sick[:, None] > well).sum() + (sick[:, None] == well).sum() / 2
    out["AUC"] = told(float(ahead / max(sick.size * well.size, 1)), *sizes)
    return out
