"""The sums that cumulative incidences and their variances are made of, in secret.

At a time with n rows at risk, d events, and c of them of one cause; S is the survival (of no event) before it:
    F    the incidence, the sum of S c/n over times
    g    d / (n (n - d)), Greenwood's term;  e  S c / n^2
    var  sum of (F(t) - F)^2 g - 2 (F(t) - F) e + S^2 c (n - c) / n^3   over times up to t
With A = sum of g, B = sum of F g + e, and C = sum of F (F g + 2 e) + S (1 - c/n) e that is F(t) (F(t) A - 2 B) + C:
sums up to a point of the grid, and products for the points alone. All but F are computed times a public N, UNIT or the
number of places, and so keep their digits.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mpc.values.fixed import width_of
from mpc.values.secret import SecretArray, concatenate, constant, where
from mpc.values.stated import Stated
from mpc.values.wide_products import precise_product
from protocols.numeric.shares import SHARE_BITS, running_product, share_of
from protocols.survival.in_order import SURVIVAL_BITS, InOrder, raw_of
from protocols.survival.private import UNIT, PrivateRows, units_over
from protocols.survival.shared import SharedRows

#: Fraction bits of incidences; what rounding adds to them, in parts of 1.
_BITS, _SLACK = 40, 2.0**-18


class Times(NamedTuple):
    """Of each time (first axis) and of each cause of each group (second axis).

    before     S before the time;  share  c/n;  greenwood  N g;  inverse  N/n
    scale      N
    ascending  the earliest time comes first
    """

    before: SecretArray
    share: SecretArray
    greenwood: SecretArray
    inverse: SecretArray
    scale: int
    ascending: bool


class Terms(NamedTuple):
    """Terms of F, A, B and C, with the bounds of their sums."""

    values: list[SecretArray]
    most: list[int]

    @property
    def fracs(self) -> list[int]:
        return [x.frac for x in self.values]


def terms_of(times: Times) -> Terms:
    """The terms of each time. Rounds: five products."""
    frac = min(_BITS, 57 - width_of(times.scale))
    one, whole = int((1 + _SLACK) * 2**_BITS), times.scale << frac
    rise = _product(times.before, times.share, _BITS, one)
    upto = rise if times.ascending else rise[::-1]
    # The incidences of all causes and the survival add up to 1.
    incidence = upto.invoke("cumulative_sum", axis=0, result=Stated(bound=one))
    incidence = incidence if times.ascending else incidence[::-1]
    greenwood = times.greenwood.cut(frac).bounded(whole + 64)
    # S c/n^2 is at most 1/n + … + 1/(n - c + 1), each over n, so that all e add up to less than 1.65.
    edge = _product(rise, times.inverse, frac, 2 * whole)
    first = _product(incidence, greenwood, frac, 2 * whole)
    second = _product(incidence, (first + edge * 2).bounded(4 * whole), frac, 4 * whole)
    alone = _product((times.before.cut(_BITS) - rise).bounded(one), edge, frac, 2 * whole)
    values = [rise, greenwood, (first + edge).bounded(4 * whole), (second + alone).bounded(8 * whole)]
    rounding = 64 * len(rise)
    return Terms(values, [one, *[k * whole + rounding for k in (2, 4, 8)]])


def variance_of(sums: list[SecretArray]) -> SecretArray:
    """N times the variance, from the sums of F, A, B and C. Rounds: two products."""
    incidence, a, b, c = sums
    frac = c.frac
    inner = precise_product(incidence, a).cut(frac).bounded(a.bound + b.bound) - b * 2
    return precise_product(incidence, inner).cut(frac) + c


def _product(a: SecretArray, b: SecretArray, frac: int, bound: int) -> SecretArray:
    return precise_product(a, b).cut(frac).bounded(bound)


# ---- rows that stay
def of_counts(causes: list[PrivateRows], points: NDArray[np.float64]) -> list[SecretArray]:
    """The sums up to each point: (groups of causes, points). Columns are the causes of the first group, and so on."""
    first, size = causes[0], len(causes)
    steps, groups = first.shape
    most = first.most
    column = np.arange(groups * size) // size

    def spread(x: SecretArray) -> SecretArray:
        return x.view(lambda a: a[:, column])

    each = [rows.events.reshape(steps, groups, 1) for rows in causes]
    events = concatenate(each, axis=2)
    dead, at_risk = events.sum(2).bounded(most), first.at_risk
    # A row has one event at most.
    left = (at_risk - dead).bounded(most)
    quotients = units_over(concatenate([at_risk, left], axis=1))
    shares = share_of(
        concatenate([dead, events.reshape(steps, -1)], axis=1), concatenate([at_risk, spread(at_risk)], 1)
    )
    died, share = shares[:, :groups], shares[:, groups:]
    after = running_product((1 - died).bounded(1 << SHARE_BITS))
    before = concatenate([after.constant(np.ones((1, groups)), like=after), after[:-1]])
    some = (left > 0).numeric()
    greenwood = precise_product(died, quotients[:, groups:])
    greenwood = greenwood.times(some, bound=greenwood.bound)
    times = Times(spread(before), share, spread(greenwood), spread(quotients[:, :groups]), UNIT, True)
    terms = terms_of(times)
    sums = [
        x.invoke("cumulative_sum", axis=0, result=Stated(bound=bound))
        for x, bound in zip(terms.values, terms.most, strict=True)
    ]
    upto = np.searchsorted(first.ends, points * (1 + 1e-12), side="right")
    none = np.zeros((1, len(column)))
    return [concatenate([x.constant(none, like=x), x]).view(lambda a: a[upto]).T for x in sums]


# ---- shared rows
def of_rows(rows: SharedRows, causes: list[SharedRows], points: NDArray[np.float64]) -> list[SecretArray]:
    """The sums up to each point: (groups of causes, points). rows: with the events of all causes."""
    ordered = [rows.order.apply(_columns(cause.events)) for cause in causes]
    size, found = len(causes), []
    for g, group in enumerate(rows.in_order):
        own = concatenate([group.moved(moved[:, g]).reshape(-1, 1) for moved in ordered], axis=1)
        found.append(_group_terms(group, own))
    kinds = len(found[0].values)
    placed = [
        [group.runs.ends.undo(x[:, c]) for c in range(size) for x in terms.values]
        for group, terms in zip(rows.in_order, found, strict=True)
    ]
    sums = rows.at_points(points, placed, found[0].most * size)
    out = []
    for kind in range(kinds):
        each = [sums[c * kinds + kind].reshape(len(found), 1, len(points)) for c in range(size)]
        whole = concatenate(each, axis=1).reshape(len(found) * size, len(points))
        out.append(whole.restated(frac=found[0].fracs[kind], type="fixed"))
    return out


def _group_terms(group: InOrder, own: SecretArray) -> Terms:
    """own: (n, causes) integers 0 and 1 in the group's order."""
    n, size = own.shape
    runs, bits = group.runs, min(_BITS, 57 - width_of(n))
    i = np.arange(1, n + 1, dtype=np.float64)
    weights = raw_of(n / np.maximum(i * (i - 1), 1), bits)
    weights[0] = 0  # of the last row at risk: all incidences stay as they are after it
    most = int(weights.sum())
    scaled = group.events.invoke("scale", by=weights, result=Stated(bound=max(int(weights.max()), 1)))
    running = concatenate([scaled.reshape(-1, 1)], axis=1).invoke(
        "cumulative_sum", axis=0, result=Stated(bound=most + 1)
    )
    exists = runs.exists.reshape(-1, 1)
    greenwood = where(exists, _differences(runs.at_ends(running), most + 1), 0).bounded(most + 1)
    happened = own.invoke("cumulative_sum", axis=0, result=Stated(bound=n))
    happened = where(exists.broadcast_to((n, size)), _differences(runs.at_ends(happened), n), 0).bounded(n)

    def at_ends(values: NDArray[np.float64], frac: int) -> SecretArray:
        ends = runs.at_ends(constant(group.events.run, values, frac=frac))
        return ends.reshape(-1, 1).broadcast_to((n, size))

    # As many events of a time as rows at risk, at most.
    share = happened.times(at_ends(1 / i, 44), bound=(1 << 44) + n)
    before = runs.at_ends(group.survival(before=True)).bounded(int((1 + _SLACK) * 2**SURVIVAL_BITS))
    return terms_of(
        Times(
            before.reshape(-1, 1).broadcast_to((n, size)),
            share,
            greenwood.restated(frac=bits, type="fixed").broadcast_to((n, size)),
            at_ends(n / i, bits),
            n,
            False,
        )
    )


def _differences(at_ends: SecretArray, bound: int) -> SecretArray:
    """Sums of each run, from running sums at the ends of runs."""
    nothing = at_ends.constant(np.zeros((1, *at_ends.shape[1:]), np.int64), like=at_ends)
    return at_ends.invoke("subtract", concatenate([nothing, at_ends[:-1]]), result=Stated(bound=bound))


def _columns(bits: list[SecretArray]) -> SecretArray:
    return concatenate([bit.numeric().reshape(-1, 1) for bit in bits], axis=1)
