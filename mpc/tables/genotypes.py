"""Genotypes: one column that holds all SNPs of a person, as a text with one character for each SNP.

A character is the number of copies of the counted allele, 0, 1 or 2, and "." (or "-") where the genotype is missing:
"0120.1"; a text without any genotype is a missing value. So a table of a hundred thousand SNPs has one column of them,
in any source that has texts. A column of genotypes is never released and has no arithmetic; `protocols.genetics` counts
them at their owner.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mpc.errors import ConfigError
from mpc.tables.schema import missing_codes
from mpc.tables.texts import TextColumn
from mpc.untyped import JsonObject

#: Most SNPs of a column.
MOST_SNPS = 1 << 24
#: In an array of genotypes: missing.
NO_CALL = 3
_CALLS = np.full(256, NO_CALL + 1, np.uint8)
_CALLS[[ord("0"), ord("1"), ord("2"), ord("."), ord("-")]] = 0, 1, 2, NO_CALL, NO_CALL


@dataclass(frozen=True)
class GenotypesColumn(TextColumn):
    """The genotypes of `count` SNPs."""

    count: int = 1

    def describe(self) -> JsonObject:
        return {"type": "genotypes", "count": self.count, "missing": list(self.missing)}

    def lacks(self, text: str) -> bool:
        return super().lacks(text) or not text.strip(".-")

    def fits(self, text: str) -> bool:
        return len(text) == self.count and bool((_read(text) <= NO_CALL).all())

    @property
    def words(self) -> str:
        return f"{self.count:,} genotypes in one text, each 0, 1, 2, or . where it is missing"


def Genotypes(*, count: int, missing: object = None) -> Any:  # Any: a script uses the attribute as a column
    """The genotypes of `count` SNPs of a person, for `protocols.genetics`: a text such as "0120.1", which counts the
    copies of one allele of each SNP. It never leaves its owner as text."""
    if isinstance(count, bool) or not isinstance(count, int) or not 1 <= count <= MOST_SNPS:
        raise ConfigError(f"Genotypes(count={count!r}): expected a whole number of SNPs from 1 to {MOST_SNPS:,}")
    return GenotypesColumn("", missing_codes(missing), count)


def _read(text: str) -> NDArray[np.uint8]:
    calls: NDArray[np.uint8] = _CALLS[np.frombuffer(text.encode("latin-1", "replace"), np.uint8)]
    return calls


def calls(texts: Iterable[str], count: int) -> NDArray[np.uint8]:
    """Genotypes (people, count) of texts that fit the column: 0, 1, 2, or NO_CALL."""
    rows = [_read(text) for text in texts]
    return np.stack(rows) if rows else np.empty((0, count), np.uint8)


def spelled(genotypes: NDArray[Any]) -> list[str]:
    """The texts of genotypes (people, SNPs): whole numbers 0, 1 and 2; anything else is missing."""
    array = np.asarray(genotypes)
    known = np.isin(array, (0, 1, 2))
    codes = np.where(known, np.where(known, array, 0).astype(np.uint8) + ord("0"), ord(".")).astype(np.uint8)
    return [row.tobytes().decode("ascii") for row in np.ascontiguousarray(codes)]
