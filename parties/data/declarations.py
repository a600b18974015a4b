"""One table [columns.NAME] of a schema file: the column, how its source writes entries, and back as text."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from mpc.errors import ConfigError
from mpc.tables.date_entries import date_pattern
from mpc.tables.dates import EARLIEST, LATEST, DateColumn, iso, limits_of
from mpc.tables.genotypes import Genotypes, GenotypesColumn
from mpc.tables.keys import Key, KeyColumn
from mpc.tables.readers import Spelling
from mpc.tables.schema import LARGEST_INTEGER, CategoryColumn, Column, FlagColumn, IntegerColumn, RealColumn
from mpc.tables.texts import TextColumn
from parties.data.toml import key, quoted

_KINDS: dict[type[Column], str] = {
    RealColumn: "real",
    IntegerColumn: "integer",
    FlagColumn: "flag",
    CategoryColumn: "category",
    DateColumn: "date",
    KeyColumn: "key",
    TextColumn: "text",
    GenotypesColumn: "genotypes",
}
#: How a key is normalised, and whether it is unique.
RULES = ("strip", "case", "leading_zeros", "digits_only", "form", "unique")
_KEYS = {
    "real": {"type", "low", "high", "unit", "missing", "from", "decimal", "thousands"},
    "integer": {"type", "low", "high", "unit", "missing", "from", "decimal", "thousands"},
    "flag": {"type", "missing", "from", "true", "false"},
    "category": {"type", "levels", "missing", "from", "recode"},
    "date": {"type", "low", "high", "missing", "from", "date_format"},
    "key": {"type", "missing", "from", *RULES},
    "text": {"type", "missing", "from"},
    "genotypes": {"type", "count", "missing", "from"},
}
_DECIMALS = (".", ",")
_THOUSANDS = ("", ".", ",", "'", " ")


def kind(column: Column) -> str:
    """ "real", "integer", "flag", "category", "date", "key", "text" or "genotypes"."""
    return _KINDS[type(column)]


def spelling_of(entry: Mapping[str, Any], usual: Spelling, where: str) -> Spelling:
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
        date_pattern(text_of(date_format, f"{where}: date_format"))
    except ConfigError as error:
        raise ConfigError(f"{where}: {str(error).removeprefix(f'{where}: ')}") from None
    recode = entry.get("recode", {})
    if not isinstance(recode, dict) or not all(isinstance(level, str) for level in recode.values()):
        raise ConfigError(f'{where}: recode must give a level for each entry of the source, like  {{ M = "m" }}')
    levels = {str(text).strip(): level for text, level in recode.items()}
    return Spelling(decimal, thousands, true, false, levels, date_format)


def column_of(name: str, entry: dict[str, Any], where: str) -> Column:
    """The column that a table declares. Raises ConfigError naming `where` and the key."""
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
    if type_ == "text":
        return TextColumn(name, missing)
    if type_ == "genotypes":
        try:
            genotypes: GenotypesColumn = Genotypes(count=entry.get("count", 0))
            return replace(genotypes, name=name, missing=missing)
        except ConfigError as error:
            raise ConfigError(f"{where}: {error}") from None
    if type_ == "integer":
        return _integer(name, entry, missing, where)
    if type_ == "date":
        low, high = entry.get("low", iso(EARLIEST)), entry.get("high", iso(LATEST))
        return DateColumn(name, missing, *limits_of(low, high, f"{where} low and high"))
    if type_ == "key":
        try:
            key_column: KeyColumn = Key(**{rule: entry[rule] for rule in RULES if rule in entry})
            return replace(key_column, name=name, missing=missing)
        except ConfigError as error:
            raise ConfigError(f"{where}: {str(error).removeprefix('Key: ')}") from None
    low, high = _number(entry, "low", -math.inf, where), _number(entry, "high", math.inf, where)
    if not low < high:
        raise ConfigError(f"{where}: low ({low:g}) must be below high ({high:g})")
    return RealColumn(name, missing, low, high, text_of(entry.get("unit", ""), f"{where} unit"))


def _integer(name: str, entry: dict[str, Any], missing: tuple[str, ...], where: str) -> IntegerColumn:
    low, high = entry.get("low", -LARGEST_INTEGER), entry.get("high", LARGEST_INTEGER)
    for limit in (low, high):
        if isinstance(limit, bool) or not isinstance(limit, int) or abs(limit) > LARGEST_INTEGER:
            raise ConfigError(f"{where}: low and high must be whole numbers between -2^61 and 2^61, found {limit!r}")
    if not low < high:
        raise ConfigError(f"{where}: low ({low}) must be below high ({high})")
    return IntegerColumn(name, missing, low, high, text_of(entry.get("unit", ""), f"{where} unit"))


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


def text_of(value: object, where: str) -> str:
    """A text of a schema file; ConfigError names `where`."""
    if not isinstance(value, str):
        raise ConfigError(f"{where} must be text, found {value!r}")
    return value


def column_toml(column: Column) -> list[str]:
    """The lines of the table of a column, from its heading on."""
    lines = [f"[columns.{key(column.name)}]", f"type = {quoted(kind(column))}"]
    if isinstance(column, RealColumn | IntegerColumn):
        lines += [f"low = {column.minimum!r}", f"high = {column.maximum!r}"]
        lines += [f"unit = {quoted(column.unit)}"] if column.unit else []
    if isinstance(column, DateColumn):
        lines += [f"low = {quoted(iso(column.minimum))}", f"high = {quoted(iso(column.maximum))}"]
    if isinstance(column, KeyColumn):
        usual, rules = KeyColumn(), {rule: getattr(column, rule) for rule in RULES}
        lines += [f"{rule} = {toml_value(value)}" for rule, value in rules.items() if value != getattr(usual, rule)]
    if isinstance(column, GenotypesColumn):
        lines.append(f"count = {column.count}")
    if isinstance(column, CategoryColumn):
        lines.append(f"levels = [{', '.join(quoted(level) for level in column.levels)}]")
    if column.missing:
        lines.append(f"missing = [{', '.join(quoted(code) for code in column.missing)}]")
    return lines


def toml_value(value: object) -> str:
    """A value of a rule of keys."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return "nothing" if value is None else quoted(str(value))
