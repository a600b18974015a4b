"""What the process of a party tells while a study runs: one class for each kind of event, and its line of JSON.

The terminal shows events. With `--events` they are lines on stdout, for the program that started the process.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final, Literal, get_args


@dataclass(frozen=True)
class Status:
    """What the process does now, or waits for, in words."""

    kind: ClassVar[Literal["status"]] = "status"
    text: str


@dataclass(frozen=True)
class Planned:
    """The dry run is done: operations that send, and rounds that depend on each other."""

    kind: ClassVar[Literal["plan"]] = "plan"
    steps: int
    rounds: int


@dataclass(frozen=True)
class Unprotected:
    """The releases that no minimum guards."""

    kind: ClassVar[Literal["unprotected"]] = "unprotected"
    lines: Sequence[str]


@dataclass(frozen=True)
class Warned:
    """What people have to read before their data is used."""

    kind: ClassVar[Literal["warning"]] = "warning"
    lines: Sequence[str]


@dataclass(frozen=True)
class Checking:
    """A large dataset is being checked: rows so far, and about how many it has in all; 0: that is not known."""

    kind: ClassVar[Literal["checking"]] = "checking"
    dataset: str
    rows: int
    about: int


@dataclass(frozen=True)
class Brought:
    """A dataset of this organization fits the schema of an input."""

    kind: ClassVar[Literal["brought"]] = "brought"
    input: str
    dataset: str
    file: str
    rows: int
    missing: Mapping[str, int]
    dropped: int


@dataclass(frozen=True)
class Agreed:
    """All compute parties have the same study: its hash in hexadecimal digits, and its first words."""

    kind: ClassVar[Literal["agreed"]] = "agreed"
    words: str
    study: str


@dataclass(frozen=True)
class Progress:
    """How far the joint part is: finished operations, the last one, and bytes of frames sent so far.

    primitive  "" before the first operation, while owners prepare their rows
    share      the part that is done, 0 to 1, as far as the plan can tell
    left       about so many seconds are left; None: nothing tells yet
    """

    kind: ClassVar[Literal["progress"]] = "progress"
    operations: int
    primitive: str
    file: str
    line: int
    bytes: int
    share: float
    left: float | None


@dataclass(frozen=True)
class Contribution:
    """A contribution is dealt and sealed: numbers in it, bytes for each compute party, its digest in hexadecimal."""

    kind: ClassVar[Literal["contribution"]] = "contribution"
    values: int
    bytes: Mapping[str, int]
    digest: str


@dataclass(frozen=True)
class Receipt:
    """A compute party has the contribution."""

    kind: ClassVar[Literal["receipt"]] = "receipt"
    party: str
    bytes: int


@dataclass(frozen=True)
class News:
    """A compute party tells those who wait for results how far the run is; 0 steps: it did not say."""

    kind: ClassVar[Literal["news"]] = "news"
    text: str
    done: int
    steps: int


@dataclass(frozen=True)
class Finished:
    """The result document, as `parties.run.result` makes it: JSON values."""

    kind: ClassVar[Literal["result"]] = "result"
    document: dict[str, Any]


Event = (
    Status
    | Planned
    | Unprotected
    | Warned
    | Checking
    | Brought
    | Agreed
    | Progress
    | Contribution
    | Receipt
    | News
    | Finished
)
#: Told to whoever shows events.
Events = Callable[[Event], None]

_KINDS: Final[dict[str, type[Event]]] = {event.kind: event for event in get_args(Event)}


def to_line(event: Event) -> str:
    """An event as a line of JSON: its kind under "event", and its fields."""
    return json.dumps({"event": event.kind, **vars(event)})


def from_line(line: str) -> Event | None:
    """The event of a line; None for a line that is none."""
    try:
        fields = json.loads(line)
        return _KINDS[fields.pop("event")](**fields)
    except (AttributeError, LookupError, TypeError, ValueError):
        return None
