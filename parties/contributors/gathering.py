"""The compute parties wait until each has a contribution of everybody, and settle on the same ones.

Four times a second each tells every other one its *inventory*: which submissions it holds. The choice is a public
function of all inventories, which each party computes for itself: of each organization the newest submission that all
hold. Each message begins with the hash of all inventories of the tick before, so a party that tells the others
different things is found a tick later, and no choice counts before it is confirmed so.

Once there is one of everybody, all take nothing any more, tell their inventories once again, and choose by these: so
a submission for which all have given a receipt is never passed over.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from hashlib import blake2b, sha256

import numpy as np

from mpc.errors import CheckFailed, PeerTimeout
from mpc.machine.channel import Channel, tag_of
from parties.contributors.inbox import KEPT, Inbox

_LABEL = blake2b(b"comity/1/contributions", digest_size=16).digest()
_TICK_S = 0.25
_LINGER_S = 1.0
_DIGEST = 32
_ENTRY = _DIGEST + 8  # a digest and a number
_NONE = bytes(_DIGEST)


async def gather(
    channel: Channel, inbox: Inbox, *, wait: float, status: Callable[[str], None], progressed: Callable[[], None]
) -> dict[int, bytes]:
    """The digests of the contributions to be used, by owner; the inbox is closed then.

    Raises PeerTimeout that names who has not contributed to all compute parties after `wait` seconds at one of them,
    and CheckFailed where a party announced different contributions to others.
    """
    loop = asyncio.get_running_loop()
    begun = loop.time()
    looked = told = begun - 1
    before = _NONE
    part = 0
    final: dict[int, bytes] | None = None
    while True:
        if loop.time() - looked >= 1 and not inbox.closed:
            looked = loop.time()
            for line in await asyncio.to_thread(inbox.look):
                status(line)
        heard = await _exchange(channel, part, before + inventory(inbox, over=loop.time() - begun > wait))
        part += 1
        if any(message[:_DIGEST] != before for message in heard):
            raise CheckFailed("the compute parties announced different contributions to each other")
        if final is not None:
            return final
        before = sha256(b"comity/1/inventories\0" + b"".join(heard)).digest()
        inventories = [message[_DIGEST:] for message in heard]
        digests = choose([one.index for one in inbox.contributors], inventories)
        missing = [one.name for one in inbox.contributors if one.index not in digests]
        if not missing:
            if inbox.closed:
                final = digests
                _newer(inbox, digests, status)
            inbox.close()
            continue
        inbox.reopen()
        if any(one[0] for one in inventories):
            await asyncio.sleep(_LINGER_S)  # so that the others have our message before they hear that we ended
            raise PeerTimeout(
                f"no contribution of {', '.join(missing)} has come to all compute parties after {wait:g} s: "
                "`comity submit STUDY` there, and start again",
                peer=missing[0],
            )
        progressed()
        if loop.time() - told >= 1:
            told = loop.time()
            status(f"waiting for contributions of {', '.join(missing)} … {told - begun:.0f} s")
        await asyncio.sleep(_TICK_S)


def inventory(inbox: Inbox, *, over: bool) -> bytes:
    """What a party announces: whether it has waited long enough, then digest and number of all that it holds."""
    out = bytearray((over,))
    for one in inbox.contributors:
        held = inbox.held(one.index)[-KEPT:]
        for received in held:
            out += received.digest + received.number.to_bytes(8, "big")
        out += bytes(_ENTRY * (KEPT - len(held)))
    return bytes(out)


def choose(owners: Sequence[int], inventories: Sequence[bytes]) -> dict[int, bytes]:
    """Of each owner the digest of the newest submission that stands in every inventory with the same number.

    Owners of which there is none are left out. Every party has a part in it: none can put in what another one has not.
    """
    found = {}
    for place, owner in enumerate(owners):
        common = set.intersection(*(_entries(raw, place) for raw in inventories))
        if common:
            found[owner] = max(common)[1]
    return found


def _entries(raw: bytes, place: int) -> set[tuple[int, bytes]]:
    """(number, digest) of what an inventory holds of the owner at this place."""
    found = set()
    for k in range(KEPT):
        start = 1 + _ENTRY * (KEPT * place + k)
        digest, number = raw[start : start + _DIGEST], raw[start + _DIGEST : start + _ENTRY]
        if digest != _NONE:
            found.add((int.from_bytes(number, "big"), digest))
    return found


async def _exchange(channel: Channel, part: int, message: bytes) -> list[bytes]:
    """All parties' messages of this tick, by index."""
    tag = tag_of(_LABEL, part)
    peers = [peer for peer in range(channel.parties) if peer != channel.index]
    for peer in peers:
        channel.send(peer, tag, np.frombuffer(message, np.uint8).copy())
    heard = [message] * channel.parties
    for peer in peers:
        heard[peer] = (await channel.receive(peer, tag, len(message))).tobytes()
    return heard


def _newer(inbox: Inbox, digests: Mapping[int, bytes], status: Callable[[str], None]) -> None:
    for one in inbox.contributors:
        if inbox.held(one.index)[-1].digest != digests[one.index]:
            status(f"{one.name} has a newer submission here, which has not come to all: the one that all hold is used")
