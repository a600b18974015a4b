"""Local processes: being told to end."""

import importlib
import os
import signal

import pytest

from parties.local.launch import Launched, Member
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
