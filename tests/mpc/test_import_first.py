"""Each module of `mpc` can be imported first: none needs another one that is half made."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2] / "mpc"

#: `mpc` is a bare package here: its `__init__` imports the modules in an order that hides circles.
PROBE = """
import importlib, sys, types

for name in sys.argv[2:]:
    for module in [module for module in sys.modules if module.split(".")[0] == "mpc"]:
        del sys.modules[module]
    sys.modules["mpc"] = types.ModuleType("mpc")
    sys.modules["mpc"].__path__ = [sys.argv[1]]
    try:
        importlib.import_module(name)
    except ImportError as error:
        print(name, error)
    except AttributeError as error:
        print(name, error)
"""


def wrong(root: Path) -> str:
    parts = [path.relative_to(root).with_suffix("").parts for path in sorted(root.rglob("*.py"))]
    names = [".".join(("mpc", *part)) for part in parts if part[-1] != "__init__"]
    command = [sys.executable, "-c", PROBE, str(root), *names]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout


def test_each_module_can_be_imported_first():
    assert wrong(ROOT) == ""


def test_a_circle_is_seen(tmp_path):
    (tmp_path / "a.py").write_text("from mpc.b import y\nx = 1\n")
    (tmp_path / "b.py").write_text("from mpc.a import x\ny = 2\n")
    (tmp_path / "c.py").write_text("from mpc.d import y\n")
    (tmp_path / "d.py").write_text("y = 3\n")
    assert [line.split()[0] for line in wrong(tmp_path).splitlines()] == ["mpc.a", "mpc.b"]
