"""Relations between the partial results of one owner, checked in secret before anything rests on them.

Numbers of rows are not negative, a sum is no larger than rows times a limit, and so on: from this follow the bounds of
computed values, and that masks are long enough. An owner can lie. So each relation is a number that must not be
negative and follows from one owner's inputs alone. All relations that a script asks for between two awaits are compared
at once, beside other operations, and their bits are opened: they are all set for honest owners, so they tell nothing.
Operations on the inputs wait for the bits, and a value of an owner that failed counts as 0.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mpc.machine.engine import Spec
from mpc.machine.opening import open_to_all
from mpc.machine.operation import Handle, Wake

if TYPE_CHECKING:
    from mpc.machine.runtime import Runtime
    from mpc.values.secret import SecretArray


@dataclass(frozen=True)
class Rule:
    """What must hold between the parts that an owner shares together. Equal for the same relations.

    covers  names of parts whose bounds follow from the relations; bounds of other parts are compared by themselves
    """

    covers: ClassVar[frozenset[str]] = frozenset()

    def relations(self, parts: Mapping[str, SecretArray]) -> list[SecretArray]:
        """Raw integers, (owners, …) as the parts are, that must not be negative."""
        return []


class Claim(NamedTuple):
    """Relations of owners: `values`, a vector, must not be negative, or with `bound` not beyond ± bound. `of`: the
    owner of each value; `line`: the script's line that asked."""

    group: Group
    values: Handle
    of: NDArray[np.int64]
    line: tuple[str, int]
    bound: int | None = None


class Group:
    """Inputs of several owners that are kept or dropped by the same relations.

    facts  for each owner, or for all together, whether all relations hold: 1 or 0, known to all compute parties once
           they were compared
    """

    def __init__(self, owners: Sequence[int], together: bool, depth: int, label: bytes) -> None:
        self.owners = tuple(owners)
        self.together = together
        self.facts = Handle(Spec((1 if together else len(self.owners),)), depth, label)
        self.holds = np.ones(len(self.owners), np.int64)
        self.waiting = 0


class Relations:
    """The relations of a run."""

    def __init__(self, run: Runtime) -> None:
        self._run = run
        #: Owners with a relation that does not hold.
        self.failed: tuple[int, ...] = ()

    def hold(
        self,
        owners: Sequence[int],
        values: Sequence[SecretArray],
        *,
        bounded: Sequence[SecretArray] = (),
        together: bool = False,
    ) -> Handle:
        """Claim that raw values, each of shape (owners, …) and made of one owner's inputs alone, are not negative, and
        that those in `bounded` keep their bounds.

        Gives `facts` for `keep`: one an owner, or with `together` one for all. Compared at the next await.
        Rounds  those of `nonnegative`, and 2
        """
        run = self._run
        depth = max(value.handle.depth for value in (*values, *bounded))
        rounds = run.engine.plan("nonnegative", bytes(16), Spec((1,)))[1].rounds
        opening = run.engine.plan("open", bytes(16), Spec((1,), "bits", 1), to=range(run.parties))[1].rounds
        group = Group(owners, together, depth + rounds + opening, [*values, *bounded][0].handle.label)
        for value, bound in [*((value, None) for value in values), *((value, value.bound) for value in bounded)]:
            of = np.repeat(np.arange(len(owners)), value.size // len(owners))
            run.scope.claims.append(Claim(group, value.reshape(-1).handle, of, run.line(), bound))
        return group.facts

    def compare(self) -> None:
        """Compare what this part of the script has claimed and not compared yet."""
        run = self._run
        claims: list[Claim] = run.scope.claims
        if not claims:
            return
        run.scope.claims = []
        with run.at(claims[0].line):
            self._compare(claims)

    def _compare(self, claims: list[Claim]) -> None:
        run = self._run
        for depth, bounded in sorted({(claim.values.depth, claim.bound is not None) for claim in claims}):
            batch = [c for c in claims if c.values.depth == depth and (c.bound is not None) == bounded]
            values = batch[0].values
            if len(batch) > 1:
                values = run.schedule("concatenate", *[claim.values for claim in batch], axis=0)
            bounds = None
            if bounded:
                bounds = np.repeat([claim.bound for claim in batch], [len(c.of) for c in batch]).astype(np.int64)
            bits = run.schedule("nonnegative", values, bounds=bounds)
            opened = open_to_all(run, bits)
            if not run.dry:
                for claim in batch:
                    claim.group.waiting += 1
                opened.waiters.append(_Compared(self, opened, batch))

    def note(self, bits: NDArray[np.int64], claims: Sequence[Claim]) -> None:
        """Take the opened bits of a comparison: one for each value, in order."""
        start = 0
        for claim in claims:
            group, end = claim.group, start + len(claim.of)
            np.minimum.at(group.holds, claim.of, bits[start:end])
            start = end
            group.waiting -= 1
            if group.waiting == 0:
                self._known(group)

    def _known(self, group: Group) -> None:
        bad = [owner for owner, holds in zip(group.owners, group.holds, strict=True) if not holds]
        self.failed = tuple(sorted({*self.failed, *bad}))
        facts = group.facts
        facts.share = group.holds.min(keepdims=True) if group.together else group.holds
        facts.done = True
        self._run.wake(facts)


class _Compared(Wake):
    """Waits for the opened bits as an operation does, and notes them."""

    __slots__ = ("claims", "opened", "relations")

    def __init__(self, relations: Relations, opened: Handle, claims: Sequence[Claim]) -> None:
        self.relations = relations
        self.opened = opened
        self.claims = claims
        self.missing = 1

    def start(self) -> None:
        words = np.asarray(self.opened.share, np.uint64) & np.uint64(1)
        bits = words.reshape(-1, sum(len(claim.of) for claim in self.claims)).min(axis=0)  # both sides of a bound hold
        self.relations.note(bits.astype(np.int64), self.claims)
