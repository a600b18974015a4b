"""The sample data bundled with scenarios: where it is, a copy to imitate, and the same rows for other organizations."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from io import StringIO
from pathlib import Path

from mpc.errors import ConfigError
from parties.dataschema import schema_toml
from parties.loader import Loaded, folder


def samples(loaded: Loaded) -> dict[str, dict[str, Path]]:
    """The sample data bundled with a scenario: organization -> input -> file."""
    where = folder() / "data" / Path(loaded.scenario.samples or loaded.name).name
    inputs = list(loaded.scenario.inputs)
    found: dict[str, dict[str, Path]] = {}
    for path in sorted(where.glob("*.csv")) + sorted(where.glob("*.parquet")):
        name, _, which = path.stem.partition(".")
        input_ = which or inputs[0]
        if input_ in inputs:
            found.setdefault(name, {})[input_] = path
    return found


def export(loaded: Loaded, into: Path) -> list[Path]:
    """Write the sample files and the schema to imitate."""
    into.mkdir(parents=True, exist_ok=True)
    written = []
    for name, files in samples(loaded).items():
        for which, path in files.items():
            target = into / (f"{name}{path.suffix}" if len(files) == 1 else f"{name}.{which}{path.suffix}")
            target.write_bytes(path.read_bytes())
            written.append(target)
    for which, schema in loaded.scenario.schemas().items():
        target = into / f"{which}.toml"
        target.write_text(schema_toml(schema), encoding="utf-8")
        written.append(target)
    return written


def deal(loaded: Loaded, names: Sequence[str]) -> dict[str, dict[str, str]]:
    """All rows of the sample files, dealt in turn to these organizations: name -> input -> text of a CSV file.

    The same rows every time. Raises ConfigError where there are none to deal, or too few for everybody.
    """
    found = samples(loaded)
    dealt: dict[str, dict[str, str]] = {name: {} for name in names}
    for which, entry in loaded.scenario.inputs.items():
        paths = [files[which] for files in found.values() if which in files]
        if entry.holder is not None or not paths or any(path.suffix != ".csv" for path in paths):
            raise ConfigError(f"{loaded.name} has no sample data for {len(names)} organizations: give --data for each")
        heading, rows = _pooled(paths)
        if len(rows) < len(names):
            raise ConfigError(f"{loaded.name} has {len(rows)} rows of sample data, too few for {len(names)}")
        for index, name in enumerate(names):
            dealt[name][which] = _text([heading, *rows[index :: len(names)]])
    return dealt


def write(dealt: Mapping[str, Mapping[str, str]], into: Path) -> dict[str, dict[str, Path]]:
    """Files of dealt rows, in a folder of their own: organization -> input -> file."""
    into.mkdir(mode=0o700)
    files: dict[str, dict[str, Path]] = {}
    for name, texts in dealt.items():
        files[name] = {}
        for which, text in texts.items():
            path = into / (f"{name}.csv" if len(texts) == 1 else f"{name}.{which}.csv")
            path.write_text(text, encoding="utf-8", newline="")
            files[name][which] = path
    return files


def _pooled(paths: Sequence[Path]) -> tuple[list[str], list[list[str]]]:
    """The first file's heading, and all rows with their cells in its order."""
    heading: list[str] = []
    rows: list[list[str]] = []
    for path in paths:
        with path.open(encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file)
            heading = heading or list(reader.fieldnames or [])
            rows += [[row[name] for name in heading] for row in reader]
    return heading, rows


def _text(rows: Sequence[Sequence[str]]) -> str:
    out = StringIO()
    csv.writer(out, lineterminator="\n").writerows(rows)
    return out.getvalue()
