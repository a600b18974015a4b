"""Numbers of awaited releases: the script has them when it runs, and not when it is planned.

They are marked, and arithmetic with them gives marked numbers, so that texts for people show "…" for them, in the plan
as in the run. `int()` and NumPy drop the mark: to compare texts with such numbers, use `without_numbers`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from mpc.untyped import Json, Opaque

#: What stands in texts for a number that the plan does not know.
UNKNOWN = "…"
_NUMBER = re.compile(r"-?\b\d+(?:\.\d+)?(?:[eE][+-]?\d+)?\b")
#: Methods that give a marked number again.
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
    """A text that holds such numbers, such as the label of a bin. shown: the text without them."""

    shown: str

    def __new__(cls, text: str, shown: str) -> SeenText:
        made = super().__new__(cls, text)
        made.shown = shown
        return made


def plain(value: float) -> float:
    """The number without its mark."""
    if isinstance(value, Seen):
        return float.__float__(value)
    return int.__int__(value) if isinstance(value, SeenWhole) else value


def marked(value: Json) -> Json:
    """A number, marked as of an awaited release; any other value as it is."""
    if isinstance(value, bool):
        return value
    if isinstance(value, int):
        return SeenWhole(value)
    return Seen(value) if isinstance(value, float) else value


def like(value: Json, *sources: Json) -> Json:
    """A number that was computed from `sources`: marked where one of them is."""
    return marked(value) if unknown(*sources) else value


def unknown(*numbers: Json) -> bool:
    """Whether one of these numbers follows from an awaited release, so that the plan does not know it."""
    return any(isinstance(number, Seen | SeenWhole) for number in numbers)


def _kept(kind: type[float], name: str) -> Callable[..., Any]:
    original = getattr(kind, f"__{name}__")

    def method(self: Any, *others: Any) -> Any:
        return marked(original(plain(self), *[plain(other) for other in others]))

    return method


for _kind, _base in ((Seen, float), (SeenWhole, int)):
    for _name in _KEPT:
        setattr(_kind, f"__{_name}__", _kept(_base, _name))


def seen(value: Json) -> Json:
    """The value of an awaited release in its JSON form, its numbers marked."""
    if isinstance(value, Mapping):
        return {key: seen(item) for key, item in value.items()}
    return [seen(item) for item in value] if isinstance(value, list) else marked(value)


def standing_in(value: Json, numbers: Iterator[int]) -> Json:
    """A stand-in for an opened value while a script is planned: of the same form, with the next of `numbers` in place
    of each number that is 0 or not finite.

    No number stands in twice in a run: conditions on two opened numbers are two conditions in the plan as in the run.
    """
    if isinstance(value, Mapping):
        return {key: standing_in(item, numbers) for key, item in value.items()}
    if isinstance(value, list):
        return [standing_in(item, numbers) for item in value]
    if isinstance(value, bool) or not isinstance(value, int | float) or (value and math.isfinite(value)):
        return value
    return type(value)(next(numbers))


def shown(number: Opaque, text: Callable[[Opaque], str] = str) -> str:
    """A number, or a level, in a text for people."""
    if isinstance(number, SeenText):
        return number.shown
    return UNKNOWN if isinstance(number, Seen | SeenWhole) else text(number)


def without_numbers(value: Json) -> Json:
    """A JSON value whose texts have "…" in place of numbers; texts of a list that are then equal stand there once."""
    if isinstance(value, Mapping):
        return {key: without_numbers(item) for key, item in value.items()}
    if isinstance(value, list):
        if all(isinstance(item, str) for item in value):
            return list(dict.fromkeys(without_numbers(item) for item in value))
        return [without_numbers(item) for item in value]
    return _NUMBER.sub(UNKNOWN, value) if isinstance(value, str) else value
