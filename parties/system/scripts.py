"""Whether a scenario's script is being executed: where a signal finds the interpreter."""

from __future__ import annotations

from types import FrameType

from protocols.mistakes import OURS, whose

_PARTIES = next(folder for folder in OURS if folder.endswith("parties/"))


def in_script(frame: FrameType | None) -> bool:
    """Whether a script is executed, or what it called, and not the party that executes scripts."""
    while frame is not None and not frame.f_code.co_filename.startswith(_PARTIES):
        if whose(frame.f_code.co_filename) == "script":
            return True
        frame = frame.f_back
    return False
