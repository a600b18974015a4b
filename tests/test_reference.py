"""docs/reference/ is what `python docs/reference.py` writes, and every public name has a docstring."""

from __future__ import annotations

import importlib
import inspect
import subprocess
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parent.parent
SCRIPT = ROOT / "docs" / "reference.py"


def generator() -> ModuleType:
    spec = spec_from_file_location("reference", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


REFERENCE = generator()


def test_the_pages_are_current():
    there = {path.name: path.read_text(encoding="utf-8") for path in (ROOT / "docs" / "reference").glob("*.md")}
    stale = [name for name, text in REFERENCE.pages().items() if there.pop(name, None) != text]
    assert not stale, "write them anew:  python docs/reference.py"
    assert not there, "pages of modules that are none"


@pytest.mark.parametrize("name", REFERENCE.MODULES)
def test_every_public_name_has_a_docstring(name):
    module = importlib.import_module(name)
    without = [] if module.__doc__ else [name]
    for one, thing in REFERENCE.public(module):
        if not REFERENCE.document(thing):
            without.append(one)
        if inspect.isclass(thing):
            without += [f"{one}.{member}" for member, what in REFERENCE.members(thing) if not REFERENCE.document(what)]
    assert not without


@pytest.mark.parametrize("name", REFERENCE.MODULES)
def test_every_public_name_is_on_its_page(name):
    page = REFERENCE.page(name)
    for one, thing in REFERENCE.public(importlib.import_module(name)):
        assert f"\n## {one}\n" in page
        if inspect.isclass(thing):
            for member, _ in REFERENCE.members(thing):
                assert f"\n### {one}.{member}\n" in page


def test_the_readme_leads_to_it():
    assert "docs/reference/README.md" in (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_command_says_what_is_not_current(tmp_path):
    copy = tmp_path / "docs" / "reference.py"
    copy.parent.mkdir()
    copy.write_text(SCRIPT.read_text(encoding="utf-8"), encoding="utf-8")
    command = [sys.executable, str(copy)]
    environment = {"PYTHONPATH": str(ROOT), "PATH": ""}

    def run(*options: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([*command, *options], capture_output=True, text=True, check=False, env=environment)

    assert run().returncode == 0
    assert run("--check").returncode == 0
    (tmp_path / "docs" / "reference" / "mpc.md").write_text("old")
    (tmp_path / "docs" / "reference" / "gone.md").write_text("old")
    checked = run("--check")
    assert checked.returncode == 1
    assert "mpc.md is not current" in checked.stdout
    assert "gone.md is not current" in checked.stdout
    assert run().returncode == 0
    assert run("--check").returncode == 0
