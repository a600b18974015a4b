"""The agreed list of releases, in words: what each release is computed from, and what guards it.

All words here follow from the lines of the agreed document (`mpc.releases.manifest.Entry.describe`), so they describe
what was agreed, enforced and opened. Releases that nothing guards come first and are always shown.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from textwrap import wrap
from typing import Any, Final

from parties.study.trust import listed
from parties.system.events import Events, Unprotected, Warned

Line = Mapping[str, Any]

#: The consequence if nothing guards a release.
NO_MINIMUM: Final = "no minimum: a single row can show"
#: The warning for a script without a release.
NOTHING: Final = "The script releases nothing: nobody learns anything. study.release(name, value) gives a result"
#: With a lower minimum, a person who knows some of the rows behind a number can work out the others.
_LOW: Final = 3
#: A short list shows at most so many releases of each line of the script.
_SHOWN: Final = 3
_NAME_WIDTH: Final = 26
_TEXT_WIDTH: Final = 76
#: At most so many origins of a release are listed.
_ORIGINS: Final = 4


@dataclass(frozen=True)
class Disclosure:
    """A release, as it is described to people.

    origins    what it is computed from: reductions, columns, conditions
    guards     the counts that must be large enough, for each part or for all parts together
    protected  a minimum holds for all parts, or no part is private
    reason     why the author releases it although nothing guards it
    gap        what the release can show if nothing guards it
    apart      earlier releases: their rows and the rows of this one differ in none, or in enough
    derived    computed from public and opened values: nothing is opened for it
    public     no part is private
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
        """No part is private, or all of it follows from opened values."""
        return self.derived or self.public

    @property
    def computed(self) -> str:
        """What it is computed from, on one line."""
        rest = [f"{len(self.origins) - _ORIGINS} more"] if len(self.origins) > _ORIGINS else []
        return "derived" if self.derived else "; ".join([*self.origins[:_ORIGINS], *rest])

    @property
    def heading(self) -> str:
        """Why it is not protected: the reason of the author, or the minimum."""
        if self.reason:
            return f'the author\'s reason: "{self.reason}"'
        return f"the minimum is {self.minimum}" if self.minimum <= 1 else "no count of rows is known to stand behind it"

    @property
    def protection(self) -> str:
        """What protects it, on one line."""
        if self.derived:
            return "derived from public and opened values"
        if self.public:
            return "nothing private is in it"
        if not self.protected:
            return f"NOT PROTECTED ({self.heading}): {NO_MINIMUM}"
        apart_text = "; " + self.apart_text if self.apart else ""
        rules = [guard for guard in self.guards if not guard[0].isdigit()]
        counts = [guard for guard in self.guards if guard[0].isdigit()]
        needed = [f"suppressed unless {'; '.join(counts)}"] if counts else []
        return f"{'; '.join(rules + needed)}{_without_own(self.others)}{apart_text}"

    @property
    def apart_text(self) -> str:
        """The rule against differences from earlier releases."""
        rest = [f"{len(self.apart) - _ORIGINS} more"] if len(self.apart) > _ORIGINS else []
        return f"differs from {listed([*self.apart[:_ORIGINS], *rest])} in none or as many rows"

    @property
    def special(self) -> str:
        """The guards besides its minimum of rows; empty if there are none."""
        plain = len(self.guards) == 1 and self.guards[0].startswith(f"{self.minimum} or more rows of ")
        if plain and not self.guards[0].endswith((" on each side", ", or none", "%)")):
            return ""
        return "; ".join(self.guards)


def read(line: Line) -> Disclosure:
    """The release of a line of the agreed document."""
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
    """The counts that must be large enough; with the names of parts that differ and are suppressed one by one."""
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
    """Who learns which releases, and what guards them.

    Without `everything`, only a few releases of each line of the script are listed, and the number of the others.
    Releases that nothing guards are always listed.
    """
    groups: dict[tuple[str, ...], list[Disclosure]] = {}
    for line in manifest:
        groups.setdefault(tuple(line["recipients"]), []).append(read(line))
    lines = []
    for recipients, releases in groups.items():
        verb = "learns" if len(recipients) == 1 else "learn"
        lines.append(f"{listed(recipients)} {verb} {_count(releases)}:")
        lines += [f"  {line}" for line in release_lines(releases, everything)]
    return lines or [NOTHING]


def release_lines(releases: Sequence[Disclosure], everything: bool = False) -> list[str]:
    """What each release is computed from and what guards it: first releases that nothing guards, then by minimum."""
    if not releases:
        return [NOTHING]
    lines = unprotected_lines(releases)
    guarded: dict[tuple[int, bool], list[Disclosure]] = {}
    for release in releases:
        if release.protected and not release.free:
            guarded.setdefault((release.minimum, release.others), []).append(release)
    for (minimum, others), group in guarded.items():
        each = ", each" if len(group) > 1 else ","
        alone = f", or fewer than {minimum} without those of any one organization" if others else ""
        lines.append(f"{_count(group)}{each} held back where fewer than {minimum} rows stand behind it{alone}:")
        lines += [f"  {line}" for line in [*_low(minimum), *_by_script_line(group, everything)]]
    free = [release for release in releases if release.free]
    if free:
        lines.append(f"{_count(free)} of public and opened values:")
        lines += [f"  {line}" for line in _by_script_line(free, everything)]
    return lines


def announce(events: Events, manifest: Iterable[Line]) -> None:
    """Warn the operator, before the party waits for others: of releases that nothing guards, or of none at all."""
    releases = list(map(read, manifest))
    if not releases:
        events(Warned([NOTHING]))
    if lines := unprotected_lines(releases):
        events(Unprotected(lines))


def unprotected_lines(releases: Iterable[Disclosure]) -> list[str]:
    """All releases that nothing guards, with the reason and what they can show."""
    groups: dict[str, list[Disclosure]] = {}
    for release in releases:
        if not release.protected:
            groups.setdefault(release.heading, []).append(release)
    lines = []
    for heading, group in groups.items():
        lines.append(f"NOT PROTECTED ({heading}): {NO_MINIMUM}")
        lines += [
            f"  {line}"
            for release in group
            for line in _beside_name(release, f"{release.computed}; {release.gap}" if release.gap else release.computed)
        ]
    return lines


def _low(minimum: int) -> list[str]:
    """A warning about a low minimum."""
    if minimum >= _LOW:
        return []
    return [
        f"With a minimum of {minimum}, who knows one of two rows behind a sum or a mean can work out the other one."
    ]


def _by_script_line(releases: Sequence[Disclosure], everything: bool) -> list[str]:
    by_line: dict[str, list[Disclosure]] = {}
    for release in releases:
        by_line.setdefault(release.source, []).append(release)
    lines = []
    for source, alike in by_line.items():
        shown = alike if everything or len(alike) <= _SHOWN + 1 else alike[:_SHOWN]
        for release in shown:
            guard = "; ".join(release.guards) if everything else release.special
            lines += _beside_name(release, release.computed, f"needs {guard}" if guard[:1].isdigit() else guard)
        if len(alike) > len(shown):
            lines.append(f"… and {len(alike) - len(shown)} more of {source} (--all lists them)")
    return lines


def _beside_name(release: Disclosure, *texts: str) -> list[str]:
    """Lines with the name of a release on the left, and the texts on the right, each beginning on a new line."""
    first, *others = [text for text in texts if text] or ["?"]
    lines = [
        *wrap(f"{first}  ({release.source})", _TEXT_WIDTH),
        *(line for text in others for line in wrap(text, _TEXT_WIDTH)),
    ]
    names = [release.name, *[""] * (len(lines) - 1)]
    return [f"{name:<{_NAME_WIDTH}}  {line}" for name, line in zip(names, lines, strict=True)]


def _count(releases: Sequence[object]) -> str:
    return f"{len(releases)} release{'s' if len(releases) != 1 else ''}"
