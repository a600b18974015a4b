"""The costs of a run's operations, by their formulas, and what a dry run notes about them."""

from __future__ import annotations

from collections import Counter

from mpc.errors import TooMuchInFlight
from mpc.machine.engine import Cost, Spec
from mpc.machine.labels import Scope

#: Bytes and operations that may be scheduled between two awaits of one task.
MEMORY_BUDGET = 1 << 30
OPERATIONS_BUDGET = 50_000


class Accounts:
    """The costs of all scheduled operations of one party in one run.

    parties        how many compute
    memory_budget  bytes that may be scheduled between two awaits of one task
    """

    def __init__(self, parties: int, memory_budget: int) -> None:
        self._memory_budget = memory_budget
        self.rounds = 0
        self._bytes_sent = [0] * parties
        self._messages = [0] * parties
        self._distance = 0.0
        #: Operations that were scheduled.
        self.operations = 0
        #: Operations that send.
        self.steps = 0
        #: Operations with rounds that are done.
        self.finished = 0
        #: The primitives that a dry run met.
        self.planned: set[str] = set()
        #: What everybody sees in the clear besides releases, in a dry run: kind -> how many.
        self.disclosed: Counter[str] = Counter()
        #: Rows that leave their owners as shares: (table, column) -> resolution, 0 where they are exact.
        self.shared: dict[tuple[str, str], float] = {}
        #: Tables that owners prepare: digest of the query -> the owners, and what they do, in words.
        self.prepared: dict[bytes, tuple[tuple[int, ...], str]] = {}

    @property
    def cost(self) -> Cost:
        """The cost of all operations so far, by their formulas; rounds: the longest chain of dependent ones."""
        return Cost(self.rounds, tuple(self._bytes_sent), tuple(self._messages), self._distance)

    def _account(self, scope: Scope, cost: Cost, depth: int, spec: Spec) -> None:
        if cost.rounds:
            for party, sent in enumerate(cost.bytes_sent):
                self._bytes_sent[party] += sent
                self._messages[party] += cost.messages[party]
            self._distance += cost.distance
            self.steps += 1
        if depth > self.rounds:
            self.rounds = depth
        self.operations += 1
        scope.operations += 1
        if scope.in_sequence:
            scope.bytes_held = max(scope.bytes_held, spec.size * 16)
        else:
            scope.bytes_held += spec.size * 16
        if scope.bytes_held > self._memory_budget or scope.operations > OPERATIONS_BUDGET:
            raise TooMuchInFlight(
                f"{scope.operations:,} operations ({scope.bytes_held >> 20:,} MiB) were scheduled without an await "
                f"(at most {OPERATIONS_BUDGET:,} and {self._memory_budget >> 20:,} MiB): "
                "`await study.settle(x)` once an iteration"
            )
