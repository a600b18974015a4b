"""How a process of Comity starts: from installed code alone, with little of its surroundings, the same at all parties.

Three things around a process change what Python runs: the working directory, which `python -m` searches first (a
`numpy.py` there would be ours); variables such as PYTHONPATH and LD_PRELOAD; and the seed of `hash`, which orders sets.
So a process is started with `-P`, an environment that names what it needs, and PYTHONHASHSEED=0. `comity` itself starts
anew in that way before it imports anything else. Where the working directory holds a folder `parties` and
`python -m parties.cli` is started there, it is too late: that folder is then the program.

This module imports the standard library only.
"""

from __future__ import annotations

import os
import signal
import site
import sys
import sysconfig
from collections.abc import Mapping
from pathlib import Path


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


#: What a child process is given of our environment.
_NEEDED = _names(
    "COLUMNS HOME LANG LANGUAGE LOGNAME NO_COLOR PATH TEMP TERM TMP TMPDIR TZ USER "
    "APPDATA COMSPEC LOCALAPPDATA PATHEXT PROGRAMDATA SYSTEMDRIVE SYSTEMROOT USERPROFILE WINDIR "
    "XDG_CACHE_HOME XDG_CONFIG_HOME MPLCONFIGDIR "
    "COMITY_DEBUG COMITY_HOME COMITY_THREADS "
    "NUMBA_CACHE_DIR NUMBA_CPU_FEATURES NUMBA_CPU_NAME NUMBA_DISABLE_JIT NUMBA_NUM_THREADS"
)
#: Variables of Python that change no code.
_HARMLESS = _names(
    "PYTHONASYNCIODEBUG PYTHONDEVMODE PYTHONDONTWRITEBYTECODE PYTHONFAULTHANDLER PYTHONIOENCODING PYTHONNOUSERSITE "
    "PYTHONUNBUFFERED PYTHONUTF8"
)
#: Libraries that Python itself may need to start; from absolute folders only.
_LIBRARIES = _names("LD_LIBRARY_PATH DYLD_LIBRARY_PATH")
_FIXED = {"PYTHONHASHSEED": "0"}


def command(module: str) -> list[str]:
    """What runs one of our modules as a program, whatever the working directory holds."""
    return [sys.executable, "-P", "-m", module]


def environment(given: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment of a child process: what it needs of `given` (default: ours)."""
    some = dict(os.environ if given is None else given)
    kept = {name: some[name] for name in some if name in _NEEDED or name in _HARMLESS or name.startswith("LC_")}
    for name in _LIBRARIES & set(some):
        if folders := [folder for folder in some[name].split(os.pathsep) if os.path.isabs(folder)]:
            kept[name] = os.pathsep.join(folders)
    return kept | _FIXED | _where_we_are()


def _where_we_are() -> dict[str, str]:
    """PYTHONPATH, where our packages are in a folder that Python does not search by itself."""
    root = str(Path(__file__).resolve().parent.parent)
    searched = [sysconfig.get_path("purelib"), sysconfig.get_path("platlib"), site.getusersitepackages()]
    if root in (os.path.realpath(folder) for folder in [*searched, *site.getsitepackages()] if folder):
        return {}
    return {"PYTHONPATH": root}


def _own_environment() -> dict[str, str]:
    """Ours, less what could change the code that runs: databases and proxies may need the rest."""
    kept = {name: text for name, text in os.environ.items() if not name.startswith("PYTHON") or name in _HARMLESS}
    return kept | _FIXED | _where_we_are()


def start_anew() -> None:
    """Start this process again as `command` would, unless it was started so. Returns where that is impossible."""
    as_wanted = sys.flags.safe_path and not sys.flags.hash_randomization and not sys.flags.ignore_environment
    # Windows has no exec: it would leave the shell before the work is done.
    if as_wanted or os.name != "posix" or not os.path.isabs(sys.executable or ""):
        return
    sys.stdout.flush()
    sys.stderr.flush()
    program = [*command("parties.cli"), *sys.argv[1:]]
    os.execve(program[0], program, _own_environment())


def end_quietly() -> None:
    """Until commands can say so themselves, Ctrl-C ends this process without a word: imports take a second."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)


def end_with_a_word() -> None:
    """From here on, Ctrl-C is an exception again."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_DFL:
        signal.signal(signal.SIGINT, signal.default_int_handler)
