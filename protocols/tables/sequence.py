"""Verbs whose operations follow each other: together they hold as much memory as a few of their arrays.

A run refuses to schedule more than a budget between two awaits. A verb on a million rows schedules dozens of arrays of
that length, of which each is dropped as soon as the next one is made.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec, Protocol, TypeVar

from mpc.machine.runtime import Runtime


class InRun(Protocol):
    """A secret, or whatever else is of a run."""

    @property
    def run(self) -> Runtime:
        """The run."""


Of = TypeVar("Of", bound=InRun)
P = ParamSpec("P")
T = TypeVar("T")


def verb(function: Callable[Concatenate[Of, P], T]) -> Callable[Concatenate[Of, P], T]:
    """A function or method whose operations follow each other; its first argument is of the run."""

    @wraps(function)
    def inside(of: Of, /, *args: P.args, **kwargs: P.kwargs) -> T:
        with of.run.scope.sequence():
            return function(of, *args, **kwargs)

    return inside
