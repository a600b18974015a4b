"""Names and places in one spelling, so that two registers which write them differently still agree."""

from __future__ import annotations

import re
import unicodedata

#: Letters that Unicode does not take apart into a plain letter and a mark.
_PLAIN = str.maketrans(
    {"ø": "o", "æ": "ae", "œ": "oe", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "ı": "i", "ħ": "h", "ŧ": "t", "ŋ": "n"}
)
_BETWEEN = re.compile(r"[-‐‑‒–—_/.,;:()\s]+")


def normalised(text: str) -> str:
    """Lower case without accents; words of letters and digits with one space between.

    Hyphens, slashes, full stops and the like separate words; apostrophes and other signs vanish.

        normalised("  MÜLLER-Lüdenscheidt ") == "muller ludenscheidt"
        normalised("O'Neil, jr.") == "oneil jr"
    """
    folded = unicodedata.normalize("NFKD", text).casefold().translate(_PLAIN)
    words = _BETWEEN.split(unicodedata.normalize("NFKD", folded))
    kept = ("".join(c for c in word if c.isalnum()) for word in words)
    return " ".join(word for word in kept if word)
