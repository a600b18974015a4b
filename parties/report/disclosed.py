"""What the agreed list of releases says of each one, in words: what it comes from, and what guards it.

Everything here is read from the lines of the agreed document (`mpc.releases.manifest.Entry.describe`): what is shown is
what was agreed, enforced and opened. What nothing guards comes first and is never left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from textwrap import wrap
from typing import Any, Final

from parties.study.trust import listed

Line = Mapping[str, Any]
Events = Callable[[str, Mapping[str, Any]], None]

#: What it means that nothing guards a release.
NO_MINIMUM: Final = "no minimum: a single row can show"
#: Of a script that makes no release.
NOTHING: Final = "The script releases nothing: nobody learns anything. study.release(name, value) gives a result"
#: Minimums below which the rows behind a number can be worked out by those who know some of them.
_LOW: Final = 3
#: Releases of one line of the script that a short list shows.
_SHOWN: Final = 3
_NAME_WIDTH: Final = 26
_TEXT_WIDTH: Final = 76
#: Reductions of one release that are listed.
_ORIGINS: Final = 4


@dataclass(frozen=True)
class Disclosure:
    """One release, as it is shown.

    origins    what it is computed from: reductions, columns, conditions
    guards     what must be enough, for each part or for all of them
    protected  a minimum holds for all of it, or nothing private is in it
    reason     the author's, for releasing what nothing guards
    gap        what one can see where nothing guards it
    apart      earlier releases from whose rows its own differ in none or enough
    derived    computed from public and opened values: nothing is opened for it
    public     nothing private is in it
    """

    name: str
    kind: str
    recipients: tuple[str, ...]
    source: str
    origins: tuple[str, ...]
    guards: tuple[str, ...]
    minimum: int
    others: bool
    protected: bool
    reason: str
    gap: str
    apart: tuple[str, ...]
    derived: bool
    public: bool

    @property
    def free(self) -> bool:
        """Nothing private is in it, or nothing that is not opened anyway."""
        return self.derived or self.public

    @property
    def computed(self) -> str:
        """What it is computed from, in a line."""
        more = [f"{len(self.origins) - _ORIGINS} more"] if len(self.origins) > _ORIGINS else []
        return "derived" if self.derived else "; ".join([*self.origins[:_ORIGINS], *more])

    @property
    def heading(self) -> str:
        """Why it is not protected: the author's reason, or the minimum."""
        if self.reason:
            return f'the author\'s reason: "{self.reason}"'
        return f"the minimum is {self.minimum}" if self.minimum <= 1 else "no count of rows is known to stand behind it"

    @property
    def protection(self) -> str:
        """What protects it, in a line; nothing else."""
        if self.derived:
            return "derived from public and opened values"
        if self.public:
            return "nothing private is in it"
        if not self.protected:
            return f"NOT PROTECTED ({self.heading}): {NO_MINIMUM}"
        beside = "; " + self.beside if self.apart else ""
        return f"suppressed unless {'; '.join(self.guards)}{_without_own(self.others)}{beside}"

    @property
    def beside(self) -> str:
        """What it is held apart from."""
        more = [f"{len(self.apart) - _ORIGINS} more"] if len(self.apart) > _ORIGINS else []
        return f"differs from {listed([*self.apart[:_ORIGINS], *more])} in none or as many rows"

    @property
    def special(self) -> str:
        """What guards it beyond its minimum of rows; empty where nothing does."""
        plain = len(self.guards) == 1 and self.guards[0].startswith(f"{self.minimum} or more rows of ")
        if plain and not self.guards[0].endswith((" on each side", ", or none", "%)")):
            return ""
        return "; ".join(self.guards)


def read(line: Line) -> Disclosure:
    """A line of the agreed document."""
    parts: Mapping[str, Line] = line["protection"]
    minimum, reason = int(line["minimum"]), str(line["unprotected"])
    public = bool(line["parts"]) and all(part["guard"] == "public" for part in parts.values())
    open_parts = [part for part in parts.values() if part["guard"] == "none"]
    derived = not line["parts"]
    return Disclosure(
        name=str(line["name"]),
        kind=str(line["kind"]),
        recipients=tuple(line["recipients"]),
        source=str(line["source"]),
        origins=tuple(dict.fromkeys(text for part in parts.values() for text in part["of"])),
        guards=tuple(_guards(parts, together=bool(line["together"]))),
        minimum=minimum,
        others=bool(line["others"]),
        protected=derived or public or not (reason or open_parts or minimum <= 1),
        reason=reason,
        gap=next((str(part["gap"]) for part in open_parts if part["gap"]), ""),
        apart=tuple(line["apart"]),
        derived=derived,
        public=public,
    )


def _guards(parts: Mapping[str, Line], *, together: bool) -> Iterator[str]:
    """What must be enough; with the names of parts where they differ in it and one alone may be suppressed."""
    alike: dict[tuple[str, ...], list[str]] = {}
    for name, part in parts.items():
        if part["guard"] != "public":
            alike.setdefault(tuple(part["counts"]), []).append(name)
    if together or len(alike) <= 1:
        yield from dict.fromkeys(text for counts in alike for text in counts)
        return
    for counts, names in alike.items():
        yield f"{' and '.join(counts)} ({', '.join(names)})"


def _without_own(others: bool) -> str:
    return ", also without the rows of any one organization" if others else ""


# ---- all releases of a study
def who_learns_what(manifest: Iterable[Line], everything: bool = False) -> list[str]:
    """Who learns which releases, and what guards them. Without `everything`, a few of those that one line of the script
    makes, with how many are left out; never one that nothing guards."""
    groups: dict[tuple[str, ...], list[Disclosure]] = {}
    for line in manifest:
        groups.setdefault(tuple(line["recipients"]), []).append(read(line))
    lines = []
    for recipients, some in groups.items():
        verb = "learns" if len(recipients) == 1 else "learn"
        lines.append(f"{listed(recipients)} {verb} {_count(some)}:")
        lines += [f"  {line}" for line in release_lines(some, everything)]
    return lines or [NOTHING]


def release_lines(some: Sequence[Disclosure], everything: bool = False) -> list[str]:
    """What each release is computed from and what guards it: first what nothing guards, then by minimum."""
    if not some:
        return [NOTHING]
    lines = unprotected_lines(some)
    guarded: dict[tuple[int, bool], list[Disclosure]] = {}
    for one in some:
        if one.protected and not one.free:
            guarded.setdefault((one.minimum, one.others), []).append(one)
    for (minimum, others), these in guarded.items():
        each = ", each" if len(these) > 1 else ","
        alone = f", or fewer than {minimum} without those of any one organization" if others else ""
        lines.append(f"{_count(these)}{each} held back where fewer than {minimum} rows stand behind it{alone}:")
        lines += [f"  {line}" for line in [*_low(minimum), *_listed(these, everything)]]
    free = [one for one in some if one.free]
    if free:
        lines.append(f"{_count(free)} of public and opened values:")
        lines += [f"  {line}" for line in _listed(free, everything)]
    return lines


def announce(events: Events, manifest: Iterable[Line]) -> None:
    """Tell a person, before anybody is waited for, what nothing guards, and that nothing is released."""
    some = list(map(read, manifest))
    if not some:
        events("warning", {"lines": [NOTHING]})
    if lines := unprotected_lines(some):
        events("unprotected", {"lines": lines})


def unprotected_lines(some: Iterable[Disclosure]) -> list[str]:
    """Every release that nothing guards, with the reason and what can show."""
    groups: dict[str, list[Disclosure]] = {}
    for one in some:
        if not one.protected:
            groups.setdefault(one.heading, []).append(one)
    lines = []
    for heading, these in groups.items():
        lines.append(f"NOT PROTECTED ({heading}): {NO_MINIMUM}")
        lines += [
            f"  {line}"
            for one in these
            for line in _told(one, f"{one.computed}; {one.gap}" if one.gap else one.computed)
        ]
    return lines


def _low(minimum: int) -> list[str]:
    """What one can work out under so low a minimum."""
    if minimum >= _LOW:
        return []
    return [f"With a minimum of {minimum}, who knows one of two rows behind a sum or a mean knows the other one."]


def _listed(some: Sequence[Disclosure], everything: bool) -> list[str]:
    by_line: dict[str, list[Disclosure]] = {}
    for one in some:
        by_line.setdefault(one.source, []).append(one)
    lines = []
    for source, alike in by_line.items():
        shown = alike if everything or len(alike) <= _SHOWN + 1 else alike[:_SHOWN]
        for one in shown:
            guard = "; ".join(one.guards) if everything else one.special
            lines += _told(one, one.computed, f"needs {guard}" if guard[:1].isdigit() else guard)
        if len(alike) > len(shown):
            lines.append(f"… and {len(alike) - len(shown)} more of {source} (--all lists them)")
    return lines


def _told(one: Disclosure, *texts: str) -> list[str]:
    """Its name, and the texts beside it, each on lines of its own."""
    first, *others = [text for text in texts if text] or ["?"]
    lines = [
        *wrap(f"{first}  ({one.source})", _TEXT_WIDTH),
        *(line for text in others for line in wrap(text, _TEXT_WIDTH)),
    ]
    names = [one.name, *[""] * (len(lines) - 1)]
    return [f"{name:<{_NAME_WIDTH}}  {line}" for name, line in zip(names, lines, strict=True)]


def _count(some: Sequence[object]) -> str:
    return f"{len(some)} release{'s' if len(some) != 1 else ''}"
