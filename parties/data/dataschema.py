"""The schema file of a dataset: the types and values of its columns, as its owner declares them.

    on_invalid = "stop"                # or "drop": leave out the rows that do not fit, and count them
    encoding = "cp1252"                # of CSV files that are not UTF-8
    decimal = ","                      # how numbers are written in text, here or for one column: 1.234,5
    thousands = "."

    [columns.radius]
    type = "real"                      # real, integer, flag, category, date or key
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
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from mpc.errors import ConfigError, DataError
from mpc.tables.date_entries import date_pattern
from mpc.tables.dates import EARLIEST, LATEST, DateColumn, iso, limits_of
from mpc.tables.entries import expected
from mpc.tables.keys import Key, KeyColumn
from mpc.tables.readers import PLAIN, Spelling
from mpc.tables.schema import LARGEST_INTEGER, CategoryColumn, Column, FlagColumn, IntegerColumn, RealColumn, Schema
from parties.data.misplaced import check_kind
from parties.data.toml import read_toml

OnInvalid = Literal["stop", "drop"]

_KINDS: dict[type[Column], str] = {
    RealColumn: "real",
    IntegerColumn: "integer",
    FlagColumn: "flag",
    CategoryColumn: "category",
    DateColumn: "date",
    KeyColumn: "key",
}
#: How a key is normalised, and whether it is unique.
_RULES = ("strip", "case", "leading_zeros", "digits_only", "form", "unique")
_KEYS = {
    "real": {"type", "low", "high", "unit", "missing", "from", "decimal", "thousands"},
    "integer": {"type", "low", "high", "unit", "missing", "from", "decimal", "thousands"},
    "flag": {"type", "missing", "from", "true", "false"},
    "category": {"type", "levels", "missing", "from", "recode"},
    "date": {"type", "low", "high", "missing", "from", "date_format"},
    "key": {"type", "missing", "from", *_RULES},
}
_TOP = ("on_invalid", "encoding", "decimal", "thousands", "date_format")
_DECIMALS = (".", ",")
_THOUSANDS = ("", ".", ",", "'", " ")


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


def kind(column: Column) -> str:
    """ "real", "integer", "flag", "category", "date" or "key"."""
    return _KINDS[type(column)]


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
    encoding, usual = _encoding(document, path), _spelling(document, PLAIN, str(path))
    columns, sources, spellings = {}, {}, {}
    for name, entry in tables.items():
        where = f"{path}: [columns.{name}]"
        if not isinstance(entry, dict):
            raise ConfigError(f"{where} must be a table with at least the key type")
        columns[name] = _column(name, entry, where)
        if "from" in entry:
            sources[name] = _text(entry["from"], f"{where} from")
        spellings[name] = _spelling(entry, usual, where)
    return DatasetSchema(columns, sources, on_invalid, encoding, usual, spellings)


def _encoding(document: Mapping[str, Any], path: Path) -> str:
    encoding = _text(document.get("encoding", "utf-8"), f"{path}: encoding")
    try:
        "".encode(codecs.lookup(encoding).name)  # fails, too, for codecs from bytes to bytes
    except LookupError:
        raise ConfigError(
            f'{path}: no encoding {encoding!r}; write it like  encoding = "cp1252"  or "latin-1", "utf-16"'
        ) from None
    return encoding


def _spelling(entry: Mapping[str, Any], usual: Spelling, where: str) -> Spelling:
    """How the entries of a column are written: `usual`, with the changes in `entry`."""
    decimal, thousands = entry.get("decimal", usual.decimal), entry.get("thousands", usual.thousands)
    if decimal not in _DECIMALS:
        raise ConfigError(f'{where}: decimal must be "." or ",", found {decimal!r}')
    if thousands not in _THOUSANDS or thousands == decimal:
        others = ", ".join(f'"{mark}"' for mark in _THOUSANDS if mark != decimal)
        raise ConfigError(f"{where}: thousands must be one of {others}, found {thousands!r}")
    true, false = (_codes(entry.get(key, []), where, key) for key in ("true", "false"))
    if both := {word.lower() for word in true} & {word.lower() for word in false}:
        raise ConfigError(f"{where}: {sorted(both)[0]!r} is both true and false")
    date_format = entry.get("date_format", usual.date_format)
    try:
        date_pattern(_text(date_format, f"{where}: date_format"))
    except ConfigError as error:
        raise ConfigError(f"{where}: {str(error).removeprefix(f'{where}: ')}") from None
    recode = entry.get("recode", {})
    if not isinstance(recode, dict) or not all(isinstance(level, str) for level in recode.values()):
        raise ConfigError(f'{where}: recode must give a level for each entry of the source, like  {{ M = "m" }}')
    levels = {str(text).strip(): level for text, level in recode.items()}
    return Spelling(decimal, thousands, true, false, levels, date_format)


def _column(name: str, entry: dict[str, Any], where: str) -> Column:
    type_ = entry.get("type")
    if type_ not in _KEYS:
        raise ConfigError(f"{where} type must be one of {', '.join(map(quoted, _KEYS))}, found {type_!r}")
    unknown = set(entry) - _KEYS[type_]
    if unknown:
        expected = ", ".join(sorted(_KEYS[type_]))
        raise ConfigError(f"{where}: unknown key {sorted(unknown)[0]!r}; columns of type {type_} have {expected}")
    missing = _codes(entry.get("missing", []), where)
    if type_ == "flag":
        return FlagColumn(name, missing)
    if type_ == "category":
        levels = entry.get("levels")
        if not isinstance(levels, list) or len({str(level) for level in levels}) < max(2, len(levels)):
            raise ConfigError(f"{where} levels must list at least two different names")
        return CategoryColumn(name, missing, tuple(str(level) for level in levels))
    if type_ == "integer":
        return _integer(name, entry, missing, where)
    if type_ == "date":
        low, high = entry.get("low", iso(EARLIEST)), entry.get("high", iso(LATEST))
        return DateColumn(name, missing, *limits_of(low, high, f"{where} low and high"))
    if type_ == "key":
        try:
            key_column: KeyColumn = Key(**{rule: entry[rule] for rule in _RULES if rule in entry})
            return replace(key_column, name=name, missing=missing)
        except ConfigError as error:
            raise ConfigError(f"{where}: {str(error).removeprefix('Key: ')}") from None
    low, high = _number(entry, "low", -math.inf, where), _number(entry, "high", math.inf, where)
    if not low < high:
        raise ConfigError(f"{where}: low ({low:g}) must be below high ({high:g})")
    return RealColumn(name, missing, low, high, _text(entry.get("unit", ""), f"{where} unit"))


def _integer(name: str, entry: dict[str, Any], missing: tuple[str, ...], where: str) -> IntegerColumn:
    low, high = entry.get("low", -LARGEST_INTEGER), entry.get("high", LARGEST_INTEGER)
    for limit in (low, high):
        if isinstance(limit, bool) or not isinstance(limit, int) or abs(limit) > LARGEST_INTEGER:
            raise ConfigError(f"{where}: low and high must be whole numbers between -2^61 and 2^61, found {limit!r}")
    if not low < high:
        raise ConfigError(f"{where}: low ({low}) must be below high ({high})")
    return IntegerColumn(name, missing, low, high, _text(entry.get("unit", ""), f"{where} unit"))


def _codes(value: object, where: str, what: str = "missing") -> tuple[str, ...]:
    values = value if isinstance(value, list) else [value]
    if not all(isinstance(code, str | int | float) for code in values):
        raise ConfigError(f"{where} {what} must be a list of codes")
    return tuple(str(code) for code in values)


def _number(entry: dict[str, Any], key: str, default: float, where: str) -> float:
    value = entry.get(key, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or math.isnan(value):
        raise ConfigError(f"{where} {key} must be a number, found {value!r}")
    return float(value)


def _text(value: object, where: str) -> str:
    if not isinstance(value, str):
        raise ConfigError(f"{where} must be text, found {value!r}")
    return value


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
    for rule in _RULES:
        mine, theirs = getattr(ours, rule), getattr(agreed, rule)
        if mine not in (theirs, getattr(usual, rule)):
            raise DataError(
                f"{dataset}, column {agreed.name}: the dataset's schema declares {rule} = {_toml(mine)}, the agreed "
                f"one {_toml(theirs)}\nKeys match only if all organizations normalise them alike: take it out of the "
                "dataset's schema, or agree on it."
            )


def _toml(value: object) -> str:
    """A value of a rule of keys."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return "nothing" if value is None else quoted(str(value))


def schema_toml(schema: Schema, *, on_invalid: OnInvalid = "stop") -> str:
    """A schema as a schema file; `comity demo --export` writes it as an example."""
    lines = [
        "# The columns of a dataset. Values outside of low..high stop a run, or, with",
        '# on_invalid = "drop", their rows are left out and counted.',
        f"on_invalid = {quoted(on_invalid)}",
    ]
    for column in schema.columns:
        lines += ["", f"[columns.{key(column.name)}]", f"type = {quoted(kind(column))}"]
        if isinstance(column, RealColumn | IntegerColumn):
            lines += [f"low = {column.minimum!r}", f"high = {column.maximum!r}"]
            lines += [f"unit = {quoted(column.unit)}"] if column.unit else []
        if isinstance(column, DateColumn):
            lines += [f"low = {quoted(iso(column.minimum))}", f"high = {quoted(iso(column.maximum))}"]
        if isinstance(column, KeyColumn):
            usual, rules = KeyColumn(), {rule: getattr(column, rule) for rule in _RULES}
            lines += [f"{rule} = {_toml(value)}" for rule, value in rules.items() if value != getattr(usual, rule)]
        if isinstance(column, CategoryColumn):
            lines.append(f"levels = [{', '.join(quoted(level) for level in column.levels)}]")
        if column.missing:
            lines.append(f"missing = [{', '.join(quoted(code) for code in column.missing)}]")
    return "\n".join(lines) + "\n"


def quoted(text: str) -> str:
    """A TOML basic string: its escapes are those of JSON."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def key(name: str) -> str:
    """A TOML key, quoted if it must be."""
    bare = name.isascii() and name.replace("_", "").replace("-", "").isalnum()
    return name if bare else quoted(name)
