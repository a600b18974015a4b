"""MPyC's import: late, once a process, with arguments of ours.

When it is imported, MPyC reads `sys.argv`, sets up logging and an event loop policy, builds a runtime with as many
parties as the arguments say, and leaves the program's own arguments in `sys.argv`. It starts other processes only for
`-M` without `-I`, and opens no socket before `mpc.start()`, which is replaced before a program can call it.
"""

from __future__ import annotations

import math
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from importlib.metadata import version
from typing import Any, NoReturn

from mpc.errors import ConfigError, LocalProtocolError

#: What is replaced inside of MPyC is that of these versions.
VERSIONS = ("0.11",)
#: Above so many sets of n - t parties, pseudorandom sharing costs more than the messages it saves: each party
#: evaluates C(n - 1, t) streams for every random number (n = 9, t = 4: 70 of them).
MOST_SUBSETS = 100
#: Bits by which MPyC's masks are longer than the numbers they hide, at least: its option -K, 30 by default there.
LEAST_SECURITY = 40

_STUDY = "it is the study that says who takes part, and where; on one machine,  comity mpyc --local N  does"
_REFUSED = {
    "config": ("-C", _STUDY),
    "parties": ("-P", _STUDY),
    "M": ("-M", "say how many with  comity mpyc --local N PROGRAM"),
    "index": ("-I", "a party's place follows from the organizations' names"),
    "threshold": ("-T", "write  threshold = T  in the study, or  comity mpyc --local N --threshold T PROGRAM"),
    "base_port": ("-B", _STUDY),
    "ssl": ("--ssl", "connections are always encrypted, and both ends authenticated. Leave it out"),
    "output_windows": ("--output-windows", "comity mpyc --local N --output-dir DIR  keeps every party's output"),
    "output_file": ("--output-file", "comity mpyc --local N --output-dir DIR  keeps every party's output"),
}


class _Parser(ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise ConfigError(f"options of MPyC: {message}")


def _parser() -> _Parser:
    """MPyC's own options, so that their values are not taken for others, and short forms are understood alike."""
    parser = _Parser(add_help=False)
    for flags in (
        ("-V", "--VERSION"), ("-H", "--HELP"), ("-h", "--help"), ("--ssl",), ("--no-log",), ("--no-async",),
        ("--no-barrier",), ("--no-gmpy2",), ("--no-numpy",), ("--no-uvloop",), ("--no-prss",), ("--mix32-64bit",),
        ("--output-windows",), ("--output-file",),
    ):  # fmt: skip
        parser.add_argument(*flags, action="store_true")
    for flags in (
        ("-M",), ("-I", "--index"), ("-T", "--threshold"), ("-B", "--base-port"), ("-W", "--workers"),
        ("-L", "--bit-length"), ("-K", "--sec-param"),
    ):  # fmt: skip
        parser.add_argument(*flags, type=int)
    parser.add_argument("-P", dest="parties", action="append")
    parser.add_argument("-C", "--config")
    parser.add_argument("--log-level")
    parser.add_argument("-f", default="")
    return parser


def check_options(arguments: Sequence[str]) -> Namespace:
    """MPyC's options among a program's arguments; ConfigError for those that are refused."""
    options, _ = _parser().parse_known_args(list(arguments))
    for name, (option, instead) in _REFUSED.items():
        if getattr(options, name) not in (None, False):
            raise ConfigError(f"{option} is MPyC's, for its own network: {instead}")
    if options.sec_param is not None:
        check_security(options.sec_param)
    return options


def check_security(bits: int) -> None:
    """Raises ConfigError for a security parameter that hides too little."""
    if bits < LEAST_SECURITY:
        raise ConfigError(
            f"-K {bits}: masks that are only {bits} bits longer than what they hide show too much of it; leave -K out, "
            f"or give {LEAST_SECURITY} or more"
        )


class Options(Namespace):
    """MPyC's options while a program runs: those that it may set are held to what the command line may say."""

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "sec_param":
            check_security(value)
        super().__setattr__(name, value)


def mpyc_version() -> str:
    """The installed MPyC's version; ConfigError where it is one that this code does not fit."""
    found = version("mpyc")
    if not any(found == v or found.startswith(f"{v}.") for v in VERSIONS):
        raise ConfigError(
            f"MPyC {found} is installed; this version of Comity works with {', '.join(VERSIONS)}\n"
            "Install Comity anew, with the packages that it names"
        )
    return found


def load(program: str, arguments: Sequence[str], *, index: int, parties: int, threshold: int) -> Any:
    """MPyC's runtime as this party, not started; `sys.argv` is what the program will find there.

    Raises ConfigError, and SystemExit where MPyC's own help was asked for.
    """
    options = check_options(arguments)
    mpyc_version()
    if "mpyc" in sys.modules:
        raise LocalProtocolError("MPyC was imported before: a process is one party of one program")
    own = [f"-M{parties}", f"-I{index}", f"-T{threshold}"]
    if math.comb(parties, threshold) > MOST_SUBSETS:
        own.append("--no-prss")
    if options.sec_param is None:
        own.append(f"-K{LEAST_SECURITY}")
    sys.argv = [program, *own, *arguments]
    from mpyc import runtime

    mpc = getattr(runtime, "mpc", None)
    if mpc is None:
        raise ConfigError("MPyC could not be set up: see the line above")
    mpc.options = Options(**vars(mpc.options))
    return mpc


def settings(mpc: Any) -> dict[str, Any]:
    """What all parties' runtimes must have in common."""
    options = mpc.options
    names = ("bit_length", "sec_param", "no_barrier", "no_prss", "no_numpy")
    return {name: getattr(options, name) for name in names}
