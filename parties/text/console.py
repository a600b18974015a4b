"""A rich console that prints invisible characters as escapes; see `mpc.text`."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

from mpc.text import visible


class SafeConsole(Console):
    """The console for tables, results and progress. Only rich's own codes (colour, movement) reach the terminal."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        for segment in super().render(renderable, options):
            yield segment if segment.control else segment._replace(text=_seen(segment.text))


def _seen(text: str) -> str:
    return "\n".join(visible(line, None) for line in text.split("\n"))
