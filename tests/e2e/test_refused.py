"""Strangers that call, and peers that are not who they must be or do not agree."""

import re
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import pytest

from parties.organization.identity import Identity
from tests.support.marks import exhaustive
from tests.support.processes import NAMES, SMALL, SUPPORT, Running, Town, releases_alike, small_town

pytestmark = pytest.mark.slow

#: Per piece and direction: the run takes long enough for the slowest stranger.
DELAY_S = 0.08


def plaintext(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), 5) as call:
        call.sendall(b"GET / HTTP/1.1\r\n\r\n")
        call.recv(100)


def garbage(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), 5) as call:
        call.sendall(bytes(range(256)) * 4)
        call.recv(100)


def silent(port: int) -> None:
    """A handshake that is never finished."""
    with socket.create_connection(("127.0.0.1", port), 5) as call:
        call.settimeout(8)
        call.recv(100)


def tls(port: int, identity: Identity | None = None, *, version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.maximum_version = version
    if identity is not None:
        context.load_cert_chain(identity.certificate_file, identity.key_file)
    with socket.create_connection(("127.0.0.1", port), 5) as call, context.wrap_socket(call) as secured:
        secured.sendall(b"hello")
        secured.recv(100)


def call(port: int, how: Callable[[int], None]) -> None:
    with suppress(OSError):
        how(port)


@contextmanager
def storm(count: int, callers: list[Callable[[], None]]) -> Iterator[list[int]]:
    """Calls in turn, `count` in all, from a few threads; gives how many were made so far."""
    made = [0]
    over = threading.Event()
    lock = threading.Lock()

    def work() -> None:
        while not over.is_set():
            with lock:
                if made[0] >= count:
                    return
                mine = made[0]
                made[0] += 1
            callers[mine % len(callers)]()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        yield made
        for thread in threads:
            thread.join()
    finally:
        over.set()
        for thread in threads:
            thread.join()


def test_strangers_are_refused_counted_and_shown(tmp_path):
    """Unknown key, no key, plaintext, garbage, TLS 1.2 and an unfinished handshake, while a run goes on."""
    unknown = Identity.create(tmp_path / "unknown")
    with small_town(tmp_path / "town", proxied=True, delay_s=DELAY_S) as town:
        runs = town.start_all()
        runs["county"].until("agreed")
        port = town.ports["county"]
        patient = threading.Thread(target=call, args=(port, silent))
        patient.start()
        for how in (
            lambda port: tls(port, unknown),
            tls,
            plaintext,
            garbage,
            lambda port: tls(port, unknown, version=ssl.TLSVersion.TLSv1_2),
        ):
            call(port, how)
        assert [run.wait() for run in runs.values()] == [0, 0, 0]
        patient.join()
        assert releases_alike([run.result for run in runs.values()])
        notes = "\n".join(runs["county"].result["notes"])
        for reason in ("unknown key", "no certificate", "not TLS", "TLS older than 1.3", "not finished in 5 s"):
            assert reason in notes, notes
            assert any(line.startswith("refused ") and reason in line for line in runs["county"].lines), reason
        assert runs["north"].result["notes"] == []


@pytest.mark.exhaustive
def test_a_thousand_strangers_cost_only_time(tmp_path):
    unknown = Identity.create(tmp_path / "unknown")
    with small_town(tmp_path / "quiet", proxied=True, delay_s=DELAY_S) as town:
        quiet = timed(town, [])
    with small_town(tmp_path / "storm", proxied=True, delay_s=DELAY_S) as town:
        port = town.ports["county"]
        ways = [lambda port: tls(port, unknown), tls, plaintext, garbage]
        disturbed = timed(town, [lambda how=how: call(port, how) for how in ways])
        notes = town.running[0].result["notes"]
        refused = sum(int(note.split()[1]) for note in notes if note.startswith("refused "))
        assert refused > 900, notes
    print(f"quiet {quiet:.1f} s, with 1,000 strangers {disturbed:.1f} s")
    # Those who call compute their handshakes on the same two cores here.
    assert disturbed < 1.5 * quiet + 5


def timed(town: Town, callers: list[Callable[[], None]]) -> float:
    """Seconds from agreement to the end, with 1,000 calls by `callers` meanwhile."""
    runs = town.start_all()
    runs["county"].until("agreed")
    begun = time.monotonic()
    with storm(1000 if callers else 0, callers) as made:
        assert [run.wait(120) for run in runs.values()] == [0, 0, 0]
        ended = time.monotonic()
        assert not callers or made[0] > 100
        assert releases_alike([run.result for run in runs.values()])
    return ended - begun


def met(town: Town) -> dict[str, Running]:
    """Two parties that wait for north: whatever one of them finds, the other one hears of it."""
    runs = {name: town.start(name) for name in ("county", "st-mary")}
    runs["st-mary"].until("status", where=lambda event: event["text"] == "connected to county")
    return runs


def strict(runs: dict[str, Running], codes: dict[str, int], within: float = 60) -> None:
    begun = time.monotonic()
    found = {name: run.wait(within) for name, run in runs.items()}
    assert found == codes, "\n".join(run.said() for run in runs.values())
    assert time.monotonic() - begun < within
    for run in runs.values():
        assert not any(event["event"] == "agreed" for event in run.events)
        assert "Traceback" not in run.stderr


def test_who_refuses_our_key_is_named(tmp_path):
    """north never added st-mary: it lets nobody in by that key, and st-mary hears so at once."""
    with small_town(tmp_path) as town:
        stranger = Identity.create(tmp_path / "stranger").card("st-mary", "127.0.0.1:1")
        town.homes["north"].consortium.remove("st-mary")
        town.homes["north"].consortium.add(stranger)
        runs = {"st-mary": town.start("st-mary", "--wait", "60")}
        # The others run different studies, by st-mary's keys, and stay a few seconds only for who has not called yet.
        runs["st-mary"].until("status", 30, lambda event: event["text"].startswith("waiting for"))
        runs |= {name: town.start(name, "--wait", "60") for name in ("county", "north")}
        assert runs["st-mary"].wait() == 4
        assert runs["st-mary"].stderr.startswith("error: north at 127.0.0.1:"), runs["st-mary"].stderr
        assert "does not know our key, or refused it" in runs["st-mary"].stderr
        # North shows whom it refused, and hears of the end through county.
        assert [runs[name].wait() for name in ("county", "north")] == [4, 4]
        assert any("unknown key" in line for line in runs["north"].lines)


def test_another_key_at_the_dialled_address(tmp_path):
    """Somebody else answers where st-mary expects county."""
    with small_town(tmp_path) as town:
        stranger = Identity.create(tmp_path / "stranger").card("county", f"127.0.0.1:{town.ports['county']}")
        town.homes["st-mary"].consortium.remove("county")
        town.homes["st-mary"].consortium.add(stranger)
        runs = {name: town.start(name, "--wait", "60") for name in ("county", "st-mary")}
        assert runs["st-mary"].wait() == 4
        assert "is not county: its key is not in the study" in runs["st-mary"].stderr


def test_another_members_key_at_the_dialled_address(tmp_path):
    """The addresses of county and north are swapped in st-mary's list."""
    with small_town(tmp_path) as town:
        home = town.homes["st-mary"]
        for name, other in (("county", "north"), ("north", "county")):
            home.consortium.remove(name)
            town.know(home, name, town.ports[other])
        runs = {name: town.start(name, "--wait", "60") for name in NAMES}
        assert runs["st-mary"].wait() == 4
        wrong = "is not (county: it has the key of north|north: it has the key of county)"
        assert re.search(wrong, runs["st-mary"].stderr)
        assert "Check the address of" in runs["st-mary"].stderr


CHANGES = {
    "source": (SMALL.read_text().replace("[0, 20, 50]", "[0, 21, 50]"), "", "[0, 21, 50]"),
    "parameter": (SMALL.read_text(), "[parameters]\nminimum_cohort = 5", "minimum_cohort"),
    "schema": (SMALL.read_text(), "[ranges.patients]\nx = [0, 60]", "x"),
}


@pytest.mark.parametrize("what", ["source", *exhaustive("parameter", "schema")])
def test_a_different_study_is_shown_and_not_run(tmp_path, what):
    source, extra, shown = CHANGES[what]
    with small_town(tmp_path) as town:
        (tmp_path / "north").mkdir(exist_ok=True)
        changed = tmp_path / "other" / SMALL.name
        changed.parent.mkdir()
        changed.write_text(source)
        other = town.write_study(changed, extra=extra, to=tmp_path / "other.toml")
        runs = met(town)
        runs["north"] = town.start("north", study=other)
        strict(runs, dict.fromkeys(NAMES, 4))
        for name in ("county", "st-mary"):
            assert runs[name].stderr.startswith("error: north runs a different study"), runs[name].stderr
            assert shown in runs[name].stderr
        assert "runs a different study" in runs["north"].stderr


@pytest.mark.parametrize("misbehaviour", ["oversized", *exhaustive("garbage", "hello"), "index"])
def test_a_misbehaving_member_ends_the_run(tmp_path, misbehaviour):
    """An authenticated peer that sends what it must not: exit code 4, and its name."""
    with small_town(tmp_path) as town:
        runs = met(town)
        runs["north"] = town.start("north", program=(str(SUPPORT / "misbehaving_party.py"), misbehaviour))
        for name in ("county", "st-mary"):
            assert runs[name].wait() == 4, runs[name].said()
            assert "north" in runs[name].stderr
            assert "Traceback" not in runs[name].stderr
