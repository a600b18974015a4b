"""How good predictions are: computed on secret scores of secret rows; rows that are invalid do not count."""

from __future__ import annotations

from mpc.errors import RangeError, ShapeError
from mpc.values.basis import union
from mpc.values.places import indicator
from mpc.values.secret import SecretArray, concatenate
from protocols.models.rows import both
from protocols.order import order_by

#: Rows up to which all pairs are compared, rather than sorted: fewer rounds, and about 20 bytes a pair.
PAIRWISE = 512


def accuracy_score(y: SecretArray, predicted: SecretArray) -> SecretArray:
    """Share of the rows where an outcome was predicted as it is, both flags (or integers 0 and 1), (rows,).

    Undefined without a row that counts; how many rows of each outcome there are stands behind it, and not those that
    were predicted wrongly: how often a prediction errs is no group of people. Rounds about 60, error 2^-25.
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
    """Area under the ROC curve: the chance that of two rows, one of each outcome, the one with the outcome has the
    higher score, ties counting half. Any increasing function of the probability will do as score.

    Exact (as the Mann-Whitney statistic, Hanley and McNeil, 1982), but for a division to 2^-25. Undefined without a
    row of each outcome; how many rows of each there are stands behind it.

    Rounds    up to 512 rows about 65, all pairs being compared; above, about 60 and two sorts side by side
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
    """Twice the number of pairs (one of each outcome) in the right order, ties counting half: all are compared."""
    n = len(score)
    below = (score.reshape(n, 1) < score.reshape(1, n)).numeric()
    sides = concatenate([positive.reshape(n, 1), negative.reshape(n, 1)], axis=1)
    above = below @ sides  # how many rows of each outcome have a higher score
    won, lost = negative @ above[:, 0], positive @ above[:, 1]
    # Pairs won, and those that are not lost: ties are among the latter alone.
    return (won + positive.sum() * negative.sum() - lost).bounded((n * n + 1) // 2)


def _ranked(score: SecretArray, with_it: SecretArray, without: SecretArray, valid: SecretArray | None) -> SecretArray:
    """The same from places in two orders, invalid rows last: equal scores without the outcome first, and last.

    The places of the P rows with the outcome add up to the rows without it that come before them, and P (P - 1) / 2.
    """
    n = len(score)
    positive = with_it.numeric()
    if valid is not None:
        score = score.masked(valid, "")
    places = order_by(score, with_it).ranks() + order_by(score, without).ranks()
    count = positive.sum()
    # P n + P (P - 1) / 2 at most for each order.
    return (positive @ places - count * (count - 1)).bounded((n * n + 1) // 2)


def _flag(x: SecretArray, what: str) -> SecretArray:
    if x.type == "bool":
        return x
    if x.type != "int" or x.bound != 1:
        raise RangeError(f"{what} is {x!r}: a flag, or integers 0 and 1, are wanted")
    bits = x.bare() > 0
    return bits.restated(mask=(x.valid, x.why), basis=x.basis)
