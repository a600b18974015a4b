"""The largest element along the last axis of many rows, and where it is, as bits: one for each element."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mpc.values.secret import SecretArray, concatenate, constant, stack, where


def winners(x: SecretArray) -> tuple[SecretArray, SecretArray]:
    """The largest element of each row (…,), and bits (…, n) of which exactly one a row is set: the first largest one.

    Shapes    x (…, n), whole numbers without mask, n >= 1
    Rounds    for each of log2(n) levels a comparison, an injection and an AND
    Bytes     for each element those of a comparison, an injection and an AND
    Error     none
    """
    played: list[SecretArray] = []
    values = x
    while (width := values.shape[-1]) > 1:
        even = width // 2 * 2
        first, second = values[..., 0:even:2], values[..., 1:even:2]
        later = first < second
        played.append(later)
        better = where(later, second, first).bounded(x.bound)
        values = better if even == width else concatenate([better, values[..., even:]], axis=-1)
    hot = constant(x.run, np.ones((*x.shape[:-1], 1), np.bool_)).bare()
    for later in reversed(played):
        half = later.shape[-1]
        second = hot[..., :half] & later
        pairs = _woven(second ^ hot[..., :half], second)
        hot = pairs if hot.shape[-1] == half else concatenate([pairs, hot[..., half:]], axis=-1)
    return values[..., 0], hot


def _woven(even: SecretArray, odd: SecretArray) -> SecretArray:
    """Elements of two arrays in turn along the last axis. Local."""
    shape = (*even.shape[:-1], 2 * even.shape[-1])

    def woven(a: NDArray[np.generic]) -> NDArray[np.generic]:
        return np.moveaxis(a, 0, -1).reshape(shape)

    return stack([even, odd]).view(woven)


def joined(bits: SecretArray) -> SecretArray:
    """The exclusive or of all bits along the last axis: whether one of them is set, where at most one is. Local."""
    while (width := bits.shape[-1]) > 1:
        even = width // 2 * 2
        half = bits[..., : even // 2] ^ bits[..., even // 2 : even]
        bits = half if even == width else concatenate([half, bits[..., even:]], axis=-1)
    return bits[..., 0]


def place(bits: SecretArray) -> SecretArray:
    """The place of the one bit that is set along the last axis, as bits (…, k) from the lowest up; 0 where none is set.

    Local: the highest bit says whether the one that is set is in the upper half; both halves folded tell the rest.
    """
    width = bits.shape[-1]
    digits = []
    for level in reversed(range((width - 1).bit_length())):
        half = 1 << level
        upper = bits[..., half:]
        digits.append(joined(upper))
        lower = bits[..., :half]
        missing = half - upper.shape[-1]
        if missing:
            folded = lower[..., : upper.shape[-1]] ^ upper
            bits = concatenate([folded, lower[..., upper.shape[-1] :]], axis=-1)
        else:
            bits = lower ^ upper
    if not digits:
        return constant(bits.run, np.zeros((*bits.shape[:-1], 1), np.bool_)).bare()
    return stack(digits[::-1]).view(lambda a: np.moveaxis(a, 0, -1))
