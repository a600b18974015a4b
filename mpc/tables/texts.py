"""Texts: names and places as people write them, for fuzzy linkage and for nothing else.

A text is in the clear at its owner. It has no order and no arithmetic, it is no group, and it is never shared or
released: `protocols.linkage` makes bits of it at the owner, and shares those. In a batch a column of texts is an object
array of `str`, and None where there is none.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mpc.tables.schema import Column, missing_codes
from mpc.untyped import JsonObject

#: Most characters of a text.
LONGEST = 256


@dataclass(frozen=True)
class TextColumn(Column):
    """A text of at most 256 characters, without blanks around it."""

    @property
    def low(self) -> float:
        """Texts have no range."""
        return 0.0

    @property
    def high(self) -> float:
        """Texts have no range."""
        return 0.0

    def describe(self) -> JsonObject:
        return {"type": "text", "missing": list(self.missing)}

    def lacks(self, text: str) -> bool:
        """Whether a text stands for a missing value."""
        return not text or text in self.missing

    def fits(self, text: str) -> bool:
        """Whether a text may stand in the column."""
        return len(text) <= LONGEST

    @property
    def words(self) -> str:
        """What its entries are, in words."""
        return f"texts of up to {LONGEST} characters"


def Text(*, missing: object = None) -> Any:  # Any: a script uses the attribute as a column
    """A name or a place of up to 256 characters: for `protocols.linkage`, which finds the rows of the same person in
    two tables. It never leaves its owner as text."""
    return TextColumn("", missing_codes(missing))


def read_texts(column: TextColumn, values: Sequence[object]) -> tuple[NDArray[np.object_], NDArray[np.bool_]]:
    """The texts of entries as a source has them, and which entries are invalid: floating-point numbers, anything that
    is neither text nor whole number, and texts that do not fit the column."""
    texts, invalid = np.empty(len(values), object), np.zeros(len(values), np.bool_)
    for k, value in enumerate(values):
        if isinstance(value, int) and not isinstance(value, bool):
            value = str(value)
        if isinstance(value, str):
            text = value.strip()
            if not column.lacks(text):
                texts[k], invalid[k] = text, not column.fits(text)
        else:
            invalid[k] = not _missing(value)
    texts[invalid] = None
    return texts, invalid


def _missing(value: object) -> bool:
    """Whether an entry that is no text is missing: None, NaN, pandas' NA and NaT."""
    return value is None or (isinstance(value, float) and math.isnan(value)) or type(value).__name__ in _NONE


_NONE = ("NAType", "NaTType")
