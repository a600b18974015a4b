"""Who has come to the run: hellos that fit, setups, and the keys once everybody is there.

A hello is taken only from the party whose certificate the connection has shown. Until all are connected a party may
be restarted and come again; once the run is fixed, another process under the same key is a lost peer.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from mpc.errors import AgreementError, PeerLost, RemoteProtocolError
from mpc.machine.party import Keys
from parties.net import agreement, frames
from parties.net.agreement import Contribution, Hello
from parties.net.lane import Lane


class Invited(Protocol):
    """What is known of a participant beforehand."""

    @property
    def name(self) -> str: ...

    @property
    def key_hash(self) -> bytes: ...


class Meeting:
    """The hellos and setups of one run, and what follows from them."""

    def __init__(self, invited: Sequence[Invited], index: int, study_hash: bytes) -> None:
        #: The run is fixed: who takes part does not change any more.
        self.opened = False
        self.run_id = b""
        self.keys: Keys | None = None
        #: Whose hello came, whatever it said.
        self.heard: set[int] = set()
        self.setups: dict[int, dict[str, Any]] = {}
        self._invited = invited
        self._index = index
        self._study_hash = study_hash
        self._own = Contribution(index)
        self._hellos: dict[int, Hello] = {index: self._own.hello(invited[index].name, study_hash, 0)}
        self._coins: dict[int, bytes] = {index: self._own.coin}

    def greeting(self, lane: Lane) -> dict[str, Any]:
        """Our hello; it says up to where we have the peer's frames."""
        return self._own.hello(self._invited[self._index].name, self._study_hash, lane.received).message()

    def knows(self, lane: Lane) -> bool:
        """Whether this peer's hello was accepted before."""
        return lane.index in self._hellos

    def read(self, lane: Lane, message: dict[str, Any]) -> Hello:
        """The peer's hello; AgreementError for another version of the protocol."""
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
        """Take a party in, or back: whether it was here before. Raises RemoteProtocolError, PeerLost."""
        if (hello.index, hello.name) != (lane.index, lane.name):
            raise RemoteProtocolError(f"a hello as party {hello.index} ({hello.name}), which it is not")
        if called_us != (lane.index > self._index):
            raise RemoteProtocolError("a call, although it is we who call it")
        known = self._hellos.get(lane.index)
        again = known is not None and known.contribution == hello.contribution
        if known is not None and not again:
            if self.opened:
                raise PeerLost(f"{lane.name} was restarted; it cannot rejoin a run", peer=lane.name)
            lane.reset()
            self.setups.pop(lane.index, None)
        if hello.received > lane.written:
            raise PeerLost(f"{lane.name} is in a run with an earlier process of ours. Start again", peer=lane.name)
        self._hellos[lane.index] = hello
        return again

    def open(self) -> bytes:
        """Fix the run: our setup, which opens our coin. Everybody's hello must be here."""
        self.opened = True
        self.run_id = agreement.run_id(self._all())
        return frames.canonical(agreement.setup_message(self._all(), self._own.coin))

    def take_setup(self, lane: Lane, message: dict[str, Any]) -> None:
        """Keep a peer's setup; it may come before we have met everybody."""
        if lane.index in self.setups:
            raise RemoteProtocolError("a second setup")
        self.setups[lane.index] = message

    def make_keys(self) -> bool:
        """Whether the keys are there now. Raises what `agreement.check_setup` raises."""
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
        self.keys = agreement.make_keys(self._own, hellos, coins, self._study_hash, key_hashes)
        return True

    def _all(self) -> list[Hello]:
        return [self._hellos[i] for i in range(len(self._invited))]
