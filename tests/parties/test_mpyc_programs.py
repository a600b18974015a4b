"""Programs in tests/programs print under `comity mpyc` what they print under MPyC by itself."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.marks import exhaustive

ROOT = Path(__file__).parents[2]
PROGRAMS = ROOT / "tests" / "programs"
#: A line that MPyC logs begins with the time.
LOGGED = re.compile(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} ")


def said(command: list[str], *, code: int = 0) -> list[str]:
    """What a program printed, its log lines aside."""
    ended = subprocess.run(
        [sys.executable, *command],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=250,
        check=False,
    )
    assert ended.returncode == code, ended.stdout[-2000:] + ended.stderr[-4000:]
    return [line for line in ended.stdout.splitlines() if not LOGGED.match(line)]


def alone(program: str, parties: int, *arguments: str) -> list[str]:
    return said([str(PROGRAMS / program), f"-M{parties}", f"-B{20_000 + os.getpid() % 10_000}", *arguments])


def here(program: str, parties: int, *arguments: str, options: tuple[str, ...] = ()) -> list[str]:
    command = ["-m", "parties.cli", "mpyc", "--local", str(parties), *options]
    return said([*command, str(PROGRAMS / program), *arguments])


def test_hello():
    assert here("hello.py", 3) == ["33 [10, 11, 12]", "1"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("program", "parties"),
    [
        ("numbers_of_all_kinds", 3),
        pytest.param("numbers_of_all_kinds", 5, marks=pytest.mark.exhaustive),
        pytest.param("groups", 3, marks=pytest.mark.exhaustive),
        pytest.param("groups", 5, marks=pytest.mark.exhaustive),
        ("arrays", 3),
        pytest.param("arrays", 5, marks=pytest.mark.exhaustive),
        pytest.param("lists_and_statistics", 3, marks=pytest.mark.exhaustive),
        pytest.param("lists_and_statistics", 5, marks=pytest.mark.exhaustive),
        ("coroutines", 3),
        pytest.param("coroutines", 5, marks=pytest.mark.exhaustive),
        ("hello", 3),
        ("hello", 5),
    ],
)
def test_the_output_is_that_of_mpyc(program, parties):
    found = here(f"{program}.py", parties)
    assert found == alone(f"{program}.py", parties)
    assert found


@pytest.mark.slow
@pytest.mark.parametrize(
    "arguments",
    [
        ("-n", "5", "--name", "somebody", "one", "two"),
        *exhaustive(
            ("-L20", "-K", "40", "--no-barrier", "-n2"),
            ("--no-prss", "--no-async", "--no-gmpy2"),
            ("--no-log", "--mix32-64bit", "-W", "2"),
            ("-h",),
        ),
    ],
    ids=" ".join,
)
def test_options_of_the_program_and_of_mpyc(arguments):
    found = here("coroutines.py", 3, *arguments)
    assert found == alone("coroutines.py", 3, *arguments)
    assert found


@pytest.mark.exhaustive
@pytest.mark.parametrize(("parties", "threshold"), [(4, 1), (5, 1), (5, 2), (9, 4)])
def test_thresholds(parties, threshold):
    found = here("coroutines.py", parties, options=("--threshold", str(threshold)))
    assert found == alone("coroutines.py", parties, f"-T{threshold}")
    assert f"parties {parties} threshold {threshold}" in found[1]
