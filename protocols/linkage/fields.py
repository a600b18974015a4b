"""What two registers know of a person, as sets of tokens that still overlap where a value has an error.

A token is a short text. Two values are alike where they have many tokens in common, so that one typing error changes
few of them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mpc.errors import ConfigError
from mpc.tables.rows import MISSING
from protocols.linkage.normalise import normalised


@dataclass(frozen=True)
class Field(ABC):
    """One thing that both tables know.

    left    the column of the left table
    right   the column of the right table; "": it has the same name
    weight  how much an agreement counts, as a multiple of the usual number of hash functions
    """

    left: str
    right: str = ""
    weight: float = 1.0

    def __post_init__(self) -> None:
        if not 0 < self.weight <= 8:
            raise ConfigError(f"field {self.left}: a weight of {self.weight:g}; expected one above 0, at most 8")

    @property
    def columns(self) -> tuple[str, str]:
        """The column of the left and of the right table."""
        return self.left, self.right or self.left

    def tokens(self, value: Any) -> frozenset[str]:  # Any: a text, or a number of a column
        """The tokens of one value that is not missing."""
        return frozenset(self._tokens(value))

    @abstractmethod
    def _tokens(self, value: Any) -> set[str]:
        """As `tokens`."""

    def described(self) -> tuple[str, ...]:
        """What its tokens follow from, besides the values."""
        return type(self).__name__, self.left, repr(self.weight)


class Name(Field):
    """A name or a place: pairs of neighbouring letters of each of its words, with a mark before and after the word."""

    def _tokens(self, value: Any) -> set[str]:
        words = normalised(str(value)).split()
        return {a + b for word in words for a, b in zip("_" + word, word + "_", strict=True)}


class Date(Field):
    """A date. Its digits by their places; day and month also as numbers without a place; the year as a whole.

    A wrong digit leaves the others alike, and swapped day and month leave two numbers and the year alike.
    """

    def _tokens(self, value: Any) -> set[str]:
        year, month, day = (int(part) for part in str(np.datetime64(int(value), "D")).rsplit("-", 2))
        parts = {f"{place}:{digit}" for place, digit in enumerate(f"{year:04}{month:02}{day:02}")}
        return parts | {f"n{month}a", f"n{day}{'b' if day == month else 'a'}", f"y{year}"}


class Number(Field):
    """A whole number such as a postal code or a house number: its digits, and pairs of neighbouring digits."""

    def _tokens(self, value: Any) -> set[str]:
        text = str(int(value))
        by_place = {f"{place}:{digit}" for place, digit in enumerate(reversed(text))}
        return by_place | {a + b for a, b in zip("_" + text, text + "_", strict=True)}


class Exact(Field):
    """A value that is the same or not: a sex, a country, a code."""

    def _tokens(self, value: Any) -> set[str]:
        return {normalised(value) if isinstance(value, str) else repr(float(value))}


def known(values: NDArray[Any]) -> NDArray[np.bool_]:
    """Where a column has a value."""
    if values.dtype == np.int64:
        return np.asarray(values != MISSING, np.bool_)
    if values.dtype == np.object_:
        return np.array([isinstance(value, str) and bool(value) for value in values], np.bool_)
    return np.asarray(~np.isnan(values), np.bool_)
