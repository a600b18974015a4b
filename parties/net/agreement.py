"""What parties tell each other before the first byte of data, and the keys that follow from it.

Each party's *hello* carries the hash of its study and its values for this run: an incarnation (32 random bytes that
name this process in this run), a fresh X25519 key and a commitment to its part of the common coins. When all hellos
have come, the *setup* message opens the commitment and shows that all parties have seen the same values.
Left out: the difference of two studies in readable form, which the caller makes.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from mpc.errors import CheckFailed, RemoteProtocolError
from mpc.machine.labels import Streams
from mpc.machine.party import Keys
from parties.net.frames import number, octets, text

PROTOCOL_VERSION = 1


@dataclass(frozen=True)
class Hello:
    """A party's first message."""

    protocol: int
    index: int
    name: str
    study: bytes
    incarnation: bytes
    exchange: bytes
    commitment: bytes
    received: int

    def message(self) -> dict[str, Any]:
        return {
            "protocol": self.protocol,
            "index": self.index,
            "name": self.name,
            "study": self.study.hex(),
            "incarnation": self.incarnation.hex(),
            "exchange": self.exchange.hex(),
            "commitment": self.commitment.hex(),
            "received": self.received,
        }

    @classmethod
    def read(cls, message: dict[str, Any]) -> Hello:
        """The hello in `message`; RemoteProtocolError if a field is missing or malformed."""
        study, incarnation, exchange, commit = (
            octets(message, key, 32) for key in ("study", "incarnation", "exchange", "commitment")
        )
        return cls(
            number(message, "protocol"),
            number(message, "index"),
            text(message, "name", 60),
            study,
            incarnation,
            exchange,
            commit,
            number(message, "received"),
        )

    @property
    def run_values(self) -> bytes:
        """The party's values for this run, the same in its hellos to all others."""
        return self.incarnation + self.exchange + self.commitment


class RunSecrets:
    """This party's secrets for one run, from which the keys are made: its coin and its X25519 key."""

    def __init__(self, index: int) -> None:
        self.index = index
        self.incarnation = os.urandom(32)
        self.coin = os.urandom(32)
        self._exchange = X25519PrivateKey.generate()
        self.exchange = self._exchange.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        self.commitment = commitment(index, self.incarnation, self.coin)

    def hello(self, name: str, study: bytes, received: int) -> Hello:
        return Hello(
            PROTOCOL_VERSION, self.index, name, study, self.incarnation, self.exchange, self.commitment, received
        )

    def shared_with(self, hello: Hello) -> bytes:
        """The secret that only this party and the sender of `hello` can compute."""
        try:
            return self._exchange.exchange(X25519PublicKey.from_public_bytes(hello.exchange))
        except ValueError:  # a point of small order
            raise RemoteProtocolError(
                f"{hello.name} sent an invalid X25519 key (a point of small order)", peer=hello.name
            ) from None


def commitment(index: int, incarnation: bytes, coin: bytes) -> bytes:
    """Binds a party to its part of the common coins before it sees the parts of the others."""
    return sha256(b"comity/1/coin\0" + index.to_bytes(4, "big") + incarnation + coin).digest()


def run_id(hellos: Sequence[Hello]) -> bytes:
    """Hash of all incarnations, in index order."""
    return sha256(b"comity/1/run\0" + b"".join(hello.incarnation for hello in hellos)).digest()


def setup_message(hellos: Sequence[Hello], coin: bytes) -> dict[str, Any]:
    """The message that opens our coin and shows which values of all parties we have seen."""
    return {"run": run_id(hellos).hex(), "contributions": _hash_of_run_values(hellos).hex(), "coin": coin.hex()}


def check_setup(message: dict[str, Any], hellos: Sequence[Hello], sender: int) -> bytes:
    """The sender's coin. CheckFailed if it does not fit the commitment, RemoteProtocolError for another run."""
    name = hellos[sender].name
    same_run = octets(message, "run", 32) == run_id(hellos)
    if not same_run or octets(message, "contributions", 32) != _hash_of_run_values(hellos):
        raise RemoteProtocolError(
            f"{name} is in a run with other processes than we are: a party may have been restarted. "
            "Start the run again at all parties",
            peer=name,
        )
    coin = octets(message, "coin", 32)
    if commitment(sender, hellos[sender].incarnation, coin) != hellos[sender].commitment:
        raise CheckFailed(f"{name} opened a coin that does not fit its commitment", culprit=sender)
    return coin


def make_keys(
    secrets: RunSecrets, hellos: Sequence[Hello], coins: Sequence[bytes], study: bytes, key_hashes: Sequence[bytes]
) -> Keys:
    """The run's stream keys: one for each pair, a common one, and a private one from the operating system."""
    salt = run_id(hellos)
    pair: dict[int, Streams] = {}
    for peer, hello in enumerate(hellos):
        if peer == secrets.index:
            continue
        info = b"comity/1/pair\0" + study
        for i in sorted((secrets.index, peer)):
            info += i.to_bytes(4, "big") + key_hashes[i] + hellos[i].exchange + hellos[i].incarnation
        pair[peer] = Streams(_derive(secrets.shared_with(hello), salt, info))
    common = Streams(_derive(b"".join(coins), salt, b"comity/1/common\0" + study))
    return Keys(pair, common, Streams(os.urandom(16)))


def _hash_of_run_values(hellos: Sequence[Hello]) -> bytes:
    return sha256(b"comity/1/contributions\0" + b"".join(hello.run_values for hello in hellos)).digest()


def _derive(secret: bytes, salt: bytes, info: bytes) -> bytes:
    return HKDF(algorithm=SHA256(), length=16, salt=salt, info=info).derive(secret)
