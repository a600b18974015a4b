"""The disclosure manifest's line for a release: what comes out, to whom, and what guards each part of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from mpc.untyped import JsonObject
from mpc.values.cohorts import Cohort

if TYPE_CHECKING:
    from mpc.releases.disclosure import Result
    from mpc.values.secret import SecretArray


@dataclass(frozen=True)
class Protection:
    """What guards a part of a release.

    guard   "rows": enough rows behind it; "table": a table's rule; "public": nothing private is in it; "none"
    counts  the rows that must be enough, in words
    gap     without a guard: what a recipient may see, in words
    origin  what the part was computed from, in words
    """

    guard: Literal["rows", "table", "public", "none"]
    counts: tuple[str, ...] = ()
    gap: str = ""
    origin: tuple[str, ...] = ()

    def describe(self) -> JsonObject:
        """As JSON."""
        return {"guard": self.guard, "counts": list(self.counts), "gap": self.gap, "of": list(self.origin)}


def protections(result: Result, minimum: int) -> dict[str, Protection]:
    """What guards each part of a result."""
    if result.guard is not None:
        guards = {}
        for name, part in result.parts.items():
            cohorts = result.guard.cohorts.get(name, ())
            known = {root for cohort in cohorts for root in cohort.roots}
            its_own = all(root in known for cohort in part.basis.cohorts for root in cohort.roots)
            gap = "" if cohorts and its_own and not (part.basis.places or part.basis.loose) else "a single row can show"
            texts = (result.guard.rule, *_texts(cohorts, minimum))
            guards[name] = Protection("none" if gap else "table", texts, gap, part.basis.origin)
        return guards
    return {name: _protection(part, minimum) for name, part in result.parts.items()}


def _protection(part: SecretArray, minimum: int) -> Protection:
    basis = part.basis
    if basis.public:
        return Protection("public", origin=basis.origin)
    gap = ""
    few = min((c.most * c.share for c in basis.cohorts if not c.or_none), default=minimum)
    if basis.places and part.size:
        tables = dict.fromkeys(place.base.table for place in basis.places)
        gap = f"a single row of {' and '.join(tables)} can show"
    elif basis.loose and part.size:
        gap = "a single row can show: nothing is known of the rows behind it"
    elif few < minimum:
        gap = f"it never stands on {minimum} rows or more"
    elif not basis.cohorts and part.size:
        gap = "nothing is known of the rows behind it"
    return Protection("none" if gap else "rows", _texts(basis.cohorts, minimum), gap, basis.origin)


def _texts(cohorts: Sequence[Cohort], minimum: int) -> tuple[str, ...]:
    """Counts of rows in words, each once."""
    texts: dict[str, None] = {}
    for cohort in cohorts:
        side = "" if cohort.share == 1 else " on each side"
        none = ", or none" if cohort.or_none and not cohort.what.endswith("or none") else ""
        texts[f"{minimum} or more {cohort.what}{side}{none}"] = None
    return tuple(texts)


@dataclass(frozen=True)
class Entry:
    """A line of the disclosure manifest: what comes out, to whom, how protected.

    minimum      cohort size below which it is suppressed; 0: no minimum holds
    others       the minimum holds without each owner's own rows, too
    dominance    the largest percent of the p% rule among its parts; 0: no rule holds
    together     one small cohort suppresses all parts
    apart        earlier releases: the rows in which it differs from them are none, or enough
    unprotected  the author's reason for releasing what nothing guards
    source       the script's file and line
    """

    name: str
    kind: str
    parts: Mapping[str, tuple[int, ...]]
    recipients: tuple[str, ...]
    minimum: int
    protection: Mapping[str, Protection]
    others: bool = True
    dominance: int = 0
    together: bool = False
    apart: tuple[str, ...] = ()
    unprotected: str = ""
    source: str = ""
    awaited: bool = False

    def describe(self) -> JsonObject:
        """As JSON, for the agreed document."""
        return {
            "name": self.name,
            "kind": self.kind,
            "parts": {part: list(shape) for part, shape in self.parts.items()},
            "recipients": list(self.recipients),
            "minimum": self.minimum,
            "protection": {part: protection.describe() for part, protection in self.protection.items()},
            "others": self.others,
            "dominance": self.dominance,
            "together": self.together,
            "apart": list(self.apart),
            "unprotected": self.unprotected,
            "source": self.source,
            "awaited": self.awaited,
        }

    @property
    def guarded(self) -> bool:
        """Whether a minimum holds and every part has a guard, or all parts are public."""
        guards = {protection.guard for protection in self.protection.values()} - {"public"}
        return not guards or (self.minimum > 1 and "none" not in guards)
