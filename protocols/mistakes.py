"""Tell the mistakes of a scenario's author from defects of Comity, and show each with its line and a remedy.

The rule looks at the frames of an exception's traceback. Frames of Python and of other libraries are not responsible:
they do what they are told. The innermost frame that remains is responsible:

    the script                    the author's mistake: a name that does not exist, a division by zero
    Comity, called by the script  mostly an argument that does not fit; the message shows the function's parameters
    Comity alone                  a defect

Exceptions of `mpc.errors` carry their own explanation. The exception of a scheduled operation never passes through the
script.
"""

from __future__ import annotations

import inspect
import sysconfig
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import FrameType, TracebackType
from typing import NamedTuple

import numpy as np

import mpc
from mpc.errors import ComityError, ConfigError, ScenarioError
from mpc.machine.operation import place
from protocols.remedies import remedy

_ROOT = Path(mpc.__file__).resolve().parent.parent
#: Folders of Comity's own code.
OURS = tuple(str(_ROOT / part) + "/" for part in ("mpc", "protocols", "parties"))
_BUNDLED = str(_ROOT / "scenarios") + "/"
_PATHS = {sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")}
_LIBRARIES = tuple(
    str(path) + "/" for path in {*_PATHS, str(Path(np.__file__).resolve().parent.parent)} if path and path != "/"
)
#: Longest part of Python's message that is shown, in characters.
_LONGEST = 500


class _Frame(NamedTuple):
    side: str
    line: tuple[str, int]
    frame: FrameType


#: While a script is planned, another number stands in for an opened value.
_STANDING_IN = (
    "While a script is planned, another number stands in for a released value that it awaits: the script must work "
    "with that number, too"
)


def of_the_author(error: ConfigError) -> ConfigError:
    """The same error with the exit code of a wrong scenario: a name or value in the scenario cannot be."""
    error.exit_code = ScenarioError.exit_code
    return error


def mistake(error: BaseException, *, standing_in: bool = False) -> ScenarioError | None:
    """The author's mistake behind `error`, with its line and a remedy; None for other errors, and for a ComityError,
    which explains itself.

    standing_in  the script was planned, and had awaited a release
    """
    if isinstance(error, ComityError):
        return None
    trace = error.__traceback__
    if isinstance(error.__cause__, StopIteration):  # Python replaces it in a coroutine by an error without its line
        trace = error.__cause__.__traceback__
    frames = [frame for frame in _frames(trace) if frame.side != "library"]
    scripts = [frame for frame in frames if frame.side == "script"]
    if not scripts:
        return None
    innermost = scripts[-1]
    if isinstance(error, RecursionError):
        lines = [frame.line for frame in scripts]
        innermost = max(reversed(scripts), key=lambda frame: lines.count(frame.line))
    kind, message = type(error).__name__, " ".join(str(error).split())[:_LONGEST]
    text = f"{kind}: {message}" if message else kind
    called = frames[frames.index(scripts[-1]) + 1 :]
    advice = remedy(error, innermost.frame)
    if called and not isinstance(error, RecursionError | MemoryError):
        function, arguments = _function(called[0].frame)
        text = f"{function} does not take this ({text})"
        advice = advice or arguments
        advice += "\nIf these arguments are right, please report it: COMITY_DEBUG=1 shows where it comes from."
    explained = ScenarioError("\n".join(filter(None, (text, advice, _STANDING_IN if standing_in else ""))))
    explained.kind = kind
    explained.source = place(innermost.line)
    return explained


def _frames(trace: TracebackType | None) -> Iterator[_Frame]:
    while trace is not None:
        file = trace.tb_frame.f_code.co_filename
        yield _Frame(whose(file), (file, trace.tb_lineno), trace.tb_frame)
        trace = trace.tb_next


@cache
def whose(file: str) -> str:
    """ "script", "comity" or "library": the side that the code in a file belongs to."""
    if file.startswith(OURS):
        return "comity"
    if file.startswith(_BUNDLED):
        return "script"
    return "library" if file.startswith(("<", *_LIBRARIES)) and not file.startswith("<ipython") else "script"


def _function(frame: FrameType) -> tuple[str, str]:
    """The called function with its parameters; then the types of its arguments, and the first line of its docstring."""
    code = frame.f_code
    function = frame.f_globals.get(code.co_name)
    if "self" in frame.f_locals:
        function = inspect.getattr_static(type(frame.f_locals["self"]), code.co_name, None)
    if not inspect.isfunction(function):
        return code.co_name, ""
    names = [name for name in inspect.signature(function).parameters if name not in ("self", "cls")]
    arguments = [f"{name} {type(frame.f_locals[name]).__name__}" for name in names if name in frame.f_locals]
    about = (inspect.getdoc(function) or "").split("\n")[0]
    return f"{code.co_name}{parameters(function)}", f"It was given {', '.join(arguments) or 'nothing'}. {about}"


def parameters(function: object) -> str:
    """The parameters of a function as its source has them: "(edges: Sequence[float])"."""
    shown: list[str] = []
    bare = True
    for p in inspect.signature(function).parameters.values():  # type: ignore[arg-type]
        if p.name in ("self", "cls"):
            continue
        if p.kind is p.KEYWORD_ONLY and bare:
            shown.append("*")
        bare = bare and p.kind not in (p.KEYWORD_ONLY, p.VAR_POSITIONAL)
        stars = "*" if p.kind is p.VAR_POSITIONAL else "**" if p.kind is p.VAR_KEYWORD else ""
        kind = "" if p.annotation is p.empty else f": {getattr(p.annotation, '__name__', p.annotation)}"
        shown.append(stars + p.name + kind + ("" if p.default is p.empty else f" = {p.default!r}"))
    return f"({', '.join(shown)})"
