"""The libraries that cases compare with: of those some belong to the extra `accuracy`."""

from __future__ import annotations

import importlib
from typing import Any

from mpc.errors import ConfigError

#: Who computes known values from the pooled rows, for the column "known values by".
NUMPY, PANDAS, SCIPY, STATSMODELS = "NumPy", "pandas", "SciPy", "statsmodels"


def need(module: str) -> Any:
    """Import a module of a library to compare with.

    Raises ConfigError, which says how to install it.
    """
    try:
        return importlib.import_module(module)
    except ImportError as missing:
        raise ConfigError(
            f"comity accuracy compares with {module.partition('.')[0]}, which is not installed: "
            "pip install 'comity[accuracy]'"
        ) from missing
