"""Vectors of field elements: how they are split, sent, checked and recombined, in the cheapest of three forms.

A few elements are handled one by one, as in MPyC. Longer vectors over prime fields of up to 512 bits stay in `digits`
from the wire to the result; vectors over larger primes are object arrays. MPyC's functions handle extension fields.
Imports MPyC: only inside a run.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from mpyc import thresha

from mpc.machine.channel import Bytes
from parties.mpyc import digits, fields, sharing
from parties.mpyc.types import elements


class Vectors:
    """Vectors of `count` elements of a field. `shape` is the shape of MPyC's array, or None for a list of elements.

    names  the names of all parties, for messages
    """

    def __init__(self, field: Any, count: int, shape: tuple[int, ...] | None, names: Sequence[str]) -> None:
        self.field = field
        self.count = count
        self.shape = shape
        self._names = names
        self._prime = type(field.modulus) is int
        whole = self._prime and count > sharing.FEW
        self._digits = whole and field.modulus.bit_length() <= digits.MOST_BITS
        #: Whether vectors are object arrays here. For MPyC's arrays they are, even if short.
        self._objects = self._prime and not self._digits and (whole or shape is not None)

    def encode(self, values: Any) -> Bytes:
        """The bytes of reduced values, in any form."""
        if isinstance(values, np.ndarray) and values.dtype == np.int64:
            return fields.to_bytes(digits.to_limbs(values), fields.width(self.field.order))
        if self._digits:
            return fields.to_bytes(self._limbs(values), fields.width(self.field.order))
        return fields.encode(self.field.order, self._integers(values))

    def decode(self, payload: Bytes, peer: int) -> Any:
        """The vector that a peer sent; RemoteProtocolError if it is malformed."""
        order, name = self.field.order, self._names[peer]
        if self._digits:
            return digits.from_limbs(fields.decode_limbs(order, payload, self.count, name), order)
        values = fields.decode(order, payload, self.count, name)
        if self._objects:
            return sharing.objects(values)
        return values if self._prime or self.shape is None else elements(self.field, values)

    def split(self, values: Any, threshold: int, parties: int) -> Sequence[Any]:
        """Shares of reduced values (or, of a list, of field elements), one for each party."""
        modulus = self.field.modulus
        if self._digits or self._objects:
            if self.shape is None:
                values = sharing.objects([getattr(v, "value", v) for v in values])
            if self._digits and digits.powers_fit(parties, threshold):
                return sharing.split_digits(modulus, self._to_digits(values), threshold, parties)
            return sharing.split(modulus, values, threshold, parties)
        function = thresha.random_split if self.shape is None else thresha.np_random_split
        shares: Sequence[Any] = function(self.field, values, threshold, parties)
        return shares

    def recombine(self, points: Sequence[tuple[int, Any]]) -> list[Any]:
        """The values in MPyC's form: a list of elements, or a list with one array."""
        if self._digits:
            values = sharing.recombine_digits(self.field.modulus, [(x, self._to_digits(share)) for x, share in points])
            if values is not None:
                return self.wrap(values)
        if self._digits or self._objects:
            where = tuple(point for point, _ in points)
            weights = thresha._recombination_vector(self.field, where, 0)
            shares = [self._to_objects(share) for _, share in points]
            return self.wrap(sharing.recombine(self.field.modulus, shares, weights))
        if self.shape is None:
            return self.wrap(thresha.recombine(self.field, points))
        return [thresha.np_recombine(self.field, points).reshape(self.shape)]

    def wrap(self, values: Any) -> list[Any]:
        """Values of any form in MPyC's form."""
        if self.shape is None:
            return list(map(self.field, self._plain(values)))
        return [self.field.array(self._to_objects(values), check=False).reshape(self.shape)]

    def _plain(self, values: Any) -> Sequence[Any]:
        if isinstance(values, np.ndarray) and values.dtype == np.int64:
            return fields.to_integers(digits.to_limbs(values))
        return list(values)

    def _integers(self, values: Any) -> list[int]:
        """Reduced integers. In MPyC's lists, values are reduced already."""
        if self._prime and self.shape is not None:
            return [int(v) % self.field.modulus for v in values]
        return [int(v) for v in values]

    def _limbs(self, values: Any) -> fields.Limbs:
        """Words of values, which are reduced here if they are not yet."""
        order = self.field.order
        limbs = -(-fields.width(order) // 8)
        try:
            words = fields.to_limbs(self._to_objects(values), limbs)
            if fields.below(words, order):
                return words
        except OverflowError:
            pass
        return fields.to_limbs(sharing.objects([int(v) % order for v in values]), limbs)

    def _to_objects(self, values: Any) -> Any:
        if isinstance(values, np.ndarray) and values.dtype == object:
            return values
        return sharing.objects(self._plain(values))

    def _to_digits(self, values: Any) -> digits.Digits:
        if isinstance(values, np.ndarray) and values.dtype == np.int64:
            return values
        return digits.from_limbs(self._limbs(values), self.field.order)
