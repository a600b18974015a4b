"""A scenario with a protocol on shares of its own, between real processes."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from tests.support.own_protocol import write_squares

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(("engine", "organizations"), [("replicated", 3), ("shamir", 5)])
def test_it_runs_between_processes(tmp_path, engine, organizations):
    rows = [20 + 5 * i for i in range(organizations)]
    data = []
    for i, count in enumerate(rows):
        (tmp_path / f"{i}.csv").write_text("minutes\n" + "".join(f"{minute % 60}\n" for minute in range(count)))
        data += ["--data", str(tmp_path / f"{i}.csv")]
    command = [sys.executable, "-m", "parties.cli", "demo", str(write_squares(tmp_path)), "--engine", engine, *data]
    command += ["--output", str(tmp_path / "out"), "--json"]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=280, check=False, env={**os.environ})
    assert ended.returncode == 0, ended.stderr
    result = json.loads(ended.stdout)
    assert str(sum(rows) ** 2) in json.dumps(result)
    assert "If the script's own protocols on shares are secure" in json.dumps(result)
