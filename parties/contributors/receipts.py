"""Receipts: a compute party's signed word that it has verified and kept a contribution."""

from __future__ import annotations

from typing import Any

from mpc.errors import CheckFailed
from parties.net import frames
from parties.organization.identity import Card, Identity, verify


def receipt(
    identity: Identity, party: str, contributor: str, study: bytes, digest: bytes, number: int
) -> dict[str, Any]:
    """What the compute party `party` gives `contributor`."""
    body = _body(party, contributor, study, digest, number)
    return {**body, "signature": identity.sign("receipt", frames.canonical(body)).hex()}


def check_receipt(
    message: dict[str, Any], card: Card, contributor: str, study: bytes, digest: bytes, number: int
) -> None:
    """Raises CheckFailed where the receipt of the compute party of `card` is not one for this contribution."""
    body = _body(card.name, contributor, study, digest, number)
    signature = frames.octets(message, "signature", 64)
    same = all(message.get(key) == value for key, value in body.items())
    if not same or not verify(card.signing_key, "receipt", frames.canonical(body), signature):
        raise CheckFailed(f"{card.name} gave a receipt that is not one for this contribution")


def _body(party: str, contributor: str, study: bytes, digest: bytes, number: int) -> dict[str, Any]:
    return {
        "receipt": 1,
        "party": party,
        "contributor": contributor,
        "study": study.hex(),
        "contribution": digest.hex(),
        "number": number,
    }
