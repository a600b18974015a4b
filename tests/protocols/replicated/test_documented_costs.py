"""docs/protocols.md: the table of costs is what the formulas give."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from mpc.machine.engine import Spec
from protocols.replicated.orders import Order
from tests.support.replicated_harness import plan

TEXT = (Path(__file__).parents[3] / "docs" / "protocols.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| `(\w+)([^`|]*)`[^|]*\| (\d+) \| (\d+) \|$", TEXT, re.M)
N = 90_000
X, BIT = Spec((N,)), Spec((N,), "bits", 1)


def operands(primitive, given):
    """Operands and further parameters of a row of the table."""
    if primitive == "input":
        return (), {"owner": 0, "values": None, "shape": (N,)}
    if primitive == "matmul":
        return (Spec((300, 7)), Spec((7, 300))), {}
    if primitive in ("multiply", "multiply_truncate"):
        return (X, X), {}
    if primitive == "bits_and":
        return (BIT, BIT), {}
    if primitive == "rows_zero":
        return (Spec((N, 3)),), {}
    if primitive in ("prefix_or", "recompose"):
        return (Spec((N,), "bits", given.pop("width")),), {}
    if primitive == "table_of_count":
        bits = given.pop("bits")
        return (Spec((bits, N), "bits", 1),), {"table": np.zeros(bits + 1, np.int64)}
    if primitive == "piecewise_cubic":
        return (X,), {"low": 0, "step": 20, "table": np.zeros((4, given.pop("pieces")), np.int64)}
    if primitive == "exponential":
        given.pop("pieces")
        return (X,), {"low": -12 << 20, "high": 5 << 20, "frac": 20, "digits": 48, "bits": 0}
    if primitive == "shuffle":
        empty = np.empty(N, np.uint32)
        return (X, Order(empty, empty, 0).spec), {}
    if primitive == "given_order":
        return (), {"owner": 0, "rows": N}
    if primitive == "copy_down":
        order, _ = plan("given_order", bytes(16), (), {"owner": 0, "rows": N})
        return (Spec((N // 2,)), order), {}
    if primitive == "inject":
        return (BIT, X), {}
    return (BIT if primitive == "bit_to_ring" else X,), {}


def test_the_table_is_there():
    assert len(ROWS) >= 20


@pytest.mark.parametrize(("primitive", "words", "rounds", "bits"), ROWS)
def test_documented_costs(primitive, words, rounds, bits):
    given = {name: int(value) for name, value in (word.split("=") for word in words.split())}
    to = {"to": (0, 1, 2)} if primitive == "open" else {}
    shares, parameters = operands(primitive, given)
    _, cost = plan(primitive, bytes(16), shares, {**parameters, **given, **to})
    assert cost.rounds == int(rounds)
    assert 8 * sum(cost.bytes_sent) / N == pytest.approx(int(bits), abs=0.51)
