"""The compute parties wait until each has a contribution of every contributor, and agree which ones to use.

Four times a second each party sends all others its *inventory*: which submissions it holds. The choice is a public
function of all inventories, and each party computes it: for each contributor the newest submission that all hold.
Each message begins with the hash of all inventories of the tick before. So a party that sends different inventories
to others is detected a tick later, and no choice counts before that check.

Once all hold a submission of every contributor, they accept no more, send their inventories once again, and choose
from these. So a submission for which all have given a receipt is never left unused.
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
_NO_DIGEST = bytes(_DIGEST)


async def gather(
    channel: Channel, inbox: Inbox, *, wait: float, status: Callable[[str], None], progressed: Callable[[], None]
) -> dict[int, bytes]:
    """The digests of the contributions to use, by owner. Afterwards the inbox is closed.

    Raises PeerTimeout once a party has waited `wait` seconds, naming the contributors whose submission is not at all
    compute parties; and CheckFailed if a party announced different contributions to others.
    """
    loop = asyncio.get_running_loop()
    begun = loop.time()
    files_read = last_status = begun - 1
    before = _NO_DIGEST
    part = 0
    final: dict[int, bytes] | None = None
    while True:
        if loop.time() - files_read >= 1 and not inbox.closed:
            files_read = loop.time()
            for line in await asyncio.to_thread(inbox.read_files):
                status(line)
        heard = await _exchange(channel, part, before + inventory(inbox, over=loop.time() - begun > wait))
        part += 1
        if any(message[:_DIGEST] != before for message in heard):
            raise CheckFailed("the compute parties announced different contributions to each other")
        if final is not None:
            return final
        before = sha256(b"comity/1/inventories\0" + b"".join(heard)).digest()
        inventories = [message[_DIGEST:] for message in heard]
        digests = choose([contributor.index for contributor in inbox.contributors], inventories)
        missing = [contributor.name for contributor in inbox.contributors if contributor.index not in digests]
        if not missing:
            if inbox.closed:
                final = digests
                _report_newer(inbox, digests, status)
            inbox.close()
            continue
        inbox.reopen()
        if any(inventory[0] for inventory in inventories):
            await asyncio.sleep(_LINGER_S)  # so that the others get our message before our farewell
            raise PeerTimeout(
                f"no contribution of {', '.join(missing)} has come to all compute parties after {wait:g} s: "
                "`comity submit STUDY` there, and start the run again",
                peer=missing[0],
            )
        progressed()
        if loop.time() - last_status >= 1:
            last_status = loop.time()
            status(f"waiting for contributions of {', '.join(missing)} … {last_status - begun:.0f} s")
        await asyncio.sleep(_TICK_S)


def inventory(inbox: Inbox, *, over: bool) -> bytes:
    """A party's inventory: whether its wait is over, then digest and number of each submission that it holds."""
    out = bytearray((over,))
    for contributor in inbox.contributors:
        held = inbox.held(contributor.index)[-KEPT:]
        for received in held:
            out += received.digest + received.number.to_bytes(8, "big")
        out += bytes(_ENTRY * (KEPT - len(held)))
    return bytes(out)


def choose(owners: Sequence[int], inventories: Sequence[bytes]) -> dict[int, bytes]:
    """For each owner, the digest of the newest submission that is in all inventories with the same number.

    Owners without such a submission are left out. So no party can choose a submission that another party does not hold.
    """
    chosen = {}
    for position, owner in enumerate(owners):
        common = set.intersection(*(_entries(raw, position) for raw in inventories))
        if common:
            chosen[owner] = max(common)[1]
    return chosen


def _entries(raw: bytes, position: int) -> set[tuple[int, bytes]]:
    """(number, digest) of each submission in an inventory, for the owner at this position."""
    entries = set()
    for k in range(KEPT):
        start = 1 + _ENTRY * (KEPT * position + k)
        digest, number = raw[start : start + _DIGEST], raw[start + _DIGEST : start + _ENTRY]
        if digest != _NO_DIGEST:
            entries.add((int.from_bytes(number, "big"), digest))
    return entries


async def _exchange(channel: Channel, part: int, message: bytes) -> list[bytes]:
    """The messages of all parties in this tick, by index."""
    tag = tag_of(_LABEL, part)
    peers = [peer for peer in range(channel.parties) if peer != channel.index]
    for peer in peers:
        channel.send(peer, tag, np.frombuffer(message, np.uint8).copy())
    heard = [message] * channel.parties
    for peer in peers:
        heard[peer] = (await channel.receive(peer, tag, len(message))).tobytes()
    return heard


def _report_newer(inbox: Inbox, digests: Mapping[int, bytes], status: Callable[[str], None]) -> None:
    for contributor in inbox.contributors:
        if inbox.held(contributor.index)[-1].digest != digests[contributor.index]:
            status(
                f"{contributor.name} has a newer submission here, but not at all compute parties: the newest one that "
                "all hold is used"
            )
