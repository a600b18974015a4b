"""Sample files of scenarios with keys, as their owners read them and as an oracle gets them."""

from __future__ import annotations

import pandas as pd

from mpc.tables.schema import FlagColumn
from parties.local.samples import samples
from parties.study.loader import Loaded, load

Tables = dict[str, dict[str, pd.DataFrame]]


def sample_tables(name: str) -> tuple[Loaded, Tables]:
    """A scenario, and organization -> input -> rows of its sample files, keys as texts."""
    loaded = load(name)
    files = samples(loaded)
    tables = {who: {which: _read(path) for which, path in brought.items()} for who, brought in files.items()}
    return loaded, tables


def _read(path) -> pd.DataFrame:  # type: ignore[no-untyped-def]
    if path.suffix == ".parquet":
        return pd.read_parquet(path)
    return pd.read_csv(path, dtype={"person": str})


def pooled(loaded: Loaded, tables: Tables) -> list[pd.DataFrame]:
    """One table an input, in the order of the inputs, as a plaintext oracle gets it: keys are numbers."""
    found = []
    for which, schema in loaded.scenario.schemas().items():
        parts = [brought[which] for brought in tables.values() if which in brought]
        table = pd.concat(parts, ignore_index=True)
        table.attrs["rows"] = [len(part) for part in parts]
        for column in schema.columns:
            if column.name == "person":
                table["person"] = [int("".join(filter(str.isdigit, str(text)))) for text in table.person]
            elif type(column).__name__ == "DateColumn":
                table[column.name] = pd.to_datetime(table[column.name])
            elif isinstance(column, FlagColumn):
                words = table[column.name]
                table[column.name] = [None if pd.isna(x) else x in (True, "yes") for x in words]
        found.append(table)
    return found
