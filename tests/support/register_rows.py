"""Sample files of scenarios with keys, as their owners read them and as an oracle gets them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest

from mpc.tables.keys import KeyColumn
from mpc.tables.schema import FlagColumn, Schema
from parties.local.samples import samples
from parties.study.loader import Loaded, load

Tables = dict[str, dict[str, pd.DataFrame]]


def sample_tables(name: str) -> tuple[Loaded, Tables]:
    """A scenario, and organization -> input -> rows of its sample files, keys as texts."""
    loaded = load(name)
    files = samples(loaded)
    schemas = loaded.scenario.schemas()
    tables = {
        who: {which: _read(path, schemas[which]) for which, path in brought.items()} for who, brought in files.items()
    }
    return loaded, tables


def _read(path: Path, schema: Schema) -> pd.DataFrame:
    if path.suffix == ".parquet":
        return pd.read_parquet(path)
    return pd.read_csv(path, dtype={column.name: str for column in schema.columns if isinstance(column, KeyColumn)})


def pooled(loaded: Loaded, tables: Tables) -> list[pd.DataFrame]:
    """One table an input, in the order of the inputs, as a plaintext oracle gets it: keys are numbers."""
    found = []
    for which, schema in loaded.scenario.schemas().items():
        parts = [brought[which] for brought in tables.values() if which in brought]
        table = pd.concat(parts, ignore_index=True)
        table.attrs["rows"] = [len(part) for part in parts]
        for column in schema.columns:
            if isinstance(column, KeyColumn):
                table[column.name] = [int("".join(filter(str.isdigit, str(text)))) for text in table[column.name]]
            elif type(column).__name__ == "DateColumn":
                table[column.name] = pd.to_datetime(table[column.name])
            elif isinstance(column, FlagColumn):
                words = table[column.name]
                table[column.name] = [None if pd.isna(x) else x in (True, "yes") for x in words]
        found.append(table)
    return found


def approximately(value: Any, *, rel: float) -> Any:
    """pytest.approx of every number in a release."""
    if isinstance(value, dict):
        return {key: approximately(item, rel=rel) for key, item in value.items()}
    if isinstance(value, list):
        return [approximately(item, rel=rel) for item in value]
    return value if isinstance(value, str | bool | None) else pytest.approx(value, rel=rel, abs=1e-6)


def assert_as_oracle(loaded: Loaded, tables: Tables, found: Mapping[str, Any], *, rel: float, **given: Any) -> None:
    """Compare releases with the plaintext oracle of the pooled tables."""
    assert loaded.scenario.oracle is not None
    settings = SimpleNamespace(**{**loaded.scenario.parameters, **given})
    wanted = loaded.scenario.oracle(*pooled(loaded, tables), settings)
    assert list(found) == list(wanted)
    for name, value in wanted.items():
        assert found[name] == approximately(value, rel=rel), name
