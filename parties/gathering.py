"""The compute parties wait until each has a contribution of everybody, and settle on the same ones.

Four times a second each tells the first of them which submissions it holds, and the first one answers which it would
use: of each organization the newest that all of them have. Once there is one of everybody, that answer is the choice,
and all parties compare its hash before they compute. A contribution that comes later is not in it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from hashlib import blake2b, sha256

import numpy as np
from numpy.typing import NDArray

from mpc.channel import Channel, tag_of
from mpc.errors import CheckFailed, PeerTimeout
from parties.inbox import KEPT, Inbox

_LABEL = blake2b(b"comity/1/contributions", digest_size=16).digest()
_SETTLED = blake2b(b"comity/1/contributions settled", digest_size=16).digest()
_TICK_S = 0.25
_LINGER_S = 1.0
_ENTRY = 40  # a digest and a number
_GO_ON, _CHOSEN, _OVER = range(3)
_NONE = bytes(32)

Held = Mapping[int, Mapping[bytes, int]]


async def gather(
    channel: Channel, inbox: Inbox, *, wait: float, status: Callable[[str], None], progressed: Callable[[], None]
) -> dict[int, bytes]:
    """The digests of the contributions to be used, by owner. Raises PeerTimeout that names who has not contributed to
    all compute parties after `wait` seconds at one of them, and CheckFailed where parties would use different ones."""
    loop = asyncio.get_running_loop()
    begun = loop.time()
    told = looked = begun - 1
    part = 0
    while True:
        if loop.time() - looked >= 1:
            looked = loop.time()
            await asyncio.to_thread(inbox.look)
        over = loop.time() - begun > wait
        state, digests = await _tick(channel, inbox, part, over)
        missing = [one.name for one in inbox.contributors if digests[one.index] == _NONE]
        if state == _CHOSEN:
            break
        if state == _OVER:
            await asyncio.sleep(_LINGER_S)  # so that the others have this answer, too, before they hear that we ended
            raise PeerTimeout(
                f"no contribution of {', '.join(missing)} has come to all compute parties after {wait:g} s: "
                "`comity submit STUDY` there, and start again",
                peer=missing[0] if missing else None,
            )
        progressed()
        if loop.time() - told >= 1:
            told = loop.time()
            status(f"waiting for contributions of {', '.join(missing)} … {told - begun:.0f} s")
        part += 1
        await asyncio.sleep(_TICK_S)
    await _same(channel, digests)
    return digests


async def _tick(channel: Channel, inbox: Inbox, part: int, over: bool) -> tuple[int, dict[int, bytes]]:
    tag = tag_of(_LABEL, part)
    owners = [one.index for one in inbox.contributors]
    own = _inventory(inbox, over)
    answer_bytes = 1 + 32 * len(owners)
    if channel.index:
        channel.send(0, tag, own)
        answer = await channel.receive(0, tag, answer_bytes)
    else:
        others = [await channel.receive(peer, tag, own.size) for peer in range(1, channel.parties)]
        answer = _answer(owners, [own, *others])
        for peer in range(1, channel.parties):
            channel.send(peer, tag, answer)
    raw = answer.tobytes()
    return raw[0], {owner: raw[1 + 32 * i : 33 + 32 * i] for i, owner in enumerate(owners)}


def _inventory(inbox: Inbox, over: bool) -> NDArray[np.uint8]:
    out = bytearray((over,))
    for one in inbox.contributors:
        held = inbox.held(one.index)
        for received in held:
            out += received.digest + received.number.to_bytes(8, "big")
        out += bytes(_ENTRY * (KEPT - len(held)))
    return np.array(out, np.uint8)


def _answer(owners: list[int], inventories: list[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    """The first party's choice: state and a digest for each owner, zeros where there is none yet."""
    held = [_read(owners, raw.tobytes()) for raw in inventories]
    out = bytearray(1)
    complete = True
    for owner in owners:
        common = set.intersection(*(set(one[owner]) for one in held))
        newest = max(common, key=lambda digest: held[0][owner][digest], default=_NONE)
        complete = complete and newest != _NONE
        out += newest
    over = any(raw[0] for raw in inventories)
    out[0] = _CHOSEN if complete else _OVER if over else _GO_ON
    return np.array(out, np.uint8)


def _read(owners: list[int], raw: bytes) -> Held:
    found: dict[int, dict[bytes, int]] = {}
    for i, owner in enumerate(owners):
        found[owner] = {}
        for k in range(KEPT):
            start = 1 + _ENTRY * (KEPT * i + k)
            digest = raw[start : start + 32]
            if digest != _NONE:
                found[owner][digest] = int.from_bytes(raw[start + 32 : start + _ENTRY], "big")
    return found


async def _same(channel: Channel, digests: Mapping[int, bytes]) -> None:
    joint = sha256(b"comity/1/contributions\0" + b"".join(digests.values())).digest()
    tag = tag_of(_SETTLED, 0)
    peers = [peer for peer in range(channel.parties) if peer != channel.index]
    for peer in peers:
        channel.send(peer, tag, np.frombuffer(joint, np.uint8).copy())
    for peer in peers:
        if (await channel.receive(peer, tag, len(joint))).tobytes() != joint:
            raise CheckFailed("the compute parties would use different contributions", culprit=peer)
