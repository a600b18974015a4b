"""The data sets, as pandas tables: those of libraries, and the files of `parties/accuracy/data`."""

from __future__ import annotations

from decimal import Decimal
from importlib.resources import files
from typing import Any

import gmpy2
import numpy as np
import pandas as pd

from parties.accuracy.libraries import need


def shipped(name: str) -> Any:
    """A table of `parties/accuracy/data`."""
    return pd.read_csv(files("parties.accuracy").joinpath("data", f"{name}.csv").open(encoding="utf-8"), comment="#")


def statsmodels(name: str) -> Any:
    """A data set of statsmodels, all columns."""
    return need(f"statsmodels.datasets.{name}").load_pandas().data


def sklearn(name: str) -> Any:
    """A data set of scikit-learn, its columns by names that a script can write, and `target`."""
    frame = getattr(need("sklearn.datasets"), f"load_{name}")(as_frame=True).frame
    return frame.rename(columns=lambda c: c.replace(" (cm)", "").replace(" ", "_").replace("/", "_"))


def halves(frame: Any, column: str, flag: str) -> tuple[Any, Any]:
    """The values of a column where a flag is set, and where it is not."""
    chosen = frame[flag].astype(bool)
    return frame.loc[chosen, column].to_numpy(), frame.loc[~chosen, column].to_numpy()


def alternating(centre: str, rows: int) -> Any:
    """NIST's NumAcc: the centre, then a tenth below and above it by turns, each the nearest float64 to its decimals."""
    middle = Decimal(centre)
    values = [middle] + [middle + Decimal("0.1") * (-1) ** k for k in range(1, rows)]
    return pd.DataFrame({"y": [float(value) for value in values]})


def simon_lesage(rows: int, about: float) -> Any:
    """NIST's SmLs: nine groups of `rows` rows; odd ones start at 1.4, 1.3, 1.5 …, and the even ones are 0.1 below or
    above, all plus `about`."""
    starts = (14, 13, 15, 13, 15, 13, 15, 13, 15)
    tenths = [start + (0 if j == 0 else (-1) ** j) for start in starts for j in range(rows)]
    levels = [f"L{level}" for level in range(9) for _ in range(rows)]
    return pd.DataFrame({"x": [float(Decimal(int(about)) + Decimal(x) / 10) for x in tenths], "level": levels})


def wampler(number: int) -> Any:
    """NIST's Wampler1 to Wampler5: polynomials of degree five at 0 to 20; those from 3 on with errors."""
    errors = {0: 759, 4: 2523, 8: 1838, 12: 1838, 16: 2523, 20: 759}
    scale = 0 if number <= 2 else 100 ** (number - 3)
    base = Decimal("0.1" if number == 2 else 1)
    y = [
        float(sum((base * x) ** k for k in range(1, 6)) + 1 + scale * errors.get(x, -2048 if x % 2 else 2048))
        for x in range(21)
    ]
    return pd.DataFrame({"y": y, "x": np.arange(21.0)})


def digits_of_pi(count: int) -> Any:
    """The first digits of pi, as whole numbers."""
    digits = gmpy2.const_pi(4 * count).digits()[0]
    return pd.DataFrame({"y": [int(digit) for digit in digits[:count]]})


def numbers() -> dict[str, Any]:
    """Public data sets with two columns or more of numbers, for statistics of single columns and of their relations."""
    return {
        "scikit-learn breast_cancer": sklearn("breast_cancer")[["mean_radius", "mean_texture", "mean_smoothness"]],
        "scikit-learn diabetes": sklearn("diabetes")[["bmi", "bp", "target"]],
        "scikit-learn iris": sklearn("iris")[["sepal_length", "sepal_width", "petal_length"]],
        "scikit-learn wine": sklearn("wine")[["alcohol", "ash", "proline"]],
        "statsmodels anes96": statsmodels("anes96")[["age", "educ", "income"]].astype(int),
        "statsmodels engel": statsmodels("engel"),
        "statsmodels star98": statsmodels("star98")[["LOWINC", "PERASIAN", "AVSALK"]],
        "statsmodels statecrime": statsmodels("statecrime")[["violent", "murder", "poverty"]],
    }


#: Their names.
NUMBERS = (
    *("scikit-learn breast_cancer", "scikit-learn diabetes", "scikit-learn iris", "scikit-learn wine"),
    *("statsmodels anes96", "statsmodels engel", "statsmodels star98", "statsmodels statecrime"),
)


def with_gaps(frame: Any) -> Any:
    """The same table as floats, without every eleventh value."""
    made = frame.astype(float).reset_index(drop=True)
    for k, name in enumerate(made.columns):
        made.loc[k::11, name] = np.nan
    return made


def by_flag() -> dict[str, Any]:
    """Public data sets as tables of a number `x` and a flag `group`."""
    anes, cancer, fair, iris = statsmodels("anes96"), sklearn("breast_cancer"), statsmodels("fair"), sklearn("iris")
    heart, spector, wine, rossi = statsmodels("heart"), statsmodels("spector"), sklearn("wine"), shipped("rossi")
    found = {
        "scikit-learn breast_cancer": (cancer.mean_texture, cancer.target == 1),
        "scikit-learn iris": (iris.petal_width, iris.target == 2),
        "scikit-learn wine": (wine.alcohol, wine.target == 1),
        "statsmodels anes96": (anes.age.astype(int), anes.vote == 1),
        "statsmodels fair": (fair.yrs_married, fair.affairs > 0),
        "statsmodels heart": (heart.age, heart.censors == 1),
        "statsmodels spector": (spector.GPA, spector.GRADE == 1),
        "lifelines rossi": (rossi.age, rossi.arrest == 1),
    }
    return {name: pd.DataFrame({"x": x, "group": group}) for name, (x, group) in found.items()}


#: Their names.
BY_FLAG = (
    *("scikit-learn breast_cancer", "scikit-learn iris", "scikit-learn wine", "statsmodels anes96"),
    *("statsmodels fair", "statsmodels heart", "statsmodels spector", "lifelines rossi"),
)


def by_category() -> dict[str, Any]:
    """Public data sets as tables of a number `x` and a category `level` of three levels and more."""
    anes, fair, iris, wine = statsmodels("anes96"), statsmodels("fair"), sklearn("iris"), sklearn("wine")
    grunfeld, larynx, silver = statsmodels("grunfeld"), shipped("larynx"), shipped("sirstv")
    found = {
        "scikit-learn iris": (iris.sepal_width, iris.target),
        "scikit-learn wine": (wine.alcohol, wine.target),
        "statsmodels anes96": (anes.age.astype(int), anes.educ.astype(int)),
        "statsmodels fair": (fair.yrs_married, fair.rate_marriage.astype(int)),
        "statsmodels grunfeld": (grunfeld.invest, grunfeld.firm),
        "lifelines larynx": (larynx.age, larynx.stage),
        "NIST SiRstv": (silver.resistance, silver.instrument),
    }
    return {name: pd.DataFrame({"x": x, "level": level.map("L{}".format)}) for name, (x, level) in found.items()}


#: Their names.
BY_CATEGORY = (
    *("scikit-learn iris", "scikit-learn wine", "statsmodels anes96"),
    *("statsmodels fair", "statsmodels grunfeld", "lifelines larynx", "NIST SiRstv"),
)


def flags() -> dict[str, Any]:
    """Public data sets as tables of two flags, `first` and `second`."""
    anes, cancer, fair, rossi = statsmodels("anes96"), sklearn("breast_cancer"), statsmodels("fair"), shipped("rossi")
    heart, spector, lung = statsmodels("heart"), statsmodels("spector"), shipped("lung")
    found = {
        "scikit-learn breast_cancer": (cancer.target == 1, cancer.mean_texture < 19),
        "statsmodels anes96": (anes.vote == 1, anes.income > 15),
        "statsmodels china_smoking": china_smoking(),
        "statsmodels fair": (fair.affairs > 0, fair.children > 0),
        "statsmodels heart": (heart.censors == 1, heart.age > 48),
        "statsmodels spector": (spector.GRADE == 1, spector.PSI == 1),
        "lifelines lung": (lung.status == 1, lung.sex == 2),
        "lifelines rossi": (rossi.arrest == 1, rossi.fin == 1),
    }
    return {name: pd.DataFrame({"first": first, "second": second}) for name, (first, second) in found.items()}


#: Their names.
FLAGS = (
    *("scikit-learn breast_cancer", "statsmodels anes96", "statsmodels china_smoking", "statsmodels fair"),
    *("statsmodels heart", "statsmodels spector", "lifelines lung", "lifelines rossi"),
)


def groups(seed: int, *sizes: int, spread: float = 0.0) -> Any:
    """Made-up groups `level` of these sizes around 1e4: each is half a deviation above the one before, and varies more
    by `spread` deviations."""
    made = np.random.default_rng(seed)
    x = np.concatenate([1e4 + k / 2 + made.normal(0, 1 + spread * k, size) for k, size in enumerate(sizes)])
    levels = np.repeat([f"L{k}" for k in range(len(sizes))], sizes)
    return pd.DataFrame({"x": x, "level": levels}).sample(frac=1, random_state=seed)


def china_smoking() -> tuple[Any, Any]:
    """The 8,419 people of statsmodels' china_smoking, one row each: lung cancer, and smoking."""
    counts = statsmodels("china_smoking").sum()
    both = [(name.endswith("cancer_yes"), name.startswith("smoking_yes")) for name in counts.index]
    rows = np.repeat(np.array(both), counts.to_numpy(int), axis=0)
    rows = np.random.default_rng(1).permutation(rows)
    return pd.Series(rows[:, 0]), pd.Series(rows[:, 1])
