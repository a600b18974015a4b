"""Keys: identifiers of people or things, by which rows are joined and grouped, and nothing else.

A key is a text. The schema states how it is normalised, so that two registers agree on it; what it does not state and
would matter is refused (`Misfit`). Only tags leave this module: two words of 62 bits, a hash of the normalised text,
the same at all organizations. Who sees a tag can test a guess of its key: so tags stay with their owner, and in shares.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from hashlib import blake2b
from typing import Any, Literal
from unicodedata import category, normalize

import numpy as np
from numpy.typing import NDArray

from mpc.errors import ConfigError
from mpc.tables.rows import MISSING, Values
from mpc.tables.schema import Column, missing_codes
from mpc.untyped import JsonObject

Whole = NDArray[np.int64]
Case = Literal["keep", "lower", "upper"]
LeadingZeros = Literal["keep", "drop"] | None
Form = Literal["NFC", "NFKC"]

CASES = ("keep", "lower", "upper")
LEADING_ZEROS = ("keep", "drop")
FORMS = ("NFC", "NFKC")

#: Most characters of a key.
LONGEST = 256
#: Bits of a word of a tag.
WORD_BITS = 62
_MASK = np.uint64((1 << WORD_BITS) - 1)
_DOMAIN = b"comity key"


@dataclass(frozen=True)
class KeyColumn(Column):
    """An identifier, and how it is normalised: first `form`, then `strip`, `case`, `digits_only`, `leading_zeros`."""

    strip: bool = False
    case: Case = "keep"
    leading_zeros: LeadingZeros = None
    digits_only: bool = False
    form: Form = "NFC"
    unique: bool = False

    @property
    def low(self) -> int:
        """Of its tags."""
        return 0

    @property
    def high(self) -> int:
        """Of its tags."""
        return (1 << WORD_BITS) - 1

    @property
    def rule(self) -> JsonObject:
        """How its keys are normalised; columns match each other by the same rule only."""
        return {
            "strip": self.strip,
            "case": self.case,
            "leading_zeros": self.leading_zeros or "refused",
            "digits_only": self.digits_only,
            "form": self.form,
        }

    @property
    def rule_in_words(self) -> str:
        """ " (blanks around it dropped, in lower case)"; nothing where keys are taken as they are."""
        zeros = {"drop": "leading zeros dropped", "keep": "leading zeros kept"}
        words = [
            "blanks around it dropped" if self.strip else "",
            "" if self.case == "keep" else f"in {self.case} case",
            "its digits only" if self.digits_only else "",
            zeros.get(self.leading_zeros or "", ""),
            "in the form NFKC" if self.form == "NFKC" else "",
            "unique" if self.unique else "",
        ]
        said = ", ".join(filter(None, words))
        return f" ({said})" if said else ""

    def describe(self) -> JsonObject:
        return {"type": "key", **self.rule, "unique": self.unique, "missing": list(self.missing)}


def Key(
    *,
    strip: bool = False,
    case: Case = "keep",
    leading_zeros: LeadingZeros = None,
    digits_only: bool = False,
    form: Form = "NFC",
    unique: bool = False,
    missing: object = None,
) -> Any:  # Any: a script uses the attribute as a column
    """An identifier: text or a whole number of any length up to 256 characters, to join and to group rows by.

    strip          drop blanks around it; otherwise they are refused
    case           "lower" or "upper": letters are the same in both cases
    leading_zeros  of keys of digits only: "keep" ("007" is not "7") or "drop" (it is); otherwise they are refused
    digits_only    drop every character but digits, as in "12.34-5"
    form           the Unicode form: "NFC", or "NFKC", in which wide digits and ligatures are plain ones
    unique         each key occurs once among the rows of an owner; this is checked
    """
    choices = (("case", case, CASES), ("leading_zeros", leading_zeros, (None, *LEADING_ZEROS)), ("form", form, FORMS))
    for name, value, allowed in choices:
        if value not in allowed:
            raise ConfigError(f"Key: {name} must be one of {', '.join(map(repr, allowed))}, found {value!r}")
    for name, flag in (("strip", strip), ("digits_only", digits_only), ("unique", unique)):
        if not isinstance(flag, bool):
            raise ConfigError(f"Key: {name} must be True or False, found {flag!r}")
    return KeyColumn("", missing_codes(missing), strip, case, leading_zeros, digits_only, form, unique)


class Misfit(IntEnum):
    """Why an entry is no key. NONE: it is one, or it is missing."""

    NONE = 0
    BLANKS = 1
    ZEROS = 2
    NO_ZEROS = 3
    ROUNDED = 4
    FRACTION = 5
    INVISIBLE = 6
    SCRIPT = 7
    NO_DIGIT = 8
    LONG = 9
    KIND = 10
    NOTHING = 11


#: What is wrong with such entries, and what to do: "2 of 5 values …".
WORDS = {
    Misfit.BLANKS: "have blanks around them: declare strip=True (all organizations), or correct them",
    Misfit.ZEROS: 'begin with 0: declare leading_zeros="keep", with which "007" is not "7", or leading_zeros="drop", '
    "with which it is (all organizations)",
    Misfit.NO_ZEROS: "are whole numbers, which have no leading zeros to keep: store them as text, or declare "
    'leading_zeros="drop" (all organizations)',
    Misfit.ROUNDED: "are floating-point numbers that may have been rounded (with a fraction, or of 2^53 and more): "
    "read them again from where they are text or whole numbers",
    Misfit.FRACTION: "are written as floating-point numbers, like 7.0 or 1e+05: write them as text or as whole numbers",
    Misfit.INVISIBLE: "have control characters or characters without width: correct them",
    Misfit.SCRIPT: 'have digits of another script: declare form="NFKC" (all organizations), or correct them',
    Misfit.NO_DIGIT: "have no digit, and digits_only is declared: correct them, or declare codes for missing values",
    Misfit.LONG: f"have more than {LONGEST} characters: correct them",
    Misfit.KIND: "are neither text nor whole numbers: convert them",
    Misfit.NOTHING: "are words for a missing value, like NULL, nan or N/A: declare them as codes for missing values",
}

#: What programs write where there is no value. NA is none of them: it may be a code, as of Namibia.
NOTHING = frozenset(("nan", "NaN", "NAN", "NaT", "NULL", "null", "None", "<NA>", "N/A", "n/a", "#N/A"))

#: Text that a floating-point number became when it was written.
_FLOATING = re.compile(r"[+-]?[0-9]+\.0+|[+-]?[0-9]+(?:\.[0-9]+)?[eE]\+[0-9]+")
_OTHERS = re.compile("[^0-9]")


def second(name: str) -> str:
    """In batches, the name of the second word of the tags of the key `name`."""
    return f"{name} (second word)"


def first(name: str) -> str:
    """The column behind a name in batches: the key of a second word; any other name as it is."""
    return name.removesuffix(" (second word)")


def normaliser(column: KeyColumn) -> Callable[[str], str | Misfit]:
    """The function that normalises a text: "" where nothing is left of it."""
    strip, zeros = column.strip, column.leading_zeros
    change = {"lower": str.lower, "upper": str.upper}.get(column.case)

    def plain(text: str) -> str | Misfit:
        if not text.isascii():
            text = normalize(column.form, text)
        if not text.isalnum():  # most keys have only letters and digits: no blank or invisible character to look for
            bare = text.strip()
            if not strip and bare and bare != text:
                return Misfit.BLANKS
            text = bare
            if ("." in text or "+" in text) and _FLOATING.fullmatch(text):
                return Misfit.FRACTION
            if not column.digits_only and not text.isprintable() and _invisible(text):
                return Misfit.INVISIBLE
            if not text:
                return ""
        if text in NOTHING:
            return Misfit.NOTHING
        if change is not None:
            text = normalize(column.form, change(text))
        if column.digits_only:
            if not text.isascii() and any(letter.isdigit() and not letter.isascii() for letter in text):
                return Misfit.SCRIPT
            text = _OTHERS.sub("", text)
            if not text:
                return Misfit.NO_DIGIT
        if len(text) > 1 and text[0] == "0" and zeros != "keep" and text.isascii() and text.isdigit():
            if zeros is None:
                return Misfit.ZEROS
            text = text.lstrip("0") or "0"
        return Misfit.LONG if len(text) > LONGEST else text

    return plain


def _invisible(text: str) -> bool:
    """Whether it has control characters, or characters without width."""
    return any(category(letter) in ("Cc", "Cf") for letter in text)


def tags(texts: Iterable[str]) -> tuple[Whole, Whole]:
    """Both words of the tags of normalised keys: BLAKE2b-128 of their UTF-8 text, 62 bits a word."""
    empty, parts = blake2b(digest_size=16, person=_DOMAIN), bytearray()
    for text in texts:
        hashed = empty.copy()
        # A text that is no Unicode (half of a pair, from a broken file) has a tag as well.
        hashed.update(text.encode("utf-8", "surrogatepass"))
        parts += hashed.digest()
    words = np.frombuffer(bytes(parts), "<u8").reshape(-1, 2) & _MASK if parts else np.zeros((0, 2), np.uint64)
    return words[:, 0].astype(np.int64), words[:, 1].astype(np.int64)


def repeated(batches: Sequence[Values]) -> int:
    """How many rows have a key that a row before them has, by first words; rows without key do not count."""
    words = np.concatenate(batches)
    present = words[words != MISSING]
    return len(present) - len(np.unique(present))
