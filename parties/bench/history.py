"""A file with a line of JSON for each measurement, to compare the figures of two versions.

A line has the keys that `--json` prints for a workload, except its profile; and the time, machine and version.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mpc.errors import ConfigError

#: Keys with equal values in two measurements whose times can be compared.
SAME = ("machine", "workload", "size", "engine", "organizations", "threshold", "network")


def read(path: Path) -> list[dict[str, Any]]:
    """The measurements in a file, oldest first; none where there is no file. Raises ConfigError."""
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines() if path.exists() else []
    measurements = []
    for number, line in enumerate(lines, 1):
        try:
            measurement = json.loads(line)
            measurements.append({**measurement, "seconds": float(measurement["seconds"])})
        except (ValueError, TypeError, KeyError):
            raise ConfigError(f"{path}: line {number} is not a measurement that --history wrote") from None
    return measurements


def append(results: Sequence[Mapping[str, Any]], repeat: int, path: Path) -> list[dict[str, Any]]:
    """Add a line for each result. Returns the added lines."""
    from parties.bench.report import facts

    known = {name.lower(): value for name, value in facts()} | {"commit": commit(), "repeat": repeat}
    added = [known | {key: value for key, value in result.items() if key != "profile"} for result in results]
    with path.open("a", encoding="utf-8") as file:
        file.writelines(json.dumps(line) + "\n" for line in added)
    return added


def alike(measurements: Sequence[dict[str, Any]], of: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The measurements of the same workload at the same size and setting, on the same machine."""
    return [line for line in measurements if all(line.get(key) == of.get(key) for key in SAME)]


def commit() -> str | None:
    """The commit of the checkout that runs, with -dirty if files differ from it; None without a checkout."""
    root = Path(__file__).resolve().parents[2]
    if not (root / ".git").exists():
        return None
    command = ["git", "-C", str(root), "describe", "--always", "--dirty", "--exclude=*"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None
