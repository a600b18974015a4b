"""Results for organizations that do not compute: each compute party seals its part; the recipient combines the parts.

The plaintext of an envelope is the length of a small canonical JSON, this JSON with the public facts of the run, and
the party's words of all releases to this recipient, little-endian. The digest of the envelope is the id of the run:
only parts of the same run are combined.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from struct import Struct
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mpc.errors import CheckFailed, RemoteProtocolError
from mpc.releases.study import Study
from mpc.text import visible
from parties.contributors.sealing import seal, unseal
from parties.net import frames
from parties.organization.identity import Card, Identity
from parties.system.privacy import write_private

PURPOSE = "release"
FOLDER = "outgoing"
_MOST_FACTS = 1 << 20
_LENGTH = Struct("<I")


@dataclass(frozen=True)
class Facts:
    """The public facts of a run, as its compute parties report them."""

    rounds: int
    operations: int
    finished: str
    contributions: int
    left_out: tuple[str, ...]

    def message(self) -> dict[str, Any]:
        return {**vars(self), "left_out": list(self.left_out)}

    @classmethod
    def read(cls, message: dict[str, Any]) -> Facts:
        names = message.get("left_out")
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise RemoteProtocolError("facts of a run without a list of the organizations left out")
        number = frames.number
        return cls(
            number(message, "rounds"),
            number(message, "operations"),
            frames.text(message, "finished", 40),
            number(message, "contributions"),
            tuple(visible(name, 60) for name in names),
        )


def hand_out(
    identity: Identity, recipients: Sequence[Card], study: Study, facts: Facts, *, digest: bytes, run: bytes
) -> dict[str, bytes]:
    """At a compute party after the run: the envelope for each recipient that does not compute, by name."""
    number = time.time_ns()
    head = frames.canonical(facts.message())
    sealed = {}
    for card in recipients:
        words = study.part_for(card.name).astype("<u8", copy=False)
        plaintext = _LENGTH.pack(len(head)) + head + words.tobytes()
        sealed[card.name] = seal(
            identity, card, purpose=PURPOSE, study=digest, number=number, digest=run, plaintext=plaintext
        )
    return sealed


def store(home: Path, study: bytes, sealed: Mapping[str, bytes]) -> dict[str, Path]:
    """Keep envelopes until they are fetched: HOME/outgoing/STUDY/RECIPIENT.sealed, mode 0600."""
    folder = home / FOLDER / study.hex()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    paths = {}
    for name, envelope in sealed.items():
        paths[name] = folder / f"{name}.sealed"
        write_private(paths[name], envelope)
    return paths


def put_together(
    identity: Identity, senders: Sequence[Card], envelopes: Sequence[bytes], study: Study, name: str, *, digest: bytes
) -> Facts:
    """At the recipient `name`: combine the parts of all compute parties, in index order, into `study.results`.

    Raises the typed errors of `unseal`, RemoteProtocolError for a part of wrong length, and CheckFailed if the parts
    are of different runs, report different facts, or contradict each other.
    """
    size = 8 * study.part_words(name)
    runs, facts, parts = set(), set(), []
    for sender, envelope in zip(senders, envelopes, strict=True):
        most = _LENGTH.size + _MOST_FACTS + size
        header, plaintext = unseal(identity, sender, envelope, purpose=PURPOSE, study=digest, most=most)
        try:
            reported, words = _read(plaintext, size)
        except RemoteProtocolError as error:
            raise RemoteProtocolError(f"the part of {sender.name}: {error}", peer=sender.name) from None
        runs.add(header.digest)
        facts.add((reported.rounds, reported.operations, reported.contributions, reported.left_out))
        parts.append(words)
    if len(runs) > 1:
        raise CheckFailed(
            "the parts are from different runs of the study. Ask each compute party for its part of the last run"
        )
    if len(facts) > 1:
        raise CheckFailed("the compute parties report different facts about the run")
    study.deliver(name, parts)
    return reported


def _read(plaintext: bytes, size: int) -> tuple[Facts, NDArray[np.uint64]]:
    if len(plaintext) < _LENGTH.size:
        raise RemoteProtocolError("it is empty")
    (head,) = _LENGTH.unpack_from(plaintext)
    start = _LENGTH.size + head
    if head > _MOST_FACTS or len(plaintext) != start + size:
        raise RemoteProtocolError(f"it has {len(plaintext)} bytes, expected {size} for the releases besides its facts")
    facts = Facts.read(frames.parse(np.frombuffer(plaintext[_LENGTH.size : start], np.uint8)))
    return facts, np.frombuffer(plaintext[start:], "<u8").astype(np.uint64)
