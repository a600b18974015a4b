"""Processes run installed code alone: not what lies in the working directory, nor what a variable names."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
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


@pytest.mark.parametrize(
    ("lines", "code", "said"),
    [
        ("startup.end_quietly()", -signal.SIGINT, ""),
        ("startup.end_quietly(); startup.end_with_a_word()", 7, ""),
        ("signal.signal(2, signal.SIG_IGN); startup.end_quietly(); startup.end_with_a_word()", 0, ""),
    ],
)
def test_ctrl_c_while_modules_are_imported_says_nothing(lines, code, said, tmp_path):
    program = (
        f"import os, signal, sys\nfrom parties import startup\n{lines}\n"
        "try:\n    os.kill(os.getpid(), signal.SIGINT)\nexcept KeyboardInterrupt:\n    os._exit(7)\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program],
        cwd=Path(__file__).parents[2],
        env={**os.environ, **startup.environment()},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    assert (ended.returncode, ended.stderr) == (code, said)


@pytest.mark.slow
def test_ctrl_c_at_any_moment_of_the_start_shows_no_traceback(tmp_path):
    for wait in (0.05, 0.08, 0.1, 0.12, 0.15, 0.2, 0.3, 0.5, 0.8, 1.2):
        process = subprocess.Popen(
            [sys.executable, "-m", "parties.cli", "scenario", "list"],
            cwd=tmp_path,
            env={**os.environ, **startup.environment()},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        )
        time.sleep(wait)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
        if (
            "init_import_site" in err or "import runpy" in err
        ):  # Python's own start, before any module of ours, is not ours
            continue
        assert process.returncode in (-signal.SIGINT, 130, 0), (wait, err)
        assert "Traceback" not in err or "parties" not in err, (wait, err)  # Python's own start is not ours
