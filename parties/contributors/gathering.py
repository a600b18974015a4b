"""The compute parties wait until each has a contribution of every contributor, and agree which ones to use.

Four times a second each party sends all others what is new in its *inventory*: the submissions that it has come to hold
since. If nothing is new, the message has 37 bytes. Each party adds up what all have announced, and chooses by a public
rule (`parties.contributors.inventories`).

Each message begins with the hash of all messages of the tick before, which begin with the hash of those before them.
So a party that announces different things to others is detected a tick later, and no choice counts before that check.

Once all hold a submission of every contributor, they accept no more, send what is new once again, and choose. So a
submission for which all have given a receipt is never left unused.

A study can do without some of the enrolled contributors (`at_least`). Then the parties go on once the wait of each of
them is over, with those whose submissions all hold, if these are enough.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from hashlib import blake2b, sha256
from struct import Struct

import numpy as np

from mpc.errors import CheckFailed, PeerTimeout, RemoteProtocolError
from mpc.machine.channel import Bytes, Channel, tag_of
from parties.contributors.inbox import Contributor, Inbox
from parties.contributors.inventories import ENTRY, Inventories, packed, unpacked
from parties.text.some import SHOWN, some

_LABEL = blake2b(b"comity/1/contributions", digest_size=16).digest()
_TICK_S = 0.25
_LINGER_S = 1.0
_DIGEST = 32
#: The hash of the tick before, what the sender says of itself, and the number of its announcements in this tick.
_HEAD = Struct(">32sBI")
_OVER, _MORE = 1, 2
#: Most announcements of a tick; further ones follow in the next tick.
_MOST = 1 << 16
#: Of a long list of missing contributors so many are named.
_FEW = 3


async def gather(
    channel: Channel,
    inbox: Inbox,
    *,
    wait: float,
    status: Callable[[str], None],
    progressed: Callable[[], None],
    at_least: int | None = None,
) -> dict[int, bytes]:
    """The digests of the contributions to use, by owner. Afterwards the inbox is closed.

    at_least  so many of the enrolled contributors are enough once all parties have waited (default: all)

    Raises PeerTimeout once a party has waited `wait` seconds, naming the contributors whose submission is not at all
    compute parties; CheckFailed if a party announced different contributions to others; and RemoteProtocolError.
    """
    loop = asyncio.get_running_loop()
    begun = loop.time()
    files_read = last_status = begun - 1
    ticks = _Ticks(channel, [contributor.index for contributor in inbox.contributors])
    final: dict[int, bytes] | None = None
    while True:
        if loop.time() - files_read >= 1 and not inbox.closed:
            files_read = loop.time()
            for line in await asyncio.to_thread(inbox.read_files):
                status(line)
        said = await ticks.exchange(inbox, over=loop.time() - begun > wait)
        if final is not None:
            return final
        digests = ticks.inventories.chosen
        if _complete(inbox, digests, at_least, over=all(flags & _OVER for flags in said)):
            if inbox.closed and not any(flags & _MORE for flags in said):
                final = dict(digests)
                _report_newer(inbox, digests, status)
            inbox.close()
            continue
        inbox.reopen()
        enough = _complete(inbox, digests, at_least, over=True)
        if any(flags & _OVER for flags in said) and not enough:
            await asyncio.sleep(_LINGER_S)  # so that the others get our message before our farewell
            raise _timeout(_missing(inbox, digests), wait, at_least, len(digests))
        progressed()
        if loop.time() - last_status >= 1:
            last_status = loop.time()
            status(_waiting_for(inbox, digests, enough, last_status - begun))
        await asyncio.sleep(_TICK_S)


class _Ticks:
    """What the parties tell each other, tick by tick, and the inventories that follow."""

    def __init__(self, channel: Channel, owners: list[int]) -> None:
        self.inventories = Inventories(channel.parties, owners)
        self._channel = channel
        self._announced = 0
        self._before = bytes(_DIGEST)
        self._part = 0

    async def exchange(self, inbox: Inbox, *, over: bool) -> list[int]:
        """Tell all others what is new, and take what they tell; the flags of all parties, by index."""
        new = inbox.arrived(self._announced)
        self._announced += len(new[:_MOST])
        flags = _OVER * over | _MORE * (len(new) > _MOST)
        messages = await self._send(flags, packed(new[:_MOST]))
        said = []
        for party, (head, body) in enumerate(messages):
            before, flags, _ = _HEAD.unpack(head)
            if before != self._before:
                raise CheckFailed("the compute parties announced different contributions to each other")
            said.append(flags)
            self.inventories.add(party, unpacked(body))
        self._before = sha256(b"comity/1/inventories\0" + b"".join(h + b for h, b in messages)).digest()
        return said

    async def _send(self, flags: int, body: bytes) -> list[tuple[bytes, bytes]]:
        """Head and body of the messages of all parties in this tick, by index."""
        channel = self._channel
        head = _HEAD.pack(self._before, flags, len(body) // ENTRY)
        tags = tag_of(_LABEL, self._part), tag_of(_LABEL, self._part + 1)
        self._part += 2
        peers = [peer for peer in range(channel.parties) if peer != channel.index]
        for peer in peers:
            channel.send(peer, tags[0], _array(head))
            if body:
                channel.send(peer, tags[1], _array(body))
        messages = [(head, body)] * channel.parties
        for peer in peers:
            theirs = (await channel.receive(peer, tags[0], _HEAD.size)).tobytes()
            count = _HEAD.unpack(theirs)[2]
            if count > _MOST:
                raise RemoteProtocolError(f"party {peer} announced {count} contributions in one tick", peer=peer)
            more = (await channel.receive(peer, tags[1], count * ENTRY)).tobytes() if count else b""
            messages[peer] = theirs, more
        return messages


def _complete(inbox: Inbox, digests: Mapping[int, bytes], at_least: int | None, *, over: bool) -> bool:
    """Whether the run can begin: all hold a submission of every contributor, or when the wait is over, of enough."""
    if len(digests) == len(inbox.contributors):
        return True
    if at_least is None or not over:
        return False
    enrolled = 0
    for contributor in inbox.contributors:
        if contributor.index in digests:
            enrolled += contributor.enrolled
        elif not contributor.enrolled:
            return False
    return enrolled >= at_least


def _missing(inbox: Inbox, digests: Mapping[int, bytes]) -> list[str]:
    return [contributor.name for contributor in inbox.contributors if contributor.index not in digests]


def _waiting_for(inbox: Inbox, digests: Mapping[int, bytes], enough: bool, seconds: float) -> str:
    missing, total = _missing(inbox, digests), len(inbox.contributors)
    if len(missing) <= SHOWN:
        waiting = f"waiting for contributions of {', '.join(missing)}"
    else:
        waiting = f"waiting for {len(missing):,} of {total:,} contributions: {', '.join(missing[:_FEW])},"
    patience = " (enough are here; the run begins without the others when all compute parties have waited)"
    return f"{waiting} … {seconds:.0f} s{patience if enough else ''}"


def _timeout(missing: list[str], wait: float, at_least: int | None, here: int) -> PeerTimeout:
    enough = "" if at_least is None else f" ({here:,} are here; the study asks for {at_least:,} enrolled organizations)"
    return PeerTimeout(
        f"no contribution of {some(missing)} has come to all compute parties after {wait:g} s{enough}: "
        "`comity submit STUDY` there, and start the run again",
        peer=missing[0],
    )


def _array(raw: bytes) -> Bytes:
    return np.frombuffer(raw, np.uint8).copy()


def _report_newer(inbox: Inbox, digests: Mapping[int, bytes], status: Callable[[str], None]) -> None:
    newer = [c.name for c in inbox.contributors if _has_newer(inbox, c, digests)]
    if newer:
        status(
            f"{some(newer)}: a newer submission is here, but not at all compute parties. The newest one that all hold "
            "is used"
        )


def _has_newer(inbox: Inbox, contributor: Contributor, digests: Mapping[int, bytes]) -> bool:
    held = inbox.held(contributor.index)
    return bool(held) and held[-1].digest != digests.get(contributor.index)
