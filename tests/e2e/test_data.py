"""Data as other programs write it, through real processes: the same rows in three forms, and numbers beyond 2^53."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.processes import ENVIRONMENT

pytestmark = pytest.mark.slow

SCENARIO = '''"""match: rows, an exact sum, and how many have one number."""
from mpc import Category, Flag, Integer, Scenario, Table


class People(Table):
    number = Integer(0, 2**60)
    smoker = Flag()
    pclass = Category("1", "2", "3")


class Register(Table):
    cost = Integer(0, 1000)


scenario = Scenario(
    inputs={"people": People.rows(at_most=100), "register": Register.held_by("registry", at_most=100)},
    parameters={"minimum_cohort": 1},
)


@scenario.run
async def run(study):
    people = study.table("people")
    study.release("rows", people.count())
    study.release("smokers", people[people.smoker].count())
    study.release("same number", people[people.number == 9007199254740993].count())
    study.release("classes", people.group_by("pclass").count())
    study.release("cost", study.table("register").cost.sum())


@scenario.plaintext
def plaintext(people, register):
    return {"rows": len(people), "smokers": int(people.smoker.sum()), "cost": int(register.cost.sum())}
'''


def test_files_of_r_pandas_and_excel_give_the_same_numbers(tmp_path: Path) -> None:
    (tmp_path / "match.py").write_text(SCENARIO)
    rows = [(9007199254740992 + k, k % 2, k % 3 + 1) for k in range(30)]
    forms = {
        "r": ('"","number","smoker","pclass"', lambda k, n, s, p: f'"{k}",{n},"{"yes" if s else "no"}","{p}"'),
        "pandas": (",number,smoker,pclass", lambda k, n, s, p: f"{k},{n},{bool(s)},{p}.0"),
        "excel": ("\ufeffnumber;smoker;pclass;", lambda k, n, s, p: f"{n};{s};{p};"),
    }
    for name, (head, line) in forms.items():
        lines = [head, *(line(k, *row) for k, row in enumerate(rows))]
        (tmp_path / f"{name}.csv").write_text("\r\n".join(lines) + "\r\n", encoding="utf-8")
    (tmp_path / "register.csv").write_text("cost\n" + "\n".join(str(k) for k in range(50)))
    data = [f"--data=people={tmp_path}/{name}.csv" for name in forms] + [f"--data=register={tmp_path}/register.csv"]
    command = [sys.executable, "-m", "parties.cli", "demo", str(tmp_path / "match.py"), *data, "--json"]
    ended = subprocess.run(
        [*command, "--output", str(tmp_path / "out")],
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
        env={**os.environ, **ENVIRONMENT},
    )
    assert ended.returncode == 0, ended.stderr
    releases = json.loads(ended.stdout)["releases"]
    assert releases["rows"] == 90
    assert releases["smokers"] == 45
    assert releases["same number"] == 3
    assert releases["classes"]["values"] == [30, 30, 30]
    assert releases["cost"] == 49 * 25
