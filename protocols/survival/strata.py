"""Strata of the rows: parts that are compared within themselves, and whose comparisons are added up."""

from __future__ import annotations

from collections.abc import Sequence

from mpc.errors import ShapeError
from mpc.tables.private import PrivateArray
from mpc.tables.secret_columns import SecretCategory
from mpc.untyped import Anything
from mpc.values.people import need_same_people
from mpc.values.reductions import is_flag
from mpc.values.secret import SecretArray
from protocols.survival.arguments import names_of

Parts = dict[str, SecretArray]


def private_strata(what: str, strata: Anything, time: PrivateArray) -> list[PrivateArray]:
    """Times of the rows of all strata, then those of each stratum. Raises ShapeError unless strata are a category or a
    flag of the same table, and ConfigError for too many."""
    if not isinstance(strata, PrivateArray) or strata.expression.type not in ("category", "flag"):
        raise ShapeError(f"{what}: strata are {strata!r}; expected a category or a flag of the same table")
    if strata.source is not time.source:
        raise ShapeError(f"{what}: {time.name} and {strata.name} are columns of different tables")
    each = [strata == name for name in names_of(strata)] if strata.expression.levels else [~strata, strata]
    return [time[one] for one in (~strata.isna(), *each)]


def shared_strata(what: str, strata: Anything, like: SecretArray) -> list[SecretArray]:
    """A flag of the rows of each stratum, missing where the stratum is. Raises ShapeError unless strata are a category
    or a flag of the same rows, and ConfigError for too many."""
    code = strata.codes if isinstance(strata, SecretCategory) else strata
    if not isinstance(code, SecretArray) or not (isinstance(strata, SecretCategory) or is_flag(code)):
        raise ShapeError(f"{what}: strata are {strata!r}; expected a category or a flag of the same rows")
    if code.shape != like.shape:
        raise ShapeError(f"{what}: columns of {len(like)} and {len(code)} places; take all from one table")
    need_same_people(like.basis.places, code.basis.places)
    if isinstance(strata, SecretCategory):
        return [strata == name for name in names_of(strata)]
    return [~code.as_flag(), code.as_flag()]


def added(parts: Sequence[Parts]) -> Parts:
    """The sums of the parts of all strata. Each part is a sum over rows, and every row is in one stratum at most: the
    bound of the sum over all rows holds for the sum of all strata, too."""
    total = dict(parts[0])
    for others in parts[1:]:
        for name, part in others.items():
            total[name] = (total[name] + part).bounded(max(total[name].bound, part.bound))
    return total
