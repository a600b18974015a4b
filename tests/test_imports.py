"""Importing the packages does nothing but import: no output, no arguments, no files, no sockets, nothing heavy."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from functools import cache

import pytest

from tests.support.sources import PACKAGES, files, module_of

ALL = ", ".join(PACKAGES)
HEAVY = ["numba", "ibis", "duckdb", "pandas", "mpyc", "scipy", "matplotlib"]
#: What modules of ours import at once, and what takes long.
OTHERS = ["numpy", "pandas", "scipy.stats", "numba", "duckdb", "cryptography.x509", "click", "rich.console", "pydantic"]

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
import {ALL}
spent = time.perf_counter() - begun
sys.stderr.write(json.dumps({{
    "opened": opened,
    "argv": len(touched),
    "heavy": [name for name in {HEAVY!r} if name in sys.modules],
    "seconds": spent,
}}))
"""

#: Imports each module that is named on a line of stdin in a child which has libraries of others only.
ALONE = """
import os, sys, traceback

for name in sys.argv[1:]:
    __import__(name)
for line in sys.stdin:
    sys.stderr.flush()
    if not (child := os.fork()):
        try:
            __import__(line.strip())
        except BaseException:
            sys.stderr.write(f"{line}{traceback.format_exc()}")
            sys.stderr.flush()
            os._exit(1)
        os._exit(0)
    os.waitpid(child, 0)
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
    with_ours = seconds(f"import {ALL}")
    # Half a second where the machine is idle; where it is not, numpy's own import shows by how much.
    slowdown = max(1.0, numpy_alone / 0.15)
    assert with_ours < 0.5 * slowdown, f"{with_ours:.2f} s, numpy alone {numpy_alone:.2f} s"


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="a fresh interpreter for each module would take minutes")
def test_each_module_can_be_imported_first():
    names = [module_of(path) for path in files(*PACKAGES) if path.stem != "__main__"]
    done = subprocess.run(
        [sys.executable, "-c", ALONE, *OTHERS], input="\n".join(names), capture_output=True, text=True, timeout=290
    )
    assert done.stderr == ""
    assert done.returncode == 0
