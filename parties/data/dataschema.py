"""The schema file of a dataset: the types and values of its columns, as its owner declares them.

    on_invalid = "stop"                # or "drop": leave out the rows that do not fit, and count them
    encoding = "cp1252"                # of CSV files that are not UTF-8
    decimal = ","                      # how numbers are written in text, here or for one column: 1.234,5
    thousands = "."

    [columns.radius]
    type = "real"                      # real, integer, flag, category, date, key or text
    low = 0
    high = 50
    unit = "mm"
    missing = ["NA", "-999"]           # codes that stand for "not known"
    from = "RADIUS_MM"                 # the name of the column in the source, if it is another

    [columns.smoker]
    type = "flag"
    true = ["Ja"]                      # beside true, t, yes, y, 1
    false = ["Nein"]                   # beside false, f, no, n, 0

    [columns.sex]
    type = "category"
    levels = ["m", "f"]
    recode = { M = "m", "2" = "f" }    # entries of the source, and the level that each stands for

    [columns.born]
    type = "date"
    low = "1900-01-01"
    high = "2026-12-31"
    date_format = "%d.%m.%Y"           # here or for all columns; otherwise dates are like 1999-12-31

    [columns.person]
    type = "key"                       # an identifier
    strip = true                       # drop blanks around it
    case = "lower"                     # keep, lower or upper
    leading_zeros = "drop"             # or keep; otherwise they are refused
    digits_only = true                 # drop every other character
    form = "NFC"                       # of Unicode, or NFKC
    unique = true                      # each key occurs once

The scenario's schema is the agreed schema, and decides which values are in range. This file adds what only the owner
knows: missing codes and names. It also declares types, units and how keys are normalised, which must be the same in
both schemas.
"""

from __future__ import annotations

import codecs
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from mpc.errors import ConfigError, DataError
from mpc.tables.entries import expected
from mpc.tables.keys import KeyColumn
from mpc.tables.readers import PLAIN, Spelling
from mpc.tables.schema import CategoryColumn, Column, IntegerColumn, RealColumn, Schema
from parties.data.declarations import RULES, column_of, column_toml, kind, spelling_of, text_of, toml_value
from parties.data.misplaced import check_kind
from parties.data.toml import quoted, read_toml

OnInvalid = Literal["stop", "drop"]

_TOP = ("on_invalid", "encoding", "decimal", "thousands", "date_format")


@dataclass(frozen=True)
class DatasetSchema:
    """The content of a schema file.

    columns     name -> the column's type, range or levels, unit and missing codes
    sources     name -> the column's name in the source, if it is another
    on_invalid  what to do with rows whose values do not fit: stop the run, or drop and count them
    encoding    of CSV files
    usual       how the source writes its entries
    spellings   name -> how the source writes the entries of this column
    """

    columns: Mapping[str, Column] = field(default_factory=dict)
    sources: Mapping[str, str] = field(default_factory=dict)
    on_invalid: OnInvalid = "stop"
    encoding: str = "utf-8"
    usual: Spelling = PLAIN
    spellings: Mapping[str, Spelling] = field(default_factory=dict)

    @property
    def schema(self) -> Schema:
        return Schema("dataset", tuple(self.columns.values()))

    def source(self, name: str) -> str:
        return self.sources.get(name, name)

    def spelling(self, name: str) -> Spelling:
        return self.spellings.get(name, self.usual)


def _an(column: Column) -> str:
    return f"{'an' if isinstance(column, IntegerColumn) else 'a'} {kind(column)}"


def read_schema(path: Path) -> DatasetSchema:
    """Read a schema file. ConfigError names the file and the key."""
    check_kind(path, "schema")
    document = read_toml(path)
    unknown = set(document) - {*_TOP, "columns"}
    if unknown:
        raise ConfigError(f"{path}: unknown key {sorted(unknown)[0]!r}; expected {', '.join(_TOP)} and [columns.NAME]")
    on_invalid = document.get("on_invalid", "stop")
    if on_invalid not in ("stop", "drop"):
        raise ConfigError(f'{path}: on_invalid must be "stop" or "drop", found {on_invalid!r}')
    tables = document.get("columns")
    if not isinstance(tables, dict) or not tables:
        raise ConfigError(f"{path}: declares no column; write a table [columns.NAME] for each column")
    encoding, usual = _encoding(document, path), spelling_of(document, PLAIN, str(path))
    columns, sources, spellings = {}, {}, {}
    for name, entry in tables.items():
        where = f"{path}: [columns.{name}]"
        if not isinstance(entry, dict):
            raise ConfigError(f"{where} must be a table with at least the key type")
        columns[name] = column_of(name, entry, where)
        if "from" in entry:
            sources[name] = text_of(entry["from"], f"{where} from")
        spellings[name] = spelling_of(entry, usual, where)
    return DatasetSchema(columns, sources, on_invalid, encoding, usual, spellings)


def _encoding(document: Mapping[str, Any], path: Path) -> str:
    encoding = text_of(document.get("encoding", "utf-8"), f"{path}: encoding")
    try:
        "".encode(codecs.lookup(encoding).name)  # fails, too, for codecs from bytes to bytes
    except LookupError:
        raise ConfigError(
            f'{path}: no encoding {encoding!r}; write it like  encoding = "cp1252"  or "latin-1", "utf-16"'
        ) from None
    return encoding


def agreed_columns(agreed: Schema, declared: DatasetSchema, dataset: str) -> tuple[Column, ...]:
    """The columns of the agreed schema, with the missing codes that the owner declares.

    Raises DataError if the two differ in a type or a unit: only the owner can decide how to convert.
    """
    columns = []
    for column in agreed.columns:
        ours = declared.columns.get(column.name)
        if ours is None:
            columns.append(column)
            continue
        if type(ours) is not type(column):
            raise DataError(
                f"{dataset}, column {column.name}: expected {_an(column)}, but the dataset's schema declares "
                f"{_an(ours)}"
            )
        if isinstance(column, CategoryColumn):
            allowed = {*column.levels, *column.missing, *ours.missing, ""}
            for level in declared.spelling(column.name).recode.values():
                if level not in allowed:
                    raise DataError(
                        f"{dataset}, column {column.name}: recode names {level!r}, which is not a level; "
                        f"expected {expected(column)}"
                    )
        numbers = RealColumn | IntegerColumn
        if isinstance(column, numbers) and isinstance(ours, numbers) and ours.unit not in ("", column.unit):
            raise DataError(
                f"{dataset}, column {column.name}: expected {column.unit or 'a number without unit'}, but the "
                f"dataset's schema declares {ours.unit}\nConvert the column, or correct the unit."
            )
        if isinstance(column, KeyColumn) and isinstance(ours, KeyColumn):
            _same_rule(column, ours, dataset)
        codes = tuple(dict.fromkeys(column.missing + ours.missing))
        columns.append(replace(column, missing=codes))
    return tuple(columns)


def _same_rule(agreed: KeyColumn, ours: KeyColumn, dataset: str) -> None:
    """DataError if the dataset's schema declares that its keys are normalised in another way than the agreed one."""
    usual = KeyColumn()
    for rule in RULES:
        mine, theirs = getattr(ours, rule), getattr(agreed, rule)
        if mine not in (theirs, getattr(usual, rule)):
            raise DataError(
                f"{dataset}, column {agreed.name}: the dataset's schema declares {rule} = {toml_value(mine)}, the "
                f"agreed one {toml_value(theirs)}\nKeys match only if all organizations normalise them alike: take it "
                "out of the dataset's schema, or agree on it."
            )


def schema_toml(schema: Schema, *, on_invalid: OnInvalid = "stop") -> str:
    """A schema as a schema file; `comity demo --export` writes it as an example."""
    lines = [
        "# The columns of a dataset. Values outside of low..high stop a run, or, with",
        '# on_invalid = "drop", their rows are left out and counted.',
        f"on_invalid = {quoted(on_invalid)}",
    ]
    for column in schema.columns:
        lines += ["", *column_toml(column)]
    return "\n".join(lines) + "\n"
