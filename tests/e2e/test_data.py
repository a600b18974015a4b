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
from mpc import Category, Date, Flag, Integer, Key, Scenario, Table


class People(Table):
    number = Integer(0, 2**60)
    smoker = Flag()
    pclass = Category("1", "2", "3")
    born = Date("1850-01-01", "2030-12-31")
    person = Key(strip=True, leading_zeros="drop")


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
    study.release("before 1900", people[people.born < "1900-01-01"].count())
    study.release("mean age", people.born.age_at("2026-01-01").mean())
    study.release("persons", people.person.count())
    study.release("cost", study.table("register").cost.sum())


@scenario.plaintext
def plaintext(people, register):
    born = people.born.dropna()
    return {
        "rows": len(people),
        "smokers": int(people.smoker.sum()),
        "before 1900": int((born < "1900-01-01").sum()),
        "mean age": float((2025 - born.dt.year + ((born.dt.month == 1) & (born.dt.day == 1))).mean()),
        "persons": int(people.person.count()),
        "cost": int(register.cost.sum()),
    }
'''


def test_files_of_r_pandas_and_excel_give_the_same_numbers(tmp_path: Path) -> None:
    (tmp_path / "match.py").write_text(SCENARIO)
    days = ["1899-12-31", "1904-02-29", "", "1969-12-31", "2000-01-01"]
    rows = [(9007199254740992 + k, k % 2, k % 3 + 1, days[k % 5], "" if k == 7 else f"{k}") for k in range(30)]
    forms = {
        "r": (
            '"","number","smoker","pclass","born","person"',
            lambda k, n, s, p, b, i: f'"{k}",{n},"{"yes" if s else "no"}","{p}","{b}","{i}"',
        ),
        "pandas": (
            ",number,smoker,pclass,born,person",
            lambda k, n, s, p, b, i: f"{k},{n},{bool(s)},{p}.0,{b and b + ' 00:00:00'},{i and '00' + i}",
        ),
        "excel": ("\ufeffnumber;smoker;pclass;born;person;", lambda k, n, s, p, b, i: f"{n};{s};{p};{b}; {i} ;"),
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
    result = json.loads(ended.stdout)
    assert result["oracle"]["beyond"] == []
    releases = result["releases"]
    assert (releases["before 1900"], releases["persons"]) == (18, 87)
    assert releases["rows"] == 90
    assert releases["smokers"] == 45
    assert releases["same number"] == 3
    assert releases["classes"]["values"] == [30, 30, 30]
    assert releases["cost"] == 49 * 25
