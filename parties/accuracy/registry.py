"""The cases: registered by `@case` in the files of `parties/accuracy/cases`, which are found by themselves."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from parties.accuracy.compared import Compare, Kind, Rows
from parties.accuracy.joint import Joint


@dataclass(frozen=True)
class Case:
    """One function on one data set.

    function   as a script writes it: "st.ols", "x.mean"
    data       the data set, in words for the table; with function and rows the name of the case
    by         who vouches for the known values: "NIST certified", "scipy 1.17", "R survival 3.5, in lifelines' docs"
    public     whether it is a public data set as it is; else it is generated, or declared, to be hard
    may_be     words that may stand in place of numbers, by how they begin
    shortfall  why errors are outside the limits of the project, "" if they are not
    within     with a shortfall: the largest errors by kind
    """

    function: str
    data: str
    rows: Rows
    by: str
    compare: Callable[[Joint], Compare]
    public: bool = True
    may_be: str = ""
    shortfall: str = ""
    within: Mapping[Kind, float] = field(default_factory=dict)

    @property
    def name(self) -> tuple[str, str, str]:
        return self.function, self.data, self.rows

    @property
    def label(self) -> str:
        """The data set, for the table."""
        return self.data if self.public else f"{self.data} (hard)"


_CASES: dict[tuple[str, str, str], Case] = {}


def case(
    function: str,
    data: str,
    *,
    rows: Rows,
    by: str,
    public: bool = True,
    may_be: str = "",
    shortfall: str = "",
    within: Mapping[Kind, float] | None = None,
) -> Callable[[Callable[[Joint], Compare]], Callable[[Joint], Compare]]:
    """Register a case; `Case` says what the words mean. The same generator may have several."""

    def register(compare: Callable[[Joint], Compare]) -> Callable[[Joint], Compare]:
        new = Case(function, data, rows, by, compare, public, may_be, shortfall, within or {})
        if new.name in _CASES:
            raise ValueError(f"two cases are named {new.name}")
        _CASES[new.name] = new
        return compare

    return register


def cases() -> list[Case]:
    """All cases, by function, then public data before generated, in the order of the files."""
    from parties.accuracy import cases as files

    for module in sorted(module.name for module in pkgutil.iter_modules(files.__path__)):
        importlib.import_module(f"{files.__name__}.{module}")
    functions = list(dict.fromkeys(one.function for one in _CASES.values()))
    return sorted(
        _CASES.values(), key=lambda one: (functions.index(one.function), one.rows == "shared", not one.public)
    )
