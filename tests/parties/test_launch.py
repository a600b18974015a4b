"""Local processes: being told to end."""

import importlib
import os
import signal
import socket
import subprocess
import sys

import pytest

from parties.local.launch import Launched, Member
from parties.local.ports import free_ports
from parties.system.stopping import end_if_told, orderly_end


@pytest.mark.parametrize(
    ("number", "raised"),
    [(signal.SIGINT, KeyboardInterrupt), (signal.SIGTERM, SystemExit), (signal.SIGHUP, SystemExit)],
)
def test_an_end_that_a_library_swallows_ends_us_all_the_same(tmp_path, number, raised):
    before = signal.getsignal(number)
    reached = []

    def told_at_an_import():
        with orderly_end():
            try:
                os.kill(os.getpid(), number)
                signal.pause()
            except BaseException:  # as some libraries do while they are imported
                reached.append("swallowed")
            launched.wait()
            reached.append("waited")

    launched = Launched({"north": Member("north", tmp_path, "")}, tmp_path / "no-study.toml")
    try:
        with pytest.raises(raised) as told:
            told_at_an_import()
    finally:
        launched.stop()
    assert reached == ["swallowed"]
    assert getattr(told.value, "code", None) == (None if number == signal.SIGINT else 128 + number)
    assert signal.getsignal(number) is before
    with orderly_end():  # told once, ended once
        launched.wait()


def test_an_import_is_not_disturbed(tmp_path, monkeypatch):
    """What is raised while a compiled module is imported is printed and forgotten."""
    (tmp_path / "told_in_the_middle.py").write_text(
        "import os, signal\nos.kill(os.getpid(), signal.SIGTERM)\nfor _ in range(1000): pass\nwhole = True\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    found = []

    def imports():
        with orderly_end():
            found.append(importlib.import_module("told_in_the_middle").whole)
            end_if_told()
            found.append("went on")

    with pytest.raises(SystemExit):
        imports()
    assert found == [True]


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a port is given back at once")
def test_a_port_is_given_once_in_whatever_process_and_can_be_listened_on():
    program = "from parties.local.ports import free_ports\nprint(*free_ports(400), flush=True)\ninput()\n"
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        theirs = {int(port) for port in other.stdout.readline().split()}
        ours = free_ports(400)
        other.communicate("\n", timeout=60)
    assert len(theirs) == len(set(ours)) == 400
    assert not theirs & set(ours)
    with socket.create_server(("127.0.0.1", ours[0])), pytest.raises(OSError), socket.socket() as another:
        another.bind(("127.0.0.1", ours[0]))


def test_a_port_that_somebody_listens_on_is_not_free(monkeypatch):
    taken, free = free_ports(2)
    with socket.create_server(("127.0.0.1", taken)):
        draws = iter([taken, taken, free + 1, free + 2, free + 3, free + 4])
        monkeypatch.setattr("parties.local.ports.secrets.randbelow", lambda _: next(draws) - 20_000)
        assert taken not in free_ports(1)
