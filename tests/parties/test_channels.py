"""One suite for all channels: in memory, and over TLS on both event loops."""

import asyncio
from collections.abc import Awaitable, Callable
from time import perf_counter

import numpy as np
import pytest

from mpc.errors import PeerLost, RemoteProtocolError
from mpc.machine.channel import MAX_MESSAGE, Channel, MemoryNetwork, tag_of
from parties.net.channel import SessionChannel
from parties.net.lane import Lane
from tests.support.party_lab import Lab, run

Program = Callable[[list[Channel]], Awaitable[None]]
LABEL = bytes(range(16))


@pytest.fixture(params=["memory", "uvloop", "asyncio"])
def on_channels(request):
    """Runs a program over the channels of n parties."""

    def runner(program: Program, parties: int = 3) -> None:
        async def in_memory() -> None:
            await program(list(MemoryNetwork(parties).channels))

        async def over_tls() -> None:
            lab = Lab(parties)
            sessions = await lab.open()
            try:
                await program([session.channel for session in sessions])
            finally:
                await lab.finish()

        if request.param == "memory":
            run(in_memory)
        else:
            run(over_tls, loop=request.param)

    return runner


def payload(size: int, start: int = 0) -> np.ndarray:
    return (np.arange(start, start + size) % 251).astype(np.uint8)


@pytest.mark.parametrize("size", [0, 1, 8, 16 << 10, (16 << 10) + 1, 300_001, MAX_MESSAGE])
def test_a_message_arrives_as_it_was_sent(on_channels, size):
    async def program(channels):
        channels[0].send(2, tag_of(LABEL, 1), payload(size))
        got = await channels[2].receive(0, tag_of(LABEL, 1), size)
        assert np.array_equal(got, payload(size))
        assert got.flags.writeable
        assert got.flags.c_contiguous
        assert got.ctypes.data % 8 == 0
        assert got.dtype == np.uint8

    on_channels(program)


def test_messages_are_found_by_tag_in_any_order(on_channels):
    async def program(channels):
        first = channels[1].receive(0, tag_of(LABEL, 7), 7)
        for part in range(20):
            channels[0].send(1, tag_of(LABEL, part), payload(part, part))
        for part in (19, 3, *range(4, 7), *range(8, 19), 0, 1, 2):
            assert np.array_equal(await channels[1].receive(0, tag_of(LABEL, part), part), payload(part, part))
        assert np.array_equal(await first, payload(7, 7))

    on_channels(program)


def test_the_same_tag_means_something_else_for_each_pair_and_direction(on_channels):
    async def program(channels):
        tag = tag_of(LABEL, 0)
        for i, channel in enumerate(channels):
            assert (channel.index, channel.parties) == (i, len(channels))
            for j in range(len(channels)):
                if i != j:
                    channel.send(j, tag, payload(8, 10 * i + j))
        for i, channel in enumerate(channels):
            for j in range(len(channels)):
                if i != j:
                    assert np.array_equal(await channel.receive(j, tag, 8), payload(8, 10 * j + i))

    on_channels(program, 4)


@pytest.mark.parametrize("early", [True, False])
def test_another_length_is_an_error(on_channels, early):
    async def program(channels):
        tag = tag_of(LABEL, 0)
        waiting = channels[0].receive(1, tag, 9) if early else None
        channels[1].send(0, tag, payload(8))
        if waiting is None:
            channels[1].send(0, tag_of(LABEL, 1), payload(1))
            await channels[0].receive(1, tag_of(LABEL, 1), 1)
            waiting = channels[0].receive(1, tag, 9)
        with pytest.raises(RemoteProtocolError, match=r"8 bytes under .* expected 9"):
            await waiting

    on_channels(program, 2)


def test_a_message_longer_than_allowed_is_not_sent(on_channels):
    async def program(channels):
        with pytest.raises(ValueError, match="at most"):
            channels[0].send(1, tag_of(LABEL, 0), np.zeros(MAX_MESSAGE + 1, np.uint8))

    on_channels(program, 2)


def test_a_cancelled_receiver_harms_nobody(on_channels):
    async def program(channels):
        task = asyncio.ensure_future(channels[0].receive(1, tag_of(LABEL, 0), 8))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.sleep(0)
        channels[1].send(0, tag_of(LABEL, 0), payload(8))
        channels[1].send(0, tag_of(LABEL, 1), payload(8))
        assert np.array_equal(await channels[0].receive(1, tag_of(LABEL, 1), 8), payload(8))

    on_channels(program, 2)


def test_much_at_once_in_both_directions(on_channels):
    """More than a window each way, with everybody waiting for room where there is none."""

    async def program(channels):
        count, size = 160, 512 << 10
        block = payload(size)

        async def out(channel, peer):
            for part in range(count):
                channel.send(peer, tag_of(LABEL, part), block)
                room = channel.room(peer)
                if room is not None:
                    await room

        async def into(channel, peer):
            for part in range(count):
                got = await channel.receive(peer, tag_of(LABEL, part), size)
                assert got[0] == block[0]
                assert got[-1] == block[-1]

        await asyncio.gather(out(channels[0], 1), out(channels[1], 0), into(channels[0], 1), into(channels[1], 0))

    on_channels(program, 2)


def test_many_dependent_rounds(on_channels):
    async def program(channels):
        async def party(channel):
            n, total = channel.parties, np.zeros(1, np.uint8)
            for part in range(300):
                channel.send((channel.index + 1) % n, tag_of(LABEL, part), total + 1)
                total = await channel.receive((channel.index - 1) % n, tag_of(LABEL, part), 1)
            assert total[0] == 300 % 256

        await asyncio.gather(*(party(channel) for channel in channels))

    on_channels(program)


def test_who_is_behind_hands_its_frames_over_before_it_goes_on():
    """A message that is there before it is asked for: its sender is ahead, and waits for ours."""

    class Peer:
        def __init__(self):
            self.queued, self.flushed = 0, []

        def put(self, kind, tag, payload):
            self.queued += 1

        def flush(self):
            if self.queued:
                self.flushed.append(self.queued)
            self.queued = 0

        def take(self, tag, size):
            future = asyncio.get_running_loop().create_future()
            if size:
                future.set_result(payload(size))
            return future

    async def program():
        peer = Peer()
        channel = SessionChannel(0, [None, peer], asyncio.get_running_loop())

        def round_of(size):
            channel.send(1, tag_of(LABEL, 0), payload(8))
            return channel.receive(1, tag_of(LABEL, 0), size)

        for _ in range(3):  # its messages are not there: ours leave together
            round_of(0)
        assert peer.flushed == []
        await asyncio.sleep(0)
        assert peer.flushed == [3]
        await asyncio.sleep(0.001)
        await round_of(8)
        assert peer.flushed == [3, 1]
        for _ in range(3):  # not more often than it pays
            channel._flushed = perf_counter() + 1
            round_of(8)
        assert peer.flushed == [3, 1]
        await asyncio.sleep(0)
        assert peer.flushed == [3, 1, 3]

    run(program)


def test_who_drives_an_operation_is_called_in_the_turn_in_which_its_message_comes():
    async def program():
        lane = Lane(1, "north", lambda lane: None)
        called = []
        first, second, third = (lane.take(tag_of(LABEL, part), 8) for part in range(3))
        first.then = second.then = third.then = called.append
        lane.deliver(1, tag_of(LABEL, 1), payload(8))
        assert called == [second]
        third.cancel()
        lane.deliver(2, tag_of(LABEL, 2), payload(8))  # nobody wants it any more
        assert called == [second]
        lane.fail(PeerLost("north is lost", peer="north"))  # an end is told in a turn of its own
        assert called == [second]
        await asyncio.sleep(0)
        assert called == [second, first]
        with pytest.raises(PeerLost):
            await first

    run(program)
