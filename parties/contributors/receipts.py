"""Receipts: a compute party's signed statement that it has verified and kept a contribution."""

from __future__ import annotations

from typing import Any

from mpc.errors import CheckFailed
from parties.net import frames
from parties.organization.identity import Card, Identity, verify


def receipt(
    identity: Identity, party: str, contributor: str, study: bytes, digest: bytes, number: int
) -> dict[str, Any]:
    """The receipt of the compute party `party` for `contributor`."""
    body = _body(party, contributor, study, digest, number)
    return {**body, "signature": identity.sign("receipt", frames.canonical(body)).hex()}


def check_receipt(
    message: dict[str, Any], card: Card, contributor: str, study: bytes, digest: bytes, number: int
) -> None:
    """CheckFailed if `message` is not a receipt of the compute party of `card` for this contribution."""
    body = _body(card.name, contributor, study, digest, number)
    signature = frames.octets(message, "signature", 64)
    same = all(message.get(key) == value for key, value in body.items())
    if not same or not verify(card.signing_key, "receipt", frames.canonical(body), signature):
        raise CheckFailed(f"{card.name} sent a receipt that does not fit this contribution")


def _body(party: str, contributor: str, study: bytes, digest: bytes, number: int) -> dict[str, Any]:
    return {
        "receipt": 1,
        "party": party,
        "contributor": contributor,
        "study": study.hex(),
        "contribution": digest.hex(),
        "number": number,
    }
