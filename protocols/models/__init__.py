"""Models on secret data: training on secret rows, how good a model is, and predictions of networks.

Rows are shared with a public padding (`share`); what is padding, missing or held out never counts.
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
