"""The engines that everything above them is tested on, and how to make them."""

from __future__ import annotations

from typing import Any

import pytest

ENGINES = ["ideal", "replicated", "shamir"]
#: Where a test takes long on polynomials.
ENGINES_SLOW = ["ideal", "replicated", pytest.param("shamir", marks=pytest.mark.slow)]
#: With more parties than three; where a test brings as many tables as there are parties, the others.
MORE_PARTIES = [*ENGINES, pytest.param("shamir 5", marks=pytest.mark.slow)]


def making(engine: str) -> dict[str, Any]:
    """Parameters of `evaluate`. "shamir 5" has five parties, "shamir" three; in the clear, one computes."""
    name, *parties = engine.split()
    return {"engine": name, "parties": int(parties[0]) if parties else 1 if name == "ideal" else 3}
