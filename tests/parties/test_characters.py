"""Output in encodings that lack characters: nothing fails, nothing is lost; what can be said plainly is."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from parties.cli.main import Comity
from parties.text.characters import plain_where_needed
from parties.text.echo import json_text
from tests.support.processes import SMALL

ENCODINGS = ("latin-1", "cp1252", "ascii")

STUDY = f"""
scenario = {json.dumps(str(SMALL))}
purpose = "Zürich, Łódź, 東京: œ – ✓"
[organizations.county]
roles = ["input", "compute", "recipient"]
patients = "patients"
[organizations.north]
roles = ["input", "compute", "recipient"]
patients = "patients"
[organizations.st-mary]
roles = ["input", "compute"]
patients = "patients"
"""


def written(text: str, encoding: str) -> str:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding=encoding)
    plain_where_needed(stream)
    stream.write(text)
    stream.flush()
    return raw.getvalue().decode(encoding)


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_any_text_can_be_written(encoding: str) -> None:
    everything = "".join(map(chr, [*range(0xD800), *range(0xE000, 0x11000), 0x1F600]))
    assert len(written(everything, encoding)) >= len(everything)
    assert written("lone \udc80 surrogate", encoding) == "lone ? surrogate"


def test_plain_forms() -> None:
    assert written("✓ 2.1 × 10⁻⁸ … ▁▃█ R² 東", "ascii") == "ok 2.1 x 10^-8 ... _-# R^2 ?"
    assert written("R² × 10⁻⁸ é", "latin-1") == "R² × 10^-8 é"
    assert written("✓ × 10⁻⁸ …", "utf-8") == "✓ × 10⁻⁸ …"


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_json_keeps_every_character(encoding: str) -> None:
    value = {"é東": "œ – \U0001f600 \udc80"}
    assert json.loads(json_text(value, encoding).encode(encoding).decode(encoding)) == value
    assert json.loads(json_text(value).encode("utf-8")) == value
    assert "é東" in json_text(value)


def commands(group: click.Group, context: click.Context, path: tuple[str, ...] = ()) -> Iterator[tuple[str, str]]:
    """Each command and its help."""
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        inner = click.Context(command, info_name=name, parent=context)
        yield " ".join((*path, name)), command.get_help(inner)
        if isinstance(command, click.Group):
            yield from commands(command, inner, (*path, name))


def test_help_is_plain() -> None:
    """click writes it by itself."""
    group = Comity("comity")
    for name, text in commands(group, click.Context(group)):
        assert text.isascii(), name


def comity(folder: Path, encoding: str, *arguments: str) -> str:
    environment = {**os.environ, "PYTHONIOENCODING": encoding, "COLUMNS": "100", "COMITY_HOME": str(folder / "home")}
    command = [sys.executable, "-m", "parties.cli", *arguments]
    ended = subprocess.run(command, capture_output=True, cwd=folder, env=environment, timeout=280, check=False)
    errors = ended.stderr.decode(encoding)
    assert ended.returncode == 0, errors
    assert "defect" not in errors
    return ended.stdout.decode(encoding)


@pytest.mark.slow
@pytest.mark.parametrize("encoding", ENCODINGS)
def test_commands_in_processes_with_other_encodings(encoding: str, tmp_path: Path) -> None:
    (tmp_path / "study.toml").write_text(STUDY, encoding="utf-8")
    plan = comity(tmp_path, encoding, "plan", "study.toml", "--mock")
    assert "correlation" in plan
    assert "Z?rich" in plan if encoding == "ascii" else "Zürich" in plan
    assert (
        json.loads(comity(tmp_path, encoding, "plan", "study.toml", "--json"))["purpose"] == "Zürich, Łódź, 東京: œ – ✓"
    )
    comity(tmp_path, encoding, "scenario", "list")
    comity(tmp_path, encoding, "scenario", "show", "hospital_statistics")
    comity(tmp_path, encoding, "init", "county", "--listen", "127.0.0.1:7200")
    comity(tmp_path, encoding, "identity")


@pytest.mark.slow
@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_run_loses_nothing_in_another_encoding(encoding: str, tmp_path: Path) -> None:
    rows = "x,y,ill\n" + "".join(f"{i % 50},{i % 3},{i % 2}\n" for i in range(60))
    files: list[str] = []
    for name in ("é-1.csv", "東-2.csv", "…-3.csv"):
        (tmp_path / name).write_text(rows, encoding="utf-8")
        files += ["--data", name]
    shown = comity(tmp_path, encoding, "demo", str(SMALL), *files, "--output", "out")
    assert "180" in shown
    assert "distribution" in shown
    assert json.loads((tmp_path / "out" / "result.json").read_text(encoding="utf-8"))["releases"]["patients"] == 180
    assert (tmp_path / "out" / "report.html").exists()


@pytest.mark.slow
def test_an_error_of_a_party_is_shown_in_another_encoding(tmp_path: Path) -> None:
    (tmp_path / "wrong é東.csv").write_text("x,y,ill\n99,1,0\n", encoding="utf-8")
    environment = {**os.environ, "PYTHONIOENCODING": "latin-1"}
    command = [sys.executable, "-m", "parties.cli", "demo", str(SMALL), *["--data", "wrong é東.csv"] * 3]
    ended = subprocess.run(command, capture_output=True, cwd=tmp_path, env=environment, timeout=280, check=False)
    errors = ended.stderr.decode("latin-1")
    assert ended.returncode == 2, errors
    assert "column x" in errors
    assert "é?" in errors
