"""Bounds that follow from a theorem about data, although an owner may share numbers that no data have.

`mpc.machine.relations` compares the linear relations between the numbers of an owner. A bound may rest on more: that
products of columns are products of rows. `held` enforces such a bound where masks rest on bounds: a value beyond its
bound counts as 0.
"""

from __future__ import annotations

from mpc.values.secret import SecretArray, stack, where


def held(x: SecretArray, limit: float) -> SecretArray:
    """x where |x| <= limit, else 0. With engines whose masks do not rest on bounds: x, and no message.

    Rounds  a comparison, an and, and a select
    """
    if not x.run.engine.rests_on_bounds:
        return x
    inside = stack([x, -x]) <= limit
    kept: SecretArray = where(inside[0] & inside[1], x, 0)
    return kept
