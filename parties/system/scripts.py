"""Whether the interpreter is executing a scenario's script when a signal comes."""

from __future__ import annotations

from types import FrameType

from protocols.mistakes import OURS, whose

_PARTIES = next(folder for folder in OURS if folder.endswith("parties/"))


def in_script(frame: FrameType | None) -> bool:
    """Whether this frame belongs to a script, or to code that a script called; not to the party's own code."""
    while frame is not None and not frame.f_code.co_filename.startswith(_PARTIES):
        if whose(frame.f_code.co_filename) == "script":
            return True
        frame = frame.f_back
    return False
