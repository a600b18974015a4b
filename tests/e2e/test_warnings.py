"""What a person has to read before a run waits for others: on stderr, with `--json`, too."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.support.processes import ENVIRONMENT, small_town

SCENARIO = '''"""One release that nothing guards."""
from mpc import Flag, Real, Scenario, Table


class Patients(Table):
    x = Real(0, 50)
    y = Real(0, 3)
    ill = Flag()


scenario = Scenario(inputs={"patients": Patients.rows()})


@scenario.run
async def run(study):
    print("a word of the script")
    study.release("largest", study.table("patients").share(rows=128)["x"].sort()[-1], unprotected="all agree")
'''


@pytest.mark.slow
def test_a_run_says_what_nothing_guards_before_it_waits_also_with_json(tmp_path):
    with small_town(tmp_path) as town:
        script = tmp_path / "largest.py"
        script.write_text(SCENARIO, encoding="utf-8")
        study = town.write_study(script)
        for options in ((), ("--json",)):
            command = ["run", study, "--wait", "1", "--home", town.homes["north"].path, *options]
            ended = subprocess.run(
                [sys.executable, "-m", "parties.cli", *map(str, command)],
                capture_output=True,
                text=True,
                env={**os.environ, **ENVIRONMENT},
                timeout=100,
                check=False,
            )
            assert ended.returncode == 3
            assert ended.stdout == ""
            assert "a word of the script" not in ended.stderr  # it is planned, and has not begun
            assert 'NOT PROTECTED (the author\'s reason: "all agree")' in ended.stderr
            if not options:
                assert ended.stderr.index("NOT PROTECTED") < ended.stderr.index("waiting for")
