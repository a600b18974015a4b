"""NumPy's functions of a secret or a private column are refused; the error names what does the same here."""

from __future__ import annotations

from collections.abc import Callable
from typing import NoReturn

from mpc.errors import LocalProtocolError
from mpc.suggestions import INSTEAD, of_rows

_OURS = {
    **dict.fromkeys(("mean", "sum", "var", "std", "sort", "reshape", "diagonal", "all", "any"), "x.{0}()"),
    **dict.fromkeys(("concatenate", "stack", "where"), "mpc.{0}"),
    "hstack": "mpc.concatenate",
    "vstack": "mpc.stack",
    "clip": "x.clip(low, high) of a column, protocols.numeric.clip(x, low, high) of a secret",
    "histogram": "column.histogram(edges)",
    "corrcoef": "table.corr()",
    "cov": "table.corr(), and .var() of each column",
    "count_nonzero": "table[condition].count()",
    "dot": "a @ b",
    "cumsum": "x.cumsum() of a secret",
    "take": "x.take(places) of a secret",
    "argsort": "protocols.order.order_by(x)",
    "around": INSTEAD["round"],
    "round": INSTEAD["round"],
}


def refused_by_numpy(
    self: object, function: Callable[..., object], types: object, args: object, kwargs: object
) -> NoReturn:
    """`np.function(x, …)`. Raises LocalProtocolError."""
    from mpc.values.secret import SecretArray

    name = function.__name__
    shared = isinstance(self, SecretArray)
    written = _OURS[name].format(name) if name in _OURS else of_rows(name, shared=shared)
    ours = f"; {'' if written.startswith('share ') else 'write '}{written}" if written else ""
    raise LocalProtocolError(f"np.{name}: NumPy does not compute on secrets and private columns{ours}")
