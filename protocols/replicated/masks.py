"""Masks from the streams of a party's keys; each protocol names the purposes of its streams."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from mpc.machine.party import Party
from protocols.replicated.sharing import Words

ZERO = b"zero"


def words(party: Party, peer: int, purpose: bytes, part: int, n: int) -> Words:
    """n fresh words from the stream of the key shared with `peer`."""
    out = np.empty(n, np.uint64)
    party.keys.pair[peer].fill(out, party.label, purpose, part)
    return out


def draw(party: Party, peer: int, purpose: bytes, part: int, n: int, kind: DTypeLike) -> NDArray[Any]:
    """As `words`, in another unsigned type; all bits of that type are mask bits."""
    out = np.empty(n, kind)
    party.keys.pair[peer].fill(out, party.label, purpose, part)
    return out


def zero_share(party: Party, part: int, out: NDArray[Any]) -> None:
    """Overwrite `out` with this party's part of a fresh sharing of zero. Local.

    Ring      that of out's type, modulo 2^bits
    Security  each peer lacks one of the two streams, so this part is uniform to that peer
    Source    Araki, Furukawa, Lindell, Nof, Ohara, CCS 2016
    """
    np.subtract(out, _two_streams(party, part, out), out)


def zero_bits(party: Party, part: int, out: NDArray[Any]) -> None:
    """As `zero_share`, for exclusive or."""
    np.bitwise_xor(out, _two_streams(party, part, out), out)


def _two_streams(party: Party, part: int, out: NDArray[Any]) -> NDArray[Any]:
    """Fill `out` from the key shared with the next party; return the stream of the key shared with the party before."""
    before = np.empty_like(out)
    party.keys.pair[(party.index + 1) % 3].fill(out, party.label, ZERO, part)
    party.keys.pair[(party.index + 2) % 3].fill(before, party.label, ZERO, part)
    return before
