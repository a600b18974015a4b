"""Texts and their differences on one line each, with all characters visible.

Control and formatting characters, blanks at an end and unusual blanks are shown as Python writes them: \\t, \\xa0,
\\u200b. Where two texts differ, letters of another alphabet that look the same are shown so, too.
"""

from __future__ import annotations

import unicodedata

from mpc.text import is_seen

_WIDTH = 160
#: Characters that are shown around a difference.
_AROUND = 50


def clean(text: str, limit: int = _WIDTH) -> str:
    """Text on one line of at most `limit` characters, with escapes for invisible characters."""
    return _cut("".join(_plain(c) for c in _ends(text[: limit * 4])), limit)


def apart(here: str, there: str) -> tuple[str, str]:
    """Two different texts, each cut out around the place where they differ, with the difference visible."""
    shorter = min(len(here), len(there))
    start = next((k for k in range(shorter) if here[k] != there[k]), shorter)
    end = next((k for k in range(shorter - start) if here[-1 - k] != there[-1 - k]), shorter - start)
    middles = here[start : len(here) - end], there[start : len(there) - end]
    blank = _bare(middles[0]) == _bare(middles[1])
    alike = _alphabets(middles[0]) == _alphabets(middles[1]) and not blank

    def shown(text: str, middle: str) -> str:
        marked = "".join(_marked(c, blank, alike) for c in middle[:_WIDTH])
        before, after = text[:start], text[len(text) - end :] if end else ""
        # Blanks that both texts have at their ends are not escaped.
        lead = "".join(_plain(c) for c in before[-_AROUND:]).lstrip() if start else ""
        rest = "".join(_plain(c) for c in after[:_AROUND]).rstrip()
        return _cut(f"{'…' if start > _AROUND else ''}{lead}{marked}{rest}{'…' if end > _AROUND else ''}", 2 * _WIDTH)

    return shown(here, middles[0]), shown(there, middles[1])


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _ends(text: str) -> list[str]:
    """The characters of a text; blanks at either end are escaped."""
    stripped = text.strip(" ")
    if not stripped:
        return ["\\x20"] * len(text)
    begin = len(text) - len(text.lstrip(" "))
    return [*["\\x20"] * begin, *stripped, *["\\x20"] * (len(text) - begin - len(stripped))]


def _plain(character: str) -> str:
    if len(character) > 1 or is_seen(character):
        return character
    return _escape(character)


def _escape(character: str) -> str:
    return character.encode("unicode_escape", "backslashreplace").decode("ascii") if character != " " else "\\x20"


def _marked(character: str, blank: bool, alike: bool) -> str:
    """A character of the part in which two texts differ; `blank`: only in blanks, `alike`: not in alphabets."""
    kind = unicodedata.category(character)[0]
    if character == " ":
        return "\\x20" if blank else " "
    if character == "\\" or not is_seen(character) or (not character.isascii() and (kind not in "LN" or not alike)):
        return _escape(character)
    return character


def _bare(text: str) -> str:
    """The visible characters of a text, without blanks and accents."""
    seen = (c for c in unicodedata.normalize("NFKC", text) if c != " " and is_seen(c))
    return "".join(c for c in seen if unicodedata.category(c)[0] != "M")


def _alphabets(text: str) -> set[str]:
    """The alphabets of the letters of a text, by their Unicode names; ASCII counts as an alphabet."""
    return {"ASCII" if c.isascii() else unicodedata.name(c, "?").split()[0] for c in text if c.isalnum()}
