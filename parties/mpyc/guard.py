"""The import of MPyC: late, once in a process, with arguments that Comity sets.

When it is imported, MPyC reads `sys.argv`, sets up logging and an event loop policy, builds a runtime for the number
of parties in the arguments, and leaves the program's arguments in `sys.argv`. It starts other processes only for `-M`
without `-I`, and opens no socket before `mpc.start()`, which is replaced before a program can call it.
"""

from __future__ import annotations

import math
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from importlib.metadata import version
from typing import Any, NoReturn

from mpc.errors import ConfigError, LocalProtocolError

#: The versions of MPyC whose functions `lifecycle.install` can replace.
VERSIONS = ("0.11",)
#: With more sets of n - t parties, pseudorandom sharing costs more than the messages it saves: each party evaluates
#: C(n - 1, t) streams for every random number (n = 9, t = 4: 70 of them).
MOST_SUBSETS = 100
#: MPyC's masks are at least so many bits longer than the numbers they hide: its option -K, 30 by default in MPyC.
LEAST_SECURITY = 40

_STUDY = "the study says who takes part and where; on one machine, use  comity mpyc --local N"
_REFUSED = {
    "config": ("-C", _STUDY),
    "parties": ("-P", _STUDY),
    "M": ("-M", "say how many with  comity mpyc --local N PROGRAM"),
    "index": ("-I", "a party's index follows from the names of the organizations"),
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
    """MPyC's options, so that their values and short forms are read as MPyC reads them."""
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
    """MPyC's options among the arguments of a program; ConfigError for options that are refused."""
    options, _ = _parser().parse_known_args(list(arguments))
    for name, (option, instead) in _REFUSED.items():
        if getattr(options, name) not in (None, False):
            raise ConfigError(f"{option} is an option of MPyC for its own network: {instead}")
    if options.sec_param is not None:
        check_security(options.sec_param)
    return options


def check_security(bits: int) -> None:
    """ConfigError for a security parameter that is too small."""
    if bits < LEAST_SECURITY:
        raise ConfigError(
            f"-K {bits}: masks that are only {bits} bits longer than the numbers they hide show too much; leave "
            f"-K out, or give {LEAST_SECURITY} or more"
        )


class Options(Namespace):
    """MPyC's options while a program runs; a program may set only values that the command line may have."""

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "sec_param":
            check_security(value)
        super().__setattr__(name, value)


def mpyc_version() -> str:
    """The version of the installed MPyC; ConfigError if Comity does not work with it."""
    installed = version("mpyc")
    if not any(installed == v or installed.startswith(f"{v}.") for v in VERSIONS):
        raise ConfigError(
            f"MPyC {installed} is installed; this version of Comity works with {', '.join(VERSIONS)}\n"
            "Install Comity again, with the packages that it requires"
        )
    return installed


def load(program: str, arguments: Sequence[str], *, index: int, parties: int, threshold: int) -> Any:
    """MPyC's runtime for this party, not started yet; `sys.argv` is set for the program.

    Raises ConfigError, and SystemExit if an argument asks for MPyC's help.
    """
    options = check_options(arguments)
    mpyc_version()
    if "mpyc" in sys.modules:
        raise LocalProtocolError("MPyC was imported before: a process is one party of one program")
    setup = [f"-M{parties}", f"-I{index}", f"-T{threshold}"]
    if math.comb(parties, threshold) > MOST_SUBSETS:
        setup.append("--no-prss")
    if options.sec_param is None:
        setup.append(f"-K{LEAST_SECURITY}")
    sys.argv = [program, *setup, *arguments]
    from mpyc import runtime

    mpc = getattr(runtime, "mpc", None)
    if mpc is None:
        raise ConfigError("MPyC could not be set up: see the line above")
    mpc.options = Options(**vars(mpc.options))
    return mpc


def settings(mpc: Any) -> dict[str, Any]:
    """The settings that must be the same in the runtimes of all parties."""
    options = mpc.options
    names = ("bit_length", "sec_param", "no_barrier", "no_prss", "no_numpy")
    return {name: getattr(options, name) for name in names}
