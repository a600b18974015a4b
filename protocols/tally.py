"""What a protocol costs, found out by running it: at all parties at once, in memory, on whatever shares they are given.

For protocols without a formula. It takes as long as the parties together compute, so it is for shares of zeros. The
protocols that come with the engine `replicated` have formulas beside them, for they work on whole arrays with compiled
kernels: where a formula of `sign` takes 5 µs, a tally takes 1.5 ms for one element, and 15 ms for
10^5. `shamir` has a tally of its own, on which a protocol runs without arrays.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from mpc.machine.channel import MemoryNetwork
from mpc.machine.engine import Cost
from mpc.machine.party import Party
from mpc.machine.simulation import simulate_parties


def tallied(parties: int, label: bytes, program: Callable[[Party], Coroutine[Any, Any, Any]]) -> tuple[Cost, bool]:
    """What `program(party)` sends inside the operation `label`, and whether it has inner operations.

    Rounds are those of the longest chain of messages; inner operations count as if one followed the other.
    """
    network = MemoryNetwork(parties)
    with ThreadPoolExecutor(1) as apart:  # an event loop may be running here
        apart.submit(lambda: simulate_parties(program, parties=parties, label=label, network=network)).result()
    sent, messages = [0] * parties, [0] * parties
    labels = set()
    for sender, _, tag, size in network.messages:
        sent[sender] += size
        messages[sender] += 1
        labels.add(tag[: len(label)])
    rounds = sum(network.rounds(one) for one in labels)
    return Cost(rounds, tuple(sent), tuple(messages)), bool(labels - {label})
