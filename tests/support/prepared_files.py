"""Tables of `tests.support.prepared` as files and databases, and what a party computes from them."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd

from mpc.tables.prepare.nodes import Query
from mpc.tables.prepare.selecting import Frame, all_physical
from parties.data.dataset import SourceRows, open_dataset
from parties.data.source import Dataset
from tests.support.prepared import People, Tax


def typed(table: pd.DataFrame) -> pd.DataFrame:
    """A table with the types that a data manager's file has."""
    made = table.copy()
    for name in made:
        if name in ("person", "who", "year", "paid"):
            made[name] = made[name].astype("Int64")
        elif name == "income":
            made[name] = made[name].astype("float64")
        elif name == "ok":
            made[name] = made[name].astype("boolean")
    return made


def written(folder: Path, kind: str, name: str, table: pd.DataFrame) -> Dataset:
    """The table as a dataset of a kind."""
    table = typed(table)
    if kind == "CSV":
        table.to_csv(folder / f"{name}.csv", index=False)
        return Dataset(name, str(folder / f"{name}.csv"))
    if kind == "Parquet":
        table.to_parquet(folder / f"{name}.parquet", index=False)
        return Dataset(name, str(folder / f"{name}.parquet"))
    if kind == "SQLite":
        with sqlite3.connect(folder / f"{name}.sqlite") as database:
            table.to_sql(name, database, index=False)
        return Dataset(name, f"sqlite://{folder}/{name}.sqlite", name)
    with duckdb.connect(str(folder / f"{name}.duckdb")) as database:
        database.register("given", table)
        database.execute(f"create table {name} as select * from given")
    return Dataset(name, f"duckdb://{folder}/{name}.duckdb", name)


def opened(folder: Path, kind: str, tax: pd.DataFrame, people: pd.DataFrame, **more: Any) -> dict[str, SourceRows]:
    """Both tables as rows of a party, checked."""
    rows = {
        "tax": open_dataset(written(folder, kind, "tax", tax), Tax.schema, threads=1, **more),
        "people": open_dataset(written(folder, kind, "people", people), People.schema, threads=1, **more),
    }
    for dataset in rows.values():
        dataset.check()
    return rows


def prepared(query: Query, tables: Mapping[str, SourceRows], beats: Callable[[], None] = lambda: None) -> Frame:
    """All rows of a query, as a party computes them."""
    names = all_physical(query)
    rows = next(iter(tables.values())).prepared(query, tables, beats)
    batches = list(rows.batches(names))
    return {name: np.concatenate([batch[name] for batch in batches]) if batches else np.zeros(0) for name in names}
