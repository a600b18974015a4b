"""Models of secret rows: training, measures of how good a model is, and predictions of neural networks.

Rows are shared with a public padding (`share`); padding, missing and held-out rows never count.
"""

from __future__ import annotations

from protocols.models.logistic import LogisticRegression
from protocols.models.metrics import accuracy_score, roc_auc_score
from protocols.models.mlp import MLP, Dense, Sequential
from protocols.models.rows import complete_rows, split_rows, train_test_split

__all__ = [
    "MLP",
    "Dense",
    "LogisticRegression",
    "Sequential",
    "accuracy_score",
    "complete_rows",
    "roc_auc_score",
    "split_rows",
    "train_test_split",
]
