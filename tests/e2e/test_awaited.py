"""Scripts that go on with an awaited value, between real processes: the run does what was agreed, whatever it is."""

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

SCRIPT = """
from mpc import Integer, Real, Scenario, Study, Table


class People(Table):
    age = Real(0, 120, unit="years")
    kids = Integer(0, 20)


scenario = Scenario(inputs={"people": People.rows()}, parameters={"minimum_cohort": 5})


@scenario.run
async def run(study: Study) -> None:
    p = study.table("people")
"""
SEVERAL = """
    m = await study.release("mean age", p.age.mean())
    study.release("n", p.age[p.age > m].count())
    kids = await study.release("mean kids", p.kids.mean())
    sd = await study.release("sd", p.age.std())
    study.release("more kids", p[p.kids > kids].count())
    study.release("both", p[(p.age > m) & (p.kids > kids)].count())
    study.release("whole", p[p.age > int(m)].count())
    study.release("far", p[abs((p.age - m) / sd) > 1].count())
"""
BINS = """
    q = await study.release("quartiles", p.age.share(rows=60).quantile([0.25, 0.5, 0.75]))
    study.release("quarters", p.group_by(p.age.cut([0, *q, 120])).count())
    study.release("clipped", p.age.clip(q[0], q[2]).mean())
    study.release("histogram", p.age.histogram([0, int(q[1]), 120]))
"""
CHOOSING = """
    m = await study.release("mean age", p.age.mean())
    if m > 5:
        study.release("old", p[p.age > 40].count())
    else:
        study.release("young", p[p.age < 40].count())
"""


def frames() -> list[pd.DataFrame]:
    chance = np.random.default_rng(8)
    return [
        pd.DataFrame({"age": chance.uniform(15, 95, 60).round(2), "kids": chance.integers(0, 9, 60)}) for _ in range(3)
    ]


def demo(folder: Path, script: str) -> subprocess.CompletedProcess[str]:
    (folder / "script.py").write_text(SCRIPT + script, encoding="utf-8")
    command = [sys.executable, "-m", "parties.cli", "demo", str(folder / "script.py"), "--output", str(folder / "out")]
    for i, frame in enumerate(frames()):
        frame.to_csv(folder / f"rows{i}.csv", index=False)
        command += ["--data", str(folder / f"rows{i}.csv")]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=280, check=False, env={**os.environ, **ENVIRONMENT}
    )


def test_awaited_values_in_conditions(tmp_path):
    ended = demo(tmp_path, SEVERAL)
    assert ended.returncode == 0, ended.stderr
    found = json.loads((tmp_path / "out" / "result.json").read_text(encoding="utf-8"))["releases"]
    p = pd.concat(frames())
    m, sd, kids = p.age.mean(), p.age.std(), p.kids.mean()
    assert found["mean age"] == pytest.approx(m)
    assert found["n"] == (p.age > m).sum()
    assert found["more kids"] == (p.kids > kids).sum()
    assert found["both"] == ((p.age > m) & (p.kids > kids)).sum()
    assert found["whole"] == (p.age > int(m)).sum()
    assert found["far"] == (abs((p.age - m) / sd) > 1).sum()


def test_awaited_values_in_bins_and_limits(tmp_path):
    ended = demo(tmp_path, BINS)
    assert ended.returncode == 0, ended.stderr
    found = json.loads((tmp_path / "out" / "result.json").read_text(encoding="utf-8"))["releases"]
    p, q = pd.concat(frames()), found["quartiles"]
    assert found["quarters"]["values"] == np.histogram(p.age, [0, *q, 120])[0].tolist()
    assert found["clipped"] == pytest.approx(p.age.clip(q[0], q[2]).mean(), rel=1e-5)
    assert found["histogram"]["counts"] == np.histogram(p.age, [0, int(q[1]), 120])[0].tolist()


def test_an_awaited_value_does_not_choose_what_is_released(tmp_path):
    ended = demo(tmp_path, CHOOSING)
    assert ended.returncode == 5, ended.stderr
    assert "release 'old' is not in the agreed list of releases" in ended.stderr
    assert "not choose by it what is released" in ended.stderr
    assert "script.py line 19" in ended.stderr


SKIPPING = """
    n = await study.release("people", p.count())
    if n != 180:
        study.release("old", p[p.age > 40].count())
    study.release("mean age", p.age.mean())
"""


def test_an_agreed_release_that_a_script_skips_is_told(tmp_path):
    ended = demo(tmp_path, SKIPPING)
    assert ended.returncode == 0, ended.stderr
    result = json.loads((tmp_path / "out" / "result.json").read_text(encoding="utf-8"))
    assert list(result["releases"]) == ["people", "mean age"]
    assert [note for note in result["notes"] if note.startswith("agreed, and not released") and note.endswith(": old")]
