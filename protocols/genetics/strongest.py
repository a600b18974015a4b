"""The SNPs with the strongest association, in secret."""

from __future__ import annotations

from mpc.errors import ConfigError
from mpc.values.secret import SecretArray
from protocols.numeric.division import divide
from protocols.order import ranked


def among_strongest(score: SecretArray, variance: SecretArray, top: int) -> SecretArray:
    """Bits: score^2 / variance is among the `top` largest (with equals of the last of them).

    Rounds  a division, a sort, and a comparison
    """
    if isinstance(top, bool) or not isinstance(top, int) or top < 1:
        raise ConfigError(f"top={top!r}; expected a number of SNPs, 1 or more")
    score, variance = score.bare(), variance.bare()
    strength = divide(score.product(score, 32, limit=1.01), variance).without_mask().cut(28)
    last = ranked(strength, [min(top, len(score)) - 1], descending=True)
    return strength >= last.reshape(1).broadcast_to(strength.shape)
