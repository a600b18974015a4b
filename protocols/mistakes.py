"""Mistakes of a scenario's author: told as such, with line and remedy, and kept apart from defects of Comity.

The rule, once and for all. Of the places that an exception came through, those of Python and of other libraries are not
responsible: they do what they are told. The innermost one that remains is the responsible one.

    the script   the author's: a name that does not exist, a division by zero, an exception of the script's own
    Comity, called by the script   an argument that does not fit, most often; told with what the function takes
    Comity alone   a defect

Exceptions of `mpc.errors` say themselves what they are. Those of a scheduled operation never come through the script.
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
#: A message of Python's is cut after so many characters: an author's may be long.
_MOST = 500


class _Place(NamedTuple):
    whose: str
    line: tuple[str, int]
    frame: FrameType


#: A script that branches on an opened value is planned with something in its place.
_STANDING_IN = (
    "A value that was awaited before is none of the data here: while a script is planned another number stands in for "
    "it, and the script has to get through with that, too"
)


def of_the_author(error: ConfigError) -> ConfigError:
    """A name or value that a scenario gives, and that cannot be: with the exit code of all that is wrong with one."""
    error.exit_code = ScenarioError.exit_code
    return error


def mistake(error: BaseException, *, standing_in: bool = False) -> ScenarioError | None:
    """`error` as its author is told; None where it is no author's mistake, or says so itself.

    standing_in  the script was planned, and had awaited a release
    """
    if isinstance(error, ComityError):
        return None
    trace = error.__traceback__
    if isinstance(error.__cause__, StopIteration):  # that of a coroutine is told by another error, without its place
        trace = error.__cause__.__traceback__
    places = [place for place in _places(trace) if place.whose != "library"]
    scripts = [place for place in places if place.whose == "script"]
    if not scripts:
        return None
    innermost = scripts[-1]
    if isinstance(error, RecursionError):
        lines = [place.line for place in scripts]
        innermost = max(reversed(scripts), key=lambda place: lines.count(place.line))
    kind, said = type(error).__name__, " ".join(str(error).split())[:_MOST]
    text = f"{kind}: {said}" if said else kind
    called = places[places.index(scripts[-1]) + 1 :]
    told = remedy(error, innermost.frame)
    if called and not isinstance(error, RecursionError | MemoryError):
        what, taken = _function(called[0].frame)
        text = f"{what} does not take this ({text})"
        told = told or taken
        told += "\nIf that is what it takes, please report it: COMITY_DEBUG=1 shows where it comes from."
    found = ScenarioError("\n".join(filter(None, (text, told, _STANDING_IN if standing_in else ""))))
    found.kind = kind
    found.source = place(innermost.line)
    return found


def _places(trace: TracebackType | None) -> Iterator[_Place]:
    while trace is not None:
        file = trace.tb_frame.f_code.co_filename
        yield _Place(whose(file), (file, trace.tb_lineno), trace.tb_frame)
        trace = trace.tb_next


@cache
def whose(file: str) -> str:
    """ "script", "comity" or "library": who answers for the code in a file."""
    if file.startswith(OURS):
        return "comity"
    if file.startswith(_BUNDLED):
        return "script"
    return "library" if file.startswith(("<", *_LIBRARIES)) and not file.startswith("<ipython") else "script"


def _function(frame: FrameType) -> tuple[str, str]:
    """A function as the script calls it, with its parameters, and the first sentence of its description."""
    code = frame.f_code
    function = frame.f_globals.get(code.co_name)
    if "self" in frame.f_locals:
        function = inspect.getattr_static(type(frame.f_locals["self"]), code.co_name, None)
    if not inspect.isfunction(function):
        return code.co_name, ""
    arguments = [name for name in inspect.signature(function).parameters if name not in ("self", "cls")]
    given = [f"{name} {type(frame.f_locals[name]).__name__}" for name in arguments if name in frame.f_locals]
    about = (inspect.getdoc(function) or "").split("\n")[0]
    return f"{code.co_name}{parameters(function)}", f"It was given {', '.join(given) or 'nothing'}. {about}"


def parameters(function: object) -> str:
    """ "(edges: Sequence[float])": what a function takes, as its author wrote it."""
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
