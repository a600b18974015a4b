"""Agreement, keys, and who is refused how."""

import asyncio
import json
import ssl
import time
from contextlib import contextmanager, suppress

import numpy as np
import pytest

from mpc.errors import (
    AgreementError,
    AuthenticationError,
    CheckFailed,
    ComityError,
    ConfigError,
    PeerLost,
    PeerTimeout,
    RemoteError,
    RemoteProtocolError,
)
from mpc.machine.channel import tag_of
from parties.net import agreement, frames, places, tls
from parties.net.agreement import RunSecrets
from parties.net.session import Participant
from tests.support.party_lab import NAMES, STUDY, STUDY_HASH, Lab, identity, participants, run, until


def draw(stream, purpose=b"test"):
    out = np.empty(32, np.uint8)
    stream.fill(out, bytes(16), purpose)
    return out.tobytes()


async def outcome(session):
    """How opening ended; the session is finished then."""
    try:
        await session.open()
        return session
    except ComityError as error:
        await session.finish(error)
        return error


@pytest.mark.parametrize("n", [2, 3, 5])
def test_all_parties_have_the_same_run_and_matching_keys(n):
    async def program():
        lab = Lab(n)
        sessions = await lab.open()
        assert len({s.run_id for s in sessions}) == 1
        assert len({draw(s.keys.common) for s in sessions}) == 1
        assert len({draw(s.keys.private) for s in sessions}) == n
        pairs = {frozenset((i, j)): draw(s.keys.pair[j]) for i, s in enumerate(sessions) for j in s.keys.pair}
        for i, session in enumerate(sessions):
            assert sorted(session.keys.pair) == [j for j in range(n) if j != i]
            for j, stream in session.keys.pair.items():
                assert draw(stream, b"again") == draw(sessions[j].keys.pair[i], b"again")
        assert len(set(pairs.values())) == n * (n - 1) // 2
        await lab.finish()
        assert all(not s.failed.done() for s in sessions)

    run(program)


def test_two_runs_have_different_keys():
    async def program():
        keys = []
        for _ in range(2):
            lab = Lab(2)
            sessions = await lab.open()
            keys.append((sessions[0].run_id, draw(sessions[0].keys.common), draw(sessions[0].keys.pair[1])))
            await lab.finish()
        assert all(a != b for a, b in zip(*keys, strict=True))

    run(program)


def test_a_late_party_is_waited_for_and_named():
    async def program():
        lab = Lab(3)
        early = [asyncio.ensure_future(lab.make(i).open()) for i in (1, 2)]
        await asyncio.sleep(1.6)
        await asyncio.gather(lab.make(0).open(), *early)
        line = next(line for line in lab.lines[2] if line.startswith("waiting for"))
        assert line.startswith(
            f"waiting for county (127.0.0.1:{lab.ports[0]}, not reachable yet: connection refused) …"
        )
        await lab.finish()

    run(program)


def test_a_party_that_never_comes_is_named_after_the_wait():
    async def program():
        lab = Lab(3)
        found = await asyncio.gather(*(outcome(lab.make(i, wait=0.8)) for i in (0, 1)))
        for error in found:
            assert isinstance(error, PeerTimeout)
            assert error.peer == "st-mary"
            assert error.exit_code == 3

    run(program)


def test_different_studies_are_explained_at_all_parties():
    async def program():
        lab = Lab(3)
        other = {"document": {"scenario": "another"}, "study_hash": bytes(32)}
        found = await asyncio.gather(outcome(lab.make(0)), outcome(lab.make(1, **other)), outcome(lab.make(2)))
        for i, error in enumerate(found):
            assert isinstance(error, AgreementError), error
            if i != 1:
                assert str(error) == f"here {STUDY}, north {other['document']}"

    run(program)


def test_a_study_too_long_to_show_is_still_a_disagreement():
    async def program():
        lab = Lab(2)
        long = {"document": {"scenario": "x" * (5 << 20)}, "study_hash": bytes(32)}
        found = await asyncio.gather(outcome(lab.make(0)), outcome(lab.make(1, **long)))
        assert all(isinstance(error, AgreementError) for error in found)
        assert "did not send its study" in str(found[0])

    run(program)


def test_an_occupied_address_is_a_configuration_error():
    async def program():
        lab = Lab(2)
        listener = tls.Listener(
            tls.server_context(identity(0), [identity(1).certificate]), lambda origin: asyncio.Protocol(), print
        )
        port = await listener.start("127.0.0.1", 0)
        lab.ports[0] = port
        error = await outcome(lab.make(0))
        assert isinstance(error, ConfigError)
        assert f"127.0.0.1:{port}" in str(error)
        listener.close()

    run(program)


# The dialling side


@pytest.mark.parametrize("answering", [4, 2, 1], ids=["a stranger", "another member", "ourselves"])
def test_another_key_at_the_dialled_address_ends_it_at_once(answering):
    """Party 1 calls party 0, and somebody else answers."""

    async def program():
        lab = Lab(3)
        context = tls.server_context(identity(answering), [identity(i).certificate for i in range(3)])
        listener = tls.Listener(context, lambda origin: asyncio.Protocol(), lambda *refused: None)
        await listener.start("127.0.0.1", lab.ports[0])
        error = await asyncio.wait_for(outcome(lab.make(1)), 15)
        listener.close()
        assert isinstance(error, AuthenticationError)
        assert error.peer == "county"
        assert error.exit_code == 4
        if answering == 2:
            assert "st-mary" in str(error)

    run(program)


def test_a_peer_that_refuses_our_key_ends_it_at_once():
    async def program():
        lab = Lab(2)
        stranger = Participant(NAMES[1], identity(3).key_hash, identity(3).certificate, None)
        waiting = asyncio.ensure_future(
            outcome(lab.make(0, participants=[participants(2, lab.ports)[0], stranger], wait=4))
        )
        error = await asyncio.wait_for(outcome(lab.make(1)), 15)
        assert isinstance(error, AuthenticationError)
        assert "does not know our key, or refused it" in str(error)
        # Towards the listening side the same is a stranger, who stops nothing.
        assert lab.sessions[0].refused == {("127.0.0.1", "unknown key"): 2}
        assert not waiting.done()
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        await lab.sessions[0].finish()
        assert any(line.startswith("refused 2 connections from 127.0.0.1: unknown key") for line in lab.lines[0])

    run(program)


def test_no_tls_at_the_dialled_address():
    async def program():
        lab = Lab(2)

        async def serve(reader, writer):
            writer.write(b"220 mail.example ESMTP\r\n")

        server = await asyncio.start_server(serve, "127.0.0.1", lab.ports[0])
        error = await asyncio.wait_for(outcome(lab.make(1)), 15)
        server.close()
        assert isinstance(error, AuthenticationError)
        assert "not TLS" in str(error)

    run(program)


# The listening side: strangers


async def plaintext(port):
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    return writer


async def garbage(port):
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(bytes(range(256)) * 20)
    return writer


async def silent(port):
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    return writer


async def tls_stranger(port, identity_number=4, **settings):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if identity_number is not None:
        context.load_cert_chain(identity(identity_number).certificate_file, identity(identity_number).key_file)
    for name, value in settings.items():
        setattr(context, name, value)
    _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname="")
    return writer


STRANGERS = {
    "unknown key": tls_stranger,
    "no certificate": lambda port: tls_stranger(port, None),
    "TLS older than 1.3": lambda port: tls_stranger(port, maximum_version=ssl.TLSVersion.TLSv1_2),
    "not TLS": garbage,
}


@pytest.mark.parametrize("reason", [*STRANGERS, "plaintext"])
def test_strangers_are_counted_shown_and_stop_nothing(reason):
    async def program():
        lab = Lab(2)
        sessions = await lab.open()
        for _ in range(3):
            try:
                writer = await (plaintext if reason == "plaintext" else STRANGERS[reason])(sessions[0].port)
                writer.close()
            except OSError:
                pass
        await until(lambda: sessions[0].refused.total() >= 3)
        assert list(sessions[0].refused) == [("127.0.0.1", "not TLS" if reason == "plaintext" else reason)]
        sessions[0].channel.send(1, tag_of(bytes(16), 0), np.ones(5, np.uint8))
        await sessions[1].channel.receive(0, tag_of(bytes(16), 0), 5)
        await lab.finish()
        assert any(line.startswith("refused 3 connections from 127.0.0.1") for line in lab.lines[0])

    run(program)


@contextmanager
def idling(port, addresses, each):
    """Idle connections from each of the addresses, made again as soon as one is closed."""

    async def idle(address):
        while True:
            with suppress(OSError):
                reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=(address, 0))
                await reader.read(1)
                writer.close()
            await asyncio.sleep(0.001)

    tasks = [asyncio.ensure_future(idle(address)) for address in addresses for _ in range(each)]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()


NEAR = [f"127.0.0.{i}" for i in range(2, 7)]
FAR = [f"127.0.{i // 4}.{i % 4 + 2}" for i in range(4, 44)]


@pytest.mark.parametrize("known", [[], pytest.param(["localhost"], marks=pytest.mark.slow)], ids=["unknown", "known"])
@pytest.mark.parametrize(("addresses", "each"), [(NEAR, 8), (FAR, 1)], ids=["a few addresses", "many networks"])
def test_idle_connections_do_not_keep_a_participant_out(monkeypatch, known, addresses, each):
    monkeypatch.setattr(places, "YOUNG_S", 0.25)

    async def program():
        refused = []
        context = tls.server_context(identity(0), [identity(1).certificate])
        listener = tls.Listener(
            context, lambda origin: asyncio.Protocol(), lambda *told: refused.append(told), known=known
        )
        port = await listener.start("127.0.0.1", 0)
        mine = tls.client_context(identity(1), [identity(0).certificate])
        with idling(port, addresses, each):
            await until(lambda: bool(refused))
            await asyncio.sleep(4 * places.YOUNG_S)  # all of them have been here once
            for _ in range(8):
                (await tls.dial(asyncio.Protocol, "127.0.0.1", port, mine)).abort()
                await asyncio.sleep(0.1)
        listener.close()
        await listener.closed()
        assert {reason for _, reason in refused} >= {"too many unfinished handshakes at once"}

    run(program)


def test_unfinished_handshakes_are_bounded_by_number_and_time(monkeypatch):
    monkeypatch.setattr(tls, "HANDSHAKE_S", 0.5)

    async def program():
        lab = Lab(2)
        first = asyncio.ensure_future(lab.make(0).open())
        await lab.listening()
        writers = [await silent(lab.ports[0]) for _ in range(places.KEPT + 5)]
        await asyncio.gather(first, lab.make(1).open())
        refused = lab.sessions[0].refused
        assert refused["127.0.0.1", "too many unfinished handshakes at once"] >= 5
        assert refused["127.0.0.1", "handshake not finished in 0.5 s"] >= places.KEPT
        await lab.finish()
        for writer in writers:
            writer.close()

    run(program)


@pytest.mark.parametrize("count", [300, pytest.param(1000, marks=pytest.mark.slow)])
def test_many_strangers_during_a_run(count):
    async def program():
        lab = Lab(2)
        sessions = await lab.open()

        async def rounds(first=0):
            for part in range(first, first + 500):
                for session in sessions:
                    session.channel.send(1 - session.index, tag_of(bytes(16), part), np.ones(5, np.uint8))
                for session in sessions:
                    await session.channel.receive(1 - session.index, tag_of(bytes(16), part), 5)
                await asyncio.sleep(0.001)

        async def strangers():
            for _ in range(count // 4):
                for kind in (plaintext, garbage, silent, silent):
                    (await kind(sessions[0].port)).close()

        start = time.monotonic()
        await rounds()
        alone = time.monotonic() - start
        start = time.monotonic()
        flood = asyncio.ensure_future(strangers())
        await rounds(500)
        beside = time.monotonic() - start
        await flood
        assert beside < 3 * alone + 5.0
        await until(lambda: sessions[0].refused.total() >= count, 60)
        await lab.finish()
        assert not any(session.failed.done() for session in sessions)

    run(program)


# Authenticated peers that misbehave


class Rogue(asyncio.Protocol):
    """Party 1 with the right key, which says what a test wants."""

    def __init__(self):
        self.made = asyncio.get_running_loop().create_future()
        self.lost = asyncio.Event()

    def connection_made(self, transport):
        self.made.set_result(transport)

    def connection_lost(self, exc):
        self.lost.set()


async def rogue(lab, *messages):
    """Party 0 opens a study of two, and the rogue party 1 sends `messages`: what becomes of party 0."""
    waiting = asyncio.ensure_future(outcome(lab.make(0)))
    await lab.listening()
    context = tls.client_context(identity(1), [identity(0).certificate])
    protocol = Rogue()
    await tls.dial(lambda: protocol, "127.0.0.1", lab.ports[0], context)
    transport = await protocol.made
    transport.write(b"".join(messages))
    error = await asyncio.wait_for(waiting, 15)
    transport.close()
    await protocol.lost.wait()
    return error


def hello(**changes):
    message = RunSecrets(1).hello(NAMES[1], STUDY_HASH, 0).message()
    return frames.control(frames.HELLO, {**message, **changes})


BAD = {
    "another member's index": ([hello(index=0)], RemoteProtocolError, "party 0"),
    "another name": (
        [hello(name="county")],
        RemoteProtocolError,
        "a hello as party 1 (county), but its key is that of party 1 (north)",
    ),
    "a second hello": ([hello(), hello()], RemoteProtocolError, "a second hello"),
    "garbage first": ([bytes(100)], RemoteProtocolError, "not a frame"),
    "garbage later": ([hello(), bytes(100)], RemoteProtocolError, "not a frame"),
    "data first": ([frames.header(frames.DATA, 0, 1, 0, bytes(20))], RemoteProtocolError, "unexpected"),
    "a frame too long": (
        [hello(), frames.header(frames.DATA, (4 << 20) + 1, 1, 0, bytes(20))],
        RemoteProtocolError,
        "at most 4194304 are allowed",
    ),
    "a hello that is no JSON": (
        [frames.header(frames.HELLO, 3, 0, 0, bytes(20)) + b"abc"],
        RemoteProtocolError,
        "JSON",
    ),
    "a hello without a study": ([frames.control(frames.HELLO, {"protocol": 1})], RemoteProtocolError, "field study"),
    "another protocol version": ([frames.control(frames.HELLO, {"protocol": 2})], AgreementError, "version 2"),
    "a number too many": (
        [hello(), frames.header(frames.DATA, 0, 2, 0, bytes(20))],
        RemoteProtocolError,
        "after frame 0",
    ),
    "an acknowledgement of nothing": (
        [hello(), frames.header(frames.ACK, 0, 0, 99, bytes(20))],
        RemoteProtocolError,
        "acknowledgement of frame 99",
    ),
    "a tag twice": (
        [hello(), *(frames.header(frames.DATA, 0, i, 0, bytes(20)) for i in (1, 2))],
        RemoteProtocolError,
        "two messages under the tag",
    ),
    "another run": (
        [
            hello(),
            frames.control(frames.SETUP, {"run": "00" * 32, "contributions": "00" * 32, "coin": "00" * 32}, sequence=1),
        ],
        RemoteProtocolError,
        "other processes",
    ),
    "a beat without numbers": (
        [hello(), frames.control(frames.BEAT, {"progress": "x"})],
        RemoteProtocolError,
        "progress",
    ),
    "an earlier run": ([hello(received=3)], PeerLost, "earlier process"),
}


@pytest.mark.parametrize("case", BAD)
def test_an_authenticated_peer_that_misbehaves_ends_the_run(case):
    messages, kind, named = BAD[case]

    async def program():
        error = await rogue(Lab(2), *messages)
        assert type(error) is kind, error
        assert named in str(error)
        assert "north" in str(error)
        if kind is RemoteProtocolError:
            assert error.peer == "north"
            assert error.exit_code == 4

    run(program)


def test_a_coin_other_than_the_committed_one():
    async def program():
        lab = Lab(2)
        waiting = asyncio.ensure_future(outcome(lab.make(0)))
        await lab.listening()
        own, protocol = RunSecrets(1), Rogue()
        received = bytearray()
        protocol.data_received = received.extend
        await tls.dial(
            lambda: protocol, "127.0.0.1", lab.ports[0], tls.client_context(identity(1), [identity(0).certificate])
        )
        transport = await protocol.made
        mine = own.hello(NAMES[1], STUDY_HASH, 0)
        transport.write(frames.control(frames.HELLO, mine.message()))
        await until(lambda: len(received) > 400)
        length = int.from_bytes(received[:3], "little")
        theirs = agreement.Hello.read(json.loads(received[40 : 40 + length]))
        message = agreement.setup_message([theirs, mine], bytes(32))
        transport.write(frames.control(frames.SETUP, message, sequence=1))
        error = await asyncio.wait_for(waiting, 15)
        transport.abort()
        assert isinstance(error, CheckFailed)
        assert error.culprit == 1

    run(program)


def test_a_member_outside_the_study_is_a_stranger():
    """Its certificate is trusted in the handshake here, and its key is not in the study."""

    async def program():
        lab = Lab(2)
        waiting = asyncio.ensure_future(outcome(lab.make(0, known=[identity(4).certificate])))
        await lab.listening()
        protocol = Rogue()
        context = tls.client_context(identity(4), [identity(0).certificate])
        await tls.dial(lambda: protocol, "127.0.0.1", lab.ports[0], context)
        await asyncio.wait_for(protocol.lost.wait(), 15)
        assert list(lab.sessions[0].refused) == [("127.0.0.1", f"unknown key {identity(4).key_hash.hex()[:8]}…")]
        await asyncio.gather(lab.make(1).open(), waiting)
        await lab.finish()

    run(program)


def test_the_reason_of_an_end_is_told_without_its_message():
    async def program():
        lab = Lab(3)
        sessions = await lab.open()
        secret = RemoteProtocolError("county sent 17 bytes for patient 4711", peer="county")
        secret.source = "study.py, line 3"
        waits = [asyncio.ensure_future(sessions[i].channel.receive(1, tag_of(bytes(16), 0), 8)) for i in (0, 2)]
        await sessions[1].finish(secret)
        for wait in waits:
            with pytest.raises(
                RemoteError, match=r"north ended the run: RemoteProtocolError .*study\.py, line 3"
            ) as told:
                await asyncio.wait_for(wait, 15)
            assert "4711" not in str(told.value)
            assert told.value.peer == "north"
            assert told.value.exit_code == 4
        assert isinstance(await asyncio.wait_for(sessions[0].failed, 15), RemoteError)
        with pytest.raises(RemoteError):
            await sessions[0].channel.receive(2, tag_of(bytes(16), 5), 8)
        await lab.finish()

    run(program)


def test_whoever_hears_first_of_an_end_at_second_hand_names_its_finder():
    async def program():
        lab = Lab(3)
        sessions = await lab.open()
        relayed = RemoteError("county ended the run", peer="county")
        found = RemoteProtocolError("north sent 17 bytes", peer="north")
        await sessions[1].finish(relayed)
        await asyncio.sleep(0.1)
        assert not sessions[2].failed.done()
        await sessions[0].finish(found)
        error = await asyncio.wait_for(sessions[2].failed, 15)
        assert str(error).startswith("county ended the run: RemoteProtocolError about north")
        assert error.exit_code == 4
        await lab.finish()

    run(program)


def test_an_end_at_second_hand_ends_the_run_though_nobody_else_tells_of_it():
    async def program():
        lab = Lab(3)
        sessions = await lab.open()
        await sessions[1].finish(RemoteError("county ended the run", peer="county"))
        error = await asyncio.wait_for(sessions[2].failed, 15)
        assert str(error).startswith("north ended the run: RemoteError about county")
        await lab.finish()

    run(program)


def test_an_explanation_that_fails_leaves_the_disagreement():
    async def program():
        lab = Lab(2)

        def explain(ours, theirs, name):
            return theirs["nothing like this"]

        other = {"document": {"scenario": "another"}, "study_hash": bytes(32)}
        found = await asyncio.gather(outcome(lab.make(0, explain=explain)), outcome(lab.make(1, **other)))
        assert all(isinstance(error, AgreementError) for error in found)
        assert "cannot be compared" in str(found[0])

    run(program)


def test_an_exchange_key_of_small_order():
    weak = agreement.Hello.read({**RunSecrets(1).hello("north", STUDY_HASH, 0).message(), "exchange": "00" * 32})
    with pytest.raises(RemoteProtocolError, match="north sent an invalid X25519 key") as found:
        RunSecrets(0).shared_with(weak)
    assert found.value.peer == "north"
