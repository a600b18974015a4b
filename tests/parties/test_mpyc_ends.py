"""The end of a program that has started more than coroutines: it ends as under Python, and always."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from textwrap import dedent

import pytest

from tests.support.marks import exhaustive

ROOT = Path(__file__).parents[2]

#: What the program does before and after the part that all of them have in common.
PROGRAMS = {
    "asyncio's own executor": ("", "total = await asyncio.to_thread(sum, [1, 2, 3])", ""),
    "an executor of the module": (
        "pool = ThreadPoolExecutor(2)",
        "total = await asyncio.get_running_loop().run_in_executor(pool, sum, [1, 2, 3])",
        "",
    ),
    "work that goes on after the end": (
        "pool = ThreadPoolExecutor(1)",
        "total = 6; pool.submit(lambda: (time.sleep(0.5), print('later', flush=True)))",
        "",
    ),
    "processes": (
        "",
        "total = await asyncio.get_running_loop().run_in_executor(processes, sum, [1, 2, 3])",
        "",
    ),
    "a thread": (
        "",
        "total = 6; threading.Thread(target=lambda: (time.sleep(0.5), print('later', flush=True))).start()",
        "",
    ),
    "a daemon thread": ("", "total = 6; threading.Thread(target=time.sleep, args=(60,), daemon=True).start()", ""),
    "a process": ("", "total = 6; multiprocessing.Process(target=time.sleep, args=(0.5,)).start()", ""),
    "an exit handler": ("atexit.register(lambda: print('later', flush=True))", "total = 6", ""),
    "an exit handler that ends MPyC": (
        "atexit.register(lambda: (mpc.run(mpc.shutdown()), print('later', flush=True)))",
        "total = 6",
        "",
    ),
    "sys.exit": ("pool = ThreadPoolExecutor(1); pool.submit(sum, [1])", "total = 6", "sys.exit(0)"),
}
TEXT = """
    import asyncio, atexit, multiprocessing, sys, threading, time
    from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
    from mpyc.runtime import mpc

    secint = mpc.SecInt()
    processes = ProcessPoolExecutor(1) if {processes} else None
    {before}

    async def main():
        await mpc.start()
        {during}
        print(total, await mpc.output(secint(2) + 3), flush=True)
        await mpc.shutdown()

    mpc.run(main())
    {after}
"""


def ended(path: Path, *options: str) -> tuple[int, list[str], str, float]:
    """Exit code, lines, what was said on stderr, seconds."""
    begun = time.monotonic()
    found = subprocess.run(
        [sys.executable, "-m", "parties.cli", "mpyc", "--local", "3", *options, str(path), "--no-log"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return found.returncode, found.stdout.splitlines(), found.stderr, time.monotonic() - begun


def program(folder: Path, text: str) -> Path:
    path = folder / "program.py"
    path.write_text(dedent(text))
    return path


QUICK = ["asyncio's own executor", "processes", "an exit handler that ends MPyC"]


@pytest.mark.slow
@pytest.mark.parametrize("kind", [*QUICK, *exhaustive(*(kind for kind in PROGRAMS if kind not in QUICK))])
def test_it_ends_as_under_python(tmp_path, kind):
    before, during, after = PROGRAMS[kind]
    path = program(tmp_path, TEXT.format(before=before, during=during, after=after, processes="processes" in kind))
    code, lines, err, _ = ended(path)
    assert code == 0, err
    assert lines == ["6 5", *(["later"] if "later" in before + during else [])]


@pytest.mark.slow
@pytest.mark.parametrize(
    "never",
    [
        "threading.Thread(target=time.sleep, args=(600,), name='of the program').start()",
        *exhaustive("ThreadPoolExecutor(1).submit(time.sleep, 600)"),
        *exhaustive("multiprocessing.Process(target=time.sleep, args=(600,)).start()"),
        *exhaustive("atexit.register(time.sleep, 600)"),
    ],
)
def test_what_never_ends_is_ended(tmp_path, never):
    path = program(tmp_path, TEXT.format(before="", during=f"total = 6; {never}", after="", processes=False))
    code, lines, err, seconds = ended(path, "--stall", "3")
    assert lines == ["6 5"]
    assert code == 1
    assert "the program has ended, but" in err
    if "of the program" in never:
        assert "the thread of the program" in err
    assert seconds < 40


@pytest.mark.slow
def test_a_program_that_fails_waits_for_nothing(tmp_path):
    text = TEXT.format(
        before="pool = ThreadPoolExecutor(1)",
        during="processes.submit(time.sleep, 600); pool.submit(time.sleep, 600); raise KeyError('mine')",
        after="",
        processes=True,
    )
    code, _, err, seconds = ended(program(tmp_path, text))
    assert code == 1
    assert "KeyError: 'mine'" in err
    assert seconds < 40
