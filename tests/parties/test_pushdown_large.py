"""Millions of rows of a Parquet file, checked and aggregated by DuckDB within little memory of the party."""

from __future__ import annotations

import subprocess
import sys

import duckdb
import pytest

from tests.support.marks import exhaustive

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]

#: i -> a row: every column follows from the number of the row.
ROWS = """copy (select
    case when hash(i) % 20 = 0 then null else 18 + (hash(i + 1) % 700000) / 10000.0::double end as age,
    exp((hash(i + 2) % 1000003) / 100000.0)::double as income,
    (hash(i + 7) % 2305843009213693951)::bigint as number,
    (hash(i + 3) % 40)::int as visits,
    hash(i + 4) % 10 < 3 as smoker,
    case hash(i + 5) % 3 when 0 then 'surgery' when 1 then 'medicine' else 'other' end as ward
from range({rows}) t(i)) to '{path}' (format parquet)"""

PROGRAM = """
import time
import numpy as np
from mpc.tables import expressions as ex
from mpc.tables.aggregates import Count, Crosstab, Largest, Sum
from mpc.tables.moments import CrossMoments, Moments
from parties.data.dataset import open_dataset
from parties.data.source import Dataset
from tests.support.aggregating import AGE, INCOME, NUMBER, SMOKER, VISITS, WARD, People, at
rows = open_dataset(Dataset("people", {path!r}), People.schema, threads=2, pushed_from=0)
begin = time.monotonic()
assert rows.check(at_most={rows}).rows == {rows}
checked = time.monotonic()
columns, zeros, ones = [AGE, INCOME, VISITS], np.zeros(3), np.ones(3)
results = rows.aggregated([
    Count(columns, ex.comparison(">", AGE, ex.public(60.0))),
    Crosstab([WARD, SMOKER], [3, 2]),
    Moments(columns, zeros, ones, [None] * 3),
    Moments([AGE] * 3, zeros, ones, [at(0), at(1), at(2)]),
    CrossMoments(columns, zeros, ones),
    Sum([NUMBER]),
    Largest(INCOME, [None]),
])
assert rows.streamed == "" and None not in results
assert results[1]["counts"].sum() == {rows}
print(checked - begin, time.monotonic() - checked)
# What a process is forked from counts in ru_maxrss.
print(next(int(line.split()[1]) >> 10 for line in open("/proc/self/status") if line.startswith("VmHWM")))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("rows", [3_000_000, *exhaustive(100_000_000)])
def test_memory_stays_within_a_gigabyte(tmp_path, rows):
    path = tmp_path / "people.parquet"
    try:
        with duckdb.connect(config={"threads": 2, "memory_limit": "2GB"}) as base:
            base.execute("set enable_progress_bar = false")
            base.execute(ROWS.format(rows=rows, path=path))
        code = PROGRAM.format(rows=rows, path=str(path))
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    finally:
        path.unlink(missing_ok=True)
    assert done.returncode == 0, done.stderr
    checked_s, aggregated_s, megabytes = map(float, done.stdout.split())
    print(f"{rows:,} rows: checked in {checked_s:.1f} s, aggregated in {aggregated_s:.1f} s, {megabytes:.0f} MB")
    assert megabytes < 1000
