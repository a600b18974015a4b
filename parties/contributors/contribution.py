"""A contribution: the data that an organization which does not compute submits, and how compute parties read it.

The organization deals its vector into the pieces of the study's engine. All compute parties get the same *manifest*:
study, owner, number, size, layout, and a commitment to each piece. Its hash is the contribution's digest, by which
compute parties make sure that they use the same contribution. The envelope for a compute party holds the manifest and
the pieces for this party, each behind 32 random bytes that keep its commitment from being guessed.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from struct import Struct
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mpc.errors import CheckFailed, RemoteProtocolError
from mpc.machine.engine import Engine, Integers
from mpc.machine.outside import Dealt, Layout
from parties.contributors.sealing import Header, seal, unseal
from parties.net import frames
from parties.organization.identity import Card, Identity

PURPOSE = "contribution"
SALT = 32
#: A manifest has some hundred bytes, and 64 for each piece.
MAX_MANIFEST = 16 << 10
_LENGTH = Struct("<I")


@dataclass(frozen=True)
class Prepared:
    """A contribution ready to submit: its digest and number, and the envelope for each compute party, by name."""

    digest: bytes
    number: int
    values: int
    envelopes: Mapping[str, bytes]


@dataclass(frozen=True)
class Received:
    """A contribution as a compute party has received it."""

    owner: int
    number: int
    digest: bytes
    dealt: Dealt


def prepare(
    identity: Identity,
    cards: Mapping[str, Card],
    engine: Engine,
    vector: Integers,
    *,
    owner: int,
    study: bytes,
    layout: Layout,
    number: int,
) -> Prepared:
    """Deal a vector and seal the pieces.

    cards   the cards of the compute parties by name, in index order
    number  must grow from one submission to the next
    """
    kinds = engine.pieces(vector.size)
    pieces = engine.deal(vector, os.urandom)
    salted = [os.urandom(SALT) + piece.tobytes() for piece in pieces]
    manifest = frames.canonical(
        {
            "study": study.hex(),
            "owner": owner,
            "number": number,
            "values": vector.size,
            "layout": layout.digest(owner).hex(),
            "pieces": [_commitment(i, piece).hex() for i, piece in enumerate(salted)],
        }
    )
    digest = _digest(manifest)
    envelopes = {}
    for index, (name, card) in enumerate(cards.items()):
        pieces_here = [piece for piece, kind in zip(salted, kinds, strict=True) if index in kind.holders]
        plaintext = b"".join((_LENGTH.pack(len(manifest)), manifest, *pieces_here))
        envelopes[name] = seal(
            identity, card, purpose=PURPOSE, study=study, number=number, digest=digest, plaintext=plaintext
        )
    return Prepared(digest, number, vector.size, envelopes)


def most_bytes(engine: Engine, index: int, values: int) -> int:
    """The largest plaintext for compute party `index`, in bytes."""
    salted = sum(kind.octets + SALT for kind in engine.pieces(values) if index in kind.holders)
    return _LENGTH.size + MAX_MANIFEST + salted


def read(
    identity: Identity,
    sender: Card,
    envelope: bytes | memoryview,
    engine: Engine,
    *,
    index: int,
    owner: int,
    study: bytes,
    layout: Layout,
) -> Received:
    """Verify and read the contribution of `owner` at compute party `index`.

    Raises the typed errors of `unseal`, RemoteProtocolError if it is malformed or does not fit the study, and
    CheckFailed if it does not fit its commitments.
    """
    values = layout.size(owner)
    most = most_bytes(engine, index, values)
    header, plaintext = unseal(identity, sender, envelope, purpose=PURPOSE, study=study, most=most)
    try:
        return _read(header, plaintext, engine, index=index, owner=owner, layout=layout, values=values)
    except RemoteProtocolError as error:
        raise RemoteProtocolError(f"the contribution of {sender.name}: {error}", peer=sender.name) from None


def _read(
    header: Header, plaintext: bytes, engine: Engine, *, index: int, owner: int, layout: Layout, values: int
) -> Received:
    view = memoryview(plaintext)
    if len(view) < _LENGTH.size:
        raise RemoteProtocolError("it is empty")
    (size,) = _LENGTH.unpack_from(view)
    start = _LENGTH.size + size
    if size > MAX_MANIFEST or start > len(view):
        raise RemoteProtocolError("its manifest is cut off")
    raw = bytes(view[_LENGTH.size : start])
    if _digest(raw) != header.digest:
        raise CheckFailed("the manifest of a contribution does not fit the digest on its envelope")
    manifest = frames.parse(np.frombuffer(raw, np.uint8))
    kinds = engine.pieces(values)
    commitments = _commitments(manifest, len(kinds))
    for key, expected in (("owner", owner), ("number", header.number)):
        if frames.number(manifest, key) != expected:
            raise RemoteProtocolError(f"its manifest says {key} {manifest[key]}, expected {expected}")
    if frames.octets(manifest, "study", 32) != header.study:
        raise RemoteProtocolError("its manifest is for another study than its envelope")
    same = frames.octets(manifest, "layout", 32) == layout.digest(owner)
    if not same or frames.number(manifest, "values") != values:
        raise RemoteProtocolError(
            "it has other values than the study asks for. Was it made with another version of Comity?"
        )
    pieces: list[NDArray[np.uint8] | None] = []
    for i, kind in enumerate(kinds):
        if index not in kind.holders:
            pieces.append(None)
            continue
        end = start + SALT + kind.octets
        if end > len(view):
            raise RemoteProtocolError(f"piece {i} is cut off")
        if _commitment(i, view[start:end]) != commitments[i]:
            raise CheckFailed(f"piece {i} of a contribution does not fit its commitment")
        pieces.append(np.frombuffer(view[start + SALT : end], np.uint8).copy())
        start = end
    if start != len(view):
        raise RemoteProtocolError(f"{len(view) - start} bytes too many")
    return Received(owner, header.number, header.digest, Dealt(owner, tuple(pieces)))


def _commitments(manifest: dict[str, Any], count: int) -> list[bytes]:
    entries = manifest.get("pieces")
    if not isinstance(entries, list) or len(entries) != count:
        raise RemoteProtocolError(f"it does not have the {count} pieces of this engine")
    return [frames.octets({"pieces": entry}, "pieces", 32) for entry in entries]


def _digest(manifest: bytes) -> bytes:
    return sha256(b"comity/1/contribution\0" + manifest).digest()


def _commitment(index: int, salted: bytes | memoryview) -> bytes:
    return sha256(b"comity/1/piece\0" + index.to_bytes(4, "big") + salted).digest()
