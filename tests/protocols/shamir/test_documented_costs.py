"""docs/protocols.md: the table of the shamir engine's costs is what plans give."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from mpc.machine.engine import Spec
from tests.support.shamir_harness import engine

TEXT = (Path(__file__).parents[3] / "docs" / "protocols.md").read_text(encoding="utf-8")
ROWS = re.findall(
    r"^\| `(\w+)([^`|]*)`[^|]*\| (\d+) \| (\d+) \| (\d+) \| ([\d.]+) \| ([\d.]+) \| ([\d.]+) \|$", TEXT, re.M
)
N = 7 * 5 * 3 * 64 * 16
X, BIT = Spec((N,)), Spec((N,), "bits", 1)


def operands(primitive, given):
    """Operands and further parameters of a row of the table."""
    if primitive == "input":
        return (), {"owner": 0, "values": None, "shape": (N,)}
    if primitive in ("multiply", "multiply_truncate"):
        return (X, X), {}
    if primitive == "bits_and":
        return (BIT, BIT), {}
    if primitive == "truncate_exact":
        return (X,), {"rounding": "floor"}
    if primitive in ("prefix_or", "recompose"):
        return (Spec((N,), "bits", given.pop("width")),), {}
    if primitive == "table_of_count":
        bits = given.pop("bits")
        return (Spec((bits, N), "bits", 1),), {"table": np.zeros(bits + 1, np.int64)}
    if primitive == "piecewise_cubic":
        return (X,), {"low": 0, "step": 20, "table": np.zeros((4, given.pop("pieces")), np.int64)}
    if primitive == "exponential":
        return (X,), {"low": -12 << 20, "high": 5 << 20, "frac": 20, "digits": 48, "bits": 0}
    if primitive == "inject":
        return (BIT, X), {}
    if primitive == "shuffle":
        return (X, Spec((N,), "order", form="0")), {}
    if primitive == "random":
        return (), {"shape": (N,)}
    return (BIT if primitive == "bit_to_ring" else X,), {}


def documented(primitive, given, parties):
    """Rounds, and bytes an element that a party sends on average."""
    given = dict(given)
    shares, parameters = operands(primitive, given)
    to = {"to": range(parties)} if primitive == "open" else {}
    _, cost = engine(parties).plan(primitive, bytes(16), *shares, **parameters, **given, **to)
    return cost.rounds, sum(cost.bytes_sent) / parties / N


def test_the_table_is_there():
    assert len(ROWS) >= 15


@pytest.mark.parametrize("row", ROWS, ids=[f"{row[0]}{row[1]}" for row in ROWS])
def test_documented_costs(row):
    primitive, words, *figures = row
    given = {name: int(value) for name, value in (word.split("=") for word in words.split())}
    for parties, rounds, each in zip((3, 5, 7), figures[:3], figures[3:], strict=True):
        found, sent = documented(primitive, given, parties)
        assert found == int(rounds)
        assert sent == pytest.approx(float(each), rel=0.01, abs=0.05)
