"""What a query does, step by step: at which owner or in secret, on how many places, and what that sends."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from mpc.machine.runtime import Runtime

IN_SECRET = "in secret"


@dataclass
class Step:
    """One step.

    where    names of the owners that do it, or "in secret"
    does     in words
    places   public places for rows in secret, or the upper limit of an owner's rows; None: a single value
    rounds   of messages, one after the other, that the run has more because of this step
    bytes    sent by each compute party
    """

    where: str
    does: str
    places: int | None = None
    rounds: int = 0
    bytes: tuple[int, ...] = ()


@dataclass
class Steps:
    """The steps of a query, in order."""

    run: Runtime
    steps: list[Step] = field(default_factory=list)

    def owners(self, owners: Sequence[int]) -> str:
        """Names of organizations."""
        names = dict(enumerate(self.run.names))
        return ", ".join(names.get(owner, f"party {owner}") for owner in owners)

    @contextmanager
    def step(self, where: str, does: str, places: int | None = None) -> Iterator[Step]:
        """A step, whose cost is what is scheduled within the block. The places may be set in the block."""
        before = self.run.cost
        made = Step(where, does, places)
        self.steps.append(made)
        yield made
        after = self.run.cost
        made.rounds = after.rounds - before.rounds
        made.bytes = tuple(b - a for a, b in zip(before.bytes_sent, after.bytes_sent, strict=True))
