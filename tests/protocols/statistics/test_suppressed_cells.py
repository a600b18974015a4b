"""Which cells of a one-dimensional table are suppressed, against the rule in the clear, and against who knows it."""

from __future__ import annotations

from collections import defaultdict
from itertools import product

import numpy as np
import pytest

from tests.support.engines import ENGINES
from tests.support.tables import releases, split, table


def hidden(counts, k):
    """Small cells, and the first other one where the total would tell them, or nearly."""
    small = counts < k
    rows, much = counts[small].sum(), small.sum() * (k - 1) - k // 2
    if small.any() and not small.all() and (rows < k or rows > much):
        small[small.argmin()] = True
    return [f"suppressed (fewer than {k})" if s else int(c) for s, c in zip(small, counts, strict=True)]


@pytest.mark.parametrize(("k", "cells"), [(3, 2), (3, 3), (4, 3), (5, 3), (3, 4)])
def test_a_suppressed_count_stays_open_even_to_who_knows_the_total_and_the_rule(k, cells):
    top = 4 * k
    behind = defaultdict(set)
    for counts in product(range(top + 1), repeat=cells):
        behind[tuple(hidden(np.asarray(counts), k)), sum(counts)].add(counts)
    for (shown, total), tables in behind.items():
        if total > top or not any(isinstance(cell, int) for cell in shown):
            continue  # cut off by the enumeration; and with every cell hidden there is nothing left to hide them with
        for i, cell in enumerate(shown):
            assert isinstance(cell, int) or len({counts[i] for counts in tables}) >= 2, (shown, total)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    ("k", "counts"),
    [
        (10, [40, 3, 25, 30]),
        (10, [40, 0, 25, 30]),
        (10, [9, 9, 25, 30]),
        (10, [9, 9, 9, 30]),
        (10, [5, 5, 25, 30]),
        (10, [5, 8, 25, 30]),
        (10, [5, 9, 25, 30]),
        (10, [10, 10, 10, 10]),
        (10, [9, 9, 9, 9]),
        (10, [0, 0, 0, 60]),
        (2, [1, 1, 1, 5]),
        (2, [0, 2, 3, 4]),
    ],
)
def test_the_rule(engine, k, counts):
    edges = np.arange(5.0)
    x = np.repeat(edges[:-1] + 0.5, counts)
    found = releases(lambda t: {"h": t.x.histogram(edges)}, {"x": (0, 4)}, split(table(x=x)), minimum=k, engine=engine)
    assert found["h"]["counts"] == hidden(np.asarray(counts), k)


def test_the_rule_on_many_random_tables():
    random = np.random.default_rng(5)
    edges = np.arange(7.0)
    for _ in range(25):
        k = int(random.integers(2, 6))
        counts = random.integers(0, 2 * k, 6)
        x = np.repeat(edges[:-1] + 0.5, counts)
        found = releases(lambda t: {"h": t.x.histogram(edges)}, {"x": (0, 6)}, split(table(x=x)), minimum=k)
        assert found["h"]["counts"] == hidden(counts, k)
