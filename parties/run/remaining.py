"""How far a run is, and how long it still takes: bytes and steps so far, against those of the dry run.

    remaining = Remaining(dry, index, network=None, local=12.0)
    remaining.at(elapsed=20.0, sent=3_000_000, steps=150)      # Ahead(share=0.31, left=44.0)

A first guess of the seconds comes from the plan; what the run itself takes corrects it, the more the further it is.
"""

from __future__ import annotations

from typing import NamedTuple

from mpc.machine.forecast import ORDINARY
from mpc.machine.network import Network
from protocols.dry import DryRun

#: The guess counts as much as so large a part of the run.
_TRUST = 0.05
#: The part of the bytes after which the owners' own work with their rows is over.
_BEGUN = 0.01
#: Preparing rows takes so many times as long as checking them: they are read again, sorted, hashed and shared.
_PREPARING = 1.5
#: A byte is sent, received and computed with.
_BYTE_S = 3 * ORDINARY.byte_s


class Ahead(NamedTuple):
    """The part of a run that is done, 0 to 1, and the seconds that are left; None before anything tells."""

    share: float
    left: float | None


class Remaining:
    """See the module's first lines.

    checked  seconds that the check of this party's own rows took; 0: it brings none
    """

    def __init__(self, dry: DryRun, index: int, *, network: Network | None, checked: float) -> None:
        self._bytes = max(dry.bytes_sent[index], 1)
        self._steps = max(dry.steps, 1)
        on_link = 8 / network.bits_per_second if network is not None else 0.0
        there_and_back = network.rtt_s if network is not None else 0.0
        # Most of the computing goes with the bytes: masks, kernels, encryption.
        self._bytes_s = self._bytes * (_BYTE_S + on_link) + sum(step.work for step in dry.trace.steps)
        self._steps_s = dry.rounds * (ORDINARY.exchange_s + there_and_back)
        self._own = _PREPARING * checked
        self._begun = self._own == 0

    def at(self, elapsed: float, sent: int, steps: int) -> Ahead:
        """After `elapsed` seconds of the joint part, with so many bytes sent and so many steps done."""
        of_bytes, of_steps = min(sent / self._bytes, 1.0), min(steps / self._steps, 1.0)
        if not self._begun and of_bytes > _BEGUN:
            self._begun, self._own = True, elapsed
        own = self._own if self._begun else min(elapsed, 0.95 * self._own)
        done = own + of_bytes * self._bytes_s + of_steps * self._steps_s
        whole = self._own + self._bytes_s + self._steps_s
        if not done:
            return Ahead(0.0, None)
        guessed = _TRUST * whole
        return Ahead(done / whole, (whole - done) * (elapsed + guessed) / (done + guessed))
