"""Connections that are cut, refused, stalled or lost, and processes that stop: what a run survives and what ends it."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from mpc.errors import (
    AgreementError,
    ComityError,
    LocalProtocolError,
    PeerLost,
    PeerTimeout,
    RemoteError,
    RemoteProtocolError,
)
from mpc.machine.channel import tag_of
from tests.support.party_lab import NAMES, Lab, run, until
from tests.support.tcp_proxy import Proxy

LABEL = bytes(range(16))


async def with_proxies(lab: Lab) -> list[Proxy]:
    """A proxy before each party: all calls go through them."""
    proxies = [Proxy(port) for port in lab.ports]
    lab.seen_ports = [await proxy.start() for proxy in proxies]
    return proxies


async def ring(session, rounds, size=1000, pause=0.0):
    """Dependent rounds around all parties; the result depends on every message."""
    n, channel = len(session.participants), session.channel
    value = np.full(size, session.index, np.uint8)
    for part in range(rounds):
        channel.send((session.index + 1) % n, tag_of(LABEL, part), value.copy())
        value = value * 3 + await channel.receive((session.index - 1) % n, tag_of(LABEL, part), size)
        if pause:
            await asyncio.sleep(pause)
    return value


def expected(n, rounds):
    values = np.arange(n, dtype=np.uint8)
    for _ in range(rounds):
        values = values * 3 + np.roll(values, 1)
    return values


@pytest.mark.parametrize("size", [10, 100_000])
@pytest.mark.parametrize("loop", ["uvloop", "asyncio"])
def test_connections_cut_again_and_again_change_nothing(size, loop):
    async def program():
        lab = Lab(3)
        proxies = await with_proxies(lab)
        sessions = await lab.open()

        async def cutter():
            for _ in range(8):
                await asyncio.sleep(0.06)
                for proxy in proxies:
                    proxy.cut()

        cutting = asyncio.ensure_future(cutter())
        results = await asyncio.gather(*(ring(session, 200, size, 0.003) for session in sessions))
        await cutting
        assert [result[0] for result in results] == list(expected(3, 200))
        assert all((result == result[0]).all() for result in results)
        assert any("reconnected" in line for line in lab.lines[2])
        await lab.finish()
        for proxy in proxies:
            await proxy.stop()

    run(program, loop=loop)


def test_cut_in_the_middle_of_much_data():
    async def program():
        lab = Lab(2)
        proxies = await with_proxies(lab)
        sessions = await lab.open()
        blocks = [np.random.default_rng(i).integers(0, 256, 1 << 20, dtype=np.uint8) for i in range(48)]
        for part, block in enumerate(blocks):
            for session in sessions:
                session.channel.send(1 - session.index, tag_of(LABEL, part), block)

        async def cutter():
            for step in range(1, 5):
                await until(lambda step=step: proxies[0].forwarded > step * 16 << 20, 10)
                proxies[0].cut()

        async def receiver(session):
            for part, block in enumerate(blocks):
                got = await session.channel.receive(1 - session.index, tag_of(LABEL, part), 1 << 20)
                assert np.array_equal(got, block)

        await asyncio.gather(cutter(), *(receiver(session) for session in sessions))
        await lab.finish()
        for proxy in proxies:
            await proxy.stop()

    run(program)


@pytest.mark.parametrize("how", ["refused", "stalled"])
def test_an_interruption_within_the_grace_period(how):
    async def program():
        lab = Lab(3)
        proxies = await with_proxies(lab)
        sessions = await lab.open(grace=3.0)
        work = [asyncio.ensure_future(ring(session, 100, pause=0.005)) for session in sessions]
        await asyncio.sleep(0.2)
        if how == "refused":
            proxies[0].refusing = True
            proxies[0].cut()
        else:
            proxies[0].stalled = True
        await asyncio.sleep(1.7)
        assert not work[1].done()
        proxies[0].refusing = proxies[0].stalled = False
        results = await asyncio.gather(*work)
        assert [result[0] for result in results] == list(expected(3, 100))
        await lab.finish()
        for proxy in proxies:
            await proxy.stop()

    run(program)


def test_an_interruption_beyond_the_grace_period_names_the_peer():
    async def program():
        lab = Lab(2)
        proxies = await with_proxies(lab)
        sessions = await lab.open(grace=1.0)
        waits = [asyncio.ensure_future(s.channel.receive(1 - s.index, tag_of(LABEL, 0), 5)) for s in sessions]
        proxies[0].refusing = True
        proxies[0].cut()
        start = time.monotonic()
        for index, wait in enumerate(waits):
            with pytest.raises(PeerLost, match=f"{NAMES[1 - index]} stopped answering 1 s ago") as lost:
                await asyncio.wait_for(wait, 15)
            assert lost.value.peer == NAMES[1 - index]
            assert lost.value.exit_code == 3
        assert time.monotonic() - start < 10
        await lab.finish()
        for proxy in proxies:
            await proxy.stop()

    run(program)


def test_a_connection_cut_while_the_study_starts():
    async def program():
        lab = Lab(3)
        proxies = await with_proxies(lab)
        early = [asyncio.ensure_future(lab.make(i).open()) for i in (0, 1)]
        await until(lambda: any("connected to north" in line for line in lab.lines[0]))
        proxies[0].cut()
        await until(lambda: any("lost the connection" in line for line in lab.lines[0]))
        await asyncio.gather(lab.make(2).open(), *early)
        results = await asyncio.gather(*(ring(session, 10) for session in lab.sessions.values()))
        assert {bytes(result[:1]) for result in results} == {bytes([value]) for value in expected(3, 10)}
        await lab.finish()
        for proxy in proxies:
            await proxy.stop()

    run(program)


def test_a_party_restarted_before_the_run_is_taken_in():
    async def program():
        lab = Lab(3)
        first, second = lab.make(0), lab.make(1)
        early = asyncio.ensure_future(first.open())
        gone = asyncio.ensure_future(second.open())
        await until(lambda: "connected to north" in lab.lines[0])
        gone.cancel()
        await second.finish()
        await asyncio.gather(lab.make(1).open(), lab.make(2).open(), early)
        assert len({session.run_id for session in lab.sessions.values()}) == 1
        await lab.finish()

    run(program)


def test_a_party_restarted_during_the_run_is_lost():
    async def program():
        lab = Lab(2)
        sessions = await lab.open(grace=3.0)
        sessions[1]._stop()
        for link in list(sessions[1].links.values()):
            link.abort()
        again = lab.make(1)
        opening = asyncio.ensure_future(again.open())
        with pytest.raises(PeerLost, match="north was restarted"):
            await asyncio.wait_for(sessions[0].channel.receive(1, tag_of(LABEL, 0), 1), 15)
        with pytest.raises(ComityError):
            await asyncio.wait_for(opening, 15)
        await asyncio.gather(lab.finish(), sessions[0].finish())

    run(program)


def test_small_messages_are_acknowledged_without_traffic_the_other_way():
    async def program():
        lab = Lab(2)
        sessions = await lab.open()
        for part in range(1000):
            sessions[0].channel.send(1, tag_of(LABEL, part), np.zeros(8, np.uint8))
        lane = sessions[0]._lanes[1]
        await until(lambda: lane.quiet)
        for part in range(1000):
            await sessions[1].channel.receive(0, tag_of(LABEL, part), 8)
        await lab.finish()

    run(program)


def test_too_much_that_nobody_asks_for(monkeypatch):
    monkeypatch.setattr("parties.net.lane.INBOX", 1 << 20)

    async def program():
        lab = Lab(2)
        sessions = await lab.open()
        for part in range(3000):
            sessions[0].channel.send(1, tag_of(LABEL, part), np.zeros(1, np.uint8))
        error = await asyncio.wait_for(sessions[1].failed, 15)
        assert isinstance(error, RemoteProtocolError)
        assert "county sent more than 1 MiB of messages that no operation" in str(error)
        await lab.finish()

    run(program)


def test_the_window_makes_a_sender_wait(monkeypatch):
    monkeypatch.setattr("parties.net.lane.WINDOW", 1 << 20)

    async def program():
        lab = Lab(2)
        proxies = await with_proxies(lab)
        sessions = await lab.open(grace=4.0)
        proxies[0].stalled = True
        assert sessions[1].channel.room(0) is None
        sessions[1].channel.send(0, tag_of(LABEL, 0), np.zeros(1 << 20, np.uint8))
        room = sessions[1].channel.room(0)
        await asyncio.sleep(0.3)
        assert not room.done()
        proxies[0].stalled = False
        await asyncio.wait_for(room, 15)
        await sessions[0].channel.receive(1, tag_of(LABEL, 0), 1 << 20)
        await lab.finish()
        for proxy in proxies:
            await proxy.stop()

    run(program)


def test_the_last_messages_arrive_although_the_connection_is_cut_at_the_end():
    async def program():
        lab = Lab(2)
        proxies = await with_proxies(lab)
        sessions = await lab.open(grace=4.0)
        proxies[0].refusing = True
        proxies[0].cut()
        sessions[0].channel.send(1, tag_of(LABEL, 0), np.ones(100, np.uint8))
        ending = asyncio.ensure_future(sessions[0].finish())
        await asyncio.sleep(0.3)
        proxies[0].refusing = False
        assert (await sessions[1].channel.receive(0, tag_of(LABEL, 0), 100)).all()
        await asyncio.wait_for(asyncio.gather(ending, sessions[1].finish()), 15)
        for proxy in proxies:
            await proxy.stop()

    run(program)


# Liveness


def test_scripts_that_went_different_ways_are_told_apart():
    async def program():
        lab = Lab(3)
        sessions = await lab.open(grace=7.0)
        waits = []
        for i, session in enumerate(sessions):
            session.attach(progress=lambda: 5, waiting=lambda i=i: (f"{i:032x}", f"study.py, line {10 + i}"))
            waits.append(asyncio.ensure_future(session.channel.receive((i + 1) % 3, bytes([i]) * 20, 8)))
        start = time.monotonic()
        for wait in waits:
            with pytest.raises(AgreementError, match="wait for each other") as found:
                await asyncio.wait_for(wait, 15)
            for i in range(3):
                assert f"{NAMES[i]} waits for {i:032x} (study.py, line {10 + i})" in str(found.value)
        assert time.monotonic() - start < 15
        await lab.finish()

    run(program)


def test_waiting_for_a_party_that_computes_is_no_divergence():
    async def program():
        lab = Lab(3)
        sessions = await lab.open(grace=7.0)
        for session in sessions[:2]:
            session.attach(progress=lambda: 5, waiting=lambda: ("00" * 16, "study.py, line 1"))
        sessions[2].attach(progress=lambda: 5, waiting=lambda: None)
        wait = asyncio.ensure_future(sessions[0].channel.receive(2, bytes(20), 8))
        await asyncio.sleep(3.6)
        assert not any(session.failed.done() for session in sessions)
        sessions[2].channel.send(0, bytes(20), np.zeros(8, np.uint8))
        await asyncio.wait_for(wait, 15)
        await lab.finish()

    run(program)


def test_a_peer_that_answers_without_progress_times_out():
    async def program():
        lab = Lab(2)
        sessions = await lab.open(stall=1.5, grace=7.0)
        sessions[0].attach(progress=lambda: 0, waiting=lambda: ("00" * 16, "study.py, line 1"))
        sessions[1].attach(progress=lambda: 0, waiting=lambda: None)
        with pytest.raises(PeerTimeout, match="north answers, but has made no progress"):
            await asyncio.wait_for(sessions[0].channel.receive(1, bytes(20), 8), 15)
        await lab.finish()

    run(program)


def test_progress_anywhere_is_no_stall():
    async def program():
        lab = Lab(2)
        sessions = await lab.open(stall=1.5, grace=7.0)
        sessions[0].attach(progress=lambda: 0, waiting=lambda: ("00" * 16, "study.py, line 1"))
        sessions[1].attach(progress=lambda: int(time.monotonic() * 10), waiting=lambda: None)
        wait = asyncio.ensure_future(sessions[0].channel.receive(1, bytes(20), 8))
        await asyncio.sleep(3)
        assert not wait.done()
        sessions[1].channel.send(0, bytes(20), np.zeros(8, np.uint8))
        await wait
        await lab.finish()

    run(program)


def test_waiting_for_a_party_that_has_ended():
    async def program():
        lab = Lab(3)
        sessions = await lab.open()
        wait = asyncio.ensure_future(sessions[0].channel.receive(1, bytes(20), 8))
        ending = asyncio.ensure_future(sessions[1].finish())
        with pytest.raises(AgreementError, match="north has ended its script"):
            await asyncio.wait_for(wait, 15)
        with pytest.raises(AgreementError, match="north has ended its script"):
            await sessions[0].channel.receive(1, bytes(20), 8)
        await ending
        # The others go on without it.
        sessions[0].channel.send(2, bytes(20), np.zeros(8, np.uint8))
        await sessions[2].channel.receive(0, bytes(20), 8)
        await asyncio.sleep(2.5)  # longer than the grace period: it is not lost, it has ended
        assert not sessions[0].failed.done()
        await lab.finish()

    run(program)


# Processes

PARTY = """
import asyncio, sys, time
import numpy as np
sys.path.insert(0, {root!r})
from tests.support import party_lab
from tests.support.party_lab import Lab, NAMES, run
from mpc.machine.channel import tag_of
from mpc.errors import ComityError
from parties.organization.identity import Identity
from pathlib import Path
index, ports, homes, grace = int(sys.argv[1]), eval(sys.argv[2]), eval(sys.argv[3]), float(sys.argv[4])
party_lab.identity = lambda number: Identity.load(Path(homes[number]))

async def main():
    lab = Lab(3)
    lab.ports = lab.seen_ports = ports
    session = lab.make(index, grace=grace)
    await session.open()
    print("open", flush=True)
    try:
        part = 0
        while True:
            session.channel.send((index + 1) % 3, tag_of(bytes(16), part), np.zeros(8, np.uint8))
            await session.channel.receive((index - 1) % 3, tag_of(bytes(16), part), 8)
            part += 1
            await asyncio.sleep(0.01)
    except ComityError as error:
        print(type(error).__name__, getattr(error, "peer", None), error, flush=True)
        await session.finish(error)
        sys.exit(error.exit_code)

run(main, seconds=60)
"""


def start_parties(grace):
    lab = Lab(3)
    from tests.support.party_lab import identity

    homes = [str(identity(i).home) for i in range(3)]
    script = PARTY.format(root=str(Path(__file__).parents[2]))
    return [
        subprocess.Popen(
            [sys.executable, "-c", script, str(i), repr(lab.ports), repr(homes), str(grace)],
            stdout=subprocess.PIPE,
            text=True,
        )
        for i in range(3)
    ]


@pytest.mark.parametrize(
    "number",
    [pytest.param(signal.SIGKILL, id="kill -9"), pytest.param(signal.SIGSTOP, id="SIGSTOP", marks=pytest.mark.slow)],
)
@pytest.mark.parametrize(
    "victim", [0, pytest.param(1, marks=pytest.mark.slow), pytest.param(2, marks=pytest.mark.slow)]
)
def test_a_process_that_is_gone_is_named_by_all_others(number, victim):
    parties = start_parties(4.0)
    try:
        for party in parties:
            assert party.stdout.readline() == "open\n"
        time.sleep(0.3)
        os.kill(parties[victim].pid, number)
        start = time.monotonic()
        for i, party in enumerate(parties):
            if i != victim:
                assert party.wait(timeout=20) == 3
                kind, peer, message = party.stdout.read().split(" ", 2)
                assert (kind, peer) == ("PeerLost", NAMES[victim]), message
        assert time.monotonic() - start < 4 + 6
    finally:
        for party in parties:
            party.kill()
            party.wait()
            party.stdout.close()


@pytest.mark.slow
def test_default_grace_ends_within_ten_seconds():
    parties = start_parties(7.0)
    try:
        for party in parties:
            assert party.stdout.readline() == "open\n"
        os.kill(parties[1].pid, signal.SIGKILL)
        start = time.monotonic()
        assert [parties[i].wait(timeout=30) for i in (0, 2)] == [3, 3]
        assert time.monotonic() - start < 10
    finally:
        for party in parties:
            party.kill()
            party.wait()
            party.stdout.close()


def test_remote_error_is_not_raised_for_a_lost_third_party():
    """One party finds a loss first; the other one names the lost party, too, not the messenger."""

    async def program():
        lab = Lab(3)
        sessions = await lab.open()
        await sessions[0].finish(PeerLost("st-mary stopped answering", peer="st-mary"))
        error = await asyncio.wait_for(sessions[1].failed, 15)
        assert type(error) is PeerLost
        assert error.peer == "st-mary"
        error = await asyncio.wait_for(sessions[2].failed, 15)
        assert type(error) is RemoteError
        assert "PeerLost about us" in str(error)
        await lab.finish()

    run(program)


def test_writing_to_a_message_after_sending_it_is_found_when_it_is_sent_again():
    async def program():
        lab = Lab(2)
        proxies = await with_proxies(lab)
        sessions = await lab.open()
        proxies[0].stalled = True
        payload = np.zeros(8, np.uint8)
        sessions[1].channel.send(0, tag_of(LABEL, 0), payload)
        await asyncio.sleep(0.05)
        payload[0] = 1
        proxies[0].cut()
        proxies[0].stalled = False
        error = await asyncio.wait_for(sessions[1].failed, 15)
        assert isinstance(error, LocalProtocolError)
        assert "changed after" in str(error)
        await lab.finish()
        for proxy in proxies:
            await proxy.stop()

    run(program)
