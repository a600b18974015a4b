"""Bloom filters of persons at their owner, and the bits of these filters as whole numbers.

A filter is a row of bits. Each token of each field sets a few bits, which a keyed hash chooses. So the number of bits
that two filters have in common tells how alike two persons are:

    Dice coefficient = 2 |a and b| / (|a| + |b|)

from 0 to 1. Filters never leave their owner but as shares: anybody who saw one could test guesses of names.

Source: Schnell, Bachteler and Reiher, BMC Medical Informatics and Decision Making 9:41, 2009; one filter for all
fields: the same authors, German RLC working paper 2011-02.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mpc.errors import ConfigError
from protocols.linkage.fields import Field, known

Filters = NDArray[np.bool_]
#: Bits of a filter that one whole number carries.
WORD = 61


@dataclass(frozen=True)
class Encoding:
    """How fields become filters. Public, and the same at all owners.

    fields  what both tables know
    bits    length of a filter, a power of two from 64 to 4096
    hashes  bits that a token of a field of weight 1 sets, 1 to 32
    key     any text: another key gives other filters
    """

    fields: tuple[Field, ...]
    bits: int = 1024
    hashes: int = 15
    key: str = ""

    def __post_init__(self) -> None:
        if not self.fields:
            raise ConfigError("linkage: name at least one field")
        if not 64 <= self.bits <= 4096 or self.bits & (self.bits - 1):
            raise ConfigError(f"linkage: filters of {self.bits} bits; expected a power of two from 64 to 4096")
        if not 1 <= self.hashes <= 32:
            raise ConfigError(f"linkage: {self.hashes} hash functions; expected 1 to 32")
        names = [field.left for field in self.fields]
        if len(set(names)) != len(names):
            raise ConfigError(f"linkage: a field twice: {', '.join(names)}")

    @property
    def words(self) -> int:
        """Whole numbers that carry a filter, and a bit that says whether there is one."""
        return -(-(self.bits + 1) // WORD)

    def described(self) -> tuple[object, ...]:
        """All that filters follow from, besides the values."""
        return self.bits, self.hashes, self.key, tuple(field.described() for field in self.fields)

    def positions(self, field: Field, token: str) -> NDArray[np.int64]:
        """The bits that a token of a field sets; some may be the same."""
        wanted = max(round(self.hashes * field.weight), 1)
        secret = blake2b(self.key.encode(), digest_size=32, person=b"comity linkage 1").digest()
        text = f"{field.left}\0{token}".encode()
        octets = b""
        for part in range(-(-wanted // 32)):
            octets += blake2b(text, key=secret, salt=part.to_bytes(4, "big")).digest()
        return np.frombuffer(octets, "<u2")[:wanted].astype(np.int64) % self.bits

    def filters(self, columns: Sequence[NDArray[Any]]) -> Filters:
        """Filters (rows, bits): columns of one length, one a field. A missing value sets no bit.

        A column is float64, int64 or an object array of texts; missing is NaN, MISSING, or no text.
        """
        out = np.zeros((len(columns[0]), self.bits), np.bool_)
        for field, column in zip(self.fields, columns, strict=True):
            there = np.flatnonzero(known(column))
            if not len(there):
                continue
            values, which = np.unique(column[there], return_inverse=True)
            of_value = np.zeros((len(values), self.bits), np.bool_)
            known_tokens: dict[str, NDArray[np.int64]] = {}
            for row, value in enumerate(values):
                for token in field.tokens(value):
                    if token not in known_tokens:
                        known_tokens[token] = self.positions(field, token)
                    of_value[row, known_tokens[token]] = True
            out[there] |= of_value[which]
        return out


def packed(filters: Filters, there: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Whether there is a row (rows,), and filters (rows, bits), as whole numbers (rows, words) from 0 to 2^61 - 1."""
    rows, bits = filters.shape
    words = -(-(bits + 1) // WORD)
    every = np.zeros((rows, words * WORD), np.bool_)
    every[:, 0], every[:, 1 : bits + 1] = there, filters
    wide = np.zeros((rows, words, 64), np.uint8)
    wide[:, :, :WORD] = every.reshape(rows, words, WORD)
    return np.packbits(wide, axis=-1, bitorder="little").view("<i8").reshape(rows, words).astype(np.int64)


def dice(a: Filters, b: Filters) -> NDArray[np.float64]:
    """The Dice coefficient of each filter of a with each filter of b: (m, bits), (n, bits) -> (m, n); 0 of two empty
    filters."""
    common = a.astype(np.float64) @ b.astype(np.float64).T
    both = a.sum(1, dtype=np.float64)[:, None] + b.sum(1, dtype=np.float64)[None, :]
    ratio: NDArray[np.float64] = np.divide(2 * common, both, out=np.zeros_like(common), where=both > 0)
    return ratio
