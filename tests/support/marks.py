"""Values of a test's argument that do not run each time: `slow` in .ci/run, `exhaustive` by hand."""

from __future__ import annotations

import pytest


def slow(*values: object) -> list[object]:
    """Each value marked slow; for one argument of parametrize, so a tuple is one value."""
    return [pytest.param(value, marks=pytest.mark.slow) for value in values]


def exhaustive(*values: object) -> list[object]:
    """Each value marked exhaustive: further cases of what the others show already."""
    return [pytest.param(value, marks=pytest.mark.exhaustive) for value in values]
