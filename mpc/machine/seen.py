"""Numbers that a script has because it awaited a release: known when the script runs, and not when it is planned.

Arithmetic keeps them apart from other numbers, so that texts for people show them as "…", in the plan and in the run
alike. What they are converted to by `int()` or by NumPy are numbers like others; `without_numbers` compares texts then.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

#: What stands in texts for a number that the plan does not know.
UNKNOWN = "…"
_NUMBER = re.compile(r"-?\b\d+(?:\.\d+)?(?:[eE][+-]?\d+)?\b")
#: Methods that give a number again.
_KEPT = (
    *("add", "radd", "sub", "rsub", "mul", "rmul", "truediv", "rtruediv", "floordiv", "rfloordiv", "mod", "rmod"),
    *("pow", "rpow", "neg", "pos", "abs", "round", "trunc", "floor", "ceil"),
)


class Seen(float):
    """A number that follows from an awaited release."""

    __slots__ = ()


class SeenWhole(int):
    """A whole number that follows from an awaited release."""

    __slots__ = ()


class SeenText(str):
    """A text, such as the label of a bin, that holds such numbers. shown: the same without them."""

    shown: str

    def __new__(cls, text: str, shown: str) -> SeenText:
        made = super().__new__(cls, text)
        made.shown = shown
        return made


def plain(value: float) -> float:
    """A number like others, as it is."""
    if isinstance(value, Seen):
        return float.__float__(value)
    return int.__int__(value) if isinstance(value, SeenWhole) else value


def marked(value: Any) -> Any:
    """Numbers as those of an awaited release; whatever else as it is."""
    if isinstance(value, bool):
        return value
    if isinstance(value, int):
        return SeenWhole(value)
    return Seen(value) if isinstance(value, float) else value


def like(value: Any, *sources: Any) -> Any:
    """A number that was computed from `sources`: marked where one of them is."""
    return marked(value) if unknown(*sources) else value


def unknown(*numbers: Any) -> bool:
    """Whether one of them follows from an awaited release, so that the plan does not know it."""
    return any(isinstance(one, Seen | SeenWhole) for one in numbers)


def _kept(kind: type[float], name: str) -> Callable[..., Any]:
    original = getattr(kind, f"__{name}__")

    def method(self: Any, *others: Any) -> Any:
        return marked(original(plain(self), *[plain(other) for other in others]))

    return method


for _kind, _base in ((Seen, float), (SeenWhole, int)):
    for _name in _KEPT:
        setattr(_kind, f"__{_name}__", _kept(_base, _name))


def seen(value: Any) -> Any:
    """The value of an awaited release in its JSON form, its numbers marked."""
    if isinstance(value, Mapping):
        return {key: seen(one) for key, one in value.items()}
    return [seen(one) for one in value] if isinstance(value, list) else marked(value)


def standing_in(value: Any, numbers: Iterator[int]) -> Any:
    """What a planned script has in place of an opened value: of the same form, with `numbers` for what is 0 or none.

    They are different ones in all of a run: conditions by two of them are two, as they are when it is run.
    """
    if isinstance(value, Mapping):
        return {key: standing_in(one, numbers) for key, one in value.items()}
    if isinstance(value, list):
        return [standing_in(one, numbers) for one in value]
    if isinstance(value, bool) or not isinstance(value, int | float) or (value and math.isfinite(value)):
        return value
    return type(value)(next(numbers))


def shown(number: Any, text: Callable[[Any], str] = str) -> str:
    """A number, or a level, in a text for people."""
    if isinstance(number, SeenText):
        return number.shown
    return UNKNOWN if isinstance(number, Seen | SeenWhole) else text(number)


def without_numbers(value: Any) -> Any:
    """A JSON value with its texts' numbers as "…"; of a list, texts that are then the same, once."""
    if isinstance(value, Mapping):
        return {key: without_numbers(one) for key, one in value.items()}
    if isinstance(value, list):
        if all(isinstance(one, str) for one in value):
            return list(dict.fromkeys(without_numbers(one) for one in value))
        return [without_numbers(one) for one in value]
    return _NUMBER.sub(UNKNOWN, value) if isinstance(value, str) else value
