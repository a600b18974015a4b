"""The base of the models of a result."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict


class Model(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


def same_length(what: str, expected: int, *rows: Sequence[object]) -> None:
    """Raises ValueError where a list of a value has another length."""
    for row in rows:
        if len(row) != expected:
            raise ValueError(f"{what}: expected {expected} entries, got {len(row)}")
