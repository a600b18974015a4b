"""Many rows: what the owners do alone grows, what they do together does not."""

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from parties.local.oracle import deviations, expected
from parties.study.loader import load
from tests.support.processes import NAMES, SUPPORT, Town, releases_alike

pytestmark = pytest.mark.slow

LARGE = SUPPORT / "large_study.py"
COLUMNS = "abcdef"
#: Ten million by hand: COMITY_TEST_ROWS=10000000.
ROWS = int(os.environ.get("COMITY_TEST_ROWS", "2000000"))


def write(path: Path, rows: int, seed: int) -> None:
    """Parquet in row groups of a million, written piece by piece."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    random = np.random.default_rng(seed)
    with pq.ParquetWriter(path, pa.schema([(name, pa.float64()) for name in COLUMNS])) as file:
        for begin in range(0, rows, 1_000_000):
            n = min(1_000_000, rows - begin)
            five = {name: random.normal(0.1 * i, 1 + 0.1 * i, n).clip(-10, 10) for i, name in enumerate("abcde")}
            last = sum(five.values()) + random.normal(0, 2, n)
            file.write_table(pa.table({**five, "f": last.clip(-60, 60)}))


def run_with(town: Town, rows: int) -> dict[str, dict]:
    for seed, name in enumerate(NAMES):
        path = town.folder / f"{name}-{rows}.parquet"
        write(path, rows, seed)
        town.bring(name, path)
    runs = town.start_all()
    assert [run.wait(600) for run in runs.values()] == [0, 0, 0]
    assert releases_alike([run.result for run in runs.values()])
    return {name: {**run.result, "memory": run.peak_memory, "read": run.bytes_read} for name, run in runs.items()}


def joint(results: dict[str, dict]) -> float:
    """From the last owner's last local aggregate to the releases."""
    return min(result["phases"]["joint"] for result in results.values())


@pytest.mark.timeout(900)
def test_the_joint_part_does_not_grow_with_the_rows(tmp_path):
    with Town(tmp_path) as town:
        town.write_study(LARGE)
        small = run_with(town, 200)
        large = run_with(town, ROWS)
    for name, result in large.items():
        size = (tmp_path / f"{name}-{ROWS}.parquet").stat().st_size
        read = (result["read"] - small[name]["read"]) / size
        print(name, {k: round(v, 2) for k, v in result["phases"].items()}, f"{result['memory'] >> 20} MiB", read)
        assert result["memory"] < 1_000_000_000
        assert read < 3.1  # the check, and two passes of aggregation in SQL
    print(f"joint: {joint(small):.2f} s with 200 rows an owner, {joint(large):.2f} s with {ROWS:,}")
    assert joint(large) < joint(small) + 0.3 + 0.5 * joint(small)  # other work on this machine
    scenario = load(str(LARGE)).scenario
    if ROWS <= 2_000_000:
        pooled = pd.concat([pd.read_parquet(tmp_path / f"{name}-{ROWS}.parquet") for name in NAMES])
        wanted = expected(scenario, {"patients": pooled}, None)
        found = large["county"]
        largest, details = deviations(found["releases"], found["kinds"], wanted)
        assert largest < 1e-5, details
