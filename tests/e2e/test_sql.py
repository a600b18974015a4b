"""A scenario that is only SQL, between real processes over TLS: its answers are DuckDB's."""

import json
import os
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from tests.support.processes import ENVIRONMENT
from tests.support.sql import differences, duckdb_answer, rows_of

pytestmark = pytest.mark.slow

JOINED = """
SELECT drug, count(*) AS visits, avg(cost) AS cost, median(age) AS age
FROM visits LEFT JOIN patients ON patient = id
GROUP BY drug HAVING count(*) > 20 ORDER BY drug
"""
ALONE = "SELECT count(*) AS n, sum(age) AS s FROM patients WHERE drug IS NULL OR age > 50"
FILE = f"""
sql = '''{JOINED}'''
unprotected = "made-up rows"
[queries]
alone = "{ALONE}"
[parameters]
minimum_cohort = 1
[tables.patients]
holder = "registry"
at_most = 80
unique = "id"
[tables.patients.columns]
id = {{ type = "integer", low = 0, high = 1000 }}
age = {{ type = "real", low = 0, high = 120 }}
drug = {{ type = "category", levels = ["none", "statin"] }}
[tables.visits]
holder = "hospital"
at_most = 250
[tables.visits.columns]
patient = {{ type = "integer", low = 0, high = 1000 }}
cost = {{ type = "real", low = 0, high = 1000 }}
"""


def test_a_query_between_processes(tmp_path):
    chance = np.random.default_rng(5)
    patients = pd.DataFrame(
        {
            "id": np.arange(70),
            "age": chance.integers(0, 200, 70) / 2,
            "drug": chance.choice(np.array(["none", "statin", None], object), 70),
        }
    )
    visits = pd.DataFrame({"patient": chance.integers(0, 90, 200), "cost": chance.integers(0, 2000, 200) / 2})
    for name, frame in (("patients", patients), ("visits", visits)):
        frame.to_csv(tmp_path / f"{name}.csv", index=False)
    (tmp_path / "visits.toml").write_text(FILE, encoding="utf-8")
    command = [sys.executable, "-m", "parties.cli", "demo", "./visits.toml", "--json", "--output", "out"]
    command += ["--data", "patients=patients.csv", "--data", "visits=visits.csv"]
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
        cwd=tmp_path,
        env={**os.environ, **ENVIRONMENT},
    )
    assert done.returncode == 0, done.stderr
    released = json.loads((tmp_path / "out" / "result.json").read_text())["releases"]
    tables = {"patients": patients, "visits": visits}
    for name, query in (("result", JOINED), ("alone", ALONE)):
        value = released[name].get("value", released[name]) if isinstance(released[name], dict) else released[name]
        assert not differences(rows_of(value), duckdb_answer(query, tables), ordered=True), name
