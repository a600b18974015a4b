"""What is compared: numbers of a release against known ones, by kinds that have limits."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal, get_args

import numpy as np

from mpc.untyped import Anything

Rows = Literal["stay", "shared"]
ROWS: Final[tuple[Rows, ...]] = get_args(Rows)
Kind = Literal["estimate", "standard error", "p", "small p", "same"]
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)

#: Largest error by kind, for rows that stay with their owners and for shared rows. Of estimates, standard errors and
#: p-values below `SMALL` relative, of other p-values absolute; of what must be the same, how many entries are not.
LIMITS: Final[dict[Rows, dict[Kind, float]]] = {
    "stay": {"estimate": 1e-6, "standard error": 1e-5, "p": 1e-4, "small p": 1e-2, "same": 0},
    "shared": {"estimate": 1e-4, "standard error": 1e-4, "p": 1e-4, "small p": 1e-2, "same": 0},
}
#: p-values below it must be relatively near.
SMALL: Final = 1e-6
#: p-values below it are as good as 0: float64 has few digits there.
_VANISHING: Final = 1e-290


@dataclass(frozen=True)
class Compared:
    """One comparison.

    error  the largest error among the entries; infinite where an entry is words or missing
    limit  the largest error that the case allows, None for that of the kind
    words  the first entry that is words, "" if all are numbers
    """

    name: str
    kind: Kind
    error: float
    limit: float | None = None
    words: str = ""


#: What a case gives.
Compare = Iterator[Compared]


def part(release: Anything, key: str) -> Anything:
    """An entry of a release, or the words that stand in place of the whole release."""
    return release if isinstance(release, str) else release[key]


def measured(release: Anything, measure: str, key: str) -> Anything:
    """An entry of a release of the kind "measures": `key` ("estimate", "p", …) of the measure of this name."""
    return release if isinstance(release, str) else release[key][release["measures"].index(measure)]


def estimate(
    name: str, found: Anything, known: Anything, *, scale: Anything = 0.0, limit: float | None = None
) -> Compared:
    """A number or several, by relative error.

    scale  where a known number may be about 0: errors are relative to the larger of both, such as the standard error of
           a coefficient, or 1 for a correlation
    """
    return _relative(name, "estimate", found, known, scale, limit)


def standard_error(name: str, found: Anything, known: Anything, *, limit: float | None = None) -> Compared:
    """A standard error or several, by relative error."""
    return _relative(name, "standard error", found, known, 0.0, limit)


def p_value(name: str, found: Anything, known: Anything) -> Compared:
    """A p-value: one of at least 1e-6 by absolute error, a smaller one by relative error."""
    numbers, words = _numbers(found)
    (reference,) = np.asarray(known, np.float64).reshape(-1)
    kind: Kind = "p" if reference >= SMALL else "small p"
    if words or numbers.shape != (1,) or not np.isfinite(numbers[0]):
        return Compared(name, kind, np.inf, words=words)
    error = abs(numbers[0] - reference)
    if reference < SMALL:
        error = 0.0 if max(numbers[0], reference) < _VANISHING else error / max(reference, _VANISHING)
    return Compared(name, kind, float(error))


def p_values(name: str, found: Anything, known: Anything) -> Compare:
    """Several p-values, each by itself."""
    for index, reference in enumerate(np.asarray(known, np.float64).reshape(-1)):
        yield p_value(f"{name} {index}", found if isinstance(found, str) else np.ravel(found)[index], reference)


def same(name: str, found: Anything, known: Anything) -> Compared:
    """What has no error: counts, levels, and which entries are suppressed, words included."""
    ours, theirs = np.ravel(np.asarray(found, object)), np.ravel(np.asarray(known, object))
    differ = max(len(ours), len(theirs))
    if ours.shape == theirs.shape:
        differ = sum(a != b for a, b in zip(ours, theirs, strict=True))
    return Compared(name, "same", float(differ))


def _numbers(found: Anything) -> tuple[np.ndarray[tuple[int], np.dtype[np.float64]], str]:
    """The entries as numbers, and the first that is words."""
    entries = np.ravel(np.asarray(found, object))
    words = next((entry for entry in entries if isinstance(entry, str)), "")
    return np.array([np.nan if entry is None or isinstance(entry, str) else float(entry) for entry in entries]), words


def _relative(
    name: str, kind: Kind, found: Anything, known: Anything, scale: Anything, limit: float | None
) -> Compared:
    numbers, words = _numbers(found)
    reference = np.ravel(np.asarray(known, np.float64))
    if words or numbers.shape != reference.shape or not np.isfinite(numbers).all():
        return Compared(name, kind, np.inf, limit, words)
    difference = np.abs(numbers - reference)
    size = np.maximum(np.abs(reference), np.broadcast_to(np.ravel(scale), reference.shape))
    error = np.where(difference == 0, 0.0, difference / np.where(size == 0, np.finfo(np.float64).tiny, size))
    return Compared(name, kind, float(error.max(initial=0.0)), limit)
