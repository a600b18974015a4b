"""Every kind of release, through each engine and through a real run: terminal, result.json and report.html."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from parties.local.oracle import deviations, expected
from parties.report import kinds
from parties.report import page as report
from protocols.simulate import simulate
from tests.support import every_release

ROWS = 30
SCRIPT = Path(every_release.__file__)


def people(shift: int) -> dict[str, Any]:
    rows = np.arange(ROWS)
    return {
        "age": 20.0 + rows + shift,
        "smoker": rows % 3 == 0,
        "ward": np.array(["surgery", "medicine", "other"])[rows % 3],
    }


def wanted() -> dict[str, Any]:
    import pandas as pd

    pooled = pd.concat([pd.DataFrame(people(shift)) for shift in range(3)], ignore_index=True)
    found = expected(every_release.scenario, {"people": pooled}, None)
    assert found is not None
    return found


def document(releases: dict[str, Any], kinds: dict[str, str]) -> dict[str, Any]:
    return {
        "scenario": "every_release",
        "study": "",
        "organizations": {"county": {"roles": ["recipient"]}},
        "releases": releases,
        "kinds": kinds,
        "cost": {"rounds": 0, "bytes_sent": 0, "seconds": 0.0},
    }


@pytest.mark.parametrize("engine", ["ideal", "replicated", pytest.param("shamir", marks=pytest.mark.slow)])
def test_every_kind_comes_out_and_is_shown(engine: str, tmp_path: Path) -> None:
    tables = {name: {"people": people(shift)} for shift, name in enumerate(("county", "north", "st-mary"))}
    run = simulate(every_release.scenario, tables, engine=engine)
    kinds = {entry.name: entry.kind for entry in run.entries}
    assert set(kinds) == set(run.releases)
    largest, details = deviations(run.releases, kinds, wanted())
    assert not isinstance(largest, str), details
    assert largest < 1e-6
    assert run.releases["largest"] == every_release.LARGEST
    assert run.releases["wholes"] == [every_release.LARGEST, 3 * ROWS]
    check_shown(document(run.releases, kinds), tmp_path)


def check_shown(content: dict[str, Any], folder: Path) -> None:
    """Each release has the form of its kind, and stands in all three places."""
    checked = report.check(content)
    forms = {
        "number": kinds.Scalar, "vector": kinds.Vector, "matrix": kinds.Matrix,
        "array": kinds.Array, "histogram": kinds.Histogram, "test": kinds.Comparison,
        "regression": kinds.Regression, "glm": kinds.Glm,
    }  # fmt: skip
    for name, kind in content["kinds"].items():
        if kind in forms:
            assert isinstance(checked.release(name), forms[kind]), name
    with Console(record=True, width=100, file=open(os.devnull, "w")) as console:
        report.show(content, console)
    terminal = console.export_text()
    page = report.html(content)
    report.write_json(content, folder / "result.json")
    written = json.loads((folder / "result.json").read_text(encoding="utf-8"))["releases"]
    assert written == checked.releases
    for name in content["releases"]:
        if name not in ("age histogram", "smokers missing"):
            assert name.removesuffix(" missing") in terminal, name
            assert name.removesuffix(" missing").lower() in page.lower(), name
    for text in (terminal, page):
        assert f"{every_release.LARGEST:,}" in text
        assert "suppressed (fewer than 5)" in text
        assert "no elements" in text
        assert "2 × 2 × 2" in text
        assert "yes" in text
        assert "derived" in text
    assert "… 76 more of 100 elements …" in terminal
    assert len(written["many"]["values"]) == 100
    assert "number 50" in page


@pytest.mark.slow
def test_every_kind_in_a_real_run(tmp_path: Path) -> None:
    import pandas as pd

    files: list[str] = []
    for shift in range(3):
        path = tmp_path / f"{shift}.csv"
        pd.DataFrame({**people(shift), "smoker": people(shift)["smoker"].astype(int)}).to_csv(path, index=False)
        files += ["--data", str(path)]
    command = [sys.executable, "-m", "parties.cli", "demo", str(SCRIPT), *files, "--output", str(tmp_path / "out")]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=280, check=False)
    assert ended.returncode == 0, ended.stderr
    content = json.loads((tmp_path / "out" / "result.json").read_text(encoding="utf-8"))
    assert content["oracle"]["max_relative_error"] < 1e-6
    check_shown(content, tmp_path)
    assert (tmp_path / "out" / "report.html").read_text(encoding="utf-8").count("<h2") > 30


def test_a_table_without_rows_says_what_that_can_mean() -> None:
    table = {"rows": None, "columns": ["region", "count"], "values": []}
    content = report.check(document({"by region": table}, {"by region": "matrix"})).model_dump(mode="json")
    with Console(record=True, width=100, file=open(os.devnull, "w")) as console:
        report.show(content, console)
    for text in (console.export_text(), report.html(content)):
        assert "no row is shown: there is none, or all are suppressed" in text
