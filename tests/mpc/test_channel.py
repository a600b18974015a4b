"""The in-memory network: what it counts, and what it refuses. (Channels over TLS have the same suite elsewhere.)"""

from __future__ import annotations

import asyncio

import numpy as np
import pytest

from mpc.errors import RemoteProtocolError
from mpc.machine.channel import MAX_MESSAGE, MemoryNetwork, tag_of
from mpc.machine.party import Environment, Party, concurrently
from mpc.machine.simulation import simulate_parties, simulated_keys

LABEL = b"sixteen bytes ok"


def octets(*values):
    return np.asarray(values, np.uint8)


def test_messages_arrive_whichever_comes_first():
    net = MemoryNetwork(2)

    async def main():
        tag = tag_of(LABEL, 0)
        net.channels[0].send(1, tag, octets(1, 2, 3))
        early = await net.channels[1].receive(0, tag, 3)
        waiting = net.channels[0].receive(1, tag, 2)
        assert not waiting.done()
        net.channels[1].send(0, tag, octets(7, 8))
        return early, await waiting

    early, late = asyncio.run(main())
    assert (early.tolist(), late.tolist()) == ([1, 2, 3], [7, 8])
    assert early.flags.writeable
    assert net.bytes_sent == [3, 2]
    assert [(m[0], m[1], m[3]) for m in net.messages] == [(0, 1, 3), (1, 0, 2)]


def test_what_is_sent_is_copied():
    net = MemoryNetwork(2)
    payload = octets(1, 2)
    net.channels[0].send(1, tag_of(LABEL, 0), payload)
    payload[:] = 9

    async def main():
        return await net.channels[1].receive(0, tag_of(LABEL, 0), 2)

    assert asyncio.run(main()).tolist() == [1, 2]


@pytest.mark.parametrize("first", ["send", "receive"])
@pytest.mark.parametrize("expected", [0, 2, 4])
def test_another_length_names_the_peer(first, expected):
    net = MemoryNetwork(3)

    async def main():
        tag = tag_of(LABEL, 5)
        if first == "send":
            net.channels[2].send(1, tag, octets(1, 2, 3))
        wait = net.channels[1].receive(2, tag, expected)
        if first == "receive":
            net.channels[2].send(1, tag, octets(1, 2, 3))
        await wait

    with pytest.raises(RemoteProtocolError, match=f"3 bytes .* expected {expected}") as caught:
        asyncio.run(main())
    assert caught.value.peer == 2


@pytest.mark.parametrize("taken", [False, True])
def test_one_tag_twice_is_refused(taken):
    net = MemoryNetwork(2)

    async def main():
        tag = tag_of(LABEL, 0)
        net.channels[0].send(1, tag, octets(1))
        if taken:
            await net.channels[1].receive(0, tag, 1)
        net.channels[1].send(0, tag, octets(1))  # the other direction has tags of its own
        net.channels[0].send(1, tag, octets(1))

    with pytest.raises(RemoteProtocolError, match="twice"):
        asyncio.run(main())


def test_messages_are_bounded():
    net = MemoryNetwork(2)
    net.channels[0].send(1, tag_of(LABEL, 0), np.zeros(MAX_MESSAGE, np.uint8))
    with pytest.raises(ValueError, match="at most"):
        net.channels[0].send(1, tag_of(LABEL, 1), np.zeros(MAX_MESSAGE + 1, np.uint8))


def test_rounds_are_chains_of_dependent_messages():
    async def ping(party, hops, chain=0):
        for hop in range(hops):
            part = (chain << 16) + hop
            if hop % 2 == party.index:
                party.send(1 - party.index, part, octets(hop))
            else:
                await party.receive(1 - party.index, part, (1,), np.uint8)

    assert simulate_parties(lambda party: ping(party, 5), parties=2).network.rounds() == 5

    async def side_by_side(party):
        await concurrently(*(ping(party, 3, chain) for chain in range(4)))

    done = simulate_parties(side_by_side, parties=2)
    assert done.network.rounds() == 3
    assert done.network.bytes_sent == [8, 4]
    assert done.network.rounds(b"another label ok") == 0


def test_both_at_once_is_one_round():
    async def swap(party):
        party.send(1 - party.index, party.index, octets(party.index))
        return (await party.receive(1 - party.index, 1 - party.index, (1,), np.uint8)).tolist()

    done = simulate_parties(swap, parties=2)
    assert done.results == [[1], [0]]
    assert done.network.rounds() == 1


def test_the_first_error_ends_all_parties():
    async def program(party):
        if party.index == 1:
            raise RemoteProtocolError("bad", peer=0)
        await party.receive(1, 0, (1,), np.uint8)

    with pytest.raises(RemoteProtocolError, match="bad"):
        simulate_parties(program)


def test_tampering_reaches_the_receiver_only():
    def tamper(sender, receiver, tag, payload):
        if receiver == 2:
            return None
        return payload[:-1] if receiver == 0 else payload

    net = MemoryNetwork(3, tamper=tamper)

    async def main():
        tag = tag_of(LABEL, 0)
        for receiver in (0, 1, 2):
            if receiver != 1:
                net.channels[1].send(receiver, tag, octets(1, 2))
        lost = net.channels[2].receive(1, tag, 2)
        assert not lost.done()
        await net.channels[0].receive(1, tag, 2)

    with pytest.raises(RemoteProtocolError, match="1 bytes"):
        asyncio.run(main())
    assert net.bytes_sent == [0, 4, 0]


def test_a_failed_network_ends_waits_now_and_later():
    net = MemoryNetwork(2)

    async def main():
        wait = net.channels[0].receive(1, tag_of(LABEL, 0), 1)
        net.fail(RemoteProtocolError("over", peer=1))
        for one in (wait, net.channels[0].receive(1, tag_of(LABEL, 1), 1)):
            with pytest.raises(RemoteProtocolError, match="over"):
                await one

    asyncio.run(main())


def test_a_party_checks_shapes_and_numbers_inner_operations():
    net = MemoryNetwork(2)
    parties = [Party(Environment(net.channels[i], simulated_keys(i, 2, 1)), LABEL) for i in range(2)]

    async def main():
        parties[0].send(1, 3, np.arange(6, dtype=np.int64).reshape(2, 3))
        return await parties[1].receive(0, 3, (2, 3), np.int64)

    assert asyncio.run(main()).tolist() == [[0, 1, 2], [3, 4, 5]]
    inner = [parties[0].inner("x"), parties[0].inner("x"), parties[0].inner("y")]
    again = [parties[1].inner("x"), parties[1].inner("x"), parties[1].inner("y")]
    assert [p.label for p in inner] == [p.label for p in again]
    assert len({LABEL, *(p.label for p in inner)}) == 4
