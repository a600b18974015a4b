"""Columns of different types and shapes as records of raw integers, which are moved together; and back."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mpc.values.basis import LOOSE
from mpc.values.secret import SecretArray, concatenate, constant
from mpc.values.stated import BIT, Stated


class Records:
    """Records of columns: numbers first, then flags, which come back as bits.

    numbers, flags  words of a record
    bound           the largest bound of a number
    """

    def __init__(self, columns: Sequence[SecretArray]) -> None:
        self._columns = columns
        order = sorted(range(len(columns)), key=lambda k: columns[k].type == "bool")  # stable
        widths = [int(np.prod(c.shape[1:], dtype=np.int64)) for c in columns]
        #: Where the words of each column are, among the numbers or the flags.
        self._at: dict[int, slice] = {}
        used = {False: 0, True: 0}
        for k in order:
            flag = columns[k].type == "bool"
            self._at[k] = slice(used[flag], used[flag] + widths[k])
            used[flag] += widths[k]
        self._order = order
        self.numbers, self.flags = used[False], used[True]
        self.bound = max((c.bound for c in columns), default=1)

    @property
    def width(self) -> int:
        """Words of a record."""
        return self.numbers + self.flags

    def block(self, owner: int, rows: int, slots: int) -> SecretArray | None:
        """(slots, width): the rows of one owner, then zeros; None without a column."""
        if not self._columns:
            return None
        here = slice(owner * rows, (owner + 1) * rows)
        joint = beside([_raw(self._columns[k][here].reshape(rows, -1)) for k in self._order])
        if slots == rows:
            return joint
        empty = constant(joint.run, np.zeros((slots - rows, joint.shape[1]), np.int64))
        return concatenate([joint, empty])

    def picked(self, records: SecretArray, chosen: SecretArray) -> tuple[SecretArray | None, SecretArray | None]:
        """Of records (k, m, width), of which `chosen`, bits (k, m), takes at most one in each column of k: its numbers
        (m, numbers) and its flags as bits (m, flags); 0 where it takes none."""
        numbers = flags = None
        if self.numbers:
            words = records[..., : self.numbers]
            bits = chosen.reshape(*chosen.shape, 1).broadcast_to(words.shape)
            terms = bits.invoke("inject", words, result=Stated(bound=self.bound, frac=0, type="int"))
            # At most one of the terms is not 0.
            numbers = terms.invoke("sum", axis=0, result=Stated(bound=self.bound))
        if self.flags:
            # A flag is 0 or 1, so its lowest bit, whose carry is none, tells it.
            words = records[..., self.numbers :].invoke("decompose", width=1, result=BIT)
            bits = words & chosen.reshape(*chosen.shape, 1).broadcast_to(words.shape)
            flags = bits[0]
            for other in bits[1:]:  # at most one of them is set
                flags = flags ^ other
        return numbers, flags

    def columns(self, numbers: SecretArray | None, flags: SecretArray | None, owners: int) -> list[SecretArray]:
        """The columns of numbers (rows, numbers), sums of at most one row of each owner, and flags (rows, flags)."""
        out = []
        for k, column in enumerate(self._columns):
            words = flags if column.type == "bool" else numbers
            assert words is not None
            values = words[:, self._at[k]].reshape(-1, *column.shape[1:]).with_basis(LOOSE)
            if column.type != "bool":
                values = values.restated(bound=column.bound * owners, frac=column.frac, type=column.type)
            out.append(values)
        return out


def _raw(x: SecretArray) -> SecretArray:
    x = x.bare().numeric()
    return SecretArray(x.run, x.handle, type="int", bound=x.bound, basis=LOOSE)


def beside(parts: Sequence[SecretArray]) -> SecretArray:
    """Arrays of rows, with their columns beside each other."""
    return parts[0] if len(parts) == 1 else concatenate(parts, 1)


__all__ = ["Records", "beside"]
