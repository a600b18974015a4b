"""Files about the project: the version stands in one place, and what is pinned is what is declared."""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path

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
