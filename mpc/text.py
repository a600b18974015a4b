"""Text that somebody else wrote, made safe to read: what cannot be seen becomes a visible escape, or is refused.

Escape sequences of terminals, other control characters, characters that reorder or hide their neighbours (bidi
overrides, zero-width characters, fillers) and code points without a character count as unseen.
"""

from __future__ import annotations

from mpc.errors import ConfigError

#: The longest text of somebody else that is shown; more is cut, so that nobody can fill a screen.
LIMIT = 4000
#: Letters and marks that Unicode tells programs not to draw. The other ones of this kind are not printable to Python.
_FILLERS = (0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x2800, 0x3164, 0xFFA0)
_SELECTORS = (range(0x180B, 0x1810), range(0xFE00, 0xFE10), range(0xE0100, 0xE01F0))
_NOT_DRAWN = frozenset(_FILLERS).union(*_SELECTORS)


def is_seen(character: str) -> bool:
    """Whether people see this character as itself. A line break is not: it ends a line that is not its writer's."""
    return character.isprintable() and ord(character) not in _NOT_DRAWN


def visible(text: str, limit: int | None = LIMIT) -> str:
    """`text` on one line. Line breaks, tabs and wide spaces become a space; what is unseen, an escape like `\\x1b`."""
    if limit is not None and len(text) > limit:
        text = text[: limit - 1] + "…"
    if text.isascii() and text.isprintable():
        return text
    return "".join(character if is_seen(character) else _escaped(character) for character in text)


def visible_lines(text: str) -> list[str]:
    """The lines of a text of ours that quotes others' words, each visible. A line ends at "\\n" and nowhere else."""
    return [visible(line, None) for line in text.split("\n")]


def check_text(text: str, what: str) -> str:
    """`text` where all of it is seen; else ConfigError that names `what` and shows the escapes."""
    for place, character in enumerate(text):
        if not is_seen(character):
            raise ConfigError(
                f"{what} has a character that cannot be seen, {character!a}, at place {place + 1}: "
                f"'{visible(text, 200)}'. Write it without"
            )
    return text


def _escaped(character: str) -> str:
    if character in "\n\t\r" or (character.isspace() and ord(character) > 0x9F and character not in "\u2028\u2029"):
        return " "
    return character.encode("unicode_escape").decode("ascii")
