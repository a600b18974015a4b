"""The data sets, as pandas tables: those of libraries, and the files of `parties/accuracy/data`."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

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
