"""Importing the packages does nothing but import: no output, no arguments, no files, no sockets, nothing heavy."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from functools import cache

PACKAGES = "mpc, protocols, parties, scenarios"
HEAVY = ["numba", "ibis", "duckdb", "pandas", "mpyc", "scipy", "matplotlib"]

PROBE = f"""
import json, sys, time

opened, touched = [], []

class Sentinel(list):
    def _seen(self, *a, **k):
        touched.append(1)
        raise RuntimeError("sys.argv was read")
    __getitem__ = __iter__ = __len__ = __contains__ = index = copy = _seen

def audit(event, arguments):
    if event.startswith("socket.") or event in ("subprocess.Popen", "os.system", "os.listen"):
        opened.append(event)
    elif event == "open" and isinstance(arguments[0], str):
        name, mode = arguments[0], arguments[1]
        python = name.endswith((".py", ".pyc", ".so", ".pyd", ".dll", ".dylib", ".pth", "pyvenv.cfg"))
        written = mode and any(letter in str(mode) for letter in "wax+")
        if written and ".pyc." not in name or not python and ".pyc." not in name:
            opened.append(name)

import numpy
sys.argv = Sentinel()
sys.addaudithook(audit)
begun = time.perf_counter()
import {PACKAGES}
spent = time.perf_counter() - begun
sys.stderr.write(json.dumps({{
    "opened": opened,
    "argv": len(touched),
    "heavy": [name for name in {HEAVY!r} if name in sys.modules],
    "seconds": spent,
}}))
"""


@cache
def probe(times: int = 1) -> list[dict]:
    found = []
    for _ in range(times):
        done = subprocess.run([sys.executable, "-c", PROBE], capture_output=True, text=True, timeout=60, check=True)
        assert done.stdout == "", f"importing printed {done.stdout!r}"
        found.append(json.loads(done.stderr))
    return found


def seconds(code: str) -> float:
    timed = f"import time; t = time.perf_counter(); {code}; print(time.perf_counter() - t)"
    runs = [
        float(subprocess.run([sys.executable, "-c", timed], capture_output=True, text=True, check=True).stdout)
        for _ in range(3)
    ]
    return statistics.median(runs)


def test_importing_opens_nothing_and_reads_no_arguments():
    (found,) = probe()
    assert found["opened"] == []
    assert found["argv"] == 0


def test_importing_loads_nothing_heavy():
    (found,) = probe()
    assert found["heavy"] == []


def test_importing_is_quick():
    numpy_alone = seconds("import numpy")
    with_ours = seconds(f"import {PACKAGES}")
    # Half a second where the machine is idle; where it is not, numpy's own import shows by how much.
    slowdown = max(1.0, numpy_alone / 0.15)
    assert with_ours < 0.5 * slowdown, f"{with_ours:.2f} s, numpy alone {numpy_alone:.2f} s"
