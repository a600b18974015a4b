"""Somebody's script in a child process: what it can take, what it cannot do, and what is told of its end."""

from __future__ import annotations

import asyncio
import os
import re
import socket
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from mpc.errors import ConfigError, ScenarioError
from parties.cli import main
from parties.study import confined as child
from parties.study.confined import Limits, Unexpected, confined

HERE = Path(__file__)
QUICK = Limits(1.0, 256 << 20)
linux = pytest.mark.skipif(sys.platform != "linux", reason="the kernel's means are Linux's")


def call(function, limits=QUICK, **arguments):
    return confined(f"{function.__module__}:{function.__name__}", arguments, limits, readable=[HERE])


def line_of(text: str) -> int:
    return next(i for i, line in enumerate(HERE.read_text().split("\n"), 1) if line.strip() == text)


# ---- what runs in the child
def outcome(function, *arguments) -> str:
    try:
        return str(function(*arguments))
    except Exception as error:
        return type(error).__name__


def ordinary(x):
    async def later():
        return await asyncio.to_thread(lambda: x + 1)

    some = []
    thread = threading.Thread(target=some.append, args=(1,))
    thread.start()
    thread.join()
    return [asyncio.run(later()), some, float((np.ones((300, 300)) @ np.ones(300)).sum()), "x" * 200_000]


def reaching_out(folder):
    return [
        outcome(socket.create_connection, ("127.0.0.1", 9)),
        outcome(socket.socket, socket.AF_UNIX),
        outcome(os.listdir, folder),
        outcome(open, f"{folder}/new", "w"),
        outcome(os.remove, f"{folder}/there"),
        outcome(open, f"{folder}/there"),
        outcome(open, "/proc/self/environ"),
        outcome(open, HERE, "a"),
        outcome(subprocess.run, ["true"]),
        outcome(os.kill, os.getppid(), 0),
    ]


def reading():
    return HERE.read_text()[:3]


def loops():
    while True:
        pass  # the line that runs


def loops_in_c():
    return sum(range(10**12))


def catches_everything():
    while True:
        try:
            loops()
        except BaseException:
            continue


def takes_memory():
    return [bytearray(1 << 20) for _ in range(10_000)]


def takes_it_at_once():
    return 10**12 * [0]


def broken():
    return {}["no such key"]


def wrong():
    error = ConfigError("a key is wrong")
    error.source = "script.py line 3"
    raise error


def forgets():
    async def helper():
        pass

    helper()


def leaves():
    os._exit(0)


def variables():
    return sorted(os.environ)


# ---- what is seen from outside
def test_what_scripts_need_works():
    result, missing = call(ordinary, x=1)
    assert result == [2, [1], 90_000.0, "x" * 200_000]
    assert missing == [] or sys.platform != "linux"


@linux
def test_no_network_no_file_no_program_no_other_process(tmp_path):
    (tmp_path / "there").write_text("a key")
    result, missing = call(reaching_out, folder=str(tmp_path))
    assert missing == []
    assert result == ["PermissionError"] * 10
    assert (tmp_path / "there").read_text() == "a key"
    assert [path.name for path in tmp_path.iterdir()] == ["there"]


def test_its_own_files_are_read():
    assert call(reading)[0] == '"""'


@pytest.mark.parametrize(
    ("function", "line"),
    [
        (loops, "pass  # the line that runs"),
        (loops_in_c, "return sum(range(10**12))"),
        (catches_everything, "pass  # the line that runs"),
    ],
)
def test_what_does_not_end_is_ended_and_its_line_named(function, line):
    with pytest.raises(ScenarioError, match=r"did not end within 1 s .* --plan-timeout") as caught:
        call(function)
    assert caught.value.source in {f"test_confined.py line {line_of(line) - i}" for i in (0, 1)}


@linux
@pytest.mark.parametrize("function", [takes_memory, takes_it_at_once])
def test_memory_has_a_limit(function):
    with pytest.raises(Unexpected, match="MemoryError"):
        call(function, Limits(30.0, 256 << 20))


def test_errors_come_back_as_what_they_are(capfd):
    with pytest.raises(ConfigError, match="a key is wrong") as caught:
        call(wrong)
    assert caught.value.source == "script.py line 3"
    with pytest.raises(Unexpected) as defect:
        call(broken)
    assert (defect.value.kind, defect.value.where.split(",")[0]) == ("KeyError", "test_confined.py")
    with pytest.raises(ScenarioError, match=r"calls helper\(…\) and does not wait for it"):
        call(forgets)
    with pytest.raises(ScenarioError, match="ended the process"):
        call(leaves)


@linux
def test_secrets_of_the_environment_stay_out(monkeypatch):
    monkeypatch.setenv("COMITY_PASSPHRASE", "secret")
    monkeypatch.setenv("PGPASSWORD", "secret")
    assert not {"COMITY_PASSPHRASE", "PGPASSWORD"} & set(call(variables)[0])


SCENARIO = '''"""Ages."""
from mpc import Real, Scenario, Study, Table


class People(Table):
    age = Real(0, 120)


scenario = Scenario(inputs={"people": People.rows()})


@scenario.run
async def run(study: Study) -> None:
    people = study.table("people")
    study.release("mean age", people.age.mean())
'''
LAST = SCENARIO.count("\n")
STUDY = """scenario = "ages.py"
purpose = "A first look"
[organizations.county]
roles = ["input", "compute", "recipient"]
people = "a"
[organizations.north]
roles = ["input", "compute", "recipient"]
people = "b"
[organizations.st-mary]
roles = ["input", "compute", "recipient"]
people = "c"
"""


def planned(folder, more: str, *options: str, verb: str = "plan"):
    (folder / "ages.py").write_text(SCENARIO + more)
    (folder / "study.toml").write_text(STUDY)
    target = {"plan": "study.toml", "run": "study.toml", "show": "ages.py"}[verb]
    group = ["scenario", "show"] if verb == "show" else [verb]
    return CliRunner().invoke(main.main, [*group, str(folder / target), *options], catch_exceptions=False)


@pytest.mark.parametrize("verb", ["plan", "run"])
@pytest.mark.parametrize(
    ("more", "says", "line"),
    [
        ("    while True:\n        pass\n", "did not end within 2 s", LAST + 2),
        ("    while True:\n        people.age * 2\n", "did not end within 2 s", LAST + 2),
        ("    x = 10**12 * [0]\n", "it may use 4 GiB", LAST + 1),
        ("    people.share(rows=10**12)\n", "it may use 4 GiB", LAST + 1),
        ("    people.age.median()\n", "share(rows=N)", LAST + 1),
        ("    1 / 0\n", "ZeroDivisionError", LAST + 1),
    ],
)
def test_a_script_that_cannot_work_ends_with_its_line(tmp_path, verb, more, says, line):
    """In `run` before the home is opened, so before any row is read."""
    ended = planned(
        tmp_path, more, "--plan-timeout", "2", *(["--home", str(tmp_path)] if verb == "run" else []), verb=verb
    )
    assert ended.exit_code == 1
    assert says in ended.output
    assert f"ages.py line {line}" in ended.output or f"ages.py line {line - 1}" in ended.output
    assert "defect" not in ended.output


@pytest.mark.parametrize("verb", ["plan", "show"])
def test_a_file_that_does_not_end_when_it_is_loaded(tmp_path, verb):
    ended = planned(tmp_path, "while True:\n    pass\n", "--plan-timeout", "1", verb=verb)
    assert (ended.exit_code, "did not end within 1 s" in ended.output) == (1, True)
    assert "ages.py line" in ended.output


def test_plan_says_that_the_script_was_executed(tmp_path):
    ended = planned(tmp_path, "")
    assert ended.exit_code == 0, ended.output
    assert "The script was executed for this" in ended.output
    assert ("without network" in ended.output) is (sys.platform == "linux")
    assert '"planned"' in planned(tmp_path, "", "--json").output


def test_what_a_system_cannot_confine_is_said(tmp_path, monkeypatch):
    monkeypatch.setattr("parties.study.confine._landlock", lambda *_: False)
    monkeypatch.setattr("parties.study.confine._seccomp", lambda *_: False)
    ended = planned(tmp_path, "")
    assert "it can read and write your files; it can use the network and start programs" in " ".join(
        ended.output.split()
    )


@pytest.mark.slow
def test_a_fresh_interpreter_does_where_there_is_no_fork(tmp_path, monkeypatch):
    monkeypatch.setattr(child, "_forked", child._fresh)
    assert planned(tmp_path, "").exit_code == 0
    ended = planned(tmp_path, "    while True:\n        pass\n", "--plan-timeout", "6")
    assert "did not end within 6 s" in ended.output
    assert f"ages.py line {LAST + 2}" in ended.output or f"ages.py line {LAST + 1}" in ended.output


@pytest.mark.slow
@pytest.mark.parametrize(
    ("more", "says"),
    [("    people.age.median()\n", "share(rows=N)"), ("    while True:\n        pass\n", "did not end within 3 s")],
)
def test_a_demo_ends_before_it_starts_parties(tmp_path, more, says):
    """In real processes: the line and a remedy, and nobody is waited for."""
    (tmp_path / "ages.py").write_text(SCENARIO + more)
    (tmp_path / "rows.csv").write_text("age\n" + "\n".join(map(str, range(20, 60))) + "\n")
    command = [sys.executable, "-m", "parties.cli", "demo", "./ages.py", "--plan-timeout", "3", "--output", "out"]
    ended = subprocess.run(
        [*command, *["--data", "rows.csv"] * 3], cwd=tmp_path, capture_output=True, text=True, timeout=100, check=False
    )
    assert ended.returncode == 1
    assert says in ended.stderr
    assert re.search(rf"at ages\.py line ({LAST + 1}|{LAST + 2})\n", ended.stderr)
    assert "defect" not in ended.stderr
    assert not (tmp_path / "out").exists()
