"""Values of a test's argument that do not run each time: `slow` in .ci/run, `exhaustive` by hand."""

from __future__ import annotations

from collections.abc import Collection, Iterable

import pytest

#: Widths in bits at which protocols change: small ones, and those around whole octets and words.
WIDTHS = (1, 2, 3, 7, 8, 9, 16, 31, 32, 33, 48, 62, 63, 64)


def slow(*values: object) -> list[object]:
    """Each value marked slow; for one argument of parametrize, so a tuple is one value."""
    return [pytest.param(value, marks=pytest.mark.slow) for value in values]


def exhaustive(*values: object) -> list[object]:
    """Each value marked exhaustive: further cases of what the others show already."""
    return [pytest.param(value, marks=pytest.mark.exhaustive) for value in values]


def thinned(values: Iterable[object], kept: Collection[object]) -> list[object]:
    """The values, slow but for those `kept`."""
    return [value if value in kept else pytest.param(value, marks=pytest.mark.slow) for value in values]
