"""Accuracy and area under the curve against scikit-learn, with ties, masks and one outcome alone."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import accuracy_score as sk_accuracy
from sklearn.metrics import roc_auc_score as sk_auc

from mpc import Flag
from mpc.errors import RangeError, ShapeError
from protocols.models import accuracy_score, metrics, roc_auc_score
from protocols.simulate import evaluate
from tests.support.bounds import every_bound_holds
from tests.support.engines import ENGINES, ENGINES_SLOW, making
from tests.support.tables import releases, split, table
from tests.support.value_floor import opened, secret

CLOSE = 1e-6


def scores(rows, seed, levels):
    rng = np.random.default_rng(seed)
    y = (rng.random(rows) < 0.4).astype(int)
    return y, np.round(rng.normal(size=rows) + y, levels)


def found(function, y, other, valid=None, engine="ideal"):
    async def script(run):
        second = secret(run, other)
        if valid is not None:
            second = second.masked(secret(run, valid), "missing")
        return await opened(run, function(secret(run, y), second))

    return evaluate(script, **making(engine))[0]


@pytest.mark.parametrize("pairwise", [0, 512])
@pytest.mark.parametrize("levels", [0, 1, 6])
@pytest.mark.parametrize("engine", ENGINES_SLOW)
def test_auc(monkeypatch, pairwise, levels, engine):
    monkeypatch.setattr(metrics, "PAIRWISE", pairwise)
    y, s = scores(70, 3, levels)
    with every_bound_holds():
        assert found(roc_auc_score, y, s, engine=engine) == pytest.approx(sk_auc(y, s), abs=CLOSE)


@pytest.mark.parametrize("pairwise", [0, 512])
def test_auc_of_valid_rows(monkeypatch, pairwise):
    monkeypatch.setattr(metrics, "PAIRWISE", pairwise)
    y, s = scores(60, 4, 1)
    valid = np.arange(60) % 3 != 1
    with every_bound_holds():
        value = found(roc_auc_score, y, s, valid)
    assert value == pytest.approx(sk_auc(y[valid], s[valid]), abs=CLOSE)


@pytest.mark.parametrize("pairwise", [0, 512])
@pytest.mark.parametrize("values", [([0, 1], [0.1, 0.2], 1), ([0, 1], [0.2, 0.1], 0), ([0, 1, 1], [1, 1, 1], 0.5)])
def test_auc_at_its_ends(monkeypatch, pairwise, values):
    monkeypatch.setattr(metrics, "PAIRWISE", pairwise)
    y, s, wanted = values
    with every_bound_holds():
        assert found(roc_auc_score, np.array(y), np.array(s, float)) == pytest.approx(wanted, abs=CLOSE)


@pytest.mark.parametrize("label", [0, 1])
def test_auc_of_one_outcome_is_undefined(label):
    with every_bound_holds():
        assert np.isnan(found(roc_auc_score, np.full(20, label), np.arange(20.0)))


@pytest.mark.parametrize("engine", ENGINES)
def test_accuracy(engine):
    y, s = scores(50, 5, 6)
    with every_bound_holds():
        assert found(accuracy_score, y, s > 0, engine=engine) == pytest.approx(sk_accuracy(y, s > 0), abs=CLOSE)
        valid = np.arange(50) % 4 != 0
        value = found(accuracy_score, y, s > 0, valid, engine)
    assert value == pytest.approx(sk_accuracy(y[valid], s[valid] > 0), abs=CLOSE)


def test_accuracy_of_no_row_is_undefined():
    assert np.isnan(found(accuracy_score, np.ones(5, int), np.ones(5, bool), np.zeros(5, bool)))


def test_rows_behind_them():
    y, s = scores(50, 6, 6)
    x = np.where(np.arange(50) % 5 != 0, s, np.nan)

    def script(t):
        rows = t.share(rows=30)
        outcome, score = rows["y"], rows["x"]
        return {"accuracy": accuracy_score(outcome, score > 0), "area": roc_auc_score(outcome, score)}

    few = min(y[np.arange(50) % 5 != 0].sum(), (1 - y)[np.arange(50) % 5 != 0].sum())
    columns = {"x": (-10, 10), "y": Flag()}
    for minimum, shown in ((few, (True, True)), (few + 1, (False, False))):
        found = releases(script, columns, split(table(x=x, y=y)), minimum=int(minimum))
        assert tuple(not isinstance(found[name], str) for name in ("accuracy", "area")) == shown, minimum


def test_what_is_refused():
    with pytest.raises(RangeError):
        found(accuracy_score, np.array([0, 2]), np.array([True, False]))
    with pytest.raises(ShapeError):
        found(accuracy_score, np.array([0, 1, 1]), np.array([True, False]))
    with pytest.raises(ShapeError):
        found(roc_auc_score, np.array([0, 1, 1]), np.array([0.5, 0.1]))
