"""Comparisons between the parties: whether their scripts do the same, and whether all were told the same."""

from __future__ import annotations

from collections.abc import Coroutine, Sequence
from typing import Any

from mpc.errors import AgreementError
from mpc.machine import history, witness
from mpc.machine.digest import digest
from mpc.machine.engine import Cost, Spec
from mpc.machine.operation import Handle
from mpc.machine.party import Party
from mpc.machine.relations import Relations
from mpc.machine.scheduling import Scheduler, current_scope
from mpc.machine.witness import Witness
from mpc.untyped import Anything


class Comparing(Scheduler):
    """Schedules the operations that compare what the parties did, beside those of the script."""

    #: The parties' names, for messages.
    names: Sequence[str] = ()
    #: What must hold between the inputs of each owner.
    relations: Relations

    def cover(self, name: str, what: Anything, *operands: Handle) -> None:
        """Note a step of the script that is no operation, such as a release: all parties must do the same."""
        scope = current_scope.get(self._root)
        label = scope.label(name, b"".join([digest(what), *[operand.label for operand in operands]]))
        if self._environment is not None:
            self.history.note(scope, label, name, self.line())

    def compare_scripts(self) -> Handle:
        """Compare what all parties did so far in this part of the script; a difference ends the run (AgreementError).

        Openings wait for it. Rounds 1, beside everything that was scheduled before. Bytes 16 to each peer.
        """
        scope = current_scope.get(self._root)
        scope.comparisons += 1
        label = history.comparison_label(scope, scope.comparisons, self._run_label)

        def call(party: Party) -> Coroutine[Any, Any, None]:
            return history.compare(party, own, self.history, self.name)

        own = scope.digest
        return self._scheduled(scope, "compare_scripts", call, label, (), (), Spec(()), self._comparison(), {})

    def compare_openings(self, *opened: Handle) -> Handle:
        """Compare what all parties were told in all openings so far, in this part of the script and around it; a
        difference ends the run (CheckFailed). Results are given out after it.

        Waits for `opened` and for all operations scheduled before. Rounds 1, after them. Bytes 16 to each peer.
        """
        self.relations.compare()  # opens bits, too
        scope = current_scope.get(self._root)
        scope.comparisons += 1
        label = history.comparison_label(scope, scope.comparisons, self._run_label)
        witnesses = scope.to_confirm()

        def call(party: Party) -> Coroutine[Any, Any, None]:
            return witness.compare(party, witnesses, self.name)

        after: tuple[Handle | Witness, ...] = (*opened, *witnesses)
        return self._scheduled(scope, "compare_openings", call, label, (), after, Spec(()), self._comparison(), {})

    def _comparison(self) -> Cost:
        """The cost of 16 bytes to each peer."""
        peers = self.parties - 1
        return Cost(1, (16 * peers,) * self.parties, (peers,) * self.parties) if peers else Cost()

    def name(self, party: int) -> str:
        """A party's name in messages."""
        return self.names[party] if party < len(self.names) else f"party {party}"

    async def parted(self) -> AgreementError | None:
        """Where the scripts of this party and its peers differ; None where this party finds no difference.

        For parties that wait for each other in vain: all of them must call it.
        """
        label = history.comparison_label(self._root, -1, self._run_label)
        peers = [peer for peer in range(self.parties) if peer != self.index]
        error = await history.differences(Party(self.environment, label), self.history, peers, self.name)
        return error if error.source is not None else None
