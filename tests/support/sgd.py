"""The same training in the clear, in float64: what the secret one is held against."""

from __future__ import annotations

from typing import Any

import numpy as np

from protocols.models.rows import public_order


def standardised(x: Any, counts: Any) -> Any:
    """Columns about the mean of the rows that count, in units of their deviation, within 8; 0 in other rows."""
    mean, deviation = x[counts].mean(0), x[counts].std(0)
    varies = deviation > 0
    z = np.where(varies, (x - mean) / np.where(varies, deviation, 1), 0)
    return np.clip(z, -8, 8) * counts[:, None]


def train(
    rows: Any,
    y: Any,
    *,
    count: float | None = None,
    epochs: int = 10,
    batch_size: int = 128,
    learning_rate: float = 0.5,
    momentum: float = 0.0,
    decay: Any = 0.0,
    seed: int = 0,
) -> Any:
    """Weights after the same steps; decay: part of each weight that the penalty takes in a step."""
    places = len(rows)
    number = -(-places // batch_size)
    rate = learning_rate * places / min(batch_size, places) / (places if count is None else count)
    batches = np.array_split(public_order(places, seed), number)
    weights = np.zeros(rows.shape[1])
    speed = np.zeros(rows.shape[1])
    for _ in range(epochs):
        for batch in batches:
            risk = 1 / (1 + np.exp(-rows[batch] @ weights))
            speed = momentum * speed + rate * rows[batch].T @ (risk - y[batch]) + decay * weights
            weights = weights - speed
    return weights
