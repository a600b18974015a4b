"""Sums over strata of two by two counts: what the estimates of Mantel and Haenszel are made from, in secret.

With exposure and outcome a, exposure alone b, outcome alone c, neither d and n rows of a stratum:
    R = ad/n, S = bc/n, T = ac/n, U = bd/n,
and with the shares of rows with the exposure p = (a + b)/n, with the outcome q = (a + c)/n:
    cases less expected     a - (a+b)(a+c)/n = R - S
    its variance            V = (a+b)(c+d)(a+c)(b+d) / (n^2 (n-1)) = (R+S+T+U) q (1-q) n/(n-1)
    of the odds ratio       R (a+d)/n and S (b+c)/n                               (Robins, Breslow and Greenland)
    of the risk ratio       (n1 n0 m1 - ac n)/n^2 = p (R - S) + S                  (Greenland and Robins)
    of the risk difference  (n1^2 c - n0^2 a + n1 n0 (n0 - n1)/2)/n^2 = p (T - U) + (S + U - R - T)/2       (Sato)
So nine sums tell everything, and no term of them cancels digits.
"""

from __future__ import annotations

from dataclasses import dataclass

from mpc.values.fixed import width_of
from mpc.values.secret import SecretArray, concatenate, where
from mpc.values.stated import Stated
from mpc.values.wide_products import precise_product
from protocols.numeric.division import divide
from protocols.numeric.shares import at_least_one, share_of

#: Fraction bits of shares of rows.
SHARE = 40
_WHOLE = 1 << SHARE
#: The sums, in order.
SUMS = ("R", "S", "T", "U", "R (a+d)/n", "S (b+c)/n", "p (R-S)", "p (T-U)", "V")


@dataclass
class Pooled:
    """Of strata of two by two counts; one place for each stratum.

    rows    n;  part  n as a share of the rows of all strata
    shares  (4, strata) a/n, b/n, c/n, d/n, 40 fraction bits; 0 exactly for a count of 0
    sums    (9,) SUMS
    sided   bits: rows with and without the exposure, and with and without the outcome
    """

    rows: SecretArray
    part: SecretArray
    shares: SecretArray
    sums: SecretArray
    sided: SecretArray


def pooled(counts: SecretArray, most: int) -> Pooled:
    """Of counts (2, 2, strata), of which all together are at most `most`.

    Error   of R: its stratum's a times 2^-39 of d/n, and 2^-57 of `most`; the others are alike
    Rounds  two wide divisions, one more, and about 20
    """
    strata = counts.shape[2]
    cells = counts.reshape(4, strata)[::-1].bounded(most)  # a, b, c, d
    rows = cells.sum(0).bounded(most)
    every = rows.sum().bounded(most)
    sides = concatenate([cells[:2].sum(0), cells[2:].sum(0), cells[::2].sum(0), cells[1::2].sum(0)]).reshape(4, strata)
    there = concatenate([cells, sides.bounded(most)]) > 0
    above = concatenate([cells, rows.reshape(1, strata)])
    below = concatenate(
        [rows.reshape(1, strata).broadcast_to((4, strata)), every.reshape(1, 1).broadcast_to((1, strata))]
    )
    found = share_of(above, below)
    shares = where(there[:4], found[:4], 0).bounded(_WHOLE + 8)
    a, b, c, d = (shares[k] for k in range(4))
    two = [(x + y).bounded(_WHOLE + 32) for x, y in ((a, d), (b, c), (a, b), (a, c), (b, d))]
    agree, differ, exposed, ill, well = two
    left = concatenate([x.reshape(1, strata) for x in (cells[0], cells[2], cells[0], cells[1])])
    right = concatenate([x.reshape(1, strata) for x in (d, b, c, d)])
    room = 58 - width_of(most)
    first = _within(precise_product(left, right), room)  # R, S, T, U
    # A sum over strata is 0 exactly where each product has a count of 0: rounding does not make it a small number.
    filled = there.view(lambda x: x[[0, 2, 0, 1]]) & there.view(lambda x: x[[3, 1, 2, 3]])
    first = where(filled, first, 0)
    r, s, t, u = (first[k] for k in range(4))
    product = (r + s + t + u).bounded(_below(most, first.frac))  # n1 n0 / n
    weighted = [x.bounded(_below(most, first.frac)).reshape(1, strata) for x in (r, s, r - s, t - u)]
    weights = [x.reshape(1, strata) for x in (agree, differ, exposed, exposed)]
    second = _within(precise_product(concatenate(weighted), concatenate(weights)), room)
    sided = _within(precise_product(product, precise_product(ill, well)), room)
    sided = sided.bounded(_below(most, sided.frac))
    last = at_least_one((rows - 1 + (rows < 1).numeric()).bounded(most))
    # n1 n0 m1 m0 / (n^2 (n-1)) is at most n/8 for n >= 2; for one row a product of two counts is 0.
    more = divide(sided, last).without_mask()
    frac = min(more.frac, 40)
    more = more.cut(frac).bounded(1 << frac)
    terms = [_totals(first, most), _totals(second, most)]
    fine = min(x.frac for x in (*terms, sided, more))
    variance = (_totals(sided.reshape(1, strata), most).cut(fine) + _total(more, strata).cut(fine).reshape(1)).bounded(
        2 * _below(most, fine)
    )
    sums = concatenate([x.cut(fine) for x in terms] + [variance])
    bits = there[4] & there[5] & there[6] & there[7]
    return Pooled(rows, found[4], shares, sums, bits)


def _within(x: SecretArray, room: int) -> SecretArray:
    return x.cut(min(x.frac, room))


def _below(most: int, frac: int) -> int:
    """A raw bound of what is at most a number of rows: shares are off by 2^-37 of it, and each of at most 2000 strata
    by fewer than 64 last places."""
    return (most << frac) + (most << frac >> 30) + (1 << 17)


def _totals(x: SecretArray, most: int) -> SecretArray:
    """Sums over strata: |each| is at most the rows of its stratum, so all together at most `most`."""
    return x.invoke("sum", axis=1, result=Stated(bound=_below(most, x.frac)))


def _total(x: SecretArray, strata: int) -> SecretArray:
    return x.invoke("sum", axis=0, result=Stated(bound=strata * x.bound))
