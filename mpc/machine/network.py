"""What is known of the network between the parties: enough to choose between protocols, and to predict their time."""

from __future__ import annotations

from dataclasses import dataclass

from mpc.machine.engine import Cost


@dataclass(frozen=True)
class Network:
    """The slowest link of a study, the same at all parties: it is part of what they agree on.

    rtt_s            round trip between two parties, in seconds
    bits_per_second  what one party can send, to all others together, and receive at the same time
    """

    rtt_s: float
    bits_per_second: float

    def seconds(self, cost: Cost) -> float:
        """The network's part of the time that `cost` takes: a round is one way, not there and back."""
        return cost.rounds * self.rtt_s / 2 + 8 * max(cost.bytes_sent, default=0) / self.bits_per_second


#: Networks that have a name.
NETWORKS = {"lan": Network(0.002, 1e9), "wan": Network(0.040, 100e6)}
