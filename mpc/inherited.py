"""What a result takes over from its operands beside the value: valid masks, and counts of the rows behind it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mpc.engine import Shape

if TYPE_CHECKING:
    from mpc.secret import SecretArray


def all_valid(xs: tuple[SecretArray, ...], shape: Shape) -> tuple[SecretArray | None, str]:
    """The conjunction of the operands' masks, in the result's shape (or one bit)."""
    joint: SecretArray | None = None
    why = ""
    for x in xs:
        valid = x.valid
        if valid is None or valid is joint:
            continue
        if valid.shape not in ((), shape):
            valid = valid.broadcast_to(shape)
        joint = valid if joint is None else joint & valid
        why = why or x.why
    return joint, why


def unique(cohorts: tuple[SecretArray, ...]) -> tuple[SecretArray, ...]:
    """Each count once, in order."""
    seen: dict[int, SecretArray] = {id(c): c for c in cohorts}
    return tuple(seen.values())


def union(*xs: SecretArray) -> tuple[SecretArray, ...]:
    """The counts behind any of the operands."""
    return unique(tuple(c for x in xs for c in x.cohorts))


def contracted(*, of: tuple[SecretArray, SecretArray], **changes: Any) -> dict[str, Any]:
    """Changes for a contraction: masks of its operands fall together to one bit."""
    valid: SecretArray | None = None
    why = ""
    for x in of:
        if x.valid is not None:
            bit = x.valid.all()
            valid = bit if valid is None else valid & bit
            why = why or x.why
    cohorts = unique(
        tuple(c if c.shape == () else c.reshape(-1)[i] for x in of for c in x.cohorts for i in range(max(c.size, 1)))
    )
    return {**changes, "valid": valid, "why": why, "cohorts": cohorts}
