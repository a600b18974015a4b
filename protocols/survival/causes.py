"""Competing causes of an event: from a category with a level for "censored", or from a flag for each cause."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from mpc.errors import ConfigError, ShapeError
from mpc.tables.private import PrivateArray
from mpc.tables.secret_columns import SecretCategory
from mpc.untyped import Anything
from mpc.values.reductions import is_flag
from mpc.values.secret import SecretArray
from protocols.survival.arguments import need_private, need_shared
from protocols.survival.curves import By
from protocols.survival.private import PrivateRows
from protocols.survival.shared import SharedRows

#: Most causes.
MOST_CAUSES = 8


def names_of_causes(what: str, cause: Anything, censored: str | None) -> list[str]:
    """The names of causes. Raises ConfigError for fewer than one or too many, and for an unknown level."""
    if isinstance(cause, Mapping):
        if censored is not None:
            raise ConfigError(f"{what}: censored= names a level of a category; rows without any flag are censored")
        names = [str(name) for name in cause]
    else:
        levels = cause.levels if isinstance(cause, SecretCategory) else ()
        if isinstance(cause, PrivateArray):
            levels = tuple(cause.expression.levels)
        if not levels:
            raise ShapeError(f"{what}: cause is {cause!r}; expected a category, or a dict of a flag for each cause")
        if censored not in levels:
            known = ", ".join(map(repr, levels))
            raise ConfigError(f"{what}: censored={censored!r}; expected the level of rows without an event: {known}")
        names = [level for level in levels if level != censored]
    if not 0 < len(names) <= MOST_CAUSES:
        raise ConfigError(f"{what}: {len(names)} causes; expected 1 to {MOST_CAUSES}")
    return names


def private_causes(
    what: str, time: PrivateArray, cause: Anything, names: list[str], by: By, points: Anything, step: float | None
) -> list[PrivateRows]:
    """Rows that stay, with the events of each cause."""
    given = [cause[name] for name in cause] if isinstance(cause, Mapping) else [cause == name for name in names]
    for flag in given:
        need_private(what, time, flag, by)
    assert by is None or isinstance(by, PrivateArray)
    flags: list[PrivateArray] = []
    for flag in given:
        time = time[~flag.isna()]
        for earlier in flags:
            flag = flag & ~earlier
        flags.append(flag)
    return [PrivateRows.of(time, flag, by, points, step) for flag in flags]


def shared_causes(
    what: str, time: SecretArray, cause: Anything, names: list[str], by: By, step: float | None
) -> tuple[SharedRows, list[SharedRows]]:
    """Shared rows with the events of all causes, and the same rows with the events of each cause."""
    if step is not None:
        raise ShapeError(f"{what}: step= is for private columns; times of shared rows are exact")
    given = [cause[name] for name in cause] if isinstance(cause, Mapping) else [cause == name for name in names]
    for flag in given:
        if not isinstance(flag, SecretArray) or not is_flag(flag):
            raise ShapeError(f"{what}: a cause is {flag!r}; expected a flag of the same rows")
        need_shared(what, time, flag, by)
    assert not isinstance(by, PrivateArray)
    flags, taken = [], given[0].as_flag()
    flags.append(taken)
    for flag in given[1:]:
        flags.append(flag.as_flag() & ~taken)
        taken = taken | flag.as_flag()
    rows = SharedRows.of(time, taken, by)
    causes = []
    for flag in flags:
        happened = flag.bare() & rows.valid
        each = [happened] if by is None else [group & happened for group in rows.groups]
        causes.append(replace(rows, event=happened, events=each))
    return rows, causes
