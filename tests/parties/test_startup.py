"""Processes run installed code alone: not what lies in the working directory, nor what a variable names."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from parties import startup

#: What Comity imports, early and late, and what a folder of somebody's own may well hold.
NAMES = ("numpy", "protocols", "mpc", "scenarios", "click", "json", "numba", "secrets")


@pytest.fixture
def trapped(tmp_path):
    """A folder whose modules leave a mark when they are imported."""
    for name in NAMES:
        (tmp_path / f"{name}.py").write_text(f"open({str(tmp_path / name)!r} + '.ran', 'w').close()\n")
    return tmp_path


def ran(folder: Path) -> list[str]:
    return [path.name for path in folder.glob("*.ran")]


def run(command: list[str], folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, **variables}
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=100, check=False
    )


@pytest.mark.parametrize("variables", [{}, {"PYTHONPATH": "."}, {"PYTHONPATH": "{folder}"}])
def test_the_program_does_not_run_what_is_in_the_working_directory(trapped, variables):
    given = {name: text.format(folder=trapped) for name, text in variables.items()}
    if given:  # Python's own start may import these before any line of ours; then it is too late
        (trapped / "json.py").unlink()
    ended = run([sys.executable, "-m", "parties.cli", "scenario", "list"], trapped, **given)
    assert ended.returncode == 0, ended.stderr
    assert "hospital_statistics" in ended.stdout
    assert ran(trapped) == []


@pytest.mark.slow
def test_a_demo_does_not_run_what_is_in_the_working_directory(trapped):
    ended = run([sys.executable, "-m", "parties.cli", "demo", "--json", "--output", "out"], trapped)
    assert ended.returncode == 0, ended.stderr
    assert ran(trapped) == []


def test_a_child_gets_what_it_needs_of_the_environment():
    given = {
        "PATH": "/bin", "LC_TIME": "C", "COMITY_THREADS": "2", "PYTHONUNBUFFERED": "1",
        "PYTHONPATH": "/somewhere", "PYTHONSTARTUP": "x.py", "PYTHONWARNINGS": "error::x.Y", "PYTHONHASHSEED": "5",
        "LD_PRELOAD": "/x.so", "LD_LIBRARY_PATH": ":relative:/opt/lib", "DYLD_LIBRARY_PATH": ".",
        "COMITY_PASSPHRASE": "secret", "AWS_SECRET_ACCESS_KEY": "secret", "SSLKEYLOGFILE": "/tmp/keys",
    }  # fmt: skip
    kept = startup.environment(given)
    path = kept.pop("PYTHONPATH", None)
    assert path is None or path == str(Path(startup.__file__).resolve().parent.parent)
    assert kept == {
        "PATH": "/bin", "LC_TIME": "C", "COMITY_THREADS": "2", "PYTHONUNBUFFERED": "1", "PYTHONHASHSEED": "0",
        "LD_LIBRARY_PATH": "/opt/lib",
    }  # fmt: skip


def test_sets_have_one_order_in_all_processes():
    """`hash` of texts has a fixed seed: also in `comity` itself, which starts anew for that."""
    probe = "import sys; print(sys.flags.hash_randomization, hash('a level'), sys.flags.safe_path)"
    child = subprocess.run(
        [*startup.command("x")[:2], "-c", probe], env=startup.environment(), capture_output=True, text=True, check=True
    )
    assert child.stdout.startswith("0 ")
    # The program cannot be asked for it, so a probe runs in place of our module.
    program = (
        "import os\nfrom parties import startup\nexecve = os.execve\n"
        f"os.execve = lambda path, command, variables: execve(path, [*command[:2], '-c', {probe!r}], variables)\n"
        "startup.start_anew()\n"
    )
    own = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert own.stdout == child.stdout


@pytest.mark.parametrize(("options", "seed", "starts"), [(["-P"], "0", False), (["-P"], "1", True), ([], "0", True)])
def test_what_was_started_so_is_not_started_again(options, seed, starts):
    program = "import os\nfrom parties import startup\nos.execve = lambda *_: print('again')\nstartup.start_anew()\n"
    environment = {**startup.environment(), "PYTHONHASHSEED": seed}
    ended = subprocess.run(
        [sys.executable, *options, "-c", program], env=environment, capture_output=True, text=True, check=True
    )
    assert ended.stdout == ("again\n" if starts else "")
