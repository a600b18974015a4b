"""What the scenario hospital_statistics released, held against its oracle."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from scenarios.hospital_statistics import plaintext


def assert_same(found: dict[str, Any], f: pd.DataFrame, parameters: Any = None, tolerance: float = 1e-6) -> None:
    """Means, deviations, R^2 and correlations to `tolerance`, standard errors to ten times that, coefficients and
    interval limits to 1e-4 standard errors; counts and texts as they are."""
    expected = plaintext(f, SimpleNamespace(minimum_cohort=10) if parameters is None else parameters)
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        got = found[name]
        if isinstance(value, float):
            assert got == pytest.approx(value, rel=tolerance), name
        elif name == "correlation":
            assert got["labels"] == value["labels"]
            np.testing.assert_allclose(got["values"], value["values"], atol=tolerance)
        elif name == "malignant by measurements" and isinstance(value, dict):
            error = np.asarray(value["standard_error"])
            assert got["terms"] == value["terms"]
            assert (got["observations"], got["residual_df"]) == (value["observations"], value["residual_df"])
            assert got["r_squared"] == pytest.approx(value["r_squared"], abs=tolerance)
            np.testing.assert_allclose(got["standard_error"], error, rtol=10 * tolerance)
            for part in ("coefficient", "ci_low", "ci_high"):
                assert (np.abs(np.subtract(got[part], value[part])) <= 1e-4 * error).all(), part
            np.testing.assert_allclose(got["t"], value["t"], atol=1e-4)
            np.testing.assert_allclose(got["p"], value["p"], atol=1e-4)
        elif isinstance(value, dict):
            assert got.keys() - {"unit"} == value.keys() - {"unit"}
            for key, entry in value.items():
                if isinstance(entry, float) or (isinstance(entry, list) and isinstance(entry[0], float)):
                    np.testing.assert_allclose(got[key], entry, rtol=10 * tolerance)
                else:
                    assert got[key] == entry, (name, key)
        else:
            assert got == value, name
