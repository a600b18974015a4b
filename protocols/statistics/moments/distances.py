"""How far shared rows are from their middle."""

from __future__ import annotations

from mpc.values.fixed import WIDTH, width_of
from mpc.values.secret import SecretArray


def distances(values: SecretArray, middle: SecretArray) -> SecretArray:
    """How far values are from a secret middle, such as their median or mean."""
    # A middle of whole numbers is none: they get as many fraction bits as a measurement has room for, and one.
    frac = min(middle.frac, max(values.frac, WIDTH - width_of(values.bound), 1 if values.type == "int" else 0))
    if frac > values.frac:
        values = values.cut(frac)
    if middle.frac > frac:
        middle = middle.cut(frac).bounded(values.bound + values.run.engine.rounding)
    return (values - middle).abs()
