"""Fuzzy linkage between real processes, from files with names."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from fractions import Fraction

import numpy as np
import pytest

from protocols import linkage
from tests.support.persons import registers

pytestmark = pytest.mark.slow

SCRIPT = '''"""Who is in both registers.

Brings    the hospital and the register: persons
Learns    every recipient: how many are in both, and their mean age
"""

from __future__ import annotations

from mpc import Category, Integer, Scenario, Study, Table, Text
from protocols import linkage

REGIONS = ("a", "b", "c", "d")


class Persons(Table):
    given = Text()
    surname = Text()
    born = Integer(-40000, 40000)
    place = Text()
    region = Category(*REGIONS)


scenario = Scenario(
    inputs={"left": Persons.held_by("hospital"), "right": Persons.held_by("register")},
    parameters={"minimum_cohort": 5},
)


@scenario.run
async def run(study: Study) -> None:
    fields = [linkage.Name("given"), linkage.Name("surname"), linkage.Date("born"), linkage.Name("place")]
    links = await linkage.link(
        study.table("left"), study.table("right"), fields, rows=60, block="region", bits=512, hashes=8
    )
    study.release("links", links.count())
    study.release("difference of birth", (links.table.born - links.table.born_right).mean())
    study.release("beyond", links.left_beyond)
'''


def test_it_runs_between_processes(tmp_path):
    made = registers(120, 90, regions=4, seed=3)
    (tmp_path / "both.py").write_text(SCRIPT)
    for table, name in ((made.left, "left"), (made.right, "right")):
        table = table.assign(region=[chr(ord("a") + int(region)) for region in table.region])
        table["born"] = table["born"].astype("Int64")
        table.drop(columns="sex").to_csv(tmp_path / f"{name}.csv", index=False)
    command = [sys.executable, "-m", "parties.cli", "demo", str(tmp_path / "both.py")]
    command += ["--data", f"left={tmp_path / 'left.csv'}", "--data", f"right={tmp_path / 'right.csv'}"]
    command += ["--output", str(tmp_path / "out"), "--json"]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=280, check=False, env={**os.environ})
    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout)["releases"]["links"] == _in_the_clear(made)


def _in_the_clear(made):
    fields = (linkage.Name("given"), linkage.Name("surname"), linkage.Date("born"), linkage.Name("place"))
    encoding = linkage.Encoding(fields, bits=512, hashes=8)
    found = 0
    for region in range(4):
        sides = [table[table.region == region] for table in (made.left, made.right)]
        filters = [encoding.filters([s[n].to_numpy() for n in ("given", "surname", "born", "place")]) for s in sides]
        found += int(np.count_nonzero(linkage.linked(*filters, Fraction(4, 5)).partner >= 0))
    return found
