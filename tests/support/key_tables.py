"""Random tables with a key, values, missing ones and places without a row; in pandas, and as secrets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from mpc.machine.runtime import Runtime
from mpc.values.secret import SecretArray
from protocols.simulate import evaluate
from tests.support.engines import making
from tests.support.value_floor import opened, secret

#: Tables by name: places, values of the key, share of places that hold a row, of keys and of values that are there.
TABLES = {
    "ties": (40, 5, 0.8, 1.0, 1.0),
    "missing": (40, 6, 0.7, 0.8, 0.6),
    "single rows": (12, 100, 0.9, 1.0, 0.5),
    "one group": (15, 1, 0.6, 1.0, 0.8),
    "filtered": (10, 3, 0.0, 1.0, 1.0),
    "one row": (1, 3, 1.0, 1.0, 1.0),
}


def made(kind: str, keys: int = 1, seed: int = 0) -> pd.DataFrame:
    """A table of this kind: "rows", "x" (whole), "y" (real), "flag", "key 0", …, and "valid x", …, "keyed 0", …"""
    n, values, rows, keyed, there = TABLES[kind]
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {"rows": rng.random(n) < rows, "x": rng.integers(-30, 30, n), "y": rng.normal(size=n).round(3)}
    )
    frame["flag"] = rng.random(n) < 0.5
    for k in range(keys):
        frame[f"key {k}"] = rng.integers(0, values, n)
        frame[f"keyed {k}"] = rng.random(n) < keyed
    for name in ("x", "y", "flag"):
        frame[f"valid {name}"] = rng.random(n) < there
    return frame


def kept(frame: pd.DataFrame, keys: int = 1) -> pd.DataFrame:
    """The rows that have keys, with missing values as pandas has them."""
    there: pd.DataFrame = frame[frame.rows & np.logical_and.reduce([frame[f"keyed {k}"] for k in range(keys)])].copy()
    for name in ("x", "y", "flag"):
        there[name] = there[name].astype(float).where(there[f"valid {name}"])
    return there


def grouped(frame: pd.DataFrame, keys: int = 1) -> Any:
    """The rows that have keys, by key, in pandas."""
    return kept(frame, keys).groupby([f"key {k}" for k in range(keys)])


@dataclass
class Columns:
    """A table as secrets: the row mask, the keys, and the other columns by name."""

    rows: SecretArray
    keys: list[SecretArray]
    values: dict[str, SecretArray]

    def __getitem__(self, name: str) -> SecretArray:
        return self.values[name]


def secrets(run: Runtime, frame: pd.DataFrame, keys: int = 1) -> Columns:
    """A table as secrets."""

    def column(name: str, valid: str) -> SecretArray:
        return secret(run, frame[name].to_numpy()).masked(secret(run, frame[valid].to_numpy()), "missing")

    return Columns(
        secret(run, frame.rows.to_numpy()),
        [column(f"key {k}", f"keyed {k}") for k in range(keys)],
        {name: column(name, f"valid {name}") for name in ("x", "y", "flag")},
    )


def found(script: Callable[[Columns], Any], frame: pd.DataFrame, keys: int = 1, engine: str = "ideal") -> list[Any]:
    """What `script(columns)` gives, opened: NaN where it is undefined."""

    async def run_(run: Runtime) -> list[Any]:
        return [await opened(run, x) for x in script(secrets(run, frame, keys))]

    result: list[Any] = evaluate(run_, **making(engine))[0]
    return result
