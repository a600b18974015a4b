"""Every bound that is claimed, held against the value: on the ideal engine, where values can be looked at."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from mpc.values.secret import SecretArray
from protocols.ideal.engine import Clear


@contextmanager
def every_bound_holds() -> Iterator[None]:
    """Within it, each secret made is kept; at its end none may be larger than its bound, masked or not."""
    made: list[tuple[Any, int, list[str]]] = []
    original = SecretArray.__init__

    def recording(self: SecretArray, *args: Any, **fields: Any) -> None:
        original(self, *args, **fields)
        if self.type != "bool":
            made.append((self.handle, self.bound, _where()))

    SecretArray.__init__ = recording  # type: ignore[method-assign, assignment]
    try:
        yield
    finally:
        SecretArray.__init__ = original  # type: ignore[method-assign]
    wrong = []
    for handle, bound, lines in made:
        if isinstance(handle.share, Clear) and handle.share.values.size:
            largest = int(np.abs(handle.share.values).max())
            if largest > bound:
                wrong.append((largest / bound, lines))
    assert not wrong, f"{len(wrong)} bounds do not hold, the first by a factor {wrong[0][0]:.9f}: {wrong[0][1]}"


def _where() -> list[str]:
    """The lines of the library that made a secret, innermost first."""
    import sys

    frame = sys._getframe(2)
    lines: list[str] = []
    while frame is not None and len(lines) < 6:
        name = frame.f_code.co_filename
        if "/protocols/" in name and "simulate" not in name:
            lines.append(f"{name.rsplit('/', 1)[1]}:{frame.f_lineno}")
        frame = frame.f_back  # type: ignore[assignment]
    return lines
