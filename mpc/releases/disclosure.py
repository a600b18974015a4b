"""Releases: the only way out of a run, and the masks before every opening.

A release opens `mask * value` and the masks, never a value under a cleared bit. The masks of a value are, in this
order: *large enough* (the cohort behind it has the minimum size), *sound* (every checked assumption that it rests on
held) and *valid* (the value is defined). They are computed in secret; a suppressed value is never opened.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mpc.errors import ConfigError
from mpc.machine.opening import hand_out, open_to, open_to_all
from mpc.machine.operation import Handle
from mpc.releases.apart import Apart
from mpc.releases.enough import all_enough, every_one
from mpc.releases.manifest import Entry
from mpc.releases.soundness import Soundness, soundness
from mpc.tables.expressions import both
from mpc.tables.selections import Selection
from mpc.untyped import Json, Opaque
from mpc.values.cohorts import Cohort
from mpc.values.fixed import decode
from mpc.values.inherited import Cause, causes
from mpc.values.secret import SecretArray

if TYPE_CHECKING:
    from mpc.machine.runtime import Runtime

OK, OUT_OF_RANGE, SUPPRESSED, UNDEFINED = range(4)

#: The cohort size below which nothing is released, unless a scenario or study sets another.
MINIMUM_COHORT = 10


@dataclass
class Opened:
    """An opened part of a release: float64 values and, for each element, its status (OK: it has a value).

    whole      the values of integers, exactly (float64 holds them up to 2^53)
    dominance  a rule of dominance holds, too
    why        reasons why an element can be undefined;  cause  the index of its reason (None: the first one)
    broken     the script's line whose checked assumption did not hold
    left_out   compute parties that shared numbers that contradict each other
    """

    values: NDArray[np.float64]
    status: NDArray[np.int8]
    why: tuple[str, ...]
    minimum: int
    whole: NDArray[np.int64] | None = None
    cause: NDArray[np.int8] | None = None
    broken: str = ""
    left_out: tuple[str, ...] = ()
    dominance: bool = False

    @property
    def ok(self) -> bool:
        """Every element has a value."""
        return bool(np.all(self.status == OK))

    def text(self, status: int, cause: int = 0) -> str:
        """The text in place of a value."""
        why = self.why[cause] if self.why else ""
        text = {
            OUT_OF_RANGE: f"out of range: the assumption at {self.broken} did not hold",
            SUPPRESSED: f"suppressed (fewer than {self.minimum}{', or two dominate' if self.dominance else ''})",
            UNDEFINED: f"undefined: {why}" if why else "undefined",
        }[status]
        if self.left_out:
            text += f"; left out, because what it shared contradicts itself: {', '.join(self.left_out)}"
        return text

    def cells(self) -> Json:
        """Nested lists of floats, with text where there is no value; a scalar for shape ()."""
        return self._nested(self.values, self.status, self._causes(), float)

    def whole_cells(self) -> Json:
        """As `cells`, of integers."""
        return self._nested(self.values if self.whole is None else self.whole, self.status, self._causes(), int)

    def _causes(self) -> NDArray[np.int8]:
        return np.zeros(self.status.shape, np.int8) if self.cause is None else self.cause

    def _nested(
        self, values: NDArray[Any], status: NDArray[np.int8], cause: NDArray[np.int8], number: Callable[[Any], Any]
    ) -> Any:
        if values.ndim == 0:
            return number(values) if status == OK else self.text(int(status), int(cause))
        return [self._nested(v, s, c, number) for v, s, c in zip(values, status, cause, strict=True)]

    def first_problem(self) -> str | None:
        """The text of the first status that occurs: out of range, suppressed, undefined. None: all have a value."""
        bad = self.status != OK
        if not bad.any():
            return None
        first = self.status[bad].min()
        return self.text(int(first), int(self._causes()[self.status == first].min()))


@dataclass(frozen=True)
class Guard:
    """A rule of a result for what may be opened, in place of "every cohort of a part is large enough".

    rule     in words
    cohorts  by part, the counts that it compares
    bits     (minimum, others) -> by part, bits of the elements that may be opened
    compare  (cohorts, minimum, others): compare the counts of several guards of this rule at once; `bits` then has them
    """

    rule: str
    cohorts: Mapping[str, tuple[Cohort, ...]]
    bits: Callable[[int, bool], Mapping[str, SecretArray]]
    compare: Callable[[Iterable[Cohort], int, bool], None] | None = None

    def __post_init__(self) -> None:
        fixed = MappingProxyType({part: tuple(cohorts) for part, cohorts in self.cohorts.items()})
        object.__setattr__(self, "cohorts", fixed)


@dataclass
class Result:
    """Several secrets that are released as one value.

    kind      how it is shown: one of the kinds of docs/results.md
    parts     the secrets that are opened
    finish    makes the value in its JSON form from the opened parts; public arithmetic only
    guard     its rule for what may be opened; None: every cohort of the part is large enough
    together  one small cohort suppresses all parts
    minimum   the cohort size that the result asks for, where a release gives none
    """

    kind: str
    parts: Mapping[str, SecretArray]
    finish: Callable[[Mapping[str, Opened]], Any]
    guard: Guard | None = None
    together: bool = False
    minimum: int | None = None

    def __post_init__(self) -> None:
        alone = {name: part.with_basis(part.basis.alone()) for name, part in self.parts.items()}
        self.parts = MappingProxyType(alone)

    def __getitem__(self, part: str) -> SecretArray:
        if part not in self.parts:
            raise ConfigError(
                f"a {self.kind} of a statistic has no part {part!r}; it has {', '.join(self.parts)}. Release the whole "
                "result: study.release(name, result)"
            )
        return self.parts[part]

    def cohorts(self) -> list[Cohort]:
        """All cohorts that must be enough for it."""
        if self.guard is not None:
            return [cohort for cohorts in self.guard.cohorts.values() for cohort in cohorts]
        return [cohort for part in self.parts.values() for cohort in standing(part)]

    def selections(self) -> list[Selection]:
        """The rows of private tables that it is about; a table of counts is one selection."""
        selections: dict[tuple[object, ...], Selection] = {}
        for cohort in self.cohorts():
            for rows in () if cohort.or_none and not cohort.cells else cohort.selections:
                table = self.guard is not None or len(rows.by) > 1 or any(by.levels for by in rows.by)
                where = rows.where if table or len(rows.by) != 1 else both(rows.where, rows.by[0])
                chosen = rows if table else rows._replace(where=where, by=())
                selections[(*chosen.key, *(by.digest for by in chosen.by))] = chosen
        return list(selections.values())


@dataclass
class Masked:
    """A part with its masks, ready to be opened. A mask is a secret, or None where it cannot be cleared.

    valid  for each reason why an element can be undefined: the bits that neither it nor an earlier reason applies
           (`mpc.values.inherited.causes`)
    """

    value: SecretArray
    sound: Soundness | None
    large: SecretArray | None
    valid: list[Cause]
    minimum: int
    dominance: bool = False
    opened: dict[str, Handle] = field(default_factory=dict)
    handed: dict[str, Handle] = field(default_factory=dict)

    def open(self, to: tuple[int, ...], after: Handle) -> None:
        """Schedule the opening of value and masks to compute parties, and their parts for other recipients.

        `after`: the comparison of what all parties do, which must pass first.
        """
        for name, secret in self._secrets():
            run = secret.run
            inside = tuple(i for i in to if i < run.parties)
            if inside or not to:
                self.opened[name] = open_to(run, secret.handle, inside, (after,))
            if len(inside) < len(to):
                self.handed[name] = hand_out(run, secret.handle, (after,))

    def _secrets(self) -> list[tuple[str, SecretArray]]:
        """The secrets to open, by name."""
        secrets = [("value", self.value)]
        if self.sound is not None:
            secrets.append(("sound", self.sound.bits))
        if self.large is not None:
            secrets.append(("large", self.large))
        return secrets + [(f"valid {k}", cause.valid) for k, cause in enumerate(self.valid)]

    @property
    def why(self) -> tuple[str, ...]:
        """The reasons why an element can be undefined, the first cause first."""
        return tuple(cause.why for cause in self.valid)

    def deliver(self, values: Mapping[str, Opaque]) -> None:
        """At a recipient that does not compute: take the values from `hand_out`, by name."""
        for name, handle in self.handed.items():
            self.opened[name] = Handle(handle.spec, 0)
            self.opened[name].share = values[name]

    def read(self) -> Opened | None:
        """The opened part, None at a party that is no recipient."""
        raw: Any = self.opened["value"].share if "value" in self.opened else None
        if raw is None:
            return None
        shape = self.value.shape
        values = np.asarray(raw, np.float64) if self.value.type == "bool" else decode(raw, self.value.frac)
        status, cause = np.full(shape, OK, np.int8), np.zeros(shape, np.int8)
        for k in reversed(range(len(self.valid))):
            undefined = self._cleared(f"valid {k}", shape)
            status, cause = np.where(undefined, np.int8(UNDEFINED), status), np.where(undefined, np.int8(k), cause)
        if self.large is not None:
            status = np.where(self._cleared("large", shape), np.int8(SUPPRESSED), status)
        broken = ""
        if self.sound is not None:
            failed = np.flatnonzero(self._cleared("sound", self.sound.bits.shape))
            if failed.size:
                broken, status = self.sound.places[failed[0]], np.full(shape, OUT_OF_RANGE, np.int8)
        whole = np.asarray(raw, np.int64).reshape(shape) if self.value.type == "int" else None
        values = np.where(status == OK, values, np.nan).reshape(shape)
        return Opened(
            values,
            status.reshape(shape),
            self.why,
            self.minimum,
            whole=whole,
            cause=cause.reshape(shape),
            broken=broken,
            dominance=self.dominance,
        )

    def _cleared(self, name: str, shape: tuple[int, ...]) -> NDArray[np.bool_]:
        bits: NDArray[np.bool_] = np.asarray(self.opened[name].share) & np.uint64(1) == 0
        return np.broadcast_to(bits, shape)

    def blank(self) -> Opened:
        """The opened part of a dry run: zeros."""
        shape = self.value.shape
        return Opened(np.zeros(shape), np.full(shape, OK, np.int8), self.why, self.minimum)


async def open_bits(run: Runtime, bits: Handle) -> NDArray[np.bool_]:
    """Open public facts about contributions, one bit each, to all compute parties; all set in a dry run."""
    opened = open_to_all(run, bits)
    await run.settle(run.compare_openings(opened))
    if run.dry:
        return np.ones(bits.spec.size, np.bool_)
    words: NDArray[np.uint64] = np.asarray(opened.share, np.uint64).reshape(-1) & np.uint64(1)
    return words.astype(np.bool_)


def mask(result: Result, entry: Entry, apart: Apart) -> dict[str, Masked]:
    """Every part of a result behind its masks."""
    large = _large(result, entry.minimum, entry.others, apart)
    behind = {name: _handles(part, large.get(name)) for name, part in result.parts.items()}
    if result.together:
        together = [handle for handles in behind.values() for handle in handles]
        behind = dict.fromkeys(behind, together)
    masked = {}
    for name, part in result.parts.items():
        sound = soundness(part.run, behind[name])
        enough = large.get(name)
        if enough is not None and sound is not None:
            # Where too few rows stand behind every element, the release does not even tell whether they keep a limit.
            # Where enough stand behind one, it comes out just if they do: to say so tells no more than its absence.
            few = (~enough).all() if enough.shape else ~enough
            enough = enough & sound.whole
            sound = sound._replace(bits=sound.bits | few.reshape((1,) * sound.bits.ndim).broadcast_to(sound.bits.shape))
        gate = enough if enough is not None or sound is None else sound.whole
        valid = causes(part.valid, part.why)
        if gate is not None:
            valid = [Cause(cause.valid & gate, cause.why) for cause in valid]
        final = valid[-1].valid if valid else gate
        value = part.bare()
        if final is not None:
            final = final.bare()
            value = (value & final) if value.type == "bool" else value * final
        masked[name] = Masked(value, sound, enough, valid, entry.minimum, entry.dominance > 0)
    return masked


def standing(part: SecretArray) -> list[Cohort]:
    """The cohorts that a value stands on. Where they are cells of a table and no rule of tables guards it, all cells of
    that table: with their total, the cells that come out tell the others."""
    cohorts = dict.fromkeys(part.basis.cohorts)
    for cohort in part.basis.cohorts:
        for root in cohort.roots:
            if root.shape and root.cells:
                cohorts[root.collapsed(None)] = None
    return list(cohorts)


def _handles(part: SecretArray, large: SecretArray | None) -> list[Handle]:
    """The shares on which the opened value and masks of a part rest."""
    masks = [cause.valid for cause in causes(part.valid, part.why)] + ([] if large is None else [large])
    return [part.handle, *(mask.handle for mask in masks)]


def _large(result: Result, minimum: int, others: bool, apart: Apart) -> dict[str, SecretArray | None]:
    """By part, bits: enough rows stand behind each element (None: none need to)."""
    if minimum <= 1 or not result.parts:
        return {}
    large: dict[str, SecretArray | None] = {}
    run = next(iter(result.parts.values())).run
    if result.guard is not None:
        large.update(result.guard.bits(minimum, others))
    else:
        for name, part in result.parts.items():
            large[name] = all_enough(run, standing(part), minimum, others=others)
    if result.together:
        different = {id(bit): bit for bit in large.values() if bit is not None}
        joint = every_one([bit.all() if bit.shape else bit for bit in different.values()])
        large = dict.fromkeys(result.parts, joint)
    first = all_enough(run, apart.cohorts, minimum, others=others)
    together = [] if first is None else [first]
    together += [table.holds(minimum, others) for table in apart.tables]
    for bit in together:
        for name, part in result.parts.items():
            own = large.get(name)
            large[name] = bit.broadcast_to(part.shape) if own is None else own & bit.broadcast_to(own.shape)
    return large
