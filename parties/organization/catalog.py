"""An organization's catalog: its datasets, under the names that studies use.

The file is `catalog.toml` in the home, mode 0600, since a URL may carry a password.
Left out: opening and checking the data (`parties.data.dataset`).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mpc.errors import ConfigError
from parties.data.dataschema import read_schema
from parties.data.dataset import RowCounts, SourceRows, open_dataset
from parties.data.source import Dataset, check_form, files
from parties.data.toml import key, quoted, read_toml
from parties.system.privacy import check_private, write_private

__all__ = ["Catalog", "Dataset", "RowCounts", "SourceRows", "open_dataset"]

CATALOG_FILE = "catalog.toml"


class Catalog:
    """The datasets of one home.

    >>> Catalog.load(home).dataset("oncology.patients")
    """

    def __init__(self, path: Path, datasets: dict[str, Dataset]) -> None:
        self.path = path
        self.datasets = datasets

    @classmethod
    def load(cls, home: Path) -> Catalog:
        """The catalog in `home`; an empty one if there is none yet."""
        path = home / CATALOG_FILE
        try:
            check_private(path)
        except FileNotFoundError:
            return cls(path, {})
        except OSError as error:
            raise ConfigError(f"{path}: cannot be read ({error.strerror})") from None
        return cls(path, {name: _entry(path, name, entry) for name, entry in read_toml(path).items()})

    def dataset(self, name: str) -> Dataset:
        if name not in self.datasets:
            known = f"has: {', '.join(sorted(self.datasets))}" if self.datasets else "is empty"
            raise ConfigError(
                f"{self.path}: no dataset {name!r}; the catalog {known}\n"
                f"Add it with  comity data add {name} FILE --schema SCHEMA.toml"
            )
        return self.datasets[name]

    def add(self, dataset: Dataset, *, replace: bool = False) -> None:
        """Add an entry and save. Its files must exist, and its schema must be readable."""
        if dataset.name in self.datasets and not replace:
            raise ConfigError(f"{self.path}: there is a dataset {dataset.name!r} already; --replace replaces it")
        if not dataset.name or not all(part.isidentifier() for part in dataset.name.replace("-", "_").split(".")):
            raise ConfigError(f"{dataset.name!r} cannot name a dataset; use words like tumour_register or lab.patients")
        if not dataset.is_url:
            files(dataset)
            check_form(dataset)
        elif not dataset.table:
            raise ConfigError(f"{dataset.name}: {dataset.file}: say which table of the database, with --table")
        if dataset.schema is not None:
            read_schema(dataset.schema)
        self.datasets[dataset.name] = dataset
        self.save()

    def save(self) -> None:
        """Write the file, readable by its owner only: all of it or nothing."""
        lines = ["# Datasets that studies may name. Kept by  comity data add.", ""]
        for name, dataset in sorted(self.datasets.items()):
            lines += [f"[{quoted(name) if '.' in name else key(name)}]", f"source = {quoted(dataset.source)}"]
            lines += [f"table = {quoted(dataset.table)}"] if dataset.table else []
            lines += [f"schema = {quoted(str(dataset.schema))}"] if dataset.schema else []
            lines.append("")
        write_private(self.path, "\n".join(lines).encode())


def _entry(path: Path, name: str, entry: Any) -> Dataset:
    if not isinstance(entry, dict) or not isinstance(entry.get("source"), str):
        raise ConfigError(f'{path}: [{name}] needs the key source = "FILE or URL"')
    for field, value in entry.items():
        if field not in ("source", "table", "schema"):
            raise ConfigError(f"{path}: [{name}] {field}: unknown key; the keys are source, table and schema")
        if not isinstance(value, str):
            raise ConfigError(f"{path}: [{name}] {field} must be text")
    schema = entry.get("schema")
    return Dataset(name, entry["source"], entry.get("table"), Path(schema) if schema else None)
