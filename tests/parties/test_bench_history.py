"""`comity bench --history`: a file of measurements, and what is shown of it."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from mpc.errors import ConfigError
from parties.bench import history
from parties.cli import main as cli

RESULT = {
    "workload": "open",
    "size": 1000,
    "engine": "replicated",
    "organizations": 3,
    "threshold": 1,
    "seconds": 0.004,
    "seconds_min": 0.003,
    "seconds_max": 0.005,
    "floor_seconds": 0.002,
    "bytes_per_party": 8040,
    "rounds": 1,
    "max_error": 0.0,
    "memory_bytes": 1 << 20,
}


def bench(monkeypatch: pytest.MonkeyPatch, seconds: float, *options: str, **changes: Any) -> Any:
    """The command, with a measurement that took so long."""
    result = {**RESULT, "seconds": seconds, **changes}
    monkeypatch.setattr("parties.bench.run.measure", lambda *arguments, **options: [result])
    monkeypatch.setattr("parties.system.kernels.prepare", lambda *arguments: None)
    return CliRunner().invoke(cli.main, ["bench", "--workload", "open", *options], env={"COLUMNS": "100"})


def test_each_measurement_is_a_line(monkeypatch, tmp_path):
    file = tmp_path / "bench.jsonl"
    for seconds in (0.004, 0.006):
        done = bench(monkeypatch, seconds, "--history", str(file), "--json", profile={"much": 1})
        assert done.exit_code == 0, done.output
    first, second = (json.loads(line) for line in file.read_text().splitlines())
    assert first.keys() == RESULT.keys() | {"measured", "machine", "python", "comity", "commit", "repeat"}
    assert (first["seconds"], second["seconds"], first["repeat"]) == (0.004, 0.006, 5)
    assert history.read(file) == [first, second]


def test_what_is_measured_again_is_shown_beside_what_was_measured(monkeypatch, tmp_path):
    file = tmp_path / "bench.jsonl"
    assert "change" in bench(monkeypatch, 0.004, "--history", str(file)).output
    bench(monkeypatch, 1.0, "--history", str(file), size=5000)
    shown = bench(monkeypatch, 0.006, "--history", str(file)).output
    assert "open of 1,000" in shown
    assert "1.50 x" in shown
    assert "250" not in shown  # times of another size


def test_other_machines_and_settings_are_not_compared():
    line = {**RESULT, "machine": "2 cores"}
    assert history.alike([line], {**line, "seconds": 9.0}) == [line]
    for change in ({"machine": "4 cores"}, {"engine": "shamir"}, {"threshold": 2}, {"network": {"rtt_s": 0.04}}):
        assert history.alike([line], {**line, **change}) == []


@pytest.mark.parametrize("text", ["not JSON", "[]", "{}", '{"seconds": "long"}', "3"])
def test_a_file_of_something_else_is_refused_before_anything_is_measured(monkeypatch, tmp_path, text):
    file = tmp_path / "notes.txt"
    file.write_text(text)
    with pytest.raises(ConfigError, match="line 1 is not a measurement"):
        history.read(file)
    done = bench(monkeypatch, 0.004, "--history", str(file))
    assert done.exit_code == ConfigError.exit_code
    assert file.read_text() == text


def test_no_folder(monkeypatch, tmp_path):
    done = bench(monkeypatch, 0.004, "--history", str(tmp_path / "none" / "bench.jsonl"))
    assert done.exit_code == 2
    assert "there is no folder" in done.output


def test_the_commit_is_that_of_a_checkout(monkeypatch, tmp_path):
    module = tmp_path / "parties" / "bench" / "history.py"
    monkeypatch.setattr(history, "__file__", str(module))
    assert history.commit() is None
    who = ["-c", "user.name=n", "-c", "user.email=e@example.org"]
    for command in (["init", "-q"], [*who, "commit", "-q", "--allow-empty", "-m", "first"]):
        subprocess.run(["git", "-C", str(tmp_path), *command], check=True)
    found = history.commit()
    assert found is not None
    assert Path(tmp_path / ".git").exists()
    assert len(found) >= 7
