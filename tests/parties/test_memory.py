"""Freed arrays are made again without new pages, where the C library can be told to keep them."""

from __future__ import annotations

import subprocess
import sys

import pytest

CODE = """
import resource, sys
import numpy as np
from parties.system.memory import keep_freed

if sys.argv[1] == "kept" and not keep_freed():
    sys.exit(3)

def work():
    return [np.ones(3 << 17) for _ in range(4)]

work()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    work()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(how: str) -> int:
    done = subprocess.run([sys.executable, "-c", CODE, how], capture_output=True, text=True, check=False)
    if done.returncode == 3:
        pytest.skip("this C library has no such setting")
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc only")
def test_freed_arrays_are_used_again():
    """40 arrays of 3 MiB, of 768 pages each."""
    kept, given_back = faults("kept"), faults("default")
    assert kept < 768
    assert given_back > 10 * 768
