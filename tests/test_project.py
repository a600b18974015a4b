"""Files about the project: the version stands in one place, and what is pinned is what is declared."""

from __future__ import annotations

import importlib.util
import re
import sys
import tomllib
import zipfile
from pathlib import Path
from types import ModuleType

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
#: What other systems' databases ask for; not installed where the tests run.
UNTESTED = {"postgres"}


def text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def script(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(Path(name).stem, ROOT / name)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def pinned() -> dict[str, Version]:
    lines = [line for line in text("constraints.txt").splitlines() if line and not line.startswith("#")]
    found = {}
    for line in lines:
        name, equals, version = line.partition("==")
        assert equals, f"constraints.txt pins no version in {line!r}"
        found[canonicalize_name(name)] = Version(version)
    assert len(found) == len(lines), "constraints.txt pins something twice"
    return found


def declared() -> list[Requirement]:
    extras = PROJECT["optional-dependencies"]
    lines = PROJECT["dependencies"] + [line for name in sorted(set(extras) - UNTESTED) for line in extras[name]]
    return [Requirement(line) for line in lines]


@pytest.mark.parametrize("requirement", declared(), ids=lambda requirement: requirement.name)
def test_the_tested_version_is_pinned_and_allowed(requirement):
    version = pinned().get(canonicalize_name(requirement.name))
    assert version is not None, f"constraints.txt lacks {requirement.name}"
    assert version in requirement.specifier


@pytest.mark.parametrize("name", ["README.md", "CITATION.cff", "mkdocs.yml", "docs/quick-start.md", ".ci/run"])
def test_the_version_stands_in_one_place(name):
    assert PROJECT["version"] not in text(name)


def test_the_changelog_and_the_version_agree():
    """The newest numbered section is the version of pyproject.toml; before the first release there is none."""
    headings = [heading for heading, _ in script(".ci/check_release.py").sections(text("CHANGELOG.md"))]
    released = headings[1:] if headings[0] == "Unreleased" else headings
    numbers = [re.fullmatch(r"(\d+\.\d+\.\d+) - \d{4}-\d{2}-\d{2}", heading) for heading in released]
    assert all(numbers), f"CHANGELOG.md has the sections {released}"
    versions = [Version(number[1]) for number in numbers if number]
    assert versions == sorted(versions, reverse=True)
    assert not versions or versions[0] == Version(PROJECT["version"])


@pytest.mark.parametrize(
    ("tag", "changelog", "said"),
    [
        ("v0.2.0", "# Changelog\n\n## 0.2.0 - 2030-01-31\n\n- New.\n\n## 0.1.0 - 2029-01-01\n- First.\n", []),
        ("0.2.0", "## 0.2.0 - 2030-01-31\n- New.\n", ["expected the tag v0.2.0"]),
        ("v0.3.0", "## 0.2.0 - 2030-01-31\n- New.\n", ["expected the tag v0.2.0"]),
        ("v0.2.0", "## Unreleased\n- New.\n", ["'Unreleased': expected '0.2.0 - YEAR-MONTH-DAY'"]),
        ("v0.2.0", "## 0.2.0\n- New.\n", ["'0.2.0': expected"]),
        ("v0.2.0", "## 0.2.0 - 2030-01-31\n\n## 0.1.0 - 2029-01-01\n- First.\n", ["says nothing about 0.2.0"]),
        ("v0.2.0", "", ["the section ''"]),
    ],
)
def test_a_release_whose_files_disagree_is_refused(tag, changelog, said):
    problems = list(script(".ci/check_release.py").problems(tag, "0.2.0", changelog))
    assert len(problems) == len(said)
    assert all(words in problem for words, problem in zip(said, problems, strict=True))


def test_a_wheel_without_a_module_is_refused(tmp_path):
    wheel = tmp_path / "comity-0.2.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("mpc/__init__.py", "")
    problems = list(script(".ci/check_release.py").problems_of_build("0.2.0", [wheel]))
    assert any("expected comity-0.2.0-py3-none-any.whl, comity-0.2.0.tar.gz" in problem for problem in problems)
    assert f"{wheel.name} lacks protocols/py.typed" in problems
    assert f"{wheel.name} lacks mpc/__init__.py" not in problems


def test_pythons_are_those_of_hosted_ci():
    listed = re.search(r"python: \[(.*)\]", text(".github/workflows/ci.yml"))
    assert listed is not None
    versions = re.findall(r"3\.\d+", listed[1])
    assert versions
    assert PROJECT["requires-python"] == f">={versions[0]}"
    assert all(f"Programming Language :: Python :: {version}" in PROJECT["classifiers"] for version in versions)
    assert f"{sys.version_info.major}.{sys.version_info.minor}" in versions


def test_steps_of_ci_that_contributors_run_alone_are_its_steps():
    """Commands of CONTRIBUTING.md's table stand in .ci/run as well, the same but for where they find Python."""
    ci = text(".ci/run").replace('"$python"', ".venv/bin/python")
    table = text("CONTRIBUTING.md").split("## Run one step of CI")[1].split("\n## ")[0]
    commands = {row[0]: row[1] for row in re.findall(r"^\| ([\w ]+) \| `(.+)` \|$", table, re.M)}
    assert {"tests", "slow tests", "lint", "types"} <= set(commands)
    for name in set(commands) - {"tests", "the main job"}:
        for command in commands[name].split(" && "):
            assert command in ci, f"{name}: {command}"
    assert commands["tests"] in text("README.md")


@pytest.mark.parametrize("package", ["mpc", "protocols", "parties"])
def test_every_folder_of_modules_is_installed(package):
    """A folder without `__init__.py` works in a checkout, and is missing where the project is installed."""
    folders = {path.parent for path in (ROOT / package).rglob("*.py")}
    assert len(folders) > 1
    assert not [folder for folder in folders if not (folder / "__init__.py").exists()]
