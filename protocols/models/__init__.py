"""Models on secret data."""

from __future__ import annotations

from protocols.models.mlp import MLP, Dense, Sequential

__all__ = ["MLP", "Dense", "Sequential"]
