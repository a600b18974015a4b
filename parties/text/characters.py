"""Output in an encoding that lacks characters: plain characters replace them, so that no result is lost.

A terminal or a file may be Latin-1, a Windows code page or ASCII (PYTHONIOENCODING, a locale, a redirection). Python
ends a program that writes "✓" there; Comity writes "ok", and "?" for a character that has no plain form.
"""

from __future__ import annotations

import codecs
import io
import sys
from typing import Final, TextIO

#: The name of our error handler in `codecs`.
_ERRORS: Final = "comity.plain"
_PLAIN: Final = {
    "…": "...", "–": "-", "—": "-", "−": "-", "‑": "-", "×": "x", "·": ".", "✓": "ok", "█": "#", "≤": "<=", "≥": ">=",
    "‘": "'", "’": "'", "“": '"', "”": '"', "←": "<-", "→": "->", "\u00a0": " ", "\u202f": " ",
    **dict.fromkeys("━─═╸╺╴╶", "-"), **dict.fromkeys("│┃║", "|"), **dict.fromkeys("┌┐└┘├┤┬┴┼╭╮╯╰", "+"),
    **dict(zip("▁▂▃▄▅▆▇", "_.-:=+*", strict=True)),
}  # fmt: skip
_RAISED: Final = dict(zip("⁻⁺⁰¹²³⁴⁵⁶⁷⁸⁹", "-+0123456789", strict=True))


def plain_where_needed(*streams: TextIO) -> None:
    """From now on the streams (default: standard output and error) replace characters that their encoding lacks."""
    codecs.register_error(_ERRORS, _replaced)
    for stream in streams or (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=_ERRORS)


def _replaced(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    out, raised = "", False
    for character in error.object[error.start : error.end]:
        digit = _RAISED.get(character)
        out += _PLAIN.get(character, "?") if digit is None else digit if raised else f"^{digit}"
        raised = digit is not None
    return out, error.end
