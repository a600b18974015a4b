"""The sample data bundled with scenarios: its files, a copy to imitate, and its rows dealt to other organizations."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from io import StringIO
from pathlib import Path

from mpc.errors import ConfigError
from parties.data.dataschema import schema_toml
from parties.study.loader import Loaded, folder
from parties.study.trust import number


def samples(loaded: Loaded, where: Path | None = None) -> dict[str, dict[str, Path]]:
    """The sample data bundled with a scenario: organization -> input -> file.

    where  another folder; its files are named in the same way, ORGANIZATION.csv or ORGANIZATION.INPUT.parquet
    """
    where = where or folder() / "data" / Path(loaded.scenario.samples or loaded.name).name
    inputs = list(loaded.scenario.inputs)
    files: dict[str, dict[str, Path]] = {}
    for path in sorted(where.glob("*.csv")) + sorted(where.glob("*.parquet")):
        name, _, which = path.stem.partition(".")
        input_ = which or inputs[0]
        if input_ in inputs:
            files.setdefault(name, {})[input_] = path
    return files


def export(loaded: Loaded, into: Path) -> list[Path]:
    """Write the sample files and the schema to imitate."""
    into.mkdir(parents=True, exist_ok=True)
    written = []
    for name, files in samples(loaded).items():
        for which, path in files.items():
            one = len(loaded.scenario.inputs) == 1
            target = into / (f"{name}{path.suffix}" if one else f"{name}.{which}{path.suffix}")
            target.write_bytes(path.read_bytes())
            written.append(target)
    for which, schema in loaded.scenario.schemas().items():
        target = into / f"{which}.toml"
        target.write_text(schema_toml(schema), encoding="utf-8")
        written.append(target)
    return written


def given(loaded: Loaded, data: Sequence[Path], organizations: int | None) -> tuple[int, list[dict[str, Path]]]:
    """How many organizations bring data, and the files of each by input, from `--data FILE` or `--data INPUT=FILE`.

    The first file of an input goes to the first organization, the second to the second. An input that one
    organization holds has one file; it goes to the organization with the holder's place (`Scenario.holders`). Raises
    ConfigError.
    """
    inputs = loaded.scenario.inputs
    files: dict[str, list[Path]] = {which: [] for which in inputs}
    for path in data:
        which, sign, rest = str(path).partition("=")
        if not sign or which not in inputs:
            which, rest = (next(iter(inputs)) if len(inputs) == 1 else ""), str(path)
        if not which:
            raise ConfigError(f"--data {path}: say which input it is, like --data {next(iter(inputs))}={path}")
        if not Path(rest).is_file():
            named = f"; an input is named like {next(iter(inputs))}=FILE" if sign else ""
            raise ConfigError(f"{rest}: no such file{named}")
        files[which].append(Path(rest))
    split = [which for which, entry in inputs.items() if entry.holder is None]
    holders = loaded.scenario.holders
    count = organizations or max([len(files[which]) for which in split] + [len(holders), 1])
    for which, entry in inputs.items():
        wanted = count if entry.holder is None else 1
        if len(files[which]) != wanted:
            flag = "--data" if len(inputs) == 1 else f"--data {which}=FILE"
            times = "once" if wanted == 1 else f"{wanted} times"
            need = f"{number(count)} organizations need a file each"
            need = f"{which}, which the {entry.holder} brings" if entry.holder else need
            raise ConfigError(f"{need}: give {flag} {times}, found {len(files[which])}")
    brought: list[dict[str, Path]] = [{} for _ in range(max(count, len(holders)))]
    for which, entry in inputs.items():
        first = holders.index(entry.holder) if entry.holder else 0
        for place, path in enumerate(files[which], first):
            brought[place][which] = path
    return len(brought), brought


def deal(loaded: Loaded, names: Sequence[str]) -> dict[str, dict[str, str]]:
    """All rows of the sample files, dealt in turn to these organizations: name -> input -> text of a CSV file.

    The same rows every time. Raises ConfigError if there are no rows to deal, or fewer than organizations.
    """
    bundled = samples(loaded)
    dealt: dict[str, dict[str, str]] = {name: {} for name in names}
    for which, entry in loaded.scenario.inputs.items():
        paths = [files[which] for files in bundled.values() if which in files]
        if entry.holder is not None or not paths or any(path.suffix != ".csv" for path in paths):
            raise ConfigError(f"{loaded.name} has no sample data for {len(names)} organizations: give --data for each")
        heading, rows = _pooled(paths)
        if len(rows) < len(names):
            raise ConfigError(f"{loaded.name} has {len(rows)} rows of sample data, too few for {len(names)}")
        for index, name in enumerate(names):
            dealt[name][which] = _text([heading, *rows[index :: len(names)]])
    return dealt


def write(dealt: Mapping[str, Mapping[str, str]], into: Path) -> dict[str, dict[str, Path]]:
    """Write dealt rows to files in the new folder `into`: organization -> input -> file."""
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
