"""The start of a run: hellos that fit, setups, and the keys once all parties are connected.

A hello is accepted only from the party whose certificate the connection has shown. Until all are connected, a party
may be restarted and call again. Once the run is fixed, a new process with the same key means that the peer is lost.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from mpc.errors import AgreementError, PeerLost, RemoteProtocolError
from mpc.machine.party import Keys
from parties.net import agreement, frames
from parties.net.agreement import Hello, RunSecrets
from parties.net.lane import Lane


class Invited(Protocol):
    """What the study says of a participant."""

    @property
    def name(self) -> str: ...

    @property
    def key_hash(self) -> bytes: ...


class Meeting:
    """The hellos and setups of one run, and what follows from them."""

    def __init__(self, invited: Sequence[Invited], index: int, study_hash: bytes) -> None:
        #: The run is fixed: its processes do not change any more.
        self.opened = False
        self.run_id = b""
        self.keys: Keys | None = None
        #: The parties whose hello came, even if it did not fit.
        self.heard: set[int] = set()
        self.setups: dict[int, dict[str, Any]] = {}
        self._invited = invited
        self._index = index
        self._study_hash = study_hash
        self._secrets = RunSecrets(index)
        self._hellos: dict[int, Hello] = {index: self._secrets.hello(invited[index].name, study_hash, 0)}
        self._coins: dict[int, bytes] = {index: self._secrets.coin}

    def greeting(self, lane: Lane) -> dict[str, Any]:
        """Our hello to this peer, with the number of the last frame that we have received from it."""
        return self._secrets.hello(self._invited[self._index].name, self._study_hash, lane.received).message()

    def knows(self, lane: Lane) -> bool:
        """Whether this peer's hello was accepted before."""
        return lane.index in self._hellos

    def read(self, lane: Lane, message: dict[str, Any]) -> Hello:
        """The peer's hello; AgreementError if it speaks another version of the protocol."""
        self.heard.add(lane.index)
        theirs = frames.number(message, "protocol")
        if theirs != agreement.PROTOCOL_VERSION:
            raise AgreementError(
                f"{lane.name} speaks version {theirs} of the protocol, we speak {agreement.PROTOCOL_VERSION}: "
                "install the same version of Comity at all parties"
            )
        return Hello.read(message)

    def same_study(self, hello: Hello) -> bool:
        return hello.study == self._study_hash

    def admit(self, lane: Lane, hello: Hello, *, called_us: bool) -> bool:
        """Admit a party to the run. True if this same process was admitted before.

        Raises RemoteProtocolError if the hello does not fit the peer, PeerLost if the peer or we were restarted.
        """
        if (hello.index, hello.name) != (lane.index, lane.name):
            raise RemoteProtocolError(
                f"a hello as party {hello.index} ({hello.name}), but its key is that of party {lane.index} "
                f"({lane.name})"
            )
        if called_us != (lane.index > self._index):
            raise RemoteProtocolError("a call, but the party with the higher index calls")
        before = self._hellos.get(lane.index)
        again = before is not None and before.run_values == hello.run_values
        if before is not None and not again:
            if self.opened:
                raise PeerLost(f"{lane.name} was restarted; it cannot rejoin a run", peer=lane.name)
            lane.reset()
            self.setups.pop(lane.index, None)
        if hello.received > lane.written:
            raise PeerLost(
                f"{lane.name} is still in a run with an earlier process of ours. Start the run again at all parties",
                peer=lane.name,
            )
        self._hellos[lane.index] = hello
        return again

    def open(self) -> bytes:
        """Fix the run and return our setup, which opens our coin. The hellos of all parties must be here."""
        self.opened = True
        self.run_id = agreement.run_id(self._all())
        return frames.canonical(agreement.setup_message(self._all(), self._secrets.coin))

    def take_setup(self, lane: Lane, message: dict[str, Any]) -> None:
        """Keep a peer's setup; it may come before all hellos are here."""
        if lane.index in self.setups:
            raise RemoteProtocolError("a second setup frame")
        self.setups[lane.index] = message

    def make_keys(self) -> bool:
        """Make the keys; True once they are made. Raises the errors of `agreement.check_setup`."""
        if not self.opened or self.keys is not None:
            return False
        hellos = self._all()
        for sender, message in self.setups.items():
            if sender not in self._coins:
                self._coins[sender] = agreement.check_setup(message, hellos, sender)
        if len(self._coins) < len(hellos):
            return False
        coins = [self._coins[i] for i in range(len(hellos))]
        key_hashes = [party.key_hash for party in self._invited]
        self.keys = agreement.make_keys(self._secrets, hellos, coins, self._study_hash, key_hashes)
        return True

    def _all(self) -> list[Hello]:
        return [self._hellos[i] for i in range(len(self._invited))]
