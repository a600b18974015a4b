"""Tables prepared at their owners, through real processes: groups, joins and the latest rows, from files."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.support.processes import ENVIRONMENT

pytestmark = pytest.mark.slow

SCENARIO = '''"""wages: what the tax office prepares of its records; every shop groups its own sales."""
from mpc import Category, Date, Flag, Integer, Key, Real, Scenario, Table


class Records(Table):
    person = Key(strip=True, leading_zeros="drop")
    year = Integer(1990, 2030)
    income = Real(0, 1e6)
    kind = Category("wage", "rent")


class Register(Table):
    person = Key(strip=True, leading_zeros="drop")
    born = Date("1900-01-01", "2020-12-31")


class Sales(Table):
    customer = Integer(0, 2**60)
    spent = Real(0, 1000)


scenario = Scenario(
    inputs={
        "records": Records.held_by("office", at_most=100_000),
        "register": Register.held_by("office", at_most=10_000),
        "sales": Sales.rows(at_most=10_000),
    },
    parameters={"minimum_cohort": 5},
)


@scenario.run
async def run(study):
    records, register = study.table("records"), study.table("register")
    wages = records.filter(records.kind == "wage").assign(thousands=records.income / 1000)
    people = wages.group_by("person", at_most_per_key=500).agg(
        total=("thousands", "sum"), n="count", newest=("income", "last", "year")
    )
    known = people.join(register, on="person", how="left")
    study.release("persons", people.count())
    study.release("mean total", people.total.mean())
    study.release("rows of wages", people.n.sum())
    study.release("mean of the newest", people.newest.mean())
    study.release("registered", known.born.count())
    study.release("total of the old", known[known.born < "1950-01-01"].total.sum())
    study.release("unknown", people.join(register, on="person", how="anti").count())
    study.release("latest", records.latest(per="person", by="year").income.mean())
    everyone = records.group_by("person", at_most_per_key=500).agg(total=("income", "sum"))
    study.release("total of all", everyone.total.sum())
    others = records.filter(records.income < 200_950).group_by("person", at_most_per_key=500)
    study.release("total without the largest record", others.agg(total=("income", "sum")).total.sum())
    customers = study.table("sales").group_by("customer", at="owner", at_most_per_key=100).agg(spent=("spent", "sum"))
    study.release("customers", customers.count())
    study.release("good customers", customers[customers.spent > 1000].count())


@scenario.plaintext
def plaintext(records, register, sales):
    wages = records[(records.kind == "wage") & records.person.notna()]
    groups = wages.groupby("person")
    totals = groups.income.sum() / 1000
    born = register.set_index("person").born.reindex(totals.index)
    newest = wages.sort_values(["year", "income"], ascending=[False, True]).drop_duplicates("person")
    latest = records[records.person.notna()]
    latest = latest.sort_values(["year", "income"], ascending=[False, True]).drop_duplicates("person")
    return {
        "persons": len(totals),
        "mean total": float(totals.mean()),
        "rows of wages": int(groups.size().sum()),
        "mean of the newest": float(newest.income.mean()),
        "registered": int(born.notna().sum()),
        "total of the old": float(totals[born < "1950-01-01"].sum()),
        "unknown": int((~totals.index.isin(register.person)).sum()),
        "latest": float(latest.income.mean()),
    }
'''


def written(folder: Path) -> dict[str, Path]:
    """Files of the office, and of three shops."""
    rng = np.random.default_rng(5)
    rows = 2000
    records = pd.DataFrame(
        {
            "person": [f" {k:04d}" if k else "" for k in rng.integers(0, 400, rows)],
            "year": rng.integers(2000, 2020, rows),
            "income": (rng.permutation(rows) + 1) * 100.5,  # no two alike: pandas would take any of equal ones
            "kind": rng.choice(["wage", "rent"], rows),
        }
    )
    people = rng.permutation(np.arange(1, 500))[:300]
    days = pd.to_datetime("1930-01-01") + pd.to_timedelta(rng.integers(0, 15000, len(people)), unit="D")
    register = pd.DataFrame({"person": people, "born": days.strftime("%Y-%m-%d")})
    paths = {"records": folder / "records.csv", "register": folder / "register.parquet"}
    records.to_csv(paths["records"], index=False)
    register.to_parquet(paths["register"], index=False)
    for shop in range(3):
        sales = pd.DataFrame(
            {"customer": 2**58 + rng.integers(0, 100, 500), "spent": rng.uniform(0, 900, 500).round(2)}
        )
        paths[f"sales {shop}"] = folder / f"shop{shop}.csv"
        sales.to_csv(paths[f"sales {shop}"], index=False)
    return paths


def test_a_study_of_prepared_tables_gives_what_pandas_gives(tmp_path: Path) -> None:
    (tmp_path / "wages.py").write_text(SCENARIO)
    paths = written(tmp_path)
    data = [f"--data={name.split()[0]}={path}" for name, path in paths.items()]
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    ended = subprocess.run(
        [sys.executable, "-m", "parties.cli", "demo", str(tmp_path / "wages.py"), *data, "--json",
         "--output", str(tmp_path / "out")],
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
        env={**os.environ, **ENVIRONMENT, "TMPDIR": str(temporary)},
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    result = json.loads(ended.stdout)
    assert result["oracle"]["beyond"] == []
    assert len(result["oracle"]["compared"] if "compared" in result["oracle"] else result["releases"]) >= 8
    assert result["releases"]["total of all"] > 0
    assert result["releases"]["total without the largest record"] == "suppressed (fewer than 5)"
    shops = [pd.read_csv(path).groupby("customer").spent.sum() for name, path in paths.items() if "sales" in name]
    assert result["releases"]["customers"] == sum(map(len, shops))
    assert result["releases"]["good customers"] == sum(int((spent > 1000).sum()) for spent in shops)
    assert list(temporary.iterdir()) == []


def test_the_plan_says_in_words_what_owners_prepare(tmp_path: Path) -> None:
    (tmp_path / "wages.py").write_text(SCENARIO)
    study = tmp_path / "study.toml"
    roles = {"north": ["input", "compute"], "south": ["input", "compute", "recipient"]}
    lines = [f'scenario = "{tmp_path}/wages.py"', 'purpose = "wages"']
    lines += ["[organizations.office]", 'roles = ["office", "compute", "input"]', 'records = "r"', 'register = "p"']
    lines += ['sales = "s"']
    for name, own in roles.items():
        lines += [f"[organizations.{name}]", f"roles = {json.dumps(own)}", 'sales = "s"']
    study.write_text("\n".join(lines) + "\n")
    ended = subprocess.run(
        [sys.executable, "-m", "parties.cli", "plan", str(study)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={**os.environ, **ENVIRONMENT},
    )
    assert ended.returncode == 0, ended.stderr
    plan = " ".join(ended.stdout.split())
    assert (
        "office prepares records where kind == wage, by person (at most 500 rows each): total (sum of income / 1000)"
        in plan
    )
    assert "north, office and south prepare, each from its own rows, sales, by customer" in plan
    assert "office prepares records, the latest of each person by year." in plan
