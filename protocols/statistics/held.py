"""Bounds that follow from a theorem about data, where an owner may have shared numbers that belong to no data.

Relations between an owner's numbers are compared (`mpc.machine.relations`) as far as they are linear. What else a bound
rests on, that products of columns belong to rows, is held here, where masks rest on bounds: a value beyond its bound
counts as 0.
"""

from __future__ import annotations

from mpc.values.secret import SecretArray, stack, where


def held(x: SecretArray, limit: float) -> SecretArray:
    """x where |x| <= limit, else 0; x itself with engines that hide whatever numbers are.

    Rounds  a comparison, an and, and a select
    """
    if not x.run.engine.rests_on_bounds:
        return x
    inside = stack([x, -x]) <= limit
    kept: SecretArray = where(inside[0] & inside[1], x, 0)
    return kept
