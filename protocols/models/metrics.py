"""Measures of predictions, from secret scores of secret rows; invalid rows do not count."""

from __future__ import annotations

from mpc.errors import RangeError, ShapeError
from mpc.values.basis import union
from mpc.values.places import indicator
from mpc.values.secret import SecretArray, concatenate
from protocols.models.rows import both
from protocols.order import order_by

#: Up to this number of rows, all pairs are compared in place of a sort: fewer rounds, and about 20 bytes a pair.
PAIRWISE = 512


def accuracy_score(y: SecretArray, predicted: SecretArray) -> SecretArray:
    """Fraction of the rows whose outcome was predicted. y, predicted: flags, or integers 0 and 1, (rows,).

    Undefined   without a valid row
    Protection  the number of rows of each outcome must reach the minimum; the number of wrong predictions need not,
                since it is not a group of people
    Error       2^-25
    Rounds      about 60
    """
    y, predicted = _flag(y, "y"), _flag(predicted, "the prediction")
    if y.shape != predicted.shape:
        raise ShapeError(f"accuracy: outcomes of shape {y.shape}, predictions of shape {predicted.shape}")
    right = y.bare() == predicted.bare()
    valid = both(y.valid, predicted.valid)
    rows = union(y.basis, predicted.basis).plain()
    if valid is None:
        return right.numeric().mean().with_basis(rows.sides(y, 0, None))
    valid = valid.bare().broadcast_to(y.shape)
    right = right & valid
    count = indicator(valid.bare()).sum()
    return (right.sum() / count).with_basis(rows.sides(y, 0, valid))


def roc_auc_score(y: SecretArray, score: SecretArray) -> SecretArray:
    """Area under the ROC curve: the probability that a row with the outcome has a higher score than a row without it;
    a tie counts half. The score may be any increasing function of the predicted probability.

    Undefined   without a row of each outcome
    Protection  the number of rows of each outcome must reach the minimum
    Error       2^-25, of a division; the rest is exact
    Rounds      up to 512 rows about 65, and all pairs are compared; above, about 60 and two sorts side by side
    Source      Hanley and McNeil, Radiology 143 (1982): the Mann-Whitney statistic
    """
    y = _flag(y, "y")
    if score.shape != y.shape or score.ndim != 1:
        raise ShapeError(f"AUC: outcomes of shape {y.shape}, scores of shape {score.shape}; vectors are wanted")
    valid = both(y.valid, score.valid)
    marked = y.bare()
    with_it, without = marked, ~marked
    if valid is not None:
        valid = valid.bare().broadcast_to(y.shape)
        with_it, without = with_it & valid, without & valid
    positive, negative = with_it.numeric(), without.numeric()
    values = score.numeric().bare()
    twice = _pairs(values, positive, negative) if len(y) <= PAIRWISE else _ranked(values, with_it, without, valid)
    counts = positive.sum(), negative.sum()
    pairs = (counts[0] * counts[1]).bounded((len(y) ** 2 + 3) // 4)
    rows = union(y.basis, score.basis).plain()
    return (twice / (pairs * 2)).with_basis(union(rows.sides(y, 0, valid), rows.reduced(0, valid)))


def _pairs(score: SecretArray, positive: SecretArray, negative: SecretArray) -> SecretArray:
    """Twice the number of pairs (a row of each outcome) in the right order; a tie counts half. Compares all pairs."""
    n = len(score)
    below = (score.reshape(n, 1) < score.reshape(1, n)).numeric()
    sides = concatenate([positive.reshape(n, 1), negative.reshape(n, 1)], axis=1)
    above = below @ sides  # how many rows of each outcome have a higher score
    won, lost = negative @ above[:, 0], positive @ above[:, 1]
    # Pairs won, and pairs not lost: only the latter include ties.
    return (won + positive.sum() * negative.sum() - lost).bounded((n * n + 1) // 2)


def _ranked(score: SecretArray, with_it: SecretArray, without: SecretArray, valid: SecretArray | None) -> SecretArray:
    """The same number from two sorts, invalid rows last: of equal scores, rows without the outcome come first in one
    sort and last in the other.

    In a sort, the places of the P rows with the outcome add up to P (P - 1) / 2 and, for each of these rows, the number
    of rows without the outcome before it.
    """
    n = len(score)
    positive = with_it.numeric()
    if valid is not None:
        score = score.masked(valid, "")
    places = order_by(score, with_it).ranks() + order_by(score, without).ranks()
    count = positive.sum()
    # At most P n + P (P - 1) / 2 for each order.
    return (positive @ places - count * (count - 1)).bounded((n * n + 1) // 2)


def _flag(x: SecretArray, what: str) -> SecretArray:
    if x.type == "bool":
        return x
    if x.type != "int" or x.bound != 1:
        raise RangeError(f"{what} is {x!r}: a flag, or integers 0 and 1, are wanted")
    bits = x.bare() > 0
    return bits.restated(mask=(x.valid, x.why), basis=x.basis)
